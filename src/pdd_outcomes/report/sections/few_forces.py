"""Few forces: what is left of an effect when chance between forces is counted, and what it owes to each of them."""

from __future__ import annotations

from .. import formats
from ..figures.items import items_forest
from ..figures.picture import label
from ..items import Item, cell, p_of
from ..markdown import figure, heading, html, join, text
from ..reading import Analysis, Reading
from ..tables import Column, fold, table
from .evidence import has, missing, one, rows

SECTION = "forces"
ALONE = "Counting people alone"


def few_forces(reading: Reading, analysis: Analysis) -> str:
    """What stands under an analysis's forces; empty for a study whose plan has no such part."""
    if not has(reading, SECTION):
        return ""
    found = rows(reading, SECTION, "inference", analysis=analysis.id)
    return join(
        _inference(reading, analysis, found),
        _left_out(reading, analysis),
        missing(rows(reading, SECTION, "feature", analysis=analysis.id)),
    )


def _inference(reading: Reading, analysis: Analysis, found: list[Item]) -> str:
    if not found:
        return ""
    stage = rows(reading, SECTION, "one_stage", analysis=analysis.id)
    picture = items_forest(
        [(i.group, "study", i) for i in found],
        id=label("fig-few-forces", analysis.id),
        title="The same contrast, by what chance is counted",
        measure="Difference in risk, per 100 people",
        caption=few_words(reading, found),
        names="Method",
        sides=("lower", "higher"),
        counts=False,
    )
    whole = one(stage)
    ratio = (
        f"In one stage, with a baseline hazard for each scheme force's own comparison, the hazard ratio is {cell(whole)}, clustered on forces."
        if whole is not None
        else ""
    )
    return join(
        heading(4, "Chance between forces", label("sec-few-forces", analysis.id)),
        text(
            "A scheme is given to a force, so forces are the units. Intervals that count people alone take forces to differ by nothing but their "
            "people; the others let forces differ anyway."
        ),
        figure(picture),
        text(ratio),
    )


def few_words(reading: Reading, found: list[Item]) -> str:
    """Whether the verdict changes when chance between forces is counted."""
    alone = next((i for i in found if i.group == ALONE), None)
    others = [i for i in found if i.group != ALONE and i.has_interval]
    if alone is None or not alone.has_interval or not others:
        return "Chance between forces could not be counted."
    width = max(i.conf_high - i.conf_low for i in others) / (alone.conf_high - alone.conf_low)
    wider = f"Counting chance between forces makes the interval up to {formats.fixed(width, 1)} times as wide."
    clear = [i for i in others if i.clear]
    if alone.clear and not clear:
        return f"{wider} What looks settled by counting people is not settled when forces are the units."
    if alone.clear and len(clear) < len(others):
        named = formats.series([formats.lower_first(i.group) for i in others if not i.clear])
        return f"{wider} By {named} the direction is then not settled."
    if alone.clear:
        return f"{wider} The direction stays settled."
    return f"{wider} The direction is not settled either way."


def _left_out(reading: Reading, analysis: Analysis) -> str:
    found = rows(reading, SECTION, "left_out", analysis=analysis.id)
    if not found:
        return ""
    influence = {i.group: i for i in rows(reading, SECTION, "influence", analysis=analysis.id)}
    body = [
        [
            i.group,
            cell(i),
            p_of(i),
            cell(influence.get(i.group)),
            "Yes" if (own := influence.get(i.group)) is not None and own.note else "No",
        ]
        for i in found
    ]
    columns = [
        Column("Left out"),
        Column("Pooled difference, per 100 (Hartung-Knapp interval)", "est"),
        Column("p", "p"),
        Column("Cook's distance", "est"),
        Column("Stands apart"),
    ]
    data = table(
        "The pooled difference with each force left out", columns, body, id=label("tbl-left-out", analysis.id)
    )
    return join(
        heading(4, "What it owes to each force", label("sec-left-out", analysis.id)),
        text(left_out_words(found)),
        html(fold("Each force left out", data)),
    )


def left_out_words(found: list[Item]) -> str:
    """Whether any single force decides."""
    known = [i for i in found if i.has_interval]
    if not known:
        return ""
    span = formats.between(min(i.estimate for i in known), max(i.estimate for i in known), formats.per_100)
    clear = [i for i in known if i.clear]
    first = f"With any one force left out, the pooled difference is {span} for every 100 people"
    if len(clear) == len(known):
        return f"{first}, and every interval leaves out 0 (no effect)."
    if not clear:
        return f"{first}, and no interval leaves out 0 (no effect)."
    turns = clear if len(clear) <= len(known) / 2 else [i for i in known if not i.clear]
    does = "leaves out" if turns is clear else "includes"
    return f"{first}; without {formats.series([i.group for i in turns])} the interval {does} 0 (no effect), so the result leans on single forces."
