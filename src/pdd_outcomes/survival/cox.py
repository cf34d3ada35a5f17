"""Cox regression: reading the roles, fitting, and moving the result to the user's units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from ..core.columns import Columns, FloatArray, IntArray
from ..core.errors import DataError, UsageError, choose
from ..core.formula import ModelMatrix, model_matrix
from ..core.sandwich import clustered_covariance
from .cox_fit import CoxFit, Fitted
from .cox_likelihood import Sample, chunks, make_sample
from .cox_newton import Maximum, maximise
from .cox_residuals import score_residuals
from .riskset import risk_set
from .roles import FollowUp, counted, read_follow_up


def cox(
    data: pd.DataFrame,
    time: str,
    event: str,
    *,
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    entry: str | None = None,
    strata: str | Sequence[str] = (),
    weights: str | None = None,
    cluster: str | Sequence[str] | None = None,
    robust: bool | None = None,
    ties: Literal["efron", "breslow"] = "efron",
) -> CoxFit:
    r"""Log hazard ratios of a proportional hazards model.

    .. math:: h_i(t) = h_{0s}(t)\,\exp(x_i^\top\beta)

    with a baseline hazard :math:`h_{0s}` for each stratum s. A hazard ratio that changes over time has no one
    value: see `.ph_test()`, and report risks beside it.

    Parameters
    ----------
    data : DataFrame, one row a person, or a period of one with `entry` and `cluster`
    time, event : names of the end of follow-up (0 or more) and of whether it ended in the event (0/1)
    covariates, formula : one of the two; labels are coded against their first level in sorted order
    entry : name of the start of follow-up; who enters at a time is not yet at risk at it
    strata : name, or names, of columns with a baseline hazard for each combination
    weights : name of analysis weights, on any scale; a row of weight 0 does not count
    cluster : name of what rows belong together by, such as the matched set; or a list of two for a
        two-way clustered variance
    robust : whether the variance is the sandwich; by default where there are weights or clusters
    ties : "efron" (default), whose `d` tied events each leave a share of the risk set to the next, or "breslow".
        A weight of 2 is the same as the row twice under "breslow" only: Efron's rule counts rows as ties.

    Returns
    -------
    CoxFit
        `.tidy()`, `.glance()`, `.ph_test()`, `.residuals(kind)`, `.baseline()`, `.predict_survival(data, times)`.

    Raises
    ------
    DataError
        A bad column; no event; a covariate that is constant where events happen, or collinear with others; one that
        separates the events from everyone else, named with the direction its hazard ratio runs.

    References
    ----------
    Cox (1972) JRSS B 34:187-220. Lin and Wei (1989) JASA 84:1074-1078, for the robust variance. Binder (1992)
    Biometrika 79:139-147, for weights.

    Examples
    --------
    Of eight people the four diverted reoffend later, at about a quarter of the others' hazard.

    >>> import pandas as pd
    >>> people = pd.DataFrame({"days": [4, 8, 9, 12, 2, 3, 5, 6], "reoffended": [1, 1, 0, 1, 1, 1, 1, 0],
    ...                        "diverted": [1, 1, 1, 1, 0, 0, 0, 0]})
    >>> fit = cox(people, "days", "reoffended", covariates=["diverted"])
    >>> fit.tidy(exponentiate=True)[["term", "estimate"]].round(3)
           term  estimate
    0  diverted     0.232
    """
    choose("ties", ties, ["efron", "breslow"])
    if robust is False and cluster is not None:
        raise UsageError("robust=False leaves no use for cluster. Leave out one of the two.")
    take = Columns(data)
    follow = read_follow_up(take, time, event, entry=entry, weights=weights, cluster=cluster)
    layers, labels = take.crossed("strata", strata)
    matrix = _matrix(take, data, covariates, formula)
    take.check()
    if not matrix.terms:
        raise UsageError("covariates names no column, so there is no hazard ratio to estimate.")
    follow, (layers,) = counted(follow, layers)
    if not follow.event.any():
        raise DataError(f"event={event!r} has no row equal to 1, so no hazard can be estimated.")
    present, layers = np.unique(layers, return_inverse=True)
    x, mean, scale = _working_units(matrix.values, follow.row, len(data), matrix.terms)
    risk = risk_set(follow.time, follow.event, follow.entry, layers)
    sample = make_sample(x, follow.weight, risk, efron=ties == "efron")
    top = maximise(sample, matrix.terms)
    sandwich = follow.robust if robust is None else robust
    naive, working = _covariances(sample, top, follow, sandwich)
    return CoxFit(
        terms=matrix.terms,
        coefficients=top.point.beta / scale,
        covariance=working / np.outer(scale, scale),
        naive_covariance=naive / np.outer(scale, scale),
        loglik=top.point.loglik,
        loglik_null=top.loglik_null,
        score_statistic=top.score_statistic,
        iterations=top.iterations,
        ties=ties,
        se_method=_se_words(sandwich, follow.clusters),
        fitted=Fitted(
            sample=sample,
            point=top.point,
            slope=top.slope,
            mean=mean,
            scale=scale,
            follow=follow,
            coding=matrix.coding,
            strata_columns=(strata,) if isinstance(strata, str) else tuple(strata),
            strata_labels=tuple(labels[k] for k in present.tolist()),
        ),
    )


def _covariances(
    sample: Sample, top: Maximum, follow: FollowUp, sandwich: bool
) -> tuple[FloatArray, FloatArray]:
    """The inverse information, and the covariance to report: that, or the sandwich of the weighted score residuals."""
    naive: FloatArray = np.asarray(np.linalg.inv(top.slope.information), dtype=np.float64)
    if not sandwich:
        return naive, naive
    parts = score_residuals(sample, top.point, top.slope) @ naive
    parts *= follow.weight[:, None]
    return naive, clustered_covariance(parts, follow.clusters)


def _matrix(
    take: Columns, data: pd.DataFrame, covariates: Sequence[str] | None, formula: str | None
) -> ModelMatrix:
    """The predictors; their problems join those already in `take`."""
    try:
        return model_matrix(data, covariates=covariates, formula=formula)
    except DataError as bad:
        for problem in bad.problems:
            take.problem(problem)
        return ModelMatrix(np.zeros((len(data), 0)), ())


def _working_units(
    values: FloatArray, rows: IntArray, everyone: int, terms: Sequence[str]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Covariates of the counted rows, centred and scaled to unit spread (in place); a constant one is a DataError."""
    ours = (
        len(rows) == everyone and values.flags.owndata and values.flags.writeable and values.flags.c_contiguous
    )
    x = values if ours else np.array(values[rows], dtype=float, order="C")
    mean, square, flat = x.mean(axis=0), np.zeros(x.shape[1]), np.ones(x.shape[1], dtype=bool)
    for part in chunks(len(x)):
        flat &= (x[part] == x[0]).all(axis=0)
        square += ((x[part] - mean) ** 2).sum(axis=0)
    if flat.any():
        names = [term for term, is_flat in zip(terms, flat) if is_flat]
        raise DataError(
            f"{names[0]!r} is the same in every row that counts, so its hazard ratio cannot be estimated. Leave it out."
            if len(names) == 1
            else f"{names} are the same in every row that counts, so they have no hazard ratios. Leave them out."
        )
    scale = np.sqrt(square / len(x))
    for part in chunks(len(x)):
        x[part] -= mean
        x[part] /= scale
    return x, mean, scale


def _se_words(sandwich: bool, clusters: Sequence[IntArray]) -> str:
    if not sandwich:
        return "model"
    return ("robust", "robust, clustered", "robust, clustered two ways")[len(clusters)]
