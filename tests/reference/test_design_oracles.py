"""Every matching, propensity and balance answer in the folder of R references, swept."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.design import balance, match, propensity_score
from tests import oracles
from tests.tolerances import R_DETERMINISTIC

pytestmark = oracles.needs_oracles

COLUMNS = ["age", "educ", "race", "married", "nodegree", "re74", "re75"]
TIE_FREE = {
    "psdet_nn": {},
    "psdet_nn_caliper": {"caliper": 0.2},
    "psdet_nn_caliper_abs": {"caliper": 0.01, "caliper_scale": "raw"},
    "psdet_nn_smallest": {"order": "smallest"},
    "psdet_nn_data": {"order": "data"},
    "psdet_nn_replace": {"replace": True},
    "psdet_nn_ratio2": {"ratio": 2},
    "psdet_nn_exact_caliper": {"exact": ["race"], "caliper": 0.2},
    "mahal": {"distance": "mahalanobis"},
}
TIED = {
    "nn_largest": {},
    "nn_caliper": {"caliper": 0.2},
    "nn_replace": {"replace": True},
    "nn_ratio2": {"ratio": 2},
    "nn_exact": {"exact": ["race"]},
    "nn_linear_logit_caliper": {"caliper": 0.2, "distance": "logistic"},
}
END_TO_END = {
    "e2e_recid_wooldridge": ("recid_wooldridge", "workprg", "ATT"),
    "e2e_nc1978": ("nc1978", "workrel", "ATT"),
    "e2e_iowa_drug_releases": ("iowa_drug_releases", "parole", "ATC"),
}
FIGURES = {
    "mean_treated": "Means Treated",
    "mean_control": "Means Control",
    "smd": "Std. Mean Diff.",
    "variance_ratio": "Var. Ratio",
    "ecdf_mean": "eCDF Mean",
    "ecdf_max": "eCDF Max",
}


def value(entry):
    return entry["value"] if isinstance(entry, dict) and "value" in entry else entry


def linked(matched):
    return set(zip(matched.pairs["treated"].tolist(), matched.pairs["control"].tolist()))


def agree(table, reference, skip=()):
    """Every figure of MatchIt's balance table, null for null; R's terms are 'racewhite' for our 'race[white]'."""
    rows = table.assign(key=table["covariate"].str.replace(r"[\[\]]", "", regex=True)).set_index("key")
    checked = 0
    for i, term in enumerate(reference["term"]):
        if term in skip:
            continue
        for ours, theirs in FIGURES.items():
            if term == "distance" and ours.startswith("mean"):
                continue  # R's score is in millionths
            figure = reference[theirs][i]
            if figure is None:
                assert np.isnan(rows.loc[term, ours]), (term, ours)
            else:
                assert rows.loc[term, ours] == pytest.approx(figure, rel=R_DETERMINISTIC, abs=1e-8), (
                    term,
                    ours,
                )
            checked += 1
    assert checked >= 10


@pytest.fixture(scope="module")
def lalonde():
    return oracles.data("lalonde")


@pytest.fixture(scope="module")
def answers():
    return oracles.results("matching_lalonde")


def test_the_propensity_model_is_r_s_glm(lalonde, answers):
    fit = propensity_score(lalonde, "treat", covariates=COLUMNS)
    said = answers["ps_model"]["value"]
    assert fit.coefficients == pytest.approx(list(said["coef"].values()), rel=R_DETERMINISTIC)
    assert fit.tidy()["std_error"].to_numpy() == pytest.approx(list(said["se"].values()), rel=R_DETERMINISTIC)
    assert fit.score[:10] == pytest.approx(said["ps_first10"], rel=R_DETERMINISTIC)
    glance = fit.glance().iloc[0]
    for name in ("loglik", "aic", "auc"):
        assert glance[name] == pytest.approx(said[name], rel=R_DETERMINISTIC)
    assert len(np.unique(fit.score)) == said["n_distinct_ps"]


@pytest.mark.parametrize("name", TIE_FREE)
def test_tie_free_scores_give_r_s_pairs_effective_sizes_and_balance(lalonde, answers, name):
    said = value(answers[name])
    score = oracles.data("lalonde_psdet")["psdet"].to_numpy()
    matched = match(lalonde, "treat", covariates=COLUMNS, **{"distance": score, **TIE_FREE[name]})
    pairs = said["pairs"]
    assert linked(matched) == {(i - 1, j - 1) for i, j in zip(pairs["treated"], pairs["control"])}
    sizes = said["n"]["Matched (ESS)"]
    assert matched.ess == pytest.approx((sizes["Treated"], sizes["Control"]), rel=R_DETERMINISTIC)
    if said["caliper_used"] is not None:
        assert matched.caliper == pytest.approx(said["caliper_used"], rel=R_DETERMINISTIC)
    if "total_pair_distance" in said:
        assert matched.pairs["distance"].sum() == pytest.approx(
            said["total_pair_distance"], rel=R_DETERMINISTIC
        )
    agree(matched.balance(distance=name != "mahal").table, said["balance_matched"])
    # mahal's own table of everyone has no row for a distance
    agree(balance(lalonde, "treat", covariates=COLUMNS).table, said["balance_all"], skip=("distance",))


@pytest.mark.parametrize("name", TIED)
def test_tied_scores_give_as_many_pairs_at_the_same_total_distance(lalonde, answers, name):
    said = value(answers[name])
    score = propensity_score(lalonde, "treat", covariates=COLUMNS).score
    matched = match(lalonde, "treat", covariates=COLUMNS, **{"distance": score, **TIED[name]})
    assert len(matched.pairs) == len(said["pairs"]["treated"])
    assert matched.pairs["distance"].sum() == pytest.approx(said["total_pair_distance"], rel=R_DETERMINISTIC)
    if said["caliper_used"] is not None:
        assert matched.caliper == pytest.approx(said["caliper_used"], rel=R_DETERMINISTIC)
    # 41 scores are shared, so who exactly is matched may differ; the balance of the score may not.
    ours = matched.balance(distance=True).table.set_index("covariate").loc["distance", "smd"]
    theirs = said["balance_matched"]["Std. Mean Diff."][said["balance_matched"]["term"].index("distance")]
    assert ours == pytest.approx(theirs, abs=R_DETERMINISTIC)


@pytest.mark.parametrize("sd", ["treated", "control", "pooled"])
def test_the_three_denominators_are_r_s(lalonde, answers, sd):
    table = balance(lalonde, "treat", covariates=COLUMNS, sd=sd).table.set_index("covariate")
    for name, said in value(answers["balance_unweighted_all_denominators"]).items():
        if name not in ("age", "educ", "re74", "re75"):
            continue  # the reference takes the sample SD of 0/1 columns too, and the methods say sqrt(p(1-p))
        assert table.loc[name, "smd"] == pytest.approx(said[f"smd_{sd}_sd"], rel=R_DETERMINISTIC)
        assert table.loc[name, "variance_ratio"] == pytest.approx(said["var_ratio"], rel=R_DETERMINISTIC)


def test_weights_made_elsewhere_are_balanced_as_r_balances_them(lalonde, answers):
    said = answers["weighting"]["ate"]
    p = propensity_score(lalonde, "treat", covariates=COLUMNS).score
    w = np.where(lalonde["treat"] == 1, 1 / p, 1 / (1 - p))
    found = balance(lalonde, "treat", covariates=COLUMNS, weights=w, sd="pooled")
    assert found.ess == pytest.approx((said["ess_t"], said["ess_c"]), rel=R_DETERMINISTIC)
    table = found.table.set_index("covariate")
    for name in ("age", "educ", "re74", "re75"):
        figures = said["balance"][name]
        assert table.loc[name, "smd"] == pytest.approx(figures["smd_pooled_sd"], rel=R_DETERMINISTIC)
        assert table.loc[name, "variance_ratio"] == pytest.approx(figures["var_ratio"], rel=R_DETERMINISTIC)


@pytest.mark.parametrize("name", END_TO_END)
def test_end_to_end_scores_give_r_s_pairs_caliper_and_balance(name):
    study, treatment, estimand = END_TO_END[name]
    data, said = oracles.data(study), oracles.results(name)
    score = oracles.data(f"{name}_logitps")["logit_ps"].to_numpy()
    columns = value(said["balance_all"])["term"][1:]
    matched = match(data, treatment, distance=score, caliper=0.2, estimand=estimand, covariates=columns)
    pairs = oracles.data(f"{name}_pairs").pivot(index="sub", columns=treatment, values="id") - 1
    assert linked(matched) == set(zip(pairs[1], pairs[0]))
    assert matched.caliper == pytest.approx(value(said["caliper"]), rel=R_DETERMINISTIC)
    assert len(matched.pairs) == value(said["n_pairs"])
    # R's "treated" is the arm that looks for matches.
    focal = data[treatment] if estimand == "ATT" else 1 - data[treatment]
    turned = data.assign(**{treatment: focal})
    agree(
        balance(turned, treatment, covariates=columns, weights=matched.weights).table,
        value(said["balance_matched"]),
        skip=("distance",),
    )
    agree(balance(turned, treatment, covariates=columns).table, value(said["balance_all"]), skip=("distance",))


def test_our_own_scores_lead_to_as_many_pairs_about_as_close():
    for name, (study, treatment, estimand) in END_TO_END.items():
        said, data = oracles.results(name), oracles.data(study)
        columns = value(said["balance_all"])["term"][1:]
        matched = match(data, treatment, covariates=columns, caliper=0.2, estimand=estimand)
        assert len(matched.pairs) == value(said["n_pairs"])
        score = pd.Series(oracles.data(f"{name}_logitps")["logit_ps"].to_numpy())
        given = match(data, treatment, distance=score.to_numpy(), caliper=0.2, estimand=estimand)
        assert matched.pairs["distance"].sum() == pytest.approx(given.pairs["distance"].sum(), rel=1e-3)
