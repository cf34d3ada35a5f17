"""Whether small forces tell another story: regression and rank tests of a funnel's shape, and trim and fill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from ..core.columns import FloatArray
from ..core.errors import UsageError, choose
from ..core.results import HypothesisTest, NotEstimable, Shown, tidy_frame, two_sided_p
from .meta_regression import meta_regression
from .pooling import Pooled, pool

SAME = 1e-8  # standard errors that differ by less, relatively, are one
ROUNDS = 100


def egger(
    estimates: Sequence[float] | FloatArray,
    std_errors: Sequence[float] | FloatArray,
    *,
    method: Literal["regression", "mixed"] = "regression",
    labels: Sequence[str] | None = None,
) -> HypothesisTest | NotEstimable:
    r"""Test of whether estimates go with their standard errors, :math:`y_i = \beta_0 + \beta_1 s_i`.

    Parameters
    ----------
    estimates, std_errors : (k,), k of 3 or more
    method : "regression", least squares with weights :math:`1/s_i^2` and a multiplicative error, t on k - 2 (Egger et al. 1997:
        the intercept of their regression of :math:`y_i/s_i` on :math:`1/s_i` is :math:`\beta_1`); or "mixed", meta-regression with
        a REML between-force variance, z (Sterne and Egger 2005)

    Returns
    -------
    HypothesisTest
        `detail` has both coefficients; the intercept is what would be expected of a force so large that it had no error. With
        fewer than ten estimates such tests find little (Sterne et al. 2011). NotEstimable for fewer than three, or where
        all standard errors are the same.

    References
    ----------
    Egger, Davey Smith, Schneider and Minder (1997) BMJ 315:629-634. Sterne and Egger (2005) in Publication Bias in
    Meta-Analysis, 99-110. Sterne et al. (2011) BMJ 343:d4002.
    """
    choose("method", method, ["regression", "mixed"])
    given = pool(estimates, std_errors, labels=labels)
    y, s = given.estimates, np.sqrt(np.diag(given.covariance))
    term = "estimate against its standard error"
    if reason := _flat(s):
        return NotEstimable(term, reason)
    names = ["at no error", term]
    if method == "mixed":
        frame = pd.DataFrame({"s": s})
        fit = meta_regression(y, s, frame, ci="wald", allow_overfit=True)
        coefficients, errors, df = fit.coefficients, np.sqrt(np.diag(fit.covariance)), np.inf
        name = "Regression test of the funnel's shape, with a between-force variance (z)"
    else:
        x, df = np.column_stack([1 / s, np.ones(len(s))]), float(len(s) - 2)
        bread = np.linalg.inv(x.T @ x)
        coefficients = bread @ x.T @ (y / s)
        residual = y / s - x @ coefficients
        errors = np.sqrt(np.diag(bread) * float(residual @ residual) / df)
        name = "Egger's regression test of the funnel's shape (t)"
    if not errors[1] > 0:
        return NotEstimable(term, "the estimates lie on a line, so there is no error to judge by")
    statistic = np.array([coefficients[1] / errors[1]])
    detail = tidy_frame(names, coefficients, errors, df=df)
    return HypothesisTest((term,), statistic, np.array([df]), two_sided_p(statistic, df), name, detail)


def begg(
    estimates: Sequence[float] | FloatArray,
    std_errors: Sequence[float] | FloatArray,
    *,
    labels: Sequence[str] | None = None,
) -> HypothesisTest | NotEstimable:
    r"""Test of whether estimates rank as their variances do: Kendall's tau of :math:`(y_i - \hat\mu)/\sqrt{s_i^2 - 1/\sum w}` and
    :math:`s_i^2`, :math:`\hat\mu` the common effect.

    The p-value is exact where no two are tied, else normal with the variance corrected for ties. `statistic` is tau.
    NotEstimable for fewer than three estimates, or where all standard errors are the same.

    References
    ----------
    Begg and Mazumdar (1994) Biometrics 50:1088-1101.
    """
    given = pool(estimates, std_errors, method="common", labels=labels)
    v = np.diag(given.covariance)
    term = "estimate ranked against its variance"
    if reason := _flat(np.sqrt(v)):
        return NotEstimable(term, reason)
    moved = (given.estimates - given.estimate) / np.sqrt(v - 1 / (1 / v).sum())
    if np.ptp(given.estimates) == 0:
        return NotEstimable(term, "all estimates are the same, so they have no order")
    tied = len(np.unique(moved)) < len(v) or len(np.unique(v)) < len(v)
    found = stats.kendalltau(moved, v, method="asymptotic" if tied else "exact")
    return HypothesisTest(
        (term,),
        np.array([float(found.statistic)]),
        np.array([np.nan]),
        np.array([float(found.pvalue)]),
        "Begg and Mazumdar's rank test of the funnel's shape (Kendall's tau)",
    )


def _flat(s: FloatArray) -> str:
    """Why the shape of a funnel cannot be judged; empty where it can."""
    if len(s) < 3:
        return f"there are {len(s)} estimates, and a funnel has a shape from three"
    if np.ptp(s) <= SAME * s.max():
        return "all standard errors are the same, so no estimate is of a smaller force"
    return ""


@dataclass(frozen=True, slots=True, eq=False)
class TrimmedAndFilled(Shown):
    """The average with the forces put in that a lopsided funnel lacks.

    Attributes
    ----------
    filled : number put in, on the `side` "left" or "right" of the average
    adjusted : pooled with them, labelled "filled 1", ...; observed : without
    """

    filled: int
    side: str
    estimator: str
    adjusted: Pooled
    observed: Pooled

    def tidy(self, level: float | None = None) -> pd.DataFrame:
        """Rows of the adjusted average: kind "study" or "filled", then "pooled" and "prediction"."""
        frame = self.adjusted.tidy(level)
        study = np.flatnonzero(frame["kind"] == "study")
        frame.loc[frame.index[study[len(self.observed.labels) :]], "kind"] = "filled"
        return frame

    def glance(self) -> pd.DataFrame:
        """One row: how many were put in, and the average with and without them."""
        row: dict[str, object] = {"filled": self.filled, "side": self.side, "estimator": self.estimator}
        row |= {"observed": self.observed.estimate}
        row |= {
            name: getattr(self.adjusted, name) for name in ("estimate", "std_error", "conf_low", "conf_high")
        }
        return pd.DataFrame([row | {"tau2": self.adjusted.tau2}])


def trim_and_fill(
    estimates: Sequence[float] | FloatArray,
    std_errors: Sequence[float] | FloatArray,
    *,
    method: str = "REML",
    ci: str = "hksj",
    estimator: Literal["L0", "R0", "Q0"] = "L0",
    side: Literal["auto", "left", "right"] = "auto",
    level: float = 0.95,
    labels: Sequence[str] | None = None,
) -> TrimmedAndFilled:
    r"""The average were the funnel symmetric: the most extreme forces of one side trimmed, the centre found, and their
    reflections put in. A sensitivity analysis: that forces are missing is assumed and not shown.

    With r the ranks of distances from the centre, S the sum of those on the full side, and k estimates,

    .. math:: L_0 = \frac{4S - k(k+1)}{2k - 1},\quad Q_0 = k - \tfrac12 - \sqrt{2k^2 - 4S + \tfrac14}

    and :math:`R_0` the run of largest ranks that are all on that side, less one.

    Parameters
    ----------
    estimates, std_errors : (k,), k of 3 or more
    method, ci, level, labels : as in :func:`~pdd_outcomes.synthesis.pool`; `method` also finds the centre
    side : on which forces are missing; "auto" takes the left where estimates grow with their standard errors

    Raises
    ------
    UsageError
        Fewer than three estimates; "auto" where all standard errors are the same.

    References
    ----------
    Duval and Tweedie (2000) Biometrics 56:455-463, and Journal of the American Statistical Association 95:89-98.
    """
    choose("estimator", estimator, ["L0", "R0", "Q0"])
    choose("side", side, ["auto", "left", "right"])
    observed = pool(estimates, std_errors, method=method, ci=ci, level=level, labels=labels)
    y, s = observed.estimates, np.sqrt(np.diag(observed.covariance))
    if len(y) < 3:
        raise UsageError("trim_and_fill needs at least three estimates.")
    if side == "auto":
        if reason := _flat(s):
            raise UsageError(f'side="auto" cannot tell the side: {reason}. Give side="left" or side="right".')
        fit = meta_regression(y, s, pd.DataFrame({"s": s}), method=method, ci="wald", allow_overfit=True)
        side = "left" if fit.coefficients[1] >= 0 else "right"
    sign = 1.0 if side == "left" else -1.0
    order = np.argsort(sign * y, kind="stable")
    z, e = sign * y[order], s[order]
    k, missing, centre = len(z), 0, 0.0
    for _ in range(ROUNDS):
        # At least two are kept, so that there is a centre.
        kept = max(k - missing, 2)
        centre = pool(z[:kept], e[:kept], method=method, ci="wald").estimate
        new = _lacking(z - centre, estimator)
        if new == missing:
            break
        missing = new
    tail = slice(k - missing, k)
    names = (*observed.labels, *(f"filled {i + 1}" for i in range(missing)))
    adjusted = pool(
        np.append(y, sign * (2 * centre - z[tail])),
        np.append(s, e[tail]),
        method=method,
        ci=ci,
        level=level,
        labels=names,
    )
    return TrimmedAndFilled(missing, side, estimator, adjusted, observed)


def _lacking(distance: FloatArray, estimator: str) -> int:
    """How many forces the low side lacks, from ascending distances from the centre (k,)."""
    k, rank = len(distance), np.empty(len(distance))
    far = np.round(
        distance / max(float(np.abs(distance).max()), 1e-300), 12
    )  # so that rounding makes no side or order
    rank[np.argsort(np.abs(far), kind="stable")] = np.arange(1, k + 1)
    total = float(rank[far > 0].sum())
    if estimator == "R0":
        value = k - float(rank[far < 0].max(initial=0)) - 1
    elif estimator == "L0":
        value = (4 * total - k * (k + 1)) / (2 * k - 1)
    else:
        value = k - 0.5 - np.sqrt(max(2 * k**2 - 4 * total + 0.25, 0.0))
    return max(0, round(float(value)))
