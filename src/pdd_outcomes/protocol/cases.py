"""cases.yaml: invented people with the answers that the study's rules should give."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from pydantic import Field

from .load import validate
from .model import Part, Text
from .yaml_lines import read_document

Cell = str | int | float | date | None
Record = dict[str, Cell]


class ExpectedOutcome(Part):
    """Whether the event is seen, and when."""

    event: int = Field(ge=0, le=1)
    time: float | None = None


class Expected(Part):
    """What should come out for one invented person; what is not given is not checked."""

    included: bool = True
    excluded_because: Text | None = None
    diverted: int | None = None
    treated: int | None = None
    disposal: Text | None = None
    covariates: Record = Field(default_factory=dict)
    outcomes: dict[str, ExpectedOutcome] = Field(default_factory=dict)


class Case(Part):
    """One invented person: their records, table by table (or the one row of a person table), and the expected answers."""

    name: Text
    person: Record = Field(default_factory=dict)
    disposals: tuple[Record, ...] = ()
    offences: tuple[Record, ...] = ()
    contacts: tuple[Record, ...] = ()
    treatments: tuple[Record, ...] = ()
    exits: tuple[Record, ...] = ()
    row: Record = Field(default_factory=dict)
    expect: Expected


class Cases(Part):
    """The file: forces that run a scheme, for event tables, and the people."""

    schemes: tuple[Record, ...] = ()
    cases: tuple[Case, ...] = Field(min_length=1)


def load_cases(path: Path) -> Cases:
    """The cases of a study.

    Raises
    ------
    ProtocolError
        Every problem with its file and line.
    """
    return validate(read_document(path), Cases)
