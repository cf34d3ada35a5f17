"""How strong an unmeasured confounder would have to be: E-values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize

from ..core.columns import FloatArray
from ..core.errors import DataError, UsageError, choose
from ..core.results import TIDY, Shown, critical

LIMITS = ("conf_low", "conf_high")
RATIOS = ("RR", "HR", "OR")
MEASURES = (*RATIOS, "RD", "SMD")
LARGEST_SMD = 100.0  # more is the outcome in its own units
SAID = {"RR": "a risk ratio", "HR": "a hazard ratio", "OR": "an odds ratio"}


@dataclass(frozen=True, slots=True)
class EValue(Shown):
    """The least association, as a risk ratio with both treatment and outcome, that could explain an estimate away.

    Attributes
    ----------
    estimate : for the estimate; limit : for the confidence limit nearer `true` (1 where the interval holds it, NaN where
        no limit was given); risk_ratio : the (approximate) risk ratio that they rest on
    measure : what the estimate was
    """

    estimate: float
    limit: float
    risk_ratio: float
    measure: str

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """Two rows, for the estimate and for the limit; an E-value has no error of its own."""
        frame = pd.DataFrame({"term": ["estimate", "limit"], "estimate": [self.estimate, self.limit]})
        return frame.assign(**{name: np.nan for name in TIDY[2:]})

    def glance(self) -> pd.DataFrame:
        """One row."""
        return pd.DataFrame(
            {
                "measure": [self.measure],
                "risk_ratio": [self.risk_ratio],
                "e_value": [self.estimate],
                "e_value_limit": [self.limit],
            }
        )


def evalue(
    estimate: float,
    *,
    conf_low: float | None = None,
    conf_high: float | None = None,
    measure: str = "RR",
    rare: bool | None = None,
    true: float = 1.0,
    true_difference: float = 0.0,
    baseline: float | None = None,
    sizes: tuple[float, float] | None = None,
) -> EValue:
    r"""E-value of an estimate, :math:`R + \sqrt{R(R-1)}` for a risk ratio :math:`R \ge 1` (its inverse below 1).

    Parameters
    ----------
    estimate, conf_low, conf_high : on the measure's own scale; a ratio, not its logarithm
    measure : "RR", "HR", "OR", "RD" (a difference of risks, treated less control) or "SMD" (a difference of means in
        standard deviations, by :math:`R = e^{0.91 d}`)
    rare : outcome under 15% at the end of follow-up; must be said for HR and OR. If not rare, the risk ratio is
        approximated by :math:`(1-0.5^{\sqrt{HR}})/(1-0.5^{\sqrt{1/HR}})` or :math:`\sqrt{OR}`
    true : the ratio that confounding would have to move the estimate to; of an SMD, the risk ratio that stands for it
    true_difference : the same for RD, a difference of risks
    baseline : risk of the control arm, for RD
    sizes : people treated and control, for RD: with them the limit is Ding and VanderWeele's at 95%, from binomial
        errors, whatever conf_low and conf_high are; without them that of `conf_low` or `conf_high` with the baseline
        taken as known. Needed where `true_difference` is not 0: the answer then depends on how many were treated

    Raises
    ------
    UsageError
        An unknown measure; what is not a number; `rare`, `baseline` or `sizes` not said where they are needed.
    DataError
        A ratio, risk or standardised difference out of range, or an estimate outside its limits.

    References
    ----------
    VanderWeele and Ding (2017) Annals of Internal Medicine 167:268-274, table 2. Ding and VanderWeele (2016)
    Epidemiology 27:368-377, p. 376, for RD.

    Examples
    --------
    Smoking multiplies the risk of lung cancer by 10.73: a confounder would have to be tied to both twenty-fold.

    >>> round(evalue(10.73, conf_low=8.02, conf_high=14.36).estimate, 2)
    20.95
    """
    choose("measure", measure, MEASURES)
    if measure == "RD" and true != 1:
        raise UsageError("true= is a ratio; for measure='RD' give true_difference=.")
    if measure != "RD" and (true_difference != 0 or baseline is not None or sizes is not None):
        raise UsageError(f"true_difference=, baseline= and sizes= are for measure='RD', not {measure!r}.")
    goal = true_difference if measure == "RD" else true
    _check(measure, {"estimate": estimate, "conf_low": conf_low, "conf_high": conf_high})
    _check("RD" if measure == "RD" else "RR", {"true_difference" if measure == "RD" else "true": goal})
    if measure == "RD":
        return _difference(estimate, conf_low, conf_high, goal, baseline, sizes)
    if measure in ("HR", "OR") and rare is None:
        raise UsageError(
            f"rare= must be said for measure={measure!r}: is the outcome under 15% at the end of follow-up?"
        )
    ratio, low, high = (
        np.nan if v is None else _risk_ratio(float(v), measure, bool(rare))
        for v in (estimate, conf_low, conf_high)
    )
    aim = _risk_ratio(true, measure, bool(rare)) if measure in RATIOS else float(true)
    return EValue(_evalue(ratio / aim), _limit(ratio, low, high, aim), float(ratio), measure)


def _check(measure: str, given: Mapping[str, float | None]) -> None:
    wrong = [name for name, v in given.items() if not _is_number(v) and (v is not None or name not in LIMITS)]
    if wrong:
        raise UsageError(f"{name} must be a number, not {type(given[name]).__name__}." for name in wrong)
    known = {name: float(v) for name, v in given.items() if v is not None}
    problems = [f"{name} must be a finite number." for name, v in known.items() if not np.isfinite(v)]
    if measure == "SMD":
        problems += [
            f"{name} must be in standard deviations of the outcome, at most {LARGEST_SMD:g} of them."
            for name, v in known.items()
            if abs(v) > LARGEST_SMD
        ]
    if measure in RATIOS:
        problems += [
            f"{name} must be above 0: {SAID[measure]}, not its logarithm."
            for name, v in known.items()
            if v <= 0
        ]
    ordered = [known[name] for name in ("conf_low", "estimate", "conf_high") if name in known]
    if not problems and ordered != sorted(ordered):
        problems.append("the estimate must lie between conf_low and conf_high.")
    if problems:
        raise DataError(problems)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def _risk_ratio(value: float, measure: str, rare: bool) -> float:
    if measure == "SMD":
        return float(np.exp(0.91 * value))
    if measure == "HR" and not rare:
        return float((1 - 0.5 ** np.sqrt(value)) / (1 - 0.5 ** np.sqrt(1 / value)))
    return float(np.sqrt(value)) if measure == "OR" and not rare else value


def _evalue(bias: float) -> float:
    """E-value of the factor by which confounding would have to multiply a risk ratio, either way."""
    away = max(bias, 1 / bias)
    return float(away + np.sqrt(away * (away - 1)))


def _limit(ratio: float, low: float, high: float, aim: float) -> float:
    """E-value of the limit nearer `aim`: 1 where it is at or beyond it, NaN where it was not given."""
    near = low if ratio > aim else high
    if np.isnan(near):
        return float("nan")
    beyond = near <= aim if ratio > aim else near >= aim
    return 1.0 if beyond else _evalue(near / aim)


def _difference(
    estimate: float,
    low: float | None,
    high: float | None,
    goal: float,
    baseline: float | None,
    sizes: tuple[float, float] | None,
) -> EValue:
    """E-value of a risk difference; a harmful one as it stands, a protective one with the arms changed over."""
    if baseline is None:
        raise UsageError("baseline= must be given for measure='RD': the risk of the control arm.")
    if not _is_number(baseline):
        raise UsageError(f"baseline must be a number, not {type(baseline).__name__}.")
    if goal != 0 and sizes is None:
        raise UsageError(
            "sizes= must be given for measure='RD' where true_difference is not 0: people treated and control, as (600, 900)."
        )
    arms = np.array([baseline + estimate, baseline])
    if not ((arms > 0) & (arms < 1)).all():
        raise DataError("baseline and baseline + estimate must be risks strictly between 0 and 1.")
    people = np.array([1.0, 1.0]) if sizes is None else _sizes(sizes)
    # First comes the arm whose risk is too high for `goal`; confounding would have to have raised it.
    harmful = estimate >= goal
    side, p, n = (1.0, arms, people) if harmful else (-1.0, arms[::-1], people[::-1])
    # With no sizes the aim is 0, where the share of the treated does not matter.
    aim, share = side * goal, float(n[0] / n.sum())
    bias = _difference_bias(p, share, aim)
    if sizes is not None:
        limit = _difference_limit(p, n, aim, bias)
    else:
        near = low if harmful else high
        limit = np.nan if near is None else 1.0
        if near is not None and side * near > aim:
            moved = np.array([baseline + near, baseline])[:: int(side)]
            limit = _evalue(_difference_bias(moved, share, aim))
    return EValue(_evalue(bias), float(limit), float(arms[0] / arms[1]), "RD")


def _sizes(sizes: tuple[float, float]) -> FloatArray:
    if len(sizes) != 2 or not all(_is_number(n) and np.isfinite(n) and n > 0 for n in sizes):
        raise DataError("sizes must be two numbers above 0: people treated and control.")
    return np.array(sizes, dtype=float)


def _adjusted(p: FloatArray, share: float, bias: float) -> float:
    r"""Least difference of risks once a bias factor is undone: :math:`(p_1 - p_0 B)\{f + (1-f)/B\}`."""
    return float((p[0] - p[1] * bias) * (share + (1 - share) / bias))


def _difference_bias(p: FloatArray, share: float, aim: float) -> float:
    """The bias factor that takes the difference of risks p (2,) to `aim`: root of a quadratic in B."""
    middle = p[0] * share - p[1] * (1 - share) - aim
    return float((middle + np.sqrt(middle**2 + 4 * p[0] * p[1] * share * (1 - share))) / (2 * p[1] * share))


def _difference_limit(p: FloatArray, n: FloatArray, aim: float, most: float) -> float:
    """E-value of the 95% limit, by the delta method on the adjusted difference; p, n (2,), the higher-risk arm first."""
    variance, total = p * (1 - p) / n, n.sum()
    share = float(n[0] / total)
    z = float(critical(0.95))

    def lower(bias: float) -> float:
        pull = (variance[0] + variance[1] * bias**2) * (share + (1 - share) / bias) ** 2
        mix = (p[0] - p[1] * bias) ** 2 * (1 - 1 / bias) ** 2 * share * (1 - share) / total
        return _adjusted(p, share, bias) - z * float(np.sqrt(pull + mix)) - aim

    if most <= 1 or lower(1.0) <= 0:
        return 1.0
    return _evalue(float(optimize.brentq(lower, 1.0, most, xtol=1e-13)))
