"""The same cohort, outcomes and amounts from DuckDB and from Spark, row for row, and from frames and from files."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from pdd_outcomes.cohort import build_cohort, build_outcomes
from pdd_outcomes.cohort.measures import build_measures
from pdd_outcomes.extract.arrow import to_arrow
from pdd_outcomes.extract.engine import Backend
from pdd_outcomes.extract.validate import validate
from pdd_outcomes.protocol import Protocol, load_protocol
from pdd_outcomes.worlds.synthetic import thirteen_forces

PLAN = load_protocol(Path(__file__).parents[2] / "analyses" / "pdd_thirteen_forces" / "protocol.yaml")
Tables = dict[str, pd.DataFrame | Path]


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    assert PLAN.data.cut is not None
    world = thirteen_forces(3, people=2_000)
    return validate(world.tables, cut=PLAN.data.cut, quarantine_limit=1.0).tables


def planned(clock: str, index: str) -> Protocol:
    filled = PLAN.model_dump(by_alias=True)
    filled["cohort"] |= {
        "clock": clock,
        "index": index,
        "long_custody_days": 30,
        "histories": [
            {"id": "theft_2y", "label": "Theft", "groups": ["theft"], "days": 730},
            {"id": "held_1y", "label": "Held", "records": "custody", "days": 365, "measure": "ever"},
        ],
    }
    return Protocol.model_validate(filled)


def made(protocol: Protocol, tables: Tables, backend: Backend) -> list[pd.DataFrame]:
    cohort = build_cohort(protocol, tables, backend=backend)
    outcomes = build_outcomes(protocol, tables, cohort.people, backend=backend)
    measures = build_measures(protocol, tables, cohort.people, backend=backend)
    return [cohort.people, cohort.flow, outcomes, measures]


@pytest.mark.skipif(
    find_spec("pyspark") is None, reason="pyspark is not here: pip install 'pdd-outcomes[spark]'"
)
@pytest.mark.parametrize(
    ("clock", "index"), [("incident", "first"), ("landmark", "every"), ("disposal", "first")]
)
def test_duckdb_and_spark_make_the_same_rows(tables: dict[str, pd.DataFrame], clock: str, index: str) -> None:
    protocol = planned(clock, index)
    for one, other in zip(made(protocol, {**tables}, "duckdb"), made(protocol, {**tables}, "spark")):
        pd.testing.assert_frame_equal(one, other)
        assert len(one)


def test_files_and_frames_make_the_same_rows(tables: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    files: Tables = {}
    for name, table in tables.items():
        files[name] = tmp_path / f"{name}.parquet"
        pq.write_table(to_arrow(table), tmp_path / f"{name}.parquet")
    for one, other in zip(made(PLAN, {**tables}, "duckdb"), made(PLAN, files, "duckdb")):
        pd.testing.assert_frame_equal(one, other)
