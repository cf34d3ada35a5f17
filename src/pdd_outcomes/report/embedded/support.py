"""What the embedded engine renders, key by key; everything else in a .qmd is refused by name and line."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ...core.errors import UsageError, did_you_mean
from .parse import Cell, Document, Text, inline_expressions, prose

YES_NO = (True, False)

# `#|` options of a cell: the values allowed, or the type.
CELL_OPTIONS: dict[str, Any] = {
    "label": str,
    "fig-cap": str,
    "fig-alt": str,
    "tbl-cap": str,
    "echo": YES_NO,
    "output": (True, False, "asis"),
    "code-fold": (True, False, "show"),
    "code-summary": str,
    "tags": (str, list),
    "eval": YES_NO,
    "include": YES_NO,
    "warning": YES_NO,
    "error": (False,),
}
EXECUTE = {name: CELL_OPTIONS[name] for name in ("echo", "output", "eval", "include", "warning", "error")} | {
    "enabled": (True,),
    "freeze": (False,),
    "cache": (False,),
    "daemon": (False,),
}
# Front matter that changes the page here.
PAGE: dict[str, Any] = {
    "title": str,
    "subtitle": str,
    "author": (str, list),
    "date": object,
    "abstract": str,
    "description": str,
    "lang": str,
    "toc": YES_NO,
    "toc-depth": (1, 2, 3, 4, 5, 6),
    "toc-title": str,
    "number-sections": YES_NO,
    "css": (str, list),
    "code-fold": (True, False, "show"),
    "code-summary": str,
    "jupyter": ("python3",),
    "engine": ("jupyter",),
    "embed-resources": (True,),
    "self-contained": (True,),
    "standalone": (True,),
    "html-math-method": ("mathml",),
}
# Looks of Quarto's own page: allowed, and without effect here, where theme.css and base.css decide.
LOOKS = frozenset(
    {
        "theme",
        "page-layout",
        "minimal",
        "anchor-sections",
        "smooth-scroll",
        "link-external-icon",
        "link-external-newwindow",
        "toc-location",
        "toc-expand",
        "highlight-style",
        "code-copy",
        "code-overflow",
        "code-line-numbers",
        "code-tools",
        "grid",
        "mainfont",
        "monofont",
        "fontsize",
        "fontcolor",
        "linkcolor",
        "backgroundcolor",
        "linestretch",
        "max-width",
        "callout-appearance",
        "callout-icon",
        "title-block-style",
        "title-block-banner",
        "document-css",
        "citations-hover",
        "footnotes-hover",
        "crossrefs-hover",
        "lightbox",
        "respect-user-color-scheme",
        "section-divs",
        "wrap",
        "fig-align",
        "fig-responsive",
        "tbl-colwidths",
        "canonical-url",
    }
)
CALLOUTS = ("callout-note", "callout-tip", "callout-warning", "callout-caution", "callout-important")
DIVISIONS = frozenset(
    {"content-visible", "content-hidden", "hidden", "aside", "columns", "column", "proof", "remark"}
)
PROJECT = frozenset({"type", "title", "output-dir", "render", "resources"})

_SHORTCODE = re.compile(r"\{\{<\s*(/?[\w-]+)?[^>]*>\}\}")
_DIVISION = re.compile(r"^\s*:{3,}\s*(\{.*\}|[\w-]+)\s*:*\s*$")
_LABEL = re.compile(r"\{#(eq|lst|thm|lem|cor|prp|cnj|def|exm|exr|sol|rem|alg)-[^}]*\}")
_SHOWN_FENCE = re.compile(r"^\s*[`~]{3,}\s*\{\{")
_TODAY = re.compile(r"^\s*(today|now|last-modified)\s*$", re.IGNORECASE)


def check(document: Document, project: Mapping[str, Any], project_name: str = "_quarto.yml") -> None:
    """UsageError listing, with file and line, everything in the document that this engine cannot render."""
    problems = [*_front_matter(document), *_project(project, project_name)]
    for part in document.parts:
        problems.extend(_cell(document.name, part) if isinstance(part, Cell) else _text(document.name, part))
    labels: dict[str, int] = {}
    for cell in document.cells:
        label = cell.options.get("label")
        if isinstance(label, str) and label in labels:
            problems.append(
                f"{document.name}:{cell.line}: label {label!r} is taken by the cell at line {labels[label]}."
            )
        elif isinstance(label, str):
            labels[label] = cell.line
    if problems:
        raise UsageError(
            [*problems, "The embedded engine renders a subset of Quarto; --engine quarto takes it all."]
        )


def _front_matter(document: Document) -> Iterator[str]:
    for key, value in document.front.items():
        where = f"{document.name}:{document.front_lines.get(key, 1)}"
        yield from _keys(where, {key: value})


def _project(project: Mapping[str, Any], name: str) -> Iterator[str]:
    site = project.get("project") or {}
    if not isinstance(site, Mapping):
        yield f"{name}: project must hold keys and values."
        site = {}
    if site.get("type", "default") != "default":
        yield f"{name}: project type {site['type']!r} is not supported; only 'default' is."
    for key in site:
        if key not in PROJECT:
            yield f"{name}: project key {key!r} is not supported.{did_you_mean(key, sorted(PROJECT))}"
    yield from _keys(name, {k: v for k, v in project.items() if k != "project"})


def _keys(where: str, keys: Mapping[str, Any]) -> Iterator[str]:
    """Problems with keys that may stand at the top of front matter or under `format: html`."""
    for key, value in keys.items():
        if key == "format":
            yield from _formats(where, value)
        elif key == "execute":
            yield from _options(
                where, "execute key", value if isinstance(value, Mapping) else {"": value}, EXECUTE
            )
        elif key == "date" and isinstance(value, str) and _TODAY.match(value):
            yield f"{where}: date: {value.strip()} changes from day to day; write the date itself."
        elif key not in LOOKS:
            yield from _options(where, "front matter key", {key: value}, PAGE)


def _formats(where: str, formats: Any) -> Iterator[str]:
    if isinstance(formats, str):
        formats = {formats: "default"}
    if not isinstance(formats, Mapping):
        yield f"{where}: format must be html."
        return
    for name, settings in formats.items():
        if name != "html":
            yield f"{where}: format {name!r} is not supported; only html is."
        elif isinstance(settings, Mapping):
            yield from _keys(where, settings)
        elif settings not in ("default", None):
            yield f"{where}: format html takes 'default' or its options."


def _options(where: str, what: str, given: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[str]:
    for key, value in given.items():
        if key not in known:
            yield f"{where}: {what} {key!r} is not supported.{did_you_mean(key, sorted(known))}"
        elif not _allowed(value, known[key]):
            yield f"{where}: {key} must be {_phrase(known[key])}."


def _allowed(value: Any, rule: Any) -> bool:
    if isinstance(rule, type):
        return isinstance(value, rule)
    if isinstance(rule[0], type):
        items = value if isinstance(value, list) else [value]
        return isinstance(value, rule) and all(isinstance(item, str) for item in items)
    return any(type(value) is type(one) and value == one for one in rule)


def _phrase(rule: Any) -> str:
    if rule is str:
        return "text"
    if rule == (str, list):
        return "text or a list of texts"
    return " or ".join(repr(one).lower() if isinstance(one, bool) else repr(one) for one in rule)


def _cell(name: str, cell: Cell) -> Iterator[str]:
    where = f"{name}:{cell.line}"
    if cell.language != "python":
        yield f"{where}: cells in {cell.language!r} are not supported; only {{python}} cells are."
        return
    if cell.brace_options:
        yield f"{where}: options in the braces ({cell.brace_options}) are not supported; write them as #| lines."
    if cell.indented:
        yield f"{where}: an indented cell is not supported; begin its fence at the left margin."
    for key, value in cell.options.items():
        line = f"{name}:{cell.option_lines.get(key, cell.line)}"
        yield from _options(line, "cell option", {key: value}, CELL_OPTIONS)
    label = cell.options.get("label")
    if isinstance(label, str) and not re.fullmatch(r"[A-Za-z][\w:.-]*", label):
        yield f"{where}: a label is a letter, then letters, digits, '-', '_', ':' or '.'."
    for caption, prefix in (("fig-cap", "fig-"), ("tbl-cap", "tbl-")):
        if caption in cell.options and isinstance(label, str) and not label.startswith(prefix):
            yield f"{where}: {caption} needs a label that begins with {prefix!r}, or none."


def _text(name: str, text: Text) -> Iterator[str]:
    for line, one in prose(text):
        where = f"{name}:{line}"
        for found in _SHORTCODE.finditer(one):
            yield f"{where}: the shortcode {{{{< {found[1] or ''} >}}}} is not supported."
        for found in _LABEL.finditer(one):
            yield f"{where}: labels of the kind {found[1]!r} are not supported; only fig-, tbl- and sec- are."
        division = _DIVISION.match(one)
        if division:
            yield from (f"{where}: {problem}" for problem in _division(division[1]))
    for offset, one in enumerate(text.text.split("\n")):
        if _SHOWN_FENCE.match(one):
            yield f"{name}:{text.line + offset}: an unexecuted block ({{{{...}}}}) is not supported."
    for expression in inline_expressions(text):
        where = f"{name}:{expression.line}"
        if expression.language != "python":
            yield f"{where}: inline code in {expression.language!r} is not supported; only {{python}} is."
        else:
            try:
                ast.parse(expression.code, mode="eval")
            except SyntaxError:
                yield f"{where}: this inline code is not one Python expression."


def _division(attributes: str) -> Iterator[str]:
    """Divisions that Quarto lays out, hides or gives a meaning that this engine does not know."""
    for name in re.findall(r"\.([\w-]+)", re.sub(r'"[^"]*"', "", attributes)):
        if name in DIVISIONS or name.startswith("column-"):
            yield f"divisions of the class {name!r} are not supported."
        elif name.startswith("callout-") and name not in CALLOUTS:
            yield f"callouts of the kind {name!r} are not supported.{did_you_mean(name, sorted(CALLOUTS))}"
    for key in re.findall(r"(?:^|[\s{])(layout[\w-]*|fig-[\w-]+|tbl-[\w-]+|cap-location)=", attributes):
        yield f"the attribute {key!r} of a division is not supported."
