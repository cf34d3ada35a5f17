"""People of two arms laid out in the order of their scores, so that a neighbour is a neighbour in memory too.

Each arm is sorted by stratum, score and row. Those who may be chosen stand on a shelf: runs of equal score, with a wall at
each end of a stratum. At ten million people the time goes into reaching for memory far apart, so everything that the
matching loop touches again and again lies in this order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.columns import BoolArray, FloatArray, IntArray
from ..core.compiled import compiled

Places = NDArray[np.int32]  # half the memory to reach for
NOBODY = np.inf  # the score of a wall: further than any caliper


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """The people of one arm in the order of stratum, score, row.

    Attributes
    ----------
    rows : (a,) rows of the data, ascending
    order : (a,) places in `rows`, in sorted order
    score : (a,) in sorted order
    first : (s + 1,) where in the order each stratum begins
    """

    rows: IntArray
    order: IntArray
    score: FloatArray
    first: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Shelf:
    """Runs of equal score among the people who may be chosen.

    Attributes
    ----------
    value : (g,) score of each run, NOBODY for a wall
    start : (g + 1,) where in the arm's order each run begins
    place : (f,) for each focal person in sorted order, the last run at or below their score
    """

    value: FloatArray
    start: Places
    place: Places


def sort_arm(member: BoolArray, score: FloatArray, stratum: IntArray, strata: int) -> Arm:
    """The arm of `member` (n,) in the order of stratum, score and row."""
    rows = np.flatnonzero(member)
    there = score[member]
    order = np.argsort(there)
    value = there[order]
    _equal_by_row(order, value)
    first = np.array([0, len(rows)], dtype=np.int64)
    if strata > 1:
        order, first = _by_stratum(order, stratum[rows], strata)
        value = there[order]
    return Arm(rows, order, value, first)


def lay_out(seekers: Arm, others: Arm) -> Shelf:
    """The shelf of `others`, and the place of each of `seekers` on it."""
    most = len(others.score) + len(others.first) + 1
    value, start = np.empty(most), np.empty(most + 1, dtype=np.int32)
    place = np.empty(len(seekers.score), dtype=np.int32)
    runs = _fill(seekers.score, seekers.first, others.score, others.first, value, start, place)
    return Shelf(value[:runs], start[: runs + 1], place)


def middle_spread(one: Arm, other: Arm) -> float:
    """Interquartile range of the scores of both arms together, each of one stratum or sorted by :func:`sort_arm`."""
    if len(one.first) == len(other.first) == 2:
        low, high = _quartiles(one.score, other.score)
    else:
        low, high = np.quantile(np.concatenate([one.score, other.score]), [0.25, 0.75])
    return float(high - low)


@compiled
def _equal_by_row(order: IntArray, value: FloatArray) -> None:
    """Put runs of equal value into the order of their places."""
    begin = 0
    for i in range(1, len(order) + 1):
        if i == len(order) or value[i] != value[begin]:
            if i - begin > 1:
                order[begin:i].sort()
            begin = i


@compiled
def _by_stratum(order: IntArray, stratum: IntArray, strata: int) -> tuple[IntArray, IntArray]:
    """The order with strata one after the other, otherwise as it is, and where each begins."""
    first = np.zeros(strata + 1, np.int64)
    for s in stratum:
        first[s + 1] += 1
    for s in range(strata):
        first[s + 1] += first[s]
    at, turned = first.copy(), np.empty_like(order)
    for i in order:
        s = stratum[i]
        turned[at[s]] = i
        at[s] += 1
    return turned, first


@compiled
def _fill(
    seekers: FloatArray, seekers_first: IntArray, others: FloatArray, others_first: IntArray,
    value: FloatArray, start: Places, place: Places,
) -> int:  # fmt: skip
    """Fill value, start and place; how many runs there are, walls among them."""
    value[0], start[0] = NOBODY, 0
    runs = 1
    for s in range(len(others_first) - 1):
        begin, end = others_first[s], others_first[s + 1]
        i, last = seekers_first[s], seekers_first[s + 1]
        for k in range(begin, end):
            if k > begin and others[k] == others[k - 1]:
                continue
            while i < last and seekers[i] < others[k]:
                place[i] = runs - 1
                i += 1
            value[runs], start[runs] = others[k], k
            runs += 1
        while i < last:
            place[i] = runs - 1
            i += 1
        value[runs], start[runs] = NOBODY, end
        runs += 1
    start[runs] = len(others)
    return runs


@compiled
def _quartiles(one: FloatArray, other: FloatArray) -> tuple[float, float]:
    """First and third quartile of two sorted arrays together, between values by straight lines."""
    n = len(one) + len(other)
    low, high = (n - 1) * 0.25, (n - 1) * 0.75
    found = np.zeros(2)
    i, j = 0, 0
    last = 0.0
    for k in range(n):
        if j == len(other) or (i < len(one) and one[i] <= other[j]):
            v = one[i]
            i += 1
        else:
            v = other[j]
            j += 1
        for q, at in enumerate((low, high)):
            if k == int(at):
                found[q] = v
            elif k == int(at) + 1:
                found[q] += (at - int(at)) * (v - last)
        last = v
    return found[0], found[1]
