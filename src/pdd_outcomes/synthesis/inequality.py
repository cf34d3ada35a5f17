"""Absolute and relative inequality of groups' probabilities, each with an interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from ..core.columns import FloatArray
from ..core.results import TIDY, Shown, check_level
from .group_model import standard_row, to_ratio

POINTS = 4096  # of the fixed sequence that chance is averaged over

Index = Callable[[FloatArray, FloatArray], FloatArray]


@dataclass(frozen=True, slots=True, eq=False)
class GroupIndices:
    """What inequality is worked out from, of one column: probabilities (k,), covariance (k, k), shares (k,) adding to 1."""

    by: str
    p: FloatArray
    covariance: FloatArray = field(repr=False)
    share: FloatArray
    ordered: bool
    left_out: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Inequality(Shown):
    r"""How unequal the groups' adjusted probabilities are, with shares :math:`\pi_g` and mean :math:`\bar p = \sum \pi_g p_g`.

    Absolute: "range"; "between-group variance" :math:`\sum \pi_g (p_g - \bar p)^2`; for an ordered column the "slope index of
    inequality", the slope of :math:`p_g` on the group's midpoint :math:`x_g` in the ranking from 0 to 1 by weighted least
    squares, and the "absolute concentration index" :math:`2\sum \pi_g x_g p_g - \bar p`. Relative: "maximum over minimum";
    "Theil index" :math:`\sum \pi_g r_g \log r_g` and "mean log deviation" :math:`-\sum \pi_g \log r_g` of
    :math:`r_g = p_g/\bar p`; for an ordered column the "relative index of inequality", the line's height at rank 1 over that at
    rank 0, and the "relative concentration index". Ranks run in the order of the groups.

    A measure of spread is above nothing by chance alone, and more so for many and small groups. Its interval is made by asking
    how far apart the groups would have to be, in the proportions found, for what was found to be high or low: with the
    differences (of logits) multiplied by s and chance added, the limits are where the measure found has probability
    alpha/2 above and below. It starts at no inequality wherever chance would do. The others have the delta method's.

    References
    ----------
    Harper and Lynch (2005) Methods for Measuring Cancer Disparities, National Cancer Institute. Mackenbach and Kunst (1997)
    Social Science and Medicine 44:757-771, for the slope and relative indices. Kakwani, Wagstaff and van Doorslaer (1997)
    Journal of Econometrics 77:87-103, for concentration.
    """

    parts: tuple[GroupIndices, ...]
    level: float
    df: float

    def tidy(self, level: float | None = None) -> pd.DataFrame:
        """A row a column and measure: by, term, kind ("absolute", "relative"), the standard columns, groups, left_out, reason."""
        wanted = self.level if level is None else check_level(level)
        rows: list[dict[str, Any]] = []
        for part in self.parts:
            about = {"groups": len(part.p), "left_out": len(part.left_out)}
            if part.reason:
                for kind in ("absolute", "relative"):
                    empty = {**dict.fromkeys(TIDY, np.nan), "term": "inequality"}
                    rows.append(
                        {"by": part.by, "term": "", "kind": kind, **empty, **about, "reason": part.reason}
                    )
                continue
            found = [
                *_spread_rows(part, wanted, self.df),
                *(_order_rows(part, wanted, self.df) if part.ordered else []),
            ]
            found.sort(key=lambda row: str(row["kind"]))
            rows += [{"by": part.by, "term": "", "kind": "", **row, **about} for row in found]
        return pd.DataFrame(rows)

    def glance(self) -> pd.DataFrame:
        """A row a column: groups that were compared, those left out, whether their order means something."""
        return pd.DataFrame(
            {
                "by": [p.by for p in self.parts],
                "groups": [len(p.p) for p in self.parts],
                "left_out": [len(p.left_out) for p in self.parts],
                "ordered": [p.ordered for p in self.parts],
                "reason": [p.reason for p in self.parts],
            }
        )


def group_indices(
    by: str,
    p: FloatArray,
    covariance: FloatArray,
    share: FloatArray,
    ordered: bool,
    left_out: tuple[str, ...],
) -> GroupIndices:
    """The groups that can be compared; with fewer than two there is nothing to compare, and that is the reason."""
    reason = (
        "" if len(p) >= 2 else "fewer than two groups can be estimated, so there is no inequality to measure"
    )
    return GroupIndices(by, p, covariance, share / share.sum(), ordered and len(p) >= 3, left_out, reason)


# of spread: functions of probabilities (..., k) and shares (k,)


def range_index(p: FloatArray, share: FloatArray) -> FloatArray:
    """Highest less lowest."""
    return np.asarray(p.max(axis=-1) - p.min(axis=-1))


def ratio_index(p: FloatArray, share: FloatArray) -> FloatArray:
    """Highest over lowest."""
    return np.asarray(p.max(axis=-1) / p.min(axis=-1))


def between_group_variance(p: FloatArray, share: FloatArray) -> FloatArray:
    """Variance of the groups' probabilities, each group counting by its share."""
    return np.asarray((p - (p @ share)[..., None]) ** 2 @ share)


def theil_index(p: FloatArray, share: FloatArray) -> FloatArray:
    """Theil's T between groups."""
    r = p / (p @ share)[..., None]
    return np.asarray((r * np.log(r)) @ share)


def mean_log_deviation(p: FloatArray, share: FloatArray) -> FloatArray:
    """Theil's L between groups."""
    return np.asarray(-np.log(p / (p @ share)[..., None]) @ share)


SPREAD: tuple[tuple[str, str, Index, float], ...] = (
    ("range", "absolute", range_index, 0.0),
    ("between-group variance", "absolute", between_group_variance, 0.0),
    ("maximum over minimum", "relative", ratio_index, 1.0),
    ("Theil index", "relative", theil_index, 0.0),
    ("mean log deviation", "relative", mean_log_deviation, 0.0),
)


def _spread_rows(part: GroupIndices, level: float, df: float) -> list[dict[str, Any]]:
    centre, away, noise = _chance(part, df)
    rows = []
    for name, kind, index, least in SPREAD:
        found = float(index(part.p, part.share))
        low, high, reason = np.nan, np.nan, "the groups are all alike, to the last digit"
        if np.ptp(part.p) > 1e-12:
            low, high = _inverted(index, found, (centre, away, noise), part.share, level, least)
            reason = ""
        row = {
            **dict.fromkeys(TIDY, np.nan),
            "term": name,
            "estimate": found,
            "conf_low": low,
            "conf_high": high,
        }
        rows.append({**row, "kind": kind, "reason": reason})
    return rows


def _chance(part: GroupIndices, df: float) -> tuple[float, FloatArray, FloatArray]:
    """Mean logit, the groups' distances from it (k,), and chance errors of the logits (POINTS, k): a fixed Sobol sequence.

    With few clusters the errors are Student's t, of one multiplier for all groups.
    """
    from scipy.stats import qmc

    logit, k = special.logit(part.p), len(part.p)
    slope = 1 / (part.p * (1 - part.p))
    values, vectors = np.linalg.eigh(part.covariance * np.outer(slope, slope))
    root = vectors * np.sqrt(np.clip(values, 0, None))
    uniform = qmc.Sobol(k + 1, scramble=False).random(POINTS) + 0.5 / POINTS
    normal = special.ndtri(uniform[:, :k])
    if np.isfinite(df):
        normal = normal / np.sqrt(special.chdtri(df, 1 - uniform[:, k]) / df)[:, None]
    centre = float(part.share @ logit)
    return centre, logit - centre, normal @ root.T


def _inverted(
    index: Index,
    found: float,
    chance: tuple[float, FloatArray, FloatArray],
    share: FloatArray,
    level: float,
    least: float,
) -> tuple[float, float]:
    """Limits of a measure of spread: its value at the multiples s of the distances at which `found` would be extreme."""
    centre, away, noise = chance
    tail = (1 - level) / 2

    def above(s: float) -> float:
        return float((index(special.expit(centre + s * away + noise), share) >= found).mean())

    def at(s: float) -> float:
        return float(index(special.expit(centre + s * away), share))

    low = least if above(0.0) >= tail else at(_crossing(above, tail, 0.0, 1.0))
    top = 1.0
    while above(top) < 1 - tail and top < 64:
        top *= 2
    high = found if above(0.0) >= 1 - tail else at(_crossing(above, 1 - tail, 0.0, top))
    return low, max(high, found)  # a measure lower than chance alone would leave is still where it was found


def _crossing(above: Callable[[float], float], wanted: float, low: float, high: float) -> float:
    """Where a rising step function passes `wanted`, by halving."""
    for _ in range(24):
        middle = (low + high) / 2
        low, high = (middle, high) if above(middle) < wanted else (low, middle)
    return (low + high) / 2


# of order


def midpoints(share: FloatArray) -> FloatArray:
    """The middle of each group's place (k,) in a ranking from 0 to 1, of shares (k,) that add to 1."""
    return np.asarray(np.cumsum(share) - share / 2)


def _order_rows(part: GroupIndices, level: float, df: float) -> list[dict[str, Any]]:
    p, v, share = part.p, part.covariance, part.share
    x = midpoints(share)
    mean = float(share @ p)
    to_slope = share * (x - 0.5) / (share @ (x - 0.5) ** 2)
    to_concentration = share * (2 * x - 1)
    slope, concentration = float(to_slope @ p), float(to_concentration @ p)
    rows = []
    for name, kind, value, g in (
        ("slope index of inequality", "absolute", slope, to_slope),
        ("absolute concentration index", "absolute", concentration, to_concentration),
        (
            "relative concentration index",
            "relative",
            concentration / mean,
            to_concentration / mean - share * concentration / mean**2,
        ),
    ):
        rows.append({**_delta(name, value, g, v, level, df), "kind": kind, "reason": ""})
    ends = mean - slope / 2, mean + slope / 2
    relative: dict[str, Any] = {
        **dict.fromkeys(TIDY, np.nan),
        "term": "relative index of inequality",
        "kind": "relative",
    }
    if min(ends) <= 0:
        rows.append(
            {**relative, "reason": "the line through the groups falls below 0 at an end of the ranking"}
        )
        return rows
    g = (share + to_slope / 2) / ends[1] - (share - to_slope / 2) / ends[0]
    row = _delta("relative index of inequality", float(np.log(ends[1] / ends[0])), g, v, level, df)
    rows.append({**to_ratio(row), "kind": "relative", "reason": ""})
    return rows


def _delta(name: str, value: float, g: FloatArray, v: FloatArray, level: float, df: float) -> dict[str, Any]:
    error = float(np.sqrt(max(0.0, float(g @ v @ g))))
    return standard_row(name, value, error, level, df)
