"""Residuals of a Cox model in working units, from the same cell sums as its score."""

from __future__ import annotations

import numpy as np

from ..core.columns import FloatArray
from .cox_likelihood import Point, Sample, Slope, expected_events
from .kernels import score_rows
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


def score_residuals(sample: Sample, point: Point, here: Slope) -> FloatArray:
    r"""Each row's part of the score, :math:`L_i = \int (x_i - \bar x)\,d\hat M_i`: (n, p), before its weight.

    The sum over rows of :math:`w_i L_i` is the score, and that of the squares is the meat of the
    sandwich. With :math:`Q` the running sum of :math:`\bar x\,d\hat H`,

    .. math:: L_i = x_i\hat M_i - \delta_i\bar x_i + e^{\eta_i}\{Q(t_i) - Q(\text{entry}_i)\}

    References
    ----------
    Lin and Wei (1989) JASA 84:1074-1078. Therneau, Grambsch and Fleming (1990) Biometrika 77:147-160.
    """
    drawn, own_drawn = hazard_means(point, here)
    out = np.empty_like(sample.x)
    score_rows(
        sample.x,
        martingale_residuals(sample, point),
        point.relative,
        sample.risk.enter,
        sample.risk.leave,
        sample.risk.own,
        event_means(sample, point, here),
        running_sum(drawn),
        own_drawn,
        out,
    )
    return out


def schoenfeld_residuals(sample: Sample, point: Point, here: Slope) -> FloatArray:
    r"""Covariates of each row with an event less the risk set's mean, :math:`x_i - \bar x(t_i)`: (events, p).

    Rows are in the order of the data.

    References
    ----------
    Schoenfeld (1982) Biometrika 69:239-241.
    """
    own = sample.risk.own
    return np.asarray(sample.x[own >= 0] - event_means(sample, point, here)[own[own >= 0]])


def event_means(sample: Sample, point: Point, here: Slope) -> FloatArray:
    """Mean of x over each cell's risk set, weighted by hazard and averaged over Efron's steps: (m, p)."""
    h, own = point.terms[:, 1], point.terms[:, 2]
    return np.asarray((here.risk_sums * h[:, None] - here.event_sums * own[:, None]) / sample.dying[:, None])


def hazard_means(point: Point, here: Slope, cells: slice = slice(None)) -> tuple[FloatArray, FloatArray]:
    """Hazard times the mean of x, summed over each cell's steps; the same times the share k/d: (m, p) both."""
    a, b, c = (point.terms[cells, k, None] for k in (3, 4, 5))
    risk_sums, event_sums = here.risk_sums[cells], here.event_sums[cells]
    return risk_sums * a - event_sums * b, risk_sums * b - event_sums * c
