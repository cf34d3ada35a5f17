"""What `pdd power` says of designs: power that formulas give, rates of false positives, and which analyses claim too much."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pdd_outcomes.robustness import power
from pdd_outcomes.worlds.power import KNAPP, MEANS, SHARED, WALD, Plan, design


def measured(kind: str, plan: Plan, draws: int, seed: int = 4) -> dict[str, dict[str, float]]:
    draw, analyse, truth = design(kind, plan)
    table = power(draw, analyse, truth=truth, seed=seed, draws=draws).table()
    return {row["term"]: row for row in table.to_dict("records")}


def test_a_matched_design_has_the_power_that_the_normal_formula_gives() -> None:
    plan = Plan(people=4_000, effect=-0.03, score_sd=0.0, unmatched=0.0, uptake=0.5)
    n, p1, p0 = 2_000, 0.246, 0.276
    error = np.sqrt(p1 * (1 - p1) / n + p0 * (1 - p0) / n)
    expected = stats.norm.sf(1.96 - 0.03 / error)
    found = measured("matched", plan, 1_000)["clustered on matched sets"]
    assert found["power"] == pytest.approx(expected, abs=0.04)
    assert 0.93 <= found["coverage"] <= 0.97
    assert found["mean standard error"] == pytest.approx(found["empirical SD"], rel=0.08)


def test_matching_on_a_strong_score_narrows_an_interval_that_counts_the_sets() -> None:
    found = measured("matched", Plan(people=3_000, score_sd=2.0), 400)
    sets, alone = found["clustered on matched sets"], found["as if people were independent"]
    assert sets["mean standard error"] < 0.97 * alone["mean standard error"]
    assert sets["mean standard error"] == pytest.approx(sets["empirical SD"], rel=0.1)


def test_forces_that_differ_anyway_make_pooling_claim_what_is_not_there() -> None:
    """Nine against four forces, an SD of 0.162 between them, no effect: the published evaluation's own assumptions."""
    found = measured("forces", Plan(effect=0.0, between_sd=0.162), 400)
    assert found[WALD]["power"] > 0.2
    assert found[KNAPP]["power"] > 0.15
    assert found[MEANS]["power"] < 0.09
    assert 0.91 <= found[MEANS]["coverage"] <= 0.98


def test_without_such_differences_counting_the_people_that_forces_share_is_enough() -> None:
    found = measured("forces", Plan(between_sd=0.0), 400)
    assert found[WALD]["coverage"] < 0.91
    assert 0.91 <= found[SHARED]["coverage"] <= 0.98


def test_in_a_roll_out_with_growing_effects_two_way_fixed_effects_are_biased_and_group_time_effects_are_not() -> (
    None
):
    found = measured("roll-out", Plan(effect=-0.02, growth=-0.01, drift=0.002, per_period=2_000), 100)
    best, two = found["group-time effects, averaged over forces"], found["two-way fixed effects"]
    assert abs(best["bias"]) < 0.003
    assert two["bias"] > 0.01  # nearer to nothing than the truth
    assert best["coverage"] >= 0.92
    assert two["coverage"] < 0.8
