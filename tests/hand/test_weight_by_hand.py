"""Weights worked out by hand, on a table of two strata."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.design import unadjusted, weight
from pdd_outcomes.effects import risk_contrast

# In stratum 0 one of four is treated, in stratum 1 three of four.
TABLE = pd.DataFrame(
    {
        "x": [0] * 40 + [1] * 40,
        "t": [1] * 10 + [0] * 30 + [1] * 30 + [0] * 10,
        "y": ([1] * 4 + [0] * 6) + ([1] * 9 + [0] * 21) + ([1] * 18 + [0] * 12) + ([1] * 5 + [0] * 5),
    }
)
THIRD = 1 / 3


@pytest.mark.parametrize(
    ("method", "estimand", "treated", "control"),
    [
        ("ipw", "ATT", (1, 1), (THIRD, 3)),
        ("ipw", "ATC", (3, THIRD), (1, 1)),
        ("ipw", "ATE", (4, 4 * THIRD), (4 * THIRD, 4)),
        ("overlap", "ATT", (0.75, 0.25), (0.25, 0.75)),
        ("matching", "ATT", (1, THIRD), (THIRD, 1)),
        ("cbps", "ATE", (4, 4 * THIRD), (4 * THIRD, 4)),
        ("entropy", "ATT", (1, 1), (THIRD, 3)),
    ],
)
def test_weights_in_each_stratum(method, estimand, treated, control):
    w = weight(TABLE, "t", covariates=["x"], method=method, estimand=estimand).weights
    t, x = TABLE["t"] == 1, TABLE["x"]
    for stratum in (0, 1):
        np.testing.assert_allclose(w[t & (x == stratum)], treated[stratum], rtol=1e-9)
        np.testing.assert_allclose(w[~t & (x == stratum)], control[stratum], rtol=1e-9)


def test_stabilised_weights_have_the_share_of_the_arm_on_them():
    plain, stable = (
        weight(TABLE, "t", covariates=["x"], estimand="ATE", stabilise=s).weights for s in (False, True)
    )
    np.testing.assert_allclose(stable / plain, 0.5, rtol=1e-12)


@pytest.mark.parametrize(
    ("estimand", "difference"),
    # Stratum 0: 0.4 - 0.3 = 0.1; stratum 1: 0.6 - 0.5 = 0.1 in both, so any mix of them is 0.1.
    [("ATT", 0.1), ("ATC", 0.1), ("ATE", 0.1)],
)
def test_a_weighted_contrast_is_the_stratified_one(estimand, difference):
    design = weight(TABLE, "t", covariates=["x"], estimand=estimand)
    found = risk_contrast(design, TABLE, outcome="y").tidy().set_index("term")["estimate"]
    assert found["risk_difference"] == pytest.approx(difference, abs=1e-9)
    naive = risk_contrast(unadjusted(TABLE, "t"), TABLE, outcome="y").tidy().set_index("term")["estimate"]
    assert naive["risk_difference"] == pytest.approx(22 / 40 - 14 / 40)


def test_the_effective_size_is_kishs():
    ess = weight(TABLE, "t", covariates=["x"]).ess
    # 30 controls of 1/3 and 10 of 3: (10 + 30)^2 / (30/9 + 90).
    assert ess.control == pytest.approx(1600 / (30 / 9 + 90))
    assert ess.treated == pytest.approx(40)
