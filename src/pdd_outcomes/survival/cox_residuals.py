"""Residuals of a Cox model in working units, from the same cell sums as its score."""

from __future__ import annotations

import numpy as np

from ..core.columns import FloatArray, IntArray
from .cox_likelihood import Point, Sample, blocks, expected_events
from .kernels import add_rows, score_rows
from .riskset import running_sum


def martingale_residuals(sample: Sample, point: Point) -> FloatArray:
    r"""Events less expected events, :math:`\hat M_i = \delta_i - \int Y_i e^{\eta_i}d\hat H`: (n,).

    Under Efron's ties a row with the event is counted only in part among those at risk with it.

    References
    ----------
    Barlow and Prentice (1988) Biometrika 75:65-74. Therneau and Grambsch (2000) Modeling Survival Data, ch. 4.
    """
    return sample.risk.event - expected_events(sample, point)


def deviance_residuals(sample: Sample, point: Point) -> FloatArray:
    r"""Martingale residuals made symmetric, :math:`\mathrm{sign}(M)\sqrt{-2\{M+\delta\log(\delta-M)\}}`: (n,)."""
    m = martingale_residuals(sample, point)
    expected = np.where(sample.risk.event, sample.risk.event - m, 1.0)
    return np.asarray(np.sign(m) * np.sqrt(np.maximum(-2 * (m + np.log(expected)), 0.0)))


def score_residuals(sample: Sample, point: Point) -> FloatArray:
    r"""Each row's part of the score, :math:`L_i = \int (x_i - \bar x)\,d\hat M_i`: (n, p), before its weight.

    The sum over rows of :math:`w_i L_i` is the score, and that of the squares is the meat of the
    sandwich. With :math:`Q` the running sum of :math:`\bar x\,d\hat H`,

    .. math:: L_i = x_i\hat M_i - \delta_i\bar x_i + e^{\eta_i}\{Q(t_i) - Q(\text{entry}_i)\}

    References
    ----------
    Lin and Wei (1989) JASA 84:1074-1078. Therneau, Grambsch and Fleming (1990) Biometrika 77:147-160.
    """
    return score_sums(sample, point, np.ones(len(sample.x)), np.arange(len(sample.x)))


def score_sums(sample: Sample, point: Point, scale: FloatArray, place: IntArray) -> FloatArray:
    """Score residuals times `scale` (n,), added up by `place` (n,): (largest place + 1, p).

    Added up at once, so that the sums of a million people by cluster take no matrix of a million rows.
    """
    return _Parts(sample, point).sums(slice(None), scale, place, int(place.max()) + 1)


def score_squares(sample: Sample, point: Point, scale: FloatArray) -> FloatArray:
    """Sum over rows of the outer products of score residuals times `scale` (n,): (p, p), a block of rows at a time."""
    parts, p = _Parts(sample, point), sample.x.shape[1]
    total = np.zeros((p, p))
    for rows in blocks(len(sample.x)):
        height = len(sample.x[rows])
        part = parts.sums(rows, scale[rows], np.arange(height), height)
        total += part.T @ part
    return total


class _Parts:
    """What score residuals are made of, ready for any rows of the sample."""

    def __init__(self, sample: Sample, point: Point) -> None:
        self.sample, self.point = sample, point
        self.surplus = martingale_residuals(sample, point)
        self.centre = event_means(sample, point)
        drawn, self.own_drawn = hazard_means(sample, point)
        self.drawn = running_sum(drawn)
        self.tails = [tail.over(sample.risk, drawn) for tail in sample.tails]

    def sums(self, rows: slice, scale: FloatArray, place: IntArray, height: int) -> FloatArray:
        sample, risk = self.sample, self.sample.risk
        out = np.zeros((height, sample.x.shape[1]))
        score_rows(
            sample.x[rows],
            self.surplus[rows],
            self.point.relative[rows],
            risk.enter[rows],
            risk.leave[rows],
            risk.own[rows],
            sample.own_tied[rows],
            self.centre,
            self.drawn,
            self.own_drawn,
            scale,
            place,
            out,
        )
        for tail, drawn in zip(sample.tails, self.tails):
            stays = scale * self.point.relative[rows] * tail.factor[rows]
            add_rows(drawn[rows], stays, place, out)
        return out


def schoenfeld_residuals(sample: Sample, point: Point) -> FloatArray:
    r"""Covariates of each row with an event less the risk set's mean, :math:`x_i - \bar x(t_i)`: (events, p).

    Rows are in the order of the data.

    References
    ----------
    Schoenfeld (1982) Biometrika 69:239-241.
    """
    own = sample.risk.own
    return np.asarray(sample.x[own >= 0] - event_means(sample, point)[own[own >= 0]])


def event_means(sample: Sample, point: Point) -> FloatArray:
    """Mean of x over each cell's risk set, weighted by hazard and averaged over Efron's steps: (m, p)."""
    out = point.risk_sums * point.terms[:, 1, None]
    out[sample.tied] -= point.event_sums * point.terms[sample.tied, 2, None]
    out /= sample.dying[:, None]
    return out


def hazard_means(sample: Sample, point: Point) -> tuple[FloatArray, FloatArray]:
    """Hazard times the mean of x, summed over each cell's steps, (m, p); the same times the share k/d, tied cells only."""
    tied, (a, b, c) = sample.tied, (point.terms[:, k, None] for k in (3, 4, 5))
    out = point.risk_sums * a
    out[tied] -= point.event_sums * b[tied]
    return out, point.risk_sums[tied] * b[tied] - point.event_sums * c[tied]
