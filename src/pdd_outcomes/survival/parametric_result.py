"""The result of an accelerated failure time regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from scipy import special

from ..core.columns import FloatArray
from ..core.errors import UsageError
from ..core.formula import Coding
from ..core.results import Shown, check_level, critical, tidy_frame
from ..core.results import exponentiate as to_ratios
from ..core.times import asked_times
from .parametric_families import FAMILIES, Family


@dataclass(frozen=True, slots=True, eq=False)
class AftFit(Shown):
    """Log time ratios of an accelerated failure time model.

    Attributes
    ----------
    terms : "(Intercept)", the covariates and, unless it is known to be 1, "Log(scale)"
    coefficients : (q,)
    covariance : (q, q), robust where asked for; naive_covariance : (q, q), the inverse observed information
    loglik, loglik_null : of the times, with covariates and without
    """

    terms: tuple[str, ...]
    coefficients: FloatArray
    covariance: FloatArray = field(repr=False)
    naive_covariance: FloatArray = field(repr=False)
    loglik: float
    loglik_null: float
    distribution: str
    n: int
    events: int
    se_method: str
    coding: Coding = field(repr=False)
    total: float = field(repr=False)

    @property
    def family(self) -> Family:
        """The distribution of the error."""
        return FAMILIES[self.distribution]

    @property
    def scale(self) -> float:
        """The scale sigma of log time; 1 / sigma is a Weibull's shape."""
        return 1.0 if self.family.scale_known else float(np.exp(self.coefficients[-1]))

    @property
    def _locations(self) -> int:
        return len(self.terms) - (not self.family.scale_known)

    def tidy(self, level: float = 0.95, *, exponentiate: bool = False) -> pd.DataFrame:
        """A row a term: log time ratios, or with `exponentiate` time ratios (std_error stays on the log scale)."""
        frame = tidy_frame(self.terms, self.coefficients, np.sqrt(np.diag(self.covariance)), level=level)
        return to_ratios(frame) if exponentiate else frame

    def glance(self) -> pd.DataFrame:
        """One row: size, likelihoods, their test against no covariates, information criteria."""
        covariates = self._locations - 1
        statistic, df = 2 * (self.loglik - self.loglik_null), len(self.terms)
        return pd.DataFrame(
            {
                "distribution": [self.distribution],
                "n": [self.n],
                "events": [self.events],
                "loglik": [self.loglik],
                "loglik_null": [self.loglik_null],
                "df": [df],
                "lr_statistic": [statistic],
                "lr_p_value": [float(special.chdtrc(covariates, statistic)) if covariates else float("nan")],
                "aic": [2 * df - 2 * self.loglik],
                "bic": [np.log(self.n) * df - 2 * self.loglik],
                "scale": [self.scale],
                "se_method": [self.se_method],
            }
        )

    def with_covariance(self, covariance: FloatArray, se_method: str = "given") -> AftFit:
        """The same fit with another covariance (q, q), such as a bootstrap's."""
        given = np.asarray(covariance, float)
        if given.shape != self.covariance.shape or not np.allclose(given, given.T):
            raise UsageError(f"covariance must be a symmetric {len(self.terms)} by {len(self.terms)} array.")
        return replace(self, covariance=given, se_method=se_method)

    def hazard_ratios(self, level: float = 0.95) -> pd.DataFrame:
        """Hazard ratios of a Weibull or exponential model, which has proportional hazards too: exp(-b / sigma).

        Standard rows, a row a covariate; std_error is of the logarithm, by the delta method.
        """
        if self.distribution not in ("weibull", "exponential"):
            raise UsageError(
                f"A {self.distribution} model has no hazard ratio that holds at all times. Report time ratios."
            )
        p, sigma = self._locations, self.scale
        value = -self.coefficients[1:p] / sigma
        slope = np.zeros((p - 1, len(self.terms)))
        slope[:, 1:p] = -np.eye(p - 1) / sigma
        if not self.family.scale_known:
            slope[:, -1] = -value
        error = np.sqrt(np.einsum("ij,jk,ik->i", slope, self.covariance, slope))
        return to_ratios(tidy_frame(self.terms[1:p], value, error, level=level))

    def predict_survival(
        self, data: pd.DataFrame, times: float | Sequence[float] | FloatArray, *, level: float = 0.95
    ) -> pd.DataFrame:
        """Probability that people with given covariates have not had the event by each time.

        Limits are symmetric about (log t - x'b) / sigma. Columns: row (position in `data`), time, estimate,
        std_error, conf_low, conf_high.
        """
        at = asked_times(times)
        if not (np.isfinite(at) & (at > 0)).all():
            raise UsageError("times must be above 0.")
        x, sigma = self._rows(data), self.scale
        z = (np.log(at)[None, :] - (x @ self.coefficients[: self._locations])[:, None]) / sigma
        slope = np.repeat(-x[:, None, :] / sigma, len(at), axis=1)
        if not self.family.scale_known:
            slope = np.concatenate([slope, -z[:, :, None]], axis=2)
        error = np.sqrt(np.einsum("rki,ij,rkj->rk", slope, self.covariance, slope))
        half = float(critical(check_level(level))) * error
        value, bend, _ = self.family.survival(z)
        return pd.DataFrame(
            {
                "row": np.repeat(np.arange(len(data)), len(at)),
                "time": np.tile(at, len(data)),
                "estimate": np.exp(value).ravel(),
                "std_error": (np.exp(value) * np.abs(bend) * error).ravel(),
                "conf_low": np.exp(self.family.survival(z + half)[0]).ravel(),
                "conf_high": np.exp(self.family.survival(z - half)[0]).ravel(),
            }
        )

    def quantile(
        self, data: pd.DataFrame, p: float | Sequence[float] = 0.5, *, level: float = 0.95
    ) -> pd.DataFrame:
        """Time by which a share `p` of people with given covariates have had the event.

        Limits are symmetric about its logarithm; std_error is of the time. Columns: row, p, estimate, std_error,
        conf_low, conf_high.
        """
        shares = np.atleast_1d(np.asarray(p, float))
        if not ((shares > 0) & (shares < 1)).all():
            raise UsageError("p must lie between 0 and 1.")
        x, sigma = self._rows(data), self.scale
        w = np.array([self.family.quantile(share) for share in shares.tolist()])
        log = (x @ self.coefficients[: self._locations])[:, None] + sigma * w
        slope = np.repeat(x[:, None, :], len(w), axis=1)
        if not self.family.scale_known:
            turn = np.broadcast_to(sigma * w, log.shape)[:, :, None]
            slope = np.concatenate([slope, turn], axis=2)
        error = np.sqrt(np.einsum("rki,ij,rkj->rk", slope, self.covariance, slope))
        half = float(critical(check_level(level))) * error
        return pd.DataFrame(
            {
                "row": np.repeat(np.arange(len(data)), len(w)),
                "p": np.tile(shares, len(data)),
                "estimate": np.exp(log).ravel(),
                "std_error": (np.exp(log) * error).ravel(),
                "conf_low": np.exp(log - half).ravel(),
                "conf_high": np.exp(log + half).ravel(),
            }
        )

    def _rows(self, data: pd.DataFrame) -> FloatArray:
        """The intercept and covariates of other rows (r, 1 + p)."""
        ones = np.ones((len(data), 1))
        return ones if self._locations == 1 else np.hstack([ones, self.coding.apply(data)])


def compare_fits(*fits: AftFit) -> pd.DataFrame:
    """Fits of the same rows beside each other, best first: distribution, df, loglik, aic, bic and the difference in aic.

    An AIC says which of these fits best, not whether any fits: hold the curves against Kaplan-Meier's.
    """
    if len(fits) < 2:
        raise UsageError("compare_fits needs two fits or more.")
    first = fits[0]
    for fit in fits[1:]:
        alike = (fit.n, fit.events) == (first.n, first.events)
        if not alike or abs(fit.total - first.total) > 1e-8 * (abs(first.total) + 1):
            raise UsageError("The fits are not of the same rows, so their likelihoods cannot be compared.")
    table = pd.concat([fit.glance() for fit in fits], ignore_index=True)
    table = table[["distribution", "df", "loglik", "aic", "bic"]]
    table["delta_aic"] = table["aic"] - table["aic"].min()
    return table.sort_values("aic", kind="stable", ignore_index=True)
