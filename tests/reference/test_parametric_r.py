"""R's answers for accelerated failure time models (R 4.2.2, survival 3.5-3), each with the call.

d <- transform(wooldridge::recid, event = 1 - cens, age_y = round(age/12, 4)); d$set <- (row number from 0) %/% 3
survreg(Surv(durat,event)~workprg+priors+age_y, d, dist=, control=survreg.control(rel.tolerance=1e-12, maxiter=200))
The rows are: coefficients; standard errors, Log(scale) last; the same with robust=TRUE; the same with cluster(set).
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.survival import aft, compare_fits
from tests.oracles import data, needs_oracles, results
from tests.tolerances import PUBLISHED_3DP, R_DETERMINISTIC, R_ITERATIVE

TERMS = ["workprg", "priors", "age_y"]
ANSWERS = {
    "weibull": (
        (1.28019566737263, -3274.84744566089103, -3238.68777527804468),
        "4.1363675000007181 -0.0979566437994690 -0.1364087581969902 0.0469252614996003",
        "0.19366562568223228 0.11080419020164348 0.01655175250671134 0.00745612114428542 0.03937920532093913",
        "0.21586172053286504 0.11640644855268086 0.02059236990906265 0.00824560305584927 0.02630810114967005",
        "0.21528535040355501 0.11796065896849028 0.02089319983482278 0.00814099637458351 0.02500679259284793",
    ),
    "exponential": (
        (1.0, -3298.97078750583, -3260.27552466872),
        "4.1066311839070817 -0.0777070121892972 -0.1095736593667248 0.0379260239895126",
        "0.15154402958705734 0.08646964645051322 0.01227795817648067 0.00570075649105996",
        "0.17548547783654778 0.09475011861941948 0.01655408568574785 0.00663624232892579",
        "0.17503439413714533 0.09613010345852012 0.01686386976960642 0.00657726614210079",
    ),
    "lognormal": (
        (1.89308490600993, -3239.50333469391899, -3199.92435431347712),
        "3.7635269606155006 -0.0712493723392781 -0.1772718356381704 0.0474430782022180",
        "0.19439764357301861 0.11893938884902724 0.02195285246397898 0.00712939944613649 0.03459407151176243",
        "0.21696641163474378 0.12049416433261476 0.02512196816640462 0.00807711577318264 0.02914993568317174",
        "0.21470069302686928 0.12108002909733062 0.02564471242068080 0.00800127752485469 0.02768560983862114",
    ),
    "loglogistic": (
        (1.08900064011615, -3259.48140961940771, -3217.03789277028227),
        "3.5951467337120140 -0.0802644133960629 -0.1894678380962254 0.0519598962079623",
        "0.20227797445352591 0.11796068094101488 0.02338518883633678 0.00768865789042564 0.03767037278683572",
        "0.22721729998939660 0.12271159554919206 0.02869502665709644 0.00859609468287694 0.02848036619994479",
        "0.2252762360585266 0.1236429275648845 0.0291726030187401 0.0085040864721711 0.0271565882640579",
    ),
}


@pytest.fixture(scope="module")
def people(recid: pd.DataFrame) -> pd.DataFrame:
    return recid.assign(age_y=recid["age_y"].round(4), set=np.arange(len(recid)) // 3)


def figures(printed: str) -> np.ndarray:
    return np.array(printed.split(), float)


def agrees(found: object, wanted: object, tolerance: float = R_DETERMINISTIC) -> None:
    np.testing.assert_allclose(np.asarray(found, float).ravel(), wanted, rtol=tolerance, atol=1e-9)


@pytest.mark.parametrize("distribution", ANSWERS)
def test_every_distribution(people: pd.DataFrame, distribution: str) -> None:
    (scale, null, loglik), coefficients, model, robust, clustered = ANSWERS[distribution]
    fit = aft(people, "durat", "event", covariates=TERMS, distribution=distribution)  # type: ignore[arg-type]
    agrees(fit.coefficients[:4], figures(coefficients))
    agrees(fit.tidy()["std_error"], figures(model))
    agrees([fit.scale, fit.loglik_null, fit.loglik], [scale, null, loglik])
    fit = aft(people, "durat", "event", covariates=TERMS, distribution=distribution, robust=True)  # type: ignore[arg-type]
    agrees(fit.tidy()["std_error"], figures(robust))
    fit = aft(people, "durat", "event", covariates=TERMS, distribution=distribution, cluster="set")  # type: ignore[arg-type]
    agrees(fit.tidy()["std_error"], figures(clustered))
    assert fit.se_method == "robust, clustered"


def test_quantiles(people: pd.DataFrame) -> None:
    # predict(survreg(..., dist='weibull'), d[1:2,], type='quantile', p=c(.1,.5), se.fit=TRUE)
    read = aft(people, "durat", "event", covariates=TERMS).quantile(people.iloc[:2], [0.1, 0.5])
    agrees(read["estimate"], [17.8500036710957, 199.079842598749, 10.5698266155764, 117.884537039753])
    agrees(read["std_error"], [2.22797371693609, 24.2084206547130, 1.16080353587736, 10.4800806018066])


# d$w <- 1 + (row number from 0) %% 5 / 4; a <- survreg(..., d, weights=w). Rows: coefficients and scale; both log
# likelihoods; sqrt(diag(a$var)); D <- residuals(a, 'dfbeta', weighted=TRUE): sqrt(diag(crossprod(D))); the same of
# rowsum(D, set). survreg(robust=TRUE) itself left the weights out of D until December 2024 (therneau/survival issue 287):
# its variance falls as the weights are multiplied. From then on it is this one, and coxph's always was.
WEIGHTED = {
    "weibull": (
        "4.1094645179018 -0.097680996960531 -0.1367312287641 0.04810729499909 1.2862734647672",
        "-4906.0026487455 -4850.9997250849",
        "0.15959100220269 0.091081464760913 0.013518567964675 0.0061710804439341 0.03218498334389",
        "0.22339925623917 0.120795498628 0.021491485304849 0.0086098408259354 0.027633577305527",
        "0.22114451857225 0.12151806856254 0.021888941811886 0.0084940905194265 0.026014533239788",
    ),
    "exponential": (
        "4.0836035200653 -0.077377671414045 -0.1091431617341 0.038738291827762 1",
        "-4943.4929617757 -4884.6260320585",
        "0.12433392267708 0.070749091070576 0.0099632304916154 0.0046952729594023",
        "0.18099234843572 0.097857366603992 0.017113219128159 0.0068897425250465",
        "0.17918674725901 0.098603848544347 0.017469502901864 0.0068198874942687",
    ),
    "lognormal": (
        "3.7317093422381 -0.074610700121102 -0.18223227260619 0.049087376346542 1.9044441830431",
        "-4854.4135946952 -4792.9660368677",
        "0.16024507518287 0.097795311633201 0.018179286823491 0.0058941969940785 0.028248043773515",
        "0.2202297711107 0.1255001758983 0.026812521704146 0.0082595546210857 0.030742335710032",
        "0.21696119822916 0.12493870757555 0.027504888484034 0.0081978627103065 0.029012933856831",
    ),
    "loglogistic": (
        "3.5651341291265 -0.080952967628211 -0.19521964056843 0.053416975508598 1.0930797152404",
        "-4883.3007362985 -4817.7446672108",
        "0.16637426836659 0.096913908797573 0.01947839972813 0.0063525019391344 0.030795731569857",
        "0.23327258485619 0.12738208770453 0.03066993130721 0.0089147212917363 0.029964259775637",
        "0.22964896571941 0.127092535461 0.031341431768746 0.0088161308205948 0.028350039321832",
    ),
}


@pytest.mark.parametrize("distribution", WEIGHTED)
def test_weights(people: pd.DataFrame, distribution: Any) -> None:
    coefficients, likelihoods, model, robust, clustered = map(figures, WEIGHTED[distribution])
    weighted = people.assign(w=1 + np.arange(len(people)) % 5 / 4)
    for more, wanted, said in (
        ({"robust": False}, model, "model"),
        ({}, robust, "robust"),
        ({"cluster": "set"}, clustered, "robust, clustered"),
    ):
        fit = aft(weighted, "durat", "event", covariates=TERMS, distribution=distribution, weights="w", **more)  # type: ignore[arg-type]
        agrees([*fit.coefficients[:4], fit.scale], coefficients)
        agrees([fit.loglik_null, fit.loglik], likelihoods)
        agrees(fit.tidy()["std_error"], wanted)
        assert fit.se_method == said


# d$en <- pmin(durat - 0.5, (row number from 0) %% 4 * 2). survreg has no truncation: the log likelihood written out, with
# f and S of the family (dnorm, pnorm, dlogis, plogis with log=TRUE; z-exp(z), -exp(z)),
#   nll <- function(b) {s <- exp(b[5]); z <- (log(durat)-X%*%b[1:4])/s; z0 <- (log(en)-X%*%b[1:4])/s
#     -sum(ifelse(event==1, f(z)-log(s)-log(durat), S(z)) - ifelse(en>0, S(z0), 0))}
# was brought to its least by optim(method='BFGS', reltol=1e-16) and five Newton steps with Richardson's differences.
# Rows: coefficients, with the log scale; log likelihood; standard errors from the differences.
TRUNCATED = {
    "weibull": (
        "3.84816591 -0.1453657032 -0.1884441566 0.06413938328 0.5763735593",
        -3162.3763551593,
        "0.27079991 0.15414405 0.024259328 0.010621021 0.057297612",
    ),
    "exponential": (
        "4.043106255 -0.07946017189 -0.1105904917 0.03830216094",
        -3229.4020541867,
        "0.15159037 0.086442473 0.012216396 0.0056961238",
    ),
    "lognormal": (
        "3.351216578 -0.113659825 -0.2668270642 0.06511729428 0.8470301646",
        -3140.700704681,
        "0.26887028 0.16648694 0.036603731 0.010019013 0.047180106",
    ),
    "loglogistic": (
        "3.140959537 -0.1151030411 -0.3087422621 0.0720203848 0.3481139896",
        -3144.5036415459,
        "0.28279112 0.16470246 0.042504486 0.010921284 0.051124492",
    ),
}


@pytest.mark.parametrize("distribution", TRUNCATED)
def test_entry_after_0(people: pd.DataFrame, distribution: Any) -> None:
    coefficients, loglik, errors = TRUNCATED[distribution]
    late = people.assign(en=np.minimum(people["durat"] - 0.5, np.arange(len(people)) % 4 * 2.0))
    fit = aft(late, "durat", "event", covariates=TERMS, distribution=distribution, entry="en")
    agrees(fit.coefficients, figures(coefficients))
    agrees(fit.loglik, [loglik])
    agrees(fit.tidy()["std_error"], figures(errors), R_ITERATIVE)


# d$p2 <- d$priors + 1e-4*cos(row number from 0); a <- survreg(Surv(durat,event)~workprg+priors+p2, ...). coef(a), a$loglik[2]
NEARLY_COLLINEAR = {
    "weibull": "5.3449395479356 -0.013661982130789 348.0310614152 -348.1092470002 -3262.7541504742",
    "exponential": "5.0757444308481 -0.010916626138889 284.81633690748 -284.87846003106 -3286.0727691128",
    "lognormal": "4.9817340925154 0.028649812765322 614.2178738756 -614.32852138464 -3223.4937690636",
    "loglogistic": "4.9245504917599 0.024714634042921 503.69368393183 -503.8074312907 -3243.7298211477",
}


@pytest.mark.parametrize("distribution", NEARLY_COLLINEAR)
def test_terms_that_are_nearly_collinear_are_estimated_badly_but_rightly(
    people: pd.DataFrame, distribution: Any
) -> None:
    twice = people.assign(p2=people["priors"] + 1e-4 * np.cos(np.arange(len(people))))
    fit = aft(twice, "durat", "event", covariates=["workprg", "priors", "p2"], distribution=distribution)
    agrees([*fit.coefficients[:4], fit.loglik], figures(NEARLY_COLLINEAR[distribution]))
    assert fit.tidy()["std_error"][2] > 500


# a <- survreg(...): psurvreg(c(12,60), predict(a, d[i,], type='lp'), a$scale, dist) for i in 1:2, taken from 1; its error,
# and limits, by the delta method of z = (log t - x'b)/scale with a$var. Then AIC(a), BIC(a), 2*diff(a$loglik).
SURVIVAL = {
    "weibull": (
        "0.9256472276305 0.007377324044406 0.909760476479 0.9388315731878 0.7621478686347 0.01838442240812 0.7237879449059 "
        "0.7959469970631 0.8901726139769 0.008634498901379 0.8719766237477 0.9059232521139 0.6643191232186 0.01807013675263 "
        "0.6275472278274 0.6983686122303",
        "6487.375550556 6513.754873559 72.31934076569",
    ),
    "exponential": (
        "0.948396875338 0.004459370292584 0.9388983584039 0.9564531881302 0.7672741596762 0.01803864860219 0.7296135630265 "
        "0.8004212235303 0.9222671791905 0.004955384790951 0.911952599952 0.9314192280264 0.6672426033663 0.01792562894571 "
        "0.6307559110915 0.7010128773567",
        "6528.551049337 6549.65450774 77.39052567421",
    ),
    "lognormal": (
        "0.9404758436083 0.007769226992633 0.9236632180895 0.954237711095 0.760717924907 0.01906204840109 0.7218132383522 "
        "0.7964452805958 0.8995389940813 0.00943941730342 0.8797750741435 0.9168200281766 0.6659519087275 0.01829433264942 "
        "0.6293872957923 0.7010051665571",
        "6409.848708627 6436.22803163 79.15796076088",
    ),
    "loglogistic": (
        "0.9369832887997 0.007393864201454 0.9208413028367 0.9500122996047 0.7723031382523 0.01951719026405 0.7318111821271 "
        "0.8082831119756 0.8971973346171 0.009122906612128 0.8778905561348 0.9137514135759 0.6656467378251 0.0190466037115 "
        "0.627341563436 0.7018856019596",
        "6444.075785541 6470.455108543 84.88703369825",
    ),
}


@pytest.mark.parametrize("distribution", SURVIVAL)
def test_survival_and_information_criteria(people: pd.DataFrame, distribution: Any) -> None:
    read, criteria = map(figures, SURVIVAL[distribution])
    fit = aft(people, "durat", "event", covariates=TERMS, distribution=distribution)
    found = fit.predict_survival(people.iloc[:2], [12, 60])
    agrees(found[["estimate", "std_error", "conf_low", "conf_high"]], read)
    agrees(fit.glance()[["aic", "bic", "lr_statistic"]], criteria)


def test_hazard_ratios_of_a_weibull(people: pd.DataFrame) -> None:
    # exp(-b/a$scale); g <- numeric(5); g[i] <- -1/a$scale; g[5] <- b/a$scale; sqrt(g %*% a$var %*% g)
    found = aft(people, "durat", "event", covariates=TERMS).hazard_ratios()
    agrees(found["estimate"], [1.079520467756, 1.112436944215, 0.9640088949263])
    agrees(found["std_error"], [0.08650601521661, 0.01240028342105, 0.005694464377136])


def test_fits_are_ranked_by_aic(people: pd.DataFrame) -> None:
    fits = [aft(people, "durat", "event", covariates=TERMS, distribution=d) for d in ANSWERS]  # type: ignore[arg-type]
    table = compare_fits(*fits)
    assert table["distribution"].tolist() == ["lognormal", "loglogistic", "weibull", "exponential"]
    agrees(table["aic"].iloc[0], [2 * 5 + 2 * 3199.92435431347712])  # AIC(survreg(..., dist='lognormal'))


def test_wooldridge_s_weibull(recid: pd.DataFrame) -> None:
    # Wooldridge (2010), Econometric Analysis, section 22.3, the Weibull of these data as hazards: shape .806,
    # workprg .091, priors .089, tserved .014, felon -.299 (R's survreg agrees to the third decimal)
    names = "workprg priors tserved felon alcohol drugs black married educ age"
    fit = aft(recid, "durat", "event", covariates=names.split())
    ratios = fit.hazard_ratios().set_index("term")["estimate"]
    found = [1 / fit.scale, *np.log(ratios[["workprg", "priors", "tserved", "felon"]])]
    np.testing.assert_allclose(found, [0.806, 0.091, 0.089, 0.014, -0.299], atol=PUBLISHED_3DP)


@needs_oracles
@pytest.mark.parametrize(
    "name", ["recid_wooldridge", "rossi", "lung", "veteran", "nc1978", "iowa_drug_releases"]
)
def test_every_reference(name: str) -> None:
    answers = results(f"surv_{name}")
    frame = data(name).dropna(subset=answers["complete_case_vars"]).reset_index(drop=True)
    for distribution in ANSWERS:
        answer = answers[f"aft_{distribution}"]
        found = re.search(r"Surv\((\w+), ?(\w+)\)", answer["call"])
        assert found
        time, event = found.groups()
        value = answer["value"]
        fit = aft(
            frame.assign(**{time: frame[time].clip(lower=0.5)}),  # as the reference had it: no time of 0
            time,
            event,
            covariates=[t for t in value["coef"] if t != "(Intercept)"],
            distribution=distribution,  # type: ignore[arg-type]
        )
        agrees(fit.coefficients[: len(value["coef"])], list(value["coef"].values()), R_ITERATIVE)
        agrees(fit.tidy()["std_error"], list(value["se"].values()), R_ITERATIVE)
        agrees([fit.scale, fit.loglik_null, fit.loglik], [value["scale"], *value["loglik"]], R_ITERATIVE)


@needs_oracles
def test_the_published_weibull() -> None:
    answers, frame = results("published_recid_weibull"), data("recid_wooldridge")
    value = answers["survreg"]["value"]
    terms = [t for t in value["coef"] if t != "(Intercept)"]
    fit = aft(frame, "durat", "event", covariates=terms)
    agrees(fit.coefficients[:-1], list(value["coef"].values()), R_ITERATIVE)
    agrees(fit.tidy()["std_error"], list(value["se"].values()), R_ITERATIVE)
    agrees([fit.scale, fit.loglik_null, fit.loglik], [value["scale"], *value["loglik"]], R_ITERATIVE)
    hazards = np.log(fit.hazard_ratios()["estimate"])
    agrees(
        hazards,
        [
            answers["ph_coef"]["value"][t] if "value" in answers["ph_coef"] else answers["ph_coef"][t]
            for t in terms
        ],
    )
