"""The roles that every survival function reads, checked together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..core.columns import BoolArray, Columns, FloatArray, IntArray
from ..core.errors import UsageError, rows_phrase
from ..core.times import tie


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
    """

    row: IntArray
    time: FloatArray
    event: BoolArray
    entry: FloatArray | None
    weight: FloatArray
    clusters: tuple[IntArray, ...]
    weighted: bool

    @property
    def robust(self) -> bool:
        """Whether a variance from influence is called for: rows are weighted, or belong together."""
        return self.weighted or bool(self.clusters)

    def among(self, chosen: BoolArray) -> FollowUp:
        """The chosen rows (n,) only."""
        return replace(
            self,
            row=self.row[chosen],
            time=self.time[chosen],
            event=self.event[chosen],
            entry=None if self.entry is None else self.entry[chosen],
            weight=self.weight[chosen],
            clusters=tuple(c[chosen] for c in self.clusters),
        )


def read_follow_up(
    take: Columns,
    time: str,
    event: str,
    *,
    entry: str | None = None,
    weights: str | None = None,
    cluster: str | Sequence[str] | None = None,
) -> FollowUp:
    """Every row's follow-up, problems left in `take` for the caller's :meth:`Columns.check`.

    Times count from 0. With `entry` a row is under observation in (entry, time], which must not be empty.
    """
    names = [] if cluster is None else [cluster] if isinstance(cluster, str) else list(cluster)
    if len(names) > 2:
        raise UsageError(f"cluster names {len(names)} columns; at most two are supported.")
    ends = take.number("time", time, minimum=0)
    starts = None if entry is None else take.number("entry", entry, minimum=0)
    if entry == time:
        take.problem(f"entry and time both name the column {time!r}. Name the start of follow-up as entry.")
    elif starts is not None:
        empty = _empty_intervals(starts, ends)
        if len(empty):
            take.problem(
                f"entry={entry!r} is not before time={time!r} for {rows_phrase(empty.tolist(), len(ends))}. "
                "A row is followed over (entry, time]: correct the dates, or leave out people never under observation."
            )
    happened = take.binary("event", event, both=False)
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
        clusters=tuple(take.labels("cluster", name)[0] for name in names),
        weighted=weights is not None,
    )


def _empty_intervals(starts: FloatArray, ends: FloatArray) -> IntArray:
    """Rows whose start is not before their end, or is before it by rounding only; unknown times are not judged."""
    known = np.flatnonzero(np.isfinite(starts) & np.isfinite(ends))
    if not len(known):
        return known
    first, last = tie(starts[known], ends[known])
    return known[first >= last]


def counted(follow: FollowUp, *others: IntArray) -> tuple[FollowUp, tuple[IntArray, ...]]:
    """The rows with a weight above 0, and the same rows of other arrays (n,)."""
    keep = follow.weight > 0
    if keep.all():
        return follow, others
    return follow.among(keep), tuple(other[keep] for other in others)
