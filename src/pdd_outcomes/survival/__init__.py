"""Risk sets, curves, tests and regression for times to an event."""

from .curves import SurvivalCurves
from .influence import km_influence, rmst_influence
from .kaplan_meier import kaplan_meier, nelson_aalen
from .logrank import logrank

__all__ = ["SurvivalCurves", "kaplan_meier", "km_influence", "logrank", "nelson_aalen", "rmst_influence"]
