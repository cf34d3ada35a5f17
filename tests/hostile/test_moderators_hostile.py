"""Bad moderators and samples too small: one clear error, or a row that says why it is empty."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.errors import DataError, UsageError
from pdd_outcomes.design import Design
from pdd_outcomes.synthesis.exploratory import (
    NO_SPREAD,
    _calibration,
    _sorted_groups,
    explore_heterogeneity,
)
from pdd_outcomes.synthesis.moderators import moderators, trend_interaction

N = 400
NUMBERS = ["estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    time = rng.exponential(12.0, N)
    return pd.DataFrame(
        {
            "days": np.minimum(time, 20.0),
            "arrested": (time <= 20).astype(int),
            "sex": rng.choice(["men", "women"], N),
            "age": rng.normal(30, 8, N),
            "treated": np.arange(N) % 2,
        }
    )


DESIGN = Design(np.arange(N) % 2 == 1, np.ones(N), np.arange(N) // 2, "ATT")


def asked(people, design=DESIGN, **more):
    wanted = {"time": "days", "event": "arrested", "at": 10, "moderators": ["sex"], **more}
    return moderators(design, people, **wanted)


def trend(people, design=DESIGN, **more):
    wanted = {"time": "days", "event": "arrested", "at": 10, "moderator": "age", **more}
    return trend_interaction(design, people, **wanted)


def refused(error, call, *words):
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_every_problem_is_told_at_once(people):
    bad = people.assign(
        group=np.where(np.arange(N) == 3, None, "a"), days=people["days"].where(np.arange(N) != 5)
    )
    refused(
        DataError,
        lambda: asked(bad, moderators=["group", "age", "sx"]),
        "'days' is missing for 1 of 400 rows (row 5)",
        "'group' is missing for 1 of 400 rows (row 3)",
        "'age' is a number of 400 values",
        "pandas.cut",
        "trend_interaction",
        "'sx' is not a column of the data. Did you mean 'sex'?",
    )


def test_dates_and_identifiers_are_no_moderators(people):
    bad = people.assign(day=pd.Timestamp("2024-01-01"), key=[f"p{i}" for i in range(N)])
    refused(
        DataError, lambda: asked(bad, moderators=["day", "key"]), "'day' holds dates", "'key' has 400 levels"
    )


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"moderators": "sex"}, "must be a list"),
        ({"moderators": []}, "is empty"),
        ({"moderators": ["sex", "sex"]}, "twice"),
        ({"moderators": ["arrested"]}, "cannot moderate itself"),
        ({"at": 0}, "above 0"),
        ({"at": [10, 20]}, "one finite time"),
        ({"minimum": 0}, "minimum=0"),
        ({"minimum_events": 2.5}, "minimum_events=2.5"),
        ({"alpha": 5}, "alpha=5"),
        ({"adjust": "bonferroni"}, "Choose one of ['holm', 'bh']"),
        ({"level": 95}, "level=95"),
        ({"estimated_weights": True}, "for a design from `weight`"),
    ],
)
def test_a_wrong_call_says_what_is_allowed(people, more, word):
    refused(UsageError, lambda: asked(people, **more), word)


def test_rows_that_are_not_the_designs_are_refused(people):
    refused(UsageError, lambda: asked(people.iloc[:-1]), "399 rows and the design 400")


def test_small_and_one_armed_levels_are_rows_with_a_reason_and_leave_the_test(people):
    first = np.arange(N)
    area = np.select([first < 30, (first < 60) & (first % 2 == 1)], ["small", "treated only"], people["sex"])
    found = asked(people.assign(area=area), moderators=["area"])
    rows = found.tidy().set_index(["term", "scale"])
    for name, words in (("small", "fewer than 30 people"), ("treated only", "no control person")):
        for scale in ("difference", "ratio"):
            assert rows.loc[(name, scale), "status"] == "not_estimable"
            assert words in rows.loc[(name, scale), "reason"]
            assert rows.loc[(name, scale), NUMBERS].isna().all()
    tests = found.interactions()
    assert tests["df"].tolist() == [1, 1]
    assert tests["levels"].tolist() == [2, 2]
    assert tests["p_value"].notna().all()
    kinds = found.forest_frame("ratio").set_index("label")["kind"]
    assert kinds.to_dict() == {
        "area: men": "study",
        "area: small": "not_estimable",
        "area: treated only": "not_estimable",
        "area: women": "study",
        "everyone": "pooled",
    }
    assert found.plot("ratio") is not None
    assert "Not estimable: 2." in found.alt_text("ratio")


def test_a_level_with_few_events_says_so_on_each_scale_by_itself(people):
    # nobody of the small hours has an event by the horizon, though everyone has one later
    late = np.arange(N) < 120
    moved = people.assign(
        days=np.where(late, 15 + people["days"] / 10, people["days"]),
        arrested=np.where(late, 1, people["arrested"]),
        hours=np.where(late, "small", "other"),
    )
    rows = asked(moved, moderators=["hours"]).tidy().set_index(["term", "scale"])
    assert (
        "fewer than 10 events among the treated and the control" in rows.loc[("small", "difference"), "reason"]
    )
    assert rows.loc[("small", "ratio"), "status"] == "ok"


def test_a_moderator_with_one_estimable_level_is_not_tested_and_leaves_the_family(people):
    found = asked(people.assign(one="everybody"), moderators=["one", "sex"])
    tests = found.interactions().set_index(["moderator", "scale"])
    assert tests.loc[("one", "ratio"), "status"] == "not_estimable"
    assert "fewer than two levels" in tests.loc[("one", "ratio"), "reason"]
    assert np.isnan(tests.loc[("one", "ratio"), "p_holm"])
    assert tests["differs"].isna().tolist() == [True, True, False, False]
    assert tests.loc[("sex", "ratio"), "p_holm"] == tests.loc[("sex", "ratio"), "p_value"]
    assert [n.term for n in found.not_estimable] == ["one, risk_difference", "one, hazard_ratio"]
    assert "one: not tested, fewer than two levels" in found.alt_text()


def test_nothing_to_test_at_all_is_a_result(people):
    found = asked(people.assign(one="everybody"), moderators=["one"])
    assert found.glance()[["tested_difference", "tested_ratio"]].to_numpy().tolist() == [[0, 0]]
    assert found.interactions()["p_bh"].isna().all()


def test_a_horizon_nobody_in_a_level_reaches_is_a_reason(people):
    cut = people.assign(days=np.where(people["sex"] == "men", people["days"].clip(upper=8), people["days"]))
    cut["arrested"] = np.where((people["sex"] == "men") & (people["days"] > 8), 0, people["arrested"])
    rows = asked(cut).tidy().set_index(["term", "scale"])
    assert "followed to this time" in rows.loc[("men", "difference"), "reason"]
    assert rows.loc[("women", "difference"), "status"] == "ok"


def test_fewer_clusters_than_levels_give_no_test(people):
    area = np.array(["a", "b", "c", "d"])[np.arange(N) // 2 % 4]
    design = Design(DESIGN.treated, DESIGN.weights, (np.arange(N) % 6) // 2, "ATT")
    tests = asked(people.assign(area=area), design, moderators=["area"], minimum=20).interactions()
    assert (tests["reason"] == "too few clusters to compare so many levels").all()


def test_a_level_of_one_cluster_has_an_estimate_and_no_error(people):
    design = Design(
        DESIGN.treated, DESIGN.weights, np.where(people["sex"] == "men", 0, 1 + np.arange(N) // 2), "ATT"
    )
    found = asked(people, design)
    men = found.tidy().query("term == 'men'")
    assert men["estimate"].notna().all()
    assert men[["std_error", "conf_low", "conf_high"]].isna().all(axis=None)
    assert men["reason"].str.contains("clusters are one").all()
    assert (found.interactions()["status"] == "not_estimable").all()


@pytest.mark.parametrize(
    ("more", "error", "word"),
    [
        ({"moderator": "sex"}, DataError, "must be a number"),
        ({"moderator": "old"}, DataError, "'old' is not a column"),
        ({"moderator": "days"}, UsageError, "cannot moderate itself"),
        ({"per": 0}, UsageError, "per=0"),
        ({"at": -1}, UsageError, "at=-1"),
    ],
)
def test_a_wrong_trend_says_what_is_wrong(people, more, error, word):
    refused(error, lambda: trend(people, **more), word)


def test_a_number_that_does_not_vary_in_an_arm_has_no_trend(people):
    level = people.assign(age=np.where(DESIGN.treated, 30.0, people["age"]))
    refused(DataError, lambda: trend(level), "one value only among the treated people")


def test_a_trend_with_too_few_events_or_too_short_a_follow_up_is_a_reason(people):
    few = trend(people, minimum_events=1000).tidy()
    assert (few["status"] == "not_estimable").all()
    assert few[NUMBERS].isna().all(axis=None)
    far = trend(people, at=50).tidy().set_index("scale")
    assert "followed to this time" in far.loc["difference", "reason"].iloc[0]
    assert (far.loc["ratio", "status"] == "ok").all()


def test_a_trend_in_one_cluster_has_no_error_and_so_no_estimate(people):
    design = Design(DESIGN.treated, DESIGN.weights, np.zeros(N, dtype=int), "ATT")
    assert trend(people, design).tidy()["reason"].str.contains("clusters are one").all()


def explored(people, **more):
    wanted = {
        "outcome": "arrested",
        "covariates": ["age", "sex"],
        "rng": np.random.default_rng(1),
        "model": "regression",
    }
    return explore_heterogeneity(people, "treated", **{**wanted, **more})


@pytest.mark.parametrize(
    ("more", "error", "word"),
    [
        ({"rng": 1}, UsageError, "default_rng"),
        ({"model": "forest"}, UsageError, "Choose one of"),
        ({"family": "poisson"}, UsageError, "Choose one of"),
        ({"folds": 1}, UsageError, "folds=1"),
        ({"folds": 2}, UsageError, "at least 3"),
        ({"folds": 150}, DataError, "fewer than two a fold"),
        ({"groups": 1}, UsageError, "groups=1"),
        ({"covariates": []}, UsageError, "gives no term"),
        ({"covariates": "age"}, UsageError, "must be a list"),
        ({"covariates": ["age", "treated"]}, UsageError, "the treatment or the outcome"),
        ({"cluster": "sex"}, DataError, "2 clusters, fewer than two a fold"),
        ({"outcome": "days", "family": "binomial"}, DataError, "neither 0 nor 1"),
        ({"outcome": "sex", "covariates": ["age"]}, DataError, "must be a number"),
        ({"level": 95}, UsageError, "level=95"),
    ],
)
def test_a_wrong_exploration_says_what_is_wrong(people, more, error, word):
    refused(error, lambda: explored(people, **more), word)


def test_a_constant_covariate_is_named(people):
    refused(DataError, lambda: explored(people.assign(one=1.0), covariates=["age", "one"]), "one", "constant")


def test_people_who_could_only_be_treated_are_refused(people):
    # above 60 nearly everybody is treated, and the one who is not would speak for them all
    rng = np.random.default_rng(3)
    x = np.concatenate([rng.normal(size=N - 20), np.full(20, 9.0)])
    t = (rng.random(N) < 1 / (1 + np.exp(-2.5 * x))).astype(int)
    t[-1] = 0
    refused(
        DataError,
        lambda: explored(people.assign(x=x, treated=t), covariates=["x"]),
        "would count a thousandfold",
        "overlap",
    )


def test_an_arm_in_which_the_outcome_does_not_vary_is_refused(people):
    flat = people.assign(arrested=np.where(people["treated"] == 1, 0, people["arrested"]))
    refused(DataError, lambda: explored(flat), "one value only among the treated people")


@pytest.mark.parametrize("rows", [60, N])
def test_arms_too_small_for_trees_say_so(people, rows):
    frame = people if rows == 60 else people.assign(arrested=(np.arange(N) < 2).astype(int))
    words = ("without fold", "too few for model='boosting'")
    refused(DataError, lambda: explored(frame.head(rows), model="boosting"), *words)


def test_one_predicted_effect_for_everybody_leaves_nothing_to_calibrate_or_sort(people):
    found, split, flat = explored(people), [np.arange(N)], np.zeros(N)
    groups, equal = _sorted_groups(np.arange(N) * 1.0, flat, split, 5, None)
    slope = _calibration(np.arange(N) * 1.0, flat, split, None)
    bare = replace(found, groups=groups, equal_groups=equal, calibration=slope)
    rows = bare.tidy()
    missing = rows[(rows["part"] == "group") | (rows["term"] == "heterogeneity")]
    assert (missing["reason"] == NO_SPREAD).all()
    assert (missing["status"] == "not_estimable").all()
    assert missing[NUMBERS].isna().all(axis=None)
    assert bare.forest_frame()["kind"].tolist() == ["not_estimable"] * 5 + ["pooled"]
    assert bare.plot() is not None
    assert np.isnan(bare.glance()["groups_p_value"].item())
