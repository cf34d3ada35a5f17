"""Strata by the values of their columns, so that other rows can be put into those of a fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..core.columns import Columns, IntArray, dense_codes
from ..core.errors import DataError, rows_phrase


@dataclass(frozen=True, slots=True, eq=False)
class Strata:
    """Combinations of values that have a baseline of their own.

    Attributes
    ----------
    columns : names of the columns; none where there is one stratum
    levels : of each column its values, in sorted order
    keys : of each stratum the combination that it is, a number in the mixed radix of the columns' levels
    """

    columns: tuple[str, ...] = ()
    levels: tuple[tuple[Any, ...], ...] = ()
    keys: tuple[int, ...] = (0,)

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each stratum: 'all', its value, or its values with a comma between; quoted where that would be two's name."""
        if not self.columns:
            return ("all",)
        values = [self._values(key) for key in self.keys]
        plain = [", ".join(map(str, v)) for v in values]
        if len(set(plain)) == len(plain):
            return tuple(plain)
        return tuple(", ".join(map(repr, v)) for v in values)

    def _values(self, key: int) -> list[Any]:
        found = []
        for levels in reversed(self.levels):
            key, at = divmod(key, len(levels))
            found.append(levels[at])
        return found[::-1]

    def among(self, present: IntArray) -> Strata:
        """The strata that still have a row, by their places (k,)."""
        return Strata(self.columns, self.levels, tuple(self.keys[k] for k in present.tolist()))

    def places(self, data: pd.DataFrame) -> IntArray:
        """The stratum of each row of other data (n,), by value: 1.0 is 1.

        Raises
        ------
        DataError
            A missing column or value, or one, or a combination, that the model was not fitted with; with the rows.
        """
        if not self.columns:
            return np.zeros(len(data), dtype=np.int64)
        take = Columns(data)
        key = np.zeros(len(data), dtype=np.int64)
        unknown: list[str] = []
        for name, known in zip(self.columns, self.levels):
            codes, levels = take.labels("strata", name)
            at = {value: k for k, value in enumerate(known)}
            own = np.array([at.get(value, -1) for value in levels], dtype=np.int64)[codes]
            rows = np.flatnonzero(own < 0)
            if len(rows):
                unknown.append(_new(f"strata={name!r} has a value", rows, len(data)))
            key = key * len(known) + np.maximum(own, 0)
        take.check()
        if unknown:
            raise DataError(unknown)
        order = np.argsort(self.keys)
        place = np.searchsorted(self.keys, key, sorter=order)
        found = order[np.minimum(place, len(order) - 1)]
        rows = np.flatnonzero(np.asarray(self.keys)[found] != key)
        if len(rows):
            raise DataError(_new(f"strata={list(self.columns)} has a combination", rows, len(data)))
        return np.asarray(found, dtype=np.int64)


def _new(what: str, rows: IntArray, n: int) -> str:
    return (
        f"{what} that the model was not fitted with in {rows_phrase(rows.tolist(), n)}. "
        "Leave these rows out, or fit a model with them."
    )


def read_strata(take: Columns, columns: str | Sequence[str]) -> tuple[IntArray, Strata]:
    """The stratum of each row (n,) and what the strata are; problems are left in `take`."""
    names = (columns,) if isinstance(columns, str) else tuple(columns)
    parts = [take.labels("strata", name) for name in names]
    if not parts:
        return take.crossed("strata", [])[0], Strata()
    code = np.zeros(len(parts[0][0]), dtype=np.int64)
    for codes, levels in parts:
        code = code * max(len(levels), 1) + codes
    keys, dense = dense_codes(code)
    return dense, Strata(names, tuple(tuple(levels) for _, levels in parts), tuple(keys.tolist()))
