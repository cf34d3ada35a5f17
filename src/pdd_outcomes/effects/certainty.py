"""Standard errors that the data cannot give: an arm whose outcomes do not vary, or sets that all agree.

A sandwich variance of 0 is not certainty. Nobody's event among five people leaves a risk of 0 with a variance of 0, and an
interval of no width; as the error of a difference it would be the other arm's alone, and such a difference would outweigh
every other where forces are pooled. The estimate then stands without an error, an interval or a p-value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core.columns import FloatArray

NOUGHT = 1e-16  # a variance this much smaller than it would naturally be is 0 but for rounding
ERRORS = ("std_error", "statistic", "p_value", "conf_low", "conf_high")
ALIKE = "no interval: the clusters are one, or all agree, and so give no standard error"


def why_no_error(covariance: FloatArray, alone: FloatArray, gradient: Sequence[float] | FloatArray) -> str:
    """Why a contrast of the two arms has no standard error; the empty string where it has one.

    Parameters
    ----------
    covariance : (2, 2) of the arms' estimates, clustered
    alone : (2,) variances of the arms, were every row independent, in units in which they are near 1/n
    gradient : (2,) of the contrast; an arm it leaves out does not matter
    """
    g = np.asarray(gradient, dtype=float)
    constant = [word for word, slope, v in zip(("treated", "control"), g, alone) if slope and v <= NOUGHT]
    if constant:
        people = " and the ".join(f"{word} people" for word in constant)
        return f"no interval: the outcomes of the {people} do not vary, and so give no standard error"
    return ALIKE if g @ covariance @ g <= NOUGHT * (g**2 @ alone) else ""


def without_error(row: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """The row with its error, interval and p-value left empty where there is a reason to."""
    return {**row, **(dict.fromkeys(ERRORS, np.nan) if reason else {}), "reason": reason}
