"""placeholder"""
from .model import Protocol
def plan_text(protocol: Protocol) -> str:
    """plan"""
    return f"# {protocol.title}\n"
