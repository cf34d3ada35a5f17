"""Costs and consequences per 100 people, from the unit costs beside the protocol."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from ..core.errors import DataError
from ..protocol.further import Economics as Plan
from ..protocol.rules_further import EVENTS_OF
from ..synthesis import CostConsequence, UnitCosts, cost_consequence, read_unit_costs
from .evidence_rows import Row, Section, numbers_of, told
from .people import Asked, asked, design_on, matched_people
from .runner import Workbench

ARMS = ("treated", "control", "difference")


def costs(bench: Workbench) -> Iterator[Row]:
    """Counts and costs by item and arm, the total, each unit cost at its ends, and the unit costs themselves."""
    protocol, plan = bench.protocol, bench.protocol.economics
    assert plan is not None
    what = asked(protocol, plan.horizon)
    section = Section(
        "economics", what.analysis.id, horizon_days=what.horizon_days, level=protocol.reporting.level
    )
    units = unit_costs(bench.study.home, plan)
    people, design = matched_people(bench, what.analysis)
    counted = _counted(bench, people, plan, what)
    here = design_on(design, people, counted)
    try:
        result = cost_consequence(
            here,
            counted,
            counts={item: f"count {item}" for item in plan.counts},
            costs=units,
            rng=np.random.default_rng([protocol.data.seed, 11]),
            horizon=f"{what.horizon:g} {protocol.time_unit}",
            replicates=plan.replicates,
            missing="withhold",
            level=section.level,
        )
    except DataError as error:
        yield section.nothing(
            "cost", told(bench.log, section, "cost", error), "difference", "money", group="total"
        )
        return
    events = {
        item: [
            int(counted.loc[(here.weights > 0) & (here.treated == arm), f"count {item}"].sum())
            for arm in (True, False)
        ]
        for item in plan.counts
    }
    by_meaning = {item for item, source in plan.counts.items() if source in ("diverted", "not diverted")}
    yield from _table(section, result, events, by_meaning)
    yield from _one_way(section, result)
    yield from _units(section, units, list(plan.counts))


def unit_costs(home: Path, plan: Plan) -> UnitCosts:
    """The unit costs of the study, uprated where the plan says so.

    Raises
    ------
    DataError
        A file that is missing or unreadable, or a table that breaks the rules of unit costs.
    """
    made = read_unit_costs(_csv(home / plan.costs, "economics.costs"))
    if plan.uprating is None:
        return made
    frame = _csv(home / plan.uprating.file, "economics.uprating.file")
    if list(frame.columns) != ["year", "index"]:
        raise DataError(f"economics.uprating.file: {plan.uprating.file} must have the columns year and index.")
    return made.uprate(frame.set_index("year")["index"].rename(plan.uprating.index), plan.uprating.to)


def _csv(path: Path, key: str) -> pd.DataFrame:
    if not path.is_file():
        raise DataError(
            f"{key}: there is no file {path.name} beside the protocol. Put it there, or mend the name."
        )
    try:
        return pd.read_csv(path)
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"{key}: {path.name} cannot be read as a table: {error}.") from error


def _counted(bench: Workbench, people: pd.DataFrame, plan: Plan, what: Asked) -> pd.DataFrame:
    """Those followed over the whole horizon, with a column of units for each item."""
    measures = bench.read("outcomes", "measures.parquet")
    at = measures.loc[measures["horizon_days"] == what.horizon_days]
    main = at.loc[at["outcome"] == what.outcome.id].set_index("subject")
    days = main["days"].reindex(people["subject"]).to_numpy(dtype=float)
    kept = people.loc[days >= what.horizon_days].reset_index(drop=True)
    for item, source in plan.counts.items():
        kept[f"count {item}"] = _units_of(source, kept, at, main)
    return kept


def _units_of(source: str, people: pd.DataFrame, at: pd.DataFrame, main: pd.DataFrame) -> np.ndarray:
    if source in ("diverted", "not diverted"):
        return np.asarray((people["disposal"] == "diverted") == (source == "diverted"), dtype=float)
    own = main
    if source.startswith(EVENTS_OF):
        own = at.loc[at["outcome"] == source.removeprefix(EVENTS_OF)].set_index("subject")
    own = own.reindex(people["subject"])
    found = own["events"] if source.startswith(EVENTS_OF) else own["days"] - own["days_at_risk"]
    return found.to_numpy(dtype=float)


def _table(
    section: Section, result: CostConsequence, events: dict[str, list[int]], by_meaning: set[str]
) -> Iterator[Row]:
    """Counts and costs; an item that only one arm can have by its meaning is no small number in the other."""
    for row in result.tidy().to_dict("records"):
        kind, arm = str(row["measure"]).split(" ")
        behind = events.get(row["term"], [np.nan, np.nan])
        keys = {
            "group": row["term"],
            "estimand": result.estimand,
            "n_treated": result.n_treated,
            "n_control": result.n_control,
        }
        seen = {f"events_{a}": e for a, e in zip(ARMS, behind) if e > 0 or row["term"] not in by_meaning}
        made = section.row(
            kind, arm, "count" if kind == "count" else "money", **keys, **seen, **numbers_of(row)
        )
        made["se_method"] = f"bootstrap of {result.resampled}, {result.interval}"
        if row["status"] != "ok":
            made |= {"status": "not_estimable", "reason": row["reason"]}
        yield made


def _one_way(section: Section, result: CostConsequence) -> Iterator[Row]:
    for place, row in enumerate(result.one_way().to_dict("records")):
        keys = {
            "group": row["term"],
            "place": place,
            "n_treated": result.n_treated,
            "n_control": result.n_control,
        }
        if row["reason"]:
            yield section.nothing("one_way", row["reason"], "difference", "money", **keys)
            continue
        ends = {"conf_low": row["difference_low"], "conf_high": row["difference_high"]}
        yield section.row("one_way", "difference", "money", estimate=row["difference"], **ends, **keys)


def _units(section: Section, units: UnitCosts, items: list[str]) -> Iterator[Row]:
    """The unit costs, which are the plan's and count nobody."""
    frame = units.frame().set_index("item")
    for item in items:
        if item not in frame.index:
            yield section.nothing("unit_cost", "no unit cost is given", "unit cost", "money", group=item)
            continue
        row = frame.loc[item]
        source = f"{row['source']}; {row['uprated']}" if row["uprated"] else str(row["source"])
        yield section.row(
            "unit_cost",
            "illustrative" if row["illustrative"] else "sourced",
            "money",
            group=item,
            place=row["price_year"],
            estimate=row["cost"],
            conf_low=row["low"],
            conf_high=row["high"],
            note=str(row["unit"]),
            se_method=source,
        )
