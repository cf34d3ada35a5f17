"""Compiled loops over rows and cells, each one pass, none of them statistics.

A *cell* is one distinct time within one stratum; `riskset` says what a row's cells are. The
compiled code is kept beside the package, or in numba's user folder where that is read-only.
"""

from __future__ import annotations

import numpy as np

from ..core.columns import BoolArray, FloatArray, IntArray
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


@compiled
def tally_rows(
    weight: FloatArray,
    leave: IntArray,
    begin: IntArray,
    late: bool,
    event: BoolArray,
    stratum: IntArray,
    first: IntArray,
    group: IntArray,
    entering: FloatArray,
    events: FloatArray,
    leaving: FloatArray,
) -> None:
    """Add weights (n,) to the tables (m, g), each row in the column of its `group`: at the cell of its event in `events`,
    at the last cell at which it is at risk in `leaving`, and at the cell before its first in `entering`.

    Rows are at risk from their stratum's first cell, or from `begin` where `late`, and until before `leave`.
    """
    for i in range(len(weight)):
        start = first[stratum[i]]
        enter = begin[i] if late else start
        g = group[i]
        if enter < leave[i]:
            leaving[leave[i] - 1, g] += weight[i]
            if enter > start:
                entering[enter - 1, g] += weight[i]
        if event[i]:
            events[leave[i] - 1, g] += weight[i]


@compiled
def keep_largest(values: FloatArray, place: IntArray, out: FloatArray) -> None:
    """The largest of `values` (n,) at each place, into `out`."""
    for i in range(len(values)):
        if values[i] > out[place[i]]:
            out[place[i]] = values[i]


@compiled_in_any_order
def hazard_sums(
    rows: FloatArray,
    beta: FloatArray,
    offset: FloatArray,
    weight: FloatArray,
    event: BoolArray,
    cells: tuple[IntArray, IntArray, IntArray],
    late: bool,
    relative: FloatArray,
    tables: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
) -> float:
    """One pass of a Cox likelihood over its rows (n, p); the sum of weight times linear predictor over the events.

    `offset` (n,) is empty where there is none. `relative` (n,) is filled with the predictor's exponential, and `tables` gain hazard
    (weight times that exponential) times the row, and hazard alone, at the cells of `cells`: the last at which
    the row is at risk, (m, p) and (m, 1); less the one before its first, where `late`; and the row's own
    tied event, (t, p) and (t,). A negative cell is nowhere.
    """
    last, before, own = cells
    risk_rows, risk, event_rows, events = tables
    p = rows.shape[1]
    seen = 0.0
    for i in range(rows.shape[0]):
        total = offset[i] if len(offset) else 0.0
        for k in range(p):
            total += rows[i, k] * beta[k]
        if event[i]:
            seen += weight[i] * total
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
    return seen


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
    at_risk: FloatArray,
    dying: FloatArray,
    deaths: IntArray,
    weight: FloatArray,
    efron: bool,
    out: FloatArray,
) -> None:
    """What each cell adds to a Cox likelihood and its derivatives, into `out` (m, 6).

    With `d` deaths of mean weight `w`, and `s_k = at_risk - (k/d) dying` for `k = 0..d-1` (Efron;
    Breslow takes `k = 0` for all of them), the columns are the sums over `k` of ``w log s_k``,
    ``w / s_k``, ``w (k/d) / s_k``, ``w / s_k^2``, ``w (k/d) / s_k^2`` and ``w (k/d)^2 / s_k^2``.
    """
    for j in range(len(at_risk)):
        out[j] = 0.0
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
