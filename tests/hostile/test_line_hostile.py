"""Bad input to the line: one clear error with the right exit code, and nothing half-written."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pdd_outcomes.cli import _provider
from pdd_outcomes.core.errors import DataError, PddError, ProtocolError, UsageError
from pdd_outcomes.stages.line import STAGES, run_stage
from pdd_outcomes.stages.study import open_study
from tests.acceptance.projects import edit, people, person_study


def run(root: Path, last: str = "release") -> None:
    """Every stage up to `last`."""
    study = open_study(root, "a_study")
    for stage in STAGES[: STAGES.index(last) + 1]:
        run_stage(study, stage, log=lambda _: None, provider=_provider)


def said(root: Path, last: str = "release") -> PddError:
    """The error that the run ends with; the stage it ends in leaves nothing behind."""
    with pytest.raises(PddError) as stopped:
        run(root, last)
    build = root / "build" / "a_study"
    if build.is_dir():
        assert {p.name for p in build.iterdir() if p.name.startswith(".")} <= {".lock"}
        assert all((p / "manifest.json").is_file() for p in build.iterdir() if p.is_dir())
    for problem in stopped.value.problems:
        assert "SYN-" not in problem
    return stopped.value


def test_a_study_that_is_not_there(tmp_path: Path) -> None:
    person_study(tmp_path)
    with pytest.raises(UsageError, match="Did you mean 'a_study'"):
        open_study(tmp_path, "a_studdy")


def test_a_missing_folder(tmp_path: Path) -> None:
    folder = person_study(tmp_path)
    (folder / "data" / "person.csv").unlink()
    (folder / "data").rmdir()
    assert "there is no folder" in str(said(tmp_path))


def test_a_missing_file(tmp_path: Path) -> None:
    folder = person_study(tmp_path)
    (folder / "data" / "person.csv").unlink()
    assert "the folder holds no table" in str(said(tmp_path))


def test_a_missing_column_is_named_with_the_nearest(tmp_path: Path) -> None:
    person_study(tmp_path, people().rename(columns={"follow_up": "followup"}))
    error = said(tmp_path)
    assert error.exit_code == 4
    assert "'follow_up' is not a column of the data. Did you mean 'followup'?" in str(error)


def test_a_wrong_type(tmp_path: Path) -> None:
    data = people().astype({"follow_up": str})
    data.loc[: len(data) // 2, "follow_up"] = "a year"
    person_study(tmp_path, data)
    error = said(tmp_path)
    assert "follow_up: is not a number" in str(error)
    assert "a year" not in str(error)


def test_a_duplicated_person(tmp_path: Path) -> None:
    data = people()
    person_study(tmp_path, pd.concat([data, data.head(40)]))
    assert "person_id: names more than one row" in str(said(tmp_path))


def test_a_few_bad_rows_are_quarantined_and_the_run_goes_on(tmp_path: Path) -> None:
    data = people()
    data.loc[[3, 5], "follow_up"] = [-1, 0]
    folder = person_study(tmp_path, data)
    run(tmp_path)
    extract = tmp_path / "build" / "a_study" / "extract"
    quality = pd.read_csv(extract / "quality.csv").iloc[0]
    assert (quality["rows_in"], quality["rows_ok"], quality["rows_quarantined"]) == (1500, 1498, 2)
    assert pd.read_csv(extract / "quarantine.csv")["row"].tolist() == [4, 6]
    assert folder.is_dir()


def test_a_protocol_with_a_typo_names_line_key_and_the_right_one(tmp_path: Path) -> None:
    folder = person_study(tmp_path)
    edit(folder / "protocol.yaml", "caliper: 0.2", "calliper: 0.2")
    with pytest.raises(
        ProtocolError, match=r"protocol.yaml:\d+: analyses.0.design.calliper: .*Did you mean 'caliper'"
    ):
        open_study(tmp_path, "a_study")


def test_an_empty_arm(tmp_path: Path) -> None:
    person_study(tmp_path, people().assign(programme=1))
    assert "the arm 'No programme' is empty" in str(said(tmp_path))


def test_complete_separation_names_the_covariate(tmp_path: Path) -> None:
    data = people()
    person_study(tmp_path, data.assign(priors=data["programme"] * 10 + data["priors"] % 3))
    error = said(tmp_path)
    assert isinstance(error, DataError)
    assert "programme, all" in str(error)
    assert "priors" in str(error)


def test_no_matches_inside_the_caliper(tmp_path: Path) -> None:
    data = people()
    data["priors"] = data["priors"] + 0.001 * data.index  # no two scores are alike
    folder = person_study(tmp_path, data)
    edit(folder / "protocol.yaml", "caliper: 0.2", "caliper: 0.000000001")
    assert "programme, all: " in str(said(tmp_path))


def test_zero_events_in_an_arm_are_rows_with_a_reason(tmp_path: Path) -> None:
    data = people()
    person_study(tmp_path, data.assign(reoffended=data["reoffended"].where(data["programme"] == 0, 0)))
    run(tmp_path)
    estimates = pd.read_csv(tmp_path / "build" / "a_study" / "estimates" / "estimates.csv")
    ratio = estimates.loc[
        (estimates["measure"] == "hazard_ratio") & (estimates["population"] == "matched")
    ].iloc[0]
    assert ratio["status"] == "not_estimable"
    assert ratio["reason"] == "no event among the treated people in this interval"


def test_a_stage_before_its_turn_says_what_to_run(tmp_path: Path) -> None:
    person_study(tmp_path)
    study = open_study(tmp_path, "a_study")
    with pytest.raises(UsageError, match="stage 'extract' of a_study has not run"):
        run_stage(study, "cohort", log=lambda _: None, provider=_provider)
    with pytest.raises(UsageError, match=r"stage='desing' is not known\. Did you mean 'design'"):
        run_stage(study, "desing", log=lambda _: None, provider=_provider)


def test_a_file_with_semicolons_or_another_encoding(tmp_path: Path) -> None:
    folder = person_study(tmp_path)
    people().to_csv(folder / "data" / "person.csv", index=False, sep=";")
    assert "separated by something other than commas" in str(said(tmp_path))
    (folder / "data" / "person.csv").write_bytes("person_id,naïve\n1,é\n".encode("utf-16"))
    assert "is not UTF-8" in str(said(tmp_path))
