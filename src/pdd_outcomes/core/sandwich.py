"""Robust variances from per-row influence, one- and two-way clustered."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from .columns import FloatArray, IntArray

NO_VARIANCE = 1e-9  # of the larger one-way variance: a two-way one this small is rounding


def cluster_codes(*labels: np.ndarray) -> IntArray:
    """Dense codes 0..G-1 for the combinations of one or more label arrays."""
    frame = pd.DataFrame({i: np.asarray(x) for i, x in enumerate(labels)})
    codes = frame.groupby(list(frame.columns), sort=False, dropna=False).ngroup()
    return np.asarray(codes, dtype=np.int64)


def cluster_sums(influence: FloatArray, codes: IntArray) -> FloatArray:
    """Influence rows (n, p) added up within each cluster: (G, p)."""
    flat = influence.reshape(len(influence), -1)
    sums = np.column_stack([np.bincount(codes, weights=column) for column in flat.T])
    return sums.reshape((-1, *influence.shape[1:]))


def clustered_covariance(
    influence: FloatArray, clusters: Sequence[np.ndarray] = (), *, small_sample: bool = False
) -> FloatArray:
    r"""Covariance of an estimate from its influence values.

    .. math:: V = \sum_g \Big(\sum_{i \in g} \psi_i\Big)\Big(\sum_{i \in g} \psi_i\Big)^\top

    where :math:`\psi_i` (already scaled, so that the estimate's error is about their sum) is the
    row's influence, such as a dfbeta. With no cluster each row is its own. With two, the
    Cameron-Gelbach-Miller (2011, eq. 2.11) sum :math:`V_1 + V_2 - V_{12}`, mended as `two_way` says.

    Parameters
    ----------
    influence : (n, p) array
    clusters : none, one or two (n,) arrays of labels
    small_sample : multiply by G/(G-1) of the smallest number of clusters. R's `survival` does not.
    """
    psi = influence.reshape(len(influence), -1)
    if len(clusters) > 2:
        raise ValueError("at most two cluster arrays")
    if not clusters:
        clusters = (np.arange(len(psi)),)
    codes = [cluster_codes(np.asarray(c)) for c in clusters]
    parts = [_outer(psi, c) for c in codes]
    if len(codes) == 2:
        covariance = two_way(parts[0], parts[1], _outer(psi, cluster_codes(codes[0], codes[1])))
    else:
        covariance = parts[0]
    if small_sample:
        groups = min(int(c.max()) + 1 for c in codes)
        covariance = covariance * groups / (groups - 1)
    return np.asarray(covariance)


def two_way(first: FloatArray, second: FloatArray, both: FloatArray) -> FloatArray:
    r"""A two-way clustered covariance (p, p) from that of each way and of their crossing, :math:`V_1 + V_2 - V_{12}`.

    It need not be a covariance. Negative eigenvalues are set to 0 (Cameron, Gelbach and Miller 2011, section 2.3), each quantity
    measured in its own standard errors of the crossing, so that units do not matter. Where a quantity's own variance is not
    above 0, that would be certainty from nothing: then the one-way covariance that is larger stands instead.
    """
    total = first + second - both
    total = (total + total.T) / 2
    own = np.diag(total)
    scale = np.sqrt(np.maximum(np.diag(both), 0.0))
    safe = np.where(scale > 0, scale, 1.0)
    varies = scale > 0
    if (own[varies] <= NO_VARIANCE * np.maximum(np.diag(first), np.diag(second))[varies]).any():
        sizes = [float((np.diag(way)[varies] / safe[varies] ** 2).sum()) for way in (first, second)]
        return np.asarray(first if sizes[0] >= sizes[1] else second)
    values, vectors = np.linalg.eigh(total / np.outer(safe, safe))
    if (values >= 0).all():
        return np.asarray(total)
    return np.asarray(((vectors * np.clip(values, 0, None)) @ vectors.T) * np.outer(safe, safe))


def _outer(psi: FloatArray, codes: IntArray) -> FloatArray:
    sums = cluster_sums(psi, codes)
    return np.asarray(sums.T @ sums)
