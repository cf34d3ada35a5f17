"""Evidence over forces refuses what it cannot tell, all at once and in words, and shows no number that should not be believed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.errors import DataError, UsageError
from pdd_outcomes.core.results import NotEstimable
from pdd_outcomes.synthesis import pool
from pdd_outcomes.synthesis.counts import mantel_haenszel, peto
from pdd_outcomes.synthesis.few_clusters import cluster_level, randomisation_inference, wild_cluster_bootstrap
from pdd_outcomes.synthesis.influence import influence
from pdd_outcomes.synthesis.meta_regression import meta_regression
from pdd_outcomes.synthesis.small_studies import begg, egger, trim_and_fill

RNG = np.random.default_rng(5)
Y, S = RNG.normal(size=12), RNG.uniform(0.1, 0.5, 12)
X = pd.DataFrame({"triage": RNG.normal(size=12).round(2)})


def refused(error, call, *words):
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_more_than_one_covariate_for_every_ten_forces_is_refused_or_said():
    two = X.assign(onsite=RNG.normal(size=12))
    refused(
        UsageError, lambda: meta_regression(Y, S, two), "2 covariates for 12 estimates", "one for every ten"
    )
    refused(UsageError, lambda: meta_regression(Y[:9], S[:9], X[:9]), "1 covariate for 9 estimates")
    labels = X.assign(model=["a", "b", "c"] * 4)[["model"]]
    refused(
        UsageError, lambda: meta_regression(Y, S, labels), "2 covariates"
    )  # three levels are two covariates
    said = meta_regression(Y, S, two, allow_overfit=True)
    assert "breaks the rule of one for every ten" in said.notes[0]
    assert "one for every ten" in said.glance()["notes"].iloc[0]
    assert meta_regression(Y, S, X).notes == ()
    refused(
        UsageError, lambda: meta_regression([1, 2, 3], [1, 1, 1], two[:3], allow_overfit=True), "nothing over"
    )


def test_features_must_be_there_and_differ():
    refused(UsageError, lambda: meta_regression(Y, S, X[:5]), "12 rows")
    refused(UsageError, lambda: meta_regression(Y, S, X["triage"]), "DataFrame")
    refused(DataError, lambda: meta_regression(Y, S, X.assign(triage=3.0)), "the same in every force")
    again = X.assign(twice=2 * X["triage"] + 1)
    refused(DataError, lambda: meta_regression(Y, S, again, allow_overfit=True), "['twice']", "collinear")
    holes = X.assign(triage=[np.nan, *X["triage"][1:]])
    refused(DataError, lambda: meta_regression(Y, S, holes), "features='triage' is missing for 1 of 12 rows")


def test_wrong_options_list_the_right_ones():
    refused(UsageError, lambda: meta_regression(Y, S, X, method="reml"), "REML", "HE")
    refused(UsageError, lambda: meta_regression(Y, S, X, ci="t"), "hksj")
    refused(UsageError, lambda: meta_regression(Y, S, X, level=95), "between 0 and 1")
    refused(UsageError, lambda: meta_regression(Y, S, X, permutations=99), "rng=numpy.random.default_rng")
    refused(UsageError, lambda: egger(Y, S, method="lm"), "regression", "mixed")
    refused(UsageError, lambda: trim_and_fill(Y, S, side="both"), "left")
    refused(UsageError, lambda: mantel_haenszel([1], [1], [1], [1], measure="HR"), "RR")
    refused(DataError, lambda: meta_regression([*Y[1:], np.nan], S, X), "estimates is missing")


def test_estimates_on_a_line_give_no_interval():
    line = 2 + 3 * X["triage"].to_numpy()
    found = meta_regression(line, np.full(12, 0.1), X)
    assert found.coefficients == pytest.approx([2, 3])
    assert np.isnan(found.covariance).all() or found.tidy()["std_error"].max() < 1e-6
    pooled = meta_regression([1.0] * 12, [0.1] * 12, None)
    assert pooled.tidy()[["std_error", "conf_low", "p_value"]].isna().all(axis=None)


def test_influence_needs_three_forces():
    refused(UsageError, lambda: influence(pool([0, 1], [1, 1])), "at least three")


def test_a_funnel_without_a_shape_is_not_judged():
    for test in (egger, begg):
        for args, word in (
            (([0, 1], [1, 2]), "from three"),
            (([0, 1, 2], [1, 1, 1]), "all standard errors are the same"),
        ):
            found = test(*args)
            assert isinstance(found, NotEstimable)
            assert word in found.reason
    assert isinstance(egger([1, 2, 3], [1, 2, 3]), NotEstimable)  # on a line
    assert isinstance(begg([1, 1, 1], [1, 2, 3]), NotEstimable)
    refused(UsageError, lambda: trim_and_fill([0, 1], [1, 2]), "at least three")
    refused(UsageError, lambda: trim_and_fill([0, 1, 2], [1, 1, 1]), 'side="left"')


def test_counts_are_checked_all_at_once_and_named():
    refused(
        DataError,
        lambda: mantel_haenszel(
            [1, -1, 0], [2, 3, 0], [1, np.nan, 4], [2, 3, 4], labels=["Avon", "Dee", "Esk"]
        ),
        "a is missing, infinite or below 0 for 1 of 3 rows (row 1): Dee",
        "c is missing",
        "there are no treated people for 1 of 3 rows (row 2): Esk",
    )
    refused(UsageError, lambda: peto([1, 2], [1], [1], [1]), "one length")
    refused(UsageError, lambda: peto([1], [1], [1], [1], labels=["A", "B"]), "labels must be 1")
    refused(UsageError, lambda: mantel_haenszel(["x"], [1], [1], [1]), "numbers")
    refused(
        UsageError,
        lambda: mantel_haenszel([1], [1], [1], [1], measure="RD").tidy(exponentiate=True),
        "logarithm",
    )


@pytest.mark.parametrize(
    ("table", "word"),
    [
        (([0, 0], [5, 5], [0, 0], [5, 5]), "no force has an event in either arm"),
        (([0, 0], [5, 5], [1, 2], [5, 5]), "treated arm"),
        (([1, 2], [5, 5], [0, 0], [5, 5]), "control arm"),
    ],
)
def test_without_events_there_is_no_ratio_but_there_is_a_difference(table, word):
    for measure in ("RR", "OR"):
        found = mantel_haenszel(*table, measure=measure)
        assert isinstance(found, NotEstimable)
        assert word in found.reason
    assert np.isfinite(mantel_haenszel(*table, measure="RD").estimate)


def test_peto_without_events_has_a_reason():
    assert "no force has an event" in peto([0], [5], [0], [5]).reason


def people(treated: int, control: int, size: int = 20) -> pd.DataFrame:
    rng = np.random.default_rng(8)
    g = np.repeat(np.arange(treated + control), size)
    y = rng.normal(size=treated + control)[g] + rng.normal(size=len(g))
    return pd.DataFrame({"y": y, "d": (g < treated).astype(int), "g": g, "s": 1})


def test_too_few_clusters_leave_an_estimate_and_a_reason():
    for arms, word in (
        ((2, 9), "2 treated clusters"),
        ((9, 1), "1 control cluster"),
        ((1, 2), "1 treated cluster and"),
    ):
        found = wild_cluster_bootstrap(people(*arms), "y", "d", cluster="g", rng=np.random.default_rng(1))
        assert word in found.reason
        row = found.tidy().iloc[0]
        assert np.isfinite(row["estimate"])
        assert row[["p_value", "conf_low", "conf_high"]].isna().all()
        assert np.isnan(found.interval(0.9)).all()
    few = randomisation_inference(people(1, 9), "y", "d", cluster="g")
    assert "only 10 ways" in few.reason
    assert "needs 20" in few.reason
    assert np.isnan([few.p_value, few.conf_low]).all()
    alone = randomisation_inference(people(1, 30), "y", "d", cluster="g", statistic="t")
    assert "1 treated cluster:" in alone.reason
    means = cluster_level(people(1, 9), "y", "d", cluster="g")
    assert "1 treated cluster" in means.reason
    assert means.tidy()["std_error"].isna().all()


def test_three_a_side_cannot_reject_at_five_per_cent_and_say_so():
    three = people(3, 3)
    found = randomisation_inference(three, "y", "d", cluster="g")
    assert (found.conf_low, found.conf_high) == (-np.inf, np.inf)
    assert "has no end" in found.reason
    # sixteen patterns of signs have a smallest p of 2/16, but three and three have 2/64
    signs = wild_cluster_bootstrap(three, "y", "d", cluster="g", weights_kind="rademacher")
    assert signs.least_p == 2 / 64
    narrow = wild_cluster_bootstrap(three, "y", "d", cluster="g", weights_kind="rademacher", level=0.99)
    assert (narrow.conf_low, narrow.conf_high) == (-np.inf, np.inf)
    assert "0.0312" in narrow.reason


def test_clusters_that_do_not_differ_give_no_error():
    flat = people(4, 4).assign(y=lambda f: 1.0 + f["d"])
    for found in (
        wild_cluster_bootstrap(flat, "y", "d", cluster="g", weights_kind="rademacher"),
        randomisation_inference(flat, "y", "d", cluster="g"),
        randomisation_inference(flat, "y", "d", cluster="g", statistic="t"),
    ):
        assert found.estimate == pytest.approx(1)
        assert "no error to judge by" in found.reason
        assert np.isnan(found.p_value)
    assert cluster_level(flat, "y", "d", cluster="g").tidy()["p_value"].isna().all()


def test_a_treatment_within_clusters_is_not_one_of_clusters():
    mixed = people(6, 6)
    mixed.loc[[0, 21], "d"] = 0
    for call in (randomisation_inference, cluster_level):
        refused(DataError, lambda call=call: call(mixed, "y", "d", cluster="g"), "in 2 of the clusters of 'g'")
    strata = people(6, 6)
    strata.loc[3, "s"] = 2
    refused(
        DataError,
        lambda: randomisation_inference(strata, "y", "d", cluster="g", strata="s"),
        "strata='s' is not the same for everyone in 1 of the clusters",
    )
    assert np.isfinite(wild_cluster_bootstrap(mixed, "y", "d", cluster="g").p_value)


def test_every_wrong_column_is_named_at_once():
    bad = people(6, 6).assign(y="a", w=-1.0)
    refused(
        DataError,
        lambda: wild_cluster_bootstrap(bad, "y", "e", cluster="h", weights="w"),
        "outcome='y' must be a number",
        "treatment='e'",
        "cluster='h'",
        "weights='w' is below 0",
    )
    one = people(6, 6).assign(d=1)
    refused(DataError, lambda: cluster_level(one, "y", "d", cluster="g"), "one arm is empty")
    nobody = people(6, 6).assign(w=lambda f: f["d"].astype(float))
    refused(DataError, lambda: cluster_level(nobody, "y", "d", cluster="g", weights="w"), "nothing to compare")


def test_a_treatment_that_the_covariates_settle_is_refused():
    data = people(6, 6).assign(copy=lambda f: f["d"] * 2.0)
    for call in (wild_cluster_bootstrap, randomisation_inference):
        refused(
            DataError,
            lambda call=call: call(data, "y", "d", cluster="g", covariates=["copy"]),
            "settled by the covariates",
        )


def test_draws_need_a_generator_and_enough_of_them():
    data = people(10, 10)
    for call in (wild_cluster_bootstrap, randomisation_inference):
        refused(UsageError, lambda call=call: call(data, "y", "d", cluster="g"), "rng=numpy.random.default_rng")
        refused(UsageError, lambda call=call: call(data, "y", "d", cluster="g", replicates=10), "at least 99")
        refused(UsageError, lambda call=call: call(data, "y", "d", cluster="g", level=95), "between 0 and 1")
    refused(
        UsageError, lambda: wild_cluster_bootstrap(data, "y", "d", cluster="g", weights_kind="mammen"), "webb"
    )
    refused(
        UsageError, lambda: randomisation_inference(data, "y", "d", cluster="g", statistic="z"), "difference"
    )


def test_collinear_covariates_other_than_the_treatment_change_nothing():
    data = people(6, 6).assign(a=lambda f: np.arange(len(f)) % 7 + 1990.0, b=lambda f: 2 * f["a"] - 5)
    one = wild_cluster_bootstrap(data, "y", "d", cluster="g", covariates=["a"], weights_kind="rademacher")
    two = wild_cluster_bootstrap(data, "y", "d", cluster="g", covariates=["a", "b"], weights_kind="rademacher")
    three = wild_cluster_bootstrap(data, "y", "d", cluster="g", formula="a", weights_kind="rademacher")
    assert two.p_value == one.p_value == three.p_value
    assert two.std_error == pytest.approx(one.std_error)


def test_results_show_themselves():
    data = people(6, 6)
    for found in (
        meta_regression(Y, S, X, permutations=99, rng=np.random.default_rng(1)),
        trim_and_fill(Y, S),
        egger(Y, S),
        mantel_haenszel([1, 2], [3, 4], [2, 3], [4, 5]),
        wild_cluster_bootstrap(data, "y", "d", cluster="g", weights_kind="rademacher"),
        randomisation_inference(data, "y", "d", cluster="g"),
        cluster_level(data, "y", "d", cluster="g"),
    ):
        assert "<table" in found._repr_html_()
        assert len(found.glance()) == 1
        wide, narrow = found.tidy(level=0.99), found.tidy(level=0.8)
        span = [(f["conf_high"] - f["conf_low"]).to_numpy() for f in (wide, narrow)]
        assert not (span[0] < span[1]).any()
