"""Matching: like people of two arms put together in sets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace as replaced
from typing import Literal

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, Columns, FloatArray, IntArray
from ..core.errors import DataError, UsageError, choose
from ..core.methods import MATCHING, check_estimand
from .distance import Distance, measure
from .loops import standard_deviation
from .matched import Matched
from .nearest import Chosen, nearest_on_score
from .nearest_limited import Limits, nearest_within
from .nearest_points import nearest_on_points
from .optimal import optimal_on_points, optimal_on_score
from .propensity import right_hand_side
from .ratios import extremal_counts, ratio_problems
from .sets import links_from, matching_weights, set_numbers
from .strata import Cutpoints
from .stratify import STRATA, cardinality_design, check_method_options, full_design, nobody, strata_design
from .words import ORDERS, Asked

SCALES = ("sd", "raw")


def match(
    data: pd.DataFrame,
    treatment: str,
    *,
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    distance: str | FloatArray = "logistic",
    method: Literal["nearest", "optimal", "full", "cardinality", "subclass", "cem", "exact"] = "nearest",
    ratio: float = 1,
    ratio_limits: tuple[int, int] | None = None,
    replace: bool = False,
    caliper: float | None = None,
    caliper_scale: Literal["sd", "raw"] = "sd",
    exact: Sequence[str] = (),
    anti_exact: Sequence[str] = (),
    within: Mapping[str, float] | None = None,
    order: Literal["largest", "smallest", "closest", "random", "data"] = "largest",
    estimand: Literal["ATT", "ATC", "ATE"] = "ATT",
    subclasses: int = 6,
    cutpoints: Cutpoints = None,
    tolerance: float = 0.1,
    rng: np.random.Generator | None = None,
) -> Matched:
    r"""Matched sets of treated people and controls, for the effect on the treated, the untreated or everyone.

    With method "nearest", each focal person (treated for the ATT, control for the ATC) in turn takes the nearest person of the
    other arm who is left. `nearest` says how ties are decided: with distinct scores the order of the rows
    decides nothing.

    Parameters
    ----------
    data : one row a person; it is not changed, and the result keeps a reference to it
    treatment : column of 0/1 or True/False
    covariates, formula : for the distance, and for `.balance()`; with an array of scores, for balance only
    distance : "logistic" (difference of the logits of the propensity score), "mahalanobis" (pooled
        within-arm covariance), "robust_mahalanobis" (of ranks), "euclidean", "scaled_euclidean" (in SDs within
        arms), or an (n,) array of scores used as given
    method : "nearest"; "optimal" (as many links as can be, and of those the least total distance; without
        replacement); "full" (everyone in a set of one with one or more of the other arm, at the least total
        distance); "cardinality" (the most people, `ratio` controls to each treated person, whose covariate means are
        within `tolerance`; nobody has a partner); or strata, in which everyone of both arms stays: "subclass" (bands of the score), "cem"
        (alike on covariates cut into bins) or "exact" (alike on covariates)
    ratio : how many each is to have; everyone gets a first before anyone gets a second
    ratio_limits : (least, most) where people are to have different numbers, `ratio` on average: the most for those with
        the most people like them in the other arm, the least for the others (Ming & Rosenbaum 2000)
    replace : whether a person may be matched more than once
    caliper : the largest distance allowed, itself included
    caliper_scale : "sd", in SDs of the score over all people (0.2 of the logit: Austin 2011), or "raw", in
        units of the distance
    exact : columns on which matched people must agree; anti_exact : columns on which they must differ
    within : column to the largest difference allowed in it, in its own units, such as ``{"age": 2}``. With
        ``distance="mahalanobis"`` and a column that holds the logit of a score, Mahalanobis matching within calipers.
    order : who chooses first. Between points nobody has a score, and "largest" means "data".
    estimand : "ATT", "ATC", or for strata "ATE"
    subclasses : bands for "subclass", with equal shares of the people the estimand is about
    cutpoints : for "cem": bins of equal width for every number, or for each by name; a list holds inner cut points.
        None is Sturges's rule, :math:`\lceil\log_2 n\rceil + 1` bins.
    tolerance : for "cardinality": the largest difference of means, in SDs of the people the estimand is about
    rng : for order="random"

    Returns
    -------
    Matched

    Raises
    ------
    UsageError
        For what cannot be asked. DataError where the data break a rule, or nobody can be matched.

    References
    ----------
    Rosenbaum & Rubin (1985) American Statistician 39:33-38. Stuart (2010) Statistical Science 25:1-21.
    Austin (2011) Pharmaceutical Statistics 10:150-161, for the caliper.
    """
    check_estimand(MATCHING, method, estimand)
    _check_options(ratio, ratio_limits, replace, caliper, caliper_scale, order, rng)
    check_method_options(
        method, subclasses, cutpoints, tolerance,
        ratio=ratio, ratio_limits=ratio_limits, replace=replace, caliper=caliper, order=order,
    )  # fmt: skip
    names = _exact_names(exact, treatment)
    take = Columns(data)
    treated = take.binary("treatment", treatment)
    stratum, _ = take.crossed("exact", list(names))
    columns = named_columns(take, data, covariates, formula, names)
    limits = _limits(take, len(data), within, anti_exact, method)
    take.check()
    asked = Asked(
        treatment=treatment,
        columns=columns,
        method=method,
        ratio=int(ratio) if ratio_limits is None else float(ratio),
        ratio_limits=None if ratio_limits is None else (int(ratio_limits[0]), int(ratio_limits[1])),
        replace=bool(replace),
        caliper=caliper,
        caliper_scale=caliper_scale,
        exact=names,
        order=order,
        estimand=estimand,
        bands=int(subclasses),
        within=tuple((within or {}).items()),
        anti_exact=(anti_exact,) if isinstance(anti_exact, str) else tuple(anti_exact),
    )
    if method == "cardinality":
        return cardinality_design(data, treated, covariates, formula, tolerance, asked)
    if method in STRATA:
        return strata_design(data, treated, stratum, distance, covariates, formula, cutpoints, asked)
    found = measure(data, treatment, treated, distance, covariates=covariates, formula=formula)
    return _pairs_design(data, treated, stratum, found, asked, limits, rng)


def _exact_names(exact: Sequence[str], treatment: str) -> tuple[str, ...]:
    names = (exact,) if isinstance(exact, str) else tuple(exact)
    if treatment in names:
        raise UsageError(
            f"exact names the treatment column {treatment!r}: the other arm could not agree on it."
        )
    return names


def _pairs_design(
    data: pd.DataFrame,
    treated: BoolArray,
    stratum: IntArray,
    found: Distance,
    asked: Asked,
    limits: Limits,
    rng: np.random.Generator | None,
) -> Matched:
    """The design of people who chose partners, or were given them."""
    if found.points is not None:
        asked = replaced(asked, order=_order_without_scores(asked.order, asked.caliper, asked.caliper_scale))
    width = _width(asked.caliper, asked.caliper_scale, found)
    if asked.method == "full":
        return full_design(data, treated, stratum, found, asked, width, limits)
    links = links_from(_choose(found, asked, treated, stratum, width, limits, rng))
    if not links.n_sets:
        raise DataError(nobody(asked, treated, stratum))
    return Matched(
        treated=treated,
        weights=matching_weights(links, len(data)),
        set_id=set_numbers(links, len(data)),
        requested=asked.estimand,
        asked=asked,
        distance=found,
        links=links,
        caliper=width,
        source=data,
    )


def _check_options(
    ratio: object,
    ratio_limits: object,
    replace: object,
    caliper: object,
    caliper_scale: object,
    order: object,
    rng: object,
) -> None:
    """Every option that is wrong by itself, all at once."""
    problems = ratio_problems(ratio, ratio_limits)
    if not isinstance(replace, (bool, np.bool_)):
        problems.append(f"replace={replace!r} must be True or False.")
    if caliper is not None and not _is_width(caliper):
        problems.append(f"caliper={caliper!r} must be a number of at least 0, or None for no limit.")
    for role, value, allowed in (
        ("caliper_scale", caliper_scale, SCALES),
        ("order", order, tuple(ORDERS)),
    ):
        try:
            choose(role, value, allowed)
        except UsageError as wrong:
            problems.extend(wrong.problems)
    if order == "random" and not isinstance(rng, np.random.Generator):
        problems.append("order='random' needs rng=numpy.random.default_rng(seed), so that it can be repeated.")
    if problems:
        raise UsageError(problems)


def _is_width(caliper: object) -> bool:
    if isinstance(caliper, bool) or not isinstance(caliper, (int, float, np.integer, np.floating)):
        return False
    return 0 <= float(caliper) < np.inf


def named_columns(
    take: Columns,
    data: pd.DataFrame,
    covariates: Sequence[str] | None,
    formula: str | None,
    exact: tuple[str, ...] = (),
) -> tuple[str, ...]:
    """The columns that balance is read on: the covariates or the formula's columns, then exact ones."""
    if isinstance(covariates, str):
        raise UsageError(f"covariates must be a list of column names, not the one string {covariates!r}.")
    if covariates is not None and formula is not None:
        raise UsageError("Give either covariates=[...] or formula='...', and not both.")
    names = list(covariates or ())
    for name in names:
        take.series("covariates", name)
    if formula is not None:
        used = _columns_of(right_hand_side(formula))
        names = [str(c) for c in data.columns if str(c) in used]
    return tuple(dict.fromkeys([*names, *exact]))


def _columns_of(formula: str) -> set[str]:
    """Every name a formula mentions, those inside a call such as ``bs(age, df=4)`` among them.

    formulaic's own list of required variables leaves out what is inside a stateful call.
    """
    from formulaic import Formula
    from formulaic.errors import FormulaicError

    try:
        factors = {str(factor.expr) for term in Formula(formula) for factor in term.factors}
    except FormulaicError as problem:
        raise UsageError(f"formula={formula!r} cannot be read: {problem}") from problem
    quoted = {name for factor in factors for name in re.findall(r"`([^`]+)`", factor)}
    words = {word for factor in factors for word in re.findall(r"[^\W\d]\w*", factor)}
    return factors | quoted | words


def _order_without_scores(order: str, caliper: float | None, caliper_scale: str) -> str:
    problems: list[str] = []
    if order == "smallest":
        problems.append("order='smallest' needs a score; between points choose 'data', 'closest' or 'random'.")
    if caliper is not None and caliper_scale == "sd":
        problems.append(
            "caliper_scale='sd' needs a score; between points give caliper_scale='raw', in units of the distance."
        )
    if problems:
        raise UsageError(problems)
    return "data" if order == "largest" else order


def _turns(
    order: str, rows: IntArray, score: FloatArray | None, rng: np.random.Generator | None
) -> IntArray | None:
    """Focal slots in the order in which they choose; None for the closest pair first. Ties by row."""
    if order == "closest":
        return None
    if order == "random" and rng is not None:
        return rng.permutation(len(rows)).astype(np.int64)
    if order in ("largest", "smallest") and score is not None:
        key = score[rows] if order == "smallest" else -score[rows]
        return np.argsort(key, kind="stable").astype(np.int64)
    return np.arange(len(rows), dtype=np.int64)


def _limits(
    take: Columns, n: int, within: Mapping[str, float] | None, anti_exact: Sequence[str], method: str
) -> Limits:
    """What two people must not differ by, and must differ on."""
    if within is not None and not isinstance(within, Mapping):
        raise UsageError("within must be a mapping of columns to widths, such as {'age': 2}.")
    widths = dict(within or {})
    odd = [f"within[{name!r}]={width!r}" for name, width in widths.items() if not _is_width(width)]
    if odd:
        raise UsageError(f"{', '.join(odd)} must be a number of at least 0.")
    apart = [anti_exact] if isinstance(anti_exact, str) else list(anti_exact)
    if method in (*STRATA, "cardinality") and (widths or apart):
        raise UsageError(f"within= and anti_exact= are between two people; method={method!r} makes no pairs.")
    values = [take.number("within", name) for name in widths]
    labels = [take.crossed("anti_exact", name)[0] for name in apart]
    return Limits(
        np.column_stack(values) if values else np.zeros((n, 0)),
        np.array(list(widths.values()), dtype=float),
        np.column_stack(labels).astype(np.int64) if labels else np.zeros((n, 0), dtype=np.int64),
    )


def _width(caliper: float | None, scale: str, distance: Distance) -> float | None:
    """The caliper in units of the distance."""
    if caliper is None or scale == "raw" or distance.score is None:
        return None if caliper is None else float(caliper)
    n = len(distance.score)
    sd = standard_deviation(distance.score) * np.sqrt(n / (n - 1))
    return float(caliper * sd)


def _wanted(asked: Asked, distance: Distance, focal: BoolArray) -> tuple[int, IntArray | None]:
    """The most matches anyone is to have, and how many each is to have (f,), None where all the same."""
    if asked.ratio_limits is None:
        return int(asked.ratio), None
    if distance.score is None:
        raise UsageError(f"ratio_limits={asked.ratio_limits} needs a score, which says who is to have more.")
    least, most = asked.ratio_limits
    towards = np.sign(distance.score[~focal].mean() - distance.score[focal].mean())
    return most, extremal_counts(towards * distance.score[focal], asked.ratio, least, most)


def _choose(
    distance: Distance,
    asked: Asked,
    treated: BoolArray,
    stratum: IntArray,
    width: float | None,
    limits: Limits,
    rng: np.random.Generator | None,
) -> Chosen:
    focal = treated if asked.focal_treated else ~treated
    points = distance.points if distance.score is None else distance.score[:, None]
    assert points is not None
    most, wanted = _wanted(asked, distance, focal)
    if asked.method == "optimal":
        if distance.score is not None and not limits:
            return optimal_on_score(distance.score, focal, stratum, ratio=most, caliper=width)
        return optimal_on_points(points, focal, stratum, limits, ratio=most, caliper=width)
    if limits:
        return nearest_within(
            points, focal, stratum, limits,
            ratio=most, wanted=wanted, replace=asked.replace, caliper=width,
            turns=_turns(asked.order, np.flatnonzero(focal), distance.score, rng),
        )  # fmt: skip
    if distance.score is not None:
        return nearest_on_score(
            distance.score, focal, stratum,
            ratio=most, wanted=wanted, replace=asked.replace, caliper=width, order=asked.order, rng=rng,
        )  # fmt: skip
    return nearest_on_points(
        points, focal, stratum,
        ratio=most, replace=asked.replace, caliper=width, order=asked.order, rng=rng,
    )  # fmt: skip
