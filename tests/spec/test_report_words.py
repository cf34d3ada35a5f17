"""What a result may be called and how it is said: a test for every branch."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from pdd_outcomes.report.reading import Analysis, Contrast, Number, Outcome, Rule
from pdd_outcomes.report.words import (
    Judgement,
    Said,
    Verdict,
    answer,
    can_say,
    cannot_say,
    certainty,
    detectable,
    estimand_words,
    fewer_more,
    interval_ends,
    judge,
    per_hundred,
    risk_words,
    verdict_words,
)

PERSON = Analysis("a", "person", "A", "Diverted", "Not diverted", "Adults", "ATT", "", True)
PLACE = Analysis("b", "force", "B", "Scheme forces", "Comparison forces", "Adults", "ATT", "", False)
SAID = Said(PERSON, Outcome("o", "proven reoffending", True), "12 months")
PRISON = Said(PERSON, Outcome("o", "return to prison", True), "12 months")


def number(
    estimate: float, *, p: float = 0.001, low: float = math.nan, high: float = math.nan, **changes: object
) -> Number:
    made = Number(
        group="all",
        horizon=365.0,
        start=math.nan,
        estimand="ATT",
        measure="risk_difference",
        scale="difference",
        estimate=estimate,
        std_error=0.01,
        conf_low=low,
        conf_high=high,
        level=0.95,
        p_value=p,
        se_method="robust",
        n_treated=1000.0,
        n_control=1000.0,
        events_treated=200.0,
        events_control=240.0,
        status="ok",
        reason="",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def contrast(treated: float, control: float, **about: object) -> Contrast:
    gap = number(treated - control, **about)  # type: ignore[arg-type]
    return Contrast(number(treated, scale="probability"), number(control, scale="probability"), gap, 365.0)


LOWER = contrast(0.18, 0.24, p=0.001, low=-0.08, high=-0.04)
HIGHER = contrast(0.24, 0.18, p=0.001, low=0.04, high=0.08)
UNSURE = contrast(0.20, 0.22, p=0.3, low=-0.06, high=0.02)


def test_a_difference_that_meets_the_rule_is_significant_in_its_direction() -> None:
    assert judge(LOWER, Rule()) == Judgement(Verdict.LOWER)
    assert judge(HIGHER, Rule()) == Judgement(Verdict.HIGHER)
    assert judge(LOWER, Rule()).significant


def test_a_large_p_is_inconclusive() -> None:
    assert judge(UNSURE, Rule()).unmet == ("the difference has p = 0.300, and the rule asks for 0.05 or less",)


def test_p_equal_to_alpha_meets_the_rule() -> None:
    assert judge(contrast(0.18, 0.24, p=0.05), Rule()).significant


def test_a_missing_p_is_inconclusive() -> None:
    assert judge(contrast(0.18, 0.24, p=math.nan), Rule()).unmet[0].startswith("the difference has no p-value")


@pytest.mark.parametrize(("events", "met"), [(30, True), (29, False), (math.nan, False)])
def test_too_few_of_the_treated_with_the_outcome_is_inconclusive_whatever_p(events: float, met: bool) -> None:
    judged = judge(contrast(0.18, 0.24, events_treated=events), Rule())
    assert judged.significant is met
    assert met or judged.unmet == ("fewer than 30 of the treated are known to have had the outcome",)


@pytest.mark.parametrize(("n", "met"), [(60, True), (40, False)])
def test_too_few_expected_in_either_group_is_inconclusive(n: float, met: bool) -> None:
    assert judge(contrast(0.18, 0.24, n_control=n), Rule()).significant is met


def test_where_only_a_difference_is_pooled_the_events_are_counted() -> None:
    pooled = number(-0.03, group="pooled", events_control=9.0)
    assert judge(Contrast(None, None, pooled, 365.0), Rule()).verdict is Verdict.INCONCLUSIVE
    assert judge(Contrast(None, None, number(-0.03, group="pooled"), 365.0), Rule()).verdict is Verdict.LOWER


def test_every_part_of_the_rule_that_is_not_met_is_named() -> None:
    judged = judge(contrast(0.18, 0.24, p=0.2, events_treated=5.0, n_treated=20.0), Rule())
    assert len(judged.unmet) == 3


def test_the_settings_of_the_rule_are_the_protocols() -> None:
    strict = Rule(alpha=0.0001, min_treated_events=300, min_np=500)
    assert len(judge(LOWER, strict).unmet) == 3


def test_withheld_and_not_estimable_are_verdicts_of_their_own() -> None:
    assert judge(Contrast(None, None, None, 1.0), Rule()).verdict is Verdict.NOT_ESTIMABLE
    gone = number(math.nan, status="not_estimable")
    assert judge(Contrast(None, None, gone, 1.0), Rule()).verdict is Verdict.NOT_ESTIMABLE
    held = number(math.nan, status="withheld")
    assert judge(Contrast(None, None, held, 1.0), Rule()).verdict is Verdict.WITHHELD


def test_every_verdict_has_words() -> None:
    assert {verdict_words(Judgement(v)) for v in Verdict} == {
        "Lower, significant",
        "Higher, significant",
        "Inconclusive",
        "Withheld",
        "Not estimable",
    }


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (-0.029, "2.9 fewer"),
        (0.012, "1.2 more"),
        (0.0, "no difference"),
        (-0.0004, "no difference"),
        (0.0005, "0.1 more"),
    ],
)
def test_a_difference_is_fewer_or_more_in_every_100(x: float, words: str) -> None:
    assert fewer_more(x) == words


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (-0.041, -0.017, "1.7 to 4.1 fewer"),
        (0.017, 0.041, "1.7 to 4.1 more"),
        (-0.041, 0.012, "4.1 fewer to 1.2 more"),
        (-0.041, 0.0, "0.0 to 4.1 fewer"),
        (0.0, 0.041, "0.0 to 4.1 more"),
        (math.nan, 0.041, ""),
    ],
)
def test_an_interval_is_said_from_end_to_end(low: float, high: float, words: str) -> None:
    assert interval_ends(number(-0.01, low=low, high=high)) == words


@pytest.mark.parametrize(
    ("treated", "control", "words"),
    [
        (0.183, 0.290, ("18", "29")),  # 10.7 fewer, and 29 less 18 is 11
        (0.197, 0.224, ("19.7", "22.4")),  # 20 and 22 would not tell 2.7
        (0.201, 0.204, ("20.1", "20.4")),  # 20 and 20 would hide the difference
        (0.113, 0.1133, ("11", "11")),  # level to a tenth
        (0.004, 0.024, ("0.4", "2.4")),  # not "0 people"
    ],
)
def test_risks_are_whole_people_unless_that_would_mislead(
    treated: float, control: float, words: tuple[str, str]
) -> None:
    assert risk_words(treated, control) == words


def test_for_every_100_typical_people() -> None:
    assert per_hundred(SAID, LOWER) == (
        "For every 100 typical people, 18 in the diverted group and 24 in the comparison group had proven reoffending within "
        "12 months."
    )
    assert "returned to prison within 12 months" in per_hundred(PRISON, LOWER)
    assert per_hundred(SAID, Contrast(None, LOWER.control, LOWER.difference, 1.0)) == ""
    held = number(math.nan, status="withheld")
    assert per_hundred(SAID, Contrast(held, LOWER.control, LOWER.difference, 1.0)) == ""


def test_a_significant_answer_has_direction_number_and_interval() -> None:
    assert answer(SAID, LOWER, judge(LOWER, Rule())) == (
        "People in the diverted group had proven reoffending within 12 months less often than people in the comparison group: "
        "6.0 fewer in every 100 (95% interval 4.0 to 8.0 fewer)."
    )
    assert "more often than" in answer(SAID, HIGHER, judge(HIGHER, Rule()))


def test_an_inconclusive_answer_does_not_say_that_there_is_no_effect() -> None:
    assert answer(SAID, UNSURE, judge(UNSURE, Rule())) == (
        "The study does not settle whether people in the diverted group had proven reoffending within 12 months less or more often "
        "than people in the comparison group: 2.0 fewer in every 100 (95% interval 6.0 fewer to 2.0 more)."
    )
    level = contrast(0.2, 0.2, p=0.9, low=-0.04, high=0.04)
    assert "the two came out level, counts being rounded (95% interval 4.0 fewer to 4.0 more)" in answer(
        SAID, level, judge(level, Rule())
    )


def test_an_answer_without_an_interval_leaves_it_out() -> None:
    bare = contrast(0.18, 0.24)
    assert answer(SAID, bare, judge(bare, Rule())).endswith("6.0 fewer in every 100.")


def test_a_result_that_is_withheld_or_not_estimable_gives_its_reason() -> None:
    held = Contrast(
        None, None, number(math.nan, status="withheld", reason="fewer than 10 people in an arm"), 1.0
    )
    assert answer(SAID, held, judge(held, Rule())) == "The result is withheld: fewer than 10 people in an arm."
    silent = Contrast(None, None, number(math.nan, status="withheld"), 1.0)
    assert (
        answer(SAID, silent, judge(silent, Rule())) == "The result is withheld: too few people are behind it."
    )
    gone = Contrast(None, None, number(math.nan, status="not_estimable", reason="no events"), 1.0)
    assert answer(SAID, gone, judge(gone, Rule())) == (
        "The effect on proven reoffending within 12 months could not be estimated: no events."
    )
    nothing = Contrast(None, None, None, 1.0)
    assert answer(SAID, nothing, judge(nothing, Rule())).endswith("could not be estimated.")


def test_certainty_of_a_significant_result_still_names_what_no_record_shows() -> None:
    said = certainty(LOWER, judge(LOWER, Rule()), Rule())
    assert said.startswith("Statistically significant by the rule set beforehand (p = 0.001).")
    assert "no record shows" in said


def test_certainty_of_an_inconclusive_result_gives_the_reason_and_what_could_be_detected() -> None:
    said = certainty(UNSURE, judge(UNSURE, Rule()), Rule())
    assert said.startswith("Inconclusive: the difference has p = 0.300")
    # (1.959964 + 0.841621) x 0.01 = 0.0280
    assert "a difference of about 2.8 in every 100 people or more, 80 times in 100" in said


def test_without_a_standard_error_nothing_is_said_of_what_could_be_detected() -> None:
    assert detectable(number(0.1, std_error=math.nan), Rule()) == ""
    assert detectable(number(0.1, std_error=0.0), Rule()) == ""
    bare = contrast(0.2, 0.22, p=0.3, std_error=math.nan)
    assert certainty(bare, judge(bare, Rule()), Rule()).endswith("0.05 or less.")


def test_without_a_figure_there_is_no_certainty_to_speak_of() -> None:
    nothing = Contrast(None, None, None, 1.0)
    assert certainty(nothing, judge(nothing, Rule()), Rule()).startswith("Nothing can be said")


def test_what_you_can_say_follows_the_verdict() -> None:
    assert can_say(SAID, LOWER, judge(LOWER, Rule()))[0].startswith(
        "On average, fewer people in the diverted group"
    )
    assert can_say(SAID, HIGHER, judge(HIGHER, Rule()))[0].startswith("On average, more people")
    unsure = can_say(SAID, UNSURE, judge(UNSURE, Rule()))
    assert unsure[0].endswith("The 95% interval runs from 6.0 fewer to 2.0 more.")
    assert len(unsure) == 2
    bare = contrast(0.2, 0.22, p=0.3)
    few = contrast(0.02, 0.077, p=0.002, low=-0.093, high=-0.021, events_treated=20.0)
    said = can_say(SAID, few, judge(few, Rule()))[0]
    assert said.startswith("The interval leaves out no difference, but the rule set beforehand is not met")
    assert len(can_say(SAID, bare, judge(bare, Rule()))) == 1
    nothing = Contrast(None, None, None, 1.0)
    assert can_say(SAID, nothing, judge(nothing, Rule()))[0].startswith("Who was compared with whom")


def test_what_you_cannot_say_follows_verdict_exposure_and_estimand() -> None:
    significant = cannot_say(SAID, LOWER, judge(LOWER, Rule()), "ATT")
    assert significant[0].startswith("That the whole difference is an effect")
    assert any("if everyone were treated" in line for line in significant)
    assert not any("nobody comparable" in line for line in significant)
    unsure = cannot_say(SAID, UNSURE, judge(UNSURE, Rule()), "FSATT")
    assert unsure[0] == "That there is no effect: not settled is not the same as none."
    assert "nobody comparable" in unsure[-1]
    assert not any("if everyone" in line for line in cannot_say(SAID, LOWER, judge(LOWER, Rule()), "ATE"))
    place = Said(PLACE, SAID.outcome, "12 months")
    assert any(
        "What being diverted does for a person" in s
        for s in cannot_say(place, LOWER, judge(LOWER, Rule()), "ATT")
    )
    nothing = Contrast(None, None, None, 1.0)
    assert cannot_say(SAID, nothing, judge(nothing, Rule()), "ATT") == [
        "Whether there is an effect, in either direction."
    ]


@pytest.mark.parametrize(
    ("estimand", "whom"),
    [
        ("ATT", "on the people of the diverted group."),
        ("FSATT", "on those people of the diverted group for whom someone comparable was found."),
        ("ATC", "on the people of the comparison group."),
        ("ATE", "on everyone in either group."),
        ("ATO", "on the people that the estimand ATO is about."),
    ],
)
def test_the_estimand_says_of_what_and_for_whom(estimand: str, whom: str) -> None:
    assert estimand_words(PERSON, estimand) == (
        f"Exposure of a person ({estimand}): the average effect of being in the diverted group rather than in the comparison group, {whom}"
    )


def test_the_exposure_of_a_place_is_never_worded_as_that_of_a_person() -> None:
    assert estimand_words(PLACE, "ATT") == (
        "Exposure of a place (ATT): the average effect of being arrested in scheme forces rather than in comparison forces, on the "
        "people of scheme forces, diverted or not."
    )
