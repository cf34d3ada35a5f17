"""Instruments worked by hand: Wald's ratio, leniency of three officers, every shape of an Anderson-Rubin set."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pdd_outcomes.effects.instrumental import instrumental
from pdd_outcomes.effects.leniency import check_instrument, complier_effect, leave_one_out_leniency
from pdd_outcomes.effects.weak_instruments import AndersonRubin, set_in_words

from ..tolerances import ROUNDING, SAME_ALGORITHM


def trial() -> pd.DataFrame:
    """40 offered, 30 of whom complete; 40 not, 6 of whom do. Events: 6 of 30, 5 of 10; 2 of 6, 17 of 34."""
    cells = [(1, 1, 30, 6), (1, 0, 10, 5), (0, 1, 6, 2), (0, 0, 34, 17)]
    rows = [(z, d, int(k < events)) for z, d, n, events in cells for k in range(n)]
    return pd.DataFrame(rows, columns=["offered", "completed", "event"])


def test_walds_ratio_and_the_compliers_of_a_small_trial() -> None:
    found = complier_effect(trial(), "event", offered="offered", completed="completed").tidy().set_index("term")
    share = 30 / 40 - 6 / 40  # 0.6
    assert found["estimate"].to_dict() == pytest.approx(
        {
            "offer_effect": 11 / 40 - 19 / 40,
            "complier_share": share,
            "unoffered_completer_share": 6 / 40,
            "offered_non_completer_share": 10 / 40,
            "complier_mean_completed": (6 / 40 - 2 / 40)
            / share,  # all who complete less those who would anyway
            "complier_mean_not_completed": (17 / 40 - 5 / 40)
            / share,  # 12 events of 24 who would have, if offered
            "complier_effect": -0.2 / share,
        },
        rel=SAME_ALGORITHM,
    )


def test_the_complier_effect_and_its_error_are_two_stage_least_squares() -> None:
    found = complier_effect(trial(), "event", offered="offered", completed="completed").tidy().iloc[-1]
    two_stage = instrumental(trial(), "event", "completed", "offered").tidy().iloc[1]
    for column in ("estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"):
        assert found[column] == pytest.approx(two_stage[column], rel=SAME_ALGORITHM)


def test_the_delta_method_error_of_walds_ratio() -> None:
    """Var = (Var(dy) - 2 r Cov + r^2 Var(dd)) / dd^2, each arm's moments over its 40 people, times HC1's 80/78."""
    frame, r = trial(), -0.2 / 0.6
    total = sum(((e["event"] - r * e["completed"]).var(ddof=0) / len(e)) for _, e in frame.groupby("offered"))
    found = complier_effect(frame, "event", offered="offered", completed="completed").tidy().iloc[-1]
    assert found["std_error"] == pytest.approx(np.sqrt(total * 80 / 78) / 0.6, rel=SAME_ALGORITHM)


def test_one_sided_non_compliance_is_blooms_effect_in_those_who_complete() -> None:
    frame = trial().query("offered == 1 or completed == 0")  # 40 offered, 34 not, nobody of whom completes
    found = complier_effect(frame, "event", offered="offered", completed="completed")
    assert found.noncompliance == "one-sided"
    assert "Bloom" in found.notes[0]
    assert found.tidy()["estimate"].iloc[-1] == pytest.approx(
        (11 / 40 - 17 / 34) / (30 / 40), rel=SAME_ALGORITHM
    )


def test_leniency_of_three_officers_in_two_months() -> None:
    """Person 0 of Ann in May (1). Her others: 0 in May, 1 in June. Without person 0, May is (0 + 0 + 1)/3 and June (1 + 0 + 0)/3."""
    frame = pd.DataFrame(
        {
            "officer": ["ann", "ann", "bo", "cy", "ann", "bo", "cy"],
            "month": ["may"] * 4 + ["june"] * 3,
            "diverted": [1, 0, 0, 1, 1, 0, 0],
        }
    )
    found = leave_one_out_leniency(frame, "diverted", "officer", within="month", minimum=2)
    assert found["leniency"][0] == pytest.approx(((0 - 1 / 3) + (1 - 1 / 3)) / 2, abs=ROUNDING)
    # Bo in June (row 5): his other is row 2, 0 in May, where the mean is 2/4.
    assert found["leniency"][5] == pytest.approx(0 - 2 / 4, abs=ROUNDING)
    assert found["cases"].tolist() == [3, 3, 2, 2, 3, 2, 2]


def test_officers_with_few_cases_or_without_colleagues_have_no_leniency_and_are_counted() -> None:
    frame = pd.DataFrame(
        {"officer": list("aaabbbcdd"), "place": [1] * 7 + [2] * 2, "diverted": [1, 0] * 4 + [1]}
    )
    found = leave_one_out_leniency(frame, "diverted", "officer", within="place", minimum=2)
    assert found["leniency"].isna().tolist() == [False] * 6 + [True] * 3
    assert found["reason"].tolist()[6:] == ["fewer than 2 cases"] + ["no other officer in the same cells"] * 2
    assert found.value_counts("reason").to_dict()["no other officer in the same cells"] == 2


def one(reduced: float, first: float, error: float) -> AndersonRubin:
    """One instrument whose reduced form and first stage are independent with the same error; 1e9 degrees of freedom."""
    return AndersonRubin(np.array([[reduced, first]]), error**2 * np.eye(2), 10**9)


def test_a_bounded_set_is_fiellers_interval() -> None:
    # (1 - 2b)^2 <= c^2 s^2 (1 + b^2): (4 - k) b^2 - 4 b + 1 - k <= 0 with k = (1.96 * 0.5)^2
    k = (stats.norm.ppf(0.975) * 0.5) ** 2
    low, high = sorted(np.roots([4 - k, -4, 1 - k]))
    assert one(1.0, 2.0, 0.5).intervals() == [pytest.approx((low, high), rel=1e-6)]


def test_a_first_stage_that_may_be_nothing_leaves_two_rays() -> None:
    found = one(3.0, 1.0, 1.0).intervals()
    k = stats.norm.ppf(0.975) ** 2
    low, high = sorted(np.roots([1 - k, -6, 9 - k]))
    assert [found[0][0], found[1][1]] == [-np.inf, np.inf]
    assert [found[0][1], found[1][0]] == pytest.approx([low, high], rel=1e-6)
    words = set_in_words(found, 0.95)
    assert "two rays" in words
    assert "no bound" in words


def test_instruments_without_any_signal_leave_everything() -> None:
    found = one(0.5, 0.5, 1.0).intervals()
    assert found == [(-np.inf, np.inf)]
    assert "every number" in set_in_words(found, 0.95)


def test_two_instruments_that_contradict_each_other_leave_nothing() -> None:
    """One says the effect is 1, the other -1, both for certain: no b is near both."""
    test = AndersonRubin(np.array([[10.0, 10.0], [-10.0, 10.0]]), np.eye(4), 10**9)
    assert test.intervals() == []
    assert "empty" in set_in_words([], 0.95)


def test_a_robust_set_of_two_instruments_may_be_two_pieces() -> None:
    """Each instrument's own effect, 1 and -1, where the other one's variance grows: pieces around both, and not 0."""
    variance = np.zeros((4, 4))
    # V(b): (b+1)^2 m + e for the first and (b-1)^2 m + e for the second, so the first is silent but near b = -1.
    m, e = 50.0, 1.0
    for k, away in ((0, 1.0), (1, -1.0)):
        variance[k, k], variance[k, k + 2] = m + e, -m * away
        variance[k + 2, k], variance[k + 2, k + 2] = -m * away, m
    test = AndersonRubin(np.array([[10.0, 10.0], [-10.0, 10.0]]), variance, 10**9)
    found, grid = test.intervals(), np.linspace(-30, 30, 60_001)
    limit = stats.chi2.ppf(0.95, 2) / 2
    inside = np.array([test.statistic(b) <= limit for b in grid[::20]])
    said = np.array([any(low <= b <= high for low, high in found) for b in grid[::20]])
    assert (inside == said).mean() > 0.999
    for low, high in found:
        for edge in (low, high):
            assert np.isinf(edge) or test.statistic(edge) == pytest.approx(limit, rel=1e-6)


def test_a_weak_instrument_has_its_wald_interval_replaced_and_says_so() -> None:
    rng = np.random.default_rng(4)
    z, u = rng.normal(size=200), rng.normal(size=200)
    frame = pd.DataFrame({"z": z, "d": 0.15 * z + u + rng.normal(size=200), "y": u + rng.normal(size=200)})
    found = instrumental(frame, "y", "d", "z")
    assert found.headline == "Anderson-Rubin"
    row = found.tidy().set_index("term").loc["d"]
    assert row["interval"] == "Anderson-Rubin"
    assert "weak instruments" in row["reason"]
    assert "Weak instruments" in found.notes[0]
    assert found.glance()["weak"].item()


def test_a_first_stage_of_opposite_signs_is_named() -> None:
    rng = np.random.default_rng(5)
    x, group, z = rng.normal(size=900), np.repeat(["a", "b", "c"], 300), rng.normal(size=900)
    frame = pd.DataFrame({"x": x, "group": group, "z": z})
    frame["d"] = np.where(frame["group"] == "c", -0.8, 0.8) * z + rng.normal(size=900)
    found = check_instrument(frame, "d", "z", covariates=["x"], subgroups=["group"])
    assert found.signs == (3, ("group[c]",))
    assert "opposite sign in 1 of 3" in found.notes[1]
    assert not found.glance()["one_sign"].item()


def test_balance_is_the_f_test_of_least_squares() -> None:
    import statsmodels.api as sm

    rng = np.random.default_rng(6)
    frame = pd.DataFrame({"a": rng.normal(size=300), "b": rng.normal(size=300), "d": rng.integers(0, 2, 300)})
    frame["z"] = 0.1 * frame["a"] + rng.normal(size=300)
    found = check_instrument(frame, "d", "z", covariates=["a", "b"])
    theirs = sm.OLS(frame["z"], sm.add_constant(frame[["a", "b"]])).fit(cov_type="HC1", use_t=True)
    assert found.joint.statistic[0] == pytest.approx(theirs.f_test("a = b = 0").fvalue, rel=SAME_ALGORITHM)
    assert found.joint.p_value[0] == pytest.approx(float(theirs.f_test("a = b = 0").pvalue), rel=1e-6)
