"""What equity and net-widening do not depend on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdd_outcomes.synthesis.equity import equity
from pdd_outcomes.synthesis.net_widening import net_widening

NUMBERS = ["estimate", "std_error", "conf_low", "conf_high"]


def world(seed: int = 0, n: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    data = pd.DataFrame(
        {
            "group": rng.choice(["a", "b", "c"], n),
            "fifth": rng.integers(1, 6, n),
            "age": rng.normal(30, 8, n),
            "force": rng.integers(0, 8, n),
            "w": rng.integers(1, 4, n),
        }
    )
    chance = 1 / (1 + np.exp(0.5 - 0.03 * (data["age"] - 30) - 0.4 * (data["group"] == "b")))
    return data.assign(offered=(rng.random(n) < chance).astype(int))


def run(data: pd.DataFrame, **more: object) -> pd.DataFrame:
    given = {"by": ["group", "fifth"], "covariates": ["age"], **more}
    return equity(data, "offered", **given).tidy()  # type: ignore[arg-type]


def same(one: pd.DataFrame, two: pd.DataFrame, columns: list[str] = NUMBERS) -> None:
    np.testing.assert_allclose(one[columns].to_numpy(), two[columns].to_numpy(), rtol=1e-7, atol=1e-10)


@settings(max_examples=8)
@given(st.floats(1e-3, 1e3), st.integers(0, 1000))
def test_the_scale_of_the_weights_and_the_order_of_the_rows_change_nothing(k: float, seed: int) -> None:
    data = world()
    mixed = data.sample(frac=1, random_state=seed)
    same(run(data, weights="w"), run(mixed.assign(w=mixed["w"] * k), weights="w"))


def test_weights_of_one_are_no_weights() -> None:
    same(run(world()), run(world().assign(one=1.0), weights="one"))


def test_a_whole_weight_is_so_many_people_clustered_as_one() -> None:
    data = world()
    data = data.assign(person=np.arange(len(data)))
    copies = data.loc[data.index.repeat(data["w"])].reset_index(drop=True)
    against = {"group": "a", "fifth": 1}  # the largest group is another where people are repeated
    one = run(data, weights="w", cluster="person", reference=against)
    same(one, run(copies, cluster="person", reference=against))


def test_weight_zero_is_not_being_there() -> None:
    data = world()
    data.loc[:99, "w"] = 0
    same(run(data, weights="w"), run(data.iloc[100:], weights="w"))


def test_units_of_a_covariate_change_nothing() -> None:
    data = world()
    same(run(data), run(data.assign(age=data["age"] * 365.25 + 10_000)))


def test_turning_the_outcome_round_turns_the_probabilities_round() -> None:
    data = world()
    one, two = run(data), run(data.assign(offered=1 - data["offered"]))
    kept = one["measure"] == "probability"
    np.testing.assert_allclose(one.loc[kept, "estimate"], 1 - two.loc[kept, "estimate"], atol=1e-9)
    np.testing.assert_allclose(one.loc[kept, "conf_low"], 1 - two.loc[kept, "conf_high"], atol=1e-9)


def test_a_formula_of_the_same_terms_is_the_same_model() -> None:
    data = world()
    one = run(data, by=["group"], covariates=["age", "fifth"])
    same(one, run(data, by=["group"], covariates=None, formula="age + fifth"))


def test_a_by_column_among_the_covariates_is_left_out_of_its_own_model() -> None:
    data = world()
    one = run(data, by=["fifth"], covariates=["age", "group"])
    both = run(data, by=["fifth", "group"], covariates=["age", "group"])
    same(one, both[both["by"] == "fifth"])


@pytest.mark.parametrize("seed", range(3))
def test_measures_of_inequality_keep_to_their_bounds_and_hold_their_estimates(seed: int) -> None:
    found = equity(world(seed), "offered", by=["group", "fifth"], covariates=["age"]).inequality()
    rows = found.tidy()
    assert (rows["conf_low"] <= rows["estimate"] + 1e-12).all()
    assert (rows["estimate"] <= rows["conf_high"] + 1e-12).all()
    spread = rows[rows["term"].isin(["range", "between-group variance", "Theil index", "mean log deviation"])]
    assert (spread["conf_low"] >= 0).all()
    assert (rows.loc[rows["term"] == "maximum over minimum", "conf_low"] >= 1).all()
    wider = found.tidy(0.99)
    assert (wider["conf_high"] >= rows["conf_high"]).all()
    pd.testing.assert_frame_equal(rows, found.tidy())  # nothing is drawn by chance


def test_net_widening_does_not_read_the_outcome_of_those_diverted() -> None:
    data = world().rename(columns={"offered": "d"})
    rng = np.random.default_rng(5)
    data["nfa"] = np.where(data["d"] == 1, 0.0, rng.integers(0, 2, len(data)))
    empty = data.assign(nfa=data["nfa"].where(data["d"] == 0))
    run_one = [
        net_widening(frame, "d", no_further_action="nfa", covariates=["age", "group"], cluster="force").tidy()
        for frame in (data, empty)
    ]
    pd.testing.assert_frame_equal(*run_one)
