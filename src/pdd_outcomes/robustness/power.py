"""Power by simulation: how often analyses find an effect that is there, or one that is not, in studies drawn at will."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from ..core.columns import FloatArray
from ..core.errors import DataError, UsageError
from ..core.results import Shown, check_level, check_number, critical

MEASURES = ("power", "power, on the right side", "coverage", "bias", "empirical SD", "mean standard error")
ROUNDS = 24  # of halving the span of effects: enough for one part in ten million


class Answer(NamedTuple):
    """What one analysis says of one study: an estimate, its interval and p-value, all nan where there is none."""

    estimate: float
    conf_low: float
    conf_high: float
    p_value: float


NOTHING = Answer(np.nan, np.nan, np.nan, np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class Power(Shown):
    """How analyses fared over studies drawn from one world.

    Attributes
    ----------
    analyses : k names
    answers : (draws, k, 4) estimate, conf_low, conf_high and p_value of each study
    truth : the effect that the studies were drawn with; null : that of no effect
    alpha : p-values at most this are findings; level : of the intervals that were given
    """

    analyses: tuple[str, ...]
    answers: FloatArray = field(repr=False)
    truth: float
    null: float
    alpha: float
    level: float

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """A row an analysis (`term`) and measure: estimate with its Monte Carlo error and interval at `level`, and `draws`.

        Measures: "power", the share of studies with a finding (where the truth is none, the false positive rate), and that "on
        the right side"; "coverage" of the intervals; "bias"; "empirical SD" of the estimates, and "mean standard error", as the
        intervals have it: far below the SD, it says that they claim too much. Shares have Wilson's interval. Studies in which
        an analysis gave nothing are no findings, and are left out of the others; `failed` is their share.
        """
        check_level(level)
        rows = [
            row for k, name in enumerate(self.analyses) for row in self._rows(name, self.answers[:, k], level)
        ]
        return pd.DataFrame(rows)

    def table(self) -> pd.DataFrame:
        """A row an analysis: the measures side by side, with how many studies and the share in which it gave nothing."""
        tidy = self.tidy()
        wide = tidy.pivot(index="term", columns="measure", values="estimate")[list(MEASURES)]
        failed = tidy.drop_duplicates("term").set_index("term")[["draws", "failed"]]
        return wide.join(failed).loc[list(self.analyses)].reset_index().rename_axis(columns=None)

    def glance(self) -> pd.DataFrame:
        """One row: studies, truth, and the analysis with the most power among those whose intervals cover."""
        return pd.DataFrame(
            {"draws": [len(self.answers)], "truth": [self.truth], "null": [self.null], "alpha": [self.alpha]}
        )

    def power(self, analysis: str) -> float:
        """The share of studies in which an analysis finds something."""
        k = self.analyses.index(analysis)
        return float((np.nan_to_num(self.answers[:, k, 3], nan=1.0) <= self.alpha).mean())

    def _rows(self, name: str, answers: FloatArray, level: float) -> list[dict[str, Any]]:
        estimate, low, high, p = answers.T
        found = np.nan_to_num(p, nan=1.0) <= self.alpha
        right = (
            found & ((estimate > self.null) == (self.truth > self.null)) if self.truth != self.null else found
        )
        known = np.isfinite(estimate)
        limited = np.isfinite(low) & np.isfinite(high)
        covers = (low <= self.truth) & (self.truth <= high)
        spread = estimate[known]
        errors = (high - low)[limited] / (2 * float(critical(self.level)))
        n, sd = max(int(known.sum()), 1), float(spread.std(ddof=1)) if known.sum() > 1 else np.nan
        z = float(critical(level))
        means = {
            "bias": (float(spread.mean()) - self.truth if known.any() else np.nan, sd / np.sqrt(n)),
            "empirical SD": (sd, sd / np.sqrt(2 * max(n - 1, 1))),
            "mean standard error": (
                float(errors.mean()) if len(errors) else np.nan,
                float(errors.std() / np.sqrt(max(len(errors), 1))) if len(errors) else np.nan,
            ),
        }
        shares = {
            "power": found,
            "power, on the right side": right,
            "coverage": covers[limited],
        }
        rows = []
        for measure in MEASURES:
            if measure in shares:
                value, error, ends = _share(shares[measure], level)
            else:
                value, error = means[measure]
                ends = value - z * error, value + z * error
            rows.append(
                {
                    "term": name,
                    "measure": measure,
                    "estimate": value,
                    "std_error": error,
                    "conf_low": ends[0],
                    "conf_high": ends[1],
                    "draws": len(answers),
                    "failed": float(1 - known.mean()),
                }
            )
        return rows


def power(
    draw: Callable[[np.random.Generator], Any],
    analyse: Callable[[Any], Mapping[str, Answer]],
    *,
    truth: float,
    seed: int,
    draws: int = 1000,
    null: float = 0.0,
    alpha: float = 0.05,
    level: float = 0.95,
    jobs: int = 1,
) -> Power:
    """How often analyses of studies drawn from one world find something, and how often their intervals hold the truth.

    Parameters
    ----------
    draw : a generator to a study's data; it must take all chance from the generator
    analyse : a study's data to answers by name, the same names for every study; `NOTHING` where there is no answer
    truth : the effect that the studies are drawn with, on the scale of the answers; null : no effect on that scale
    seed : the same seed gives the same studies, and so the same result whatever `jobs` is: every study has a stream of its own
    draws : studies, at least 100
    level : of the answers' intervals
    jobs : processes; more than 1 through joblib

    Raises
    ------
    UsageError
        Settings out of range.
    DataError
        Analyses whose names change from study to study.

    References
    ----------
    Morris, White and Crowther (2019) Statistics in Medicine 38:2074-2102, for the measures and their Monte Carlo errors.

    Examples
    --------
    Sixty-four pairs whose differences have an SD of 1, and an effect of half of that: a t test's power is 98%.

    >>> from scipy import stats
    >>> def test(d):
    ...     t = stats.ttest_1samp(d, 0)
    ...     low, high = t.confidence_interval()
    ...     return {"t test": Answer(d.mean(), low, high, t.pvalue)}
    >>> found = power(lambda rng: rng.normal(0.5, 1, 64), test, truth=0.5, seed=1, draws=400)
    >>> abs(found.power("t test") - 0.976) < 0.03
    True
    """
    check_level(level)
    check_number("truth", truth)
    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 100:
        raise UsageError(f"draws={draws!r} must be a whole number of at least 100: fewer say little.")
    if not 0 < check_number("alpha", alpha) < 1:
        raise UsageError(f"alpha={alpha!r} must lie between 0 and 1, such as 0.05.")
    streams = np.random.SeedSequence(seed).spawn(draws)
    if jobs == 1:
        found = [_one(draw, analyse, stream) for stream in streams]
    else:
        from joblib import Parallel, delayed

        found = Parallel(n_jobs=jobs)(delayed(_one)(draw, analyse, stream) for stream in streams)
    names = tuple(found[0])
    if any(tuple(one) != names for one in found):
        raise DataError(
            "analyse gives answers of other names for some studies than for others. Give NOTHING where there is none."
        )
    answers = np.array([[one[name] for name in names] for one in found], dtype=float)
    return Power(names, answers, float(truth), float(null), float(alpha), float(level))


def minimum_detectable(
    power_at: Callable[[float], float], *, target: float = 0.8, low: float, high: float, tolerance: float = 1e-3
) -> float:
    """The effect nearest to `low` whose power is at least `target`, between an effect with less power and one with more.

    Parameters
    ----------
    power_at : an effect to its power, from the same seed each time, so that the answer does not jump
    low, high : effects with too little and with enough power; either may be the larger number
    tolerance : as a share of the span between them

    Raises
    ------
    UsageError
        The power at `high` is below the target, or that at `low` is not.
    """
    if not 0 < target < 1:
        raise UsageError(f"target={target!r} must lie between 0 and 1, such as 0.8.")
    if power_at(high) < target:
        raise UsageError(
            f"high={high:g} has a power below {target:g}. Give an effect further from {low:g}, or more people."
        )
    if power_at(low) >= target:
        raise UsageError(f"low={low:g} has a power of {target:g} already. Give one nearer to no effect.")
    wide = abs(high - low)
    for _ in range(ROUNDS):
        if abs(high - low) <= tolerance * wide:
            break
        middle = (low + high) / 2
        low, high = (low, middle) if power_at(middle) >= target else (middle, high)
    return float(high)


def _one(
    draw: Callable[[np.random.Generator], Any],
    analyse: Callable[[Any], Mapping[str, Answer]],
    stream: np.random.SeedSequence,
) -> dict[str, Answer]:
    return dict(analyse(draw(np.random.default_rng(stream))))


def _share(which: np.ndarray, level: float) -> tuple[float, float, tuple[float, float]]:
    """A share with its binomial error and Wilson's interval; nan where there is nothing to count."""
    n = len(which)
    if not n:
        return np.nan, np.nan, (np.nan, np.nan)
    share, z = float(which.mean()), float(special.ndtri(0.5 + level / 2))
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return share, float(np.sqrt(share * (1 - share) / n)), (max(0.0, middle - half), min(1.0, middle + half))
