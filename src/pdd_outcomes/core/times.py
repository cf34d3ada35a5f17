"""Times: near-ties made ties, days and months.

Two times that differ only by rounding error must be one time, or a tie-handling rule sees none.
"""

from __future__ import annotations

import numpy as np

from .columns import FloatArray

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
