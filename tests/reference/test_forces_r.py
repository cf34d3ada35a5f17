"""Meta-regression, influence, funnel tests, pooled counts and few-cluster tests against R 4.2.2 (metafor 3.8-1, sandwich)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.synthesis import pool
from pdd_outcomes.synthesis.counts import mantel_haenszel, peto
from pdd_outcomes.synthesis.few_clusters import cluster_level, randomisation_inference, wild_cluster_bootstrap
from pdd_outcomes.synthesis.influence import influence
from pdd_outcomes.synthesis.meta_regression import meta_regression, residual_variance
from pdd_outcomes.synthesis.small_studies import begg, egger, trim_and_fill
from tests import oracles
from tests.reference.test_synthesis_metafor import BCG, log_risk_ratios
from tests.tolerances import R_CLOSED_FORM, R_DETERMINISTIC, R_ITERATIVE, R_ROOT

LATITUDE = pd.DataFrame({"ablat": [44, 55, 42, 52, 13, 44, 19, 13, 27, 42, 18, 33, 33]})
ALLOCATION = ["random"] * 4 + ["alternate"] * 2 + ["random"] * 3 + ["systematic"] * 4

# rma(yi, vi, data=d, method=...): tau2, its se, I2, log likelihood; control=list(threshold=1e-12, maxiter=1000)
TAU2 = {
    "HE": (0.328563857995768, 0.207087178298933, 92.5570974066271, -12.71099505101),
    "HS": (0.228362863676907, 0.12790455661328, None, -12.7426653012772),
    "SJ": (0.345515701598595, 0.149680511347343, None, -12.7440226514002),
    "EB": (0.318068452205031, 0.173663027462759, 92.3303379541534, -12.6943369162157),
    "DL": (0.308760262862377, 0.229869992511026, 92.1173468545621, -12.6823357814279),
    "ML": (0.280028137268671, 0.144251949382776, 91.3782837894469, -12.6650763482768),
    "REML": (0.313243258136486, 0.166425752836973, 92.2213845212691, -12.2023714154936),
    "common": (0.0, None, 92.1173468545621, -70.223569904431),
}


@pytest.mark.parametrize("method", TAU2)
def test_every_estimator_of_the_spread_agrees_with_metafor(method):
    tau2, error, i2, loglik = TAU2[method]
    found = meta_regression(*log_risk_ratios(), None, method=method, ci="wald")
    assert found.tau2 == pytest.approx(tau2, rel=R_ITERATIVE)
    assert found.loglik == pytest.approx(loglik, rel=R_ITERATIVE)
    if error is not None:
        assert found.tau2_std_error == pytest.approx(error, rel=R_ITERATIVE)
    if i2 is not None:
        assert found.i2 == pytest.approx(i2, rel=R_ITERATIVE)


def test_meta_regression_agrees_with_metafor():
    # rma(yi, vi, mods=~ablat, data=d, method="REML", test="z")
    wald = meta_regression(*log_risk_ratios(), LATITUDE, ci="wald")
    tidy = wald.tidy()
    assert tidy["estimate"].tolist() == pytest.approx([0.251468210006955, -0.0291017250116429], rel=R_ITERATIVE)
    assert tidy["std_error"].tolist() == pytest.approx(
        [0.249095396617645, 0.00719532722092874], rel=R_ITERATIVE
    )
    assert [wald.tau2, wald.qe, wald.qe_p, wald.qm, wald.qm_p, wald.r2, wald.i2] == pytest.approx(
        [
            0.0763479639559192,
            30.7330900107491,
            0.00121429098742011,
            16.3582321470468,
            5.24279398413483e-05,
            75.6266218113933,
            68.3912248383852,
        ],
        rel=R_ITERATIVE,
    )
    # the same, test="knha"
    knapp = meta_regression(*log_risk_ratios(), LATITUDE)
    assert knapp.tidy()["p_value"].tolist() == pytest.approx(
        [0.394737072448149, 0.0045650515415925], rel=R_ITERATIVE
    )
    assert [knapp.qm, knapp.qm_df, knapp.qm_df2, knapp.qm_p] == pytest.approx(
        [12.59098288438, 1, 11, 0.0045650515415925], rel=R_ITERATIVE
    )
    # confint(rma(yi, vi, mods=~ablat, data=d), control=list(tol=1e-14))
    assert knapp.tau2_interval() == pytest.approx((0.0166800683206481, 0.7848352545755007), rel=R_DETERMINISTIC)


def test_labels_and_several_features_agree_with_metafor():
    # rma(yi, vi, mods=~ablat+alloc, data=d, method="REML", test="knha", control=list(threshold=1e-12, maxiter=1000))
    features = LATITUDE.assign(alloc=ALLOCATION)
    found = meta_regression(*log_risk_ratios(), features, allow_overfit=True)
    assert found.terms == ("(Intercept)", "ablat", "alloc[random]", "alloc[systematic]")
    assert found.coefficients.tolist() == pytest.approx(
        [0.29319435600325860, -0.02727575629813328, -0.26749121151296018, 0.05846128692834443], rel=R_ITERATIVE
    )
    assert np.sqrt(np.diag(found.covariance)).tolist() == pytest.approx(
        [0.41884262187433413, 0.00951387207097683, 0.36241070936541914, 0.39248720778135093], rel=R_ITERATIVE
    )
    assert [found.tau2, found.qm, found.qm_p, found.qe, found.r2] == pytest.approx(
        [
            0.14459429735928719,
            3.44710676347615808,
            0.06500697924367353,
            26.20343649164853517,
            53.83961390917318113,
        ],
        rel=R_ITERATIVE,
    )


def shared() -> tuple[np.ndarray, np.ndarray]:
    s = np.array([0.1, 0.15, 0.12, 0.2, 0.11])
    v = np.diag(s**2)
    v[0, 1] = v[1, 0] = 0.4 * s[0] * s[1]
    v[3, 4] = v[4, 3] = 0.3 * s[3] * s[4]
    return s, v


def test_shared_comparison_people_are_counted_as_metafor_counts_them():
    # rma.mv(y, V, mods=~x, random=~1|i, method="REML")
    s, v = shared()
    found = meta_regression(
        [-0.3, 0.1, -0.2, 0.05, -0.4],
        s,
        pd.DataFrame({"x": [0, 1, 2, 3, 5]}),
        ci="wald",
        covariance=v,
        allow_overfit=True,
    )
    assert [*found.coefficients, *np.sqrt(np.diag(found.covariance)), found.tau2] == pytest.approx(
        [-0.0991209170898, -0.0358041987094, 0.1823938576526, 0.0644807967075, 0.0454667042398], rel=R_ITERATIVE
    )
    assert [found.qe, found.qm, found.loglik] == pytest.approx(
        [13.1586307374004, 0.3083238552979, -0.0489869351421], rel=R_ITERATIVE
    )


def test_all_arrangements_of_a_feature_agree_with_permutest():
    # permutest(rma(yi, vi, mods=~I(alloc == "alternate"), data=d, method="DL"), exact=TRUE)
    feature = pd.DataFrame({"alternate": [name == "alternate" for name in ALLOCATION]})
    found = meta_regression(*log_risk_ratios(), feature, method="DL", ci="wald", permutations=100)
    assert (found.permuted.arrangements, found.permuted.exhaustive) == (78, True)
    assert found.permuted.terms[1] == pytest.approx(0.6410256410256411, rel=R_CLOSED_FORM)
    assert found.permuted.joint == pytest.approx(0.6410256410256411, rel=R_CLOSED_FORM)
    assert found.tidy()["permutation_p"].notna().tolist() == [False, True]


# influence(rma(yi, vi, data=d, test=...)), studies 1, 4 and 8: rstudent, dffits, cook.d, cov.r, tau2.del, QE.del, hat, dfbs
INFLUENCE = {
    "wald": [
        [
            -0.21814248573608,
            -0.04070754750124,
            0.00171654134162,
            1.116448986146,
            0.336156701803671,
            151.582572747109,
            0.05059482734366658,
            -0.04026588917016,
        ],
        [
            -1.45120066425065,
            -0.52005098846959,
            0.22948163911566,
            0.96512648513628,
            0.262758148091134,
            96.5625949713915,
            0.09698747018920685,
            -0.51381338731971,
        ],
        [
            1.45008052456806,
            0.47746000737416,
            0.19917759173867,
            1.0010701389037,
            0.273182929386665,
            67.9858115084991,
            0.10189439037095661,
            0.47137388372941,
        ],
    ],
    "hksj": [
        [
            -0.21359785040775,
            -0.03985947355599,
            0.00169741156091,
            1.1514856541054,
            0.336156701803671,
            151.582572747109,
            0.05059482734366658,
            -0.03942701644057,
        ],
        [
            -1.40877985273182,
            -0.5048491039156,
            0.22692420963448,
            1.0127116239932,
            0.262758148091134,
            96.5625949713915,
            0.09698747018920685,
            -0.49879383737305,
        ],
        [
            1.43085096566995,
            0.47112839669618,
            0.19695788193133,
            1.0167000216036,
            0.273182929386665,
            67.9858115084991,
            0.10189439037095661,
            0.46512298130942,
        ],
    ],
}


@pytest.mark.parametrize("ci", INFLUENCE)
def test_influence_agrees_with_metafor(ci):
    columns = ["rstudent", "dffits", "cook_distance", "covariance_ratio", "tau2", "q", "hat", "dfbetas"]
    found = influence(pool(*log_risk_ratios(), ci=ci))
    assert found.loc[[0, 3, 7], columns].to_numpy() == pytest.approx(np.array(INFLUENCE[ci]), rel=R_ITERATIVE)
    assert not found["influential"].any()


def test_the_shape_of_a_funnel_agrees_with_metafor():
    # regtest(yi, vi, model="lm"); regtest(rma(...)); ranktest(...); all of dat.bcg
    estimates, errors = log_risk_ratios()
    plain, mixed, rank = (
        egger(estimates, errors),
        egger(estimates, errors, method="mixed"),
        begg(estimates, errors),
    )
    assert (plain.statistic[0], plain.df[0], plain.p_value[0]) == pytest.approx(
        (-1.40128200228933, 11, 0.188706995081979), rel=R_CLOSED_FORM
    )
    assert (mixed.statistic[0], mixed.p_value[0]) == pytest.approx(
        (-0.803329112070102, 0.42178453567223), rel=R_ITERATIVE
    )
    assert (rank.statistic[0], rank.p_value[0]) == pytest.approx(
        (0.0256410256410256, 0.952361907960866), rel=R_CLOSED_FORM
    )
    found = trim_and_fill(estimates, errors, method="DL", ci="wald")  # trimfill(rma(method="DL"))
    assert (found.filled, found.side) == (1, "right")
    assert (found.adjusted.estimate, found.adjusted.std_error) == pytest.approx(
        (-0.656073212988602, 0.173463402465388), rel=R_CLOSED_FORM
    )


# trimfill(rma(method="FE"), estimator=..., side="right"): k0, estimate, se
@pytest.mark.parametrize(
    ("estimator", "filled", "estimate", "error"),
    [
        ("L0", 4, -0.2910259921063531, 0.038264136604139),
        ("R0", 4, -0.2910259921063531, 0.038264136604139),
        ("Q0", 5, -0.286260374516564, 0.03819687511677021),
    ],
)
def test_each_way_to_count_what_is_missing_agrees_with_metafor(estimator, filled, estimate, error):
    found = trim_and_fill(*log_risk_ratios(), method="common", ci="wald", estimator=estimator, side="right")
    assert found.filled == filled
    assert (found.adjusted.estimate, found.adjusted.std_error) == pytest.approx(
        (estimate, error), rel=R_CLOSED_FORM
    )


# rma.mh(measure=..., correct=FALSE): estimate, se, QE, I2; on dat.bcg, then with ZERO
MH = {
    "RR": (-0.453709604683754, 0.0393373668712944, 152.567553586657, 92.1346316973064),
    "OR": (-0.473410988388585, 0.0410077784042314, 163.942579569193, 92.6803640448177),
    "RD": (-0.003288181832613, 0.000286656748527374, 386.77594183656, 96.8974285362685),
}
ZERO = ([0, 3, 5, 0, 2], [20, 30, 40, 15, 0], [1, 0, 7, 0, 4], [25, 33, 41, 18, 0])
MH_ZERO = {
    "RR": (0.048975838329088, 0.359956083707068, 2.27048755241397, 11.9131924826625),
    "OR": (0.0724153211994806, 0.529085451921064, 2.35395195316129, 15.036498628867),
    "RD": (0.00427391975335724, 0.0312474068122828, 2.98637015554319, 33.029065526667),
}


@pytest.mark.parametrize("measure", MH)
def test_mantel_haenszel_agrees_with_metafor(measure):
    for table, expected in ((tuple(BCG.T), MH[measure]), (ZERO, MH_ZERO[measure])):
        found = mantel_haenszel(*table, measure=measure)
        assert (found.estimate, found.std_error, found.q, found.i2) == pytest.approx(
            expected, rel=R_CLOSED_FORM
        )
    if measure == "OR":
        assert mantel_haenszel(*BCG.T, measure="OR").association.statistic[0] == pytest.approx(
            136.162976744635, rel=R_CLOSED_FORM
        )


def test_peto_agrees_with_metafor():
    # rma.peto(ai=tpos, bi=tneg, ci=cpos, di=cneg, data=dat.bcg), and with ZERO
    found, zero = peto(*BCG.T), peto(*ZERO)
    assert (found.estimate, found.std_error, found.q) == pytest.approx(
        (-0.474446310940636, 0.0406590807446483, 167.730167511489), rel=R_CLOSED_FORM
    )
    assert (zero.estimate, zero.std_error, zero.q, zero.q_df) == pytest.approx(
        (0.0716559433175688, 0.526226468220642, 4.09241166935599, 2), rel=R_CLOSED_FORM
    )


def eight() -> pd.DataFrame:
    """28 people in eight clusters, of which 1, 3, 5 and 8 are treated; drawn once in R with set.seed(1)."""
    many = [3, 4, 2, 5, 3, 4, 3, 4]
    x = [0.2, -1.1, 0.5, 1.3, 0.1, -0.7, 0.9, 2.0, -0.4, 0.3, 0.8, -1.5, 0.6, 0.0]
    x += [1.1, -0.2, 0.7, -0.9, 1.4, 0.4, -0.6, 0.5, 1.0, -1.2, 0.3, -0.3, 0.9, 1.6]
    y = [2.801, 2.479, 2.191, 0.333, -0.229, 0.211, 1.627, 3.189, 1.892, 1.146, 0.84, 0.613, 2.2, 2.591]
    y += [1.98, 0.652, 0.249, 0.179, 1.77, 2.233, 1.857, 1.041, 0.354, -0.366, 1.758, 2.473, 3.026, 2.551]
    g = np.repeat(np.arange(1, 9), many)
    return pd.DataFrame(
        {"y": y, "d": np.isin(g, [1, 3, 5, 8]).astype(int), "x": x, "w": [1, 2, 0.5, 1.5] * 7, "g": g}
    )


def test_the_wild_bootstrap_agrees_with_refitting_every_pattern_of_signs_in_r():
    # f <- lm(y ~ d + x, weights=w); sandwich::vcovCL(f, cluster=g, type="HC1"); then, for each of the 256 patterns v,
    # lm(fitted0 + v[g]*resid0 ~ d + x, weights=w) with fitted0, resid0 from lm(I(y - b0*d) ~ x, weights=w)
    found = wild_cluster_bootstrap(
        eight(), "y", "d", cluster="g", covariates=["x"], weights="w", weights_kind="rademacher"
    )
    assert (found.estimate, found.std_error) == pytest.approx(
        (1.02964712020130, 0.54227248120886), rel=R_CLOSED_FORM
    )
    assert (found.draws, found.exhaustive, found.p_value) == (256, True, 0.15625)
    moved = eight().assign(y=lambda f: f["y"] - 0.3 * f["d"])
    for frame, null in ((eight(), 0.3), (moved, 0.0)):
        again = wild_cluster_bootstrap(
            frame, "y", "d", cluster="g", covariates=["x"], weights="w", weights_kind="rademacher", null=null
        )
        assert again.p_value == 0.2734375


def test_randomisation_inference_agrees_with_every_choice_worked_out_in_r():
    # combn(8, 4); weighted means of people; with x: residuals of lm(I(y - b0*d) ~ x, weights=w) instead of y
    plain = randomisation_inference(eight(), "y", "d", cluster="g", weights="w")
    assert plain.estimate == pytest.approx(1.143178571428571, rel=R_CLOSED_FORM)
    assert (plain.draws, plain.least_p) == (70, pytest.approx(2 / 70))
    assert plain.p_value == pytest.approx(0.085714285714286, rel=R_CLOSED_FORM)
    for statistic in ("difference", "t"):
        found = randomisation_inference(
            eight(), "y", "d", cluster="g", weights="w", covariates=["x"], statistic=statistic
        )
        assert found.p_value == pytest.approx(0.11428571428571, rel=R_CLOSED_FORM)
    moved = eight().assign(y=lambda f: f["y"] - 0.5 * f["d"])
    found = randomisation_inference(moved, "y", "d", cluster="g", weights="w", covariates=["x"], statistic="t")
    assert found.p_value == pytest.approx(0.31428571428571, rel=R_CLOSED_FORM)


def test_the_test_of_cluster_means_is_the_t_test_of_them():
    # M <- tapply(w*y, g, sum)/tapply(w, g, sum); t.test(M[c(1,3,5,8)], M[c(2,4,6,7)], var.equal=TRUE)
    row = cluster_level(eight(), "y", "d", cluster="g", weights="w").tidy().iloc[2]
    assert [row["statistic"], row["p_value"], row["conf_low"], row["conf_high"]] == pytest.approx(
        [2.15754908059, 0.074327818339, -0.159457724114, 2.537357724114], rel=R_DETERMINISTIC
    )


METHOD = {"FE": "common"}


@oracles.needs_oracles
@pytest.mark.parametrize(("name", "feature"), [("meta_bcg", "ablat"), ("meta_molloy2014", "quality")])
def test_every_key_of_the_reference_folder_agrees(name, feature):
    frame = oracles.data(name.removeprefix("meta_"))
    y, s = frame["yi"].to_numpy(), np.sqrt(frame["vi"].to_numpy())
    keys = {"tau2": "tau2", "se_tau2": "tau2_std_error", "I2": "i2", "H2": "h2", "QE": "qe", "QEp": "qe_p"}
    keys |= {"loglik": "loglik", "QM": "qm", "QMp": "qm_p", "R2": "r2"}
    for key, entry in oracles.results(name).items():
        *_, method, test = key.split("_") if "_" in key else ("", "")
        if test not in ("z", "knha"):
            continue
        features = frame[[feature]] if key.startswith("metareg") else None
        # metafor's PM stops at uniroot's tolerance, 8e-5 away; EB solves the same equation to the end.
        near = 5e-4 if method == "PM" else R_ITERATIVE
        found = meta_regression(
            y, s, features, method=METHOD.get(method, method), ci="wald" if test == "z" else "hksj"
        )
        value, tidy = entry["value"], found.tidy()
        assert tidy["estimate"].tolist() == pytest.approx(list(value["b"].values()), rel=near), key
        for theirs, ours in (("se", "std_error"), ("stat", "statistic"), ("p", "p_value")):
            assert tidy[ours].tolist() == pytest.approx(np.atleast_1d(value[theirs]).tolist(), rel=near), key
        assert tidy[["conf_low", "conf_high"]].to_numpy() == pytest.approx(np.array(value["ci"]), rel=near), key
        for theirs, ours in keys.items():
            if value.get(theirs) is not None:
                assert getattr(found, ours) == pytest.approx(value[theirs], rel=near, abs=1e-7), (key, theirs)


@oracles.needs_oracles
@pytest.mark.parametrize("name", ["meta_bcg", "meta_molloy2014"])
def test_every_funnel_of_the_reference_folder_agrees(name):
    frame = oracles.data(name.removeprefix("meta_"))
    y, s = frame["yi"].to_numpy(), np.sqrt(frame["vi"].to_numpy())
    known = {key: entry["value"] for key, entry in oracles.results(name).items()}
    plain, mixed, rank = egger(y, s), egger(y, s, method="mixed"), begg(y, s)
    assert plain.p_value[0] == pytest.approx(known["egger_lm"]["p"], rel=R_CLOSED_FORM)
    # metafor's REML stops at 1e-5 unless told otherwise, which is 1.2e-4 of this z
    assert mixed.statistic[0] == pytest.approx(known["egger_REML"]["z"], rel=2 * R_ROOT)
    assert rank.statistic[0] == pytest.approx(known["begg"]["tau"], rel=R_CLOSED_FORM)
    assert rank.p_value[0] == pytest.approx(known["begg"]["p"], rel=R_CLOSED_FORM)
    found, expected = trim_and_fill(y, s, method="DL", ci="wald"), known["trimfill_DL"]
    assert (found.filled, found.side) == (expected["k0"], expected["side"])
    assert found.adjusted.estimate == pytest.approx(expected["est"], rel=R_CLOSED_FORM)
    assert found.adjusted.std_error == pytest.approx(expected["se"], rel=R_CLOSED_FORM)
    for method in ("REML", "DL"):
        interval = known[f"qprofile_{method}"]
        found_interval = meta_regression(y, s, None, method=method).tau2_interval()
        assert found_interval == pytest.approx((interval["lb"][0], interval["ub"][0]), rel=5e-3, abs=R_ROOT)


@oracles.needs_oracles
def test_every_pooled_count_of_the_reference_folder_agrees():
    frame, known = oracles.data("bcg"), oracles.results("meta_bcg_mh_peto")
    table = [frame[c] for c in ("tpos", "tneg", "cpos", "cneg")]
    for key, entry in known.items():
        value = entry["value"]
        found = peto(*table) if key == "peto" else mantel_haenszel(*table, measure=key.removeprefix("mh_"))
        assert (found.estimate, found.std_error) == pytest.approx(
            (value["est"], value["se"]), rel=R_DETERMINISTIC
        )
        assert found.q == pytest.approx(value["QE"], rel=R_DETERMINISTIC)


def test_the_spread_about_a_mean_is_that_of_pool():
    y, s = log_risk_ratios()
    ones = np.ones((len(y), 1))
    for method in ("DL", "PM", "ML", "REML", "common"):
        pooled = pool(y, s, method=method).tau2
        assert residual_variance(y, np.diag(s**2), ones, method) == pytest.approx(pooled, rel=1e-9)
