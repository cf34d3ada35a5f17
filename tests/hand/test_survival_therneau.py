"""Therneau's six-row example, worked by hand (survival package, vignette "Validation", first data set).

Three people with x = 1 and three with x = 0. Write r = exp(beta).
    time 1: one event (x=1); at risk 3 with x=1, 3 with x=0        sum of hazards 3r + 3
    time 6: two events (x=1 and x=0); at risk 1 with x=1, 3 with x=0             r + 3
    time 9: one event (x=0), alone                                              1
Breslow: l = 2 beta - log(3r+3) - 2 log(r+3); Efron's second term at time 6 is log((r+5)/2), half of each event's
hazard having left.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq

from pdd_outcomes.survival import cox, kaplan_meier
from pdd_outcomes.survival.cox_likelihood import Sample, likelihood, make_sample, slope
from pdd_outcomes.survival.cox_predict import cumulative_hazard, hazard_steps
from pdd_outcomes.survival.cox_residuals import martingale_residuals, schoenfeld_residuals, score_residuals
from pdd_outcomes.survival.riskset import risk_set
from tests.tolerances import ROUNDING, SAME_ALGORITHM

SIX = pd.DataFrame({"time": [1, 1, 6, 6, 8, 9], "status": [1, 0, 1, 1, 0, 1], "x": [1, 1, 1, 0, 0, 0]})
AT_ZERO = np.zeros(1)


def sample(*, efron: bool) -> Sample:
    x = SIX[["x"]].to_numpy(float)  # uncentred and unscaled: working units are the data's own
    return make_sample(
        x, np.ones(6), risk_set(SIX["time"].to_numpy(float), SIX["status"].to_numpy() == 1), efron=efron
    )


def same(found: object, wanted: object, tolerance: float = ROUNDING) -> None:
    np.testing.assert_allclose(np.asarray(found, float).ravel(), wanted, rtol=tolerance, atol=tolerance)


def test_breslow_at_zero() -> None:
    here = sample(efron=False)
    at = likelihood(here, AT_ZERO)
    down = slope(here, at)
    same(at.loglik, -np.log(6) - 2 * np.log(4))
    same(down.score, 2 - 1 / 2 - 2 / 4)
    same(down.information, 1 / 4 + 2 * (1 / 4) * (3 / 4))
    # hazards 1/6, 2/4, 1
    same(martingale_residuals(here, at), [5 / 6, -1 / 6, 1 / 3, 1 / 3, -2 / 3, -2 / 3])
    # x - mean, at 1: 1/2; at 6: 3/4 and -1/4; at 9: 0
    same(schoenfeld_residuals(here, at), [1 / 2, 3 / 4, -1 / 4, 0])
    # row 1: (1 - 1/2)(1 - 1/6); row 3: (1-1/2)(-1/6) + (1-1/4)(1-1/2); row 5: (0-1/2)(-1/6) + (0-1/4)(-1/2)
    same(score_residuals(here, at), [5 / 12, -1 / 12, 7 / 24, -1 / 24, 5 / 24, 5 / 24])


def test_efron_at_zero() -> None:
    here = sample(efron=True)
    at = likelihood(here, AT_ZERO)
    down = slope(here, at)
    same(at.loglik, -np.log(6) - np.log(4) - np.log(3))
    # means at 6: 1/4, then (1/2)/3 = 1/6
    same(down.score, 2 - 1 / 2 - 1 / 4 - 1 / 6)
    same(down.information, 1 / 4 + 3 / 16 + 5 / 36)
    # at 6 the hazards are 1/4 and 1/3; the two with the event meet the second with half their risk
    own = 1 - 1 / 6 - 1 / 4 - 1 / 6
    same(
        martingale_residuals(here, at),
        [5 / 6, -1 / 6, own, own, -1 / 6 - 1 / 4 - 1 / 3, 1 - 1 / 6 - 7 / 12 - 1],
    )
    same(schoenfeld_residuals(here, at), [1 / 2, 1 - 5 / 24, -5 / 24, 0])
    same(
        score_residuals(here, at),
        [5 / 12, -1 / 12, 55 / 144, -5 / 144, 29 / 144, 29 / 144],
    )


@pytest.mark.parametrize(
    ("ties", "gradient", "root"),
    [
        ("breslow", lambda r: 2 - 3 * r / (3 * r + 3) - 2 * r / (r + 3), 4.372281323),  # (3 + sqrt 33) / 2
        ("efron", lambda r: 2 - 3 * r / (3 * r + 3) - r / (r + 3) - r / (r + 5), 5.348721),
    ],
)
def test_the_maximum_solves_the_score_equation(ties, gradient, root) -> None:
    r = brentq(gradient, 1, 20, xtol=1e-14)
    assert r == pytest.approx(root, abs=1e-6)
    fit = cox(SIX, "time", "status", covariates=["x"], ties=ties)
    same(fit.coefficients, np.log(r), SAME_ALGORITHM)
    if ties == "breslow":
        same(np.exp(fit.coefficients), (3 + np.sqrt(33)) / 2, SAME_ALGORITHM)


def test_the_variance_of_the_hazard_at_zero() -> None:
    # for x = 0 the drawn mean is q = -(sum of hazard times mean); information as above
    for efron, information, deaths, drawn in (
        # Breslow: 1/36; + 2/16; + 1; q: 1/12, + 2/4 * 1/4, + 0
        (
            False,
            5 / 8,
            [1 / 36, 1 / 36 + 2 / 16, 1 / 36 + 2 / 16 + 1],
            [1 / 12, 1 / 12 + 1 / 8, 1 / 12 + 1 / 8],
        ),
        # Efron: at 6 1/16 + 1/9 (the vignette's 4/25 should be 4/36: (r + 5)^2 is 36 at r = 1); q + 1/16 + 1/18
        (
            True,
            83 / 144,
            [1 / 36, 1 / 36 + 25 / 144, 1 / 36 + 25 / 144 + 1],
            [1 / 12, 1 / 12 + 17 / 144, 1 / 12 + 17 / 144],
        ),
    ):
        here = sample(efron=efron)
        at = likelihood(here, AT_ZERO)
        down = slope(here, at)
        steps = hazard_steps(here, at, 0)
        value, error = cumulative_hazard(
            steps, np.zeros((1, 1)), np.zeros(1), np.linalg.inv(down.information), np.array([1.0, 6, 9])
        )
        same(value, [1 / 6, 1 / 6 + (7 / 12 if efron else 1 / 2), 7 / 6 + (7 / 12 if efron else 1 / 2)])
        same(error**2, [d + q**2 / information for d, q in zip(deaths, drawn)])


def test_the_kaplan_meier_curve() -> None:
    table = kaplan_meier(SIX, "time", "status").table
    same(table["time"], [1, 6, 8, 9])
    same(table["n_risk"], [6, 4, 2, 1])
    same(table["n_event"], [1, 2, 0, 1])
    same(table["n_censor"], [1, 0, 1, 0])
    same(table["estimate"], [5 / 6, 5 / 12, 5 / 12, 0])
    # Greenwood: 1/(6*5), then + 2/(4*2)
    first, second = 5 / 6 * np.sqrt(1 / 30), 5 / 12 * np.sqrt(1 / 30 + 1 / 4)
    same(table["std_error"], [first, second, second, np.nan])
    assert table[["conf_low", "conf_high"]].isna().to_numpy()[-1].all()
