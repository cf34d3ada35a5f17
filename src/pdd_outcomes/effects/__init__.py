"""Effects after design: the outcome functions take the design whole."""

from .risk import RiskContrast, mcnemar, risk_contrast
from .time_to_event import TimeToEvent, time_to_event

__all__ = ["RiskContrast", "TimeToEvent", "mcnemar", "risk_contrast", "time_to_event"]
