"""The cascade of engagement: how many reach each stage, of how many, and how long it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, Columns, FloatArray, IntArray
from ..core.errors import UsageError, did_you_mean, rows_phrase
from ..core.results import TIDY, Shown, check_level, critical

QUARTILES = (0.25, 0.5, 0.75)
NOBODY = "nobody reached the stage before"
NO_FIRST = "nobody reached the first stage"


@dataclass(frozen=True, slots=True, eq=False)
class Cascade(Shown):
    """Numbers, shares and times of the stages, from the first to the last.

    Attributes
    ----------
    stages : k names in order
    groups : g names; one, "all", where there is no `by`
    by : what the groups are of, or None
    number : (g, k) people who reached each stage
    filled : (g, k) of them, those counted only because they reached a later stage
    days : (g, k, 3) lower quartile, median and upper quartile of the days since `days_from`; NaN where unknown
    n_days : (g, k) people behind them
    days_from : k names of the stage from which days are counted; empty where the stage has no days
    """

    stages: tuple[str, ...]
    groups: tuple[str, ...]
    by: str | None
    number: IntArray
    filled: IntArray
    days: FloatArray = field(repr=False)
    n_days: IntArray = field(repr=False)
    days_from: tuple[str, ...]

    def frame(self, level: float = 0.95) -> pd.DataFrame:
        """A row a stage (and group): the table for a reader.

        group (with `by`), stage, number, filled, share_of_first, share_low, share_high, share_of_previous, previous_low,
        previous_high, days_from, n_days, days_lower_quartile, days_median, days_upper_quartile. Limits are Wilson's.
        """
        check_level(level)
        rows = []
        for g, group in enumerate(self.groups):
            for k, stage in enumerate(self.stages):
                row: dict[str, Any] = {} if self.by is None else {"group": group}
                row |= {
                    "stage": stage,
                    "number": int(self.number[g, k]),
                    "filled": int(self.filled[g, k]),
                }
                for name, short, of in (
                    ("share_of_first", "share", 0),
                    ("share_of_previous", "previous", k - 1),
                ):
                    share, low, high = wilson(row["number"], self._of(g, k, of), level)
                    row |= {name: share, f"{short}_low": low, f"{short}_high": high}
                row |= {"days_from": self.days_from[k], "n_days": int(self.n_days[g, k])}
                names = ("days_lower_quartile", "days_median", "days_upper_quartile")
                rows.append(row | dict(zip(names, self.days[g, k].tolist())))
        return pd.DataFrame(rows)

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """Standard rows: group (with `by`), stage, then term number, share_of_first, share_of_previous, days_median.

        `std_error` of a share is the binomial one; limits are Wilson's. `n` is how many a share or a median is of, and
        `reason` says why there is none. A number of people and a median have no interval here.
        """
        check_level(level)
        rows: list[dict[str, Any]] = []
        for g, group in enumerate(self.groups):
            for k, stage in enumerate(self.stages):
                key: dict[str, Any] = {} if self.by is None else {"group": group}
                key |= {"stage": stage}
                rows += [key | one for one in self._terms(g, k, level)]
        return pd.DataFrame(rows)

    def _terms(self, g: int, k: int, level: float) -> list[dict[str, Any]]:
        count = int(self.number[g, k])
        empty = dict.fromkeys(TIDY[1:], np.nan)
        rows: list[dict[str, Any]] = [
            {"term": "number", **empty, "estimate": float(count), "n": count, "reason": ""}
        ]
        for name, of in (("share_of_first", 0), ("share_of_previous", k - 1)):
            if of < 0:
                continue
            n = self._of(g, k, of)
            share, low, high = wilson(count, n, level)
            error = np.sqrt(share * (1 - share) / n) if n else np.nan
            reason = "" if n else (NO_FIRST if of == 0 else NOBODY)
            told = {"estimate": share, "std_error": error, "conf_low": low, "conf_high": high}
            rows.append({"term": name, **empty, **told, "n": n, "reason": reason})
        if self.days_from[k]:
            n = int(self.n_days[g, k])
            told = {"estimate": float(self.days[g, k, 1])}
            reason = "" if n else "nobody has the days of this stage and the one before"
            rows.append({"term": "days_median", **empty, **told, "n": n, "reason": reason})
        return rows

    def _of(self, g: int, k: int, of: int) -> int:
        """People whom a share is of: the number at stage `of`; at the first stage, its own for the first only."""
        return int(self.number[g, of]) if of >= 0 else 0

    def glance(self) -> pd.DataFrame:
        """A row a group: people at the first and the last stage, the share that is, and those counted by `fill`."""
        first, last = self.number[:, 0], self.number[:, -1]
        share = [wilson(int(b), int(a), 0.95)[0] for a, b in zip(first, last)]
        frame = pd.DataFrame(
            {"n_first": first, "n_last": last, "share": share, "n_filled": self.filled.sum(axis=1)}
        )
        if self.by is not None:
            frame.insert(0, "group", list(self.groups))
        return frame

    def plot(self, ax: Any = None) -> Any:
        """Bars of the shares of the first stage; takes and returns a matplotlib Axes."""
        from ..core.draw.cascade import draw_cascade

        return draw_cascade(self.frame(), ax)

    def alt_text(self) -> str:
        """The bars in words, and how many were counted at a stage that nobody recorded."""
        from ..core.draw.cascade import cascade_alt

        filled = int(self.filled.sum())
        said = (
            f" At {filled:,} places somebody is counted who is recorded at a later stage only."
            if filled
            else ""
        )
        return cascade_alt(self.frame()) + said


def cascade(
    data: pd.DataFrame,
    stages: Sequence[str],
    *,
    by: str | None = None,
    days: Mapping[str, str] | None = None,
    fill: bool = False,
) -> Cascade:
    r"""Numbers at each stage of engagement, their shares of the first and of the stage before, and days between stages.

    Shares have Wilson's interval, with :math:`z` the normal quantile,

    .. math:: \frac{\hat p + z^2/2n \pm z\sqrt{\hat p(1-\hat p)/n + z^2/4n^2}}{1 + z^2/n}.

    Parameters
    ----------
    data : one row a person
    stages : 0/1 columns in their order, such as eligible, offered, referred, contacted, assessed, attended, completed
    by : column of groups, such as the force; each has a cascade of its own
    days : stage to the column of its days from time zero, blank for who did not reach it. The quartiles (by linear
        interpolation) are of the days since the last earlier stage that has days, or since time zero; who has reached a
        stage and has no days is left out of them, and `n_days` says how many there are
    fill : count somebody who reached a later stage as having reached the earlier ones; otherwise that is an error. How
        many were so counted is in `filled`

    Raises
    ------
    UsageError, DataError
        Fewer than two stages; a stage that is not 0/1; a later stage without an earlier one; days that run backwards,
        or are given for somebody who did not reach the stage.

    References
    ----------
    Wilson (1927) JASA 22:209-212. Brown, Cai and DasGupta (2001) Statistical Science 16:101-133.
    """
    names, columns = _check_stages(stages, days)
    take = Columns(data)
    reached = np.column_stack([take.binary("stages", name, both=False) for name in names])
    when = {stage: _read_days(take, stage, column) for stage, column in columns.items()}
    group, groups = (np.zeros(len(data), dtype=np.int64), ["all"]) if by is None else take.labels("by", by)
    take.check()
    whole = np.logical_or.accumulate(reached[:, ::-1], axis=1)[:, ::-1]  # reached it, or one after it
    if not fill:
        _refuse_gaps(take, names, reached, whole)
    origin = _origins(names, columns)
    gaps = _gaps(take, names, whole, when, columns, origin)
    take.check()
    shape = (len(groups), len(names))
    number, filled, n_days = (np.zeros(shape, dtype=np.int64) for _ in range(3))
    quartiles = np.full((*shape, 3), np.nan)
    for g in range(len(groups)):
        here = group == g
        number[g] = whole[here].sum(axis=0)
        filled[g] = (whole & ~reached)[here].sum(axis=0)
        for stage, gap in gaps.items():
            k = names.index(stage)
            known = gap[here & whole[:, k] & ~np.isnan(gap)]
            n_days[g, k] = len(known)
            if len(known):
                quartiles[g, k] = np.quantile(known, QUARTILES)
    return Cascade(
        names, tuple(str(g) for g in groups), by, number, filled, quartiles, n_days, tuple(origin.values())
    )


def wilson(count: int, n: int, level: float = 0.95) -> tuple[float, float, float]:
    """Share with Wilson's interval: estimate, lower and upper limit; NaN where nobody could have been counted."""
    if n == 0:
        return np.nan, np.nan, np.nan
    z = float(critical(level))
    share = count / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    # exact at the ends, where the formula's rounding would leave something like 1e-18
    low = 0.0 if count == 0 else max(0.0, float(middle - half))
    return share, low, 1.0 if count == n else min(1.0, float(middle + half))


def _check_stages(
    stages: Sequence[str], days: Mapping[str, str] | None
) -> tuple[tuple[str, ...], dict[str, str]]:
    if isinstance(stages, str) or len(stages) < 2:
        raise UsageError("stages must be a list of at least two 0/1 columns, from the first stage to the last.")
    names = tuple(stages)
    columns = dict(days or {})
    problems = []
    if len(set(names)) != len(names):
        problems.append(f"stages names a column twice: {sorted({s for s in names if names.count(s) > 1})}.")
    problems += [
        f"days has {stage!r}, which is not a stage.{did_you_mean(str(stage), [str(s) for s in names])}"
        for stage in columns
        if stage not in names
    ]
    if problems:
        raise UsageError(problems)
    return names, columns


def _read_days(take: Columns, stage: str, column: str) -> FloatArray:
    """Days (n,), NaN where blank."""
    role = f"days[{stage!r}]"
    series = take.series(role, column)
    if series is None:
        return np.zeros(0)
    if series.dtype.kind not in "biuf":
        if not series.isna().all():
            take.problem(
                f"{role}={column!r} must be days as a number, and its type is {series.dtype}. Convert it before this call."
            )
        return np.full(len(series), np.nan)
    values = series.to_numpy(dtype=float, na_value=np.nan)
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        take.problem(
            f"{role}={column!r} is infinite for {rows_phrase(infinite.tolist(), len(values))}. Correct the extract."
        )
    return values


def _refuse_gaps(take: Columns, names: tuple[str, ...], reached: BoolArray, whole: BoolArray) -> None:
    for k, name in enumerate(names[:-1]):
        rows = np.flatnonzero(whole[:, k] & ~reached[:, k])
        if len(rows):
            take.problem(
                f"stages={name!r} is 0 and a later stage is 1 for {rows_phrase(rows.tolist(), len(reached))}. Correct the "
                "stages, or give fill=True to count these people as having reached it."
            )


def _origins(names: tuple[str, ...], columns: Mapping[str, str]) -> dict[str, str]:
    """From which stage the days of each stage are counted; empty where it has none."""
    origin, last = {}, "time zero"
    for name in names:
        origin[name] = last if name in columns else ""
        last = name if name in columns else last
    return origin


def _gaps(
    take: Columns,
    names: tuple[str, ...],
    whole: BoolArray,
    when: Mapping[str, FloatArray],
    columns: Mapping[str, str],
    origin: Mapping[str, str],
) -> dict[str, FloatArray]:
    """Days (n,) between each stage that has them and its origin; days that cannot be are noted as problems."""
    found = {}
    for stage, values in when.items():
        start = when.get(origin[stage], np.zeros(len(values)))
        gap = values - start
        backwards = np.flatnonzero(gap < 0)
        stray = np.flatnonzero(~np.isnan(values) & ~whole[:, names.index(stage)])
        said = f"days[{stage!r}]={columns[stage]!r}"
        if len(backwards):
            take.problem(
                f"{said} is before {origin[stage]} for {rows_phrase(backwards.tolist(), len(gap))}. Correct the dates."
            )
        if len(stray):
            take.problem(
                f"{said} is given although the stage is 0 for {rows_phrase(stray.tolist(), len(gap))}. "
                "Correct the stage, or leave the days blank."
            )
        found[stage] = gap
    return found
