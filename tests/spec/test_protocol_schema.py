"""The JSON Schema that an editor completes and checks a protocol with."""

from __future__ import annotations

import copy
import json
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pdd_outcomes.protocol.schema import protocol_schema
from pdd_outcomes.protocol.template import SHAPES, write_scaffold
from pdd_outcomes.protocol.yaml_lines import read_document

ANALYSES = Path(__file__).resolve().parents[2] / "analyses"
SHIPPED = ("nc_work_release", "pdd_thirteen_forces")


def as_json(value: Any) -> Any:
    """What an editor sees: JSON has no dates, and writes them as text."""
    if isinstance(value, dict):
        return {k: as_json(v) for k, v in value.items()}
    if isinstance(value, list):
        return [as_json(v) for v in value]
    return value.isoformat() if isinstance(value, date) else value


def plan(study: str) -> dict[str, Any]:
    made = as_json(read_document(ANALYSES / study / "protocol.yaml").value)
    assert isinstance(made, dict)
    return made


def mistakes(value: Any) -> list[str]:
    """Every message, and those inside of a part that may be null."""
    found = list(jsonschema.Draft202012Validator(protocol_schema()).iter_errors(value))
    return [e.message for error in found for e in (error, *(error.context or ()))]


def test_the_schema_is_itself_a_valid_schema_that_can_be_written_as_json() -> None:
    schema = protocol_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema)) == schema
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("study", SHIPPED)
def test_it_accepts_the_shipped_protocol(study: str) -> None:
    assert mistakes(plan(study)) == []


@pytest.mark.parametrize("shape", SHAPES)
def test_it_accepts_a_new_studys_protocol(tmp_path: Path, shape: str) -> None:
    write_scaffold(tmp_path, "a_study", shape)
    assert mistakes(as_json(read_document(tmp_path / "a_study" / "protocol.yaml").value)) == []


@pytest.mark.parametrize(
    "place",
    [
        (),
        ("data",),
        ("cohort",),
        ("cohort", "window"),
        ("cohort", "comparator"),
        ("cohort", "diverted"),
        ("outcomes", 0),
        ("analyses", 0),
        ("analyses", 0, "design"),
        ("analyses", 1, "gates"),
        ("release",),
    ],
)
def test_it_refuses_a_key_that_is_not_known_at_any_level(place: tuple[str | int, ...]) -> None:
    made = plan("pdd_thirteen_forces")
    part: Any = made
    for step in place:
        part = part[step]
    part["misspelt"] = 1
    assert any("'misspelt' was unexpected" in m for m in mistakes(made))


def test_it_knows_the_keys_of_the_file_and_not_those_of_the_code() -> None:
    made = plan("pdd_thirteen_forces")
    window = made["cohort"]["window"]
    window["from_"] = window.pop("from")
    said = mistakes(made)
    assert any("'from_' was unexpected" in m for m in said)
    assert any("'from' is a required property" in m for m in said)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("tau",), "1095"),
        (("tau",), 0),
        (("synthetic",), "yes"),
        (("data", "shape"), "person table"),
        (("data", "source"), "here"),
        (("cohort", "comparator", "outcome_codes"), []),
        (("cohort", "comparator", "outcome_codes"), [23]),
        (("analyses", 0, "estimand"), "ATE"),
        (("analyses", 0, "design", "ratio"), 0),
        (("release", "threshold"), 2.5),
        (("reporting",), {"level": 1}),
    ],
)
def test_it_refuses_a_wrong_value(place: tuple[str | int, ...], value: object) -> None:
    made = plan("pdd_thirteen_forces")
    part: Any = made
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = value
    assert mistakes(made)


def test_it_wants_a_comparator() -> None:
    made = copy.deepcopy(plan("pdd_thirteen_forces"))
    del made["cohort"]["comparator"]
    assert any("'comparator' is a required property" in m for m in mistakes(made))
