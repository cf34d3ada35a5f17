"""Weights that were estimated: what the chance in the propensity score adds to the variance of an estimate."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..core.columns import BoolArray, FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class ScoreModel:
    """A fitted logistic score as estimating equations, and how the weights move with it.

    Attributes
    ----------
    columns : (n, k) of the model, the constant first
    treated : (n,) bool; score : (n,) probabilities; weights : (n,) the weights made from them
    target : "ATT", "ATC", "ATE", "ATO" or "ATM"
    stabilised : whether each arm's weights are multiplied by its share of the people
    """

    columns: FloatArray = field(repr=False)
    treated: BoolArray = field(repr=False)
    score: FloatArray = field(repr=False)
    weights: FloatArray = field(repr=False)
    target: str
    stabilised: bool

    def corrected(self, influence: FloatArray) -> FloatArray:
        r"""Influence (n, c) of estimates on these weights, with that of the score added.

        .. math:: \tilde\psi_i = \psi_i + G^\top I^{-1} x_i (t_i - p_i), \qquad
                  G = \sum_j x_j \frac{\partial w_j}{\partial \eta_j} \frac{\psi_j}{w_j}

        with :math:`\eta` the linear predictor and `I` the information of the score: the estimating equations of score and
        estimate, stacked. Stefanski & Boos (2002) American Statistician 56:29-38, section 3; Lunceford & Davidian (2004)
        Statistics in Medicine 23:2937-2960, eq. 20, for the difference of two means.
        """
        x, p, t = self.columns, self.score, self.treated
        alone = influence / self.weights[:, None]
        slope = (x * self._slope()[:, None]).T @ alone
        information = (x * (p * (1 - p))[:, None]).T @ x
        told = influence + (x * (t - p)[:, None]) @ np.linalg.solve(information, slope)
        if self.stabilised:
            share = t.mean()
            moved = influence[t].sum(axis=0) / share - influence[~t].sum(axis=0) / (1 - share)
            told = told + ((t - share) / len(t))[:, None] * moved
        return np.asarray(told)

    def _slope(self) -> FloatArray:
        """Derivative of each weight (n,) in its linear predictor."""
        w, p, t = self.weights, self.score, self.treated
        towards = np.where(
            t, -1.0, 1.0
        )  # more likely to be treated: a treated person counts less, a control more
        if self.target == "ATE":
            return np.asarray(towards * w * np.where(t, 1 - p, p))
        if self.target == "ATO":
            return np.asarray(towards * p * (1 - p))
        if self.target == "ATM":
            # The smaller of p and 1 - p over the probability of one's own arm is 1 where that arm is the rarer one.
            moves = np.where(t, p > 0.5, p < 0.5)
            return np.asarray(np.where(moves, towards * w, 0.0))
        moves = ~t if self.target == "ATT" else t
        return np.asarray(np.where(moves, towards * w, 0.0))
