"""Stage 1: the validated plan, written out as a reader and a machine want it."""

from __future__ import annotations

from ..protocol.plan import plan_text
from .files import canonical_json
from .runner import Workbench


def run(bench: Workbench) -> None:
    """Write the plan with every default filled, and as text. Everything later rests on its hash."""
    bench.write_text("protocol.json", canonical_json(bench.protocol.model_dump(mode="json", by_alias=True)))
    bench.write_text("plan.md", plan_text(bench.protocol))
