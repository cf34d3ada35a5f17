"""Strata of like people of both arms: exact, coarsened, or by bands of a score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, Columns, FloatArray, IntArray
from ..core.errors import UsageError
from ..core.formula import is_categorical

Cutpoints = int | Mapping[str, int | Sequence[float]] | None


@dataclass(frozen=True, slots=True, eq=False)
class Strata:
    """Who is alike.

    Attributes
    ----------
    weights : (n,) float, 0 where the stratum lacks an arm
    set_id : (n,) strata with both arms, numbered from 0 in the order in which their first person comes; -1 elsewhere
    """

    weights: FloatArray
    set_id: IntArray

    @property
    def n_sets(self) -> int:
        """Strata with both arms."""
        return int(self.set_id.max()) + 1


def stratified(code: IntArray, treated: BoolArray, estimand: str) -> Strata:
    r"""Strata with both arms, and weights (n,) that give each stratum in each arm the share that it has in the target.

    With :math:`n_{as}` people of arm `a` in stratum `s`, :math:`N_a` in all strata that are kept and `m_s` the people
    of the stratum whom the estimand is about (`M` in all),

    .. math:: w_i = \frac{m_s}{M} \cdot \frac{N_a}{n_{as}} ,

    so that the weights of an arm sum to its people and, for the ATT, the treated count 1.

    Parameters
    ----------
    code : (n,) 0..k-1; treated : (n,) bool; estimand : "ATT", "ATC" or "ATE"
    """
    k = int(code.max()) + 1
    size = np.stack([np.bincount(code[arm], minlength=k) for arm in (~treated, treated)])
    both: BoolArray = np.asarray((size > 0).all(axis=0))
    inside = both[code]
    about = {"ATT": size[1], "ATC": size[0], "ATE": size.sum(axis=0)}[estimand] * both
    kept = size * both
    ratio = np.zeros((2, k))
    ratio[:, both] = about[both] / max(about.sum(), 1) * kept.sum(axis=1, keepdims=True) / size[:, both]
    weights = np.where(inside, ratio[treated.astype(int), code], 0.0)
    set_id = np.full(len(code), -1, dtype=np.int64)
    if inside.any():
        names, first, label = np.unique(code[inside], return_index=True, return_inverse=True)
        rank = np.empty(len(names), dtype=np.int64)
        rank[np.argsort(first)] = np.arange(len(names))
        set_id[inside] = rank[label]
    return Strata(weights, set_id)


def components(one: IntArray, other: IntArray, n: int) -> IntArray:
    """Codes (n,) of the sets that links between rows (l,) make; those without a link have one to themselves."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(one)), (one, other)), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def bands(score: FloatArray, about: BoolArray, n: int) -> IntArray:
    """Bands 0..n-1 of the score (n,), with equal shares of the people `about` whom the estimand is.

    Somebody exactly at an edge belongs to the band above. An edge may be somebody's score but for rounding; it is rounded as in
    R's quantile (type 7), so that the same person falls on the same side.
    """
    x = np.sort(score[about])
    index = (len(x) - 1) * np.linspace(0, 1, n + 1)
    low = np.floor(index).astype(np.int64)
    part = index - low
    edges = (1 - part) * x[low] + part * x[np.minimum(low + 1, len(x) - 1)]
    edges = np.where(part > 0, edges, x[low])
    return np.clip(np.searchsorted(edges, score, side="right") - 1, 0, n - 1).astype(np.int64)


def fill_bands(band: IntArray, treated: BoolArray, score: FloatArray) -> IntArray:
    """Bands (n,) of which every one holds both arms, by moving people at the edge of a neighbouring band.

    A band without anybody of an arm takes the person of that arm nearest to it from the next band that has some: from below if it
    is the last, from above if it is the first, otherwise from where there are more to spare and they are nearer (the sum over
    other bands of the people beyond their last, over the distance in bands). MatchIt does the same with `min.n = 1`.
    Bands that nobody is in are passed over. Where an arm has fewer people than there are bands, nobody is moved.
    """
    dense = np.unique(band, return_inverse=True)[1].astype(np.int64)
    k = int(dense.max()) + 1
    if min(int(treated.sum()), int((~treated).sum())) < k:
        return band
    for arm in (treated, ~treated):
        rows = np.flatnonzero(arm)
        count = np.bincount(dense[rows], minlength=k)
        while (count == 0).any():
            empty = int(np.argmin(count))
            step = np.arange(k) - empty
            spare = np.where(count > 1, count - 1, 0)
            pull = float((spare[step != 0] / step[step != 0]).sum())
            below = empty == k - 1 or (empty > 0 and pull <= 0)
            there = np.flatnonzero(count[:empty] if below else count[empty + 1 :])
            source = int(there[-1]) if below else empty + 1 + int(there[0])
            members = rows[dense[rows] == source]
            edge = score[members].max() if below else score[members].min()
            dense[members[score[members] == edge][-1]] = empty
            count[empty] += 1
            count[source] -= 1
    return dense


def coarsened(data: pd.DataFrame, take: Columns, names: Sequence[str], cutpoints: Cutpoints) -> IntArray:
    """Codes (n,) of people alike on every column once numbers are cut into bins.

    Parameters
    ----------
    names : columns; labels and booleans are taken as they are
    cutpoints : bins of equal width for every number, or for each by name; a list is of inner cut points, a value at
        one belonging to the bin above. None is Sturges's rule, :math:`\\lceil \\log_2 n \\rceil + 1` bins.

    References
    ----------
    Iacus, King and Porro (2012) Political Analysis 20:1-24.
    """
    given = cutpoints if isinstance(cutpoints, Mapping) else {}
    odd = sorted(set(given) - set(names))
    if odd:
        raise UsageError(f"cutpoints names {odd}, which are not among the covariates {list(names)}.")
    usual = cutpoints if isinstance(cutpoints, int) else int(np.ceil(np.log2(max(len(data), 2)))) + 1
    parts: dict[str, Any] = {}
    for name in names:
        series = take.series("covariates", name)
        if series is None:
            continue
        if is_categorical(series) or series.dtype.kind == "b":
            if name in given:
                take.problem(
                    f"cutpoints for {name!r}: it holds labels, which cannot be cut. Merge levels first."
                )
            parts[name] = take.labels("covariates", name)[0]
        else:
            values = take.number("covariates", name)
            parts[name] = _cut(values, given.get(name, usual), name)
    take.check()
    frame = pd.DataFrame(parts)
    return np.asarray(frame.groupby(list(frame.columns), sort=False).ngroup(), dtype=np.int64)


def _cut(values: FloatArray, rule: int | Sequence[float], name: str) -> IntArray:
    if isinstance(rule, (int, np.integer)) and not isinstance(rule, bool):
        if rule < 1:
            raise UsageError(f"cutpoints for {name!r} must be at least 1 bin, not {rule}.")
        inner = np.linspace(values.min(), values.max(), int(rule) + 1)[1:-1]
    else:
        inner = np.asarray(rule, dtype=float)
        if inner.ndim != 1 or not np.isfinite(inner).all() or (np.diff(inner) <= 0).any():
            raise UsageError(f"cutpoints for {name!r} must be rising numbers, or a number of bins.")
    return np.searchsorted(inner, values, side="right").astype(np.int64)
