"""The first screen: what the page is of, the answer, what can and cannot be said, everything at a glance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import formats, words, words_evidence
from ..markdown import html, join, text
from ..reading import POOLED, Analysis, Contrast, Number, Outcome, Reading
from ..tables import Column, Group, piece, table

Fact = dict[str, Any]


def notices(reading: Reading) -> str:
    """What a reader must know of the whole page: synthetic people, a gate not passed, a gate overridden."""
    found: list[Fact] = []
    if reading.synthetic:
        found.append(
            _notice(
                "synthetic",
                "Synthetic data.",
                "The people and forces on this page are invented. Its figures show what the method does and say nothing about real "
                "people or places.",
            )
        )
    if len(reading.failed_gates):
        found.append(_notice("stopped", "No effects on this page.", words_evidence.STOPPED))
    for gate in reading.overrides.to_dict("records"):
        said = words_evidence.gate_words(gate["gate"], gate["limit"], gate["value"], False)
        label = reading.analysis(str(gate["analysis"])).label
        found.append(
            _notice("override", "A gate was overridden.", f"{label}: {said} Reason given: {gate['override']}")
        )
    return html(piece("notices", notices=found)) if found else ""


def _notice(kind: str, title: str, said: str) -> Fact:
    return {"kind": kind, "title": title, "words": said}


def headline(reading: Reading) -> str:
    """The answer: one sentence, the figures it rests on, for whom it holds and how sure it is."""
    analysis, outcome = reading.lead, reading.main
    if not reading.has_effects:
        answer = "The question is not answered here: no effect was estimated."
        failed = [
            words_evidence.gate_words(str(g["gate"]), g["limit"], g["value"], False)
            for g in reading.failed_gates.to_dict("records")
        ]
        facts = [_fact("For whom", formats.sentence(analysis.population)), _fact("Why", " ".join(failed))]
        facts = [f for f in facts if f["words"]]
        return html(piece("answer", answer=answer, figures=[], facts=facts))
    contrast = reading.contrast(analysis, outcome)
    said = words.Said(analysis, outcome, reading.when(contrast.horizon))
    judgement = words.judge(contrast, reading.rule)
    facts = [
        _fact("In words", words.per_hundred(said, contrast)),
        _fact("For whom", _for_whom(reading, analysis)),
        _fact(
            "How sure", words.certainty(contrast, judgement, reading.rule, place=analysis.exposure == "force")
        ),
        _fact("The comparison", _comparison(reading, analysis)),
    ]
    answer = words.answer(said, contrast, judgement)
    figures = _figures(analysis, contrast, said.when)
    return html(piece("answer", answer=answer, figures=figures, facts=[f for f in facts if f["words"]]))


def _fact(label: str, said: str) -> Fact:
    return {"label": label, "words": said}


def _for_whom(reading: Reading, analysis: Analysis) -> str:
    whom = formats.sentence(analysis.population)
    if reading.estimand(analysis) == "FSATT":
        whom += f" Of {analysis.treated}, those for whom someone comparable was found."
    return whom


def _comparison(reading: Reading, analysis: Analysis) -> str:
    control = f"The comparison group: {formats.lower_first(analysis.control_label)}, matched person by person"
    if analysis.exposure == "force":
        control = f"People of {analysis.control}, matched person by person to those of {analysis.treated}"
    named = comparator_words(reading)
    return f"{control}{f' ({named})' if named else ''} on what was recorded before follow-up began."


def comparator_words(reading: Reading) -> str:
    """The declared comparator, with its outcome codes where it has any."""
    declared = reading.study["comparator"]
    if not declared:
        return ""
    if isinstance(declared, str):
        return declared
    codes = [str(code) for code in declared.get("outcome_codes") or ()]
    return f"{declared.get('label', '')}{f'; outcome codes {formats.series(codes)}' if codes else ''}"


def _figures(analysis: Analysis, contrast: Contrast, when: str) -> list[Fact]:
    found = []
    for role, label, number in (
        ("treated", analysis.treated_label, contrast.treated),
        ("control", f"{analysis.control_label}, matched", contrast.control),
    ):
        if number is not None and number.ok:
            found.append(
                {
                    "role": role,
                    "label": label,
                    "value": formats.per_100(number.estimate),
                    "unit": "in 100",
                    "under": f"within {when}",
                }
            )
    gap = contrast.shown
    if gap is not None:
        ends = words.interval_ends(gap)
        found.append(
            {
                "role": "gap",
                "label": "Difference",
                "value": formats.per_100(gap.estimate),
                "unit": "in 100",
                "under": f"{words.level_words(gap)} {formats.between(gap.conf_low, gap.conf_high, formats.per_100)}"
                if ends
                else "",
            }
        )
    return found


def says(reading: Reading) -> str:
    """What you can say and what you cannot."""
    analysis, outcome = reading.lead, reading.main
    contrast = reading.contrast(analysis, outcome)
    said = words.Said(analysis, outcome, reading.when(contrast.horizon))
    judgement = words.judge(contrast, reading.rule)
    can = words.can_say(said, contrast, judgement)
    cannot = words.cannot_say(said, contrast, judgement, reading.estimand(analysis))
    return html(piece("says", can=can, cannot=cannot, limits=list(map(str, reading.study["limits"]))))


def glance(reading: Reading) -> str:
    """Every comparison and outcome side by side at the leading time."""
    if not reading.has_effects:
        return ""
    when = reading.when(reading.main_horizon)
    groups = [Group(a.label, [_glance_row(reading, a, o) for o in reading.outcomes]) for a in reading.analyses]
    columns = [
        Column("Outcome"),
        Column("Difference in 100 (interval)", "est"),
        Column("Verdict"),
        Column("Treated, in 100", "est"),
        Column("Comparison, in 100", "est"),
    ]
    shown = table(
        f"Every comparison at a glance: people in 100 with the outcome within {when}, matched groups",
        columns,
        groups,
        id="tbl-glance",
    )
    apart = ""
    if len({a.exposure for a in reading.analyses}) > 1:
        apart = (
            "Being diverted and being arrested where a scheme exists are two exposures with two effects. They answer different "
            "questions and are never combined."
        )
    return join(html(shown), text(apart))


def _glance_row(reading: Reading, analysis: Analysis, outcome: Outcome) -> list[str | None]:
    contrast = reading.contrast(analysis, outcome)
    judgement = words.judge(contrast, reading.rule)
    return [
        formats.upper_first(outcome.label),
        interval_cell(contrast.difference),
        words.verdict_words(judgement),
        number_cell(contrast.treated, contrast.difference),
        number_cell(contrast.control, contrast.difference),
    ]


def number_cell(number: Number | None, gap: Number | None = None) -> str | None:
    """A probability for every 100; `[c]` where it is withheld; where only the difference `gap` is pooled, `[z]`."""
    if number is None and gap is not None and gap.group == POOLED:
        return formats.NOT_APPLICABLE
    if number is None or not number.ok:
        return formats.HIDDEN if number is not None and number.status == "withheld" else None
    return formats.per_100(number.estimate)


def ratio_decimals(numbers: Sequence[Number | None]) -> int:
    """Decimals for a column of ratios."""
    shown = [n for n in numbers if n is not None and n.ok and n.scale == "ratio"]
    return formats.ratio_places([x for n in shown for x in (n.estimate, n.conf_low, n.conf_high)])


def interval_cell(number: Number | None, places: int = 2) -> str | None:
    """An estimate with its interval on its own scale, ratios with so many decimals; `[c]` where it is withheld."""
    if number is None or not number.ok:
        return formats.HIDDEN if number is not None and number.status == "withheld" else None

    def show(x: float) -> str:
        if number.scale in ("difference", "probability"):
            return formats.per_100(x)
        return formats.fixed(x, places if number.scale == "ratio" else 1)

    values = (number.estimate, number.conf_low, number.conf_high)
    return formats.with_interval(*values, show) if number.has_interval else show(number.estimate)


def p_of(number: Number | None) -> str | None:
    """The p-value of an estimate as a cell."""
    if number is None or not number.ok or math.isnan(number.p_value):
        return formats.HIDDEN if number is not None and number.status == "withheld" else None
    return formats.p_cell(number.p_value)
