"""E-values and Rosenbaum bounds worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pdd_outcomes.robustness import evalue, rosenbaum_bounds
from tests.tolerances import ROUNDING


def test_a_risk_ratio_of_two_has_an_e_value_of_two_and_the_root_of_two():
    assert evalue(2).estimate == pytest.approx(2 + math.sqrt(2), rel=ROUNDING)
    assert evalue(0.5).estimate == pytest.approx(2 + math.sqrt(2), rel=ROUNDING)


def test_no_effect_needs_no_confounder():
    assert evalue(1).estimate == 1
    assert evalue(0, measure="SMD").estimate == 1
    assert evalue(0, measure="RD", baseline=0.3).estimate == 1


def test_both_associations_at_the_e_value_make_just_the_ratio_seen():
    # the most that a confounder tied to both by e can do is e e / (e + e - 1)
    e = evalue(3.9).estimate
    assert e * e / (2 * e - 1) == pytest.approx(3.9, rel=ROUNDING)


def test_to_move_an_estimate_to_a_value_is_to_move_their_quotient_to_one():
    assert evalue(2.5, true=1.25).estimate == pytest.approx(evalue(2).estimate, rel=ROUNDING)
    # an effect larger than the estimate can be hidden as well: 0.6 to 0.4 is a factor of 1.5
    assert evalue(0.6, true=0.4).estimate == pytest.approx(evalue(1.5).estimate, rel=ROUNDING)


def test_the_limit_is_the_one_on_the_side_of_the_value_and_one_where_the_interval_holds_it():
    # EValue's own cases: 1.3 (1.1, 1.4) against 1.05, 1.2, 1.35 and 1.5
    e = {t: evalue(1.3, conf_low=1.1, conf_high=1.4, true=t).limit for t in (1.05, 1.1, 1.2, 1.35, 1.4, 1.5)}
    assert e[1.05] == pytest.approx(evalue(1.1 / 1.05).estimate, rel=ROUNDING)
    assert e[1.5] == pytest.approx(evalue(1.5 / 1.4).estimate, rel=ROUNDING)
    assert [e[t] for t in (1.1, 1.2, 1.35, 1.4)] == [1, 1, 1, 1]


def test_a_limit_that_was_not_given_has_no_e_value():
    assert math.isnan(evalue(2).limit)
    assert math.isnan(evalue(2, conf_high=3).limit)  # the lower one matters
    assert math.isnan(evalue(0.5, conf_low=0.3).limit)


def test_a_rare_outcome_s_hazard_or_odds_ratio_is_a_risk_ratio_and_a_common_one_s_is_nearer_one():
    assert evalue(4, measure="OR", rare=True).risk_ratio == 4
    assert evalue(4, measure="OR", rare=False).risk_ratio == 2
    # (1 - 0.5^2) / (1 - 0.5^0.5)
    assert evalue(4, measure="HR", rare=False).risk_ratio == pytest.approx(
        0.75 / (1 - math.sqrt(0.5)), rel=ROUNDING
    )


def test_a_risk_difference_against_none_is_its_risk_ratio():
    # 0.3 against 0.2, and a limit of 0.25 against 0.2
    found = evalue(0.1, conf_low=0.05, conf_high=0.15, measure="RD", baseline=0.2)
    assert (found.estimate, found.limit) == pytest.approx(
        (evalue(1.5).estimate, evalue(1.25).estimate), rel=ROUNDING
    )
    # 0.2 against 0.3, and a limit of 0.25 against 0.3
    found = evalue(-0.1, conf_low=-0.15, conf_high=-0.05, measure="RD", baseline=0.3)
    assert (found.estimate, found.limit) == pytest.approx(
        (evalue(1.5).estimate, evalue(1.2).estimate), rel=ROUNDING
    )
    assert evalue(0.1, conf_low=-0.01, measure="RD", baseline=0.2).limit == 1


def test_a_risk_difference_moved_part_of_the_way_solves_the_quadratic_of_ding_and_vanderweele():
    # half are treated, 0.5 against 0.2, to 0.1: (0.5 - 0.2 B)(1 + 1/B)/2 = 0.1
    # 0.2 B^2 - 0.1 B - 0.5 = 0 where 0.5 - 0.2 B + 0.5/B - 0.2 = 0.2, so B = (0.1 + sqrt(0.41)) / 0.4
    b = (0.1 + math.sqrt(0.41)) / 0.4
    found = evalue(0.3, measure="RD", baseline=0.2, sizes=(100, 100), true_difference=0.1)
    assert found.estimate == pytest.approx(evalue(b).estimate, rel=ROUNDING)


def test_without_hidden_bias_the_bounds_are_mcnemar_s_exact_one_sided_test():
    # 7 of 8 discordant pairs: (8 + 1)/2^8
    found = rosenbaum_bounds(7, 1, gammas=[1]).iloc[0]
    assert (found["p_lower"], found["p_upper"]) == pytest.approx((9 / 256, 9 / 256), rel=ROUNDING)
    import statsmodels.stats.contingency_tables as tables

    for a, b in ((7, 1), (12, 5), (110, 12)):
        exact = tables.mcnemar([[0, a], [b, 0]], exact=True).pvalue  # two-sided: twice the tail
        assert rosenbaum_bounds(a, b, gammas=[1])["p_upper"][0] == pytest.approx(exact / 2, rel=1e-10)


def test_a_hidden_bias_of_two_makes_each_pair_two_to_one():
    # 3 of 3: (2/3)^3 and (1/3)^3
    found = rosenbaum_bounds(3, 0, gammas=[2]).iloc[0]
    assert found.to_numpy() == pytest.approx([2, 1 / 27, 8 / 27], rel=ROUNDING)


def test_the_test_is_in_the_direction_of_the_larger_count():
    one, other = (rosenbaum_bounds(*pair, gammas=[1, 1.5, 3]) for pair in ((12, 4), (4, 12)))
    assert np.array_equal(one.to_numpy(), other.to_numpy())
