"""The data contract in words: what a force is asked to send, column by column, as Markdown."""

from __future__ import annotations

from ..protocol.outcome_codes import OUTCOMES
from .contract import CONTRACT, RECORDED, Column, Table
from .read import ENDINGS

KINDS = {
    "text": "text",
    "whole": "whole number",
    "number": "number",
    "date": "day, as 2020-01-31",
}


def rules_in_words(column: Column) -> str:
    """What a value must be, beside its kind."""
    said = []
    if not column.required:
        said.append("may be blank")
    if column.needed_where is not None:
        other, values = column.needed_where
        said.append(f"not where {other} is {' or '.join(values)}")
    if column.allowed:
        said.append(f"one of: {', '.join(column.allowed)}")
    if column.low is not None and column.high is not None:
        said.append(f"from {column.low} to {column.high:,}")
    if column.refers:
        also = f", with the same {' and '.join(column.agrees)}" if column.agrees else ""
        said.append(f"to be found in {column.refers}{also}")
    if column.not_before:
        said.append(f"not before {column.not_before}")
    return "; ".join(said)


def dictionary_text() -> str:
    """The whole contract, as Markdown."""
    lines = [
        "# Data dictionary",
        "",
        "What a study on event tables is sent: one table for each heading, as a file of its name "
        f"({', '.join(ENDINGS)}) in the folder that the protocol names, or in a database. Columns in any order; others may be "
        "there and are left alone. Everything is read as text and checked; a row that breaks a rule goes into quarantine with "
        "the rule that it broke, and nothing is guessed. This page is written from the contract in the code "
        "(`pdd dictionary`).",
        "",
        f"Every table may also have `{RECORDED.name}`. {RECORDED.meaning}",
        "",
    ]
    for table in CONTRACT.values():
        lines += _table(table)
    lines += ["## Outcome codes", "", "Home Office outcome codes of `disposals.outcome_code`.", ""]
    lines += [
        "| Code | Meaning |",
        "|---:|---|",
        *(f"| {code} | {words} |" for code, words in OUTCOMES.items()),
    ]
    return "\n".join(lines) + "\n"


def _table(table: Table) -> list[str]:
    identity = " and ".join(f"`{name}`" for name in table.identity)
    need = "A study can do without it." if table.optional else "Every study needs it."
    head = [f"## {table.name}", "", f"{need} One row for each {identity}.", ""]
    head += ["| Column | Kind | Rules | Meaning |", "|---|---|---|---|"]
    return [*head, *(_row(column) for column in table.columns), ""]


def _row(column: Column) -> str:
    absent = "the column may be absent" if column.optional else ""
    rules = "; ".join(part for part in (rules_in_words(column), absent) if part)
    return f"| `{column.name}` | {KINDS[column.kind]} | {rules} | {column.meaning} |"
