"""Coverage and size of instrumental intervals where the truth is known; where Wald's fail, Anderson-Rubin's do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from pdd_outcomes.effects.instrumental import instrumental
from pdd_outcomes.effects.leniency import complier_effect, leave_one_out_leniency
from pdd_outcomes.effects.weak_instruments import AndersonRubin, Errors, least_squares

EFFECT = -0.3


@pytest.fixture(autouse=True)
def one_thread():
    """Thousands of small matrices: threads of the linear algebra would wait for each other and gain nothing."""
    with threadpool_limits(limits=1):
        yield


def draw(
    rng: np.random.Generator, n: int, q: int, strength: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcome, treatment and instruments, with the confounder's share of both residuals at 0.9 and uneven variance."""
    z, u = rng.normal(size=(n, q)), rng.normal(size=n)
    spread = 0.5 + np.abs(z[:, 0])
    d = strength * z.sum(axis=1) + spread * u
    y = EFFECT * d + spread * (0.9 * u + 0.44 * rng.normal(size=n))
    return y, d, z


@pytest.mark.parametrize(("q", "strength"), [(1, 0.0), (1, 0.08), (3, 0.05), (3, 0.5)])
def test_the_anderson_rubin_set_covers_however_weak_the_instruments(q: int, strength: float) -> None:
    """1,000 draws of 250 people: 95% within Monte Carlo error, with no first stage at all too."""
    rng = np.random.default_rng(10 * q + int(100 * strength))
    covered = 0
    for _ in range(1000):
        y, d, z = draw(rng, 250, q, strength)
        x = np.column_stack([np.ones(250), z])
        stages = least_squares(x, [""] * (q + 1), np.column_stack([y, d]), Errors())[0]
        pi, variance = stages.block(range(1, q + 1))
        covered += AndersonRubin(pi, variance, stages.df).p_value(EFFECT) > 0.05
    assert 0.925 <= covered / 1000 <= 0.97


def test_walds_interval_fails_with_weak_instruments_and_holds_with_strong_ones() -> None:
    """Three weak instruments and a strong confounder: Wald's covers far less than 95%; and these are flagged as weak."""
    rng, found = np.random.default_rng(7), {0.04: [], 0.6: []}
    for strength, rows in found.items():
        for _ in range(200):
            y, d, z = draw(rng, 250, 3, strength)
            frame = pd.DataFrame({"y": y, "d": d, **{f"z{k}": z[:, k] for k in range(3)}})
            fit = instrumental(frame, "y", "d", ["z0", "z1", "z2"])
            if not hasattr(fit, "coefficients"):
                continue
            half = 1.96 * np.sqrt(fit.covariance[1, 1])
            rows.append((abs(fit.coefficients[1] - EFFECT) < half, fit.strength.weak))
    weak, strong = (np.array(rows).mean(axis=0) for rows in found.values())
    assert weak[0] < 0.75
    assert weak[1] > 0.97
    assert 0.915 <= strong[0] <= 0.98
    assert strong[1] < 0.1


def test_complier_rows_cover_the_truth_of_compliers() -> None:
    """Compliers (half) have 0.35 without and 0.25 with; those who never complete 0.6, those who always do 0.15."""
    rng, covered = np.random.default_rng(12), []
    truth = {"complier_share": 0.5, "complier_mean_completed": 0.25, "complier_mean_not_completed": 0.35}
    truth |= {"complier_effect": -0.1, "offer_effect": -0.05, "unoffered_completer_share": 0.1}
    for _ in range(400):
        kind, z = rng.choice(3, size=600, p=[0.5, 0.4, 0.1]), rng.integers(0, 2, 600)
        d = np.select([kind == 0, kind == 1], [z, 0], 1)
        risk = np.select([(kind == 0) & (d == 1), (kind == 0), kind == 1], [0.25, 0.35, 0.6], 0.15)
        frame = pd.DataFrame({"z": z, "d": d, "y": (rng.random(600) < risk).astype(int)})
        rows = complier_effect(frame, "y", offered="z", completed="d").tidy().set_index("term")
        covered.append([rows.loc[t, "conf_low"] <= v <= rows.loc[t, "conf_high"] for t, v in truth.items()])
    share = np.mean(covered, axis=0)
    assert ((share >= 0.92) & (share <= 0.98)).all(), dict(zip(truth, share))


def test_leniency_finds_the_effect_that_least_squares_misses() -> None:
    """Officers differ; those less likely to reoffend are diverted. Sixty draws of 60 officers, 3,000 cases."""
    rng, found = np.random.default_rng(21), []
    for _ in range(60):
        officer, u = np.arange(3000) % 60, rng.normal(size=3000)
        cell = rng.integers(0, 5, 3000)
        lean = rng.normal(0, 0.7, 60)[officer] + 0.4 * cell
        d = (lean + u + rng.normal(size=3000) > 0.8).astype(int)
        y = EFFECT * d - 0.5 * u - 0.2 * cell + rng.normal(size=3000)
        frame = pd.DataFrame({"y": y, "d": d, "officer": officer, "cell": cell.astype(str)})
        frame["z"] = leave_one_out_leniency(frame, "d", "officer", within="cell")["leniency"]
        fit = instrumental(frame, "y", "d", "z", covariates=["cell"], cluster="officer")
        low, high = fit.tidy().iloc[1][["conf_low", "conf_high"]]
        found.append((fit.coefficients[1], fit.naive.coefficients[1, 0], low <= EFFECT <= high))
    estimate, naive, covered = np.mean(found, axis=0)
    assert estimate == pytest.approx(EFFECT, abs=0.04)
    assert naive < EFFECT - 0.3
    assert covered >= 0.85
