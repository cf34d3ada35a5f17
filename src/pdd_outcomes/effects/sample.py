"""A design and its outcomes, row by row: what every outcome function works on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, Columns, FloatArray, IntArray
from ..core.errors import UsageError
from ..core.sandwich import clustered_covariance
from ..design import Design, ScoreModel, Weighted


@dataclass(frozen=True, slots=True)
class Sample:
    """The rows of a weighted analysis, with their outcomes.

    All arrays are (m,): `row` is the position in the data; a person who serves in two sets has two rows.
    """

    row: IntArray
    time: FloatArray
    event: BoolArray
    treated: BoolArray
    weight: FloatArray
    clusters: tuple[IntArray, ...]
    score: ScoreModel | None = None

    def where(self, kept: BoolArray) -> Sample:
        """The rows of `kept` (m,) alone."""
        return Sample(
            self.row[kept],
            self.time[kept],
            self.event[kept],
            self.treated[kept],
            self.weight[kept],
            tuple(c[kept] for c in self.clusters),
        )

    def people(self, arm: bool) -> int:
        """Different people of an arm."""
        return len(np.unique(self.row[self.treated == arm]))

    def events(self, arm: bool, horizon: float = np.inf) -> int:
        """Different people of an arm with their event by `horizon`."""
        return len(np.unique(self.row[(self.treated == arm) & self.event & (self.time <= horizon)]))

    @property
    def one_cluster(self) -> bool:
        """Whether all rows are of one cluster, so that nothing can be known of how clusters vary."""
        return any(len(np.unique(c)) < 2 for c in self.clusters)

    def variance(self, influence: FloatArray) -> FloatArray:
        """Covariance (p, p) of estimates with influence (m, p), clustered as the design says; with the score's chance."""
        told = influence if self.score is None else self.score.corrected(influence)
        return clustered_covariance(told, self.clusters)


def score_model(design: Design, wanted: bool) -> ScoreModel | None:
    """The design's score as estimating equations where its chance is to be counted.

    Raises
    ------
    UsageError
        The design has no such score.
    """
    if not wanted:
        return None
    if not isinstance(design, Weighted):
        raise UsageError("estimated_weights=True is for a design from `weight`; for a match use `bootstrap`.")
    return design.score_model()


def check_people(design: Design, outcomes: pd.DataFrame) -> None:
    """Refuse outcomes that are not of the design's people, in their order, as far as length and index tell."""
    n = len(design.treated)
    if len(outcomes) != n:
        raise UsageError(
            f"outcomes has {len(outcomes)} rows and the design {n}. Give outcomes for the same people in the same order, "
            "those who were not matched included."
        )
    source = getattr(design, "source", None)
    if source is not None and not source.index.equals(outcomes.index):
        raise UsageError(
            "outcomes has another index than the data that the design was made on, so its rows may be other people or in "
            "another order. Bring it into order with outcomes.loc[data.index], or, if the order is right, give it that index."
        )


def outcome_sample(
    design: Design, outcomes: pd.DataFrame, time: str, event: str, estimated_weights: bool = False
) -> Sample:
    """The design's rows with their times and events.

    Raises
    ------
    UsageError
        `outcomes` does not have the design's rows.
    DataError
        A time is missing or below 0, an event is not 0/1, or the design keeps nobody in an arm.
    """
    check_people(design, outcomes)
    rows = design.analysis_rows()
    take = Columns(outcomes)
    times = take.number("time", time, minimum=0)
    events = take.binary("event", event, both=False)
    for arm, word in ((True, "treated"), (False, "control")):
        if not (design.treated[rows.row] == arm).any():
            take.problem(
                f"the design keeps no {word} person, so there is nothing to compare. Widen the caliper or the exact strata."
            )
    take.check()
    at = rows.row
    score = score_model(design, estimated_weights)
    return Sample(at, times[at], events[at], design.treated[at], rows.weight, rows.clusters, score)
