"""Counts behind the curves: at risk, events and censorings at each distinct time, of weights and of people."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, FloatArray
from ..design.design import effective_sizes


def curve_counts(time: FloatArray, event: BoolArray, weights: FloatArray) -> pd.DataFrame:
    """One arm's counts by time, for the release stage to round: raw, and never shown as they are.

    Parameters
    ----------
    time, event, weights : (n,) arrays; people of weight 0 are left out

    Returns
    -------
    DataFrame
        time, n_risk, n_event, n_censor (weighted), n_risk_people, n_event_people, ess.
    """
    kept = weights > 0
    t, e, w = time[kept], event[kept].astype(float), weights[kept]
    times, at = np.unique(t, return_inverse=True)

    def total(value: FloatArray) -> FloatArray:
        return np.bincount(at, weights=value, minlength=len(times)).astype(float)

    def left(value: FloatArray) -> FloatArray:
        return np.asarray(np.cumsum(total(value)[::-1])[::-1])

    return pd.DataFrame(
        {
            "time": times,
            "n_risk": left(w),
            "n_event": total(w * e),
            "n_censor": total(w * (1 - e)),
            "n_risk_people": left(np.ones(len(t))),
            "n_event_people": total(e),
            "ess": effective_sizes(w, np.ones(len(w), dtype=bool)).treated,
        }
    )
