"""Moderators against R's survival on 1,344 people released from North Carolina prisons, weighted, in 672 sets of two.

The k-th person on a work programme is set beside the k-th who was not; controls weigh a tenth of their years of schooling,
so that sets span levels and every weight counts. R 4.2.2, survival 3.5; `d` holds the people with a set, `m` the moderator.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.design import Design
from pdd_outcomes.synthesis.exploratory import _least_squares
from pdd_outcomes.synthesis.moderators import moderators, trend_interaction
from pdd_outcomes.synthesis.subgroups import holm
from tests.tolerances import R_CLOSED_FORM, R_DETERMINISTIC

AT = 24


@pytest.fixture(scope="module")
def people(recid: pd.DataFrame) -> pd.DataFrame:
    return recid.assign(band=np.select([recid["age_y"] < 22, recid["age_y"] < 30], ["a", "b"], "c"))


@pytest.fixture(scope="module")
def design(people: pd.DataFrame) -> Design:
    treated = people["workprg"].to_numpy() == 1
    some = np.flatnonzero(treated)
    others = np.flatnonzero(~treated)[: len(some)]
    sets = np.full(len(people), -1)
    sets[some], sets[others] = np.arange(len(some)), np.arange(len(some))
    weight = np.where(treated, 1.0, people["educ"].to_numpy() / 10)
    return Design(treated, np.where(sets >= 0, weight, 0.0), sets, "ATT")


# f <- coxph(Surv(durat, event) ~ workprg:m + strata(m), d, weights=w, cluster=set); coef(f); sqrt(diag(vcov(f)));
# C <- cbind(-1, diag(k-1)); t(C%*%coef(f)) %*% solve(C%*%vcov(f)%*%t(C)) %*% (C%*%coef(f))
COX = {
    "black": (
        [0.0952938426756103, -0.0404869272307773],
        [0.135992398458103, 0.117223062062356],
        0.554829332839515,
    ),
    "band": (
        [0.232840889741974, -0.112263352461344, 0.420029810888375],
        [0.170881871742946, 0.138086361938687, 0.187887998714013],
        5.65570513796589,
    ),
}
# in each level and arm g <- survfit(Surv(durat, event) ~ 1, weights=w, influence=1, robust=TRUE); at month 24 the difference of
# 1 - g$surv; V <- crossprod(rowsum(IJ, set)) with a column of g$influence.surv a level; the same Wald statistic
RISK = {
    "black": (
        [-0.00104728081018202, -0.03186393340434213],
        [0.0316477049592560, 0.0348646119043386],
        0.418167993047194,
    ),
    "band": (
        [0.0470454228843494, -0.0281133918234546, 0.0319131140685343],
        [0.0564631399999865, 0.0366772743235371, 0.0401763548987397],
        1.81341463310554,
    ),
}


@pytest.mark.parametrize("name", ["black", "band"])
def test_effects_in_levels_and_the_joint_test_are_those_of_r(name, design, people):
    found = moderators(design, people, time="durat", event="event", at=AT, moderators=[name])
    rows, tests = found.tidy(), found.interactions().set_index("scale")
    for scale, (estimates, errors, statistic), tolerance in (
        ("ratio", COX[name], R_DETERMINISTIC),
        ("difference", RISK[name], R_CLOSED_FORM),
    ):
        part = rows[rows["scale"] == scale]
        told = np.log(part["estimate"]) if scale == "ratio" else part["estimate"]
        assert told.to_numpy() == pytest.approx(estimates, rel=tolerance)
        assert part["std_error"].to_numpy() == pytest.approx(errors, rel=tolerance)
        assert tests.loc[scale, "statistic"] == pytest.approx(statistic, rel=tolerance)
        assert tests.loc[scale, "df"] == len(estimates) - 1


def test_trends_along_age_are_those_of_r(design, people):
    # z <- (age - weighted.mean(age, w)) / 120
    # f <- coxph(Surv(durat, event) ~ workprg*z, d, weights=w, cluster=set); coef and sqrt(diag(vcov(f))) of workprg, workprg:z
    # y <- 1 - surv - influence.surv * sum(w)/w in each arm; l <- lm(y ~ workprg*z, weights=w); B <- solve(t(X)%*%(X*w));
    # B %*% crossprod(rowsum(X*w*resid(l), set)) %*% B
    found = trend_interaction(design, people, time="durat", event="event", at=AT, moderator="age", per=120)
    assert found.mean == pytest.approx(343.773842784867, rel=R_CLOSED_FORM)
    assert found.values[0] == pytest.approx([-0.00721062544511427, 0.00756991632931148], rel=R_CLOSED_FORM)
    assert found.errors[0] == pytest.approx([0.0237112564912469, 0.0248663774788568], rel=R_CLOSED_FORM)
    assert found.values[1] == pytest.approx([0.0874276984835284, 0.0654166159696591], rel=R_DETERMINISTIC)
    assert found.errors[1] == pytest.approx([0.0914263680028772, 0.1091532942182507], rel=R_DETERMINISTIC)


def test_p_values_are_adjusted_as_statsmodels_adjusts_them(design, people):
    from statsmodels.stats.multitest import multipletests

    names = ["black", "band", "married", "super"]
    found = moderators(design, people, time="durat", event="event", at=AT, moderators=names)
    for _, part in found.interactions().groupby("scale"):
        for name, method in (("p_holm", "holm"), ("p_bh", "fdr_bh")):
            wanted = multipletests(part["p_value"], method=method)[1]
            assert part[name].to_numpy() == pytest.approx(wanted, rel=R_CLOSED_FORM)
    # p.adjust(c(0.04, 0.004, 0.5, 0.03, 0.004), "holm")
    given = np.array([0.04, 0.004, 0.5, 0.03, 0.004])
    assert holm(given) == pytest.approx([0.09, 0.02, 0.5, 0.09, 0.02], rel=R_CLOSED_FORM)


def test_least_squares_errors_are_hc1_and_cr1(people):
    sm = pytest.importorskip("statsmodels.api")
    x = np.column_stack([np.ones(len(people)), people[["age_y", "priors"]]])
    y = people["durat"].to_numpy(dtype=float)
    sets = (people["educ"] * 10 + people["black"]).to_numpy()
    plain = sm.OLS(y, x).fit(cov_type="HC1")
    crowded = sm.OLS(y, x).fit(cov_type="cluster", cov_kwds={"groups": sets})
    for fit, clusters in ((plain, None), (crowded, sets)):
        ours = _least_squares(x, y, ("a", "b", "c"), clusters)
        assert ours.values == pytest.approx(fit.params, rel=R_CLOSED_FORM)
        assert np.sqrt(np.diag(ours.covariance)) == pytest.approx(fit.bse, rel=R_CLOSED_FORM)
