"""Roll-out: schemes that start one after another, by time since the start, beside what two-way fixed effects would say."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from ...core.draw.event_study import draw_event_study, event_study_alt
from .. import formats
from ..figures.picture import Picture
from ..figures.svg import picture
from ..items import Item, cell, p_of, people
from ..markdown import figure, heading, html, join, text
from ..reading import Reading
from ..tables import Column, fold, table
from .evidence import has, missing, rows, said

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SECTION = "roll_out"
WIDE, PHONE = (7.2, 3.8), (3.4, 3.4)
HEADLINE, TWO_WAY = 0.0, 2.0  # places of the overall rows
KINDS = {
    "treated vs never": "Started, against never",
    "earlier vs later": "Started earlier, against not yet started",
    "later vs earlier (already treated)": "Started later, against already started",
    "vs always treated": "Started, against always had one",
}
FORBIDDEN = ("later vs earlier (already treated)", "vs always treated")


def roll_out(reading: Reading) -> str:
    """The section with its heading; empty for a study without it."""
    if not has(reading, SECTION):
        return ""
    overall = rows(reading, SECTION, "overall")
    if not any(i.ok for i in overall):
        return join(heading(2, "Roll-out over time", "sec-roll-out"), missing(overall))
    events = rows(reading, SECTION, "event")
    return join(
        heading(2, "Roll-out over time", "sec-roll-out"),
        text(
            "Schemes started at different times, so each force can be compared with itself before, and with forces whose scheme had not started. "
            "That takes out whatever is constant in a force and whatever changes everywhere at once. It assumes that without a scheme the forces' "
            "risks would have moved in parallel."
        ),
        text(headline_words(overall)),
        figure(_picture(events)),
        text(trend_words(events)),
        html(_overall(overall)),
        text(two_way_words(reading, overall)),
        html(fold("What two-way fixed effects averaged", _bacon(rows(reading, SECTION, "bacon")))),
        text(disposal_words(rows(reading, SECTION, "disposals"))),
        missing([*overall, *rows(reading, SECTION, "disposals")]),
    )


def headline_words(overall: list[Item]) -> str:
    """The average effect in forces with a scheme, since each one's start."""
    item = next((i for i in overall if i.place == HEADLINE), None)
    if item is None or not item.ok:
        return "No average effect is given."
    first = f"Averaged over forces since each one's start, the effect of having a scheme is {said(item)}"
    if not item.has_interval:
        return f"{first}; there are too few forces for an interval."
    return f"{first}." + (
        "" if item.clear else " The interval includes 0 (no effect), so the direction is not settled."
    )


def trend_words(events: list[Item]) -> str:
    """Whether the forces moved in parallel before their schemes."""
    before = [i for i in events if i.place < 0 and math.isfinite(i.band_low)]
    if not before:
        return "Too few forces are seen before their start to look for different trends."
    off = [i for i in before if not i.band_low <= 0 <= i.band_high]
    if off:
        when = formats.series([f"{-i.place:g} before" for i in off])
        return f"Before the start the forces were already moving apart ({when}): the assumption of parallel trends is in doubt, and so is the effect."
    return "Before the start, the bands that hold for all periods at once include 0. That is no proof of parallel trends: they are wide."


def two_way_words(reading: Reading, overall: list[Item]) -> str:
    """Why two-way fixed effects are shown and not believed."""
    found = {i.place: i for i in overall}
    two, best = found.get(TWO_WAY), found.get(HEADLINE)
    parts = [i for i in rows(reading, SECTION, "bacon") if i.ok]
    weight = sum(i.place for i in parts if i.group in FORBIDDEN)
    if two is None or not two.ok or best is None or not best.ok:
        return ""
    return (
        f"Two-way fixed effects give {formats.per_100(two.estimate)}, and are not the headline: {formats.fixed(100 * weight, 0)}% of their weight is on "
        "comparisons with forces that already had a scheme, from which part of any growth of the effect is taken away."
    )


def disposal_words(found: list[Item]) -> str:
    """Whether more people are dealt with once a scheme starts."""
    item = next((i for i in found if i.ok), None)
    if item is None:
        return ""
    first = f"Disposals in all, a month, about each force's own start: {cell(item)} times as many after it as the trend before would have it"
    if not item.has_interval:
        return f"{first}."
    if item.conf_low <= 1 <= item.conf_high:
        return f"{first}: no sign that a scheme brings more people in, or fewer."
    return f"{first}: {'more' if item.estimate > 1 else 'fewer'} people are dealt with once a scheme starts."


def _picture(events: list[Item]) -> Picture | None:
    if not any(i.has_interval for i in events):
        return None
    limits = ("conf_low", "conf_high", "band_low", "band_high")
    drawn: list[dict[str, float]] = [
        {"event_time": i.place, **{c: 100 * getattr(i, c) for c in ("estimate", *limits)}}
        for i in events
        if i.ok
    ]
    # What the others are measured from: nought by construction.
    drawn.append({"event_time": -1.0, "estimate": 0.0, **dict.fromkeys(limits, math.nan)})
    frame = pd.DataFrame(drawn).sort_values("event_time", ignore_index=True)
    title = "Difference in risk, per 100 people"

    def draw(figure: Figure) -> None:
        draw_event_study(frame, figure.subplots(), title=title)

    made = picture(
        draw,
        id="fig-roll-out",
        title="The effect by time since the scheme's start",
        alt=event_study_alt(frame, title=title),
        wide=WIDE,
        narrow=PHONE,
    )
    body = [
        [f"{i.place:g}", f"{i.units:g}", people(i), people(i, "n_control"), cell(i), _band(i)] for i in events
    ]
    columns = [
        Column("Periods since the start", "setting"),
        Column("Forces", "setting"),
        Column("Their people", "count"),
        Column("Comparison", "count"),
        Column("Difference, per 100 (interval)", "est"),
        Column("Simultaneous band", "est"),
    ]
    data = fold(
        "The numbers behind this figure",
        table("The effect by time since the scheme's start", columns, body, id="tbl-roll-out-event"),
    )
    after = [i for i in events if i.place >= 0 and i.ok]
    lower = sum(i.estimate < 0 for i in after)
    share = "every period" if lower == len(after) else f"{lower} of {len(after)} periods"
    caption = (
        f"In {share} since the start the risk is lower than without a scheme, as far as estimates go. Hollow: before the start, where there should "
        "be no effect; thick lines are intervals of each period, thin ones hold for all at once."
    )
    return Picture("fig-roll-out", made, caption, data)


def _band(item: Item) -> str | None:
    if not math.isfinite(item.band_low):
        return item.missing if item.status != "ok" else formats.NOT_APPLICABLE
    return formats.between(item.band_low, item.band_high, formats.per_100)


def _overall(overall: list[Item]) -> str:
    body = [
        [i.group, cell(i), p_of(i) if math.isfinite(i.p_value) else formats.NOT_APPLICABLE] for i in overall
    ]
    columns = [Column("Estimate"), Column("Difference, per 100 (interval)", "est"), Column("p", "p")]
    return table("The effect of having a scheme, over the roll-out", columns, body, id="tbl-roll-out")


def _bacon(found: list[Item]) -> str:
    body = [[KINDS.get(i.group, i.group), formats.percent(i.place, 0), cell(i)] for i in found]
    columns = [Column("Comparison"), Column("Weight", "pct"), Column("Difference, per 100", "est")]
    return table(
        "The comparisons that two-way fixed effects average (Goodman-Bacon)", columns, body, id="tbl-bacon"
    )
