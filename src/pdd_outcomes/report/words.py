"""What the numbers say, in plain language: one function a statement, a sentence for every case.

The pattern is that of the Ministry of Justice's Justice Data Lab: for every 100 typical people, so many in one group and
so many in the other; then what can and what cannot be said. Every function returns plain text made from
numbers; nothing here is HTML or Markdown.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from scipy import special

from . import formats
from .formats import fixed, per_100
from .reading import Analysis, Contrast, Number, Outcome, Rule

POWER = 0.8
LEVEL = "no difference"
SAME_GAP = 0.005  # half a person in 100: gaps closer than this are called about the same


class Verdict(StrEnum):
    """What a difference may be called."""

    LOWER = "lower"
    HIGHER = "higher"
    INCONCLUSIVE = "inconclusive"
    WITHHELD = "withheld"
    NOT_ESTIMABLE = "not estimable"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and where it is inconclusive which parts of the rule were not met."""

    verdict: Verdict
    unmet: tuple[str, ...] = ()

    @property
    def significant(self) -> bool:
        """Whether the difference is called statistically significant."""
        return self.verdict in (Verdict.LOWER, Verdict.HIGHER)


@dataclass(frozen=True, slots=True)
class Said:
    """Who is compared, on what and by when: the words every statement needs."""

    analysis: Analysis
    outcome: Outcome
    when: str  # "12 months"

    @property
    def treated(self) -> str:
        """The treated group in a sentence."""
        return self.analysis.treated

    @property
    def control(self) -> str:
        """The comparison group in a sentence."""
        return self.analysis.control

    @property
    def did(self) -> str:
        """What people did to have the outcome."""
        return formats.did(self.outcome.label)


def judge(contrast: Contrast, rule: Rule) -> Judgement:
    """Whether a difference is called significant.

    The Justice Data Lab's rule: p at most alpha, at least `min_treated_events` of the treated with the outcome, and n p at
    least `min_np` in each group. A part that cannot be checked counts as not met.
    """
    number = contrast.difference
    if number is None or number.status == "not_estimable":
        return Judgement(Verdict.NOT_ESTIMABLE)
    if not number.ok:
        return Judgement(Verdict.WITHHELD)
    unmet = []
    if not number.p_value <= rule.alpha:
        said = "has no p-value" if math.isnan(number.p_value) else f"has {formats.p_words(number.p_value)}"
        unmet.append(f"the difference {said}, and the rule asks for {rule.alpha:g} or less")
    if not number.events_treated >= rule.min_treated_events:
        unmet.append(f"fewer than {rule.min_treated_events:g} of the treated are known to have had the outcome")
    expected = (
        _expected(contrast.treated, number.n_treated, number.events_treated),
        _expected(contrast.control, number.n_control, number.events_control),
    )
    if not all(count >= rule.min_np for count in expected):
        unmet.append(
            f"fewer than {rule.min_np:g} people are known to be expected to have the outcome in one of the groups"
        )
    if unmet:
        return Judgement(Verdict.INCONCLUSIVE, tuple(unmet))
    return Judgement(Verdict.LOWER if number.estimate < 0 else Verdict.HIGHER)


def _expected(risk: Number | None, n: float, events: float) -> float:
    """n p: from the group's risk, or the events themselves where only a difference is pooled."""
    return risk.estimate * n if risk is not None and risk.ok else events


def fewer_more(x: float) -> str:
    """A difference for every 100: '2.9 fewer', '1.2 more', 'no difference'."""
    if not per_100(abs(x)).strip("0."):
        return LEVEL
    return f"{per_100(abs(x))} {'fewer' if x < 0 else 'more'}"


def interval_ends(number: Number) -> str:
    """The interval of a difference from end to end: '1.7 to 4.1 fewer', '4.1 fewer to 1.2 more'; empty where there is none."""
    if not number.has_interval:
        return ""
    low, high = number.conf_low, number.conf_high
    if high <= 0 or low >= 0:
        ends = sorted((abs(low), abs(high)))
        return f"{per_100(ends[0])} to {per_100(ends[1])} {'fewer' if high <= 0 else 'more'}"
    return f"{per_100(abs(low))} fewer to {per_100(high)} more"


def level_words(number: Number) -> str:
    """'95% interval'."""
    return f"{100 * number.level:g}% interval"


def risk_words(treated: float, control: float) -> tuple[str, str]:
    """Two risks as people in 100: whole people, or tenths where whole people would not tell the difference."""
    gap = round(100 * treated) - round(100 * control)
    told = gap == round(100 * (treated - control)) and (
        gap != 0 or round(100 * treated, 1) == round(100 * control, 1)
    )
    places = 0 if told and min(treated, control) >= 0.0095 else 1
    return fixed(100 * treated, places), fixed(100 * control, places)


def per_hundred(said: Said, contrast: Contrast) -> str:
    """For every 100 typical people, how many in each group had the outcome; empty where a risk is not shown."""
    treated, control = contrast.treated, contrast.control
    if treated is None or control is None or not (treated.ok and control.ok):
        return ""
    x, y = risk_words(treated.estimate, control.estimate)
    return (
        f"For every 100 typical people, {x} in {said.treated} and {y} in {said.control} {said.did} "
        f"within {said.when}."
    )


def answer(said: Said, contrast: Contrast, judgement: Judgement) -> str:
    """The headline: the answer in one sentence, with its number and interval."""
    number = contrast.difference
    if judgement.verdict is Verdict.WITHHELD:
        return f"The result is withheld: {(number.reason if number else '') or 'too few people are behind it'}."
    if number is None or judgement.verdict is Verdict.NOT_ESTIMABLE:
        why = f": {number.reason}" if number and number.reason else ""
        return f"The effect on {formats.lower_first(said.outcome.label)} within {said.when} could not be estimated{why}."
    gap, ends = fewer_more(number.estimate), interval_ends(number)
    around = f" ({level_words(number)} {ends})" if ends else ""
    if judgement.significant:
        often = "less" if number.estimate < 0 else "more"
        return (
            f"People in {said.treated} {said.did} within {said.when} {often} often than people in {said.control}: "
            f"{gap} in every 100{around}."
        )
    level = "the two came out level, counts being rounded" if gap == LEVEL else f"{gap} in every 100"
    return (
        f"The study does not settle whether people in {said.treated} {said.did} within {said.when} less or more often than "
        f"people in {said.control}: {level}{around}."
    )


def verdict_words(judgement: Judgement) -> str:
    """A verdict in a table cell."""
    return {
        Verdict.LOWER: "Lower, significant",
        Verdict.HIGHER: "Higher, significant",
        Verdict.INCONCLUSIVE: "Inconclusive",
        Verdict.WITHHELD: "Withheld",
        Verdict.NOT_ESTIMABLE: "Not estimable",
    }[judgement.verdict]


def certainty(contrast: Contrast, judgement: Judgement, rule: Rule, *, place: bool = False) -> str:
    """How sure: significance by the rule, or why it is inconclusive and what could have been detected.

    Of the exposure of a `place` the interval takes the few comparison forces as they are, and the words say so.
    """
    number = contrast.difference
    if number is None or not number.ok:
        return "Nothing can be said about certainty, because there is no figure to judge."
    if judgement.significant and place:
        return (
            f"Statistically significant by the rule set beforehand ({formats.p_words(number.p_value)}), counting chance among people "
            "and between scheme forces. The comparison forces are few and are taken as they are: a difference that any two "
            "groups of forces might show remains a possible explanation."
        )
    if judgement.significant:
        return (
            f"Statistically significant by the rule set beforehand ({formats.p_words(number.p_value)}). Chance alone is an "
            "unlikely explanation; differences between the groups that no record shows remain a possible one."
        )
    return f"Inconclusive: {formats.series(judgement.unmet)}. {detectable(number, rule)}".strip()


def detectable(number: Number, rule: Rule) -> str:
    r"""The minimum detectable effect, :math:`(z_{1-\alpha/2} + z_{0.8})\,s`, in words; empty without a standard error."""
    if not (number.ok and math.isfinite(number.std_error) and number.std_error > 0):
        return ""
    size = float(special.ndtri(1 - rule.alpha / 2) + special.ndtri(POWER)) * number.std_error
    return (
        f"A study of this size would detect a difference of about {per_100(size)} in every 100 people or more, "
        f"{100 * POWER:g} times in 100; smaller ones may go unseen."
    )


def can_say(said: Said, contrast: Contrast, judgement: Judgement) -> list[str]:
    """What the main result allows a reader to say."""
    number = contrast.difference
    if number is None or not number.ok:
        return ["Who was compared with whom, and how alike the two groups were before follow-up began."]
    did, ends = f"{said.did} within {said.when}", interval_ends(number)
    runs = f" The {level_words(number)} runs from {ends}." if ends else ""
    if judgement.significant:
        often = "fewer" if number.estimate < 0 else "more"
        return [
            f"On average, {often} people in {said.treated} than in {said.control} {did}: "
            f"{fewer_more(number.estimate)} for every 100 people.{runs}",
            "A difference of this size is unlikely to be due to chance alone.",
        ]
    first = (
        f"The two groups are too close, or the study too small, to say whether people in {said.treated} {did} less or more often "
        f"than people in {said.control}.{runs}"
    )
    if ends and not number.conf_low <= 0 <= number.conf_high:
        first = (
            f"The interval leaves out no difference, but the rule set beforehand is not met ({formats.series(judgement.unmet)}), so "
            f"no difference is claimed.{runs}"
        )
    return [first, "Any effect inside that interval is consistent with these figures."] if ends else [first]


def cannot_say(said: Said, contrast: Contrast, judgement: Judgement, estimand: str) -> list[str]:
    """What the main result does not allow a reader to say."""
    if contrast.shown is None:
        return ["Whether there is an effect, in either direction."]
    if judgement.significant:
        lines = [
            "That the whole difference is an effect: people were not allotted to the groups by lot, and only recorded traits "
            "could be made alike.",
            f"That everyone in {said.treated} did better or worse: this is an average.",
        ]
    else:
        lines = ["That there is no effect: not settled is not the same as none."]
    if said.analysis.exposure == "force":
        lines.append(
            "What being diverted does for a person: everyone eligible in a scheme force is counted, diverted or not."
        )
    elif estimand in ("ATT", "FSATT"):
        lines.append(
            "What would happen if everyone were treated so: the figures are about people like those who were, not about "
            f"people like those in {said.control}."
        )
    if estimand == "FSATT":
        lines.append(
            "Anything about people for whom nobody comparable was found: they are not in the comparison."
        )
    return lines


def estimand_words(analysis: Analysis, estimand: str) -> str:
    """The estimand in one sentence, the exposure named so that the two kinds are never taken for each other."""
    t, c = analysis.treated, analysis.control
    whom = {
        "ATT": f"on the people of {t}",
        "FSATT": f"on those people of {t} for whom someone comparable was found",
        "ATC": f"on the people of {c}",
        "ATE": "on everyone in either group",
    }.get(estimand, f"on the people that the estimand {estimand} is about")
    if analysis.exposure == "force":
        return (
            f"Exposure of a place ({estimand}): the average effect of being arrested in {t} rather than in {c}, {whom}, "
            "diverted or not."
        )
    return f"Exposure of a person ({estimand}): the average effect of being in {t} rather than in {c}, {whom}."
