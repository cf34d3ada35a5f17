"""In the synthetic world the naive contrast is badly wrong, and the matched one holds the truth in its interval."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pdd_outcomes.cohort import build_cohort, build_outcomes
from pdd_outcomes.cohort.populations import population
from pdd_outcomes.design import Design, match, propensity_score, unadjusted
from pdd_outcomes.effects import time_to_event
from pdd_outcomes.extract.validate import validate
from pdd_outcomes.protocol import Protocol, load_protocol
from pdd_outcomes.worlds.parameters import Settings
from pdd_outcomes.worlds.synthetic import World, thirteen_forces

PROTOCOL = Path(__file__).resolve().parents[2] / "analyses" / "pdd_thirteen_forces" / "protocol.yaml"


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return load_protocol(PROTOCOL)


def prepared(protocol: Protocol, world: World) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The people of the person-level analysis, and their main outcome in the same order."""
    assert protocol.data.cut is not None
    extract = validate(world.tables, cut=protocol.data.cut, quarantine_limit=0.02)
    cohort = build_cohort(protocol, extract.tables)
    people, _ = population(protocol, protocol.analyses[0], cohort.people)
    outcomes = build_outcomes(protocol, extract.tables, cohort.people)
    main = outcomes.loc[outcomes["outcome"] == "reoffending"]
    return people, people[["subject"]].merge(main, on="subject", validate="one_to_one")


def risk_difference(design: Design, outcomes: pd.DataFrame, horizon: int) -> pd.Series:
    found = time_to_event(design, outcomes, time="time", event="event", at=[91, 365, 1095], tau=1095).tidy()
    return found.loc[(found["term"] == "risk_difference") & (found["horizon"] == horizon)].iloc[0]


def truth(world: World, horizon: int) -> float:
    t = world.truth
    row = t.loc[
        (t["analysis"] == "diverted")
        & (t["group"] == "all")
        & (t["outcome"] == "reoffending")
        & (t["measure"] == "risk_difference")
        & (t["horizon_days"] == horizon)
    ]
    return float(row["estimate"].iloc[0])


def matched(protocol: Protocol, people: pd.DataFrame) -> Design:
    plan = protocol.analyses[0].design
    score = propensity_score(people, "treated", formula=plan.formula)
    return match(
        people,
        "treated",
        covariates=plan.covariates,
        distance=score.logit,
        ratio=plan.ratio,
        replace=plan.replace,
        caliper=plan.caliper,
        exact=plan.exact,
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", [11, 12, 13])
def test_matching_recovers_what_the_naive_contrast_misses(protocol: Protocol, seed: int) -> None:
    world = thirteen_forces(seed, people=20_000)
    people, outcomes = prepared(protocol, world)
    naive = risk_difference(unadjusted(people, "treated"), outcomes, 365)
    found = risk_difference(matched(protocol, people), outcomes, 365)
    assert naive["conf_high"] < truth(world, 365) - 0.02, "the naive contrast overstates the effect by far"
    assert found["conf_low"] < truth(world, 365) < found["conf_high"]


@pytest.mark.slow
def test_a_trait_that_no_record_holds_biases_the_matched_contrast(protocol: Protocol) -> None:
    world = thirteen_forces(11, people=20_000, settings=Settings(hidden_selection=1.0))
    people, outcomes = prepared(protocol, world)
    found = risk_difference(matched(protocol, people), outcomes, 365)
    assert found["conf_high"] < truth(world, 365), "matching cannot balance what it does not see"
