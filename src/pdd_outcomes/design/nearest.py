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
from .loops import standard_deviation
from .shelf import Arm, Places, lay_out, middle_spread, sort_arm

ALIKE = 1e-6
ROUNDING = 1e-10


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
    strata = int(stratum.max()) + 1
    seekers, others = (sort_arm(arm, score, stratum, strata) for arm in (focal, ~focal))
    shelf = lay_out(seekers, others)
    near, grain = _resolution(score, seekers, others)
    reach = np.finfo(float).max if caliper is None else caliper + grain
    f = len(seekers.rows)
    wants = np.full(f, ratio, dtype=np.int64) if wanted is None else wanted[seekers.order]
    chosen = np.full((f, ratio), -1, dtype=np.int32)
    away = np.full((f, ratio), np.nan)
    links = np.arange(len(shelf.value), dtype=np.int32)
    runs = (shelf.value, shelf.start, links, links.copy(), np.zeros_like(links))
    if order == "closest" and not replace:
        first = _largest_first(seekers.score, seekers.first)
        _closest_first(first, seekers.score, wants, shelf.place, *runs, reach, near, grain, chosen, away)
    else:
        turns = _turns(order, seekers, rng)
        _in_turn(turns, seekers.score, wants, shelf.place, *runs, replace, reach, near, grain, chosen, away)
    if caliper is not None:
        np.minimum(away, caliper, out=away)
    partner, distance = _by_row(seekers.order, chosen, away, others.rows, others.order)
    return Chosen(seekers.rows, partner, distance)


def _resolution(score: FloatArray, seekers: Arm, others: Arm) -> tuple[float, float]:
    """The distances below which scores are the same score, and two distances are equal."""
    spread = min(standard_deviation(score), middle_spread(seekers, others) / 1.349)
    return ALIKE * spread, max(ROUNDING * spread, np.finfo(float).tiny)


def _turns(order: str, seekers: Arm, rng: np.random.Generator | None) -> IntArray:
    """Places in sorted order, in the order in which their people choose; order across strata does not matter."""
    f = len(seekers.order)
    if order == "largest":
        return _largest_first(seekers.score, seekers.first)
    if order == "smallest":
        return np.arange(f)
    place = np.empty(f, dtype=np.int64)
    place[seekers.order] = np.arange(f)
    return place[rng.permutation(f)] if order == "random" and rng is not None else place


@compiled
def _largest_first(score: FloatArray, first: IntArray) -> IntArray:
    """Each stratum from its end, with equal scores still in row order."""
    turned = np.empty(len(score), np.int64)
    out = 0
    for s in range(len(first) - 2, -1, -1):
        end = first[s + 1]
        while end > first[s]:
            begin = end - 1
            while begin > first[s] and score[begin - 1] == score[end - 1]:
                begin -= 1
            for i in range(begin, end):
                turned[out] = i
                out += 1
            end = begin
    return turned


@compiled
def _by_row(
    order: IntArray, chosen: Places, away: FloatArray, others: IntArray, others_order: IntArray
) -> tuple[IntArray, FloatArray]:
    """Partners as rows of the data, and distances, for focal people in the order of their rows."""
    partner, distance = np.full(chosen.shape, -1, np.int64), np.full(chosen.shape, np.nan)
    for i in range(len(order)):
        for r in range(chosen.shape[1]):
            if chosen[i, r] >= 0:
                partner[order[i], r] = others[others_order[chosen[i, r]]]
                distance[order[i], r] = away[i, r]
    return partner, distance


@compiled
def _follow(link: Places, at: int) -> int:
    """The end of a chain of links, each second one shortened on the way."""
    while link[at] != at:
        link[at] = link[link[at]]
        at = int(link[at])
    return at


@compiled
def _look(
    x: float,
    place: int,
    value: FloatArray,
    below: Places,
    above: Places,
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
def _take(run: int, start: Places, below: Places, above: Places, used: Places) -> int:
    """The next member of a run, by place in the arm's order; the run is unlinked when it was the last."""
    member = start[run] + used[run]
    used[run] += 1
    if start[run] + used[run] == start[run + 1]:
        below[run], above[run] = run - 1, run + 1
    return int(member)


@compiled
def _in_turn(
    turns: IntArray, x: FloatArray, wants: IntArray, place: Places,
    value: FloatArray, start: Places, below: Places, above: Places, used: Places,
    replace: bool, reach: float, near: float, grain: float, partner: Places, distance: FloatArray,
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
                partner[i, r + pick] = _take(run, start, below, above, used)
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
    by_rank: IntArray, x: FloatArray, wants: IntArray, place: Places,
    value: FloatArray, start: Places, below: Places, above: Places, used: Places,
    reach: float, near: float, grain: float, partner: Places, distance: FloatArray,
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
            partner[i, r] = _take(run, start, below, above, used)
            distance[i, r] = d
