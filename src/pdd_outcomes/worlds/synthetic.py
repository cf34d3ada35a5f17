"""The thirteen-forces world: event tables as forces would send them, and what is true of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, FloatArray
from ..core.errors import UsageError
from .meeting import leniencies, meet
from .parameters import COMPARISON, SCHEME, Settings
from .people import People, draw_people
from .potential import OTHER_SHARE, Effects, Hazard, calibrate_treatment, calibration, draw_force_effects
from .tables import Drawn, event_tables, person_ids
from .truth import processes, truth_table

LEAST = 1_000  # people; the calibration was met in each of 150 worlds of this size


@dataclass(frozen=True, slots=True)
class World:
    """Event tables (text columns, as in a CSV file), the true effects, and what is true of each person."""

    tables: dict[str, pd.DataFrame] = field(repr=False)
    truth: pd.DataFrame = field(repr=False)
    truth_people: pd.DataFrame = field(repr=False, default_factory=pd.DataFrame)


def thirteen_forces(seed: int, people: int = 40_000, settings: Settings | None = None) -> World:
    """A world of nine forces with a diversion scheme and four without.

    Parameters
    ----------
    seed : the same seed gives the same bytes
    people : number of eligible suspects, at least 1,000; several times as many of the other rows
    settings : what may be turned; None is the published picture

    Returns
    -------
    World
        Every table of the data contract; truth has one row for each analysis, group, outcome, measure and horizon, columns
        as in the findings; truth_people one row a person, of what no record holds: see :func:`private`.
    """
    check_size(people, seed)
    chosen = settings or Settings()
    rng = np.random.default_rng(seed)
    further, before = stream(seed, 1), stream(seed, 2)
    who, index = meet(before, draw_people(rng, people, chosen), leniencies(stream(seed, 3), chosen), chosen)
    effects = draw_force_effects(rng, who, chosen)
    found = calibration(rng, who, effects, chosen)
    treatment = calibrate_treatment(who, found.diverted)
    other, possession, entry = draw_times(rng, who, effects, found.hazard, treatment, found.diverted)
    ids = person_ids(rng, people)
    drawn = Drawn(ids, who, found.diverted, other, possession, entry, index)
    tables = event_tables(rng, further, drawn, chosen)
    probability = found.selection.probability(who, chosen)
    return World(
        tables,
        truth_table(who, found.diverted, processes(who, effects, found.hazard, treatment), chosen),
        private(ids, who, effects, found.hazard, found.diverted, probability),
    )


def check_size(people: int, seed: int) -> None:
    """A UsageError where there are too few people, or the seed is none."""
    if people < LEAST:
        raise UsageError(f"people={people} is too few to calibrate thirteen forces. Give at least {LEAST}.")
    if seed < 0:
        raise UsageError(f"seed={seed} is below 0. Give a whole number from 0.")


def stream(seed: int, *place: int) -> np.random.Generator:
    """Random numbers of their own for one purpose, which move no others'."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=place))


def draw_times(
    rng: np.random.Generator,
    people: People,
    effects: Effects,
    hazard: Hazard,
    treatment: tuple[float, float],
    diverted: BoolArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Days (n,) to the first reoffence other than possession, to the first by possession, and to drug treatment."""
    threshold = rng.standard_exponential((3, len(diverted)))
    log_hazard = people.risk + effects.force
    flat = Hazard(np.full(3, treatment[0]), np.full(3, treatment[1]))
    return (
        hazard.time(threshold[0], log_hazard + np.log(OTHER_SHARE), effects.effect, diverted),
        hazard.time(threshold[1], log_hazard + np.log1p(-OTHER_SHARE), effects.effect, diverted),
        flat.time(threshold[2], people.need, np.zeros(len(diverted)), diverted),
    )


def private(
    ids: pd.Series[str],
    people: People,
    effects: Effects,
    hazard: Hazard,
    diverted: BoolArray,
    probability: FloatArray,
) -> pd.DataFrame:
    """What is true of each person and stands in no record.

    person_id, force; officer (of the force) and the officer's leniency (log odds); hidden, the trait that officers see;
    probability of being diverted, and diverted (0/1); risk_365_treated and risk_365_control, of reoffending within a year
    diverted and not.
    """
    log_hazard = people.risk + effects.force
    treated, control = (
        -np.expm1(-hazard.cumulative(365.0, log_hazard, effects.effect, arm)) for arm in (True, False)
    )
    officer = np.zeros(len(ids), dtype=np.int64) if people.officer is None else people.officer
    lenient = np.zeros(len(ids)) if people.leniency is None else people.leniency
    return pd.DataFrame(
        {
            "person_id": ids,
            "force": np.array([*SCHEME, *COMPARISON])[people.force],
            "officer": officer,
            "leniency": lenient,
            "hidden": people.hidden,
            "probability": probability,
            "diverted": diverted.astype(np.int64),
            "risk_365_treated": treated,
            "risk_365_control": control,
        }
    )
