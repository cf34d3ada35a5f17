"""Risk sets, curves, tests and regression for times to an event."""

from .adjusted_curves import AdjustedCurves, adjusted_curves
from .competing import cumulative_incidence
from .cox import cox
from .cox_fit import CoxFit
from .curves import SurvivalCurves
from .fine_gray import fine_gray
from .gray import gray_test
from .incidence_curves import CumulativeIncidence
from .incidence_steps import incidence_influence
from .influence import km_influence, rmst_influence
from .kaplan_meier import kaplan_meier, nelson_aalen
from .logrank import logrank
from .rmst import RmstContrast, RmstCurve, rmst, rmst_over_time

__all__ = [
    "AdjustedCurves",
    "CoxFit",
    "CumulativeIncidence",
    "RmstContrast",
    "RmstCurve",
    "SurvivalCurves",
    "adjusted_curves",
    "cox",
    "cumulative_incidence",
    "fine_gray",
    "gray_test",
    "incidence_influence",
    "kaplan_meier",
    "km_influence",
    "logrank",
    "nelson_aalen",
    "rmst",
    "rmst_influence",
    "rmst_over_time",
]
