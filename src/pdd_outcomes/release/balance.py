"""The balance table: means of few people hidden, proportions recomputed from rounded counts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, FloatArray
from .findings import TABLES, Rule
from .rounding import SLACK, Settings, round_count, round_step, step_at_least
from .suppress import refuse_where, small_or_full

MEANS = {c.name: c.of for c in TABLES["balance"].columns if c.rule is Rule.MEAN}  # and the people behind each
KEPT_TOGETHER = ["mean_treated", "mean_control", "mean_control_before"]
STEP = 0.01  # of a standardised difference or a variance ratio


def release_balance(raw: pd.DataFrame, matching: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    r"""Balance at released precision.

    The mean of a 0/1 covariate is a count, :math:`m = \bar x n`, so a covariate whose means all lie in 0..1
    is taken to be one: its means become rounded m over rounded n, and where m or n - m is under the
    threshold (none and all included) the row's means are hidden, with what could be solved for them: the
    variance ratio and the largest gap of the distribution functions (|difference of the means|), and,
    where it is the treated who are few, the standardised differences, whose denominator is theirs.
    Otherwise the gap is recomputed from the released means. Other means are shown in steps of at least
    base / n. Standardised differences and variance ratios have two decimals.

    A mean of the treated who were not matched is hidden by itself where there are fewer of them than the
    threshold, or few with the attribute or without it: the treated before matching are not in the table,
    so nothing subtracts to it.

    Parameters
    ----------
    raw : the balance table
    matching : the raw matching table, for the people behind each mean (by analysis and group)
    """
    frame = raw.copy()
    keys = ["analysis", "group"]
    refuse_where(matching.duplicated(keys).to_numpy(), "matching", "an analysis and group occur twice")
    sizes = frame[keys].merge(matching[[*keys, *MEANS.values()]], on=keys, how="left", validate="many_to_one")
    unknown = sizes[["matched_treated", "matched_control", "n_control"]].isna().any(axis=1).to_numpy()
    refuse_where(unknown, "balance", "the matching table does not say how many people a mean is of")
    values = {mean: frame[mean].to_numpy(dtype=float) for mean in MEANS}
    every = np.column_stack(list(values.values()))
    share = np.asarray(~((every < 0) | (every > 1)).any(axis=1))
    hidden: dict[str, BoolArray] = {}
    for mean, of in MEANS.items():
        n = np.nan_to_num(sizes[of].to_numpy(dtype=float))
        hidden[mean] = _too_few(values[mean], n, share, settings.threshold)
        frame[mean] = _released_mean(values[mean], n, share, settings.rounding)
    few = np.logical_or.reduce([hidden[m] for m in KEPT_TOGETHER])
    frame.loc[few, [*MEANS, "variance_ratio", "ecdf_max"]] = np.nan
    frame.loc[few & hidden["mean_treated"], ["smd", "smd_unadjusted"]] = np.nan
    frame.loc[hidden["mean_dropped"], "mean_dropped"] = np.nan
    gap = round_step((frame["mean_treated"] - frame["mean_control"]).abs(), 1e-12)
    frame["ecdf_max"] = np.where(share & frame["ecdf_max"].notna(), gap, round_step(frame["ecdf_max"], STEP))
    for column in ("smd", "smd_unadjusted", "variance_ratio"):
        frame[column] = round_step(frame[column], STEP)
    return frame


def _too_few(mean: FloatArray, n: FloatArray, share: BoolArray, threshold: int) -> BoolArray:
    few_people = n < threshold - SLACK
    few_having = share & small_or_full(mean * n, n, threshold)
    return np.asarray((few_people | few_having) & ~np.isnan(mean))


def _released_mean(mean: FloatArray, n: FloatArray, share: BoolArray, base: int) -> FloatArray:
    """Rounded count over rounded number for proportions, a step of at least base / n for other means."""
    with np.errstate(divide="ignore", invalid="ignore"):
        proportion = round_count(mean * n, base) / round_count(n, base)
        return np.where(share, proportion, round_step(mean, step_at_least(np.where(n > 0, base / n, 0.0))))
