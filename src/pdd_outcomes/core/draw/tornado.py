"""Tornado plot: how far a difference moves as each unit cost goes from its low to its high end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import DataError
from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ("label", "difference", "difference_low", "difference_high")
ROW = 0.36  # inches


def draw_tornado(frame: pd.DataFrame, ax: Axes | None = None, *, measure: str = "Difference in cost") -> Axes:
    """Bars from the figure as it is to where each item's low (hatched) and high (plain) cost would take it.

    Parameters
    ----------
    frame : label, difference (the same in all rows), difference_low, difference_high; the first row on top
    ax : where to draw; a new figure of a height that fits the rows if none
    measure : title of the horizontal axis

    Returns
    -------
    Axes
    """
    base = _base(frame)
    low, high = (frame[c].to_numpy(dtype=float) for c in COLUMNS[2:])
    places = np.arange(len(frame), dtype=float)[::-1]
    with style.house_style():
        ax = style.new_axes(height=tornado_height(len(frame))) if ax is None else ax
        style.dress(ax, grid="x")
        for ends, look in ((low, style.arm_style(1)), (high, style.arm_style(0))):
            ax.barh(
                places,
                ends - base,
                left=base,
                height=0.56,
                color="white" if look.hatch else look.colour,
                edgecolor=look.colour,
                hatch=look.hatch,
                linewidth=1.2,
            )
        ax.axvline(base, color=style.TEXT, linewidth=1.2)
        ends = np.concatenate([low, high, [base]])
        span = max(float(np.ptp(ends)), abs(base) * 0.02, 1e-9)
        left, right = float(ends.min()) - 0.08 * span, float(ends.max()) + 0.08 * span
        if left < 0 < right and base != 0:
            ax.axvline(0, color=style.MUTED, linewidth=1, linestyle=(0, (3, 3)))
        ax.set_xlim(left, right)
        ax.set_ylim(-0.7, len(frame) - 0.3)
        width = 20 if style.is_narrow(ax) else 32
        style.label_ticks(ax, places, [style.wrapped(str(label), width) for label in frame["label"]])
        ax.locator_params(axis="x", nbins=4 if style.is_narrow(ax) else 6)
        ax.xaxis.set_major_formatter(lambda value, _: style.minus(f"{value:,.6g}"))
        _key(ax)
        style.title_below(ax, style.wrapped(measure, 36 if style.is_narrow(ax) else 72))
    return ax


def tornado_height(rows: int) -> float:
    """Inches that a tornado plot of so many rows needs."""
    return 1.2 + ROW * max(rows, 3)


def _base(frame: pd.DataFrame) -> float:
    style.need(frame, COLUMNS, "tornado plot")
    numbers = frame[list(COLUMNS[1:])].to_numpy(dtype=float)
    if not np.isfinite(numbers).all():
        raise DataError("tornado plot: a difference is missing or infinite. Leave out items without a range.")
    if np.ptp(numbers[:, 0]) > 1e-9 * max(1.0, float(np.abs(numbers[:, 0]).max())):
        raise DataError("tornado plot: the rows start from different figures, and a tornado has one middle.")
    return float(numbers[0, 0])


def _key(ax: Axes) -> None:
    from matplotlib.patches import Patch

    low, high = style.arm_style(1), style.arm_style(0)
    marks = [
        Patch(facecolor="white", edgecolor=low.colour, hatch=low.hatch),
        Patch(facecolor=high.colour, edgecolor=high.colour),
    ]
    look: dict[str, Any] = {"frameon": False, "fontsize": style.letters(ax), "columnspacing": 1.2}
    key = ax.legend(
        marks,
        ["Unit cost low", "Unit cost high"],
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=2,
        borderaxespad=0.2,
        **look,
    )
    for text in key.get_texts():
        style.plain(text)


def tornado_alt(frame: pd.DataFrame, *, measure: str = "Difference in cost") -> str:
    """What the tornado shows, in words: the figure as it is, the items that move it most, and whether one changes its sign."""
    base = _base(frame)
    rows = frame.assign(width=(frame["difference_high"] - frame["difference_low"]).abs())
    rows = rows.sort_values("width", ascending=False, kind="stable")
    said = [f"Tornado plot of {len(frame)} unit cost{'s' * (len(frame) > 1)}.", f"{measure}: {_amount(base)}."]
    for _, row in rows.head(3).iterrows():
        low, high = _amount(float(row["difference_low"])), _amount(float(row["difference_high"]))
        said.append(f"{row['label']}: {low} at its low cost, {high} at its high.")
    ends = rows[["difference_low", "difference_high"]].to_numpy(dtype=float)
    turned = rows.loc[(np.sign(ends) * np.sign(base) < 0).any(axis=1), "label"]
    if base:
        said.append(
            f"The sign changes with: {', '.join(map(str, turned))}."
            if len(turned)
            else "No item alone changes the sign."
        )
    return " ".join(said)


def _amount(value: float) -> str:
    words = f"{abs(value):,.0f}"
    return words if value >= 0 or words == "0" else "\N{MINUS SIGN}" + words
