"""A small study at full precision, for the tests of the release: three forces, one with few people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

SHA = "ab" * 32


@dataclass(frozen=True)
class Settings:
    threshold: int = 10
    rounding: int = 5
    curve_min_n: int = 200
    curve_min_at_risk: int = 30


SETTINGS = Settings()


def study(**changes: Any) -> dict[str, Any]:
    analysis = {
        "id": "person",
        "exposure": "person",
        "label": "Being diverted",
        "treated_label": "diverted",
        "control_label": "prosecuted",
        "population": "suspects in scheme forces",
        "estimand": "ATT",
        "method_words": "nearest neighbour on the logit",
        "headline": True,
    }
    return {
        "study": "example",
        "title": "An example",
        "question": "Does it work?",
        "background": "",
        "version": "1",
        "synthetic": True,
        "analyses": [analysis],
        "outcomes": [{"id": "reoffence", "label": "a proven reoffence", "main": True}],
        "time_unit": "days",
        "horizons": [91, 365],
        "tau": 365,
        "comparator": "prosecuted (codes 1, 1A)",
        "clock": "incident",
        "window": {"from": "2022-01-01", "to": "2023-03-31"},
        "labels": {"prior": "Prior offences"},
        "limits": ["Nothing is said of people under 18."],
        "sources": ["Lewer and others (2026), effect_estimates.csv, 2026-03-06"],
        "reporting": {"alpha": 0.05, "level": 0.95},
        "release": {"threshold": 10, "rounding": 5, "curve_min_n": 200, "curve_min_at_risk": 30},
        "provenance": {
            "code_version": "0.1.0",
            "protocol_sha": SHA,
            "packages": {"numpy": "2.4.6"},
            "inputs": {"person.csv": SHA},
            "seed": 1,
            "manifests": {"raw": SHA},
        },
        **changes,
    }


def flow(
    excluded: Sequence[int], left: int, *, stream: str = "cohort", labels: Sequence[str] | None = None
) -> pd.DataFrame:
    after = left + np.cumsum(np.asarray(excluded)[::-1])[::-1] - np.asarray(excluded)
    return pd.DataFrame(
        {
            "stream": stream,
            "step": range(1, len(excluded) + 1),
            "label": labels or [f"step {'abcdefgh'[i]}" for i in range(len(excluded))],
            "rule": "of the protocol",
            "n_in": after + np.asarray(excluded),
            "n_excluded": list(excluded),
            "n_out": after,
        }
    )


def estimate_rows(
    group: str, n: tuple[int, int], events: tuple[int, int], *, horizon: float = 365.0, **changes: Any
) -> pd.DataFrame:
    """Risks, their difference and ratio, and a hazard ratio, from counts of people all followed to the horizon."""
    p1, p0 = events[0] / max(n[0], 1), events[1] / max(n[1], 1)
    se1, se0 = (np.sqrt(p * (1 - p) / max(m, 1)) for p, m in ((p1, n[0]), (p0, n[1])))
    se = float(np.hypot(se1, se0))
    log_se = float(np.hypot(se1 / max(p1, 1e-9), se0 / max(p0, 1e-9)))
    ratio = p1 / p0 if p0 else np.nan
    shape = (
        ("risk_treated", "probability", p1, se1, p1 - 1.96 * se1, p1 + 1.96 * se1),
        ("risk_control", "probability", p0, se0, p0 - 1.96 * se0, p0 + 1.96 * se0),
        ("risk_difference", "difference", p1 - p0, se, p1 - p0 - 1.96 * se, p1 - p0 + 1.96 * se),
        ("risk_ratio", "ratio", ratio, log_se, ratio * np.exp(-1.96 * log_se), ratio * np.exp(1.96 * log_se)),
        ("hazard_ratio", "ratio", ratio * 0.97, log_se, ratio * 0.9, ratio * 1.1),
        ("rmst_difference", "days", 12.3456, 3.21098, 6.0521, 18.6391),
    )
    rows = pd.DataFrame(shape, columns=["measure", "scale", "estimate", "std_error", "conf_low", "conf_high"])
    rest: dict[str, Any] = {
        "study": "example",
        "analysis": "person",
        "exposure": "person",
        "population": "matched",
        "group": group,
        "outcome": "reoffence",
        "horizon_days": horizon,
        "interval_start_days": np.nan,
        "estimand": "ATT",
        "level": 0.95,
        "p_value": 0.0361234,
        "se_method": "cluster robust",
        "n_treated": n[0],
        "n_control": n[1],
        "events_treated": events[0],
        "events_control": events[1],
        "ess_treated": float(n[0]),
        "ess_control": n[1] * 0.913,
        "status": "ok",
        "reason": "",
        "design_sha": SHA,
        "protocol_sha": SHA,
        "seed": 1,
        **changes,
    }
    return rows.assign(**rest)


def curve_counts(
    n: int,
    rng: np.random.Generator,
    *,
    hazard: float = 0.0006,
    months: bool = False,
    weight: float = 1.0,
    **keys: str,
) -> pd.DataFrame:
    """Raw counts of n people, exponential events, followed between one and three years."""
    event_time, end = rng.exponential(1 / hazard, n), rng.uniform(365, 1096, n)
    time = np.ceil(np.minimum(event_time, end))
    if months:
        time = np.ceil(time / (365 / 12))
    event = event_time <= end
    names = {
        "analysis": "person",
        "group": "all",
        "outcome": "reoffence",
        "sample": "matched",
        "arm": "treated",
    }
    return counts_of(time, event, weight).assign(**(names | keys))


def counts_of(time: np.ndarray, event: np.ndarray, weight: float = 1.0) -> pd.DataFrame:
    distinct, at = np.unique(time, return_inverse=True)
    events = np.bincount(at, weights=event.astype(float))
    every = np.bincount(at).astype(float)
    n_risk = every[::-1].cumsum()[::-1]
    return pd.DataFrame(
        {
            "time": distinct,
            "n_risk": n_risk * weight,
            "n_event": events * weight,
            "n_censor": (every - events) * weight,
        }
    )


def tables(seed: int = 1) -> dict[str, pd.DataFrame]:
    """Every raw table of a small study. Force C has 17 matched people and 4 events among them."""
    rng = np.random.default_rng(seed)
    sizes = {"all": (1237, 1237), "A": (702, 702), "B": (518, 518), "C": (17, 17)}
    events = {"all": (226, 359), "A": (131, 207), "B": (91, 146), "C": (4, 6)}
    estimates = [estimate_rows(g, sizes[g], events[g]) for g in sizes]
    keys = {"analysis": "person", "outcome": "reoffence", "measure": "hazard_ratio", "horizon_days": 365.0}
    bins = np.round(np.arange(20) * 0.05, 2)
    return {
        "estimates": pd.concat(estimates, ignore_index=True),
        "pooling": pd.DataFrame(
            [
                {
                    **keys,
                    "k": 3,
                    "tau2": 0.0253123456,
                    "tau2_low": 0.0,
                    "tau2_high": np.inf,
                    "i2": 0.8651234,
                    "q": 59.3123,
                }
                | {"q_df": 2.0, "q_p": 6.4e-10, "shared_controls": False, "note": ""}
            ]
        ),
        "flow": pd.concat(
            [
                flow([812, 4, 57], 5000, labels=["under 18", "no index date", "code 0"]),
                flow([3763], 1237, stream="person", labels=["not matched"]),
            ],
            ignore_index=True,
        ),
        "balance": balance_rows(),
        "overlap": pd.concat(
            [
                pd.DataFrame(
                    {
                        "analysis": "person",
                        "group": "all",
                        "sample": "before",
                        "arm": arm,
                        "bin_low": bins,
                        "bin_high": bins + 0.05,
                        "count": np.bincount(np.digitize(rng.beta(2, b, 1237), bins) - 1, minlength=20),
                    }
                )
                for arm, b in (("treated", 4), ("control", 7))
            ],
            ignore_index=True,
        ),
        "curves": pd.concat(
            [
                curve_counts(n, rng, hazard=h, arm=arm, group=g)
                for g, n in (("all", 1237), ("C", 17))
                for arm, h in (("treated", 0.0005), ("control", 0.0009))
            ],
            ignore_index=True,
        ),
        "matching": matching_rows(),
        "gates": pd.DataFrame(
            {
                "analysis": "person",
                "gate": ["max_smd", "min_ess"],
                "limit": [0.1, 100.0],
                "value": [0.0431234, 1129.381],
                "passed": True,
                "override": None,
            }
        ),
        "ph_tests": pd.DataFrame(
            {
                "analysis": "person",
                "group": ["all", "C"],
                "outcome": "reoffence",
                "term": "treated",
                "statistic": [3.8414588, 1.2345678],
                "df": 1.0,
                "p_value": [0.0500435, 0.26],
            }
        ),
        "truth": pd.DataFrame(
            [{"analysis": "person", "group": "all", "outcome": "reoffence", "measure": "risk_difference"}]
        ).assign(horizon_days=365.0, estimate=-0.026),
        "quality": pd.DataFrame(
            {
                "table": ["suspects", "outcomes"],
                "rows_in": [6003, 888],
                "rows_ok": [6000, 888],
                "rows_superseded": [0, 0],
                "rows_quarantined": [3, 0],
            }
        ),
    }


def matching_rows() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "analysis": "person",
            "group": ["all", "A", "B", "C"],
            "n_treated": [1243, 705, 520, 18],
            "n_control": [3757, 2101, 1590, 66],
            "matched_treated": [1237, 702, 518, 17],
            "matched_control": [1237, 702, 518, 17],
            "dropped_treated": [6, 3, 2, 1],
            "ess_control": [1129.381, 640.9, 472.9, 15.5],
            "caliper": 0.1834567,
            "estimand": "FSATT",
            "method": "nearest",
        }
    )


def balance_rows() -> pd.DataFrame:
    """Age; a common attribute; one that 7 of the treated have; one that all the controls have."""
    names = ["age", "previous", "rare", "everyone"]
    return pd.DataFrame(
        {
            "analysis": "person",
            "group": "all",
            "covariate": names,
            "mean_treated": [27.316789, 501 / 1237, 7 / 1237, 1200 / 1237],
            "mean_control": [27.401234, 488 / 1237, 41 / 1237, 1.0],
            "smd_unadjusted": [-0.2112, 0.1534, -0.3, 0.05],
            "smd": [-0.0112, 0.0234, -0.2, 0.02],
            "variance_ratio": [1.0234, 1.001, 0.4, 0.9],
            "ecdf_max": [0.0432, 13 / 1237, 34 / 1237, 37 / 1237],
            "mean_control_before": [29.00123, 1601 / 3757, 212 / 3757, 3701 / 3757],
            "mean_dropped": [31.25, 0.5, 0.0, 1.0],
        }
    )
