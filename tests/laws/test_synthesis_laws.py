"""Laws of pooling: what may not matter, and what must hold whatever the estimates are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdd_outcomes.core.methods import POOLING
from pdd_outcomes.synthesis import pool
from tests.tolerances import SAME_ALGORITHM

METHODS = st.sampled_from(sorted(POOLING))
SEEDS = st.integers(0, 2**32 - 1)
few = settings(max_examples=40, deadline=None)


def forces(seed: int):
    """Between 3 and 14 estimates of very unequal precision, with or without spread."""
    rng = np.random.default_rng(seed)
    k = int(rng.integers(3, 15))
    s = np.exp(rng.normal(-2, rng.uniform(0, 1.5), k))
    return rng.normal(-0.1, np.sqrt(s**2 + rng.choice([0.0, 0.01, 0.2])), k), s


def restricted_loglik(y, s, tau2):
    w = 1 / (s**2 + tau2)
    mean = (w * y).sum() / w.sum()
    return 0.5 * np.log(w).sum() - 0.5 * (w * (y - mean) ** 2).sum() - 0.5 * np.log(w.sum())


@few
@given(SEEDS, METHODS)
def test_the_order_of_the_forces_changes_nothing(seed, method):
    y, s = forces(seed)
    order = np.random.default_rng(seed).permutation(len(y))
    one, two = pool(y, s, method=method), pool(y[order], s[order], method=method)
    assert two.estimate == pytest.approx(one.estimate, rel=SAME_ALGORITHM, abs=1e-12)
    assert two.tau2 == pytest.approx(one.tau2, rel=SAME_ALGORITHM, abs=1e-12)
    assert two.weights == pytest.approx(one.weights[order], rel=1e-8, abs=1e-12)


@few
@given(SEEDS, METHODS, st.sampled_from([1e-8, 1e-3, 12.0, 1e7]))
def test_the_unit_of_the_estimates_changes_only_the_unit_of_the_answer(seed, method, unit):
    y, s = forces(seed)
    one, two = pool(y, s, method=method), pool(unit * y, unit * s, method=method)
    assert two.estimate == pytest.approx(unit * one.estimate, rel=1e-8)
    assert two.tau2 == pytest.approx(unit**2 * one.tau2, rel=1e-7, abs=1e-12 * unit**2)
    assert (two.q, two.i2) == pytest.approx((one.q, one.i2), rel=1e-7, abs=1e-7)


@few
@given(SEEDS, METHODS, st.floats(-5, 5))
def test_adding_to_every_estimate_moves_the_average_and_nothing_else(seed, method, shift):
    y, s = forces(seed)
    one, two = pool(y, s, method=method), pool(y + shift, s, method=method)
    assert two.estimate == pytest.approx(one.estimate + shift, rel=1e-8, abs=1e-9)
    assert two.std_error == pytest.approx(one.std_error, rel=1e-6)
    assert two.tau2 == pytest.approx(one.tau2, rel=1e-6, abs=1e-10)


@few
@given(SEEDS)
def test_the_restricted_likelihood_is_nowhere_higher(seed):
    """A likelihood of tau squared can have two peaks; the higher one is the answer."""
    y, s = forces(seed)
    top = restricted_loglik(y, s, pool(y, s).tau2)
    grid = np.concatenate([[0.0], s.mean() ** 2 * np.exp(np.linspace(-14, 6, 400))])
    assert max(restricted_loglik(y, s, t) for t in grid) <= top + 1e-9


@few
@given(SEEDS)
def test_paule_and_mandel_make_q_its_degrees_of_freedom_unless_it_is_below_them_already(seed):
    y, s = forces(seed)
    result = pool(y, s, method="PM")
    w = 1 / (s**2 + result.tau2)
    q = (w * (y - (w * y).sum() / w.sum()) ** 2).sum()
    if result.tau2 > 0:
        assert q == pytest.approx(len(y) - 1, rel=1e-9)
    else:
        assert q <= len(y) - 1


@few
@given(SEEDS, METHODS)
def test_independent_estimates_are_those_with_a_diagonal_covariance(seed, method):
    y, s = forces(seed)
    one, two = pool(y, s, method=method), pool(y, s, method=method, covariance=np.diag(s**2))
    assert two.estimate == pytest.approx(one.estimate, rel=SAME_ALGORITHM)
    assert two.std_error == pytest.approx(one.std_error, rel=SAME_ALGORITHM)


@few
@given(SEEDS, st.floats(0.01, 2.0))
def test_an_error_common_to_all_moves_no_weight_and_adds_its_variance(seed, common):
    """A comparison side that all forces share to the same degree is part of every estimate alike."""
    y, s = forces(seed)
    shared = common * s.min() ** 2
    v = np.diag(s**2) + shared
    one = pool(y, s, ci="wald")
    two = pool(y, np.sqrt(np.diag(v)), covariance=v, ci="wald")
    assert two.tau2 == pytest.approx(one.tau2, rel=1e-6, abs=1e-10)
    assert two.estimate == pytest.approx(one.estimate, rel=1e-6, abs=1e-9)
    assert two.std_error**2 == pytest.approx(one.std_error**2 + shared, rel=1e-6)
    assert two.q == pytest.approx(one.q, rel=1e-6, abs=1e-9)


@few
@given(SEEDS)
def test_the_interval_of_tau2_holds_the_estimate_that_solves_q(seed):
    y, s = forces(seed)
    result = pool(y, s, method="PM")
    low, high = result.tau2_interval()
    assert 0 <= low <= high
    assert low <= result.tau2 or result.tau2 == 0
    assert result.tau2 <= high or high == 0


@few
@given(SEEDS, METHODS, st.sampled_from(["wald", "hksj", "hksj-adhoc"]))
def test_a_higher_level_gives_a_wider_interval_around_the_same_average(seed, method, ci):
    y, s = forces(seed)
    result = pool(y, s, method=method, ci=ci)
    narrow, wide = (result.tidy(level).query("kind == 'pooled'").iloc[0] for level in (0.8, 0.99))
    assert wide["conf_low"] < narrow["conf_low"] < result.estimate < narrow["conf_high"] < wide["conf_high"]
    assert narrow["p_value"] == wide["p_value"] == pytest.approx(result.p_value)


@few
@given(SEEDS, METHODS)
def test_leaving_one_out_is_pooling_the_rest(seed, method):
    y, s = forces(seed)
    table = pool(y, s, method=method).leave_one_out()
    rest = pool(y[1:], s[1:], method=method) if len(y) > 2 else None
    assert rest is not None
    assert table["estimate"][0] == pytest.approx(rest.estimate, rel=SAME_ALGORITHM)
    assert table["tau2"][0] == pytest.approx(rest.tau2, rel=1e-8, abs=1e-14)
