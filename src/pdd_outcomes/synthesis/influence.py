"""What a result owes to single forces: leaving each out; rearranging what they have; the effects such a test does not reject."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from math import factorial, prod

import numpy as np
import pandas as pd
from scipy import special

from ..core.columns import FloatArray, IntArray
from ..core.errors import UsageError
from ..core.results import TIDY, Shown, check_level
from .heterogeneity import turned
from .pooling import Pooled, pool

BATCH = 500  # arrangements of features worked out together
TIE = 1e-9  # statistics this near, relatively, are one
HALVINGS = 60
DOUBLINGS = 20  # a limit a million times the spread away is none, and rounding would make one


def influence(pooled: Pooled) -> pd.DataFrame:
    r"""What the average owes to each force (k rows), from pooling again without it.

    With :math:`\hat\mu_{(i)}`, :math:`\hat\tau^2_{(i)}` from the other forces, and V the sampling covariance,

    .. math:: t_i = \frac{y_i - \hat\mu_{(i)}}{\sqrt{s^2_{(i)}(V_{ii} + \hat\tau^2_{(i)} + u_{(i)} - 2 c_i)}},\quad
        \mathrm{DFFITS}_i = \frac{\hat\mu - \hat\mu_{(i)}}{\sqrt{s^2_{(i)} h_i (V_{ii} + \hat\tau^2_{(i)})}},\quad
        D_i = \frac{(\hat\mu - \hat\mu_{(i)})^2}{se^2}

    :math:`h_i` is the force's share in the average (hat), :math:`s^2` the Hartung-Knapp factor (1 beside a Wald interval),
    :math:`u_{(i)}` the variance of the others' average without that factor, and :math:`c_i` the sampling covariance of the
    force's estimate with the others' average, 0 where no people are shared.

    Parameters
    ----------
    pooled : of three forces or more

    Returns
    -------
    DataFrame
        left_out, rstudent (t), dffits, cook_distance (D), covariance_ratio (:math:`se_{(i)}^2/se^2`), tau2 and q without the
        force, hat, weight (per cent), dfbetas, and `influential`: \|DFFITS\| above :math:`3\sqrt{1/(k-1)}`, D beyond the median of
        chi-square on 1, hat above 3/k, or \|DFBETAS\| above 1. These are places to look, not grounds for leaving out.

    Raises
    ------
    UsageError
        Fewer than three forces.

    References
    ----------
    Viechtbauer and Cheung (2010) Research Synthesis Methods 1:112-125, whose conventions (and metafor's) these are.
    """
    k = len(pooled.labels)
    if k < 3:
        raise UsageError("influence needs at least three estimates: of two, one would be left to pool.")
    rows = [_without(pooled, i) for i in range(k)]
    frame = pd.DataFrame(rows)
    high = np.abs(frame["dffits"]) > 3 * np.sqrt(1 / (k - 1))
    far = special.chdtr(1, frame["cook_distance"]) > 0.5
    heavy = (frame["hat"] > 3 / k) | (np.abs(frame["dfbetas"]) > 1)
    return frame.assign(influential=high | far | heavy)


def _without(pooled: Pooled, i: int) -> dict[str, object]:
    kept = np.arange(len(pooled.labels)) != i
    v = pooled.covariance[np.ix_(kept, kept)]
    one = pool(
        pooled.estimates[kept],
        np.sqrt(np.diag(v)),
        method=pooled.method,
        ci=pooled.ci,
        level=pooled.level,
        covariance=v,
    )
    own = float(pooled.covariance[i, i])
    shared = float(one.weights @ pooled.covariance[kept, i])
    shift, hat = pooled.estimate - one.estimate, float(pooled.weights[i])
    factor = {"wald": 1.0, "hksj": one.scale, "hksj-adhoc": max(one.scale, 1.0)}[pooled.ci]
    # The average's variance with everyone in but at the tau squared found without the force
    total = turned(pooled.estimates, pooled.covariance).total(one.tau2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "left_out": pooled.labels[i],
            "rstudent": (pooled.estimates[i] - one.estimate)
            / np.sqrt(factor * (own + one.tau2 + 1 / turned(one.estimates, v).total(one.tau2) - 2 * shared)),
            "dffits": shift / np.sqrt(factor * hat * (own + one.tau2)),
            "cook_distance": shift**2 / pooled.std_error**2,
            "covariance_ratio": one.std_error**2 / pooled.std_error**2,
            "tau2": one.tau2,
            "q": one.q,
            "hat": hat,
            "weight": 100 * hat,
            "dfbetas": shift / np.sqrt(factor / total),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Rearranged:
    """Permutation p-values: of `terms` (p,), NaN of the intercept; `joint`; of how many; whether these are all there are."""

    terms: FloatArray
    joint: float
    arrangements: int
    exhaustive: bool


def rearranged(
    design: FloatArray,
    values: FloatArray,
    statistics: Callable[[FloatArray], tuple[FloatArray, FloatArray]],
    most: int,
    rng: np.random.Generator | None,
) -> Rearranged:
    """The share of arrangements of a design's rows over the forces whose statistics are at least as far from 0 as observed.

    Parameters
    ----------
    design : (k, p), the intercept first; values : (k, m), the features it was made of, by which rows are alike
    statistics : from designs (b, k, p) to statistics of the terms (b, p) and of all together (b,)
    most : see `arrangements`; 0 for none

    References
    ----------
    Higgins and Thompson (2004) Statistics in Medicine 23:1663-1682.
    """
    if not most:
        return Rearranged(np.full(design.shape[1], np.nan), np.nan, 0, False)
    kinds = np.unique(values, axis=0, return_inverse=True)[1].reshape(-1)
    first = np.unique(kinds, return_index=True)[1]
    orders, every = arrangements(kinds, most, rng)
    seen, seen_joint = statistics(design[None])
    hits, hits_joint = np.zeros(design.shape[1]), 0
    for start in range(0, len(orders), BATCH):
        terms, joint = statistics(design[first[orders[start : start + BATCH]]])
        hits += (np.abs(terms) >= np.abs(seen[0]) * (1 - TIE)).sum(axis=0)
        hits_joint += int((joint >= seen_joint[0] * (1 - TIE)).sum())
    more, tried = int(not every), len(orders)
    p = (hits + more) / (tried + more)
    p[0] = np.nan
    return Rearranged(p, (hits_joint + more) / (tried + more), tried, every)


def arrangements(
    kinds: IntArray, most: int, rng: np.random.Generator | None, strata: IntArray | None = None
) -> tuple[IntArray, bool]:
    """Ways of laying kinds (k,) over forces (B, k), within strata (k,), and whether these are all there are.

    All where there are no more than `most`, the one given among them; else that many drawn with `rng`.
    """
    parts = (
        [np.arange(len(kinds))] if strata is None else [np.flatnonzero(strata == s) for s in np.unique(strata)]
    )
    total = n_arrangements(kinds, strata)
    if total <= most:
        orders = np.empty((total, len(kinds)), dtype=np.int64)
        for row, laid in enumerate(product(*(list(_every(kinds[where])) for where in parts))):
            for where, order in zip(parts, laid):
                orders[row, where] = order
        return orders, True
    if not isinstance(rng, np.random.Generator):
        raise UsageError(
            f"there are more arrangements than the {most} asked for, so some are drawn: give rng=numpy.random.default_rng(seed)."
        )
    orders = np.tile(kinds, (most, 1)).astype(np.int64)
    for where in parts:
        orders[:, where] = rng.permuted(orders[:, where], axis=1)
    return orders, False


def n_arrangements(kinds: IntArray, strata: IntArray | None = None) -> int:
    """The number of distinct ways of laying kinds (k,) over forces, within strata (k,)."""
    parts = [kinds] if strata is None else [kinds[strata == s] for s in np.unique(strata)]
    return prod(factorial(len(p)) // prod(factorial(int(c)) for c in np.bincount(p)) for p in parts)


def _every(kinds: IntArray) -> Iterator[list[int]]:
    """Every distinct order of these kinds (Knuth, The Art of Computer Programming 7.2.1.2, Algorithm L)."""
    now = sorted(int(kind) for kind in kinds)
    while True:
        yield list(now)
        rises = [i for i in range(len(now) - 1) if now[i] < now[i + 1]]
        if not rises:
            return
        i = rises[-1]
        j = max(j for j in range(i + 1, len(now)) if now[j] > now[i])
        now[i], now[j] = now[j], now[i]
        now[i + 1 :] = reversed(now[i + 1 :])


@dataclass(frozen=True, slots=True, eq=False)
class Quotients:
    r"""Statistics :math:`(a - \delta b)/\sqrt{q_0 - 2\delta q_1 + \delta^2 q_2}` of draws at a null of `centre` :math:`+\delta`.

    a, b : (B,); q : (3, B); `seen` the same of what was observed: (a, b), (3,).
    """

    centre: float
    a: FloatArray
    b: FloatArray
    q: FloatArray
    seen: tuple[float, float]
    seen_q: FloatArray
    more: int  # 1 where draws are a sample, to which the one observed is added

    def p(self, null: float) -> float:
        """The share of draws at least as far from 0 as what was observed, were `null` the effect."""
        shift = null - self.centre
        powers = np.array([1.0, -2 * shift, shift**2])
        mine, theirs = powers @ self.seen_q, powers @ self.q
        far = (self.a - shift * self.b) ** 2 * mine
        hits = int((far >= (self.seen[0] - shift * self.seen[1]) ** 2 * theirs * (1 - TIE)).sum())
        return (hits + self.more) / (len(self.a) + self.more)

    def limits(self, level: float, step: float) -> tuple[float, float]:
        """Ends of the effects that are not rejected; infinite where no effect that far is."""
        alpha, ends = 1 - level + 1e-12, []
        for side in (-1.0, 1.0):
            far = side * step
            for _ in range(DOUBLINGS):
                if self.p(self.centre + far) <= alpha:
                    break
                far *= 2
            else:
                ends.append(side * np.inf)
                continue
            near = 0.0
            for _ in range(HALVINGS):
                middle = (near + far) / 2
                near, far = (near, middle) if self.p(self.centre + middle) <= alpha else (middle, far)
            ends.append(self.centre + (near + far) / 2)
        return ends[0], ends[1]


@dataclass(frozen=True, slots=True, eq=False)
class Inverted(Shown):
    """An estimate whose interval is of the effects that a test does not reject.

    Attributes
    ----------
    estimate, std_error, statistic : std_error is NaN where the test has none
    p_value, conf_low, conf_high : NaN where `reason` says why they should not be believed; a limit is infinite where no
        effect in that direction would be rejected
    null : the effect that `p_value` tests; least_p : the smallest p-value there can be
    draws : sign patterns or allocations; exhaustive : whether these are all there are
    """

    term: str
    estimate: float
    std_error: float
    statistic: float
    null: float
    level: float
    least_p: float
    draws: int
    exhaustive: bool
    n: int
    n_treated_clusters: int
    n_control_clusters: int
    how: str
    reason: str
    quotients: Quotients | None = field(repr=False)
    p_value: float = field(init=False)
    conf_low: float = field(init=False)
    conf_high: float = field(init=False)

    def __post_init__(self) -> None:
        p, (low, high) = np.nan, self.interval()
        if self.quotients is not None:
            p = self.quotients.p(self.null)
            if not np.isfinite([low, high]).all():
                said = f"the interval has no end: no effect that far is rejected (the smallest p-value there can be is {self.least_p:.3g})"
                object.__setattr__(self, "reason", said)
        for name, value in (("p_value", p), ("conf_low", low), ("conf_high", high)):
            object.__setattr__(self, name, value)

    def interval(self, level: float | None = None) -> tuple[float, float]:
        """The effects that are not rejected, at any level."""
        wanted = self.level if level is None else check_level(level)
        if self.quotients is None:
            return np.nan, np.nan
        return self.quotients.limits(wanted, _step(self.std_error, self.quotients))

    def tidy(self, level: float | None = None) -> pd.DataFrame:
        """One row, with `reason` where there is no p-value, or no end to the interval."""
        same = level is None or level == self.level
        low, high = (self.conf_low, self.conf_high) if same else self.interval(level)
        values = (self.term, self.estimate, self.std_error, self.statistic, self.p_value, low, high)
        return pd.DataFrame([dict(zip(TIDY, values)) | {"reason": self.reason}])

    def glance(self) -> pd.DataFrame:
        """One row: what was drawn, how many clusters, and the smallest p-value there can be."""
        names = (
            "n",
            "n_treated_clusters",
            "n_control_clusters",
            "how",
            "draws",
            "exhaustive",
            "least_p",
            "reason",
        )
        return pd.DataFrame([{name: getattr(self, name) for name in names}])


def _step(error: float, quotients: Quotients) -> float:
    """A first guess of how far the limits are."""
    if np.isfinite(error) and error > 0:
        return 2 * error
    spread = float(np.std(quotients.a)) / abs(quotients.seen[1])
    return spread if spread > 0 else 1.0
