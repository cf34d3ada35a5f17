"""The plan: protocol.yaml, validated, frozen and hashed."""

from .cases import Case, Cases, load_cases
from .gates import GateResult, check_gates
from .load import load_protocol
from .model import Analysis, Outcome, Protocol

__all__ = [
    "Analysis",
    "Case",
    "Cases",
    "GateResult",
    "Outcome",
    "Protocol",
    "check_gates",
    "load_cases",
    "load_protocol",
]
