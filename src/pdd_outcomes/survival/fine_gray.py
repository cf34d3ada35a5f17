"""Fine and Gray's regression of a cumulative incidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, Columns, FloatArray, IntArray
from ..core.compiled import one_thread
from ..core.errors import DataError, UsageError
from ..core.sandwich import clustered_covariance
from .competing import read_causes
from .cox_fit import CoxFit
from .cox_likelihood import Tail
from .cox_model import CoxModel, se_words
from .cox_residuals import hazard_means, score_residuals
from .riskset import RiskSet, risk_set, running_sum
from .roles import FollowUp, check_cause, counted
from .step_curves import step_estimate
from .working_units import predictor_rows, read_predictors


def fine_gray(
    data: pd.DataFrame,
    time: str,
    event: str,
    *,
    cause: int = 1,
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    weights: str | None = None,
    cluster: str | Sequence[str] | None = None,
    frequency: str | None = None,
    censoring: str | None = None,
    robust: bool | None = None,
) -> CoxFit:
    r"""Log subdistribution hazard ratios: how covariates move the cumulative incidence of one cause.

    .. math:: F_1(t; x) = 1 - \exp\Big\{-\int_0^t \lambda_0(u)\,e^{x^\top\beta}\,du\Big\}

    A proportional hazards model whose risk sets keep those who have had another cause, each with the chance
    :math:`\hat G(t^-)/\hat G(T_i^-)` of not having been censored since. A coefficient says which way the incidence goes, and
    nothing of the rate among those still at risk: for that, take :func:`~pdd_outcomes.survival.cox` of the cause. Both
    should be reported.

    Parameters
    ----------
    data : DataFrame, one row a person
    time, event : names of the end of follow-up and of how it ended: 0 censored, 1..k the causes
    cause : the one whose incidence is modelled
    covariates, formula : one of the two, as in :func:`~pdd_outcomes.survival.cox`
    weights : name of analysis weights, on any scale; they count in the censoring curve, too
    cluster : name of what rows belong together by, or a list of two
    frequency : name of whole numbers, each row's number of cases
    censoring : name of a column within whose values censoring is alike; None where it is in everyone
    robust : by default Fine and Gray's sandwich, which counts the chance in the censoring curve; False the inverse
        information, which is too small or too large

    Returns
    -------
    CoxFit
        `.predict_survival` gives one less the incidence (its error leaves out the chance in the censoring curve).

    References
    ----------
    Fine and Gray (1999) JASA 94:496-509; the variance is their equations 7 and 8. Zhou et al. (2012) Biostatistics
    13:371-383, for clusters.
    """
    if robust is False and cluster is not None:
        raise UsageError("robust=False leaves no use for cluster. Leave out one of the two.")
    check_cause(cause)
    take = Columns(data)
    follow, causes = read_causes(take, time, event, weights=weights, cluster=cluster, frequency=frequency)
    layers = take.crossed("censoring", censoring or [])[0]
    found = read_predictors(take, data, covariates, formula)
    take.check()
    if not found.terms:
        raise UsageError("covariates names no column, so there is no hazard ratio to estimate.")
    follow, (causes, layers) = counted(follow, causes, layers)
    if not (causes == cause).any():
        raise DataError(
            f"event={event!r} has no row equal to cause={cause}, so its incidence cannot be modelled."
        )
    curves = [_Censoring(follow, causes, layers == k, cause) for k in np.unique(layers).tolist()]
    risk = risk_set(follow.time, causes == cause)
    staying = (causes > 0) & (causes != cause)
    model = CoxModel(
        predictors=predictor_rows(found, follow.row, len(data)),
        follow=_never(follow, causes == cause, staying),
        risk=risk,
        coding=found.coding,
        efron=False,
        tails=tuple(curve.tail(risk) for curve in curves),
        name="Fine-Gray",
    )
    fit = model.fit(robust=False)
    if robust is False:
        return fit
    scale = np.outer(fit.fitted.scale, fit.fitted.scale)
    bread = fit.naive_covariance * scale
    with one_thread():
        influence = _influence(fit, curves)
    parts = clustered_covariance(influence @ bread, follow.clusters) / scale
    return replace(fit, covariance=parts, se_method=se_words(True, follow.clusters))


def _never(follow: FollowUp, event: BoolArray, staying: BoolArray) -> FollowUp:
    """Follow-up as the subdistribution has it: who had another cause is without this one to the end."""
    end = follow.time.max()
    return replace(follow, time=np.where(staying, end, follow.time), event=event)


class _Censoring:
    """The censoring curve of some rows, and how those who had another cause stay by it."""

    def __init__(self, follow: FollowUp, causes: IntArray, rows: BoolArray, cause: int) -> None:
        self.follow, self.rows = follow, rows
        self.staying = rows & (causes > 0) & (causes != cause)
        self.risk = risk_set(follow.time[rows], causes[rows] == 0)
        self.weight = follow.weight[rows]
        self.curve = np.concatenate([[1.0], step_estimate(self.risk, self.weight).estimate])

    def before(self, times: FloatArray) -> FloatArray:
        """Probability of not being censored before each time (k,)."""
        upto = self.risk.cells_upto(0, times)
        at = self.risk.time
        exactly = (upto > 0) & (at[np.maximum(upto - 1, 0)] == times) if len(at) else np.zeros(len(times), bool)
        return np.asarray(self.curve[upto - exactly])

    def tail(self, risk: RiskSet) -> Tail:
        """The staying rows' cells and weights."""
        own = self.before(self.follow.time)
        return Tail(
            cell=np.where(self.staying, risk.leave, len(risk.time)),
            factor=np.divide(1.0, own, out=np.zeros_like(own), where=self.staying),
            fade=self.before(risk.time),
        )


def _influence(fit: CoxFit, curves: Sequence[_Censoring]) -> FloatArray:
    r"""Each row's weighted part of the score, :math:`w_i(\eta_i + \psi_i)`: (n, p) in working units.

    :math:`\eta_i` is the score residual; :math:`\psi_i = \int \frac{q(u)}{\pi(u)}dM_i^c(u)` what the row's censoring, or its not
    being censored, does to the curve G and by it to the score, with :math:`\pi` the number at risk and

    .. math:: q(u) = -\sum_{i: X_i<u}\int_{s\ge u}\{x_i-\bar x(s)\}\,w_i(s)\,dM_i(s)

    over those who stay.
    """
    sample, point = fit.fitted.sample, fit.fitted.point
    weight = sample.weight
    parts = score_residuals(sample, point) * weight[:, None]
    hazard, drawn = point.terms[:, 1], hazard_means(sample, point)[0]
    for curve, tail in zip(curves, sample.tails):
        at = curve.risk.time
        if not len(at):
            continue
        # what is still to come of the hazard, and of the hazard times the mean, from each censoring time on
        ahead = np.searchsorted(sample.risk.time, at, side="left")
        to_come = _from_here(hazard * tail.fade)[ahead]
        mean_to_come = _from_here(drawn * tail.fade[:, None])[ahead]
        scale = weight * point.relative * tail.factor
        place = np.searchsorted(at, curve.follow.time[curve.staying], side="right")
        stays = scale[curve.staying]
        held = np.zeros((len(at) + 1, sample.x.shape[1] + 1))
        np.add.at(held, place, np.column_stack([stays, stays[:, None] * sample.x[curve.staying]]))
        held = np.cumsum(held, axis=0)[:-1]
        q = held[:, 1:] * to_come[:, None] - held[:, :1] * mean_to_come
        n, d = curve.risk.at_risk(curve.weight), curve.risk.events(curve.weight)
        share = q / n[:, None]
        total = running_sum(share * (d / n)[:, None])
        own = np.vstack([share, np.zeros((1, share.shape[1]))])[curve.risk.own]
        psi = own - total[curve.risk.leave]
        parts[curve.rows] += psi * curve.weight[:, None]
    return parts


def _from_here(increments: FloatArray) -> FloatArray:
    """Sums from each place to the end, with a zero after it: (m + 1,) or (m + 1, p)."""
    turned = np.cumsum(increments[::-1], axis=0)[::-1]
    return np.asarray(np.concatenate([turned, np.zeros((1, *increments.shape[1:]))]))
