"""Rosenbaum bounds: how far hidden bias could move the test of matched pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ..core.columns import FloatArray
from ..core.errors import DataError, UsageError


def rosenbaum_bounds(
    treated_only: int, control_only: int, *, gammas: Sequence[float] | FloatArray
) -> pd.DataFrame:
    r"""Bounds on the one-sided McNemar p-value of matched pairs under hidden bias of at most gamma.

    Within a pair, an unmeasured trait changes the odds of treatment by at most gamma, so among D discordant pairs the
    number with the event in the treated person alone is bounded by binomials with :math:`p = \Gamma/(1+\Gamma)` and
    :math:`1/(1+\Gamma)`; the p-value is :math:`P(X \ge x)`, the pairs observed included.

    Parameters
    ----------
    treated_only, control_only : discordant pairs by who had the event. The test is in the direction of the larger.
    gammas : (g,) numbers of at least 1; 1 is no hidden bias, where the two bounds are McNemar's exact one-sided p-value

    Returns
    -------
    DataFrame
        gamma, p_lower, p_upper: a row for each gamma, in the order given.

    Raises
    ------
    UsageError, DataError
        A gamma below 1; counts that are not whole numbers of at least 0, or are both 0.

    References
    ----------
    Rosenbaum (2002) Observational Studies, 2nd ed., section 4.3.2.

    Examples
    --------
    In 122 pairs of a smoker and a man like him who did not smoke, one of the two died of lung cancer; in 110 of them the
    smoker. Only a hidden trait that multiplied the odds of smoking six times could bring that about.

    >>> rosenbaum_bounds(110, 12, gammas=[1, 5, 6]).round(3)["p_upper"].tolist()
    [0.0, 0.023, 0.097]
    """
    counts = _numbers("treated_only and control_only", [treated_only, control_only])
    if not (np.isfinite(counts) & (counts >= 0) & (counts == np.round(counts))).all() or counts.sum() == 0:
        raise DataError("treated_only and control_only must be counts of discordant pairs, not both 0.")
    gamma = np.atleast_1d(_numbers("gammas", gammas))
    if gamma.ndim != 1 or len(gamma) == 0 or not (np.isfinite(gamma) & (gamma >= 1)).all():
        raise UsageError(
            "gammas must be one or more numbers of at least 1, such as [1, 1.5, 2]; 1 is no hidden bias."
        )
    most, pairs = int(counts.max()), int(counts.sum())
    return pd.DataFrame(
        {
            "gamma": gamma,
            "p_lower": stats.binom.sf(most - 1, pairs, 1 / (1 + gamma)),
            "p_upper": stats.binom.sf(most - 1, pairs, gamma / (1 + gamma)),
        }
    )


def _numbers(role: str, values: Any) -> FloatArray:
    array = np.asarray(values)
    if array.dtype.kind not in "iuf":
        raise UsageError(f"{role} must be numbers, not {array.dtype}.")
    return array.astype(float)
