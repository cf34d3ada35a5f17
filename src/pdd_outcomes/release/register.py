"""The register: every output, the rule that was applied to it, and what was decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ..core.columns import BoolArray
from .findings import TABLES, Rule, TableSchema
from .rounding import MIDPOINT_BASE, Settings

Row = dict[str, object]


def rule_words(settings: Settings) -> Mapping[Rule, str]:
    """Each rule in words, with the protocol's settings."""
    under = f"under {settings.threshold}"
    how = (
        "midpoint-6 rounding"
        if settings.rounding == MIDPOINT_BASE
        else f"rounded to the nearest {settings.rounding}"
    )
    return {
        Rule.KEY: "names the row; searched for identifiers",
        Rule.TEXT: "words; searched for identifiers",
        Rule.REASON: "words from a closed list where figures could be people",
        Rule.SETTING: "decided before the data were seen",
        Rule.HASH: "a hash",
        Rule.TALLY: "does not count people",
        Rule.COUNT: f"suppressed {under}, then {how}",
        Rule.EVENT_COUNT: f"suppressed where {under} have it or {under} do not, then {how}",
        Rule.WEIGHTED_COUNT: f"suppressed {under}, then {how}",
        Rule.TOTAL: "sum of released cells",
        Rule.MEAN: "proportions recomputed from rounded counts, other means in steps; few people withheld",
        Rule.DERIVED: "withheld with the means of its row",
        Rule.BALANCE: "two decimals; withheld where few are treated",
        Rule.ESTIMATE: "no finer than the released counts; withheld where they are",
        Rule.TEST: "to few figures",
        Rule.EDGE: "bins set beforehand",
        Rule.CURVE_COUNT: f"cumulative on a monthly grid, suppressed {under}, {how}",
        Rule.CURVE_VALUE: (
            f"recomputed from rounded counts; none {under} events or {settings.curve_min_n} people, "
            f"ends where fewer than {settings.curve_min_at_risk} are at risk"
        ),
        Rule.TRUTH: "synthetic studies only",
        Rule.MARKS: "written by the gate",
    }


def hidden_cells(raw: pd.DataFrame, released: pd.DataFrame, schema: TableSchema) -> dict[str, BoolArray]:
    """Cells of each numeric column that the raw table has and the released one does not."""
    numeric = [c.name for c in schema.columns if c.kind in ("whole", "number")]
    return {c: np.asarray(raw[c].notna().to_numpy() & released[c].isna().to_numpy()) for c in numeric}


def register_rows(
    schema: TableSchema,
    released: pd.DataFrame,
    hidden: Mapping[str, BoolArray],
    settings: Settings,
    notes: Sequence[str],
) -> list[Row]:
    """The register's rows for one table: one for each rule among its columns, and one for each note."""
    words = rule_words(settings)
    rows: list[Row] = []
    for rule in dict.fromkeys(c.rule for c in schema.columns):
        columns = schema.under(rule)
        cells = int(sum(hidden[c].sum() for c in columns if c in hidden))
        decision = "empty" if released.empty else "released in part" if cells else "released"
        rows.append(
            _row(
                schema.name,
                f"{rule}: {words[rule]}",
                len(released),
                cells,
                decision,
                f"columns {', '.join(columns)}",
            )
        )
    rows += [_row(schema.name, "whole output", 0, 0, "withheld", note) for note in notes]
    return rows


def register_frame(rows: Sequence[Row]) -> pd.DataFrame:
    """The register as a table, its own rows included."""
    own = TABLES["register"]
    last = _row(
        own.name,
        "the record of these decisions",
        len(rows) + 1,
        0,
        "released",
        f"columns {', '.join(own.names)}",
    )
    return pd.DataFrame([*rows, last], columns=list(own.names))


def _row(table: str, rule: str, rows: int, cells: int, decision: str, detail: str) -> Row:
    return {
        "output": f"findings/{table}.csv",
        "table": table,
        "rule": rule,
        "rows": rows,
        "cells_suppressed": cells,
        "decision": decision,
        "detail": detail,
    }
