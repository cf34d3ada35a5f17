"""Augmented inverse-probability weighting with cross-fitting: right if either of two models is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from scipy import special

from ..core.columns import BoolArray, Columns, FloatArray
from ..core.errors import DataError, PddError, UsageError, choose
from ..core.formula import model_matrix
from ..core.sandwich import clustered_covariance
from ..design.boosting import boosted_predictor
from ..design.propensity import fit_logistic
from .arms import ArmContrast
from .standardise import glm_mean, outcome_column, outcome_model

MODELS = ("regression", "boosting")
ESTIMANDS = ("ATT", "ATC", "ATE")
EXTREME = 1e-3  # a score nearer 0 or 1 weighs a person a thousandfold


def doubly_robust(
    data: pd.DataFrame,
    treatment: str,
    *,
    outcome: str,
    rng: np.random.Generator,
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    family: Literal["binomial", "gaussian"] = "binomial",
    model: Literal["regression", "boosting"] = "regression",
    estimand: Literal["ATT", "ATC", "ATE"] = "ATT",
    cluster: str | Sequence[str] | None = None,
    folds: int = 5,
) -> ArmContrast:
    r"""Risks or means of the two arms by augmented inverse-probability weighting, cross-fitted.

    With :math:`\hat e` the propensity score and :math:`\hat m_a` the outcome model of arm `a`, each from the other folds,

    .. math:: \hat\mu_1^{ATE} = \frac1n \sum_i \hat m_1 + \frac{t_i (y_i - \hat m_1)}{\hat e}, \qquad
              \hat\mu_0^{ATT} = \frac{1}{n_1} \sum_i t_i \hat m_0 + (1-t_i)\frac{\hat e}{1-\hat e}(y_i - \hat m_0),

    the others by symmetry. The variance is that of the influence functions, clustered on `cluster` (by default the
    person). The estimate is right if either model is, and its interval if both are near enough.

    Parameters
    ----------
    data : one row a person; treatment : 0/1 column
    outcome : 0/1 column for "binomial", a number for "gaussian"
    rng : for the folds (and the trees), so that the answer can be repeated
    covariates, formula : of both models
    model : "regression" (logistic score; logistic or linear outcome model in each arm) or "boosting" (gradient-boosted
        trees for all of them)
    folds : at least 2

    Raises
    ------
    DataError
        Models that a fold cannot give, naming the terms; scores so near 0 or 1 that a person would count a
        thousandfold, with how many.

    References
    ----------
    Robins, Rotnitzky and Zhao (1994) JASA 89:846-866. Chernozhukov and others (2018) Econometrics Journal 21:C1-C68,
    section 5.1.
    """
    for role, value, allowed in (
        ("model", model, MODELS),
        ("estimand", estimand, ESTIMANDS),
        ("family", family, ("binomial", "gaussian")),
    ):
        choose(role, value, allowed)
    if not isinstance(rng, np.random.Generator):
        raise UsageError("rng must be numpy.random.default_rng(seed), so that the folds can be repeated.")
    take = Columns(data)
    treated = take.binary("treatment", treatment)
    names = [cluster] if isinstance(cluster, str) else list(cluster or ())
    clusters = [take.labels("cluster", name)[0] for name in names]
    take.check()
    _check_folds(folds, treated)
    y = outcome_column(data, outcome, family)
    matrix = model_matrix(data, covariates=covariates, formula=formula)
    values = np.ascontiguousarray(matrix.values)
    score, means = np.empty(len(y)), np.empty((len(y), 2))
    for k, outside in enumerate(_folds(treated, folds, rng)):
        inside = np.setdiff1d(np.arange(len(y)), outside)
        try:
            score[outside] = _score(values, matrix.terms, treated, inside, outside, model, rng)
            for a, arm in enumerate((True, False)):
                rows = inside[treated[inside] == arm]
                means[outside, a] = _outcome_mean(values, y, rows, outside, family, model, rng)
        except PddError as error:
            raise DataError(
                f"without fold {k + 1} of {folds}: {problem}" for problem in error.problems
            ) from error
    _refuse_extremes(score, treated, estimand)
    mu, influence = _combine(y, treated, score, means, estimand)
    alone = np.array([y[treated].var(), y[~treated].var()])
    return ArmContrast(
        mu,
        clustered_covariance(influence, clusters),
        alone,
        "risk" if family == "binomial" else "mean",
        estimand,
        f"augmented inverse-probability weighting, {model}, {folds} folds",
        int(treated.sum()),
        int((~treated).sum()),
    )


def _check_folds(folds: object, treated: BoolArray) -> None:
    if isinstance(folds, bool) or not isinstance(folds, (int, np.integer)) or folds < 2:
        raise UsageError(f"folds={folds!r} must be a whole number of at least 2.")
    fewest = int(min(treated.sum(), (~treated).sum()))
    if fewest < 2 * folds:
        raise DataError(
            f"folds={folds}: the smaller arm has {fewest} people, fewer than two a fold. Use fewer folds."
        )


def _folds(treated: BoolArray, folds: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Rows of each fold, the arms shared out evenly."""
    fold = np.empty(len(treated), dtype=np.int64)
    for arm in (True, False):
        rows = rng.permutation(np.flatnonzero(treated == arm))
        fold[rows] = np.arange(len(rows)) % folds
    return [np.flatnonzero(fold == k) for k in range(folds)]


def _score(
    values: FloatArray,
    terms: tuple[str, ...],
    treated: BoolArray,
    inside: np.ndarray,
    outside: np.ndarray,
    model: str,
    rng: np.random.Generator,
) -> FloatArray:
    if model == "boosting":
        return boosted_predictor(values[inside], treated[inside].astype(float), rng, probability=True)(
            values[outside]
        )
    fitted = fit_logistic(values[inside], terms, treated[inside]).coefficients
    return np.asarray(special.expit(fitted[0] + values[outside] @ fitted[1:]))


def _outcome_mean(
    values: FloatArray,
    y: FloatArray,
    rows: np.ndarray,
    outside: np.ndarray,
    family: str,
    model: str,
    rng: np.random.Generator,
) -> FloatArray:
    """The outcome expected of the people outside, from a model of one arm's rows inside."""
    if len(np.unique(y[rows])) == 1:
        return np.full(len(outside), y[rows[0]])
    if model == "boosting":
        return boosted_predictor(values[rows], y[rows], rng, probability=family == "binomial")(values[outside])
    x = np.column_stack([np.ones(len(values)), values])
    beta, _, _ = outcome_model(x[rows], y[rows], np.ones(len(rows)), family)
    return glm_mean(x[outside] @ beta, family)[0]


def _refuse_extremes(score: FloatArray, treated: BoolArray, estimand: str) -> None:
    high = (score > 1 - EXTREME) & ~treated if estimand != "ATC" else np.zeros(len(score), bool)
    low = (score < EXTREME) & treated if estimand != "ATT" else np.zeros(len(score), bool)
    n = int((high | low).sum())
    if n:
        raise DataError(
            f"{n} people would count a thousandfold: their propensity score is within {EXTREME:g} of 0 or 1. The arms do not "
            "overlap there; leave such people out by `common_support`, and say so."
        )


def _combine(
    y: FloatArray, treated: BoolArray, score: FloatArray, means: FloatArray, estimand: str
) -> tuple[FloatArray, FloatArray]:
    """Means (2,) and influence (n, 2), treated first."""
    t, c = treated.astype(float), (~treated).astype(float)
    about = {"ATT": t, "ATC": c, "ATE": np.ones(len(y))}[estimand]
    aim = {"ATT": score, "ATC": 1 - score, "ATE": np.ones(len(y))}[estimand]
    n = about.sum()
    mu, influence = np.zeros(2), np.zeros((len(y), 2))
    for a, (arm, own, whole) in enumerate(((t, score, "ATT"), (c, 1 - score, "ATC"))):
        if estimand == whole:  # the arm itself: its own mean
            mu[a] = (arm @ y) / n
            influence[:, a] = arm * (y - mu[a]) / n
            continue
        part = about * means[:, a] + arm * aim / own * (y - means[:, a])
        mu[a] = part.sum() / n
        influence[:, a] = (part - about * mu[a]) / n
    return mu, influence
