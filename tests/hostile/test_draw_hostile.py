"""Frames and labels that would break a picture."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from pdd_outcomes.core.draw import draw_curves, draw_forest, draw_love, draw_overlap
from pdd_outcomes.core.errors import DataError, UsageError

LABELS = ["$x^2$ and $", "<script>alert(1)</script>", "שלום עולם", "x" * 5000, "", "a\nb"]


@pytest.mark.parametrize("label", LABELS)
def test_a_label_from_the_data_is_shown_as_typed_whatever_it_holds(label: str) -> None:
    forest = pd.DataFrame(
        [(label, "study", 0.9, 0.8, 1.0), ("ok", "pooled", 0.9, 0.8, 1.0)],
        columns=["label", "kind", "estimate", "conf_low", "conf_high"],
    )
    love = pd.DataFrame({"covariate": [label], "smd_unadjusted": [0.2], "smd": [0.0]})
    curves = pd.DataFrame(
        {"group": [label], "time": [1.0], "estimate": [0.9], "conf_low": [0.8], "conf_high": [1.0]}
    )
    for draw, frame in ((draw_forest, forest), (draw_love, love), (draw_curves, curves)):
        figure = Figure(layout="constrained")
        draw(frame, figure.subplots())
        figure.draw_without_rendering()


def test_an_unknown_scale_lists_the_known() -> None:
    with pytest.raises(UsageError, match="'risk', 'survival'"):
        draw_curves(pd.DataFrame(), y="hazard")  # type: ignore[arg-type]


@pytest.mark.parametrize("draw", [draw_curves, draw_forest, draw_love, draw_overlap])
def test_an_empty_frame_is_an_error_that_names_its_columns(draw) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match="no rows"):
        draw(pd.DataFrame())


def test_a_ratio_of_zero_cannot_stand_on_a_logarithmic_axis() -> None:
    frame = pd.DataFrame(
        [("a", "study", 0.5, 0.0, 1.0)], columns=["label", "kind", "estimate", "conf_low", "conf_high"]
    )
    with pytest.raises(DataError, match="log=False"):
        draw_forest(frame)


def test_an_unknown_kind_of_row_lists_the_known() -> None:
    frame = pd.DataFrame(
        [("a", "total", 0.5, 0.4, 1.0)], columns=["label", "kind", "estimate", "conf_low", "conf_high"]
    )
    with pytest.raises(DataError, match="not_estimable"):
        draw_forest(frame)


def test_overlap_needs_two_arms() -> None:
    frame = pd.DataFrame({"arm": ["a"], "bin_low": [0.0], "bin_high": [0.1], "share": [1.0]})
    with pytest.raises(DataError, match="two values"):
        draw_overlap(frame)


def test_nothing_but_missing_limits_is_a_line_without_a_band() -> None:
    frame = pd.DataFrame(
        {"group": "a", "time": [0.0, 1.0], "estimate": [1.0, 0.8], "conf_low": np.nan, "conf_high": np.nan}
    )
    figure = Figure(layout="constrained")
    ax = draw_curves(frame, figure.subplots())
    figure.draw_without_rendering()
    assert ax.get_ylim()[1] >= 20
