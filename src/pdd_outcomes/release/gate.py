"""The gate: raw tables in, findings and their register out. It fails closed.

An output that it does not know (a table, a column, a kind of value) stops the whole release; nothing is passed
as it is. What comes later, secondary suppression solved over all tables together and a comparison
with the release before, goes between :func:`_apply` and :class:`~.findings.Findings`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ..core.errors import DisclosureError, choose, did_you_mean, rows_phrase
from . import curves, tables
from .balance import release_balance
from .estimates import release_estimates
from .evidence import release_evidence
from .findings import TABLES, Column, Findings, Rule, TableSchema, check_study, typed
from .register import Row, hidden_cells, register_frame, register_rows
from .rounding import Settings
from .scan import dates_in, identifiers, strings

OPTIONAL: Mapping[str, tuple[str, ...]] = {"overlap": ("people",), "curves": curves.OPTIONAL_COLUMNS}
_HASH = re.compile(r"(?:[0-9a-f]{8,64})?")


def release(
    raw: Mapping[str, pd.DataFrame], study: Mapping[str, Any], settings: Settings
) -> tuple[Findings, pd.DataFrame]:
    """Findings that a reader may be given, and the register of what was done to each output.

    Parameters
    ----------
    raw : table name to table, with the columns of :data:`~.findings.TABLES` (except `suppressed`, which the
        gate writes) at full precision. `curves` is the raw table of :data:`~.curves.RAW_COLUMNS`; it and
        `overlap` may have the columns of :data:`OPTIONAL`. A table that is not given is released empty.
    study : the content of study.json
    settings : the protocol's release part: threshold, rounding, curve_min_n, curve_min_at_risk

    Raises
    ------
    DisclosureError
        A table, column or key without a rule; a missing one; text that looks like an identifier; counts
        that do not add up. Every problem of the first kind is named at once; no value ever is.
    """
    check_study(study)
    problems = [
        f"table {name!r} has no disclosure rule.{did_you_mean(name, list(TABLES))}"
        for name in raw
        if name not in TABLES or name == "register"
    ]
    given: dict[str, pd.DataFrame] = {}
    for name, schema in TABLES.items():
        try:
            given[name] = (
                _given(raw[name], schema) if name in raw and name != "register" else _raw_schema(schema).empty()
            )
        except DisclosureError as error:
            problems += error.problems
    dates = set().union(*(dates_in(text) for text in strings(study)))
    problems += _words_of_study(study, dates)
    for name, frame in given.items():
        problems += _words_of_table(frame, TABLES[name], dates)
    if problems:
        raise DisclosureError(problems)
    return _apply(given, study, settings)


def _apply(
    given: Mapping[str, pd.DataFrame], study: Mapping[str, Any], settings: Settings
) -> tuple[Findings, pd.DataFrame]:
    unit = choose("time_unit", study["time_unit"], ("days", "months"))
    level = float(study["reporting"].get("level", 0.95))
    drawn = curves.release_curves(given["curves"], settings, time_unit=unit, level=level)
    estimates = release_estimates(given["estimates"], settings)
    rules: Mapping[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
        "estimates": lambda _: estimates,
        "pooling": tables.release_pooling,
        "evidence": lambda frame: release_evidence(frame, settings),
        "flow": lambda frame: tables.release_flow(frame, settings),
        "balance": lambda frame: release_balance(frame, given["matching"], settings),
        "overlap": lambda frame: tables.release_overlap(frame, settings),
        "curves": lambda _: drawn.frame,
        "matching": lambda frame: tables.release_matching(frame, settings),
        "gates": lambda frame: tables.release_gates(frame, settings),
        "ph_tests": lambda frame: tables.release_ph_tests(frame, estimates),
        "truth": lambda frame: tables.release_truth(frame, synthetic=study["synthetic"] is True),
        "quality": lambda frame: tables.release_quality(frame, settings),
    }
    released: dict[str, pd.DataFrame] = {}
    register: list[Row] = []
    for name, rule in rules.items():
        schema = TABLES[name]
        frame = rule(given[name]) if len(given[name]) else schema.empty()
        if name == "curves":
            hidden = {c: frame[c].isna().to_numpy() for c in ("events", "censored")}
        else:
            hidden = hidden_cells(given[name], frame, schema)
            frame = _marked(frame, schema, hidden)
        released[name] = typed(frame, schema)
        register += register_rows(
            schema, released[name], hidden, settings, drawn.withheld if name == "curves" else ()
        )
    released["register"] = typed(register_frame(register), TABLES["register"])
    return Findings(dict(study), released), released["register"]


def _marked(frame: pd.DataFrame, schema: TableSchema, hidden: Mapping[str, np.ndarray]) -> pd.DataFrame:
    if not schema.under(Rule.MARKS):
        return frame
    words = [" ".join(c for c in hidden if hidden[c][i]) for i in range(len(frame))]
    return frame.assign(suppressed=words)


def _raw_schema(schema: TableSchema) -> TableSchema:
    """The schema of a table as it comes to the gate: no marks, and counts that may be weighted."""
    if schema.name == "curves":
        keys = [c for c in schema.columns if c.name in curves.RAW_COLUMNS and c.name != "n_risk"]
        counts = [Column(c, "number", Rule.CURVE_COUNT) for c in ("n_risk", "n_event", "n_censor")]
        return TableSchema(schema.name, (*keys, *counts))
    plain = (replace(c, kind="number") if c.kind == "whole" else c for c in schema.columns)
    return TableSchema(schema.name, tuple(c for c in plain if c.rule is not Rule.MARKS))


def _given(frame: pd.DataFrame, schema: TableSchema) -> pd.DataFrame:
    """A raw table, typed; numbers that are infinite become missing."""
    wanted = _raw_schema(schema)
    extra = tuple(
        Column(c, "number", Rule.CURVE_COUNT) for c in OPTIONAL.get(schema.name, ()) if c in frame.columns
    )
    finite = frame.replace([np.inf, -np.inf], np.nan)
    return typed(finite, replace(wanted, columns=(*wanted.columns, *extra)))


def _words_of_table(frame: pd.DataFrame, schema: TableSchema, dates: set[str]) -> list[str]:
    """Problems with a table's text: what looks like an identifier, and hashes that are not hashes."""
    problems = []
    for column in schema.columns:
        if column.kind != "text" or column.name not in frame.columns:
            continue
        texts = frame[column.name]
        kinds = {text: _kinds(text, column, dates) for text in texts.unique().tolist()}
        found = {kind: [kind in kinds[text] for text in texts] for kind in sorted(set().union(*kinds.values()))}
        problems += [
            f"{schema.name}: column {column.name!r} holds {kind} in {rows_phrase(np.flatnonzero(rows).tolist(), len(frame))}. "
            "Take it out before the release stage."
            for kind, rows in found.items()
        ]
    return problems


def _kinds(text: str, column: Column, dates: set[str]) -> list[str]:
    if column.rule is Rule.HASH:
        return [] if _HASH.fullmatch(text) else ["something else than a hash"]
    return identifiers(text, allowed=dates)


def _words_of_study(study: Mapping[str, Any], dates: set[str]) -> list[str]:
    problems = []
    for key in sorted(study):
        kinds = {kind for text in strings(study[key]) for kind in identifiers(text, allowed=dates)}
        problems += [f"study.{key} holds {kind}. Take it out of the protocol." for kind in sorted(kinds)]
    return problems
