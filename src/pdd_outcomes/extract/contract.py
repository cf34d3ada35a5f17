"""The data contract: every table and column that may be sent, its type, its rules and its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "whole", "date"]

PROVEN = ("conviction", "caution", "reprimand", "warning")
UNPROVEN = ("community_resolution", "no_further_action", "pending")
STAGES = ("referred", "assessed", "attended", "completed")
BREACH = "breach"
DRUG_GROUPS = ("drug", "possession_class_a", "possession_class_b", "possession_other", "trafficking")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the contract.

    `required`: a blank is a breach. `allowed`: the only values. `refers`: 'table.column' that must hold the value.
    `not_before`: a column of the same row that this date may not precede.
    """

    name: str
    kind: Kind
    meaning: str
    required: bool = True
    allowed: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    refers: str = ""
    not_before: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its key, its columns, whether a study can do without it."""

    name: str
    key: str
    columns: tuple[Column, ...]
    optional: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Column names, in order."""
        return tuple(c.name for c in self.columns)


_PERSON = Column(
    "person_id",
    "text",
    "The person, by a pseudonym that is the same in every table.",
    refers="persons.person_id",
)

CONTRACT: Mapping[str, Table] = {
    t.name: t
    for t in (
        Table(
            "persons",
            "person_id",
            (
                Column("person_id", "text", "The person, by a pseudonym that is the same in every table."),
                Column("birth_date", "date", "Date of birth."),
                Column("sex", "text", "Sex as recorded.", allowed=("female", "male", "not stated")),
                Column(
                    "ethnicity",
                    "text",
                    "Ethnic group, self-defined where it was asked; 'not stated' if not known.",
                ),
                Column(
                    "imd_decile",
                    "whole",
                    "Deprivation decile of the home area, 1 the most deprived.",
                    low=1,
                    high=10,
                ),
            ),
        ),
        Table(
            "disposals",
            "incident_id",
            (
                Column("incident_id", "text", "The incident; one row for each person and incident."),
                _PERSON,
                Column("force", "text", "The police force that dealt with it."),
                Column("incident_date", "date", "The day of the incident or arrest."),
                Column("offence_group", "text", "The most serious offence of the incident, by group."),
                Column(
                    "outcome_code",
                    "whole",
                    "Home Office outcome code, 0 if none is assigned yet.",
                    low=0,
                    high=22,
                ),
                Column(
                    "outcome_date",
                    "date",
                    "The day the outcome was recorded.",
                    required=False,
                    not_before="incident_date",
                ),
            ),
        ),
        Table(
            "offences",
            "offence_id",
            (
                Column("offence_id", "text", "The offence."),
                _PERSON,
                Column("offence_date", "date", "The day it was committed."),
                Column("offence_group", "text", "Its group; 'breach' for a breach of an order."),
                Column("outcome_type", "text", "How it ended.", allowed=(*PROVEN, *UNPROVEN)),
                Column(
                    "outcome_date",
                    "date",
                    "The day it ended so; blank if it has not.",
                    required=False,
                    not_before="offence_date",
                ),
            ),
        ),
        Table(
            "contacts",
            "contact_id",
            (
                Column("contact_id", "text", "The contact with a diversion scheme."),
                _PERSON,
                Column("incident_id", "text", "The incident that led to it.", refers="disposals.incident_id"),
                Column("stage", "text", "How far it went.", allowed=STAGES),
                Column("contact_date", "date", "The day of the contact."),
            ),
        ),
        Table(
            "treatments",
            "episode_id",
            (
                Column("episode_id", "text", "The episode of structured drug treatment."),
                _PERSON,
                Column("start_date", "date", "The day it started."),
            ),
            optional=True,
        ),
        Table(
            "exits",
            "person_id",
            (
                _PERSON,
                Column("exit_date", "date", "The day of death or emigration."),
                Column("kind", "text", "Which of the two.", allowed=("death", "emigration")),
            ),
            optional=True,
        ),
        Table(
            "schemes",
            "force",
            (
                Column("force", "text", "The police force."),
                Column(
                    "start_date",
                    "date",
                    "The day its diversion scheme started; blank if it has none.",
                    required=False,
                ),
            ),
        ),
    )
}
