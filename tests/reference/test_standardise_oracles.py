"""Standardisation after matching against R (lm, sandwich::vcovCL type HC1, marginaleffects' delta method) on lalonde."""

from __future__ import annotations

import pytest

from pdd_outcomes.design import match
from pdd_outcomes.effects import standardise
from tests.oracles import data, needs_oracles, results
from tests.tolerances import R_CLOSED_FORM

COVARIATES = ["age", "educ", "race", "married", "nodegree", "re74", "re75"]
ASKED = {
    "psdet_nn": {},
    "psdet_nn_caliper": {"caliper": 0.2},
    "psdet_nn_smallest": {"order": "smallest"},
    "psdet_nn_data": {"order": "data"},
    "psdet_nn_ratio2": {"ratio": 2},
    "psdet_nn_exact_caliper": {"exact": ["race"], "caliper": 0.2},
}


@needs_oracles
@pytest.mark.parametrize("name", ASKED)
def test_means_after_matching_and_their_clustered_error_are_rs(name):
    people = data("lalonde")
    score = data("lalonde_psdet")["psdet"].to_numpy()
    matched = match(people, "treat", covariates=COVARIATES, distance=score, **ASKED[name])
    value = results("matching_lalonde")[name]["value"]
    for key, columns in (("att_unadjusted", None), ("att_gcomp", COVARIATES)):
        made = standardise(
            matched, people, outcome="re78", covariates=columns, family="gaussian", small_sample=True
        )
        row = made.tidy().set_index("term").loc["mean_difference"]
        assert row["estimate"] == pytest.approx(value[key]["est"], rel=R_CLOSED_FORM)
        assert row["std_error"] == pytest.approx(value[key]["se"], rel=R_CLOSED_FORM)


@needs_oracles
@pytest.mark.parametrize("name", ["cem", "subclass6_att", "psdet_nn_replace"])
def test_means_by_strata_and_with_replacement_are_rs(name):
    # R's errors here cluster on the stratum, or on the person alone; ours on the person, or on set and person.
    people = data("lalonde")
    asked = {
        "cem": {"method": "cem", "cutpoints": 4},
        "subclass6_att": {"method": "subclass"},
        "psdet_nn_replace": {"distance": data("lalonde_psdet")["psdet"].to_numpy(), "replace": True},
    }[name]
    matched = match(people, "treat", covariates=COVARIATES, **asked)
    value = results("matching_lalonde")[name]["value"]
    for key, columns in (("att_unadjusted", None), ("att_gcomp", COVARIATES)):
        made = standardise(matched, people, outcome="re78", covariates=columns, family="gaussian")
        row = made.tidy().set_index("term").loc["mean_difference"]
        assert row["estimate"] == pytest.approx(value[key]["est"], rel=R_CLOSED_FORM)
