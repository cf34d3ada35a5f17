"""A study's plan as it is read: what loads, what the parts hold, and what its hash stands for."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pdd_outcomes.cohort.build import PEOPLE
from pdd_outcomes.cohort.cases import check_cases
from pdd_outcomes.core.errors import ProtocolError
from pdd_outcomes.extract.contract import STAGES
from pdd_outcomes.protocol import Protocol, load_cases, load_protocol
from pdd_outcomes.protocol.rules import CONTACT_STAGES, EVENT_COVARIATES, NO_COVARIATES
from pdd_outcomes.protocol.template import FILES, SHAPES, write_scaffold

ANALYSES = Path(__file__).resolve().parents[2] / "analyses"
SHIPPED = ("nc_work_release", "pdd_thirteen_forces")


def scaffold(root: Path, shape: str = "person_table", *edits: tuple[str, str]) -> Path:
    """The protocol.yaml of a new study, with parts of its text replaced."""
    write_scaffold(root / "analyses", "a_study", shape)
    path = root / "analyses" / "a_study" / "protocol.yaml"
    text = path.read_text(encoding="utf-8")
    for before, after in edits:
        assert before in text, f"the scaffold no longer holds {before!r}"
        text = text.replace(before, after, 1)
    path.write_text(text, encoding="utf-8")
    return path


def sha(root: Path, *edits: tuple[str, str], shape: str = "person_table") -> str:
    return load_protocol(scaffold(root, shape, *edits)).sha256


@pytest.mark.parametrize("study", SHIPPED)
def test_the_shipped_protocol_loads_and_bears_its_folders_name(study: str) -> None:
    assert load_protocol(ANALYSES / study / "protocol.yaml").study == study


@pytest.mark.parametrize("shape", SHAPES)
def test_a_new_studys_protocol_loads_as_it_was_written(tmp_path: Path, shape: str) -> None:
    protocol = load_protocol(scaffold(tmp_path, shape))
    assert (protocol.study, protocol.data.shape) == ("a_study", shape)
    assert protocol.notes == ()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_new_studys_cases_come_out_as_they_say(tmp_path: Path, shape: str) -> None:
    protocol = load_protocol(scaffold(tmp_path, shape))
    results = check_cases(protocol, load_cases(tmp_path / "analyses" / "a_study" / "cases.yaml"))
    assert [r.problems for r in results] == [()] * 2


@pytest.mark.parametrize("shape", SHAPES)
def test_a_new_studys_files_name_it_and_leave_no_blank_to_fill(tmp_path: Path, shape: str) -> None:
    written = write_scaffold(tmp_path, "a_study", shape)
    assert [p.name for p in written] == list(FILES)
    for path in written:
        assert "STUDY" not in path.read_text(encoding="utf-8")
    assert (tmp_path / "a_study" / "data").is_dir()


def test_a_relative_path_knows_the_folder_that_it_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(scaffold(tmp_path).parent)
    assert load_protocol(Path("protocol.yaml")).study == "a_study"


def test_dates_numbers_lists_and_text_arrive_as_what_they_are() -> None:
    protocol = load_protocol(ANALYSES / "pdd_thirteen_forces" / "protocol.yaml")
    assert protocol.cohort is not None
    assert protocol.data.cut == date(2023, 12, 31)
    assert protocol.horizons == (91, 365, 730, 1095)
    assert protocol.cohort.comparator.outcome_codes == (1, 2, 3, 6, 7)
    assert protocol.version == "1.0"
    assert protocol.analyses[0].by_force is True
    assert protocol.analyses[1].design.replace is False


def test_a_loaded_plan_cannot_be_changed() -> None:
    protocol = load_protocol(ANALYSES / "nc_work_release" / "protocol.yaml")
    with pytest.raises(ValueError, match="frozen"):
        setattr(protocol, "tau", 12.0)  # noqa: B010


def test_the_covariates_the_plan_may_name_are_those_that_the_cohort_makes() -> None:
    assert set(EVENT_COVARIATES) <= set(PEOPLE)
    assert not set(EVENT_COVARIATES) & set(NO_COVARIATES)
    assert set(PEOPLE) - set(EVENT_COVARIATES) - set(NO_COVARIATES) == {"index_date", "index_incident"}


def test_the_contacts_the_plan_may_name_are_those_of_the_data_contract() -> None:
    assert CONTACT_STAGES == STAGES


# --- the hash


def test_comments_blank_lines_and_quotes_do_not_change_the_hash(tmp_path: Path) -> None:
    changed = sha(
        tmp_path / "b",
        ("study: a_study", "# a remark\n\nstudy:   'a_study'   # another\n"),
        ("shape: person_table ", 'shape: "person_table" '),
    )
    assert changed == sha(tmp_path / "a")


def test_windows_line_ends_and_a_byte_order_mark_do_not_change_the_hash(tmp_path: Path) -> None:
    path = scaffold(tmp_path)
    before = load_protocol(path).sha256
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert load_protocol(path).sha256 == before


def test_block_and_flow_style_have_one_hash(tmp_path: Path) -> None:
    changed = sha(tmp_path / "b", ("horizons: [3, 12]", "horizons:\n- 3\n- 12\n"))
    assert changed == sha(tmp_path / "a")


def test_the_order_of_keys_does_not_change_the_hash(tmp_path: Path) -> None:
    changed = sha(tmp_path / "b", ('version: "0.1"\nsynthetic: false\n', 'synthetic: false\nversion: "0.1"\n'))
    assert changed == sha(tmp_path / "a")


@pytest.mark.parametrize(
    ("stated", "left_out"),
    [
        ("synthetic: false\n", ""),
        ("      ratio: 1\n", ""),
        ("      exact: []                  # columns on which matched people must agree\n", ""),
        ("release: {threshold: 10, rounding: 5, curve_min_n: 200, curve_min_at_risk: 30}\n", ""),
        (
            "sources: []\n",
            "sources: []\nreporting: {alpha: 0.05, min_treated_events: 30, min_np: 10, level: 0.95}\n",
        ),
        ("max_smd: 0.1, ", "max_smd: 0.1, override: null, "),
        ("    headline: true\n", "    headline: true\n    by_force: false\n"),
    ],
)
def test_to_state_a_default_does_not_change_the_hash(tmp_path: Path, stated: str, left_out: str) -> None:
    assert sha(tmp_path / "b", (stated, left_out)) == sha(tmp_path / "a")


def test_a_whole_number_and_its_decimal_form_are_one_value(tmp_path: Path) -> None:
    assert sha(tmp_path / "b", ("tau: 12 ", "tau: 12.0 ")) == sha(tmp_path / "a")


def test_space_around_text_does_not_change_the_hash(tmp_path: Path) -> None:
    changed = sha(tmp_path / "b", ("label: Programme against none", 'label: " Programme against none "'))
    assert changed == sha(tmp_path / "a")


def test_the_order_of_covariates_changes_the_hash(tmp_path: Path) -> None:
    changed = sha(tmp_path / "b", ("[age, sex, priors]", "[sex, age, priors]"))
    assert changed != sha(tmp_path / "a")


def test_the_hash_is_of_the_plan_and_not_of_the_place_where_it_lies(tmp_path: Path) -> None:
    assert sha(tmp_path / "a") == sha(tmp_path / "b")


def test_a_note_is_given_for_outcome_22_and_for_every_override(tmp_path: Path) -> None:
    path = scaffold(
        tmp_path,
        "event_tables",
        ("outcome_codes: [1]", "outcome_codes: [1, 22]"),
        ("min_ess: 200}", "min_ess: 200, override: Agreed with the panel}"),
    )
    first, second = load_protocol(path).notes
    assert "outcome 22" in first
    assert second == "diverted: a gate is overridden: Agreed with the panel"


def test_another_studys_protocol_in_this_folder_is_refused(tmp_path: Path) -> None:
    path = scaffold(tmp_path, "person_table", ("study: a_study", "study: another"))
    with pytest.raises(
        ProtocolError, match=r":4: study: found 'another'; allowed: the folder's name, 'a_study'\."
    ):
        load_protocol(path)


def test_a_plan_made_in_code_obeys_the_same_types() -> None:
    assert Protocol.model_config["extra"] == "forbid"
    with pytest.raises(ValueError, match="Extra inputs are not permitted"):
        Protocol.model_validate({"studdy": "x"})
