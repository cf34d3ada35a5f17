"""Forest plot: an estimate with its interval for each study, the pooled diamond, the prediction interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..columns import FloatArray
from ..errors import DataError
from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ("label", "kind", "estimate", "conf_low", "conf_high")
KINDS = ("study", "pooled", "prediction", "not_estimable")
ROW, TALL_ROW = 0.3, 0.44  # inches; on a phone the numbers stand under the label


def draw_forest(
    frame: pd.DataFrame,
    ax: Axes | None = None,
    *,
    null: float = 1.0,
    log: bool = True,
    measure: str = "Estimate",
    digits: int = 2,
    sides: tuple[str, str] | None = None,
) -> Axes:
    """Rows of estimates with their intervals, and the numbers beside them.

    Parameters
    ----------
    frame : label, kind ("study", "pooled", "prediction", "not_estimable"), estimate, conf_low, conf_high; rows are drawn
        in the order given, the first on top. A row that is not estimable may have a `reason`.
    ax : where to draw; a new figure of a height that fits the rows if none
    null : the value of no effect, ruled down the picture
    log : a logarithmic axis, for ratios
    measure : title of the horizontal axis
    digits : decimals of the numbers at the right
    sides : what lies left and right of the null ("lower", "higher"), written above it

    Returns
    -------
    Axes
    """
    kinds = _kinds(frame, log)
    estimate, low, high = (frame[c].to_numpy(dtype=float) for c in COLUMNS[2:])
    places = np.arange(len(frame), dtype=float)[::-1]
    with style.house_style():
        ax = style.new_axes(height=forest_height(len(frame))) if ax is None else ax
        style.dress(ax, grid="none")
        if log:
            ax.set_xscale("log")
        left, right = _span(estimate, low, high, null, log)
        ax.set_xlim(left, right)
        ax.set_ylim(-0.7, len(frame) - 0.3)
        ax.axvline(null, color=style.TEXT, linewidth=1, zorder=1)
        sizes = _sizes(kinds, low, high, log)
        for i, kind in enumerate(kinds):
            ends = float(np.clip(low[i], left, right)), float(np.clip(high[i], left, right))
            if kind == "study":
                _study(ax, places[i], estimate[i], ends, (low[i] < left, high[i] > right), sizes[i])
            elif kind == "pooled":
                _diamond(ax, places[i], estimate[i], ends)
            elif kind == "prediction":
                ax.plot(ends, [places[i]] * 2, color=style.RESULT, linewidth=2, linestyle=(0, (4, 2)))
        _words(ax, frame, kinds, places, digits)
        _ticks(ax, left, right, log)
        for side, at, align in zip(sides or (), (-6, 6), ("right", "left")):
            arrow = f"← {side}" if align == "right" else f"{side} →"
            place: Any = {"xy": (null, 1.0), "xycoords": ax.get_xaxis_transform(), "xytext": (at, 3)}
            note = ax.annotate(arrow, **place, textcoords="offset points", ha=align, va="bottom")
            style.plain(note).set(fontsize=style.letters(ax) - 1, color=style.MUTED)
        style.title_below(ax, measure)
    return ax


def forest_height(rows: int, *, narrow: bool = False) -> float:
    """Inches that a forest of so many rows needs."""
    return 0.8 + (TALL_ROW if narrow else ROW) * max(rows, 3)


def _kinds(frame: pd.DataFrame, log: bool) -> list[str]:
    style.need(frame, COLUMNS, "forest plot")
    kinds = [str(kind) for kind in frame["kind"]]
    wrong = sorted(set(kinds) - set(KINDS))
    if wrong:
        raise DataError(f"forest plot: kind {wrong} is not known. Choose from {list(KINDS)}.")
    numbers = frame[list(COLUMNS[2:])].to_numpy(dtype=float)
    if log and (numbers <= 0).any():
        raise DataError(
            "forest plot: a ratio must be above 0 on a logarithmic axis. Give log=False for differences."
        )
    return kinds


def _span(
    estimate: FloatArray, low: FloatArray, high: FloatArray, null: float, log: bool
) -> tuple[float, float]:
    """Ends of the axis: all the estimates, and of their limits as much as does not squeeze the rest."""
    inward = (lambda x: np.log(x)) if log else (lambda x: np.asarray(x, dtype=float))
    middle = inward(np.append(estimate[~np.isnan(estimate)], null))
    limits = inward(np.append(np.concatenate([low, high])[~np.isnan(np.concatenate([low, high]))], null))
    core = float(middle.max() - middle.min())
    half = np.median(inward(high) - inward(low)) if not np.isnan(high - low).any() else np.nan
    room = 1.5 * max(core, float(np.nanmax([half, 0.0])), 0.02 if log else 1e-9)
    left = max(float(limits.min()), float(middle.min()) - room)
    right = min(float(limits.max()), float(middle.max()) + room)
    pad = 0.06 * (right - left)
    ends = np.array([left - pad, right + pad])
    return (float(np.exp(ends[0])), float(np.exp(ends[1]))) if log else (float(ends[0]), float(ends[1]))


def _sizes(kinds: list[str], low: FloatArray, high: FloatArray, log: bool) -> FloatArray:
    """Marker sizes whose areas follow the precision of the studies."""
    with np.errstate(invalid="ignore", divide="ignore"):
        width = np.log(high / low) if log else high - low
    studies = np.array([kind == "study" for kind in kinds]) & (width > 0)
    best = float(np.nanmin(width[studies], initial=np.inf))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(studies, np.clip(8.0 * best / width, 4.0, 8.0), 5.0)


def _study(
    ax: Axes,
    place: float,
    estimate: float,
    ends: tuple[float, float],
    cut: tuple[bool, bool],
    size: float,
) -> None:
    ax.plot(ends, [place] * 2, color=style.BEFORE, linewidth=1.4, solid_capstyle="butt")
    ax.plot([estimate], [place], marker="s", markersize=size, color=style.BEFORE)
    for end, beyond, mark in zip(ends, cut, ("<", ">")):
        if beyond:
            ax.plot([end], [place], marker=mark, markersize=6, color=style.BEFORE, clip_on=False)


def _diamond(ax: Axes, place: float, estimate: float, ends: tuple[float, float]) -> None:
    ax.fill(
        [ends[0], estimate, ends[1], estimate],
        [place, place + 0.28, place, place - 0.28],
        color=style.RESULT,
        edgecolor=style.TEXT,
        linewidth=0.8,
        zorder=3,
    )


def _words(ax: Axes, frame: pd.DataFrame, kinds: list[str], places: FloatArray, digits: int) -> None:
    """Labels at the left, numbers at the right (under the label on a phone), reasons where there is no estimate."""
    narrow, size = style.is_narrow(ax), style.letters(ax)
    numbers = ["" if k == "not_estimable" else number_text(frame.iloc[i], digits) for i, k in enumerate(kinds)]
    labels = [style.wrapped(str(label), 24 if narrow else 28, 1 if narrow else 2) for label in frame["label"]]
    if narrow:
        labels = [f"{label}\n{number}" if number else label for label, number in zip(labels, numbers)]
    bold = ["bold" if kind in ("pooled", "prediction") else "normal" for kind in kinds]
    grey = [style.MUTED if kind == "not_estimable" else style.TEXT for kind in kinds]
    style.label_ticks(ax, places, labels, [{"fontweight": w, "color": c} for w, c in zip(bold, grey)])
    reasons = [str(r) for r in frame["reason"]] if "reason" in frame.columns else [""] * len(frame)
    beside: Any = {"xycoords": ax.get_yaxis_transform(), "ha": "left"}
    for i, kind in enumerate(kinds):
        place = float(places[i])
        if kind == "not_estimable":
            ax.axhspan(place - 0.42, place + 0.42, color="#EDEDED", zorder=1.5)
            reason = style.wrapped(reasons[i] or "not estimable", 28 if narrow else 56)
            style.stack(ax, reason, (0.02, place), fontsize=size - 1, color=style.MUTED, **beside)
        elif not narrow:
            style.stack(ax, numbers[i], (1.03, place), fontweight=bold[i], **beside)


def number_text(row: pd.Series, digits: int) -> str:
    """'0.88 (0.79 to 0.99)', with true minus signs; a prediction has an interval only."""
    value, low, high = (style.fixed(float(row[c]), digits) for c in COLUMNS[2:])
    if str(row["kind"]) == "prediction":
        return f"({low} to {high})"
    return value if row["conf_low"] == row["conf_high"] else f"{value} ({low} to {high})"


def _ticks(ax: Axes, left: float, right: float, log: bool) -> None:
    from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

    if log:
        coarse, middling, fine = (
            [0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0],
            [0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5],
            [0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.4, 1.6],
        )
        choice = np.array(fine if right / left < 1.8 else middling if right / left < 4 else coarse)
        kept = choice[(choice >= left) & (choice <= right)]
        ax.xaxis.set_major_locator(FixedLocator(kept.tolist()))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_minor_formatter(NullFormatter())
    else:
        ax.locator_params(axis="x", nbins=5)
    ax.xaxis.set_major_formatter(lambda value, _: style.minus(f"{value:g}"))


def forest_alt(frame: pd.DataFrame, *, null: float = 1.0, log: bool = True, digits: int = 2) -> str:
    """What the forest shows, in words: the pooled figure, the range of the studies, how many lie on each side."""
    kinds = np.array(_kinds(frame, log))
    studies = frame[kinds == "study"]
    estimate = studies["estimate"].to_numpy(dtype=float)
    said = [f"Forest plot of {len(studies)} estimate{'s' * (len(studies) != 1)}."]
    if len(studies):
        span = f"{style.fixed(estimate.min(), digits)} to {style.fixed(estimate.max(), digits)}"
        below = int((estimate < null).sum())
        clear = int(((studies["conf_high"] < null) | (studies["conf_low"] > null)).sum())
        said.append(
            f"They run from {span}; {below} lie below {null:g}, and {clear} of the intervals do not hold {null:g}."
        )
    for kind in ("pooled", "prediction"):
        said += [f"{row['label']}: {number_text(row, digits)}." for _, row in frame[kinds == kind].iterrows()]
    missing = int((kinds == "not_estimable").sum())
    return " ".join([*said, *([f"Not estimable: {missing}."] if missing else [])])
