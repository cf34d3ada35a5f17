"""The study on public data that comes with the project: the line gives what the same calls give in a notebook."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from pdd_outcomes.cli import _provider
from pdd_outcomes.design import match
from pdd_outcomes.effects import time_to_event
from pdd_outcomes.stages.line import STAGES, run_stage
from pdd_outcomes.stages.study import open_study
from pdd_outcomes.worlds.public import recid

ROOT = Path(__file__).parents[2]


def test_the_line_matches_and_estimates_as_a_notebook_does(tmp_path: Path) -> None:
    """530 pairs: of 672 in work release, 142 have nobody within the caliper. One covariate is called `person`."""
    shutil.copytree(ROOT / "analyses" / "nc_work_release", tmp_path / "analyses" / "nc_work_release")
    study = open_study(tmp_path, "nc_work_release")
    for stage in STAGES[: STAGES.index("estimates") + 1]:
        run_stage(study, stage, log=lambda _: None, provider=_provider)
    plan = study.protocol
    analysis, table = plan.analyses[0], plan.person_table
    assert table is not None
    assert "person" in analysis.design.covariates
    data = recid()
    codes = {str(v): 1 for v in table.treatment.treated} | {str(v): 0 for v in table.treatment.comparator}
    data = data.assign(
        treated=data[table.treatment.column].astype(str).map(codes),
        happened=data[table.event.column].astype(str).isin([str(v) for v in table.event.values]).astype(int),
    )
    matched = match(
        data,
        "treated",
        covariates=analysis.design.covariates,
        formula=None,
        caliper=analysis.design.caliper,
        ratio=analysis.design.ratio,
        replace=analysis.design.replace,
        exact=analysis.design.exact,
    )
    assert len(matched.pairs) == 530
    made = pd.read_csv(study.folder("design") / "matching.csv").iloc[0]
    assert (made["matched_treated"], made["matched_control"]) == (530, 530)
    here = time_to_event(
        matched, data, time=table.time.column, event="happened", at=plan.horizons, tau=plan.tau
    ).tidy()
    there = pd.read_csv(study.folder("estimates") / "estimates.csv").query("population == 'matched'")
    for measure in ("risk_difference", "hazard_ratio", "rmst_difference"):
        for column in ("estimate", "std_error"):
            mine = here.loc[here["term"] == measure, column].to_numpy()
            theirs = there.loc[there["measure"] == measure, column].to_numpy()
            assert theirs == pytest.approx(mine, rel=1e-9), (measure, column)
