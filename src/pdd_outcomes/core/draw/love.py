"""The love plot: standardised differences before and after matching or weighting, a row for each covariate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ("covariate", "smd_unadjusted", "smd")
ROW = 0.27  # inches


def draw_love(
    frame: pd.DataFrame,
    ax: Axes | None = None,
    *,
    threshold: float = 0.1,
    before: str = "Before matching",
    after: str = "After matching",
) -> Axes:
    """Standardised differences, hollow before and filled after, sorted by those before.

    Parameters
    ----------
    frame : covariate, smd_unadjusted, smd (treated minus control, in standard deviations)
    ax : where to draw; a new figure of a height that fits the rows if none
    threshold : the size that counts as balanced, ruled on both sides of zero
    before, after : words for the two sets of points

    Returns
    -------
    Axes
    """
    style.need(frame, COLUMNS, "love plot")
    rows = frame.sort_values("smd_unadjusted", kind="stable", na_position="first")
    first, last = (rows[c].to_numpy(dtype=float) for c in COLUMNS[1:])
    places = np.arange(len(rows), dtype=float)
    with style.house_style():
        ax = style.new_axes(height=love_height(len(rows))) if ax is None else ax
        style.dress(ax, grid="y")
        narrow = style.is_narrow(ax)
        ax.axvline(0, color=style.MUTED, linewidth=1)
        for side in (-threshold, threshold):
            ax.axvline(side, color=style.MUTED, linewidth=1, linestyle=(0, (3, 3)))
        ax.hlines(places, first, last, color=style.RULE, linewidth=1.6)
        ax.plot(
            first,
            places,
            linestyle="none",
            marker="s",
            markersize=6,
            markerfacecolor="white",
            markeredgecolor=style.BEFORE,
            markeredgewidth=1.6,
        )
        ax.plot(last, places, linestyle="none", marker="o", markersize=6, color=style.RESULT)
        width = 22 if narrow else 34
        style.label_ticks(ax, places, [style.wrapped(str(c), width) for c in rows["covariate"]])
        ax.set_ylim(-0.7, len(rows) - 0.3)
        reach = float(np.nanmax(np.abs(np.concatenate([first, last, [1.5 * threshold]])))) * 1.08
        ax.set_xlim(-reach, reach)
        ax.xaxis.set_major_formatter(lambda value, _: style.minus(f"{value:g}"))
        if narrow:
            ax.locator_params(axis="x", nbins=4)
        for place in places[np.isnan(first) & np.isnan(last)]:
            box: Any = {"facecolor": "white", "edgecolor": "none", "pad": 1}
            note = ax.text(0, place, "not shown", va="center", ha="center", color=style.MUTED, bbox=box)
            note.set_fontsize(style.letters(ax) - 1)
        _key(ax, before, after)
        style.title_below(ax, "Standardised difference" + ("" if narrow else ", treated minus comparison"))
    return ax


def love_height(rows: int) -> float:
    """Inches that a love plot of so many rows needs."""
    return 1.2 + ROW * max(rows, 3)


def _key(ax: Axes, before: str, after: str) -> None:
    """What the two marks mean, above the picture and off the data."""
    from matplotlib.lines import Line2D

    marks = [
        Line2D([], [], linestyle="none", marker="s", markersize=6, mfc="white", mec=style.BEFORE, mew=1.6),
        Line2D([], [], linestyle="none", marker="o", markersize=6, color=style.RESULT),
    ]
    key = ax.legend(
        marks,
        [before, after],
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=2,
        frameon=False,
        fontsize=style.letters(ax),
        handletextpad=0.2,
        columnspacing=1.2,
        borderaxespad=0.2,
    )
    for text in key.get_texts():
        style.plain(text)


def love_alt(frame: pd.DataFrame, *, threshold: float = 0.1) -> str:
    """What the love plot shows, in words: how many covariates exceed the threshold before and after, and the worst."""
    style.need(frame, COLUMNS, "love plot")
    first, last = (frame[c].abs().to_numpy(dtype=float) for c in COLUMNS[1:])
    over = int((first > threshold).sum()), int((last > threshold).sum())
    n = len(frame)
    said = (
        f"Love plot of {n} covariate{'s' * (n > 1)}. Standardised differences above {threshold:g} in size: "
        f"{over[0]} before and {over[1]} after."
    )
    if np.isnan(last).all():
        return said
    worst = int(np.nanargmax(last))
    value = float(frame["smd"].iloc[worst])
    return f"{said} Largest after: {frame['covariate'].iloc[worst]}, {style.fixed(value, 2)}."
