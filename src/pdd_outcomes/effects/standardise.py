"""Standardisation: an outcome model after design, averaged over the people the estimand is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, Columns, FloatArray
from ..core.errors import DataError, choose
from ..core.formula import model_matrix
from ..core.sandwich import cluster_codes, clustered_covariance
from ..design import AnalysisRows, Design
from .arms import ArmContrast
from .sample import check_people

FAMILIES = ("binomial", "gaussian", "poisson")


def standardise(
    design: Design,
    outcomes: pd.DataFrame,
    *,
    outcome: str,
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    family: Literal["binomial", "gaussian", "poisson"] = "binomial",
    small_sample: bool = False,
) -> ArmContrast:
    r"""Risks or means of the two arms after design, adjusted by an outcome model (g-computation).

    A generalised linear model with the canonical link of y on the treatment, the covariates and their products is
    fitted to the design's rows with its weights. Everybody the estimand is about is then given both treatments,

    .. math:: \hat\mu_a = \frac{\sum_i w_i\, g^{-1}(x_i(a)^\top\hat\beta)}{\sum_i w_i},

    over the treated with weight for the ATT, the controls for the ATC, everyone else. The variance is the delta
    method's on the sandwich variance of :math:`\hat\beta`, clustered as the design says; who is averaged over is
    taken as fixed.

    Parameters
    ----------
    outcomes : rows as the design's data
    outcome : 0/1 column for "binomial", a number for "gaussian", a count or rate of at least 0 for "poisson"
    covariates, formula : columns of `outcomes`; neither for an unadjusted contrast
    small_sample : multiply the variance by G/(G-1) (n-1)/(n-k), as R's sandwich::vcovCL(type="HC1") does

    Raises
    ------
    UsageError, DataError
        Rows that do not fit the design, an outcome out of range, a term that is constant or collinear, a model without
        a finite answer.

    References
    ----------
    Snowden, Rose and Mortimer (2011) American Journal of Epidemiology 173:731-738. Nguyen and others (2017) Biometrical
    Journal 59:1240-1256, for adjustment after matching.
    """
    choose("family", family, FAMILIES)
    check_people(design, outcomes)
    y = outcome_column(outcomes, outcome, family)
    rows = design.analysis_rows()
    x = np.zeros((len(outcomes), 0))
    if covariates is not None or formula is not None:
        x = model_matrix(outcomes, covariates=covariates, formula=formula).values
    x = x[rows.row]
    treated = design.treated[rows.row]
    about = _about(design, treated)
    # Centred on those the contrast is about, so that the arithmetic does not depend on where zero is.
    x = x - np.average(x[about], axis=0, weights=rows.weight[about]) if x.shape[1] else x
    both = [_columns(x, np.full(len(x), arm)) for arm in (True, False)]
    observed = np.where(treated[:, None], both[0], both[1])
    beta, influence, variance = outcome_model(observed, y[rows.row], rows.weight, family)
    means, slopes = np.zeros(2), np.zeros((2, observed.shape[1]))
    share = np.where(about, rows.weight, 0.0)
    share /= share.sum()
    for k, given in enumerate(both):
        mu, slope = glm_mean(given @ beta, family)
        means[k] = share @ mu
        slopes[k] = (share * slope) @ given
    covariance = clustered_covariance(influence @ slopes.T, rows.clusters)
    if small_sample:
        covariance = covariance * _hc1(rows, observed.shape[1])
    people = [len(np.unique(rows.row[treated == arm])) for arm in (True, False)]
    alone = np.array(
        [np.average(variance[treated == arm], weights=rows.weight[treated == arm]) for arm in (True, False)]
    )
    kind = "risk" if family == "binomial" else "mean"
    return ArmContrast(
        means,
        covariance,
        alone,
        kind,
        design.estimand,
        f"standardised over a {family} model",
        people[0],
        people[1],
    )


def outcome_column(outcomes: pd.DataFrame, outcome: str, family: str) -> FloatArray:
    """The outcome (n,), fit for the family."""
    take = Columns(outcomes)
    if family == "binomial":
        y = take.binary("outcome", outcome, both=False).astype(float)
    else:
        y = take.number("outcome", outcome, minimum=0 if family == "poisson" else None)
    take.check()
    return y


def _about(design: Design, treated: BoolArray) -> BoolArray:
    if design.requested == "ATT":
        return treated
    return ~treated if design.requested == "ATC" else np.ones(len(treated), dtype=bool)


def _columns(x: FloatArray, treated: BoolArray) -> FloatArray:
    t = treated.astype(float)[:, None]
    return np.hstack([np.ones_like(t), t, x, t * x])


def glm_mean(eta: FloatArray, family: str) -> tuple[FloatArray, FloatArray]:
    """The mean and its slope in the linear predictor, which under a canonical link is the variance."""
    if family == "gaussian":
        return eta, np.ones_like(eta)
    if family == "poisson":
        mu = np.exp(eta)
        return mu, mu
    mu = 1 / (1 + np.exp(-eta))
    return mu, mu * (1 - mu)


def outcome_model(
    x: FloatArray, y: FloatArray, weight: FloatArray, family: str
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Coefficients (k,), their influence (m, k), and each row's variance of the outcome (m,)."""
    w = weight / weight.mean()
    if np.linalg.matrix_rank(x * np.sqrt(w)[:, None]) < x.shape[1]:
        raise DataError(
            "the outcome model's terms are not distinct among the people of the design: a covariate is constant, or others add "
            "up to it, in an arm. Leave it out."
        )
    beta = np.zeros(x.shape[1])
    level = float(np.average(y, weights=w))
    beta[0] = {"gaussian": level, "poisson": np.log(max(level, 1e-12)), "binomial": 0.0}[family]
    deviance = np.inf
    for _ in range(100):
        mu, slope = glm_mean(x @ beta, family)
        information = (x * (w * slope)[:, None]).T @ x
        score = x.T @ (w * (y - mu))
        step = np.linalg.lstsq(information, score, rcond=None)[0]
        beta = beta + step
        gone = float(abs(score @ step))
        if not np.isfinite(gone) or (np.abs(x @ beta).max() > 30 and family != "gaussian"):
            break
        if gone < 1e-10:  # in squared standard errors; the step just taken squares what was left
            mu, slope = glm_mean(x @ beta, family)
            bread = np.linalg.inv((x * (w * slope)[:, None]).T @ x)
            influence = (x * (w * (y - mu))[:, None]) @ bread
            spread = (y - mu) ** 2 if family == "gaussian" else slope
            return beta, influence, spread
        deviance = gone
    raise DataError(
        f"the {family} outcome model has no finite answer (last step {deviance:.2g}): in an arm a covariate separates people with "
        "the outcome from those without. Use fewer covariates, or family='gaussian' for a linear model of risk."
    )


def _hc1(rows: AnalysisRows, k: int) -> float:
    groups = min(int(cluster_codes(c).max()) + 1 for c in rows.clusters)
    n = len(rows.row)
    return groups / (groups - 1) * (n - 1) / (n - k)
