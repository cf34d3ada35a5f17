"""What a number depends on besides the data: the code as installed and the libraries' versions."""

from __future__ import annotations

import functools
import hashlib
import platform
from importlib import metadata
from pathlib import Path

NUMERICAL = (
    "numpy",
    "scipy",
    "pandas",
    "numba",
    "scikit-learn",
    "statsmodels",
    "formulaic",
    "duckdb",
    "ibis-framework",
    "pyarrow",
)


@functools.cache
def package_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that numbers come from."""
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in NUMERICAL}}


@functools.cache
def source_sha() -> str:
    """SHA-256 over this package's source files, names and contents, as installed."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root).as_posix()).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
