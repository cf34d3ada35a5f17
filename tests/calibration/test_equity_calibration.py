"""Coverage of adjusted probabilities, inequality and net-widening on worlds of which the truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.synthesis.equity import equity
from pdd_outcomes.synthesis.inequality import between_group_variance
from pdd_outcomes.synthesis.net_widening import net_widening

GROUPS, SHARES = np.array(list("abcd")), np.array([0.5, 0.2, 0.2, 0.1])


def offered(rng: np.random.Generator, effect: np.ndarray, n: int = 1000, forces: int = 13) -> pd.DataFrame:
    group, x, force = rng.choice(4, n, p=SHARES), rng.normal(size=n), rng.integers(0, forces, n)
    eta = -0.7 + 0.5 * x + effect[group] + rng.normal(0, 0.4, forces)[force]
    y = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int)
    return pd.DataFrame({"group": GROUPS[group], "x": x, "force": force, "y": y})


def truth(effect: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(0)
    eta = -0.7 + rng.normal(0, np.hypot(0.5, 0.4), 200_000)
    return np.array([(1 / (1 + np.exp(-eta - e))).mean() for e in effect])


@pytest.mark.parametrize("effect", [np.zeros(4), np.array([0.0, 0.4, -0.4, 0.6])])
def test_intervals_clustered_on_thirteen_forces_cover(effect: np.ndarray) -> None:
    rng, p = np.random.default_rng(11), truth(effect)
    between = float(between_group_variance(p, SHARES))
    runs, hits = 100, np.zeros(4)  # fewer would not tell 0.95 from 0.85
    for _ in range(runs):
        found = equity(offered(rng, effect), "y", by=["group"], covariates=["x"], cluster="force")
        rows = found.tidy().set_index(["term", "measure"])
        goals = [(("b", "probability"), p[1]), (("b", "difference"), p[1] - p[0])]
        for k, (key, value) in enumerate(goals):
            hits[k] += rows.loc[key, "conf_low"] <= value <= rows.loc[key, "conf_high"]
        index = found.inequality().tidy().set_index("term").loc["between-group variance"]
        hits[2] += index["conf_low"] - 1e-12 <= between <= index["conf_high"]
        hits[3] += found.tests().p_value[0] >= 0.05
    assert (hits[:3] / runs >= 0.89).all(), hits / runs
    if not effect.any():
        assert 0.89 <= hits[3] / runs <= 0.99


def eligible(rng: np.random.Generator, schemes: int = 9, others: int = 4, size: int = 250) -> pd.DataFrame:
    force = np.repeat(np.arange(schemes + others), size)
    x, scheme = rng.normal(size=len(force)), force < schemes
    usual = rng.normal(0, 0.2, schemes + others)[force]
    nfa = rng.random(len(force)) < 1 / (1 + np.exp(0.5 - 0.7 * x - usual))
    d = rng.random(len(force)) < np.where(scheme, 1 / (1 + np.exp(0.5 - 0.5 * x)), 0.02)
    return pd.DataFrame(
        {"force": force, "x": x, "d": d.astype(int), "nfa": np.where(d, np.nan, nfa), "out": (~scheme).astype(int), "would": nfa}
    )  # fmt: skip


def test_net_widening_covers_with_four_comparison_forces_where_people_alone_do_not() -> None:
    big = eligible(np.random.default_rng(9), 300, 300)
    share = big.loc[(big["d"] == 1) & (big["out"] == 0), "would"].mean()
    rng, runs, hits = np.random.default_rng(12), 150, np.zeros(3)
    for _ in range(runs):
        data = eligible(rng)
        common = {"no_further_action": "nfa", "covariates": ["x"], "comparison": "out"}
        rows = net_widening(data, "d", **common, cluster="force").tidy()  # type: ignore[arg-type]
        alone = net_widening(data, "d", **common).tidy()  # type: ignore[arg-type]
        for k, row in enumerate((rows.iloc[0], rows.iloc[-1], alone.iloc[0])):
            hits[k] += row["conf_low"] <= share <= row["conf_high"]
    assert (hits[:2] / runs >= 0.9).all(), hits / runs
    assert hits[2] / runs < 0.85
