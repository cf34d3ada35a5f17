"""One row a person, badly sent: which rows are kept, which are quarantined by what rule, and what stops the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pdd_outcomes.cohort import build_cohort, build_outcomes
from pdd_outcomes.cohort.populations import population
from pdd_outcomes.core.errors import DataError
from pdd_outcomes.extract import Extract, read_extract
from pdd_outcomes.extract.person_table import validate_person_table
from pdd_outcomes.protocol import Protocol


def plan(**changes: Any) -> Protocol:
    person_table = {
        "id": "ref",
        "treatment": {"column": "group", "treated": [1, "yes"], "comparator": [0]},
        "time": {"column": "months"},
        "event": {"column": "back", "values": [1]},
    }
    return Protocol.model_validate(
        {
            "study": "a_study",
            "title": "A study",
            "question": "Does it help?",
            "version": "1",
            "data": {"shape": "person_table", "source": "folder:data", "quarantine_limit": 1.0},
            "person_table": person_table | changes,
            "time_unit": "months",
            "horizons": [12],
            "tau": 12,
            "outcomes": [{"id": "back", "label": "return", "kind": "column", "main": True}],
            "analyses": [
                {
                    "id": "main",
                    "exposure": "person",
                    "label": "Group against none",
                    "treated_label": "Group",
                    "control_label": "None",
                    "population": "Everyone",
                    "headline": True,
                    "design": {"covariates": ["age", "sex"], "exact": ["area"]},
                }
            ],
        }
    )


ROW = {"ref": "R0", "group": "1", "months": "5", "back": "0", "age": "30", "sex": "male", "area": "01"}


def table(*changes: dict[str, str], good: int = 3) -> pd.DataFrame:
    """A few good rows, half of each arm, then one for each of `changes`."""
    rows = [ROW | {"ref": f"R{i + 1}", "group": str(i % 2), "back": str(i % 2)} for i in range(good)]
    return pd.DataFrame([*rows, *(ROW | c for c in changes)], dtype=str)


def lines(extract: Extract) -> list[tuple[object, ...]]:
    return list(extract.quarantine.drop(columns="value").itertuples(index=False, name=None))


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("ref", "", "is blank"),
        ("group", "", "is blank"),
        ("back", "", "is blank"),
        ("months", "", "is blank"),
        ("months", "-3.25", "is not above 0"),
        ("months", "0", "is not above 0"),
        ("months", "0.000", "is not above 0"),
        ("months", "half a year", "is not a number"),
        ("months", "NaN", "is not a number"),
        ("months", "inf", "is not a number"),
        ("months", "1,5", "is not a number"),
        ("months", "٧", "is not a number"),
        ("months", "1e999", "is too large to be a number"),
        ("age", "NA", "is a word where the others are numbers; leave it blank if it is missing"),
        ("age", "#N/A", "is a word where the others are numbers; leave it blank if it is missing"),
        ("age", "unknown", "is a word where the others are numbers; leave it blank if it is missing"),
        ("age", "1e999", "is too large to be a number"),
    ],
)
def test_a_bad_cell_quarantines_its_row_by_name_of_column_and_rule(column: str, value: str, rule: str) -> None:
    extract = validate_person_table(table({column: value}), plan())
    assert lines(extract) == [("person", 4, column, rule)]
    assert extract.quality.iloc[0].tolist() == ["person", 4, 3, 0, 1]
    if len(value) > 2:
        assert value not in extract.quarantine.to_csv()
    assert len(extract.tables["person"]) == 3


def test_every_row_of_a_repeated_identity_is_quarantined() -> None:
    extract = validate_person_table(table({"ref": "R2"}, {"ref": "R9"}), plan())
    assert lines(extract) == [
        ("person", 2, "ref", "names more than one row"),
        ("person", 4, "ref", "names more than one row"),
    ]


@pytest.mark.parametrize(
    "alike",
    [["1", "1.0", "+1", "1e0"], ["2", "02"], ["12345678901234567890", "12345678901234567891"]],
)
def test_an_identity_is_text_whatever_it_looks_like(alike: list[str]) -> None:
    extract = validate_person_table(table(*({"ref": ref} for ref in alike), good=0), plan())
    people = build_cohort(plan(), extract.tables).people
    assert people["subject"].tolist() == alike
    assert build_outcomes(plan(), extract.tables, people)["subject"].tolist() == alike


def test_without_an_identity_the_rows_are_numbered_as_they_came() -> None:
    protocol = plan(id=None)
    extract = validate_person_table(table({"months": "-1"}, {}), protocol)
    assert build_cohort(protocol, extract.tables).people["subject"].tolist() == ["1", "2", "3", "5"]


def test_missing_columns_are_all_named_with_the_key_that_asks_for_them_and_the_nearest() -> None:
    sent = table().rename(columns={"months": "month", "age": "years"}).drop(columns="area")
    with pytest.raises(DataError) as stopped:
        validate_person_table(sent, plan())
    assert stopped.value.problems == (
        "person: person_table.time.column: 'months' is not a column of the data. Did you mean 'month'?",
        "person: analyses.0.design: 'age' is not a column of the data.",
        "person: analyses.0.design: 'area' is not a column of the data.",
    )


def test_a_column_with_a_name_of_the_cohorts_own_is_refused() -> None:
    with pytest.raises(DataError, match="the column 'treated' has a name that the cohort uses for its own"):
        validate_person_table(table().assign(treated="1"), plan())


def test_a_table_without_rows_is_refused() -> None:
    with pytest.raises(DataError, match="the table has no rows"):
        validate_person_table(table(good=0).reindex(columns=list(ROW)), plan())


def test_the_tolerated_share_is_tolerated_and_one_row_more_is_not() -> None:
    bad = {"months": "-1"}
    assert len(validate_person_table(table(bad, good=9), plan(), quarantine_limit=0.1).tables["person"]) == 9
    with pytest.raises(
        DataError, match=r"2 of 11 rows .* months: is not above 0 \(2 rows\)\. First rows: 10, 11"
    ):
        validate_person_table(table(bad, bad | {"ref": "R0b"}, good=9), plan(), quarantine_limit=0.1)


def test_types_come_from_the_values_and_codes_keep_their_noughts() -> None:
    sent = table({"ref": "R4", "age": ""}).assign(long="12345678901234567890", rate="0.5", note="")
    frame = validate_person_table(sent, plan()).tables["person"]
    kinds = {name: frame[name].dtype.kind for name in ("months", "age", "rate")}
    assert kinds == {"months": "i", "age": "f", "rate": "f"}
    assert frame["area"].tolist() == ["01"] * 4
    assert frame["long"].tolist() == ["12345678901234567890"] * 4


def test_categories_among_which_one_is_called_unknown_stay_categories() -> None:
    extract = validate_person_table(table({"sex": "unknown"}), plan())
    assert lines(extract) == []
    assert set(extract.tables["person"]["sex"]) == {"male", "unknown"}


def test_a_treatment_in_neither_list_is_left_out_and_counted_and_a_missing_covariate_too() -> None:
    sent = table({"group": "2"}, {"ref": "R8", "group": "yes", "age": ""}, {"ref": "R9", "group": "YES"})
    extract = validate_person_table(sent, plan())
    cohort = build_cohort(plan(), extract.tables)
    assert cohort.people["subject"].tolist() == ["R1", "R2", "R3"]
    assert cohort.flow[["rule", "n_in", "n_excluded", "n_out"]].values.tolist() == [
        ["treatment is neither", 6, 2, 4],
        ["age is missing", 4, 1, 3],
    ]


def test_the_cohort_holds_neither_the_time_nor_the_event() -> None:
    people = build_cohort(plan(), validate_person_table(table(), plan()).tables).people
    assert list(people.columns) == ["subject", "treated", "ref", "group", "age", "sex", "area"]


def test_nobody_declared_stops_the_cohort_with_the_count() -> None:
    extract = validate_person_table(table().assign(group="7"), plan())
    with pytest.raises(DataError, match=r"nobody is eligible\. Excluded: treatment is neither: 3"):
        build_cohort(plan(), extract.tables)


@pytest.mark.parametrize(("group", "empty"), [("1", "None"), ("0", "Group")])
def test_an_empty_arm_is_named(group: str, empty: str) -> None:
    protocol = plan()
    people = build_cohort(protocol, validate_person_table(table().assign(group=group), protocol).tables).people
    with pytest.raises(DataError, match=rf"main: the arm '{empty}' is empty \(3 people"):
        population(protocol, protocol.analyses[0], people)


def test_outcomes_follow_the_people_and_not_the_order_of_the_table() -> None:
    protocol = plan()
    extract = validate_person_table(table({"months": "7.5", "back": "1"}), protocol)
    people = build_cohort(protocol, extract.tables).people.iloc[::-1]
    outcomes = build_outcomes(protocol, extract.tables, people)
    assert outcomes[["subject", "time", "event"]].values.tolist() == [
        ["R0", 7.5, 1],
        ["R3", 5.0, 0],
        ["R2", 5.0, 1],
        ["R1", 5.0, 0],
    ]


def test_an_event_value_that_is_nowhere_in_the_data_is_refused_and_no_value_of_the_data_is_shown(
    tmp_path: Path,
) -> None:
    table().assign(back="quetzal").to_csv(tmp_path / "person.csv", index=False)
    with pytest.raises(DataError, match="nobody would have had the event") as stopped:
        read_extract(plan(), tmp_path)
    assert "quetzal" not in str(stopped.value)


def test_a_stray_word_among_numbers_is_put_aside_and_the_column_stays_a_number(tmp_path: Path) -> None:
    frame = table(good=40).assign(age=[str(20 + i) for i in range(40)])
    frame.loc[frame.index[7], "age"] = "n/k"
    frame.to_csv(tmp_path / "person.csv", index=False)
    extract = read_extract(plan(), tmp_path)
    assert extract.tables["person"]["age"].dtype.kind in "if"
    assert [(line[2], "word where the others are numbers" in str(line[3])) for line in lines(extract)] == [
        ("age", True)
    ]


def test_a_second_spelling_of_the_event_does_not_pass_as_no_event(tmp_path: Path) -> None:
    frame = table(good=4)
    frame.loc[frame.index[0], "back"] = "y"
    assert frame["back"].nunique() == 3
    frame.to_csv(tmp_path / "person.csv", index=False)
    with pytest.raises(
        DataError, match=r"holds 2 different values beside those that are the event, the rarest in 1 rows"
    ):
        read_extract(plan(), tmp_path)


def test_a_folder_without_the_person_table_says_what_it_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no file person that ends in"):
        read_extract(plan(), tmp_path)


def test_csv_and_parquet_of_one_table_make_one_extract(tmp_path: Path) -> None:
    sent = table({"months": "0"}, {"ref": "R7", "age": ""})
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    sent.to_csv(tmp_path / "one" / "person.csv", index=False)
    typed = sent.assign(
        months=sent["months"].astype(int), back=sent["back"].astype(int), age=pd.to_numeric(sent["age"])
    )
    typed.to_parquet(tmp_path / "two" / "person.parquet")
    one, two = (read_extract(plan(), tmp_path / name) for name in ("one", "two"))
    pd.testing.assert_frame_equal(one.tables["person"], two.tables["person"])
    assert lines(one) == lines(two) == [("person", 4, "months", "is not above 0")]
