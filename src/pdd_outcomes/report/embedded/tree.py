"""Pandoc's document tree: walking and rewriting it, and the few nodes made here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

Node = dict[str, Any]
Visit = Callable[[Node], "list[Node] | None"]
CONTAINERS = ("Div", "Header", "Table", "Figure", "Image", "Link", "Span", "Code", "CodeBlock")


def rewrite(node: Any, visit: Visit) -> Any:
    """The tree with every node that `visit` answers for replaced by the answer, parents before children.

    `visit` returns None to keep a node and go on into it, or the nodes to stand in its place (not entered again).
    """
    if isinstance(node, list):
        found: list[Any] = []
        for item in node:
            answer = visit(item) if isinstance(item, dict) and "t" in item else None
            found.extend([rewrite(item, visit)] if answer is None else answer)
        return found
    if isinstance(node, dict):
        return {key: rewrite(value, visit) for key, value in node.items()}
    return node


def nodes(tree: Any) -> Iterator[Node]:
    """Every node of a tree in reading order."""
    if isinstance(tree, list):
        for item in tree:
            yield from nodes(item)
    elif isinstance(tree, dict):
        if "t" in tree:
            yield tree
        for value in tree.values():
            yield from nodes(value)


def plain_text(inlines: Any) -> str:
    """The words of some inlines, without their mark-up."""
    words = []
    for node in nodes(inlines):
        if node["t"] == "Str":
            words.append(node["c"])
        elif node["t"] in ("Space", "SoftBreak", "LineBreak"):
            words.append(" ")
        elif node["t"] in ("Code", "Math", "RawInline"):
            words.append(node["c"][1])
    return "".join(words)


def attr_of(node: Node) -> tuple[str, list[str], dict[str, str]]:
    """Identifier, classes and key-values of a node that carries attributes; empty for one that does not."""
    if node["t"] not in CONTAINERS:
        return "", [], {}
    identifier, classes, pairs = node["c"][1] if node["t"] == "Header" else node["c"][0]
    return identifier, list(classes), dict(pairs)


def attr(identifier: str = "", classes: Sequence[str] = (), **pairs: str) -> list[Any]:
    """Attributes as Pandoc writes them; `_` in a key-value's name stands for '-'."""
    return [identifier, list(classes), [[key.replace("_", "-"), value] for key, value in pairs.items()]]


def div(attributes: list[Any], blocks: list[Node]) -> Node:
    """A division."""
    return {"t": "Div", "c": [attributes, blocks]}


def raw(html: str) -> Node:
    """A block of HTML as it stands."""
    return {"t": "RawBlock", "c": ["html", html]}


def plain(inlines: list[Node]) -> Node:
    """Inlines as a block without a paragraph around them."""
    return {"t": "Plain", "c": inlines}


def words(text: str) -> list[Node]:
    """Text as inlines."""
    return [{"t": "Str", "c": text}]
