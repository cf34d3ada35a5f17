"""Strata: who is in one, what they weigh, and what the design says of itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdd_outcomes.core.errors import DataError, UsageError
from pdd_outcomes.design import match, propensity_score
from pdd_outcomes.effects import risk_contrast
from tests.hand.test_weight_by_hand import TABLE
from tests.laws.test_weight_laws import COVARIATES, people
from tests.tolerances import ROUNDING

SEEDS = st.integers(min_value=0, max_value=10_000)
ASKED = {
    "exact": {"covariates": ["sex"]},
    "cem": {"covariates": COVARIATES, "cutpoints": 4},
    "subclass": {"covariates": COVARIATES},
}


@settings(max_examples=20)
@given(seed=SEEDS, method=st.sampled_from(sorted(ASKED)), estimand=st.sampled_from(["ATT", "ATC", "ATE"]))
def test_each_arm_counts_a_stratum_by_its_share_of_whom_the_effect_is_of(seed, method, estimand):
    made = match(people(seed), "t", method=method, estimand=estimand, **ASKED[method])
    t, w, code = made.treated, made.weights, made.set_id
    kept = code >= 0
    np.testing.assert_array_equal(kept, w > 0)
    about = kept & {"ATT": t, "ATC": ~t, "ATE": t | True}[estimand]
    share = np.bincount(code[about]) / about.sum()
    for arm in (t, ~t):
        inside = arm & kept
        counted = np.bincount(code[inside], weights=w[inside], minlength=made.n_sets)
        assert (np.bincount(code[inside], minlength=made.n_sets) > 0).all()
        np.testing.assert_allclose(counted / counted.sum(), share, rtol=ROUNDING)
        assert counted.sum() == pytest.approx(inside.sum())


@settings(max_examples=20)
@given(seed=SEEDS, estimand=st.sampled_from(["ATT", "ATC", "ATE"]))
def test_exact_strata_balance_exactly_and_standardise(seed, estimand):
    data = people(seed).assign(y=lambda d: (d["prior"] > 1).astype(int))
    made = match(data, "t", covariates=["sex", "prior"], method="exact", estimand=estimand)
    assert made.balance().table["smd"].abs().max() < 1e-12
    found = risk_contrast(made, data, outcome="y").tidy().set_index("term")["estimate"]
    assert found["risk_difference"] == pytest.approx(0, abs=1e-12)


def test_strata_by_hand():
    made = match(TABLE, "t", covariates=["x"], method="exact")
    t, x = TABLE["t"] == 1, TABLE["x"]
    # The treated are 10 and 30; of 40 controls, 30 stand for a quarter of them and 10 for three quarters.
    assert made.weights[t] == pytest.approx(1)
    assert made.weights[~t & (x == 0)] == pytest.approx(40 * 0.25 / 30)
    assert made.weights[~t & (x == 1)] == pytest.approx(40 * 0.75 / 10)


def test_bands_hold_equal_numbers_of_those_the_effect_is_of():
    data = people(3, n=1_000)
    score = propensity_score(data, "t", covariates=COVARIATES).score
    for estimand, about in (("ATT", data["t"] == 1), ("ATC", data["t"] == 0), ("ATE", data["t"] >= 0)):
        made = match(data, "t", distance=score, method="subclass", subclasses=5, estimand=estimand)
        size = np.bincount(made.set_id[about])
        assert size.max() - size.min() <= 2  # edges lie between two people


def test_bands_of_the_fitted_score_are_those_of_the_score_given():
    data = people(4)
    score = propensity_score(data, "t", covariates=COVARIATES).score
    fitted = match(data, "t", covariates=COVARIATES, method="subclass")
    given_ = match(data, "t", distance=score, method="subclass")
    np.testing.assert_array_equal(fitted.set_id, given_.set_id)


def test_people_without_counterpart_are_dropped_and_the_estimand_says_so():
    data = people(5)
    made = match(data, "t", covariates=COVARIATES, method="cem", cutpoints={"age": 12, "prior": [1, 2, 3]})
    assert made.estimand == "FSATT"
    assert "FSATT" in made.describe()
    table = made.dropped().iloc[0]
    assert table["n_kept"] + table["n_dropped"] == data["t"].sum()


def test_a_cut_point_belongs_to_the_bin_above():
    data = pd.DataFrame({"x": [0, 1, 1, 2, 2, 3], "t": [1, 0, 1, 0, 1, 0]})
    made = match(data, "t", covariates=["x"], method="cem", cutpoints={"x": [1, 2]})
    assert made.set_id.tolist() == [-1, 0, 0, 1, 1, 1]


def test_exact_columns_cut_bands_further():
    data = people(6)
    made = match(data, "t", covariates=COVARIATES, method="subclass", subclasses=3, exact=["sex"])
    kept = made.set_id >= 0
    assert pd.crosstab(made.set_id[kept], data["sex"][kept]).gt(0).sum(axis=1).eq(1).all()


def test_the_variance_of_strata_is_clustered_on_the_person():
    data = people(7)
    made = match(data, "t", covariates=COVARIATES, method="subclass")
    rows = made.analysis_rows()
    np.testing.assert_array_equal(rows.clusters[0], rows.row)
    assert made.roles == {"weights": "weights"}
    assert made.data()["set_id"].to_numpy().tolist() == made.set_id[rows.row].tolist()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"method": "exact", "ratio": 2}, "ratio=2: for method='nearest'"),
        ({"method": "cem", "caliper": 0.2, "replace": True}, "replace=True, caliper=0.2"),
        ({"method": "subclass", "distance": "mahalanobis"}, "needs a score"),
        ({"method": "subclass", "subclasses": 0}, "at least 1"),
        ({"method": "nearest", "subclasses": 4}, "for method='subclass'"),
        ({"method": "exact", "cutpoints": 4}, "is for method='cem'"),
        ({"method": "cem", "cutpoints": {"agee": 4}}, "agee"),
        ({"method": "cem", "cutpoints": {"age": [40, 30]}}, "rising numbers"),
        ({"method": "cem", "cutpoints": 0}, "at least 1 bin"),
    ],
)
def test_what_strata_cannot_be_asked_is_said(asked, words):
    with pytest.raises(UsageError, match=words):
        match(people(8), "t", covariates=COVARIATES, **asked)


def test_labels_are_not_cut():
    with pytest.raises(DataError, match=r"'sex'.*labels"):
        match(people(8), "t", covariates=COVARIATES, method="cem", cutpoints={"sex": 2})


def test_strata_without_both_arms_anywhere_are_an_error():
    data = pd.DataFrame({"x": ["a", "b"] * 5, "t": [0, 1] * 5})
    with pytest.raises(DataError, match="no stratum holds people of both arms"):
        match(data, "t", covariates=["x"], method="exact")


def test_strata_have_no_pairs():
    with pytest.raises(UsageError, match="no pairs"):
        _ = match(people(8), "t", covariates=["sex"], method="exact").pairs
