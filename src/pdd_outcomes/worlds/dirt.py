"""What goes wrong between an event and the file: bad rows, rows sent twice, slips of the keyboard, late updates."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .parameters import Settings

NO_DAY = "2018-02-30"
# What is not known in an earlier version, and the day of that version, by table.
UNDECIDED = {
    "disposals": ({"outcome_code": "0", "outcome_date": ""}, "incident_date"),
    "offences": ({"outcome_type": "pending", "outcome_date": ""}, "report_date"),
}


def dirty(rng: np.random.Generator, table: pd.DataFrame, share: float, tag: str = "") -> pd.DataFrame:
    """The table with bad rows added, in random order: exact duplicates, unknown persons, days that do not exist."""
    k = int(share * len(table) / 3)
    if not k:
        return table.sample(frac=1, random_state=rng).reset_index(drop=True)
    key, date = table.columns[0], next(c for c in table.columns if c.endswith("_date"))
    twice, orphans, wrong = (table.iloc[rng.choice(len(table), k, replace=False)].copy() for _ in range(3))
    orphans["person_id"] = [f"SYN-{tag}X{i:06d}" for i in range(k)]
    for name, part in (("D", orphans), ("E", wrong)):
        if key != "person_id":
            part[key] = [f"SYN-{tag}{name}{i:07d}" for i in range(k)]
        else:
            part["person_id"] = [f"SYN-{tag}{name}{i:07d}" for i in range(k)]
    wrong[date] = NO_DAY
    parts = [table, twice, wrong] if key == "person_id" else [table, twice, orphans, wrong]
    return pd.concat(parts, ignore_index=True).sample(frac=1, random_state=rng).reset_index(drop=True)


def with_late_updates(
    rng: np.random.Generator, table: pd.DataFrame, name: str, settings: Settings
) -> pd.DataFrame:
    """The table with `recorded_on`, and earlier versions of a share of the rows that were decided after the first day."""
    unknown, first = UNDECIDED[name]
    decided = table["outcome_date"]
    table = table.assign(recorded_on=decided.where(decided != "", table[first]))
    could = np.flatnonzero((decided > table[first]).to_numpy())
    early = table.iloc[could[rng.random(len(could)) < settings.late_updates]]
    early = early.assign(**unknown, recorded_on=early[first])
    return pd.concat([table, early], ignore_index=True)


def with_mistakes(rng: np.random.Generator, table: pd.DataFrame, name: str, settings: Settings) -> pd.DataFrame:
    """The table with slips of the keyboard, and then rows sent twice; untouched where the settings ask for neither."""
    if wrong := round(settings.typing_mistakes.get(name, 0.0) * len(table)):
        table = _mistyped(rng, table, wrong)
    if twice := round(settings.duplicates.get(name, 0.0) * len(table)):
        again = table.iloc[rng.choice(len(table), twice, replace=False)]
        both = pd.concat([table, again], ignore_index=True)
        table = both.sample(frac=1, random_state=rng).reset_index(drop=True)
    return table


def _mistyped(rng: np.random.Generator, table: pd.DataFrame, k: int) -> pd.DataFrame:
    """One cell of each of `k` rows mistyped; not the key, and where a cell is blank another of its row."""
    cells = table.to_numpy(dtype=object)
    could = np.flatnonzero((table.iloc[:, 1:] != "").any(axis=1).to_numpy())
    for row in rng.choice(could, min(k, len(could)), replace=False):
        column = int(rng.choice([c for c in range(1, cells.shape[1]) if cells[row, c] != ""]))
        cells[row, column] = slip(rng, str(cells[row, column]))
    return pd.DataFrame(cells, columns=table.columns, dtype=str)


def slip(rng: np.random.Generator, text: str) -> str:
    """`text` with two unlike neighbours swapped, one character left out or one struck twice; never the same text."""
    where = [i for i in range(len(text) - 1) if text[i] != text[i + 1]]
    how = int(rng.integers(3))
    if how == 0 and where:
        i = int(rng.choice(where))
        return text[:i] + text[i + 1] + text[i] + text[i + 2 :]
    i = int(rng.integers(len(text)))
    if how == 1 and len(text) > 1:
        return text[:i] + text[i + 1 :]
    return text[: i + 1] + text[i:]
