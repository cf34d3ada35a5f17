"""Robust covariance of a Cox model's coefficients, from sums of score residuals by cluster."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.columns import FloatArray, IntArray
from ..core.sandwich import cluster_codes, two_way
from .cox_likelihood import Point, Sample
from .cox_residuals import score_squares, score_sums


def score_meat(sample: Sample, point: Point, clusters: Sequence[IntArray]) -> list[FloatArray]:
    """Sums over clusters of squared weighted scores, (p, p): one, or three for two ways (each way, and both crossed).

    With no cluster each row is its own.
    """
    if not clusters:
        return [score_squares(sample, point, sample.weight)]
    codes = [*clusters] if len(clusters) == 1 else [*clusters, cluster_codes(*clusters)]
    meats = []
    for code in codes:
        sums = score_sums(sample, point, sample.weight, code)
        meats.append(np.asarray(sums.T @ sums))
    return meats


def sandwich(sample: Sample, point: Point, bread: FloatArray, clusters: Sequence[IntArray]) -> FloatArray:
    r"""Covariance :math:`A^{-1}BA^{-1}` (p, p) in working units, with `bread` the inverse information.

    References
    ----------
    Lin and Wei (1989) JASA 84:1074-1078. Cameron, Gelbach and Miller (2011) JBES 29:238-249, for two ways.
    """
    parts = [bread @ meat @ bread for meat in score_meat(sample, point, clusters)]
    return parts[0] if len(parts) == 1 else two_way(*parts)
