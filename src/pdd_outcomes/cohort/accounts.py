"""Where every row that was sent went: used, left out by a named rule, superseded, or quarantined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ibis
import pandas as pd

from ..extract.contract import BREACH, CONTRACT, PROVEN
from ..extract.engine import Backend, Engine
from ..protocol import Protocol
from .build import Tables
from .clock import LEFT_OUT
from .index_event import REASONS, classified
from .outcomes import longest

COLUMNS = ("table", "use", "rows")
OUTSIDE = "of nobody in the cohort"
# A row that serves two subjects counts under the first of these that holds for either.
EPISODE_USES = ("before the incident", "after time zero, within follow-up", "at no time that counts", OUTSIDE)
CONTACT_USES = (
    "a referral in the grace window",
    "a referral outside the grace window",
    "another stage of the scheme",
    "of another incident, or of nobody in the cohort",
)
OFFENCE_USES = (
    "a proven reoffence within follow-up",
    "a proven offence before the incident",
    "of the index incident or its day",
    "a breach of an order",
    "not proven",
    "committed before time zero, not known before the incident",
    "known before the look-back",
    "after follow-up",
    "proven after the waiting period",
    OUTSIDE,
)


def row_accounts(
    protocol: Protocol,
    tables: Tables,
    people: pd.DataFrame,
    quality: pd.DataFrame,
    *,
    backend: Backend = "duckdb",
) -> pd.DataFrame:
    """How many rows of each table went where; the rows of a table add up to those that came in.

    Parameters
    ----------
    tables, people : the extract's clean tables, and the cohort built from them
    quality : the extract's own account: table, rows_in, rows_ok, rows_superseded, rows_quarantined

    Returns
    -------
    DataFrame
        table, use, rows; an offence is judged by the rule of proven reoffending over the longest horizon.
    """
    zero = people[["subject", "person", "index_date", "index_incident", "force", "follow_up_days"]]
    counts: list[pd.DataFrame] = []
    with Engine({**tables, "zero": zero}, backend=backend) as engine:
        subjects = engine.keep(_subjects(engine))
        for name in quality["table"]:
            counts.append(_count(engine, name, _uses(engine, protocol, name, subjects)))
    for use, column in (
        ("superseded by a later version", "rows_superseded"),
        ("quarantined", "rows_quarantined"),
    ):
        counts.append(
            pd.DataFrame({"table": quality["table"], "use": use, "rows": quality[column].astype("int64")})
        )
    account = pd.concat(counts, ignore_index=True)
    account = account.loc[account["rows"] > 0]
    order = {name: i for i, name in enumerate(CONTRACT)}
    place = account["table"].map(order)
    account = account.assign(place=place).sort_values("place", kind="stable", ignore_index=True)
    return account[list(COLUMNS)]


def _subjects(engine: Engine) -> Any:
    """The cohort's subjects with the day of their incident."""
    zero, incidents = engine["zero"], engine["disposals"]
    joined = zero.rename(person_id="person", incident_id="index_incident").left_join(
        incidents.select("incident_id", "person_id", "incident_date"), ["incident_id", "person_id"]
    )
    return joined.drop("incident_id_right", "person_id_right")


def _count(engine: Engine, name: str, uses: Any) -> pd.DataFrame:
    counted = engine.run(uses.group_by("use").agg(rows=uses.count()), ["use"])
    return pd.DataFrame({"table": name, "use": counted["use"], "rows": counted["rows"].astype("int64")})


def _uses(engine: Engine, protocol: Protocol, name: str, subjects: Any) -> Any:
    """One row for each clean row of a table, with its use."""
    if name == "disposals":
        return _incidents(engine, protocol, subjects)
    if name == "persons":
        return _matched(engine["persons"], subjects, "person_id", "in the cohort", "not in the cohort")
    if name == "schemes":
        return _matched(engine["schemes"], subjects, "force", "of a force of the cohort", OUTSIDE)
    if name == "offences":
        return _best(engine, name, subjects, _offence_code(protocol), OFFENCE_USES)
    if name == "contacts":
        return _best(engine, name, subjects, _contact_code(protocol), CONTACT_USES)
    return _best(engine, name, subjects, _episode_code(name), EPISODE_USES)


def _matched(table: Any, subjects: Any, column: str, yes: str, no: str) -> Any:
    there = subjects.select(column).distinct().mutate(there=ibis.literal(1))
    wide = table.select(column).left_join(there, column)
    return wide.select(use=ibis.ifelse(wide.there.notnull(), yes, no))


def _incidents(engine: Engine, protocol: Protocol, subjects: Any) -> Any:
    every = classified(engine, protocol).select("subject", "reason")
    there = subjects.select("subject").distinct().mutate(there=ibis.literal(1))
    wide = every.left_join(there, "subject")
    # Someone who is not there at time zero was left out by one of the clock's rules.
    gone = "index incident, " + " or ".join(dict.fromkeys(rule for _, _, rule in LEFT_OUT))
    words = [(wide.reason == reason, rule) for reason, _, rule in REASONS]
    return wide.select(use=ibis.cases(*words, (wide.there.notnull(), "index incident"), else_=gone))


def _best(engine: Engine, name: str, subjects: Any, code: Any, uses: Sequence[str]) -> Any:
    table = engine[name]
    key = list(CONTRACT[name].identity)
    everyone = subjects.rename(index_incident="incident_id").drop("force")
    wide = table.left_join(everyone, "person_id")
    last = len(uses) - 1
    coded = wide.mutate(code=ibis.ifelse(wide.subject.isnull(), last, code(wide)).cast("int64"))
    best = coded.group_by(key).agg(code=coded.code.min())
    return best.select(use=ibis.cases(*((best.code == i, use) for i, use in enumerate(uses)), else_=uses[last]))


def _offence_code(protocol: Protocol) -> Any:
    assert protocol.cohort is not None
    look, wait, end = protocol.cohort.lookback_days, protocol.cohort.waiting_days, longest(protocol)

    def code(t: Any) -> Any:
        after = t.offence_date.delta(t.index_date, unit="day")
        known = t.incident_date.delta(t.outcome_date, unit="day")
        proof = t.outcome_date.delta(t.index_date, unit="day")
        sibling = (t.incident_id.fill_null("") == t.index_incident) | (t.offence_date == t.incident_date)
        return ibis.cases(
            (t.offence_group == BREACH, 3),
            (~t.outcome_type.isin(list(PROVEN)) | t.outcome_date.isnull(), 4),
            ((known > 0) & (known <= look), 1),
            (known > look, 6),
            (sibling, 2),
            (after <= 0, 5),
            (after > ibis.least(t.follow_up_days, end), 7),
            (proof > end + wait, 8),
            else_=0,
        )

    return code


def _contact_code(protocol: Protocol) -> Any:
    plan = protocol.cohort
    assert plan is not None

    def code(t: Any) -> Any:
        wait = t.contact_date.delta(t.incident_date, unit="day")
        return ibis.cases(
            (t.incident_id != t.index_incident, 3),
            (t.stage != plan.diverted.contact, 2),
            ((wait >= 0) & (wait <= plan.grace_days), 0),
            else_=1,
        )

    return code


def _episode_code(name: str) -> Any:
    day = {"hospital": "admission_date", "exits": "exit_date"}.get(name, "start_date")

    def code(t: Any) -> Any:
        after = t[day].delta(t.index_date, unit="day")
        return ibis.cases(
            (t[day] < t.incident_date, 0), ((after > 0) & (after <= t.follow_up_days), 1), else_=2
        )

    return code
