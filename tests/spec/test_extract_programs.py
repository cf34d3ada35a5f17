"""The same table as CSV, Parquet, Excel, Stata, SPSS and in a database is the same text."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.errors import DataError
from pdd_outcomes.extract.programs import as_text, copy_database
from pdd_outcomes.extract.read import find_table, read_text

TABLE = pd.DataFrame(
    {
        "offence_id": ["O1", "O2", "O3"],
        "person_id": ["0071", "0072", "0073"],
        "offence_date": [date(2018, 6, 14), date(2019, 1, 2), None],
        "outcome_type": ["conviction", "caution", ""],
        "severity": [12.5, 3.0, np.nan],
        "code": [1.0, np.nan, 22.0],
    }
)
TEXT = pd.DataFrame(
    {
        "offence_id": ["O1", "O2", "O3"],
        "person_id": ["0071", "0072", "0073"],
        "offence_date": ["2018-06-14", "2019-01-02", ""],
        "outcome_type": ["conviction", "caution", ""],
        "severity": ["12.5", "3", ""],
        "code": ["1", "", "22"],
    },
    dtype=str,
)


def written(folder: Path, ending: str) -> Path:
    import pyreadstat

    path = folder / f"offences{ending}"
    if ending == ".csv":
        TABLE.to_csv(path, index=False, encoding="utf-8-sig")
    elif ending == ".parquet":
        TABLE.to_parquet(path, index=False)
    elif ending == ".xlsx":
        TABLE.to_excel(path, index=False)
    else:
        write = pyreadstat.write_dta if ending == ".dta" else pyreadstat.write_sav
        write(TABLE, str(path))
    return path


@pytest.mark.parametrize("ending", [".parquet", ".xlsx", ".dta", ".sav"])
def test_every_program_gives_the_text_of_the_csv_file(tmp_path: Path, ending: str) -> None:
    found = read_text(written(tmp_path, ending))
    # Parquet and CSV keep 3.0 beside 12.5 as it is written; programs show it as 3.
    wanted = TEXT.assign(severity=["12.5", "3.0", ""]) if ending == ".parquet" else TEXT
    pd.testing.assert_frame_equal(found, wanted, check_dtype=False)


def test_labelled_codes_come_as_their_labels(tmp_path: Path) -> None:
    import pyreadstat

    frame = pd.DataFrame({"person_id": ["P1", "P2"], "sex": [1, 2]})
    for ending, write in ((".sav", pyreadstat.write_sav), (".dta", pyreadstat.write_dta)):
        path = tmp_path / f"persons{ending}"
        write(frame, str(path), variable_value_labels={"sex": {1: "male", 2: "female"}})
        assert read_text(path)["sex"].tolist() == ["male", "female"]


def test_a_workbook_with_two_full_sheets_is_refused_and_an_empty_second_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "offences.xlsx"
    with pd.ExcelWriter(path) as book:
        TABLE.to_excel(book, sheet_name="data", index=False)
        pd.DataFrame().to_excel(book, sheet_name="empty", index=False)
    assert len(read_text(path)) == 3
    with pd.ExcelWriter(path) as book:
        TABLE.to_excel(book, sheet_name="data", index=False)
        TABLE.to_excel(book, sheet_name="notes", index=False)
    with pytest.raises(DataError, match="2 of its sheets hold something"):
        read_text(path)


@pytest.mark.parametrize("ending", [".xlsx", ".dta", ".sav", ".parquet"])
@pytest.mark.parametrize("left", [0, 40, 0.6])
def test_a_file_cut_short_is_said_to_be(tmp_path: Path, ending: str, left: float) -> None:
    path = written(tmp_path, ending)
    content = path.read_bytes()
    path.write_bytes(content[: int(left if left > 1 else left * len(content))])
    with pytest.raises(DataError, match=f"offences{ending}: "):
        read_text(path)


def test_two_files_of_one_table_are_refused_by_name(tmp_path: Path) -> None:
    written(tmp_path, ".xlsx")
    written(tmp_path, ".csv")
    with pytest.raises(DataError, match=r"both offences.csv and offences.xlsx"):
        find_table(tmp_path, "offences")


def test_days_with_a_time_and_truths_are_written_out() -> None:
    values = [datetime(2020, 1, 31), datetime(2020, 1, 31, 9, 30), True, 5.0, 5.25, None, float("nan"), " x "]
    assert list(as_text(values)) == ["2020-01-31", "2020-01-31 09:30:00", "1", "5", "5.25", "", "", "x"]


def test_tables_of_a_database_are_copied_and_read(tmp_path: Path) -> None:
    import duckdb

    with duckdb.connect(str(tmp_path / "police.ddb")) as base:
        base.execute("create table offences as select 'O1' offence_id, date '2018-06-14' offence_date, 7 code")
        base.execute("create table wages as select 1 x")
    out = tmp_path / "raw"
    out.mkdir()
    assert copy_database(f"duckdb://{tmp_path}/police.ddb", ["persons", "offences"], out) == ["offences"]
    assert read_text(out / "offences.parquet").iloc[0].tolist() == ["O1", "2018-06-14", "7"]


def test_a_database_that_is_not_there_is_named_without_its_address() -> None:
    with pytest.raises(DataError, match="cannot be reached") as refused:
        copy_database("postgres://reader:secret@nowhere.invalid/police", ["persons"], Path())
    assert "secret" not in str(refused.value)
