"""Compiled loops over rows and cells, each one pass, none of them statistics.

A *cell* is one distinct time within one stratum; `riskset` says what a row's cells are. The
compiled code is kept beside the package, or in numba's user folder where that is read-only.
"""

from __future__ import annotations

import numpy as np

from ..core.columns import FloatArray, IntArray
from ..core.compiled import compiled, compiled_in_any_order


@compiled
def add_rows(rows: FloatArray, scale: FloatArray, cell: IntArray, table: FloatArray) -> None:
    """Add `scale[i] * rows[i]` (n, p) to `table[cell[i]]` (m, p); a negative cell is nowhere."""
    for i in range(rows.shape[0]):
        j = cell[i]
        if j >= 0:
            for k in range(rows.shape[1]):
                table[j, k] += scale[i] * rows[i, k]


@compiled
def add_values(values: FloatArray, cell: IntArray, table: FloatArray) -> None:
    """Add `values[i]` (n,) to `table[cell[i]]` (m,); a negative cell is nowhere."""
    for i in range(len(values)):
        if cell[i] >= 0:
            table[cell[i]] += values[i]


@compiled_in_any_order
def hazard_sums(
    rows: FloatArray,
    beta: FloatArray,
    offset: FloatArray,
    weight: FloatArray,
    cells: tuple[IntArray, IntArray, IntArray],
    late: bool,
    predictors: tuple[FloatArray, FloatArray],
    tables: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
) -> None:
    """One pass of a Cox likelihood over its rows (n, p).

    `predictors` are filled with the linear predictor and its exponential, (n,) each. `tables` gain hazard
    (weight times that exponential) times the row, and hazard alone, at the cells of `cells`: the last at which
    the row is at risk, (m, p) and (m, 1); less the one before its first, where `late`; and the row's own
    tied event, (t, p) and (t,). A negative cell is nowhere.
    """
    last, before, own = cells
    eta, relative = predictors
    risk_rows, risk, event_rows, events = tables
    p = rows.shape[1]
    for i in range(rows.shape[0]):
        total = offset[i]
        for k in range(p):
            total += rows[i, k] * beta[k]
        eta[i] = total
        relative[i] = np.exp(total)
        hazard = weight[i] * relative[i]
        j = last[i]
        if j >= 0:
            risk[j, 0] += hazard
            for k in range(p):
                risk_rows[j, k] += hazard * rows[i, k]
        if late:
            j = before[i]
            if j >= 0:
                risk[j, 0] -= hazard
                for k in range(p):
                    risk_rows[j, k] -= hazard * rows[i, k]
        j = own[i]
        if j >= 0:
            events[j] += hazard
            for k in range(p):
                event_rows[j, k] += hazard * rows[i, k]


@compiled
def sum_from_the_end(table: FloatArray, first: IntArray) -> None:
    """Running sums from the last cell of each stratum to its first, in place, of (m, p)."""
    for s in range(len(first) - 1):
        for j in range(first[s + 1] - 2, first[s] - 1, -1):
            for k in range(table.shape[1]):
                table[j, k] += table[j + 1, k]


@compiled
def rows_by_cell(cell: IntArray, n_cells: int) -> tuple[IntArray, IntArray]:
    """Row numbers sorted by cell, and where each cell's rows start (m + 1,); a negative cell is left out."""
    start = np.zeros(n_cells + 1, np.int64)
    for i in range(len(cell)):
        if cell[i] >= 0:
            start[cell[i] + 1] += 1
    for j in range(n_cells):
        start[j + 1] += start[j]
    place = start[:-1].copy()
    order = np.empty(start[n_cells], np.int64)
    for i in range(len(cell)):
        if cell[i] >= 0:
            order[place[cell[i]]] = i
            place[cell[i]] += 1
    return order, start


@compiled
def tie_terms(
    at_risk: FloatArray, dying: FloatArray, deaths: IntArray, weight: FloatArray, efron: bool
) -> FloatArray:
    """What each cell adds to a Cox likelihood and its derivatives: (m, 6).

    With `d` deaths of mean weight `w`, and `s_k = at_risk - (k/d) dying` for `k = 0..d-1` (Efron;
    Breslow takes `k = 0` for all of them), the columns are the sums over `k` of ``w log s_k``,
    ``w / s_k``, ``w (k/d) / s_k``, ``w / s_k^2``, ``w (k/d) / s_k^2`` and ``w (k/d)^2 / s_k^2``.
    """
    out = np.zeros((len(at_risk), 6))
    for j in range(len(at_risk)):
        d = deaths[j]
        if d == 0:
            continue
        steps = d if efron else 1
        mean = weight[j] / steps
        for k in range(steps):
            f = k / d
            s = at_risk[j] - f * dying[j]
            if not 1e-150 < s < 1e150:  # its square, or its sum with others, would be lost
                out[j, 0] = np.inf
                break
            h = mean / s
            a = h / s
            out[j, 0] += mean * np.log(s)
            out[j, 1] += h
            out[j, 2] += h * f
            out[j, 3] += a
            out[j, 4] += a * f
            out[j, 5] += a * f * f
    return out


@compiled
def score_rows(
    rows: FloatArray,
    surplus: FloatArray,
    risk: FloatArray,
    enter: IntArray,
    leave: IntArray,
    own: IntArray,
    own_tied: IntArray,
    centre: FloatArray,
    drawn: FloatArray,
    own_drawn: FloatArray,
    scale: FloatArray,
    place: IntArray,
    out: FloatArray,
) -> None:
    """Add `scale` (n,) times the score residuals of the rows (n, p) to `out` at `place` (n,).

    `cox_residuals` gives the formula and the names.
    """
    for i in range(rows.shape[0]):
        at, now, then, j, t = place[i], leave[i], enter[i], own[i], own_tied[i]
        for k in range(rows.shape[1]):
            value = rows[i, k] * surplus[i] + risk[i] * (drawn[now, k] - drawn[then, k])
            if j >= 0:
                value -= centre[j, k]
            if t >= 0:
                value -= risk[i] * own_drawn[t, k]
            out[at, k] += scale[i] * value


@compiled
def clustered_squares(
    first: IntArray,
    entering: tuple[IntArray, IntArray],
    leaving: tuple[IntArray, IntArray],
    event: FloatArray,
    weight: FloatArray,
    cluster: IntArray,
    jump: FloatArray,
    drift: FloatArray,
    out: FloatArray,
) -> None:
    """Sum over clusters of the squared influence total, at every cell (m,), into `out`.

    Row i's influence at cell j is ``weight[i] * (jump[own] if it had its event by j, less the sum
    of drift over its cells up to j)``. A cluster's total is ``done - drift_so_far * live``, of
    which a row changes only its own cluster's two numbers, so that all the times together
    take one pass.
    """
    groups = 0
    for i in range(len(cluster)):
        groups = max(groups, cluster[i] + 1)
    done = np.zeros(groups)
    live = np.zeros(groups)
    for s in range(len(first) - 1):
        so_far = 0.0
        dd = dl = ll = 0.0
        for j in range(first[s], first[s + 1]):
            for place in range(entering[1][j], entering[1][j + 1]):
                i = entering[0][place]
                g = cluster[i]
                dd -= done[g] * done[g]
                dl -= done[g] * live[g]
                ll -= live[g] * live[g]
                live[g] += weight[i]
                done[g] += weight[i] * so_far
                dd += done[g] * done[g]
                dl += done[g] * live[g]
                ll += live[g] * live[g]
            so_far += drift[j]
            for place in range(leaving[1][j], leaving[1][j + 1]):
                i = leaving[0][place]
                g = cluster[i]
                dd -= done[g] * done[g]
                dl -= done[g] * live[g]
                ll -= live[g] * live[g]
                live[g] -= weight[i]
                done[g] += weight[i] * (event[i] * jump[j] - so_far)
                dd += done[g] * done[g]
                dl += done[g] * live[g]
                ll += live[g] * live[g]
            out[j] += max(dd - 2.0 * so_far * dl + so_far * so_far * ll, 0.0)
        for place in range(leaving[1][first[s]], leaving[1][first[s + 1]]):
            g = cluster[leaving[0][place]]
            done[g] = 0.0
            live[g] = 0.0


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
