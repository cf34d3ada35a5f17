"""Numbers at risk under a picture of curves, each under its time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ("group", "time", "n_rows", "effective")


def draw_at_risk(
    frame: pd.DataFrame, ax: Axes, *, labels: Mapping[str, str] | None = None, effective: bool = False
) -> Axes:
    """A row of numbers for each group under the horizontal axis of `ax`, aligned with its ticks.

    Parameters
    ----------
    frame : group, time, n_rows (people), effective (effective number, where people are weighted)
    ax : a picture of the same curves, with ticks at the frame's times
    labels : words for the groups
    effective : whether to give the effective number, too, after a stroke
    """
    style.need(frame, COLUMNS, "numbers at risk")
    with style.house_style():
        size = style.letters(ax) - 1
        down = 3.4 * style.letters(ax) + 12  # points: under the tick labels and the axis title
        heading = "At risk: people" + (" / effective number" if effective else "")
        _write(ax, heading, (0.0, 0.0), -down, size, ha="left", xycoords="axes fraction", fontweight="bold")
        for i, (group, rows) in enumerate(frame.groupby("group", sort=False, observed=True)):
            look = style.arm_style(i)
            name = style.wrapped((labels or {}).get(str(group), str(group)), 40, 1)
            drop = -down - (2 * i + 1) * 1.35 * size
            _write(ax, name, (0.0, 0.0), drop, size, ha="left", xycoords="axes fraction", color=look.colour)
            for time, people, share in rows[["time", "n_rows", "effective"]].itertuples(index=False, name=None):
                said = f"{people:,.0f}" + (f" / {share:,.0f}" if effective else "")
                place = ax.get_xaxis_transform()
                _write(ax, said, (float(time), 0.0), drop - 1.25 * size, size, ha="center", xycoords=place)
    return ax


def _write(ax: Axes, words: str, xy: tuple[float, float], down: float, size: float, **look: Any) -> None:
    note = ax.annotate(
        words,
        xy,
        xytext=(0, down),
        textcoords="offset points",
        fontsize=size,
        annotation_clip=False,
        va="top",
        **look,
    )
    style.plain(note)
