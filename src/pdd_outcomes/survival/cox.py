"""Cox regression: reading the roles, fitting, and moving the result to the user's units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import pandas as pd

from ..core.columns import Columns, dense_codes
from ..core.errors import DataError, UsageError, choose
from ..core.results import check_number
from .cox_fit import CoxFit
from .cox_model import CoxModel
from .riskset import risk_set
from .roles import counted, read_follow_up
from .strata import read_strata
from .time_interaction import TimeFunction, changing_rows, check_interactions
from .working_units import predictor_rows, read_predictors


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
    cause: int | None = None,
    frequency: str | None = None,
    offset: str | None = None,
    ridge: float = 0.0,
    time_interactions: Mapping[str, TimeFunction | Sequence[float]] | None = None,
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
    weights : name of analysis weights, on any scale (which likelihoods and tests made of them follow); a row of weight 0
        does not count
    cluster : name of what rows belong together by, such as the matched set; or a list of two for a
        two-way clustered variance
    robust : whether the variance is the sandwich; by default where there are weights or clusters
    ties : "efron" (default), whose `d` tied events each leave a share of the risk set to the next, or "breslow".
        A weight of 2 is the same as the row twice under "breslow" only: Efron's rule counts rows as ties.
    cause : where `event` holds 0 (censored) and codes of causes 1..k, the one whose hazard is modelled: a cause-specific
        hazard ratio, other causes censoring it. It says nothing of how many have the event: see `fine_gray`.
    frequency : name of whole numbers, each row's number of cases: the same as so many rows, under either rule
    offset : name of a part of the log hazard that is known
    ridge : penalty :math:`\tfrac{\theta}{2}\sum_k (s_k\beta_k)^2` taken off the log likelihood, with :math:`s_k` the
        standard deviation of the covariate: a little steadies many or separated terms, at the price of bias to 0.
        Standard errors are from the penalised information.
    time_interactions : terms whose effect changes over time: "log", "identity" or "sqrt" adds the term times that
        function of time (follow-up is cut at every event's time); cut points, such as [91, 365], give a
        hazard ratio for each interval

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
    Biometrika 79:139-147, for weights. Verweij and van Houwelingen (1994) Statistics in Medicine 13:2427-2436, for
    the ridge.

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
    check_number("ridge", ridge, minimum=0)
    take = Columns(data)
    follow = read_follow_up(
        take, time, event, entry=entry, weights=weights, cluster=cluster, frequency=frequency, cause=cause
    )
    layers, known_strata = read_strata(take, strata)
    known = None if offset is None else take.number("offset", offset)
    found = read_predictors(take, data, covariates, formula)
    take.check()
    if not found.terms:
        raise UsageError("covariates names no column, so there is no hazard ratio to estimate.")
    changes = check_interactions(time_interactions, found.terms)
    follow, (layers,) = counted(follow, layers)
    if not follow.event.any():
        raise DataError(f"event={event!r} has no row equal to {cause or 1}, so no hazard can be estimated.")
    present, layers = dense_codes(layers)
    predictors = predictor_rows(found, follow.row, len(data))
    sandwiched = follow.robust if robust is None else robust
    if changes:
        predictors, follow, row = changing_rows(predictors, follow, changes)
        layers = layers[row]
    model = CoxModel(
        predictors=predictors,
        follow=follow,
        risk=risk_set(follow.time, follow.event, follow.entry, layers),
        coding=None if changes else found.coding,
        strata=known_strata.among(present),
        efron=ties == "efron",
        offset=None if known is None else known[follow.row],
        offset_column=offset,
        ridge=ridge,
    )
    return model.fit(robust=sandwiched)
