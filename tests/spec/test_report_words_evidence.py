"""What stands behind the main result, in words: a test for every branch."""

from __future__ import annotations

import math

import pytest

from pdd_outcomes.report import words_evidence as say
from pdd_outcomes.report.words import Said
from tests.spec.test_report_words import SAID, number

NAIVE = number(-0.11, low=-0.12, high=-0.10)


def ratio(estimate: float, low: float, high: float, method: str = "REML, Wald"):  # type: ignore[no-untyped-def]
    return number(estimate, low=low, high=high, scale="ratio", se_method=method)


@pytest.mark.parametrize(
    ("before", "after", "ending"),
    [
        (
            -0.11,
            -0.055,
            "So 50% of the raw gap reflects who was in the diverted group, and is no effect of it.",
        ),
        (-0.03, -0.028, "Matching hardly moved it."),
        (-0.05, 0.02, "Once like is compared with like, the sign turns: the raw gap was misleading."),
        (-0.05, 0.001, "Once like is compared with like, hardly anything of the gap is left."),
        (
            -0.02,
            -0.05,
            "The raw gap hid part of the difference: the diverted group started out with the higher risk.",
        ),
        (
            0.02,
            0.05,
            "The raw gap hid part of the difference: the diverted group started out with the lower risk.",
        ),
    ],
)
def test_what_matching_did_to_the_gap(before: float, after: float, ending: str) -> None:
    said = say.naive_gap(SAID, number(before), number(after))
    assert said.startswith("Before matching, the gap was ")
    assert said.endswith(ending)


def test_a_gap_that_is_withheld_is_not_spoken_of() -> None:
    assert say.naive_gap(SAID, number(math.nan, status="withheld"), number(-0.1)) == ""


@pytest.mark.parametrize(
    ("truth", "matched", "ending"),
    [
        (-0.055, (-0.07, -0.04), "holds it, but the one before matching (10.0 to 12.0 fewer) does not."),
        (-0.105, (-0.07, -0.04), "misses it, although the one before matching (10.0 to 12.0 fewer) holds it."),
        (-0.105, (-0.11, -0.04), "holds it, and so does the one before matching (10.0 to 12.0 fewer)."),
        (-0.02, (-0.07, -0.04), "misses it, and so does the one before matching (10.0 to 12.0 fewer)."),
    ],
)
def test_whether_the_truth_was_recovered(truth: float, matched: tuple[float, float], ending: str) -> None:
    said = say.truth_words(truth, number(-0.055, low=matched[0], high=matched[1]), NAIVE)
    assert said.startswith("The true effect in this synthetic world is ")
    assert said.endswith(ending)


def test_the_truth_without_a_naive_interval_or_without_a_truth() -> None:
    matched = number(-0.055, low=-0.07, high=-0.04)
    assert say.truth_words(-0.05, matched, None).endswith(
        "The interval after matching (4.0 to 7.0 fewer) holds it."
    )
    assert say.truth_words(math.nan, matched, NAIVE) == ""
    assert say.truth_words(-0.05, number(-0.05), NAIVE) == ""


def test_the_published_force_estimates_turn_on_the_choice_of_interval() -> None:
    # methods.md section 1: Wald 0.788-0.992, Hartung-Knapp 0.774-1.010
    wald, cautious = ratio(0.8841, 0.7879, 0.9920), ratio(0.8841, 0.774, 1.010, "REML, Hartung-Knapp")
    said = say.interval_choice(wald, cautious)
    assert said.startswith(
        "The conclusion turns on the choice of interval: by Wald the interval leaves out 1, by Hartung-Knapp it does not "
        "(Wald 0.79 to 0.99; Hartung-Knapp 0.77 to 1.01)."
    )
    assert said.endswith("is the one to trust.")
    assert "trust" not in say.interval_choice(wald, cautious, advise=False)


def test_intervals_that_agree_say_so() -> None:
    assert say.interval_choice(ratio(0.8, 0.7, 0.9), ratio(0.8, 0.6, 0.95)).startswith(
        "Both intervals leave out 1"
    )
    assert say.interval_choice(ratio(0.95, 0.8, 1.1), ratio(0.95, 0.7, 1.2)).startswith(
        "Both intervals include 1, so the direction is not settled"
    )
    assert say.interval_choice(ratio(0.95, math.nan, 1.1), ratio(0.95, 0.7, 1.2)) == ""


def test_hartung_knapp_can_be_the_narrower_one() -> None:
    said = say.interval_choice(ratio(0.9, 0.8, 1.01), ratio(0.9, 0.82, 0.99))
    assert "by Hartung-Knapp the interval leaves out 1, by Wald it does not" in said


def test_a_limit_next_to_1_is_not_printed_as_1() -> None:
    assert say.shown_interval(ratio(0.9, 0.829, 1.004)) == "0.829 to 1.004"
    assert say.shown_interval(number(-0.03, low=-0.046, high=-0.007)) == "−4.6 to −0.7"
    assert say.shown_interval(number(20.0, low=2.7, high=48.9, scale="days")) == "2.70 to 48.90"


def test_where_a_new_force_may_lie() -> None:
    assert say.prediction_words(ratio(0.88, 0.59, 1.32)).endswith("absent or the other way round.")
    assert say.prediction_words(ratio(0.8, 0.7, 0.9)).endswith(
        "0.70 to 0.90, on the same side of 1 as the average."
    )
    assert say.prediction_words(number(-0.03, low=-0.05, high=-0.01)).endswith(
        "on the same side of 0 as the average."
    )
    assert say.prediction_words(ratio(0.8, math.nan, 0.9)) == ""


@pytest.mark.parametrize(
    ("i2", "share"), [(0.1, "little"), (0.45, "a moderate part"), (0.865, "most"), (86.5, "most")]
)
def test_how_much_forces_differ(i2: float, share: str) -> None:
    said = say.spread_words(9, i2, 6e-10)
    assert said.startswith(f"Over 9 forces, {share} of the variation")
    assert "(p below 0.001 for no difference between forces)" in said


def test_heterogeneity_without_figures_is_not_spoken_of() -> None:
    assert say.spread_words(9, math.nan, 0.1) == ""
    assert say.spread_words(9, 0.5, math.nan).endswith("I² 50%.")


@pytest.mark.parametrize(
    ("ratios", "ending"),
    [
        ((0.51, 0.66, 0.76), "the difference fades with time, and one overall ratio would mislead."),
        ((0.66, 0.75, 1.003), "the difference fades with time, and one overall ratio would mislead."),
        ((0.9, 0.8, 0.7), "the difference grows with time, and one overall ratio would mislead."),
        ((0.8, 0.9, 0.7), "it follows no steady course."),
        ((0.8, 0.9, 1.2), "it follows no steady course."),
    ],
)
def test_how_the_hazard_ratio_moves(ratios: tuple[float, ...], ending: str) -> None:
    hazards = [ratio(r, r / 1.05, r * 1.05) for r in ratios]
    said = say.waning_words(list(zip(("first 3 months", "3 to 12 months", "12 to 36 months"), hazards)))
    assert said.endswith(ending)


def test_no_course_is_claimed_of_hazard_ratios_that_all_hold_1() -> None:
    hazards = [ratio(r, r / 1.3, r * 1.3) for r in (0.89, 0.95, 0.99)]
    said = say.waning_words(list(zip(("first 3 months", "3 to 12 months", "12 to 36 months"), hazards)))
    assert said.endswith("no period tells it from 1.")


@pytest.mark.parametrize(
    "hazards",
    [
        [ratio(0.7, 0.4, 1.2), ratio(0.8, 0.7, 0.9)],
        [ratio(0.85, 0.76, 0.95), ratio(0.98, 0.85, 1.13)],  # significant here, not there: not a difference
    ],
)
def test_no_fading_is_claimed_of_periods_that_chance_could_part(hazards) -> None:  # type: ignore[no-untyped-def]
    said = say.waning_words(list(zip(("first 3 months", "3 to 12 months"), hazards)))
    assert said.endswith("too uncertain, to tell a course.")


def test_one_period_says_nothing_of_time() -> None:
    assert (
        say.waning_words([("first 3 months", ratio(0.5, 0.4, 0.6)), ("3 to 12 months", ratio(*3 * [math.nan]))])
        == ""
    )


def test_proportional_hazards_in_words() -> None:
    assert say.proportional_words(0.0008, 0.05).startswith(
        "The ratio of hazards changes over time (p below 0.001)"
    )
    assert say.proportional_words(0.3, 0.05).startswith("No sign that")
    assert say.proportional_words(math.nan, 0.05) == ""


@pytest.mark.parametrize(
    ("matching", "words"),
    [
        (
            say.Matching(500, 500, 0, 900, 500),
            "Of 500 people in the diverted group, all were matched, from a pool of 900 people in the comparison group.",
        ),
        (
            say.Matching(203, 142, 61, 900, 142),
            "Of 203 people in the diverted group, 142 (70%) were matched, from a pool of 900 people in the comparison group; for 61 "
            "nobody comparable was found, and the result does not speak for them.",
        ),
        (
            say.Matching(500, 495, math.nan, 900, 495),
            "Of 500 people in the diverted group, all but a few were matched, from a pool of 900 people in the comparison group; how many "
            "were not is withheld, to protect them.",
        ),
        (
            say.Matching(500, 500, 0, math.nan, 500),
            "Of 500 people in the diverted group, all were matched, from the comparison group, whose size is withheld.",
        ),
        (
            say.Matching(math.nan, math.nan, 0, 900, 500),
            "How many of the diverted group were matched is withheld, because too few are behind a number.",
        ),
    ],
)
def test_everyone_matched_and_lost(matching: say.Matching, words: str) -> None:
    # 142 of 203 is a published Data Lab report's figure (methods.md section 10)
    assert say.matched_words(Said(SAID.analysis, SAID.outcome, ""), matching) == words


@pytest.mark.parametrize(
    ("gate", "limit", "value", "passed", "words"),
    [
        (
            "max_smd",
            0.1,
            0.043,
            True,
            "largest standardised difference after matching must be at most 0.1; it is 0.043: passed.",
        ),
        (
            "max_smd",
            0.1,
            0.23,
            False,
            "largest standardised difference after matching must be at most 0.1; it is 0.230: not passed.",
        ),
        (
            "min_ess",
            200,
            3855,
            True,
            "effective number of comparison people must be at least 200; it is 3,855: passed.",
        ),
        (
            "min_ess",
            200,
            math.nan,
            False,
            "effective number of comparison people must be at least 200; it is withheld: not passed.",
        ),
    ],
)
def test_a_gate_in_a_sentence(gate: str, limit: float, value: float, passed: bool, words: str) -> None:
    assert say.gate_words(gate, limit, value, passed) == f"The {words}"


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (
            (9, 0, 13),
            "Before matching the groups differed by more than 0.1 standard deviations on 9 of 13 traits; after matching on none.",
        ),
        (
            (9, 1, 13),
            "Before matching the groups differed by more than 0.1 standard deviations on 9 of 13 traits; after matching still on 1.",
        ),
        (
            (0, 0, 13),
            "The groups differed by more than 0.1 standard deviations on none of 13 traits, before matching or after.",
        ),
        ((0, 0, 0), ""),
    ],
)
def test_balance_in_a_sentence(counts: tuple[int, int, int], words: str) -> None:
    assert say.balance_words(*counts, 0.1) == words
