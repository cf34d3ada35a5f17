"""What a world records: every table by the contract's own words, and each setting of dirt at the rate that was asked for."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.extract.contract import CONTRACT
from pdd_outcomes.worlds.parameters import SCHEME, SEVERITY, Settings
from pdd_outcomes.worlds.synthetic import World, thirteen_forces

SEED, PEOPLE = 3, 2_000
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
STANDARD_ERRORS = 4.0


def made(**settings: Any) -> World:
    """A world without today's dirt, and otherwise as set."""
    return thirteen_forces(SEED, PEOPLE, Settings(**{"dirt": 0.0, **settings}))


@pytest.fixture(scope="module")
def plain() -> World:
    return made()


def breaches(tables: dict[str, pd.DataFrame], cut: str) -> list[str]:
    """Every breach of the contract in text tables: columns, values, order of dates, keys, references."""
    found = []
    for name, table in CONTRACT.items():
        frame = tables[name]
        known = {c.name: c for c in table.every}
        found += [f"{name}: {c} is missing" for c in table.names if c not in frame]
        found += [f"{name}: {c} is not of the contract" for c in frame.columns if c not in known]
        if frame[list(table.identity)].duplicated().any():
            found.append(f"{name}: keys come twice")
        for column in (known[c] for c in frame.columns):
            text = frame[column.name]
            filled = text[text != ""]
            wrong = {
                "blank": column.required and (text == "").any(),
                "values": column.allowed and not filled.isin(column.allowed).all(),
                "day": column.kind == "date" and not filled.map(lambda t: bool(DAY.fullmatch(t))).all(),
                "after the cut": column.kind == "date" and (filled > cut).any(),
                "range": column.low is not None
                and not pd.to_numeric(filled).between(column.low, column.high).all(),
            }
            if column.not_before in frame:
                early = (text < frame[column.not_before]) & (text != "")
                wrong["order"] = early.any()
            if column.refers:
                other, key = column.refers.split(".")
                wrong["orphans"] = not text.isin(tables[other][key]).all()
            if column.needed_where:
                where, values = column.needed_where
                wrong["needed"] = (text[frame[where].isin(values)] == "").any()
            found += [f"{name}.{column.name}: {rule}" for rule, bad in wrong.items() if bad]
    return found


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"rollout": 18, "custody_share": 0.5, "hospital_rate": 1.0, "death_rate": 0.2, "treatment_days": 90.0},
        {"reporting_delay_days": 400.0, "linkage_missed": (0.2, 0.1), "engagement_selection": 1.0},
        {"death_rate": 0.0, "emigration_rate": 0.0, "custody_share": 0.0, "hospital_rate": 0.0},
        {"engagement": (1.0, 0.0, 0.5), "officers": 1, "officer_leniency": 1.0, "uptake": 0.4},
    ],
)
def test_tables_without_dirt_break_no_rule_of_the_contract(settings: dict[str, Any]) -> None:
    assert breaches(made(**settings).tables, Settings().cut) == []


def same_text(one: pd.DataFrame, two: pd.DataFrame) -> bool:
    return one.reset_index(drop=True).equals(two.reset_index(drop=True))


def test_what_only_adds_moves_nothing_else(plain: World) -> None:
    added = made(
        custody_share=0.5,
        custody_days=10.0,
        hospital_rate=2.0,
        severity={**SEVERITY, "theft": 1.0},
        treatment_days=90.0,
    )
    for name, table in plain.tables.items():
        kept = [c for c in table.columns if c != "severity"]
        assert (name in ("custody", "hospital")) != same_text(table[kept], added.tables[name][kept])


def test_dates_of_report_lie_between_the_offence_and_its_outcome(plain: World) -> None:
    offences = plain.tables["offences"]
    assert (offences["report_date"] >= offences["offence_date"]).all()
    assert (offences["report_date"] <= offences["outcome_date"]).all()
    weights = offences["severity"].astype(float) / offences["offence_group"].map(dict(SEVERITY))
    assert weights.between(0.45, 1.55).all()


def test_offences_of_the_index_incident_carry_its_number_and_day(plain: World) -> None:
    offences = plain.tables["offences"]
    sibling = offences.loc[offences["incident_id"] != ""]
    assert 0.12 < len(sibling) / PEOPLE < 0.18
    joined = sibling.merge(plain.tables["disposals"], on=["incident_id", "person_id"], validate="one_to_one")
    assert len(joined) == len(sibling)
    assert (joined["offence_date"] == joined["incident_date"]).all()


def share(found: float, wanted: float, n: int) -> bool:
    """Whether a share of n lies within Monte-Carlo error of what was asked for."""
    return abs(found - wanted) <= STANDARD_ERRORS * np.sqrt(wanted * (1 - wanted) / n) + 1e-12


def test_sentences_follow_the_share_of_convictions_asked_for_and_last_as_long(plain: World) -> None:
    world = made(custody_share=0.3, custody_days=60.0)
    offences, spells = plain.tables["offences"], world.tables["custody"]
    convictions = offences.loc[offences["outcome_type"] == "conviction"]
    assert share(len(spells) / len(convictions), 0.3, len(convictions))
    sent = set(zip(convictions["person_id"], convictions["outcome_date"]))
    assert set(zip(spells["person_id"], spells["start_date"])) <= sent
    over = spells.loc[spells["end_date"] != ""]
    days = (pd.to_datetime(over["end_date"]) - pd.to_datetime(over["start_date"])).dt.days
    assert days.min() >= 1
    assert abs(days.mean() - 60.5) < STANDARD_ERRORS * 60 / np.sqrt(len(days))


def test_the_shares_engaging_are_those_asked_for_and_can_depend_on_risk() -> None:
    asked = (0.6, 0.5, 0.4)
    stage = made(engagement=asked).tables["contacts"]["stage"].value_counts()
    for before, after, wanted in zip(("assessed", "attended"), ("attended", "completed"), asked[1:]):
        assert share(stage[after] / stage[before], wanted, stage[before])
    assert abs(stage["assessed"] / stage["referred"] - 0.6) < 0.1, (
        "a few are referred too late, and go no further"
    )
    chosen = made(engagement_selection=2.0)
    people, contacts = chosen.truth_people.set_index("person_id"), chosen.tables["contacts"]
    risk = people.loc[people["diverted"] == 1, "risk_365_control"]
    done = risk.index.isin(contacts.loc[contacts["stage"] == "completed", "person_id"])
    assert risk[done].mean() < risk[~done].mean() - 0.03


def test_deaths_and_emigration_come_at_the_rates_asked_for() -> None:
    kinds = made(death_rate=0.10, emigration_rate=0.05).tables["exits"]["kind"].value_counts()
    assert share(kinds["death"] / kinds.sum(), 2 / 3, int(kinds.sum()))
    gone = 1 - np.exp(-0.15 * 5.0)  # about five years from the index incident to the cut
    assert abs(kinds.sum() / PEOPLE - gone) < 0.05
    still = made(death_rate=0.0, emigration_rate=0.0).tables["exits"]
    assert list(still.columns) == ["person_id", "exit_date", "kind"]
    assert len(still) == 0


def test_treatment_lasts_as_long_as_asked_for_and_has_no_end_where_none_is_sent(plain: World) -> None:
    assert "end_date" not in plain.tables["treatments"]
    episodes = made(treatment_days=90.0).tables["treatments"]
    assert same_text(episodes.drop(columns="end_date"), plain.tables["treatments"])
    over = episodes.loc[episodes["end_date"] != ""]
    days = (pd.to_datetime(over["end_date"]) - pd.to_datetime(over["start_date"])).dt.days
    assert days.min() >= 1
    assert abs(days.mean() - 90.5) < STANDARD_ERRORS * 90 / np.sqrt(len(days))
    assert 0 < len(episodes) - len(over) < 0.1 * len(episodes)


def test_hospital_stays_come_at_the_rate_asked_for_and_more_to_those_in_need() -> None:
    stays = made(hospital_rate=0.5).tables["hospital"]
    per_year = len(stays) / PEOPLE / 11.0
    assert 0.5 < per_year < 0.75  # a person of average need has 0.5; the mean of a skewed rate is above it
    assert set(stays["reason"]) == {"drug_poisoning", "injury", "mental_health", "other"}


def test_schemes_start_one_after_another_and_divert_nobody_before() -> None:
    world = made(rollout=18)
    schemes = world.tables["schemes"].set_index("force")["start_date"]
    started = schemes.loc[list(SCHEME)]
    assert started.is_monotonic_increasing
    assert started.nunique() == len(SCHEME)
    assert started.iloc[0] == Settings().first_index
    assert 545 <= (pd.Timestamp(started.iloc[-1]) - pd.Timestamp(started.iloc[0])).days <= 549
    people = world.truth_people
    diverted = people.loc[people["diverted"] == 1, ["person_id", "force"]]
    contacts = world.tables["contacts"].query("stage == 'assessed'").drop_duplicates("person_id")
    first = diverted.merge(contacts, on="person_id").merge(
        world.tables["disposals"], on=["incident_id", "person_id"], suffixes=("", "_of")
    )
    assert len(first) > 100
    assert (first["incident_date"] >= first["force"].map(schemes)).all()


def test_a_reporting_delay_moves_outcomes_and_hides_what_the_cut_comes_before(plain: World) -> None:
    now, late = plain.tables["offences"], made(reporting_delay_days=200.0).tables["offences"]
    both = now.merge(late, on="offence_id", suffixes=("", "_late"), validate="one_to_one")
    assert len(both) == len(late) < len(now)
    decided = both.loc[both["outcome_date_late"] != ""]
    waited = (pd.to_datetime(decided["outcome_date_late"]) - pd.to_datetime(decided["outcome_date"])).dt.days
    assert waited.min() == 0
    assert 170 < waited.mean() < 205
    hidden = both.loc[both["outcome_date_late"] == ""]
    assert len(hidden) > 0
    assert set(hidden["outcome_type_late"]) == {"pending"}


@pytest.mark.parametrize("missed", [(0.3, 0.0), (0.0, 0.2), (1.0, 0.1)])
def test_missed_links_take_all_later_records_of_that_share_of_each_arm(
    plain: World, missed: tuple[float, float]
) -> None:
    less = made(linkage_missed=missed)
    people = plain.truth_people.set_index("person_id")
    pd.testing.assert_frame_equal(less.truth, plain.truth)
    index = plain.tables["disposals"].merge(
        plain.tables["offences"].query("incident_id != ''")[["incident_id"]], on="incident_id"
    )
    when = index.set_index("person_id")["incident_date"]  # of those whose index day a sibling offence tells
    for name, day in (("offences", "offence_date"), ("treatments", "start_date")):
        table = plain.tables[name]
        table = table.loc[table["person_id"].isin(when.index)]
        later = table[day] > table["person_id"].map(when)
        key = CONTRACT[name].key
        kept = table[key].isin(less.tables[name][key])
        assert kept[~later].all()
        whole = (~kept[later]).groupby(table.loc[later, "person_id"]).mean()
        assert set(whole) <= {0.0, 1.0}, "a person's records are lost together"
        for arm, wanted in ((1, missed[0]), (0, missed[1])):
            lost = whole.loc[people.loc[whole.index, "diverted"] == arm]
            assert share(lost.mean(), wanted, len(lost))


@pytest.mark.parametrize("name", list(CONTRACT))
def test_typing_mistakes_and_duplicates_come_in_the_shares_asked_for(plain: World, name: str) -> None:
    clean = plain.tables[name]
    slips = made(typing_mistakes={name: 0.2}).tables[name]
    changed = (slips != clean).sum(axis=1)
    assert (changed > 0).sum() == round(0.2 * len(clean))
    assert changed.max() == 1
    assert (slips[CONTRACT[name].key] == clean[CONTRACT[name].key]).all()
    twice = made(duplicates={name: 0.1}).tables[name]
    assert twice.duplicated().sum() == round(0.1 * len(clean))
    assert same_text(twice.drop_duplicates().sort_values(list(clean)), clean.sort_values(list(clean)))


def test_late_updates_have_an_earlier_version_in_which_nothing_was_decided(plain: World) -> None:
    world = made(late_updates=0.25)
    for name, undecided in (("disposals", ("outcome_code", "0")), ("offences", ("outcome_type", "pending"))):
        clean, table = plain.tables[name], world.tables[name]
        key = CONTRACT[name].key
        assert (table["recorded_on"] <= Settings().cut).all()
        order = table.sort_values([key, "recorded_on"], kind="stable")
        assert not order.duplicated([key, "recorded_on"]).any(), "one version is the latest"
        latest = order.drop_duplicates(key, keep="last").drop(columns="recorded_on")
        assert same_text(latest.sort_values(key), clean.sort_values(key))
        early = order.loc[order.duplicated(key, keep="last")]
        assert (early[undecided[0]] == undecided[1]).all()
        assert (early["outcome_date"] == "").all()
        first = "incident_date" if name == "disposals" else "report_date"
        could = (clean["outcome_date"] > clean[first]).sum()
        assert share(len(early) / could, 0.25, int(could))


def test_an_officer_is_met_at_random_and_the_lenient_ones_divert_more() -> None:
    world = thirteen_forces(SEED, 6_000, Settings(dirt=0.0, officers=20, officer_leniency=1.0))
    people = world.truth_people.loc[world.truth_people["force"].isin(SCHEME)]
    by_officer = people.groupby(["force", "officer"]).mean(numeric_only=True)
    assert by_officer.shape[0] == len(SCHEME) * 20
    assert people.groupby(["force", "officer"])["leniency"].nunique().max() == 1
    assert np.corrcoef(by_officer["leniency"], by_officer["diverted"])[0, 1] > 0.6
    error = 1 / np.sqrt(len(people))
    assert abs(np.corrcoef(people["leniency"], people["risk_365_control"])[0, 1]) < STANDARD_ERRORS * error
    alike = made().truth_people
    assert (alike["leniency"] == 0).all()


def test_the_probability_of_diversion_is_that_with_which_people_are_diverted(plain: World) -> None:
    people = plain.truth_people
    assert (people.loc[~people["force"].isin(SCHEME), "probability"] == 0).all()
    inside = people.loc[people["force"].isin(SCHEME)]
    for _, part in inside.groupby(pd.qcut(inside["probability"], 5)):
        p = part["probability"]
        error = np.sqrt((p * (1 - p)).sum()) / len(p)
        assert abs(part["diverted"].mean() - p.mean()) < STANDARD_ERRORS * error
