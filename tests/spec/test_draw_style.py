"""One look for every picture, readable without colour and without side effects."""

from __future__ import annotations

import itertools

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib.figure import Figure

from pdd_outcomes.core.draw import arm_style, draw_curves, house_style, style
from pdd_outcomes.core.errors import DataError


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_every_arm_stands_out_from_the_page_and_from_its_neighbour() -> None:
    looks = [arm_style(i) for i in range(4)]
    for look, after in itertools.pairwise(looks):
        assert contrast(look.colour, "#FFFFFF") >= 3
        assert contrast(look.colour, after.colour) >= 3


def test_text_has_the_contrast_that_text_needs() -> None:
    for colour in (style.TEXT, style.MUTED):
        assert contrast(colour, "#FFFFFF") >= 4.5
    assert contrast(style.MUTED, "#EDEDED") >= 4.5  # the grey row of a forest


def test_arms_differ_in_more_than_colour() -> None:
    for part in ("dash", "marker", "hatch"):
        assert len({str(getattr(arm_style(i), part)) for i in range(4)}) == 4


def test_no_two_of_sixteen_groups_look_the_same() -> None:
    assert len({(look.colour, str(look.dash)) for look in (arm_style(i) for i in range(16))}) == 16


def test_estimates_do_not_borrow_the_colours_of_the_arms() -> None:
    arms = {arm_style(0).colour, arm_style(1).colour}
    assert not arms & {style.BEFORE, style.RESULT}


def test_global_settings_are_as_they_were_after_drawing() -> None:
    before = dict(mpl.rcParams)
    frame = pd.DataFrame(
        {"group": ["a"], "time": [1.0], "estimate": [0.9], "conf_low": [0.8], "conf_high": [0.95]}
    )
    with house_style():
        draw_curves(frame, Figure().subplots())
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("words", "lines", "shown"),
    [
        ("short", 2, "short"),
        ("a label of several words", 2, "a label of\nseveral words"),
        ("a label of very many words indeed", 2, "a label of\nvery many…"),
        ("Unbreakablelabel", 1, "Unbreakablel…"),
        ("  spaces \n and lines ", 2, "spaces and\nlines"),
        ("", 2, ""),
    ],
)
def test_labels_wrap_and_end_in_an_ellipsis(words: str, lines: int, shown: str) -> None:
    assert style.wrapped(words, 13, lines) == shown


@pytest.mark.parametrize(
    ("x", "digits", "shown"), [(-0.04, 1, "0.0"), (-0.05, 2, "−0.05"), (1.234, 2, "1.23"), (0.0, 0, "0")]
)
def test_numbers_have_a_true_minus_and_no_negative_zero(x: float, digits: int, shown: str) -> None:
    assert style.fixed(x, digits) == shown


def test_a_frame_without_its_columns_is_one_error_that_names_them_all() -> None:
    frame = pd.DataFrame({"group": [], "estimates": []})
    with pytest.raises(DataError) as wrong:
        style.need(frame, ("group", "arm", "estimate"), "curves")
    assert wrong.value.problems == (
        "curves: the frame has no column 'arm'.",
        "curves: the frame has no column 'estimate'. Did you mean 'estimates'?",
        "curves: the frame has no rows, so there is nothing to draw.",
    )
