"""The plan: protocol.yaml, validated, frozen and hashed."""

from .gates import GateResult, check_gates
from .load import load_protocol
from .model import Analysis, Outcome, Protocol

__all__ = ["Analysis", "GateResult", "Outcome", "Protocol", "check_gates", "load_protocol"]
