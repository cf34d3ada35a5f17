"""Cascades, engagement and per-protocol risks on data small enough to work out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot

from pdd_outcomes.core.draw.cascade import cascade_alt, draw_cascade
from pdd_outcomes.core.errors import DataError
from pdd_outcomes.design import match
from pdd_outcomes.effects.cascade import cascade
from pdd_outcomes.effects.engagement import engagement
from pdd_outcomes.effects.per_protocol import per_protocol

from ..tolerances import ROUNDING

STAGES = ["eligible", "offered", "attended", "completed"]
PEOPLE = pd.DataFrame(
    {
        "force": ["B", "A", "A", "B", "A", "A"],
        "eligible": 1,
        "offered": [1, 1, 0, 1, 1, 1],
        "attended": [0, 1, 0, 1, 1, 0],
        "completed": [0, 1, 0, 0, 1, 0],
        "day_offered": [4, 2, np.nan, 0, 6, 1],
        "day_completed": [np.nan, 32, np.nan, np.nan, 96, np.nan],
    }
)


def test_a_cascade_counts_each_stage_of_the_first_and_of_the_one_before() -> None:
    frame = cascade(PEOPLE, STAGES).frame().set_index("stage")
    assert frame["number"].tolist() == [6, 5, 3, 2]
    assert frame["share_of_first"].tolist() == pytest.approx([1, 5 / 6, 3 / 6, 2 / 6])
    assert frame["share_of_previous"].tolist()[1:] == pytest.approx([5 / 6, 3 / 5, 2 / 3])
    assert np.isnan(frame["share_of_previous"].iloc[0])


def test_days_are_counted_from_the_last_earlier_stage_that_has_them() -> None:
    result = cascade(PEOPLE, STAGES, days={"offered": "day_offered", "completed": "day_completed"})
    assert result.days_from == ("", "time zero", "", "offered")
    assert result.days[0, 1, 1] == 2  # of 4, 2, 0, 6, 1
    assert result.days[0, 3].tolist() == [45, 60, 75]  # of 30 and 90
    assert result.n_days.tolist() == [[0, 5, 0, 2]]


def test_each_group_has_a_cascade_of_its_own() -> None:
    result = cascade(PEOPLE, STAGES, by="force")
    assert result.groups == ("A", "B")
    assert result.number.tolist() == [[4, 3, 2, 2], [2, 2, 1, 0]]
    assert list(result.tidy().columns[:3]) == ["group", "stage", "term"]
    assert result.glance()["share"].tolist() == [0.5, 0.0]


def test_a_group_without_anybody_at_a_stage_has_no_share_after_it_and_says_why() -> None:
    result = cascade(PEOPLE.assign(last=0), [*STAGES, "last"], by="force").tidy()
    row = result.loc[
        (result["group"] == "B") & (result["stage"] == "last") & (result["term"] == "share_of_previous")
    ]
    assert np.isnan(row["estimate"].iloc[0])
    assert row["reason"].iloc[0] == "nobody reached the stage before"


def test_a_later_stage_without_an_earlier_one_is_an_error_or_is_counted_and_said() -> None:
    odd = PEOPLE.assign(completed=[1, 1, 0, 0, 1, 0])  # the first person did not attend
    with pytest.raises(
        DataError, match=r"stages='attended' is 0 and a later stage is 1 for 1 of 6 rows \(row 0\)"
    ):
        cascade(odd, STAGES)
    result = cascade(odd, STAGES, fill=True)
    assert result.number.tolist() == [[6, 5, 4, 3]]
    assert result.filled.tolist() == [[0, 0, 1, 0]]
    assert "At 1 places" in result.alt_text()


def test_the_picture_of_a_cascade_has_a_bar_a_stage_and_says_where_people_are_lost() -> None:
    result = cascade(PEOPLE, STAGES)
    ax = result.plot()
    assert len(ax.patches) == 4
    assert {t.get_text() for t in ax.texts} >= {"6  100%", "2  33%", "offered"}
    assert "Most are lost between offered and attended: 2 of 5." in result.alt_text()
    grouped = cascade(PEOPLE, STAGES, by="force").frame()
    assert len(draw_cascade(grouped).patches) == 8
    assert "A: eligible 4, offered 3 (75%)" in cascade_alt(grouped)
    five = pd.concat([grouped.assign(group=f"{g}") for g in range(5)])
    with pytest.raises(DataError, match="5 groups are too many"):
        draw_cascade(five)
    pyplot.close("all")


#  offered 10: 4 complete (1 reoffends), 6 do not (5 reoffend); not offered 10: 7 reoffend. Nobody completes without the offer.
TRIAL = pd.DataFrame(
    {
        "offered": [1] * 10 + [0] * 10,
        "completed": [1] * 4 + [0] * 16,
        "again": [1, 0, 0, 0] + [1] * 5 + [0] + [1] * 7 + [0] * 3,
    }
)


def test_engagement_is_worked_out_by_hand() -> None:
    result = engagement(TRIAL, "again", offered="offered", completed="completed")
    table = result.tidy().set_index(["estimand", "measure"])["estimate"]
    assert table["intention to treat", "risk_difference"] == pytest.approx(0.6 - 0.7)
    assert table["complier", "risk_difference"] == pytest.approx(-0.1 / 0.4)
    assert table["complier", "risk_treated"] == pytest.approx(1 / 4)  # completers, all of them offered
    assert table["complier", "risk_control"] == pytest.approx(1 / 4 + 0.25)
    assert table["as treated", "risk_difference"] == pytest.approx(1 / 4 - 7 / 10)
    assert table["naive", "risk_difference"] == pytest.approx(1 / 4 - 5 / 6)
    assert table["naive minus complier", "risk_difference"] == pytest.approx(1 / 4 - 5 / 6 + 0.25)
    assert "−58.3 percentage points" in result.bias_explained
    assert "is −25.0. The rest, −33.3" in result.bias_explained
    assert "effect is on those who do" in result.words()  # Bloom's case


def test_the_delta_method_is_worked_out_by_hand() -> None:
    r"""With one-sided uptake: var = (s1 + s0) / 0.4^2, s the variances of y - b d (b = -0.25) and y over 10."""
    result = engagement(TRIAL, "again", offered="offered", completed="completed")
    one = (TRIAL["again"] + 0.25 * TRIAL["completed"])[:10].var(ddof=0) / 10
    other = TRIAL["again"][10:].var(ddof=0) / 10
    wanted = np.sqrt((one + other) / 0.4**2)
    table = result.tidy().set_index(["estimand", "measure"])["std_error"]
    assert table["complier", "risk_difference"] == pytest.approx(wanted, rel=ROUNDING)


def test_an_area_offer_is_the_instrument_where_there_is_one_and_starting_has_a_row_of_its_own() -> None:
    frame = TRIAL.assign(area=[1] * 12 + [0] * 8, started=[1] * 6 + [0] * 14)
    result = engagement(
        frame, "again", offered="offered", completed="completed", started="started", exposed="area"
    )
    assert result.instrument == "area"
    assert result.first_stage[0] == pytest.approx(4 / 12)
    table = result.tidy().set_index(["estimand", "measure"])["estimate"]
    itt = (6 + 2) / 12 - 5 / 8
    assert table["intention to treat", "risk_difference"] == pytest.approx(itt)
    assert table["complier", "risk_difference"] == pytest.approx(itt / (4 / 12))
    assert table["complier, starting", "risk_difference"] == pytest.approx(itt / (6 / 12))
    assert table["naive", "risk_difference"] == pytest.approx(
        1 / 4 - 1
    )  # the two who started and stopped reoffend
    assert list(result.glance().loc[0, ["n_exposed", "n_offered", "n_started", "n_completed"]]) == [
        12,
        10,
        6,
        4,
    ]


def test_a_design_brings_the_matched_att_its_weights_and_its_sets() -> None:
    from pdd_outcomes.effects import risk_contrast

    frame = pd.concat(
        [TRIAL.assign(age=np.arange(20) % 7), TRIAL.assign(age=(3 * np.arange(20)) % 8, offered=0, completed=0)]
    )
    frame = frame.reset_index(drop=True)
    design = match(frame, "offered", covariates=["age"])
    table = engagement(frame, "again", offered="offered", completed="completed", design=design).tidy()
    wanted = risk_contrast(design, frame, outcome="again").tidy().set_index("term")
    found = table.loc[table["estimand"] == "matched ATT"].set_index("measure")
    for column in ("estimate", "std_error", "conf_low", "conf_high"):
        np.testing.assert_allclose(found[column], wanted.loc[found.index, column], rtol=ROUNDING)


def test_the_picture_of_an_engagement_draws_what_can_be_estimated_and_says_the_rest() -> None:
    result = engagement(TRIAL, "again", offered="offered", completed="completed")
    ax = result.plot()
    said = " ".join(t.get_text() for t in ax.texts)
    assert "no design was given" in said
    assert "Not estimable: 1." in result.alt_text()
    pyplot.close("all")


def test_per_protocol_risks_are_those_of_strata_put_together() -> None:
    """Discrete times, and a covariate of two values with every stretch of its own: a weighted curve is the standardised one.

    In each arm 8 people of x=0 and 8 of x=1. After day 1 two of x=0 and four of x=1 deviate. In the days after, of those who
    are left: day 2, x=0 1 of 6 and x=1 2 of 4 have the event. So the risk by day 2 is the mean of 1/6 and 2/4.
    """
    arm = pd.DataFrame({"x": [0] * 8 + [1] * 8, "time": 3.0, "event": 0, "dev": np.nan})
    arm.loc[[0, 1, 8, 9, 10, 11], "dev"] = 1.0
    arm.loc[[2, 12, 13], ["time", "event"]] = [2.0, 1]
    frame = pd.concat([arm.assign(a=1), arm.assign(a=0)], ignore_index=True)
    for options in ({}, {"stabilised": False}):
        result = per_protocol(
            frame,
            "a",
            time="time",
            event="event",
            deviates="dev",
            covariates=["x"],
            at=[2],
            step=1,
            truncate=1.0,
            **options,
        )
        assert result.risks[0, 0, 0] == pytest.approx((1 / 6 + 2 / 4) / 2, rel=1e-8)
        assert result.risks[1, 0, 0] == pytest.approx(3 / 10)  # deviators censored, nobody weighted
        assert result.risks[2, 0, 0] == pytest.approx(3 / 16)
    assert result.arms["largest_weight"].tolist() == pytest.approx([2.0, 2.0], rel=1e-8)
    assert result.arms["deviating"].tolist() == [6, 6]


def test_people_who_never_adhere_leave_at_time_zero() -> None:
    """The same, with deviating at day 0 rather than 1."""
    arm = pd.DataFrame({"x": [0] * 8 + [1] * 8, "time": 3.0, "event": 0, "dev": np.nan})
    arm.loc[[0, 1, 8, 9, 10, 11], "dev"] = 0.0
    arm.loc[[2, 12, 13], ["time", "event"]] = [1.5, 1]
    frame = pd.concat([arm.assign(a=1), arm.assign(a=0)], ignore_index=True)
    result = per_protocol(
        frame, "a", time="time", event="event", deviates="dev", covariates=["x"], at=[2], truncate=1.0
    )
    assert result.risks[0, 1, 0] == pytest.approx((1 / 6 + 2 / 4) / 2, rel=1e-8)


def test_an_event_on_the_day_of_deviating_comes_first() -> None:
    frame = pd.DataFrame(
        {
            "a": [1, 0] * 10,
            "x": np.arange(20) % 3,
            "time": 5.0 + np.arange(20),
            "event": 1,
            "dev": 5.0 + np.arange(20),
        }
    )
    result = per_protocol(frame, "a", time="time", event="event", deviates="dev", covariates=["x"], at=[10])
    assert result.arms["deviating"].tolist() == [0, 0]
    np.testing.assert_allclose(result.risks[0], result.risks[2])
