"""Force estimates pooled: REML, Wald and Hartung-Knapp side by side, and where a new force would lie."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ..core.columns import FloatArray
from ..core.times import DAYS_PER_MONTH
from ..effects import TimeToEvent
from ..protocol import Protocol
from ..release.findings import TABLES, Rule
from ..synthesis import Pooled, pool
from .design import EVERYONE

POOLED = "pooled"
MEASURES = ("hazard_ratio", "hazard_ratio_interval", "risk_difference", "rmst_difference")
METHODS = (("wald", "REML, Wald"), ("hksj", "REML, Hartung-Knapp"))
PAIRS = ["analysis", "outcome", "measure", "horizon_days", "force", "other", "estimate", "covariance"]
FEWEST = 3  # with two estimates the variance between forces cannot be told from their errors
SHARED = "Comparison people are shared between the forces; the correlation that this makes between their estimates is in the pooling."


@dataclass(slots=True)
class Influences:
    """What each person adds to the error of each force's estimates, where forces share comparison people."""

    by_estimate: dict[tuple[Any, ...], dict[str, pd.Series[float]]] = field(default_factory=dict)

    def add(
        self, analysis: str, outcome: str, group: str, subjects: pd.Series[Any], result: TimeToEvent
    ) -> None:
        """Note a force's estimates; `subjects` are the people of its design in order."""
        who = subjects.to_numpy()[result.sample.row]
        for (measure, horizon, start), psi in result.influences().items():
            key = (analysis, outcome, measure, *_times(measure, horizon, start))
            self.by_estimate.setdefault(key, {})[group] = pd.Series(psi).groupby(who).sum()

    def covariance(self, key: tuple[Any, ...], groups: Sequence[str], std_errors: FloatArray) -> FloatArray:
        r"""Covariance (k, k) of forces' estimates: their variances, and :math:`\sum_p \psi_{ip} \psi_{jp}` over people in both."""
        own = self.by_estimate[key]
        v = np.diag(std_errors**2)
        for i, j in itertools.combinations(range(len(groups)), 2):
            both = own[groups[i]].mul(own[groups[j]], fill_value=np.nan).dropna()
            v[i, j] = v[j, i] = float(both.sum())
        return v


def _times(measure: str, horizon: float, start: float) -> tuple[float, float]:
    """An estimate's times as its key has them: an overall hazard ratio has none."""
    return (-1.0, -1.0) if measure == "hazard_ratio" else (float(horizon), float(start))


def pool_forces(
    protocol: Protocol, estimates: pd.DataFrame, shared: Influences
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Pooled rows for the table of estimates, the table of what differs between forces, and the covariances of their estimates.

    Where the exposure is the force, every force is compared with people of the same comparison forces, so their
    estimates vary together, and are pooled with the covariance that the people they share give.
    """
    rows: list[dict[str, Any]] = []
    spread: list[dict[str, Any]] = []
    covariances: list[pd.DataFrame] = []
    by_force = {a.id: a for a in protocol.analyses if a.by_force}
    chosen = estimates.loc[
        estimates["analysis"].isin(list(by_force))
        & (estimates["population"] == "matched")
        & (estimates["group"] != EVERYONE)
        & estimates["measure"].isin(MEASURES)
        & (estimates["status"] == "ok")
    ]
    keys = ["analysis", "outcome", "measure", "horizon_days", "interval_start_days"]
    for key, part in chosen.groupby(keys, sort=True, dropna=False):
        named = dict(zip(keys, key))
        usable = part.loc[(part["std_error"] > 0) & (part["estimate"].abs() < np.inf)]
        if len(usable) < FEWEST:
            continue
        common = by_force[str(named["analysis"])].exposure == "force"
        covariance = _covariance(protocol, named, usable, shared) if common else None
        results = [_pool(usable, ci, protocol.reporting.level, covariance) for ci, _ in METHODS]
        rows += [_row(usable, r, words) for r, (_, words) in zip(results, METHODS)]
        rows.append(_prediction(usable, results[1]))
        spread.append(_spread(named, results[1], common))
        covariances.append(_long(named, results[1]))
    estimate_columns = [c.name for c in TABLES["estimates"].columns if c.rule is not Rule.MARKS]
    together = pd.concat(covariances, ignore_index=True) if covariances else pd.DataFrame(columns=PAIRS)
    pooling = pd.DataFrame(spread, columns=list(TABLES["pooling"].names))
    return pd.DataFrame(rows, columns=estimate_columns), pooling, together


def _long(named: dict[str, Any], result: Pooled) -> pd.DataFrame:
    """Estimates on the scale they are pooled on and their covariances, a row a pair of forces."""
    first, second = np.indices(result.covariance.shape).reshape(2, -1)
    return pd.DataFrame(
        {
            **{c: named[c] for c in PAIRS[:4]},
            "force": np.array(result.labels)[first],
            "other": np.array(result.labels)[second],
            "estimate": result.estimates[first],
            "covariance": result.covariance.ravel(),
        }
    )


def _is_ratio(part: pd.DataFrame) -> bool:
    return bool((part["scale"] == "ratio").all())


def _covariance(
    protocol: Protocol, named: dict[str, Any], part: pd.DataFrame, shared: Influences
) -> FloatArray:
    """The covariance (k, k) of one measure's estimates, in the units that they are pooled in."""
    measure = str(named["measure"])
    per_day = DAYS_PER_MONTH if protocol.time_unit == "months" else 1.0
    start = named["interval_start_days"]
    times = (named["horizon_days"] / per_day, 0.0 if pd.isna(start) else start / per_day)
    wanted = (named["analysis"], named["outcome"], measure, *_times(measure, *times))
    key = min(
        (k for k in shared.by_estimate if k[:3] == wanted[:3]),
        key=lambda k: abs(k[3] - wanted[3]) + abs(k[4] - wanted[4]),
    )
    return shared.covariance(key, part["group"].tolist(), part["std_error"].to_numpy(dtype=float))


def _pool(part: pd.DataFrame, ci: str, level: float, covariance: FloatArray | None) -> Pooled:
    value = part["estimate"].to_numpy(dtype=float)
    on_scale = np.log(value) if _is_ratio(part) else value
    return pool(
        on_scale,
        part["std_error"].to_numpy(dtype=float),
        ci=ci,
        level=level,
        labels=part["group"].tolist(),
        covariance=covariance,
    )


def _row(part: pd.DataFrame, result: Pooled, words: str) -> dict[str, Any]:
    move = np.exp if _is_ratio(part) else float
    row: dict[str, Any] = {str(k): v for k, v in part.iloc[0].items()}
    nothing = {c: np.nan for c in row if c.startswith(("n_", "events_", "ess_"))}
    return {
        **row,
        **nothing,
        "group": POOLED,
        "estimate": move(result.estimate),
        "std_error": result.std_error,
        "conf_low": move(result.conf_low),
        "conf_high": move(result.conf_high),
        "p_value": result.p_value,
        "se_method": words,
    }


def _prediction(part: pd.DataFrame, result: Pooled) -> dict[str, Any]:
    move = np.exp if _is_ratio(part) else float
    low, high = result.prediction_interval
    return {
        **_row(part, result, "REML, prediction (t on k-2)"),
        "measure": f"{part['measure'].iloc[0]} prediction",
        "std_error": np.nan,
        "conf_low": move(low),
        "conf_high": move(high),
        "p_value": np.nan,
    }


def _spread(named: dict[str, Any], result: Pooled, shared: bool) -> dict[str, Any]:
    low, high = result.tau2_interval()
    return {
        "analysis": named["analysis"],
        "outcome": named["outcome"],
        "measure": named["measure"],
        "horizon_days": named["horizon_days"],
        "k": len(result.estimates),
        "tau2": result.tau2,
        "tau2_low": low,
        "tau2_high": high,
        "i2": result.i2,
        "q": result.q,
        "q_df": result.q_df,
        "q_p": result.q_p,
        "shared_controls": shared,
        "note": SHARED if shared else "",
    }
