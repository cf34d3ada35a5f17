"""The design stage: what a gate is judged on."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.stages.design import _gates


def judged(smd: float, treated: float, control: float) -> pd.DataFrame:
    """Gates of one analysis with a well balanced covariate and one other."""
    gates = SimpleNamespace(max_smd=0.1, min_ess=10, override=None)
    analysis = SimpleNamespace(id="a", gates=gates)
    balance = pd.DataFrame(
        {"analysis": "a", "smd": [0.01, smd], "mean_treated": [0.5, treated], "mean_control": [0.5, control]}
    )
    matching = pd.DataFrame({"analysis": ["a"], "matched_treated": [100], "ess_control": [90.0]})
    bench = SimpleNamespace(protocol=SimpleNamespace(analyses=[analysis]))
    return _gates(bench, balance, matching)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("smd", "treated", "control", "passed"),
    [
        (0.05, 0.4, 0.39, True),
        (-0.2, 0.4, 0.5, False),
        (np.nan, 1.0, 1.0, True),  # the same for everyone
        (np.nan, 1.0, 0.8, False),  # all of the treated, and not all of the others
    ],
)
def test_a_gate_is_judged_on_every_covariate_also_one_that_does_not_vary(
    smd: float, treated: float, control: float, passed: bool
) -> None:
    found = judged(smd, treated, control).set_index("gate")
    row = found[found.index.str.contains("smd")].iloc[0]
    assert bool(row["passed"]) is passed
