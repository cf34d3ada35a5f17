"""protocol.yaml to a :class:`Protocol`, or every error at once with file, line, key, found and allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ..core.errors import ProtocolError, did_you_mean
from .model import Protocol
from .rules import cross_field_problems
from .yaml_lines import Document, read_document

M = TypeVar("M", bound=BaseModel)

COMPARATOR = (
    "the comparator must be declared by outcome codes: 'not diverted' is not 'prosecuted', and without it "
    "the run cannot say what the diverted are compared with. For example {label: prosecuted, outcome_codes: [1]}"
)


def load_protocol(path: Path) -> Protocol:
    """The validated plan of a study.

    Raises
    ------
    ProtocolError
        One line a problem: ``file:line: key: found ...; allowed: ...``.
    """
    document = read_document(path)
    protocol = validate(document, Protocol)
    problems = [f"{document.where(place)}: {message}" for place, message in cross_field_problems(protocol)]
    if protocol.study != path.parent.name:
        problems.insert(
            0,
            f"{document.where(('study',))}: found {protocol.study!r}; allowed: the folder's name, {path.parent.name!r}.",
        )
    if problems:
        raise ProtocolError(problems)
    return protocol


def validate(document: Document, model: type[M]) -> M:
    """The document as `model`, or a ProtocolError with every problem and its line."""
    try:
        return model.model_validate(document.value)
    except ValidationError as error:
        found = error.errors()
        # A list whose only item is wrong is also reported as too short; the item's own problem says it better.
        inside = {d["loc"][:k] for d in found for k in range(len(d["loc"]))}
        found = [d for d in found if d["type"] != "too_short" or d["loc"] not in inside]
        details = sorted(found, key=lambda d: document.lines.get(_known(document, d["loc"]), 0))
        raise ProtocolError(_sentence(document, model, d) for d in details) from None


def _known(document: Document, place: tuple[Any, ...]) -> tuple[Any, ...]:
    while place and place not in document.lines:
        place = place[:-1]
    return place


def _sentence(document: Document, model: type[BaseModel], detail: ErrorDetails) -> str:
    # A union adds its member's name to the place; drop what is no key of the file.
    place = tuple(
        p for p in detail["loc"] if isinstance(p, int) or not p.startswith(("str", "int", "constrained"))
    )
    where = document.where(place)
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        known = _keys(model, place[:-1])
        return f"{where}: this key is not known.{did_you_mean(str(place[-1]), known)} Allowed here: {known}."
    if kind == "missing":
        if place[-1:] == ("comparator",):
            return f"{where}: is missing: {COMPARATOR}."
        return f"{where}: is missing, and has no default."
    return f"{where}: found {_found(detail['input'])}; allowed: {_allowed(kind, context, detail['msg'])}."


def _found(value: Any) -> str:
    if isinstance(value, dict):
        return "keys and values"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


_WORDS = {
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "less_than": "a number below {lt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "literal_error": "{expected}",
    "string_type": "text",
    "string_too_short": "text that is not empty",
    "string_pattern_mismatch": "text of the form {pattern}",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "date_type": "a date such as 2020-01-31",
    "date_from_datetime_parsing": "a date such as 2020-01-31",
    "date_parsing": "a date such as 2020-01-31",
    "tuple_type": "a list, such as [a, b]",
    "model_type": "keys and values",
    "model_attributes_type": "keys and values",
    "dict_type": "keys and values",
    "too_short": "at least {min_length} in the list",
}


def _allowed(kind: str, context: dict[str, Any], message: str) -> str:
    words = _WORDS.get(kind)
    return words.format(**context) if words else message[0].lower() + message[1:]


def _keys(model: type[BaseModel], place: tuple[Any, ...]) -> list[str]:
    """The keys allowed at a place, followed down the model's fields."""
    here: Any = model
    for step in place:
        if isinstance(step, int):
            continue
        field = next((f for n, f in here.model_fields.items() if step in (n, f.alias)), None)
        here = _part(field.annotation) if field is not None else None
        if here is None:
            return []
    return [f.alias or n for n, f in here.model_fields.items()]


def _part(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _part(inner)
        if found is not None:
            return found
    return None
