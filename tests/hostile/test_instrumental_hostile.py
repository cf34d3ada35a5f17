"""Instruments that cannot bear anything, and bad calls: a plain statement, or every problem at once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.errors import DataError, UsageError
from pdd_outcomes.core.results import NotEstimable
from pdd_outcomes.effects.instrumental import Instrumental, instrumental
from pdd_outcomes.effects.leniency import check_instrument, complier_effect, leave_one_out_leniency


def people(n: int = 200, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    u, z = rng.normal(size=n), rng.normal(size=n)
    d = z + u + rng.normal(size=n)
    frame = pd.DataFrame(
        {"y": u + rng.normal(size=n), "d": d, "z": z, "x": rng.normal(size=n), "g": np.arange(n) % 20}
    )
    return frame.assign(noise=rng.normal(size=n), one=1.0, two_z=2 * z, two_x=2 * frame["x"] + 1)


def why(found: Instrumental | NotEstimable) -> str:
    assert isinstance(found, NotEstimable)
    assert found.tidy()["estimate"].isna().all()
    return found.reason


def refused(error, call, *words):
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value), str(caught.value)


# no number that should not be believed


def test_an_instrument_that_does_not_move_the_treatment_has_no_estimate():
    rng = np.random.default_rng(11)
    frame = people().assign(noise=rng.normal(size=200))
    frame["noise"] -= frame["d"] * (frame["noise"] @ frame["d"]) / (frame["d"] @ frame["d"])
    said = why(instrumental(frame, "y", "d", "noise"))
    assert "no first stage" in said
    assert "below 1" in said
    assert "Anderson-Rubin set is every number" in said or "two rays" in said


@pytest.mark.parametrize(
    ("change", "more", "words"),
    [
        ({}, {"instruments": "one"}, "no first stage: 'one' does not vary"),
        ({}, {"instruments": "two_x", "covariates": ["x"]}, "determined by the covariates"),
        ({"d": 1.0}, {}, "'d' does not vary"),
        ({"y": 0.0}, {}, "'y' does not vary"),
        ({}, {"treatment": "two_x", "covariates": ["x"]}, "'two_x' does not vary"),
    ],
)
def test_what_does_not_vary_is_named(change, more, words):
    call = {"outcome": "y", "treatment": "d", "instruments": "z", **more}
    assert words in why(instrumental(people().assign(**change), **call))


def test_too_few_rows_or_clusters_are_said():
    assert "4 rows are too few" in why(instrumental(people(4), "y", "d", "z", covariates=["x"]))
    assert "2 clusters are too few" in why(
        instrumental(people().assign(g=np.arange(200) % 2), "y", "d", "z", cluster="g")
    )


def test_an_outcome_that_is_fitted_exactly_has_no_error_to_judge_by():
    frame = people()
    assert "fitted exactly" in why(instrumental(frame.assign(y=2 * frame["d"] + 1), "y", "d", "z"))


def test_clusters_that_all_agree_give_no_standard_error():
    fold = pd.DataFrame(
        {"z": [0, 1] * 50, "g": np.repeat(range(25), 4), "d": [0, 0, 1, 1] * 25, "y": range(100)}
    )
    fold["d"] = np.tile([0, 1, 1, 1], 25)  # each cluster holds the whole first stage, so none departs from it
    assert "all agree" in why(instrumental(fold, "y", "d", "z", cluster="g"))


def test_a_few_clusters_are_noted():
    found = instrumental(people(), "y", "d", "z", cluster="g")
    assert "Only 20 clusters" in " ".join(found.notes)


def test_instruments_that_disagree_are_noted():
    frame = people(1000)
    rng = np.random.default_rng(2)
    frame["bad"] = rng.normal(size=1000)
    frame = frame.assign(d=frame["d"] + frame["bad"], y=frame["y"] + frame["bad"])
    assert "disagree" in " ".join(instrumental(frame, "y", "d", ["z", "bad"]).notes)


# bad calls


def test_every_bad_column_is_named_at_once():
    refused(
        DataError,
        lambda: instrumental(people(), "why", "dd", "zz", weights="ww", cluster="gg"),
        "outcome='why'",
        "treatment='dd'",
        "instruments='zz'",
        "weights='ww'",
        "cluster='gg'",
    )


def test_a_column_has_one_role_and_instruments_are_needed():
    refused(
        DataError, lambda: instrumental(people(), "y", "d", "d"), "'d' is named in treatment and instruments"
    )
    refused(
        DataError, lambda: instrumental(people(), "y", "d", "z", covariates=["z"]), "instruments and covariates"
    )
    refused(DataError, lambda: instrumental(people(), "y", "d", []), "instruments is empty")


def test_missing_values_are_counted_and_placed():
    frame = people()
    frame.loc[[3, 7], "z"] = np.nan
    refused(
        DataError,
        lambda: instrumental(frame, "y", "d", "z"),
        "instruments='z' is missing for 2 of 200 rows (rows 3, 7)",
    )


def test_collinear_terms_are_named():
    frame = people()
    refused(DataError, lambda: instrumental(frame, "y", "d", "z", covariates=["x", "two_x"]), "['two_x']")
    refused(DataError, lambda: instrumental(frame, "y", "d", "z", covariates=["one"]), "['one']", "constant")
    refused(DataError, lambda: instrumental(frame, "y", "d", ["z", "two_z"]), "instruments ['two_z']")
    refused(DataError, lambda: instrumental(frame, "y", "d", ["one", "z"]), "instruments ['one']")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"method": "gmm"}, "method='gmm'"),
        ({"covariance": "HC3"}, "covariance='HC3'"),
        ({"small_sample": "HC4"}, "small_sample='HC4'"),
        ({"level": 95}, "level=95"),
        ({"covariance": "classical", "cluster": "g"}, "With cluster take 'robust'"),
        ({"small_sample": "HC2", "cluster": "g"}, "corrects single rows"),
        ({"covariates": ["x"], "formula": "x"}, "not both"),
        ({"covariates": "x"}, "must be a list"),
        ({"cluster": ["g", "one", "x"]}, "at most two"),
    ],
)
def test_bad_options_are_refused(more, words):
    refused(UsageError, lambda: instrumental(people(), "y", "d", "z", **more), words)


def test_weights_that_are_all_nought_or_negative_are_refused():
    refused(
        DataError, lambda: instrumental(people().assign(w=0.0), "y", "d", "z", weights="w"), "0 in every row"
    )
    refused(DataError, lambda: instrumental(people().assign(w=-1.0), "y", "d", "z", weights="w"), "below 0")


# leniency and its checks


def test_leniency_refuses_what_is_no_decision():
    refused(DataError, lambda: leave_one_out_leniency(people(), "d", "g"), "neither 0 nor 1")
    refused(UsageError, lambda: leave_one_out_leniency(people(), "d", "g", minimum=1), "at least 2")
    refused(
        DataError, lambda: leave_one_out_leniency(people(), "dd", "gg", within="ww"), "'dd'", "'gg'", "'ww'"
    )


def test_an_officer_alone_everywhere_has_no_leniency():
    frame = people().assign(d=lambda f: (f["d"] > 0).astype(int), g="ann")
    found = leave_one_out_leniency(frame, "d", "g")
    assert found["leniency"].isna().all()
    assert set(found["reason"]) == {"no other officer in the same cells"}


def test_checks_name_what_they_cannot_use():
    frame = people()
    refused(DataError, lambda: check_instrument(frame, "d", "z", covariates=[]), "covariates is empty")
    refused(DataError, lambda: check_instrument(frame, "d", "one", covariates=["x"]), "['one']", "do not vary")
    refused(DataError, lambda: check_instrument(frame, "d", "z", covariates=["x", "two_x"]), "['two_x']")
    refused(
        DataError,
        lambda: check_instrument(frame.assign(g=0), "d", "z", covariates=["x"], cluster="g"),
        "1 levels",
    )
    refused(DataError, lambda: check_instrument(frame, "d", "z", covariates=["x"], within=["z"]), "too few")


def test_a_subgroup_of_one_value_has_a_row_with_its_reason():
    frame = people().assign(kind=["a"] * 190 + ["b"] * 9 + ["c"])
    frame.loc[frame["kind"] == "b", "d"] = 1.0
    found = check_instrument(frame, "d", "z", covariates=["x"], subgroups=["kind"]).tidy().set_index("term")
    assert found.loc["kind[b]", "reason"] == "no variation here of the treatment"
    assert found.loc["kind[c]", "reason"] == "too few rows or clusters"
    assert found.loc[["kind[b]", "kind[c]"], "estimate"].isna().all()


# offers


def offers(**more) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame({"z": [0, 1] * 50, "d": [0, 1] * 50, "y": rng.integers(0, 2, 100), **more})


@pytest.mark.parametrize("completed", [[0] * 100, [1] * 100, [1, 0] * 50])
def test_an_offer_that_raises_nothing_has_no_complier_effect_but_an_effect_of_the_offer(completed):
    found = complier_effect(offers(d=completed), "y", offered="z", completed="d").tidy().set_index("term")
    assert np.isfinite(found.loc["offer_effect", ["estimate", "std_error"]].astype(float)).all()
    assert found.loc["complier_effect", "reason"].startswith("the offer does not raise completion")
    assert np.isnan(found.loc["complier_effect", "estimate"])


def test_an_offer_that_hardly_raises_completion_has_no_complier_effect_either():
    rng = np.random.default_rng(8)
    d = rng.integers(0, 2, 100)
    d[0], d[1] = 0, 1
    frame = offers(d=np.repeat(d[:50], 2))
    frame.loc[1, "d"] = 1
    found = complier_effect(frame, "y", offered="z", completed="d").glance()
    assert np.isnan(found["estimate"].item())
    assert "no first stage" in found["reason"].item()


def test_full_compliance_is_the_difference_of_the_arms():
    found = complier_effect(offers(), "y", offered="z", completed="d")
    rows = found.tidy().set_index("term")
    assert found.noncompliance == "none"
    assert rows.loc["complier_effect", "estimate"] == pytest.approx(rows.loc["offer_effect", "estimate"])
    assert rows.loc["complier_effect", "std_error"] == pytest.approx(rows.loc["offer_effect", "std_error"])


def test_everyone_offered_is_refused():
    refused(
        DataError, lambda: complier_effect(offers(z=1), "y", offered="z", completed="d"), "no row equal to 0"
    )
    refused(
        DataError, lambda: complier_effect(offers(), "yy", offered="zz", completed="dd"), "'yy'", "'zz'", "'dd'"
    )
    refused(
        DataError, lambda: complier_effect(offers(g=1), "y", offered="z", completed="d", cluster="g"), "too few"
    )


def test_an_outcome_that_never_happens_has_no_error():
    found = complier_effect(offers(y=0), "y", offered="z", completed="d").tidy().set_index("term")
    assert np.isnan(found.loc["complier_effect", "std_error"])
    assert "nothing varies" in found.loc["complier_effect", "reason"]
