"""The one place where Ibis and its databases are met: tables in, sorted frames out.

The same expressions run on DuckDB, which is the default and goes to disk when memory is short, and on Spark. Dates travel as
date32, the type that both agree on; results are always sorted, because a database keeps no order.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import ibis
import pandas as pd
import pyarrow.parquet as pq

from ..core.errors import UsageError, choose
from .arrow import from_arrow, to_arrow

Backend = Literal["duckdb", "spark"]
BACKENDS = ("duckdb", "spark")
CORES = 2


class Engine:
    """A database that holds the tables of one extract.

    Parameters
    ----------
    tables : frames, or Parquet files, by name; a file is scanned where it lies and never held whole
    backend : "duckdb" in memory, or "spark" on this machine (`pip install 'pdd-outcomes[spark]'`, and Java)
    """

    def __init__(self, tables: Mapping[str, pd.DataFrame | Path], *, backend: Backend = "duckdb") -> None:
        choose("backend", backend, BACKENDS)
        self._scratch = tempfile.TemporaryDirectory(prefix="pdd-")
        self._folder = Path(self._scratch.name)
        self._kept = 0
        self._spark = backend == "spark"
        self._connection = _spark() if self._spark else _duckdb(self._folder)
        self._tables = {name: self._load(name, table) for name, table in tables.items()}

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        if self._spark:
            for name in self._tables:
                self._connection.drop_view(name)
        else:
            self._connection.disconnect()
        self._scratch.cleanup()

    def __getitem__(self, name: str) -> Any:
        """The table as an Ibis expression."""
        return self._tables[name]

    def _load(self, name: str, table: pd.DataFrame | Path) -> Any:
        if isinstance(table, Path):
            return self._connection.read_parquet(table, table_name=name)
        if not self._spark:
            return self._connection.create_table(name, to_arrow(table))
        path = self._folder / f"{name}.parquet"
        pq.write_table(to_arrow(table), path)
        return self._connection.read_parquet(path, table_name=name)

    def keep(self, expression: Any) -> Any:
        """The expression worked out once, for other expressions to build on."""
        self._kept += 1
        name = f"kept_{self._kept}"
        if not self._spark:
            return self._connection.create_table(name, expression, temp=True)
        path = self._folder / name
        self._connection.to_parquet(expression, path)
        made = self._connection.read_parquet(path, table_name=name)
        self._tables[name] = made
        return made

    def run(self, expression: Any, order: Sequence[str]) -> pd.DataFrame:
        """The result, sorted by `order`, which must tell every row from every other."""
        sorted_rows = expression.order_by(list(order))
        if not self._spark:
            return from_arrow(self._connection.to_pyarrow(sorted_rows))
        path = self._folder / "answer"
        self._connection.to_parquet(expression, path, mode="overwrite")
        frame = from_arrow(pq.read_table(path))
        return frame.sort_values(list(order), kind="stable", ignore_index=True)


def _duckdb(scratch: Path) -> Any:
    return ibis.duckdb.connect(
        ":memory:",
        threads=min(CORES, os.cpu_count() or 1),
        temp_directory=str(scratch / "spill"),
        preserve_insertion_order=False,  # results are sorted at the end; until then order is work for nothing
    )


def _spark() -> Any:
    """A session on this machine that listens to nobody outside it."""
    if find_spec("pyspark") is None:
        raise UsageError("backend='spark' needs the package 'pyspark': pip install 'pdd-outcomes[spark]'.")
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master(f"local[{CORES}]")
        .appName("pdd-outcomes")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.log.level", "ERROR")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", str(CORES))
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )
    return ibis.pyspark.connect(session)
