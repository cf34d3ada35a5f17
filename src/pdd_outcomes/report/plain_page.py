"""Pages that no cell runs in: headings, sentences and tables in the look of the reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from markupsafe import Markup

from .. import __version__
from .embedded.page import style, templates
from .staging import RenderError, check_page, put_in_place
from .tables import Column, piece, table


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, sentences, and pieces of HTML."""

    id: str
    title: str
    words: Sequence[str] = ()
    parts: Sequence[Markup] = field(default_factory=list)


def write_plain_page(
    out: Path, *, title: str, summary: str, sections: Sequence[Section], theme: Path | None = None
) -> Path:
    """Write a page at `out`, whole or not at all; everything but the pieces of HTML is escaped."""
    page: str = (
        templates()
        .get_template("plain.html.j2")
        .render(
            lang="en-GB",
            page_title=title,
            summary=summary,
            generator=f"pdd-outcomes {__version__}",
            styles=style([] if theme is None else [theme.read_text(encoding="utf-8")]),
            version=__version__,
            body=Markup(piece("quality", sections=sections)),
        )
    )
    problems = check_page(page, out.name, own_ids=True)
    if problems:
        raise RenderError(problems)
    put_in_place(page, out)
    return out


def write_dictionary_page(
    out: Path,
    *,
    introduction: Sequence[str],
    tables: Sequence[tuple[str, str, Sequence[tuple[str, str, str, str]]]],
    codes: tuple[str, Sequence[tuple[str, str]]],
    theme: Path | None = None,
) -> Path:
    """The data dictionary: a section a table (name, sentence, and of each column name, kind, rules, meaning), then the codes."""
    heads = [Column("Column", "code"), Column("Kind"), Column("Rules"), Column("Meaning")]
    sections = [Section("about", "How to send data", introduction)]
    for name, sentence, rows in tables:
        made = table(f"Columns of {name}", heads, [list(row) for row in rows], id=f"tbl-{name}")
        sections.append(Section(name, name, [sentence], [Markup(made)]))
    words, meanings = codes
    listed = table(
        "Outcome codes",
        [Column("Code", "setting"), Column("Meaning")],
        [list(row) for row in meanings],
        id="tbl-codes",
    )
    sections.append(Section("codes", "Outcome codes", [words], [Markup(listed)]))
    return write_plain_page(
        out,
        title="Data dictionary",
        summary="What a study is sent, column by column.",
        sections=sections,
        theme=theme,
    )
