"""A study on a folder of event tables: other clocks and every incident through the whole line, and nothing of anybody after it."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from pdd_outcomes.cli import _provider
from pdd_outcomes.stages.line import STAGES, run_stage
from pdd_outcomes.stages.study import open_study
from tests.acceptance.projects import edit
from tests.extracts import event_study, small_extract

FORMULA = re.compile(r"^ *formula: .*\n", re.MULTILINE)


def run(root: Path, folder: Path, clock: str, index: str) -> Path:
    """Every stage of a study with these settings; its build folder."""
    plan = folder / "protocol.yaml"
    plan.write_text(FORMULA.sub("", plan.read_text(encoding="utf-8")), encoding="utf-8")
    edit(
        plan,
        "clock: incident",
        f"clock: {clock}\n  index: {index}\n  histories:\n"
        "    - {id: theft_2y, label: Thefts in two years, groups: [theft], days: 730}\n"
        "    - {id: held_1y, label: Held in the last year, records: custody, days: 365, measure: ever}",
    )
    text = plan.read_text(encoding="utf-8")
    text = text.replace("[age, sex, ethnicity, imd_quintile,", "[theft_2y, held_1y, age, sex,")
    text = text.replace("first_time, prior_treatment]", "last_offence, prior_custody, prior_treatment]")
    # Small samples of people made at random: what is tested is the line.
    text = text.replace("max_smd: 0.1", "max_smd: 2").replace("min_ess: 200", "min_ess: 5")
    plan.write_text(text.replace("synthetic: true", "synthetic: false"), encoding="utf-8")
    study = open_study(root, "pdd_small")
    for stage in STAGES[: STAGES.index("release") + 1]:
        run_stage(study, stage, log=lambda _: None, provider=_provider)
    return root / "build" / "pdd_small"


def test_every_incident_from_a_landmark_goes_through_the_line(tmp_path: Path) -> None:
    tables = small_extract(900, again=300)
    folder = event_study(tmp_path, tables)
    build = run(tmp_path, folder, "landmark", "every")
    people = pd.read_parquet(build / "cohort" / "cohort.parquet")
    assert people["person"].duplicated().sum() > 100
    assert not people["subject"].duplicated().any()
    sets = pd.read_parquet(build / "design" / "design.parquet").query("set_id >= 0")
    # Without replacement a set is a pair; sets with replacement are joined where they share somebody.
    met = sets.query("analysis == 'scheme'").groupby(["group", "set_id"])["person"]
    assert (met.nunique() == met.size()).all()  # nobody is compared with themselves
    estimates = pd.read_csv(build / "estimates" / "estimates.csv")
    matched = estimates.query("population == 'matched' and group != 'pooled'")
    assert set(matched["se_method"]) == {"robust, clustered on the matched set and person"}
    flow = pd.read_csv(build / "cohort" / "flow.csv")
    assert "reoffended between the incident and time zero" in set(flow["rule"])
    accounts = pd.read_csv(build / "cohort" / "accounts.csv").groupby("table")["rows"].sum()
    assert accounts.to_dict() == {name: len(table) for name, table in tables.items()}
    measures = pd.read_parquet(build / "outcomes" / "measures.parquet")
    assert set(measures["subject"]) == set(people["subject"])
    labels = (build / "release" / "findings" / "study.json").read_text(encoding="utf-8")
    assert "Thefts in two years" in labels
    assert "Follow-up starts when those days are over" in labels


def test_no_date_of_birth_and_no_identity_is_in_what_is_released(tmp_path: Path) -> None:
    tables = small_extract(700)
    build = run(tmp_path, event_study(tmp_path, tables), "incident", "first")
    births = set(tables["persons"]["birth_date"])
    for path in sorted(build.rglob("*")):
        stage = path.relative_to(build).parts[0]
        if not path.is_file() or stage in ("raw", "extract"):
            continue
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else None
        text = frame.to_csv() if frame is not None else path.read_text(encoding="utf-8")
        assert "birth" not in text, path
        days = set(re.findall(r"\b\d{4}-\d\d-\d\d\b", text))
        # A day of birth may also be the day of somebody's incident, which stays in the private cohort.
        incidents = set(tables["disposals"]["incident_date"])
        assert not (days & births) - incidents, path
        if stage == "release":
            assert "Canary" not in text, path


@pytest.mark.parametrize("clock", ["disposal"])
def test_the_disposal_clock_is_warned_of_in_the_findings(tmp_path: Path, clock: str) -> None:
    build = run(tmp_path, event_study(tmp_path, small_extract(700)), clock, "first")
    said = (build / "release" / "findings" / "study.json").read_text(encoding="utf-8")
    assert "immortal time" in said
