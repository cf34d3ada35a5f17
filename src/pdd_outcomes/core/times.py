"""Times: near-ties made ties, days and months.

Two times that differ only by rounding error must be one time, or a tie-handling rule sees none.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .columns import FloatArray
from .errors import UsageError

DAYS_PER_MONTH = 365 / 12  # so that 12 months are 365 days, and 36 are 1,095


def tie(*times: FloatArray) -> tuple[FloatArray, ...]:
    """The same arrays with values that differ by rounding error only made equal.

    Values of all arrays are compared together (an entry and an exit may be the same moment). A run of
    sorted values, each within 1e-9 of the larger of the median absolute value and the spread, becomes
    its first member; differences that a clock could record are left alone.
    """
    pooled = np.unique(np.concatenate([np.ravel(t) for t in times]))
    if len(pooled) < 2:
        return times
    tolerance = 1e-9 * max(float(np.median(np.abs(pooled))), float(pooled[-1] - pooled[0]))
    starts_run = np.concatenate([[True], np.diff(pooled) > tolerance])
    if starts_run.all():
        return times
    first = pooled[starts_run][np.cumsum(starts_run) - 1]
    return tuple(first[np.searchsorted(pooled, t)] for t in times)


def asked_times(times: float | Sequence[float] | FloatArray) -> FloatArray:
    """Times at which something is to be read (k,), in the order given; a UsageError where one is missing or no number."""
    try:
        wanted = np.atleast_1d(np.asarray(times, dtype=float))
    except (TypeError, ValueError) as error:
        raise UsageError("times must be numbers, such as [91, 365].") from error
    if wanted.ndim != 1 or np.isnan(wanted).any():
        raise UsageError(
            "times must be a row of numbers, none missing."
            if wanted.ndim != 1
            else "times holds a missing value."
        )
    return wanted
