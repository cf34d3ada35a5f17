"""Mean costs and their robust errors against R 4.2.2, and the bootstrap against scipy's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pdd_outcomes.design import Design
from pdd_outcomes.synthesis.cost_resample import acceleration, arm_means, bca_limits, contrasts, resample
from pdd_outcomes.synthesis.economics import cost_consequence
from pdd_outcomes.synthesis.unit_costs import read_unit_costs
from tests.tolerances import R_DETERMINISTIC, SAME_ALGORITHM

COSTS = read_unit_costs(
    pd.DataFrame(
        [
            ("wedding", "wedding", 500.0, 400.0, 700.0, 2023, "invented", True),
            ("month", "month served", 130.0, 100.0, 200.0, 2023, "invented", True),
        ],
        columns=["item", "unit", "cost", "low", "high", "price_year", "source", "illustrative"],
    )
)


@pytest.mark.parametrize("clustered", [False, True])
def test_the_difference_in_cost_and_its_error_are_r_s(recid: pd.DataFrame, clustered: bool) -> None:
    # d$cost <- 500*d$married + 130*d$tserved; m <- lm(cost ~ workprg, d, weights = 1 + tserved/20)
    # vcovHC(m, type = "HC0"), vcovCL(m, cluster = d$educ, type = "HC0", cadjust = FALSE)
    sets = recid["educ"].to_numpy().astype(np.int64) if clustered else None
    design = Design(
        recid["workprg"].to_numpy() == 1, (1 + recid["tserved"] / 20).to_numpy(dtype=float), sets, "ATE"
    )
    found = cost_consequence(
        design,
        recid,
        counts={"wedding": "married", "month": "tserved"},
        costs=COSTS,
        rng=np.random.default_rng(1),
        horizon="one sentence",
        per=1,
        replicates=99,
    )
    rows = found.tidy().set_index(["term", "measure"]).loc["total"]
    assert rows.loc["cost control", "estimate"] == pytest.approx(3267.82624742, rel=R_DETERMINISTIC)
    assert rows.loc["cost difference", "estimate"] == pytest.approx(1549.53910723, rel=R_DETERMINISTIC)
    errors = (287.795393727, 432.149130222) if clustered else (291.961118378, 423.565216635)
    assert rows.loc[["cost control", "cost difference"], "std_error"].tolist() == pytest.approx(
        list(errors), rel=R_DETERMINISTIC
    )
    assert found.interval == (
        "robust" if clustered else "symmetric"
    )  # 19 lengths of schooling are too few to draw


def test_accelerated_limits_are_scipy_s_but_for_the_draws() -> None:
    # for pairs the difference of means is the mean of differences, of which scipy knows the acceleration by the jackknife
    rng = np.random.default_rng(6)
    n = 400
    one, two = rng.gamma(0.5, 20, n), rng.gamma(0.5, 30, n)
    values, treated = np.concatenate([one, two])[:, None], np.arange(2 * n) < n
    codes, ones = np.tile(np.arange(n), 2), np.ones(2 * n)
    means, influence = arm_means(values, ones, treated)
    slopes = contrasts(influence)
    drawn, _ = resample(values, ones, treated, codes, rng, 9999)
    limits = bca_limits(contrasts(means), drawn, acceleration(slopes, codes), 0.95)[2]
    scipys = stats.bootstrap((one - two,), np.mean, n_resamples=9999, method="BCa", rng=rng).confidence_interval
    width = scipys.high - scipys.low
    assert abs(limits[0] - scipys.low) < 0.03 * width
    assert abs(limits[1] - scipys.high) < 0.03 * width


def test_errors_within_resamples_are_those_of_the_resampled_data() -> None:
    rng = np.random.default_rng(2)
    n = 60
    values = rng.gamma(1, 10, (n, 2))
    weight, treated, codes = rng.uniform(0.5, 2, n), np.arange(n) % 2 == 0, np.arange(n) // 3
    drawn, errors = resample(values, weight, treated, codes, np.random.default_rng(7), 5)
    again = np.random.default_rng(7).integers(20, size=(5, 20))
    for r in range(5):
        rows = np.concatenate([np.flatnonzero(codes == g) for g in again[r]])
        new = np.repeat(np.arange(20), 3)
        means, influence = arm_means(values[rows], weight[rows], treated[rows])
        slopes = contrasts(influence)
        sums = np.array([slopes[new == k].sum(axis=0) for k in range(20)])
        np.testing.assert_allclose(drawn[r], contrasts(means), rtol=SAME_ALGORITHM)
        np.testing.assert_allclose(errors[r], np.sqrt((sums**2).sum(axis=0)), rtol=1e-7)
