"""Averages of group-time effects as weights, and their errors: by influence functions, or by leaving clusters out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.columns import BoolArray, FloatArray, IntArray
from ..core.sandwich import cluster_sums
from .group_time_fit import BASE, Cells

NOTHING = 1e-12  # of the outcome's size: an error under it is rounding
STILL = "the clusters do not differ, so there is no error to go by"
FEWEST_TREATED, FEWEST_CONTROLS = 2, 4  # clusters under which there is no interval


@dataclass(frozen=True, slots=True, eq=False)
class Averages:
    """R averages of k group-time effects, the last overall.

    Attributes
    ----------
    weights : (R, k), each row adding to 1; NaN where there is nothing to average
    moves : (R, G) how each average moves with the total weight of a group
    """

    weights: FloatArray
    moves: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Errors:
    """Errors of R estimates: std_error, df (R,), why one is missing or what it leaves out, and parts (C, R) of clusters."""

    std_error: FloatArray
    df: FloatArray
    reasons: tuple[str, ...]
    parts: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Support:
    """Which clusters an estimate rests on: treats, serves (C, R), as treated and as compared with."""

    treats: BoolArray
    serves: BoolArray


def members(kind: str, keys: Sequence[Any], cells: Cells, keep: BoolArray) -> BoolArray:
    """Which effects (R, k) each row is of: one a key, and the last overall, which is of those since treatment."""
    since = keep & (cells.event >= 0)
    value, of = {
        "simple": (cells.group, since),
        "event": (cells.event, keep),
        "group": (cells.group, since),
        "calendar": (cells.time, since),
    }[kind]
    return np.array([*(of & (value == key) for key in keys), since])


def averages(
    kind: str, keys: Sequence[Any], cells: Cells, keep: BoolArray, size: FloatArray, att: FloatArray
) -> Averages:
    """The averages of Callaway and Sant'Anna (2021), section 3.1, of the effects kept (k,), groups weighing size (G,)."""
    rows = members(kind, keys, cells, keep)
    weights, moves = np.full(rows.shape, np.nan), np.zeros((len(rows), len(size)))
    known = np.where(np.isfinite(att), att, 0.0)

    def ratio(row: int, groups: IntArray, values: FloatArray, spread: FloatArray) -> None:
        """Fills a row whose entries weigh as their groups do: spread (m, k) are the effects that an entry averages."""
        total = size[groups].sum()
        share = size[groups] / total
        weights[row] = share @ spread
        np.add.at(moves[row], groups, (values - share @ values) / total)

    for r in range(len(keys) + (kind == "simple")):
        here = np.flatnonzero(rows[r])
        if not len(here) or size[cells.group[here]].sum() == 0:
            continue
        if kind == "group":
            weights[r] = rows[r] / len(here)
        else:
            ratio(r, cells.group[here], known[here], np.eye(len(known))[here])
    filled = [r for r in range(len(keys)) if np.isfinite(weights[r, 0]) and (kind != "event" or keys[r] >= 0)]
    if kind == "group" and filled:
        ratio(-1, np.array([keys[r] for r in filled]), weights[filled] @ known, weights[filled])
    elif filled:
        weights[-1], moves[-1] = weights[filled].mean(axis=0), moves[filled].mean(axis=0)
    return Averages(weights, moves)


def same_exposure(weights: FloatArray, whole: FloatArray, event: FloatArray) -> FloatArray:
    """Weights (R, k) of what is left without a cluster, each time since the start weighing what it weighs in the whole.

    Without this an average of effects that grow would move with the mix of exposures, which is not chance.
    """
    _, at = np.unique(event, return_inverse=True)
    here = np.eye(int(at.max()) + 1)[at]  # (k, times)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = (whole @ here) / (weights @ here)
        moved = weights * np.where(np.isfinite(ratio), ratio, 0.0)[:, at]
        return np.asarray(moved / moved.sum(axis=1, keepdims=True))


def support(
    weights: FloatArray, cells: Cells, live: BoolArray, unit_group: IntArray, cluster: IntArray
) -> Support:
    """The clusters behind each row of weights (R, k); live (k,) are the effects that are not 0 by definition."""
    groups = len(cells.starts) + 1
    has = np.zeros((int(cluster.max()) + 1, groups), dtype=bool)
    has[cluster, unit_group] = True
    used = (np.nan_to_num(weights) != 0) & live
    own = used.astype(float) @ np.eye(groups)[cells.group]
    other = used.astype(float) @ cells.controls.astype(float)
    return Support((has.astype(float) @ own.T) > 0, (has.astype(float) @ other.T) > 0)


def by_influence(influence: FloatArray, cluster: IntArray, found: Support, scale: float) -> Errors:
    """Errors from the influence of units (n, R), added up within clusters, against the normal distribution."""
    parts = cluster_sums(influence, cluster)
    error = np.sqrt((parts**2).sum(axis=0))
    error[error <= NOTHING * scale] = np.nan
    treated, controls = int(found.treats.any(axis=1).sum()), int(found.serves.any(axis=1).sum())
    few = _too_few(treated, controls)
    reasons = []
    for r, count in enumerate(found.treats.sum(axis=0)):
        one = "of one treated cluster, whose own chance this error does not count: inference='jackknife' would not give one"
        reasons.append(BASE if not count else few or (one if count == 1 else ""))
        if not count or few:
            error[r] = np.nan
        elif np.isnan(error[r]):
            reasons[r] = STILL
    return Errors(error, np.full(len(error), np.inf), tuple(reasons), parts)


def by_jackknife(without: FloatArray, found: Support, scale: float) -> Errors:
    r"""Errors from the estimates without each cluster in turn, without (C, R), those treated and those compared apart.

    .. math:: V = \sum_{h} \frac{n_h - 1}{n_h} \sum_{c \in h} (\hat\theta_{(-c)} - \bar\theta_h)^2, \qquad
              df = V^2 \Big/ \sum_h \frac{V_h^2}{n_h - 1}

    over h, the clusters with units treated in the estimate and the clusters it only compares with (Efron 1982 The Jackknife,
    chapter 3, for samples of several strata; degrees of freedom of Satterthwaite 1946).
    """
    count, rows = without.shape
    error, df, parts = np.full(rows, np.nan), np.full(rows, np.nan), np.zeros((count, rows))
    reasons = []
    for r in range(rows):
        treats, serves = found.treats[:, r], found.serves[:, r]
        only = serves & ~treats
        strata = [treats, only] if only.sum() > 1 else [treats | only]
        reason = BASE if not treats.any() else _too_few(int(treats.sum()), int(serves.sum()))
        if not reason and np.isnan(without[treats | only, r]).any():
            reason = "without one of its clusters there is no such estimate, so its error cannot be told"
        reasons.append(reason)
        if reason:
            continue
        part = []
        for stratum in strata:
            n = int(stratum.sum())
            values = without[stratum, r]
            parts[stratum, r] = np.sqrt((n - 1) / n) * (values - values.mean())
            part.append((float((parts[stratum, r] ** 2).sum()), n - 1))
        variance = sum(v for v, _ in part)
        if variance <= (NOTHING * scale) ** 2:
            reasons[r] = STILL
            continue
        error[r] = np.sqrt(variance)
        df[r] = variance**2 / sum(v**2 / n for v, n in part)
    return Errors(error, df, tuple(reasons), parts)


def _too_few(treated: int, controls: int) -> str:
    if treated < FEWEST_TREATED:
        return f"of {treated} treated cluster: its own chance cannot be told from the effect, so there is no interval"
    if controls < FEWEST_CONTROLS:
        return (
            f"compared with {controls} cluster{'s' * (controls != 1)}, fewer than {FEWEST_CONTROLS}: their own chance cannot be "
            "told well enough for an interval"
        )
    return ""
