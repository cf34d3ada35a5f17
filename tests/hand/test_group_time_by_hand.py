"""Group-time effects worked by hand on panels of a few forces."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pdd_outcomes.effects.difference_in_differences import difference_in_differences, event_study
from tests.tolerances import ROUNDING

ROLES = {"unit": "force", "time": "month", "start": "starts"}


def panel(paths: dict[str, list[float]], starts: dict[str, float], **columns: dict[str, float]) -> pd.DataFrame:
    """Rows of forces by months from 1, the months in a muddle."""
    rows = [
        (force, t, y, starts.get(force, np.nan), *(c[force] for c in columns.values()))
        for force, path in paths.items()
        for t, y in enumerate(path, start=1)
    ]
    frame = pd.DataFrame(rows, columns=["force", "month", "y", "starts", *columns])
    return frame.iloc[np.random.default_rng(0).permutation(len(frame))].reset_index(drop=True)


# a starts in month 2, b in month 3; n and m never do. Mean of the never treated: 1, 3, 5, 7.
PATHS = {"a": [0, 5, 8, 11], "b": [2, 4, 10, 13], "n": [1, 2, 4, 6], "m": [1, 4, 6, 8]}
STARTS = {"a": 2, "b": 3}


def effects(**options: object):
    return difference_in_differences(panel(PATHS, STARTS), "y", **ROLES, **options)


def numbers(result: object, term: str = "term") -> dict[str, float]:
    return dict(zip(result.tidy()["term"], result.tidy()["estimate"]))


def test_each_effect_is_a_change_less_the_change_of_those_never_treated() -> None:
    """a since 1: 5, 8, 11 less 2, 4, 6; b from 1 to 2: 2 less 2; b since 2: 6, 9 less 2, 4."""
    found = effects()
    assert numbers(found) == {
        "ATT(2, 2)": 3.0,
        "ATT(2, 3)": 4.0,
        "ATT(2, 4)": 5.0,
        "ATT(3, 2)": 0.0,
        "ATT(3, 3)": 4.0,
        "ATT(3, 4)": 5.0,
    }
    assert found.tidy()["n_treated"].tolist() == [1] * 6
    assert found.tidy()["n_control"].tolist() == [2] * 6


def test_those_not_yet_treated_are_controls_until_they_start() -> None:
    """In month 2 b still waits: changes of b, n, m from 1 are 2, 1, 3, mean 2. From month 3 on nobody waits."""
    found = effects(control="not_yet")
    assert numbers(found)["ATT(2, 2)"] == 3.0
    assert found.tidy().set_index("term").loc[["ATT(2, 2)", "ATT(2, 3)"], "n_control"].tolist() == [3, 2]


def test_a_universal_base_measures_every_period_from_the_last_before_treatment() -> None:
    """b in month 1, from 2: 2 - 4 less 1 - 3."""
    found = numbers(effects(base="universal"))
    assert found["ATT(3, 1)"] == 0.0
    assert found["ATT(3, 2)"] == 0.0  # the base itself
    assert found["ATT(3, 4)"] == 5.0


def test_anticipation_moves_the_base_back_and_takes_out_those_without_one() -> None:
    """With one period of anticipation a, which starts in month 2, has no base; b is measured from month 1: 4-2, 10-2, 13-2."""
    found = effects(anticipation=1)
    assert found.dropped == 1
    assert numbers(found) == {"ATT(3, 2)": 0.0, "ATT(3, 3)": 4.0, "ATT(3, 4)": 5.0}


def test_the_averages_weigh_groups_by_their_units() -> None:
    """Two copies of b make it weigh 2. By exposure: 0: (3 + 2*4)/3, 1: (4 + 2*5)/3, 2: 5."""
    paths, starts = {**PATHS, "c": PATHS["b"]}, {**STARTS, "c": 3}
    found = difference_in_differences(panel(paths, starts), "y", **ROLES)
    assert numbers(found.aggregate("event")) == pytest.approx(
        {
            "event time -1": 0.0,
            "event time 0": 11 / 3,
            "event time 1": 14 / 3,
            "event time 2": 5.0,
            "overall": (11 / 3 + 14 / 3 + 5) / 3,
        }
    )
    assert numbers(found.aggregate("group")) == pytest.approx(
        {"group 2": 4.0, "group 3": 4.5, "overall": (4 + 2 * 4.5) / 3}
    )
    assert numbers(found.aggregate("calendar")) == pytest.approx(
        {"time 2": 3.0, "time 3": 4.0, "time 4": 5.0, "overall": 4.0}
    )
    assert numbers(found.aggregate("simple")) == pytest.approx({"overall": (3 + 4 + 5 + 2 * (4 + 5)) / 7})


def test_lowest_highest_and_balance_choose_the_times_since_the_start() -> None:
    found = effects()
    assert list(numbers(found.aggregate("event", lowest=0, highest=1))) == [
        "event time 0",
        "event time 1",
        "overall",
    ]
    balanced = numbers(found.aggregate("event", balance=1))  # both groups are seen one month after their start
    assert balanced["event time 1"] == 4.5
    assert "event time 2" not in balanced
    assert (
        numbers(found.aggregate("event", balance=2))["event time 1"] == 4.0
    )  # only a is seen two months after
    assert numbers(found.aggregate("simple", highest=0))["overall"] == 3.5
    assert numbers(found.aggregate("group", highest=0)) == {"group 2": 3.0, "group 3": 4.0, "overall": 3.5}


def test_weights_make_a_unit_count_as_several() -> None:
    """n weighs 3: controls' mean is (3n + m)/4, which rises by 1.5, 3.5, 5.5 from month 1."""
    weight = {"a": 1.0, "b": 1.0, "n": 3.0, "m": 1.0}
    found = difference_in_differences(panel(PATHS, STARTS, w=weight), "y", **ROLES, weights="w")
    assert numbers(found)["ATT(2, 2)"] == pytest.approx(5 - 1.5)
    assert numbers(found)["ATT(2, 4)"] == pytest.approx(11 - 5.5)


def two_groups() -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    treated, others = np.array([3.0, 5.0, 10.0]), np.array([1.0, 2.0, 4.0, 2.0, 0.0])
    paths = {f"t{i}": [i, i + change] for i, change in enumerate(treated)}
    paths |= {f"c{i}": [2 * i, 2 * i + change] for i, change in enumerate(others)}
    return panel(paths, {f"t{i}": 2 for i in range(3)}), treated, others


def test_the_influence_error_of_two_groups_is_that_of_two_means() -> None:
    """sqrt(var/n1 + var/n0), variances over n, as sums of squared influence are."""
    data, treated, others = two_groups()
    row = difference_in_differences(data, "y", **ROLES, inference="influence").tidy().iloc[0]
    assert row["estimate"] == pytest.approx(6 - 1.8)
    assert row["std_error"] == pytest.approx(np.sqrt(treated.var() / 3 + others.var() / 5), abs=ROUNDING)
    assert np.isinf(row["df"])


def test_the_jackknife_of_two_groups_is_welchs_t_test() -> None:
    """Each stratum's jackknife variance of a mean is s^2/n, and Satterthwaite's degrees of freedom are Welch's."""
    data, treated, others = two_groups()
    found = difference_in_differences(data, "y", **ROLES)
    assert found.inference == "jackknife"  # three treated clusters are fewer than five
    welch = stats.ttest_ind(treated, others, equal_var=False)
    interval = welch.confidence_interval(0.9)
    for row in (found.tidy(0.9).iloc[0], found.aggregate("simple").tidy(0.9).iloc[0]):
        assert row["df"] == pytest.approx(welch.df)
        assert row["statistic"] == pytest.approx(welch.statistic)
        assert row["p_value"] == pytest.approx(welch.pvalue)
        assert (row["conf_low"], row["conf_high"]) == pytest.approx((interval.low, interval.high))


def test_clusters_of_several_units_are_left_out_whole() -> None:
    """Each force twice, as two areas in step: the errors are those of the forces."""
    data, _, _ = two_groups()
    areas = pd.concat([data.assign(area=data["force"] + k) for k in "xy"], ignore_index=True)
    for inference in ("influence", "jackknife"):
        once = difference_in_differences(data, "y", **ROLES, inference=inference).tidy()
        roles = {**ROLES, "unit": "area"}
        twice = difference_in_differences(areas, "y", **roles, cluster="force", inference=inference).tidy()
        same = ["estimate", "std_error", "df"]
        pd.testing.assert_frame_equal(once[same], twice[same])


def test_bands_are_never_narrower_than_the_intervals_of_each_alone() -> None:
    rng = np.random.default_rng(3)
    paths = {f"f{i}": rng.normal(size=6).cumsum().tolist() for i in range(12)}
    starts = {f"f{i}": 3 + i % 3 for i in range(6)}
    study = event_study(panel(paths, starts), "y", **ROLES)
    for inference in ("influence", "jackknife"):
        study = event_study(panel(paths, starts), "y", **ROLES, inference=inference)
        bands = study.bands(np.random.default_rng(1))
        known = bands["std_error"].notna()
        assert (bands["band_low"] < bands["conf_low"])[known].all()
        assert (bands["band_high"] > bands["conf_high"])[known].all()
        assert bands.loc[~known, ["band_low", "band_high"]].isna().all(axis=None)
        pd.testing.assert_frame_equal(bands, study.bands(np.random.default_rng(1)))


def test_with_one_row_the_band_is_its_interval_but_for_the_draws() -> None:
    data, _, _ = two_groups()
    one = difference_in_differences(data, "y", **ROLES).aggregate("event")
    row = one.bands(np.random.default_rng(5), 40_000).iloc[0]
    assert row["band_high"] - row["estimate"] == pytest.approx(row["conf_high"] - row["estimate"], rel=0.06)


def test_dates_count_as_periods_and_name_the_groups() -> None:
    data = panel(PATHS, STARTS)
    months = pd.date_range("2015-01-01", periods=4, freq="MS")
    dated = data.assign(
        month=months[data["month"] - 1],
        starts=pd.to_datetime(data["starts"].map({2.0: months[1], 3.0: months[2]})),
    )
    found = difference_in_differences(dated, "y", **ROLES)
    assert found.groups == (months[1], months[2])
    np.testing.assert_array_equal(found.tidy()["estimate"], effects().tidy()["estimate"])
    assert found.aggregate("event").tidy()["event_time"].tolist()[:-1] == [-1, 0, 1, 2]
    assert found.aggregate("group").tidy()["term"].iloc[0] == "group 2015-02-01"
    late = dated.assign(
        starts=dated["starts"].fillna(pd.Timestamp("2020-01-01"))
    )  # after the panel: never, as far as it shows
    np.testing.assert_array_equal(
        difference_in_differences(late, "y", **ROLES).tidy()["estimate"], effects().tidy()["estimate"]
    )
