"""Bad input to competing and recurrent events, parametric models, tests and pictures: one clear error, or R's answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.errors import DataError, UsageError
from pdd_outcomes.survival import (
    adjusted_curves,
    aft,
    andersen_gill,
    compare_at,
    compare_fits,
    cox,
    cumulative_incidence,
    event_rates,
    fine_gray,
    gray_test,
    kaplan_meier,
    logrank,
    mean_cumulative_count,
    nelson_aalen,
    prentice_williams_peterson,
    rmst,
    rmst_over_time,
)


@pytest.fixture
def people() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    n = 120
    data = pd.DataFrame({"time": rng.integers(1, 60, n), "x": rng.normal(size=n)})
    data["ended"] = rng.integers(0, 3, n)
    data["event"] = (data["ended"] > 0).astype(int)
    data["arm"], data["kind"] = rng.integers(0, 2, n), rng.choice(["p", "q", "r"], n)
    data["id"] = np.arange(n)
    return data


def refused(error: type[Exception], call: Any, *words: str) -> str:
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value), str(caught.value)
    return str(caught.value)


ESTIMATES = {
    "cumulative_incidence": lambda d, **k: cumulative_incidence(d, "time", "ended", **k),
    "fine_gray": lambda d, **k: fine_gray(d, "time", "ended", covariates=["x"], **k),
    "aft": lambda d, **k: aft(d, "time", "event", covariates=["x"], **k),
    "compare_at": lambda d, **k: compare_at(d, "time", "event", "arm", at=20, **k),
    "adjusted_curves": lambda d, **k: adjusted_curves(
        d, "time", "event", "arm", covariates=["x"], at=[20], **k
    ),
    "rmst_over_time": lambda d, **k: rmst_over_time(d, "time", "event", "arm", taus=[5, 9], **k),
    "mean_cumulative_count": lambda d, **k: mean_cumulative_count(d, "time", "event", id="id", **k),
}


@pytest.mark.parametrize("name", ESTIMATES)
class TestEveryEstimate:
    def test_times_must_be_finite_numbers_from_0(self, people: pd.DataFrame, name: str) -> None:
        estimate = ESTIMATES[name]
        refused(DataError, lambda: estimate(people.assign(time=people["time"].astype(str))), "must be a number")
        days = pd.to_timedelta(people["time"], unit="D")
        refused(DataError, lambda: estimate(people.assign(time=days)), "must be a number", "Convert")
        gaps = people.astype({"time": float})
        gaps.loc[[3, 8], "time"] = np.nan
        refused(DataError, lambda: estimate(gaps), "time='time' is missing for 2 of 120 rows (rows 3, 8)")
        refused(DataError, lambda: estimate(people.assign(time=-people["time"])), "is below 0")

    def test_weights_must_be_0_or_more(self, people: pd.DataFrame, name: str) -> None:
        estimate = ESTIMATES[name]
        refused(DataError, lambda: estimate(people.assign(w=-1), weights="w"), "weights='w' is below 0")
        refused(DataError, lambda: estimate(people.assign(w=0), weights="w"), "no row above 0")

    def test_small_integers_do_not_overflow(self, people: pd.DataFrame, name: str) -> None:
        estimate = ESTIMATES[name]
        wide = people.assign(w=100)
        narrow = people.assign(w=np.int8(100), time=people["time"].astype(np.int8))
        one, two = (estimate(d, weights="w").tidy() for d in (wide, narrow))
        pd.testing.assert_frame_equal(one, two)

    def test_no_rows_is_an_error(self, people: pd.DataFrame, name: str) -> None:
        refused(DataError, lambda: ESTIMATES[name](people.iloc[:0]), "no rows")

    def test_everyone_censored_is_an_error_or_a_flat_curve(self, people: pd.DataFrame, name: str) -> None:
        none = people.assign(event=0, ended=0)
        if name in ("compare_at", "rmst_over_time"):
            ESTIMATES[name](none)  # nobody has the event, which is an answer
        else:
            refused(DataError, lambda: ESTIMATES[name](none))


@pytest.mark.parametrize("estimate", [cumulative_incidence, fine_gray, gray_test])
def test_codes_of_causes_are_whole_numbers_from_0(people: pd.DataFrame, estimate: Any) -> None:
    more: dict[str, Any] = {"fine_gray": {"covariates": ["x"]}, "gray_test": {"group": "arm"}}.get(
        estimate.__name__, {}
    )
    refused(
        DataError,
        lambda: estimate(people.assign(ended=people["ended"] + 0.5), "time", "ended", **more),
        "not a whole number",
    )
    refused(
        DataError,
        lambda: estimate(people.assign(ended=people["ended"] - 1), "time", "ended", **more),
        "is below 0",
    )
    words = people.assign(ended=people["ended"].map({0: "censored", 1: "reoffence", 2: "death"}))
    refused(DataError, lambda: estimate(words, "time", "ended", **more), "must be a number")
    gaps = people.assign(ended=people["ended"].where(people["ended"] != 2))
    refused(DataError, lambda: estimate(gaps, "time", "ended", **more), "ended' is missing")


def test_a_code_outside_the_declared_causes_is_refused(people: pd.DataFrame) -> None:
    refused(
        DataError,
        lambda: cumulative_incidence(people, "time", "ended", causes=[1, 3]),
        "neither 0 (censored) nor one of",
    )
    declared = cumulative_incidence(people, "time", "ended", causes=[1, 2, 3])
    nobody = declared.at([30]).set_index("cause").loc[3]
    assert (nobody["estimate"], nobody["std_error"]) == (0, 0)
    assert np.isnan(nobody["conf_low"])  # no event, no interval
    refused(
        UsageError, lambda: cumulative_incidence(people, "time", "ended", causes=[0, 1]), "whole numbers from 1"
    )


def test_a_cause_nobody_had_has_no_model(people: pd.DataFrame) -> None:
    refused(
        DataError,
        lambda: fine_gray(people, "time", "ended", cause=7, covariates=["x"]),
        "no row equal to cause=7",
    )


def test_an_arm_without_the_cause_is_named(people: pd.DataFrame) -> None:
    none = people.assign(ended=np.where((people["arm"] == 1) & (people["ended"] == 1), 2, people["ended"]))
    refused(
        DataError,
        lambda: fine_gray(none, "time", "ended", covariates=["arm"]),
        "'arm' separates the events",
        "runs to 0",
    )
    quiet = people.assign(event=np.where(people["arm"] == 1, 0, people["event"]))
    refused(DataError, lambda: aft(quiet, "time", "event", covariates=["arm", "x"]), "arm", "separated")
    refused(
        DataError,
        lambda: adjusted_curves(quiet, "time", "event", "arm", covariates=["x"]),
        "['1'] have no event",
    )


@pytest.mark.parametrize("distribution", ["weibull", "exponential", "lognormal", "loglogistic"])
def test_constant_and_collinear_terms_are_named(people: pd.DataFrame, distribution: Any) -> None:
    asked: dict[str, Any] = {"distribution": distribution}
    flat = people.assign(one=3.0, twice=2 * people["x"] + 1)
    refused(
        DataError,
        lambda: aft(flat, "time", "event", covariates=["x", "one"], **asked),
        "'one' is the same in every row",
    )
    said = refused(
        DataError, lambda: aft(flat, "time", "event", covariates=["x", "arm", "twice"], **asked), "collinear"
    )
    assert "arm" not in said
    refused(
        DataError,
        lambda: event_rates(flat, "event", "time", covariates=["x", "twice"], family="poisson"),
        "collinear",
    )


def test_a_time_of_0_has_no_logarithm(people: pd.DataFrame) -> None:
    early = people.assign(time=people["time"].where(people.index != 5, 0))
    refused(
        DataError,
        lambda: aft(early, "time", "event", covariates=["x"]),
        "is not above 0 for 1 of 120 rows (row 5)",
    )


def test_a_single_event_is_enough_or_named(people: pd.DataFrame) -> None:
    one = people.assign(event=(people.index == 60).astype(int), ended=(people.index == 60).astype(int))
    one.loc[60, "time"] = 5
    assert cumulative_incidence(one, "time", "ended").at([30])["estimate"][0] > 0
    fit = aft(one, "time", "event", covariates=[], distribution="exponential")
    assert np.isclose(fit.coefficients[0], np.log(one["time"].sum()))
    assert mean_cumulative_count(one, "time", "event", id="id").at([4])["estimate"][0] == 0


def test_periods_that_overlap_are_counted_and_named() -> None:
    rows = pd.DataFrame(
        {
            "id": [1, 1, 2, 2],
            "start": [0, 3, 0, 5],
            "stop": [4, 9, 5, 9],
            "event": [1, 0, 1, 0],
            "x": [0, 0, 1, 1],
        }
    )
    for call in (
        lambda: mean_cumulative_count(rows, "stop", "event", id="id", entry="start"),
        lambda: andersen_gill(rows, "stop", "event", id="id", entry="start", covariates=["x"]),
        lambda: prentice_williams_peterson(rows, "stop", "event", id="id", entry="start", covariates=["x"]),
    ):
        refused(
            DataError,
            call,
            "1 of 4 rows (row 1) begin before another period of the same person has ended",
            "1 people",
        )


def test_rates_need_whole_counts_and_time(people: pd.DataFrame) -> None:
    refused(
        DataError,
        lambda: event_rates(people.assign(n=0.5), "n", "time", covariates=["x"]),
        "not a whole number",
    )
    refused(DataError, lambda: event_rates(people.assign(n=-1), "n", "time", covariates=["x"]), "is below 0")
    refused(
        DataError, lambda: event_rates(people.assign(n=1, t=0), "n", "t", covariates=["x"]), "t' is not above 0"
    )
    refused(
        DataError, lambda: event_rates(people.assign(n=0), "n", "time", covariates=["x"]), "is 0 in every row"
    )
    refused(
        DataError,
        lambda: event_rates(people.assign(n=np.where(people["arm"] == 1, 0, people["ended"])), "n", "time", covariates=["arm"], family="poisson"),
        "separated",
    )  # fmt: skip
    refused(
        UsageError,
        lambda: event_rates(people, "ended", "time", covariates=["x"], family="gamma"),
        "Choose one of",
    )  # type: ignore[arg-type]


def test_wrong_options_list_the_right_ones(people: pd.DataFrame) -> None:
    bad: Any = "wrong"
    for call in (
        lambda: cumulative_incidence(people, "time", "ended", variance=bad),
        lambda: cumulative_incidence(people, "time", "ended", conf_type=bad),
        lambda: aft(people, "time", "event", covariates=["x"], distribution=bad),
        lambda: logrank(people, "time", "event", "arm", weighting=bad),
        lambda: rmst(people, "time", "event", "arm", tau=5, covariates=["x"], method=bad),
        lambda: mean_cumulative_count(people, "time", "event", id="id", variance=bad),
        lambda: kaplan_meier(people, "time", "event").bands(method=bad),
        lambda: cox(people, "time", "event", covariates=["x"]).hazard_ratio_over_time("xx"),
        lambda: cox(people, "time", "event", covariates=["x"], time_interactions={"xx": "log"}),
        lambda: cox(people, "time", "event", covariates=["x"], time_interactions={"x": bad}),
        lambda: prentice_williams_peterson(
            people.assign(s=0), "time", "event", id="id", entry="s", covariates=["x"], clock=bad
        ),
    ):
        refused(UsageError, call, "Choose one of")


def test_what_cannot_be_asked_is_said_with_what_can(people: pd.DataFrame) -> None:
    refused(UsageError, lambda: cox(people, "time", "event", covariates=["x"], ridge=-1), "0 or more")
    refused(
        UsageError,
        lambda: cox(people, "time", "event", covariates=["x"], time_interactions={"x": [90, 30]}),
        "increase",
    )
    refused(UsageError, lambda: logrank(people, "time", "event", "kind", trend=[1, 2]), "3 scores")
    refused(
        UsageError, lambda: logrank(people, "time", "event", "kind", weighting="gehan", rho=1), "Leave it out"
    )
    refused(UsageError, lambda: nelson_aalen(people, "time", "event").bands(), "kaplan_meier")
    refused(UsageError, lambda: kaplan_meier(people, "time", "event", cluster="kind").bands(), "rng=")
    refused(UsageError, lambda: cumulative_incidence(people, "time", "ended").difference([3]), "group=")
    refused(
        UsageError,
        lambda: cumulative_incidence(people, "time", "ended", group="arm").plot(stacked=True),
        "[0, 1]",
    )
    refused(UsageError, lambda: rmst(people, "time", "event", "arm", tau=5, population=1), "standardised")
    refused(
        UsageError,
        lambda: adjusted_curves(people, "time", "event", "arm", covariates=["arm"]),
        "Leave it out there",
    )
    refused(
        UsageError,
        lambda: adjusted_curves(people, "time", "event", "arm", covariates=["x"], population=9),
        "[0, 1]",
    )
    refused(
        UsageError,
        lambda: aft(people, "time", "event", covariates=["x"], distribution="lognormal").hazard_ratios(),
        "time ratios",
    )
    refused(UsageError, lambda: compare_fits(aft(people, "time", "event", covariates=["x"])), "two fits")
    fits = [aft(d, "time", "event", covariates=["x"]) for d in (people, people.iloc[1:])]
    refused(UsageError, lambda: compare_fits(*fits), "not of the same rows")
    changing = cox(people, "time", "event", covariates=["x"], time_interactions={"x": [20]})
    refused(UsageError, lambda: changing.predict_survival(people, [5]), "change over time")
    refused(UsageError, lambda: rmst_over_time(people, "time", "event", "arm", taus=[0, 5]), "above 0")
    refused(DataError, lambda: rmst_over_time(people, "time", "event", "arm", taus=[5, 500]), "The largest tau")


def test_frequencies_are_whole_and_not_without_end(people: pd.DataFrame) -> None:
    for estimate in (
        lambda d: kaplan_meier(d, "time", "event", frequency="f"),
        lambda d: cox(d, "time", "event", covariates=["x"], frequency="f"),
        lambda d: cumulative_incidence(d, "time", "ended", frequency="f"),
    ):
        refused(DataError, lambda e=estimate: e(people.assign(f=1.5)), "f' is not a whole number")  # type: ignore[misc]
        refused(DataError, lambda e=estimate: e(people.assign(f=0)), "no row above 0")  # type: ignore[misc]
        refused(DataError, lambda e=estimate: e(people.assign(f=10**12)), "frequency adds up to", "weights")  # type: ignore[misc]


def test_a_time_no_group_reaches_has_a_reason(people: pd.DataFrame) -> None:
    test = compare_at(people, "time", "event", "arm", at=[0.5, 30, 400]).test()
    assert test["reason"].tolist() == [
        "a group's survival is 0 or 1, so it has no error",
        "",
        "a group is not followed to this time",
    ]
    assert test["p_value"].notna().tolist() == [False, True, False]


def test_a_smooth_needs_enough_times() -> None:
    data = pd.DataFrame(
        {"time": [1, 2, 3, 3, 4, 4], "event": [1, 1, 1, 1, 0, 0], "x": [0.3, 1.0, 0.2, 0.9, 0.1, 0.8]}
    )
    fit = cox(data, "time", "event", covariates=["x"])
    refused(DataError, lambda: fit.hazard_ratio_over_time("x"), "3 distinct times")
    refused(UsageError, lambda: fit.hazard_ratio_over_time("x", df=1), "2 or more")
