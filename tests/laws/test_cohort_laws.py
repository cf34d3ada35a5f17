"""Laws of the cohort: the flow adds up, the future cannot be seen, order and names do not matter, people do not touch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pdd_outcomes.cohort import Cohort, build_cohort, build_outcomes
from pdd_outcomes.cohort.populations import population
from pdd_outcomes.extract.validate import validate
from pdd_outcomes.protocol import Protocol
from pdd_outcomes.worlds.synthetic import thirteen_forces

CUT = date(2023, 12, 31)
SMALL = 2_000
Tables = dict[str, pd.DataFrame]
FEW = settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))

BEFORE = [
    "subject",
    "force",
    "scheme",
    "index_date",
    "index_incident",
    "age",
    "sex",
    "ethnicity",
    "imd_quintile",
    "offence_group",
    "prior_offences",
    "prior_drug_offences",
    "first_time",
    "last_offence",
    "days_since_last_offence",
    "prior_treatment",
    "prior_custody",
    "thefts",
    "stays",
    "treated_1y",
]


def plan(cut: date = CUT, waiting: int = 183) -> Protocol:
    groups = ["possession_class_a", "possession_class_b", "possession_other"]
    analysis = {
        "label": "Treated against control",
        "treated_label": "Treated",
        "control_label": "Control",
        "population": "Everyone",
        "design": {"covariates": ["age"]},
    }
    return Protocol.model_validate(
        {
            "study": "laws",
            "title": "Laws",
            "question": "Do they hold?",
            "version": "1",
            "data": {
                "shape": "event_tables",
                "source": "folder:data",
                "starts": date(2013, 1, 1),
                "cut": cut,
            },
            "cohort": {
                "window": {"from": date(2018, 3, 1), "to": date(2019, 10, 31)},
                "min_age": 20,
                "offence_groups": groups,
                "lookback_days": 1826,
                "waiting_days": waiting,
                "histories": [
                    {"id": "thefts", "label": "Thefts", "groups": ["theft"], "days": 900},
                    {
                        "id": "stays",
                        "label": "In hospital",
                        "records": "hospital",
                        "days": 700,
                        "measure": "ever",
                    },
                    {"id": "treated_1y", "label": "Treated", "records": "treatments", "days": 365},
                ],
                "comparator": {"label": "prosecuted", "outcome_codes": [1, 2, 3, 6, 7]},
            },
            "time_unit": "days",
            "horizons": [365, 1095],
            "tau": 1095,
            "outcomes": [
                {"id": "again", "label": "reoffending", "kind": "proven", "main": True},
                {"id": "other", "label": "not possession", "kind": "proven", "exclude_groups": groups},
                {"id": "entry", "label": "entry into treatment", "kind": "treatment_entry"},
            ],
            "analyses": [
                {"id": "person", "exposure": "person", "headline": True, **analysis},
                {"id": "force", "exposure": "force", **analysis},
            ],
        }
    )


@dataclass(frozen=True)
class World:
    raw: Tables
    tables: Tables
    cohort: Cohort
    outcomes: pd.DataFrame


def made(raw: Tables, cut: date = CUT, limit: float = 0.05) -> World:
    tables = validate(raw, cut=cut, quarantine_limit=limit).tables
    cohort = build_cohort(plan(cut), tables)
    return World(raw, tables, cohort, build_outcomes(plan(cut), tables, cohort.people))


@pytest.fixture(scope="module")
def world() -> World:
    return made(thirteen_forces(8, people=SMALL).tables)


@FEW
@given(seed=st.integers(0, 10_000))
def test_the_flow_of_exclusions_accounts_for_everyone_in_any_world(seed: int) -> None:
    tables = validate(thirteen_forces(seed, SMALL).tables, cut=CUT, quarantine_limit=0.05).tables
    cohort = build_cohort(plan(), tables)
    flows = [cohort.flow]
    sizes = [(len(tables["disposals"]), len(cohort.people))]
    for analysis in plan().analyses:
        people, flow = population(plan(), analysis, cohort.people)
        flows.append(flow)
        sizes.append((len(cohort.people), len(people)))
    for flow, (came, left) in zip(flows, sizes):
        assert flow["step"].tolist() == list(range(1, len(flow) + 1))
        assert (flow["n_in"] - flow["n_excluded"] == flow["n_out"]).all()
        assert flow["n_in"].tolist()[1:] == flow["n_out"].tolist()[:-1]
        assert (flow["n_in"].iloc[0], flow["n_out"].iloc[-1]) == (came, left)
    assert (flows[0]["n_excluded"] > 0).sum() >= 4
    assert cohort.people["subject"].is_unique


DATED = {
    "offences": "outcome_date",
    "treatments": "start_date",
    "contacts": "contact_date",
    "exits": "exit_date",
    "disposals": "incident_date",
    "custody": "start_date",
    "hospital": "admission_date",
}


def from_time_zero(world: World, name: str) -> np.ndarray:
    """Which rows of a table are dated on or after their person's time zero, or not dated yet, the index incident apart."""
    table = world.tables[name]
    people = world.cohort.people
    zero = table["person_id"].map(people.set_index("subject")["index_date"])
    # Compared as NaT is: a record without a date lies in the future, one of a person outside the cohort is left alone.
    late = zero.notna() & ~(table[DATED[name]] < zero)
    if name == "disposals":
        late &= ~table["incident_id"].isin(people["index_incident"])
    return late.to_numpy()


def moved(world: World, rng: np.random.Generator) -> Tables:
    tables = dict(world.tables)
    for name, column in DATED.items():
        late = from_time_zero(world, name)
        days = pd.to_timedelta(rng.integers(0, 900, len(late)), unit="D")
        shifted = tables[name][column].where(~late, tables[name][column] + days)
        tables[name] = tables[name].assign(**{column: shifted.astype("datetime64[s]")})
    return tables


def deleted(world: World, rng: np.random.Generator) -> Tables:
    tables = dict(world.tables)
    for name in DATED:
        gone = from_time_zero(world, name) & (rng.random(len(tables[name])) < 0.7)
        tables[name] = tables[name].loc[~gone].reset_index(drop=True)
    return tables


def invented(world: World, rng: np.random.Generator) -> Tables:
    """Convictions, treatment, custody and stays in hospital added for everyone, from the day of the incident on."""
    people = world.cohort.people
    later = people["index_date"] + pd.to_timedelta(rng.integers(0, 30, len(people)), unit="D")
    later = later.astype("datetime64[s]")
    offences = pd.DataFrame(
        {
            "offence_id": "new-" + people["subject"],
            "person_id": people["subject"],
            "offence_date": people["index_date"] - pd.Timedelta(days=5),
            "offence_group": "drug",
            "outcome_type": "conviction",
            "outcome_date": later,
        }
    )
    episodes = pd.DataFrame(
        {"episode_id": "new-" + people["subject"], "person_id": people["subject"], "start_date": later}
    )
    tables = dict(world.tables)
    tables["offences"] = pd.concat([tables["offences"], offences], ignore_index=True)
    tables["treatments"] = pd.concat([tables["treatments"], episodes], ignore_index=True)
    spells = episodes.rename(columns={"episode_id": "spell_id"}).assign(kind="remand")
    stays = episodes.rename(columns={"start_date": "admission_date"}).assign(reason="drug_poisoning")
    tables["custody"] = pd.concat([tables["custody"], spells], ignore_index=True)
    tables["hospital"] = pd.concat([tables["hospital"], stays], ignore_index=True)
    return tables


@pytest.mark.parametrize("change", [moved, deleted, invented])
def test_a_covariate_cannot_see_a_record_dated_on_or_after_time_zero(
    world: World, change: Callable[[World, np.random.Generator], Tables]
) -> None:
    tables = change(world, np.random.default_rng(1))
    assert any(not tables[n].equals(world.tables[n]) for n in ("offences", "treatments"))
    found = build_cohort(plan(), tables).people
    pd.testing.assert_frame_equal(found[BEFORE], world.cohort.people[BEFORE])


def test_an_outcome_cannot_see_an_offence_or_episode_of_time_zero_or_before(world: World) -> None:
    zero = world.cohort.people.set_index("subject")["index_date"]
    tables = dict(world.tables)
    for name, column in (("offences", "offence_date"), ("treatments", "start_date")):
        table = tables[name]
        tables[name] = table.loc[table[column] > table["person_id"].map(zero)].reset_index(drop=True)
        assert len(tables[name]) < len(table)
    pd.testing.assert_frame_equal(build_outcomes(plan(), tables, world.cohort.people), world.outcomes)


def test_the_order_of_rows_does_not_change_the_cohort_or_its_outcomes(world: World) -> None:
    shuffle = partial(pd.DataFrame.sample, frac=1, random_state=1, ignore_index=True)
    tables = {name: shuffle(table) for name, table in world.tables.items()}
    found = build_cohort(plan(), tables)
    pd.testing.assert_frame_equal(found.people, world.cohort.people)
    pd.testing.assert_frame_equal(found.flow, world.cohort.flow)
    pd.testing.assert_frame_equal(build_outcomes(plan(), tables, found.people), world.outcomes)


def test_new_names_for_people_only_rename_them(world: World) -> None:
    ids = world.tables["persons"]["person_id"]
    other = pd.Series(np.random.default_rng(1).permutation(ids.to_numpy()), index=ids.to_numpy())
    tables = {
        n: t.assign(person_id=t["person_id"].map(other)) if "person_id" in t else t
        for n, t in world.tables.items()
    }
    found = build_cohort(plan(), tables)
    renamed = world.cohort.people["subject"].map(other)
    expected = world.cohort.people.assign(subject=renamed, person=renamed)
    pd.testing.assert_frame_equal(found.people, expected.sort_values("subject", ignore_index=True))
    pd.testing.assert_frame_equal(found.flow, world.cohort.flow)
    outcomes = build_outcomes(plan(), tables, found.people)
    before = world.outcomes.assign(subject=world.outcomes["subject"].map(other))
    order = ["outcome", "subject"]
    pd.testing.assert_frame_equal(
        outcomes.sort_values(order, ignore_index=True), before.sort_values(order, ignore_index=True)
    )


def test_one_person_more_leaves_the_others_as_they_were(world: World) -> None:
    someone = world.cohort.people["subject"].iloc[len(world.cohort.people) // 2]
    tables = {
        n: t.loc[t["person_id"] != someone].reset_index(drop=True) if "person_id" in t else t
        for n, t in world.tables.items()
    }
    found = build_cohort(plan(), tables)
    others = world.cohort.people
    others = others.loc[others["subject"] != someone].reset_index(drop=True)
    pd.testing.assert_frame_equal(found.people, others)
    outcomes = world.outcomes.loc[world.outcomes["subject"] != someone].reset_index(drop=True)
    pd.testing.assert_frame_equal(build_outcomes(plan(), tables, found.people), outcomes)


@pytest.mark.parametrize("cut", [date(2022, 6, 30), date(2020, 12, 31)])
def test_an_earlier_data_cut_never_adds_an_event_nor_a_day(world: World, cut: date) -> None:
    earlier = made(world.raw, cut, limit=1.0)
    both = world.outcomes.merge(earlier.outcomes, on=["subject", "outcome"], suffixes=("", "_earlier"))
    assert len(both) == len(world.outcomes), "nobody enters after the cut, so nobody is lost"
    assert (both["event_earlier"] <= both["event"]).all()
    assert (both["time_earlier"] <= both["time"]).all()
    same = both["event_earlier"] == 1
    assert (both.loc[same, "time_earlier"] == both.loc[same, "time"]).all()
    assert (both["event_earlier"] < both["event"]).any()


def test_a_longer_wait_for_proof_never_adds_a_day_of_follow_up(world: World) -> None:
    longer = build_cohort(plan(waiting=400), world.tables).people
    assert (longer["follow_up_days"] <= world.cohort.people["follow_up_days"]).all()


def test_outcomes_are_whole_days_within_follow_up_and_every_person_has_each_once(world: World) -> None:
    found = world.outcomes.merge(world.cohort.people[["subject", "follow_up_days"]], on="subject")
    assert (found.groupby("subject").size() == 3).all()
    assert (found["time"] > 0).all()
    assert (found["time"] == found["time"].round()).all()
    assert (found["time"] <= found["follow_up_days"].clip(upper=1095)).all()
    censored = found.loc[found["event"] == 0]
    assert (censored["time"] == censored["follow_up_days"].clip(upper=1095)).all()


def test_leaving_groups_out_of_an_outcome_never_brings_the_event_forward(world: World) -> None:
    wide = world.outcomes.pivot(index="subject", columns="outcome", values=["time", "event"])
    assert (wide["event"]["other"] <= wide["event"]["again"]).all()
    assert (wide["time"]["other"] >= wide["time"]["again"]).all()


def test_records_of_people_outside_the_cohort_change_nothing(world: World) -> None:
    tables = dict(world.tables)
    inside = set(world.cohort.people["subject"])
    for name in ("offences", "contacts", "treatments", "exits"):
        table = tables[name]
        if name == "exits":  # an exit can be why someone is outside
            continue
        tables[name] = table.loc[table["person_id"].isin(inside)].reset_index(drop=True)
        assert len(tables[name]) < len(table)
    found = build_cohort(plan(), tables)
    pd.testing.assert_frame_equal(found.people, world.cohort.people)
    pd.testing.assert_frame_equal(build_outcomes(plan(), tables, found.people), world.outcomes)
