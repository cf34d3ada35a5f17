"""Robust variances from per-row influence, one- and two-way clustered."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from .columns import FloatArray, IntArray


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
    Cameron-Gelbach-Miller (2011, eq. 2.11) sum :math:`V_1 + V_2 - V_{12}`; where that has a negative
    eigenvalue it is set to zero, as they advise (section 2.3).

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
    """A two-way clustered covariance from that of each way and of their crossing, negative eigenvalues set to 0."""
    total = first + second - both
    values, vectors = np.linalg.eigh((total + total.T) / 2)
    return np.asarray((vectors * np.clip(values, 0, None)) @ vectors.T if (values < 0).any() else total)


def _outer(psi: FloatArray, codes: IntArray) -> FloatArray:
    sums = cluster_sums(psi, codes)
    return np.asarray(sums.T @ sums)
