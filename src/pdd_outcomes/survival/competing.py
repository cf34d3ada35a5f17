"""Cumulative incidence of competing causes, by group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from ..core.columns import Columns, IntArray
from ..core.errors import DataError, UsageError, choose
from ..core.results import check_level
from .curve_intervals import ConfType, check_conf_type
from .incidence_curves import CumulativeIncidence, IncidenceSample
from .incidence_steps import aalen_variance, incidence, incidence_steps, jackknife_variance
from .riskset import risk_set
from .roles import FollowUp, counted, groups_present, read_follow_up

Variance = Literal["aalen", "robust"]


def cumulative_incidence(
    data: pd.DataFrame,
    time: str,
    event: str,
    *,
    group: str | None = None,
    weights: str | None = None,
    variance: Variance = "aalen",
    entry: str | None = None,
    cluster: str | Sequence[str] | None = None,
    frequency: str | None = None,
    causes: Sequence[int] | None = None,
    conf_type: ConfType = "log-log",
    level: float = 0.95,
) -> CumulativeIncidence:
    r"""Probability of having had an event of each cause by each time, where causes compete (Aalen and Johansen).

    .. math:: \hat F_k(t) = \sum_{t_j \le t} \hat S(t_j^-)\,\frac{D_{kj}}{N_j}

    with :math:`\hat S` the Kaplan-Meier probability of no event of any cause. One less the Kaplan-Meier curve that takes
    the other causes as censored is larger: it is the probability in a world where they cannot happen.

    Parameters
    ----------
    data : DataFrame, one row a person
    time : name of the end of follow-up
    event : name of how it ended: 0 censored, 1..k the causes
    group : name of the column whose values have curves each
    weights : name of analysis weights, on any scale, or integer counts under `frequency`
    variance : "aalen" (the default), which treats each cause's events as a counting process of its own, as R's cmprsk;
        or "robust", the infinitesimal jackknife, as R's survfit. The two differ in the third digit. With weights or
        clusters it is always the latter.
    entry, cluster, frequency : as in :func:`~pdd_outcomes.survival.kaplan_meier`
    causes : codes that may occur, so that a cause nobody had has a curve at 0; by default those that do
    conf_type : "log-log" (default), "log", or another of `curve_intervals`, applied to the incidence; level : of the intervals

    Returns
    -------
    CumulativeIncidence
        `.table`, `.at(times)`, `.difference(times)`, `.plot()`.

    Raises
    ------
    DataError
        Codes that are not whole numbers from 0, or not among `causes`; bad times, weights or entries.

    References
    ----------
    Aalen and Johansen (1978) Scandinavian Journal of Statistics 5:141-150. Variances: see `incidence_steps`.
    Choudhury (2002) Statistics in Medicine 21:1129-1144, for intervals.

    Examples
    --------
    Of four people one reoffends (1), one dies (2), one is lost (0) and one reoffends.

    >>> import pandas as pd
    >>> people = pd.DataFrame({"months": [1, 2, 3, 4], "ended": [1, 2, 0, 1]})
    >>> cumulative_incidence(people, "months", "ended").at([2, 4])[["cause", "time", "estimate"]]
       cause  time  estimate
    0      1   2.0      0.25
    1      1   4.0      0.75
    2      2   2.0      0.25
    3      2   4.0      0.25
    """
    choose("variance", variance, ["aalen", "robust"])
    scale, level = check_conf_type(conf_type), check_level(level)
    take = Columns(data)
    follow, cause = read_causes(
        take, time, event, entry=entry, weights=weights, cluster=cluster, frequency=frequency, causes=causes
    )
    codes, labels = (np.zeros(len(data), np.int64), ["all"]) if group is None else take.labels("group", group)
    take.check()
    given = codes
    follow, (codes, cause) = counted(follow, codes, cause)
    groups, codes = groups_present(codes, labels, given)
    known = tuple(sorted(causes)) if causes is not None else tuple(np.unique(cause[cause > 0]).tolist())
    if not known:
        raise DataError(f"event={event!r} is 0 in every row that counts, so no cause has an incidence.")
    robust = follow.robust or variance == "robust"
    return CumulativeIncidence(
        groups=groups,
        causes=known,
        se_method=_se_words(follow, robust),
        conf_type=scale,
        level=level,
        cells=_cells(follow, cause, codes, known, robust),
        sample=IncidenceSample(follow, cause, codes) if robust else None,
    )


def read_causes(
    take: Columns,
    time: str,
    event: str,
    *,
    causes: Sequence[int] | None = None,
    entry: str | None = None,
    weights: str | None = None,
    cluster: str | Sequence[str] | None = None,
    frequency: str | None = None,
) -> tuple[FollowUp, IntArray]:
    """Follow-up whose event is any cause, and each row's code (n,); problems are left in `take`."""
    if causes is not None and (len(causes) == 0 or any(int(c) != c or c < 1 for c in causes)):
        raise UsageError("causes must be whole numbers from 1, such as [1, 2].")
    if causes is not None and len(set(causes)) < len(causes):
        raise UsageError(f"causes={list(causes)} names a cause twice. Keep one.")
    follow = read_follow_up(
        take, time, None, entry=entry, weights=weights, cluster=cluster, frequency=frequency
    )
    cause = take.causes("event", event)
    if causes is not None and not set(np.unique(cause).tolist()) <= {0, *map(int, causes)}:
        take.problem(
            f"event={event!r} has a code that is neither 0 (censored) nor one of causes={list(causes)}. Recode it, or add it."
        )
    return follow.with_event(cause > 0), cause


def _cells(
    follow: FollowUp, cause: IntArray, codes: IntArray, known: tuple[int, ...], robust: bool
) -> pd.DataFrame:
    """A row for every cause, group and distinct time; see `CumulativeIncidence.cells`."""
    risk = risk_set(follow.time, follow.event, follow.entry, codes, every_time=True)
    place = np.searchsorted(np.array([0, *known]), cause)  # 0 where censored
    steps = incidence_steps(risk, follow.weight, place, len(known))
    weighted, rows = steps.tallies
    common = {
        "code": risk.stratum,
        "time": risk.time,
        "n_risk": steps.n,
        "n_censor": np.where(rows.leaving == rows.events, 0.0, weighted.leaving - steps.d),
        "leaves": rows.leaving > 0,
        "survival": steps.after,
    }
    parts = []
    for k, code in enumerate(known):
        value = incidence(steps, k)
        spread = (
            jackknife_variance(steps, k, cause == code, value, follow.clusters)
            if robust
            else aalen_variance(steps, k, value)
        )
        parts.append(
            pd.DataFrame(
                {
                    **common,
                    "cause": code,
                    "n_event": steps.events[k],
                    "estimate": value,
                    "std_error": np.sqrt(spread),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _se_words(follow: FollowUp, robust: bool) -> str:
    if not robust:
        return "Aalen"
    return "infinitesimal jackknife" + ("", ", clustered", ", clustered two ways")[len(follow.clusters)]
