"""Who belongs to the analysis of a force's exposure, person by person."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pdd_outcomes.cohort.populations import population
from pdd_outcomes.protocol import load_protocol

PROTOCOL = Path(__file__).parents[2] / "analyses" / "pdd_thirteen_forces" / "protocol.yaml"


def test_people_of_a_force_before_its_scheme_are_no_comparison_people() -> None:
    protocol = load_protocol(PROTOCOL)
    analysis = next(a for a in protocol.analyses if a.exposure == "force")
    people = pd.DataFrame(
        {
            "subject": ["early", "late", "elsewhere", "elsewhere too"],
            "force": ["Alder", "Alder", "Yew", "Holly"],
            "scheme": [0, 1, 0, 0],
        }
    )
    kept, flow = population(protocol, analysis, people)
    assert kept["subject"].tolist() == ["late", "elsewhere", "elsewhere too"]
    assert kept["treated"].tolist() == [1, 0, 0]
    left_out = flow[flow["rule"].str.contains("before their own force's scheme")]
    assert left_out["n_excluded"].tolist() == [1]
