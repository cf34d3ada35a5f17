"""Pooling, in reading order: what a pooled result offers."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from pdd_outcomes.synthesis import pool

LOG_HR = [-0.12, -0.34, -0.01, 0.13, -0.40]
ERROR = [0.06, 0.10, 0.10, 0.07, 0.05]


@pytest.fixture(scope="module")
def result():
    return pool(LOG_HR, ERROR, labels=list("ABCDE"))


def test_tidy_has_a_row_for_each_force_then_the_average_then_a_new_force(result):
    tidy = result.tidy()
    assert tidy["kind"].tolist() == ["study"] * 5 + ["pooled", "prediction"]
    assert tidy["term"].tolist() == [*"ABCDE", "average", "a new force"]
    assert tidy.columns.tolist() == [
        "kind",
        "term",
        "estimate",
        "std_error",
        "statistic",
        "p_value",
        "conf_low",
        "conf_high",
    ]
    average, prediction = tidy.iloc[5], tidy.iloc[6]
    assert average["conf_low"] == result.conf_low
    assert (prediction["conf_low"], prediction["conf_high"]) == result.prediction_interval
    assert prediction["conf_low"] < average["conf_low"]


def test_glance_is_one_row(result):
    glance = result.glance()
    assert len(glance) == 1
    assert glance["k"][0] == 5
    assert glance["tau2"][0] == result.tau2


def test_the_default_is_reml_with_hartung_knapp(result):
    assert (result.method, result.ci) == ("REML", "hksj")


def test_the_forest_plot_and_its_words_come_from_one_frame(result):
    frame = result.forest_frame(exponentiate=True)
    assert frame["estimate"][5] == pytest.approx(np.exp(result.estimate))
    drawn = result.forest_plot(exponentiate=True)
    assert drawn.get_xscale() == "log"
    plt.close(drawn.figure)
    words = result.alt_text(exponentiate=True)
    assert words.startswith("Forest plot of 5 estimates.")
    assert f"{np.exp(result.estimate):.2f}" in words


def test_a_result_shows_itself_as_a_table_and_holds_no_address(result):
    assert "<table" in result._repr_html_()
    assert "0x" not in repr(result)


def test_asking_for_another_level_leaves_the_result_as_it_was(result):
    before = result.conf_low
    assert result.tidy(0.5).iloc[5]["conf_low"] > before
    assert result.conf_low == before
    assert result.predict(level=0.5)[0] > result.prediction_interval[0]
    assert result.tau2_interval(0.5)[1] < result.tau2_interval()[1]
