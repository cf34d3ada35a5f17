"""Bad input to the design room: one clear error, everything at once, naming column, rows and remedy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.errors import DataError, UsageError
from pdd_outcomes.design import balance, match, overlap_counts, propensity_score, unadjusted

RNG = np.random.default_rng(11)
N = 60
GOOD = pd.DataFrame(
    {
        "t": np.r_[np.ones(20), np.zeros(40)].astype(int),
        "age": RNG.normal(30, 8, N).round(1),
        "prior": RNG.integers(0, 5, N),
        "site": np.array(["a", "b"])[RNG.integers(0, 2, N)],
    }
)
SECRET = 98765.4321  # a value that no message may repeat


def said(error):
    text = str(error.value)
    assert "98765" not in text
    return text


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"method": "optimum"}, ["method='optimum'", "optimal"]),
        ({"estimand": "ATE"}, ["cannot target the ATE", "subclass"]),
        ({"ratio": 0}, ["ratio=0", "at least 1"]),
        ({"ratio": 1.5}, ["ratio=1.5"]),
        ({"ratio": True}, ["ratio=True"]),
        ({"replace": "yes"}, ["replace='yes'"]),
        ({"caliper": -0.1}, ["caliper=-0.1"]),
        ({"caliper": float("nan")}, ["caliper=nan"]),
        ({"caliper": "0.2"}, ["caliper='0.2'"]),
        ({"caliper_scale": "SD"}, ["caliper_scale='SD'", "sd"]),
        ({"order": "largst"}, ["Did you mean 'largest'?"]),
        ({"order": "random"}, ["rng=numpy.random.default_rng(seed)"]),
        ({"distance": "logit"}, ["distance='logit'", "logistic"]),
        ({"distance": "mahalanobis", "order": "smallest"}, ["order='smallest'", "needs a score"]),
        ({"distance": "mahalanobis", "caliper": 0.2}, ["caliper_scale='raw'"]),
        ({"distance": np.zeros(3)}, ["shape (3,)", "60 rows"]),
        ({"distance": np.zeros((N, 2))}, ["shape (60, 2)"]),
        ({"distance": {"a": 1}}, ["distance must be one of", "dict"]),
        ({"distance": pd.Series(np.zeros(N), index=range(1, N + 1))}, ["index is not the data's"]),
        ({"covariates": "age"}, ["list of column names"]),
        ({"covariates": []}, ["covariates is empty"]),
        ({"covariates": None}, ["Give either covariates"]),
        ({"covariates": ["age"], "formula": "age"}, ["not both"]),
        ({"covariates": None, "formula": "age +"}, ["formula='age +'"]),
        ({"covariates": None, "formula": "t ~ age"}, ["right-hand side only"]),
        ({"covariates": None, "formula": ["age"]}, ["right-hand side only"]),
        ({"covariates": None, "formula": "1"}, ["no terms"]),
        ({"covariates": ["age", "t"]}, ["also among the covariates"]),
    ],
)
def test_an_option_that_cannot_be_is_a_usage_error_that_names_it(call, words):
    with pytest.raises(UsageError) as error:
        match(GOOD, "t", **{"covariates": ["age"], **call})
    for word in words:
        assert word in said(error)


def test_wrong_options_are_all_told_at_once():
    with pytest.raises(UsageError) as error:
        match(GOOD, "t", covariates=["age"], ratio=0, caliper=-1, order="up")
    assert len(error.value.problems) == 3


def test_missing_columns_are_all_told_at_once_with_the_nearest_right_name():
    with pytest.raises(DataError) as error:
        match(GOOD, "treated", covariates=["agee"], exact=["sit"])
    text = said(error)
    for word in ("treatment='treated' is not a column", "covariates='agee'", "'age'", "exact='sit'", "'site'"):
        assert word in text


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (["yes"] * 20 + ["no"] * 40, ["must be a number", "Convert it"]),
        (np.ones(N), ["no row equal to 0", "one arm is empty"]),
        (np.zeros(N), ["no row equal to 1", "one arm is empty"]),
        (np.r_[2, GOOD["t"][1:]], ["neither 0 nor 1", "1 of 60 rows (row 0)"]),
        (np.r_[np.nan, GOOD["t"][1:]], ["is missing", "row 0"]),
    ],
)
@pytest.mark.parametrize("verb", ["match", "propensity_score", "balance", "unadjusted"])
def test_a_treatment_that_is_not_two_arms_is_named(column, words, verb):
    data = GOOD.assign(t=column)
    calls = {
        "match": lambda: match(data, "t", covariates=["age"]),
        "propensity_score": lambda: propensity_score(data, "t", covariates=["age"]),
        "balance": lambda: balance(data, "t", covariates=["age"]),
        "unadjusted": lambda: unadjusted(data, "t"),
    }
    with pytest.raises(DataError) as error:
        calls[verb]()
    for word in words:
        assert word in said(error)


def test_missing_and_infinite_covariates_are_named_with_their_rows():
    data = GOOD.assign(age=GOOD["age"].where(GOOD.index != 3), prior=GOOD["prior"].astype(float))
    data.loc[7, "prior"] = np.inf
    for call in (
        lambda: match(data, "t", covariates=["age", "prior"]),
        lambda: propensity_score(data, "t", covariates=["age", "prior"]),
        lambda: balance(data, "t", covariates=["age", "prior"]),
    ):
        with pytest.raises(DataError) as error:
            call()
        text = said(error)
        assert "covariates='age' is missing for 1 of 60 rows (row 3)" in text
        assert "covariates='prior' is infinite for 1 of 60 rows (row 7)" in text


def test_a_missing_exact_value_is_named():
    data = GOOD.assign(site=GOOD["site"].where(GOOD.index != 5))
    with pytest.raises(DataError, match=r"exact='site' is missing for 1 of 60 rows \(row 5\)"):
        match(data, "t", covariates=["age"], exact=["site"])


def test_a_given_score_that_is_missing_or_infinite_is_named_with_its_rows():
    score = GOOD["age"].to_numpy(dtype=float).copy()
    score[[2, 9]] = [np.nan, np.inf]
    with pytest.raises(DataError, match=r"distance is missing or infinite for 2 of 60 rows \(rows 2, 9\)"):
        match(GOOD, "t", distance=score)


@pytest.mark.parametrize(
    ("data", "covariates", "words"),
    [
        (GOOD.assign(same=1.5), ["age", "same"], ["'same'", "constant"]),
        (GOOD.assign(same=0.1, also=3), ["same", "also"], ["'same', 'also' are constant"]),
        (
            GOOD.assign(twice=2 * GOOD["age"] + 1),
            ["age", "twice"],
            ["'twice' is a linear combination of 'age'"],
        ),
        (
            GOOD.assign(total=GOOD["age"] + 3 * GOOD["prior"]),
            ["age", "prior", "total"],
            ["'total' is a linear combination of 'age', 'prior'"],
        ),
    ],
)
@pytest.mark.parametrize("distance", ["logistic", "mahalanobis"])
def test_constant_and_collinear_terms_are_named(data, covariates, words, distance):
    with pytest.raises(DataError) as error:
        match(data, "t", covariates=covariates, distance=distance)
    for word in words:
        assert word in said(error)


def test_a_term_that_nearly_repeats_another_is_not_called_collinear():
    wobble = np.random.default_rng(2).normal(size=N) * 1e-4
    fit = propensity_score(GOOD.assign(near=GOOD["age"] + wobble), "t", covariates=["age", "near"])
    assert np.isfinite(fit.tidy()["std_error"]).all()


@pytest.mark.parametrize(
    ("data", "covariates", "words"),
    [
        (GOOD.assign(clean=GOOD["t"] * 5 + GOOD["age"] / 1000), ["age", "clean"], ["'clean' is nowhere lower"]),
        (
            GOOD.assign(only=(GOOD.index < 3).astype(int)),
            ["age", "only"],
            ["'only' is 1 for none of the controls"],
        ),
        (
            GOOD.assign(only=(GOOD.index < 30).astype(int)),
            ["age", "only"],
            ["'only' is 1 for all of the treated"],
        ),
        (
            GOOD.assign(kind=np.where(GOOD.index < 3, "rare", np.where(GOOD.index % 2, "x", "y"))),
            ["age", "kind"],
            ["kind[x]", "kind[y]"],
        ),
        (
            GOOD.assign(u=GOOD["age"] + GOOD["t"] + GOOD["prior"] / 100, v=-GOOD["age"]),
            ["u", "v"],
            ["a combination of 'u', 'v' tells the arms apart"],
        ),
    ],
)
def test_separation_is_refused_and_the_terms_are_named(data, covariates, words):
    with pytest.raises(DataError) as error:
        match(data, "t", covariates=covariates)
    text = said(error)
    assert "no finite answer" in text
    for word in words:
        assert word in text


def test_a_far_away_person_is_not_mistaken_for_separation():
    data = GOOD.assign(prior=GOOD["prior"].astype(float))
    data.loc[50, "prior"] = SECRET  # one control with an absurd count
    fit = propensity_score(data, "t", covariates=["age", "prior"])
    assert np.isfinite(fit.coefficients).all()


def test_no_match_inside_the_caliper_says_so_and_what_to_do():
    with pytest.raises(DataError) as error:
        match(GOOD, "t", distance=GOOD["t"] * 10.0 + np.arange(N) / 1000, caliper=0.5, caliper_scale="raw")
    text = said(error)
    assert "caliper=0.5" in text
    assert "Widen the caliper" in text


def test_exact_strata_that_never_hold_both_arms_are_named():
    with pytest.raises(DataError, match=r"exact=\['who'\]: no combination of their values occurs in both arms"):
        match(GOOD.assign(who=np.arange(N)), "t", distance=np.zeros(N), exact=["who"])
    with pytest.raises(UsageError, match="the other arm could not agree"):
        match(GOOD, "t", distance=np.zeros(N), exact=["t"])


def test_strata_without_the_other_arm_lose_their_people_and_no_others():
    data = GOOD.assign(area=np.where(GOOD.index < 5, "only treated", "both"))
    matched = match(data, "t", covariates=["age"], exact=["area"])
    assert (matched.weights[:5] == 0).all()
    assert matched.glance()["dropped_treated"].item() == 5
    assert matched.estimand == "FSATT"


def test_more_treated_than_controls_leaves_some_unmatched_and_says_so():
    data = GOOD.assign(t=1 - GOOD["t"])  # 40 treated for 20 controls
    matched = match(data, "t", covariates=["age"])
    assert len(matched.pairs) == 20
    assert "20 treated people had no match and were dropped" in matched.describe()


@pytest.mark.parametrize("order", ["largest", "smallest", "closest", "data"])
def test_all_scores_tied_is_matched_in_row_order(order):
    matched = match(GOOD, "t", distance=np.full(N, 0.5), order=order, caliper=0.2)
    assert matched.pairs["control"].tolist() == list(range(20, 40))


def test_one_person_in_an_arm_is_enough_to_match_and_balance_says_what_it_cannot():
    data = GOOD.assign(t=(GOOD.index == 0).astype(int))
    matched = match(data, "t", distance=np.arange(N), covariates=["age"])
    assert len(matched.pairs) == 1
    table = matched.balance(sd="control").table
    assert np.isfinite(table["smd"]).all()
    assert matched.balance().table["smd"].isna().all()
    assert not matched.balance().passed()


def test_a_duplicated_index_does_not_confuse_people():
    data = GOOD.set_index(np.zeros(N, dtype=int))
    matched = match(data, "t", covariates=["age"], caliper=0.5)
    plain = match(GOOD, "t", covariates=["age"], caliper=0.5)
    assert matched.pairs.equals(plain.pairs)
    assert len(matched.data()) == (matched.weights > 0).sum()


def test_data_refuses_to_overwrite_a_column():
    with pytest.raises(UsageError, match=r"already have a column named \['weights'\]"):
        match(GOOD.assign(weights=1), "t", covariates=["age"]).data()
    with pytest.raises(UsageError, match=r"columns named \['set_id', 'row'\]"):
        match(GOOD.assign(row=1, set_id=2), "t", covariates=["age"], replace=True).data()
    match(GOOD.assign(row=1), "t", covariates=["age"]).data()


def test_balance_and_dropped_of_a_match_on_bare_scores_ask_for_covariates():
    matched = match(GOOD, "t", distance=GOOD["age"].to_numpy())
    for call in (matched.balance, matched.dropped):
        with pytest.raises(UsageError, match="covariates="):
            call()
    with pytest.raises(UsageError, match="score="):
        matched.overlap()


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (np.ones(3), "shape (3,)"),
        (np.r_[-1, np.ones(N - 1)], "below 0 for 1 of 60 rows (row 0)"),
        (np.r_[np.nan, np.ones(N - 1)], "missing"),
        ("w", "weights='w' is not a column"),
        (np.r_[np.zeros(20), np.ones(40)], "weights are 0 for all of the treated"),
    ],
)
def test_weights_that_cannot_be_are_named(weights, words):
    with pytest.raises((DataError, UsageError)) as error:
        balance(GOOD, "t", covariates=["age"], weights=weights)
    assert words in said(error)


def test_other_calls_that_cannot_be():
    with pytest.raises(UsageError, match="model='forest' is not known"):
        propensity_score(GOOD, "t", covariates=["age"], model="forest")
    with pytest.raises(UsageError, match="right-hand side only"):
        propensity_score(GOOD, "t", formula="t ~ age")
    with pytest.raises(DataError, match="nosuch"):
        match(GOOD, "t", formula="age + nosuch")
    with pytest.raises(UsageError, match="sd='all'"):
        balance(GOOD, "t", covariates=["age"], sd="all")
    with pytest.raises(UsageError, match="covariates is empty"):
        balance(GOOD, "t", covariates=[])
    with pytest.raises(UsageError, match="data must be a pandas DataFrame"):
        match(GOOD.to_numpy(), "t", covariates=["age"])
    with pytest.raises(DataError, match="no rows"):
        match(GOOD.iloc[:0], "t", covariates=["age"])
    with pytest.raises(UsageError, match="between 0 and 1"):
        overlap_counts(np.array([2.0, 0.1]), np.array([True, False]))
    with pytest.raises(UsageError, match="bins=0"):
        overlap_counts(np.array([0.2, 0.1]), np.array([True, False]), bins=0)


def test_a_covariate_that_is_constant_among_the_treated_fails_unless_the_means_agree():
    data = GOOD.assign(flat=np.where(GOOD["t"] == 1, 2.0, GOOD["age"]))
    found = balance(data, "t", covariates=["flat"])
    assert np.isnan(found.table["smd"].item())
    assert not found.passed()
    assert "'flat' differ though it does not vary" in found.verdict()
    assert balance(GOOD.assign(flat=2.0), "t", covariates=["flat"]).passed()


def test_the_users_frame_is_left_as_it_was():
    before = GOOD.copy(deep=True)
    matched = match(GOOD, "t", covariates=["age", "site"], caliper=0.5, replace=True)
    matched.data()
    matched.balance()
    pd.testing.assert_frame_equal(GOOD, before)


def test_dates_are_not_taken_for_labels() -> None:
    frame = pd.DataFrame({"t": [0, 1] * 10, "day": pd.date_range("2020-01-01", periods=20)})
    for call in (match, propensity_score, balance):
        with pytest.raises(DataError, match="'day' holds dates"):
            call(frame, "t", covariates=["day"])
