"""How many matches each person is to have, where not all have the same number."""

from __future__ import annotations

import numpy as np

from ..core.columns import FloatArray, IntArray


def ratio_problems(ratio: object, ratio_limits: object) -> list[str]:
    """What is wrong with a ratio, and with the pair of whole numbers around it."""
    if ratio_limits is None:
        if isinstance(ratio, bool) or not isinstance(ratio, (int, np.integer)) or ratio < 1:
            return [f"ratio={ratio!r} must be a whole number of at least 1."]
        return []
    fine = (
        isinstance(ratio_limits, (tuple, list))
        and len(ratio_limits) == 2
        and all(isinstance(k, (int, np.integer)) and not isinstance(k, bool) for k in ratio_limits)
    )
    if not (fine and isinstance(ratio_limits, (tuple, list))):
        return [f"ratio_limits={ratio_limits!r} must be (least, most), two whole numbers such as (1, 4)."]
    least, most = ratio_limits
    number = isinstance(ratio, (int, float, np.integer, np.floating)) and not isinstance(ratio, bool)
    if not (number and isinstance(ratio, (int, float, np.integer, np.floating)) and 1 <= least < ratio < most):
        return [
            f"ratio={ratio!r} with ratio_limits=({least}, {most}): the ratio is the mean, which must lie between the two, "
            "and the least must be 1 or more."
        ]
    return []


def extremal_counts(ease: FloatArray, mean: float, least: int, most: int) -> IntArray:
    r"""Matches wanted by each focal person (f,): `most` for those with the most people like them, `least` for the rest.

    The total is :math:`m = [f \cdot mean]`. Of the :math:`f` people, :math:`\lfloor (m - f \cdot least)/(most - least)
    \rfloor` get `most`, one gets `least` and what is then left, the others get `least`: the allocation of least imbalance
    of all with these limits and this total. Ming & Rosenbaum (2000) Biometrics 56:118-124, section 3.

    Parameters
    ----------
    ease : (f,) the higher, the more people of the other arm there are for this person (for the treated, minus the
        score); of equals, the first row gets fewer
    """
    f = len(ease)
    total = round(f * mean)
    many, over = divmod(total - f * least, most - least)
    counts = np.full(f, least, dtype=np.int64)
    if many:
        counts[-many:] = most
    if over:
        counts[-many - 1] += over
    wanted = np.empty(f, dtype=np.int64)
    wanted[np.argsort(ease, kind="stable")] = counts
    return wanted
