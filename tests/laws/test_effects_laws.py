"""Laws of effects: what may not matter, and what must follow from what."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdd_outcomes.core.results import TIDY
from pdd_outcomes.design import Design, match
from pdd_outcomes.effects import mcnemar, risk_contrast, time_to_event
from tests.tolerances import SAME_ALGORITHM

SEEDS = st.integers(0, 2**32 - 1)
few = settings(max_examples=25, deadline=None)
HORIZONS, TAU, CUTS = [3.0, 6.0, 8.0], 8.0, [2.0, 5.0]
NUMBERS = ["estimate", "std_error", "p_value", "conf_low", "conf_high"]


def study(seed, whole=False):
    """40 to 90 people in sets of two to four, weighted; event times tied (whole) or not, followed for 10 at the most."""
    rng = np.random.default_rng(seed)
    sets = int(rng.integers(20, 30))
    set_id = np.concatenate([np.arange(sets), np.arange(sets), rng.integers(0, sets, int(rng.integers(0, 30)))])
    treated = np.arange(len(set_id)) < sets
    likeness = rng.gamma(2.0, 0.5, sets)[set_id]
    time = rng.exponential(8 / (0.3 + likeness * np.where(treated, 0.8, 1.2)))
    time = np.ceil(time) if whole else time
    event = (time <= 10) & (rng.random(len(time)) < 0.9)
    time = np.minimum(time, 10.0)
    time[[0, sets]] = 10.0  # someone of each arm is followed to the end
    event[[0, sets]] = False
    weights = np.where(treated, 1.0, rng.choice([0.0, 0.5, 1.0, 2.0], len(time), p=[0.1, 0.3, 0.3, 0.3]))
    weights[sets] = 1.0
    people = pd.DataFrame(
        {"time": time, "event": event.astype(int), "early": ((time <= 5) & event).astype(int)}
    )
    return Design(treated, weights, set_id, "ATT"), people


def effects(design, people, unit=1.0, level=0.95):
    frame = people.assign(time=people["time"] * unit)
    at, cuts = [h * unit for h in HORIZONS], [c * unit for c in CUTS]
    return time_to_event(
        design, frame, time="time", event="event", at=at, tau=TAU * unit, intervals=cuts, level=level
    )


def same(one, two, rel=1e-7, columns=NUMBERS):
    for column in columns:
        assert two[column].to_numpy() == pytest.approx(
            one[column].to_numpy(), rel=rel, abs=1e-9, nan_ok=True
        ), column


@few
@given(SEEDS, st.booleans())
def test_arms_changed_over_negate_the_difference_and_invert_the_ratio(seed, whole):
    design, people = study(seed, whole)
    other = Design(~design.treated, design.weights, design.set_id, "ATT")
    for call in (effects, lambda d, p: risk_contrast(d, p, outcome="early")):
        rows, turned = call(design, people).tidy(), call(other, people).tidy()
        contrast = rows["term"].str.endswith("difference")
        ratio = rows["term"].str.contains("ratio")
        assert turned.loc[contrast, "estimate"].to_numpy() == pytest.approx(
            -rows.loc[contrast, "estimate"].to_numpy(), abs=1e-9
        )
        assert turned.loc[contrast, "conf_low"].to_numpy() == pytest.approx(
            -rows.loc[contrast, "conf_high"].to_numpy(), abs=1e-9, nan_ok=True
        )
        assert turned.loc[ratio, "estimate"].to_numpy() == pytest.approx(
            1 / rows.loc[ratio, "estimate"].to_numpy(), rel=1e-6, nan_ok=True
        )
        assert turned.loc[ratio, "conf_low"].to_numpy() == pytest.approx(
            1 / rows.loc[ratio, "conf_high"].to_numpy(), rel=1e-6, nan_ok=True
        )
        same(rows[contrast | ratio], turned[contrast | ratio], rel=1e-6, columns=["std_error", "p_value"])


@few
@given(SEEDS, st.sampled_from([1e-6, 0.3, 7.0, 1e6]))
def test_the_scale_of_the_weights_changes_nothing_not_even_the_test_of_proportional_hazards(seed, k):
    design, people = study(seed)
    scaled = Design(design.treated, design.weights * k, design.set_id, "ATT")
    one, two = effects(design, people), effects(scaled, people)
    same(one.tidy(), two.tidy())
    assert two.ph_test().tidy()["statistic"].to_numpy() == pytest.approx(
        one.ph_test().tidy()["statistic"].to_numpy(), rel=1e-6
    )
    same(one.glance(), two.glance(), columns=["ess_treated", "ess_control", "n_control"])
    same(*(risk_contrast(d, people, outcome="early").tidy() for d in (design, scaled)))


@few
@given(SEEDS, st.integers(0, 19), st.floats(0.05, 0.95))
def test_a_row_split_in_two_of_the_same_cluster_changes_no_risk_or_restricted_mean(seed, who, share):
    design, people = study(seed)
    weights = np.append(design.weights, design.weights[who] * (1 - share))
    weights[who] *= share
    twice = Design(np.append(design.treated, design.treated[who]), weights, np.append(design.set_id, design.set_id[who]), "ATT")  # fmt: skip
    more = pd.concat([people, people.iloc[[who]]], ignore_index=True)
    one, two = effects(design, people).tidy(), effects(twice, more).tidy()
    # Efron's treatment of ties sees two tied events where there was one, so hazard ratios are left out
    kept = ~one["term"].str.startswith("hazard")
    same(one[kept], two[kept])
    same(
        risk_contrast(design, people, outcome="early").tidy(),
        risk_contrast(twice, more, outcome="early").tidy(),
    )


@few
@given(SEEDS, st.booleans())
def test_the_order_of_the_rows_and_the_names_of_the_sets_change_nothing(seed, whole):
    design, people = study(seed, whole)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(people))
    names = rng.permutation(1000)[design.set_id]
    moved = Design(design.treated[order], design.weights[order], names[order], "ATT")
    there = people.iloc[order].reset_index(drop=True)
    one, two = effects(design, people), effects(moved, there)
    same(one.tidy(), two.tidy())
    pd.testing.assert_frame_equal(one.glance(), two.glance())
    same(
        risk_contrast(design, people, outcome="early").tidy(),
        risk_contrast(moved, there, outcome="early").tidy(),
    )


@few
@given(SEEDS, st.booleans())
def test_people_without_weight_might_as_well_not_be_there(seed, whole):
    design, people = study(seed, whole)
    kept = design.weights > 0
    fewer = Design(design.treated[kept], design.weights[kept], design.set_id[kept], "ATT")
    there = people[kept].reset_index(drop=True)
    same(effects(design, people).tidy(), effects(fewer, there).tidy())
    nobody = people.assign(time=people["time"].where(kept, 0.0), event=people["event"].where(kept, 1))
    same(effects(design, people).tidy(), effects(design, nobody).tidy())


@few
@given(SEEDS, st.sampled_from([1 / 365, 12 / 365, 24.0, 86400.0]))
def test_the_unit_of_time_rescales_restricted_means_and_nothing_else(seed, unit):
    design, people = study(seed)
    one, two = effects(design, people).tidy(), effects(design, people, unit).tidy()
    means = one["scale"] == "time"
    assert set(one.loc[means, "term"]) == {"rmst_treated", "rmst_control", "rmst_difference"}
    same(one[~means], two[~means])
    for column in ("estimate", "std_error", "conf_low", "conf_high"):
        assert two.loc[means, column].to_numpy() == pytest.approx(
            unit * one.loc[means, column].to_numpy(), rel=1e-7
        )
    assert two["horizon"].to_numpy() == pytest.approx(unit * one["horizon"].to_numpy(), rel=SAME_ALGORITHM)


@few
@given(SEEDS, st.floats(0.5, 0.9), st.floats(0.91, 0.999))
def test_a_higher_level_has_the_wider_interval_around_the_same_estimate(seed, low, high):
    design, people = study(seed)
    for result in (effects(design, people), risk_contrast(design, people, outcome="early")):
        narrow, wide = result.tidy(low), result.tidy(high)
        known = narrow["std_error"].notna()
        same(narrow, wide, columns=["estimate", "std_error"])
        assert (wide.loc[known, "conf_low"] <= narrow.loc[known, "conf_low"]).all()
        assert (wide.loc[known, "conf_high"] >= narrow.loc[known, "conf_high"]).all()
        assert (narrow.loc[known, "conf_low"] <= narrow.loc[known, "estimate"] + 1e-12).all()
    # the level asked for at first is the one the table and the curves have
    first, other = effects(design, people, level=high), effects(design, people, level=low)
    same(first.tidy(), effects(design, people).tidy(high))
    last = pd.Series({"low": other, "high": first}).map(lambda e: e.curves.at([TAU])["conf_low"].iloc[0])
    assert last["high"] < last["low"]


@few
@given(SEEDS, st.booleans())
def test_every_table_has_the_standard_columns_and_every_row_says_whether_it_is_known(seed, whole):
    design, people = study(seed, whole)
    contrast = risk_contrast(design, people, outcome="early").tidy()
    assert [*TIDY, "reason"] == list(contrast.columns)
    rows = effects(design, people).tidy()
    assert set(TIDY) < set(rows.columns)
    ok = rows["status"] == "ok"
    assert rows.loc[ok, "estimate"].notna().all()
    assert rows.loc[~ok, NUMBERS].isna().all(axis=None)
    assert (rows.loc[rows["std_error"].isna(), "reason"] != "").all()
    assert (rows["std_error"].isna() | (rows["std_error"] > 0)).all()


@few
@given(SEEDS)
def test_risks_lie_between_0_and_1_and_rise_with_the_horizon(seed):
    rows = effects(*study(seed)).tidy()
    for arm in ("treated", "control"):
        risk = rows[rows["term"] == f"risk_{arm}"]
        assert (np.diff(risk["estimate"]) >= -1e-12).all()
        assert risk[["estimate", "conf_low", "conf_high"]].stack().dropna().between(0, 1).all()
        mean = rows.loc[rows["term"] == f"rmst_{arm}", "estimate"].iloc[0]
        assert 0 < mean <= TAU


@few
@given(SEEDS)
def test_without_ties_or_censoring_before_the_horizon_a_risk_is_a_share(seed):
    design, people = study(seed)
    full = people.assign(event=(people["time"] < 9).astype(int))
    full["by"] = (full["time"] <= 6).astype(int)
    rows = effects(design, full).tidy()
    shares = risk_contrast(design, full, outcome="by").tidy()
    by_time = rows[(rows["horizon"] == 6) & rows["term"].str.startswith("risk")]
    same(shares.iloc[:4], by_time)


@few
@given(SEEDS)
def test_in_pairs_the_risk_difference_and_mcnemar_s_test_look_the_same_way(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(12, 60))
    people = pd.DataFrame(
        {"t": np.repeat([1, 0], n), "x": rng.normal(size=2 * n), "y": rng.integers(0, 2, 2 * n)}
    )
    people.loc[:1, "y"] = [0, 1]
    people.loc[n : n + 1, "y"] = [1, 0]
    pairs = Design((people["t"] == 1).to_numpy(), np.ones(2 * n), np.tile(np.arange(n), 2), "ATT")
    test = mcnemar(pairs, people, outcome="y")
    (_, b), (c, _) = test.detail.to_numpy()
    assert test.detail.to_numpy().sum() == n
    row = risk_contrast(pairs, people, outcome="y").tidy().set_index("term").loc["risk_difference"]
    assert row["estimate"] == pytest.approx((c - b) / n, abs=1e-12)
    # {(b + c) - (b - c)^2/n}/n^2, the variance of paired proportions
    assert row["std_error"] == pytest.approx(np.sqrt(b + c - (b - c) ** 2 / n) / n, rel=1e-9)
    assert test.statistic[0] == pytest.approx((b - c) ** 2 / (b + c), rel=1e-12)


@few
@given(SEEDS)
def test_with_replacement_every_treated_person_counts_once_and_the_sets_share_out_the_controls(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(30, 60))
    people = pd.DataFrame({"t": np.arange(n) < n // 3, "x": rng.normal(size=n), "y": rng.integers(0, 2, n)})
    people["t"] = people["t"].astype(int)
    people.loc[[0, 1], "y"] = [0, 1]
    matched = match(people, "t", covariates=["x"], distance=people["x"].to_numpy(), replace=True, ratio=2)
    found = risk_contrast(matched, people, outcome="y")
    assert found.risks[0] == pytest.approx(people.loc[people["t"] == 1, "y"].mean(), rel=1e-12)
    shares = (
        matched.pairs.assign(y=people["y"].to_numpy()[matched.pairs["control"]]).groupby("treated")["y"].mean()
    )
    assert found.risks[1] == pytest.approx(shares.mean(), rel=1e-12, abs=1e-12)
    assert found.n_control == matched.pairs["control"].nunique()


@few
@given(SEEDS, st.integers(3, 40))
def test_pairs_that_all_agree_have_no_error_and_raise_no_warning_whatever_their_weights(seed, n):
    rng = np.random.default_rng(seed)
    y = np.append(rng.integers(0, 2, n - 2), [0, 1])
    weights = np.tile(rng.gamma(1.0, 1.0, n) + 0.01, 2)
    pairs = Design(np.arange(2 * n) < n, weights, np.tile(np.arange(n), 2), "ATT")
    people = pd.DataFrame({"y": np.tile(y, 2), "time": np.tile(np.where(y, rng.uniform(0, 5, n), 9.0), 2)})
    by_answer = risk_contrast(pairs, people, outcome="y").tidy()
    by_time = time_to_event(pairs, people, time="time", event="y", at=[6], tau=6).tidy()
    for rows in (by_answer, by_time):
        contrasts = rows[rows["term"].str.contains("difference|ratio")]
        assert contrasts["std_error"].isna().all()
        assert contrasts["reason"].str.contains("clusters").all()
