"""Overlap: where on the propensity score the arms are, as counts in fixed bins."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, FloatArray
from ..core.errors import UsageError

ARMS = ("treated", "control")


def overlap_counts(
    score: FloatArray, treated: BoolArray, weights: FloatArray | None = None, *, bins: int = 20
) -> pd.DataFrame:
    """People of each arm by band of the propensity score.

    The bands are equal and cover 0 to 1 whatever the data, so that a count says nothing of one
    person's score; the last includes 1.

    Parameters
    ----------
    score : (n,) probabilities
    treated : (n,) bool
    weights : (n,) array, optional. People of weight 0 are left out; None is everyone.
    bins : how many bands

    Returns
    -------
    DataFrame
        arm ("treated", "control"), bin_low, bin_high, count (people), share (of the arm's weight; NaN
        where the arm is empty).
    """
    if not isinstance(bins, (int, np.integer)) or bins < 1:
        raise UsageError(f"bins={bins!r} must be a whole number of at least 1.")
    p = np.asarray(score, dtype=float)
    if not ((p >= 0) & (p <= 1)).all():
        raise UsageError(
            "score must hold probabilities between 0 and 1; a logit goes through 1 / (1 + exp(-logit))."
        )
    w = np.ones(len(p)) if weights is None else np.asarray(weights, dtype=float)
    if len(w) != len(p):
        raise UsageError(f"weights has length {len(w)}, and score has length {len(p)}.")
    edges = np.linspace(0.0, 1.0, int(bins) + 1)
    band = np.minimum(np.searchsorted(edges, p, side="right") - 1, int(bins) - 1)
    frames = []
    for arm, member in zip(ARMS, (treated, ~treated)):
        kept = member & (w > 0)
        total = float(w[kept].sum())
        weight = np.bincount(band[kept], weights=w[kept], minlength=int(bins))
        frames.append(
            pd.DataFrame(
                {
                    "arm": arm,
                    "bin_low": edges[:-1],
                    "bin_high": edges[1:],
                    "count": np.bincount(band[kept], minlength=int(bins)),
                    "share": weight / total if total > 0 else np.full(int(bins), np.nan),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def before_and_after(
    score: FloatArray, treated: BoolArray, weights: FloatArray, *, bins: int = 20
) -> pd.DataFrame:
    """Overlap of everyone, then of those with weight: `sample` ("before", "after") and the counts.

    score, treated and weights are (n,) arrays.
    """
    samples = {"before": None, "after": weights}
    frames = [overlap_counts(score, treated, w, bins=bins).assign(sample=name) for name, w in samples.items()]
    table = pd.concat(frames, ignore_index=True)
    return table[["sample", "arm", "bin_low", "bin_high", "count", "share"]]
