"""Over forces: a forest for each outcome, the pooled estimates by both kinds of interval, and how much forces differ."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from .. import formats, words_evidence
from ..figures.forces import NAMES, forest_picture, pooled_measures
from ..figures.picture import label
from ..markdown import figure, heading, html, join, text
from ..reading import CAUTIOUS, POOLED, Analysis, Number, Outcome, Reading
from ..tables import Column, Group, fold, table
from .few_forces import few_forces
from .first import interval_cell, p_of, ratio_decimals


def has_forces(reading: Reading) -> bool:
    """Whether any analysis has estimates of single forces."""
    return reading.has_effects and any(reading.forces(a) for a in reading.analyses)


def forces(reading: Reading) -> str:
    """The whole section with its heading; empty where there are no forces."""
    if not has_forces(reading):
        return ""
    opening = (
        "A scheme belongs to a force and not to a person, so what counts is how much the effect differs from force to force. "
        "Each force is estimated by itself and the estimates are pooled with random effects."
    )
    return join(
        heading(2, "Over forces", "sec-forces"),
        text(opening),
        *(_analysis(reading, a) for a in reading.analyses if reading.forces(a)),
    )


def _analysis(reading: Reading, analysis: Analysis) -> str:
    return join(
        heading(3, analysis.label, label("sec-forces", analysis.id)),
        *(_outcome(reading, analysis, outcome) for outcome in reading.outcomes),
        few_forces(reading, analysis),
    )


def _outcome(reading: Reading, analysis: Analysis, outcome: Outcome) -> str:
    measures = pooled_measures(reading, analysis, outcome)
    if not measures:
        return ""
    shown = measures if outcome.main else measures[:1]
    said = [_said(reading, analysis, outcome, m, h, first=not i) for i, (m, h) in enumerate(measures)]
    pooled = pooling_table(reading, analysis, outcome, measures)
    return join(
        heading(4, formats.upper_first(outcome.label), label("sec-forces", analysis.id, outcome.id)),
        *(figure(forest_picture(reading, analysis, outcome, m, h)) for m, h in shown),
        html(pooled if outcome.main else fold("The pooled estimates", pooled)),
        *(text(s) for s in said),
    )


def _said(
    reading: Reading, analysis: Analysis, outcome: Outcome, measure: str, horizon: float, *, first: bool
) -> str:
    """What the pooling of one measure says, its name in front; what holds for all of them only with the `first`."""
    wald = _one(reading, analysis, outcome, measure, horizon, "Wald")
    cautious = _one(reading, analysis, outcome, measure, horizon, CAUTIOUS)
    predicted = _one(reading, analysis, outcome, f"{measure} prediction", horizon, "")
    found = [
        words_evidence.interval_choice(wald, cautious, advise=first) if wald and cautious else "",
        words_evidence.prediction_words(predicted) if predicted else "",
    ]
    row = _pooling(reading, analysis, outcome, measure)
    if row is not None and first:
        found.append(words_evidence.spread_words(*(_float(row[c]) for c in ("k", "i2", "q_p"))))
        if bool(row["shared_controls"]):
            found.append(words_evidence.SHARED_CONTROLS)
    kept = " ".join(sentence for sentence in found if sentence)
    return f"{NAMES[measure]}: {formats.lower_first(kept)}" if kept else ""


def _one(
    reading: Reading, analysis: Analysis, outcome: Outcome, measure: str, horizon: float, method: str
) -> Number | None:
    at = None if math.isnan(horizon) else horizon
    return reading.number(analysis, outcome, measure, group=POOLED, horizon=at, method=method)


def _pooling(reading: Reading, analysis: Analysis, outcome: Outcome, measure: str) -> pd.Series | None:
    rows = reading.of("pooling", analysis)
    kept = rows[(rows["outcome"] == outcome.id) & (rows["measure"] == measure)]
    return kept.iloc[-1] if len(kept) else None


def _float(value: Any) -> float:
    return math.nan if pd.isna(value) else float(value)


def pooling_table(
    reading: Reading, analysis: Analysis, outcome: Outcome, measures: list[tuple[str, float]]
) -> str:
    """Pooled estimates by both kinds of interval, the prediction, and the statistics of heterogeneity."""
    groups = [
        Group(
            NAMES[m] + ("" if math.isnan(h) else f", {reading.when(h)}"),
            _pooled_rows(reading, analysis, outcome, m, h),
        )
        for m, h in measures
    ]
    return table(
        f"Pooled over forces by REML: {formats.lower_first(outcome.label)} ({analysis.label})",
        [Column("Quantity"), Column("Estimate (interval)", "est"), Column("p", "p")],
        groups,
        id=label("tbl-pooling", analysis.id, outcome.id),
    )


def _pooled_rows(
    reading: Reading, analysis: Analysis, outcome: Outcome, measure: str, horizon: float
) -> list[list[str | None]]:
    numbers = {m: _one(reading, analysis, outcome, measure, horizon, m) for m in (CAUTIOUS, "Wald")}
    places = ratio_decimals(list(numbers.values()))
    body: list[list[str | None]] = [
        [f"Pooled, {method} interval", interval_cell(number, places), p_of(number)]
        for method, number in numbers.items()
        if number is not None
    ]
    predicted = _one(reading, analysis, outcome, f"{measure} prediction", horizon, "")
    if predicted is not None and math.isfinite(predicted.conf_low + predicted.conf_high):
        span = words_evidence.shown_interval(predicted)
        body.append(["Prediction interval for a new force", span, formats.NOT_APPLICABLE])
    row = _pooling(reading, analysis, outcome, measure)
    if row is None:
        return body
    share, q, df, p = (_float(row[c]) for c in ("i2", "q", "q_df", "q_p"))
    tested = f"; Q {formats.fixed(q, 1)} on {df:g} df" if math.isfinite(q) else ""
    i2 = formats.percent(share if share <= 1 else share / 100, 0) if math.isfinite(share) else None
    body.append(["Variance between forces, τ²", _tau(row), formats.NOT_APPLICABLE])
    body.append(
        [f"Share of variance between forces, I²{tested}", i2, formats.p_cell(p) if math.isfinite(p) else None]
    )
    return body


def _tau(row: pd.Series) -> str | None:
    """The variance between forces with its interval, all with the decimals that its first two figures need."""
    tau2, low, high = (_float(row[c]) for c in ("tau2", "tau2_low", "tau2_high"))
    if math.isnan(tau2):
        return None
    places = max(3, 1 - math.floor(math.log10(tau2))) if tau2 > 0 else 3

    def show(x: float) -> str:
        return formats.fixed(x, places)

    return formats.with_interval(tau2, low, high, show) if math.isfinite(low + high) else show(tau2)
