"""Weights for adherence and the risks they give: one arm of a per-protocol analysis."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..core.columns import BoolArray, FloatArray, IntArray
from ..design.estimable import refuse_unidentified
from ..design.propensity import fit_logistic

STRETCHES = 6  # of follow-up, each with about as many deviations, over which the chance of one is level


@dataclass(frozen=True, slots=True)
class Setting:
    """Horizons (h,), length of the steps, and how the weights are made."""

    at: FloatArray
    step: float
    stabilised: bool
    truncate: float


@dataclass(frozen=True, slots=True)
class Arm:
    """People of one arm, each (n,): follow-up, event, day of deviating (inf: never), covariates (n, p), weight."""

    time: FloatArray
    event: BoolArray
    leave: FloatArray
    values: FloatArray
    terms: tuple[str, ...]
    weight: FloatArray

    def of(self, rows: IntArray) -> Arm:
        """Some of the people."""
        part = (self.time[rows], self.event[rows], self.leave[rows], self.values[rows])
        return Arm(*part, self.terms, self.weight[rows])

    def without_leaving(self) -> Arm:
        """The same people, none of whom deviates."""
        return replace(self, leave=np.full(len(self.time), np.inf))


@dataclass(frozen=True, slots=True)
class Rows:
    """Steps of adherent follow-up, a row each (m,): whose, start, stop, step, event at stop, deviating in it."""

    who: IntArray
    start: FloatArray
    stop: FloatArray
    step: IntArray
    event: BoolArray
    leaves: BoolArray


@dataclass(frozen=True, slots=True)
class Model:
    """Cumulative hazard of deviating by each row (m,), its slope (m, q), and the influence (n, q) of the coefficients."""

    cumulative: FloatArray
    slope: FloatArray
    influence: FloatArray


Found = list[tuple[FloatArray, FloatArray]]  # risks (h,) and influence (n, h), for each estimand


def arm_risks(people: Arm, setting: Setting) -> tuple[Found, dict[str, Any]]:
    """Per protocol, unweighted and by intention to treat; and what is to be said of the weights."""
    rows = _cut(people, setting)
    n, base = len(people.time), people.weight[rows.who]
    flat = np.ones(len(rows.who))
    weight, slopes = flat, []
    if rows.leaves.any():
        share = _share_before(people, rows)
        main = _model(rows, n, people.values, people.terms, share)
        weight = np.exp(main.cumulative)
        slopes = [(main.slope, main.influence)]
        if setting.stabilised:
            top = _model(rows, n, people.values[:, :0], (), share)
            weight = weight * np.exp(-top.cumulative)
            slopes.append((-top.slope, top.influence))
    at_risk = rows.stop > rows.start
    cap = float(np.quantile(weight[at_risk], setting.truncate)) if at_risk.any() else 1.0
    cut = weight > cap
    used = np.minimum(weight, cap)
    parts = [(np.where(cut[:, None], 0.0, slope), psi) for slope, psi in slopes]
    whole = _cut(people.without_leaving(), setting)
    found = [
        _risks(rows, base * used, n, setting.at, parts),
        _risks(rows, base, n, setting.at, []),
        _risks(whole, people.weight[whole.who], n, setting.at, []),
    ]
    summary = {
        "people": n,
        "deviating": int(rows.leaves.sum()),
        "events": int(rows.event.sum()),
        "largest_weight": float(weight[at_risk].max(initial=1.0)),
        "mean_weight": float(used[at_risk].mean()) if at_risk.any() else 1.0,
        "cap": cap,
        "n_truncated": len(np.unique(rows.who[cut & at_risk])),
    }
    return found, summary


def _cut(people: Arm, setting: Setting) -> Rows:
    """Adherent follow-up to the last horizon in steps. Who deviates at time zero does so in a step of no length."""
    last = float(setting.at.max())
    leaves = (people.leave < people.time) & (people.leave <= last)
    stop = np.minimum(np.where(leaves, people.leave, people.time), last)
    edges = np.arange(0.0, last + setting.step, setting.step)
    if (leaves & (people.leave == 0)).any():
        edges = np.concatenate([[0.0], edges])
    first = edges[1:] == 0
    who, k = np.nonzero((stop[:, None] > edges[:-1]) | first)
    ends = np.minimum(stop[who], edges[k + 1])
    final = np.append(who[1:] != who[:-1], True)
    happened = people.event & ~leaves & (people.time <= last)
    return Rows(who, edges[k], ends, k, happened[who] & final, leaves[who] & final)


def _share_before(people: Arm, rows: Rows) -> float:
    """Of a step's deviations, the share that come before its events: about a half, and 0 where days are those of the steps."""
    total, before = 0.0, 0.0
    for k in np.unique(rows.step[rows.leaves]):
        gone = np.sort(people.leave[rows.who[rows.leaves & (rows.step == k)]])
        ends = rows.stop[rows.event & (rows.step == k)]
        total += len(gone) * len(ends)
        before += float(np.searchsorted(gone, ends, side="left").sum())
    return before / total if total else 0.5


def _model(rows: Rows, n: int, values: FloatArray, terms: tuple[str, ...], share: float) -> Model:
    """Pooled logistic regression of deviating on the stretch of follow-up and the covariates."""
    place = _stretches(rows)
    there = np.unique(place[rows.leaves])
    among = np.isin(place, there)  # where nobody deviates, nobody is modelled to
    time = (place[:, None] == there[1:]).astype(float)
    x = np.column_stack([time, (values - values.mean(axis=0))[rows.who]])
    names = (*(f"stretch {k + 2} of follow-up" for k in range(time.shape[1])), *terms)
    hazard = np.zeros(len(x))
    if x.shape[1]:
        fitted = np.ascontiguousarray(x[among])
        refuse_unidentified(fitted, names)
        fit = fit_logistic(fitted, names, rows.leaves[among], role="the model of deviating")
        hazard[among], covariance = fit.score, fit.covariance
    else:
        hazard[among] = rows.leaves[among].mean()
        covariance = np.array([[1 / (hazard * (1 - hazard)).sum()]])
    x = np.column_stack([np.ones(len(x)), x])
    score = np.zeros((n, x.shape[1]))
    np.add.at(score, rows.who, x * (rows.leaves - hazard)[:, None])
    return Model(
        _so_far(-np.log1p(-hazard)[:, None], rows.who, share)[:, 0],
        _so_far(x * hazard[:, None], rows.who, share),
        score @ covariance,
    )


def _stretches(rows: Rows) -> IntArray:
    """The stretch (m,) of follow-up that each row lies in, from 0.

    A stretch ends with the step that brings it a sixth of the deviations. A step with more than that, and time zero, are
    stretches by themselves, and what is after the last deviation is one without any.
    """
    steps, counts = np.unique(rows.step[rows.leaves], return_counts=True)
    enough = counts.sum() / STRETCHES
    nought = rows.step[rows.stop == 0]
    cuts, so_far = set(nought.tolist()), 0
    for step, count in zip(steps.tolist(), counts.tolist()):
        if count > enough:
            cuts.add(step - 1)
        so_far += count
        if so_far >= enough or step in cuts:
            cuts.add(step)
            so_far = 0
    ends = np.array(sorted(cuts | {int(steps[-1])}))  # the last step of each
    return np.asarray(np.searchsorted(ends, rows.step, side="left"), dtype=np.int64)


def _so_far(values: FloatArray, who: IntArray, share: float) -> FloatArray:
    """For each row, the sum of its person's earlier rows and a share of its own; (m, q)."""
    total = np.cumsum(values, axis=0) - values
    first = np.flatnonzero(np.append(True, who[1:] != who[:-1]))
    before = total - np.repeat(total[first], np.diff(np.append(first, len(who))), axis=0)
    return np.asarray(before + share * values)


def _risks(
    rows: Rows, weight: FloatArray, n: int, at: FloatArray, parts: list[tuple[FloatArray, FloatArray]]
) -> tuple[FloatArray, FloatArray]:
    r"""One less the weighted product-limit estimate (h,), and its influence (n, h).

    Row `r` adds :math:`S(h) w_r \sum_{t \le h} (dN_r - Y_r d\Lambda) / (Y - dN)`; `parts` are the slopes (m, q) of the
    log weights in coefficients and the influence (n, q) of those.
    """
    real = rows.stop > rows.start
    times, place = np.unique(rows.stop[rows.event], return_inverse=True)
    deaths = np.bincount(place, weights=weight[rows.event], minlength=len(times))
    at_risk = _below(rows.start[real], weight[real], times) - _below(rows.stop[real], weight[real], times)
    left = at_risk - deaths
    over = np.divide(1.0, left, out=np.zeros(len(times)), where=left > 1e-12 * at_risk)
    survival = np.append(1.0, np.cumprod(np.where(over > 0, left / at_risk, 0.0)))
    drop = np.append(0.0, np.cumsum(deaths / at_risk * over))
    over = np.append(0.0, over)
    begun = np.searchsorted(times, rows.start, side="right")
    risks, influence = np.full(len(at), np.nan), np.zeros((n, len(at)))
    for h, end in enumerate(at):
        known = int(np.searchsorted(times, end, side="right"))
        if survival[known] > 0 and not (rows.stop >= end).any():
            continue
        risks[h] = 1 - survival[known]
        stopped = np.minimum(np.searchsorted(times, rows.stop, side="right"), known)
        happened = rows.event & (rows.stop <= end)
        own = happened * over[stopped] - (drop[stopped] - drop[np.minimum(begun, known)])
        own = survival[known] * weight * own
        influence[:, h] = np.bincount(rows.who, weights=own, minlength=n)
        for slope, psi in parts:
            influence[:, h] += psi @ (own @ slope)
    return risks, influence


def _below(values: FloatArray, weight: FloatArray, times: FloatArray) -> FloatArray:
    """Weight (k,) of the values that are strictly before each time."""
    order = np.argsort(values)
    total = np.append(0.0, np.cumsum(weight[order]))
    return np.asarray(total[np.searchsorted(values[order], times, side="left")])
