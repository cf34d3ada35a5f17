"""E-values and bounds of what is not an estimate: refused, with what would be one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pdd_outcomes.core.errors import DataError, UsageError
from pdd_outcomes.robustness import evalue, rosenbaum_bounds


def refused(error, call, *words):
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_an_unknown_measure_lists_the_right_ones():
    refused(UsageError, lambda: evalue(2, measure="rr"), "RR", "HR", "OR", "RD", "SMD")
    refused(UsageError, lambda: evalue(2, measure=None), "RR")


def test_whether_the_outcome_is_rare_must_be_said_where_it_matters():
    for measure in ("HR", "OR"):
        refused(
            UsageError,
            lambda m=measure: evalue(2, measure=m),
            f"rare= must be said for measure='{measure}'",
            "15%",
        )
    assert evalue(2).estimate == evalue(2, rare=False).estimate


@pytest.mark.parametrize("wrong", ["2", None, [2], True])
def test_an_estimate_must_be_a_number(wrong):
    refused(UsageError, lambda: evalue(wrong), "estimate must be a number")
    if wrong is not None:
        refused(UsageError, lambda: evalue(2, conf_low=wrong), "conf_low must be a number")
        refused(UsageError, lambda: evalue(0.1, measure="RD", baseline=wrong), "baseline must be a number")


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_an_estimate_must_be_finite(wrong):
    refused(DataError, lambda: evalue(wrong), "estimate must be a finite number")
    refused(DataError, lambda: evalue(2, conf_high=wrong), "conf_high must be a finite number")
    refused(DataError, lambda: evalue(2, true=wrong), "true must be a finite number")


@pytest.mark.parametrize(("measure", "said"), [("RR", "a risk ratio"), ("HR", "a hazard"), ("OR", "an odds")])
def test_a_logarithm_is_not_a_ratio(measure, said):
    refused(
        DataError,
        lambda: evalue(-0.2, conf_low=-0.5, conf_high=0.1, measure=measure, rare=True),
        "estimate must be above 0: " + said,
        "not its logarithm",
        "conf_low must be above 0",
    )
    refused(DataError, lambda: evalue(2, true=0), "true must be above 0")


@pytest.mark.parametrize("limits", [(2.1, 3), (1, 1.9), (3, 1)])
def test_an_estimate_outside_its_limits_is_refused(limits):
    refused(
        DataError, lambda: evalue(2, conf_low=limits[0], conf_high=limits[1]), "must lie between conf_low and"
    )


def test_a_difference_in_the_outcome_s_own_units_is_not_standardised():
    refused(DataError, lambda: evalue(1000, measure="SMD"), "estimate must be in standard deviations")


def test_a_risk_difference_needs_the_control_arm_s_risk_and_both_risks_between_0_and_1():
    refused(UsageError, lambda: evalue(0.1, measure="RD"), "baseline= must be given", "control arm")
    for estimate, baseline in ((0.1, 0.95), (-0.3, 0.2), (0.1, 0.0), (0.1, math.nan), (2, 0.3)):
        refused(
            DataError,
            lambda e=estimate, b=baseline: evalue(e, measure="RD", baseline=b),
            "risks strictly between 0 and 1",
        )


def test_a_risk_difference_moved_part_of_the_way_needs_the_sizes():
    refused(
        UsageError,
        lambda: evalue(0.2, measure="RD", baseline=0.2, true_difference=0.1),
        "sizes= must be given",
        "true_difference is not 0",
    )


@pytest.mark.parametrize(
    "sizes", [(10,), (10, 0), (10, -1), (10, math.nan), (math.inf, 10), ("a", 10), (1, 2, 3)]
)
def test_sizes_are_two_numbers_above_0(sizes):
    refused(DataError, lambda: evalue(0.1, measure="RD", baseline=0.2, sizes=sizes), "two numbers above 0")


def test_what_is_only_for_a_risk_difference_is_refused_elsewhere():
    refused(UsageError, lambda: evalue(2, baseline=0.2), "are for measure='RD'")
    refused(UsageError, lambda: evalue(2, measure="OR", rare=True, sizes=(5, 5)), "not 'OR'")


def test_extreme_ratios_have_e_values_without_a_warning():
    for ratio in (1e-12, 1e12):
        for measure, rare in (("RR", None), ("HR", False), ("OR", False)):
            assert evalue(ratio, measure=measure, rare=rare).estimate > 1


@pytest.mark.parametrize("counts", [(0, 0), (-1, 5), (2.5, 1), (np.nan, 3), (np.inf, 1)])
def test_discordant_pairs_are_counted_in_whole_numbers(counts):
    refused(DataError, lambda: rosenbaum_bounds(*counts, gammas=[1]), "counts of discordant pairs, not both 0")


def test_counts_and_gammas_must_be_numbers():
    refused(
        UsageError,
        lambda: rosenbaum_bounds("110", 12, gammas=[1]),
        "treated_only and control_only must be numbers",
    )
    refused(UsageError, lambda: rosenbaum_bounds(110, 12, gammas=["2"]), "gammas must be numbers")


@pytest.mark.parametrize("gammas", [[0.5], [1, np.nan], [np.inf], [-2], [[1, 2]], 0.9, np.array([])])
def test_gammas_are_numbers_of_at_least_one(gammas):
    refused(UsageError, lambda: rosenbaum_bounds(110, 12, gammas=gammas), "at least 1", "1 is no hidden bias")


def test_each_measure_takes_the_true_value_on_its_own_scale():
    refused(UsageError, lambda: evalue(0.2, measure="RD", baseline=0.2, true=1.5), "true= is a ratio")
    refused(UsageError, lambda: evalue(2, true_difference=0.1), "true_difference=")
