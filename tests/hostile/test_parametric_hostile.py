"""Bad input to accelerated failure time models: one clear error that names what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.errors import DataError, UsageError
from pdd_outcomes.survival import aft, compare_fits
from pdd_outcomes.survival.parametric_families import FAMILIES

NAMES = list(FAMILIES)
FREE = [name for name in NAMES if name != "exponential"]


@pytest.fixture
def people() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    n = 200
    data = pd.DataFrame({"days": np.ceil(rng.exponential(40, n)) + 1.0, "event": (rng.random(n) < 0.6) * 1})
    data["x"], data["arm"] = rng.normal(size=n), np.arange(n) % 2
    data["kind"] = rng.choice(["p", "q", "r"], n)
    data["late"] = np.floor(0.3 * data["days"])
    return data


def refused(error: type[Exception], call: Callable[[], object], *words: str) -> str:
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value), str(caught.value)
    return str(caught.value)


def fitted(data: pd.DataFrame, distribution: Any = "weibull", **more: Any) -> Any:
    return aft(data, "days", "event", distribution=distribution, **{"covariates": ["x"], **more})


def test_a_time_of_0_is_named_with_what_to_do_about_it(people: pd.DataFrame) -> None:
    people.loc[[3, 8], "days"] = 0
    said = refused(
        DataError,
        lambda: fitted(people),
        "time='days' is not above 0 for 2 of 200 rows (rows 3, 8)",
        "logarithm",
        "half a day",
    )
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"days": "text"}, "must be a number"),
        ({"days": np.nan}, "is missing"),
        ({"days": -1.0}, "is below 0"),
        ({"days": np.inf}, "is infinite"),
    ],
)
def test_a_bad_time_is_one_problem_not_two(people: pd.DataFrame, change: dict[str, object], word: str) -> None:
    said = refused(DataError, lambda: fitted(people.assign(**change)), word)
    assert len(said.splitlines()) == 1
    said = refused(DataError, lambda: aft(people, "dayz", "event", covariates=["x"]), "Did you mean 'days'?")
    assert len(said.splitlines()) == 1
    refused(DataError, lambda: aft(people, 3, "event", covariates=["x"]), "must be a column name")  # type: ignore[arg-type]


def test_all_problems_come_at_once(people: pd.DataFrame) -> None:
    people.loc[1, "days"] = 0
    people["w"] = -1.0
    said = refused(
        DataError,
        lambda: aft(people, "days", "evnt", covariates=["x", "y"], weights="w"),
        "row 1",
        "evnt",
        "'y'",
        "weights='w'",
    )
    assert len(said.splitlines()) >= 4


def test_no_event_is_no_time_to_it(people: pd.DataFrame) -> None:
    refused(DataError, lambda: fitted(people.assign(event=0)), "event='event' has no row equal to 1")
    unweighted = people.assign(w=1.0 - people["event"])
    refused(DataError, lambda: fitted(unweighted, weights="w"), "no row equal to 1")
    refused(DataError, lambda: fitted(people.assign(w=0.0), weights="w"), "no row above 0")


@pytest.mark.parametrize("name", NAMES)
def test_a_group_without_events_is_named_and_no_other_term_is(people: pd.DataFrame, name: str) -> None:
    for size in (100, 5, 1):
        none = people.assign(small=(people.index >= 200 - size) * 1)
        none.loc[none["small"] == 1, "event"] = 0
        said = refused(
            DataError,
            lambda d=none: fitted(d, name, covariates=["x", "small", "arm"]),
            "'small' (up)",
            "separated",
            "report it as not estimable",
        )
        assert "'x'" not in said
        assert "'arm'" not in said
        refused(
            DataError,
            lambda d=none: fitted(d.assign(most=1 - d["small"]), name, covariates=["x", "most"]),
            "'most' (down)",
        )


def test_a_level_without_events_is_named_as_a_level(people: pd.DataFrame) -> None:
    people.loc[people["kind"] == "q", "event"] = 0
    refused(DataError, lambda: fitted(people, covariates=["kind", "x"]), "'kind[q]' (up)")


@pytest.mark.parametrize("name", FREE)
@pytest.mark.parametrize(
    ("days", "event", "terms"),
    [
        ([3, 3, 3, 3, 3], [1, 1, 1, 1, 1], []),  # all at one time
        ([1, 2, 3, 9], [0, 0, 0, 1], []),  # the one event after all else
        ([4], [1], []),
        ([3, 3, 5, 5], [1, 1, 1, 1], ["half"]),  # each half at one time
        ([3, 5], [1, 1], ["half"]),
    ],
)
def test_a_scale_that_shrinks_to_nothing_is_called_that(
    name: str, days: list[float], event: list[int], terms: list[str]
) -> None:
    n = len(days)
    data = pd.DataFrame({"days": days, "event": event, "half": (np.arange(n) >= n / 2) * 1})
    refused(DataError, lambda: fitted(data, name, covariates=terms), "scale shrinks to 0", "exponential")
    assert np.isfinite(fitted(data, "exponential", covariates=terms).covariance).all()


def test_two_rows_can_be_enough() -> None:
    # R: survreg(Surv(c(3,4),c(1,0))~1): 1.441573, log(scale) -1.491559
    fit = fitted(pd.DataFrame({"days": [3.0, 4.0], "event": [1, 0]}), covariates=[])
    np.testing.assert_allclose(fit.coefficients, [1.441573106, -1.491559106], atol=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_terms_that_do_not_vary_or_are_one_another_are_named(people: pd.DataFrame, name: str) -> None:
    odd = people.assign(flat=5.0, twice=2 * people["x"] + 1)
    refused(DataError, lambda: fitted(odd, name, covariates=["x", "flat"]), "'flat'", "the same in every row")
    said = refused(DataError, lambda: fitted(odd, name, covariates=["x", "arm", "twice"]), "'x', 'twice'")
    assert "collinear" in said
    assert "'arm'" not in said
    held = odd.assign(w=(odd["arm"] == 1) * 1.0)
    refused(DataError, lambda: fitted(held, name, covariates=["x", "arm"], weights="w"), "'arm'")


def test_too_little_follow_up_after_entry_is_called_that() -> None:
    # Twenty enter at 10 and have the event by 11; of twenty who enter at 100, four do in 400 days: a hazard of log time
    # that falls from entry, where each of these families, given survival so far, has one that rises or levels off.
    n, k = 40, np.arange(40)
    early = k < 20
    barely = pd.DataFrame({"late": np.where(early, 10.0, 100.0), "event": np.where(early, 1, k % 5 == 0) * 1})
    barely["days"] = np.where(early, 10.5 + k / n, 500.0 + k)
    for name in FREE:
        refused(
            DataError,
            lambda d=name: fitted(barely, d, covariates=[], entry="late"),
            "after entry",
            "Leave out entry",
        )
    # the exponential has no scale to tell apart: its rate is events over time at risk
    fit = fitted(barely, "exponential", covariates=[], entry="late")
    exposure = (barely["days"] - barely["late"]).sum()
    assert np.isclose(np.exp(fit.coefficients[0]), exposure / barely["event"].sum())


def test_entry_is_before_the_end(people: pd.DataFrame) -> None:
    people["late"] = np.where(people.index == 7, people["days"], 0.0)
    refused(DataError, lambda: fitted(people, entry="late"), "entry='late' is not before time='days'", "row 7")
    refused(DataError, lambda: fitted(people, entry="days"), "both name the column")


def test_wide_ranges_of_units_and_weights_do_no_harm(people: pd.DataFrame) -> None:
    wanted = fitted(people).coefficients
    for unit in (1e-250, 1e-9, 1e9, 1e250):
        found = fitted(people.assign(days=people["days"] * unit)).coefficients
        np.testing.assert_allclose(found[1:], wanted[1:], rtol=1e-6)
        found = fitted(people.assign(w=unit), weights="w").coefficients
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
    heavy = people.assign(w=10.0 ** np.random.default_rng(3).uniform(-3, 3, len(people)))
    for name in NAMES:
        assert np.isfinite(fitted(heavy, name, weights="w").covariance).all()


def test_a_model_is_named_in_one_way(people: pd.DataFrame) -> None:
    for more in ({"covariates": [], "formula": "x"}, {"covariates": None}, {"formula": "x"}):
        refused(UsageError, lambda m=more: fitted(people, **m), "covariates=[...] or formula='...'")
    for text in ("x", ""):
        refused(UsageError, lambda t=text: fitted(people, covariates=t), "must be a list of column names")
    refused(DataError, lambda: fitted(people, covariates=None, formula="x +* arm"), "cannot be read")
    refused(UsageError, lambda: fitted(people, covariates=["x", "x"]), "names a column twice")


def test_a_distribution_that_is_not_there_lists_those_that_are(people: pd.DataFrame) -> None:
    for bad in ("gompertz", None, ["weibull"], "Weibull"):
        refused(UsageError, lambda b=bad: fitted(people, b), "distribution=", "'loglogistic', 'lognormal'")
    for also, name in (("log-normal", "lognormal"), ("log-logistic", "loglogistic")):
        assert fitted(people, also).distribution == name


def test_a_robust_variance_is_not_refused_and_asked_for_at_once(people: pd.DataFrame) -> None:
    refused(UsageError, lambda: fitted(people, robust=False, cluster="arm"), "no use for cluster")
    refused(UsageError, lambda: fitted(people, cluster=["x", "arm", "kind"]), "at most two")
    assert fitted(people, cluster=["kind", "arm"]).se_method == "robust, clustered two ways"


def test_readings_say_what_they_cannot_read(people: pd.DataFrame) -> None:
    fit = fitted(people, covariates=["x", "kind"])
    for bad in (0, -1, np.nan, np.inf):
        refused(UsageError, lambda b=bad: fit.predict_survival(people, [b]), "times")
    for bad in (0, 1, np.nan):
        refused(UsageError, lambda b=bad: fit.quantile(people, b), "between 0 and 1")
    refused(UsageError, lambda: fit.tidy(level=95), "between 0 and 1")
    new = people.assign(kind="s")
    refused(DataError, lambda: fit.predict_survival(new, [5]), "a level that the model was not fitted with")
    refused(DataError, lambda: fit.quantile(people.drop(columns="x")), "covariates='x' is not a column")
    refused(UsageError, lambda: fit.with_covariance(np.eye(2)), "5 by 5")
    given = fit.with_covariance(np.eye(5), "bootstrap")
    assert given.glance()["se_method"][0] == "bootstrap"
    assert (given.tidy()["std_error"] == 1).all()
    refused(UsageError, lambda: fitted(people, "loglogistic").hazard_ratios(), "Report time ratios")


@pytest.mark.parametrize("name", NAMES)
def test_times_far_out_are_read_without_a_warning(people: pd.DataFrame, name: str) -> None:
    read = fitted(people, name).predict_survival(people[:2], [1e-300, 1e300])
    numbers = read[["estimate", "std_error", "conf_low", "conf_high"]].to_numpy()
    assert np.isfinite(numbers).all()
    np.testing.assert_allclose(numbers[:, 0], [1, 0, 1, 0], atol=1e-12)


def test_fits_are_compared_only_over_the_same_rows_events_and_entries(people: pd.DataFrame) -> None:
    fit = fitted(people)
    assert len(compare_fits(fit, fitted(people.sample(frac=1, random_state=2), "lognormal"))) == 2
    assert len(compare_fits(fit, fitted(people.assign(late=0.0), "lognormal", entry="late"))) == 2
    turned = people.assign(event=people["event"].to_numpy()[::-1])
    for other in (
        fitted(people, entry="late"),  # the likelihood given survival to entry
        fitted(turned),  # as many events, of other people
        fitted(people.assign(days=people["days"] / 7)),
        fitted(people.assign(w=1.5), weights="w"),
        fitted(people[1:]),
    ):
        refused(UsageError, lambda o=other: compare_fits(fit, o), "not of the same rows")
    refused(UsageError, lambda: compare_fits(fit), "two fits")
