"""Covariates: what the records said before time zero, and nothing dated on or after it.

Each history joins through :func:`before`, which is the only way to a past record here: it keeps records dated strictly
before time zero and inside the look-back, by the day on which they were known.
"""

from __future__ import annotations

from typing import Any

import ibis

from ..extract.contract import BREACH, DRUG_GROUPS, PROVEN
from ..extract.engine import Engine
from ..protocol import Protocol


def before(index: Any, records: Any, known_on: str, lookback_days: int) -> Any:
    """Records of the index people with look-back <= date < time zero; `known_on` names the date."""
    joined = index.select("person_id", "incident_date").inner_join(records, "person_id")
    ago = joined.incident_date.delta(joined[known_on], unit="day")
    return joined.filter((ago > 0) & (ago <= lookback_days))


def covariates(engine: Engine, protocol: Protocol, index: Any) -> Any:
    """Prior proven offences and drug offences, treatment before, first-time: one row an index person."""
    plan = protocol.cohort
    assert plan is not None
    offences = engine["offences"]
    proven = offences.filter(offences.outcome_type.isin(list(PROVEN)) & (offences.offence_group != BREACH))
    # Known when it was proven; an offence dealt with after time zero was not yet on the record.
    past = before(index, proven, "outcome_date", plan.lookback_days)
    counts = past.group_by("person_id").agg(
        prior_offences=past.count(), prior_drug_offences=past.offence_group.isin(list(DRUG_GROUPS)).sum()
    )
    episodes = before(index, engine["treatments"], "start_date", plan.lookback_days)
    treated = episodes.group_by("person_id").agg(episodes=episodes.count())
    joined = (
        index.left_join(counts, "person_id")
        .drop("person_id_right")
        .left_join(treated, "person_id")
        .drop("person_id_right")
    )
    prior = joined.prior_offences.fill_null(0)
    return joined.mutate(
        prior_offences=prior.cast("int64"),
        prior_drug_offences=joined.prior_drug_offences.fill_null(0).cast("int64"),
        first_time=(prior == 0).cast("int64"),
        prior_treatment=(joined.episodes.fill_null(0) > 0).cast("int64"),
        imd_quintile=((joined.imd_decile + 1) / 2).floor().cast("int64"),
    ).drop("episodes")


def exposure(engine: Engine, protocol: Protocol, people: Any) -> Any:
    """Diverted or not, from what happens in the grace window after time zero, and whether the force runs a scheme.

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
