"""Averages of group-time effects as weights, and their errors: by influence functions, or by leaving clusters out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from ..core.columns import BoolArray, FloatArray, IntArray
from ..core.results import critical, two_sided_p
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
    """Errors of R estimates.

    Attributes
    ----------
    std_error, df : (R,); reasons : why one is missing, or what it leaves out
    parts : (C, R) of clusters, whose squares add up to the variance
    strata : (C, R) which clusters' parts are compared: 1 and 2, or 0 for none
    """

    std_error: FloatArray
    df: FloatArray
    reasons: tuple[str, ...]
    parts: FloatArray
    strata: IntArray


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
    for r in range(len(keys) + (kind == "simple")):
        here = np.flatnonzero(rows[r])
        groups = cells.group[here]
        if not len(here) or size[groups].sum() == 0:
            continue
        weights[r] = 0.0
        if kind == "group":
            weights[r, here] = 1 / len(here)
        else:
            weights[r, here], moves[r] = _by_size(groups, known[here], size)
    filled = [r for r in range(len(keys)) if np.isfinite(weights[r, 0]) and (kind != "event" or keys[r] >= 0)]
    if kind == "group" and filled:
        share, moves[-1] = _by_size(np.array([keys[r] for r in filled]), weights[filled] @ known, size)
        weights[-1] = share @ weights[filled]
    elif filled:
        weights[-1], moves[-1] = weights[filled].mean(axis=0), moves[filled].mean(axis=0)
    return Averages(weights, moves)


def _by_size(groups: IntArray, values: FloatArray, size: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Shares of m values that weigh as their groups do, and how their mean moves with the size of each group (G,)."""
    total = size[groups].sum()
    share = size[groups] / total
    return share, np.bincount(groups, (values - share @ values) / total, len(size)).astype(float)


def same_exposure(weights: FloatArray, whole: FloatArray, event: FloatArray) -> FloatArray:
    """Weights (R, k) of what is left without a cluster, each time since the start weighing what it weighs in the whole.

    Without this an average of effects that grow would move with the mix of exposures, which is not chance.
    """
    left, full = np.nan_to_num(weights), np.nan_to_num(whole)
    _, at = np.unique(event, return_inverse=True)
    order = np.argsort(at, kind="stable")
    first = np.searchsorted(at[order], np.arange(int(at.max()) + 1))
    has, had = (np.add.reduceat(w[:, order], first, axis=1) for w in (left, full))
    ratio = np.divide(had, has, out=np.zeros_like(had), where=has != 0)
    moved = left * ratio[:, at]
    total = moved.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(moved, total, out=np.full_like(moved, np.nan), where=total != 0))


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
    return Errors(
        error, np.full(len(error), np.inf), tuple(reasons), parts, np.zeros(parts.shape, dtype=np.int64)
    )


def by_jackknife(without: FloatArray, found: Support, scale: float) -> Errors:
    r"""Errors from the estimates without each cluster in turn, without (C, R), those treated and those compared apart.

    .. math:: V = \sum_{h} \frac{n_h - 1}{n_h} \sum_{c \in h} (\hat\theta_{(-c)} - \bar\theta_h)^2, \qquad
              df = V^2 \Big/ \sum_h \frac{V_h^2}{n_h - 1}

    over h, the clusters with units treated in the estimate and the clusters it only compares with (Efron 1982 The Jackknife,
    chapter 3, for samples of several strata; degrees of freedom of Satterthwaite 1946). For two groups and two periods it is
    Welch's t test of the changes.
    """
    count, rows = without.shape
    error, df, parts = np.full(rows, np.nan), np.full(rows, np.nan), np.zeros((count, rows))
    strata = np.zeros((count, rows), dtype=np.int64)
    reasons = []
    for r in range(rows):
        treats, serves = found.treats[:, r], found.serves[:, r]
        only = serves & ~treats
        reason = BASE if not treats.any() else _too_few(int(treats.sum()), int(serves.sum()))
        if not reason and np.isnan(without[treats | only, r]).any():
            reason = "without one of its clusters there is no such estimate, so its error cannot be told"
        if not reason:
            strata[:, r] = np.where(treats, 1, np.where(only, 2 if only.sum() > 1 else 1, 0))
            for h in (1, 2):
                here = strata[:, r] == h
                n = int(here.sum())
                if n:
                    values = without[here, r]
                    parts[here, r] = np.sqrt((n - 1) / n) * (values - values.mean())
            variance, freedom = spread(parts[None, :, r], strata[:, r], drawn=False)
            reason = STILL if variance[0] <= (NOTHING * scale) ** 2 else ""
            if not reason:
                error[r], df[r] = np.sqrt(variance[0]), freedom[0]
        reasons.append(reason)
    return Errors(error, df, tuple(reasons), parts, strata)


def spread(parts: FloatArray, strata: IntArray, *, drawn: bool) -> tuple[FloatArray, FloatArray]:
    """Variances (B,) of sums of the clusters' parts (B, C), and their degrees of freedom.

    Parts of the estimate have a mean of 0 in each stratum by making; those `drawn` by a multiplier have not.
    """
    total, below = np.zeros(len(parts)), np.zeros(len(parts))
    for h in (1, 2):
        here = parts[:, strata == h]
        n = here.shape[1]
        if n > 1:
            if drawn:
                here = (here - here.mean(axis=1, keepdims=True)) * np.sqrt(n / (n - 1))
            own = (here**2).sum(axis=1)
            total, below = total + own, below + own**2 / (n - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return total, np.asarray(total**2 / below)


def joint_critical(
    errors: Errors, rows: IntArray, level: float, rng: np.random.Generator, replicates: int
) -> FloatArray:
    r"""Critical values (m,) of m rows that hold all at once, by the multiplier bootstrap of the clusters' parts.

    Of influence functions: the quantile of the largest :math:`|\sum_c \xi_c \psi_{cr}| / se_r` over signs :math:`\xi`
    (Callaway and Sant'Anna 2021, algorithm 1). Of the jackknife each replicate is studentised by its own variance, with normal
    multipliers, and the least p-value over the rows takes the place of the largest z: with few clusters the errors vary, too.
    """
    parts, strata = errors.parts[:, rows], errors.strata[:, rows]
    if not strata.any():
        signs = rng.integers(0, 2, (replicates, len(parts))) * 2.0 - 1
        largest = np.abs(signs @ (parts / errors.std_error[rows])).max(axis=1)
        return np.full(len(rows), max(float(np.quantile(largest, level)), float(critical(level))))
    draws = rng.standard_normal((replicates, len(parts)))
    least = np.ones(replicates)
    for r in range(len(rows)):
        drawn = draws * parts[:, r]
        variance, df = spread(drawn, strata[:, r], drawn=True)
        least = np.minimum(least, two_sided_p(drawn.sum(axis=1) / np.sqrt(variance), df))
    tail = min(float(np.quantile(least, 1 - level)), 1 - level) / 2
    return np.asarray(-special.stdtrit(errors.df[rows], tail))


def _too_few(treated: int, controls: int) -> str:
    if treated < FEWEST_TREATED:
        return f"of {treated} treated cluster: its own chance cannot be told from the effect, so there is no interval"
    if controls < FEWEST_CONTROLS:
        return (
            f"compared with {controls} cluster{'s' * (controls != 1)}, fewer than {FEWEST_CONTROLS}: their own chance cannot be "
            "told well enough for an interval"
        )
    return ""
