"""Laws of the plan: what its hash and its text depend on, and how faithfully a file is read."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import random
import re
import string
import tempfile
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from ruamel.yaml import YAML

from pdd_outcomes.core.errors import ProtocolError
from pdd_outcomes.protocol import Protocol, check_gates, load_protocol
from pdd_outcomes.protocol.plan import plan_text
from pdd_outcomes.protocol.rules import cross_field_problems
from pdd_outcomes.protocol.yaml_lines import read_document

ANALYSES = Path(__file__).resolve().parents[2] / "analyses"
SHIPPED = ("nc_work_release", "pdd_thirteen_forces")
FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
Place = tuple[str | int, ...]


def values(study: str) -> dict[str, Any]:
    made = read_document(ANALYSES / study / "protocol.yaml").value
    assert isinstance(made, dict)
    return made


def filled(study: str) -> dict[str, Any]:
    """The plan with every default stated."""
    made = plain(load_protocol(ANALYSES / study / "protocol.yaml").model_dump(by_alias=True))
    assert isinstance(made, dict)
    return made


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, list | tuple) else value


def leaves(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every single value of the plan, with where it stands."""
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(part, (*place, key))
    else:
        yield place, value


def put(tree: dict[str, Any], place: Place, value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(tree)
    part: Any = changed
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = value
    return changed


OPTIONS = {
    "kind": ("proven", "treatment_entry"),
    "estimand": ("ATT", "ATC"),
    "caliper_scale": ("sd", "raw"),
    "order": ("largest", "smallest"),
    "time_unit": ("months", "days"),
    "contact": ("referred", "assessed"),
}


def altered(value: Any, place: Place) -> Any:
    """Another value of the same type, and a near one, so that a rule seldom refuses it."""
    if place[-1] in OPTIONS:
        return next(option for option in OPTIONS[str(place[-1])] if option != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value * 0.9375 or 0.001
    if isinstance(value, date):
        return value + timedelta(days=1)
    return "another" if value is None else f"{value}x"


def accepted(tree: dict[str, Any]) -> Protocol | None:
    """The plan, or None where a rule refuses it."""
    try:
        protocol = Protocol.model_validate(tree)
    except ValidationError:
        return None
    return None if cross_field_problems(protocol) else protocol


def written(tree: Any, folder: Path, study: str, *, yaml: Callable[[Any], str]) -> Path:
    path = folder / study / "protocol.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml(tree), encoding="utf-8")
    return path


def block_yaml(tree: Any) -> str:
    out = io.StringIO()
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.dump(tree, out)
    return out.getvalue()


def shuffled(value: Any, rng: random.Random) -> Any:
    """The same plan with the keys of every part in another order."""
    if isinstance(value, dict):
        keys = list(value)
        rng.shuffle(keys)
        return {k: shuffled(value[k], rng) for k in keys}
    return [shuffled(v, rng) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize("study", SHIPPED)
def test_every_value_of_the_plan_that_is_altered_changes_the_hash_or_is_refused(study: str) -> None:
    tree = filled(study)
    before = load_protocol(ANALYSES / study / "protocol.yaml").sha256
    seen = {before}
    n_accepted = 0
    for place, value in leaves(tree):
        protocol = accepted(put(tree, place, altered(value, place)))
        if protocol is not None:
            n_accepted += 1
            assert protocol.sha256 not in seen, place
            seen.add(protocol.sha256)
    assert n_accepted > 50  # the law says something only where the altered plan is a plan


@pytest.mark.parametrize("study", SHIPPED)
def test_every_value_of_the_plan_that_is_altered_changes_the_printed_plan(study: str) -> None:
    def text(protocol: Protocol) -> str:
        return plan_text(protocol).replace(protocol.sha256, "")

    tree = filled(study)
    before = text(Protocol.model_validate(tree))
    for place, value in leaves(tree):
        protocol = accepted(put(tree, place, altered(value, place)))
        if place[-1] == "order" and tree["analyses"][place[1]]["design"]["replace"]:
            continue  # with replacement nobody takes a partner from anybody, and the order says nothing
        if protocol is not None:
            assert text(protocol) != before, place


@pytest.mark.parametrize("study", SHIPPED)
def test_every_value_of_the_wrong_type_is_refused(study: str) -> None:
    tree = filled(study)
    for place, value in leaves(tree):
        wrong = [{"a": 1}, ["x"]]
        if isinstance(value, bool):
            wrong += [int(value), str(value).lower()]
        elif isinstance(value, int | float):
            wrong += [str(value), True]
        elif isinstance(value, date):
            wrong += [value.isoformat(), 20200131, True]
        elif isinstance(value, str):
            wrong += [True, 1.5, date(2020, 1, 31)]
        for other in wrong:
            code = place[:2] in (("person_table", "treatment"), ("person_table", "event")) and isinstance(
                place[-1], int
            )
            if code and isinstance(other, str):
                continue  # a value of a column may be text
            assert accepted(put(tree, place, other)) is None, (place, other)


@FEW
@given(study=st.sampled_from(SHIPPED), seed=st.integers(0, 2**32 - 1))
def test_the_order_of_keys_never_changes_the_hash(study: str, seed: int) -> None:
    tree = shuffled(values(study), random.Random(seed))
    with tempfile.TemporaryDirectory() as folder:
        path = written(tree, Path(folder), study, yaml=block_yaml)
        assert load_protocol(path).sha256 == load_protocol(ANALYSES / study / "protocol.yaml").sha256


@pytest.mark.parametrize("study", SHIPPED)
def test_a_plan_with_every_default_stated_has_the_hash_of_the_plan_without(tmp_path: Path, study: str) -> None:
    path = written(filled(study), tmp_path, study, yaml=block_yaml)
    assert "min_treated_events: 30" in path.read_text(encoding="utf-8")
    assert load_protocol(path).sha256 == load_protocol(ANALYSES / study / "protocol.yaml").sha256


@pytest.mark.parametrize("study", SHIPPED)
def test_a_plan_without_what_equals_a_default_has_the_hash_of_the_plan_with_it(study: str) -> None:
    tree = values(study)
    before = Protocol.model_validate(tree).sha256
    for key in ("release", "reporting", "synthetic", "sources", "limits"):
        smaller = {k: v for k, v in tree.items() if k != key}
        same = (
            Protocol.model_validate(smaller).model_dump().get(key)
            == Protocol.model_validate(tree).model_dump()[key]
        )
        assert (Protocol.model_validate(smaller).sha256 == before) == same, key


@FEW
@given(study=st.sampled_from(SHIPPED), seed=st.integers(0, 2**32 - 1))
def test_comments_and_blank_lines_anywhere_never_change_the_hash(study: str, seed: int) -> None:
    rng = random.Random(seed)
    source = ANALYSES / study / "protocol.yaml"
    lines: list[str] = []
    text = False  # from a block of text to the next key at the margin, an indented remark would be text
    for line in source.read_text(encoding="utf-8").splitlines():
        inside, text = text, line.endswith(">-") or (text and not line[:1].strip())
        if inside or text:
            lines.append(line)
            continue
        if rng.random() < 0.4:
            lines.append(
                rng.choice(["", "   ", "# a remark: with {odd} [signs]", f"{' ' * rng.randrange(9)}# x"])
            )
        lines.append(line + rng.choice(["", "   "]))
    with tempfile.TemporaryDirectory() as folder:
        path = written("\n".join(lines) + "\n", Path(folder), study, yaml=str)
        assert load_protocol(path).sha256 == load_protocol(source).sha256


WORD = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp", "Cn"), exclude_characters="\ufeff"), max_size=12
)
SCALAR = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORD
)
TREE = st.dictionaries(
    WORD,
    st.recursive(SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORD, inner, max_size=4)),
    max_size=5,
)


@settings(FEW, max_examples=200)
@given(tree=TREE)
def test_what_is_written_as_json_is_read_as_the_same_values(tree: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = written(
            tree, Path(folder), "a_study", yaml=lambda t: json.dumps(t, ensure_ascii=False, indent=1)
        )
        document = read_document(path)
    assert document.problems == []
    assert document.value == tree
    assert [type(v) for _, v in leaves(document.value)] == [type(v) for _, v in leaves(tree)]


@settings(FEW, max_examples=300)
@given(content=st.binary(max_size=60) | st.text(string.printable, max_size=60).map(str.encode))
def test_any_bytes_at_all_are_refused_with_a_line_and_crash_nothing(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a_study" / "protocol.yaml"
        path.parent.mkdir()
        path.write_bytes(content)
        with pytest.raises(ProtocolError) as stopped:
            load_protocol(path)
    assert stopped.value.problems
    for problem in stopped.value.problems:
        assert re.match(r".*a_study/protocol\.yaml:[1-9][0-9]*: ", problem)


@settings(FEW, max_examples=150)
@given(
    study=st.sampled_from(SHIPPED), at=st.floats(0, 1), junk=st.text(string.printable, min_size=1, max_size=6)
)
def test_a_plan_with_a_slip_of_the_keyboard_loads_or_is_refused_and_crashes_nothing(
    study: str, at: float, junk: str
) -> None:
    text = (ANALYSES / study / "protocol.yaml").read_text(encoding="utf-8")
    cut = int(at * len(text))
    with tempfile.TemporaryDirectory() as folder:
        path = written(text[:cut] + junk + text[cut:], Path(folder), study, yaml=str)
        with contextlib.suppress(ProtocolError):
            assert plan_text(load_protocol(path))


@given(
    limit=st.floats(1e-3, 1),
    least=st.floats(1, 1e6),
    smd=st.floats(0, 2),
    ess=st.floats(0, 2e6),
    reason=st.none() | st.just("Agreed"),
)
def test_a_gate_passes_exactly_where_the_limit_is_kept_whatever_the_reason(
    limit: float, least: float, smd: float, ess: float, reason: str | None
) -> None:
    protocol = load_protocol(ANALYSES / "nc_work_release" / "protocol.yaml")
    gates = protocol.analyses[0].gates.model_copy(
        update={"max_smd": limit, "min_ess": least, "override": reason}
    )
    analysis = protocol.analyses[0].model_copy(update={"gates": gates})
    balance, size = check_gates(analysis, worst_smd=smd, least_ess=ess)
    assert balance.passed == (smd <= limit)
    assert size.passed == (ess >= least)
    assert balance.stops == (smd > limit and reason is None)
    assert size.stops == (ess < least and reason is None)
