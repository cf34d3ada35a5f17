"""What the sections of evidence share: their rows, names of groups, a table of items, and what was not estimated."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from .. import formats
from ..items import Item, cell, items, p_of, people, places_of, why_not
from ..markdown import bullets, join, text
from ..reading import Reading
from ..tables import Column, Group, table

YES_NO = {"0": "no", "1": "yes"}
# A flag whose label is a denial reads badly beside "no": what it is called as a trait, and its two groups.
TURNED = {"first_time": ("Any prior offence", {"0": "yes", "1": "no"})}


def rows(reading: Reading, section: str, part: str, **where: Any) -> list[Item]:
    """The rows of one part of a section."""
    return items(reading["evidence"], section=section, part=part, **where)


def has(reading: Reading, section: str) -> bool:
    """Whether the study has a section, estimated or not."""
    return reading.has_effects and bool((reading["evidence"]["section"] == section).any())


def group_name(reading: Reading, by: str, group: str, levels: Sequence[str] = ()) -> str:
    """A group of a trait as a reader knows it: 'no' and 'yes' of a trait that is there or not."""
    if by in TURNED:
        return TURNED[by][1].get(group, group)
    if set(levels) <= set(YES_NO) and group in YES_NO:
        return YES_NO[group]
    if by == "imd_quintile" and group in ("1", "5"):
        return f"{group} ({'most' if group == '1' else 'least'} deprived)"
    return formats.readable(group)


def trait(reading: Reading, by: str) -> str:
    """A trait as a reader knows it."""
    return TURNED[by][0] if by in TURNED else reading.trait(by)


def traits(found: Sequence[Item]) -> list[str]:
    """The traits of these rows, in their order."""
    return list(dict.fromkeys(i.by for i in found if i.by))


def grouped(reading: Reading, found: Sequence[Item]) -> list[tuple[str, list[tuple[str, Item]]]]:
    """Rows under the trait whose groups they are, each with its group's name."""
    made = []
    for by in traits(found):
        own = [i for i in found if i.by == by]
        levels = [i.group for i in own]
        made.append((trait(reading, by), [(group_name(reading, by, i.group, levels), i) for i in own]))
    return made


def items_table(
    reading: Reading,
    caption: str,
    found: Sequence[Item],
    measure: str,
    *,
    id: str,
    compared: bool = True,
    p: bool = True,
) -> str:
    """Rows grouped by trait: people, estimate with its interval, and p where there is one."""
    places = places_of(found)
    columns = [Column("Group"), Column("People", "count")]
    columns += [Column("Comparison", "count")] if compared else []
    columns += [Column(f"{measure} (interval)", "est")] + ([Column("p", "p")] if p else [])
    groups = []
    for title, named in grouped(reading, found):
        body = []
        for name, item in named:
            numbers = [people(item)] + ([people(item, "n_control")] if compared else [])
            body.append([name, *numbers, cell(item, places)] + ([p_of(item)] if p else []))
        groups.append(Group(title, body))
    return table(caption, columns, groups, id=id)


def missing(found: Sequence[Item]) -> str:
    """What could not be estimated, and why, as a list; empty where everything could."""
    lines = why_not([i for i in found if i.status == "not_estimable"])
    return join(text("Not estimated, and why:"), bullets(lines)) if lines else ""


def one(found: Sequence[Item]) -> Item | None:
    """The first row that has an estimate."""
    return next((i for i in found if i.ok), None)


def said(item: Item) -> str:
    """A difference for every 100 people, in words, with its interval."""
    value = formats.per_100(item.estimate)
    ends = formats.between(item.conf_low, item.conf_high, formats.per_100) if item.has_interval else ""
    return f"{value} for every 100 people{f' ({ends})' if ends else ''}"


def known_p(item: Item) -> bool:
    """Whether there is a p-value."""
    return math.isfinite(item.p_value)


TERMS: Mapping[str, Mapping[str, str]] = {
    "forces": {
        "Cook's distance": "How far the pooled effect moves when one force is left out.",
        "Randomisation test": "The result against those that every other choice of forces to have a scheme would have given.",
        "Wild cluster bootstrap": "A test for few forces that flips the sign of whole forces' departures from the model.",
    },
    "roll_out": {
        "Group-time effect": "The effect at one time on forces whose schemes started at one time, against forces without one then.",
        "Two-way fixed effects": "A regression with a constant for each force and each time; misleading where effects grow.",
    },
    "instrument": {
        "Anderson-Rubin interval": "The effects that an instrument's data do not reject; it holds however weak the instrument is.",
        "Effective F": "How strongly an instrument moves who is treated; below about 10 to 20 it is weak.",
        "Instrument": "Something that moves who is treated, is as good as chance, and matters for the outcome in no other way.",
    },
    "engagement": {
        "Cascade": "From eligible to completed, how many reach each stage of a scheme.",
        "Complier effect": "The effect on those who complete because of where they were arrested.",
        "Intention to treat": "By what people could have had, whatever they did.",
    },
    "moderators": {
        "Benjamini-Hochberg": "An adjustment of p-values that limits the share of false claims among all claims.",
        "Holm": "An adjustment of p-values that limits the chance of any false claim.",
        "Moderator": "A trait, named beforehand, by which an effect may differ.",
    },
    "equity": {
        "Net-widening": "The share of those diverted who would otherwise have had no further action.",
        "Slope index of inequality": "The difference between the two ends of a ranking, from a line through its groups.",
        "Theil index": "How unequal groups are relative to their average; nought is equal.",
    },
}


def glossary(reading: Reading) -> str:
    """Definitions of the terms that the sections of this study use, as a Markdown definition list."""
    terms = {
        term: words for section, own in TERMS.items() if has(reading, section) for term, words in own.items()
    }
    return "\n\n".join(f"{term}\n: {terms[term]}" for term in sorted(terms, key=str.lower))
