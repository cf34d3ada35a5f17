"""What a hostile reading of the survival room found: each point with its own case."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.errors import DataError, UsageError
from pdd_outcomes.core.sandwich import two_way
from pdd_outcomes.survival import (
    cox,
    cumulative_incidence,
    event_rates,
    fine_gray,
    kaplan_meier,
    logrank,
    mean_cumulative_count,
    prentice_williams_peterson,
    rmst,
)
from tests.tolerances import R_DETERMINISTIC, SAME_ALGORITHM


@pytest.fixture
def people() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    n = 200
    made = pd.DataFrame(
        {"t": rng.exponential(5, n).round(1) + 0.1, "e": rng.integers(0, 2, n), "x": rng.normal(size=n)}
    )
    return made.assign(cause=made["e"] * (1 + rng.integers(0, 2, n)))


def test_a_predicted_curve_counts_the_offset_of_the_person(people: pd.DataFrame) -> None:
    known = people.assign(part=3 + 0.5 * np.sin(np.arange(len(people))))
    fit = cox(known, "t", "e", covariates=["x"], offset="part")
    first, shifted = (
        fit.predict_survival(known.iloc[:2].assign(part=part), [5])["estimate"].to_numpy()
        for part in ([0, 0], [0, 1.5])
    )
    assert np.log(shifted[1]) == pytest.approx(np.exp(1.5) * np.log(first[1]), rel=SAME_ALGORITHM)
    assert shifted[0] == first[0]
    # everyone's own curve, averaged, is near the Kaplan-Meier curve; at an offset of nought it would be 0.98
    own = fit.predict_survival(known, [5])["estimate"].mean()
    assert own == pytest.approx(float(kaplan_meier(known, "t", "e").at([5])["estimate"].iloc[0]), abs=0.02)
    with pytest.raises(DataError, match="offset='part' is not a column"):
        fit.predict_survival(people, [5])


def test_an_offset_of_hundreds_does_not_overflow(people: pd.DataFrame) -> None:
    near, far = (
        cox(people.assign(part=base + people["x"].round()), "t", "e", covariates=["x"], offset="part")
        for base in (0, 600)
    )
    assert far.coefficients == pytest.approx(near.coefficients, rel=R_DETERMINISTIC)


def test_a_two_way_variance_below_nought_is_no_certainty() -> None:
    first, second, both = np.array([[0.02]]), np.array([[0.03]]), np.array([[0.06]])
    assert two_way(first, second, both) == pytest.approx(second)
    assert two_way(first, second, np.array([[0.01]])) == pytest.approx(0.04)


def test_the_repair_of_a_two_way_variance_does_not_depend_on_units() -> None:
    rng = np.random.default_rng(3)
    a, b, c = (
        x.T @ x for x in (rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), 0.8 * rng.normal(size=(6, 3)))
    )
    units = np.array([1.0, 1_000.0, 0.01])
    scaled = two_way(*(np.outer(units, units) * v for v in (a, b, c)))
    assert scaled == pytest.approx(np.outer(units, units) * two_way(a, b, c), rel=1e-6)


def test_clusters_by_chance_never_give_an_error_of_nought(recid: pd.DataFrame) -> None:
    rng = np.random.default_rng(56)  # of the assignments tried, one whose two-way variance is below nought
    ways = recid.assign(c1=rng.integers(0, 13, len(recid)), c2=rng.integers(0, 13, len(recid)))
    row = cox(ways, "durat", "event", covariates=["workprg"], cluster=["c1", "c2"]).tidy().iloc[0]
    assert row["std_error"] > 0.03


@pytest.mark.parametrize("cause", [0, -1, "1", 1.5, True])
def test_a_cause_is_a_whole_number_from_one(people: pd.DataFrame, cause: Any) -> None:
    for model in (fine_gray, cox):
        with pytest.raises(UsageError, match="whole number from 1"):
            model(people, "t", "cause", covariates=["x"], cause=cause)


def test_a_cause_named_twice_is_refused(people: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match="names a cause twice"):
        cumulative_incidence(people, "t", "cause", causes=[1, 2, 2])


@pytest.mark.parametrize("family", ["poisson", "negative binomial"])
def test_a_group_without_events_is_named_whatever_else_is_in_the_model(
    people: pd.DataFrame, family: Any
) -> None:
    counts = np.random.default_rng(2).negative_binomial(1, 0.4, len(people))
    arm = np.repeat([0, 1], len(people) // 2)
    with pytest.raises(DataError, match="arm"):
        event_rates(
            people.assign(arm=arm, y=np.where(arm == 1, 0, counts)),
            "y",
            "t",
            covariates=["arm", "x"],
            family=family,
        )


def test_hall_wellner_bands_are_not_drawn_for_people_who_come_late(people: pd.DataFrame) -> None:
    late = people.assign(entry=np.where(people["x"] > 0, 0.05, 0.0))
    curves = kaplan_meier(late, "t", "e", entry="entry")
    with pytest.raises(UsageError, match="equal-precision"):
        curves.bands(method="hall-wellner")
    assert len(curves.bands(method="equal-precision"))


def test_a_trend_goes_by_the_order_of_a_category_and_not_by_the_alphabet(people: pd.DataFrame) -> None:
    number = np.arange(len(people)) % 3
    names = np.array(["low", "mid", "high"])
    ordered = people.assign(
        number=number, group=pd.Categorical(names[number], list(names), ordered=True), text=names[number]
    )
    by_number, by_order = (
        logrank(ordered, "t", "e", name, trend=True).statistic[0] for name in ("number", "group")
    )
    assert by_order == pytest.approx(by_number, rel=SAME_ALGORITHM)
    with pytest.raises(UsageError, match="ordered category"):
        logrank(ordered, "t", "e", "text", trend=True)


def test_a_horizon_that_is_the_last_time_but_for_rounding_is_the_last_time() -> None:
    z = pd.DataFrame({"t": [0.1, 0.2, 0.3] * 2, "e": [1, 0, 0, 0, 1, 0], "g": [0, 0, 0, 1, 1, 1]})
    assert rmst(z, "t", "e", "g", tau=0.1 + 0.2).means == pytest.approx(rmst(z, "t", "e", "g", tau=0.3).means)


def test_strata_are_matched_by_value_and_told_apart_by_it(people: pd.DataFrame) -> None:
    three = people.assign(s=np.arange(len(people)) % 3)
    fit = cox(three, "t", "e", covariates=["x"], strata="s")
    same = fit.predict_survival(three.assign(s=three["s"].astype(float)), [3])
    assert same["estimate"].to_numpy() == pytest.approx(fit.predict_survival(three, [3])["estimate"].to_numpy())
    with pytest.raises(DataError, match="row"):
        fit.predict_survival(three.iloc[:3].assign(s=[0, 1, 7]), [3])
    two = people.assign(p=["a", "a, b"] * 100, r=["b, c", "c"] * 100)
    two.loc[two["p"] == "a", "t"] *= 10
    crossed = cox(two, "t", "e", covariates=["x"], strata=["p", "r"])
    curves = crossed.predict_survival(two.iloc[[0, 1]].assign(x=0.0), [20])["estimate"]
    assert curves.iloc[0] > 3 * curves.iloc[1]
    assert crossed.baseline()["stratum"].nunique() == 2
    with pytest.raises(DataError, match="combination"):
        crossed.predict_survival(two.iloc[[0]].assign(r="c"), [20])


def test_a_missing_time_is_refused_wherever_a_curve_is_read(people: pd.DataFrame) -> None:
    fit, curves = cox(people, "t", "e", covariates=["x"]), kaplan_meier(people, "t", "e")
    for read in (lambda t: fit.predict_survival(people.iloc[:1], t), curves.numbers_at_risk, curves.at):
        with pytest.raises(UsageError, match="missing"):
            read([np.nan])
        with pytest.raises(UsageError, match="times must be numbers"):
            read(["x"])


def test_a_count_of_nothing_has_no_interval() -> None:
    half = pd.DataFrame(
        {"id": np.arange(40), "t": 5.0, "e": [0] * 20 + [0, 1] * 10, "g": ["quiet"] * 20 + ["busy"] * 20}
    )
    row = mean_cumulative_count(half, "t", "e", id="id", group="g").at([5]).query("group == 'quiet'").iloc[0]
    assert row["estimate"] == 0
    assert np.isnan(row["conf_low"])
    assert np.isnan(row["conf_high"])


def test_bad_input_is_told_in_words_that_fit(people: pd.DataFrame) -> None:
    half = people.assign(k=1.5, order=0, id=np.arange(len(people)), one=0.0)
    with pytest.raises(DataError, match="frequency='k' is not a whole number"):
        kaplan_meier(half, "t", "e", frequency="k")
    with pytest.raises(UsageError, match="tau='5' must be above 0"):
        rmst(half.assign(g=half["e"]), "t", "e", "g", tau="5")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="ridge='a' must be 0 or more"):
        cox(people, "t", "e", covariates=["x"], ridge="a")  # type: ignore[arg-type]
    with pytest.raises((UsageError, DataError), match="must be a column name"):
        kaplan_meier(people, people["t"], "e")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="left-hand side"):
        cox(people, "t", "e", formula="t ~ x")
    gone = people.assign(e=people["e"].astype("Int64"))
    gone.loc[4, "e"] = pd.NA
    with pytest.raises(DataError) as stopped:
        kaplan_meier(gone, "t", "e")
    assert len(stopped.value.problems) == 1
    with pytest.raises(DataError, match="order='order' is below 1"):
        prentice_williams_peterson(half, "t", "e", id="id", entry="one", covariates=["x"], order="order")


def test_censoring_by_group_divides_by_nothing(people: pd.DataFrame) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fine_gray(people.assign(g=np.arange(len(people)) % 3), "t", "cause", covariates=["x"], censoring="g")
