"""What must not change a cascade, an engagement or a per-protocol risk, and what must change it in step."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdd_outcomes.effects.cascade import cascade
from pdd_outcomes.effects.engagement import engagement
from pdd_outcomes.effects.per_protocol import PerProtocol, per_protocol
from pdd_outcomes.effects.per_protocol_fit import Arm, Setting, arm_risks

from ..tolerances import ROUNDING, SAME_ALGORITHM

SEED = st.integers(0, 2**32 - 1)
NUMBERS = ["estimate", "std_error", "conf_low", "conf_high"]


def people(seed: int, n: int = 240) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    offered = rng.integers(0, 2, n)
    completed = ((offered == 1) & (rng.random(n) < 0.3 + 0.3 * (x < 0))).astype(int)
    again = (rng.random(n) < 0.5 + 0.2 * (x > 0) - 0.2 * completed).astype(int)
    return pd.DataFrame({"x": x, "offered": offered, "completed": completed, "again": again, "one": 1})


def followed(seed: int, n: int = 160) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, a = rng.normal(size=n), np.arange(n) % 2
    time = rng.exponential(300 * np.exp(-0.4 * x))
    deviates = rng.exponential(500 * np.exp(-0.4 * x))
    return pd.DataFrame(
        {
            "a": a, "x": x, "time": np.minimum(time, 400), "event": (time <= 400).astype(int),
            "dev": np.where(deviates < 400, deviates, np.nan), "w": 1.0,
        }
    )  # fmt: skip


def kept(frame: pd.DataFrame, **options: object) -> PerProtocol:
    given = {"time": "time", "event": "event", "deviates": "dev", "covariates": ["x"], "at": [180, 365]}
    return per_protocol(frame, "a", **(given | options))  # type: ignore[arg-type]


def shown(frame: pd.DataFrame, **options: object) -> np.ndarray:
    result = engagement(frame, "again", offered="offered", completed="completed", covariates=["x"], **options)  # type: ignore[arg-type]
    return result.tidy()[NUMBERS].to_numpy(dtype=float)


@given(SEED)
@settings(max_examples=8)
def test_the_order_of_rows_changes_nothing(seed) -> None:
    frame, mixed = people(seed), np.random.default_rng(seed).permutation(240)
    np.testing.assert_allclose(shown(frame), shown(frame.iloc[mixed]), rtol=1e-7, atol=1e-10)
    stages = ["one", "offered", "completed"]
    pd.testing.assert_frame_equal(cascade(frame, stages).tidy(), cascade(frame.iloc[mixed], stages).tidy())
    long = followed(seed)
    order = np.random.default_rng(seed).permutation(len(long))
    np.testing.assert_allclose(
        kept(long).tidy()[NUMBERS], kept(long.iloc[order]).tidy()[NUMBERS], rtol=1e-7, atol=1e-10
    )


@given(SEED, st.floats(0.01, 100))
@settings(max_examples=8)
def test_the_scale_of_the_weights_changes_nothing(seed, scale) -> None:
    frame = people(seed).assign(w=scale)
    np.testing.assert_allclose(shown(frame), shown(frame, weights="w"), rtol=1e-7, atol=1e-10)
    long = followed(seed)
    np.testing.assert_allclose(
        kept(long).tidy()[NUMBERS], kept(long.assign(w=scale), weights="w").tidy()[NUMBERS], rtol=SAME_ALGORITHM
    )


@given(SEED)
@settings(max_examples=8)
def test_people_twice_in_clusters_of_themselves_give_the_same_answer(seed) -> None:
    frame = people(seed).assign(person=np.arange(240))
    twice = pd.concat([frame, frame], ignore_index=True)
    np.testing.assert_allclose(shown(frame), shown(twice, cluster="person"), rtol=1e-6, atol=1e-9)
    long = followed(seed).assign(person=np.arange(160))
    again = kept(pd.concat([long, long], ignore_index=True), cluster="person", truncate=1.0)
    np.testing.assert_allclose(
        kept(long, truncate=1.0).tidy()[NUMBERS], again.tidy()[NUMBERS], rtol=1e-6, atol=1e-9
    )


@given(SEED)
@settings(max_examples=8)
def test_stabilising_changes_nothing_where_nothing_is_truncated(seed) -> None:
    """The numerator is the same for everybody in an arm at a time, so it falls out of a weighted hazard."""
    frame = followed(seed)
    one, other = kept(frame, truncate=1.0).tidy(), kept(frame, truncate=1.0, stabilised=False).tidy()
    np.testing.assert_allclose(one[NUMBERS], other[NUMBERS], rtol=1e-7, atol=1e-10)


@given(SEED, st.sampled_from([1 / 30.4, 7.0, 24.0]))
@settings(max_examples=8)
def test_the_unit_of_time_changes_nothing(seed, unit) -> None:
    frame = followed(seed)
    other = frame.assign(time=frame["time"] * unit, dev=frame["dev"] * unit)
    one = kept(frame, step=30.0).tidy()[NUMBERS]
    two = kept(other, step=30.0 * unit, at=[180 * unit, 365 * unit]).tidy()[NUMBERS]
    np.testing.assert_allclose(one, two, rtol=1e-7, atol=1e-10)


@given(SEED)
@settings(max_examples=8)
def test_where_nobody_deviates_all_three_estimands_are_one(seed) -> None:
    result = kept(followed(seed).assign(dev=np.nan))
    np.testing.assert_allclose(result.risks[0], result.risks[2], rtol=ROUNDING)
    np.testing.assert_allclose(result.covariance[0], result.covariance[2], rtol=ROUNDING)
    assert result.arms["largest_weight"].tolist() == [1.0, 1.0]


def test_the_arms_of_an_unweighted_curve_are_those_of_kaplan_meier() -> None:
    from pdd_outcomes.survival import kaplan_meier

    frame = followed(4)
    for k, part in ((1, frame.assign(event=frame["event"] * ~(frame["dev"] < frame["time"]),
                                     time=np.fmin(frame["time"], frame["dev"]))), (2, frame)):  # fmt: skip
        curves = kaplan_meier(part, "time", "event", group="a")
        wanted = curves.at([180.0, 365.0]).set_index("group")
        for a, name in ((0, 1), (1, 0)):
            found = wanted.loc[name]
            np.testing.assert_allclose(1 - kept(frame).risks[k, a], found["estimate"], rtol=ROUNDING)


def test_the_influence_of_a_person_is_what_leaving_one_of_thirty_like_them_out_changes() -> None:
    """With the part that the person has in the estimated weights: without it the two are 13% apart."""
    one = followed(12, 100).query("a == 1")
    many = pd.concat([one] * 30, ignore_index=True)
    chosen = Setting(np.array([180.0, 365.0]), 30.0, True, 1.0)

    def risks(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        leave = frame["dev"].fillna(np.inf).to_numpy()
        happened = frame["event"].to_numpy() == 1
        arm = Arm(
            frame["time"].to_numpy(), happened, leave, frame[["x"]].to_numpy(), ("x",), np.ones(len(frame))
        )
        return arm_risks(arm, chosen)[0][0]

    whole, influence = risks(many)
    picked = list(range(0, 50, 4))
    changed = np.array([whole - risks(many.drop(index=i))[0] for i in picked])
    assert np.abs(changed - influence[picked]).max() < 0.005 * np.abs(changed).max()


def test_the_as_treated_variance_is_that_of_leaving_each_person_out() -> None:
    frame = people(3, 200)

    def difference(part: pd.DataFrame) -> float:
        made = engagement(part, "again", offered="offered", completed="completed", covariates=["x"])
        return next(c for c in made.contrasts if c.estimand == "as treated").difference

    without = np.array([difference(frame.drop(index=i)) for i in range(len(frame))])
    made = engagement(frame, "again", offered="offered", completed="completed", covariates=["x"]).tidy()
    row = made.loc[(made["estimand"] == "as treated") & (made["measure"] == "risk_difference")].iloc[0]
    assert row["std_error"] == pytest.approx(np.sqrt(((without - without.mean()) ** 2).sum()), rel=0.04)


@given(SEED)
@settings(max_examples=8)
def test_the_wald_ratio_times_the_first_stage_is_the_intention_to_treat(seed) -> None:
    made = engagement(people(seed), "again", offered="offered", completed="completed")
    found = {one.estimand: one.difference for one in made.contrasts}
    assert found["complier"] * made.first_stage[0] == pytest.approx(found["intention to treat"], abs=1e-12)
    assert made.selection[0] == pytest.approx(found["naive"] - found["complier"], abs=1e-12)
