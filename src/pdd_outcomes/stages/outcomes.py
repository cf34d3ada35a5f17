"""Stage 6: outcomes, built apart, joined only when the design is locked and its gates are passed."""

from __future__ import annotations

import pandas as pd

from ..cohort import build_outcomes
from ..cohort.measures import build_measures
from .cohort import extracted
from .design import gates_failed
from .runner import Workbench

EMPTY = {"subject": "str", "outcome": "str", "time": "float64", "event": "int64"}


def run(bench: Workbench) -> None:
    """Build the outcomes of everyone in the cohort; none at all where a gate of the protocol failed."""
    failed = gates_failed(bench.read("design", "gates.csv"))
    bench.notes["gates_failed"] = failed
    if failed:
        bench.log(f"{bench.study.name}: outcomes: held back, {len(failed)} gate(s) failed")
        bench.write("outcomes.parquet", pd.DataFrame({k: pd.Series(dtype=v) for k, v in EMPTY.items()}))
        return
    people = bench.read("cohort", "cohort.parquet")
    tables = extracted(bench)
    bench.write("outcomes.parquet", build_outcomes(bench.protocol, tables, people))
    if bench.protocol.data.shape == "event_tables":
        bench.write("measures.parquet", build_measures(bench.protocol, tables, people))
