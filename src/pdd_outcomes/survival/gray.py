"""Gray's test that groups share one cumulative incidence of a cause."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from ..core.columns import Columns, FloatArray, IntArray, dense_codes
from ..core.errors import DataError, UsageError
from ..core.results import HypothesisTest, chi_square_test
from .competing import read_causes
from .logrank import quadratic_form
from .riskset import RiskSet, risk_set
from .roles import counted, groups_present
from .step_curves import survival_product


def gray_test(
    data: pd.DataFrame,
    time: str,
    event: str,
    group: str,
    *,
    strata: str | Sequence[str] | None = None,
    rho: float = 0.0,
    frequency: str | None = None,
) -> HypothesisTest:
    r"""Test that the cumulative incidence of each cause is the same in every group.

    .. math:: U_g = \sum_j \{1-\hat F(t_j^-)\}^{\rho}\Big(D_{1gj} - R_{gj}\frac{D_{1j}}{\sum_h R_{hj}}\Big),\qquad
        R_{gj} = N_{gj}\frac{1-\hat F_g(t_j^-)}{\hat S_g(t_j^-)}

    summed over strata: a log-rank test of the subdistribution hazard, in whose risk set those who have had another cause
    stay in the proportion that would not yet have been censored. A log-rank test of one cause compares its rates; this
    compares how many have it.

    Parameters
    ----------
    data, time, event : as in :func:`~pdd_outcomes.survival.cumulative_incidence`
    group : name of the column whose values are compared; two or more of them
    strata : name, or names, of columns within whose values the groups are compared
    rho : 0 or more; above 0 early differences weigh more
    frequency : name of whole numbers, each row's number of cases

    Returns
    -------
    HypothesisTest
        A row for each cause, on one fewer than the number of groups. `detail` has observed and expected events of
        each cause and group.

    References
    ----------
    Gray (1988) Annals of Statistics 16:1141-1154, whose section 3 has the variance.
    """
    if not np.isfinite(rho) or rho < 0:
        raise UsageError("rho must be 0 or more.")
    take = Columns(data)
    follow, cause = read_causes(take, time, event, frequency=frequency)
    codes, labels = take.labels("group", group)
    layers = take.crossed("strata", strata or [])[0]
    take.check()
    given = codes
    follow, (codes, layers, cause) = counted(follow, codes, layers, cause)
    groups, codes = groups_present(codes, labels, given)
    if len(groups) < 2:
        raise DataError(
            f"group={group!r} has only one value among the rows that count; there is nothing to compare."
        )
    if not follow.event.any():
        raise DataError(f"event={event!r} is 0 in every row that counts, so no cause has an incidence.")
    risk = risk_set(follow.time, follow.event, None, dense_codes(layers)[1])
    terms, statistics, freedom, details = [], [], [], []
    for k in np.unique(cause[cause > 0]).tolist():
        observed, expected, variance = _scores(risk, codes, cause == k, len(groups), rho)
        statistic, df = quadratic_form(observed - expected, variance, expected)
        terms.append(f"cause {k}")
        statistics.append(statistic)
        freedom.append(df)
        details.append(
            pd.DataFrame(
                {
                    "cause": k,
                    "group": list(groups),
                    "n": np.bincount(codes),
                    "observed": observed,
                    "expected": expected,
                }
            )
        )
    name = "Gray's test" + (f" (rho {rho:g})" if rho else "") + (", stratified" if strata else "")
    return chi_square_test(terms, statistics, freedom, name, pd.concat(details, ignore_index=True))


def _scores(
    risk: RiskSet, codes: IntArray, of_cause: np.ndarray, groups: int, rho: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Observed and expected events (g,), weighted by the family, and the variance (g, g) of their difference."""
    both = risk.tally_by(np.ones(len(codes)), codes, groups)
    n, own = both.at_risk, risk.tally_by(of_cause.astype(float), codes, groups).events
    other = both.events - own
    observed, expected, variance = np.zeros(groups), np.zeros(groups), np.zeros((groups, groups))
    for low, high in pairwise(risk.first):
        if high > low:
            cells = slice(low, high)
            parts = _stratum(n[cells], own[cells], other[cells], rho)
            observed, expected, variance = observed + parts[0], expected + parts[1], variance + parts[2]
    return observed, expected, variance


def _stratum(
    n: FloatArray, own: FloatArray, other: FloatArray, rho: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """One stratum's part of `_scores`, from numbers at risk and events by time and group, (m, g) each."""
    present = n > 0
    hazard = np.divide(own + other, n, out=np.zeros_like(n), where=present)
    ends = np.array([0, len(n)])
    after = np.column_stack([survival_product(column.copy(), ends) for column in hazard.T])
    before = np.vstack([np.ones(n.shape[1]), after[:-1]])
    rate = np.divide(own, n, out=np.zeros_like(n), where=present)
    incidence = np.cumsum(before * rate, axis=0)
    incidence_before = np.vstack([np.zeros(n.shape[1]), incidence[:-1]])
    # h: those at risk, blown up to who would be if nothing but the cause took people out
    h = np.divide(n, before, out=np.zeros_like(n), where=present)
    total, events = h.sum(axis=1), own.sum(axis=1)
    pooled = np.cumsum(events / total)
    pooled_before = np.concatenate([[0.0], pooled[:-1]])
    factor = (1 - pooled_before) ** rho
    stays = h * (1 - incidence_before)
    expected = ((factor * events / stays.sum(axis=1))[:, None] * stays).sum(axis=0)
    observed = factor @ own
    # a: what an event in group k at a time does to the score of group i; its later effect is the rest of c
    a = factor[:, None, None] * (
        h[:, :, None] * np.eye(n.shape[1]) - h[:, :, None] * (h / total[:, None])[:, None, :]
    )
    c = np.cumsum(a * (events / (total * (1 - pooled_before)))[:, None, None], axis=0)
    rest = c[-1] - c
    turn = np.divide((1 - pooled)[:, None], after, out=np.zeros_like(after), where=after > 0)
    tied = 1 - np.divide(
        events[:, None] - 1,
        total[:, None] * before - 1,
        out=np.zeros_like(n),
        where=(events[:, None] > 1) & present,
    )
    weight_own = np.divide(
        tied * before * events[:, None], total[:, None] * n, out=np.zeros_like(n), where=present
    )
    alone = 1 - np.divide(other - 1, n - 1, out=np.zeros_like(n), where=other > 1)
    weight_other = np.divide(
        alone * before**2 * other, n**2, out=np.zeros_like(n), where=(other > 0) & (after > 0)
    )
    effect = np.where(present[:, None, :], a, 0.0) + (1 - turn)[:, None, :] * rest
    later = turn[:, None, :] * rest
    variance = np.einsum("tik,tjk,tk->ij", effect, effect, weight_own)
    variance += np.einsum("tik,tjk,tk->ij", later, later, weight_other)
    return observed, expected, variance
