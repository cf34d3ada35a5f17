"""Tests that groups share one hazard: log-rank and its weighted family, stratified, weighted, clustered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..core.columns import Columns, FloatArray, IntArray, dense_codes
from ..core.errors import DataError, UsageError, choose
from ..core.results import HypothesisTest, chi_square_test
from ..core.sandwich import clustered_covariance
from .riskset import RiskSet, risk_set, running_sum
from .roles import counted, groups_present, read_follow_up
from .step_curves import survival_product

Weighting = Literal["fleming-harrington", "gehan", "tarone-ware", "peto"]
WEIGHTINGS: tuple[str, ...] = ("fleming-harrington", "gehan", "tarone-ware", "peto")


def logrank(
    data: pd.DataFrame,
    time: str,
    event: str,
    group: str,
    *,
    strata: str | Sequence[str] | None = None,
    rho: float = 0.0,
    gamma: float = 0.0,
    weights: str | None = None,
    entry: str | None = None,
    cluster: str | Sequence[str] | None = None,
    weighting: Weighting = "fleming-harrington",
    trend: bool | Sequence[float] = False,
    frequency: str | None = None,
) -> HypothesisTest:
    r"""Test that the hazard of the event is the same in every group.

    .. math:: U_g = \sum_j \hat S(t_j^-)^{\rho}\,\{1-\hat S(t_j^-)\}^{\gamma}
        \Big(D_{gj} - D_j\frac{N_{gj}}{N_j}\Big)

    summed over strata, with :math:`\hat S` the Kaplan-Meier curve of all groups of the stratum together,
    just before :math:`t_j`. ``rho=0, gamma=0`` is the log-rank test, ``rho=1`` Peto and Peto's
    generalised Wilcoxon, ``gamma=1`` weighs late differences (Fleming and Harrington's family).

    The variance is hypergeometric. With weights or clusters a sum of weights is not a number of
    people, so it is the robust one instead: the sum over clusters of squared totals of each row's
    part of U (Lin and Wei's sandwich at a hazard ratio of 1), which no scale of the weights changes.

    Parameters
    ----------
    data, time, event, entry, weights, cluster, frequency : as in :func:`~pdd_outcomes.survival.kaplan_meier`
    group : name of the column whose values are compared; two or more of them
    strata : name, or names, of columns within whose values the groups are compared
    rho, gamma : 0 or more, of Fleming and Harrington's family
    weighting : "fleming-harrington" (default, with `rho` and `gamma`); "gehan", the number at risk; "tarone-ware", its
        square root; or "peto", Peto and Peto's survival :math:`\prod_{t_j \le t}\{1 - D_j/(N_j + 1)\}`. Gehan's weight
        depends on censoring, so that two studies of the same hazards differ.
    trend : True to test along groups in sorted order, scored 1, 2, ...; or their scores. One degree of freedom.

    Returns
    -------
    HypothesisTest
        Chi-square on one fewer than the number of groups that were ever at risk of an event. `detail` has a row a
        group: n, observed, expected (weighted by rho and gamma as R's survdiff does), and variance, a
        column for each group.

    References
    ----------
    Mantel (1966) Cancer Chemotherapy Reports 50:163-170. Harrington and Fleming (1982) Biometrika 69:553-566.
    Tarone and Ware (1977) Biometrika 64:156-160. Klein and Moeschberger (2003) sections 7.3 and 7.4, for the family
    and the trend. Lin and Wei (1989) JASA 84:1074-1078; Xie and Liu (2005) Statistics in Medicine 24:3089-3110.
    """
    choose("weighting", weighting, WEIGHTINGS)
    for name, value in (("rho", rho), ("gamma", gamma)):
        if not np.isfinite(value) or value < 0:
            raise UsageError(f"{name} must be 0 or more.")
        if value and weighting != "fleming-harrington":
            raise UsageError(f"{name} is for weighting='fleming-harrington'. Leave it out.")
    take = Columns(data)
    follow = read_follow_up(
        take, time, event, entry=entry, weights=weights, cluster=cluster, frequency=frequency
    )
    codes, labels = take.labels("group", group)
    layers = take.crossed("strata", strata or [])[0]
    take.check()
    given = codes
    follow, (codes, layers) = counted(follow, codes, layers)
    groups, codes = groups_present(codes, labels, given)
    if len(groups) < 2:
        raise DataError(
            f"group={group!r} has only one value among the rows that count; there is nothing to compare."
        )
    if not follow.event.any():
        raise DataError(f"event={event!r} has no row equal to 1, so hazards cannot be compared.")
    scores = _trend_scores(trend, groups, data[group])
    risk = risk_set(follow.time, follow.event, follow.entry, dense_codes(layers)[1])
    table = _GroupTable(risk, follow.weight, codes, len(groups), Family(weighting, rho, gamma))
    variance = (
        table.robust_variance(follow.weight, codes, follow.clusters)
        if follow.robust
        else table.hypergeometric_variance()
    )
    detail = _detail(list(groups), np.bincount(codes), table, variance)
    difference = table.observed - table.expected
    if scores is None:
        statistic, df = quadratic_form(difference, variance, table.expected)
    else:
        statistic, df = trend_form(difference, variance, scores)
    words = _name(Family(weighting, rho, gamma), follow.robust, bool(strata), scores is not None)
    return chi_square_test([group], statistic, df, words, detail)


def _detail(groups: Sequence[object], n: IntArray, table: _GroupTable, variance: FloatArray) -> pd.DataFrame:
    """A row a group: rows, observed, expected, and its row of the variance."""
    frame = pd.DataFrame({"group": groups, "n": n, "observed": table.observed, "expected": table.expected})
    return frame.assign(**{f"variance[{label}]": variance[:, k] for k, label in enumerate(groups)})


@dataclass(frozen=True, slots=True)
class Family:
    """What a weighted log-rank test weighs each time by."""

    weighting: Weighting
    rho: float
    gamma: float

    def factor(self, n: FloatArray, d: FloatArray, first: IntArray) -> FloatArray:
        """The weight of each cell (m,), from (weighted) numbers at risk and events, all groups of a stratum together."""
        if self.weighting == "gehan":
            return n
        if self.weighting == "tarone-ware":
            return np.sqrt(n)
        if self.weighting == "peto":
            return survival_product(d / (n + 1), first)
        after = survival_product(np.minimum(d / n, 1.0), first)
        before = np.concatenate([[1.0], after[:-1]])
        before[first[:-1][np.diff(first) > 0]] = 1.0
        return np.asarray(before**self.rho * (1.0 - before) ** self.gamma)


class _GroupTable:
    """Deaths and risk sets by cell and group (m, g), and what the family weighs each cell by (m,)."""

    def __init__(self, risk: RiskSet, weight: FloatArray, codes: IntArray, groups: int, family: Family) -> None:
        self.risk = risk
        table = risk.tally_by(weight, codes, groups)
        self.at_risk, self.deaths = table.at_risk, table.events
        self.n, self.d = self.at_risk.sum(axis=1), self.deaths.sum(axis=1)
        self.share = self.at_risk / self.n[:, None]
        people = weight.mean()  # so that a number at risk is in people, whatever the scale of the weights
        self.factor = family.factor(self.n / people, self.d / people, risk.first)
        self.observed: FloatArray = self.factor @ self.deaths
        self.expected: FloatArray = (self.factor * self.d) @ self.share

    def hypergeometric_variance(self) -> FloatArray:
        """Variance of observed less expected (g, g) where weights are 1."""
        alone = self.n <= 1
        spread = np.where(alone, 0.0, self.d * (self.n - self.d) / np.where(alone, 1.0, self.n - 1))
        scale = self.factor**2 * spread
        return np.asarray(np.diag(scale @ self.share) - self.share.T @ (scale[:, None] * self.share))

    def robust_variance(self, weight: FloatArray, codes: IntArray, clusters: Sequence[IntArray]) -> FloatArray:
        """Sandwich variance of observed less expected (g, g)."""
        hazard = self.factor * self.d / self.n
        drift = running_sum(hazard[:, None] * self.share)
        own = np.concatenate([self.factor[:, None] * self.share, np.zeros((1, self.share.shape[1]))])
        factor = np.append(self.factor, 0.0)[self.risk.own]
        member = (codes[:, None] == np.arange(self.share.shape[1])).astype(float)
        total = self.risk.over(hazard)
        influence = member * (factor - total)[:, None]
        influence -= own[self.risk.own] - (drift[self.risk.leave] - drift[self.risk.enter])
        return clustered_covariance(influence * weight[:, None], clusters)


def quadratic_form(difference: FloatArray, variance: FloatArray, expected: FloatArray) -> tuple[float, int]:
    """Chi-square of the differences, which add to 0, and its degrees of freedom; a group never at risk is left out."""
    used = np.flatnonzero(expected > 0)[1:]
    if not len(used):
        raise DataError("Only one group is ever at risk when an event happens; there is nothing to compare.")
    block = variance[np.ix_(used, used)]
    if np.linalg.matrix_rank(block, hermitian=True) < len(used):
        raise DataError(
            "Some groups are never at risk together when an event happens, so they cannot be compared. "
            "Compare fewer groups, or within coarser strata."
        )
    return float(difference[used] @ np.linalg.solve(block, difference[used])), len(used)


def trend_form(difference: FloatArray, variance: FloatArray, scores: FloatArray) -> tuple[float, int]:
    """Chi-square of the differences along the scores (g,) of ordered groups, on one degree of freedom."""
    spread = float(scores @ variance @ scores)
    if spread <= 1e-12 * float(np.abs(scores) @ np.abs(variance) @ np.abs(scores)):
        raise DataError("No two groups with different scores are at risk together when an event happens.")
    return float((scores @ difference) ** 2 / spread), 1


def _trend_scores(
    trend: bool | Sequence[float], present: Sequence[object], column: pd.Series[Any]
) -> FloatArray | None:
    """Scores (g,) of the groups in sorted order; an ordered category has its own order, and plain text has none."""
    groups = len(present)
    if isinstance(trend, bool):
        if not trend:
            return None
        if isinstance(column.dtype, pd.CategoricalDtype) and column.dtype.ordered:
            order = list(column.dtype.categories)
            return np.asarray(np.argsort(np.argsort([order.index(label) for label in present])) + 1.0)
        if groups > 2 and not pd.api.types.is_numeric_dtype(column.dtype):
            raise UsageError(
                f"trend=True needs an order, and the labels of group={column.name!r} have none. Make it numbers or an ordered "
                "category, or give trend a score for each group."
            )
        return np.arange(1.0, groups + 1)
    scores = np.asarray(trend, float)
    if scores.shape != (groups,) or not np.isfinite(scores).all() or len(np.unique(scores)) < 2:
        raise UsageError(
            f"trend must be True, or {groups} scores that are not all equal, one for each group in sorted order."
        )
    return scores


def _name(family: Family, robust: bool, stratified: bool, trend: bool) -> str:
    if family.weighting == "fleming-harrington":
        level = family.rho == 0 and family.gamma == 0
        said = "Log-rank" if level else f"Fleming-Harrington G({family.rho:g}, {family.gamma:g})"
    else:
        said = {"gehan": "Gehan-Breslow", "tarone-ware": "Tarone-Ware", "peto": "Peto-Peto"}[family.weighting]
    return (
        f"{said} test" + (" for trend" if trend else "") + (", stratified" if stratified else "")
        + (" (robust variance)" if robust else "")
    )  # fmt: skip
