"""R's answers where causes compete (R 4.2.2, survival 3.5-3, cmprsk 2.2-12), each with the call.

d <- transform(wooldridge::recid, event = 1 - cens, age_y = round(age/12, 4)); d$ended <- d$event * (1 + d$drugs)
d$w <- 1 + d$educ/10; d$set <- (row number from 0) %/% 3
x <- as.matrix(d[, c('workprg','black','age_y','priors')]); crr(..., gtol=1e-12, maxiter=50)
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.survival import cumulative_incidence, fine_gray, gray_test
from tests.tolerances import R_CLOSED_FORM

TIMES = [12, 36, 60, 77]
TERMS = ["workprg", "black", "age_y", "priors"]


@pytest.fixture(scope="module")
def people(recid: pd.DataFrame) -> pd.DataFrame:
    """Two causes: a return with a drug record (2), and without (1)."""
    return recid.assign(
        age_y=recid["age_y"].round(4),
        ended=recid["event"] * (1 + recid["drugs"]),
        w=1 + recid["educ"] / 10,
        set=np.arange(len(recid)) // 3,
    )


def figures(printed: str) -> np.ndarray:
    return np.array(printed.split(), float)


def agrees(found: object, wanted: object, tolerance: float = R_CLOSED_FORM) -> None:
    np.testing.assert_allclose(np.asarray(found, float).ravel(), wanted, rtol=tolerance, atol=1e-12)


def test_incidence_with_the_counting_process_variance(people: pd.DataFrame) -> None:
    # timepoints(cuminc(d$durat, d$ended, d$workprg), TIMES): est, sqrt(var); rows '0 1', '0 2', '1 1', '1 2'
    read = cumulative_incidence(people, "durat", "ended", group="workprg").at(TIMES)
    assert read[["group", "cause"]].drop_duplicates().to_numpy().tolist() == [[0, 1], [0, 2], [1, 1], [1, 2]]
    agrees(
        read["estimate"],
        figures(
            "0.0944372574385511 0.2121604139715394 0.2561448900388098 0.275111895228638 "
            "0.0349288486416559 0.0815006468305304 0.0970245795601553 0.102495373048627 "
            "0.0922619047619048 0.2157738095238095 0.2738095238095237 0.287002939579121 "
            "0.0312500000000000 0.0818452380952381 0.0997023809523809 0.105823680823681"
        ),
    )
    agrees(
        read["std_error"],
        figures(
            "0.01052415588989827 0.0147105393017193 0.0157053359939905 0.0161168839430492 "
            "0.00660727622739909 0.0098446774154961 0.0106499096251623 0.0114524166089321 "
            "0.01117125391303971 0.0158767620823843 0.0172098391860628 0.0175423198438072 "
            "0.00671650500348131 0.0105803164184032 0.0115632240722457 0.0118840896586523"
        ),
    )


def test_incidence_with_the_infinitesimal_jackknife(people: pd.DataFrame) -> None:
    # summary(survfit(Surv(durat, factor(ended)) ~ workprg, d), times=TIMES): pstate[,2:3], std.err, lower
    read = cumulative_incidence(
        people, "durat", "ended", group="workprg", variance="robust", conf_type="log"
    ).at(TIMES)
    agrees(
        read["std_error"],
        figures(
            "0.0105181947849586 0.0147048747413156 0.0156999141132701 0.0161112780218209 "
            "0.00660361970737388 0.00984079552973909 0.01064606472255137 0.01144414208702854 "
            "0.0111636664651829 0.0158684825695030 0.0172014442777104 0.0175333885448782 "
            "0.00671191166393924 0.01057474776635276 0.01155742753502662 0.01187813959365720"
        ),
    )
    agrees(
        read["conf_low"],
        figures(
            "0.0759169206534977 0.1852112781934181 0.2271500913752346 0.2452792230522559 "
            "0.0241133083080507 0.0643254341329580 0.0782498124447606 0.0823499189412342 "
            "0.0727825472913082 0.1868097277415959 0.2420882994052791 0.2546157816709842 "
            "0.0205129421649680 0.0635352304887221 0.0794392006431682 0.0849258815299489"
        ),
    )


def test_weighted_incidence(people: pd.DataFrame) -> None:
    # survfit(Surv(durat, factor(ended)) ~ workprg, d, weights=w, id=1:nrow(d)); a cluster= there changes nothing in this
    # version of R, so clusters are held against the influence (tests/laws)
    read = cumulative_incidence(people, "durat", "ended", group="workprg", weights="w").at(TIMES)
    agrees(
        read["estimate"],
        figures(
            "0.0953350854139289 0.2142575558475689 0.2577529566360052 0.2773398130450309 "
            "0.0346911957950065 0.0809461235216820 0.0959921156373193 0.1010771550441252 "
            "0.0910943396226414 0.2140377358490564 0.2727547169811319 0.2858645830746482 "
            "0.0312452830188679 0.0805283018867924 0.0975849056603773 0.1031011660011291"
        ),
    )
    agrees(
        read["std_error"],
        figures(
            "0.0106548898523697 0.0148808446979673 0.0158425434214383 0.0162857464726867 "
            "0.00658601685557631 0.00983703375160358 0.01060303675067787 0.01127537455073351 "
            "0.0111181027275823 0.0159008910928360 0.0172939697318760 0.0176138104589285 "
            "0.00673826462402243 0.01049604762052593 0.01141907857273072 0.01168869339219949"
        ),
    )


def test_gray(people: pd.DataFrame) -> None:
    test = gray_test(people, "durat", "ended", "workprg")  # cuminc(d$durat, d$ended, d$workprg)$Tests
    agrees(test.statistic, figures("0.177567717933620 0.117915814496018"))
    agrees(test.p_value, figures("0.673471891752556 0.731306042746392"))
    # cuminc(d$durat, d$ended, d$workprg, strata=d$black)$Tests
    test = gray_test(people, "durat", "ended", "workprg", strata="black")
    agrees(test.statistic, figures("0.0272690121050745 0.1641315646791782"))
    # cuminc(d$durat, d$ended, d$educ %/% 5, rho=1)$Tests: four groups
    test = gray_test(people.assign(g=people["educ"] // 5), "durat", "ended", "g", rho=1.0)
    agrees(test.statistic, figures("1.10581080927429 16.49428639555433"))
    assert test.df.tolist() == [3, 3]


def test_fine_and_gray(people: pd.DataFrame) -> None:
    # crr(d$durat, d$ended, x): coef, sqrt(diag(var)), sqrt(diag(invinf)), loglik, loglik.null
    fit = fine_gray(people, "durat", "ended", covariates=TERMS)
    agrees(
        fit.coefficients,
        figures("0.0663608521318835 0.6267437817518969 -0.0352003862054137 0.0856458754674737"),
    )
    agrees(
        fit.tidy()["std_error"],
        figures("0.10218363913971941 0.10250064407134729 0.00767457036352784 0.01723989775558219"),
    )
    agrees(
        np.sqrt(np.diag(fit.naive_covariance)),
        figures("0.1016307514172731 0.1025640665439315 0.0069728776896356 0.0158688129318157"),
    )
    agrees([fit.loglik, fit.loglik_null], [-2838.28258483633, -2876.90168997883])
    # predict(fit, rbind(c(1, 0, 25, 2)))[c(10, 40, 60), ]
    person = pd.DataFrame({"workprg": [1], "black": [0], "age_y": [25.0], "priors": [2]})
    survival = fit.predict_survival(person, [10, 40, 62])["estimate"]
    agrees(1 - survival, figures("0.0690202573727323 0.1910184385935764 0.2313601592626378"))


def test_fine_and_gray_of_the_other_cause(people: pd.DataFrame) -> None:
    fit = fine_gray(people, "durat", "ended", cause=2, covariates=TERMS)  # crr(..., failcode=2)
    agrees(
        fit.coefficients,
        figures("0.0595722683525258 -0.3778222692338416 -0.0246866723598612 0.1046159562710660"),
    )
    agrees(
        fit.tidy()["std_error"],
        figures("0.1663017414572196 0.1692094842440024 0.0104174331263690 0.0208366849114537"),
    )


def test_fine_and_gray_with_a_censoring_curve_for_each_group(people: pd.DataFrame) -> None:
    fit = fine_gray(
        people, "durat", "ended", covariates=TERMS, censoring="workprg"
    )  # crr(..., cengroup=d$workprg)
    agrees(
        fit.coefficients,
        figures("0.0662423467865124 0.6267392228439197 -0.0352014253916760 0.0856454851752680"),
    )
