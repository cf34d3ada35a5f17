"""The arms of a contrast of restricted means: read once, and their means found at any horizon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..core.columns import Columns, FloatArray, IntArray
from ..core.errors import DataError
from ..core.formula import covariate_matrix
from ..core.sandwich import clustered_covariance
from .influence import area_under, follow_up_limit, rmst_influence
from .riskset import risk_set
from .roles import FollowUp, counted, groups_present, read_follow_up
from .step_curves import step_estimate

NEAR = 1e-9  # relative: times this near are one, as in `core.times.tie`


@dataclass(frozen=True, slots=True, eq=False)
class Arms:
    """Follow-up, group code (n,) and covariates (n, p) of the rows that count."""

    follow: FollowUp
    codes: IntArray
    groups: tuple[Any, ...]
    extra: FloatArray | None
    names: tuple[str, ...]

    def means(self, tau: float) -> tuple[FloatArray, FloatArray, str]:
        """Restricted means (g,) to a horizon, their covariance (g, g), and which it is in words."""
        follow, codes = self.follow, self.codes
        means, greenwood = _areas(follow, codes, self.groups, tau)
        if not follow.robust and self.extra is None:
            return means, np.diag(greenwood), "Greenwood"
        influence = _influences(follow, codes, len(self.groups), tau)
        if self.extra is not None:
            means, influence = _adjust(means, influence, follow, codes, self.extra, self.names)
        said = ("robust", "robust, clustered", "robust, clustered two ways")[len(follow.clusters)]
        return means, clustered_covariance(influence, follow.clusters), said

    @property
    def n(self) -> IntArray:
        """People in each group (g,)."""
        return np.bincount(self.codes)

    @property
    def events(self) -> IntArray:
        """Events in each group (g,), to the end of follow-up."""
        return np.bincount(self.codes, weights=self.follow.event).astype(np.int64)


def read_arms(
    data: pd.DataFrame,
    time: str,
    event: str,
    group: str,
    *,
    covariates: Sequence[str] | None,
    weights: str | None,
    cluster: str | Sequence[str] | None,
    entry: str | None,
    frequency: str | None,
) -> Arms:
    """The roles of a contrast of restricted means, checked together."""
    take = Columns(data)
    follow = read_follow_up(
        take, time, event, entry=entry, weights=weights, cluster=cluster, frequency=frequency
    )
    codes, labels = take.labels("group", group)
    extra = None if not covariates else _covariates(take, data, covariates)
    take.check()
    given = codes
    follow, (codes,) = counted(follow, codes)
    groups, codes = groups_present(codes, labels, given)
    if len(groups) < 2:
        raise DataError(
            f"group={group!r} has only one value among the rows that count; there is nothing to compare."
        )
    return Arms(
        follow,
        codes,
        groups,
        None if extra is None else extra[follow.row],
        tuple(covariates or ()),
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
    reach = limit * (1 + NEAR)  # a horizon that is the last time but for rounding is the last time
    if (tau > reach).any():
        short = [str(group) for group, end in zip(groups, reach) if tau > end]
        raise DataError(
            f"tau={tau:g} is after the last time at which group {short} is under observation. "
            f"The largest tau that every group supports is {limit.min():g}."
        )
    tau = min(tau, float(limit.min()))
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
