"""One series before and after an interruption, beside what it would have gone on to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ("time", "observed", "fitted", "counterfactual", "conf_low", "conf_high", "after")


def draw_series(
    frame: pd.DataFrame, ax: Axes | None = None, *, title: str = "Observed", time_label: str = "Time"
) -> Axes:
    """Observed points, the fitted line, and from the interruption on the counterfactual with its interval.

    Parameters
    ----------
    frame : time (numbers or dates, rising), observed, fitted, counterfactual, conf_low, conf_high, after (True or False)
    ax : where to draw; a new figure if none
    title : of the vertical axis, set level above it
    time_label : what the time is
    """
    style.need(frame, COLUMNS, "a series")
    after = frame["after"].to_numpy(dtype=bool)
    time = frame["time"].to_numpy()
    fitted, other, low, high = (
        frame[c].to_numpy(dtype=float) for c in ("fitted", "counterfactual", "conf_low", "conf_high")
    )
    with_it, without = style.arm_style(0), style.arm_style(1)
    with style.house_style():
        ax = style.new_axes() if ax is None else ax
        style.dress(ax)
        ax.plot(
            time,
            frame["observed"].to_numpy(dtype=float),
            linestyle="none",
            marker="o",
            markersize=3.5,
            color=style.DARK_GREY,
            alpha=0.6,
        )
        for part in (~after, after):
            ax.plot(time[part], fitted[part], color=with_it.colour, linestyle=with_it.dash, linewidth=2)
        if after.any():
            ax.fill_between(time[after], low[after], high[after], color=without.colour, alpha=0.16, linewidth=0)
            ax.plot(time[after], other[after], color=without.colour, linestyle=without.dash, linewidth=2)
            ax.axvline(time[after][0], color=style.TEXT, linewidth=1, linestyle=(0, (2, 2)), zorder=1)
            _label_ends(ax, float(fitted[-1]), float(other[-1]))
        style.title_above(ax, title)
        style.title_below(ax, time_label)
    return ax


def _label_ends(ax: Axes, fitted: float, other: float) -> None:
    """Words beside the ends of the two lines, moved apart where they would touch."""
    low, high = ax.get_ylim()
    line = (high - low) * style.letters(ax) * 1.3 / style.POINTS / max(style.size_of(ax)[1], 1.0)
    words = [f"Fitted\n{style.minus(f'{fitted:.4g}')}", f"Had it gone on\n{style.minus(f'{other:.4g}')}"]
    last = np.asarray(ax.get_lines()[0].get_xdata(orig=False))[-1]  # the last period as a place, dates too
    for said, place in zip(words, style.spread([fitted, other], 2.2 * line, low, high)):
        style.stack(ax, said, (float(last), float(place)), right=8, ha="left")


def series_alt(frame: pd.DataFrame, *, title: str = "Observed") -> str:
    """What the picture shows, in words: how long, when the interruption came, and both lines at the end."""
    style.need(frame, COLUMNS, "a series")
    after = frame["after"].to_numpy(dtype=bool)
    times = [_word(t) for t in frame["time"]]
    said = [
        f"{title}: a point for each of {len(frame)} periods from {times[0]} to {times[-1]}, with a fitted line."
    ]
    if after.any():
        last = frame.iloc[-1]
        figures = {c: style.minus(f"{float(last[c]):.4g}") for c in COLUMNS[2:6]}
        said.append(
            f"The interruption is at {times[int(np.argmax(after))]}. In the last period the fitted line is at "
            f"{figures['fitted']}, and had the earlier course gone on it would be at {figures['counterfactual']} "
            f"(interval {figures['conf_low']} to {figures['conf_high']})."
        )
    return " ".join(said)


def _word(time: object) -> str:
    return f"{time:%Y-%m-%d}" if isinstance(time, pd.Timestamp) else f"{time:g}"
