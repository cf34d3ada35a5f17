"""Column names to checked arrays: the one place that meets a bad column.

A function that takes data opens a :class:`Columns`, asks for each role, and calls
:meth:`Columns.check` before it computes. Every problem is then reported at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from .errors import DataError, UsageError, did_you_mean, rows_phrase

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]
BoolArray = np.ndarray[Any, np.dtype[np.bool_]]


class Columns:
    """Reads roles from a frame, collecting problems until :meth:`check` is called.

    Every method returns an array of the frame's length, in row order. After a problem the
    array is a placeholder; `check` raises before anyone can use it.
    """

    def __init__(self, data: pd.DataFrame) -> None:
        if not isinstance(data, pd.DataFrame):
            raise UsageError(f"data must be a pandas DataFrame, not {type(data).__name__}.")
        if data.columns.has_duplicates:
            twice = sorted({str(c) for c in data.columns[data.columns.duplicated()]})
            raise DataError(f"data has two columns of the same name: {twice}. Rename one of them.")
        self._data = data
        self._problems: list[str] = []
        if len(data) == 0:
            self._problems.append("data has no rows. Check the filter or the file it came from.")

    def check(self) -> None:
        """Raise a DataError that holds every problem met so far, if any."""
        if self._problems:
            raise DataError(self._problems)

    def problem(self, message: str) -> None:
        """Add a problem found by the caller, to be raised with the others."""
        self._problems.append(message)

    def series(self, role: str, column: object) -> pd.Series[Any] | None:
        """The column as it is, or None (with a problem noted) where there is none of that name."""
        if not isinstance(column, str):
            self._problems.append(f"{role} must be a column name, not {type(column).__name__}.")
            return None
        if column not in self._data.columns:
            hint = did_you_mean(column, [str(c) for c in self._data.columns])
            self._problems.append(f"{role}={column!r} is not a column of the data.{hint}")
            return None
        return self._data[column]

    def number(
        self, role: str, column: str, *, minimum: float | None = None, above: float | None = None
    ) -> FloatArray:
        """A finite number for every row; at least `minimum`, more than `above`."""
        good = self._good_numbers(column, minimum, above)
        if good is not None:
            return good
        series = self._present(role, column)
        if series is None:
            return np.zeros(len(self._data))
        values = self._as_float(role, column, series)
        if values is None:
            return np.zeros(len(self._data))
        self._rows(role, column, np.isinf(values), "is infinite", "Correct the extract.")
        if minimum is not None:
            self._rows(
                role,
                column,
                values < minimum,
                f"is below {minimum:g}",
                "Correct or exclude them in the cohort.",
            )
        if above is not None:
            self._rows(
                role,
                column,
                values <= above,
                f"is not above {above:g}",
                "Correct or exclude them in the cohort.",
            )
        return values

    def _good_numbers(self, column: object, minimum: float | None, above: float | None) -> FloatArray | None:
        """The column where its ends show that nothing is wrong with it; None where it has to be looked at."""
        if not isinstance(column, str) or column not in self._data.columns or not len(self._data):
            return None
        series = self._data[column]
        if not (isinstance(series.dtype, np.dtype) and series.dtype.kind in "iuf"):
            return None
        values = series.to_numpy()
        low, high = values.min(), values.max()  # a missing value makes both NaN, of which no comparison is true
        right = (
            low > -np.inf
            and high < np.inf
            and (minimum is None or low >= minimum)
            and (above is None or low > above)
        )
        return values.astype(float, copy=False) if right else None

    def binary(self, role: str, column: str, *, both: bool = True) -> BoolArray:
        """True/False or 1/0 for every row; with `both`, each value must occur."""
        series = self._present(role, column)
        placeholder = np.zeros(len(self._data), dtype=bool)
        if series is None:
            return placeholder
        whole = isinstance(series.dtype, np.dtype) and series.dtype.kind in "bui"
        values = series.to_numpy() if whole else self._as_float(role, column, series)
        if values is None:
            return placeholder
        small = values.dtype.kind in "bui" and len(values) and values.min() >= 0 and values.max() <= 1
        wrong = np.zeros(0, bool) if small else (values != 0) & (values != 1) & ~np.isnan(values.astype(float))
        self._rows(role, column, wrong, "is neither 0 nor 1", "Recode it to 0/1 or True/False.")
        answer: BoolArray = values == 1
        if both and not wrong.any() and len(values):
            for arm, empty in (("1", not answer.any()), ("0", bool(answer.all()))):
                if empty:
                    self._problems.append(
                        f"{role}={column!r} has no row equal to {arm}: one arm is empty, so there is nothing to compare. "
                        "Check the filter and the coding."
                    )
        return answer

    def causes(self, role: str, column: str) -> IntArray:
        """Integer event codes: 0 censored, 1..k causes."""
        values = self.number(role, column, minimum=0)
        self._rows(
            role, column, values != np.round(values), "is not a whole number", "Code 0 censored, 1..k causes."
        )
        return np.round(np.nan_to_num(values)).astype(np.int64)

    def counts(self, role: str, column: str, *, minimum: int = 0) -> IntArray:
        """Whole numbers of at least `minimum`."""
        values = self.number(role, column, minimum=minimum)
        self._rows(role, column, values != np.round(values), "is not a whole number", "Count in whole units.")
        return np.round(np.nan_to_num(values)).astype(np.int64)

    def labels(self, role: str, column: str) -> tuple[IntArray, list[Any]]:
        """Codes 0..k-1 and the sorted levels they stand for (sorted as text if types are mixed)."""
        series = self._present(role, column)
        if series is None:
            return np.zeros(len(self._data), dtype=np.int64), ["?"]
        if isinstance(series.dtype, pd.CategoricalDtype):
            return _category_codes(series)
        if small := _small_integers(series):
            kept, dense = dense_codes(small[0])
            return dense, [int(k) + small[1] for k in kept]
        try:
            codes, levels = pd.factorize(series, sort=True)
        except TypeError:
            codes, levels = pd.factorize(series.astype(str), sort=True)
        plain = [level.item() if isinstance(level, np.generic) else level for level in levels]
        return codes.astype(np.int64), plain

    def codes(self, role: str, column: str) -> IntArray:
        """Codes from 0 by which rows belong together, in no order and not every code used: (n,)."""
        series = self._present(role, column)
        if series is None:
            return np.zeros(len(self._data), dtype=np.int64)
        small = _small_integers(series)
        return small[0] if small else np.asarray(pd.factorize(series)[0], dtype=np.int64)

    def crossed(self, role: str, columns: str | Sequence[str]) -> tuple[IntArray, list[str]]:
        """One code for every combination that occurs of several label columns, with 'a, b' labels."""
        names = [columns] if isinstance(columns, str) else list(columns)
        n = len(self._data)
        if not names:
            return np.zeros(n, dtype=np.int64), ["all"]
        code = np.zeros(n, dtype=np.int64)
        parts = [self.labels(role, name) for name in names]
        for codes, levels in parts:
            code = code * max(len(levels), 1) + codes
        kept, dense = dense_codes(code)
        words: list[str] = []
        for key in kept.tolist():
            said: list[str] = []
            for _, levels in reversed(parts):
                key, at = divmod(key, max(len(levels), 1))
                said.append(str(levels[at]))
            words.append(", ".join(reversed(said)))
        return dense, words

    def weights(self, role: str, column: str | None) -> FloatArray:
        """Non-negative finite weights, ones where no column is named."""
        return np.ones(len(self._data)) if column is None else self.number(role, column, minimum=0)

    def _present(self, role: str, column: str) -> pd.Series[Any] | None:
        series = self.series(role, column)
        if series is not None:
            self._rows(
                role, column, series.isna().to_numpy(), "is missing", "Impute or exclude them in the cohort."
            )
        return series

    def _as_float(self, role: str, column: str, series: pd.Series[Any]) -> FloatArray | None:
        kind = series.dtype.kind
        if kind not in "biuf":
            self._problems.append(
                f"{role}={column!r} must be a number, and its type is {series.dtype}. Convert it before this call."
            )
            return None
        return series.to_numpy(dtype=float, na_value=np.nan)

    def _rows(self, role: str, column: str, bad: Any, rule: str, remedy: str) -> None:
        rows = np.flatnonzero(bad)
        if len(rows):
            self._problems.append(
                f"{role}={column!r} {rule} for {rows_phrase(rows.tolist(), len(self._data))}. {remedy}"
            )


def _category_codes(series: pd.Series[Any]) -> tuple[IntArray, list[Any]]:
    """Codes 0..k-1 and the levels that occur, as text in sorted order; what is missing has the code -1."""
    codes = series.cat.codes.to_numpy().astype(np.int64)
    names = [str(name) for name in series.cat.categories]
    present = np.flatnonzero(np.bincount(codes[codes >= 0], minlength=len(names))).tolist()
    levels = sorted({names[k] for k in present})
    place = {level: k for k, level in enumerate(levels)}
    new = np.full(len(names) + 1, -1, dtype=np.int64)  # the last place is -1's own
    new[present] = [place[names[k]] for k in present]
    return new[codes], list(levels)


def dense_codes(code: IntArray) -> tuple[IntArray, IntArray]:
    """The codes (all at least 0 but for what is missing) that occur, ascending, and each row's place among them."""
    if len(code) and code.min() >= 0 and (top := int(code.max())) < 4 * len(code):
        if top == 0:
            return np.zeros(1, dtype=np.int64), code
        kept = np.flatnonzero(np.bincount(code)).astype(np.int64)
        if len(kept) == top + 1:  # every code occurs, so each is its own place
            return kept, code
        place = np.zeros(top + 1, dtype=np.int64)
        place[kept] = np.arange(len(kept))
        return kept, place[code]
    kept, dense = np.unique(code, return_inverse=True)
    return kept, dense.astype(np.int64).reshape(len(code))


def _small_integers(series: pd.Series[Any]) -> tuple[IntArray, int] | None:
    """A column of whole numbers that span less than four times its length, less the smallest; and that number."""
    if not (isinstance(series.dtype, np.dtype) and series.dtype.kind in "iu" and len(series)):
        return None
    values = series.to_numpy()
    low, high = int(values.min()), int(values.max())
    if high - low >= 4 * len(values) or high > np.iinfo(np.int64).max:
        return None
    shifted = values.astype(np.int64)
    return np.asarray(shifted - low if low else shifted), low
