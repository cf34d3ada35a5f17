"""Rosenbaum bounds: how far hidden bias could move the test of matched pairs."""

from __future__ import annotations

from collections.abc import Sequence

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

    References
    ----------
    Rosenbaum (2002) Observational Studies, 2nd ed., section 4.3.2.

    Examples
    --------
    Of 122 pairs of brothers in which one died of lung cancer, 110 had lost the smoker: only a hidden trait that made one
    brother six times as likely to smoke could bring that about.

    >>> rosenbaum_bounds(110, 12, gammas=[1, 5, 6]).round(3)["p_upper"].tolist()
    [0.0, 0.023, 0.097]
    """
    counts = np.array([treated_only, control_only], dtype=float)
    if not (np.isfinite(counts) & (counts >= 0) & (counts == np.round(counts))).all() or counts.sum() == 0:
        raise DataError("treated_only and control_only must be counts of discordant pairs, not both 0.")
    gamma = np.atleast_1d(np.asarray(gammas, dtype=float))
    if gamma.ndim != 1 or not (np.isfinite(gamma) & (gamma >= 1)).all():
        raise UsageError("gammas must be numbers of at least 1; 1 is no hidden bias.")
    most, pairs = int(counts.max()), int(counts.sum())
    return pd.DataFrame(
        {
            "gamma": gamma,
            "p_lower": stats.binom.sf(most - 1, pairs, 1 / (1 + gamma)),
            "p_upper": stats.binom.sf(most - 1, pairs, gamma / (1 + gamma)),
        }
    )
