"""Cardinality matching: balanced, and with the most people."""

from __future__ import annotations

import itertools

import pandas as pd
import pytest

from pdd_outcomes.core.errors import DataError, UsageError
from pdd_outcomes.design import match
from tests.laws.test_weight_laws import COVARIATES, people


@pytest.mark.parametrize(("tolerance", "estimand"), [(0.1, "ATT"), (0.01, "ATT"), (0.05, "ATC")])
def test_every_mean_is_within_the_tolerance(tolerance, estimand):
    made = match(
        people(1), "t", covariates=COVARIATES, method="cardinality", tolerance=tolerance, estimand=estimand
    )
    table = made.balance(sd="treated" if estimand == "ATT" else "control").table.set_index("covariate")
    own = people(1)[people(1)["t"] == (1 if estimand == "ATT" else 0)]
    for name in ("age", "prior"):
        gap = table.loc[name, "mean_treated"] - table.loc[name, "mean_control"]
        assert abs(gap) <= tolerance * own[name].std() + 1e-9
    assert made.ess.treated == made.ess.control


def test_no_larger_balanced_subset_exists():
    data = pd.DataFrame({"t": [1, 1, 1, 1, 0, 0, 0, 0, 0], "x": [3.0, 4, 9, 1, 0, 2, 3, 5, 1]})
    made = match(data, "t", covariates=["x"], method="cardinality", tolerance=0.1)
    sd = data.loc[data["t"] == 1, "x"].std()
    best = 0
    for size in range(1, 5):
        for a, b in itertools.product(
            itertools.combinations(range(4), size), itertools.combinations(range(4, 9), size)
        ):
            if abs(data["x"][list(a)].mean() - data["x"][list(b)].mean()) <= 0.1 * sd:
                best = max(best, 2 * size)
    assert made.weights.sum() == best > 0


def test_it_keeps_more_people_than_pairs_in_a_caliper_and_says_so():
    data = people(2)
    made = match(data, "t", covariates=COVARIATES, method="cardinality")
    pairs = match(data, "t", covariates=COVARIATES, caliper=0.05)
    assert made.weights.sum() >= pairs.weights.sum()
    assert "the most people who are balanced" in made.describe()
    assert made.set_id is None
    assert made.roles == {"weights": "weights"}
    assert made.data()["weights"].eq(1).all()
    assert made.glance()["n_sets"].iloc[0] == 0


def test_two_controls_to_each():
    made = match(people(3), "t", covariates=COVARIATES, method="cardinality", ratio=2)
    assert (made.weights[~made.treated]).sum() == 2 * made.weights[made.treated].sum()


def test_what_cannot_be_is_said():
    far = pd.DataFrame({"t": [1, 1, 0, 0], "x": [10.0, 11, 0, 1]})
    with pytest.raises(DataError, match="no subset"):
        match(far, "t", covariates=["x"], method="cardinality")
    for asked, words in (
        ({"tolerance": -1}, "at least 0"),
        ({"method": "nearest", "tolerance": 0.2}, "for method='cardinality'"),
        ({"exact": ["sex"]}, "among the covariates"),
        ({"caliper": 0.2}, "caliper=0.2"),
    ):
        with pytest.raises(UsageError, match=words):
            match(people(4), "t", covariates=COVARIATES, **({"method": "cardinality"} | asked))
    with pytest.raises(UsageError, match="no pairs"):
        _ = match(people(4), "t", covariates=COVARIATES, method="cardinality").pairs
