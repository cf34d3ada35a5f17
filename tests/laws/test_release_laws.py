"""What holds for every table: nothing hidden can be had by subtraction, and what is shown adds up."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from pdd_outcomes.release.balance import release_balance
from pdd_outcomes.release.curves import release_curve
from pdd_outcomes.release.estimates import release_estimates
from pdd_outcomes.release.rounding import round_count
from pdd_outcomes.release.suppress import complete_line, small
from pdd_outcomes.release.tables import release_flow, release_overlap
from tests.disclosure.release_examples import (
    SETTINGS,
    Settings,
    counts_of,
    curve_counts,
    estimate_rows,
    flow,
    matching_rows,
)

COUNTS = st.integers(0, 60) | st.integers(0, 40_000)


@given(st.lists(COUNTS, min_size=1), st.sampled_from([3, 5, 6, 7, 10]))
def test_rounding_stays_within_half_a_base_keeps_the_order_and_is_the_same_twice(
    counts: list[int], base: int
) -> None:
    values = np.sort(np.asarray(counts, dtype=float))
    rounded = round_count(values, base)
    assert (np.abs(rounded - values) <= base / 2).all()
    assert (np.diff(rounded) >= 0).all()
    np.testing.assert_array_equal(round_count(rounded, base), rounded)


@given(st.lists(COUNTS, min_size=1, max_size=6), COUNTS, st.lists(COUNTS, min_size=1, max_size=3))
def test_the_flow_adds_up_after_rounding_and_no_number_in_it_is_under_the_threshold(
    first: list[int], left: int, then: list[int]
) -> None:
    raw = pd.concat([flow(first, left + sum(then)), flow(then, left, stream="person")], ignore_index=True)
    released = release_flow(raw, SETTINGS)
    numbers = released[["n_in", "n_excluded", "n_out"]].to_numpy(dtype=float)
    assert not ((numbers > 0) & (numbers < 10)).any()
    filled = np.nan_to_num(numbers)
    np.testing.assert_array_equal(filled[:, 0] - filled[:, 1], filled[:, 2])
    for _, rows in released.groupby("stream", sort=False):
        chain = rows[["n_in", "n_out"]].fillna(0).to_numpy(dtype=float)
        np.testing.assert_array_equal(chain[:-1, 1], chain[1:, 0])


@given(st.lists(COUNTS, min_size=1, max_size=6), st.integers(10, 40_000), st.integers(1, 9))
def test_the_released_flow_is_the_same_whatever_a_suppressed_exclusion_was(
    excluded: list[int], left: int, other: int
) -> None:
    changed = [other if 1 <= n <= 9 else n for n in excluded]
    released = [release_flow(flow(cells, left), SETTINGS) for cells in (excluded, changed)]
    pd.testing.assert_frame_equal(*released)


@pytest.mark.parametrize("zeros_hidden", [False, True])
def test_no_hidden_cell_of_a_line_can_be_solved_for_even_from_an_exact_total_and_exact_neighbours(
    zeros_hidden: bool,
) -> None:
    """Every line of four cells of 0..8 at threshold 4. The intruder knows what the hidden cells add up to, exactly, and
    that at least one of them is under the threshold; not how the others were chosen. (Where every hidden cell is
    1 only the rounding of the total protects them.)
    """
    threshold, least = 4, 0 if zeros_hidden else 1

    @cache
    def possible(cells: int, total: int) -> int:
        """How many values a hidden cell could have; the cells are alike, so the first speaks for all."""
        each = product(range(least, total + 1), repeat=cells)
        return len({line[0] for line in each if sum(line) == total and min(line) < threshold})

    for line in product(range(9), repeat=4):
        counts = np.asarray(line, dtype=float)
        first = counts < threshold if zeros_hidden else small(counts, threshold)
        hidden = complete_line(counts, first, threshold)
        if hidden.any() and counts.sum() >= threshold:  # a smaller total is not shown
            assert possible(int(hidden.sum()), int(counts[hidden].sum())) > 1 or counts[hidden].max() == 1, line


@given(st.lists(st.integers(0, 30), min_size=10, max_size=10))
def test_a_histogram_hides_at_least_two_bins_or_none_and_its_hidden_bins_hold_enough_people(
    counts: list[int],
) -> None:
    edges = np.arange(10) / 10
    keys = {"analysis": "a", "group": "all", "sample": "before", "arm": "treated"}
    raw = pd.DataFrame({"bin_low": edges, "bin_high": edges + 0.1, "count": np.asarray(counts, float)}).assign(
        **keys
    )
    released = release_overlap(raw, SETTINGS)["count"].to_numpy(dtype=float)
    hidden = np.isnan(released)
    held = np.asarray(counts)[hidden].sum()
    assert not ((released > 0) & (released < 10)).any()
    assert not hidden.any() or (hidden.sum() >= 2 and held >= 10) or hidden[np.asarray(counts) > 0].all()


@given(st.integers(200, 900), st.floats(0.0003, 0.004), st.integers(0, 2**32 - 1), st.sampled_from([5, 6, 7]))
@settings(max_examples=40, deadline=None)
def test_a_curve_moves_in_whole_bases_and_follows_from_its_own_columns(
    n: int, hazard: float, seed: int, base: int
) -> None:
    raw = curve_counts(n, np.random.default_rng(seed), hazard=hazard)
    curve = release_curve(raw, Settings(rounding=base), time_unit="days")
    if not isinstance(curve, pd.DataFrame):
        return
    survival, n_risk = curve["survival"].to_numpy(), curve["n_risk"].to_numpy()
    assert (n_risk >= 30).all()
    for column in ("events", "censored"):
        shown = curve[column].dropna().to_numpy()
        assert not ((shown > 0) & (shown < 10 - base // 2)).any()
        np.testing.assert_array_equal(np.diff(shown[shown > 0]) % base, 0)
    whole = curve[["events", "censored"]].notna().all(axis=1).to_numpy()
    events, censored = (curve[c].to_numpy() for c in ("events", "censored"))
    at_risk = np.append(np.nan, n_risk[:-1]) - np.diff(censored, prepend=0) / 2
    followed = whole & np.append(False, whole[:-1])
    step = 1 - np.diff(events, prepend=0) / at_risk
    np.testing.assert_allclose(
        survival[followed], (np.append(np.nan, survival[:-1]) * step)[followed], atol=2e-6
    )


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_nobodys_own_day_is_in_a_curve(seed: int) -> None:
    """Moving everyone to another day of the same month changes nothing."""
    rng = np.random.default_rng(seed)
    month, event = rng.integers(0, 30, 600), rng.random(600) < 0.5
    last = np.round((month + 1) * 365 / 12)
    times = [last - rng.integers(1, 29, 600) for _ in range(2)]
    curves = []
    for time in times:
        time[0], event[0] = 915.0, False  # the longest follow-up sets the end of the grid
        curves.append(release_curve(counts_of(time, event), SETTINGS, time_unit="days"))
    pd.testing.assert_frame_equal(*curves)


def test_a_curve_of_many_people_is_close_to_kaplan_meier() -> None:
    for months in (False, True):
        raw = curve_counts(4000, np.random.default_rng(5), months=months)
        exact = np.cumprod(1 - raw["n_event"] / raw["n_risk"])
        curve = release_curve(raw, SETTINGS, time_unit="months" if months else "days")
        assert isinstance(curve, pd.DataFrame)
        curve = curve[curve["n_risk"] > 200]
        at = np.searchsorted(raw["time"], curve["time"], side="right")
        gap = np.append(1.0, exact)[at] - curve["survival"]
        assert np.abs(gap).max() < 0.006
        assert abs(gap.mean()) < 0.002


@given(st.integers(30, 4000), st.integers(30, 4000), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_a_released_risk_says_no_more_than_the_released_counts(n1: int, n0: int, p1: float, p0: float) -> None:
    events = (round(p1 * n1), round(p0 * n0))
    rows = release_estimates(estimate_rows("all", (n1, n0), events), SETTINGS).set_index("measure")
    few = any(e < 10 or n - e < 10 for e, n in zip(events, (n1, n0)))
    assert (rows["status"] == ("withheld" if few else "ok")).all()
    if few:
        assert rows[["estimate", "std_error", "conf_low", "conf_high", "p_value"]].isna().all(axis=None)
        assert (
            rows["events_treated" if events[0] < 10 or n1 - events[0] < 10 else "events_control"].isna().all()
        )
        return
    expected = [round_count(e, 5) / round_count(n, 5) for e, n in zip(events, (n1, n0))]
    released = rows.loc[["risk_treated", "risk_control"], "estimate"].to_numpy(dtype=float)
    np.testing.assert_allclose(released, expected, rtol=6e-6)  # six figures are written
    assert rows.loc["risk_difference", "estimate"] == pytest.approx(expected[0] - expected[1], abs=6e-6)
    # p is of the released numbers: with the error it gives back the released difference and not the true one.
    said = rows.loc["risk_difference"]
    z = abs(said["estimate"]) / said["std_error"]
    assert said["p_value"] == pytest.approx(2 * norm.sf(z), abs=6e-4)


@given(st.integers(60, 20_000), st.floats(0.2, 0.8))
@settings(max_examples=40, deadline=None)
def test_a_standard_error_does_not_give_the_number_of_people_back(n: int, p: float) -> None:
    """Solving p(1 - p) / s^2 for the number of people: those with the same released s span a whole base."""
    row = estimate_rows("x", (n, n), (round(p * n), round(p * n))).iloc[:1]
    others = n + np.linspace(-15, 15, 61)
    raw = pd.concat([row] * len(others), ignore_index=True).assign(group=[str(i) for i in range(len(others))])
    released = release_estimates(raw.assign(std_error=np.sqrt(p * (1 - p) / others)), SETTINGS)["std_error"]
    alike = others[released == released[30]]
    assert alike[-1] - alike[0] >= SETTINGS.rounding - 1


@given(st.integers(0, 1237), st.integers(0, 1237), st.integers(0, 3757))
def test_a_proportion_in_the_balance_table_is_a_rounded_count_over_a_rounded_number(
    m1: int, m0: int, before: int
) -> None:
    raw = pd.DataFrame(
        {
            "analysis": ["person"],
            "group": ["all"],
            "covariate": ["x"],
            "mean_treated": [m1 / 1237],
            "mean_control": [m0 / 1237],
            "smd_unadjusted": [0.1234],
            "smd": [0.0123],
            "variance_ratio": [1.01],
            "ecdf_max": [abs(m1 - m0) / 1237],
            "mean_control_before": [before / 3757],
            "mean_dropped": [np.nan],
        }
    )
    row = release_balance(raw, matching_rows(), SETTINGS).iloc[0]
    few = any(m < 10 or n - m < 10 for m, n in ((m1, 1237), (m0, 1237), (before, 3757)))
    means = row[["mean_treated", "mean_control", "mean_control_before", "ecdf_max", "variance_ratio"]]
    assert means.isna().all() if few else means.notna().all()
    if not few:
        implied = np.array(
            [row["mean_treated"] * 1235, row["mean_control"] * 1235, row["mean_control_before"] * 3755]
        )
        np.testing.assert_allclose(implied, round_count([m1, m0, before], 5), atol=1e-6)
