"""Implementation: how far people go, who is reached, and who would have been left alone."""

from __future__ import annotations

from itertools import pairwise

from .. import formats
from ..figures.evidence import cascade_picture, dots_picture
from ..items import Item, cell, p_of, people, shown
from ..markdown import figure, heading, html, join, text
from ..reading import Reading
from ..tables import Column, Group, fold, table
from .evidence import grouped, has, items_table, missing, one, rows, trait

ENGAGEMENT, EQUITY = "engagement", "equity"
STAGES = {
    "eligible": "Eligible",
    "diverted": "Diverted (referred in the grace window)",
    "referred": "Referred",
    "assessed": "Assessed",
    "attended": "Attended",
    "completed": "Completed",
}
VERBS = {
    "diverted": "are diverted",
    "referred": "are referred",
    "assessed": "are assessed",
    "attended": "attend",
    "completed": "complete",
}
ASKED = (
    ("diverted", "Being diverted", "those arrested where a scheme ran", "are diverted"),
    ("completed", "Completing", "those who were diverted", "complete"),
)
INDICES = {
    "range": "Range, per 100 people",
    "maximum over minimum": "Highest over lowest",
    "slope index of inequality": "Slope index of inequality, per 100 people",
    "relative index of inequality": "Relative index of inequality",
    "Theil index": "Theil index",
}


def implementation(reading: Reading) -> str:
    """The section with its heading; empty for a study with neither cascade nor equity."""
    parts = [part for part in (cascade(reading), equity(reading)) if part]
    return join(heading(2, "Implementation: who is reached", "sec-implementation"), *parts) if parts else ""


def cascade(reading: Reading) -> str:
    """From eligible to completed, overall and by force."""
    if not has(reading, ENGAGEMENT):
        return ""
    whole = rows(reading, ENGAGEMENT, "cascade", by="")
    days = {i.place: i for i in rows(reading, ENGAGEMENT, "cascade_days")}
    body = [
        [STAGES.get(i.note, i.note), people(i, "events_treated"), cell(i), _days(days.get(i.place))]
        for i in whole
    ]
    columns = [
        Column("Stage"),
        Column("People", "count"),
        Column("Of 100 eligible (interval)", "est"),
        Column("Median days since the stage before (the incident for the first)", "est"),
    ]
    eligible = people(whole[0]) if whole else None
    caption = f"From eligible to completed ({eligible} people arrested where a scheme ran)"
    data = table(caption, columns, body, id="tbl-cascade")
    finding = _cascade_words(whole)
    picture = cascade_picture(
        [(STAGES.get(i.note, i.note), i) for i in whole],
        id="fig-cascade",
        title="From eligible to completed",
        caption=f"{finding} Bars are shares of those eligible, with 95% intervals.",
        data=fold("The numbers behind this figure", data),
    )
    by_force = _by_force(rows(reading, ENGAGEMENT, "cascade", by="force"))
    return join(
        heading(3, "The cascade", "sec-cascade"),
        text(finding),
        figure(picture),
        html(fold("The cascade by force", by_force)) if by_force else "",
    )


def _days(item: Item | None) -> str | None:
    return cell(item)


def _cascade_words(whole: list[Item]) -> str:
    known = [i for i in whole if i.ok]
    if len(known) < 2:
        return "Too few people to say how far they went."
    first, last = known[0], known[-1]
    steps = [(b.estimate / a.estimate, a, b) for a, b in pairwise(known)]
    worst = min(steps, key=lambda s: s[0])
    return (
        f"Of 100 people eligible, {formats.fixed(100 * first.estimate, 0)} {_verb(first)} and "
        f"{formats.fixed(100 * last.estimate, 0)} {_verb(last)}. The longest step is from those who {_verb(worst[1])} to those who "
        f"{_verb(worst[2])}: {formats.fixed(100 * worst[0], 0)} in 100 take it."
    )


def _verb(item: Item) -> str:
    return VERBS.get(item.note, f"reach {formats.readable(item.note)}")


def _by_force(found: list[Item]) -> str:
    if not found:
        return ""
    stages = list(dict.fromkeys(i.note for i in found))
    by = {(i.group, i.note): i for i in found}
    body: list[list[str | None]] = []
    for force in dict.fromkeys(i.group for i in found):
        body.append([force, people(by[force, stages[0]]), *(_share(by.get((force, s))) for s in stages)])
    columns = [
        Column("Force"),
        Column("Eligible", "count"),
        *(Column(f"{STAGES.get(s, s).split(' (')[0]}, of 100", "est") for s in stages),
    ]
    return table("The cascade by force: of 100 people eligible", columns, body, id="tbl-cascade-force")


def _share(item: Item | None) -> str | None:
    if item is None:
        return formats.NOT_APPLICABLE
    return shown(item.estimate, item.scale) if item.ok else item.missing


def equity(reading: Reading) -> str:
    """Who is diverted of those who could be, who completes, how unequal that is, and net-widening."""
    if not has(reading, EQUITY):
        return ""
    return join(
        heading(3, "Equity", "sec-equity"),
        text(
            "Adjusted figures compare people alike in what else the records hold. A difference that is left is not proof of unfair treatment, and "
            "a level figure is no proof of fairness: what is adjusted for can itself come from unequal treatment."
        ),
        *(_asked(reading, *asked) for asked in ASKED),
        _widening(reading),
    )


def _asked(reading: Reading, part: str, name: str, among: str, verb: str) -> str:
    adjusted = rows(reading, EQUITY, part, measure="probability")
    if not adjusted:
        return ""
    crude = {(i.by, i.group): i.estimate for i in rows(reading, EQUITY, part, measure="probability_crude")}
    named = [
        (title, label, item, crude.get((item.by, item.group), float("nan")))
        for title, own in grouped(reading, adjusted)
        for label, item in own
    ]
    finding = _finding(reading, part, verb)
    measure = f"Adjusted probability of {formats.lower_first(name)}"
    data = items_table(
        reading,
        f"{name}, of 100 of {among}",
        adjusted,
        "Adjusted, of 100",
        id=f"tbl-equity-{part}",
        compared=False,
        p=False,
    )
    picture = dots_picture(
        named,
        id=f"fig-equity-{part}",
        title=measure,
        measure=measure,
        caption=f"{finding} Filled: adjusted, with 95% intervals; hollow: as it is.",
        data=fold("The numbers behind this figure", data),
    )
    return join(
        heading(4, f"{name}, among {among}", f"sec-equity-{part}"),
        text(finding),
        figure(picture),
        html(fold("Differences and ratios against the largest group", _against(reading, part))),
        html(_indices(reading, part, name)),
        missing(adjusted),
    )


def _finding(reading: Reading, part: str, verb: str) -> str:
    tests = {i.by: i for i in rows(reading, EQUITY, f"{part}_test") if i.ok}
    differ = [by for by, test in tests.items() if test.p_value <= reading.rule.alpha]
    if not tests:
        return "Whether groups differ could not be tested."
    named_traits = formats.series([formats.lower_first(trait(reading, by)) for by in tests])
    if not differ:
        return f"People alike in the records {verb} about as often whatever their {named_traits}: no difference is beyond chance."
    said = []
    for by in differ:
        own = [i for i in rows(reading, EQUITY, part, measure="probability", by=by) if i.ok]
        if len(own) < 2:
            continue
        named = dict((item.group, label) for _, pairs in grouped(reading, own) for label, item in pairs)
        low, high = (f(own, key=lambda i: i.estimate) for f in (min, max))
        said.append(
            f"{formats.lower_first(trait(reading, by))} (from {formats.fixed(100 * low.estimate, 0)} in 100, {named[low.group]}, to "
            f"{formats.fixed(100 * high.estimate, 0)}, {named[high.group]})"
        )
    return (
        f"How often people who are alike in the rest of the records {verb} differs by {formats.series(said)}."
    )


def _against(reading: Reading, part: str) -> str:
    found = rows(reading, EQUITY, part, measure="difference")
    ratios = {(i.by, i.group): i for i in rows(reading, EQUITY, part, measure="ratio")}
    groups = []
    for title, own in grouped(reading, found):
        body = [[label, cell(item), cell(ratios.get((item.by, item.group))), p_of(item)] for label, item in own]
        groups.append(Group(title, body))
    columns = [
        Column("Group"),
        Column("Difference, per 100 (interval)", "est"),
        Column("Ratio (interval)", "est"),
        Column("p", "p"),
    ]
    return table(
        "Adjusted differences and ratios against the largest group",
        columns,
        groups,
        id=f"tbl-equity-against-{part}",
    )


def _indices(reading: Reading, part: str, name: str) -> str:
    groups = []
    for title, own in grouped(reading, rows(reading, EQUITY, f"{part}_inequality")):
        body = [[INDICES[i.measure], i.estimand, _index(i)] for _, i in own if i.measure in INDICES]
        groups += [Group(title, body)] if body else []
    if not groups:
        return ""
    columns = [Column("Measure"), Column("Kind"), Column("Inequality (interval)", "est")]
    return fold(
        f"How unequal: {formats.lower_first(name)}",
        table(
            f"Inequality between groups: {formats.lower_first(name)}",
            columns,
            groups,
            id=f"tbl-inequality-{part}",
        ),
    )


def _index(item: Item) -> str | None:
    if not item.ok:
        return item.missing
    per_100 = item.measure in ("range", "slope index of inequality")

    def show(x: float) -> str:
        return formats.per_100(x) if per_100 else formats.fixed(x, 4 if item.measure == "Theil index" else 2)

    return (
        formats.with_interval(item.estimate, item.conf_low, item.conf_high, show)
        if item.has_interval
        else show(item.estimate)
    )


def _widening(reading: Reading) -> str:
    found = rows(reading, EQUITY, "net_widening")
    if not found:
        return ""
    known = [i for i in found if i.ok]
    if not known:
        return join(heading(4, "Net-widening", "sec-net-widening"), missing(found))
    share, between = one(found[:1]), one(found[-1:])
    sentences = []
    if share is not None:
        sentences.append(
            f"Of 100 people diverted, {_hundred(share)} would have had no further action, if they had been dealt with as people like them "
            f"are in forces without a scheme."
        )
    if between is not None and between is not share:
        sentences.append(
            f"By how much less often no further action is taken where there is a scheme, it is {_hundred(between)}."
        )
    body = [[formats.upper_first(i.group), _hundred(i) if i.ok else i.missing] for i in found]
    data = table(
        "Net-widening: of 100 people",
        [Column("Quantity"), Column("Of 100 (interval)", "est")],
        body,
        id="tbl-net-widening",
    )
    return join(
        heading(4, "Net-widening", "sec-net-widening"),
        text(*sentences),
        html(fold("How this is made up", data)),
    )


def _hundred(item: Item) -> str:
    if not item.has_interval:
        return formats.per_100(item.estimate)
    return formats.with_interval(item.estimate, item.conf_low, item.conf_high, formats.per_100)
