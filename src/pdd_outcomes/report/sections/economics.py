"""Economics: what happened to 100 people in each group and what it cost; never one ratio."""

from __future__ import annotations

from .. import formats
from ..figures.evidence import tornado_picture
from ..figures.picture import Picture
from ..items import Item, cell, shown
from ..markdown import figure, heading, html, join, text
from ..reading import Reading
from ..tables import Column, Group, fold, table
from .evidence import has, missing, rows

SECTION = "economics"
TOTAL = "total"
WHY_NOT_ONE = (
    "Costs and consequences stand side by side and are not made into one ratio: offences, days in custody and treatment have no common "
    "unit, and a ratio of two uncertain differences has no stable interval."
)


def economics(reading: Reading) -> str:
    """The section with its heading; empty for a study without it."""
    if not has(reading, SECTION):
        return ""
    units = rows(reading, SECTION, "unit_cost")
    invented = [u for u in units if u.measure == "illustrative"]
    warning = ""
    if invented:
        part = (
            "All unit costs are"
            if len(invented) == len(units)
            else f"The unit costs of {formats.series([_name(u) for u in invented])} are"
        )
        warning = (
            f"{part} placeholders without a source. Figures made with them show the method, and are no finding."
        )
    return join(
        heading(2, "Economics", "sec-economics"),
        text(total_words(reading), warning),
        html(_table(reading)),
        text(WHY_NOT_ONE),
        figure(_tornado(reading)),
        html(fold("Unit costs", _units(units))),
        missing([*rows(reading, SECTION, "cost"), *units]),
    )


def _name(item: Item) -> str:
    return formats.readable(item.group)


def total_words(reading: Reading) -> str:
    """The total difference in words, or why there is none."""
    found = [i for i in rows(reading, SECTION, "cost", measure="difference") if i.group == TOTAL]
    analysis = reading.lead
    if not found or not found[0].ok:
        reason = found[0].reason if found and found[0].reason else "it is withheld"
        return f"No total is given: {reason}."
    total = found[0]
    size = shown(abs(total.estimate), "money")
    when = reading.when(
        total.horizon_days if reading.unit == "days" else formats.months(total.horizon_days, "days")
    )
    first = f"Over {when}, 100 people in {analysis.treated} cost {size} {'less' if total.estimate < 0 else 'more'} than 100 in {analysis.control}"
    if not total.has_interval:
        return f"{first}."
    ends = formats.between(total.conf_low, total.conf_high, lambda x: shown(x, "money"))
    if total.conf_low <= 0 <= total.conf_high:
        return f"{first} (difference {ends}): the interval includes 0, so which costs less is not settled."
    return f"{first} (difference {ends})."


def _table(reading: Reading) -> str:
    groups = []
    for part, title in (("count", "What happened, per 100 people"), ("cost", "What it cost, per 100 people")):
        found = {(i.group, i.measure): i for i in rows(reading, SECTION, part)}
        body = []
        for item in dict.fromkeys(group for group, _ in found):
            arms = [found.get((item, m)) for m in ("treated", "control")]
            name = "Total" if item == TOTAL else formats.upper_first(formats.readable(item))
            body.append([name, *(_mean(a) for a in arms), cell(found.get((item, "difference")))])
        groups += [Group(title, body)] if body else []
    analysis = reading.lead
    columns = [
        Column("Item"),
        Column(analysis.treated_label, "est"),
        Column(analysis.control_label, "est"),
        Column("Difference (interval)", "est"),
    ]
    return table("Costs and consequences per 100 people", columns, groups, id="tbl-economics")


def _mean(item: Item | None) -> str | None:
    if item is None:
        return formats.NOT_APPLICABLE
    return shown(item.estimate, item.scale) if item.ok else item.missing


def _tornado(reading: Reading) -> Picture | None:
    found = [i for i in rows(reading, SECTION, "one_way") if i.has_interval]
    if not found:
        return None
    signs = {x > 0 for i in found for x in (i.conf_low, i.conf_high)}
    widest = formats.lower_first(formats.readable(found[0].group))
    finding = (
        f"The difference keeps its sign whatever single unit cost is moved within its range; it hangs most on the cost of {widest}."
        if len(signs) == 1
        else f"The sign of the difference turns on unit costs: within its range, that of {widest} moves it most."
    )
    body = [
        [
            formats.upper_first(formats.readable(i.group)),
            shown(i.conf_low, "money"),
            shown(i.conf_high, "money"),
        ]
        for i in found
    ]
    columns = [
        Column("Unit cost moved"),
        Column("Difference at its low end", "est"),
        Column("Difference at its high end", "est"),
    ]
    data = table("The total difference with each unit cost at its ends", columns, body, id="tbl-one-way")
    return tornado_picture(
        [(formats.upper_first(formats.readable(i.group)), i) for i in found],
        id="fig-one-way",
        title="The total difference with each unit cost at its ends",
        measure="Difference in cost per 100 people, £",
        caption=f"{finding} Bars run from the low end of a unit cost (hatched) to its high end.",
        data=fold("The numbers behind this figure", data),
    )


def _units(units: list[Item]) -> str:
    body = [
        [
            formats.upper_first(_name(u)),
            u.note or None,
            shown(u.estimate, "money") if u.ok else None,
            formats.between(u.conf_low, u.conf_high, lambda x: shown(x, "money")) if u.has_interval else None,
            f"{u.place:.0f}" if u.ok else None,
            formats.upper_first(u.se_method) or None,
        ]
        for u in units
    ]
    columns = [
        Column("Item"),
        Column("Unit"),
        Column("Cost", "setting"),
        Column("Range"),
        Column("Prices of", "setting"),
        Column("Source"),
    ]
    return table("Unit costs", columns, body, id="tbl-unit-costs")
