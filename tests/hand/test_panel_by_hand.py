"""Panels, the decomposition and an interrupted series worked by hand on a few numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from pdd_outcomes.core.results import NotEstimable
from pdd_outcomes.effects.bacon import bacon
from pdd_outcomes.effects.interrupted import interrupted_series
from pdd_outcomes.effects.interrupted_fit import first_autocorrelation, working_rho
from pdd_outcomes.effects.panel import panel_model, two_way_effects
from pdd_outcomes.effects.panel_errors import newey_west
from tests.tolerances import ROUNDING, SAME_ALGORITHM


def square(rows, names=("early", "late", "never")):
    """A panel from outcome rows, and the period (from 1) at which each unit starts."""
    return pd.DataFrame(
        [
            {"force": f, "month": t + 1, "y": y, "on": int(start is not None and t + 1 >= start)}
            for f, (values, start) in zip(names, rows)
            for t, y in enumerate(values)
        ]
    )


# Five months; early starts in month 2 with an effect that grows by 2 a month, late in month 4 with one of 1, never does not.
GROWING = square([([0, 2, 4, 6, 8], 2), ([0, 0, 0, 1, 1], 4), ([0, 0, 0, 0, 0], None)])


def test_the_decomposition_by_hand():
    parts = bacon(GROWING, "y", "on", unit="force", time="month")
    rows = {(r.treated, -1 if pd.isna(r.untreated) else r.untreated): r for r in parts.frame.itertuples()}
    # early against never: mean(2,4,6,8) - 0 = 5; width 1, before/after 1 and 4 of 5: 4 * 1/4 * 4/25 = 0.16
    # early against late, months 1-3: mean(2,4) = 3; width 3/5, 1 and 2 of 3: 4 * 9/25 * 1/4 * 2/9 = 0.08
    # late against never: 1; 3 and 2 of 5: 4 * 1/4 * 6/25 = 0.24
    # late against early, months 2-5: (1 - 0) - (mean(6,8) - mean(2,4)) = 1 - 4 = -3; 4/5, 2 and 2 of 4: 16/25 * 1/4 = 0.16
    wanted = {(2, -1): (5, 0.16), (2, 4): (3, 0.08), (4, -1): (1, 0.24), (4, 2): (-3, 0.16)}
    assert rows.keys() == wanted.keys()
    for key, (estimate, weight) in wanted.items():
        assert rows[key].estimate == pytest.approx(estimate, abs=ROUNDING)
        assert rows[key].weight == pytest.approx(weight / 0.64, abs=ROUNDING)
    assert rows[4, 2].kind == "later vs earlier (already treated)"
    assert parts.forbidden == pytest.approx(0.25, abs=ROUNDING)
    # (5*16 + 3*8 + 24 - 3*16) / 64 = 80/64: far below the average effect of (2+4+6+8+1+1)/6 = 22/6
    assert parts.estimate == pytest.approx(1.25, abs=ROUNDING)


def test_those_treated_throughout_are_controls_already_treated():
    data = square([([1, 1, 1, 1], 1), ([0, 0, 3, 3], 3), ([0, 0, 0, 1], None)])
    parts = bacon(data, "y", "on", unit="force", time="month")
    kinds = parts.frame.set_index("kind")
    # against the never treated 3 - 0.5 = 2.5, against the always treated 3; equal weights
    assert kinds.loc["treated vs never", "estimate"] == pytest.approx(2.5)
    assert kinds.loc["vs always treated", "estimate"] == pytest.approx(3.0)
    assert parts.forbidden == pytest.approx(0.5)
    assert parts.by_kind()["weight"].sum() == pytest.approx(1.0)
    fit = two_way_effects(data, "y", "on", unit="force", time="month")
    assert fit.coefficients[0] == pytest.approx(2.75, abs=SAME_ALGORITHM)


def test_one_treated_unit_has_an_estimate_and_no_error():
    data = square([([0, 1, 5, 6], 3), ([0, 1, 2, 2], None), ([1, 1, 2, 4], None)], "abc")
    row = two_way_effects(data, "y", "on", unit="force", time="month").tidy().iloc[0]
    # a: 5.5 - 0.5 = 5; b: 2 - 0.5 = 1.5; c: 3 - 1 = 2; 5 - 1.75 = 3.25
    assert row["estimate"] == pytest.approx(3.25)
    assert np.isnan(row[["std_error", "conf_low", "conf_high", "p_value"]].astype(float)).all()
    assert "changes in 1 cluster" in row["reason"]


def test_two_units_two_periods_by_hand():
    # Within a unit x goes from 0 to 1 and 0 to 2, y by 1 and 5: slope (1*1 + 2*5)/(1 + 4) = 11/5.
    data = pd.DataFrame(
        {"i": [1, 1, 2, 2], "t": [0, 1, 0, 1], "x": [0.0, 1, 0, 2], "y": [3.0, 4, 10, 15], "w": 1.0}
    )
    fit = panel_model(data, "y", unit="i", time="t", covariates=["x"])
    assert fit.coefficients[0] == pytest.approx(2.2, abs=ROUNDING)
    # The differences have residuals 1 - 2.2 and 5 - 4.4: their squares sum to 1.8, half of it within, on 4 - 2 - 1 = 1.
    assert fit.sigma2 == pytest.approx(0.9, abs=ROUNDING)
    # With an intercept the differences are on a line: 5 - 1 for one more of x.
    data3 = pd.concat([data, data.assign(i=3, x=[0, 3, 0, 3], y=[0, 9, 0, 9]).iloc[:2]])
    fit = panel_model(data3, "y", unit="i", time="t", covariates=["x"], method="first-difference")
    assert fit.coefficients == pytest.approx([-3.0, 4.0], abs=1e-9)


def test_clustered_by_unit_by_hand():
    # One predictor, one unit effect each: V = sum of (sum x e)^2 over (sum x^2)^2.
    data = pd.DataFrame(
        {
            "i": np.repeat([1, 2, 3], 2),
            "t": [0, 1] * 3,
            "x": [0.0, 1, 0, 2, 0, 3],
            "y": [0.0, 1, 0, 5, 0, 6],
        }
    )
    # slope (1 + 10 + 18)/14 = 29/14; in deviations each unit's x e is half x (dy - b dx)
    b, change = 29 / 14, [(1, 1), (2, 5), (3, 6)]
    scores = [0.5 * dx * (dy - b * dx) for dx, dy in change]
    hc0 = sum(s**2 for s in scores) / 7**2
    for name, factor in (("none", 1.0), ("sss", 3 / 2 * 5 / 5), ("stata", 3 / 2 * 5 / 2)):
        fit = panel_model(data, "y", unit="i", time="t", covariates=["x"], cluster="unit", small_sample=name)
        assert fit.covariance[0, 0] == pytest.approx(factor * hc0, rel=SAME_ALGORITHM)
    # CR2: A_g is 1/sqrt(1 - h_g) along x, h_g = (dx^2/2)/7
    cr2 = sum(s**2 / (1 - dx**2 / 14) for s, (dx, _) in zip(scores, change)) / 7**2
    fit = panel_model(data, "y", unit="i", time="t", covariates=["x"], cluster="unit")
    assert fit.covariance[0, 0] == pytest.approx(cr2, rel=SAME_ALGORITHM)


def test_newey_west_by_hand():
    scores = np.array([[1.0], [2.0], [-1.0]])
    # 1+4+1 = 6; lag 1: 1*2 + 2*(-1) = 0; lag 2: -1, weight 1/3, twice
    assert newey_west(scores, 0)[0, 0] == 6
    assert newey_west(scores, 1)[0, 0] == 6
    assert newey_west(scores, 2)[0, 0] == pytest.approx(6 - 2 / 3)
    assert newey_west(scores, 9)[0, 0] == pytest.approx(6 + 2 * 0.8 * -1)


# 10 months at 10 rising by 1, then a fall of 5 and a slope of -1 where it was 1; the noise is at right angles to all terms.
NOISE = np.array([1.0, -2, 1, 0, 0])
LINE = np.concatenate([10 + np.arange(10.0), 15 - np.arange(10.0)])


def bent():
    noise = np.concatenate([NOISE, NOISE, NOISE, NOISE])
    x = np.column_stack(
        [np.ones(20), np.arange(20), np.arange(20) >= 10, np.clip(np.arange(20) - 10, 0, None)]
    ).astype(float)
    noise = noise - x @ np.linalg.lstsq(x, noise, rcond=None)[0]
    return pd.DataFrame({"month": pd.date_range("2020-01-31", periods=20, freq="ME"), "y": LINE + noise})


def test_an_interrupted_series_by_hand():
    fit = interrupted_series(bent(), "y", time="month", interruption="2020-11-01")
    # had it gone on, November would be at 20: it is at 15; the slope went from 1 to -1
    assert fit.terms == ("(Intercept)", "trend before", "level change", "slope change")
    assert fit.fit.beta == pytest.approx([10, 1, -5, -2], abs=SAME_ALGORITHM)
    effects = fit.effects()
    # at the end 6 - 29; over ten months -5 - 7 - ... - 23 = -140 of 20 + ... + 29 = 245
    assert effects["estimate"].tolist() == pytest.approx([-23, -140, -140 / 245], abs=1e-9)
    path = fit.path()
    assert path["counterfactual"].tolist() == pytest.approx(np.arange(10.0, 30.0).tolist(), abs=1e-9)
    assert path["after"].sum() == 10
    assert path.loc[path["after"], "time"].iloc[0] == pd.Timestamp("2020-11-30")


def test_an_interruption_within_a_period_counts_from_the_next():
    fit = interrupted_series(bent().assign(month=np.arange(20)), "y", time="month", interruption=9.5)
    assert int(fit.after.sum()) == 10


def test_a_series_that_lies_on_its_lines_has_no_error_to_go_by():
    data = pd.DataFrame({"t": np.arange(20), "y": LINE})
    found = interrupted_series(data, "y", time="t", interruption=10)
    assert isinstance(found, NotEstimable)
    assert "no chance" in found.reason


def test_the_working_autocorrelation_undoes_the_bias_of_residuals():
    # Residuals of a trend are expected to look as if rho were below what it is.
    t = np.arange(30.0)
    x = np.column_stack([np.ones(30), t])
    maker = np.eye(30) - x @ np.linalg.solve(x.T @ x, x.T)
    true = 0.5 ** np.abs(np.subtract.outer(t, t))
    seen = maker @ true @ maker
    assert np.diag(seen, 1).sum() / np.trace(seen) < 0.42
    # a residual as dependent as that one is expected to be, mixed of a smooth one and a rough one, is given 0.5 back
    wanted = float(np.diag(seen, 1).sum() / np.trace(seen))
    smooth, rough = maker @ np.sin(t / 3), maker @ np.where(t % 2, 1.0, -1.0)

    def mixed(share):
        return share * smooth / np.linalg.norm(smooth) + (1 - share) * rough / np.linalg.norm(rough)

    share = optimize.brentq(lambda s: first_autocorrelation(mixed(s)) - wanted, 0, 1)
    assert working_rho(x, mixed(share)) == pytest.approx(0.5, abs=1e-9)
