"""The one place where Ibis and DuckDB are met: frames in, sorted frames out.

Dates travel as date32, the type that every backend agrees on; results are always sorted, because a database keeps no order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa


class Engine:
    """A database in memory that holds the tables of one extract."""

    def __init__(self, tables: Mapping[str, pd.DataFrame]) -> None:
        self._connection = ibis.duckdb.connect(":memory:", threads=2)
        self._tables = {
            name: self._connection.create_table(name, to_arrow(frame)) for name, frame in tables.items()
        }

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.disconnect()

    def __getitem__(self, name: str) -> Any:
        """The table as an Ibis expression."""
        return self._tables[name]

    def run(self, expression: Any, order: Sequence[str]) -> pd.DataFrame:
        """The result, sorted by `order`, which must tell every row from every other."""
        arrow = self._connection.to_pyarrow(expression.order_by(list(order)))
        return from_arrow(arrow)


def to_arrow(frame: pd.DataFrame) -> pa.Table:
    """The frame with moments as date32."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for i, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            table = table.set_column(i, field.name, table.column(i).cast(pa.date32()))
    return table


def from_arrow(table: pa.Table) -> pd.DataFrame:
    """The frame with dates as datetime64[s], which compares with itself and nothing else by surprise."""
    for i, field in enumerate(table.schema):
        if pa.types.is_date(field.type):
            table = table.set_column(i, field.name, table.column(i).cast(pa.timestamp("s")))
    frame: pd.DataFrame = table.to_pandas()
    return frame
