"""Invented people with their dates typed in, and what the rules make of each, worked out by hand.

Unless a person says otherwise: born on 1990-01-01, one incident I of possession on 2018-06-15 in Holly, outcome 1. The plan:
window 2018, look-back 365 days, grace 90, waiting period 100, follow-up 365, data cut 2020-12-31.
Day 90 is 2018-09-13; day 365 is 2019-06-15; day 465, the last on which a reoffence may be proven, is 2019-09-23.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pandas as pd
import pytest

from pdd_outcomes.cohort import build_cohort, build_outcomes
from pdd_outcomes.cohort.index_event import classified
from pdd_outcomes.cohort.populations import population
from pdd_outcomes.core.errors import DataError
from pdd_outcomes.extract.contract import CONTRACT
from pdd_outcomes.extract.engine import Engine
from pdd_outcomes.extract.validate import validate
from pdd_outcomes.protocol import Protocol

Rows = list[tuple[str, ...]]
FOLLOWED = 830  # days from 2018-06-15 to 2020-12-31, less 100


def plan(cut: date = date(2020, 12, 31)) -> Protocol:
    analysis = {
        "label": "Treated against control",
        "treated_label": "Treated",
        "control_label": "Control",
        "population": "Everyone",
        "design": {"covariates": ["age"]},
    }
    return Protocol.model_validate(
        {
            "study": "by_hand",
            "title": "By hand",
            "question": "What do the rules make of them?",
            "version": "1",
            "data": {
                "shape": "event_tables",
                "source": "folder:data",
                "starts": date(2017, 1, 1),
                "cut": cut,
            },
            "cohort": {
                "window": {"from": date(2018, 1, 1), "to": date(2018, 12, 31)},
                "min_age": 18,
                "offence_groups": ["possession_class_a", "possession_class_b"],
                "lookback_days": 365,
                "grace_days": 90,
                "waiting_days": 100,
                "comparator": {"label": "prosecuted", "outcome_codes": [1, 3]},
            },
            "time_unit": "days",
            "horizons": [91, 365],
            "tau": 365,
            "outcomes": [
                {"id": "again", "label": "reoffending", "kind": "proven", "main": True},
                {
                    "id": "again_not_possession",
                    "label": "reoffending, not possession",
                    "kind": "proven",
                    "exclude_groups": ["possession_class_a", "possession_class_b"],
                },
                {"id": "entry", "label": "entry into treatment", "kind": "treatment_entry"},
            ],
            "analyses": [
                {"id": "person", "exposure": "person", "headline": True, **analysis},
                {"id": "force", "exposure": "force", **analysis},
            ],
        }
    )


@dataclass
class Someone:
    """Records of one person; rows lack the ids, which the test fills in."""

    born: str = "1990-01-01"
    decile: str = "5"
    incidents: Rows = field(default_factory=lambda: [("I", "Holly", "2018-06-15", "possession_class_b", "1")])
    offences: Rows = field(default_factory=list)  # committed, group, outcome, proven
    contacts: Rows = field(default_factory=list)  # incident, stage, day
    treatments: list[str] = field(default_factory=list)
    left: Rows = field(default_factory=list)  # day, kind


def tables(people: dict[str, Someone], cut: date = date(2020, 12, 31)) -> dict[str, pd.DataFrame]:
    """The people's records through the data contract, which they must not break."""
    rows: dict[str, Rows] = {name: [] for name in CONTRACT}
    rows["schemes"] = [("Alder", "2018-06-15"), ("Holly", "")]
    for who, p in people.items():
        rows["persons"].append((who, p.born, "male", "White", p.decile))
        rows["disposals"] += [
            (f"{who}-{i}", who, force, day, group, code, "") for i, force, day, group, code in p.incidents
        ]
        rows["offences"] += [(f"{who}-{k}", who, *o) for k, o in enumerate(p.offences)]
        rows["contacts"] += [
            (f"{who}-{k}", who, f"{who}-{i}", stage, day) for k, (i, stage, day) in enumerate(p.contacts)
        ]
        rows["treatments"] += [(f"{who}-{k}", who, day) for k, day in enumerate(p.treatments)]
        rows["exits"] += [(who, *x) for x in p.left]
    raw = {n: pd.DataFrame(r, columns=list(CONTRACT[n].names), dtype=str) for n, r in rows.items()}
    return validate(raw, cut=cut, quarantine_limit=0.0, allow_empty=True).tables


def incident(
    name: str, day: str, *, force: str = "Holly", group: str = "possession_class_b", code: str = "1"
) -> tuple[str, ...]:
    return (name, force, day, group, code)


def proven(committed: str, on: str, group: str = "theft", how: str = "conviction") -> tuple[str, ...]:
    return (committed, group, how, on)


Expected = dict[str, Any]
REFERRED = {"disposal": "diverted", "diverted": 1}
COMPARED = {"disposal": "comparator", "diverted": 0}
LEFT_OUT = {"disposal": "other outcome", "diverted": None}

INCLUDED: dict[str, tuple[Someone, Expected]] = {
    # Index incident.
    "nothing but the incident": (
        Someone(),
        {
            **COMPARED,
            "age": 28,
            "index_date": pd.Timestamp("2018-06-15"),
            "force": "Holly",
            "scheme": 0,
            "prior_offences": 0,
            "prior_drug_offences": 0,
            "first_time": 1,
            "prior_treatment": 0,
            "imd_quintile": 3,
            "follow_up_days": FOLLOWED,
        },
    ),
    "the earlier of two in the window": (
        Someone(incidents=[incident("A", "2018-09-01"), incident("B", "2018-03-01")]),
        {"index_incident": "B", "index_date": pd.Timestamp("2018-03-01")},
    ),
    "one before the window, which is not the index": (
        Someone(incidents=[incident("A", "2017-12-31"), incident("B", "2018-01-01")]),
        {"index_incident": "B"},
    ),
    "the last day of the window": (
        Someone(incidents=[incident("A", "2018-12-31")]),
        {"index_incident": "A", "follow_up_days": 631},
    ),
    "a first incident of another group is passed over": (
        Someone(
            incidents=[
                incident("A", "2018-02-01", group="trafficking"),
                incident("B", "2018-04-01", group="possession_class_a"),
            ]
        ),
        {"index_incident": "B", "offence_group": "possession_class_a"},
    ),
    "seventeen at the first, eighteen at the second": (
        Someone(born="2000-06-15", incidents=[incident("A", "2018-06-14"), incident("B", "2018-06-15")]),
        {"index_incident": "B", "age": 18},
    ),
    "two on one day, the first by name": (
        Someone(incidents=[incident("B", "2018-06-15", code="3"), incident("A", "2018-06-15")]),
        {"index_incident": "A", **COMPARED},
    ),
    "born on a leap day, a day too old to be seventeen": (
        Someone(born="2000-02-29", incidents=[incident("A", "2018-03-01")]),
        {"age": 18},
    ),
    # Force and scheme.
    "the day on which the scheme starts": (
        Someone(incidents=[incident("I", "2018-06-15", force="Alder")]),
        {"scheme": 1},
    ),
    "the day before it starts": (
        Someone(incidents=[incident("I", "2018-06-14", force="Alder")]),
        {"scheme": 0},
    ),
    # Exposure.
    "referred on the day itself": (Someone(contacts=[("I", "referred", "2018-06-15")]), REFERRED),
    "referred on the last day of grace": (Someone(contacts=[("I", "referred", "2018-09-13")]), REFERRED),
    "referred a day after grace": (Someone(contacts=[("I", "referred", "2018-09-14")]), COMPARED),
    "assessed without a referral": (Someone(contacts=[("I", "assessed", "2018-07-01")]), COMPARED),
    "referred twice": (
        Someone(contacts=[("I", "referred", "2018-12-01"), ("I", "referred", "2018-07-01")]),
        REFERRED,
    ),
    "referred for a later incident": (
        Someone(
            incidents=[incident("I", "2018-06-15"), incident("J", "2018-07-01")],
            contacts=[("J", "referred", "2018-07-02")],
        ),
        COMPARED,
    ),
    "no outcome yet": (
        Someone(incidents=[incident("I", "2018-06-15", code="0")]),
        {"disposal": "not assigned", "diverted": None},
    ),
    "no outcome yet, but referred": (
        Someone(incidents=[incident("I", "2018-06-15", code="0")], contacts=[("I", "referred", "2018-07-01")]),
        REFERRED,
    ),
    "no further action": (Someone(incidents=[incident("I", "2018-06-15", code="16")]), LEFT_OUT),
    "outcome 22 without a referral in time": (
        Someone(incidents=[incident("I", "2018-06-15", code="22")], contacts=[("I", "referred", "2019-01-01")]),
        LEFT_OUT,
    ),
    "the comparator's other code": (Someone(incidents=[incident("I", "2018-06-15", code="3")]), COMPARED),
    # History: look-back from 2017-06-15 to 2018-06-14, by the day of proof.
    "proven the day before": (Someone(offences=[proven("2018-06-01", "2018-06-14")]), {"prior_offences": 1}),
    "proven on the day": (Someone(offences=[proven("2018-06-01", "2018-06-15")]), {"prior_offences": 0}),
    "proven on the first day of the look-back": (
        Someone(offences=[proven("2017-01-01", "2017-06-15")]),
        {"prior_offences": 1, "first_time": 0},
    ),
    "proven the day before the look-back": (
        Someone(offences=[proven("2017-01-01", "2017-06-14")]),
        {"prior_offences": 0, "first_time": 1},
    ),
    "committed long ago, proven of late": (
        Someone(offences=[proven("2009-01-01", "2018-01-01")]),
        {"prior_offences": 1},
    ),
    "what proves an offence and what does not": (
        Someone(
            offences=[
                proven("2018-01-01", "2018-02-01", how="caution"),
                proven("2018-01-01", "2018-02-01", how="reprimand", group="trafficking"),
                proven("2018-01-01", "2018-02-01", how="warning", group="possession_other"),
                proven("2018-01-01", "2018-02-01", how="community_resolution"),
                proven("2018-01-01", "2018-02-01", how="no_further_action"),
                proven("2018-01-01", "", how="pending", group="drug"),
                proven("2018-01-01", "2018-02-01", group="breach"),
            ]
        ),
        {"prior_offences": 3, "prior_drug_offences": 2, "first_time": 0},
    ),
    "treated the day before": (Someone(treatments=["2018-06-14"]), {"prior_treatment": 1}),
    "treatment that starts on the day": (Someone(treatments=["2018-06-15"]), {"prior_treatment": 0}),
    "treated on the first day of the look-back": (Someone(treatments=["2017-06-15"]), {"prior_treatment": 1}),
    "treated before the look-back": (Someone(treatments=["2017-06-14"]), {"prior_treatment": 0}),
    "the second decile": (Someone(decile="2"), {"imd_quintile": 1}),
    "the ninth decile": (Someone(decile="9"), {"imd_quintile": 5}),
    # Follow-up.
    "dies the day after": (Someone(left=[("2018-06-16", "death")]), {"follow_up_days": 1}),
    "emigrates, then dies": (
        Someone(left=[("2019-06-15", "death"), ("2018-12-31", "emigration")]),
        {"follow_up_days": 199},
    ),
    "leaves after the end of follow-up": (
        Someone(left=[("2020-12-31", "emigration")]),
        {"follow_up_days": FOLLOWED},
    ),
}

# again, again_not_possession, entry: days and whether the event was seen
NONE = (365, 0)
OUTCOMES: dict[str, tuple[Someone, dict[str, tuple[int, int]]]] = {
    "none": (Someone(), {"again": NONE, "again_not_possession": NONE, "entry": NONE}),
    "the day after": (Someone(offences=[proven("2018-06-16", "2018-07-01")]), {"again": (1, 1)}),
    "the day itself, a sibling": (Someone(offences=[proven("2018-06-15", "2018-07-01")]), {"again": NONE}),
    "the day before, proven after": (Someone(offences=[proven("2018-06-14", "2018-07-01")]), {"again": NONE}),
    "the last day": (Someone(offences=[proven("2019-06-15", "2019-07-01")]), {"again": (365, 1)}),
    "a day too late": (Someone(offences=[proven("2019-06-16", "2019-07-01")]), {"again": NONE}),
    "proven on the last day of waiting": (
        Someone(offences=[proven("2018-06-25", "2019-09-23")]),
        {"again": (10, 1)},
    ),
    "proven a day after it": (Someone(offences=[proven("2018-06-25", "2019-09-24")]), {"again": NONE}),
    "the first is never proven": (
        Someone(
            offences=[
                proven("2018-06-20", "2018-07-20", how="community_resolution"),
                proven("2018-06-21", "", how="pending"),
                proven("2018-06-22", "2018-07-01", group="breach"),
                proven("2018-07-15", "2018-08-01"),
            ]
        ),
        {"again": (30, 1)},
    ),
    "two on one day": (
        Someone(
            offences=[
                proven("2018-06-25", "2018-08-01"),
                proven("2018-06-25", "2018-09-01", group="violence"),
            ]
        ),
        {"again": (10, 1)},
    ),
    "the later is proven sooner": (
        Someone(offences=[proven("2018-07-15", "2018-07-16"), proven("2018-06-25", "2019-01-01")]),
        {"again": (10, 1)},
    ),
    "possession first, theft later": (
        Someone(
            offences=[
                proven("2018-06-25", "2018-08-01", group="possession_class_a"),
                proven("2018-09-23", "2018-12-01", how="caution"),
            ]
        ),
        {"again": (10, 1), "again_not_possession": (100, 1)},
    ),
    "possession only": (
        Someone(offences=[proven("2018-06-25", "2018-08-01", group="possession_class_b")]),
        {"again": (10, 1), "again_not_possession": NONE},
    ),
    "offends on the day of emigration": (
        Someone(offences=[proven("2018-06-25", "2018-08-01")], left=[("2018-06-25", "emigration")]),
        {"again": (10, 1), "entry": (10, 0)},
    ),
    "offends the day after it": (
        Someone(offences=[proven("2018-06-26", "2018-08-01")], left=[("2018-06-25", "emigration")]),
        {"again": (10, 0)},
    ),
    "enters treatment again": (
        Someone(treatments=["2018-01-01", "2018-06-15", "2018-06-18", "2018-06-17"]),
        {"entry": (2, 1), "again": NONE},
    ),
}


@pytest.fixture(scope="module")
def cohort() -> pd.DataFrame:
    people = build_cohort(plan(), tables({name: who for name, (who, _) in INCLUDED.items()})).people
    return people.set_index("subject")


@pytest.fixture(scope="module")
def outcomes() -> pd.DataFrame:
    made = tables({name: who for name, (who, _) in OUTCOMES.items()})
    people = build_cohort(plan(), made).people
    return build_outcomes(plan(), made, people).set_index(["subject", "outcome"])


@pytest.mark.parametrize("name", INCLUDED)
def test_a_person_comes_out_as_worked_by_hand(name: str, cohort: pd.DataFrame) -> None:
    found = cohort.loc[name]
    for column, value in INCLUDED[name][1].items():
        if value is None:
            assert pd.isna(found[column])
        elif column == "index_incident":
            assert found[column] == f"{name}-{value}"
        else:
            assert found[column] == value


@pytest.mark.parametrize("name", OUTCOMES)
def test_an_outcome_comes_out_as_worked_by_hand(name: str, outcomes: pd.DataFrame) -> None:
    for outcome, (time, event) in OUTCOMES[name][1].items():
        assert list(outcomes.loc[[(name, outcome)], ["time", "event"]].iloc[0]) == [time, event]


EXCLUDED: dict[str, tuple[Someone, str]] = {
    "before the window": (Someone(incidents=[incident("I", "2017-12-31")]), "window"),
    "after the window": (Someone(incidents=[incident("I", "2019-01-01")]), "window"),
    "another offence": (Someone(incidents=[incident("I", "2018-06-15", group="theft")]), "offence"),
    "seventeen by a day": (Someone(born="2000-06-16"), "age"),
    "born on a leap day": (Someone(born="2000-02-29", incidents=[incident("I", "2018-02-28")]), "age"),
    "dead that day": (Someone(left=[("2018-06-15", "death")]), "gone"),
    "gone the day before": (Someone(left=[("2018-06-14", "emigration")]), "gone"),
    "wrong in every way": (
        Someone(
            born="2010-01-01",
            incidents=[incident("I", "2019-01-01", group="theft")],
            left=[("2018-01-01", "death")],
        ),
        "window",
    ),
    "offence, age and death": (
        Someone(
            born="2010-01-01",
            incidents=[incident("I", "2018-06-15", group="theft")],
            left=[("2018-01-01", "death")],
        ),
        "offence",
    ),
    "age and death": (Someone(born="2010-01-01", left=[("2018-01-01", "death")]), "age"),
}


def test_who_is_left_out_is_left_out_for_the_first_reason_that_holds() -> None:
    with Engine(tables({name: who for name, (who, _) in EXCLUDED.items()})) as engine:
        found = engine.run(classified(engine, plan()).select("person_id", "reason"), ["person_id"])
    assert dict(zip(found["person_id"], found["reason"])) == {n: reason for n, (_, reason) in EXCLUDED.items()}


def test_the_flow_counts_incidents_down_to_people() -> None:
    people = {name: who for name, (who, _) in EXCLUDED.items()}
    people["in"] = Someone()
    people["in thrice"] = Someone(
        incidents=[incident("A", "2018-01-01"), incident("B", "2018-02-01"), incident("C", "2018-02-01")]
    )
    flow = build_cohort(plan(), tables(people)).flow
    assert flow[["rule", "n_in", "n_excluded", "n_out"]].values.tolist() == [
        ["incident outside the window", 14, 3, 11],
        ["offence group not eligible", 11, 2, 9],
        ["below the youngest age on the day of the incident", 9, 3, 6],
        ["died or left on or before the day of the incident", 6, 2, 4],
        ["a later incident of the same person", 4, 2, 2],
    ]


def test_nobody_eligible_says_for_what_reasons() -> None:
    with pytest.raises(
        DataError, match=r"nobody is eligible\. Excluded: incident outside the window: 3; offence"
    ):
        build_cohort(plan(), tables({name: who for name, (who, _) in EXCLUDED.items()}))


def test_of_two_people_in_one_incident_only_the_one_referred_is_diverted() -> None:
    made = tables({"a": Someone(contacts=[("I", "referred", "2018-06-20")]), "b": Someone()})
    for name in ("disposals", "contacts"):
        made[name] = made[name].assign(incident_id="shared")
    people = build_cohort(plan(), made).people
    assert people["subject"].tolist() == ["a", "b"]
    assert people["diverted"].tolist() == [1, 0]


def test_follow_up_ends_at_the_data_cut_less_the_waiting_period() -> None:
    cut = date(2018, 12, 31)  # day 199, so follow-up ends on day 99
    people = {
        "day 99": Someone(offences=[proven("2018-09-22", "2018-10-01")]),
        "day 100": Someone(offences=[proven("2018-09-23", "2018-10-01")]),
        "dead on day 50": Someone(left=[("2018-08-04", "death")]),
        "dead on day 150": Someone(left=[("2018-11-12", "death")]),
    }
    made = tables(people, cut)
    found = build_outcomes(plan(cut), made, build_cohort(plan(cut), made).people)
    again = found.loc[found["outcome"] == "again"].set_index("subject")
    assert {name: list(again.loc[name, ["time", "event"]]) for name in people} == {
        "day 99": [99, 1],
        "day 100": [99, 0],
        "dead on day 50": [50, 0],
        "dead on day 150": [99, 0],
    }


def test_the_analysis_of_people_leaves_out_other_outcomes_and_that_of_forces_nobody() -> None:
    people = {
        "a": Someone(contacts=[("I", "referred", "2018-06-20")]),
        "b": Someone(incidents=[incident("I", "2018-06-15", force="Alder")]),
        "c": Someone(incidents=[incident("I", "2018-06-15", code="0")]),
        "d": Someone(incidents=[incident("I", "2018-06-15", code="8")]),
        "e": Someone(incidents=[incident("I", "2018-06-15", code="18")]),
    }
    everyone = build_cohort(plan(), tables(people)).people
    one, flow = population(plan(), plan().analyses[0], everyone)
    assert dict(zip(one["subject"], one["treated"])) == {"a": 1, "b": 0}
    assert flow[["n_in", "n_excluded", "n_out"]].values.tolist() == [[5, 1, 4], [4, 2, 2]]
    other, flow = population(plan(), plan().analyses[1], everyone)
    assert dict(zip(other["subject"], other["treated"])) == {"a": 0, "b": 1, "c": 0, "d": 0, "e": 0}
    assert flow[["n_in", "n_excluded", "n_out"]].values.tolist() == [[5, 0, 5]]


def test_an_arm_without_anybody_is_named() -> None:
    everyone = build_cohort(plan(), tables({"a": Someone(), "b": Someone()})).people
    for analysis in plan().analyses:
        with pytest.raises(DataError, match=rf"{analysis.id}: the arm 'Treated' is empty \(2 people"):
            population(plan(), analysis, everyone)
