"""Restricted mean survival time by group, their difference and ratio; unadjusted or adjusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ..core.columns import FloatArray, IntArray
from ..core.errors import UsageError, choose
from ..core.results import Shown, check_number, exponentiate, tidy_frame
from ..core.sandwich import clustered_covariance
from .adjusted_curves import stratified_fit
from .cox_model import se_words
from .rmst_arms import read_arms
from .standardised import CoxStandard

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
    n, events : (g,) rows (people, where each has one) and events to the end of follow-up
    adjustment : how they are adjusted
    """

    groups: tuple[Any, ...]
    tau: float
    means: FloatArray
    covariance: FloatArray = field(repr=False)
    se_method: str
    adjusted: tuple[str, ...]
    n: IntArray
    events: IntArray
    adjustment: str = ""

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
        """One row: horizon, rows and events, variance, what was adjusted for."""
        return pd.DataFrame(
            {
                "tau": [self.tau],
                "n": [int(self.n.sum())],
                "events": [int(self.events.sum())],
                "se_method": [self.se_method],
                "adjusted": [", ".join(self.adjusted)],
                "adjustment": [self.adjustment],
            }
        )


@dataclass(frozen=True, slots=True, eq=False)
class RmstCurve(Shown):
    """Restricted means of the groups at several horizons.

    Attributes
    ----------
    groups : labels in sorted order
    taus : (k,) horizons
    means : (k, g); covariance : (k, g, g) of the means at each horizon
    """

    groups: tuple[Any, ...]
    taus: FloatArray
    means: FloatArray
    covariance: FloatArray = field(repr=False)
    se_method: str
    adjusted: tuple[str, ...]

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """A row for each later group and horizon: its mean less the first group's; the horizon is `time`."""
        parts = []
        for k in range(1, len(self.groups)):
            turn = np.zeros(len(self.groups))
            turn[[0, k]] = (-1.0, 1.0)
            error = np.sqrt(np.maximum(np.einsum("g,kgh,h->k", turn, self.covariance, turn), 0.0))
            name = f"{self.groups[k]} - {self.groups[0]}"
            parts.append(
                tidy_frame(
                    ["difference"] * len(self.taus),
                    self.means @ turn,
                    error,
                    level=level,
                    leading={"group": name, "time": self.taus},
                )
            )
        return pd.concat(parts, ignore_index=True)

    def glance(self) -> pd.DataFrame:
        """One row: horizons, variance, what was adjusted for."""
        return pd.DataFrame(
            {
                "horizons": [len(self.taus)],
                "se_method": [self.se_method],
                "adjusted": [", ".join(self.adjusted)],
            }
        )

    def plot(self, ax: Axes | None = None, *, time_label: str = "Horizon") -> Axes:
        """The difference over the horizon as a line with its band; returns the Axes."""
        from ..core.draw.over_time import draw_over_time

        title = "Difference in mean event-free time"
        return draw_over_time(self.tidy(), ax, title=title, time_label=time_label, null=0.0)

    def alt_text(self) -> str:
        """The picture in words, from the same numbers."""
        from ..core.draw.over_time import over_time_alt

        return over_time_alt(self.tidy(), title="Difference in mean event-free time", null=0.0)


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
    frequency: str | None = None,
    method: Literal["pseudo-values", "standardised"] = "pseudo-values",
    population: Any = None,
) -> RmstContrast:
    r"""Mean time without the event up to a horizon, by group, and the contrast of groups.

    .. math:: \hat\mu(\tau) = \int_0^\tau \hat S(u)\,du

    the area under the Kaplan-Meier curve. It needs no proportional hazards, and is in units of time.

    Its variance is Greenwood's, :math:`\sum_j \{\int_{t_j}^\tau \hat S\}^2 D_j/\{N_j(N_j-D_j)\}`, with groups
    independent. With weights, clusters or covariates it is the sandwich of the influence values, in
    which a cluster with people of two groups correlates them.

    With `covariates` the means are of people alike in the covariates. By "pseudo-values" (each row's mean plus its
    influence, within its group) these are regressed on group and covariates, and the group means are those at the
    sample's average covariates. "standardised" averages what a Cox model with a baseline for each group predicts for
    everyone, or for the `population` of one group: see :func:`~pdd_outcomes.survival.adjusted_curves`.

    Parameters
    ----------
    data, time, event, entry, weights, cluster, frequency : as in :func:`~pdd_outcomes.survival.kaplan_meier`
    group : name of the column whose values are compared; two or more of them
    tau : horizon, above 0, in the units of `time`. A group's curve supports it to the last observed time; further
        only where the last to be observed all had the event, so that the curve is at 0 from there.
    covariates : names of columns to adjust for, labels as in :func:`~pdd_outcomes.survival.cox`
    method : of adjusting: "pseudo-values" (default) or "standardised"
    population : of a standardised mean: the group to whose covariates it refers; None everyone's

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
    check_number("tau", tau, above=0, hint=", a time in the units of the time column")
    choose("method", method, ["pseudo-values", "standardised"])
    if population is not None and (method != "standardised" or not covariates):
        raise UsageError("population is for method='standardised' with covariates.")
    arms = read_arms(
        data,
        time,
        event,
        group,
        covariates=None if method == "standardised" else covariates,
        weights=weights,
        cluster=cluster,
        entry=entry,
        frequency=frequency,
    )
    means, covariance, said = arms.means(tau)
    if method == "standardised" and covariates:
        fit, groups, chosen = stratified_fit(
            data, time, event, group, covariates=covariates, entry=entry, weights=weights, cluster=cluster,
            frequency=frequency, population=population,
        )  # fmt: skip
        follow = fit.fitted.follow
        standard = CoxStandard(fit, np.where(chosen, follow.weight, 0.0))
        parts = [standard.restricted_mean(k, tau) for k in range(len(groups))]
        means = np.concatenate([part.value for part in parts])
        covariance = clustered_covariance(np.hstack([part.influence for part in parts]), follow.clusters)
        said = se_words(True, follow.clusters)
    return RmstContrast(
        groups=arms.groups,
        tau=float(tau),
        means=means,
        covariance=covariance,
        se_method=said,
        adjusted=tuple(covariates or ()),
        n=arms.n,
        events=arms.events,
        adjustment=method if covariates else "",
    )


def rmst_over_time(
    data: pd.DataFrame,
    time: str,
    event: str,
    group: str,
    *,
    taus: Sequence[float],
    covariates: Sequence[str] | None = None,
    weights: str | None = None,
    cluster: str | Sequence[str] | None = None,
    entry: str | None = None,
    frequency: str | None = None,
) -> RmstCurve:
    """Difference of restricted means at every one of several horizons: how it builds up over follow-up.

    Parameters
    ----------
    taus : horizons above 0, in the units of `time`; the rest as in :func:`rmst`, covariates by pseudo-values

    Returns
    -------
    RmstCurve
        `.tidy()`, `.plot()`. Intervals are pointwise: a horizon picked for its difference has not the coverage it says.

    References
    ----------
    Zhao et al. (2016) Biometrics 72:215-221.
    """
    horizons = np.unique(np.asarray(taus, float))
    if not len(horizons) or not np.isfinite(horizons).all() or (horizons <= 0).any():
        raise UsageError("taus must hold times above 0, in the units of the time column.")
    arms = read_arms(
        data, time, event, group, covariates=covariates, weights=weights, cluster=cluster, entry=entry,
        frequency=frequency,
    )  # fmt: skip
    arms.means(float(horizons[-1]))  # the longest first: a horizon out of reach is named before any work
    found = [arms.means(tau) for tau in horizons.tolist()]
    return RmstCurve(
        groups=arms.groups,
        taus=horizons,
        means=np.stack([f[0] for f in found]),
        covariance=np.stack([f[1] for f in found]),
        se_method=found[0][2],
        adjusted=tuple(covariates or ()),
    )
