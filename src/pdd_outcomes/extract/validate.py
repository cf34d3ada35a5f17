"""Tables against the contract: a row that breaks a rule is quarantined with table, row, column, masked value and rule.

No value is repeated: a mask shows its form alone, 9 for a digit and a or A for a letter. A row number counts data rows from
1 (in a CSV file the line is one more). Of exact duplicates the first is kept. Of rows that share a key, those with an earlier
`recorded_on` are superseded by the latest; where the latest differ too, all of them are quarantined, because one would
have to be guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from ..core.columns import BoolArray
from ..core.errors import DataError, did_you_mean
from .contract import CONTRACT, RECORDED, Column, Table
from .link import Linked
from .profile import profile

EARLIEST = np.datetime64("1900-01-02")  # 1 January 1900 is a spreadsheet's way of saying that it does not know


@dataclass(frozen=True, slots=True)
class Extract:
    """Clean tables, and an account of every row that came in.

    Attributes
    ----------
    tables : typed frames, the rows that break no rule
    quarantine : table, row, column, value (masked), rule; a line for every breach
    quality : table, rows_in, rows_ok, rows_superseded, rows_quarantined; rows_in is the sum of the other three
    rejected : the rows that were quarantined, by table, as they came, with their row numbers
    profile : the frames of the data-quality page; see `profile.profile`
    linked : how the scheme's referral list was linked, where there was one
    """

    tables: dict[str, pd.DataFrame] = field(repr=False)
    quarantine: pd.DataFrame = field(repr=False)
    quality: pd.DataFrame
    rejected: dict[str, pd.DataFrame] = field(repr=False, default_factory=dict)
    profile: dict[str, pd.DataFrame] = field(repr=False, default_factory=dict)
    linked: Linked | None = field(repr=False, default=None)


class Breaches:
    """Collects breaches of one table; `frame` is its text, from which masks are made."""

    def __init__(self, table: str, frame: pd.DataFrame) -> None:
        self.table = table
        self._text = frame
        self.bad = np.zeros(len(frame), dtype=bool)
        self.superseded = np.zeros(len(frame), dtype=bool)
        self.parts: list[pd.DataFrame] = []

    def add(self, where: BoolArray, column: str, rule: str) -> None:
        """Note that the rows of `where` break `rule`."""
        rows = np.flatnonzero(where)
        if len(rows):
            self.bad[rows] = True
            value = masked(self._text[column].iloc[rows]) if column in self._text else ""
            self.parts.append(
                pd.DataFrame(
                    {"table": self.table, "row": rows + 1, "column": column, "value": value, "rule": rule}
                )
            )

    @property
    def kept(self) -> BoolArray:
        """Rows that are neither quarantined nor superseded."""
        return ~(self.bad | self.superseded)

    def frame(self) -> pd.DataFrame:
        """All of them, in the order of the rows."""
        return collect(self.parts)


def masked(text: pd.Series[str]) -> np.ndarray:
    """The form of each value and nothing of it: digits as 9, letters as a and A, the first 24 places."""
    form = text.str.slice(0, 24).str.replace(r"[0-9]", "9", regex=True)
    form = form.str.replace(r"[^\W\d_a-z]", "A", regex=True).str.replace(r"[a-z]", "a", regex=True)
    return form.str.replace(r"[^ -~]", "?", regex=True).to_numpy(dtype=object)


def collect(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Breaches of several checks as one frame in row order."""
    empty = pd.DataFrame(
        {
            "table": pd.Series(dtype=str),
            "row": pd.Series(dtype="int64"),
            "column": pd.Series(dtype=str),
            "value": pd.Series(dtype=str),
            "rule": pd.Series(dtype=str),
        }
    )
    if not parts:
        return empty
    return pd.concat(parts, ignore_index=True).sort_values(
        ["table", "row", "column", "rule"], ignore_index=True
    )


def validate(
    raw: Mapping[str, pd.DataFrame], *, cut: date, quarantine_limit: float, allow_empty: bool = False
) -> Extract:
    """Every table of the contract, checked.

    Parameters
    ----------
    raw : text tables by name; optional tables may be absent
    cut : the last day that the records cover
    quarantine_limit : largest share of a table's rows that may be quarantined
    allow_empty : whether a table that a study needs may have no rows, as one invented person's may

    Raises
    ------
    DataError
        A table or column is missing, or too many rows are bad. Every such problem at once.
    """
    _check_shape(raw, allow_empty=allow_empty)
    typed: dict[str, pd.DataFrame] = {}
    breaches: dict[str, Breaches] = {}
    for name, table in CONTRACT.items():
        frame = raw.get(name, pd.DataFrame(columns=list(table.names), dtype=str))
        breaches[name] = Breaches(name, frame)
        typed[name] = _typed(frame, table, breaches[name], np.datetime64(cut))
        _keys(frame, typed[name], table, breaches[name])
    for table in CONTRACT.values():
        _references(typed, table, breaches)
        _order(typed, table, breaches)
    tables = {
        name: frame.loc[~(b.bad | b.superseded)].drop(columns=RECORDED.name).reset_index(drop=True)
        for (name, frame), b in zip(typed.items(), breaches.values())
    }
    quality = quality_frame(
        {n: len(f) for n, f in typed.items() if n in raw or not CONTRACT[n].optional},
        {n: len(f) for n, f in tables.items()},
        {n: int((b.superseded & ~b.bad).sum()) for n, b in breaches.items()},
    )
    rejected = {n: as_it_came(raw[n], b.bad) for n, b in breaches.items() if b.bad.any()}
    breached = collect([b.frame() for b in breaches.values()])
    extract = Extract(tables, breached, quality, rejected, profile(raw, tables))
    check_limit(extract, quarantine_limit)
    return extract


def as_it_came(frame: pd.DataFrame, bad: BoolArray) -> pd.DataFrame:
    """The rows of `bad`, as text, with the number that each has in its file."""
    rows = np.flatnonzero(bad)
    made = frame.iloc[rows].reset_index(drop=True)
    made.insert(0, "row_in_file", rows + 1)
    return made


def quality_frame(
    rows_in: Mapping[str, int], rows_ok: Mapping[str, int], superseded: Mapping[str, int] | None = None
) -> pd.DataFrame:
    """The account of rows by table."""
    names = list(rows_in)
    kept = [rows_ok[n] for n in names]
    came = [rows_in[n] for n in names]
    old = [(superseded or {}).get(n, 0) for n in names]
    return pd.DataFrame(
        {
            "table": names,
            "rows_in": came,
            "rows_ok": kept,
            "rows_superseded": old,
            "rows_quarantined": [i - k - o for i, k, o in zip(came, kept, old)],
        }
    )


def check_limit(extract: Extract, limit: float) -> None:
    """Stop where more than the tolerated share of a table is quarantined."""
    problems = []
    for row in extract.quality.to_dict("records"):
        share = row["rows_quarantined"] / row["rows_in"] if row["rows_in"] else 0.0
        if share > limit:
            rules = extract.quarantine.loc[extract.quarantine["table"] == row["table"]]
            worst = rules.groupby(["column", "rule"]).size().sort_values(ascending=False).head(3)
            said = "; ".join(
                f"{c}: {r} ({k} rows)" for c, r, k in worst.reset_index(name="k").itertuples(index=False)
            )
            first = ", ".join(str(r) for r in sorted(set(rules["row"]))[:5])
            problems.append(
                f"{row['table']}: {row['rows_quarantined']} of {row['rows_in']} rows break the contract, more than the protocol's "
                f"quarantine_limit of {limit:.1%}: {said}. First rows: {first}. Mend the extract, or raise the limit with a reason."
            )
    if problems:
        raise DataError(problems)


def _check_shape(raw: Mapping[str, pd.DataFrame], *, allow_empty: bool) -> None:
    problems = [
        f"{name}: the table is missing. Its columns are {', '.join(t.names)}."
        for name, t in CONTRACT.items()
        if name not in raw and not t.optional
    ]
    for name, frame in raw.items():
        have = [str(c) for c in frame.columns]
        problems += [
            f"{name}: column {c!r} is missing.{did_you_mean(c, have)} Its columns must include {', '.join(CONTRACT[name].names)}."
            for c in CONTRACT[name].names
            if c not in have
        ]
        if len(frame) == 0 and not CONTRACT[name].optional and not allow_empty:
            problems.append(f"{name}: the table has no rows.")
    if problems:
        raise DataError(problems)


def _typed(frame: pd.DataFrame, table: Table, breaches: Breaches, cut: np.datetime64) -> pd.DataFrame:
    made = pd.DataFrame(index=pd.RangeIndex(len(frame)))
    for column in table.every:
        absent = column.optional and column.name not in frame
        text = (
            pd.Series("", index=made.index, dtype=str) if absent else frame[column.name].reset_index(drop=True)
        )
        blank = (text == "").to_numpy()
        if column.required:
            breaches.add(blank, column.name, "is blank")
        made[column.name] = _parse(text, blank, column, breaches, cut)
    for column in table.columns:
        if column.not_before and "." not in column.not_before:
            early = (made[column.name] < made[column.not_before]).to_numpy()
            breaches.add(early, column.name, f"is before {column.not_before}")
        if column.needed_where is not None:
            other, values = column.needed_where
            lacking = (frame[column.name] == "").to_numpy() & made[other].isin(values).to_numpy()
            breaches.add(lacking, column.name, f"is blank where {other} is {' or '.join(values)}")
    return made


def _parse(
    text: pd.Series[str], blank: BoolArray, column: Column, breaches: Breaches, cut: np.datetime64
) -> pd.Series[Any]:
    if column.kind == "text":
        odd = (
            text.str.contains(r"[\x00-\x08\x0b-\x1f]", regex=True).to_numpy()
            | (text.str.len() > 1000).to_numpy()
        )
        breaches.add(odd, column.name, "holds control characters or is over 1,000 long")
        formula = text.str.contains(r"^(?:[=+@]|-[^0-9])", regex=True).to_numpy()
        breaches.add(formula, column.name, "starts like a formula of a spreadsheet")
        if column.allowed:
            breaches.add(
                ~blank & ~text.isin(column.allowed).to_numpy(),
                column.name,
                f"is not one of {', '.join(column.allowed)}",
            )
        return text
    if column.kind == "whole":
        whole = text.str.fullmatch(r"-?[0-9]{1,15}").to_numpy(dtype=bool)
        breaches.add(~blank & ~whole, column.name, "is not a whole number")
        number = pd.to_numeric(text.where(whole), errors="raise").astype("Int64")
        low, high = column.low, column.high
        outside = pd.Series(False, index=text.index)
        if low is not None and high is not None:
            outside = ((number < low) | (number > high)).fillna(False)
            breaches.add(outside.to_numpy(dtype=bool), column.name, f"is not between {low} and {high}")
        return number
    if column.kind == "number":
        return _parse_number(text, blank, column, breaches)
    shaped = text.str.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").to_numpy(dtype=bool)
    breaches.add(~blank & ~shaped, column.name, "is not a date written as 2020-01-31")
    day = pd.to_datetime(text.where(shaped), format="%Y-%m-%d", errors="coerce").astype("datetime64[s]")
    breaches.add(shaped & day.isna().to_numpy(), column.name, "is a day that does not exist")
    breaches.add((day < EARLIEST).to_numpy(), column.name, "is on or before 1900-01-01")
    breaches.add((day > cut).to_numpy(), column.name, "is after the data cut")
    return day


def _parse_number(text: pd.Series[str], blank: BoolArray, column: Column, breaches: Breaches) -> pd.Series[Any]:
    decimal = text.str.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,15})?").to_numpy(dtype=bool)
    breaches.add(~blank & ~decimal, column.name, "is not a number")
    number = pd.to_numeric(text.where(decimal), errors="raise").astype("float64")
    if column.low is not None and column.high is not None:
        outside = ((number < column.low) | (number > column.high)).to_numpy(dtype=bool)
        breaches.add(outside, column.name, f"is not between {column.low} and {column.high}")
    return number


def _keys(frame: pd.DataFrame, typed: pd.DataFrame, table: Table, breaches: Breaches) -> None:
    content = frame[[c.name for c in table.every if c.name in frame]]
    again = content.duplicated(keep="first").to_numpy()
    breaches.add(again, table.key, "is an exact duplicate of an earlier row")
    distinct = ~again
    clash = np.zeros(len(frame), dtype=bool)
    keys = content.loc[distinct, list(table.identity)]
    there = np.flatnonzero(distinct)
    shared = there[keys.duplicated(keep=False).to_numpy()]
    if len(shared):
        # The latest version counts where one is the latest; undated versions are older than any dated one.
        written = typed[RECORDED.name].to_numpy()[shared].astype("datetime64[s]").astype(np.int64)
        group = content.iloc[shared].groupby(list(table.identity), sort=False)
        code = group.ngroup().to_numpy()
        latest = written == pd.Series(written).groupby(code).transform("max").to_numpy()
        alone = pd.Series(latest).groupby(code).transform("sum").to_numpy() == 1
        breaches.superseded[shared[~latest]] = True
        clash[shared[latest & ~alone]] = True
    breaches.add(clash & (frame[table.key] != "").to_numpy(), table.key, "is the key of rows that differ")


def _references(typed: Mapping[str, pd.DataFrame], table: Table, breaches: Mapping[str, Breaches]) -> None:
    for column in table.columns:
        if not column.refers:
            continue
        other, name = column.refers.split(".")
        known = typed[other].loc[breaches[other].kept]
        there = (typed[table.name][column.name] != "").to_numpy()
        missing = (
            ~typed[table.name][column.name].isin(known[name]).to_numpy() & there & ~breaches[table.name].bad
        )
        breaches[table.name].add(missing, column.name, f"is not among the kept rows of {column.refers}")
        if column.agrees:
            place = _place(typed[table.name], known, (column.name, *column.agrees), (name, *column.agrees))
            apart = (place < 0) & ~breaches[table.name].bad
            breaches[table.name].add(
                apart, column.name, f"is in {other} with another {' and '.join(column.agrees)}"
            )


def _order(typed: Mapping[str, pd.DataFrame], table: Table, breaches: Mapping[str, Breaches]) -> None:
    """Dates that may not precede a date of the row that theirs refers to."""
    for column in table.columns:
        if "." not in column.not_before:
            continue
        other, day = column.not_before.split(".")
        link = next(c for c in table.columns if c.refers.startswith(f"{other}."))
        known = typed[other].loc[breaches[other].kept].reset_index(drop=True)
        names = (link.refers.split(".")[1], *link.agrees)
        place = _place(typed[table.name], known, (link.name, *link.agrees), names)
        floor = known[day].reindex(place).to_numpy()  # a place of -1 has no date, and breaks no rule here
        early = (typed[table.name][column.name].to_numpy() < floor) & ~breaches[table.name].bad
        breaches[table.name].add(early, column.name, f"is before {column.not_before}")


def _place(
    rows: pd.DataFrame, known: pd.DataFrame, columns: tuple[str, ...], names: tuple[str, ...]
) -> np.ndarray:
    """Where in `known` the row stands whose `names` are the row's `columns`; -1 where there is none."""
    wanted = pd.MultiIndex.from_frame(rows[list(columns)])
    return pd.MultiIndex.from_frame(known[list(names)]).get_indexer(wanted)
