"""Effects after design, in reading order: one call takes the design whole and answers with every measure side by side."""

from __future__ import annotations

import numpy as np
import pytest

from pdd_outcomes.design import match, unadjusted
from pdd_outcomes.effects import mcnemar, risk_contrast, time_to_event

COVARIATES = ["black", "alcohol", "drugs", "married", "felon", "priors", "educ", "age_y"]


@pytest.fixture(scope="module")
def matched(recid):
    return match(recid, "workprg", covariates=COVARIATES, caliper=0.2)


@pytest.fixture(scope="module")
def effect(matched, recid):
    return time_to_event(
        matched, recid, time="durat", event="event", at=[12, 36, 70], tau=70, intervals=[12, 36]
    )


def test_a_hazard_ratio_never_stands_alone(effect):
    rows = effect.tidy()
    assert rows["term"].value_counts().to_dict() == {
        "risk_treated": 3, "risk_control": 3, "risk_difference": 3, "risk_ratio": 3,
        "rmst_treated": 1, "rmst_control": 1, "rmst_difference": 1, "rmst_ratio": 1,
        "hazard_ratio": 1, "hazard_ratio_interval": 3,
    }  # fmt: skip
    assert (rows["status"] == "ok").all()
    assert (rows["reason"] == "").all()


def test_every_row_says_its_scale_its_horizon_and_how_many_people_it_rests_on(effect):
    rows = effect.tidy()
    scales = rows.groupby("term")["scale"].unique().str[0].to_dict()
    assert (scales["risk_treated"], scales["risk_difference"], scales["risk_ratio"]) == (
        "probability", "difference", "ratio")  # fmt: skip
    assert (scales["rmst_difference"], scales["rmst_ratio"], scales["hazard_ratio"]) == (
        "time",
        "ratio",
        "ratio",
    )
    intervals = rows[rows["term"] == "hazard_ratio_interval"]
    assert intervals[["interval_start", "horizon"]].to_numpy().tolist() == [[0, 12], [12, 36], [36, 70]]
    # those who have had the event or left are no longer among the people of a later interval
    assert (np.diff(intervals["n_treated"]) < 0).all()
    overall = rows[rows["term"] == "hazard_ratio"].iloc[0]
    early = rows[(rows["term"] == "risk_treated") & (rows["horizon"] == 12)].iloc[0]
    assert early["events_treated"] < overall["events_treated"]


def test_ratios_stand_on_the_ratio_scale_with_the_error_of_their_logarithm(effect):
    rows = effect.tidy()
    ratios = rows[rows["scale"] == "ratio"]
    width = np.log(ratios["conf_high"] / ratios["conf_low"])
    assert (width / (2 * 1.959963984540054)).to_numpy() == pytest.approx(ratios["std_error"].to_numpy())
    middle = np.sqrt(ratios["conf_high"] * ratios["conf_low"])
    assert middle.to_numpy() == pytest.approx(ratios["estimate"].to_numpy())


def test_contrasts_are_of_the_arms_beside_them(effect):
    at = effect.tidy().set_index(["term", "horizon"])["estimate"]
    for h in (12, 36, 70):
        assert at[("risk_difference", h)] == pytest.approx(at[("risk_treated", h)] - at[("risk_control", h)])
        assert at[("risk_ratio", h)] == pytest.approx(at[("risk_treated", h)] / at[("risk_control", h)])
    assert at[("rmst_difference", 70)] == pytest.approx(at[("rmst_treated", 70)] - at[("rmst_control", 70)])


def test_the_estimand_is_the_design_s(effect, matched, recid):
    assert effect.estimand == matched.estimand == "FSATT"
    naive = unadjusted(recid, "workprg")
    assert risk_contrast(naive, recid, outcome="event").estimand == "unadjusted"
    of_controls = match(recid, "workprg", covariates=COVARIATES, estimand="ATC", replace=True)
    assert risk_contrast(of_controls, recid, outcome="event").estimand == "ATC"


def test_the_naive_contrast_has_everybody_in_it(recid):
    naive = time_to_event(unadjusted(recid, "workprg"), recid, time="durat", event="event", at=[36], tau=36)
    glance = naive.glance().iloc[0]
    assert (glance["n_treated"], glance["n_control"]) == (672, 773)
    assert glance["events_treated"] + glance["events_control"] == recid["event"].sum() == 552


def test_an_effect_shows_itself_as_its_table_and_draws_its_own_curves(effect):
    import matplotlib.pyplot as plt

    assert "risk_difference" in effect._repr_html_()
    axes = effect.plot()
    assert len(axes.lines) >= 2
    plt.close(axes.figure)
    assert "treated" in effect.alt_text()
    assert "control" in effect.alt_text()
    assert set(effect.curves.table["group"]) == {"treated", "control"}


def test_the_curves_are_where_the_risks_are_read(effect):
    read = effect.curves.at([36]).set_index("group")["estimate"]
    rows = effect.tidy().set_index(["term", "horizon"])["estimate"]
    for arm in ("treated", "control"):
        assert 1 - read[arm] == pytest.approx(rows[(f"risk_{arm}", 36)], rel=1e-10)


def test_the_test_of_proportional_hazards_can_be_asked_for_on_other_scales_of_time(effect):
    found = {
        transform: effect.ph_test(transform).p_value[-1] for transform in ("km", "identity", "rank", "log")
    }
    assert len(set(found.values())) == 4
    assert all(0 <= p <= 1 for p in found.values())


def test_a_yes_no_outcome_of_a_design_and_the_test_of_its_pairs(matched, recid):
    rows = risk_contrast(matched, recid, outcome="event")
    assert rows.tidy()["term"].tolist() == [
        "risk_treated", "risk_control", "risk_difference", "risk_ratio", "odds_ratio"]  # fmt: skip
    glance = rows.glance().iloc[0]
    assert glance["n_treated"] == glance["n_control"] == matched.glance()["matched_treated"].iloc[0]
    test = mcnemar(matched, recid, outcome="event")
    assert test.detail.to_numpy().sum() == glance["n_treated"]
    assert list(test.detail.columns) == ["control 0", "control 1"]
    # of pairs, the two tests are nearly one
    p = rows.tidy().set_index("term").loc["risk_difference", "p_value"]
    assert test.p_value[0] == pytest.approx(p, abs=0.01)
