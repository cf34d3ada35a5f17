"""How strong an unmeasured confounder would have to be: E-values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..core.errors import DataError, UsageError, choose
from ..core.results import Shown

MEASURES = ("RR", "HR", "OR", "SMD")


@dataclass(frozen=True, slots=True)
class EValue(Shown):
    """The least association, as a risk ratio with both treatment and outcome, that could explain an estimate away.

    Attributes
    ----------
    estimate : for the estimate; limit : for the confidence limit nearer `true` (1 where the interval holds it, NaN where
        no limit was given); risk_ratio : the (approximate) risk ratio that they rest on
    """

    estimate: float
    limit: float
    risk_ratio: float
    measure: str

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """Two rows, for the estimate and for the limit; an E-value has no error of its own."""
        nothing = [np.nan, np.nan]
        return pd.DataFrame(
            {
                "term": ["estimate", "limit"],
                "estimate": [self.estimate, self.limit],
                **{c: nothing for c in ("std_error", "statistic", "p_value", "conf_low", "conf_high")},
            }
        )

    def glance(self) -> pd.DataFrame:
        """One row."""
        return pd.DataFrame(
            {"measure": [self.measure], "e_value": [self.estimate], "e_value_limit": [self.limit]}
        )


def evalue(
    estimate: float,
    *,
    conf_low: float | None = None,
    conf_high: float | None = None,
    measure: str = "RR",
    rare: bool | None = None,
    true: float = 1.0,
) -> EValue:
    r"""E-value of an estimate, :math:`R + \sqrt{R(R-1)}` for a risk ratio :math:`R \ge 1` (its inverse below 1).

    Parameters
    ----------
    estimate, conf_low, conf_high : on the measure's own scale
    measure : "RR", "HR", "OR" (ratios) or "SMD" (a standardised mean difference)
    rare : outcome under 15% at the end of follow-up; must be said for HR and OR. If not rare, the risk ratio is
        approximated by :math:`(1-0.5^{\sqrt{HR}})/(1-0.5^{\sqrt{1/HR}})` or :math:`\sqrt{OR}`
    true : the value that confounding would have to move the estimate to, on the same scale as `measure` (ratios)

    References
    ----------
    VanderWeele and Ding (2017) Annals of Internal Medicine 167:268-274, table 2.

    Examples
    --------
    >>> round(evalue(3.9, conf_low=1.8, conf_high=8.7).estimate, 2)
    7.26
    """
    choose("measure", measure, MEASURES)
    if measure in ("HR", "OR") and rare is None:
        raise UsageError(
            f"rare= must be said for measure={measure!r}: is the outcome under 15% at the end of follow-up?"
        )
    values = [np.nan if v is None else float(v) for v in (estimate, conf_low, conf_high)]
    if measure != "SMD" and any(v <= 0 for v in values):
        raise DataError(f"a {measure} is above 0; give the ratio itself, not its logarithm.")
    if conf_low is not None and conf_high is not None and not values[1] <= values[0] <= values[2]:
        raise DataError("the estimate must lie between conf_low and conf_high.")
    ratio, low, high = (_risk_ratio(v, measure, bool(rare)) for v in values)
    goal = _risk_ratio(true, measure, bool(rare)) if measure != "SMD" else true
    near = low if ratio > goal else high
    if np.isnan(near):
        limit = np.nan
    else:
        crosses = near <= goal if ratio > goal else near >= goal
        limit = 1.0 if crosses else _evalue(near, goal)
    return EValue(_evalue(ratio, goal), float(limit), float(ratio), measure)


def _risk_ratio(value: float, measure: str, rare: bool) -> float:
    if measure == "SMD":
        return float(np.exp(0.91 * value))
    if measure == "HR" and not rare:
        return float((1 - 0.5 ** np.sqrt(value)) / (1 - 0.5 ** np.sqrt(1 / value)))
    return float(np.sqrt(value)) if measure == "OR" and not rare else float(value)


def _evalue(ratio: float, goal: float) -> float:
    bias = max(ratio / goal, goal / ratio)
    return float(bias + np.sqrt(bias * (bias - 1)))
