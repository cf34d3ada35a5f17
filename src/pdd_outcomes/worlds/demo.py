"""Demonstration data written as files, the way a study's own data would arrive."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import choose
from .public import recid
from .synthetic import thirteen_forces

SOURCES = ("public:recid", "synthetic:thirteen_forces")


def write_raw(source: str, seed: int, folder: Path) -> None:
    """Write the files of a `public:` or `synthetic:` source into `folder`: CSV, and truth.csv where the truth is known."""
    kind, _, name = source.partition(":")
    choose("data.source", f"{kind}:{name.strip()}", SOURCES)
    if kind == "public":
        recid().to_csv(folder / "person.csv", index=False, lineterminator="\n")
        return
    world = thirteen_forces(seed)
    for table, frame in world.tables.items():
        frame.to_csv(folder / f"{table}.csv", index=False, lineterminator="\n")
    world.truth.to_csv(folder / "truth.csv", index=False, lineterminator="\n")
