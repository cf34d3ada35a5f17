"""Cumulative risk in two groups, with the numbers at risk as a table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...core.draw import arm_style, curves_alt, draw_curves
from ...core.draw.style import letters, plain, wrapped
from .. import formats
from ..reading import ALL, Analysis, Outcome, Reading
from ..tables import Column, Group, cells, fold, table
from .picture import Picture, label
from .svg import picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ARMS = ("treated", "control")


def curve_rows(
    reading: Reading, analysis: Analysis, outcome: Outcome, *, group: str = ALL, sample: str = "matched"
) -> pd.DataFrame:
    """Released curve rows of an analysis, outcome and group, both arms together, with the time in months too."""
    rows = reading.of("curves", analysis)
    kept = rows[(rows["outcome"] == outcome.id) & (rows["sample"] == sample) & (rows["group"] == group)]
    return kept.assign(months=[formats.months(t, reading.unit) for t in kept["time"]])


def _frame(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows as they are drawn: the treated first, times in months."""
    parts = [rows[rows["arm"] == arm] for arm in ARMS]
    both = pd.concat([part for part in parts if len(part)])
    return pd.DataFrame(
        {
            "group": both["arm"],
            "time": both["months"],
            "estimate": both["survival"],
            "conf_low": both["conf_low"],
            "conf_high": both["conf_high"],
        }
    )


def curves_picture(reading: Reading, analysis: Analysis, outcome: Outcome) -> Picture | None:
    """The cumulative risk of both matched groups, or None where no curve was released."""
    rows = curve_rows(reading, analysis, outcome)
    if rows.empty:
        return None
    labels = {"treated": analysis.treated_label, "control": analysis.control_label}
    frame = _frame(rows)
    at = [round(formats.months(h, reading.unit), 1) for h in reading.horizons]
    ticks = [0.0, *at]

    def draw(figure: Figure) -> None:
        draw_curves(
            frame,
            figure.subplots(),
            labels=labels,
            time_label="Months of follow-up",
            title=f"Risk of {formats.lower_first(outcome.label)}",
            ticks=ticks,
        )

    name = label("fig-curves", analysis.id, outcome.id)
    drawn = picture(
        draw,
        id=name,
        title=f"Cumulative risk of {formats.lower_first(outcome.label)}",
        alt=curves_alt(frame, labels=labels, at=at, unit="months"),
        wide=(7.2, 4.0),
        narrow=(3.4, 3.4),
    )
    return Picture(name, drawn, _caption(reading, analysis, outcome), _fold(reading, analysis, outcome, rows))


def panels_picture(reading: Reading, analysis: Analysis, outcome: Outcome) -> Picture | None:
    """A panel for each force, where only single forces have curves; None where none was released."""
    forces = reading.forces(analysis, "curves")
    frames = {f: _frame(rows) for f in forces if len(rows := curve_rows(reading, analysis, outcome, group=f))}
    if not frames:
        return None
    labels = (analysis.treated_label, analysis.control_label)
    ticks = [
        0.0,
        *(round(formats.months(h, reading.unit)) for h in reading.horizons if h >= reading.main_horizon),
    ]
    top = 100 * max(float(np.nanmax(1 - frame["conf_low"])) for frame in frames.values())

    def draw(figure: Figure) -> None:
        columns = 2 if figure.get_figwidth() < figure.get_figheight() else 3
        axes = figure.subplots(
            -(-len(frames) // columns), columns, squeeze=False, sharex=True, sharey=True
        ).ravel()
        for ax, (force, frame) in zip(axes, frames.items()):
            draw_curves(frame, ax, time_label="", title=force, ticks=ticks, top=top, ends=False)
        for ax in axes[len(frames) :]:
            ax.set_axis_off()
        figure.supxlabel("Months of follow-up", fontsize=letters(axes[0]))
        arms_key(figure, labels, letters(axes[0]))

    name = label("fig-panels", analysis.id, outcome.id)
    alts = (
        f"{force}: {curves_alt(frame, labels=dict(zip(ARMS, labels)), at=ticks[-1:], unit='months').partition('. ')[2]}"
        for force, frame in frames.items()
    )
    drawn = picture(
        draw,
        id=name,
        title=f"Cumulative risk of {formats.lower_first(outcome.label)} in each force",
        alt=" ".join(alts),
        wide=(7.2, 1.2 + 1.75 * -(-len(frames) // 3)),
        narrow=(3.4, 1.0 + 1.5 * -(-len(frames) // 2)),
    )
    caption = (
        f"{_panels_finding(reading, analysis, outcome, list(frames))} Cumulative risk in each force and in the comparison people "
        f"matched to it; steps of a month, bands are {100 * reading.rule.level:g}% intervals."
    )
    return Picture(name, drawn, caption, _panels_fold(reading, analysis, outcome, list(frames)))


def _panels_finding(reading: Reading, analysis: Analysis, outcome: Outcome, forces: list[str]) -> str:
    gaps = [reading.contrast(analysis, outcome, group=force).shown for force in forces]
    known = [gap.estimate for gap in gaps if gap is not None]
    lower = sum(gap < 0 for gap in known)
    when = reading.when(reading.main_horizon)
    return f"Within {when} the risk of {formats.lower_first(outcome.label)} was lower in {lower} of {len(known)} forces."


def arms_key(figure: Figure, labels: tuple[str, str], size: float) -> None:
    """What the two lines are, above the panels."""
    from matplotlib.lines import Line2D

    looks = [arm_style(i) for i in range(2)]
    lines = [Line2D([], [], color=look.colour, linestyle=look.dash, linewidth=2) for look in looks]
    words = [wrapped(text, 40) for text in labels]
    key = figure.legend(
        lines, words, loc="outside upper left", ncols=2, frameon=False, fontsize=size, handlelength=3.2
    )
    for text in key.get_texts():
        plain(text)


def _panels_fold(reading: Reading, analysis: Analysis, outcome: Outcome, forces: list[str]) -> str:
    """Risks in each force at the protocol's times, from the same estimates as the forest."""
    rows: list[list[str | None]] = []
    for force in forces:
        for arm, words in zip(ARMS, (analysis.treated_label, analysis.control_label)):
            numbers = [
                reading.number(analysis, outcome, f"risk_{arm}", group=force, horizon=h)
                for h in reading.horizons
            ]
            shown = [formats.percent(n.estimate) if n and n.ok else None for n in numbers]
            rows.append([f"{force}: {formats.lower_first(words)}", *shown])
    columns = [Column("Force"), *(Column(reading.when(h), "pct") for h in reading.horizons)]
    caption = f"Risk of {formats.lower_first(outcome.label)} in each force ({analysis.label})"
    content = table(caption, columns, rows, id=label("tbl-panels", analysis.id, outcome.id))
    return fold("The numbers behind this figure", content)


def _caption(reading: Reading, analysis: Analysis, outcome: Outcome) -> str:
    contrast = reading.contrast(analysis, outcome, group=ALL)
    people = "Matched people; steps of a month, bands are "
    people += f"{100 * reading.rule.level:g}% intervals; curves end where few are still followed."
    if not (contrast.treated and contrast.control and contrast.treated.ok and contrast.control.ok):
        return f"Cumulative risk of {formats.lower_first(outcome.label)}. {people}"
    return (
        f"Within {reading.when(contrast.horizon)}, {formats.percent(contrast.treated.estimate)} of {analysis.treated} and "
        f"{formats.percent(contrast.control.estimate)} of {analysis.control} {formats.did(outcome.label)}. {people}"
    )


def _fold(reading: Reading, analysis: Analysis, outcome: Outcome, rows: pd.DataFrame) -> str:
    wide = {arm: rows[rows["arm"] == arm].set_index("time") for arm in ARMS}
    times = sorted(set(rows["time"]))
    body = []
    for time in times:
        body.append(
            [
                f"{formats.months(time, reading.unit):.0f}",
                *(_risk(wide[arm].loc[time]) if time in wide[arm].index else None for arm in ARMS),
            ]
        )
    columns = [
        Column("Month"),
        Column(f"{analysis.treated_label}: risk (interval)", "pct"),
        Column(f"{analysis.control_label}: risk (interval)", "pct"),
    ]
    caption = f"Cumulative risk of {formats.lower_first(outcome.label)}, month by month: {analysis.label}"
    content = table(caption, columns, body, id=label("tbl-curve", analysis.id, outcome.id))
    return fold("The numbers behind this figure", content)


def _risk(row: pd.Series) -> str:
    value, low, high = 1 - row["survival"], 1 - row["conf_high"], 1 - row["conf_low"]
    if math.isnan(low) or math.isnan(high):
        return formats.percent(value)
    return f"{formats.percent(value)} ({formats.between(low, high, lambda x: formats.fixed(100 * x, 1))})"


def at_risk_table(reading: Reading, analysis: Analysis, outcome: Outcome) -> str:
    """Numbers followed and with the outcome at the protocol's times, as a table under the curves."""
    rows = curve_rows(reading, analysis, outcome)
    if rows.empty:
        return ""
    times = [0.0, *reading.horizons]
    groups = []
    for title, column in (
        ("Still followed, without the outcome", "n_risk"),
        ("With the outcome so far", "events"),
    ):
        body: list[list[str | None]] = []
        for arm, words in zip(ARMS, (analysis.treated_label, analysis.control_label)):
            curve = rows[rows["arm"] == arm].sort_values("time")
            shown = cells(curve, column, formats.count)
            body.append([words, *(_at(curve["time"].to_numpy(dtype=float), shown, t) for t in times)])
        groups.append(Group(title, body))
    columns = [Column("Group"), *(Column("Start" if t == 0 else reading.when(t), "count") for t in times)]
    return table(
        f"Numbers at risk: {formats.lower_first(outcome.label)}, matched people ({analysis.label})",
        columns,
        groups,
        id=label("tbl-risk", analysis.id, outcome.id),
    )


def _at(times: np.ndarray, shown: list[str], time: float) -> str | None:
    """The cell of the grid time nearest to `time`, if there is one within half a step."""
    if not len(times):
        return None
    step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    near = int(np.argmin(np.abs(times - time)))
    return shown[near] if abs(times[near] - time) <= step / 2 else None
