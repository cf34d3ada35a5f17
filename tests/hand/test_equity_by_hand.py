"""Equity and net-widening on tables small enough to work by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.draw.dots import dots_alt
from pdd_outcomes.synthesis.equity import equity
from pdd_outcomes.synthesis.inequality import Inequality, group_indices, midpoints
from pdd_outcomes.synthesis.net_widening import net_widening
from tests.tolerances import ROUNDING, SAME_ALGORITHM


def table(*cells: tuple[str, int, int], **more: object) -> pd.DataFrame:
    """A row a person, of cells (group, people, offered)."""
    rows = [(g, int(i < k)) for g, n, k in cells for i in range(n)]
    return pd.DataFrame(rows, columns=["group", "offered"]).assign(**more)


def test_two_groups_without_covariates_are_two_shares() -> None:
    # 30 of 60 and 10 of 40 are offered: 0.5 and 0.25; difference -0.25 with variance 0.25/60 + 0.1875/40; ratio 0.5 with
    # variance of its logarithm 0.5/30 + 0.75/10
    rows = equity(table(("a", 60, 30), ("b", 40, 10)), "offered", by=["group"]).tidy()
    rows = rows.set_index(["term", "measure"])
    assert rows.loc[("a", "probability"), "estimate"] == pytest.approx(0.5, abs=ROUNDING)
    b = rows.loc["b"]
    assert b["estimate"].tolist() == pytest.approx([0.25, 0.25, -0.25, 0.5], abs=SAME_ALGORITHM)
    errors = np.sqrt([0.1875 / 40, 0.1875 / 40, 0.25 / 60 + 0.1875 / 40, 0.5 / 30 + 0.75 / 10])
    assert b["std_error"].tolist() == pytest.approx(errors.tolist(), rel=SAME_ALGORITHM)
    assert rows["cases"].loc["a"].iloc[0] == 30


def test_standardising_over_one_covariate_weighs_its_strata_alike() -> None:
    # In a logistic model that fits every cell, p_g is the mean of the group's shares in the strata, with everybody's strata.
    # One stratum is double the other, and the odds ratio is 3 in both: 2/10, 3/7 (x = 0) and 10/20, 15/20 (x = 1)
    cells = [("a", 0, 100, 20), ("b", 0, 70, 30), ("a", 1, 200, 100), ("b", 1, 200, 150)]
    rows = [(g, x, int(i < k)) for g, x, n, k in cells for i in range(n)]
    data = pd.DataFrame(rows, columns=["group", "x", "offered"])
    found = equity(data, "offered", by=["group"], covariates=["x"]).tidy().set_index(["term", "measure"])
    share = np.array([170, 400]) / 570
    assert found.loc[("a", "probability"), "estimate"] == pytest.approx(share @ [0.2, 0.5], abs=1e-8)
    assert found.loc[("b", "probability"), "estimate"] == pytest.approx(share @ [3 / 7, 0.75], abs=1e-8)


def test_the_reference_is_the_largest_group_unless_another_is_named() -> None:
    data = table(("a", 60, 30), ("b", 40, 10))
    assert set(equity(data, "offered", by=["group"]).tidy()["reference"]) == {"a"}
    other = equity(data, "offered", by=["group"], reference={"group": "b"}).tidy()
    assert other.loc[other["measure"] == "ratio", "estimate"].tolist() == pytest.approx(
        [2.0], abs=SAME_ALGORITHM
    )


INDICES = np.array([0.4, 0.2, 0.3]), np.array([0.5, 0.25, 0.25])


def indices(ordered: bool = True) -> pd.DataFrame:
    p, share = INDICES
    part = group_indices("q", p, np.diag([0.01, 0.02, 0.02]) ** 2, share, ordered, ())
    return Inequality((part,), 0.95, np.inf).tidy().set_index("term")


def test_measures_of_spread_by_hand() -> None:
    # mean 0.2 + 0.05 + 0.075 = 0.325
    found = indices()["estimate"]
    assert found["range"] == pytest.approx(0.2, abs=ROUNDING)
    assert found["maximum over minimum"] == pytest.approx(2.0, abs=ROUNDING)
    variance = 0.5 * 0.075**2 + 0.25 * 0.125**2 + 0.25 * 0.025**2
    assert found["between-group variance"] == pytest.approx(variance, abs=ROUNDING)
    r = np.array([0.4, 0.2, 0.3]) / 0.325
    assert found["Theil index"] == pytest.approx(
        0.5 * r[0] * np.log(r[0]) + 0.25 * r[1] * np.log(r[1]) + 0.25 * r[2] * np.log(r[2]), abs=ROUNDING
    )
    assert found["mean log deviation"] == pytest.approx(
        -0.5 * np.log(r[0]) - 0.25 * np.log(r[1]) - 0.25 * np.log(r[2]), abs=ROUNDING
    )


def test_measures_of_order_by_hand() -> None:
    # Places 0.25, 0.625, 0.875, less 0.5: -0.25, 0.125, 0.375; weighted squares 0.03125 + 0.00390625 + 0.03515625 = 0.0703125;
    # products 0.5*-0.25*0.4 + 0.25*0.125*0.2 + 0.25*0.375*0.3 = -0.05 + 0.00625 + 0.028125 = -0.015625
    found = indices()["estimate"]
    slope = -0.015625 / 0.0703125
    assert midpoints(INDICES[1]).tolist() == [0.25, 0.625, 0.875]
    assert found["slope index of inequality"] == pytest.approx(slope, abs=ROUNDING)
    assert found["absolute concentration index"] == pytest.approx(2 * -0.015625, abs=ROUNDING)
    assert found["relative concentration index"] == pytest.approx(2 * -0.015625 / 0.325, abs=ROUNDING)
    assert found["relative index of inequality"] == pytest.approx(
        (0.325 + slope / 2) / (0.325 - slope / 2), abs=ROUNDING
    )
    # its error: the weights of the slope are 0.5*-0.25, 0.25*0.125, 0.25*0.375 over 0.0703125
    weights = np.array([-0.125, 0.03125, 0.09375]) / 0.0703125
    error = np.sqrt((weights**2) @ [0.01**2, 0.02**2, 0.02**2])
    assert indices()["std_error"]["slope index of inequality"] == pytest.approx(error, rel=SAME_ALGORITHM)


def test_measures_of_order_are_for_ordered_columns_alone() -> None:
    assert "slope index of inequality" not in indices(ordered=False).index


def test_an_ordered_category_keeps_its_order_and_not_the_alphabet_s() -> None:
    order = pd.CategoricalDtype(["most", "middle", "least"], ordered=True)
    data = table(("most", 50, 10), ("middle", 50, 20), ("least", 50, 30)).astype({"group": order})
    found = equity(data, "offered", by=["group"])
    assert found.columns[0].groups == ("most", "middle", "least")
    slope = found.inequality().tidy().set_index("term").loc["slope index of inequality"]
    # shares 0.2, 0.4, 0.6 at 1/6, 1/2, 5/6 lie on a line that rises by 0.6 from rank 0 to 1
    assert slope["estimate"] == pytest.approx(0.6, abs=SAME_ALGORITHM)


def test_the_words_of_the_dot_plot_name_the_ends() -> None:
    frame = equity(table(("a", 60, 30), ("b", 40, 10), ("c", 5, 1)), "offered", by=["group"]).dot_frame()
    said = dots_alt(frame)
    assert "lowest b 25.0%" in said
    assert "highest a 50.0%" in said
    assert "1 group not estimable" in said


# net-widening


def strata(scheme: bool) -> pd.DataFrame:
    # x = 0: 20 diverted, 40 not, of whom 10 have no further action; x = 1: 30 diverted, 50 not, of whom 30
    rows = [(0, 1, 0)] * 20 + [(0, 0, int(i < 10)) for i in range(40)]
    rows += [(1, 1, 0)] * 30 + [(1, 0, int(i < 30)) for i in range(50)]
    data = pd.DataFrame(rows, columns=["x", "diverted", "nfa"])
    return data.assign(elsewhere=(data["diverted"] == 0).astype(int)) if scheme else data


def test_the_standardised_share_is_the_strata_s_shares_weighed_by_the_diverted() -> None:
    # 0.4 * 0.25 + 0.6 * 0.6 = 0.46; variance 0.16 * 0.1875/40 + 0.36 * 0.24/50, and of who was diverted 0.24 * 0.35^2 / 50
    row = net_widening(strata(False), "diverted", no_further_action="nfa", covariates=["x"]).tidy().iloc[0]
    assert row["estimate"] == pytest.approx(0.46, abs=1e-9)
    variance = 0.16 * 0.1875 / 40 + 0.36 * 0.24 / 50 + 0.24 * 0.35**2 / 50
    assert row["std_error"] == pytest.approx(np.sqrt(variance), rel=1e-7)


def test_between_forces_the_fall_is_divided_by_the_rise() -> None:
    # Scheme forces: 100 people, 40 diverted, 18 without further action. Elsewhere 100, nobody diverted, 30 without.
    # (0.30 - 0.18) / (0.40 - 0) = 0.3
    scheme = pd.DataFrame(
        {"d": [1] * 40 + [0] * 60, "nfa": [np.nan] * 40 + [1] * 18 + [0] * 42, "elsewhere": 0}
    )
    other = pd.DataFrame({"d": 0, "nfa": [1.0] * 30 + [0.0] * 70, "elsewhere": 1})
    found = net_widening(
        pd.concat([scheme, other], ignore_index=True),
        "d",
        no_further_action="nfa",
        covariates=[],
        comparison="elsewhere",
    )
    rows = found.tidy()
    assert rows["estimate"].tolist() == pytest.approx([0.30, 0.18, 0.30, 0.12, 0.40, 0.30], abs=1e-9)
    # the ratio's influence: (fall's - 0.3 rise's) / 0.4; variance ((0.21 + cov) ...)/0.16 with
    # scheme person: -(nfa - 0.18) - 0.3 (d - 0.4), variance 0.18*0.82 + 0.09*0.24 + 2*0.3*(0 - 0.18*0.4)
    scheme_variance = (0.18 * 0.82 + 0.09 * 0.24 - 0.6 * 0.072) / 100
    error = np.sqrt(scheme_variance + 0.21 / 100) / 0.4
    assert rows["std_error"].iloc[-1] == pytest.approx(error, rel=1e-7)
    assert "Of every 100 people diverted, 30" in found.words()
