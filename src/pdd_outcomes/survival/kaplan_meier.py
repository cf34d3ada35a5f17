"""Kaplan-Meier survival and Nelson-Aalen hazard by group, weighted and clustered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from ..core.columns import Columns
from ..core.errors import choose
from ..core.results import check_level
from .curve_intervals import ConfType, check_conf_type
from .curves import CurveRows, SurvivalCurves
from .riskset import RiskSet, Tally, risk_set
from .roles import FollowUp, counted, groups_present, read_follow_up
from .step_curves import Estimator, StepEstimate, step_estimate


def kaplan_meier(
    data: pd.DataFrame,
    time: str,
    event: str,
    *,
    group: str | None = None,
    entry: str | None = None,
    weights: str | None = None,
    cluster: str | Sequence[str] | None = None,
    conf_type: ConfType = "log-log",
    level: float = 0.95,
    frequency: str | None = None,
) -> SurvivalCurves:
    r"""Probability of not having had the event by each time, by group.

    .. math:: \hat S(t) = \prod_{t_j \le t} \Big(1 - \frac{D_j}{N_j}\Big)

    where :math:`D_j` and :math:`N_j` are the (weighted) numbers who have the event and who are at risk
    at :math:`t_j`. The standard error is Greenwood's. With weights or clusters it is the infinitesimal
    jackknife instead: Greenwood's formula on sums of weights would read a weight of 2 as two people.

    Parameters
    ----------
    data : DataFrame, one row a person (or a period of one, with `entry` and `cluster`)
    time, event : names of the end of follow-up (0 or more) and of whether it ended in the event (0/1)
    group : name of the column whose values have a curve each
    entry : name of the start of follow-up; who enters at a time is not yet at risk at it
    weights : name of analysis weights, on any scale; a row of weight 0 does not count
    cluster : name of what rows belong together by, such as the matched set; or a list of two
    conf_type : "log-log" (default), "log", "plain", "arcsine" or "logit"; see `curve_intervals.survival_interval`
    level : of the intervals
    frequency : name of whole numbers, each row's number of cases: the same as so many rows

    Returns
    -------
    SurvivalCurves
        `.table`, `.at(times)`, `.quantile(p)`, `.numbers_at_risk(times)`, `.plot()`.

    Raises
    ------
    DataError
        Missing, infinite or negative times, an event that is not 0/1, entry not before time: all at once.

    References
    ----------
    Kaplan and Meier (1958) JASA 53:457-481. Xie and Liu (2005) Statistics in Medicine 24:3089-3110, for
    weights. Standard errors: see `step_curves.step_estimate`.

    Examples
    --------
    Of three people one is lost to follow-up at 2, so that the event at 3 is one of the one still there.

    >>> import pandas as pd
    >>> people = pd.DataFrame({"months": [1, 2, 3], "reoffended": [1, 0, 1]})
    >>> kaplan_meier(people, "months", "reoffended").table[["time", "n_risk", "estimate"]].round(3)
       time  n_risk  estimate
    0   1.0     3.0     0.667
    1   2.0     2.0     0.667
    2   3.0     1.0     0.000
    """
    return _curves(
        data, time, event, "kaplan-meier", group, entry, weights, cluster, conf_type, level, frequency
    )


def nelson_aalen(
    data: pd.DataFrame,
    time: str,
    event: str,
    *,
    group: str | None = None,
    entry: str | None = None,
    weights: str | None = None,
    cluster: str | Sequence[str] | None = None,
    ties: Literal["together", "in turn"] = "together",
    conf_type: ConfType = "log-log",
    level: float = 0.95,
    frequency: str | None = None,
) -> SurvivalCurves:
    r"""Cumulative hazard of the event by each time, by group.

    .. math:: \hat H(t) = \sum_{t_j \le t} \frac{D_j}{N_j}

    Parameters
    ----------
    data, time, event, group, entry, weights, cluster, frequency, level : as in :func:`kaplan_meier`
    ties : "together" (Nelson-Aalen, above) or "in turn" (Fleming-Harrington: of `d` tied events each takes its
        share of the risk set from the one before, :math:`\sum_{k<d} 1/(N - k)` where nothing is weighted)
    conf_type : the scale of survival, ``exp(-hazard)``, on which limits are found: "log" is symmetric
        about the hazard, "log-log" about its logarithm

    Returns
    -------
    SurvivalCurves
        With `quantity` "cumulative hazard".

    References
    ----------
    Aalen (1978) Annals of Statistics 6:701-726. Fleming and Harrington (1984) Communications in
    Statistics 13:2469-2486.
    """
    choose("ties", ties, ["together", "in turn"])
    estimator: Estimator = "nelson-aalen" if ties == "together" else "fleming-harrington"
    return _curves(data, time, event, estimator, group, entry, weights, cluster, conf_type, level, frequency)


def _curves(
    data: pd.DataFrame,
    time: str,
    event: str,
    estimator: Estimator,
    group: str | None,
    entry: str | None,
    weights: str | None,
    cluster: str | Sequence[str] | None,
    conf_type: str,
    level: float,
    frequency: str | None,
) -> SurvivalCurves:
    scale, level = check_conf_type(conf_type), check_level(level)
    take = Columns(data)
    follow = read_follow_up(
        take, time, event, entry=entry, weights=weights, cluster=cluster, frequency=frequency
    )
    codes, labels = (np.zeros(len(data), np.int64), ["all"]) if group is None else take.labels("group", group)
    take.check()
    given = codes
    follow, (codes,) = counted(follow, codes)
    groups, codes = groups_present(codes, labels, given)
    risk = risk_set(follow.time, follow.event, follow.entry, codes, every_time=True)
    tallies = risk.tallies(follow.weight)
    step = step_estimate(
        risk,
        follow.weight,
        estimator=estimator,
        clusters=follow.clusters if follow.robust else None,
        tallies=tallies,
    )
    return SurvivalCurves(
        groups=groups,
        quantity="survival" if estimator == "kaplan-meier" else "cumulative hazard",
        estimator=estimator,
        se_method=_se_words(follow, estimator),
        conf_type=scale,
        level=level,
        rows=CurveRows(follow, codes) if follow.robust else None,
        cells=_cells(risk, follow, step, tallies, groups, estimator == "kaplan-meier"),
        delayed=follow.entry is not None and bool((follow.entry > 0).any()),
    )


def _cells(
    risk: RiskSet,
    follow: FollowUp,
    step: StepEstimate,
    tallies: tuple[Tally, Tally],
    groups: tuple[object, ...],
    falls: bool,
) -> pd.DataFrame:
    """A row a cell; see `SurvivalCurves.cells`."""
    weighted, rows = tallies
    n_risk, n_event, rows_left = weighted.at_risk, weighted.events, rows.leaving
    squares = n_risk if weighted is rows else risk.at_risk(follow.weight**2)
    censored = np.where(rows_left == rows.events, 0.0, weighted.leaving - n_event)
    return pd.DataFrame(
        {
            "code": risk.stratum,
            "group": pd.Series(groups).take(risk.stratum).to_numpy(),
            "time": risk.time,
            "n_risk": n_risk,
            "n_event": n_event,
            "n_censor": censored,
            "n_rows": rows.at_risk,
            "rows_left": rows_left,
            "rows_event": rows.events,
            "effective": np.divide(n_risk**2, squares, out=np.zeros_like(n_risk), where=rows.at_risk > 0.5),
            "leaves": rows_left > 0,
            "falls": falls,
            "estimate": step.estimate,
            "std_error": step.std_error,
        }
    )


def _se_words(follow: FollowUp, estimator: Estimator) -> str:
    if not follow.robust:
        return "Greenwood" if estimator == "kaplan-meier" else "Poisson"
    words = {0: "", 1: ", clustered", 2: ", clustered two ways"}[len(follow.clusters)]
    return "infinitesimal jackknife" + words
