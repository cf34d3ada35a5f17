"""E-values and Rosenbaum bounds against R (EValue run from source, R 4.2.2), each with its call."""

from __future__ import annotations

import numpy as np
import pytest

from pdd_outcomes.robustness import evalue, rosenbaum_bounds
from tests import oracles
from tests.tolerances import PUBLISHED_3DP, R_CLOSED_FORM

NONE = float("nan")
CASES = {
    "evalues.RR(est=3.9, lo=1.8, hi=8.7)": (evalue(3.9, conf_low=1.8, conf_high=8.7), 7.26303434416005, 3.0),
    "evalues.RR(est=10.73, lo=8.02, hi=14.36)": (
        evalue(10.73, conf_low=8.02, conf_high=14.36), 20.9477737301234, 15.523359247697),
    "evalues.RR(est=.80, lo=.71, hi=.91)": (
        evalue(0.80, conf_low=0.71, conf_high=0.91), 1.80901699437495, 1.42857142857143),
    "evalues.HR(est=.56, lo=.46, hi=.69, rare=FALSE)": (
        evalue(0.56, conf_low=0.46, conf_high=0.69, measure="HR", rare=False), 2.34953125732243, 1.90800394327444),
    "evalues.OR(est=.86, lo=.75, hi=.99, rare=TRUE)": (
        evalue(0.86, conf_low=0.75, conf_high=0.99, measure="OR", rare=True), 1.59786713799697, 1.11111111111111),
    "evalues.OR(est=.86, lo=.75, hi=.99, rare=FALSE)": (
        evalue(0.86, conf_low=0.75, conf_high=0.99, measure="OR", rare=False), 1.36895286109248, 1.0761939452959),
    "evalues.RR(est=2.5, true=1.5)": (evalue(2.5, true=1.5), 2.72075922005613, NONE),
    # EValue rounds 0.91 * 1.96 to 1.78, so its limits are those of half a standard deviation less 1.78/0.91 errors
    "evalues.MD(est=.5, se=.25)": (
        evalue(0.5, conf_low=0.5 - 1.78 / 0.91 * 0.25, conf_high=0.5 + 1.78 / 0.91 * 0.25, measure="SMD"),
        2.52914198186127, 1.11080319653037),
    "evalues.RR(est=1.2, lo=.9, hi=1.6)": (evalue(1.2, conf_low=0.9, conf_high=1.6), 1.68989794855664, 1.0),
}  # fmt: skip


@pytest.mark.parametrize("call", sorted(CASES))
def test_the_e_value_of_the_estimate_and_of_the_limit_are_r_s(call):
    found, estimate, limit = CASES[call]
    assert found.estimate == pytest.approx(estimate, rel=R_CLOSED_FORM)
    assert found.limit == pytest.approx(limit, rel=R_CLOSED_FORM, nan_ok=True)


def test_the_risk_ratios_that_common_hazard_and_odds_ratios_stand_for_are_r_s():
    # $rr of evalues.HR(.56, .46, .69, rare=FALSE) and evalues.OR(.86, .75, .99, rare=FALSE), first column
    assert evalue(0.56, measure="HR", rare=False).risk_ratio == pytest.approx(
        0.670083951663016, rel=R_CLOSED_FORM
    )
    assert evalue(0.86, measure="OR", rare=False).risk_ratio == pytest.approx(
        0.92736184954957, rel=R_CLOSED_FORM
    )
    assert evalue(0.5, measure="SMD").risk_ratio == pytest.approx(1.57617338303399, rel=R_CLOSED_FORM)


def table(events_1, others_1, events_0, others_0):
    """A risk difference, its baseline and its sizes, from counts."""
    n1, n0 = events_1 + others_1, events_0 + others_0
    return {
        "estimate": events_1 / n1 - events_0 / n0,
        "baseline": events_0 / n0,
        "sizes": (n1, n0),
        "measure": "RD",
    }


def test_the_e_value_of_a_risk_difference_and_of_its_limit_are_the_package_s():
    # evalues.RD(397, 78557, 51, 108778); the package's own test has 15.95703, found on a grid of 0.0001
    found = evalue(**table(397, 78557, 51, 108778))
    assert found.limit == pytest.approx(15.95703, abs=PUBLISHED_3DP)
    # against no effect the bias needed is the risk ratio itself
    assert found.estimate == pytest.approx(evalue(found.risk_ratio).estimate, rel=R_CLOSED_FORM)
    # evalues.RD(55, 108778, 51, 108778): the interval holds 0
    assert evalue(**table(55, 108778, 51, 108778)).limit == 1.0


def test_a_protective_risk_difference_has_the_e_values_of_the_harmful_one_with_arms_changed_over():
    one, other = evalue(**table(100, 200, 50, 200)), evalue(**table(50, 200, 100, 200))
    assert (other.estimate, other.limit) == pytest.approx((one.estimate, one.limit), rel=R_CLOSED_FORM)
    assert other.risk_ratio == pytest.approx(1 / one.risk_ratio, rel=R_CLOSED_FORM)


def corrected(p1, p0, n1, n0, bias):
    """Least true risk difference under a bias factor, and its variance (Ding & VanderWeele 2016, p. 376, eAppendix 5)."""
    f = n1 / (n1 + n0)
    mean = (p1 - p0 * bias) * (f + (1 - f) / bias)
    by_risks = (p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0 * bias**2) * (f + (1 - f) / bias) ** 2
    by_share = (p1 - p0 * bias) ** 2 * (1 - 1 / bias) ** 2 * f * (1 - f) / (n1 + n0)
    return mean, by_risks + by_share


@pytest.mark.parametrize("true", [0.0, 0.001])
def test_a_confounder_as_strong_as_the_e_value_takes_the_difference_or_its_limit_just_to_the_value_given(true):
    # evalues.RD(397, 78557, 51, 108778, true = 0.001) has the second
    given = table(397, 78557, 51, 108778)
    n1, n0 = given["sizes"]
    p0 = given["baseline"]
    p1 = p0 + given["estimate"]
    found = evalue(**given, true_difference=true)
    factor = {e: e * e / (2 * e - 1) for e in (found.estimate, found.limit)}  # the most that both can make
    mean, _ = corrected(p1, p0, n1, n0, factor[found.estimate])
    assert mean == pytest.approx(true, abs=1e-12)
    mean, variance = corrected(p1, p0, n1, n0, factor[found.limit])
    assert mean - 1.959963984540054 * np.sqrt(variance) == pytest.approx(true, abs=1e-12)


def test_rosenbaum_s_bounds_are_binomial_tails_to_eight_figures():
    # pbinom(109, 122, G/(1+G), lower.tail = FALSE)
    found = rosenbaum_bounds(110, 12, gammas=[1, 2, 3, 4, 5, 6])
    expected = [
        2.73365789304066e-21, 1.32058308975892e-09, 2.03003920663733e-05,
        0.00196334447040237, 0.0231685638425403, 0.0969287747942495,
    ]  # fmt: skip
    assert found["p_upper"].to_numpy() == pytest.approx(expected, rel=R_CLOSED_FORM)


@oracles.needs_oracles
def test_the_folder_of_references_holds_the_same_e_values_and_bounds():
    reference = oracles.results("sens_evalue")
    swept = 0
    for entry in reference.values():
        call = entry.get("call", "").removeprefix("EValue::")
        if call not in CASES:
            continue
        found, (point, low, high) = CASES[call][0], entry["value"]["evalues"]
        limit = next((x for x in (low, high) if x is not None), NONE)
        assert found.estimate == pytest.approx(point, rel=R_CLOSED_FORM)
        assert found.limit == pytest.approx(limit, rel=R_CLOSED_FORM, nan_ok=True)
        swept += 1
    assert swept == len(CASES)
    by_hand = oracles.results("sens_rosenbaum")["mcnemar_smoking_hand"]["value"]
    bounds = rosenbaum_bounds(110, 12, gammas=[row["Gamma"] for row in by_hand])
    assert bounds["p_upper"].to_numpy() == pytest.approx([row["p_upper"] for row in by_hand], rel=R_CLOSED_FORM)
