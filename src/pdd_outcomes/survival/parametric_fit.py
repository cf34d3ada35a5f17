"""Maximum likelihood of a location-scale model of log time, censored on the right and truncated on the left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core.columns import BoolArray, FloatArray
from ..core.errors import DataError
from .parametric_families import Family

_MOST = 200  # rounds of Newton's method; ten are usual
_STEP = 1e-9  # change of a working parameter at which it has converged


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """Logarithms of end and, where there is one, of entry (-inf where follow-up begins at 0); event; weight: (n,) each."""

    end: FloatArray
    entry: FloatArray | None
    event: BoolArray
    weight: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Top:
    """A maximum: parameters (q,), the last the log scale unless it is known; scores (n, q) weighted; information (q, q)."""

    parameters: FloatArray
    loglik: float
    scores: FloatArray
    information: FloatArray


def derivatives(
    x: FloatArray, times: Times, family: Family, parameters: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    r"""Log likelihood of the times, each row's weighted score (n, q), and the information (q, q).

    .. math:: \ell = \sum_i w_i\Big[\delta_i\{\log f(z_i) - \log\sigma - \log t_i\} + (1-\delta_i)\log S(z_i)
        - \log S(z_i^{\mathrm{entry}})\Big],\qquad z = \frac{\log t - x^\top b}{\sigma}
    """
    p = x.shape[1]
    log_scale = 0.0 if family.scale_known else float(parameters[p])
    sigma, location = np.exp(log_scale), x @ parameters[:p]
    happened = times.event
    z = (times.end - location) / sigma
    value, first, second = (np.where(happened, d, s) for d, s in zip(family.density(z), family.survival(z)))
    value = value - np.where(happened, log_scale + times.end, 0.0)
    own = -z * first - happened  # of the log scale
    cross, curve, own_curve = first + z * second, second, z * first + z**2 * second
    if times.entry is not None:
        late = np.isfinite(times.entry)
        start = (np.where(late, times.entry, 0.0) - location) / sigma
        gone, slope, bend = (np.where(late, part, 0.0) for part in family.survival(start))
        value = value - gone
        first, curve = first - slope, curve - bend
        own = own + start * slope
        cross = cross - (slope + start * bend)
        own_curve = own_curve - (start * slope + start**2 * bend)
    w = times.weight
    scores = x * (-w * first / sigma)[:, None]
    info = -(x * (w * curve / sigma**2)[:, None]).T @ x
    if not family.scale_known:
        scores = np.column_stack([scores, w * own])
        mixed = -x.T @ (w * cross / sigma)
        info = np.block([[info, mixed[:, None]], [mixed[None, :], np.array([[-(w @ own_curve)]])]])
    loglik = float(w @ value)
    return (loglik if np.isfinite(loglik) else -np.inf), scores, info


def maximise(x: FloatArray, times: Times, family: Family, terms: Sequence[str], start: FloatArray) -> Top:
    """The parameters at which the likelihood is largest, by Newton's method with halved steps.

    Raises
    ------
    DataError
        Terms without a maximum: events separated from everyone else.
    """
    here = start
    with np.errstate(over="ignore", invalid="ignore"):
        value, scores, info = derivatives(x, times, family, here)
        for _ in range(_MOST):
            step = _newton_step(scores.sum(axis=0), info)
            if np.abs(step).max() < _STEP:
                return Top(here, value, scores, info)
            for _ in range(40):
                there = derivatives(x, times, family, here + step)
                if there[0] >= value - 1e-12 * abs(value):
                    break
                step = step / 2
            else:
                break
            here = here + step
            value, scores, info = there
            if np.abs(here[1 : x.shape[1]]).max(initial=0.0) > 40:
                break
    grown = np.abs(here[1 : x.shape[1]])
    said = [t for t, size in zip(terms, grown) if size > 0.1 * grown.max(initial=0.0) and size > 5]
    raise DataError(
        f"The likelihood has no maximum that can be found: it keeps rising as the coefficients grow of {said or list(terms)}. "
        "There the events are separated from everyone else, as where a group has none. Leave a term out, merge categories, or "
        "report it as not estimable."
    )


def _newton_step(score: FloatArray, info: FloatArray) -> FloatArray:
    """Information and score to a step uphill: where the likelihood bends the wrong way its bends are turned."""
    values, vectors = np.linalg.eigh(info)
    floor = 1e-8 * max(float(np.abs(values).max()), 1e-300)
    step = vectors @ ((vectors.T @ score) / np.maximum(np.abs(values), floor))
    return np.asarray(step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-300)))


def starting_point(x: FloatArray, times: Times, family: Family) -> FloatArray:
    """Log of follow-up time per event as the intercept, no effects, scale 1."""
    q = x.shape[1] + (not family.scale_known)
    out = np.zeros(q)
    total = times.weight @ np.exp(times.end - times.end.max())
    out[0] = np.log(total / (times.weight @ times.event)) + times.end.max()
    return out
