"""A new study: commented files that load as they are, to be edited."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from ..core.errors import UsageError, choose
from .names import study_name_problem

SHAPES = ("person_table", "event_tables")
FILES = ("protocol.yaml", "cases.yaml", "README.md", "assumptions.md")


def write_scaffold(analyses: Path, study: str, shape: str) -> list[Path]:
    """Write analyses/<study>/ for data of that shape; nothing that exists is touched.

    Returns the files written, and raises UsageError where the name will not do or the folder is there.
    """
    choose("shape", shape, SHAPES)
    problem = study_name_problem(study)
    if problem is not None:
        raise UsageError(f"study={study!r}: {problem}")
    folder = analyses / study
    if folder.exists():
        raise UsageError(f"analyses/{study} is there already. Choose another name, or edit what is there.")
    templates = resources.files("pdd_outcomes.protocol") / "templates"
    if analyses.exists() and not analyses.is_dir():
        raise UsageError(
            f"{analyses.name} is a file; studies live in a folder of that name. Move it, or choose another root."
        )
    folder.mkdir(parents=True)
    (folder / "data").mkdir()
    written = []
    for name in FILES:
        own = templates / f"{shape}_{name}"
        source = own if own.is_file() else templates / name
        path = folder / name
        path.write_text(source.read_text(encoding="utf-8").replace("STUDY", study), encoding="utf-8")
        written.append(path)
    return written
