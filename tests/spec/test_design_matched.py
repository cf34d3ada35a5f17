"""What a match says about itself, in reading order: describe, glance, data, roles, balance, pictures."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.design import AnalysisRows, Design, Matched, PropensityScore, balance, match, propensity_score

COLUMNS = ["black", "priors", "educ", "age_y", "tserved_y"]


@pytest.fixture(scope="module")
def matched(recid) -> Matched:
    return match(recid, "workprg", covariates=COLUMNS, caliper=0.05, exact=["super"])


@pytest.fixture(scope="module")
def repeated(recid) -> Matched:
    return match(recid, "workprg", covariates=COLUMNS, caliper=0.2, replace=True, ratio=2)


def test_a_match_describes_itself_in_plain_english(matched):
    text = matched.describe()
    n, m = len(matched.pairs), 672 - len(matched.pairs)
    for part in (
        "Nearest-neighbour matching on the logit of the propensity score: one control person to each treated person, "
        "without replacement, largest score first, no further apart than 0.05 SD of it",
        ", alike on super.",
        f"{n} of 672 treated people were matched, with {n} of 773 control people.",
        f"{m} treated people had no match and were dropped, so the estimand is the FSATT",
        "not the ATT.",
        "Weights: everyone in a pair counts 1",
    ):
        assert part in text


def test_with_replacement_the_description_says_what_a_weight_is(repeated):
    text = repeated.describe()
    assert "two control people to each treated person, with replacement" in text
    assert "the sum, over their sets, of 1 over the number of control people in the set" in text
    assert "The cluster is the set and the person." in text


def test_glance_is_one_row_that_adds_up(matched):
    row = matched.glance().iloc[0]
    assert len(matched.glance()) == 1
    assert row["matched_treated"] + row["dropped_treated"] == row["n_treated"] == 672
    assert row["matched_control"] + row["dropped_control"] == row["n_control"] == 773
    assert row["n_sets"] == row["matched_treated"]
    assert row["ess_control"] == pytest.approx(row["matched_control"])


def test_the_matched_frame_carries_weights_and_sets_and_the_roles_name_them(matched, recid):
    frame = matched.data()
    assert len(frame) == 2 * len(matched.pairs)
    assert list(frame.columns) == [*recid.columns, "weights", "set_id"]
    assert (frame.groupby("set_id")["workprg"].sum() == 1).all()
    assert frame.index.equals(recid.index[matched.weights > 0])
    assert matched.roles == {"weights": "weights", "cluster": "set_id"}


def test_with_replacement_the_frame_has_a_row_for_each_membership(repeated):
    frame = repeated.data()
    assert len(frame) == len(repeated.pairs) + repeated.glance()["matched_treated"].item()
    controls = frame[frame["workprg"] == 0]
    assert controls["row"].duplicated().any()
    assert (controls.groupby("set_id")["weights"].sum().round(12) == 1).all()
    assert repeated.roles == {"weights": "weights", "cluster": ["set_id", "row"]}
    assert len(repeated.analysis_rows().clusters) == 2


def test_memberships_and_matching_weights_give_the_same_means(repeated, recid):
    rows = repeated.analysis_rows()
    assert isinstance(rows, AnalysisRows)
    control = ~repeated.treated[rows.row]
    x = recid["priors"].to_numpy(dtype=float)
    by_membership = np.average(x[rows.row][control], weights=rows.weight[control])
    by_weight = np.average(x[~repeated.treated], weights=repeated.weights[~repeated.treated])
    assert by_membership == pytest.approx(by_weight, rel=1e-12)


def test_balance_is_read_on_what_was_matched_on_and_exact_columns(matched):
    table = matched.balance().table
    assert table["covariate"].tolist() == [*COLUMNS, "super"]
    assert list(table.columns[:8]) == [
        "covariate", "mean_treated", "mean_control", "smd_unadjusted", "smd", "variance_ratio", "ecdf_mean", "ecdf_max",
    ]  # fmt: skip
    assert table.set_index("covariate").loc["super", "smd"] == pytest.approx(0, abs=1e-12)
    assert matched.balance(distance=True).table["covariate"].iloc[0] == "distance"


def test_for_the_untreated_differences_are_in_sds_of_the_untreated(recid):
    turned = match(recid, "workprg", covariates=COLUMNS, estimand="ATC", caliper=0.2)
    assert turned.balance().sd == "control"
    assert turned.estimand == "FSATC"
    assert (turned.weights[~turned.treated] <= 1).all()


def test_the_dropped_are_compared_with_the_kept(matched, recid):
    frame = matched.dropped().set_index("covariate")
    treated = recid[recid["workprg"] == 1]
    kept = matched.weights[matched.treated] > 0
    assert frame.loc["priors", "mean_dropped"] == pytest.approx(treated["priors"][~kept].mean())
    assert frame.loc["priors", "mean_kept"] == pytest.approx(treated["priors"][kept].mean())
    assert frame["n_kept"].iloc[0] + frame["n_dropped"].iloc[0] == len(treated)
    everyone = match(recid.iloc[:900], "workprg", covariates=COLUMNS, replace=True)
    assert everyone.dropped()["mean_dropped"].isna().all()
    assert everyone.estimand == "ATT"


def test_a_boolean_treatment_and_labels_are_read_as_they_are(recid):
    data = recid.assign(t=recid["workprg"] == 1, race=np.where(recid["black"] == 1, "b", "o"))
    other = data.assign(race=pd.Categorical(data["race"]))
    first = match(data, "t", covariates=["race", "priors"], caliper=0.2)
    second = match(other, "t", covariates=["race", "priors"], caliper=0.2)
    assert first.pairs.equals(second.pairs)
    assert first.balance().table["covariate"].tolist() == ["race[o]", "priors"]


def test_random_order_is_repeatable_from_its_generator(recid):
    calls = [
        match(recid, "workprg", covariates=COLUMNS, order="random", rng=np.random.default_rng(s), caliper=0.1)
        for s in (1, 1, 2)
    ]
    assert calls[0].pairs.equals(calls[1].pairs)
    assert not calls[0].pairs.equals(calls[2].pairs)


def test_overlap_before_and_after_counts_everyone_and_then_the_matched(matched):
    frame = matched.overlap(bins=10)
    assert list(frame.columns) == ["sample", "arm", "bin_low", "bin_high", "count", "share"]
    counts = frame.groupby(["sample", "arm"])["count"].sum()
    assert counts["before", "treated"] == 672
    assert counts["after", "control"] == len(matched.pairs)
    assert frame.groupby(["sample", "arm"])["share"].sum().to_numpy() == pytest.approx(np.ones(4))


def test_every_table_has_the_standard_columns(matched, recid):
    fit = propensity_score(recid, "workprg", covariates=COLUMNS)
    assert isinstance(fit, PropensityScore)
    standard = ["term", "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]
    for result in (fit, matched, matched.balance()):
        assert list(result.tidy().columns) == standard
        assert len(result.glance()) == 1
        assert "<table" in result._repr_html_()
        with pytest.raises(AttributeError):
            setattr(result, next(iter(type(result).__dataclass_fields__)), None)
    wide = fit.tidy(level=0.99)
    assert (wide["conf_high"] > fit.tidy()["conf_high"]).all()


def test_no_result_shows_a_person_in_its_repr(matched, recid):
    for result in (matched, propensity_score(recid, "workprg", covariates=COLUMNS)):
        assert len(repr(result)) < 1500
        assert "array([False" not in repr(result)


def test_a_match_is_a_design_that_an_outcome_model_takes_whole(matched):
    assert isinstance(matched, Design)
    rows = matched.analysis_rows()
    assert rows.row.tolist() == np.flatnonzero(matched.weights > 0).tolist()
    assert (rows.clusters[0] == matched.set_id[rows.row]).all()


def test_the_love_plot_and_the_overlap_plot_are_drawn_from_frames_one_can_have(matched):
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes

    assert isinstance(matched.love_plot(), Axes)
    found = matched.balance()
    assert isinstance(found.love_plot(threshold=0.05), Axes)
    assert list(found.love_frame().columns) == ["covariate", "smd_unadjusted", "smd"]
    assert "covariates" in found.alt_text()
    for sample in ("before", "after"):
        assert isinstance(matched.overlap_plot(sample=sample), Axes)
    plt.close("all")


def test_a_balance_table_goes_to_json_and_back(matched):
    text = matched.balance().table.to_json()
    assert json.loads(text)["covariate"]["0"] == "black"


def test_weights_made_by_a_match_balance_like_the_match(matched, recid):
    by_hand = balance(recid.assign(w=matched.weights), "workprg", covariates=[*COLUMNS, "super"], weights="w")
    pd.testing.assert_frame_equal(by_hand.table, matched.balance().table)
