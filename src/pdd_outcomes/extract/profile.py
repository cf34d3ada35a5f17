"""What a data manager asks of an extract: what came, how complete it is by force and month, and how long outcomes take."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from .contract import CONTRACT, PROVEN

DELAYS = (30, 91, 183, 274, 365, 548, 730)  # days from offence to outcome at which shares are shown
KINDS_OF_BREACH = {
    "is blank": "missing",
    "is an exact duplicate": "duplicate",
    "is the key of rows": "clash of versions",
    "is not among the kept rows": "orphan",
    "is in disposals with another": "orphan",
    "is not between": "out of range",
    "is not one of": "out of range",
    "is before": "date out of order",
    "is after": "date out of order",
    "is on or before": "date out of order",
    "is a day that does not exist": "not a date",
    "is not a date": "not a date",
}


def kind_of_breach(rule: str) -> str:
    """The sort of breach that a rule is: missing, duplicate, clash of versions, orphan, out of range, date out of order,
    not a date, or form."""
    return next((kind for start, kind in KINDS_OF_BREACH.items() if rule.startswith(start)), "form")


def profile(raw: Mapping[str, pd.DataFrame], tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The frames of the data-quality page.

    Parameters
    ----------
    raw : text tables as they came; tables : the typed rows that break no rule

    Returns
    -------
    dict
        columns: table, column, status (as agreed, optional and absent, not in the contract), rows, blank;
        months: force, month, incidents, with_outcome (a code other than 0), dated (with an outcome date);
        dates: table, column, rows, first_of_january, first_of_month; of the dates that are not blank;
        delays: year (of the offence), n, and within_30 ...: of proven offences, those proven in so many days.
    """
    return {
        "columns": _columns(raw),
        "months": _months(tables["disposals"]),
        "dates": _dates(tables),
        "delays": _delays(tables["offences"]),
    }


def _columns(raw: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    rows: list[tuple[str, str, str, int, int]] = []
    for name, table in CONTRACT.items():
        if name not in raw:
            continue
        frame = raw[name]
        known = [c.name for c in table.every]
        for column in known:
            if column in frame:
                rows.append((name, column, "as agreed", len(frame), int((frame[column] == "").sum())))
            else:
                rows.append((name, column, "optional and absent", len(frame), len(frame)))
        for column in frame.columns:
            if column not in known:
                blank = int((frame[column] == "").sum())
                rows.append((name, str(column), "not in the contract", len(frame), blank))
    return pd.DataFrame(rows, columns=["table", "column", "status", "rows", "blank"])


def _months(disposals: pd.DataFrame) -> pd.DataFrame:
    """Every force and month between its extract's first and last, those without an incident included."""
    month = disposals["incident_date"].dt.strftime("%Y-%m")
    made = pd.DataFrame(
        {
            "force": disposals["force"],
            "month": month,
            "incidents": 1,
            "with_outcome": (disposals["outcome_code"] != 0).astype(int),
            "dated": disposals["outcome_date"].notna().astype(int),
        }
    )
    counts = made.groupby(["force", "month"], sort=True).sum()
    if counts.empty:
        return counts.reset_index()
    every = pd.period_range(month.min(), month.max(), freq="M").astype(str)
    forces = sorted(disposals["force"].unique())
    return counts.reindex(
        pd.MultiIndex.from_product([forces, every], names=["force", "month"]), fill_value=0
    ).reset_index()


def _dates(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    rows: list[tuple[str, str, int, int, int]] = []
    for name, table in CONTRACT.items():
        for column in table.columns:
            if column.kind != "date":
                continue
            day = tables[name][column.name].dropna()
            if len(day):
                first = day.dt.day == 1
                rows.append(
                    (name, column.name, len(day), int((first & (day.dt.month == 1)).sum()), int(first.sum()))
                )
    return pd.DataFrame(rows, columns=["table", "column", "rows", "first_of_january", "first_of_month"])


def _delays(offences: pd.DataFrame) -> pd.DataFrame:
    proven = offences.loc[offences["outcome_type"].isin(PROVEN) & offences["outcome_date"].notna()]
    took = (proven["outcome_date"] - proven["offence_date"]).dt.days
    made = pd.DataFrame({"year": proven["offence_date"].dt.year, "n": 1})
    for days in DELAYS:
        made[f"within_{days}"] = (took <= days).astype(np.int64)
    return made.groupby("year", sort=True).sum().reset_index()
