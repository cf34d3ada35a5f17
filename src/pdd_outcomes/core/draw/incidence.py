"""Cumulative incidence of competing causes: as step curves, or stacked on each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..columns import FloatArray
from . import style
from .curves import curves_alt, draw_curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ("group", "cause", "time", "estimate", "conf_low", "conf_high")


def draw_incidence(
    frame: pd.DataFrame,
    ax: Axes | None = None,
    *,
    labels: Mapping[int, str] | None = None,
    time_label: str = "Time",
    title: str | None = None,
) -> Axes:
    """A step curve for each group and cause, with its interval, in per cent.

    Parameters
    ----------
    frame : group, cause, time, estimate (cumulative incidence), conf_low, conf_high
    ax : where to draw; a new figure if none
    labels : words for the causes
    """
    return draw_curves(
        _as_curves(frame, labels), ax, y="risk", time_label=time_label, title=title or "Cumulative incidence"
    )


def incidence_alt(frame: pd.DataFrame, *, labels: Mapping[int, str] | None = None) -> str:
    """What the curves show, in words: each group's and cause's incidence at the end."""
    return curves_alt(_as_curves(frame, labels)).replace("cumulative risk", "cumulative incidence", 1)


def _as_curves(frame: pd.DataFrame, labels: Mapping[int, str] | None) -> pd.DataFrame:
    """The frame as one of survival, a group for each group and cause."""
    style.need(frame, COLUMNS, "cumulative incidence")
    several = frame["group"].nunique() > 1
    cause = [(labels or {}).get(k, f"cause {k}") for k in frame["cause"].tolist()]
    name = [f"{g}: {c}" if several else c for g, c in zip(frame["group"], cause)]
    return pd.DataFrame(
        {
            "group": name,
            "time": frame["time"],
            "estimate": 1 - frame["estimate"],
            "conf_low": 1 - frame["conf_high"],
            "conf_high": 1 - frame["conf_low"],
        }
    )


def draw_stacked(
    frame: pd.DataFrame,
    ax: Axes | None = None,
    *,
    labels: Mapping[int, str] | None = None,
    time_label: str = "Time",
    title: str | None = None,
) -> Axes:
    """One group's causes on top of each other, up to all events; what is above them is no event yet.

    Parameters
    ----------
    frame : one group's rows, columns as in :func:`draw_incidence`
    """
    time, stack, names = _stacked(frame, labels)
    with style.house_style():
        ax = style.new_axes() if ax is None else ax
        style.dress(ax)
        floor = np.zeros(len(time))
        for i, height in enumerate(stack):
            look = style.arm_style(i)
            ax.fill_between(
                time,
                floor,
                floor + height,
                step="post",
                facecolor=look.colour,
                edgecolor="white",
                hatch=look.hatch,
                alpha=0.85,
                linewidth=0,
            )
            floor = floor + height
        ax.set_xlim(0, float(time[-1]))
        ax.set_ylim(0, 100)
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}%")
        _label_layers(ax, stack, [*names, "no event yet"], float(time[-1]))
        style.title_above(ax, title or "Cumulative incidence, causes stacked")
        style.title_below(ax, time_label)
    return ax


def _label_layers(ax: Axes, stack: list[FloatArray], names: list[str], end: float) -> None:
    """Each layer's words and share beside its middle at the end."""
    ends = np.array([height[-1] for height in stack])
    shares = np.append(ends, max(100 - ends.sum(), 0.0))
    middles = np.cumsum(shares) - shares / 2
    line = 100 * style.letters(ax) * 1.3 / style.POINTS / max(style.size_of(ax)[1], 1.0)
    for name, share, place in zip(names, shares, style.spread(middles.tolist(), 2.2 * line, 0, 100)):
        style.stack(ax, style.wrapped(name, 18, 2) + f"\n{share:.1f}%", (end, float(place)), right=6, ha="left")


def stacked_alt(frame: pd.DataFrame, *, labels: Mapping[int, str] | None = None) -> str:
    """What the layers show, in words: each cause's share at the end, and that of no event."""
    time, stack, names = _stacked(frame, labels)
    said = [f"{name} {height[-1]:.1f}%" for name, height in zip(names, stack)]
    rest = max(100 - sum(float(height[-1]) for height in stack), 0.0)
    return f"Stacked cumulative incidence. At {time[-1]:g}: {', '.join(said)}, no event yet {rest:.1f}%."


def _stacked(
    frame: pd.DataFrame, labels: Mapping[int, str] | None
) -> tuple[FloatArray, list[FloatArray], list[str]]:
    """Common times from 0, each cause's incidence at them in per cent, and its words."""
    style.need(frame, COLUMNS, "cumulative incidence")
    time = np.unique(np.append(0.0, frame["time"].to_numpy(dtype=float)))
    stack, names = [], []
    for cause, rows in frame.groupby("cause", sort=True):
        ordered = rows.sort_values("time", kind="stable")
        place = np.searchsorted(ordered["time"].to_numpy(dtype=float), time, side="right")
        stack.append(100 * np.append(0.0, ordered["estimate"].to_numpy(dtype=float))[place])
        names.append((labels or {}).get(int(str(cause)), f"cause {cause}"))
    return time, stack, names
