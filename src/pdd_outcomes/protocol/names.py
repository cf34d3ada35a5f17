"""Names that a study may bear: they become folders, and the file name of a page."""

from __future__ import annotations

import re

LONGEST = 60
# The site's own page, words that YAML reads as no text, and what one operating system has as the names of devices.
RESERVED = frozenset(
    {"index", "null", "true", "false", "con", "prn", "aux", "nul"}
    | {f"{port}{i}" for port in ("com", "lpt") for i in range(1, 10)}
)


def study_name_problem(name: str) -> str | None:
    """Why a study may not be called so, and what would do; None where it may."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        return "use small letters, digits and underscores, a letter first."
    if len(name) > LONGEST:
        return f"it has {len(name)} letters; use {LONGEST} at most."
    if name in RESERVED:
        return f"{name!r} is a word with a use of its own. Choose another, such as 'study_{name}'."
    return None
