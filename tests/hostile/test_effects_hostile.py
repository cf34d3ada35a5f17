"""Bad designs and outcomes: one clear error, or a row that says why it is empty; never a figure that cannot be known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.errors import DataError, UsageError
from pdd_outcomes.core.results import NotEstimable
from pdd_outcomes.design import Design, match, unadjusted
from pdd_outcomes.effects import mcnemar, risk_contrast, time_to_event

ERRORS = ["std_error", "statistic", "p_value", "conf_low", "conf_high"]
TREATED = np.arange(12) < 6
TIMES = [1, 2, 3, 4, 6, 6, 1, 2.5, 3, 7, 8, 9.0]
EVENTS = [1, 1, 0, 1, 1, 0, 1, 0, 1, 1, 0, 0]


def design(weights=None, sets=None):
    return Design(
        TREATED, np.ones(12) if weights is None else np.array(weights, float), sets, "ATT"
    )  # each person a cluster where there are no sets


def people(time=TIMES, event=EVENTS, **more):
    return pd.DataFrame({"days": time, "arrested": event, **more})


def run(plan=None, frame=None, **more):
    wanted = {"time": "days", "event": "arrested", "at": [5], "tau": 5, **more}
    return time_to_event(design() if plan is None else plan, people() if frame is None else frame, **wanted)


def refused(error, call, *words):
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value), str(caught.value)


def answered(y, plan=None):
    return (
        risk_contrast(design() if plan is None else plan, pd.DataFrame({"y": y}), outcome="y")
        .tidy()
        .set_index("term")
    )


def rows_of(result):
    return result.tidy().set_index(["term", "horizon"])


# columns


def test_a_wrong_column_is_named_with_the_nearest_right_one_and_all_are_named_at_once():
    refused(
        DataError,
        lambda: run(time="day", event="arested"),
        "time='day' is not a column of the data. Did you mean 'days'?",
        "event='arested' is not a column of the data. Did you mean 'arrested'?",
    )
    frame = people(rearrested=EVENTS)
    refused(
        DataError, lambda: risk_contrast(design(), frame, outcome="rearested"), "Did you mean 'rearrested'?"
    )
    refused(
        DataError, lambda: mcnemar(design(sets=np.tile(np.arange(6), 2)), frame, outcome="x"), "outcome='x'"
    )


def test_missing_outcomes_are_counted_located_and_given_a_remedy():
    gaps = people(time=[np.nan, *TIMES[1:]], event=[*EVENTS[:-2], None, np.nan])
    refused(
        DataError,
        lambda: run(frame=gaps),
        "time='days' is missing for 1 of 12 rows (row 0). Impute or exclude them in the cohort.",
        "event='arrested' is missing for 2 of 12 rows (rows 10, 11)",
    )
    refused(
        DataError, lambda: risk_contrast(design(), gaps, outcome="arrested"), "outcome='arrested' is missing"
    )


def test_times_below_0_infinite_or_in_words_are_refused_without_repeating_them():
    refused(
        DataError, lambda: run(frame=people(time=[-3, *TIMES[1:]])), "time='days' is below 0 for 1 of 12 rows"
    )
    refused(DataError, lambda: run(frame=people(time=[np.inf, *TIMES[1:]])), "time='days' is infinite")
    words = people(time=["three weeks", *map(str, TIMES[1:])])
    with pytest.raises(DataError, match="time='days' must be a number") as caught:
        run(frame=words)
    assert "three weeks" not in str(caught.value)


def test_an_outcome_that_is_not_yes_or_no_is_refused():
    twos = people(event=[2, *EVENTS[1:]])
    refused(
        DataError, lambda: run(frame=twos), "event='arrested' is neither 0 nor 1 for 1 of 12 rows", "Recode"
    )
    refused(DataError, lambda: risk_contrast(design(), twos, outcome="arrested"), "neither 0 nor 1", "row 0")
    refused(DataError, lambda: risk_contrast(design(), people(), outcome="days"), "neither 0 nor 1")


def test_outcomes_of_other_people_are_refused_with_both_counts():
    for call in (
        lambda: run(frame=people().iloc[:7]),
        lambda: risk_contrast(design(), people().iloc[:7], outcome="arrested"),
        lambda: mcnemar(design(), people().iloc[:7], outcome="arrested"),
    ):
        refused(UsageError, call, "7 rows", "12", "same people in the same order")


def test_a_list_is_not_a_frame():
    refused(UsageError, lambda: run(frame=TIMES), "DataFrame")
    refused(UsageError, lambda: risk_contrast(design(), EVENTS, outcome="y"), "DataFrame")


# horizons


@pytest.mark.parametrize("at", [[], [0], [-5], [5, np.nan], [np.inf], 5, ["5"], [[5]], None])
def test_horizons_must_be_finite_numbers_above_0(at):
    refused(UsageError, lambda: run(at=at), "at= needs at least one horizon, each a finite number above 0")


@pytest.mark.parametrize("tau", [0, -1, np.nan, np.inf, "5", None])
def test_the_restriction_time_must_be_a_finite_number_above_0(tau):
    refused(UsageError, lambda: run(tau=tau), "tau= must be a finite number above 0")


@pytest.mark.parametrize("cuts", [[0, 2], [3, 2], [2, 2], [5], [np.nan], [-1]])
def test_interval_cuts_must_increase_inside_the_horizons(cuts):
    refused(
        UsageError,
        lambda: run(intervals=cuts),
        "intervals= must increase, from above 0 to below the last horizon",
    )


def test_every_wrong_time_is_told_at_once_and_the_level_is_a_share():
    refused(UsageError, lambda: run(at=[0], tau=-1, intervals="2"), "at=", "tau=", "intervals=")
    refused(UsageError, lambda: run(level=95), "between 0 and 1")
    refused(UsageError, lambda: answered_at(95), "between 0 and 1")


def answered_at(level):
    return risk_contrast(design(), people(), outcome="arrested").tidy(level)


def test_a_horizon_nobody_is_followed_to_is_a_row_that_says_so():
    rows = rows_of(run(at=[5, 6.5, 100], tau=100))
    assert (rows.loc["risk_difference", "status"]).tolist() == ["ok", "not_estimable", "not_estimable"]
    said = rows.loc["risk_difference", "reason"].tolist()
    assert said[1] == "nobody among the treated people is followed to this horizon"
    assert said[2] == "nobody among the treated or the control people is followed to this horizon"
    assert rows.loc[("rmst_difference", 100), "reason"] == "follow-up does not reach the restriction time"
    assert rows.loc["risk_difference", ["estimate", *ERRORS]].iloc[1:].isna().all(axis=None)


# arms


def test_an_arm_without_people_is_an_error_that_names_it():
    nobody = design(weights=[1] * 6 + [0] * 6)
    refused(DataError, lambda: run(nobody), "keeps no control person", "Widen the caliper")
    refused(DataError, lambda: risk_contrast(nobody, people(), outcome="arrested"), "keeps no control person")
    everyone_zero = design(weights=[0] * 12)
    refused(DataError, lambda: run(everyone_zero), "keeps no treated person", "keeps no control person")
    refused(DataError, lambda: unadjusted(people(t=[1] * 12), "t"), "one arm is empty")


def test_an_arm_without_events_leaves_a_difference_without_an_error_not_with_the_other_arm_s():
    rows = rows_of(run(frame=people(event=[1] * 6 + [0] * 6), intervals=[2]))
    control, difference = rows.loc[("risk_control", 5)], rows.loc[("risk_difference", 5)]
    assert (control["estimate"], difference["estimate"]) == (0, rows.loc[("risk_treated", 5), "estimate"])
    for row in (control, difference, rows.loc[("rmst_control", 5)], rows.loc[("rmst_difference", 5)]):
        assert row[ERRORS].isna().all()
        assert row["status"] == "ok"
        assert row["reason"].startswith("no interval: the outcomes of the control people do not vary")
    assert rows.loc[("risk_treated", 5), "std_error"] > 0
    assert (
        rows.loc[("risk_ratio", 5), "reason"] == "an arm has no event by then, so the ratio is 0 or undefined"
    )
    for hazard in (rows.loc[("hazard_ratio", 9)], rows.loc[("hazard_ratio_interval", 2)]):
        assert (hazard["status"], hazard["reason"]) == (
            "not_estimable", "no event among the control people in this interval")  # fmt: skip


@pytest.mark.parametrize(("event", "by"), [(0, 5), (1, 9)])
def test_nobody_s_or_everybody_s_event_is_no_certainty(event, by):
    result = run(frame=people(event=[event] * 12), at=[by], tau=by)
    rows = result.tidy().set_index("term")
    assert rows.loc["risk_difference", "estimate"] == 0
    assert rows.loc[["risk_treated", "risk_control", "risk_difference"], ERRORS].isna().all(axis=None)
    plain = answered([event] * 12)
    assert plain.loc["risk_difference", "estimate"] == 0
    assert plain.loc[["risk_treated", "risk_control", "risk_difference"], ERRORS].isna().all(axis=None)
    assert plain.loc["odds_ratio", "reason"] == "the risk of an arm is 0 or 1"
    assert np.isnan(plain.loc["odds_ratio", "estimate"])
    assert result.alt_text()


def test_a_yes_no_risk_of_0_has_no_ratio_and_a_risk_of_1_has_one_without_an_interval():
    none = answered([1, 1, 0, 0, 0, 0] + [0] * 6)
    assert none.loc["risk_ratio", "reason"] == "the risk of an arm is 0"
    assert none.loc["risk_difference", ["estimate", "std_error"]].tolist() == pytest.approx(
        [1 / 3, np.nan], nan_ok=True
    )
    every = answered([1] * 6 + [1, 1, 1, 0, 0, 0])
    assert every.loc["risk_ratio", "estimate"] == pytest.approx(2)
    assert every.loc["risk_ratio", ERRORS].isna().all()
    assert "treated people do not vary" in every.loc["risk_ratio", "reason"]


def test_a_proportion_s_interval_stays_between_0_and_1():
    rows = answered([1, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0])
    assert rows.loc["risk_treated", "conf_low"] == 0
    assert rows.loc["risk_control", "conf_high"] == 1


def test_two_people_are_compared_without_any_error():
    pair = Design(np.array([True, False]), np.ones(2), np.zeros(2, dtype=int), "ATT")
    frame = pd.DataFrame({"days": [1.0, 2], "arrested": [1, 1]})
    result = time_to_event(pair, frame, time="days", event="arrested", at=[1.5], tau=1)
    rows = result.tidy().set_index("term")
    assert rows.loc["risk_difference", "estimate"] == 1
    assert rows[ERRORS].isna().all(axis=None)
    assert (rows["reason"] != "").all()


def test_one_cluster_says_nothing_of_how_clusters_vary():
    one = design(sets=np.zeros(12, dtype=int))
    rows = run(one, intervals=[2]).tidy()
    known = rows["status"] == "ok"
    assert known.sum() >= 9
    assert rows.loc[known, "estimate"].notna().all()
    assert rows[ERRORS].isna().all(axis=None)
    assert rows.loc[known, "reason"].str.contains("clusters").all()
    plain = answered(EVENTS, one)
    assert plain[ERRORS].isna().all(axis=None)
    assert plain.loc["risk_difference", "estimate"] == pytest.approx(1 / 6)


def test_one_cluster_gives_a_hazard_ratio_no_error_however_little_the_fit_leaves_over(monkeypatch):
    monkeypatch.setattr("pdd_outcomes.effects.contrasts.NOUGHT", 0.0)
    row = run(design(sets=np.zeros(12, dtype=int))).tidy().set_index("term").loc["hazard_ratio"]
    assert row["estimate"] > 0
    assert row[ERRORS].isna().all()


def test_pairs_that_all_agree_give_no_error_to_their_difference():
    pairs = design(sets=np.tile(np.arange(6), 2))
    rows = answered([1, 0, 1, 0, 0, 1] * 2, pairs)
    assert rows.loc["risk_treated", "std_error"] > 0
    assert rows.loc["risk_difference", "estimate"] == 0
    assert rows.loc["risk_difference", ERRORS].isna().all()
    assert "clusters" in rows.loc["risk_difference", "reason"]
    alike = run(pairs, people(time=TIMES[:6] * 2, event=EVENTS[:6] * 2)).tidy().set_index("term")
    assert alike.loc["hazard_ratio", "estimate"] == pytest.approx(1)
    assert alike.loc[["hazard_ratio", "risk_difference", "rmst_difference"], ERRORS].isna().all(axis=None)


def test_events_that_the_arms_separate_are_a_row_and_the_test_of_hazards_repeats_its_reason():
    result = run(frame=people(time=[1, 2, 3, 1, 2, 3, 10, 11, 12, 10, 11, 12.0], event=[1] * 12))
    row = result.tidy().set_index("term").loc["hazard_ratio"]
    assert row["status"] == "not_estimable"
    assert "separates the events" in row["reason"]
    test = result.ph_test()
    assert isinstance(test, NotEstimable)
    assert test.reason == row["reason"]
    nobody = run(frame=people(event=[1] * 6 + [0] * 6)).ph_test()
    assert isinstance(nobody, NotEstimable)
    assert nobody.reason == "no event among the control people in this interval"


def test_an_unknown_transform_of_time_lists_the_right_ones():
    refused(UsageError, lambda: run().ph_test("KM"), "km", "identity")


def test_everybody_s_event_at_time_0_is_survived():
    rows = run(frame=people(time=[0.0] * 12, event=[1] * 12)).tidy().set_index("term")
    assert rows.loc["rmst_treated", "estimate"] == 0
    assert rows.loc["rmst_ratio", "reason"] == (
        "an arm has no time without the event, so the ratio is 0 or undefined"
    )
    assert rows[ERRORS].isna().all(axis=None)


# pairs


def test_mcnemar_s_test_is_refused_for_whatever_is_not_pairs():
    frame = people(t=TREATED.astype(int), x=np.arange(12.0))
    remedy = "match with ratio=1 and replace=False"
    refused(UsageError, lambda: mcnemar(unadjusted(frame, "t"), frame, outcome="arrested"), remedy)
    again = match(frame, "t", covariates=["x"], distance=frame["x"].to_numpy(), replace=True)
    refused(UsageError, lambda: mcnemar(again, frame, outcome="arrested"), remedy)
    two_each = Design(np.arange(12) < 4, np.ones(12), np.tile(np.arange(4), 3), "ATT")
    refused(UsageError, lambda: mcnemar(two_each, frame, outcome="arrested"), remedy)
    # as many controls as treated, once each, but in other sets
    astray = design(sets=np.array([0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 4]))
    refused(UsageError, lambda: mcnemar(astray, frame, outcome="arrested"), remedy)


def test_mcnemar_s_test_needs_a_pair_that_disagrees():
    pairs = design(sets=np.tile(np.arange(6), 2))
    frame = pd.DataFrame({"y": [1, 0, 1, 0, 0, 1] * 2})
    refused(DataError, lambda: mcnemar(pairs, frame, outcome="y"), "no pair is discordant")
