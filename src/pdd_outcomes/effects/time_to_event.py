"""Effects on the time to an event, side by side: risks, restricted means and hazard ratios."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from ..core.columns import FloatArray
from ..core.errors import UsageError
from ..core.results import HypothesisTest, NotEstimable, Shown, check_level
from ..design import Design
from ..survival import CoxFit, SurvivalCurves, kaplan_meier
from .contrasts import Key, contrast_influences, hazard_row, risk_rows, rmst_rows
from .sample import Sample, outcome_sample

COLUMNS = (
    "term",
    "scale",
    "horizon",
    "interval_start",
    "estimate",
    "std_error",
    "statistic",
    "p_value",
    "conf_low",
    "conf_high",
    "n_treated",
    "n_control",
    "events_treated",
    "events_control",
    "status",
    "reason",
)


@dataclass(frozen=True, slots=True, eq=False)
class TimeToEvent(Shown):
    """Risks, differences, ratios, restricted means and hazard ratios of one design and one outcome.

    Attributes
    ----------
    estimand : whose effect it is, as the design says
    curves : Kaplan-Meier curves of the two arms (group "treated" and "control"), weighted as designed
    ess : effective sample sizes, treated and control
    """

    estimand: str
    horizons: tuple[float, ...]
    tau: float
    intervals: tuple[float, ...]
    level: float
    ess: tuple[float, float]
    curves: SurvivalCurves = field(repr=False)
    cox_fit: CoxFit | None = field(repr=False)
    sample: Sample = field(repr=False)

    def tidy(self, level: float | None = None) -> pd.DataFrame:
        """A row for each measure and horizon.

        `term` is risk_treated, risk_control, risk_difference, risk_ratio, rmst_treated, rmst_control, rmst_difference,
        rmst_ratio, hazard_ratio or hazard_ratio_interval; `horizon` its time (an interval's end), `interval_start` an
        interval's start. Ratios stand on the ratio scale with std_error on the log scale. n and events count people.
        `status` is "ok" or "not_estimable". An estimate whose arm or clusters do not vary stands without error and
        interval; `reason` says why.
        """
        wanted = self.level if level is None else check_level(level)
        rows = list(risk_rows(self.sample, np.asarray(self.horizons), wanted))
        rows += list(rmst_rows(self.sample, self.tau, wanted))
        rows.append(hazard_row(self.sample, 0.0, float(self.sample.time.max()), wanted, "hazard_ratio")[0])
        rows += [hazard_row(self.sample, a, b, wanted, "hazard_ratio_interval")[0] for a, b in self._parts()]
        return pd.DataFrame(rows).reindex(columns=list(COLUMNS))

    def _parts(self) -> list[tuple[float, float]]:
        """The intervals of the hazard ratios, up to the last time asked for."""
        cuts = [0.0, *self.intervals, max(*self.horizons, self.tau)]
        return list(pairwise(cuts)) if self.intervals else []

    def influences(self) -> dict[Key, FloatArray]:
        """Influence (m,) of each row of `.sample` on the differences and log hazard ratios, by measure and times.

        For the covariance of estimates that share people: the sum over those people of the products of both.
        """
        return contrast_influences(self.sample, np.asarray(self.horizons), self.tau, self._parts())

    def glance(self) -> pd.DataFrame:
        """One row: people, events and effective sample sizes by arm, and the estimand."""
        return pd.DataFrame(
            {
                "estimand": [self.estimand],
                "n_treated": [self.sample.people(True)],
                "n_control": [self.sample.people(False)],
                "events_treated": [self.sample.events(True)],
                "events_control": [self.sample.events(False)],
                "ess_treated": [self.ess[0]],
                "ess_control": [self.ess[1]],
            }
        )

    def ph_test(self, transform: str = "km") -> HypothesisTest | NotEstimable:
        """Grambsch-Therneau test of proportional hazards for the treatment."""
        if self.cox_fit is None:
            whole, _ = hazard_row(self.sample, 0.0, float(self.sample.time.max()), self.level, "hazard_ratio")
            return NotEstimable("treated", str(whole["reason"]))
        return self.cox_fit.ph_test(transform)  # type: ignore[arg-type]

    def plot(self, ax: Any = None) -> Any:
        """Curves of the risk in the two arms; takes and returns a matplotlib Axes."""
        return self.curves.plot(ax, risk=True)

    def alt_text(self) -> str:
        """The curves in words, from their own numbers."""
        return self.curves.alt_text()


def time_to_event(
    design: Design,
    outcomes: pd.DataFrame,
    *,
    time: str,
    event: str,
    at: Sequence[float],
    tau: float,
    intervals: Sequence[float] = (),
    level: float = 0.95,
    estimated_weights: bool = False,
) -> TimeToEvent:
    """Effect of treatment on the time to an event, for the people and weights of a design.

    Takes the design whole: its weights, its estimand, and the clusters of its variance (matched set; two-way with the
    person where controls serve more than once). No small-sample factor is applied to the clustered variance.

    Parameters
    ----------
    design : from `match`, or `unadjusted` for the naive contrast
    outcomes : one row for each person the design was made on, in the same order
    time, event : columns: time from time zero to the event or the end of follow-up; 1 for an event, 0 for censored
    at : horizons at which risks are compared, in the unit of `time`
    tau : restriction time of the mean event-free time
    intervals : cut points for interval hazard ratios, such as [91, 365]: hazards are rarely proportional
    level : of the intervals
    estimated_weights : count the chance in the propensity score behind a design from `weight`, too (`ScoreModel`);
        otherwise the weights are taken as given. The curves' bands take them as given either way.

    Returns
    -------
    TimeToEvent
        What cannot be estimated is a row with its reason.

    Raises
    ------
    UsageError, DataError
        Rows that do not fit the design, times or events out of range, an arm without people.
    """
    check_level(level)
    horizons, cuts = _check_times(at, tau, intervals)
    sample = outcome_sample(design, outcomes, time, event, estimated_weights)
    _, fit = hazard_row(sample, 0.0, float(sample.time.max()), level, "hazard_ratio")
    return TimeToEvent(
        design.estimand,
        horizons,
        float(tau),
        cuts,
        level,
        (design.ess.treated, design.ess.control),
        _curves(sample, level),
        fit,
        sample,
    )


def _check_times(
    at: Sequence[float], tau: float, intervals: Sequence[float]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Horizons and cut points as numbers, or one error with everything wrong with them."""
    problems = []
    horizons, cuts = _numbers(at), _numbers(intervals)
    last = _numbers([tau])
    if not horizons or not all(h > 0 and np.isfinite(h) for h in horizons):
        problems.append("at= needs at least one horizon, each a finite number above 0, such as [91, 365].")
    if not last or not (last[0] > 0 and np.isfinite(last[0])):
        problems.append("tau= must be a finite number above 0.")
    if cuts is None:
        problems.append("intervals= must be a list of numbers.")
    elif not problems and horizons and last:
        end = max(*horizons, last[0])
        if list(cuts) != sorted(set(cuts)) or not all(0 < c < end for c in cuts):
            problems.append("intervals= must increase, from above 0 to below the last horizon.")
    if problems:
        raise UsageError(problems)
    return horizons or (), cuts or ()


def _numbers(values: Any) -> tuple[float, ...] | None:
    """The values as floats; None where they are not a sequence of numbers."""
    array = np.asarray(values)
    if array.ndim != 1 or (len(array) and array.dtype.kind not in "iuf"):
        return None
    return tuple(float(v) for v in array)


def _curves(sample: Sample, level: float) -> SurvivalCurves:
    names = [f"cluster_{i}" for i in range(len(sample.clusters))]
    frame = pd.DataFrame(
        {
            "time": sample.time,
            "event": sample.event.astype(int),
            "group": np.where(sample.treated, "treated", "control"),
            "weight": sample.weight,
            **dict(zip(names, sample.clusters)),
        }
    )
    return kaplan_meier(frame, "time", "event", group="group", weights="weight", cluster=names, level=level)
