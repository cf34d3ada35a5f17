"""Newton's method for a Cox model, and what may stop it, named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

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
    """The maximum of a (penalised) Cox likelihood, and its value and score test at 0."""

    point: Point
    slope: Slope
    loglik_null: float
    score_statistic: float
    iterations: int


def maximise(sample: Sample, terms: Terms) -> Maximum:
    """The coefficients at which the partial likelihood, less any ridge penalty, is largest.

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
    if not sample.penalty.any():
        _check_one_sided(sample, terms)
    size, stuck = np.inf, 0
    for iteration in range(_MOST):
        step = _newton_step(here, start)
        if step is None:
            break
        last, size = size, float(np.abs(step).max())
        if size < _STEP:
            return _at_the_top(sample, point, here, start, null, iteration)
        better = _uphill(sample, point, step)
        if better is None and size < 1e-6:  # at the top, to within rounding
            top = likelihood(sample, point.beta, point)  # its arrays held a step's
            return _at_the_top(sample, top, here, start, null, iteration)
        gain = 0.0 if better is None else better.penalised - point.penalised
        level = gain <= 1e-9 * (abs(point.penalised) + 0.1)
        stuck = stuck + 1 if level and size > 1e-6 and size > last / 2 else 0
        if better is None or stuck == 3:  # steps stay long and gain nothing: there is no top
            break
        point = better
        here = slope(sample, point)
    raise DataError(_separated(sample, point, terms))


def _at_the_top(
    sample: Sample, point: Point, here: Slope, start: Slope, null: float, iterations: int
) -> Maximum:
    statistic = float(start.score @ np.linalg.solve(start.penalised, start.score))
    return Maximum(point, here, null, statistic, iterations)


def _uphill(sample: Sample, point: Point, step: FloatArray) -> Point | None:
    """The likelihood after the step, halved until it is no lower; None where twenty halvings do not help.

    Its arrays take the place of the point's own, whose derivatives have been taken.
    """
    for _ in range(20):
        there = likelihood(sample, point.beta + step, point)
        if there.penalised >= point.penalised - 1e-13 * abs(point.penalised):
            return there
        step = step / 2
    return None


def _newton_step(here: Slope, start: Slope) -> FloatArray | None:
    """The solution (p,) of information times step = score; None where the likelihood has gone flat in some direction."""
    spread = np.diag(here.penalised)
    if (spread < _FLAT * np.diag(start.penalised)).any():
        return None
    scale = np.sqrt(spread)
    values, vectors = np.linalg.eigh(here.penalised / np.outer(scale, scale))
    if values[0] < _COLLINEAR:
        return None
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
    struck = np.flatnonzero(sample.risk.own >= 0)
    some = sample.x[struck[:1000]]
    problems, events = [], int(sample.deaths.sum())
    for k in np.flatnonzero(some.min(axis=0) == some.max(axis=0)).tolist():
        level = some[0, k]
        if (sample.x[struck, k] != level).any():
            continue
        column = sample.x[:, k]
        for side, end, runs in (("lowest", column.min(), "0"), ("highest", column.max(), "infinity")):
            if level == end:
                apart = int((column != end).sum())
                problems.append(
                    f"{terms[k]!r} separates the events: all {events} of them are at its {side} value, and none "
                    f"of the {apart} rows at another value has the event. Its hazard ratio runs to {runs} and cannot be "
                    "estimated. Leave it out, merge categories, or report it as not estimable."
                )
    if problems:
        raise DataError(problems)


def _separated(sample: Sample, point: Point, terms: Terms) -> list[str]:
    """What to say of a likelihood that keeps rising: the term that alone makes it so, or those that grew together."""
    alone = [
        (term, sign)
        for k, term in enumerate(terms)
        for sign in (1.0, -1.0)
        if orders_events(sample, sign * sample.x[:, k])
    ]
    if alone:
        return [
            f"{term!r} separates the events: at each event time, who has the event has the "
            f"{'largest' if sign > 0 else 'smallest'} value of it among those at risk. Its hazard ratio runs to "
            f"{'infinity' if sign > 0 else '0'} and cannot be estimated. Leave it out, merge categories, or "
            "report it as not estimable."
            for term, sign in alone
        ]
    grown = np.abs(point.beta) / np.abs(point.beta).max()
    said = ", ".join(
        f"{term!r} ({'up' if b > 0 else 'down'})"
        for term, b, share in zip(terms, point.beta, grown)
        if share > 0.05
    )
    return [
        f"The likelihood has no maximum that can be found: it keeps rising as the coefficients grow of {said}. There the "
        "events are separated from the people at risk with them, or all but separated. Leave a term out or merge categories."
    ]


def orders_events(sample: Sample, z: FloatArray) -> bool:
    """Whether at every cell those with the event have the largest z (n,) of all at risk."""
    risk = sample.risk
    largest = np.full(len(risk.time), -np.inf)
    if risk.before is None:
        np.maximum.at(largest, risk.last[risk.last >= 0], z[risk.last >= 0])
        for low, high in pairwise(risk.first):
            largest[low:high] = np.maximum.accumulate(largest[low:high][::-1])[::-1]
    else:
        for j in range(len(largest)):
            largest[j] = z[(risk.enter <= j) & (j < risk.leave)].max()
    smallest = np.full(len(risk.time), np.inf)
    np.minimum.at(smallest, risk.own[risk.event], z[risk.event])
    return bool((smallest >= largest).all())


def _names(terms: Terms) -> str:
    return f"{terms[0]!r} does" if len(terms) == 1 else f"{list(terms)} do"
