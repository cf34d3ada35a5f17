"""Unit costs: a dated, sourced table, checked as a whole and uprated by a stated index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from ..core.columns import FloatArray, IntArray
from ..core.errors import DataError, UsageError, did_you_mean, rows_phrase
from ..core.results import TIDY, Shown

COLUMNS = ("item", "unit", "cost", "low", "high", "price_year", "source", "illustrative")
YEARS = (1900, 2200)

# Round figures of a plausible size, for demonstrations alone; no study should be read with them.
ILLUSTRATIVE: Mapping[str, tuple[str, float]] = MappingProxyType(
    {
        "diversion": ("person diverted", 500.0),
        "disposal": ("other disposal", 1_000.0),
        "reoffence": ("proven reoffence", 2_500.0),
        "custody_day": ("day", 130.0),
        "treatment_entry": ("episode", 1_500.0),
        "hospital_stay": ("stay", 2_000.0),
    }
)
ILLUSTRATIVE_YEAR = 2023


@dataclass(frozen=True, slots=True, eq=False)
class UnitCosts(Shown):
    """What one unit of each item costs, in the prices of which year, and who says so.

    Attributes
    ----------
    item, unit, source : k texts
    cost : (k,) at least 0; low, high : (k,) the range of a sensitivity analysis, NaN where none is given
    price_year : (k,) the year whose prices they are in
    illustrative : (k,) whether the figure is a place-holder and no evidence
    uprated : by which index and from which year each was uprated, in words; empty where it was not
    """

    item: tuple[str, ...]
    unit: tuple[str, ...]
    cost: FloatArray
    low: FloatArray
    high: FloatArray
    price_year: IntArray
    source: tuple[str, ...]
    illustrative: np.ndarray = field(repr=False)
    uprated: tuple[str, ...] = ()

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """A row an item: term, estimate (the cost), conf_low and conf_high (its range, of no stated level), and where it is from."""
        nothing = np.full(len(self.item), np.nan)
        frame = pd.DataFrame({name: nothing for name in TIDY}).assign(
            term=list(self.item), estimate=self.cost, conf_low=self.low, conf_high=self.high
        )
        rest = self.frame().drop(columns=["item", "cost", "low", "high"])
        return pd.concat([frame, rest], axis=1)

    def glance(self) -> pd.DataFrame:
        """One row: items, those that are illustrative, the years of their prices."""
        years = sorted(set(self.price_year.tolist()))
        return pd.DataFrame(
            {
                "items": [len(self.item)],
                "illustrative": [int(self.illustrative.sum())],
                "price_years": [", ".join(map(str, years))],
                "uprated": [sum(bool(words) for words in self.uprated)],
            }
        )

    def frame(self) -> pd.DataFrame:
        """The table as `read_unit_costs` takes it, and how it was uprated."""
        return pd.DataFrame(
            {
                **{name: list(getattr(self, name)) for name in COLUMNS},
                "uprated": list(self.uprated or ("",) * len(self.item)),
            }
        )

    def places(self, items: Sequence[str]) -> list[int | None]:
        """Where each item stands in the table; None for one that has no unit cost."""
        at = {name: k for k, name in enumerate(self.item)}
        return [at.get(name) for name in items]

    def uprate(self, index: pd.Series[Any], to: int) -> UnitCosts:
        r"""The costs in prices of the year `to`: :math:`c \cdot I_{to} / I_{year}`, their ranges with them.

        Parameters
        ----------
        index : a price index by year, such as the GDP deflator; `index.name` says which, and the result carries it
        to : a year of the index

        Raises
        ------
        UsageError
            An index without a name, or not of numbers above 0 by year, each year once.
        DataError
            A year of these prices that the index does not have.
        """
        levels = _index_levels(index)
        years = self.price_year.tolist()
        absent = sorted({y for y in [*years, to] if y not in levels})
        if absent:
            which = [name for name, year in zip(self.item, years) if year in absent]
            about = f" (items: {', '.join(which)})" if which else ""
            raise DataError(
                f"index {index.name!r} has no value for {', '.join(map(str, absent))}{about}. Add it."
            )
        factor = np.array([levels[to] / levels[year] for year in years])
        before = self.uprated or ("",) * len(self.item)
        words = [
            said if year == to else f"{said + '; ' if said else ''}{index.name}, {year} to {to}"
            for said, year in zip(before, years)
        ]
        return replace(
            self,
            cost=self.cost * factor,
            low=self.low * factor,
            high=self.high * factor,
            price_year=np.full(len(years), int(to), dtype=np.int64),
            uprated=tuple(words),
        )


def read_unit_costs(frame: pd.DataFrame) -> UnitCosts:
    """Unit costs from a table with a row an item, checked.

    Parameters
    ----------
    frame : columns item, unit ("day", "stay"), cost, low, high (its range; both may be empty), price_year, source (a
        citation) and illustrative (True for a place-holder)

    Returns
    -------
    UnitCosts
        Of the k rows, in their order.

    Raises
    ------
    DataError
        A column that is missing; an item twice or without a name, unit or source; a cost that is not a number of at least 0,
        or lies outside its range; a year that is none. Every problem is named, with its rows and items.
    """
    if not isinstance(frame, pd.DataFrame):
        raise UsageError(f"unit costs must be a pandas DataFrame, not {type(frame).__name__}.")
    given = [str(c) for c in frame.columns]
    absent = [
        f"unit costs have no column {name!r}.{did_you_mean(name, given)}"
        for name in COLUMNS
        if name not in given
    ]
    if absent or not len(frame):
        raise DataError(absent or "unit costs have no rows. Check the file they came from.")
    problems: list[str] = []
    texts = {name: _texts(frame, name, problems) for name in ("item", "unit", "source")}
    items = texts["item"]
    twice = sorted({name for name in items if name and items.count(name) > 1})
    if twice:
        problems.append(f"unit costs name an item twice: {', '.join(twice)}. Keep one row of each.")
    numbers = {name: _numbers(frame, name, items, problems) for name in ("cost", "low", "high")}
    _ranges(numbers, items, problems)
    years = pd.to_numeric(frame["price_year"], errors="coerce").to_numpy(dtype=float)
    wrong = ~((years >= YEARS[0]) & (years <= YEARS[1]) & (years == np.round(years)))
    _note(problems, wrong, items, "price_year", "is not a year", "Give the year whose prices the cost is in.")
    flags = [value for value in frame["illustrative"].tolist()]
    bad = np.array([not isinstance(v, (bool, np.bool_)) and v not in (0, 1) for v in flags])
    _note(
        problems, bad, items, "illustrative", "is neither True nor False", "Say whether it is a place-holder."
    )
    if problems:
        raise DataError(problems)
    return UnitCosts(
        item=tuple(items),
        unit=tuple(texts["unit"]),
        cost=numbers["cost"],
        low=numbers["low"],
        high=numbers["high"],
        price_year=years.astype(np.int64),
        source=tuple(texts["source"]),
        illustrative=np.array([bool(v) for v in flags]),
        uprated=("",) * len(items),
    )


def illustrative_unit_costs() -> UnitCosts:
    """Round unit costs for demonstrations, each marked as illustrative, with a range from half to one and a half times.

    They are no evidence. Replace every one by a sourced figure before a result is read.
    """
    return read_unit_costs(
        pd.DataFrame(
            [
                (item, unit, cost, cost / 2, cost * 1.5, ILLUSTRATIVE_YEAR, "illustrative: no source", True)
                for item, (unit, cost) in ILLUSTRATIVE.items()
            ],
            columns=list(COLUMNS),
        )
    )


def prices_for(items: Sequence[str], costs: UnitCosts, missing: str) -> str:
    """Why a total of these items is withheld, or the empty string: one has no unit cost, and `missing` is "withhold".

    Raises
    ------
    DataError
        Items without a unit cost where these are refused; prices of more than one year.
    """
    at = costs.places(items)
    absent = [name for name, place in zip(items, at) if place is None]
    problems = []
    if absent and missing == "refuse":
        said = "".join(did_you_mean(name, costs.item) for name in absent)
        problems.append(
            f"no unit cost is given for {', '.join(map(repr, absent))}.{said} Add a row for it to the unit costs, leave it out of counts, or "
            "give missing='withhold' for a table without its cost and without a total."
        )
    years = sorted({int(costs.price_year[k]) for k in at if k is not None})
    if len(years) > 1:
        problems.append(
            f"the unit costs are in prices of {', '.join(map(str, years))}, which cannot be added up. "
            "Bring them to one year with costs.uprate(index, to)."
        )
    if problems:
        raise DataError(problems)
    return f"no unit cost for {', '.join(absent)}" if absent else ""


def _index_levels(index: pd.Series[Any]) -> dict[int, float]:
    problems = []
    if not isinstance(index, pd.Series):
        raise UsageError(f"index must be a pandas Series of a price index by year, not {type(index).__name__}.")
    if not (isinstance(index.name, str) and index.name.strip()):
        problems.append("index has no name. Set index.name to what it is, such as 'GDP deflator, June 2024'.")
    years = pd.to_numeric(pd.Series(index.index), errors="coerce").to_numpy(dtype=float)
    if not len(years) or (years != np.round(years)).any() or len(set(years.tolist())) < len(years):
        problems.append("index must have whole years as its index, each once.")
    values = pd.to_numeric(index, errors="coerce").to_numpy(dtype=float)
    if not (np.isfinite(values) & (values > 0)).all():
        problems.append("index must hold finite numbers above 0.")
    if problems:
        raise UsageError(problems)
    return {int(year): float(value) for year, value in zip(years, values)}


def _texts(frame: pd.DataFrame, name: str, problems: list[str]) -> list[str]:
    texts = ["" if pd.isna(value) else str(value).strip() for value in frame[name].tolist()]
    empty = [i for i, text in enumerate(texts) if not text]
    if empty:
        problems.append(f"unit costs: {name} is empty for {rows_phrase(empty, len(texts))}. Fill it in.")
    return texts


def _numbers(frame: pd.DataFrame, name: str, items: list[str], problems: list[str]) -> FloatArray:
    series = frame[name]
    values = pd.to_numeric(series, errors="coerce").to_numpy(dtype=float)
    missing = series.isna().to_numpy() if name != "cost" else np.zeros(len(series), dtype=bool)
    wrong = ~(np.isfinite(values) & (values >= 0)) & ~missing
    _note(problems, wrong, items, name, "is not a number of at least 0", "Correct the table.")
    return np.where(wrong, np.nan, values)


def _ranges(numbers: Mapping[str, FloatArray], items: list[str], problems: list[str]) -> None:
    cost, low, high = (numbers[name] for name in ("cost", "low", "high"))
    one = np.isnan(low) != np.isnan(high)
    _note(
        problems,
        one,
        items,
        "low, high",
        "is given at one end only",
        "Give both ends of the range, or neither.",
    )
    outside = (low > cost) | (high < cost)
    _note(problems, outside, items, "cost", "lies outside its range", "The order is low, cost, high.")


def _note(problems: list[str], bad: Any, items: list[str], column: str, rule: str, remedy: str) -> None:
    rows = np.flatnonzero(bad).tolist()
    if rows:
        which = ", ".join(items[i] or "?" for i in rows[:5])
        problems.append(f"unit costs: {column} {rule} for {rows_phrase(rows, len(items))}: {which}. {remedy}")
