"""Survival curves of groups made alike in their covariates, by standardising a Cox model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, Columns, FloatArray, dense_codes
from ..core.errors import DataError, UsageError
from ..core.results import Shown, check_level, tidy_frame
from ..core.sandwich import clustered_covariance
from .cox import cox
from .cox_fit import CoxFit
from .cox_model import se_words
from .curve_intervals import ConfType, check_conf_type, survival_interval
from .standardised import CoxStandard

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GRID = 100  # times at which a curve is found unless some are named


@dataclass(frozen=True, slots=True, eq=False)
class AdjustedCurves(Shown):
    """Standardised survival of each group at given times.

    Attributes
    ----------
    groups : labels in sorted order
    times : (k,)
    survival : (g, k); NaN after the last time at which anyone of the group is under observation
    covariance : (k, g, g) of the groups at each time
    population : whose covariates they are standardised to, in words
    """

    groups: tuple[Any, ...]
    times: FloatArray
    survival: FloatArray
    covariance: FloatArray = field(repr=False)
    population: str
    se_method: str
    conf_type: ConfType
    level: float

    @property
    def table(self) -> pd.DataFrame:
        """A row for each group and time: group, time, estimate, std_error, conf_low, conf_high."""
        return self._table(self.level)

    def _table(self, level: float) -> pd.DataFrame:
        value = self.survival.ravel()
        error = np.sqrt(np.diagonal(self.covariance, axis1=1, axis2=2).T).ravel()
        low, high = survival_interval(value, error, self.conf_type, level)
        return pd.DataFrame(
            {
                "group": np.repeat(np.array(self.groups, object), len(self.times)),
                "time": np.tile(self.times, len(self.groups)),
                "estimate": value,
                "std_error": error,
                "conf_low": low,
                "conf_high": high,
            }
        )

    def tidy(self, level: float | None = None) -> pd.DataFrame:
        """Standard rows keyed by group and time."""
        rows = self._table(self.level if level is None else check_level(level))
        rows.insert(2, "term", "survival")
        return rows.assign(statistic=np.nan, p_value=np.nan)[
            ["group", "time", "term", "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]
        ]

    def difference(self, *, level: float | None = None) -> pd.DataFrame:
        """Each later group's risk (one less survival) less the first one's, at each time: standard rows."""
        parts = []
        for k in range(1, len(self.groups)):
            turn = np.zeros(len(self.groups))
            turn[[0, k]] = (1.0, -1.0)
            error = np.sqrt(np.maximum(np.einsum("g,kgh,h->k", turn, self.covariance, turn), 0.0))
            rows = tidy_frame(
                ["risk difference"] * len(self.times),
                turn @ self.survival,
                error,
                level=self.level if level is None else check_level(level),
                leading={"group": f"{self.groups[k]} - {self.groups[0]}", "time": self.times},
            )
            parts.append(rows)
        return pd.concat(parts, ignore_index=True)

    def glance(self) -> pd.DataFrame:
        """One row: groups, times, population and variance."""
        return pd.DataFrame(
            {
                "groups": [len(self.groups)],
                "times": [len(self.times)],
                "population": [self.population],
                "se_method": [self.se_method],
            }
        )

    def plot(self, ax: Axes | None = None, *, risk: bool = False, time_label: str = "Time") -> Axes:
        """The curves on a matplotlib Axes; returns the Axes."""
        from ..core.draw.curves import draw_curves

        return draw_curves(self.table.dropna(), ax, y="risk" if risk else "survival", time_label=time_label)

    def alt_text(self, *, risk: bool = False) -> str:
        """The picture in words, from the same numbers."""
        from ..core.draw.curves import curves_alt

        return curves_alt(self.table.dropna(), y="risk" if risk else "survival")


def adjusted_curves(
    data: pd.DataFrame,
    time: str,
    event: str,
    group: str,
    *,
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    at: Sequence[float] | None = None,
    population: Any = None,
    entry: str | None = None,
    weights: str | None = None,
    cluster: str | Sequence[str] | None = None,
    conf_type: ConfType = "log-log",
    level: float = 0.95,
) -> AdjustedCurves:
    r"""Survival of each group, were everyone's covariates those of one population.

    .. math:: \hat S_g(t) = \sum_i v_i \exp\{-\hat H_g(t)\,e^{x_i^\top\hat\beta}\}\Big/\sum_i v_i

    from a Cox model with a baseline for each group, so that no proportional hazards between groups are assumed; covariates
    have one hazard ratio for all groups. For curves adjusted by weighting give `kaplan_meier` the weights of a design.

    Parameters
    ----------
    data, time, event, entry, weights, cluster : as in :func:`~pdd_outcomes.survival.cox`
    group : name of the column whose values are compared; two or more of them
    covariates, formula : what to adjust for, one of the two
    at : times at which the curves are wanted; by default up to 100 event times spread over follow-up
    population : the group to whose covariates the curves are standardised; None everyone's

    Returns
    -------
    AdjustedCurves
        Errors are of the influence: they count the chance in the covariates, the coefficients and the baselines.

    References
    ----------
    See `standardised.CoxStandard`.
    """
    scale, level = check_conf_type(conf_type), check_level(level)
    fit, groups, chosen = stratified_fit(
        data, time, event, group, covariates=covariates, formula=formula, entry=entry, weights=weights,
        cluster=cluster, population=population,
    )  # fmt: skip
    follow = fit.fitted.follow
    times = _grid(follow.time[follow.event]) if at is None else np.sort(np.atleast_1d(np.asarray(at, float)))
    if not np.isfinite(times).all() or (times < 0).any():
        raise UsageError("at must hold times of 0 or more.")
    standard = CoxStandard(fit, np.where(chosen, follow.weight, 0.0))
    parts = [standard.survival(k, times) for k in range(len(groups))]
    value = np.stack([part.value for part in parts])
    covariance = np.stack(
        [
            clustered_covariance(np.column_stack([part.influence[:, j] for part in parts]), follow.clusters)
            for j in range(len(times))
        ]
    )
    beyond = times > fit.fitted.sample.risk.ends[:, None] * (1 + 1e-9)
    value[beyond] = np.nan
    covariance[(beyond.T[:, :, None] | beyond.T[:, None, :])] = np.nan
    return AdjustedCurves(
        groups=groups,
        times=times,
        survival=value,
        covariance=covariance,
        population="everyone" if population is None else f"group {population}",
        se_method=se_words(True, follow.clusters),
        conf_type=scale,
        level=level,
    )


def stratified_fit(
    data: pd.DataFrame,
    time: str,
    event: str,
    group: str,
    *,
    covariates: Sequence[str] | None,
    formula: str | None = None,
    entry: str | None,
    weights: str | None,
    cluster: str | Sequence[str] | None,
    frequency: str | None = None,
    population: Any,
) -> tuple[CoxFit, tuple[Any, ...], BoolArray]:
    """A Cox model with a baseline for each group; the groups; and which counted rows are of the population."""
    if covariates is not None and group in covariates:
        raise UsageError(
            f"group={group!r} is among the covariates. Leave it out there: each group has its own baseline."
        )
    fit = cox(
        data, time, event, covariates=covariates, formula=formula, entry=entry, strata=[group],
        weights=weights, cluster=cluster, frequency=frequency, robust=None if cluster is not None else False,
    )  # fmt: skip
    codes, labels = Columns(data).labels("group", group)
    present, codes = dense_codes(codes[fit.fitted.follow.row])
    groups = tuple(labels[k] for k in present.tolist())
    if len(groups) < 2:
        raise DataError(
            f"group={group!r} has only one value among the rows that count; there is nothing to compare."
        )
    if population is not None and population not in groups:
        raise UsageError(
            f"population={population!r} is not a group. Choose one of {list(groups)}, or None for everyone."
        )
    chosen = np.ones(len(codes), bool) if population is None else codes == groups.index(population)
    without = [str(g) for k, g in enumerate(groups) if not fit.fitted.follow.event[codes == k].any()]
    if without:
        raise DataError(f"Groups {without} have no event, so they have no baseline to standardise over.")
    return fit, groups, chosen


def _grid(times: FloatArray) -> FloatArray:
    """Up to `_GRID` of the distinct times, evenly spread among them."""
    distinct = np.unique(times)
    place = np.unique(np.linspace(0, len(distinct) - 1, min(_GRID, len(distinct))).round().astype(int))
    return np.asarray(distinct[place])
