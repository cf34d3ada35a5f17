"""Optimal full matching: everyone is put in a set of one person with one or more of the other arm, at the least total
distance.

That is a cover of all people by links of least total length: a link whose two people both have another could be left
out, so what remains are stars. On one score, people of both arms are sorted into runs of one arm, and only neighbouring
runs are linked (a longer link would pass two people who could be linked to its ends instead); a dynamic programme runs
over the runs (Colannino and others 2007, Graphs and Combinatorics 23:169-178). For points, each person's nearest
covers them, and a link between two people saves their two nearest ones less its own length: the best savings are a
matching (Schrijver 2003, Combinatorial Optimization, section 19.3).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..core.columns import BoolArray, FloatArray, IntArray
from ..core.compiled import compiled
from ..core.errors import DataError
from .nearest import ROUNDING
from .nearest_limited import Limits
from .optimal import MOST_DENSE


class Edges(NamedTuple):
    """Links between treated and control rows of the data, (l,) each; together they are stars."""

    treated: IntArray
    control: IntArray


def full_on_score(
    score: FloatArray, treated: BoolArray, stratum: IntArray, *, caliper: float | None = None
) -> Edges:
    """Optimal full matching on the absolute difference of one score.

    Parameters
    ----------
    score : (n,) finite; treated : (n,) bool; stratum : (n,) codes, inside which matches stay
    caliper : the longest link allowed, itself included; who has nobody so near is left out

    References
    ----------
    Rosenbaum (1991) JRSS B 53:597-610. Hansen (2004) JASA 99:609-618.
    """
    reach = np.inf if caliper is None else caliper + ROUNDING * float(score.std())
    found: list[tuple[IntArray, IntArray]] = []
    order = np.lexsort((np.arange(len(score)), score, stratum))
    for members in np.split(order, np.flatnonzero(np.diff(stratum[order])) + 1):
        arm = treated[members]
        if arm.all() or not arm.any():
            continue
        x = score[members]
        near = _nearest(x, arm) <= reach
        members, arm, x = members[near], arm[near], x[near]
        if len(members):
            one, other = _cover(x, arm, reach)
            found.append((members[one], members[other]))
    return _stars(found, treated, lambda a, b: np.abs(score[a] - score[b]))


def full_on_points(
    points: FloatArray,
    treated: BoolArray,
    stratum: IntArray,
    limits: Limits | None = None,
    *,
    caliper: float | None = None,
) -> Edges:
    """The same on Euclidean distance between points (n, p), within limits on single columns."""
    from scipy.spatial.distance import cdist

    reach = np.inf if caliper is None else caliper * (1 + ROUNDING)
    found: list[tuple[IntArray, IntArray]] = []
    for code in np.unique(stratum).tolist():
        a = np.flatnonzero(treated & (stratum == code))
        b = np.flatnonzero(~treated & (stratum == code))
        if not len(a) or not len(b):
            continue
        if len(a) * len(b) > MOST_DENSE:
            raise DataError(
                f"method='full' would need {len(a) * len(b):,} distances at once. Give exact= columns, or a score to match "
                "on, which needs none."
            )
        away = cdist(points[a], points[b])
        near = away <= reach
        if limits:
            near &= limits.allows(a, b)
        one, other = _savings(np.where(near, away, np.inf))
        found.append((a[one], b[other]))
    return _stars(found, treated, lambda a, b: np.sqrt(((points[a] - points[b]) ** 2).sum(axis=1)))


def _stars(
    found: list[tuple[IntArray, IntArray]],
    treated: BoolArray,
    length: Callable[[IntArray, IntArray], FloatArray],
) -> Edges:
    """The links with the treated first, without those, longest first, whose people both have another."""
    if not found:
        return Edges(np.zeros(0, np.int64), np.zeros(0, np.int64))
    one, other = (np.concatenate(side) for side in zip(*found))
    first = np.where(treated[one], one, other)
    second = np.where(treated[one], other, one)
    degree = np.bincount(np.concatenate([first, second]), minlength=len(treated))
    keep = _without_spare(first, second, np.argsort(-length(first, second), kind="stable"), degree)
    order = np.lexsort((second[keep], first[keep]))
    return Edges(first[keep][order].astype(np.int64), second[keep][order].astype(np.int64))


@compiled
def _without_spare(first: IntArray, second: IntArray, order: IntArray, degree: IntArray) -> BoolArray:
    keep = np.ones(len(first), np.bool_)
    for e in order:
        if degree[first[e]] > 1 and degree[second[e]] > 1:
            keep[e] = False
            degree[first[e]] -= 1
            degree[second[e]] -= 1
    return keep


@compiled
def _nearest(x: FloatArray, arm: BoolArray) -> FloatArray:
    """Distance (n,) of each to the nearest of the other arm; x sorted."""
    n = len(x)
    far = np.full(n, np.inf)
    for side in range(2):
        last = np.array([np.nan, np.nan])
        for k in range(n):
            i = k if side == 0 else n - 1 - k
            there = last[0 if arm[i] else 1]
            if not np.isnan(there):
                far[i] = min(far[i], abs(x[i] - there))
            last[1 if arm[i] else 0] = x[i]
    return far


@compiled
def _widest_pairs(x: FloatArray, a_begin: int, begin: int, n: int, arm: BoolArray) -> FloatArray:
    """The longest of the p links between the last p of a run and the first p of the next, for each p."""
    s, t = begin - a_begin, 0
    while begin + t < n and arm[begin + t] == arm[begin]:
        t += 1
    widest = np.zeros(max(s, t) + 1)
    for p in range(1, min(s, t) + 1):
        for q in range(p):
            widest[p] = max(widest[p], x[begin + q] - x[begin - p + q])
    return widest


@compiled
def _read_back(run: IntArray, reached: IntArray) -> tuple[IntArray, IntArray]:
    """The links behind the least cost, from the number of the run before that each step went back to."""
    n = len(run)
    one, other = np.empty(2 * n, np.int64), np.empty(2 * n, np.int64)
    m, k = 0, n
    while k > 0:
        begin = run[k - 1]
        i, j = k - begin, reached[k]
        for q in range(max(i, j)):
            # Pairs run together; who is left over goes to the nearest end of the other run.
            if j >= i:
                a = begin - j + q
                b = begin + max(0, q - (j - i))
            else:
                a = begin - j + min(q, j - 1) if j > 0 else begin - 1
                b = begin + q
            one[m], other[m] = a, b
            m += 1
        k = begin - j
    return one[:m], other[:m]


@compiled
def _cover(x: FloatArray, arm: BoolArray, reach: float) -> tuple[IntArray, IntArray]:
    """Links (positions) of least total length, none longer than `reach`, that cover every x (n,), sorted.

    cost[i] covers the first i people. The i-th of a run is covered with the i before it in its run and the last j of
    the run before, of which the rest are covered already: min(i, j) of them in pairs, the others to the nearest end
    of the other run.
    """
    n = len(x)
    cost = np.full(n + 1, np.inf)
    cost[0] = 0.0
    reached = np.zeros(n + 1, np.int64)
    run = np.zeros(n, np.int64)  # where each one's run begins
    for k in range(1, n):
        run[k] = run[k - 1] if arm[k] == arm[k - 1] else k
    for k in range(n):
        begin = run[k]
        if begin == 0:
            continue
        a_begin = run[begin - 1]
        s, i = begin - a_begin, k - begin + 1
        if i == 1:
            widest = _widest_pairs(x, a_begin, begin, n, arm)
        end = x[begin - 1]
        own = 0.0
        for q in range(begin, k + 1):
            own += x[q]
        given = 0.0
        for j in range(s + 1):
            if j > 0:
                given += x[begin - j]
            pairs = min(i, j)
            if widest[pairs] > reach or (i > j and x[k] - end > reach):
                continue
            if j > i:
                if x[begin] - x[begin - j] > reach:
                    break
                total = cost[begin - j] + own - given + (j - i) * x[begin]
            else:
                total = cost[begin - j] + own - given - (i - j) * end
            if total < cost[k + 1]:
                cost[k + 1], reached[k + 1] = total, j
    return _read_back(run, reached)


def _savings(away: FloatArray) -> tuple[IntArray, IntArray]:
    """Rows and columns of a cover of least total, for distances (a, b) that are infinite where not allowed."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    near_row, near_column = away.min(axis=1), away.min(axis=0)
    row, column = np.nonzero(np.isfinite(away) & (away < near_row[:, None] + near_column[None, :]))
    saving = near_row[row] + near_column[column] - away[row, column]
    one, other = np.zeros(0, np.int64), np.zeros(0, np.int64)
    if len(row):
        rows, at = np.unique(row, return_inverse=True)
        top = float(saving.max()) + 1.0
        weight = np.concatenate([top - saving, np.full(len(rows), top)])
        alone = away.shape[1] + np.arange(len(rows))
        graph = coo_array(
            (weight, (np.concatenate([at, np.arange(len(rows))]), np.concatenate([column, alone]))),
            shape=(len(rows), away.shape[1] + len(rows)),
        )
        chosen, partner = min_weight_full_bipartite_matching(graph.tocsr())
        kept = partner < away.shape[1]
        one, other = rows[chosen[kept]], partner[kept]
    left = np.setdiff1d(np.flatnonzero(np.isfinite(near_row)), one)
    right = np.setdiff1d(np.flatnonzero(np.isfinite(near_column)), other)
    return (
        np.concatenate([one, left, away[:, right].argmin(axis=0)]).astype(np.int64),
        np.concatenate([other, away[left].argmin(axis=1), right]).astype(np.int64),
    )
