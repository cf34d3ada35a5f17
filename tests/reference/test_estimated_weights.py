"""Variances that count the chance in the score: against derivatives taken by differences, and against statsmodels' GMM."""

import numpy as np
import pandas as pd
import pytest
from scipy import special

from pdd_outcomes.core.errors import UsageError
from pdd_outcomes.design import match, weight
from pdd_outcomes.effects import risk_contrast, time_to_event

X = ["x", "z"]


def people(n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(11)
    x, z = rng.normal(size=n), rng.integers(0, 2, n)
    t = rng.random(n) < special.expit(-0.4 + 0.9 * x - 0.5 * z)
    time = np.ceil(rng.exponential(60 * np.exp(-0.4 * x + 0.5 * t)))
    event = (rng.random(n) < 0.85) & (time < 150)
    return pd.DataFrame(
        {
            "x": x,
            "z": z,
            "t": t.astype(int),
            "y": (rng.random(n) < special.expit(-0.5 + 0.8 * x - 0.4 * t)).astype(int),
            "time": np.minimum(time, 150.0),
            "event": event.astype(int),
        }
    )


CASES = [
    ("ipw", "ATT", False),
    ("ipw", "ATC", False),
    ("ipw", "ATE", False),
    ("ipw", "ATE", True),
    ("overlap", "ATT", False),
    ("matching", "ATT", False),
]


def by_differences(frame, design, value, influence, method, estimand, stabilise):
    """SE of `value(weights)` whose fixed-weights influence is given: the score's part by central differences."""
    t = frame["t"].to_numpy() == 1
    fitted = design.propensity
    columns = np.column_stack([np.ones(len(frame)), frame[X].to_numpy(dtype=float)])
    p = fitted.score

    def at(beta, share):
        score = special.expit(columns @ beta)
        w = weight(frame, "t", score=score, covariates=X, method=method, estimand=estimand).weights
        return value(w * np.where(t, share, 1 - share) if stabilise else w)

    beta, step = fitted.coefficients, 1e-5
    gradient = np.array(
        [(at(beta + step * e, t.mean()) - at(beta - step * e, t.mean())) / (2 * step) for e in np.eye(3)]
    )
    told = influence + (columns * (t - p)[:, None]) @ fitted.covariance @ gradient
    if stabilise:
        moved = (at(beta, t.mean() + step) - at(beta, t.mean() - step)) / (2 * step)
        told = told + (t - t.mean()) / len(t) * moved
    return float(np.sqrt(told @ told))


@pytest.mark.parametrize(("method", "estimand", "stabilise"), CASES)
def test_a_risk_difference_has_the_error_of_the_stacked_equations(method, estimand, stabilise):
    frame = people()
    design = weight(frame, "t", covariates=X, method=method, estimand=estimand, stabilise=stabilise)
    t, y = frame["t"].to_numpy() == 1, frame["y"].to_numpy()

    def difference(w):
        return np.average(y[t], weights=w[t]) - np.average(y[~t], weights=w[~t])

    w = design.weights
    means = np.where(t, np.average(y[t], weights=w[t]), np.average(y[~t], weights=w[~t]))
    psi = np.where(t, 1, -1) * w * (y - means) / np.where(t, w[t].sum(), w[~t].sum())
    wanted = by_differences(frame, design, difference, psi, method, estimand, stabilise)
    told = risk_contrast(design, frame, outcome="y", estimated_weights=True).tidy().set_index("term")
    given = risk_contrast(design, frame, outcome="y").tidy().set_index("term")
    assert told.loc["risk_difference", "std_error"] == pytest.approx(wanted, rel=1e-6)
    assert given.loc["risk_difference", "std_error"] == pytest.approx(float(np.sqrt(psi @ psi)), rel=1e-9)
    assert wanted < 0.98 * given.loc["risk_difference", "std_error"]
    assert told.loc["risk_difference", "estimate"] == given.loc["risk_difference", "estimate"]


@pytest.mark.parametrize(("method", "estimand", "stabilise"), CASES)
def test_a_hazard_ratio_has_the_error_of_the_stacked_equations(method, estimand, stabilise):
    from pdd_outcomes.survival import cox

    frame = people()
    design = weight(frame, "t", covariates=X, method=method, estimand=estimand, stabilise=stabilise)

    def log_hazard_ratio(w):
        fit = cox(frame.assign(w=w), "time", "event", covariates=["t"], weights="w")
        return float(fit.coefficients[0])

    fit = cox(frame.assign(w=design.weights), "time", "event", covariates=["t"], weights="w", robust=True)
    psi = fit.residuals("dfbeta").to_numpy()[:, 0]
    wanted = by_differences(frame, design, log_hazard_ratio, psi, method, estimand, stabilise)
    made = time_to_event(
        design, frame, time="time", event="event", at=[60], tau=100, estimated_weights=True
    ).tidy()
    ours = made.loc[made["term"] == "hazard_ratio", "std_error"].item()
    assert ours == pytest.approx(wanted, rel=1e-5)


def test_a_risk_at_a_horizon_without_censoring_is_the_risk_contrast():
    frame = people().assign(event=1)
    design = weight(frame, "t", covariates=X)
    early = frame.assign(y=(frame["time"] <= 60).astype(int))
    plain = risk_contrast(design, early, outcome="y", estimated_weights=True).tidy().set_index("term")
    timed = time_to_event(
        design, frame, time="time", event="event", at=[60], tau=100, estimated_weights=True
    ).tidy()
    timed = timed.set_index("term")
    for term in ("risk_treated", "risk_control", "risk_difference"):
        assert timed.loc[term, "std_error"] == pytest.approx(plain.loc[term, "std_error"], rel=1e-9)


def test_the_att_of_the_untreated_agrees_with_statsmodels_gmm():
    import statsmodels.api as sm
    from statsmodels.treatment.treatment_effects import TreatmentEffect

    frame = people()
    selection = sm.Logit(frame["t"], sm.add_constant(frame[X].astype(float))).fit(disp=0)
    peer = TreatmentEffect(sm.OLS(frame["y"], np.ones(len(frame))), frame["t"], results_select=selection)
    table = peer.ipw(return_results=True, effect_group=0).summary_frame()
    design = weight(frame, "t", covariates=X, estimand="ATC")
    ours = risk_contrast(design, frame, outcome="y", estimated_weights=True).tidy().set_index("term")
    assert ours.loc["risk_difference", "estimate"] == pytest.approx(table.iloc[0, 0], rel=1e-4)
    # Its derivatives are taken by differences, so its error is not exact.
    assert ours.loc["risk_difference", "std_error"] == pytest.approx(table.iloc[0, 1], rel=1e-3)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda f: match(f, "t", covariates=X), "design from `weight`"),
        (lambda f: weight(f, "t", covariates=X, trim=0.95), "trimmed"),
        (lambda f: weight(f, "t", covariates=X, score=np.full(len(f), 0.4)), "made elsewhere"),
        (lambda f: weight(f, "t", covariates=X, method="entropy"), "no likelihood"),
        (lambda f: weight(f, "t", covariates=X, method="cbps"), "no likelihood"),
    ],
)
def test_weights_whose_chance_has_no_formula_are_refused_with_the_remedy(made, said):
    frame = people()
    with pytest.raises(UsageError, match=said) as refused:
        risk_contrast(made(frame), frame, outcome="y", estimated_weights=True)
    assert "bootstrap" in str(refused.value)
