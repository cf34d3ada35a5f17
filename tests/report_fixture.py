"""Findings made up for the tests of the pages: one person table in months, one study of thirteen forces in days.

Figures come from smooth formulas, not from people; the tables have the shape that the release stage gives them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pdd_outcomes.release.findings import TABLES, Findings

SHA = "5f" * 32
FORCES = ("Alder", "Birch", "Cedar", "Elm", "Hawthorn", "Hazel", "Juniper", "Larch", "Rowan")
EFFECTS = (0.8844, 0.7099, 0.9920, 0.9786, 0.7956, 1.1418, 0.9674, 0.9439, 0.6723)
MONTH = 365 / 12


@dataclass(frozen=True)
class Arm:
    """Cumulative risk 1 - exp(-a t^b), t in months, in n people."""

    a: float
    n: int
    b: float = 0.8

    def risk(self, months: float) -> float:
        return float(1 - np.exp(-self.a * months**self.b))


def analysis(**changes: Any) -> dict[str, Any]:
    return {
        "id": "diverted",
        "exposure": "person",
        "label": "Diverted against not diverted, within scheme forces",
        "treated_label": "Diverted",
        "control_label": "Not diverted",
        "population": "Adults suspected of drug possession in forces that run a scheme",
        "estimand": "ATT",
        "method_words": "Logistic propensity score; nearest neighbour 1:1 without replacement, caliper 0.2 SD of the logit, "
        "exact on force.",
        "headline": True,
        **changes,
    }


def study(**changes: Any) -> dict[str, Any]:
    return {
        "study": "pdd_thirteen_forces",
        "title": "Police drug diversion in thirteen forces (synthetic)",
        "question": "Do people diverted from prosecution for drug possession reoffend less than comparable people who were not?",
        "background": "A synthetic world with known truth. No record is of a real person.",
        "version": "1.0",
        "synthetic": True,
        "analyses": [
            analysis(),
            analysis(
                id="scheme",
                exposure="force",
                label="Arrested where a scheme exists, against where none does",
                treated_label="Scheme forces",
                control_label="Comparison forces",
                population="Adults suspected of drug possession in any of the thirteen forces",
                headline=False,
            ),
        ],
        "outcomes": [
            {"id": "reoffending", "label": "proven reoffending", "main": True},
            {"id": "treatment_entry", "label": "entry into drug treatment", "main": False},
        ],
        "time_unit": "days",
        "horizons": [91, 365, 730, 1095],
        "tau": 1095,
        "comparator": {"label": "prosecuted or given another formal outcome", "outcome_codes": [1, 2, 3, 6, 7]},
        "clock": "incident",
        "window": {"from": "2018-01-01", "to": "2019-12-31"},
        "labels": {"imd_quintile": "Deprivation quintile", "sex": "Sex"},
        "limits": ["This study is synthetic.", "Being diverted is decided by officers."],
        "sources": [
            "Force-level hazard ratios of the police drug diversion impact evaluation (effect_estimates.csv, 2026-03-06)."
        ],
        "reporting": {"alpha": 0.05, "min_treated_events": 30, "min_np": 10, "level": 0.95},
        "release": {"threshold": 10, "rounding": 5, "curve_min_n": 200, "curve_min_at_risk": 30},
        "provenance": {
            "code_version": "0.1.0",
            "protocol_sha": SHA,
            "packages": {"numpy": "2.4.6", "pandas": "3.1.1"},
            "inputs": {"disposals.csv": SHA, "persons.csv": SHA},
            "seed": 20250301,
            "manifests": {"design": SHA, "estimates": SHA},
        },
        **changes,
    }


def person_study(**changes: Any) -> dict[str, Any]:
    own = analysis(
        id="work_release",
        label="Work release against none",
        treated_label="Work release",
        control_label="No work release",
        population="People released from North Carolina prisons, July 1977 to June 1978",
        method_words="Logistic propensity score; nearest neighbour 1:1 without replacement, caliper 0.2 SD of the logit.",
    )
    return study(
        study="nc_work_release",
        title="Work release and return to prison, North Carolina 1977-78",
        question="Did people released after a work-release programme return to prison less than comparable people released without one?",
        background="People released from North Carolina prisons.",
        synthetic=False,
        analyses=[own],
        outcomes=[{"id": "return_to_prison", "label": "return to prison", "main": True}],
        time_unit="months",
        horizons=[12, 24, 48, 60],
        tau=70,
        comparator=None,
        clock=None,
        window=None,
        limits=["Work release was granted, not drawn by lot."],
        sources=["Chung, Schmidt and Witte (1991) Journal of Quantitative Criminology 7, 59-98."],
        **changes,
    )


def contrast_rows(
    treated: Arm,
    control: Arm,
    times: Mapping[float, float],
    tau: tuple[float, float],
    *,
    unit: str,
    **keys: Any,
) -> list[dict[str, Any]]:
    """Every measure of two arms. `times`: time in the study's unit to months; `tau` likewise."""
    rows = []
    for time, months in times.items():
        p1, p0 = treated.risk(months), control.risk(months)
        s1, s0 = (float(np.sqrt(p * (1 - p) / arm.n)) for p, arm in ((p1, treated), (p0, control)))
        se, log_se = float(np.hypot(s1, s0)), float(np.hypot(s1 / p1, s0 / p0))
        z = (p1 - p0) / se
        p_value = float(2 * (1 - _phi(abs(z))))
        counts = {
            "n_treated": treated.n,
            "n_control": control.n,
            "events_treated": 5 * round(p1 * treated.n / 5),
            "events_control": 5 * round(p0 * control.n / 5),
            "ess_treated": treated.n,
            "ess_control": 5 * round(0.95 * control.n / 5),
            "horizon_days": time,
        }
        shape: list[tuple[str, str, float, float, float]] = [
            ("risk_treated", "probability", p1, s1, np.nan),
            ("risk_control", "probability", p0, s0, np.nan),
            ("risk_difference", "difference", p1 - p0, se, p_value),
            ("risk_ratio", "ratio", p1 / p0, log_se, p_value),
        ]
        rows += [_row(m, s, e, d, p) | counts | keys for m, s, e, d, p in shape]
    grid = np.linspace(0, tau[1], 400)
    r1, r0 = (float(np.trapezoid([1 - arm.risk(t) for t in grid], grid)) for arm in (treated, control))
    scale = MONTH if unit == "days" else 1.0
    last = counts | {"horizon_days": tau[0]}
    log_hr = float(np.log(treated.a / control.a))
    se_hr = 2.0 / np.sqrt(counts["events_treated"])
    rows += [
        _row("rmst_treated", unit, r1 * scale, 0.2 * scale, np.nan) | last | keys,
        _row("rmst_control", unit, r0 * scale, 0.2 * scale, np.nan) | last | keys,
        _row("rmst_difference", unit, (r1 - r0) * scale, 0.3 * scale, 0.01) | last | keys,
        _row("hazard_ratio", "ratio", float(np.exp(log_hr)), se_hr, 0.02) | last | keys,
    ]
    starts = [0.0, *list(times)[:-1]]
    for i, (start, end) in enumerate(zip(starts, times)):
        value = float(np.exp(log_hr * (1.6 - 0.35 * i)))
        rows.append(
            _row("hazard_ratio_interval", "ratio", value, 1.4 * se_hr, 0.2)
            | counts
            | {"horizon_days": end}
            | keys
            | {"interval_start_days": start}
        )
    return rows


def _phi(z: float) -> float:
    from scipy import special

    return float(special.ndtr(z))


def _row(measure: str, scale: str, estimate: float, std_error: float, p: float) -> dict[str, Any]:
    if scale == "ratio":
        low, high = (float(estimate * np.exp(side * 1.96 * std_error)) for side in (-1, 1))
    else:
        low, high = (estimate + side * 1.96 * std_error for side in (-1, 1))
    return {
        "measure": measure,
        "scale": scale,
        "estimate": round(estimate, 5),
        "std_error": round(std_error, 5),
        "conf_low": round(max(low, 0.0) if scale == "probability" else low, 5),
        "conf_high": round(high, 5),
        "p_value": p if np.isnan(p) else round(p, 4),
    }


def estimates_frame(rows: list[dict[str, Any]], study: Mapping[str, Any]) -> pd.DataFrame:
    filled = {
        "study": study["study"],
        "exposure": "person",
        "population": "matched",
        "group": "all",
        "interval_start_days": np.nan,
        "estimand": "FSATT",
        "level": 0.95,
        "se_method": "cluster-robust",
        "status": "ok",
        "reason": "",
        "design_sha": SHA,
        "protocol_sha": SHA,
        "seed": study["provenance"]["seed"],
        "suppressed": "",
    }
    return pd.DataFrame([filled | row for row in rows], columns=list(TABLES["estimates"].names))


def curve_rows(of: Arm, end: int, *, unit: str, lost: int = 24, **keys: Any) -> pd.DataFrame:
    months = np.arange(end + 1)
    time = np.round(months * MONTH) if unit == "days" else months.astype(float)
    survival = np.array([1 - of.risk(t) for t in months])
    events = 5 * np.round(of.n * (1 - survival) / 5)
    censored = np.where(months > lost, 5 * np.round(of.n * 0.01 * (months - lost) / 5), 0.0)
    error = np.sqrt(survival * (1 - survival) / of.n)
    frame = pd.DataFrame(
        {
            "time": time,
            "n_risk": np.maximum(of.n - events - censored, 30),
            "events": events,
            "censored": censored,
            "survival": survival.round(6),
            "conf_low": (survival - 1.96 * error).round(6),
            "conf_high": np.minimum(survival + 1.96 * error, 1).round(6),
            "suppressed": "",
        }
    )
    frame.loc[1, ["events", "suppressed"]] = [np.nan, "events"]
    return frame.assign(**keys)


def balance_frame(names: Mapping[str, float], **keys: Any) -> pd.DataFrame:
    before = np.array(list(names.values()))
    n = len(before)
    after = before * np.linspace(-0.2, 0.2, n)
    frame = pd.DataFrame(
        {
            "covariate": list(names),
            "mean_treated": np.linspace(0.2, 0.8, n),
            "mean_control": np.linspace(0.2, 0.8, n) - after * 0.4,
            "smd_unadjusted": before,
            "smd": after.round(2),
            "variance_ratio": np.linspace(0.9, 1.1, n).round(2),
            "ecdf_max": np.abs(after).round(2),
            "mean_control_before": np.linspace(0.2, 0.8, n) - before * 0.4,
            "mean_dropped": np.linspace(0.1, 0.9, n),
            "suppressed": "",
        }
    )
    hidden = [
        "mean_treated",
        "mean_control",
        "variance_ratio",
        "ecdf_max",
        "mean_control_before",
        "mean_dropped",
    ]
    frame.loc[n - 1, hidden] = np.nan
    frame.loc[n - 1, "suppressed"] = " ".join(hidden)
    return frame.assign(**keys)


def overlap_frame(shift: float, n: tuple[int, int], **keys: Any) -> pd.DataFrame:
    low = np.round(np.arange(20) * 0.05, 2)
    middle = low + 0.025
    parts = []
    for sample in ("before", "after"):
        for arm, size, centre in (
            ("treated", n[0], 0.45),
            ("control", n[1], 0.45 - shift * (sample == "before")),
        ):
            share = np.exp(-(((middle - centre) / 0.15) ** 2))
            counts = 5 * np.round(size * share / share.sum() / 5)
            parts.append(
                pd.DataFrame(
                    {
                        "sample": sample,
                        "arm": arm,
                        "bin_low": low,
                        "bin_high": np.round(low + 0.05, 2),
                        "count": counts,
                    }
                )
            )
    frame = pd.concat(parts, ignore_index=True)
    small = (frame["count"] > 0) & (frame["count"] < 10)
    frame["suppressed"] = np.where(small, "count", "")
    frame.loc[small, "count"] = np.nan
    return frame.assign(**keys)


def matching_row(n: int, matched: int, control: int, **keys: Any) -> dict[str, Any]:
    return {
        "group": "all",
        "n_treated": n,
        "n_control": control,
        "matched_treated": matched,
        "matched_control": matched,
        "dropped_treated": n - matched,
        "ess_control": matched,
        "caliper": 0.1834,
        "estimand": "FSATT" if n > matched else "ATT",
        "method": "nearest",
        "suppressed": "",
        **keys,
    }


def flow_rows(stream: str, start: int, steps: list[tuple[str, str, int]]) -> list[dict[str, Any]]:
    rows, n = [], start
    for i, (label, rule, out) in enumerate(steps, start=1):
        rows.append(
            {
                "stream": stream,
                "step": i,
                "label": label,
                "rule": rule,
                "n_in": n,
                "n_excluded": out,
                "n_out": n - out,
                "suppressed": "",
            }
        )
        n -= out
    return rows


def gate_rows(
    identifier: str, *, smd: float = 0.043, limit: float = 0.1, override: str = ""
) -> list[dict[str, Any]]:
    return [
        {
            "analysis": identifier,
            "gate": "max_smd",
            "limit": limit,
            "value": smd,
            "passed": smd <= limit,
            "override": override,
        },
        {
            "analysis": identifier,
            "gate": "min_ess",
            "limit": 200.0,
            "value": 4100.0,
            "passed": True,
            "override": "",
        },
    ]


def assembled(study: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> Findings:
    """Findings with every table of the schema, empty where none is given."""
    every = {name: tables.get(name, schema.empty()) for name, schema in TABLES.items()}
    return Findings(dict(study), every)


def register_frame() -> pd.DataFrame:
    rows = [
        (
            "findings/estimates.csv",
            "estimates",
            "count: suppressed under 10, then rounded to the nearest 5",
            120,
            3,
            "released in part",
            "columns n_treated",
        )
    ]
    rows += [
        (
            "findings/curves.csv",
            "curves",
            "whole output",
            0,
            0,
            "withheld",
            "scheme, Elm, treatment_entry, matched, treated: fewer than 200 people",
        )
    ]
    return pd.DataFrame(rows, columns=list(TABLES["register"].names))


COVARIATES = {
    "age": -0.35,
    "sex[male]": 0.12,
    "ethnicity[Black]": -0.11,
    "ethnicity[White]": 0.14,
    "imd_quintile[1]": -0.18,
    "offence_group[possession_class_a]": 0.08,
    "prior_offences": -0.42,
    "prior_drug_offences": -0.27,
    "first_time": 0.31,
    "prior_treatment": -0.1,
}


def person_findings(**changes: Any) -> Findings:
    """A study like nc_work_release: months, one analysis, one outcome, no forces, no truth."""
    plan = person_study(**changes)
    treated, control = Arm(0.02, 480), Arm(0.0235, 480)
    times = {h: float(h) for h in plan["horizons"]}
    keys = {"analysis": "work_release", "outcome": "return_to_prison"}
    rows = contrast_rows(treated, control, times, (70, 70.0), unit="months", **keys)
    rows += contrast_rows(
        Arm(0.021, 500), Arm(0.019, 945), times, (70, 70.0), unit="months", population="unmatched", **keys
    )
    curves = [
        curve_rows(arm, 72, unit="months", lost=69, sample="matched", group="all", arm=name, **keys)
        for name, arm in (("treated", treated), ("control", control))
    ]
    who = {"analysis": "work_release"}
    flow = flow_rows("cohort", 1445, [("Treatment known", "treatment neither treated nor comparator", 0)])
    return assembled(
        plan,
        {
            "estimates": estimates_frame(rows, plan),
            "curves": pd.concat(curves),
            "flow": pd.DataFrame(flow),
            "balance": balance_frame(
                {
                    "Age (months)": 0.3,
                    "Black": -0.1,
                    "Previous convictions": 0.25,
                    "Rules broken in prison": 0.4,
                },
                group="all",
                **who,
            ),
            "overlap": overlap_frame(0.1, (500, 945), group="all", **who),
            "matching": pd.DataFrame([matching_row(500, 480, 945, **who)]),
            "gates": pd.DataFrame(gate_rows("work_release", smd=0.12, limit=0.2)),
            "ph_tests": pd.DataFrame(
                [
                    {
                        "group": "all",
                        "outcome": "return_to_prison",
                        "term": "treated",
                        "statistic": 1.2,
                        "df": 1.0,
                        "p_value": 0.273,
                    }
                    | who
                ]
            ),
            "quality": pd.DataFrame(
                [
                    {
                        "table": "person",
                        "rows_in": 1445,
                        "rows_ok": 1445,
                        "rows_superseded": 0,
                        "rows_quarantined": 0,
                        "suppressed": "",
                    }
                ]
            ),
            "register": register_frame(),
        },
    )


def forces_findings(**changes: Any) -> Findings:
    """A study like pdd_thirteen_forces: days, two exposures, two outcomes, nine scheme forces, a known truth."""
    plan = study(**changes)
    times = {91: 3.0, 365: 12.0, 730: 24.0, 1095: 36.0}
    tau = (1095, 36.0)
    rows: list[dict[str, Any]] = []
    curves: list[pd.DataFrame] = []
    truth: list[dict[str, Any]] = []
    for outcome, base in (("reoffending", 0.040), ("treatment_entry", 0.009)):
        keys = {"analysis": "diverted", "outcome": outcome}
        treated, control = Arm(base * 0.75, 8940), Arm(base * 0.87, 8940)
        rows += contrast_rows(treated, control, times, tau, unit="days", **keys)
        rows += contrast_rows(
            treated,
            Arm(base * 1.2, 10100),
            times,
            tau,
            unit="days",
            population="unmatched",
            estimand="ATT",
            **keys,
        )
        curves += [
            curve_rows(arm, 36, unit="days", sample="matched", group="all", arm=name, **keys)
            for name, arm in (("treated", treated), ("control", control))
        ]
        truth += [
            keys
            | {
                "group": "all",
                "measure": "risk_difference",
                "horizon_days": 365,
                "estimate": treated.risk(12) - control.risk(12) + 0.002,
            }
        ]
        rows += force_rows(base, outcome, times, tau)
        curves += [
            curve_rows(
                arm,
                36,
                unit="days",
                sample="matched",
                group="all",
                arm=name,
                analysis="scheme",
                outcome=outcome,
            )
            for name, arm in (("treated", Arm(base, 20000)), ("control", Arm(base * 1.1, 20000)))
        ]
    tables = {
        "estimates": estimates_frame(rows, plan),
        "curves": pd.concat(curves),
        "pooling": pooling_frame(),
        "truth": pd.DataFrame(truth),
        **design_tables(),
    }
    return assembled(plan, tables)


def force_rows(
    base: float, outcome: str, times: Mapping[float, float], tau: tuple[float, float]
) -> list[dict[str, Any]]:
    keys = {"analysis": "scheme", "exposure": "force", "outcome": outcome}
    rows: list[dict[str, Any]] = []
    for force, effect in zip(FORCES, EFFECTS):
        rows += contrast_rows(
            Arm(base * effect, 2100), Arm(base, 2100), times, tau, unit="days", group=force, **keys
        )
    for row in rows:
        if row["group"] == "Elm" and outcome == "treatment_entry":
            row.update(
                status="withheld",
                reason="fewer than 10 people in an arm",
                estimate=np.nan,
                conf_low=np.nan,
                conf_high=np.nan,
                p_value=np.nan,
            )
        if row["group"] == "Cedar" and outcome == "treatment_entry" and row["measure"].startswith("hazard"):
            row.update(
                status="not_estimable",
                reason="no events among the treated",
                estimate=np.nan,
                conf_low=np.nan,
                conf_high=np.nan,
                p_value=np.nan,
            )
    pooled = {
        "group": "pooled",
        "n_treated": 18900,
        "n_control": 18900,
        "events_treated": 3000,
        "events_control": 3400,
    } | keys
    rows += contrast_rows(
        Arm(base, 18900),
        Arm(base * 1.1, 18900),
        times,
        tau,
        unit="days",
        population="unmatched",
        group="all",
        **keys,
    )
    for method, low, high, p in (
        ("REML, Wald", 0.7879, 0.9920, 0.036),
        ("REML, Hartung-Knapp", 0.774, 1.010, 0.066),
    ):
        rows.append(
            _row("hazard_ratio", "ratio", 0.8841, 0.06, p)
            | pooled
            | {"horizon_days": 1095, "se_method": method, "conf_low": low, "conf_high": high}
        )
        rows.append(
            _row("risk_difference", "difference", -0.0262, 0.011, p)
            | pooled
            | {
                "horizon_days": 365,
                "se_method": method,
                "conf_low": -0.0262 - (0.0216 if "Wald" in method else 0.0285),
                "conf_high": -0.0262 + (0.0216 if "Wald" in method else 0.0285),
            }
        )
    for measure, horizon, scale, value, low, high in (
        ("hazard_ratio", 1095, "ratio", 0.8841, 0.59, 1.32),
        ("risk_difference", 365, "difference", -0.0262, -0.09, 0.04),
    ):
        rows.append(
            _row(f"{measure} prediction", scale, value, np.nan, np.nan)
            | pooled
            | {"horizon_days": horizon, "se_method": "REML, prediction", "conf_low": low, "conf_high": high}
        )
    return rows


def pooling_frame() -> pd.DataFrame:
    rows = [
        {
            "analysis": "scheme",
            "outcome": outcome,
            "measure": measure,
            "horizon_days": horizon,
            "k": 9,
            "tau2": 0.0253,
            "tau2_low": 0.008,
            "tau2_high": 0.11,
            "i2": 0.865,
            "q": 59.3,
            "q_df": 8.0,
            "q_p": 6e-10,
            "shared_controls": True,
            "note": "",
        }
        for outcome in ("reoffending", "treatment_entry")
        for measure, horizon in (("hazard_ratio", 1095), ("risk_difference", 365))
    ]
    return pd.DataFrame(rows)


def design_tables() -> dict[str, pd.DataFrame]:
    """What the design stage gives: flow, balance, overlap, matching, gates, tests, quality, register."""
    flow = flow_rows(
        "cohort",
        61250,
        [
            ("Incidents in the study window", "incident outside the window", 12340),
            ("Eligible offences", "offence group not eligible", 4215),
            ("First eligible incident of each person", "a later incident of the same person", 4695),
        ],
    )
    flow += flow_rows(
        "diverted",
        40000,
        [
            ("Outcome assigned", "outcome not yet assigned (code 0)", 615),
            ("Diverted, or prosecuted", "another outcome", 20005),
        ],
    )
    flow += flow_rows(
        "scheme", 40000, [("Everyone eligible, whatever was done", "none: the exposure is the force", 0)]
    )
    matching = [matching_row(9280, 8940, 10100, analysis="diverted")]
    matching += [matching_row(2120, 2100, 17000, analysis="scheme", group=force) for force in FORCES]
    balance = [balance_frame(COVARIATES, analysis="diverted", group="all")]
    balance += [
        balance_frame({k: v * (1 + i / 9) for k, v in COVARIATES.items()}, analysis="scheme", group=force)
        for i, force in enumerate(FORCES)
    ]
    overlap = [overlap_frame(0.15, (9280, 10100), analysis="diverted", group="all")]
    overlap += [overlap_frame(0.05, (2120, 17000), analysis="scheme", group=force) for force in FORCES]
    tests = [
        {
            "analysis": a,
            "group": g,
            "outcome": o,
            "term": "treated",
            "statistic": 11.2,
            "df": 1.0,
            "p_value": 0.0008,
        }
        for a, g in (("diverted", "all"), ("scheme", "Alder"))
        for o in ("reoffending", "treatment_entry")
    ]
    return {
        "flow": pd.DataFrame(flow),
        "matching": pd.DataFrame(matching),
        "balance": pd.concat(balance),
        "overlap": pd.concat(overlap),
        "gates": pd.DataFrame(gate_rows("diverted") + gate_rows("scheme")),
        "ph_tests": pd.DataFrame(tests),
        "quality": pd.DataFrame(
            [
                {
                    "table": "disposals",
                    "rows_in": 61300,
                    "rows_ok": 61250,
                    "rows_superseded": 0,
                    "rows_quarantined": 50,
                    "suppressed": "",
                },
                {
                    "table": "persons",
                    "rows_in": 52000,
                    "rows_ok": 52000,
                    "rows_superseded": 0,
                    "rows_quarantined": np.nan,
                    "suppressed": "rows_quarantined",
                },
            ]
        ),
        "register": register_frame(),
    }


def stopped_findings(**changes: Any) -> Findings:
    """A study whose gate failed: diagnostics, and nothing of outcomes."""
    tables = design_tables() | {"gates": pd.DataFrame(gate_rows("diverted", smd=0.23) + gate_rows("scheme"))}
    return assembled(study(**changes), tables)
