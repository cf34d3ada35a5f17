"""Rounding of counts to a base, and of statistics to a step: the arithmetic of the release.

One count must be rounded one way everywhere. Two schemes side by side can be intersected: 187 is 189
in midpoint-6 (187..192) and 185 to the nearest 5 (183..187), and only 187 is in both. So the base
chooses the scheme (:func:`round_count`), and tables and curves share it.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from ..core.columns import BoolArray, FloatArray

ERROR_FIGURES = 3
MIDPOINT_BASE = 6  # "midpoint-6"; every other base rounds to the nearest multiple
SLACK = 1e-9  # weighted counts are sums of doubles: 12.499999999 is twelve and a half


class Settings(Protocol):
    """What the gate needs of a protocol: its `release` part."""

    @property
    def threshold(self) -> int:
        """The least number of people that may be shown."""

    @property
    def rounding(self) -> int:
        """The base that counts are rounded to; 6 is midpoint-6."""

    @property
    def curve_min_n(self) -> int:
        """The least number of people behind a curve."""

    @property
    def curve_min_at_risk(self) -> int:
        """A curve ends where fewer are at risk."""


def nearest_round(x: Any, base: float = 5) -> FloatArray:
    """Counts to the nearest multiple of `base`, halves away from zero.

    Under an odd base the released value is the middle of the whole numbers it stands for
    (10 of 8..12), so sums of released values are unbiased.

    Examples
    --------
    >>> nearest_round([0, 2, 3, 7, 8, 12.5])
    array([ 0.,  0.,  5.,  5., 10., 15.])
    """
    value = np.asarray(x, dtype=float)
    return np.asarray(np.sign(value) * np.floor(np.abs(value) / base + 0.5 + SLACK) * base + 0.0)


def midpoint_round(x: Any, base: int = 6) -> FloatArray:
    r"""Counts to the middle of their bin of `base` whole numbers; zero stays zero.

    .. math:: r(x) = b \lceil x / b \rceil - \lfloor b / 2 \rfloor \, [x \ne 0]

    so that for :math:`b = 6` the counts 1..6 become 3 and 7..12 become 9.

    References
    ----------
    OpenSAFELY, "Statistical disclosure control: rounding" (midpoint 6).

    Examples
    --------
    >>> midpoint_round([0, 1, 6, 7, 12, 13])
    array([ 0.,  3.,  3.,  9.,  9., 15.])
    """
    value = np.asarray(x, dtype=float)
    return np.asarray(np.ceil(value / base - SLACK) * base - base // 2 * (value != 0) + 0.0)


def round_count(x: Any, base: int) -> FloatArray:
    """Counts as every table and curve of a release rounds them; missing stays missing."""
    return midpoint_round(x, base) if base == MIDPOINT_BASE else nearest_round(x, base)


def step_at_least(width: Any) -> FloatArray:
    """The smallest of 1, 2, 5 times a power of ten that is no less than `width`.

    Examples
    --------
    >>> step_at_least([0.0007, 0.2, 0.21, 60])
    array([1.e-03, 2.e-01, 5.e-01, 1.e+02])
    """
    value = np.asarray(width, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        power = 10.0 ** np.floor(np.log10(value) + SLACK)
        lead = value / power
    steps = np.select([lead <= 1 + SLACK, lead <= 2 + SLACK, lead <= 5 + SLACK], [1.0, 2.0, 5.0], 10.0)
    return np.where(value > 0, steps * power, 0.0)


def round_step(x: Any, step: Any) -> FloatArray:
    """Values to the nearest multiple of `step`, without the noise of binary fractions; a step of 0 keeps them."""
    value, by = np.broadcast_arrays(np.asarray(x, dtype=float), np.asarray(step, dtype=float))
    safe = np.where(by > 0, by, 1.0)
    rounded = np.where(by > 0, nearest_round(value / safe, 1) * safe, value)
    return np.asarray([float(f"{v:.12g}") for v in rounded.ravel()]).reshape(value.shape)


def significant(x: Any, figures: int) -> FloatArray:
    """Values to `figures` significant figures; zero and missing stay.

    Examples
    --------
    >>> significant([0.88412, 123456.0, 0.0], 3)
    array([8.84e-01, 1.23e+05, 0.00e+00])
    """
    value = np.asarray(x, dtype=float)
    return np.asarray([float(f"{v:.{figures - 1}e}") for v in value.ravel()]).reshape(value.shape)


def round_p(p: Any) -> FloatArray:
    """Probabilities of a test to three decimals; under 0.001, to one significant figure."""
    value = np.asarray(p, dtype=float)
    return np.where(value < 0.001, significant(value, 1), round_step(value, 0.001))


def coarse(x: FloatArray, share: FloatArray) -> FloatArray:
    """Non-negative values to three figures, or as many as a relative step of `share` leaves; at least one."""
    with np.errstate(divide="ignore"):
        lead = 10.0 ** np.floor(np.log10(x))
    finest = lead / 10 ** (ERROR_FIGURES - 1)
    step = np.minimum(np.maximum(step_at_least(x * share), finest), lead)
    return round_step(x, np.where(np.isfinite(step), step, 0.0))


def moved(
    new: FloatArray, old: FloatArray, limit: FloatArray, share: FloatArray, is_ratio: BoolArray
) -> FloatArray:
    """A limit at its old distance from the estimate, the distance at released precision."""
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.where(is_ratio, np.log(limit / old), limit - old)
        distance = np.sign(apart) * coarse(np.abs(apart), share)
        return np.where(is_ratio, new * np.exp(np.where(is_ratio, distance, 0.0)), new + distance)
