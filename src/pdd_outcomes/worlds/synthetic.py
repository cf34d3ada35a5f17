"""The thirteen-forces world: event tables as forces would send them, and what is true of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ..core.errors import UsageError
from .parameters import Settings
from .people import draw_people
from .potential import OTHER_SHARE, calibrate, calibrate_treatment, draw_force_effects
from .tables import event_tables
from .truth import processes, truth_table


@dataclass(frozen=True, slots=True)
class World:
    """Event tables (text columns, as in a CSV file) and the true effects."""

    tables: dict[str, pd.DataFrame] = field(repr=False)
    truth: pd.DataFrame = field(repr=False)


def thirteen_forces(seed: int, people: int = 40_000, settings: Settings | None = None) -> World:
    """A world of nine forces with a diversion scheme and four without.

    Parameters
    ----------
    seed : the same seed gives the same bytes
    people : number of eligible suspects, at least 2,000; about as many again of the other rows
    settings : what may be turned; None is the published picture

    Returns
    -------
    World
        Tables persons, disposals, offences, contacts, treatments, exits and schemes; truth has one row for each analysis,
        group, outcome, measure and horizon, columns as in the findings.
    """
    if people < 2_000:
        raise UsageError(f"people={people} is too few to calibrate thirteen forces. Give at least 2000.")
    if seed < 0:
        raise UsageError(f"seed={seed} is below 0. Give a whole number from 0.")
    chosen = settings or Settings()
    rng = np.random.default_rng(seed)
    who = draw_people(rng, people, chosen)
    effects = draw_force_effects(rng, who, chosen)
    hazard, diverted = calibrate(rng, who, effects, chosen)
    treatment = calibrate_treatment(who, diverted)
    made = processes(who, effects, hazard, treatment)
    threshold = rng.standard_exponential((3, people))
    log_hazard = who.risk + effects.force
    other = hazard.time(threshold[0], log_hazard + np.log(OTHER_SHARE), effects.effect, diverted)
    possession = hazard.time(threshold[1], log_hazard + np.log1p(-OTHER_SHARE), effects.effect, diverted)
    entry = made[2].hazard.time(threshold[2], who.need, np.zeros(people), diverted)
    tables = event_tables(rng, who, diverted, other, possession, entry, chosen)
    return World(tables, truth_table(who, diverted, made))
