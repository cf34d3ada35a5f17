"""protocol.yaml to a :class:`Protocol`, or every error at once with file, line, key, found and allowed."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ..core.errors import ProtocolError, did_you_mean
from .model import Protocol
from .names import study_name_problem
from .rules import Problem, cross_field_problems
from .rules_further import further_problems
from .yaml_lines import Document, read_document

M = TypeVar("M", bound=BaseModel)

# Said wherever a comparator is missing, or is there without what declares it.
COMPARATOR = {
    "cohort": "the comparator must be declared by outcome codes: 'not diverted' is not 'prosecuted', and without it "
    "the run cannot say what the diverted are compared with. For example {label: prosecuted, outcome_codes: [1]}",
    "person_table": "the comparator must be declared by its values of the treatment column: whoever is not treated may be "
    "untreated, not yet treated or not recorded. For example [0]",
}


def load_protocol(path: Path) -> Protocol:
    """The validated plan of a study.

    Raises
    ------
    ProtocolError
        One line a problem: ``file:line: key: found ...; allowed: ...``.
    """
    folder = path.absolute().parent.name

    def rules(protocol: Protocol) -> Iterable[Problem]:
        problem = study_name_problem(protocol.study)
        if protocol.study != folder:
            problem = f"found {protocol.study!r}; allowed: the folder's name, {folder!r}."
        if problem is not None:
            yield ("study",), problem
        yield from cross_field_problems(protocol)
        yield from further_problems(protocol)

    return validate(read_document(path), Protocol, rules)


def validate(document: Document, model: type[M], rules: Callable[[M], Iterable[Problem]] | None = None) -> M:
    """The document as `model`, or a ProtocolError with every problem and its line.

    `rules` give what one key demands of another; they are asked once every key is right by itself.
    """
    problems = list(document.problems)
    try:
        made = model.model_validate(document.value)
    except ValidationError as error:
        problems += [
            (document.line(detail["loc"]), _sentence(document, model, detail))
            for detail in _told_once(document, error.errors())
        ]
    else:
        if rules is not None:
            for place, message in rules(made):
                problems.append((document.line(place), f"{document.where(place)}: {message}"))
        if not problems:
            return made
    raise ProtocolError(text for _, text in sorted(problems, key=lambda problem: problem[0]))


def _told_once(document: Document, found: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without what the reading of the file has told already, or an item tells better than its list."""
    # A list whose only item is wrong is also reported as too short.
    inside = {d["loc"][:k] for d in found for k in range(len(d["loc"]))}
    found = [d for d in found if d["type"] != "too_short" or d["loc"] not in inside]
    return [d for d in found if not any(d["loc"][:k] in document.bad for k in range(len(d["loc"]) + 1))]


def _sentence(document: Document, model: type[BaseModel], detail: ErrorDetails) -> str:
    place, kind = detail["loc"], detail["type"]
    where = document.where(place)
    if kind == "extra_forbidden":
        known = _keys(model, place[:-1])
        return f"{where}: this key is not known.{did_you_mean(str(place[-1]), known)} Allowed here: {', '.join(known)}."
    reason = _why_a_comparator(place, detail["input"])
    if kind == "missing":
        return f"{where}: is missing{reason or ', and has no default'}."
    allowed = _allowed(kind, detail.get("ctx", {}), detail["msg"], detail["input"])
    return f"{where}: found {_found(detail['input'])}; allowed: {allowed}{reason}."


def _why_a_comparator(place: tuple[int | str, ...], value: Any) -> str:
    """The reason why there is no default, where no comparator is declared."""
    declares = place[-1:] == ("comparator",) or place[-2:] == ("comparator", "outcome_codes")
    if not declares or (value and not isinstance(value, dict)):
        return ""
    return f": {COMPARATOR['cohort' if place[0] == 'cohort' else 'person_table']}"


def _found(value: Any) -> str:
    """What stands in the file, as it is written there."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return "true" if value else "false"
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
    "less_than_equal": "a number of at most {le:.12g}",
    "finite_number": "a finite number",
    "literal_error": "{expected}",
    "string_type": "text",
    "string_too_short": "text that is not empty",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "date_type": "a date such as 2020-01-31",
    "tuple_type": "a list, such as [a, b]",
    "model_type": "keys and values",
    "model_attributes_type": "keys and values",
    "dict_type": "keys and values",
    "too_short": "at least {min_length} in the list",
}
_PATTERNS = {
    "^[a-z]": "small letters, digits and underscores, a letter first",
    "^(folder": "folder:PATH, public:NAME or synthetic:NAME",
}
_BARE = r"[-+]?[0-9.]+([eE][-+]?[0-9]+)?|true|false|[0-9]{4}-[0-9]{2}-[0-9]{2}"  # what would be no text without quotes


def _allowed(kind: str, context: dict[str, Any], message: str, value: Any) -> str:
    if kind == "string_pattern_mismatch":
        return next(said for start, said in _PATTERNS.items() if context["pattern"].startswith(start))
    words = _WORDS.get(kind)
    said = words.format(**context) if words else message[0].lower() + message[1:]
    if kind == "string_type" and isinstance(value, bool | int | float | date):
        return f"{said}; put it in quotes"
    if kind in ("int_type", "float_type", "bool_type", "date_type") and isinstance(value, str):
        return f"{said}, without quotes" if re.fullmatch(_BARE, value) else said
    return said


def _keys(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """The keys allowed at a place, followed down the model's fields."""
    here: list[Any] = [model]
    for step in place:
        here = [inner for part in here for inner in _inside(part, step)]
    return [f.alias or n for part in here if _is_model(part) for n, f in part.model_fields.items()]


def _inside(part: Any, step: int | str) -> list[Any]:
    """The types that a key or a position of `part` may hold."""
    if _is_model(part):
        return [
            option
            for name, field in part.model_fields.items()
            if step == (field.alias or name)
            for option in _options(field.annotation)
        ]
    arguments = get_args(part)
    return _options(arguments[1] if get_origin(part) is dict else arguments[0]) if arguments else []


def _options(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Annotated:
        return _options(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [option for member in get_args(annotation) for option in _options(member)]
    return [annotation]


def _is_model(part: Any) -> bool:
    return isinstance(part, type) and issubclass(part, BaseModel)
