"""Compiled counts of pairs of a score and a time, for concordance: a Fenwick tree holds who is still there."""

from __future__ import annotations

import numpy as np

from ..core.columns import FloatArray, IntArray
from ..core.compiled import compiled


@compiled
def count_below(tree: FloatArray, rank: int) -> float:
    """Sum of a Fenwick tree over ranks 0..rank-1."""
    total = 0.0
    while rank > 0:
        total += tree[rank]
        rank -= rank & (-rank)
    return total


@compiled
def put(tree: FloatArray, rank: int, weight: float) -> None:
    """Add weight at a rank (from 0) of a Fenwick tree."""
    rank += 1
    while rank < len(tree):
        tree[rank] += weight
        rank += rank & (-rank)


@compiled
def score_pairs(
    tree: FloatArray, total: float, rank: int, scale: float, below: int, out: FloatArray, row: int
) -> None:
    """Add to `out[row]` (n, 3) the tree's weight below, above and level with a rank.

    Column `below` (0 or 1) takes the weight below the rank, the other one the weight above, column 2 the ties.
    """
    lower = count_below(tree, rank)
    upto = count_below(tree, rank + 1)
    out[row, below] += scale * lower
    out[row, 1 - below] += scale * (total - upto)
    out[row, 2] += scale * (upto - lower)


@compiled
def put_rows(
    tree: FloatArray,
    rows: IntArray,
    event: FloatArray,
    kind: float,
    sign: float,
    weight: FloatArray,
    rank: IntArray,
) -> float:
    """Put the rows whose `event` is `kind` into a Fenwick tree, or take them out; the weight put in."""
    total = 0.0
    for i in rows:
        if event[i] == kind:
            put(tree, rank[i], sign * weight[i])
            total += sign * weight[i]
    return total


@compiled
def survivor_pairs(
    first: IntArray,
    leaving: tuple[IntArray, IntArray],
    entering: tuple[IntArray, IntArray],
    event: FloatArray,
    weight: FloatArray,
    rank: IntArray,
    n_ranks: IntArray,
    out: FloatArray,
) -> None:
    """Weight of concordant, discordant and tied pairs of each event with those who outlived it: into `out` (n, 3).

    A pair is an event and a row of its stratum at risk then, whose own time is later, or the same and
    censored. It is concordant where the event has the larger rank (ranks are within the stratum).
    `entering` lists the rows by their first cell at risk, those at risk from the start left out.
    """
    forest = np.empty(n_ranks.max() + 1)
    for s in range(len(first) - 1):
        tree = forest[: n_ranks[s] + 1]
        tree[:] = 0.0
        total = 0.0
        for j in range(first[s + 1] - 1, first[s] - 1, -1):
            here = leaving[0][leaving[1][j] : leaving[1][j + 1]]
            total += put_rows(tree, here, event, 0.0, 1.0, weight, rank)
            for i in here:
                if event[i] == 1.0:
                    score_pairs(tree, total, rank[i], 1.0, 0, out, i)
            total += put_rows(tree, here, event, 1.0, 1.0, weight, rank)
            late = entering[0][entering[1][j] : entering[1][j + 1]]
            total += put_rows(tree, late, event, 0.0, -1.0, weight, rank)
            total += put_rows(tree, late, event, 1.0, -1.0, weight, rank)


@compiled
def outlived_pairs(
    first: IntArray,
    leaving: tuple[IntArray, IntArray],
    entering: tuple[IntArray, IntArray],
    event: FloatArray,
    weight: FloatArray,
    rank: IntArray,
    n_ranks: IntArray,
    out: FloatArray,
) -> None:
    """The same pairs as `survivor_pairs`, added to the row of the one who outlived the other."""
    forest = np.empty(n_ranks.max() + 1)
    for s in range(len(first) - 1):
        tree = forest[: n_ranks[s] + 1]
        tree[:] = 0.0
        total = 0.0
        for j in range(first[s], first[s + 1]):
            for i in entering[0][entering[1][j] : entering[1][j + 1]]:
                score_pairs(tree, total, rank[i], -1.0, 1, out, i)
            here = leaving[0][leaving[1][j] : leaving[1][j + 1]]
            for i in here:
                if event[i] == 1.0:
                    score_pairs(tree, total, rank[i], 1.0, 1, out, i)
            total += put_rows(tree, here, event, 1.0, 1.0, weight, rank)
            for i in here:
                if event[i] == 0.0:
                    score_pairs(tree, total, rank[i], 1.0, 1, out, i)
