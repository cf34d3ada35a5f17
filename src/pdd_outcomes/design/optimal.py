"""Optimal pair and ratio matching: as many links as there can be, and of those the least total distance.

On one score an optimum exists in which no two links cross, also inside a caliper: uncrossing two links makes
neither the total nor the longer of them longer. So people of both arms are sorted, and a dynamic programme runs
over (focal person, available person), each only inside the window in which a partner can lie. Points have no such
order and go to an assignment solver.
"""

from __future__ import annotations

import numpy as np

from ..core.columns import BoolArray, FloatArray, IntArray
from ..core.compiled import compiled
from ..core.errors import DataError
from .nearest import ROUNDING, Chosen
from .nearest_limited import Limits

MOST_CELLS = 8_000_000_000  # of the programme: 2 GB of decisions at two bits each
MOST_DENSE = 60_000_000  # distances held at once for points
SKIP, TAKE, LEAVE = 0, 1, 2


def optimal_on_score(
    score: FloatArray, focal: BoolArray, stratum: IntArray, *, ratio: int = 1, caliper: float | None = None
) -> Chosen:
    """Optimal matches of the focal arm to the other without replacement, on the absolute difference of one score.

    Parameters
    ----------
    score : (n,) finite; focal : (n,) bool, the arm that is to have `ratio` matches each
    stratum : (n,) codes; matches stay inside a stratum
    caliper : the largest distance allowed, itself included; None is no limit

    References
    ----------
    Rosenbaum (1989) JASA 84:1024-1032, for the problem.
    """
    rows = np.flatnonzero(focal).astype(np.int64)
    partner = np.full((len(rows), ratio), -1, dtype=np.int64)
    slot = np.cumsum(focal) - 1
    reach = np.inf if caliper is None else caliper + ROUNDING * float(score.std())
    order = np.lexsort((np.arange(len(score)), score, stratum))
    for members in np.split(order, np.flatnonzero(np.diff(stratum[order])) + 1):
        seekers, others = members[focal[members]], members[~focal[members]]
        if not len(seekers) or not len(others):
            continue
        copies = np.repeat(seekers, ratio)
        mover, found = _assign(score[copies], score[others], reach)
        _fill(partner, slot[copies[mover]], others[found])
    distance = np.abs(score[rows][:, None] - np.where(partner >= 0, score[partner], np.nan))
    return Chosen(rows, partner, distance if caliper is None else np.minimum(distance, caliper))


def optimal_on_points(
    points: FloatArray,
    focal: BoolArray,
    stratum: IntArray,
    limits: Limits | None = None,
    *,
    ratio: int = 1,
    caliper: float | None = None,
) -> Chosen:
    """The same on Euclidean distance between points (n, p), by an assignment solver, within limits on single columns.

    References
    ----------
    Jonker and Volgenant (1987) Computing 38:325-340, as in SciPy's `linear_sum_assignment`, and its sparse form in
    `min_weight_full_bipartite_matching` where a caliper makes most pairs impossible.
    """
    rows = np.flatnonzero(focal).astype(np.int64)
    partner = np.full((len(rows), ratio), -1, dtype=np.int64)
    slot = np.cumsum(focal) - 1
    order = np.lexsort((np.arange(len(points)), stratum))
    for members in np.split(order, np.flatnonzero(np.diff(stratum[order])) + 1):
        seekers, others = members[focal[members]], members[~focal[members]]
        if not len(seekers) or not len(others):
            continue
        copies = np.repeat(seekers, ratio)
        if len(copies) * len(others) <= MOST_DENSE:
            allowed = limits.allows(copies, others) if limits else None
            mover, found = _assign_all(points[copies], points[others], caliper, allowed)
        elif caliper is not None and not limits:
            mover, found = _assign_near(points[copies], points[others], caliper)
        else:
            raise DataError(
                f"method='optimal' would need {len(copies) * len(others):,} distances at once. Give a caliper, exact= columns, or "
                "a score to match on, which needs none."
            )
        _fill(partner, slot[copies[mover]], others[found])
    away = points[rows][:, None, :] - np.where(partner[:, :, None] >= 0, points[partner], np.nan)
    distance = np.sqrt((away**2).sum(axis=2))
    return Chosen(rows, partner, distance if caliper is None else np.minimum(distance, caliper))


def _fill(partner: IntArray, slots: IntArray, found: IntArray) -> None:
    """Put each focal slot's finds side by side, in order of row."""
    order = np.lexsort((found, slots))
    slots, found = slots[order], found[order]
    new = np.append(True, np.diff(slots) != 0)
    place = np.arange(len(slots)) - np.maximum.accumulate(np.where(new, np.arange(len(slots)), 0))
    partner[slots, place] = found


def _assign(x: FloatArray, y: FloatArray, reach: float) -> tuple[IntArray, IntArray]:
    """Positions in x (f,) and y (c,), both sorted, of an optimal assignment without crossings."""
    if np.isinf(reach) and len(x) > len(y):
        found, mover = _assign(y, x, reach)
        return mover, found
    if np.isinf(reach):
        low, high = _brackets(x, y)
        keep = np.arange(len(x), dtype=np.int64)
    else:
        low = np.searchsorted(y, x - reach, side="left").astype(np.int64)
        high = np.searchsorted(y, x + reach, side="right").astype(np.int64) - 1
        keep = np.flatnonzero(low <= high).astype(np.int64)
        low, high = low[keep], high[keep]
    cells = int((high - low + 1).sum())
    if cells > MOST_CELLS:
        raise DataError(
            f"method='optimal' would weigh {cells:,} pairs. Narrow the caliper, give exact= columns, or use method='nearest', which "
            "at this size comes as close as matters."
        )
    match = _programme(x[keep], y, low, high, reach)
    taken = match >= 0
    return keep[taken], match[taken]


@compiled
def _brackets(x: FloatArray, y: FloatArray) -> tuple[IntArray, IntArray]:
    """The window of y in which each x has its partner in some optimum, where all x are matched.

    If every x went left to the nearest y that no x between them needs, as brackets close, x need go no further:
    among the y's from there to x one is free or serves an x from outside, and x can have it at no greater total.
    """
    f, c = len(x), len(y)
    low, high = np.zeros(f, np.int64), np.full(f, c - 1, np.int64)
    stack, depth, j = np.empty(c, np.int64), 0, 0
    for i in range(f):
        while j < c and y[j] <= x[i]:
            stack[depth] = j
            depth += 1
            j += 1
        if depth > 0:
            depth -= 1
            low[i] = stack[depth]
    depth, j = 0, c - 1
    for i in range(f - 1, -1, -1):
        while j >= 0 and y[j] >= x[i]:
            stack[depth] = j
            depth += 1
            j -= 1
        if depth > 0:
            depth -= 1
            high[i] = stack[depth]
    for i in range(f):  # where values tie, the brackets' ends may lie the wrong way round
        if low[i] > high[i]:
            low[i], high[i] = high[i], low[i]
    # Links do not cross, so windows may be widened until both ends rise with x.
    for i in range(f - 2, -1, -1):
        low[i] = min(low[i], low[i + 1])
    for i in range(1, f):
        high[i] = max(high[i], high[i - 1])
    return low, high


@compiled
def _trace(decision: IntArray, begin: IntArray, low: IntArray, high: IntArray) -> IntArray:
    """The partner of each x, -1 for none, read back from the decisions."""
    f = len(low)
    match = np.full(f, -1, np.int64)
    q = high[f - 1] if f else 0
    for i in range(f - 1, -1, -1):
        q = min(q, high[i])
        while True:
            cell = begin[i] + q - low[i] + 1
            choice = (decision[cell >> 2] >> (2 * (cell & 3))) & 3
            if choice == SKIP:
                q -= 1
                continue
            if choice == TAKE:
                match[i] = q
                q -= 1
            break
    return match


@compiled
def _programme(x: FloatArray, y: FloatArray, low: IntArray, high: IntArray, reach: float) -> IntArray:
    """The partner of each x, -1 for none: fewest left without, then the least total of absolute differences.

    Row i holds, for each y of its window and one place before it, the best of x[0..i] with y up to there.
    """
    f = len(x)
    begin = np.zeros(f + 1, np.int64)
    for i in range(f):
        begin[i + 1] = begin[i] + high[i] - low[i] + 2
    decision = np.zeros(begin[f] // 4 + 1, np.uint8)
    width = 2
    for i in range(f):
        width = max(width, high[i] - low[i] + 2)
    left, cost = np.zeros(width, np.int64), np.zeros(width)
    left_before, cost_before = np.zeros(width, np.int64), np.zeros(width)
    start_before, last_before = -1, 0
    may_leave = reach < np.inf
    for i in range(f):
        start, n = low[i] - 1, high[i] - low[i] + 2
        for k in range(n):
            q = start + k
            choice, best_left, best = LEAVE, np.int64(2**60), np.inf
            at = min(q - start_before, last_before)
            if may_leave:
                best_left, best = left_before[at] + 1, cost_before[at]
            if k > 0:
                before = min(q - 1 - start_before, last_before)
                if left_before[before] < 2**60:
                    taken = cost_before[before] + abs(x[i] - y[q])
                    if left_before[before] < best_left or (left_before[before] == best_left and taken <= best):
                        choice, best_left, best = TAKE, left_before[before], taken
                if left[k - 1] < best_left or (left[k - 1] == best_left and cost[k - 1] <= best):
                    choice, best_left, best = SKIP, left[k - 1], cost[k - 1]
            left[k], cost[k] = best_left, best
            cell = begin[i] + k
            decision[cell >> 2] |= np.uint8(choice << (2 * (cell & 3)))
        left, left_before = left_before, left
        cost, cost_before = cost_before, cost
        start_before, last_before = start, n - 1
    return _trace(decision, begin, low, high)


def _assign_all(
    x: FloatArray, y: FloatArray, caliper: float | None, allowed: BoolArray | None
) -> tuple[IntArray, IntArray]:
    """Positions in x (f, p) and y (c, p) of an optimal assignment: as many links as can be, then the least total."""
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist

    price = cdist(x, y)
    fine = np.ones(price.shape, dtype=bool) if allowed is None else allowed
    if caliper is not None:
        fine = fine & (price <= caliper * (1 + ROUNDING))
    # A pair that is not allowed is dearer than any number of links that are.
    price[~fine] = (float(price[fine].max(initial=0.0)) + 1.0) * (min(price.shape) + 1)
    mover, found = linear_sum_assignment(price)
    kept = fine[mover, found]
    return mover[kept].astype(np.int64), found[kept].astype(np.int64)


def _assign_near(x: FloatArray, y: FloatArray, caliper: float) -> tuple[IntArray, IntArray]:
    """The same among pairs no further apart than the caliper: as many as can be, then the least total."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching
    from scipy.spatial import cKDTree

    near = cKDTree(x).sparse_distance_matrix(cKDTree(y), caliper * (1 + ROUNDING), output_type="coo_matrix")
    f, c = len(x), len(y)
    # A place of his own for each x, dearer than any number of links, so that somebody may stay without.
    alone = float(caliper) * (f + 1) + 1.0
    graph = coo_array(
        (
            np.concatenate([near.data + 1.0, np.full(f, alone + 1.0)]),  # the solver drops weights of 0
            (np.concatenate([near.row, np.arange(f)]), np.concatenate([near.col, c + np.arange(f)])),
        ),
        shape=(f, c + f),
    )
    mover, found = min_weight_full_bipartite_matching(graph.tocsr())
    kept = found < c
    return mover[kept].astype(np.int64), found[kept].astype(np.int64)
