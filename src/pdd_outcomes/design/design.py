"""The design: who counts, how much, and with whom. An outcome model takes it whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, Columns, FloatArray, IntArray

# What an estimand becomes when some of the people it is about could not be matched.
FEASIBLE = {"ATT": "FSATT", "ATC": "FSATC", "ATE": "FSATE"}


class EffectiveSize(NamedTuple):
    """Effective sample sizes of the two arms."""

    treated: float
    control: float


@dataclass(frozen=True, slots=True, eq=False)
class AnalysisRows:
    """The rows an outcome model is fitted to.

    Attributes
    ----------
    row : (m,) positions in the data; a person who belongs to several sets has a row for each
    weight : (m,) above 0
    clusters : one or two (m,) arrays of labels, for the robust variance
    """

    row: IntArray
    weight: FloatArray
    clusters: tuple[IntArray, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """Who counts, how much, and with whom.

    Attributes
    ----------
    treated : (n,) bool
    weights : (n,) float, 0 for people who were dropped
    set_id : (n,) int, -1 for people who were dropped; None where the method makes no sets
    requested : the estimand asked for
    estimand : the one that is targeted: the FSATT where the ATT was asked for and some treated people
        were dropped (King, Lucas & Nielsen 2017, American Journal of Political Science 61:473-489)
    """

    treated: BoolArray = field(repr=False)
    weights: FloatArray = field(repr=False)
    set_id: IntArray | None = field(repr=False)
    requested: str
    estimand: str = field(init=False)

    def __post_init__(self) -> None:
        # A caliper that drops treated people changes the question; the name says so from here on.
        dropped = self.weights == 0
        about = {"ATT": self.treated, "ATC": ~self.treated, "ATE": True}.get(self.requested, False)
        lost = bool((dropped & about).any())
        object.__setattr__(self, "estimand", FEASIBLE[self.requested] if lost else self.requested)

    @property
    def ess(self) -> EffectiveSize:
        r"""Effective sample size of each arm, :math:`(\sum w)^2 / \sum w^2` (Kish 1965, Survey Sampling)."""
        return effective_sizes(self.weights, self.treated)

    def analysis_rows(self) -> AnalysisRows:
        """The people with weight, and what their variance must be clustered on: the set, or else the person."""
        row = np.flatnonzero(self.weights > 0).astype(np.int64)
        cluster = row if self.set_id is None else self.set_id[row]
        return AnalysisRows(row, self.weights[row], (cluster,))


def effective_sizes(weights: FloatArray, treated: BoolArray) -> EffectiveSize:
    """Effective sample size of each arm, for weights (n,); 0 for an arm without weight."""

    def one(w: FloatArray) -> float:
        square = float(w @ w)
        return float(w.sum()) ** 2 / square if square > 0 else 0.0

    return EffectiveSize(one(weights[treated]), one(weights[~treated]))


def unadjusted(data: pd.DataFrame, treatment: str) -> Design:
    """The naive contrast: everyone counts once, and nothing is done about who was treated.

    It stands beside a matched comparison to show what matching changed. `treatment` is a column of 0/1
    or True/False.
    """
    take = Columns(data)
    treated = take.binary("treatment", treatment)
    take.check()
    return Design(treated, np.ones(len(data)), None, "unadjusted")
