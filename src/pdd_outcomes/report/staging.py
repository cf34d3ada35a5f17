"""A private folder to render in, the check that a page is whole, and the move into place.

Nothing is written beside the .qmd, and the page a reader may have open is replaced in one step or not at all.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from ..core.errors import PddError, UsageError

# What may lie beside a .qmd and belong to it; never data.
COMPANIONS = frozenset(
    {".css", ".scss", ".yml", ".yaml", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".woff2"}
)
_OUTSIDE_CSS = re.compile(r"""(?:url\(\s*|@import\s+)["']?(?!data:|\#|["')])([^"')\s;]+)""", re.IGNORECASE)
_LOADS = {
    "script": ("src",),
    "link": ("href",),
    "img": ("src", "srcset"),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "audio": ("src",),
    "track": ("src",),
    "iframe": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "input": ("src",),
    "image": ("href", "xlink:href"),
    "use": ("href", "xlink:href"),
    "base": ("href",),
}
_QUIET_LINKS = frozenset({"canonical", "author", "license", "next", "prev", "help"})
_SPECIAL = re.compile(r"([!-/:-@\[-`{-~])")


class RenderError(PddError):
    """The page could not be rendered; nothing was put in its place."""


@dataclass(frozen=True, slots=True)
class Request:
    """What an engine is asked for besides the document: see `engine.render`."""

    parameters: Mapping[str, Any]
    metadata: Mapping[str, str]
    strict: bool = True
    timeout: float = 600.0


def escape_markdown(text: str) -> str:
    r"""Text that Markdown shows as typed: every ASCII punctuation mark behind a backslash, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


class Inline:
    """A value in the middle of a sentence: Markdown where it offers it, otherwise its text, shown as typed.

    Both engines pass inline expressions through this, so that a label from the data is never read as mark-up.
    """

    __slots__ = ("_markdown",)

    def __init__(self, value: object) -> None:
        own = getattr(value, "_repr_markdown_", None)
        self._markdown = str(own()) if callable(own) else escape_markdown(str(value))

    def _repr_markdown_(self) -> str:
        return self._markdown

    def __repr__(self) -> str:
        return self._markdown


def inline_code(expression: str) -> str:
    """The expression as both engines evaluate it."""
    return f"__import__({__name__!r}, fromlist=['Inline']).Inline({expression})"


@contextmanager
def private_copy(qmd: Path) -> Iterator[Path]:
    """A temporary folder holding the style sheets, pictures and settings beside the .qmd, and assets/.

    The .qmd itself is left to the caller, who writes it with its parameters.
    """
    if not qmd.is_file():
        raise UsageError(f"there is no document {qmd}. Give the path of a .qmd file.")
    with tempfile.TemporaryDirectory(prefix="pdd-render-", ignore_cleanup_errors=True) as folder:
        room = Path(folder)
        for one in sorted(qmd.parent.iterdir()):
            if one.is_file() and one.suffix.lower() in COMPANIONS:
                shutil.copyfile(one, room / one.name)
        if (qmd.parent / "assets").is_dir():
            shutil.copytree(qmd.parent / "assets", room / "assets")
        yield room


def read_source(qmd: Path) -> str:
    """The text of a .qmd; UsageError for one that is not UTF-8."""
    try:
        return qmd.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise UsageError(f"{qmd.name} is not UTF-8 text (byte {wrong.start}). Save it as UTF-8.") from None


def put_in_place(page: str, out: Path) -> None:
    """The page written beside its place and moved over it in one step."""
    out.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(page)
        os.chmod(name, 0o644)
        os.replace(name, out)
    finally:
        Path(name).unlink(missing_ok=True)


class _Loads(HTMLParser):
    """What a page would load from elsewhere, and every id it uses."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.outside: list[str] = []
        self.ids: Counter[str] = Counter()
        self.closed = self._style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.ids[given["id"]] += 1
        self._style = tag == "style"
        self._css(given.get("style", ""))
        if tag == "link" and set(given.get("rel", "").lower().split()) & _QUIET_LINKS:
            return
        for name in _LOADS.get(tag, ()):
            target = given.get(name, "").strip()
            if target and not target.lower().startswith(("data:", "#", "about:")):
                self.outside.append(f"<{tag} {name}={target[:80]!r}>")

    def handle_endtag(self, tag: str) -> None:
        self._style = False
        self.closed = tag == "html"

    def handle_data(self, data: str) -> None:
        if self._style:
            self._css(data)

    def _css(self, text: str) -> None:
        self.outside.extend(f"url({found[:80]})" for found in _OUTSIDE_CSS.findall(text))


def check_page(page: str, what: str, *, own_ids: bool) -> tuple[str, ...]:
    """What is wrong with a rendered page: cut short, loading something from outside, an id used twice.

    Parameters
    ----------
    own_ids : whether ids are ours to answer for (Quarto repeats some of its own, harmlessly)

    Returns
    -------
    Problems; empty for a page that is whole and self-contained.
    """
    seen = _Loads()
    seen.feed(page)
    seen.close()
    problems = []
    if not seen.closed:
        problems.append(f"{what}: the page is cut short (it does not end with </html>).")
    problems.extend(
        f"{what}: the page would load {one} from outside; embed it, or show Markdown rather than HTML objects."
        for one in dict.fromkeys(seen.outside)
    )
    if own_ids:
        problems.extend(
            f"{what}: the id {one!r} is used {n} times; give figures and sections ids of their own."
            for one, n in seen.ids.items()
            if n > 1
        )
    return tuple(problems)
