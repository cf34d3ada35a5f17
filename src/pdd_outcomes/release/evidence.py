"""Evidence beyond one comparison at released precision: withheld where few are behind it, or would give away another.

One long table holds every section (roll-out, engagement, moderators, equity, economics and the rest), because one rule
covers them: a row says who is behind it, and is no finer than their rounded number.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, FloatArray
from .rounding import (
    SLACK,
    Settings,
    coarse,
    moved,
    round_p,
    round_step,
    significant,
    step_at_least,
)
from .suppress import complete_line, refuse_where, row_codes, shown, small_or_full

ARMS = ("treated", "control")
SHARES = ("probability", "difference", "ratio")  # made of people with and without an event
SCALES = (*SHARES, "count", "days", "money", "index", "statistic")
STATUSES = ("ok", "not_estimable", "withheld")
LIMITS = ("conf_low", "conf_high", "band_low", "band_high")
NUMBERS = ["estimate", "std_error", *LIMITS, "p_value", "statistic"]
COUNTS = [f"{what}_{arm}" for what in ("n", "events") for arm in ARMS]
NULLS: Mapping[str, float] = {"difference": 0.0, "ratio": 1.0, "money": 0.0, "count": 0.0}
PUBLISHED, UNIT_COST = "published", "unit_cost"
LEAST_UNITS = 3  # a statistic of fewer forces is a statement about each of them
MEDIAN_OF = 3  # thresholds: a middle of fewer is near to being somebody's own
FIGURES = 3
PRINTED = 6
TEST_FIGURES = 4
LINE = ["section", "part", "analysis", "outcome", "by", "measure", "horizon_days", "place"]
FEW = "fewer than {0} people, or fewer than {0} with or without the event, or it would give away another"
UNSAID = "not estimable; the particulars stay with the run"


def release_evidence(raw: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """The evidence table at released precision.

    A row is withheld where a number of people or of events that it rests on is under the threshold or missing, or
    where everybody else has the event; and, where rows are groups of one whole (`by`), with enough others that no group
    can be had from the whole. A row without people counts forces, at least three of them.

    Estimates are in steps no finer than the rounding of their people gives: shares and their differences by rounding / n,
    numbers per 100 people by a hundred times that; ratios and indices have three figures, money three of its largest.
    Limits keep their distance from the estimate and do not cross the null on their own.
    """
    _check(raw)
    frame = raw.copy()
    few = _few(frame, settings.threshold)
    hidden = {c: few & frame[c].notna().to_numpy() for c in COUNTS}
    for column in COUNTS:
        frame[column] = shown(frame[column].to_numpy(dtype=float), hidden[column], settings.rounding)
    least = frame[["n_treated", "n_control"]].min(axis=1).to_numpy(dtype=float)
    share = np.where(least > 0, settings.rounding / np.where(least > 0, least, 1.0), 0.0)
    _numbers(frame, raw, share)
    told = (frame["status"] == "ok").to_numpy()
    frame.loc[few & told, "status"] = "withheld"
    frame.loc[frame["status"] != "ok", NUMBERS] = np.nan
    frame["reason"] = [
        FEW.format(settings.threshold)
        if status == "withheld"
        else UNSAID
        if any(letter.isdigit() for letter in reason)
        else reason
        for status, reason in zip(frame["status"], frame["reason"])
    ]
    return frame


def _check(raw: pd.DataFrame) -> None:
    for column, allowed in (("status", STATUSES), ("scale", SCALES)):
        refuse_where(~raw[column].isin(allowed).to_numpy(), "evidence", f"{column} is none of {list(allowed)}")
    for arm in ARMS:
        n, events = (raw[f"{c}_{arm}"].to_numpy(dtype=float) for c in ("n", "events"))
        people = raw["scale"].isin(SHARES).to_numpy()
        refuse_where(people & (events > n + SLACK), "evidence", f"events_{arm} is more than n_{arm}")
    published = ((raw["section"] == PUBLISHED) | (raw["part"] == UNIT_COST)).to_numpy()
    refuse_where(
        published & raw[COUNTS].notna().any(axis=1).to_numpy(),
        "evidence",
        "a published estimate or a unit cost counts people",
    )
    digits = raw["note"].str.contains(r"\d", regex=True).to_numpy()
    refuse_where(digits, "evidence", "note holds a figure, which has no rule")


def _few(frame: pd.DataFrame, threshold: int) -> BoolArray:
    """Rows that may not be shown."""
    scale = frame["scale"].to_numpy()
    counted = np.zeros(len(frame), dtype=bool)
    few = np.zeros(len(frame), dtype=bool)
    for arm in ARMS:
        n, events = (frame[f"{c}_{arm}"].to_numpy(dtype=float) for c in ("n", "events"))
        given = ~np.isnan(n)
        counted |= given
        few |= given & (n < threshold - SLACK)
        shares = np.isin(scale, SHARES)
        few |= given & shares & (np.isnan(events) | small_or_full(events, n, threshold))
        few |= given & ~shares & (events < threshold - SLACK)
        few |= given & (scale == "days") & (n < MEDIAN_OF * threshold)
    units = frame["units"].to_numpy(dtype=float)
    # Others have published it, or it is the plan's own: no person is behind it here.
    known = ((frame["section"] == PUBLISHED) | (frame["part"] == UNIT_COST)).to_numpy()
    few |= ~counted & ~known & ~(units >= LEAST_UNITS)
    return _completed(frame, few, threshold)


def _completed(frame: pd.DataFrame, few: BoolArray, threshold: int) -> BoolArray:
    """Rows that are groups of one whole, hidden with enough others of their line."""
    answer = few.copy()
    grouped = (frame["by"] != "").to_numpy() & ~frame["group"].isin(["", "all"]).to_numpy()
    codes = row_codes(frame, LINE)
    for code in np.unique(codes[grouped & few]):
        line = np.flatnonzero((codes == code) & grouped)
        if len(line) < 2:
            continue
        for arm in ARMS:
            n = frame[f"n_{arm}"].to_numpy(dtype=float)[line]
            if not np.isnan(n).all():
                answer[line] |= complete_line(n, answer[line], threshold)
    # A group is hidden under every measure of its part, or the others would give its number.
    keys = ["section", "part", "analysis", "by", "group", "place"]
    same = row_codes(frame, keys)
    return np.asarray(answer | (grouped & np.isin(same, same[answer & grouped])))


def _numbers(frame: pd.DataFrame, raw: pd.DataFrame, share: FloatArray) -> None:
    old = {c: raw[c].to_numpy(dtype=float) for c in NUMBERS}
    scale = frame["scale"].to_numpy()
    step = _steps(scale, old, share)
    ratio = scale == "ratio"
    figured = np.isin(scale, ["ratio", "index", "statistic"])
    printed = (frame["section"] == PUBLISHED).to_numpy()  # as they are printed already
    few_figures = {c: significant(old[c], FIGURES) for c in ("estimate", *LIMITS)}
    few_figures = {c: np.where(printed, significant(old[c], PRINTED), x) for c, x in few_figures.items()}
    estimate = np.where(figured, few_figures["estimate"], round_step(old["estimate"], step))
    frame["estimate"] = estimate
    for side in LIMITS:
        limit = np.where(figured, few_figures[side], round_step(old[side], step))
        apart = np.isin(scale, ["probability", "difference"])
        limit = np.where(apart, moved(estimate, old["estimate"], old[side], share, ratio), limit)
        limit = np.where(scale == "probability", np.clip(limit, 0.0, 1.0), limit)
        for name, null in NULLS.items():
            crossed = (scale == name) & ((old[side] - null) * (limit - null) < 0)
            limit = np.where(crossed, null, limit)
        frame[side] = significant(limit, PRINTED)
    frame["std_error"] = coarse(old["std_error"], share)
    frame["statistic"] = significant(old["statistic"], TEST_FIGURES)
    frame["p_value"] = round_p(old["p_value"])


def _steps(scale: np.ndarray, old: Mapping[str, FloatArray], share: FloatArray) -> FloatArray:
    """(n,) the step of each row's numbers; 0 where they have figures instead."""
    largest = np.nanmax(
        np.vstack([np.abs(np.nan_to_num(old[c])) for c in ("estimate", "conf_low", "conf_high")]), axis=0
    )
    with np.errstate(divide="ignore"):
        figures = np.where(
            largest > 0, 10.0 ** (np.floor(np.log10(np.where(largest > 0, largest, 1.0))) - 2), 0.0
        )
    by_scale = {
        "probability": step_at_least(share),
        "difference": step_at_least(share),
        "count": step_at_least(100 * share),
        "days": np.ones(len(scale)),
        "money": figures,
    }
    return np.asarray(np.select([scale == s for s in by_scale], list(by_scale.values()), 0.0), dtype=float)
