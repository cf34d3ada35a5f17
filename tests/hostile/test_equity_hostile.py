"""Equity: bad columns in one clear error; what cannot be estimated is a row with its reason."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure

from pdd_outcomes.core.draw.dots import draw_dots
from pdd_outcomes.core.errors import DataError, UsageError
from pdd_outcomes.synthesis.equity import equity
from pdd_outcomes.synthesis.net_widening import net_widening


def people(n: int = 240) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "offered": rng.integers(0, 2, n),
            "sex": np.where(np.arange(n) % 3 == 0, "F", "M"),
            "age": rng.normal(30, 8, n),
            "force": np.arange(n) % 6,
        }
    )


def refused(error: type[Exception], call: Callable[[], object], *words: str) -> None:
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_every_bad_column_is_named_at_once() -> None:
    data = people()
    data.loc[3, "age"] = np.nan
    refused(
        DataError,
        lambda: equity(data, "ofered", by=["sexx"], covariates=["age"], cluster="forc", weights="w"),
        "'ofered'",
        "Did you mean 'offered'",
        "'sexx'",
        "'forc'",
        "weights='w'",
        "covariates='age' is missing for 1 of 240 rows (row 3)",
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"by": "sex"}, "list of column names"),
        ({"by": []}, "at least one"),
        ({"by": ["sex", "sex"]}, "twice"),
        ({"by": ["offered"]}, "Take it out"),
        ({"by": ["sex"], "minimum": 0}, "minimum=0"),
        ({"by": ["sex"], "level": 95}, "0.95"),
        ({"by": ["sex"], "covariates": ["age"], "formula": "age"}, "not both"),
        ({"by": ["sex"], "reference": {"sex": "X"}}, "not one of the 2 groups"),
        ({"by": ["sex"], "reference": {"race": "W"}}, "not among by"),
        ({"by": ["sex"], "cluster": ["a", "b", "c"]}, "at most two"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_remedy(given: dict[str, object], words: str) -> None:
    refused(UsageError, lambda: equity(people(), "offered", **given), words)  # type: ignore[arg-type]


def test_a_number_of_many_values_is_no_group() -> None:
    refused(DataError, lambda: equity(people(), "offered", by=["age"]), "Make bands")


def test_one_cluster_is_refused() -> None:
    refused(
        DataError, lambda: equity(people().assign(force=1), "offered", by=["sex"], cluster="force"), "one value"
    )


def test_a_formula_may_not_hold_the_groups() -> None:
    refused(DataError, lambda: equity(people(), "offered", by=["sex"], formula="age + sex"), "enters by itself")


def test_a_small_group_has_no_figures_and_the_others_do_not_change() -> None:
    data = people()
    few = data.assign(sex=np.where(np.arange(240) < 12, "X", data["sex"]))
    rows = equity(few, "offered", by=["sex"], covariates=["age"]).tidy()
    small = rows[rows["term"] == "X"]
    assert small["estimate"].isna().all()
    assert set(small["reason"]) == {"fewer than 30 people"}
    without = equity(few.iloc[12:], "offered", by=["sex"], covariates=["age"]).tidy()
    np.testing.assert_allclose(rows.loc[rows["term"] != "X", "estimate"], without["estimate"])


def test_a_group_where_nobody_is_offered_has_a_share_and_no_interval_and_is_not_adjusted() -> None:
    data = people()
    data.loc[data["sex"] == "F", "offered"] = 0
    found = equity(data, "offered", by=["sex"], covariates=["age"])
    rows = found.tidy().set_index(["term", "measure"])
    crude = rows.loc[("F", "probability crude")]
    assert crude["estimate"] == 0
    assert np.isnan(crude["conf_high"])
    assert "nobody in the group" in crude["reason"]
    assert rows.loc[("F", "difference"), "status"] == "not estimable"
    assert "no other group" in rows.loc[("M", "probability"), "reason"]
    assert np.isnan(found.tests().p_value).all()
    assert found.tests().detail is not None
    assert found.inequality().tidy()["reason"].str.contains("fewer than two groups").all()


def test_a_covariate_that_predicts_perfectly_is_named_and_the_crude_figures_stay() -> None:
    data = people()
    found = equity(data.assign(told=data["offered"]), "offered", by=["sex"], covariates=["age", "told"])
    rows = found.tidy()
    adjusted = rows[rows["measure"] != "probability crude"]
    assert adjusted["estimate"].isna().all()
    assert adjusted["reason"].str.contains("'told'").all()
    assert rows.loc[rows["measure"] == "probability crude", "estimate"].notna().all()


def test_a_covariate_that_is_the_group_again_is_named() -> None:
    data = people()
    found = equity(
        data.assign(woman=(data["sex"] == "F").astype(int)), "offered", by=["sex"], covariates=["woman"]
    )
    assert found.tidy()["reason"].str.contains("linear combination").sum() == 4


def test_fewer_clusters_than_groups_leave_no_test() -> None:
    data = people(400)
    data["group"] = np.arange(400) % 8
    data["force"] = np.arange(400) // 100
    test = equity(data.astype({"group": str}), "offered", by=["group"], cluster="force").tests()
    assert np.isnan(test.p_value[0])
    assert test.detail is not None
    assert test.detail["reason"].iloc[0]


def test_a_reference_that_is_too_small_leaves_probabilities_but_no_comparison() -> None:
    data = people(400)
    data["sex"] = np.where(np.arange(400) < 12, "X", data["sex"])
    rows = equity(data, "offered", by=["sex"], reference={"sex": "X"}).tidy().set_index(["term", "measure"])
    assert np.isfinite(rows.loc[("F", "probability"), "estimate"])
    assert np.isnan(rows.loc[("F", "ratio"), "estimate"])
    assert "reference cannot be estimated" in rows.loc[("F", "ratio"), "reason"]


@pytest.mark.parametrize("label", ["$x^2$ and $", "<b>", "x" * 3000, "שלום", "a\nb"])
def test_labels_are_drawn_as_typed(label: str) -> None:
    frame = pd.DataFrame(
        [
            (label, label, "group", 0.3, 0.2, 0.4, 0.31, ""),
            (label, "b", "not_estimable", np.nan, np.nan, np.nan, np.nan, label),
        ],
        columns=["by", "label", "kind", "estimate", "conf_low", "conf_high", "crude", "reason"],
    )
    for width in (7.2, 3.6):
        figure = Figure(figsize=(width, 3), layout="constrained")
        draw_dots(frame, figure.subplots())
        figure.draw_without_rendering()


def test_dots_refuse_per_cent_and_unknown_kinds() -> None:
    frame = equity(people(), "offered", by=["sex"]).dot_frame()
    per_cent = frame.assign(estimate=frame["estimate"] * 100)
    refused(DataError, lambda: draw_dots(per_cent), "Give shares")
    refused(DataError, lambda: draw_dots(frame.assign(kind="dot")), "not_estimable")
    refused(DataError, lambda: draw_dots(frame.iloc[:0]), "no rows")


def test_the_picture_of_a_result_is_drawn_on_the_axes_given() -> None:
    ax = equity(people(), "offered", by=["sex"]).plot()
    assert ax.get_xlabel() == "Adjusted probability"
    pyplot.close("all")


# net-widening


def cases(n: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(8)
    d = rng.integers(0, 2, n)
    elsewhere = (np.arange(n) % 5 == 0).astype(int)
    d = np.where(elsewhere == 1, 0, d)
    nfa = np.where(d == 1, np.nan, rng.integers(0, 2, n))
    return pd.DataFrame(
        {"d": d, "nfa": nfa, "x": rng.normal(size=n), "out": elsewhere, "force": np.arange(n) % 10}
    )


def widen(data: pd.DataFrame, **more: object) -> pd.DataFrame:
    given = {"covariates": ["x"], **more}
    return net_widening(data, "d", no_further_action="nfa", **given).tidy()  # type: ignore[arg-type]


def test_a_person_with_two_outcomes_and_an_outcome_that_is_missing_are_errors() -> None:
    data = cases()
    data.loc[data["d"] == 1, "nfa"] = 1.0
    refused(DataError, lambda: widen(data), "also diverted")
    gone = cases()
    gone.loc[gone["d"] == 0, "nfa"] = np.nan
    refused(DataError, lambda: widen(gone), "nfa", "missing")
    refused(DataError, lambda: widen(cases(), covariates=["y"], cluster="forse"), "'y'", "'forse'")
    refused(UsageError, lambda: widen(cases(), covariates=None), "not both")


def test_without_a_comparison_the_share_between_forces_says_so() -> None:
    rows = widen(cases())
    assert rows["status"].tolist() == ["ok", *["not estimable"] * 5]
    assert "no comparison" in rows["reason"].iloc[-1]
    assert rows["assumption"].iloc[0] != rows["assumption"].iloc[-1]


def test_nobody_diverted_and_no_action_at_all_are_reasons() -> None:
    nobody = cases().assign(d=0, nfa=lambda f: np.arange(len(f)) % 2)
    assert widen(nobody)["reason"].iloc[0] == "nobody was diverted"
    never = cases()
    never["nfa"] = never["nfa"] * 0
    assert "does not vary" in widen(never)["reason"].iloc[0]


def test_one_comparison_force_gives_no_interval() -> None:
    data = cases()
    data["out"] = (data["force"] == 0).astype(int)
    data["d"] = np.where(data["out"] == 1, 0, (np.arange(len(data)) % 3 == 0).astype(int))
    data["nfa"] = np.where(data["d"] == 1, np.nan, np.random.default_rng(1).integers(0, 2, len(data)))
    rows = widen(data, comparison="out", cluster="force")
    assert rows["estimate"].isna().all()
    assert rows["reason"].str.contains("too few").all()


def test_as_much_diversion_elsewhere_leaves_nothing_to_divide_by() -> None:
    n = 400
    data = pd.DataFrame({"d": np.arange(n) % 2, "out": np.arange(n) // 200})
    data["nfa"] = np.where(data["d"] == 1, np.nan, (np.arange(n) // 2) % 2)
    row = widen(data, covariates=[], comparison="out").iloc[-1]
    assert row["status"] == "not estimable"
    assert "nothing to divide by" in row["reason"]
