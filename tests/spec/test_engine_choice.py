"""Which engine renders a report, and what the reader of the log is told about it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from pdd_outcomes.core.errors import UsageError
from pdd_outcomes.report.engine import choose_engine, render

PYTHON = sys.executable  # before a test hides it


def quarto_saying(folder: Path, version: str, code: int = 0) -> Path:
    """An executable that only answers --version."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "quarto"
    program.write_text(f"#!{PYTHON}\nimport sys\nprint({version!r})\nsys.exit({code})\n")
    program.chmod(0o755)
    return program


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No Quarto anywhere: an empty PATH and a Python without the quarto extra beside it."""
    monkeypatch.delenv("QUARTO_PATH", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr("pdd_outcomes.report.quarto.sys.executable", str(tmp_path / "bin" / "python"))
    return tmp_path


def test_without_quarto_auto_takes_the_embedded_engine_and_says_why(nowhere: Path) -> None:
    choice = choose_engine("auto")
    assert choice.engine == "embedded"
    assert str(choice).startswith("engine: embedded pandoc 3")
    assert "no Quarto in QUARTO_PATH, on PATH or from the quarto extra" in str(choice)


def test_auto_takes_quarto_from_quarto_path_before_path(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUARTO_PATH", str(quarto_saying(nowhere / "one", "1.9.38")))
    monkeypatch.setenv("PATH", str(quarto_saying(nowhere / "two", "1.5.0").parent))
    choice = choose_engine()
    assert (choice.engine, choice.version) == ("quarto", "1.9.38")
    assert "QUARTO_PATH" in choice.why


def test_quarto_path_may_name_the_folder(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUARTO_PATH", str(quarto_saying(nowhere / "one", "1.4.0").parent))
    assert choose_engine().version == "1.4.0"


def test_auto_finds_quarto_on_path_and_then_the_extra_beside_this_python(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quarto_saying(nowhere / "bin", "1.10.19")
    extra = choose_engine()
    assert (extra.version, extra.why) == ("1.10.19", "found through the quarto extra")
    monkeypatch.setenv("PATH", str(quarto_saying(nowhere / "path", "1.6.43").parent))
    on_path = choose_engine()
    assert (on_path.version, on_path.why) == ("1.6.43", "found through PATH")


@pytest.mark.parametrize(
    ("version", "code", "why"),
    [
        ("1.3.450", 0, "is 1.3.450; 1.4 or newer is needed"),
        ("1.6.43", 1, "does not say its version (exit 1)"),
        ("what?", 0, "does not say its version"),
    ],
)
def test_a_quarto_that_is_old_or_broken_is_passed_over_with_the_reason(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch, version: str, code: int, why: str
) -> None:
    monkeypatch.setenv("QUARTO_PATH", str(quarto_saying(nowhere / "old", version, code)))
    assert choose_engine("auto").engine == "embedded"
    assert why in choose_engine("auto").why
    with pytest.raises(UsageError, match="--engine embedded"):
        choose_engine("quarto")


def test_a_program_that_cannot_start_is_passed_over(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = quarto_saying(nowhere / "odd", "1.6")
    program.write_bytes(b"\x7fELF not a program")
    monkeypatch.setenv("QUARTO_PATH", str(program))
    assert "does not run" in choose_engine().why


def test_a_wrong_quarto_path_is_told_and_never_overruled(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(quarto_saying(nowhere / "path", "1.6.43").parent))
    monkeypatch.setenv("QUARTO_PATH", str(nowhere / "absent"))
    assert choose_engine().engine == "embedded"
    with pytest.raises(UsageError, match="QUARTO_PATH does not name an executable"):
        choose_engine("quarto")


def test_an_unknown_engine_is_refused_with_the_known_ones() -> None:
    wrong: Any = "quatro"
    with pytest.raises(UsageError, match=r"Did you mean 'quarto'\?.*'auto', 'quarto', 'embedded'"):
        choose_engine(wrong)


def test_exactly_one_line_is_said_before_rendering(tmp_path: Path) -> None:
    (tmp_path / "a.qmd").write_text("---\ntitle: A\n---\n\n## Hello\n\nText.\n")
    said: list[str] = []
    result = render(tmp_path / "a.qmd", tmp_path / "site" / "a.html", engine="embedded", on_message=said.append)
    assert len(said) == 1
    assert said[0].startswith("engine: embedded pandoc")
    assert result.path == (tmp_path / "site" / "a.html").resolve()
    assert (result.engine, result.messages) == ("embedded", ())
    assert result.version.startswith("pandoc 3")


def test_a_missing_document_or_a_time_limit_of_nothing_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no document .*a\.qmd"):
        render(tmp_path / "a.qmd", tmp_path / "a.html", engine="embedded")
    with pytest.raises(UsageError, match="timeout=0"):
        render(tmp_path / "a.qmd", tmp_path / "a.html", timeout=0)
