"""Cascade: how many of those at the first stage reach each later one, as bars from the top down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..errors import DataError
from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ("stage", "number", "share_of_first", "share_low", "share_high")
BAR = 0.36  # inches of height for each bar


def draw_cascade(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """A bar for each stage, as a share of the first, with its interval and the number of people.

    Parameters
    ----------
    frame : stage, number, share_of_first, share_low, share_high, and perhaps group; stages in their order, the first on
        top. Groups stand one under another within a stage, in the order in which they come.
    ax : where to draw; a new figure of a height that fits the bars if none
    """
    parts = _groups(frame)
    stages = list(dict.fromkeys(str(s) for s in frame["stage"]))
    thick = 0.8 / len(parts)
    with style.house_style():
        if ax is None:
            ax = style.new_axes(height=0.9 + BAR * max(len(stages) * len(parts), 3))
        style.dress(ax, grid="x")
        ax.set_xlim(0.0, 1.0)
        ax.set_ylim(-0.6, len(stages) - 0.4)
        for i, (name, rows) in enumerate(parts.items()):
            look = style.arm_style(i)
            place = len(stages) - 1 - np.array([stages.index(str(s)) for s in rows["stage"]], dtype=float)
            place = place + 0.4 - thick * (i + 0.5)
            share, low, high = (rows[c].to_numpy(dtype=float) for c in COLUMNS[2:])
            colour, edge = (look.colour, "white") if len(parts) > 1 else (style.DARK_BLUE, "white")
            ax.barh(
                place, np.nan_to_num(share), thick * 0.9, color=colour, edgecolor=edge,
                hatch=look.hatch if len(parts) > 1 else "", linewidth=0, label=name,
            )  # fmt: skip
            ax.hlines(place, low, high, color=style.TEXT, linewidth=1.2)
            for at, count, known in zip(place, rows["number"], share):
                said = f"{int(count):,}" + ("" if np.isnan(known) else f"  {100 * known:.0f}%")
                style.stack(ax, said, (1.0, float(at)), right=6, xycoords=ax.get_yaxis_transform(), ha="left")
        style.label_ticks(
            ax, np.arange(len(stages), dtype=float)[::-1], [style.wrapped(s, 22, 2) for s in stages]
        )
        ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")
        if len(parts) > 1:
            legend = ax.legend(loc="lower right", frameon=True, framealpha=0.9, fontsize=style.letters(ax) - 1)
            for text in legend.get_texts():
                style.plain(text)
        style.title_below(ax, f"Share of those at the first stage ({stages[0]})")
    return ax


def cascade_alt(frame: pd.DataFrame) -> str:
    """The bars in words: numbers and shares of the first stage, and where most people are lost."""
    said = [f"Bars of the share of people who reach each of {frame['stage'].nunique()} stages."]
    for name, rows in _groups(frame).items():
        stages, number = [str(s) for s in rows["stage"]], rows["number"].to_numpy(dtype=float)
        share = rows["share_of_first"].to_numpy(dtype=float)
        read = [
            f"{stage} {int(n):,}" + ("" if k == 0 or np.isnan(s) else f" ({100 * s:.0f}%)")
            for k, (stage, n, s) in enumerate(zip(stages, number, share))
        ]
        said.append((f"{name}: " if name else "") + ", ".join(read) + ".")
        lost = number[:-1] - number[1:]
        if len(lost) and lost.max() > 0:
            k = int(lost.argmax())
            said.append(
                f"Most are lost between {stages[k]} and {stages[k + 1]}: {int(lost[k]):,} of {int(number[k]):,}."
            )
    return " ".join(said)


def _groups(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each group, in the order in which they come; all under the empty name where there are no groups."""
    style.need(frame, COLUMNS, "cascade")
    if "group" not in frame.columns:
        return {"": frame}
    parts = {str(g): rows for g, rows in frame.groupby("group", sort=False, observed=True)}
    if len(parts) > 4:
        raise DataError(
            f"cascade: {len(parts)} groups are too many for one picture. Draw at most four, or one picture a group."
        )
    return parts
