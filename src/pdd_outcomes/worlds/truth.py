"""What is true of the synthetic world, on the scales that the package estimates.

Everything is an expectation given who the people are and whether they are exposed: no row rests on the one draw of events
that stands in the tables. `diverted` is the average over the people diverted, diverted against not; `scheme` over everyone
arrested where a scheme ran, the scheme as it was against none, so the effect on the diverted diluted by those who were not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, FloatArray
from .consequences import Exposed, consequences
from .curves import Curves
from .parameters import KNOTS, SCHEME, Settings
from .people import People
from .potential import HORIZONS, OTHER_SHARE, Effects, Hazard

STEP = 3.0  # days; the restricted mean is a trapezium sum over such steps
GRID = np.append(np.arange(0.0, HORIZONS[-1], STEP), HORIZONS[-1])
BLOCK = 100_000  # people times days worked out at once
FINE = np.union1d(GRID, [*KNOTS, *HORIZONS])  # the hazard has kinks at the knots

Found = list[tuple[str, int, float]]


@dataclass(frozen=True, slots=True)
class Process:
    """One outcome's hazard, with who was diverted."""

    outcome: str
    hazard: Hazard
    log_hazard: FloatArray
    effect: FloatArray


def processes(
    people: People, effects: Effects, hazard: Hazard, treatment: tuple[float, float]
) -> list[Process]:
    """The three outcomes of the thirteen-forces study, and reoffending by possession, of which counts and costs are made."""
    rate, shift = treatment
    flat = Hazard(np.full(3, rate), np.full(3, shift))
    base = people.risk + effects.force
    nothing = np.zeros(len(base))
    return [
        Process("reoffending", hazard, base, effects.effect),
        Process("reoffending_not_possession", hazard, base + np.log(OTHER_SHARE), effects.effect),
        Process("treatment_entry", flat, people.need, nothing),
        Process("possession", hazard, base + np.log1p(-OTHER_SHARE), effects.effect),
    ]


def truth_table(people: People, diverted: BoolArray, made: list[Process], settings: Settings) -> pd.DataFrame:
    """Average effects on those exposed, columns as in the findings.

    For all and for each scheme force: risks in both arms, their difference, ratio and odds ratio at each horizon; restricted
    mean days without the event to the last horizon; hazard ratios as in `curves.limiting_hazard_ratio`, overall and (where
    `horizon_days` is the end of an interval) by interval. For all: what `consequences` gives.
    """
    first: list[dict[str, object]] = []
    then: list[dict[str, object]] = []
    scales = {p.outcome: _scales(p.hazard) for p in made}
    for analysis, exposed in (("diverted", diverted), ("scheme", people.in_scheme)):
        everyone = {p.outcome: _curves(p, scales[p.outcome], exposed, diverted) for p in made}
        for process in made[:3]:
            for group in ("all", *SCHEME):
                who = exposed if group == "all" else exposed & (people.force == SCHEME.index(group))
                if not who.any():
                    continue
                name = process.outcome
                curves = everyone[name] if group == "all" else _curves(process, scales[name], who, diverted)
                key = {"analysis": analysis, "group": group, "outcome": name}
                first += [{**key, **row} for row in _rows(_contrasts(curves))]
                then += [{**key, **row} for row in _rows(_further(curves))]
        for outcome, found in consequences(Exposed(people, exposed, diverted, everyone), settings).items():
            key = {"analysis": analysis, "group": "all", "outcome": outcome}
            then += [{**key, **row} for row in _rows(found)]
    order = {process.outcome: k for k, process in enumerate(made)}
    return pd.DataFrame([*sorted(first, key=lambda row: order[str(row["outcome"])]), *then])


def _rows(found: Found) -> list[dict[str, object]]:
    return [{"measure": m, "horizon_days": h, "estimate": value} for m, h, value in found]


def _contrasts(curves: Curves) -> Found:
    found: Found = []
    for horizon in HORIZONS:
        treated, control = curves.at(float(horizon))
        found += [
            ("risk_treated", horizon, 1 - treated),
            ("risk_control", horizon, 1 - control),
            ("risk_difference", horizon, control - treated),
            ("risk_ratio", horizon, (1 - treated) / (1 - control)),
        ]
    means = _restricted_means(curves)
    return [*found, ("rmst_difference", HORIZONS[-1], means[0] - means[1])]


def _restricted_means(curves: Curves) -> tuple[float, float]:
    there = np.isin(curves.grid, GRID)
    both = np.stack([curves.treated[there], curves.control[there]], axis=1)
    treated, control = np.trapezoid(both, GRID, axis=0)
    return float(treated), float(control)


def _further(curves: Curves) -> Found:
    found: Found = []
    for horizon in HORIZONS:
        treated, control = curves.at(float(horizon))
        found.append(("odds_ratio", horizon, (1 - treated) / treated / ((1 - control) / control)))
    treated, control = _restricted_means(curves)
    last = HORIZONS[-1]
    found += [
        ("rmst_treated", last, treated),
        ("rmst_control", last, control),
        ("rmst_ratio", last, treated / control),
        ("hazard_ratio", last, curves.limiting_hazard_ratio(0.0, float(last))),
    ]
    for start, end in zip((0.0, *KNOTS), KNOTS):
        found.append(("hazard_ratio_interval", int(end), curves.limiting_hazard_ratio(start, end)))
    return found


def _scales(hazard: Hazard) -> FloatArray:
    """(g, 2) cumulative hazard of an average person on each day of FINE, diverted and not."""
    return np.array([[hazard.scale(float(t), True), hazard.scale(float(t), False)] for t in FINE])


def _curves(process: Process, scales: FloatArray, who: BoolArray, diverted: BoolArray) -> Curves:
    """Expected survival of `who`, as exposed and had they not been."""
    treated = diverted[who]
    without = np.exp(process.log_hazard[who])
    felt = np.exp((process.log_hazard[who] + process.effect[who])[treated])
    both = np.empty((len(FINE), 2))
    days = max(BLOCK // len(without), 1)
    for start in range(0, len(FINE), days):
        block = slice(start, start + days)
        survival = np.exp(-np.multiply.outer(scales[block, 1], without))
        both[block, 1] = survival.mean(axis=1)
        survival[:, treated] = np.exp(-np.multiply.outer(scales[block, 0], felt))
        both[block, 0] = survival.mean(axis=1)
    return Curves(FINE, both[:, 0], both[:, 1])
