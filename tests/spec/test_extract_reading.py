"""Files as they are sent, CSV or Parquet, come in as the same text; what is no table is refused with the line."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pdd_outcomes.core.errors import DataError
from pdd_outcomes.extract.read import find_table, read_text


def csv(folder: Path, content: bytes) -> Path:
    path = folder / "persons.csv"
    path.write_bytes(content)
    return path


def parquet(folder: Path, **columns: object) -> Path:
    path = folder / "persons.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as stopped:
        read_text(path)
    return str(stopped.value)


def test_a_byte_order_mark_carriage_returns_and_quoted_commas_are_read_through(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbf"person_id",ethnicity\r\n"A1","White, Irish"\r\nA2,"said ""other"""\r\n'
    frame = read_text(csv(tmp_path, content))
    assert frame.to_dict("list") == {
        "person_id": ["A1", "A2"],
        "ethnicity": ["White, Irish", 'said "other"'],
    }


def test_nothing_is_guessed_at_and_space_around_a_value_is_dropped(tmp_path: Path) -> None:
    frame = read_text(csv(tmp_path, b"a , b,c\n007,NA, 1e3 \nTrue,,nan\n"))
    assert frame.to_dict("list") == {"a": ["007", "True"], "b": ["NA", ""], "c": ["1e3", "nan"]}


def test_blank_lines_at_the_end_are_no_rows_and_one_in_the_middle_is(tmp_path: Path) -> None:
    frame = read_text(csv(tmp_path, b"a,b\n1,2\n\n3,4\n\n\n"))
    assert frame.to_dict("list") == {"a": ["1", "", "3"], "b": ["2", "", "4"]}


def test_a_header_alone_is_a_table_without_rows(tmp_path: Path) -> None:
    frame = read_text(csv(tmp_path, b"a,b\n"))
    assert list(frame.columns) == ["a", "b"]
    assert len(frame) == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a,b\n1,2\n3\n", "1 of 2 rows have fewer fields than the header (line 3)"),
        (b"a,b\n1,2,9\n3,4,9\n", "2 of 2 rows have more fields than the header (lines 2, 3)"),
        (b"a,b\n1,2,\n3,4,\n", "2 of 2 rows have more fields than the header (lines 2, 3)"),
        (b'a,b\n1,2\n"3,4\n5,6\n', "is not a regular table: line 4"),
        (b"a,a\n1,2\n", "a column name is blank or occurs twice"),
        (b"a,\n1,2\n", "a column name is blank or occurs twice"),
        (b"a,a \n1,2\n", "a column name is blank or occurs twice"),
        (b"a;b\n1;2\n", "separated by something other than commas"),
        (b"a\tb\n1\t2\n", "separated by something other than commas"),
        (b"", "is empty, without even a header line"),
        (b"a,b\n\xe9,2\n", "is not UTF-8 text"),
        ("a,b\n1,2\n".encode("utf-16"), "is not UTF-8 text"),
    ],
)
def test_what_is_no_regular_table_is_refused_with_the_file_and_the_reason(
    tmp_path: Path, content: bytes, said: str
) -> None:
    message = refusal(csv(tmp_path, content))
    assert message.startswith("persons.csv: ")
    assert said in message


def test_a_refusal_shows_no_field_of_the_row_it_complains_of(tmp_path: Path) -> None:
    assert "quetzal" not in refusal(csv(tmp_path, b"a,b\n1,2,quetzal\nquetzal\n"))


def test_short_and_long_rows_are_reported_together(tmp_path: Path) -> None:
    with pytest.raises(DataError) as stopped:
        read_text(csv(tmp_path, b"a,b\n1\n1,2,3\n"))
    assert len(stopped.value.problems) == 2


def test_parquet_comes_in_as_the_text_that_a_csv_file_would_hold(tmp_path: Path) -> None:
    frame = read_text(
        parquet(
            tmp_path,
            day=pa.array([date(2020, 1, 31), None]),
            moment=pa.array([datetime(2020, 1, 31, 0, 0), None], pa.timestamp("us")),
            whole=pa.array([7, None]),
            gap=pa.array([7.0, None]),
            real=pa.array([0.5, float("nan")]),
            word=pa.array([" x ", None]).dictionary_encode(),
            raw=pa.array([b"x", None]),
            flag=pa.array([True, None]),
            nothing=pa.nulls(2),
        )
    )
    assert frame.iloc[0].tolist() == ["2020-01-31", "2020-01-31", "7", "7", "0.5", "x", "x", "True", ""]
    assert frame.iloc[1].tolist() == [""] * 9


def test_a_moment_with_a_time_zone_falls_on_its_local_day(tmp_path: Path) -> None:
    before_midnight = datetime(2020, 6, 30, 23, 30, tzinfo=UTC)  # half past midnight in London
    frame = read_text(parquet(tmp_path, day=pa.array([before_midnight], pa.timestamp("us", "Europe/London"))))
    assert frame["day"].tolist() == ["2020-07-01"]


def test_long_identifiers_keep_their_digits_beside_a_gap(tmp_path: Path) -> None:
    frame = read_text(parquet(tmp_path, person_id=pa.array([12345678901234567, None])))
    assert frame["person_id"].tolist() == ["12345678901234567", ""]


def test_infinite_and_huge_numbers_do_not_stop_the_reading(tmp_path: Path) -> None:
    frame = read_text(parquet(tmp_path, a=[1.5, float("inf")], b=[1e22, 1.0]))
    assert frame.to_dict("list") == {"a": ["1.5", "inf"], "b": ["1e+22", "1.0"]}


def test_an_index_that_pandas_put_aside_is_a_column_again(tmp_path: Path) -> None:
    path = tmp_path / "persons.parquet"
    pd.DataFrame({"person_id": ["A", "B"], "x": [1, 2]}).set_index("person_id").to_parquet(path)
    frame = read_text(path)
    assert sorted(frame.columns) == ["person_id", "x"]
    assert list(frame.index) == [0, 1]


def test_parquet_that_is_cut_short_or_names_a_column_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "persons.parquet"
    path.write_bytes(b"PAR1 and then nothing")
    assert "cannot be read as Parquet" in refusal(path)
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]), path)
    assert "a column name is blank or occurs twice" in refusal(path)


def test_a_table_sent_twice_is_not_chosen_between(tmp_path: Path) -> None:
    parquet(tmp_path, a=[1])
    csv(tmp_path, b"a\n1\n")
    with pytest.raises(DataError, match=r"both persons\.csv and persons\.parquet are there"):
        find_table(tmp_path, "persons")
    assert find_table(tmp_path, "exits") is None
