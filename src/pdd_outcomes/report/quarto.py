"""Quarto itself, driven through its command line: found, its version checked, run under a time limit."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import UsageError
from .embedded.page import sheet
from .embedded.parse import parse
from .embedded.settings import DEFAULTS, EXECUTE_DEFAULTS, project_file
from .parameters import escape_inline, fill
from .staging import RenderError, Request, check_page, private_copy, put_in_place, read_source

LEAST = (1, 4)
HOW_TO_GET = (
    "Install Quarto 1.4 or newer (quarto.org), set QUARTO_PATH to its executable, or install the 'quarto' extra; "
    "or render with --engine embedded, which needs nothing more."
)
_PAGE = "pdd-page.html"
_DEFAULTS = "pdd-defaults.json"
_SHEET = "pdd-base.css"
_VERSION_SECONDS = 60.0
_TAIL = 25
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_WARNING = re.compile(r"^\s*\[?WARN(?:ING)?\b.*", re.MULTILINE)
# Loosely, since the words change from one Quarto to the next.
_UNRESOLVED = re.compile(
    r"^(?=.*(?:(?:unable to|could not|cannot) resolve|unresolved|not found))"
    r"(?=.*(?:cross-?ref|reference|citation|@[a-z]+-)).*$",
    re.IGNORECASE | re.MULTILINE,
)
_UNRESOLVED_IN_PAGE = re.compile(
    r'\?@(?:fig|tbl|sec|eq|lst|thm)-[\w-]+|<span class="citation" data-cites="[^"]*"'
)
_COLLAPSED = re.compile(r'<div class="callout-header[^>]*data-bs-toggle="collapse"[^>]*>')
_MENDS = (
    (re.compile(r'<div id="[0-9a-f]{8}" class="cell'), '<div class="cell'),
    (
        re.compile(r'<div aria-describedby="(tbl-[^"]+)">(?=\s*<table)'),
        r'<div class="table-scroll" role="group" tabindex="0" aria-labelledby="\1">',
    ),
    (
        re.compile(r'<p>(?=\s*<math display="block")'),
        '<p class="math-scroll" role="group" tabindex="0" aria-label="Formula">',
    ),
)


@dataclass(frozen=True, slots=True)
class Quarto:
    """A Quarto that works: where it is, how it was found, its version."""

    executable: Path
    found: str
    version: str


def find_quarto() -> Quarto | str:
    """The Quarto to use, or the reason there is none, as the end of a sentence.

    QUARTO_PATH is taken at its word: where it is set, nothing else is looked at. Then PATH, then the folder
    of this Python's own programs, where the `quarto` extra puts one.
    """
    named = os.environ.get("QUARTO_PATH")
    if named:
        path = Path(named) / "quarto" if Path(named).is_dir() else Path(named)
        if not (path.is_file() and os.access(path, os.X_OK)):
            return "QUARTO_PATH does not name an executable"
        return _checked(path, "QUARTO_PATH")
    on_path = shutil.which("quarto")
    if on_path:
        return _checked(Path(on_path), "PATH")
    extra = shutil.which("quarto", path=str(Path(sys.executable).parent))
    if extra:
        return _checked(Path(extra), "the quarto extra")
    return "no Quarto in QUARTO_PATH, on PATH or from the quarto extra"


def _checked(executable: Path, found: str) -> Quarto | str:
    """The executable with its version, or why it will not do."""
    try:
        code, said, _ = _run([str(executable), "--version"], None, _VERSION_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as wrong:
        return f"the quarto from {found} does not run ({type(wrong).__name__})"
    number = re.search(r"(\d+)\.(\d+)(?:\.\d+)*", said)
    if code or number is None:
        return f"the quarto from {found} does not say its version (exit {code})"
    if (int(number[1]), int(number[2])) < LEAST:
        return f"the quarto from {found} is {number[0]}; {LEAST[0]}.{LEAST[1]} or newer is needed"
    return Quarto(executable, found, number[0])


def render_quarto(quarto: Quarto, qmd: Path, out: Path, request: Request) -> tuple[str, ...]:
    """The page of a .qmd made by Quarto at `out`, and Quarto's warnings.

    Quarto works on a private copy of the document, in which the parameters are written into their cell
    (no papermill), with this Python. `out` is replaced only by a page that is whole and self-contained.

    Raises
    ------
    RenderError
        Quarto failed (with the end of what it said), took longer than `request.timeout` seconds, left no page or
        one that loads something from outside; under `request.strict` also a cross-reference that did not resolve.
    """
    with private_copy(qmd) as room:
        source = fill(read_source(qmd), qmd.name, request.parameters, request.metadata)
        (room / qmd.name).write_text(escape_inline(source, qmd.name), encoding="utf-8")
        (room / _DEFAULTS).write_text(json.dumps(_defaults(source, qmd.name, room)), encoding="utf-8")
        try:
            code, out_, said = _run(command(quarto, qmd.name), room, request.timeout)
        except subprocess.TimeoutExpired:
            raise RenderError(
                f"Quarto was not done with {qmd.name} within the time limit of {request.timeout:g} seconds."
            ) from None
        except OSError as wrong:
            raise RenderError(
                f"Quarto could not be started: {wrong.strerror or type(wrong).__name__}."
            ) from None
        said = _ANSI.sub("", "\n".join(part for part in (out_, said) if part.strip()))
        if code:
            tail = "\n".join(f"    {line}" for line in said.strip().split("\n")[-_TAIL:])
            raise RenderError(f"Quarto {quarto.version} failed on {qmd.name} (exit {code}). It said:\n{tail}")
        page = _page(room, qmd.name)
    problems = list(check_page(page, qmd.name, own_ids=False))
    unresolved = [line.strip() for line in _UNRESOLVED.findall(said)] + _UNRESOLVED_IN_PAGE.findall(page)
    if request.strict:
        problems += [
            f"{qmd.name}: a cross-reference does not resolve: {one}" for one in dict.fromkeys(unresolved)
        ]
    if problems:
        raise RenderError(problems)
    put_in_place(_mended(page, quarto), out)
    return tuple(dict.fromkeys(line.strip() for line in _WARNING.findall(said)))


def command(quarto: Quarto, name: str) -> list[str]:
    """What is run, in the private folder: HTML in one file, formulas as MathML, our defaults below the document's."""
    return [
        *(str(quarto.executable), "render", name, "--to", "html", "--output", _PAGE),
        *("--metadata-file", _DEFAULTS, "--embed-resources", "--mathml", "--no-execute-daemon"),
    ]


def _defaults(source: str, name: str, room: Path) -> dict[str, Any]:
    """House defaults, which the document and _quarto.yml may overrule."""
    project = project_file(room)
    named = json.dumps([parse(source, name).front, project], default=str)
    ours = [_SHEET, *(["theme.css"] if (room / "theme.css").is_file() and ".css" not in named else [])]
    (room / _SHEET).write_text(sheet("tokens.css") + sheet("quarto.css"), encoding="utf-8")
    return {
        "lang": DEFAULTS["lang"],
        "toc-title": DEFAULTS["toc-title"],
        "css": ours,
        "execute": {"echo": EXECUTE_DEFAULTS["echo"], "warning": EXECUTE_DEFAULTS["warning"]},
    }


def _run(arguments: list[str], folder: Path | None, seconds: float) -> tuple[int, str, str]:
    """Exit code, stdout and stderr; on a time limit or an interrupt the program and all it started are ended."""
    process = subprocess.Popen(
        arguments,
        cwd=folder,
        env=_environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    with process:
        try:
            out, said = process.communicate(timeout=seconds)
        finally:
            if process.returncode is None:
                _end(process)
    return process.returncode, out, said


def _end(process: subprocess.Popen[str]) -> None:
    """End the whole process group: Quarto starts Deno, which starts a kernel and pandoc."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _environment(folder: Path | None) -> dict[str, str]:
    """Ours, with this Python for Quarto's cells, a private IPython, and matplotlib's inline backend left to Quarto."""
    kept = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    private = {"IPYTHONDIR": str(folder / ".ipython")} if folder else {}
    return {**kept, **private, "QUARTO_PYTHON": sys.executable, "PYTHONHASHSEED": "0"}


def _page(room: Path, name: str) -> str:
    """The page Quarto wrote: beside the document, or in the project's output folder."""
    written = sorted(room.rglob(_PAGE))
    if len(written) != 1:
        raise RenderError(f"Quarto said that it was done with {name}, and left {len(written) or 'no'} pages.")
    return written[0].read_text(encoding="utf-8")


def _mended(page: str, quarto: Quarto) -> str:
    """Quarto's page with what it leaves undone (measured on 1.6).

    The generator is named; the random ids of unlabelled cells go, so that two renderings are the same bytes;
    a collapsed callout can be opened from the keyboard; a wide table or formula scrolls in its own box.
    """
    if 'name="generator" content="quarto' not in page:
        tag = f'<meta name="generator" content="quarto-{quarto.version}">'
        page = re.sub(r"<head[^>]*>", lambda head: f"{head[0]}\n{tag}", page, count=1)
    page = _COLLAPSED.sub(_opener, page)
    for wrong, right in _MENDS:
        page = wrong.sub(right, page)
    return page


def _opener(tag: re.Match[str]) -> str:
    """The head of a collapsed callout as the button it is, named by its own words."""
    if " role=" in tag[0]:
        return tag[0]
    return re.sub(r' aria-label="[^"]*"', "", tag[0])[:-1] + ' role="button" tabindex="0">'


def need_quarto() -> Quarto:
    """The Quarto asked for by name; UsageError with what to do where there is none."""
    quarto = find_quarto()
    if isinstance(quarto, str):
        raise UsageError(f"engine='quarto' cannot be used: {quarto}. {HOW_TO_GET}")
    return quarto
