"""Weights asked for wrongly, or of data that cannot give them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.errors import DataError, UsageError
from pdd_outcomes.design import weight
from tests.laws.test_weight_laws import COVARIATES, people


@pytest.fixture
def data() -> pd.DataFrame:
    return people(1)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"method": "ipv"}, "method='ipv'"),
        ({"estimand": "ATX"}, "cannot target the ATX"),
        ({"method": "overlap", "estimand": "ATE"}, "cannot target the ATE"),
        ({"method": "entropy", "score": np.full(400, 0.5)}, "score= is for"),
        ({"stabilise": True}, "estimand='ATE'"),
        ({"stabilise": 1, "estimand": "ATE"}, "must be True or False"),
        ({"trim": 99}, "quantile"),
        ({"trim": 1.0}, "quantile"),
        ({"moments": 2}, "is for 'entropy' and 'cbps'"),
        ({"method": "entropy", "moments": 4}, "must be 1"),
        ({"score": np.full(3, 0.5)}, "shape"),
    ],
)
def test_what_cannot_be_asked_is_said(data, asked, words):
    with pytest.raises(UsageError, match=words):
        weight(data, "t", covariates=COVARIATES, **asked)


def test_every_wrong_option_is_named_at_once(data):
    with pytest.raises(UsageError) as wrong:
        weight(data, "t", covariates=COVARIATES, stabilise=True, trim=2.0, moments=7)
    assert len(wrong.value.problems) == 3


@pytest.mark.parametrize("bad", [0.0, 1.0, np.nan, -0.1, 1.2])
def test_a_score_that_gives_no_finite_weight_is_refused_with_the_rows(data, bad):
    score = np.full(len(data), 0.4)
    score[[3, 7]] = bad
    with pytest.raises(DataError, match=r"not strictly between 0 and 1 for 2 of 400 rows \(rows 3, 7\)"):
        weight(data, "t", covariates=COVARIATES, score=score)


@pytest.mark.parametrize("method", ["entropy", "cbps"])
def test_a_mean_out_of_reach_names_the_column(data, method):
    # Nobody among the controls is as high as the treated are on average.
    far = data.assign(risk=np.where(data["t"] == 1, 10.0, 0.0) + np.linspace(0, 1, len(data)))
    with pytest.raises(DataError, match=r"no weights of the controls balance 'risk'"):
        weight(far, "t", covariates=[*COVARIATES, "risk"], method=method)


@pytest.mark.parametrize("method", ["entropy", "cbps"])
def test_means_out_of_reach_together_name_the_columns(method):
    # The controls lie below the line a + b = 1; the treated are around (0.7, 0.7), within reach in either alone.
    rng = np.random.default_rng(5)
    points = rng.random((2_000, 2))
    points = points[points.sum(axis=1) < 1]
    controls = pd.DataFrame({"a": points[:, 0], "b": points[:, 1], "t": 0})
    treated = pd.DataFrame({"a": 0.7 + 0.1 * rng.random(50), "b": 0.7 + 0.1 * rng.random(50), "t": 1})
    data = pd.concat([controls, treated], ignore_index=True)
    with pytest.raises(DataError, match=r"'a', 'b' together"):
        weight(data, "t", covariates=["a", "b"], method=method)


def test_a_level_of_one_arm_only_is_named_by_every_method(data):
    odd = data.assign(place=np.where((data["t"] == 1) & (data.index % 5 == 0), "north", "south"))
    for method in ("ipw", "overlap", "matching", "entropy", "cbps"):
        with pytest.raises(DataError, match="place"):
            weight(odd, "t", covariates=[*COVARIATES, "place"], method=method)


@pytest.mark.parametrize("method", ["ipw", "entropy", "cbps"])
def test_a_constant_or_collinear_covariate_is_named(data, method):
    with pytest.raises(DataError, match="'flat'"):
        weight(data.assign(flat=1.0), "t", covariates=["age", "flat"], method=method)
    with pytest.raises(DataError, match="'twice'"):
        weight(data.assign(twice=2 * data["age"]), "t", covariates=["age", "twice"], method=method)


def test_missing_covariates_are_counted(data):
    data.loc[[2, 5, 9], "age"] = np.nan
    for method in ("ipw", "entropy"):
        with pytest.raises(DataError, match="'age' is missing for 3 of 400 rows") as wrong:
            weight(data, "t", covariates=COVARIATES, method=method)
        assert len(wrong.value.problems) == 1


def test_the_data_are_not_changed_and_a_column_named_weights_is_not_overwritten(data):
    before = data.copy()
    made = weight(data, "t", covariates=COVARIATES)
    pd.testing.assert_frame_equal(data, before)
    assert made.data()["weights"].to_numpy() == pytest.approx(made.weights)
    with pytest.raises(UsageError, match="'weights'"):
        weight(data.assign(weights=1), "t", covariates=COVARIATES).data()
