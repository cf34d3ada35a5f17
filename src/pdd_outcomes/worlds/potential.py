"""What would happen to each suspect diverted and not diverted, from the same random numbers, and the truth of it.

The log hazard is a baseline, piecewise constant between the knots, plus the person's risk, plus the force's residual
difference, plus (if diverted) an effect for the interval and the force.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import special

from ..core.columns import BoolArray, FloatArray
from .parameters import (
    COMPARISON,
    COMPARISON_FORCES,
    DIVERTED,
    KNOTS,
    SCHEME,
    SCHEME_FORCES,
    TREATMENT_AT_365,
    Settings,
)
from .people import People, Selection, root, select

OTHER_SHARE = 0.65  # of reoffending that is not drug possession
HORIZONS = (91, 365, 730, 1095)
FOLLOWED = 2400.0  # days for which times are drawn; beyond any follow-up


@dataclass(slots=True)
class Hazard:
    """Cumulative hazards: a baseline rate in each interval, an effect of diversion in each interval."""

    rate: FloatArray  # (3,) a day, for a person of average risk
    effect: FloatArray  # (3,) log hazard ratio of being diverted

    def cumulative(self, t: float, log_hazard: FloatArray, effect: FloatArray, treated: bool) -> FloatArray:
        """Cumulative hazard at `t` days for people (n,) of this log hazard and force effect."""
        if not treated:
            return np.asarray(self.scale(t, False) * np.exp(log_hazard))
        return np.asarray(self.scale(t, True) * np.exp(log_hazard + effect))

    def scale(self, t: float, treated: bool) -> float:
        """Cumulative hazard at `t` days of a person of average risk in a force of average effect."""
        scale = self.rate * _within(t)
        return float((scale * np.exp(self.effect)).sum() if treated else scale.sum())

    def time(
        self, threshold: FloatArray, log_hazard: FloatArray, effect: FloatArray, treated: BoolArray
    ) -> FloatArray:
        """Days at which the cumulative hazard passes `threshold` (n,): the inverse of `cumulative`."""
        scaled = threshold * np.exp(-log_hazard - np.where(treated, effect, 0.0))
        edges = np.array([0.0, *KNOTS, FOLLOWED])
        answer = np.full(len(threshold), np.inf)
        for arm in (False, True):
            rates = np.append(self.rate, self.rate[-1]) * np.exp(
                np.append(self.effect, self.effect[-1]) if arm else 0.0
            )
            steps = np.concatenate([[0.0], np.cumsum(rates * np.diff(edges))])
            here = treated == arm
            answer[here] = np.interp(scaled[here], steps, edges, right=np.inf)
        return answer


def _within(t: float) -> FloatArray:
    edges = np.array([0.0, *KNOTS])
    spans = np.clip(t - edges[:-1], 0.0, np.diff(edges))
    spans[-1] = max(t - edges[-2], 0.0)
    return np.asarray(spans)


@dataclass(slots=True)
class Effects:
    """Per person (n,): the force's residual log hazard, and the force's departure from the average effect."""

    force: FloatArray
    effect: FloatArray


@dataclass(frozen=True, slots=True)
class ForceEffects:
    """(13,) by force: its residual log hazard, and its scheme's departure from the average effect."""

    force: FloatArray
    effect: FloatArray

    def of(self, people: People) -> Effects:
        """The same by person."""
        return Effects(self.force[people.force], self.effect[people.force])


def draw_force_effects(rng: np.random.Generator, people: People, settings: Settings) -> Effects:
    """Force differences of `people`, drawn."""
    return force_effects(rng, settings).of(people)


def force_effects(rng: np.random.Generator, settings: Settings) -> ForceEffects:
    """Force differences as stratified normal quantiles, so that their spread is what is asked for and not luck."""
    order = rng.permutation(_quantiles(len(SCHEME)))
    base = settings.force_sd * order
    spread = float(np.sqrt(max(settings.tau2 - settings.force_sd**2, 0.0)))
    other = rng.permutation(_quantiles(len(SCHEME)))
    # Uncorrelated with the forces' own differences, so that the two variances add up to tau2.
    other = other - order * float(other @ order) / float(order @ order)
    other = (other - other.mean()) / other.std(ddof=1)
    force = np.concatenate([base, settings.force_sd * rng.permutation(_quantiles(len(COMPARISON)))])
    # Only the diverted share of a force feels its scheme, so a spread of the force's effect needs a wider one among them.
    effect = np.concatenate([spread / settings.uptake * other, np.zeros(len(COMPARISON))])
    return ForceEffects(force, effect)


def _quantiles(k: int) -> FloatArray:
    q = special.ndtri((np.arange(k) + 0.5) / k)
    return np.asarray((q - q.mean()) / q.std(ddof=1))


@dataclass(frozen=True, slots=True)
class Calibration:
    """What gives the published risks: a hazard, how officers choose, and whom they chose."""

    hazard: Hazard
    selection: Selection
    diverted: BoolArray


def calibrate(
    rng: np.random.Generator, people: People, effects: Effects, settings: Settings
) -> tuple[Hazard, BoolArray]:
    """The hazard and the diversions that give the published risks."""
    found = calibration(rng, people, effects, settings)
    return found.hazard, found.diverted


def calibration(rng: np.random.Generator, people: People, effects: Effects, settings: Settings) -> Calibration:
    """The hazard, the selection and the diversions that give the published risks.

    First the baseline, from the comparison forces. Then the strength of selection: the force-level difference, were it
    felt by the diverted alone, says what their risk would have been. Then the effects, from their risk as it was.
    """
    hazard = Hazard(np.full(3, 1e-4), np.zeros(3))
    log_hazard = people.risk + effects.force
    outside = log_hazard[people.force >= len(SCHEME)]
    for k, target in enumerate(COMPARISON_FORCES):
        _fit(hazard.rate, k, partial(_risk, hazard, KNOTS[k], outside), target, 1e-8, 1e-2)
    undiverted = DIVERTED[1] + (COMPARISON_FORCES[1] - SCHEME_FORCES[1]) / settings.uptake
    draw, state = rng.random(len(people.age)), int(rng.integers(2**32))

    def diverted(strength: float) -> tuple[BoolArray, Selection]:
        return select(np.random.default_rng(state), people, strength, draw, settings)

    strength = root(
        lambda s: _risk(hazard, KNOTS[1], log_hazard[diverted(s)[0]]) - undiverted, -0.5, 3.0, xtol=1e-3
    )
    chosen, selection = diverted(strength)
    theirs, felt = log_hazard[chosen], effects.effect[chosen]
    for k, target in enumerate(DIVERTED):
        _fit(hazard.effect, k, partial(_risk, hazard, KNOTS[k], theirs, felt), target, -3.0, 2.0)
    return Calibration(hazard, selection, chosen)


def _risk(hazard: Hazard, t: float, log_hazard: FloatArray, effect: FloatArray | None = None) -> float:
    felt = np.zeros(len(log_hazard)) if effect is None else effect
    return float(-np.expm1(-hazard.cumulative(t, log_hazard, felt, effect is not None)).mean())


def _fit(vector: FloatArray, k: int, risk: Callable[[], float], target: float, low: float, high: float) -> None:
    """Set vector[k] so that `risk`, which reads the vector, meets the target."""

    def miss(x: float) -> float:
        vector[k] = x
        return risk() - target

    vector[k] = root(miss, low, high, xtol=1e-10)


def calibrate_treatment(people: People, chosen: BoolArray) -> tuple[float, float]:
    """Daily rate of entering drug treatment for a person of average need, and the log hazard ratio of being diverted."""
    rate, effect = np.zeros(1), np.zeros(1)
    year = 365.0

    def risk(who: BoolArray, felt: bool) -> float:
        scale = rate[0] * year * (np.exp(effect[0]) if felt else 1.0)
        return float(-np.expm1(-scale * np.exp(people.need[who])).mean())

    _fit(rate, 0, lambda: risk(~chosen, False), TREATMENT_AT_365["not diverted"], 1e-8, 1e-2)
    _fit(effect, 0, lambda: risk(chosen, True), TREATMENT_AT_365["diverted"], -3.0, 3.0)
    return float(rate[0]), float(effect[0])
