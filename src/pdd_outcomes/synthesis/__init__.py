"""Evidence beyond one comparison: forces pooled, few of them, for whom, who is reached, and at what cost."""

from .economics import CostConsequence, cost_consequence
from .equity import Equity, equity
from .exploratory import Exploratory, explore_heterogeneity
from .few_clusters import (
    ClusterMeans,
    RandomisationTest,
    WildBootstrap,
    cluster_level,
    randomisation_inference,
    wild_cluster_bootstrap,
)
from .inequality import Inequality
from .influence import influence
from .meta_regression import MetaRegression, meta_regression
from .moderators import Moderators, TrendInteraction, moderators, trend_interaction
from .net_widening import NetWidening, net_widening
from .pooling import Pooled, pool
from .unit_costs import UnitCosts, illustrative_unit_costs, read_unit_costs

__all__ = [
    "ClusterMeans",
    "CostConsequence",
    "Equity",
    "Exploratory",
    "Inequality",
    "MetaRegression",
    "Moderators",
    "NetWidening",
    "Pooled",
    "RandomisationTest",
    "TrendInteraction",
    "UnitCosts",
    "WildBootstrap",
    "cluster_level",
    "cost_consequence",
    "equity",
    "explore_heterogeneity",
    "illustrative_unit_costs",
    "influence",
    "meta_regression",
    "moderators",
    "net_widening",
    "pool",
    "randomisation_inference",
    "read_unit_costs",
    "trend_interaction",
    "wild_cluster_bootstrap",
]
