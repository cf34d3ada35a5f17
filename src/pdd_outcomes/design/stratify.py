"""Matching by strata: what may be asked, and the design that comes of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, Columns, FloatArray, IntArray
from ..core.errors import DataError, UsageError
from .distance import Distance, measure
from .matched import Matched
from .strata import Cutpoints, bands, coarsened, stratified
from .words import Asked


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


def check_strata_options(method: str, subclasses: object, cutpoints: object, **partners: object) -> None:
    """Options that mean nothing for the method are refused, not ignored; `partners` are those that choose partners."""
    problems: list[str] = []
    usual = {"ratio": 1, "replace": False, "caliper": None, "order": "largest"}
    odd = [f"{name}={value!r}" for name, value in partners.items() if value != usual[name]]
    if odd and method != "nearest":
        problems.append(
            f"{', '.join(odd)}: for method='nearest'; method={method!r} keeps everyone of a stratum."
        )
    if isinstance(subclasses, bool) or not isinstance(subclasses, (int, np.integer)) or subclasses < 1:
        problems.append(f"subclasses={subclasses!r} must be a whole number of at least 1.")
    elif subclasses != 6 and method != "subclass":
        problems.append(f"subclasses={subclasses}: for method='subclass', not {method!r}.")
    if cutpoints is not None and method != "cem":
        problems.append(f"cutpoints= is for method='cem', not {method!r}.")
    if problems:
        raise UsageError(problems)
