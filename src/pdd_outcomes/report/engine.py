"""One call that renders a report, with Quarto where it is found and without it where it is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..core.errors import UsageError, choose
from .embedded import pandoc
from .embedded.render import render_embedded
from .quarto import Quarto, find_quarto, need_quarto, render_quarto
from .staging import RenderError, Request, put_in_place

__all__ = ["ENGINES", "Choice", "Engine", "RenderError", "RenderResult", "choose_engine", "render"]

Engine = Literal["auto", "quarto", "embedded"]
ENGINES: tuple[Engine, ...] = ("auto", "quarto", "embedded")
TIMEOUT = 600.0


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine taken, its version, and one sentence saying why."""

    engine: Literal["quarto", "embedded"]
    version: str
    why: str
    quarto: Quarto | None = None

    def __str__(self) -> str:
        return f"engine: {self.engine} {self.version} ({self.why})"


@dataclass(frozen=True, slots=True)
class RenderResult:
    """A page that is in its place.

    Attributes
    ----------
    path : the page
    engine : "quarto" or "embedded"
    version : of Quarto, or of the embedded engine's pandoc ("pandoc 3.9")
    messages : what the engine remarked on; none of it stopped the page
    """

    path: Path
    engine: str
    version: str
    messages: tuple[str, ...]


def choose_engine(engine: Engine = "auto") -> Choice:
    """The engine to use and why; under "auto" Quarto where a working one of version 1.4 or newer is found.

    Raises
    ------
    UsageError
        An unknown name, or "quarto" where none can be used.
    """
    choose("engine", engine, ENGINES)
    if engine == "quarto":
        quarto = need_quarto()
        return Choice("quarto", quarto.version, f"asked for; from {quarto.found}", quarto)
    if engine == "embedded":
        return Choice("embedded", f"pandoc {pandoc.version()}", "asked for")
    found = find_quarto()
    if isinstance(found, str):
        return Choice("embedded", f"pandoc {pandoc.version()}", found)
    return Choice("quarto", found.version, f"found through {found.found}", found)


def render(
    qmd: Path,
    out: Path,
    *,
    parameters: Mapping[str, Any] | None = None,
    metadata: Mapping[str, str] | None = None,
    engine: Engine = "auto",
    strict: bool = True,
    timeout: float = TIMEOUT,
    on_message: Callable[[str], None] = print,
) -> RenderResult:
    """A .qmd rendered to one self-contained HTML page at `out`.

    Parameters
    ----------
    qmd : the document; its style sheets, pictures and _quarto.yml lie beside it. It is not touched.
    out : the page; replaced in one step, and only by a whole page
    parameters : values for the names in the cell tagged `parameters` (plain values and paths)
    metadata : title, subtitle, description as plain text, over the front matter's
    engine : "auto" takes Quarto where it works and the embedded engine otherwise
    strict : whether an unresolved cross-reference and the like stop the page
    timeout : seconds, for the whole document
    on_message : called once, with the line that says which engine was taken and why

    Raises
    ------
    UsageError
        A wrong call, a document the engine does not support, or no Quarto where it was asked for (exit code 2).
    RenderError
        A cell, Quarto or a check failed; `out` is as it was (exit code 1).
    """
    if not timeout > 0:
        raise UsageError(f"timeout={timeout!r} must be a number of seconds above 0.")
    qmd, out = Path(qmd).resolve(), Path(out).resolve()
    choice = choose_engine(engine)
    on_message(str(choice))
    settings = Request(parameters or {}, metadata or {}, strict, timeout)
    if choice.quarto is not None:
        messages = render_quarto(choice.quarto, qmd, out, settings)
    else:
        page, messages = render_embedded(qmd, settings)
        put_in_place(page, out)
    return RenderResult(out, choice.engine, choice.version, messages)
