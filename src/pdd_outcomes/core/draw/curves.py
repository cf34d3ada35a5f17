"""Step curves of several groups with interval bands: cumulative risk, or survival."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from ..columns import FloatArray
from ..errors import choose
from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ("group", "time", "estimate", "conf_low", "conf_high")
Scale = Literal["risk", "survival"]


def draw_curves(
    frame: pd.DataFrame,
    ax: Axes | None = None,
    *,
    y: Scale = "risk",
    labels: Mapping[str, str] | None = None,
    time_label: str = "Time",
    title: str | None = None,
    ticks: Sequence[float] | None = None,
    top: float | None = None,
    ends: bool = True,
) -> Axes:
    """Survival estimates as step curves with their intervals, each labelled at its end.

    Parameters
    ----------
    frame : group, time, estimate (survival), conf_low, conf_high (of survival; missing where there is no band);
        one row a step, groups in the order they should be coloured (the treated first)
    ax : where to draw; a new figure if none
    y : "risk" draws one minus survival in per cent, "survival" the survival in per cent
    labels : words for the groups, instead of their values
    time_label : what the time is and in which unit ("Months since release")
    title : title of the vertical axis, set level above it
    ticks : times to mark
    top : the largest value the axis must hold, in per cent, to give several pictures one scale
    ends : whether to label each curve at its end

    Returns
    -------
    Axes
    """
    choose("y", y, ("risk", "survival"))
    style.need(frame, COLUMNS, "curves")
    curves = _curves(frame, y)
    with style.house_style():
        ax = style.new_axes() if ax is None else ax
        style.dress(ax)
        end = max(float(curve.time[-1]) for curve in curves.values())
        for i, curve in enumerate(curves.values()):
            look = style.arm_style(i)
            ax.fill_between(
                curve.time, curve.low, curve.high, step="post", color=look.colour, alpha=0.16, linewidth=0
            )
            ax.step(
                curve.time,
                curve.value,
                where="post",
                color=look.colour,
                linestyle=look.dash,
                linewidth=2,
                solid_capstyle="butt",
            )
        ax.set_xlim(0, end)
        ax.set_ylim(*_limits(list(curves.values()), y, top or 0.0))
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}%")
        if ticks is not None:
            ax.set_xticks([t for t in ticks if t <= end * 1.001])
        if ends:
            _label_ends(ax, curves, labels or {}, end)
        style.title_above(ax, title or ("Cumulative risk" if y == "risk" else "Survival"))
        style.title_below(ax, time_label)
    return ax


class _Curve:
    """One group's steps in per cent on the scale drawn, starting at time 0."""

    def __init__(self, rows: pd.DataFrame, y: Scale) -> None:
        ordered = rows.sort_values("time", kind="stable")
        time, value, low, high = (ordered[c].to_numpy(dtype=float) for c in COLUMNS[1:])
        if time[0] > 0:
            time = np.append(0.0, time)
            value, low, high = (np.append(1.0, x) for x in (value, low, high))
        if y == "risk":
            value, low, high = 1 - value, 1 - high, 1 - low
        self.time: FloatArray = time
        self.value, self.low, self.high = 100 * value, 100 * low, 100 * high

    def at(self, time: float) -> float:
        """The step's height at a time."""
        return float(self.value[np.searchsorted(self.time, time * (1 + 1e-12), side="right") - 1])


def _curves(frame: pd.DataFrame, y: Scale) -> dict[str, _Curve]:
    return {str(group): _Curve(rows, y) for group, rows in frame.groupby("group", sort=False, observed=True)}


def _limits(curves: list[_Curve], y: Scale, least: float) -> tuple[float, float]:
    if y == "survival":
        return 0.0, 100.0
    top = max(least, *(float(np.nanmax(np.append(curve.value, curve.high))) for curve in curves))
    step = 1.0 if top <= 5 else 5.0 if top <= 25 else 10.0
    return 0.0, min(100.0, step * np.ceil(max(top, 1.0) * 1.02 / step))


def _label_ends(ax: Axes, curves: Mapping[str, _Curve], labels: Mapping[str, str], end: float) -> None:
    """Each group's words beside its last step, moved apart where they would touch."""
    size = style.letters(ax)
    words = [
        style.wrapped(labels.get(group, group), 12 if style.is_narrow(ax) else 20, 3)
        + f"\n{curve.value[-1]:.1f}%"
        for group, curve in curves.items()
    ]
    low, high = ax.get_ylim()
    line = (high - low) * size * 1.3 / style.POINTS / max(style.size_of(ax)[1], 1.0)
    tallest = max(text.count("\n") + 1 for text in words)
    places = style.spread([c.value[-1] for c in curves.values()], line * tallest, low, high)
    for i, (curve, text) in enumerate(zip(curves.values(), words)):
        look = style.arm_style(i)
        last = float(curve.time[-1])
        ax.plot(
            [last],
            [curve.value[-1]],
            marker=look.marker,
            markersize=5,
            color=look.colour,
            clip_on=False,
            zorder=4,
        )
        style.stack(ax, text, (end, float(places[i])), right=9, ha="left")


def curves_alt(
    frame: pd.DataFrame,
    *,
    y: Scale = "risk",
    labels: Mapping[str, str] | None = None,
    at: Sequence[float] = (),
    unit: str = "",
) -> str:
    """What the curves show, in words: each group's figure at the times `at`, or at its end.

    Parameters
    ----------
    frame, y, labels : as in :func:`draw_curves`
    at : times to read the curves at
    unit : of the times ("months")
    """
    choose("y", y, ("risk", "survival"))
    curves = _curves(style.need(frame, COLUMNS, "curves"), y)
    named = labels or {}
    what = "cumulative risk" if y == "risk" else "survival"
    said = [f"Step curves of {what} with interval bands for {len(curves)} group{'s' * (len(curves) > 1)}."]
    for group, curve in curves.items():
        last = float(curve.time[-1])
        times = [t for t in at if t <= last * 1.001] or [last]
        read = ", ".join(f"{curve.at(t):.1f}% at {t:g}{' ' + unit if unit else ''}" for t in times)
        said.append(f"{named.get(group, group)}: {read}.")
    return " ".join(said)
