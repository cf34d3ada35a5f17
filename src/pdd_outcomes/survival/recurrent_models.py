"""Cox models of events that recur: every event alike, or each in its turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from ..core.columns import Columns, IntArray
from ..core.errors import UsageError, choose
from .cox import cox
from .cox_fit import CoxFit
from .recurrent_rows import read_recurrent


def andersen_gill(
    data: pd.DataFrame,
    time: str,
    event: str,
    *,
    id: str,
    entry: str,
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    strata: str | Sequence[str] = (),
    weights: str | None = None,
    cluster: str | None = None,
    ties: Literal["efron", "breslow"] = "efron",
) -> CoxFit:
    r"""Log rate ratios of recurrent events, first and repeated alike.

    .. math:: E\{dN_i(t) \mid x_i\} = \mu_0'(t)\,e^{x_i^\top\beta}\,dt

    With the robust variance (by person, and `cluster` where there is one) these are effects on the mean number of events, whatever
    one event does to the next.

    Parameters
    ----------
    data : DataFrame, a row a period (entry, time] of a person, event 1 where it ended in one
    id, entry, time, event, weights, cluster : as in :func:`~pdd_outcomes.survival.mean_cumulative_count`
    covariates, formula, strata, ties : as in :func:`~pdd_outcomes.survival.cox`

    References
    ----------
    Andersen and Gill (1982) Annals of Statistics 10:1100-1120. Lin, Wei, Yang and Ying (2000) JRSS B 62:711-730.
    """
    read_recurrent(Columns(data), time, event, id=id, entry=entry, weights=weights, cluster=cluster)
    return cox(
        data, time, event, covariates=covariates, formula=formula, entry=entry, strata=strata, weights=weights,
        cluster=[id] if cluster is None else [id, cluster], ties=ties,
    )  # fmt: skip


def prentice_williams_peterson(
    data: pd.DataFrame,
    time: str,
    event: str,
    *,
    id: str,
    entry: str,
    clock: Literal["total", "gap"] = "total",
    order: str | None = None,
    most: int | None = None,
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    ties: Literal["efron", "breslow"] = "efron",
) -> CoxFit:
    """Log hazard ratios of each event given those before it: a baseline for the first, the second, and so on.

    Who has not had the first event is not at risk of the second, so the effect is among those who got that far: it is not
    an effect of the treatment on a population, once treatment has changed who gets there.

    Parameters
    ----------
    data, time, event, id, entry, weights, cluster : as in :func:`andersen_gill`
    clock : "total" counts time from the start; "gap" from the event before
    order : name of the number of the event a period leads up to, from 1; None counts the person's earlier events
    most : events from this number on share a baseline, as late ones are few
    covariates, formula, ties : as in :func:`~pdd_outcomes.survival.cox`

    References
    ----------
    Prentice, Williams and Peterson (1981) Biometrika 68:373-379.
    """
    choose("clock", clock, ["total", "gap"])
    if most is not None and (int(most) != most or most < 1):
        raise UsageError("most must be a whole number from 1.")
    take = Columns(data)
    given = None if order is None else take.counts("order", order, minimum=1)
    found = read_recurrent(take, time, event, id=id, entry=entry, weights=weights, cluster=cluster)
    number = (
        _numbers(found.person, found.follow.time, found.count > 0) if given is None else given[found.follow.row]
    )
    number = number if most is None else np.minimum(number, most)
    rows = data.iloc[found.follow.row]
    names = [_free(data, name) for name in ("order of event", "gap time")]
    rows = rows.assign(**{names[0]: number})
    if clock == "gap":
        rows = rows.assign(**{names[1]: found.follow.time - np.asarray(found.follow.entry)})
    return cox(
        rows, names[1] if clock == "gap" else time, event, covariates=covariates, formula=formula,
        entry=None if clock == "gap" else entry, strata=[names[0]], weights=weights,
        cluster=[id] if cluster is None else [id, cluster], ties=ties,
    )  # fmt: skip


def _numbers(person: IntArray, end: np.ndarray, event: np.ndarray) -> IntArray:
    """One more than the person's earlier events, for each period (n,)."""
    order = np.lexsort((end, person))
    running = np.cumsum(event[order]) - event[order]
    first = np.concatenate([[True], np.diff(person[order]) != 0])
    starts = running[first][np.cumsum(first) - 1]
    out = np.empty(len(person), np.int64)
    out[order] = running - starts + 1
    return out


def _free(data: pd.DataFrame, name: str) -> str:
    """A column name that the data do not have."""
    while name in data.columns:
        name += "_"
    return name
