"""Standardisation and doubly robust estimation: against statsmodels, by hand, by law, and asked wrongly."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from pdd_outcomes.core.errors import DataError, UsageError
from pdd_outcomes.design import match, unadjusted, weight
from pdd_outcomes.effects import doubly_robust, risk_contrast, standardise
from tests.hand.test_weight_by_hand import TABLE
from tests.laws.test_weight_laws import COVARIATES, people
from tests.tolerances import SAME_ALGORITHM

SEEDS = st.integers(min_value=0, max_value=10_000)
TERMS = ["risk_treated", "risk_control", "risk_difference", "risk_ratio", "odds_ratio"]


def study(seed: int, n: int = 400) -> pd.DataFrame:
    data = people(seed, n)
    rng = np.random.default_rng(seed + 1)
    chance = 1 / (1 + np.exp(1 - 0.4 * data["prior"] + 0.5 * data["t"] - 0.01 * data["age"]))
    return data.assign(y=(rng.random(n) < chance).astype(int), cost=rng.gamma(2, 100, n) + 50 * data["prior"])


def by_term(made):
    return made.tidy().set_index("term")


@settings(max_examples=10)
@given(seed=SEEDS)
def test_the_logistic_model_and_its_clustered_variance_are_statsmodels(seed):
    data = study(seed)
    design = match(data, "t", covariates=COVARIATES, caliper=0.2)
    rows = design.analysis_rows()
    part = data.iloc[rows.row]
    x = part[["age", "prior"]].to_numpy(float)
    t = part["t"].to_numpy(float)[:, None]
    x = x - np.average(x[t[:, 0] == 1], axis=0, weights=rows.weight[t[:, 0] == 1])
    terms = np.hstack([np.ones_like(t), t, x, t * x])
    # Pairs weigh 1 each, so statsmodels' clustered variance applies as it stands.
    assert (rows.weight == 1).all()
    fit = sm.GLM(part["y"], terms, family=sm.families.Binomial()).fit(
        tol=1e-12, cov_type="cluster", cov_kwds={"groups": rows.clusters[0], "use_correction": False}
    )
    about = t[:, 0] == 1

    def risk(arm: float) -> tuple[float, np.ndarray]:
        a = np.full_like(t, arm)
        given_ = np.hstack([np.ones_like(t), a, x, a * x])[about]
        mu = fit.family.link.inverse(given_ @ fit.params.to_numpy())
        w = np.full(about.sum(), 1 / about.sum())
        return float(w @ mu), (w * mu * (1 - mu)) @ given_

    (one, g1), (other, g0) = risk(1.0), risk(0.0)
    found = by_term(standardise(design, data, outcome="y", covariates=["age", "prior"]))
    assert found.loc["risk_treated", "estimate"] == pytest.approx(one, rel=1e-7)
    assert found.loc["risk_difference", "estimate"] == pytest.approx(one - other, abs=1e-8)
    error = np.sqrt((g1 - g0) @ fit.cov_params().to_numpy() @ (g1 - g0))
    assert found.loc["risk_difference", "std_error"] == pytest.approx(error, rel=1e-6)


@settings(max_examples=15)
@given(seed=SEEDS, family=st.sampled_from(["binomial", "gaussian", "poisson"]))
def test_without_covariates_it_is_the_plain_contrast_with_the_same_error(seed, family):
    data = study(seed)
    for design in (unadjusted(data, "t"), match(data, "t", covariates=COVARIATES, ratio=2, caliper=0.2)):
        plain = by_term(risk_contrast(design, data, outcome="y"))
        model = by_term(standardise(design, data, outcome="y", family=family))
        kind = "risk" if family == "binomial" else "mean"
        for name in ("treated", "control", "difference", "ratio"):
            one, other = plain.loc[f"risk_{name}"], model.loc[f"{kind}_{name}"]
            assert other["estimate"] == pytest.approx(one["estimate"], rel=SAME_ALGORITHM)
            assert other["std_error"] == pytest.approx(one["std_error"], rel=1e-7)


@settings(max_examples=15)
@given(seed=SEEDS, factor=st.floats(0.1, 10))
def test_the_scale_of_the_weights_and_where_a_covariate_is_0_change_nothing(seed, factor):
    data = study(seed)
    moved = data.assign(age=data["age"] * factor - 100)
    one = by_term(standardise(weight(data, "t", covariates=["prior"]), data, outcome="y", covariates=["age"]))
    other = by_term(
        standardise(weight(moved, "t", covariates=["prior"]), moved, outcome="y", covariates=["age"])
    )
    for column in ("estimate", "std_error"):
        np.testing.assert_allclose(one[column].astype(float), other[column].astype(float), rtol=1e-6)


@pytest.mark.parametrize(("estimand", "share"), [("ATT", 0.75), ("ATC", 0.25), ("ATE", 0.5)])
def test_a_saturated_model_standardises_over_whom_the_effect_is_of(estimand, share):
    # Risks by stratum are 0.4 and 0.6 of the treated, 0.3 and 0.5 of the controls; strata hold 1/4 and 3/4 of the treated.
    design = weight(TABLE, "t", covariates=["x"], estimand=estimand)
    found = by_term(standardise(design, TABLE, outcome="y", covariates=["x"]))["estimate"]
    assert found["risk_treated"] == pytest.approx(0.4 + 0.2 * share, abs=1e-9)
    assert found["risk_control"] == pytest.approx(0.3 + 0.2 * share, abs=1e-9)


@pytest.mark.parametrize(("estimand", "share"), [("ATT", 0.75), ("ATC", 0.25), ("ATE", 0.5)])
def test_a_doubly_robust_estimate_of_two_strata_is_the_stratified_one(estimand, share):
    # Of repeated strata every fold gives nearly the same saturated models.
    data = pd.concat([TABLE] * 50, ignore_index=True)
    found = by_term(
        doubly_robust(data, "t", outcome="y", covariates=["x"], estimand=estimand, rng=np.random.default_rng(1))
    )["estimate"]
    assert found["risk_treated"] == pytest.approx(0.4 + 0.2 * share, abs=2e-3)
    assert found["risk_control"] == pytest.approx(0.3 + 0.2 * share, abs=2e-3)


def wrong_world(n: int, rng: np.random.Generator) -> tuple[pd.DataFrame, float]:
    """Treatment and outcome both bend in x; the true effect on everyone is a difference of 2."""
    x = rng.uniform(-2, 2, n)
    t = rng.random(n) < 1 / (1 + np.exp(-(x**2 - 1)))
    y = 3 * x**2 + 2 * t + rng.normal(size=n)
    return pd.DataFrame({"x": x, "square": x**2, "t": t.astype(int), "y": y}), 2.0


def test_trees_mend_what_two_wrong_models_miss():
    data, truth = wrong_world(6_000, np.random.default_rng(4))
    asked = {"outcome": "y", "family": "gaussian", "covariates": ["x"], "estimand": "ATE"}
    wrong = by_term(doubly_robust(data, "t", rng=np.random.default_rng(1), **asked)).loc["mean_difference"]
    trees = by_term(doubly_robust(data, "t", rng=np.random.default_rng(1), model="boosting", **asked)).loc[
        "mean_difference"
    ]
    assert wrong["conf_low"] > truth + 0.5
    assert trees["conf_low"] < truth < trees["conf_high"]
    assert trees["std_error"] < 0.1


def test_the_same_seed_gives_the_same_answer_and_clusters_widen_it():
    data = study(3, 600)
    twice = pd.concat([data, data], ignore_index=True).assign(who=np.tile(np.arange(600), 2))
    asked = {"outcome": "y", "covariates": COVARIATES}
    one, other = (doubly_robust(data, "t", rng=np.random.default_rng(5), **asked).tidy() for _ in range(2))
    pd.testing.assert_frame_equal(one, other)
    alone = by_term(doubly_robust(twice, "t", rng=np.random.default_rng(5), **asked))["std_error"]
    clustered = by_term(doubly_robust(twice, "t", rng=np.random.default_rng(5), cluster="who", **asked))[
        "std_error"
    ]
    assert clustered["risk_difference"] / alone["risk_difference"] == pytest.approx(np.sqrt(2), rel=0.02)


def test_both_speak_for_themselves():
    data = study(6)
    for made in (
        standardise(
            match(data, "t", covariates=COVARIATES, caliper=0.001), data, outcome="y", covariates=["age"]
        ),
        doubly_robust(data, "t", outcome="y", covariates=COVARIATES, rng=np.random.default_rng(1)),
    ):
        assert made.tidy()["term"].tolist() == TERMS
        assert made.glance()["estimand"].tolist() == [made.estimand]
        assert "risk_difference" in made._repr_html_()
    assert made.estimand == "ATT"


def test_a_mean_is_not_clipped_and_has_no_odds():
    data = study(7)
    made = standardise(unadjusted(data, "t"), data, outcome="cost", covariates=["prior"], family="gaussian")
    assert made.tidy()["term"].tolist() == ["mean_treated", "mean_control", "mean_difference", "mean_ratio"]
    assert made.means.min() > 100


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"family": "binomal"}, UsageError, "binomial"),
        ({"outcome": "cost"}, DataError, "cost"),
        ({"outcome": "yy"}, DataError, "yy"),
        ({"covariates": ["flat"]}, DataError, "not distinct"),
        ({"covariates": ["answer"]}, DataError, "no finite answer"),
    ],
)
def test_what_cannot_be_standardised_is_said(asked, error, words):
    data = study(8).assign(flat=1.0, answer=lambda d: d["y"] * 2.0)
    with pytest.raises(error, match=words):
        standardise(unadjusted(data, "t"), data, **({"outcome": "y"} | asked))


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"model": "forest"}, UsageError, "boosting"),
        ({"estimand": "LATE"}, UsageError, "ATE"),
        ({"folds": 1}, UsageError, "at least 2"),
        ({"rng": 5}, UsageError, "default_rng"),
        ({"folds": 150}, DataError, "fewer than two a fold"),
        ({"covariates": ["seen"]}, DataError, "without fold 1 of 5.*seen"),
        ({"covariates": ["steep"]}, DataError, "count a thousandfold"),
    ],
)
def test_what_cannot_be_doubly_robust_is_said(asked, error, words):
    rng = np.random.default_rng(1)
    data = study(9).assign(seen=lambda d: d["t"] * 1.0, steep=lambda d: 2 * d["t"] + rng.normal(size=len(d)))
    data.loc[data.index[data["t"] == 0][0], "steep"] = 9.0  # one control as if treated
    with pytest.raises(error, match=words):
        doubly_robust(data, "t", **({"outcome": "y", "covariates": COVARIATES, "rng": rng} | asked))


def test_rows_that_are_not_the_designs_are_refused():
    data = study(10)
    with pytest.raises(UsageError, match="same people in the same order"):
        standardise(unadjusted(data, "t"), data.iloc[:-1], outcome="y")
