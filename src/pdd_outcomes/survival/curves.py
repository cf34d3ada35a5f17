"""The result of a curve estimate: its table, readings at given times, quantiles, picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ..core.columns import FloatArray, IntArray
from ..core.errors import UsageError, choose
from ..core.results import Shown, check_level, frame_html
from ..core.times import asked_times
from .bands import equal_precision_value, hall_wellner_value, multiplier_value
from .curve_intervals import ConfType, curve_quantile, spread_interval, survival_interval
from .influence import km_influence
from .riskset import snap
from .roles import FollowUp

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TABLE = ["group", "time", "n_risk", "n_event", "n_censor", "estimate", "std_error", "conf_low", "conf_high"]


@dataclass(frozen=True, slots=True, eq=False)
class CurveRows:
    """The rows behind robust errors: follow-up and group code (n,)."""

    follow: FollowUp
    codes: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class SurvivalCurves(Shown):
    """Step curves, one a group.

    Attributes
    ----------
    groups : labels in sorted order; ("all",) where there was no grouping
    quantity : what `estimate` is
    estimator : "kaplan-meier", "nelson-aalen" or "fleming-harrington"
    se_method : where the standard errors come from, in words
    conf_type, level : of the intervals
    cells : a row for every distinct time, those of entry included (the table leaves these out),
        with `n_rows` and `effective`, the unweighted and the effective number at risk
    delayed : whether somebody came under observation after the start
    """

    groups: tuple[Any, ...]
    quantity: Literal["survival", "cumulative hazard"]
    estimator: str
    se_method: str
    conf_type: ConfType
    level: float
    cells: pd.DataFrame = field(repr=False)
    rows: CurveRows | None = field(default=None, repr=False)
    delayed: bool = False

    @property
    def table(self) -> pd.DataFrame:
        """A row for every time at which someone has the event or is censored, by group.

        `n_risk`, `n_event` and `n_censor` are sums of weights where there are weights.
        """
        shown = self.cells[self.cells["leaves"]].reset_index(drop=True)
        return self._limits(shown, self.level)[TABLE]

    def tidy(self, level: float | None = None) -> pd.DataFrame:
        """Standard rows keyed by group and time; an estimate along a curve has no null, so no statistic."""
        shown = self.cells[self.cells["leaves"]].reset_index(drop=True)
        rows = self._limits(shown, self.level if level is None else check_level(level))
        rows.insert(2, "term", self.quantity)
        return rows.assign(statistic=np.nan, p_value=np.nan)[
            ["group", "time", "term", "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]
        ]

    def glance(self) -> pd.DataFrame:
        """A row a group: rows (people, where each has one), events, weighted sums of both, median (survival) and last time."""
        rows = []
        for group, cells in self._by_group():
            rows.append(
                {
                    "group": group,
                    "n": int(cells["rows_left"].sum()),
                    "events": int(cells["rows_event"].sum()),
                    "sum_weights": cells["n_event"].sum() + cells["n_censor"].sum(),
                    "sum_weights_event": cells["n_event"].sum(),
                    "median": curve_quantile(_array(cells, "time"), self._survival(cells), 0.5),
                    "last_time": cells["time"].iloc[-1],
                    "estimator": self.estimator,
                    "se_method": self.se_method,
                }
            )
        return pd.DataFrame(rows)

    def at(self, times: float | Sequence[float] | FloatArray, *, level: float | None = None) -> pd.DataFrame:
        """The curves read at given times, in ascending order within each group.

        `n_risk` is the number at risk just before the time; `n_event` and `n_censor` count since the
        time read before (for the first, since the start). After the last time at which anyone of a group
        is under observation its estimate is NaN, unless the last who were at risk all had the event:
        the curve then stays where it is (survival 0).

        Returns
        -------
        DataFrame with the columns of `table`
        """
        wanted = np.sort(asked_times(times))
        parts = [
            _read(cells, wanted, self._finished(cells)).assign(group=group) for group, cells in self._by_group()
        ]
        read = pd.concat(parts, ignore_index=True)
        return self._limits(read, self.level if level is None else check_level(level))[TABLE]

    def numbers_at_risk(self, times: float | Sequence[float] | FloatArray) -> pd.DataFrame:
        """Who is at risk just before each time: group, time, n_risk (weighted), n_rows (people, where each has one row), effective.

        `effective` is the effective sample size of the risk set, (sum of w)^2 / sum of w^2.
        """
        wanted = np.sort(asked_times(times))
        parts = [_read(cells, wanted, False).assign(group=group) for group, cells in self._by_group()]
        return pd.concat(parts, ignore_index=True)[["group", "time", "n_risk", "n_rows", "effective"]]

    def quantile(self, p: float | Sequence[float] = 0.5) -> pd.DataFrame:
        """Times by which a share `p` has had the event, with limits from the curve's interval.

        NaN where the curve, or a limit of it, never falls so far. A stretch level at exactly ``1 - p``
        gives its middle, as R does.

        Returns
        -------
        DataFrame: group, p, estimate, conf_low, conf_high
        """
        shares = np.atleast_1d(np.asarray(p, float))
        if not ((shares > 0) & (shares < 1)).all():
            raise UsageError("p must lie between 0 and 1, such as 0.5 for the median.")
        rows = []
        for group, cells in self._by_group():
            limits = self._limits(cells, self.level)
            time, curve = _array(cells, "time"), self._survival(cells)
            low, high = _array(limits, "conf_low"), _array(limits, "conf_high")
            if self.quantity != "survival":
                low, high = np.exp(-high), np.exp(-low)
            for share in shares.tolist():
                first, last = (curve_quantile(time, limit, share) for limit in (low, high))
                rows.append((group, share, curve_quantile(time, curve, share), first, last))
        return pd.DataFrame(rows, columns=["group", "p", "estimate", "conf_low", "conf_high"])

    def bands(
        self,
        *,
        level: float | None = None,
        method: Literal["equal-precision", "hall-wellner"] = "equal-precision",
        span: tuple[float, float] | None = None,
        draws: int = 2000,
        rng: np.random.Generator | None = None,
    ) -> pd.DataFrame:
        """Simultaneous bands: the whole curve lies inside with probability `level`, over the times of `span`.

        Parameters
        ----------
        method : "equal-precision" (Nair), pointwise intervals with a larger critical value; "hall-wellner", wider at the
            start and narrower at the end
        span : first and last time, by default those of the first event and the last event that leaves someone
        draws, rng : where the curve is weighted or clustered the critical value is drawn (Lin, Fleming and Wei's
            multipliers), for which a Generator is needed; only equal precision then

        Returns
        -------
        DataFrame with group, time, estimate, band_low, band_high, critical_value; a row for each time of an event in the span
        """
        choose("method", method, ["equal-precision", "hall-wellner"])
        if self.quantity != "survival":
            raise UsageError("Bands are of survival. Ask kaplan_meier for them.")
        if self.rows is not None and (method != "equal-precision" or rng is None):
            raise UsageError(
                "Bands of a weighted or clustered curve are drawn: method='equal-precision' with rng=, such as "
                "numpy.random.default_rng(1)."
            )
        wanted = self.level if level is None else check_level(level)
        parts = []
        for code, (group, cells) in enumerate(self._by_group()):
            inside = cells[(cells["n_event"] > 0) & (cells["estimate"] > 0)]
            if span is not None:
                inside = inside[inside["time"].between(*span)]
            if not len(inside):
                raise UsageError(
                    f"Group {group!r} has no event in the span that leaves someone, so it has no band."
                )
            spread, value = self._band_spread(inside, code, method, wanted, draws, rng)
            low, high = spread_interval(_array(inside, "estimate"), spread, self.conf_type)
            frame = inside[["time", "estimate"]].assign(band_low=low, band_high=high, critical_value=value)
            frame.insert(0, "group", group)
            parts.append(frame)
        return pd.concat(parts, ignore_index=True)

    def _band_spread(
        self,
        inside: pd.DataFrame,
        code: int,
        method: str,
        level: float,
        draws: int,
        rng: np.random.Generator | None,
    ) -> tuple[FloatArray, float]:
        """Half-widths of log survival (k,) at the times of a band, and the critical value."""
        relative = _array(inside, "std_error") / _array(inside, "estimate")
        if self.rows is not None:
            assert rng is not None
            rows = self.rows.follow.among(self.rows.codes == code)
            at = _array(inside, "time")
            at = at[np.unique(np.linspace(0, len(at) - 1, 400).round().astype(int))]
            influence = km_influence(rows.time, rows.event, rows.weight, at, rows.entry)[1]
            value = multiplier_value(influence, rows.clusters, level, draws, rng)
            return value * relative, value
        n = float(self.cells.loc[self.cells["code"] == code, "rows_left"].sum())
        share = n * relative**2 / (1 + n * relative**2)
        low, high = float(share[0]), float(max(share[-1], share[0] * (1 + 1e-6)))
        if method == "equal-precision":
            value = equal_precision_value(low, high, level)
            return value * relative, value
        if self.delayed:
            raise UsageError(
                "Hall-Wellner bands count people from the start, and with entry rows come later. Take method='equal-precision'."
            )
        value = hall_wellner_value(low, high, level)
        return value * (1 + n * relative**2) / np.sqrt(n), value

    def _repr_html_(self) -> str:
        return frame_html(self.glance(), "Survival curves")

    def plot(
        self,
        ax: Axes | None = None,
        *,
        risk: bool = False,
        at_risk: Sequence[float] = (),
        time_label: str = "Time",
    ) -> Axes:
        """The curves on a matplotlib Axes: survival, or the risk ``1 - survival``; returns the Axes.

        `at_risk` are times to mark, under which the numbers at risk are written: people and, where they are
        weighted, the effective number.
        """
        from ..core.draw.at_risk import draw_at_risk
        from ..core.draw.curves import draw_curves

        ticks = sorted(at_risk) or None
        ax = draw_curves(
            self._drawing(), ax, y="risk" if risk else "survival", time_label=time_label, ticks=ticks
        )
        if not ticks:
            return ax
        numbers = self.numbers_at_risk(ticks)
        weighted = bool((abs(numbers["effective"] - numbers["n_rows"]) > 0.5).any())
        return draw_at_risk(numbers, ax, effective=weighted)

    def alt_text(self, *, risk: bool = False) -> str:
        """The picture in words, from the same numbers."""
        from ..core.draw.curves import curves_alt

        return curves_alt(self._drawing(), y="risk" if risk else "survival")

    def _drawing(self) -> pd.DataFrame:
        table = self.table
        if self.quantity == "survival":
            return table
        low, high = np.exp(-table["conf_high"]), np.exp(-table["conf_low"])
        return table.assign(estimate=np.exp(-table["estimate"]), conf_low=low, conf_high=high)

    def _by_group(self) -> list[tuple[Any, pd.DataFrame]]:
        code = self.cells["code"].to_numpy()
        edges = np.searchsorted(code, np.arange(len(self.groups) + 1))
        return [
            (group, self.cells.iloc[low:high]) for group, low, high in zip(self.groups, edges[:-1], edges[1:])
        ]

    def _survival(self, cells: pd.DataFrame) -> FloatArray:
        value = _array(cells, "estimate")
        return value if self.quantity == "survival" else np.exp(-value)

    def _finished(self, cells: pd.DataFrame) -> bool:
        end = cells.iloc[-1]
        return bool(end["rows_event"] == end["n_rows"]) or (
            self.quantity == "survival" and end["estimate"] == 0
        )

    def _limits(self, rows: pd.DataFrame, level: float) -> pd.DataFrame:
        value, error = _array(rows, "estimate"), _array(rows, "std_error")
        if self.quantity == "survival":
            low, high = survival_interval(value, error, self.conf_type, level)
        else:
            survival = np.exp(-value)
            low, high = survival_interval(survival, survival * error, self.conf_type, level)
            with np.errstate(divide="ignore"):
                low, high = -np.log(high) + 0.0, -np.log(low) + 0.0
        return rows.assign(conf_low=low, conf_high=high)


def _array(frame: pd.DataFrame, column: str) -> FloatArray:
    return frame[column].to_numpy(dtype=float)


def _read(cells: pd.DataFrame, times: FloatArray, finished: bool) -> pd.DataFrame:
    """One group's cells (m rows) read at times (k,)."""
    at = _array(cells, "time")
    wanted = snap(times, at)
    upto = np.searchsorted(at, wanted, side="right")
    ahead = np.searchsorted(at, wanted, side="left")
    out = pd.DataFrame({"time": times})
    for name in ("n_risk", "n_rows", "effective"):
        out[name] = np.append(_array(cells, name), 0.0)[ahead]
    for name in ("n_event", "n_censor"):
        out[name] = np.diff(
            np.concatenate([[0.0], np.cumsum(_array(cells, name))])[np.concatenate([[0], upto])]
        )
    beyond = wanted > at[-1]
    for name, start in (("estimate", 1.0 if cells["falls"].iloc[0] else 0.0), ("std_error", 0.0)):
        value = np.concatenate([[start], _array(cells, name)])[upto]
        out[name] = np.where(beyond & (not finished), np.nan, value)
    return out
