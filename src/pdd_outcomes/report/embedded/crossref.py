"""Figures, tables and sections numbered as Quarto numbers them, and references to them as links."""

from __future__ import annotations

import html
import re
from collections import Counter
from dataclasses import dataclass, field

from .assemble import NO_CAPTION, Notes
from .parse import Document
from .tree import Node, attr, attr_of, div, nodes, plain, raw, rewrite, words

NAMES = {"fig": "Figure", "tbl": "Table", "sec": "Section"}
# Quarto gives every caption this ending; with the same one, a page can point at a caption under either engine.
CAPTION_ID = "-caption-0ceaefa1-69ba-4598-a22c-09a6ac19f8ca"
_NBSP = "\u00a0"
_KIND = re.compile(r"^(fig|tbl|sec)-", re.IGNORECASE)
_OTHER_KIND = re.compile(r"^(eq|lst|thm|lem|cor|prp|cnj|def|exm|exr|sol|rem|alg|tip|nte|wrn|imp|cau)-")


@dataclass(slots=True)
class Index:
    """Label to printed number, filled as the document is numbered."""

    numbers: dict[str, str] = field(default_factory=dict)
    _floats: Counter[str] = field(default_factory=Counter)
    _sections: list[int] = field(default_factory=list)

    def float(self, label: str, notes: Notes) -> str:
        """The next number of the label's kind: 'Figure 2'."""
        kind = label[:3]
        self._floats[kind] += 1
        self._enter(label, str(self._floats[kind]), notes)
        return f"{NAMES[kind]}{_NBSP}{self._floats[kind]}"

    def section(self, label: str, depth: int, notes: Notes) -> str:
        """The next number at this depth (0 for the highest heading used): '2.1'."""
        self._sections = (self._sections + [0] * (depth + 1))[: depth + 1]
        self._sections[depth] += 1
        number = ".".join(str(one) for one in self._sections)
        if label.startswith("sec-"):
            self._enter(label, number, notes)
        return number

    def _enter(self, label: str, number: str, notes: Notes) -> None:
        if label in self.numbers:
            notes.problems.append(
                f"the label {label!r} is used twice; every figure, table and section has its own."
            )
        self.numbers[label] = number


def number(blocks: list[Node], index: Index, notes: Notes, *, sections: bool) -> list[Node]:
    """The blocks with floats captioned 'Figure 1: ...' and, where asked, headings numbered."""
    levels = [n["c"][0] for n in nodes(blocks) if n["t"] == "Header" and "unnumbered" not in attr_of(n)[1]]
    top = min(levels, default=1)

    def visit(node: Node) -> list[Node] | None:
        identifier, classes, _ = attr_of(node)
        if node["t"] == "Header" and "unnumbered" not in classes:
            printed = index.section(identifier, node["c"][0] - top, notes)
            mark = {"t": "Span", "c": [attr("", ["header-section-number"]), words(printed)]}
            text = [mark, {"t": "Space"}, *node["c"][2]] if sections else node["c"][2]
            return [{"t": "Header", "c": [node["c"][0], node["c"][1], text]}]
        if not identifier.startswith(("fig-", "tbl-")):
            return None
        if node["t"] == "Table":
            return [_table(node, index.float(identifier, notes))]
        if node["t"] == "Figure":
            caption = [inline for block in node["c"][1][1] for inline in block["c"]]
            return [_float(identifier, index.float(identifier, notes), node["c"][2], caption)]
        if node["t"] == "Div":
            printed = index.float(identifier, notes)
            content, caption = _caption(node["c"][1], NO_CAPTION in classes)
            return [_float(identifier, printed, rewrite(content, visit), caption)]
        return None

    done: list[Node] = rewrite(blocks, visit)
    return done


def _caption(blocks: list[Node], none: bool) -> tuple[list[Node], list[Node]]:
    """What a float holds, and its caption: its last paragraph, as in Quarto."""
    if none or len(blocks) < 2 or blocks[-1]["t"] not in ("Para", "Plain"):
        return blocks, []
    return blocks[:-1], blocks[-1]["c"]


def _labelled(printed: str, caption: list[Node]) -> list[Node]:
    return [*words(f"{printed}:"), {"t": "Space"}, *caption] if caption else words(printed)


def _table(table: Node, printed: str) -> Node:
    """A table of Pandoc's own keeps its caption inside it."""
    short, long = table["c"][1]
    inlines = [inline for block in long for inline in block["c"]]
    caption = [short, [plain(_labelled(printed, inlines))]]
    return {"t": "Table", "c": [table["c"][0], caption, *table["c"][2:]]}


def _float(label: str, printed: str, content: list[Node], caption: list[Node]) -> Node:
    kind, place = label[:3], "top" if label.startswith("tbl-") else "bottom"
    name = html.escape(label + CAPTION_ID)
    heading = [
        raw(
            f'<figcaption class="quarto-float-caption-{place} quarto-float-caption quarto-float-{kind}" id="{name}">'
        ),
        plain(_labelled(printed, caption)),
        raw("</figcaption>"),
    ]
    body = [div(attr("", (), aria_describedby=label + CAPTION_ID), content)]
    parts = heading + body if place == "top" else body + heading
    figure = [raw(f'<figure class="quarto-float quarto-float-{kind} figure">'), *parts, raw("</figure>")]
    return div(attr(label, ["quarto-float", "quarto-figure"]), figure)


def resolve(blocks: list[Node], index: Index, document: Document, notes: Notes) -> list[Node]:
    """The blocks with @fig-, @tbl- and @sec- as links; what does not resolve is a fault that names its line."""

    def visit(node: Node) -> list[Node] | None:
        if node["t"] != "Cite":
            return None
        found: list[Node] = []
        for citation in node["c"][0]:
            found.extend([*words(","), {"t": "Space"}] if found else [])
            found.extend(_reference(citation, index, document, notes))
        return found

    done: list[Node] = rewrite(blocks, visit)
    return done


def _reference(citation: Node, index: Index, document: Document, notes: Notes) -> list[Node]:
    key = citation["citationId"]
    kind = _KIND.match(key)
    label = key[:1].lower() + key[1:]
    if kind is None or label not in index.numbers:
        notes.fault(f"{document.name}{_line(key, document)}: {_unresolved(key, kind is not None, index)}")
        return [{"t": "Strong", "c": words(f"?@{key}")}]
    name = citation["citationPrefix"] or words(NAMES[label[:3]])
    alone = citation["citationMode"]["t"] == "SuppressAuthor" and not citation["citationPrefix"]
    text = words(index.numbers[label]) if alone else [*name, *words(_NBSP + index.numbers[label])]
    link = {"t": "Link", "c": [attr("", ["quarto-xref"]), text, ["#" + label, ""]]}
    return [link, *citation["citationSuffix"]]


def _unresolved(key: str, known_kind: bool, index: Index) -> str:
    if known_kind:
        there = ", ".join(sorted(index.numbers)) or "none"
        return f"the cross-reference @{key} does not resolve. Labels there are: {there}."
    if _OTHER_KIND.match(key):
        return f"cross-references of the kind @{key.split('-')[0]}- are not supported; only @fig-, @tbl- and @sec- are."
    return f"the citation @{key} is not supported (no bibliography). For a plain at sign write \\@."


def _line(key: str, document: Document) -> str:
    """':12' where the text of the .qmd holds the reference; empty where a cell's output does."""
    sign = re.compile(rf"@{re.escape(key)}(?![\w-])")
    for part in document.parts:
        text = getattr(part, "text", "")
        found = sign.search(text)
        if found:
            return f":{part.line + text.count(chr(10), 0, found.start())}"
    return ""
