"""Concordance of a score with survival times, and its standard error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.columns import BoolArray, FloatArray, IntArray
from ..core.sandwich import clustered_covariance
from ..core.times import tie
from .kernels import rows_by_cell
from .kernels_pairs import outlived_pairs, survivor_pairs
from .riskset import risk_set


def concordance_index(
    score: FloatArray,
    time: FloatArray,
    event: BoolArray,
    *,
    entry: FloatArray | None = None,
    strata: IntArray | None = None,
    weight: FloatArray | None = None,
    clusters: Sequence[IntArray] = (),
) -> tuple[float, float]:
    r"""Harrell's C: how often, of two people, the one with the event first had the higher score; and its standard error.

    .. math:: C = \frac{\text{concordant} + \text{tied score}/2}{\text{all pairs}}

    over pairs of one stratum of which one has the event while the other is at risk and known to go on
    longer; a pair counts the product of its weights. The standard error is the infinitesimal
    jackknife's, clustered where there are clusters.

    Parameters
    ----------
    score, time, event, entry, strata, weight : (n,) arrays

    Returns
    -------
    (index, standard error); NaN both where there is no pair to compare

    References
    ----------
    Harrell, Lee and Mark (1996) Statistics in Medicine 15:361-387. Therneau and Atkinson, `survival`
    vignette "Concordance".
    """
    n = len(score)
    weight = np.ones(n) if weight is None else np.asarray(weight, float)
    codes = np.zeros(n, np.int64) if strata is None else strata
    risk = risk_set(time, event, entry, codes, every_time=True)
    rank, sizes = _ranks_within(tie(np.asarray(score, float))[0], codes, len(risk.first) - 1)
    pairs = np.zeros((n, 3))
    late = np.where(risk.enter > risk.first[codes], risk.enter, -1)
    entering, leaving = rows_by_cell(late, len(risk.time)), risk.leaving_rows()
    for count in (survivor_pairs, outlived_pairs):
        count(risk.first, leaving, entering, risk.event.astype(float), weight, rank, sizes, pairs)
    totals = weight @ pairs / 2  # each pair is met from both its ends
    everything = totals.sum()
    if everything == 0:
        return float("nan"), float("nan")
    index = float((totals[0] + totals[2] / 2) / everything)
    influence = weight * (pairs[:, 0] + pairs[:, 2] / 2 - index * pairs.sum(axis=1)) / everything
    return index, float(np.sqrt(clustered_covariance(influence[:, None], clusters)[0, 0]))


def _ranks_within(score: FloatArray, codes: IntArray, strata: int) -> tuple[IntArray, IntArray]:
    """Dense rank of each score within its stratum (n,), and the number of ranks of each stratum (s,)."""
    order = np.lexsort((score, codes))
    by_score, by_code = score[order], codes[order]
    new_code = np.concatenate([[True], np.diff(by_code) != 0])
    new = new_code | np.concatenate([[True], np.diff(by_score) != 0])
    running = np.cumsum(new) - 1
    starts = running[new_code]
    rank = np.empty(len(score), np.int64)
    present = np.cumsum(new_code) - 1
    rank[order] = running - starts[present]
    sizes = np.zeros(strata, np.int64)
    np.maximum.at(sizes, codes, rank + 1)
    return rank, np.maximum(sizes, 1)
