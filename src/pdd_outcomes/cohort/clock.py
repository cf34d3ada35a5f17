"""Time zero, and who is still there on that day.

incident (default): the day of the incident, the same event for both arms. landmark: `grace_days` after it, when the exposure
is known; those who died, left or reoffended before are left out of both arms. disposal: the day of the referral for the
diverted and of the outcome for the others, which meets the arms at different points and keeps immortal time in.
"""

from __future__ import annotations

from typing import Any

import ibis
import pandas as pd

from ..extract.contract import BREACH, PROVEN
from ..extract.engine import Engine
from ..protocol import Protocol
from .flow import Flow

# In the order in which a person is tested on time zero; the first reason that holds is the one counted.
LEFT_OUT = (
    ("undated", "With a disposal date", "no date of referral or outcome to start the clock from"),
    ("gone", "Still there at time zero", "died or left on or before time zero"),
    ("event", "Free of a reoffence at time zero", "reoffended between the incident and time zero"),
    (
        "cut",
        "With follow-up after time zero",
        "the data cut, less the waiting period, comes on or before time zero",
    ),
)


def time_zero(engine: Engine, protocol: Protocol, people: Any) -> Any:
    """The people with `index_date` (time zero), `follow_up_days`, and `left_out`: a reason of LEFT_OUT, or blank."""
    plan, cut = protocol.cohort, protocol.data.cut
    assert plan is not None
    assert cut is not None
    if plan.clock == "incident":
        zero = people.incident_date
    elif plan.clock == "landmark":
        zero = people.incident_date + ibis.interval(days=plan.grace_days)
    else:
        zero = ibis.coalesce(people.referred_on, people.outcome_date)
    timed = people.mutate(index_date=zero.cast("date"))
    end = timed.index_date.delta(ibis.date(cut), unit="day") * -1 - plan.waiting_days
    gone = timed.exit_date.delta(timed.index_date, unit="day")
    timed = timed.mutate(follow_up_days=ibis.least(end, gone.fill_null(end)).cast("int64"), to_cut=end)
    timed = _reoffended(engine, timed) if plan.clock == "landmark" else timed.mutate(reoffended=0)
    reason = ibis.cases(
        (timed.index_date.isnull(), "undated"),
        (timed.exit_date.notnull() & (timed.exit_date <= timed.index_date), "gone"),
        (timed.reoffended > 0, "event"),
        (timed.to_cut <= 0, "cut"),
        else_="",
    )
    return timed.mutate(left_out=reason).drop("to_cut", "reoffended")


def _reoffended(engine: Engine, people: Any) -> Any:
    """Whether each has a proven offence after the incident, and not of it, on or before time zero."""
    offences = engine["offences"]
    proven = offences.filter(offences.outcome_type.isin(list(PROVEN)) & (offences.offence_group != BREACH))
    joined = people.select("subject", "person_id", "incident_date", "index_date", own="incident_id").inner_join(
        proven.select("person_id", "offence_date", incident_id=proven.incident_id.fill_null("")), "person_id"
    )
    between = joined.filter(
        (joined.offence_date > joined.incident_date)
        & (joined.offence_date <= joined.index_date)
        & (joined.incident_id != joined.own)
    )
    count = between.group_by("subject").agg(reoffended=between.count())
    wide = people.left_join(count, "subject").drop("subject_right")
    return wide.mutate(reoffended=wide.reoffended.fill_null(0))


def note_left_out(engine: Engine, protocol: Protocol, people: Any, flow: Flow) -> None:
    """Put those who are not there at time zero into the flow; a clock that starts at the incident leaves out nobody new."""
    counts = engine.run(people.group_by("left_out").agg(n=people.count()), ["left_out"])
    found: pd.Series[int] = counts.set_index("left_out")["n"]
    assert protocol.cohort is not None
    for reason, label, rule in LEFT_OUT:
        if protocol.cohort.clock != "incident" or reason in found.index:
            flow.exclude(label, rule, int(found.get(reason, 0)))
