"""Small studies in a temporary folder, the way a new user would make them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from pdd_outcomes.protocol.template import write_scaffold


def people(n: int = 1_500, seed: int = 1) -> pd.DataFrame:
    """One row a person: the programme lowers the hazard; the young with more priors have it less often."""
    rng = np.random.default_rng(seed)
    age = np.round(18 + rng.gamma(2, 6, n))
    sex = np.where(rng.random(n) < 0.8, "male", "female")
    priors = rng.poisson(1.5, n)
    programme = rng.random(n) < 1 / (1 + np.exp(1.0 + 0.12 * priors - 0.01 * (age - 30)))
    hazard = 0.04 * np.exp(0.2 * priors - 0.4 * programme)
    time = np.ceil(rng.exponential(1 / hazard))
    return pd.DataFrame(
        {
            "person_id": [f"SYN-{i:04d}" for i in range(n)],
            "programme": programme.astype(int),
            "follow_up": np.minimum(time, 24).astype(int),
            "reoffended": (time <= 24).astype(int),
            "age": age.astype(int),
            "sex": sex,
            "priors": priors,
        }
    )


def person_study(root: Path, data: pd.DataFrame | None = None, name: str = "a_study") -> Path:
    """A scaffolded person-table study with its data in place; its folder."""
    write_scaffold(root / "analyses", name, "person_table")
    folder = root / "analyses" / name
    (people() if data is None else data).to_csv(folder / "data" / "person.csv", index=False)
    edit(folder / "protocol.yaml", "max_smd: 0.1", "max_smd: 0.25")  # small samples; what is tested is the line
    return folder


def edit(path: Path, before: str, after: str) -> None:
    """Replace text that must be there."""
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")
