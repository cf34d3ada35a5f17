"""The cohort: one row a person, covariates from before time zero, and the flow that accounts for everyone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from ..core.errors import DataError
from ..extract.engine import Backend, Engine
from ..protocol import Protocol
from .clock import note_left_out, time_zero
from .flow import Flow
from .history import covariates, exposure
from .index_event import index_incidents
from .outcomes import COLUMNS, event_outcomes

Tables = Mapping[str, pd.DataFrame | Path]

PEOPLE = (
    "subject",
    "person",
    "force",
    "scheme",
    "diverted",
    "disposal",
    "index_date",
    "index_incident",
    "age",
    "sex",
    "ethnicity",
    "imd_quintile",
    "offence_group",
    "prior_offences",
    "prior_drug_offences",
    "first_time",
    "last_offence",
    "days_since_last_offence",
    "prior_treatment",
    "prior_custody",
    "follow_up_days",
)


@dataclass(frozen=True, slots=True)
class Cohort:
    """People, one row each and no outcome, and the flow from the rows that came in."""

    people: pd.DataFrame = field(repr=False)
    flow: pd.DataFrame


def build_cohort(protocol: Protocol, tables: Tables, *, backend: Backend = "duckdb") -> Cohort:
    """The cohort of the study.

    Parameters
    ----------
    tables : the extract's clean tables, as frames or, where they are large, as Parquet files
    backend : "duckdb" or "spark", which give the same rows

    Raises
    ------
    DataError
        Nobody is eligible.
    """
    cohort = (
        _from_events(protocol, tables, backend)
        if protocol.data.shape == "event_tables"
        else _from_person_table(protocol, _frame(tables["person"]))
    )
    if cohort.people.empty:
        said = "; ".join(
            f"{r['rule']}: {r['n_excluded']}" for r in cohort.flow.to_dict("records") if r["n_excluded"]
        )
        raise DataError(
            f"nobody is eligible. Excluded: {said or 'none, there were no rows'}. Check the window and the codes."
        )
    return cohort


def build_outcomes(
    protocol: Protocol, tables: Tables, people: pd.DataFrame, *, backend: Backend = "duckdb"
) -> pd.DataFrame:
    """Outcomes of everyone in the cohort: subject, outcome, time (in the protocol's unit, above 0), event (0 or 1).

    From event tables also `status_time` and `status`, which tell what ended the time first: the event, a death, a long spell
    in custody, or nothing (censored).
    """
    if protocol.data.shape == "event_tables":
        return event_outcomes(protocol, dict(tables), people, backend)
    plan = protocol.person_table
    assert plan is not None
    person = _frame(tables["person"])
    table = person.assign(subject=_identity(protocol, person))
    table = people[["subject"]].merge(table, on="subject", validate="one_to_one")
    event = table[plan.event.column].astype(str).isin([str(v) for v in plan.event.values])
    parts = [
        pd.DataFrame(
            {
                "subject": table["subject"],
                "outcome": outcome.id,
                "time": table[plan.time.column].astype(float),
                "event": event.astype("int64"),
            }
        )
        for outcome in protocol.outcomes
    ]
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


def _from_events(protocol: Protocol, tables: Tables, backend: Backend) -> Cohort:
    assert protocol.cohort is not None
    columns = [*(c for c in PEOPLE if c != "diverted"), *(h.id for h in protocol.cohort.histories)]
    with Engine(tables, backend=backend) as engine:
        index, flow = index_incidents(engine, protocol)
        timed = time_zero(engine, protocol, exposure(engine, protocol, index))
        timed = engine.keep(timed)
        note_left_out(engine, protocol, timed, flow)
        kept = timed.filter(timed.left_out == "").drop("left_out")
        wide = covariates(engine, protocol, kept)
        people = engine.run(
            wide.rename(person="person_id", index_incident="incident_id").select(columns), ["subject"]
        )
    known = people["disposal"].isin(["diverted", "comparator"])
    diverted = people["disposal"].eq("diverted").astype("Int64").where(known)
    people.insert(PEOPLE.index("diverted"), "diverted", diverted)
    return Cohort(people, flow.frame())


def _frame(table: pd.DataFrame | Path) -> pd.DataFrame:
    return pd.read_parquet(table) if isinstance(table, Path) else table


def _identity(protocol: Protocol, table: pd.DataFrame) -> pd.Series[str]:
    assert protocol.person_table is not None
    return table[protocol.person_table.id or "row_number"].astype(str)


def _from_person_table(protocol: Protocol, table: pd.DataFrame) -> Cohort:
    """People of a person table: a declared treatment value and every covariate present."""
    plan = protocol.person_table
    assert plan is not None
    given = table[plan.treatment.column].astype(str)
    treated = given.isin([str(v) for v in plan.treatment.treated])
    declared = treated | given.isin([str(v) for v in plan.treatment.comparator])
    flow = Flow("cohort", len(table))
    flow.exclude("Treated or in the declared comparator", "treatment is neither", int((~declared).sum()))
    kept = table.assign(subject=_identity(protocol, table), treated=treated.astype("int64")).loc[declared]
    names = sorted({n for a in protocol.analyses for n in (*a.design.covariates, *a.design.exact)})
    for name in names:
        blank = kept[name].isna() | (kept[name].astype(str) == "")
        if blank.any():
            flow.exclude(f"With {name}", f"{name} is missing", int(blank.sum()))
            kept = kept.loc[~blank]
    later = [plan.time.column, plan.event.column]
    columns = [
        "subject",
        "treated",
        *[c for c in kept.columns if c not in ("subject", "treated", "row_number", *later)],
    ]
    return Cohort(kept[columns].reset_index(drop=True), flow.frame())
