"""What could overturn a finding, in reading order."""

from __future__ import annotations

import pytest

from pdd_outcomes.robustness import evalue, rosenbaum_bounds


def test_an_e_value_comes_for_the_estimate_and_for_the_limit_nearer_no_effect():
    found = evalue(1.8, conf_low=1.2, conf_high=2.7)
    assert found.tidy()["term"].tolist() == ["estimate", "limit"]
    assert found.estimate == pytest.approx(3.0)  # 1.8 + sqrt(1.44)
    assert found.limit == pytest.approx(1.69, abs=0.005)  # 1.2 + sqrt(0.24)
    glance = found.glance().iloc[0]
    assert (glance["measure"], glance["risk_ratio"]) == ("RR", 1.8)


def test_an_e_value_shows_itself_as_its_table():
    assert "<td>limit</td>" in evalue(1.8, conf_low=1.2)._repr_html_()


def test_a_risk_difference_takes_its_baseline_and_perhaps_its_sizes():
    of_limits = evalue(0.1, conf_low=0.04, conf_high=0.16, measure="RD", baseline=0.3)
    of_sizes = evalue(0.1, measure="RD", baseline=0.3, sizes=(400, 400))
    assert of_limits.estimate == pytest.approx(of_sizes.estimate)
    assert 1 < of_sizes.limit < of_sizes.estimate
    # the sizes give binomial errors of their own, whatever the interval was
    assert evalue(0.1, conf_low=0.04, measure="RD", baseline=0.3, sizes=(400, 400)) == of_sizes


def test_bounds_are_a_row_for_each_gamma_in_the_order_given():
    found = rosenbaum_bounds(40, 20, gammas=[2, 1, 1.5])
    assert list(found.columns) == ["gamma", "p_lower", "p_upper"]
    assert found["gamma"].tolist() == [2, 1, 1.5]
    assert rosenbaum_bounds(40, 20, gammas=1.5)["p_upper"].tolist() == found["p_upper"].tolist()[2:]
