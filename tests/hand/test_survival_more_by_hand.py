"""Competing and recurrent events, tests and bands on data small enough to work out on paper."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.survival import (
    cumulative_incidence,
    fine_gray,
    gray_test,
    kaplan_meier,
    logrank,
    mean_cumulative_count,
    prentice_williams_peterson,
    rmst_over_time,
)
from pdd_outcomes.survival.bands import equal_precision_value, hall_wellner_value
from pdd_outcomes.survival.cox_smooth import natural_spline
from tests.tolerances import PUBLISHED_4DP, ROUNDING


def same(found: object, wanted: object, tolerance: float = ROUNDING) -> None:
    np.testing.assert_allclose(np.asarray(found, float).ravel(), wanted, rtol=tolerance, atol=tolerance)


# Six people: reoffend (1) at 1, die (2) at 2, lost at 3, reoffend at 4 and at 5, lost at 6.
#   at 1: 6 at risk, S(0) = 1           F1 = 1/6          S = 5/6
#   at 2: 5 at risk                     F2 = 5/6 * 1/5    S = 4/6
#   at 4: 3 at risk (one lost at 3)     F1 + 4/6 * 1/3    S = 4/9
#   at 5: 2 at risk                     F1 + 4/9 * 1/2    S = 2/9
SIX = pd.DataFrame({"time": [4, 1, 6, 2, 3, 5], "ended": [1, 1, 0, 2, 0, 1]})


def test_incidence_of_six_people() -> None:
    table = cumulative_incidence(SIX, "time", "ended").table
    one, two = (table[table["cause"] == k].set_index("time") for k in (1, 2))
    same(one["estimate"], [1 / 6, 1 / 6, 1 / 6, 7 / 18, 11 / 18, 11 / 18])
    same(two["estimate"], [0, 1 / 6, 1 / 6, 1 / 6, 1 / 6, 1 / 6])
    assert one["n_risk"].tolist() == [6, 5, 4, 3, 2, 1]
    assert one["n_event"].tolist() == [1, 0, 0, 1, 1, 0]
    assert one["n_censor"].tolist() == [0, 0, 1, 0, 0, 1]
    # before anyone is lost the incidence is a share of 6, with a binomial's error by the jackknife
    read = cumulative_incidence(SIX, "time", "ended", variance="robust").at([2.5])
    same(read["std_error"], [np.sqrt(1 / 6 * 5 / 6 / 6)] * 2)


def test_the_counting_process_variance_at_the_first_event() -> None:
    # one event of cause 1 among 6: S(0)^2 d (n - d)/(n^2 (n - 1)) = 1/36
    read = cumulative_incidence(SIX, "time", "ended").at([1])
    same(read["std_error"], [1 / 6, 0])


def test_readings_count_since_the_one_before_and_end_with_follow_up() -> None:
    read = cumulative_incidence(SIX, "time", "ended").at([0.5, 4, 6, 7])
    one = read[read["cause"] == 1]
    assert one["n_event"].tolist() == [0, 2, 1, 0]
    assert one["n_risk"].tolist() == [6, 3, 1, 0]
    assert one["estimate"].isna().tolist() == [False, False, False, True]
    all_had = SIX.assign(ended=[1, 1, 2, 2, 1, 1])
    assert cumulative_incidence(all_had, "time", "ended").at([9])["estimate"].notna().all()


def test_the_risk_set_of_fine_and_gray_keeps_those_who_had_another_cause() -> None:
    # With x for the third person only, at beta = 0 the score is sum over events of (x - share of risk weights with x).
    # Censoring: one of 4 lost at 3, so G(4-) = G(5-) = 3/4; who died at 2 counts 3/4 at 4 and at 5.
    # at 1: 6 at risk; at 4: 3 at risk + 3/4; at 5: 2 at risk + 3/4. x = 1 is the person lost at 6, at risk throughout.
    data = SIX.assign(x=[0, 0, 1, 0, 0, 0], y=[0.3, -0.1, 0.2, 0.4, -0.2, 0.1])
    expected = 1 / 6 + 1 / 3.75 + 1 / 2.75
    spread = sum(s * (1 - s) for s in (1 / 6, 1 / 3.75, 1 / 2.75))
    fit = fine_gray(data, "time", "ended", covariates=["y"])
    sample = fit.fitted.sample
    weights = [tail.factor[3] * tail.fade.tolist()[1] for tail in sample.tails]
    same(weights, [0.75])
    # the score test of x at 0: (0 - expected)^2 / spread, from a fit that cannot run away because of its ridge
    from pdd_outcomes.survival.cox_likelihood import likelihood, make_sample, slope

    x = data[["x"]].to_numpy(float)
    start = make_sample(x, sample.weight, sample.risk, efron=False, tails=sample.tails)
    down = slope(start, likelihood(start, np.zeros(1)))
    same(down.score, [-expected])
    same(down.information, [spread])


def test_gray_s_score_of_two_groups_without_censoring() -> None:
    # a: 1 at 1, 2 at 3; b: 2 at 2, 1 at 4. R is n(1 - F1)/S of each group: with nobody lost, all without cause 1 so far.
    # at 1: R = 2, 2: expected in a 1/2; at 4: R = 1, 2 (a's second had cause 2 and stays): 1/3
    data = pd.DataFrame({"time": [1, 3, 2, 4], "ended": [1, 2, 2, 1], "group": list("aabb")})
    detail = gray_test(data, "time", "ended", "group").detail
    assert detail is not None
    # once all of a are gone (at 3) a has no one left to be counted: S is 0, and the score of a ends
    same(detail[detail["cause"] == 1]["observed"], [1, 1])
    same(detail[detail["cause"] == 1]["expected"], [1 / 2, 1 / 2 + 1])


def test_a_mean_count_counts_every_event() -> None:
    # two people to 6, one to 4 (gone from 2 to 3): at 1 2 events/3, at 2.5 1 event/2, at 5 1 event/2
    rows = pd.DataFrame(
        [("p", 0, 1, 1), ("p", 1, 6, 0), ("q", 0, 1, 1), ("q", 1, 2.5, 1), ("q", 2.5, 5, 1), ("q", 5, 6, 0),
         ("r", 0, 2, 0), ("r", 3, 4, 0)],
        columns=["id", "start", "stop", "event"],
    )  # fmt: skip
    read = mean_cumulative_count(rows, "stop", "event", id="id", entry="start").at([1, 2.5, 5])
    same(read["estimate"], [2 / 3, 2 / 3 + 1 / 2, 2 / 3 + 1])
    assert read["n_risk"].tolist() == [3, 2, 2]
    # at 1 the influences are 1/3 (1 - 2/3), twice, and 1/3 (0 - 2/3)
    same(read["std_error"][0] ** 2, 2 / 81 + 4 / 81)


def test_two_events_at_one_time_both_count() -> None:
    rows = pd.DataFrame({"id": [1, 1, 1, 2], "day": [3, 3, 9, 9], "event": [1, 1, 0, 0]})
    read = mean_cumulative_count(rows, "day", "event", id="id").at([3, 9])
    assert read["estimate"].tolist() == [1.0, 1.0]
    assert read["n_risk"].tolist() == [2, 2]
    same(read["std_error"][0], np.sqrt(2 * (1 / 2) ** 2))  # counts 2 and 0 about their mean, over 2 people


def test_each_event_has_its_own_number() -> None:
    rows = pd.DataFrame(
        [("p", 0, 2, 1, 0), ("p", 2, 5, 1, 0), ("p", 5, 9, 0, 0), ("q", 0, 3, 1, 1), ("q", 3, 4, 1, 1),
         ("q", 4, 9, 0, 1), ("r", 0, 4, 1, 0), ("r", 4, 9, 0, 0)],
        columns=["id", "start", "stop", "event", "x"],
    )  # fmt: skip
    asked = {"id": "id", "entry": "start", "covariates": ["x"]}
    fit = prentice_williams_peterson(rows, "stop", "event", **asked)  # type: ignore[arg-type]
    assert fit.fitted.strata.labels == ("1", "2", "3")
    fit = prentice_williams_peterson(rows, "stop", "event", most=2, **asked)  # type: ignore[arg-type]
    assert fit.fitted.strata.labels == ("1", "2")


def test_gehan_and_peto_weigh_by_who_is_left() -> None:
    # a: events at 1 and 3; b: event at 2, lost at 4. At risk: 4 (2 of a), 3 (1 of a), 2 (1 of a).
    # Gehan: U_a = 4(1 - 2/4) + 3(0 - 1/3) + 2(1 - 1/2) = 2; V = 16/4 + 9(2/9) + 4/4 = 7
    data = pd.DataFrame({"time": [1, 3, 2, 4], "event": [1, 1, 1, 0], "group": list("aabb")})
    test = logrank(data, "time", "event", "group", weighting="gehan")
    same(test.statistic, [4 / 7])
    # Tarone-Ware: sqrt of the numbers: U = 2*1/2 - sqrt(3)/3 + sqrt(2)/2, V = 4/4 + 3(2/9) + 2/4
    u, v = 1 - np.sqrt(3) / 3 + np.sqrt(2) / 2, 1 + 2 / 3 + 1 / 2
    same(logrank(data, "time", "event", "group", weighting="tarone-ware").statistic, [u**2 / v])
    # Peto: 4/5, 4/5 * 3/4 = 3/5, 3/5 * 2/3 = 2/5: U = .8/2 - .6/3 + .4/2, V = .64/4 + .36 (2/9) + .16/4
    same(logrank(data, "time", "event", "group", weighting="peto").statistic, [0.4**2 / (0.16 + 0.08 + 0.04)])


def test_a_trend_is_along_the_scores() -> None:
    data = pd.DataFrame({"time": [1, 2, 3, 4, 5, 6], "event": 1, "group": [0, 1, 2, 0, 1, 2]})
    test = logrank(data, "time", "event", "group", trend=True)
    assert test.detail is not None
    u = (test.detail["observed"] - test.detail["expected"]).to_numpy()
    v = test.detail.filter(like="variance").to_numpy()
    c = np.array([1.0, 2, 3])
    same(test.statistic, [(c @ u) ** 2 / (c @ v @ c)])
    same(u.sum(), 0)


def test_the_critical_value_of_a_whole_bridge_is_kolmogorov_s() -> None:
    # P(sup |bridge| <= 1.3581) = 0.95 (Kolmogorov's distribution, from 0 to 1)
    assert abs(hall_wellner_value(1e-6, 1 - 1e-6, 0.95) - 1.3581) < PUBLISHED_4DP
    # Klein and Moeschberger (2003), table C.4, confidence 95%, from .1 to .6: 1.3211
    assert abs(hall_wellner_value(0.1, 0.6, 0.95) - 1.3211) < PUBLISHED_4DP


def test_equal_precision_at_one_time_is_normal_and_grows_as_the_logarithm_of_the_clock() -> None:
    assert (
        abs(equal_precision_value(0.5, 0.5 + 1e-9, 0.95) - 1.95996) < 5e-3
    )  # the grid does not see so short a clock
    # Miller and Siegmund's approximation 4 f(c)/c + f(c)(c - 1/c) log{b(1-a)/(a(1-b))}, f the normal density
    c = equal_precision_value(0.1, 0.9, 0.99)
    f = np.exp(-(c**2) / 2) / np.sqrt(2 * np.pi)
    assert abs(4 * f / c + f * (c - 1 / c) * np.log(81) - 0.01) < 5e-4


def test_a_natural_spline_is_straight_beyond_its_knots() -> None:
    knots = np.array([0.0, 1, 2, 4])
    low, high = natural_spline(np.array([-3.0, -2, -1]), knots), natural_spline(np.array([5.0, 6, 7]), knots)
    for part in (low, high):
        same(part[0] - 2 * part[1] + part[2], 0, 1e-9)
    assert np.linalg.matrix_rank(natural_spline(np.linspace(0, 4, 50), knots)) == 4


def test_a_difference_of_restricted_means_starts_at_nothing() -> None:
    data = pd.DataFrame({"time": [2, 4, 6, 8], "event": 1, "arm": [0, 0, 1, 1]})
    tidy = rmst_over_time(data, "time", "event", "arm", taus=[1, 2, 4, 6]).tidy()
    same(tidy["estimate"], [0, 0, 1, 3])  # from 2 on half of arm 0 are left, from 4 on nobody


@pytest.mark.parametrize("conf_type", ["arcsine", "logit"])
def test_limits_stay_inside(conf_type: str) -> None:
    data = pd.DataFrame({"time": range(1, 9), "event": 1})
    table = kaplan_meier(data, "time", "event", conf_type=conf_type).table  # type: ignore[arg-type]
    inside = table[table["estimate"] > 0]
    assert (inside["conf_low"] >= 0).all()
    assert (inside["conf_high"] <= 1).all()
    assert table[table["estimate"] == 0]["conf_low"].isna().all()
