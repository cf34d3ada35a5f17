"""Survival curves recomputed from rounded counts on a monthly grid, never from people's own times.

Raw counts come as one row a distinct time (:data:`RAW_COLUMNS`): n_risk just before it, n_event and n_censor
at it. Where they are weighted (:data:`OPTIONAL_COLUMNS`): n_risk_people and n_event_people, people and not
weights, for the thresholds; and ess, the effective number of people (the same in every row), for the limits.

Cumulative events under the threshold, zero among them, are one bin, and the curve takes its middle from the
first step on: it does not say when the first event was, nor that there was none. Their number is missing in
`events`. Rounding to the nearest odd base is midpoint rounding, each value the middle of what it stands for;
the bins are those of the counts in tables, because two sets of bins intersect to single counts (`rounding`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import special

from ..core.columns import BoolArray, FloatArray, IntArray
from ..core.errors import DisclosureError
from ..core.times import DAYS_PER_MONTH
from .rounding import SLACK, Settings, round_count

RAW_COLUMNS = ("analysis", "group", "outcome", "sample", "arm", "time", "n_risk", "n_event", "n_censor")
OPTIONAL_COLUMNS = ("n_risk_people", "n_event_people", "ess")
KEYS = ["analysis", "group", "outcome", "sample", "arm"]
VALUES = ["time", "n_risk", "events", "censored", "survival", "conf_low", "conf_high"]


@dataclass(frozen=True, slots=True)
class Withheld:
    """A curve that may not be shown, and why."""

    reason: str


@dataclass(slots=True)
class ReleasedCurves:
    """The released rows of every curve, and a line for the register about each that is not there."""

    frame: pd.DataFrame
    withheld: list[str] = field(default_factory=list)


def release_curve(
    counts: pd.DataFrame, settings: Settings, *, time_unit: str, level: float = 0.95
) -> pd.DataFrame | Withheld:
    r"""Product-limit survival of one group from rounded cumulative counts.

    With :math:`\hat E_k` the events up to and at grid time :math:`t_k`, :math:`\hat C_k` the people censored
    before it and :math:`\hat N` the people at the start, each rounded as every count of the release is,

    .. math:: d_k = \hat E_k - \hat E_{k-1},\quad c_k = \hat C_k - \hat C_{k-1},\quad
              n_k = \hat N - \hat E_{k-1} - \hat C_{k-1} - a\,c_k,\quad
              \hat S_k = \prod_{j \le k} (1 - d_j / n_j)

    with :math:`a = 1` where all times lie on the grid (months recorded as whole months: the censored left
    before this month's events) and :math:`a = 1/2` otherwise (the actuarial allowance for those who leave
    inside a step). Limits are Greenwood's, log-log, from the same counts: nothing else is released.

    Returns
    -------
    frame or Withheld
        time; n_risk: followed and without the event at that time; events (up to and at it) and censored
        (before it), cumulative; survival; conf_low, conf_high (missing for weighted counts without `ess`).

    References
    ----------
    OpenSAFELY km action (rounded Kaplan-Meier). Cutler & Ederer (1958) J Chronic Dis 8:699-712, for the half
    of the censored. Kalbfleisch & Prentice (2002) The Statistical Analysis of Failure Time Data, section 1.4,
    for the log-log limits.
    """
    raw = _Raw(counts)
    if reason := raw.refusal(settings):
        return Withheld(reason)
    times = _grid(raw.time[-1], time_unit)
    whole_steps = bool(np.isin(raw.time, times).all())
    upto, before = (np.searchsorted(raw.time, times, side=side) for side in ("right", "left"))
    upto[0] = 0  # events on the day of entry are shown with the first step
    events, few_events = _cumulative(raw.events, raw.event_people, upto, settings, zero_is_few=True)
    censored, few_censored = _cumulative(raw.censored, raw.censor_people, before, settings, zero_is_few=False)
    people = float(round_count(raw.n, settings.rounding))
    left = people - events - censored
    kept = _kept(np.minimum(left, raw.followed(upto, before)), settings.curve_min_at_risk)
    if few_events[1:kept].all():
        return Withheld(
            f"fewer than {settings.threshold} events while {settings.curve_min_at_risk} are at risk"
        )
    times, events, censored, left = (x[:kept] for x in (times, events, censored, left))
    d, c = np.diff(events, prepend=0.0), np.diff(censored, prepend=0.0)
    survival, greenwood = _product_limit(d, left + d + (0.0 if whole_steps else 0.5) * c)
    low, high = _log_log(survival, greenwood * raw.design_effect(), level)
    n_risk = left + d if whole_steps else left
    events[few_events[:kept]] = np.nan
    censored[few_censored[:kept]] = np.nan
    columns = (times, n_risk, events, censored, survival, low, high)
    return pd.DataFrame(dict(zip(VALUES, columns))).round({"survival": 6, "conf_low": 6, "conf_high": 6})


def release_curves(
    raw: pd.DataFrame, settings: Settings, *, time_unit: str, level: float = 0.95
) -> ReleasedCurves:
    """Every curve of the raw table (:data:`RAW_COLUMNS`, perhaps :data:`OPTIONAL_COLUMNS`), or why not."""
    parts: list[pd.DataFrame] = []
    withheld: list[str] = []
    for key, counts in raw.groupby(KEYS, sort=False, dropna=False):
        curve = release_curve(counts, settings, time_unit=time_unit, level=level)
        if isinstance(curve, Withheld):
            withheld.append(f"{', '.join(str(k) for k in key)}: {curve.reason}")
        else:
            named = dict(zip(KEYS, (str(k) for k in key)))
            parts.append(curve.assign(**named, suppressed=_marks(curve)))
    columns = [*KEYS, *VALUES, "suppressed"]
    frame = pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
    return ReleasedCurves(frame, withheld)


def _marks(curve: pd.DataFrame) -> list[str]:
    hidden = [(c, curve[c].isna().tolist()) for c in ("events", "censored")]
    return [" ".join(name for name, cells in hidden if cells[i]) for i in range(len(curve))]


def _grid(end: float, time_unit: str) -> FloatArray:
    """Times 0, one month, two months, ... up to `end`: whole days where time is in days."""
    month = DAYS_PER_MONTH if time_unit == "days" else 1.0
    times = np.arange(int(end / month) + 2) * month
    times = np.round(times) if time_unit == "days" else times
    return np.asarray(times[times <= end + SLACK])


class _Raw:
    """One curve's raw counts, checked."""

    def __init__(self, counts: pd.DataFrame) -> None:
        self.time, self.n_risk, self.events, self.censored = (
            counts[c].to_numpy(dtype=float) for c in ("time", "n_risk", "n_event", "n_censor")
        )
        self.n = float(self.n_risk[0])
        numbers = np.concatenate([self.n_risk, self.events, self.censored])
        after = np.append(self.n_risk[1:], 0.0)
        apart = np.abs(self.n_risk - self.events - self.censored - after) > 1e-6 * max(self.n, 1.0)
        unordered = (np.diff(self.time) <= 0).any()
        if not np.isfinite(numbers).all() or (numbers < -SLACK).any() or apart.any() or unordered:
            raise DisclosureError(
                "curves: the numbers at risk, with an event and censored do not add up, or times do not increase. "
                "Give one row for each distinct time, everyone entering at time 0. Nothing was released."
            )
        optional = [c for c in OPTIONAL_COLUMNS[:2] if c in counts.columns and counts[c].notna().all()]
        self.weighted = bool((np.abs(numbers - np.round(numbers)) > 1e-6).any())
        self.counted = len(optional) == 2
        names = OPTIONAL_COLUMNS[:2] if self.counted else ("n_risk", "n_event")
        self.risk_people, self.event_people = (counts[c].to_numpy(dtype=float) for c in names)
        self.censor_people = self.risk_people - self.event_people - np.append(self.risk_people[1:], 0.0)
        given = float(counts["ess"].iloc[0]) if "ess" in counts.columns else np.nan
        plain = not self.counted or np.array_equal(self.n_risk, self.risk_people)
        self.ess = given if np.isfinite(given) else self.n if plain else np.nan

    def refusal(self, settings: Settings) -> str:
        """Why there can be no curve at all, or the empty string."""
        if self.weighted and not self.counted:
            return "weighted counts came without n_risk_people and n_event_people to check them by"
        if min(self.n, float(self.risk_people[0])) < settings.curve_min_n:
            return f"fewer than {settings.curve_min_n} people"
        return ""

    def followed(self, upto: IntArray, before: IntArray) -> FloatArray:
        """People, not weights, followed and without the event at each grid time."""
        events, censored = (
            np.append(0.0, np.cumsum(x))[at]
            for x, at in ((self.event_people, upto), (self.censor_people, before))
        )
        return np.asarray(self.risk_people[0] - events - censored)

    def design_effect(self) -> float:
        """People for each effective person: what weighting does to a variance."""
        return self.n / self.ess


def _cumulative(
    counts: FloatArray, people: FloatArray, at: IntArray, settings: Settings, *, zero_is_few: bool
) -> tuple[FloatArray, BoolArray]:
    """Rounded cumulative counts at the grid times, and where too few people are behind one to show it.

    Where counts are weighted, a step is taken only once as many people as the base have gone since the
    last, or one heavy weight would show as a step of its own.
    """
    total, heads = (np.append(0.0, np.cumsum(x))[at] for x in (counts, people))
    if not np.array_equal(counts, people):
        held = 0
        for k in range(1, len(total)):
            if heads[k] - heads[held] < settings.rounding:
                total[k] = total[held]
            else:
                held = k
    few = np.minimum(total, heads) < settings.threshold - SLACK
    few &= (heads > SLACK) | zero_is_few
    few[0] = False  # nothing has happened at time 0, by definition
    middle = float(round_count(settings.threshold // 2, settings.rounding))
    return np.where(few, middle, round_count(total, settings.rounding)), few


def _kept(left: FloatArray, least: int) -> int:
    """How many grid times come before the first with fewer than `least` left."""
    short = np.flatnonzero(left < least)
    return int(short[0]) if len(short) else len(left)


def _product_limit(d: FloatArray, n: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Survival, and Greenwood's sum (the variance of its logarithm)."""
    return np.asarray(np.cumprod(1 - d / n)), np.asarray(np.cumsum(d / (n * (n - d))))


def _log_log(survival: FloatArray, variance: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Limits symmetrical on the scale log(-log S); 1 at time 0, missing where survival is still 1 later."""
    s = np.where(survival < 1, survival, np.nan)
    reach = float(special.ndtri((1 + level) / 2)) * np.sqrt(variance) / np.abs(np.log(s))
    low, high = s ** np.exp(reach), s ** np.exp(-reach)
    low[0] = high[0] = 1.0
    return np.asarray(low), np.asarray(high)
