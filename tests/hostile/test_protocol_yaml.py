"""Files that are not what they should be: each is refused with its line, and none is read as something else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pdd_outcomes.core.errors import ProtocolError
from pdd_outcomes.protocol import load_protocol
from pdd_outcomes.protocol.template import write_scaffold


def told(path: Path) -> tuple[str, ...]:
    """The problems of a file, each without the folders of this machine."""
    with pytest.raises(ProtocolError) as stopped:
        load_protocol(path)
    assert stopped.value.exit_code == 3
    return tuple(p.split("a_study/", 1)[1] for p in stopped.value.problems)


def holding(root: Path, content: bytes) -> Path:
    path = root / "a_study" / "protocol.yaml"
    path.parent.mkdir()
    path.write_bytes(content)
    return path


def scaffold(root: Path, *edits: tuple[str, str]) -> Path:
    write_scaffold(root, "a_study", "person_table")
    path = root / "a_study" / "protocol.yaml"
    text = path.read_text(encoding="utf-8")
    for before, after in edits:
        assert before in text, f"the scaffold no longer holds {before!r}"
        text = text.replace(before, after, 1)
    path.write_text(text, encoding="utf-8")
    return path


def line_of(path: Path, words: str) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(i for i, line in enumerate(lines, start=1) if words in line)


# --- no file, or no text


def test_a_missing_file_is_told_by_name(tmp_path: Path) -> None:
    assert told(tmp_path / "a_study" / "protocol.yaml") == ("protocol.yaml: there is no such file.",)


def test_a_folder_in_the_files_place_is_told_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "a_study" / "protocol.yaml"
    path.mkdir(parents=True)
    assert told(path) == ("protocol.yaml: is a folder; allowed: a file of YAML.",)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"# to be written\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_told_to_be_empty(tmp_path: Path, content: bytes) -> None:
    assert told(holding(tmp_path, content)) == ("protocol.yaml:1: the file is empty.",)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"- study\n- title\n", "a list"),
        (b"a protocol\n", "a single value"),
        (b"42\n", "a single value"),
        (b"---\n", "nothing"),
        (b"null\n", "nothing"),
    ],
)
def test_a_file_that_is_not_keys_and_values_is_told_what_it_is(
    tmp_path: Path, content: bytes, found: str
) -> None:
    assert told(holding(tmp_path, content)) == (f"protocol.yaml:1: found {found}; allowed: keys and values.",)


@pytest.mark.parametrize(
    "content", ["study: café\n".encode("latin-1"), "study: x\n".encode("utf-16"), b"study: \x80\n"]
)
def test_text_that_is_not_utf8_is_told_with_its_line(tmp_path: Path, content: bytes) -> None:
    said = told(holding(tmp_path, content))
    assert said == ("protocol.yaml:1: not UTF-8 text. Save the file as UTF-8.",)


def test_the_line_of_what_is_not_utf8_is_counted(tmp_path: Path) -> None:
    said = told(holding(tmp_path, b"study: x\ntitle: y\nquestion: caf\xe9\n"))
    assert said == ("protocol.yaml:3: not UTF-8 text. Save the file as UTF-8.",)


@pytest.mark.parametrize(
    ("odd", "name"), [(b"\x00", "0000"), (b"\x07", "0007"), (b"\x1b", "001B"), (b"\x7f", "007F")]
)
def test_a_control_character_is_told_with_its_line(tmp_path: Path, odd: bytes, name: str) -> None:
    (said,) = told(holding(tmp_path, b"study: x\r\ntitle: y" + odd + b"\r\n"))
    assert said == f"protocol.yaml:2: holds the control character U+{name}. Save the file as UTF-8 text."


def test_a_file_of_megabytes_is_not_read_as_a_plan(tmp_path: Path) -> None:
    (said,) = told(holding(tmp_path, b"study: " + b"x" * 1_000_001))
    assert said == "protocol.yaml:1: larger than 1,000,000 bytes; a plan is a page or two."


# --- not YAML


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"study: [1, 2\n", 2),
        (b"study: 'x\n", 2),
        (b"study: a: b\n", 1),
        (b"study: x\n  title: y\n", 2),
        (b"study: @x\n", 1),
        (b"study: x\ntitle: %y\n", 2),
        (b"study: x\n---\nstudy: y\n", 2),
        (b"study: *nobody\n", 1),
    ],
)
def test_what_is_not_yaml_is_told_with_its_line(tmp_path: Path, content: bytes, line: int) -> None:
    (said,) = told(holding(tmp_path, content))
    assert said.startswith(f"protocol.yaml:{line}: not YAML: ")


@pytest.mark.parametrize("content", [b"data:\n\tseed: 1\n", b"data: 1\nseed:\t1\n", b"data: x\nseed: 1\t\n"])
def test_a_tab_is_told_to_be_one_with_its_line(tmp_path: Path, content: bytes) -> None:
    assert told(holding(tmp_path, content)) == (
        "protocol.yaml:2: not YAML: a tab. Indent and separate with spaces.",
    )


def test_a_tab_inside_of_quotes_is_text(tmp_path: Path) -> None:
    path = scaffold(tmp_path, ('background: ""', 'background: "one\ttwo"'))
    assert load_protocol(path).background == "one\ttwo"


@pytest.mark.parametrize(
    "content", [b"[" * 400_000, b"[" * 51 + b"]" * 51, b"{a: " * 200_000, b"\n" + b"- " * 100_000]
)
def test_lists_and_keys_nested_without_end_are_refused_and_crash_nothing(
    tmp_path: Path, content: bytes
) -> None:
    (said,) = told(holding(tmp_path, content))
    assert re.fullmatch(
        r"protocol.yaml:[12]: lists or keys are nested more than 50 deep; a plan is not\.", said
    )


# --- YAML that says one thing and means another


def test_a_key_given_twice_is_told_with_both_lines(tmp_path: Path) -> None:
    path = scaffold(tmp_path, ("tau: 12 ", "tau: 12\ntau: 24 "))
    line = line_of(path, "tau: 24")
    assert told(path) == (f"protocol.yaml:{line}: tau: this key is already on line {line - 1}. Keep one.",)


def test_a_key_given_twice_inside_of_a_part_is_told_by_its_full_name(tmp_path: Path) -> None:
    path = scaffold(tmp_path, ("max_smd: 0.1, min_ess: 100", "max_smd: 0.1, max_smd: 9"))
    line = line_of(path, "max_smd: 9")
    assert told(path) == (
        f"protocol.yaml:{line}: analyses.0.gates.max_smd: this key is already on line {line}. Keep one.",
    )


def test_a_quoted_key_and_its_plain_form_are_one_key(tmp_path: Path) -> None:
    (said,) = told(scaffold(tmp_path, ("tau: 12 ", 'tau: 12\n"tau": 24 ')))
    assert "tau: this key is already on line" in said


def test_anchors_and_aliases_are_refused_wherever_they_stand(tmp_path: Path) -> None:
    path = scaffold(
        tmp_path, ("horizons: [3, 12]", "horizons: &h [3, 12]"), ("intervals: [6]", "intervals: *h")
    )
    first, second = line_of(path, "&h"), line_of(path, "*h")
    assert told(path) == (
        f"protocol.yaml:{first}: horizons: anchors and aliases are not read. Write the value out.",
        f"protocol.yaml:{second}: intervals: anchors and aliases are not read. Write the value out.",
    )


@pytest.mark.parametrize(
    ("dress", "said"),
    [
        ("&a tau", "anchors and aliases are not read. Write the value out."),
        ("!!str tau", "tags (!) are not read. Write the value plainly."),
    ],
)
def test_an_anchor_or_tag_on_a_key_is_refused_too(tmp_path: Path, dress: str, said: str) -> None:
    path = scaffold(tmp_path, ("tau: 12 ", f"{dress}: 12 "))
    assert told(path) == (f"protocol.yaml:{line_of(path, dress)}: (top): {said}",)


def test_a_list_that_holds_itself_is_refused(tmp_path: Path) -> None:
    (said,) = told(scaffold(tmp_path, ("intervals: [6]", "intervals: &a [*a]")))
    assert "intervals: anchors and aliases are not read." in said


def test_an_alias_bomb_takes_no_time(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 40)]
    said = told(holding(tmp_path, "\n".join(lines).encode()))
    assert len([s for s in said if "anchors and aliases" in s]) == 40


@pytest.mark.parametrize("place", ["{<<: {seed: 1}, ", "{<<: {}, "])
def test_merge_keys_are_refused(tmp_path: Path, place: str) -> None:
    path = scaffold(tmp_path, ("labels: {", f"labels: {place}"))
    line = line_of(path, "<<")
    assert told(path) == (
        f"protocol.yaml:{line}: person_table.labels: merge keys (<<) are not read. Write the keys out.",
    )


@pytest.mark.parametrize(
    "tagged", ["!!int '12'", "!!float 12", "!!python/object:os.system 12", "!mine 12", "! 12"]
)
def test_tags_are_refused_and_nothing_is_made_of_them(tmp_path: Path, tagged: str) -> None:
    (said,) = told(scaffold(tmp_path, ("tau: 12 ", f"tau: {tagged} ")))
    assert said.endswith(": tau: tags (!) are not read. Write the value plainly.")


@pytest.mark.parametrize("key", ["? [a, b]\n: 1\n", "? {a: 1}\n: 1\n"])
def test_a_key_that_is_a_list_or_a_mapping_is_refused(tmp_path: Path, key: str) -> None:
    (said,) = told(scaffold(tmp_path, ("tau: 12 ", f"{key}tau: 12 ")))
    assert said.endswith("(top): a key is a list or keys and values; it must be a word.")


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "y", "n", "YES", "No"])
def test_yes_and_no_are_words_and_not_true_and_false(tmp_path: Path, word: str) -> None:
    (said,) = told(scaffold(tmp_path, ("synthetic: false", f"synthetic: {word}")))
    assert said == f"protocol.yaml:8: synthetic: found '{word}'; allowed: true or false."


@pytest.mark.parametrize("word", ["yes", "no", "on", "NO", "y"])
def test_an_unquoted_yes_or_no_is_kept_as_the_text_that_it_is(tmp_path: Path, word: str) -> None:
    path = scaffold(tmp_path, ("treated: [1]", f"treated: [{word}]"))
    table = load_protocol(path).person_table
    assert table is not None
    assert table.treatment.treated == (word,)


@pytest.mark.parametrize("number", ["0123", "00", "-07", "+012"])
def test_a_number_with_a_leading_zero_is_refused_rather_than_read_in_base_eight(
    tmp_path: Path, number: str
) -> None:
    path = scaffold(tmp_path, ("treated: [1]", f"treated: [{number}]"))
    line = line_of(path, number)
    assert told(path) == (
        f"protocol.yaml:{line}: person_table.treatment.treated.0: found {number}; a whole number has no leading zero. "
        "Quote it if it is a code.",
    )


def test_a_quoted_code_keeps_its_leading_zero(tmp_path: Path) -> None:
    table = load_protocol(scaffold(tmp_path, ("treated: [1]", 'treated: ["0123"]'))).person_table
    assert table is not None
    assert table.treatment.treated == ("0123",)


@pytest.mark.parametrize("number", ["0o14", "0x0c", "1_2", "12:00", "٣", "twelve", "1,2", ".nan", ".inf"])
def test_what_only_looks_like_a_number_is_no_number(tmp_path: Path, number: str) -> None:
    (said,) = told(scaffold(tmp_path, ("tau: 12 ", f"tau: {number} ")))
    assert said.endswith(f": tau: found {number!r}; allowed: a number.")


@pytest.mark.parametrize("digits", [31, 5000])
def test_a_number_of_very_many_digits_is_refused_and_crashes_nothing(tmp_path: Path, digits: int) -> None:
    (said,) = told(scaffold(tmp_path, ("tau: 12 ", f"tau: {'9' * digits} ")))
    assert said.endswith(f": tau: found a whole number of {digits} digits. Quote it if it is a code.")


def test_a_number_too_large_for_a_double_is_refused(tmp_path: Path) -> None:
    (said,) = told(scaffold(tmp_path, ("tau: 12 ", "tau: 1e999 ")))
    assert said.endswith(": tau: found inf; allowed: a finite number.")


@pytest.mark.parametrize("day", ["2020-02-30", "2019-02-29", "2020-13-01", "2020-00-10"])
def test_a_day_that_does_not_exist_is_refused(tmp_path: Path, day: str) -> None:
    (said,) = told(scaffold(tmp_path, ("  source:", f"  cut: {day}\n  source:")))
    assert said.endswith(f": data.cut: found {day}; there is no such day.")


# --- every problem at once


def test_problems_of_reading_and_of_meaning_are_told_together_in_the_order_of_lines(tmp_path: Path) -> None:
    path = scaffold(
        tmp_path,
        ("synthetic: false", "synthetic: no"),
        ("treated: [1]", "treated: [01]"),
        ("horizons: [3, 12]", "horizns: [3, 12]"),
        ("tau: 12 ", "tau: 12\ntau: 24 "),
        ("ratio: 1", "ratio: 0"),
    )
    said = told(path)
    lines = [int(s.split(":")[1]) for s in said]
    assert lines == sorted(lines)
    for words in (
        "synthetic: found 'no'",
        "treated.0: found 01",
        "horizns: this key is not known. Did you mean 'horizons'?",
        "horizons: is missing",
        "tau: this key is already on line",
        "ratio: found 0; allowed: a number of at least 1",
    ):
        assert sum(words in s for s in said) == 1, words
    assert len(said) == 6


def test_each_line_of_the_error_names_file_line_key_found_and_allowed(tmp_path: Path) -> None:
    path = scaffold(tmp_path, ("caliper: 0.2", "caliper: wide"))
    assert told(path) == (
        f"protocol.yaml:{line_of(path, 'wide')}: analyses.0.design.caliper: found 'wide'; allowed: a number.",
    )


def test_windows_line_ends_do_not_move_the_line(tmp_path: Path) -> None:
    path = scaffold(tmp_path, ("caliper: 0.2", "caliper: wide"))
    line = line_of(path, "wide")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert told(path)[0].startswith(f"protocol.yaml:{line}: ")
