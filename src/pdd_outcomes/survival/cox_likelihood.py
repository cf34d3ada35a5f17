"""Cox's partial likelihood, its score and its information, as sums over the cells of a risk set.

Every quantity here is in *working* units: covariates centred and scaled to unit spread, so that hazards
are relative to that of a person with mean covariates. `cox` moves results back to the user's units.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..core.columns import FloatArray, IntArray
from .kernels import tie_terms
from .riskset import RiskSet

_CHUNK = 16_384  # rows of which a copy is held at once


def chunks(rows: int) -> Iterator[slice]:
    """Slices that cover `rows` rows, so that a pass over a large matrix needs no second one."""
    return (slice(low, low + _CHUNK) for low in range(0, rows, _CHUNK))


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """What a Cox likelihood is made of.

    Attributes
    ----------
    x : (n, p) covariates in working units
    weight : (n,) above 0
    risk : cells at the event times
    efron : Efron's treatment of ties, or else Breslow's
    deaths, dying : (m,) number and summed weight of the events of each cell
    """

    x: FloatArray
    weight: FloatArray
    risk: RiskSet
    efron: bool
    deaths: IntArray
    dying: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """The likelihood at one coefficient vector.

    Attributes
    ----------
    beta : (p,) coefficients in working units
    relative : (n,) exp(linear predictor)
    loglik : infinite and negative where hazards are too large or too small to add up
    terms : (m, 6), see `kernels.tie_terms`
    """

    beta: FloatArray
    relative: FloatArray
    loglik: float
    terms: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Slope:
    """First and second derivatives at a point, and the sums they are made of.

    Attributes
    ----------
    score : (p,); information : (p, p)
    risk_sums, event_sums : (m, p) weighted relative-hazard sums of x over each risk set, and over its events
    """

    score: FloatArray
    information: FloatArray
    risk_sums: FloatArray
    event_sums: FloatArray


def make_sample(x: FloatArray, weight: FloatArray, risk: RiskSet, *, efron: bool) -> Sample:
    """A Sample with its events counted."""
    deaths = np.rint(risk.events(np.ones(len(weight)))).astype(np.int64)
    return Sample(x, weight, risk, efron, deaths, risk.events(weight))


def likelihood(sample: Sample, beta: FloatArray) -> Point:
    r"""The partial log likelihood at `beta` (p,).

    .. math:: \ell = \sum_i w_i\delta_i\eta_i - \sum_j \bar w_j \sum_{k=0}^{d_j-1}
        \log\Big(S_j - \tfrac{k}{d_j}E_j\Big)

    with :math:`S_j, E_j` the sums of :math:`w e^\eta` over the risk set and over the :math:`d_j` events of
    cell j, whose mean weight is :math:`\bar w_j`; Breslow's form leaves out :math:`E_j`.

    References
    ----------
    Cox (1972) JRSS B 34:187-220. Efron (1977) JASA 72:557-565. Breslow (1974) Biometrics 30:89-99.
    """
    risk = sample.risk
    eta = sample.x @ beta
    with np.errstate(over="ignore"):
        relative = np.exp(eta)
    hazard = sample.weight * relative
    terms = tie_terms(risk.at_risk(hazard), risk.events(hazard), sample.deaths, sample.dying, sample.efron)
    loglik = float(sample.weight[risk.event] @ eta[risk.event] - terms[:, 0].sum())
    return Point(beta, relative, loglik if np.isfinite(loglik) else -np.inf, terms)


def slope(sample: Sample, point: Point) -> Slope:
    """Score and information at a point."""
    hazard = sample.weight * point.relative
    risk_sums = sample.risk.at_risk_rows(sample.x, hazard)
    event_sums = sample.risk.event_rows(sample.x, hazard)
    score, info = weighted_slope(sample, point, risk_sums, event_sums)
    return Slope(score, info, risk_sums, event_sums)


def expected_events(sample: Sample, point: Point, cell_weight: FloatArray | None = None) -> FloatArray:
    """Hazard each row is expected to meet, times `cell_weight` (m,) where given: (n,), before its own weight."""
    h, own = point.terms[:, 1], point.terms[:, 2]
    if cell_weight is not None:
        h, own = h * cell_weight, own * cell_weight
    met = sample.risk.over(h)
    dying = sample.risk.own >= 0
    met[dying] -= own[sample.risk.own[dying]]
    return point.relative * met


def weighted_slope(
    sample: Sample,
    point: Point,
    risk_sums: FloatArray,
    event_sums: FloatArray,
    cell_weight: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    r"""Score (p,) and information (p, p), each cell counted `cell_weight` (m,) times.

    The information is :math:`\sum_j g_j V_j` with :math:`V_j` the variance of x over the risk set, found as
    :math:`X^\top\mathrm{diag}(v)X` less products of the cell sums, so that no cell has a matrix of
    its own. The cell weights serve the test of proportional hazards.
    """
    v = sample.weight * expected_events(sample, point, cell_weight)
    observed = np.where(sample.risk.event, sample.weight, 0.0)
    a, b, c = (point.terms[:, k] for k in (3, 4, 5))
    if cell_weight is not None:
        observed = observed * np.append(cell_weight, 0.0)[sample.risk.own]
        a, b, c = a * cell_weight, b * cell_weight, c * cell_weight
    score = (observed - v) @ sample.x
    info = np.zeros((sample.x.shape[1],) * 2)
    for part in chunks(len(v)):
        rows = sample.x[part]
        info += rows.T @ (rows * v[part, None])
    cross = risk_sums.T @ (event_sums * b[:, None])
    info -= risk_sums.T @ (risk_sums * a[:, None]) - cross - cross.T + event_sums.T @ (event_sums * c[:, None])
    return np.asarray(score), (info + info.T) / 2
