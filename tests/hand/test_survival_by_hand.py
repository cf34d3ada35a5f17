"""Curves, tests, concordance and restricted means on data small enough to work out on paper."""

from __future__ import annotations

import doctest
import importlib
import itertools

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.survival import cox, kaplan_meier, km_influence, logrank, nelson_aalen, rmst, rmst_influence
from pdd_outcomes.survival.concordance import concordance_index
from pdd_outcomes.survival.riskset import risk_set
from tests.tolerances import ROUNDING


def same(found: object, wanted: object, tolerance: float = ROUNDING) -> None:
    np.testing.assert_allclose(np.asarray(found, float).ravel(), wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("module", ["kaplan_meier", "cox", "competing", "recurrent", "parametric"])
def test_the_examples_in_the_documentation_are_right(module: str) -> None:
    done = doctest.testmod(importlib.import_module(f"pdd_outcomes.survival.{module}"))
    assert done.attempted > 0
    assert done.failed == 0


# Five people under observation in (entry, time]; unsorted, one tie of an entry with an event at 4.
#   person      a       b       c       d       e
#   (0, 4] yes  (2, 6] yes  (4, 5] no   (0, 6] no   (3, 9] yes
#   at 4: at risk a b d e (c enters at 4 and is not)      event a           3/4
#   at 6: at risk b d e                                   event b, d leaves  2/3
#   at 9: e alone                                         event e           0
LATE = pd.DataFrame({"entry": [4, 0, 2, 3, 0], "time": [5, 4, 6, 9, 6], "event": [0, 1, 1, 1, 0]})


def test_who_enters_at_a_time_is_not_at_risk_at_it() -> None:
    table = kaplan_meier(LATE, "time", "event", entry="entry").table
    same(table["time"], [4, 5, 6, 9])
    same(table["n_risk"], [4, 4, 3, 1])  # at 5: b c d e
    same(table["n_event"], [1, 0, 1, 1])
    same(table["n_censor"], [0, 1, 1, 0])
    same(table["estimate"], [3 / 4, 3 / 4, 1 / 2, 0])
    same(table["std_error"][:3], [0.75 * np.sqrt(1 / 12)] * 2 + [0.5 * np.sqrt(1 / 12 + 1 / 6)])


def test_the_number_at_risk_between_events_counts_those_who_entered_in_between() -> None:
    curves = kaplan_meier(LATE, "time", "event", entry="entry")
    # in (0,2]: b? no: a d; in (2,3]: a b d; in (3,4]: a b d e
    same(curves.numbers_at_risk([1, 2.5, 3.5, 4.5, 7, 10])["n_risk"], [2, 3, 4, 4, 1, 0])


def test_the_cox_score_with_entries() -> None:
    # x = 1 for a and e. At 4: mean of x over a b d e is 1/2, at 6: over b d e 1/3, at 9: e alone 1.
    data = LATE.assign(x=[0, 1, 0, 1, 0])
    fit = cox(data, "time", "event", covariates=["x"], entry="entry")
    score = (1 - 1 / 2) + (0 - 1 / 3) + 0
    information = 1 / 4 + 2 / 9
    same(fit.score_statistic, score**2 / information)
    same(fit.loglik_null, -np.log(4) - np.log(3))


def test_times_that_differ_by_rounding_are_one_time() -> None:
    data = pd.DataFrame({"time": [0.1 + 0.2, 0.3, 0.5, 0.7], "event": [1, 1, 0, 1]})
    curves = kaplan_meier(data, "time", "event")
    same(curves.table["n_event"], [2, 0, 1])
    for reading in (0.3, 0.1 + 0.2):
        same(curves.at(reading)["estimate"], 1 / 2)
        same(km_influence(data["time"], data["event"], None, np.array([reading]))[0], 1 / 2)


def test_a_flat_stretch_at_the_quantile_gives_its_middle() -> None:
    # survival 3/4 from 1, 1/2 from 2, 1/4 from 5: the median lies anywhere in [2, 5)
    data = pd.DataFrame({"time": [1, 2, 5, 8], "event": [1, 1, 1, 0]})
    curves = kaplan_meier(data, "time", "event")
    same(curves.quantile(0.5)["estimate"], 3.5)
    same(curves.quantile([0.1, 0.3])["estimate"], [1, 2])
    same(curves.quantile(0.75)["estimate"], 6.5)  # the last stretch, from 5 to the end of follow-up at 8
    same(curves.quantile(0.8)["estimate"], np.nan)


def test_a_curve_is_unknown_after_the_last_person_is_lost_and_0_after_the_last_dies() -> None:
    lost = pd.DataFrame({"time": [1, 2, 3], "event": [1, 0, 0]})
    same(kaplan_meier(lost, "time", "event").at([0.5, 3, 4])["estimate"], [1, 2 / 3, np.nan])
    same(km_influence(lost["time"], lost["event"], None, np.array([3.0, 4]))[0], [2 / 3, np.nan])
    ended = lost.assign(event=[1, 0, 1])
    same(kaplan_meier(ended, "time", "event").at([3, 4])["estimate"], [0, 0])
    survival, influence = km_influence(ended["time"], ended["event"], None, np.array([4.0]))
    same(survival, 0)
    same(influence, [0, 0, 0])


def test_readings_count_events_since_the_reading_before() -> None:
    data = pd.DataFrame({"time": [1, 2, 2, 3, 4, 9], "event": [1, 1, 0, 1, 0, 1]})
    read = kaplan_meier(data, "time", "event").at([4, 2])
    same(read["time"], [2, 4])
    same(read["n_event"], [2, 1])
    same(read["n_censor"], [1, 1])
    same(read["n_risk"], [5, 2])


def test_weights_leave_the_curve_exactly_0_when_all_at_risk_die() -> None:
    data = pd.DataFrame({"time": [1, 2, 2, 2], "event": [1, 1, 1, 1], "w": [0.3, 0.1, 0.2, 0.7]})
    assert kaplan_meier(data, "time", "event", weights="w").table["estimate"].iloc[-1] == 0.0


def test_rows_of_weight_0_do_not_count() -> None:
    data = pd.DataFrame({"time": [1, 2, 2, 5], "event": [1, 1, 1, 0], "w": [1, 2, 0, 1.0], "g": list("aabb")})
    kept = data[data["w"] > 0]
    left = kaplan_meier(data, "time", "event", weights="w").table
    pd.testing.assert_frame_equal(left, kaplan_meier(kept, "time", "event", weights="w").table)
    assert list(kaplan_meier(data.assign(w=[1, 1, 0, 0]), "time", "event", group="g", weights="w").groups) == [
        "a"
    ]


def test_nelson_aalen_takes_tied_events_together_or_in_turn() -> None:
    data = pd.DataFrame({"time": [2, 2, 5, 7], "event": [1, 1, 1, 0]})
    together = nelson_aalen(data, "time", "event").table
    same(together["estimate"], [2 / 4, 2 / 4 + 1 / 2, 1])
    same(together["std_error"] ** 2, [2 / 16, 2 / 16 + 1 / 4, 2 / 16 + 1 / 4])
    in_turn = nelson_aalen(data, "time", "event", ties="in turn").table
    same(in_turn["estimate"], [1 / 4 + 1 / 3, 1 / 4 + 1 / 3 + 1 / 2, 13 / 12])


def test_the_logrank_statistic() -> None:
    # group 1: 1+ 3 ; group 2: 2 3 (+ censored).  Event times 2: at risk 1 of 3 in group 1; 3: 1 of 2, two events.
    data = pd.DataFrame({"time": [1, 3, 2, 3], "event": [0, 1, 1, 1], "g": [1, 1, 2, 2]})
    test = logrank(data, "time", "event", "g")
    assert test.detail is not None
    same(test.detail["observed"], [1, 2])
    same(test.detail["expected"], [1 / 3 + 2 / 2, 2 / 3 + 2 / 2])
    variance = (1 / 3) * (2 / 3)  # the second time has no one left over: 2 events of 2, variance 0
    same(test.detail["variance[1]"], [variance, -variance])
    same(test.statistic, (1 - 4 / 3) ** 2 / variance)


def test_concordance_is_a_count_of_pairs() -> None:
    rng = np.random.default_rng(3)
    n = 40
    time, event = rng.integers(1, 9, n).astype(float), rng.integers(0, 2, n) == 1
    entry = np.minimum(rng.integers(0, 5, n), time - 1).astype(float)
    score, weight, layer = rng.integers(0, 4, n).astype(float), rng.uniform(0.5, 2, n), rng.integers(0, 2, n)
    good = tied = every = 0.0
    for i, j in itertools.permutations(range(n), 2):
        outlives = time[j] > time[i] or (time[j] == time[i] and not event[j])
        if event[i] and outlives and entry[j] < time[i] and layer[i] == layer[j]:
            pair = weight[i] * weight[j]
            every += pair
            good += pair * (score[i] > score[j])
            tied += pair * (score[i] == score[j])
    found, _ = concordance_index(score, time, event, entry=entry, strata=layer, weight=weight)
    assert found == pytest.approx((good + tied / 2) / every, rel=1e-12)


def test_the_restricted_mean_is_an_area() -> None:
    data = pd.DataFrame({"time": [1, 3, 4, 2, 4, 4], "event": [1, 1, 0, 0, 1, 0], "g": list("aaabbb")})
    # a: 1 to 1, 2/3 to 3, 1/3 to 4 ; b: 1 to 4
    tidy = rmst(data, "time", "event", "g", tau=4).tidy()
    assert list(tidy["group"]) == ["a", "b", "b - a", "b / a"]
    assert list(tidy["term"]) == ["rmst", "rmst", "difference", "ratio"]
    a = 1 + 2 * 2 / 3 + 1 / 3
    same(tidy["estimate"], [a, 4, 4 - a, 4 / a])
    # a: area after 1 is 5/3, after 3 is 1/3; Greenwood terms 1/(3*2), 1/(2*1). b: nothing after 4
    error = np.sqrt((5 / 3) ** 2 / 6 + (1 / 3) ** 2 / 2)
    same(tidy["std_error"], [error, 0, error, error / a])


def test_a_horizon_beyond_a_curve_that_reached_0_is_allowed() -> None:
    data = pd.DataFrame({"time": [1, 2, 3, 9], "event": [1, 1, 1, 0], "g": list("aabb")})
    same(rmst(data, "time", "event", "g", tau=9).tidy()["estimate"][:2], [1.5, 6])
    value, influence = rmst_influence(data["time"][:2], data["event"][:2], None, 9.0)
    same(value, 1.5)
    same(influence, [-0.25, 0.25])


def test_cells_hold_only_the_times_of_events_unless_asked() -> None:
    time, event = np.array([3.0, 1, 2, 2]), np.array([True, False, True, True])
    few, every = risk_set(time, event), risk_set(time, event, every_time=True)
    same(few.time, [2, 3])
    same(every.time, [1, 2, 3])
    same(few.at_risk(np.ones(4)), [3, 1])
    same(few.events(np.ones(4)), [2, 1])
    same(every.leaving(np.ones(4)), [1, 2, 1])
    same(few.over(np.array([10.0, 1])), [11, 0, 10, 10])
