"""One stage at a time: inputs checked, outputs swapped in whole, a manifest that says what was done.

A stage's folder holds its outputs, ``manifest.json`` (inputs, protocol hash, versions, seed, rows; it
keeps its time stamp when its content is the same) and ``.stamp`` (the stage ran to its end). The next
stage depends on the manifest, so a change that changes nothing stops there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from .. import __version__
from ..core.errors import UsageError
from ..protocol import Protocol
from .environment import package_versions, source_sha
from .files import (
    canonical_json,
    check_unchanged,
    fresh_folder,
    read_table,
    sha256_file,
    sha256_json,
    sole_use,
    write_csv,
    write_parquet,
    write_text,
)
from .study import Study

Log = Callable[[str], None]


@dataclass(slots=True)
class Workbench:
    """What a stage is given: the study, what earlier stages made, a folder to write in."""

    study: Study
    folder: Path
    manifests: Mapping[str, dict[str, Any]]
    log: Log
    rows: dict[str, int] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def protocol(self) -> Protocol:
        """The validated plan."""
        return self.study.protocol

    def path(self, stage: str, name: str) -> Path:
        """A file of an earlier stage that this stage declared it needs."""
        if stage not in self.manifests:
            raise KeyError(f"the stage reads {stage}/{name} without declaring it")
        return self.study.folder(stage) / name

    def read(self, stage: str, name: str) -> pd.DataFrame:
        """A table an earlier stage wrote; its rows are noted in the manifest."""
        frame = read_table(self.path(stage, name))
        self.rows[f"in: {stage}/{name}"] = len(frame)
        return frame

    def write(self, name: str, frame: pd.DataFrame) -> None:
        """Write a table into this stage's folder, as CSV or Parquet by its ending."""
        (write_parquet if name.endswith(".parquet") else write_csv)(self.folder / name, frame)
        self.rows[f"out: {name}"] = len(frame)

    def write_text(self, name: str, text: str) -> None:
        """Write a text file into this stage's folder."""
        write_text(self.folder / name, text)


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage's name, the stages it reads, what it does, and what else its result depends on."""

    name: str
    needs: tuple[str, ...]
    run: Callable[[Workbench], None]
    says: str
    outside: Callable[[Study], object] = lambda _: None  # beyond the plan, the code and the stages before


def read_manifest(study: Study, stage: str) -> dict[str, Any]:
    """The manifest of a stage that has run; a UsageError that says what to run if it has not."""
    path = study.folder(stage) / "manifest.json"
    if not path.is_file() or not (path.parent / ".stamp").is_file():
        raise UsageError(f"stage '{stage}' of {study.name} has not run. Run `pdd run {study.name}`.")
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def run_stage(study: Study, stage: Stage, *, log: Log, only_if_stale: bool = False) -> bool:
    """Run one stage; False where `only_if_stale` and nothing that it depends on has changed.

    Either the stage's folder is the complete result of this run, or it is what it was before. One run of a study is
    at work at a time; another waits.
    """

    def waiting() -> None:
        log(f"{study.name}: {stage.name}: waiting for another run of this study to end its stage")

    with sole_use(study.folder(stage.name).parent, waiting):
        return _run_stage(study, stage, log, only_if_stale)


def _run_stage(study: Study, stage: Stage, log: Log, only_if_stale: bool) -> bool:
    manifests = {need: read_manifest(study, need) for need in stage.needs}
    key = sha256_json(
        [stage.name, study.protocol.sha256, source_sha(), package_versions(), manifests, stage.outside(study)]
    )
    folder = study.folder(stage.name)
    if only_if_stale and _is_current(folder, key):
        return False
    for need, manifest in manifests.items():
        check_unchanged(study.folder(need), manifest["outputs"])
    before = folder / "manifest.json"
    old = (before.read_text(encoding="utf-8"), before.stat()) if before.is_file() else None
    log(f"{study.name}: {stage.name}: {stage.says}")
    with fresh_folder(folder) as made:
        bench = Workbench(study, made, manifests, log)
        stage.run(bench)
        text = canonical_json(_manifest(bench, stage))
        write_text(made / "manifest.json", text)
        if old and old[0] == text:
            os.utime(made / "manifest.json", ns=(old[1].st_atime_ns, old[1].st_mtime_ns))
        write_text(made / ".stamp", key + "\n")
    return True


def _is_current(folder: Path, key: str) -> bool:
    stamp, manifest = folder / ".stamp", folder / "manifest.json"
    if not (stamp.is_file() and manifest.is_file() and stamp.read_text(encoding="utf-8").strip() == key):
        return False
    outputs = json.loads(manifest.read_text(encoding="utf-8"))["outputs"]
    return all((folder / n).is_file() and sha256_file(folder / n) == sha for n, sha in outputs.items())


def _manifest(bench: Workbench, stage: Stage) -> dict[str, Any]:
    outputs = sorted(p for p in bench.folder.rglob("*") if p.is_file())
    return {
        "stage": stage.name,
        "study": bench.study.name,
        "protocol_sha": bench.protocol.sha256,
        "code_version": __version__,
        "packages": package_versions(),
        "seed": bench.protocol.data.seed,
        "inputs": {need: sha256_json(manifest) for need, manifest in sorted(bench.manifests.items())},
        "outputs": {str(p.relative_to(bench.folder)): sha256_file(p) for p in outputs},
        "rows": bench.rows,
        "notes": bench.notes,
    }
