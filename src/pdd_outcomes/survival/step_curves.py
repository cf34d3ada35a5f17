"""Step estimates of survival and cumulative hazard on a risk set, with their standard errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from ..core.columns import BoolArray, FloatArray, IntArray
from ..core.sandwich import cluster_codes
from .kernels import tie_terms
from .kernels_clusters import clustered_squares
from .riskset import RiskSet, Tally

Estimator = Literal["kaplan-meier", "nelson-aalen", "fleming-harrington"]


@dataclass(frozen=True, slots=True)
class StepEstimate:
    """A step function on the cells of a risk set, all (m,).

    Attributes
    ----------
    estimate : survival (Kaplan-Meier) or cumulative hazard (the other two)
    std_error : of the estimate
    jump, drift : a row's influence is its weight times (jump at its own event, less the sum of drift over its cells)
    """

    estimate: FloatArray
    std_error: FloatArray
    jump: FloatArray
    drift: FloatArray


def by_stratum(increments: FloatArray, first: IntArray) -> FloatArray:
    """Running sums (m,) that start afresh in each stratum; an increment may be infinite."""
    out = np.empty_like(increments)
    for low, high in pairwise(first):
        np.cumsum(increments[low:high], out=out[low:high])
    return out


def survival_product(hazard: FloatArray, first: IntArray) -> FloatArray:
    """The product of ``1 - hazard`` (m,), afresh in each stratum."""
    survival = 1.0 - hazard
    for low, high in pairwise(first):
        np.cumprod(survival[low:high], out=survival[low:high])
    return survival


def step_estimate(
    risk: RiskSet,
    weight: FloatArray,
    *,
    estimator: Estimator = "kaplan-meier",
    clusters: Sequence[IntArray] | None = None,
    tallies: tuple[Tally, Tally] | None = None,
) -> StepEstimate:
    r"""Kaplan-Meier survival, or a cumulative hazard, at every cell.

    With :math:`D_j, N_j` the weighted deaths and numbers at risk: Kaplan-Meier
    :math:`\prod_j (1 - D_j/N_j)`; Nelson-Aalen :math:`\sum_j D_j/N_j`; Fleming-Harrington the same with the
    deaths at one time taken one after another.

    Without `clusters` the variance counts weights as people: Greenwood's for Kaplan-Meier,
    :math:`S^2\sum_j D_j/\{N_j(N_j-D_j)\}`, and the Poisson :math:`\sum_j D_j/N_j^2` for a hazard. With them it is
    the infinitesimal jackknife: the sum over clusters of the squared total of
    :math:`w_i\,\partial\hat S/\partial w_i`, where for Kaplan-Meier

    .. math:: \frac{\partial \log\hat S(t)}{\partial w_i}
        = -\sum_{j: t_j\le t} \frac{dN_{ij} - Y_{ij}D_j/N_j}{N_j - D_j}

    Parameters
    ----------
    risk : RiskSet
    weight : (n,) array, above 0
    clusters : None, or none, one or two (n,) arrays of labels. None asks for the model's variance; an empty
        sequence makes each row its own cluster; two are combined as in `core.sandwich`.
    tallies : `RiskSet.tallies` of the weights, where they have been made

    References
    ----------
    Greenwood (1926). Klein (1991) Scandinavian Journal of Statistics 18:333-340. Fleming and
    Harrington (1984) Communications in Statistics 13:2469-2486. Therneau, `survival` vignette
    "Methods and formulae", on the infinitesimal jackknife.
    """
    tally, rows = risk.tallies(weight) if tallies is None else tallies
    n, d = tally.at_risk, tally.events
    deaths = np.rint(rows.events).astype(np.int64)
    if estimator == "kaplan-meier":
        last = (deaths > 0) & (deaths == np.rint(rows.at_risk).astype(np.int64))
        hazard, jump, drift = _kaplan_meier_terms(n, d, deaths, last)
        estimate = survival_product(hazard, risk.first)
        model, spread = np.where(last, np.inf, drift), estimate
    else:
        terms = np.empty((len(n), 6))
        tie_terms(n, d, deaths, d, estimator == "fleming-harrington", terms)
        jump = np.divide(terms[:, 1], d, out=np.zeros_like(d), where=deaths > 0) + terms[:, 4]
        drift = model = np.ascontiguousarray(terms[:, 3])
        estimate = by_stratum(terms[:, 1], risk.first)
        spread = np.ones_like(estimate)
    if clusters is None:
        variance = by_stratum(model, risk.first)
    else:
        variance = robust_variance(risk, weight, clusters, jump, drift)
    with np.errstate(invalid="ignore"):
        return StepEstimate(estimate, np.asarray(spread * np.sqrt(variance)), jump, drift)


def _kaplan_meier_terms(
    n: FloatArray, d: FloatArray, deaths: IntArray, last: BoolArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Hazard, jump and drift (m,) of Kaplan-Meier; exact where all who are at risk die, whatever the weights' rounding."""
    some = (deaths > 0) & ~last
    hazard = np.where(last, 1.0, np.divide(d, n, out=np.zeros_like(d), where=some))
    jump = np.divide(1.0, n - d, out=np.zeros_like(d), where=some)
    return hazard, jump, hazard * np.where(last, 0.0, jump)


def robust_variance(
    risk: RiskSet,
    weight: FloatArray,
    clusters: Sequence[IntArray],
    jump: FloatArray,
    drift: FloatArray,
    *,
    event: FloatArray | None = None,
) -> FloatArray:
    """Sum over clusters of the squared influence totals at every cell (m,); two clusters as V1 + V2 - V12.

    `event` (n,) is how many events each row ends in, where it can be more than one.
    """
    codes = [cluster_codes(c) for c in clusters] or [np.arange(len(weight))]
    if len(codes) == 2:
        codes.append(cluster_codes(*codes))
    entering, leaving = risk.entering_rows(), risk.leaving_rows()
    event = risk.event.astype(float) if event is None else event
    parts = []
    for code in codes:
        part = np.zeros(len(risk.time))
        clustered_squares(risk.first, entering, leaving, event, weight, code, jump, drift, part)
        parts.append(part)
    return parts[0] if len(parts) == 1 else np.clip(parts[0] + parts[1] - parts[2], 0.0, None)
