"""How offences come to be recorded: what follows the first, what only looks like a reoffence, and how long the outcome takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.columns import FloatArray, IntArray

AGAIN = 0.5  # probability of a second reoffence of the same kind
AGAIN_DAYS = (5, 500)  # days after the first, the last not included
MEAN_DELAY = 50.0
LONGEST_DELAY = (
    180  # days from offence to outcome: inside the waiting period, so that a reoffence is proven in time
)


@dataclass(frozen=True, slots=True)
class Trap:
    """Offences that a share of people have, from `low` to `high` days after time zero, and that are no reoffences."""

    share: float
    low: int
    high: int
    group: str
    outcome: str


TRAPS = (
    Trap(0.15, 0, 0, "theft", "conviction"),  # a sibling of the index incident
    Trap(0.03, 10, 400, "breach", "conviction"),
    Trap(0.04, -90, -1, "theft", "conviction"),  # committed before, convicted after time zero
    Trap(0.05, 10, 400, "public_order", "community_resolution"),  # proves nothing
)


def delay_chances(wait: int) -> tuple[IntArray, FloatArray]:
    """Days from offence to outcome where it takes at least `wait`, and the probability of each."""
    days = np.arange(wait, LONGEST_DELAY + 1)
    survival = np.append(np.exp(-(days - wait) / MEAN_DELAY), 0.0)
    return days, np.asarray(-np.diff(survival))
