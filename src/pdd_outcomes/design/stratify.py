"""Matching by strata: what may be asked, and the design that comes of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, Columns, FloatArray, IntArray
from ..core.errors import DataError, UsageError
from ..core.formula import covariate_matrix, model_matrix
from .cardinality import largest_balanced
from .distance import Distance, measure
from .full import full_on_points, full_on_score
from .matched import Matched
from .nearest_limited import Limits
from .sets import links_of_sets
from .strata import Cutpoints, bands, coarsened, components, fill_bands, stratified
from .words import Asked

STRATA = ("subclass", "cem", "exact")


def full_design(
    data: pd.DataFrame,
    treated: BoolArray,
    stratum: IntArray,
    found: Distance,
    asked: Asked,
    width: float | None,
    limits: Limits,
) -> Matched:
    """The design of an optimal full match: weights by set, as for strata; sets are the clusters."""
    points = found.points if found.score is None else found.score[:, None]
    assert points is not None
    if found.score is not None and not limits:
        edges = full_on_score(found.score, treated, stratum, caliper=width)
    else:
        edges = full_on_points(points, treated, stratum, limits, caliper=width)
    distance = np.sqrt(((points[edges.treated] - points[edges.control]) ** 2).sum(axis=1))
    if not len(edges.treated):
        raise DataError(nobody(asked, treated, stratum))
    made = stratified(components(edges.treated, edges.control, len(treated)), treated, asked.estimand)
    one, other = edges if asked.focal_treated else (edges.control, edges.treated)
    order = np.lexsort((other, one))
    return Matched(
        treated=treated,
        weights=made.weights,
        set_id=made.set_id,
        requested=asked.estimand,
        asked=asked,
        distance=found,
        links=links_of_sets(one[order], other[order], distance[order], made.set_id),
        caliper=width,
        source=data,
    )


def cardinality_design(
    data: pd.DataFrame,
    treated: BoolArray,
    covariates: Sequence[str] | None,
    formula: str | None,
    tolerance: float,
    asked: Asked,
) -> Matched:
    """The design of the largest balanced subset: everyone in it counts 1, and nobody has a partner."""
    if asked.exact:
        raise UsageError(
            "exact= is not for method='cardinality': put the column among the covariates, or match within groups."
        )
    if formula is not None or covariates is None:
        matrix = model_matrix(data, covariates=covariates, formula=formula)
    else:
        matrix = covariate_matrix(data, covariates, all_levels=True)
    focal = treated if asked.focal_treated else ~treated
    sd = matrix.values[focal].std(axis=0, ddof=1)
    kept = largest_balanced(
        matrix.values,
        focal,
        tolerance=tolerance,
        ratio=int(asked.ratio),
        sd=np.where(sd > 0, sd, matrix.values.std(axis=0) + 1e-12),
    )
    return Matched(
        treated=treated,
        weights=kept.astype(float),
        set_id=None,
        requested=asked.estimand,
        asked=asked,
        distance=None,
        links=None,
        caliper=None,
        source=data,
    )


def strata_design(
    data: pd.DataFrame,
    treated: BoolArray,
    stratum: IntArray,
    distance: str | FloatArray,
    covariates: Sequence[str] | None,
    formula: str | None,
    cutpoints: Cutpoints,
    asked: Asked,
) -> Matched:
    """The strata asked for, crossed with the exact ones."""
    found: Distance | None = None
    if asked.method == "subclass":
        if isinstance(distance, str) and distance != "logistic":
            raise UsageError("method='subclass' needs a score: distance='logistic' or an array of scores.")
        found = measure(data, asked.treatment, treated, distance, covariates=covariates, formula=formula)
        score = found.propensity.score if found.propensity is not None else found.score
        assert score is not None
        about = {"ATT": treated, "ATC": ~treated, "ATE": np.ones(len(treated), bool)}[asked.estimand]
        code = bands(score, about, asked.bands)
        if not asked.exact:  # within exact strata a band may well lack an arm, and there is no neighbour to ask
            code = fill_bands(code, treated, score)
    else:
        if formula is not None or not asked.columns:
            raise UsageError(f"method={asked.method!r} needs covariates=[...], the columns to be alike on.")
        take = Columns(data)
        if asked.method == "cem":
            code = coarsened(data, take, list(covariates or ()), cutpoints)
        else:
            code, _ = take.crossed("covariates", list(covariates or ()))
            take.check()
    both = np.unique(np.stack([code, stratum]), axis=1, return_inverse=True)[1].ravel()
    made = stratified(both.astype(np.int64), treated, asked.estimand)
    if made.n_sets == 0:
        raise DataError(
            f"method={asked.method!r}: no stratum holds people of both arms, so nobody can be matched. "
            "Be alike on fewer columns, or cut them more coarsely."
        )
    return Matched(
        treated=treated,
        weights=made.weights,
        set_id=made.set_id,
        requested=asked.estimand,
        asked=asked,
        distance=found,
        links=None,
        caliper=None,
        source=data,
    )


def check_method_options(
    method: str, subclasses: object, cutpoints: object, tolerance: object, **partners: object
) -> None:
    """Options that mean nothing for the method are refused, not ignored; `partners` are those that choose partners."""
    problems: list[str] = []
    usual = {"ratio": 1, "ratio_limits": None, "replace": False, "caliper": None, "order": "largest"}
    allowed = {
        "nearest": set(usual),
        "optimal": {"ratio", "caliper"},
        "full": {"caliper"},
        "cardinality": {"ratio"},
    }.get(method, set())
    odd = [
        f"{name}={value!r}" for name, value in partners.items() if name not in allowed and value != usual[name]
    ]
    if odd:
        able = "for method='nearest'" + (" or 'optimal'" if odd[0].startswith("ratio=") else "")
        problems.append(f"{', '.join(odd)}: {able}, and of no meaning for method={method!r}.")
    if isinstance(subclasses, bool) or not isinstance(subclasses, (int, np.integer)) or subclasses < 1:
        problems.append(f"subclasses={subclasses!r} must be a whole number of at least 1.")
    elif subclasses != 6 and method != "subclass":
        problems.append(f"subclasses={subclasses}: for method='subclass', not {method!r}.")
    if cutpoints is not None and method != "cem":
        problems.append(f"cutpoints= is for method='cem', not {method!r}.")
    if isinstance(tolerance, bool) or not isinstance(tolerance, (int, float)) or not 0 <= tolerance < np.inf:
        problems.append(f"tolerance={tolerance!r} must be a number of at least 0, in standard deviations.")
    elif tolerance != 0.1 and method != "cardinality":
        problems.append(f"tolerance={tolerance}: for method='cardinality', not {method!r}.")
    if problems:
        raise UsageError(problems)


def nobody(asked: Asked, treated: BoolArray, stratum: IntArray) -> str:
    """Why there is not one match."""
    if asked.exact and not np.intersect1d(stratum[treated], stratum[~treated]).size:
        return (
            f"exact={list(asked.exact)}: no combination of their values occurs in both arms, so nobody can be matched. "
            "Match exactly on fewer or coarser columns."
        )
    within = f" among people alike on {list(asked.exact)}" if asked.exact else ""
    return (
        f"caliper={asked.caliper:g} (caliper_scale={asked.caliper_scale!r}) leaves no match{within}: the nearest two people of "
        "different arms are further apart. Widen the caliper, or ask whether the arms overlap at all."
    )
