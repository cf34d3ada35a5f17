"""Cox's partial likelihood, its score and its information, as sums over the cells of a risk set.

Every quantity here is in *working* units: covariates centred and scaled to unit spread, so that hazards
are relative to that of a person with mean covariates. `cox` moves results back to the user's units.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..core.columns import FloatArray, IntArray
from .kernels import add_rows, hazard_sums, sum_from_the_end, tie_terms
from .riskset import RiskSet

_BLOCK = 2048  # rows of which a scaled copy is held at once: with tens of columns, a block fits a core's cache


def blocks(rows: int) -> Iterator[slice]:
    """Slices that cover `rows` rows, so that a pass over a large matrix needs no second one."""
    return (slice(low, low + _BLOCK) for low in range(0, rows, _BLOCK))


@dataclass(frozen=True, slots=True, eq=False)
class Tail:
    """Rows that stay in the risk sets after they leave, with a weight that fades (Fine and Gray's).

    A row counts ``factor[i] * fade[j]`` times at the cells ``cell[i] <= j`` to the end of its stratum.

    Attributes
    ----------
    cell : (n,) the first such cell, or the number of cells where there is none
    factor : (n,) 0 where the row does not stay
    fade : (m,)
    """

    cell: IntArray
    factor: FloatArray
    fade: FloatArray

    def sums(self, risk: RiskSet, rows: FloatArray, scale: FloatArray) -> FloatArray:
        """Sums of `scale` (n,) times `rows` (n, p) over those who have stayed, at every cell: (m, p)."""
        table = np.zeros((len(self.fade), rows.shape[1]))
        add_rows(rows, scale * self.factor, np.where(self.cell < len(self.fade), self.cell, -1), table)
        for low, high in pairwise(risk.first):
            np.cumsum(table[low:high], axis=0, out=table[low:high])
        return np.asarray(table * self.fade[:, None])

    def over(self, risk: RiskSet, increments: FloatArray) -> FloatArray:
        """Sums of faded `increments` (m, p) over the cells at which each row has stayed: (n, p), less its factor."""
        faded = np.concatenate([increments * self.fade[:, None], np.zeros((1, increments.shape[1]))])
        for low, high in pairwise(risk.first):
            faded[low:high] = np.cumsum(faded[low:high][::-1], axis=0)[::-1]
        return np.asarray(faded[self.cell])


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """What a Cox likelihood is made of.

    Attributes
    ----------
    x : (n, p) covariates in working units
    weight : (n,) above 0
    offset : (n,) part of the linear predictor that is known; empty where there is none
    risk : cells at the event times
    efron : Efron's treatment of ties, or else Breslow's
    penalty : (p,) ridge penalty of each working coefficient: half of it times the square comes off the log likelihood
    deaths, dying : (m,) number and summed weight of the events of each cell
    tied : (t,) cells at which Efron's rule has work to do, those of two events or more
    own_tied : (n,) place in `tied` of the row's event, -1 where it has none there
    observed : (p,) sum of weight times x over the events
    tails : of the rows that stay in the risk sets; they need Breslow's ties
    """

    x: FloatArray
    weight: FloatArray
    offset: FloatArray
    risk: RiskSet
    efron: bool
    penalty: FloatArray
    deaths: IntArray
    dying: FloatArray
    tied: IntArray
    own_tied: IntArray
    observed: FloatArray
    tails: tuple[Tail, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """The likelihood at one coefficient vector.

    Attributes
    ----------
    beta : (p,) coefficients in working units
    relative : (n,) exponential of the linear predictor
    loglik : infinite and negative where hazards are too large or too small to add up
    penalised : `loglik` less the ridge penalty
    terms : (m, 6), see `kernels.tie_terms`
    risk_sums : (m, p) sums of x times weight times relative hazard over each risk set
    event_sums : (t, p) the same over the events of each of the tied cells
    """

    beta: FloatArray
    relative: FloatArray
    loglik: float
    penalised: float
    terms: FloatArray
    risk_sums: FloatArray
    event_sums: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Slope:
    """Derivatives at a point: score (p,) and information (p, p), of which `penalised` counts the ridge penalty."""

    score: FloatArray
    information: FloatArray
    penalised: FloatArray


def make_sample(
    x: FloatArray,
    weight: FloatArray,
    risk: RiskSet,
    *,
    efron: bool,
    offset: FloatArray | None = None,
    penalty: FloatArray | None = None,
    tails: tuple[Tail, ...] = (),
) -> Sample:
    """A Sample with its events counted."""
    deaths = np.rint(risk.events(np.ones(len(weight)))).astype(np.int64)
    tied = np.flatnonzero(deaths > 1) if efron else np.zeros(0, np.int64)
    place = np.full(len(deaths) + 1, -1)  # the last place is that of rows without an event
    place[tied] = np.arange(len(tied))
    return Sample(
        x=x,
        weight=weight,
        offset=np.zeros(0) if offset is None else offset,
        risk=risk,
        efron=efron,
        penalty=np.zeros(x.shape[1]) if penalty is None else penalty,
        deaths=deaths,
        dying=risk.events(weight),
        tied=tied,
        own_tied=place[risk.own],
        observed=np.where(risk.event, weight, 0.0) @ x,
        tails=tails,
    )


def likelihood(sample: Sample, beta: FloatArray, room: Point | None = None) -> Point:
    r"""The partial log likelihood at `beta` (p,), and the sums its derivatives are made of, in one pass.

    .. math:: \ell = \sum_i w_i\delta_i\eta_i - \sum_j \bar w_j \sum_{k=0}^{d_j-1}
        \log\Big(S_j - \tfrac{k}{d_j}E_j\Big)

    with :math:`S_j, E_j` the sums of :math:`w e^\eta` over the risk set and over the :math:`d_j` events of
    cell j, whose mean weight is :math:`\bar w_j`; Breslow's form leaves out :math:`E_j`.

    Parameters
    ----------
    room : a point no longer needed, whose arrays hold the new one's and whose own content is lost; None makes new ones

    References
    ----------
    Cox (1972) JRSS B 34:187-220. Efron (1977) JASA 72:557-565. Breslow (1974) Biometrics 30:89-99.
    """
    risk = sample.risk
    n, p = sample.x.shape
    cells = len(risk.time)
    if room is None:
        relative, terms = np.empty(n), np.empty((cells, 6))
        risk_sums, event_sums = np.zeros((cells, p)), np.zeros((len(sample.tied), p))
    else:
        relative, terms = room.relative, room.terms
        risk_sums, event_sums = room.risk_sums, room.event_sums
        risk_sums[:] = 0.0
        event_sums[:] = 0.0
    at_risk, dying = np.zeros((cells, 1)), np.zeros(len(sample.tied))
    seen = hazard_sums(
        sample.x,
        np.ascontiguousarray(beta, float),
        sample.offset,
        sample.weight,
        risk.event,
        (risk.last, risk.last if risk.before is None else risk.before, sample.own_tied),
        risk.before is not None,
        relative,
        (risk_sums, at_risk, event_sums, dying),
    )
    sum_from_the_end(risk_sums, risk.first)
    sum_from_the_end(at_risk, risk.first)
    for tail in sample.tails:
        hazard = sample.weight * relative
        risk_sums += tail.sums(risk, sample.x, hazard)
        at_risk += tail.sums(risk, np.ones((n, 1)), hazard)
    leaving = np.zeros(cells)
    leaving[sample.tied] = dying
    tie_terms(at_risk[:, 0], leaving, sample.deaths, sample.dying, sample.efron, terms)
    loglik = float(seen - terms[:, 0].sum())
    loglik = loglik if np.isfinite(loglik) else -np.inf
    held = loglik - float(sample.penalty @ beta**2) / 2
    return Point(beta, relative, loglik, held, terms, risk_sums, event_sums)


def slope(sample: Sample, point: Point) -> Slope:
    """Score and information at a point; the score is read from the cells alone."""
    h, own = point.terms[:, 1], point.terms[sample.tied, 2]
    score = sample.observed - (h @ point.risk_sums - own @ point.event_sums) - sample.penalty * point.beta
    info = information(sample, point)
    return Slope(score, info, info + np.diag(sample.penalty))


def expected_events(sample: Sample, point: Point, cell_weight: FloatArray | None = None) -> FloatArray:
    """Hazard each row is expected to meet, times `cell_weight` (m,) where given: (n,), before its own weight."""
    h, own = point.terms[:, 1], point.terms[:, 2]
    if cell_weight is not None:
        h, own = h * cell_weight, own * cell_weight
    met = sample.risk.over(h)  # a new array, worked on in place: a million people are held few times over
    for tail in sample.tails:
        met += tail.factor * tail.over(sample.risk, h[:, None])[:, 0]
    if len(sample.tied):
        dying = sample.own_tied >= 0
        met[dying] -= own[sample.risk.own[dying]]
    met *= point.relative
    return met


def information(sample: Sample, point: Point, cell_weight: FloatArray | None = None) -> FloatArray:
    r"""Information (p, p), each cell counted `cell_weight` (m,) times.

    It is :math:`\sum_j g_j V_j` with :math:`V_j` the variance of x over the risk set, found as
    :math:`X^\top\mathrm{diag}(v)X` less products of the cell sums, so that no cell has a matrix of
    its own. The cell weights serve the test of proportional hazards.
    """
    v = expected_events(sample, point, cell_weight)
    v *= sample.weight
    a, b, c = (point.terms[:, k] for k in (3, 4, 5))
    if cell_weight is not None:
        a, b, c = a * cell_weight, b * cell_weight, c * cell_weight
    info = weighted_squares(sample.x, v) - weighted_squares(point.risk_sums, a)
    cross = point.risk_sums[sample.tied].T @ (point.event_sums * b[sample.tied, None])
    info += cross + cross.T - weighted_squares(point.event_sums, c[sample.tied])
    return np.asarray((info + info.T) / 2)


def weighted_squares(rows: FloatArray, weight: FloatArray) -> FloatArray:
    """Sum of weight (n,) times the outer product of each row (n, p) with itself: (p, p)."""
    out = np.zeros((rows.shape[1],) * 2)
    if len(weight) and weight.min() >= 0:  # a product of a matrix with itself is half the work
        for part in blocks(len(rows)):
            scaled = rows[part] * np.sqrt(weight[part, None])
            out += scaled.T @ scaled
        return out
    for part in blocks(len(rows)):
        out += rows[part].T @ (rows[part] * weight[part, None])
    return out


def weighted_score(sample: Sample, point: Point, cell_weight: FloatArray) -> FloatArray:
    """Score (p,) with each cell counted `cell_weight` (m,) times."""
    seen = np.where(sample.risk.event, sample.weight, 0.0) * np.append(cell_weight, 0.0)[sample.risk.own]
    return np.asarray((seen - sample.weight * expected_events(sample, point, cell_weight)) @ sample.x)
