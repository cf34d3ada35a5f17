"""Covariates centred and scaled to unit spread: the units in which a regression is fitted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..core.columns import Columns, FloatArray, IntArray
from ..core.errors import DataError
from ..core.formula import CovariateColumns, ModelMatrix, covariate_columns, model_matrix

Predictors = CovariateColumns | ModelMatrix


@dataclass(frozen=True, slots=True, eq=False)
class PredictorRows:
    """Predictors of the rows that count, each column (n,) made when it is asked for."""

    terms: tuple[str, ...]
    column: Callable[[int], FloatArray]


def read_predictors(
    take: Columns, data: pd.DataFrame, covariates: Sequence[str] | None, formula: str | None
) -> Predictors:
    """The columns of a model, their problems left in `take` with the others."""
    try:
        if covariates is not None and formula is None:
            return covariate_columns(data, covariates)
        return model_matrix(data, covariates=covariates, formula=formula)
    except DataError as bad:
        for problem in bad.problems:
            take.problem(problem)
        return ModelMatrix(np.zeros((len(data), 0)), ())


def predictor_rows(found: Predictors, rows: IntArray, everyone: int) -> PredictorRows:
    """The predictors at positions `rows` (n,) of data of `everyone` rows."""
    if len(rows) == everyone and bool((rows == np.arange(everyone)).all()):
        return PredictorRows(found.terms, lambda j: np.asarray(found.column(j), float))
    return PredictorRows(found.terms, lambda j: np.asarray(found.column(j)[rows], float))


def working_matrix(found: PredictorRows) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Columns (n, p), each less its mean and over its standard deviation; both of these (p,).

    A column at a time, so that the matrix is the only copy of the data.

    Raises
    ------
    DataError
        A column that is the same in every row that counts, named.
    """
    p = len(found.terms)
    mean, scale = np.zeros(p), np.ones(p)
    flat: list[str] = []
    x: FloatArray | None = None
    for j, term in enumerate(found.terms):
        values = found.column(j)
        x = np.empty((len(values), p)) if x is None else x
        mean[j] = values.mean()
        centred = values - mean[j]
        spread = float(np.sqrt(centred @ centred / len(values)))
        if spread <= 1e-9 * abs(mean[j]) and bool((values == values[0]).all()):
            flat.append(term)
        scale[j] = spread or 1.0
        np.multiply(centred, 1.0 / scale[j], out=x[:, j])
    if flat:
        raise DataError(
            f"{flat[0]!r} is the same in every row that counts, so its hazard ratio cannot be estimated. Leave it out."
            if len(flat) == 1
            else f"{flat} are the same in every row that counts, so they have no hazard ratios. Leave them out."
        )
    assert x is not None
    return x, mean, scale
