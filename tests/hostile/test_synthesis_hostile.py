"""Pooling refuses what it cannot pool, names which force, and never fails to converge."""

from __future__ import annotations

import numpy as np
import pytest

from pdd_outcomes.core.errors import DataError, UsageError
from pdd_outcomes.synthesis import pool


def refused(error, call, *words):
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_every_estimate_that_cannot_be_pooled_is_named_at_once():
    refused(
        DataError,
        lambda: pool(
            [0.1, np.nan, 0.2, np.inf], [0.1, 0.1, 0.0, np.nan], labels=["Avon", "Borders", "Cleve", "Dee"]
        ),
        "estimates is missing or infinite for 2 of 4 rows (rows 1, 3): Borders, Dee",
        "std_errors is missing, infinite or not above 0 for 2 of 4 rows (rows 2, 3): Cleve, Dee",
        "Leave what is not estimable out",
    )


@pytest.mark.parametrize("estimates", [[], [0.1]])
def test_fewer_than_two_estimates_are_refused(estimates):
    refused(UsageError, lambda: pool(estimates, [0.1] * len(estimates)), "at least two estimates")


def test_wrong_options_list_the_right_ones():
    refused(UsageError, lambda: pool([0, 1], [1, 1], method="reml"), "REML", "DL")
    refused(UsageError, lambda: pool([0, 1], [1, 1], ci="knha"), "hksj", "wald")
    refused(UsageError, lambda: pool([0, 1], [1, 1], level=95), "between 0 and 1")
    refused(UsageError, lambda: pool([0, 1, 2], [1, 1, 1]).predict("t"), "t(k-2)")


def test_lengths_and_shapes_must_agree():
    refused(UsageError, lambda: pool([0.1, 0.2], [0.1]), "one length, not 2, 1")
    refused(UsageError, lambda: pool([0.1, 0.2], [0.1, 0.1], labels=["A"]), "and 1")
    refused(UsageError, lambda: pool([[0.1, 0.2]], [[0.1, 0.1]]), "2 dimensions")
    refused(UsageError, lambda: pool(["a", "b"], [0.1, 0.1]), "estimates must be numbers")


def test_a_covariance_must_be_one_that_estimates_can_have():
    three, s = [0.1, 0.2, 0.3], [0.1, 0.1, 0.1]
    refused(UsageError, lambda: pool(three, s, covariance=np.eye(2)), "(3, 3)")
    refused(UsageError, lambda: pool(three, s, covariance=np.eye(3)), "std_errors squared")
    lopsided = np.diag([0.01] * 3) + np.array([[0, 0.005, 0], [0, 0, 0], [0, 0, 0]])
    refused(UsageError, lambda: pool(three, s, covariance=lopsided), "symmetric")
    missing = np.diag([0.01, 0.01, np.nan])
    refused(UsageError, lambda: pool(three, s, covariance=missing), "symmetric")
    same = np.full((3, 3), 0.01)
    refused(DataError, lambda: pool(three, s, covariance=same), "not positive definite")
    impossible = np.full((3, 3), -0.009) + np.eye(3) * 0.019
    refused(DataError, lambda: pool(three, s, covariance=impossible), "not positive definite")


def test_leaving_one_of_two_out_is_refused():
    refused(UsageError, lambda: pool([0.1, 0.2], [0.1, 0.1]).leave_one_out(), "at least three")


def test_errors_of_very_different_size_still_converge():
    """Fisher scoring from a moment start fails on about one in three hundred of these."""
    rng = np.random.default_rng(1)
    for _ in range(100):
        k = int(rng.integers(2, 20))
        s = np.exp(rng.normal(-2, 3, k))
        y = rng.normal(0, np.sqrt(s**2 + rng.choice([0.0, 1e-6, 0.5])))
        for method in ("REML", "ML", "PM"):
            result = pool(y, s, method=method)
            assert np.isfinite(result.tau2)
            assert result.tau2 >= 0
            assert np.isfinite(result.std_error)
