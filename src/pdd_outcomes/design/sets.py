"""From who was chosen to matched sets: links, weights, set numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.columns import FloatArray, IntArray
from ..core.compiled import compiled
from .nearest import Chosen


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """One row a link between a focal person and someone chosen for them.

    Attributes
    ----------
    focal, partner : (l,) rows of the data
    distance : (l,) float
    set_number : (l,) 0..s-1, sets in the order of their first focal row
    share : (l,) 1/k, k the number of partners in the set
    """

    focal: IntArray
    partner: IntArray
    distance: FloatArray
    set_number: IntArray
    share: FloatArray

    @property
    def n_sets(self) -> int:
        """Matched sets."""
        return int(self.set_number.max()) + 1 if len(self.set_number) else 0


def links_from(chosen: Chosen) -> Links:
    """The links in order of focal row, then partner row."""
    links = _unroll(chosen.focal, chosen.partner, chosen.distance)
    return Links(*links)


@compiled
def _unroll(
    focal: IntArray, partner: IntArray, distance: FloatArray
) -> tuple[IntArray, IntArray, FloatArray, IntArray, FloatArray]:
    """Focal row, partner, distance, set number and share of each link, partners in row order."""
    f, k = partner.shape
    total = 0
    for i in range(f):
        for j in range(k):
            total += partner[i, j] >= 0
    one, other = np.empty(total, np.int64), np.empty(total, np.int64)
    away, share = np.empty(total), np.empty(total)
    number = np.empty(total, np.int64)
    at, sets = 0, 0
    for i in range(f):
        begin = at
        for j in range(k):
            if partner[i, j] < 0:
                continue
            place = at
            while place > begin and other[place - 1] > partner[i, j]:
                other[place], away[place] = other[place - 1], away[place - 1]
                place -= 1
            other[place], away[place] = partner[i, j], distance[i, j]
            at += 1
        for place in range(begin, at):
            one[place], number[place], share[place] = focal[i], sets, 1.0 / (at - begin)
        sets += at > begin
    return one, other, away, number, share


def links_of_sets(focal: IntArray, partner: IntArray, distance: FloatArray, set_id: IntArray) -> Links:
    """Links (l,) of sets that may have several focal people, in order of focal row; set_id (n,) by person."""
    number = set_id[focal]
    size = np.bincount(set_id[np.unique(partner)])
    return Links(focal, partner, distance, number, 1.0 / size[number])


def matching_weights(links: Links, n: int) -> FloatArray:
    r"""Matching weights (n,) in MatchIt's convention.

    Focal people who are matched count 1. A partner counts

    .. math:: w_j = \frac{m}{\sum_l u_l} u_j, \qquad u_j = \sum_{s \ni j} \frac{1}{k_s}

    over the sets `s` they are in, `k_s` the partners in that set, rescaled so that the partners' weights
    sum to `m`, the number of different partners. Everyone else counts 0. Ho, Imai, King & Stuart (2011)
    Journal of Statistical Software 42(8), section 3.
    """
    weights = np.bincount(links.partner, weights=links.share, minlength=n).astype(float)
    distinct = int((weights > 0).sum())
    if distinct:
        weights *= distinct / weights.sum()
    weights[links.focal] = 1.0
    return weights


def set_numbers(links: Links, n: int) -> IntArray:
    """Set number (n,) of each person, -1 for those in none.

    Sets that share a partner are one group, numbered by its first focal person: people of different
    groups have nobody in common. Without replacement a group is a set.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    numbers = np.full(n, -1, dtype=np.int64)
    if not links.n_sets:
        return numbers
    numbers[links.partner] = links.set_number
    if (numbers[links.partner] == links.set_number).all():  # nobody is in two sets
        numbers[links.focal] = links.set_number
        return numbers
    s = links.n_sets
    people, code = np.unique(links.partner, return_inverse=True)
    graph = coo_array(
        (np.ones(len(code)), (links.set_number, s + code)), shape=(s + len(people), s + len(people))
    )
    _, group = connected_components(graph, directed=False)
    first_seen, dense = np.unique(group[:s], return_index=True)
    rank = np.empty(len(first_seen), dtype=np.int64)
    rank[np.argsort(dense)] = np.arange(len(first_seen))
    numbers[links.focal] = rank[group[links.set_number]]
    numbers[links.partner] = rank[group[s + code]]
    return numbers
