"""Between frames and Arrow tables, with dates as the one type that every database and file format agrees on."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa


def to_arrow(frame: pd.DataFrame) -> pa.Table:
    """The frame with moments as date32."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for i, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            table = table.set_column(i, field.name, table.column(i).cast(pa.date32()))
        if pa.types.is_large_string(field.type):
            table = table.set_column(i, field.name, table.column(i).cast(pa.string()))
        if pa.types.is_null(field.type):
            table = table.set_column(i, field.name, table.column(i).cast(pa.string()))
    return table


def from_arrow(table: pa.Table) -> pd.DataFrame:
    """The frame with dates as datetime64[s], which compares with itself and nothing else by surprise.

    Whole numbers are int64, whatever width a database chose for them.
    """
    for i, field in enumerate(table.schema):
        if pa.types.is_date(field.type):
            table = table.set_column(i, field.name, table.column(i).cast(pa.timestamp("s")))
        if pa.types.is_integer(field.type):
            table = table.set_column(i, field.name, table.column(i).cast(pa.int64()))
    frame: pd.DataFrame = table.to_pandas()
    return frame
