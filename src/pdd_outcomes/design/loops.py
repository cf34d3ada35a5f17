"""Sums over people, one pass of compiled code each; the rows of another site could be added to them.

One thread, whatever else runs: a threaded matrix product on blocks this small spends more time waiting
for its threads than multiplying, above all where several bootstraps or tests share the cores.
"""

from __future__ import annotations

from math import exp, log1p

import numpy as np

from ..core.columns import BoolArray, FloatArray
from ..core.compiled import compiled


@compiled
def standard_deviation(values: FloatArray) -> float:
    """SD (divisor n) of (n,), in two passes and without a copy."""
    mean, square = 0.0, 0.0
    for x in values:
        mean += x
    mean /= len(values)
    for x in values:
        square += (x - mean) ** 2
    return float(np.sqrt(square / len(values)))


@compiled
def column_extent(values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Mean, SD (divisor n), least and greatest of each column of (n, p): four (p,) arrays."""
    n, p = values.shape
    mean, square = np.zeros(p), np.zeros(p)
    low, high = values[0].copy(), values[0].copy()
    for i in range(n):
        for j in range(p):
            x = values[i, j]
            mean[j] += x
            low[j], high[j] = min(low[j], x), max(high[j], x)
    mean /= n
    for i in range(n):
        for j in range(p):
            square[j] += (values[i, j] - mean[j]) ** 2
    return mean, np.sqrt(square / n), low, high


@compiled
def add_products(values: FloatArray, centre: FloatArray, scale: FloatArray, total: FloatArray) -> None:
    """Add the cross-products of centred and scaled columns of (n, p) to `total` (p, p)."""
    n, p = values.shape
    z = np.empty(p)
    for i in range(n):
        for j in range(p):
            z[j] = (values[i, j] - centre[j]) / scale[j]
        for j in range(p):
            for k in range(j + 1):
                total[j, k] += z[j] * z[k]
    for j in range(p):
        for k in range(j):
            total[k, j] = total[j, k]


@compiled
def logistic_sums(
    values: FloatArray,
    centre: FloatArray,
    scale: FloatArray,
    treated: BoolArray,
    beta: FloatArray,
    gradient: FloatArray,
    information: FloatArray,
) -> tuple[float, float]:
    """Log likelihood at `beta` (p + 1,), and the largest |linear predictor|.

    The score is added to `gradient` (p + 1,) and the Fisher information to `information` (p + 1, p + 1).
    Each tail is computed from exp(-|eta|), so that neither loses its digits.
    """
    n, p = values.shape
    z = np.ones(p + 1)
    loglik, reach = 0.0, 0.0
    for i in range(n):
        eta = beta[0]
        for j in range(p):
            z[j + 1] = (values[i, j] - centre[j]) / scale[j]
            eta += z[j + 1] * beta[j + 1]
        away = eta if treated[i] else -eta  # positive where the arm is the likelier one
        tail = exp(-abs(eta))
        small, large = tail / (1.0 + tail), 1.0 / (1.0 + tail)
        loglik -= log1p(tail) if away > 0 else log1p(tail) - away
        miss = small if away > 0 else large
        residual = miss if treated[i] else -miss
        weight = small * large
        reach = max(reach, abs(eta))
        for j in range(p + 1):
            gradient[j] += z[j] * residual
            scaled = z[j] * weight
            for k in range(j + 1):
                information[j, k] += scaled * z[k]
    for j in range(p + 1):
        for k in range(j):
            information[k, j] = information[j, k]
    return loglik, reach
