"""Distribution functions of a covariate in the two arms, before and after matching or weighting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ("arm", "value", "share")


def draw_ecdf(frame: pd.DataFrame, ax: Axes | None = None, *, label: str = "", title: str = "") -> Axes:
    """Cumulative shares of two arms as steps: where the lines lie apart, the arms differ.

    Parameters
    ----------
    frame : arm, value (rising within an arm), share (0..1 of the arm's weight at or below the value)
    ax : where to draw; a new figure if none
    label, title : of the horizontal axis, and above it
    """
    arms = [str(a) for a in style.need(frame, COLUMNS, "distribution functions")["arm"].unique()]
    with style.house_style():
        ax = style.new_axes(height=3.4) if ax is None else ax
        style.dress(ax)
        for i, arm in enumerate(arms):
            rows, look = frame[frame["arm"] == arm], style.arm_style(i)
            value, share = (rows[c].to_numpy(dtype=float) for c in COLUMNS[1:])
            ax.step(
                np.concatenate([value[:1], value]),
                100 * np.concatenate([[0.0], share]),
                where="post",
                color=look.colour,
                linestyle=look.dash,
                linewidth=2,
                label=arm,
            )
        ax.set_ylim(0, 102)
        ax.yaxis.set_major_formatter(lambda y, _: f"{y:g}%")
        ax.legend(loc="lower right", frameon=False)
        style.title_above(ax, title or "Share of the group at or below")
        style.title_below(ax, label)
    return ax


def ecdf_alt(frame: pd.DataFrame, *, label: str = "the covariate") -> str:
    """What the lines show, in words: each arm's median, and the largest gap between them."""
    style.need(frame, COLUMNS, "distribution functions")
    said, grid = [], np.unique(frame["value"].to_numpy(dtype=float))
    shares = []
    for arm in frame["arm"].unique():
        rows = frame[frame["arm"] == arm]
        value, share = rows["value"].to_numpy(dtype=float), rows["share"].to_numpy(dtype=float)
        said.append(f"{arm}: half at or below {value[int(np.argmax(share >= 0.5 - 1e-12))]:g}")
        place = np.searchsorted(value, grid, side="right")
        shares.append(np.concatenate([[0.0], share])[place])
    gap = 100 * float(np.abs(shares[0] - shares[-1]).max())
    return f"Distribution functions of {label}. {'; '.join(said)}. The largest gap between the lines is {gap:.0f} points."
