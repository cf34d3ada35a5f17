"""Figures printed in the literature."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.survival import cox, kaplan_meier, logrank
from tests.tolerances import PUBLISHED_3DP

# Weeks of remission in acute leukaemia, 6-mercaptopurine against placebo (Freireich et al. 1963, Blood 21:699-716;
# the example of Cox 1972, JRSS B 34:187-220; Klein and Moeschberger 2003, tables 1.1 and 4.1). + is censored.
DRUG = "6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+"
PLACEBO = "1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23"


@pytest.fixture(scope="module")
def remission() -> pd.DataFrame:
    rows = [
        (float(word.rstrip("+")), int(not word.endswith("+")), arm)
        for arm, words in ((0, DRUG), (1, PLACEBO))
        for word in words.split()
    ]
    return pd.DataFrame(rows, columns=["weeks", "relapse", "placebo"])


def test_klein_and_moeschberger_table_4_1(remission: pd.DataFrame) -> None:
    # the book multiplies factors rounded to three decimals, which is a unit out by week 16
    table = kaplan_meier(remission[remission["placebo"] == 0], "weeks", "relapse").at(
        [6, 7, 10, 13, 16, 22, 23]
    )
    np.testing.assert_allclose(
        table["estimate"], [0.857, 0.807, 0.753, 0.690, 0.628, 0.538, 0.448], atol=1.2 * PUBLISHED_3DP
    )
    np.testing.assert_allclose(
        table["std_error"], [0.076, 0.087, 0.096, 0.107, 0.114, 0.128, 0.135], atol=PUBLISHED_3DP
    )


def test_medians_of_8_and_23_weeks(remission: pd.DataFrame) -> None:
    medians = kaplan_meier(remission, "weeks", "relapse", group="placebo").quantile(0.5)
    assert medians["estimate"].tolist() == [23, 8]


def test_the_logrank_statistic_is_16_79(remission: pd.DataFrame) -> None:
    test = logrank(remission, "weeks", "relapse", "placebo")
    assert test.statistic[0] == pytest.approx(16.79, abs=0.005)
    assert test.detail is not None
    np.testing.assert_allclose(test.detail["expected"], [19.25, 10.75], atol=0.005)


def test_the_coefficient_of_placebo(remission: pd.DataFrame) -> None:
    # 1.509 (0.410) with Breslow's ties, 1.572 (0.412) with Efron's; Cox's own figure, 1.65, is a discrete model's
    for ties, value, error in (("breslow", 1.509, 0.410), ("efron", 1.572, 0.412)):
        row = cox(remission, "weeks", "relapse", covariates=["placebo"], ties=ties).tidy().iloc[0]
        assert row["estimate"] == pytest.approx(value, abs=PUBLISHED_3DP)
        assert row["std_error"] == pytest.approx(error, abs=PUBLISHED_3DP)
