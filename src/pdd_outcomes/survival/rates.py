"""Rates of events for time at risk: Poisson and negative binomial regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..core.columns import Columns, FloatArray
from ..core.errors import DataError, UsageError, choose
from ..core.formula import Coding
from ..core.results import Shown, check_level, critical, tidy_frame
from ..core.results import exponentiate as to_ratios
from ..core.sandwich import clustered_covariance
from .cox_model import se_words
from .rates_fit import CountFit, fit_negative_binomial, fit_poisson
from .working_units import predictor_rows, read_predictors, working_matrix

Family = Literal["negative binomial", "poisson"]


@dataclass(frozen=True, slots=True, eq=False)
class RateFit(Shown):
    """Log rate ratios.

    Attributes
    ----------
    terms : "(Intercept)", the log rate where every covariate is 0, then the covariates
    coefficients : (p,)
    covariance : (p, p), robust where asked for; naive_covariance : the inverse expected information, dispersion held fixed
    theta : (1 over the) dispersion of a negative binomial, whose variance is mu + mu^2 / theta; infinite for a Poisson
    theta_std_error : of it
    n, events, time_at_risk : totals of the rows that count
    """

    terms: tuple[str, ...]
    coefficients: FloatArray
    covariance: FloatArray = field(repr=False)
    naive_covariance: FloatArray = field(repr=False)
    family: str
    theta: float
    theta_std_error: float
    loglik: float
    n: int
    events: int
    time_at_risk: float
    se_method: str
    coding: Coding = field(repr=False)

    def tidy(self, level: float = 0.95, *, exponentiate: bool = False) -> pd.DataFrame:
        """A row a term: log rate ratios, or with `exponentiate` rate ratios (std_error stays on the log scale)."""
        frame = tidy_frame(self.terms, self.coefficients, np.sqrt(np.diag(self.covariance)), level=level)
        return to_ratios(frame) if exponentiate else frame

    def glance(self) -> pd.DataFrame:
        """One row: size, time at risk, likelihood, dispersion."""
        df = len(self.terms) + (self.family != "poisson")
        return pd.DataFrame(
            {
                "family": [self.family],
                "n": [self.n],
                "events": [self.events],
                "time_at_risk": [self.time_at_risk],
                "loglik": [self.loglik],
                "df": [df],
                "aic": [2 * df - 2 * self.loglik],
                "theta": [self.theta],
                "theta_std_error": [self.theta_std_error],
                "se_method": [self.se_method],
            }
        )

    def with_covariance(self, covariance: FloatArray, se_method: str = "given") -> RateFit:
        """The same fit with another covariance (p, p) of its coefficients, such as a bootstrap's."""
        given = np.asarray(covariance, float)
        if given.shape != self.covariance.shape or not np.allclose(given, given.T):
            raise UsageError(f"covariance must be a symmetric {len(self.terms)} by {len(self.terms)} array.")
        return replace(self, covariance=given, se_method=se_method)

    def predict_rates(self, data: pd.DataFrame, *, per: float = 1.0, level: float = 0.95) -> pd.DataFrame:
        """Events per `per` units of time at risk for given covariates: row, estimate, std_error, conf_low, conf_high.

        The interval is symmetric about the logarithm; std_error is of the rate.
        """
        z = np.column_stack([np.ones(len(data)), self.coding.apply(data)])
        log = z @ self.coefficients + np.log(per)
        error = np.sqrt(np.einsum("np,pq,nq->n", z, self.covariance, z))
        half = float(critical(check_level(level))) * error
        return pd.DataFrame(
            {
                "row": np.arange(len(data)),
                "estimate": np.exp(log),
                "std_error": np.exp(log) * error,
                "conf_low": np.exp(log - half),
                "conf_high": np.exp(log + half),
            }
        )


def event_rates(
    data: pd.DataFrame,
    count: str,
    time_at_risk: str,
    *,
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    family: Family = "negative binomial",
    weights: str | None = None,
    cluster: str | Sequence[str] | None = None,
    robust: bool | None = None,
) -> RateFit:
    r"""Log rate ratios of events for time at risk.

    .. math:: \log E(Y_i) = \log T_i + \beta_0 + x_i^\top\beta,\qquad
        \mathrm{var}(Y_i) = \mu_i + \mu_i^2/\theta

    The negative binomial's dispersion says that people differ in ways no covariate holds; a Poisson (:math:`\theta=\infty`) with a
    robust variance asks the same of the mean and nothing of the variance.

    Parameters
    ----------
    data : DataFrame, one row a person (or a stretch of one, with `cluster`)
    count : name of the number of events, whole and 0 or more
    time_at_risk : name of the time in which they could happen, above 0: leave custody out of it
    covariates, formula : one of the two, as in :func:`~pdd_outcomes.survival.cox`; an empty list for one rate of all
    family : "negative binomial" (default) or "poisson"
    weights : name of analysis weights, on any scale
    cluster : name of what rows belong together by, or a list of two
    robust : whether the variance is the sandwich (HC0), dispersion held fixed; by default where there are weights or clusters

    Returns
    -------
    RateFit
        `.tidy()`, `.glance()`, `.predict_rates(data, per=...)`.

    Raises
    ------
    DataError
        Counts that are not whole, time that is not above 0, terms that are collinear or separate the events; counts no
        more spread than a Poisson's, for which the negative binomial has no dispersion: family="poisson" is the remedy.

    References
    ----------
    Lawless (1987) Canadian Journal of Statistics 15:209-225. Cameron and Trivedi (2013) Regression Analysis of Count
    Data, section 3.3.
    """
    choose("family", family, ["negative binomial", "poisson"])
    if robust is False and cluster is not None:
        raise UsageError("robust=False leaves no use for cluster. Leave out one of the two.")
    take = Columns(data)
    y = take.counts("count", count).astype(float)
    time = take.number("time_at_risk", time_at_risk, above=0)
    weight = take.weights("weights", weights)
    names = [] if cluster is None else [cluster] if isinstance(cluster, str) else list(cluster)
    if len(names) > 2:
        raise UsageError(f"cluster names {len(names)} columns; at most two are supported.")
    groups = tuple(take.codes("cluster", name) for name in names)
    plain = covariates is not None and not len(covariates)
    found = None if plain else read_predictors(take, data, covariates, formula)
    take.check()
    rows = np.flatnonzero(weight > 0)
    if not len(rows) or not y[rows].any():
        raise DataError(f"count={count!r} is 0 in every row that counts, so no rate can be estimated.")
    x, mean, scale, terms = _matrix(found, rows, len(data))
    fit = _fit(family, x, y[rows], np.log(time[rows]), weight[rows], terms)
    back = _to_units(mean, scale)
    naive = back @ np.linalg.inv(fit.information) @ back.T
    clusters = tuple(code[rows] for code in groups)
    sandwiched = (weights is not None or bool(clusters)) if robust is None else robust
    parts = fit.scores @ np.linalg.inv(fit.information) @ back.T
    return RateFit(
        terms=("(Intercept)", *terms),
        coefficients=back @ fit.beta,
        covariance=clustered_covariance(parts, clusters) if sandwiched else naive,
        naive_covariance=naive,
        family=family,
        theta=fit.theta,
        theta_std_error=fit.theta_std_error,
        loglik=fit.loglik,
        n=len(rows),
        events=int(y[rows].sum()),
        time_at_risk=float(time[rows].sum()),
        se_method=se_words(sandwiched, clusters),
        coding=Coding() if found is None else found.coding,
    )


def _matrix(found: Any, rows: Any, everyone: int) -> tuple[FloatArray, FloatArray, FloatArray, tuple[str, ...]]:
    """The intercept and working covariates (n, 1 + p), their means and scales (p,), and names."""
    ones = np.ones((len(rows), 1))
    if found is None:
        return ones, np.zeros(0), np.ones(0), ()
    z, mean, scale = working_matrix(predictor_rows(found, rows, everyone))
    return np.hstack([ones, z]), mean, scale, found.terms


def _to_units(mean: FloatArray, scale: FloatArray) -> FloatArray:
    """The matrix (1 + p, 1 + p) that takes working coefficients to those of the covariates as given."""
    back = np.diag(np.append(1.0, 1.0 / scale))
    back[0, 1:] = -mean / scale
    return back


def _fit(
    family: str, x: FloatArray, y: FloatArray, offset: FloatArray, weight: FloatArray, terms: Sequence[str]
) -> CountFit:
    gram = x.T @ (x * weight[:, None])
    values, vectors = np.linalg.eigh(gram / np.sqrt(np.outer(np.diag(gram), np.diag(gram))))
    if values[0] < 1e-10:
        involved = [t for t, size in zip(terms, np.abs(vectors[1:, values < 1e-10]).max(axis=1)) if size > 1e-4]
        raise DataError(
            f"Terms {involved} are collinear: one is a combination of the others. Leave one of them out."
        )
    start = fit_poisson(x, y, offset, weight, terms)
    return start if family == "poisson" else fit_negative_binomial(x, y, offset, weight, terms, start)
