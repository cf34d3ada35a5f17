"""cases.yaml: invented people with the answers that the study's rules should give."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from .load import validate
from .parts import Flag, Number, Part, Text, Whole
from .rules import Problem
from .yaml_lines import read_document


def _cell(value: Any) -> Any:
    # Before the union is tried: one sentence, rather than one for each type that it might have been.
    plain = value is None or isinstance(value, str | int | float | date)
    if not plain or isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        raise PydanticCustomError(
            "cell_type", "text, a number, a date or null; quote true and false if they are text"
        )
    return value


Cell = Annotated[str | int | float | date | None, BeforeValidator(_cell)]
Record = dict[str, Cell]
ZeroOne = Annotated[Whole, Field(ge=0, le=1)]


class ExpectedOutcome(Part):
    """Whether the event is seen, and when."""

    event: ZeroOne
    time: Annotated[Number, Field(gt=0)] | None = None


class Expected(Part):
    """What should come out for one invented person; what is not given is not checked."""

    included: Flag = True
    excluded_because: Text | None = None
    diverted: ZeroOne | None = None
    treated: ZeroOne | None = None
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
    custody: tuple[Record, ...] = ()
    hospital: tuple[Record, ...] = ()
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
    return validate(read_document(path), Cases, _rules)


def _rules(cases: Cases) -> Iterator[Problem]:
    names = [case.name for case in cases.cases]
    for i, case in enumerate(cases.cases):
        if case.name in names[:i]:
            yield ("cases", i, "name"), f"found {case.name!r} again; allowed: a name that is used once."
        if case.row and (case.person or case.disposals):
            yield ("cases", i, "row"), "is the row of a person table, beside records of event tables. Keep one."
        if not (case.row or case.person or case.disposals):
            yield ("cases", i), "has no records: give row for a person table, or person and disposals."
        expect, place = case.expect, ("cases", i, "expect")
        if expect.included:
            if expect.excluded_because is not None:
                yield (
                    (*place, "excluded_because"),
                    "is given for somebody expected to be included. Say included: false.",
                )
            continue
        for key in ("diverted", "treated", "disposal", "covariates", "outcomes"):
            if getattr(expect, key) not in (None, {}):
                yield (
                    (*place, key),
                    "is expected of somebody who is expected to be excluded, so it would never be checked.",
                )
