"""Home Office outcome codes for recorded crime (England and Wales), in plain words."""

from __future__ import annotations

from collections.abc import Mapping

OUTCOMES: Mapping[int, str] = {
    0: "not yet assigned",
    1: "charged or summonsed",
    2: "youth caution or conditional caution",
    3: "adult caution or conditional caution",
    4: "taken into consideration",
    5: "the offender has died",
    6: "penalty notice for disorder",
    7: "cannabis or khat warning",
    8: "community resolution",
    9: "prosecution not in the public interest (Crown Prosecution Service)",
    10: "formal action not in the public interest (police)",
    11: "the suspect is below the age of criminal responsibility",
    12: "the suspect is too ill to be prosecuted",
    13: "a key witness is dead or too ill",
    14: "the victim does not support action and no suspect is identified",
    15: "suspect identified, evidential difficulties, the victim supports action",
    16: "suspect identified, the victim does not support action",
    17: "the time limit for prosecution has passed",
    18: "investigated, no suspect identified",
    19: "National Fraud Intelligence Bureau filed",
    20: "action taken by another body",
    21: "further investigation not in the public interest (police)",
    22: "diversionary, educational or intervention activity undertaken",
}


def in_words(codes: tuple[int, ...]) -> str:
    """'1 (charged or summonsed), 3 (...)'."""
    return ", ".join(f"{code} ({OUTCOMES[code]})" for code in codes)
