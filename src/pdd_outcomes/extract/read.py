"""Files to text tables: everything is read as text first, so that nothing is guessed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ..core.errors import DataError

ENDINGS = (".csv", ".parquet")


def find_table(folder: Path, name: str) -> Path | None:
    """The file of that table: ``name.csv`` or ``name.parquet``; None where there is neither.

    Raises
    ------
    DataError
        There are both, and one would have to be guessed.
    """
    found = [folder / f"{name}{ending}" for ending in ENDINGS if (folder / f"{name}{ending}").is_file()]
    if len(found) > 1:
        raise DataError(f"{name}: both {found[0].name} and {found[1].name} are there. Remove one.")
    return found[0] if found else None


def read_text(path: Path) -> pd.DataFrame:
    """The table as text, blanks as the empty string, columns as named in the file.

    Raises
    ------
    DataError
        The file cannot be read as a table: what is wrong and what to do.
    """
    return _parquet(path) if path.suffix == ".parquet" else _csv(path)


def _csv(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_csv(
            path, dtype=str, keep_default_na=False, encoding="utf-8-sig", skip_blank_lines=False
        )
    except UnicodeDecodeError:
        raise DataError(f"{path.name}: is not UTF-8 text. Export it as UTF-8 (Excel: 'CSV UTF-8').") from None
    except pd.errors.EmptyDataError:
        raise DataError(f"{path.name}: is empty, without even a header line.") from None
    except pd.errors.ParserError as error:
        raise DataError(
            f"{path.name}: is not a regular table: {str(error).strip()}. Export it again."
        ) from None
    if len(frame.columns) == 1 and (";" in frame.columns[0] or "\t" in frame.columns[0]):
        raise DataError(
            f"{path.name}: the columns are separated by something other than commas. Export it with commas."
        )
    frame.columns = frame.columns.str.strip()
    short = frame.isna().any(axis=1).to_numpy().nonzero()[0]
    if len(short):
        lines = ", ".join(str(i + 2) for i in short[:5])
        raise DataError(
            f"{path.name}: {len(short)} rows have fewer fields than the header (lines {lines}). Export it again."
        )
    if frame.columns.has_duplicates or (frame.columns == "").any():
        raise DataError(f"{path.name}: a column name is blank or occurs twice. Name every column once.")
    return pd.DataFrame({name: column.str.strip() for name, column in frame.items()})


def _parquet(path: Path) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        frame = pq.read_table(path).to_pandas()
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(
            f"{path.name}: cannot be read as Parquet ({type(error).__name__}). Is it cut short? Send it again."
        ) from None
    text = pd.DataFrame(index=frame.index)
    for name in frame.columns:
        column = frame[name]
        if column.dtype.kind == "M":
            text[name] = column.dt.strftime("%Y-%m-%d")
        elif column.dtype.kind == "f":
            whole = column.dropna()
            as_whole = bool((whole == whole.round()).all())
            text[name] = column.astype("Int64").astype(str) if as_whole else column.astype(str)
        else:
            text[name] = column.astype(str)
        text[name] = text[name].where(column.notna(), "").astype(str).str.strip()
    return text
