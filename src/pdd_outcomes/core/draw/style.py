"""One look for every picture: the government analysis palette, a dash and a marker beside each colour, level text.

matplotlib is imported where it is needed, so that importing a model does not load it. Global settings
are never touched: drawing happens inside :func:`house_style`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..columns import FloatArray
from ..errors import DataError, did_you_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

# Government Analysis Function palette. Contrast with white: 10.3, 3.0, 9.8, 3.2; neighbours differ by 3:1.
DARK_BLUE, ORANGE, DARK_PINK, TURQUOISE = "#12436D", "#F46A25", "#801650", "#28A197"
DARK_GREY = "#3D3D3D"
TEXT, MUTED, RULE = "#1A1A1A", "#4D4D4D", "#BFBFBF"
# Blue and orange are for the two arms wherever they occur; estimates are grey, what was pooled or matched is pink.
BEFORE, RESULT = DARK_GREY, DARK_PINK
SALT = "pdd-outcomes"  # SVG ids are hashes; a fixed salt makes them the same in every run
NARROW = 4.5  # inches; under this a picture is made for a phone
POINTS = 72.0


@dataclass(frozen=True, slots=True)
class ArmStyle:
    """How one group looks: never by colour alone."""

    colour: str
    dash: Any  # a matplotlib line style
    marker: str
    hatch: str


_ARMS = (
    ArmStyle(DARK_BLUE, "solid", "o", ""),
    ArmStyle(ORANGE, (0, (8, 2.5)), "s", "////"),
    ArmStyle(DARK_PINK, (0, (1.5, 1.5)), "^", "...."),
    ArmStyle(TURQUOISE, (0, (8, 2, 1.5, 2)), "D", "\\\\\\\\"),
)


def arm_style(i: int) -> ArmStyle:
    """The look of group number `i`, from 0: the first is the treated group wherever there is one.

    After the fourth, colours come again with the next dash, so no two of sixteen groups look the same.
    """
    look, again = _ARMS[i % 4], _ARMS[(i + i // 4) % 4]
    return ArmStyle(look.colour, again.dash, again.marker, again.hatch)


@contextmanager
def house_style() -> Iterator[None]:
    """matplotlib's settings for our pictures, in force until the block ends."""
    import matplotlib

    ours: Any = {
        "font.family": [
            "DejaVu Sans"
        ],  # comes with matplotlib and is wide: text set in another font still fits
        "font.size": 10.0,
        "text.color": TEXT,
        "axes.labelcolor": TEXT,
        "axes.edgecolor": MUTED,
        "xtick.color": TEXT,
        "ytick.color": TEXT,
        "axes.unicode_minus": True,
        "text.usetex": False,
        "text.parse_math": False,  # a dollar sign in a label from the data is not mathematics
        "hatch.linewidth": 0.7,
        "svg.fonttype": "none",
        "svg.hashsalt": SALT,
        "path.simplify": False,
    }
    with matplotlib.rc_context(ours):
        yield


def new_axes(width: float = 7.2, height: float = 4.2) -> Axes:
    """The Axes of a new pyplot figure, laid out so that labels outside the frame have room."""
    from matplotlib import pyplot

    _, ax = pyplot.subplots(figsize=(width, height), layout="constrained")
    return ax


def size_of(ax: Axes) -> tuple[float, float]:
    """Width and height of the Axes in inches, roughly what is left of its share of the figure."""
    figure = ax.get_figure(root=True)
    if figure is None:
        return 7.2, 4.2
    box = ax.get_position()
    return float(figure.get_figwidth() * box.width), float(figure.get_figheight() * box.height)


def is_narrow(ax: Axes) -> bool:
    """Whether the picture is for a phone: less text beside each other, smaller letters."""
    figure = ax.get_figure(root=True)
    return figure is not None and figure.get_figwidth() < NARROW


def letters(ax: Axes) -> float:
    """Size of text in points."""
    return 8.5 if is_narrow(ax) else 10.0


def dress(ax: Axes, *, grid: str = "y") -> None:
    """The frame of a picture: no box, light rules along one axis behind the data, no tick marks on the other."""
    for side in ("top", "right", "left", "bottom"):
        ax.spines[side].set_visible(side == "bottom")
    ax.spines["bottom"].set_color(MUTED)
    ax.tick_params(labelsize=letters(ax), color=MUTED, labelcolor=TEXT, length=3)
    ax.tick_params(axis="y", length=0)
    ax.set_axisbelow(True)
    if grid in ("x", "y"):
        ax.grid(visible=True, axis="y" if grid == "y" else "x", color=RULE, linewidth=0.6, alpha=0.7)


def plain(text: Text) -> Text:
    """The text set as typed: a dollar sign in a label from the data is not mathematics."""
    text.set_parse_math(False)
    return text


def title_above(ax: Axes, words: str) -> None:
    """The title of the vertical axis: level, on top, at the left."""
    plain(ax.set_title(words, loc="left", fontsize=letters(ax), color=TEXT, pad=8))


def title_below(ax: Axes, words: str) -> None:
    """The title of the horizontal axis, centred under it."""
    ax.set_xlabel(words, fontsize=letters(ax), color=TEXT, parse_math=False)


def stack(ax: Axes, words: str, xy: tuple[float, float], *, right: float = 0.0, **look: Any) -> None:
    """Lines of words one above another, middled on a place, each a text of its own.

    A text of several lines is set in SVG at the left edges that matplotlib's own font would have; in the reader's
    font its right edges would be ragged.

    Parameters
    ----------
    xy : where, in the coordinates `xycoords` among `look`
    right : points to move right of it
    """
    size = float(look.pop("fontsize", letters(ax)))
    lines = words.split("\n")
    for i, line in enumerate(lines):
        down = (i - (len(lines) - 1) / 2) * size * 1.2
        note = ax.annotate(
            line,
            xy,
            xytext=(right, -down),
            textcoords="offset points",
            va="center",
            fontsize=size,
            annotation_clip=False,
            **look,
        )
        plain(note)


def label_ticks(
    ax: Axes, places: FloatArray, words: Sequence[str], looks: Sequence[dict[str, Any]] | None = None
) -> None:
    """Words left of places along the vertical axis, set as typed; `looks` are weights and colours of each."""
    ax.set_yticks(places.tolist(), [""] * len(places))
    for place, said, look in zip(places, words, looks or [{}] * len(words)):
        stack(ax, said, (0.0, float(place)), right=-6, xycoords=ax.get_yaxis_transform(), ha="right", **look)


def wrapped(words: str, width: int, lines: int = 2) -> str:
    """Words on at most `lines` lines of `width` letters, cut with an ellipsis if they are more."""
    pieces = textwrap.wrap(" ".join(words.split()), width, break_long_words=True) or [""]
    if len(pieces) > lines:
        pieces = [*pieces[: lines - 1], pieces[lines - 1][: width - 1].rstrip() + "…"]
    return "\n".join(pieces)


def spread(places: Sequence[float], gap: float, low: float, high: float) -> FloatArray:
    """Places moved as little as needed so that neighbours are `gap` apart and all lie in `low` .. `high`.

    Parameters
    ----------
    places : (k,) where labels would stand
    gap : the least distance between two of them

    Returns
    -------
    (k,) in the order given. Where k gaps do not fit, they are spread evenly.
    """
    wanted = np.asarray(places, dtype=float)
    order = np.argsort(wanted, kind="stable")
    gap = min(gap, (high - low) / max(len(wanted) - 1, 1))
    moved = np.clip(wanted[order], low, high)
    for _ in range(100):
        apart = np.diff(moved)
        short = np.where(apart < gap - 1e-12, (gap - apart) / 2, 0.0)
        if not short.any():
            break
        moved[:-1] -= short
        moved[1:] += short
        moved = np.clip(moved, low, high)
    answer = np.empty(len(wanted))
    answer[order] = moved
    return answer


def fixed(x: float, digits: int) -> str:
    """A number with so many decimals, with a true minus sign and never a negative zero."""
    words = f"{abs(x):.{digits}f}"
    return words if x >= 0 or not words.strip("0.") else "\N{MINUS SIGN}" + words


def minus(words: str) -> str:
    """The words with a true minus sign before a number."""
    return words.replace("-", "\N{MINUS SIGN}")


def need(frame: pd.DataFrame, columns: Sequence[str], what: str) -> pd.DataFrame:
    """The frame if it has these columns and a row; otherwise one DataError that names them all."""
    given = [str(c) for c in frame.columns]
    problems = [
        f"{what}: the frame has no column {c!r}.{did_you_mean(c, given)}" for c in columns if c not in given
    ]
    if not len(frame):
        problems.append(f"{what}: the frame has no rows, so there is nothing to draw.")
    if problems:
        raise DataError(problems)
    return frame
