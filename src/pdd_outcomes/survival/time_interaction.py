"""Effects that change over time: follow-up cut into periods, and covariates times a function of time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from ..core.columns import FloatArray, IntArray
from ..core.errors import DataError, UsageError, choose
from .riskset import snap
from .roles import FollowUp
from .working_units import PredictorRows

TimeFunction = Literal["identity", "log", "sqrt"]
_FUNCTIONS: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    "identity": np.positive,
    "log": np.log,
    "sqrt": np.sqrt,
}
_MOST = 50_000_000  # rows to which follow-up may be cut


def check_interactions(
    interactions: Mapping[str, TimeFunction | Sequence[float]] | None, terms: Sequence[str]
) -> dict[str, str | tuple[float, ...]]:
    """Each term's function of time, or its cut points; a UsageError says what is wrong."""
    out: dict[str, str | tuple[float, ...]] = {}
    for term, change in (interactions or {}).items():
        choose("time_interactions", term, terms)
        if isinstance(change, str):
            out[term] = choose(f"time_interactions[{term!r}]", change, sorted(_FUNCTIONS))
            continue
        cuts = np.asarray(change, float)
        if (
            cuts.ndim != 1
            or not len(cuts)
            or not (np.isfinite(cuts) & (cuts > 0)).all()
            or (np.diff(cuts) <= 0).any()
        ):
            raise UsageError(
                f"time_interactions[{term!r}] must be {sorted(_FUNCTIONS)} or cut points that increase from above 0, "
                "such as [91, 365]."
            )
        out[term] = tuple(cuts.tolist())
    return out


def cut_follow_up(follow: FollowUp, cuts: FloatArray) -> tuple[FollowUp, IntArray]:
    """Each row as the periods (start, end] between the ascending `cuts` (k,); and which row each period is of (r,).

    Only a row's last period has its event. Likelihoods and curves are the same as before.
    """
    cuts = np.unique(cuts)
    before = -float(follow.time.max()) - 1e-300  # who has no entry is at risk from the start, and at 0, too
    start = np.full(len(follow.time), before) if follow.entry is None else follow.entry
    end, start = snap(follow.time, cuts), snap(start, cuts)
    low, high = np.searchsorted(cuts, start, side="right"), np.searchsorted(cuts, end, side="left")
    pieces = high - low + 1
    if pieces.sum() > _MOST:
        raise DataError(
            f"Follow-up would be cut into {int(pieces.sum())} periods, more than {_MOST}. "
            "Give cut points instead of a function of time, or cut at fewer of them."
        )
    row = np.repeat(np.arange(len(pieces)), pieces)
    piece = np.arange(len(row)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    edges = np.concatenate([cuts, [np.inf]])
    at = low[row] + piece
    is_last = piece == pieces[row] - 1
    entry = np.where(piece == 0, start[row], edges[np.maximum(at - 1, 0)])
    whole = follow.among_rows(row)
    return replace(
        whole,
        time=np.where(is_last, end[row], edges[at]),
        event=whole.event & is_last,
        entry=entry,
        clusters=whole.clusters or (whole.row,),
    ), row


def changing_rows(
    found: PredictorRows, follow: FollowUp, changes: Mapping[str, str | tuple[float, ...]]
) -> tuple[PredictorRows, FollowUp, IntArray]:
    """Predictors and follow-up of a model some of whose terms change over time, and the row each period is of.

    A term with cut points becomes one for each interval, "x (91, 365]"; one with a function g keeps its own column and
    gains "x:g(t)", for which follow-up is cut at every time of an event.
    """
    cuts = [np.asarray(c, float) for c in changes.values() if not isinstance(c, str)]
    if any(isinstance(c, str) for c in changes.values()):
        cuts.append(np.unique(follow.time[follow.event]))
    periods, row = cut_follow_up(follow, np.concatenate(cuts))
    terms: list[str] = []
    parts: list[tuple[int, FloatArray | None]] = []
    for j, term in enumerate(found.terms):
        change = changes.get(term)
        if change is None or isinstance(change, str):
            terms.append(term)
            parts.append((j, None))
        if isinstance(change, str):
            terms.append(f"{term}:{change}(t)")
            with np.errstate(divide="ignore"):
                scale = _FUNCTIONS[change](periods.time)
            if not np.isfinite(scale).all():
                raise DataError(
                    f"time_interactions[{term!r}]='log' needs times above 0, and some are 0. Take 'identity' or 'sqrt'."
                )
            parts.append((j, scale))
        elif change is not None:
            edges = np.array([-np.inf, *change, np.inf])
            here = np.searchsorted(edges, snap(periods.time, edges[1:-1]), side="left") - 1
            for k in range(len(edges) - 1):
                terms.append(f"{term} {_interval(edges[k], edges[k + 1])}")
                parts.append((j, (here == k).astype(float)))

    def column(j: int) -> FloatArray:
        of, scale = parts[j]
        values = found.column(of)[row]
        return values if scale is None else values * scale

    return PredictorRows(tuple(terms), column), periods, row


def _interval(low: float, high: float) -> str:
    if np.isinf(low):
        return f"(0, {high:g}]"
    return f"({low:g}, inf)" if np.isinf(high) else f"({low:g}, {high:g}]"
