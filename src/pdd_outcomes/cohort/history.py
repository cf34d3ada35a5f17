"""Covariates: what the records said before the incident, and nothing dated on or after it.

Each history joins through :func:`before`, which is the only way to a past record here: it keeps records dated strictly
before the incident and inside the look-back, by the day on which they were known. Whatever clock the study takes, its time
zero is never before the incident.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import ibis

from ..extract.contract import BREACH, DRUG_GROUPS, PROVEN
from ..extract.engine import Engine
from ..protocol import Protocol
from ..protocol.model import History

YEAR = 365
KNOWN_ON = {
    "offences": "outcome_date",
    "treatments": "start_date",
    "custody": "start_date",
    "hospital": "admission_date",
}


def before(index: Any, records: Any, known_on: str, lookback_days: int) -> Any:
    """Records of the index people with look-back <= date < incident, and `ago`, in days; `known_on` names the date."""
    joined = index.select("subject", "person_id", "incident_date").inner_join(
        records.rename(known_on=known_on), "person_id"
    )
    ago = joined.incident_date.delta(joined.known_on, unit="day")
    return joined.mutate(ago=ago).filter((ago > 0) & (ago <= lookback_days))


def proven_offences(engine: Engine) -> Any:
    """Offences that ended in a conviction, caution, reprimand or warning; breaches of orders are not among them.

    Known when it was proven: an offence dealt with after time zero was not yet on the record.
    """
    offences = engine["offences"]
    return offences.filter(
        offences.outcome_type.isin(list(PROVEN))
        & (offences.offence_group != BREACH)
        & offences.outcome_date.notnull()
    ).select("person_id", "outcome_date", group=offences.offence_group)


def covariates(engine: Engine, protocol: Protocol, index: Any) -> Any:
    """Prior proven offences, treatment and custody, and the plan's own histories: one row an index subject."""
    plan = protocol.cohort
    assert plan is not None
    past = before(index, proven_offences(engine), "outcome_date", plan.lookback_days)
    offences = past.group_by("subject").agg(
        prior_offences=past.count(),
        prior_drug_offences=past.group.isin(list(DRUG_GROUPS)).sum(),
        days_since_last_offence=past.ago.min(),
    )
    parts = [offences]
    for name, table in (("treated_before", "treatments"), ("held_before", "custody")):
        episodes = before(
            index, engine[table].select("person_id", "start_date"), "start_date", plan.lookback_days
        )
        parts.append(episodes.group_by("subject").agg(**{name: episodes.count()}))
    parts += [_history(engine, index, history) for history in plan.histories]
    wide = reduce(_beside, parts, index)
    prior = wide.prior_offences.fill_null(0)
    since = wide.days_since_last_offence
    return wide.mutate(
        prior_offences=prior.cast("int64"),
        prior_drug_offences=wide.prior_drug_offences.fill_null(0).cast("int64"),
        first_time=(prior == 0).cast("int64"),
        days_since_last_offence=since.cast("int64"),
        last_offence=ibis.cases(
            (since.isnull(), "none"),
            (since <= YEAR, "within a year"),
            (since <= 2 * YEAR, "one to two years"),
            else_="over two years",
        ),
        prior_treatment=(wide.treated_before.fill_null(0) > 0).cast("int64"),
        prior_custody=(wide.held_before.fill_null(0) > 0).cast("int64"),
        imd_quintile=((wide.imd_decile + 1) / 2).floor().cast("int64"),
        **{h.id: wide[h.id].fill_null(0).cast("int64") for h in plan.histories},
    ).drop("treated_before", "held_before")


def _history(engine: Engine, index: Any, history: History) -> Any:
    """One history of the plan: subject and a column of its name."""
    known_on = KNOWN_ON[history.records]
    if history.records == "offences":
        records = proven_offences(engine)
    elif history.records == "hospital":
        records = engine["hospital"].rename(group="reason").select("person_id", known_on, "group")
    else:
        records = engine[history.records].select("person_id", known_on)
    if history.groups:
        records = records.filter(records.group.isin(list(history.groups)))
    past = before(index, records, known_on, history.days)
    count = past.count() if history.measure == "count" else past.count().clip(upper=1)
    return past.group_by("subject").agg(**{history.id: count})


def _beside(left: Any, right: Any) -> Any:
    """Left join on the subject, whose name stays one column."""
    return left.left_join(right, "subject").drop("subject_right")


def exposure(engine: Engine, protocol: Protocol, people: Any) -> Any:
    """Diverted or not, from what happens in the grace window after the incident, and whether the force runs a scheme.

    Diverted: the protocol's contact, for this incident, within `grace_days`. Otherwise by outcome code: 0 is not
    assigned; the comparator's codes; any other outcome.
    """
    plan = protocol.cohort
    assert plan is not None
    contacts, schemes = engine["contacts"], engine["schemes"]
    # By incident and person: people may share an incident, and only some of them be referred.
    both = ["incident_id", "person_id"]
    referred = contacts.filter(contacts.stage == plan.diverted.contact).select(*both, "contact_date")
    joined = people.select(*both, "incident_date").inner_join(referred, both)
    wait = joined.contact_date.delta(joined.incident_date, unit="day")
    within = joined.filter((wait >= 0) & (wait <= plan.grace_days))
    first = within.group_by(both).agg(referred_on=within.contact_date.min())
    wide = (
        people.left_join(first, both)
        .drop("incident_id_right", "person_id_right")
        .left_join(schemes.rename(scheme_start="start_date"), "force")
        .drop("force_right")
    )
    disposal = ibis.cases(
        (wide.referred_on.notnull(), "diverted"),
        (wide.outcome_code == 0, "not assigned"),
        (wide.outcome_code.isin(list(plan.comparator.outcome_codes)), "comparator"),
        else_="other outcome",
    )
    running = wide.scheme_start.notnull() & (wide.scheme_start <= wide.incident_date)
    return wide.mutate(disposal=disposal, scheme=running.fill_null(False).cast("int64"))
