"""Families of the error of a log time: log density and log survival, with two derivatives each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special

from ..core.columns import FloatArray

Curve = tuple[FloatArray, FloatArray, FloatArray]  # value, first and second derivative
_LARGEST = 690.0  # z whose exp is still a double, with room to multiply


@dataclass(frozen=True, slots=True)
class Family:
    """A distribution of W in log T = x'b + sigma W.

    Attributes
    ----------
    density, survival : log density and log survival at z, with derivatives in z
    quantile : of W
    scale_known : sigma is 1
    """

    name: str
    density: Callable[[FloatArray], Curve]
    survival: Callable[[FloatArray], Curve]
    quantile: Callable[[float], float]
    scale_known: bool = False


def _extreme_density(z: FloatArray) -> Curve:
    gone, e, _ = _extreme_survival(z)
    return z + gone, 1 + e, e


def _extreme_survival(z: FloatArray) -> Curve:
    e = np.exp(np.minimum(z, _LARGEST))
    # Past it survival is 0 to the last bit: -inf in logarithms, so that no two of them cancel.
    return np.where(z > _LARGEST, -np.inf, -e), -e, -e


def _logistic_density(z: FloatArray) -> Curve:
    p = special.expit(z)
    return z - 2 * np.logaddexp(0, z), 1 - 2 * p, -2 * p * (1 - p)


def _logistic_survival(z: FloatArray) -> Curve:
    p = special.expit(z)
    return -np.logaddexp(0, z), -p, -p * (1 - p)


def _normal_density(z: FloatArray) -> Curve:
    return -(z**2) / 2 - np.log(2 * np.pi) / 2, -z, -np.ones_like(z)


def _normal_survival(z: FloatArray) -> Curve:
    # phi(z) / Phi(-z) by the scaled complementary error function, which loses no digits far out
    hazard = np.sqrt(2 / np.pi) / special.erfcx(z / np.sqrt(2))
    return special.log_ndtr(-z), -hazard, -hazard * (hazard - z)


def _log_minus_log(p: float) -> float:
    return float(np.log(-np.log1p(-p)))


FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family("weibull", _extreme_density, _extreme_survival, _log_minus_log),
        Family("exponential", _extreme_density, _extreme_survival, _log_minus_log, scale_known=True),
        Family("lognormal", _normal_density, _normal_survival, lambda p: float(special.ndtri(p))),
        Family("loglogistic", _logistic_density, _logistic_survival, lambda p: float(special.logit(p))),
    )
}
