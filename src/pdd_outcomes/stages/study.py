"""Where a study lives: its plan under analyses/, its private files under build/, its page under reports/."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..core.errors import UsageError, did_you_mean
from ..protocol import Protocol, load_protocol


@dataclass(frozen=True, slots=True)
class Study:
    """A loaded protocol and the folders that belong to it."""

    root: Path
    protocol: Protocol

    @property
    def name(self) -> str:
        """The study's name, which is its folder's name."""
        return self.protocol.study

    @property
    def home(self) -> Path:
        """analyses/<study>: what the analyst writes."""
        return self.root / "analyses" / self.name

    @property
    def build(self) -> Path:
        """build/<study>: private files of a run, never released."""
        return self.root / "build" / self.name

    @property
    def page(self) -> Path:
        """The rendered report."""
        return self.root / "reports" / "_site" / f"{self.name}.html"

    def folder(self, stage: str) -> Path:
        """The private folder of one stage."""
        return self.build / stage


def studies(root: Path) -> list[str]:
    """Names of the studies under analyses/, sorted."""
    return sorted(path.parent.name for path in (root / "analyses").glob("*/protocol.yaml"))


def open_study(root: Path, name: str) -> Study:
    """The study of that name, its protocol validated.

    Raises
    ------
    UsageError
        There is no such study.
    ProtocolError
        Its protocol breaks a rule.
    """
    path = root / "analyses" / name / "protocol.yaml"
    if not path.is_file():
        known = studies(root)
        raise UsageError(
            f"study={name!r}: there is no analyses/{name}/protocol.yaml.{did_you_mean(name, known)} "
            f"Studies here: {known or 'none'}. `pdd new {name}` starts one."
        )
    return Study(root, load_protocol(path))
