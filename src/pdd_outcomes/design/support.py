"""Common support: whose propensity scores lie where both arms have people, and rules for leaving out the rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, FloatArray
from ..core.errors import DataError, UsageError, choose, rows_phrase
from ..core.results import TIDY, Shown

RULES = ("range", "crump", "fixed")


@dataclass(frozen=True, slots=True, eq=False)
class CommonSupport(Shown):
    """Who is inside the common support of the propensity score.

    Attributes
    ----------
    kept : (n,) bool; use it as ``data[support.kept]``, and estimate the score again on those people
    low, high : the limits of the score, themselves inside
    rule : how they were found
    """

    kept: BoolArray = field(repr=False)
    treated: BoolArray = field(repr=False)
    low: float
    high: float
    rule: str

    def describe(self) -> str:
        """The rule, the limits and who is left out, in sentences; and whom a result is then about."""
        out = ~self.kept
        how = {
            "range": "the range that the scores of both arms cover",
            "crump": "the range in which the average effect is estimated most precisely (Crump and others 2009)",
            "fixed": "the limits given",
        }[self.rule]
        said = [f"Common support: scores from {self.low:.4g} to {self.high:.4g}, {how}."]
        if not out.any():
            return f"{said[0]} Nobody is left out."
        return (
            f"{said[0]} {int((out & self.treated).sum()):,} treated people and {int((out & ~self.treated).sum()):,} controls are "
            "left out, and the result does not speak of people like them."
        )

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """Standard rows: people in all and kept, by arm, and the limits."""
        t = self.treated
        rows = {
            "treated, all": t.sum(),
            "treated, kept": (t & self.kept).sum(),
            "control, all": (~t).sum(),
            "control, kept": (~t & self.kept).sum(),
            "low": self.low,
            "high": self.high,
        }
        frame = pd.DataFrame({"term": list(rows), "estimate": [float(v) for v in rows.values()]})
        return frame.assign(**{name: np.nan for name in TIDY[2:]})

    def glance(self) -> pd.DataFrame:
        """One row: the rule, the limits and how many are left out of each arm."""
        out = ~self.kept
        return pd.DataFrame(
            {
                "rule": [self.rule],
                "low": [self.low],
                "high": [self.high],
                "dropped_treated": [int((out & self.treated).sum())],
                "dropped_control": [int((out & ~self.treated).sum())],
            }
        )


def common_support(
    score: FloatArray,
    treated: BoolArray,
    *,
    rule: Literal["range", "crump", "fixed"] = "range",
    low: float | None = None,
    high: float | None = None,
) -> CommonSupport:
    r"""People whose propensity score lies where the arms can be compared.

    "range" keeps scores between the larger of the arms' least and the smaller of their greatest (Dehejia and Wahba 1999).
    "crump" keeps :math:`\alpha \le e \le 1-\alpha`, with :math:`\alpha` the solution of

    .. math:: \frac{1}{\alpha(1-\alpha)} = 2\, E\!\left[\frac{1}{e(1-e)} \,\middle|\,
              \frac{1}{e(1-e)} \le \frac{1}{\alpha(1-\alpha)}\right],

    or everyone where no :math:`1/\{e(1-e)\}` exceeds twice the mean. "fixed" keeps scores from `low` to `high`, such as
    0.1 and 0.9, their rule of thumb. It changes whom the effect is of; `.describe()` says so.

    Parameters
    ----------
    score : (n,) probabilities; treated : (n,) bool

    References
    ----------
    Dehejia and Wahba (1999) JASA 94:1053-1062. Crump, Hotz, Imbens and Mitnik (2009) Biometrika 96:187-199, theorem 1.
    """
    choose("rule", rule, RULES)
    p, t = np.asarray(score, dtype=float), np.asarray(treated, dtype=bool)
    if p.shape != t.shape or p.ndim != 1:
        raise UsageError(f"score has shape {p.shape} and treated {t.shape}: give one of each a row.")
    bad = np.flatnonzero(~((p >= 0) & (p <= 1)))
    if len(bad):
        raise DataError(f"score is not a probability for {rows_phrase(bad.tolist(), len(p))}.")
    if not t.any() or t.all():
        raise DataError("treated has one arm only, so there is no common support.")
    if (rule == "fixed") != (low is not None and high is not None) or (low is None) != (high is None):
        raise UsageError("low= and high= are for rule='fixed', which needs both.")
    if rule == "fixed" and low is not None and high is not None:
        if not 0 <= low < high <= 1:
            raise UsageError(
                f"low={low!r} and high={high!r} must be probabilities, the first below the second."
            )
        ends = float(low), float(high)
    elif rule == "range":
        ends = max(float(p[t].min()), float(p[~t].min())), min(float(p[t].max()), float(p[~t].max()))
    else:
        edge = crump_limit(p)
        ends = edge, 1 - edge
    # A score at the very limit is inside, whatever rounding did to 1 - alpha.
    kept = (p >= ends[0] - 1e-12) & (p <= ends[1] + 1e-12)
    if not (kept & t).any() or not (kept & ~t).any():
        raise DataError(
            f"rule={rule!r}: an arm has nobody with a score from {ends[0]:.4g} to {ends[1]:.4g}. The arms do not overlap there, and "
            "no adjustment can compare them."
        )
    return CommonSupport(kept, t, *ends, rule)


def crump_limit(score: FloatArray) -> float:
    r"""The least score :math:`\alpha` that Crump's rule keeps; 0 where it keeps everyone.

    With the people sorted by :math:`k = 1/\{e(1-e)\}`, those up to the one are kept at whom the variance bound
    :math:`\sum k / n^2` of the people up to there is least; there k reaches twice the mean.
    """
    p = score[(score > 0) & (score < 1)]
    k = np.sort(1 / (p * (1 - p)))
    total, count = np.cumsum(k), np.arange(1, len(k) + 1)
    last = int(np.argmin(total / count**2))
    if last == len(k) - 1 == len(score) - 1:
        return 0.0
    gamma = 2 * float(total[last] / count[last])
    return float(0.5 - np.sqrt(0.25 - 1 / gamma))
