"""Greedy nearest-neighbour matching on points (Mahalanobis distance), by looking at everyone available.

Each choice measures the distance to everyone in the stratum, so time grows as the product of the arms'
sizes; memory stays at one row of distances. Distances within GRAIN of each other are equal, and of
equals the lowest row is taken.
"""

from __future__ import annotations

import heapq

import numpy as np

from ..core.columns import BoolArray, FloatArray, IntArray
from .nearest import Chosen

GRAIN = 1e-10  # of a within-group SD


def nearest_on_points(
    points: FloatArray,
    focal: BoolArray,
    stratum: IntArray,
    *,
    ratio: int = 1,
    replace: bool = False,
    caliper: float | None = None,
    order: str = "data",
    rng: np.random.Generator | None = None,
) -> Chosen:
    """Greedy matches of the focal arm to the other, on Euclidean distance between points.

    Parameters
    ----------
    points : (n, p), whitened so that Euclidean distance is the one meant
    focal : (n,) bool; stratum : (n,) codes 0..s-1
    ratio, replace, caliper : as for `nearest_on_score`
    order : "data", "random" (needs `rng`), "closest" (ties by row)
    """
    rows = np.flatnonzero(focal).astype(np.int64)
    partner = np.full((len(rows), ratio), -1, dtype=np.int64)
    distance = np.full((len(rows), ratio), np.nan)
    for code in np.unique(stratum[rows]).tolist():
        slots = np.flatnonzero(stratum[rows] == code)
        pool = _Pool(points, np.flatnonzero(~focal & (stratum == code)), caliper)
        if len(pool.rows) == 0:
            continue
        if order == "closest" and not replace:
            _closest_first(points, rows, slots, pool, partner, distance)
            continue
        turns = slots if rng is None or order != "random" else rng.permutation(slots)
        for r in range(1 if replace else ratio):
            for i in turns.tolist():
                _choose(points[rows[i]], pool, partner[i], distance[i], r, replace)
    if caliper is not None:
        np.minimum(distance, caliper, out=distance)
    return Chosen(rows, partner, distance)


class _Pool:
    """The people still available in one stratum, columns apart so that equal points get equal bits."""

    def __init__(self, points: FloatArray, rows: IntArray, caliper: float | None) -> None:
        self.rows = rows
        self.columns = [np.ascontiguousarray(points[rows, j]) for j in range(points.shape[1])]
        self.left = np.ones(len(rows), dtype=bool)
        self.reach = np.inf if caliper is None else caliper + GRAIN

    def look(self, point: FloatArray) -> tuple[int, float]:
        """Position of the nearest one available within reach (-1 for none), and how far."""
        square = np.zeros(len(self.rows))
        for column, x in zip(self.columns, point):
            square += (column - x) ** 2
        far = np.sqrt(square)
        key = np.where(self.left & (far <= self.reach), np.rint(far / GRAIN), np.inf)
        at = int(key.argmin())
        return (at, float(far[at])) if np.isfinite(key[at]) else (-1, np.inf)


def _choose(
    point: FloatArray, pool: _Pool, partner: IntArray, distance: FloatArray, r: int, replace: bool
) -> None:
    """One focal person's choice in round r; all their choices at once with replacement."""
    if r > 0 and partner[r - 1] < 0:
        return
    chosen: list[int] = []
    for pick in range(r, len(partner) if replace else r + 1):
        at, far = pool.look(point)
        if at < 0:
            break
        partner[pick], distance[pick] = pool.rows[at], far
        pool.left[at] = False
        chosen.append(at)
    if replace:
        pool.left[chosen] = True


def _closest_first(
    points: FloatArray, rows: IntArray, slots: IntArray, pool: _Pool, partner: IntArray, distance: FloatArray
) -> None:
    """The closest pair of all that is left, again and again; a round for each match a person may have."""
    for r in range(partner.shape[1]):
        heap: list[tuple[float, int]] = []
        for i in slots.tolist():
            if r == 0 or partner[i, r - 1] >= 0:
                at, far = pool.look(points[rows[i]])
                if at >= 0:
                    heap.append((float(np.rint(far / GRAIN)), i))
        heapq.heapify(heap)
        while heap:
            key, i = heapq.heappop(heap)
            at, far = pool.look(points[rows[i]])
            if at < 0:
                continue
            now = float(np.rint(far / GRAIN))
            if now > key:
                heapq.heappush(heap, (now, i))
                continue
            partner[i, r], distance[i, r] = pool.rows[at], far
            pool.left[at] = False
