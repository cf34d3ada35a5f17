"""Unit costs and cost-consequence tables worked by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.draw.tornado import tornado_alt
from pdd_outcomes.design import Design
from pdd_outcomes.synthesis.economics import CostConsequence, cost_consequence
from pdd_outcomes.synthesis.unit_costs import UnitCosts, illustrative_unit_costs, read_unit_costs
from tests.tolerances import ROUNDING, SAME_ALGORITHM

COLUMNS = ["item", "unit", "cost", "low", "high", "price_year", "source", "illustrative"]


def unit_costs(*rows: tuple[object, ...]) -> UnitCosts:
    return read_unit_costs(pd.DataFrame(rows, columns=COLUMNS))


COSTS = unit_costs(
    ("day", "day in custody", 100.0, 50.0, 200.0, 2020, "A. Author 2020", False),
    ("court", "hearing", 1000.0, 900.0, 1100.0, 2022, "B. Author 2022", True),
)
INDEX = pd.Series({2020: 100.0, 2022: 110.0, 2024: 121.0}, name="GDP deflator")
TODAY = COSTS.uprate(INDEX, 2024)


def test_uprating_multiplies_by_the_index_and_names_it() -> None:
    frame = TODAY.frame().set_index("item")
    assert frame.loc["day", ["cost", "low", "high"]].tolist() == pytest.approx([121.0, 60.5, 242.0], abs=1e-9)
    assert frame.loc["court", "cost"] == pytest.approx(1100.0, abs=1e-9)
    assert frame["price_year"].tolist() == [2024, 2024]
    assert frame["uprated"].tolist() == ["GDP deflator, 2020 to 2024", "GDP deflator, 2022 to 2024"]
    assert frame["illustrative"].tolist() == [False, True]
    assert TODAY.uprate(INDEX, 2024).frame().equals(TODAY.frame())  # already there


def small() -> CostConsequence:
    # treated: 4 people of weight 1; controls: 2 of weight 3 and 2 of weight 1
    people = pd.DataFrame({"days": [0, 2, 4, 2, 10, 0, 6, 2], "hearings": [1, 0, 1, 0, 1, 1, 1, 1]})
    design = Design(np.arange(8) < 4, np.array([1, 1, 1, 1, 3, 3, 1, 1.0]), None, "ATT")
    return cost_consequence(
        design,
        people,
        counts={"day": "days", "court": "hearings"},
        costs=TODAY,
        rng=np.random.default_rng(1),
        horizon="12 months",
    )


def test_counts_and_costs_by_hand() -> None:
    # days: treated 8/4 = 2; controls (30 + 0 + 6 + 2)/8 = 4.75. Hearings: 0.5 and 1. Per 100 people, at 121 and 1100.
    rows = small().tidy().set_index(["term", "measure"])["estimate"]
    assert rows["day"].tolist() == pytest.approx(
        [200.0, 475.0, -275.0, 24200.0, 57475.0, -33275.0], abs=SAME_ALGORITHM
    )
    assert rows["court"].tolist() == pytest.approx(
        [50.0, 100.0, -50.0, 55000.0, 110000.0, -55000.0], abs=SAME_ALGORITHM
    )
    assert rows["total"].tolist() == pytest.approx([79200.0, 167475.0, -88275.0], abs=SAME_ALGORITHM)


def test_the_robust_error_by_hand() -> None:
    # days: treated squares 4 + 0 + 4 + 0 = 8 over 16; controls (3*5.25)^2 + (3*4.75)^2 + 1.25^2 + 2.75^2 over 64
    error = np.sqrt(8 / 16 + (15.75**2 + 14.25**2 + 1.25**2 + 2.75**2) / 64)
    row = small().tidy().set_index(["term", "measure"]).loc[("day", "count difference")]
    assert row["std_error"] == pytest.approx(100 * error, rel=SAME_ALGORITHM)
    # eight people are too few to draw: Student's t on 7, qt(0.975, 7)
    assert row["conf_high"] - row["estimate"] == pytest.approx(2.36462425159278 * 100 * error, rel=1e-9)
    assert small().interval == "robust"


def test_what_does_not_vary_has_a_figure_and_no_interval() -> None:
    row = small().tidy().set_index(["term", "measure"]).loc[("court", "count control")]
    assert row["estimate"] == pytest.approx(100.0, abs=ROUNDING)
    assert np.isnan(row["conf_low"])
    assert "do not vary" in row["reason"]


def test_one_way_sensitivity_by_hand() -> None:
    # days: -2.75 a person; at 60.5 the total moves by 60.5 * 2.75 * 100 = +16637.5, at 242 by -33275
    # hearings: -0.5 a person; at 990 by +5500, at 1210 by -5500
    frame = small().one_way().set_index("term")
    assert frame.index.tolist() == ["day", "court"]
    assert frame.loc["day", ["difference_low", "difference_high", "width"]].tolist() == pytest.approx(
        [-88275 + 16637.5, -88275 - 33275, 49912.5], abs=1e-6
    )
    assert frame.loc["court", ["difference_low", "difference_high"]].tolist() == pytest.approx(
        [-82775.0, -93775.0], abs=1e-6
    )


def test_the_tornado_s_words_give_the_figure_the_widest_and_the_sign() -> None:
    said = small().alt_text()
    assert "\N{MINUS SIGN}88,275" in said
    assert said.index("day:") < said.index("court:")
    assert "No item alone changes the sign" in said
    turned = pd.DataFrame(
        {"label": ["x"], "difference": [5.0], "difference_low": [-2.0], "difference_high": [9.0]}
    )
    assert "The sign changes with: x." in tornado_alt(turned)


def test_the_reader_s_table_has_a_row_an_item_and_the_total() -> None:
    table = small().table().set_index("item")
    assert table.index.tolist() == ["day", "court", "total"]
    assert table.loc["day", "count_difference"] == pytest.approx(-275.0)
    assert table.loc["total", "cost_difference"] == pytest.approx(-88275.0)
    assert table.loc["court", "illustrative"]
    assert table.loc["day", "source"] == "A. Author 2020"


def test_illustrative_costs_are_all_marked_so() -> None:
    found = illustrative_unit_costs()
    assert found.illustrative.all()
    assert set(found.frame()["source"]) == {"illustrative: no source"}
    assert found.glance()["illustrative"].item() == len(found.item)
