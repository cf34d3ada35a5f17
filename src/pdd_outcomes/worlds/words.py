"""Days as the text of a CSV file."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..core.columns import FloatArray, IntArray


def days(base: str, offset: FloatArray | IntArray) -> pd.Series[str]:
    """ISO dates `offset` (n,) whole days after `base`, as text."""
    whole = np.asarray(offset).astype(np.int64)
    if not len(whole):
        return pd.Series([], dtype=str)
    low, high = int(whole.min()), int(whole.max())
    # Each day is spelt once, and then taken as often as it comes.
    spelt = pd.Series((np.datetime64(base, "D") + np.arange(low, high + 1)).astype(str))
    return spelt.take(whole - low).reset_index(drop=True)


def dated(base: str, offset: IntArray, last: int) -> pd.Series[str]:
    """The same, blank where the day comes after `last`."""
    return days(base, np.minimum(offset, last)).where(offset <= last, "")
