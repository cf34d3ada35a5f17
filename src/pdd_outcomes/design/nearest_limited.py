"""Greedy nearest-neighbour matching under limits on single columns, by looking at everyone within the first limit.

People of the other arm are sorted, in each exact stratum, by the column that limits most (the score itself where it has a
caliper), so a choice looks only at those within its width. Distances within ROUNDING of the SD are equal, and of equals
the lowest row is taken.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from ..core.columns import BoolArray, FloatArray, IntArray
from ..core.compiled import compiled
from .nearest import ROUNDING, Chosen


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """What two people must not differ by, or must differ on.

    Attributes
    ----------
    values : (n, q) columns; widths : (q,) the largest difference allowed in each, itself included
    labels : (n, r) codes; two people who agree on any of them are not matched
    """

    values: FloatArray
    widths: FloatArray
    labels: IntArray

    def __bool__(self) -> bool:
        return bool(self.values.shape[1] + self.labels.shape[1] > 0)

    def allows(self, one: IntArray, other: IntArray) -> BoolArray:
        """Whether each of `one` (a,) and each of `other` (b,) may be matched: (a, b)."""
        fine = np.ones((len(one), len(other)), dtype=bool)
        for j, width in enumerate(self.widths):
            x = self.values[:, j]
            fine &= np.abs(x[one][:, None] - x[other]) <= width + ROUNDING * float(x.std())
        for j in range(self.labels.shape[1]):
            fine &= self.labels[one, j][:, None] != self.labels[other, j]
        return fine


def nearest_within(
    points: FloatArray,
    focal: BoolArray,
    stratum: IntArray,
    limits: Limits,
    *,
    ratio: int = 1,
    wanted: IntArray | None = None,
    replace: bool = False,
    caliper: float | None = None,
    turns: IntArray | None = None,
) -> Chosen:
    """Greedy matches of the focal arm to the other, on Euclidean distance between points (n, p), within the limits.

    Parameters
    ----------
    points : (n, p); a score is one column
    focal : (n,) bool; stratum : (n,) codes 0..s-1
    wanted : (f,) how many each is to have where that differs, at most `ratio`
    turns : (f,) focal slots in the order in which they choose; None is the closest pair of all, again and again
    """
    rows = np.flatnonzero(focal).astype(np.int64)
    grain = np.array([ROUNDING * max(float(x.std()), np.finfo(float).tiny) for x in limits.values.T])
    same = max(ROUNDING * float(points.std(axis=0).max()), np.finfo(float).tiny)
    reach = np.inf if caliper is None else caliper + same
    on_score = points.shape[1] == 1 and caliper is not None
    if on_score or limits.values.shape[1] == 0:
        key, width = points[:, 0], (reach if on_score else np.inf)
    else:
        key, width = limits.values[:, 0], float(limits.widths[0] + grain[0])
    others = np.flatnonzero(~focal)
    pool = others[np.lexsort((others, key[others], stratum[others]))].astype(np.int64)
    first = np.searchsorted(stratum[pool], np.arange(int(stratum.max()) + 2)).astype(np.int64)
    low, high = _windows(key, stratum, rows, pool, first, width)
    partner = np.full((len(rows), ratio), -1, dtype=np.int64)
    distance = np.full((len(rows), ratio), np.nan)
    space = (
        np.ascontiguousarray(points), np.ascontiguousarray(limits.values), limits.widths + grain,
        np.ascontiguousarray(limits.labels), pool, low, high, reach, same,
    )  # fmt: skip
    free = np.ones(len(pool), dtype=np.bool_)
    wants = np.full(len(rows), ratio, dtype=np.int64) if wanted is None else wanted
    if turns is None and not replace:
        _closest(rows, wants, *space, free, partner, distance)
    else:
        order = np.arange(len(rows), dtype=np.int64) if turns is None else turns
        _turn_by_turn(order, rows, wants, *space, free, replace, partner, distance)
    if caliper is not None:
        np.minimum(distance, caliper, out=distance)
    return Chosen(rows, partner, distance)


@compiled
def _windows(
    key: FloatArray, stratum: IntArray, rows: IntArray, pool: IntArray, first: IntArray, width: float
) -> tuple[IntArray, IntArray]:
    """For each focal row, where in the pool those of its stratum within `width` of its key begin and end."""
    low, high = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
    sorted_key = key[pool]
    for i in range(len(rows)):
        begin, end = first[stratum[rows[i]]], first[stratum[rows[i]] + 1]
        inside = sorted_key[begin:end]
        low[i] = begin + np.searchsorted(inside, key[rows[i]] - width)
        high[i] = begin + np.searchsorted(inside, key[rows[i]] + width, side="right")
    return low, high


@compiled
def _best(
    row: int, points: FloatArray, values: FloatArray, widths: FloatArray, labels: IntArray,
    pool: IntArray, low: int, high: int, reach: float, same: float, free: BoolArray,
) -> tuple[int, float]:  # fmt: skip
    """Place in the pool of the nearest free person allowed (-1 for none), and how far."""
    at, least = -1, np.inf
    for k in range(low, high):
        if not free[k]:
            continue
        other = pool[k]
        allowed = True
        for j in range(len(widths)):
            if abs(values[row, j] - values[other, j]) > widths[j]:
                allowed = False
                break
        for j in range(labels.shape[1]):
            if labels[row, j] == labels[other, j]:
                allowed = False
                break
        if not allowed:
            continue
        square = 0.0
        for j in range(points.shape[1]):
            square += (points[row, j] - points[other, j]) ** 2
        far = np.sqrt(square)
        if far > reach:
            continue
        if at < 0 or far < least - same or (far <= least + same and other < pool[at]):
            at, least = k, far
    return at, least


@compiled
def _turn_by_turn(
    order: IntArray, rows: IntArray, wants: IntArray, points: FloatArray, values: FloatArray, widths: FloatArray, labels: IntArray,
    pool: IntArray, low: IntArray, high: IntArray, reach: float, same: float, free: BoolArray,
    replace: bool, partner: IntArray, distance: FloatArray,
) -> None:  # fmt: skip
    """Fill partner and distance (f, k), round after round; with replacement one person's choices at once."""
    ratio = partner.shape[1]
    taken = np.empty(ratio, np.int64)
    for r in range(1 if replace else ratio):
        for i in order:
            if r >= wants[i] or (r > 0 and partner[i, r - 1] < 0):
                continue
            held = 0
            for pick in range(r, wants[i] if replace else r + 1):
                at, far = _best(
                    rows[i], points, values, widths, labels, pool, low[i], high[i], reach, same, free
                )
                if at < 0:
                    break
                partner[i, pick], distance[i, pick] = pool[at], far
                free[at] = False
                taken[held] = at
                held += 1
            if replace:
                for h in range(held):
                    free[taken[h]] = True


@compiled
def _closest(
    rows: IntArray, wants: IntArray, points: FloatArray, values: FloatArray, widths: FloatArray, labels: IntArray,
    pool: IntArray, low: IntArray, high: IntArray, reach: float, same: float, free: BoolArray,
    partner: IntArray, distance: FloatArray,
) -> None:  # fmt: skip
    """The closest pair of all that is left, again and again; a round for each match a person may have."""
    for r in range(partner.shape[1]):
        heap = [(0.0, 0) for _ in range(0)]
        for i in range(len(rows)):
            if r < wants[i] and (r == 0 or partner[i, r - 1] >= 0):
                at, far = _best(
                    rows[i], points, values, widths, labels, pool, low[i], high[i], reach, same, free
                )
                if at >= 0:
                    heap.append((far, i))
        heapq.heapify(heap)
        while len(heap) > 0:
            key, i = heapq.heappop(heap)
            at, far = _best(rows[i], points, values, widths, labels, pool, low[i], high[i], reach, same, free)
            if at < 0:
                continue
            if far > key:
                heapq.heappush(heap, (far, i))
                continue
            partner[i, r], distance[i, r] = pool[at], far
            free[at] = False
