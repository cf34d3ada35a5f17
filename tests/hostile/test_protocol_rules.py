"""Plans whose parts contradict each other: every rule between keys, with the key that breaks it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdd_outcomes.core.errors import ProtocolError
from pdd_outcomes.protocol import load_protocol
from pdd_outcomes.protocol.template import write_scaffold

PERSON, EVENTS = "person_table", "event_tables"
Edits = tuple[tuple[str, str], ...]


def written(root: Path, shape: str, edits: Edits) -> Path:
    write_scaffold(root, "a_study", shape)
    path = root / "a_study" / "protocol.yaml"
    text = path.read_text(encoding="utf-8")
    for before, after in edits:
        assert before in text, f"the scaffold no longer holds {before!r}"
        text = text.replace(before, after, 1)
    path.write_text(text, encoding="utf-8")
    return path


def told(root: Path, shape: str, *edits: tuple[str, str]) -> tuple[str, ...]:
    """The problems of a new study's protocol with parts of its text replaced: 'key: what is wrong'."""
    with pytest.raises(ProtocolError) as stopped:
        load_protocol(written(root, shape, edits))
    return tuple(p.split(": ", 1)[1] for p in stopped.value.problems)


SECOND = """\
  - id: second
    exposure: person
    label: Second
    treated_label: Treated
    control_label: Control
    population: Everyone
    headline: true
    design: {covariates: [age]}

release:"""


@pytest.mark.parametrize("shape", [PERSON, EVENTS])
def test_two_headline_analyses_are_refused(tmp_path: Path, shape: str) -> None:
    assert told(tmp_path, shape, ("\nrelease:", SECOND)) == (
        "analyses: found 2 with headline: true; allowed: exactly one, decided in advance.",
    )


def test_a_plan_without_a_headline_is_refused(tmp_path: Path) -> None:
    assert told(tmp_path, PERSON, ("    headline: true\n", "")) == (
        "analyses: found 0 with headline: true; allowed: exactly one, decided in advance.",
    )


@pytest.mark.parametrize("shape", [PERSON, EVENTS])
def test_a_plan_without_a_main_outcome_is_refused(tmp_path: Path, shape: str) -> None:
    assert told(tmp_path, shape, (", main: true", "")) == (
        "outcomes: found 0 with main: true; allowed: exactly one, decided in advance.",
    )


def test_two_main_outcomes_are_refused(tmp_path: Path) -> None:
    assert told(tmp_path, EVENTS, ("    kind: proven\n", "    kind: proven\n    main: true\n")) == (
        "outcomes: found 2 with main: true; allowed: exactly one, decided in advance.",
    )


def test_names_used_twice_are_refused(tmp_path: Path) -> None:
    said = told(
        tmp_path,
        EVENTS,
        ("id: reoffending_not_possession", "id: reoffending"),
        ("\nrelease:", SECOND.replace("id: second", "id: diverted").replace("    headline: true\n", "")),
    )
    assert said == (
        "outcomes.1.id: found 'reoffending' again; allowed: a name that is used once.",
        "analyses.1.id: found 'diverted' again; allowed: a name that is used once.",
    )


def test_an_analysis_called_cohort_is_refused_for_the_flow_bears_that_name(tmp_path: Path) -> None:
    (said,) = told(tmp_path, PERSON, ("id: programme", "id: cohort"))
    assert said.startswith("analyses.0.id: found 'cohort', which names the flow into the cohort.")


# --- times


@pytest.mark.parametrize("horizons", ["[12, 3]", "[3, 3, 12]", "[3, 12, 6]"])
def test_horizons_out_of_order_or_named_twice_are_refused(tmp_path: Path, horizons: str) -> None:
    assert told(tmp_path, PERSON, ("horizons: [3, 12]", f"horizons: {horizons}")) == (
        "horizons: the times must increase, each named once.",
    )


@pytest.mark.parametrize("intervals", ["[6, 3]", "[6, 6]"])
def test_intervals_out_of_order_or_named_twice_are_refused(tmp_path: Path, intervals: str) -> None:
    assert told(tmp_path, PERSON, ("intervals: [6]", f"intervals: {intervals}")) == (
        "intervals: the times must increase, each named once.",
    )


@pytest.mark.parametrize("intervals", ["[12]", "[13]", "[3, 40]"])
def test_a_cut_at_or_beyond_the_end_of_follow_up_is_refused(tmp_path: Path, intervals: str) -> None:
    (said,) = told(tmp_path, PERSON, ("intervals: [6]", f"intervals: {intervals}"))
    assert said.startswith("intervals: the last cut, ")


def test_the_latest_cut_is_judged_wherever_it_stands_in_the_list(tmp_path: Path) -> None:
    said = told(tmp_path, PERSON, ("intervals: [6]", "intervals: [40, 6]"))
    assert said == (
        "intervals: the times must increase, each named once.",
        "intervals: the last cut, 40, must lie inside the follow-up.",
    )


def test_a_restricted_mean_that_ends_before_the_first_horizon_is_refused(tmp_path: Path) -> None:
    said = told(tmp_path, PERSON, ("tau: 12 ", "tau: 2 "), ("intervals: [6]", "intervals: []"))
    assert said == ("tau: found 2; allowed: at least the first horizon, 3.",)


def test_a_horizon_beyond_the_restricted_mean_is_allowed_for_each_has_its_own_use(tmp_path: Path) -> None:
    path = written(tmp_path, PERSON, (("horizons: [3, 12]", "horizons: [3, 12, 24]"),))
    assert load_protocol(path).horizons == (3, 12, 24)


def test_a_horizon_beyond_the_data_is_refused_with_the_days_that_lack(tmp_path: Path) -> None:
    assert told(tmp_path, EVENTS, ("horizons: [91, 365, 730]", "horizons: [91, 365, 1095]")) == (
        "cohort.window.to: people who enter on 2021-12-31 are followed for 1096 days by the data cut (2024-12-31); the protocol "
        "needs 1278 (1095 and a wait of 183). End the window earlier or shorten the horizon.",
    )


def test_a_restricted_mean_beyond_the_data_is_refused_too(tmp_path: Path) -> None:
    (said,) = told(tmp_path, EVENTS, ("tau: 730", "tau: 914"))
    assert "needs 1097 (914 and a wait of 183)" in said


def test_follow_up_that_ends_on_the_day_of_the_cut_is_enough(tmp_path: Path) -> None:
    assert load_protocol(written(tmp_path, EVENTS, (("tau: 730", "tau: 913"),))).tau == 913


def test_a_look_back_that_begins_before_the_extract_is_refused(tmp_path: Path) -> None:
    (said,) = told(tmp_path, EVENTS, ("lookback_days: 1826", "lookback_days: 2192"))
    assert said.startswith(
        "cohort.lookback_days: found 2192; allowed: at most 2191, or the look-back of those who enter on 2020-01-01"
    )


def test_a_look_back_that_begins_on_the_first_day_of_the_extract_is_enough(tmp_path: Path) -> None:
    path = written(tmp_path, EVENTS, (("lookback_days: 1826", "lookback_days: 2191"),))
    cohort = load_protocol(path).cohort
    assert cohort is not None
    assert cohort.lookback_days == 2191


def test_a_look_back_of_a_century_crashes_nothing(tmp_path: Path) -> None:
    (said,) = told(
        tmp_path,
        EVENTS,
        ("starts: 2014-01-01", "starts: 0001-01-01"),
        ("from: 2020-01-01", "from: 0050-01-01"),
        ("1826", "36525"),
    )
    assert said.startswith("cohort.lookback_days: found 36525; allowed: at most ")


def test_a_window_that_ends_before_it_begins_is_refused(tmp_path: Path) -> None:
    assert told(tmp_path, EVENTS, ("to: 2021-12-31", "to: 2019-12-31")) == (
        "cohort.window.to: found 2019-12-31; allowed: a day on or after 2020-01-01.",
    )


def test_a_window_of_one_day_is_enough(tmp_path: Path) -> None:
    assert load_protocol(written(tmp_path, EVENTS, (("to: 2021-12-31", "to: 2020-01-01"),))).cohort is not None


def test_an_extract_that_ends_before_it_begins_is_refused(tmp_path: Path) -> None:
    assert told(tmp_path, EVENTS, ("cut: 2024-12-31", "cut: 2013-12-31")) == (
        "data.cut: found 2013-12-31; allowed: a day after data.starts, 2014-01-01.",
    )


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ("horizons: [91, 365, 730]", "horizons: [91.5, 365, 730]", "horizons"),
        ("tau: 730", "tau: 730.5", "tau"),
        ("intervals: [91, 365]", "intervals: [91, 365.25]", "intervals"),
    ],
)
def test_event_tables_count_whole_days(tmp_path: Path, before: str, after: str, key: str) -> None:
    (said,) = told(tmp_path, EVENTS, (before, after))
    assert said.startswith(f"{key}: found ")
    assert said.endswith("allowed: whole days, which is how event tables count.")


def test_event_tables_are_counted_in_days(tmp_path: Path) -> None:
    assert "time_unit: found months; allowed: days, for event tables." in told(
        tmp_path, EVENTS, ("time_unit: days", "time_unit: months")
    )


def test_a_person_table_may_count_in_fractions(tmp_path: Path) -> None:
    path = written(tmp_path, PERSON, (("horizons: [3, 12]", "horizons: [2.5, 12]"),))
    assert load_protocol(path).horizons == (2.5, 12)


# --- the shape of the data


COHORT = """\
cohort:
  window: {from: 2020-01-01, to: 2021-12-31}
  offence_groups: [possession_class_a]
  lookback_days: 365
  comparator: {label: prosecuted, outcome_codes: [1]}

time_unit:"""
TABLE = """\
person_table:
  treatment: {column: programme, treated: [1], comparator: [0]}
  time: {column: follow_up}
  event: {column: reoffended, values: [1]}

time_unit:"""


def test_a_person_tables_plan_with_a_cohort_is_refused(tmp_path: Path) -> None:
    assert told(tmp_path, PERSON, ("time_unit:", COHORT)) == (
        "cohort: does not belong to data.shape person_table. Remove it.",
    )


def test_an_event_studys_plan_with_a_person_table_is_refused(tmp_path: Path) -> None:
    assert told(tmp_path, EVENTS, ("time_unit:", TABLE)) == (
        "person_table: does not belong to data.shape event_tables. Remove it.",
    )


@pytest.mark.parametrize("key", ["starts", "cut"])
def test_the_days_that_an_extract_covers_do_not_belong_to_a_person_table(tmp_path: Path, key: str) -> None:
    (said,) = told(tmp_path, PERSON, ("  quarantine_limit:", f"  {key}: 2020-01-31\n  quarantine_limit:"))
    assert said.startswith(f"data.{key}: does not belong to data.shape person_table")


@pytest.mark.parametrize("key", ["starts: 2014-01-01", "cut: 2024-12-31"])
def test_event_tables_need_the_days_that_they_cover(tmp_path: Path, key: str) -> None:
    (said,) = told(tmp_path, EVENTS, (f"  {key} ", "  # "))
    assert (
        said
        == f"data.{key.split(':')[0]}: is missing; event tables need the first and last day that they cover."
    )


def test_a_plan_of_the_other_shape_is_told_everything_that_does_not_fit(tmp_path: Path) -> None:
    said = told(tmp_path, EVENTS, ("shape: event_tables", "shape: person_table"))
    keys = [s.split(": ")[0] for s in said]
    assert set(keys) == {
        "person_table", "cohort", "data.starts", "data.cut", "outcomes.0.kind", "outcomes.1.kind", "analyses.0.by_force",
    }  # fmt: skip


def test_an_outcome_made_of_events_does_not_belong_to_a_person_table(tmp_path: Path) -> None:
    assert told(tmp_path, PERSON, ("kind: column", "kind: proven")) == (
        "outcomes.0.kind: found proven; it does not belong to data.shape person_table.",
    )


def test_a_second_outcome_of_a_person_table_is_refused_for_it_would_be_the_first_again(tmp_path: Path) -> None:
    again = "  - {id: again, label: again, kind: column}\n\nanalyses:"
    (said,) = told(tmp_path, PERSON, ("\nanalyses:", again))
    assert said == "outcomes.1: a person table has one time and one event, and so one outcome. Remove this one."


@pytest.mark.parametrize(("shape", "kind"), [(PERSON, "column"), (EVENTS, "treatment_entry")])
def test_groups_left_out_of_an_outcome_that_has_none_are_refused(tmp_path: Path, shape: str, kind: str) -> None:
    before = "kind: column" if shape == PERSON else "kind: proven"
    (said,) = told(tmp_path, shape, (before, f"kind: {kind}, exclude_groups: [theft]"))
    assert said.startswith("outcomes.0.exclude_groups: leaves out nothing of an outcome of kind " + kind)


def test_synthetic_data_must_be_called_so(tmp_path: Path) -> None:
    (said,) = told(
        tmp_path, EVENTS, ("source: folder:analyses/a_study/data", "source: synthetic:thirteen_forces")
    )
    assert said.startswith("synthetic: found false; allowed: true where data.source is synthetic:")


# --- columns


@pytest.mark.parametrize("key", ["covariates: [age, sex, priors]", "exact: []"])
@pytest.mark.parametrize(
    ("column", "role"),
    [("programme", "treatment.column"), ("follow_up", "time.column"), ("reoffended", "event.column"), ("person_id", "id")],
)  # fmt: skip
def test_people_may_not_be_made_alike_on_the_treatment_the_outcome_or_their_name(
    tmp_path: Path, key: str, column: str, role: str
) -> None:
    name = key.split(":")[0]
    listed = f"{name}: [age, {column}]"
    (said,) = told(tmp_path, PERSON, (key, listed), ("priors: Previous convictions}", "}"), ("sex: Sex, ", ""))
    assert said == (
        f"analyses.0.design.{name}.1: found {column!r}, which is person_table.{role}; people cannot be made alike on it."
    )


@pytest.mark.parametrize(
    "formula",
    ["age + reoffended", "age + `reoffended`", "log(reoffended + 1)", "age:reoffended", "age+C(reoffended)"],
)
def test_a_formula_may_not_use_the_outcome(tmp_path: Path, formula: str) -> None:
    (said,) = told(tmp_path, PERSON, ("      method:", f'      formula: "{formula}"\n      method:'))
    assert said == (
        "analyses.0.design.formula: uses 'reoffended', which is person_table.event.column; people cannot be made alike on it."
    )


@pytest.mark.parametrize(
    "formula", ["age + reoffended_before", "age + `reoffended before`", "bs(age, df=4) + sex"]
)
def test_a_formula_may_use_a_column_whose_name_only_resembles_the_outcomes(
    tmp_path: Path, formula: str
) -> None:
    path = written(tmp_path, PERSON, (("      method:", f'      formula: "{formula}"\n      method:'),))
    assert load_protocol(path).analyses[0].design.formula == formula


def test_a_column_with_two_roles_is_refused(tmp_path: Path) -> None:
    assert told(tmp_path, PERSON, ("column: reoffended", "column: programme")) == (
        "person_table.event.column: found 'programme', which is treatment.column already.",
    )


def test_a_label_for_a_column_that_the_plan_does_not_use_is_refused_with_the_nearest(tmp_path: Path) -> None:
    assert told(tmp_path, PERSON, ("priors: Previous", "prirs: Previous")) == (
        "person_table.labels.prirs: labels a column that the plan does not use. Did you mean 'priors'?",
    )


def test_a_value_that_is_treated_and_comparator_at_once_is_refused(tmp_path: Path) -> None:
    assert told(tmp_path, PERSON, ("comparator: [0]", 'comparator: [0, "1"]')) == (
        "person_table.treatment.comparator: found ['1'] among the treated too.",
    )


@pytest.mark.parametrize(
    ("shape", "before", "after", "key"),
    [
        (PERSON, "[age, sex, priors]", "[age, sex, age, priors]", "analyses.0.design.covariates: names ['age']"),
        (PERSON, "exact: []", "exact: [sex, sex]", "analyses.0.design.exact: names ['sex']"),
        (PERSON, "treated: [1]", 'treated: [1, "1"]', "person_table.treatment.treated: names ['1']"),
        (PERSON, "values: [1]", "values: [1, 1]", "person_table.event.values: names ['1']"),
        (EVENTS, "outcome_codes: [1]", "outcome_codes: [1, 1]", "cohort.comparator.outcome_codes: names ['1']"),
        (EVENTS, "offence_groups: [possession_class_a,", "offence_groups: [possession_class_b,", "cohort.offence_groups: names"),
        (EVENTS, "exclude_groups: [possession_class_a,", "exclude_groups: [possession_class_b,", "outcomes.1.exclude_groups: names"),
    ],
)  # fmt: skip
def test_what_a_list_names_twice_is_refused(
    tmp_path: Path, shape: str, before: str, after: str, key: str
) -> None:
    (said,) = told(tmp_path, shape, (before, after))
    assert said.startswith(key)
    assert said.endswith("twice. Keep one.")


def test_a_design_without_covariates_is_refused(tmp_path: Path) -> None:
    said = told(tmp_path, EVENTS, ("covariates: [age, sex, ethnicity, imd_quintile, offence_group, prior_offences, "
                                   "prior_drug_offences, first_time, prior_treatment]", "covariates: []"))  # fmt: skip
    assert said == ("analyses.0.design.covariates: is empty; balance is judged on these columns.",)


def test_a_covariate_that_the_cohort_does_not_hold_is_refused_with_the_nearest(tmp_path: Path) -> None:
    (said,) = told(tmp_path, EVENTS, ("prior_offences,", "prior_offenses,"))
    assert said.startswith(
        "analyses.0.design.covariates.5: found 'prior_offenses', which the cohort does not hold. Did you mean 'prior_offences'?"
    )


@pytest.mark.parametrize("column", ["diverted", "disposal", "follow_up_days", "scheme", "treated"])
def test_a_covariate_from_after_time_zero_is_refused(tmp_path: Path, column: str) -> None:
    (said,) = told(tmp_path, EVENTS, ("covariates: [age,", f"covariates: [{column},"))
    assert said == (
        f"analyses.0.design.covariates.0: found {column!r}, which is made with or after time zero; people cannot be made alike "
        "on it."
    )


def test_a_contact_that_no_scheme_records_is_refused_with_the_nearest(tmp_path: Path) -> None:
    assert told(tmp_path, EVENTS, ("contact: referred", "contact: refered")) == (
        "cohort.diverted.contact: found 'refered'. Did you mean 'referred'? Allowed: referred, assessed, attended, completed.",
    )


# --- forces


def test_an_effect_for_each_force_needs_people_matched_within_their_force(tmp_path: Path) -> None:
    assert told(tmp_path, EVENTS, ("exact: [force]", "exact: []")) == (
        "analyses.0.by_force: found true, and 'force' is not in design.exact, so that matched sets would cross the forces that "
        "they are to be split by. Add it to design.exact, or say by_force: false.",
    )


def test_without_an_effect_for_each_force_people_may_be_matched_across_forces(tmp_path: Path) -> None:
    path = written(tmp_path, EVENTS, (("exact: [force]", "exact: []"), ("by_force: true", "by_force: false")))
    assert load_protocol(path).analyses[0].design.exact == ()


def test_force_may_stand_beside_other_exact_columns(tmp_path: Path) -> None:
    path = written(tmp_path, EVENTS, (("exact: [force]", "exact: [sex, force]"),))
    assert load_protocol(path).analyses[0].by_force


def test_the_exposure_of_forces_needs_no_exact_force_and_may_not_have_it(tmp_path: Path) -> None:
    (said,) = told(tmp_path / "a", EVENTS, ("exposure: person", "exposure: force"))
    assert said.startswith("analyses.0.design.exact: names 'force', and the exposure is the force's")
    path = written(
        tmp_path / "b", EVENTS, (("exposure: person", "exposure: force"), ("exact: [force]", "exact: []"))
    )
    assert load_protocol(path).analyses[0].exposure == "force"


def test_a_score_may_not_know_the_force_where_the_exposure_is_the_forces(tmp_path: Path) -> None:
    said = told(
        tmp_path,
        EVENTS,
        ("exposure: person", "exposure: force"),
        ("exact: [force]", "exact: []"),
        ("covariates: [age", "formula: age + force\n      covariates: [age, force"),
    )
    assert [s.split(": ")[0] for s in said] == ["analyses.0.design.formula", "analyses.0.design.covariates"]


def test_a_comparison_of_forces_needs_tables_that_name_them(tmp_path: Path) -> None:
    (said,) = told(tmp_path, PERSON, ("exposure: person", "exposure: force"))
    assert (
        said
        == "analyses.0.exposure: found force; a comparison of forces needs event tables, which name the force."
    )


def test_an_effect_for_each_force_needs_tables_that_name_them(tmp_path: Path) -> None:
    (said,) = told(tmp_path, PERSON, ("    headline: true\n", "    headline: true\n    by_force: true\n"))
    assert (
        said
        == "analyses.0.by_force: found true; an effect for each force needs event tables, which name the force."
    )


def test_the_effect_on_the_unexposed_is_not_estimated_for_forces(tmp_path: Path) -> None:
    (said,) = told(
        tmp_path,
        EVENTS,
        ("exposure: person", "exposure: force"),
        ("exact: [force]", "exact: []"),
        ("ATT", "ATC"),
    )
    assert said.startswith("analyses.0.estimand: found ATC")


def test_an_order_that_replacement_leaves_without_meaning_is_refused(tmp_path: Path) -> None:
    (said,) = told(tmp_path, PERSON, ("replace: false", "replace: true"), ("order: largest", "order: closest"))
    assert said == "analyses.0.design.order: found closest; with replacement the order does not matter."


def test_broken_rules_are_told_all_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        EVENTS,
        (
            ("horizons: [91, 365, 730]", "horizons: [365, 91, 730]"),
            (", main: true", ""),
            ("    headline: true\n", ""),
            ("exact: [force]", "exact: []"),
            ("contact: referred", "contact: seen"),
        ),
    )
    with pytest.raises(ProtocolError) as stopped:
        load_protocol(path)
    lines = [int(p.split(":")[1]) for p in stopped.value.problems]
    assert len(lines) == 5
    assert lines == sorted(lines)
