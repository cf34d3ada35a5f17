"""The capability table: what each method can do, read by validation, docs, `pdd doctor` and tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .errors import UsageError, choose


@dataclass(frozen=True, slots=True)
class MethodSpec:
    """One method: what it can target, what it makes, where it is from."""

    name: str
    estimands: frozenset[str]
    pairs: bool = False  # makes matched sets
    replace: bool = False  # may use a control more than once
    exact: bool = True  # honours exact= inside the matcher
    cite: str = ""


MATCHING: Mapping[str, MethodSpec] = {
    m.name: m
    for m in (
        MethodSpec(
            "nearest", frozenset({"ATT", "ATC"}), pairs=True, replace=True, cite="Rosenbaum & Rubin 1985"
        ),
        MethodSpec("optimal", frozenset({"ATT", "ATC"}), pairs=True, cite="Rosenbaum 1989"),
        MethodSpec("full", frozenset({"ATT", "ATC", "ATE"}), pairs=True, cite="Rosenbaum 1991, Hansen 2004"),
        MethodSpec(
            "cardinality", frozenset({"ATT", "ATC"}), exact=False, cite="Zubizarreta, Paredes & Rosenbaum 2014"
        ),
        MethodSpec("subclass", frozenset({"ATT", "ATC", "ATE"}), cite="Rosenbaum & Rubin 1984"),
        MethodSpec("cem", frozenset({"ATT", "ATC", "ATE"}), cite="Iacus, King & Porro 2012"),
        MethodSpec("exact", frozenset({"ATT", "ATC", "ATE"}), cite="Cochran 1968"),
    )
}

WEIGHTING: Mapping[str, MethodSpec] = {
    m.name: m
    for m in (
        MethodSpec("ipw", frozenset({"ATT", "ATC", "ATE"}), exact=False, cite="Robins, Hernan & Brumback 2000"),
        MethodSpec("overlap", frozenset({"ATT", "ATO"}), exact=False, cite="Li, Morgan & Zaslavsky 2018"),
        MethodSpec("matching", frozenset({"ATT", "ATM"}), exact=False, cite="Li & Greene 2013"),
        MethodSpec("entropy", frozenset({"ATT", "ATC", "ATE"}), exact=False, cite="Hainmueller 2012"),
        MethodSpec("cbps", frozenset({"ATT", "ATC", "ATE"}), exact=False, cite="Imai & Ratkovic 2014"),
    )
}

POOLING: Mapping[str, MethodSpec] = {
    m.name: m
    for m in (
        MethodSpec("common", frozenset(), cite="inverse-variance weighting"),
        MethodSpec("DL", frozenset(), cite="DerSimonian & Laird 1986"),
        MethodSpec("PM", frozenset(), cite="Paule & Mandel 1982"),
        MethodSpec("ML", frozenset(), cite="Hardy & Thompson 1996"),
        MethodSpec("EB", frozenset(), cite="Morris 1983"),
        MethodSpec("HE", frozenset(), cite="Hedges 1983"),
        MethodSpec("HS", frozenset(), cite="Hunter & Schmidt 2004"),
        MethodSpec("SJ", frozenset(), cite="Sidik & Jonkman 2005"),
        MethodSpec("REML", frozenset(), cite="Viechtbauer 2005"),
    )
}


def check_estimand(table: Mapping[str, MethodSpec], method: str, estimand: str) -> MethodSpec:
    """The method's row, or an error that lists the methods, or those that can target `estimand`."""
    spec = table[choose("method", method, sorted(table))]
    if estimand not in spec.estimands:
        able = sorted(m.name for m in table.values() if estimand in m.estimands)
        remedy = f"These can: {able}." if able else f"It targets {sorted(spec.estimands)}."
        raise UsageError(f"method={method!r} cannot target the {estimand}. {remedy}")
    return spec
