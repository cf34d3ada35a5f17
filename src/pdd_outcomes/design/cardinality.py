"""Cardinality matching: the largest subset of people whose covariate means agree, as an integer programme."""

from __future__ import annotations

import numpy as np

from ..core.columns import BoolArray, FloatArray
from ..core.errors import DataError

SECONDS = (
    300.0  # then the programme is given up, with an error: half an answer would differ from machine to machine
)
GAP = 1e-3  # of the optimum, relative


def largest_balanced(
    values: FloatArray, treated: BoolArray, *, tolerance: float, ratio: int, sd: FloatArray
) -> BoolArray:
    r"""Who is kept (n,): the most people with `ratio` controls for each treated, their means apart by at most the tolerance.

    .. math:: \max \sum_i m_i \quad\text{s.t.}\quad \sum_{t_i=0} m_i = k \sum_{t_i=1} m_i, \quad
              \Big| \sum_{t_i=1} k\, m_i x_{ij} - \sum_{t_i=0} m_i x_{ij} \Big| \le \delta s_j \sum_{t_i=0} m_i

    Parameters
    ----------
    values : (n, p); treated : (n,) bool
    tolerance : :math:`\delta`, in standard deviations; sd : (p,) those of each column

    References
    ----------
    Zubizarreta, Paredes and Rosenbaum (2014) Annals of Applied Statistics 8:204-231. Visconti and Zubizarreta (2018)
    Observational Studies 4:217-249.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp

    t, c = treated.astype(float), (~treated).astype(float)
    z = (values - values.mean(axis=0)) / sd
    gap = (t * ratio - c)[:, None] * z
    rules = np.vstack(
        [(ratio * t - c)[None, :], (gap - tolerance * c[:, None]).T, (-gap - tolerance * c[:, None]).T]
    )
    upper = np.zeros(len(rules))
    lower = np.concatenate([[0.0], np.full(len(rules) - 1, -np.inf)])
    found = milp(
        -np.ones(len(t)),
        constraints=LinearConstraint(rules, lower, upper),
        integrality=np.ones(len(t), dtype=np.int64),
        bounds=Bounds(0, 1),
        options={"time_limit": SECONDS, "mip_rel_gap": GAP},
    )
    if found.status != 0 or found.x is None:
        raise DataError(
            f"method='cardinality' found no answer in {SECONDS:.0f} seconds. Allow a larger tolerance, balance fewer columns, or use "
            "method='nearest' or weights."
        )
    kept = np.asarray(found.x) > 0.5
    if not (kept & treated).any():
        raise DataError(
            f"method='cardinality': no subset of the two arms has means within tolerance={tolerance:g} SD. Allow more, or balance "
            "fewer columns."
        )
    return kept
