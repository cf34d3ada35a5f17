"""Influence of each row on a Kaplan-Meier probability or a restricted mean: what robust variances are built from."""

from __future__ import annotations

import numpy as np

from ..core.columns import BoolArray, FloatArray
from .riskset import RiskSet, risk_set, running_sum
from .step_curves import StepEstimate, step_estimate


def km_influence(
    time: FloatArray,
    event: BoolArray,
    weights: FloatArray | None,
    at: FloatArray,
    entry: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    r"""Kaplan-Meier survival of one group at given times, and every row's influence on it.

    .. math:: \psi_i(t) = w_i\frac{\partial\hat S(t)}{\partial w_i}
        = -w_i\hat S(t)\sum_{j: t_j\le t}\frac{dN_{ij} - Y_{ij}D_j/N_j}{N_j - D_j}

    The sum over clusters of squared sums of :math:`\psi` (`core.sandwich.clustered_covariance`) is
    the robust variance of the survival, and of the risk ``1 - survival``; influences of several
    groups' curves laid on the same clusters give their covariance.

    Parameters
    ----------
    time, event, weights, entry : (n,) arrays
        As in :func:`~pdd_outcomes.survival.kaplan_meier`; weights None is 1 each, and a row of weight 0 has
        no influence.
    at : (k,) array of times

    Returns
    -------
    survival : (k,) array
        NaN after the last time at which anyone is under observation, unless the curve has reached 0
        by then, where it stays 0.
    influence : (n, k) array
        NaN columns where the survival is NaN.
    """
    weight, keep, risk = _one_group(time, event, weights, entry)
    at = np.atleast_1d(np.asarray(at, float))
    step = step_estimate(risk, weight)
    reach = risk.cells_upto(0, at)
    survival = np.concatenate([[1.0], step.estimate])[reach]
    gone = (at > risk.ends[0] * (1 + 1e-9)) & (survival > 0)
    survival = np.where(gone, np.nan, survival)
    influence = np.zeros((len(keep), len(at)))
    drift = running_sum(step.drift)
    jump = np.concatenate([step.jump, [0.0]])[risk.own]  # own is -1 where there was no event
    for k, upto in enumerate(reach.tolist()):
        had = np.where((risk.own >= 0) & (risk.own < upto), jump, 0.0)
        expected = drift[np.minimum(risk.leave, upto)] - drift[np.minimum(risk.enter, upto)]
        influence[keep, k] = -weight * survival[k] * (had - expected)
    influence[:, gone] = np.nan
    return survival, influence


def rmst_influence(
    time: FloatArray,
    event: BoolArray,
    weights: FloatArray | None,
    tau: float,
    entry: FloatArray | None = None,
) -> tuple[float, FloatArray]:
    r"""Restricted mean survival time of one group to a horizon, and every row's influence on it.

    .. math:: \hat\mu(\tau) = \int_0^\tau \hat S(u)\,du,\qquad
        \psi_i = -w_i\sum_{j: t_j\le\tau}\frac{dN_{ij} - Y_{ij}D_j/N_j}{N_j - D_j}\int_{t_j}^{\tau}\hat S(u)\,du

    Parameters
    ----------
    time, event, weights, entry : (n,) arrays, as in :func:`km_influence`
    tau : horizon, in the units of `time`

    Returns
    -------
    value : float
        In the units of `time`; NaN where `tau` is after the last observed time and the curve has not reached 0.
    influence : (n,) array
        The sum over clusters of its squared sums is the robust variance of the value.
    """
    weight, keep, risk = _one_group(time, event, weights, entry)
    step = step_estimate(risk, weight)
    influence = np.full(len(keep), np.nan)
    if tau > follow_up_limit(risk, step)[0]:
        return float("nan"), influence
    value, after = area_under(risk, step, tau)
    drift = running_sum(step.drift * after)
    jump = np.concatenate([step.jump * after, [0.0]])[risk.own]
    influence[:] = 0.0
    influence[keep] = -weight * (np.where(risk.own >= 0, jump, 0.0) - (drift[risk.leave] - drift[risk.enter]))
    return value, influence


def area_under(risk: RiskSet, step: StepEstimate, tau: float, stratum: int = 0) -> tuple[float, FloatArray]:
    """Area under one stratum's curve to `tau`, and the area after each of its cells (0 from `tau` on)."""
    low, high = int(risk.first[stratum]), int(risk.first[stratum + 1])
    edges = np.concatenate([[0.0], np.minimum(risk.time[low:high], tau), [tau]])
    height = np.concatenate([[1.0], step.estimate[low:high]])
    areas = height * np.diff(edges)
    to_the_end = np.cumsum(areas[::-1])[::-1]
    return float(to_the_end[0]), np.append(to_the_end[1:], 0.0)[: high - low]


def follow_up_limit(risk: RiskSet, step: StepEstimate) -> FloatArray:
    """The latest horizon each stratum's curve supports (s,): its last observed time, or infinity if it reaches 0."""
    finish = np.array(
        [step.estimate[high - 1] if high > low else 1.0 for low, high in zip(risk.first, risk.first[1:])]
    )
    return np.where(finish == 0, np.inf, risk.ends)


def _one_group(
    time: FloatArray, event: BoolArray, weights: FloatArray | None, entry: FloatArray | None
) -> tuple[FloatArray, BoolArray, RiskSet]:
    time = np.asarray(time, float)
    weight = np.ones(len(time)) if weights is None else np.asarray(weights, float)
    keep = weight > 0
    risk = risk_set(
        time[keep], np.asarray(event, bool)[keep], None if entry is None else np.asarray(entry, float)[keep]
    )
    return weight[keep], keep, risk
