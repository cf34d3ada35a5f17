"""Two runs side by side: which released numbers moved."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ..core.errors import UsageError
from ..release.findings import TABLES, Rule, TableSchema, read_findings

RELATIVE = 1e-9  # below this two doubles are the same number written by two library versions


def diff_findings(before: Path, after: Path) -> str:
    """One line for each released number that moved, appeared or went, and a line that counts them.

    Parameters
    ----------
    before, after : a findings folder, or the build folder of a run that holds one
    """
    old, new = read_findings(_findings(before)), read_findings(_findings(after))
    lines: list[str] = []
    for name in (n for n in TABLES if n != "register"):  # which records what was done, and no number
        lines += _moved(name, old.tables.get(name), new.tables.get(name))
    if old.study["provenance"]["protocol_sha"] != new.study["provenance"]["protocol_sha"]:
        lines.insert(0, "protocol: the plan differs between the two runs")
    return "\n".join([*lines, f"{len(lines)} difference{'s' if len(lines) != 1 else ''}"])


def _findings(folder: Path) -> Path:
    for candidate in (folder, folder / "findings", folder / "release" / "findings"):
        if (candidate / "study.json").is_file():
            return candidate
    raise UsageError(f"{folder} holds no findings (no study.json). Give build/STUDY or its release/findings.")


def _keys(schema: TableSchema) -> list[str]:
    """What tells one row of a table from another: its keys, and the times, bins and method it is for."""
    also = {"horizon_days", "interval_start_days", "time", "bin_low", "se_method"}
    return [c.name for c in schema.columns if c.rule is Rule.KEY or c.name in also]


def _moved(name: str, old: pd.DataFrame | None, new: pd.DataFrame | None) -> list[str]:
    if old is None or new is None or old.empty or new.empty:
        had, has = (0 if t is None else len(t) for t in (old, new))
        return [] if had == has else [f"{name}: {had} rows before, {has} after"]
    keys = _keys(TABLES[name])
    both = old.merge(new, on=keys, how="outer", suffixes=(" before", " after"), indicator=True)
    lines: list[str] = []
    for row in both.to_dict("records"):
        where = ", ".join(f"{k}={row[k]}" for k in keys if not pd.isna(row[k]))
        if row["_merge"] != "both":
            lines.append(f"{name}: {where}: only {'before' if row['_merge'] == 'left_only' else 'after'}")
            continue
        for column in (c for c in TABLES[name].names if c not in keys and not c.endswith("_sha")):
            was, now = row[f"{column} before"], row[f"{column} after"]
            if not _same(was, now):
                lines.append(f"{name}: {where}: {column} {was} -> {now}")
    return lines


def _same(was: object, now: object) -> bool:
    if pd.isna(was) and pd.isna(now):  # type: ignore[call-overload]
        return True
    if isinstance(was, float) and isinstance(now, float):
        return abs(was - now) <= RELATIVE * max(abs(was), abs(now))
    return bool(was == now)
