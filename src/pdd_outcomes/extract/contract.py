"""The data contract: every table and column that may be sent, its type, its rules and its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "whole", "number", "date"]

PROVEN = ("conviction", "caution", "reprimand", "warning")
UNPROVEN = ("community_resolution", "no_further_action", "pending")
STAGES = ("referred", "assessed", "attended", "completed")
BREACH = "breach"
DRUG_GROUPS = ("drug", "possession_class_a", "possession_class_b", "possession_other", "trafficking")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the contract.

    `optional`: the table may come without it, and is then read as if it were blank. `required`: a blank is a breach. `needed_where`: a column of the same row, and the values with which a blank is a breach.
    `allowed`: the only values. `refers`: 'table.column' that must hold the value, in a row that agrees on the columns
    of `agrees`. `not_before`: what this date may not precede: a column of the same row, or 'table.column' of the row that
    this one refers to.
    """

    name: str
    kind: Kind
    meaning: str
    required: bool = True
    needed_where: tuple[str, tuple[str, ...]] | None = None
    allowed: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    refers: str = ""
    agrees: tuple[str, ...] = ()
    not_before: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its key, its columns, whether a study can do without it, and what else tells rows of one key apart."""

    name: str
    key: str
    columns: tuple[Column, ...]
    optional: bool = False
    beside: tuple[str, ...] = ()

    @property
    def every(self) -> tuple[Column, ...]:
        """Its columns, and the one that tells versions of a row apart."""
        return (*self.columns, RECORDED)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that it must come with, in order."""
        return tuple(c.name for c in self.columns if not c.optional)

    @property
    def identity(self) -> tuple[str, ...]:
        """The columns that together are of one row only."""
        return (self.key, *self.beside)


_PERSON = Column(
    "person_id",
    "text",
    "The person, by a pseudonym that is the same in every table.",
    refers="persons.person_id",
)
_BIRTH = "persons.birth_date"
RECORDED = Column(
    "recorded_on",
    "date",
    "The day on which this version of the row was written. Of rows with one key the latest version counts, and the earlier "
    "ones are put by as superseded.",
    required=False,
    optional=True,
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
                Column("force", "text", "The police force that dealt with it.", refers="schemes.force"),
                Column("incident_date", "date", "The day of the incident or arrest.", not_before=_BIRTH),
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
                Column(
                    "officer_id",
                    "text",
                    "The officer, or custody suite, that decided, by a pseudonym: an instrument for being diverted.",
                    required=False,
                    optional=True,
                ),
            ),
            beside=("person_id",),
        ),
        Table(
            "offences",
            "offence_id",
            (
                Column("offence_id", "text", "The offence."),
                _PERSON,
                Column(
                    "incident_id",
                    "text",
                    "The incident that it belongs to, where that is known: an offence of the index incident is no reoffence.",
                    required=False,
                    optional=True,
                ),
                Column("offence_date", "date", "The day it was committed.", not_before=_BIRTH),
                Column(
                    "report_date",
                    "date",
                    "The day it came to the notice of the police.",
                    required=False,
                    not_before="offence_date",
                    optional=True,
                ),
                Column("offence_group", "text", "Its group; 'breach' for a breach of an order."),
                Column("outcome_type", "text", "How it ended.", allowed=(*PROVEN, *UNPROVEN)),
                Column(
                    "outcome_date",
                    "date",
                    "The day it ended so; blank if it has not.",
                    required=False,
                    needed_where=("outcome_type", PROVEN),
                    not_before="offence_date",
                ),
                Column(
                    "severity",
                    "number",
                    "Its severity weight, such as days of the Cambridge Crime Harm Index or an ONS Crime Severity Score.",
                    required=False,
                    low=0,
                    high=100_000,
                    optional=True,
                ),
            ),
        ),
        Table(
            "custody",
            "spell_id",
            (
                Column("spell_id", "text", "The spell in custody."),
                _PERSON,
                Column("start_date", "date", "The day of reception.", not_before=_BIRTH),
                Column(
                    "end_date",
                    "date",
                    "The day of release; blank if still in custody.",
                    required=False,
                    not_before="start_date",
                ),
                Column("kind", "text", "Why.", allowed=("remand", "sentence", "recall")),
            ),
            optional=True,
        ),
        Table(
            "contacts",
            "contact_id",
            (
                Column("contact_id", "text", "The contact with a diversion scheme."),
                _PERSON,
                Column(
                    "incident_id",
                    "text",
                    "The incident that led to it, one of the same person's.",
                    refers="disposals.incident_id",
                    agrees=("person_id",),
                ),
                Column("stage", "text", "How far it went.", allowed=STAGES),
                Column("contact_date", "date", "The day of the contact.", not_before="disposals.incident_date"),
            ),
        ),
        Table(
            "treatments",
            "episode_id",
            (
                Column("episode_id", "text", "The episode of structured drug treatment."),
                _PERSON,
                Column("start_date", "date", "The day it started.", not_before=_BIRTH),
                Column(
                    "end_date",
                    "date",
                    "The day it ended; blank if it goes on.",
                    required=False,
                    not_before="start_date",
                    optional=True,
                ),
            ),
            optional=True,
        ),
        Table(
            "hospital",
            "episode_id",
            (
                Column("episode_id", "text", "The stay in hospital."),
                _PERSON,
                Column("admission_date", "date", "The day of admission.", not_before=_BIRTH),
                Column("reason", "text", "Why, by group; 'drug_poisoning' for poisoning by drugs."),
            ),
            optional=True,
        ),
        Table(
            "exits",
            "person_id",
            (
                _PERSON,
                Column("exit_date", "date", "The day of death or emigration.", not_before=_BIRTH),
                Column("kind", "text", "Which of the two.", allowed=("death", "emigration")),
            ),
            optional=True,
            beside=("kind",),
        ),
        Table(
            "schemes",
            "force",
            (
                Column("force", "text", "The police force; each one of disposals has its row here."),
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
