"""Index incidents: the first eligible incident of each person, and why the others are not it."""

from __future__ import annotations

from typing import Any

import ibis

from ..extract.engine import Engine
from ..protocol import Protocol
from .flow import Flow

# In the order in which an incident is tested; the first reason that holds is the one counted.
REASONS = (
    ("window", "Incidents in the study window", "incident outside the window"),
    ("offence", "Eligible offences", "offence group not eligible"),
    ("age", "Old enough", "below the youngest age on the day of the incident"),
    ("gone", "Still followed", "died or left on or before the day of the incident"),
    ("later", "First eligible incident of each person", "a later incident of the same person"),
)


def age_on(day: Any, birth: Any) -> Any:
    """Completed years on `day` as an Ibis expression.

    From month and day: backends disagree on the difference of two dates in years.
    """
    before_birthday = (day.month() * 100 + day.day()) < (birth.month() * 100 + birth.day())
    return day.year() - birth.year() - before_birthday.cast("int32")


def classified(engine: Engine, protocol: Protocol) -> Any:
    """Every incident with the reason for which it is not an index incident, or 'index'."""
    plan = protocol.cohort
    assert plan is not None
    incidents, persons, exits = engine["disposals"], engine["persons"], engine["exits"]
    alone = plan.index == "first"
    left = exits.group_by("person_id").agg(exit_date=exits.exit_date.min())
    joined = (
        incidents.inner_join(persons, "person_id")
        .left_join(left, "person_id")
        .drop("person_id_right")
        .mutate(age=age_on(incidents.incident_date, persons.birth_date))
    )
    tested = joined.mutate(
        fails=ibis.cases(
            (~joined.incident_date.between(ibis.date(plan.window.from_), ibis.date(plan.window.to)), "window"),
            (~joined.offence_group.isin(list(plan.offence_groups)), "offence"),
            (joined.age < plan.min_age, "age"),
            (joined.exit_date.notnull() & (joined.exit_date <= joined.incident_date), "gone"),
            else_="",
        )
    )
    rank = ibis.row_number().over(
        group_by=[tested.person_id, tested.fails], order_by=[tested.incident_date, tested.incident_id]
    )
    ranked = tested.mutate(rank=rank)
    return ranked.mutate(
        reason=ibis.cases(
            (ranked.fails != "", ranked.fails),
            ((ranked["rank"] > 0) & alone, "later"),
            else_="index",
        ),
        # A person is a subject once, or once for each index incident.
        subject=ranked.person_id if alone else ranked.person_id + " " + ranked.incident_id,
    ).drop("fails", "rank")


def index_incidents(engine: Engine, protocol: Protocol) -> tuple[Any, Flow]:
    """Index incidents (an expression, one row a subject) and the flow from incidents to subjects."""
    assert protocol.cohort is not None
    every = engine.keep(classified(engine, protocol))
    counts = engine.run(every.group_by("reason").agg(n=every.count()), ["reason"]).set_index("reason")["n"]
    flow = Flow("cohort", int(counts.sum()))
    for reason, label, rule in REASONS:
        if reason != "later" or protocol.cohort.index == "first":
            flow.exclude(label, rule, int(counts.get(reason, 0)))
    return every.filter(every.reason == "index").drop("reason"), flow
