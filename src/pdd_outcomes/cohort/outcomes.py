"""Outcomes, built apart from the covariates: days from time zero to the first event, or to the end of follow-up.

Proven reoffence (Ministry of Justice usage): an offence committed after the index day and within follow-up, that leads to
a conviction, caution, reprimand or warning within the follow-up or the further waiting period. Breaches do not count;
offences of the index day are siblings of the index incident; offences committed before time zero are not reoffences
whenever they are dealt with. The follow-up is the protocol's longest horizon.
"""

from __future__ import annotations

from typing import Any

import ibis
import numpy as np
import pandas as pd

from ..extract.contract import BREACH, PROVEN
from ..extract.engine import Engine
from ..protocol import Outcome, Protocol

COLUMNS = ("subject", "outcome", "time", "event")


def follow_up_days(protocol: Protocol, people: Any) -> Any:
    """Days a person is followed: to death, emigration, or the data cut less the waiting period."""
    plan, cut = protocol.cohort, protocol.data.cut
    assert plan is not None
    assert cut is not None
    end = people.incident_date.delta(ibis.date(cut), unit="day") * -1 - plan.waiting_days
    gone = people.exit_date.delta(people.incident_date, unit="day")
    return ibis.least(end, gone.fill_null(end)).cast("int64")


def event_outcomes(protocol: Protocol, tables: dict[str, pd.DataFrame], people: pd.DataFrame) -> pd.DataFrame:
    """Every outcome of the protocol for everyone in `people`: one row a person and outcome."""
    zero = people[["subject", "index_date", "follow_up_days"]].rename(columns={"subject": "person_id"})
    # Past the longest horizon an offence would be counted only if it happened to be proven quickly.
    zero = zero.assign(follow_up_days=np.minimum(zero["follow_up_days"], _longest(protocol)))
    with Engine({"zero": zero, **{n: tables[n] for n in ("offences", "treatments")}}) as engine:
        parts = [_outcome(engine, protocol, outcome) for outcome in protocol.outcomes]
    made = pd.concat(parts, ignore_index=True)
    order = people[["subject"]].assign(place=np.arange(len(people)))
    made = made.merge(order, on="subject").sort_values(["outcome", "place"], kind="stable", ignore_index=True)
    return made[list(COLUMNS)]


def _outcome(engine: Engine, protocol: Protocol, outcome: Outcome) -> pd.DataFrame:
    zero = engine["zero"]
    records = _proven(engine, protocol, outcome) if outcome.kind == "proven" else _entries(engine)
    joined = zero.inner_join(records, "person_id")
    after = joined.happened.delta(joined.index_date, unit="day")
    seen = joined.mutate(after=after).filter((after > 0) & (after <= joined.follow_up_days))
    if outcome.kind == "proven":
        seen = seen.filter(seen.proven_on.delta(seen.index_date, unit="day") <= _proof_limit(protocol))
    first = seen.group_by("person_id").agg(after=seen.after.min())
    wide = zero.left_join(first, "person_id").drop("person_id_right")
    result = wide.select(
        subject=wide.person_id,
        outcome=ibis.literal(outcome.id),
        time=wide.after.fill_null(wide.follow_up_days).cast("float64"),
        event=wide.after.notnull().cast("int64"),
    )
    return engine.run(result, ["subject"])


def _proof_limit(protocol: Protocol) -> int:
    assert protocol.cohort is not None
    return _longest(protocol) + protocol.cohort.waiting_days


def _longest(protocol: Protocol) -> int:
    return int(max(*protocol.horizons, protocol.tau))


def _proven(engine: Engine, protocol: Protocol, outcome: Outcome) -> Any:
    offences = engine["offences"]
    kept = offences.filter(
        offences.outcome_type.isin(list(PROVEN))
        & (offences.offence_group != BREACH)
        & offences.outcome_date.notnull()
        & offences.offence_group.notin(list(outcome.exclude_groups) or [""])
    )
    return kept.select("person_id", happened=kept.offence_date, proven_on=kept.outcome_date)


def _entries(engine: Engine) -> Any:
    episodes = engine["treatments"]
    return episodes.select("person_id", happened=episodes.start_date)
