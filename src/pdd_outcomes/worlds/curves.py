"""The two expected survival curves of the people exposed, and what is read off them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from ..core.columns import FloatArray


@dataclass(frozen=True, slots=True)
class Curves:
    """Expected survival of the same people, exposed (`treated`) and had they not been (`control`), each (g,) on `grid`."""

    grid: FloatArray  # (g,) days from 0
    treated: FloatArray
    control: FloatArray

    def at(self, t: float) -> tuple[float, float]:
        """Both at a day of the grid."""
        k = int(np.searchsorted(self.grid, t))
        return float(self.treated[k]), float(self.control[k])

    def daily(self) -> tuple[FloatArray, FloatArray]:
        """Both on the days 0, 1, ..., interpolated on the log scale, on which they are nearly straight between grid days."""
        whole = np.arange(int(self.grid[-1]) + 1.0)
        return (
            np.exp(np.interp(whole, self.grid, np.log(self.treated))),
            np.exp(np.interp(whole, self.grid, np.log(self.control))),
        )

    def limiting_hazard_ratio(self, start: float, end: float) -> float:
        r"""Marginal hazard ratio between two days of the grid: what Cox's estimate tends to.

        The limit, for a sample of ever more pairs of one person exposed and the same person not, followed to `end` without
        censoring and counted from `start`, with treatment the only term: the root :math:`\theta` of

        .. math:: \int_{a}^{b} dF_1 = \int_{a}^{b} \frac{\theta S_1(t)}{\theta S_1(t) + S_0(t)} \, d(F_1 + F_0)(t)

        where hazards are not proportional it is an average that leans on the days with most events.

        References
        ----------
        Struthers and Kalbfleisch (1986) Biometrika 73:363-369; Lin and Wei (1989) JASA 84:1074-1078.
        """
        inside = (self.grid >= start) & (self.grid <= end)
        s1, s0 = self.treated[inside], self.control[inside]
        d1, d0 = -np.diff(s1), -np.diff(s0)
        m1, m0 = (s1[1:] + s1[:-1]) / 2, (s0[1:] + s0[:-1]) / 2

        def score(log_ratio: float) -> float:
            theta = np.exp(log_ratio)
            return float((d1 - theta * m1 / (theta * m1 + m0) * (d1 + d0)).sum())

        return float(np.exp(optimize.brentq(score, -10.0, 10.0, xtol=1e-12)))
