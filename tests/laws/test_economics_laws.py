"""What a cost-consequence table does not depend on, and what its rows add up to."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdd_outcomes.design import Design, match, unadjusted
from pdd_outcomes.synthesis.cost_resample import drawn_clusters
from pdd_outcomes.synthesis.economics import CostConsequence, cost_consequence
from pdd_outcomes.synthesis.unit_costs import UnitCosts, illustrative_unit_costs, read_unit_costs

COUNTS = {"diversion": "diverted", "reoffence": "offences", "custody_day": "days"}
NUMBERS = ["estimate", "std_error", "conf_low", "conf_high"]


def people(n: int = 400, seed: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    diverted = (rng.random(n) < 1 / (1 + np.exp(0.5 - x))).astype(int)
    return pd.DataFrame(
        {
            "x": x,
            "diverted": diverted,
            "offences": rng.poisson(np.exp(-0.5 - 0.2 * diverted)),
            "days": np.where(rng.random(n) < 0.2, np.ceil(rng.gamma(1, 40, n)), 0.0),
        }
    )


def run(design: Design, data: pd.DataFrame, costs: UnitCosts | None = None, **more: object) -> CostConsequence:
    given = {"rng": np.random.default_rng(9), "horizon": "12 months", "replicates": 199, **more}
    return cost_consequence(design, data, counts=COUNTS, costs=costs or illustrative_unit_costs(), **given)  # type: ignore[arg-type]


def dearer(factor: float) -> UnitCosts:
    frame = illustrative_unit_costs().frame()
    frame[["cost", "low", "high"]] *= factor
    return read_unit_costs(frame)


@pytest.mark.parametrize("interval", ["symmetric", "percentile", "bca"])
def test_costs_scale_with_prices_and_people(interval: str) -> None:
    data = people()
    design = unadjusted(data, "diverted")
    one = run(design, data, interval=interval).tidy()
    two = run(design, data, dearer(3.0), interval=interval).tidy()
    cost = one["measure"].str.startswith("cost")
    np.testing.assert_allclose(3 * one.loc[cost, NUMBERS], two.loc[cost, NUMBERS], rtol=1e-9)
    np.testing.assert_allclose(one.loc[~cost, NUMBERS], two.loc[~cost, NUMBERS], rtol=1e-9)
    per = run(design, data, interval=interval, per=1000).tidy()
    np.testing.assert_allclose(10 * one[NUMBERS], per[NUMBERS], rtol=1e-9)


def test_items_add_up_to_the_total_in_every_resample() -> None:
    data = people()
    found = run(match(data, "diverted", covariates=["x"]), data)
    unit = found.costs
    for arm in range(3):
        parts = found.replicates[:, arm:9:3] @ unit
        np.testing.assert_allclose(parts, found.replicates[:, 9 + arm], rtol=1e-9, atol=1e-7)


@settings(max_examples=8)
@given(st.floats(1e-2, 1e2))
def test_the_scale_of_the_weights_changes_nothing(k: float) -> None:
    data = people()
    treated = data["diverted"].to_numpy() == 1
    weight = 1 + data["x"].to_numpy() ** 2
    one, two = (run(Design(treated, w, None, "ATE"), data).tidy() for w in (weight, k * weight))
    np.testing.assert_allclose(one[NUMBERS], two[NUMBERS], rtol=1e-6, atol=1e-6)


def test_the_same_seed_gives_the_same_table_and_the_interval_widens_with_its_level() -> None:
    data = people()
    one, two = (run(unadjusted(data, "diverted"), data) for _ in range(2))
    pd.testing.assert_frame_equal(one.tidy(), two.tidy())
    kept = one.tidy()["conf_low"].notna()
    assert (one.tidy(0.99)["conf_high"] >= one.tidy(0.9)["conf_high"])[kept].all()


def test_p_values_and_symmetric_intervals_agree() -> None:
    data = people()
    rows = run(unadjusted(data, "diverted"), data, replicates=999).tidy()
    rows = rows[rows["measure"].str.endswith("difference") & rows["conf_low"].notna()]
    outside = (rows["conf_low"] > 0) | (rows["conf_high"] < 0)
    assert ((rows["p_value"] < 0.05) == outside).all()


def test_sets_that_share_people_are_drawn_together() -> None:
    data = people()
    design = match(data, "diverted", covariates=["x"], replace=True)
    rows = design.analysis_rows()
    codes, words, enough = drawn_clusters(rows)
    joined = pd.DataFrame({"code": codes, "set": rows.clusters[0], "person": rows.clusters[1]})
    assert (joined.groupby("set")["code"].nunique() == 1).all()
    assert (joined.groupby("person")["code"].nunique() == 1).all()
    assert design.set_id is not None
    assert codes.max() + 1 == len(np.unique(design.set_id[rows.row]))
    assert "share people" in words
    assert enough


def test_one_way_lies_on_both_sides_of_the_total_and_narrows_downwards() -> None:
    data = people()
    found = run(unadjusted(data, "diverted"), data)
    frame = found.one_way()
    total = found.glance()["difference"].item()
    assert frame["difference"].tolist() == pytest.approx([total] * 3)
    ends = np.sort(frame[["difference_low", "difference_high"]].to_numpy(), axis=1)
    assert ((ends[:, 0] <= total) & (total <= ends[:, 1])).all()
    assert frame["width"].is_monotonic_decreasing


@settings(max_examples=10)
@given(st.floats(0.5, 2.0), st.floats(0.5, 2.0))
def test_uprating_twice_is_uprating_once(a: float, b: float) -> None:
    index = pd.Series({2023: 1.0, 2024: a, 2025: b}, name="an index")
    one = illustrative_unit_costs().uprate(index, 2024).uprate(index, 2025)
    two = illustrative_unit_costs().uprate(index, 2025)
    np.testing.assert_allclose(one.cost, two.cost, rtol=1e-12)
    assert one.uprated[0] == "an index, 2023 to 2024; an index, 2024 to 2025"
