"""Maximum likelihood of a location-scale model of log time, censored on the right and truncated on the left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core.columns import BoolArray, FloatArray
from ..core.errors import DataError
from .parametric_families import Family

_MOST = 200  # rounds of Newton's method; ten are usual
_STEP = 1e-9  # change of a working parameter, beside its size and 1, at which it has converged
_NEAR = 1e-6  # such a change under which it has converged too, where rounding hides any gain
_FLAT = 1e-13  # smallest eigenvalue of the information's correlation matrix with which there is a top
_GONE = 1e-10  # information of the intercept, beside the weight of events, under which nothing is known of it
_ENOUGH = 15  # rounds on the flat: a step may cross a flat stretch, but not so many
_POINT = 20.0  # log scale, up or down, past which the error is nothing or everything


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


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """What the likelihood in b / sigma and 1 / sigma adds up: z = design @ (b / sigma, 1 / sigma), in which it is linear.

    Each part is a design (m, p + 1), a weight (m,), and whether the row adds a density or, where not, a survival (m,).
    """

    parts: tuple[tuple[FloatArray, FloatArray, BoolArray], ...]
    family: Family
    events: float  # their weight


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


def maximise(
    x: FloatArray, times: Times, family: Family, terms: Sequence[str], start: FloatArray | None = None
) -> Top:
    r"""The parameters at which the likelihood is largest, by Newton's method with halved steps.

    It climbs in :math:`\gamma=b/\sigma` and :math:`\tau=1/\sigma`, in which the likelihood of times censored on the right is
    concave for every family here (Olsen 1978; Burridge 1981): no start leads astray, and what climbs for ever has no top.

    Parameters
    ----------
    x : (n, p), the intercept and standardised covariates; terms : names of the p columns
    times : follow-up; family : of the error
    start : (p,) b, and the log scale after it unless that is known

    Raises
    ------
    DataError
        A likelihood without a maximum: events separated from everyone else, times that are fitted exactly, or too
        little follow-up after entry. What runs away is named.

    References
    ----------
    Olsen (1978) Econometrica 46:1211-1215. Burridge (1981) JRSS B 43:41-45.
    """
    p, centre = x.shape[1], float(times.weight @ times.end / times.weight.sum())
    sums = _sums(x, times, family, centre)
    start = starting_point(x, times, family) if start is None else start
    tau = 1.0 if family.scale_known else float(np.exp(-start[p]))
    here = np.append((start[:p] - centre * (np.arange(p) == 0)) * tau, tau)
    weakest, flat = np.zeros(p + 1), 0
    with np.errstate(over="ignore", invalid="ignore"):
        value, score, info = _climb(sums, here)
        for _ in range(_MOST):
            step, least, weakest = _newton_step(score, info)
            if (
                abs(info[0, 0]) < _GONE * sums.events
            ):  # the intercept has run off, and took the scale of the information along
                least, weakest = 0.0, np.eye(p + 1)[0]
            flat += abs(least) < _FLAT
            if flat == _ENOUGH or abs(np.log(here[p])) > _POINT:
                break
            size = float((np.abs(step) / np.append(1 + np.abs(here[:p]), here[p])).max())
            there = _uphill(sums, here, step, value - 1e-12 * (abs(value) + times.weight.sum()))
            if there is not None:
                here, (value, score, info) = there
            # with no gain to be had after a short step this is the top, to within rounding
            if least > _FLAT and size < (_NEAR if there is None else _STEP):
                found = np.append(here[:p] / here[p], -np.log(here[p]))[: len(start)]
                found[0] += centre
                return Top(found, *derivatives(x, times, family, found))
            if there is None:
                break
    raise DataError(_no_top(weakest, here, terms, times.entry is not None))


def _sums(x: FloatArray, times: Times, family: Family, centre: float) -> _Sums:
    """Ends less their centre; and entries where there are any, whose survival is divided out."""
    late = np.zeros(len(x), bool) if times.entry is None else np.isfinite(times.entry)
    parts = [(np.column_stack([-x, times.end - centre]), times.weight, times.event)]
    if times.entry is not None and late.any():
        before = np.column_stack([-x[late], times.entry[late] - centre])
        parts.append((before, -times.weight[late], np.zeros(len(before), bool)))
    return _Sums(tuple(parts), family, float(times.weight @ times.event))


def _climb(sums: _Sums, here: FloatArray) -> tuple[float, FloatArray, FloatArray]:
    """Log likelihood, score (p + 1,) and information (p + 1, p + 1) in b / sigma and 1 / sigma."""
    family, tau = sums.family, float(here[-1])
    total, score, info = 0.0, np.zeros(len(here)), np.zeros((len(here), len(here)))
    for design, weight, happened in sums.parts:
        z = design @ here
        value, first, second = (np.where(happened, d, s) for d, s in zip(family.density(z), family.survival(z)))
        total += float(weight @ value)
        score += design.T @ (weight * first)
        info -= design.T @ (design * (weight * second)[:, None])
    if family.scale_known:  # tau is 1 and stays there
        score[-1], info[-1], info[:, -1], info[-1, -1] = 0.0, 0.0, 0.0, 1.0
    else:
        total += sums.events * np.log(tau)
        score[-1] += sums.events / tau
        info[-1, -1] += sums.events / tau**2
    return (total if np.isfinite(total) else -np.inf), score, info


def _uphill(
    sums: _Sums, here: FloatArray, step: FloatArray, floor: float
) -> tuple[FloatArray, tuple[float, FloatArray, FloatArray]] | None:
    """The place after a step, halved until the likelihood is no lower than `floor`; None where that does not help."""
    if step[-1] < 0:
        step = step * min(1.0, 0.9 * here[-1] / -step[-1])  # 1 / sigma stays above 0
    for _ in range(60):
        there = _climb(sums, here + step)
        if there[0] >= floor and np.isfinite(there[2]).all():
            return here + step, there
        step = step / 2
    return None


def _newton_step(score: FloatArray, info: FloatArray) -> tuple[FloatArray, float, FloatArray]:
    """A step uphill (q,); the least eigenvalue of the information's correlation matrix; the direction (q,) it belongs to.

    Where the likelihood bends the wrong way, as truncation can make it do, the bend is turned.
    """
    spread = np.sqrt(np.abs(np.diag(info)))
    spread = np.maximum(spread, 1e-10 * max(float(spread.max()), 1e-150))
    values, vectors = np.linalg.eigh(info / np.outer(spread, spread))
    along = (vectors.T @ (score / spread)) / np.maximum(np.abs(values), _FLAT)
    return np.asarray((vectors @ along) / spread), float(values[0]), np.asarray(vectors[:, 0] / spread)


def _no_top(weakest: FloatArray, here: FloatArray, terms: Sequence[str], truncated: bool) -> str:
    """Why there is no maximum, from the direction (p + 1,) in which the likelihood bends least."""
    tau = here[-1]
    shrinks = abs(float(weakest[-1])) / tau  # of the log scale
    b = np.abs(weakest[:-1] - here[:-1] * weakest[-1] / tau) / tau  # of the parameters themselves
    if np.log(tau) > _POINT or shrinks > (b[0] if truncated else b.max()):
        return (
            "The likelihood has no maximum: it rises without end as the scale shrinks to 0, where the model fits every event's "
            "time exactly. So it is with as many terms as events, with events all at one time, or with one event after all "
            "other follow-up. Leave terms out, or use distribution='exponential', which has no scale to estimate."
        )
    runs = [
        f"{name!r} ({'up' if value > 0 else 'down'})"
        for name, value, size in list(zip(terms, here, b / b.max()))[1:]
        if size > 0.05
    ]
    if truncated and (not runs or b[0] > 0.05 * b.max()):
        return (
            "The likelihood has no maximum that can be found: after entry people are followed for too short a part of "
            "their time to tell the intercept and the scale apart. Leave out entry if they were under observation before it, "
            "use distribution='exponential', or report the model as not estimable."
        )
    return (
        f"The likelihood has no maximum that can be found: it keeps rising as the coefficients grow of {', '.join(runs) or 'its terms'}. "
        "There the events are separated from everyone else, as where a group has none. Leave a term out, merge categories, "
        "or report it as not estimable."
    )


def starting_point(x: FloatArray, times: Times, family: Family) -> FloatArray:
    """Log of follow-up time per event as the intercept, no effects, scale 1."""
    q = x.shape[1] + (not family.scale_known)
    out = np.zeros(q)
    total = times.weight @ np.exp(times.end - times.end.max())
    out[0] = np.log(total / (times.weight @ times.event)) + times.end.max()
    return out
