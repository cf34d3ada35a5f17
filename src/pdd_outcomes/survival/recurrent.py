"""Mean number of events a person has had by each time, where events recur."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ..core.columns import Columns, FloatArray, IntArray, dense_codes
from ..core.errors import DataError, UsageError, choose
from ..core.results import Shown, check_level, critical, frame_html, tidy_frame
from ..core.sandwich import clustered_covariance
from ..core.times import asked_times
from .recurrent_rows import read_recurrent
from .riskset import RiskSet, risk_set, running_sum, snap
from .roles import FollowUp
from .step_curves import by_stratum, robust_variance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Variance = Literal["robust", "poisson"]
TABLE = ["group", "time", "n_risk", "n_event", "estimate", "std_error", "conf_low", "conf_high"]


@dataclass(frozen=True, slots=True, eq=False)
class MeanCumulativeCount(Shown):
    """Mean cumulative count of each group.

    Attributes
    ----------
    groups : labels in sorted order; ("all",) where there was no grouping
    se_method : where the standard errors come from, in words
    level : of the intervals, which are symmetric about the logarithm
    cells : a row for every group and distinct time
    people : (g,) number of people
    """

    groups: tuple[Any, ...]
    se_method: str
    level: float
    cells: pd.DataFrame = field(repr=False)
    people: IntArray
    rows: CountRows = field(repr=False)

    @property
    def table(self) -> pd.DataFrame:
        """A row for every group and time at which someone has an event or leaves; counts are weighted where rows are."""
        shown = self.cells[self.cells["leaves"]].reset_index(drop=True)
        return self._limits(shown, self.level)[TABLE]

    def tidy(self, level: float | None = None) -> pd.DataFrame:
        """Standard rows keyed by group and time; a mean count has no null."""
        shown = self.cells[self.cells["leaves"]].reset_index(drop=True)
        rows = self._limits(shown, self.level if level is None else check_level(level))
        rows.insert(2, "term", "mean cumulative count")
        return rows.assign(statistic=np.nan, p_value=np.nan)[
            ["group", "time", "term", "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]
        ]

    def glance(self) -> pd.DataFrame:
        """A row a group: people, (weighted) events, the mean count at the last time, and when that is."""
        rows = []
        for code, group in enumerate(self.groups):
            cells = self.cells[self.cells["code"] == code]
            rows.append(
                {
                    "group": group,
                    "people": int(self.people[code]),
                    "events": cells["n_event"].sum(),
                    "last_estimate": cells["estimate"].iloc[-1],
                    "last_time": cells["time"].iloc[-1],
                    "se_method": self.se_method,
                }
            )
        return pd.DataFrame(rows)

    def at(self, times: float | Sequence[float] | FloatArray, *, level: float | None = None) -> pd.DataFrame:
        """The mean counts read at given times, ascending within each group; NaN after a group's last observed time.

        `n_risk` is the number under observation just before the time, `n_event` counts since the time read before.
        """
        wanted = np.sort(asked_times(times))
        parts = [
            _read(self.cells[self.cells["code"] == code], wanted).assign(group=group)
            for code, group in enumerate(self.groups)
        ]
        read = pd.concat(parts, ignore_index=True)
        return self._limits(read, self.level if level is None else check_level(level))[TABLE]

    def difference(
        self, times: float | Sequence[float] | FloatArray, *, level: float | None = None
    ) -> pd.DataFrame:
        """Each later group's mean count less the first one's at given times: standard rows.

        The error is the robust one, clustered as the curves are; clusters with people of two groups correlate them.
        """
        if len(self.groups) < 2:
            raise UsageError("There is one group only, so there is no difference. Name group=.")
        wanted = np.sort(asked_times(times))
        value = self.at(wanted)["estimate"].to_numpy(float).reshape(len(self.groups), -1)
        influence = self.rows.influence(wanted)
        parts = []
        for k in range(1, len(self.groups)):
            gap = np.where(self.rows.codes == k, 1.0, np.where(self.rows.codes == 0, -1.0, 0.0))
            error = [
                float(np.sqrt(clustered_covariance((gap * column)[:, None], self.rows.follow.clusters)[0, 0]))
                for column in influence.T
            ]
            rows = tidy_frame(
                ["difference"] * len(wanted),
                value[k] - value[0],
                np.where(np.isnan(value[k] - value[0]), np.nan, error),
                level=self.level if level is None else check_level(level),
                leading={"group": f"{self.groups[k]} - {self.groups[0]}", "time": wanted},
            )
            parts.append(rows)
        return pd.concat(parts, ignore_index=True)

    def plot(self, ax: Axes | None = None, *, time_label: str = "Time") -> Axes:
        """The mean counts as steps with their bands on a matplotlib Axes; returns the Axes."""
        from ..core.draw.over_time import draw_over_time

        return draw_over_time(
            self._drawing(), ax, title="Mean number of events a person", time_label=time_label, steps=True
        )

    def alt_text(self) -> str:
        """The picture in words, from the same numbers."""
        from ..core.draw.over_time import over_time_alt

        return over_time_alt(self._drawing(), title="Mean number of events a person")

    def _drawing(self) -> pd.DataFrame:
        table = self.table
        starts = pd.DataFrame(
            {"group": self.groups, "time": 0.0, "estimate": 0.0, "conf_low": 0.0, "conf_high": 0.0}
        )
        both = pd.concat([starts, table[starts.columns]], ignore_index=True)
        both = both.sort_values(["group", "time"], kind="stable", ignore_index=True)
        return both if len(self.groups) > 1 else both.drop(columns="group")

    def _repr_html_(self) -> str:
        return frame_html(self.glance(), "Mean cumulative count")

    def _limits(self, rows: pd.DataFrame, level: float) -> pd.DataFrame:
        value, error = rows["estimate"].to_numpy(float), rows["std_error"].to_numpy(float)
        spread = float(critical(level)) * np.divide(error, value, out=np.zeros_like(value), where=value > 0)
        # Where nobody has had an event yet there is a count and no interval.
        low, high = (np.where(value > 0, value * np.exp(way * spread), np.nan) for way in (-1.0, 1.0))
        return rows.assign(conf_low=low, conf_high=high)


@dataclass(frozen=True, slots=True, eq=False)
class CountRows:
    """The rows of a mean cumulative count, a stratum for each group: what errors are made of.

    Attributes
    ----------
    count : (n,) events at the end of each row
    n, d : (m,) weighted number at risk, and of events
    """

    follow: FollowUp
    risk: RiskSet
    codes: IntArray
    count: FloatArray
    n: FloatArray
    d: FloatArray

    def steps(self) -> tuple[FloatArray, FloatArray]:
        """Jump and drift (m,) of a row's influence; see `step_curves.StepEstimate`."""
        jump = np.divide(1.0, self.n, out=np.zeros_like(self.n), where=self.d > 0)
        return jump, self.d * jump**2

    def influence(self, at: FloatArray) -> FloatArray:
        """Influence (n, k) of each row on its own group's mean count at times (k,)."""
        jump, drift = self.steps()
        total, own = running_sum(drift), np.append(jump, 0.0)[self.risk.own]
        out = np.zeros((len(self.codes), len(at)))
        for code in range(len(self.risk.first) - 1):
            rows = self.codes == code
            for k, upto in enumerate(self.risk.cells_upto(code, at).tolist()):
                had = np.where((self.risk.own >= 0) & (self.risk.own < upto), own * self.count, 0.0)
                met = total[np.minimum(self.risk.leave, upto)] - total[np.minimum(self.risk.enter, upto)]
                out[rows, k] = (self.follow.weight * (had - met))[rows]
        return out


def mean_cumulative_count(
    data: pd.DataFrame,
    time: str,
    event: str,
    *,
    id: str,
    entry: str | None = None,
    group: str | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    variance: Variance = "robust",
    level: float = 0.95,
) -> MeanCumulativeCount:
    r"""Mean number of events a person has had by each time (the mean cumulative function).

    .. math:: \hat M(t) = \sum_{t_j \le t} \frac{D_j}{N_j}

    with :math:`D_j` events, first or repeated, and :math:`N_j` people under observation at :math:`t_j`. Nothing is assumed of how
    one event makes the next likelier; censoring must not depend on the count. Where death ends follow-up, it is the mean
    among those still alive.

    Parameters
    ----------
    data : DataFrame, a row a period of a person
    time, event : end of the period, and whether an event happened then (0/1); a last row with 0 ends follow-up
    id : whose period it is
    entry : start of the period, so that time out of observation (custody) can be left out. Without it a person's periods
        follow each other from 0, and several events may be at one time.
    group : name of the column whose values have a curve each
    weights, cluster : analysis weights, on any scale; and what people belong together by, for a two-way variance
    variance : "robust" (default): Lawless and Nadeau's, the infinitesimal jackknife by person; "poisson" is right only
        where events are independent of each other, and too small otherwise
    level : of the intervals

    Returns
    -------
    MeanCumulativeCount
        `.table`, `.at(times)`, `.difference(times)`, `.plot()`.

    Raises
    ------
    DataError
        Periods of a person that overlap; bad times, events, weights.

    References
    ----------
    Lawless and Nadeau (1995) Technometrics 37:158-168. Cook and Lawless (2007) The Statistical Analysis of Recurrent
    Events, section 3.4.

    Examples
    --------
    Two people: one reoffends in months 2 and 5, the other never; both are followed for 6 months.

    >>> import pandas as pd
    >>> rows = pd.DataFrame({"who": [1, 1, 1, 2], "month": [2, 5, 6, 6], "event": [1, 1, 0, 0]})
    >>> mean_cumulative_count(rows, "month", "event", id="who").at([2, 6])[["time", "n_risk", "estimate"]]
       time  n_risk  estimate
    0   2.0     2.0       0.5
    1   6.0     2.0       1.0
    """
    choose("variance", variance, ["robust", "poisson"])
    if variance == "poisson" and (weights is not None or cluster is not None):
        raise UsageError("variance='poisson' is for rows without weights or cluster. Leave it out.")
    level = check_level(level)
    take = Columns(data)
    labelled = None if group is None else take.labels("group", group)
    found = read_recurrent(take, time, event, id=id, entry=entry, weights=weights, cluster=cluster)
    follow, count = found.follow, found.count
    codes, labels = (np.zeros(len(data), np.int64), ["all"]) if labelled is None else labelled
    present, codes = dense_codes(codes[follow.row])
    if not count.any():
        raise DataError(f"event={event!r} has no row equal to 1, so there is nothing to count.")
    risk = risk_set(follow.time, count > 0, follow.entry, codes, every_time=True)
    tally = risk.tally(follow.weight)
    events = risk.events(follow.weight * count)
    rows = CountRows(follow, risk, codes, count, tally.at_risk, events)
    increments = np.divide(events, tally.at_risk, out=np.zeros_like(events), where=events > 0)
    if variance == "poisson":
        spread = by_stratum(
            np.divide(events, tally.at_risk**2, out=np.zeros_like(events), where=events > 0), risk.first
        )
    else:
        spread = robust_variance(risk, follow.weight, follow.clusters, *rows.steps(), event=count)
    cells = pd.DataFrame(
        {
            "code": risk.stratum,
            "group": pd.Series([labels[k] for k in present.tolist()]).take(risk.stratum).to_numpy(),
            "time": risk.time,
            "n_risk": tally.at_risk,
            "n_event": events,
            "leaves": tally.leaving > 0,
            "estimate": by_stratum(increments, risk.first),
            "std_error": np.sqrt(spread),
        }
    )
    people = pd.Series(follow.clusters[0]).groupby(codes).nunique().to_numpy()
    words = {"poisson": "Poisson", "robust": "robust, clustered" + (" two ways" if cluster else "")}
    return MeanCumulativeCount(
        groups=tuple(labels[k] for k in present.tolist()),
        se_method=words[variance],
        level=level,
        cells=cells,
        people=people.astype(np.int64),
        rows=rows,
    )


def _read(cells: pd.DataFrame, times: FloatArray) -> pd.DataFrame:
    """One group's cells read at times (k,)."""
    at = cells["time"].to_numpy(float)
    wanted = snap(times, at)
    upto, ahead = np.searchsorted(at, wanted, side="right"), np.searchsorted(at, wanted, side="left")
    out = pd.DataFrame({"time": times, "n_risk": np.append(cells["n_risk"].to_numpy(float), 0.0)[ahead]})
    total = np.concatenate([[0.0], np.cumsum(cells["n_event"].to_numpy(float))])
    out["n_event"] = np.diff(total[np.concatenate([[0], upto])])
    for name in ("estimate", "std_error"):
        value = np.concatenate([[0.0], cells[name].to_numpy(float)])[upto]
        out[name] = np.where(wanted > at[-1], np.nan, value)
    return out
