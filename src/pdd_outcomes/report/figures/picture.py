"""A figure of the page: its drawings, a caption that states what it shows, and the table behind it."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Picture:
    """One figure.

    Attributes
    ----------
    id : label in the page, beginning with "fig-"
    html : the drawings
    caption : plain text; the first sentence is what the figure shows
    data : HTML of the table behind it
    """

    id: str
    html: str
    caption: str
    data: str = ""


def label(*parts: str) -> str:
    """A label of letters, digits and dashes: 'fig-curves-diverted-reoffending'."""
    words = (re.sub(r"[^A-Za-z0-9]+", "-", part).strip("-").lower() for part in parts)
    return "-".join(word or "x" for word in words)
