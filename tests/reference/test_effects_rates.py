"""Rates after matching against R 4.2.2 (sandwich 3.0-2) on the 530 pairs of recid, figures typed in.

d: the rows of the pairs of tests/reference/test_effects_recid.py, `sub` their pair. rules: rules broken in prison.
f <- glm(rules ~ workprg + offset(log(durat)), poisson, d); v <- vcovCL(f, cluster = ~sub, type = "HC0", cadjust = FALSE)
g <- glm(rules ~ 0 + I(1 - workprg) + workprg + offset(log(durat)), poisson, d)   # 12*exp(coef(g)), delta method
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.errors import DataError, UsageError
from pdd_outcomes.design import Matched, match, unadjusted
from pdd_outcomes.effects import rate_contrast
from pdd_outcomes.survival import event_rates
from tests.tolerances import R_DETERMINISTIC, SAME_ALGORITHM

COVARIATES = [
    "black", "alcohol", "drugs", "super", "married", "felon", "property", "person",
    "priors", "educ", "rules", "age_y", "tserved_y",
]  # fmt: skip


@pytest.fixture(scope="module")
def people(recid: pd.DataFrame) -> pd.DataFrame:
    return recid.assign(age_y=recid["age_y"].round(4), tserved_y=recid["tserved_y"].round(4))


@pytest.fixture(scope="module")
def pairs(people: pd.DataFrame) -> Matched:
    return match(people, "workprg", covariates=COVARIATES, caliper=0.2)


@pytest.mark.parametrize(
    ("term", "estimate", "std_error"),
    [
        ("rate_treated", 0.241054100983967, 0.0194954831995821),
        ("rate_control", 0.236457123901147, 0.0222235379840149),
        ("rate_difference", 0.00459697708281945, 0.02967735617295716),
        ("rate_ratio", float(np.exp(0.0192544964989162)), 0.1244718755056657),
    ],
)
def test_rates_and_their_contrasts_clustered_on_the_pair_are_r_s(
    pairs: Matched, people: pd.DataFrame, term: str, estimate: float, std_error: float
) -> None:
    row = (
        rate_contrast(pairs, people, count="rules", time_at_risk="durat", per=12)
        .tidy()
        .set_index("term")
        .loc[term]
    )
    assert (row["estimate"], row["std_error"]) == pytest.approx((estimate, std_error), rel=R_DETERMINISTIC)


def test_the_ratio_is_that_of_a_poisson_regression_on_the_arm(people: pd.DataFrame) -> None:
    alone = unadjusted(people, "workprg")
    row = (
        rate_contrast(alone, people, count="rules", time_at_risk="durat")
        .tidy()
        .set_index("term")
        .loc["rate_ratio"]
    )
    fit = event_rates(people, "rules", "durat", covariates=["workprg"], family="poisson", robust=True)
    model = fit.tidy(exponentiate=True).set_index("term").loc["workprg"]
    assert row[["estimate", "std_error"]].tolist() == pytest.approx(
        model[["estimate", "std_error"]].tolist(), rel=SAME_ALGORITHM
    )


def test_the_unit_of_time_scales_rates_and_not_their_ratio(pairs: Matched, people: pd.DataFrame) -> None:
    year, month = (
        rate_contrast(pairs, people, count="rules", time_at_risk="durat", per=per).tidy().set_index("term")
        for per in (12, 1)
    )
    assert year.loc["rate_difference", "estimate"] == pytest.approx(
        12 * month.loc["rate_difference", "estimate"]
    )
    assert year.loc["rate_ratio", "estimate"] == pytest.approx(month.loc["rate_ratio", "estimate"])


def test_an_arm_without_events_has_no_ratio_and_says_why(pairs: Matched, people: pd.DataFrame) -> None:
    none = people.assign(rules=people["rules"].where(people["workprg"] == 0, 0))
    tidy = rate_contrast(pairs, none, count="rules", time_at_risk="durat").tidy().set_index("term")
    assert np.isnan(tidy.loc["rate_ratio", "estimate"])
    assert tidy.loc["rate_ratio", "reason"] == "the rate of an arm is not above 0"
    assert np.isnan(
        tidy.loc["rate_treated", "std_error"]
    )  # a rate of 0 has no error to be had from these people


@pytest.mark.parametrize(("column", "value"), [("rules", -1), ("durat", 0), ("rules", np.nan)])
def test_counts_below_nought_and_times_that_are_none_are_refused_by_column(
    pairs: Matched, people: pd.DataFrame, column: str, value: float
) -> None:
    wrong = people.astype({column: float})
    wrong.loc[wrong.index[3], column] = value
    with pytest.raises(DataError, match=column):
        rate_contrast(pairs, wrong, count="rules", time_at_risk="durat")


def test_a_unit_of_time_must_be_above_nought(pairs: Matched, people: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match="per=0 must be above 0"):
        rate_contrast(pairs, people, count="rules", time_at_risk="durat", per=0)
