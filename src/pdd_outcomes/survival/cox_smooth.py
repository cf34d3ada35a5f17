"""How a log hazard ratio changes over time: scaled Schoenfeld residuals smoothed by a natural spline."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..core.columns import FloatArray
from ..core.errors import DataError, UsageError
from ..core.results import critical


def schoenfeld_smooth(
    time: FloatArray,
    scale: FloatArray,
    residual: FloatArray,
    variance: float,
    *,
    df: int,
    level: float,
    points: int = 40,
) -> pd.DataFrame:
    r"""A log hazard ratio :math:`\beta(t)` at times across follow-up, with pointwise limits.

    The expectation of a scaled Schoenfeld residual at :math:`t` is about :math:`\beta(t)`; they are regressed on a natural cubic
    spline of the time scale by least squares, the variance of each being the coefficient's times the number of events.

    Parameters
    ----------
    time, scale, residual : (d,) of each event: its time, g(time), its scaled residual
    variance : of one residual
    df : of the spline, its constant included, 2 or more

    Returns
    -------
    DataFrame with time, estimate, conf_low, conf_high

    References
    ----------
    Grambsch and Therneau (1994) Biometrika 81:515-526, section 4.
    """
    distinct = np.unique(scale)
    if len(distinct) < df + 1:
        raise DataError(
            f"There are events at {len(distinct)} distinct times, too few for a smooth of {df} degrees of freedom."
        )
    knots = np.quantile(scale, np.linspace(0, 1, df))
    if (np.diff(knots) <= 0).any():
        knots = np.quantile(distinct, np.linspace(0, 1, df))
    order = np.argsort(scale, kind="stable")
    grid = np.linspace(knots[0], knots[-1], points)
    basis, at = natural_spline(scale, knots), natural_spline(grid, knots)
    q, r = np.linalg.qr(basis)
    bend = np.linalg.solve(r.T, at.T).T
    value = bend @ (q.T @ residual)
    half = float(critical(level)) * np.sqrt(variance * (bend**2).sum(axis=1))
    when = np.interp(grid, scale[order], time[order])
    return pd.DataFrame({"time": when, "estimate": value, "conf_low": value - half, "conf_high": value + half})


def natural_spline(x: FloatArray, knots: FloatArray) -> FloatArray:
    """A basis of the cubic splines with these knots (k,) that are straight beyond the first and last: (n, k).

    Hastie, Tibshirani and Friedman (2009) The Elements of Statistical Learning, equations 5.4 and 5.5.
    """
    unit = (x - knots[0]) / (knots[-1] - knots[0])
    k = (knots - knots[0]) / (knots[-1] - knots[0])

    def d(j: int) -> FloatArray:
        cubes = np.maximum(unit - k[j], 0) ** 3 - np.maximum(unit - k[-1], 0) ** 3
        return np.asarray(cubes / (k[-1] - k[j]))

    columns = [np.ones_like(unit), unit, *(d(j) - d(len(k) - 2) for j in range(len(k) - 2))]
    return np.column_stack(columns)


def at_least_two(df: int) -> int:
    """Degrees of freedom of a spline: a whole number of 2 or more."""
    if int(df) != df or df < 2:
        raise UsageError("df must be a whole number of 2 or more.")
    return int(df)
