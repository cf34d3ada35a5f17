"""Errors with an exit code, a list of problems, and no person's values in them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class PddError(Exception):
    """Something the user can mend. Holds every problem found, not only the first.

    A problem is one sentence or two: the role and column, the rule, how many rows and which,
    the remedy. It never repeats a value from the data.
    """

    exit_code = 1

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class UsageError(PddError, ValueError):
    """The call is wrong: an unknown option, a method that cannot do what is asked."""

    exit_code = 2


class ProtocolError(PddError):
    """The study's plan breaks a rule."""

    exit_code = 3


class DataError(PddError, ValueError):
    """The data break a rule: a missing column, a wrong type, an empty arm, separation."""

    exit_code = 4


class GateError(PddError):
    """A gate of the protocol was not passed; outcomes may not be joined."""

    exit_code = 5


class DisclosureError(PddError):
    """An output has no disclosure rule, or breaks one; nothing is released."""

    exit_code = 6


def did_you_mean(wrong: str, right: Sequence[str]) -> str:
    """' Did you mean ...?' where one of `right` is close, else the empty string."""
    close = difflib.get_close_matches(str(wrong), [str(r) for r in right], n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else ""


def choose(role: str, value: object, allowed: Sequence[str]) -> str:
    """`value` if it is one of `allowed`; otherwise a UsageError that lists them."""
    if isinstance(value, str) and value in allowed:
        return value
    raise UsageError(
        f"{role}={value!r} is not known.{did_you_mean(str(value), allowed)} Choose one of {list(allowed)}."
    )


def rows_phrase(rows: Sequence[int], total: int, most: int = 5) -> str:
    """'2 of 40 rows (rows 3, 17)': positions counted from 0, the first few named."""
    shown = ", ".join(str(int(r)) for r in rows[:most]) + (", ..." if len(rows) > most else "")
    return f"{len(rows)} of {total} rows (row{'s' if len(rows) > 1 else ''} {shown})"
