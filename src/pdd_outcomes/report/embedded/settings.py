"""The settings of one page: front matter over _quarto.yml over the house defaults."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...core.errors import UsageError
from .parse import Document, read_yaml

DEFAULTS: dict[str, Any] = {"lang": "en-GB", "toc": False, "toc-depth": 3, "toc-title": "On this page"}
EXECUTE_DEFAULTS: dict[str, Any] = {
    "echo": False,
    "warning": False,
    "output": True,
    "eval": True,
    "include": True,
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What the page is to be: `page` by Quarto's own names, `execute` the defaults of its cells."""

    page: dict[str, Any] = field(default_factory=dict)
    execute: dict[str, Any] = field(default_factory=dict)
    css: tuple[str, ...] = ()

    def of_cell(self, options: Mapping[str, Any], key: str) -> Any:
        """A cell's own option, or else the document's."""
        return options.get(key, self.execute.get(key, self.page.get(key)))


def project_file(folder: Path) -> dict[str, Any]:
    """The keys of _quarto.yml in the .qmd's folder; empty where there is none."""
    path = folder / "_quarto.yml"
    return read_yaml(path.read_text(encoding="utf-8"), path.name) if path.is_file() else {}


def settle(
    document: Document, project: Mapping[str, Any], metadata: Mapping[str, str], folder: Path
) -> Settings:
    """Settings with `metadata` over the front matter, the front matter over the project, and both over ours.

    Style sheets add up (project first, as in Quarto). Where none is named, theme.css beside the .qmd is used.
    """
    page, execute = dict(DEFAULTS), dict(EXECUTE_DEFAULTS)
    css: list[str] = []
    for source in (project, document.front):
        for level in ({k: v for k, v in source.items() if k != "format"}, _html(source.get("format"))):
            named = level.get("css", [])
            css.extend([named] if isinstance(named, str) else named)
            execute.update(level.get("execute") or {})
            page.update({k: v for k, v in level.items() if k not in ("execute", "css", "project", "format")})
    page.update(metadata)
    if isinstance(page.get("date"), (datetime.date, datetime.datetime)):
        page["date"] = page["date"].isoformat()
    return Settings(page, execute, sheets(css, folder))


def sheets(named: list[str], folder: Path) -> tuple[str, ...]:
    """The style sheets to embed, each once; UsageError for any that is not there."""
    if not named:
        return ("theme.css",) if (folder / "theme.css").is_file() else ()
    missing = [one for one in named if not (folder / one).is_file()]
    if missing:
        raise UsageError(f"css: {missing} not found in the folder of the .qmd.")
    return tuple(dict.fromkeys(named))


def _html(formats: Any) -> dict[str, Any]:
    inner = formats.get("html") if isinstance(formats, Mapping) else None
    return dict(inner) if isinstance(inner, Mapping) else {}
