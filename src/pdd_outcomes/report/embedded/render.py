"""A .qmd rendered without Quarto: cells run by nbclient, the page made by pandoc."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from ..parameters import check_metadata, filled
from ..staging import RenderError, Request, check_page, escape_markdown, private_copy, read_source
from . import pandoc
from .assemble import Notes, cell_markdown
from .blocks import divisions, leaves
from .crossref import Index, number, resolve
from .execute import Session, session
from .page import PageParts, article
from .parse import Document, Text, inline_expressions, parse
from .settings import Settings, project_file, settle
from .support import check

SHOWN = ("title", "subtitle", "author", "date", "description", "abstract")


def render_embedded(qmd: Path, request: Request) -> tuple[str, tuple[str, ...]]:
    """The page of a .qmd as HTML, and what is worth saying about it.

    Raises
    ------
    UsageError
        The document holds something this engine does not render; everything is listed, with lines.
    RenderError
        A cell failed or took too long; under `request.strict` also an unresolved reference, a picture without
        a text alternative, an id used twice. A page that would load something from outside always.
    """
    with private_copy(qmd) as room:
        check_metadata(request.metadata)
        document = parse(read_source(qmd), qmd.name)
        project = project_file(room)
        check(document, project)
        document = filled(document, request.parameters)
        typed = {key: escape_markdown(text) for key, text in request.metadata.items()}
        settings = settle(document, project, typed, room)
        notes = Notes(request.strict)
        markdown = _markdown(document, settings, room, notes, request.timeout)
        page = _page(pandoc.read(markdown, room, notes), document, settings, room, notes)
    notes.problems.extend(check_page(page, qmd.name, own_ids=request.strict))
    if notes.problems:
        raise RenderError(notes.problems)
    return page, tuple(notes.messages)


def _markdown(document: Document, settings: Settings, room: Path, notes: Notes, timeout: float) -> str:
    """The document with what its code showed in place of the code, in order."""
    with contextlib.ExitStack() as stack:
        running: Session | None = None
        parts: list[str] = []
        for part in document.parts:
            inline = inline_expressions(part) if isinstance(part, Text) else []
            if running is None and (inline or not isinstance(part, Text)):
                running = stack.enter_context(session(room, document.name, timeout))
            if isinstance(part, Text):
                text = part.text
                answers = [running.evaluate(one) for one in inline] if running else []
                for one, answer in reversed(list(zip(inline, answers, strict=True))):
                    text = text[: one.start] + answer + text[one.end :]
                parts.append(text)
            else:
                runs = running is not None and settings.of_cell(part.options, "eval")
                outputs = running.run(part) if runs and running else []
                parts.append(cell_markdown(part, outputs, settings, document.name, notes))
        return "\n\n".join(parts) + "\n"


def _page(tree: dict[str, Any], document: Document, settings: Settings, room: Path, notes: Notes) -> str:
    index = Index()
    page = settings.page
    blocks = divisions(tree["blocks"])
    _one_title(blocks, document, notes)
    blocks = number(blocks, index, notes, sections=page.get("number-sections", False))
    tree["blocks"] = leaves(resolve(blocks, index, document, notes), room, notes)
    title, *rest = pandoc.write(
        tree,
        room,
        notes,
        metadata={key: page[key] for key in SHOWN if page.get(key)},
        depth=int(page["toc-depth"]) if page.get("toc") else 0,
    )
    if not title:
        notes.fault(f"{document.name}: the page has no title. Give 'title:' in the front matter.")
    return article(
        PageParts(title or document.name, *rest),
        lang=str(page["lang"]),
        toc_title=str(page["toc-title"]),
        sheets=[(room / one).read_text(encoding="utf-8") for one in settings.css],
        pandoc=pandoc.version(),
    )


def _one_title(blocks: list[Any], document: Document, notes: Notes) -> None:
    if any(block["t"] == "Header" and block["c"][0] == 1 for block in blocks):
        notes.fault(
            f"{document.name}: a heading begins with one '#'. The title is the page's first heading; begin at '##'."
        )
