"""What must not change a survival estimate, and routes to one number that must meet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdd_outcomes.core.errors import DataError
from pdd_outcomes.core.sandwich import clustered_covariance
from pdd_outcomes.survival import (
    CoxFit,
    cox,
    kaplan_meier,
    km_influence,
    logrank,
    nelson_aalen,
    rmst,
    rmst_influence,
)
from tests.tolerances import R_DETERMINISTIC, SAME_ALGORITHM

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=25, deadline=None)


def people(seed: int, n: int = 60, *, late: bool = False) -> pd.DataFrame:
    """Tied times, two covariates, two groups, strata, weights and clusters."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=n), rng.integers(0, 2, n)
    time = np.ceil(rng.exponential(8, n) * np.exp(-0.4 * x)) + 1
    data = pd.DataFrame({"time": time, "event": rng.random(n) < 0.75, "x": x, "z": z})
    data["entry"] = np.floor(rng.random(n) * (time if late else 0) * 0.7)
    data["group"] = np.where(np.arange(n) % 2, "b", "a")
    data["layer"] = rng.integers(0, 3, n)
    data["w"] = rng.uniform(0.3, 3, n)
    data["set"], data["person"] = rng.integers(0, n // 3, n), rng.integers(0, n // 2, n)
    return data


def close(found: Any, wanted: Any, tolerance: float = SAME_ALGORITHM) -> None:
    np.testing.assert_allclose(
        np.asarray(found, float), np.asarray(wanted, float), rtol=tolerance, atol=tolerance
    )


def same_fit(found: CoxFit, wanted: CoxFit, *, covariance: bool = True) -> None:
    close(found.coefficients, wanted.coefficients)
    if covariance:
        close(found.covariance, wanted.covariance)


@few
@given(seeds)
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    data = people(seed, late=True)
    mixed = data.sample(frac=1, random_state=seed % 2**31)
    roles: dict[str, Any] = {"entry": "entry", "weights": "w", "cluster": "set"}
    first, second = (
        kaplan_meier(d, "time", "event", group="group", **roles).table.drop(columns="group")
        for d in (data, mixed)
    )
    close(first, second)
    asked: dict[str, Any] = {"covariates": ["x", "z"], "strata": "layer", **roles}
    fit, again = cox(data, "time", "event", **asked), cox(mixed, "time", "event", **asked)
    same_fit(fit, again)
    close(fit.residuals("score"), again.residuals("score").iloc[np.argsort(mixed.index)])
    close(fit.ph_test().statistic, again.ph_test().statistic, R_DETERMINISTIC)
    close(fit.glance()["concordance"], again.glance()["concordance"])
    close(
        logrank(data, "time", "event", "group", **roles).statistic,
        logrank(mixed, "time", "event", "group", **roles).statistic,
    )
    close(
        rmst(data, "time", "event", "group", tau=3, weights="w").tidy()["std_error"],
        rmst(mixed, "time", "event", "group", tau=3, weights="w").tidy()["std_error"],
    )


@few
@given(seeds, st.floats(1e-3, 1e3))
def test_the_scale_of_the_weights_changes_nothing(seed: int, k: float) -> None:
    data = people(seed)
    scaled = data.assign(w=data["w"] * k)
    columns = ["estimate", "std_error", "conf_low", "conf_high"]
    for curve in (kaplan_meier, nelson_aalen):
        one, other = (
            curve(d, "time", "event", group="group", weights="w").table[columns] for d in (data, scaled)
        )
        close(one, other)
    same_fit(*(cox(d, "time", "event", covariates=["x", "z"], weights="w") for d in (data, scaled)))
    close(*(logrank(d, "time", "event", "group", weights="w").statistic for d in (data, scaled)))
    close(
        *(
            rmst(d, "time", "event", "group", tau=4, weights="w", covariates=["x"]).tidy().iloc[:, 2:4]
            for d in (data, scaled)
        )
    )


@few
@given(seeds)
def test_weights_of_1_are_no_weights(seed: int) -> None:
    data = people(seed).assign(w=1.0)
    plain, weighted = (kaplan_meier(data, "time", "event", group="group", weights=w).table for w in (None, "w"))
    close(plain.iloc[:, 1:6], weighted.iloc[:, 1:6])
    fits = [cox(data, "time", "event", covariates=["x", "z"], weights=w, robust=True) for w in (None, "w")]
    same_fit(*fits)
    close(fits[0].naive_covariance, fits[1].naive_covariance)
    close(fits[0].loglik, fits[1].loglik)


@few
@given(seeds)
def test_a_weight_of_2_is_the_row_twice(seed: int) -> None:
    data = people(seed, late=True)
    data["w"] = np.random.default_rng(seed).integers(1, 4, len(data))
    data["row"] = np.arange(len(data))
    repeated = data.loc[data.index.repeat(data["w"])]
    for curve in (kaplan_meier, nelson_aalen):
        one = curve(data, "time", "event", entry="entry", weights="w", cluster="row").table
        other = curve(repeated, "time", "event", entry="entry", cluster="row").table
        close(one.drop(columns="group"), other.drop(columns="group"))
    asked: dict[str, Any] = {"covariates": ["x", "z"], "ties": "breslow", "entry": "entry", "cluster": "row"}
    one_fit = cox(data, "time", "event", weights="w", **asked)
    other_fit = cox(repeated, "time", "event", **asked)
    same_fit(one_fit, other_fit)
    close(one_fit.naive_covariance, other_fit.naive_covariance)


@few
@given(seeds, st.floats(1e-3, 1e3))
def test_the_unit_of_time_changes_no_hazard_ratio(seed: int, k: float) -> None:
    data = people(seed, late=True)
    longer = data.assign(time=data["time"] * k, entry=data["entry"] * k)
    fits = [
        cox(d, "time", "event", covariates=["x", "z"], entry="entry", cluster="set") for d in (data, longer)
    ]
    same_fit(*fits)
    for transform in ("km", "rank", "identity"):
        close(fits[0].ph_test(transform).statistic, fits[1].ph_test(transform).statistic, R_DETERMINISTIC)
    means = [rmst(d, "time", "event", "group", tau=4 * u).tidy() for d, u in ((data, 1), (longer, k))]
    close(means[0]["estimate"][:3] * k, means[1]["estimate"][:3])
    close(means[0]["statistic"][2:], means[1]["statistic"][2:])


@few
@given(seeds)
def test_an_entry_of_0_is_no_entry_and_one_stratum_is_none(seed: int) -> None:
    data = people(seed).assign(one="only")
    plain = kaplan_meier(data, "time", "event").table
    pd.testing.assert_frame_equal(plain, kaplan_meier(data, "time", "event", entry="entry").table)
    fit = cox(data, "time", "event", covariates=["x", "z"])
    for more in ({"entry": "entry"}, {"strata": "one"}, {"strata": ["one"]}):
        same_fit(fit, cox(data, "time", "event", covariates=["x", "z"], **more))
    close(
        logrank(data, "time", "event", "group").statistic,
        logrank(data, "time", "event", "group", strata="one").statistic,
    )


@few
@given(seeds, st.floats(0.05, 0.95))
def test_cutting_follow_up_in_two_changes_nothing(seed: int, share: float) -> None:
    data = people(seed, late=True)
    data["row"] = np.arange(len(data))
    middle = data["entry"] + share * (data["time"] - data["entry"])
    early = data.assign(time=middle, event=False)
    both = pd.concat([early, data.assign(entry=middle)])
    asked: dict[str, Any] = {"covariates": ["x", "z"], "entry": "entry", "strata": "group"}
    fit, cut = cox(data, "time", "event", **asked), cox(both, "time", "event", **asked)
    same_fit(fit, cut)
    close(fit.loglik, cut.loglik)
    robust = [cox(d, "time", "event", **asked, weights="w", cluster="row") for d in (data, both)]
    same_fit(*robust)
    times = np.unique(data["time"])
    curves = [
        kaplan_meier(d, "time", "event", entry="entry", cluster="row").at(times)[["estimate", "std_error"]]
        for d in (data, both)
    ]
    close(*curves)


@few
@given(seeds)
def test_martingale_residuals_add_to_0_and_score_residuals_to_the_score(seed: int) -> None:
    data = people(seed, late=True)
    for ties in ("efron", "breslow"):
        fit = cox(
            data, "time", "event", covariates=["x", "z"], entry="entry", strata="layer", weights="w", ties=ties
        )
        weight = data["w"].to_numpy()
        assert abs(fit.residuals("martingale") @ weight) < 1e-8
        assert abs(weight @ fit.residuals("score").to_numpy()).max() < 1e-6
        assert abs(weight[data["event"]] @ fit.residuals("schoenfeld").to_numpy()).max() < 1e-6
        parts = fit.residuals("dfbeta").to_numpy()
        close(parts.T @ parts, fit.covariance)


@few
@given(seeds)
def test_the_variance_of_a_curve_is_the_sum_of_its_clusters_squared_influence(seed: int) -> None:
    data = people(seed, late=True)
    t, e, w, entry = (data[c].to_numpy(float) for c in ("time", "event", "w", "entry"))
    for clusters in ([], ["set"], ["set", "person"]):
        curve = kaplan_meier(data, "time", "event", entry="entry", weights="w", cluster=clusters or None)
        times = np.unique(t[e == 1])
        survival, influence = km_influence(t, e == 1, w, times, entry)
        read = curve.at(times)
        close(read["estimate"], survival)
        # two-way: each time's variance is clipped at 0 by itself
        values = [
            clustered_covariance(influence[:, [k]], [data[c].to_numpy() for c in clusters])[0, 0]
            for k in range(len(times))
        ]
        close(read["std_error"] ** 2, values)


@few
@given(seeds)
def test_influence_is_the_derivative_by_a_weight(seed: int) -> None:
    data = people(seed, 30, late=True)
    t, e, w, entry = (data[c].to_numpy(float) for c in ("time", "event", "w", "entry"))
    times, tau = np.array([2.0, 4, 7]), 6.0
    i, h = seed % 30, 1e-6
    lift = np.where(np.arange(30) == i, w * h, 0.0)
    for function, at in ((km_influence, times), (rmst_influence, tau)):
        up, down = (function(t, e == 1, w + s * lift, at, entry)[0] for s in (1, -1))
        slope = (np.asarray(up) - np.asarray(down)) / (2 * h)
        np.testing.assert_allclose(slope, function(t, e == 1, w, at, entry)[1][i], atol=2e-7, rtol=1e-5)


@few
@given(seeds)
def test_a_two_way_variance_with_one_cluster_twice_is_one_way(seed: int) -> None:
    data = people(seed).assign(again=lambda d: d["set"])
    fits = [cox(data, "time", "event", covariates=["x", "z"], cluster=c) for c in ("set", ["set", "again"])]
    same_fit(*fits)
    curves = [
        kaplan_meier(data, "time", "event", cluster=c).table["std_error"] for c in ("set", ["set", "again"])
    ]
    close(*curves)


@few
@given(seeds)
def test_robust_tests_of_two_groups_are_robust_score_tests(seed: int) -> None:
    data = people(seed)
    test = logrank(data, "time", "event", "group", weights="w", cluster="set")
    b = data.assign(b=(data["group"] == "b").astype(int))
    fit = cox(b, "time", "event", covariates=["b"], weights="w", cluster="set", ties="breslow")
    close(test.statistic[0], fit.glance()["score_robust_statistic"][0])


@few
@given(seeds)
def test_a_stratified_prediction_is_its_own_strata_fit(seed: int) -> None:
    data = people(seed, 90)
    fit = cox(data, "time", "event", covariates=["x"], strata="layer")
    baseline = fit.baseline(centered=True)
    assert sorted(baseline["stratum"].unique()) == ["0", "1", "2"]
    new = pd.DataFrame({"x": [data["x"].mean()], "layer": [1]})
    at = [2.0, 4.0]
    read = fit.predict_survival(new, at)
    steps = baseline[baseline["stratum"] == "1"].set_index("time")["survival"]
    close(read["estimate"], steps.reindex(at, method="ffill").fillna(1.0))


@few
@given(seeds)
def test_an_adjusted_mean_without_imbalance_is_the_plain_one(seed: int) -> None:
    data = people(seed, 40)
    mirror = pd.concat(
        [data.assign(group="a"), data.sample(frac=1, random_state=1).assign(group="b", x=data["x"])]
    )
    plain = rmst(mirror, "time", "event", "group", tau=3, weights="w").tidy()
    assert abs(plain["estimate"][2]) < 1e-9
    # the weighted means of the covariate differ only through the weights; with none they are equal
    adjusted = rmst(mirror.drop(columns="w"), "time", "event", "group", tau=3, covariates=["x"]).tidy()
    close(adjusted["estimate"][:2], rmst(mirror, "time", "event", "group", tau=3).tidy()["estimate"][:2])


@few
@given(seeds, st.integers(4, 12))
def test_small_data_gives_an_estimate_or_a_named_reason(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    data = pd.DataFrame(
        {
            "time": rng.integers(0, 5, n),
            "event": rng.integers(0, 2, n),
            "x": rng.normal(size=n).round(1),
            "z": rng.integers(0, 2, n),
        }
    )
    fit, said = None, ""
    try:
        fit = cox(data, "time", "event", covariates=["x", "z"])
    except DataError as problem:
        said = str(problem)
    if fit is None:
        assert any(name in said for name in ("'x'", "'z'", "event="))
    else:
        assert np.isfinite(fit.covariance).all()
        assert np.abs(fit.residuals("score").sum().to_numpy()).max() < 1e-5 * (1 + np.abs(data["x"]).max())


def test_the_data_are_left_as_they_were(recid: pd.DataFrame) -> None:
    before = recid.copy(deep=True)
    cox(recid, "durat", "event", covariates=["age"])
    cox(recid[["durat", "event", "age", "felon"]].astype(float), "durat", "event", formula="age + felon")
    kaplan_meier(recid, "durat", "event", group="felon")
    pd.testing.assert_frame_equal(recid, before)


def test_a_formula_and_a_list_of_covariates_agree(recid: pd.DataFrame) -> None:
    data = recid.assign(kind=recid["felon"].map({0: "misdemeanour", 1: "felony"}))
    listed = cox(data, "durat", "event", covariates=["workprg", "kind"])
    written = cox(data, "durat", "event", formula="workprg + kind")
    same_fit(listed, written)
    assert listed.terms == ("workprg", "kind[misdemeanour]")
    times = [10, 40]
    someone = data.iloc[[5, 600]]
    close(
        listed.predict_survival(someone, times)["estimate"],
        written.predict_survival(someone, times)["estimate"],
    )
    bent = cox(data, "durat", "event", formula="bs(age, df=4) + kind")
    alone = bent.predict_survival(someone.iloc[[0]], times)["estimate"]
    close(
        alone, bent.predict_survival(someone, times)["estimate"][:2]
    )  # knots are the fit's, not the new rows'


@pytest.mark.parametrize("at", [1.0, 12.0, 60.0])
def test_risks_of_two_groups_on_the_same_clusters_are_correlated_by_their_influence(
    recid: pd.DataFrame, at: float
) -> None:
    # clusters that hold people of both groups: the variance of the difference from stacked influence is
    # what km_influence is for; with each person his own cluster it is the sum of the two variances
    t, e = recid["durat"].to_numpy(float), recid["event"].to_numpy() == 1
    arm = recid["workprg"].to_numpy() == 1
    stacked = np.zeros((len(t), 2))
    for k, member in enumerate((~arm, arm)):
        stacked[member, k] = km_influence(t[member], e[member], None, np.array([at]))[1][:, 0]
    alone = clustered_covariance(stacked)
    assert alone[0, 1] == 0
    paired = clustered_covariance(stacked, [np.arange(len(t)) // 2])
    assert paired[0, 1] != 0
