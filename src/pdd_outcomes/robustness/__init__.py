"""What could overturn a finding."""

from .power import NOTHING, Answer, Power, minimum_detectable, power
from .rosenbaum import rosenbaum_bounds
from .unmeasured import EValue, evalue

__all__ = [
    "NOTHING",
    "Answer",
    "EValue",
    "Power",
    "evalue",
    "minimum_detectable",
    "power",
    "rosenbaum_bounds",
]
