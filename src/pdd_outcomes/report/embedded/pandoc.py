"""Pandoc, as it comes with pypandoc_binary: Markdown to a tree, and a tree to HTML."""

from __future__ import annotations

import json
import os
import re
import subprocess
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from ..staging import RenderError
from .assemble import Notes

# The title and the rest of the front matter travel apart, so no output of a cell is ever read as metadata.
READER = "markdown-yaml_metadata_block-pandoc_title_block-raw_tex-latex_macros"
_PART = "<!--pdd-outcomes part-->\n"


@cache
def executable() -> str:
    """The path of the bundled pandoc."""
    import pypandoc

    return str(pypandoc.get_pandoc_path())


@cache
def version() -> str:
    """Pandoc's version, as in '3.9'."""
    return _run(["--version"], "", None, Notes(strict=True)).split("\n", 1)[0].split()[-1]


def read(markdown: str, folder: Path, notes: Notes) -> dict[str, Any]:
    """Pandoc's tree of a Markdown text; its warnings (a division never closed) are faults."""
    tree: dict[str, Any] = json.loads(_run(["-f", READER, "-t", "json"], markdown, folder, notes))
    return tree


def write(
    tree: dict[str, Any], folder: Path, notes: Notes, *, metadata: dict[str, Any], depth: int
) -> list[str]:
    """HTML of a tree: title, subtitle, authors, date, description, abstract, table of contents, body.

    `metadata` values are read as Markdown. `depth` is that of the table of contents; 0 for none.
    Formulas become MathML; one that cannot is a fault.
    """
    template, given = folder / ".parts.html", folder / ".metadata.json"
    template.write_text(
        resources.files(__package__).joinpath("templates", "parts.html").read_text("utf-8"), encoding="utf-8"
    )
    given.write_text(json.dumps(metadata, ensure_ascii=False), encoding="utf-8")
    wanted = ["--toc", f"--toc-depth={depth}"] if depth else []
    html = _run(
        [
            *("-f", "json", "-t", "html5", "--standalone", "--mathml", "--section-divs", "--wrap=none"),
            *(f"--template={template.name}", f"--metadata-file={given.name}", *wanted),
        ],
        json.dumps(tree),
        folder,
        notes,
    )
    return [part.strip("\n") for part in html.split(_PART, 7)]


def _run(arguments: list[str], given: str, folder: Path | None, notes: Notes) -> str:
    done = subprocess.run(
        [executable(), *arguments],
        input=given,
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=folder,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        check=False,
    )
    if done.returncode:
        raise RenderError(f"pandoc failed (exit {done.returncode}): {done.stderr.strip()[-2000:]}")
    for warning in re.findall(r"^\[WARNING\] (.*(?:\n  .*)*)", done.stderr, re.MULTILINE):
        notes.fault(f"pandoc: {' '.join(warning.split())}")
    return done.stdout
