"""The event tables: one row an event, all text, ids that are plainly synthetic, and a little dirt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from ..core.columns import BoolArray, FloatArray, IntArray
from .dirt import dirty, with_late_updates, with_mistakes
from .further import OffenceRows, admissions, detailed, ends, sentences
from .parameters import COMPARISON, FORMAL_CODES, NFA_CODES, OTHER_GROUPS, SCHEME, Settings
from .people import ETHNICITIES, OFFENCES, People
from .records import AGAIN, AGAIN_DAYS, LONGEST_DELAY, MEAN_DELAY, TRAPS
from .words import days


@dataclass(frozen=True, slots=True)
class Drawn:
    """What happens to the people, each (n,), before any of it is recorded.

    `other`, `possession`, `entry` are days from the index incident to the first reoffence of each kind and to drug treatment
    (inf: never); `index` is days from the window's first day to the index incident, None where it has not been drawn yet.
    `ids` are their pseudonyms; `tag` stands in every id, so that parts of one world share none.
    """

    ids: pd.Series[str]
    people: People
    diverted: BoolArray
    other: FloatArray
    possession: FloatArray
    entry: FloatArray
    index: IntArray | None = None
    tag: str = ""


def event_tables(
    rng: np.random.Generator, further: np.random.Generator, drawn: Drawn, settings: Settings
) -> dict[str, pd.DataFrame]:
    """Every table of the extract. What `further` draws moves nothing that `rng` does."""
    people, diverted, ids, tag = drawn.people, drawn.diverted, drawn.ids, drawn.tag
    n = len(diverted)
    index = rng.integers(0, settings.index_days, n) if drawn.index is None else drawn.index
    length = settings.day(settings.cut)
    linked = further.random(n) >= np.where(diverted, *settings.linkage_missed)
    persons = _persons(rng, people, ids, index, settings)
    disposals = _disposals(rng, people, diverted, ids, index, settings, tag)
    offences, rows = _offences(rng, drawn, ids, index, length, settings)
    incident = disposals["incident_id"].to_numpy()[:n]
    offences, rows = detailed(further, offences, rows, incident, index, linked, settings)
    contacts = _contacts(rng, drawn, ids, incident, index, length, settings)
    treatments, whose, when = _treatments(rng, people, ids, index, drawn.entry, length, settings, tag)
    over = ends(further, when, settings.treatment_days or 1.0, length, settings)
    if settings.treatment_days:
        treatments["end_date"] = over
    tables = {
        "persons": persons,
        "disposals": disposals,
        "offences": offences,
        "contacts": contacts,
        "treatments": treatments.loc[linked[whose] | (when <= index[whose])].reset_index(drop=True),
        "exits": _exits(rng, ids, index, length, settings),
        "schemes": scheme_table(settings),
        "custody": sentences(further, offences, rows, length, settings, tag),
        "hospital": admissions(further, people, ids, settings, tag),
    }
    if settings.late_updates:
        tables["disposals"] = with_late_updates(further, tables["disposals"], "disposals", settings)
        tables["offences"] = with_late_updates(further, tables["offences"], "offences", settings)
    for name in ("persons", "disposals", "offences", "contacts"):
        tables[name] = dirty(rng, tables[name], settings.dirt, tag)
    return {name: with_mistakes(further, table, name, settings) for name, table in tables.items()}


def person_ids(rng: np.random.Generator, n: int, tag: str = "") -> pd.Series[str]:
    """(n,) pseudonyms in random order."""
    return pd.Series([f"SYN-{tag}{i:07d}" for i in rng.permutation(n) + 1])


def scheme_table(settings: Settings) -> pd.DataFrame:
    """The thirteen forces and the days on which their schemes started; blank where there is none."""
    starts = days(settings.first_index, settings.scheme_starts())
    return pd.DataFrame({"force": [*SCHEME, *COMPARISON], "start_date": [*starts, *[""] * len(COMPARISON)]})


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
    tag: str,
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
    made = pd.DataFrame(
        {
            "incident_id": [f"SYN-{tag}I{i:07d}" for i in rng.permutation(len(row)) + 1],
            "person_id": ids.to_numpy()[row],
            "force": forces[people.force[row]],
            "incident_date": days(settings.first_index, when),
            "offence_group": group,
            "outcome_code": outcome.astype(str),
            "outcome_date": decided.where(outcome != 0, ""),
        }
    )
    if settings.officer_leniency and people.officer is not None:
        number = people.officer[row]
        made["officer_id"] = [f"SYN-{f[:2].upper()}{o:03d}" for f, o in zip(made["force"], number)]
    return made


def _offences(
    rng: np.random.Generator,
    drawn: Drawn,
    ids: pd.Series[str],
    index: IntArray,
    length: int,
    settings: Settings,
) -> tuple[pd.DataFrame, OffenceRows]:
    """Proven and unproven offences: history, siblings of the index incident, reoffences, breaches, late convictions."""
    people, tag = drawn.people, drawn.tag
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
    for when, groups in ((drawn.other, OTHER_GROUPS), (drawn.possession, OFFENCES)):
        after = np.maximum(np.ceil(np.where(np.isfinite(when), when, 0.0)), 1.0).astype(np.int64)
        who = np.flatnonzero(np.isfinite(when) & (index + after <= length - LONGEST_DELAY))
        parts.append(_part(who, index[who] + after[who], rng.choice(groups, len(who)), rng, "conviction"))
        again = who[rng.random(len(who)) < AGAIN]
        later = index[again] + after[again] + rng.integers(*AGAIN_DAYS, len(again))
        keep = later <= length - LONGEST_DELAY
        parts.append(_part(again[keep], later[keep], rng.choice(groups, int(keep.sum())), rng, "caution"))
    for trap in TRAPS:
        who = np.flatnonzero(rng.random(n) < trap.share)
        then = index[who] + rng.integers(trap.low, trap.high + 1, len(who))
        parts.append(_part(who, then, np.repeat(trap.group, len(who)), rng, trap.outcome, wait=91))
    row, when, group, kind, delay = (np.concatenate([p[k] for p in parts]) for k in range(5))
    decided = np.asarray(when + delay, dtype=np.int64)
    frame = pd.DataFrame(
        {
            "offence_id": [f"SYN-{tag}O{i:08d}" for i in rng.permutation(len(row)) + 1],
            "person_id": ids.to_numpy()[row],
            "offence_date": days(settings.first_index, when),
            "offence_group": group,
            "outcome_type": kind,
            "outcome_date": days(settings.first_index, decided),
        }
    )
    return frame, OffenceRows(np.asarray(row, dtype=np.int64), np.asarray(when, dtype=np.int64), decided)


def _part(
    who: IntArray, when: IntArray, group: np.ndarray, rng: np.random.Generator, kind: str, wait: int = 0
) -> tuple[np.ndarray, ...]:
    delay = np.clip(wait + rng.exponential(MEAN_DELAY, len(who)), wait, LONGEST_DELAY).astype(np.int64)
    return who, when, group.astype(str), np.repeat(kind, len(who)), delay


def _contacts(
    rng: np.random.Generator,
    drawn: Drawn,
    ids: pd.Series[str],
    incident: np.ndarray,
    index: IntArray,
    length: int,
    settings: Settings,
) -> pd.DataFrame:
    """The cascade of the diverted: referred within the grace window, then assessed, attended, completed, fewer each time."""
    n, diverted, tag = len(index), drawn.diverted, drawn.tag
    risk = drawn.people.risk
    who, when = np.flatnonzero(diverted), index[diverted] + rng.integers(1, 60, int(diverted.sum()))
    late = np.flatnonzero(~diverted & (rng.random(n) < 0.01))  # referred after the grace window: not diverted
    rows = [(who, when, "referred"), (late, index[late] + rng.integers(120, 300, len(late)), "referred")]
    for stage, share in zip(("assessed", "attended", "completed"), settings.engagement):
        on = rng.random(len(who)) < _engaged(share, risk[who], settings)
        who, when = who[on], when[on] + rng.integers(5, 40, int(on.sum()))
        rows.append((who, when, stage))
    person = np.concatenate([r[0] for r in rows])
    return pd.DataFrame(
        {
            "contact_id": [f"SYN-{tag}C{i:07d}" for i in rng.permutation(len(person)) + 1],
            "person_id": ids.to_numpy()[person],
            "incident_id": incident[person],
            "stage": np.concatenate([np.repeat(r[2], len(r[0])) for r in rows]),
            "contact_date": days(
                settings.first_index, np.minimum(np.concatenate([r[1] for r in rows]), length)
            ),
        }
    )


def _engaged(share: float, risk: FloatArray, settings: Settings) -> FloatArray | float:
    """The probability of the next step of the cascade."""
    if settings.engagement_selection == 0 or share in (0.0, 1.0):
        return share
    return np.asarray(special.expit(special.logit(share) - settings.engagement_selection * risk))


def _treatments(
    rng: np.random.Generator,
    people: People,
    ids: pd.Series[str],
    index: IntArray,
    entry: FloatArray,
    length: int,
    settings: Settings,
    tag: str,
) -> tuple[pd.DataFrame, IntArray, IntArray]:
    before = np.flatnonzero(people.prior_treatment)
    after = np.maximum(np.ceil(np.where(np.isfinite(entry), entry, 0.0)), 1.0).astype(np.int64)
    who = np.flatnonzero(np.isfinite(entry) & (index + after <= length))
    when = np.concatenate([index[before] - rng.integers(30, 1500, len(before)), index[who] + after[who]])
    person = np.concatenate([before, who])
    frame = pd.DataFrame(
        {
            "episode_id": [f"SYN-{tag}T{i:07d}" for i in rng.permutation(len(person)) + 1],
            "person_id": ids.to_numpy()[person],
            "start_date": days(settings.first_index, when),
        }
    )
    return frame, person, when


def _exits(
    rng: np.random.Generator, ids: pd.Series[str], index: IntArray, length: int, settings: Settings
) -> pd.DataFrame:
    """Deaths and emigration, whichever comes first, at random and the same for everyone."""
    rate = settings.death_rate + settings.emigration_rate
    wait = rng.exponential(365 / rate, len(index)) if rate else np.full(len(index), np.inf)
    gone = np.flatnonzero(np.ceil(index + wait) <= length)
    when = np.ceil(index[gone] + wait[gone]).astype(np.int64)
    died = settings.death_rate / rate if rate else 0.0
    return pd.DataFrame(
        {
            "person_id": ids.to_numpy()[gone],
            "exit_date": days(settings.first_index, when),
            "kind": np.where(rng.random(len(gone)) < died, "death", "emigration"),
        }
    )
