"""Event study: effects by time since the start, hollow before it and filled since, with their intervals and bands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..columns import FloatArray
from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ("event_time", "estimate", "conf_low", "conf_high", "band_low", "band_high")


def draw_event_study(
    frame: pd.DataFrame,
    ax: Axes | None = None,
    *,
    title: str = "Effect",
    time_label: str = "Periods since the start",
) -> Axes:
    """A point an event time: a hollow circle before the start, a filled square since; thick bars are intervals of each alone.

    Thin bars with caps are bands that hold all at once; an arrow says that one goes on. A point without bars is the period
    compared with, or has no interval.

    Parameters
    ----------
    frame : event_time, estimate, conf_low, conf_high, band_low, band_high; the last four may be missing
    ax : where to draw; a new figure if none
    title : of the vertical axis, set level above it
    time_label : what the event time counts
    """
    from matplotlib.ticker import MaxNLocator

    time, value, low, high, under, over = _numbers(frame)
    before, since = style.arm_style(1), style.arm_style(0)
    with style.house_style():
        ax = style.new_axes() if ax is None else ax
        style.dress(ax)
        ax.axhline(0.0, color=style.TEXT, linewidth=1, zorder=1)
        if (time < 0).any() and (time >= 0).any():
            middle = (float(time[time < 0].max()) + float(time[time >= 0].min())) / 2
            ax.axvline(middle, color=style.TEXT, linewidth=1, linestyle=(0, (2, 2)), zorder=1)
            _sides(ax, middle)
        bottom, top = _span(value, low, high, under, over)
        ax.set_ylim(bottom, top)
        size, thick = (5.0, 2.6) if len(time) <= 30 else (3.5, 1.8)
        for here, look, marker, fill in (
            (time < 0, before, "o", "white"),
            (time >= 0, since, "s", since.colour),
        ):
            _bars(ax, time[here], under[here], over[here], look.colour, 1.0, capped=True)
            _bars(ax, time[here], low[here], high[here], look.colour, thick, capped=False)
            ax.plot(
                time[here],
                value[here],
                linestyle="none",
                marker=marker,
                markersize=size,
                markerfacecolor=fill,
                markeredgecolor=look.colour,
                markeredgewidth=1.4,
                zorder=3,
            )
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.yaxis.set_major_formatter(lambda at, _: style.minus(f"{at:g}"))
        ax.xaxis.set_major_formatter(lambda at, _: style.minus(f"{at:g}"))
        style.title_above(ax, title)
        style.title_below(ax, time_label)
    return ax


def _numbers(frame: pd.DataFrame) -> list[FloatArray]:
    style.need(frame, COLUMNS, "an event study")
    rising = frame.sort_values("event_time")
    return [rising[c].to_numpy(dtype=float, na_value=np.nan) for c in COLUMNS]


def _span(value: FloatArray, *limits: FloatArray) -> tuple[float, float]:
    """Ends of the vertical axis: all estimates and 0, and of their limits as much as does not squeeze the rest."""
    shown = np.append(value[np.isfinite(value)], 0.0)
    ends = np.concatenate([end[np.isfinite(end)] for end in limits] + [shown])
    width = np.concatenate([high - low for low, high in (limits[:2], limits[2:])])
    usual = float(np.median(width[np.isfinite(width)])) if np.isfinite(width).any() else 0.0
    room = 1.5 * max(float(np.ptp(shown)), usual)
    bottom, top = max(ends.min(), shown.min() - room), min(ends.max(), shown.max() + room)
    pad = 0.06 * (top - bottom) or 1.0
    return float(bottom - pad), float(top + pad)


def _bars(
    ax: Axes, time: FloatArray, low: FloatArray, high: FloatArray, colour: str, width: float, *, capped: bool
) -> None:
    known = np.isfinite(low) & np.isfinite(high)
    if not known.any():
        return
    bottom, top = ax.get_ylim()
    ax.vlines(time[known], low[known], high[known], color=colour, linewidth=width, zorder=2)
    look: Any = {"linestyle": "none", "markersize": 5, "color": colour, "zorder": 2, "clip_on": False}
    for end, edge, arrow in ((low[known], bottom, "v"), (high[known], top, "^")):
        out = end < edge if arrow == "v" else end > edge
        if out.any():
            ax.plot(time[known][out], np.full(int(out.sum()), edge), marker=arrow, **look)
        if capped and not out.all():
            ax.plot(time[known][~out], end[~out], marker="_", **look)
    ax.set_ylim(bottom, top)


def _sides(ax: Axes, middle: float) -> None:
    for words, at, align in (("before ○", -6, "right"), ("■ since the start", 6, "left")):
        place: Any = {"xy": (middle, 1.0), "xycoords": ax.get_xaxis_transform(), "xytext": (at, -2)}
        note = ax.annotate(words, **place, textcoords="offset points", ha=align, va="top")
        style.plain(note).set(fontsize=style.letters(ax) - 1, color=style.MUTED)


def event_study_alt(frame: pd.DataFrame, *, title: str = "Effect") -> str:
    """What the picture shows, in words: the span of effects before and since, and how many intervals hold 0."""
    time, value, low, high, under, over = _numbers(frame)
    said = [
        f"{title} by time since the start, from {_figure(time[0])} to {_figure(time[-1])}, each with its interval."
    ]
    banded = bool(np.isfinite(under).any())
    if banded:
        low, high = under, over
    for here, words in ((time < 0, "Before the start"), (time >= 0, "Since the start")):
        known = here & np.isfinite(value)
        if not known.any():
            continue
        bare = int((known & ~np.isfinite(low)).sum())
        shown = known & np.isfinite(low)
        clear = int((shown & ((low > 0) | (high < 0))).sum())
        last = "" if words[0] == "B" else f", and the last is {_figure(value[known][-1])}"
        said.append(
            f"{words} the {int(known.sum())} estimates run from {_figure(value[known].min())} to {_figure(value[known].max())}"
            f"{last}; {clear} of {int(shown.sum())} {'simultaneous bands' if banded else 'intervals'} do not hold 0."
            + (f" {bare} without an interval." if bare else "")
        )
    return " ".join(said)


def _figure(x: float) -> str:
    return style.minus(f"{float(x):.3g}")
