"""What a cell showed, as Markdown: Markdown as it is, pictures as data URIs, text escaped."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .parse import Cell
from .settings import Settings

IMAGES = ("image/svg+xml", "image/png", "image/jpeg")
_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,}")
_MOST_SAID = 5
NO_CAPTION = "pdd-no-caption"


@dataclass(slots=True)
class Notes:
    """What was found on the way: `problems` stop the page, `messages` only go to the reader of the log."""

    strict: bool
    problems: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    def fault(self, text: str) -> None:
        """A problem under strict, otherwise a message."""
        (self.problems if self.strict else self.messages).append(text)


@dataclass(frozen=True, slots=True)
class Piece:
    """One output as Markdown, and whether it is a picture."""

    markdown: str
    picture: bool = False


def raw_html(content: str) -> str:
    """HTML in a raw block whose fence is longer than any run of backticks inside it."""
    longest = max((len(run) for run in re.findall(r"`+", content)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{{=html}}\n{content}\n{fence}"


def cell_markdown(cell: Cell, outputs: Sequence[Any], settings: Settings, name: str, notes: Notes) -> str:
    """The Markdown that stands in the page where the cell stood."""
    if not settings.of_cell(cell.options, "include"):
        return ""
    where = f"{name}:{cell.line}: {cell.name}"
    parts = [_source(cell, settings)] if settings.of_cell(cell.options, "echo") else []
    mode = settings.of_cell(cell.options, "output")
    pieces = _pieces(cell, outputs, settings, where, notes)
    if mode == "asis":
        return "\n\n".join([*parts, *(piece.markdown for piece in pieces)])
    if mode:
        parts.extend(_captioned(cell, pieces, where, notes))
    if not parts:
        return ""
    label = cell.options.get("label", "")
    anchor = f"#{label} " if label and not label.startswith(("fig-", "tbl-")) else ""
    return "\n\n".join([f"::: {{{anchor}.cell}}", *parts, ":::"])


def _source(cell: Cell, settings: Settings) -> str:
    code = raw_html(f'<pre tabindex="0"><code>{html.escape(cell.code.strip(chr(10)))}</code></pre>')
    fold = settings.of_cell(cell.options, "code-fold")
    if not fold:
        return code
    summary = html.escape(settings.of_cell(cell.options, "code-summary") or "Code")
    opened = " open" if fold == "show" else ""
    return "\n\n".join(
        [
            raw_html(f'<details class="code-fold"{opened}><summary>{summary}</summary>'),
            code,
            raw_html("</details>"),
        ]
    )


def _pieces(cell: Cell, outputs: Sequence[Any], settings: Settings, where: str, notes: Notes) -> list[Piece]:
    asis = settings.of_cell(cell.options, "output") == "asis"
    found: list[Piece] = []
    for kind, content in _joined(outputs):
        if kind == "stdout":
            _steady(content, where, notes)
            found.append(Piece(content if asis else _pre(content, "stdout")))
        elif kind == "stderr" and settings.of_cell(cell.options, "warning"):
            found.append(Piece(_pre(content, "stderr")))
        elif kind == "stderr":
            said = [line for line in content.strip().split("\n") if line.strip()]
            notes.messages.extend(f"{where} wrote to stderr: {line}" for line in said[:_MOST_SAID])
        else:
            piece = _shown(content, cell.options.get("fig-alt", ""), where, notes)
            found.extend([piece] if piece else [])
    return found


def _joined(outputs: Sequence[Any]) -> list[tuple[str, Any]]:
    """(stream name, text) or ("shown", bundle), with neighbouring writes to one stream made one."""
    found: list[tuple[str, Any]] = []
    for output in outputs:
        if output.output_type != "stream":
            found.append(("shown", output.data))
        elif found and found[-1][0] == output.name:
            found[-1] = (output.name, found[-1][1] + output.text)
        else:
            found.append((output.name, output.text))
    return found


def _shown(bundle: dict[str, Any], alt: str, where: str, notes: Notes) -> Piece | None:
    """One displayed value, from the best of the forms it offers."""
    if "text/markdown" in bundle:
        return Piece(f"::: {{.cell-output .cell-output-display}}\n\n{bundle['text/markdown']}\n\n:::")
    kind = next((one for one in IMAGES if one in bundle), None)
    if kind is not None:
        if not alt:
            notes.fault(f"{where} shows a picture without a text alternative. Give '#| fig-alt: ...'.")
        return Piece(
            raw_html(
                f'<img class="figure-img" src="{_data_uri(kind, bundle[kind])}" alt="{html.escape(alt)}">'
            ),
            True,
        )
    rich = [one for one in bundle if one != "text/plain"]
    if rich:
        notes.problems.append(
            f"{where} shows a value as {' and '.join(sorted(rich))} only. Show Markdown holding a raw HTML block: "
            "Quarto would load scripts from the network for anything else."
        )
        return None
    plain = str(bundle.get("text/plain", ""))
    _steady(plain, where, notes)
    return Piece(_pre(plain, "display"))


def _steady(text: str, where: str, notes: Notes) -> None:
    if _ADDRESS.search(text):
        notes.fault(
            f"{where} shows an object's address in memory, which differs from run to run. "
            "End the cell with a semicolon, or show something else."
        )


def _data_uri(kind: str, content: str) -> str:
    """A picture in the page itself. The kernel sends SVG as text and the rest as base64."""
    encoded = (
        base64.b64encode(content.encode()).decode() if kind == "image/svg+xml" else "".join(content.split())
    )
    return f"data:{kind};base64,{encoded}"


def _pre(text: str, kind: str) -> str:
    shown = html.escape(text.rstrip("\n"))
    return raw_html(
        f'<div class="cell-output cell-output-{kind}"><pre tabindex="0"><code>{shown}</code></pre></div>'
    )


def _captioned(cell: Cell, pieces: list[Piece], where: str, notes: Notes) -> list[str]:
    """The outputs, inside a numbered figure or table where the cell's label asks for one."""
    blocks = [piece.markdown for piece in pieces]
    label = str(cell.options.get("label", ""))
    caption = cell.options.get("fig-cap") or cell.options.get("tbl-cap") or ""
    numbered = label.startswith(("fig-", "tbl-"))
    if not (numbered or caption):
        return blocks
    if not blocks:
        notes.fault(f"{where} has a caption or a numbered label and shows nothing.")
        return []
    if sum(piece.picture for piece in pieces) > 1:
        notes.problems.append(f"{where} shows more than one picture under one caption. Make a cell for each.")
    if not numbered:
        opening, middle = raw_html('<figure class="figure">'), raw_html("<figcaption>")
        return [opening, *blocks, middle, caption, raw_html("</figcaption></figure>")]
    without = "" if caption else f" .{NO_CAPTION}"
    return [f"::: {{#{label}{without}}}", *blocks, *([caption] if caption else []), ":::"]
