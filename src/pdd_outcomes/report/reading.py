"""The findings as the page reads them: which analysis leads, which row is meant, what a time is called."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ..release.findings import Findings
from . import formats

POOLED, ALL = "pooled", "all"
CAUTIOUS = "Hartung-Knapp"  # of a pooled estimate's intervals, the one that leads where there is a choice


@dataclass(frozen=True, slots=True)
class Analysis:
    """One comparison, in the protocol's words."""

    id: str
    exposure: str
    label: str
    treated_label: str
    control_label: str
    population: str
    estimand: str
    method_words: str
    headline: bool

    @property
    def treated(self) -> str:
        """The treated group in a sentence."""
        return formats.exposed_group(self.treated_label)

    @property
    def control(self) -> str:
        """The comparison group in a sentence."""
        return formats.comparison_group(self.control_label)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One outcome: a noun phrase."""

    id: str
    label: str
    main: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """When a difference is called significant: the Justice Data Lab's rule with the protocol's settings."""

    alpha: float = 0.05
    min_treated_events: float = 30
    min_np: float = 10
    level: float = 0.95


@dataclass(frozen=True, slots=True)
class Number:
    """One released estimate; numbers that are not there are nan."""

    group: str
    horizon: float
    start: float
    estimand: str
    measure: str
    scale: str
    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    level: float
    p_value: float
    se_method: str
    n_treated: float
    n_control: float
    events_treated: float
    events_control: float
    status: str
    reason: str

    @property
    def ok(self) -> bool:
        """Whether there is an estimate to show."""
        return self.status == "ok" and math.isfinite(self.estimate)

    @property
    def has_interval(self) -> bool:
        """Whether there are both limits."""
        return self.ok and math.isfinite(self.conf_low) and math.isfinite(self.conf_high)


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two groups' risks by one time and their difference, each perhaps missing."""

    treated: Number | None
    control: Number | None
    difference: Number | None
    horizon: float

    @property
    def shown(self) -> Number | None:
        """The difference if there is one to show."""
        return self.difference if self.difference is not None and self.difference.ok else None


class Reading:
    """Findings with the questions a page asks of them."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.study: Mapping[str, Any] = findings.study
        self.unit = str(self.study["time_unit"])
        known = [Analysis(**entry) for entry in self.study["analyses"]]
        self.analyses = tuple(sorted(known, key=lambda a: not a.headline))
        self.outcomes = tuple(
            sorted((Outcome(**entry) for entry in self.study["outcomes"]), key=lambda o: not o.main)
        )
        reporting = self.study.get("reporting") or {}
        self.rule = Rule(**{f.name: float(reporting[f.name]) for f in fields(Rule) if f.name in reporting})
        self.estimates = self._timed(findings["estimates"])
        self.truth = self._timed(findings["truth"])

    def __getitem__(self, table: str) -> pd.DataFrame:
        """A table of the findings."""
        return self.findings[table]

    @property
    def lead(self) -> Analysis:
        """The headline analysis."""
        return self.analyses[0]

    @property
    def main(self) -> Outcome:
        """The main outcome."""
        return self.outcomes[0]

    @property
    def synthetic(self) -> bool:
        """Whether the people are invented."""
        return bool(self.study["synthetic"])

    def trait(self, name: str) -> str:
        """A covariate as a reader knows it."""
        return formats.readable(name, self.study["labels"])

    @cached_property
    def horizons(self) -> tuple[float, ...]:
        """The protocol's times, in its own unit, earliest first."""
        return tuple(sorted(float(h) for h in self.study["horizons"]))

    @property
    def main_horizon(self) -> float:
        """The time that leads: a year if the protocol has it, or the nearest to it."""
        return min(self.horizons, key=lambda h: abs(formats.months(h, self.unit) - 12))

    @property
    def failed_gates(self) -> pd.DataFrame:
        """Gates that were not passed and not overridden: with any, there are no effects."""
        gates = self["gates"]
        return gates[~gates["passed"] & (gates["override"] == "")]

    @property
    def overrides(self) -> pd.DataFrame:
        """Gates that were not passed and were overridden, with the reason."""
        gates = self["gates"]
        return gates[~gates["passed"] & (gates["override"] != "")]

    @property
    def has_effects(self) -> bool:
        """Whether the outcomes were looked at."""
        return self.failed_gates.empty and not self.estimates.empty

    def when(self, time: float) -> str:
        """A time in words."""
        return formats.duration(time, self.unit)

    def analysis(self, identifier: str) -> Analysis:
        """The analysis of that id."""
        return next(a for a in self.analyses if a.id == identifier)

    def outcome(self, identifier: str) -> Outcome:
        """The outcome of that id."""
        return next(o for o in self.outcomes if o.id == identifier)

    def forces(self, analysis: Analysis, table: str = "estimates") -> list[str]:
        """Groups that are single forces, in order of name."""
        frame = self.estimates if table == "estimates" else self[table]
        groups = frame.loc[frame["analysis"] == analysis.id, "group"].unique().tolist()
        return sorted(str(g) for g in groups if g not in (ALL, POOLED))

    def overall(self, analysis: Analysis) -> str:
        """The group whose figures stand for the whole analysis.

        Where the exposure is the force, the forces are the units: the pooled estimate leads, because one
        that counts people takes no account of how much forces differ.
        """
        rows = self.estimates[self.estimates["analysis"] == analysis.id]
        groups = set(rows["group"])
        order = (POOLED, ALL) if analysis.exposure == "force" else (ALL, POOLED)
        return next((g for g in order if g in groups), ALL)

    def rows(
        self,
        analysis: Analysis,
        outcome: Outcome,
        measure: str,
        *,
        group: str | None = None,
        horizon: float | None = None,
        population: str = "matched",
        method: str = "",
    ) -> list[Number]:
        """Every estimate of a measure, in order of time."""
        e = self.estimates
        kept = (e["analysis"] == analysis.id) & (e["outcome"] == outcome.id) & (e["measure"] == measure)
        kept &= (e["group"] == (group or self.overall(analysis))) & (e["population"] == population)
        if horizon is not None:
            kept &= e["horizon"] == horizon
        if method:
            kept &= e["se_method"].str.contains(method, regex=False)
        found = e[kept].sort_values(["horizon", "start"], kind="stable")
        return [_number(row) for row in found.to_dict("records")]

    def by_time(self, analysis: Analysis, outcome: Outcome, measure: str, **where: Any) -> list[Number]:
        """One estimate for each time; of several intervals of one estimate the more cautious."""
        found: dict[tuple[str, str], Number] = {}
        for number in self.rows(analysis, outcome, measure, **where):
            key = str(number.start), str(number.horizon)
            if key not in found or CAUTIOUS in number.se_method:
                found[key] = number
        return list(found.values())

    def number(self, analysis: Analysis, outcome: Outcome, measure: str, **where: Any) -> Number | None:
        """The one estimate that is meant, or None; of several times the last."""
        found = self.by_time(analysis, outcome, measure, **where)
        return found[-1] if found else None

    def contrast(
        self,
        analysis: Analysis,
        outcome: Outcome,
        horizon: float | None = None,
        *,
        group: str | None = None,
        population: str = "matched",
    ) -> Contrast:
        """Both risks and their difference by a time (the leading one if none is given).

        Where the pooled group has no risks of its own, those of all people stand beside its difference.
        """
        at = self.main_horizon if horizon is None else horizon
        chosen = group or self.overall(analysis)

        def get(measure: str, of: str) -> Number | None:
            return self.number(analysis, outcome, measure, group=of, horizon=at, population=population)

        risks = [get(f"risk_{arm}", chosen) for arm in ("treated", "control")]
        if chosen == POOLED and not any(risks):
            risks = [get(f"risk_{arm}", ALL) for arm in ("treated", "control")]
        difference = get("risk_difference", chosen)
        if difference is None and group is None and chosen == POOLED:
            difference = get("risk_difference", ALL)
        return Contrast(risks[0], risks[1], difference, at)

    def true(self, analysis: Analysis, outcome: Outcome, measure: str, horizon: float | None) -> float:
        """The known truth of a synthetic world; nan where there is none."""
        t = self.truth
        kept = (t["analysis"] == analysis.id) & (t["outcome"] == outcome.id) & (t["measure"] == measure)
        kept &= t["group"].isin([ALL, POOLED])
        if horizon is not None:
            kept &= t["horizon"] == horizon
        found = t.loc[kept, "estimate"]
        return float(found.iloc[0]) if len(found) else math.nan

    def of(self, table: str, analysis: Analysis) -> pd.DataFrame:
        """The rows of a table that belong to an analysis."""
        frame = self[table]
        return frame[frame["analysis"] == analysis.id]

    def estimand(self, analysis: Analysis) -> str:
        """The estimand actually targeted: that of the estimates, or of the matching, or as planned."""
        for frame in (self.estimates[self.estimates["population"] == "matched"], self["matching"]):
            found = frame.loc[frame["analysis"] == analysis.id, "estimand"]
            said = [str(e) for e in found if e]
            if said:
                return "FSATT" if "FSATT" in said else said[0]
        return analysis.estimand

    def _timed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame with `horizon` (and `start`) in the protocol's own unit."""
        timed = frame.assign(horizon=[self._own_time(t) for t in frame["horizon_days"]])
        if "interval_start_days" in frame.columns:
            timed = timed.assign(start=[self._own_time(t) for t in frame["interval_start_days"]])
        return timed

    def _own_time(self, time: float) -> float:
        """A time of the estimates, which may be in days where the protocol counts months, as one of the protocol's."""
        named = [*self.horizons, float(self.study["tau"])]
        for value in (time, formats.months(time, "days")) if self.unit == "months" else (time,):
            near = [n for n in named if abs(n - value) <= 0.002 * n]
            if near:
                return near[0]
        longest = max(named)
        return formats.months(time, "days") if self.unit == "months" and time > longest * 1.001 else float(time)


def _number(row: Mapping[Any, Any]) -> Number:
    values = {f.name: row[f.name] for f in fields(Number)}
    for name, value in values.items():
        if not isinstance(value, str):
            values[name] = np.nan if pd.isna(value) else float(value)
    return Number(**values)
