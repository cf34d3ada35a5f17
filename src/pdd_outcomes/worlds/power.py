"""Small worlds to plan a study with: matched people, scheme against comparison forces, and a roll-out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

from ..core.columns import BoolArray, FloatArray
from ..core.errors import PddError, UsageError
from ..core.results import tidy_frame
from ..robustness.power import NOTHING, Answer
from ..synthesis import pool

LEAST_COVERAGE = 0.92  # of 95% intervals, under which an analysis claims too much
NODES = 40  # of the quadrature over people's scores
WALD, KNAPP = "forces pooled as independent, Wald", "forces pooled as independent, Hartung-Knapp"
SHARED, MEANS = "forces pooled with the people they share, Hartung-Knapp", "force means, t test"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a study would be like.

    Attributes
    ----------
    people : suspects in scheme forces (and, for force designs, half as many in comparison forces)
    effect : difference in risk that a scheme or a diversion makes
    baseline : risk by the horizon without it
    forces, comparison : numbers of scheme and of comparison forces
    between_sd : SD over forces of the log cumulative hazard, by which forces differ anyway
    uptake : share of suspects diverted, of whom `unmatched` find nobody comparable
    ratio : comparison people matched to each; score_sd : SD of the log odds of the outcome that matching holds alike
    periods, per_period : of a roll-out, and people of a force in each
    drift : SD of the change a period by which forces' risks wander; growth : further effect for each period since the start
    """

    people: int = 24_000
    effect: float = -0.026
    baseline: float = 0.276
    forces: int = 9
    comparison: int = 4
    between_sd: float = 0.0
    uptake: float = 0.47
    unmatched: float = 0.02
    ratio: int = 1
    score_sd: float = 0.8
    periods: int = 16
    per_period: int = 250
    drift: float = 0.005
    growth: float = 0.0

    def __post_init__(self) -> None:
        problems = []
        for name in ("people", "forces", "comparison", "ratio", "periods", "per_period"):
            if getattr(self, name) < 1:
                problems.append(f"{name}={getattr(self, name)} must be at least 1.")
        if not 0 < self.baseline < 1 or not 0 < self.baseline + self.effect < 1:
            problems.append("baseline and baseline + effect must be risks between 0 and 1.")
        if not 0 < self.uptake <= 1 or not 0 <= self.unmatched < 1:
            problems.append("uptake must be above 0 and at most 1, unmatched from 0 to below 1.")
        if min(self.between_sd, self.score_sd, self.drift) < 0:
            problems.append("between_sd, score_sd and drift must be 0 or more.")
        if self.forces < 3 or self.comparison < 2:
            problems.append("at least three scheme forces and two comparison forces are needed.")
        if problems:
            raise UsageError(problems)


Draw = Callable[[np.random.Generator], Any]
Analyse = Callable[[Any], Mapping[str, Answer]]


# The published evaluation's own assumptions: nine scheme forces and four others, risks of 25.0% and 27.6% at twelve months, and
# forces that differ by an SD of 0.162 in the log cumulative hazard whatever they do (github.com/danlewer/pdd, 2026-03-06).
PUBLISHED = Plan(people=24_000, effect=-0.026, baseline=0.276, forces=9, comparison=4, between_sd=0.162)
KINDS = ("matched", "forces", "roll-out")


def design(kind: str, plan: Plan) -> tuple[Draw, Analyse, float]:
    """How to draw a study of a kind ("matched", "forces", "roll-out"), how to analyse it, and the true effect on that scale.

    The scale of "matched" and "roll-out" is the difference in risk, that of "forces" the log of the ratio of cumulative hazards.
    """
    if kind == "matched":
        odds = {arm: _log_odds(risk, plan.score_sd) for arm, risk in _risks(plan).items()}
        return partial(_pairs, plan, odds), _matched, plan.effect
    if kind == "forces":
        risks = _risks(plan)
        return (
            partial(_forces, plan),
            _pooled,
            float(np.log(_hazard(risks["treated"]) / _hazard(risks["control"]))),
        )
    if kind == "roll-out":
        return partial(_panel, plan), _roll_out, _average_effect(plan)
    raise UsageError(f"design={kind!r} is not known. Choose from {list(KINDS)}.")


def _risks(plan: Plan) -> dict[str, float]:
    return {"treated": plan.baseline + plan.effect, "control": plan.baseline}


def _hazard(risk: float | FloatArray) -> FloatArray:
    return np.asarray(-np.log1p(-np.asarray(risk, dtype=float)))


def _log_odds(risk: float, spread: float) -> float:
    """The log odds at the middle of the scores that gives this risk on average."""
    node, weight = np.polynomial.hermite_e.hermegauss(NODES)
    share = weight / weight.sum()

    def miss(at: float) -> float:
        return float(share @ special.expit(at + spread * node)) - risk

    return float(optimize.brentq(miss, -30, 30))


def _pairs(plan: Plan, odds: Mapping[str, float], rng: np.random.Generator) -> tuple[BoolArray, FloatArray]:
    """Of each matched set whether the treated had the event (n,), and the share of their controls who had (n,)."""
    n = round(plan.people * plan.uptake * (1 - plan.unmatched))
    score = plan.score_sd * rng.standard_normal(n)
    treated = rng.random(n) < special.expit(odds["treated"] + score)
    controls = rng.binomial(plan.ratio, special.expit(odds["control"] + score)) / plan.ratio
    return treated, controls


def _matched(study: Any) -> dict[str, Answer]:
    treated, controls = study
    n = len(treated)
    gap = treated - controls
    apart = np.sqrt(treated.var() / n + controls.var() / n)
    value, within = float(gap.mean()), float(gap.std() / np.sqrt(n))
    return {
        "clustered on matched sets": _normal(value, within),
        "as if people were independent": _normal(value, apart),
    }


def _normal(value: float, error: float) -> Answer:
    row = tidy_frame(["effect"], value, error).iloc[0]
    return Answer(value, float(row["conf_low"]), float(row["conf_high"]), float(row["p_value"]))


def _forces(plan: Plan, rng: np.random.Generator) -> dict[str, FloatArray]:
    """People and events of each force, and of the comparison people drawn for each scheme force from one shared pool."""
    risks = _risks(plan)
    k, m = plan.forces, plan.comparison
    shares = rng.uniform(0.6, 1.4, k)
    n = np.maximum(np.round(plan.people * shares / shares.sum()), 2).astype(np.int64)
    pool_n = np.full(m, max(round(plan.people / 2 / m), 2))
    shift = np.exp(plan.between_sd * rng.standard_normal(k + m))
    events = rng.binomial(n, -np.expm1(-_hazard(risks["treated"]) * shift[:k]))
    pool_events = rng.binomial(pool_n, -np.expm1(-_hazard(risks["control"]) * shift[k:]))
    had, whole = int(pool_events.sum()), int(pool_n.sum())
    matched_n = np.minimum(n, whole)
    matched = rng.hypergeometric(had, whole - had, matched_n)
    return {
        "n": n, "events": events, "matched_n": matched_n, "matched": matched, "pool_n": pool_n, "pool": pool_events,
    }  # fmt: skip


def _pooled(study: Any) -> dict[str, Answer]:
    s: dict[str, FloatArray] = study
    treated, control = s["events"] / s["n"], s["matched"] / s["matched_n"]
    if ((treated <= 0) | (treated >= 1) | (control <= 0) | (control >= 1)).any():
        return dict.fromkeys((WALD, KNAPP, SHARED, MEANS), NOTHING)
    y = np.log(_hazard(treated) / _hazard(control))
    own = _log_variance(treated, s["n"])
    variance = own + _log_variance(control, s["matched_n"])
    # Two samples of one pool share people as they fall: their means vary together as the whole pool's mean does.
    whole = s["pool"].sum() / s["pool_n"].sum()
    together = float(_log_variance(whole, s["pool_n"].sum()))
    v = np.full((len(y), len(y)), together)
    np.fill_diagonal(v, variance)
    error = np.sqrt(variance)
    found = {
        WALD: pool(y, error, ci="wald"),
        KNAPP: pool(y, error, ci="hksj"),
        SHARED: pool(y, error, ci="hksj", covariance=v),
    }
    answers = {name: Answer(r.estimate, r.conf_low, r.conf_high, r.p_value) for name, r in found.items()}
    return answers | {MEANS: _t_test(np.log(_hazard(treated)), s["pool"] / s["pool_n"])}


def _log_variance(risk: FloatArray | float, n: FloatArray | float) -> FloatArray:
    """Variance of the log cumulative hazard of a risk among n people, by the delta method."""
    r = np.asarray(risk, dtype=float)
    return np.asarray(r / ((1 - r) * n * np.log1p(-r) ** 2))


def _t_test(scheme: FloatArray, comparison: FloatArray) -> Answer:
    if ((comparison <= 0) | (comparison >= 1)).any():
        return NOTHING
    test = stats.ttest_ind(scheme, np.log(_hazard(comparison)))
    low, high = test.confidence_interval()
    gap = float(scheme.mean() - np.log(_hazard(comparison)).mean())
    return Answer(gap, float(low), float(high), float(test.pvalue))


def _starts(plan: Plan) -> FloatArray:
    """First period of each force's scheme, the first after a quarter of the periods; nan for those that never have one."""
    first = np.round(np.linspace(plan.periods / 4, plan.periods - 2, plan.forces))
    return np.concatenate([first, np.full(plan.comparison, np.nan)])


def _average_effect(plan: Plan) -> float:
    """The average over forces of each one's average effect since its start."""
    since = [np.arange(plan.periods - start) for start in _starts(plan)[: plan.forces]]
    return float(np.mean([plan.effect + plan.growth * s.mean() for s in since]))


def _panel(plan: Plan, rng: np.random.Generator) -> pd.DataFrame:
    """A row a force and period: the share with the event. Forces differ, drift, and share what happens everywhere."""
    k, t = plan.forces + plan.comparison, plan.periods
    start = _starts(plan)
    level = special.logit(plan.baseline) + plan.between_sd * rng.standard_normal(k)
    path = special.expit(level)[:, None] + np.cumsum(plan.drift * rng.standard_normal((k, t)), axis=1)
    path += 0.01 * rng.standard_normal(t)
    since = np.arange(t)[None, :] - start[:, None]
    path += np.where(since >= 0, plan.effect + plan.growth * np.nan_to_num(since), 0.0)
    events = rng.binomial(plan.per_period, np.clip(path, 0.001, 0.999))
    force, period = np.indices((k, t))
    return pd.DataFrame(
        {
            "force": force.ravel(),
            "period": period.ravel(),
            "share": (events / plan.per_period).ravel(),
            "start": np.repeat(start, t),
            "treated": (since >= 0).astype(np.int64).ravel(),
        }
    )


def _roll_out(study: Any) -> dict[str, Answer]:
    from ..effects import difference_in_differences, two_way_effects

    panel: pd.DataFrame = study
    answers = {}
    try:
        found = difference_in_differences(
            panel, "share", unit="force", time="period", start="start", control="not_yet"
        )
        row = found.aggregate("group").tidy().iloc[-1]
        answers["group-time effects, averaged over forces"] = _answer(row)
    except PddError:
        answers["group-time effects, averaged over forces"] = NOTHING
    row = two_way_effects(panel, "share", "treated", unit="force", time="period").tidy().iloc[0]
    return answers | {"two-way fixed effects": _answer(row)}


def _answer(row: pd.Series) -> Answer:
    return Answer(*(float(row[c]) for c in ("estimate", "conf_low", "conf_high", "p_value")))


def in_words(kind: str, rows: pd.DataFrame, truth: float) -> str:
    """What a table of power says, in a sentence or two."""
    best = rows.loc[rows["coverage"] >= LEAST_COVERAGE]
    poor = rows.loc[rows["coverage"] < LEAST_COVERAGE, "term"].tolist()
    if truth == 0:
        said = "; ".join(f"{row['term']} {100 * row['power']:.0f}%" for row in rows.to_dict("records"))
        first = f"With no effect at all, each analysis would claim one this often: {said}."
    elif best.empty:
        first = "No analysis here has intervals that hold the truth as often as they say."
    else:
        top = best.sort_values("power", kind="stable").iloc[-1]
        first = (
            f"Of analyses whose intervals hold the truth as often as they say, {top['term']} finds this effect in "
            f"{100 * top['power']:.0f}% of studies."
        )
    if not poor:
        return first
    return f"{first} Not to be believed in this design: {'; '.join(poor)}."
