"""Runs the invented people of cases.yaml through the study's own extract and cohort code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..core.errors import DataError
from ..extract.contract import CONTRACT, Table
from ..extract.person_table import validate_person_table
from ..extract.validate import validate
from ..protocol import Protocol
from ..protocol.cases import Case, Cases
from .build import build_cohort, build_outcomes
from .index_event import REASONS, classified

PERSON = "CASE"  # the one person of a case, and the prefix of ids that a case does not give


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case: its name, and what came out other than expected."""

    name: str
    problems: tuple[str, ...]


def check_cases(protocol: Protocol, cases: Cases) -> list[CaseResult]:
    """Every case on its own, as if the extract held that one person."""
    run = _run_events if protocol.data.shape == "event_tables" else _run_row
    return [CaseResult(case.name, tuple(run(protocol, cases, case))) for case in cases.cases]


def _tables(protocol: Protocol, cases: Cases, case: Case) -> dict[str, pd.DataFrame]:
    """The person's records as text tables; ids, and the person's own, are filled in where they are not given."""
    listed = {row.get("force") for row in cases.schemes}
    others = sorted({str(row["force"]) for row in case.disposals if row.get("force") not in {*listed, None}})
    given: dict[str, Any] = {
        "persons": [case.person],
        "disposals": case.disposals,
        "offences": case.offences,
        "contacts": case.contacts,
        "treatments": case.treatments,
        "custody": case.custody,
        "hospital": case.hospital,
        "exits": case.exits,
        "schemes": (*cases.schemes, *({"force": force} for force in others)),  # those not listed have none
    }
    return {name: _table(CONTRACT[name], rows) for name, rows in given.items()}


def _table(table: Table, rows: Any) -> pd.DataFrame:
    made = []
    for i, row in enumerate(rows):
        names = [column.name for column in table.every]
        unknown = sorted(set(row) - set(names))
        if unknown:
            raise DataError(f"{table.name}: {unknown} are not columns of the contract: {names}.")
        text = {name: "" if row.get(name) is None else str(row[name]) for name in names}
        if "person_id" in text:
            text["person_id"] = text["person_id"] or PERSON
        if table.key not in ("person_id", "force"):
            text[table.key] = text[table.key] or f"{PERSON}-{i + 1}"
        made.append(text)
    return pd.DataFrame(made, columns=[column.name for column in table.every], dtype=str)


def _run_events(protocol: Protocol, cases: Cases, case: Case) -> Iterator[str]:
    from ..extract.engine import Engine

    assert protocol.data.cut is not None
    # No schemes, no offences: a person may have none, so the checks that a table has rows are not for a case.
    raw = {n: t for n, t in _tables(protocol, cases, case).items()}
    extract = validate(raw, cut=protocol.data.cut, quarantine_limit=1.0, allow_empty=True)
    expect = case.expect
    if not extract.quarantine.empty:
        rules = "; ".join(f"{r.table}.{r.column} {r.rule}" for r in extract.quarantine.itertuples())
        if not expect.included and expect.excluded_because == "quarantined":
            return
        yield f"records are quarantined: {rules}"
    with Engine(extract.tables) as engine:
        every = engine.run(classified(engine, protocol).select("incident_id", "reason"), ["incident_id"])
    included = bool((every["reason"] == "index").any())
    if included != expect.included:
        why = ", ".join(sorted(set(every["reason"]) - {"index"})) or "no incident"
        yield f"included is {included} ({why}), expected {expect.included}"
        return
    if not included:
        words = {key: rule for key, _, rule in REASONS}
        said = sorted({words[r] for r in every["reason"]})
        if expect.excluded_because is not None and expect.excluded_because not in said:
            yield f"excluded because {said}, expected {expect.excluded_because!r}"
        return
    people = build_cohort(protocol, extract.tables).people
    yield from _compare(expect, people.iloc[0], build_outcomes(protocol, extract.tables, people))


def _run_row(protocol: Protocol, cases: Cases, case: Case) -> Iterator[str]:
    text = {k: "" if v is None else str(v) for k, v in case.row.items()}
    extract = validate_person_table(pd.DataFrame([text], dtype=str), protocol, quarantine_limit=1.0)
    expect = case.expect
    try:
        people = (
            build_cohort(protocol, extract.tables).people if len(extract.tables["person"]) else pd.DataFrame()
        )
    except DataError:
        people = pd.DataFrame()
    included = len(people) == 1
    if included != expect.included:
        yield f"included is {included}, expected {expect.included}"
    elif included:
        yield from _compare(expect, people.iloc[0], build_outcomes(protocol, extract.tables, people))


def _compare(expect: Any, person: pd.Series[Any], outcomes: pd.DataFrame) -> Iterator[str]:
    wanted = {**expect.covariates}
    wanted |= {k: v for k in ("diverted", "treated", "disposal") if (v := getattr(expect, k)) is not None}
    for name, value in wanted.items():
        if name not in person.index:
            yield f"{name} is not in the cohort"
        elif not _same(person[name], value):
            yield f"{name} is {person[name]}, expected {value}"
    found = outcomes.set_index("outcome")
    for name, outcome in expect.outcomes.items():
        if name not in found.index:
            yield f"outcome {name} is not in the protocol"
            continue
        row = found.loc[name]
        if int(row["event"]) != outcome.event:
            yield f"{name}: event is {int(row['event'])}, expected {outcome.event}"
        if outcome.time is not None and float(row["time"]) != outcome.time:
            yield f"{name}: time is {row['time']:g}, expected {outcome.time:g}"


def _same(found: Any, wanted: Any) -> bool:
    if pd.isna(found):
        return wanted is None
    if isinstance(found, (int, float, np.number)) and isinstance(wanted, (int, float)):
        return float(found) == float(wanted)
    return str(found) == str(wanted)
