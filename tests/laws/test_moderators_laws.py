"""Laws of moderators: what may not matter, and what must follow from what."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdd_outcomes.design import Design, match, weight
from pdd_outcomes.effects import doubly_robust, time_to_event
from pdd_outcomes.survival import cox
from pdd_outcomes.synthesis.exploratory import explore_heterogeneity
from pdd_outcomes.synthesis.moderators import COLUMNS, moderators, trend_interaction

SEEDS = st.integers(0, 2**32 - 1)
few = settings(max_examples=4, deadline=None)
AT = 6.0
NEED = {"minimum": 5, "minimum_events": 2}
NUMBERS = ["estimate", "std_error", "conf_low", "conf_high"]


def study(seed):
    """150 weighted sets of two, whose people need not be of one level."""
    rng = np.random.default_rng(seed)
    sets = np.tile(np.arange(150), 2)
    treated = np.arange(300) < 150
    likeness = rng.gamma(2.0, 0.5, 150)[sets]
    time = rng.exponential(8 / (0.3 + likeness))
    people = pd.DataFrame(
        {
            "time": np.minimum(time, 10.0),
            "event": (time <= 10).astype(int),
            "area": rng.choice(["north", "south", "west"], 300),
            "first": rng.integers(0, 2, 300),
            "age": rng.normal(30, 8, 300),
        }
    )
    return Design(treated, np.where(treated, 1.0, rng.choice([0.5, 1.0, 2.0], 300)), sets, "ATT"), people


def asked(design, people, unit=1.0, **more):
    frame = people.assign(time=people["time"] * unit)
    wanted = {"moderators": ["area", "first"], **NEED, **more}
    return moderators(design, frame, time="time", event="event", at=AT * unit, **wanted)


def trend(design, people, **more):
    return trend_interaction(
        design, people, time="time", event="event", at=AT, **{"moderator": "age", **NEED, **more}
    )


def same(one, two, rel=1e-7):
    for column in NUMBERS:
        assert two[column].to_numpy() == pytest.approx(one[column].to_numpy(), rel=rel, abs=1e-9, nan_ok=True)


@few
@given(SEEDS, st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_neither_the_order_of_rows_nor_the_scale_of_weights_nor_the_unit_of_time_matters(seed, scale, unit):
    design, people = study(seed)
    order = np.random.default_rng(seed).permutation(len(people))
    other = Design(design.treated[order], design.weights[order] * scale, design.set_id[order], "ATT")
    one, two = asked(design, people), asked(other, people.iloc[order].reset_index(drop=True), unit)
    same(one.tidy(), two.tidy())
    assert two.tests["statistic"].to_numpy() == pytest.approx(one.tests["statistic"].to_numpy(), rel=1e-6)


@few
@given(SEEDS)
def test_arms_changed_over_negate_differences_and_invert_ratios_and_leave_the_tests(seed):
    design, people = study(seed)
    one = asked(design, people)
    two = asked(Design(~design.treated, design.weights, design.set_id, "ATT"), people)
    a, b = one.tidy(), two.tidy()
    ratio = a["scale"] == "ratio"
    assert b["estimate"].to_numpy() == pytest.approx(
        np.where(ratio, 1 / a["estimate"], -a["estimate"]), rel=1e-7
    )
    assert two.tests["statistic"].to_numpy() == pytest.approx(one.tests["statistic"].to_numpy(), rel=1e-6)


@few
@given(SEEDS)
def test_names_of_levels_do_not_matter_to_the_test(seed):
    design, people = study(seed)
    renamed = people.assign(area=people["area"].map({"north": "z", "south": "a", "west": "m"}))
    one, two = asked(design, people), asked(design, renamed)
    assert two.tests["statistic"].to_numpy() == pytest.approx(one.tests["statistic"].to_numpy(), rel=1e-7)


@few
@given(SEEDS)
def test_the_effect_in_a_level_is_that_of_the_design_cut_down_to_it(seed):
    design, people = study(seed)
    rows = asked(design, people, moderators=["area"]).tidy().set_index(["term", "measure"])
    for name in ("north", "south", "west"):
        inside = np.where(people["area"] == name, design.weights, 0.0)
        part = Design(design.treated, inside, design.set_id, "ATT")
        whole = (
            time_to_event(part, people, time="time", event="event", at=[AT], tau=AT).tidy().set_index("term")
        )
        for measure in ("risk_difference", "hazard_ratio"):
            found, wanted = rows.loc[(name, measure), NUMBERS], whole.loc[measure, NUMBERS]
            assert found.astype(float).tolist() == pytest.approx(wanted.astype(float).tolist(), rel=1e-7)


@few
@given(SEEDS)
def test_hazard_ratios_and_their_test_are_those_of_one_model_stratified_by_level(seed):
    design, people = study(seed)
    found = asked(design, people, moderators=["area"])
    frame = people.assign(w=design.weights, s=design.set_id)
    for name in ("north", "south", "west"):
        frame[name] = ((people["area"] == name) & design.treated).astype(float)
    terms = ["north", "south", "west"]
    joint = cox(frame, "time", "event", covariates=terms, strata="area", weights="w", cluster="s")
    rows = found.tidy().query("scale == 'ratio'")
    assert np.log(rows["estimate"]).to_numpy() == pytest.approx(joint.coefficients, rel=1e-6, abs=1e-9)
    assert rows["std_error"].to_numpy() == pytest.approx(np.sqrt(np.diag(joint.covariance)), rel=1e-6)
    c = np.array([[-1.0, 1, 0], [-1, 0, 1]])
    gap = c @ joint.coefficients
    wald = gap @ np.linalg.solve(c @ joint.covariance @ c.T, gap)
    assert found.tests.set_index("scale").loc["ratio", "statistic"] == pytest.approx(wald, rel=1e-6)


@few
@given(SEEDS, st.floats(-50, 50), st.floats(0.1, 20))
def test_a_trend_does_not_depend_on_where_its_number_starts_and_scales_with_its_unit(seed, shift, unit):
    design, people = study(seed)
    one = trend(design, people)
    two = trend(design, people.assign(age=people["age"] * unit + shift), per=unit)
    assert two.values == pytest.approx(one.values, rel=1e-5, abs=1e-8)
    assert two.errors == pytest.approx(one.errors, rel=1e-5)


def test_an_answer_has_its_columns_and_its_level():
    design, people = study(3)
    found = asked(design, people)
    assert tuple(found.tidy().columns) == COLUMNS == tuple(trend(design, people).tidy().columns)
    narrow, wide = found.tidy(level=0.5), found.tidy(level=0.99)
    assert (narrow["conf_high"] < wide["conf_high"]).all()
    assert found.glance()["tested_ratio"].item() == 2
    assert len(found.overall()) == 2
    assert "Holm" in found.alt_text()
    for scale in ("difference", "ratio"):
        frame = found.forest_frame(scale)
        assert frame["kind"].tolist() == ["study"] * 5 + ["pooled"]
        assert frame["label"].iloc[0] == "area: north"
        assert found.plot(scale) is not None


def test_ordered_categories_keep_their_order_and_labels_are_sorted():
    design, people = study(4)
    bands = pd.cut(people["age"], [-90, 25, 35, 90], labels=["under 25", "25 to 34", "35 and over"])
    rows = (
        asked(design, people.assign(band=bands), moderators=["band", "area"]).tidy().query("scale == 'ratio'")
    )
    assert rows["term"].tolist() == ["under 25", "25 to 34", "35 and over", "north", "south", "west"]


def test_the_verdict_is_that_of_the_adjustment_asked_for():
    design, people = study(5)
    for adjust in ("holm", "bh"):
        tests = asked(design, people, adjust=adjust, alpha=0.5).interactions()
        assert (tests["differs"] == (tests[f"p_{adjust}"] <= 0.5)).all()


def test_weights_whose_chance_is_counted_and_people_in_two_sets_have_their_errors(recid):
    traits = ["age", "priors", "tserved", "black"]
    role = {"time": "durat", "event": "event"}
    plan = weight(recid, "workprg", covariates=traits, estimand="ATE")
    for name in ("given", "estimated"):
        found = moderators(
            plan, recid, **role, at=24, moderators=["black"], estimated_weights=name == "estimated"
        )
        whole = time_to_event(plan, recid, **role, at=[24], tau=24, estimated_weights=name == "estimated")
        one = found.overall().set_index("measure")["std_error"]
        two = whole.tidy().set_index("term")["std_error"]
        assert one.to_numpy() == pytest.approx(two[one.index].to_numpy(), rel=1e-6)
    twice = match(recid, "workprg", covariates=traits, replace=True, ratio=2)
    tests = moderators(twice, recid, **role, at=24, moderators=["black", "married"]).interactions()
    assert (tests["status"] == "ok").all()
    assert tests["sets_spanning"].between(0.3, 1).all()


def explored(frame, **more):
    wanted = {"outcome": "y", "covariates": ["age", "area"], "model": "regression", **more}
    return explore_heterogeneity(frame, "t", rng=np.random.default_rng(8), **wanted)


def trial(seed, n=600):
    rng = np.random.default_rng(seed)
    age, area = rng.normal(size=n), rng.choice(["north", "south"], n)
    t = (rng.random(n) < 0.4 + 0.1 * (area == "north")).astype(int)
    y = 1 + age + t * (0.5 + age) + rng.normal(size=n)
    return pd.DataFrame({"t": t, "y": y, "age": age, "area": area, "yes": (y > 1).astype(int)})


def test_the_average_is_that_of_doubly_robust_in_the_same_folds():
    for outcome, family in (("y", "gaussian"), ("yes", "binomial")):
        frame = trial(1)
        whole = doubly_robust(
            frame,
            "t",
            outcome=outcome,
            covariates=["age", "area"],
            rng=np.random.default_rng(8),
            family=family,
            estimand="ATE",
        )
        found = explored(frame, outcome=outcome)
        assert found.average.values[0] == pytest.approx(whole.means[0] - whole.means[1], rel=1e-9)


def test_the_same_seed_gives_the_same_answer_and_another_another():
    frame = trial(2)
    assert explored(frame).tidy().equals(explored(frame).tidy())
    other = explore_heterogeneity(
        frame, "t", outcome="y", covariates=["age", "area"], model="regression", rng=np.random.default_rng(9)
    )
    assert not other.tidy().equals(explored(frame).tidy())


def test_effects_scale_with_the_outcome_and_calibration_does_not():
    frame = trial(3)
    one, two = explored(frame), explored(frame.assign(y=5 + 10 * frame["y"]))
    assert two.projection.values == pytest.approx(10 * one.projection.values, rel=1e-8)
    assert two.groups.values == pytest.approx(10 * one.groups.values, rel=1e-8)
    assert two.calibration.values[1] == pytest.approx(one.calibration.values[1], rel=1e-8)


def test_rows_repeated_within_a_cluster_are_no_new_people():
    frame = trial(4).assign(person=np.arange(600))
    twice = pd.concat([frame, frame], ignore_index=True)
    one, two = explored(frame, cluster="person"), explored(twice, cluster="person")
    # n-k and the repeats' own factor aside, the errors are those of the people
    assert two.average.values == pytest.approx(one.average.values, rel=1e-9)
    assert np.sqrt(two.average.covariance) == pytest.approx(np.sqrt(one.average.covariance), rel=2e-3)


def test_an_exploration_says_that_it_is_one():
    found = explored(trial(5))
    assert "not confirmatory" in found.note
    assert found.glance()["note"].item() == found.note
    assert found.alt_text().endswith(found.note)
    rows = found.tidy()
    assert set(rows["part"]) == {"average", "projection", "calibration", "group"}
    groups = rows[rows["part"] == "group"]
    assert groups["p_value"].isna().tolist() == [True] * 5 + [False]
    assert found.plot() is not None
