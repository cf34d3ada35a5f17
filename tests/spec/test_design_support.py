"""Common support, and scores from boosted trees."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.errors import DataError, UsageError
from pdd_outcomes.design import common_support, match, propensity_score, weight
from tests.laws.test_weight_laws import COVARIATES, people

TREATED = np.array([True] * 4 + [False] * 4)
SCORE = np.array([0.3, 0.5, 0.7, 0.9, 0.1, 0.3, 0.4, 0.8])


def test_the_range_is_what_the_scores_of_both_arms_cover():
    found = common_support(SCORE, TREATED)
    assert (found.low, found.high) == (0.3, 0.8)
    assert found.kept.tolist() == [True, True, True, False, False, True, True, True]
    assert "1 treated people and 1 controls are left out" in found.describe()


def test_fixed_limits_are_inside():
    assert common_support(SCORE, TREATED, rule="fixed", low=0.1, high=0.9).kept.all()
    assert common_support(SCORE, TREATED, rule="fixed", low=0.2, high=0.8).kept.sum() == 6


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_crumps_limit_solves_its_equation_and_minimises_the_variance_bound(seed):
    score = np.random.default_rng(seed).beta(0.5, 0.6, 20_000)
    treated = np.random.default_rng(seed).random(20_000) < score
    found = common_support(score, treated, rule="crump")
    k = 1 / (score * (1 - score))
    edge = 1 / (found.low * (1 - found.low))
    assert edge == pytest.approx(2 * k[k <= edge].mean(), rel=1e-9)

    def bound(limit: float) -> float:
        inside = k <= 1 / (limit * (1 - limit))
        return float(k[inside].sum() / inside.sum() ** 2)

    assert all(bound(found.low) <= bound(a) + 1e-12 for a in np.linspace(0.001, 0.3, 60))


def test_crump_keeps_everyone_where_no_score_is_extreme():
    score = np.random.default_rng(0).uniform(0.3, 0.7, 500)
    found = common_support(score, np.arange(500) % 2 == 0, rule="crump")
    assert found.kept.all()
    assert (found.low, found.high) == (0.0, 1.0)


def test_crump_by_hand():
    # k = 1/(e(1-e)): five of 4 and one of 101.01; 101.01 exceeds twice the mean of all, 40.3, so that one goes.
    score = np.array([0.5] * 5 + [0.01])
    found = common_support(score, np.array([True, False, True, False, True, False]), rule="crump")
    assert found.kept.tolist() == [True] * 5 + [False]
    assert found.low == pytest.approx(0.5 - np.sqrt(0.25 - 1 / 8))


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"rule": "crumb"}, UsageError, "crump"),
        ({"rule": "fixed"}, UsageError, "needs both"),
        ({"low": 0.1, "high": 0.9}, UsageError, "rule='fixed'"),
        ({"rule": "fixed", "low": 0.9, "high": 0.1}, UsageError, "below the second"),
        ({"rule": "fixed", "low": 0.85, "high": 0.95}, DataError, "do not overlap"),
    ],
)
def test_what_cannot_be_asked_of_support_is_said(asked, error, words):
    with pytest.raises(error, match=words):
        common_support(SCORE, TREATED, **asked)


def test_scores_that_are_no_probabilities_are_counted():
    with pytest.raises(DataError, match="1 of 8 rows"):
        common_support(np.where(SCORE == 0.9, 1.9, SCORE), TREATED)


def bent(n: int = 3_000) -> pd.DataFrame:
    """People who are treated at either end of x, which no straight line sees."""
    rng = np.random.default_rng(8)
    x, z = rng.uniform(-2, 2, n), rng.normal(size=n)
    chance = np.where(np.abs(x) > 1, 0.7, 0.2)
    return pd.DataFrame({"x": x, "z": z, "t": (rng.random(n) < chance).astype(int)})


def test_boosted_trees_see_what_a_line_does_not_and_no_more_than_there_is():
    data = bent()
    rng = np.random.default_rng(1)
    trees = propensity_score(data, "t", covariates=["x", "z"], model="boosting", rng=rng).glance().iloc[0]
    line = propensity_score(data, "t", covariates=["x", "z"]).glance().iloc[0]
    assert line["auc"] < 0.55 < 0.68 < trees["auc"] < 0.76  # the true score's is 0.75
    noise = data.assign(t=np.random.default_rng(2).permutation(data["t"]))
    chance = propensity_score(noise, "t", covariates=["x", "z"], model="boosting", rng=rng).glance().iloc[0]
    assert abs(chance["auc"] - 0.5) < 0.04  # out of fold, chance is not taken for selection


def test_boosted_scores_repeat_with_the_seed_and_serve_every_design():
    data = people(5)
    one, other = (
        propensity_score(data, "t", covariates=COVARIATES, model="boosting", rng=np.random.default_rng(3))
        for _ in range(2)
    )
    np.testing.assert_array_equal(one.score, other.score)
    assert len(match(data, "t", covariates=COVARIATES, distance=one.logit, caliper=0.2).pairs) > 50
    assert weight(data, "t", covariates=COVARIATES, score=one.score).estimand == "ATT"
    assert one.tidy().empty
    assert np.isnan(one.glance()["aic"].iloc[0])


def test_boosted_trees_need_a_seed_and_people_enough():
    with pytest.raises(UsageError, match="default_rng"):
        propensity_score(people(1), "t", covariates=COVARIATES, model="boosting")
    few = pd.DataFrame({"t": [1, 0] * 4, "x": range(8)})
    with pytest.raises(DataError, match="smaller arm has 4"):
        propensity_score(few, "t", covariates=["x"], model="boosting", rng=np.random.default_rng(1))
