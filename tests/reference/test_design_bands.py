"""Score bands that lack an arm, against MatchIt 4.7.2 on people made by a formula, and by hand."""

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.design import match
from pdd_outcomes.design.strata import fill_bands

PLACE = np.arange(1, 61)
PEOPLE = pd.DataFrame({"t": (PLACE * 7 % 10 < 3).astype(int)})
SCORE = np.sin(PLACE) + 1.6 * PEOPLE["t"].to_numpy()


# i <- 1:60; t <- as.integer((i * 7) %% 10 < 3); s <- sin(i) + 1.6 * t; e <- data.frame(t, s)
# m <- matchit(t ~ s, e, distance = s, method = "subclass", subclass = 6, estimand = E)
# sum(m$weights > 0); sum(i * m$weights); sum(m$weights^2)
@pytest.mark.parametrize(
    ("estimand", "kept", "total", "squares"),
    [
        ("ATT", 60, 1864.03125, 223.697916666667),
        ("ATC", 60, 1789.38461538462, 87.6923076923077),
        ("ATE", 60, 2041.0475, 128.28),
    ],
)
def test_bands_without_an_arm_are_filled_as_matchit_fills_them(estimand, kept, total, squares):
    m = match(PEOPLE, "t", distance=SCORE, method="subclass", subclasses=6, estimand=estimand)
    assert int((m.weights > 0).sum()) == kept
    assert float((PLACE * m.weights).sum()) == pytest.approx(total, rel=1e-12)
    assert float((m.weights**2).sum()) == pytest.approx(squares, rel=1e-12)
    assert m.estimand == estimand


def test_the_nearest_of_the_next_band_moves_and_nobody_else():
    band = np.array([0, 0, 0, 1, 1, 2, 2, 2])
    treated = np.array([1, 0, 0, 1, 0, 1, 1, 1], dtype=bool)
    score = np.array([0.1, 0.2, 0.3, 1.1, 1.2, 2.1, 2.2, 2.3])
    # The last band has no control: the one of band 1 moves up, and then the nearest of band 0 into band 1.
    assert fill_bands(band, treated, score).tolist() == [0, 0, 1, 1, 2, 2, 2, 2]


def test_an_arm_smaller_than_the_number_of_bands_is_left_as_it_is():
    band = np.array([0, 1, 2, 2])
    treated = np.array([True, True, True, False])
    assert fill_bands(band, treated, np.arange(4.0)).tolist() == band.tolist()


@pytest.mark.parametrize("seed", range(20))
def test_every_band_holds_both_arms_and_bands_keep_their_order_within_an_arm(seed):
    rng = np.random.default_rng(seed)
    n, k = 60, int(rng.integers(2, 7))
    treated = rng.random(n) < 0.4
    score = rng.normal(size=n) + 2 * treated
    band = np.clip(np.searchsorted(np.quantile(score, np.linspace(0, 1, k + 1)[1:-1]), score), 0, k - 1)
    filled = fill_bands(band, treated, score)
    for arm in (treated, ~treated):
        assert set(filled[arm]) == set(range(k))
        assert (np.diff(filled[arm][np.argsort(score[arm])]) >= 0).all()
