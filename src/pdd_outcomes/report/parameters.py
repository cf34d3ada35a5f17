"""Parameters put into a document's parameters cell, for either engine, without papermill."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..core.errors import UsageError, did_you_mean
from .embedded.parse import Cell, Document, Text, inline_expressions, parse
from .staging import escape_markdown, inline_code

METADATA = ("title", "subtitle", "description")


def fill(source: str, name: str, parameters: Mapping[str, Any], metadata: Mapping[str, str]) -> str:
    """The document's text with `parameters` assigned after the defaults in its parameters cell.

    Lines after the cell move down by one a parameter. `metadata` (title, subtitle, description: plain text)
    replaces what the front matter says, escaped so that Markdown shows it as typed.

    Raises
    ------
    UsageError
        A parameter the cell does not assign, a value that is not plain, no such cell or two of them.
    """
    document = parse(source, name)
    check_metadata(metadata)
    lines = source.replace("\r\n", "\n").split("\n")
    if parameters:
        cell, assignments = _assignments(document, parameters)
        at = cell.code_line - 1 + len(cell.code.split("\n"))
        lines[at:at] = assignments
        if "echo" not in cell.options:
            lines.insert(cell.code_line - 1, "#| echo: false")
    if metadata:
        lines = _front_matter(document, metadata) + lines[document.front_end :]
    return "\n".join(lines)


def filled(document: Document, parameters: Mapping[str, Any]) -> Document:
    """The parsed document with `parameters` assigned in its parameters cell; every line number stays.

    Raises as `fill` does.
    """
    if not parameters:
        return document
    cell, assignments = _assignments(document, parameters)
    code = "\n".join([cell.code, *assignments])
    given = replace(cell, code=code, options={"echo": False, **cell.options})
    return replace(document, parts=tuple(given if part is cell else part for part in document.parts))


def check_metadata(metadata: Mapping[str, str]) -> None:
    """UsageError for a key of `metadata` that cannot be set from outside."""
    wrong = sorted(set(metadata) - set(METADATA))
    if wrong:
        raise UsageError(f"metadata={wrong} cannot be set from outside. Choose from {list(METADATA)}.")


def _assignments(document: Document, parameters: Mapping[str, Any]) -> tuple[Cell, list[str]]:
    """The parameters cell and the lines to add to it; every wrong parameter is reported at once."""
    cell = _parameters_cell(document)
    known = assigned(cell, document.name)
    problems = [
        f"parameter {key!r} is not assigned in the parameters cell of {document.name}.{did_you_mean(key, known)}"
        for key in parameters
        if key not in known
    ]
    problems += [p for key, value in parameters.items() if (p := _problem(key, value))]
    if problems:
        raise UsageError(problems)
    return cell, [f"{key} = {_plain(value)!r}" for key, value in parameters.items()]


def escape_inline(source: str, name: str) -> str:
    """The document with its inline expressions wrapped, so that Quarto shows their text as typed too."""
    document = parse(source, name)
    lines = source.replace("\r\n", "\n").split("\n")
    for part in reversed(document.parts):
        if isinstance(part, Text):
            text = part.text
            for one in reversed(inline_expressions(part)):
                code = inline_code(one.code) if one.language == "python" else one.code
                text = f"{text[: one.start]}`{{{one.language}}} {code}`{text[one.end :]}"
            lines[part.line - 1 : part.line - 1 + part.text.count("\n") + 1] = text.split("\n")
    return "\n".join(lines)


def assigned(cell: Cell, name: str) -> list[str]:
    """The names a parameters cell gives defaults to."""
    try:
        body = ast.parse(cell.code).body
    except SyntaxError as wrong:
        line = cell.code_line + (wrong.lineno or 1) - 1
        raise UsageError(f"{name}:{line}: the parameters cell is not valid Python: {wrong.msg}.") from None
    targets = [t for node in body if isinstance(node, ast.Assign) for t in node.targets]
    targets += [node.target for node in body if isinstance(node, ast.AnnAssign)]
    return [t.id for t in targets if isinstance(t, ast.Name)]


def _parameters_cell(document: Document) -> Cell:
    tagged = [cell for cell in document.cells if cell.is_parameters]
    if len(tagged) == 1:
        return tagged[0]
    if not tagged:
        raise UsageError(
            f"{document.name} takes no parameters. Tag one Python cell with '#| tags: [parameters]' and give defaults."
        )
    places = ", ".join(str(cell.line) for cell in tagged)
    raise UsageError(f"{document.name}: {len(tagged)} cells are tagged parameters (lines {places}). Keep one.")


def _problem(key: str, value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f"parameter {key!r} is not finite; pass None and let the document decide."
    if isinstance(value, (list, tuple)):
        return next((p for item in value if (p := _problem(key, item))), "")
    if isinstance(value, Mapping):
        keys = (
            "" if all(isinstance(k, str) for k in value) else f"parameter {key!r} has keys that are not text."
        )
        return keys or next((p for item in value.values() if (p := _problem(key, item))), "")
    if value is None or isinstance(value, (str, bool, int, float, Path)):
        return ""
    return (
        f"parameter {key!r} is a {type(value).__name__}; give text, numbers, truth values, lists or mappings."
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _front_matter(document: Document, metadata: Mapping[str, str]) -> list[str]:
    """The front matter with `metadata` in it, on as many lines as before so that line numbers hold."""
    front = document.front | {key: escape_markdown(text) for key, text in metadata.items()}
    body = json.dumps(front, ensure_ascii=False, default=str)
    return ["---", body, *["#"] * (document.front_end - 3), "---"]
