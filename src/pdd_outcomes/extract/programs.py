"""Tables as programs write them, Excel, Stata, SPSS and databases, as the text that a CSV file would hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from ..core.errors import DataError, UsageError

EXCEL = (".xlsx", ".xls", ".xlsb", ".ods")
STATA, SPSS = ".dta", ".sav"


def read_program(path: Path) -> tuple[list[str], list[Iterable[Any]]]:
    """Column names and values of an Excel, Stata or SPSS file, values as the program has them.

    Raises
    ------
    UsageError
        The reader is not installed.
    DataError
        The file cannot be read, or holds more than one table.
    """
    return _sheet(path) if path.suffix in EXCEL else _labelled(path)


def as_text(values: Iterable[Any]) -> Iterator[str]:
    """Values as a CSV file would hold them: days as 2020-01-31, whole numbers without a point, nothing as the empty string."""
    for value in values:
        if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
            yield ""
        elif isinstance(value, datetime):
            clock = "" if value.time() == time(0) else f" {value.time().isoformat()}"
            yield f"{value.date().isoformat()}{clock}"
        elif isinstance(value, date):
            yield value.isoformat()
        elif isinstance(value, (bool, np.bool_)):
            yield "1" if value else "0"
        elif (
            isinstance(value, (float, np.floating)) and float(value).is_integer() and abs(float(value)) < 2**53
        ):
            yield str(int(value))
        else:
            yield str(value).strip()


def _sheet(path: Path) -> tuple[list[str], list[Iterable[Any]]]:
    calamine = _needs("python_calamine")
    try:
        book = calamine.CalamineWorkbook.from_path(str(path))
        sheets = [book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names]
    except (calamine.CalamineError, OSError) as problem:
        raise DataError(
            f"{path.name}: cannot be read as a workbook ({type(problem).__name__}). Is it cut short, or locked with a password?"
        ) from None
    full = [sheet for sheet in sheets if any(cell != "" for row in sheet for cell in row)]
    if len(full) > 1:
        raise DataError(
            f"{path.name}: {len(full)} of its sheets hold something, and one would have to be guessed. Keep one sheet."
        )
    if not full:
        raise DataError(f"{path.name}: is empty, without even a header row.")
    header, *rows = full[0]
    while rows and all(cell == "" for cell in rows[-1]):
        rows.pop()
    return list(as_text(header)), [[row[i] for row in rows] for i in range(len(header))]


def _labelled(path: Path) -> tuple[list[str], list[Iterable[Any]]]:
    reader = _needs("pyreadstat")
    read = reader.read_dta if path.suffix == STATA else reader.read_sav
    try:
        frame, _ = read(str(path), apply_value_formats=True, formats_as_category=False)
    except (reader.ReadstatError, reader.PyreadstatError, OSError, UnicodeDecodeError) as problem:
        raise DataError(
            f"{path.name}: cannot be read as {'Stata' if path.suffix == STATA else 'SPSS'} ({type(problem).__name__}). "
            "Is it cut short? Send it again."
        ) from None
    return [str(name) for name in frame.columns], [frame.iloc[:, i].tolist() for i in range(frame.shape[1])]


def copy_database(url: str, tables: Iterable[str], folder: Path) -> list[str]:
    """Write each of `tables` that the database at `url` holds into `folder` as Parquet; the names written.

    `url` is Ibis's, such as ``duckdb://police.ddb`` or ``postgres://reader@server/police``. A password does not belong in a
    plan: the database's own means, such as PGPASSWORD or a service file, provide it.
    """
    import ibis
    import pyarrow.parquet as pq
    from ibis.common.exceptions import TableNotFound

    try:
        connection = ibis.connect(url)
    except Exception as problem:
        # Every database has errors of its own, and none may carry an address with a password into a log.
        raise DataError(
            f"data.source: the database cannot be reached ({type(problem).__name__}). Check its address, and that Ibis's driver "
            "for it is installed."
        ) from None
    written = []
    try:
        for name in tables:
            try:
                table = connection.table(name)
            except TableNotFound:
                continue
            pq.write_table(table.to_pyarrow(), folder / f"{name}.parquet")
            written.append(name)
    finally:
        connection.disconnect()
    return written


def _needs(module: str) -> ModuleType:
    try:
        return import_module(module)
    except ImportError:
        raise UsageError(
            f"reading this file needs the package {module!r}: pip install 'pdd-outcomes[readers]', or send CSV or Parquet."
        ) from None
