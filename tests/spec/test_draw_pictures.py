"""Curves, love plots, overlap and forests: a frame in, an Axes out, and the same frame in words."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pdd_outcomes.core.draw import (
    arm_style,
    curves_alt,
    draw_curves,
    draw_forest,
    draw_love,
    draw_overlap,
    forest_alt,
    love_alt,
    overlap_alt,
)


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    pyplot.close("all")


CURVES = pd.DataFrame(
    {
        "group": ["diverted"] * 3 + ["prosecuted"] * 3,
        "time": [0.0, 6.0, 12.0] * 2,
        "estimate": [1.0, 0.9, 0.82, 1.0, 0.85, 0.71],
        "conf_low": [1.0, 0.88, 0.8, 1.0, 0.83, 0.69],
        "conf_high": [1.0, 0.92, 0.84, 1.0, 0.87, 0.73],
    }
)
LOVE = pd.DataFrame(
    {
        "covariate": ["age", "prior offences", "sex"],
        "smd_unadjusted": [-0.35, 0.42, 0.05],
        "smd": [-0.04, 0.12, 0.01],
    }
)
OVERLAP = pd.DataFrame(
    {
        "arm": ["treated"] * 3 + ["control"] * 3,
        "bin_low": [0.0, 0.1, 0.2] * 2,
        "bin_high": [0.1, 0.2, 0.3] * 2,
        "share": [0.2, 0.5, 0.3, 0.6, 0.4, np.nan],
    }
)
FOREST = pd.DataFrame(
    [
        ("Alder", "study", 0.88, 0.79, 0.99, ""),
        ("Birch", "study", 1.14, 1.01, 1.30, ""),
        ("Cedar", "not_estimable", np.nan, np.nan, np.nan, "no events among the treated"),
        ("Pooled", "pooled", 0.95, 0.8, 1.1, ""),
        ("New force", "prediction", 0.95, 0.6, 1.4, ""),
    ],
    columns=["label", "kind", "estimate", "conf_low", "conf_high", "reason"],
)


def axes(width: float = 7.2) -> Axes:
    return Figure(figsize=(width, 4), layout="constrained").subplots()


def said(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts if text.get_text()]


@pytest.mark.parametrize(
    ("draw", "frame"),
    [(draw_curves, CURVES), (draw_love, LOVE), (draw_overlap, OVERLAP), (draw_forest, FOREST)],
)
def test_a_picture_is_drawn_on_the_axes_given_or_on_new_ones(draw, frame) -> None:  # type: ignore[no-untyped-def]
    given = axes()
    assert draw(frame, given) is given
    made = draw(frame)
    assert isinstance(made, Axes)
    assert made is not given


def test_risk_is_one_minus_survival_in_per_cent_as_steps() -> None:
    ax = draw_curves(CURVES, axes())
    line = ax.lines[0]
    assert line.get_drawstyle() == "steps-post"
    assert np.asarray(line.get_ydata()) == pytest.approx([0, 10, 18])
    assert ax.get_title(loc="left") == "Cumulative risk"
    survival = draw_curves(CURVES, axes(), y="survival")
    assert np.asarray(survival.lines[0].get_ydata()) == pytest.approx([100, 90, 82])
    assert survival.get_ylim() == (0, 100)


def test_curves_that_begin_with_their_first_event_begin_at_time_zero() -> None:
    ax = draw_curves(CURVES[CURVES["time"] > 0], axes())
    assert np.asarray(ax.lines[0].get_xdata()) == pytest.approx([0, 6, 12])
    assert np.asarray(ax.lines[0].get_ydata()) == pytest.approx([0, 10, 18])


def test_curves_are_labelled_at_their_ends_and_have_no_legend() -> None:
    ax = draw_curves(CURVES, axes(), labels={"diverted": "Diverted people"})
    assert said(ax) == ["Diverted people", "18.0%", "prosecuted", "29.0%"]
    assert ax.get_legend() is None
    assert said(draw_curves(CURVES, axes(), ends=False)) == []


def test_the_treated_come_first_in_the_colours() -> None:
    ax = draw_curves(CURVES, axes())
    assert [line.get_color() for line in ax.lines[:2]] == [arm_style(0).colour, arm_style(1).colour]


def test_pictures_of_a_set_can_share_a_scale() -> None:
    assert draw_curves(CURVES, axes(), top=55.0).get_ylim()[1] == 60


def test_curves_in_words_give_each_group_at_each_time() -> None:
    assert curves_alt(CURVES, at=[6, 12], unit="months") == (
        "Step curves of cumulative risk with interval bands for 2 groups. diverted: 10.0% at 6 months, 18.0% at 12 months. "
        "prosecuted: 15.0% at 6 months, 29.0% at 12 months."
    )
    assert curves_alt(CURVES, at=[60], labels={"diverted": "Diverted"}).startswith(
        "Step curves of cumulative risk with interval bands for 2 groups. Diverted: 18.0% at 12."
    )


def test_a_love_plot_is_sorted_by_the_differences_before() -> None:
    ax = draw_love(LOVE, axes())
    assert said(ax) == ["age", "sex", "prior offences"]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["Before matching", "After matching"]
    ruled = {line.get_xdata()[0] for line in ax.lines if len(set(line.get_xdata())) == 1}
    assert {-0.1, 0.0, 0.1} <= ruled


def test_a_covariate_whose_differences_are_withheld_says_so() -> None:
    hidden = LOVE.assign(smd_unadjusted=[np.nan, 0.42, 0.05], smd=[np.nan, 0.12, 0.01])
    assert "not shown" in said(draw_love(hidden, axes()))


def test_a_love_plot_in_words_counts_and_names_the_worst() -> None:
    assert love_alt(LOVE) == (
        "Love plot of 3 covariates. Standardised differences above 0.1 in size: 2 before and 1 after. "
        "Largest after: prior offences, 0.12."
    )
    assert love_alt(LOVE.assign(smd=np.nan)).endswith("2 before and 0 after.")


def test_overlap_is_mirrored_and_a_withheld_bin_is_empty() -> None:
    ax = draw_overlap(OVERLAP, axes())
    heights = [round(bar.get_height(), 6) for bar in ax.patches]
    assert heights == [20, 50, 30, -60, -40, 0]
    assert said(ax) == ["treated", "control"]


def test_overlap_in_words_gives_the_peaks_and_the_share_in_common() -> None:
    assert overlap_alt(OVERLAP) == (
        "Back-to-back histograms of the score. treated: most often 0.1 to 0.2 (50%). control: most often 0 to 0.1 (60%). "
        "The histograms share 60% of their area."
    )
    gone = OVERLAP.assign(share=OVERLAP["share"].where(OVERLAP["arm"] == "treated"))
    assert "control: withheld." in overlap_alt(gone)


def test_a_forest_puts_numbers_at_the_right_and_a_reason_where_there_is_none() -> None:
    words = said(draw_forest(FOREST, axes(), sides=("lower", "higher")))
    assert words[:5] == ["Alder", "Birch", "Cedar", "Pooled", "New force"]
    assert "0.88 (0.79 to 0.99)" in words
    assert "no events among the treated" in words
    assert "(0.60 to 1.40)" in words
    assert words[-2:] == ["← lower", "higher →"]


def test_on_a_phone_the_numbers_stand_under_the_label() -> None:
    words = said(draw_forest(FOREST, axes(width=3.4)))
    assert words[:4] == ["Alder", "0.88 (0.79 to 0.99)", "Birch", "1.14 (1.01 to 1.30)"]


def test_a_value_without_an_interval_is_a_value_alone() -> None:
    exact = pd.DataFrame([("Truth", "study", -2.6, -2.6, -2.6)], columns=list(FOREST.columns[:5]))
    assert "−2.6" in said(draw_forest(exact, axes(), null=0.0, log=False, digits=1))


def test_very_wide_limits_are_cut_and_marked_and_do_not_squeeze_the_rest() -> None:
    wide = FOREST.assign(conf_high=[0.99, 1e6, np.nan, 1.1, 1.4])
    ax = draw_forest(wide, axes())
    assert ax.get_xlim()[1] < 100
    assert ">" in {line.get_marker() for line in ax.lines}


def test_a_forest_in_words_gives_range_sides_and_pooled() -> None:
    assert forest_alt(FOREST) == (
        "Forest plot of 2 estimates. They run from 0.88 to 1.14; 1 lie below 1, and 2 of the intervals do not hold 1. "
        "Pooled: 0.95 (0.80 to 1.10). New force: (0.60 to 1.40). Not estimable: 1."
    )
