"""How far the headline turns on linkage: the line again, up to the estimates, at other thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ..core.errors import UsageError
from ..protocol import Protocol
from .design import EVERYONE
from .files import read_table
from .line import Provider, run_stage
from .runner import Log
from .study import Study

RERUN = ("protocol", "raw", "extract", "cohort", "design", "outcomes", "estimates")


@dataclass(frozen=True, slots=True)
class AtThreshold(Study):
    """The study with another threshold, and a build folder of its own."""

    @property
    def build(self) -> Path:
        """build/<study>/linkage/<threshold>."""
        assert self.protocol.data.linkage is not None
        return self.root / "build" / self.name / "linkage" / f"{self.protocol.data.linkage.threshold:g}"


def linkage_sensitivity(study: Study, *, log: Log, provider: Provider) -> pd.DataFrame:
    """The headline's risk differences of the main outcome at each threshold of the plan.

    Returns
    -------
    DataFrame
        threshold, n_linked, n_review, horizon_days, estimate, conf_low, conf_high: unrounded, for those who hold the data
    """
    plan = study.protocol.data.linkage
    if plan is None:
        raise UsageError("the protocol has no data.linkage, so no referral was linked.")
    main = next(o.id for o in study.protocol.outcomes if o.main)
    headline = next(a.id for a in study.protocol.analyses if a.headline)
    parts = []
    for threshold in sorted({plan.threshold, *plan.sensitivity}):
        other = AtThreshold(study.root, _with(study.protocol, threshold))
        for stage in RERUN:
            run_stage(other, stage, log=log, provider=provider, only_if_stale=True)
        linked = read_table(other.folder("extract") / "linkage.csv").set_index("use")["rows"]
        found = read_table(other.folder("estimates") / "estimates.csv")
        wanted = {
            "analysis": headline,
            "outcome": main,
            "population": "matched",
            "group": EVERYONE,
            "measure": "risk_difference",
        }
        found = found.loc[(found[list(wanted)] == pd.Series(wanted)).all(axis=1)]
        frame = found[["horizon_days", "estimate", "conf_low", "conf_high"]].reset_index(drop=True)
        frame.insert(0, "n_review", int(linked[linked.index.str.startswith("for review")].sum()))
        frame.insert(0, "n_linked", int(linked[linked.index.str.startswith("linked")].sum()))
        frame.insert(0, "threshold", threshold)
        parts.append(frame)
    return pd.concat(parts, ignore_index=True)


def _with(protocol: Protocol, threshold: float) -> Protocol:
    """The plan at another threshold; its review band ends there."""
    plan = protocol.data.linkage
    assert plan is not None
    low = None if plan.review_from is None else min(plan.review_from, threshold)
    linkage = plan.model_copy(update={"threshold": threshold, "review_from": low})
    return protocol.model_copy(update={"data": protocol.data.model_copy(update={"linkage": linkage})})
