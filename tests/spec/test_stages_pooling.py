"""Forces that share comparison people are pooled with the covariance that makes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.sandwich import clustered_covariance
from pdd_outcomes.design import match
from pdd_outcomes.effects import TimeToEvent, time_to_event
from pdd_outcomes.stages.pooling import Influences

TIMES = {"time": "time", "event": "event", "at": [90.0, 365.0], "tau": 365.0, "intervals": [100.0]}


def people(n: int = 600, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    t = (rng.random(n) < 1 / (1 + np.exp(1 - 0.5 * x))).astype(int)
    raw = rng.exponential(500 * np.exp(-0.3 * x + 0.3 * t))
    time = np.ceil(np.minimum(raw, 400))
    return pd.DataFrame({"who": np.arange(n), "x": x, "t": t, "time": time, "event": (raw <= 400).astype(int)})


def estimated(frame: pd.DataFrame, **options: object) -> TimeToEvent:
    return time_to_event(match(frame, "t", covariates=["x"], caliper=0.2, **options), frame, **TIMES)  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{}, {"ratio": 2}, {"replace": True}])
def test_influences_give_back_every_standard_error(options: dict[str, object]) -> None:
    result = estimated(people(), **options)
    rows = result.tidy()
    for (measure, horizon, start), psi in result.influences().items():
        row = rows[rows["term"] == measure]
        if measure != "hazard_ratio":
            row = row[(row["horizon"] == horizon) & (row["interval_start"].fillna(0.0) == start)]
        assert len(row) == 1
        variance = clustered_covariance(psi[:, None], result.sample.clusters)[0, 0]
        assert np.sqrt(variance) == pytest.approx(row["std_error"].iloc[0], rel=1e-9)
    assert len(result.influences()) == 2 + 1 + 1 + 2


def test_forces_that_share_nobody_do_not_covary_and_a_force_twice_covaries_wholly() -> None:
    frame = people()
    result = estimated(frame)
    shared = Influences()
    key = ("a", "y", "risk_difference", 365.0, 0.0)
    for name, who in (("one", frame["who"]), ("same", frame["who"]), ("other", frame["who"] + 10_000)):
        shared.add("a", "y", name, who, result)
    rows = result.tidy()
    error = rows[(rows["term"] == "risk_difference") & (rows["horizon"] == 365)]["std_error"].iloc[0]
    v = shared.covariance(key, ["one", "same", "other"], np.full(3, error))
    assert v[0, 2] == v[1, 2] == 0
    # Person by person: the pairs' own likeness is in the variances, not between forces.
    alone = sum(psi**2 for psi in result.influences()["risk_difference", 365.0, 0.0])
    assert v[0, 1] == pytest.approx(alone, rel=1e-9)
    assert np.diag(v) == pytest.approx(error**2)


def test_shared_controls_give_the_covariance_that_repeated_draws_have() -> None:
    # Two forces' treated people against one pool: the covariance of their differences is that of the pool's risk.
    def draw(seed: int) -> tuple[float, float, float]:
        rng = np.random.default_rng(seed)
        n = 150
        pool = pd.DataFrame({"who": np.arange(n), "t": 0, "y": rng.random(n) < 0.4})
        found, shared, estimates = [], Influences(), []
        for force in ("one", "two"):
            own = pd.DataFrame(
                {"who": 1_000 * (1 + (force == "two")) + np.arange(n), "t": 1, "y": rng.random(n) < 0.3}
            )
            frame = pd.concat([own, pool], ignore_index=True)
            frame["time"], frame["event"] = np.where(frame["y"], 50.0, 400.0), frame["y"].astype(int)
            result = time_to_event(
                match(frame, "t", distance=np.zeros(2 * n)),
                frame,
                time="time",
                event="event",
                at=[365.0],
                tau=365.0,
            )
            shared.add("a", "y", force, frame["who"], result)
            found.append(result.tidy().set_index("term").loc["risk_difference", "estimate"])
            estimates.append(result)
        v = shared.covariance(("a", "y", "risk_difference", 365.0, 0.0), ["one", "two"], np.ones(2))
        return found[0], found[1], v[0, 1]

    drawn = np.array([draw(seed) for seed in range(300)])
    simulated = np.cov(drawn[:, 0], drawn[:, 1])[0, 1]
    assert drawn[:, 2].mean() == pytest.approx(0.4 * 0.6 / 150, rel=0.02)
    assert simulated == pytest.approx(drawn[:, 2].mean(), rel=0.25)
