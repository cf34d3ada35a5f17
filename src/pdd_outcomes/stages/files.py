"""Files written whole or not at all, and their hashes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from ..core.errors import DataError
from ..extract.arrow import from_arrow, to_arrow


def sha256_bytes(content: bytes) -> str:
    """Hex SHA-256."""
    return hashlib.sha256(content).hexdigest()


def sha256_file(path: Path) -> str:
    """Hex SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def canonical_json(content: Any) -> str:
    """JSON with sorted keys: the same content is the same bytes."""
    return json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def sha256_json(content: Any) -> str:
    """Hex SHA-256 of the canonical JSON."""
    return sha256_bytes(canonical_json(content).encode())


def write_text(path: Path, text: str) -> None:
    """Write to a temporary name beside `path`, then rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        Path(name).chmod(0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Deterministic CSV: shortest decimals that read back the same number, line feed, no index."""
    write_text(path, frame.to_csv(index=False, lineterminator="\n"))


def text_column(column: pd.Series[Any]) -> pd.Series[str]:
    """A column of words read back from a file: a blank is the empty string, also where every one is blank."""
    return column.astype(object).where(column.notna(), "").astype(str)


def write_parquet(path: Path, frame: pd.DataFrame) -> None:
    """Parquet without an index, days as date32; the bytes depend on the content and the library version only."""
    import pyarrow.parquet as pq

    pq.write_table(to_arrow(frame.reset_index(drop=True)), path)


def read_table(path: Path) -> pd.DataFrame:
    """A CSV or Parquet file that a stage wrote, with the empty string as the only missing mark."""
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return from_arrow(pq.read_table(path))
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


@contextmanager
def fresh_folder(target: Path) -> Iterator[Path]:
    """A temporary folder that replaces `target` when the block ends well, and vanishes when it does not.

    Leftovers of a killed run are removed first. `target` itself is never half-written: it is renamed away
    and the new folder renamed into place.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    for leftover in target.parent.glob(f".{target.name}.*"):
        shutil.rmtree(leftover)
    made = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    made.chmod(0o755)
    try:
        yield made
    except BaseException:
        shutil.rmtree(made)
        raise
    if target.exists():
        old = made.with_name(made.name + ".old")
        os.replace(target, old)
        os.replace(made, target)
        shutil.rmtree(old)
    else:
        os.replace(made, target)


@contextmanager
def sole_use(folder: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold `folder` for one process at a time; `waiting` is called once where another holds it.

    The system gives the lock back when its holder ends in any way, so a killed run leaves none behind. A run whose
    `make` alone was killed goes on in the background: the next one waits for it instead of meeting it half-way.
    Windows has no such lock, and there two runs of one study must not be started together.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with (folder / ".lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def check_unchanged(folder: Path, outputs: Mapping[str, str]) -> None:
    """Refuse files that changed, or went, after the stage that wrote them."""
    wrong = [
        name
        for name, sha in outputs.items()
        if not (folder / name).is_file() or sha256_file(folder / name) != sha
    ]
    if wrong:
        raise DataError(
            f"{folder.name}/{name} was changed or removed after its stage ran. Run the stage '{folder.name}' again."
            for name in wrong
        )
