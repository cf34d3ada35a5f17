"""People for the sections of evidence: with an outcome by a horizon, their disposal, how far they went, in bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from ..core.times import DAYS_PER_MONTH
from ..design import AnalysisRows
from ..protocol import Analysis, Outcome, Protocol
from .design import EVERYONE
from .estimates import Locked, locked
from .runner import Workbench

YEAR = 12.0  # months


@dataclass(frozen=True, slots=True)
class Asked:
    """What a section asks: the analysis, the main outcome, and a horizon in the protocol's unit and in days."""

    analysis: Analysis
    outcome: Outcome
    horizon: float
    horizon_days: float


def asked(protocol: Protocol, horizon: float | None = None, exposure: str | None = None) -> Asked:
    """The headline (or the first analysis of an exposure), the main outcome, and the horizon given or nearest a year."""
    chosen = [a for a in protocol.analyses if (a.headline if exposure is None else a.exposure == exposure)]
    outcome = next(o for o in protocol.outcomes if o.main)
    per_month = 1.0 if protocol.time_unit == "months" else DAYS_PER_MONTH
    at = horizon or min(protocol.horizons, key=lambda h: abs(h / per_month - YEAR))
    return Asked(chosen[0], outcome, at, at * (DAYS_PER_MONTH if protocol.time_unit == "months" else 1.0))


def with_outcome(bench: Workbench, people: pd.DataFrame, what: Asked) -> pd.DataFrame:
    """The people with time, event, and `happened` by the horizon: 1, 0, or missing where follow-up ended before."""
    outcomes = bench.read("outcomes", "outcomes.parquet")
    theirs = outcomes.loc[outcomes["outcome"] == what.outcome.id, ["subject", "time", "event"]]
    joined = people.merge(theirs, on="subject", how="left", validate="one_to_one")
    had = (joined["event"] == 1) & (joined["time"] <= what.horizon)
    known = had | (joined["time"] >= what.horizon)
    return joined.assign(happened=np.where(known, had.astype(float), np.nan))


def followed(people: pd.DataFrame) -> pd.DataFrame:
    """Those whose outcome by the horizon is known, rows numbered anew."""
    known = people.loc[people["happened"].notna()].reset_index(drop=True)
    return known.assign(happened=known["happened"].astype("int64"))


def with_disposal(bench: Workbench, people: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The people with columns of their index incident, such as the officer; one that was not sent is missing throughout."""
    incidents = bench.read("extract", "disposals.parquet")
    there = [c for c in columns if c in incidents.columns]
    own = incidents[["person_id", "incident_id", *there]].rename(
        columns={"person_id": "person", "incident_id": "index_incident"}
    )
    joined = people.merge(own, on=["person", "index_incident"], how="left", validate="many_to_one")
    return joined.assign(**{c: None for c in columns if c not in there})


def with_stages(bench: Workbench, people: pd.DataFrame, stages: Sequence[str]) -> pd.DataFrame:
    """The people with a 0/1 column a stage of the scheme and `days_<stage>` from the incident; only the diverted have any.

    Days are from the incident whatever the clock of the study, which may start later.

    The first contact of a stage counts. Somebody who was never diverted has no stage, whatever came later.
    """
    contacts = bench.read("extract", "contacts.parquet")
    diverted = (people["disposal"] == "diverted").to_numpy()
    incident = pd.to_datetime(with_disposal(bench, people, ["incident_date"])["incident_date"]).to_numpy()
    made = people.copy()
    for stage in stages:
        own = (
            contacts.loc[contacts["stage"] == stage].groupby(["person_id", "incident_id"])["contact_date"].min()
        )
        when = pd.MultiIndex.from_frame(people[["person", "index_incident"]])
        date = pd.Series(pd.to_datetime(own.reindex(when).to_numpy()), index=people.index)
        days = (date - incident).dt.days.astype(float)
        made[stage] = (days.notna() & diverted).astype("int64")
        made[f"days_{stage}"] = days.where(diverted)
    return made


def banded(people: pd.DataFrame, by: Sequence[str], bands: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """The people with numbers cut into ordered labels: 'under 25', '25 to 34', '35 and over'."""
    made = people.copy()
    for name in by:
        if name not in bands:
            continue
        cuts = list(bands[name])
        labels = [f"under {cuts[0]:g}"]
        labels += [f"{low:g} to {_below(high)}" for low, high in pairwise(cuts)]
        labels.append(f"{cuts[-1]:g} and over")
        made[name] = pd.cut(people[name], [-np.inf, *cuts, np.inf], right=False, labels=labels)
    return made


def _below(cut: float) -> str:
    return f"{cut - 1:g}" if float(cut).is_integer() else f"less than {cut:g}"


def matched_people(bench: Workbench, analysis: Analysis) -> tuple[pd.DataFrame, Locked]:
    """Everyone of an analysis matched as one whole, with what is known of them, and the locked design in their order."""
    design, rows = bench.read("design", "design.parquet"), bench.read("design", "rows.parquet")
    part = _of(design, analysis).reset_index(drop=True)
    whole = locked(part, _of(rows, analysis), analysis.estimand)
    known = bench.read("cohort", f"population_{analysis.id}.parquet")
    people = part[["subject"]].merge(known, on="subject", how="left", validate="one_to_one")
    return people, whole


def _of(frame: pd.DataFrame, analysis: Analysis) -> pd.DataFrame:
    return frame.loc[(frame["analysis"] == analysis.id) & (frame["group"] == EVERYONE)]


def design_on(design: Locked, theirs: pd.DataFrame, people: pd.DataFrame) -> Locked:
    """A locked design of `theirs` carried over to `people`: those who are not in it have no weight and no set."""
    place = (
        pd.Series(np.arange(len(people)), index=people["subject"]).reindex(theirs["subject"]).to_numpy(float)
    )
    there = ~np.isnan(place)
    n = len(people)
    treated, weights = np.zeros(n, dtype=bool), np.zeros(n)
    at = place[there].astype(np.int64)
    treated[at], weights[at] = design.treated[there], design.weights[there]
    set_id = None
    if design.set_id is not None:
        set_id = np.full(n, -1, dtype=np.int64)
        set_id[at] = design.set_id[there]
    rows = design.rows
    kept = there[rows.row]
    moved = AnalysisRows(
        place[rows.row[kept]].astype(np.int64), rows.weight[kept], tuple(c[kept] for c in rows.clusters)
    )
    return Locked(treated, weights, set_id, design.requested, moved)
