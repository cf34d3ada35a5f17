"""The additive risk-set table: who is at risk, dies and is censored, by stratum and distinct time.

Curves, tests, Cox sums, baseline hazards, residuals and robust variances are all read from it. Its
sums add over people, so they can be re-weighted, or made in parts and put together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, FloatArray, IntArray
from ..core.times import tie
from .kernels import (
    add_rows,
    add_values,
    keep_largest,
    lay_rows,
    rows_by_cell,
    sum_from_the_end,
    tally_groups,
    tally_rows,
)

_DENSE = 8  # a (stratum, time) grid up to this many times the rows is marked, a larger one is sorted


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Sums of weights at each cell, (m,) each: at risk, having the event, and leaving there, event or not."""

    at_risk: FloatArray
    events: FloatArray
    leaving: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class RiskSet:
    """Rows laid on the cells (distinct times, stratum after stratum) at which they are at risk.

    Row i is at risk at cells ``enter[i] <= j < leave[i]``: the times in (entry, time]. One that
    enters at a time is not at risk at it. A row whose time is a cell j has ``leave = j + 1``.

    Attributes
    ----------
    time : (m,) the distinct times, ascending within a stratum
    stratum : (m,) code of each cell
    first : (s + 1,) cell at which each stratum starts
    enter, leave : (n,) the row's cells
    event : (n,) bool
    row_stratum : (n,) code of each row
    ends : (s,) last time at which anyone is under observation in the stratum
    own : (n,) the cell of the row's event, -1 where it had none
    last : (n,) the last cell at which the row is at risk, -1 where it is at risk at none
    before : (n,) the cell before its first, -1 where it is at risk from the start; None where all are
    """

    time: FloatArray
    stratum: IntArray
    first: IntArray
    enter: IntArray
    leave: IntArray
    event: BoolArray
    row_stratum: IntArray
    ends: FloatArray
    own: IntArray
    last: IntArray
    before: IntArray | None

    def tally(self, weight: FloatArray) -> Tally:
        """Weights (n,) at risk, having the event and leaving, at every cell, in one pass."""
        at_risk, events, leaving = np.zeros((3, len(self.time)))
        before = self.last if self.before is None else self.before
        tally_rows(weight, self.last, before, self.before is not None, self.own, at_risk, events, leaving)
        sum_from_the_end(at_risk[:, None], self.first)
        return Tally(at_risk, events, leaving)

    def tallies(self, weight: FloatArray) -> tuple[Tally, Tally]:
        """The tally of the weights (n,), and that of the rows, each counted as 1."""
        weighted = self.tally(weight)
        return weighted, weighted if bool((weight == 1).all()) else self.tally(np.ones(len(weight)))

    def tally_by(self, weight: FloatArray, group: IntArray, groups: int) -> tuple[FloatArray, FloatArray]:
        """Weights (n,) at risk and having the event at every cell, by group: (m, groups) both."""
        at_risk, events = np.zeros((2, len(self.time), groups))
        before = self.last if self.before is None else self.before
        tally_groups(weight, group, self.last, before, self.before is not None, self.own, at_risk, events)
        sum_from_the_end(at_risk, self.first)
        return at_risk, events

    def at_risk(self, values: FloatArray) -> FloatArray:
        """Sums of `values` (n,) over each cell's risk set: (m,)."""
        table = self._add(values, self.last)
        if self.before is not None:
            table -= self._add(values, self.before)
        sum_from_the_end(table[:, None], self.first)
        return table

    def at_risk_rows(self, rows: FloatArray, scale: FloatArray) -> FloatArray:
        """Sums of `scale` (n,) times `rows` (n, p) over each cell's risk set: (m, p)."""
        table = self._add_rows(rows, scale, self.last)
        if self.before is not None:
            table -= self._add_rows(rows, scale, self.before)
        sum_from_the_end(table, self.first)
        return table

    def events(self, values: FloatArray) -> FloatArray:
        """Sums of `values` (n,) over the rows that have their event at each cell: (m,)."""
        return self._add(values, self.own)

    def event_rows(self, rows: FloatArray, scale: FloatArray) -> FloatArray:
        """Sums of `scale` (n,) times `rows` (n, p) over the rows that have their event at each cell: (m, p)."""
        return self._add_rows(rows, scale, self.own)

    def leaving(self, values: FloatArray) -> FloatArray:
        """Sums over the rows whose time is the cell's, event or not: (m,). Only where every time is a cell."""
        return self._add(values, self.last)

    def over(self, increments: FloatArray) -> FloatArray:
        """Sums of `increments` (m,) over the cells at which each row is at risk: (n,). The adjoint of `at_risk`."""
        running = running_sum(increments)
        return np.asarray(running[self.leave] - running[self.enter])

    def entering_rows(self) -> tuple[IntArray, IntArray]:
        """Rows sorted by their first cell, and where each cell's rows start; see `kernels.rows_by_cell`."""
        return rows_by_cell(np.where(self.last >= 0, self.enter, -1), len(self.time))

    def leaving_rows(self) -> tuple[IntArray, IntArray]:
        """Rows sorted by the last cell at which they are at risk, and where each cell's rows start."""
        return rows_by_cell(self.last, len(self.time))

    def cells_upto(self, stratum: int, times: FloatArray) -> IntArray:
        """The cell after the last one of `stratum` at or before each time (k,); `first[stratum]` where none is."""
        low, high = self.first[stratum], self.first[stratum + 1]
        cells = self.time[low:high]
        return np.asarray(low + np.searchsorted(cells, snap(times, cells), side="right"))

    def _add(self, values: FloatArray, cell: IntArray) -> FloatArray:
        table = np.zeros(len(self.time))
        add_values(values, cell, table)
        return table

    def _add_rows(self, rows: FloatArray, scale: FloatArray, cell: IntArray) -> FloatArray:
        table = np.zeros((len(self.time), rows.shape[1]))
        add_rows(rows, scale, cell, table)
        return table


def snap(times: FloatArray, onto: FloatArray) -> FloatArray:
    """Times (k,) with those that differ from one of the ascending `onto` (m,) by rounding only made equal to it."""
    if not len(onto):
        return times
    tolerance = 1e-9 * max(float(np.median(np.abs(onto))), float(onto[-1] - onto[0]))
    after = np.searchsorted(onto, times).clip(1, max(len(onto) - 1, 1))
    below, above = onto[after - 1], onto[np.minimum(after, len(onto) - 1)]
    nearest = np.where(times - below < above - times, below, above)
    return np.where(np.abs(times - nearest) <= tolerance, nearest, times)


def running_sum(increments: FloatArray) -> FloatArray:
    """Cumulative sums with a leading zero: (m + 1,) or (m + 1, p)."""
    return np.concatenate([np.zeros((1, *increments.shape[1:])), np.cumsum(increments, axis=0)])


def risk_set(
    time: FloatArray,
    event: BoolArray,
    entry: FloatArray | None = None,
    strata: IntArray | None = None,
    *,
    every_time: bool = False,
) -> RiskSet:
    """The risk sets of times and events, by stratum.

    Parameters
    ----------
    time : (n,) array
        End of follow-up. Times that differ by rounding error only are made one.
    event : (n,) array of bool
    entry : (n,) array, optional
        Start of follow-up, before `time`. None is from before the first time, so that a row
        with time 0 is at risk at 0.
    strata : (n,) array of codes 0..s-1, optional
    every_time : bool
        Cells at every entry and exit, as a curve needs; otherwise at the event times only.
    """
    event = np.asarray(event, dtype=bool)
    codes = np.zeros(len(time), dtype=np.int64) if strata is None else np.asarray(strata, dtype=np.int64)
    n_strata = int(codes.max()) + 1 if len(codes) else 1
    values, out_rank, in_rank = _ranks(np.asarray(time, float), entry)
    out_key = out_rank if n_strata == 1 else codes * len(values) + out_rank
    in_key = None if in_rank is None else codes * len(values) + in_rank
    starts = np.arange(n_strata + 1) * len(values)
    marked = [out_key] if every_time else [out_key[event]]
    if every_time and in_key is not None:
        marked.append(in_key)
    enter: IntArray | None = None
    if n_strata * len(values) <= _DENSE * len(time) + 1024:
        present = np.zeros(n_strata * len(values), dtype=bool)
        for cells in marked:
            present[cells] = True
        upto = np.concatenate([[0], np.cumsum(present)])
        keys, first, leave = np.flatnonzero(present), upto[starts], upto[1:][out_key]
        if in_key is not None:
            enter = upto[1:][in_key]
    else:
        keys = np.unique(np.concatenate(marked))
        first, leave = np.searchsorted(keys, starts), np.searchsorted(keys, out_key, side="right")
        if in_key is not None:
            enter = np.searchsorted(keys, in_key, side="right")
    return _placed(values, keys, first.astype(np.int64), enter, leave, event, codes, np.asarray(time, float))


def _placed(
    values: FloatArray,
    keys: IntArray,
    first: IntArray,
    enter: IntArray | None,
    leave: IntArray,
    event: BoolArray,
    codes: IntArray,
    time: FloatArray,
) -> RiskSet:
    """The risk set of rows whose first cell (None: their stratum's first) and last cell are known."""
    late = enter is not None
    begin = np.empty_like(leave) if enter is None else enter
    last, own = np.empty_like(leave), np.empty_like(leave)
    before = np.empty_like(leave) if late else last
    any_late = lay_rows(leave, codes, first, event, late, begin, before, last, own)
    return RiskSet(
        time=values[keys % len(values)],
        stratum=keys // len(values),
        first=first,
        enter=begin,
        leave=leave,
        event=event,
        row_stratum=codes,
        ends=_ends(codes, time, len(first) - 1),
        own=own,
        last=last,
        before=before if any_late else None,
    )


def _ranks(time: FloatArray, entry: FloatArray | None) -> tuple[FloatArray, IntArray, IntArray | None]:
    """Distinct values of all the times together, near-ties made one, and the rank of each time and entry."""
    pooled = time if entry is None else np.concatenate([time, np.asarray(entry, float)])
    whole = _whole_numbers(pooled)
    if whole is not None:
        present = np.zeros(int(whole.max()) + 1, dtype=bool)
        present[whole] = True
        ranks = (np.cumsum(present) - 1)[whole]
        values = np.flatnonzero(present).astype(float)
        return values, ranks[: len(time)], None if entry is None else ranks[len(time) :]
    codes, seen = pd.factorize(pooled)
    values, place = np.unique(tie(np.asarray(seen, float))[0], return_inverse=True)
    ranks = place[codes].astype(np.int64)
    return values, ranks[: len(time)], None if entry is None else ranks[len(time) :]


def _whole_numbers(times: FloatArray) -> IntArray | None:
    """The times as integers where all of them are, from 0 and not far apart: whole days need no sorting."""
    if not len(times) or times.min() < 0 or times.max() > 4 * len(times) + 1024:
        return None
    whole = times.astype(np.int64)
    return whole if bool((whole == times).all()) else None


def _ends(codes: IntArray, time: FloatArray, n_strata: int) -> FloatArray:
    if n_strata == 1:
        return np.array([time.max()])
    ends = np.full(n_strata, -np.inf)
    keep_largest(time, codes, ends)
    return ends
