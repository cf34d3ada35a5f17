"""Between-force variance: estimators of tau squared and its Q-profile interval, for any sampling covariance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import optimize, stats

from ..core.columns import FloatArray

GRID = 200  # places at which the score is looked at: a likelihood of tau squared can have more than one peak


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    r"""Estimates turned so that their sampling covariance is diagonal.

    With :math:`V = U\Lambda U^\top`, every matrix :math:`V + \tau^2 I` has the same eigenvectors, so with
    :math:`a = U^\top 1` and :math:`b = U^\top y` all that depends on :math:`\tau^2` is a sum over the eigenvalues.

    Attributes
    ----------
    vectors : (k, k), U; values : (k,), the diagonal of :math:`\Lambda`, above 0
    one, value : (k,), a and b
    """

    vectors: FloatArray
    values: FloatArray
    one: FloatArray
    value: FloatArray

    @property
    def df(self) -> int:
        """Degrees of freedom about the mean, k - 1."""
        return len(self.values) - 1

    def total(self, tau2: float) -> float:
        r""":math:`1^\top W 1` with :math:`W = (V + \tau^2 I)^{-1}`: the inverse of the mean's variance."""
        return float((self.one**2 / (self.values + tau2)).sum())

    def weights(self, tau2: float) -> FloatArray:
        """Each estimate's share in the mean (k,), adding to 1; a share can be below 0 under a covariance."""
        return np.asarray(self.vectors @ (self.one / (self.values + tau2))) / self.total(tau2)

    def residual(self, tau2: float) -> FloatArray:
        """The turned estimates less the turned mean (k,)."""
        mean = float((self.one * self.value / (self.values + tau2)).sum()) / self.total(tau2)
        return np.asarray(self.value - self.one * mean)

    def q(self, tau2: float = 0.0) -> float:
        """Weighted sum of squares about the mean: Cochran's Q at 0, falling in tau squared."""
        return float((self.residual(tau2) ** 2 / (self.values + tau2)).sum())

    def trace(self, tau2: float = 0.0) -> float:
        r"""Trace of :math:`P = W - W1(1^\top W1)^{-1}1^\top W`."""
        scale = self.values + tau2
        return float((1 / scale).sum() - (self.one**2 / scale**2).sum() / self.total(tau2))

    def score(self, tau2: float, *, restricted: bool) -> float:
        r"""Twice the slope of the log likelihood in tau squared: :math:`y^\top PPy - \mathrm{tr}\,P` (ML: tr W)."""
        scale = self.values + tau2
        trace = self.trace(tau2) if restricted else float((1 / scale).sum())
        return float((self.residual(tau2) ** 2 / scale**2).sum()) - trace

    def loglik(self, tau2: float, *, restricted: bool) -> float:
        """(Restricted) log likelihood, less a constant."""
        value = -0.5 * float(np.log(self.values + tau2).sum()) - 0.5 * self.q(tau2)
        return value - 0.5 * float(np.log(self.total(tau2))) if restricted else value


def turned(y: FloatArray, v: FloatArray) -> Spread:
    """Estimates y (k,) with sampling covariance v (k, k), positive definite, in the axes of v."""
    values, vectors = np.linalg.eigh(v)
    return Spread(vectors, values, vectors.sum(axis=0), y @ vectors)


def between_variance(y: FloatArray, v: FloatArray, method: str) -> float:
    """tau squared of estimates y (k,) with sampling covariance v (k, k), by a method of `core.methods.POOLING`, cut at 0.

    "PM" and "EB" solve one equation. "SJ" starts from the mean square about the mean. Of several peaks of a likelihood the
    highest is taken.
    """
    if method == "common":
        return 0.0
    unit = float(np.diag(v).mean())  # so that no tolerance depends on the unit of the estimates
    spread = turned(y / np.sqrt(unit), v / unit)
    if method == "DL":
        return unit * max(0.0, (spread.q() - spread.df) / spread.trace())
    if method in ("PM", "EB"):
        return unit * _where_q_is(spread, float(spread.df))
    if method in ("HE", "HS", "SJ"):
        return unit * max(0.0, _moment(spread, method))
    return unit * _maximum(spread, restricted=method == "REML")


def _moment(spread: Spread, method: str) -> float:
    """Hedges's, Hunter and Schmidt's, or Sidik and Jonkman's estimator, before it is cut at 0."""
    k, squares = len(spread.values), _squares(spread)
    if method == "HE":
        return (squares - float(((1 - spread.one**2 / k) * spread.values).sum())) / spread.df
    if method == "HS":
        return (spread.q() - k) / float((1 / spread.values).sum())
    start = squares / k
    return start * spread.q(start) / spread.df if start > 0 else 0.0


def q_profile(y: FloatArray, v: FloatArray, level: float) -> tuple[float, float]:
    """Values of tau squared at which the generalised Q meets the chi-square limits of the level (Viechtbauer 2007)."""
    unit = float(np.diag(v).mean())
    spread = turned(y / np.sqrt(unit), v / unit)
    upper = float(stats.chi2.isf((1 - level) / 2, spread.df))
    lower = float(stats.chi2.isf((1 + level) / 2, spread.df))
    return unit * _where_q_is(spread, upper), unit * _where_q_is(spread, lower)


def _where_q_is(spread: Spread, target: float) -> float:
    """The tau squared at which Q falls to `target`; 0 if it is there already."""
    if spread.q() <= target:
        return 0.0
    top = _squares(spread) / target  # Q <= squares / tau^2
    return _root(lambda t: spread.q(t) - target, 0.0, top * 1.01)


def _squares(spread: Spread) -> float:
    """Sum of squares of the turned estimates about their least-squares mean: that of the estimates themselves."""
    mean = float((spread.one * spread.value).sum() / (spread.one**2).sum())
    return float(((spread.value - spread.one * mean) ** 2).sum())


def _root(f: Callable[[float], float], low: float, high: float) -> float:
    return float(optimize.brentq(f, low, high, xtol=1e-18, rtol=1e-14, maxiter=500))


def _maximum(spread: Spread, *, restricted: bool) -> float:
    r"""The highest peak of the likelihood: 0, or a place where the score turns from above to below 0.

    With S the sum of squares of the estimates, the score is below :math:`S/t^2 - (k-1)/(t + \lambda_{\max})`, so it
    has no root beyond the positive root of that.
    """
    squares, largest, df = _squares(spread), float(spread.values[-1]), spread.df
    top = (squares + np.sqrt(squares**2 + 4 * df * squares * largest)) / (2 * df)
    floor = 1e-8 * float(spread.values[0])
    if top <= floor:
        return 0.0

    def score(t: float) -> float:
        return spread.score(t, restricted=restricted)

    grid = [0.0, *np.geomspace(floor, 1.01 * top, GRID).tolist()]
    slopes = [score(t) for t in grid]
    peaks = [
        _root(score, a, b) for (a, b), (up, down) in zip(pairwise(grid), pairwise(slopes)) if up > 0 >= down
    ]
    heights = [(spread.loglik(t, restricted=restricted), t) for t in [0.0, *peaks]]
    return max(heights)[1]
