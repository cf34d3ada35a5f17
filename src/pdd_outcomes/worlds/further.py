"""What a record holds beside the bare event: report dates, severity, sentences, hospital stays, ends of treatment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, FloatArray, IntArray
from .parameters import Settings
from .people import People
from .words import dated, days

REASONS = {"drug_poisoning": 0.12, "injury": 0.30, "mental_health": 0.15, "other": 0.43}
HOSPITAL_NEED = 0.4  # log rate of hospital stays for one unit of the log hazard of entering treatment


@dataclass(frozen=True, slots=True)
class OffenceRows:
    """(m,) whose each offence is, and days from the window's first day to the offence and to its outcome."""

    person: IntArray
    when: IntArray
    decided: IntArray

    def keep(self, which: BoolArray) -> OffenceRows:
        """The rows of `which` (m,)."""
        return OffenceRows(self.person[which], self.when[which], self.decided[which])


def detailed(
    rng: np.random.Generator,
    offences: pd.DataFrame,
    rows: OffenceRows,
    incident: np.ndarray,
    index: IntArray,
    linked: BoolArray,
    settings: Settings,
) -> tuple[pd.DataFrame, OffenceRows]:
    """Offences with incident, report date and severity, less those that are reported after the cut or not linked.

    `incident`, `index`, `linked` (n,) by person: the index incident, its day, and whether what comes later is linked.
    """
    length = settings.day(settings.cut)
    late = np.zeros(len(offences), dtype=np.int64)
    if settings.reporting_delay_days:
        late = rng.exponential(settings.reporting_delay_days, len(offences)).astype(np.int64)
    told = np.minimum(rows.when + rng.geometric(0.35, len(offences)) - 1, rows.decided) + late
    rows = OffenceRows(rows.person, rows.when, rows.decided + late)
    own = np.where(rows.when == index[rows.person], incident[rows.person], "")
    base = offences["offence_group"].map(dict(settings.severity)).to_numpy(dtype=float)
    weight = np.round(base * rng.uniform(0.5, 1.5, len(offences)), 2)
    made = offences.assign(
        incident_id=own,
        report_date=days(settings.first_index, told),
        severity=weight.astype(str),
    )
    if settings.reporting_delay_days:
        made["outcome_date"] = dated(settings.first_index, rows.decided, length)
        made["outcome_type"] = made["outcome_type"].where(rows.decided <= length, "pending")
    kept = (told <= length) & (linked[rows.person] | (rows.when <= index[rows.person]))
    return made.loc[kept].reset_index(drop=True), rows.keep(kept)


def sentences(
    rng: np.random.Generator,
    offences: pd.DataFrame,
    rows: OffenceRows,
    length: int,
    settings: Settings,
    tag: str,
) -> pd.DataFrame:
    """Custody: some convictions lead to a sentence, served from the day of the outcome. It stops no reoffending."""
    convicted = (offences["outcome_type"] == "conviction").to_numpy()
    sent = np.flatnonzero(convicted & (rng.random(len(offences)) < settings.custody_share))
    start = rows.decided[sent]
    return pd.DataFrame(
        {
            "spell_id": [f"SYN-{tag}S{i:07d}" for i in rng.permutation(len(sent)) + 1],
            "person_id": offences["person_id"].to_numpy()[sent],
            "start_date": days(settings.first_index, start),
            "end_date": ends(rng, start, settings.custody_days, length, settings),
            "kind": np.repeat("sentence", len(sent)),
        }
    )


def ends(
    rng: np.random.Generator, start: IntArray, mean: float, length: int, settings: Settings
) -> pd.Series[str]:
    """When spells that started on `start` (m,) ended: at least a day later, blank where that is after the cut."""
    lasts = np.ceil(rng.exponential(mean, len(start))).astype(np.int64)
    return dated(settings.first_index, start + np.maximum(lasts, 1), length)


def stay_rate(people: People, settings: Settings) -> FloatArray:
    """(n,) hospital stays a day."""
    return np.asarray(settings.hospital_rate / 365 * np.exp(HOSPITAL_NEED * people.need))


def admissions(
    rng: np.random.Generator, people: People, ids: pd.Series[str], settings: Settings, tag: str
) -> pd.DataFrame:
    """Hospital stays at a person's own steady rate over the whole extract, diverted or not."""
    first, last = settings.day(settings.starts), settings.day(settings.cut)
    number = rng.poisson(stay_rate(people, settings) * (last - first + 1))
    person = np.repeat(np.arange(len(number)), number)
    return pd.DataFrame(
        {
            "episode_id": [f"SYN-{tag}H{i:08d}" for i in rng.permutation(len(person)) + 1],
            "person_id": ids.to_numpy()[person],
            "admission_date": days(settings.first_index, rng.integers(first, last + 1, len(person))),
            "reason": rng.choice(list(REASONS), len(person), p=list(REASONS.values())),
        }
    )
