"""Event tables that break the contract: each bad row is named by table, row, column and rule, and no value is repeated."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from pdd_outcomes.core.errors import DataError
from pdd_outcomes.extract.contract import CONTRACT
from pdd_outcomes.extract.validate import Extract, validate

CUT = date(2023, 12, 31)
Raw = dict[str, pd.DataFrame]

GOOD: dict[str, list[tuple[str, ...]]] = {
    "persons": [
        ("P1", "1990-06-15", "male", "White", "3"),
        ("P2", "1985-01-01", "female", "not stated", "10"),
        ("P3", "2000-02-29", "not stated", "Black", "1"),
    ],
    "disposals": [
        ("I1", "P1", "Alder", "2018-06-14", "possession_class_b", "8", "2018-07-01"),
        ("I2", "P2", "Holly", "2019-01-02", "possession_class_a", "1", "2019-06-01"),
        ("I3", "P3", "Alder", "2019-12-31", "possession_class_b", "0", ""),
    ],
    "offences": [
        ("O1", "P1", "2018-09-01", "theft", "conviction", "2018-12-01"),
        ("O2", "P2", "2015-09-01", "breach", "pending", ""),
    ],
    "contacts": [("C1", "P1", "I1", "referred", "2018-06-20")],
    "treatments": [("T1", "P2", "2017-01-01")],
    "exits": [("P3", "2020-05-05", "death")],
    "schemes": [("Alder", "2015-04-01"), ("Holly", "")],
}

# A row that breaks no rule and that no other row refers to; the tests spoil one cell of it.
ONE_MORE: dict[str, tuple[str, ...]] = {
    "persons": ("P9", "1970-03-03", "male", "Asian", "5"),
    "disposals": ("I9", "P1", "Holly", "2019-05-05", "theft", "3", "2019-06-06"),
    "offences": ("O9", "P1", "2019-05-05", "theft", "caution", "2019-06-06"),
    "contacts": ("C9", "P1", "I1", "assessed", "2018-07-20"),
    "treatments": ("T9", "P1", "2019-04-04"),
    "exits": ("P2", "2021-04-04", "emigration"),
    "schemes": ("Yew", "2016-06-06"),
}


def raw(**more: list[tuple[str, ...]]) -> Raw:
    """The good tables as text, with rows added to those named."""
    return {
        name: pd.DataFrame([*rows, *more.get(name, [])], columns=list(CONTRACT[name].names), dtype=str)
        for name, rows in GOOD.items()
    }


def spoilt(table: str, **cells: str) -> tuple[str, ...]:
    """The spare row of that table with some cells changed."""
    row = dict(zip(CONTRACT[table].names, ONE_MORE[table]))
    assert set(cells) <= set(row)
    return tuple((row | cells).values())


def checked(tables: Raw, limit: float = 1.0) -> Extract:
    return validate(tables, cut=CUT, quarantine_limit=limit)


def lines(extract: Extract) -> list[tuple[object, ...]]:
    return list(extract.quarantine.drop(columns="value").itertuples(index=False, name=None))


def test_good_tables_pass_without_a_line_of_quarantine() -> None:
    extract = checked(raw(**{name: [row] for name, row in ONE_MORE.items()}), limit=0.0)
    assert lines(extract) == []
    assert (extract.quality["rows_in"] == extract.quality["rows_ok"]).all()


BIRTH = "is before persons.birth_date"
WRITTEN = "is not a date written as 2020-01-31"
NO_DAY = "is a day that does not exist"
BREACHES = [
    ("persons", "person_id", "", "is blank"),
    ("persons", "birth_date", "", "is blank"),
    ("persons", "birth_date", "spring 1987", WRITTEN),
    ("persons", "birth_date", "03/04/1987", WRITTEN),
    ("persons", "birth_date", "1987-04-03 00:00:00", WRITTEN),
    ("persons", "birth_date", "١٩٨٧-٠٤-٠٣", WRITTEN),
    ("persons", "birth_date", "1987-02-31", NO_DAY),
    ("persons", "birth_date", "1987-02-29", NO_DAY),
    ("persons", "birth_date", "1987-13-01", NO_DAY),
    ("persons", "birth_date", "1900-01-01", "is on or before 1900-01-01"),
    ("persons", "birth_date", "2024-01-01", "is after the data cut"),
    ("persons", "sex", "quetzal", "is not one of female, male, not stated"),
    ("persons", "sex", "Male", "is not one of female, male, not stated"),
    ("persons", "ethnicity", "", "is blank"),
    ("persons", "ethnicity", "quet\x07zal", "holds control characters or is over 1,000 long"),
    ("persons", "ethnicity", "quetzal" * 200, "holds control characters or is over 1,000 long"),
    ("persons", "imd_decile", "seventh", "is not a whole number"),
    ("persons", "imd_decile", "7.5", "is not a whole number"),
    ("persons", "imd_decile", "٧", "is not a whole number"),
    ("persons", "imd_decile", "98765432109876543210", "is not a whole number"),
    ("persons", "imd_decile", "0", "is not between 1 and 10"),
    ("persons", "imd_decile", "11", "is not between 1 and 10"),
    ("persons", "imd_decile", "-4", "is not between 1 and 10"),
    ("disposals", "incident_id", "", "is blank"),
    ("disposals", "person_id", "", "is blank"),
    ("disposals", "person_id", "quetzal", "is not among the kept rows of persons.person_id"),
    ("disposals", "force", "quetzal", "is not among the kept rows of schemes.force"),
    ("disposals", "incident_date", "1990-06-14", BIRTH),
    ("disposals", "offence_group", "", "is blank"),
    ("disposals", "outcome_code", "23", "is not between 0 and 22"),
    ("disposals", "outcome_code", "1a", "is not a whole number"),
    ("disposals", "outcome_date", "2019-05-04", "is before incident_date"),
    ("disposals", "outcome_date", "2024-02-03", "is after the data cut"),
    ("offences", "offence_id", "", "is blank"),
    ("offences", "person_id", "quetzal", "is not among the kept rows of persons.person_id"),
    ("offences", "offence_date", "1990-06-14", BIRTH),
    ("offences", "offence_group", "", "is blank"),
    (
        "offences",
        "outcome_type",
        "quetzal",
        "is not one of conviction, caution, reprimand, warning, community_resolution, no_further_action, pending",
    ),
    ("offences", "outcome_date", "2019-05-04", "is before offence_date"),
    (
        "offences",
        "outcome_date",
        "",
        "is blank where outcome_type is conviction or caution or reprimand or warning",
    ),
    ("contacts", "incident_id", "quetzal", "is not among the kept rows of disposals.incident_id"),
    ("contacts", "incident_id", "I2", "is in disposals with another person_id"),
    ("contacts", "stage", "quetzal", "is not one of referred, assessed, attended, completed"),
    ("contacts", "contact_date", "2018-06-13", "is before disposals.incident_date"),
    ("treatments", "start_date", "1990-06-14", BIRTH),
    ("exits", "exit_date", "1984-12-31", BIRTH),
    ("exits", "kind", "quetzal", "is not one of death, emigration"),
    ("schemes", "force", "", "is blank"),
    ("schemes", "start_date", "quetzal", WRITTEN),
]


@pytest.mark.parametrize(("table", "column", "value", "rule"), BREACHES)
def test_one_bad_cell_is_one_line_that_names_table_row_column_and_rule_and_no_value(
    table: str, column: str, value: str, rule: str
) -> None:
    extract = checked(raw(**{table: [spoilt(table, **{column: value})]}))
    n = len(GOOD[table]) + 1
    assert lines(extract) == [(table, n, column, rule)]
    quality = extract.quality.set_index("table").loc[table]
    assert list(quality) == [n, n - 1, 0, 1]
    if len(value) > 2 and value not in rule:
        assert value not in extract.quarantine.to_csv()


@pytest.mark.parametrize(
    ("table", "cells"),
    [
        ("disposals", {"incident_date": "1990-06-15", "outcome_date": "1990-06-15"}),
        ("disposals", {"outcome_date": "2023-12-31"}),
        ("disposals", {"outcome_code": "22"}),
        ("offences", {"offence_date": "2011-01-01", "outcome_date": "2011-02-01"}),
        ("offences", {"offence_group": "a group nobody has heard of"}),
        ("offences", {"outcome_type": "no_further_action", "outcome_date": ""}),
        ("contacts", {"contact_date": "2018-06-14"}),
        ("persons", {"birth_date": "1900-01-02"}),
        ("persons", {"birth_date": "1988-02-29"}),
    ],
)
def test_what_is_only_just_possible_is_kept(table: str, cells: dict[str, str]) -> None:
    assert lines(checked(raw(**{table: [spoilt(table, **cells)]}), limit=0.0)) == []


def test_an_incident_after_its_own_outcome_breaks_the_rule_of_the_outcome_date() -> None:
    extract = checked(raw(disposals=[spoilt("disposals", incident_date="2019-06-07")]))
    assert lines(extract) == [("disposals", 4, "outcome_date", "is before incident_date")]


def test_of_exact_duplicates_the_first_is_kept() -> None:
    extract = checked(raw(persons=[GOOD["persons"][0]]))
    assert lines(extract) == [("persons", 4, "person_id", "is an exact duplicate of an earlier row")]
    assert extract.tables["persons"]["person_id"].tolist() == ["P1", "P2", "P3"]


def test_a_person_with_two_dates_of_birth_is_quarantined_whole_with_the_records_that_hang_on_it() -> None:
    extract = checked(raw(persons=[("P1", "1991-06-15", "male", "White", "3")]))
    assert lines(extract) == [
        ("contacts", 1, "person_id", "is not among the kept rows of persons.person_id"),
        ("disposals", 1, "person_id", "is not among the kept rows of persons.person_id"),
        ("offences", 1, "person_id", "is not among the kept rows of persons.person_id"),
        ("persons", 1, "person_id", "is the key of rows that differ"),
        ("persons", 4, "person_id", "is the key of rows that differ"),
    ]


def test_two_people_may_share_an_incident_and_one_person_may_not_have_it_twice() -> None:
    shared = spoilt("disposals", incident_id="I1", person_id="P2")
    assert lines(checked(raw(disposals=[shared]), limit=0.0)) == []
    again = spoilt("disposals", incident_id="I1")
    rule = "is the key of rows that differ"
    mine = [line for line in lines(checked(raw(disposals=[again]))) if line[0] == "disposals"]
    assert mine == [("disposals", 1, "incident_id", rule), ("disposals", 4, "incident_id", rule)]


def test_a_person_may_emigrate_and_die_and_both_are_kept() -> None:
    extract = checked(raw(exits=[("P3", "2020-01-05", "emigration")]), limit=0.0)
    assert len(extract.tables["exits"]) == 2


def test_two_dates_of_death_are_not_guessed_between() -> None:
    extract = checked(raw(exits=[("P3", "2020-06-05", "death")]))
    assert [line[1:] for line in lines(extract)] == [
        (1, "person_id", "is the key of rows that differ"),
        (2, "person_id", "is the key of rows that differ"),
    ]


def test_a_row_that_breaks_several_rules_has_a_line_for_each_and_is_counted_once() -> None:
    bad = ("P9", "1987-02-31", "quetzal", "", "eleven")
    extract = checked(raw(persons=[bad]))
    assert [line[2] for line in lines(extract)] == ["birth_date", "ethnicity", "imd_decile", "sex"]
    assert extract.quality.set_index("table").loc["persons", "rows_quarantined"] == 1


def test_a_missing_table_is_named_with_its_columns_and_all_are_named_at_once() -> None:
    tables = raw()
    del tables["contacts"], tables["schemes"]
    with pytest.raises(DataError) as stopped:
        checked(tables)
    assert stopped.value.problems == (
        "contacts: the table is missing. Its columns are contact_id, person_id, incident_id, stage, contact_date.",
        "schemes: the table is missing. Its columns are force, start_date.",
    )


def test_the_optional_tables_may_be_missing_and_come_out_empty() -> None:
    tables = raw()
    del tables["treatments"], tables["exits"]
    extract = checked(tables, limit=0.0)
    assert [len(extract.tables[n]) for n in ("treatments", "exits")] == [0, 0]
    assert list(extract.tables["exits"].columns) == ["person_id", "exit_date", "kind"]


def test_missing_columns_of_every_table_are_named_at_once_with_the_nearest() -> None:
    tables = raw()
    tables["persons"] = tables["persons"].rename(columns={"birth_date": "birthdate"})
    tables["exits"] = tables["exits"].drop(columns="kind")
    with pytest.raises(DataError) as stopped:
        checked(tables)
    first, second = stopped.value.problems
    assert first.startswith("persons: column 'birth_date' is missing. Did you mean 'birthdate'?")
    assert second.startswith("exits: column 'kind' is missing.")


def test_a_table_without_rows_is_refused_unless_a_study_can_do_without_it() -> None:
    tables = raw()
    tables["disposals"], tables["exits"] = tables["disposals"].head(0), tables["exits"].head(0)
    with pytest.raises(DataError) as stopped:
        checked(tables)
    assert stopped.value.problems == ("disposals: the table has no rows.",)


def crowd(bad: int) -> Raw:
    """100 people, the last few with a decile that is no number."""
    people: list[tuple[str, ...]] = [
        (f"P{i}", "1990-06-15", "male", "White", "quetzal" if i > 100 - bad else "3") for i in range(4, 101)
    ]
    return raw(persons=people)


def test_the_tolerated_share_itself_is_tolerated() -> None:
    extract = checked(crowd(bad=2), limit=0.02)
    assert list(extract.quality.set_index("table").loc["persons"]) == [100, 98, 0, 2]


def test_above_the_tolerated_share_the_run_stops_and_says_which_rule_how_many_rows_and_which() -> None:
    with pytest.raises(DataError) as stopped:
        checked(crowd(bad=3), limit=0.02)
    (said,) = stopped.value.problems
    assert said.startswith(
        "persons: 3 of 100 rows break the contract, more than the protocol's quarantine_limit of 2.0%: "
        "imd_decile: is not a whole number (3 rows). First rows: 98, 99, 100."
    )
    assert "quetzal" not in said


def test_every_table_above_the_share_is_named_in_one_error() -> None:
    tables = raw(treatments=[spoilt("treatments", start_date="soon")], exits=[spoilt("exits", kind="quetzal")])
    with pytest.raises(DataError) as stopped:
        checked(tables, limit=0.1)
    assert [p.split(":")[0] for p in stopped.value.problems] == ["treatments", "exits"]


def test_a_table_that_is_bad_throughout_leaves_an_empty_typed_one() -> None:
    tables = raw()
    tables["persons"]["birth_date"] = "1987-02-31"
    extract = checked(tables)
    assert [len(extract.tables[n]) for n in ("persons", "disposals", "offences", "contacts")] == [0, 0, 0, 0]
    assert extract.tables["persons"]["birth_date"].dtype.kind == "M"
    assert extract.quality.set_index("table").loc["disposals", "rows_quarantined"] == 3
