"""The page that lists the rendered studies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from .. import __version__
from ..core.errors import UsageError
from .embedded.page import style, templates
from .staging import RenderError, check_page, put_in_place


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One rendered study.

    Attributes
    ----------
    title, sentence : plain text: the study's name, and what it found or asks in one sentence
    synthetic : whether its people are invented
    href : the page's path relative to the index
    engine : what rendered it, as in a RenderResult ("quarto 1.6.43")
    """

    title: str
    sentence: str
    synthetic: bool
    href: str
    engine: str


def write_index(
    entries: Sequence[IndexEntry],
    out: Path,
    *,
    theme: Path | None = None,
    title: str = "Studies",
    description: str = "",
) -> Path:
    """The index page of the studies, in the order given, at `out`; put there whole or not at all.

    Everything from the entries is escaped. A link that leaves the folder of the site is refused.
    """
    wrong = [entry.href for entry in entries if not _inside(entry.href)]
    if wrong:
        raise UsageError(f"href={wrong} must be paths below the index page, such as 'study.html'.")
    sheets = [] if theme is None else [theme.read_text(encoding="utf-8")]
    page: str = (
        templates()
        .get_template("index.html.j2")
        .render(
            lang="en-GB",
            page_title=title,
            summary=description,
            generator=f"pdd-outcomes {__version__}",
            styles=style(sheets),
            version=__version__,
            entries=[
                {
                    "title": entry.title,
                    "sentence": entry.sentence,
                    "synthetic": entry.synthetic,
                    "href": quote(entry.href),
                    "engine": entry.engine,
                }
                for entry in entries
            ],
        )
    )
    problems = check_page(page, out.name, own_ids=True)
    if problems:
        raise RenderError(problems)
    put_in_place(page, out)
    return out


def _inside(href: str) -> bool:
    parts = urlsplit(href)
    return (
        bool(href)
        and not parts.scheme
        and not parts.netloc
        and not href.startswith("/")
        and ".." not in href.split("/")
    )
