"""The bootstrap of a whole design: what is drawn, that it repeats, and what it says of resamples that fail."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.errors import DataError, UsageError
from pdd_outcomes.design import match
from pdd_outcomes.effects import bootstrap, risk_contrast
from tests.laws.test_weight_laws import COVARIATES, people


def seeded(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def mean_of_x(frame: pd.DataFrame) -> dict[str, float]:
    return {"mean": frame["x"].mean(), "n": len(frame)}


def study(n: int = 300) -> pd.DataFrame:
    data = people(2, n)
    return data.assign(y=(seeded(3).random(n) < 0.2 + 0.1 * data["t"]).astype(int))


def whole_design(frame: pd.DataFrame) -> pd.DataFrame:
    return risk_contrast(match(frame, "t", covariates=COVARIATES, caliper=0.2), frame, outcome="y").tidy()


def test_the_error_of_a_mean_is_the_one_in_the_books():
    x = seeded().normal(10, 3, 400)
    made = bootstrap(pd.DataFrame({"x": x}), mean_of_x, rng=seeded(2), replicates=2_000)
    row = made.tidy().set_index("term").loc["mean"]
    assert row["estimate"] == pytest.approx(x.mean())
    assert row["std_error"] == pytest.approx(x.std() / 20, rel=0.05)  # Monte Carlo error is 1.6%
    normal = made.tidy(interval="normal").set_index("term").loc["mean"]
    assert normal["conf_high"] - normal["conf_low"] == pytest.approx(2 * 1.959964 * row["std_error"])
    assert row["conf_low"] == pytest.approx(normal["conf_low"], abs=0.05)


def test_clusters_are_drawn_whole():
    data = pd.DataFrame({"x": np.repeat([0.0, 1.0, 2.0, 3.0], 5), "force": np.repeat(list("abcd"), 5)})
    made = bootstrap(data, mean_of_x, rng=seeded(), replicates=400, cluster="force")
    assert set(made.replicates[:, 1]) == {20.0}
    assert set(np.round(made.replicates[:, 0] * 4, 9)) <= set(range(13))
    assert made.tidy()["std_error"].iloc[0] == pytest.approx(np.std([0, 1, 2, 3]) / 2, rel=0.1)


def test_strata_keep_their_sizes():
    data = pd.DataFrame({"x": np.arange(30.0), "arm": ["t"] * 10 + ["c"] * 20})
    made = bootstrap(data, lambda f: {"t": (f["arm"] == "t").sum()}, rng=seeded(), replicates=50, strata="arm")
    assert set(made.replicates[:, 0]) == {10.0}
    assert made.resampled == "people within arm"


def test_the_whole_design_is_repeated_the_same_for_the_same_seed_however_many_workers():
    data = study()
    one = bootstrap(data, whole_design, rng=seeded(5), replicates=12)
    other = bootstrap(data, whole_design, rng=seeded(5), replicates=12, n_jobs=2)
    np.testing.assert_array_equal(one.replicates, other.replicates)
    assert one.terms == ("risk_treated", "risk_control", "risk_difference", "risk_ratio", "odds_ratio")
    assert not np.array_equal(
        one.replicates, bootstrap(data, whole_design, rng=seeded(6), replicates=12).replicates
    )


def test_a_bootstrap_of_the_design_is_near_the_clustered_error():
    data = study(1_500)
    made = bootstrap(data, whole_design, rng=seeded(7), replicates=150).tidy().set_index("term")
    plain = whole_design(data).set_index("term")
    ratio = made.loc["risk_difference", "std_error"] / plain.loc["risk_difference", "std_error"]
    assert 0.8 < ratio < 1.25


def test_resamples_that_fail_are_counted_with_their_reason():
    data = pd.DataFrame({"x": np.arange(12.0), "t": [1] + [0] * 11})

    def fragile(frame: pd.DataFrame) -> dict[str, float]:
        if frame["t"].sum() == 0:
            raise DataError("treatment='t' has nobody treated.")
        return {"x": frame["x"].mean()}

    made = bootstrap(data, fragile, rng=seeded(), replicates=300)
    assert made.reasons == {"treatment='t' has nobody treated.": made.n_failed}
    assert made.n_failed / 300 == pytest.approx((11 / 12) ** 12, abs=0.1)
    assert np.isfinite(made.tidy()["std_error"]).all()
    assert np.isfinite(made.covariance).all()


def test_more_failures_than_answers_are_an_error_with_the_reason():
    data = pd.DataFrame({"x": np.arange(12.0)})

    def broken(frame: pd.DataFrame) -> dict[str, float]:
        if frame["x"].duplicated().any():
            raise DataError("x holds a value twice.")
        return {"x": 1.0}

    with pytest.raises(DataError, match=r"could not be estimated.*x holds a value twice"):
        bootstrap(data, broken, rng=seeded(), replicates=20)


def test_an_error_that_is_not_about_the_data_is_not_hidden():
    with pytest.raises(KeyError):
        bootstrap(pd.DataFrame({"x": [1.0, 2.0]}), lambda f: {"a": f["nothing"].sum()}, rng=seeded())


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"rng": 3}, UsageError, "default_rng"),
        ({"replicates": 1}, UsageError, "at least 2"),
        ({"cluster": "nothing"}, DataError, "nothing"),
        ({"cluster": "one"}, DataError, "one value only"),
        ({"cluster": "force", "strata": "x"}, DataError, "drawn whole"),
    ],
)
def test_what_cannot_be_asked_is_said(asked, error, words):
    data = pd.DataFrame({"x": [1.0, 2, 3, 4], "force": list("aabb"), "one": 1})
    with pytest.raises(error, match=words):
        bootstrap(data, mean_of_x, **({"rng": seeded(), "replicates": 5} | asked))
