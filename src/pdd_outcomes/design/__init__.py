"""Propensity, matched sets, overlap and balance. Never sees an outcome."""

from .balance import Balance, balance
from .design import AnalysisRows, Design, EffectiveSize, unadjusted
from .estimated import ScoreModel
from .match import match
from .matched import Matched
from .overlap import overlap_counts
from .propensity import PropensityScore, propensity_score
from .support import CommonSupport, common_support
from .weight import weight
from .weighted import Weighted

__all__ = [
    "AnalysisRows",
    "Balance",
    "CommonSupport",
    "Design",
    "EffectiveSize",
    "Matched",
    "PropensityScore",
    "ScoreModel",
    "Weighted",
    "balance",
    "common_support",
    "match",
    "overlap_counts",
    "propensity_score",
    "unadjusted",
    "weight",
]
