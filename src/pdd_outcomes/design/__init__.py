"""Propensity, matched sets, overlap and balance. Never sees an outcome."""

from .balance import Balance, balance
from .design import AnalysisRows, Design, EffectiveSize, unadjusted
from .match import match
from .matched import Matched
from .overlap import overlap_counts
from .propensity import PropensityScore, propensity_score

__all__ = [
    "AnalysisRows",
    "Balance",
    "Design",
    "EffectiveSize",
    "Matched",
    "PropensityScore",
    "balance",
    "match",
    "overlap_counts",
    "propensity_score",
    "unadjusted",
]
