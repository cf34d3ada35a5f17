"""Newton's method for a Cox model, and what may stop it, named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core.columns import FloatArray
from ..core.errors import DataError
from .cox_likelihood import Point, Sample, Slope, likelihood, slope

_STEP = 1e-9  # largest change of a working coefficient at which iteration has converged
_MOST = 60  # iterations; ten are usual
_FLAT = 1e-9  # share of its information at 0 under which a term's likelihood has gone flat
_COLLINEAR = 1e-10  # smallest eigenvalue of the information's correlation matrix

Terms = Sequence[str]


@dataclass(frozen=True, slots=True, eq=False)
class Maximum:
    """The maximum of a Cox likelihood, and its value and score test at 0."""

    point: Point
    slope: Slope
    loglik_null: float
    score_statistic: float
    iterations: int


def maximise(sample: Sample, terms: Terms) -> Maximum:
    """The coefficients at which the partial likelihood is largest.

    Raises
    ------
    DataError
        A term that does not vary where events happen, terms that are collinear, or a likelihood that has
        no maximum because a term parts the events from everyone else (monotone likelihood).
    """
    point = likelihood(sample, np.zeros(sample.x.shape[1]))
    here = slope(sample, point)
    null, start = point.loglik, here
    _check_information(here.information, float(sample.dying.sum()), terms)
    _check_one_sided(sample, terms)
    size, stuck = np.inf, 0
    for iteration in range(1, _MOST + 1):
        step = _newton_step(here, start, terms)
        last, size = size, float(np.abs(step).max())
        if size < _STEP:
            score = float(start.score @ np.linalg.solve(start.information, start.score))
            return Maximum(point, here, null, score, iteration - 1)
        better = _uphill(sample, point, step)
        gain = 0.0 if better is None else better.loglik - point.loglik
        flat = gain <= 1e-9 * (abs(point.loglik) + 0.1)
        stuck = stuck + 1 if flat and size > 1e-6 and size > last / 2 else 0
        if stuck == 3:
            raise DataError(_diverged(step, here, start, terms))
        if better is None:  # no step helps: at the top to within rounding, or nowhere
            if size < 1e-6:
                score = float(start.score @ np.linalg.solve(start.information, start.score))
                return Maximum(point, here, null, score, iteration)
            raise DataError(_diverged(step, here, start, terms))
        point = better
        here = slope(sample, point)
    raise DataError(_diverged(_newton_step(here, start, terms), here, start, terms))


def _uphill(sample: Sample, point: Point, step: FloatArray) -> Point | None:
    """The likelihood after the step, halved until it is no lower; None where twenty halvings do not help."""
    for _ in range(20):
        there = likelihood(sample, point.beta + step)
        if there.loglik >= point.loglik - 1e-13 * abs(point.loglik):
            return there
        step = step / 2
    return None


def _newton_step(here: Slope, start: Slope, terms: Terms) -> FloatArray:
    scale = np.sqrt(np.diag(here.information).clip(0))
    if (scale**2 < _FLAT * np.diag(start.information)).any():
        flat = np.where(scale**2 < _FLAT * np.diag(start.information), 1.0, 0.0)
        raise DataError(_diverged(flat * np.sign(here.score), here, start, terms))
    alike = here.information / np.outer(scale, scale)
    values, vectors = np.linalg.eigh(alike)
    if values[0] < _COLLINEAR:
        direction = vectors[:, 0] / scale
        raise DataError(_diverged(direction * np.sign(direction @ here.score), here, start, terms))
    return np.asarray((vectors @ ((vectors.T @ (here.score / scale)) / values)) / scale)


def _check_information(information: FloatArray, events: float, terms: Terms) -> None:
    """Every term varies in the risk sets, and none is a combination of others."""
    spread = np.diag(information)
    constant = [term for term, s in zip(terms, spread) if s < 1e-10 * events]
    if constant:
        raise DataError(
            f"{_names(constant)} not vary among the people at risk together when an event happens, so no "
            "coefficient can be estimated. Leave it out; within strata, it may be what the strata are made of."
        )
    scale = np.sqrt(spread)
    values, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    null = np.abs(vectors[:, values < _COLLINEAR])
    if null.shape[1]:
        together = [term for term, size in zip(terms, null.max(axis=1)) if size > 1e-4]
        raise DataError(
            f"Terms {together} are collinear: one is a combination of the others wherever an event happens. "
            "Leave one of them out."
        )


def _check_one_sided(sample: Sample, terms: Terms) -> None:
    """Every term's lowest, and highest, value is not the only one at which events happen."""
    struck = sample.x[sample.risk.event]
    low, high = struck.min(axis=0), struck.max(axis=0)
    problems = []
    for k in np.flatnonzero(low == high).tolist():
        column = sample.x[:, k]
        for side, end, runs in (("lowest", column.min(), "0"), ("highest", column.max(), "infinity")):
            if low[k] == end:
                apart = int((column != end).sum())
                problems.append(
                    f"{terms[k]!r} separates the events: all {len(struck)} of them are at its {side} value, and none "
                    f"of the {apart} rows at another value has the event. Its hazard ratio runs to {runs} and cannot be "
                    "estimated. Leave it out, merge categories, or report it as not estimable."
                )
    if problems:
        raise DataError(problems)


def _diverged(direction: FloatArray, here: Slope, start: Slope, terms: Terms) -> str:
    """What to say of a likelihood that keeps rising in a direction (p,)."""
    size = np.abs(direction) / max(float(np.abs(direction).max()), np.finfo(float).tiny)
    moving = [(term, d) for term, d, s in zip(terms, direction, size) if s > 0.01]
    if len(moving) == 1:
        term, way = moving[0]
        return (
            f"{term!r} separates the events: at each event time the person with the event has the "
            f"{'largest' if way > 0 else 'smallest'} value of it among those at risk. Its hazard ratio runs to "
            f"{'infinity' if way > 0 else '0'} and cannot be estimated. Leave it out, merge categories, or "
            "report it as not estimable."
        )
    said = ", ".join(f"{term} ({'up' if way > 0 else 'down'})" for term, way in moving)
    return (
        f"The likelihood has no maximum: it keeps rising as the coefficients of {said} move together, because "
        "together they separate the events from the people at risk. Leave one out or merge categories."
    )


def _names(terms: Terms) -> str:
    return f"{terms[0]!r} does" if len(terms) == 1 else f"{list(terms)} do"
