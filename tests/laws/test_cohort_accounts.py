"""Rows in are rows used, left out by a named rule, superseded or quarantined: for every table, whatever the data."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.cohort import build_cohort
from pdd_outcomes.cohort.accounts import OFFENCE_USES, OUTSIDE, row_accounts
from pdd_outcomes.extract.validate import validate
from pdd_outcomes.worlds.synthetic import thirteen_forces
from tests.hand.test_cohort_clocks import INCIDENT, offence, planned, referral, spell, tables
from tests.laws.test_cohort_laws import plan
from tests.laws.test_extract_laws import spoilt


def test_each_offence_is_named_by_what_became_of_it() -> None:
    made = tables(
        someone={
            "offences": [
                offence("2018-09-01"),  # counted
                offence("2018-01-01", "2018-02-01"),  # history
                offence("2018-06-15"),  # the day of the incident
                offence("2018-06-20", incident_id="someone-0"),  # its sibling on another day
                offence("2018-09-01", group="breach"),
                offence("2018-09-01", how="pending"),
                offence("2018-06-01", "2018-07-01"),  # before, known after
                offence("2016-01-01", "2016-02-01"),  # before the look-back
                offence("2020-01-01"),  # after follow-up
                offence("2019-06-01", "2019-09-24"),  # a day after the waiting period
            ],
            "contacts": [
                {"incident_id": "someone-0", **referral("2018-06-20")},
                {"incident_id": "someone-0", **referral("2018-09-14")},
                {"incident_id": "someone-0", "stage": "attended", "contact_date": "2018-07-01"},
            ],
            "custody": [
                spell("2018-01-01", "2018-01-05"),
                spell("2018-07-01", "2018-07-05"),
                spell("2018-06-15"),
            ],
        },
        too_young_to_count={"disposals": [{"offence_group": "fraud"}], "offences": [offence("2018-09-01")]},
    )
    protocol = planned()
    quality = pd.DataFrame(
        [(name, len(t), len(t), 0, 0) for name, t in made.items()],
        columns=["table", "rows_in", "rows_ok", "rows_superseded", "rows_quarantined"],
    )
    found = row_accounts(protocol, made, build_cohort(protocol, made).people, quality)
    found = found.set_index(["table", "use"])["rows"]
    assert found.loc["offences"].to_dict() == dict.fromkeys(OFFENCE_USES, 1) | {
        "of the index incident or its day": 2
    }
    assert found.loc["contacts"].to_dict() == {
        "a referral in the grace window": 1,
        "a referral outside the grace window": 1,
        "another stage of the scheme": 1,
    }
    assert found.loc["custody"].to_dict() == {
        "before the incident": 1,
        "after time zero, within follow-up": 1,
        "at no time that counts": 1,
    }
    assert found.loc["disposals"].to_dict() == {"index incident": 1, "offence group not eligible": 1}
    assert found.loc["persons"].to_dict() == {"in the cohort": 1, "not in the cohort": 1}
    assert INCIDENT["force"] == "Holly"
    assert found.loc["schemes"].to_dict() == {"of a force of the cohort": 1}
    assert OUTSIDE in found.loc["offences"]


@pytest.mark.parametrize(
    ("clock", "index"), [("incident", "first"), ("landmark", "every"), ("disposal", "every")]
)
@pytest.mark.parametrize("seed", [1, 2])
def test_no_row_of_any_table_is_lost(clock: str, index: str, seed: int) -> None:
    raw = spoilt(thirteen_forces(seed, people=2_000).tables, seed)
    rng = np.random.default_rng(seed)
    versions = raw["disposals"].sample(50, random_state=seed).assign(outcome_code="9", recorded_on="2021-01-01")
    raw["disposals"] = pd.concat([raw["disposals"].assign(recorded_on=""), versions], ignore_index=True)
    raw["disposals"] = raw["disposals"].iloc[rng.permutation(len(raw["disposals"]))]
    extract = validate(raw, cut=date(2023, 12, 31), quarantine_limit=1.0)
    filled = plan().model_dump(by_alias=True)
    filled["cohort"] |= {"clock": clock, "index": index}
    protocol = type(plan()).model_validate(filled)
    people = build_cohort(protocol, extract.tables).people
    found = row_accounts(protocol, extract.tables, people, extract.quality).groupby("table")["rows"].sum()
    assert found.to_dict() == {name: len(frame) for name, frame in raw.items()}
    assert (found > 0).all()
    assert extract.quality["rows_superseded"].sum() > 20
