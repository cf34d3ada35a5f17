"""Every end-to-end line in the folder of R references, swept: scores to pairs to effects, as R had them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.design import Design, match
from pdd_outcomes.effects import mcnemar, risk_contrast, time_to_event
from tests import oracles
from tests.tolerances import R_DETERMINISTIC

pytestmark = oracles.needs_oracles

LINES = {  # treatment, time, estimand, tau
    "recid_wooldridge": ("workprg", "durat", "ATT", 70),
    "nc1978": ("workrel", "time", "ATT", 70),
    "iowa_drug_releases": ("parole", "time_days", "ATC", 1000),
}


@pytest.fixture(scope="module", params=sorted(LINES))
def line(request):
    treatment, time, estimand, tau = LINES[request.param]
    scores = pd.read_csv(oracles.FOLDER / "data" / f"e2e_{request.param}_logitps.csv")
    people = oracles.data(request.param).merge(scores, on="id", validate="one_to_one")
    people["by_tau"] = ((people[time] <= tau) & (people["event"] == 1)).astype(int)
    score = people["logit_ps"].to_numpy()
    design = match(people, treatment, covariates=["id"], distance=score, caliper=0.2, estimand=estimand)
    effect = time_to_event(
        design, people, time=time, event="event", at=[tau / 4, tau / 2, tau], tau=tau, intervals=[tau / 3]
    )
    reference = {
        k: v["value"] for k, v in oracles.results(f"e2e_{request.param}").items() if "value" in dict_of(v)
    }
    return design, people, effect, reference


def dict_of(entry):
    return entry if isinstance(entry, dict) else {}


def test_cox_on_matched_pairs_with_the_clustered_error(line):
    _, _, effect, reference = line
    cox = {k: next(iter(v.values())) for k, v in reference["cox_cluster_pairs"].items() if isinstance(v, dict)}
    row = effect.tidy().set_index("term").loc["hazard_ratio"]
    assert row["estimate"] == pytest.approx(cox["hr"], rel=R_DETERMINISTIC)
    assert row["std_error"] == pytest.approx(cox["robust_se"], rel=R_DETERMINISTIC)
    assert np.log(row[["conf_low", "conf_high"]].astype(float)).to_numpy() == pytest.approx(
        cox["ci95"], rel=1e-5
    )
    assert row["p_value"] == pytest.approx(reference["cox_cluster_pairs"]["p"][0], rel=1e-5)
    test = effect.ph_test().tidy()
    assert test["statistic"].to_numpy() == pytest.approx(reference["zph"]["chisq"], rel=R_DETERMINISTIC)


def test_kaplan_meier_risks_with_their_errors(line):
    _, _, effect, reference = line
    km, rows = reference["km"], effect.tidy()
    found = pd.concat([rows[rows["term"] == f"risk_{arm}"] for arm in ("control", "treated")])
    assert 1 - found["estimate"].to_numpy() == pytest.approx(km["surv"], rel=R_DETERMINISTIC)
    assert found["std_error"].to_numpy() == pytest.approx(km["se"], rel=R_DETERMINISTIC)


def test_restricted_mean_difference(line):
    design, people, effect, reference = line
    difference, low, high, p = reference["rmst"]["diff"]
    rows = effect.tidy().set_index("term")
    assert rows.loc["rmst_difference", "estimate"] == pytest.approx(difference, rel=R_DETERMINISTIC)
    alone = Design(design.treated, design.weights, None, design.requested)
    time = next(t for _, t, _, _ in LINES.values() if t in people.columns)
    loose = time_to_event(alone, people, time=time, event="event", at=[effect.tau], tau=effect.tau).tidy()
    row = loose.set_index("term").loc["rmst_difference"]
    assert row[["conf_low", "conf_high", "p_value"]].to_list() == pytest.approx(
        [low, high, p], rel=R_DETERMINISTIC
    )


def test_mcnemar_and_modified_poisson(line):
    design, people, _, reference = line
    test = mcnemar(design, people, outcome="by_tau")
    table = np.array(reference["mcnemar"]["table"])  # rows the focal arm
    ours = test.detail.to_numpy() if design.requested == "ATT" else test.detail.to_numpy().T
    assert ours.tolist() == table.tolist()
    assert test.statistic[0] == pytest.approx(reference["mcnemar"]["chisq"], rel=R_DETERMINISTIC)
    row = risk_contrast(design, people, outcome="by_tau").tidy().set_index("term").loc["risk_ratio"]
    poisson = reference["modified_poisson_cluster"]
    assert np.log(row["estimate"]) == pytest.approx(poisson["coef"], rel=R_DETERMINISTIC)
    assert row["std_error"] == pytest.approx(poisson["se_HC0"], rel=R_DETERMINISTIC)
