"""The data-quality page of a study, from what the extract and cohort stages wrote."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ..extract import read_extract
from ..extract.dictionary import CODES, INTRODUCTION, dictionary
from ..extract.profile import kind_of_breach
from ..protocol.outcome_codes import OUTCOMES
from ..report.plain_page import write_dictionary_page
from ..report.quality_page import write_quality_page
from ..report.source import page_source
from .files import read_table
from .raw import source_folder
from .study import Study

FRAMES = ("columns", "months", "dates", "delays", "linkage", "linkage_thresholds")


def breaches_by_rule(quarantine: pd.DataFrame) -> pd.DataFrame:
    """Breaches by table, column and rule: how many rows, the first of them, and the form of the first value."""
    keys = ["table", "column", "rule"]
    text = quarantine.assign(
        value=quarantine["value"].astype(object).where(quarantine["value"].notna(), ""),
        first=quarantine["row"].astype(str),
    )
    grouped = text.groupby(keys, sort=False, dropna=False)
    made = grouped.agg(
        rows=("row", "size"), first=("first", lambda rows: ", ".join(rows.head(5))), value=("value", "first")
    ).reset_index()
    made["kind"] = made["rule"].map(kind_of_breach)
    return made.sort_values("rows", ascending=False, kind="stable", ignore_index=True)


def dictionary_page(out: Path) -> Path:
    """The data contract as a page."""
    return write_dictionary_page(
        out,
        introduction=INTRODUCTION,
        tables=dictionary(),
        codes=(CODES, [(str(code), words) for code, words in OUTCOMES.items()]),
        theme=page_source("theme.css"),
    )


def kept_frames(study: Study) -> dict[str, pd.DataFrame]:
    """The frames of the page as the stages wrote them; the account of rows where the cohort has been built."""
    extract, accounts = study.folder("extract"), study.folder("cohort") / "accounts.csv"
    frames = {
        "quality": read_table(extract / "quality.csv"),
        "breaches": breaches_by_rule(read_table(extract / "quarantine.csv")),
    }
    for name in FRAMES:
        if (extract / f"{name}.csv").is_file():
            frames[name] = read_table(extract / f"{name}.csv")
    if accounts.is_file():
        frames["accounts"] = read_table(accounts)
    return frames


def refused_frames(study: Study) -> dict[str, pd.DataFrame]:
    """The same of an extract with more bad rows than the protocol tolerates, read again without that limit."""
    data = study.protocol.data.model_copy(update={"quarantine_limit": 1.0})
    extract = read_extract(study.protocol.model_copy(update={"data": data}), source_folder(study))
    return {"quality": extract.quality, "breaches": breaches_by_rule(extract.quarantine), **extract.profile}


def quality_page(study: Study, frames: dict[str, pd.DataFrame]) -> Path:
    """Write the page beside the study's stages. Months are those of the study window."""
    protocol = study.protocol
    if "months" in frames and protocol.cohort is not None:
        window = protocol.cohort.window
        month = frames["months"]["month"]
        inside = (month >= f"{window.from_:%Y-%m}") & (month <= f"{window.to:%Y-%m}")
        frames = frames | {"months": frames["months"].loc[inside].reset_index(drop=True)}
    return write_quality_page(
        study.folder("data-quality.html"),
        title=protocol.title,
        frames=frames,
        waiting_days=protocol.cohort.waiting_days if protocol.cohort else 0,
        limit=protocol.data.quarantine_limit,
        threshold=protocol.release.threshold,
        theme=page_source("theme.css"),
    )
