"""Risk sets, curves, tests and regression for times to an event."""

from .cox import cox
from .cox_fit import CoxFit
from .curves import SurvivalCurves
from .influence import km_influence, rmst_influence
from .kaplan_meier import kaplan_meier, nelson_aalen
from .logrank import logrank
from .rmst import RmstContrast, rmst

__all__ = [
    "CoxFit",
    "RmstContrast",
    "SurvivalCurves",
    "cox",
    "kaplan_meier",
    "km_influence",
    "logrank",
    "nelson_aalen",
    "rmst",
    "rmst_influence",
]
