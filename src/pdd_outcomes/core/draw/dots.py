"""Dot plot: an adjusted probability with its interval for every group, and the crude one beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import DataError
from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ("by", "label", "kind", "estimate", "conf_low", "conf_high")
KINDS = ("group", "not_estimable")
ROW = 0.3  # inches


def draw_dots(frame: pd.DataFrame, ax: Axes | None = None, *, measure: str = "Adjusted probability") -> Axes:
    """Groups under the heading of their column: filled dots with intervals, and hollow squares for the crude figure.

    Parameters
    ----------
    frame : by, label, kind ("group", "not_estimable"), estimate, conf_low, conf_high (shares from 0 to 1); may have `crude`
        and, for a row that is not estimable, `reason`. Rows are drawn in the order given, the first on top.
    ax : where to draw; a new figure of a height that fits the rows if none
    measure : title of the horizontal axis

    Returns
    -------
    Axes
    """
    _check(frame)
    places, headings = _places(frame)
    estimate, low, high = (frame[c].to_numpy(dtype=float) for c in COLUMNS[3:])
    crude = frame["crude"].to_numpy(dtype=float) if "crude" in frame.columns else np.full(len(frame), np.nan)
    rows = len(frame) + len(headings)
    with style.house_style():
        ax = style.new_axes(height=dots_height(len(frame), len(headings))) if ax is None else ax
        style.dress(ax, grid="x")
        width = 22 if style.is_narrow(ax) else 34
        ax.hlines(places, low, high, color=style.RESULT, linewidth=1.8)
        ax.plot(places * np.nan if not len(frame) else crude, places, **_hollow())
        ax.plot(estimate, places, linestyle="none", marker="o", markersize=6, color=style.RESULT)
        labels = [style.wrapped(str(label), width, 1) for label in frame["label"]]
        said = [style.wrapped(str(name), width, 1) for name, _ in headings]
        looks: list[dict[str, Any]] = [{}] * len(labels) + [{"fontweight": "bold"}] * len(said)
        style.label_ticks(ax, np.append(places, [place for _, place in headings]), [*labels, *said], looks)
        ax.set_ylim(-0.7, rows - 0.3)
        every = np.concatenate([estimate, low, high, crude])
        known = every[np.isfinite(every)]
        top = float(known.max()) if len(known) else 1.0
        ax.set_xlim(0.0, min(1.02, max(1.08 * top, 0.05)))
        ax.locator_params(axis="x", nbins=4 if style.is_narrow(ax) else 6)
        ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g}%")
        _reasons(ax, frame, places)
        _key(ax, bool(np.isfinite(crude).any()))
        style.title_below(ax, measure)
    return ax


def dots_height(rows: int, headings: int = 1) -> float:
    """Inches that a dot plot of so many rows under so many headings needs."""
    return 1.1 + ROW * max(rows + headings, 3)


def _check(frame: pd.DataFrame) -> None:
    style.need(frame, COLUMNS, "dot plot")
    wrong = sorted(set(map(str, frame["kind"])) - set(KINDS))
    if wrong:
        raise DataError(f"dot plot: kind {wrong} is not known. Choose from {list(KINDS)}.")
    numbers = frame[list(COLUMNS[3:])].to_numpy(dtype=float)
    if ((numbers < 0) | (numbers > 1)).any():
        raise DataError("dot plot: a probability must lie between 0 and 1. Give shares, not per cent.")


def _places(frame: pd.DataFrame) -> tuple[np.ndarray, list[tuple[str, float]]]:
    """Heights of the rows, and of a heading above the first row of every column."""
    at, places, headings = 0.0, [], []
    before: object = None
    for name in frame["by"].astype(str):
        if name != before:
            headings.append((name, at))
            at, before = at - 1, name
        places.append(at)
        at -= 1
    lift = -at - 1
    return np.array(places) + lift, [(name, place + lift) for name, place in headings]


def _hollow() -> dict[str, Any]:
    return {
        "linestyle": "none",
        "marker": "s",
        "markersize": 6,
        "markerfacecolor": "none",
        "markeredgecolor": style.BEFORE,
        "markeredgewidth": 1.3,
    }


def _reasons(ax: Axes, frame: pd.DataFrame, places: np.ndarray) -> None:
    reasons = [str(r) for r in frame["reason"]] if "reason" in frame.columns else [""] * len(frame)
    beside: Any = {"xycoords": ax.get_yaxis_transform(), "ha": "left"}
    for place, kind, reason in zip(places.tolist(), frame["kind"], reasons):
        if kind == "not_estimable":
            ax.axhspan(place - 0.42, place + 0.42, color="#EDEDED", zorder=0.5)
            words = style.wrapped(reason or "not estimable", 30 if style.is_narrow(ax) else 60, 1)
            style.stack(ax, words, (0.02, place), fontsize=style.letters(ax) - 1, color=style.MUTED, **beside)


def _key(ax: Axes, crude: bool) -> None:
    """What the marks mean, above the picture and off the data."""
    from matplotlib.lines import Line2D

    marks = [Line2D([], [], linestyle="none", marker="o", markersize=6, color=style.RESULT)]
    words = ["Adjusted, with interval"]
    if crude:
        marks.insert(0, Line2D([], [], **_hollow()))
        words.insert(0, "Crude")
    key = ax.legend(
        marks,
        words,
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


def dots_alt(frame: pd.DataFrame, *, measure: str = "Adjusted probability") -> str:
    """What the dot plot shows, in words: of every column the lowest and the highest group, and what is not estimable."""
    _check(frame)
    said = [f"Dot plot of {measure[:1].lower()}{measure[1:]} by group."]
    for name, rows in frame.groupby(frame["by"].astype(str), sort=False):
        known = rows[np.isfinite(rows["estimate"].to_numpy(dtype=float))]
        if len(known):
            order = known.sort_values("estimate", kind="stable")
            ends = [order.iloc[0], order.iloc[-1]][: len(order)]
            words = [f"{row['label']} {_per_cent(row)}" for row in ends]
            said.append(
                f"{name}: " + (f"lowest {words[0]}, highest {words[1]}." if len(known) > 1 else f"{words[0]}.")
            )
        missing = len(rows) - len(known)
        if missing:
            said.append(f"{name}: {missing} group{'s' * (missing > 1)} not estimable.")
    return " ".join(said)


def _per_cent(row: pd.Series[Any]) -> str:
    value, low, high = (100 * float(row[c]) for c in COLUMNS[3:])
    return f"{value:.1f}%" + (f" ({low:.1f} to {high:.1f})" if np.isfinite(low) and np.isfinite(high) else "")
