"""Rounding, a chain of exclusions and a curve, worked by hand."""

from __future__ import annotations

import doctest

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.release import rounding
from pdd_outcomes.release.curves import Withheld, release_curve
from pdd_outcomes.release.estimates import release_estimates
from pdd_outcomes.release.rounding import midpoint_round, nearest_round, round_count, round_p, round_step
from pdd_outcomes.release.suppress import complete_line, release_chain
from tests.disclosure.release_examples import SETTINGS, Settings, estimate_rows

NAN = np.nan


def test_the_examples_in_the_rounding_module_are_right() -> None:
    assert doctest.testmod(rounding).failed == 0


def test_midpoint_six_is_opensafelys() -> None:
    # ceil(x / 6) * 6 - 3 * (x != 0)
    np.testing.assert_array_equal(midpoint_round([0, 1, 6, 7, 12, 13, 100]), [0, 3, 3, 9, 9, 15, 99])
    np.testing.assert_array_equal(midpoint_round([0, 1, 5, 6, 10], 5), [0, 3, 3, 8, 8])


def test_halves_are_rounded_away_from_zero_and_missing_stays_missing() -> None:
    np.testing.assert_array_equal(nearest_round([2.5, -2.5, 7.5, NAN], 5), [5, -5, 10, NAN])


def test_two_schemes_side_by_side_would_give_a_count_away_so_the_base_chooses_one() -> None:
    counts = np.arange(1, 400)
    both = pd.DataFrame({"nearest": nearest_round(counts, 5), "midpoint": midpoint_round(counts, 6)})
    alone = both.groupby(["nearest", "midpoint"]).size() == 1
    assert alone.loc[(185, 189)]  # 187 and nothing else
    np.testing.assert_array_equal(round_count(counts, 5), both["nearest"])
    np.testing.assert_array_equal(round_count(counts, 6), both["midpoint"])


def test_steps_leave_no_noise_of_binary_fractions() -> None:
    assert round_step(0.1 + 0.2, 0.1) == 0.3
    np.testing.assert_array_equal(round_p([0.0361, 0.00049, 1.0, 3.4e-9]), [0.036, 0.0005, 1.0, 3e-9])


def test_a_chain_of_exclusions_adds_up_and_a_small_exclusion_counts_as_nothing() -> None:
    # 2110 - 812 - 4 - 57 = 1237: the cells are 812 -> 810, 4 -> [c], 57 -> 55, last 1237 -> 1235
    n_in, out, n_out = release_chain(
        np.array([2110.0, 1298.0, 1294.0]),
        np.array([812.0, 4.0, 57.0]),
        np.array([1298.0, 1294.0, 1237.0]),
        threshold=10,
        base=5,
    )
    np.testing.assert_array_equal(out, [810, NAN, 55])
    np.testing.assert_array_equal(n_in, [2100, 1290, 1290])
    np.testing.assert_array_equal(n_out, [1290, 1290, 1235])


def test_a_chain_that_continues_another_starts_where_that_one_ended() -> None:
    arrays = (np.array([102.0]), np.array([21.0]), np.array([81.0]))
    assert [float(x[0]) for x in release_chain(*arrays, threshold=10, base=5)] == [100, 20, 80]
    assert [float(x[0]) for x in release_chain(*arrays, threshold=10, base=5, start=105.0)] == [105, 20, 85]


def test_a_hidden_cell_takes_the_smallest_shown_ones_with_it_until_they_hold_enough() -> None:
    counts = np.array([3.0, 40.0, 12.0, 0.0, 100.0])
    hidden = complete_line(counts, counts == 3, 10)
    np.testing.assert_array_equal(hidden, [True, False, True, False, False])
    two = np.array([3.0, 4.0, 40.0])  # 3 + 4 is under the threshold: their sum is not for showing either
    np.testing.assert_array_equal(complete_line(two, two < 10, 10), [True, True, True])


def test_a_curve_is_the_product_limit_of_rounded_counts() -> None:
    # 43 people, whole months. Events 2, 3, 8, 0, 4 in months 1-5; censored 1 at month 2, 6 at month 3, the rest at 6.
    counts = pd.DataFrame(
        {
            "time": [1.0, 2, 3, 5, 6],
            "n_risk": [43.0, 41, 37, 23, 19],
            "n_event": [2.0, 3, 8, 4, 0],
            "n_censor": [0.0, 1, 6, 0, 19],
        }
    )
    settings = Settings(threshold=4, rounding=5, curve_min_n=20, curve_min_at_risk=15)
    curve = release_curve(counts, settings, time_unit="months")
    assert isinstance(curve, pd.DataFrame)
    # People 43 -> 45. Events by month 2, 5, 13, 13, 17, 17 -> few, 5, 15, 15, 15, 15.
    # Censored before the month 0, 0, 1, 7, 7, 7 -> 0, 0, few, 5, 5, 5. The middle of "few" (0..3) is 2 -> 0.
    np.testing.assert_array_equal(curve["events"], [0, NAN, 5, 15, 15, 15, 15])
    np.testing.assert_array_equal(curve["censored"], [0, 0, 0, NAN, 5, 5, 5])
    np.testing.assert_array_equal(curve["n_risk"], [45, 45, 45, 40, 25, 25, 25])
    survival = [1, 1, 40 / 45, 40 / 45 * 30 / 40, 2 / 3, 2 / 3, 2 / 3]
    np.testing.assert_allclose(curve["survival"], survival, atol=1e-6)
    # Greenwood 5/(45 x 40) + 10/(40 x 30) = 1/90; 1.959964 sqrt(1/90) / 0.405465 = 0.509534
    # (2/3)^exp(0.509534) = 0.50920, (2/3)^exp(-0.509534) = 0.78380
    np.testing.assert_allclose(
        curve.loc[3, ["conf_low", "conf_high"]].astype(float), [0.50920, 0.78380], atol=1e-5
    )
    assert curve.loc[1, ["conf_low", "conf_high"]].isna().all()


def test_people_who_leave_inside_a_month_count_for_half_of_it() -> None:
    # Days 10 (20 events), 20 (20 censored), 61: month 1 has 400 - 20/2 at risk, S = 1 - 20/390.
    counts = pd.DataFrame(
        {
            "time": [10.0, 20, 61],
            "n_risk": [400.0, 380, 360],
            "n_event": [20.0, 0, 0],
            "n_censor": [0.0, 20, 360],
        }
    )
    curve = release_curve(counts, SETTINGS, time_unit="days")
    assert isinstance(curve, pd.DataFrame)
    np.testing.assert_array_equal(curve["time"], [0, 30, 61])
    np.testing.assert_array_equal(curve["n_risk"], [400, 360, 360])
    np.testing.assert_allclose(curve["survival"], [1, 370 / 390, 370 / 390], atol=1e-6)


def test_a_weighted_curve_moves_only_when_enough_people_have_had_the_event() -> None:
    # One person of weight 12.5 in month 1; then twenty of weight 1 in month 2.
    counts = pd.DataFrame(
        {
            "time": [1.0, 2, 3],
            "n_risk": [532.5, 520, 500],
            "n_event": [12.5, 20, 0],
            "n_censor": [0.0, 0, 500],
            "n_risk_people": [521.0, 520, 500],
            "n_event_people": [1.0, 20, 0],
            "ess": [400.0] * 3,
        }
    )
    curve = release_curve(counts, SETTINGS, time_unit="months")
    assert isinstance(curve, pd.DataFrame)
    np.testing.assert_array_equal(curve["events"], [0, NAN, 35, 35])
    blind = release_curve(
        counts.drop(columns=["n_risk_people", "n_event_people"]), SETTINGS, time_unit="months"
    )
    assert isinstance(blind, Withheld)
    assert "n_event_people" in blind.reason


@pytest.mark.parametrize(
    ("n", "hazard", "reason"),
    [
        (150, 0.02, "fewer than 200 people"),
        (400, 0.0, "fewer than 10 events"),
        (400, 0.0001, "fewer than 10 events"),
    ],
)
def test_a_curve_of_few_people_or_few_events_is_withheld(n: int, hazard: float, reason: str) -> None:
    events = np.floor(n * hazard)
    counts = pd.DataFrame(
        {
            "time": [5.0, 24.0],
            "n_risk": [float(n), n - events],
            "n_event": [events, 0.0],
            "n_censor": [0.0, n - events],
        }
    )
    curve = release_curve(counts, SETTINGS, time_unit="months")
    assert isinstance(curve, Withheld)
    assert reason in curve.reason


def test_risks_are_rounded_events_over_rounded_people_and_their_difference_follows() -> None:
    # 131 of 702 -> 130 / 700; 207 of 702 -> 205 / 700
    rows = release_estimates(estimate_rows("all", (702, 702), (131, 207)), SETTINGS).set_index("measure")[
        "estimate"
    ]
    assert rows["risk_treated"] == pytest.approx(130 / 700, abs=1e-6)
    assert rows["risk_difference"] == pytest.approx(-75 / 700, abs=1e-6)
    assert rows["risk_ratio"] == pytest.approx(130 / 205, abs=1e-6)
    assert rows["hazard_ratio"] == 0.6139  # four figures of 0.97 x 131/207


def test_a_limit_that_recomputing_would_carry_across_the_null_stops_there() -> None:
    raw = estimate_rows("all", (702, 702), (131, 207)).query("measure != 'hazard_ratio'")
    raw.loc[raw["measure"] == "risk_difference", ["conf_low", "conf_high"]] = [-0.2160, -0.0002]
    rows = release_estimates(raw.reset_index(drop=True), SETTINGS).set_index("measure")
    # -0.1083 becomes -0.1071; its upper limit would have become +0.0008
    assert rows.loc["risk_difference", "conf_high"] == 0.0
