"""Aalen-Johansen cumulative incidence of one cause on a risk set, its errors, and each row's influence on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core.columns import BoolArray, FloatArray, IntArray
from ..core.sandwich import cluster_codes
from .kernels_clusters import clustered_incidence_squares
from .riskset import RiskSet, Tally, risk_set, running_sum
from .step_curves import by_stratum, survival_product


@dataclass(frozen=True, slots=True, eq=False)
class IncidenceSteps:
    """What every cause of a risk set shares; arrays are (m,).

    Attributes
    ----------
    n, d : (weighted) numbers at risk, and having any event
    tallies : of the weights, and of the rows
    events : (k, m) weighted, of each cause
    before, after : probability of no event so far, just before and just after each cell
    """

    risk: RiskSet
    weight: FloatArray
    tallies: tuple[Tally, Tally]
    events: FloatArray
    n: FloatArray
    d: FloatArray
    before: FloatArray
    after: FloatArray


def incidence_steps(risk: RiskSet, weight: FloatArray, place: IntArray, causes: int) -> IncidenceSteps:
    """The parts common to all causes; `risk` has the events of any, and `place` (n,) their cause, from 1, or 0."""
    table = risk.tally_by(weight, place, causes + 1)
    weighted = Tally(table.at_risk.sum(axis=1), table.events.sum(axis=1), table.leaving.sum(axis=1))
    rows = weighted if bool((weight == 1).all()) else risk.tally(np.ones(len(weight)))
    n, d = weighted.at_risk, weighted.events
    last = np.rint(rows.events) == np.rint(rows.at_risk)
    hazard = np.divide(d, n, out=np.zeros_like(d), where=d > 0)
    after = survival_product(np.where(last & (d > 0), 1.0, np.minimum(hazard, 1.0)), risk.first)
    before = np.concatenate([[1.0], after[:-1]])
    before[risk.first[:-1][np.diff(risk.first) > 0]] = 1.0
    events = np.ascontiguousarray(table.events[:, 1:].T)
    return IncidenceSteps(risk, weight, (weighted, rows), events, n, d, before, after)


def incidence(steps: IncidenceSteps, k: int) -> FloatArray:
    r"""Cumulative incidence :math:`\sum_j \hat S(t_j^-) D_{kj}/N_j` (m,) of the cause in place `k`, from 0."""
    events = steps.events[k]
    rate = np.divide(events, steps.n, out=np.zeros_like(events), where=events > 0)
    return by_stratum(steps.before * rate, steps.risk.first)


def aalen_variance(steps: IncidenceSteps, k: int, value: FloatArray) -> FloatArray:
    r"""Counting-process variance of a cumulative incidence, unweighted: (m,).

    .. math:: \sum_{t_j\le t}\hat S(t_j^-)^2\Big[\Big\{1-\frac{\hat F(t)-\hat F(t_j)}{\hat S(t_j)}\Big\}^2 c_{1j}
        + \Big\{\frac{\hat F(t)-\hat F(t_j)}{\hat S(t_j)}\Big\}^2 c_{2j}\Big],\quad
        c_{kj} = \frac{D_{kj}(N_j-D_{kj})}{N_j^2(N_j-1)}

    with k = 1 the cause and k = 2 all others; each cause's events are drawn by themselves, tied ones without replacement.

    References
    ----------
    Aalen (1978) Annals of Statistics 6:534-545. Gray (1988) Annals of Statistics 16:1141-1154, whose `cmprsk` has it.
    """
    first, events = steps.risk.first, steps.events[k]
    inverse = np.divide(1.0, steps.after, out=np.zeros_like(value), where=steps.after > 0)
    others = np.where(steps.after > 0, np.rint(steps.d - events), 0.0)
    own = steps.before**2 * _drawn(events, steps.n)
    rest = steps.before**2 * _drawn(others, steps.n)
    level = 1.0 + value * inverse
    constant = by_stratum(own * level**2 + rest * (value * inverse) ** 2, first)
    linear = by_stratum((own * level + rest * value * inverse) * inverse, first)
    square = by_stratum((own + rest) * inverse**2, first)
    return np.maximum(constant - 2 * value * linear + value**2 * square, 0.0)


def _drawn(d: FloatArray, n: FloatArray) -> FloatArray:
    """Variance of a hazard of d of n tied events, drawn without replacement; that of one event is 1 / n squared."""
    some = d > 0
    alone = np.where(d > 1, (n - d) / np.where(n > 1, n - 1, 1.0), 1.0)
    return np.divide(d * alone, n**2, out=np.zeros_like(d), where=some)


def jackknife_variance(
    steps: IncidenceSteps, k: int, of_cause: BoolArray, value: FloatArray, clusters: Sequence[IntArray]
) -> FloatArray:
    r"""Infinitesimal jackknife variance of a cumulative incidence (m,): squared totals of influence, by cluster.

    .. math:: \frac{\partial\hat F(t)}{\partial w_i} = \sum_{j: t_j\le t}\Big[
        \frac{\hat S(t_j^-)}{N_j}\Big(dN_{1ij}-Y_{ij}\frac{D_{1j}}{N_j}\Big)
        - \frac{\hat F(t)-\hat F(t_j)}{N_j-D_j}\Big(dN_{ij}-Y_{ij}\frac{D_j}{N_j}\Big)\Big]

    References
    ----------
    Therneau, `survival` vignette "Methods and formulae", on the infinitesimal jackknife.
    """
    codes = [np.asarray(c) for c in clusters] or [np.arange(len(steps.weight))]
    if len(codes) == 2:
        codes.append(cluster_codes(*codes))
    risk = steps.risk
    entering, leaving = risk.entering_rows(), risk.leaving_rows()
    parts = []
    for code in codes:
        part = np.zeros(len(risk.time))
        clustered_incidence_squares(
            risk.first,
            entering,
            leaving,
            of_cause.astype(float),
            risk.event.astype(float),
            steps.weight,
            code,
            _influence_steps(steps, k, value),
            value,
            part,
        )
        parts.append(part)
    return parts[0] if len(parts) == 1 else np.clip(parts[0] + parts[1] - parts[2], 0.0, None)


def _influence_steps(
    steps: IncidenceSteps, k: int, value: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Jumps and drifts of the influence; see `kernels.clustered_incidence_squares`."""
    events = steps.events[k]
    some = (steps.d > 0) & (steps.after > 0)
    per = np.divide(steps.before, steps.n, out=np.zeros_like(value), where=steps.n > 0)
    jump = np.divide(1.0, steps.n - steps.d, out=np.zeros_like(value), where=some)
    rate = np.divide(events, steps.n, out=np.zeros_like(value), where=steps.n > 0)
    hazard = np.divide(steps.d, steps.n, out=np.zeros_like(value), where=steps.n > 0)
    drift = jump * hazard
    return per + value * jump, value * jump, jump, per * rate + value * drift, drift


def incidence_influence(
    time: FloatArray,
    cause: IntArray,
    weights: FloatArray | None,
    at: FloatArray,
    entry: FloatArray | None = None,
    *,
    of: int = 1,
) -> tuple[FloatArray, FloatArray]:
    """Cumulative incidence of one cause in one group at given times, and every row's influence on it.

    The sum over clusters of squared sums of influence is the robust variance; influences of several groups laid on
    the same clusters give their covariance.

    Parameters
    ----------
    time, weights, entry : (n,) arrays; a row of weight 0 has no influence
    cause : (n,) 0 censored, otherwise the cause
    at : (k,) times
    of : the cause whose incidence it is

    Returns
    -------
    incidence (k,), influence (n, k); NaN after the last time at which anyone without an event is under observation
    """
    weight = np.ones(len(time)) if weights is None else np.asarray(weights, float)
    keep = weight > 0
    at = np.atleast_1d(np.asarray(at, float))
    risk = risk_set(time[keep], cause[keep] > 0, None if entry is None else entry[keep])
    of_cause = cause[keep] == of
    steps = incidence_steps(risk, weight[keep], of_cause.astype(np.int64), 1)
    value = incidence(steps, 0)
    jump_cause, jump_other, jump_any, drift_a, drift_b = _influence_steps(steps, 0, value)
    reach = risk.cells_upto(0, at)
    read = np.concatenate([[0.0], value])[reach]
    gone = (at > risk.ends[0] * (1 + 1e-9)) & (np.concatenate([[1.0], steps.after])[reach] > 0)
    run_a, run_b = running_sum(drift_a), running_sum(drift_b)
    own_a = np.where(of_cause, np.append(jump_cause, 0.0)[risk.own], np.append(jump_other, 0.0)[risk.own])
    own_b = np.append(jump_any, 0.0)[risk.own]
    influence = np.zeros((len(weight), len(at)))
    for k, upto in enumerate(reach.tolist()):
        had = (risk.own >= 0) & (risk.own < upto)
        to, since = np.minimum(risk.leave, upto), np.minimum(risk.enter, upto)
        a = np.where(had, own_a, 0.0) - (run_a[to] - run_a[since])
        b = np.where(had, own_b, 0.0) - (run_b[to] - run_b[since])
        influence[keep, k] = steps.weight * (a - read[k] * b)
    influence[:, gone] = np.nan
    return np.where(gone, np.nan, read), influence
