"""Stage 4: one row a person, and the flow that accounts for everyone. No outcome is read."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ..cohort import build_cohort, populations
from ..cohort.accounts import row_accounts
from .runner import Workbench


def extracted(bench: Workbench) -> dict[str, pd.DataFrame | Path]:
    """The clean tables that the extract stage kept, as files: they are scanned where they lie."""
    names = [n for n in bench.manifests["extract"]["outputs"] if n.endswith(".parquet")]
    return {name.removesuffix(".parquet"): bench.path("extract", name) for name in names}


def run(bench: Workbench) -> None:
    """Build the cohort, then each analysis's population with the reasons for leaving people out."""
    cohort = build_cohort(bench.protocol, extracted(bench))
    bench.write("cohort.parquet", cohort.people)
    flows = [cohort.flow]
    for analysis in bench.protocol.analyses:
        people, flow = populations.population(bench.protocol, analysis, cohort.people)
        bench.write(f"population_{analysis.id}.parquet", people)
        flows.append(flow)
    bench.write("flow.csv", pd.concat(flows, ignore_index=True))
    if bench.protocol.data.shape == "event_tables":
        quality = bench.read("extract", "quality.csv")
        bench.write("accounts.csv", row_accounts(bench.protocol, extracted(bench), cohort.people, quality))
