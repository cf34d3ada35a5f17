"""Accelerated failure time regression: Weibull, exponential, log-normal, log-logistic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from ..core.columns import Columns, FloatArray, IntArray
from ..core.errors import DataError, UsageError, choose, rows_phrase
from ..core.sandwich import clustered_covariance
from .cox_model import se_words
from .parametric_families import FAMILIES
from .parametric_fit import Times, Top, maximise
from .parametric_result import AftFit
from .roles import FollowUp, counted, read_follow_up
from .working_units import Predictors, predictor_rows, read_predictors, working_matrix

Distribution = Literal["weibull", "exponential", "lognormal", "loglogistic"]
_ALSO = {"log-normal": "lognormal", "log-logistic": "loglogistic"}


def aft(
    data: pd.DataFrame,
    time: str,
    event: str,
    *,
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    distribution: Distribution = "weibull",
    robust: bool | None = None,
    cluster: str | Sequence[str] | None = None,
    weights: str | None = None,
    entry: str | None = None,
    frequency: str | None = None,
) -> AftFit:
    r"""Log time ratios: how covariates stretch or shrink the time to the event.

    .. math:: \log T_i = \beta_0 + x_i^\top\beta + \sigma W_i

    with W extreme value (Weibull; exponential where :math:`\sigma=1`), normal (log-normal) or logistic (log-logistic). A time ratio
    of 1.5 says that each share of people reaches the event half as late again.

    Parameters
    ----------
    data, time, event, weights, cluster, frequency : as in :func:`~pdd_outcomes.survival.cox`; times must be above 0
    covariates, formula : one of the two; an empty list for none
    distribution : "weibull" (default), "exponential", "lognormal" or "loglogistic"
    robust : whether the variance is the sandwich, over rows or clusters, of weighted scores, the log scale's included; by
        default where there are weights or clusters. The scale of the weights changes nothing (in R's survreg it did until
        the end of 2024).
    entry : name of the start of follow-up: the likelihood is then given survival to it (left truncation)

    Returns
    -------
    AftFit
        Terms "(Intercept)", the covariates and "Log(scale)", as R's survreg has them. `.tidy()`, `.glance()`,
        `.predict_survival(data, times)`, `.quantile(data, p)`, `.hazard_ratios()`; and `compare_fits` of several.

    Raises
    ------
    DataError
        Times of 0, whose logarithm there is not; no event; constant or collinear terms; and a likelihood without a
        maximum, with the reason: a term that separates the events, times that are all fitted exactly, or too little
        follow-up after entry.

    References
    ----------
    Kalbfleisch and Prentice (2002) The Statistical Analysis of Failure Time Data, chapters 2 and 3. Lawless (2003)
    Statistical Models and Methods for Lifetime Data, chapter 6. Lin and Wei (1989) JASA 84:1074-1078, for the sandwich.

    Examples
    --------
    With nothing but a rate, the log of the mean time: 20 months among 2 events.

    >>> people = pd.DataFrame({"months": [4, 6, 10], "reoffended": [1, 1, 0]})
    >>> aft(people, "months", "reoffended", covariates=[], distribution="exponential").tidy(exponentiate=True)[
    ...     ["term", "estimate"]].round(6)
              term  estimate
    0  (Intercept)      10.0
    """
    also = _ALSO.get(distribution, distribution) if isinstance(distribution, str) else distribution
    name = choose("distribution", also, sorted(FAMILIES))
    family = FAMILIES[name]
    if robust is False and cluster is not None:
        raise UsageError("robust=False leaves no use for cluster. Leave out one of the two.")
    take = Columns(data)
    follow = read_follow_up(
        take, time, event, entry=entry, weights=weights, cluster=cluster, frequency=frequency
    )
    _check_logs(take, data, time, follow.time)
    found = read_predictors(take, data, covariates, formula)
    take.check()
    follow, _ = counted(follow)
    if not follow.event.any():
        raise DataError(f"event={event!r} has no row equal to 1, so no time to it can be estimated.")
    x, mean, scale, terms = _matrix(found, follow.row, len(data))
    times = _logs(follow)
    named = ("(Intercept)", *terms)
    alone = maximise(x[:, :1], times, family, named[:1])
    top = alone
    if terms:
        start = np.insert(alone.parameters, 1, np.zeros(len(terms)))
        top = maximise(x, times, family, named, start)
    back = _to_units(mean, scale, len(top.parameters))
    naive, covariance, said = _covariances(top, back, follow, robust)
    return AftFit(
        terms=(*named, *([] if family.scale_known else ["Log(scale)"])),
        coefficients=back @ top.parameters,
        covariance=covariance,
        naive_covariance=naive,
        loglik=top.loglik,
        loglik_null=alone.loglik,
        distribution=name,
        n=len(follow.time),
        events=int(follow.event.sum()),
        se_method=said,
        coding=found.coding,
        total=_mark(times),
    )


def _covariances(
    top: Top, back: FloatArray, follow: FollowUp, robust: bool | None
) -> tuple[FloatArray, FloatArray, str]:
    """The inverse information in the user's units; the covariance to report, that or the sandwich; and which, in words."""
    inverse = np.linalg.inv(top.information)
    naive = back @ inverse @ back.T
    sandwiched = follow.robust if robust is None else robust
    said = se_words(sandwiched, follow.clusters)
    if not sandwiched:
        return naive, naive, said
    return naive, clustered_covariance(top.scores @ inverse @ back.T, follow.clusters), said


def _check_logs(take: Columns, data: pd.DataFrame, time: str, ends: FloatArray) -> None:
    """A problem noted for ends at 0, whose logarithm there is not; a column that could not be read has its own."""
    if not (isinstance(time, str) and time in data and data[time].dtype.kind in "biuf"):
        return
    rows = np.flatnonzero(ends == 0)
    if len(rows):
        take.problem(
            f"time={time!r} is not above 0 for {rows_phrase(rows.tolist(), len(ends))}, and the model is of its "
            "logarithm. Put an end on the first day at half a day, or start follow-up later; Cox regression takes a time of 0."
        )


def _mark(times: Times) -> float:
    """A number that fits of the same ends, events, entries and weights share, and others do not."""
    unseen = 0.0 if times.entry is None else np.exp(times.entry - times.end)  # share of the time before entry
    return float(times.weight @ (times.end * (1 + np.sqrt(2) * times.event) + np.sqrt(3) * unseen))


def _logs(follow: FollowUp) -> Times:
    entry = follow.entry
    if entry is not None:
        with np.errstate(divide="ignore"):
            entry = np.log(entry)
    return Times(np.log(follow.time), entry, follow.event, follow.weight)


def _matrix(
    found: Predictors, rows: IntArray, everyone: int
) -> tuple[FloatArray, FloatArray, FloatArray, tuple[str, ...]]:
    """The intercept and working covariates (n, 1 + p), their means and scales (p,), and names; collinear ones are refused."""
    ones = np.ones((len(rows), 1))
    if not found.terms:
        return ones, np.zeros(0), np.ones(0), ()
    z, mean, scale = working_matrix(predictor_rows(found, rows, everyone))
    values, vectors = np.linalg.eigh(z.T @ z / len(z))
    if values[0] < 1e-10:
        size = np.abs(vectors[:, values < 1e-10]).max(axis=1)
        involved = [term for term, s in zip(found.terms, size) if s > 1e-4]
        raise DataError(
            f"Terms {involved} are collinear: one is a combination of the others. Leave one of them out."
        )
    return np.hstack([ones, z]), mean, scale, found.terms


def _to_units(mean: FloatArray, scale: FloatArray, parameters: int) -> FloatArray:
    """The matrix (q, q) that takes working parameters to those of the covariates as given."""
    p = len(mean)
    back = np.eye(parameters)
    back[1 : p + 1, 1 : p + 1] = np.diag(1.0 / scale)
    back[0, 1 : p + 1] = -mean / scale
    return back
