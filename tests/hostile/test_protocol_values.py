"""Values and keys that the plan does not take: wrong types are not coerced, and nothing that is not known is let by."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdd_outcomes.core.errors import ProtocolError
from pdd_outcomes.protocol import load_protocol
from pdd_outcomes.protocol.template import write_scaffold

PERSON, EVENTS = "person_table", "event_tables"


def told(root: Path, shape: str, *edits: tuple[str, str]) -> tuple[str, ...]:
    """The problems of a new study's protocol with parts of its text replaced: 'key: what is wrong'."""
    write_scaffold(root, "a_study", shape)
    path = root / "a_study" / "protocol.yaml"
    text = path.read_text(encoding="utf-8")
    for before, after in edits:
        assert before in text, f"the scaffold no longer holds {before!r}"
        text = text.replace(before, after, 1)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProtocolError) as stopped:
        load_protocol(path)
    return tuple(p.split(": ", 1)[1] for p in stopped.value.problems)


@pytest.mark.parametrize(
    ("shape", "before", "after", "said"),
    [
        (PERSON, "study: a_study", "studdy: a_study", "studdy: this key is not known. Did you mean 'study'?"),
        (PERSON, "  quarantine_limit:", "  quarantine:", "data.quarantine: this key is not known. Did you mean 'quarantine_limit'?"),
        (PERSON, "treated: [1]", "trated: [1]", "person_table.treatment.trated: this key is not known. Did you mean 'treated'?"),
        (PERSON, "kind: column", "knd: column", "outcomes.0.knd: this key is not known. Did you mean 'kind'?"),
        (PERSON, "    estimand:", "    estimnd:", "analyses.0.estimnd: this key is not known. Did you mean 'estimand'?"),
        (PERSON, "      ratio:", "      ration:", "analyses.0.design.ration: this key is not known. Did you mean 'ratio'?"),
        (PERSON, "max_smd", "maxsmd", "analyses.0.gates.maxsmd: this key is not known. Did you mean 'max_smd'?"),
        (PERSON, "curve_min_n:", "curve_minn:", "release.curve_minn: this key is not known. Did you mean 'curve_min_n'?"),
        (PERSON, "sources: []", "reporting: {alfa: 0.05}", "reporting.alfa: this key is not known. Did you mean 'alpha'?"),
        (EVENTS, "  grace_days:", "  grace_day:", "cohort.grace_day: this key is not known. Did you mean 'grace_days'?"),
        (EVENTS, "from: 2020", "form: 2020", "cohort.window.form: this key is not known. Did you mean 'from'?"),
        (EVENTS, "from: 2020", "from_: 2020", "cohort.window.from_: this key is not known. Did you mean 'from'?"),
        (EVENTS, "contact: referred", "contacts: referred", "cohort.diverted.contacts: this key is not known. Did you mean 'contact'?"),
        (EVENTS, "outcome_codes:", "outcome_code:", "cohort.comparator.outcome_code: this key is not known. Did you mean 'outcome_codes'?"),
    ],
)  # fmt: skip
def test_an_unknown_key_is_refused_at_every_level_and_the_nearest_is_named(
    tmp_path: Path, shape: str, before: str, after: str, said: str
) -> None:
    assert any(problem.startswith(said) for problem in told(tmp_path, shape, (before, after)))


def test_an_unknown_key_that_resembles_none_gets_the_list_of_those_there_are(tmp_path: Path) -> None:
    assert told(tmp_path, PERSON, ("max_smd: 0.1", "qqq: 1")) == (
        "analyses.0.gates.qqq: this key is not known. Allowed here: max_smd, min_ess, override.",
    )


def test_a_key_whose_name_begins_like_a_type_keeps_its_name_in_the_message(tmp_path: Path) -> None:
    assert told(tmp_path, PERSON, ("intervals: [6]", "intervals: six")) == (
        "intervals: found 'six'; allowed: a list, such as [a, b].",
    )


@pytest.mark.parametrize("value", ['"12"', "true", "2020-01-31", "[12]", "{a: 12}", "null"])
def test_what_is_not_a_number_is_not_made_one(tmp_path: Path, value: str) -> None:
    (said,) = told(tmp_path, PERSON, ("tau: 12 ", f"tau: {value} "))
    assert said.startswith("tau: found ")
    assert "allowed: a number" in said


@pytest.mark.parametrize("value", ['"1"', "1.0", "1.5", "true", "1e0", "null", "one"])
def test_what_is_not_a_whole_number_is_not_made_one(tmp_path: Path, value: str) -> None:
    (said,) = told(tmp_path, PERSON, ("ratio: 1", f"ratio: {value}"))
    assert said.startswith("analyses.0.design.ratio: found ")
    assert "; allowed: a whole number" in said


@pytest.mark.parametrize("value", ["1", "0", '"true"', "yes", "null", "1.0"])
def test_what_is_not_true_or_false_is_not_made_so(tmp_path: Path, value: str) -> None:
    (said,) = told(tmp_path, PERSON, ("replace: false", f"replace: {value}"))
    assert said.startswith("analyses.0.design.replace: found ")
    assert "; allowed: true or false" in said


@pytest.mark.parametrize(
    "value", ['"2024-12-31"', "20241231", "1735603200", "2024-12-31T00:00:00", "31/12/2024", "null", "2024-1-5"]
)
def test_what_is_not_a_day_is_not_made_one(tmp_path: Path, value: str) -> None:
    (said,) = told(tmp_path, EVENTS, ("to: 2021-12-31", f"to: {value}"))
    assert said.startswith("cohort.window.to: found ")
    assert "; allowed: a date such as 2020-01-31" in said


@pytest.mark.parametrize(("value", "found"), [("1.0", "1.0"), ("true", "true"), ("2020-01-31", "2020-01-31")])
def test_what_is_not_text_is_not_made_text_and_quotes_are_advised(
    tmp_path: Path, value: str, found: str
) -> None:
    assert told(tmp_path, PERSON, ('version: "0.1"', f"version: {value}")) == (
        f"version: found {found}; allowed: text; put it in quotes.",
    )


@pytest.mark.parametrize(
    ("value", "advice"), [('"5"', ", without quotes"), ('"2.5"', ", without quotes"), ("five", "")]
)
def test_quotes_too_many_are_advised_against_where_they_are_the_mistake(
    tmp_path: Path, value: str, advice: str
) -> None:
    (said,) = told(tmp_path, PERSON, ("caliper: 0.2", f"caliper: {value}"))
    assert said.endswith(f"allowed: a number{advice}.")


@pytest.mark.parametrize("value", ["", '""', '"  "', "~"])
def test_text_that_is_empty_is_refused(tmp_path: Path, value: str) -> None:
    (said,) = told(tmp_path, PERSON, ("population: Who the people are, where and when", f"population: {value}"))
    assert said.startswith("analyses.0.population: found ")


@pytest.mark.parametrize("value", ["[true]", "[1.0]", "[null]", "[2020-01-31]", "[[1]]", '[""]', "[{a: 1}]"])
def test_a_value_of_a_column_is_text_or_a_whole_number_and_is_told_once(tmp_path: Path, value: str) -> None:
    (said,) = told(tmp_path, PERSON, ("treated: [1]", f"treated: {value}"))
    assert said.startswith("person_table.treatment.treated.0: found ")
    assert "allowed: text or a whole number; quote true, false, a decimal or a date" in said


@pytest.mark.parametrize("value", ["1", "[]", "text", "null"])
def test_a_part_that_is_not_keys_and_values_is_refused(tmp_path: Path, value: str) -> None:
    (said,) = told(tmp_path, PERSON, ("gates: {max_smd: 0.1, min_ess: 100}", f"gates: {value}"))
    assert said.startswith("analyses.0.gates: found ")
    assert said.endswith("allowed: keys and values.")


@pytest.mark.parametrize(
    ("shape", "before", "after", "said"),
    [
        (PERSON, "tau: 12 ", "tau: 0 ", "tau: found 0; allowed: a number above 0."),
        (PERSON, "tau: 12 ", "tau: -12 ", "tau: found -12; allowed: a number above 0."),
        (PERSON, "horizons: [3, 12]", "horizons: [0, 12]", "horizons.0: found 0; allowed: a number above 0."),
        (PERSON, "horizons: [3, 12]", "horizons: []", "horizons: found a list of 0; allowed: at least 1 in the list."),
        (PERSON, "caliper: 0.2", "caliper: 0", "analyses.0.design.caliper: found 0; allowed: a number above 0."),
        (PERSON, "ratio: 1", "ratio: 0", "analyses.0.design.ratio: found 0; allowed: a number of at least 1."),
        (PERSON, "max_smd: 0.1", "max_smd: 0", "analyses.0.gates.max_smd: found 0; allowed: a number above 0."),
        (PERSON, "threshold: 10", "threshold: 0", "release.threshold: found 0; allowed: a number of at least 1."),
        (PERSON, "rounding: 5", "rounding: 0", "release.rounding: found 0; allowed: a number of at least 1."),
        (PERSON, "limit: 0.01", "limit: 1.5", "data.quarantine_limit: found 1.5; allowed: a number of at most 1."),
        (PERSON, "limit: 0.01", "limit: -0.1", "data.quarantine_limit: found -0.1; allowed: a number of at least 0."),
        (PERSON, "limit: 0.01", "limit: 0.01\n  seed: -1", "data.seed: found -1; allowed: a number of at least 0."),
        (PERSON, "sources: []", "reporting: {level: 95}", "reporting.level: found 95; allowed: a number below 1."),
        (PERSON, "sources: []", "reporting: {alpha: 0}", "reporting.alpha: found 0; allowed: a number above 0."),
        (EVENTS, "min_age: 18", "min_age: 9", "cohort.min_age: found 9; allowed: a number of at least 10."),
        (EVENTS, "grace_days: 90", "grace_days: -1", "cohort.grace_days: found -1; allowed: a number of at least 0."),
        (EVENTS, "lookback_days: 1826", "lookback_days: 99999999999", "cohort.lookback_days: found 99999999999; allowed: a number "
         "of at most 36525."),
        (EVENTS, "outcome_codes: [1]", "outcome_codes: [0]", "cohort.comparator.outcome_codes.0: found 0; allowed: a number of at "
         "least 1."),
        (EVENTS, "outcome_codes: [1]", "outcome_codes: [1, 23]", "cohort.comparator.outcome_codes.1: found 23; allowed: a number "
         "of at most 22."),
    ],
)  # fmt: skip
def test_a_number_out_of_range_is_told_with_the_range(
    tmp_path: Path, shape: str, before: str, after: str, said: str
) -> None:
    assert told(tmp_path, shape, (before, after)) == (said,)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("shape: person_table", "shape: person", "data.shape: found 'person'; allowed: 'event_tables', 'person_table' or 'force_estimates'."),
        ("exposure: person", "exposure: people", "analyses.0.exposure: found 'people'; allowed: 'person' or 'force'."),
        ("estimand: ATT ", "estimand: ATE ", "analyses.0.estimand: found 'ATE'; allowed: 'ATT' or 'ATC'."),
        ("order: largest", "order: random", "analyses.0.design.order: found 'random'; allowed: 'largest', 'smallest', 'closest' or "
         "'data'."),
        ("time_unit: months", "time_unit: weeks", "time_unit: found 'weeks'; allowed: 'days' or 'months'."),
        ("id: programme", "id: The Programme", "analyses.0.id: found 'The Programme'; allowed: small letters, digits and "
         "underscores, a letter first."),
        ("source: folder:analyses/a_study/data", "source: data.csv", "data.source: found 'data.csv'; allowed: folder:PATH, "
         "public:NAME or synthetic:NAME."),
        ("source: folder:analyses/a_study/data", 'source: "folder:"', "data.source: found 'folder:'; allowed: folder:PATH, "
         "public:NAME or synthetic:NAME."),
    ],
)  # fmt: skip
def test_a_word_that_is_not_an_option_is_told_with_the_options(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    assert told(tmp_path, PERSON, (before, after)) == (said,)


@pytest.mark.parametrize(
    "after",
    ["", "  comparator:\n", "  comparator: null\n", "  comparator: {label: prosecuted}\n",
     "  comparator: {label: prosecuted, outcome_codes: []}\n", "  comparator: {label: prosecuted, outcome_codes: null}\n"],
)  # fmt: skip
def test_a_comparator_that_is_not_declared_is_refused_with_the_reason(tmp_path: Path, after: str) -> None:
    before = (
        "  comparator:                    # 'not diverted' is not 'prosecuted': say by outcome code what you compare with\n"
        "    label: prosecuted\n    outcome_codes: [1]\n"
    )
    (said,) = told(tmp_path, EVENTS, (before, after))
    assert said.startswith("cohort.comparator")
    assert "the comparator must be declared by outcome codes: 'not diverted' is not 'prosecuted'" in said
    assert "For example {label: prosecuted, outcome_codes: [1]}." in said


@pytest.mark.parametrize("after", ["", ", comparator: null", ", comparator: []"])
def test_a_person_tables_comparator_is_wanted_too_with_a_reason_of_its_own(tmp_path: Path, after: str) -> None:
    (said,) = told(tmp_path, PERSON, (", comparator: [0]", after))
    assert said.startswith("person_table.treatment.comparator: ")
    assert "whoever is not treated may be untreated, not yet treated or not recorded. For example [0]." in said
    assert "outcome codes" not in said


@pytest.mark.parametrize(
    ("before", "key"),
    [
        ("study: a_study\n", "study"),
        ("tau: 12                          # the mean event-free time is restricted to this\n", "tau"),
        ("  time: {column: follow_up}      # months from time zero to the event or the end of follow-up, above 0\n", "person_table.time"),
        ("    treated_label: Programme\n", "analyses.0.treated_label"),
        ("      covariates: [age, sex, priors]   # known before time zero, for the score and for balance\n", "analyses.0.design.covariates"),
    ],
)  # fmt: skip
def test_a_required_key_that_is_missing_is_told_by_its_full_name(tmp_path: Path, before: str, key: str) -> None:
    (said, *_) = told(tmp_path, PERSON, (before, ""))
    assert said == f"{key}: is missing, and has no default."


def test_a_list_of_one_wrong_thing_is_told_for_the_thing_and_not_for_the_list(tmp_path: Path) -> None:
    (said,) = told(tmp_path, PERSON, ("kind: column, main: true", "kind: columns, main: true"))
    assert said.startswith("outcomes.0.kind: found 'columns'; allowed: ")


def test_a_long_value_is_cut_short_in_the_message(tmp_path: Path) -> None:
    (said,) = told(tmp_path, PERSON, ("caliper: 0.2", f"caliper: {'x' * 5000}"))
    assert len(said) < 150


def test_ten_mistakes_are_told_at_once(tmp_path: Path) -> None:
    said = told(
        tmp_path,
        PERSON,
        ('version: "0.1"', "version: 0.1"),
        ("synthetic: false", "synthetic: no"),
        ("shape: person_table", "shape: table"),
        ("time_unit: months", "time_unit: weeks"),
        ("horizons: [3, 12]", "horizons: [three, 12]"),
        ("kind: column", "kind: columns"),
        ("estimand: ATT ", "estimand: ATE "),
        ("ratio: 1", 'ratio: "1"'),
        ("max_smd: 0.1", "max_sd: 0.1"),
        ("threshold: 10", "threshold: 0"),
    )
    assert len(said) == 10
