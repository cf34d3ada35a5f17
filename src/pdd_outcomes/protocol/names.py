"""Names that a study may bear: they become folders, and the file name of a page."""

from __future__ import annotations

import re

LONGEST = 60
# The site's own page, and what one operating system will not have as the name of a file.
RESERVED = frozenset(
    {"index", "con", "prn", "aux", "nul", *(f"{port}{i}" for port in ("com", "lpt") for i in range(1, 10))}
)


def study_name_problem(name: str) -> str | None:
    """Why a study may not be called so, and what would do; None where it may."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        return "use small letters, digits and underscores, a letter first."
    if len(name) > LONGEST:
        return f"it has {len(name)} letters; use {LONGEST} at most."
    if name in RESERVED:
        return f"{name!r} is taken as the name of a file. Choose another, such as 'study_{name}'."
    return None
