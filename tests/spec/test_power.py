"""Power by simulation: what it counts, how sure it is, and that it can be repeated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from pdd_outcomes.cli import app
from pdd_outcomes.core.errors import DataError, UsageError
from pdd_outcomes.robustness import NOTHING, Answer, Power, minimum_detectable, power
from pdd_outcomes.worlds.power import Plan, design

FOUR = np.array(
    [[[0.5, 0.1, 0.9, 0.01]], [[0.4, -0.1, 0.9, 0.10]], [[-0.6, -0.9, -0.3, 0.02]], [[np.nan] * 4]], dtype=float
)


def test_measures_by_hand() -> None:
    table = Power(("a",), FOUR, truth=0.5, null=0.0, alpha=0.05, level=0.95).table().iloc[0]
    assert table["power"] == 0.5  # two of four; one that gave nothing found nothing
    assert table["power, on the right side"] == 0.25
    assert table["coverage"] == pytest.approx(2 / 3)
    assert table["bias"] == pytest.approx(0.1 - 0.5)
    assert table["empirical SD"] == pytest.approx(np.std([0.5, 0.4, -0.6], ddof=1))
    assert table["mean standard error"] == pytest.approx(np.mean([0.8, 1.0, 0.6]) / (2 * 1.959963984540054))
    assert (table["draws"], table["failed"]) == (4, 0.25)


def test_shares_have_wilsons_interval() -> None:
    row = Power(("a",), FOUR, 0.5, 0.0, 0.05, 0.95).tidy().iloc[0]
    # binom::binom.confint(2, 4, methods = "wilson")
    assert (row["conf_low"], row["conf_high"]) == pytest.approx((0.1500390, 0.8499610), abs=1e-6)


def answer(x: Any) -> dict[str, Answer]:
    return {"z": Answer(float(x), float(x) - 1.96, float(x) + 1.96, 0.5)}


def test_the_same_seed_gives_the_same_studies_whatever_the_number_of_processes() -> None:
    one, two = (
        power(np.random.Generator.standard_normal, answer, truth=0.0, seed=7, draws=100, jobs=jobs).answers
        for jobs in (1, 2)
    )
    assert np.array_equal(one, two)
    other = power(np.random.Generator.standard_normal, answer, truth=0.0, seed=8, draws=100).answers
    assert not np.array_equal(one, other)


def test_analyses_must_have_the_same_names_in_every_study() -> None:
    with pytest.raises(DataError, match="NOTHING"):
        power(lambda rng: rng.random(), lambda x: {str(x > 0.5): NOTHING}, truth=0.0, seed=1, draws=100)


@pytest.mark.parametrize(
    ("name", "value"), [("draws", 50), ("draws", True), ("alpha", 1.0), ("truth", "0"), ("level", 95)]
)
def test_settings_out_of_range_are_named(name: str, value: Any) -> None:
    asked: dict[str, Any] = {"truth": 0.0, "seed": 1, "draws": 100} | {name: value}
    with pytest.raises(UsageError, match=name):
        power(lambda rng: rng.random(), answer, **asked)


def test_the_smallest_effect_with_the_power_asked_for() -> None:
    # power is 0.8 where the effect is 2.8 standard errors; here 1 - exp(-effect)
    assert minimum_detectable(lambda e: 1 - np.exp(-abs(e)), low=0.0, high=-5.0) == pytest.approx(
        np.log(0.2), abs=0.01
    )
    with pytest.raises(UsageError, match="more people"):
        minimum_detectable(lambda e: 0.1, low=0.0, high=1.0)
    with pytest.raises(UsageError, match="already"):
        minimum_detectable(lambda e: 0.9, low=0.0, high=1.0)


def test_a_plan_that_cannot_be_is_refused_with_every_reason() -> None:
    with pytest.raises(UsageError) as stopped:
        Plan(effect=-0.5, forces=2, uptake=0.0, between_sd=-1.0)
    assert len(stopped.value.problems) == 4
    with pytest.raises(UsageError, match="'roll-out'"):
        design("rollout", Plan())


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["matched", "--people", "1000"], "finds this effect in"),
        (["forces", "--effect", "0", "--between-sd", "0.162"], "With no effect at all"),
    ],
)
def test_the_command_prints_a_table_and_says_what_it_means(asked: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["power", *asked, "--draws", "100"])
    assert result.exit_code == 0, result.output
    assert said in result.output
    assert "empirical SD" in result.output
