"""Weights that make covariate totals come out exactly: convex problems, solved by Newton's method."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..core.columns import BoolArray, FloatArray
from ..core.errors import DataError

STEPS = 200
CLOSE_ENOUGH = 1e-10  # the largest imbalance left, in SDs of the covariate
HOPELESS = 100.0  # a coefficient this large per SD is what an impossible target looks like

Oracle = Callable[[FloatArray], tuple[float, FloatArray, FloatArray]]


def entropy_weights(values: FloatArray, target: FloatArray, names: Sequence[str], *, arm: str) -> FloatArray:
    r"""Weights (m,) of mean 1, nearest to equal in entropy, whose means of the columns are `target`.

    .. math:: w_i = \frac{m\, e^{x_i^\top\lambda}}{\sum_j e^{x_j^\top\lambda}}, \qquad
              \lambda = \arg\min \log\sum_i e^{(x_i - \bar x)^\top\lambda}

    Hainmueller (2012) Political Analysis 20:25-46, eq. 8; the dual is convex.

    Parameters
    ----------
    values : (m, p), scaled; target : (p,) on the same scale
    names : p names and the arm's, for messages
    """
    z = values - target

    def dual(beta: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        eta = z @ beta
        top = float(eta.max())
        w = np.exp(eta - top)
        total = float(w.sum())
        share = w / total
        mean = share @ z
        return top + float(np.log(total)), mean, (z * share[:, None]).T @ z - np.outer(mean, mean)

    beta = _newton(dual, np.zeros(z.shape[1]))
    if beta is None:
        raise DataError(impossible(values, target, names, arm))
    eta = z @ beta
    w = np.exp(eta - eta.max())
    return np.asarray(w * (len(w) / w.sum()))


def balancing_score(values: FloatArray, treated: BoolArray, *, estimand: str) -> FloatArray | None:
    r"""Linear predictor (n,) of the logistic score whose inverse-probability weights balance exactly; None if none does.

    The just-identified covariate balancing propensity score (Imai and Ratkovic 2014, Journal of the Royal
    Statistical Society B 76:243-263, eq. 10 for the ATE and 12 for the ATT) as the minimum of a convex loss (Zhao
    2019, Annals of Statistics 47:965-993, table 1), whose gradient is the imbalance.

    Parameters
    ----------
    values : (n, p + 1) scaled columns, the first 1
    treated : (n,) bool; estimand : "ATT", "ATC" or "ATE"
    """
    sign = np.where(treated, 1.0, -1.0)
    # Of the people weighted, each loss is e^(-s eta); of those who count 1 (and of the ATE's everyone) -s eta.
    weighted = {"ATT": ~treated, "ATC": treated, "ATE": np.ones(len(treated), bool)}[estimand]
    linear = np.ones(len(treated), bool) if estimand == "ATE" else ~weighted
    n = len(treated)

    def loss(beta: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        eta = values @ beta
        w = np.where(weighted, np.exp(np.minimum(-sign * eta, 700.0)), 0.0)
        lift = -sign * linear
        value = float((w + lift * eta).sum()) / n
        gradient = values.T @ (-sign * w + lift) / n
        return value, gradient, (values * w[:, None]).T @ values / n

    share = float(treated.mean())
    start = np.zeros(values.shape[1])
    start[0] = np.log(share / (1 - share))
    beta = _newton(loss, start)
    return None if beta is None else np.asarray(values @ beta)


def _newton(oracle: Oracle, start: FloatArray) -> FloatArray | None:
    """The minimum of a smooth convex function, or None where there is none to reach."""
    beta = start
    value, gradient, curvature = oracle(beta)
    for _ in range(STEPS):
        if float(np.abs(gradient).max()) <= CLOSE_ENOUGH:
            return beta
        try:
            step = -np.linalg.solve(curvature, gradient)
        except np.linalg.LinAlgError:
            return None
        slope = float(gradient @ step)
        if not np.isfinite(slope) or float(np.abs(beta).max()) > HOPELESS:
            return None
        for halving in range(40):
            tried = oracle(beta + step / 2**halving)
            if tried[0] <= value + 1e-4 * slope / 2**halving + 1e-14 * abs(value):
                break
        else:
            return None
        beta = beta + step / 2**halving
        value, gradient, curvature = tried
    return None


def impossible(values: FloatArray, target: FloatArray, names: Sequence[str], arm: str) -> str:
    """Why no weights give people (m, p) the means `target` (p,): columns alone, or together."""
    low, high = values.min(axis=0), values.max(axis=0)
    alone = [j for j, x in enumerate(target) if not low[j] < x < high[j]]
    columns = alone or _together(values - target)
    shown = ", ".join(repr(names[j]) for j in columns[:6])
    shown += f" and {len(columns) - 6} more" if len(columns) > 6 else ""
    return (
        f"no weights of the {arm} balance {shown or 'the covariates'}{'' if alone else ' together'}: the target lies outside, "
        "or on the edge of, what they can be weighted to. Leave out people who have no counterpart, merge rare levels, or "
        "ask for fewer columns or moments."
    )


def _together(away: FloatArray) -> list[int]:
    """The columns of a direction in which nobody (m, p) lies on the far side of the target, by a linear programme."""
    from scipy.optimize import linprog

    found = linprog(-away.mean(axis=0), A_ub=-away, b_ub=np.zeros(len(away)), bounds=(-1, 1), method="highs")
    return [] if found.x is None else [int(j) for j in np.flatnonzero(np.abs(found.x) > 1e-7)]
