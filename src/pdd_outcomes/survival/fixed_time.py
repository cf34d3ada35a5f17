"""Comparison of groups' survival at fixed times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from ..core.columns import Columns, FloatArray
from ..core.errors import DataError, UsageError
from ..core.results import Shown, check_level, tidy_frame
from ..core.sandwich import clustered_covariance
from .cox_model import se_words
from .curve_intervals import ConfType, check_conf_type
from .influence import km_influence
from .roles import counted, groups_present, read_follow_up


@dataclass(frozen=True, slots=True, eq=False)
class FixedTimeTest(Shown):
    """Survival of the groups at fixed times, compared.

    Attributes
    ----------
    groups : labels in sorted order
    times : (k,)
    survival : (k, g); NaN where a group's curve does not reach the time
    covariance : (k, g, g)
    scale : on which the test is made
    """

    groups: tuple[Any, ...]
    times: FloatArray
    survival: FloatArray
    covariance: FloatArray = field(repr=False)
    scale: ConfType
    level: float
    se_method: str

    def tidy(self, level: float | None = None) -> pd.DataFrame:
        """A row for each later group and time: its risk (one less survival) less the first group's, with interval.

        `statistic` and `p_value` of these rows are of the difference itself; `test()` has those on the scale asked for.
        """
        parts = []
        for k in range(1, len(self.groups)):
            turn = np.zeros(len(self.groups))
            turn[[0, k]] = (1.0, -1.0)
            error = np.sqrt(np.maximum(np.einsum("g,kgh,h->k", turn, self.covariance, turn), 0.0))
            parts.append(
                tidy_frame(
                    ["risk difference"] * len(self.times),
                    self.survival[:, [0, k]] @ np.array([1.0, -1.0]),
                    error,
                    level=self.level if level is None else check_level(level),
                    leading={"group": f"{self.groups[k]} - {self.groups[0]}", "time": self.times},
                )
            )
        return pd.concat(parts, ignore_index=True)

    def test(self) -> pd.DataFrame:
        """A row a time: chi-square of equal survival on the transformed scale, df, p_value; and a reason where there is none."""
        rows = []
        for time, value, covariance in zip(self.times, self.survival, self.covariance):
            statistic, reason = _statistic(value, covariance, self.scale)
            df = len(self.groups) - 1
            p = float(special.chdtrc(df, statistic))
            rows.append({"time": time, "statistic": statistic, "df": df, "p_value": p, "reason": reason})
        return pd.DataFrame(rows)

    def glance(self) -> pd.DataFrame:
        """The test at the last time, with its name."""
        last = self.test().iloc[[-1]].reset_index(drop=True)
        last.insert(0, "test", f"Equal survival at a fixed time ({self.scale} scale)")
        return last.drop(columns="reason")


def compare_at(
    data: pd.DataFrame,
    time: str,
    event: str,
    group: str,
    *,
    at: float | Sequence[float],
    entry: str | None = None,
    weights: str | None = None,
    cluster: str | Sequence[str] | None = None,
    conf_type: ConfType = "log-log",
    level: float = 0.95,
) -> FixedTimeTest:
    r"""Test that survival at given times is the same in every group, whatever it does before and after.

    .. math:: \chi^2 = \sum\sum \text{ of } \{\phi(\hat S_g(t)) - \phi(\hat S_1(t))\}\text{ over their covariance}

    with :math:`\phi` the scale of `conf_type`: log(-log) keeps its size best in small samples. The time must be named before the
    curves are seen.

    Parameters
    ----------
    data, time, event, entry, weights, cluster : as in :func:`~pdd_outcomes.survival.kaplan_meier`
    group : name of the column whose values are compared; two or more of them
    at : one or several times
    conf_type : scale of the test

    Returns
    -------
    FixedTimeTest
        `.tidy()` has differences of risk, `.test()` the tests. Clusters with people of two groups correlate them.

    References
    ----------
    Klein, Logan, Harhoff and Andersen (2007) Statistics in Medicine 26:4505-4519.
    """
    scale, level = check_conf_type(conf_type), check_level(level)
    times = np.sort(np.atleast_1d(np.asarray(at, float)))
    if not np.isfinite(times).all() or (times <= 0).any():
        raise UsageError("at must hold times above 0.")
    take = Columns(data)
    follow = read_follow_up(take, time, event, entry=entry, weights=weights, cluster=cluster)
    codes, labels = take.labels("group", group)
    take.check()
    given = codes
    follow, (codes,) = counted(follow, codes)
    groups, codes = groups_present(codes, labels, given)
    if len(groups) < 2:
        raise DataError(
            f"group={group!r} has only one value among the rows that count; there is nothing to compare."
        )
    survival = np.empty((len(times), len(groups)))
    influence = np.zeros((len(times), len(codes), len(groups)))
    for k in range(len(groups)):
        rows = codes == k
        part = follow.among(rows)
        survival[:, k], own = km_influence(part.time, part.event, part.weight, times, part.entry)
        influence[:, rows, k] = own.T
    covariance = np.stack([clustered_covariance(part, follow.clusters) for part in influence])
    return FixedTimeTest(
        groups=groups,
        times=times,
        survival=survival,
        covariance=covariance,
        scale=scale,
        level=level,
        se_method=se_words(True, follow.clusters),
    )


def _statistic(survival: FloatArray, covariance: FloatArray, scale: ConfType) -> tuple[float, str]:
    """Chi-square of equal transformed survival (g,), or NaN and why there is none."""
    if np.isnan(survival).any():
        return float("nan"), "a group is not followed to this time"
    if ((survival <= 0) | (survival >= 1)).any():
        return float("nan"), "a group's survival is 0 or 1, so it has no error"
    value, slope = _transformed(survival, scale)
    moved = covariance * np.outer(slope, slope)
    contrast = np.column_stack([-np.ones(len(value) - 1), np.eye(len(value) - 1)])
    gap, spread = contrast @ value, contrast @ moved @ contrast.T
    if np.linalg.matrix_rank(spread, hermitian=True) < len(gap):
        return float("nan"), "there are too few clusters to compare so many groups"
    return float(gap @ np.linalg.solve(spread, gap)), ""


def _transformed(s: FloatArray, scale: ConfType) -> tuple[FloatArray, FloatArray]:
    """Survival on a scale, and the derivative of the scale: (g,) both."""
    if scale == "plain":
        return s, np.ones_like(s)
    if scale == "log":
        return np.log(s), 1 / s
    if scale == "log-log":
        return np.log(-np.log(s)), 1 / (s * np.log(s))
    if scale == "arcsine":
        return np.arcsin(np.sqrt(s)), 1 / (2 * np.sqrt(s * (1 - s)))
    return np.log(s / (1 - s)), 1 / (s * (1 - s))
