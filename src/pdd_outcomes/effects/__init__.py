"""Effects after design: the outcome functions take the design whole."""

from .arms import ArmContrast
from .bootstrap import Bootstrapped, bootstrap
from .clone_censor import CloneCensor, clone_censor
from .doubly_robust import doubly_robust
from .prognostic import prognostic_balance
from .risk import RiskContrast, mcnemar, risk_contrast
from .standardise import standardise
from .time_to_event import TimeToEvent, time_to_event

__all__ = [
    "ArmContrast",
    "Bootstrapped",
    "CloneCensor",
    "RiskContrast",
    "TimeToEvent",
    "bootstrap",
    "clone_censor",
    "doubly_robust",
    "mcnemar",
    "prognostic_balance",
    "risk_contrast",
    "standardise",
    "time_to_event",
]
