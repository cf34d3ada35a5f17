"""The Makefile: what it runs again, what it leaves, and the code with which it ends."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pdd_outcomes.stages.line import STAGES

from .projects import edit, people, person_study

pytestmark = pytest.mark.acceptance

REPOSITORY = Path(__file__).parents[2]
PDD = Path(sys.executable).with_name("pdd")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one study, with the environment that runs this test in place of one to be set up."""
    person_study(tmp_path)
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, tmp_path)
    bin_folder = tmp_path / ".venv" / "bin"
    bin_folder.mkdir(parents=True)
    (bin_folder / "pdd").symlink_to(PDD)
    (tmp_path / ".venv" / ".ready").touch()
    return tmp_path


def make(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`make` with these words, by the embedded engine."""
    command = ["make", "ENGINE=embedded", *words]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, timeout=300)


def stages_run(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The stages that a run of make said it ran."""
    said = [line.split(": ")[1] for line in done.stderr.splitlines() if line.startswith("a_study: ")]
    return [name for name in STAGES if name in said]


def test_make_report_runs_what_is_out_of_date_and_nothing_else(project: Path) -> None:
    first = make(project, "report")
    assert first.returncode == 0, first.stderr
    assert stages_run(first) == list(STAGES)
    assert "Report: reports/_site/a_study.html" in first.stdout

    assert stages_run(make(project, "report")) == []

    protocol = project / "analyses" / "a_study" / "protocol.yaml"
    protocol.write_text(protocol.read_text() + "# a comment\n")
    assert stages_run(make(project, "report")) == ["protocol"]

    people(seed=2).to_csv(project / "analyses" / "a_study" / "data" / "person.csv", index=False)
    assert stages_run(make(project, "report")) == list(STAGES[1:])


def test_a_failed_gate_leaves_its_page_and_stops_every_make_until_it_is_mended(project: Path) -> None:
    protocol = project / "analyses" / "a_study" / "protocol.yaml"
    edit(protocol, "max_smd: 0.25", "max_smd: 0.0001")
    page = project / "reports" / "_site" / "a_study.html"
    for _ in range(2):
        stopped = make(project, "report")
        assert stopped.returncode == 2
        assert "Error 5" in stopped.stderr
        assert page.is_file()
    edit(protocol, "max_smd: 0.0001", "max_smd: 0.25")
    assert make(project, "report").returncode == 0


def test_make_alone_prints_help_for_every_target(project: Path) -> None:
    said = make(project).stdout
    for target in [
        "setup",
        "check",
        "check-data",
        "plan",
        "run",
        "report",
        "test",
        "lint",
        "bench",
        "clean",
        "help",
    ]:
        assert f"  {target} " in said


def test_a_study_that_is_not_there_is_named(project: Path) -> None:
    done = make(project, "report", "STUDY=another")
    assert done.returncode == 2
    assert "another" in done.stderr
