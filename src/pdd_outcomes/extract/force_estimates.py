"""Estimates by force that others have published: one row an outcome and force, a ratio with its limits."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..core.columns import FloatArray
from ..core.errors import DataError, did_you_mean
from ..protocol import Protocol
from .person_table import NUMBER
from .validate import Breaches, Extract, as_it_came, check_limit, collect, quality_frame

TABLE = "force_estimates"
NUMBERS = ("estimate", "conf_low", "conf_high")
COLUMNS = ("outcome", "force", *NUMBERS)


def validate_force_estimates(raw: pd.DataFrame, protocol: Protocol) -> Extract:
    """The one table of a study of published ratios, typed.

    Quarantined: a blank name, a force that an outcome has twice, a number that is none or not above 0, limits on one side
    of the estimate, and limits that are further from it on one side than on the other, as a ratio, than printing
    explains: an interval's standard error could not be had from them.

    Raises
    ------
    DataError
        A column is missing; an outcome that is not the protocol's, or of which the table has nothing; too many bad rows.
    """
    have = [str(c) for c in raw.columns]
    problems = [f"{TABLE}: column {c!r} is missing.{did_you_mean(c, have)}" for c in COLUMNS if c not in have]
    if not problems and not len(raw):
        problems.append(f"{TABLE}: the table has no rows.")
    if problems:
        raise DataError(problems)
    raw = raw.reset_index(drop=True)
    breaches = Breaches(TABLE, raw)
    for name in ("outcome", "force"):
        breaches.add((raw[name].str.strip() == "").to_numpy(), name, "is blank")
    breaches.add(
        raw.duplicated(["outcome", "force"]).to_numpy(), "force", "has a second estimate of the outcome"
    )
    values = {name: _positive(raw[name], name, breaches) for name in NUMBERS}
    low, value, high = values["conf_low"], values["estimate"], values["conf_high"]
    breaches.add((low >= value) | (value >= high), "estimate", "is not between its limits")
    with np.errstate(divide="ignore", invalid="ignore"):
        skew = np.abs(np.log(high / value) - np.log(value / low))
        printed = sum(
            10.0 ** -_places(raw[name]) / values[name] * (2 if name == "estimate" else 1) for name in NUMBERS
        )
    breaches.add(skew > printed, "conf_high", "is not as far from the estimate, as a ratio, as conf_low is")
    clean = raw.loc[breaches.kept, ["outcome", "force"]].assign(
        **{name: column[breaches.kept] for name, column in values.items()}
    )
    _outcomes(clean, protocol)
    extract = Extract(
        {TABLE: clean.reset_index(drop=True)},
        collect([breaches.frame()]),
        quality_frame({TABLE: len(raw)}, {TABLE: len(clean)}),
        {TABLE: as_it_came(raw, breaches.bad)} if breaches.bad.any() else {},
    )
    check_limit(extract, protocol.data.quarantine_limit)
    return extract


def _positive(text: pd.Series[str], name: str, breaches: Breaches) -> FloatArray:
    number = text.str.fullmatch(NUMBER).to_numpy(dtype=bool)
    breaches.add(~number, name, "is not a number")
    value = pd.to_numeric(text.where(number)).to_numpy(dtype=float)
    breaches.add(number & ~((value > 0) & (value < np.inf)), name, "is not above 0, as a ratio is")
    return np.asarray(np.where(value > 0, value, np.nan))


def _places(text: pd.Series[str]) -> FloatArray:
    """How many decimals each number is printed with."""
    return np.asarray(text.str.partition(".")[2].str.len(), dtype=float)


def _outcomes(clean: pd.DataFrame, protocol: Protocol) -> None:
    planned, there = [o.id for o in protocol.outcomes], set(clean["outcome"])
    problems = [
        f"{TABLE}: outcome {o!r} is not one of the protocol's.{did_you_mean(o, planned)}"
        for o in sorted(there - {*planned})
    ]
    problems += [
        f"{TABLE}: no usable row is of the outcome {o!r} of the protocol." for o in planned if o not in there
    ]
    if problems:
        raise DataError(problems)
