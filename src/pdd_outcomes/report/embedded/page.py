"""The page around a report's body, and the look it shares with the index of studies."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from ... import __version__


@dataclass(frozen=True, slots=True)
class PageParts:
    """Pieces of HTML, each already escaped by pandoc."""

    title: str
    subtitle: str
    author: str
    date: str
    description: str
    abstract: str
    toc: str
    body: str


@cache
def templates() -> Any:
    """The Jinja environment: everything is escaped unless it is Markup."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("pdd_outcomes.report.embedded"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def sheet(name: str) -> str:
    """One of our own style sheets: "tokens.css" (names for the look), "base.css" (layout), "quarto.css"."""
    return resources.files(__package__).joinpath("templates", name).read_text("utf-8")


def style(sheets: Sequence[str]) -> Any:
    """Our layout, then the study's own sheets, as the text of style elements.

    A sheet cannot end its own element: '</' is written as CSS may write it, '<\\/'.
    """
    from markupsafe import Markup

    ours = (sheet("tokens.css"), sheet("base.css"))
    return [Markup(one.strip().replace("</", "<\\/")) for one in (*ours, *sheets)]


def article(parts: PageParts, *, lang: str, toc_title: str, sheets: Sequence[str], pandoc: str) -> str:
    """One self-contained report page: no script, no request, landmarks, a skip link, MathML."""
    from markupsafe import Markup

    page: str = (
        templates()
        .get_template("page.html.j2")
        .render(
            lang=lang,
            page_title=words(parts.title),
            summary=words(parts.description),
            generator=f"pdd-outcomes {__version__}, embedded engine (pandoc {pandoc})",
            styles=style(sheets),
            toc_title=toc_title,
            version=__version__,
            **{name: Markup(getattr(parts, name)) for name in PageParts.__slots__},
        )
    )
    return page


def words(piece: str) -> str:
    """A piece of HTML as plain words, for the window's title."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", piece)).split())
