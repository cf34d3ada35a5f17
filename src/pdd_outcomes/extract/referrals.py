"""From a scheme's referral list with names on it to contacts of people known by pseudonym.

The list (`referrals`) and the key to the pseudonyms (`identities`) are read here, linked, and go no further: what leaves is
who was referred, for which incident, and an account of every row of the list.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ..core.errors import DataError, did_you_mean
from ..protocol.model import Linkage
from .contract import STAGES
from .link import Linked, link_referrals
from .read import ENDINGS, find_table, read_text

LISTS = ("referrals", "identities")
BESIDE = ("contact_date",)  # that a referral list must have beside the identifiers; `stage` is optional


def linked_contacts(
    folder: Path, plan: Linkage, disposals: pd.DataFrame, seed: int
) -> tuple[pd.DataFrame, Linked]:
    """Contacts as text, one for each linked referral, and the linkage.

    A referral belongs to the person's latest incident on or before its day; where there is none the incident is left blank,
    and the contract puts the row into quarantine.

    Raises
    ------
    DataError
        A list is missing or lacks a column.
    """
    lists = {}
    for name in LISTS:
        path = find_table(folder, name)
        if path is None:
            raise DataError(
                f"{name}: data.linkage needs this list, and the folder holds no file of that name that ends in {', '.join(ENDINGS)}."
            )
        lists[name] = read_text(path)
    referrals = lists["referrals"]
    problems = [
        f"referrals: column {name!r} is missing.{did_you_mean(name, list(referrals.columns))}"
        for name in BESIDE
        if name not in referrals
    ]
    if problems:
        raise DataError(problems)
    linked = link_referrals(
        referrals,
        lists["identities"],
        threshold=plan.threshold,
        review=None if plan.review_from is None else (plan.review_from, plan.threshold),
        seed=seed,
    )
    return contacts_of(linked, referrals, disposals), linked


def contacts_of(linked: Linked, referrals: pd.DataFrame, disposals: pd.DataFrame) -> pd.DataFrame:
    """contact_id, person_id, incident_id, stage and contact_date of each linked referral, as text."""
    stage = referrals["stage"] if "stage" in referrals else pd.Series(STAGES[0], index=referrals.index)
    listed = pd.DataFrame(
        {
            "referral_id": referrals["referral_id"].astype(str).str.strip(),
            "stage": stage.where(stage != "", STAGES[0]),
            "contact_date": referrals["contact_date"],
        }
    )
    rows = linked.links[["referral_id", "person_id"]].merge(listed, on="referral_id", how="left")
    rows = rows.assign(day=_day(rows["contact_date"]))
    incidents = pd.DataFrame(
        {
            "person_id": disposals["person_id"],
            "incident_id": disposals["incident_id"],
            "day": _day(disposals["incident_date"]),
        }
    ).dropna(subset=["day"])
    met = pd.merge_asof(
        rows.dropna(subset=["day"]).sort_values(["day", "referral_id"]),
        incidents.sort_values(["day", "incident_id"]),
        on="day",
        by="person_id",
    )
    incident = rows["referral_id"].map(met.set_index("referral_id")["incident_id"])
    return pd.DataFrame(
        {
            "contact_id": "referral " + rows["referral_id"],
            "person_id": rows["person_id"],
            "incident_id": incident.astype(object).where(incident.notna(), "").astype(str),
            "stage": rows["stage"],
            "contact_date": rows["contact_date"],
        },
        dtype=str,
    )


def _day(text: pd.Series[str]) -> pd.Series[pd.Timestamp]:
    shaped = text.where(text.str.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"))
    return pd.to_datetime(shaped, format="%Y-%m-%d", errors="coerce").astype("datetime64[s]")


def linkage_account(linked: Linked) -> pd.DataFrame:
    """Every referral by what became of it: use, rows."""
    review = linked.review.drop_duplicates("referral_id")
    parts = [
        linked.links["how"].map(lambda how: f"linked by {how}"),
        review["why"].map(lambda why: f"for review: {why}"),
        linked.unlinked["reason"].map(lambda reason: f"not linked: {reason}"),
    ]
    counts = pd.concat(parts, ignore_index=True).value_counts().sort_index()
    return pd.DataFrame({"use": counts.index.astype(str), "rows": counts.to_numpy(dtype="int64")})
