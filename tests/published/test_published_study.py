"""The study of published force estimates gives the published figures, and says how the conclusion turns on the interval.

Figures: github.com/danlewer/pdd, effect_estimates.csv (2026-03-06); the pooled ones as published, the others as metafor gives
them, `rma(log(hr), sei=(log(high)-log(low))/(2*qnorm(.975)), method=, test=)`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from pdd_outcomes.cli import _provider
from pdd_outcomes.report.page import Study as Page
from pdd_outcomes.stages.line import STAGES, run_stage
from pdd_outcomes.stages.study import open_study
from tests.tolerances import PUBLISHED_3DP, PUBLISHED_INPUTS_4DP

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("published")
    shutil.copytree(ROOT / "analyses" / "pdd_published", root / "analyses" / "pdd_published")
    study = open_study(root, "pdd_published")
    for stage in STAGES:
        run_stage(study, stage, log=lambda _: None, provider=_provider)
    return study.folder("release") / "findings"


@pytest.fixture(scope="module")
def evidence(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "evidence.csv", keep_default_na=False, na_values=[""])


def row(
    evidence: pd.DataFrame, outcome: str, part: str, place: float | None = None, measure: str = "hazard_ratio"
) -> pd.Series:
    kept = evidence[
        (evidence["outcome"] == outcome) & (evidence["part"] == part) & (evidence["measure"] == measure)
    ]
    return (kept if place is None else kept[kept["place"] == place]).iloc[0]


@pytest.mark.parametrize(
    ("outcome", "figures"),
    [("reoffending", (0.8841, 0.7879, 0.9920, 0.036)), ("treatment_entry", (0.9322, 0.7848, 1.1073, 0.424))],
)
def test_the_pooled_ratio_is_the_one_that_was_published(
    evidence: pd.DataFrame, outcome: str, figures: tuple[float, ...]
) -> None:
    wald = row(evidence, outcome, "pooled", 0)
    assert wald[["estimate", "conf_low", "conf_high"]].tolist() == pytest.approx(
        figures[:3], abs=PUBLISHED_INPUTS_4DP
    )
    assert wald["p_value"] == pytest.approx(figures[3], abs=PUBLISHED_3DP)


@pytest.mark.parametrize(
    ("part", "place", "low", "high"),
    [
        ("pooled", 1, 0.774, 1.010),  # test="knha"
        ("pooled", 2, 0.781, 1.001),  # method="DL"
        ("pooled", 4, 0.823, 0.898),  # method="FE"
        ("residual", None, 0.731, 1.070),  # 0.162 * sqrt(1/9 + 1/4) on the log scale
    ],
)
def test_other_ways_of_pooling_give_other_intervals(
    evidence: pd.DataFrame, part: str, place: float | None, low: float, high: float
) -> None:
    found = row(evidence, "reoffending", part, place)
    assert (found["conf_low"], found["conf_high"]) == pytest.approx((low, high), abs=2 * PUBLISHED_3DP)


def test_the_spread_and_the_prediction_are_those_of_the_published_estimates(evidence: pd.DataFrame) -> None:
    new = row(evidence, "reoffending", "prediction")
    assert (new["conf_low"], new["conf_high"]) == pytest.approx((0.59, 1.32), abs=0.005)
    spread = {m: row(evidence, "reoffending", "spread", measure=m)["estimate"] for m in ("tau2", "i2", "q")}
    assert spread["tau2"] == pytest.approx(0.0253, abs=PUBLISHED_INPUTS_4DP)
    assert (spread["i2"], spread["q"]) == pytest.approx((86.5, 59.3), abs=0.05)


def test_the_page_says_that_the_conclusion_turns_on_the_interval(folder: Path) -> None:
    page = Page(folder)
    assert page.answer() == (
        "The hazard of reoffending in 9 forces with a scheme averages 0.88 times that of the comparison. Whether that is a finding turns "
        "on the interval: the normal one leaves out 1 (no effect), the Hartung-Knapp one, which allows for not knowing how much forces "
        "differ, does not."
    )
    whole = page.published().replace("\\", "")
    assert "Of 5 ways of pooling, 2 give an interval that leaves out 1, no effect" in whole
    assert (
        "None of the 5 ways of pooling gives an interval that leaves out 1" in whole
    )  # entry into drug treatment
    assert whole.count("How much forces differ anyway") == 1  # of reoffending alone, whose spread was published


def test_a_study_without_people_has_no_table_of_any(folder: Path) -> None:
    for name in ("estimates", "flow", "balance", "overlap", "matching", "gates", "curves"):
        assert pd.read_csv(folder / f"{name}.csv").empty, name
