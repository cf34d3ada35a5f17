"""A sweep over every reference beside the repository in which causes compete."""

from __future__ import annotations

import numpy as np
import pytest

from pdd_outcomes.survival import cox, cumulative_incidence, fine_gray, gray_test, kaplan_meier
from tests.oracles import data, needs_oracles, results
from tests.tolerances import R_CLOSED_FORM, R_DETERMINISTIC, R_ITERATIVE

pytestmark = needs_oracles
SETS = {"mgus2": ("time", "et", "male"), "iowa_cr": ("time_days", "etype", "parole")}


def agrees(found: object, wanted: object, tolerance: float = R_CLOSED_FORM) -> None:
    np.testing.assert_allclose(np.asarray(found, float).ravel(), wanted, rtol=tolerance, atol=1e-9)


@pytest.mark.parametrize("name", SETS)
def test_incidence(name: str) -> None:
    time, event, group = SETS[name]
    frame, answers = data(name), results(f"comprisk_{name}")
    answer = answers["aalen_johansen"]["value"]
    times = sorted(set(answer["time"]))
    read = cumulative_incidence(frame, time, event, group=group, variance="robust", conf_type="log").at(times)
    for k in (1, 2):
        mine = read[read["cause"] == k]
        for ours, theirs in (("estimate", "pstate"), ("std_error", "std.err"), ("conf_low", "lower")):
            agrees(mine[ours], np.array(answer[theirs], float)[:, k])
    answer = answers["cuminc"]["value"]
    read = cumulative_incidence(frame, time, event, group=group).at(answer["times"])
    for curve, value, variance in zip(answer["curves"], answer["est"], answer["var"]):
        label, cause = map(int, curve.split())
        mine = read[(read["group"] == label) & (read["cause"] == cause)]
        agrees(mine["estimate"], value)
        agrees(mine["std_error"] ** 2, variance)
    test = gray_test(frame, time, event, group)
    agrees(test.statistic, [answer["gray_tests"][k]["stat"] for k in ("1", "2")])
    answer = answers["naive_1_minus_km_cause1"]["value"]
    alone = kaplan_meier(frame.assign(e=(frame[event] == 1).astype(int)), time, "e", group=group)
    agrees(1 - alone.at(sorted(set(answer["time"])))["estimate"], answer["risk"])


@pytest.mark.parametrize("cause", [1, 2])
@pytest.mark.parametrize("name", SETS)
def test_regressions(name: str, cause: int) -> None:
    time, event, _ = SETS[name]
    answers = results(f"comprisk_{name}")
    answer = answers[f"finegray_crr_cause{cause}"]["value"]
    terms = list(answer["coef"])
    frame = data(name).dropna(subset=terms)
    fit = fine_gray(frame, time, event, cause=cause, covariates=terms)
    wanted = np.array(list(answer["coef"].values()))
    if (name, cause) == ("iowa_cr", 1):
        # crr stopped short of the top there (its gradient's tolerance is 1e-6): finegray with coxph has the third coefficient
        # as -0.565194959368452, where crr has -0.565184278898238
        wanted[2] = answers["finegray_survival_cause1"]["value"]["coef"]["hispanic"]
    agrees(fit.coefficients, wanted, R_DETERMINISTIC)
    agrees(fit.tidy()["std_error"], list(answer["se"].values()), R_ITERATIVE)
    agrees([fit.loglik_null, fit.loglik], [answer["loglik_null"], answer["loglik"]], R_DETERMINISTIC)
    answer = answers[f"cause_specific_cox_cause{cause}"]["value"]
    own = frame.assign(e=(frame[event] == cause).astype(int))
    agrees(cox(own, time, "e", covariates=terms).coefficients, list(answer["coef"].values()), R_DETERMINISTIC)
