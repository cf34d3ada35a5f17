"""What "near" means in a match: a logit, scores given by the user, or a Mahalanobis distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, FloatArray
from ..core.errors import DataError, UsageError, choose, rows_phrase
from ..core.formula import ModelMatrix, model_matrix
from .estimable import refuse_unidentified
from .propensity import PropensityScore, propensity_score

KINDS = ("logistic", "mahalanobis", "robust_mahalanobis", "euclidean", "scaled_euclidean")


@dataclass(frozen=True, slots=True, eq=False)
class Distance:
    """A distance between any two rows: the difference of scores, or of points.

    Attributes
    ----------
    kind : "logistic", "mahalanobis" or "given"
    score : (n,) on the scale that is matched, or None for points
    points : (n, p) whitened, or None for scores
    propensity : the fitted model where there is one
    """

    kind: str
    score: FloatArray | None = field(default=None, repr=False)
    points: FloatArray | None = field(default=None, repr=False)
    propensity: PropensityScore | None = None

    @property
    def words(self) -> str:
        """The distance in a sentence."""
        return {
            "logistic": "the logit of the propensity score",
            "mahalanobis": "Mahalanobis distance",
            "robust_mahalanobis": "Mahalanobis distance of the ranks",
            "euclidean": "Euclidean distance",
            "scaled_euclidean": "Euclidean distance in standard deviations",
            "given": "the scores given",
        }[self.kind]


def measure(
    data: pd.DataFrame,
    treatment: str,
    treated: BoolArray,
    distance: object,
    *,
    covariates: Sequence[str] | None,
    formula: str | None,
) -> Distance:
    """The distance asked for: one of KINDS, or an (n,) array of scores used as given."""
    if not isinstance(distance, str):
        return Distance("given", score=_given(distance, data))
    choose("distance", distance, KINDS)
    if distance == "logistic":
        fitted = propensity_score(data, treatment, covariates=covariates, formula=formula)
        return Distance("logistic", score=fitted.logit, propensity=fitted)
    if covariates is not None and len(covariates) == 0:
        raise UsageError(f"covariates is empty: distance={distance!r} needs at least one column.")
    matrix = model_matrix(data, covariates=covariates, formula=formula)
    make = {
        "mahalanobis": whitened,
        "robust_mahalanobis": whitened_ranks,
        "euclidean": lambda matrix, _: np.ascontiguousarray(matrix.values),
        "scaled_euclidean": scaled,
    }[distance]
    return Distance(distance, points=make(matrix, treated))


def whitened(matrix: ModelMatrix, treated: BoolArray) -> FloatArray:
    r"""Points (n, p) whose Euclidean distance is the Mahalanobis distance of the covariates.

    .. math:: d_{ij} = \sqrt{(x_i - x_j)^\top S^{-1} (x_i - x_j)}, \qquad
              S = \frac{1}{n-1} \sum_a \sum_{i \in a} (x_i - \bar x_a)(x_i - \bar x_a)^\top

    `S` is the covariance within the arms, pooled: one that included the difference between the arms
    would discount exactly the direction in which they differ. Rubin (1980) Biometrics 36:293-298.
    """
    x, terms = np.ascontiguousarray(matrix.values), matrix.terms
    refuse_unidentified(x, terms)
    within = x.copy()
    for arm in (treated, ~treated):
        within[arm] -= x[arm].mean(axis=0)
        # A column constant in an arm has no spread there, whatever rounding in its mean leaves behind.
        within[np.ix_(arm, x[arm].max(axis=0) == x[arm].min(axis=0))] = 0.0
    refuse_unidentified(within, terms)
    scale = within.std(axis=0)
    root = np.linalg.cholesky((within / scale).T @ (within / scale) / (len(x) - 1))
    return _whiten((x - x.mean(axis=0)) / scale, root)


def whitened_ranks(matrix: ModelMatrix, _: BoolArray) -> FloatArray:
    r"""Points (n, p) whose Euclidean distance is Rosenbaum's robust Mahalanobis distance.

    The covariates' ranks, ties averaged, with their covariance rescaled so that every rank has the variance of
    untied ones: an outlier has no more than its rank's weight, and a rare level no more than a common one.
    Rosenbaum (2010) Design of Observational Studies, section 8.3.
    """
    x, terms = matrix.values, matrix.terms
    refuse_unidentified(np.ascontiguousarray(x), terms)
    ranks = pd.DataFrame(x).rank().to_numpy()
    refuse_unidentified(ranks, terms)
    correlation = np.atleast_2d(np.corrcoef(ranks, rowvar=False))
    z = (ranks - ranks.mean(axis=0)) / ranks.std(axis=0, ddof=1)
    # With R the correlation and s the SD of untied ranks, S = s^2 R; ranks keep their own spread: r = mean + sd z.
    untied = float(np.arange(1, len(x) + 1).std(ddof=1))
    return _whiten(z * (ranks.std(axis=0, ddof=1) / untied), np.linalg.cholesky(correlation))


def scaled(matrix: ModelMatrix, treated: BoolArray) -> FloatArray:
    """Columns (n, p) over their standard deviation within the arms, pooled."""
    x, terms = np.ascontiguousarray(matrix.values), matrix.terms
    refuse_unidentified(x, terms)
    within = x.copy()
    for arm in (treated, ~treated):
        within[arm] -= x[arm].mean(axis=0)
    spread = np.sqrt((within**2).sum(axis=0) / (len(x) - 1))
    return np.asarray(x / np.where(spread > 0, spread, 1.0))


def _whiten(points: FloatArray, root: FloatArray) -> FloatArray:
    """Points (n, p) times the inverse transpose of a Cholesky root (p, p), a column at a time.

    Equal rows stay equal to the last bit.
    """
    points = points.copy()
    for j in range(points.shape[1]):
        for i in range(j):
            points[:, j] -= root[j, i] * points[:, i]
        points[:, j] /= root[j, j]
    return points


def _given(distance: Any, data: pd.DataFrame) -> FloatArray:
    if isinstance(distance, pd.Series) and not distance.index.equals(data.index):
        raise UsageError(
            "distance is a Series whose index is not the data's. Reindex it, or pass .to_numpy() if it is in the order of the rows."
        )
    try:
        score = np.asarray(distance, dtype=float)
    except (TypeError, ValueError) as problem:
        raise UsageError(
            f"distance must be one of {list(KINDS)} or an array of numbers, one a row; it is a {type(distance).__name__}."
        ) from problem
    if score.shape != (len(data),):
        raise UsageError(
            f"distance has shape {score.shape}, and the data have {len(data)} rows: it must hold one score a row."
        )
    bad = np.flatnonzero(~np.isfinite(score))
    if len(bad):
        raise DataError(
            f"distance is missing or infinite for {rows_phrase(bad.tolist(), len(score))}. "
            "A score of exactly 0 or 1 has no logit; leave out those people or use the score itself."
        )
    return score
