"""One row a person: types, identities and times checked; which values mean treated is the protocol's to say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..core.errors import DataError, did_you_mean
from ..protocol import Protocol
from .read import EXACT
from .validate import Breaches, Extract, as_it_came, check_limit, collect, quality_frame

NUMBER = r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?"
STRAY = 0.05  # of the values of a column: fewer words than this among numbers are mistakes
GONE = (
    r"(?i)#?n/?a|nan|null|none|missing|unknown|\.|-"  # what programs and people write where a number is missing
)


def wanted_columns(protocol: Protocol) -> dict[str, str]:
    """Columns that the protocol names, each with the key that names it."""
    plan = protocol.person_table
    assert plan is not None
    wanted = {} if plan.id is None else {plan.id: "person_table.id"}
    wanted |= {
        plan.treatment.column: "person_table.treatment.column",
        plan.time.column: "person_table.time.column",
    }
    wanted |= {plan.event.column: "person_table.event.column"}
    for i, analysis in enumerate(protocol.analyses):
        for name in (*analysis.design.covariates, *analysis.design.exact):
            wanted.setdefault(name, f"analyses.{i}.design")
    return wanted


def validate_person_table(
    raw: pd.DataFrame, protocol: Protocol, *, quarantine_limit: float | None = None
) -> Extract:
    """The one table of a person-level study, typed: a column is a number where every value that is not blank is one.

    Quarantined: a blank or repeated identity, a blank or impossible time, a blank treatment or event, and in a covariate
    whose other values are numbers a word such as NA, which would make categories of them all. The identity stays text.

    Raises
    ------
    DataError
        A column that the protocol names is missing, or too many rows are bad.
    """
    plan = protocol.person_table
    assert plan is not None
    have = [str(c) for c in raw.columns]
    problems = [
        f"person: {key}: {name!r} is not a column of the data.{did_you_mean(name, have)}"
        for name, key in wanted_columns(protocol).items()
        if name not in have
    ]
    problems += [
        f"person: the column {name!r} has a name that the cohort uses for its own. Rename it."
        for name in ("subject", "treated", "row_number")
        if name in have and name != plan.id
    ]
    if not len(raw):
        problems.append("person: the table has no rows.")
    if problems:
        raise DataError(problems)
    breaches = Breaches("person", raw)
    raw = raw.reset_index(drop=True)
    if plan.id is not None:
        breaches.add((raw[plan.id] == "").to_numpy(), plan.id, "is blank")
        breaches.add(
            (raw[plan.id].duplicated(keep=False) & (raw[plan.id] != "")).to_numpy(),
            plan.id,
            "names more than one row",
        )
    for name in (plan.treatment.column, plan.event.column, plan.time.column):
        breaches.add((raw[name] == "").to_numpy(), name, "is blank")
    time = raw[plan.time.column]
    numeric = time.str.fullmatch(NUMBER).to_numpy(dtype=bool)
    breaches.add(~numeric & (time != "").to_numpy(), plan.time.column, "is not a number")
    value = pd.to_numeric(time.where(numeric)).to_numpy(dtype=float)
    breaches.add(value <= 0, plan.time.column, "is not above 0")
    breaches.add(np.isinf(value), plan.time.column, "is too large to be a number")
    for name, key in wanted_columns(protocol).items():
        if key.startswith("analyses."):
            _numbers(raw[name], name, breaches)
    clean = raw.loc[~breaches.bad].reset_index(drop=True)
    table = pd.DataFrame(
        {name: clean[name] if name == plan.id else _column(clean[name]) for name in clean.columns}
    )
    if plan.id is None:
        table.insert(0, "row_number", np.flatnonzero(~breaches.bad) + 1)
    extract = Extract(
        {"person": table},
        collect([breaches.frame()]),
        quality_frame({"person": len(raw)}, {"person": len(table)}),
        {"person": as_it_came(raw, breaches.bad)} if breaches.bad.any() else {},
    )
    check_limit(extract, protocol.data.quarantine_limit if quarantine_limit is None else quarantine_limit)
    return extract


def check_declared(table: pd.DataFrame, protocol: Protocol) -> None:
    """Refuse a table in which no row holds the event as the protocol declares it, or several values are not the event.

    Every other value means that the event was not seen, so one misspelt, in the plan or in the data, would make people
    free of it without a word.
    """
    plan = protocol.person_table
    assert plan is not None
    column = plan.event.column
    declared = [str(v) for v in plan.event.values]
    others = table.loc[~table[column].astype(str).isin(declared), column].astype(str)
    if others.nunique() > 1:
        least = int(others.value_counts().min())
        raise DataError(
            f"person: person_table.event: the column {column!r} holds {others.nunique()} different values beside those that are the "
            f"event, the rarest in {least} rows; only one can mean that it was not seen. Code the column alike in all rows, or "
            "declare every value that is the event."
        )
    if not table[column].astype(str).isin([str(v) for v in plan.event.values]).any():
        raise DataError(
            f"person: person_table.event: none of its {len(plan.event.values)} values is in the column {column!r} of any of "
            f"the {len(table)} rows kept, so that nobody would have had the event. Mend person_table.event.values."
        )


def _numbers(text: pd.Series[str], name: str, breaches: Breaches) -> None:
    blank = (text == "").to_numpy()
    number = text.str.fullmatch(NUMBER).to_numpy(dtype=bool)
    gone = text.str.fullmatch(GONE).to_numpy(dtype=bool)
    odd = ~(number | blank)
    # A few words among numbers are slips of the hand: as labels they would make every number a label of its own.
    if number.any() and ((odd == gone).all() or odd.sum() <= STRAY * (~blank).sum()):
        breaches.add(odd, name, "is a word where the others are numbers; leave it blank if it is missing")
        value = pd.to_numeric(text.where(number)).to_numpy(dtype=float)
        breaches.add(np.isinf(value), name, "is too large to be a number")


def _column(text: pd.Series[str]) -> pd.Series[Any]:
    blank = text == ""
    number = text.str.fullmatch(NUMBER)
    leading = text.str.fullmatch(r"[-+]?0[0-9]+")  # a code such as 0123, which a number would change
    if not (number | blank).all() or leading.any() or blank.all():
        return text
    values = pd.to_numeric(text.where(~blank)).astype(float)
    there = values.dropna()
    if np.isinf(there).any() or (there.abs() > EXACT).any():
        return text  # such as a reference of twenty digits
    return values.astype("int64") if not blank.any() and bool((there == there.round()).all()) else values
