"""Pointwise intervals of a survival curve, and its quantiles."""

from __future__ import annotations

from typing import Literal, cast

import numpy as np
from scipy import special

from ..core.columns import FloatArray
from ..core.errors import choose
from ..core.results import critical

ConfType = Literal["log-log", "log", "plain", "arcsine", "logit"]
CONF_TYPES: tuple[str, ...] = ("log-log", "log", "plain", "arcsine", "logit")
_SAME = float(np.sqrt(np.finfo(float).eps))  # R's tolerance for a curve that is level with a probability


def check_conf_type(conf_type: str) -> ConfType:
    """The interval's scale, or a UsageError that lists them."""
    return cast(ConfType, choose("conf_type", conf_type, CONF_TYPES))


def survival_interval(
    survival: FloatArray, std_error: FloatArray, conf_type: ConfType, level: float
) -> tuple[FloatArray, FloatArray]:
    r"""Pointwise limits of a survival probability, (k,) each.

    With :math:`z` the normal quantile and :math:`\sigma = \widehat{se}(\hat S)/\hat S` the standard error
    of :math:`\log\hat S`: plain :math:`\hat S \pm z\,\widehat{se}`; log
    :math:`\hat S\exp(\pm z\sigma)`; log-log :math:`\hat S^{\exp(\pm z\sigma/\log\hat S)}`; arcsine
    :math:`\sin^2\{\arcsin\sqrt{\hat S} \pm \tfrac{z\sigma}{2}\sqrt{\hat S/(1-\hat S)}\}`; and logit, symmetric about
    :math:`\log\{\hat S/(1-\hat S)\}`. The last three stay within 0 and 1 by themselves, and plain and log are cut there. Where the
    curve is still 1 both limits are 1, and where it has reached 0 there are none, as in R's survival.

    References
    ----------
    Kalbfleisch and Prentice (2002) The Statistical Analysis of Failure Time Data, section 1.4.
    Borgan and Liestol (1990) Scandinavian Journal of Statistics 17:35-41, for the arcsine.
    """
    z = float(critical(level))
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = z * np.where(survival == 1, 0.0, std_error / np.where(survival > 0, survival, np.nan))
    return spread_interval(survival, spread, conf_type)


def spread_interval(
    survival: FloatArray, spread: FloatArray, conf_type: ConfType
) -> tuple[FloatArray, FloatArray]:
    """Limits (k,) of survival whose logarithm has the half-width `spread` (k,), moved to a scale; see above."""
    inside = np.where(survival > 0, survival, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.where(survival == 1, 0.0, spread)
        if conf_type == "plain":
            low, high = inside - spread * inside, inside + spread * inside
        elif conf_type == "log":
            low, high = inside * np.exp(-spread), inside * np.exp(spread)
        elif conf_type == "log-log":
            log = np.log(inside)
            turn = np.where(survival == 1, 0.0, spread / log)
            low, high = np.exp(log * np.exp(-turn)), np.exp(log * np.exp(turn))
        else:
            odds = inside / (1 - inside)
            if conf_type == "arcsine":
                turn = np.where(survival == 1, 0.0, spread * np.sqrt(odds) / 2)
                angle = np.arcsin(np.sqrt(inside))
                low, high = (
                    np.sin(np.maximum(angle - turn, 0)) ** 2,
                    np.sin(np.minimum(angle + turn, np.pi / 2)) ** 2,
                )
            else:
                turn = np.where(survival == 1, 0.0, spread * (1 + odds))
                low = np.where(survival == 1, 1.0, special.expit(np.log(odds) - turn))
                high = np.where(survival == 1, 1.0, special.expit(np.log(odds) + turn))
    return np.clip(low, 0.0, None), np.clip(high, None, 1.0)


def curve_quantile(time: FloatArray, survival: FloatArray, p: float) -> float:
    """First time by which a share `p` has had the event, NaN if the curve never falls so far.

    Where the curve is level at ``1 - p`` (to within 1.5e-8) the quantile is the middle of the level
    stretch: from the time it is reached to the next fall, or to the last time if there is none
    (R's quantile.survfit; Klein and Moeschberger, section 4.5).

    Parameters
    ----------
    time, survival : (k,) a step function; a limit of a curve may hold NaN, which is passed over
    """
    gone = 1 - survival
    known = np.flatnonzero(~np.isnan(gone))
    if not len(known):
        return float("nan")
    at, value = time[known], gone[known]
    steps = np.concatenate([[True], np.diff(value) != 0])
    steps[0] = True
    at_step, value_step = at[steps], value[steps]
    reached = np.flatnonzero(value_step + _SAME >= p)
    if not len(reached):
        return float("nan")
    passed = np.flatnonzero(value_step - _SAME >= p)
    start = float(at_step[reached[0]])
    if len(passed):
        return (start + float(at_step[passed[0]])) / 2
    return (start + float(time[-1])) / 2 if not np.isnan(gone[-1]) else float("nan")
