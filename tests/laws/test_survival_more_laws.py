"""Laws of competing and recurrent events, standardised curves, parametric models, bands and tests."""

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
    adjusted_curves,
    aft,
    andersen_gill,
    compare_at,
    cox,
    cumulative_incidence,
    event_rates,
    fine_gray,
    gray_test,
    incidence_influence,
    kaplan_meier,
    logrank,
    mean_cumulative_count,
    nelson_aalen,
    prentice_williams_peterson,
    rmst,
    rmst_over_time,
)
from pdd_outcomes.survival.adjusted_curves import stratified_fit
from pdd_outcomes.survival.bands import equal_precision_value, hall_wellner_value
from pdd_outcomes.survival.standardised import CoxStandard
from tests.tolerances import R_DETERMINISTIC, SAME_ALGORITHM

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=20, deadline=None)


def people(seed: int, n: int = 80) -> pd.DataFrame:
    """Tied times, two causes, two covariates, groups, weights, clusters that span groups."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=n), rng.integers(0, 2, n)
    data = pd.DataFrame({"time": np.ceil(rng.exponential(8, n) * np.exp(-0.3 * x)) + 1, "x": x, "z": z})
    data["ended"] = rng.choice([0, 1, 2], n, p=[0.3, 0.4, 0.3])
    data["event"] = (data["ended"] > 0).astype(int)
    data["group"] = np.where(np.arange(n) % 2, "b", "a")
    data["w"] = rng.uniform(0.3, 3, n)
    data["set"], data["k"] = rng.integers(0, n // 3, n), rng.integers(1, 4, n)
    return data


def periods(seed: int, n: int = 30) -> pd.DataFrame:
    """Recurrent events, a row a period, some people never."""
    rng = np.random.default_rng(seed)
    rows = []
    for person in range(n):
        end, start = int(rng.integers(5, 40)), 0
        while True:
            stop = start + int(np.ceil(rng.exponential(12)))
            rows.append((person, start, min(stop, end), int(stop < end), person % 2, rng.uniform(0.5, 2)))
            if stop >= end:
                break
            start = stop
    data = pd.DataFrame(rows, columns=["id", "start", "stop", "event", "arm", "w"])
    return data.assign(w=data.groupby("id")["w"].transform("first"))


ROLES: dict[str, Any] = {"time": "stop", "event": "event", "id": "id"}


def close(found: Any, wanted: Any, tolerance: float = SAME_ALGORITHM) -> None:
    np.testing.assert_allclose(
        np.asarray(found, float), np.asarray(wanted, float), rtol=tolerance, atol=tolerance
    )


@few
@given(seeds)
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    data = people(seed)
    turned = data.sample(frac=1, random_state=seed % 1000).reset_index(drop=True)
    for variance in ("aalen", "robust"):
        mine, theirs = (
            cumulative_incidence(d, "time", "ended", group="group", variance=variance).table  # type: ignore[arg-type]
            for d in (data, turned)
        )
        close(mine.iloc[:, 1:], theirs.iloc[:, 1:])
    for one, two in (
        (
            fine_gray(d, "time", "ended", covariates=["x", "z"], weights="w", cluster="set")
            for d in (data, turned)
        ),
        (aft(d, "time", "event", covariates=["x", "z"], cluster="set") for d in (data, turned)),
    ):
        close(one.coefficients, two.coefficients, R_DETERMINISTIC)
        close(one.covariance, two.covariance, R_DETERMINISTIC)
    close(*(gray_test(d, "time", "ended", "group").statistic for d in (data, turned)))
    close(
        *(
            adjusted_curves(d, "time", "event", "group", covariates=["x"], at=[3, 8]).covariance
            for d in (data, turned)
        )
    )


@few
@given(seeds)
def test_with_one_cause_the_incidence_is_one_less_kaplan_meier(seed: int) -> None:
    data = people(seed)
    for more in ({}, {"weights": "w"}, {"weights": "w", "cluster": "set"}):
        curve = kaplan_meier(data, "time", "event", group="group", **more).table  # type: ignore[arg-type]
        found = cumulative_incidence(data, "time", "event", group="group", variance="robust", **more).table  # type: ignore[arg-type]
        close(found["estimate"], 1 - curve["estimate"])
        known = curve["estimate"] > 0  # at 0 Greenwood's error is undefined, and the jackknife's is 0
        close(found["std_error"][known], curve["std_error"][known])


@few
@given(seeds)
def test_incidences_and_survival_add_to_one(seed: int) -> None:
    found = cumulative_incidence(people(seed), "time", "ended", weights="w").cells
    total = found.groupby("time")["estimate"].sum() + found.groupby("time")["survival"].first()
    close(total, 1.0)


@few
@given(seeds)
def test_without_another_cause_fine_and_gray_is_cox(seed: int) -> None:
    data = people(seed)
    mine = fine_gray(data, "time", "event", covariates=["x", "z"], weights="w", cluster="set")
    theirs = cox(data, "time", "event", covariates=["x", "z"], weights="w", cluster="set", ties="breslow")
    close(mine.coefficients, theirs.coefficients)
    close(mine.covariance, theirs.covariance)
    close(mine.loglik, theirs.loglik)


@few
@given(seeds)
def test_without_another_cause_gray_s_test_is_close_to_the_logrank(seed: int) -> None:
    data = people(seed, 400)
    mine, theirs = gray_test(data, "time", "event", "group"), logrank(data, "time", "event", "group")
    assert abs(mine.statistic[0] - theirs.statistic[0]) < 0.05 * (1 + theirs.statistic[0])


@few
@given(seeds)
def test_a_weight_or_a_frequency_is_the_row_so_many_times(seed: int) -> None:
    data = people(seed)
    repeated = data.loc[data.index.repeat(data["k"])].reset_index(drop=True)
    long = cumulative_incidence(repeated, "time", "ended", group="group").at([3, 8])
    close(
        cumulative_incidence(data, "time", "ended", group="group", weights="k").at([3, 8])["estimate"],
        long["estimate"],
    )
    short = cumulative_incidence(data, "time", "ended", group="group", frequency="k").at([3, 8])
    close(short.iloc[:, 1:], long.iloc[:, 1:])
    wide = fine_gray(repeated, "time", "ended", covariates=["x"])
    close(fine_gray(data, "time", "ended", covariates=["x"], weights="k").coefficients, wide.coefficients)
    close(fine_gray(data, "time", "ended", covariates=["x"], frequency="k").covariance, wide.covariance)
    for name in ("weibull", "exponential", "lognormal", "loglogistic"):
        whole = aft(repeated, "time", "event", covariates=["x"], distribution=name)  # type: ignore[arg-type]
        part = aft(data, "time", "event", covariates=["x"], distribution=name, weights="k", robust=False)  # type: ignore[arg-type]
        close(part.coefficients, whole.coefficients, R_DETERMINISTIC)
        close(part.covariance, whole.covariance, R_DETERMINISTIC)
        close(part.loglik, whole.loglik)
    close(
        gray_test(data, "time", "ended", "group", frequency="k").statistic,
        gray_test(repeated, "time", "ended", "group").statistic,
    )
    close(
        logrank(data, "time", "event", "group", frequency="k").statistic,
        logrank(repeated, "time", "event", "group").statistic,
    )
    close(
        rmst(data, "time", "event", "group", tau=4, frequency="k").covariance,
        rmst(repeated, "time", "event", "group", tau=4).covariance,
    )


@few
@given(seeds, st.floats(0.01, 100))
def test_the_scale_of_the_weights_changes_nothing(seed: int, k: float) -> None:
    data = people(seed)
    scaled = data.assign(w=k * data["w"])
    results = []
    for d in (data, scaled):
        incidence = cumulative_incidence(d, "time", "ended", group="group", weights="w", cluster="set")
        fit = fine_gray(d, "time", "ended", covariates=["x"], weights="w")
        time_ratio = aft(d, "time", "event", covariates=["x"], weights="w")
        curves = adjusted_curves(d, "time", "event", "group", covariates=["x"], at=[3, 8], weights="w")
        results.append(
            np.concatenate(
                [
                    incidence.at([3, 8])[["estimate", "std_error"]].to_numpy().ravel(),
                    incidence.difference([3, 8])["std_error"],
                    fit.coefficients,
                    fit.covariance.ravel(),
                    time_ratio.coefficients,
                    time_ratio.covariance.ravel(),
                    curves.covariance.ravel(),
                    *[
                        logrank(d, "time", "event", "group", weights="w", weighting=name).statistic  # type: ignore[arg-type]
                        for name in ("gehan", "tarone-ware", "peto")
                    ],
                ]
            )
        )
    close(*results, tolerance=R_DETERMINISTIC)


@few
@given(seeds)
def test_the_unit_of_time_moves_only_what_is_in_it(seed: int) -> None:
    data = people(seed)
    days = data.assign(time=30 * data["time"])
    close(*(fine_gray(d, "time", "ended", covariates=["x"]).coefficients for d in (data, days)))
    for name in ("weibull", "lognormal", "loglogistic"):
        one, two = (aft(d, "time", "event", covariates=["x"], distribution=name) for d in (data, days))  # type: ignore[arg-type]
        close(two.coefficients - one.coefficients, [np.log(30), 0, 0], R_DETERMINISTIC)
        close(two.covariance, one.covariance, R_DETERMINISTIC)
    close(
        rmst(days, "time", "event", "group", tau=120, covariates=["x"], method="standardised").means,
        30 * rmst(data, "time", "event", "group", tau=4, covariates=["x"], method="standardised").means,
    )


@few
@given(seeds)
def test_the_variance_of_an_incidence_is_the_sum_of_its_clusters_squared_influence(seed: int) -> None:
    data = people(seed)
    read = cumulative_incidence(data, "time", "ended", weights="w", cluster="set").at([3, 8, 12])
    for cause in (1, 2):
        value, influence = incidence_influence(
            data["time"].to_numpy(float),
            data["ended"].to_numpy(),
            data["w"].to_numpy(),
            np.array([3.0, 8, 12]),
            of=cause,
        )
        mine = read[read["cause"] == cause]
        close(mine["estimate"], value)
        variance = np.diag(clustered_covariance(influence, (data["set"].to_numpy(),)))
        close(mine["std_error"] ** 2, variance)


@few
@given(seeds)
def test_influence_on_an_incidence_is_its_derivative_by_a_weight(seed: int) -> None:
    data, at = people(seed, 40), np.array([3.0, 8.0])
    time, cause, weight = data["time"].to_numpy(float), data["ended"].to_numpy(), data["w"].to_numpy()
    influence = incidence_influence(time, cause, weight, at)[1]
    for i in (0, 7, 23):
        step = np.zeros(len(weight))
        step[i] = 1e-5
        up, down = (incidence_influence(time, cause, weight + s * step, at)[0] for s in (1, -1))
        close(influence[i], weight[i] * (up - down) / 2e-5, 1e-6)


@few
@given(seeds)
def test_influence_on_a_standardised_curve_is_its_derivative_by_a_weight(seed: int) -> None:
    data, at = people(seed, 60), np.array([3.0, 8.0])

    def values(weight: np.ndarray) -> tuple[np.ndarray, CoxStandard]:
        fit = stratified_fit(
            data.assign(w=weight), "time", "event", "group",
            covariates=["x", "z"], entry=None, weights="w", cluster=None, population=None,
        )[0]  # fmt: skip
        standard = CoxStandard(fit, weight)
        mean = standard.restricted_mean(1, 6.0).value
        return np.concatenate([standard.survival(0, at).value, mean]), standard

    weight = data["w"].to_numpy()
    standard = values(weight)[1]
    influence = np.column_stack(
        [standard.survival(0, at).influence, standard.restricted_mean(1, 6.0).influence]
    )
    for i in (0, 7, 23):
        step = np.zeros(len(weight))
        step[i] = 1e-4
        up, down = (values(weight + s * step)[0] for s in (1, -1))
        close(influence[i], weight[i] * (up - down) / 2e-4, 2e-5)


@few
@given(seeds)
def test_a_covariate_without_effect_leaves_a_standardised_curve_near_its_own_group_s(seed: int) -> None:
    data = people(seed, 300).assign(x=np.tile([0.0, 0.0, 1.0, 1.0], 75))  # balanced between the groups
    found = adjusted_curves(data, "time", "event", "group", covariates=["x"], at=[3, 8]).table
    plain = nelson_aalen(data, "time", "event", group="group", ties="in turn").at([3, 8])
    assert np.abs(found["estimate"] - np.exp(-plain["estimate"])).max() < 0.02


@few
@given(seeds)
def test_a_curve_of_restricted_means_is_the_restricted_mean_at_each_horizon(seed: int) -> None:
    data = people(seed)
    taus = [2.0, 4.0]
    curve = rmst_over_time(data, "time", "event", "group", taus=taus, weights="w", cluster="set").tidy()
    for row, tau in enumerate(taus):
        one = rmst(data, "time", "event", "group", tau=tau, weights="w", cluster="set").tidy().iloc[2]
        close(
            curve.loc[row, ["estimate", "std_error"]].astype(float),
            one[["estimate", "std_error"]].astype(float),
        )


@few
@given(seeds)
def test_with_one_event_at_most_the_mean_count_is_nelson_and_aalen_s(seed: int) -> None:
    data = people(seed).assign(id=lambda d: np.arange(len(d)))
    mine = mean_cumulative_count(data, "time", "event", id="id", group="group").table
    theirs = nelson_aalen(data, "time", "event", group="group").table
    close(mine["estimate"], theirs["estimate"])
    robust = nelson_aalen(data.assign(one=data["id"]), "time", "event", group="group", cluster="one").table
    close(mine["std_error"], robust["std_error"])


@few
@given(seeds, st.floats(0.1, 0.9))
def test_cutting_a_period_in_two_changes_nothing(seed: int, share: float) -> None:
    data = periods(seed)
    middle = data["start"] + share * (data["stop"] - data["start"])
    cut = pd.concat([data.assign(stop=middle, event=0), data.assign(start=middle)], ignore_index=True)
    for more in ({}, {"weights": "w"}):
        one, two = (
            mean_cumulative_count(d, **ROLES, entry="start", group="arm", **more).at([5, 15])
            for d in (data, cut)
        )
        close(one.iloc[:, 1:], two.iloc[:, 1:])
        close(*(
            andersen_gill(d, **ROLES, entry="start", covariates=["arm"], **more).covariance for d in (data, cut)
        ))  # fmt: skip


@few
@given(seeds)
def test_periods_without_a_start_follow_each_other(seed: int) -> None:
    data = periods(seed)
    one = mean_cumulative_count(data, **ROLES, entry="start", group="arm")
    two = mean_cumulative_count(data.drop(columns="start").sample(frac=1, random_state=1), **ROLES, group="arm")
    close(one.table.iloc[:, 1:], two.table.iloc[:, 1:])
    close(one.difference([5, 15])["std_error"], two.difference([5, 15])["std_error"])


@few
@given(seeds)
def test_a_difference_of_independent_groups_has_the_sum_of_their_variances(seed: int) -> None:
    data = periods(seed)
    count = mean_cumulative_count(data, **ROLES, entry="start", group="arm")
    error = count.at([10])["std_error"]
    close(count.difference([10])["std_error"], np.sqrt((error**2).sum()))
    two = people(seed)
    for more in ({}, {"weights": "w"}):
        curves = cumulative_incidence(two, "time", "ended", group="group", **more)  # type: ignore[arg-type]
        read = curves.at([6])
        close(
            curves.difference([6])["std_error"], np.sqrt((read["std_error"] ** 2).groupby(read["cause"]).sum())
        )


@few
@given(seeds)
def test_the_number_of_an_event_is_counted_or_given(seed: int) -> None:
    data = periods(seed)
    number = data.groupby("id").cumcount() + 1
    for clock in ("total", "gap"):
        asked: dict[str, Any] = {**ROLES, "entry": "start", "covariates": ["arm"], "clock": clock, "most": 2}
        given_ = prentice_williams_peterson(data.assign(number=number), order="number", **asked)
        close(prentice_williams_peterson(data, **asked).covariance, given_.covariance)


@few
@given(seeds, st.floats(0.1, 10))
def test_the_unit_of_time_at_risk_moves_only_the_rate(seed: int, k: float) -> None:
    rng = np.random.default_rng(seed)
    data = pd.DataFrame({"x": rng.normal(size=200), "t": rng.uniform(1, 5, 200)})
    data["y"] = rng.poisson(rng.gamma(1.5, 1 / 1.5, 200) * data["t"] * np.exp(0.3 * data["x"] - 0.5))
    one = event_rates(data, "y", "t", covariates=["x"])
    two = event_rates(data.assign(t=k * data["t"]), "y", "t", covariates=["x"])
    close(two.coefficients - one.coefficients, [-np.log(k), 0], R_DETERMINISTIC)
    close([one.theta, one.loglik], [two.theta, two.loglik], R_DETERMINISTIC)
    doubled = event_rates(data.assign(w=2.0), "y", "t", covariates=["x"], weights="w")
    close(
        doubled.covariance,
        event_rates(data, "y", "t", covariates=["x"], robust=True).covariance,
        R_DETERMINISTIC,
    )


@few
@given(seeds)
def test_an_exponential_is_a_weibull_whose_scale_is_one(seed: int) -> None:
    data = people(seed)
    fit = aft(data, "time", "event", covariates=["x"], distribution="exponential")
    rates = event_rates(data, "event", "time", covariates=["x"], family="poisson")
    close(
        fit.coefficients, -rates.coefficients, R_DETERMINISTIC
    )  # the Poisson likelihood of a rate is the same one
    close(fit.hazard_ratios()["std_error"], rates.tidy()["std_error"][1:], R_DETERMINISTIC)


@few
@given(seeds)
def test_truncation_that_cuts_nothing_off_changes_nothing(seed: int) -> None:
    data = people(seed).assign(zero=0.0, cut=0.4)
    plain = aft(data, "time", "event", covariates=["x"])
    close(aft(data, "time", "event", covariates=["x"], entry="zero").covariance, plain.covariance)
    pieces = pd.concat(
        [data.assign(time=1.5, event=0, entry=0.0), data.assign(entry=1.5)], ignore_index=True
    )  # everyone is followed past 1.5
    close(
        aft(pieces, "time", "event", covariates=["x"], entry="entry").coefficients,
        plain.coefficients,
        R_DETERMINISTIC,
    )


@few
@given(seeds)
def test_two_groups_along_a_trend_are_two_groups(seed: int) -> None:
    data = people(seed)
    for more in ({}, {"weights": "w", "cluster": "set"}, {"strata": "z"}):
        two = logrank(data, "time", "event", "group", **more).statistic  # type: ignore[arg-type]
        close(logrank(data, "time", "event", "group", trend=True, **more).statistic, two)  # type: ignore[arg-type]
        close(logrank(data, "time", "event", "group", trend=[7, 3], **more).statistic, two)  # type: ignore[arg-type]


@few
@given(seeds)
def test_a_band_holds_the_pointwise_interval(seed: int) -> None:
    curves = kaplan_meier(people(seed), "time", "event", group="group")
    for method in ("equal-precision", "hall-wellner"):
        band = curves.bands(method=method)  # type: ignore[arg-type]
        assert (band["band_low"] <= band["estimate"]).all()
        assert (band["band_high"] >= band["estimate"]).all()
        assert band["band_low"].min() >= 0
        assert band["band_high"].max() <= 1
    points = curves.table.merge(
        curves.bands()[["group", "time", "band_low", "band_high"]], on=["group", "time"]
    )
    assert (points["band_low"] <= points["conf_low"] + 1e-12).all()
    assert (points["band_high"] >= points["conf_high"] - 1e-12).all()


@few
@given(st.floats(0.01, 0.4), st.floats(0.5, 0.99))
def test_a_longer_span_needs_a_wider_band(low: float, high: float) -> None:
    for value in (hall_wellner_value, equal_precision_value):
        assert value(low, high, 0.95) > value(low, (low + high) / 2, 0.95)
        assert value(low, high, 0.99) > value(low, high, 0.95)
    assert equal_precision_value(low, high, 0.95) > 1.96  # a single time needs 1.96


@few
@given(seeds)
def test_a_difference_at_a_fixed_time_is_the_curves_own(seed: int) -> None:
    data = people(seed)
    test = compare_at(data, "time", "event", "group", at=[4], weights="w")
    read = kaplan_meier(data, "time", "event", group="group", weights="w").at([4])
    row = test.tidy().iloc[0]
    close(row["estimate"], read["estimate"][0] - read["estimate"][1])
    close(row["std_error"], np.sqrt((read["std_error"] ** 2).sum()))
    scales = [
        compare_at(data, "time", "event", "group", at=[4], conf_type=c).test()["statistic"][0]
        for c in ("plain", "logit")
    ]
    assert max(scales) / min(scales) < 2 or max(scales) < 0.5


@few
@given(seeds)
def test_interval_hazard_ratios_are_those_of_a_model_on_cut_follow_up(seed: int) -> None:
    data = people(seed)
    fit = cox(data, "time", "event", covariates=["z", "x"], time_interactions={"z": [4.0]})
    early = data.assign(
        event=np.where(data["time"] <= 4, data["event"], 0), time=data["time"].clip(upper=4), entry=0.0, w1=1
    )
    late = data[data["time"] > 4].assign(entry=4.0, w1=0)
    both = pd.concat([early, late], ignore_index=True)
    both["z1"], both["z2"] = both["z"] * both["w1"], both["z"] * (1 - both["w1"])
    close(fit.covariance, cox(both, "time", "event", covariates=["z1", "z2", "x"], entry="entry").covariance)


@few
@given(seeds)
def test_a_ridge_of_nothing_is_none_and_a_large_one_pulls_to_no_effect(seed: int) -> None:
    data = people(seed)
    plain = cox(data, "time", "event", covariates=["x", "z"])
    close(
        cox(data, "time", "event", covariates=["x", "z"], ridge=1e-12).coefficients,
        plain.coefficients,
        R_DETERMINISTIC,
    )
    sizes = [
        np.abs(cox(data, "time", "event", covariates=["x", "z"], ridge=r).coefficients).max()
        for r in (1, 100, 1e6)
    ]
    assert sizes[0] > sizes[1] > sizes[2]
    assert sizes[2] < 1e-3


@few
@given(seeds)
def test_an_offset_that_is_constant_changes_nothing(seed: int) -> None:
    data = people(seed).assign(off=2.5)
    close(
        cox(data, "time", "event", covariates=["x"], offset="off").covariance,
        cox(data, "time", "event", covariates=["x"]).covariance,
    )


def test_an_aft_model_with_a_coefficient_that_runs_away_is_refused() -> None:
    data = people(3).assign(arm=lambda d: d["z"])
    data.loc[data["arm"] == 1, "event"] = 0
    with pytest.raises(DataError, match="separated"):
        aft(data, "time", "event", covariates=["arm", "x"])
