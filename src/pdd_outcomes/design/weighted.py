"""A weighted design: everyone stays, and counts so that the arms are alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ..core.columns import FloatArray
from ..core.errors import UsageError
from ..core.formula import model_matrix
from ..core.results import TIDY, Shown
from .design import Design
from .estimable import centre_and_scale
from .estimated import ScoreModel
from .propensity import PropensityScore
from .views import Views
from .words import MEANS

METHODS = {
    "ipw": "Inverse-probability weights",
    "overlap": "Overlap weights",
    "matching": "Matching weights",
    "entropy": "Entropy balancing",
    "cbps": "Inverse-probability weights from a covariate balancing propensity score",
}
SUMS = {
    "ipw": {
        "ATT": "a treated person counts 1, a control p/(1-p)",
        "ATC": "a control counts 1, a treated person (1-p)/p",
        "ATE": "a treated person counts 1/p, a control 1/(1-p)",
    },
    "overlap": {"ATO": "a treated person counts 1-p, a control p"},
    "matching": {"ATM": "everyone counts the smaller of p and 1-p over the probability of their own arm"},
    "entropy": {
        "ATT": "a treated person counts 1; the weights of the controls sum to how many controls there are",
        "ATC": "a control counts 1; the weights of the treated sum to how many treated people there are",
        "ATE": "the weights of each arm sum to how many people it has",
    },
}
SUMS["cbps"] = SUMS["ipw"]


@dataclass(frozen=True, slots=True)
class Request:
    """What a weighting was asked for, checked."""

    treatment: str
    columns: tuple[str, ...]
    method: str
    stabilise: bool
    trim: float | None
    moments: int
    covariates: tuple[str, ...] | None = None
    formula: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Weighted(Design, Views, Shown):
    """Weights that make the arms alike, with the frame they were made from.

    Attributes
    ----------
    treated, weights, set_id, requested, estimand : see `Design`. `weights` (n,) are above 0, on the scale that
        `.describe()` says; `set_id` is None, so an outcome model clusters on the person.
    asked : what was asked for
    fitted : the propensity model, where the weights came from one
    score : (n,) probabilities of treatment, given or fitted; None where there are none
    n_trimmed : people whose weight was cut to the quantile
    """

    asked: Request = field(repr=False)
    fitted: PropensityScore | None = field(repr=False)
    score: FloatArray | None = field(repr=False)
    n_trimmed: int
    source: pd.DataFrame = field(repr=False)

    @property
    def propensity(self) -> PropensityScore | None:
        """The fitted propensity model, where the weights came from one."""
        return self.fitted

    def score_model(self) -> ScoreModel:
        """The score as estimating equations, for a variance that counts its chance too.

        Raises
        ------
        UsageError
            The weights are not a smooth function of a logistic score fitted here.
        """
        a = self.asked
        if self.fitted is None or self.score is None or a.trim is not None:
            why = (
                "they are trimmed"
                if a.trim is not None
                else "their score was made elsewhere"
                if a.method in ("ipw", "overlap", "matching")
                else f"method={a.method!r} has no likelihood"
            )
            raise UsageError(
                f"the chance in these weights cannot be counted by formula: {why}. Use `bootstrap`, which makes them anew."
            )
        matrix = model_matrix(self.source, covariates=a.covariates, formula=a.formula).values
        centre, scale = centre_and_scale(np.ascontiguousarray(matrix))
        columns = np.column_stack([np.ones(len(matrix)), (matrix - centre) / scale])
        return ScoreModel(columns, self.treated, self.score, self.weights, self.requested, a.stabilise)

    @property
    def matching_score(self) -> FloatArray | None:
        """The propensity score (n,), where there is one."""
        return self.score

    @property
    def roles(self) -> dict[str, Any]:
        """What to pass, with `.data()`, to a model that takes `weights`."""
        return {"weights": "weights"}

    def data(self) -> pd.DataFrame:
        """Everyone with weight: their columns and `weights`, under the index they had."""
        if "weights" in self.source.columns:
            raise UsageError(
                "the data already have a column named 'weights', which .data() adds. Rename before weighting."
            )
        rows = self.analysis_rows()
        return self.source.iloc[rows.row].assign(weights=rows.weight)

    def describe(self) -> str:
        """The method, whom the effect is of, and what the weights are and sum to, in sentences."""
        a, t = self.asked, self.treated
        said = [
            f"{METHODS[a.method]}: {int(t.sum()):,} treated people and {int((~t).sum()):,} controls, nobody left out.",
            f"The estimand is the {self.estimand} ({MEANS[self.estimand]}).",
            f"Weights: {SUMS[a.method][self.estimand]}, with p the probability of treatment."
            if a.method != "entropy"
            else f"Weights: {SUMS[a.method][self.estimand]}.",
        ]
        if a.stabilise:
            said.append(
                "They are stabilised: multiplied by the share of people who are in the person's own arm."
            )
        if self.n_trimmed and a.trim is not None:
            said.append(
                f"{self.n_trimmed:,} {'weight' if self.n_trimmed == 1 else 'weights'} above the {a.trim:g} quantile "
                f"{'was' if self.n_trimmed == 1 else 'were'} cut to it, so the {self.estimand} is met only nearly."
            )
        said.append(
            f"They carry the information of {self.ess.treated:,.0f} treated people and {self.ess.control:,.0f} controls of equal weight."
        )
        return " ".join(said)

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """Standard rows: how many people there are, what their weights sum to, and how many are effectively left, by arm."""
        rows: dict[str, float] = {}
        for arm, member, size in (
            ("treated", self.treated, self.ess.treated),
            ("control", ~self.treated, self.ess.control),
        ):
            rows[f"{arm}, all"] = float(member.sum())
            rows[f"{arm}, sum of weights"] = float(self.weights[member].sum())
            rows[f"{arm}, effective"] = size
        frame = pd.DataFrame({"term": list(rows), "estimate": list(rows.values())})
        return frame.assign(**{name: np.nan for name in TIDY[2:]})

    def glance(self) -> pd.DataFrame:
        """One row: method, estimand, people, effective sizes, the largest weight over the mean of its arm."""
        t, w = self.treated, self.weights
        return pd.DataFrame(
            {
                "method": [self.asked.method],
                "requested": [self.requested],
                "estimand": [self.estimand],
                "n_treated": [int(t.sum())],
                "n_control": [int((~t).sum())],
                "ess_treated": [self.ess.treated],
                "ess_control": [self.ess.control],
                "largest_treated": [float(w[t].max() / w[t].mean())],
                "largest_control": [float(w[~t].max() / w[~t].mean())],
                "n_trimmed": [self.n_trimmed],
            }
        )
