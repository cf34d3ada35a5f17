"""`pdd plan`: the protocol in sentences, with every setting that a reviewer would ask about."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pdd_outcomes.protocol import load_protocol
from pdd_outcomes.protocol.outcome_codes import OUTCOMES, in_words
from pdd_outcomes.protocol.plan import plan_text
from pdd_outcomes.protocol.template import write_scaffold

ANALYSES = Path(__file__).resolve().parents[2] / "analyses"
SHIPPED = ("nc_work_release", "pdd_thirteen_forces")


def shipped(study: str) -> str:
    return plan_text(load_protocol(ANALYSES / study / "protocol.yaml"))


def planned(root: Path, *edits: tuple[str, str], shape: str = "person_table") -> str:
    """The plan of a new study, with parts of its protocol replaced."""
    write_scaffold(root / "analyses", "a_study", shape)
    path = root / "analyses" / "a_study" / "protocol.yaml"
    text = path.read_text(encoding="utf-8")
    for before, after in edits:
        assert before in text, f"the scaffold no longer holds {before!r}"
        text = text.replace(before, after, 1)
    path.write_text(text, encoding="utf-8")
    return plan_text(load_protocol(path))


@pytest.mark.parametrize("study", SHIPPED)
def test_the_plan_says_what_is_asked_of_whom_and_bears_the_hash(study: str) -> None:
    protocol = load_protocol(ANALYSES / study / "protocol.yaml")
    text = plan_text(protocol)
    for said in (protocol.title, protocol.question, protocol.version, protocol.sha256, protocol.data.source):
        assert said in text
    for analysis in protocol.analyses:
        for said in (analysis.label, analysis.population, analysis.treated_label, analysis.control_label):
            assert said in text
    for limit in (*protocol.limits, *protocol.sources):
        assert f"- {limit}" in text


@pytest.mark.parametrize("study", SHIPPED)
def test_the_sections_come_in_the_order_of_a_statistical_analysis_plan(study: str) -> None:
    headings = [h for h in re.findall(r"^#+ (\w[\w ]*)", shipped(study), flags=re.M)]
    expected = ["Question", "Background", "Data", "Outcomes", "Estimation", "Reporting and disclosure"]
    assert [h for h in headings if h in expected] == expected


@pytest.mark.parametrize(
    "said",
    [
        "Treated: `workprg` is 1. Comparator: it is 0.",
        "Follow-up is `durat`, in months, and the event is seen where `cens` is 0.",
        "Estimand: ATT, the average effect on those exposed",
        "Nearest neighbour on the logit, 1 to each, without replacement, largest score first, caliper 0.2 standard deviations",
        "no standardised difference may exceed 0.2, and no effective sample size may be below 200",
        "at 12, 24, 48 and 60 months",
        "restricted mean time to 70 months",
        "intervals cut at 12 and 36 months",
        "Intervals are at 95%",
        "p is at most 0.05, at least 30 in the exposed group had the event, and the number expected is at least 10",
        "Counts under 10 are suppressed",
        "rounded to 5",
        "fewer than 200 people",
        "fewer than 30 are at risk",
        "Random seed 1978",
    ],
)
def test_the_person_studys_plan_holds_every_setting(said: str) -> None:
    assert said in shipped("nc_work_release")


@pytest.mark.parametrize(
    "said",
    [
        "**The data are synthetic.**",
        "The records cover 2013-01-01 to 2023-12-31",
        "from 2018-01-01 to 2019-12-31: aged 18 or over",
        "possession_class_a or possession_class_b or possession_other",
        "as far back as 1826 days",
        "**Diverted**: referred to a scheme for that incident within 90 days",
        "prosecuted or given another formal outcome, declared by Home Office outcome codes 1 (charged or summonsed), 2 (youth",
        "'Not diverted' is not 'prosecuted'.",
        "waiting period of 183 days",
        "within 1095 days of time zero",
        "- **Main.** Proven reoffending (`reoffending`).",
        "2 to each, with replacement",
        "exact on `force`",
        "bs(age, df=4)",
        "no standardised difference may exceed 0.1, and no effective sample size may be below 200",
        "Wald and Hartung-Knapp",
        "if more than 2% of the rows of a table are",
    ],
)
def test_the_event_studys_plan_holds_every_setting(said: str) -> None:
    assert said in shipped("pdd_thirteen_forces")


def test_columns_read_as_the_labels_that_the_plan_gives_them(tmp_path: Path) -> None:
    assert "Covariates: Age in years (`age`), Sex (`sex`), Previous convictions (`priors`)." in planned(
        tmp_path
    )


def test_a_column_without_a_label_reads_as_its_name(tmp_path: Path) -> None:
    assert "Covariates: `age`, Sex (`sex`)" in planned(tmp_path, ("{age: Age in years, ", "{"))


def test_the_columns_matched_exactly_and_those_with_a_role_read_as_labels_too(tmp_path: Path) -> None:
    text = planned(
        tmp_path,
        ("exact: []", "exact: [sex]"),
        (
            "priors: Previous convictions}",
            "priors: Previous convictions, programme: The programme, person_id: Pseudonym}",
        ),
    )
    assert "exact on Sex (`sex`)" in text
    assert "identified by Pseudonym (`person_id`)" in text
    assert "Treated: The programme (`programme`) is 1." in text


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("0.0", "the run stops if a single row is."),
        ("0", "the run stops if a single row is."),
        ("0.0005", "if more than 0.05% of the rows of a table are."),
        ("0.07", "if more than 7% of the rows of a table are."),
    ],
)
def test_the_share_of_rows_that_may_be_bad_is_said_as_it_is(tmp_path: Path, limit: str, said: str) -> None:
    assert said in planned(tmp_path, ("quarantine_limit: 0.01", f"quarantine_limit: {limit}"))


def test_a_level_is_not_rounded_to_certainty(tmp_path: Path) -> None:
    assert "Intervals are at 99.9%." in planned(tmp_path, ("sources: []", "reporting: {level: 0.999}"))


def test_a_large_number_is_written_out(tmp_path: Path) -> None:
    assert "may be below 1234567." in planned(tmp_path, ("min_ess: 100", "min_ess: 1234567"))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("order: largest", "order: closest", "closest pair first"),
        ("order: largest", "order: data", "in the order of the data"),
        ("caliper: 0.2", "caliper: null", "largest score first, no caliper."),
        ("caliper: 0.2", "caliper_scale: raw\n      caliper: 0.3", "caliper 0.3 on the logit"),
        ("replace: false", "replace: true", "with replacement (a control may serve more than once), caliper"),
        ("estimand: ATT ", "estimand: ATC ", "the average effect on those not exposed"),
        ("intervals: [6]", "intervals: []", "proportional hazards."),
        ("horizons: [3, 12]", "horizons: [12]", "risks in each group at 12 months"),
        ("rounding: 5", "rounding: 1", "the rest are given as they are"),
        ("id: person_id", "id: null", "known by its place, for want of an identity"),
        ("treated: [1]", "treated: [1, 2]", "`programme` is 1 or 2."),
        ("synthetic: false", "synthetic: true", "**The data are synthetic.**"),
    ],
)
def test_a_setting_is_said_in_words(tmp_path: Path, before: str, after: str, said: str) -> None:
    assert said in planned(tmp_path, (before, after))


def test_an_override_stands_in_the_plan_with_its_reason(tmp_path: Path) -> None:
    text = planned(tmp_path, ("min_ess: 100}", "min_ess: 100, override: Agreed with the panel}"))
    assert "**Overridden**: Agreed with the panel." in text


def test_the_headline_is_marked_and_no_other(tmp_path: Path) -> None:
    assert shipped("pdd_thirteen_forces").count("(headline)") == 1


def test_pooling_is_promised_of_the_analyses_that_ask_for_it_and_of_no_other(tmp_path: Path) -> None:
    assert shipped("pdd_thirteen_forces").count("The forces' effects are pooled.") == 2
    assert "pooled" not in planned(tmp_path / "a", ("by_force: true", "by_force: false"), shape="event_tables")


def test_a_population_that_ends_in_a_full_stop_is_not_given_a_second(tmp_path: Path) -> None:
    text = planned(
        tmp_path, ("population: Who the people are, where and when", "population: Everyone in Kent.")
    )
    assert "Population: Everyone in Kent. Exposed: Programme. Compared with: No programme." in text


def test_a_line_break_in_a_title_starts_no_heading_of_its_own(tmp_path: Path) -> None:
    text = planned(
        tmp_path,
        ("title: What the study is called on every page", 'title: "One\\n## Two"'),
        ("- What the", "- |\n    What\n    # the"),
    )
    assert text.startswith("# One ## Two\n")
    assert "\n- What # the data cannot tell" in text


@pytest.mark.parametrize("study", SHIPPED)
def test_no_word_of_the_code_stands_in_the_plan(study: str) -> None:
    text = shipped(study)
    for odd in ("0.0%", "None", "True", "False", "nan", "[]", "()", "..", "e+", "person_table", "event_tables"):
        assert odd not in text, odd


def test_every_outcome_code_that_a_comparator_may_name_has_words() -> None:
    assert set(OUTCOMES) == set(range(23))
    assert in_words((1, 22)) == (
        "1 (charged or summonsed), 22 (diversionary, educational or intervention activity undertaken)"
    )
