"""Rows of the evidence table as the page reads them, and how each scale is written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from . import formats

NULLS = {"difference": 0.0, "ratio": 1.0, "money": 0.0, "count": 0.0}


@dataclass(frozen=True, slots=True)
class Item:
    """One row of the evidence; numbers that are not there are nan."""

    section: str
    part: str
    analysis: str
    outcome: str
    by: str
    group: str
    measure: str
    estimand: str
    scale: str
    horizon_days: float
    place: float
    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    band_low: float
    band_high: float
    level: float
    p_value: float
    statistic: float
    df: float
    se_method: str
    units: float
    n_treated: float
    n_control: float
    events_treated: float
    events_control: float
    status: str
    reason: str
    note: str
    suppressed: str

    @property
    def ok(self) -> bool:
        """Whether there is an estimate to show."""
        return self.status == "ok" and math.isfinite(self.estimate)

    @property
    def has_interval(self) -> bool:
        """Whether there are both limits."""
        return self.ok and math.isfinite(self.conf_low) and math.isfinite(self.conf_high)

    @property
    def null(self) -> float:
        """The value of no effect, nan where the scale has none."""
        return NULLS.get(self.scale, math.nan)

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out no effect."""
        return self.has_interval and not self.conf_low <= self.null <= self.conf_high

    @property
    def missing(self) -> str | None:
        """What stands in a cell instead of a number."""
        return formats.HIDDEN if self.status == "withheld" else None


def items(frame: pd.DataFrame, **where: Any) -> list[Item]:
    """The rows of the evidence table on which every named column has the value, in their order."""
    kept = np.ones(len(frame), dtype=bool)
    for column, value in where.items():
        kept &= (frame[column] == value).to_numpy()
    return [_item(row) for row in frame[kept].to_dict("records")]


def _item(row: dict[Any, Any]) -> Item:
    given: dict[str, Any] = {f.name: row[f.name] for f in fields(Item)}
    for name, value in given.items():
        if not isinstance(value, str):
            given[name] = math.nan if pd.isna(value) else float(value)
    return Item(**given)


def places_of(found: Sequence[Item]) -> int:
    """Decimals for a column of ratios."""
    shown = [x for i in found if i.ok and i.scale == "ratio" for x in (i.estimate, i.conf_low, i.conf_high)]
    return formats.ratio_places(shown)


def shown(value: float, scale: str, places: int = 2) -> str:
    """A number on its scale: probabilities and differences for every 100, money in pounds."""
    if scale in ("probability", "difference"):
        return formats.per_100(value)
    if scale == "ratio":
        return formats.fixed(value, places)
    if scale == "money":
        return f"{formats.MINUS if value < 0 else ''}£{formats.fixed(abs(value), 0)}"
    if scale == "days":
        return formats.fixed(value, 0)
    return formats.fixed(value, 1 if scale == "count" else 3 if abs(value) < 1 else 2)


def cell(item: Item | None, places: int = 2) -> str | None:
    """An estimate with its interval; `[c]` where it is withheld, `[x]` where there is none."""
    if item is None:
        return formats.NOT_APPLICABLE
    if not item.ok:
        return item.missing
    if not item.has_interval:
        return shown(item.estimate, item.scale, places)
    return formats.with_interval(
        item.estimate, item.conf_low, item.conf_high, lambda x: shown(x, item.scale, places)
    )


def p_of(item: Item | None) -> str | None:
    """The p-value as a cell."""
    if item is None or (item.status == "ok" and math.isnan(item.p_value)):
        return formats.NOT_APPLICABLE
    return formats.p_cell(item.p_value) if math.isfinite(item.p_value) else item.missing


def people(item: Item, column: str = "n_treated") -> str | None:
    """A number of people as a cell."""
    number = getattr(item, column)
    if math.isfinite(number):
        return formats.count(number)
    return formats.HIDDEN if column in item.suppressed.split() else formats.NOT_APPLICABLE


def why_not(found: Sequence[Item]) -> list[str]:
    """Reasons for what is not estimated, one line each with the groups that it holds of."""
    reasons: dict[str, list[str]] = {}
    for item in found:
        if item.status != "ok" and item.reason:
            name = ": ".join(part for part in (item.by, item.group) if part)
            reasons.setdefault(item.reason, []).append(formats.readable(name) if name else "")
    said = []
    for reason, names in reasons.items():
        named = formats.series([n for n in dict.fromkeys(names) if n])
        said.append(f"{formats.upper_first(named)}: {reason}." if named else f"{formats.upper_first(reason)}.")
    return said
