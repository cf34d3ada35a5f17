"""Means by arm of counts and costs, their influence, and the bootstrap of their clusters."""

from __future__ import annotations

import numpy as np
from scipy import special

from ..core.columns import BoolArray, FloatArray, IntArray
from ..core.sandwich import cluster_codes, cluster_sums, clustered_covariance
from ..design import AnalysisRows
from ..effects.certainty import why_no_error

FEW_CLUSTERS = 20  # fewer resampled clusters say little about the tails
LARGEST = 0.2  # share of the rows that one resampled cluster may hold
ROOM = 2_000_000  # clusters drawn at a time, over resamples
NOTHING = 1e-5  # of an error, which the sums of a resample whose people are all alike leave by rounding
SLOPES = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, -1.0]])  # treated, control, difference


def arm_means(values: FloatArray, weight: FloatArray, treated: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Weighted means (m, 2) of columns (n, m), treated first, and their influence (n, m, 2)."""
    means, influence = np.zeros((values.shape[1], 2)), np.zeros((*values.shape, 2))
    for a, arm in enumerate((True, False)):
        w = np.where(treated == arm, weight, 0.0)
        w = w / w.sum()
        means[:, a] = w @ values
        influence[:, :, a] = w[:, None] * (values - means[:, a])
    return means, influence


def contrasts(arms: FloatArray) -> FloatArray:
    """Of (..., m, 2) arms, treated first, the treated, the control and the difference of each column: (..., 3m)."""
    found = arms @ SLOPES.T
    return np.asarray(found.reshape(*arms.shape[:-2], -1))


def drawn_clusters(rows: AnalysisRows) -> tuple[IntArray, str, bool]:
    """What is drawn whole (n,), in words, and whether there is enough of it for a bootstrap.

    Where the variance is clustered in two ways, the sets that share people, directly or through others, are drawn together.
    """
    if len(rows.clusters) == 1:
        codes = cluster_codes(rows.clusters[0])
        what = "people" if len(np.unique(rows.row)) == codes.max() + 1 else "matched sets"
    else:
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        one, two = (cluster_codes(c) for c in rows.clusters)
        size = int(one.max()) + 1 + int(two.max()) + 1
        links = coo_array((np.ones(len(one)), (one, two + int(one.max()) + 1)), shape=(size, size))
        codes = np.asarray(connected_components(links, directed=False)[1][one], dtype=np.int64)
        codes, what = cluster_codes(codes), "groups of matched sets that share people"
    size_of = np.bincount(codes)
    enough = len(size_of) >= FEW_CLUSTERS and size_of.max() <= LARGEST * len(codes)
    return codes, f"{len(size_of)} {what}", bool(enough)


def resample(
    values: FloatArray,
    weight: FloatArray,
    treated: BoolArray,
    codes: IntArray,
    rng: np.random.Generator,
    replicates: int,
) -> tuple[FloatArray, FloatArray]:
    """The contrasts (r, 3m) of columns (n, m) in resamples of clusters (n,), and their robust errors there (r, 3m).

    NaN where a resample lacks an arm. Both come from sums over clusters of the arms' weights, weighted values, and products
    of these, so that a resample costs one product of matrices.
    """
    centre = np.average(values, axis=0, weights=weight)  # so that the squares do not cancel
    m, t, c = values.shape[1], (weight * treated)[:, None], (weight * ~treated)[:, None]
    sums = cluster_sums(np.hstack([t, c, t * (values - centre), c * (values - centre)]), codes)
    w, z, a, b = sums[:, [0]], sums[:, [1]], sums[:, 2 : m + 2], sums[:, m + 2 :]
    products = np.hstack([sums, w * w, z * z, w * z, a * a, a * w, b * b, b * z, a * b, a * z, w * b])
    clusters = len(sums)
    step = max(1, ROOM // clusters)
    found, errors = np.empty((replicates, 3 * m)), np.empty((replicates, 3 * m))
    for first in range(0, replicates, step):
        size = min(step, replicates - first)
        drawn = rng.integers(clusters, size=(size, clusters)) + clusters * np.arange(size)[:, None]
        times = np.bincount(drawn.ravel(), minlength=size * clusters).reshape(size, clusters).astype(float)
        part = slice(first, first + size)
        found[part], errors[part] = _from_sums(times @ products, m)
    shift = contrasts(np.column_stack([centre, centre]))
    return found + shift, errors


def _from_sums(total: FloatArray, m: int) -> tuple[FloatArray, FloatArray]:
    """Contrasts (r, 3m) and their errors from the summed products of `resample` (r, 5 + 9m)."""
    w, z = total[:, [0]], total[:, [1]]
    a, b = total[:, 2 : m + 2], total[:, m + 2 : 2 * m + 2]
    ww, zz, wz = (total[:, [2 * m + 2 + k]] for k in range(3))
    aa, aw, bb, bz, ab, az, wb = (total[:, 5 + (2 + k) * m : 5 + (3 + k) * m] for k in range(7))
    with np.errstate(invalid="ignore", divide="ignore"):
        one, two = a / w, b / z
        first = (aa - 2 * one * aw + one**2 * ww) / w**2
        second = (bb - 2 * two * bz + two**2 * zz) / z**2
        both = (ab - one * wb - two * az + one * two * wz) / (w * z)
    variance = np.stack([first, second, first + second - 2 * both], axis=-1).reshape(len(total), -1)
    return contrasts(np.stack([one, two], axis=-1)), np.sqrt(np.clip(variance, 0, None))


def studentised(
    estimates: FloatArray, std_errors: FloatArray, replicates: FloatArray, errors: FloatArray
) -> FloatArray:
    """Distances (r, m) of resampled estimates from the estimates (m,), in their own errors (r, m).

    A resample without an arm, or where an error is nothing beside that of the data (m,), is infinitely far.
    """
    known = errors > NOTHING * std_errors
    return np.where(known, np.abs(replicates - estimates) / np.where(known, errors, 1.0), np.inf)


def symmetric_reach(distances: FloatArray, level: float) -> FloatArray:
    """How many errors (m,) the symmetric bootstrap-t interval reaches either way (Hall 1988, Annals of Statistics 16:927-953)."""
    if not len(distances):
        return np.full(distances.shape[1], np.nan)
    return np.asarray(np.quantile(distances, level, axis=0, method="higher"))


def acceleration(influence: FloatArray, codes: IntArray) -> FloatArray:
    r"""Efron's acceleration (m,) of estimates with influence (n, m): :math:`\sum U^3 / (6 (\sum U^2)^{3/2})` over clusters."""
    u = cluster_sums(influence, codes)
    square = (u**2).sum(axis=0)
    return np.where(square > 0, (u**3).sum(axis=0) / (6 * np.where(square > 0, square, 1.0) ** 1.5), 0.0)


def bca_limits(
    estimates: FloatArray, replicates: FloatArray, accelerated: FloatArray, level: float
) -> FloatArray:
    """Bias-corrected and accelerated limits (m, 2) of estimates (m,) from resamples (r, m) (Efron 1987, JASA 82:171-185, eq. 2.3)."""
    tail = (1 - level) / 2
    limits = np.full((len(estimates), 2), np.nan)
    for k, value in enumerate(estimates):
        drawn = replicates[np.isfinite(replicates[:, k]), k]
        if len(drawn) < 2:
            continue
        under = (drawn < value).mean() + (drawn == value).mean() / 2
        least = 1 / (len(drawn) + 1)
        shift = special.ndtri(np.clip(under, least, 1 - least))
        z = shift + special.ndtri([tail, 1 - tail])
        share = special.ndtr(shift + z / (1 - accelerated[k] * z))
        limits[k] = np.quantile(drawn, np.clip(share, least, 1 - least))
    return limits


def why_no_interval(
    values: FloatArray, influence: FloatArray, treated: BoolArray, rows: AnalysisRows
) -> tuple[str, ...]:
    """Why each contrast (3m) of columns (n, m) with influence (n, m, 2) has no error; empty where it has one."""
    reasons = []
    for j in range(values.shape[1]):
        alone = np.array([values[treated == arm, j].var() for arm in (True, False)])
        scale = alone.max() or 1.0
        covariance = clustered_covariance(influence[:, j], rows.clusters) / scale
        reasons += [why_no_error(covariance, alone / scale, slope) for slope in SLOPES]
    return tuple(reasons)
