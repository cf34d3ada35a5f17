"""Matching, weights and balance on data small enough to do with a pencil: unsorted, tied, by row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.design import balance, match, overlap_counts, propensity_score, unadjusted
from tests.tolerances import ROUNDING


def people(treated: list[int], score: list[float]) -> tuple[pd.DataFrame, np.ndarray]:
    return pd.DataFrame({"t": treated}), np.array(score, dtype=float)


def linked(matched) -> list[tuple[int, int]]:
    return list(zip(matched.pairs["treated"].tolist(), matched.pairs["control"].tolist()))


# Rows, unsorted:  0    1    2    3    4    5
# treated          1    0    1    0    0    1
# score            5    4    9    7    1    6
TREATED = [1, 0, 1, 0, 0, 1]
SCORE = [5.0, 4.0, 9.0, 7.0, 1.0, 6.0]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        # 9 takes 7 (2 away); 6 takes 4 (2); 5 is left with 1 (4).
        ("largest", [(0, 4), (2, 3), (5, 1)]),
        # 5 takes 4 (1); 6 takes 7 (1); 9 is left with 1 (8).
        ("smallest", [(0, 1), (2, 4), (5, 3)]),
        # Rows 0, 2, 5: 5 takes 4; 9 takes 7; 6 is left with 1.
        ("data", [(0, 1), (2, 3), (5, 4)]),
        # Closest pairs: 5-4 and 6-7 are both 1 away; either way both happen, and 9 is left with 1.
        ("closest", [(0, 1), (2, 4), (5, 3)]),
    ],
)
def test_each_order_gives_the_pairs_worked_by_hand(order, expected):
    data, score = people(TREATED, SCORE)
    assert linked(match(data, "t", distance=score, order=order)) == expected


def test_a_person_half_way_between_two_controls_takes_the_one_with_the_lower_score_whatever_the_rows():
    # The treated person at 2 is 1 from each control.
    for treated, score, control in (([0, 1, 0], [1, 2, 3], 0), ([0, 1, 0], [3, 2, 1], 2)):
        data, scores = people(treated, score)
        assert linked(match(data, "t", distance=scores)) == [(1, control)]


def test_distances_that_differ_by_rounding_only_are_equal():
    # 0.3 - 0.2 is 0.09999999999999998 and 0.2 - 0.1 is 0.1 in doubles: still a tie, to the lower score.
    data, score = people([0, 1, 0], [0.3, 0.2, 0.1])
    assert linked(match(data, "t", distance=score)) == [(1, 2)]


def test_of_controls_with_the_same_score_the_lowest_row_is_taken():
    data, score = people([0, 0, 1, 0], [5, 3, 3, 3])
    assert linked(match(data, "t", distance=score)) == [(2, 1)]


def test_of_treated_with_the_same_score_the_lowest_row_chooses_first():
    # Both treated want the control at 4; row 1 comes first and row 3 gets the one at 9.
    for order in ("largest", "smallest", "closest"):
        data, score = people([0, 1, 0, 1], [9, 4, 4, 4])
        assert linked(match(data, "t", distance=score, order=order)) == [(1, 2), (3, 0)]


def test_a_pair_exactly_the_caliper_apart_is_allowed_and_one_further_is_not():
    data, score = people([1, 1, 0, 0], [1.0, 5.0, 2.0, 6.5])
    matched = match(data, "t", distance=score, caliper=1.0, caliper_scale="raw")
    assert linked(matched) == [(0, 2)]
    assert matched.estimand == "FSATT"
    # 0.4 - 0.3 is 0.10000000000000003 in doubles.
    data, score = people([1, 0], [0.4, 0.3])
    matched = match(data, "t", distance=score, caliper=0.1, caliper_scale="raw")
    assert matched.pairs["distance"].tolist() == [0.1]


def test_a_caliper_in_sd_is_of_the_score_over_everyone():
    # Scores 0, 1, 2, 3.2: mean 1.55; squares 2.4025 + 0.3025 + 0.2025 + 2.7225 = 5.63; SD sqrt(5.63/3) = 1.3699.
    # A caliper of 0.8 SD is 1.0959: 2 may take 1, and then 0 has nobody (3.2 is too far).
    data, score = people([1, 0, 1, 0], [0, 1, 2, 3.2])
    matched = match(data, "t", distance=score, caliper=0.8)
    assert matched.caliper == pytest.approx(0.8 * np.sqrt(5.63 / 3), rel=ROUNDING)
    assert linked(matched) == [(2, 1)]


def test_everyone_gets_a_first_match_before_anyone_gets_a_second():
    # Largest first: 10 takes 9, 8 takes 7 (1 away, as 9 is gone). Second round: 10 takes 6, and nobody is left for 8.
    data, score = people([1, 1, 0, 0, 0], [10, 8, 9, 7, 6])
    matched = match(data, "t", distance=score, ratio=2)
    assert linked(matched) == [(0, 2), (0, 4), (1, 3)]
    # Shares: rows 2 and 4 a half each, row 3 one; sum 2 over 3 controls, so times 3/2.
    assert matched.weights.tolist() == pytest.approx([1, 1, 0.75, 1.5, 0.75], rel=ROUNDING)
    assert matched.set_id.tolist() == [0, 1, 0, 1, 0]
    # Effective controls: 3^2 / (0.75^2 + 1.5^2 + 0.75^2) = 9 / 3.375.
    assert matched.ess == pytest.approx((2, 9 / 3.375), rel=ROUNDING)


def test_with_replacement_a_control_may_serve_twice_and_the_sets_that_share_are_one_group():
    # 5 and 6 both take 5.5; 20 takes 19. Row 4, at 100, is nobody's nearest.
    data, score = people([1, 0, 1, 1, 0, 0], [5, 5.5, 6, 20, 100, 19])
    matched = match(data, "t", distance=score, replace=True)
    assert linked(matched) == [(0, 1), (2, 1), (3, 5)]
    # Sums of shares: row 1 two, row 5 one; sum 3 over 2 different controls, so times 2/3.
    assert matched.weights.tolist() == pytest.approx([1, 4 / 3, 1, 1, 0, 2 / 3], rel=ROUNDING)
    assert matched.set_id.tolist() == [0, 0, 0, 1, -1, 1]
    rows = matched.analysis_rows()
    assert rows.row.tolist() == [0, 1, 1, 2, 3, 5]
    assert rows.weight.tolist() == [1.0] * 6
    assert [c.tolist() for c in rows.clusters] == [[0, 0, 1, 1, 2, 2], [0, 1, 1, 2, 3, 5]]


def test_with_replacement_two_matches_are_two_different_people():
    data, score = people([1, 1, 0, 0], [5, 5, 5, 8])
    matched = match(data, "t", distance=score, replace=True, ratio=2)
    assert linked(matched) == [(0, 2), (0, 3), (1, 2), (1, 3)]
    assert matched.analysis_rows().weight.tolist() == [1, 0.5, 0.5, 1, 0.5, 0.5]


def test_exact_strata_hold_inside_the_matcher():
    # The treated person at 5 in b must pass over the control at 5 in a, for the one at 9 in b.
    data = pd.DataFrame({"t": [1, 0, 0, 1], "place": ["b", "a", "b", "c"]})
    matched = match(data, "t", distance=np.array([5.0, 5.0, 9.0, 5.0]), exact=["place"])
    assert linked(matched) == [(0, 2)]
    assert matched.set_id.tolist() == [0, -1, 0, -1]
    assert matched.estimand == "FSATT"


def test_for_the_untreated_it_is_the_controls_who_look_for_matches():
    data, score = people([1, 1, 1, 0], [1, 4, 9, 5])
    matched = match(data, "t", distance=score, estimand="ATC")
    assert linked(matched) == [(1, 3)]
    assert (matched.estimand, matched.weights.tolist()) == ("ATC", [0, 1, 0, 1])


def test_mahalanobis_distance_sees_the_spread_within_the_arms_only():
    # One covariate: within arms the deviations are -1, 1, -2, 2; S = 10/3. From 10 to 6 is 4/sqrt(10/3).
    data = pd.DataFrame({"t": [1, 1, 0, 0], "x": [10.0, 12.0, 2.0, 6.0]})
    matched = match(data, "t", covariates=["x"], distance="mahalanobis")
    # Row order: 10 takes 6, and 12 is left with 2.
    assert linked(matched) == [(0, 3), (1, 2)]
    assert matched.pairs["distance"].tolist() == pytest.approx([4 / np.sqrt(10 / 3), 10 / np.sqrt(10 / 3)])


def test_two_by_two_propensity_is_the_log_odds_of_the_cells():
    # x = 0: 1 treated of 4; x = 1: 3 of 4. Intercept log(1/3), slope log(3) - log(1/3) = 2 log 3.
    # Variances of log odds: 1/1 + 1/3 each, so the slope's SE is sqrt(8/3).
    data = pd.DataFrame({"t": [1, 0, 0, 0, 1, 1, 1, 0], "x": [0, 0, 0, 0, 1, 1, 1, 1]})
    fit = propensity_score(data, "t", covariates=["x"])
    tidy = fit.tidy()
    assert tidy["term"].tolist() == ["(Intercept)", "x"]
    assert tidy["estimate"].tolist() == pytest.approx([-np.log(3), 2 * np.log(3)])
    assert tidy["std_error"].tolist() == pytest.approx([np.sqrt(4 / 3), np.sqrt(8 / 3)])
    assert fit.score.tolist() == pytest.approx([0.25] * 4 + [0.75] * 4)
    assert fit.glance()["auc"].item() == pytest.approx((9 + 0.5 * 6) / 16)
    assert fit.glance()["loglik"].item() == pytest.approx(2 * (np.log(0.25) + 3 * np.log(0.75)))


def test_balance_of_a_number_a_proportion_and_a_label():
    data = pd.DataFrame(
        {
            "t": [1, 1, 1, 0, 0, 0],
            "x": [1.0, 2.0, 6.0, 1.0, 3.0, 5.0],
            "woman": [1, 1, 0, 1, 0, 0],
            "area": ["n", "s", "w", "n", "n", "s"],
        }
    )
    table = balance(data, "t", covariates=["x", "woman", "area"]).table.set_index("covariate")
    assert table.index.tolist() == ["x", "woman", "area[n]", "area[s]", "area[w]"]
    # x: means 3 and 3; variances (4+1+9)/2 = 7 and (4+0+4)/2 = 4.
    # Distribution functions at 1, 2, 3, 5, 6: treated 1/3 2/3 2/3 2/3 1; controls 1/3 1/3 2/3 1 1; gaps 0 1/3 0 1/3 0.
    x = table.loc["x"]
    assert x[["mean_treated", "mean_control", "smd", "variance_ratio"]].tolist() == pytest.approx(
        [3, 3, 0, 7 / 4]
    )
    assert x[["ecdf_mean", "ecdf_max"]].tolist() == pytest.approx([2 / 15, 1 / 3])
    # woman: 2/3 against 1/3, SD sqrt(2/3 * 1/3).
    assert table.loc["woman", "smd"] == pytest.approx(1 / np.sqrt(2))
    assert np.isnan(table.loc["woman", "variance_ratio"])
    assert table.loc["woman", "ecdf_max"] == pytest.approx(1 / 3)
    # area[w]: nobody among the controls, a third of the treated.
    assert table.loc["area[w]", ["mean_treated", "mean_control"]].tolist() == pytest.approx([1 / 3, 0])


def test_weights_move_the_means_and_not_the_denominator():
    data = pd.DataFrame({"t": [1, 1, 1, 0, 0, 0], "woman": [1, 1, 0, 1, 0, 0]})
    row = balance(data, "t", covariates=["woman"], weights=np.array([1.0, 0, 1, 1, 1, 0])).table.iloc[0]
    assert row["smd"] == pytest.approx(0, abs=ROUNDING)
    assert row["smd_unadjusted"] == pytest.approx(1 / np.sqrt(2))


def test_the_three_denominators():
    data = pd.DataFrame({"t": [1, 1, 0, 0], "x": [2.0, 4.0, 0.0, 1.0]})
    # Difference 2.5; variances 2 and 0.5.
    for sd, spread in (("treated", np.sqrt(2)), ("control", np.sqrt(0.5)), ("pooled", np.sqrt(1.25))):
        assert balance(data, "t", covariates=["x"], sd=sd).table["smd"].item() == pytest.approx(2.5 / spread)


def test_overlap_counts_by_fixed_bands_with_one_in_the_last():
    score = np.array([0.0, 0.49, 0.5, 1.0, 0.9])
    treated = np.array([True, False, True, True, False])
    frame = overlap_counts(score, treated, bins=2)
    assert frame["arm"].tolist() == ["treated", "treated", "control", "control"]
    assert frame["count"].tolist() == [1, 2, 1, 1]
    assert frame["share"].tolist() == pytest.approx([1 / 3, 2 / 3, 1 / 2, 1 / 2])
    kept = overlap_counts(score, treated, np.array([1.0, 0, 0, 3, 1]), bins=2)
    assert kept["count"].tolist() == [1, 1, 0, 1]
    assert kept["share"].tolist() == pytest.approx([1 / 4, 3 / 4, 0, 1])


def test_the_naive_contrast_counts_everyone_once_and_each_is_their_own_cluster():
    design = unadjusted(pd.DataFrame({"t": [True, False, False]}), "t")
    rows = design.analysis_rows()
    assert (design.estimand, design.ess) == ("unadjusted", (1.0, 2.0))
    assert (rows.row.tolist(), rows.weight.tolist(), rows.clusters[0].tolist()) == (
        [0, 1, 2],
        [1, 1, 1],
        [0, 1, 2],
    )
