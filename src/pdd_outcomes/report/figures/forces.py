"""Forest plots: every force with the pooled estimates, and the contrast before and after matching."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from ...core.draw import draw_forest, forest_alt
from ...core.draw.forest import forest_height
from .. import formats, words, words_evidence
from ..reading import CAUTIOUS, POOLED, Analysis, Number, Outcome, Reading
from ..tables import Column, fold, table
from .picture import Picture, label
from .svg import picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = {
    "risk_difference": "Difference in risk, per 100 people",
    "risk_ratio": "Risk ratio",
    "hazard_ratio": "Hazard ratio",
}
WIDE, PHONE = 7.2, 3.4  # inches
SIDES = ("lower", "higher")


def pooled_measures(reading: Reading, analysis: Analysis, outcome: Outcome) -> list[tuple[str, float]]:
    """Measures that are pooled over forces, with the time that leads for each; differences of risk first."""
    e = reading.estimates
    kept = e[(e["analysis"] == analysis.id) & (e["outcome"] == outcome.id) & (e["group"] == POOLED)]
    kept = kept[(kept["population"] == "matched") & ~kept["measure"].str.contains("prediction")]
    found = []
    for measure in NAMES:
        times = sorted(set(kept.loc[kept["measure"] == measure, "horizon"].dropna()))
        if times:
            found.append((measure, reading.main_horizon if reading.main_horizon in times else times[-1]))
        elif (kept["measure"] == measure).any():
            found.append((measure, math.nan))
    return found


def forest_picture(
    reading: Reading, analysis: Analysis, outcome: Outcome, measure: str, horizon: float
) -> Picture | None:
    """Every force's estimate of a measure, the pooled ones and the prediction; None without forces."""
    numbers = _forest_numbers(reading, analysis, outcome, measure, horizon)
    if not any(kind == "study" for _, kind, _ in numbers):
        return None
    ratio = measure != "risk_difference"
    frame = _frame(numbers, 1.0 if ratio else 100.0)
    pooled = [x for _, kind, n in numbers if kind == "pooled" for x in (n.estimate, n.conf_low, n.conf_high)]
    null, digits = (1.0, formats.ratio_places(pooled)) if ratio else (0.0, 1)
    when = "" if math.isnan(horizon) else f" within {reading.when(horizon)}"

    def draw(figure: Figure) -> None:
        draw_forest(
            frame, figure.subplots(), null=null, log=ratio, measure=NAMES[measure], digits=digits, sides=SIDES
        )

    name = label("fig-forest", analysis.id, outcome.id, measure)
    drawn = picture(
        draw,
        id=name,
        title=f"{NAMES[measure]} by force",
        alt=forest_alt(frame, null=null, log=ratio, digits=digits),
        wide=(WIDE, forest_height(len(frame))),
        narrow=(PHONE, forest_height(len(frame), narrow=True)),
    )
    caption = (
        f"{_forest_finding(numbers, measure)} {formats.upper_first(formats.lower_first(outcome.label))}{when}. Squares are forces, larger "
        "where the estimate is more precise; diamonds are pooled estimates by two kinds of interval; the dashed line is where a new "
        "force is expected to lie."
    )
    return Picture(name, drawn, caption, _forest_fold(reading, analysis, outcome, measure, when, numbers))


Row = tuple[str, str, Number]  # label, kind, number


def _forest_numbers(
    reading: Reading, analysis: Analysis, outcome: Outcome, measure: str, horizon: float
) -> list[Row]:
    at = None if math.isnan(horizon) else horizon

    def rows(group: str, what: str) -> list[Number]:
        return reading.rows(analysis, outcome, what, group=group, horizon=at)[-2:]

    found: list[Row] = []
    for force in reading.forces(analysis):
        found += [(force, "study" if n.has_interval else "not_estimable", n) for n in rows(force, measure)[-1:]]
    pooled = sorted(rows(POOLED, measure), key=lambda n: CAUTIOUS not in n.se_method)
    found += [(f"Pooled, {_method(n)}", "pooled", n) for n in pooled if n.has_interval]
    predicted = rows(POOLED, f"{measure} prediction")[-1:]
    known = [n for n in predicted if math.isfinite(n.conf_low) and math.isfinite(n.conf_high)]
    return found + [("New force, predicted", "prediction", n) for n in known]


def _method(number: Number) -> str:
    return CAUTIOUS if CAUTIOUS in number.se_method else number.se_method.rpartition(", ")[2]


def _frame(numbers: list[Row], by: float) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "label": words_,
                "kind": kind,
                "estimate": n.estimate * by,
                "conf_low": n.conf_low * by,
                "conf_high": n.conf_high * by,
                "reason": _why(n),
            }
            for words_, kind, n in numbers
        ]
    )


def _why(number: Number) -> str:
    said = {"withheld": "withheld", "not_estimable": "not estimable"}.get(number.status, "no interval")
    return f"{said}: {number.reason}" if number.reason else said


def _forest_finding(numbers: list[Row], measure: str) -> str:
    pooled = [n for _, kind, n in numbers if kind == "pooled"]
    k = sum(kind == "study" for _, kind, _ in numbers)
    if not pooled:
        return f"Estimates of {k} forces."
    first = pooled[0]
    value = (
        words.fewer_more(first.estimate) if measure == "risk_difference" else formats.fixed(first.estimate, 2)
    )
    return (
        f"Pooled over {formats.plural(k, 'force')}: {value} ({words.level_words(first)} "
        f"{words_evidence.shown_interval(first)}, {_method(first)})."
    )


def _forest_fold(
    reading: Reading, analysis: Analysis, outcome: Outcome, measure: str, when: str, numbers: list[Row]
) -> str:
    show = formats.per_100 if measure == "risk_difference" else lambda x: formats.fixed(x, 3)
    body: list[list[str | None]] = []
    for name, kind, n in numbers:
        value = (
            (formats.HIDDEN if n.status == "withheld" else None) if math.isnan(n.estimate) else show(n.estimate)
        )
        limits = (
            formats.between(n.conf_low, n.conf_high, show) if math.isfinite(n.conf_low + n.conf_high) else value
        )
        body.append(
            [
                name,
                _people(n.n_treated, n),
                _people(n.n_control, n),
                formats.NOT_APPLICABLE if kind == "prediction" else value,
                limits,
                formats.p_cell(n.p_value)
                if math.isfinite(n.p_value)
                else formats.NOT_APPLICABLE
                if value
                else None,
            ]
        )
    columns = [
        Column("Force"),
        Column(f"{analysis.treated_label}: people", "count"),
        Column(f"{analysis.control_label}: people", "count"),
        Column(NAMES[measure], "est"),
        Column(f"{100 * reading.rule.level:g}% interval", "est"),
        Column("p", "p"),
    ]
    content = table(
        f"{NAMES[measure]} by force: {formats.lower_first(outcome.label)}{when} ({analysis.label})",
        columns,
        body,
        id=label("tbl-forest", analysis.id, outcome.id, measure),
    )
    return fold("The numbers behind this figure", content)


def _people(n: float, number: Number) -> str | None:
    if math.isnan(n):
        return formats.HIDDEN if number.status == "withheld" else None
    return formats.count(n)


def gap_picture(reading: Reading, analysis: Analysis, outcome: Outcome) -> Picture | None:
    """The difference before and after matching, and the truth where it is known; None without both."""
    naive = reading.contrast(analysis, outcome, population="unmatched", group="all").shown
    matched = reading.contrast(analysis, outcome)
    if naive is None or matched.shown is None or not (naive.has_interval and matched.shown.has_interval):
        return None
    truth = reading.true(analysis, outcome, "risk_difference", matched.horizon)
    rows: list[dict[str, Any]] = [
        _bar("Before matching", "study", naive),
        _bar("After matching", "pooled", matched.shown),
    ]
    if math.isfinite(truth):
        same = {"estimate": 100 * truth, "conf_low": 100 * truth, "conf_high": 100 * truth}
        rows.append({"label": "Truth (synthetic)", "kind": "study", **same})
    frame = pd.DataFrame(rows)

    def draw(figure: Figure) -> None:
        draw_forest(
            frame,
            figure.subplots(),
            null=0.0,
            log=False,
            measure=NAMES["risk_difference"],
            digits=1,
            sides=SIDES,
        )

    name = label("fig-gap", analysis.id, outcome.id)
    drawn = picture(
        draw,
        id=name,
        title="The difference before and after matching",
        alt=forest_alt(frame, null=0.0, log=False, digits=1),
        wide=(WIDE, forest_height(len(frame))),
        narrow=(PHONE, forest_height(len(frame), narrow=True)),
    )
    said = words.Said(analysis, outcome, reading.when(matched.horizon))
    caption = (
        f"{words_evidence.naive_gap(said, naive, matched.shown)} {formats.upper_first(formats.lower_first(outcome.label))} within "
        f"{said.when}, per 100 people."
    )
    return Picture(name, drawn, caption)


def _bar(name: str, kind: str, number: Number) -> dict[str, Any]:
    return {
        "label": name,
        "kind": kind,
        "estimate": 100 * number.estimate,
        "conf_low": 100 * number.conf_low,
        "conf_high": 100 * number.conf_high,
    }
