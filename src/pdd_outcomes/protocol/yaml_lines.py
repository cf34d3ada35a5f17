"""YAML read strictly, with the line of every key.

YAML 1.2 core types: ``NO`` is the text NO, ``12:30`` is text, and a whole number with a leading zero is
refused rather than read as another number. Equal keys, aliases, merge keys, tags, tabs and anything but UTF-8
are refused.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, NodeEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ..core.errors import ProtocolError

Path_ = tuple[str | int, ...]
LARGEST = 1_000_000  # bytes; a plan is a page or two
DEEPEST = 50  # lists and keys inside of each other; a plan has five or six
DIGITS = 30  # a longer run of them is a code, not a number


class Document:
    """Plain values, and where each stands in the file.

    `problems` holds (line, sentence) of what keeps it from being read as meant, and `bad` the places they are about.
    """

    def __init__(self, path: Path) -> None:
        self.name = "/".join(path.parts[-3:])
        self.lines: dict[Path_, int] = {}
        self.problems: list[tuple[int, str]] = []
        self.bad: set[Path_] = set()
        self.value: Any = None
        self._dressed: dict[int, str] = {}  # by position in the text: what is written before the value
        text = self._text(path)
        if text is None:
            return
        node = self._compose(text)
        self.value = None if node is None else self._plain(node, ())

    def line(self, place: Path_) -> int:
        """The line of a place, or of the nearest one above it that is in the file."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def where(self, place: Path_) -> str:
        """'file:line: key.path' of a place."""
        key = " ".join(".".join(str(p) for p in place).split()) or "(top)"
        return f"{self.name}:{self.line(place)}: {key}"

    def _stop(self, line: int, message: str) -> None:
        self.problems.append((line, f"{self.name}:{line}: {message}"))

    def _say(self, place: Path_, message: str) -> None:
        self.problems.append((self.line(place), f"{self.where(place)}: {message}"))
        self.bad.add(place)

    def _text(self, path: Path) -> str | None:
        try:
            content = path.read_bytes()
        except OSError as error:
            self._stop(1, f"the file cannot be read: {error.strerror}.")
            return None
        if len(content) > LARGEST:
            self._stop(1, f"larger than {LARGEST:,} bytes; a plan is a page or two.")
            return None
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            self._stop(line, "not UTF-8 text. Save the file as UTF-8.")
            return None
        odd = re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text.replace("\r", "\n"))
        if odd is not None:
            line = text.count("\n", 0, odd.start()) + 1
            self._stop(line, f"holds the control character U+{ord(odd[0]):04X}. Save the file as UTF-8 text.")
            return None
        return text

    def _compose(self, text: str) -> Node | None:
        depth = 0
        try:
            for event in YAML(typ="safe", pure=True).parse(text):
                depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
                if depth > DEEPEST:  # before anything descends into it
                    at = event.start_mark.line + 1
                    self._stop(at, f"lists or keys are nested more than {DEEPEST} deep; a plan is not.")
                    return None
                if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor):
                    self._dressed[event.start_mark.index] = (
                        "anchors and aliases are not read. Write the value out"
                    )
                elif getattr(event, "tag", None) is not None:
                    self._dressed[event.start_mark.index] = "tags (!) are not read. Write the value plainly"
            node: Node | None = YAML(typ="safe", pure=True).compose(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            said = error.problem or error.context
            if "'\\t'" in said:
                said = "a tab. Indent and separate with spaces"
            self._stop(mark.line + 1 if mark else 1, f"not YAML: {said}.")
            return None
        except YAMLError as error:
            self._stop(1, f"not YAML: {str(error).splitlines()[0]}.")
            return None
        if node is None:
            self._stop(1, "the file is empty.")
        return node

    def _plain(self, node: Node, place: Path_) -> Any:
        self.lines.setdefault(place, node.start_mark.line + 1)
        dress = self._dressed.get(node.start_mark.index)
        # A plain mapping starts where its first key does, and is not what the key is dressed with.
        if (dress and not _first_key_at(node, node.start_mark.index)) or node.anchor:
            self._say(place, f"{dress or 'anchors and aliases are not read. Write the value out'}.")
            return None
        if isinstance(node, MappingNode):
            return self._mapping(node, place)
        if isinstance(node, SequenceNode):
            return [self._plain(item, (*place, i)) for i, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        return self._scalar(node, place)

    def _mapping(self, node: MappingNode, place: Path_) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key_node, value_node in node.value:
            at = key_node.start_mark.line + 1
            refusal = self._key_refused(key_node)
            if refusal is not None:
                self._stop(at, f"{'.'.join(map(str, place)) or '(top)'}: {refusal}.")
            if not isinstance(key_node, ScalarNode) or (refusal is not None and key_node.value == "<<"):
                continue
            key = str(key_node.value)
            if key in made:
                first = self.lines[(*place, key)]
                full = ".".join(map(str, (*place, key)))
                self._stop(at, f"{full}: this key is already on line {first}. Keep one.")
                continue
            self.lines[(*place, key)] = at
            made[key] = self._plain(value_node, (*place, key))
        return made

    def _key_refused(self, node: Node) -> str | None:
        if not isinstance(node, ScalarNode):
            return "a key is a list or keys and values; it must be a word"
        if node.style is None and node.value == "<<":
            return "merge keys (<<) are not read. Write the keys out"
        return self._dressed.get(node.start_mark.index)

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
        if re.fullmatch(r"[-+]?0[0-9]+", text):
            self._say(place, f"found {text}; a whole number has no leading zero. Quote it if it is a code.")
        elif re.fullmatch(r"[-+]?[0-9]+", text):
            if len(text) <= DIGITS:
                return int(text)
            self._say(place, f"found a whole number of {len(text)} digits. Quote it if it is a code.")
        elif re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", text):
            return float(text)
        elif re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            try:
                return date.fromisoformat(text)
            except ValueError:
                self._say(place, f"found {text}; there is no such day.")
        return text


def _first_key_at(node: Node, index: int) -> bool:
    return isinstance(node, MappingNode) and bool(node.value) and node.value[0][0].start_mark.index == index


def read_document(path: Path) -> Document:
    """The document at `path`: keys and values, with the problems that leave them readable still to be told.

    Raises
    ------
    ProtocolError
        There is no such file, or it cannot be read as keys and values at all.
    """
    name = "/".join(path.parts[-3:])
    if path.is_dir():
        raise ProtocolError(f"{name}: is a folder; allowed: a file of YAML.")
    if not path.is_file():
        raise ProtocolError(f"{name}: there is no such file.")
    document = Document(path)
    if isinstance(document.value, dict):
        return document
    if not document.problems:
        kind = {list: "a list", type(None): "nothing"}.get(type(document.value), "a single value")
        raise ProtocolError(f"{document.name}:1: found {kind}; allowed: keys and values.")
    raise ProtocolError(text for _, text in document.problems)
