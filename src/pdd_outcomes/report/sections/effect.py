"""The effect: curves, risks and their differences, restricted means and hazard ratios, before and after matching, and the truth."""

from __future__ import annotations

import math

from .. import formats, words, words_evidence
from ..figures import Picture
from ..figures.curves import at_risk_table, curves_picture, panels_picture
from ..figures.forces import gap_picture
from ..figures.picture import label
from ..markdown import figure, heading, html, join, text
from ..reading import ALL, POOLED, Analysis, Number, Outcome, Reading
from ..tables import Column, Group, fold, table
from .first import interval_cell, number_cell, p_of, ratio_decimals


def effect(reading: Reading) -> str:
    """Every analysis and outcome in turn, the headline first."""
    if not reading.has_effects:
        return text(words_evidence.STOPPED)
    return join(*(_analysis(reading, analysis) for analysis in reading.analyses))


def _analysis(reading: Reading, analysis: Analysis) -> str:
    return join(
        heading(3, analysis.label, label("sec-effect", analysis.id)),
        text(
            words.estimand_words(analysis, reading.estimand(analysis)),
            f"Population: {formats.sentence(analysis.population)}",
        ),
        *(_outcome(reading, analysis, outcome) for outcome in reading.outcomes),
        _gap(reading, analysis),
    )


def _outcome(reading: Reading, analysis: Analysis, outcome: Outcome) -> str:
    """The main outcome in full; of the others the numbers at risk, means and hazard ratios behind a fold."""
    contrast = reading.contrast(analysis, outcome)
    said = words.Said(analysis, outcome, reading.when(contrast.horizon))
    judgement = words.judge(contrast, reading.rule)
    at_risk = at_risk_table(reading, analysis, outcome)
    times = times_table(reading, analysis, outcome)
    further = "\n".join(part for part in (at_risk, times) if part)
    folded = fold("Numbers at risk, restricted means and hazard ratios", further) if further else ""
    return join(
        heading(4, formats.upper_first(outcome.label), label("sec-effect", analysis.id, outcome.id)),
        text(words.per_hundred(said, contrast), words.answer(said, contrast, judgement)),
        text(words.certainty(contrast, judgement, reading.rule, place=analysis.exposure == "force")),
        figure(_curves(reading, analysis, outcome)),
        html(at_risk) if outcome.main else "",
        html(risks_table(reading, analysis, outcome)),
        html(times if outcome.main else folded),
        text(_waning(reading, analysis, outcome), _proportional(reading, analysis, outcome)),
    )


def _curves(reading: Reading, analysis: Analysis, outcome: Outcome) -> Picture | None:
    """Curves of everyone; where there are only single forces' and the outcome is the main one, a panel for each."""
    whole = curves_picture(reading, analysis, outcome)
    return panels_picture(reading, analysis, outcome) if whole is None and outcome.main else whole


def risks_table(reading: Reading, analysis: Analysis, outcome: Outcome) -> str:
    """Risks, their difference and ratio at every time of the protocol."""
    ratios = {h: reading.number(analysis, outcome, "risk_ratio", horizon=h) for h in reading.horizons}
    places = ratio_decimals(list(ratios.values()))
    rows: list[list[str | None]] = []
    for horizon, ratio in ratios.items():
        contrast = reading.contrast(analysis, outcome, horizon)
        if contrast.treated is None and contrast.difference is None and ratio is None:
            continue
        rows.append(
            [
                reading.when(horizon),
                number_cell(contrast.treated),
                number_cell(contrast.control),
                interval_cell(contrast.difference),
                interval_cell(ratio, places),
                p_of(contrast.difference),
            ]
        )
    if not rows:
        return ""
    columns = [
        Column("Within"),
        Column(f"{analysis.treated_label}, in 100", "est"),
        Column(f"{analysis.control_label}, in 100", "est"),
        Column("Difference in 100 (interval)", "est"),
        Column("Risk ratio (interval)", "est"),
        Column("p", "p"),
    ]
    kept = [i for i in range(len(columns)) if i < 1 or any(row[i] is not None for row in rows)]
    return table(
        f"Risk of {formats.lower_first(outcome.label)}: {_sizes(reading, analysis, outcome)}",
        [columns[i] for i in kept],
        [[row[i] for i in kept] for row in rows],
        id=label("tbl-risks", analysis.id, outcome.id),
        notes=_interval_note(reading, analysis, outcome),
    )


def _sizes(reading: Reading, analysis: Analysis, outcome: Outcome) -> str:
    number = reading.contrast(analysis, outcome).difference
    if number is None or not (math.isfinite(number.n_treated) and math.isfinite(number.n_control)):
        return "matched people"
    return (
        f"{formats.count(number.n_treated)} people in {analysis.treated}, {formats.count(number.n_control)} in {analysis.control}, "
        "matched"
    )


def _interval_note(reading: Reading, analysis: Analysis, outcome: Outcome) -> list[str]:
    number = reading.contrast(analysis, outcome).difference
    if number is None or not number.se_method:
        return [f"Intervals are {100 * reading.rule.level:g}%."]
    how = f"pooled by {number.se_method}" if number.group == POOLED else f"standard errors {number.se_method}"
    return [f"Intervals are {100 * number.level:g}%; {how}."]


def times_table(reading: Reading, analysis: Analysis, outcome: Outcome) -> str:
    """Restricted means and hazard ratios beside each other: a hazard ratio never alone."""
    hazards = _hazard_rows(reading, analysis, outcome)
    groups = [*_mean_rows(reading, analysis, outcome), *([Group("Hazard ratio", hazards)] if hazards else [])]
    if not groups:
        return ""
    return table(
        f"Time free of {formats.lower_first(outcome.label)}, and hazard ratios, to be read beside the risks ({analysis.label})",
        [Column("Measure"), Column("Estimate (interval)", "est"), Column("p", "p")],
        groups,
        id=label("tbl-times", analysis.id, outcome.id),
    )


def _mean_rows(reading: Reading, analysis: Analysis, outcome: Outcome) -> list[Group]:
    found: list[list[str | None]] = []
    title = ""
    for measure, who in (
        ("rmst_treated", analysis.treated_label),
        ("rmst_control", analysis.control_label),
        ("rmst_difference", "Difference"),
    ):
        number = reading.number(analysis, outcome, measure)
        if number is None:
            continue
        limit = reading.when(number.horizon if math.isfinite(number.horizon) else float(reading.study["tau"]))
        title = f"Mean {number.scale} free of the outcome, of the first {limit}"
        p = p_of(number) if measure == "rmst_difference" else formats.NOT_APPLICABLE
        found.append([who, interval_cell(number), p])
    return [Group(title, found)] if found else []


def _hazard_rows(reading: Reading, analysis: Analysis, outcome: Outcome) -> list[list[str | None]]:
    overall = reading.rows(analysis, outcome, "hazard_ratio")
    periods = reading.by_time(analysis, outcome, "hazard_ratio_interval")
    places = ratio_decimals([*overall, *periods])
    found: list[list[str | None]] = []
    for number in overall:
        kind = f" ({number.se_method})" if number.group == POOLED else ""
        found.append([f"Whole follow-up{kind}", interval_cell(number, places), p_of(number)])
    for number in periods:
        found.append(
            [formats.upper_first(period(reading, number)), interval_cell(number, places), p_of(number)]
        )
    return found


def period(reading: Reading, number: Number) -> str:
    """The part of follow-up that an interval hazard ratio is about."""
    end = math.isfinite(number.horizon)
    if not math.isfinite(number.start) or number.start == 0:
        return f"first {reading.when(number.horizon)}" if end else "from the start"
    start = reading.when(number.start)
    return f"{start.split(' ')[0]} to {reading.when(number.horizon)}" if end else f"after {start}"


def _waning(reading: Reading, analysis: Analysis, outcome: Outcome) -> str:
    numbers = reading.by_time(analysis, outcome, "hazard_ratio_interval")
    return words_evidence.waning_words([(period(reading, n), n) for n in numbers if n.ok])


def _proportional(reading: Reading, analysis: Analysis, outcome: Outcome) -> str:
    tests = reading.of("ph_tests", analysis)
    kept = tests[(tests["outcome"] == outcome.id) & (tests["group"] == ALL)]
    p = kept["p_value"].dropna()
    return words_evidence.proportional_words(float(p.iloc[0]), reading.rule.alpha) if len(p) else ""


def _gap(reading: Reading, analysis: Analysis) -> str:
    """The naive contrast beside the matched one, and the truth where the world is synthetic."""
    picture = gap_picture(reading, analysis, reading.main)
    groups = [group for outcome in reading.outcomes if (group := _gap_group(reading, analysis, outcome))]
    if not groups:
        return ""
    contrast = reading.contrast(analysis, reading.main)
    naive = reading.contrast(analysis, reading.main, population="unmatched", group=ALL).shown
    truth = reading.true(analysis, reading.main, "risk_difference", contrast.horizon)
    known = words_evidence.truth_words(truth, contrast.shown, naive) if contrast.shown else ""
    columns = [
        Column("Population"),
        Column("Treated, in 100", "est"),
        Column("Comparison, in 100", "est"),
        Column("Difference in 100 (interval)", "est"),
    ]
    shown = table(
        f"Before and after matching: {formats.lower_first(analysis.label)}, within {reading.when(reading.main_horizon)}",
        columns,
        groups,
        id=label("tbl-gap", analysis.id),
    )
    return join(
        heading(4, "Before and after matching", label("sec-gap", analysis.id)),
        text(known),
        figure(picture),
        html(shown),
    )


def _gap_group(reading: Reading, analysis: Analysis, outcome: Outcome) -> Group | None:
    naive = reading.contrast(analysis, outcome, population="unmatched", group=ALL)
    matched = reading.contrast(analysis, outcome)
    if naive.shown is None:
        return None
    rows: list[list[str | None]] = [
        [
            name,
            number_cell(c.treated, c.difference),
            number_cell(c.control, c.difference),
            interval_cell(c.difference),
        ]
        for name, c in (("Before matching (naive)", naive), ("After matching", matched))
    ]
    truth = [
        reading.true(analysis, outcome, f"risk_{which}", matched.horizon)
        for which in ("treated", "control", "difference")
    ]
    if math.isfinite(truth[2]):
        rows.append(["Truth (synthetic)", *(formats.per_100(t) if math.isfinite(t) else None for t in truth)])
    return Group(formats.upper_first(outcome.label), rows)
