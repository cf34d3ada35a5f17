"""Rows of the evidence table: what every section of it fills in, and what stays empty."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..core.errors import PddError
from ..core.results import NotEstimable
from ..release.findings import TABLES, Rule

Row = dict[str, Any]
SCHEMA = TABLES["evidence"]
COLUMNS = [c.name for c in SCHEMA.columns if c.rule is not Rule.MARKS]
WORDS = [c.name for c in SCHEMA.columns if c.kind == "text" and c.rule is not Rule.MARKS]
NUMBERS = ("estimate", "std_error", "conf_low", "conf_high", "p_value", "statistic", "df")


@dataclass(frozen=True, slots=True)
class Section:
    """What all rows of a section have in common."""

    section: str
    analysis: str = ""
    outcome: str = ""
    horizon_days: float = np.nan
    level: float = 0.95

    def row(self, part: str, measure: str, scale: str, **filled: Any) -> Row:
        """One row; what is not given is empty, and its status "ok"."""
        return {
            "section": self.section,
            "analysis": self.analysis,
            "outcome": self.outcome,
            "horizon_days": self.horizon_days,
            "level": self.level,
            "part": part,
            "measure": measure,
            "scale": scale,
            "status": "ok",
            **filled,
        }

    def risk(self, part: str, **filled: Any) -> Row:
        """One row of a difference in risk."""
        return self.row(part, "risk_difference", "difference", **filled)

    def nothing(
        self, part: str, why: NotEstimable | str, measure: str = "", scale: str = "statistic", **filled: Any
    ) -> Row:
        """A row for what could not be estimated, with its reason."""
        reason = why.reason if isinstance(why, NotEstimable) else why
        return self.row(part, measure, scale, **filled, status="not_estimable", reason=reason)


NOT_THERE = "the people or outcomes that it needs are not there; the log of the run says which"


def told(log: Callable[[str], None], section: Section, part: str, error: PddError) -> str:
    """The reason that a page gives where a model refused its data; the particulars go to the log of the run."""
    for problem in error.problems:
        log(f"evidence: {section.section}, {part}: {problem}")
    return NOT_THERE


def numbers_of(tidy: Mapping[Any, Any]) -> Row:
    """The numbers of a tidy row."""
    return {name: tidy[name] for name in NUMBERS if name in tidy}


def evidence_frame(rows: Iterable[Row]) -> pd.DataFrame:
    """The rows as a table with every column of the schema; infinite numbers are missing."""
    frame = pd.DataFrame(list(rows), columns=COLUMNS)
    frame[WORDS] = frame[WORDS].astype(object).where(frame[WORDS].notna(), "").astype(str)
    numeric = [c for c in COLUMNS if c not in WORDS]
    frame[numeric] = frame[numeric].astype(float).replace([np.inf, -np.inf], np.nan)
    lost = (frame["status"] == "ok") & frame["estimate"].isna() & frame["p_value"].isna()
    frame.loc[lost, "reason"] = frame.loc[lost, "reason"].where(
        frame.loc[lost, "reason"] != "", "it could not be estimated"
    )
    frame.loc[lost, "status"] = "not_estimable"
    return frame
