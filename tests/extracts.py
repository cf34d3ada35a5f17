"""A small extract of invented people as files, for tests that spoil it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from tests.acceptance.projects import edit

ROOT = Path(__file__).parents[1]
FORCES = ("Alder", "Holly")


def _days(values: np.ndarray) -> list[str]:
    return (np.datetime64("2018-01-01") + values.astype("timedelta64[D]")).astype(str).tolist()


def small_extract(n: int = 120, seed: int = 4, *, again: int = 0) -> dict[str, pd.DataFrame]:
    """Every table of the contract as text, each with rows, none of which breaks a rule.

    `again` people have a second incident.
    """
    rng = np.random.default_rng(seed)
    person = np.array([f"Person{i:04d}Canary" for i in range(n)])
    on = rng.integers(0, 700, n)
    incident = np.array([f"Incident{i:04d}Canary" for i in range(n)])
    diverted = rng.random(n) < 0.4
    k = 3 * n
    who, when = rng.integers(0, n, k), rng.integers(-1500, 1900, k)
    held = rng.integers(-1500, 1500, n)
    tables = {
        "persons": {
            "person_id": person,
            "birth_date": _days(-rng.integers(7000, 15000, n)),
            "sex": rng.choice(["male", "female"], n),
            "ethnicity": rng.choice(["White", "Black", "not stated"], n),
            "imd_decile": rng.integers(1, 11, n).astype(str),
        },
        "disposals": {
            "incident_id": incident,
            "person_id": person,
            "force": rng.choice(FORCES, n),
            "incident_date": _days(on),
            "offence_group": rng.choice(["possession_class_a", "possession_class_b", "possession_other"], n),
            "outcome_code": np.where(diverted, "22", "1"),
            "outcome_date": _days(on + rng.integers(5, 200, n)),
        },
        "offences": {
            "offence_id": [f"Offence{i:04d}Canary" for i in range(k)],
            "person_id": person[who],
            "offence_date": _days(when),
            "offence_group": rng.choice(["theft", "violence", "breach", "possession_class_a"], k),
            "outcome_type": rng.choice(["conviction", "caution", "no_further_action"], k),
            "outcome_date": _days(when + rng.integers(5, 180, k)),
            "severity": rng.integers(1, 400, k).astype(str),
        },
        "contacts": {
            "contact_id": [f"Contact{i:04d}Canary" for i in np.flatnonzero(diverted)],
            "person_id": person[diverted],
            "incident_id": incident[diverted],
            "stage": np.repeat("referred", diverted.sum()),
            "contact_date": _days(on[diverted] + rng.integers(1, 80, int(diverted.sum()))),
        },
        "treatments": {
            "episode_id": [f"Episode{i:04d}Canary" for i in range(n)],
            "person_id": person[rng.integers(0, n, n)],
            "start_date": _days(rng.integers(-1500, 1900, n)),
        },
        "custody": {
            "spell_id": [f"Spell{i:04d}Canary" for i in range(n)],
            "person_id": person[rng.integers(0, n, n)],
            "start_date": _days(held),
            "end_date": _days(held + rng.integers(3, 300, n)),
            "kind": np.repeat("sentence", n),
        },
        "exits": {
            "person_id": person[:3],
            "exit_date": _days(np.array([1200, 1300, 1400])),
            "kind": ["death", "death", "emigration"],
        },
        "schemes": {"force": list(FORCES), "start_date": ["2015-04-01", ""]},
    }
    made = {name: pd.DataFrame(columns, dtype=str) for name, columns in tables.items()}
    second = made["disposals"].head(again).copy()
    second["incident_id"] = [f"Second{i:04d}Canary" for i in range(again)]
    second[["outcome_code", "outcome_date"]] = ["1", ""]
    second["force"] = rng.choice(FORCES, again)
    second["incident_date"] = _days(rng.integers(0, 700, again))
    made["disposals"] = pd.concat([made["disposals"], second], ignore_index=True)
    return made


def write_extract(folder: Path, tables: dict[str, pd.DataFrame]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    return folder


def event_study(root: Path, tables: dict[str, pd.DataFrame], name: str = "pdd_small") -> Path:
    """A study on these tables, planned as the thirteen forces are; its folder."""
    folder = root / "analyses" / name
    write_extract(folder / "data", tables)
    plan = (ROOT / "analyses" / "pdd_thirteen_forces" / "protocol.yaml").read_text(encoding="utf-8")
    (folder / "protocol.yaml").write_text(plan, encoding="utf-8")
    edit(folder / "protocol.yaml", "study: pdd_thirteen_forces", f"study: {name}")
    source = next(line for line in plan.splitlines() if "source: synthetic:" in line)
    edit(folder / "protocol.yaml", source, f"  source: folder:analyses/{name}/data")
    shutil.copy(ROOT / "analyses" / "pdd_thirteen_forces" / "unit_costs.csv", folder)
    return folder
