"""Matching with a different number of matches for each, against MatchIt 4.7.2 on people made by a formula."""

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.errors import UsageError
from pdd_outcomes.design import match
from pdd_outcomes.design.ratios import extremal_counts

PLACE = np.arange(1, 501)
PEOPLE = pd.DataFrame({"t": (PLACE * 7 % 10 < 3).astype(int)})
SCORE = np.sin(PLACE) + 0.4 * PEOPLE["t"].to_numpy()

# i <- 1:500; t <- as.integer((i * 7) %% 10 < 3); s <- sin(i) + 0.4 * t; e <- data.frame(t, s)
# m <- matchit(t ~ s, e, distance = s, ratio = R, min.controls = L, max.controls = M, caliper = C, replace = P)
# sum(m$weights > 0); sum(!is.na(m$match.matrix)); sum(i * m$weights)
FROM_R = [
    (2, (1, 4), None, False, 450, 300, 114377.5),
    (2, (1, 4), None, True, 267, 300, 70259.93),
    (1.7, (1, 3), 0.1, False, 246, 135, 62789.0810810811),
    (1.7, (1, 3), 0.1, True, 223, 216, 57384.2372372372),
    (2.2, (1, 3), 0.05, False, 279, 174, 69503.2857142857),
    (2.2, (1, 3), 0.05, True, 254, 289, 64335.2721712538),
]


@pytest.mark.parametrize(("ratio", "limits", "caliper", "replace", "kept", "links", "total"), FROM_R)
def test_people_and_weights_are_those_of_matchit(ratio, limits, caliper, replace, kept, links, total):
    m = match(PEOPLE, "t", distance=SCORE, ratio=ratio, ratio_limits=limits, caliper=caliper, replace=replace)
    assert int((m.weights > 0).sum()) == kept
    assert len(m.pairs) == links
    assert float((PLACE * m.weights).sum()) == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize(("mean", "least", "most"), [(2.0, 1, 4), (1.01, 1, 9), (3.9, 2, 4), (2.5, 2, 3)])
@pytest.mark.parametrize("f", [1, 2, 7, 100])
def test_all_but_one_get_the_least_or_the_most_and_the_total_is_the_mean(f, mean, least, most):
    ease = np.cos(np.arange(f))
    wanted = extremal_counts(ease, mean, least, most)
    assert wanted.sum() == round(f * mean)
    assert wanted.min() >= least
    assert wanted.max() <= most
    assert ((wanted != least) & (wanted != most)).sum() <= 1
    assert (np.diff(wanted[np.argsort(ease)]) >= 0).all()


def test_controls_looking_for_treated_people_get_most_where_the_treated_are():
    m = match(PEOPLE, "t", distance=SCORE, ratio=2, ratio_limits=(1, 3), estimand="ATC", replace=True)
    each = m.pairs.groupby("control").size()
    assert set(each) == {1, 3}
    score = pd.Series(SCORE)[each.index]
    assert score[each == 3].min() > score[each == 1].max()


def test_a_caliper_on_a_column_keeps_the_different_numbers():
    within = match(
        PEOPLE.assign(x=PLACE % 5), "t", distance=SCORE, ratio=2, ratio_limits=(1, 4), within={"x": 4.0}
    )
    free = match(PEOPLE, "t", distance=SCORE, ratio=2, ratio_limits=(1, 4))
    pd.testing.assert_frame_equal(within.pairs, free.pairs)


def test_the_words_say_how_many_each_has():
    said = match(PEOPLE, "t", distance=SCORE, ratio=2, ratio_limits=(1, 4)).describe()
    assert "one to four control people to each treated person (2 on average" in said
    assert "2.00 matches each on average" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"ratio": 5, "ratio_limits": (1, 4)}, "must lie between"),
        ({"ratio": 2, "ratio_limits": (0, 4)}, "1 or more"),
        ({"ratio": 2, "ratio_limits": (1,)}, r"must be \(least, most\)"),
        ({"ratio": 2, "ratio_limits": (1, 4.5)}, "two whole numbers"),
        ({"ratio": 1.5}, "whole number"),
        ({"ratio": 2, "ratio_limits": (1, 4), "method": "optimal"}, "ratio_limits=.*no meaning"),
        ({"ratio": 2, "ratio_limits": (1, 4), "distance": "euclidean", "covariates": ["x"]}, "needs a score"),
    ],
)
def test_limits_that_cannot_be_are_refused(options, said):
    with pytest.raises(UsageError, match=said):
        match(PEOPLE.assign(x=SCORE), "t", **({"distance": SCORE} | options))
