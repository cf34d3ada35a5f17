"""Invented people of cases.yaml: what comes out other than expected is said, with what came out instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pdd_outcomes.cohort.cases import check_cases
from pdd_outcomes.core.errors import DataError
from pdd_outcomes.protocol import Protocol, load_protocol
from pdd_outcomes.protocol.cases import Cases, load_cases

STUDY = Path(__file__).resolve().parents[2] / "analyses" / "pdd_thirteen_forces"


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return load_protocol(STUDY / "protocol.yaml")


def problems(protocol: Protocol, expect: dict[str, Any], **records: Any) -> tuple[str, ...]:
    incident = {"force": "Alder", "incident_date": "2018-06-14", "offence_group": "possession_class_b"}
    case = {
        "name": "someone",
        "person": {"birth_date": "1990-06-15", "sex": "male", "ethnicity": "White", "imd_decile": 3},
        "disposals": [{**incident, "outcome_code": 1}],
        "expect": expect,
        **records,
    }
    schemes = [{"force": "Alder", "start_date": "2015-04-01"}]
    (result,) = check_cases(protocol, Cases.model_validate({"schemes": schemes, "cases": [case]}))
    return result.problems


def test_people_of_the_thirteen_forces_come_out_as_expected(protocol: Protocol) -> None:
    cases = load_cases(STUDY / "cases.yaml")
    first_and_last = cases.model_copy(update={"cases": (cases.cases[0], cases.cases[-1])})
    results = check_cases(protocol, first_and_last)
    assert [(r.name, r.problems) for r in results] == [(c.name, ()) for c in first_and_last.cases]


def test_what_comes_out_otherwise_is_said_with_both_values(protocol: Protocol) -> None:
    expect = {
        "diverted": 1,
        "covariates": {"age": 28, "scheme": 1, "shoe_size": 9},
        "outcomes": {"reoffending": {"event": 1, "time": 10}, "arson": {"event": 0}},
    }
    assert problems(protocol, expect) == (
        "age is 27, expected 28",
        "shoe_size is not in the cohort",
        "diverted is 0, expected 1",
        "reoffending: event is 0, expected 1",
        "reoffending: time is 1095, expected 10",
        "outcome arson is not in the protocol",
    )


def test_a_force_that_the_file_does_not_list_has_no_scheme(protocol: Protocol) -> None:
    incident = {
        "force": "Elsewhere",
        "incident_date": "2018-06-14",
        "offence_group": "possession_class_b",
        "outcome_code": 1,
    }
    assert problems(protocol, {"covariates": {"scheme": 0}}, disposals=[incident]) == ()


def test_records_that_break_the_contract_are_said_to(protocol: Protocol) -> None:
    offence = {"offence_date": "2018-09-01", "offence_group": "theft", "outcome_type": "conviction"}
    said = problems(protocol, {"outcomes": {"reoffending": {"event": 0}}}, offences=[offence])
    assert len(said) == 1
    assert said[0].startswith("records are quarantined: offences.outcome_date is blank where outcome_type is")


def test_the_wrong_reason_of_exclusion_is_said_with_the_right_one(protocol: Protocol) -> None:
    wrong = {"included": False, "excluded_because": "incident outside the window"}
    young = {"birth_date": "2005-01-01", "sex": "male", "ethnicity": "White", "imd_decile": 3}
    (said,) = problems(protocol, wrong, person=young)
    assert "['below the youngest age on the day of the incident']" in said
    assert problems(protocol, {"included": True}, person=young) == ("included is False (age), expected True",)


def test_a_column_that_the_contract_does_not_have_is_refused(protocol: Protocol) -> None:
    with pytest.raises(DataError, match=r"treatments: \['began'\] are not columns of the contract"):
        problems(protocol, {}, treatments=[{"began": "2018-01-01"}])
