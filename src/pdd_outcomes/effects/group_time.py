"""Group-time effects of a roll-out, and what they come to: on average, by exposure, by group, by calendar time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, FloatArray, IntArray
from ..core.errors import UsageError, choose
from ..core.results import HypothesisTest, NotEstimable, Shown, check_level, chi_square_test, tidy_frame
from ..core.sandwich import cluster_sums
from .group_time_errors import (
    Errors,
    averages,
    by_influence,
    by_jackknife,
    joint_critical,
    members,
    same_exposure,
    support,
)
from .group_time_fit import Cells, Fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Kind = Literal["simple", "event", "group", "calendar"]
LEADING = {"simple": None, "event": "event_time", "group": "group", "calendar": "time"}
FEW = 5  # clusters of a group under which its influence-function error is not to be believed
PER_TEST = 10  # clusters that each effect of a joint test wants


@dataclass(frozen=True, slots=True, eq=False)
class Aggregated(Shown):
    """Averages of group-time effects.

    Attributes
    ----------
    kind : "simple", "event", "group" or "calendar"
    keys : what each row but the last is of; the last row is the overall average
    estimates : (R,)
    errors : std_error and df (R,) (infinite where the error is of the influence functions), reasons why a row has no interval
        or what it leaves out, and each cluster's part of the error
    inference : "influence" or "jackknife"
    """

    kind: str
    keys: tuple[Any, ...]
    estimates: FloatArray
    errors: Errors = field(repr=False)
    inference: str
    level: float = 0.95

    def tidy(self, level: float | None = None) -> pd.DataFrame:
        """A row each of event_time, group or time, and the row "overall", with df and reason."""
        name = LEADING[self.kind]
        wanted = self.level if level is None else check_level(level)
        terms = [f"{str(name).replace('_', ' ')} {_word(key)}" for key in self.keys]
        frame = _rows([*terms, "overall"], self.estimates, self.errors, wanted, self.errors.reasons)
        if name is not None:
            frame.insert(0, name, pd.Series([*self.keys, None], dtype=object).convert_dtypes())
        return frame

    def glance(self) -> pd.DataFrame:
        """One row: the overall average and how its error was made."""
        last = self.tidy().iloc[[-1]].reset_index(drop=True)
        keep = ["estimate", "std_error", "conf_low", "conf_high", "p_value", "df", "reason"]
        return last[keep].assign(kind=self.kind, inference=self.inference, rows=len(self.keys))

    def bands(
        self, rng: np.random.Generator, replicates: int = 2000, *, level: float | None = None
    ) -> pd.DataFrame:
        """The rows without "overall", with band_low and band_high that hold all of them at once.

        By the multiplier bootstrap (`joint_critical`). A row without an error has no band and is not counted among them.
        """
        if not isinstance(rng, np.random.Generator):
            raise UsageError("rng must be numpy.random.default_rng(seed), so that the bands can be repeated.")
        if isinstance(replicates, bool) or not isinstance(replicates, (int, np.integer)) or replicates < 100:
            raise UsageError(f"replicates={replicates!r} must be a whole number of at least 100.")
        wanted = self.level if level is None else check_level(level)
        frame = self.tidy(wanted).iloc[:-1].copy()
        half = np.full(len(frame), np.nan)
        rows = np.flatnonzero(np.isfinite(self.errors.std_error[:-1]))
        if len(rows):
            many = joint_critical(self.errors, rows, wanted, rng, int(replicates))
            half[rows] = many * self.errors.std_error[rows]
        return frame.assign(band_low=self.estimates[:-1] - half, band_high=self.estimates[:-1] + half)

    def _frame(self, rng: np.random.Generator | None) -> pd.DataFrame:
        if self.kind != "event":
            raise UsageError(f"only aggregate(kind='event') has a picture, and this is of kind {self.kind!r}.")
        if rng is not None:
            return self.bands(rng)
        return self.tidy().iloc[:-1].assign(band_low=np.nan, band_high=np.nan)

    def plot(
        self, ax: Axes | None = None, *, rng: np.random.Generator | None = None, title: str = "Effect"
    ) -> Axes:
        """The event study: effects by time since the start, hollow before it; with `rng` simultaneous bands, too."""
        from ..core.draw.event_study import draw_event_study

        return draw_event_study(self._frame(rng), ax, title=title)

    def alt_text(self, *, rng: np.random.Generator | None = None, title: str = "Effect") -> str:
        """The event study in words, from the same numbers."""
        from ..core.draw.event_study import event_study_alt

        return event_study_alt(self._frame(rng), title=title)


@dataclass(frozen=True, slots=True, eq=False)
class GroupTime(Shown):
    """Effects of a roll-out in each group (units that started together) at each time.

    Attributes
    ----------
    cells : which effects; fitted : the effects, the units' influence (n, k) and reasons
    groups, periods : labels of the groups and of the panel's periods
    times : (T,) the periods as numbers
    unit_group : (n,) the group of each unit, the number of groups for the never treated; weight (n,); cluster (n,) codes
    without : effects (C, k) and group weights (C, G) without each cluster in turn, where inference is "jackknife"
    n_treated, n_control : (k,) units compared
    dropped : units left out because they were treated from the first period on
    """

    cells: Cells = field(repr=False)
    fitted: Fitted = field(repr=False)
    groups: tuple[Any, ...]
    periods: tuple[Any, ...]
    times: FloatArray = field(repr=False)
    unit_group: IntArray = field(repr=False)
    weight: FloatArray = field(repr=False)
    cluster: IntArray = field(repr=False)
    without: tuple[FloatArray, FloatArray] | None = field(repr=False)
    n_treated: IntArray = field(repr=False)
    n_control: IntArray = field(repr=False)
    dropped: int
    control: str
    method: str
    base: str
    anticipation: float
    inference: str
    level: float = 0.95

    def tidy(self, level: float | None = None) -> pd.DataFrame:
        """A row a group and time: group, time, then the standard columns, df, n_treated, n_control, reason."""
        wanted = self.level if level is None else check_level(level)
        without = None if self.without is None else self.without[0]
        errors = self._errors(np.eye(len(self.fitted.att)), self.fitted.influence, without)
        group = [self.groups[g] for g in self.cells.group]
        time = [self.periods[t] for t in self.cells.time]
        terms = [f"ATT({_word(g)}, {_word(t)})" for g, t in zip(group, time)]
        reasons = [a or b for a, b in zip(self.fitted.reasons, errors.reasons)]
        frame = _rows(terms, self.fitted.att, errors, wanted, reasons)
        frame.insert(0, "group", group)
        frame.insert(1, "time", time)
        frame.insert(len(frame.columns) - 1, "n_treated", self.n_treated)
        frame.insert(len(frame.columns) - 1, "n_control", self.n_control)
        return frame

    def glance(self) -> pd.DataFrame:
        """One row: units, groups, clusters, those left out, and the choices made."""
        never = int((self.unit_group == len(self.cells.starts)).sum())
        return pd.DataFrame(
            {
                "n_units": [len(self.unit_group)],
                "n_treated": [len(self.unit_group) - never],
                "n_never": [never],
                "n_clusters": [int(self.cluster.max()) + 1],
                "n_groups": [len(self.groups)],
                "n_periods": [len(self.periods)],
                "effects": [int(np.isfinite(self.fitted.att).sum())],
                "not_estimable": [int(np.isnan(self.fitted.att).sum())],
                "dropped": [self.dropped],
                "control": [self.control],
                "method": [self.method],
                "base": [self.base],
                "anticipation": [self.anticipation],
                "inference": [self.inference],
            }
        )

    def aggregate(
        self,
        kind: Kind = "simple",
        lowest: float | None = None,
        highest: float | None = None,
        balance: float | None = None,
    ) -> Aggregated:
        r"""Averages of the group-time effects, each group weighing as many units as it has (Callaway and Sant'Anna 2021, section 3).

        "simple": all effects since treatment. "event": by time since the start, with the unweighted average of all from the
        start on overall. "group": each group's average since its start, overall weighted by size: the effect on a unit
        treated at some time, and the summary the authors recommend. "calendar": by period, with their unweighted average.

        Parameters
        ----------
        lowest, highest : the times since the start that are kept; `highest` also for "simple" and "group"
        balance : for "event", only groups seen so long after their start, so that every row up to then is of the same groups
        """
        choose("kind", kind, list(LEADING))
        if kind != "event" and (lowest is not None or balance is not None):
            raise UsageError("lowest and balance are for kind='event'.")
        if kind == "calendar" and highest is not None:
            raise UsageError("highest is for kind='event', 'simple' and 'group'.")
        keep = self._kept(kind, lowest, highest, balance)
        able = np.isfinite(self.fitted.att)
        if not (keep & able & (self.cells.event >= 0)).any():
            raise UsageError("no effect since treatment is left to average. Keep more times since the start.")
        keys = self._keys(kind, keep & able)
        size = np.bincount(self.unit_group, self.weight, len(self.cells.starts) + 1)[:-1].astype(float)
        found = averages(kind, keys, self.cells, keep & able, size, self.fitted.att)
        influence = self.fitted.influence @ found.weights.T
        own = self.unit_group[:, None] == np.arange(len(size))
        influence = influence + (own * self.weight[:, None]) @ found.moves.T
        errors = self._errors(found.weights, influence, self._without(kind, keys, keep, found.weights))
        every = members(kind, keys, self.cells, keep)
        missing = [f"{int((row & ~able).sum())} of {int(row.sum())}" for row in every]
        left = [
            f"{words} group-time effects are not estimable and left out" if (row & ~able).any() else ""
            for words, row in zip(missing, every)
        ]
        return Aggregated(
            kind,
            self._labels(kind, keys),
            np.where(able, self.fitted.att, 0.0) @ found.weights.T,
            replace(errors, reasons=tuple("; ".join(filter(None, both)) for both in zip(errors.reasons, left))),
            self.inference,
            self.level,
        )

    def pre_trend_test(self) -> HypothesisTest | NotEstimable:
        r"""Wald test that all effects before treatment (and before its anticipation) are 0, :math:`\hat\tau^\top V^{-1} \hat\tau`.

        Not to reject is not to show that trends are parallel: look at the event study, too (Roth 2022 American Economic Review:
        Insights 4:305-322).
        """
        cells, name = self.cells, "effects before treatment"
        before = (cells.event < -self.anticipation) & np.isfinite(self.fitted.att)
        q = np.flatnonzero(before & (cells.time != cells.base))
        clusters = int(self.cluster.max()) + 1
        if not len(q):
            return NotEstimable(name, "no group has an effect before treatment: each is treated too early.")
        smallest = int(self._clusters_of_groups()[np.unique(cells.group[q])].min())
        if smallest < FEW:
            return NotEstimable(
                name,
                f"a group has {smallest} cluster{'s' * (smallest != 1)}, fewer than {FEW}: the variance of its effects cannot be "
                "told well enough for a joint test. Look at the event study before treatment.",
            )
        if clusters < PER_TEST * len(q):
            return NotEstimable(
                name,
                f"{len(q)} effects would be tested jointly with {clusters} clusters, fewer than {PER_TEST} for each. "
                "Look at the event study before treatment.",
            )
        parts = cluster_sums(self.fitted.influence[:, q], self.cluster)
        variance = parts.T @ parts
        scale = np.sqrt(np.diag(variance))
        if (scale == 0).any() or np.linalg.cond(variance / np.outer(scale, scale)) > 1e12:
            return NotEstimable(name, "the covariance of the effects before treatment is singular.")
        statistic = self.fitted.att[q] @ np.linalg.solve(variance, self.fitted.att[q])
        return chi_square_test([name], statistic, float(len(q)), "Wald test of the effects before treatment")

    def _clusters_of_groups(self) -> IntArray:
        """How many clusters each group (G,) has a unit in."""
        pairs = np.unique(np.column_stack([self.unit_group, self.cluster]), axis=0)
        return np.bincount(pairs[:, 0], minlength=len(self.cells.starts) + 1)[:-1]

    def _kept(self, kind: str, lowest: float | None, highest: float | None, balance: float | None) -> BoolArray:
        event = self.cells.event
        keep = np.ones(len(event), dtype=bool) if kind == "event" else event >= 0
        if balance is not None:
            first, last = self.times[0], self.times[-1]
            keep &= last - self.cells.starts[self.cells.group] >= balance
            keep &= (event <= balance) & (event >= balance - last + first)
        keep &= event >= (-np.inf if lowest is None else lowest)
        keep &= event <= (np.inf if highest is None else highest)
        return keep

    def _keys(self, kind: str, keep: BoolArray) -> list[Any]:
        """What the rows are of: times since the start, or places of groups or periods."""
        of = {"event": self.cells.event, "group": self.cells.group, "calendar": self.cells.time}
        return [] if kind == "simple" else np.unique(of[kind][keep]).tolist()

    def _labels(self, kind: str, keys: Sequence[Any]) -> tuple[Any, ...]:
        if kind == "event":
            return tuple(int(e) if float(e).is_integer() else e for e in keys)
        names = self.groups if kind == "group" else self.periods
        return tuple(names[key] for key in keys)

    def _without(self, kind: str, keys: Sequence[Any], keep: BoolArray, whole: FloatArray) -> FloatArray | None:
        """The averages (C, R) without each cluster in turn; NaN where nothing is left of one."""
        if self.without is None:
            return None
        rows = []
        for att, size in zip(*self.without):
            able = np.isfinite(att)
            left = averages(kind, keys, self.cells, keep & able, size, att).weights
            rows.append(same_exposure(left, whole, self.cells.event) @ np.where(able, att, 0.0))
        return np.array(rows)

    def _errors(self, weights: FloatArray, influence: FloatArray, without: FloatArray | None) -> Errors:
        live = self.cells.time != self.cells.base
        found = support(weights, self.cells, live, self.unit_group, self.cluster)
        if without is None:
            return by_influence(influence, self.cluster, found, self.fitted.scale)
        return by_jackknife(without, found, self.fitted.scale)


def _rows(
    terms: Sequence[str], estimates: FloatArray, errors: Errors, level: float, reasons: Sequence[str]
) -> pd.DataFrame:
    """Standard rows with df and reason, empty of error where there is none."""
    known = np.isfinite(errors.std_error)
    df = np.where(known, errors.df, np.inf)
    frame = tidy_frame(terms, estimates, errors.std_error, level=level, df=df)
    return frame.assign(df=np.where(known, errors.df, np.nan), reason=list(reasons))


def _word(label: Any) -> str:
    return f"{label:%Y-%m-%d}" if isinstance(label, pd.Timestamp) else str(label)
