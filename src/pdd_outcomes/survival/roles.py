"""The roles that every survival function reads, checked together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..core.columns import BoolArray, Columns, FloatArray, IntArray, dense_codes
from ..core.errors import DataError, UsageError, rows_phrase
from ..core.times import tie

_MOST = 200_000_000  # rows to which frequencies may add up


@dataclass(frozen=True, slots=True)
class FollowUp:
    """Times, events and weights of the rows that count, and where those rows are in the data.

    Attributes
    ----------
    row : (n,) position in the data, ascending
    time, weight : (n,) float; entry : (n,) float or None
    event : (n,) bool
    clusters : none, one or two (n,) arrays of codes
    weighted : whether weights were named
    frequency : (n,) times each row is to be repeated by `counted`, None where each is there once
    """

    row: IntArray
    time: FloatArray
    event: BoolArray
    entry: FloatArray | None
    weight: FloatArray
    clusters: tuple[IntArray, ...]
    weighted: bool
    frequency: IntArray | None = None

    @property
    def robust(self) -> bool:
        """Whether a variance from influence is called for: rows are weighted, or belong together."""
        return self.weighted or bool(self.clusters)

    def with_event(self, event: BoolArray) -> FollowUp:
        """The same rows with another event (n,)."""
        return replace(self, event=event)

    def among(self, chosen: BoolArray) -> FollowUp:
        """The chosen rows (n,) only."""
        return self.among_rows(np.flatnonzero(chosen))

    def among_rows(self, place: IntArray) -> FollowUp:
        """The rows at `place` (k,), any of them more than once."""
        return replace(
            self,
            row=self.row[place],
            time=self.time[place],
            event=self.event[place],
            entry=None if self.entry is None else self.entry[place],
            weight=self.weight[place],
            clusters=tuple(c[place] for c in self.clusters),
            frequency=None if self.frequency is None else self.frequency[place],
        )


def check_cause(cause: object) -> None:
    """A UsageError unless the cause is a whole number from 1: 0 is being censored."""
    if isinstance(cause, bool) or not isinstance(cause, (int, np.integer)) or cause < 1:
        raise UsageError(
            f"cause={cause!r} must be a whole number from 1; 0 says that nothing has happened yet."
        )


def read_follow_up(
    take: Columns,
    time: str,
    event: str | None,
    *,
    entry: str | None = None,
    weights: str | None = None,
    cluster: str | Sequence[str] | None = None,
    frequency: str | None = None,
    cause: int | None = None,
) -> FollowUp:
    """Every row's follow-up, problems left in `take` for the caller's :meth:`Columns.check`.

    Times count from 0. `event` None leaves the event to the caller; with a `cause` it holds codes of causes. With `entry` a row is under observation in (entry, time], which must not be empty.
    """
    if cause is not None:
        check_cause(cause)
    names = [] if cluster is None else [cluster] if isinstance(cluster, str) else list(cluster)
    if len(names) > 2:
        raise UsageError(f"cluster names {len(names)} columns; at most two are supported.")
    ends = take.number("time", time, minimum=0)
    starts = None if entry is None else take.number("entry", entry, minimum=0)
    if isinstance(entry, str) and entry == time:
        take.problem(f"entry and time both name the column {time!r}. Name the start of follow-up as entry.")
    elif starts is not None:
        empty = _empty_intervals(starts, ends)
        if len(empty):
            take.problem(
                f"entry={entry!r} is not before time={time!r} for {rows_phrase(empty.tolist(), len(ends))}. "
                "A row is followed over (entry, time]: correct the dates, or leave out people never under observation."
            )
    if event is None:
        happened = np.zeros(len(ends), bool)
    elif cause is None:
        happened = take.binary("event", event, both=False)
    else:
        happened = take.causes("event", event) == cause
    weight = take.weights("weights", weights)
    if weights is not None and len(weight) and not (weight > 0).any():
        take.problem(
            f"weights={weights!r} has no row above 0, so no row counts. Check the design they came from."
        )
    return FollowUp(
        row=np.arange(len(ends)),
        time=ends,
        event=happened,
        entry=starts,
        weight=weight,
        clusters=tuple(take.codes("cluster", name) for name in names),
        weighted=weights is not None,
        frequency=None if frequency is None else take.counts("frequency", frequency),
    )


def _empty_intervals(starts: FloatArray, ends: FloatArray) -> IntArray:
    """Rows whose start is not before their end, or is before it by rounding only; unknown times are not judged."""
    known = np.flatnonzero(np.isfinite(starts) & np.isfinite(ends))
    if not len(known):
        return known
    first, last = tie(starts[known], ends[known])
    return known[first >= last]


def groups_present(codes: IntArray, labels: list[Any], given: IntArray) -> tuple[tuple[Any, ...], IntArray]:
    """Labels of the groups that still have a row, and each row's place among them (n,).

    `codes` are those of the rows that count, of `given` by :meth:`Columns.labels` for all rows, which have every label.
    """
    if codes is given:
        return tuple(labels), codes
    present, dense = dense_codes(codes)
    return tuple(labels[k] for k in present.tolist()), dense


def counted(follow: FollowUp, *others: IntArray) -> tuple[FollowUp, tuple[IntArray, ...]]:
    """The rows with a weight above 0, each as often as its frequency, and the same rows of other arrays (n,)."""
    keep = follow.weight > 0
    if follow.frequency is None:
        if keep.all():
            return follow, others
        return follow.among(keep), tuple(other[keep] for other in others)
    times = np.where(keep, follow.frequency, 0)
    total = int(times.sum(dtype=object))
    if total > _MOST:
        raise DataError(
            f"frequency adds up to {total} rows, more than {_MOST}. Name it as weights with robust=False, or "
            "count in larger units."
        )
    if total == 0:
        raise DataError("frequency has no row above 0, so no row counts.")
    place = np.repeat(np.arange(len(times)), times)
    once = replace(follow.among_rows(place), frequency=None)
    return once, tuple(other[place] for other in others)
