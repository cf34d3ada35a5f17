"""What cannot matter to evidence over forces: their order, the unit of the estimates, how a person is written down."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdd_outcomes.synthesis import pool
from pdd_outcomes.synthesis.counts import mantel_haenszel, peto
from pdd_outcomes.synthesis.few_clusters import cluster_level, randomisation_inference, wild_cluster_bootstrap
from pdd_outcomes.synthesis.influence import influence
from pdd_outcomes.synthesis.meta_regression import METHODS, meta_regression
from pdd_outcomes.synthesis.small_studies import begg, egger, trim_and_fill
from tests.tolerances import SAME_ALGORITHM

SEEDS = st.integers(0, 2**32 - 1)
NEAR = 1e-6  # tau2 found by halving, through a change of unit


def forces(seed, k=12):
    rng = np.random.default_rng(seed)
    s = rng.uniform(0.05, 0.4, k)
    return rng.normal(0, np.sqrt(s**2 + 0.02)), s, pd.DataFrame({"x": rng.normal(size=k).round(2)}), rng


@given(SEEDS, st.sampled_from(METHODS), st.floats(1e-3, 1e3))
@settings(max_examples=40)
def test_order_and_unit_change_nothing_in_meta_regression(seed, method, unit):
    y, s, x, rng = forces(seed)
    first = meta_regression(y, s, x, method=method)
    order = rng.permutation(len(y))
    second = meta_regression(unit * y[order], unit * s[order], x.iloc[order], method=method)
    assert second.coefficients / unit == pytest.approx(first.coefficients, rel=NEAR, abs=NEAR)
    assert second.tau2 / unit**2 == pytest.approx(first.tau2, rel=NEAR, abs=NEAR)
    assert second.qm_p == pytest.approx(first.qm_p, rel=1e-4, abs=NEAR)


@given(SEEDS, st.floats(-1e3, 1e3), st.floats(1e-2, 1e2))
@settings(max_examples=20)
def test_a_feature_moved_and_stretched_says_the_same(seed, shift, stretch):
    y, s, x, _ = forces(seed)
    first, second = meta_regression(y, s, x), meta_regression(y, s, shift + stretch * x)
    assert second.tau2 == pytest.approx(first.tau2, rel=1e-5, abs=NEAR)
    assert second.tidy()["p_value"].iloc[1] == pytest.approx(first.tidy()["p_value"].iloc[1], rel=1e-4)


@given(SEEDS, st.sampled_from(["common", "DL", "PM", "ML", "REML"]), st.sampled_from(["wald", "hksj"]))
@settings(max_examples=30)
def test_without_features_it_is_pool(seed, method, ci):
    y, s, _, _ = forces(seed)
    one, two = meta_regression(y, s, None, method=method, ci=ci), pool(y, s, method=method, ci=ci)
    assert one.coefficients[0] == pytest.approx(two.estimate, rel=NEAR, abs=NEAR)
    assert np.sqrt(one.covariance[0, 0]) == pytest.approx(two.std_error, rel=NEAR)
    assert (one.tau2, one.i2, one.qe) == pytest.approx((two.tau2, two.i2, two.q), rel=NEAR, abs=NEAR)


@given(SEEDS)
@settings(max_examples=15)
def test_a_diagonal_covariance_is_none(seed):
    y, s, x, _ = forces(seed)
    one, two = meta_regression(y, s, x), meta_regression(y, s, x, covariance=np.diag(s**2))
    assert two.tidy()["p_value"].to_numpy() == pytest.approx(one.tidy()["p_value"].to_numpy(), rel=NEAR)
    first, second = influence(pool(y, s)), influence(pool(y, s, covariance=np.diag(s**2)))
    assert second.drop(columns="left_out").astype(float).to_numpy() == pytest.approx(
        first.drop(columns="left_out").astype(float).to_numpy(), rel=NEAR, abs=NEAR
    )


@given(SEEDS)
@settings(max_examples=5)
def test_a_sample_of_arrangements_is_repeatable_and_near_all_of_them(seed):
    y, s, _, _ = forces(seed)
    x = pd.DataFrame({"x": [1] * 3 + [0] * 9})  # 220 arrangements
    every = meta_regression(y, s, x, method="DL", permutations=220).permuted
    some = [
        meta_regression(y, s, x, method="DL", permutations=219, rng=np.random.default_rng(seed)).permuted
        for _ in range(2)
    ]
    assert every.exhaustive
    assert not some[0].exhaustive
    assert some[0].terms[1] == some[1].terms[1]
    assert abs(some[0].terms[1] - every.terms[1]) < 0.2


@given(SEEDS)
@settings(max_examples=20)
def test_a_funnel_seen_in_a_mirror_lacks_the_other_side(seed):
    y, s, _, _ = forces(seed)
    for test in (egger, begg):
        one, two = test(y, s), test(-y, s)
        assert two.statistic[0] == pytest.approx(-one.statistic[0], rel=NEAR)
    one, two = trim_and_fill(y, s, method="DL"), trim_and_fill(-y, s, method="DL")
    assert (one.filled, {one.side, two.side}) == (two.filled, {"left", "right"})
    assert two.adjusted.estimate == pytest.approx(-one.adjusted.estimate, rel=NEAR, abs=NEAR)


@given(SEEDS)
@settings(max_examples=20)
def test_arms_exchanged_turn_the_sign_of_a_common_effect(seed):
    a, b, c, d = np.random.default_rng(seed).integers(1, 60, (4, 7))
    for measure in ("RR", "OR", "RD"):
        one, two = (
            mantel_haenszel(a, b, c, d, measure=measure),
            mantel_haenszel(c, d, a, b, measure=measure),
        )
        assert (two.estimate, two.q) == pytest.approx((-one.estimate, one.q))
        assert two.std_error == pytest.approx(one.std_error)
    one, two = peto(a, b, c, d), peto(b, a, d, c)
    assert (two.estimate, two.std_error) == pytest.approx((-one.estimate, one.std_error))


def people(seed, groups=9, treated=4):
    rng = np.random.default_rng(seed)
    many = rng.integers(2, 12, groups)
    g = np.repeat(np.arange(groups), many)
    n = len(g)
    d = (g < treated).astype(int)
    y = rng.normal(size=groups)[g] + rng.normal(size=n) + 0.3 * d
    return pd.DataFrame({"y": y, "d": d, "g": g, "x": rng.normal(size=n), "w": rng.uniform(0.5, 2, n)}), rng


TESTS = {
    "wild": lambda f, **more: wild_cluster_bootstrap(
        f, "y", "d", cluster="g", weights="w", covariates=["x"], weights_kind="rademacher", **more
    ),
    "randomisation": lambda f, **more: randomisation_inference(
        f, "y", "d", cluster="g", weights="w", covariates=["x"], **more
    ),
    "randomisation t": lambda f, **more: randomisation_inference(
        f, "y", "d", cluster="g", weights="w", covariates=["x"], statistic="t", **more
    ),
}


@pytest.mark.parametrize("name", TESTS)
@given(SEEDS, st.floats(-3, 3), st.floats(1e-2, 1e2))
@settings(max_examples=12)
def test_order_names_units_and_weight_scale_change_nothing(name, seed, shift, unit):
    data, _ = people(seed)
    first = TESTS[name](data)
    moved = data.sample(frac=1, random_state=1).assign(
        y=lambda f: unit * (f["y"] + shift), w=lambda f: 7 * f["w"], g=lambda f: "force " + f["g"].astype(str)
    )
    second = TESTS[name](moved)
    assert second.p_value == first.p_value
    assert second.estimate / unit == pytest.approx(first.estimate, rel=NEAR, abs=NEAR)
    assert np.array([second.conf_low, second.conf_high]) / unit == pytest.approx(
        np.array([first.conf_low, first.conf_high]), rel=1e-5, abs=1e-5
    )


@pytest.mark.parametrize("name", TESTS)
@given(SEEDS)
@settings(max_examples=8)
def test_the_interval_ends_where_the_test_begins_to_reject(name, seed):
    data, _ = people(seed)
    found = TESTS[name](data)
    for end, outside in ((found.conf_low, -1), (found.conf_high, 1)):
        if np.isfinite(end):
            step = 1e-6 * (1 + abs(end))
            p = [
                TESTS[name](data.assign(y=data["y"] - (end + k * step) * data["d"])).p_value
                for k in (outside, -outside)
            ]
            assert p[0] <= 0.05 < p[1]


@given(SEEDS)
@settings(max_examples=10)
def test_a_person_written_twice_is_a_person_of_twice_the_weight(seed):
    data, _ = people(seed)
    twice = pd.concat([data, data])
    doubled = data.assign(w=2 * data["w"])
    for test in TESTS.values():
        one, two = test(twice), test(doubled)
        assert (one.p_value, one.conf_low) == (two.p_value, pytest.approx(two.conf_low, rel=1e-5, abs=1e-6))
    one, two = (cluster_level(f, "y", "d", cluster="g", weights="w").tidy() for f in (twice, doubled))
    assert one["p_value"].iloc[2] == pytest.approx(two["p_value"].iloc[2], rel=SAME_ALGORITHM)


@given(SEEDS)
@settings(max_examples=10)
def test_an_effect_added_to_the_treated_moves_estimate_and_interval_with_it(seed):
    data, _ = people(seed)
    for test in TESTS.values():
        one, two = test(data), test(data.assign(y=data["y"] + 2 * data["d"]))
        assert two.estimate - one.estimate == pytest.approx(2, rel=NEAR)
        if np.isfinite(one.conf_high):
            assert two.conf_high - one.conf_high == pytest.approx(2, rel=1e-5)


def test_people_of_no_weight_are_not_there():
    data, _ = people(3)
    ghosts = data.assign(w=0.0, y=99.0, g=data["g"] + 100)
    for test in TESTS.values():
        assert test(pd.concat([data, ghosts])).p_value == test(data).p_value
