"""Periods of people whose events recur: read, put in order, checked for overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..core.columns import Columns, FloatArray, IntArray
from ..core.errors import rows_phrase
from ..core.times import tie
from .roles import FollowUp, counted, read_follow_up


@dataclass(frozen=True, slots=True, eq=False)
class RecurrentRows:
    """Periods that count, in the order of the data.

    Attributes
    ----------
    follow : with the person as first cluster
    count : (n,) events at the end of each period
    person : (n,) code of each
    """

    follow: FollowUp
    count: FloatArray
    person: IntArray


def read_recurrent(
    take: Columns,
    time: str,
    event: str,
    *,
    id: str,
    entry: str | None,
    weights: str | None,
    cluster: str | Sequence[str] | None,
) -> RecurrentRows:
    """The periods, after everything in `take` has been checked; a person's must not overlap.

    Without `entry` a person's rows follow each other from 0; rows at one time become one, with their events added up.
    """
    others = [] if cluster is None else [cluster] if isinstance(cluster, str) else list(cluster)
    follow = read_follow_up(take, time, event, entry=entry, weights=weights, cluster=[id, *others])
    take.check()
    follow, _ = counted(follow)
    person = follow.clusters[0]
    count = follow.event.astype(float)
    if entry is None:
        return _in_turn(follow, person, count)
    begin, end = tie(np.asarray(follow.entry), follow.time)
    order = np.lexsort((end, begin, person))
    same = person[order][1:] == person[order][:-1]
    over = same & (begin[order][1:] < end[order][:-1])
    if over.any():
        rows = np.sort(follow.row[order[1:][over]])
        take.problem(
            f"id={id!r}: {rows_phrase(rows.tolist(), len(follow.row))} begin before another period of the same person has "
            f"ended, for {len(np.unique(person[order[1:][over]]))} people. Cut the periods so that each follows the last."
        )
        take.check()
    return RecurrentRows(follow, count, person)


def _in_turn(follow: FollowUp, person: IntArray, count: FloatArray) -> RecurrentRows:
    """Rows of a person as the periods between one time and the next."""
    end = tie(follow.time)[0]
    order = np.lexsort((end, person))
    first = np.concatenate([[True], np.diff(person[order]) != 0])
    new = first | np.concatenate([[True], np.diff(end[order]) != 0])
    kept = order[new]
    total = np.add.reduceat(count[order], np.flatnonzero(new))
    before = -float(end.max()) - 1e-300  # from the start, so that who has an event at 0 was at risk of it
    entry = np.where(first[new], before, np.concatenate([[0.0], end[kept][:-1]]))
    back = np.argsort(kept, kind="stable")
    rows = kept[back]
    periods = replace(follow.among_rows(rows), time=end[rows], entry=entry[back], event=total[back] > 0)
    return RecurrentRows(periods, total[back], person[rows])
