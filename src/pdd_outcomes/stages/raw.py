"""Stage 2: the data as they were sent. Files of a folder stay where they are and are hashed; demonstration data are made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..core.errors import DataError
from ..extract import CONTRACT
from ..extract.programs import copy_database
from ..extract.read import ENDINGS
from ..extract.referrals import LISTS
from .files import canonical_json, sha256_file
from .runner import Workbench
from .study import Study

DATABASE = "database:"


def source_folder(study: Study) -> Path:
    """Where the tables are: the folder that the protocol names, or this stage's own for demonstration data."""
    kind, _, rest = study.protocol.data.source.partition(":")
    return study.root / rest.strip() if kind == "folder" else study.folder("raw")


def files_sent(study: Study) -> dict[str, str]:
    """The files of the folder that the protocol names, with their hashes; none for demonstration data."""
    if not study.protocol.data.source.startswith("folder:"):
        return {}
    folder = source_folder(study)
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return {p.name: sha256_file(p) for p in found if p.suffix in ENDINGS}


def _tables(shape: str, linkage: bool = False) -> tuple[str, ...]:
    """The tables of a study by name, with the lists that linkage needs."""
    if shape == "event_tables":
        return (*CONTRACT, *(LISTS if linkage else ()))
    return ("person",) if shape == "person_table" else (shape,)


def runner(provider: Callable[[str, int, Path], None]) -> Callable[[Workbench], None]:
    """The stage, given what makes demonstration data (the command line's business, not the stage's)."""

    def run(bench: Workbench) -> None:
        data = bench.protocol.data
        if data.source.startswith("folder:"):
            folder = source_folder(bench.study)
            if not folder.is_dir():
                raise DataError(
                    f"data.source: there is no folder {data.source.removeprefix('folder:').strip()!r}. Make it, or mend the protocol."
                )
        elif data.source.startswith(DATABASE):
            copy_database(
                data.source.removeprefix(DATABASE).strip(),
                _tables(data.shape, data.linkage is not None),
                bench.folder,
            )
            folder = bench.folder
        else:
            provider(data.source, data.seed, bench.folder)
            folder = bench.folder
        files = sorted(p for p in folder.iterdir() if p.suffix in ENDINGS)
        if not files:
            kind = "database" if data.source.startswith(DATABASE) else "folder"
            raise DataError(
                f"data.source: the {kind} holds no table. Its tables must be called {', '.join(_tables(data.shape))}"
                + (f", and be files that end in {', '.join(ENDINGS)}." if kind == "folder" else ".")
            )
        bench.write_text("inputs.json", canonical_json({p.name: sha256_file(p) for p in files}))

    return run
