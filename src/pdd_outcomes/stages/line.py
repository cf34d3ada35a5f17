"""The line: every stage in order, and how to run one by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..core.errors import choose
from . import cohort, design, estimates, evidence, extract, outcomes, protocol, raw, release
from .published import unless_published
from .runner import Log, Stage
from .runner import run_stage as run_one
from .study import Study

Provider = Callable[[str, int, Path], None]

LINE: dict[str, Callable[[Provider], Stage]] = {
    "protocol": lambda _: Stage("protocol", (), protocol.run, "validate and hash the plan"),
    "raw": lambda provider: Stage(
        "raw", ("protocol",), raw.runner(provider), "find the data as they were sent", raw.files_sent
    ),
    "extract": lambda _: Stage("extract", ("raw",), extract.run, "check the data against the contract"),
    "cohort": lambda _: Stage(
        "cohort", ("extract",), unless_published("cohort", cohort.run), "one row a person, no outcomes"
    ),
    "design": lambda _: Stage(
        "design", ("cohort",), unless_published("design", design.run), "score, match, check balance and gates"
    ),
    "outcomes": lambda _: Stage(
        "outcomes",
        ("extract", "cohort", "design"),
        unless_published("outcomes", outcomes.run),
        "join outcomes to the locked design",
    ),
    "estimates": lambda _: Stage(
        "estimates",
        ("cohort", "design", "outcomes"),
        unless_published("estimates", estimates.run),
        "risks, hazards, restricted means, pooling",
    ),
    "evidence": lambda _: Stage(
        "evidence",
        ("extract", "cohort", "design", "outcomes", "estimates"),
        evidence.run,
        "forces, roll-out, engagement, moderators, equity, costs",
        evidence.files_beside,
    ),
    "release": lambda _: Stage(
        "release",
        ("raw", "extract", "cohort", "design", "estimates", "evidence"),
        release.run,
        "disclosure control",
    ),
}
STAGES = tuple(LINE)


def run_stage(study: Study, name: str, *, log: Log, provider: Provider, only_if_stale: bool = False) -> bool:
    """Run the stage of that name; False where it was up to date and `only_if_stale`."""
    choose("stage", name, STAGES)
    return run_one(study, LINE[name](provider), log=log, only_if_stale=only_if_stale)
