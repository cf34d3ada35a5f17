"""Grambsch and Therneau's test of proportional hazards, as the exact score test."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..core.columns import BoolArray, FloatArray
from ..core.errors import DataError
from .cox_likelihood import Point, Sample, Slope, information, weighted_score
from .riskset import risk_set, snap
from .step_curves import step_estimate

Transform = Literal["km", "rank", "identity", "log"]
TRANSFORMS: tuple[str, ...] = ("km", "rank", "identity", "log")


def time_scale(
    transform: Transform, time: FloatArray, event: BoolArray, entry: FloatArray | None, at: FloatArray
) -> FloatArray:
    """The function g of time against which a hazard ratio may change, at the event times `at` (m,).

    "km": one less the Kaplan-Meier survival of everyone, unweighted, just before the time, which spreads events
    evenly; "rank": the rank of the event time among all times, censored ones too, ties at their mean (as R's
    cox.zph has it); "identity"; "log".
    """
    if transform == "identity":
        return at
    if transform == "log":
        if (at <= 0).any():
            raise DataError(
                "transform='log' needs every event time above 0, and some are 0. Use 'km' or 'rank'."
            )
        return np.asarray(np.log(at))
    if transform == "rank":
        ordered = np.sort(snap(time, np.unique(at)))
        below = np.searchsorted(ordered, at, side="left")
        return np.asarray((below + 1 + np.searchsorted(ordered, at, side="right")) / 2)
    risk = risk_set(time, event, entry)
    survival = np.concatenate([[1.0], step_estimate(risk, np.ones(len(time))).estimate])
    return np.asarray(1.0 - survival[np.searchsorted(risk.time, snap(at, risk.time), side="left")])


def ph_statistics(sample: Sample, point: Point, here: Slope, g: FloatArray) -> tuple[FloatArray, float]:
    r"""Score statistics for :math:`\theta = 0` in :math:`\beta + \theta g(t)`, by term (p,) and for all together.

    With :math:`V_j` the information from cell j,
    :math:`A=\sum V_j`, :math:`B=\sum g_jV_j`, :math:`C=\sum g_j^2V_j` and
    :math:`u=\sum_j g_j \sum_{\text{events}}(x-\bar x_j)`, the variance of u is
    :math:`W = C - BA^{-1}B`; a term's statistic is :math:`u_k^2/W_{kk}` and the global one
    :math:`u^\top W^{-1}u`. No average V is put in place of each cell's, as before version 3.0 of R's survival.

    Parameters
    ----------
    g : (m,) the time scale at each cell; its origin does not matter

    References
    ----------
    Grambsch and Therneau (1994) Biometrika 81:515-526. Therneau, `survival` vignette on cox.zph.
    """
    centred = (g - g.mean()) / (np.ptp(g) or 1.0)
    u, b = weighted_score(sample, point, centred), information(sample, point, centred)
    c = information(sample, point, centred**2)
    w = c - b @ np.linalg.solve(here.information, b)
    spread = np.diag(w)
    with np.errstate(divide="ignore", invalid="ignore"):
        single = np.where(spread > 1e-12 * np.diag(here.information), u**2 / spread, np.nan)
    together = float(u @ np.linalg.solve(w, u)) if np.linalg.cond(w) < 1e14 else np.nan
    return single, together
