"""Effects after matching against R 4.2.2 (MatchIt 4.5.1, survival 3.5-3, sandwich 3.0-2, survRM2), figures typed in.

d <- transform(wooldridge::recid, event = 1 - cens, age_y = age/12, tserved_y = tserved/12)   # ages rounded to 4 places
m <- matchit(workprg ~ black + ... + tserved_y, d, distance = 1e6 * logit_ps, m.order = "largest", caliper = .2)
md <- match.data(m, subclass = "sub")      # 530 pairs; the outcome by 70 months is known of everyone
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from pdd_outcomes.design import Design, match
from pdd_outcomes.effects import mcnemar, risk_contrast, time_to_event
from tests.tolerances import R_CLOSED_FORM, R_DETERMINISTIC

COLUMNS = [
    "black", "alcohol", "drugs", "super", "married", "felon", "property", "person",
    "priors", "educ", "rules", "age_y", "tserved_y",
]  # fmt: skip
Z = 1.959963984540054  # qnorm(.975)


@pytest.fixture(scope="module")
def people(recid):
    """The columns as R had them; with these our own scores give R's 530 pairs."""
    rounded = recid.assign(age_y=recid["age_y"].round(4), tserved_y=recid["tserved_y"].round(4))
    return rounded.assign(back=((recid["durat"] <= 70) & (recid["event"] == 1)).astype(int))


@pytest.fixture(scope="module")
def pairs(people):
    return match(people, "workprg", covariates=COLUMNS, caliper=0.2)


@pytest.fixture(scope="module")
def effect(pairs, people):
    return time_to_event(
        pairs, people, time="durat", event="event", at=[17.5, 35, 70], tau=70, intervals=[12, 36]
    )


@pytest.fixture(scope="module")
def rows(effect):
    return effect.tidy().set_index(["term", "horizon"])


def test_there_are_530_pairs_and_the_estimand_says_some_treated_were_lost(effect):
    glance = effect.glance().iloc[0]
    assert (glance["n_treated"], glance["n_control"], glance["estimand"]) == (530, 530, "FSATT")
    assert (glance["events_treated"], glance["events_control"]) == (209, 187)
    assert (glance["ess_treated"], glance["ess_control"]) == (530, 530)


def test_the_hazard_ratio_and_its_error_clustered_on_the_pair_are_r_s(effect):
    # coxph(Surv(durat,event)~workprg, md, cluster=sub)
    row = effect.tidy().set_index("term").loc["hazard_ratio"]
    assert np.log(row["estimate"]) == pytest.approx(0.130128997359147, rel=R_DETERMINISTIC)
    assert row["std_error"] == pytest.approx(0.0977255814388072, rel=R_DETERMINISTIC)
    assert np.log(row["conf_low"]) == pytest.approx(-0.0614096226291515, rel=R_DETERMINISTIC)
    assert np.log(row["conf_high"]) == pytest.approx(0.321667617347445, rel=R_DETERMINISTIC)
    assert row["p_value"] == pytest.approx(0.182999695282052, rel=R_DETERMINISTIC)
    assert effect.cox_fit.loglik == pytest.approx(-2670.58731827345, rel=R_DETERMINISTIC)
    assert np.sqrt(effect.cox_fit.naive_covariance[0, 0]) == pytest.approx(
        0.100665544318834, rel=R_DETERMINISTIC
    )


def test_the_test_of_proportional_hazards_is_r_s(effect):
    # cox.zph(coxph(Surv(durat,event)~workprg, md), transform='km', terms=FALSE)
    test = effect.ph_test().tidy().iloc[-1]
    assert test["statistic"] == pytest.approx(0.638942003387308, rel=R_DETERMINISTIC)
    assert test["p_value"] == pytest.approx(0.424094172891418, rel=R_DETERMINISTIC)


def test_the_risks_and_their_errors_are_r_s_kaplan_meier(rows):
    # summary(survfit(Surv(durat,event)~workprg, md), times=c(17.5,35,70)); at 70 the same with cluster=sub
    for arm, survival, error in (
        ("control", (0.835849056603774, 0.735849056603774, 0.652830188679245), (0.0160896903108414, 0.0191506058083944, 0.0206791725240578)),
        ("treated", (0.835849056603774, 0.707547169811321, 0.609433962264151), (0.0160896903108414, 0.0197591236296051, 0.02119203338669)),
    ):  # fmt: skip
        found = rows.loc[f"risk_{arm}"]
        assert 1 - found["estimate"].to_numpy() == pytest.approx(survival, rel=R_CLOSED_FORM)
        assert found["std_error"].to_numpy() == pytest.approx(error, rel=R_CLOSED_FORM)


def test_the_log_risk_ratio_clustered_on_the_pair_is_r_s_modified_poisson(rows, pairs, people):
    # f <- glm(back ~ workprg, poisson, md); vcovCL(f, ~sub, type="HC0", cadjust=FALSE), and with the default cadjust, G/(G-1)
    coefficient, plain, adjusted = 0.117783035007523, 0.0785488528069287, 0.0786230605257055
    by_time = rows.loc[("risk_ratio", 70)]
    by_answer = risk_contrast(pairs, people, outcome="back").tidy().set_index("term").loc["risk_ratio"]
    for row in (by_time, by_answer):
        assert np.log(row["estimate"]) == pytest.approx(coefficient, rel=R_DETERMINISTIC)
        assert row["std_error"] == pytest.approx(plain, rel=R_DETERMINISTIC)
    assert by_time["std_error"] * np.sqrt(530 / 529) == pytest.approx(adjusted, rel=R_DETERMINISTIC)


def test_the_restricted_mean_difference_is_survrm2_s_and_its_error_too_once_the_pairs_are_forgotten(
    rows, pairs, people
):
    # rmst2(durat, event, workprg, tau=70)$unadjusted.result[1,]: which takes the arms as independent
    difference, low, high, p = -1.57924528301887, -4.53834633126833, 1.37985576523059, 0.295554139074359
    assert rows.loc[("rmst_difference", 70), "estimate"] == pytest.approx(difference, rel=R_CLOSED_FORM)
    alone = Design(pairs.treated, pairs.weights, None, "ATT")
    loose = time_to_event(alone, people, time="durat", event="event", at=[70], tau=70).tidy().set_index("term")
    row = loose.loc["rmst_difference"]
    assert (row["estimate"], row["conf_low"], row["conf_high"]) == pytest.approx(
        (difference, low, high), rel=1e-8
    )
    assert row["p_value"] == pytest.approx(p, rel=R_CLOSED_FORM)
    assert row["std_error"] == pytest.approx((high - low) / (2 * Z), rel=R_CLOSED_FORM)
    # matched people are alike, so that the pairs make the difference surer
    assert rows.loc[("rmst_difference", 70), "std_error"] < row["std_error"]


def test_mcnemar_s_statistic_and_paired_table_are_r_s(pairs, people):
    # mcnemar.test(table(treated, control), correct=FALSE)
    test = mcnemar(pairs, people, outcome="back")
    assert test.detail.to_numpy().tolist() == [[217, 106], [129, 78]]
    assert test.statistic[0] == pytest.approx(2.25106382978723, rel=R_CLOSED_FORM)
    assert test.p_value[0] == pytest.approx(math.erfc(math.sqrt(2.25106382978723 / 2)), rel=R_CLOSED_FORM)


def test_a_yes_no_outcome_known_of_everyone_and_the_kaplan_meier_risk_are_one_figure(rows, pairs, people):
    plain = risk_contrast(pairs, people, outcome="back").tidy().set_index("term")
    for term in ("risk_treated", "risk_control", "risk_difference", "risk_ratio"):
        for column in ("estimate", "std_error", "conf_low", "conf_high"):
            assert plain.loc[term, column] == pytest.approx(rows.loc[(term, 70), column], rel=1e-10)


def test_the_odds_ratio_is_that_of_the_two_by_two_with_the_clustered_error_of_a_logistic_model(pairs, people):
    import statsmodels.api as sm

    row = risk_contrast(pairs, people, outcome="back").tidy().set_index("term").loc["odds_ratio"]
    assert row["estimate"] == pytest.approx(207 * 346 / (323 * 184), rel=1e-12)  # 207 of 530 and 184 of 530
    matched = people[pairs.weights > 0]
    model = sm.GLM(matched["back"], sm.add_constant(matched["workprg"].astype(float)), sm.families.Binomial())
    groups = pairs.set_id[pairs.weights > 0]
    fit = model.fit(tol=1e-14, cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False})
    assert row["std_error"] == pytest.approx(fit.bse["workprg"], rel=R_DETERMINISTIC)
