"""Cost tables and counts that are wrong: every problem at once, and no total that lacks a part."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure

from pdd_outcomes.core.draw.tornado import draw_tornado
from pdd_outcomes.core.errors import DataError, UsageError
from pdd_outcomes.design import Design
from pdd_outcomes.synthesis.economics import CostConsequence, cost_consequence
from pdd_outcomes.synthesis.unit_costs import illustrative_unit_costs, read_unit_costs

GOOD = illustrative_unit_costs()


def refused(error: type[Exception], call: Callable[[], object], *words: str) -> None:
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value), str(caught.value)


def people(n: int = 80) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame({"offences": rng.poisson(0.6, n), "days": rng.gamma(1, 5, n), "never": 0})


def run(**more: object) -> CostConsequence:
    frame = more.pop("people", people())
    given = {
        "counts": {"reoffence": "offences", "custody_day": "days"},
        "costs": GOOD,
        "rng": np.random.default_rng(2),
        "horizon": "12 months",
        "replicates": 199,
        **more,
    }
    design = Design(np.arange(80) % 2 == 0, np.ones(80), None, "ATE")
    return cost_consequence(design, frame, **given)  # type: ignore[arg-type]


def test_every_problem_of_a_cost_table_is_named_at_once() -> None:
    frame = GOOD.frame().astype({"price_year": object, "illustrative": object, "source": object})
    frame.loc[0, "cost"] = -1.0
    frame.loc[1, "low"] = 5000.0
    frame.loc[2, "high"] = np.nan
    frame.loc[3, "price_year"] = "now"
    frame.loc[4, "source"] = " "
    frame.loc[5, "item"] = "diversion"
    frame.loc[5, "illustrative"] = "yes"
    refused(
        DataError,
        lambda: read_unit_costs(frame),
        "name an item twice: diversion",
        "source is empty for 1 of 6 rows (row 4)",
        "cost is not a number of at least 0 for 1 of 6 rows (row 0): diversion",
        "cost lies outside its range for 1 of 6 rows (row 1): disposal",
        "given at one end only",
        "price_year is not a year",
        "illustrative is neither True nor False",
    )


def test_missing_columns_and_an_empty_table_are_named() -> None:
    frame = GOOD.frame()
    refused(
        DataError,
        lambda: read_unit_costs(frame.drop(columns=["source"]).rename(columns={"cost": "costs"})),
        "no column 'cost'. Did you mean 'costs'",
        "no column 'source'",
    )
    refused(DataError, lambda: read_unit_costs(frame.iloc[:0]), "no rows")
    refused(UsageError, lambda: read_unit_costs([1]), "DataFrame")  # type: ignore[arg-type]


def test_an_index_without_a_name_or_a_year_is_refused() -> None:
    refused(UsageError, lambda: GOOD.uprate(pd.Series({2023: 1.0, 2024: 1.1}), 2024), "no name")
    index = pd.Series({2023: 1.0}, name="CPI")
    refused(DataError, lambda: GOOD.uprate(index, 2024), "'CPI' has no value for 2024")
    other = pd.Series({2020: 1.0, 2024: 1.2}, name="CPI")
    refused(DataError, lambda: GOOD.uprate(other, 2024), "no value for 2023", "diversion")
    bad = pd.Series([1.0, 0.0], index=[2023, 2023], name="CPI")
    refused(UsageError, lambda: GOOD.uprate(bad, 2023), "each once", "above 0")


def test_a_missing_unit_cost_is_refused_with_its_name_and_the_nearest() -> None:
    refused(
        DataError,
        lambda: run(counts={"reofence": "offences", "custody_day": "days"}),
        "'reofence'",
        "Did you mean 'reoffence'",
        "missing='withhold'",
    )


def test_withheld_an_item_shows_its_counts_and_there_is_no_total() -> None:
    found = run(counts={"probation": "offences", "custody_day": "days"}, missing="withhold")
    rows = found.tidy().set_index(["term", "measure"])
    assert np.isfinite(rows.loc[("probation", "count difference"), "conf_low"])
    assert np.isnan(rows.loc[("probation", "cost difference"), "estimate"])
    assert rows.loc[("probation", "cost difference"), "reason"] == "no unit cost"
    assert rows.loc["total", "estimate"].isna().all()
    assert set(rows.loc["total", "status"]) == {"withheld"}
    assert "probation" in rows.loc[("total", "cost difference"), "reason"]
    assert np.isnan(found.glance()["difference"].item())
    assert found.one_way()[["difference", "difference_low", "width"]].isna().all(axis=None)
    refused(DataError, found.tornado_plot, "withheld")
    refused(DataError, found.alt_text, "withheld")
    assert found.table()["reason"].tolist()[-1] == "no unit cost for probation"


def test_prices_of_two_years_cannot_be_added_up() -> None:
    frame = GOOD.frame()
    frame.loc[frame["item"] == "custody_day", "price_year"] = 2019
    refused(DataError, lambda: run(costs=read_unit_costs(frame)), "2019, 2023", "uprate")


def test_bad_counts_are_named_with_their_rows() -> None:
    data = people()
    data.loc[4, "offences"] = -1
    data.loc[7, "days"] = np.nan
    refused(
        DataError, lambda: run(people=data), "counts['reoffence']", "row 4", "counts['custody_day']", "row 7"
    )
    refused(DataError, lambda: run(counts={"reoffence": "offence"}), "Did you mean 'offences'")


def test_wrong_settings_are_named_together() -> None:
    refused(
        UsageError,
        lambda: run(counts={}, rng=1, horizon="", per=0, replicates=10),
        "counts must name",
        "default_rng",
        "horizon",
        "per=0",
        "replicates=10",
    )
    refused(UsageError, lambda: run(interval="normal"), "symmetric")
    refused(UsageError, lambda: run(missing="drop"), "withhold")
    refused(UsageError, lambda: run(costs=GOOD.frame()), "UnitCosts")
    refused(UsageError, lambda: run(people=people(79)), "79 rows")


def test_an_empty_arm_is_refused() -> None:
    design = Design(np.ones(80, dtype=bool), np.ones(80), None, "ATE")
    given = {"counts": {"reoffence": "offences"}, "costs": GOOD, "horizon": "12 months"}
    refused(
        DataError,
        lambda: cost_consequence(design, people(), rng=np.random.default_rng(1), **given),  # type: ignore[arg-type]
        "no control person",
    )


def test_what_nobody_had_has_no_interval_and_leaves_the_total_alone() -> None:
    rows = run(counts={"hospital_stay": "never", "custody_day": "days"}).tidy().set_index(["term", "measure"])
    nobody = rows.loc["hospital_stay"]
    assert (nobody["estimate"] == 0).all()
    assert nobody["conf_high"].isna().all()
    assert nobody["reason"].str.contains("do not vary").all()
    assert np.isfinite(rows.loc[("total", "cost difference"), "conf_high"])


def test_what_one_person_had_has_no_interval() -> None:
    data = people()
    data.loc[[0, 1], "never"] = [30, 1]  # one in each arm: most resamples have nobody in one of them
    rows = run(people=data, counts={"hospital_stay": "never"}).tidy().set_index(["term", "measure"])
    row = rows.loc[("hospital_stay", "count treated")]
    assert np.isnan(row["conf_high"])
    assert "so few people" in row["reason"]


def test_items_without_a_range_stand_last_and_are_not_drawn() -> None:
    frame = GOOD.frame()
    frame.loc[frame["item"] == "custody_day", ["low", "high"]] = np.nan
    found = run(costs=read_unit_costs(frame))
    last = found.one_way().iloc[-1]
    assert last["term"] == "custody_day"
    assert "no range" in last["reason"]
    ax = found.tornado_plot()
    assert len(ax.containers) == 2
    pyplot.close("all")


@pytest.mark.parametrize("label", ["$x^2$ and $", "<b>", "x" * 3000, "a\nb"])
def test_labels_of_a_tornado_are_drawn_as_typed(label: str) -> None:
    frame = pd.DataFrame(
        {"label": [label], "difference": [-10.0], "difference_low": [-20.0], "difference_high": [30.0]}
    )
    for width in (7.2, 3.6):
        figure = Figure(figsize=(width, 3), layout="constrained")
        draw_tornado(frame, figure.subplots(), measure=label)
        figure.draw_without_rendering()


def test_a_tornado_of_empty_or_uneven_frames_is_refused() -> None:
    frame = pd.DataFrame(
        {
            "label": ["a", "b"],
            "difference": [1.0, 2.0],
            "difference_low": [0.0, 0.0],
            "difference_high": [3.0, 3.0],
        }
    )
    refused(DataError, lambda: draw_tornado(frame), "one middle")
    refused(DataError, lambda: draw_tornado(frame.assign(difference_low=np.nan)), "without a range")
    refused(DataError, lambda: draw_tornado(frame.iloc[:0]), "no rows")
