"""The additive risk-set table: who is at risk, dies and is censored, by stratum and distinct time.

Curves, tests, Cox sums, baseline hazards, residuals and robust variances are all read from it. Its
sums add over people, so they can be re-weighted, or made in parts and put together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, FloatArray, IntArray
from ..core.times import tie
from .kernels import (
    add_rows,
    add_values,
    keep_largest,
    rows_by_cell,
    sum_from_the_end,
    tally_rows,
)

_DENSE = 8  # a (stratum, time) grid up to this many times the rows is marked, a larger one is sorted


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Sums of weights at each cell, (m,) or (m, groups): at risk, having the event, and leaving there, event or not."""

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
    leave : (n,) the cell after the row's last
    begin : (n,) the row's first cell; None where every row is at risk from the start of its stratum
    event : (n,) bool
    row_stratum : (n,) code of each row
    ends : (s,) last time at which anyone is under observation in the stratum
    """

    time: FloatArray
    stratum: IntArray
    first: IntArray
    leave: IntArray
    begin: IntArray | None
    event: BoolArray
    row_stratum: IntArray
    ends: FloatArray
    _made: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def enter(self) -> IntArray:
        """The row's first cell (n,)."""
        return (
            self.begin if self.begin is not None else self._once("enter", lambda: self.first[self.row_stratum])
        )

    @property
    def own(self) -> IntArray:
        """The cell of the row's event (n,), -1 where it had none."""
        made: IntArray = self._once("own", lambda: np.where(self.event, self.leave - 1, -1))
        return made

    @property
    def last(self) -> IntArray:
        """The last cell at which the row is at risk (n,), -1 where it is at risk at none."""
        made: IntArray = self._once("last", lambda: np.where(self.enter < self.leave, self.leave - 1, -1))
        return made

    @property
    def before(self) -> IntArray | None:
        """The cell before the row's first (n,), -1 where it is at risk from the start; None where all are."""
        made: IntArray | None = None if self.begin is None else self._once("before", self._before)
        return made

    def _before(self) -> IntArray | None:
        late = (self.enter < self.leave) & (self.enter > self.first[self.row_stratum])
        return np.where(late, self.enter - 1, -1) if late.any() else None

    def _once(self, name: str, make: Callable[[], Any]) -> Any:
        """Made when first asked for, and kept: a table of sums needs none of these."""
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]

    def tally(self, weight: FloatArray) -> Tally:
        """Weights (n,) at risk, having the event and leaving, at every cell, in one pass."""
        table = self.tally_by(weight, np.broadcast_to(np.int64(0), self.leave.shape), 1)
        return Tally(table.at_risk[:, 0], table.events[:, 0], table.leaving[:, 0])

    def tallies(self, weight: FloatArray) -> tuple[Tally, Tally]:
        """The tally of the weights (n,), and that of the rows, each counted as 1."""
        weighted = self.tally(weight)
        return weighted, weighted if bool((weight == 1).all()) else self.tally(np.ones(len(weight)))

    def tally_by(self, weight: FloatArray, group: IntArray, groups: int) -> Tally:
        """As `tally`, a column for each group code (n,): arrays are (m, groups)."""
        entering, events, leaving = np.zeros((3, len(self.time), groups))
        begin = self.leave if self.begin is None else self.begin
        tally_rows(
            weight,
            self.leave,
            begin,
            self.begin is not None,
            self.event,
            self.row_stratum,
            self.first,
            group,
            entering,
            events,
            leaving,
        )
        at_risk = leaving - entering
        sum_from_the_end(at_risk, self.first)
        return Tally(at_risk, events, leaving)

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
        met = running[self.leave]
        if self.begin is not None or len(self.first) > 2:  # else all enter at the first cell, before any sum
            met -= running[self.enter]
        return np.asarray(met)

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
    begin: IntArray | None = None
    if n_strata * len(values) <= _DENSE * len(time) + 1024:
        present = np.zeros(n_strata * len(values), dtype=bool)
        for cells in marked:
            present[cells] = True
        upto = np.concatenate([[0], np.cumsum(present)])
        keys, first, leave = np.flatnonzero(present), upto[starts], upto[1:][out_key]
        if in_key is not None:
            begin = upto[1:][in_key]
    else:
        keys = np.unique(np.concatenate(marked))
        first, leave = np.searchsorted(keys, starts), np.searchsorted(keys, out_key, side="right")
        if in_key is not None:
            begin = np.searchsorted(keys, in_key, side="right")
    return RiskSet(
        time=values[keys % len(values)],
        stratum=keys // len(values),
        first=first.astype(np.int64),
        leave=leave.astype(np.int64, copy=False),
        begin=begin,
        event=event,
        row_stratum=codes,
        ends=_ends(codes, np.asarray(time, float), n_strata),
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
