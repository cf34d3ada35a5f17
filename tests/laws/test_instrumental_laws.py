"""What may not change an instrumental estimate, and what it must be equal to."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from pdd_outcomes.effects.instrumental import instrumental
from pdd_outcomes.effects.leniency import check_instrument, complier_effect, leave_one_out_leniency

from ..tolerances import SAME_ALGORITHM

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=12)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small matrices: threads of the linear algebra would wait for each other and gain nothing."""
    with threadpool_limits(limits=1):
        yield


def world(seed: int, n: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    u, x, z = rng.normal(size=n), rng.normal(size=n), rng.normal(size=(n, 2))
    d = z @ [1.0, 0.7] + 0.5 * x + u + rng.normal(size=n)
    y = 0.5 * d + u + x + rng.normal(size=n) * (1 + 0.3 * np.abs(z[:, 0]))
    group, weight = rng.integers(0, 15, n), rng.integers(1, 4, n)
    return pd.DataFrame({"y": y, "d": d, "z1": z[:, 0], "z2": z[:, 1], "x": x, "g": group, "w": weight})


def fit(frame: pd.DataFrame, **more):
    return instrumental(frame, "y", "d", ["z1", "z2"], **{"covariates": ["x"], **more})


def same(one, other, scale: float = 1.0) -> None:
    a, b = one.tidy().iloc[1], other.tidy().iloc[1]
    for column in ("estimate", "std_error", "conf_low", "conf_high"):
        assert a[column] * scale == pytest.approx(b[column], rel=1e-7, abs=1e-9)
    first, second = one.anderson_rubin()[0], other.anderson_rubin()[0]
    assert np.ravel(first) * scale == pytest.approx(np.ravel(second), rel=1e-6, abs=1e-8)
    assert one.strength.effective_f == pytest.approx(other.strength.effective_f, rel=1e-7)


@few
@given(seeds, st.sampled_from(["2sls", "liml"]), st.sampled_from([None, "g"]))
def test_row_order_changes_nothing(seed, method, cluster):
    frame = world(seed)
    same(
        fit(frame, method=method, cluster=cluster),
        fit(frame.sample(frac=1, random_state=1), method=method, cluster=cluster),
    )


@few
@given(seeds, st.floats(0.01, 100))
def test_the_scale_of_the_weights_changes_nothing(seed, k):
    frame = world(seed)
    same(fit(frame, weights="w"), fit(frame.assign(w=frame["w"] * k), weights="w"))


@few
@given(seeds)
def test_weights_of_one_are_no_weights_and_weights_of_nought_drop_a_row(seed):
    frame = world(seed)
    same(fit(frame), fit(frame.assign(w=1.0), weights="w"))
    kept = frame["g"] > 2
    same(fit(frame[kept], cluster="g"), fit(frame.assign(w=kept.astype(float)), weights="w", cluster="g"))


@few
@given(seeds)
def test_whole_weights_are_repeated_rows_where_each_person_is_a_cluster(seed):
    frame = world(seed).assign(person=np.arange(120))
    repeated = frame.loc[frame.index.repeat(frame["w"])]
    weighted = fit(frame, weights="w", cluster="person", small_sample="none").tidy().iloc[1]
    rows = fit(repeated, cluster="person", small_sample="none").tidy().iloc[1]
    assert weighted["estimate"] == pytest.approx(rows["estimate"], rel=1e-8)
    assert weighted["std_error"] == pytest.approx(rows["std_error"], rel=1e-8)


@few
@given(seeds, st.floats(1e-4, 1e4), st.floats(1e-4, 1e4))
def test_units_of_outcome_and_treatment_scale_the_effect_and_units_of_instruments_do_not(seed, k, m):
    frame = world(seed)
    moved = frame.assign(y=frame["y"] * k, d=frame["d"] / m, z1=frame["z1"] * m - 3, x=frame["x"] * k)
    same(fit(frame), fit(moved), scale=k * m)


@few
@given(seeds)
def test_other_combinations_of_the_instruments_are_the_same_instruments(seed):
    frame = world(seed)
    same(
        fit(frame, method="liml"),
        fit(frame.assign(z1=frame["z1"] + 2 * frame["z2"] + frame["x"]), method="liml"),
    )


@few
@given(seeds)
def test_with_one_instrument_liml_is_two_stage_least_squares_and_the_ratio_of_two_slopes(seed):
    frame = world(seed)
    two, liml = (instrumental(frame, "y", "d", "z1", covariates=["x"], method=m) for m in ("2sls", "liml"))
    same(two, liml)
    reduced, first = (
        part.set_index("term").loc["z1", "estimate"] for part in (two.reduced_form(), two.first_stage())
    )
    assert two.coefficients[1] == pytest.approx(reduced / first, rel=SAME_ALGORITHM)
    assert two.strength.effective_f == pytest.approx(two.strength.robust_f, rel=SAME_ALGORITHM)


@few
@given(seeds)
def test_the_treatment_as_its_own_instrument_is_least_squares(seed):
    frame = world(seed)
    found = instrumental(frame.assign(z=frame["d"]), "y", "d", "z", covariates=["x"])
    naive = found.least_squares().iloc[1]
    assert found.tidy().iloc[1][["estimate", "std_error"]].tolist() == pytest.approx(
        naive[["estimate", "std_error"]].tolist(), rel=1e-8
    )


@few
@given(seeds, st.sampled_from(["robust", "classical"]), st.floats(0.5, 0.99))
def test_the_ends_of_the_anderson_rubin_set_are_where_its_test_has_the_level(seed, covariance, level):
    found = fit(world(seed), covariance=covariance)
    for interval in found.anderson_rubin(level)[0]:
        for edge in filter(np.isfinite, interval):
            assert found.weak_robust.p_value(edge) == pytest.approx(1 - level, rel=1e-6)


@few
@given(seeds)
def test_with_one_instrument_the_set_holds_the_estimate_and_a_higher_level_holds_a_lower(seed):
    found = instrumental(world(seed), "y", "d", "z1", covariates=["x"])
    (inner,), (outer,) = found.anderson_rubin(0.8)[0], found.anderson_rubin(0.95)[0]
    assert outer[0] < inner[0] < found.coefficients[1] < inner[1] < outer[1]


@few
@given(seeds, st.integers(0, 99))
def test_a_persons_own_decision_does_not_move_the_leniency_met(seed, i):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"o": rng.integers(0, 8, 100), "c": rng.integers(0, 3, 100), "d": rng.integers(0, 2, 100)}
    )
    other = frame.assign(d=frame["d"].where(frame.index != i, 1 - frame["d"]))
    one, two = (leave_one_out_leniency(f, "d", "o", within="c", minimum=2)["leniency"] for f in (frame, other))
    assert one[i] == pytest.approx(two[i], abs=1e-12, nan_ok=True)


@few
@given(seeds)
def test_leniency_is_the_mean_of_the_officers_other_cases_less_their_cells_without_the_person(seed):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"o": rng.integers(0, 6, 60), "c": rng.integers(0, 3, 60), "d": rng.integers(0, 2, 60)}
    )
    found = leave_one_out_leniency(frame, "d", "o", within=["c"], minimum=2)["leniency"]
    for i in found.dropna().index[:5]:
        others = frame.drop(index=i)
        mine = others[others["o"] == frame["o"][i]]
        expected = (mine["d"] - mine["c"].map(others.groupby("c")["d"].mean())).mean()
        assert found[i] == pytest.approx(expected, abs=1e-12)


@few
@given(seeds)
def test_the_complier_means_differ_by_the_complier_effect(seed):
    rng = np.random.default_rng(seed)
    z, x = rng.integers(0, 2, 200), rng.normal(size=200)
    d = np.where(rng.random(200) < 0.6, z, rng.integers(0, 2, 200))
    frame = pd.DataFrame({"z": z, "d": d, "x": x, "y": rng.integers(0, 2, 200)})
    found = (
        complier_effect(frame, "y", offered="z", completed="d", covariates=["x"])
        .tidy()
        .set_index("term")["estimate"]
    )
    difference = found["complier_mean_completed"] - found["complier_mean_not_completed"]
    assert difference == pytest.approx(found["complier_effect"], rel=1e-8)


@few
@given(seeds)
def test_cells_taken_out_of_the_checks_are_cells_as_covariates(seed):
    frame = world(seed).assign(g=lambda f: (f["g"] % 4).astype(str))
    found = check_instrument(frame, "d", "z1", covariates=["x"], within="g").tidy()
    stage = instrumental(frame, "y", "d", "z1", covariates=["g"]).first_stage().iloc[1]
    row = found[found["term"] == "everyone"].iloc[0]
    assert [row["estimate"], row["std_error"]] == pytest.approx(
        [stage["estimate"], stage["std_error"]], rel=1e-8
    )
