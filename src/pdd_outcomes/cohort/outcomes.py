"""Outcomes, built apart from the covariates: days from time zero to the first event, or to the end of follow-up.

Proven reoffence (Ministry of Justice usage): an offence committed after time zero and within follow-up, that leads to a
conviction, caution, reprimand or warning within the follow-up or the further waiting period. Breaches do not count;
offences of the day of time zero and of the index incident are its siblings; offences committed before time zero are not
reoffences whenever they are dealt with. A recorded reoffence is the same without the proof. The follow-up is the outcome's
own, or else the protocol's longest horizon.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd

from ..extract.contract import BREACH, PROVEN
from ..extract.engine import Backend, Engine
from ..protocol import Outcome, Protocol

COLUMNS = ("subject", "outcome", "time", "event")
STATUS = ("status_time", "status")
STATUSES = ("censored", "event", "died", "in custody")
NEEDS = {
    "proven": "offences",
    "recorded": "offences",
    "custody": "custody",
    "treatment_entry": "treatments",
    "hospital": "hospital",
}


def event_outcomes(
    protocol: Protocol, tables: dict[str, pd.DataFrame | Path], people: pd.DataFrame, backend: Backend
) -> pd.DataFrame:
    """Every outcome of the protocol for everyone in `people`: one row a subject and outcome."""
    used = {*(NEEDS[o.kind] for o in protocol.outcomes), "exits", "custody"}
    zero = zero_table(people)
    parts = []
    with Engine({"zero": zero, **{n: tables[n] for n in sorted(used)}}, backend=backend) as engine:
        ends = engine.keep(_ends(engine, protocol))
        for outcome in sorted(protocol.outcomes, key=lambda o: o.id):
            found = _outcome(engine, protocol, outcome, ends)
            found.insert(0, "outcome", outcome.id)
            found.insert(0, "subject", people["subject"].array)
            parts.append(found)
    made = pd.concat(parts, ignore_index=True)
    made["status"] = pd.Categorical.from_codes(made["status"].to_numpy(dtype=np.int64), pd.Index(STATUSES))
    return made[[*COLUMNS, *STATUS]].astype({"outcome": "str"})


def zero_table(people: pd.DataFrame) -> pd.DataFrame:
    """What outcomes need of the cohort, with everyone's place in it: results come back in that order, without the names."""
    zero = people[["subject", "person", "index_date", "index_incident", "follow_up_days"]]
    return zero.assign(place=np.arange(len(people)))


def longest(protocol: Protocol) -> int:
    """Days of the longest horizon."""
    return int(max(*protocol.horizons, protocol.tau))


def followed(protocol: Protocol, outcome: Outcome) -> int:
    """Days for which an outcome is looked for. Past the longest horizon an offence would count only if proven quickly."""
    return outcome.follow_up_days or longest(protocol)


def _ends(engine: Engine, protocol: Protocol) -> Any:
    """The subjects with the days to death and to the first long spell in custody.

    A spell is as long as what is left of it at time zero; one that covers time zero counts from the day after.
    """
    assert protocol.cohort is not None
    assert protocol.data.cut is not None
    exits, custody = engine["exits"], engine["custody"]
    zero = engine["zero"].rename(person_id="person")
    deaths = exits.filter(exits.kind == "death").group_by("person_id").agg(died_on=lambda t: t.exit_date.min())
    until = ibis.coalesce(custody.end_date, ibis.date(protocol.data.cut))
    spells = zero.select("subject", "person_id", "index_date").inner_join(
        custody.select("person_id", "start_date", until=until), "person_id"
    )
    begins = ibis.greatest(spells.start_date.delta(spells.index_date, unit="day"), 0)
    left = spells.until.delta(spells.index_date, unit="day") - begins
    long = spells.mutate(after=ibis.greatest(begins, 1)).filter(left >= protocol.cohort.long_custody_days)
    held = long.group_by("subject").agg(held=long.after.min())
    wide = zero.left_join(deaths, "person_id").drop("person_id_right")
    wide = wide.left_join(held, "subject").drop("subject_right")
    return wide.mutate(died=wide.died_on.delta(wide.index_date, unit="day")).drop("died_on")


def _outcome(engine: Engine, protocol: Protocol, outcome: Outcome, ends: Any) -> pd.DataFrame:
    seen = events(engine, protocol, outcome, ends)
    first = seen.group_by("subject").agg(after=seen.after.min())
    wide = ends.left_join(first, "subject").drop("subject_right")
    last = ibis.least(wide.follow_up_days, followed(protocol, outcome))
    never = 10**6
    rival = ibis.least(wide.died.fill_null(never), wide.held.fill_null(never))
    own = wide.after.fill_null(never)
    # On one day the event comes first, and death before custody.
    status = ibis.cases(
        ((own <= rival) & (own <= last), STATUSES.index("event")),
        ((wide.died.fill_null(never) <= wide.held.fill_null(never)) & (rival <= last), STATUSES.index("died")),
        (rival <= last, STATUSES.index("in custody")),
        else_=STATUSES.index("censored"),
    )
    result = wide.select(
        "place",
        time=wide.after.fill_null(last).cast("float64"),
        event=wide.after.notnull().cast("int64"),
        status_time=ibis.least(own, rival, last).cast("float64"),
        status=status.cast("int64"),
    )
    return engine.run(result, ["place"]).drop(columns="place")


def events(engine: Engine, protocol: Protocol, outcome: Outcome, zero: Any) -> Any:
    """Every event of an outcome within follow-up: subject, `after` (days from time zero, above 0), severity."""
    records = _records(engine, outcome)
    joined = zero.select("subject", "person_id", "index_date", "index_incident", "follow_up_days").inner_join(
        records, "person_id"
    )
    after = joined.happened.delta(joined.index_date, unit="day")
    last = ibis.least(joined.follow_up_days, followed(protocol, outcome))
    seen = joined.mutate(after=after.cast("int64")).filter((after > 0) & (after <= last))
    if outcome.kind in ("proven", "recorded"):
        seen = seen.filter(seen.incident_id != seen.index_incident)
    if outcome.kind == "proven":
        assert protocol.cohort is not None
        limit = followed(protocol, outcome) + protocol.cohort.waiting_days
        seen = seen.filter(seen.proven_on.delta(seen.index_date, unit="day") <= limit)
    return seen


def _records(engine: Engine, outcome: Outcome) -> Any:
    """What an outcome counts: person_id, `happened`, and for offences proof, incident and severity."""
    table = engine[NEEDS[outcome.kind]]
    if outcome.kind in ("custody", "treatment_entry"):
        return table.select("person_id", happened=table.start_date)
    if outcome.kind == "hospital":
        kept = table.filter(table.reason.isin(list(outcome.groups))) if outcome.groups else table
        return kept.select("person_id", happened=kept.admission_date)
    kept = table.filter(table.offence_group != BREACH)
    if outcome.kind == "proven":
        kept = kept.filter(kept.outcome_type.isin(list(PROVEN)) & kept.outcome_date.notnull())
    if outcome.groups:
        kept = kept.filter(kept.offence_group.isin(list(outcome.groups)))
    if outcome.exclude_groups:
        kept = kept.filter(kept.offence_group.notin(list(outcome.exclude_groups)))
    return kept.select(
        "person_id",
        happened=kept.offence_date,
        proven_on=kept.outcome_date,
        incident_id=kept.incident_id.fill_null(""),
        severity=kept.severity,
    )
