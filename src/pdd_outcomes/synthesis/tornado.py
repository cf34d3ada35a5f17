"""One-way sensitivity: the total difference in cost with each unit cost at the ends of its range."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from .economics import CostConsequence


def one_way_frame(found: CostConsequence) -> pd.DataFrame:
    r"""The total difference with item j at its low and its high cost, all others as they are, sorted by width.

    .. math:: \Delta_j(u) = \Delta + P\,(u - u_j)(\bar c_{j1} - \bar c_{j0})

    Returns
    -------
    DataFrame
        term, unit, unit_cost, low_cost, high_cost, difference (as it is), difference_low, difference_high (at the low and
        the high cost), width, illustrative, reason. Widest first; an item without a range last, with the reason; where the
        total is withheld no item has numbers. The ends of a range are not limits of an interval, and no chance is in them.
    """
    apart = found.means[:, 0] - found.means[:, 1]
    base = np.nan if found.withheld else found.per * float(np.nansum(found.costs * apart))
    reasons = [
        found.withheld
        or ("no unit cost" if np.isnan(c) else "no range is given for its unit cost" if np.isnan(low) else "")
        for c, low in zip(found.costs, found.low)
    ]
    at_low = base + found.per * (found.low - found.costs) * apart
    at_high = base + found.per * (found.high - found.costs) * apart
    frame = pd.DataFrame(
        {
            "term": list(found.items),
            "unit": list(found.units),
            "unit_cost": found.costs,
            "low_cost": found.low,
            "high_cost": found.high,
            "difference": base,
            "difference_low": at_low,
            "difference_high": at_high,
            "width": np.abs(at_high - at_low),
            "illustrative": found.illustrative,
            "reason": reasons,
        }
    )
    return frame.sort_values("width", ascending=False, kind="stable", na_position="last", ignore_index=True)
