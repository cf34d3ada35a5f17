"""Later versions of a row, columns a table may come without, and what the quarantine shows of a value."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from pdd_outcomes.core.errors import DataError
from pdd_outcomes.extract.validate import Extract, masked, validate
from tests.hostile.test_extract_hostile import raw

CUT = date(2023, 12, 31)
CODES = ["incident_id", "person_id", "force", "incident_date", "offence_group", "outcome_code", "outcome_date"]


def versions(*rows: tuple[str, str]) -> Extract:
    """One incident as it was written on several days: (outcome code, recorded_on)."""
    tables = raw()
    first = tables["disposals"].iloc[0].to_dict()
    made = [{**first, "outcome_code": code, "recorded_on": day} for code, day in rows]
    tables["disposals"] = pd.DataFrame(
        [*made, *tables["disposals"].iloc[1:].assign(recorded_on="").to_dict("records")], dtype=str
    )
    return validate(tables, cut=CUT, quarantine_limit=1.0)


def account(extract: Extract) -> list[int]:
    return list(extract.quality.set_index("table").loc["disposals"])


def test_the_latest_version_of_a_row_counts_and_the_others_are_accounted_for() -> None:
    extract = versions(("0", "2018-07-01"), ("8", "2018-09-01"), ("1", "2018-08-01"))
    kept = extract.tables["disposals"].set_index("incident_id")
    assert kept.loc["I1", "outcome_code"] == 8
    assert account(extract) == [5, 3, 2, 0]
    assert "recorded_on" not in kept


def test_a_version_without_a_day_is_older_than_one_with_a_day() -> None:
    extract = versions(("0", ""), ("8", "2018-09-01"))
    assert extract.tables["disposals"].set_index("incident_id").loc["I1", "outcome_code"] == 8
    assert account(extract) == [4, 3, 1, 0]


def test_two_latest_versions_that_differ_are_both_put_aside_with_nothing_in_their_place() -> None:
    extract = versions(("0", "2018-07-01"), ("8", "2018-09-01"), ("1", "2018-09-01"))
    assert "I1" not in set(extract.tables["disposals"]["incident_id"])
    assert account(extract) == [5, 2, 1, 2]
    rules = extract.quarantine.loc[extract.quarantine["table"] == "disposals", "rule"]
    assert set(rules) == {"is the key of rows that differ"}


def test_a_version_written_after_the_data_cut_is_put_aside_and_the_one_before_it_is_not_brought_back() -> None:
    extract = versions(("0", "2018-07-01"), ("8", "2024-09-01"))
    assert account(extract) == [4, 2, 1, 1]


def test_optional_columns_are_read_where_they_come_and_blank_where_they_do_not() -> None:
    tables = raw()
    without = validate(tables, cut=CUT, quarantine_limit=0.0).tables["offences"]
    assert without["severity"].isna().all()
    assert (without["incident_id"] == "").all()
    tables["offences"] = tables["offences"].assign(severity=["12.5", ""], report_date=["2018-09-03", ""])
    found = validate(tables, cut=CUT, quarantine_limit=0.0).tables["offences"]
    assert found["severity"].tolist()[0] == 12.5
    assert found["severity"].isna().tolist() == [False, True]
    assert str(found["report_date"][0].date()) == "2018-09-03"


@pytest.mark.parametrize(
    ("column", "value", "rule", "mask"),
    [
        ("severity", "much", "is not a number", "aaaa"),
        ("severity", "-1", "is not between 0 and 100000", "-9"),
        ("severity", "1e9", "is not a number", "9a9"),
        ("report_date", "2018-08-01", "is before offence_date", "9999-99-99"),
        ("report_date", "01/09/2018", "is not a date written as 2020-01-31", "99/99/9999"),
        ("offence_group", "=cmd|calc\x07", "holds control characters or is over 1,000 long", "=aaa|aaaa?"),
    ],
)
def test_a_breach_shows_the_form_of_the_value_and_not_the_value(column, value, rule, mask) -> None:
    tables = raw()
    spoilt = tables["offences"].assign(severity="", report_date="")
    spoilt.loc[0, column] = value
    tables["offences"] = spoilt
    found = validate(tables, cut=CUT, quarantine_limit=1.0)
    line = found.quarantine.query("table == 'offences' and column == @column").iloc[0]
    assert (line["rule"], line["value"]) == (rule, mask)
    assert found.rejected["offences"]["row_in_file"].tolist() == [1]
    assert found.rejected["offences"].loc[0, column] == value


def test_a_mask_holds_no_letter_or_digit_of_the_value() -> None:
    values = pd.Series(["Łukasz O'Neil 42", "", "Ünal-Ñ", "x" * 40, "٣٤"])
    assert masked(values).tolist() == ["Aaaaaa A'Aaaa 99", "", "Aaaa-A", "a" * 24, "??"]


def test_custody_and_hospital_are_checked_like_the_others() -> None:
    tables = raw()
    tables["custody"] = pd.DataFrame(
        [
            ("S1", "P1", "2019-01-01", "2019-02-01", "sentence"),
            ("S2", "P1", "2019-05-01", "2019-04-01", "remand"),
        ],
        columns=["spell_id", "person_id", "start_date", "end_date", "kind"],
        dtype=str,
    )
    tables["hospital"] = pd.DataFrame(
        [("H1", "P7", "2019-01-01", "drug_poisoning")],
        columns=["episode_id", "person_id", "admission_date", "reason"],
        dtype=str,
    )
    found = validate(tables, cut=CUT, quarantine_limit=1.0)
    said = set(found.quarantine[["table", "column", "rule"]].itertuples(index=False, name=None))
    assert said == {
        ("custody", "end_date", "is before start_date"),
        ("hospital", "person_id", "is not among the kept rows of persons.person_id"),
    }


def test_a_required_column_is_still_missed() -> None:
    tables = raw()
    tables["offences"] = tables["offences"].drop(columns="outcome_type")
    with pytest.raises(DataError, match="offences: column 'outcome_type' is missing"):
        validate(tables, cut=CUT, quarantine_limit=1.0)
