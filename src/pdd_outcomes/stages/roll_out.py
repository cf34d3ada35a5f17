"""Schemes that start one after another: group-time effects, what two-way fixed effects would have said, total disposals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..core.errors import DataError, UsageError
from ..core.results import NotEstimable
from ..core.times import DAYS_PER_MONTH
from ..effects import (
    Aggregated,
    GroupTime,
    bacon,
    difference_in_differences,
    interrupted_series,
    two_way_effects,
)
from ..protocol.further import RollOut
from .evidence_rows import Row, Section, numbers_of, told
from .people import asked, followed, with_outcome
from .runner import Workbench

PERIODS = {"month": "M", "quarter": "Q"}
MONTHS_BEFORE, MONTHS_AFTER = 6, 12  # of the series of disposals, about each force's own start
FEWEST = 3


def roll_out(bench: Workbench) -> Iterator[Row]:
    """Event study, overall effects, two-way fixed effects with their decomposition, and the series of disposals."""
    protocol, plan = bench.protocol, bench.protocol.roll_out
    assert plan is not None
    what = asked(protocol, plan.horizon, exposure="force")
    section = Section(
        "roll_out", what.analysis.id, what.outcome.id, what.horizon_days, protocol.reporting.level
    )
    people = followed(with_outcome(bench, bench.read("cohort", "cohort.parquet"), what))
    starts = bench.read("extract", "schemes.parquet").set_index("force")["start_date"]
    panel, problem = _panel(people, pd.to_datetime(starts), plan)
    if problem:
        yield section.nothing("overall", problem, "risk_difference", "difference")
        return
    yield from _group_time(bench, section, panel, plan)
    try:
        yield from _two_way(section, panel)
    except DataError as error:
        yield section.nothing(
            "two_way", told(bench.log, section, "two_way", error), "risk_difference", "difference"
        )
    yield from _disposals(bench, section, pd.to_datetime(starts))


def _panel(people: pd.DataFrame, starts: pd.Series[Any], plan: RollOut) -> tuple[pd.DataFrame, str]:
    """A row a force and period: mean outcome, people, events, first period of the scheme; or why there is none."""
    unit = PERIODS[plan.period]
    dates = pd.to_datetime(people["index_date"])
    period = dates.dt.to_period(unit)
    first = period.min()
    counted = people.assign(period=[(p - first).n for p in period])
    panel = (
        counted.groupby(["force", "period"])["happened"].agg(n="size", events="sum", mean="mean").reset_index()
    )
    begun = starts.dt.to_period(unit)
    number = {force: np.nan if pd.isna(p) else float((p - first).n) for force, p in begun.items()}
    panel["start"] = panel["force"].map(number)
    # A scheme that starts after the window has not started in it.
    last = panel["period"].max()
    panel["start"] = panel["start"].where(panel["start"] <= last)
    whole = panel.groupby("force")["period"].transform("size") == last + 1
    panel = panel.loc[whole].reset_index(drop=True)
    panel["size"] = panel.groupby("force")["n"].transform("mean")
    forces = panel.drop_duplicates("force")
    treated = forces["start"].notna() & (forces["start"] > 0)
    if treated.sum() < 2:
        return panel, "fewer than two schemes start inside the window, so there is no roll-out to compare"
    if forces["start"].isna().sum() < FEWEST:
        return panel, "fewer than three forces never have a scheme: chance between forces cannot be told"
    return panel, ""


def _group_time(bench: Workbench, section: Section, panel: pd.DataFrame, plan: RollOut) -> Iterator[Row]:
    made: dict[str, GroupTime] = {}
    for base in ("universal", "varying"):
        try:
            made[base] = difference_in_differences(
                panel,
                "mean",
                unit="force",
                time="period",
                start="start",
                control=plan.control,
                base=base,
                weights="size",
                level=section.level,
            )
        except (DataError, UsageError) as error:
            yield section.nothing(
                "overall", told(bench.log, section, "overall", error), "risk_difference", "difference"
            )
            return
    rng = np.random.default_rng([bench.protocol.data.seed, 19])
    event = made["universal"].aggregate("event")
    yield from _event(section, event.bands(rng, plan.replicates), panel)
    everyone = _behind(panel, panel["start"].le(panel["period"]))
    since, by_force = (made["varying"].aggregate("event"), made["varying"].aggregate("group"))
    yield _overall(section, by_force, "Group-time, averaged over forces", 0, everyone)
    yield _overall(section, since, "Group-time, averaged over times since the start", 1, everyone)
    for row in made["varying"].aggregate("calendar").tidy().iloc[:-1].to_dict("records"):
        at = panel["period"] == row["time"]
        behind = _behind(panel.loc[at], panel.loc[at, "start"].le(row["time"]))
        yield section.risk("calendar", place=float(row["time"]), **behind, **numbers_of(row))


def _event(section: Section, frame: pd.DataFrame, panel: pd.DataFrame) -> Iterator[Row]:
    since = panel["period"] - panel["start"]
    for row in frame.to_dict("records"):
        at = float(row["event_time"])
        own = since == at
        periods = panel.loc[own, "period"].unique()
        there = own | (panel["period"].isin(periods) & ~panel["start"].le(panel["period"]))
        made = section.risk(
            "event",
            place=at,
            units=int(own.sum()),
            band_low=row["band_low"],
            band_high=row["band_high"],
            **_behind(panel.loc[there], own.loc[there]),
            **numbers_of(row),
        )
        # The period before the start is what the others are measured from: nought by construction, and no estimate.
        yield made | (
            {"part": "event_base"} if row["estimate"] == 0 and not np.isfinite(row["conf_low"]) else {}
        )


def _behind(panel: pd.DataFrame, treated: pd.Series[bool]) -> dict[str, int]:
    """People and events in the cells compared."""
    return {
        f"{name}_{arm}": int(panel.loc[treated == value, column].sum())
        for name, column in (("n", "n"), ("events", "events"))
        for arm, value in (("treated", True), ("control", False))
    }


def _overall(section: Section, found: Aggregated, words: str, place: int, behind: Mapping[str, int]) -> Row:
    row = found.tidy().iloc[-1].to_dict()
    return section.risk(
        "overall", group=words, place=place, se_method=found.inference, **behind, **numbers_of(row)
    )


def _two_way(section: Section, panel: pd.DataFrame) -> Iterator[Row]:
    """The static two-way estimate and what it averaged; never alone."""
    treated = panel.assign(treated=panel["start"].le(panel["period"]).astype("int64"))
    fit = two_way_effects(
        treated, "mean", "treated", unit="force", time="period", weights="size", cluster="force"
    )
    row = fit.tidy(section.level).iloc[0].to_dict()
    behind = _behind(panel, panel["start"].le(panel["period"]))
    yield section.risk(
        "overall", group="Two-way fixed effects", place=2, se_method="CR2", **behind, **numbers_of(row)
    )
    parts = bacon(treated, "mean", "treated", unit="force", time="period")
    for row in parts.by_kind().to_dict("records"):
        yield section.row(
            "bacon",
            "estimate",
            "difference",
            group=row["kind"],
            place=row["weight"],
            **behind,
            estimate=row["estimate"],
        )


def _disposals(bench: Workbench, section: Section, starts: pd.Series[Any]) -> Iterator[Row]:
    """Disposals a month about each force's own start: do totals change when diversion is on offer?"""
    plan = bench.protocol.cohort
    assert plan is not None
    records = bench.read("extract", "disposals.parquet")
    dates = pd.to_datetime(records["incident_date"])
    inside = (dates >= pd.Timestamp(plan.window.from_)) & (dates <= pd.Timestamp(plan.window.to))
    inside &= records["offence_group"].isin(list(plan.offence_groups))
    start = records["force"].map(starts)
    first, last = pd.Timestamp(plan.window.from_), pd.Timestamp(plan.window.to)
    wide = pd.DateOffset(months=MONTHS_BEFORE), pd.DateOffset(months=MONTHS_AFTER)
    able = [f for f, s in starts.items() if pd.notna(s) and s - wide[0] >= first and s + wide[1] <= last]
    if len(able) < FEWEST:
        yield section.nothing(
            "disposals", "too few forces are seen for half a year before and a year after their start"
        )
        return
    month = ((dates - start).dt.days / DAYS_PER_MONTH).floordiv(1)
    kept = inside & records["force"].isin(able) & month.between(-MONTHS_BEFORE, MONTHS_AFTER - 1)
    series = month[kept].value_counts().sort_index().rename_axis("month").reset_index(name="n")
    series["month"] = series["month"].astype("int64")
    result = interrupted_series(series, "n", time="month", interruption=0, family="poisson", slope=False)
    if isinstance(result, NotEstimable):
        yield section.nothing("disposals", result)
        return
    row = result.tidy(section.level, exponentiate=True).set_index("term").loc["level change"].to_dict()
    before = int(series.loc[series["month"] < 0, "n"].sum())
    behind = {"n_treated": int(series["n"].sum()) - before, "n_control": before, "units": len(able)}
    yield section.row("disposals", "rate_ratio", "index", group="total disposals", **behind, **numbers_of(row))
