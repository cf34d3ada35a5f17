"""The plan as frozen, validated parts. Every key of protocol.yaml is a field here, and nothing else is."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from .further import Economics, Engagement, Equity, Forces, Instrument, Moderators, RollOut
from .parts import (
    AtLeastOne,
    Code,
    Count,
    Day,
    Days,
    Flag,
    Ident,
    Inside,
    Number,
    Outcome_code,
    Part,
    Positive,
    Share,
    Text,
    Whole,
)

LinkThreshold = Annotated[Number, Field(ge=0.5, lt=1)]


class Linkage(Part):
    """How a scheme's referral list with names on it is linked to people; see `extract.link`."""

    threshold: LinkThreshold = 0.95
    review_from: Annotated[Number, Field(gt=0, lt=1)] | None = None
    sensitivity: tuple[LinkThreshold, ...] = (0.8, 0.99)


class Data(Part):
    """What comes in, from where, and which days it covers."""

    shape: Literal["event_tables", "person_table", "force_estimates"]
    source: Annotated[str, StringConstraints(pattern=r"^(folder|database|public|synthetic):\s*\S.*$")]
    seed: Count = 0
    starts: Day | None = None
    cut: Day | None = None
    quarantine_limit: Share = 0.01
    linkage: Linkage | None = None


class Treatment(Part):
    """Which values of a column mean treated, and which the declared comparator."""

    column: Text
    treated: tuple[Code, ...] = Field(min_length=1)
    comparator: tuple[Code, ...] = Field(min_length=1)


class TimeColumn(Part):
    """The column that holds the time to the event or the end of follow-up."""

    column: Text


class EventColumn(Part):
    """The column, and its values, that say the event was seen."""

    column: Text
    values: tuple[Code, ...] = Field(min_length=1)


class PersonTable(Part):
    """How to read one row a person."""

    id: Text | None = None
    treatment: Treatment
    time: TimeColumn
    event: EventColumn
    labels: dict[str, Text] = Field(default_factory=dict)


class Window(Part):
    """First and last day on which an index incident may fall."""

    from_: Day = Field(alias="from")
    to: Day


class Comparator(Part):
    """What the diverted are compared with, by Home Office outcome codes."""

    label: Text
    outcome_codes: tuple[Outcome_code, ...] = Field(min_length=1)


class Diverted(Part):
    """The scheme contact that makes a person diverted."""

    contact: Text = "referred"


class History(Part):
    """A covariate from a person's records of the last `days` before the incident: how many, or whether any."""

    id: Ident
    label: Text
    records: Literal["offences", "treatments", "custody", "hospital"] = "offences"
    groups: tuple[Text, ...] = ()
    days: Annotated[Whole, Field(ge=1, le=36525)]
    measure: Literal["count", "ever"] = "count"


class CohortPlan(Part):
    """Who is in, when their clock starts, and what they are compared with."""

    window: Window
    min_age: Annotated[Whole, Field(ge=10, le=100)] = 18
    offence_groups: tuple[Text, ...] = Field(min_length=1)
    lookback_days: Days
    grace_days: Days = 90
    waiting_days: Days = 183
    clock: Literal["incident", "disposal", "landmark"] = "incident"
    index: Literal["first", "every"] = "first"
    long_custody_days: Annotated[Whole, Field(ge=1, le=36525)] = 183
    histories: tuple[History, ...] = ()
    diverted: Diverted = Diverted()
    comparator: Comparator


class Outcome(Part):
    """One outcome: a noun phrase, and how it is built."""

    id: Ident
    label: Text
    kind: Literal["proven", "recorded", "custody", "treatment_entry", "hospital", "column", "published"]
    groups: tuple[Text, ...] = ()
    exclude_groups: tuple[Text, ...] = ()
    follow_up_days: AtLeastOne | None = None
    main: Flag = False


class DesignPlan(Part):
    """How the groups are made alike."""

    covariates: tuple[Text, ...]
    formula: Text | None = None
    method: Literal["nearest"] = "nearest"
    ratio: AtLeastOne = 1
    replace: Flag = False
    caliper: Positive | None = 0.2
    caliper_scale: Literal["sd", "raw"] = "sd"
    exact: tuple[Text, ...] = ()
    order: Literal["largest", "smallest", "closest", "data"] = "largest"


class Gates(Part):
    """What must hold before outcomes are joined."""

    max_smd: Positive = 0.1
    min_ess: Positive = 100
    override: Text | None = None


class Analysis(Part):
    """One comparison: an exposure, an estimand, a design and its gates."""

    id: Ident
    exposure: Literal["person", "force"]
    label: Text
    treated_label: Text
    control_label: Text
    population: Text
    estimand: Literal["ATT", "ATC"] = "ATT"
    headline: Flag = False
    design: DesignPlan = DesignPlan(covariates=())
    gates: Gates = Gates()
    by_force: Flag = False


class Reporting(Part):
    """When a finding is called significant (the Justice Data Lab's rule), and at what level."""

    alpha: Inside = 0.05
    min_treated_events: Count = 30
    min_np: Count = 10
    level: Inside = 0.95


class Release(Part):
    """Disclosure control."""

    threshold: AtLeastOne = 10
    rounding: AtLeastOne = 5
    curve_min_n: AtLeastOne = 200
    curve_min_at_risk: AtLeastOne = 30


class Protocol(Part):
    """A study's plan."""

    study: Ident
    title: Text
    question: Text
    version: Text
    synthetic: Flag = False
    background: str = ""
    data: Data
    time_unit: Literal["days", "months"]
    horizons: tuple[Positive, ...] = Field(min_length=1)
    tau: Positive
    intervals: tuple[Positive, ...] = ()
    person_table: PersonTable | None = None
    cohort: CohortPlan | None = None
    outcomes: tuple[Outcome, ...] = Field(min_length=1)
    analyses: tuple[Analysis, ...] = Field(min_length=1)
    forces: Forces | None = None
    roll_out: RollOut | None = None
    instrument: Instrument | None = None
    moderators: Moderators | None = None
    engagement: Engagement | None = None
    equity: Equity | None = None
    economics: Economics | None = None
    reporting: Reporting = Reporting()
    release: Release = Release()
    limits: tuple[Text, ...] = ()
    sources: tuple[Text, ...] = ()

    @property
    def sha256(self) -> str:
        """Hash of the validated plan with its defaults filled; comments and key order do not change it."""
        filled: Any = self.model_dump(mode="json", by_alias=True)
        return hashlib.sha256(json.dumps(filled, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a statistician should be told beside every run of this plan."""
        said: list[str] = []
        if self.cohort is not None and 22 in self.cohort.comparator.outcome_codes:
            said.append(
                "outcome 22 is recorded only after a diversionary activity is completed: as a comparator it is "
                "conditioned on the future, and it is itself diversion."
            )
        if self.cohort is not None and self.cohort.clock == "disposal":
            said.append(
                "the clock starts at each arm's own disposal, days after the incident for the diverted and months for the "
                "others: people must go on without an event until then, which is immortal time, and the arms are met at "
                "different points of their lives. Prefer clock: incident."
            )
        said += [
            f"{a.id}: a gate is overridden: {a.gates.override}"
            for a in self.analyses
            if a.gates.override is not None
        ]
        return tuple(said)
