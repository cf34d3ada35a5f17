"""A sweep over every survival reference beside the repository that these estimators are to agree with."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.survival import CoxFit, cox, kaplan_meier, logrank, nelson_aalen, rmst
from tests.oracles import data, needs_oracles, results
from tests.tolerances import R_CLOSED_FORM, R_DETERMINISTIC

pytestmark = needs_oracles

SETS = {
    "recid_wooldridge": ("durat", "event", "workprg"),
    "rossi": ("week", "arrest", "fin"),
    "lung": ("time", "status", "sex"),
    "veteran": ("time", "status", "trt"),
    "nc1978": ("time", "event", "workrel"),
    "iowa_drug_releases": ("time_days", "event", "parole"),
}
MATCHED = ("recid_wooldridge", "nc1978", "iowa_drug_releases")


def agrees(found: Any, wanted: Any, tolerance: float = R_CLOSED_FORM) -> None:
    expected = np.array([np.nan if x is None else x for x in np.ravel(np.array(wanted, object))], float)
    np.testing.assert_allclose(np.asarray(found, float).ravel(), expected, rtol=tolerance, atol=1e-8)


def people(name: str) -> pd.DataFrame:
    answers = results(f"surv_{name}")
    frame = data(name).dropna(subset=answers["complete_case_vars"]).reset_index(drop=True)
    assert len(frame) == answers["complete_case_n"]
    weights = answers["ipw_weights"]["weights"]
    if weights is None:  # too many to list: made again, to the same eight places
        from statsmodels.api import GLM, add_constant, families

        arm = SETS[name][2]
        covariates = [c for c in answers["cox_efron"]["value"]["coef"] if c != arm]
        second = (frame[arm] == frame[arm].max()).to_numpy(float)
        model = GLM(second, add_constant(frame[covariates].astype(float)), family=families.Binomial())
        p = np.asarray(model.fit(tol=1e-14).fittedvalues)
        weights = np.round(np.where(second == 1, 1 / p, 1 / (1 - p)), 8)
    return frame.assign(w=weights)


def read_call(call: str) -> dict[str, Any]:
    """The arguments of ours that an R coxph call asks for."""
    found = re.search(r"~(.*?), ?(?:d|md)\b", call)
    assert found
    terms = found[1].replace(" ", "").split("+")
    strata = [m[1] for t in terms if (m := re.fullmatch(r"strata\((.*)\)", t))]
    asked: dict[str, Any] = {"covariates": [t for t in terms if "(" not in t], "strata": strata}
    asked["ties"] = "breslow" if "breslow" in call else "efron"
    if cluster := re.search(r"cluster=(\w+)", call):
        asked["cluster"] = cluster[1]
    if "weights=" in call:
        asked["weights"] = "w"
    if "robust=TRUE" in call:
        asked["robust"] = True
    if entry := re.search(r"Surv\((\w+),\w+,\w+\)", call):
        asked["entry"] = entry[1]
    return asked


def agrees_with_coxph(fit: CoxFit, answer: dict[str, Any]) -> None:
    glance = fit.glance().iloc[0]
    agrees(fit.coefficients, list(answer["coef"].values()), R_DETERMINISTIC)
    agrees(np.sqrt(np.diag(fit.naive_covariance)), list(answer["se"].values()), R_DETERMINISTIC)
    agrees([glance["loglik_null"], glance["loglik"]], answer["loglik"], R_DETERMINISTIC)
    if "robust_se" in answer:
        agrees(fit.tidy()["std_error"], list(answer["robust_se"].values()), R_DETERMINISTIC)
        agrees(glance["score_robust_statistic"], answer["robust_score"], R_DETERMINISTIC)
    if "concordance" in answer:
        found = glance[["concordance", "concordance_std_error"]]
        agrees(found, [answer["concordance"]["C"], answer["concordance"]["se"]], R_DETERMINISTIC)
    for name in ("lr", "score"):
        if name in answer:
            agrees(glance[f"{name}_statistic"], answer[name], R_DETERMINISTIC)
    if "ci95" in answer:
        limits = fit.tidy()[["conf_low", "conf_high"]]
        agrees(limits, list(answer["ci95"].values()), R_DETERMINISTIC)
    follow = fit.fitted.follow
    few = follow.clusters and len(np.unique(follow.clusters[0])) <= len(fit.terms)
    if few:  # R inverts a singular matrix here, and prints 10817.46 on 6 degrees of freedom for six clusters
        assert np.isnan(glance["wald_statistic"])
    elif "wald" in answer:
        assert abs(glance["wald_statistic"] - answer["wald"]) < 0.0051  # R prints two decimals


@pytest.mark.parametrize("name", SETS)
def test_curves_and_quantiles(name: str) -> None:
    time, event, group = SETS[name]
    frame, answers = people(name), results(f"surv_{name}")
    times = answers["eval_times"]
    for key, conf_type in (("log", "log"), ("loglog", "log-log"), ("plain", "plain")):
        curves, answer = (
            kaplan_meier(frame, time, event, group=group, conf_type=conf_type),
            answers[f"km_{key}"]["value"],
        )
        for ours, theirs in READINGS.items():
            agrees(curves.at(times)[ours], answer[theirs])
        answer = answers[f"quantiles_{key}"]["value"]
        quantiles = curves.quantile(answer["probs"])
        for ours, theirs in (("estimate", "quantile"), ("conf_low", "lower"), ("conf_high", "upper")):
            agrees(quantiles[ours], list(answer[theirs].values()))
    weighted = kaplan_meier(frame, time, event, group=group, weights="w", conf_type="log").at(times)
    for ours, theirs in READINGS.items():
        agrees(weighted[ours], answers["km_weighted"]["value"][theirs], R_DETERMINISTIC)


READINGS = {
    "n_risk": "n.risk",
    "estimate": "surv",
    "std_error": "std.err",
    "conf_low": "lower",
    "conf_high": "upper",
}


@pytest.mark.parametrize("name", SETS)
def test_hazards(name: str) -> None:
    time, event, group = SETS[name]
    frame, answers = people(name), results(f"surv_{name}")
    times = answers["eval_times"]
    for key, ties in (("nelson_aalen", "together"), ("fleming_harrington", "in turn")):
        read, answer = nelson_aalen(frame, time, event, ties=ties).at(times), answers[key]["value"]
        agrees(read["estimate"], answer["cumhaz"])
        agrees(read["std_error"], answer["std.chaz"])
        agrees(np.exp(-read["estimate"]), answer["surv"])
    for key, weights in (("km_log", None), ("km_weighted", "w")):
        read = nelson_aalen(frame, time, event, group=group, weights=weights).at(times)
        agrees(read["estimate"], answers[key]["value"]["cumhaz"], R_DETERMINISTIC)
        agrees(read["std_error"], answers[key]["value"]["std.chaz"], R_DETERMINISTIC)


@pytest.mark.parametrize("name", SETS)
def test_tests_of_groups(name: str) -> None:
    time, event, group = SETS[name]
    frame, answers = people(name), results(f"surv_{name}")
    within = re.search(r"strata\(([\w.]+)\)", answers["logrank_stratified"]["call"])
    assert within
    asked: dict[str, dict[str, Any]] = {
        "logrank": {},
        "peto_rho1": {"rho": 1.0},
        "fh_rho_half": {"rho": 0.5},
        "logrank_stratified": {"strata": within[1]},
    }
    for key, more in asked.items():
        test, answer = logrank(frame, time, event, group, **more), answers[key]["value"]
        assert test.detail is not None
        agrees(test.statistic, answer["chisq"])
        agrees(test.detail["observed"], answer["obs"])
        agrees(test.detail["expected"], answer["exp"])
        agrees(test.detail.iloc[:, 4:], answer["var"])
    family = answers["weighted_logrank_family"]["value"]
    for key, rho, gamma in (("fh_1_0", 1, 0), ("fh_0_1", 0, 1), ("fh_1_1", 1, 1), ("fh_half_0", 0.5, 0)):
        agrees(logrank(frame, time, event, group, rho=rho, gamma=gamma).statistic, family[key]["chisq"])


@pytest.mark.parametrize("name", SETS)
def test_cox_fits(name: str) -> None:
    time, event, _ = SETS[name]
    frame, answers = people(name), results(f"surv_{name}")
    fits = [key for key in answers if key.startswith("cox")]
    assert len(fits) >= 7
    for key in fits:
        agrees_with_coxph(cox(frame, time, event, **read_call(answers[key]["call"])), answers[key]["value"])


@pytest.mark.parametrize("name", SETS)
def test_cox_diagnostics_and_predictions(name: str) -> None:
    time, event, _ = SETS[name]
    frame, answers = people(name), results(f"surv_{name}")
    times, asked = answers["eval_times"], read_call(answers["cox_efron"]["call"])
    fit = cox(frame, time, event, **asked)
    for transform in ("km", "identity", "rank", "log"):
        if f"zph_{transform}" in answers:
            answer = answers[f"zph_{transform}"]["value"]
            tidy = fit.ph_test(transform).tidy()
            assert list(tidy["term"]) == answer["term"]
            agrees(
                tidy[["statistic", "df", "p_value"]].T,
                [answer["chisq"], answer["df"], answer["p"]],
                R_DETERMINISTIC,
            )
    answer = answers["residuals"]["value"]
    schoenfeld = fit.residuals("schoenfeld")
    order = np.argsort(frame[time].to_numpy()[schoenfeld.index], kind="stable")
    agrees(schoenfeld.iloc[order[:8]], answer["schoenfeld8"], R_DETERMINISTIC)
    agrees((schoenfeld**2).sum(), answer["schoenfeld_colss"], R_DETERMINISTIC)
    for kind in ("martingale", "deviance"):
        agrees(fit.residuals(kind)[:8], answer[f"{kind}8"], R_DETERMINISTIC)
        agrees((fit.residuals(kind) ** 2).sum(), answer[f"{kind}_ss"], R_DETERMINISTIC)
    for kind in ("score", "dfbeta"):
        agrees((fit.residuals(kind) ** 2).sum(), answer[f"{kind}_colss"], R_DETERMINISTIC)
    for ties, hazard in answers["baseline_hazard"]["value"].items():
        baseline = cox(frame, time, event, **{**asked, "ties": ties}).baseline().set_index("time")
        agrees(baseline["cumulative_hazard"].reindex(times, method="ffill"), hazard, R_DETERMINISTIC)
    answer = answers["predicted_survival"]["value"]
    found = fit.predict_survival(frame.iloc[[0, 4, 8]], times)
    agrees(found["estimate"], answer["surv"], R_DETERMINISTIC)
    agrees(found["std_error"], answer["std.err"], R_DETERMINISTIC)


@pytest.mark.parametrize("name", SETS)
def test_restricted_means(name: str) -> None:
    time, event, group = SETS[name]
    answer = results(f"surv_{name}")["rmst"]["value"]
    tidy = rmst(people(name), time, event, group, tau=answer["tau"]).tidy()
    agrees(tidy["estimate"][:2], [answer["arm0"]["rmst"], answer["arm1"]["rmst"]])
    agrees(tidy["std_error"][:2], [answer["arm0"]["se"], answer["arm1"]["se"]])
    contrasts = tidy[["estimate", "conf_low", "conf_high", "p_value"]].to_numpy()[2:]
    agrees(contrasts, [answer["diff"], answer["ratio"]])


@pytest.mark.parametrize("name", MATCHED)
def test_matched_people(name: str) -> None:
    time, event, group = SETS[name]
    answers = results(f"e2e_{name}")
    pairs = data(f"e2e_{name}_pairs")[["id", "sub"]].merge(data(name), on="id")
    for key in ("cox_cluster_pairs", "cox_strata_pairs", "cox_adj_cluster"):
        agrees_with_coxph(cox(pairs, time, event, **read_call(answers[key]["call"])), answers[key]["value"])
    test = cox(pairs, time, event, covariates=[group]).ph_test()
    agrees(test.statistic, answers["zph"]["value"]["chisq"], R_DETERMINISTIC)
    agrees(logrank(pairs, time, event, group).statistic, answers["logrank"]["value"]["chisq"])
    agrees(
        logrank(pairs, time, event, group, strata="sub").statistic,
        answers["logrank_strat_pairs"]["value"]["chisq"],
    )
    answer = answers["km"]["value"]
    read = kaplan_meier(pairs, time, event, group=group).at(sorted(set(answer["time"])))
    agrees(read[["estimate", "std_error"]].T, [answer["surv"], answer["se"]])
    tau = float(re.findall(r"tau=([\d.]+)", answers["rmst"]["call"])[0])
    contrast = rmst(pairs, time, event, group, tau=tau).tidy().iloc[2]
    agrees(contrast[["estimate", "conf_low", "conf_high", "p_value"]], answers["rmst"]["value"]["diff"])
    clustered = kaplan_meier(pairs, time, event, group=group, cluster="sub").at(tau)
    answer = answers["km_cluster_se"]["value"]
    agrees(clustered[["estimate", "std_error"]].T, [answer["surv"], answer["se"]])


def test_time_dependent_rows() -> None:
    frame, answers = data("heart"), results("tdc_heart")
    for key in ("cox_efron", "cox_breslow", "cox_cluster"):
        agrees_with_coxph(
            cox(frame, "tstop", "event", **read_call(answers[key]["call"])), answers[key]["value"]
        )
    fit = cox(frame, "tstop", "event", **read_call(answers["cox_efron"]["call"]))
    for transform in ("km", "identity"):
        agrees(fit.ph_test(transform).statistic, answers[f"zph_{transform}"]["value"]["chisq"], R_DETERMINISTIC)
    by_person = fit.residuals("martingale").groupby(frame["id"]).sum()
    agrees((by_person**2).sum(), answers["martingale_ss"]["value"], R_DETERMINISTIC)
    answer = answers["km_left_trunc"]["value"]
    read = kaplan_meier(frame, "tstop", "event", entry="tstart").at(answer["time"])
    for ours in ("n_risk", "estimate", "std_error"):
        agrees(read[ours], answer[READINGS[ours]])


def test_recurrent_events_as_rows_of_a_cox_model() -> None:
    frame, answers = data("bladder2"), results("recurrent_bladder2")
    frame["gap"] = frame["tstop"] - frame["tstart"]
    for key in ("andersen_gill_efron", "andersen_gill_breslow", "pwp_cp", "pwp_gt"):
        asked, time = read_call(answers[key]["call"]), "tstop"
        if key == "pwp_gt":
            time = "gap"
        agrees_with_coxph(cox(frame, time, "event", **asked), answers[key]["value"])


def test_imputed_data() -> None:
    frame, answers = data("recid_imputed"), results("mi_recid_imputed")
    for number, answer in answers["per_imputation"].items():
        fit = cox(
            frame[frame["imp"] == int(number)], "durat", "event", covariates=list(answer["coef"]), ties="efron"
        )
        agrees(fit.coefficients, list(answer["coef"].values()), R_DETERMINISTIC)
        agrees(fit.tidy()["std_error"], list(answer["se"].values()), R_DETERMINISTIC)
