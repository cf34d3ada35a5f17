"""Markdown for the page: text shown as typed, HTML in raw blocks, figures that both engines number and cross-reference."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .figures.picture import Picture
from .staging import escape_markdown


def html(content: str) -> str:
    """HTML in a raw block whose fence is longer than any run of backticks inside it."""
    if not content.strip():
        return ""
    longest = max((len(run) for run in re.findall(r"`+", content)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{{=html}}\n{content}\n{fence}"


def text(*sentences: str) -> str:
    """One paragraph of sentences shown as typed; empty ones are left out."""
    return " ".join(escape_markdown(s) for s in sentences if s.strip())


def bullets(lines: Sequence[str]) -> str:
    """A list of lines shown as typed."""
    return "\n".join(f"- {escape_markdown(line)}" for line in lines)


def heading(level: int, words: str, id: str) -> str:
    """A heading of a level from 2, with its label."""
    return f"{'#' * level} {escape_markdown(words)} {{#{id}}}"


def figure(picture: Picture | None) -> str:
    """A numbered figure: drawings, caption, then the table behind it outside the figure."""
    if picture is None:
        return ""
    numbered = f"::: {{#{picture.id}}}\n\n{html(picture.html)}\n\n{escape_markdown(picture.caption)}\n\n:::"
    return join(numbered, html(picture.data))


def join(*parts: str) -> str:
    """Blocks with an empty line between; empty ones are left out."""
    return "\n\n".join(part for part in parts if part.strip())
