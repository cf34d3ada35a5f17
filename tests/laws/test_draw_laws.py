"""Labels that are moved apart."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pdd_outcomes.core.draw.style import spread

places = st.lists(st.floats(0, 100), min_size=1, max_size=8)


@given(places, st.floats(0.1, 12))
def test_labels_stay_in_order_and_inside_the_picture(at: list[float], gap: float) -> None:
    moved = spread(at, gap, 0, 100)
    order = np.argsort(at, kind="stable")
    assert (np.diff(moved[order]) >= -1e-9).all()
    assert (moved >= 0).all()
    assert (moved <= 100).all()


@given(st.lists(st.floats(0, 100), min_size=2, max_size=6))
def test_labels_end_up_far_enough_apart_where_there_is_room(at: list[float]) -> None:
    moved = np.sort(spread(at, 5, 0, 100))
    assert (np.diff(moved) >= 5 * 0.9).all()


@given(st.floats(10, 90), st.floats(6, 50))
def test_labels_that_do_not_touch_are_not_moved(low: float, apart: float) -> None:
    at = [low, min(low + apart, 100.0)]
    if at[1] - at[0] >= 5:
        assert np.allclose(spread(at, 5, 0, 100), at)
