"""An interrupted series as arrays: its periods, its segments, its fit, and errors that hold in short series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from ..core.columns import BoolArray, Columns, FloatArray, IntArray
from ..core.errors import DataError, UsageError, rows_phrase
from ..survival.rates_fit import fit_negative_binomial, fit_poisson
from .panel_errors import newey_west

LONG = 600  # periods beyond which the calibration changes nothing worth its time
RHO = np.linspace(0.0, 0.95, 20)  # the working autocorrelations tried


@dataclass(frozen=True, slots=True, eq=False)
class SeriesFit:
    """A fit on the scale where it is least squares with errors of one variance.

    Attributes
    ----------
    beta : (p,)
    x : (T, p) predictors, residual : (T,); of counts times and over the root of the expected variance
    theta : of a negative binomial; infinite for Poisson, NaN for gaussian
    lags : of Newey and West; rho : working autocorrelation; calibrated : whether errors are set by it
    df : residual degrees of freedom, infinite for counts
    """

    beta: FloatArray
    x: FloatArray
    residual: FloatArray
    theta: float
    lags: int
    rho: float
    calibrated: bool
    df: float

    def covariance(self) -> FloatArray:
        """Newey and West's (p, p), times T/(T-p)."""
        bread = np.linalg.inv(self.x.T @ self.x)
        n, p = self.x.shape
        middle = newey_west(self.x * self.residual[:, None], self.lags)
        return np.asarray(n / (n - p) * bread @ middle @ bread)

    def errors(self, contrasts: FloatArray) -> tuple[FloatArray, FloatArray]:
        r"""Standard errors and degrees of freedom (k,) of contrasts (k, p) of the coefficients.

        Newey and West's variance is a quadratic form :math:`u^\top P u` in residuals, :math:`P = aa^\top \circ K` with K
        Bartlett's weights and :math:`a = X(X'X)^{-1}c`. Residuals are smaller and less dependent than errors, so in a short
        series it is much too small. It is multiplied by what makes it right on average if the errors were an autoregression with
        `rho`, and t has the degrees of freedom that match its variance then (as Bell and McCaffrey 2002 do for clusters).
        """
        n = len(self.x)
        bread = np.linalg.inv(self.x.T @ self.x)
        a = self.x @ bread @ contrasts.T  # (T, k)
        lag = np.subtract.outer(np.arange(n), np.arange(n))
        if not self.calibrated:
            value = np.einsum("kp,pq,kq->k", contrasts, self.covariance(), contrasts)
            return np.sqrt(np.maximum(value, 0.0)), np.full(len(contrasts), self.df)
        true = self.rho ** np.abs(lag)
        maker = np.eye(n) - self.x @ bread @ self.x.T
        seen = maker @ true @ maker
        error, df = np.zeros(len(contrasts)), np.full(len(contrasts), self.df)
        for k, column in enumerate(a.T):
            if not np.abs(column).max() > 0:
                continue
            product = _banded(column, seen, self.lags)
            expected = float(np.trace(product))
            value = float(self.residual @ _banded(column, self.residual[:, None], self.lags)[:, 0])
            error[k] = np.sqrt(max(value, 0.0) * float(column @ true @ column) / expected)
            df[k] = expected**2 / float((product * product.T).sum())
        return error, df


def _banded(a: FloatArray, right: FloatArray, lags: int) -> FloatArray:
    """The matrix of Bartlett's weights times a a', from the left on `right` (T, k)."""
    scaled = a[:, None] * right
    total = scaled.copy()
    for lag in range(1, min(lags, len(a) - 1) + 1):
        weight = 1 - lag / (lags + 1)
        total[:-lag] += weight * scaled[lag:]
        total[lag:] += weight * scaled[:-lag]
    return np.asarray(a[:, None] * total)


def fit_series(
    x: FloatArray,
    y: FloatArray,
    exposure: FloatArray,
    terms: tuple[str, ...],
    *,
    family: str,
    lags: int | None,
    calibrated: bool,
) -> SeriesFit:
    """Least squares, or counts with a log link; x (T, p) in time order, the intercept first."""
    n, p = x.shape
    reach = int(4 * (n / 100) ** (2 / 9)) if lags is None else lags
    beta, root, residual, theta = _fit(family, x, y, exposure, terms)
    rho = working_rho(root, residual)
    df = float(n - p) if family == "gaussian" else np.inf
    return SeriesFit(beta, root, residual, theta, reach, rho, calibrated and n <= LONG, df)


def _fit(
    family: str, x: FloatArray, y: FloatArray, exposure: FloatArray, terms: tuple[str, ...]
) -> tuple[FloatArray, FloatArray, FloatArray, float]:
    if family == "gaussian":
        beta = np.asarray(np.linalg.lstsq(x, y, rcond=None)[0])
        return beta, x, np.asarray(y - x @ beta), np.nan
    if not y.any():
        raise DataError("outcome is 0 in every period, so there is no rate to change.")
    scale = np.maximum(np.abs(x).max(axis=0), 1.0)  # columns of one size, for Newton's method
    ones = np.ones(len(y))
    fit = fit_poisson(x / scale, y, np.log(exposure), ones, terms[1:])
    if family == "negative binomial":
        try:
            fit = fit_negative_binomial(x / scale, y, np.log(exposure), ones, terms[1:], fit)
        except DataError as problem:
            raise DataError(
                "family='negative binomial' has no dispersion to estimate: the counts are hardly more spread about the lines "
                "than a Poisson's. Take family='poisson', whose errors here do not rest on the spread."
            ) from problem
    beta = np.asarray(fit.beta / scale)
    mean = exposure * np.exp(x @ beta)
    spread = 1 + mean / fit.theta
    return beta, x * np.sqrt(mean / spread)[:, None], (y - mean) / np.sqrt(mean * spread), fit.theta


def first_autocorrelation(residual: FloatArray) -> float:
    """Of residuals (T,), at one period."""
    return float(residual[1:] @ residual[:-1]) / float(residual @ residual)


def working_rho(x: FloatArray, residual: FloatArray) -> float:
    """The autoregression under which residuals of a regression on x (T, p) are expected to be as dependent as they are: 0 to 0.95.

    The autocorrelation of residuals itself is biased towards minus one in short series.
    """
    n = len(x)
    maker = np.eye(n) - x @ np.linalg.solve(x.T @ x, x.T)
    lag = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    expected = []
    for rho in RHO:
        seen = maker @ rho**lag @ maker
        expected.append(float(np.diag(seen, 1).sum()) / float(np.trace(seen)))
    rising = np.maximum.accumulate(expected)
    return float(np.interp(first_autocorrelation(residual), rising, RHO))


def ljung_box(residual: FloatArray) -> float:
    """p-value of Ljung and Box's (1978) test of residuals (T,), of the first tenth of the lags, at least one, no more than ten."""
    n = len(residual)
    lags = np.arange(1, int(np.clip(n // 10, 1, 10)) + 1)
    rho = np.array([float(residual[k:] @ residual[:-k]) for k in lags]) / float(residual @ residual)
    return float(special.chdtrc(len(lags), n * (n + 2) * float((rho**2 / (n - lags)).sum())))


def read_times(
    take: Columns, data: pd.DataFrame, time: str, interruption: Any
) -> tuple[IntArray, list[Any], BoolArray]:
    """The number of each row's period (n,), its label, and whether the interruption has come (n,)."""
    series = take.series("time", time)
    nothing = np.arange(len(data)), list(range(len(data))), np.zeros(len(data), bool)
    if series is None or not len(series):
        return nothing
    dated = series.dtype.kind == "M"
    missing = np.flatnonzero(series.isna().to_numpy())
    if not (dated or series.dtype.kind in "iuf"):
        take.problem(
            f"time={time!r} must be a number or a date, and its type is {series.dtype}. Convert it before this call."
        )
        return nothing
    if len(missing):
        take.problem(
            f"time={time!r} is missing for {rows_phrase(missing.tolist(), len(data))}. Put in the period."
        )
        return nothing
    try:
        at: Any = pd.Timestamp(interruption) if dated else float(interruption)
        if pd.isna(at):
            raise ValueError("missing")
        after = (series >= at).to_numpy(dtype=bool)
    except (TypeError, ValueError) as problem:
        raise UsageError(
            f"interruption must be a {'date' if dated else 'number'}, as time={time!r} is."
        ) from problem
    return _numbered(take, time, series), series.tolist(), after


def _numbered(take: Columns, time: str, series: pd.Series[Any]) -> IntArray:
    """Periods counted from 0 (n,), with what is wrong noted: whole months where no two rows are nearer than 28 days."""
    n = len(series)
    if series.dtype.kind == "M":
        moment = (series - series.min()) / pd.Timedelta(days=1)
        number = moment.to_numpy(dtype=float)
        if n > 1 and np.diff(np.sort(number)).min() >= 28:
            number = (series.dt.year * 12 + series.dt.month).to_numpy(dtype=float)
    else:
        number = series.to_numpy(dtype=float)
    steps = np.diff(np.sort(number))
    if n > 1 and steps.min() == 0:
        twice = np.flatnonzero(pd.Series(number).duplicated(keep=False).to_numpy())
        take.problem(f"time={time!r} is the same for {rows_phrase(twice.tolist(), n)}. Add such rows up.")
        return np.arange(n)
    step = float(steps.min()) if n > 1 else 1.0
    uneven = int((np.abs(steps / step - 1) > 1e-6).sum())
    if uneven:
        take.problem(
            f"time={time!r} is not evenly spaced: {uneven} of {len(steps)} steps are longer than the shortest. "
            "Put in the periods that are missing, with 0 where nothing happened."
        )
        return np.arange(n)
    return np.asarray(np.round((number - number.min()) / step), dtype=np.int64)


def too_short(after: BoolArray, season: int | None, slope: bool) -> str:
    """Why a side cannot be estimated, or ""."""
    before, since = int((~after).sum()), int(after.sum())
    if since == 0 or before == 0:
        return f"the interruption lies {'after' if since == 0 else 'at or before'} the {'last' if since == 0 else 'first'} period."
    least = 3 if slope else 1
    if before < 3 or since < least:
        return f"{before} periods before the interruption and {since} after: a line needs 3 before and {least} after."
    columns = 3 + slope + (min(3, season - 1) + (season > 4) if season else 0)
    if len(after) < columns + 2:
        return f"{len(after)} periods are too few for {columns} terms. Leave out the season or the slope."
    if season is not None and len(after) < 2 * season:
        return f"{len(after)} periods hold less than two years of {season}, so no season can be told from the trend."
    return ""


def segments(
    place: IntArray, after: BoolArray, season: int | None, slope: bool
) -> tuple[FloatArray, tuple[str, ...]]:
    """Predictors (T, p) and their names."""
    t = place.astype(float)
    start = t[after][0]
    columns, terms = (
        [np.ones(len(t)), t, after.astype(float)],
        ["(Intercept)", "trend before", "level change"],
    )
    if slope:
        columns.append(after * (t - start))
        terms.append("slope change")
    for k in (1, 2):
        if season is None or 2 * k > season:
            break
        angle = 2 * np.pi * k * t / season
        if 2 * k < season:  # at half the season every sine is 0
            columns.append(np.sin(angle))
            terms.append(f"season sine {k}")
        columns.append(np.cos(angle))
        terms.append(f"season cosine {k}")
    return np.column_stack(columns), tuple(terms)
