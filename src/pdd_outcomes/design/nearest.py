"""Greedy nearest-neighbour matching on one score, in about n log n steps.

Within each exact stratum the available people are runs of equal scores in sorted order, and a run that
is used up is unlinked, so the nearest one left is found in almost constant time (links are shortened as
they are followed: Tarjan 1975, Journal of the ACM 22:215-225). Nothing of size n x m is ever made.

Which is nearest, where more than one could be said to be (the same for every order and option):

1. Of available people with exactly the same score, the one in the lowest row.
2. Where the nearest at or below and the nearest above are equally far, the one below. Distances that
   differ by no more than ROUNDING spreads are equal.
3. Scores closer than ALIKE spreads are the same score: if both neighbours are that close, the one below.

The spread is the SD of the scores, or the interquartile range over 1.349 where that is smaller. So with
distinct scores the order of the rows decides nothing, and differences far below what a fitted score is
known to (a logistic fit is converged to about 1e-8) decide nothing either.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from ..core.columns import BoolArray, FloatArray, IntArray
from ..core.compiled import compiled

ALIKE = 1e-6
ROUNDING = 1e-10
NOBODY = np.inf  # the score of the wall between two strata: further than any caliper


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """Who was chosen for whom.

    Attributes
    ----------
    focal : (f,) rows of the people who look for a match, ascending
    partner : (f, k) rows chosen for each, in the order chosen, -1 where none
    distance : (f, k) float, NaN where none
    """

    focal: IntArray
    partner: IntArray
    distance: FloatArray


def nearest_on_score(
    score: FloatArray,
    focal: BoolArray,
    stratum: IntArray,
    *,
    ratio: int = 1,
    wanted: IntArray | None = None,
    replace: bool = False,
    caliper: float | None = None,
    order: str = "largest",
    rng: np.random.Generator | None = None,
) -> Chosen:
    """Greedy matches of the focal arm to the other, on the absolute difference of one score.

    Parameters
    ----------
    score : (n,) finite
    focal : (n,) bool, the arm that looks for matches
    stratum : (n,) codes 0..s-1; matches stay inside a stratum
    ratio : how many each is to have. Everyone gets a first before anyone gets a second.
    wanted : (f,) how many each is to have where that differs, at most `ratio`
    replace : whether a person may be chosen again (never twice by the same focal person)
    caliper : the largest distance allowed, itself included; None is no limit
    order : who chooses first: "largest" or "smallest" score (ties by row), "data" (rows), "random"
        (needs `rng`), "closest" (the closest pair of all, again and again; ties by largest focal score)

    Returns
    -------
    Chosen

    References
    ----------
    Rosenbaum & Rubin (1985) American Statistician 39:33-38. Austin (2014) Statistics in Medicine
    33:1057-1069, compares the orders.
    """
    by_score = np.argsort(score).astype(np.int64)
    by_stratum = _sort_within_strata(by_score, score, stratum)
    rows = np.flatnonzero(focal).astype(np.int64)
    members, start, value, place, queue = _lay_out(by_stratum, score, focal, stratum, len(rows))
    x = score[rows]
    near, grain = _resolution(score)
    reach = np.finfo(float).max if caliper is None else caliper + grain
    partner = np.full((len(rows), ratio), -1, dtype=np.int64)
    distance = np.full((len(rows), ratio), np.nan)
    links = np.arange(len(value), dtype=np.int64)
    wants = np.full(len(rows), ratio, dtype=np.int64) if wanted is None else wanted
    shelf = (value, start, members, links, links.copy(), np.zeros(len(value), dtype=np.int64))
    if order == "closest" and not replace:
        by_rank = np.argsort(-x, kind="stable").astype(np.int64)
        _closest_first(x, wants, place, by_rank, *shelf, reach, near, grain, partner, distance)
    else:
        turns = _turns(order, queue, x, stratum[rows], rng)
        _in_turn(turns, x, wants, place, *shelf, replace, reach, near, grain, partner, distance)
    if caliper is not None:
        np.minimum(distance, caliper, out=distance)
    return Chosen(rows, partner, distance)


def _resolution(score: FloatArray) -> tuple[float, float]:
    """The distances below which scores are the same score, and two distances are equal."""
    low, high = np.quantile(score, [0.25, 0.75])
    spread = min(float(score.std()), float(high - low) / 1.349)
    return ALIKE * spread, max(ROUNDING * spread, np.finfo(float).tiny)


def _turns(
    order: str, queue: IntArray, x: FloatArray, stratum: IntArray, rng: np.random.Generator | None
) -> IntArray:
    """Focal slots in the order in which they choose; order across strata does not matter."""
    if order == "largest":
        return _largest_first(queue, x, stratum)
    if order == "smallest":
        return queue
    if order == "random" and rng is not None:
        return rng.permutation(len(queue)).astype(np.int64)
    return np.arange(len(queue), dtype=np.int64)


@compiled
def _sort_within_strata(by_score: IntArray, score: FloatArray, stratum: IntArray) -> IntArray:
    """Rows sorted by stratum, then score, then row, from rows sorted by score alone."""
    n = len(by_score)
    begin = 0
    for i in range(1, n + 1):
        if i == n or score[by_score[i]] != score[by_score[begin]]:
            if i - begin > 1:
                by_score[begin:i].sort()
            begin = i
    strata = stratum.max() + 1
    if strata == 1:
        return by_score
    at = np.zeros(strata + 1, np.int64)
    for i in range(n):
        at[stratum[i] + 1] += 1
    for s in range(strata):
        at[s + 1] += at[s]
    sorted_rows = np.empty(n, np.int64)
    for i in range(n):
        s = stratum[by_score[i]]
        sorted_rows[at[s]] = by_score[i]
        at[s] += 1
    return sorted_rows


@compiled
def _lay_out(
    rows: IntArray, score: FloatArray, focal: BoolArray, stratum: IntArray, n_focal: int
) -> tuple[IntArray, IntArray, FloatArray, IntArray, IntArray]:
    """The available people on a shelf of runs of equal score, with a wall at each end of a stratum.

    Returns members (m,) rows in shelf order; start (g + 1,) of each run's members; value (g,) of each
    run; place (f,) the last run at or below each focal slot; queue (f,) focal slots by stratum, score, row.
    """
    n = len(rows)
    slot = np.empty(n, np.int32)
    at = 0
    for i in range(n):
        slot[i] = at
        if focal[i]:
            at += 1
    most = n - n_focal + stratum.max() + 3
    members = np.empty(n - n_focal, np.int64)
    start = np.zeros(most + 1, np.int64)
    value = np.empty(most, np.float64)
    place, queue = np.empty(n_focal, np.int64), np.empty(n_focal, np.int64)
    value[0] = NOBODY
    runs, held, queued, first, waiting = 1, 0, 0, 0, 0
    many = stratum.max() > 0
    last_stratum, last_score = stratum[rows[0]], score[rows[0]]
    for i in range(n + 1):
        # One look at each row: they lie all over memory, and at ten million that is what takes the time.
        row = rows[min(i, n - 1)]
        here = stratum[row] if many else last_stratum
        v = score[row]
        if i == n or v != last_score or here != last_stratum:
            if held > first:
                value[runs], start[runs] = last_score, first
                runs += 1
            for q in range(waiting, queued):
                place[queue[q]] = runs - 1
            first, waiting = held, queued
            if i == n or here != last_stratum:
                value[runs], start[runs] = NOBODY, held
                runs += 1
            last_stratum, last_score = here, v
        if i == n:
            break
        if focal[row]:
            queue[queued] = slot[row]
            queued += 1
        else:
            members[held] = row
            held += 1
    start[runs] = held
    return members, start[: runs + 1], value[:runs], place, queue


@compiled
def _largest_first(queue: IntArray, x: FloatArray, stratum: IntArray) -> IntArray:
    """The queue from its end, with slots of equal score in the same stratum still in row order."""
    turned = np.empty(len(queue), np.int64)
    end, out = len(queue), 0
    while end > 0:
        begin = end - 1
        last = queue[begin]
        while begin > 0 and x[queue[begin - 1]] == x[last] and stratum[queue[begin - 1]] == stratum[last]:
            begin -= 1
        for i in range(begin, end):
            turned[out] = queue[i]
            out += 1
        end = begin
    return turned


@compiled
def _follow(link: IntArray, at: int) -> int:
    """The end of a chain of links, each second one shortened on the way."""
    while link[at] != at:
        link[at] = link[link[at]]
        at = link[at]
    return at


@compiled
def _look(
    x: float,
    place: int,
    value: FloatArray,
    below: IntArray,
    above: IntArray,
    reach: float,
    near: float,
    grain: float,
) -> tuple[int, float, float]:
    """The run to choose from (-1 for none), its distance, and the least distance of either side."""
    left, right = _follow(below, place), _follow(above, place + 1)
    down, up = abs(x - value[left]), abs(value[right] - x)
    if not down <= reach and not up <= reach:
        return -1, np.inf, np.inf
    least = min(down, up)
    if not up <= reach:
        return left, down, least
    if not down <= reach:
        return right, up, least
    if down <= up + grain or (down < near and up < near):
        return left, down, least
    return right, up, least


@compiled
def _take(
    run: int, start: IntArray, members: IntArray, below: IntArray, above: IntArray, used: IntArray
) -> int:
    """The next member of a run, which is unlinked when it was the last."""
    row = int(members[start[run] + used[run]])
    used[run] += 1
    if start[run] + used[run] == start[run + 1]:
        below[run], above[run] = run - 1, run + 1
    return row


@compiled
def _in_turn(
    turns: IntArray, x: FloatArray, wants: IntArray, place: IntArray,
    value: FloatArray, start: IntArray, members: IntArray, below: IntArray, above: IntArray, used: IntArray,
    replace: bool, reach: float, near: float, grain: float, partner: IntArray, distance: FloatArray,
) -> None:  # fmt: skip
    """Fill partner and distance (f, k), focal slots choosing in turn; round after round unless with replacement."""
    ratio = partner.shape[1]
    taken = np.empty(ratio, np.int64)
    rounds, picks = (1, ratio) if replace else (ratio, 1)
    for r in range(rounds):
        for i in turns:
            if r >= wants[i] or (r > 0 and partner[i, r - 1] < 0):
                continue
            found = 0
            for pick in range(min(picks, wants[i])):
                run, d, _ = _look(x[i], place[i], value, below, above, reach, near, grain)
                if run < 0:
                    break
                partner[i, r + pick] = _take(run, start, members, below, above, used)
                distance[i, r + pick] = d
                taken[pick] = run
                found += 1
            if replace:  # put them back
                for pick in range(found):
                    run = taken[pick]
                    used[run] -= 1
                    below[run], above[run] = run, run


@compiled
def _closest_first(
    x: FloatArray, wants: IntArray, place: IntArray, by_rank: IntArray,
    value: FloatArray, start: IntArray, members: IntArray, below: IntArray, above: IntArray, used: IntArray,
    reach: float, near: float, grain: float, partner: IntArray, distance: FloatArray,
) -> None:  # fmt: skip
    """Fill partner and distance (f, k) by the closest pair of all that is left, round after round.

    A slot's least distance can only grow as people are used, so what is first in the heap and still true
    is the closest.
    """
    for r in range(partner.shape[1]):
        heap = [(0.0, 0) for _ in range(0)]
        for who in range(len(by_rank)):
            i = by_rank[who]
            if r < wants[i] and (r == 0 or partner[i, r - 1] >= 0):
                run, _, least = _look(x[i], place[i], value, below, above, reach, near, grain)
                if run >= 0:
                    heap.append((0.0 if least < near else np.rint(least / grain), who))
        heapq.heapify(heap)
        while len(heap) > 0:
            key, who = heapq.heappop(heap)
            i = by_rank[who]
            run, d, least = _look(x[i], place[i], value, below, above, reach, near, grain)
            if run < 0:
                continue
            now = 0.0 if least < near else np.rint(least / grain)
            if now > key:
                heapq.heappush(heap, (now, who))
                continue
            partner[i, r] = _take(run, start, members, below, above, used)
            distance[i, r] = d
