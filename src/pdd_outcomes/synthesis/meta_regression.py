"""Meta-regression: what in the schemes goes with their effects, and between-force variance about any set of features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import special, stats

from ..core.columns import BoolArray, FloatArray
from ..core.errors import DataError, UsageError, choose
from ..core.formula import ModelMatrix, covariate_matrix
from ..core.results import Shown, check_level, tidy_frame
from .influence import Rearranged, rearranged
from .pooling import INTERVALS, NO_SPREAD, pool

METHODS = ("common", "DL", "HE", "HS", "SJ", "PM", "EB", "ML", "REML")
GLANCE = ("tau2_std_error", "i2", "h2", "r2", "qe", "qe_df", "qe_p", "qm", "qm_df", "qm_df2", "qm_p", "loglik")
GRID = 120  # places at which a likelihood's slope is looked at: it can have more than one peak
HALVINGS = 60


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """Estimates and b designs in the axes of the sampling covariance, where it is diagonal.

    values : (k,), above 0; y : (k,); x : (b, k, p), orthonormal; spread : mean square of the estimates about their plain mean
    """

    values: FloatArray
    y: FloatArray
    x: FloatArray
    spread: float

    @property
    def df(self) -> int:
        """k - p"""
        return int(self.x.shape[1] - self.x.shape[2])

    def fit(self, tau2: FloatArray) -> _At:
        """Generalised least squares of every design at its own tau squared (b,)."""
        w = 1 / (self.values + tau2[:, None])
        xw = self.x * w[:, :, None]
        bread = np.asarray(np.linalg.inv(np.swapaxes(self.x, 1, 2) @ xw), float)
        beta = np.einsum("bpq,bkq,k->bp", bread, xw, self.y)
        residual = self.y - np.einsum("bkp,bp->bk", self.x, beta)
        return _At(w, xw, bread, beta, residual)


@dataclass(frozen=True, slots=True, eq=False)
class _At:
    """A fit at given tau squared: weights w (b, k), xw (b, k, p), bread (b, p, p), beta (b, p), residual (b, k)."""

    w: FloatArray
    xw: FloatArray
    bread: FloatArray
    beta: FloatArray
    residual: FloatArray

    def q(self) -> FloatArray:
        """Weighted residual sum of squares (b,)."""
        return np.asarray((self.w * self.residual**2).sum(axis=1))

    def trace(self) -> FloatArray:
        r"""Trace of :math:`P = W - WX(X^\top WX)^{-1}X^\top W` (b,)."""
        taken = np.einsum("bpq,bkq,bkp->b", self.bread, self.xw, self.xw, optimize=True)
        return np.asarray(self.w.sum(axis=1) - taken)

    def p(self) -> FloatArray:
        """P itself, of the first design (k, k)."""
        return np.asarray(np.diag(self.w[0]) - self.xw[0] @ self.bread[0] @ self.xw[0].T)

    def slope(self, restricted: bool) -> FloatArray:
        """Twice the slope of the log likelihood in tau squared (b,)."""
        trace = self.trace() if restricted else self.w.sum(axis=1)
        return np.asarray((self.w**2 * self.residual**2).sum(axis=1) - trace)

    def loglik(self, restricted: bool) -> FloatArray:
        """(Restricted) log likelihood (b,) of orthonormal designs."""
        k, p = self.xw.shape[1:]
        value = 0.5 * np.log(self.w).sum(axis=1) - 0.5 * self.q() - k / 2 * np.log(2 * np.pi)
        if restricted:
            value = value + 0.5 * np.linalg.slogdet(self.bread)[1] + p / 2 * np.log(2 * np.pi)
        return np.asarray(value)


def residual_variance(y: FloatArray, v: FloatArray, x: FloatArray, method: str) -> float:
    """Between-force variance left about the regression of estimates on features, cut at 0.

    Parameters
    ----------
    y : (k,) estimates
    v : (k, k) sampling covariance, positive definite
    x : (k, p) features with the intercept's column of ones, p < k, of full rank; ones alone for the spread about a mean
    method : "common" (0), "DL" (DerSimonian and Laird 1986), "HE" (Hedges 1983), "HS" (Hunter and Schmidt 2004), "SJ" (Sidik
        and Jonkman 2005, started from the mean square of y about its mean), "PM" (Paule and Mandel 1982) or "EB" (Morris 1983),
        which solve one equation, "ML" or "REML", of whose peaks the highest is taken
    """
    choose("method", method, METHODS)
    return float(_variances(_turned(y, v, np.linalg.qr(x)[0][None]), method)[0])


def _turned(y: FloatArray, v: FloatArray, x: FloatArray) -> _Lines:
    """Estimates (k,) and orthonormal designs (b, k, p) in the axes of v (k, k)."""
    values, vectors = np.linalg.eigh(v)
    return _Lines(values, vectors.T @ y, vectors.T @ x, float(np.var(y)))


def _variances(lines: _Lines, method: str) -> FloatArray:
    """tau squared (b,) of every design."""
    nothing, k = np.zeros(len(lines.x)), len(lines.y)
    if method == "common":
        return nothing
    if method in ("DL", "HS"):
        at = lines.fit(nothing)
        raw = (at.q() - lines.df) / at.trace() if method == "DL" else (at.q() - k) / (1 / lines.values).sum()
    elif method == "HE":
        free = 1 - (lines.x**2).sum(axis=2)
        raw = (_squares(lines) - (free * lines.values).sum(axis=1)) / lines.df
    elif method == "SJ":
        raw = lines.spread / lines.df * lines.fit(nothing + lines.spread).q()
    elif method in ("PM", "EB"):
        raw = _where_q_is(lines, float(lines.df))
    else:
        raw = _highest(lines, restricted=method == "REML")
    return np.asarray(np.maximum(raw, 0.0))


def _where_q_is(lines: _Lines, target: float) -> FloatArray:
    """The tau squared at which the residual sum of squares Q falls to `target` (b,); 0 where it is below at once."""
    low = np.zeros(len(lines.x))
    met = lines.fit(low).q() <= target
    high = _squares(lines) / target * 1.01  # Q <= squares / tau^2
    return np.where(met, 0.0, _halved(lambda t: lines.fit(t).q() > target, low, high))


def _squares(lines: _Lines) -> FloatArray:
    """Sum of squares about the least-squares regression (b,)."""
    residual = lines.y - np.einsum("bkp,blp,l->bk", lines.x, lines.x, lines.y, optimize=True)
    return np.asarray((residual**2).sum(axis=1))


def _halved(above: Callable[[FloatArray], BoolArray], low: FloatArray, high: FloatArray) -> FloatArray:
    """Places between low and high (b,) at which `above` turns from true to false."""
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        up = above(middle)
        low, high = np.where(up, middle, low), np.where(up, high, middle)
    return np.asarray((low + high) / 2)


def _highest(lines: _Lines, *, restricted: bool) -> FloatArray:
    r"""The highest peak of every design's likelihood (b,): 0, or a place where its slope turns from above to below 0.

    With S the sum of squares, the slope is below :math:`S/t^2 - (k-p)/(t + \lambda_{\max})`: no root lies beyond that one's.
    """
    squares, df = _squares(lines), lines.df
    top = (squares + np.sqrt(squares**2 + 4 * df * squares * lines.values[-1])) / (2 * df)
    floor = 1e-8 * float(lines.values[0])
    top = np.maximum(1.01 * top, 2 * floor)
    grid = [np.zeros(len(top)), *np.geomspace(np.full(len(top), floor), top, GRID)]
    slopes = [lines.fit(t).slope(restricted) for t in grid]
    best, height = grid[0], lines.fit(grid[0]).loglik(restricted)
    for (a, b), (up, down) in zip(pairwise(grid), pairwise(slopes)):
        here = (up > 0) & (down <= 0)
        if here.any():
            peak = _halved(lambda t: lines.fit(t).slope(restricted) > 0, a, b)
            at = lines.fit(peak).loglik(restricted)
            better = here & (at > height)
            best, height = np.where(better, peak, best), np.where(better, at, height)
    return np.asarray(best)


def _variance_error(lines: _Lines, tau2: float, method: str) -> float:
    """Standard error of tau squared: of the likelihoods by the expected information, of the moments by that of a quadratic form."""
    if method == "common" or (method == "SJ" and lines.spread == 0):
        return np.nan
    at = lines.fit(np.array([tau2]))
    p, k = at.p(), len(lines.y)
    if method in ("ML", "REML"):
        return float(np.sqrt(2 / ((at.w**2).sum() if method == "ML" else (p * p).sum())))
    if method in ("PM", "EB"):  # Morris's approximation, which has the weights alone
        return float(np.sqrt(2 * k**2 / lines.df) / at.w.sum())
    if method == "HE":
        p, total = np.eye(k) - lines.x[0] @ lines.x[0].T, float(lines.df)
    else:
        p = lines.fit(np.array([lines.spread if method == "SJ" else 0.0])).p()
        total = np.trace(p) if method == "DL" else (1 / lines.values).sum()
        total = lines.df / lines.spread if method == "SJ" else float(total)
    form = p * (lines.values + tau2)
    return float(np.sqrt(2 * (form * form.T).sum()) / total)


@dataclass(frozen=True, slots=True, eq=False)
class MetaRegression(Shown):
    r"""Differences in effect that go with features of the forces' schemes, on the scale of the estimates given.

    Attributes
    ----------
    terms : "(Intercept)", then the features
    coefficients : (p,); covariance : (p, p), under Hartung-Knapp with their factor
    tau2, tau2_std_error : between-force variance that the features leave; i2, h2 : the same against the typical sampling
        variance; r2 : per cent of the spread about the mean that they take up, cut at 0, NaN where there was none
    qe, qe_df, qe_p : test of what is left
    qm, qm_df, qm_df2, qm_p : test of all features, chi-square, or F where the interval is Hartung-Knapp's
    permuted : permutation p-values where asked for: `terms` (p,), NaN of the intercept, `joint`, and of how many
        `arrangements`, `exhaustive` where these are all there are
    notes : what a reader must be told
    """

    terms: tuple[str, ...]
    coefficients: FloatArray
    covariance: FloatArray = field(repr=False)
    tau2: float
    tau2_std_error: float
    i2: float
    h2: float
    r2: float
    qe: float
    qe_df: int
    qe_p: float
    qm: float
    qm_df: int
    qm_df2: float
    qm_p: float
    loglik: float
    method: str
    ci: str
    level: float
    labels: tuple[str, ...]
    permuted: Rearranged
    notes: tuple[str, ...]
    lines: _Lines = field(repr=False)

    def tidy(self, level: float | None = None) -> pd.DataFrame:
        """A row a term, with `permutation_p` beside the others where it was asked for."""
        wanted = self.level if level is None else check_level(level)
        error = np.sqrt(np.diag(self.covariance))
        frame = tidy_frame(self.terms, self.coefficients, error, level=wanted, df=self.qm_df2)
        return frame.assign(permutation_p=self.permuted.terms) if self.permuted.arrangements else frame

    def glance(self) -> pd.DataFrame:
        """One row: what is left between forces, what the features take up, and their tests."""
        low, high = self.tau2_interval()
        first = {"k": len(self.labels), "tau2": self.tau2, "tau2_low": low, "tau2_high": high}
        rest = {name: getattr(self, name) for name in (*GLANCE, "method", "ci")}
        tried = {name: getattr(self.permuted, name) for name in ("arrangements", "exhaustive")}
        last = {"permutation_p": self.permuted.joint, **tried, "notes": " ".join(self.notes)}
        return pd.DataFrame([{**first, **rest, **last}])

    def tau2_interval(self, level: float | None = None) -> tuple[float, float]:
        """Q-profile interval of what the features leave (Viechtbauer 2007 Statistics in Medicine 26:37-52)."""
        wanted = self.level if level is None else check_level(level)
        target = [float(stats.chi2.isf((1 + side * wanted) / 2, self.qe_df)) for side in (-1, 1)]
        return float(_where_q_is(self.lines, target[0])[0]), float(_where_q_is(self.lines, target[1])[0])


def meta_regression(
    estimates: Sequence[float] | FloatArray,
    std_errors: Sequence[float] | FloatArray,
    features: pd.DataFrame | None,
    *,
    method: str = "REML",
    ci: str = "hksj",
    covariance: FloatArray | None = None,
    labels: Sequence[str] | None = None,
    level: float = 0.95,
    permutations: int = 0,
    rng: np.random.Generator | None = None,
    allow_overfit: bool = False,
) -> MetaRegression:
    r"""Differences in the average effect by features of the forces' schemes,
    :math:`\hat\beta = (X^\top WX)^{-1}X^\top Wy` with :math:`W = (V + \tau^2 I)^{-1}`.

    Parameters
    ----------
    estimates, std_errors, covariance, labels : (k,), (k,), (k, k) and k names, as in :func:`~pdd_outcomes.synthesis.pool`
    features : (k, m) DataFrame, a row a force; text and categories are labels, by treatment contrasts. None for the average
        alone, with the same keys.
    method : see `residual_variance`
    ci : "hksj" (Knapp and Hartung's factor, t on k - p), "hksj-adhoc" (the factor is at least 1) or "wald"
    permutations : most arrangements of the features over the forces to try (Higgins and Thompson 2004): where there are no
        more than that, all of them; else that many with `rng`, the one observed counted among them
    allow_overfit : go beyond one covariate for every ten estimates, and say so in `.notes`

    Raises
    ------
    UsageError
        More than one covariate for every ten estimates; options not known; permutations to be drawn without `rng`.
    DataError
        What `pool` refuses; features that are missing or collinear.

    References
    ----------
    Thompson and Higgins (2002) Statistics in Medicine 21:1559-1573. Knapp and Hartung (2003) Statistics in Medicine
    22:2693-2710. Higgins and Thompson (2004) Statistics in Medicine 23:1663-1682. R squared: Raudenbush (2009) in
    The Handbook of Research Synthesis, 2nd ed., 295-315.
    """
    choose("method", method, METHODS)
    choose("ci", ci, INTERVALS)
    given = pool(estimates, std_errors, method="common", level=level, labels=labels, covariance=covariance)
    y, v, k = given.estimates, given.covariance, len(given.labels)
    found = _features(features, k)
    notes = _enough(m := len(found.terms), k, allow_overfit)
    basis, upper = np.linalg.qr(np.column_stack([np.ones(k), found.values]))
    back = np.linalg.inv(upper)

    def statistics(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        some = _turned(y, v, x)
        return _statistics(some.fit(_variances(some, method)), back, some.df, ci)

    lines = _turned(y, v, basis[None])
    tau2 = _variances(lines, method)
    at, fixed = lines.fit(tau2), lines.fit(np.zeros(1))
    qe, share = float(fixed.q()[0]), float(fixed.trace()[0]) / lines.df
    # Of a common effect tau2 is 0 by fiat, so I squared is read from Q, as `pool` does.
    between = max(0.0, qe / lines.df - 1) / share if method == "common" else float(tau2[0])
    qm, wald = float(_statistics(at, back, lines.df, ci)[1][0]), ci == "wald"
    alone = residual_variance(y, v, np.ones((k, 1)), method) if m else 0.0
    return MetaRegression(
        terms=("(Intercept)", *found.terms),
        coefficients=back @ at.beta[0],
        covariance=back @ (at.bread[0] * _factor(at, lines.df, ci)[0]) @ back.T,
        tau2=float(tau2[0]),
        tau2_std_error=_variance_error(lines, float(tau2[0]), method),
        i2=100 * between * share / (between * share + 1),
        h2=between * share + 1,
        r2=100 * max(0.0, 1 - float(tau2[0]) / alone) if alone > 0 else np.nan,
        qe=qe,
        qe_df=lines.df,
        qe_p=float(special.chdtrc(lines.df, qe)),
        qm=qm,
        qm_df=m,
        qm_df2=np.inf if wald else float(lines.df),
        qm_p=float(special.chdtrc(m, qm) if wald else stats.f.sf(qm, m, lines.df)) if m else np.nan,
        loglik=float(at.loglik(method == "REML")[0]),
        method=method,
        ci=ci,
        level=given.level,
        labels=given.labels,
        permuted=rearranged(basis, found.values, statistics, permutations if m else 0, rng),
        notes=notes,
        lines=lines,
    )


def _features(features: pd.DataFrame | None, k: int) -> ModelMatrix:
    """Features that vary and are not combinations of one another."""
    if features is None or (isinstance(features, pd.DataFrame) and not len(features.columns)):
        return ModelMatrix(np.empty((k, 0)), ())
    if not isinstance(features, pd.DataFrame) or len(features) != k:
        raise UsageError(f"features must be a pandas DataFrame of {k} rows, one for every estimate.")
    found = covariate_matrix(features, [str(c) for c in features.columns], role="features")
    moved = (found.values - found.values.mean(axis=0)) / np.abs(found.values).max(axis=0).clip(1e-300)
    kept = np.abs(np.diag(np.linalg.qr(moved)[1])) if len(found.terms) < k else np.ones(len(found.terms))
    if bad := [term for term, new in zip(found.terms, kept) if new < 1e-9]:
        raise DataError(
            f"features {bad} are the same in every force, or collinear with those before them. Leave them out."
        )
    return found


def _enough(m: int, k: int, allowed: bool) -> tuple[str, ...]:
    """A note, or an error, where there is more than one covariate for every ten estimates."""
    if k - m < 2:
        raise UsageError(
            f"{m} covariates and an intercept leave nothing over of {k} estimates. Leave some out."
        )
    if 10 * m <= k:
        return ()
    said = f"{m} covariate{'s' * (m > 1)} for {k} estimates breaks the rule of one for every ten"
    if allowed:
        return (f"{said}; what it finds is a suggestion to be tested elsewhere.",)
    raise UsageError(
        f"{said}: with so few, features that have nothing to do with the effects easily seem to explain them. "
        "Name fewer, or say allow_overfit=True, and the rule is stated beside the result."
    )


def _factor(at: _At, df: int, ci: str) -> FloatArray:
    """What the variances are multiplied by (b,); NaN where the estimates lie on the line and so say nothing."""
    scale = at.q() / df
    plain = np.where(scale > NO_SPREAD, scale, np.nan)
    return {"wald": np.ones(len(scale)), "hksj": plain, "hksj-adhoc": np.maximum(scale, 1.0)}[ci]


def _statistics(at: _At, back: FloatArray, df: int, ci: str) -> tuple[FloatArray, FloatArray]:
    """Of every design: t (or z) of the terms (b, p) and the joint statistic of the features (b,), F or chi-square."""
    factor, beta = _factor(at, df, ci), at.beta @ back.T
    bread = back @ at.bread @ back.T
    t = beta / np.sqrt(np.einsum("bpp->bp", bread) * factor[:, None])
    if beta.shape[1] == 1:
        return t, np.full(len(beta), np.nan)
    some = beta[:, 1:]
    joint = np.einsum("bp,bpq,bq->b", some, np.linalg.inv(bread[:, 1:, 1:]), some) / factor
    return t, joint if ci == "wald" else joint / some.shape[1]
