"""Effects after design: the outcome functions take the design whole."""

from .arms import ArmContrast
from .bacon import Bacon, bacon
from .bootstrap import Bootstrapped, bootstrap
from .cascade import Cascade, cascade
from .clone_censor import CloneCensor, clone_censor
from .difference_in_differences import difference_in_differences, event_study
from .doubly_robust import doubly_robust
from .engagement import Engagement, engagement
from .group_time import Aggregated, GroupTime
from .instrumental import Instrumental, instrumental
from .interrupted import Interrupted, interrupted_series
from .leniency import (
    ComplierEffect,
    InstrumentChecks,
    check_instrument,
    complier_effect,
    leave_one_out_leniency,
)
from .panel import PanelFit, hausman, panel_model, two_way_effects
from .per_protocol import PerProtocol, per_protocol
from .prognostic import prognostic_balance
from .rates import RateContrast, rate_contrast
from .risk import RiskContrast, mcnemar, risk_contrast
from .standardise import standardise
from .time_to_event import TimeToEvent, time_to_event

__all__ = [
    "Aggregated",
    "ArmContrast",
    "Bacon",
    "Bootstrapped",
    "Cascade",
    "CloneCensor",
    "ComplierEffect",
    "Engagement",
    "GroupTime",
    "InstrumentChecks",
    "Instrumental",
    "Interrupted",
    "PanelFit",
    "PerProtocol",
    "RateContrast",
    "RiskContrast",
    "TimeToEvent",
    "bacon",
    "bootstrap",
    "cascade",
    "check_instrument",
    "clone_censor",
    "complier_effect",
    "difference_in_differences",
    "doubly_robust",
    "engagement",
    "event_study",
    "hausman",
    "instrumental",
    "interrupted_series",
    "leave_one_out_leniency",
    "mcnemar",
    "panel_model",
    "per_protocol",
    "prognostic_balance",
    "rate_contrast",
    "risk_contrast",
    "standardise",
    "time_to_event",
    "two_way_effects",
]
