"""How much, beside whether: numbers of events, their severity, and the time at risk net of custody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ibis
import pandas as pd

from ..extract.engine import Backend, Engine
from ..protocol import Outcome, Protocol
from .outcomes import NEEDS, events, followed, longest, zero_table

MEASURES = ("subject", "outcome", "horizon_days", "events", "severity", "first_days", "days", "days_at_risk")


def build_measures(
    protocol: Protocol,
    tables: dict[str, pd.DataFrame | Path],
    people: pd.DataFrame,
    *,
    backend: Backend = "duckdb",
) -> pd.DataFrame:
    """For every subject, outcome and horizon, how many events, how severe, and how long the person could have had them.

    Returns
    -------
    DataFrame
        subject, outcome, horizon_days; events, a count; severity, the sum of the weights of those events that have one (null
        where there are events and none has); first_days, days to the first (null: none); days, followed within the horizon;
        days_at_risk, those of them not in custody, which rates are of.
    """
    used = {*(NEEDS[o.kind] for o in protocol.outcomes), "custody"}
    zero = zero_table(people)
    frames = []
    with Engine({"zero": zero, **{n: tables[n] for n in sorted(used)}}, backend=backend) as engine:
        everyone = engine["zero"].rename(person_id="person")
        held = engine.keep(custody_days(engine, protocol, everyone))
        for outcome in protocol.outcomes:
            seen = engine.keep(_weighed(engine, protocol, outcome, everyone))
            for horizon in protocol.horizons:
                if horizon <= followed(protocol, outcome):
                    found = _at(engine, everyone, int(horizon), seen, held)
                    frames.append(found.assign(subject=people["subject"].array, outcome=outcome.id))
    return pd.concat(frames, ignore_index=True)[list(MEASURES)].astype({"outcome": "str"})


def _weighed(engine: Engine, protocol: Protocol, outcome: Outcome, everyone: Any) -> Any:
    seen = events(engine, protocol, outcome, everyone)
    severity = seen.severity if "severity" in seen.columns else ibis.null("float64")
    return seen.select("subject", "after", severity=severity)


def _at(engine: Engine, everyone: Any, horizon: int, seen: Any, held: Any) -> pd.DataFrame:
    inside = seen.filter(seen.after <= horizon)
    counts = inside.group_by("subject").agg(
        events=inside.count(), severity=inside.severity.sum(), first_days=inside.after.min()
    )
    days = ibis.least(everyone.follow_up_days, horizon)
    wide = everyone.mutate(days=days).left_join(counts, "subject").drop("subject_right")
    spells = held.inner_join(wide.select("subject", "days"), "subject")
    inside_days = ibis.least(spells.until_day, spells.days) - ibis.greatest(spells.from_day, 0)
    spent = spells.mutate(spent=inside_days).filter(inside_days > 0)
    spent = spent.group_by("subject").agg(held=spent.spent.sum())
    wide = wide.left_join(spent, "subject").drop("subject_right")
    none = wide.events.isnull()
    result = wide.select(
        "place",
        "days",
        horizon_days=ibis.literal(horizon, type="int64"),
        events=wide.events.fill_null(0).cast("int64"),
        severity=ibis.ifelse(none, 0.0, wide.severity).cast("float64"),
        first_days=wide.first_days.cast("int64"),
        days_at_risk=(wide.days - wide.held.fill_null(0)).cast("int64"),
    )
    return engine.run(result, ["place"])


def custody_days(engine: Engine, protocol: Protocol, everyone: Any) -> Any:
    """Spells in custody without overlap, as days from time zero: subject, from_day, until_day.

    A day counts as held from reception to the day before release. Spells that overlap or touch are one: a remand that
    turns into a sentence is not counted twice.
    """
    custody = engine["custody"]
    assert protocol.data.cut is not None
    until = ibis.coalesce(custody.end_date, ibis.date(protocol.data.cut))
    spells = everyone.select("subject", "person_id", "index_date").inner_join(
        custody.select("person_id", "spell_id", "start_date", until=until), "person_id"
    )
    spells = spells.select(
        "subject",
        "spell_id",
        from_day=spells.start_date.delta(spells.index_date, unit="day").cast("int64"),
        until_day=spells.until.delta(spells.index_date, unit="day").cast("int64"),
    ).filter(lambda t: (t.until_day > 0) & (t.from_day < longest(protocol)))
    order = [spells.from_day, spells.until_day, spells.spell_id]
    earlier = ibis.window(group_by=spells.subject, order_by=order, preceding=(None, 1), following=None)
    reach = spells.mutate(reach=spells.until_day.max().over(earlier))
    fresh = reach.mutate(fresh=(reach.reach.isnull() | (reach.from_day > reach.reach)).cast("int64"))
    so_far = ibis.cumulative_window(
        group_by=fresh.subject, order_by=[fresh.from_day, fresh.until_day, fresh.spell_id]
    )
    marked = fresh.mutate(spell=fresh.fresh.sum().over(so_far))
    return marked.group_by("subject", "spell").agg(
        from_day=marked.from_day.min(), until_day=marked.until_day.max()
    )
