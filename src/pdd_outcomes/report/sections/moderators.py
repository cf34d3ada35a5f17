"""Moderators: for whom the effect is larger, by tests of whether it differs and never by comparing verdicts."""

from __future__ import annotations

from .. import formats
from ..figures.items import items_forest
from ..figures.picture import Picture
from ..items import Item, cell, p_of
from ..markdown import figure, heading, html, join, text
from ..reading import Reading
from ..tables import Column, Group, fold, table
from .evidence import grouped, has, items_table, missing, one, rows, trait, traits

SECTION = "moderators"
SCALES = (("risk_difference", "Difference in risk, per 100 people"), ("hazard_ratio", "Hazard ratio"))
CROSSING = (
    "People were matched over everybody. Where many matched sets hold people of several groups, the two sides of one group need not be "
    "alike."
)
EXPLORATORY = (
    "This part is exploratory. The groups were found in the data that they are described with, and what goes with a larger effect "
    "need not cause it. It can propose moderators for another study's plan, and settles nothing here."
)


def moderators(reading: Reading) -> str:
    """The section with its heading; empty for a study without it."""
    if not has(reading, SECTION):
        return ""
    tests = rows(reading, SECTION, "interaction_holm")
    return join(
        heading(2, "Moderators: for whom", "sec-moderators"),
        text(verdict(reading, tests)),
        figure(_forest(reading)),
        html(_tests(reading)),
        html(fold("Hazard ratios by group", _ratios(reading))),
        missing([*rows(reading, SECTION, "effect"), *rows(reading, SECTION, "interaction")]),
        _exploratory(reading),
    )


def verdict(reading: Reading, tests: list[Item]) -> str:
    """Which moderators' effects differ between their groups, once their number is allowed for."""
    usable = [t for t in tests if t.ok]
    if not usable:
        return "No moderator could be tested: too few of their groups have people and events enough."
    differ = [t for t in usable if t.p_value <= reading.rule.alpha]
    caution = (
        "A group in which the effect is clear and one in which it is not do not differ for that: the test compares the groups "
        "themselves."
    )
    if not differ:
        n = len(traits(usable))
        return (
            f"Of {formats.plural(n, 'trait')} named beforehand, none shows an effect that differs between its groups by more than chance, "
            f"on either scale, once their number is allowed for (Holm). {caution}"
        )
    names = []
    for by in traits(differ):
        on = [
            ("differences" if t.measure == "risk_difference" else "ratios", t.p_value)
            for t in differ
            if t.by == by
        ]
        shown = formats.series([f"{scale}, {formats.p_words(p)}" for scale, p in on])
        names.append(f"{formats.lower_first(trait(reading, by))} ({shown})")
    both = {t.by for t in differ if t.measure == "risk_difference"} & {
        t.by for t in differ if t.measure == "hazard_ratio"
    }
    scale = (
        ""
        if both >= {t.by for t in differ}
        else " On one scale only, that may be because groups start from different risks: the same ratio is a larger difference where the risk "
        "is higher."
    )
    return f"The effect differs by {formats.series(names)}, allowing for the number of tests (Holm).{scale} {caution}"


def _forest(reading: Reading) -> Picture | None:
    effects = rows(reading, SECTION, "effect", measure="risk_difference")
    everyone = one(rows(reading, SECTION, "everyone", measure="risk_difference"))
    named = [
        (f"{trait}: {name}", "study", item) for trait, own in grouped(reading, effects) for name, item in own
    ]
    if everyone is not None:
        named.append(("Everyone", "pooled", everyone))
    differ = [
        t.by
        for t in rows(reading, SECTION, "interaction_holm", measure="risk_difference")
        if t.ok and t.p_value <= reading.rule.alpha
    ]
    finding = (
        f"The difference in risk varies by {formats.series([formats.lower_first(trait(reading, b)) for b in differ])}."
        if differ
        else "The difference in risk varies between groups by no more than chance would have it."
    )
    return items_forest(
        named,
        id="fig-moderators",
        title="The effect by group",
        measure=SCALES[0][1],
        caption=f"{finding} Squares are groups, larger where the estimate is more precise; the diamond is everyone.",
        sides=("lower", "higher"),
    )


def _tests(reading: Reading) -> str:
    found = {
        (part, t.by, t.measure): t
        for part in ("interaction", "interaction_holm", "interaction_bh")
        for t in rows(reading, SECTION, part)
    }
    groups = []
    for measure, title in SCALES:
        own = [t for (part, _, m), t in found.items() if part == "interaction" and m == measure]
        body = []
        for test in own:
            adjusted = [found.get((part, test.by, measure)) for part in ("interaction_holm", "interaction_bh")]
            statistic = f"{formats.fixed(test.statistic, 1)} on {test.df:g}" if test.ok else test.missing
            spanning = one(rows(reading, SECTION, "spanning", by=test.by))
            crossing = formats.percent(spanning.estimate, 0) if spanning else None
            body.append(
                [trait(reading, test.by), statistic, p_of(test), *(p_of(a or test) for a in adjusted), crossing]
            )
        groups.append(Group(title, body))
    columns = [
        Column("Trait"),
        Column("Chi-square on degrees of freedom", "est"),
        Column("p", "p"),
        Column("p, Holm", "p"),
        Column("p, Benjamini-Hochberg", "p"),
        Column("Matched sets across groups", "pct"),
    ]
    caption = "Does the effect differ between the groups of a trait?"
    return table(caption, columns, groups, id="tbl-interactions", notes=[CROSSING])


def _ratios(reading: Reading) -> str:
    found = rows(reading, SECTION, "effect", measure="hazard_ratio")
    return items_table(
        reading, "Hazard ratio by group", found, "Hazard ratio", id="tbl-moderator-ratios", p=False
    )


def _exploratory(reading: Reading) -> str:
    found = rows(reading, SECTION, "exploratory_group")
    nothing = rows(reading, SECTION, "exploratory")
    if not found and not nothing:
        return ""
    start = [heading(3, "Exploratory: who might gain more", "sec-exploratory"), text(EXPLORATORY)]
    if not found:
        return join(*start, missing(nothing))
    calibration = {i.group: i for i in rows(reading, SECTION, "exploratory_calibration")}
    return join(
        *start,
        text(_calibration_words(reading, calibration.get("heterogeneity"))),
        html(fold("Groups by predicted effect", _sorted(found))),
    )


def _calibration_words(reading: Reading, slope: Item | None) -> str:
    if slope is None or not slope.ok:
        return "The learner predicts one effect for everybody."
    ends = formats.between(slope.conf_low, slope.conf_high, lambda x: formats.fixed(x, 2))
    first = f"Predicted differences in effect come true with a slope of {formats.fixed(slope.estimate, 2)} ({ends}), where 1 is right and 0 is nothing"
    if slope.p_value <= reading.rule.alpha:
        return f"{first}: there is some sign that effects differ in ways the named groups do not show."
    return f"{first}: no sign that the predictions hold."


def _sorted(found: list[Item]) -> str:
    body = [[formats.upper_first(i.group), cell(i), p_of(i)] for i in found]
    columns = [Column("Group"), Column("Difference in risk, per 100 (interval)", "est"), Column("p", "p")]
    return table(
        "Exploratory: people sorted by the effect that others' data predict for them",
        columns,
        body,
        id="tbl-exploratory",
    )
