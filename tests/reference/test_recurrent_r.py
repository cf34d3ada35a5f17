"""R's answers for events that recur (R 4.2.2, survival 3.5-3, MASS 7.3-58), each with the call, on the rows below (r)."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.errors import DataError
from pdd_outcomes.survival import (
    andersen_gill,
    event_rates,
    mean_cumulative_count,
    prentice_williams_peterson,
)
from tests.oracles import data, needs_oracles, results
from tests.tolerances import R_CLOSED_FORM, R_DETERMINISTIC, R_ITERATIVE

# person: the times of events, then the end of follow-up; odd persons are in arm 1
PEOPLE = {
    1: (46,), 2: (6, 7, 8, 17, 27, 37, 39, 52), 3: (10, 24), 4: (1, 3, 15, 20, 30, 35), 5: (32,), 6: (20,), 7: (31,),
    8: (4, 7, 25, 36, 37, 42, 43, 52), 9: (38,), 10: (18, 27, 34), 11: (6, 45), 12: (38,), 13: (6, 21), 14: (23, 27),
}  # fmt: skip
ROWS = pd.DataFrame(
    [
        (person, start, stop, int(stop != times[-1]), person % 2)
        for person, times in PEOPLE.items()
        for start, stop in zip((0, *times), times)
    ],
    columns=["id", "start", "stop", "event", "arm"],
)
ROLES: dict[str, Any] = {"time": "stop", "event": "event", "id": "id", "entry": "start"}


def agrees(found: object, wanted: object, tolerance: float = R_DETERMINISTIC) -> None:
    np.testing.assert_allclose(np.asarray(found, float).ravel(), wanted, rtol=tolerance, atol=1e-9)


def test_the_mean_cumulative_count() -> None:
    # summary(survfit(Surv(start,stop,event)~arm, r, id=id, cluster=id), times=c(10,20,30)): cumhaz, std.chaz
    read = mean_cumulative_count(ROWS, **ROLES, group="arm").at([10, 20, 30])
    mean = [1.0, 1.571428571428571, 2.438095238095238, 0.428571428571429, 0.428571428571429, 0.428571428571429]
    agrees(read["estimate"], mean, R_CLOSED_FORM)
    agrees(
        read["std_error"],
        [0.451753951452626, 0.634296745629390, 0.719967725344129, *[0.187043905916565] * 3],
        R_CLOSED_FORM,
    )
    # the same without id and cluster
    read = mean_cumulative_count(ROWS, **ROLES, group="arm", variance="poisson").at([10, 20, 30])
    agrees(
        read["std_error"],
        [0.377964473009227, 0.473803541479343, 0.612862877836045, *[0.247435829652697] * 3],
        R_CLOSED_FORM,
    )


def test_cox_models_of_every_event() -> None:
    # r$e3 <- pmin(events before + 1, 3); coxph(Surv(start,stop,event)~arm, r, cluster=id): coef, robust se, model se
    fit = andersen_gill(ROWS, **ROLES, covariates=["arm"])
    found = [fit.coefficients[0], fit.tidy()["std_error"][0], np.sqrt(fit.naive_covariance[0, 0])]
    agrees(found, [-1.997947998222011, 0.570768317348079, 0.615870718977238])
    # coxph(Surv(start,stop,event)~arm+strata(e3), r, cluster=id)
    fit = prentice_williams_peterson(ROWS, **ROLES, covariates=["arm"], most=3)
    found = [fit.coefficients[0], fit.tidy()["std_error"][0], np.sqrt(fit.naive_covariance[0, 0])]
    agrees(found, [-1.190629882336522, 0.534215966046220, 0.684582356593078])
    # coxph(Surv(stop-start,event)~arm+strata(e3), r, cluster=id)
    fit = prentice_williams_peterson(ROWS, **ROLES, covariates=["arm"], most=3, clock="gap")
    found = [fit.coefficients[0], fit.tidy()["std_error"][0], np.sqrt(fit.naive_covariance[0, 0])]
    agrees(found, [-1.327198954830608, 0.506282034679427, 0.677623745340992])


def test_rates() -> None:
    # pp <- aggregate(cbind(event, stop-start)~id+arm, r, sum); glm.nb(event~arm+offset(log(gap)), pp): coef, se, theta, ...
    totals = ROWS.groupby("id").agg(count=("event", "sum"), time=("stop", "max"), arm=("arm", "first"))
    fit = event_rates(totals, "count", "time", covariates=["arm"])
    agrees(fit.coefficients, [-2.52771514535625, -1.82114098469611])
    agrees(fit.tidy()["std_error"], [0.301162185930722, 0.678131269370037])
    agrees([fit.theta, fit.loglik], [3.56254394060541, -20.85905565404859], R_ITERATIVE)
    agrees(fit.theta_std_error, [5.16791041547406], R_ITERATIVE)
    # glm(event~arm+offset(log(gap)), poisson, pp); sandwich B X'diag(u^2)X B with u the raw residual
    fit = event_rates(totals, "count", "time", covariates=["arm"], family="poisson")
    agrees(fit.coefficients, [-2.46191713156330, -1.90753072090372])
    agrees(fit.tidy()["std_error"], [0.213200716355607, 0.615457453709415])
    fit = event_rates(totals, "count", "time", covariates=["arm"], family="poisson", robust=True)
    agrees(fit.tidy()["std_error"], [0.261680044064394, 0.549111228964442])


@needs_oracles
def test_bladder_tumours() -> None:
    frame, answers = data("bladder2"), results("recurrent_bladder2")
    roles: dict[str, Any] = {"time": "tstop", "event": "event", "id": "id", "entry": "tstart"}
    times = sorted(set(answers["mcf"]["value"]["time"]))
    for variance, key, error in (("robust", "mcf", "robust_se"), ("poisson", "mcf_naive", "se")):
        read = mean_cumulative_count(frame, **roles, group="treat", variance=variance).at(times)  # type: ignore[arg-type]
        agrees(read["estimate"], answers[key]["value"]["mcf"], R_CLOSED_FORM)
        agrees(read["std_error"], answers[key]["value"][error], R_CLOSED_FORM)
    for key, fit in (
        ("andersen_gill_efron", andersen_gill(frame, **roles, covariates=["treat", "size", "number"])),
        ("pwp_cp", prentice_williams_peterson(frame, **roles, covariates=["treat", "size", "number"])),
        (
            "pwp_gt",
            prentice_williams_peterson(frame, **roles, covariates=["treat", "size", "number"], clock="gap"),
        ),
    ):
        agrees(fit.coefficients, list(answers[key]["value"]["coef"].values()))
        agrees(fit.tidy()["std_error"], list(answers[key]["value"]["robust_se"].values()))
    people = frame.groupby("id").agg(treat=("treat", "first"), y=("event", "sum"), t=("tstop", "max"))
    answer = answers["event_rate_models"]["value"]
    fit = event_rates(people, "y", "t", covariates=["treat"])
    agrees(fit.coefficients, list(answer["nb_coef"].values()), R_ITERATIVE)
    agrees(fit.tidy()["std_error"], list(answer["nb_se"].values()), R_ITERATIVE)
    fit = event_rates(people, "y", "t", covariates=["treat"], family="poisson", robust=True)
    agrees(fit.tidy()["std_error"], list(answer["poisson_hc0"].values()))


@needs_oracles
def test_days_absent_and_claims() -> None:
    frame, answers = data("quine").assign(one=1.0), results("glm_quine")
    for level in ("F1", "F2", "F3"):
        frame[f"age{level}"] = (frame["age"] == level).astype(float)
    terms = [t for t in answers["negbin"]["value"]["coef"] if t != "(Intercept)"]
    answer = answers["negbin"]["value"]
    fit = event_rates(frame, "Days", "one", covariates=terms)
    agrees(fit.coefficients, list(answer["coef"].values()), R_ITERATIVE)
    agrees(fit.tidy()["std_error"], list(answer["se"].values()), R_ITERATIVE)
    agrees([fit.theta, fit.loglik], [answer["theta"], answer["loglik"]], R_ITERATIVE)
    claims = data("insurance").astype({"Group": str, "Age": str})
    with pytest.raises(DataError, match=re.escape("no more spread than a Poisson's")):
        event_rates(claims, "Claims", "Holders", covariates=["District", "Group", "Age"])
