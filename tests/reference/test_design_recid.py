"""Matching and balance against R 4.2.2 (MatchIt 4.5.1) on the North Carolina release data, figures typed in.

R matched on scores that had been rounded to about four decimals and then made tie-free, so that our own
unrounded scores give the same number of pairs and 529 of the same 530; the exact pairs are checked in
`test_design_oracles`.
"""

from __future__ import annotations

import numpy as np
import pytest

from pdd_outcomes.design import balance, match, propensity_score
from tests.tolerances import PUBLISHED_3DP, PUBLISHED_4DP, R_DETERMINISTIC

COLUMNS = [
    "black", "alcohol", "drugs", "super", "married", "felon", "property", "person",
    "priors", "educ", "rules", "age_y", "tserved_y",
]  # fmt: skip

# summary(matchit(workprg ~ black + ... + tserved_y, distance = 1e6 * logit_ps, m.order = "largest", caliper = .2))
# $sum.all: mean treated, mean control, std. mean diff. (SD of the treated), var. ratio, eCDF mean, eCDF max
ALL = {
    "black": (0.50297619047619, 0.469598965071151, 0.0667556334246038, None, 0.0333772254050391, 0.0333772254050391),
    "alcohol": (0.177083333333333, 0.238033635187581, -0.159664765505931, None, 0.0609503018542475, 0.0609503018542475),
    "married": (0.330357142857143, 0.190168175937904, 0.298057712663598, None, 0.140188966919239, 0.140188966919239),
    "felon": (0.425595238095238, 0.217335058214748, 0.421210164922353, None, 0.20826017988049, 0.20826017988049),
    "priors": (1.75744047619048, 1.14877102199224, 0.197092912916258, 1.41593732778962, 0.0255416243146678, 0.144505020636974),
    "educ": (9.71726190476191, 9.6895213454075, 0.0108648365258758, 1.18878494813071, 0.0107703767828368, 0.0448315160475575),
    "rules": (1.22619047619048, 1.15006468305304, 0.0367728605432868, 0.699375787989917, 0.0104632538655824, 0.0802031355879998),
}  # fmt: skip
# $sum.matched, std. mean diff.
MATCHED = {
    "black": -0.0226419105484589, "alcohol": -0.00988524307098236, "married": 0.0681961065627456,
    "felon": 0.0610571765134871, "priors": 0.0727043828892323, "tserved_y": 0.116433605015841,
}  # fmt: skip


@pytest.fixture(scope="module")
def matched(recid):
    return match(recid, "workprg", covariates=COLUMNS, caliper=0.2)


def test_the_balance_of_everyone_is_r_s_in_every_column(recid):
    table = balance(recid, "workprg", covariates=COLUMNS).table.set_index("covariate")
    columns = ["mean_treated", "mean_control", "smd", "variance_ratio", "ecdf_mean", "ecdf_max"]
    for name, expected in ALL.items():
        for column, figure in zip(columns, expected):
            if figure is None:
                assert np.isnan(table.loc[name, column])
            else:
                assert table.loc[name, column] == pytest.approx(figure, rel=R_DETERMINISTIC), (name, column)


def test_the_same_number_of_pairs_within_the_same_caliper(matched):
    # $caliper 0.162943882150736; 530 pairs of 672 and 773
    assert matched.caliper == pytest.approx(0.162943882150736, abs=PUBLISHED_4DP)
    glance = matched.glance().iloc[0]
    assert (glance["n_treated"], glance["n_control"]) == (672, 773)
    assert (glance["matched_treated"], glance["matched_control"], glance["dropped_treated"]) == (530, 530, 142)
    assert matched.estimand == "FSATT"
    # mean of |logit difference| over R's pairs: 54.1862727/530
    assert matched.pairs["distance"].mean() == pytest.approx(54.186272700654854 / 530, abs=PUBLISHED_4DP)


def test_the_balance_of_the_matched_is_r_s_but_for_one_pair(matched):
    table = matched.balance().table.set_index("covariate")
    one_pair = 10 / 530  # nobody differs from another by ten standard deviations
    for name, figure in MATCHED.items():
        assert table.loc[name, "smd"] == pytest.approx(figure, abs=one_pair)
    assert table.loc["tserved_y", "smd"] == pytest.approx(0.1164, abs=PUBLISHED_3DP)


def test_the_verdict_names_time_served(matched):
    verdict = matched.balance().verdict()
    assert verdict.startswith(
        "Not balanced: 1 of 13 standardised differences exceed 0.1; the worst is 'tserved_y'"
    )
    assert not matched.balance().passed(0.1)
    assert matched.balance().passed(0.12)


def test_the_propensity_model_is_statsmodels_to_eight_figures(recid):
    import statsmodels.api as sm

    fit = propensity_score(recid, "workprg", covariates=COLUMNS)
    x = sm.add_constant(recid[COLUMNS].astype(float))
    other = sm.GLM(recid["workprg"].astype(float), x, family=sm.families.Binomial()).fit(tol=1e-14)
    assert fit.coefficients == pytest.approx(other.params.to_numpy(), rel=1e-8)
    assert fit.tidy()["std_error"].to_numpy() == pytest.approx(other.bse.to_numpy(), rel=R_DETERMINISTIC)
    assert fit.loglik == pytest.approx(other.llf, rel=1e-10)


def test_a_formula_and_the_columns_it_names_give_one_model(recid):
    by_formula = propensity_score(recid, "workprg", formula="black + priors + educ")
    by_names = propensity_score(recid, "workprg", covariates=["black", "priors", "educ"])
    assert by_formula.logit == pytest.approx(by_names.logit, rel=1e-10)
    spline = match(recid, "workprg", formula="bs(age_y, df=4) + black:priors + educ", caliper=0.2)
    assert set(spline.balance().table["covariate"]) == {"black", "priors", "educ", "age_y"}
