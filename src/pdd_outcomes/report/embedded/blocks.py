"""Quarto's divisions and Pandoc's plain blocks, made into HTML that works without scripts and for everyone."""

from __future__ import annotations

import base64
import html
import mimetypes
from pathlib import Path
from typing import Any

from .assemble import Notes
from .tree import Node, attr, attr_of, div, nodes, plain, plain_text, raw, rewrite, words

CALLOUTS = {
    "callout-note": "Note",
    "callout-tip": "Tip",
    "callout-warning": "Warning",
    "callout-caution": "Caution",
    "callout-important": "Important",
}


def divisions(blocks: list[Node]) -> list[Node]:
    """Callouts as titled boxes (details where they collapse); tabsets as sections one below another."""

    def visit(node: Node) -> list[Node] | None:
        if node["t"] != "Div":
            return None
        classes = attr_of(node)[1]
        kind = next((one for one in classes if one in CALLOUTS), None)
        if kind is not None:
            return _callout(node, kind, visit)
        if "panel-tabset" in classes:
            return [div(attr(attr_of(node)[0], ["panel-tabset"]), rewrite(_tabs(node["c"][1]), visit))]
        return None

    done: list[Node] = rewrite(blocks, visit)
    return done


def _callout(node: Node, kind: str, visit: Any) -> list[Node]:
    identifier, _, given = attr_of(node)
    blocks = list(node["c"][1])
    title = words(given["title"]) if "title" in given else words(CALLOUTS[kind])
    if "title" not in given and blocks and blocks[0]["t"] == "Header":
        title = blocks.pop(0)["c"][2]
    inside = div(attr("", ["callout-body-container", "callout-body"]), rewrite(blocks, visit))
    classes = ["callout", "callout-style-default", kind, "callout-titled"]
    if given.get("collapse") not in ("true", "false"):
        heading = div(
            attr("", ["callout-header"]), [div(attr("", ["callout-title-container"]), [plain(title)])]
        )
        return [div(attr(identifier, classes), [heading, inside])]
    opened = " open" if given["collapse"] == "false" else ""
    return [
        raw(
            f'<details class="{" ".join(classes)}"{_id(identifier)}{opened}>'
            '<summary class="callout-header"><span class="callout-title-container">'
        ),
        plain(title),
        raw("</span></summary>"),
        inside,
        raw("</details>"),
    ]


def _id(identifier: str) -> str:
    return f' id="{html.escape(identifier)}"' if identifier else ""


def _tabs(blocks: list[Node]) -> list[Node]:
    """The blocks of a tabset, its headings kept out of the numbering and the table of contents."""
    level = min((block["c"][0] for block in blocks if block["t"] == "Header"), default=0)

    def quiet(block: Node) -> Node:
        if block["t"] != "Header" or block["c"][0] != level:
            return block
        identifier, classes, pairs = attr_of(block)
        return {
            "t": "Header",
            "c": [level, attr(identifier, [*classes, "unnumbered", "unlisted"], **pairs), block["c"][2]],
        }

    return [quiet(block) for block in blocks]


def leaves(blocks: list[Node], folder: Path, notes: Notes) -> list[Node]:
    """Code, tables, formulas and pictures, each reachable by keyboard where it may scroll, pictures embedded."""

    def visit(node: Node) -> list[Node] | None:
        if node["t"] == "CodeBlock":
            classes = html.escape(" ".join(attr_of(node)[1]))
            start = f'<pre tabindex="0" class="{classes}">' if classes else '<pre tabindex="0">'
            return [raw(f"{start}<code>{html.escape(node['c'][1])}</code></pre>")]
        if node["t"] == "Table":
            label = plain_text(node["c"][1][1]) or "Table"
            around = attr("", ["table-scroll"], role="group", tabindex="0", aria_label=label)
            return [div(around, [_scoped(rewrite(node, visit))])]
        if node["t"] in ("Para", "Plain") and any(_displayed(inline) for inline in nodes(node["c"])):
            around = attr("", ["math-scroll"], role="group", tabindex="0", aria_label="Formula")
            return [div(around, [rewrite(node, visit)])]
        return [_picture(node, folder, notes)] if node["t"] == "Image" else None

    done: list[Node] = rewrite(blocks, visit)
    return done


def _displayed(inline: Node) -> bool:
    return bool(inline["t"] == "Math" and inline["c"][0]["t"] == "DisplayMath")


def _scoped(table: Node) -> Node:
    """The table with `scope="col"` on the cells of its head."""
    content = list(table["c"])
    head = content[3]
    rows = [
        [row[0], [[[*cell[0][:2], [*cell[0][2], ["scope", "col"]]], *cell[1:]] for cell in row[1]]]
        for row in head[1]
    ]
    content[3] = [head[0], rows]
    return {"t": "Table", "c": content}


def _picture(image: Node, folder: Path, notes: Notes) -> Node:
    """The picture with its bytes in the page and a text alternative."""
    _, described, (target, title) = image["c"]
    identifier, classes, given = attr_of(image)
    alt = given.pop("fig-alt", None) or given.pop("alt", None)
    if not (alt or plain_text(described).strip()):
        notes.fault(f"the picture {target[:80]!r} has no text alternative. Give one: ![description](file).")
    if not target.startswith("data:"):
        path = (folder / target).resolve()
        if "://" in target or target.startswith("//") or not path.is_relative_to(folder.resolve()):
            notes.problems.append(
                f"the picture {target[:80]!r} lies outside the document's folder; put it beside the .qmd."
            )
            return image
        if not path.is_file():
            notes.problems.append(f"the picture {target!r} is not found beside the .qmd or in assets/.")
            return image
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        target = f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
    return {
        "t": "Image",
        "c": [attr(identifier, classes, **given), words(alt) if alt else described, [target, title]],
    }
