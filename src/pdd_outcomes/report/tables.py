"""Accessible HTML: tables with caption and scopes, and the other pieces of a page, from Jinja templates that escape.

Everything a reader sees goes through an environment with escaping on, whatever force names or labels hold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import jinja2
import pandas as pd
from markupsafe import Markup

from ..core.errors import UsageError
from ..release.findings import suppressed
from . import formats

Kind = Literal["text", "count", "pct", "est", "p", "setting", "code"]
NUMERIC = frozenset({"count", "pct", "est", "p", "setting"})


@dataclass(frozen=True, slots=True)
class Column:
    """The head of a column and what its cells are: `kind` is what a search of the page goes by."""

    title: str
    kind: Kind = "text"

    @property
    def numeric(self) -> bool:
        """Whether the cells line up at the right."""
        return self.kind in NUMERIC


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that is ready to read."""

    text: str
    kind: Kind = "text"

    @property
    def numeric(self) -> bool:
        """Whether it lines up at the right."""
        return self.kind in NUMERIC

    @property
    def code(self) -> bool:
        """Whether it is set as code."""
        return self.kind == "code" and self.text not in formats.KEY


@dataclass(frozen=True, slots=True)
class Group:
    """Rows under a heading of their own; an empty title has none."""

    title: str
    rows: Sequence[Sequence[str | None]]


@cache
def environment() -> jinja2.Environment:
    """Templates of the page: everything is escaped unless it is Markup."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("pdd_outcomes.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def piece(template: str, **content: Any) -> str:
    """A template filled: HTML with every string escaped."""
    return environment().get_template(f"{template}.html.j2").render(**content).strip()


def table(
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[str | None]] | Sequence[Group],
    *,
    id: str,
    notes: Sequence[str] = (),
) -> str:
    """A table as HTML.

    Parameters
    ----------
    caption : what the table holds, of whom and in which units
    columns : heads; the first column names the rows
    rows : cells ready to read, a sequence a row, or groups of rows; None is a cell that is not available
    id : of the table in the page
    notes : sentences under it; the key of `[c]`, `[x]` and `[z]` is added where they occur

    Returns
    -------
    str
        HTML in which every string is escaped.
    """
    groups = [r if isinstance(r, Group) else Group("", [r]) for r in rows]
    if groups and not any(g.title for g in groups):
        groups = [Group("", [row for g in groups for row in g.rows])]
    ready: list[dict[str, Any]] = []
    for group in groups:
        if any(len(row) != len(columns) for row in group.rows):
            raise UsageError(f"table {id!r}: every row needs {len(columns)} cells, one for each column.")
        cells = [[_cell(text, column) for text, column in zip(row, columns)] for row in group.rows]
        ready.append({"title": group.title, "rows": cells})
    used = {cell.text for group in ready for row in group["rows"] for cell in row}
    key = [f"{mark} {words}." for mark, words in formats.KEY.items() if mark in used]
    return piece("table", id=id, caption=caption, columns=columns, groups=ready, notes=[*notes, *key])


def _cell(text: str | None, column: Column) -> Cell:
    return Cell(formats.MISSING if text is None else text, column.kind)


def fold(summary: str, content: str) -> str:
    """HTML that opens when it is asked for; `content` is HTML already."""
    return piece("fold", summary=summary, content=Markup(content))


def cells(frame: pd.DataFrame, column: str, show: Callable[[float], str]) -> list[str]:
    """A numeric column as words: `[c]` where a cell was suppressed, `[x]` where there is none."""
    hidden = suppressed(frame, column) if "suppressed" in frame.columns else [False] * len(frame)
    numbers = frame[column].astype("float64").tolist()
    return [
        formats.HIDDEN if secret else formats.MISSING if math.isnan(x) else show(x)
        for x, secret in zip(numbers, hidden)
    ]
