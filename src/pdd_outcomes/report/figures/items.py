"""A forest of rows of the evidence, whatever they are rows of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from ...core.draw import draw_forest, forest_alt
from ...core.draw.forest import forest_height
from ..items import Item, cell, p_of, people, places_of
from ..tables import Column, fold, table
from .picture import Picture
from .svg import picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDE, PHONE = 7.2, 3.4  # inches
Labelled = Sequence[tuple[str, str, Item]]  # label, kind ("study", "pooled", "prediction"), row


def items_forest(
    rows: Labelled,
    *,
    id: str,
    title: str,
    measure: str,
    caption: str,
    names: str = "Group",
    sides: tuple[str, str] | None = None,
    counts: bool = True,
) -> Picture | None:
    """Rows with their intervals and the table behind them; None where no row has an interval."""
    drawn = [(label, kind, item) for label, kind, item in rows if item.has_interval]
    if not drawn:
        return None
    scale = drawn[0][2].scale
    ratio, by = scale == "ratio", 100.0 if scale in ("difference", "probability") else 1.0
    frame = pd.DataFrame(
        [
            {
                "label": label,
                "kind": kind if item.has_interval else "not_estimable",
                "estimate": by * item.estimate,
                "conf_low": by * item.conf_low,
                "conf_high": by * item.conf_high,
            }
            for label, kind, item in rows
        ]
    )
    null = 1.0 if ratio else 0.0
    digits = places_of([item for _, _, item in rows]) if ratio else 1 if by == 100 else 0

    def draw(figure: Figure) -> None:
        draw_forest(frame, figure.subplots(), null=null, log=ratio, measure=measure, digits=digits, sides=sides)

    html = picture(
        draw,
        id=id,
        title=title,
        alt=forest_alt(frame, null=null, log=ratio, digits=digits),
        wide=(WIDE, forest_height(len(frame))),
        narrow=(PHONE, forest_height(len(frame), narrow=True)),
    )
    return Picture(
        id,
        html,
        caption,
        fold("The numbers behind this figure", _table(rows, id, title, measure, names, counts)),
    )


def _table(rows: Labelled, id: str, title: str, measure: str, names: str, counts: bool) -> str:
    places = places_of([item for _, _, item in rows])
    columns = [Column(names)]
    if counts:
        columns += [Column("Treated: people", "count"), Column("Comparison: people", "count")]
    columns += [Column(f"{measure} (interval)", "est"), Column("p", "p")]
    body: list[list[str | None]] = []
    for label, _, item in rows:
        numbers = [people(item), people(item, "n_control")] if counts else []
        body.append([label, *numbers, cell(item, places), p_of(item)])
    return table(title, columns, body, id=id.replace("fig-", "tbl-", 1))
