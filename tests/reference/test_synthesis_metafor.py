"""Pooling against metafor 3.8-1 (R 4.2.2) on the BCG trials and on medication adherence; figures typed in, calls beside."""

from __future__ import annotations

import numpy as np
import pytest

from pdd_outcomes.core.methods import POOLING
from pdd_outcomes.synthesis import pool
from tests import oracles
from tests.tolerances import R_CLOSED_FORM, R_ITERATIVE, R_ROOT

# metadat::dat.bcg, log risk ratios from the 2x2 tables (Colditz et al. 1994): tpos, tneg, cpos, cneg
BCG = np.array(
    [
        [4, 119, 11, 128],
        [6, 300, 29, 274],
        [3, 228, 11, 209],
        [62, 13536, 248, 12619],
        [33, 5036, 47, 5761],
        [180, 1361, 372, 1079],
        [8, 2537, 10, 619],
        [505, 87886, 499, 87892],
        [29, 7470, 45, 7232],
        [17, 1699, 65, 1600],
        [186, 50448, 141, 27197],
        [5, 2493, 3, 2338],
        [27, 16886, 29, 17825],
    ],
    dtype=float,
)


def log_risk_ratios():
    """escalc(measure="RR", ai=tpos, bi=tneg, ci=cpos, di=cneg, data=dat.bcg)"""
    a, b, c, d = BCG.T
    return np.log(a / (a + b)) - np.log(c / (c + d)), np.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d))


# rma(yi, vi, data=d, method=..., test="z", control=list(threshold=1e-12, maxiter=1000)):
# estimate, se, tau2, I2, limits, p; then se, limits and p with test="knha"
METAFOR = {
    "common": (-0.430285163654091, 0.0404987517108638, 0.0, 92.1173468545621),
    "DL": (-0.714117222073227, 0.178742089535403, 0.308760262862377, 92.1173468545621),
    # method="EB", which solves the same equation; method="PM" stops 2.5e-5 away, at uniroot's tolerance
    "PM": (-0.714968153493444, 0.180892191537625, 0.318068452205031, 92.3303379541534),
    "ML": (-0.711199135474184, 0.171896808776897, 0.280028137268671, 91.3782837894469),
    "EB": (-0.714968153493444, 0.180892191537625, 0.318068452205031, 92.3303379541534),
    "HE": (-0.715878588758735, 0.183279985988782, 0.328563857995768, 92.5570974066271),
    "HS": (-0.704535373916257, 0.158652093056656, 0.228362863676907, 89.6299666640896),
    "SJ": (-0.717248592557583, 0.187059458416426, 0.345515701598595, 92.89632409554),
    "REML": (-0.71453234215814, 0.179781516105207, 0.313243258136486, 92.2213845212691),
}


def test_every_method_of_the_capability_table_has_a_reference():
    assert set(METAFOR) == set(POOLING)


@pytest.mark.parametrize("method", METAFOR)
def test_the_average_and_the_spread_agree_with_metafor(method):
    estimate, error, tau2, i2 = METAFOR[method]
    near = R_CLOSED_FORM if method in ("common", "DL", "HE", "HS", "SJ") else R_ITERATIVE
    result = pool(*log_risk_ratios(), method=method, ci="wald")
    assert result.estimate == pytest.approx(estimate, rel=near)
    assert result.std_error == pytest.approx(error, rel=near)
    assert result.tau2 == pytest.approx(tau2, rel=near)
    assert result.i2 == pytest.approx(i2, rel=near)
    assert (result.q, result.q_df) == (pytest.approx(152.233008082373, rel=R_CLOSED_FORM), 12)
    assert result.q_p == pytest.approx(1.99676459084579e-26, rel=R_CLOSED_FORM)


def test_wald_and_hartung_knapp_intervals_agree_with_metafor():
    wald = pool(*log_risk_ratios(), ci="wald")
    assert [wald.conf_low, wald.conf_high, wald.p_value] == pytest.approx(
        [-1.06689763881035, -0.362167045505927, 7.05425810164232e-05], rel=R_ITERATIVE
    )
    # rma(yi, vi, data=d, method="REML", test="knha")
    knapp = pool(*log_risk_ratios())
    assert [knapp.std_error, knapp.conf_low, knapp.conf_high, knapp.p_value] == pytest.approx(
        [0.180791744092848, -1.10844371368555, -0.320620970630728, 0.00192001509605729], rel=R_ITERATIVE
    )
    # the same with test="adhoc" is the same here, the scale being above 1
    assert knapp.scale > 1
    assert pool(*log_risk_ratios(), ci="hksj-adhoc").std_error == knapp.std_error


@pytest.mark.parametrize(
    ("ci", "reference", "limits"),
    [
        ("wald", "t(k-2)", (-2.00837590692259, 0.579311222606308)),
        ("wald", "normal", (-1.8666922179029, 0.437627533586616)),  # predict(rma(test="z")), metafor 3.8
        ("wald", "t(k-1)", (-1.99534195850911, 0.566277274192835)),
        ("hksj", "t(k-2)", (-2.00905765037112, 0.579992966054842)),
        ("hksj", "t(k-1)", (-1.99601683419621, 0.566952149879932)),  # predict(rma(test="knha")), metafor 3.8
        ("hksj", "normal", (-1.86729930632405, 0.43823462200777)),
    ],
)
def test_the_prediction_interval_agrees_under_each_convention(ci, reference, limits):
    result = pool(*log_risk_ratios(), ci=ci)
    assert result.predict(reference) == pytest.approx(limits, rel=R_ITERATIVE)
    assert result.prediction_interval == result.predict("t(k-2)")


def test_the_interval_of_tau2_agrees_with_q_profile():
    # confint(rma(yi, vi, data=d, method="REML"))
    limits = (0.119695312816638, 1.11148626221544)
    assert pool(*log_risk_ratios()).tau2_interval() == pytest.approx(limits, abs=R_ROOT)


def test_the_weights_agree_with_metafor():
    # weights(rma(yi, vi, data=d, method="REML"))
    first = [5.05948273436666, 6.36467937256303, 4.4360274026014, 9.69874701892068]
    assert 100 * pool(*log_risk_ratios()).weights[:4] == pytest.approx(first, rel=R_ITERATIVE)


def test_leaving_each_trial_out_agrees_with_metafor():
    # leave1out(rma(yi, vi, data=d, method="REML"))
    table = pool(*log_risk_ratios(), ci="wald").leave_one_out()
    assert table["estimate"][:3].tolist() == pytest.approx(
        [-0.707083788031436, -0.654031200397814, -0.685554417972832], rel=R_ITERATIVE
    )
    assert table["std_error"][:2].tolist() == pytest.approx(
        [0.189961024702717, 0.180695386623819], rel=R_ITERATIVE
    )
    assert table["tau2"][:2].tolist() == pytest.approx([0.336156745300306, 0.292583085554123], rel=R_ITERATIVE)
    assert table["i2"][:2].tolist() == pytest.approx([93.2259349111223, 92.2539555054861], rel=R_ITERATIVE)


@oracles.needs_oracles
@pytest.mark.parametrize("name", ["meta_bcg", "meta_molloy2014"])
@pytest.mark.parametrize("test", ["z", "knha"])
@pytest.mark.parametrize("method", ["FE", "DL", "PM", "ML", "REML"])
def test_every_pooled_figure_in_the_folder_agrees(name, test, method):
    references = {k: v.get("value") for k, v in oracles.results(name).items()}
    key = f"{method}_{test}"
    if key not in references:
        assert key == "FE_knha"  # a common effect has no Hartung-Knapp variance in metafor
        return
    # R's PM stops at uniroot's tolerance; its EB solves the same equation to the end.
    them = references[key.replace("PM", "EB")]
    data = oracles.data(name.removeprefix("meta_"))
    ours = pool(
        data["yi"],
        np.sqrt(data["vi"]),
        method="common" if method == "FE" else method,
        ci="wald" if test == "z" else "hksj",
    )
    near = R_CLOSED_FORM if method in ("FE", "DL") else R_ITERATIVE
    pairs = [
        (ours.estimate, them["b"]["intrcpt"]),
        (ours.std_error, them["se"]),
        (ours.p_value, them["p"]),
        (ours.conf_low, them["ci"][0][0]),
        (ours.conf_high, them["ci"][0][1]),
        (ours.tau2, them["tau2"]),
        (ours.i2, them["I2"]),
        (ours.q, them["QE"]),
        (ours.q_p, them["QEp"]),
    ]
    if method != "FE":
        pairs += list(zip(ours.prediction_interval, them["pi_t_km2"]))
        pairs += list(zip(ours.predict("t(k-1)"), them["pi_t_km1"]))
        pairs += list(zip(ours.predict("normal"), them["pi_z"]))
        pairs += list(zip(100 * ours.weights, them["weights_pct"]))
    for mine, theirs in pairs:
        assert mine == pytest.approx(theirs, rel=near, abs=1e-12)


@oracles.needs_oracles
@pytest.mark.parametrize("name", ["meta_bcg", "meta_molloy2014"])
def test_every_interval_of_tau2_and_every_leave_one_out_in_the_folder_agrees(name):
    references = {k: v.get("value") for k, v in oracles.results(name).items()}
    data = oracles.data(name.removeprefix("meta_"))
    ours = pool(data["yi"], np.sqrt(data["vi"]), ci="wald")
    them = references["qprofile_REML"]
    assert ours.tau2_interval() == pytest.approx((them["lb"][0], them["ub"][0]), abs=R_ROOT)
    same = references["PM_z"]["tau2"]
    assert pool(data["yi"], np.sqrt(data["vi"]), method="PM").tau2 == pytest.approx(same, abs=R_ROOT)
    left, theirs = ours.leave_one_out(), references["leave1out_REML"]
    # Without its control= argument metafor stops its scoring at a change of 1e-5 in tau2.
    assert left["estimate"].tolist() == pytest.approx(theirs["est"], abs=R_ITERATIVE)
    assert left["tau2"].tolist() == pytest.approx(theirs["tau2"], abs=R_ITERATIVE)
    assert left["std_error"].tolist() == pytest.approx(theirs["se"], abs=R_ITERATIVE)
