"""Bad input to cascade, engagement and per_protocol: one clear error, or a row that says why there is no number."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.errors import DataError, UsageError
from pdd_outcomes.design import match, unadjusted
from pdd_outcomes.effects.cascade import cascade
from pdd_outcomes.effects.engagement import Engagement, engagement
from pdd_outcomes.effects.per_protocol import PerProtocol, per_protocol

N = 80
RNG = np.random.default_rng(7)
FRAME = pd.DataFrame(
    {
        "x": RNG.normal(size=N),
        "force": np.arange(N) % 8,
        "offered": np.arange(N) % 2,
        "started": (np.arange(N) % 4 == 1).astype(int),
        "completed": (np.arange(N) % 8 == 1).astype(int),
        "again": (RNG.random(N) < 0.5).astype(int),
        "one": 1,
    }
)
LONG = pd.DataFrame(
    {
        "a": np.arange(N) % 2,
        "x": RNG.normal(size=N),
        "time": RNG.uniform(50, 400, N).round() + 1,
        "event": (RNG.random(N) < 0.6).astype(int),
        "dev": np.where(RNG.random(N) < 0.4, RNG.uniform(1, 300, N).round(), np.nan),
    }
)


def made(frame: pd.DataFrame, **options: object) -> Engagement:
    return engagement(frame, "again", **({"offered": "offered", "completed": "completed"} | options))  # type: ignore[arg-type]


def kept(frame: pd.DataFrame, **options: object) -> PerProtocol:
    given = {"time": "time", "event": "event", "deviates": "dev", "covariates": ["x"], "at": [180]}
    return per_protocol(frame, "a", **(given | options))  # type: ignore[arg-type]


def row(result: Engagement, estimand: str) -> pd.Series:
    table = result.tidy()
    return table.loc[(table["estimand"] == estimand) & (table["measure"] == "risk_difference")].iloc[0]


@pytest.mark.parametrize(
    ("stages", "options", "said"),
    [
        ("offered", {}, "list of at least two"),
        (["one"], {}, "list of at least two"),
        (["one", "offered", "one"], {}, "names a column twice"),
        (["one", "ofered"], {}, "Did you mean 'offered'"),
        (["one", "force"], {}, "neither 0 nor 1"),
        (["one", "offered"], {"days": {"ofered": "x"}}, "not a stage. Did you mean 'offered'"),
        (["one", "offered"], {"days": {"offered": "day"}}, "not a column"),
        (["one", "offered"], {"days": {"offered": "x"}}, "is before time zero"),
        (["one", "offered"], {"by": "area"}, "not a column"),
    ],
)
def test_a_cascade_that_cannot_be_counted_is_refused(stages, options, said) -> None:
    with pytest.raises((UsageError, DataError), match=said):
        cascade(FRAME, stages, **options)


def test_every_problem_of_a_cascade_is_said_at_once() -> None:
    frame = FRAME.assign(day=np.where(FRAME["started"] == 1, -5.0, 3.0), late=1)
    with pytest.raises(DataError) as caught:
        cascade(frame, ["one", "offered", "started", "late"], days={"started": "day"})
    text = str(caught.value)
    assert "stages='offered' is 0 and a later stage is 1 for 40 of 80 rows" in text
    assert "is before time zero for 20 of 80 rows (rows 1, 5, 9, 13, 17, ...)" in text


def test_days_of_people_who_did_not_reach_the_stage_are_refused_and_text_is() -> None:
    with pytest.raises(DataError, match="is given although the stage is 0 for 40 of 80 rows"):
        cascade(FRAME.assign(day=4.0), ["one", "offered"], days={"offered": "day"})
    with pytest.raises(DataError, match="days as a number"):
        cascade(FRAME.assign(day="4"), ["one", "offered"], days={"offered": "day"})
    with pytest.raises(DataError, match="infinite"):
        cascade(FRAME.assign(day=np.inf), ["one", "offered"], days={"offered": "day"})


def test_a_stage_with_no_days_at_all_has_an_empty_median_with_its_reason() -> None:
    table = cascade(FRAME.assign(day=np.nan), ["one", "offered"], days={"offered": "day"}).tidy()
    last = table.loc[table["term"] == "days_median"].iloc[0]
    assert np.isnan(last["estimate"])
    assert last["reason"] == "nobody has the days of this stage and the one before"


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        ({"again": np.nan}, {}, "is missing"),
        ({"again": 2}, {}, "neither 0 nor 1"),
        ({"offered": 1}, {}, "one arm is empty"),
        ({"completed": 0}, {}, "no row equal to 1"),
        (
            {"started": FRAME["offered"] * (1 - FRAME["completed"])},
            {"started": "started"},
            "Who completes has started",
        ),
        ({}, {"exposed": "area"}, "not a column"),
        ({}, {"covariates": ["age"]}, "not a column"),
        ({}, {"covariates": ["x"], "formula": "x"}, "and not both"),
        ({}, {"level": 95}, "between 0 and 1"),
        ({}, {"cluster": ["a", "b", "c"]}, "at most two"),
        ({"w": -1.0}, {"weights": "w"}, "below 0"),
    ],
)
def test_an_engagement_that_cannot_be_asked_is_refused(change, options, said) -> None:
    with pytest.raises((UsageError, DataError), match=said):
        made(FRAME.assign(**change), **options)


def test_every_problem_of_an_engagement_is_said_at_once() -> None:
    with pytest.raises(DataError) as caught:
        made(FRAME.assign(again=3), offered="ofered", covariates=["z"])
    assert len(caught.value.problems) == 3


def test_a_design_of_another_treatment_or_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="of another treatment"):
        made(FRAME, design=match(FRAME, "completed", covariates=["x"]))
    with pytest.raises(UsageError, match="adjusts for nothing"):
        made(FRAME, design=unadjusted(FRAME, "offered"))
    with pytest.raises(UsageError, match="rows"):
        made(FRAME.iloc[:40], design=match(FRAME, "offered", covariates=["x"]))


def test_an_instrument_that_moves_nothing_is_said_and_no_number_is_given() -> None:
    frame = FRAME.assign(completed=((np.arange(N) // 2) % 2))  # as many with the offer as without
    result = made(frame)
    found = row(result, "complier")
    assert found["status"] == "not_estimable"
    assert np.isnan(found["estimate"])
    assert "the offer does not move this step by more than chance" in found["reason"]
    assert row(result, "naive minus complier")["status"] == "not_estimable"
    assert "How much of that is selection cannot be estimated" in result.bias_explained
    assert "not estimable" in result.words()


def test_an_offer_that_puts_people_off_is_said() -> None:
    found = row(made(FRAME.assign(completed=(np.arange(N) % 2 == 0) & (np.arange(N) % 4 > 0))), "complier")
    assert "moves no compliers" in found["reason"]


def test_a_weak_instrument_is_noted() -> None:
    frame = FRAME.assign(completed=((np.arange(N) % 8 == 1) | (np.arange(N) % 40 == 0)).astype(int))
    result = made(frame)
    assert 4 < result.glance()["first_stage_f"].iloc[0] < 10
    assert "a weak instrument (F" in row(result, "complier")["note"]


def test_few_clusters_are_noted_and_one_a_group_gives_no_interval() -> None:
    few = row(made(FRAME, cluster="force"), "intention to treat")
    assert "from 8 clusters" in few["note"]
    one = row(
        made(FRAME.assign(force=FRAME["force"].where(FRAME["offered"] == 0, 99)), cluster="force"),
        "intention to treat",
    )
    assert one["status"] == "ok"
    assert np.isnan(one["std_error"])
    assert "a single cluster" in one["reason"]


def test_where_every_diverted_person_completes_there_is_no_naive_contrast() -> None:
    result = made(FRAME.assign(completed=FRAME["offered"]))
    assert row(result, "naive")["status"] == "not_estimable"
    assert result.bias_explained.startswith("The naive contrast of completers cannot be estimated")
    assert row(result, "complier")["estimate"] == pytest.approx(row(result, "intention to treat")["estimate"])


def test_a_covariate_that_separates_leaves_the_other_rows() -> None:
    result = made(FRAME.assign(sep=FRAME["again"] * 2.0 + 0.1 * FRAME["x"].clip(-1, 1)), covariates=["sep"])
    assert row(result, "as treated")["status"] == "not_estimable"
    assert "no finite answer" in row(result, "as treated")["reason"]
    assert row(result, "naive")["status"] == "ok"


def test_an_outcome_that_nobody_has_gives_no_interval() -> None:
    found = row(made(FRAME.assign(again=0)), "intention to treat")
    assert found["estimate"] == 0
    assert np.isnan(found["conf_low"])
    assert "do not vary" in found["reason"]


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        ({"dev": -1.0}, {}, "below 0 for 80 of 80 rows"),
        ({"dev": "3"}, {}, "days as a number"),
        ({"time": 0.0}, {}, "not above 0"),
        ({"event": 2}, {}, "neither 0 nor 1"),
        ({"a": 1}, {}, "one arm is empty"),
        ({}, {"deviates": "stops"}, "not a column"),
        ({}, {"covariates": []}, "at least one covariate"),
        ({}, {"covariates": None}, "either covariates"),
        ({}, {"at": []}, "at least one horizon"),
        ({}, {"at": [0]}, "above 0"),
        ({}, {"step": 0}, "above 0"),
        ({}, {"step": 0.01}, "more than 1,000 steps"),
        ({}, {"truncate": 99}, "quantile"),
        ({}, {"truncate": 0.1}, "quantile"),
        ({}, {"level": 95}, "between 0 and 1"),
        ({"w": LONG["a"].astype(float)}, {"weights": "w"}, "leaves nobody in the control arm"),
        ({"w": 0.0}, {"weights": "w"}, "leaves nobody in the treated arm"),
        ({"x": LONG["a"]}, {}, "in the treated arm"),
        ({"x": (LONG["dev"] < LONG["time"]).astype(float)}, {}, "separate"),
    ],
)
def test_a_per_protocol_risk_that_cannot_be_asked_is_refused(change, options, said) -> None:
    with pytest.raises((UsageError, DataError), match=said):
        kept(LONG.assign(**change), **options)


def test_a_horizon_beyond_the_last_adherent_person_is_a_row_with_its_reason() -> None:
    frame = LONG.assign(time=np.minimum(LONG["time"], np.where(LONG["a"] == 1, 150.0, 400.0)))
    table = kept(frame, at=[100, 300]).tidy()
    late = table.loc[table["time"] == 300]
    assert late["estimate"].isna().all()
    assert late["reason"].unique().tolist() == ["nobody of the treated arm is followed so long while adherent"]
    assert table.loc[table["time"] == 100, "estimate"].notna().all()


def test_one_cluster_gives_no_interval() -> None:
    table = kept(LONG.assign(force=1), cluster="force").tidy()
    assert table["std_error"].isna().all()
    assert "a single cluster" in table["reason"].iloc[0]


def test_an_arm_that_is_one_cluster_gives_no_interval() -> None:
    """The other arm's clusters vary, and their variance alone is not that of the difference."""
    frame = LONG.assign(force=np.where(LONG["a"] == 1, 99, np.arange(N) // 8))
    table = kept(frame, cluster="force").tidy()
    assert table["estimate"].notna().all()
    assert table["std_error"].isna().all()
    assert "a single cluster" in table["reason"].iloc[0]
