"""The cohort: one row a person, covariates from before time zero, and the flow that accounts for everyone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from ..core.errors import DataError
from ..extract.engine import Engine
from ..protocol import Protocol
from .flow import Flow
from .history import covariates, exposure
from .index_event import index_incidents
from .outcomes import COLUMNS, event_outcomes, follow_up_days

PEOPLE = (
    "subject",
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
    "prior_treatment",
    "follow_up_days",
)


@dataclass(frozen=True, slots=True)
class Cohort:
    """People, one row each and no outcome, and the flow from the rows that came in."""

    people: pd.DataFrame = field(repr=False)
    flow: pd.DataFrame


def build_cohort(protocol: Protocol, tables: Mapping[str, pd.DataFrame]) -> Cohort:
    """The cohort of the study.

    Raises
    ------
    DataError
        Nobody is eligible.
    """
    cohort = (
        _from_events(protocol, tables)
        if protocol.data.shape == "event_tables"
        else _from_person_table(protocol, tables["person"])
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
    protocol: Protocol, tables: Mapping[str, pd.DataFrame], people: pd.DataFrame
) -> pd.DataFrame:
    """Outcomes of everyone in the cohort: person, outcome, time (in the protocol's unit, above 0), event (0 or 1)."""
    if protocol.data.shape == "event_tables":
        return event_outcomes(protocol, dict(tables), people)
    plan = protocol.person_table
    assert plan is not None
    table = tables["person"].assign(subject=_identity(protocol, tables["person"]))
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


def _from_events(protocol: Protocol, tables: Mapping[str, pd.DataFrame]) -> Cohort:
    with Engine(tables) as engine:
        index, flow = index_incidents(engine, protocol)
        wide = exposure(engine, protocol, covariates(engine, protocol, index))
        wide = wide.mutate(follow_up_days=follow_up_days(protocol, wide))
        wide = wide.rename(subject="person_id", index_date="incident_date", index_incident="incident_id")
        people = engine.run(wide.select([c for c in PEOPLE if c != "diverted"]), ["subject"])
    diverted = people["disposal"].map({"diverted": 1, "comparator": 0}).astype("Int64")
    people.insert(PEOPLE.index("diverted"), "diverted", diverted)
    return Cohort(people, flow)


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
