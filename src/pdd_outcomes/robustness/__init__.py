"""What could overturn a finding."""

from .rosenbaum import rosenbaum_bounds
from .unmeasured import EValue, evalue

__all__ = ["EValue", "evalue", "rosenbaum_bounds"]
