"""Laws of E-values and of Rosenbaum bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pdd_outcomes.core.results import TIDY
from pdd_outcomes.robustness import evalue, rosenbaum_bounds

RATIOS = st.floats(0.02, 50)
MEASURES = st.sampled_from([("RR", None), ("HR", True), ("HR", False), ("OR", True), ("OR", False)])
RISKS = st.floats(0.01, 0.98)
few = settings(max_examples=60, deadline=None)


@few
@given(RATIOS, RATIOS, MEASURES)
def test_the_further_a_ratio_is_from_one_the_larger_its_e_value(a, b, kind):
    measure, rare = kind
    near, far = sorted([a, b], key=lambda r: abs(np.log(r)))
    e = [evalue(r, measure=measure, rare=rare).estimate for r in (near, far)]
    assert 1 <= e[0] <= e[1] * (1 + 1e-9)


@few
@given(RATIOS, MEASURES, st.floats(1.01, 3), st.floats(1.01, 3))
def test_a_ratio_and_its_inverse_have_one_e_value(ratio, kind, below, above):
    measure, rare = kind
    one = evalue(ratio, conf_low=ratio / below, conf_high=ratio * above, measure=measure, rare=rare)
    two = evalue(1 / ratio, conf_low=1 / ratio / above, conf_high=below / ratio, measure=measure, rare=rare)
    assert (one.estimate, one.limit) == pytest.approx((two.estimate, two.limit), rel=1e-9)


@few
@given(RATIOS, st.floats(1.01, 3), st.floats(0.2, 5))
def test_a_limit_s_e_value_is_never_more_than_the_estimate_s(ratio, width, true):
    found = evalue(ratio, conf_low=ratio / width, conf_high=ratio * width, true=true)
    assert 1 <= found.limit <= found.estimate


@few
@given(RATIOS, st.floats(1.01, 2), st.floats(1.01, 2))
def test_a_wider_interval_has_the_smaller_e_value_for_its_limit(ratio, narrow, more):
    tight = evalue(ratio, conf_low=ratio / narrow, conf_high=ratio * narrow)
    loose = evalue(ratio, conf_low=ratio / (narrow * more), conf_high=ratio * narrow * more)
    assert loose.limit <= tight.limit


@few
@given(st.floats(0.02, 50))
def test_a_common_outcome_s_hazard_or_odds_ratio_stands_for_a_risk_ratio_nearer_one(ratio):
    for measure in ("HR", "OR"):
        common = evalue(ratio, measure=measure, rare=False).risk_ratio
        assert abs(np.log(common)) <= abs(np.log(ratio)) + 1e-12


@few
@given(RISKS, RISKS, st.integers(5, 10**6), st.integers(5, 10**6))
def test_a_risk_difference_is_the_same_whichever_arm_is_called_treated(p1, p0, n1, n0):
    one = evalue(p1 - p0, measure="RD", baseline=p0, sizes=(n1, n0))
    two = evalue(p0 - p1, measure="RD", baseline=p1, sizes=(n0, n1))
    assert (one.estimate, one.limit) == pytest.approx((two.estimate, two.limit), rel=1e-6)
    assert 1 <= one.limit <= one.estimate * (1 + 1e-9)
    # against no effect the sizes do not matter for the estimate, which is that of the risk ratio
    assert one.estimate == pytest.approx(evalue(p1 / p0).estimate, rel=1e-6)


@few
@given(RISKS, RISKS, st.integers(20, 2000))
def test_more_people_make_the_limit_of_a_risk_difference_stronger(p1, p0, n):
    small, large = (evalue(p1 - p0, measure="RD", baseline=p0, sizes=(k, k)).limit for k in (n, 4 * n))
    assert small <= large * (1 + 1e-9)


@few
@given(RISKS, RISKS, st.integers(10, 10**5), st.floats(0.05, 0.95), st.floats(0.05, 0.95))
def test_moving_a_risk_difference_less_far_takes_a_weaker_confounder(p1, p0, n, some, share):
    assume(abs(p1 - p0) > 1e-3)
    sizes = (max(1, int(share * n)), max(1, int((1 - share) * n)))
    whole = evalue(p1 - p0, measure="RD", baseline=p0, sizes=sizes)
    part = evalue(p1 - p0, measure="RD", baseline=p0, sizes=sizes, true_difference=some * (p1 - p0))
    assert part.estimate <= whole.estimate * (1 + 1e-9)


@few
@given(st.integers(0, 200), st.integers(0, 200), st.lists(st.floats(1, 20), min_size=2, max_size=6))
def test_more_hidden_bias_never_narrows_the_bounds(a, b, gammas):
    assume(a + b > 0)
    found = rosenbaum_bounds(a, b, gammas=sorted(gammas))
    assert (np.diff(found["p_upper"]) >= -1e-12).all()
    assert (np.diff(found["p_lower"]) <= 1e-12).all()
    assert (found["p_lower"] <= found["p_upper"] * (1 + 1e-12)).all()
    assert found[["p_lower", "p_upper"]].stack().between(0, 1).all()


@few
@given(RATIOS, st.floats(1.01, 3))
def test_the_table_has_the_standard_columns_and_only_the_two_numbers(ratio, width):
    found = evalue(ratio, conf_low=ratio / width, conf_high=ratio * width)
    rows = found.tidy()
    assert list(rows.columns) == list(TIDY)
    assert rows["estimate"].tolist() == [found.estimate, found.limit]
    assert rows[list(TIDY[2:])].isna().all(axis=None)
    assert found.glance()[["e_value", "e_value_limit"]].iloc[0].tolist() == [found.estimate, found.limit]
