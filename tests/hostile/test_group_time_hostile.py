"""Roll-outs that cannot be estimated get one clear error, or a row with its reason; never a traceback or a wrong number."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.draw.event_study import draw_event_study
from pdd_outcomes.core.errors import DataError, UsageError
from pdd_outcomes.core.results import NotEstimable
from pdd_outcomes.effects.difference_in_differences import difference_in_differences, event_study
from pdd_outcomes.effects.group_time_fit import two_by_two

ROLES = {"unit": "force", "time": "month", "start": "starts"}


def rollout(starts: list[float], periods: int = 6, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n = len(starts)
    return pd.DataFrame(
        {
            "force": np.repeat([f"f{i:02d}" for i in range(n)], periods),
            "month": np.tile(np.arange(1, periods + 1), n),
            "starts": np.repeat(np.array(starts, dtype=float), periods),
            "x": np.repeat(rng.normal(size=n), periods),
            "y": rng.normal(size=n * periods),
        }
    )


NEVER = np.nan
FORCES = [3, 3, 4, 5, NEVER, NEVER, NEVER, NEVER]


def refused(error: type[Exception], data: pd.DataFrame, *words: str, **options: object) -> None:
    roles = {**ROLES, **options}
    outcome = roles.pop("outcome", "y")
    with pytest.raises(error) as caught:
        difference_in_differences(data, outcome, **roles)
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_every_problem_of_the_columns_is_told_at_once() -> None:
    data = rollout(FORCES)
    data.loc[3, "y"] = np.nan
    refused(
        DataError,
        data,
        "y",
        "row 3",
        "Did you mean 'month'",
        "weights='x' is not above 0",
        time="mnth",
        weights="x",
    )


def test_a_panel_with_gaps_names_the_units_and_what_to_do() -> None:
    data = rollout(FORCES).drop(index=[7, 20])
    refused(DataError, data, "2 of 8 units (f01, f03) have no row in some of the 6 periods", "row of 0")
    twice = pd.concat([rollout(FORCES), rollout(FORCES).iloc[[0]]], ignore_index=True)
    refused(DataError, twice, "1 of 8 units (f00) have more than one row in a period", "finer unit")


def test_units_that_may_be_people_are_counted_and_not_named() -> None:
    data = rollout([3] * 60 + [NEVER] * 60).drop(index=[7])
    with pytest.raises(DataError, match="1 of 120 units have no row") as caught:
        difference_in_differences(data, "y", **ROLES)
    assert "f01" not in str(caught.value)


def test_a_start_must_be_constant_a_period_and_of_the_type_of_time() -> None:
    data = rollout(FORCES)
    varies = data.copy()
    varies.loc[2, "starts"] = 4
    refused(DataError, varies, "starts", "changes within 1 of 8 units", "row")
    refused(
        DataError,
        data.assign(starts=data["starts"].replace(4, 4.5)),
        "is not a period of time='month'",
        "6 of 48",
    )
    refused(DataError, data.assign(starts="March"), "must be a number, as time='month' is")
    refused(DataError, data.assign(month=data["month"].astype(str)), "must be a number or a date")
    dated = data.assign(month=pd.Timestamp("2015-01-01") + pd.to_timedelta(data["month"], unit="D"))
    refused(DataError, dated, "must be of the type of time='month'")
    group = data.assign(area=data.index % 2)
    refused(DataError, group, "cluster='area' changes within 8 of 8 units", cluster="area")


def test_infinite_missing_and_later_than_the_panel_are_all_never() -> None:
    plain = difference_in_differences(rollout(FORCES), "y", **ROLES).tidy()
    for never in (np.inf, 99.0):
        data = rollout(FORCES)
        same = difference_in_differences(data.assign(starts=data["starts"].fillna(never)), "y", **ROLES).tidy()
        pd.testing.assert_frame_equal(plain, same)
    whole = rollout(FORCES)
    nullable = difference_in_differences(
        whole.assign(starts=whole["starts"].astype("Int64")), "y", **ROLES
    ).tidy()
    pd.testing.assert_frame_equal(plain, nullable)


def test_those_treated_from_the_first_period_on_are_left_out_and_counted() -> None:
    more = difference_in_differences(rollout([*FORCES, 1, 0]), "y", **ROLES)
    assert more.dropped == 2
    assert more.glance()["dropped"].iloc[0] == 2
    assert more.glance()["n_units"].iloc[0] == 8


def test_nobody_treated_nobody_to_compare_with_and_nothing_before() -> None:
    refused(DataError, rollout([NEVER] * 5), "no unit is first treated")
    refused(DataError, rollout([1, 1, NEVER]), "no unit is first treated")
    refused(DataError, rollout([3, 4, 5]), "none is a never-treated control", "control='not_yet'")
    refused(DataError, rollout([3, 3, 3]), "all units start together", control="not_yet")
    refused(DataError, rollout([1, NEVER], periods=1), "one period")
    refused(DataError, rollout(FORCES).iloc[:0], "no rows")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"control": "nevertreated"}, "Choose one of ['never', 'not_yet']"),
        ({"method": "drdid"}, "'dr'"),
        ({"base": "first"}, "'universal'"),
        ({"inference": "bootstrap"}, "'jackknife'"),
        ({"anticipation": -1}, "at least 0"),
        ({"anticipation": True}, "at least 0"),
        ({"level": 95}, "between 0 and 1"),
        ({"covariates": ["x"], "formula": "x"}, "not both"),
    ],
)
def test_a_wrong_choice_lists_the_right_ones(options: dict, words: str) -> None:
    refused(UsageError, rollout(FORCES), words, **options)


def test_wrong_questions_to_the_averages_are_refused() -> None:
    found = difference_in_differences(rollout(FORCES), "y", **ROLES)
    for call, words in (
        (lambda: found.aggregate("dynamic"), "Choose one of"),
        (lambda: found.aggregate("group", lowest=0), "kind='event'"),
        (lambda: found.aggregate("calendar", highest=0), "highest"),
        (lambda: found.aggregate("event", highest=-1), "no effect since treatment"),
        (lambda: found.aggregate("group").plot(), "kind='event'"),
        (lambda: found.aggregate("event").bands(7), "default_rng"),
        (lambda: found.aggregate("event").bands(np.random.default_rng(1), 5), "at least 100"),
    ):
        with pytest.raises(UsageError) as caught:
            call()
        assert words in str(caught.value)


@pytest.mark.parametrize("inference", ["auto", "influence", "jackknife"])
@pytest.mark.parametrize(
    ("starts", "words"),
    [
        ([3, 3, 4, 5, NEVER, NEVER, NEVER], "compared with 3 clusters, fewer than 4"),
        ([3, NEVER, NEVER, NEVER, NEVER, NEVER], "of 1 treated cluster"),
    ],
)
def test_too_few_forces_get_the_estimate_the_reason_and_no_interval(
    inference: str, starts: list, words: str
) -> None:
    found = difference_in_differences(rollout(starts), "y", **ROLES, inference=inference)
    for table in (found.tidy(), *(found.aggregate(k).tidy() for k in ("simple", "event", "group", "calendar"))):
        assert table["estimate"].notna().all()
        assert table[["std_error", "p_value", "conf_low", "conf_high", "df"]].isna().all(axis=None)
        assert table["reason"].str.contains(f"{words}|of 1 treated cluster").all()
        assert words in found.aggregate("simple").tidy()["reason"].iloc[0]
    study = found.aggregate("event")
    assert study.bands(np.random.default_rng(1))["band_low"].isna().all()
    assert "without an interval" in study.alt_text()


def test_a_group_of_one_force_has_no_interval_of_its_own_but_the_average_has() -> None:
    found = difference_in_differences(rollout([3, 4, 5, NEVER, NEVER, NEVER, NEVER]), "y", **ROLES)
    assert found.inference == "jackknife"
    assert found.tidy()["reason"].str.contains("of 1 treated cluster").all()
    groups = found.aggregate("group").tidy().set_index("term")
    assert groups["std_error"].drop("overall").isna().all()
    assert groups.loc["overall", ["std_error", "df"]].notna().all()
    by_influence = difference_in_differences(
        rollout([3, 4, 5, NEVER, NEVER, NEVER, NEVER]), "y", **ROLES, inference="influence"
    ).tidy()
    assert by_influence["std_error"].notna().all()
    assert by_influence["reason"].str.contains("own chance this error does not count").all()


def test_effects_without_a_control_have_a_reason_and_the_averages_say_what_they_leave_out() -> None:
    found = difference_in_differences(rollout([3, 3, 3, 4, 4, 4, 5, 5, 5, 5]), "y", **ROLES, control="not_yet")
    late = found.tidy().query("time >= 5")
    assert late["estimate"].isna().all()
    assert late["reason"].str.contains("no unit is left to compare with").all()
    simple = found.aggregate("simple").tidy().iloc[0]
    assert "6 of 9 group-time effects are not estimable and left out" in simple["reason"]
    assert np.isfinite(simple["estimate"])


def test_covariates_that_a_cell_cannot_bear_leave_a_reason_and_no_number() -> None:
    data = rollout([3] * 6 + [NEVER] * 8)
    data["apart"] = data["starts"].notna() * 5.0 + data["x"]
    told = difference_in_differences(data, "y", **ROLES, covariates=["apart"]).tidy()
    assert told["estimate"].isna().all()
    assert told["reason"].str.contains("tell the treated from their controls").all()
    many = data.assign(**{f"z{i}": np.random.default_rng(i).normal(size=14).repeat(6) for i in range(8)})
    names = [f"z{i}" for i in range(8)]
    few = difference_in_differences(many, "y", **ROLES, covariates=names, method="regression").tidy()
    assert few["reason"].str.contains("8 units to compare with are too few").all()
    flat = difference_in_differences(
        data.assign(one=1.0), "y", **ROLES, covariates=["one"], method="ipw"
    ).tidy()
    assert flat["reason"].str.contains("constant").all()
    with pytest.raises(UsageError, match="no effect since treatment"):
        difference_in_differences(data, "y", **ROLES, covariates=["apart"]).aggregate("simple")
    missing = data.assign(x=data["x"].where(data.index != 4))
    refused(DataError, missing, "x", "row 4", covariates=["x"])


def test_outcomes_that_do_not_vary_have_no_error_to_go_by() -> None:
    for inference in ("influence", "jackknife"):
        still = difference_in_differences(rollout(FORCES).assign(y=1e6), "y", **ROLES, inference=inference)
        simple = still.aggregate("simple").tidy().iloc[0]
        assert simple["estimate"] == pytest.approx(0.0)
        assert np.isnan(simple["std_error"])
        assert "do not differ" in simple["reason"]


def test_the_test_before_treatment_says_why_it_cannot_be_made() -> None:
    def reason(starts: list[float], **options: object) -> str:
        found = difference_in_differences(rollout(starts), "y", **ROLES, **options).pre_trend_test()
        assert isinstance(found, NotEstimable)
        return found.reason

    assert "each is treated too early" in reason([2] * 6 + [NEVER] * 6)
    assert "a group has 1 cluster" in reason([3] * 6 + [4] + [NEVER] * 6)
    assert "4 effects would be tested jointly with 30 clusters" in reason([6] * 15 + [NEVER] * 15)
    same = rollout([4] * 30 + [NEVER] * 30)
    same.loc[same["month"] <= 2, "y"] = 0.0
    found = difference_in_differences(same, "y", **ROLES).pre_trend_test()
    assert isinstance(found, NotEstimable)
    assert "singular" in found.reason


def test_a_two_by_two_of_a_handful_is_a_reason_and_not_a_crash() -> None:
    treated = np.array([True, False])
    found = two_by_two(np.array([1.0, 2.0]), treated, np.array([[0.0], [1.0]]), np.ones(2), "dr")
    assert isinstance(found, str)


def test_a_frame_that_is_no_event_study_is_refused_by_the_picture() -> None:
    with pytest.raises(DataError, match="no column 'event_time'"):
        draw_event_study(pd.DataFrame({"estimate": [1.0]}))


def test_every_result_shows_itself() -> None:
    found = difference_in_differences(rollout(FORCES), "y", **ROLES)
    for result in (found, found.aggregate("event"), event_study(rollout(FORCES), "y", **ROLES)):
        assert "<table" in result._repr_html_()
        assert len(result.glance()) == 1
