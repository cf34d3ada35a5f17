"""Numbers and labels as a reader sees them."""

from __future__ import annotations

import doctest

import pytest

from pdd_outcomes.report import formats


@pytest.mark.parametrize(
    ("x", "places", "shown"),
    [
        (1234.5, 1, "1,234.5"),
        (-0.04, 1, "0.0"),
        (-2.75, 1, "−2.8"),
        (0.0, 2, "0.00"),
        (-1234567, 0, "−1,234,567"),
    ],
)
def test_numbers_have_a_true_minus_and_separated_thousands(x: float, places: int, shown: str) -> None:
    assert formats.fixed(x, places) == shown


def test_probabilities_of_a_test_are_never_zero() -> None:
    assert formats.p_cell(3e-9) == "<0.001"
    assert formats.p_words(3e-9) == "p below 0.001"
    assert formats.p_cell(0.0361) == "0.036"
    assert formats.p_words(0.0361) == "p = 0.036"


@pytest.mark.parametrize(
    ("values", "places"),
    [((0.88, 0.79, 0.99), 2), ((0.91, 0.829, 1.004), 3), ((1.0, 0.8, 1.2), 2), ((0.9, 0.8, 0.997), 3)],
)
def test_a_ratio_that_is_not_1_never_prints_as_1(values: tuple[float, float, float], places: int) -> None:
    assert formats.ratio_places(values) == places


def test_a_ratio_with_its_interval_has_the_same_decimals_throughout() -> None:
    assert formats.ratios(0.912, 0.829, 1.004) == "0.912 (0.829 to 1.004)"
    assert formats.ratios(0.8841, 0.7879, 0.992) == "0.88 (0.79 to 0.99)"


@pytest.mark.parametrize(
    ("time", "unit", "words"),
    [
        (365, "days", "12 months"),
        (91, "days", "3 months"),
        (730, "days", "24 months"),
        (1095, "days", "36 months"),
        (30, "days", "1 month"),
        (100, "days", "100 days"),
        (1, "days", "1 day"),
        (12, "months", "12 months"),
        (1, "months", "1 month"),
    ],
)
def test_days_that_make_months_are_called_months(time: float, unit: str, words: str) -> None:
    assert formats.duration(time, unit) == words


@pytest.mark.parametrize(
    ("label", "did"),
    [
        ("return to prison", "returned to prison"),
        ("Return to prison", "returned to prison"),
        ("entry into drug treatment", "entered drug treatment"),
        ("proven reoffending", "had proven reoffending"),
        ("proven reoffending other than drug possession", "had proven reoffending other than drug possession"),
        ("reoffending", "had reoffending"),
        ("a proven reoffence", "had a proven reoffence"),
        ("any hospital episode", "had any hospital episode"),
        ("death", "died"),
        ("custody", "had the outcome (custody)"),
    ],
)
def test_an_outcome_is_something_people_did(label: str, did: str) -> None:
    assert formats.did(label) == did


@pytest.mark.parametrize(
    ("label", "exposed", "comparison"),
    [
        ("Diverted", "the diverted group", "the comparison group"),
        ("No work release", "the no work release group", "the comparison group"),
        ("Scheme forces", "scheme forces", "scheme forces"),
        ("NHS referral", "the NHS referral group", "the comparison group"),
    ],
)
def test_groups_in_a_sentence(label: str, exposed: str, comparison: str) -> None:
    assert formats.exposed_group(label) == exposed
    assert formats.comparison_group(label) == comparison


def test_lists_and_sentences() -> None:
    assert formats.series([]) == ""
    assert formats.series(["a"]) == "a"
    assert formats.series(["a", "b", "c"]) == "a, b and c"
    assert formats.sentence("nearest neighbour, exactly on force") == "Nearest neighbour, exactly on force."
    assert formats.sentence("Done.") == "Done."
    assert formats.sentence("  ") == ""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("prior_offences", "prior offences"),
        ("sex[male]", "sex: male"),
        ("C(imd_quintile)[T.1]", "imd quintile: 1"),
        ("offence_group[possession_class_a]", "offence group: possession class a"),
        ("Age (months)", "Age (months)"),
        ("Released under supervision", "Released under supervision"),
    ],
)
def test_names_of_covariates_read_as_words(name: str, words: str) -> None:
    assert formats.readable(name) == words


def test_the_examples_in_the_module_hold() -> None:
    assert doctest.testmod(formats).failed == 0
