"""Panels as arrays: what each method regresses on what, and the sandwich errors of such a regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import linalg

from ..core.columns import BoolArray, FloatArray, IntArray
from ..core.errors import DataError, UsageError, choose
from ..core.sandwich import cluster_sums

EFFECTS = ("unit", "time", "two-way", "none")
METHODS = ("within", "random", "between", "first-difference")
COVARIANCES = ("classical", "robust", "clustered", "driscoll-kraay")
SMALL_SAMPLE = ("none", "CR0", "sss", "stata", "CR2")
GONE = 1e-8  # a column's size after the effects are taken out, against its own spread, at which nothing is left of it


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """A panel in row order.

    Attributes
    ----------
    y : (n,); x : (n, k), without an intercept; terms : k names
    unit, time : (n,) codes from 0, times in their order
    weight : (n,) above 0
    """

    y: FloatArray
    x: FloatArray
    terms: tuple[str, ...]
    unit: IntArray
    time: IntArray
    weight: FloatArray

    def only(self, kept: BoolArray) -> Panel:
        """The panel with some of its predictors: kept is (k,)."""
        terms = tuple(name for name, here in zip(self.terms, kept) if here)
        return replace(self, x=self.x[:, kept], terms=terms)


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    r"""The least-squares problem a panel method comes down to, rows scaled by the root of their weights.

    Attributes
    ----------
    y : (m,); x : (m, p), the intercept first where there is one
    terms : p names
    rows : (m,) the row of the data each row here stands for (the later of a difference, the first of a unit's mean)
    absorbed : number of effects that were taken out
    """

    y: FloatArray
    x: FloatArray
    terms: tuple[str, ...]
    rows: IntArray
    absorbed: int = 0
    intercept: bool = field(default=False)

    @property
    def df_resid(self) -> int:
        """Rows less coefficients and effects."""
        return int(len(self.y) - self.x.shape[1] - self.absorbed)

    def total(self) -> float:
        """The sum of squares to be explained: about the mean where there is an intercept."""
        if not self.intercept:
            return float(self.y @ self.y)
        ones = self.x[:, 0]
        return float(self.y @ self.y - (ones @ self.y) ** 2 / (ones @ ones))


def group_means(values: FloatArray, codes: IntArray, weight: FloatArray) -> FloatArray:
    """Weighted means (G, k) of the rows (n, k) of each group."""
    return np.asarray(cluster_sums(values * weight[:, None], codes) / np.bincount(codes, weight)[:, None])


def dummies(codes: IntArray) -> FloatArray:
    """A 0/1 column a group: (n, G)."""
    return np.asarray((codes[:, None] == np.arange(codes.max() + 1)).astype(float))


def without_effects(panel: Panel, effects: str) -> tuple[FloatArray, int]:
    """Outcome and predictors (n, 1 + k) with unit or time effects (or both) taken out, and the number of effects.

    Two ways at once: the larger number of groups by their means, the smaller by a regression on dummies, which is right
    for unbalanced panels, too (Baltagi 2021 Econometric Analysis of Panel Data, section 9.4).
    """
    values = np.column_stack([panel.y, panel.x])
    ways = {"unit": [panel.unit], "time": [panel.time], "two-way": [panel.unit, panel.time]}[effects]
    ways = sorted(ways, key=lambda codes: -int(codes.max()))
    first = ways[0]
    left = values - group_means(values, first, panel.weight)[first]
    count = int(first.max()) + 1
    if len(ways) == 1:
        return left, count
    second = dummies(ways[1])
    second = second - group_means(second, first, panel.weight)[first]
    root = np.sqrt(panel.weight)[:, None]
    basis = orthonormal(second * root)
    return np.asarray(left - basis @ (basis.T @ (left * root)) / root), count + basis.shape[1]


def within(panel: Panel, effects: str) -> Regression:
    """Deviations from the unit's (and time's) means."""
    left, count = without_effects(panel, effects)
    left = left * np.sqrt(panel.weight)[:, None]
    return Regression(left[:, 0], left[:, 1:], panel.terms, np.arange(len(left)), count)


def pooled(panel: Panel) -> Regression:
    """The rows as they are."""
    root = np.sqrt(panel.weight)
    x = np.column_stack([np.ones(len(root)), panel.x]) * root[:, None]
    return Regression(panel.y * root, x, ("(Intercept)", *panel.terms), np.arange(len(root)), 0, intercept=True)


def between(panel: Panel, codes: IntArray) -> Regression:
    """Means of each group, every group counting once."""
    means = group_means(np.column_stack([panel.y, panel.x]), codes, panel.weight)
    x = np.column_stack([np.ones(len(means)), means[:, 1:]])
    rows = np.unique(codes, return_index=True)[1]
    return Regression(means[:, 0], x, ("(Intercept)", *panel.terms), rows, 0, intercept=True)


def first_difference(panel: Panel) -> Regression:
    """Each row less the same unit's row of the period before; a row without one is left out."""
    order = np.lexsort((panel.time, panel.unit))
    follows = (np.diff(panel.unit[order]) == 0) & (np.diff(panel.time[order]) == 1)
    late, early = order[1:][follows], order[:-1][follows]
    x = np.column_stack([np.ones(len(late)), panel.x[late] - panel.x[early]])
    terms = ("(Intercept)", *panel.terms)
    return Regression(panel.y[late] - panel.y[early], x, terms, late, 0, intercept=True)


def regression(panel: Panel, method: str, effects: str) -> Regression:
    """What "within", "between" and "first-difference" regress on what."""
    if method == "between":
        return between(panel, panel.time if effects == "time" else panel.unit)
    if method == "first-difference":
        return first_difference(panel)
    return pooled(panel) if effects == "none" else within(panel, effects)


def quasi_demeaned(panel: Panel, effects: str, theta: FloatArray) -> Regression:
    """Rows less the share theta (G,) of their group's mean: random effects as least squares."""
    codes = panel.time if effects == "time" else panel.unit
    values = np.column_stack([panel.y, np.ones(len(panel.y)), panel.x])
    share = theta[codes][:, None]
    left = values - share * group_means(values, codes, panel.weight)[codes]
    terms = ("(Intercept)", *panel.terms)
    return Regression(left[:, 0], left[:, 1:], terms, np.arange(len(left)), 0, intercept=True)


def nothing_left(regression: Regression, panel: Panel) -> BoolArray:
    """Which of the panel's predictors (k,) the effects or the differences leave nothing of."""
    spread = np.sqrt(((panel.x - panel.x.mean(axis=0)) ** 2).sum(axis=0))
    size = np.sqrt((panel.x**2).sum(axis=0))
    x = regression.x[:, 1:] if regression.intercept else regression.x
    left = np.sqrt((x**2).sum(axis=0))
    if regression.intercept and len(x):  # beside an intercept a constant says nothing
        left = np.sqrt(((x - x.mean(axis=0)) ** 2).sum(axis=0))
    root = np.sqrt(float(panel.weight.max()))
    return np.asarray(left <= root * np.maximum(GONE * spread, 1e-12 * size))


def refuse_collinear(regression: Regression) -> None:
    """A DataError that names the terms of which one is a combination of the others."""
    if regression.df_resid < 1:
        raise DataError(
            f"{len(regression.y)} rows leave nothing to estimate an error from after {regression.absorbed} effects and "
            f"{len(regression.terms)} coefficients. Take fewer covariates or a longer panel."
        )
    gram = regression.x.T @ regression.x
    size = np.sqrt(np.diag(gram))
    values, vectors = np.linalg.eigh(gram / np.outer(size, size))
    if len(values) and values[0] < 1e-12:
        weight = np.abs(vectors[:, values < 1e-12]).max(axis=1)
        involved = [name for name, w in zip(regression.terms, weight) if w > 1e-4]
        raise DataError(
            f"Terms {involved} are collinear once the effects are taken out: one is a combination of the others. "
            "Leave one of them out."
        )


def library_fit(panel: Panel, method: str, effects: str) -> Any:
    """linearmodels' own fit, on which the coefficients, the test of the effects and the variance components rest."""
    from linearmodels.panel import BetweenOLS, FirstDifferenceOLS, PanelOLS, RandomEffects

    names = [f"x{j}" for j in range(panel.x.shape[1])]
    groups = (
        [panel.time, panel.unit]
        if effects == "time" and method in ("between", "random")
        else [panel.unit, panel.time]
    )
    index = pd.MultiIndex.from_arrays(groups, names=["unit", "time"])
    x = pd.DataFrame(panel.x, index=index, columns=names)
    y = pd.Series(panel.y, index=index, name="y")
    if method == "within":
        weights = pd.Series(panel.weight, index=index, name="w")
        if effects == "none":
            x.insert(0, "one", 1.0)
        both = {
            "entity_effects": effects in ("unit", "two-way"),
            "time_effects": effects in ("time", "two-way"),
        }
        return PanelOLS(y, x, weights=weights, **both).fit()
    # The difference of a count of periods is 1, so its coefficient is the intercept of the differences.
    x.insert(0, "one", panel.time.astype(float) if method == "first-difference" else 1.0)
    models: dict[str, Any] = {
        "random": RandomEffects,
        "between": BetweenOLS,
        "first-difference": FirstDifferenceOLS,
    }
    try:
        # Of units of unequal length, the variance of the effects is Baltagi and Chang's (1994), as in plm.
        return models[method](y, x).fit(**({"small_sample": True} if method == "random" else {}))
    except ValueError as problem:
        raise DataError(
            f"method={method!r} cannot be fitted: {problem}. Take fewer covariates, or method='within'."
        ) from problem


def orthonormal(x: FloatArray) -> FloatArray:
    """An orthonormal basis (n, r) of the columns of x (n, p), r its rank."""
    if not x.shape[1]:
        return x
    basis, triangle, _ = linalg.qr(x, mode="economic", pivoting=True)
    size = np.abs(np.diag(triangle))
    return np.asarray(basis[:, size > 1e-10 * size[0]] if size[0] > 0 else basis[:, :0])


def check_options(
    effects: str,
    method: str,
    weights: str | None,
    cluster: str | Sequence[str] | None,
    covariance: str | None,
    small_sample: str | None,
    lags: int | None,
) -> None:
    """A UsageError for an option of `panel_model` that is unknown or goes with none of the others."""
    choose("effects", effects, EFFECTS)
    choose("method", method, METHODS)
    if covariance is not None:
        choose("covariance", covariance, COVARIANCES)
    if small_sample is not None:
        choose("small_sample", small_sample, SMALL_SAMPLE)
    if method in ("random", "between") and effects not in ("unit", "time"):
        raise UsageError(
            f"method={method!r} is of one set of effects: effects='unit' or 'time', not {effects!r}."
        )
    if method == "first-difference" and effects != "unit":
        raise UsageError(
            "method='first-difference' takes out unit effects and no others: leave effects='unit', and give the "
            "periods as a covariate for time effects."
        )
    if weights is not None and method != "within":
        raise UsageError(f"method={method!r} takes no weights. Use method='within', or leave them out.")
    if covariance == "clustered" and cluster is None:
        raise UsageError("covariance='clustered' needs to know by what: give cluster='unit'.")
    if cluster is not None and covariance not in (None, "clustered"):
        raise UsageError(f"covariance={covariance!r} leaves no use for cluster. Leave out one of the two.")
    if small_sample is not None and cluster is None and covariance != "robust":
        raise UsageError(
            "small_sample is of covariance 'clustered' or 'robust'. Give cluster='unit', or leave it out."
        )
    two = cluster is not None and not isinstance(cluster, str) and len(cluster) > 1
    if two and small_sample == "CR2":
        raise UsageError("small_sample='CR2' is of one cluster. Of two, take 'stata'.")
    if lags is not None and (covariance != "driscoll-kraay" or isinstance(lags, bool) or lags < 0):
        raise UsageError("lags is a whole number from 0, of covariance='driscoll-kraay'.")


def widened(values: FloatArray, place: BoolArray) -> FloatArray:
    """The vector or square matrix with NaN where `place` is false."""
    wide = np.full((len(place),) * values.ndim, np.nan)
    wide[np.ix_(*(np.flatnonzero(place),) * values.ndim)] = values
    return wide
