"""Rates of events for time at risk after design: each arm's, their difference and ratio."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ..core.columns import Columns, FloatArray
from ..core.errors import DataError, UsageError
from ..core.results import Shown
from ..core.sandwich import clustered_covariance
from ..design import Design
from .arms import arm_rows
from .sample import check_people, score_model


@dataclass(frozen=True, slots=True, eq=False)
class RateContrast(Shown):
    """Rates of the two arms with their covariance (2, 2), treated first, and the estimand they are of.

    Attributes
    ----------
    rates : (2,) events for each unit of time; per : units of time that rows are of
    events, time : (2,) weighted totals by arm
    """

    rates: FloatArray
    covariance: FloatArray = field(repr=False)
    alone: FloatArray = field(repr=False)
    events: FloatArray
    time: FloatArray
    per: float
    estimand: str
    n_treated: int
    n_control: int

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """rate_treated, rate_control, rate_difference, for `per` units of time; rate_ratio (std_error on the log scale).

        `reason` says why a ratio cannot be estimated, or why an estimate has no error.
        """
        return arm_rows(
            self.per * self.rates, self.per**2 * self.covariance, self.per**2 * self.alone, "rate", level
        )

    def glance(self) -> pd.DataFrame:
        """One row: people by arm, weighted events and time by arm, and the estimand."""
        return pd.DataFrame(
            {
                "estimand": [self.estimand],
                "n_treated": [self.n_treated],
                "n_control": [self.n_control],
                "events_treated": [self.events[0]],
                "events_control": [self.events[1]],
                "time_treated": [self.time[0]],
                "time_control": [self.time[1]],
                "per": [self.per],
            }
        )


def rate_contrast(
    design: Design,
    outcomes: pd.DataFrame,
    *,
    count: str,
    time_at_risk: str,
    per: float = 1.0,
    estimated_weights: bool = False,
) -> RateContrast:
    r"""Events for time at risk in the two arms of a design, and what differs between them.

    .. math:: \hat\lambda_a = \frac{\sum_{i \in a} w_i c_i}{\sum_{i \in a} w_i t_i}, \qquad
        \psi_i = \frac{w_i (c_i - \hat\lambda_a t_i)}{\sum_{j \in a} w_j t_j}

    with counts c and times t. The ratio is that of a Poisson regression on the arm with the log of time as offset, and the robust
    variance its sandwich (HC0), clustered as the design says: nothing is asked of the counts' variance, so that people may
    differ in their rates. For a model with covariates or a negative binomial variance see `survival.event_rates`.

    Parameters
    ----------
    outcomes : rows as the design's data
    count : number of events, 0 or more; time_at_risk : time in which they could happen, above 0 (leave custody out of it)
    per : units of time that rates are for, such as 365.25 of days
    estimated_weights : count the chance in the propensity score behind a design from `weight`, too

    Raises
    ------
    UsageError, DataError
        Rows that do not fit the design; counts below 0, times that are not above 0, or missing ones.

    References
    ----------
    Zou (2004) American Journal of Epidemiology 159:702-706, for the robust variance; Lin, Wei, Yang and Ying (2000) JRSS B
    62:711-730, for counts of recurrent events without a model of how they depend.
    """
    check_people(design, outcomes)
    if not (np.isfinite(per) and per > 0):
        raise UsageError(f"per={per!r} must be above 0, such as 365.25 for years where time is in days.")
    take = Columns(outcomes)
    counts = take.number("count", count, minimum=0)
    time = take.number("time_at_risk", time_at_risk, above=0)
    take.check()
    score = score_model(design, estimated_weights)
    rows = design.analysis_rows()
    treated, weight = design.treated[rows.row], rows.weight
    c, t = counts[rows.row], time[rows.row]
    rates, alone, events, spent, influence = *np.zeros((4, 2)), np.zeros((len(c), 2))
    for k, arm in enumerate((True, False)):
        here = treated == arm
        if not here.any():
            raise DataError(
                f"the design keeps no {'treated' if arm else 'control'} person, so there is nothing to compare."
            )
        events[k], spent[k] = (weight[here] * c[here]).sum(), (weight[here] * t[here]).sum()
        rates[k] = events[k] / spent[k]
        influence[here, k] = weight[here] * (c[here] - rates[k] * t[here]) / spent[k]
        alone[k] = float(((c[here] - rates[k] * t[here]) ** 2).mean())
    if score is not None:
        influence = score.corrected(influence)
    n = [len(np.unique(rows.row[treated == arm])) for arm in (True, False)]
    return RateContrast(
        rates,
        clustered_covariance(influence, rows.clusters),
        alone,
        events,
        spent,
        float(per),
        design.estimand,
        n[0],
        n[1],
    )
