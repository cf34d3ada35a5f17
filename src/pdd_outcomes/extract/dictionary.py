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


INTRODUCTION = (
    "What a study on event tables is sent: one table for each heading, as a file of its name "
    f"({', '.join(ENDINGS)}) in the folder that the protocol names, or in a database. Columns in any order; others may be "
    "there and are left alone.",
    "Everything is read as text and checked; a row that breaks a rule goes into quarantine with the rule that it broke, and "
    "nothing is guessed. This page is written from the contract in the code.",
    f"Every table may also have {RECORDED.name}. {RECORDED.meaning}",
)


def dictionary() -> list[tuple[str, str, list[tuple[str, str, str, str]]]]:
    """Each table of the contract: name, a sentence, and for each column its name, kind, rules and meaning."""
    return [(t.name, _sentence(t), [_row(c) for c in t.columns]) for t in CONTRACT.values()]


def dictionary_text() -> str:
    """The whole contract, as Markdown."""
    lines = ["# Data dictionary", ""]
    for words in INTRODUCTION:
        lines += [words, ""]
    for name, sentence, rows in dictionary():
        lines += [f"## {name}", "", sentence, "", "| Column | Kind | Rules | Meaning |", "|---|---|---|---|"]
        lines += [f"| `{column}` | {kind} | {rules} | {meaning} |" for column, kind, rules, meaning in rows]
        lines.append("")
    lines += ["## Outcome codes", "", CODES, "", "| Code | Meaning |", "|---:|---|"]
    lines += [f"| {code} | {words} |" for code, words in OUTCOMES.items()]
    return "\n".join(lines) + "\n"


CODES = "Home Office outcome codes of disposals.outcome_code."


def _sentence(table: Table) -> str:
    need = "A study can do without it." if table.optional else "Every study needs it."
    return f"{need} One row for each {' and '.join(table.identity)}."


def _row(column: Column) -> tuple[str, str, str, str]:
    absent = "the column may be absent" if column.optional else ""
    rules = "; ".join(part for part in (rules_in_words(column), absent) if part)
    return column.name, KINDS[column.kind], rules, column.meaning
