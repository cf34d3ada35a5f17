"""What must hold of weights, whatever the data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdd_outcomes.design import propensity_score, weight
from tests.tolerances import ROUNDING, SAME_ALGORITHM

COVARIATES = ["age", "prior", "sex"]
SEEDS = st.integers(min_value=0, max_value=10_000)


def people(seed: int, n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age, prior = rng.normal(30, 8, n), rng.poisson(1.5, n).astype(float)
    sex = rng.choice(["female", "male"], n)
    chance = 1 / (1 + np.exp(0.4 - 0.03 * (age - 30) - 0.2 * prior + 0.3 * (sex == "male")))
    return pd.DataFrame({"age": age, "prior": prior, "sex": sex, "t": (rng.random(n) < chance).astype(int)})


def gaps(data: pd.DataFrame, made: object, columns: list[str]) -> np.ndarray:
    """Weighted mean of the treated less that of the controls, in SDs of everyone, column by column."""
    w, t = made.weights, made.treated  # type: ignore[attr-defined]
    x = data[columns].to_numpy(float)
    means = [np.average(x[arm], axis=0, weights=w[arm]) for arm in (t, ~t)]
    return np.abs(means[0] - means[1]) / x.std(axis=0)


@settings(max_examples=25)
@given(seed=SEEDS, estimand=st.sampled_from(["ATT", "ATC", "ATE"]))
def test_entropy_balancing_balances_every_mean_on_the_mean_of_whom_it_is_about(seed, estimand):
    data = people(seed)
    made = weight(data, "t", covariates=COVARIATES, method="entropy", estimand=estimand)
    assert gaps(data, made, ["age", "prior"]).max() < 1e-8
    about = {"ATT": data["t"] == 1, "ATC": data["t"] == 0, "ATE": data["t"] >= 0}[estimand]
    for arm in (0, 1):
        inside = (data["t"] == arm).to_numpy()
        mean = np.average(data["prior"][inside], weights=made.weights[inside])
        assert mean == pytest.approx(data["prior"][about].mean(), abs=1e-7)
        assert made.weights[inside].sum() == pytest.approx(inside.sum(), rel=SAME_ALGORITHM)


@settings(max_examples=15)
@given(seed=SEEDS)
def test_with_more_moments_squares_and_cubes_balance_too(seed):
    # Of few people the cube of a rare high count can be out of reach, and that is an error.
    data = people(seed, n=3_000).assign(square=lambda d: d["age"] ** 2, cube=lambda d: d["age"] ** 3)
    made = weight(data, "t", covariates=COVARIATES, method="entropy", moments=3)
    assert gaps(data, made, ["age", "square", "cube"]).max() < 1e-6


@settings(max_examples=25)
@given(seed=SEEDS, estimand=st.sampled_from(["ATT", "ATC", "ATE"]))
def test_the_covariate_balancing_score_gives_inverse_probability_weights_that_balance(seed, estimand):
    data = people(seed)
    made = weight(data, "t", covariates=COVARIATES, method="cbps", estimand=estimand)
    assert gaps(data, made, ["age", "prior"]).max() < 1e-8
    p, t = made.score, made.treated
    expected = {
        "ATT": np.where(t, 1, p / (1 - p)),
        "ATC": np.where(t, (1 - p) / p, 1),
        "ATE": 1 / np.where(t, p, 1 - p),
    }
    np.testing.assert_allclose(made.weights, expected[estimand], rtol=ROUNDING)


@settings(max_examples=15)
@given(seed=SEEDS)
def test_for_the_treated_a_balancing_score_is_entropy_balancing(seed):
    # Both make the log weights of the controls linear in the covariates (Zhao and Percival 2017).
    data = people(seed)
    c = (data["t"] == 0).to_numpy()
    one, other = (weight(data, "t", covariates=COVARIATES, method=m).weights[c] for m in ("cbps", "entropy"))
    np.testing.assert_allclose(one / one.sum(), other / other.sum(), rtol=1e-7)


@settings(max_examples=15)
@given(seed=SEEDS)
def test_overlap_weights_of_a_logistic_score_balance_its_covariates_exactly(seed):
    # Li, Morgan and Zaslavsky 2018, theorem 3.
    data = people(seed)
    made = weight(data, "t", covariates=COVARIATES, method="overlap")
    assert gaps(data, made, ["age", "prior"]).max() < 1e-7
    assert made.estimand == "ATO"


@settings(max_examples=15)
@given(seed=SEEDS, method=st.sampled_from(["ipw", "overlap", "matching", "entropy", "cbps"]))
def test_the_order_of_the_rows_changes_no_weight(seed, method):
    data = people(seed)
    turn = np.random.default_rng(seed).permutation(len(data))
    there = weight(data, "t", covariates=COVARIATES, method=method).weights[turn]
    back = weight(data.iloc[turn], "t", covariates=COVARIATES, method=method).weights
    np.testing.assert_allclose(there, back, rtol=1e-6)


@settings(max_examples=15)
@given(seed=SEEDS, shift=st.floats(-1e3, 1e3), factor=st.floats(0.01, 100))
def test_the_unit_of_a_covariate_changes_no_weight(seed, shift, factor):
    data = people(seed)
    moved = data.assign(age=data["age"] * factor + shift)
    for method in ("ipw", "entropy", "cbps"):
        one, other = (weight(d, "t", covariates=COVARIATES, method=method).weights for d in (data, moved))
        np.testing.assert_allclose(one, other, rtol=1e-5)


@settings(max_examples=15)
@given(seed=SEEDS)
def test_weights_from_a_score_given_are_those_from_the_same_score_fitted(seed):
    data = people(seed)
    score = propensity_score(data, "t", covariates=COVARIATES).score
    for method in ("ipw", "overlap", "matching"):
        fitted = weight(data, "t", covariates=COVARIATES, method=method).weights
        given_ = weight(data, "t", method=method, score=score).weights
        np.testing.assert_array_equal(fitted, given_)


@settings(max_examples=15)
@given(seed=SEEDS, trim=st.floats(0.5, 0.99))
def test_trimming_lowers_the_largest_weights_to_the_quantile_and_moves_no_other(seed, trim):
    data = people(seed)
    full = weight(data, "t", covariates=COVARIATES, estimand="ATE").weights
    cut = weight(data, "t", covariates=COVARIATES, estimand="ATE", trim=trim)
    top = np.quantile(full, trim)
    np.testing.assert_array_equal(cut.weights, np.minimum(full, top))
    assert cut.n_trimmed == (full > top).sum()
