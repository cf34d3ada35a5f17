"""Covariates or a formula to a numeric matrix with named columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from .columns import Columns, FloatArray
from .errors import DataError, UsageError, rows_phrase


@dataclass(frozen=True, slots=True)
class Coding:
    """How a matrix was coded, so that other rows can be coded in the same way. It holds levels and knots, no rows."""

    covariates: tuple[str, ...] = ()
    levels: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)  # of each label, reference first
    spec: Any = None  # formulaic's, where there was a formula

    def apply(self, data: pd.DataFrame) -> FloatArray:
        """The matrix (n, p) of other rows; a level not met before is a DataError."""
        if self.spec is not None:
            table = pd.DataFrame(self.spec.get_model_matrix(data, na_action="ignore"))
            return _finite(table[[c for c in table.columns if c != "Intercept"]], "formula", len(data))
        take = Columns(data)
        columns: list[FloatArray] = []
        for name in self.covariates:
            if name not in self.levels:
                columns.append(take.number("covariates", name))
                continue
            codes, levels = take.labels("covariates", name)
            known = self.levels[name]
            if set(levels) - {*known, "?"}:
                take.problem(f"covariates={name!r} has a level that the model was not fitted with.")
            columns.extend(
                (np.array([*levels, "?"], object)[codes] == level).astype(float) for level in known[1:]
            )
        take.check()
        return np.column_stack(columns)


@dataclass(frozen=True, slots=True)
class ModelMatrix:
    """A numeric matrix, what its columns are called, and how they were coded."""

    values: FloatArray  # (n, p)
    terms: tuple[str, ...]  # length p
    coding: Coding = field(default_factory=Coding, repr=False, compare=False)

    def column(self, j: int) -> FloatArray:
        """Column j (n,)."""
        return np.ascontiguousarray(self.values[:, j])


def is_categorical(series: pd.Series[Any]) -> bool:
    """Text and categories are labels; numbers and booleans are numbers."""
    return series.dtype.kind not in "biuf"


@dataclass(frozen=True, slots=True, eq=False)
class CovariateColumns:
    """The columns of a matrix that is not made: each is there when it is asked for.

    Attributes
    ----------
    terms : p names
    parts : of each column a number's values (n,) and -1, or a label's codes (n,) and the level that is 1
    """

    terms: tuple[str, ...]
    parts: tuple[tuple[Any, int], ...]
    coding: Coding

    def column(self, j: int) -> FloatArray:
        """Column j (n,)."""
        values, level = self.parts[j]
        return np.asarray(values if level < 0 else (values == level).astype(float))


def covariate_columns(
    data: pd.DataFrame, covariates: Sequence[str], *, all_levels: bool = False, role: str = "covariates"
) -> CovariateColumns:
    """What `covariate_matrix` holds, column by column, for those who need one at a time."""
    if isinstance(covariates, str):
        raise UsageError(f"{role} must be a list of column names, not the one string {covariates!r}.")
    if len(set(covariates)) != len(covariates):
        raise UsageError(
            f"{role} names a column twice: {sorted({c for c in covariates if list(covariates).count(c) > 1})}."
        )
    take = Columns(data)
    parts: list[tuple[Any, int]] = []
    terms: list[str] = []
    known: dict[str, tuple[Any, ...]] = {}
    for name in covariates:
        series = take.series(role, name)
        if series is None:
            continue
        if not is_categorical(series):
            parts.append((take.number(role, name), -1))
            terms.append(name)
            continue
        if series.dtype.kind in "mM":
            take.problem(
                f"{role}={name!r} holds dates, and each would be a level of its own. Give a number, such as days since a day."
            )
            continue
        codes, levels = take.labels(role, name)
        known[name] = tuple(levels)
        first = 0 if all_levels and len(levels) > 2 else 1
        for k in range(first, len(levels)):
            parts.append((codes, k))
            terms.append(f"{name}[{levels[k]}]")
    take.check()
    return CovariateColumns(tuple(terms), tuple(parts), Coding(tuple(covariates), known))


def covariate_matrix(
    data: pd.DataFrame, covariates: Sequence[str], *, all_levels: bool = False, role: str = "covariates"
) -> ModelMatrix:
    """One column a number, one 0/1 column a level of a label.

    For a model the first level (in sorted order) is the reference and has no column. With
    `all_levels`, as a balance table wants, every level has one, except that a label of two levels
    has one column for the second: the other row would say the same thing twice.

    Returns
    -------
    ModelMatrix
        Terms are the column's name, or ``name[level]`` for a level.
    """
    found = covariate_columns(data, covariates, all_levels=all_levels, role=role)
    # Filled in place: a million people are held once, and not once more column by column.
    matrix = np.empty((len(data), len(found.terms)))
    for j, (values, level) in enumerate(found.parts):
        matrix[:, j] = values if level < 0 else values == level
    return ModelMatrix(matrix, found.terms, found.coding)


def model_matrix(
    data: pd.DataFrame, *, covariates: Sequence[str] | None = None, formula: str | None = None
) -> ModelMatrix:
    """The predictors of a model, without an intercept.

    `covariates` lists columns (labels by treatment contrasts); `formula` is the right-hand side of a
    formula in formulaic's grammar, such as ``"bs(age, df=4) + sex:race"``. Give one of the two. An intercept
    is left to the caller. The categories of a formula are coded as they would be beside one.
    """
    if (covariates is None) == (formula is None):
        raise UsageError("Give either covariates=[...] or formula='...', and not both.")
    if covariates is not None:
        return covariate_matrix(data, covariates)
    from formulaic import model_matrix as formulaic_matrix
    from formulaic.errors import FormulaicError

    assert formula is not None
    try:
        frame = formulaic_matrix(formula, data, na_action="ignore")
    except (FormulaicError, NameError, KeyError, SyntaxError) as problem:
        raise DataError(
            f"formula={formula!r} cannot be read: {problem}. Columns are {list(map(str, data.columns))[:20]}."
        ) from problem
    if not isinstance(frame, pd.DataFrame):
        raise UsageError(
            f"formula={formula!r} has a left-hand side. Give what stands right of ~ alone, such as 'age + sex'."
        )
    table = pd.DataFrame(frame)
    kept = [c for c in table.columns if c != "Intercept"]
    values = _finite(table[kept], f"formula={formula!r}", len(data))
    return ModelMatrix(values, tuple(str(c) for c in kept), Coding(spec=frame.model_spec))


def _finite(table: pd.DataFrame, said: str, rows: int) -> FloatArray:
    values = table.to_numpy(dtype=float)
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1)) if values.size else np.array([], dtype=int)
    if len(bad):
        raise DataError(
            f"{said} is missing or infinite for {rows_phrase(bad.tolist(), rows)}. "
            "Impute or exclude them in the cohort."
        )
    return values
