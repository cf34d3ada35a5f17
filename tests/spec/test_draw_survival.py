"""Pictures of survival: incidence, a ratio over time, numbers at risk, mean counts; each with its words."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pdd_outcomes.core.draw import draw_at_risk, draw_incidence, draw_over_time, draw_stacked
from pdd_outcomes.core.errors import DataError
from pdd_outcomes.survival import (
    adjusted_curves,
    cox,
    cumulative_incidence,
    kaplan_meier,
    mean_cumulative_count,
    rmst_over_time,
)


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def people(recid: pd.DataFrame) -> pd.DataFrame:
    arm = recid["workprg"].map({0: "none", 1: "work release"})
    return recid.assign(
        arm=arm, ended=recid["event"] * (1 + recid["drugs"]), w=1 + recid["educ"] / 10, id=range(len(recid))
    )


def axes(width: float = 7.2) -> Axes:
    return Figure(figsize=(width, 4), layout="constrained").subplots()


def said(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts if text.get_text()]


def test_every_picture_takes_axes_and_returns_them_and_has_its_words(people: pd.DataFrame) -> None:
    fit = cox(people, "durat", "event", covariates=["workprg", "priors", "age"])
    incidence = cumulative_incidence(people, "durat", "ended", group="arm")
    for draw, words in (
        (lambda ax: fit.plot(ax), fit.alt_text()),
        (lambda ax: fit.plot_over_time("priors", ax, points=True), fit.alt_text("priors")),
        (lambda ax: incidence.plot(ax), incidence.alt_text()),
        (
            lambda ax: incidence.plot(ax, stacked=True, group="none"),
            incidence.alt_text(stacked=True, group="none"),
        ),
        *(
            (result.plot, result.alt_text())
            for result in (
                adjusted_curves(people, "durat", "event", "arm", covariates=["priors"]),
                mean_cumulative_count(people, "durat", "event", id="id", group="arm"),
                rmst_over_time(people, "durat", "event", "arm", taus=range(6, 72, 6)),
            )
        ),
    ):
        for width in (7.2, 3.6):
            given = axes(width)
            assert draw(given) is given
            given.figure.canvas.draw()
        assert isinstance(draw(None), Axes)
        assert words.endswith(".")
        assert any(c.isdigit() for c in words)


def test_numbers_at_risk_stand_under_their_times(people: pd.DataFrame) -> None:
    curves = kaplan_meier(people, "durat", "event", group="arm")
    ax = curves.plot(axes(), at_risk=[0, 24, 48, 72], risk=True)
    numbers = curves.numbers_at_risk([0, 24, 48, 72])["n_rows"]
    assert [f"{n:,.0f}" for n in numbers] == [w for w in said(ax) if w.replace(",", "").isdigit()]
    assert ax.get_xticks().tolist() == [0, 24, 48, 72]
    assert "At risk: people" in said(ax)


def test_weighted_curves_give_the_effective_number_too(people: pd.DataFrame) -> None:
    curves = kaplan_meier(people, "durat", "event", group="arm", weights="w")
    words = said(curves.plot(axes(), at_risk=[0, 48]))
    assert "At risk: people / effective number" in words
    row = curves.numbers_at_risk([0]).iloc[0]
    assert f"{row['n_rows']:,.0f} / {row['effective']:,.0f}" in words
    assert row["effective"] < row["n_rows"]


def test_stacked_causes_and_those_without_an_event_fill_the_picture(people: pd.DataFrame) -> None:
    incidence = cumulative_incidence(people, "durat", "ended")
    ax = incidence.plot(axes(), stacked=True)
    assert ax.get_ylim() == (0, 100)
    shares = [float(w.rstrip("%")) for w in said(ax) if w.endswith("%")]
    assert len(shares) == 3
    assert abs(sum(shares) - 100) < 0.2
    words = incidence.alt_text(stacked=True)
    assert "cause 1" in words
    assert "no event yet" in words


def test_causes_can_be_given_words(people: pd.DataFrame) -> None:
    table = cumulative_incidence(people, "durat", "ended").table
    assert "return" in said(draw_incidence(table, axes(), labels={1: "return", 2: "drug return"}))
    assert "return" in said(draw_stacked(table, axes(), labels={1: "return", 2: "drug return"}))


def test_a_ratio_over_time_has_a_logarithmic_axis_and_its_null(people: pd.DataFrame) -> None:
    ax = cox(people, "durat", "event", covariates=["workprg", "age"]).plot_over_time("workprg", axes())
    assert ax.get_yscale() == "log"
    assert any(line.get_ydata()[0] == 1 == line.get_ydata()[-1] for line in ax.get_lines())


def test_a_smooth_of_a_constant_hazard_ratio_is_level() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=4000)
    data = pd.DataFrame({"t": rng.exponential(np.exp(-0.5 * x)), "e": 1, "x": x})
    fit = cox(data, "t", "e", covariates=["x"])
    level = fit.hazard_ratio_over_time("x")
    inside = (level["conf_low"] < np.exp(0.5)) & (level["conf_high"] > np.exp(0.5))
    assert inside.mean() > 0.9
    fading = data.assign(t=np.where(data["t"] > 0.3, 0.3 + rng.exponential(1, 4000), data["t"]))
    changing = cox(fading, "t", "e", covariates=["x"]).hazard_ratio_over_time("x")
    assert changing["estimate"].iloc[2] > 1.3
    assert abs(changing["estimate"].iloc[-5] - 1) < 0.15


def test_one_wild_end_does_not_flatten_the_rest() -> None:
    frame = pd.DataFrame({"time": range(50), "estimate": 1.0, "conf_low": 0.8, "conf_high": 1.25})
    frame.loc[49, ["conf_low", "conf_high"]] = [1e-4, 1e4]
    low, high = draw_over_time(frame, axes(), title="Hazard ratio", null=1, log=True).get_ylim()
    assert 0.5 < low < high < 2


@pytest.mark.parametrize("draw", [draw_incidence, draw_stacked])
def test_a_frame_without_its_columns_is_one_error(draw) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match="no column 'cause'"):
        draw(pd.DataFrame({"time": [1.0], "estimate": [0.1]}), axes())
    with pytest.raises(DataError, match="no column 'n_rows'"):
        draw_at_risk(pd.DataFrame({"group": ["a"], "time": [0.0], "effective": [1.0]}), axes())
