"""Tables as they are sent, checked against a data contract."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import pandas as pd

from ..core.errors import DataError, did_you_mean
from ..protocol import Protocol
from .contract import CONTRACT
from .force_estimates import TABLE as FORCE_ESTIMATES
from .force_estimates import validate_force_estimates
from .person_table import check_declared, validate_person_table
from .read import ENDINGS, find_table, read_text
from .validate import Extract, validate

__all__ = ["CONTRACT", "Extract", "read_extract"]


def read_extract(protocol: Protocol, folder: Path) -> Extract:
    """The study's tables, read from `folder` and checked.

    Each table of the contract is a file of its name, CSV, Parquet, Excel, Stata or SPSS; a person table is the one file
    ``person``, such as ``person.csv``.

    Raises
    ------
    DataError
        A file, table or column that the protocol needs is missing or unreadable, or more rows break the contract than it
        tolerates, or nobody has the event that it declares.

    Warns
    -----
    UserWarning
        An offence group that the protocol names is nowhere in the tables.
    """
    if protocol.data.shape == "person_table":
        path = find_table(folder, "person")
        if path is None:
            raise DataError(f"person: the folder holds no file person that ends in {', '.join(ENDINGS)}.")
        extract = validate_person_table(read_text(path), protocol)
        check_declared(extract.tables["person"], protocol)
        return extract
    if protocol.data.shape == "force_estimates":
        path = find_table(folder, FORCE_ESTIMATES)
        if path is None:
            raise DataError(
                f"{FORCE_ESTIMATES}: the folder holds no file {FORCE_ESTIMATES} that ends in {', '.join(ENDINGS)}."
            )
        return validate_force_estimates(read_text(path), protocol)
    found = {name: path for name in CONTRACT if (path := find_table(folder, name)) is not None}
    raw: dict[str, pd.DataFrame] = {}
    problems = [said for table in USES if table not in found for said in _needs(protocol, table)]
    for name, path in found.items():
        try:
            raw[name] = read_text(path)
        except DataError as error:
            problems += error.problems
    if problems:
        raise DataError(problems)
    linked = None
    if protocol.data.linkage is not None and "disposals" in raw:
        from .referrals import linked_contacts

        made, linked = linked_contacts(folder, protocol.data.linkage, raw["disposals"], protocol.data.seed)
        sent = raw.get("contacts", made.head(0))
        raw["contacts"] = pd.concat([sent, made], ignore_index=True).fillna("")
    assert protocol.data.cut is not None
    extract = validate(raw, cut=protocol.data.cut, quarantine_limit=protocol.data.quarantine_limit)
    _name_groups(protocol, extract)
    return extract if linked is None else replace(extract, linked=linked)


USES = {
    "treatments": ("treatment_entry", "prior_treatment", "entry into treatment"),
    "custody": ("custody", "prior_custody", "custody"),
    "hospital": ("hospital", "", "stays in hospital"),
}


def _needs(protocol: Protocol, table: str) -> list[str]:
    """Why a study cannot do without an optional table: without it nobody would have had any, before or after."""
    kind, covariate, words = USES[table]
    plan = protocol.cohort
    uses = [f"outcomes.{i}.kind" for i, outcome in enumerate(protocol.outcomes) if outcome.kind == kind]
    uses += [
        f"analyses.{i}.design"
        for i, analysis in enumerate(protocol.analyses)
        if covariate and covariate in (*analysis.design.covariates, *analysis.design.exact)
    ]
    uses += [
        f"cohort.histories.{i}" for i, h in enumerate(plan.histories if plan else ()) if h.records == table
    ]
    if not uses:
        return []
    return [
        f"{table}: the table is missing, and {' and '.join(uses)} cannot be built without it. Send {table}.csv, or "
        f"take {words} out of the protocol."
    ]


def _name_groups(protocol: Protocol, extract: Extract) -> None:
    """Warn of offence groups that stand in the plan and nowhere in the data: a name misspelt there selects nobody."""
    plan = protocol.cohort
    assert plan is not None
    offences = {g for name in ("disposals", "offences") for g in extract.tables[name]["offence_group"]}
    stays = set(extract.tables["hospital"]["reason"])
    named = [("cohort.offence_groups", plan.offence_groups, offences)]
    for i, o in enumerate(protocol.outcomes):
        named.append((f"outcomes.{i}.exclude_groups", o.exclude_groups, offences))
        named.append((f"outcomes.{i}.groups", o.groups, stays if o.kind == "hospital" else offences))
    for i, h in enumerate(plan.histories):
        named.append((f"cohort.histories.{i}.groups", h.groups, stays if h.records == "hospital" else offences))
    for key, groups, there in named:
        if not there:
            continue  # no row is left, which the quarantine says
        absent = [g for g in groups if g not in there]
        near = [
            f"{g!r}.{did_you_mean(g, sorted(map(str, there)))}"
            for g in absent
            if did_you_mean(g, sorted(map(str, there)))
        ]
        if near:
            raise DataError(f"{key}: no incident and no offence is of the group {said}" for said in near)
        if absent:
            warnings.warn(
                f"{key}: {absent} is the group of no incident and no offence in the extract. Check its spelling; if it is "
                "right, nobody is selected by it.",
                UserWarning,
                stacklevel=3,
            )
