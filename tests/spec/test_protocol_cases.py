"""cases.yaml: invented people with the answers that are expected of the rules, read as strictly as the plan."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pdd_outcomes.cohort.cases import check_cases
from pdd_outcomes.core.errors import ProtocolError
from pdd_outcomes.protocol import Cases, load_cases, load_protocol
from pdd_outcomes.protocol.template import write_scaffold

ANALYSES = Path(__file__).resolve().parents[2] / "analyses"
SHIPPED = ("nc_work_release", "pdd_thirteen_forces")

TWO = """\
cases:
  - name: One
    row: {programme: 1, follow_up: 7}
    expect: {treated: 1, outcomes: {back: {event: 1, time: 7}}}
  - name: Two
    row: {programme: null, follow_up: 7.5}
    expect: {included: false}
"""


def cases(root: Path, *edits: tuple[str, str], text: str = TWO) -> Path:
    for before, after in edits:
        assert before in text
        text = text.replace(before, after, 1)
    path = root / "a_study" / "cases.yaml"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    return path


def problems(root: Path, *edits: tuple[str, str], text: str = TWO) -> tuple[str, ...]:
    """What is wrong with the cases, each line without the folders of this machine."""
    path = cases(root, *edits, text=text)
    with pytest.raises(ProtocolError) as stopped:
        load_cases(path)
    assert all("a_study/cases.yaml" in p for p in stopped.value.problems)
    return tuple(p.split("a_study/", 1)[1] for p in stopped.value.problems)


def outcome_of(root: Path, before: str, after: str) -> list[tuple[str, ...]]:
    """What comes out otherwise than expected in a new study's cases, one of them edited."""
    write_scaffold(root, "a_study", "person_table")
    path = root / "a_study" / "cases.yaml"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")
    results = check_cases(load_protocol(root / "a_study" / "protocol.yaml"), load_cases(path))
    return [r.problems for r in results]


@pytest.mark.parametrize("study", SHIPPED)
def test_the_shipped_cases_load_and_come_out_as_expected(study: str) -> None:
    protocol = load_protocol(ANALYSES / study / "protocol.yaml")
    results = check_cases(protocol, load_cases(ANALYSES / study / "cases.yaml"))
    assert len(results) >= 6
    assert [r for r in results if r.problems] == []


def test_people_keep_their_order_and_what_is_not_given_is_not_expected(tmp_path: Path) -> None:
    one, two = load_cases(cases(tmp_path)).cases
    assert (one.name, one.row, one.expect.treated) == ("One", {"programme": 1, "follow_up": 7}, 1)
    assert (two.expect.included, two.expect.treated, two.expect.outcomes) == (False, None, {})


def test_cells_stay_the_number_text_date_or_blank_that_they_are(tmp_path: Path) -> None:
    row = "row: {a: 7, b: 7.5, c: '7', d: 2020-01-31, e: null, f: yes, g: 12:30}"
    (one, _) = load_cases(cases(tmp_path, ("row: {programme: 1, follow_up: 7}", row))).cases
    assert one.row == {"a": 7, "b": 7.5, "c": "7", "d": date(2020, 1, 31), "e": None, "f": "yes", "g": "12:30"}
    assert [type(v) for v in one.row.values()] == [int, float, str, date, type(None), str, str]


def test_an_expectation_that_fails_is_told_with_what_came_out_instead(tmp_path: Path) -> None:
    assert outcome_of(tmp_path, "event: 1, time: 7", "event: 0, time: 8") == [
        ("reoffending: event is 1, expected 0", "reoffending: time is 7, expected 8"),
        (),
    ]


def test_an_expected_outcome_that_the_plan_does_not_have_is_told(tmp_path: Path) -> None:
    assert outcome_of(tmp_path, "outcomes: {reoffending:", "outcomes: {reofending:") == [
        ("outcome reofending is not in the protocol",),
        (),
    ]


def test_an_unknown_key_is_told_with_its_line_and_the_nearest_right_one(tmp_path: Path) -> None:
    assert problems(tmp_path, ("included: false", "inclded: false")) == (
        "cases.yaml:7: cases.1.expect.inclded: this key is not known. Did you mean 'included'? Allowed here: included, "
        "excluded_because, diverted, treated, disposal, covariates, outcomes.",
    )


def test_the_nearest_key_is_found_inside_of_an_outcome_too(tmp_path: Path) -> None:
    assert problems(tmp_path, ("event: 1, time", "event: 1, tme")) == (
        "cases.yaml:4: cases.0.expect.outcomes.back.tme: this key is not known. Did you mean 'time'? Allowed here: event, time.",
    )


def test_a_table_that_is_not_of_the_contract_is_refused(tmp_path: Path) -> None:
    (said,) = problems(tmp_path, ("    row: {programme: 1", "    offense: []\n    row: {programme: 1"))
    assert said.startswith("cases.yaml:3: cases.0.offense: this key is not known. Did you mean 'offences'?")


@pytest.mark.parametrize("text", ["", "# people to come\n", "\n\n"])
def test_an_empty_file_is_refused(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text=text) == ("cases.yaml:1: the file is empty.",)


def test_a_list_without_people_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, text="schemes: []\ncases: []\n") == (
        "cases.yaml:2: cases: found a list of 0; allowed: at least 1 in the list.",
    )


def test_a_file_without_the_list_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, text="schemes: []\n") == ("cases.yaml:1: cases: is missing, and has no default.",)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("event: 1,", "event: 2,", "cases.0.expect.outcomes.back.event: found 2; allowed: a number of at most 1."),
        ("event: 1,", "event: true,", "cases.0.expect.outcomes.back.event: found true; allowed: a whole number."),
        ("time: 7}", "time: 0}", "cases.0.expect.outcomes.back.time: found 0; allowed: a number above 0."),
        ("treated: 1", "treated: yes", "cases.0.expect.treated: found 'yes'; allowed: a whole number."),
        ("follow_up: 7}", "follow_up: [7]}", "cases.0.row.follow_up: found a list of 1; allowed: text, a number, a date or null; "
        "quote true and false if they are text."),
        ("follow_up: 7}", "follow_up: true}", "cases.0.row.follow_up: found true; allowed: text, a number, a date or null; "
        "quote true and false if they are text."),
        ("follow_up: 7}", "follow_up: 1e999}", "cases.0.row.follow_up: found inf; allowed: text, a number, a date or null; "
        "quote true and false if they are text."),
        ("follow_up: 7}", "follow_up: 007}", "cases.0.row.follow_up: found 007; a whole number has no leading zero. Quote it if it "
        "is a code."),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_once_with_its_key(tmp_path: Path, before: str, after: str, said: str) -> None:
    (told,) = problems(tmp_path, (before, after))
    assert told.split(": ", 1)[1] == said


def test_two_people_of_one_name_are_refused_for_a_failure_could_not_be_told_apart(tmp_path: Path) -> None:
    assert problems(tmp_path, ("name: Two", "name: One")) == (
        "cases.yaml:5: cases.1.name: found 'One' again; allowed: a name that is used once.",
    )


def test_an_answer_expected_of_somebody_left_out_is_refused_for_it_would_never_be_checked(
    tmp_path: Path,
) -> None:
    (said,) = problems(tmp_path, ("included: false", "included: false, treated: 0"))
    assert said.startswith(
        "cases.yaml:7: cases.1.expect.treated: is expected of somebody who is expected to be excluded"
    )


def test_a_reason_for_exclusion_of_somebody_included_is_refused(tmp_path: Path) -> None:
    (said,) = problems(tmp_path, ("included: false", "excluded_because: quarantined"))
    assert said.startswith(
        "cases.yaml:7: cases.1.expect.excluded_because: is given for somebody expected to be included."
    )


def test_a_person_without_records_is_refused(tmp_path: Path) -> None:
    (said,) = problems(tmp_path, ("    row: {programme: null, follow_up: 7.5}\n", ""))
    assert said.startswith("cases.yaml:5: cases.1: has no records")


def test_a_row_beside_records_of_event_tables_is_refused(tmp_path: Path) -> None:
    (said,) = problems(tmp_path, ("    row: {programme: 1", "    person: {sex: male}\n    row: {programme: 1"))
    assert said.startswith(
        "cases.yaml:4: cases.0.row: is the row of a person table, beside records of event tables."
    )


def test_every_problem_of_the_file_is_told_at_once_in_the_order_of_its_lines(tmp_path: Path) -> None:
    told = problems(
        tmp_path, ("event: 1,", "event: 3,"), ("included: false", "included: no"), ("name: One", "name: []")
    )
    assert [t.split(":")[1] for t in told] == ["2", "4", "7"]


def test_the_schemes_of_forces_are_read(tmp_path: Path) -> None:
    text = "schemes:\n  - {force: Alder, start_date: 2015-04-01}\n" + TWO
    assert load_cases(cases(tmp_path, text=text)).schemes == (
        {"force": "Alder", "start_date": date(2015, 4, 1)},
    )


def test_cases_made_in_code_obey_the_same_types() -> None:
    with pytest.raises(ValueError, match="name"):
        Cases.model_validate({"cases": [{"name": "", "expect": {}}]})
