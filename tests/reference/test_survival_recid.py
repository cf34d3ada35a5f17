"""R's answers on the 1,445 people of `recid` (R 4.2.2, survival 3.5-3, survRM2), each with the call.

d <- transform(wooldridge::recid, event = 1 - cens, age_y = age/12, tserved_y = tserved/12)   # ages rounded to 4 places
rhs <- workprg+black+alcohol+drugs+super+married+felon+property+person+priors+educ+rules+age_y+tserved_y
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.survival import cox, kaplan_meier, logrank, nelson_aalen, rmst
from tests.tolerances import R_CLOSED_FORM, R_DETERMINISTIC

TERMS = [
    *("workprg", "black", "alcohol", "drugs", "super", "married", "felon"),
    *("property", "person", "priors", "educ", "rules", "age_y", "tserved_y"),
]
TIMES = [1, 28, 54, 77]
SHAPE = {"time": "durat", "event": "event"}


@pytest.fixture(scope="module")
def people(recid: pd.DataFrame) -> pd.DataFrame:
    """The data as the references had them."""
    return recid.assign(age_y=recid["age_y"].round(4), tserved_y=recid["tserved_y"].round(4))


def figures(printed: str) -> np.ndarray:
    """Numbers as printed."""
    return np.array(printed.split(), float)


def agrees(found: object, wanted: object, tolerance: float = R_CLOSED_FORM) -> None:
    np.testing.assert_allclose(np.asarray(found, float).ravel(), wanted, rtol=tolerance, atol=1e-8)


def test_kaplan_meier_by_group(people: pd.DataFrame) -> None:
    # summary(survfit(Surv(durat,event)~workprg, d, conf.type='log-log'), times=TIMES)
    read = kaplan_meier(people, **SHAPE, group="workprg").at(TIMES)
    agrees(read["n_risk"], figures("773 574 508 150 672 501 436 142"))
    agrees(
        read["estimate"],
        figures(
            "0.996119016817594 0.736093143596378 0.654592496765847 0.622392731722735 0.992559523809524 "
            "0.739583333333334 0.647321428571429 0.607173379597198"
        ),
    )
    agrees(
        read["std_error"],
        figures(
            "0.00223633442454414 0.0158526538253886 0.0171025806947767 0.0178203259700433 0.0033150799711443 "
            "0.016929467933378 0.0184316787292768 0.0189239011152591"
        ),
    )
    agrees(
        read["conf_low"],
        figures(
            "0.988015713644778 0.703523124455403 0.619914840159814 0.586397610592018 0.982217172485349 "
            "0.704659294000023 0.609900989702882 0.568971802581009"
        ),
    )
    agrees(
        read["conf_high"],
        figures(
            "0.9987466515784 0.765698436213888 0.686940576200285 0.656219595802906 0.996896320800067 "
            "0.771066680687968 0.68212866627767 0.643105993984643"
        ),
    )


@pytest.mark.parametrize(
    ("conf_type", "low", "high"),
    [
        (
            "plain",
            figures(
                "0.9917358818881 0.705022513039235 0.621072054561395 0.587465534628686 0.986062086460211 "
                "0.706402185906487 0.611196002087433 0.570083214964293"
            ),
            figures(
                "1 0.76716377415352 0.688112938970299 0.657319928816783 0.999056961158837 0.77276448076018 "
                "0.683446855055425 0.644263544230104"
            ),
        ),
        (
            "log",
            figures(
                "0.991745511120997 0.70566913175218 0.621915849448285 0.58842747244992 0.986083306710892 "
                "0.707135508556896 0.612185544684112 0.571193351779196"
            ),
            figures(
                "1 0.767828847358284 0.688986037584134 0.658318536502826 0.999078274219108 0.773520068396388 "
                "0.684473907504583 0.645419824553551"
            ),
        ),
    ],
)
def test_other_intervals(people: pd.DataFrame, conf_type: str, low: np.ndarray, high: np.ndarray) -> None:
    # the same with conf.type='plain' and 'log'
    read = kaplan_meier(people, **SHAPE, group="workprg", conf_type=conf_type).at(TIMES)
    agrees(read["conf_low"], low)
    agrees(read["conf_high"], high)


def test_quantiles(people: pd.DataFrame) -> None:
    # quantile(survfit(Surv(durat,event)~workprg, d, conf.type='log-log'), c(.25,.5,.75))
    found = kaplan_meier(people, **SHAPE, group="workprg").quantile([0.25, 0.5, 0.75])
    agrees(found["estimate"], figures("27 nan nan 27 nan nan"))
    agrees(found["conf_low"], figures("23 nan nan 23 nan nan"))
    agrees(found["conf_high"], figures("31 nan nan 33 nan nan"))


@pytest.mark.parametrize(
    ("ties", "hazard", "error"),
    [
        (
            "together",
            figures("0.0055363321799308 0.302418860468421 0.426804057480781 0.48329517543975"),
            figures("0.00195738901366518 0.0155943935181989 0.0191603836296803 0.0209731652897696"),
        ),
        (
            "in turn",
            figures("0.00554978856232279 0.304073006853718 0.428736186295021 0.485286331377875"),
            figures("0.0019621490420405 0.0156794235089876 0.0192440295749913 0.0210526588662606"),
        ),
    ],
)
def test_cumulative_hazard(people: pd.DataFrame, ties: str, hazard: np.ndarray, error: np.ndarray) -> None:
    # survfit(Surv(durat,event)~1, d, stype=2, ctype=1 or 2): cumhaz, std.chaz
    read = nelson_aalen(people, **SHAPE, ties=ties).at(TIMES)
    agrees(read["estimate"], hazard)
    agrees(read["std_error"], error)


@pytest.fixture(scope="module")
def weighted(people: pd.DataFrame) -> pd.DataFrame:
    """Inverse probability of treatment weights (ATE), rounded to 8 places as the reference's were."""
    from statsmodels.api import GLM, add_constant, families

    worked = people["workprg"].to_numpy(float)
    fit = GLM(worked, add_constant(people[TERMS[1:]].astype(float)), family=families.Binomial()).fit(tol=1e-14)
    p = np.asarray(fit.fittedvalues)
    weights = np.round(np.where(worked == 1, 1 / p, 1 / (1 - p)), 8)
    assert weights.sum() == pytest.approx(2959.35710712, abs=1e-6)
    return people.assign(w=weights)


def test_weighted_curves_with_a_robust_error(weighted: pd.DataFrame) -> None:
    # survfit(Surv(durat,event)~workprg, d, weights=w_, robust=TRUE)   (conf.type 'log')
    read = kaplan_meier(weighted, **SHAPE, group="workprg", weights="w", conf_type="log").at(TIMES)
    agrees(
        read["n_risk"],
        figures(
            "1543.6696777 1137.14101913 1027.88871458 320.5723186 1415.68742942 1063.09208594 "
            "918.456463599999 321.70675952"
        ),
    )
    agrees(
        read["estimate"],
        figures(
            "0.995939618248291 0.731793780456404 0.663144628341235 0.631559225553691 0.991944055323941 "
            "0.745175244702287 0.647696642878057 0.608160598815168"
        ),
    )
    agrees(
        read["std_error"],
        figures(
            "0.00264904421723328 0.0229437644468532 0.024278629776787 0.0253357128342797 0.00378935216947835 "
            "0.0178419067488479 0.0197644361764217 0.0202169318995713"
        ),
    )
    agrees(
        read["conf_low"],
        figures(
            "0.99076109704765 0.688178634392429 0.617226560010122 0.583804140257605 0.984544796390681 "
            "0.711013586244963 0.610094719747289 0.56979941387381"
        ),
    )


@pytest.mark.parametrize(
    ("more", "chisq", "observed", "expected", "variance"),
    [
        ({}, 0.289303299945974, [289, 263], [295.275533297376, 256.724466702624], 136.128133256099),
        (
            {"rho": 1.0},
            0.161801184360885,
            [236.158309577625, 212.634443085148],
            [240.008595503616, 208.784157159157],
            91.6229493031023,
        ),
        (
            {"rho": 0.5},
            0.220499427876684,
            [260.634059968539, 235.903532441905],
            [265.573222449818, 230.964369960626],
            110.636686232666,
        ),
        (
            {"strata": "felon"},
            0.223775995858867,
            [289, 263],
            [294.379546661186, 257.620453338814],
            129.323621905033,
        ),
    ],
    ids=["log-rank", "rho 1", "rho 1/2", "stratified"],
)
def test_logrank_family(
    people: pd.DataFrame,
    more: dict[str, float],
    chisq: float,
    observed: np.ndarray,
    expected: np.ndarray,
    variance: float,
) -> None:
    # survdiff(Surv(durat,event)~workprg, d, rho=); survdiff(Surv(durat,event)~workprg+strata(felon), d)
    test = logrank(people, **SHAPE, group="workprg", **more)
    agrees(test.statistic, chisq)
    assert test.detail is not None
    agrees(test.detail["observed"], observed)
    agrees(test.detail["expected"], expected)
    agrees(test.detail["variance[0]"][0], variance)


@pytest.mark.parametrize(
    ("rho", "gamma", "chisq"),
    [
        (0.0, 1.0, 0.908009887317915),
        (1.0, 1.0, 0.774248492535979),
        (0.5, 0.0, 0.220499427876681),
    ],
)
def test_late_differences(people: pd.DataFrame, rho: float, gamma: float, chisq: float) -> None:
    # two-sample, hypergeometric variance, weight S(t-)^rho (1-S(t-))^gamma, coded by hand in R
    agrees(logrank(people, **SHAPE, group="workprg", rho=rho, gamma=gamma).statistic, chisq)


def test_cox_efron(people: pd.DataFrame) -> None:
    # coxph(Surv(durat,event)~rhs, d, ties='efron')
    fit = cox(people, **SHAPE, covariates=TERMS)
    agrees(
        fit.coefficients,
        figures(
            "0.0972078237891208 0.444975745090548 0.446528183797208 0.267551086419265 -0.0113647074900996 "
            "-0.145970510530801 -0.609609082564449 0.432927717140926 0.159088949417287 0.083225862355138 "
            "-0.022810222552269 0.0303436082820986 -0.0398775266796877 0.139554953880459"
        ),
        R_DETERMINISTIC,
    )
    agrees(
        fit.tidy()["std_error"],
        figures(
            "0.0914629828189047 0.0889999321927757 0.105812669141291 0.0987638192023743 0.0980649842405982 "
            "0.10955270720439 0.167976527895994 0.162375409298403 0.247145738958307 0.0138210748738501 "
            "0.0196267174890121 0.0169253381830397 0.00635068146260177 0.0236033907693264"
        ),
        R_DETERMINISTIC,
    )
    glance = fit.glance().iloc[0]
    agrees([glance["loglik_null"], glance["loglik"]], [-3891.77407282469, -3806.70018053325])
    agrees([glance["lr_statistic"], glance["score_statistic"]], [170.147784582886, 184.631903369786])
    agrees([glance["concordance"], glance["concordance_std_error"]], [0.666190149763199, 0.0115276771912892])
    assert round(glance["wald_statistic"], 2) == 181.08


def test_cox_breslow(people: pd.DataFrame) -> None:
    # coxph(Surv(durat,event)~rhs, d, ties='breslow')
    fit = cox(people, **SHAPE, covariates=TERMS, ties="breslow")
    agrees(
        fit.coefficients,
        figures(
            "0.0967557120889575 0.442313634653802 0.444139511872963 0.265948752972828 -0.0122239986123054 "
            "-0.145699035244337 -0.605074468891262 0.429294552983581 0.155817153844556 0.0828043400747102 "
            "-0.0227864097692672 0.030135666707872 -0.0396100587481042 0.13828875468949"
        ),
        R_DETERMINISTIC,
    )
    agrees(
        fit.tidy()["std_error"],
        figures(
            "0.0914650547834343 0.08899749161933 0.105808234949052 0.0987551602819536 0.0980411166474708 "
            "0.109554786956795 0.167767194550377 0.162211162085615 0.24706791999294 0.0138320913242526 "
            "0.0196261665688274 0.016945910977219 0.00634492804756669 0.023662759598128"
        ),
        R_DETERMINISTIC,
    )
    glance = fit.glance().iloc[0]
    agrees([glance["loglik_null"], glance["loglik"]], [-3894.18017726704, -3810.08806033548])
    agrees([glance["lr_statistic"], glance["score_statistic"]], [168.184233863105, 182.283375590744])
    agrees([glance["concordance"], glance["concordance_std_error"]], [0.666188588265973, 0.0115276642871381])
    assert round(glance["wald_statistic"], 2) == 178.83


def test_cox_robust(people: pd.DataFrame) -> None:
    # coxph(Surv(durat,event)~rhs, d, robust=TRUE)
    fit = cox(people, **SHAPE, covariates=TERMS, robust=True)
    agrees(
        fit.tidy()["std_error"],
        figures(
            "0.095578432157886 0.089925416238344 0.10968366660736 0.101924813080874 0.10230099396811 "
            "0.109183909928337 0.164214871115274 0.158142713383724 0.242849277443266 0.0168766922553616 "
            "0.0195426006209728 0.0192198639413755 0.00739264490830611 0.0272102836809956"
        ),
        R_DETERMINISTIC,
    )
    agrees(fit.glance()["score_robust_statistic"], 138.461430523252)


def test_cox_stratified(people: pd.DataFrame) -> None:
    # coxph(Surv(durat,event)~rhs-felon+strata(felon), d)
    fit = cox(people, **SHAPE, covariates=[t for t in TERMS if t != "felon"], strata="felon")
    agrees(
        fit.coefficients,
        figures(
            "0.0971045428896037 0.443528767472622 0.446861970574416 0.268150402870942 -0.0126230813820258 "
            "-0.145188528996072 0.433692655192965 0.152386916946403 0.0832028527640796 -0.0226561748310754 "
            "0.030356787652894 -0.0398998950903135 0.138158497808362"
        ),
        R_DETERMINISTIC,
    )
    agrees(
        fit.tidy()["std_error"],
        figures(
            "0.0914765948361453 0.0890416001853257 0.105818980035499 0.0987727723692213 0.0980910129636035 "
            "0.109563485968443 0.162462885178276 0.247778620378297 0.0138234063523304 0.0196280993749468 "
            "0.0169192356737538 0.00635327240743846 0.0236521898860829"
        ),
        R_DETERMINISTIC,
    )
    agrees(fit.glance()["concordance"], 0.652742422326441)


def test_cox_weighted(weighted: pd.DataFrame) -> None:
    # coxph(Surv(durat,event)~workprg, d, weights=w_, robust=TRUE)
    fit = cox(weighted, **SHAPE, covariates=["workprg"], weights="w")
    agrees(fit.coefficients, 0.0568574788762665, R_DETERMINISTIC)
    agrees(fit.tidy()["std_error"], 0.110469748005689, R_DETERMINISTIC)
    agrees(np.sqrt(fit.naive_covariance), 0.0598309782468434, R_DETERMINISTIC)
    glance = fit.glance().iloc[0]
    agrees(glance["score_robust_statistic"], 0.266880717011137)
    agrees([glance["concordance"], glance["concordance_std_error"]], [0.503935149446501, 0.0142578136440941])


@pytest.mark.parametrize(
    ("transform", "chisq"),
    [
        (
            "km",
            figures(
                "1.44060993902554 0.67167449715118 2.33447107965384 0.0164965246591964 0.386005803338543 "
                "3.51234058186443 0.210359611610474 3.1850797530777 1.08086843867455 3.65240232710485 "
                "0.520717032336467 2.78227758306293 0.018285730901217 2.94536585769 19.8834262478988"
            ),
        ),
        (
            "identity",
            figures(
                "1.32959082160453 0.908542407403705 1.40818323334457 0.0374556192333517 0.58926699779006 "
                "2.95336693699163 0.256456493730655 2.83757880747867 1.13054879210326 1.68653955251439 "
                "0.533293912848482 2.6746204949972 0.223534473402667 3.32149180524899 16.9866184793189"
            ),
        ),
        (
            "rank",
            figures(
                "1.17939600494465 0.870599756357988 2.4196225940248 0.050847956611473 0.128159942669286 "
                "2.56682098336079 0.279588736109471 3.11731125306509 0.86002200849121 3.77215379155869 "
                "0.661317018867389 3.01516167920861 0.0142869513172291 2.78306660739328 19.4699835932348"
            ),
        ),
        (
            "log",
            figures(
                "0.966604911881016 0.819153335699298 2.87567851783662 0.184202314545295 0.424973582339335 "
                "3.94849528605887 0.0134661746168894 1.31272907093663 1.22199899182725 6.00081329212459 "
                "0.259260793667378 1.53353754776035 0.409603255845887 1.22305248988032 19.5374452139138"
            ),
        ),
    ],
)
def test_proportional_hazards(people: pd.DataFrame, transform: str, chisq: np.ndarray) -> None:
    # cox.zph(coxph(Surv(durat,event)~rhs, d), transform=, terms=FALSE)
    tidy = cox(people, **SHAPE, covariates=TERMS).ph_test(transform).tidy()
    assert list(tidy["term"]) == [*TERMS, "GLOBAL"]
    assert list(tidy["df"]) == [1] * 14 + [14]
    agrees(tidy["statistic"], chisq, R_DETERMINISTIC)


def test_residuals(people: pd.DataFrame) -> None:
    # residuals(coxph(Surv(durat,event)~rhs, d), type=): the first rows, and sums of squares
    fit = cox(people, **SHAPE, covariates=TERMS)
    martingale, deviance = fit.residuals("martingale"), fit.residuals("deviance")
    agrees(
        martingale[:8],
        figures(
            "-0.389613708477131 -0.438612918490949 0.852918145646215 0.584721232550358 -0.444392445873789 "
            "-0.590599872446533 -0.815731223968367 -0.687784644743114"
        ),
        R_DETERMINISTIC,
    )
    agrees((martingale**2).sum(), 573.199921867696, R_DETERMINISTIC)
    agrees(
        deviance[:8],
        figures(
            "-0.882738589251802 -0.936603350934588 1.45866231129217 0.766921147075197 -0.94275388715591 "
            "-1.08683013617265 -1.27728714388611 -1.17284666068767"
        ),
        R_DETERMINISTIC,
    )
    agrees((deviance**2).sum(), 1910.31401189574, R_DETERMINISTIC)
    agrees(
        (fit.residuals("schoenfeld") ** 2).sum(),
        figures(
            "137.847776864456 136.037007992331 100.217433818301 108.189915552218 120.173510082433 "
            "91.2583468593187 119.345846167158 113.060267469564 26.5793388413036 5720.46327623845 "
            "2496.60844420827 3562.23105607158 47430.1205976026 2322.50849975539"
        ),
        R_DETERMINISTIC,
    )
    agrees(
        (fit.residuals("score") ** 2).sum(),
        figures(
            "142.775900149026 142.313342946568 112.190098816229 115.494444503358 130.591238708364 "
            "89.2073831253217 126.840008580602 124.751885833169 21.601674829934 12464.2139922918 "
            "3006.30650733102 6780.72086688876 55531.596975781 4096.72158253659"
        ),
        R_DETERMINISTIC,
    )
    agrees(
        (fit.residuals("dfbeta") ** 2).sum(),
        figures(
            "0.00913523669375962 0.00808658048563942 0.0120305067204345 0.010388667521571 0.0104654933668633 "
            "0.0119211261872393 0.0269665238954059 0.0250091177963665 0.0589757715547165 "
            "0.000284822741482183 0.000381913239030846 0.000369403169924985 5.46511987403042e-05 "
            "0.000740399538000257"
        ),
        R_DETERMINISTIC,
    )


@pytest.mark.parametrize(
    ("ties", "hazard"),
    [
        (
            "efron",
            figures(
                "0.00936746966935481 0.146614479232562 0.281835267039961 0.421400364364975 0.552004651134973 "
                "0.620069484837977 0.685189079124277 0.74297035733473 0.794452820310886 0.843357373301199 "
                "0.876059399240289 0.906999347115362"
            ),
        ),
        (
            "breslow",
            figures(
                "0.00933121915866465 0.145393389842559 0.279289841466428 0.417626609590236 0.547281795664356 "
                "0.615045268531852 0.67989575929282 0.73746069737299 0.788727704977383 0.837468879738722 "
                "0.870078970187379 0.900959201123652"
            ),
        ),
    ],
)
def test_baseline_hazard(people: pd.DataFrame, ties: str, hazard: np.ndarray) -> None:
    # basehaz(fit, centered=FALSE) at
    times = [1, 8, 14, 21, 28, 34, 41, 47, 54, 62, 68, 77]
    baseline = cox(people, **SHAPE, covariates=TERMS, ties=ties).baseline().set_index("time")
    agrees(baseline["cumulative_hazard"].reindex(times, method="ffill"), hazard, R_DETERMINISTIC)


def test_predicted_survival(people: pd.DataFrame) -> None:
    # summary(survfit(fit, newdata=d[c(1,5,9),]), times=TIMES): surv, std.err
    found = cox(people, **SHAPE, covariates=TERMS).predict_survival(people.iloc[[0, 4, 8]], TIMES)
    agrees(
        found["estimate"],
        figures(
            "0.995920377522138 0.78592413542166 0.707017775198418 0.673131339612655 0.995420840881936 "
            "0.763028711911619 0.677565353595466 0.641213729760528 0.997563689918868 0.866111492299101 "
            "0.813121306053892 0.789636937884915"
        ),
        R_DETERMINISTIC,
    )
    agrees(
        found["std_error"],
        figures(
            "0.00156655052049638 0.0301805988854809 0.0385047927446506 0.041730882249227 0.00169440381310258 "
            "0.0251848071392032 0.0314184461013648 0.0337572107725419 0.000921387786690241 "
            "0.0177192936469443 0.0234167058279123 0.0258163380727755"
        ),
        R_DETERMINISTIC,
    )


def test_restricted_means(people: pd.DataFrame) -> None:
    # survRM2::rmst2(durat, event, workprg, tau=70)
    tidy = rmst(people, **SHAPE, group="workprg", tau=70).tidy()
    agrees(tidy["estimate"], figures("52.503234152652 52.2157738095238 -0.287460343128153 0.994524902174743"))
    agrees(tidy["std_error"][:2], [0.903652801889198, 0.960539497912354])
    limits = tidy[["conf_low", "conf_high", "p_value"]].to_numpy()
    agrees(limits[2], [-2.87225421270724, 2.29733352645094, 0.827451159710276])
    agrees(limits[3], [0.946612704855682, 1.04486214475272, 0.827481071648495])
