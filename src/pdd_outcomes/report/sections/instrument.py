"""The officer who decided, as an instrument for being diverted."""

from __future__ import annotations

from .. import formats
from ..items import Item, cell, p_of, people
from ..markdown import bullets, heading, html, join, text
from ..reading import Reading
from ..tables import Column, fold, table
from .evidence import group_name, has, missing, one, rows, said, trait

SECTION = "instrument"
NAMES = {
    "effect": "Two-stage least squares",
    "anderson_rubin": "Anderson-Rubin (holds however weak the instrument)",
    "least_squares": "Least squares, as if there were no selection",
}


def instrument(reading: Reading) -> str:
    """The section with its heading; empty for a study without it."""
    if not has(reading, SECTION):
        return ""
    found = [i for part in NAMES for i in rows(reading, SECTION, part)]
    return join(
        heading(2, "Officers as an instrument", "sec-instrument"),
        text(
            "Officers differ in how readily they divert, and whom a suspect meets is taken to be chance within force and quarter. Comparing people "
            "who met more and less lenient officers estimates the effect of diversion on those whom that decides, without assuming that the records "
            "hold everything. It assumes that an officer's leniency matters only through diversion."
        ),
        text(effect_words(reading)),
        html(_table(found)) if any(i.ok for i in found) else "",
        missing(found),
        bullets(_checks(reading)) if any(i.ok for i in found) else "",
        html(_signs(reading)),
    )


def effect_words(reading: Reading) -> str:
    """The effect in those whom leniency moves, and how far it is from least squares."""
    effect, plain = one(rows(reading, SECTION, "effect")), one(rows(reading, SECTION, "least_squares"))
    if effect is None:
        return (
            "No effect is given here, because the instrument does not move diversion enough, or there is none."
        )
    first = f"Among those whom an officer's leniency decides, diversion changes the risk by {said(effect)}."
    if plain is None or not effect.has_interval:
        return first
    if effect.conf_low <= plain.estimate <= effect.conf_high:
        return f"{first} The interval holds what least squares gives ({formats.per_100(plain.estimate)}): no sign that selection beyond the records misleads it."
    return f"{first} Least squares gives {formats.per_100(plain.estimate)}, outside that interval: selection beyond the records, or an effect that differs, is likely."


def _table(found: list[Item]) -> str:
    body = [[NAMES[i.part], people(i), people(i, "n_control"), cell(i), p_of(i)] for i in found]
    columns = [
        Column("Estimate"),
        Column("Diverted", "count"),
        Column("Not diverted", "count"),
        Column("Difference, per 100 (interval)", "est"),
        Column("p", "p"),
    ]
    return table("The effect of diversion, by officers' leniency", columns, body, id="tbl-instrument")


def _checks(reading: Reading) -> list[str]:
    lines = []
    first, strength = one(rows(reading, SECTION, "first_stage")), one(rows(reading, SECTION, "strength"))
    if first is not None and strength is not None:
        lines.append(
            f"First stage: an officer who diverts 10 more of 100 others diverts {formats.fixed(10 * first.estimate, 1)} more of 100 like this person "
            f"(effective F {formats.fixed(strength.estimate, 0)} over {first.units:g} officers)."
        )
    balance = one(rows(reading, SECTION, "balance"))
    if balance is not None:
        told = "do not go" if balance.p_value > reading.rule.alpha else "go"
        lines.append(
            f"Balance: traits known before {told} together with leniency (joint F {formats.fixed(balance.estimate, 2)}, {formats.p_words(balance.p_value)})."
        )
    signs = [i for i in rows(reading, SECTION, "monotonicity") if i.ok]
    if signs and first is not None:
        against = [i for i in signs if i.estimate * first.estimate < 0]
        lines.append(
            f"Signs: the first stage points the same way in {'all' if not against else f'{len(signs) - len(against)} of'} {len(signs)} groups looked at, as an "
            "average effect over those moved needs."
        )
    return lines


def _signs(reading: Reading) -> str:
    found = rows(reading, SECTION, "monotonicity")
    if not found:
        return ""
    body = [[_group(reading, i.group), people(i), cell(i)] for i in found]
    columns = [Column("Group"), Column("People", "count"), Column("First stage (interval)", "est")]
    return fold(
        "The first stage by group", table("The first stage by group", columns, body, id="tbl-first-stage")
    )


def _group(reading: Reading, term: str) -> str:
    name, _, level = term.removesuffix("]").partition("[")
    return (
        f"{trait(reading, name)}: {group_name(reading, name, level, ['0', '1'] if level in '01' else [level])}"
    )
