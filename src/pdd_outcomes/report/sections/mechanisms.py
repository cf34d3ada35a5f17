"""Mechanisms: what being offered, diverted and completing each go with, side by side, and how much is who completes."""

from __future__ import annotations

from .. import formats
from ..figures.items import items_forest
from ..figures.picture import Picture
from ..items import Item
from ..markdown import bullets, figure, heading, join, text
from ..reading import Reading
from .evidence import has, missing, one, rows, said

SECTION = "engagement"
SELECTION = "naive minus complier"
NAMES = {
    "intention to treat": "Intention to treat",
    "matched ATT": "Diverted, matched",
    "matched FSATT": "Diverted, matched",
    "complier": "Complier effect",
    "as treated": "As treated",
    "naive": "Naive completers",
}
COMPARED = {
    "intention to treat": "people arrested where a scheme ran against people like them where none did, whoever was diverted",
    "matched": "people diverted against people like them who were not",
    "complier": "completing against not, for those whom a scheme brings to complete",
    "as treated": "people who completed against people who were not diverted",
    "naive": "people who completed against others who were diverted",
}


def mechanisms(reading: Reading) -> str:
    """The section with its heading; empty for a study without it."""
    if not has(reading, SECTION):
        return ""
    found = rows(reading, SECTION, "contrast", measure="risk_difference")
    effects = [i for i in found if i.group != SELECTION]
    return join(
        heading(2, "Mechanisms: what engagement adds", "sec-mechanisms"),
        text(
            "One programme can be read in five ways. The first two are effects of a policy and of being diverted. The third is an effect of "
            "completing, if where people were arrested is as good as chance. The last two compare people who differ in more than what they did, "
            "and are shown so that they are not taken for the others."
        ),
        figure(_forest(effects)),
        text(bias_words(found)),
        text("What each compares, and what it assumes:"),
        bullets([_line(i) for i in effects]),
        missing(effects),
    )


def _line(item: Item) -> str:
    compared = next((words for name, words in COMPARED.items() if item.group.startswith(name)), "")
    return f"{NAMES.get(item.group, item.group)}: {compared}. It assumes {item.note}."


def bias_words(found: list[Item]) -> str:
    """How much of the difference between completers and others is who completes."""
    by = {i.group: i for i in found}
    naive, effect, gap = (one([by[g]] if g in by else []) for g in ("naive", "complier", SELECTION))
    if naive is None:
        return ""
    first = f"Completers' risk less that of others who were diverted is {said(naive)}."
    if effect is None or gap is None:
        return f"{first} How much of that is who completes cannot be told."
    second = f"The effect of completing on those whom a scheme brings to complete is {said(effect)}."
    if not gap.has_interval:
        return f"{first} {second}"
    if gap.conf_low <= 0 <= gap.conf_high:
        return f"{first} {second} The two differ by no more than chance, which does not show that completers are like others."
    does = "hides part of the effect" if gap.estimate > 0 else "makes completing look better than it is"
    return f"{first} {second} The gap between the two, {said(gap)}, is not what completing does but who completes, and it {does}."


def _forest(effects: list[Item]) -> Picture | None:
    return items_forest(
        [(NAMES.get(i.group, i.group), "study", i) for i in effects],
        id="fig-engagement",
        title="Five readings of one programme",
        measure="Difference in risk, per 100 people",
        caption=_caption(effects),
        names="Reading",
        sides=("lower", "higher"),
    )


def _caption(effects: list[Item]) -> str:
    clear = [i for i in effects if i.ok]
    if len(clear) < 2:
        return "Only one reading could be estimated."
    least, most = (f(clear, key=lambda i: i.estimate) for f in (min, max))
    return (
        f"The same programme reads from {formats.per_100(least.estimate)} to {formats.per_100(most.estimate)} for every 100 people, by what is "
        "compared with what."
    )
