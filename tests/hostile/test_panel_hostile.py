"""Panels and series that cannot be fitted get one clear error, or a row with its reason; never a traceback or a wrong number."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.draw.series import draw_series, series_alt
from pdd_outcomes.core.errors import DataError, UsageError
from pdd_outcomes.core.results import NotEstimable
from pdd_outcomes.effects.bacon import bacon
from pdd_outcomes.effects.interrupted import interrupted_series
from pdd_outcomes.effects.panel import hausman, panel_model, two_way_effects


def refused(error, call, *words):
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value), str(caught.value)


@pytest.fixture
def forces():
    rng = np.random.default_rng(5)
    data = pd.DataFrame({"force": np.repeat(list("abcdef"), 6), "month": np.tile(np.arange(6), 6)})
    data["x"], data["z"] = rng.normal(size=36), rng.normal(size=36)
    data["y"] = data["x"] + rng.normal(size=36)
    data["size"] = data["force"].map(dict(zip("abcdef", (5, 1, 4, 2, 6, 3))))
    data["on"] = ((data["force"] < "d") & (data["month"] >= 3)).astype(int)
    return data


def fit(data, **options):
    options = {"covariates": ["x"], **options}
    return panel_model(data, "y", unit="force", time="month", **options)


def test_every_bad_column_is_named_at_once(forces):
    data = forces.assign(y=forces["y"].where(forces.index != 3), w=np.where(forces.index == 7, 0.0, 1.0))
    refused(
        DataError,
        lambda: panel_model(data, "y", unit="froce", time="month", covariates=["x"], weights="w"),
        "outcome='y' is missing for 1 of 36 rows (row 3)",
        "unit='froce' is not a column of the data. Did you mean 'force'?",
        "weights='w' is not above 0 for 1 of 36 rows (row 7)",
    )


def test_two_rows_of_one_unit_and_time_are_named(forces):
    refused(
        DataError, lambda: fit(pd.concat([forces, forces.iloc[[4]]])), "2 of 37 rows (rows 4, 36)", "Add such"
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"effects": "twoway"}, ("effects='twoway' is not known", "two-way")),
        ({"method": "fixed"}, ("method='fixed'", "within")),
        ({"small_sample": "HC1"}, ("small_sample='HC1'", "stata")),
        ({"covariance": "hac"}, ("covariance='hac'", "driscoll-kraay")),
        ({"method": "random", "effects": "two-way"}, ("effects='unit' or 'time'",)),
        ({"method": "first-difference", "effects": "time"}, ("leave effects='unit'",)),
        ({"method": "random", "weights": "size"}, ("takes no weights",)),
        ({"covariance": "clustered"}, ("give cluster='unit'",)),
        ({"covariance": "robust", "cluster": "unit"}, ("no use for cluster",)),
        ({"small_sample": "CR2"}, ("'clustered' or 'robust'",)),
        ({"cluster": ["unit", "time"], "small_sample": "CR2"}, ("of one cluster",)),
        ({"cluster": ["unit", "time", "size"]}, ("at most two",)),
        ({"lags": 2}, ("driscoll-kraay",)),
        ({"covariates": []}, ("names no column",)),
        ({"covariates": None}, ("either covariates",)),
    ],
)
def test_options_that_do_not_go_together_say_what_would(forces, options, words):
    refused(UsageError, lambda: fit(forces, **options), *words)


def test_a_cluster_column_called_unit_is_not_guessed_at(forces):
    refused(DataError, lambda: fit(forces.assign(unit=1), cluster="unit"), "could be the column of that name")


def test_one_cluster_gives_no_error_to_go_by(forces):
    refused(DataError, lambda: fit(forces.assign(all=1), cluster="all"), "needs two clusters")


def test_collinear_terms_and_terms_that_are_all_absorbed_are_named(forces):
    data = forces.assign(twice=2 * forces["x"] + forces["size"])
    refused(DataError, lambda: fit(data, covariates=["x", "twice", "z"]), "['x', 'twice'] are collinear")
    refused(DataError, lambda: fit(data, covariates=["size"]), "leave nothing of ['size']")
    constant = fit(data.assign(one=1.0), effects="none", covariates=["x", "one"]).tidy().iloc[2]
    assert np.isnan(constant["estimate"])
    assert "leaves nothing of it" in constant["reason"]


def test_a_panel_too_short_for_its_effects_is_refused(forces):
    refused(DataError, lambda: fit(forces.iloc[[0, 1]]), "leave nothing to estimate an error from")
    refused(
        DataError,
        lambda: fit(forces.iloc[:12], method="random", covariates=["x", "z"]),
        "method='random' cannot be fitted",
        "method='within'",
    )


def test_a_covariate_that_the_effects_absorb_has_a_reason_and_no_number(forces):
    row = fit(forces, covariates=["size", "x"]).tidy().iloc[0]
    assert np.isnan(row[["estimate", "std_error", "p_value", "conf_low", "df"]].astype(float)).all()
    assert "effects='unit' leaves nothing of it" in row["reason"]


def test_a_treatment_everybody_has_at_once_is_absorbed_by_the_periods(forces):
    data = forces.assign(on=(forces["month"] >= 3).astype(int))
    refused(
        DataError,
        lambda: two_way_effects(data, "y", "on", unit="force", time="month"),
        "leave nothing of ['on']",
    )
    refused(DataError, lambda: bacon(data, "y", "on", unit="force", time="month"), "nothing to compare")


def test_a_treatment_must_be_nought_or_one_and_not_a_covariate_too(forces):
    refused(
        DataError,
        lambda: two_way_effects(forces, "y", "size", unit="force", time="month", covariates=["size"]),
        "treatment='size' is neither 0 nor 1",
        "names the treatment",
    )


def test_hausman_takes_two_fits_of_one_panel(forces):
    within, random = fit(forces), fit(forces, method="random")
    refused(UsageError, lambda: hausman(random, within), "method='within' and then one")
    refused(
        UsageError, lambda: hausman(within, fit(forces.iloc[:30], method="random")), "different rows: 36 and 30"
    )
    refused(UsageError, lambda: hausman(within, random, variance="robust"), "common")
    other = fit(forces, method="random", covariates=["z"])
    refused(UsageError, lambda: hausman(within, other), "no coefficient in common")


def test_the_decomposition_refuses_gaps_and_treatments_that_stop(forces):
    refused(
        DataError,
        lambda: bacon(forces.drop(index=2), "y", "on", unit="force", time="month"),
        "1 of 6 units do not have one row in each of the 6 periods",
        "5 of 35 rows",
    )
    stops = forces.assign(on=((forces["force"] < "d") & (forces["month"] == 3)).astype(int))
    refused(
        DataError,
        lambda: bacon(stops, "y", "on", unit="force", time="month"),
        "stops after it has started in 3 of 6",
    )


@pytest.fixture
def months():
    rng = np.random.default_rng(6)
    return pd.DataFrame(
        {
            "month": pd.date_range("2020-01-01", periods=24, freq="MS"),
            "y": rng.normal(20, 3, 24),
            "k": rng.poisson(20, 24),
        }
    )


def its(data, outcome="y", **options):
    return interrupted_series(data, outcome, **{"time": "month", "interruption": "2021-01-01", **options})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"family": "normal"}, ("family='normal'", "gaussian")),
        ({"season": 1}, ("season=1",)),
        ({"season": 12.0}, ("season=12.0",)),
        ({"lags": -1}, ("lags=-1", "auto")),
        ({"errors": "hac"}, ("errors='hac'", "calibrated")),
        ({"exposure": "k"}, ("exposure is for counts",)),
        ({"interruption": "the first of May"}, ("interruption must be a date",)),
        ({"interruption": None}, ("interruption must be a date",)),
    ],
)
def test_wrong_options_of_a_series_list_the_right_ones(months, options, words):
    refused(UsageError, lambda: its(months, **options), *words)


def test_a_series_with_gaps_or_two_rows_a_month_is_refused(months):
    refused(
        DataError, lambda: its(months.drop(index=5)), "not evenly spaced: 1 of 22 steps", "Put in the periods"
    )
    refused(DataError, lambda: its(pd.concat([months, months.iloc[[3]]])), "2 of 25 rows (rows 3, 24)")
    refused(DataError, lambda: its(months.assign(month=months["month"].astype(str))), "a number or a date")
    gone = months.assign(month=months["month"].where(months.index != 4), y=months["y"].where(months.index != 2))
    refused(
        DataError,
        lambda: its(gone),
        "time='month' is missing for 1 of 24",
        "outcome='y' is missing for 1 of 24",
    )


def test_counts_must_be_counts_and_not_all_nought(months):
    refused(DataError, lambda: its(months, family="poisson"), "is not a whole number")
    refused(DataError, lambda: its(months.assign(k=0), "k", family="poisson"), "0 in every period")
    even = months.assign(k=20 + months.index % 2)
    refused(DataError, lambda: its(even, "k", family="negative binomial"), "family='poisson'")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"interruption": "2030-01-01"}, "after the last period"),
        ({"interruption": "2019-01-01"}, "at or before the first period"),
        ({"interruption": "2021-12-01"}, "a line needs 3 before and 3 after"),
        ({"season": 13}, "less than two years"),
    ],
)
def test_a_series_too_short_says_why_and_gives_no_number(months, options, words):
    found = its(months, **options)
    assert isinstance(found, NotEstimable)
    assert words in found.reason


def test_a_short_side_is_said_beside_the_number(months):
    assert "fewer than 8 on a side" in its(months, interruption="2021-08-01").glance()["notes"][0]
    assert its(months).notes == ()


def test_ratios_are_of_counts_only(months):
    refused(UsageError, lambda: its(months).tidy(exponentiate=True), "exponentiate is for counts")
    ratio = its(months, "k", family="poisson").tidy(exponentiate=True)
    assert (ratio["conf_low"] > 0).all()


def test_the_picture_of_a_series_says_what_it_shows(months):
    from matplotlib import pyplot

    found = its(months.assign(k=months["k"] - 3), "k", family="poisson")
    ax = found.plot(title="Disposals a month")
    assert ax.get_title(loc="left") == "Disposals a month"
    styles = {line.get_linestyle() for line in ax.get_lines()}
    assert len(styles) > 2  # points, two lines and the rule are told apart without colour
    words = found.alt_text(title="Disposals")
    assert "24 periods from 2020-01-01 to 2021-12-01" in words
    assert "The interruption is at 2021-01-01" in words
    only_before = found.path().assign(after=False)
    assert "interruption" not in series_alt(only_before)
    draw_series(only_before, pyplot.figure().subplots())
    pyplot.close("all")
    refused(DataError, lambda: draw_series(found.path().drop(columns="fitted")), "no column 'fitted'")
