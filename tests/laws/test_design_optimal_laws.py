"""Optimal pair and full matching, against solvers that look at every pair."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, linear_sum_assignment, milp

from pdd_outcomes.core.errors import UsageError
from pdd_outcomes.design import match
from pdd_outcomes.design.full import full_on_points, full_on_score
from pdd_outcomes.design.optimal import optimal_on_points, optimal_on_score
from tests.laws.test_weight_laws import COVARIATES, people

SEEDS = st.integers(min_value=0, max_value=100_000)
CALIPERS = st.sampled_from([None, 0.3, 0.8, 2.0])
EDGE = 1e-9  # a distance equal to the caliper but for rounding is inside it


def crowd(seed: int, most: int = 16) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores with many ties at times, arms of any sizes, one or two strata."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, most))
    score = np.round(rng.normal(size=n) * 2, rng.integers(0, 4))
    treated = rng.random(n) < rng.choice([0.2, 0.5, 0.8])
    return score, treated, rng.integers(0, rng.integers(1, 3), n)


def best_assignment(score, focal, stratum, ratio, caliper):
    """Links and total distance of an optimum: as many as can be, then the least total."""
    links, total, far = 0, 0.0, 1e4
    for code in np.unique(stratum):
        a = np.repeat(np.flatnonzero(focal & (stratum == code)), ratio)
        b = np.flatnonzero(~focal & (stratum == code))
        if not len(a) or not len(b):
            continue
        away = np.abs(score[a][:, None] - score[b])
        price = away if caliper is None else np.where(away <= caliper + EDGE, away, far)
        i, j = linear_sum_assignment(price)
        real = price[i, j] < far
        links, total = links + int(real.sum()), total + float(away[i, j][real].sum())
    return links, total


def best_cover(score, treated, stratum, caliper):
    """People covered and total distance of an optimal full match, by integer programming."""
    people_, total = 0, 0.0
    for code in np.unique(stratum):
        a = np.flatnonzero(treated & (stratum == code))
        b = np.flatnonzero(~treated & (stratum == code))
        if not len(a) or not len(b):
            continue
        away = np.abs(score[a][:, None] - score[b])
        near = away <= (np.inf if caliper is None else caliper + EDGE)
        i, j = np.nonzero(near)
        rules = [(i == k).astype(float) for k in np.flatnonzero(near.any(axis=1))]
        rules += [(j == k).astype(float) for k in np.flatnonzero(near.any(axis=0))]
        people_ += len(rules)
        if rules:
            found = milp(
                away[i, j],
                constraints=LinearConstraint(np.array(rules), 1, np.inf),
                integrality=np.ones(len(i)),
                bounds=Bounds(0, 1),
            )
            total += float(found.fun)
    return people_, total


@settings(max_examples=300)
@given(seed=SEEDS, ratio=st.integers(1, 3), caliper=CALIPERS)
def test_an_optimal_match_makes_the_most_links_and_of_those_the_least_total(seed, ratio, caliper):
    score, focal, stratum = crowd(seed)
    expected = best_assignment(score, focal, stratum, ratio, caliper)
    for made in (
        optimal_on_score(score, focal, stratum, ratio=ratio, caliper=caliper),
        optimal_on_points(score[:, None], focal, stratum, ratio=ratio, caliper=caliper),
    ):
        used = made.partner[made.partner >= 0]
        assert len(set(used.tolist())) == len(used)
        assert not focal[used].any()
        row = np.repeat(made.focal, ratio).reshape(-1, ratio)[made.partner >= 0]
        assert (stratum[row] == stratum[used]).all()
        assert len(used) == expected[0]
        assert np.nansum(made.distance) == pytest.approx(expected[1], abs=1e-8)
        if caliper is not None and len(used):
            assert np.nanmax(made.distance) <= caliper


@settings(max_examples=200)
@given(seed=SEEDS, caliper=CALIPERS)
def test_a_full_match_covers_everyone_who_can_be_at_the_least_total_and_is_made_of_stars(seed, caliper):
    score, treated, stratum = crowd(seed)
    expected = best_cover(score, treated, stratum, caliper)
    for made in (
        full_on_score(score, treated, stratum, caliper=caliper),
        full_on_points(score[:, None], treated, stratum, caliper=caliper),
    ):
        assert treated[made.treated].all()
        assert not treated[made.control].any()
        assert (stratum[made.treated] == stratum[made.control]).all()
        away = np.abs(score[made.treated] - score[made.control])
        assert len(set(made.treated.tolist())) + len(set(made.control.tolist())) == expected[0]
        assert away.sum() == pytest.approx(expected[1], abs=1e-8)
        degree = np.bincount(np.concatenate([made.treated, made.control]), minlength=len(score))
        assert not ((degree[made.treated] > 1) & (degree[made.control] > 1)).any()
        if caliper is not None and len(away):
            assert away.max() <= caliper + EDGE


@settings(max_examples=25)
@given(seed=SEEDS, ratio=st.integers(1, 2), caliper=st.sampled_from([None, 0.2]))
def test_optimal_is_never_worse_than_greedy(seed, ratio, caliper):
    data = people(seed, n=150)
    asked = {"covariates": COVARIATES, "ratio": ratio, "caliper": caliper}
    greedy, best = (match(data, "t", method=m, **asked).pairs["distance"] for m in ("nearest", "optimal"))
    assert len(best) >= len(greedy)
    if len(best) == len(greedy):
        assert best.sum() <= greedy.sum() + 1e-9


@settings(max_examples=25)
@given(seed=SEEDS, method=st.sampled_from(["optimal", "full"]))
def test_the_order_of_the_rows_and_a_constant_added_to_the_score_change_no_match(seed, method):
    rng = np.random.default_rng(seed)
    n = 80
    data = pd.DataFrame({"t": (rng.random(n) < 0.3).astype(int), "who": np.arange(n)})
    data.loc[0, "t"], data.loc[1, "t"] = 1, 0
    score = rng.normal(size=n)
    turn = rng.permutation(n)

    def links(frame: pd.DataFrame, values: np.ndarray) -> float:
        return float(match(frame, "t", distance=values, method=method).pairs["distance"].sum())

    plain = links(data, score)
    assert links(data.iloc[turn], score[turn]) == pytest.approx(plain, abs=1e-9)
    assert links(data, score + 1_000) == pytest.approx(plain, abs=1e-7)


@settings(max_examples=20)
@given(seed=SEEDS, estimand=st.sampled_from(["ATT", "ATC", "ATE"]))
def test_sets_of_a_full_match_are_weighted_by_whom_the_effect_is_of(seed, estimand):
    made = match(people(seed), "t", covariates=COVARIATES, method="full", estimand=estimand)
    t, w, code = made.treated, made.weights, made.set_id
    about = {"ATT": t, "ATC": ~t, "ATE": t | True}[estimand]
    share = np.bincount(code[about], minlength=made.n_sets) / about.sum()
    for arm in (t, ~t):
        counted = np.bincount(code[arm], weights=w[arm], minlength=made.n_sets)
        np.testing.assert_allclose(counted / counted.sum(), share, atol=1e-12)
    pairs = made.pairs
    assert (code[pairs["treated"]] == code[pairs["control"]]).all()
    sizes = pd.crosstab(code, t)
    assert (sizes.min(axis=1) == 1).all()


def test_an_optimal_match_of_five_by_hand():
    # Greedy takes 0-1 first and is left with 4 for 1.1; crossing over costs 0.1 + 0.9 + ... less.
    data = pd.DataFrame({"t": [1, 1, 0, 0, 0], "x": [1.0, 1.2, 1.1, 0.0, 4.0]})
    made = match(data, "t", distance=data["x"].to_numpy(), method="optimal").pairs
    # 1.0 with 0.0 and 1.2 with 1.1 is 1.1; 1.0 with 1.1 and 1.2 with 0.0 is 1.3.
    assert made[["treated", "control"]].to_numpy().tolist() == [[0, 3], [1, 2]]
    assert made["distance"].sum() == pytest.approx(1.1)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"method": "optimal", "replace": True}, "replace=True: for method='nearest'"),
        ({"method": "optimal", "order": "closest"}, "order='closest'"),
        ({"method": "full", "ratio": 2}, "ratio=2: for method='nearest' or 'optimal'"),
        ({"method": "optimal", "estimand": "ATE"}, "cannot target the ATE"),
        ({"method": "full", "distance": "mahalanobis", "caliper": 0.2}, "caliper_scale='raw'"),
    ],
)
def test_options_without_meaning_are_refused(asked, words):
    with pytest.raises(UsageError, match=words):
        match(people(1), "t", covariates=COVARIATES, **asked)
