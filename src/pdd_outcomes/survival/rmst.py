"""Restricted mean survival time by group, their difference and ratio; unadjusted or adjusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ..core.columns import Columns, FloatArray, IntArray, dense_codes
from ..core.errors import DataError, UsageError
from ..core.formula import covariate_matrix
from ..core.results import Shown, exponentiate, tidy_frame
from ..core.sandwich import clustered_covariance
from .influence import area_under, follow_up_limit, rmst_influence
from .riskset import risk_set
from .roles import FollowUp, counted, read_follow_up
from .step_curves import step_estimate


@dataclass(frozen=True, slots=True, eq=False)
class RmstContrast(Shown):
    """Restricted means of the groups, and of each group after the first the difference from it and the ratio to it.

    Attributes
    ----------
    groups : labels in sorted order
    tau : the horizon
    means : (g,) in the units of time
    covariance : (g, g) of the means
    adjusted : covariates the means are adjusted for
    se_method : which variance it is
    n, events : (g,) people and events to the end of follow-up
    """

    groups: tuple[Any, ...]
    tau: float
    means: FloatArray
    covariance: FloatArray = field(repr=False)
    se_method: str
    adjusted: tuple[str, ...]
    n: IntArray
    events: IntArray

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """Rows keyed by group: "rmst" of each, then "difference" and "ratio" of each later group against the first.

        A ratio's std_error is of its logarithm. The null of a difference is 0 and of a ratio 1; a mean has none.
        """
        means = tidy_frame(
            ["rmst"] * len(self.groups),
            self.means,
            np.sqrt(np.diag(self.covariance)),
            level=level,
            null=np.nan,
            leading={"group": [str(g) for g in self.groups]},
        )
        parts = [means]
        first = self.groups[0]
        for k in range(1, len(self.groups)):
            for term, value, slope, sign in (
                ("difference", self.means[k] - self.means[0], (-1.0, 1.0), "-"),
                ("ratio", np.log(self.means[k] / self.means[0]), (-1 / self.means[0], 1 / self.means[k]), "/"),
            ):
                bend = np.zeros(len(self.groups))
                bend[[0, k]] = slope
                row = tidy_frame(
                    [term],
                    value,
                    np.sqrt(bend @ self.covariance @ bend),
                    level=level,
                    leading={"group": [f"{self.groups[k]} {sign} {first}"]},
                )
                parts.append(exponentiate(row) if term == "ratio" else row)
        return pd.concat(parts, ignore_index=True)

    def glance(self) -> pd.DataFrame:
        """One row: horizon, people and events, variance, what was adjusted for."""
        return pd.DataFrame(
            {
                "tau": [self.tau],
                "n": [int(self.n.sum())],
                "events": [int(self.events.sum())],
                "se_method": [self.se_method],
                "adjusted": [", ".join(self.adjusted)],
            }
        )


def rmst(
    data: pd.DataFrame,
    time: str,
    event: str,
    group: str,
    *,
    tau: float,
    covariates: Sequence[str] | None = None,
    weights: str | None = None,
    cluster: str | Sequence[str] | None = None,
    entry: str | None = None,
) -> RmstContrast:
    r"""Mean time without the event up to a horizon, by group, and the contrast of groups.

    .. math:: \hat\mu(\tau) = \int_0^\tau \hat S(u)\,du

    the area under the Kaplan-Meier curve. It needs no proportional hazards, and is in units of time.

    Its variance is Greenwood's, :math:`\sum_j \{\int_{t_j}^\tau \hat S\}^2 D_j/\{N_j(N_j-D_j)\}`, with groups
    independent. With weights, clusters or covariates it is the sandwich of the influence values, in
    which a cluster with people of two groups correlates them.

    With `covariates` the means are of people alike in the covariates: pseudo-values (each row's mean plus its
    influence, within its group) are regressed on group and covariates, and the group means are those at the
    sample's average covariates.

    Parameters
    ----------
    data, time, event, entry, weights, cluster : as in :func:`~pdd_outcomes.survival.kaplan_meier`
    group : name of the column whose values are compared; two or more of them
    tau : horizon, above 0, in the units of `time`. A group's curve supports it to the last observed time; further
        only where the last to be observed all had the event, so that the curve is at 0 from there.
    covariates : names of columns to adjust for, labels as in :func:`~pdd_outcomes.survival.cox`

    Returns
    -------
    RmstContrast

    Raises
    ------
    DataError
        A horizon after what some group's curve supports, with the largest horizon allowed.

    References
    ----------
    Royston and Parmar (2013) BMC Medical Research Methodology 13:152. Uno et al. (2014) Journal of Clinical
    Oncology 32:2380-2385. Andersen, Hansen and Klein (2004) Lifetime Data Analysis 10:335-350, for pseudo-values;
    Parner, Andersen and Overgaard (2023) Lifetime Data Analysis 29:654-671, for their infinitesimal form.
    """
    if not np.isfinite(tau) or tau <= 0:
        raise UsageError("tau must be a time above 0, in the units of the time column.")
    take = Columns(data)
    follow = read_follow_up(take, time, event, entry=entry, weights=weights, cluster=cluster)
    codes, labels = take.labels("group", group)
    extra = None if not covariates else _covariates(take, data, covariates)
    take.check()
    follow, (codes,) = counted(follow, codes)
    present, codes = dense_codes(codes)
    if len(present) < 2:
        raise DataError(
            f"group={group!r} has only one value among the rows that count; there is nothing to compare."
        )
    groups = tuple(labels[k] for k in present.tolist())
    means, greenwood = _areas(follow, codes, groups, tau)
    if not follow.robust and extra is None:
        covariance, said = np.diag(greenwood), "Greenwood"
    else:
        influence = _influences(follow, codes, len(groups), tau)
        if extra is not None:
            means, influence = _adjust(
                means, influence, follow, codes, extra[follow.row], list(covariates or ())
            )
        covariance = clustered_covariance(influence, follow.clusters)
        said = ("robust", "robust, clustered", "robust, clustered two ways")[len(follow.clusters)]
    return RmstContrast(
        groups=groups,
        tau=float(tau),
        means=means,
        covariance=covariance,
        se_method=said,
        adjusted=tuple(covariates or ()),
        n=np.bincount(codes),
        events=np.bincount(codes, weights=follow.event).astype(np.int64),
    )


def _covariates(take: Columns, data: pd.DataFrame, covariates: Sequence[str]) -> FloatArray:
    try:
        return covariate_matrix(data, covariates).values
    except DataError as bad:
        for problem in bad.problems:
            take.problem(problem)
        return np.zeros((len(data), 0))


def _areas(
    follow: FollowUp, codes: IntArray, groups: tuple[Any, ...], tau: float
) -> tuple[FloatArray, FloatArray]:
    """Each group's restricted mean and its Greenwood variance, (g,) both; a horizon out of reach is a DataError."""
    risk = risk_set(follow.time, follow.event, follow.entry, codes)
    step = step_estimate(risk, follow.weight)
    limit = follow_up_limit(risk, step)
    if (tau > limit).any():
        short = [str(group) for group, end in zip(groups, limit) if tau > end]
        raise DataError(
            f"tau={tau:g} is after the last time at which group {short} is under observation. "
            f"The largest tau that every group supports is {limit.min():g}."
        )
    means, variances = np.empty(len(groups)), np.empty(len(groups))
    for k in range(len(groups)):
        means[k], after = area_under(risk, step, tau, k)
        variances[k] = (after**2 * step.drift[risk.first[k] : risk.first[k + 1]]).sum()
    return means, variances


def _influences(follow: FollowUp, codes: IntArray, groups: int, tau: float) -> FloatArray:
    """Influence of every row on every group's mean (n, g): 0 on other groups' than its own."""
    influence = np.zeros((len(codes), groups))
    for k in range(groups):
        member = codes == k
        part = follow.among(member)
        influence[member, k] = rmst_influence(part.time, part.event, part.weight, tau, part.entry)[1]
    return influence


def _adjust(
    means: FloatArray,
    influence: FloatArray,
    follow: FollowUp,
    codes: IntArray,
    extra: FloatArray,
    names: Sequence[str],
) -> tuple[FloatArray, FloatArray]:
    """Group means at the average covariates, and each row's influence on them: (g,) and (n, g).

    Least squares of pseudo-values. The total of a group's weights stands for its n in the pseudo-value of one row.
    """
    weight = follow.weight
    member = (codes[:, None] == np.arange(len(means))).astype(float)
    total = weight @ member
    pseudo = means[codes] + total[codes] * influence.sum(axis=1) / weight
    centred = extra - np.average(extra, axis=0, weights=weight)
    design = np.column_stack([member, centred])
    gram = design.T @ (design * weight[:, None])
    scale = np.sqrt(np.diag(gram))
    if (scale == 0).any() or np.linalg.cond(gram / np.outer(scale, scale)) > 1e12:
        raise DataError(f"covariates={list(names)} are constant, or collinear with each other or the groups.")
    coefficients = np.linalg.solve(gram, design.T @ (weight * pseudo))
    residual = pseudo - design @ coefficients
    parts = (design * (weight * residual)[:, None]) @ np.linalg.inv(gram)
    return coefficients[: len(means)], parts[:, : len(means)]
