"""The propensity score: an unpenalised logistic regression of the treatment, by maximum likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from scipy import special

from ..core.columns import BoolArray, Columns, FloatArray
from ..core.errors import DataError, UsageError, choose
from ..core.formula import model_matrix
from ..core.results import Shown, tidy_frame
from .boosting import cross_fitted_logit
from .estimable import centre_and_scale, refuse_unidentified, separation_problem
from .loops import logistic_sums
from .overlap import overlap_counts
from .support import CommonSupport, common_support

STEPS = 60
CLOSE_ENOUGH = 1e-9  # Newton decrement: distance from the maximum in standard errors, before the last step
FAR_OUT = 20.0  # a linear predictor this large while still growing is what separation looks like


@dataclass(frozen=True, slots=True, eq=False)
class PropensityScore(Shown):
    """Probability of treatment given the covariates, for each row of the data.

    Attributes
    ----------
    score : (n,) probability; logit : (n,) linear predictor, the scale for matching
    treated : (n,) bool
    terms : p + 1 names, ``(Intercept)`` first; coefficients : (p + 1,); covariance : (p + 1, p + 1); all empty for
        boosted trees
    loglik, loglik_null : of the model, and of the share of treated alone
    iterations : Newton steps taken
    """

    score: FloatArray = field(repr=False)
    logit: FloatArray = field(repr=False)
    treated: BoolArray = field(repr=False)
    terms: tuple[str, ...]
    coefficients: FloatArray
    covariance: FloatArray = field(repr=False)
    loglik: float
    loglik_null: float
    iterations: int

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """Coefficients on the log-odds scale, a row a term; standard errors from the Fisher information."""
        return tidy_frame(self.terms, self.coefficients, np.sqrt(np.diag(self.covariance)), level=level)

    def glance(self) -> pd.DataFrame:
        """One row: people, terms, log likelihoods, AIC, and the area under the ROC curve."""
        n, k = len(self.score), len(self.terms)
        return pd.DataFrame(
            {
                "n": [n],
                "n_treated": [int(self.treated.sum())],
                "n_control": [int((~self.treated).sum())],
                "n_terms": [k],
                "loglik": [self.loglik],
                "loglik_null": [self.loglik_null],
                "aic": [2 * k - 2 * self.loglik if k else np.nan],
                "auc": [_auc(self.logit, self.treated)],
                "iterations": [self.iterations],
            }
        )

    def common_support(
        self,
        rule: Literal["range", "crump", "fixed"] = "range",
        *,
        low: float | None = None,
        high: float | None = None,
    ) -> CommonSupport:
        """Who lies where the arms can be compared; see `common_support`."""
        return common_support(self.score, self.treated, rule=rule, low=low, high=high)

    def overlap(self, weights: FloatArray | None = None, *, bins: int = 20) -> pd.DataFrame:
        """How the scores of the arms overlap: arm, bin_low, bin_high, count, share.

        With `weights` (n,), such as those of a match, people of weight 0 are left out.
        """
        return overlap_counts(self.score, self.treated, weights, bins=bins)


def propensity_score(
    data: pd.DataFrame,
    treatment: str,
    *,
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    model: Literal["logistic", "boosting"] = "logistic",
    rng: np.random.Generator | None = None,
) -> PropensityScore:
    r"""Probability of treatment given covariates, by unpenalised logistic regression or boosted trees.

    .. math:: \log\frac{e_i}{1-e_i} = \beta_0 + x_i^\top\beta

    Maximum likelihood by Newton's method (Fisher scoring), standard errors from the inverse information.
    No penalty: a penalised score is pulled towards the share of treated, and with it every distance.

    Parameters
    ----------
    data : one row a person
    treatment : column of 0/1 or True/False
    covariates : columns; labels (text, categories) get a 0/1 term for every level but the first
    formula : instead, the right-hand side of a formula, such as ``"bs(age, df=4) + sex"``
    model : "logistic", or "boosting": gradient-boosted trees, cross-fitted in five folds so that nobody's score comes
        from trees that have seen them; it has no coefficients
    rng : for "boosting"

    Returns
    -------
    PropensityScore
        `.score` and `.logit` are (n,) arrays in the order of the rows.

    Raises
    ------
    DataError
        Names what is missing, constant or collinear, an empty arm, and terms that separate the arms.

    References
    ----------
    Rosenbaum & Rubin (1983) Biometrika 70:41-55. McCullagh & Nelder (1989) Generalized
    Linear Models, section 2.5, for the algorithm. Albert & Anderson (1984) Biometrika 71:1-10, for when
    it has no answer.
    """
    choose("model", model, ("logistic", "boosting"))
    if model == "boosting" and not isinstance(rng, np.random.Generator):
        raise UsageError(
            "model='boosting' needs rng=numpy.random.default_rng(seed), so that it can be repeated."
        )
    take = Columns(data)
    treated = take.binary("treatment", treatment)
    take.check()
    if covariates is not None and len(covariates) == 0:
        raise UsageError("covariates is empty: a propensity score needs at least one column.")
    if covariates is not None and not isinstance(covariates, str) and treatment in covariates:
        raise UsageError(f"treatment={treatment!r} is also among the covariates. Take it out of them.")
    if formula is not None:
        right_hand_side(formula)
    matrix = model_matrix(data, covariates=covariates, formula=formula)
    if not matrix.terms:
        raise UsageError("The model has no terms: every covariate has one level only.")
    values = np.ascontiguousarray(matrix.values)
    if model == "boosting" and rng is not None:
        return _boosted(values, treated, rng)
    refuse_unidentified(values, matrix.terms)
    return fit_logistic(values, matrix.terms, treated, role=f"treatment={treatment!r}")


def _boosted(values: FloatArray, treated: BoolArray, rng: np.random.Generator) -> PropensityScore:
    logit = cross_fitted_logit(values, treated, rng)
    sign = np.where(treated, 1.0, -1.0)
    share = float(treated.mean())
    null = float(treated.sum() * np.log(share) + (~treated).sum() * np.log(1 - share))
    return PropensityScore(
        score=special.expit(logit),
        logit=logit,
        treated=treated,
        terms=(),
        coefficients=np.zeros(0),
        covariance=np.zeros((0, 0)),
        loglik=-float(np.logaddexp(0, -sign * logit).sum()),
        loglik_null=null,
        iterations=0,
    )


def right_hand_side(formula: object) -> str:
    """The formula, if it is the right-hand side of one; the treatment is named by its own role."""
    if not isinstance(formula, str) or "~" in formula:
        raise UsageError(
            f"formula={formula!r} must be text, the right-hand side only, such as 'age + sex': treatment= names the left."
        )
    return formula


def fit_logistic(
    values: FloatArray, terms: tuple[str, ...], treated: BoolArray, *, role: str = "treatment"
) -> PropensityScore:
    """The maximum likelihood fit of a 0/1 outcome on (n, p) columns and an intercept.

    Columns are centred and scaled for the arithmetic and their coefficients taken back after it.
    """
    centre, scale = centre_and_scale(values)
    share = float(treated.mean())
    beta = np.zeros(values.shape[1] + 1)
    beta[0] = np.log(share / (1 - share))
    loglik, gradient, information, reach = _sums(values, centre, scale, treated, beta)
    null, checked, decrement, step_number = loglik, False, np.inf, 0
    while decrement > CLOSE_ENOUGH and step_number < STEPS:
        step_number += 1
        before = reach
        step = _solve(information, gradient)
        decrement = float(np.sqrt(abs(gradient @ step))) if np.isfinite(step).all() else np.nan
        if np.isfinite(decrement):
            beta, (loglik, gradient, information, reach) = _uphill(
                values, centre, scale, treated, beta, step, loglik
            )
        if not checked and (not np.isfinite(decrement) or (reach > FAR_OUT and reach > before + 0.5)):
            checked = True
            _refuse_separation(values, terms, treated, role)
    if not decrement <= CLOSE_ENOUGH:
        _refuse_separation(values, terms, treated, role)
        raise DataError(
            f"{role}: the logistic model did not converge in {step_number} steps. "
            "Check the covariates for extreme values."
        )
    back = np.diag(np.concatenate([[1.0], 1 / scale]))
    back[0, 1:] = -centre / scale
    covariance = back @ _solve(information, np.eye(len(beta))) @ back.T
    logit = _linear_predictor(values, centre, float(beta[0]), beta[1:] / scale)
    return PropensityScore(
        score=special.expit(logit),
        logit=logit,
        treated=treated,
        terms=("(Intercept)", *terms),
        coefficients=back @ beta,
        covariance=(covariance + covariance.T) / 2,
        loglik=loglik,
        loglik_null=null,
        iterations=step_number,
    )


Sums = tuple[float, FloatArray, FloatArray, float]


def _sums(
    values: FloatArray, centre: FloatArray, scale: FloatArray, treated: BoolArray, beta: FloatArray
) -> Sums:
    """Log likelihood, score and information at `beta` (p + 1,), and the largest |linear predictor|."""
    gradient, information = np.zeros(len(beta)), np.zeros((len(beta), len(beta)))
    loglik, reach = logistic_sums(values, centre, scale, treated, beta, gradient, information)
    return loglik, gradient, information, reach


def _uphill(
    values: FloatArray,
    centre: FloatArray,
    scale: FloatArray,
    treated: BoolArray,
    beta: FloatArray,
    step: FloatArray,
    loglik: float,
) -> tuple[FloatArray, Sums]:
    """The Newton step, halved until the likelihood does not fall."""
    for _ in range(30):
        sums = _sums(values, centre, scale, treated, beta + step)
        if sums[0] >= loglik - 1e-10 * abs(loglik):
            return beta + step, sums
        step = step / 2
    return beta, _sums(values, centre, scale, treated, beta)


def _solve(information: FloatArray, right: FloatArray) -> FloatArray:
    try:
        return np.asarray(np.linalg.solve(information, right))
    except np.linalg.LinAlgError:
        return np.full_like(right, np.nan)


def _refuse_separation(values: FloatArray, terms: tuple[str, ...], treated: BoolArray, role: str) -> None:
    problem = separation_problem(values, terms, treated, role)
    if problem is not None:
        raise DataError(problem)


def _linear_predictor(values: FloatArray, centre: FloatArray, start: float, slope: FloatArray) -> FloatArray:
    """Linear predictor (n,), added up column by column so that equal rows get equal bits.

    A matrix product may round the same row differently at different places, which would break ties.
    """
    eta = np.full(len(values), start)
    for j in range(values.shape[1]):
        eta += (values[:, j] - centre[j]) * slope[j]
    return eta


def _auc(logit: FloatArray, treated: BoolArray) -> float:
    """Probability that a treated person's score is above a control's; ties count a half."""
    controls = np.sort(logit[~treated])
    below = np.searchsorted(controls, logit[treated], side="left")
    not_above = np.searchsorted(controls, logit[treated], side="right")
    return float((below + not_above).mean() / 2 / len(controls))
