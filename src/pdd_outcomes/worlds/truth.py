"""What is true of the synthetic world, on the scales that the package estimates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, FloatArray
from .parameters import SCHEME
from .people import People
from .potential import HORIZONS, OTHER_SHARE, Effects, Hazard

STEP = 3.0  # days; the restricted mean is a trapezium sum over such steps


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
    """The three outcomes of the thirteen-forces study."""
    rate, shift = treatment
    flat = Hazard(np.full(3, rate), np.full(3, shift))
    base = people.risk + effects.force
    nothing = np.zeros(len(base))
    return [
        Process("reoffending", hazard, base, effects.effect),
        Process("reoffending_not_possession", hazard, base + np.log(OTHER_SHARE), effects.effect),
        Process("treatment_entry", flat, people.need, nothing),
    ]


def truth_table(people: People, diverted: BoolArray, made: list[Process]) -> pd.DataFrame:
    """Average effects on those exposed: expected risks given everything that drives them, not one draw of events.

    `diverted`: over the people diverted, diverted against not. `scheme`: over everyone arrested in the scheme forces, the
    scheme as it was against none, so the effect on the diverted diluted by those who were not.
    """
    rows: list[dict[str, object]] = []
    for process in made:
        for analysis, exposed in (("diverted", diverted), ("scheme", people.in_scheme)):
            for group in ("all", *SCHEME):
                who = exposed if group == "all" else exposed & (people.force == SCHEME.index(group))
                for measure, horizon, value in _contrasts(process, who, diverted):
                    rows.append(
                        {
                            "analysis": analysis,
                            "group": group,
                            "outcome": process.outcome,
                            "measure": measure,
                            "horizon_days": horizon,
                            "estimate": value,
                        }
                    )
    return pd.DataFrame(rows)


def _contrasts(process: Process, who: BoolArray, diverted: BoolArray) -> list[tuple[str, int, float]]:
    found: list[tuple[str, int, float]] = []
    for horizon in HORIZONS:
        treated, control = _survival(process, float(horizon), who, diverted)
        found += [
            ("risk_treated", horizon, 1 - treated),
            ("risk_control", horizon, 1 - control),
            ("risk_difference", horizon, control - treated),
            ("risk_ratio", horizon, (1 - treated) / (1 - control)),
        ]
    grid = np.append(np.arange(0.0, HORIZONS[-1], STEP), HORIZONS[-1])
    curves = np.array([_survival(process, float(t), who, diverted) for t in grid])
    means = np.trapezoid(curves, grid, axis=0)
    return [*found, ("rmst_difference", HORIZONS[-1], float(means[0] - means[1]))]


def _survival(process: Process, t: float, who: BoolArray, diverted: BoolArray) -> tuple[float, float]:
    """Expected survival to `t` of `who`, as exposed and had they not been."""
    log_hazard, effect, treated = process.log_hazard[who], process.effect[who], diverted[who]
    without = np.exp(-process.hazard.cumulative(t, log_hazard, effect, False))
    with_ = np.where(treated, np.exp(-process.hazard.cumulative(t, log_hazard, effect, True)), without)
    return float(with_.mean()), float(without.mean())
