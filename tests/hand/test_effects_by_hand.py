"""Effects worked by hand on six to twelve people."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.design import Design, match
from pdd_outcomes.effects import RiskContrast, mcnemar, risk_contrast, time_to_event
from pdd_outcomes.effects.certainty import why_no_error
from tests.tolerances import ROUNDING, SAME_ALGORITHM

Z = 1.959963984540054


def design(treated, weights=None, sets=None):
    arm = np.array(treated, dtype=bool)
    weight = np.ones(len(arm)) if weights is None else np.array(weights, dtype=float)
    return Design(arm, weight, None if sets is None else np.array(sets), "ATT")


def answers(values):
    return pd.DataFrame({"y": values})


def by_term(result):
    return result.tidy().set_index("term")


def test_a_two_by_two_of_unrelated_people():
    # treated 3 of 5, control 2 of 10: risks 0.6 and 0.2
    found = risk_contrast(design([1] * 5 + [0] * 10), answers([1, 1, 1, 0, 0] + [1, 1] + [0] * 8), outcome="y")
    rows = by_term(found)
    # variances p(1-p)/n: 0.24/5 = 0.048 and 0.16/10 = 0.016
    assert rows.loc["risk_treated", ["estimate", "std_error"]].tolist() == pytest.approx([0.6, np.sqrt(0.048)])
    assert rows.loc["risk_control", ["estimate", "std_error"]].tolist() == pytest.approx([0.2, np.sqrt(0.016)])
    # difference 0.4, variance 0.064
    assert rows.loc["risk_difference", ["estimate", "std_error"]].tolist() == pytest.approx(
        [0.4, np.sqrt(0.064)]
    )
    assert rows.loc["risk_difference", "conf_low"] == pytest.approx(0.4 - Z * np.sqrt(0.064), rel=ROUNDING)
    assert rows.loc["risk_difference", "statistic"] == pytest.approx(0.4 / np.sqrt(0.064), rel=ROUNDING)
    # log ratio: 1/3 - 1/5 + 1/2 - 1/10 = 8/15
    error = np.sqrt(1 / 3 - 1 / 5 + 1 / 2 - 1 / 10)
    assert rows.loc["risk_ratio", "std_error"] == pytest.approx(error, rel=ROUNDING)
    limits = rows.loc["risk_ratio", ["estimate", "conf_low", "conf_high"]].tolist()
    assert limits == pytest.approx([3, 3 * np.exp(-Z * error), 3 * np.exp(Z * error)], rel=ROUNDING)
    # Woolf: 1/3 + 1/2 + 1/2 + 1/8; odds ratio (3/2)/(2/8) = 6
    assert rows.loc["odds_ratio", "estimate"] == pytest.approx(6, rel=ROUNDING)
    assert rows.loc["odds_ratio", "std_error"] == pytest.approx(
        np.sqrt(1 / 3 + 1 / 2 + 1 / 2 + 1 / 8), rel=ROUNDING
    )
    # a risk has no null to be tested against
    assert rows.loc[["risk_treated", "risk_control"], "p_value"].isna().all()


def test_pairs_that_agree_make_the_difference_surer_and_pairs_that_disagree_less_sure():
    # four pairs; treated 1 1 0 0, control 1 0 0 0: risks 1/2 and 1/4
    # influences, a quarter each: treated 1/8 1/8 -1/8 -1/8; control 3/16 -1/16 -1/16 -1/16
    # difference by pair: -1/16, 3/16, -1/16, -1/16; variance 12/256
    found = risk_contrast(
        design([1, 1, 1, 1, 0, 0, 0, 0], sets=[0, 1, 2, 3] * 2), answers([1, 1, 0, 0, 1, 0, 0, 0]), outcome="y"
    )
    assert by_term(found).loc["risk_difference", "std_error"] == pytest.approx(np.sqrt(12 / 256), rel=ROUNDING)
    # covariance of the arms: (1/8)(3/16) + (1/8)(-1/16) + 2 (1/8)(1/16) = 4/128
    assert found.covariance[0, 1] == pytest.approx(4 / 128, rel=ROUNDING)
    # the same people, the treated of the first pair now with the second pair's control and so on round:
    # 1/8+1/16, 1/8+1/16, -1/8+1/16, -1/8-3/16: (9 + 9 + 1 + 25)/256
    apart = risk_contrast(
        design([1, 1, 1, 1, 0, 0, 0, 0], sets=[0, 1, 2, 3, 3, 0, 1, 2]), answers([1, 1, 0, 0, 1, 0, 0, 0]), outcome="y"
    )  # fmt: skip
    assert by_term(apart).loc["risk_difference", "std_error"] == pytest.approx(np.sqrt(44 / 256), rel=ROUNDING)


def test_weights_make_weighted_means_and_a_weightless_person_does_not_count():
    # controls 1, 0, 0 with weights 2, 1, 1: risk 2/4; influences 2(1/2)/4, -1/8, -1/8: variance 1/16 + 2/64
    found = risk_contrast(
        design([1, 1, 0, 0, 0, 0], weights=[1, 1, 2, 1, 1, 0]), answers([1, 0, 1, 0, 0, 1]), outcome="y"
    )
    row = by_term(found).loc["risk_control"]
    assert row[["estimate", "std_error"]].tolist() == pytest.approx([0.5, np.sqrt(6 / 64)], rel=ROUNDING)
    assert (found.n_treated, found.n_control) == (2, 3)


def test_a_control_who_serves_twice_is_two_rows_and_the_variance_is_clustered_two_ways():
    # three treated at 0, 1, 5; controls at 0.1 and 5.2: the first control serves two sets, the last one
    people = pd.DataFrame({"t": [1, 1, 1, 0, 0], "y": [1, 0, 1, 1, 0]})
    score = np.array([0.0, 0.15, 5.0, 0.1, 5.2])
    matched = match(people, "t", covariates=["y"], distance=score, replace=True)
    assert matched.pairs["control"].tolist() == [3, 3, 4]
    found = risk_contrast(matched, people, outcome="y")
    # treated 2/3, control (1 + 1 + 0)/3 = 2/3; influences thirds of (1/3, -2/3, 1/3) and (1/3, 1/3, -2/3)
    assert found.risks == pytest.approx([2 / 3, 2 / 3], rel=ROUNDING)
    assert found.n_control == 2
    # V1 by set: of (treated - control)/9 = 0, -3, 3 ninths: 18/81
    # V2 by person: treated 1, -2, 1; control serving twice -2, other +2: 1 + 4 + 1 + 4 + 4 = 14/81
    # V12 by row: 1 + 4 + 1 + 1 + 1 + 4 = 12/81; in all 18 + 14 - 12 = 20/81
    row = by_term(found).loc["risk_difference"]
    assert row["std_error"] == pytest.approx(np.sqrt(20 / 81), rel=ROUNDING)


def test_mcnemar_counts_the_pairs_that_disagree():
    # twelve pairs: both 2, treated only 6, control only 1, neither 3: (6 - 1)^2 / 7
    treated = [1, 1] + [1] * 6 + [0] + [0] * 3
    control = [1, 1] + [0] * 6 + [1] + [0] * 3
    pairs = design([1] * 12 + [0] * 12, sets=list(range(12)) * 2)
    test = mcnemar(pairs, answers(treated + control), outcome="y")
    assert test.statistic[0] == pytest.approx(25 / 7, rel=ROUNDING)
    assert test.detail.to_numpy().tolist() == [[3, 1], [6, 2]]
    assert test.detail.index.tolist() == ["treated 0", "treated 1"]
    # the risk difference is that of the same pairs: (6 - 1)/12
    row = by_term(risk_contrast(pairs, answers(treated + control), outcome="y")).loc["risk_difference"]
    assert row["estimate"] == pytest.approx(5 / 12, rel=ROUNDING)
    # and its variance is that of paired proportions: {7 - 25/12} / 144
    assert row["std_error"] == pytest.approx(np.sqrt((7 - 25 / 12) / 144), rel=ROUNDING)


@pytest.fixture
def six():
    """Treated 1, 3, 4+; control 2, 3, 5+ ('+' is censored)."""
    people = pd.DataFrame({"t": [1.0, 3, 4, 2, 3, 5], "e": [1, 1, 0, 1, 1, 0]})
    return design([1, 1, 1, 0, 0, 0]), people


def test_risks_and_restricted_means_of_six_people(six):
    found = time_to_event(*six, time="t", event="e", at=[2, 4], tau=4).tidy().set_index(["term", "horizon"])
    # survival of the treated: 2/3 from 1, 1/3 from 3; of the control: 2/3 from 2, 1/3 from 3
    assert found.loc[("risk_treated", 2), "estimate"] == pytest.approx(1 / 3, rel=ROUNDING)
    assert found.loc[("risk_difference", 4), "estimate"] == pytest.approx(0, abs=ROUNDING)
    # Greenwood at 4, both arms: (1/3)^2 (1/6 + 1/2) = 2/27
    assert found.loc[("risk_difference", 4), "std_error"] == pytest.approx(np.sqrt(4 / 27), rel=ROUNDING)
    # areas to 4: treated 1 + 2(2/3) + 1/3 = 8/3; control 2 + 2/3 + 1/3 = 3
    assert found.loc[("rmst_treated", 4), "estimate"] == pytest.approx(8 / 3, rel=ROUNDING)
    assert found.loc[("rmst_difference", 4), "estimate"] == pytest.approx(-1 / 3, rel=ROUNDING)
    # areas after each event: treated 5/3 and 1/3; control 1 and 1/3; with 1/6 and 1/2
    variance = (25 / 9 / 6 + 1 / 9 / 2) + (1 / 6 + 1 / 9 / 2)
    assert found.loc[("rmst_difference", 4), "std_error"] == pytest.approx(np.sqrt(variance), rel=ROUNDING)
    assert found.loc[("rmst_ratio", 4), "estimate"] == pytest.approx(8 / 9, rel=ROUNDING)
    assert found.loc[("risk_treated", 2), ["events_treated", "events_control"]].tolist() == [1, 1]


def test_an_interval_s_hazard_ratio_is_cox_s_among_those_still_followed(six):
    rows = time_to_event(*six, time="t", event="e", at=[4], tau=4, intervals=[2.5]).tidy()
    late = rows[(rows["term"] == "hazard_ratio_interval") & (rows["interval_start"] == 2.5)].iloc[0]
    # two treated (3, 4+) and two controls (3, 5+) enter at 2.5; the two events are tied, one in each arm: Efron's
    # score is 0 at a ratio of 1 by symmetry
    assert late["estimate"] == pytest.approx(1, rel=SAME_ALGORITHM)
    assert late[["n_treated", "n_control", "events_treated", "events_control"]].tolist() == [2, 2, 1, 1]
    early = rows[(rows["term"] == "hazard_ratio_interval") & (rows["interval_start"] == 0)].iloc[0]
    # likelihood: r/(3r + 3) for the treated event at 1, 1/(2r + 3) for the control's at 2, when 2 and 3 are left
    # score: 1 = r/(r + 1) + 2r/(2r + 3), so 2r^2 = 3 and r = sqrt(3/2)
    assert early["estimate"] == pytest.approx(np.sqrt(1.5), rel=SAME_ALGORITHM)
    assert early[["n_treated", "events_treated", "events_control"]].tolist() == [3, 1, 1]


def test_an_event_on_the_first_day_counts():
    people = pd.DataFrame({"t": [0.0, 3, 4, 2, 3, 5], "e": [1, 1, 0, 1, 1, 0]})
    rows = time_to_event(
        design([1, 1, 1, 0, 0, 0]), people, time="t", event="e", at=[1], tau=4, intervals=[2.5]
    )
    found = rows.tidy().set_index("term")
    assert found.loc["risk_treated", "estimate"] == pytest.approx(1 / 3)
    assert found.loc["hazard_ratio", "events_treated"] == 2
    assert found.loc["hazard_ratio_interval", "events_treated"].iloc[0] == 1


def test_an_arm_that_does_not_vary_gives_a_contrast_no_error_and_a_risk_alone_is_untouched_by_it():
    covariance, alone = np.array([[0.04, 0.0], [0.0, 0.0]]), np.array([0.04, 0.0])
    assert why_no_error(covariance, alone, [1, 0]) == ""
    assert "control people do not vary" in why_no_error(covariance, alone, [1, -1])
    # two arms that vary, and never apart: the clusters' sums are 0
    assert "clusters" in why_no_error(np.full((2, 2), 0.04), np.array([0.04, 0.04]), [1, -1])


def test_a_variance_of_0_that_comes_out_just_below_it_is_no_error_and_no_warning():
    covariance = np.array([[0.04, 0.04 + 1e-17], [0.04 + 1e-17, 0.04]])
    assert np.array([1, -1]) @ covariance @ np.array([1, -1]) < 0
    row = by_term(RiskContrast(np.array([0.5, 0.5]), covariance, "ATT", 6, 6)).loc["risk_difference"]
    assert row["estimate"] == 0
    assert np.isnan(row["std_error"])
    assert "clusters" in row["reason"]
