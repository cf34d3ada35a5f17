"""A .qmd as its parts: front matter, text, and code cells with their options and line numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from ...core.errors import UsageError

_FENCE = re.compile(r"^(?P<indent>[ \t]*)(?P<ticks>`{3,}|~{3,})(?P<info>[^`]*)$")
_CELL = re.compile(r"^\{(?P<language>[A-Za-z][\w+-]*)(?P<rest>[ ,}].*|\}.*)$")
_TICKS = re.compile(r"(?<![`\\])(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_PARAGRAPH = re.compile(r"(?:[^\n]*\S[^\n]*(?:\n|\Z))+")
_INLINE = re.compile(r"^\{(?P<language>[A-Za-z][\w+-]*)\}\s+(?P<code>.+)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Text:
    """Markdown between cells; `line` is the file's line (from 1) that it begins on."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A code cell: what runs, under which `#|` options, and where in the file each stands."""

    language: str
    line: int  # of the opening fence, from 1
    code_line: int  # of the first line after the options
    code: str
    options: dict[str, Any] = field(default_factory=dict)
    option_lines: dict[str, int] = field(default_factory=dict)
    indented: bool = False
    brace_options: str = ""

    @property
    def name(self) -> str:
        """How messages name the cell: its label, or its line."""
        label = self.options.get("label")
        return f"cell {label!r}" if label else f"the cell at line {self.line}"

    @property
    def is_parameters(self) -> bool:
        """Tagged as the cell whose defaults a caller may replace."""
        tags = self.options.get("tags", ())
        return "parameters" in ([tags] if isinstance(tags, str) else list(tags or ()))


@dataclass(frozen=True, slots=True)
class Inline:
    """An inline expression and the place of its whole code span in a Text."""

    start: int
    end: int
    language: str
    code: str
    line: int


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed .qmd. `front_lines` gives the line of each top-level key of the front matter."""

    name: str
    front: dict[str, Any]
    front_lines: dict[str, int]
    front_end: int  # number of lines the front matter takes, its fences included
    parts: tuple[Text | Cell, ...]

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The code cells, in order."""
        return tuple(p for p in self.parts if isinstance(p, Cell))


def read_yaml(text: str, where: str, first_line: int = 1) -> dict[str, Any]:
    """A YAML 1.2 mapping with duplicate keys refused; `first_line` makes error lines the file's own."""
    try:
        loaded = YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as wrong:
        line = first_line + (wrong.problem_mark.line if wrong.problem_mark else 0)
        raise UsageError(f"{where}:{line}: not valid YAML: {wrong.problem or wrong.context}.") from None
    except YAMLError:
        raise UsageError(
            f"{where}:{first_line}: not valid YAML: a character that YAML does not allow."
        ) from None
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise UsageError(f"{where}:{first_line}: this YAML must be keys and values.")
    return {str(k): v for k, v in loaded.items()}


def parse(source: str, name: str) -> Document:
    """The parts of a .qmd, in order; every malformed part is reported at once.

    Parameters
    ----------
    source : the whole text of the file
    name : the file's name, for messages
    """
    lines = source.replace("\r\n", "\n").split("\n")
    problems: list[str] = []
    front, front_lines, start = _front_matter(lines, name, problems)
    parts: list[Text | Cell] = []
    held: list[str] = []
    held_from = at = start
    while at < len(lines):
        fence = _FENCE.match(lines[at])
        if fence is None:
            held.append(lines[at])
            at += 1
            continue
        end = _closing(lines, at, fence["ticks"])
        if end is None:
            problems.append(f"{name}:{at + 1}: this code fence is never closed.")
            break
        cell = _CELL.match(fence["info"].strip())
        if cell is None:
            held.extend(lines[at : end + 1])
        else:
            parts.append(Text(held_from + 1, "\n".join(held)))
            parts.append(_cell(lines, at, end, cell, bool(fence["indent"]), name, problems))
            held, held_from = [], end + 1
        at = end + 1
    parts.append(Text(held_from + 1, "\n".join(held)))
    if problems:
        raise UsageError(problems)
    kept = tuple(p for p in parts if isinstance(p, Cell) or p.text.strip())
    return Document(name, front, front_lines, start, kept)


def _front_matter(
    lines: list[str], name: str, problems: list[str]
) -> tuple[dict[str, Any], dict[str, int], int]:
    if lines[0].rstrip() != "---":
        return {}, {}, 0
    end = next((i for i in range(1, len(lines)) if lines[i].rstrip() in ("---", "...")), None)
    if end is None:
        problems.append(f"{name}:1: the front matter is never closed by a line of three dashes.")
        return {}, {}, len(lines)
    try:
        front = read_yaml("\n".join(lines[1:end]), name, first_line=2)
    except UsageError as wrong:
        problems.extend(wrong.problems)
        return {}, {}, end + 1
    return front, _key_lines(lines[1:end], front, 2), end + 1


def _key_lines(lines: list[str], keys: dict[str, Any], first_line: int) -> dict[str, int]:
    """The line on which each top-level key stands."""
    found: dict[str, int] = {}
    for offset, line in enumerate(lines):
        key = line.split(":", 1)[0].strip().strip("'\"")
        if line[:1] not in (" ", "\t", "#", "") and key in keys:
            found.setdefault(key, first_line + offset)
    return found


def _closing(lines: list[str], at: int, ticks: str) -> int | None:
    closing = re.compile(rf"^\s*{re.escape(ticks[0])}{{{len(ticks)},}}\s*$")
    return next((i for i in range(at + 1, len(lines)) if closing.match(lines[i])), None)


def _cell(
    lines: list[str], at: int, end: int, head: re.Match[str], indented: bool, name: str, problems: list[str]
) -> Cell:
    """One cell from its fences; option lines are those at the top that begin with '#|'."""
    body = lines[at + 1 : end]
    last = max((i + 1 for i, line in enumerate(body) if _is_option(line, body[:i])), default=0)
    option_text = [line.strip()[2:].removeprefix(" ") for line in body[:last]]
    options: dict[str, Any] = {}
    try:
        options = read_yaml("\n".join(option_text), name, first_line=at + 2)
    except UsageError as wrong:
        problems.extend(wrong.problems)
    return Cell(
        language=head["language"],
        line=at + 1,
        code_line=at + 2 + last,
        code="\n".join(body[last:]),
        options=options,
        option_lines=_key_lines(option_text, options, at + 2),
        indented=indented,
        brace_options=head["rest"].strip().rstrip("}").strip(),
    )


def _is_option(line: str, above: list[str]) -> bool:
    return line.strip().startswith("#|") and all(a.strip().startswith("#|") for a in above)


def outside_fences(text: Text) -> Iterator[tuple[int, int, int]]:
    """(start, end, line) of the stretches of a Text that are not inside a code fence."""
    lines = text.text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    at = begin = 0
    while at <= len(lines):
        fence = _FENCE.match(lines[at]) if at < len(lines) else None
        if at == len(lines) or fence is not None:
            if at > begin:
                yield starts[begin], min(starts[at], len(text.text)), text.line + begin
            if fence is not None:
                at = _closing(lines, at, fence["ticks"]) or len(lines)
            begin = at + 1
        at += 1


def prose(text: Text) -> Iterator[tuple[int, str]]:
    """(line number, line) of a Text outside code fences, what stands in code spans blanked out."""
    for start, end, line in outside_fences(text):
        stretch = list(text.text[start:end])
        for paragraph in _PARAGRAPH.finditer(text.text, start, end):
            for span in _TICKS.finditer(paragraph[0]):
                first = paragraph.start() + span.start() - start
                stretch[first : first + len(span[0])] = [c if c == "\n" else " " for c in span[0]]
        yield from enumerate("".join(stretch).split("\n"), line)


def inline_expressions(text: Text) -> list[Inline]:
    """The `{language} code` spans of a Text, in order, outside fences and other code spans."""
    found = []
    for start, end, line in outside_fences(text):
        for paragraph in _PARAGRAPH.finditer(text.text, start, end):
            for span in _TICKS.finditer(paragraph[0]):
                inside = _INLINE.match(span[2])
                if len(span[1]) == 1 and inside is not None:
                    from_, to = paragraph.start() + span.start(), paragraph.start() + span.end()
                    code = " ".join(inside["code"].split("\n")).strip()
                    where = line + text.text.count("\n", start, from_)
                    found.append(Inline(from_, to, inside["language"], code, where))
    return found
