"""R's answers beyond a plain Cox fit, curve or log-rank test (R 4.2.2, survival 3.5-3), each with the call.

d <- transform(wooldridge::recid, event = 1 - cens, age_y = round(age/12, 4)); d$id <- 1:nrow(d); d$off <- -0.04*d$age_y
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.survival import cox, kaplan_meier, logrank
from tests.tolerances import R_CLOSED_FORM, R_DETERMINISTIC


@pytest.fixture(scope="module")
def people(recid: pd.DataFrame) -> pd.DataFrame:
    age = recid["age_y"].round(4)
    return recid.assign(age_y=age, off=-0.04 * age, often=recid["educ"] % 3)


def figures(printed: str) -> np.ndarray:
    return np.array(printed.split(), float)


def agrees(found: object, wanted: object, tolerance: float = R_DETERMINISTIC) -> None:
    np.testing.assert_allclose(np.asarray(found, float).ravel(), wanted, rtol=tolerance, atol=1e-9)


def test_an_effect_that_changes_with_the_logarithm_of_time(people: pd.DataFrame) -> None:
    # coxph(Surv(durat,event)~workprg+priors+tt(priors), d, tt=function(x,t,...) x*log(t))
    fit = cox(people, "durat", "event", covariates=["workprg", "priors"], time_interactions={"priors": "log"})
    assert fit.terms == ("workprg", "priors", "priors:log(t)")
    agrees(fit.coefficients, figures("0.0109744266943187 0.1248713868592627 -0.0244485194895821"))
    agrees(fit.tidy()["std_error"], figures("0.0855308770755280 0.0277687660308850 0.0103823310818899"))
    agrees([fit.loglik_null, fit.loglik], [-3891.77407282470, -3877.36480253152])


def test_a_hazard_ratio_for_each_interval(people: pd.DataFrame) -> None:
    # s <- survSplit(Surv(durat,event)~., d, cut=c(12,36), episode='ep'); k1..k3 <- workprg*(ep==1..3)
    # coxph(Surv(tstart,durat,event)~k1+k2+k3+priors, s); the same with cluster=id
    changes = {"workprg": [12, 36]}
    fit = cox(people, "durat", "event", covariates=["workprg", "priors"], time_interactions=changes)
    assert fit.terms == ("workprg (0, 12]", "workprg (12, 36]", "workprg (36, inf)", "priors")
    agrees(
        fit.coefficients,
        figures("-0.0861964330858873 0.0145548280880292 0.1363616531959191 0.0602512101000595"),
    )
    agrees(
        fit.tidy()["std_error"],
        figures("0.1486614084999133 0.1283526808518368 0.1789906154007702 0.0108943030732153"),
    )
    fit = cox(
        people, "durat", "event", covariates=["workprg", "priors"], time_interactions=changes, robust=True
    )
    agrees(
        fit.tidy()["std_error"],
        figures("0.1488769532675399 0.1293942622301229 0.1793029458059733 0.0135094897915733"),
    )


def test_a_ridge(people: pd.DataFrame) -> None:
    # coxph(Surv(durat,event)~ridge(workprg,priors,age_y,theta=20), d): coef, sqrt(diag(var)), loglik, df
    fit = cox(people, "durat", "event", covariates=["workprg", "priors", "age_y"], ridge=20)
    agrees(fit.coefficients, figures("0.0676659031260117 0.1002008399931170 -0.0330231036267083"))
    agrees(fit.tidy()["std_error"], figures("0.08488146788148965 0.01231303145125003 0.00540648560770683"))
    agrees([fit.loglik_null, fit.loglik], [-3891.77407282469, -3857.00515386703])
    agrees(fit.glance()["df"], [2.88000178562917])


def test_an_offset(people: pd.DataFrame) -> None:
    # coxph(Surv(durat,event)~workprg+priors+offset(off), d)
    fit = cox(people, "durat", "event", covariates=["workprg", "priors"], offset="off")
    agrees(fit.coefficients, figures("0.0831603286069462 0.1101468860420372"))
    agrees(fit.tidy()["std_error"], figures("0.0857625335622729 0.0104660436998850"))
    agrees([fit.loglik_null, fit.loglik], [-3893.99804673594, -3857.14026539104])


def test_frequencies_are_so_many_rows(people: pd.DataFrame) -> None:
    # dd <- d[rep(1:nrow(d), d$educ %% 3), ]; coxph(Surv(durat,event)~workprg+priors, dd)
    fit = cox(people, "durat", "event", covariates=["workprg", "priors"], frequency="often")
    agrees(fit.coefficients, figures("-0.0232903194174882 0.0696642809250304"))
    agrees(fit.tidy()["std_error"], figures("0.0920725608658420 0.0132889367756918"))
    agrees([fit.loglik_null, fit.loglik], [-3406.55036995073, -3395.52589792287])
    # summary(survfit(Surv(durat,event)~1, dd), times=c(12,36,60,77))
    read = kaplan_meier(people, "durat", "event", frequency="often").at([12, 36, 60, 77])
    agrees(read["estimate"], figures("0.885066458170446 0.720093823299453 0.639562157935887 0.610804167919293"))
    agrees(
        read["std_error"],
        figures("0.00891817651732188 0.01255351979416068 0.01342521649354585 0.01396791096987714"),
    )


@pytest.mark.parametrize(
    ("conf_type", "low", "high"),
    [
        (
            "arcsine",
            "0.846074469508155 0.587178230484073 0.850559621531748 0.569809934643152",
            "0.893352198910302 0.656972208615152 0.900265416136322 0.643918975955016",
        ),
        (
            "logit",
            "0.845079871092153 0.586885004153681 0.849385938023017 0.569531701133257",
            "0.892508938087802 0.656634106144736 0.899291603915948 0.643583391666687",
        ),
    ],
)
def test_arcsine_and_logit_limits(people: pd.DataFrame, conf_type: str, low: str, high: str) -> None:
    # summary(survfit(Surv(durat,event)~workprg, d, conf.type='arcsin' or 'logit'), times=c(12,77))
    read = kaplan_meier(people, "durat", "event", group="workprg", conf_type=conf_type).at([12, 77])  # type: ignore[arg-type]
    agrees(read["conf_low"], figures(low), R_CLOSED_FORM)
    agrees(read["conf_high"], figures(high), R_CLOSED_FORM)


@pytest.mark.parametrize(
    ("weighting", "chisq"),
    [("gehan", 0.169507487608970), ("tarone-ware", 0.228266082400693), ("peto", 0.162417153054183)],
)
def test_other_weights_of_the_logrank_family(people: pd.DataFrame, weighting: str, chisq: float) -> None:
    # with n at risk, n1 of them in the programme, d events at t: U = sum w (d1 - d n1/n),
    # V = sum w^2 d (n1/n)(1 - n1/n)(n - d)/(n - 1), w = n, sqrt(n) or prod(1 - d/(n + 1)); U^2/V
    test = logrank(people, "durat", "event", "workprg", weighting=weighting)  # type: ignore[arg-type]
    agrees(test.statistic, [chisq], R_CLOSED_FORM)


def test_a_trend_over_ordered_groups(people: pd.DataFrame) -> None:
    # d$g3 <- cut(d$priors, c(-1,0,2,100), labels=FALSE); s <- survdiff(Surv(durat,event)~g3, d)
    # sum(c*(s$obs-s$exp))^2 / (c' s$var c) for c = 1,2,3 and for c = 0,1,5
    ordered = people.assign(g3=pd.cut(people["priors"], [-1, 0, 2, 100], labels=False))
    agrees(logrank(ordered, "durat", "event", "g3", trend=True).statistic, [41.9595952720028])
    test = logrank(ordered, "durat", "event", "g3", trend=[0, 1, 5])
    agrees(test.statistic, [30.264266198998])
    assert test.df.tolist() == [1]
    assert test.name == "Log-rank test for trend"


def test_more_residuals_and_a_baseline_with_its_limits(people: pd.DataFrame) -> None:
    # f <- coxph(Surv(durat,event)~workprg+priors, d); residuals(f,'dfbetas')[1:2,], residuals(f,'partial')[1:2,]
    fit = cox(people, "durat", "event", covariates=["workprg", "priors"])
    agrees(
        fit.residuals("dfbetas")[:2],
        figures("-0.0203627603596 0.0105647423967 -0.0205082290084 0.0106363523724"),
    )
    agrees(
        fit.residuals("partial")[:2],
        figures("-0.429478299511 -0.524553006144 -0.432765068865 -0.527839775498"),
    )
    agrees((fit.residuals("partial") ** 2).sum(), figures("559.63779729 602.07962624"))
    agrees(fit.residuals("cox-snell"), people["event"] - fit.residuals("martingale"))
    # summary(survfit(f, newdata=data.frame(workprg=0, priors=0)), times=c(12,36,60)): surv, lower, upper
    base = fit.baseline().set_index("time").loc[[12, 36, 60]]
    agrees(base["survival"], figures("0.884888835293 0.727898632327 0.664439934988"))
    agrees(base["conf_low"], figures("0.866756816035 0.698686680623 0.632047785912"))
    agrees(base["conf_high"], figures("0.903400165237 0.758331929944 0.698492166332"))


def test_a_cause_specific_hazard_ratio(people: pd.DataFrame) -> None:
    # coxph(Surv(durat, ended==2)~workprg+priors, d) with ended <- event * (1 + drugs)
    ended = people.assign(ended=people["event"] * (1 + people["drugs"]))
    fit = cox(ended, "durat", "ended", cause=2, covariates=["workprg", "priors"])
    agrees(fit.coefficients, figures("0.00696418305515 0.08246122240880"))
