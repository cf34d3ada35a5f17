"""Force estimates pooled: REML, Wald and Hartung-Knapp side by side, and where a new force would lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..protocol import Protocol
from ..release.findings import TABLES, Rule
from ..synthesis import Pooled, pool
from .design import EVERYONE

POOLED = "pooled"
MEASURES = ("hazard_ratio", "hazard_ratio_interval", "risk_difference", "rmst_difference")
METHODS = (("wald", "REML, Wald"), ("hksj", "REML, Hartung-Knapp"))
FEWEST = 3  # with two estimates the variance between forces cannot be told from their errors
SHARED = "Comparison people are shared between the forces; their estimates are correlated and are pooled here as if independent."


def pool_forces(protocol: Protocol, estimates: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Pooled rows for the table of estimates, and the table of what differs between forces."""
    rows: list[dict[str, Any]] = []
    spread: list[dict[str, Any]] = []
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
        shared = by_force[str(named["analysis"])].exposure == "force"
        results = [_pool(usable, ci, protocol.reporting.level) for ci, _ in METHODS]
        rows += [_row(usable, r, words) for r, (_, words) in zip(results, METHODS)]
        rows.append(_prediction(usable, results[1]))
        spread.append(_spread(named, results[1], shared))
    estimate_columns = [c.name for c in TABLES["estimates"].columns if c.rule is not Rule.MARKS]
    return pd.DataFrame(rows, columns=estimate_columns), pd.DataFrame(
        spread, columns=list(TABLES["pooling"].names)
    )


def _is_ratio(part: pd.DataFrame) -> bool:
    return bool((part["scale"] == "ratio").all())


def _pool(part: pd.DataFrame, ci: str, level: float) -> Pooled:
    value = part["estimate"].to_numpy(dtype=float)
    on_scale = np.log(value) if _is_ratio(part) else value
    return pool(
        on_scale, part["std_error"].to_numpy(dtype=float), ci=ci, level=level, labels=part["group"].tolist()
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
