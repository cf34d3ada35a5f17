"""The event tables: one row an event, all text, ids that are plainly synthetic, and a little dirt."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, FloatArray, IntArray
from .parameters import COMPARISON, FORMAL_CODES, NFA_CODES, SCHEME, Settings
from .people import ETHNICITIES, OFFENCES, People

LONGEST_DELAY = (
    180  # days from offence to outcome: inside the waiting period, so that a reoffence is proven in time
)
OTHER_GROUPS = ("theft", "violence", "vehicle", "public_order")


def days(base: str, offset: FloatArray | IntArray) -> pd.Series[str]:
    """ISO dates `offset` whole days after `base`, as text."""
    start = np.datetime64(base, "D")
    return pd.Series((start + np.asarray(offset).astype("timedelta64[D]")).astype(str))


def event_tables(
    rng: np.random.Generator,
    people: People,
    diverted: BoolArray,
    other: FloatArray,
    possession: FloatArray,
    entry: FloatArray,
    settings: Settings,
) -> dict[str, pd.DataFrame]:
    """Every table of the extract.

    `other`, `possession`, `entry` are (n,) days from the index incident to the first reoffence of each kind and to drug
    treatment (inf: never).
    """
    n = len(diverted)
    ids = pd.Series([f"SYN-{i:07d}" for i in rng.permutation(n) + 1])
    index = rng.integers(0, settings.index_days, n)
    length = int((np.datetime64(settings.cut) - np.datetime64(settings.first_index)).astype(int))
    persons = _persons(rng, people, ids, index, settings)
    disposals = _disposals(rng, people, diverted, ids, index, settings)
    tables = {
        "persons": persons,
        "disposals": disposals,
        "offences": _offences(rng, people, ids, index, other, possession, length, settings),
        "contacts": _contacts(rng, diverted, ids, disposals, index, length, settings),
        "treatments": _treatments(rng, people, ids, index, entry, length, settings),
        "exits": _exits(rng, ids, index, length, settings),
        "schemes": pd.DataFrame(
            {
                "force": [*SCHEME, *COMPARISON],
                "start_date": ["2015-04-01"] * len(SCHEME) + [""] * len(COMPARISON),
            }
        ),
    }
    for name in ("persons", "disposals", "offences", "contacts"):
        tables[name] = _dirty(rng, tables[name], settings.dirt)
    return tables


def _persons(
    rng: np.random.Generator, people: People, ids: pd.Series[str], index: IntArray, settings: Settings
) -> pd.DataFrame:
    birth = np.datetime64(settings.first_index, "D") + index.astype("timedelta64[D]")
    years = birth.astype("datetime64[M]") - (12 * people.age).astype("timedelta64[M]")
    # Born between the day before this birthday and nearly a year earlier, so that age at the index incident is as drawn.
    born = years.astype("datetime64[D]") - rng.integers(0, 330, len(index)).astype("timedelta64[D]")
    stated = rng.random(len(index)) >= settings.not_stated
    return pd.DataFrame(
        {
            "person_id": ids,
            "birth_date": born.astype(str),
            "sex": np.where(people.male, "male", "female"),
            "ethnicity": np.where(stated, np.array(ETHNICITIES)[people.ethnicity], "not stated"),
            "imd_decile": people.imd_decile.astype(str),
        }
    )


def _disposals(
    rng: np.random.Generator,
    people: People,
    diverted: BoolArray,
    ids: pd.Series[str],
    index: IntArray,
    settings: Settings,
) -> pd.DataFrame:
    """The index incident of everyone, then incidents that are not eligible: another offence, another year, a second one."""
    n = len(index)
    code = rng.choice([*FORMAL_CODES, *NFA_CODES, 0], n, p=[0.60, 0.14, 0.04, 0.08, *[0.03] * 4, 0.02])
    code = np.where(diverted, np.where(rng.random(n) < 0.6, 8, 22), code)
    wait = np.where(diverted, rng.integers(5, 60, n), rng.integers(20, 240, n))
    forces = np.array([*SCHEME, *COMPARISON])
    parts = [(np.arange(n), index, np.array(OFFENCES)[people.offence], code, wait)]
    for share, low, high, groups in (
        (0.04, -700, -1, OFFENCES),  # before the window opens
        (0.10, 1, 400, OFFENCES),  # a second incident, not the index
        (0.05, 1, 300, ("trafficking",)),  # not an eligible offence
    ):
        who = np.flatnonzero(rng.random(n) < share)
        when = index[who] + rng.integers(low, high + 1, len(who))
        when = np.minimum(-1, when - index[who]) if high < 0 else when
        parts.append(
            (
                who,
                when,
                rng.choice(groups, len(who)),
                rng.choice(FORMAL_CODES, len(who)),
                rng.integers(20, 200, len(who)),
            )
        )
    row, when, group, outcome, delay = (np.concatenate([p[k] for p in parts]) for k in range(5))
    decided = days(settings.first_index, when + delay)
    return pd.DataFrame(
        {
            "incident_id": [f"SYN-I{i:07d}" for i in rng.permutation(len(row)) + 1],
            "person_id": ids.to_numpy()[row],
            "force": forces[people.force[row]],
            "incident_date": days(settings.first_index, when),
            "offence_group": group,
            "outcome_code": outcome.astype(str),
            "outcome_date": decided.where(outcome != 0, ""),
        }
    )


def _offences(
    rng: np.random.Generator,
    people: People,
    ids: pd.Series[str],
    index: IntArray,
    other: FloatArray,
    possession: FloatArray,
    length: int,
    settings: Settings,
) -> pd.DataFrame:
    """Proven and unproven offences: history, siblings of the index incident, reoffences, breaches, late convictions."""
    n = len(index)
    everyone = np.arange(n)
    prior = np.repeat(everyone, people.prior_offences)
    rank = np.arange(len(prior)) - np.repeat(
        np.cumsum(people.prior_offences) - people.prior_offences, people.prior_offences
    )
    drug = rank < people.prior_drug[prior]
    ago = rng.integers(200, 1800, len(prior))
    parts = [
        _part(
            prior,
            index[prior] - ago,
            np.where(drug, "drug", rng.choice(OTHER_GROUPS, len(prior))),
            rng,
            "conviction",
        )
    ]
    for when, groups in ((other, OTHER_GROUPS), (possession, OFFENCES)):
        after = np.maximum(np.ceil(np.where(np.isfinite(when), when, 0.0)), 1.0).astype(np.int64)
        who = np.flatnonzero(np.isfinite(when) & (index + after <= length - LONGEST_DELAY))
        parts.append(_part(who, index[who] + after[who], rng.choice(groups, len(who)), rng, "conviction"))
        again = who[rng.random(len(who)) < 0.5]
        later = index[again] + after[again] + rng.integers(5, 500, len(again))
        keep = later <= length - LONGEST_DELAY
        parts.append(_part(again[keep], later[keep], rng.choice(groups, int(keep.sum())), rng, "caution"))
    traps: tuple[tuple[float, int, int, str, str], ...] = (
        (0.15, 0, 0, "theft", "conviction"),  # a sibling of the index incident
        (0.03, 10, 400, "breach", "conviction"),
        (0.04, -90, -1, "theft", "conviction"),  # committed before, convicted after time zero
        (0.05, 10, 400, "public_order", "community_resolution"),  # proves nothing
    )
    for share, low, high, trap, how in traps:
        who = np.flatnonzero(rng.random(n) < share)
        then = index[who] + rng.integers(low, high + 1, len(who))
        parts.append(_part(who, then, np.repeat(trap, len(who)), rng, how, wait=91))
    row, when, group, kind, delay = (np.concatenate([p[k] for p in parts]) for k in range(5))
    return pd.DataFrame(
        {
            "offence_id": [f"SYN-O{i:08d}" for i in rng.permutation(len(row)) + 1],
            "person_id": ids.to_numpy()[row],
            "offence_date": days(settings.first_index, when),
            "offence_group": group,
            "outcome_type": kind,
            "outcome_date": days(settings.first_index, when + delay),
        }
    )


def _part(
    who: IntArray, when: IntArray, group: np.ndarray, rng: np.random.Generator, kind: str, wait: int = 0
) -> tuple[np.ndarray, ...]:
    delay = np.clip(wait + rng.exponential(50.0, len(who)), wait, LONGEST_DELAY).astype(np.int64)
    return who, when, group.astype(str), np.repeat(kind, len(who)), delay


def _contacts(
    rng: np.random.Generator,
    diverted: BoolArray,
    ids: pd.Series[str],
    disposals: pd.DataFrame,
    index: IntArray,
    length: int,
    settings: Settings,
) -> pd.DataFrame:
    """The cascade of the diverted: referred within the grace window, then assessed, attended, completed, fewer each time."""
    n = len(index)
    incident = disposals["incident_id"].to_numpy()[:n]
    who, when = np.flatnonzero(diverted), index[diverted] + rng.integers(1, 60, int(diverted.sum()))
    late = np.flatnonzero(~diverted & (rng.random(n) < 0.01))  # referred after the grace window: not diverted
    rows = [(who, when, "referred"), (late, index[late] + rng.integers(120, 300, len(late)), "referred")]
    for stage, share in (("assessed", 0.85), ("attended", 0.8), ("completed", 0.75)):
        on = rng.random(len(who)) < share
        who, when = who[on], when[on] + rng.integers(5, 40, int(on.sum()))
        rows.append((who, when, stage))
    person = np.concatenate([r[0] for r in rows])
    return pd.DataFrame(
        {
            "contact_id": [f"SYN-C{i:07d}" for i in rng.permutation(len(person)) + 1],
            "person_id": ids.to_numpy()[person],
            "incident_id": incident[person],
            "stage": np.concatenate([np.repeat(r[2], len(r[0])) for r in rows]),
            "contact_date": days(
                settings.first_index, np.minimum(np.concatenate([r[1] for r in rows]), length)
            ),
        }
    )


def _treatments(
    rng: np.random.Generator,
    people: People,
    ids: pd.Series[str],
    index: IntArray,
    entry: FloatArray,
    length: int,
    settings: Settings,
) -> pd.DataFrame:
    before = np.flatnonzero(people.prior_treatment)
    after = np.maximum(np.ceil(np.where(np.isfinite(entry), entry, 0.0)), 1.0).astype(np.int64)
    who = np.flatnonzero(np.isfinite(entry) & (index + after <= length))
    when = np.concatenate([index[before] - rng.integers(30, 1500, len(before)), index[who] + after[who]])
    person = np.concatenate([before, who])
    return pd.DataFrame(
        {
            "episode_id": [f"SYN-T{i:07d}" for i in rng.permutation(len(person)) + 1],
            "person_id": ids.to_numpy()[person],
            "start_date": days(settings.first_index, when),
        }
    )


def _exits(
    rng: np.random.Generator, ids: pd.Series[str], index: IntArray, length: int, settings: Settings
) -> pd.DataFrame:
    """Deaths (0.4% a year) and emigration (0.2%), at random."""
    n = len(index)
    when = np.ceil(index + rng.exponential(365 / 0.006, n)).astype(np.int64)
    gone = np.flatnonzero(when <= length)
    return pd.DataFrame(
        {
            "person_id": ids.to_numpy()[gone],
            "exit_date": days(settings.first_index, when[gone]),
            "kind": np.where(rng.random(len(gone)) < 2 / 3, "death", "emigration"),
        }
    )


def _dirty(rng: np.random.Generator, table: pd.DataFrame, share: float) -> pd.DataFrame:
    """The table with bad rows added, in random order: exact duplicates, unknown persons, days that do not exist."""
    k = int(share * len(table) / 3)
    if not k:
        return table.sample(frac=1, random_state=rng).reset_index(drop=True)
    key, date = table.columns[0], next(c for c in table.columns if c.endswith("_date"))
    twice, orphans, wrong = (table.iloc[rng.choice(len(table), k, replace=False)].copy() for _ in range(3))
    orphans["person_id"] = [f"SYN-X{i:06d}" for i in range(k)]
    for name, part in (("D", orphans), ("E", wrong)):
        if key != "person_id":
            part[key] = [f"SYN-{name}{i:07d}" for i in range(k)]
        else:
            part["person_id"] = [f"SYN-{name}{i:07d}" for i in range(k)]
    wrong[date] = "2018-02-30"
    parts = [table, twice, wrong] if key == "person_id" else [table, twice, orphans, wrong]
    return pd.concat(parts, ignore_index=True).sample(frac=1, random_state=rng).reset_index(drop=True)
