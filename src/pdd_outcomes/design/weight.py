"""Weighting: everyone kept, and counted so that the arms are alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, Columns, FloatArray
from ..core.errors import DataError, UsageError, rows_phrase
from ..core.formula import model_matrix
from ..core.methods import WEIGHTING, check_estimand
from .calibrate import balancing_score, entropy_weights, impossible
from .estimable import centre_and_scale, refuse_unidentified
from .match import named_columns
from .propensity import PropensityScore, propensity_score
from .weighted import Request, Weighted

# What these weights target, whatever effect was had in mind.
OWN_TARGET = {"overlap": "ATO", "matching": "ATM"}


def weight(
    data: pd.DataFrame,
    treatment: str,
    *,
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    method: Literal["ipw", "overlap", "matching", "entropy", "cbps"] = "ipw",
    estimand: Literal["ATT", "ATC", "ATE"] = "ATT",
    score: FloatArray | None = None,
    stabilise: bool = False,
    trim: float | None = None,
    moments: int = 1,
) -> Weighted:
    r"""Weights under which the arms are alike, for the effect on the treated, the untreated or everyone.

    With :math:`p` the propensity score, a person counts

    .. math:: \text{ATT: } t + (1-t)\frac{p}{1-p}, \quad \text{ATC: } t\frac{1-p}{p} + (1-t), \quad
              \text{ATE: } \frac{t}{p} + \frac{1-t}{1-p}, \quad \text{overlap: } t(1-p) + (1-t)p .

    Parameters
    ----------
    data : one row a person; it is not changed, and the result keeps a reference to it
    treatment : column of 0/1 or True/False
    covariates, formula : for the score or the balance constraints; with `score`, for `.balance()` only
    method : "ipw"; "overlap", whose effect is of people who could as well have been in either arm (ATO);
        "matching", the weighting analogue of pair matching (ATM); "entropy" (means balanced exactly, weights as
        equal as can be); "cbps" (a logistic score whose weights balance the means exactly)
    estimand : "ATT", "ATC" or "ATE"; "overlap" and "matching" target their own, which `.estimand` says
    score : (n,) probabilities of treatment made elsewhere, for "ipw", "overlap" and "matching"
    stabilise : multiply by the share of people in the person's own arm; for the ATE
    trim : quantile, above which weights are cut to it, such as 0.99; of the arm that is weighted, or of everyone
    moments : 1 balances means, 2 also squares, 3 also cubes of what is not 0/1; for "entropy" and "cbps"

    Returns
    -------
    Weighted

    Raises
    ------
    UsageError
        For what cannot be asked. DataError where the data break a rule, or no weights balance them, naming columns.

    References
    ----------
    Robins, Hernan & Brumback (2000) Epidemiology 11:550-560. Li, Morgan & Zaslavsky (2018) JASA 113:390-400. Li &
    Greene (2013) International Journal of Biostatistics 9:215-234. Hainmueller (2012) Political Analysis 20:25-46.
    Imai & Ratkovic (2014) JRSS B 76:243-263. Cole & Hernan (2008) American Journal of Epidemiology 168:656-664, for
    `stabilise` and `trim`.
    """
    check_estimand(WEIGHTING, method, estimand)
    _check_options(method, estimand, score, stabilise, trim, moments)
    take = Columns(data)
    treated = take.binary("treatment", treatment)
    columns = named_columns(take, data, covariates, formula)
    take.check()
    fitted: PropensityScore | None = None
    p: FloatArray | None = None
    if method == "entropy":
        w = _entropy(data, treated, covariates, formula, estimand, moments)
    else:
        if score is not None:
            p = _given(score, len(data))
        elif method == "cbps":
            p = _cbps(data, treated, covariates, formula, estimand, moments)
        else:
            fitted = propensity_score(data, treatment, covariates=covariates, formula=formula)
            p = fitted.score
        w = _from_score(p, treated, OWN_TARGET.get(method, estimand))
    if stabilise:
        w = w * np.where(treated, treated.mean(), 1 - treated.mean())
    w, n_trimmed = _trimmed(w, treated, estimand if method not in OWN_TARGET else "ATE", trim)
    return Weighted(
        treated=treated,
        weights=w,
        set_id=None,
        requested=OWN_TARGET.get(method, estimand),
        asked=Request(
            treatment,
            columns,
            method,
            bool(stabilise),
            trim,
            int(moments),
            None if covariates is None else tuple(covariates),
            formula,
        ),
        fitted=fitted,
        score=p,
        n_trimmed=n_trimmed,
        source=data,
    )


def _check_options(
    method: str, estimand: str, score: object, stabilise: object, trim: object, moments: object
) -> None:
    """Every option that is wrong by itself or with the method, all at once."""
    problems: list[str] = []
    if score is not None and method in ("entropy", "cbps"):
        problems.append(f"score= is for 'ipw', 'overlap' and 'matching'; method={method!r} makes its own.")
    if not isinstance(stabilise, (bool, np.bool_)):
        problems.append(f"stabilise={stabilise!r} must be True or False.")
    elif stabilise and (method not in ("ipw", "cbps") or estimand != "ATE"):
        problems.append(
            "stabilise=True is for method='ipw' or 'cbps' with estimand='ATE': other weights have no need of it."
        )
    if trim is not None and not (isinstance(trim, (float, np.floating)) and 0.5 <= float(trim) < 1):
        problems.append(f"trim={trim!r} must be a quantile of at least 0.5 and below 1, such as 0.99, or None.")
    if isinstance(moments, bool) or moments not in (1, 2, 3):
        problems.append(f"moments={moments!r} must be 1 (means), 2 (and squares) or 3 (and cubes).")
    elif moments != 1 and method not in ("entropy", "cbps"):
        problems.append(
            f"moments={moments} is for 'entropy' and 'cbps'; for {method!r} put squares into formula=."
        )
    if problems:
        raise UsageError(problems)


def _given(score: object, n: int) -> FloatArray:
    p = np.asarray(score, dtype=float)
    if p.shape != (n,):
        raise UsageError(
            f"score has shape {p.shape}, and the data have {n} rows: it must hold one probability a row."
        )
    bad = np.flatnonzero(~((p > 0) & (p < 1)))
    if len(bad):
        raise DataError(
            f"score is not strictly between 0 and 1 for {rows_phrase(bad.tolist(), n)}. Somebody who could only have "
            "been in one arm has no counterpart: leave them out, and say so."
        )
    return p


def _from_score(p: FloatArray, treated: BoolArray, target: str) -> FloatArray:
    """Weights (n,) from probabilities of treatment (n,)."""
    own = np.where(treated, p, 1 - p)
    numerator = {
        "ATT": p,
        "ATC": 1 - p,
        "ATE": np.ones_like(p),
        "ATO": p * (1 - p),
        "ATM": np.minimum(p, 1 - p),
    }
    return np.asarray(numerator[target] / own)


def _trimmed(w: FloatArray, treated: BoolArray, estimand: str, trim: float | None) -> tuple[FloatArray, int]:
    if trim is None:
        return w, 0
    among = {"ATT": ~treated, "ATC": treated, "ATE": np.ones(len(w), bool)}[estimand]
    top = float(np.quantile(w[among], trim))
    return np.where(among, np.minimum(w, top), w), int((among & (w > top)).sum())


def _scaled_columns(
    data: pd.DataFrame, covariates: Sequence[str] | None, formula: str | None, moments: int
) -> tuple[FloatArray, list[str]]:
    """The columns to balance (n, p), centred and in SDs, and their names; powers of what is not 0/1."""
    if covariates is not None and len(covariates) == 0:
        raise UsageError("covariates is empty: name at least one column.")
    matrix = model_matrix(data, covariates=covariates, formula=formula)
    if not matrix.terms:
        raise UsageError("There is nothing to balance: every covariate has one level only.")
    values, names = matrix.values, list(matrix.terms)
    for power in range(2, moments + 1):
        for j, name in enumerate(matrix.terms):
            x = matrix.values[:, j]
            if not ((x == 0) | (x == 1)).all():
                centred = (x - x.mean()) / (x.std() or 1.0)
                values = np.column_stack([values, centred**power])
                names.append(f"{name}^{power}")
    values = np.ascontiguousarray(values)
    refuse_unidentified(values, names)
    centre, scale = centre_and_scale(values)
    return (values - centre) / scale, names


def _entropy(
    data: pd.DataFrame,
    treated: BoolArray,
    covariates: Sequence[str] | None,
    formula: str | None,
    estimand: str,
    moments: int,
) -> FloatArray:
    values, names = _scaled_columns(data, covariates, formula, moments)
    about = {"ATT": treated, "ATC": ~treated, "ATE": np.ones(len(treated), bool)}[estimand]
    target = values[about].mean(axis=0)
    w = np.ones(len(treated))
    for arm, member, focal in (("treated", treated, "ATT"), ("controls", ~treated, "ATC")):
        if estimand != focal:
            w[member] = entropy_weights(values[member], target, names, arm=arm)
    return w


def _cbps(
    data: pd.DataFrame,
    treated: BoolArray,
    covariates: Sequence[str] | None,
    formula: str | None,
    estimand: str,
    moments: int,
) -> FloatArray:
    """Probabilities (n,) whose inverse-probability weights balance every column."""
    values, names = _scaled_columns(data, covariates, formula, moments)
    eta = balancing_score(np.column_stack([np.ones(len(values)), values]), treated, estimand=estimand)
    if eta is None:
        arm, member, about = (
            ("treated", treated, ~treated) if estimand == "ATC" else ("controls", ~treated, treated)
        )
        raise DataError(impossible(values[member], values[about].mean(axis=0), names, arm))
    return np.asarray(1 / (1 + np.exp(-eta)))
