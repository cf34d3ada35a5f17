"""Names of studies that would leave their folder, shadow a page, or not do on another machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdd_outcomes.core.errors import ProtocolError, UsageError
from pdd_outcomes.protocol import load_protocol
from pdd_outcomes.protocol.template import write_scaffold


def everything(root: Path) -> list[str]:
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*"))


@pytest.mark.parametrize(
    "name",
    ["", " ", "my study", "../evil", "..", ".", "/etc", "a/b", "a\\b", "1st", "_x", "Study", "a-b", "a.b", "é", "study\n",
     "a\x00b", "$HOME", "~", "-x", "a;b", "STUDY"],
)  # fmt: skip
def test_a_name_that_is_not_small_letters_digits_and_underscores_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="use small letters, digits and underscores, a letter first"):
        write_scaffold(tmp_path / "analyses", name, "person_table")
    assert everything(tmp_path) == []


@pytest.mark.parametrize("name", ["index", "null", "true", "false", "con", "nul", "aux", "prn", "com1", "lpt9"])
def test_a_word_with_a_use_of_its_own_to_the_site_yaml_or_a_file_system_is_refused(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(
        UsageError, match=f"'{name}' is a word with a use of its own. Choose another, such as 'study_{name}'"
    ):
        write_scaffold(tmp_path / "analyses", name, "person_table")
    assert everything(tmp_path) == []


def test_a_name_longer_than_a_file_may_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it has 300 letters; use 60 at most"):
        write_scaffold(tmp_path / "analyses", "a" * 300, "person_table")


def test_a_name_of_the_greatest_length_will_do(tmp_path: Path) -> None:
    name = "a" * 60
    write_scaffold(tmp_path, name, "person_table")
    assert load_protocol(tmp_path / name / "protocol.yaml").study == name


@pytest.mark.parametrize("name", ["a", "indexes", "con_1", "com10", "class", "none", "yes", "study"])
def test_a_name_that_only_sounds_odd_gives_a_study_that_loads(tmp_path: Path, name: str) -> None:
    write_scaffold(tmp_path, name, "person_table")
    assert load_protocol(tmp_path / name / "protocol.yaml").study == name


def test_a_study_named_after_the_sites_own_page_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    write_scaffold(tmp_path, "a_study", "person_table")
    path = (tmp_path / "a_study").rename(tmp_path / "index") / "protocol.yaml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("study: a_study", "study: index"), encoding="utf-8"
    )
    with pytest.raises(
        ProtocolError, match=r"index/protocol.yaml:4: study: 'index' is a word with a use of its own"
    ):
        load_protocol(path)


def test_a_folder_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    write_scaffold(tmp_path, "a_study", "person_table")
    (tmp_path / "a_study" / "protocol.yaml").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="analyses/a_study is there already"):
        write_scaffold(tmp_path, "a_study", "event_tables")
    assert (tmp_path / "a_study" / "protocol.yaml").read_text(encoding="utf-8") == "mine"


def test_a_file_in_the_folders_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "analyses").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match="analyses is a file"):
        write_scaffold(tmp_path / "analyses", "a_study", "person_table")


@pytest.mark.parametrize("shape", ["", "person", "PERSON_TABLE", "event_table"])
def test_a_shape_that_is_not_known_is_refused_before_anything_is_written(tmp_path: Path, shape: str) -> None:
    with pytest.raises(UsageError, match=r"Choose one of \['person_table', 'event_tables'\]"):
        write_scaffold(tmp_path / "analyses", "a_study", shape)
    assert everything(tmp_path) == []
