"""Clocks, several incidents, histories of the plan, competing events and amounts, worked out by hand.

Unless a test says otherwise the plan is that of `test_cohort_by_hand`: incident on 2018-06-15, grace 90 days (to 2018-09-13),
waiting period 100, follow-up 365, look-back 365, data cut 2020-12-31.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from pdd_outcomes.cohort import build_cohort, build_outcomes
from pdd_outcomes.cohort.measures import build_measures
from pdd_outcomes.extract.contract import CONTRACT
from pdd_outcomes.extract.validate import validate
from pdd_outcomes.protocol import Protocol
from tests.hand.test_cohort_by_hand import plan

Rows = list[dict[str, str]]
PERSON = {"birth_date": "1990-01-01", "sex": "male", "ethnicity": "White", "imd_decile": "5"}
INCIDENT = {
    "incident_id": "I",
    "force": "Holly",
    "incident_date": "2018-06-15",
    "offence_group": "possession_class_b",
    "outcome_code": "1",
    "outcome_date": "2018-12-01",
}


def planned(outcomes: list[dict[str, Any]] | None = None, **cohort: Any) -> Protocol:
    """The plan with other settings of the cohort, and other outcomes."""
    filled = plan().model_dump(by_alias=True)
    filled["cohort"] |= cohort
    if outcomes is not None:
        filled["outcomes"] = outcomes
    return Protocol.model_validate(filled)


def tables(**people: dict[str, Rows]) -> dict[str, pd.DataFrame]:
    """Records of each person by table, ids filled in, through the contract, which they must not break."""
    rows: dict[str, Rows] = {name: [] for name in CONTRACT}
    rows["schemes"] = [{"force": "Holly", "start_date": ""}]
    for who, records in people.items():
        rows["persons"].append({"person_id": who, **PERSON})
        for name, own in ({"disposals": [{}]} | records).items():
            for k, row in enumerate(own):
                made = {"person_id": who, CONTRACT[name].key: f"{who}-{k}"}
                made = {**INCIDENT, **made, **row} if name == "disposals" else {**made, **row}
                rows[name].append(made | {"person_id": who})
    frames = {}
    for name, own in rows.items():
        columns = [c.name for c in CONTRACT[name].columns]
        frames[name] = pd.DataFrame(own, columns=columns, dtype=str).fillna("")
    cut = plan().data.cut
    assert cut is not None
    return validate(frames, cut=cut, quarantine_limit=0.0, allow_empty=True).tables


def offence(
    day: str, proven: str = "", *, group: str = "theft", how: str = "conviction", **more: str
) -> dict[str, str]:
    return {
        "offence_date": day,
        "offence_group": group,
        "outcome_type": how,
        "outcome_date": proven or str((pd.Timestamp(day) + pd.Timedelta(days=30)).date()),
        **more,
    }


def spell(start: str, end: str = "", kind: str = "sentence") -> dict[str, str]:
    return {"start_date": start, "end_date": end, "kind": kind}


def referral(day: str) -> dict[str, str]:
    return {"stage": "referred", "contact_date": day}


def run(protocol: Protocol, **people: dict[str, Rows]) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """People by subject, outcomes by subject and outcome, and the flow."""
    made = tables(**people)
    cohort = build_cohort(protocol, made)
    outcomes = build_outcomes(protocol, made, cohort.people)
    return cohort.people.set_index("subject"), outcomes.set_index(["subject", "outcome"]), cohort.flow


def left_out(flow: pd.DataFrame) -> dict[str, int]:
    return dict(flow.loc[flow["n_excluded"] > 0, ["rule", "n_excluded"]].itertuples(index=False, name=None))


def refers(who: str, day: str) -> dict[str, Rows]:
    return {"contacts": [{"incident_id": f"{who}-0", **referral(day)}]}


# ---- clocks


def test_the_landmark_clock_starts_for_both_arms_when_the_grace_window_ends() -> None:
    people, outcomes, flow = run(
        planned(clock="landmark"),
        diverted=refers("diverted", "2018-06-20") | {"offences": [offence("2018-09-14")]},
        compared={"offences": [offence("2018-09-23")]},
        again_inside={"offences": [offence("2018-07-01")]},
        again_on_the_day={"offences": [offence("2018-09-13")]},
        sibling={"offences": [offence("2018-07-01", incident_id="sibling-0")]},
        died_inside={"exits": [{"exit_date": "2018-08-01", "kind": "death"}]},
        died_on_the_day={"exits": [{"exit_date": "2018-09-13", "kind": "death"}]},
        died_after={"exits": [{"exit_date": "2018-09-23", "kind": "death"}]},
    )
    assert set(people.index) == {"diverted", "compared", "died_after", "sibling"}
    assert set(people["index_date"]) == {pd.Timestamp("2018-09-13")}
    assert outcomes.loc[("diverted", "again"), ["time", "event"]].tolist() == [1, 1]
    assert outcomes.loc[("compared", "again"), ["time", "event"]].tolist() == [10, 1]
    assert outcomes.loc[("died_after", "again"), ["time", "event"]].tolist() == [10, 0]
    assert left_out(flow) == {
        "died or left on or before time zero": 2,
        "reoffended between the incident and time zero": 2,
    }
    assert flow["n_out"].iloc[-1] == 4


def test_the_disposal_clock_starts_at_each_arms_own_day_and_says_so() -> None:
    protocol = planned(clock="disposal")
    people, outcomes, flow = run(
        protocol,
        diverted=refers("diverted", "2018-06-20") | {"offences": [offence("2018-07-20")]},
        compared={"offences": [offence("2018-07-20"), offence("2018-12-11")]},
        undated={"disposals": [{"outcome_date": ""}]},
        died={"exits": [{"exit_date": "2018-11-01", "kind": "death"}]},
    )
    assert people["index_date"].to_dict() == {
        "diverted": pd.Timestamp("2018-06-20"),
        "compared": pd.Timestamp("2018-12-01"),
    }
    assert outcomes.loc[("diverted", "again"), "time"] == 30
    assert outcomes.loc[("compared", "again"), "time"] == 10
    assert left_out(flow) == {
        "no date of referral or outcome to start the clock from": 1,
        "died or left on or before time zero": 1,
    }
    assert any("immortal time" in note for note in protocol.notes)
    assert not any("immortal" in note for note in planned().notes)


def test_covariates_stop_at_the_incident_whatever_the_clock() -> None:
    someone = {"offences": [offence("2018-06-15", "2018-07-01"), offence("2018-05-01", "2018-06-14")]}
    for clock in ("incident", "landmark", "disposal"):
        people, _, _ = run(planned(clock=clock), someone=someone)
        assert people.loc["someone", "prior_offences"] == 1, clock


# ---- several incidents of a person


def test_every_eligible_incident_is_a_subject_with_a_past_and_a_future_of_its_own() -> None:
    twice = {
        "disposals": [
            {"incident_id": "A"},
            {"incident_id": "B", "incident_date": "2018-09-15"},
            {"incident_id": "C", "incident_date": "2018-10-01", "offence_group": "fraud"},
        ],
        "offences": [offence("2018-08-01", "2018-09-01"), offence("2018-12-01")],
    }
    people, outcomes, flow = run(planned(index="every"), twice=twice, once={})
    assert people["person"].to_dict() == {"twice A": "twice", "twice B": "twice", "once once-0": "once"}
    assert people["prior_offences"].to_dict() == {"twice A": 0, "twice B": 1, "once once-0": 0}
    assert outcomes.loc[("twice A", "again"), "time"] == 47
    assert outcomes.loc[("twice B", "again"), "time"] == 77
    assert left_out(flow) == {"offence group not eligible": 1}
    first, _, flow = run(planned(), twice=twice, once={})
    assert first["index_incident"].to_dict() == {"twice": "A", "once": "once-0"}
    assert left_out(flow) == {"offence group not eligible": 1, "a later incident of the same person": 1}


# ---- histories


def test_histories_of_the_plan_count_their_own_records_in_their_own_look_back() -> None:
    wanted = [
        {"id": "violence_200", "label": "Violence", "groups": ["violence"], "days": 200},
        {"id": "held_300", "label": "Held", "records": "custody", "days": 300, "measure": "ever"},
        {
            "id": "poisonings",
            "label": "Poisonings",
            "records": "hospital",
            "groups": ["drug_poisoning"],
            "days": 365,
        },
        {"id": "treated_100", "label": "Treated", "records": "treatments", "days": 100},
    ]
    someone = {
        "offences": [
            offence("2018-01-01", "2018-02-01", group="violence"),
            offence("2017-10-01", "2017-11-01", group="violence"),  # 226 days before
            offence("2018-01-01", "2018-02-01", group="violence", how="no_further_action"),
            offence("2018-05-01", "2018-06-15", group="violence"),  # not known before the incident
        ],
        "custody": [spell("2017-12-01", "2017-12-20"), spell("2018-01-01", "2018-02-20"), spell("2018-06-15")],
        "hospital": [
            {"admission_date": "2018-03-01", "reason": "drug_poisoning"},
            {"admission_date": "2018-03-02", "reason": "fracture"},
        ],
        "treatments": [{"start_date": "2018-03-07"}, {"start_date": "2018-03-06"}],  # 100 and 101 days before
    }
    people, _, _ = run(planned(histories=wanted), someone=someone, nobody={})
    names = ["violence_200", "held_300", "poisonings", "treated_100"]
    assert people.loc["someone", names].tolist() == [1, 1, 1, 1]
    assert people.loc["nobody", names].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("proven_on", "days", "words"),
    [
        ("2018-06-14", 1, "within a year"),
        ("2017-06-15", 365, "within a year"),
        ("2018-06-15", None, "none"),
        ("2017-06-14", None, "none"),
    ],
)
def test_time_since_the_last_proven_offence(proven_on: str, days: int | None, words: str) -> None:
    people, _, _ = run(planned(), someone={"offences": [offence("2017-02-01", proven_on)]})
    found = people.loc["someone", ["days_since_last_offence", "last_offence"]].tolist()
    assert found[1] == words
    assert pd.isna(found[0]) if days is None else found[0] == days


def test_custody_before_the_incident_is_a_covariate() -> None:
    people, _, _ = run(
        planned(),
        before={"custody": [spell("2018-06-14", "2018-06-14")]},
        on_the_day={"custody": [spell("2018-06-15")]},
        long_ago={"custody": [spell("2017-06-14", "2018-01-01")]},
    )
    assert people["prior_custody"].to_dict() == {"before": 1, "on_the_day": 0, "long_ago": 0}


# ---- outcomes


def test_an_offence_of_the_index_incident_is_no_reoffence_on_a_later_day_either() -> None:
    _, outcomes, _ = run(
        planned(),
        sibling={"offences": [offence("2018-06-16", incident_id="sibling-0")]},
        another={"offences": [offence("2018-06-16", incident_id="elsewhere")]},
    )
    assert outcomes.loc[("sibling", "again"), "event"] == 0
    assert outcomes.loc[("another", "again"), ["time", "event"]].tolist() == [1, 1]


KINDS = [
    {"id": "again", "label": "reoffending", "kind": "proven", "main": True},
    {"id": "recorded", "label": "a recorded offence", "kind": "recorded"},
    {"id": "violent", "label": "violence", "kind": "recorded", "groups": ["violence"]},
    {"id": "short", "label": "reoffending in 91 days", "kind": "proven", "follow_up_days": 91},
    {"id": "held", "label": "custody", "kind": "custody"},
    {"id": "poisoned", "label": "poisoning", "kind": "hospital", "groups": ["drug_poisoning"]},
]


def test_each_kind_of_outcome_counts_its_own_records() -> None:
    someone = {
        "offences": [
            offence("2018-06-20", how="no_further_action"),
            offence("2018-07-15", how="pending", group="violence"),
            offence("2018-06-18", group="breach"),
            offence("2018-09-15"),
        ],
        "custody": [spell("2018-06-15", "2018-06-16", "remand"), spell("2018-10-01", "2018-10-02", "remand")],
        "hospital": [
            {"admission_date": "2018-06-25", "reason": "fracture"},
            {"admission_date": "2019-06-15", "reason": "drug_poisoning"},
            {"admission_date": "2019-06-16", "reason": "drug_poisoning"},
        ],
    }
    _, outcomes, _ = run(planned(KINDS), someone=someone)
    found = {o["id"]: tuple(outcomes.loc[("someone", o["id"]), ["time", "event"]]) for o in KINDS}
    assert found == {
        "again": (92, 1),
        "recorded": (5, 1),
        "violent": (30, 1),
        "short": (91, 0),
        "held": (108, 1),
        "poisoned": (365, 1),
    }


def test_the_proof_of_a_shorter_outcome_must_come_by_its_own_end_and_the_wait() -> None:
    """Offence on day 30; day 191 is 2018-12-23."""
    for proven_on, event in (("2018-12-23", 1), ("2018-12-24", 0)):
        _, outcomes, _ = run(planned(KINDS), someone={"offences": [offence("2018-07-15", proven_on)]})
        assert outcomes.loc[("someone", "short"), "event"] == event
        assert outcomes.loc[("someone", "again"), "event"] == 1


@pytest.mark.parametrize(
    ("records", "status"),
    [
        ({}, (365, "censored")),
        ({"offences": [offence("2018-06-25")]}, (10, "event")),
        ({"exits": [{"exit_date": "2018-06-25", "kind": "death"}]}, (10, "died")),
        ({"exits": [{"exit_date": "2018-06-25", "kind": "emigration"}]}, (10, "censored")),
        ({"custody": [spell("2018-06-25", "2018-12-25")]}, (10, "in custody")),
        ({"custody": [spell("2018-06-25", "2018-12-24")]}, (365, "censored")),
        ({"custody": [spell("2018-06-25")]}, (10, "in custody")),
        ({"custody": [spell("2018-06-15")]}, (1, "in custody")),
        ({"custody": [spell("2018-06-01", "2018-12-15")]}, (1, "in custody")),  # 183 days of it are left
        ({"custody": [spell("2018-06-01", "2018-12-14")]}, (365, "censored")),
        ({"offences": [offence("2018-06-25")], "custody": [spell("2018-06-25")]}, (10, "event")),
        ({"offences": [offence("2018-06-26")], "custody": [spell("2018-06-25")]}, (10, "in custody")),
        (
            {"custody": [spell("2018-06-25")], "exits": [{"exit_date": "2018-06-25", "kind": "death"}]},
            (10, "died"),
        ),
        ({"custody": [spell("2019-06-16")]}, (365, "censored")),
    ],
)
def test_what_ended_the_time_first(records: dict[str, Rows], status: tuple[float, str]) -> None:
    _, outcomes, _ = run(planned(), someone=records)
    assert tuple(outcomes.loc[("someone", "again"), ["status_time", "status"]]) == status


# ---- amounts


def measured(**people: dict[str, Rows]) -> pd.DataFrame:
    made = tables(**people)
    protocol = planned(KINDS[:1])
    found = build_measures(protocol, made, build_cohort(protocol, made).people)
    return found.set_index(["subject", "horizon_days"])


def test_numbers_severity_and_days_to_the_first() -> None:
    found = measured(
        three={
            "offences": [
                offence("2018-06-20", severity="10"),
                offence("2018-09-14", severity="2.5"),
                offence("2018-09-15"),
                offence("2018-06-19", how="pending", severity="99"),
            ]
        },
        unweighed={"offences": [offence("2018-06-20")]},
        none={},
    )
    columns = ["events", "severity", "first_days"]
    assert found.loc[("three", 91), columns].tolist() == [2, 12.5, 5]
    assert found.loc[("three", 365), columns].tolist() == [3, 12.5, 5]
    assert found.loc[("none", 365), ["events", "severity"]].tolist() == [0, 0]
    assert pd.isna(found.loc[("none", 365), "first_days"])
    assert found.loc[("unweighed", 91), "events"] == 1
    assert pd.isna(found.loc[("unweighed", 91), "severity"])


@pytest.mark.parametrize(
    ("spells", "held"),
    [
        ([], (0, 0)),
        ([spell("2018-06-25", "2018-07-05")], (10, 10)),
        (
            [spell("2018-06-25", "2018-07-05", "remand"), spell("2018-07-05", "2018-07-15")],
            (20, 20),
        ),  # they touch
        (
            [spell("2018-06-25", "2018-07-15", "remand"), spell("2018-07-05", "2018-07-10")],
            (20, 20),
        ),  # one in another
        ([spell("2018-06-25", "2018-07-05"), spell("2018-06-25", "2018-07-05")], (10, 10)),  # twice
        ([spell("2018-06-01", "2018-06-20")], (5, 5)),  # there already at time zero
        ([spell("2018-09-10", "2018-09-20")], (4, 10)),  # over the first horizon, day 91
        ([spell("2018-06-16")], (90, 364)),  # the whole of it
        ([spell("2018-06-01", "2018-06-15")], (0, 0)),
        ([spell("2019-07-01", "2019-08-01")], (0, 0)),
        ([spell("2018-06-25", "2018-07-05"), spell("2018-08-01", "2018-08-03")], (12, 12)),
    ],
)
def test_time_at_risk_is_net_of_custody_and_no_day_is_taken_off_twice(
    spells: Rows, held: tuple[int, int]
) -> None:
    found = measured(someone={"custody": spells})
    assert found["days"].tolist() == [91, 365]
    assert tuple(found["days"] - found["days_at_risk"]) == held


def test_time_at_risk_ends_with_follow_up() -> None:
    found = measured(
        someone={
            "exits": [{"exit_date": "2018-07-15", "kind": "death"}],
            "custody": [spell("2018-07-10", "2018-08-10")],
        }
    )
    assert found["days"].tolist() == [30, 30]
    assert found["days_at_risk"].tolist() == [25, 25]
