"""Meta-regression, funnels, pooled counts and few clusters worked out on paper."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.synthesis import pool
from pdd_outcomes.synthesis.counts import mantel_haenszel, peto
from pdd_outcomes.synthesis.few_clusters import cluster_level, randomisation_inference, wild_cluster_bootstrap
from pdd_outcomes.synthesis.influence import arrangements, influence, n_arrangements
from pdd_outcomes.synthesis.meta_regression import meta_regression, residual_variance
from pdd_outcomes.synthesis.small_studies import begg, trim_and_fill
from tests.tolerances import ROUNDING, SAME_ALGORITHM


def test_of_two_groups_of_equal_errors_the_coefficient_is_the_difference_in_means():
    # y = 0, 2 | 3, 5 with variance 1. Means 1 and 4, so the coefficient is 3. Squares left: 1+1+1+1 = 4, Q = 4 on 2 df.
    # Moments: tau2 = 4/2 - 1 = 1, variance of each mean (1+1)/2 = 1, of the difference 2.
    y, s, x = [0, 2, 3, 5], [1, 1, 1, 1], pd.DataFrame({"x": [0, 0, 1, 1]})
    for method in ("DL", "HE", "PM", "EB", "REML"):
        found = meta_regression(y, s, x, method=method, ci="wald", allow_overfit=True)
        assert found.coefficients == pytest.approx([1, 3])
        assert found.tau2 == pytest.approx(1)
        assert found.covariance[1, 1] == pytest.approx(2)
        assert (found.qe, found.qe_df, found.qm) == (pytest.approx(4), 2, pytest.approx(9 / 2))
    # ML divides by k: 4/4 - 1 = 0. HS likewise: (4 - 4)/4 = 0.
    for method in ("ML", "HS"):
        assert meta_regression(y, s, x, method=method, allow_overfit=True).tau2 == pytest.approx(0, abs=1e-7)
    # SJ: the mean square about 2.5 is (6.25 + .25 + .25 + 6.25)/4 = 3.25, weights 1/4.25: 3.25 * (4/4.25)/2
    assert meta_regression(y, s, x, method="SJ", allow_overfit=True).tau2 == pytest.approx(3.25 * 4 / 4.25 / 2)


def test_what_the_feature_takes_up_of_the_spread():
    # About the one mean 2.5 the squares are 13, so tau2 = 13/3 - 1 = 10/3; 1 is left: R2 = 1 - 3/10
    found = meta_regression(
        [0, 2, 3, 5], [1] * 4, pd.DataFrame({"x": [0, 0, 1, 1]}), method="DL", allow_overfit=True
    )
    assert found.r2 == pytest.approx(70)


def test_hartung_and_knapp_multiply_by_the_residual_mean_square():
    # With tau2 = 1 the weights are 1/2 and the squares 4/2 = 2 on 2 df: the factor is 1
    args = ([0, 2, 3, 5], [1] * 4, pd.DataFrame({"x": [0, 0, 1, 1]}))
    found = meta_regression(*args, method="DL", allow_overfit=True)
    assert found.covariance[1, 1] == pytest.approx(2)
    row = found.tidy().iloc[1]
    assert row["conf_high"] - row["estimate"] == pytest.approx(4.302652729911275 * np.sqrt(2))  # t of 2 df
    # of a common effect the weights are 1 and the factor 4/2 = 2, on a variance of 1
    assert meta_regression(*args, method="common", allow_overfit=True).covariance[1, 1] == pytest.approx(2)


def test_every_arrangement_of_two_of_four():
    orders, every = arrangements(np.array([0, 0, 1, 1]), 6, None)
    assert every
    assert orders.tolist() == [
        [0, 0, 1, 1],
        [0, 1, 0, 1],
        [0, 1, 1, 0],
        [1, 0, 0, 1],
        [1, 0, 1, 0],
        [1, 1, 0, 0],
    ]
    strata = np.array([0, 1, 0, 1])
    assert n_arrangements(np.array([0, 0, 1, 1]), strata) == 4
    within = arrangements(np.array([0, 0, 1, 1]), 6, None, strata)[0]
    assert sorted(within.tolist()) == [[0, 0, 1, 1], [0, 1, 1, 0], [1, 0, 0, 1], [1, 1, 0, 0]]
    # 9 of 13 forces: 13!/(9! 4!) = 715
    assert n_arrangements(np.array([1] * 9 + [0] * 4)) == 715


def test_the_permutation_p_of_the_widest_split_is_two_in_six():
    # 0, 2 | 3, 5 and its mirror are as far apart as can be: 2 of 6
    found = meta_regression(
        [0, 2, 3, 5],
        [1] * 4,
        pd.DataFrame({"x": [0, 0, 1, 1]}),
        method="common",
        permutations=6,
        allow_overfit=True,
    )
    assert found.permuted.terms[1] == pytest.approx(2 / 6)


def test_influence_of_equal_forces_is_a_matter_of_distance():
    # y = 0, 0, 3 with variance 1 and one common effect: the mean is 1. Without the third it is 0, of variance 1/2;
    # t = 3/sqrt(1 + 1/2), hat 1/3, DFFITS = 1/sqrt(1/3), D = 1/(1/3), the ratio of variances (1/2)/(1/3)
    row = influence(pool([0, 0, 3], [1, 1, 1], method="common", ci="wald")).iloc[2]
    assert row["rstudent"] == pytest.approx(3 / np.sqrt(1.5))
    assert (row["hat"], row["dffits"], row["cook_distance"]) == pytest.approx((1 / 3, np.sqrt(3), 3))
    assert (row["covariance_ratio"], row["tau2"], row["q"]) == pytest.approx((1.5, 0, 0), abs=ROUNDING)
    assert row["influential"]


def test_what_is_shared_is_taken_from_the_distance_of_a_force():
    # Sampling covariance 1/2 between the first two, the third alone: without the first, weights 1/2, 1/2 of the others.
    # c = (1/2)(1/2) = 1/4, so the variance of the distance is 1 + 1/2 - 2/4 = 1, and of the third 1 + 3/4
    v = np.array([[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1]])
    rows = influence(pool([2, 0, 0], [1, 1, 1], method="common", ci="wald", covariance=v))
    assert rows["rstudent"].iloc[0] == pytest.approx(2)
    assert rows["rstudent"].iloc[2] == pytest.approx(-1 / np.sqrt(1.75))


def test_a_symmetric_funnel_lacks_nothing_and_a_cut_one_is_mended():
    # Distances -2, -1, 0, 1, 2: ranks of those above 0 are 3 and 5 (ties in order): L0 = (32 - 30)/9 rounds to 0
    whole = trim_and_fill([-2, -1, 0, 1, 2], [1.0, 0.9, 0.5, 0.9, 1.0], method="common", side="left")
    assert whole.filled == 0
    assert whole.adjusted.estimate == pytest.approx(whole.observed.estimate)
    # Without the two on the left they are put back as the mirror of the two on the right, about the centre of what is kept.
    cut = trim_and_fill([0, 0.1, -0.1, 1, 2], [0.1, 0.1, 0.1, 0.9, 1.0], method="common")
    assert (cut.side, cut.filled) == ("left", 2)
    frame = cut.tidy()
    assert frame.loc[frame["kind"] == "filled", "estimate"].tolist() == pytest.approx([-1, -2])
    assert cut.adjusted.estimate == pytest.approx(0, abs=ROUNDING)


def test_ranks_in_one_order_have_a_tau_of_one():
    # Three in one order: of 3! = 6 orders this and its reverse are as extreme, p = 1/3
    found = begg([0.0, 1.0, 5.0], [1.0, 2.0, 3.0])
    assert (found.statistic[0], found.p_value[0]) == (pytest.approx(1), pytest.approx(1 / 3))


def test_one_table_is_its_own_ratio_and_difference():
    # 10/20 treated, 5/20 control: RR 2, OR 3, RD 1/4; variances 1/10 - 1/20 + 1/5 - 1/20 and 1/10 + 1/10 + 1/5 + 1/15
    table = ([10], [10], [5], [15])
    ratio = mantel_haenszel(*table, measure="RR")
    assert (ratio.estimate, ratio.std_error) == pytest.approx((np.log(2), np.sqrt(0.2)))
    odds = mantel_haenszel(*table, measure="OR")
    assert (odds.estimate, odds.std_error) == pytest.approx((np.log(3), np.sqrt(7 / 15)))
    difference = mantel_haenszel(*table, measure="RD")
    assert difference.estimate == pytest.approx(0.25)
    # Peto: E = 20*15/40 = 7.5, V = 20*20*15*25/(1600*39)
    over = peto(*table)
    variance = 20 * 20 * 15 * 25 / (1600 * 39)
    assert (over.estimate, over.std_error) == pytest.approx((2.5 / variance, variance**-0.5))
    assert over.association.statistic[0] == pytest.approx(2.5**2 / variance)
    assert ratio.tidy(exponentiate=True)["estimate"].tolist() == pytest.approx([2, 2])


def clusters(means, treated, size=2, spread=0.0):
    """People of clusters whose means are given, `spread` above and below."""
    y = np.repeat(np.asarray(means, float), size) + np.tile([spread, -spread], len(means))
    g = np.repeat(np.arange(len(means)), size)
    return pd.DataFrame({"y": y, "d": np.repeat(np.asarray(treated, int), size), "g": g})


def test_three_of_six_clusters_all_higher_are_two_of_twenty():
    # The chosen three are the highest: the choice and its mirror are as far, p = 2/20. No p is below that, so at 95%
    # nothing can be rejected; at 80% the interval ends where a second pair of choices would be as far.
    data = clusters([4, 5, 6, 1, 2, 3], [1, 1, 1, 0, 0, 0], spread=0.5)
    found = randomisation_inference(data, "y", "d", cluster="g")
    assert (found.estimate, found.draws, found.p_value) == (pytest.approx(3), 20, pytest.approx(0.1))
    assert (found.conf_low, found.conf_high) == (-np.inf, np.inf)
    assert "the smallest p-value there can be is 0.1" in found.reason
    # Were the effect delta, the treated would be at 4-d, 5-d, 6-d. Exchanging 4 for 3: means 14/3 - 2d/3 and 7/3 - d/3, as far
    # as 3 - d where 7/3 - d/3 = d - 3, d = 4; or, below, where it is 3 - d: d = 1. So 80% has at least 1 to 4 inside.
    low, high = found.interval(0.8)
    p = [
        randomisation_inference(data.assign(y=data["y"] - delta * data["d"]), "y", "d", cluster="g").p_value
        for delta in (low - 0.01, low + 0.01, high - 0.01, high + 0.01)
    ]
    assert p[0] <= 0.2 < p[1]
    assert p[3] <= 0.2 < p[2]


def test_the_means_of_clusters_are_compared_whatever_their_size():
    # Treated 1, 3; control 0, 0, 3: means 2 and 1; squares 2 + 6 on 3 df; variance (8/3)(1/2 + 1/3) = 20/9
    data = clusters([1, 3, 0, 0, 3], [1, 1, 0, 0, 0])
    more = pd.concat([data, data[data["g"] == 1], data[data["g"] == 1]])
    for frame in (data, more):
        row = cluster_level(frame, "y", "d", cluster="g").tidy().iloc[2]
        assert (row["estimate"], row["std_error"]) == pytest.approx((1, np.sqrt(20) / 3))


def test_the_wild_bootstrap_of_equal_clusters_flips_their_means():
    # Clusters of one size, no covariates: with the null imposed residuals are distances from the grand mean, and the t of a
    # pattern is that of the flipped means. Enumerated below from scratch.
    means, treated = np.array([3.0, 4.0, 6.0, 1.0, 2.0, 2.5]), np.array([1, 1, 1, 0, 0, 0])
    centred = means - means.mean()

    def t(m):
        a, b = m[:3], m[3:]
        return (a.mean() - b.mean()) / np.sqrt(((a - a.mean()) ** 2).sum() + ((b - b.mean()) ** 2).sum())

    signs = np.array([[1 if k >> j & 1 else -1 for j in range(6)] for k in range(64)])
    with np.errstate(divide="ignore"):
        drawn = np.array([abs(t(row * centred)) for row in signs])
    expected = (drawn >= abs(t(centred)) * (1 - SAME_ALGORITHM)).mean()
    found = wild_cluster_bootstrap(
        clusters(means, treated, spread=0.3), "y", "d", cluster="g", weights_kind="rademacher"
    )
    assert found.p_value == expected
    assert (found.draws, found.least_p) == (64, 2 / 64)


def test_no_spread_is_left_where_all_estimates_are_one_number():
    for method in ("DL", "HE", "HS", "SJ", "PM", "ML", "REML"):
        assert residual_variance(np.ones(4), np.eye(4), np.ones((4, 1)), method) == 0
    found = meta_regression([1, 1, 1, 1], [1] * 4, None, method="SJ", ci="wald")
    assert np.isnan(found.tau2_std_error)
