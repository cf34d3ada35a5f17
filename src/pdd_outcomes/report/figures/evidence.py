"""Pictures of the evidence that are no forests: the cascade, groups' probabilities, unit costs moved one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from ...core.draw.cascade import BAR, cascade_alt, draw_cascade
from ...core.draw.dots import dots_alt, dots_height, draw_dots
from ...core.draw.tornado import draw_tornado, tornado_alt, tornado_height
from ..items import Item
from .picture import Picture
from .svg import picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDE, PHONE = 7.2, 3.4  # inches
TALLER = 1.25  # of a phone's picture, whose labels stand closer


def cascade_picture(
    named: Sequence[tuple[str, Item]], *, id: str, title: str, caption: str, data: str
) -> Picture | None:
    """Stages as bars of the share of those eligible; None where none can be shown."""
    shown = [(name, item) for name, item in named if item.has_interval]
    if not shown:
        return None
    eligible = shown[0][1].n_treated
    whole = {
        "stage": "Eligible",
        "number": eligible,
        "share_of_first": 1.0,
        "share_low": 1.0,
        "share_high": 1.0,
    }
    frame = pd.DataFrame(
        [
            whole,
            *(
                {
                    "stage": name,
                    "number": item.events_treated,
                    "share_of_first": item.estimate,
                    "share_low": item.conf_low,
                    "share_high": item.conf_high,
                }
                for name, item in shown
            ),
        ]
    )

    def draw(figure: Figure) -> None:
        draw_cascade(frame, figure.subplots())

    height = 1.0 + BAR * len(frame)
    html = picture(
        draw, id=id, title=title, alt=cascade_alt(frame), wide=(WIDE, height), narrow=(PHONE, TALLER * height)
    )
    return Picture(id, html, caption, data)


def dots_picture(
    named: Sequence[tuple[str, str, Item, float]], *, id: str, title: str, measure: str, caption: str, data: str
) -> Picture | None:
    """Groups' probabilities with intervals, the crude ones hollow; (trait, group, row, crude) each."""
    if not any(item.has_interval for _, _, item, _ in named):
        return None
    frame = pd.DataFrame(
        [
            {
                "by": by,
                "label": name,
                "kind": "group" if item.has_interval else "not_estimable",
                "estimate": item.estimate,
                "conf_low": item.conf_low,
                "conf_high": item.conf_high,
                "crude": crude,
                "reason": "" if item.has_interval else "withheld" if item.status == "withheld" else item.reason,
            }
            for by, name, item, crude in named
        ]
    )

    def draw(figure: Figure) -> None:
        draw_dots(frame, figure.subplots(), measure=measure)

    height = dots_height(len(frame), frame["by"].nunique())
    alt = dots_alt(frame, measure=measure)
    html = picture(draw, id=id, title=title, alt=alt, wide=(WIDE, height), narrow=(PHONE, height))
    return Picture(id, html, caption, data)


def tornado_picture(
    named: Sequence[tuple[str, Item]], *, id: str, title: str, measure: str, caption: str, data: str
) -> Picture | None:
    """The total with each unit cost at its ends; None where no item has a range."""
    shown = [(name, item) for name, item in named if item.has_interval]
    if not shown:
        return None
    frame = pd.DataFrame(
        [
            {
                "label": name,
                "difference": item.estimate,
                "difference_low": item.conf_low,
                "difference_high": item.conf_high,
            }
            for name, item in shown
        ]
    )
    frame["difference"] = frame["difference"].median()  # one figure, that rounding by rows may have moved apart

    def draw(figure: Figure) -> None:
        draw_tornado(frame, figure.subplots(), measure=measure)

    height = tornado_height(len(frame))
    alt = tornado_alt(frame, measure=measure)
    html = picture(draw, id=id, title=title, alt=alt, wide=(WIDE, height), narrow=(PHONE, height))
    return Picture(id, html, caption, data)
