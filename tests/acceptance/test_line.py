"""A whole study through the command line: two runs agree, a killed run is picked up, a gate stops the effects."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from pdd_outcomes.cli import app
from pdd_outcomes.core.errors import GateError, PddError, ProtocolError, UsageError
from pdd_outcomes.release.findings import read_findings
from pdd_outcomes.stages.files import sole_use

from .projects import edit, people, person_study

pytestmark = pytest.mark.acceptance


def pdd(*words: str, root: Path | None = None) -> Result:
    """`pdd` with these words, errors as they are."""
    at = ["--root", str(root)] if root else []
    result = CliRunner().invoke(app, [*words, *at])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by its relative path."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose one study has been run and rendered."""
    root = tmp_path_factory.mktemp("project")
    person_study(root)
    result = pdd("run", "a_study", "--engine", "embedded", root=root)
    assert result.exit_code == 0
    return root


def test_a_scaffolded_study_runs_to_a_page(finished: Path) -> None:
    page = (finished / "reports" / "_site" / "a_study.html").read_text(encoding="utf-8")
    assert "<h1" in page
    assert "Programme" in page
    assert "SYN-0001" not in page


def test_the_findings_hold_no_person(finished: Path) -> None:
    findings = finished / "build" / "a_study" / "release" / "findings"
    ids = people()["person_id"]
    for name, content in contents(findings).items():
        text = content.decode()
        assert not any(person in text for person in ids), name


def test_the_same_inputs_give_the_same_bytes(finished: Path) -> None:
    findings = finished / "build" / "a_study" / "release" / "findings"
    page = finished / "reports" / "_site" / "a_study.html"
    before, page_before = contents(findings), page.read_bytes()
    assert pdd("run", "a_study", "--again", "--engine", "embedded", root=finished).exit_code == 0
    assert contents(findings) == before
    assert page.read_bytes() == page_before


def test_a_second_run_does_nothing_and_keeps_the_manifests_times(finished: Path) -> None:
    manifests = sorted((finished / "build" / "a_study").glob("*/manifest.json"))
    times = [m.stat().st_mtime_ns for m in manifests]
    result = pdd("run", "a_study", "--engine", "embedded", root=finished)
    assert result.output.count("up to date") == 9
    assert [m.stat().st_mtime_ns for m in manifests] == times


def test_a_comment_in_the_protocol_changes_no_manifest(finished: Path) -> None:
    protocol = finished / "analyses" / "a_study" / "protocol.yaml"
    manifest = finished / "build" / "a_study" / "protocol" / "manifest.json"
    before = manifest.stat().st_mtime_ns
    protocol.write_text(protocol.read_text() + "# a comment\n")
    assert pdd("stage", "protocol", "a_study", root=finished).exit_code == 0
    assert manifest.stat().st_mtime_ns == before


def test_a_run_killed_in_a_stage_is_picked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pdd_outcomes.stages import estimates

    person_study(tmp_path)
    with monkeypatch.context() as patch:

        def die(*_: object) -> None:
            raise MemoryError

        patch.setattr(estimates, "pool_forces", die)
        with pytest.raises(MemoryError):
            pdd("run", "a_study", root=tmp_path)
    build = tmp_path / "build" / "a_study"
    assert not (build / "estimates").exists()
    (build / ".estimates.left_by_a_kill").mkdir()  # a kill that nothing could tidy after
    assert pdd("run", "a_study", "--engine", "embedded", root=tmp_path).exit_code == 0
    assert sorted(p.name for p in build.iterdir() if p.name.startswith(".")) == [".lock"]


def test_a_run_killed_outright_leaves_nothing_half_done(tmp_path: Path) -> None:
    person_study(tmp_path)
    command = [sys.executable, "-m", "pdd_outcomes", "run", "a_study", "--engine", "embedded"]
    killed_at = []
    for words in ("design:", "outcomes:", "estimates:", "release:", "report:"):
        with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as run:
            assert run.stderr is not None
            for line in run.stderr:
                if f"a_study: {words}" in line:
                    run.kill()
                    killed_at.append(words)
    assert killed_at == ["design:", "outcomes:", "estimates:", "release:", "report:"]
    assert not (tmp_path / "reports" / "_site" / "a_study.html").exists()
    assert pdd("run", "a_study", "--engine", "embedded", root=tmp_path).exit_code == 0
    left = [p for folder in ("build/a_study", "reports/_site") for p in (tmp_path / folder).glob(".*")]
    assert [p.name for p in left] == [".lock"]


def test_a_second_run_of_a_study_waits_for_the_first(tmp_path: Path) -> None:
    said: list[str] = []
    with sole_use(tmp_path, lambda: said.append("first")):
        second = threading.Thread(target=_hold, args=(tmp_path, said))
        second.start()
        while not said:
            assert second.is_alive()
        assert said == ["second waits"]
    second.join(timeout=30)
    assert said == ["second waits", "second works"]


def _hold(folder: Path, said: list[str]) -> None:
    with sole_use(folder, lambda: said.append("second waits")):
        said.append("second works")


def test_a_file_changed_behind_the_back_of_a_stage_is_noticed(tmp_path: Path) -> None:
    person_study(tmp_path)
    for stage in ("protocol", "raw", "extract", "cohort"):
        pdd("stage", stage, "a_study", root=tmp_path)
    target = tmp_path / "build" / "a_study" / "cohort" / "flow.csv"
    target.write_text(target.read_text() + "x,1,a,b,1,0,1\n")
    with pytest.raises(PddError, match=r"cohort/flow.csv was changed"):
        pdd("stage", "design", "a_study", root=tmp_path)


def test_a_new_extract_runs_through(tmp_path: Path) -> None:
    folder = person_study(tmp_path)
    for stage in ("protocol", "raw", "extract"):
        pdd("stage", stage, "a_study", root=tmp_path)
    people(700, seed=2).to_csv(folder / "data" / "person.csv", index=False)
    with pytest.raises(PddError, match="changed since the stage 'raw' ran"):
        pdd("stage", "extract", "a_study", root=tmp_path)
    pdd("run", "a_study", "--engine", "embedded", root=tmp_path)
    manifest = json.loads((tmp_path / "build" / "a_study" / "extract" / "manifest.json").read_text())
    assert manifest["rows"]["out: person.parquet"] == 700


def test_a_failed_gate_gives_a_page_with_diagnostics_no_effects_and_code_5(tmp_path: Path) -> None:
    folder = person_study(tmp_path)
    edit(folder / "protocol.yaml", "max_smd: 0.25", "max_smd: 0.0001")
    with pytest.raises(GateError, match="standardised difference") as stopped:
        pdd("run", "a_study", "--engine", "embedded", root=tmp_path)
    assert stopped.value.exit_code == 5
    findings = read_findings(tmp_path / "build" / "a_study" / "release" / "findings")
    assert findings["estimates"].empty
    assert findings["curves"].empty
    assert not findings["balance"].empty
    assert pd.read_parquet(tmp_path / "build" / "a_study" / "outcomes" / "outcomes.parquet").empty
    site = tmp_path / "reports" / "_site"
    assert "gate" in (site / "a_study.html").read_text(encoding="utf-8")
    assert "a_study.html" in (site / "index.html").read_text(encoding="utf-8")


def test_an_override_goes_on_and_is_said_on_the_page(tmp_path: Path) -> None:
    folder = person_study(tmp_path)
    edit(
        folder / "protocol.yaml",
        "max_smd: 0.25, min_ess: 100",
        "max_smd: 0.0001, min_ess: 100, override: Agreed with the panel beforehand",
    )
    assert pdd("run", "a_study", "--engine", "embedded", root=tmp_path).exit_code == 0
    page = (tmp_path / "reports" / "_site" / "a_study.html").read_text(encoding="utf-8")
    assert "Agreed with the panel beforehand" in page


def test_diff_says_which_numbers_moved(finished: Path, tmp_path: Path) -> None:
    person_study(tmp_path, people(seed=3))
    pdd("run", "a_study", "--engine", "embedded", root=tmp_path)
    before, after = finished / "build" / "a_study", tmp_path / "build" / "a_study"
    assert pdd("diff", str(before), str(before)).output.strip() == "0 differences"
    moved = pdd("diff", str(before), str(after)).output
    assert "risk_difference" in moved
    assert "->" in moved


def test_replacement_and_ratio_run_too(tmp_path: Path) -> None:
    folder = person_study(tmp_path)
    edit(folder / "protocol.yaml", "ratio: 1\n      replace: false", "ratio: 2\n      replace: true")
    edit(folder / "protocol.yaml", "exact: []", "exact: [sex]")
    assert pdd("run", "a_study", "--engine", "embedded", root=tmp_path).exit_code == 0
    estimates = read_findings(tmp_path / "build" / "a_study" / "release" / "findings")["estimates"]
    matched = estimates.loc[estimates["population"] == "matched"]
    assert set(matched["se_method"]) == {"robust, clustered on the matched set and person"}


def test_the_index_lists_the_rendered_studies(finished: Path) -> None:
    assert pdd("report", "--index-only", root=finished).exit_code == 0
    assert "a_study.html" in (finished / "reports" / "_site" / "index.html").read_text(encoding="utf-8")


def test_plan_check_schema_version_and_doctor_speak(finished: Path) -> None:
    assert pdd("plan", "a_study", root=finished).output.startswith("# What the study is called")
    assert "2 of 2 invented people" in pdd("check", "a_study", root=finished).output
    assert json.loads(pdd("schema").output)["title"] == "pdd-outcomes protocol"
    assert pdd("version").output.strip() == "0.1.0"
    assert "matching methods" in pdd("doctor").output


@pytest.mark.parametrize(
    "command", ["new", "check", "plan", "run", "stage", "data", "report", "diff", "doctor", "schema"]
)
def test_help_shows_an_example(command: str) -> None:
    assert f"Example:  pdd {command}" in pdd(command, "--help").output


def test_new_refuses_a_name_that_is_taken_or_odd(tmp_path: Path) -> None:
    person_study(tmp_path)
    with pytest.raises(UsageError, match="is there already"):
        pdd("new", "a_study", root=tmp_path)
    with pytest.raises(UsageError, match="small letters"):
        pdd("new", "Bad Name", root=tmp_path)


def test_a_case_that_comes_out_otherwise_is_told(tmp_path: Path) -> None:
    folder = person_study(tmp_path)
    edit(folder / "cases.yaml", "event: 1, time: 7", "event: 0, time: 7")
    with pytest.raises(ProtocolError, match="reoffending: event is 1, expected 0"):
        pdd("check", "a_study", root=tmp_path)
