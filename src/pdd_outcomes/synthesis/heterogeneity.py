"""Between-force variance: estimators of tau squared and its Q-profile interval, for any sampling covariance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import optimize, stats

from ..core.columns import FloatArray


def projection(v: FloatArray, tau2: float) -> FloatArray:
    r""":math:`P = W - W 1 (1^\top W 1)^{-1} 1^\top W`, so that :math:`y^\top P y` is the weighted sum of squares about the mean."""
    w = np.linalg.inv(v + tau2 * np.eye(len(v)))
    column = w.sum(axis=1)
    return np.asarray(w - np.outer(column, column) / w.sum())


def between_variance(y: FloatArray, v: FloatArray, method: str) -> float:
    """tau squared of estimates y (k,) with sampling covariance v (k, k), by "common" (0), "DL", "PM", "ML" or "REML"."""
    if method == "common":
        return 0.0
    p = projection(v, 0.0)
    start = max(0.0, (float(y @ p @ y) - (len(y) - 1)) / float(np.trace(p)))
    if method == "DL":
        return start
    if method == "PM":
        return _root(lambda t: _q(y, v, t) - (len(y) - 1), y)
    return _maximum(y, v, start, restricted=method == "REML")


def q_profile(y: FloatArray, v: FloatArray, level: float) -> tuple[float, float]:
    """Values of tau squared at which the generalised Q meets the chi-square limits of the level (Viechtbauer 2007)."""
    df = len(y) - 1
    low = stats.chi2.isf((1 - level) / 2, df)
    high = stats.chi2.isf((1 + level) / 2, df)
    return _root(lambda t: _q(y, v, t) - low, y), _root(lambda t: _q(y, v, t) - high, y)


def _q(y: FloatArray, v: FloatArray, tau2: float) -> float:
    return float(y @ projection(v, tau2) @ y)


def _root(f: Callable[[float], float], y: FloatArray) -> float:
    """Where a falling function of tau squared crosses 0; 0 if it starts below."""
    if f(0.0) <= 0:
        return 0.0
    top = max(float(np.var(y)), 1e-12)
    while f(top) > 0:
        top *= 4
    return float(optimize.brentq(f, 0.0, top, xtol=1e-15, rtol=1e-13))


def _maximum(y: FloatArray, v: FloatArray, start: float, *, restricted: bool) -> float:
    """(Restricted) maximum likelihood by Fisher scoring with step halving, kept at or above 0."""

    def loglik(tau2: float) -> float:
        m = v + tau2 * np.eye(len(y))
        w = np.linalg.inv(m)
        value = -0.5 * np.linalg.slogdet(m)[1] - 0.5 * _q(y, v, tau2)
        return float(value - (0.5 * np.log(w.sum()) if restricted else 0.0))

    tau2, here = start, loglik(start)
    for _ in range(500):
        p = projection(v, tau2)
        m = p if restricted else np.linalg.inv(v + tau2 * np.eye(len(y)))
        score = float(y @ p @ p @ y) - float(np.trace(m))
        step = score / float(np.trace(m @ m))
        wanted = max(0.0, tau2 + step)
        while (there := loglik(wanted)) < here - 1e-13 * abs(here) and abs(wanted - tau2) > 1e-14:
            wanted = (wanted + tau2) / 2
        if abs(wanted - tau2) <= 1e-12 * max(tau2, 1e-8):
            return wanted
        tau2, here = wanted, there
    raise ArithmeticError("the between-force variance did not converge")
