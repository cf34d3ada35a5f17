"""Whether a logistic model has a finite, unique answer, and which terms stand in the way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.columns import BoolArray, FloatArray
from ..core.errors import DataError
from .loops import add_products, column_extent

SUSPECT = 1e-8  # squared share of a column left over, below which it is looked at directly
ALIASED = 1e-7  # the share itself, below which R's glm calls a term aliased
AT_MOST_TERMS = 6  # named in a message


def centre_and_scale(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and SD of each column of an (n, p) matrix: two (p,) arrays; the SD of a constant is exactly 0."""
    centre, scale, low, high = column_extent(values)
    scale[low == high] = 0.0
    return centre, scale


def refuse_unidentified(values: FloatArray, terms: Sequence[str]) -> None:
    """A DataError that names every constant term, and every term that others add up to.

    Terms are taken in order, as R's `glm` takes them: the later of two equal columns is the one named.

    Parameters
    ----------
    values : (n, p) array, without an intercept
    terms : p names
    """
    centre, scale = centre_and_scale(values)
    constant = scale == 0
    problems = [
        f"{_listed(np.array(terms)[constant])} {'is' if constant.sum() == 1 else 'are'} constant in these rows, "
        "so nothing can be learnt from it. Leave it out."
    ][: int(constant.any())]
    moving = np.flatnonzero(~constant)
    if len(moving):
        still = np.ascontiguousarray(values[:, moving] if constant.any() else values)
        moment = np.zeros((len(moving), len(moving)))
        add_products(still, centre[moving], scale[moving], moment)
        for at, weights in _aliased(still, centre[moving], scale[moving], moment / len(still)):
            others = [terms[moving[j]] for j in np.flatnonzero(np.abs(weights) > 1e-6)]
            problems.append(
                f"{terms[moving[at]]!r} is a linear combination of {_listed(others)}. Leave one of them out."
            )
    if problems:
        raise DataError(problems)


def _aliased(
    values: FloatArray, centre: FloatArray, scale: FloatArray, moment: FloatArray
) -> list[tuple[int, FloatArray]]:
    """Columns that earlier ones determine, each with its (p,) weights on them."""
    kept: list[int] = []
    found: list[tuple[int, FloatArray]] = []
    for j in range(len(moment)):
        weights = np.zeros(len(moment))
        if kept:
            weights[kept] = np.linalg.lstsq(moment[np.ix_(kept, kept)], moment[kept, j], rcond=None)[0]
        left = moment[j, j] - moment[j] @ weights
        if left < SUSPECT:
            # The moments have lost half their digits here, so look at the column itself.
            contrast = -weights
            contrast[j] = 1.0
            left_over = np.zeros(len(values))
            for k in np.flatnonzero(contrast):
                left_over += (values[:, k] - centre[k]) / scale[k] * contrast[k]
            if left_over.std() < ALIASED:
                found.append((j, weights))
                continue
        kept.append(j)
    return found


def lone_separators(values: FloatArray, terms: Sequence[str], treated: BoolArray) -> list[str]:
    """A sentence for each term that separates the arms by itself.

    A term does so if one arm's smallest value is no smaller than the other arm's largest, as when a
    level occurs in one arm only.
    """
    said: list[str] = []
    for j, term in enumerate(terms):
        inside, outside = values[treated, j], values[~treated, j]
        for arm, this, other in (("treated", inside, outside), ("controls", outside, inside)):
            if this.min() < other.max():
                continue
            if set(np.unique(values[:, j]).tolist()) == {0.0, 1.0}:
                rest = "controls" if arm == "treated" else "treated"
                never = f"is 1 for none of the {rest}" if other.max() == 0 else f"is 1 for all of the {arm}"
                said.append(f"{term!r} {never}")
            else:
                said.append(f"{term!r} is nowhere lower among the {arm} than in the other arm")
            break
    return said


def joint_separators(values: FloatArray, terms: Sequence[str], treated: BoolArray) -> list[str]:
    r"""Terms of a combination that separates the arms, completely or nearly; empty if there is none.

    The maximum likelihood estimate is infinite if and only if some :math:`b \ne 0` has
    :math:`s_i x_i^\top b \ge 0` for all rows and not all are 0, with :math:`s_i = \pm 1` the arm
    (Albert and Anderson 1984, Biometrika 71:1-10). A linear programme finds it (Konis 2007, DPhil thesis,
    Oxford); rows are brought in as they are violated.
    """
    from scipy.optimize import linprog

    centre, scale = centre_and_scale(values)
    sign = np.where(treated, 1.0, -1.0)
    signed = (
        np.column_stack([np.ones(len(values)), (values - centre) / np.where(scale > 0, scale, 1.0)])
        * sign[:, None]
    )
    towards = signed.mean(axis=0)
    inside = np.unique(np.linspace(0, len(values) - 1, 2000).astype(np.int64))
    for _ in range(200):
        found = linprog(
            -towards, A_ub=-signed[inside], b_ub=np.zeros(len(inside)), bounds=(-1, 1), method="highs"
        )
        if found.x is None or float(towards @ found.x) < 1e-9:
            return []
        direction = np.asarray(found.x)
        margin = signed @ direction
        worst = np.argsort(margin)[:2000]
        broken = worst[margin[worst] < -1e-7]
        if len(broken) == 0:
            return [terms[int(j)] for j in np.flatnonzero(np.abs(direction[1:]) > 1e-7)]
        inside = np.union1d(inside, broken)
    return []


def separation_problem(values: FloatArray, terms: Sequence[str], treated: BoolArray, role: str) -> str | None:
    """The message that names what separates the arms, or None where nothing does."""
    alone = lone_separators(values, terms, treated)
    together = [] if alone else joint_separators(values, terms, treated)
    if not alone and not together:
        return None
    what = "; ".join(alone) if alone else f"a combination of {_listed(together)} tells the arms apart"
    return (
        f"{role} is separated by its covariates ({what}), so the logistic model has no finite answer. "
        "Merge rare levels, leave the term out, or exclude in the cohort the people who have no counterpart."
    )


def _listed(names: Sequence[str] | np.ndarray) -> str:
    shown = ", ".join(repr(str(name)) for name in names[:AT_MOST_TERMS])
    return shown + (f" and {len(names) - AT_MOST_TERMS} more" if len(names) > AT_MOST_TERMS else "")
