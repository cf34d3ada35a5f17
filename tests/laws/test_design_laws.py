"""What must hold of every match and every balance table, whatever the data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdd_outcomes.design import balance, match, propensity_score
from pdd_outcomes.design.nearest import ALIKE, ROUNDING, nearest_on_score
from pdd_outcomes.design.nearest_points import nearest_on_points
from tests.tolerances import R_CLOSED_FORM, SAME_ALGORITHM
from tests.tolerances import ROUNDING as ROUND

ORDERS = ("largest", "smallest", "data", "closest", "random")


def spread_of(score):
    low, high = np.quantile(score, [0.25, 0.75])
    return min(score.std(), (high - low) / 1.349)


def choice(score, i, pool, near, grain):
    """The rule of `nearest`, by looking at everybody: the row chosen, and the least distance."""
    below, above = pool[score[pool] <= score[i]], pool[score[pool] > score[i]]
    left = below[np.lexsort((below, -score[below]))[0]] if len(below) else None
    right = above[np.lexsort((above, score[above]))[0]] if len(above) else None
    if left is None or right is None:
        only = left if right is None else right
        return only, abs(score[only] - score[i])
    down, up = score[i] - score[left], score[right] - score[i]
    lower = down <= up + grain or (down < near and up < near)
    return (left if lower else right), min(down, up)


def naive(score, focal, stratum, *, ratio=1, replace=False, caliper=None, order="largest", turns=None):
    """Greedy matching by looking at everybody every time: O(n^2) and plain."""
    spread = spread_of(score)
    near, grain = ALIKE * spread, max(ROUNDING * spread, np.finfo(float).tiny)
    rows = np.flatnonzero(focal)
    ranked = rows[np.argsort(-score[rows], kind="stable")]
    turns = {
        "largest": ranked,
        "smallest": rows[np.argsort(score[rows], kind="stable")],
        "data": rows,
        "closest": ranked,
        "random": turns,
    }[order]
    free = ~focal
    links = {i: [] for i in rows.tolist()}

    def look(i):
        pool = np.flatnonzero(free & (stratum == stratum[i]))
        if replace:
            pool = np.setdiff1d(pool, links[i])
        if caliper is not None:
            pool = pool[np.abs(score[pool] - score[i]) <= caliper + grain]
        return choice(score, i, pool, near, grain) if len(pool) else None

    for r in range(ratio):
        waiting = [i for i in turns.tolist() if len(links[i]) == r]
        while waiting:
            i = waiting[0]
            if order == "closest" and not replace:
                seen = [(look(i), i) for i in waiting]
                waiting = [i for found, i in seen if found]
                if not waiting:
                    break
                keys = [0.0 if found[1] < near else np.rint(found[1] / grain) for found, _ in seen if found]
                i = waiting[int(np.argmin(keys))]
            found = look(i)
            waiting.remove(i)
            if found:
                links[i].append(int(found[0]))
                free[found[0]] = replace
    return {i: tuple(chosen) for i, chosen in links.items()}


def chosen_by(chosen):
    return {int(i): tuple(int(j) for j in js if j >= 0) for i, js in zip(chosen.focal, chosen.partner)}


@st.composite
def problems(draw):
    n = draw(st.integers(2, 40))
    kind = draw(st.sampled_from(["whole", "tenths", "real", "clusters"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if kind == "real":
        score = rng.normal(size=n)
    elif kind == "clusters":  # far-apart people, each with neighbours a hair away
        score = rng.integers(0, 4, n) + rng.integers(-3, 4, n) * 3e-7
    else:
        score = rng.integers(0, draw(st.sampled_from([1, 5, 50])) + 1, n) / (10 if kind == "tenths" else 1)
    focal = rng.random(n) < draw(st.sampled_from([0.2, 0.5, 0.8]))
    focal[0], focal[-1] = True, False
    stratum = rng.integers(0, draw(st.integers(1, 3)), n)
    return score.astype(float), focal, stratum


@settings(max_examples=400, deadline=None)
@given(
    problems(),
    st.sampled_from(ORDERS),
    st.integers(1, 3),
    st.booleans(),
    st.sampled_from([None, 0.0, 0.1, 0.5, 2.0]),
    st.integers(0, 2**32 - 1),
)
def test_the_sorted_matcher_gives_what_looking_at_everybody_gives(
    problem, order, ratio, replace, caliper, seed
):
    score, focal, stratum = problem
    turns = np.flatnonzero(focal)[np.random.default_rng(seed).permutation(focal.sum())]
    options = {"ratio": ratio, "replace": replace, "caliper": caliper, "order": order}
    got = nearest_on_score(score, focal, stratum, **options, rng=np.random.default_rng(seed))
    assert chosen_by(got) == naive(score, focal, stratum, **options, turns=turns)


@pytest.mark.parametrize("order", ["largest", "smallest", "data", "closest"])
@pytest.mark.parametrize("replace", [False, True])
def test_and_at_a_thousand_people(order, replace):
    rng = np.random.default_rng(7)
    score = rng.normal(size=1000)
    focal = rng.random(1000) < 0.3
    stratum = rng.integers(0, 3, 1000)
    options = {"ratio": 2, "replace": replace, "caliper": 0.2, "order": order}
    got = nearest_on_score(score, focal, stratum, **options)
    assert chosen_by(got) == naive(score, focal, stratum, **options)


@st.composite
def frames(draw, distinct=True):
    n = draw(st.integers(6, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    score = rng.permutation(n).astype(float) if distinct else rng.integers(0, 6, n).astype(float)
    treated = rng.random(n) < draw(st.sampled_from([0.3, 0.5, 0.7]))
    treated[:2] = [True, False]
    frame = pd.DataFrame({"t": treated.astype(int), "site": rng.integers(0, 2, n), "x": rng.normal(size=n)})
    frame.loc[:1, "site"] = 0
    return frame, score


CALLS = st.fixed_dictionaries(
    {
        "ratio": st.integers(1, 3),
        "replace": st.booleans(),
        "caliper": st.sampled_from([None, 0.2, 1.0]),
        "exact": st.sampled_from([(), ("site",)]),
        "order": st.sampled_from(ORDERS),
        "estimand": st.sampled_from(["ATT", "ATC"]),
    }
)


def attempt(frame, score, call):
    """The match, with a caliper wide enough that the first two rows can always be matched."""
    call = dict(call)
    if call["caliper"] is not None:
        call["caliper"] = max(call["caliper"] * score.std(ddof=1), abs(score[0] - score[1]))
        call["caliper_scale"] = "raw"
    return match(frame, "t", distance=score, rng=np.random.default_rng(1), **call), call


@settings(max_examples=200, deadline=None)
@given(frames(distinct=False), CALLS)
def test_what_every_match_promises(framed, call):
    frame, score = framed
    matched, call = attempt(frame, score, call)
    pairs, w, t = matched.pairs, matched.weights, frame["t"].to_numpy() == 1
    focal, other = ("treated", "control") if call["estimand"] == "ATT" else ("control", "treated")
    arm = t if call["estimand"] == "ATT" else ~t
    assert t[pairs["treated"]].all()
    assert not t[pairs["control"]].any()
    assert not pairs.duplicated(["treated", "control"]).any()
    assert pairs.equals(pairs.sort_values(["treated", "control"], ignore_index=True))
    assert np.allclose(pairs["distance"], np.abs(score[pairs["treated"]] - score[pairs["control"]]))
    if call["caliper"] is not None:
        assert (pairs["distance"] <= call["caliper"]).all()
    if call["exact"]:
        site = frame["site"].to_numpy()
        assert (site[pairs["treated"]] == site[pairs["control"]]).all()
    if not call["replace"]:
        assert not pairs[other].duplicated().any()
    sizes = pairs.groupby(focal).size()
    assert (sizes <= call["ratio"]).all()
    # Weights: focal people 1; the others' sum to how many they are; nobody unmatched counts.
    assert set(np.flatnonzero(w > 0)) == set(pairs["treated"]) | set(pairs["control"])
    assert (w[pairs[focal]] == 1).all()
    assert w[~arm].sum() == pytest.approx(pairs[other].nunique(), rel=ROUND)
    # Sets: in one if and only if matched; without replacement a set holds one focal person.
    assert ((matched.set_id >= 0) == (w > 0)).all()
    assert sorted(set(matched.set_id[matched.set_id >= 0])) == list(range(matched.set_id.max() + 1))
    assert (matched.set_id[pairs["treated"]] == matched.set_id[pairs["control"]]).all()
    rows = matched.analysis_rows()
    assert (rows.weight > 0).all()
    if call["replace"]:
        share = pd.Series(rows.weight[~arm[rows.row]]).groupby(rows.clusters[0][~arm[rows.row]]).sum()
        assert np.allclose(share, 1)
    assert (matched.estimand == call["estimand"]) == (w[arm] > 0).all()


@settings(max_examples=150, deadline=None)
@given(frames(), CALLS.filter(lambda c: c["order"] not in ("data", "random")), st.integers(0, 2**32 - 1))
def test_with_distinct_scores_the_order_of_the_rows_decides_nothing(framed, call, seed):
    frame, score = framed
    matched, call = attempt(frame, score, call)
    moved = np.random.default_rng(seed).permutation(len(frame))
    again = match(frame.iloc[moved], "t", distance=score[moved], **call)
    back = {(moved[i], moved[j]) for i, j in zip(again.pairs["treated"], again.pairs["control"])}
    assert back == set(zip(matched.pairs["treated"], matched.pairs["control"]))
    assert np.allclose(again.weights, matched.weights[moved])


@settings(max_examples=100, deadline=None)
@given(frames(), CALLS, st.integers(-50, 50), st.sampled_from([0.25, 2.0, 1024.0]))
def test_adding_a_constant_to_the_score_or_changing_its_unit_changes_nothing(framed, call, shift, unit):
    frame, score = framed
    matched, call = attempt(frame, score, call)
    scaled = {**call, "caliper": None if call["caliper"] is None else call["caliper"] * unit}
    again = match(frame, "t", distance=(score + shift) * unit, rng=np.random.default_rng(1), **scaled)
    assert again.pairs[["treated", "control"]].equals(matched.pairs[["treated", "control"]])


@settings(max_examples=150, deadline=None)
@given(problems(), st.sampled_from(["largest", "smallest", "data", "closest"]), st.sampled_from([None, 0.5]))
def test_who_has_no_match_had_nobody_in_reach_who_was_not_someone_elses_first(problem, order, caliper):
    score, focal, stratum = problem
    chosen = nearest_on_score(score, focal, stratum, ratio=3, caliper=caliper, order=order)
    firsts = set(chosen.partner[:, 0].tolist())
    for i in chosen.focal[chosen.partner[:, 0] < 0]:
        near = np.abs(score - score[i]) <= (np.inf if caliper is None else caliper)
        assert set(np.flatnonzero(~focal & (stratum == stratum[i]) & near).tolist()) <= firsts


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["data", "closest"]), st.booleans(), st.integers(1, 2))
def test_points_on_a_line_are_matched_like_scores(seed, order, replace, ratio):
    rng = np.random.default_rng(seed)
    score = rng.permutation(30) ** 1.5  # no two distances equal
    focal = rng.random(30) < 0.4
    focal[:2] = [True, False]
    stratum = rng.integers(0, 2, 30)
    options = {"order": order, "replace": replace, "ratio": ratio, "caliper": 20.0}
    line = nearest_on_score(score, focal, stratum, **options)
    points = nearest_on_points(score[:, None] - score.mean(), focal, stratum, **options)
    assert chosen_by(line) == chosen_by(points)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3), st.sampled_from(["treated", "control", "pooled"]))
def test_balance_ignores_row_order_the_scale_of_weights_and_the_index(seed, scale, sd):
    rng = np.random.default_rng(seed)
    n = 50
    frame = pd.DataFrame(
        {"t": np.r_[1, 1, 0, 0, rng.integers(0, 2, n - 4)], "x": rng.normal(size=n), "k": rng.integers(0, 4, n)}
    )
    w = rng.random(n) + 0.01
    columns = ["x", "k"]
    first = balance(frame, "t", covariates=columns, weights=w, sd=sd).table
    moved = rng.permutation(n)
    turned = frame.iloc[moved].assign(w=w[moved] * scale)
    second = balance(turned, "t", covariates=columns, weights="w", sd=sd).table
    pd.testing.assert_frame_equal(first, second, rtol=SAME_ALGORITHM, atol=SAME_ALGORITHM)


def test_weights_of_one_are_no_weights_and_whole_weights_repeat_rows(recid):
    columns = ["priors", "educ", "black"]
    plain = balance(recid, "workprg", covariates=columns).table
    ones = balance(recid, "workprg", covariates=columns, weights=np.ones(len(recid))).table
    pd.testing.assert_frame_equal(plain, ones)
    twice = np.where(recid["workprg"] == 1, 2.0, 1.0)
    repeated = recid.loc[recid.index.repeat(twice.astype(int))]
    means = ["mean_treated", "mean_control", "ecdf_mean", "ecdf_max"]
    weighted = balance(recid, "workprg", covariates=columns, weights=twice).table
    pd.testing.assert_frame_equal(
        weighted[means], balance(repeated, "workprg", covariates=columns).table[means], rtol=SAME_ALGORITHM
    )


def test_equal_rows_get_equal_scores_to_the_last_bit(recid):
    doubled = pd.concat([recid, recid.sample(frac=1, random_state=3)])
    fit = propensity_score(
        doubled, "workprg", covariates=["black", "priors", "educ", "age_y", "tserved_y", "rules"]
    )
    moved = recid.sample(frac=1, random_state=3).index.to_numpy()
    assert (fit.logit[: len(recid)][moved] == fit.logit[len(recid) :]).all()


def test_the_score_does_not_depend_on_row_order_units_or_origin(recid):
    columns = ["black", "priors", "educ", "age_y"]
    first = propensity_score(recid, "workprg", covariates=columns)
    other = recid.assign(age_y=(recid["age_y"] - 18) * 365.25).iloc[::-1]
    second = propensity_score(other, "workprg", covariates=columns)
    assert np.allclose(first.logit, second.logit[::-1], rtol=R_CLOSED_FORM, atol=R_CLOSED_FORM)
    assert (first.tidy()["statistic"] - second.tidy()["statistic"]).iloc[1:].abs().max() < R_CLOSED_FORM


def test_at_the_maximum_the_expected_and_observed_means_of_the_treated_agree(recid):
    columns = ["black", "priors", "educ", "age_y"]
    fit = propensity_score(recid, "workprg", covariates=columns)
    x = recid[columns].to_numpy(dtype=float)
    assert np.allclose(x.T @ fit.score, x[fit.treated].sum(axis=0), rtol=SAME_ALGORITHM)
