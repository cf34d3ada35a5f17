"""Estimates at released precision: withheld where few people are behind them, otherwise no finer than the counts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, FloatArray, IntArray
from ..core.errors import DisclosureError
from ..core.results import two_sided_p
from .rounding import (
    SLACK,
    Settings,
    coarse,
    moved,
    round_count,
    round_p,
    round_step,
    significant,
    step_at_least,
)
from .suppress import TOTAL_GROUPS, complete_groups, refuse_where, row_codes, shown, small, small_or_full

ARMS = ("treated", "control")
SCALES = ("probability", "difference", "ratio", "months", "days")
STATUSES = ("ok", "not_estimable", "withheld")
NULLS: Mapping[str, float] = {"difference": 0.0, "ratio": 1.0}
TIME_STEPS: Mapping[str, float] = {"months": 0.01, "days": 0.1}
NUMBERS = ["estimate", "std_error", "conf_low", "conf_high", "p_value"]
COUNTS = [f"{what}_{arm}" for what in ("n", "events", "ess") for arm in ARMS]
RATIO_FIGURES = 4
PRINTED = 6  # figures of numbers whose precision the counts have already limited

WHO = ["analysis", "exposure", "population"]
CELL = [*WHO, "outcome", "horizon_days", "interval_start_days"]
FEW = "fewer than {0} people in an arm, or fewer than {0} with or without the event, or it would give away another"
UNSAID = "not estimable; the particulars stay with the run"


def release_estimates(raw: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    r"""The estimates table at released precision.

    Withheld: rows where an arm has fewer people, effective people, events or people without the event than
    the threshold, or where one of these counts is missing (what cannot be checked is not released). A risk
    of 0 or 1 is among them. Where a row for all forces is shown, at least two forces are withheld or none.

    Why estimates are rounded. A risk is a count over a count: with n known to be one of five numbers,
    0.3143 can only be 11/35, and the rounding of n and of the events is undone. So

    - an arm's risk is recomputed from rounded counts: the events it implies, risk x n, are rounded as counts
      are and divided by the rounded n. Where nobody is censored this is the rounded events over the rounded
      n, which says nothing that the counts do not. Its error is about :math:`b/\sqrt{12 p(1-p)n}` standard
      errors (for b = 5, p = 0.2: 0.08 at n = 2,000, 0.16 at n = 500);
    - differences and ratios of risks are recomputed from the released risks;
    - limits keep their distance from the estimate (for a ratio, their ratio to it), and where that would
      carry a limit across the null it stops there, so that p and the interval do not contradict each other;
    - distances and standard errors have three figures, or as many as b/n leaves if that is fewer: from
      :math:`p(1-p)/s^2` little more can be had of n than its rounding gives;
    - hazard ratios (four figures) and restricted means (0.1 day, 0.01 month) depend on everyone's times,
      and no single count can be solved from them.

    Rows of the group "pooled" that come without counts get the sums of the released counts of their forces.
    """
    _check(raw)
    frame = raw.copy()
    forces = _fill_pooled(frame)
    hidden = _hidden_counts(frame, settings.threshold)
    for column in COUNTS:
        frame[column] = shown(frame[column].to_numpy(dtype=float), hidden[column], settings.rounding)
    for at, rows in forces.items():
        sums = frame.loc[rows, COUNTS].sum()
        frame.loc[at, COUNTS] = sums.where(sums > 0)
    needed = [c for c in COUNTS if not c.startswith("ess")]
    few = np.logical_or.reduce([*hidden.values(), *(frame[c].isna().to_numpy() for c in needed)])
    lost = _release_numbers(frame, raw, few, settings)
    frame.loc[lost, "status"] = "withheld"
    frame.loc[frame["status"] != "ok", NUMBERS] = np.nan
    pairs = zip(frame["status"], frame["reason"])
    frame["reason"] = [_reason(status, reason, settings.threshold) for status, reason in pairs]
    return frame


def _check(raw: pd.DataFrame) -> None:
    for column, allowed in (("status", STATUSES), ("scale", SCALES)):
        refuse_where(~raw[column].isin(allowed).to_numpy(), "estimates", f"{column} is none of {list(allowed)}")
    for arm in ARMS:
        n, events = (raw[f"{c}_{arm}"].to_numpy(dtype=float) for c in ("n", "events"))
        refuse_where(events > n + SLACK, "estimates", f"events_{arm} is more than n_{arm}")
    risks = raw["measure"].str.startswith("risk_")
    twice = raw[risks].duplicated([*CELL, "group", "estimand", "measure", "se_method"])
    if twice.any():
        raise DisclosureError(
            f"estimates: {twice.sum()} risks occur twice with the same key. Nothing was released."
        )


def _reason(status: str, reason: str, threshold: int) -> str:
    """Words for the reader. A reason that holds a figure could hold a number of people, so it is replaced."""
    if status == "withheld":
        return FEW.format(threshold)
    return UNSAID if any(letter.isdigit() for letter in reason) else reason


def _fill_pooled(frame: pd.DataFrame) -> dict[int, IntArray]:
    """Raw counts for pooled rows without any: sums over their forces, whose rows are returned."""
    pooled = ((frame["group"] == "pooled") & frame[COUNTS].isna().all(axis=1)).to_numpy()
    single = ~frame["group"].isin(TOTAL_GROUPS).to_numpy()
    measure = frame["measure"].str.removesuffix(" prediction")
    codes = row_codes(frame.assign(measure=measure), [*CELL, "measure"])
    forces = {int(at): np.flatnonzero(single & (codes == codes[at])) for at in np.flatnonzero(pooled)}
    forces = {at: rows for at, rows in forces.items() if len(rows)}
    for at, rows in forces.items():
        frame.loc[at, COUNTS] = frame.loc[rows, COUNTS].sum(min_count=1)
    return forces


def _hidden_counts(frame: pd.DataFrame, threshold: int) -> dict[str, BoolArray]:
    """Which counts may not be shown, the same count hidden wherever it occurs in the table."""
    hidden: dict[str, BoolArray] = {}
    for column in COUNTS:
        what, arm = column.split("_")
        counts = frame[column].to_numpy(dtype=float)
        of = frame[f"n_{arm}"].to_numpy(dtype=float)
        first = small_or_full(counts, of, threshold) if what == "events" else small(counts, threshold)
        every = complete_groups(frame, column, first, [*CELL, "measure"], threshold)
        same = [*(CELL if what == "events" else WHO), "group", column]
        codes = row_codes(frame, same)
        hidden[column] = np.isin(codes, codes[every])
    return hidden


def _release_numbers(frame: pd.DataFrame, raw: pd.DataFrame, few: BoolArray, settings: Settings) -> BoolArray:
    """Put numbers at released precision into `frame`; where none may be shown is returned."""
    old = {c: raw[c].to_numpy(dtype=float) for c in NUMBERS}
    n = frame[["n_treated", "n_control"]].min(axis=1).to_numpy(dtype=float)
    share = settings.rounding / n
    estimate, ratio_of_risks = _estimates(frame, raw, few, share, settings)
    scale = frame["scale"].to_numpy()
    is_ratio = scale == "ratio"
    timed = np.array([TIME_STEPS.get(s, 0.0) for s in scale])
    by_distance = (ratio_of_risks | ~is_ratio) & (timed == 0)
    for side in ("conf_low", "conf_high"):
        limit = np.where(is_ratio, significant(old[side], RATIO_FIGURES), round_step(old[side], timed))
        shifted = moved(estimate, old["estimate"], old[side], share, is_ratio)
        limit = np.where(by_distance, shifted, limit)
        limit = np.where(scale == "probability", np.clip(limit, 0.0, 1.0), limit)
        for name, null in NULLS.items():
            crossed = (scale == name) & ((old[side] - null) * (limit - null) < 0)
            limit = np.where(crossed, null, limit)
        frame[side] = significant(limit, PRINTED)
    frame["estimate"] = significant(estimate, PRINTED)
    frame["std_error"] = coarse(old["std_error"], share)
    frame["p_value"] = round_p(_p_values(frame, old["p_value"], by_distance))
    return np.asarray(few | (np.isnan(estimate) & ~np.isnan(old["estimate"])))


def _p_values(frame: pd.DataFrame, old: FloatArray, recomputed: BoolArray) -> FloatArray:
    """p of the released estimate and error where the estimate was recomputed from released counts.

    The unrounded p beside the error would give the unrounded estimate back, and contradict the released one. Pooled
    estimates rest on no single count and keep theirs.
    """
    ratio = (frame["scale"] == "ratio").to_numpy()
    value = frame["estimate"].to_numpy(dtype=float)
    size = np.where(ratio, np.log(np.where(ratio & (value > 0), value, 1.0)), value)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = two_sided_p(size / frame["std_error"].to_numpy(dtype=float))
    own = (
        recomputed
        & ~frame["group"].eq("pooled").to_numpy()
        & frame["measure"].str.startswith("risk_").to_numpy()
    )
    return np.where(own & np.isfinite(old) & np.isfinite(p), p, old)


def _estimates(
    frame: pd.DataFrame, raw: pd.DataFrame, few: BoolArray, share: FloatArray, settings: Settings
) -> tuple[FloatArray, BoolArray]:
    """Released estimates (missing where withheld), and which are ratios of released risks."""
    old = raw["estimate"].to_numpy(dtype=float)
    scale, measure = frame["scale"], frame["measure"]
    estimate = round_step(old, step_at_least(share))
    estimate = np.where(scale == "ratio", significant(old, RATIO_FIGURES), estimate)
    for unit, step in TIME_STEPS.items():
        estimate = np.where(scale == unit, round_step(old, step), estimate)
    codes = row_codes(frame, [*CELL, "group", "estimand"])
    risks: dict[str, Mapping[int, float]] = {}
    for arm in ARMS:
        rows = np.flatnonzero(measure == f"risk_{arm}")
        implied = old[rows] * raw[f"n_{arm}"].to_numpy(dtype=float)[rows]
        few_implied = small_or_full(implied, raw[f"n_{arm}"].to_numpy(dtype=float)[rows], settings.threshold)
        released = round_count(implied, settings.rounding) / frame[f"n_{arm}"].to_numpy(dtype=float)[rows]
        estimate[rows] = np.where(few_implied | few[rows] | (released >= 1), np.nan, released)
        risks[arm] = dict(zip(codes[rows].tolist(), estimate[rows].tolist()))
    treated, control = (np.array([risks[arm].get(int(c), -1.0) for c in codes]) for arm in ARMS)
    known = (treated != -1) & (control != -1)
    difference, ratio = known & (measure == "risk_difference"), known & (measure == "risk_ratio")
    estimate = np.where(difference, treated - control, estimate)
    estimate = np.where(ratio, treated / control, estimate)
    return np.where(few, np.nan, estimate), np.asarray(ratio)
