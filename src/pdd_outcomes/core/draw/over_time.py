"""A quantity over time with its interval: a hazard ratio, a difference of means, a mean count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..columns import FloatArray
from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ("time", "estimate", "conf_low", "conf_high")


def draw_over_time(
    frame: pd.DataFrame,
    ax: Axes | None = None,
    *,
    title: str,
    time_label: str = "Time",
    null: float | None = None,
    log: bool = False,
    steps: bool = False,
    points: pd.DataFrame | None = None,
) -> Axes:
    """A line, or a line for each group, with its interval.

    Parameters
    ----------
    frame : time, estimate, conf_low, conf_high, and perhaps group; rising in time within a group
    ax : where to draw; a new figure if none
    title : of the vertical axis, set level above it
    null : the value of no effect, ruled across
    log : a logarithmic axis, for ratios
    steps : whether the quantity stays until the next row (a mean count) or runs to it in a line
    points : time and value of single observations behind the line, such as Schoenfeld residuals
    """
    lines = _lines(frame)
    with style.house_style():
        ax = style.new_axes() if ax is None else ax
        style.dress(ax)
        if log:
            ax.set_yscale("log")
            ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
            ax.yaxis.set_minor_formatter(lambda value, _: f"{value:g}")
            ax.tick_params(axis="y", which="minor", labelsize=style.letters(ax) - 1, length=0)
        if null is not None:
            ax.axhline(null, color=style.TEXT, linewidth=1, zorder=1)
        if points is not None:
            style.need(points, ("time", "value"), "points")
            ax.scatter(points["time"], points["value"], s=9, color=style.DARK_GREY, alpha=0.35, linewidth=0)
        for i, rows in enumerate(lines.values()):
            look = style.arm_style(i)
            time, value, low, high = (rows[c].to_numpy(dtype=float) for c in COLUMNS)
            ax.fill_between(
                time, low, high, step="post" if steps else None, color=look.colour, alpha=0.16, linewidth=0
            )
            ax.plot(
                time,
                value,
                color=look.colour,
                linestyle=look.dash,
                linewidth=2,
                drawstyle="steps-post" if steps else "default",
            )
        _limits(ax, list(lines.values()), null, log)
        if len(lines) > 1:
            _label_ends(ax, lines)
        style.title_above(ax, title)
        style.title_below(ax, time_label)
    return ax


def _lines(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    style.need(frame, COLUMNS, "a quantity over time")
    if "group" not in frame.columns:
        return {"": frame}
    return {str(group): rows for group, rows in frame.groupby("group", sort=False, observed=True)}


def _limits(ax: Axes, lines: list[pd.DataFrame], null: float | None, log: bool) -> None:
    """Limits that hold the lines and most of their bands: one wild end does not flatten the rest."""
    value = np.concatenate([rows["estimate"].to_numpy(dtype=float) for rows in lines])
    band = np.concatenate([rows[c].to_numpy(dtype=float) for rows in lines for c in ("conf_low", "conf_high")])
    held: FloatArray = np.concatenate(
        [value, np.nanquantile(band, [0.03, 0.97]), [value[0] if null is None else null]]
    )
    held = held[np.isfinite(held) & ((held > 0) | (not log))]
    low, high = float(held.min()), float(held.max())
    if log:
        ax.set_ylim(low / 1.1, high * 1.1)
    else:
        room = 0.06 * ((high - low) or 1.0)
        ax.set_ylim(0.0 if low == 0 else low - room, high + room)
    ax.set_xlim(
        min(0.0, *(float(rows["time"].min()) for rows in lines)),
        max(float(rows["time"].max()) for rows in lines),
    )


def _label_ends(ax: Axes, lines: dict[str, pd.DataFrame]) -> None:
    low, high = ax.get_ylim()
    line = (high - low) * style.letters(ax) * 1.3 / style.POINTS / max(style.size_of(ax)[1], 1.0)
    ends = [float(rows["estimate"].iloc[-1]) for rows in lines.values()]
    right = ax.get_xlim()[1]
    for name, end, place in zip(lines, ends, style.spread(ends, 2.2 * line, low, high)):
        style.stack(ax, f"{style.wrapped(name, 18, 2)}\n{end:.3g}", (right, float(place)), right=6, ha="left")


def over_time_alt(frame: pd.DataFrame, *, title: str, null: float | None = None, digits: int = 2) -> str:
    """What the lines show, in words: each one's value at the start, the middle and the end, and where it leaves the null."""
    said = [f"{title} over time, with interval bands."]
    for name, rows in _lines(frame).items():
        time, value, low, high = (rows[c].to_numpy(dtype=float) for c in COLUMNS)
        places = sorted({0, len(time) // 2, len(time) - 1})
        read = ", ".join(
            f"{style.fixed(value[k], digits)} ({style.fixed(low[k], digits)} to {style.fixed(high[k], digits)}) at {time[k]:g}"
            for k in places
        )
        said.append((f"{name}: " if name else "") + read + ".")
        if null is not None:
            apart = (low > null) | (high < null)
            said.append(
                f"The band leaves out {null:g} at {int(apart.sum())} of {len(time)} times shown."
                if apart.any()
                else f"The band holds {null:g} at every time shown."
            )
    return " ".join(said)
