"""Errors of a panel's regression: sandwiches for one or two ways of dependence, bias-reduced for few clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core.columns import FloatArray, IntArray
from ..core.sandwich import cluster_codes, cluster_sums, clustered_covariance
from .panel_fit import Panel, Regression, dummies, group_means, orthonormal

FULL = 1e-10  # a leverage this near 1 leaves no residual in that direction


@dataclass(frozen=True, slots=True, eq=False)
class Errors:
    """Covariance (p, p), or None for the classical one; degrees of freedom (p,) of t; clusters; and how, in words."""

    covariance: FloatArray | None
    df: FloatArray
    groups: int
    words: str


def error_of(
    panel: Panel,
    fitted: Regression,
    residual: FloatArray,
    clusters: Sequence[IntArray],
    effects: str,
    kind: str,
    correction: str,
    lags: int | None,
) -> Errors:
    """The error that `panel_model`'s options ask for; clusters are (n,) codes of the panel's rows."""
    n, p = fitted.x.shape
    residual_df = np.full(p, float(fitted.df_resid))
    if kind == "classical":
        return Errors(None, residual_df, n, "independent errors of one variance")
    if kind == "driscoll-kraay":
        time = panel.time[fitted.rows]
        periods = len(np.unique(time))
        reach = int(periods**0.25) if lags is None else lags
        covariance = driscoll_kraay(fitted, residual, time, reach)
        return Errors(covariance, np.full(p, periods - 1.0), periods, f"Driscoll-Kraay, {reach} lags")
    own = [cluster_codes(codes[fitted.rows]) for codes in clusters]
    counts = [int(codes.max()) + 1 for codes in own] or [n]
    said = f"clustered in {' and '.join(map(str, counts))}" if own else "robust to unequal variances"
    if correction == "CR2":
        out = {"unit": [panel.unit], "time": [panel.time], "two-way": [panel.unit, panel.time]}
        taken = out[effects] if fitted.absorbed else []
        weight = panel.weight if fitted.absorbed else np.ones(n)
        covariance, df = bias_reduced(fitted, residual, own[0] if own else np.arange(n), taken, weight)
        return Errors(covariance, df, counts[0], f"{said}, CR2 with Satterthwaite degrees of freedom")
    covariance = sandwich(fitted, residual, own, correction)
    df = np.full(p, min(counts) - 1.0) if own else residual_df
    return Errors(
        covariance, df, min(counts), said if correction in ("none", "CR0") else f"{said}, {correction}"
    )


def sandwich(
    regression: Regression,
    residual: FloatArray,
    clusters: Sequence[IntArray],
    small_sample: str,
) -> FloatArray:
    r"""Covariance (p, p) robust to unequal variances, or to dependence in one or two ways.

    .. math:: V = c\,(X'X)^{-1} \Big(\sum_g X_g' e_g e_g' X_g\Big) (X'X)^{-1}

    with c = 1 for "none", :math:`\frac{G}{G-1}\frac{n-1}{n-p}` for "sss" (plm's, the effects not counted among the p) and
    the same with the effects counted for "stata" (estimatr's and areg's). Without clusters each row is one, and "stata" is HC1.
    """
    bread = np.linalg.inv(regression.x.T @ regression.x)
    influence = (regression.x * residual[:, None]) @ bread
    n, p = regression.x.shape
    groups = min((int(c.max()) + 1 for c in clusters), default=n)
    factor = 1.0
    if small_sample in ("sss", "stata"):
        lost = p + (regression.absorbed if small_sample == "stata" else 0)
        factor = groups / (groups - 1) * (n - 1) / (n - lost)
    return np.asarray(factor * clustered_covariance(influence, clusters))


def driscoll_kraay(regression: Regression, residual: FloatArray, time: IntArray, lags: int) -> FloatArray:
    """Covariance (p, p) under dependence between units and over `lags` periods.

    Driscoll and Kraay (1998) Review of Economics and Statistics 80:549-560, with Bartlett's weights, as plm::vcovSCC "HC0".
    """
    bread = np.linalg.inv(regression.x.T @ regression.x)
    _, codes = np.unique(time, return_inverse=True)
    sums = cluster_sums(regression.x * residual[:, None], codes.astype(np.int64))
    return np.asarray(bread @ newey_west(sums, lags) @ bread)


def newey_west(scores: FloatArray, lags: int) -> FloatArray:
    r"""Long-run variance (p, p) of scores (T, p) in time order, :math:`\Gamma_0 + \sum_l (1 - \frac{l}{L+1})(\Gamma_l + \Gamma_l')`.

    Newey and West (1987) Econometrica 55:703-708, eq. 5.
    """
    total = scores.T @ scores
    for lag in range(1, min(lags, len(scores) - 1) + 1):
        cross = scores[lag:].T @ scores[:-lag]
        total = total + (1 - lag / (lags + 1)) * (cross + cross.T)
    return np.asarray(total)


def bias_reduced(
    regression: Regression,
    residual: FloatArray,
    cluster: IntArray,
    effects: Sequence[IntArray],
    weight: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    r"""CR2 covariance (p, p) and Satterthwaite degrees of freedom (p,), one for each coefficient.

    .. math:: V = M \Big(\sum_g X_g' A_g e_g e_g' A_g X_g\Big) M,\qquad A_g = (I - H_{gg})^{-1/2},\ M = (X'X)^{-1}

    H is the hat matrix of predictors and effects together. Effects that lie within clusters need not be in it (Pustejovsky and
    Tipton 2018, theorem 2); the others are put in as dummies. The working model is of independent errors with variance
    1/weight. A direction that a cluster's residuals cannot have counts for nothing (the generalised inverse).

    Parameters
    ----------
    cluster : (m,) codes; effects : (m,) codes of each set of effects taken out; weight : (m,)

    References
    ----------
    Bell and McCaffrey (2002) Survey Methodology 28:169-181. Imbens and Kolesar (2016) Review of Economics and Statistics
    98:701-712, for the degrees of freedom. Pustejovsky and Tipton (2018) Journal of Business and Economic Statistics 36:672-683.
    """
    x = regression.x
    bread = np.linalg.inv(x.T @ x)
    basis = orthonormal(np.column_stack([x, *_effects_across(cluster, effects, weight)]))
    groups = int(cluster.max()) + 1
    order = np.argsort(cluster, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(cluster))[:-1])
    scores, alone, through = np.empty((groups, x.shape[1])), np.empty((groups, x.shape[1])), []
    for g, rows in enumerate(parts):
        adjusted = _adjusted(basis[rows], x[rows] @ bread)
        scores[g] = adjusted.T @ residual[rows]
        alone[g] = (adjusted**2).sum(axis=0)
        through.append(basis[rows].T @ adjusted)
    shared = np.array(through)  # (G, r, p)
    own = alone - (shared**2).sum(axis=1)
    df = np.empty(x.shape[1])
    for j in range(len(df)):
        cross = shared[:, :, j].T @ shared[:, :, j]
        # squares of every element of diag(alone) - S S', S the rows of `shared`
        square = (
            (alone[:, j] ** 2).sum() - 2 * alone[:, j] @ (shared[:, :, j] ** 2).sum(axis=1) + (cross**2).sum()
        )
        df[j] = own[:, j].sum() ** 2 / square if square > 0 else np.nan
    return scores.T @ scores, df


def _adjusted(q: FloatArray, x: FloatArray) -> FloatArray:
    """(I - q q')^(-1/2) x for one cluster, directions of full leverage set to nothing."""
    u, s, _ = np.linalg.svd(q, full_matrices=False)
    room = 1 - s**2
    factor = np.where(room > FULL, 1 / np.sqrt(np.maximum(room, FULL)), 0.0) - 1
    return np.asarray(x + (u * factor) @ (u.T @ x))


def _effects_across(cluster: IntArray, effects: Sequence[IntArray], weight: FloatArray) -> list[FloatArray]:
    """Dummies of the effects that do not lie within clusters, less the means of those that do, scaled by root weights."""
    inside = [e for e in effects if int(cluster_codes(e, cluster).max()) == int(e.max())]
    across = [dummies(e) for e in effects if not any(e is other for other in inside)]
    root = np.sqrt(weight)[:, None]
    for codes in inside[:1]:
        across = [d - group_means(d, codes, weight)[codes] for d in across]
    return [d * root for d in across]
