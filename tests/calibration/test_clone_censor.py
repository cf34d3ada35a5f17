"""Clones, censoring and weights against a world in which referral takes time and the naive comparison is immortal."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.errors import DataError, UsageError
from pdd_outcomes.effects import clone_censor
from pdd_outcomes.effects.clone_censor import _estimates, _risk, _weighted_rows
from pdd_outcomes.survival import kaplan_meier

GRACE, AT = 90.0, (180.0, 365.0)


def world(seed: int, n: int = 3_000, effect: float = 0.0) -> pd.DataFrame:
    """Those at higher risk are referred less and later; from the referral on the log hazard moves by `effect`."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    untreated = rng.exponential(1 / (0.003 * np.exp(0.6 * x)))
    referred = rng.exponential(1 / (0.006 * np.exp(-0.5 * x)))
    happens = np.where(referred < untreated, referred + (untreated - referred) * np.exp(-effect), untreated)
    followed = np.minimum(happens, 400.0)
    return pd.DataFrame(
        {
            "x": x,
            "time": np.ceil(followed),
            "event": (happens <= 400).astype(int),
            "referred": np.where(referred < followed, np.ceil(referred), np.nan),
        }
    )


def naive(frame: pd.DataFrame) -> float:
    """Risk difference at the last horizon of those referred in the window against the others, from time zero."""
    inside = frame["referred"] <= GRACE
    event = (frame["event"] == 1) & (frame["time"] <= AT[1])
    return float(event[inside].mean() - event[~inside].mean())


def points(frame: pd.DataFrame) -> dict[str, float]:
    named = frame.rename(columns={"time": "_time", "event": "_event", "referred": "_start"})
    return _estimates(named, covariates=["x"], grace=GRACE, horizons=AT)


def test_where_there_is_no_effect_none_is_found_and_the_naive_comparison_finds_a_large_one() -> None:
    """Forty draws: the naive difference is -0.19 on average."""
    found = pd.DataFrame([points(world(seed)) for seed in range(40)])
    truth = float((world(999, 300_000)["time"] <= AT[1]).mean())
    assert abs(found["risk_difference@180"].mean()) < 0.006
    assert abs(found["risk_difference@365"].mean()) < 0.006
    assert found["risk_control@365"].mean() == pytest.approx(truth, abs=0.01)
    assert np.mean([naive(world(seed)) for seed in range(40)]) < -0.15


def test_an_effect_is_found_at_its_size() -> None:
    """Truth: those not yet referred are when the window ends, against nobody being referred before it ends."""
    effect, n = -0.7, 400_000
    rng = np.random.default_rng(5)
    x = rng.normal(size=n)
    threshold = rng.exponential(1 / (0.003 * np.exp(0.6 * x)))
    rate = 0.006 * np.exp(-0.5 * x)
    inside = np.minimum(rng.exponential(1 / rate), GRACE)
    later = GRACE + rng.exponential(1 / rate)
    risks = []
    for referred in (inside, later):
        happens = np.where(referred < threshold, referred + (threshold - referred) * np.exp(-effect), threshold)
        risks.append((happens <= AT[1]).mean())
    truth = risks[0] - risks[1]
    found = np.mean([points(world(seed, effect=effect))["risk_difference@365"] for seed in range(60)])
    assert truth < -0.05
    assert found == pytest.approx(truth, abs=0.012)


def test_intervals_hold_the_truth_nineteen_times_in_twenty() -> None:
    """Sixty draws of 700 people, 40 resamples: between 52 and 60 of a true 95% would be seen in 99% of such tests."""
    held = 0
    for seed in range(60):
        row = made(world(100 + seed, 700), replicates=40).tidy().set_index(["time", "term"])
        row = row.loc[(365.0, "risk_difference")]
        held += bool(row["conf_low"] <= 0 <= row["conf_high"])
    assert 52 <= held <= 60


def test_rows_are_the_persons_of_each_arm_until_what_they_did_leaves_it() -> None:
    frame = pd.DataFrame(
        {
            "x": [0.0, 1, 0, 1, 0, 1, 0, 1],
            "_time": [200.0, 200, 50, 200, 300, 30, 200, 120],
            "_event": [1, 0, 1, 1, 0, 1, 1, 1],
            "_start": [30.0, 60, np.nan, np.nan, 120, np.nan, 90, np.nan],
        }
    )
    rows, _ = _weighted_rows(frame, ["x"], GRACE)
    treated = rows.loc[rows["arm"] == "treated"]
    early, late = treated.loc[treated["start"] == 0], treated.loc[treated["start"] > 0]
    # Those not referred by day 90 are censored there; the event on day 50 counts in both arms.
    assert early["stop"].tolist() == [90, 90, 50, 90, 90, 30, 90, 90]
    assert early["event"].sum() == 2
    assert late["stop"].tolist() == [200, 200, 200]
    control = rows.loc[rows["arm"] == "control"]
    assert control.loc[control["event"], "stop"].tolist() == [50, 30, 200, 120]
    assert control.loc[control["start"] == GRACE, "stop"].tolist() == [200, 300, 120]
    assert (control["weight"] >= 1).all()


def test_the_weighted_risk_is_that_of_the_product_limit_estimate() -> None:
    frame = world(3, 300)
    rows, _ = _weighted_rows(
        frame.rename(columns={"time": "_time", "event": "_event", "referred": "_start"}), ["x"], GRACE
    )
    for arm in ("treated", "control"):
        own = rows.loc[rows["arm"] == arm].assign(event=lambda t: t["event"].astype(int))
        curve = kaplan_meier(own, "stop", "event", entry="start", weights="weight")
        wanted = 1 - curve.at(list(AT))["estimate"].to_numpy()
        np.testing.assert_allclose(_risk(own, np.array(AT)), wanted, rtol=1e-10)


def made(frame: pd.DataFrame, **options: object) -> object:
    settings = {
        "time": "time", "event": "event", "treatment_time": "referred", "grace": GRACE, "covariates": ["x"],
        "at": AT, "rng": np.random.default_rng(2), "replicates": 30,
    }  # fmt: skip
    return clone_censor(frame, **(settings | options))  # type: ignore[arg-type]


def test_the_result_is_tidy_and_repeatable() -> None:
    one, two = made(world(8)).tidy(), made(world(8)).tidy()
    pd.testing.assert_frame_equal(one, two)
    assert (
        one.groupby("time")["term"].apply(list).tolist()
        == [["risk_treated", "risk_control", "risk_difference", "risk_ratio"]] * 2
    )


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (lambda f: f.assign(referred=np.nan), {}, "nobody is treated"),
        (lambda f: f.assign(referred=1.0), {}, "everybody is treated"),
        (lambda f: f.assign(referred=-1.0), {}, "below 0"),
        (lambda f: f.assign(time=0.0), {}, "not above 0"),
        (lambda f: f.drop(columns="x"), {}, "not a column"),
        (lambda f: f, {"at": [90]}, "after the grace window"),
        (lambda f: f, {"grace": 0}, "above 0"),
    ],
)
def test_what_cannot_be_asked_is_refused(change, options, said) -> None:
    with pytest.raises((DataError, UsageError), match=said):
        made(change(world(1, 200)), **options)
