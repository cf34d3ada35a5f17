"""Moderators worked by hand on sixteen people, and groups of predicted effects on eight."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.design import Design
from pdd_outcomes.synthesis.exploratory import (
    NO_SPREAD,
    _calibration,
    _People,
    _pseudo_outcomes,
    _sorted_groups,
)
from pdd_outcomes.synthesis.moderators import moderators, trend_interaction
from tests.tolerances import ROUNDING, SAME_ALGORITHM

# Four people of each arm in each of two levels, all followed to 10; whoever has the event has it by 5.
LEVEL = ["x"] * 8 + ["y"] * 8
TREATED = np.array([1, 1, 1, 1, 0, 0, 0, 0] * 2, dtype=bool)
EVENT = [1, 1, 0, 0, 1, 0, 0, 0, *[1, 0, 0, 0, 1, 1, 1, 0]]
PEOPLE = pd.DataFrame(
    {
        "time": np.where(EVENT, np.arange(16) % 4 + 1.5, 10.0),
        "event": EVENT,
        "level": LEVEL,
        "code": [0] * 8 + [1] * 8,
    }
)
NEED = {"minimum": 1, "minimum_events": 1}


def asked(sets=None, **more):
    design = Design(TREATED, np.ones(16), sets, "ATT")
    wanted = {"time": "time", "event": "event", "at": 5, "moderators": ["level"], **NEED, **more}
    return moderators(design, PEOPLE, **wanted)


def of(frame, scale="difference"):
    return frame[frame["scale"] == scale].reset_index(drop=True)


def test_differences_in_two_levels_and_the_test_between_them():
    found = asked()
    rows = of(found.tidy())
    # x: 2/4 - 1/4; y: 1/4 - 3/4
    assert rows["estimate"].tolist() == pytest.approx([0.25, -0.5], rel=ROUNDING)
    # x: (1/4)/4 + (3/16)/4 = 7/64; y: 2 (3/16)/4 = 6/64
    assert rows["std_error"].tolist() == pytest.approx([np.sqrt(7 / 64), np.sqrt(6 / 64)], rel=ROUNDING)
    assert rows["events_treated"].tolist() == [2, 1]
    assert rows["events_control"].tolist() == [1, 3]
    # the gap of 3/4 squared over 13/64
    test = of(found.interactions()).iloc[0]
    assert test["statistic"] == pytest.approx(36 / 13, rel=ROUNDING)
    assert test["df"] == 1
    assert np.isnan(test["sets_spanning"])


def test_sets_that_span_levels_count_for_both():
    # treated of x with controls of y, and treated of y with controls of x, in order. On the gap y - x, in sixteenths:
    # treated of x -2 -2 2 2, controls of y -1 -1 -1 3: -3 -3 1 5; treated of y 3 -1 -1 -1, controls of x 3 -1 -1 -1: 6 -2 -2 -2
    # 9 + 9 + 1 + 25 + 36 + 12 = 92 over 256, against 9/16
    sets = np.array([0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7, 0, 1, 2, 3])
    found = asked(sets)
    test = of(found.interactions()).iloc[0]
    assert test["statistic"] == pytest.approx(36 / 23, rel=ROUNDING)
    assert test["sets_spanning"] == 1
    # inside a level nobody's partner is there, and errors are as if there were no sets
    assert of(found.tidy())["std_error"].tolist() == pytest.approx([np.sqrt(7 / 64), np.sqrt(6 / 64)])


def test_a_level_has_an_interval_and_no_p_value():
    rows = asked().tidy()
    assert rows[["statistic", "p_value"]].isna().all(axis=None)
    z = 1.959963984540054
    assert of(rows).loc[0, "conf_low"] == pytest.approx(0.25 - z * np.sqrt(7 / 64), rel=ROUNDING)


def test_a_trend_along_a_0_1_number_is_the_gap_between_its_levels():
    design = Design(TREATED, np.ones(16), None, "ATT")
    found = trend_interaction(design, PEOPLE, time="time", event="event", at=5, moderator="code", **NEED)
    # half of 1/4 and half of -1/2 at the mean
    assert found.values[0] == pytest.approx([-0.125, -0.75], rel=SAME_ALGORITHM)
    # a quarter of 13/64, and 13/64
    assert found.errors[0] == pytest.approx([np.sqrt(13 / 256), np.sqrt(13 / 64)], rel=SAME_ALGORITHM)
    row = found.tidy().iloc[1]
    assert row["statistic"] == pytest.approx(-0.75 / np.sqrt(13 / 64), rel=SAME_ALGORITHM)


def test_a_control_of_weight_two_is_two_controls():
    # controls of x 1 0 0 0 with weights 2 1 1 0: risk 1/2, so no difference there
    weights = np.ones(16)
    weights[[4, 7]] = [2, 0]
    found = moderators(
        Design(TREATED, weights, None, "ATT"),
        PEOPLE,
        time="time",
        event="event",
        at=5,
        moderators=["level"],
        **NEED,
    )
    rows = of(found.tidy())
    assert rows.loc[0, "estimate"] == pytest.approx(0, abs=ROUNDING)
    assert rows.loc[0, "n_control"] == 3


PHI = np.array([0.0, 2.0, 4.0, 6.0, 1.0, 1.0, 3.0, 7.0])
SPLIT = [np.array([0, 1, 2, 3]), np.array([4, 5, 6, 7])]


def test_people_are_sorted_by_prediction_within_their_own_fold():
    # the second fold's predictions are all higher, which says nothing: its own lower two are low
    predicted = np.array([1.0, 2.0, 3.0, 4.0, 11.0, 12.0, 13.0, 14.0])
    found, (statistic, df, _) = _sorted_groups(PHI, predicted, SPLIT, 2, None)
    # low: 0 2 1 1, mean 1, squares about it 2; high: 4 6 3 7, mean 5, squares 10; HC1 8/6
    assert found.values.tolist() == pytest.approx([1, 5, 4])
    low, high = 2 / 16 * 8 / 6, 10 / 16 * 8 / 6
    assert np.diag(found.covariance).tolist() == pytest.approx([low, high, low + high])
    assert (statistic, df) == (pytest.approx(16 / (low + high)), 1)


def test_people_of_one_prediction_stay_together():
    found, _ = _sorted_groups(PHI, np.array([1.0, 1, 1, 4, 1, 1, 1, 4]), SPLIT, 4, None)
    # ranks 2 2 2 4 of 4: shares 3/8 and 7/8, so groups 2 and 4
    assert [bool(r) for r in found.reasons] == [True, False, True, False, True]
    assert found.values[[1, 3]].tolist() == pytest.approx([11 / 6, 6.5])


def test_people_with_one_prediction_for_all_have_no_groups():
    found, (statistic, _, _) = _sorted_groups(PHI, np.zeros(8), SPLIT, 4, None)
    assert set(found.reasons) == {NO_SPREAD}
    assert np.isnan(found.values).all()
    assert np.isnan(statistic)


def test_calibration_is_the_slope_on_predictions_centred_in_each_fold():
    # gaps -1.5 -0.5 0.5 1.5 twice: products (0 -1 +2 +9) + (-1.5 -0.5 +1.5 +10.5) = 20 over 2 x 5
    predicted = np.array([1.0, 2.0, 3.0, 4.0, 11.0, 12.0, 13.0, 14.0])
    found = _calibration(PHI, predicted, SPLIT, None)
    assert found.values.tolist() == pytest.approx([3, 2])
    level = _calibration(PHI, np.repeat([1.0, 5.0], 4), SPLIT, None)
    assert level.reasons == ("", NO_SPREAD)
    assert level.values[0] == pytest.approx(3)


def test_a_pseudo_outcome_is_the_models_difference_and_the_weighed_residual():
    # One 0/1 covariate, half treated in each of its values and each fold: the score is a half everywhere. Outcomes that no
    # covariate moves: 2 and 4 of the treated, mean 3; 0 and 2 of the controls, mean 1: 3 - 1, and twice the residual.
    x = np.tile([0.0, 0, 0, 0, 1, 1, 1, 1], 3)
    treated = np.tile([True, True, False, False], 6)
    y = np.tile([2.0, 4.0, 0.0, 2.0], 6)
    people = _People(x[:, None], ("x",), treated, y, None, "gaussian")
    split = [np.arange(8) + 8 * k for k in range(3)]
    phi, nested = _pseudo_outcomes(people, split, "regression", np.random.default_rng(1))
    assert phi.tolist() == pytest.approx(np.tile([0.0, 4.0, 4.0, 0.0], 6).tolist(), abs=1e-8)
    # of the first fold for the later two, and of the second for the third
    assert nested[:8, 1:] == pytest.approx(np.repeat(phi[:8, None], 2, axis=1), abs=1e-8)
    assert nested[8:16, 2] == pytest.approx(phi[8:16], abs=1e-8)
    assert np.isnan(nested[16:]).all()
