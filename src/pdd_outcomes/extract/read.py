"""Files to text tables: everything is read as text first, so that nothing is guessed."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..core.errors import DataError
from .programs import EXCEL, SPSS, STATA, as_text, read_program

ENDINGS = (".csv", ".parquet", *EXCEL, STATA, SPSS)
EXACT = 2.0**53  # beyond it a double no longer holds every whole number


def find_table(folder: Path, name: str) -> Path | None:
    """The file of that table, such as ``name.csv`` or ``name.parquet``; None where there is none.

    Raises
    ------
    DataError
        There is more than one, and one would have to be guessed.
    """
    found = [folder / f"{name}{ending}" for ending in ENDINGS if (folder / f"{name}{ending}").is_file()]
    if len(found) > 1:
        raise DataError(f"{name}: both {found[0].name} and {found[1].name} are there. Keep one.")
    return found[0] if found else None


def read_text(path: Path) -> pd.DataFrame:
    """The table as text, blanks as the empty string, columns as named in the file.

    Raises
    ------
    DataError
        The file cannot be read as a table, or a column has no name of its own: what is wrong and what to do.
    """
    if path.suffix == ".csv":
        return _csv(path)
    if path.suffix == ".parquet":
        return _parquet(path)
    header, columns = read_program(path)
    names = _names(path, header)
    return pd.DataFrame({name: pd.Series(list(as_text(c)), dtype=str) for name, c in zip(names, columns)})


def _csv(path: Path) -> pd.DataFrame:
    # Not a data frame's own reader: those pad a short row with blanks, shift a long one and rename a repeated column.
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, None)
            rows = [(reader.line_num, row) for row in reader]
    except UnicodeDecodeError:
        raise DataError(f"{path.name}: is not UTF-8 text. Export it as UTF-8 (Excel: 'CSV UTF-8').") from None
    except csv.Error as error:
        raise DataError(
            f"{path.name}: is not a regular table: line {reader.line_num}: {error}. Export it again."
        ) from None
    if not header:
        raise DataError(f"{path.name}: is empty, without even a header line.")
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        raise DataError(
            f"{path.name}: the columns are separated by something other than commas. Export it with commas."
        )
    names = _names(path, header)
    while rows and not rows[-1][1]:  # blank lines at the end are no rows; elsewhere one is a row of blanks
        rows.pop()
    width = len(names)
    _regular(path, rows, width)
    columns = zip(*(row or [""] * width for _, row in rows)) if rows else ([] for _ in names)
    return pd.DataFrame(
        {name: pd.Series(list(column), dtype=str).str.strip() for name, column in zip(names, columns)}
    )


def _names(path: Path, header: Sequence[str]) -> list[str]:
    names = [str(name).strip() for name in header]
    if len(set(names)) != len(names) or "" in names:
        raise DataError(f"{path.name}: a column name is blank or occurs twice. Name every column once.")
    return names


def _regular(path: Path, rows: Sequence[tuple[int, list[str]]], width: int) -> None:
    problems = []
    for word, lines in (
        ("fewer", [line for line, row in rows if row and len(row) < width]),
        ("more", [line for line, row in rows if len(row) > width]),
    ):
        if lines:
            said = ", ".join(map(str, lines[:5])) + (", ..." if len(lines) > 5 else "")
            problems.append(
                f"{path.name}: {len(lines)} of {len(rows)} rows have {word} fields than the header "
                f"(line{'s' if len(lines) > 1 else ''} {said}). Export it again."
            )
    if problems:
        raise DataError(problems)


def _parquet(path: Path) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = _names(path, file.schema_arrow.names)
            table = file.read()
        return pd.DataFrame(
            {name: pd.Series(list(_texts(table.column(i))), dtype=str) for i, name in enumerate(names)}
        )
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(
            f"{path.name}: cannot be read as Parquet ({type(error).__name__}). Is it cut short? Send it again."
        ) from None


def _texts(column: Any) -> Iterator[str]:
    """The values of an Arrow column as a CSV file would hold them; never by way of another type that loses digits."""
    import pyarrow as pa

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_timestamp(kind):
        days = column.to_pandas().dt.strftime("%Y-%m-%d").tolist()
        values = [day if isinstance(day, str) else None for day in days]
    elif pa.types.is_floating(kind):
        values = _floats(column.to_numpy().astype(float))
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        values = column.cast(kind).cast(pa.large_string()).to_pylist()
    else:
        values = column.to_pylist()
    return ("" if value is None else str(value).strip() for value in values)


def _floats(values: np.ndarray) -> list[str | None]:
    """Whole numbers without a point if all are, as a column of whole numbers with a gap in it comes."""
    there = values[~np.isnan(values)]
    whole = bool((np.isfinite(there) & (there == np.round(there)) & (np.abs(there) <= EXACT)).all())
    return [None if np.isnan(v) else str(int(v)) if whole else str(v) for v in values.tolist()]
