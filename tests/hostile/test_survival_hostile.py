"""Bad input gets one clear error that names role, column, rule, rows and remedy; never a silent number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.errors import DataError, UsageError
from pdd_outcomes.survival import cox, kaplan_meier, logrank, nelson_aalen, rmst


@pytest.fixture
def people() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    n = 120
    data = pd.DataFrame(
        {"time": rng.integers(1, 60, n), "event": rng.integers(0, 2, n), "x": rng.normal(size=n)}
    )
    data["arm"], data["kind"] = rng.integers(0, 2, n), rng.choice(["p", "q", "r"], n)
    return data


def refused(error: type[Exception], call: Any, *words: str) -> str:
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value), str(caught.value)
    return str(caught.value)


def test_all_problems_are_reported_at_once(people: pd.DataFrame) -> None:
    bad = people.astype({"time": float})
    bad.loc[[1, 4], "time"] = np.nan
    bad.loc[3, "time"] = -2
    bad.loc[7, "event"] = 2
    said = refused(
        DataError,
        lambda: cox(bad, "time", "event", covariates=["x", "agee"], cluster="sett"),
        "time='time' is missing for 2 of 120 rows (rows 1, 4)",
        "time='time' is below 0 for 1 of 120 rows (row 3)",
        "event='event' is neither 0 nor 1 for 1 of 120 rows (row 7)",
        "covariates='agee' is not a column",
        "cluster='sett' is not a column",
    )
    assert "-2" not in said  # never a value from the data


@pytest.mark.parametrize(
    "estimate",
    [
        lambda d, **k: kaplan_meier(d, "time", "event", **k),
        lambda d, **k: nelson_aalen(d, "time", "event", **k),
        lambda d, **k: logrank(d, "time", "event", "arm", **k),
        lambda d, **k: cox(d, "time", "event", covariates=["x"], **k),
        lambda d, **k: rmst(d, "time", "event", "arm", tau=5, **k),
    ],
    ids=["kaplan_meier", "nelson_aalen", "logrank", "cox", "rmst"],
)
class TestEveryEstimate:
    def test_times_must_be_numbers(self, people: pd.DataFrame, estimate: Any) -> None:
        refused(DataError, lambda: estimate(people.assign(time=people["time"].astype(str))), "must be a number")
        days = pd.to_timedelta(people["time"], unit="D")
        refused(DataError, lambda: estimate(people.assign(time=days)), "must be a number", "Convert")
        refused(DataError, lambda: estimate(people.assign(time=np.inf)), "is infinite")

    def test_entry_must_come_before_time(self, people: pd.DataFrame, estimate: Any) -> None:
        late = people.assign(entry=people["time"] - 1)
        late.loc[[2, 5], "entry"] += 1  # empty intervals
        late.loc[9, "entry"] += 30  # negative
        refused(
            DataError,
            lambda: estimate(late, entry="entry"),
            "for 3 of 120 rows (rows 2, 5, 9)",
            "(entry, time]",
        )
        refused(DataError, lambda: estimate(people, entry="time"), "both name the column")

    def test_an_interval_that_is_empty_but_for_rounding_is_empty(
        self, people: pd.DataFrame, estimate: Any
    ) -> None:
        data = people.assign(entry=0.0).astype({"time": float})
        data.loc[6, ["entry", "time"]] = [0.3, 0.1 + 0.2]
        refused(DataError, lambda: estimate(data, entry="entry"), "for 1 of 120 rows (row 6)")
        data.loc[8, "time"] = np.nan
        refused(
            DataError, lambda: estimate(data, entry="entry"), "(row 6)", "is missing for 1 of 120 rows (row 8)"
        )

    def test_weights_must_be_0_or_more_and_not_all_0(self, people: pd.DataFrame, estimate: Any) -> None:
        refused(DataError, lambda: estimate(people.assign(w=-1.0), weights="w"), "weights='w' is below 0")
        refused(DataError, lambda: estimate(people.assign(w=0.0), weights="w"), "no row above 0")
        refused(DataError, lambda: estimate(people.assign(w=np.inf), weights="w"), "is infinite")

    def test_clusters_must_be_known_and_at_most_two(self, people: pd.DataFrame, estimate: Any) -> None:
        gaps = people.assign(c=np.where(people["x"] > 1, np.nan, 1.0))
        refused(DataError, lambda: estimate(gaps, cluster="c"), "cluster='c' is missing")
        refused(UsageError, lambda: estimate(people, cluster=["arm", "kind", "x"]), "at most two")

    def test_no_rows_is_an_error(self, people: pd.DataFrame, estimate: Any) -> None:
        refused(DataError, lambda: estimate(people.iloc[:0]), "no rows")


def test_an_arm_without_events_is_named_with_its_direction(people: pd.DataFrame) -> None:
    none = people.assign(event=np.where(people["arm"] == 1, 0, people["event"]))
    refused(
        DataError,
        lambda: cox(none, "time", "event", covariates=["x", "arm"]),
        "'arm' separates the events",
        "lowest value",
        "runs to 0",
        "not estimable",
    )
    only = people.assign(event=np.where(people["arm"] == 0, 0, people["event"]))
    refused(DataError, lambda: cox(only, "time", "event", covariates=["arm"]), "'arm'", "highest", "infinity")


def test_a_category_without_events_is_named(people: pd.DataFrame) -> None:
    none = people.assign(event=np.where(people["kind"] == "q", 0, people["event"]))
    refused(
        DataError, lambda: cox(none, "time", "event", covariates=["kind"]), "'kind[q]' separates", "runs to 0"
    )


@pytest.mark.parametrize("entry", [None, "entry"])
def test_a_covariate_that_orders_the_events_is_named(people: pd.DataFrame, entry: str | None) -> None:
    data = people.assign(clock=-people["time"].astype(float), entry=0.0)
    data.loc[0, "entry"] = people["time"][0] - 0.5  # under observation late
    refused(
        DataError,
        lambda: cox(data, "time", "event", covariates=["x", "clock"], entry=entry),
        "'clock' separates the events",
        "largest",
        "infinity",
    )


def test_terms_that_only_together_order_the_events_are_named(people: pd.DataFrame) -> None:
    data = people.assign(mixed=-people["time"] + 9 * people["x"])
    refused(
        DataError,
        lambda: cox(data, "time", "event", covariates=["mixed", "x"]),
        "no maximum",
        "'mixed' (up)",
        "'x' (down)",
    )


def test_a_constant_covariate_is_named(people: pd.DataFrame) -> None:
    refused(
        DataError, lambda: cox(people.assign(c=4), "time", "event", covariates=["x", "c"]), "'c' is the same"
    )
    refused(
        DataError,
        lambda: cox(people, "time", "event", covariates=["arm", "x"], strata="arm"),
        "'arm' does not vary",
        "strata",
    )
    two = people.assign(c=4, d=5)
    refused(DataError, lambda: cox(two, "time", "event", covariates=["c", "d"]), "['c', 'd'] are the same")


def test_a_covariate_that_varies_only_where_no_one_is_at_risk_is_named(people: pd.DataFrame) -> None:
    data = people.assign(late=0.0)
    data.loc[0, ["time", "event", "late"]] = [0, 0, 1]  # leaves before the first event
    refused(DataError, lambda: cox(data, "time", "event", covariates=["late"]), "'late' does not vary")


def test_collinear_terms_are_named_and_no_others(people: pd.DataFrame) -> None:
    data = people.assign(double=2 * people["x"] + 1)
    said = refused(
        DataError, lambda: cox(data, "time", "event", covariates=["x", "arm", "double"]), "collinear"
    )
    assert "['x', 'double']" in said


def test_no_event_at_all_is_an_error(people: pd.DataFrame) -> None:
    none = people.assign(event=0)
    refused(DataError, lambda: cox(none, "time", "event", covariates=["x"]), "no row equal to 1")
    refused(DataError, lambda: logrank(none, "time", "event", "arm"), "no row equal to 1")
    assert (kaplan_meier(none, "time", "event").table["estimate"] == 1).all()
    assert rmst(none, "time", "event", "arm", tau=5).tidy()["estimate"].tolist() == [5, 5, 0, 1]


def test_one_group_is_nothing_to_compare(people: pd.DataFrame) -> None:
    alone = people.assign(arm=1)
    refused(DataError, lambda: logrank(alone, "time", "event", "arm"), "only one value")
    refused(DataError, lambda: rmst(alone, "time", "event", "arm", tau=5), "only one value")
    refused(DataError, lambda: logrank(people, "time", "event", "arm", strata="arm"), "never at risk together")


def test_a_horizon_out_of_reach_names_the_largest_allowed(people: pd.DataFrame) -> None:
    short = people.assign(time=np.where(people["arm"] == 1, people["time"].clip(upper=30), people["time"]))
    short.loc[short["time"] == 30, "event"] = 0
    refused(DataError, lambda: rmst(short, "time", "event", "arm", tau=40), "['1']", "supports is 30")
    for tau in (0, -1, np.nan, np.inf):
        refused(UsageError, lambda t=tau: rmst(people, "time", "event", "arm", tau=t), "above 0")


def test_wrong_options_list_the_right_ones(people: pd.DataFrame) -> None:
    refused(UsageError, lambda: kaplan_meier(people, "time", "event", conf_type="loglog"), "log-log", "plain")
    refused(UsageError, lambda: kaplan_meier(people, "time", "event", level=95), "0.95")
    refused(UsageError, lambda: nelson_aalen(people, "time", "event", ties="efron"), "in turn")
    refused(UsageError, lambda: cox(people, "time", "event", covariates=["x"], ties="exact"), "breslow")
    refused(UsageError, lambda: logrank(people, "time", "event", "arm", rho=-1), "rho")
    fit = cox(people, "time", "event", covariates=["x"])
    refused(UsageError, lambda: fit.ph_test("sqrt"), "identity")
    refused(UsageError, lambda: fit.residuals("pearson"), "martingale")
    refused(UsageError, lambda: fit.with_covariance(np.eye(2)), "1 by 1")
    curves = kaplan_meier(people, "time", "event")
    refused(UsageError, lambda: curves.quantile(50), "between 0 and 1")
    refused(UsageError, lambda: curves.at([1, np.nan]), "missing")


def test_covariates_or_a_formula_and_not_both(people: pd.DataFrame) -> None:
    for asked in ({}, {"covariates": ["x"], "formula": "x"}):
        refused(UsageError, lambda a=asked: cox(people, "time", "event", **a), "Give either")
    refused(UsageError, lambda: cox(people, "time", "event", covariates=[]), "names no column")
    refused(
        UsageError,
        lambda: cox(people, "time", "event", covariates=["x"], cluster="kind", robust=False),
        "robust",
    )


def test_a_log_scale_refuses_an_event_at_time_0(people: pd.DataFrame) -> None:
    data = people.assign(time=people["time"] - people["time"].min(), event=1)
    fit = cox(data, "time", "event", covariates=["x"])
    refused(DataError, lambda: fit.ph_test("log"), "above 0")
    assert np.isfinite(fit.ph_test("km").statistic).all()


def test_prediction_refuses_levels_and_strata_it_has_not_met(people: pd.DataFrame) -> None:
    fit = cox(people, "time", "event", covariates=["x", "kind"], strata="arm")
    refused(DataError, lambda: fit.predict_survival(people.iloc[:2].assign(kind="new"), 5), "not fitted with")
    refused(DataError, lambda: fit.predict_survival(people.iloc[:2].assign(arm=9), 5), "not fitted with")
    refused(
        DataError, lambda: fit.predict_survival(people[["x", "arm"]], 5), "covariates='kind' is not a column"
    )
    assert len(fit.predict_survival(people.iloc[:3], [5, 10])) == 6


def test_a_single_event_and_huge_or_tiny_scales_are_no_trouble(people: pd.DataFrame) -> None:
    one = people.assign(event=0)
    middle = int(np.argsort(people["x"].to_numpy())[60])
    one.loc[middle, ["event", "time"]] = [1, 0]
    fit = cox(one, "time", "event", covariates=["x"])
    assert fit.glance()["events"][0] == 1
    plain = cox(people, "time", "event", covariates=["x"])
    for k in (1e-12, 1e12):
        scaled = cox(people.assign(x=people["x"] * k), "time", "event", covariates=["x"])
        np.testing.assert_allclose(scaled.coefficients * k, plain.coefficients, rtol=1e-9)
    far = cox(people.assign(x=people["x"] + 1e6), "time", "event", covariates=["x"])
    np.testing.assert_allclose(far.coefficients, plain.coefficients, rtol=1e-8)


def test_integer_columns_do_not_overflow(people: pd.DataFrame) -> None:
    small = people.astype({"time": "int8", "event": "int8", "arm": "int8"}).assign(w=np.int8(120))
    wide = people.assign(w=120)
    for column in ("n_risk", "estimate", "std_error"):
        found, wanted = (kaplan_meier(d, "time", "event", weights="w").table[column] for d in (small, wide))
        np.testing.assert_allclose(found, wanted)


def test_unequal_cluster_and_few_clusters_give_no_joint_test(people: pd.DataFrame) -> None:
    fit = cox(people.assign(c=people["arm"]), "time", "event", covariates=["x", "kind"], cluster="c")
    assert np.isnan(fit.glance()["wald_statistic"][0])
    assert np.isfinite(fit.tidy()["std_error"]).all()
