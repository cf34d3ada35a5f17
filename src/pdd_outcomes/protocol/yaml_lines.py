"""YAML read strictly, with the line of every key.

YAML 1.2 core types: ``NO`` is the text NO, ``12:30`` is text, and a whole number with a leading zero is
refused rather than read as another number. Equal keys, aliases, tabs and anything but UTF-8 are refused.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ..core.errors import ProtocolError

Path_ = tuple[str | int, ...]
LARGEST = 1_000_000  # bytes; a plan is a page or two


class Document:
    """Plain values, and where each stands in the file."""

    def __init__(self, path: Path) -> None:
        self.name = "/".join(path.parts[-3:])
        self.lines: dict[Path_, int] = {}
        self.problems: list[str] = []
        self.value: Any = None
        text = self._text(path)
        if text is None:
            return
        try:
            node = YAML(typ="safe", pure=True).compose(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            at = mark.line + 1 if mark else 1
            self.problems.append(f"{self.name}:{at}: not YAML: {error.problem or error.context}.")
            return
        except YAMLError as error:
            self.problems.append(f"{self.name}:1: not YAML: {str(error).splitlines()[0]}.")
            return
        if node is None:
            self.problems.append(f"{self.name}:1: the file is empty.")
            return
        self.value = self._plain(node, (), set())

    def where(self, place: Path_) -> str:
        """'file:line: key.path' of a place, or of the nearest one above it that is in the file."""
        known = place
        while known and known not in self.lines:
            known = known[:-1]
        key = ".".join(str(p) for p in place) or "(top)"
        return f"{self.name}:{self.lines.get(known, 1)}: {key}"

    def _text(self, path: Path) -> str | None:
        content = path.read_bytes()
        if len(content) > LARGEST:
            self.problems.append(f"{self.name}:1: larger than {LARGEST:,} bytes; a plan is a page or two.")
            return None
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            self.problems.append(f"{self.name}:{line}: not UTF-8 text. Save the file as UTF-8.")
            return None

    def _plain(self, node: Node, place: Path_, above: set[int]) -> Any:
        self.lines[place] = node.start_mark.line + 1
        if getattr(node, "anchor", None):
            self.problems.append(f"{self.where(place)}: anchors and aliases are not read. Write the value out.")
            return None
        if isinstance(node, MappingNode):
            return self._mapping(node, place, above)
        if isinstance(node, SequenceNode):
            return [self._plain(item, (*place, i), above) for i, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        return self._scalar(node, place)

    def _mapping(self, node: MappingNode, place: Path_, above: set[int]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in made:
                first = self.lines[(*place, key)]
                at = key_node.start_mark.line + 1
                self.problems.append(
                    f"{self.name}:{at}: {'.'.join(map(str, (*place, key)))}: this key is already on line {first}. Keep one."
                )
                continue
            value = self._plain(value_node, (*place, key), above)
            self.lines[(*place, key)] = key_node.start_mark.line + 1
            made[key] = value
        return made

    def _scalar(self, node: ScalarNode, place: Path_) -> Any:
        text = str(node.value)
        if node.style is not None:  # quoted or a block: text as it stands
            return text
        if text in ("", "~", "null", "Null", "NULL"):
            return None
        if text in ("true", "True", "TRUE"):
            return True
        if text in ("false", "False", "FALSE"):
            return False
        if re.fullmatch(r"[-+]?0\d+", text):
            self.problems.append(
                f"{self.where(place)}: found {text}; a whole number has no leading zero. Quote it if it is a code."
            )
            return text
        if re.fullmatch(r"[-+]?\d+", text):
            return int(text)
        if re.fullmatch(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?", text):
            return float(text)
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            try:
                return date.fromisoformat(text)
            except ValueError:
                self.problems.append(f"{self.where(place)}: found {text}; there is no such day.")
        return text


def read_document(path: Path) -> Document:
    """The document at `path`.

    Raises
    ------
    ProtocolError
        Everything that keeps it from being read as plain values, each with its line.
    """
    if not path.is_file():
        raise ProtocolError(f"{'/'.join(path.parts[-3:])}: there is no such file.")
    document = Document(path)
    if document.problems:
        raise ProtocolError(document.problems)
    if not isinstance(document.value, dict):
        raise ProtocolError(
            f"{document.name}:1: found {type(document.value).__name__}; allowed: keys and values."
        )
    return document
