"""What must hold of group-time effects whatever the panel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pdd_outcomes.core.draw.event_study import draw_event_study, event_study_alt
from pdd_outcomes.effects import group_time_fit as fits
from pdd_outcomes.effects.difference_in_differences import difference_in_differences, event_study
from tests.tolerances import SAME_ALGORITHM

ROLES = {"unit": "force", "time": "month", "start": "starts"}
SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(max_examples=15, deadline=None)


def rollout(seed: int, n: int = 40, periods: int = 5, effect: float = 0.0) -> pd.DataFrame:
    """Forces that start in month 3, 4 or never, with a covariate, weights and noise that drifts."""
    rng = np.random.default_rng(seed)
    start = np.array([3.0, 4.0, np.nan, np.nan])[np.arange(n) % 4]
    x = rng.normal(size=n) + 0.5 * np.isfinite(start)
    month = np.arange(1, periods + 1)
    since = np.clip(month - start[:, None] + 1, 0, None)
    y = rng.normal(size=(n, 1)) + 0.3 * x[:, None] * month + rng.normal(size=(n, periods)).cumsum(axis=1)
    y = y + effect * np.nan_to_num(since)
    return pd.DataFrame(
        {
            "force": np.repeat(np.arange(n), periods),
            "month": np.tile(month, n),
            "starts": np.repeat(start, periods),
            "x": np.repeat(x, periods),
            "w": np.repeat(rng.uniform(0.5, 2, n), periods),
            "y": y.ravel(),
        }
    )


def rows(data: pd.DataFrame, **options: object) -> pd.DataFrame:
    found = difference_in_differences(data, "y", **ROLES, **options)
    columns = ["estimate", "std_error"]
    kinds = [found.aggregate(kind).tidy()[columns] for kind in ("simple", "event", "group", "calendar")]
    return pd.concat([found.tidy()[columns], *kinds], ignore_index=True)


@pytest.mark.parametrize("inference", ["influence", "jackknife"])
@FEW
@given(SEEDS)
def test_the_order_of_rows_and_the_names_of_units_change_nothing(inference: str, seed: int) -> None:
    data = rollout(seed, 12)
    rng = np.random.default_rng(seed)
    names = rng.permutation(12)
    moved = data.sample(frac=1, random_state=seed % 1000).assign(force=lambda d: names[d["force"]])
    pd.testing.assert_frame_equal(
        rows(data, inference=inference),
        rows(moved, inference=inference),
        rtol=SAME_ALGORITHM,
        atol=SAME_ALGORITHM,
    )


@FEW
@given(SEEDS, st.floats(0.01, 100))
def test_unit_and_time_effects_change_nothing_and_the_outcomes_scale_only_the_scale(
    seed: int, scale: float
) -> None:
    data = rollout(seed, 12)
    rng = np.random.default_rng(seed)
    shifts = rng.normal(size=12)[data["force"]] + rng.normal(size=6)[data["month"]]
    for inference in ("influence", "jackknife"):
        pd.testing.assert_frame_equal(
            rows(data, inference=inference) * scale,
            rows(data.assign(y=scale * (data["y"] + shifts)), inference=inference),
            rtol=1e-7,
            atol=1e-8 * scale,
        )


@FEW
@given(SEEDS, st.floats(1e-3, 1e3))
def test_the_scale_of_the_weights_changes_nothing_and_weights_of_one_are_none(seed: int, scale: float) -> None:
    data = rollout(seed)
    options = {"covariates": ["x"], "inference": "influence"}
    close = {"rtol": SAME_ALGORITHM, "atol": SAME_ALGORITHM}
    pd.testing.assert_frame_equal(
        rows(data, weights="w", **options),
        rows(data.assign(w=scale * data["w"]), weights="w", **options),
        **close,
    )
    pd.testing.assert_frame_equal(
        rows(data, **options), rows(data.assign(w=7.0), weights="w", **options), **close
    )


@pytest.mark.parametrize("method", ["dr", "regression", "ipw"])
def test_a_whole_weight_is_as_many_units_of_one_cluster(method: str) -> None:
    data = rollout(1)
    data["w"] = 1 + data["force"] % 3
    copies = data.loc[data.index.repeat(data["w"])].copy()
    copies["area"] = (
        copies["force"].astype(str) + "/" + copies.groupby(["force", "month"]).cumcount().astype(str)
    )
    options = {"covariates": ["x"], "method": method, "inference": "influence"}
    weighted = difference_in_differences(data, "y", **ROLES, weights="w", **options).aggregate("event")
    roles = {**ROLES, "unit": "area"}
    copied = difference_in_differences(copies, "y", **roles, cluster="force", **options).aggregate("event")
    same = ["estimate", "std_error"]
    pd.testing.assert_frame_equal(weighted.tidy()[same], copied.tidy()[same], rtol=1e-7)


@pytest.mark.parametrize("kind", ["simple", "event", "group", "calendar"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"covariates": ["x"]},
        {"covariates": ["x"], "method": "regression"},
        {"covariates": ["x"], "method": "ipw", "control": "not_yet"},
        {"formula": "x + x**2", "base": "universal"},
    ],
)
def test_a_units_influence_is_how_the_estimate_moves_with_its_weight(kind: str, options: dict) -> None:
    """Through the models and the sizes of the groups, too: the derivative is taken by steps of 1e-5 either way."""
    data = rollout(2)
    base = difference_in_differences(data, "y", **ROLES, weights="w", inference="influence", **options)
    parts = base.aggregate(kind).errors.parts
    for unit in (0, 1, 2):
        ends = []
        for step in (1e-5, -1e-5):
            moved = data.assign(w=data["w"] * np.where(data["force"] == unit, 1 + step, 1.0))
            shifted = difference_in_differences(
                moved, "y", **ROLES, weights="w", inference="influence", **options
            )
            ends.append(shifted.aggregate(kind).estimates)
        np.testing.assert_allclose((ends[0] - ends[1]) / 2e-5, parts[unit], rtol=1e-5, atol=1e-7)


def test_without_covariates_every_method_is_the_difference_of_mean_changes() -> None:
    data = rollout(3)
    plain = rows(data)
    for method in ("regression", "ipw"):
        pd.testing.assert_frame_equal(plain, rows(data, method=method))
    still = rows(data.assign(half=data["force"] % 2 * 1.0), formula="1")
    pd.testing.assert_frame_equal(plain, still)


def test_the_steps_before_treatment_add_up_to_the_universal_base() -> None:
    data = rollout(4)
    steps = difference_in_differences(data, "y", **ROLES).tidy().set_index("term")["estimate"]
    wide = difference_in_differences(data, "y", **ROLES, base="universal").tidy().set_index("term")["estimate"]
    assert wide["ATT(4, 1)"] == pytest.approx(-(steps["ATT(4, 2)"] + steps["ATT(4, 3)"]))
    since = [term for term in steps.index if term in ("ATT(3, 3)", "ATT(3, 5)", "ATT(4, 4)", "ATT(4, 5)")]
    np.testing.assert_allclose(steps[since], wide[since])


@pytest.mark.parametrize("options", [{}, {"covariates": ["x"]}, {"control": "not_yet", "weights": "w"}])
def test_leaving_a_cluster_out_is_fitting_without_its_rows(options: dict) -> None:
    data = rollout(5, 24)
    found = difference_in_differences(data, "y", **ROLES, inference="jackknife", **options)
    assert found.without is not None
    for gone in (0, 5, 11):
        left = difference_in_differences(
            data[data["force"] != gone], "y", **ROLES, inference="influence", **options
        )
        np.testing.assert_allclose(found.without[0][gone], left.fitted.att, rtol=1e-8, atol=1e-10)


def test_the_jackknife_comes_to_the_influence_error_where_clusters_are_many() -> None:
    data = rollout(6, 400)
    ours = rows(data, covariates=["x"], inference="jackknife")
    theirs = rows(data, covariates=["x"], inference="influence")
    np.testing.assert_allclose(ours["estimate"], theirs["estimate"])
    # the averages count the sizes of the groups as chance, the jackknife of a given mix of exposures does not
    np.testing.assert_allclose(ours["std_error"][:8], theirs["std_error"][:8], rtol=0.05)


def test_an_average_of_growing_effects_has_no_error_for_the_mix_of_exposures() -> None:
    """Effects that grow and no noise at all: leaving out an early starter says nothing about chance in the simple average."""
    data = rollout(7, 24, periods=6)
    since = np.clip(data["month"] - data["starts"] + 1, 0, None).fillna(0)
    noise = np.random.default_rng(1).normal(0, 1e-6, len(data))
    quiet = data.assign(y=since + noise)
    assert rows(quiet, inference="jackknife")["std_error"][:9].max() < 1e-5
    simple = difference_in_differences(quiet, "y", **ROLES, inference="jackknife").aggregate("simple")
    assert simple.errors.std_error[0] < 1e-5


def test_bands_of_many_clusters_hold_all_rows_at_the_level_of_the_largest_z() -> None:
    """Of independent rows the critical value is known: Sidak's."""
    study = event_study(rollout(8, 200), "y", **ROLES, inference="influence")
    rng = np.random.default_rng(0)
    rows_ = len(study.keys) + 1
    parts = rng.normal(size=(1500, rows_)) / np.sqrt(1500)
    errors = replace(
        study.errors,
        parts=parts,
        strata=np.zeros(parts.shape, dtype=np.int64),
        std_error=np.sqrt((parts**2).sum(axis=0)),
    )
    bands = replace(study, errors=errors).bands(np.random.default_rng(1), 10_000)
    sidak = stats.norm.ppf(0.5 + 0.95 ** (1 / (rows_ - 1)) / 2)
    half = (bands["band_high"] - bands["estimate"]) / bands["std_error"]
    np.testing.assert_allclose(half, sidak, rtol=0.03)


def test_the_result_holds_no_row_of_the_data() -> None:
    data = rollout(9).assign(y=lambda d: d["y"] + 12345.678)
    found = difference_in_differences(data, "y", **ROLES)
    held = [found.fitted.influence, *(found.without or ()), found.aggregate("event").errors.parts]
    assert not any((np.abs(part) > 10_000).any() for part in held)
    assert "12345" not in repr(found)


def test_two_by_two_needs_no_control_like_another_to_be_right_by_either_model() -> None:
    """Doubly robust: a wrong outcome model beside a right score, and the other way round, on 40,000 units."""
    rng = np.random.default_rng(10)
    x = rng.normal(size=40_000)
    treated = rng.random(len(x)) < 1 / (1 + np.exp(-(0.5 * x - 0.5)))
    curved = x**2 + x + 2.0 * treated + rng.normal(size=len(x))
    one = np.ones(len(x))
    right_score = fits.two_by_two(curved, treated, x[:, None], one, "dr")
    assert right_score[0] == pytest.approx(2.0, abs=0.1)
    assert abs(fits.two_by_two(curved, treated, x[:, None], one, "regression")[0] - 2.0) > 0.15
    bent = rng.random(len(x)) < 1 / (1 + np.exp(-(x**2 - 1.5)))
    line = x + 2.0 * bent + rng.normal(size=len(x))
    assert fits.two_by_two(line, bent, x[:, None], one, "dr")[0] == pytest.approx(2.0, abs=0.1)


def test_the_picture_tells_before_from_since_by_marker_and_the_words_give_the_same_numbers() -> None:
    from matplotlib import pyplot

    study = event_study(rollout(11, effect=2.0), "y", **ROLES)
    frame = study.bands(np.random.default_rng(1))
    ax = study.plot(rng=np.random.default_rng(1), title="Share diverted")
    drawn = {line.get_marker(): line for line in ax.get_lines() if line.get_marker() in ("o", "s")}
    before = frame["event_time"] < 0
    np.testing.assert_allclose(drawn["o"].get_ydata(), frame.loc[before, "estimate"])
    np.testing.assert_allclose(drawn["s"].get_ydata(), frame.loc[~before, "estimate"])
    assert drawn["o"].get_markerfacecolor() == "white"
    pyplot.close(ax.get_figure())
    words = study.alt_text(rng=np.random.default_rng(1), title="Share diverted")
    assert words.startswith("Share diverted by time since the start, from −3 to 2")
    assert f"{frame['estimate'].iloc[-1]:.3g}" in words
    assert "simultaneous bands" in words
    assert "intervals" in study.alt_text()


def test_an_interval_that_goes_on_beyond_the_picture_ends_in_an_arrow() -> None:
    from matplotlib import pyplot

    frame = pd.DataFrame({"event_time": [-1, 0, 1, 2, 3], "estimate": [0.0, 1.0, 1.0, 2.0, 2.0]})
    low, high = [np.nan, 0.5, 0.5, 1.5, -90.0], [np.nan, 1.5, 1.5, 2.5, 94.0]
    frame = frame.assign(conf_low=low, conf_high=high, band_low=np.nan, band_high=np.nan)
    ax = draw_event_study(frame)
    assert {"v", "^"} <= {str(line.get_marker()) for line in ax.get_lines()}
    assert ax.get_ylim()[1] < 20
    pyplot.close(ax.get_figure())
    assert "1 without an interval" in event_study_alt(frame)
