"""Balance by groups, of squares and products, of distribution functions, and of the prognostic score."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.draw import ecdf_alt
from pdd_outcomes.core.errors import DataError, UsageError
from pdd_outcomes.design import balance, match, unadjusted, weight
from pdd_outcomes.effects import prognostic_balance
from tests.laws.test_weight_laws import COVARIATES, people
from tests.tolerances import ROUNDING


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    frame = people(11, 600)
    rng = np.random.default_rng(1)
    force = rng.choice(["Ash", "Beech"], len(frame))
    force[:3] = "Cedar"
    y = (rng.random(len(frame)) < 0.1 + 0.08 * frame["prior"].clip(upper=8)).astype(int)
    return frame.assign(force=np.where((force == "Cedar") & (frame["t"] == 1), "Ash", force), y=y)


def test_balance_by_group_is_the_balance_of_each_group(data):
    made = weight(data, "t", covariates=COVARIATES)
    with pytest.warns(UserWarning, match="Cedar: one arm has nobody"):
        found = made.balance(by="force")
    assert found.table["group"].unique().tolist() == ["all", "Ash", "Beech"]
    inside = (data["force"] == "Ash").to_numpy()
    alone = balance(data[inside], "t", covariates=COVARIATES, weights=made.weights[inside]).table
    part = found.table[found.table["group"] == "Ash"].drop(columns="group").reset_index(drop=True)
    pd.testing.assert_frame_equal(part, alone)
    assert " in " in found.worst
    assert found.worst in found.verdict(0.01)
    assert len(found.love_frame()) == len(alone)


def test_squares_and_products_are_balanced_as_columns_of_their_own(data):
    found = balance(data, "t", covariates=["age", "prior", "sex"], squares=True, interactions=True).table
    assert found["covariate"].tolist() == [
        "age", "prior", "sex[male]", "age^2", "prior^2", "age * prior", "age * sex[male]", "prior * sex[male]",
    ]  # fmt: skip
    by_hand = data.assign(z=data["age"] * (data["sex"] == "male"))
    row = balance(by_hand, "t", covariates=["z"]).table.iloc[0]
    same = found.set_index("covariate").loc["age * sex[male]"]
    assert same["smd"] == pytest.approx(row["smd"], rel=ROUNDING)


def test_levels_of_one_label_are_not_multiplied():
    frame = people(1).assign(place=lambda d: np.resize(["a", "b", "c"], len(d)))
    found = balance(frame, "t", covariates=["place", "age"], interactions=True).table["covariate"]
    assert [name for name in found if " * " in name] == [f"place[{p}] * age" for p in "abc"]


def test_the_gap_of_the_distribution_functions_is_the_tables(data):
    made = weight(data, "t", covariates=COVARIATES)
    row = made.balance().table.set_index("covariate").loc["age"]
    for sample, column in (("before", "ecdf_max_unadjusted"), ("after", "ecdf_max")):
        frame = made.ecdf("age", sample=sample)
        assert f"{100 * row[column]:.0f} points" in ecdf_alt(frame, label="age")
        for _, arm in frame.groupby("arm"):
            assert arm["share"].is_monotonic_increasing
            assert arm["share"].iloc[-1] == pytest.approx(1)


def test_the_picture_is_drawn_from_the_frame(data):
    ax = match(data, "t", covariates=COVARIATES, caliper=0.2).ecdf_plot("age")
    assert [line.get_label() for line in ax.get_lines()][:2] == ["treated", "control"]
    plt.close(ax.figure)


def test_a_label_has_no_distribution_function(data):
    with pytest.raises(DataError, match="'sex'"):
        weight(data, "t", covariates=COVARIATES).ecdf("sex")


def test_the_prognostic_score_is_what_the_controls_foretell(data):
    plain = prognostic_balance(unadjusted(data, "t"), data, outcome="y", covariates=COVARIATES).table.iloc[0]
    control = data["t"] == 0
    assert plain["mean_control"] == pytest.approx(
        data["y"][control].mean(), abs=1e-9
    )  # a logistic fit keeps its mean
    matched = match(data, "t", covariates=COVARIATES, caliper=0.2)
    after = prognostic_balance(matched, data, outcome="y", covariates=COVARIATES).table.iloc[0]
    assert abs(after["smd"]) < abs(plain["smd"])
    assert after["mean_control_unadjusted"] == pytest.approx(plain["mean_control"])


def test_a_prognosis_needs_outcomes_that_differ_and_the_same_people(data):
    with pytest.raises(DataError, match="same for every control"):
        prognostic_balance(unadjusted(data, "t"), data.assign(y=0), outcome="y", covariates=["age"])
    with pytest.raises(UsageError, match="same people"):
        prognostic_balance(unadjusted(data, "t"), data.iloc[1:], outcome="y", covariates=["age"])
