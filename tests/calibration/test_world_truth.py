"""The truth of the synthetic world against its own draws: every measure, in both arms, within Monte-Carlo error."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from pdd_outcomes.design import match, propensity_score
from pdd_outcomes.worlds.large import write_world
from pdd_outcomes.worlds.parameters import SCHEME, Settings
from pdd_outcomes.worlds.people import draw_people
from pdd_outcomes.worlds.potential import HORIZONS, calibrate, draw_force_effects
from pdd_outcomes.worlds.synthetic import World, thirteen_forces

SEED, PEOPLE = 21, 40_000
# Deaths, sentences and hospital stays far more common than the default, so that an error in them would show.
SETTINGS = Settings(dirt=0.0, custody_share=0.8, death_rate=0.05, long_custody_days=30, hospital_rate=1.0)
STANDARD_ERRORS = 4.0  # a draw this far out comes once in 16,000; the seed is fixed
NEVER = 10**6


@pytest.fixture(scope="module")
def world() -> World:
    return thirteen_forces(SEED, PEOPLE, SETTINGS)


@dataclass(frozen=True)
class Seen:
    """What the tables say of each person, in the order of truth_people: days from time zero, or NEVER."""

    people: pd.DataFrame
    offences: pd.DataFrame  # proven reoffences: person_id, after, severity, held (days of the sentence)
    first: pd.Series
    entry: pd.Series
    died: pd.Series
    left: pd.Series
    held: pd.Series
    stays: pd.DataFrame

    def total(self, events: pd.DataFrame, horizon: int, column: str | None = None) -> np.ndarray:
        inside = events.loc[(events["after"] > 0) & (events["after"] <= horizon)].groupby("person_id")
        made = inside.size() if column is None else inside[column].sum()
        return made.reindex(self.people.index).fillna(0).to_numpy(dtype=float)


def days(text: pd.Series) -> pd.Series:
    return pd.to_datetime(text.where(text != ""), format="%Y-%m-%d")


@pytest.fixture(scope="module")
def seen(world: World) -> Seen:
    tables, people = world.tables, world.truth_people.set_index("person_id")
    incidents = tables["disposals"]
    window = incidents["offence_group"].str.startswith("possession") & incidents["incident_date"].between(
        "2018-01-01", "2019-12-31"
    )
    index = days(incidents.loc[window].groupby("person_id")["incident_date"].min())

    def after(frame: pd.DataFrame, column: str) -> pd.Series:
        return (days(frame[column]) - frame["person_id"].map(index)).dt.days

    def earliest(frame: pd.DataFrame) -> pd.Series:
        return frame.groupby("person_id")["after"].min().reindex(people.index).fillna(NEVER)

    custody = tables["custody"].assign(
        after=lambda t: after(t, "start_date"),
        long=lambda t: (days(t["end_date"]) - days(t["start_date"])).dt.days,
    )
    proven = tables["offences"].assign(
        after=lambda t: after(t, "offence_date"), severity=lambda t: t["severity"].astype(float)
    )
    proven = proven.loc[
        (proven["after"] > 0)
        & (proven["offence_group"] != "breach")
        & proven["outcome_type"].isin(["conviction", "caution"])
    ]
    lengths = custody.groupby(["person_id", "start_date"])["long"].sum()
    key = pd.MultiIndex.from_frame(proven[["person_id", "outcome_date"]])
    sentence = lengths.reindex(key).fillna(0).to_numpy() * (proven["outcome_type"] == "conviction").to_numpy()
    exits = tables["exits"].assign(after=lambda t: after(t, "exit_date"))
    treatments = tables["treatments"].assign(after=lambda t: after(t, "start_date"))
    long = custody.loc[(custody["after"] > 0) & ~(custody["long"] < SETTINGS.long_custody_days)]
    return Seen(
        people,
        proven.assign(held=sentence),
        earliest(proven),
        earliest(treatments.loc[treatments["after"] > 0]),
        earliest(exits.loc[exits["kind"] == "death"]),
        earliest(exits.loc[exits["kind"] == "emigration"]),
        earliest(long),
        tables["hospital"].assign(after=lambda t: after(t, "admission_date")),
    )


def true(
    world: World, measure: str, horizon: int, outcome: str = "reoffending", analysis: str = "diverted"
) -> float:
    t = world.truth
    wanted = {"analysis": analysis, "group": "all", "outcome": outcome, "measure": measure}
    for column, value in wanted.items():
        t = t.loc[t[column] == value]
    (found,) = t.loc[t["horizon_days"] == horizon, "estimate"]
    return float(found)


def per_person(seen: Seen, measure: str, horizon: int) -> np.ndarray:
    """(n,) the quantity whose mean a measure is."""
    first, died, held = (s.to_numpy() for s in (seen.first, seen.died, seen.held))
    rival = np.minimum(died, held)
    if measure == "cost":
        unit, one = SETTINGS.costs, (seen.people["diverted"] == 1).to_numpy()
        return (
            np.where(one, unit["diversion"], unit["disposal"])
            + unit["reoffence"] * seen.total(seen.offences, horizon)
            + unit["custody_day"] * seen.total(seen.offences, horizon, "held")
            + unit["treatment_entry"] * (seen.entry.to_numpy() <= horizon)
            + unit["hospital_stay"] * seen.total(seen.stays, horizon)
        )
    made = {
        "risk": lambda: first <= horizon,
        "rmst": lambda: np.minimum(first - 0.5, horizon),  # a time is recorded as the end of its day
        "mean_count": lambda: seen.total(seen.offences, horizon),
        "severity": lambda: seen.total(seen.offences, horizon, "severity"),
        "incidence_death": lambda: (first <= horizon) & (first <= died),
        "incidence_death_custody": lambda: (first <= horizon) & (first <= rival),
        "incidence_of_death": lambda: (died <= horizon) & (died < first) & (died <= held),
        "incidence_of_custody": lambda: (held <= horizon) & (held < first) & (held < died),
    }
    return made[measure]().astype(float)


def weighted(values: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """A weighted mean and its standard error."""
    mean = float((weights * values).sum() / weights.sum())
    return mean, float(np.sqrt((weights**2 * (values - mean) ** 2).sum()) / weights.sum())


MEASURES = [
    (m, h)
    for m in (
        "risk",
        "mean_count",
        "severity",
        "incidence_death",
        "incidence_death_custody",
        "incidence_of_death",
        "incidence_of_custody",
    )
    for h in HORIZONS
]


@pytest.mark.parametrize(("measure", "horizon"), [*MEASURES, ("rmst", 1095), ("cost", 91), ("cost", 365)])
def test_both_arms_of_the_diverted_are_what_the_tables_show(
    world: World, seen: Seen, measure: str, horizon: int
) -> None:
    """The diverted as they are, and those not diverted weighted by the odds of it, which the world knows."""
    values = per_person(seen, measure, horizon)
    stayed = (seen.left >= NEVER).to_numpy()  # emigration is independent of all else
    diverted = (seen.people["diverted"] == 1).to_numpy()
    p = seen.people["probability"].to_numpy()
    odds = p / (1 - p)
    outcome = "cost" if measure == "cost" else "reoffending"
    for arm, who, weights in (
        ("treated", diverted & stayed, np.ones(len(p))),
        ("control", ~diverted & stayed & (p > 0), odds),
    ):
        mean, error = weighted(values[who], weights[who])
        assert abs(mean - true(world, f"{measure}_{arm}", horizon, outcome)) < STANDARD_ERRORS * error


@pytest.mark.parametrize("horizon", HORIZONS)
def test_the_schemes_treated_arm_is_everyone_arrested_where_one_runs(
    world: World, seen: Seen, horizon: int
) -> None:
    inside = seen.people["force"].isin(SCHEME).to_numpy()
    for measure in ("risk", "mean_count", "severity"):
        mean, error = weighted(per_person(seen, measure, horizon)[inside], np.ones(int(inside.sum())))
        assert (
            abs(mean - true(world, f"{measure}_treated", horizon, analysis="scheme")) < STANDARD_ERRORS * error
        )


def test_other_outcomes_too_are_what_the_tables_show(world: World, seen: Seen) -> None:
    diverted = (seen.people["diverted"] == 1).to_numpy()
    other = seen.offences.loc[~seen.offences["offence_group"].str.startswith("possession")]
    for horizon in HORIZONS:
        found = {
            ("treatment_entry", "risk_treated"): (seen.entry <= horizon).to_numpy(dtype=float),
            ("reoffending_not_possession", "mean_count_treated"): seen.total(other, horizon),
            ("hospital", "mean_count_treated"): seen.total(seen.stays, horizon),
        }
        for (outcome, measure), values in found.items():
            mean, error = weighted(values[diverted], np.ones(int(diverted.sum())))
            assert abs(mean - true(world, measure, horizon, outcome)) < STANDARD_ERRORS * error
        assert true(world, "mean_count_difference", horizon, "hospital") == 0


def cox(treated: np.ndarray, control: np.ndarray, start: float, end: float) -> tuple[float, float]:
    """Cox's log hazard ratio and its model-based standard error from continuous times, between two days."""
    time = np.concatenate([treated, control])
    arm = np.concatenate([np.ones(len(treated)), np.zeros(len(control))])
    order = np.argsort(time)
    time, arm = time[order], arm[order]
    ones = np.cumsum(arm[::-1])[::-1]
    nils = np.cumsum((1 - arm)[::-1])[::-1]
    event = (time > start) & (time <= end)
    z, n1, n0 = arm[event], ones[event], nils[event]

    def share(beta: float) -> np.ndarray:
        return np.exp(beta) * n1 / (np.exp(beta) * n1 + n0)

    beta = float(optimize.brentq(lambda b: float((z - share(b)).sum()), -3, 3))
    return beta, float(1 / np.sqrt((share(beta) * (1 - share(beta))).sum()))


def test_the_hazard_ratios_are_what_coxs_estimate_tends_to_on_pairs_of_both_potential_outcomes(
    world: World,
) -> None:
    rng = np.random.default_rng(SEED)
    people = draw_people(rng, PEOPLE, SETTINGS)
    effects = draw_force_effects(rng, people, SETTINGS)
    hazard, diverted = calibrate(rng, people, effects, SETTINGS)
    log_hazard, effect = (people.risk + effects.force)[diverted], effects.effect[diverted]
    draws = [
        np.concatenate(
            [
                hazard.time(
                    rng.standard_exponential(len(effect)), log_hazard, effect, np.full(len(effect), arm)
                )
                for _ in range(80)
            ]
        )
        for arm in (True, False)
    ]
    for start, end in ((0, 91), (91, 365), (365, 1095)):
        beta, error = cox(draws[0], draws[1], start, end)
        assert abs(beta - np.log(true(world, "hazard_ratio_interval", end))) < STANDARD_ERRORS * error
    beta, error = cox(draws[0], draws[1], 0, 1095)
    assert error < 0.003
    assert abs(beta - np.log(true(world, "hazard_ratio", 1095))) < STANDARD_ERRORS * error


def test_measures_of_one_contrast_agree_with_each_other(world: World) -> None:
    keys = ["analysis", "group", "outcome", "horizon_days"]
    assert not world.truth.duplicated([*keys, "measure"]).any()
    assert np.isfinite(world.truth["estimate"]).all()
    wide = world.truth.pivot(index=keys, columns="measure", values="estimate")
    measures = sorted(m.removesuffix("_treated") for m in wide.columns if m.endswith("_treated"))
    assert len(measures) == 9
    for measure in measures:
        both = wide.dropna(subset=[f"{measure}_treated", f"{measure}_difference"])
        apart = both[f"{measure}_treated"] - both[f"{measure}_control"]
        np.testing.assert_allclose(both[f"{measure}_difference"], apart, atol=1e-9)
        if f"{measure}_ratio" in wide:
            some = wide.dropna(subset=[f"{measure}_ratio", f"{measure}_treated"])
            ratio = some[f"{measure}_treated"] / some[f"{measure}_control"]
            np.testing.assert_allclose(some[f"{measure}_ratio"], ratio, rtol=1e-9)
    risks = wide.dropna(subset=["odds_ratio", "risk_treated"])
    odds = risks[["risk_treated", "risk_control"]] / (1 - risks[["risk_treated", "risk_control"]])
    np.testing.assert_allclose(risks["odds_ratio"], odds["risk_treated"] / odds["risk_control"], rtol=1e-9)
    main = wide.loc[("diverted", "all", "reoffending")]
    sum_of_all = main["incidence_death_custody_treated"] + main["incidence_of_death_treated"]
    assert (sum_of_all + main["incidence_of_custody_treated"] < 1).all()
    assert (main["incidence_death_custody_treated"] < main["incidence_death_treated"]).all()
    assert (main["incidence_death_treated"] < main["risk_treated"]).all()


@pytest.mark.parametrize(("hidden", "low", "high"), [(0.0, -0.006, 0.006), (1.0, 0.02, 0.2)])
def test_the_matched_contrast_is_confounded_by_a_trait_that_no_record_holds_and_by_nothing_else(
    hidden: float, low: float, high: float
) -> None:
    """True risks without diversion of the diverted and of those matched to them on what the records hold."""
    settings = Settings(dirt=0.0, hidden_selection=hidden)
    truth = thirteen_forces(SEED, 12_000, settings).truth_people
    people = draw_people(np.random.default_rng(SEED), 12_000, settings)
    records = pd.DataFrame(
        {
            "treated": truth["diverted"],
            "force": truth["force"],
            "age": people.age,
            "male": people.male.astype(int),
            "ethnicity": people.ethnicity.astype(str),
            "imd": people.imd_decile,
            "class_a": (people.offence == 0).astype(int),
            "priors": np.log1p(people.prior_offences),
            "drug": np.log1p(people.prior_drug),
            "any": (people.prior_offences > 0).astype(int),
            "before": people.prior_treatment.astype(int),
        }
    ).loc[truth["force"].isin(SCHEME)]
    risk = truth.loc[records.index, "risk_365_control"].to_numpy()
    records = records.reset_index(drop=True)
    covariates = [c for c in records.columns if c not in ("treated", "force")]
    score = propensity_score(records, "treated", covariates=covariates)
    design = match(
        records,
        "treated",
        covariates=covariates,
        distance=score.logit,
        replace=True,
        ratio=2,
        exact=["force"],
    )
    treated = design.treated
    naive = risk[~treated].mean() - risk[treated].mean()
    w = design.weights
    left = np.average(risk[~treated], weights=w[~treated]) - np.average(risk[treated], weights=w[treated])
    assert naive > 0.06
    assert low < left < high


def test_the_truth_of_a_large_world_agrees_with_the_draw_that_is_written(tmp_path: Path) -> None:
    write_world(tmp_path, people=60_000, seed=4, chunk=20_000, sample=10_000)
    people = pd.read_parquet(tmp_path / "truth_people.parquet")
    truth = pd.read_csv(tmp_path / "truth_errors.csv")
    row = truth.query("analysis == 'diverted' and group == 'all' and outcome == 'reoffending'")
    row = row.loc[row["horizon_days"] == 365].set_index("measure")
    diverted = people.loc[people["diverted"] == 1]
    for arm in ("treated", "control"):
        values = diverted[f"risk_365_{arm}"]
        wanted = row.loc[f"risk_{arm}"]
        error = np.hypot(values.std() / np.sqrt(len(values)), wanted["std_error"])
        assert 0 < wanted["std_error"] < 0.01
        assert abs(values.mean() - wanted["estimate"]) < STANDARD_ERRORS * error
    assert list(pd.read_csv(tmp_path / "truth.csv").columns) == [
        "analysis",
        "group",
        "outcome",
        "measure",
        "horizon_days",
        "estimate",
    ]
