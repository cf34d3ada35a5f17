"""The result of a cumulative incidence: its table, readings, differences of groups, picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..core.columns import FloatArray, IntArray
from ..core.errors import UsageError
from ..core.results import Shown, check_level, frame_html, tidy_frame
from ..core.sandwich import clustered_covariance
from ..core.times import asked_times
from .curve_intervals import ConfType, survival_interval
from .incidence_steps import incidence_influence
from .riskset import snap
from .roles import FollowUp

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TABLE = [
    "group", "cause", "time", "n_risk", "n_event", "n_censor", "estimate", "std_error", "conf_low", "conf_high",
]  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class IncidenceSample:
    """The rows behind robust errors: follow-up, cause and group code (n,) each."""

    follow: FollowUp
    cause: IntArray
    codes: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class CumulativeIncidence(Shown):
    """Cumulative incidence of each cause in each group.

    Attributes
    ----------
    groups : labels in sorted order; ("all",) where there was no grouping
    causes : their codes, ascending
    se_method : where the standard errors come from, in words
    conf_type, level : of the intervals
    cells : a row for every cause, group and distinct time, those of entry included; `survival` is the
        probability of no event of any cause
    """

    groups: tuple[Any, ...]
    causes: tuple[int, ...]
    se_method: str
    conf_type: ConfType
    level: float
    cells: pd.DataFrame = field(repr=False)
    sample: IncidenceSample | None = field(repr=False)

    @property
    def table(self) -> pd.DataFrame:
        """A row for every group, cause and time at which someone's follow-up ends; counts are weighted where rows are."""
        parts = [cells[cells["leaves"]].assign(group=group) for group, _, cells in self._curves()]
        return self._limits(pd.concat(parts, ignore_index=True), self.level)[TABLE]

    def tidy(self, level: float | None = None) -> pd.DataFrame:
        """Standard rows keyed by group, cause and time; an estimate along a curve has no null."""
        rows = self._limits(self.table, self.level if level is None else check_level(level))
        rows.insert(3, "term", "cumulative incidence")
        return rows.assign(statistic=np.nan, p_value=np.nan)[
            ["group", "cause", "time", "term", "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]
        ]  # fmt: skip

    def glance(self) -> pd.DataFrame:
        """A row for each group and cause: (weighted) events, incidence at the end of follow-up, and when that is."""
        rows = [
            {
                "group": group,
                "cause": cause,
                "events": cells["n_event"].sum(),
                "last_estimate": cells["estimate"].iloc[-1],
                "last_time": cells["time"].iloc[-1],
                "se_method": self.se_method,
            }
            for group, cause, cells in self._curves()
        ]
        return pd.DataFrame(rows)

    def at(self, times: float | Sequence[float] | FloatArray, *, level: float | None = None) -> pd.DataFrame:
        """The incidences read at given times, ascending within each group and cause.

        `n_risk` is the number at risk just before the time; `n_event` and `n_censor` count since the time read before.
        After the last time at which anyone of a group is under observation its estimate is NaN, unless the last who
        were at risk all had an event.
        """
        wanted = _times(times)
        parts = [
            _read(cells, wanted).assign(group=group, cause=cause) for group, cause, cells in self._curves()
        ]
        read = pd.concat(parts, ignore_index=True)
        return self._limits(read, self.level if level is None else check_level(level))[TABLE]

    def difference(
        self, times: float | Sequence[float] | FloatArray, *, level: float | None = None
    ) -> pd.DataFrame:
        """Each later group's incidence less the first one's: a row for each cause, group and time.

        Groups are independent, unless clusters (or a two-way cluster) hold people of both: the covariance is then the
        influence's. The interval is symmetric, on the scale of probability.
        """
        if len(self.groups) < 2:
            raise UsageError("There is one group only, so there is no difference. Name group=.")
        wanted, level = _times(times), self.level if level is None else check_level(level)
        parts = []
        for cause in self.causes:
            value, covariance = self._together(cause, wanted)
            for k in range(1, len(self.groups)):
                variance = covariance[k, k] + covariance[0, 0] - 2 * covariance[0, k]
                rows = tidy_frame(
                    ["difference"] * len(wanted),
                    value[k] - value[0],
                    np.sqrt(np.maximum(variance, 0.0)),
                    level=level,
                    leading={"group": f"{self.groups[k]} - {self.groups[0]}", "cause": cause, "time": wanted},
                )
                parts.append(rows)
        return pd.concat(parts, ignore_index=True)

    def _together(self, cause: int, at: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Incidence (g, k) and covariance (g, g, k) of the groups at each time."""
        read = self.at(at)
        read = read[read["cause"] == cause]
        shape = (len(self.groups), len(at))
        value = read["estimate"].to_numpy(float).reshape(shape)
        error = read["std_error"].to_numpy(float).reshape(shape)
        covariance = np.zeros((shape[0], *shape))
        covariance[np.arange(shape[0]), np.arange(shape[0])] = error**2
        if self.sample is None or not self.sample.follow.clusters:
            return value, covariance
        follow, codes = self.sample.follow, self.sample.codes
        influence = np.zeros((len(codes), *shape))
        for k in range(shape[0]):
            rows = codes == k
            part = follow.among(rows)
            influence[rows, k] = incidence_influence(
                part.time, self.sample.cause[rows], part.weight, at, part.entry, of=cause
            )[1]
        for j in range(shape[1]):
            if np.isfinite(influence[:, :, j]).all():
                covariance[:, :, j] = clustered_covariance(influence[:, :, j], follow.clusters)
        return value, covariance

    def plot(self, ax: Axes | None = None, *, stacked: bool = False, group: Any = None) -> Axes:
        """The curves on a matplotlib Axes; `stacked`, one group's causes on top of each other; returns the Axes."""
        from ..core.draw.incidence import draw_incidence, draw_stacked

        if not stacked:
            return draw_incidence(self.table, ax)
        return draw_stacked(self._one_group(group), ax)

    def alt_text(self, *, stacked: bool = False, group: Any = None) -> str:
        """The picture in words, from the same numbers."""
        from ..core.draw.incidence import incidence_alt, stacked_alt

        return stacked_alt(self._one_group(group)) if stacked else incidence_alt(self.table)

    def _one_group(self, group: Any) -> pd.DataFrame:
        if group is None and len(self.groups) > 1:
            raise UsageError(f"Stacked causes are of one group. Choose group= from {list(self.groups)}.")
        chosen = self.groups[0] if group is None else group
        if chosen not in self.groups:
            raise UsageError(f"group={group!r} is not one of {list(self.groups)}.")
        table = self.table
        return pd.DataFrame(table[table["group"] == chosen]).reset_index(drop=True)

    def _repr_html_(self) -> str:
        return frame_html(self.glance(), "Cumulative incidence")

    def _curves(self) -> Iterator[tuple[Any, int, pd.DataFrame]]:
        """Each group's and cause's cells, in order of time."""
        for code, group in enumerate(self.groups):
            for cause in self.causes:
                here = (self.cells["code"] == code) & (self.cells["cause"] == cause)
                yield group, cause, self.cells[here]

    def _limits(self, rows: pd.DataFrame, level: float) -> pd.DataFrame:
        value, error = rows["estimate"].to_numpy(float), rows["std_error"].to_numpy(float)
        # where nobody has had the event yet, or everyone has, there is an estimate and no interval, as in R's survival
        inside = np.where(value < 1 - 1e-12, value, np.nan)
        low, high = survival_interval(inside, error, self.conf_type, level)
        return rows.assign(conf_low=low, conf_high=high)


def _times(times: float | Sequence[float] | FloatArray) -> FloatArray:
    wanted = np.sort(asked_times(times))
    return wanted


def _read(cells: pd.DataFrame, times: FloatArray) -> pd.DataFrame:
    """One curve's cells read at times (k,)."""
    at = cells["time"].to_numpy(float)
    wanted = snap(times, at)
    upto, ahead = np.searchsorted(at, wanted, side="right"), np.searchsorted(at, wanted, side="left")
    out = pd.DataFrame({"time": times, "n_risk": np.append(cells["n_risk"].to_numpy(float), 0.0)[ahead]})
    for name in ("n_event", "n_censor"):
        total = np.concatenate([[0.0], np.cumsum(cells[name].to_numpy(float))])
        out[name] = np.diff(total[np.concatenate([[0], upto])])
    unknown = (wanted > at[-1]) & (cells["survival"].iloc[-1] > 0)
    for name in ("estimate", "std_error"):
        value = np.concatenate([[0.0], cells[name].to_numpy(float)])[upto]
        out[name] = np.where(unknown, np.nan, value)
    return out
