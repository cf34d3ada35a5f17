"""Risk sets, curves, tests and regression for times to an event."""

from .adjusted_curves import AdjustedCurves, adjusted_curves
from .competing import cumulative_incidence
from .cox import cox
from .cox_fit import CoxFit
from .curves import SurvivalCurves
from .fine_gray import fine_gray
from .fixed_time import FixedTimeTest, compare_at
from .gray import gray_test
from .incidence_curves import CumulativeIncidence
from .incidence_steps import incidence_influence
from .influence import km_influence, rmst_influence
from .kaplan_meier import kaplan_meier, nelson_aalen
from .logrank import logrank
from .parametric import aft
from .parametric_result import AftFit, compare_fits
from .rates import RateFit, event_rates
from .recurrent import MeanCumulativeCount, mean_cumulative_count
from .recurrent_models import andersen_gill, prentice_williams_peterson
from .rmst import RmstContrast, RmstCurve, rmst, rmst_over_time

__all__ = [
    "AdjustedCurves",
    "AftFit",
    "CoxFit",
    "CumulativeIncidence",
    "FixedTimeTest",
    "MeanCumulativeCount",
    "RateFit",
    "RmstContrast",
    "RmstCurve",
    "SurvivalCurves",
    "adjusted_curves",
    "aft",
    "andersen_gill",
    "compare_at",
    "compare_fits",
    "cox",
    "cumulative_incidence",
    "event_rates",
    "fine_gray",
    "gray_test",
    "incidence_influence",
    "kaplan_meier",
    "km_influence",
    "logrank",
    "mean_cumulative_count",
    "nelson_aalen",
    "prentice_williams_peterson",
    "rmst",
    "rmst_influence",
    "rmst_over_time",
]
