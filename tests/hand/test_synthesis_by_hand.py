"""Pooling worked by hand on two to four estimates."""

from __future__ import annotations

import numpy as np
import pytest

from pdd_outcomes.synthesis import pool
from tests.tolerances import SAME_ALGORITHM


def test_with_equal_errors_the_average_is_the_mean_and_tau2_the_excess_of_the_sample_variance():
    # y = 0, 0.2, 0.4, 1.0; mean 0.4; sum of squares 0.16 + 0.04 + 0 + 0.36 = 0.56
    # sample variance 0.56/3; REML, DL and PM all give 0.56/3 - 0.01; ML divides by 4
    y, s = [0.0, 0.2, 0.4, 1.0], [0.1] * 4
    for method, tau2 in {
        "REML": 0.56 / 3 - 0.01,
        "DL": 0.56 / 3 - 0.01,
        "PM": 0.56 / 3 - 0.01,
        "ML": 0.13,
    }.items():
        result = pool(y, s, method=method)
        assert result.estimate == pytest.approx(0.4, rel=SAME_ALGORITHM)
        assert result.tau2 == pytest.approx(tau2, rel=SAME_ALGORITHM)
    # Hartung-Knapp: the variance of a mean, 0.56/3/4, and t on 3 degrees of freedom (3.182446)
    knapp = pool(y, s)
    assert knapp.std_error == pytest.approx(np.sqrt(0.56 / 12), rel=SAME_ALGORITHM)
    assert knapp.conf_high == pytest.approx(0.4 + 3.182446305284263 * np.sqrt(0.56 / 12), rel=1e-8)
    # Q = 0.56/0.01 on 3; I^2 from Q and from tau^2 are the same here
    assert knapp.q == pytest.approx(56, rel=SAME_ALGORITHM)
    assert knapp.i2 == pytest.approx(100 * 53 / 56, rel=SAME_ALGORITHM)
    assert knapp.i2_q == pytest.approx(knapp.i2, rel=SAME_ALGORITHM)


def test_a_common_effect_is_the_inverse_variance_mean():
    # weights 100 and 25: (100 * 0.1 + 25 * 0.6) / 125 = 0.2; variance 1/125
    result = pool([0.1, 0.6], [0.1, 0.2], method="common", ci="wald")
    assert result.estimate == pytest.approx(0.2)
    assert result.std_error == pytest.approx(125**-0.5)
    assert result.weights == pytest.approx([0.8, 0.2])
    assert (result.tau2, result.q) == (0.0, pytest.approx(100 * 0.01 + 25 * 0.16))
    assert np.isnan(result.prediction_interval).all()


def test_less_spread_than_the_errors_alone_would_give_is_a_tau2_of_zero():
    result = pool([0.10, 0.11, 0.12], [0.1, 0.1, 0.1])
    assert (result.tau2, result.i2) == (0.0, 0.0)
    assert result.tau2_interval()[0] == 0.0
    # Q/(k-1) = 0.0002/0.01/2 = 0.01: Hartung-Knapp shrinks the error tenfold, and the scale says so
    assert result.scale == pytest.approx(0.01)
    wald, floor = (pool([0.10, 0.11, 0.12], [0.1, 0.1, 0.1], ci=ci) for ci in ("wald", "hksj-adhoc"))
    assert result.std_error == pytest.approx(wald.std_error / 10)
    assert floor.std_error == pytest.approx(wald.std_error)


def test_two_estimates_can_be_pooled_but_not_predicted_from():
    # t on 1 degree of freedom: 12.7062
    result = pool([0.1, 0.3], [0.1, 0.1])
    assert result.conf_high == pytest.approx(0.2 + 12.706204736174698 * 0.1, rel=1e-8)
    assert np.isnan(result.prediction_interval).all()
    assert "prediction" not in set(result.forest_frame()["kind"])


def test_equal_estimates_have_an_average_and_no_hartung_knapp_interval():
    result = pool([0.2, 0.2, 0.2], [0.1, 0.2, 0.3])
    assert result.estimate == pytest.approx(0.2)
    assert np.isnan([result.std_error, result.conf_low, result.conf_high, result.p_value]).all()
    assert pool([0.2, 0.2, 0.2], [0.1, 0.2, 0.3], ci="wald").conf_low < 0.2


def test_a_shared_comparison_side_makes_the_average_less_sure():
    # Two estimates with variance 0.02, of which 0.01 is the shared control group's.
    # Independent: 0.02/2 = 0.01. Shared: (0.02 + 0.02 + 2*0.01)/4 = 0.015.
    v = np.array([[0.02, 0.01], [0.01, 0.02]])
    both = {"method": "common", "ci": "wald"}
    alone, shared = (pool([0.1, 0.3], [0.02**0.5] * 2, covariance=c, **both) for c in (None, v))
    assert alone.std_error**2 == pytest.approx(0.01)
    assert shared.std_error**2 == pytest.approx(0.015)


def test_weights_under_a_covariance_are_those_of_generalised_least_squares():
    v = np.array([[0.04, 0.03, 0.0], [0.03, 0.09, 0.01], [0.0, 0.01, 0.01]])
    y = np.array([0.5, -0.2, 0.1])
    w = np.linalg.inv(v)
    result = pool(y, np.sqrt(np.diag(v)), covariance=v, method="common", ci="wald")
    assert result.weights == pytest.approx(w.sum(axis=0) / w.sum(), rel=1e-9)
    assert result.std_error == pytest.approx(w.sum() ** -0.5, rel=1e-9)
    residual = y - result.estimate
    assert result.q == pytest.approx(residual @ w @ residual, rel=1e-9)
