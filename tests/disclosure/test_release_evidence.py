"""The evidence table leaves the gate no finer than its people, and not at all where few are behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.errors import DisclosureError
from pdd_outcomes.release.evidence import release_evidence
from pdd_outcomes.stages.evidence_rows import Section, evidence_frame

SECTION = Section("moderators", "diverted", "reoffending", 365.0)


@dataclass(frozen=True)
class Settings:
    threshold: int = 10
    rounding: int = 5
    curve_min_n: int = 200
    curve_min_at_risk: int = 30


def released(*rows: dict[str, Any]) -> pd.DataFrame:
    return release_evidence(evidence_frame(rows), Settings())


def effect(
    group: str, n: tuple[int, int], events: tuple[int, int], by: str = "sex", **more: Any
) -> dict[str, Any]:
    given = {
        "estimate": -0.0612345,
        "std_error": 0.0112345,
        "conf_low": -0.0834,
        "conf_high": -0.0391,
        "p_value": 0.0001234,
    }
    return SECTION.row(
        "effect",
        "risk_difference",
        "difference",
        by=by,
        group=group,
        n_treated=n[0],
        n_control=n[1],
        events_treated=events[0],
        events_control=events[1],
        **(given | more),
    )


def test_a_row_is_in_steps_that_its_people_give_and_its_counts_are_rounded() -> None:
    row = released(effect("male", (1_234, 987), (231, 222)), effect("female", (400, 402), (60, 71))).iloc[0]
    # 5 of 985 people is 0.0051, and the next step of 1, 2 or 5 is 0.01
    assert row["estimate"] == -0.06
    assert (row["n_treated"], row["n_control"], row["events_treated"]) == (1_235, 985, 230)
    assert row["p_value"] == 0.0001
    assert row["conf_low"] < row["estimate"] < row["conf_high"] < 0


@pytest.mark.parametrize(
    ("n", "events"),
    [((9, 500), (4, 100)), ((500, 500), (9, 100)), ((500, 500), (100, 495)), ((500, 500), (0, 100))],
)
def test_a_row_with_few_people_or_few_with_or_without_the_event_is_withheld(
    n: tuple[int, int], events: tuple[int, int]
) -> None:
    row = released(effect("male", n, events)).iloc[0]
    assert row["status"] == "withheld"
    numbers = [
        "estimate",
        "std_error",
        "conf_low",
        "conf_high",
        "p_value",
        "n_treated",
        "n_control",
        "events_treated",
    ]
    assert row[numbers].isna().all()


def test_a_hidden_group_takes_another_with_it_and_one_trait_does_not_touch_the_next() -> None:
    frame = released(
        effect("a", (5, 300), (2, 60), by="ethnicity"),
        effect("b", (80, 300), (20, 60), by="ethnicity"),
        effect("c", (900, 300), (200, 60), by="ethnicity"),
        effect("male", (500, 500), (100, 100)),
    )
    assert frame["status"].tolist() == ["withheld", "withheld", "ok", "ok"]
    assert frame.loc[:1, "n_treated"].isna().all()


def test_a_group_that_is_hidden_under_one_measure_is_hidden_under_the_others() -> None:
    few = effect("a", (500, 500), (4, 60))
    ratio = few | {
        "measure": "hazard_ratio",
        "scale": "ratio",
        "estimate": 0.8,
        "conf_low": 0.6,
        "conf_high": 1.1,
        "events_treated": 40,
    }
    frame = released(
        few,
        effect("b", (600, 600), (90, 90)),
        ratio,
        effect("b", (600, 600), (90, 90)) | {"measure": "hazard_ratio"},
    )
    assert (frame["status"] == "withheld").all()


def test_what_counts_forces_needs_three_of_them_and_what_counts_nobody_is_withheld() -> None:
    nobody = SECTION.row("inference", "risk_difference", "difference", estimate=-0.02)
    two = SECTION.row("inference", "risk_difference", "difference", estimate=-0.02, units=2)
    three = SECTION.row("inference", "risk_difference", "difference", estimate=-0.0234567, units=3)
    frame = released(nobody, two, three)
    assert frame["status"].tolist() == ["withheld", "withheld", "ok"]


def test_a_median_of_few_days_and_a_count_of_few_events_are_withheld() -> None:
    days = Section("engagement").row("cascade_days", "median", "days", n_treated=25, estimate=41.0)
    count = Section("economics").row(
        "count",
        "treated",
        "count",
        n_treated=500,
        n_control=500,
        events_treated=7,
        events_control=60,
        estimate=1.4,
    )
    assert (released(days, count)["status"] == "withheld").all()


def test_published_estimates_are_as_they_were_printed_and_may_not_count_people() -> None:
    printed = Section("published", "scheme", "reoffending").row(
        "force", "hazard_ratio", "ratio", group="A", units=1, estimate=0.8844, conf_low=0.7889, conf_high=0.9915
    )
    row = released(printed).iloc[0]
    assert (row["estimate"], row["conf_low"], row["conf_high"], row["status"]) == (0.8844, 0.7889, 0.9915, "ok")
    with pytest.raises(DisclosureError, match="counts people"):
        released(printed | {"n_treated": 300})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scale": "furlongs"}, "scale is none of"),
        ({"status": "fine"}, "status is none of"),
        ({"note": "17 people were left out"}, "note holds a figure"),
        ({"events_treated": 2_000}, "events_treated is more than n_treated"),
    ],
)
def test_a_row_that_breaks_a_rule_stops_the_release(change: dict[str, Any], said: str) -> None:
    with pytest.raises(DisclosureError, match=said):
        released(effect("male", (1_234, 987), (231, 222)) | change)


def test_a_reason_with_a_figure_in_it_is_replaced() -> None:
    row = released(
        SECTION.nothing("effect", "only 7 people had the event", "risk_difference", "difference", units=5)
    ).iloc[0]
    assert "7" not in row["reason"]
    assert row["status"] == "not_estimable"


def test_a_limit_does_not_cross_no_effect_on_its_own() -> None:
    near = effect("male", (300, 300), (60, 60), estimate=-0.0301, conf_low=-0.0600, conf_high=-0.0002)
    row = released(near, effect("female", (300, 300), (60, 60))).iloc[0]
    assert row["conf_high"] <= 0


def test_what_has_no_number_is_not_called_estimated() -> None:
    frame = evidence_frame(
        [SECTION.row("effect", "risk_difference", "difference", n_treated=50, estimate=np.inf)]
    )
    assert frame.loc[0, "status"] == "not_estimable"
    assert frame.loc[0, "reason"] == "it could not be estimated"
