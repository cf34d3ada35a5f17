"""Overlap of the score in two arms: mirrored histograms, the treated above the line and the others below."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..errors import DataError
from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ("arm", "bin_low", "bin_high", "share")


def draw_overlap(
    frame: pd.DataFrame,
    ax: Axes | None = None,
    *,
    score_label: str = "Propensity score",
    title: str = "Share of the group",
    top: float | None = None,
) -> Axes:
    """Histograms of two arms back to back, so that a lack of overlap is seen at a glance.

    Parameters
    ----------
    frame : arm, bin_low, bin_high, share (0..1 of the arm; missing where it is withheld); the first arm
        that occurs is drawn above the line
    ax : where to draw; a new figure if none
    score_label, title : titles of the axes
    top : the largest share the axis must hold, to give several pictures one scale

    Returns
    -------
    Axes
    """
    arms = _arms(frame)
    with style.house_style():
        ax = style.new_axes(height=3.4) if ax is None else ax
        style.dress(ax)
        most = max(float(np.nanmax(frame["share"].to_numpy(dtype=float), initial=0.0)), top or 0.0, 0.01)
        reach = 100 * most * 1.25
        for i, arm in enumerate(arms):
            rows = frame[frame["arm"] == arm]
            look, sign = style.arm_style(i), 1 - 2 * i
            low, high, share = (rows[c].to_numpy(dtype=float) for c in COLUMNS[1:])
            ax.bar(
                low,
                sign * 100 * np.nan_to_num(share),
                width=high - low,
                align="edge",
                color=look.colour,
                edgecolor="white",
                linewidth=0.6,
                hatch=look.hatch,
            )
            style.plain(
                ax.text(
                    0.99,
                    0.97 if i == 0 else 0.03,
                    style.wrapped(str(arm), 24 if style.is_narrow(ax) else 40),
                    transform=ax.transAxes,
                    ha="right",
                    va="top" if i == 0 else "bottom",
                    fontsize=style.letters(ax),
                    fontweight="bold",
                )
            )
        ax.axhline(0, color=style.TEXT, linewidth=0.8)
        ax.set_ylim(-reach, reach)
        ax.set_xlim(float(frame["bin_low"].min()), float(frame["bin_high"].max()))
        ax.locator_params(axis="y", nbins=7)
        ax.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}%")
        ax.xaxis.set_major_formatter(lambda value, _: style.minus(f"{value:g}"))
        style.title_above(ax, title)
        style.title_below(ax, score_label)
    return ax


def _arms(frame: pd.DataFrame) -> list[str]:
    arms = [str(arm) for arm in style.need(frame, COLUMNS, "overlap")["arm"].unique()]
    if len(arms) != 2:
        raise DataError(f"overlap: arm must have two values, and has {len(arms)}. Draw two groups at a time.")
    return arms


def overlap_alt(frame: pd.DataFrame) -> str:
    """What the histograms show, in words: where each arm's scores are most frequent, and how much is shared.

    The overlap is the sum over bins of the smaller of the two shares: 100% where the arms are alike, 0% where
    they share no bin.
    """
    arms = _arms(frame)
    said = []
    for arm in arms:
        rows = frame[frame["arm"] == arm]
        share = rows["share"].to_numpy(dtype=float)
        if np.isnan(share).all():
            said.append(f"{arm}: withheld.")
            continue
        top = rows.iloc[int(np.nanargmax(share))]
        span = f"{float(top['bin_low']):g} to {float(top['bin_high']):g}"
        said.append(f"{arm}: most often {style.minus(span)} ({100 * float(top['share']):.0f}%).")
    wide = frame.pivot_table(index=["bin_low", "bin_high"], columns="arm", values="share", dropna=False)
    shared = 100 * float(wide.fillna(0.0).min(axis=1).sum())
    return f"Back-to-back histograms of the score. {' '.join(said)} The histograms share {shared:.0f}% of their area."
