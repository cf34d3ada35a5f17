"""Matches under limits on single columns, against looking at everybody every time; distances between points."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdd_outcomes.core.errors import DataError, UsageError
from pdd_outcomes.core.formula import covariate_matrix
from pdd_outcomes.design import match
from pdd_outcomes.design.distance import scaled, whitened, whitened_ranks

SEEDS = st.integers(min_value=0, max_value=100_000)
ORDERS = st.sampled_from(["largest", "smallest", "data", "closest"])


def crowd(seed: int, n: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "t": (rng.random(n) < 0.35).astype(int),
            "x": rng.normal(size=n),
            "age": rng.integers(18, 40, n),
            "officer": rng.integers(0, 4, n).astype(str),
            "force": rng.choice(["a", "b"], n),
        }
    )
    frame.loc[0, "t"], frame.loc[1, "t"] = 1, 0
    return frame


def allowed(frame, i, j, years, apart, caliper):
    one, other = frame.iloc[i], frame.iloc[j]
    fine = abs(one["x"] - other["x"]) <= (np.inf if caliper is None else caliper)
    fine &= years is None or abs(one["age"] - other["age"]) <= years
    fine &= not apart or one["officer"] != other["officer"]
    return fine and one["force"] == other["force"]


def naive(frame, order, years, apart, caliper, ratio, replace):
    """Pairs by looking at everybody every time."""
    treated, free = np.flatnonzero(frame["t"] == 1), set(np.flatnonzero(frame["t"] == 0).tolist())
    x = frame["x"].to_numpy()
    found: dict[int, list[int]] = {i: [] for i in treated.tolist()}

    def best(i):
        near = [j for j in free - set(found[i]) if allowed(frame, i, j, years, apart, caliper)]
        return min(((abs(x[i] - x[j]), j) for j in near), default=None)

    for _ in range(ratio):
        waiting = [i for i in treated.tolist() if len(found[i]) == _]
        if order == "closest" and not replace:
            while True:
                ways = [(*way, i) for i in waiting if (way := best(i))]
                if not ways:
                    break
                _far, j, i = min(ways, key=lambda way: (way[0], way[2]))
                found[i].append(j)
                free.discard(j)
                waiting.remove(i)
            continue
        keys = {
            "largest": lambda i: -x[i],
            "smallest": lambda i: x[i],
            "data": lambda i: i,
            "closest": lambda i: i,
        }
        for i in sorted(waiting, key=keys[order]):
            way = best(i)
            if way:
                found[i].append(way[1])
                if not replace:
                    free.discard(way[1])
    return sorted((i, j) for i, partners in found.items() for j in partners)


@settings(max_examples=120)
@given(
    seed=SEEDS,
    order=ORDERS,
    years=st.sampled_from([None, 3, 8]),
    apart=st.booleans(),
    caliper=st.sampled_from([None, 0.4]),
    ratio=st.integers(1, 2),
    replace=st.booleans(),
)
def test_a_match_under_limits_is_the_greedy_one_among_those_allowed(
    seed, order, years, apart, caliper, ratio, replace
):
    if years is None and not apart:
        apart = True
    frame = crowd(seed)
    expected = naive(frame, order, years, apart, caliper, ratio, replace)
    asked = {
        "distance": frame["x"].to_numpy(),
        "caliper": caliper,
        "caliper_scale": "raw",
        "exact": ["force"],
        "within": {} if years is None else {"age": years},
        "anti_exact": ["officer"] if apart else [],
        "order": order,
        "ratio": ratio,
        "replace": replace,
    }
    if not expected:
        with pytest.raises(DataError):
            match(frame, "t", **asked)
        return
    made = match(frame, "t", **asked).pairs
    assert list(zip(made["treated"], made["control"])) == expected


@settings(max_examples=40)
@given(seed=SEEDS, method=st.sampled_from(["optimal", "full"]), kind=st.sampled_from(["score", "points"]))
def test_optimal_and_full_keep_to_the_limits_and_optimal_makes_as_many_links_as_greedy(seed, method, kind):
    frame = crowd(seed)
    asked = {"within": {"age": 6}, "anti_exact": ["officer"], "exact": ["force"]}
    asked |= (
        {"distance": frame["x"].to_numpy()}
        if kind == "score"
        else {"covariates": ["x", "age"], "distance": "mahalanobis"}
    )
    made = match(frame, "t", method=method, **asked).pairs
    for i, j in zip(made["treated"], made["control"]):
        assert allowed(frame, i, j, 6, True, None)
    if method == "optimal":
        assert len(made) >= len(match(frame, "t", **asked).pairs)


def test_mahalanobis_within_calipers_of_a_score_takes_the_nearest_point_inside():
    frame = crowd(9).assign(logit=lambda d: d["x"] / 2)
    made = match(
        frame, "t", covariates=["x", "age"], distance="mahalanobis", within={"logit": 0.2}, replace=True
    )
    points = whitened(covariate_matrix(frame, ["x", "age"]), (frame["t"] == 1).to_numpy())
    for i, j, far in made.pairs.itertuples(index=False):
        others = np.flatnonzero((frame["t"] == 0) & ((frame["logit"] - frame["logit"][i]).abs() <= 0.2))
        reach = np.sqrt(((points[others] - points[i]) ** 2).sum(axis=1))
        assert far == pytest.approx(reach.min())
        assert j in others


def test_the_robust_distance_is_rosenbaums_by_its_definition():
    frame = crowd(3).assign(rare=lambda d: (d.index % 9 == 0).astype(float))
    names = ["x", "age", "rare"]
    points = whitened_ranks(covariate_matrix(frame, names), (frame["t"] == 1).to_numpy())
    ranks = frame[names].rank().to_numpy()
    covariance = np.cov(ranks, rowvar=False)
    stretch = np.arange(1, len(frame) + 1).std(ddof=1) / np.sqrt(np.diag(covariance))
    inverse = np.linalg.inv(covariance * np.outer(stretch, stretch))
    for i, j in ((0, 1), (4, 30), (12, 13)):
        gap = ranks[i] - ranks[j]
        assert ((points[i] - points[j]) ** 2).sum() == pytest.approx(gap @ inverse @ gap)


def test_an_outlier_moves_the_robust_distance_no_further_than_its_rank():
    frame = crowd(4)
    arm = (frame["t"] == 1).to_numpy()
    far = frame.assign(x=frame["x"].where(frame["x"] < frame["x"].max(), 1e6))
    one, other = (whitened_ranks(covariate_matrix(d, ["x", "age"]), arm) for d in (frame, far))
    np.testing.assert_array_equal(one, other)


def test_scaled_columns_have_a_spread_of_1_within_the_arms():
    frame = crowd(5)
    arm = (frame["t"] == 1).to_numpy()
    points = scaled(covariate_matrix(frame, ["x", "age"]), arm)
    within = np.concatenate([points[a] - points[a].mean(axis=0) for a in (arm, ~arm)])
    np.testing.assert_allclose((within**2).sum(axis=0) / (len(frame) - 1), 1)


@pytest.mark.parametrize("distance", ["robust_mahalanobis", "euclidean", "scaled_euclidean"])
def test_every_distance_matches_and_says_what_it_is(distance):
    made = match(crowd(6), "t", covariates=["x", "age"], distance=distance)
    assert len(made.pairs) == made.treated.sum()
    assert made.describe().startswith(f"Nearest-neighbour matching on {made.distance.words}")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"within": {"age": -1}}, "must be a number of at least 0"),
        ({"within": {"age": "two"}}, "must be a number of at least 0"),
        ({"within": ["age"]}, "must be a mapping"),
        ({"method": "cem", "within": {"age": 2}}, "between two people"),
    ],
)
def test_limits_that_cannot_be_are_refused(asked, words):
    with pytest.raises(UsageError, match=words):
        match(crowd(7), "t", covariates=["x"], **asked)


def test_a_limit_on_a_column_that_is_not_there_names_it():
    with pytest.raises(DataError, match="aeg"):
        match(crowd(7), "t", covariates=["x"], within={"aeg": 2})
