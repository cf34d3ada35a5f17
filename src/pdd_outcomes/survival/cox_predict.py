"""Baseline hazard and predicted survival of a Cox model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.columns import FloatArray, IntArray
from .cox_likelihood import Point, Sample
from .cox_residuals import hazard_means
from .riskset import snap


@dataclass(frozen=True, slots=True, eq=False)
class HazardSteps:
    """One stratum's cumulative hazard at the working origin and the sums its variance needs, as steps.

    Attributes
    ----------
    time : (m,) event times; the arrays below have one row more, the first for before them
    hazard : (m + 1,) cumulative hazard of a person with mean covariates
    variance : (m + 1,) of it, coefficients being known
    means : (m + 1, p) hazard times the mean of x, summed
    end : the last time at which anyone is under observation
    """

    time: FloatArray
    hazard: FloatArray
    variance: FloatArray
    means: FloatArray
    end: float


def hazard_steps(sample: Sample, point: Point, stratum: int) -> HazardSteps:
    """The steps of one stratum; Efron's hazard where ties are Efron's."""
    risk = sample.risk
    part = slice(int(risk.first[stratum]), int(risk.first[stratum + 1]))
    drawn = hazard_means(sample, point)[0][part]
    return HazardSteps(
        time=risk.time[part],
        hazard=np.concatenate([[0.0], np.cumsum(point.terms[part, 1])]),
        variance=np.concatenate([[0.0], np.cumsum(point.terms[part, 3])]),
        means=np.concatenate([np.zeros((1, drawn.shape[1])), np.cumsum(drawn, axis=0)]),
        end=float(risk.ends[stratum]),
    )


def cumulative_hazard(
    steps: HazardSteps, z: FloatArray, eta: FloatArray, covariance: FloatArray, times: FloatArray
) -> tuple[FloatArray, FloatArray]:
    r"""Cumulative hazard of given covariates at given times, and its standard error: (r, k) both.

    .. math:: \hat H(t; z) = e^{\eta}\hat H(t),\qquad
        \mathrm{var} = e^{2\eta}\Big\{\sum_j \frac{dN_j}{S_j^2} + q^\top V q\Big\},\quad
        q = \int (z - \bar x)\,d\hat H

    Parameters
    ----------
    z : (r, p) covariates in working units
    eta : (r,) their linear predictor
    covariance : (p, p) of the working coefficients
    times : (k,); after the stratum's last observed time both are NaN

    References
    ----------
    Tsiatis (1981) Annals of Statistics 9:93-108. Therneau and Grambsch (2000), section 10.2.
    """
    times = snap(times, steps.time)
    at: IntArray = np.searchsorted(steps.time, times, side="right")
    hazard, means = steps.hazard[at], steps.means[at]
    bent = means @ covariance
    quadratic = (
        np.einsum("rp,pq,rq->r", z, covariance, z)[:, None] * hazard**2
        - 2 * (z @ bent.T) * hazard
        + np.einsum("kp,kp->k", bent, means)
    )
    scale = np.exp(eta)[:, None]
    variance = scale**2 * (steps.variance[at] + np.maximum(quadratic, 0.0))
    beyond = times > steps.end * (1 + 1e-9)
    value = np.where(beyond, np.nan, scale * hazard)
    return value, np.where(beyond, np.nan, np.sqrt(variance))
