"""What the synthetic world is calibrated to, each figure with its source, and what may be turned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np

from ..core.errors import UsageError, did_you_mean

# Force-level and person-level Kaplan-Meier risks at 91, 365 and 1095 days, cohort 1 (possession-type suspects), of the
# police drug diversion impact evaluation: github.com/danlewer/pdd, km_risks.csv, 2026-03-06.
KNOTS = (91.0, 365.0, 1095.0)
COMPARISON_FORCES = (0.133, 0.276, 0.399)
DIVERTED = (0.075, 0.183, 0.299)
SCHEME_FORCES = (0.117, 0.250, 0.377)
TREATMENT_AT_365 = {"diverted": 0.040, "not diverted": 0.057}  # same source, entry into drug treatment

SCHEME = ("Alder", "Birch", "Cedar", "Elm", "Hawthorn", "Hazel", "Juniper", "Larch", "Rowan")
COMPARISON = ("Holly", "Maple", "Willow", "Yew")

NFA_CODES = (14, 15, 16, 18)
FORMAL_CODES = (1, 3, 6, 7)

OTHER_GROUPS = ("theft", "violence", "vehicle", "public_order")
POSSESSION_GROUPS = ("possession_class_a", "possession_class_b", "possession_other")

# Days of harm and pounds an event. Round figures made up for the world, of no source: a study brings its own.
SEVERITY: Mapping[str, float] = MappingProxyType(
    {
        "theft": 10.0,
        "violence": 90.0,
        "vehicle": 15.0,
        "public_order": 5.0,
        "breach": 2.0,
        "drug": 20.0,
        **dict.fromkeys(POSSESSION_GROUPS, 3.0),
    }
)
COSTS: Mapping[str, float] = MappingProxyType(
    {
        "diversion": 500.0,
        "disposal": 1_000.0,
        "reoffence": 2_500.0,
        "custody_day": 130.0,
        "treatment_entry": 1_500.0,
        "hospital_stay": 2_000.0,
    }
)

TABLES = (
    "persons",
    "disposals",
    "offences",
    "custody",
    "contacts",
    "treatments",
    "hospital",
    "exits",
    "schemes",
)

# Settings that are one number, with the least and the most that each may be.
RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "uptake": (0.1, 0.9),  # a force's own is up to 9 points from it
        "scheme_share": (0.1, 0.95),
        "not_stated": (0, 1),
        "dirt": (0, 0.5),
        "hidden_selection": (-10, 10),
        "engagement_selection": (-5, 5),
        "custody_share": (0, 1),
        "custody_days": (1, 3650),
        "long_custody_days": (1, 36525),
        "treatment_days": (0, 3650),
        "hospital_rate": (0, 20),
        "death_rate": (0, 1),
        "emigration_rate": (0, 1),
        "reporting_delay_days": (0, 3650),
        "late_updates": (0, 1),
        "officers": (1, 10_000),
        "officer_leniency": (0, 5),
    }
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What may be turned. The defaults are the published picture.

    Attributes
    ----------
    uptake : share diverted within scheme forces (47%: same source, about 28% of all suspects)
    scheme_share : share of suspects who live in scheme forces (28/47)
    tau2 : between-force variance of the force-level log hazard ratio (0.0253 by REML on the nine published estimates)
    force_sd : the part of its root that is residual difference between forces and no effect of the scheme
    hidden_selection : log odds of diversion for one SD of a trait that officers see and no record holds; it also raises
        the log hazard by 0.5. 0 makes the comparison of people unconfounded given the records.
    not_stated : share of people whose ethnicity is not stated
    dirt : share of extra bad rows (exact duplicates, orphans, impossible dates) added to each of the tables persons,
        disposals, offences and contacts
    starts, cut : first and last day of the extract
    first_index, index_days : first day of the window of index incidents, and its length
    rollout : "same day" (2015-04-01, before anybody is arrested), or the months (1 to 24) over which the nine schemes
        start one after another, the first on the window's first day; nobody is diverted before the force's start. What
        differs between forces is constant in time, so trends are parallel without the schemes.
    engagement : of those referred the share assessed, of those the share attending, of those the share completing
    engagement_selection : fall in the log odds of each such step for one more of the log hazard of reoffending, so that those
        who complete are not like those who do not
    custody_share : share of convictions followed by a sentence, which starts on the day of the outcome
    custody_days : mean length of a sentence (exponential, whole days, at least 1)
    long_custody_days : shortest spell that competes with reoffending in the truth
    treatment_days : mean length of an episode of drug treatment (exponential); 0 sends no end dates, as not all systems do
    hospital_rate : hospital stays a year of a person of average need. Diversion has no effect on them: a true null.
    death_rate, emigration_rate : a year, the same for everyone
    reporting_delay_days : mean of an exponential delay of the report, which moves the outcome as far; what is reported
        after the cut is not sent, and what is decided after the cut is sent as pending
    linkage_missed : share of the diverted and of the others none of whose offences, sentences and treatment after time
        zero is linked: they look as if they had desisted
    typing_mistakes : by table, share of rows with one cell (not the key) mistyped
    duplicates : by table, share of rows sent twice
    late_updates : share of decided disposals and offences that have an earlier version in which they were undecided; the
        two tables gain the column recorded_on
    severity : weight of an offence by group; each offence has from half to one and a half times its group's
    costs : unit costs by event, for the cost rows of the truth
    officers : how many officers a force has, each suspect meeting one at random
    officer_leniency : SD over officers of the log odds of diversion, so that an officer's leniency is an instrument

    Raises
    ------
    UsageError
        A setting is out of its range. All of them at once.
    """

    uptake: float = 0.47
    scheme_share: float = 0.60
    tau2: float = 0.025
    force_sd: float = 0.08
    hidden_selection: float = 0.0
    not_stated: float = 0.06
    dirt: float = 0.002
    starts: str = "2013-01-01"
    cut: str = "2023-12-31"
    first_index: str = "2018-01-01"
    index_days: int = 730
    rollout: Literal["same day"] | int = "same day"
    engagement: tuple[float, float, float] = (0.85, 0.8, 0.75)
    engagement_selection: float = 0.0
    custody_share: float = 0.08
    custody_days: float = 120.0
    long_custody_days: int = 183
    treatment_days: float = 0.0
    hospital_rate: float = 0.12
    death_rate: float = 0.004
    emigration_rate: float = 0.002
    reporting_delay_days: float = 0.0
    linkage_missed: tuple[float, float] = (0.0, 0.0)
    typing_mistakes: Mapping[str, float] = field(default_factory=dict)
    duplicates: Mapping[str, float] = field(default_factory=dict)
    late_updates: float = 0.0
    severity: Mapping[str, float] = field(default_factory=lambda: SEVERITY)
    costs: Mapping[str, float] = field(default_factory=lambda: COSTS)
    officers: int = 40
    officer_leniency: float = 0.0

    def __post_init__(self) -> None:
        problems = [
            f"{name}={value:g} is not between {low:g} and {high:g}."
            for name, (low, high) in RANGES.items()
            if not low <= (value := float(getattr(self, name))) <= high
        ]
        if not 0 <= self.force_sd**2 <= self.tau2:
            problems.append(
                f"force_sd={self.force_sd:g} is a part of the root of tau2={self.tau2:g} and cannot be above it."
            )
        problems += _rollout(self.rollout)
        problems += _shares("engagement", self.engagement, 3)
        problems += _shares("linkage_missed", self.linkage_missed, 2)
        for name, by_table in (("typing_mistakes", self.typing_mistakes), ("duplicates", self.duplicates)):
            problems += _named(name, by_table, TABLES, 0.5)
        problems += _named("costs", self.costs, tuple(COSTS), np.inf, whole=True)
        problems += _named("severity", self.severity, tuple(SEVERITY), 50_000, whole=True)
        problems += _calendar(self)
        if problems:
            raise UsageError(problems)

    @property
    def staggered(self) -> bool:
        """Whether the schemes start one after another."""
        return self.rollout != "same day"

    def day(self, date: str) -> int:
        """Days from the window's first day to an ISO date."""
        return int((np.datetime64(date, "D") - np.datetime64(self.first_index, "D")).astype(int))

    def scheme_starts(self) -> np.ndarray:
        """(9,) days from the window's first day to the start of each force's scheme, in the order of SCHEME."""
        if isinstance(self.rollout, str):
            return np.full(len(SCHEME), self.day("2015-04-01"))
        return np.round(np.linspace(0, 30.4375 * self.rollout, len(SCHEME))).astype(np.int64)


def _rollout(value: object) -> list[str]:
    if value == "same day" or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 24):
        return []
    return [f"rollout={value!r} is neither 'same day' nor a whole number of months from 1 to 24."]


def _shares(name: str, values: tuple[float, ...], n: int) -> list[str]:
    if len(values) != n:
        return [f"{name} has {len(values)} shares; give {n}."]
    return [
        f"{name}[{k}]={v:g} is not between 0 and 1." for k, v in enumerate(values) if not 0 <= float(v) <= 1
    ]


def _named(
    name: str, given: Mapping[str, float], known: tuple[str, ...], most: float, *, whole: bool = False
) -> list[str]:
    """Problems with a table of numbers: a name that is not known, one that is missing (`whole`), one out of its range."""
    problems = [f"{name}: {k!r} is not known.{did_you_mean(k, known)}" for k in given if k not in known]
    problems += [f"{name}: {k!r} is missing." for k in known if whole and k not in given]
    return problems + [
        f"{name}[{k!r}]={v:g} is not between 0 and {most:g}."
        for k, v in given.items()
        if k in known and not (0 <= v <= most and np.isfinite(v))
    ]


def _calendar(settings: Settings) -> list[str]:
    names = ("starts", "first_index", "cut")
    days: list[np.datetime64] = []
    problems = []
    for name in names:
        try:
            days.append(np.datetime64(getattr(settings, name), "D"))
        except ValueError:
            problems.append(f"{name} is not a date written as 2020-01-31.")
    if problems:
        return problems
    if settings.index_days < 1:
        return [f"index_days={settings.index_days} is below 1."]
    last = days[1] + np.timedelta64(settings.index_days, "D")
    # The history goes back 1,800 days before the first index incident; what is decided of the last one's sequels takes 600.
    if not days[0] <= days[1] - np.timedelta64(1_800, "D") or not last + np.timedelta64(600, "D") <= days[2]:
        problems.append(
            "starts, first_index and cut leave no room: the extract must start 1,800 days or more before first_index, and "
            "go on for 600 days or more after the last index incident."
        )
    if isinstance(settings.rollout, int) and settings.rollout * 30.4375 >= settings.index_days:
        problems.append(
            f"rollout={settings.rollout} months are longer than the window of {settings.index_days} days."
        )
    return problems
