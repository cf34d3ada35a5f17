"""A world of any size, written part by part: thirteen_forces for those whose tables do not fit in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, FloatArray, IntArray
from ..core.errors import UsageError
from .meeting import leniencies, meet
from .parameters import TABLES, Settings
from .people import People, Population, Selection, centred, draw_people, population_of, sizes
from .potential import Effects, ForceEffects, Hazard, calibrate_treatment, calibration, force_effects
from .synthetic import check_size, draw_times, private, stream
from .tables import Drawn, event_tables, person_ids
from .truth import processes, truth_table

SAMPLE = 100_000  # people of whom the world is calibrated and its truth worked out
BATCHES = 20  # parts of them that give the truth its standard errors
WHOLE = ("imd_decile", "outcome_code", "officer", "diverted")
NUMBERS = ("severity", "leniency", "hidden", "probability", "risk_365_treated", "risk_365_control")
KEY = ["analysis", "group", "outcome", "measure", "horizon_days"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the parts of one world share."""

    seed: int
    settings: Settings
    population: Population
    forces: ForceEffects
    leniency: FloatArray
    hazard: Hazard
    selection: Selection
    treatment: tuple[float, float]


def write_world(
    folder: Path,
    *,
    people: int,
    seed: int,
    settings: Settings | None = None,
    chunk: int = 250_000,
    sample: int = SAMPLE,
) -> None:
    """Write the event tables of `people` suspects as one typed Parquet file a table, and their truth.

    Parameters
    ----------
    folder : made if need be; it must not hold such files yet
    people : at least 1,000
    seed : with the same settings, chunk and sample it gives the same rows
    settings : as for `thirteen_forces`; None is the published picture
    chunk : people drawn at a time, which is what bounds the memory. Rows are in random order within a chunk, and ids are of
        no chunk but their own.
    sample : further people of the same kind, at least 1,000, of whom the world is calibrated and the truth worked out

    Notes
    -----
    `<table>.parquet`: dates as date32, whole numbers as int32, severity as float64, the rest as text. What is no day or no
    number (dirt, typing mistakes) is missing, since a typed column cannot hold it. `truth.csv` has the columns of the
    findings; `truth_errors.csv` adds `std_error`, since the truth here is an average over `sample` people and not over
    those written (from the spread over 20 batches of them). `truth_people.parquet` is as `World.truth_people`.

    Raises
    ------
    UsageError
        Too few people, a chunk below 1, or a folder that holds such files.
    """
    check_size(people, seed)
    check_size(sample, seed)
    names = (*TABLES, "truth_people")
    problems = [f"chunk={chunk} is below 1."] if chunk < 1 else []
    there = sorted(n for n in names if (folder / f"{n}.parquet").exists())
    if there:
        problems.append(f"the folder holds {there} as Parquet files already. Give an empty one.")
    if problems:
        raise UsageError(problems)
    folder.mkdir(parents=True, exist_ok=True)
    plan, truth = prepare(seed, settings or Settings(), sample)
    truth[[*KEY, "estimate"]].to_csv(folder / "truth.csv", index=False, lineterminator="\n")
    truth.to_csv(folder / "truth_errors.csv", index=False, lineterminator="\n")
    with Files(folder) as files:
        for part in range(-(-people // chunk)):
            for name, frame in draw_part(plan, part, min(chunk, people - part * chunk)):
                files.append(name, frame)


class Files:
    """One Parquet file a table, open while parts are appended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self._writers: dict[str, Any] = {}

    def __enter__(self) -> Files:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def append(self, name: str, frame: pd.DataFrame) -> None:
        """Add rows to the file of that table."""
        import pyarrow.parquet as pq

        rows = typed(frame)
        if name not in self._writers:
            writer = pq.ParquetWriter(self._folder / f"{name}.parquet", rows.schema)
            self._writers[name] = self._stack.enter_context(writer)
        self._writers[name].write_table(rows)


def typed(frame: pd.DataFrame) -> Any:
    """The Arrow table of a text frame: date32, int32, float64 or text by the column's name; missing where it is none such."""
    import pyarrow as pa

    columns = {}
    for name in frame.columns:
        values = frame[name]
        if name.endswith("_date") or name == "recorded_on":
            columns[name] = _dates(values)
        elif name in WHOLE or name in NUMBERS:
            number = pd.to_numeric(values.where(values != ""), errors="coerce")
            kind = pa.int32() if name in WHOLE else pa.float64()
            columns[name] = pa.array(number, from_pandas=True).cast(kind, safe=False)
        else:
            columns[name] = pa.array(values, type=pa.string())
    return pa.table(columns)


def _dates(text: pd.Series[str]) -> Any:
    import pyarrow as pa

    code, spelt = pd.factorize(text)
    shaped = pd.Series(spelt).where(pd.Series(spelt).str.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"))
    day = pd.to_datetime(shaped, format="%Y-%m-%d", errors="coerce").to_numpy().astype("datetime64[D]")
    return pa.array(day[code], type=pa.date32())


def prepare(seed: int, settings: Settings, sample: int) -> tuple[Plan, pd.DataFrame]:
    """What the parts share, and the truth with its standard errors, from `sample` people who are not written."""
    rng = stream(seed, 4)
    shares = sizes(rng, settings)
    drawn = draw_people(rng, sample, settings, Population(shares, 0.0, 0.0))
    population = population_of(drawn, shares, settings)
    leniency = leniencies(stream(seed, 3), settings)
    who, _ = meet(rng, centred(drawn, population), leniency, settings)
    forces = force_effects(rng, settings)
    found = calibration(rng, who, forces.of(who), settings)
    treatment = calibrate_treatment(who, found.diverted)
    plan = Plan(seed, settings, population, forces, leniency, found.hazard, found.selection, treatment)
    return plan, _truth_with_errors(plan, who, found.diverted)


def _truth_with_errors(plan: Plan, who: People, diverted: BoolArray) -> pd.DataFrame:
    batches = np.array_split(np.arange(len(diverted)), BATCHES)
    each = [_truth(plan, _some(who, rows), diverted[rows]).set_index(KEY)["estimate"] for rows in batches]
    spread = pd.concat(each, axis=1).std(axis=1, ddof=1, skipna=False) / np.sqrt(BATCHES)
    whole = _truth(plan, who, diverted)
    return whole.join(spread.rename("std_error"), on=KEY)


def _truth(plan: Plan, who: People, diverted: BoolArray) -> pd.DataFrame:
    made = processes(who, plan.forces.of(who), plan.hazard, plan.treatment)
    return truth_table(who, diverted, made, plan.settings)


def _some(people: People, rows: IntArray) -> People:
    values = {f.name: getattr(people, f.name) for f in fields(People)}
    return replace(people, **{name: v[rows] for name, v in values.items() if v is not None})


def draw_part(plan: Plan, part: int, n: int) -> Iterator[tuple[str, pd.DataFrame]]:
    """The tables of one part of `n` people, whatever the other parts: its random numbers and its ids are its own."""
    rng, further, before = (stream(plan.seed, 5 + k, part) for k in range(3))
    settings, tag = plan.settings, f"{part:03d}-"
    people = draw_people(rng, n, settings, plan.population)
    people, index = meet(before, people, plan.leniency, settings)
    effects: Effects = plan.forces.of(people)
    probability = plan.selection.probability(people, settings, plan.population)
    diverted = rng.random(n) < probability
    other, possession, entry = draw_times(rng, people, effects, plan.hazard, plan.treatment, diverted)
    ids = person_ids(rng, n, tag)
    drawn = Drawn(ids, people, diverted, other, possession, entry, index, tag)
    for name, table in event_tables(rng, further, drawn, settings).items():
        if name != "schemes" or part == 0:
            yield name, table
    yield "truth_people", private(ids, people, effects, plan.hazard, diverted, probability)
