"""The parts that a plan may leave out: every rule, with the key that breaks it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pdd_outcomes.core.errors import ProtocolError
from pdd_outcomes.protocol import load_protocol
from pdd_outcomes.protocol.plan import plan_text

ANALYSES = Path(__file__).resolve().parents[2] / "analyses"


def whole(study: str) -> dict[str, Any]:
    made: dict[str, Any] = YAML(typ="safe", pure=True).load(
        (ANALYSES / study / "protocol.yaml").read_text(encoding="utf-8")
    )
    return made


def written(root: Path, plan: dict[str, Any]) -> Path:
    path = root / plan["study"] / "protocol.yaml"
    path.parent.mkdir(parents=True)
    with path.open("w", encoding="utf-8") as stream:
        YAML(typ="safe", pure=True).dump(plan, stream)
    return path


def told(root: Path, study: str, changes: dict[str, Any]) -> tuple[str, ...]:
    """What is wrong with a shipped plan after changes: keys like "equity.by", None to take one out."""
    plan = copy.deepcopy(whole(study))
    for key, value in changes.items():
        *path, last = key.split(".")
        inside: Any = plan
        for part in path:
            inside = inside[int(part) if part.isdigit() else part]
        if value is None:
            del inside[last]
        else:
            inside[last] = value
    with pytest.raises(ProtocolError) as stopped:
        load_protocol(written(root, plan))
    return tuple(p.split(": ", 1)[1] for p in stopped.value.problems)


FORCES, PUBLISHED, PERSON = "pdd_thirteen_forces", "pdd_published", "nc_work_release"


@pytest.mark.parametrize(
    ("study", "changes", "key", "said"),
    [
        (
            FORCES,
            {"moderators.horizon": 400},
            "moderators.horizon",
            "allowed: one of the horizons, 91, 365, 730, 1095",
        ),
        (FORCES, {"moderators.by": ["sex", "sex"]}, "moderators.by", "twice"),
        (FORCES, {"moderators.by": ["sexx"], "moderators.bands": {}}, "moderators.by.0", "'sex'"),
        (
            FORCES,
            {"moderators.by": ["prior_offences"], "moderators.bands": {}},
            "moderators.by.0",
            "many values",
        ),
        (FORCES, {"moderators.bands": {"age": [35, 25]}}, "moderators.bands.age", "must increase"),
        (
            FORCES,
            {"equity.bands": {"age": [25], "sex": [1]}, "equity.by": ["age"]},
            "equity.bands.sex",
            "not in equity.by",
        ),
        (FORCES, {"equity.adjust": ["diverted"]}, "equity.adjust.0", "not among what is known"),
        (FORCES, {"engagement.stages": ["referred", "finished"]}, "engagement.stages.1", "Allowed: referred"),
        (FORCES, {"engagement.stages": ["referred"]}, "engagement.stages", "fewer than two stages"),
        (
            FORCES,
            {"economics.counts": {"reoffence": "events of reofending"}},
            "economics.counts.reoffence",
            "reoffending",
        ),
        (FORCES, {"economics.costs": "../elsewhere.csv"}, "economics.costs", "beside the protocol"),
        (FORCES, {"instrument.adjust": ["officer"]}, "instrument.adjust.0", "not among what is known"),
        (PERSON, {"equity": {"by": ["black"]}}, "equity", "does not belong to data.shape person_table"),
        (PERSON, {"moderators": {"by": ["colour"]}}, "moderators.by.0", "not among what is known"),
        (
            PUBLISHED,
            {"moderators": {"by": ["sex"]}},
            "moderators",
            "does not belong to data.shape force_estimates",
        ),
        (
            PUBLISHED,
            {"outcomes.0.kind": "proven"},
            "outcomes.0.kind",
            "does not belong to data.shape force_estimates",
        ),
        (
            PUBLISHED,
            {"analyses.0.design": {"covariates": ["age"]}},
            "analyses.0.design",
            "whose people are not here",
        ),
        (PUBLISHED, {"analyses.0.by_force": False}, "analyses.0.exposure", "need exposure: force"),
    ],
)
def test_a_part_that_breaks_a_rule_is_refused_by_its_key(
    tmp_path: Path, study: str, changes: dict[str, Any], key: str, said: str
) -> None:
    problems = told(tmp_path, study, changes)
    assert any(p.startswith(f"{key}: ") and said in p for p in problems), problems


def test_a_roll_out_needs_an_analysis_of_forces(tmp_path: Path) -> None:
    plan = whole(FORCES)
    people = [a for a in plan["analyses"] if a["exposure"] == "person"]
    assert told(tmp_path, FORCES, {"analyses": people}) == (
        "roll_out: needs an analysis whose exposure is the force: a roll-out is of forces. Add one, or remove it.",
    )


@pytest.mark.parametrize("part", ["moderators", "engagement", "economics"])
def test_what_is_about_people_needs_a_headline_about_people(tmp_path: Path, part: str) -> None:
    plan = whole(FORCES)
    analyses = plan["analyses"]
    for analysis in analyses:
        analysis["headline"] = analysis["exposure"] == "force"
    problems = told(tmp_path, FORCES, {"analyses": analyses})
    assert any(p.startswith(f"{part}: needs a headline whose exposure is the person's") for p in problems)


PARTS = {
    "forces": "## Few forces",
    "roll_out": "## Roll-out",
    "instrument": "## Instrument",
    "engagement": "## Engagement",
    "moderators": "## Moderators",
    "equity": "## Equity",
    "economics": "## Economics",
}


@pytest.mark.parametrize("part", PARTS)
def test_the_plan_in_words_has_a_heading_for_a_part_that_is_there_and_none_for_one_that_is_not(
    tmp_path: Path, part: str
) -> None:
    plan = whole(FORCES)
    assert PARTS[part] in plan_text(load_protocol(written(tmp_path / "with", plan)))
    del plan[part]
    assert PARTS[part] not in plan_text(load_protocol(written(tmp_path / "without", plan)))


def test_a_part_changes_the_hash_of_the_plan(tmp_path: Path) -> None:
    plan = whole(FORCES)
    before = load_protocol(written(tmp_path / "with", plan)).sha256
    plan["equity"]["minimum"] = 31
    assert load_protocol(written(tmp_path / "changed", plan)).sha256 != before


def test_the_plan_of_published_estimates_speaks_of_no_people(tmp_path: Path) -> None:
    said = plan_text(load_protocol(written(tmp_path, whole(PUBLISHED))))
    for word in ("Hartung-Knapp", "each force left out", "0.162"):
        assert word in said.lower() or word in said
    assert "caliper" not in said
    assert "Kaplan-Meier" not in said
