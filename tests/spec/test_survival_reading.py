"""Times to an event, in reading order: curves, tests of curves, regression, restricted means."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes import survival
from pdd_outcomes.core.results import TIDY
from pdd_outcomes.survival import cox, kaplan_meier, logrank, nelson_aalen, rmst


@pytest.fixture(scope="module")
def people(recid: pd.DataFrame) -> pd.DataFrame:
    """Releases, with a label for the arm, a weight and a made-up pairing."""
    arm = recid["workprg"].map({0: "none", 1: "work release"})
    weight = np.where(recid["workprg"] == 1, 1.0, 0.2 + recid["priors"] / 5)
    return recid.assign(arm=arm, weight=weight, pair=np.arange(len(recid)) // 2)


def test_a_curve_is_a_table_with_a_row_for_every_time_someone_leaves(people: pd.DataFrame) -> None:
    curves = kaplan_meier(people, "durat", "event", group="arm")
    assert curves.groups == ("none", "work release")
    assert list(curves.table) == [
        *("group", "time", "n_risk", "n_event", "n_censor"),
        *("estimate", "std_error", "conf_low", "conf_high"),
    ]
    by_group = curves.table.groupby("group")[["n_event", "n_censor"]].sum()
    assert by_group.sum(axis=1).tolist() == people["arm"].value_counts().sort_index().tolist()


def test_tidy_rows_have_the_standard_columns(people: pd.DataFrame) -> None:
    curves = kaplan_meier(people, "durat", "event", group="arm")
    for result in (
        curves,
        nelson_aalen(people, "durat", "event"),
        logrank(people, "durat", "event", "arm"),
        cox(people, "durat", "event", covariates=["arm"]),
        rmst(people, "durat", "event", "arm", tau=60),
    ):
        assert set(TIDY) <= set(result.tidy(level=0.9))
        assert not any("0.9" in str(column) for column in result.tidy(level=0.9))
        assert "<table" in result._repr_html_()
        assert "0x" not in repr(result)
        assert dataclasses.is_dataclass(result)
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(result, dataclasses.fields(result)[0].name, None)
        assert pickle.loads(pickle.dumps(result)).tidy().shape == result.tidy().shape
    wide, narrow = (curves.tidy(level=level) for level in (0.99, 0.5))
    assert (wide["conf_low"] <= narrow["conf_low"]).all()
    assert len(curves.glance()) == 2


def test_a_curve_is_read_at_any_time(people: pd.DataFrame) -> None:
    curves = kaplan_meier(people, "durat", "event", group="arm")
    year = curves.at(12)
    assert year["group"].tolist() == ["none", "work release"]
    assert year["estimate"].tolist() == curves.at(12.7)["estimate"].tolist()
    assert curves.at(0)["estimate"].tolist() == [1, 1]
    assert curves.at(0)["std_error"].tolist() == [0, 0]
    assert curves.at(100)["estimate"].isna().all()  # nobody was followed so long
    assert curves.at(100)["n_risk"].tolist() == [0, 0]


def test_the_at_risk_table_of_weighted_curves_says_people_and_effective_size(people: pd.DataFrame) -> None:
    curves = kaplan_meier(people, "durat", "event", group="arm", weights="weight")
    start = curves.numbers_at_risk(0)
    assert start["n_rows"].tolist() == people["arm"].value_counts().sort_index().tolist()
    none, release = start["effective"]
    assert none < start["n_rows"][0]  # unequal weights
    assert release == pytest.approx(start["n_rows"][1])  # equal ones
    assert curves.se_method == "infinitesimal jackknife"
    clustered = kaplan_meier(people, "durat", "event", weights="weight", cluster="pair")
    assert clustered.se_method == "infinitesimal jackknife, clustered"


def test_a_curve_draws_itself_and_says_in_words_what_it_drew(people: pd.DataFrame) -> None:
    from matplotlib import pyplot as plt

    curves = kaplan_meier(people, "durat", "event", group="arm")
    _, mine = plt.subplots()
    try:
        assert curves.plot(mine) is mine
        assert nelson_aalen(people, "durat", "event").plot(risk=True) is not mine
    finally:
        plt.close("all")
    assert "work release" in curves.alt_text()
    assert curves.alt_text() != curves.alt_text(risk=True)


def test_a_test_shows_observed_and_expected_by_group(people: pd.DataFrame) -> None:
    test = logrank(people, "durat", "event", "arm")
    assert test.detail is not None
    assert test.detail["observed"].sum() == pytest.approx(test.detail["expected"].sum())
    assert test.name == "Log-rank test"
    assert "robust" in logrank(people, "durat", "event", "arm", weights="weight").name
    assert logrank(people, "durat", "event", "arm", gamma=1.0, strata="felon").name == (
        "Fleming-Harrington G(0, 1) test, stratified"
    )
    many = people.assign(schooling=pd.cut(people["educ"], [-1, 7, 9, 11, 20], labels=list("abcd")))
    assert logrank(many, "durat", "event", "schooling").df[0] == 3


def test_a_hazard_ratio_is_reported_with_its_log_standard_error(people: pd.DataFrame) -> None:
    fit = cox(people, "durat", "event", covariates=["arm", "age"])
    logs, ratios = fit.tidy(), fit.tidy(exponentiate=True)
    assert list(logs["term"]) == ["arm[work release]", "age"]
    np.testing.assert_allclose(np.exp(logs[["estimate", "conf_low"]]), ratios[["estimate", "conf_low"]])
    assert logs["std_error"].tolist() == ratios["std_error"].tolist()
    glance = fit.glance()
    assert len(glance) == 1
    assert {"n", "events", "loglik", "loglik_null", "concordance"} <= set(glance)


def test_the_variance_is_robust_where_there_are_weights_or_clusters(people: pd.DataFrame) -> None:
    asked = {"covariates": ["arm"]}
    words = [
        cox(people, "durat", "event", **asked, **more).se_method
        for more in (
            {},
            {"weights": "weight"},
            {"cluster": "pair"},
            {"cluster": ["pair", "felon"]},
            {"weights": "weight", "robust": False},
        )
    ]
    assert words == ["model", "robust", "robust, clustered", "robust, clustered two ways", "model"]


def test_another_covariance_changes_inference_and_not_the_estimate(people: pd.DataFrame) -> None:
    fit = cox(people, "durat", "event", covariates=["arm"])
    wider = fit.with_covariance(4 * fit.covariance, "bootstrap")
    assert wider.tidy()["estimate"].equals(fit.tidy()["estimate"])
    np.testing.assert_allclose(wider.tidy()["std_error"], 2 * fit.tidy()["std_error"])
    assert wider.se_method == "bootstrap"
    assert wider.glance()["wald_statistic"][0] == pytest.approx(fit.glance()["wald_statistic"][0] / 4)


def test_residuals_are_rows_of_the_data_in_order(people: pd.DataFrame) -> None:
    some = people.assign(weight=np.where(people.index % 7 == 0, 0.0, people["weight"]))
    fit = cox(some, "durat", "event", covariates=["arm", "age"], weights="weight")
    kept = np.flatnonzero(some["weight"] > 0)
    events = kept[some["event"].to_numpy()[kept] == 1]
    for kind, rows in (("martingale", kept), ("deviance", kept), ("score", kept), ("dfbeta", kept)):
        assert fit.residuals(kind).index.tolist() == rows.tolist()
    for kind in ("schoenfeld", "scaled schoenfeld"):
        assert fit.residuals(kind).index.tolist() == events.tolist()
        assert list(fit.residuals(kind)) == list(fit.terms)


def test_scaled_schoenfeld_residuals_average_to_the_coefficients(people: pd.DataFrame) -> None:
    fit = cox(people, "durat", "event", covariates=["arm", "age"])
    np.testing.assert_allclose(fit.residuals("scaled schoenfeld").mean(), fit.coefficients, atol=1e-9)


def test_the_test_of_proportional_hazards_has_a_row_a_term_then_global(people: pd.DataFrame) -> None:
    tidy = cox(people, "durat", "event", covariates=["arm", "age"]).ph_test().tidy()
    assert tidy["term"].tolist() == ["arm[work release]", "age", "GLOBAL"]
    assert tidy["df"].tolist() == [1, 1, 2]


def test_survival_is_predicted_for_new_people_with_intervals(people: pd.DataFrame) -> None:
    fit = cox(people, "durat", "event", covariates=["arm", "age"], strata="felon")
    new = pd.DataFrame({"arm": ["none", "work release"], "age": [240, 240], "felon": [1, 1]})
    found = fit.predict_survival(new, [12, 36, 200])
    assert list(found) == ["row", "time", "estimate", "std_error", "conf_low", "conf_high"]
    assert found["row"].tolist() == [0, 0, 0, 1, 1, 1]
    assert found["estimate"].isna().tolist() == [False, False, True] * 2
    inside = found.dropna()
    assert ((inside["conf_low"] < inside["estimate"]) & (inside["estimate"] < inside["conf_high"])).all()
    baseline = fit.baseline()
    assert baseline["stratum"].unique().tolist() == ["0", "1"]
    assert (baseline.groupby("stratum")["cumulative_hazard"].diff().dropna() >= 0).all()


def test_a_restricted_mean_has_groups_then_difference_then_ratio(people: pd.DataFrame) -> None:
    contrast = rmst(people, "durat", "event", "arm", tau=60)
    tidy = contrast.tidy()
    assert tidy["term"].tolist() == ["rmst", "rmst", "difference", "ratio"]
    assert tidy["group"].tolist()[2:] == ["work release - none", "work release / none"]
    assert tidy["statistic"].isna().tolist() == [True, True, False, False]
    assert contrast.se_method == "Greenwood"
    adjusted = rmst(people, "durat", "event", "arm", tau=60, covariates=["age", "priors"], cluster="pair")
    assert adjusted.glance()["adjusted"][0] == "age, priors"
    assert adjusted.se_method == "robust, clustered"
    assert adjusted.tidy()["std_error"][2] < 1.1 * tidy["std_error"][2]


def test_the_room_offers_what_the_design_promises() -> None:
    assert {"kaplan_meier", "logrank", "cox", "rmst", "SurvivalCurves", "CoxFit", "RmstContrast"} <= set(
        survival.__all__
    )
