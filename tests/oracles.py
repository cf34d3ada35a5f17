"""The optional folder of R reference answers beside the repository; tests that sweep it skip where it is absent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "oracles"
needs_oracles = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="no folder of R reference answers beside the repository"
)


def results(name: str) -> dict[str, Any]:
    """The results of refs/<name>.json, each {'call': ..., 'value': ...}."""
    loaded: dict[str, Any] = json.loads((FOLDER / "refs" / f"{name}.json").read_text())
    return loaded["results"]


def data(name: str) -> pd.DataFrame:
    """data/<name>.csv"""
    return pd.read_csv(FOLDER / "data" / f"{name}.csv")
