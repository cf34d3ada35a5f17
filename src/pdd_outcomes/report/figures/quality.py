"""Pictures of an extract: incidents by force and month, and how long offences take to be proven."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...core.draw import style
from .svg import picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOW = 0.5  # of a force's median month: fewer is what a gap in an extract looks like
ROUND = 5  # bars are drawn from rounded counts


def low_months(months: pd.DataFrame) -> pd.DataFrame:
    """The months of each force with fewer incidents than half of its median month."""
    typical = months.groupby("force")["incidents"].transform("median")
    return months.loc[months["incidents"] < LOW * typical]


def months_picture(months: pd.DataFrame) -> str:
    """A strip of bars for each force, a bar a month; low months are hatched in orange."""
    forces = list(dict.fromkeys(months["force"]))
    names = list(dict.fromkeys(months["month"]))
    low = low_months(months)

    def draw(figure: Figure) -> None:
        ax = figure.subplots()
        style.dress(ax, grid="")
        for k, force in enumerate(reversed(forces)):
            own = months.loc[months["force"] == force]
            height = ROUND * np.round(own["incidents"].to_numpy(dtype=float) / ROUND)
            height = 0.8 * height / max(height.max(), 1.0)
            odd = own.index.isin(low.index)
            place = np.arange(len(own))
            ax.bar(place[~odd], height[~odd], bottom=k, width=0.9, color=style.DARK_BLUE)
            ax.bar(
                place[odd], np.maximum(height[odd], 0.05), bottom=k, width=0.9, color="none",
                edgecolor=style.ORANGE, hatch="////", linewidth=0.8,
            )  # fmt: skip
        ax.set_yticks(np.arange(len(forces)) + 0.3, list(reversed(forces)))
        step = max(1, len(names) // (4 if style.is_narrow(ax) else 10))
        ax.set_xticks(np.arange(0, len(names), step), names[::step], rotation=0 if step > 6 else 45)
        ax.set_xlim(-0.7, len(names) - 0.3)
        ax.set_ylim(0, len(forces))

    alt = (
        f"Incidents of each of {len(forces)} forces in each month from {names[0]} to {names[-1]}. "
        + (f"{len(low)} months are below half of their force's median." if len(low) else "No month is far below its force's median.")
    )  # fmt: skip
    height = max(2.2, 0.42 * len(forces) + 0.8)
    return picture(
        draw,
        id="fig-months",
        title="Incidents by force and month",
        alt=alt,
        wide=(7.2, height),
        narrow=(3.6, height),
    )


def delays_picture(days: list[int], share: list[float], waiting: int) -> str:
    """The share of proven offences that were proven within so many days, with the waiting period marked."""

    def draw(figure: Figure) -> None:
        ax = figure.subplots()
        style.dress(ax)
        ax.plot([0, *days], [0, *(100 * s for s in share)], color=style.DARK_BLUE, marker="o", linewidth=2)
        ax.axvline(waiting, color=style.ORANGE, linestyle=(0, (8, 2.5)), linewidth=1.5)
        ax.annotate(
            f"waiting period, {waiting} days", (waiting, 4), xytext=(5, 0), textcoords="offset points",
            fontsize=style.letters(ax),
        )  # fmt: skip
        ax.set_ylim(0, 103)
        ax.set_xlim(0, max(days) * 1.02)
        ax.yaxis.set_major_formatter(lambda y, _: f"{y:g}%")
        style.title_above(ax, "Proven within so many days")
        style.title_below(ax, "Days from offence to outcome")

    alt = "Of proven offences, " + ", ".join(
        f"{100 * s:.0f}% were proven within {d} days" for d, s in zip(days, share)
    )
    return picture(
        draw, id="fig-delays", title="Days from offence to outcome", alt=f"{alt}.", wide=(7.2, 3.6), narrow=(3.6, 3.2)
    )  # fmt: skip
