"""The findings: every table and column that a reader may be given, with its type and its disclosure rule.

This module is the schema and the two functions that write and read it, and nothing else. A table
that is not in :data:`TABLES`, or a column without a rule, cannot be written and cannot be read.

A count that may not be shown is missing (``<NA>``) and its column is named in the row's
``suppressed`` column (names separated by a space); a cell that is missing and not named there does
not apply. :func:`suppressed` tells the two apart; a reader is shown :data:`SHORTHAND`.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np
import pandas as pd

from ..core.columns import BoolArray
from ..core.errors import DisclosureError, did_you_mean, rows_phrase

SHORTHAND = "[c]"  # what a reader is shown for a suppressed cell

Kind = Literal["text", "whole", "number", "bool"]
_DTYPES: Mapping[Kind, str] = {"text": "str", "whole": "Int64", "number": "float64", "bool": "bool"}


class Rule(StrEnum):
    """What disclosure control does with a column. Closed: there is no rule called 'as it is'."""

    KEY = "key"  # says which row this is; searched for identifiers
    TEXT = "text"  # words from the protocol or the code; searched for identifiers
    REASON = "reason"  # why an estimate is missing; replaced where it could hold a number of people
    SETTING = "setting"  # decided before the data were seen
    HASH = "hash"  # SHA-256, or empty
    TALLY = "tally"  # counts forces, rows of a table or degrees of freedom, not people
    COUNT = "count"  # people: threshold, then rounding; a true zero is shown
    EVENT_COUNT = "event_count"  # people of `of` with an attribute: none and all are disclosive too
    WEIGHTED_COUNT = "weighted_count"  # an effective number of people: threshold, then rounding
    TOTAL = "total"  # the sum of released cells, never rounded on its own
    MEAN = "mean"  # a mean of `of` people; in 0..1 it is treated as a proportion
    DERIVED = "derived"  # follows from the means of its row; withheld where they are
    BALANCE = "balance"  # a standardised difference, to two decimals
    ESTIMATE = "estimate"  # no finer than the released counts; withheld where they are
    TEST = "test"  # a test statistic or probability, to few figures
    EDGE = "edge"  # a bin edge fixed before the data were seen
    CURVE_COUNT = "curve_count"  # cumulative, rounded in the counts' own bins
    CURVE_VALUE = "curve_value"  # recomputed from the released curve counts
    TRUTH = "synthetic_truth"  # a known truth; a synthetic study only
    MARKS = "marks"  # written by the gate: names of the row's suppressed columns


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its type, its disclosure rule and, where the rule needs one, the count it rests on."""

    name: str
    kind: Kind
    rule: Rule
    of: str = ""

    @property
    def dtype(self) -> str:
        """The pandas dtype of the released column."""
        return _DTYPES[self.kind]


@dataclass(frozen=True, slots=True)
class TableSchema:
    """One released table: file ``<name>.csv``."""

    name: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in the order of the file."""
        return tuple(c.name for c in self.columns)

    def __getitem__(self, name: str) -> Column:
        """The column of that name."""
        return next(c for c in self.columns if c.name == name)

    def under(self, *rules: Rule) -> tuple[str, ...]:
        """Names of the columns that one of these rules covers."""
        return tuple(c.name for c in self.columns if c.rule in rules)

    def empty(self) -> pd.DataFrame:
        """No rows, every column with its type."""
        return typed(pd.DataFrame(columns=list(self.names)), self)


_SPEC = """
estimates
    study text key | analysis text key | exposure text key | population text key | group text key | outcome text key
    horizon_days number setting | interval_start_days number setting | estimand text key | measure text key | scale text key
    estimate number estimate | std_error number estimate | conf_low number estimate | conf_high number estimate
    level number setting | p_value number test | se_method text text
    n_treated whole count | n_control whole count
    events_treated whole event_count n_treated | events_control whole event_count n_control
    ess_treated whole weighted_count n_treated | ess_control whole weighted_count n_control
    status text text | reason text reason | design_sha text hash | protocol_sha text hash | seed whole setting
    suppressed text marks
pooling
    analysis text key | outcome text key | measure text key | horizon_days number setting | k whole tally
    tau2 number test | tau2_low number test | tau2_high number test | i2 number test
    q number test | q_df number tally | q_p number test | shared_controls bool setting | note text text
evidence
    section text key | part text key | analysis text key | outcome text key | by text key | group text key
    measure text key | estimand text key | scale text key | horizon_days number setting | place number setting
    estimate number estimate | std_error number estimate | conf_low number estimate | conf_high number estimate
    band_low number estimate | band_high number estimate | level number setting | p_value number test
    statistic number test | df number tally | se_method text text | units whole tally
    n_treated whole count | n_control whole count
    events_treated whole event_count n_treated | events_control whole event_count n_control
    status text text | reason text reason | note text text | suppressed text marks
flow
    stream text key | step whole key | label text text | rule text text
    n_in whole total | n_excluded whole count | n_out whole total | suppressed text marks
balance
    analysis text key | group text key | covariate text key
    mean_treated number mean matched_treated | mean_control number mean matched_control
    smd_unadjusted number balance | smd number balance | variance_ratio number derived | ecdf_max number derived
    mean_control_before number mean n_control | mean_dropped number mean dropped_treated | suppressed text marks
overlap
    analysis text key | group text key | sample text key | arm text key
    bin_low number edge | bin_high number edge | count whole count | suppressed text marks
curves
    analysis text key | group text key | outcome text key | sample text key | arm text key | time number setting
    n_risk whole curve_count | events whole curve_count | censored whole curve_count
    survival number curve_value | conf_low number curve_value | conf_high number curve_value | suppressed text marks
matching
    analysis text key | group text key | n_treated whole total | n_control whole count
    matched_treated whole count | matched_control whole count | dropped_treated whole count
    ess_control whole weighted_count matched_control | caliper number test | estimand text key | method text text
    suppressed text marks
gates
    analysis text key | gate text key | limit number setting | value number test | passed bool setting | override text text
ph_tests
    analysis text key | group text key | outcome text key | term text key
    statistic number test | df number tally | p_value number test
truth
    analysis text key | group text key | outcome text key | measure text key | horizon_days number setting
    estimate number synthetic_truth
quality
    table text key | rows_in whole total | rows_ok whole count | rows_superseded whole count
    rows_quarantined whole count | suppressed text marks
register
    output text key | table text key | rule text text | rows whole tally | cells_suppressed whole tally
    decision text text | detail text text
"""


def _parse(spec: str) -> dict[str, TableSchema]:
    tables: dict[str, list[Column]] = {}
    for line in filter(None, spec.splitlines()):
        if not line.startswith(" "):
            columns = tables.setdefault(line, [])
            continue
        for words in (part.split() for part in line.split("|")):
            name, kind, rule, *of = words
            if kind not in get_args(Kind):
                raise ValueError(f"{name}: {kind!r} is not a kind of column")
            columns.append(Column(name, cast("Kind", kind), Rule(rule), *of))
    return {name: TableSchema(name, tuple(columns)) for name, columns in tables.items()}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TABLES: Mapping[str, TableSchema] = _parse(_SPEC)

# The keys of study.json, and of the parts inside it that are closed too.
STUDY_KEYS = _words(
    "study title question background version synthetic analyses outcomes time_unit horizons tau comparator clock"
    " window labels limits sources reporting release provenance"
)
ANALYSIS_KEYS = _words(
    "id exposure label treated_label control_label population estimand method_words headline"
)
OUTCOME_KEYS = _words("id label main")
PROVENANCE_KEYS = _words("code_version protocol_sha packages inputs seed manifests")


@dataclass(frozen=True, slots=True)
class Findings:
    """What a reader may be given: the study in words, and every table of the schema (perhaps empty)."""

    study: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]

    def __post_init__(self) -> None:
        check_study(self.study)
        problems = [
            f"table {t!r} has no schema.{did_you_mean(t, list(TABLES))}" for t in self.tables if t not in TABLES
        ]
        problems += [f"table {t!r} of the schema is absent." for t in TABLES if t not in self.tables]
        if problems:
            raise DisclosureError(problems)
        typed_tables = {name: typed(self.tables[name], schema) for name, schema in TABLES.items()}
        object.__setattr__(self, "tables", typed_tables)

    def __getitem__(self, table: str) -> pd.DataFrame:
        """The table of that name."""
        return self.tables[table]


def suppressed(frame: pd.DataFrame, column: str) -> BoolArray:
    """(n,) whether the row's cell in `column` was suppressed; the others that are missing do not apply."""
    named = frame["suppressed"].tolist()
    return np.array([column in str(words).split() for words in named], dtype=bool)


def check_columns(columns: Iterable[object], schema: TableSchema) -> list[str]:
    """Problems with a table's column names: those without a rule, missing, or twice there."""
    given = [str(c) for c in columns]
    problems = [
        f"{schema.name}: column {c!r} has no disclosure rule.{did_you_mean(c, schema.names)}"
        for c in given
        if c not in schema.names
    ]
    problems += [f"{schema.name}: column {c!r} is missing." for c in schema.names if c not in given]
    problems += [
        f"{schema.name}: column {c!r} occurs twice." for c in sorted({c for c in given if given.count(c) > 1})
    ]
    return problems


def typed(frame: pd.DataFrame, schema: TableSchema) -> pd.DataFrame:
    """The table with the schema's columns in its order and types, rows numbered from 0.

    Raises
    ------
    DisclosureError
        A column is unknown, missing or of another type, or a number is infinite.
    """
    problems = check_columns(frame.columns, schema)
    if problems:
        raise DisclosureError(problems)
    columns: dict[str, Any] = {}
    for column in schema.columns:
        try:
            columns[column.name] = _as_kind(frame[column.name], column)
        except (TypeError, ValueError):
            problems.append(
                f"{schema.name}: column {column.name!r} does not hold values of kind {column.kind!r}."
            )
            continue
        if column.kind == "number":
            bad = np.flatnonzero(np.isinf(columns[column.name].to_numpy()))
            if len(bad):
                rows = rows_phrase(bad.tolist(), len(frame))
                problems.append(f"{schema.name}: column {column.name!r} is infinite for {rows}.")
    if problems:
        raise DisclosureError(problems)
    return pd.DataFrame(columns, columns=list(schema.names), index=pd.RangeIndex(len(frame)))


def _as_kind(series: pd.Series[Any], column: Column) -> pd.Series[Any]:
    values = series.reset_index(drop=True)
    if column.kind == "text":
        return values.astype(object).where(values.notna(), "").astype(str).astype("str")
    if column.kind == "bool":
        if values.isna().any() or not values.isin([True, False]).all():
            raise ValueError
        return values.astype(bool)
    numbers = pd.to_numeric(values).astype("Float64")
    return numbers.astype("Int64") if column.kind == "whole" else numbers.astype("float64")


def check_study(study: Mapping[str, Any]) -> None:
    """Refuse a study.json with a key that is unknown or missing, in it or in its closed parts."""
    problems = _keys("study", study, STUDY_KEYS)
    for part, keys in (("analyses", ANALYSIS_KEYS), ("outcomes", OUTCOME_KEYS)):
        for i, entry in enumerate(study.get(part, ())):
            problems += _keys(f"study.{part}.{i}", entry, keys)
    problems += _keys("study.provenance", study.get("provenance", {}), PROVENANCE_KEYS)
    if problems:
        raise DisclosureError(problems)


def _keys(where: str, found: Mapping[str, Any], wanted: frozenset[str]) -> list[str]:
    unknown = [
        f"{where}: key {k!r} has no schema.{did_you_mean(k, sorted(wanted))}"
        for k in sorted(set(found) - wanted)
    ]
    return unknown + [f"{where}: key {k!r} is missing." for k in sorted(wanted - set(found))]


def write_findings(folder: Path, findings: Findings) -> None:
    """Write study.json and one CSV a table, whole or not at all; the same findings give the same bytes.

    `folder` is replaced: it holds the findings and nothing else.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    for leftover in folder.parent.glob(f".{folder.name}.*"):  # of a run that was killed
        shutil.rmtree(leftover)
    made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        made.chmod(0o755)
        study = json.dumps(findings.study, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
        (made / "study.json").write_bytes((study + "\n").encode())
        for name, frame in findings.tables.items():
            (made / f"{name}.csv").write_bytes(csv_bytes(frame))
        if folder.exists():
            old = made.with_name(made.name + ".old")
            os.replace(folder, old)
            os.replace(made, folder)
            shutil.rmtree(old)
        else:
            os.replace(made, folder)
    except BaseException:
        shutil.rmtree(made)
        raise


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """UTF-8 CSV: line feed, no index, the shortest decimals that read back the same number."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(frame.columns)
    writer.writerows([_cell(v) for v in row] for row in frame.itertuples(index=False, name=None))
    return stream.getvalue().encode()


def _cell(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if value is pd.NA or value is None:
        return ""
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return (
            ""
            if number != number
            else f"{number:.0f}"
            if abs(number) < 1e15 and number == int(number)
            else repr(number)
        )
    return str(value)


def read_findings(folder: Path) -> Findings:
    """The findings in a folder that :func:`write_findings` wrote.

    Raises
    ------
    DisclosureError
        A file or column is not in the schema, or one of the schema's is missing.
    """
    expected = {"study.json", *(f"{name}.csv" for name in TABLES)}
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    problems = [f"file {n!r} among the findings has no schema." for n in sorted(found - expected)]
    problems += [
        f"file {n!r} of the findings is missing. Run the release stage." for n in sorted(expected - found)
    ]
    if problems:
        raise DisclosureError(problems)
    study = json.loads((folder / "study.json").read_text(encoding="utf-8"))
    return Findings(study, {name: _read_csv(folder / f"{name}.csv", schema) for name, schema in TABLES.items()})


def _read_csv(path: Path, schema: TableSchema) -> pd.DataFrame:
    raw = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    problems = check_columns(raw.columns, schema)
    if problems:
        raise DisclosureError(problems)
    for column in schema.columns:
        if column.kind == "bool":
            raw[column.name] = raw[column.name].map({"true": True, "false": False}).astype(object)
        elif column.kind != "text":
            raw[column.name] = raw[column.name].replace("", None)
    return typed(raw, schema)
