"""Critical values of simultaneous confidence bands of a survival curve."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from ..core.columns import FloatArray, IntArray
from ..core.sandwich import cluster_codes, cluster_sums


@lru_cache(maxsize=256)
def hall_wellner_value(low: float, high: float, level: float) -> float:
    r"""The k at which a Brownian bridge stays within :math:`\pm k` over [low, high] with probability `level`.

    Given both ends the path between them stays inside with a probability that images give exactly; that is
    integrated over the bivariate normal ends by Gauss-Legendre.

    References
    ----------
    Hall and Wellner (1980) Biometrika 67:133-143. Klein and Moeschberger (2003) section 4.4 and table C.4.
    """

    def missing(k: float) -> float:
        return level - _bridge_inside(k, low, high)

    return _root(missing)


def _bridge_inside(k: float, low: float, high: float) -> float:
    """Probability that a Brownian bridge stays within (-k, k) from `low` to `high`, both in (0, 1)."""
    nodes, weights = np.polynomial.legendre.leggauss(80)
    sd_low, sd_high = np.sqrt(low * (1 - low)), np.sqrt(high * (1 - high))
    reach_low, reach_high = min(k, 9 * sd_low), min(k, 9 * sd_high)
    x, y = reach_low * nodes[:, None], reach_high * nodes[None, :]
    r = np.sqrt(low * (1 - high) / (high * (1 - low)))
    square = (x / sd_low) ** 2 - 2 * r * (x / sd_low) * (y / sd_high) + (y / sd_high) ** 2
    density = np.exp(-square / (2 * (1 - r**2))) / (2 * np.pi * sd_low * sd_high * np.sqrt(1 - r**2))
    length, width = high - low, 2 * k
    stays = np.zeros_like(density)
    for n in range(-12, 13):
        stays += np.exp(-2 * n * width * (n * width + y - x) / length)
        stays -= np.exp(-2 * (n * width + x + k) * (n * width + y + k) / length)
    return float(reach_low * reach_high * (weights @ (density * np.clip(stays, 0.0, 1.0)) @ weights))


@lru_cache(maxsize=256)
def equal_precision_value(low: float, high: float, level: float) -> float:
    r"""The c at which a Brownian bridge over its own standard deviation stays within :math:`\pm c` over [low, high].

    On a logarithmic clock that is an Ornstein-Uhlenbeck process, whose chance of staying inside is a sum over the
    eigenvalues of its generator between absorbing walls (found on a grid, and extrapolated from two).

    References
    ----------
    Nair (1984) Technometrics 26:265-275. Klein and Moeschberger (2003) section 4.4 and table C.3.
    """
    clock = 0.5 * float(np.log(high * (1 - low) / (low * (1 - high))))

    def missing(c: float) -> float:
        coarse, fine = _ornstein_uhlenbeck_inside(c, clock, 300), _ornstein_uhlenbeck_inside(c, clock, 600)
        return level - (4 * fine - coarse) / 3

    return _root(missing)


def _ornstein_uhlenbeck_inside(c: float, clock: float, cells: int) -> float:
    """Probability that a stationary Ornstein-Uhlenbeck process of unit variance stays within (-c, c) for a time."""
    from scipy import linalg  # only bands need it, and it is slow to load

    step = 2 * c / cells
    u = -c + step * np.arange(1, cells)
    at = np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi)
    between = np.exp(-((np.append(u, c) - step / 2) ** 2) / 2) / np.sqrt(2 * np.pi)
    diagonal = (between[:-1] + between[1:]) / (at * step**2)
    beside = -between[1:-1] / (np.sqrt(at[:-1] * at[1:]) * step**2)
    values, vectors = linalg.eigh_tridiagonal(diagonal, beside)
    share = vectors.T @ np.sqrt(at)
    return float(step * (np.exp(-values * clock) @ share**2))


def _root(missing: Callable[[float], float]) -> float:
    from scipy import optimize

    return float(optimize.brentq(missing, 0.05, 8.0, xtol=1e-8))


def multiplier_value(
    influence: FloatArray, clusters: tuple[IntArray, ...], level: float, draws: int, rng: np.random.Generator
) -> float:
    """The c within which influence totals (n, k) over their standard errors stay, at all k times, with a probability.

    Each cluster's total is multiplied by a normal number of its own, many times over.

    References
    ----------
    Lin, Fleming and Wei (1994) Biometrika 81:73-81.
    """
    codes = cluster_codes(clusters[0]) if clusters else np.arange(len(influence))
    totals = cluster_sums(influence, codes)
    error = np.sqrt((totals**2).sum(axis=0))
    scaled = totals[:, error > 0] / error[error > 0]
    largest = np.empty(draws)
    for start in range(0, draws, 100):
        some = min(100, draws - start)
        largest[start : start + some] = np.abs(rng.standard_normal((some, len(scaled))) @ scaled).max(axis=1)
    return float(np.quantile(largest, level))
