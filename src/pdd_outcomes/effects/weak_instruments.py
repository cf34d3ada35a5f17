"""How strong instruments are, and what can still be said when they are weak: first-stage F and Anderson-Rubin sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import linalg, optimize, special, stats

from ..core.columns import FloatArray, IntArray
from ..core.errors import UsageError
from ..core.results import check_level, tidy_frame
from ..core.sandwich import cluster_codes, clustered_covariance

BIAS, SIZE = (
    0.10,
    0.05,
)  # of Montiel Olea and Pflueger's test: worst bias against that of no instrument, and its size
RULE_OF_THUMB = 10.0  # Staiger and Stock (1997)
NO_FIRST_STAGE = 1.0  # an effective F that instruments without any bearing on the treatment have on average
COLLINEAR = 1e-9  # of a column's length, what others leave of it
EXACT = 1e-20  # a residual sum of squares this small beside the total is rounding


@dataclass(frozen=True, slots=True, eq=False)
class Errors:
    """How the errors of a regression are reckoned.

    Attributes
    ----------
    robust : sandwich, or else one variance for all rows
    small_sample : R sandwich's names: "HC0" no factor, "HC1" n/(n-k), "HC2" residuals over the root of 1 - leverage. With
        clusters "HC0" is G/(G-1) and "HC1" that by (n-1)/(n-k), as `vcovCL` has them, and "none" no factor at all. The
        two ways of clustering are added and their crossing taken off, each with its own factor (Cameron and others 2011).
    clusters : none, one or two (n,) arrays of codes
    """

    robust: bool = True
    small_sample: str = "HC1"
    clusters: tuple[IntArray, ...] = ()

    def __post_init__(self) -> None:
        if len(self.clusters) > 2:
            raise UsageError(f"cluster names {len(self.clusters)} columns; at most two are possible.")

    @property
    def groups(self) -> int | None:
        """Number of clusters, the smaller of two; None where each row is its own."""
        return min(len(np.unique(c)) for c in self.clusters) if self.clusters else None

    @property
    def words(self) -> str:
        """The standard errors' name."""
        ways = f", {len(self.clusters)}-way clustered" if self.clusters else ""
        return f"sandwich, {self.small_sample}{ways}" if self.robust else "classical"

    def df(self, n: int, k: int) -> int:
        """Degrees of freedom of t and F: clusters less one, or rows less coefficients."""
        return n - k if self.groups is None else self.groups - 1

    def covariance(
        self, x: FloatArray, residuals: FloatArray, bread: FloatArray, absorbed: int = 0
    ) -> FloatArray:
        """Joint covariance (mk, mk) of m regressions on the same x (n, k), first regression first.

        Parameters
        ----------
        residuals : (n, m); bread : (k, k), the inverse of the cross product
        absorbed : coefficients partialled out beforehand, which the factor counts too
        """
        n, k = x.shape
        if not self.robust:
            return np.kron(residuals.T @ residuals / (n - k - absorbed), bread)
        if self.small_sample == "HC2":
            left = 1 - np.einsum("ij,jk,ik->i", x, bread, x)
            left = np.where(left > 1e-12, left, 1.0)  # a row that is fitted exactly has no residual to correct
            residuals = residuals / np.sqrt(left)[:, None]
        influence = (residuals[:, :, None] * (x @ bread)[:, None, :]).reshape(n, -1)
        spare, hc1 = n - k - absorbed, self.small_sample == "HC1"
        if not self.clusters:
            return np.asarray(influence.T @ influence * (n / spare if hc1 else 1.0))
        total, crossed = np.zeros((influence.shape[1],) * 2), cluster_codes(*self.clusters)
        for codes, sign in zip((*self.clusters, crossed), (1, 1, -1) if len(self.clusters) == 2 else (1,)):
            g = len(np.unique(codes))
            by = 1.0 if self.small_sample == "none" else g / (g - 1) * ((n - 1) / spare if hc1 else 1.0)
            total += sign * by * clustered_covariance(influence, (codes,))
        return total


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """Least squares of one or several outcomes on the same terms.

    Attributes
    ----------
    terms : k names; coefficients : (k, m); covariance : (mk, mk), first outcome first; df : of t
    """

    terms: tuple[str, ...]
    coefficients: FloatArray
    covariance: FloatArray = field(repr=False)
    df: int

    def tidy(self, outcome: int = 0, level: float = 0.95) -> pd.DataFrame:
        """Standard rows of one of the outcomes, counted from 0."""
        k = len(self.terms)
        variance = np.diag(self.covariance)[outcome * k : (outcome + 1) * k]
        error = np.sqrt(np.where(variance >= 0, variance, np.nan))  # of two-way clustering it can be negative
        return tidy_frame(self.terms, self.coefficients[:, outcome], error, level=level, df=self.df)

    def block(self, rows: Sequence[int]) -> tuple[FloatArray, FloatArray]:
        """Coefficients (q, m) of some of the terms, and their covariance (mq, mq), negative eigenvalues set to 0."""
        k, m = self.coefficients.shape
        places = np.concatenate([np.asarray(rows) + j * k for j in range(m)])
        block = self.covariance[np.ix_(places, places)]
        if len(block) > 1 and block.any():
            scale = np.sqrt(np.abs(np.diag(block)).clip(np.abs(np.diag(block)).max() * 1e-30))
            values, vectors = np.linalg.eigh(block / np.outer(scale, scale))
            if values[0] < -1e-12 * values[-1]:
                block = np.outer(scale, scale) * ((vectors * values.clip(0)) @ vectors.T)
        return self.coefficients[list(rows)], np.asarray(block)


def least_squares(
    x: FloatArray, terms: Sequence[str], y: FloatArray, errors: Errors, absorbed: int = 0
) -> tuple[Regression, FloatArray]:
    """Least squares of y (n, m) on x (n, k), both weighted and rid of `absorbed` terms before; and the residuals (n, m)."""
    q, r = np.linalg.qr(x)
    coefficients = linalg.solve_triangular(r, q.T @ y)
    inverse = linalg.solve_triangular(r, np.eye(len(r)))
    residuals = y - x @ coefficients
    n, k = x.shape
    covariance = errors.covariance(x, residuals, inverse @ inverse.T, absorbed)
    return Regression(tuple(terms), coefficients, covariance, errors.df(n, k + absorbed)), residuals


def residualised(columns: FloatArray, on: FloatArray) -> FloatArray:
    """What least squares on `on` (n, p), of full rank, leaves of `columns` (n, m)."""
    q = np.linalg.qr(on)[0]
    once = columns - q @ (q.T @ columns)
    return np.asarray(once - q @ (q.T @ once))  # rounding is gone after a second pass


def dependent(columns: FloatArray, before: FloatArray, terms: Sequence[str]) -> list[str]:
    """Terms of which, beyond the columns before them, rounding alone is left: `columns` (n, m) is what is left of `before`."""
    left = np.abs(np.diag(np.linalg.qr(columns, mode="r")))
    gone = left <= COLLINEAR * np.linalg.norm(before, axis=0)
    return [name for name, here in zip(terms, gone) if here]


def wald_f(coefficients: FloatArray, covariance: FloatArray) -> float:
    """F of all coefficients (q,) being 0; infinite without error, NaN where the covariance has not full rank."""
    scale = np.sqrt(np.diag(covariance))
    if not (scale > 0).all():
        return float("inf") if not scale.any() else float("nan")
    correlation = covariance / np.outer(scale, scale)
    if np.linalg.matrix_rank(correlation, hermitian=True) < len(scale):
        return float("nan")
    z = coefficients / scale
    return float(z @ np.linalg.solve(correlation, z)) / len(z)


@dataclass(frozen=True, slots=True)
class Strength:
    """How much of the treatment the instruments move.

    Attributes
    ----------
    partial_f : F of the instruments in the first stage, one variance for all rows; robust_f : under the errors asked for
    effective_f : Montiel Olea and Pflueger's (2013); the robust F where there is one instrument
    effective_df : their effective number of instruments; critical : what `effective_f` must pass for the worst bias to be
        under a tenth of that of no instrument, by the simplified, conservative procedure; effective_p : of that test
    partial_r2 : share of the treatment that the instruments explain, of what the covariates leave
    df1, df2 : of partial_f; df_robust : second of robust_f
    """

    partial_f: float
    robust_f: float
    effective_f: float
    effective_df: float
    critical: float
    effective_p: float
    partial_r2: float
    df1: int
    df2: int
    df_robust: int

    @property
    def nothing(self) -> str:
        """Why there is no estimate, where the effective F is below 1."""
        if np.isnan(self.effective_f):
            return "no first stage: the clusters all agree, and so give no standard error"
        f = f"effective F {self.effective_f:.2f}, below {NO_FIRST_STAGE:g}"
        return f"no first stage: {self.partial_r2:.2%} of what the covariates leave of the treatment is explained ({f})"

    @property
    def weak(self) -> bool:
        """F below ten, or an effective F below its critical value."""
        return min(self.partial_f, self.effective_f) < RULE_OF_THUMB or self.effective_f < self.critical


def strength(
    instruments: FloatArray, treatment: FloatArray, pi: FloatArray, covariance: FloatArray, df: tuple[int, int]
) -> Strength:
    r"""Strength of a first stage, from what the covariates leave of the instruments (n, q) and the treatment (n,).

    .. math:: F_{eff} = \frac{\hat\pi^\top Q \hat\pi}{\mathrm{tr}(\hat\Sigma Q)}, \qquad Q = \tilde Z^\top \tilde Z,

    Andrews, Stock and Sun (2019, Annual Review of Economics 11:727-753), section 4.2, after Montiel Olea and Pflueger
    (2013, Journal of Business and Economic Statistics 31:358-369), eq. 2.2.

    Parameters
    ----------
    pi : (q,) first-stage coefficients; covariance : (q, q) of them, under the errors asked for
    df : rows less coefficients, and second degrees of freedom of the robust F
    """
    n_instruments = len(pi)
    total = float(treatment @ treatment)
    left = float(((treatment - instruments @ pi) ** 2).sum())
    r = np.asarray(np.linalg.qr(instruments, mode="r"))
    explained = float(((r @ pi) ** 2).sum())
    noise = r @ covariance @ r.T  # covariance of the coefficients of orthonormal instruments
    exact = left < EXACT * total
    inf, trace = float("inf"), float(np.trace(noise))
    known = not exact and trace > EXACT * explained  # clusters that all agree leave no noise to judge by
    effective_df, critical = effective_critical(noise if known else np.eye(n_instruments))
    effective = inf if exact else explained / trace if known else float("nan")
    return Strength(
        partial_f=inf if exact else explained / n_instruments / (left / df[0]),
        robust_f=inf if exact else wald_f(pi, covariance),
        effective_f=effective,
        effective_df=effective_df,
        critical=critical,
        effective_p=float(stats.ncx2.sf(effective_df * effective, effective_df, effective_df / BIAS)),
        partial_r2=1 - left / total,
        df1=n_instruments,
        df2=df[0],
        df_robust=df[1],
    )


def effective_critical(noise: FloatArray, bias: float = BIAS, size: float = SIZE) -> tuple[float, float]:
    r"""Effective degrees of freedom and critical value of the effective F.

    With :math:`x = 1/\tau` (the simplified procedure, whatever the estimator),

    .. math:: K = \frac{\mathrm{tr}(W)^2 (1 + 2x)}{\mathrm{tr}(W^2) + 2x\,\mathrm{tr}(W)\lambda_{max}(W)}

    for the covariance W (q, q) of the first-stage coefficients of orthonormal instruments, on any scale; the critical value
    is the upper `size` point of a non-central chi-square on K with non-centrality xK, over K (2013, section 3.2).
    """
    x = 1 / bias
    trace = float(np.trace(noise))
    largest = float(np.linalg.eigvalsh(noise)[-1])
    k = trace**2 * (1 + 2 * x) / (float((noise**2).sum()) + 2 * x * trace * largest)
    return k, float(stats.ncx2.ppf(1 - size, k, x * k)) / k


def endogeneity_f(x: FloatArray, off: FloatArray, y: FloatArray, errors: Errors) -> tuple[float, int]:
    """Wu and Hausman's F, of the first stage's residual `off` (n,) beside x (n, k) with the treatment second, and its second degrees of freedom."""
    n, k = x.shape
    df = errors.df(n, k + 1)
    if n <= k + 1 or off @ off < EXACT * (x[:, 1] @ x[:, 1]):
        return float("nan"), df
    beta, variance = least_squares(np.column_stack([x, off]), [""] * (k + 1), y[:, None], errors)[0].block([k])
    return wald_f(beta[:, 0], variance), df


def overidentification(
    residual: FloatArray, projected: FloatArray, instruments: FloatArray, errors: Errors
) -> float:
    """Chi-square on q - 1 of all instruments (n, q) being valid: Sargan's, or under a sandwich Wooldridge's score test.

    Sargan (1958) Econometrica 26:393-415: n times R squared of the residual (n,) on the instruments, here already without
    the covariates. Wooldridge (1995): the residual times what `projected` (n, k) leaves of all instruments but one.
    """
    if instruments.shape[1] == 1:
        return float("nan")
    if not errors.robust:
        unexplained = residualised(residual[:, None], instruments)[:, 0]
        return len(residual) * (1 - float(unexplained @ unexplained) / float(residual @ residual))
    scores = residualised(instruments[:, 1:], projected) * residual[:, None]
    meat = clustered_covariance(scores, errors.clusters)
    total = scores.sum(axis=0)
    return wald_f(total, meat) * len(total)


@dataclass(frozen=True, slots=True, eq=False)
class AndersonRubin:
    r"""The Anderson-Rubin test of any effect, which holds its size however weak the instruments are.

    An effect b is tested by whether the instruments explain :math:`y - b d`: with reduced-form coefficients
    :math:`\hat\gamma` and first-stage :math:`\hat\pi`, :math:`\hat g = \hat\gamma - b\hat\pi` has covariance
    :math:`V(b) = V_{yy} - b(V_{yd} + V_{dy}) + b^2 V_{dd}`, and :math:`F(b) = \hat g^\top V(b)^{-1} \hat g / q` is
    compared with F on q and df (Anderson and Rubin 1949, Annals of Mathematical Statistics 20:46-63, eq. 8; robust
    form: Andrews, Stock and Sun 2019, section 5.1). The set of b not rejected is found from the roots of a
    polynomial, and no grid.

    Attributes
    ----------
    coefficients : (q, 2), reduced form and first stage; covariance : (2q, 2q), reduced form first
    df : second degrees of freedom
    """

    coefficients: FloatArray
    covariance: FloatArray = field(repr=False)
    df: int

    def _at(self, b: float) -> tuple[FloatArray, FloatArray]:
        q = len(self.coefficients)
        v = self.covariance
        cross = v[:q, q:] + v[q:, :q]
        return self.coefficients @ [1.0, -b], v[:q, :q] - b * cross + b**2 * v[q:, q:]

    def statistic(self, effect: float = 0.0) -> float:
        """F of the hypothesis that the effect is `effect`."""
        return wald_f(*self._at(effect))

    def p_value(self, effect: float = 0.0) -> float:
        """p-value of the hypothesis that the effect is `effect`."""
        return float(stats.f.sf(self.statistic(effect), len(self.coefficients), self.df))

    def intervals(self, level: float = 0.95) -> list[tuple[float, float]]:
        """The effects not rejected, as closed intervals from left to right: none, one, or several; an end may be infinite."""
        limit = float(special.fdtri(len(self.coefficients), self.df, check_level(level)))
        return _where_below(lambda b: float(np.nan_to_num(self.statistic(b))) - limit, self._roots(limit))

    def _roots(self, limit: float) -> FloatArray:
        """Where the bordered matrix [[V(b), g(b)], [g(b)', q limit]] is singular: a quadratic eigenvalue problem."""
        q = len(self.coefficients)
        first, second = np.split(np.diag(self.covariance), 2)
        unit = np.sqrt(first.sum() / second.sum()) if min(first.sum(), second.sum()) > 0 else 1.0
        scale = 1 / np.sqrt(np.maximum(first, unit**2 * second))
        v = self.covariance * np.outer(np.tile(scale, 2), np.tile(scale, 2))
        g = self.coefficients * scale[:, None]
        parts = [np.zeros((q + 1, q + 1)) for _ in range(3)]
        parts[0][:q, :q], parts[0][q, q] = v[:q, :q], q * limit
        parts[0][:q, q] = parts[0][q, :q] = g[:, 0]
        parts[1][:q, :q] = -unit * (v[:q, q:] + v[q:, :q])
        parts[1][:q, q] = parts[1][q, :q] = -unit * g[:, 1]
        parts[2][:q, :q] = unit**2 * v[q:, q:]
        eye, nought = np.eye(q + 1), np.zeros((q + 1, q + 1))
        first_order = np.block([[nought, eye], [-parts[0], -parts[1]]])
        values = linalg.eigvals(first_order, np.block([[eye, nought], [nought, parts[2]]]))
        return _real(values) * unit


def _real(values: Any) -> FloatArray:
    """The real ones among complex roots, with those that rounding has moved a little off the line."""
    finite = values[np.isfinite(values) & (np.abs(values) < 1e12)]
    near = np.abs(finite.imag) <= 1e-6 * (1 + np.abs(finite.real))
    return np.unique(finite.real[near])


def _where_below(height: Callable[[float], float], roots: FloatArray) -> list[tuple[float, float]]:
    """Intervals on which `height` is not above 0, given numbers among which all its crossings are."""
    if not len(roots):
        return [(-np.inf, np.inf)] if height(0.0) <= 0 else []
    size = float(np.abs(roots).max()) or 1.0
    between = [float(roots[0]) - size, *((roots[1:] + roots[:-1]) / 2).tolist(), float(roots[-1]) + size]
    inside = [height(b) <= 0 for b in between]
    found: list[tuple[float, float]] = []
    start = -np.inf if inside[0] else np.nan
    for left, right, was, now in zip(between, between[1:], inside, inside[1:]):
        if was == now:
            continue
        edge = float(optimize.brentq(height, left, right, xtol=1e-14 * size, rtol=1e-13))
        if now:
            start = edge
        else:
            found.append((start, edge))
    if inside[-1]:
        found.append((start, np.inf))
    return found


def set_in_words(intervals: Sequence[tuple[float, float]], level: float) -> str:
    """An Anderson-Rubin set in a sentence."""
    name = f"The {100 * level:g}% Anderson-Rubin set"
    if not intervals:
        return f"{name} is empty: no effect agrees with all the instruments, so one of them is not valid or the model is wrong."
    if len(intervals) == 1 and np.isinf(intervals[0]).all():
        return f"{name} is every number: the instruments say nothing about the size or sign of the effect."
    said = [_interval_in_words(low, high) for low, high in intervals]
    if len(intervals) == 2 and np.isinf([intervals[0][0], intervals[1][1]]).all():
        return f"{name} is two rays, {said[0]} and {said[1]}: the effect has no bound, and only those between are ruled out."
    end = "." if np.isfinite(intervals).all() else ", and has no bound on that side."
    return f"{name} is {' and '.join(said)}{end}"


def _interval_in_words(low: float, high: float) -> str:
    if np.isinf(low):
        return f"{high:.4g} and below"
    if np.isinf(high):
        return f"{low:.4g} and above"
    return f"from {low:.4g} to {high:.4g}"
