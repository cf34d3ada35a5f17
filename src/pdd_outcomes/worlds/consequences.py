"""What follows from reoffending in expectation: numbers, severity, costs, and incidence where death and custody compete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..core.columns import BoolArray, FloatArray
from .curves import Curves
from .further import stay_rate
from .parameters import OTHER_GROUPS, POSSESSION_GROUPS, Settings
from .people import People
from .potential import HORIZONS
from .records import AGAIN, AGAIN_DAYS, TRAPS, delay_chances

Found = list[tuple[str, int, float]]
Pair = tuple[FloatArray, FloatArray]  # exposed, and had they not been; by day from 0


@dataclass(frozen=True, slots=True)
class Exposed:
    """The people of one contrast: everyone, who is exposed and who diverted (n,), and the curves of each outcome."""

    people: People
    who: BoolArray
    diverted: BoolArray
    curves: Mapping[str, Curves]


def consequences(exposed: Exposed, settings: Settings) -> dict[str, Found]:
    """Rows by outcome, at each horizon and for both arms.

    mean_count : proven reoffences committed by the horizon, by a person whom neither death nor the cut stops
    severity : the sum of their weights
    incidence_death : reoffending (or treatment) by the horizon and before death, death competing
    incidence_death_custody : the same, death and the first sentence of `long_custody_days` or more competing; and
        incidence_of_death, incidence_of_custody the competitors' own (for reoffending, and without a reporting delay)
    cost : a diversion or else another disposal; every proven reoffence and hospital stay by the horizon; entry into
        treatment; and the whole of the sentences given for those reoffences, at the unit costs of the settings
    """
    other, possession = (exposed.curves[name] for name in ("reoffending_not_possession", "possession"))
    count = {"other": _numbers(other), "possession": _numbers(possession)}
    total = _add(count["other"], count["possession"])
    heavy = [
        float(np.mean([settings.severity[g] for g in groups])) for groups in (OTHER_GROUPS, POSSESSION_GROUPS)
    ]
    weights = _add(_times(heavy[0], count["other"]), _times(heavy[1], count["possession"]))
    daily = float(stay_rate(exposed.people, settings)[exposed.who].mean())
    stays = np.asarray(daily * np.arange(len(total[0])), dtype=np.float64)
    found: dict[str, Found] = {
        "reoffending": _contrast("mean_count", total, ratio=True) + _contrast("severity", weights),
        "reoffending_not_possession": _contrast("mean_count", count["other"], ratio=True),
        "hospital": _contrast("mean_count", (stays, stays), ratio=True),
        "cost": _contrast("cost", _costs(exposed, total, stays, settings)),
    }
    for name in ("reoffending", "reoffending_not_possession", "treatment_entry"):
        found[name] = found.get(name, []) + _competing(exposed.curves[name], name, settings)
    return found


def _contrast(measure: str, values: Pair, *, ratio: bool = False) -> Found:
    found: Found = []
    for horizon in HORIZONS:
        treated, control = (float(v[horizon]) for v in values)
        found += [(f"{measure}_treated", horizon, treated), (f"{measure}_control", horizon, control)]
        found.append((f"{measure}_difference", horizon, treated - control))
        if ratio and control > 0:
            found.append((f"{measure}_ratio", horizon, treated / control))
    return found


def _numbers(curves: Curves) -> Pair:
    treated, control = curves.daily()
    return _number(treated), _number(control)


def _number(survival: FloatArray) -> FloatArray:
    """Expected number of reoffences of one kind by day: the first, and with probability AGAIN one more, later."""
    first = -np.diff(survival, prepend=1.0)
    gap = np.zeros(len(survival))
    gap[AGAIN_DAYS[0] : AGAIN_DAYS[1]] = 1 / (AGAIN_DAYS[1] - AGAIN_DAYS[0])
    return np.asarray(np.cumsum(first + AGAIN * np.convolve(first, gap)[: len(first)]))


def _add(one: Pair, two: Pair) -> Pair:
    return one[0] + two[0], one[1] + two[1]


def _times(by: float, values: Pair) -> Pair:
    return np.asarray(by * values[0]), np.asarray(by * values[1])


def _costs(exposed: Exposed, total: Pair, stays: FloatArray, settings: Settings) -> Pair:
    unit = settings.costs
    share = float(exposed.diverted[exposed.who].mean())
    start = (share * unit["diversion"] + (1 - share) * unit["disposal"], unit["disposal"])
    firsts = [
        _add(_risk(exposed.curves["reoffending_not_possession"]), _risk(exposed.curves["possession"]))[arm]
        for arm in (0, 1)
    ]
    entry = _risk(exposed.curves["treatment_entry"])
    # The first of each kind is a conviction, the second a caution; a sentence lasts the exponential's days, rounded up.
    held = settings.custody_share / -np.expm1(-1 / settings.custody_days)
    arms = [
        start[arm]
        + unit["reoffence"] * total[arm]
        + unit["custody_day"] * held * firsts[arm]
        + unit["treatment_entry"] * entry[arm]
        + unit["hospital_stay"] * stays
        for arm in (0, 1)
    ]
    return arms[0], arms[1]


def _risk(curves: Curves) -> Pair:
    treated, control = curves.daily()
    return 1 - treated, 1 - control


def _competing(curves: Curves, outcome: str, settings: Settings) -> Found:
    """Incidence of the event before its competitors. On one day the event comes first, and death before custody."""
    alive = np.exp(-settings.death_rate / 365 * np.arange(HORIZONS[-1] + 1.0))
    found = _incidence("incidence_death", curves, alive, np.ones(len(alive)))
    if outcome != "reoffending" or settings.reporting_delay_days:
        return found
    free = _free_of_custody(len(alive), settings)
    found += _incidence("incidence_death_custody", curves, alive, free)
    for name, own, rival in (("death", alive, _before(free)), ("custody", free, alive)):
        arms = [np.cumsum(-np.diff(own, prepend=1.0) * s * rival) for s in curves.daily()]
        found += _contrast(f"incidence_of_{name}", (arms[0], arms[1]))
    return found


def _incidence(measure: str, curves: Curves, alive: FloatArray, free: FloatArray) -> Found:
    still = _before(alive * free)
    arms = [np.cumsum(-np.diff(s, prepend=1.0) * still) for s in curves.daily()]
    return _contrast(measure, (arms[0], arms[1]), ratio=True)


def _before(survival: FloatArray) -> FloatArray:
    """Survival to the end of the day before."""
    return np.asarray(np.concatenate([[1.0], survival[:-1]]))


def _free_of_custody(n: int, settings: Settings) -> FloatArray:
    """Probability by day of no long sentence yet, for a person who has not reoffended.

    Until then sentences come from what everybody is exposed to alike: siblings of the index incident, breaches, and offences
    of before that are tried after.
    """
    long = settings.custody_share * np.exp(-(settings.long_custody_days - 1) / settings.custody_days)
    free = np.ones(n)
    for trap in TRAPS:
        if trap.outcome != "conviction":
            continue
        wait, chance = delay_chances(91)
        when = np.add.outer(np.arange(trap.low, trap.high + 1), wait).ravel()
        mass = np.tile(chance, trap.high - trap.low + 1) / (trap.high - trap.low + 1)
        after = (when > 0) & (when < n)
        by_day = np.bincount(when[after], weights=mass[after], minlength=n)
        free = free * (1 - trap.share * long * np.cumsum(by_day))
    return free
