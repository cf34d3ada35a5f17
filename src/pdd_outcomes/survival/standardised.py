"""Survival and restricted means standardised over a Cox model stratified by group, with every row's influence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.columns import FloatArray
from .cox_fit import CoxFit
from .cox_likelihood import blocks
from .cox_residuals import hazard_means, score_residuals
from .riskset import running_sum, snap


@dataclass(frozen=True, slots=True, eq=False)
class Standardised:
    """A group's standardised quantities: value (k,), and influence on them (n, k)."""

    value: FloatArray
    influence: FloatArray


class CoxStandard:
    r"""Averages over a population of what a Cox model, stratified by group, predicts for each of its people.

    .. math:: \hat S_g(t) = \sum_i v_i \exp\{-\hat H_g(t)\,e^{x_i^\top\hat\beta}\}\Big/\sum_i v_i,\qquad
        \hat\mu_g(\tau) = \int_0^\tau \hat S_g(t)\,dt

    The influence of a row adds up its own place in the average, what it does to the baseline hazard of its group and what
    it does to the coefficients; squared totals over clusters are the variance, weights and all (Lin and Wei's sandwich
    carried through by the delta method).

    References
    ----------
    Chang, Gelman and Pagano (1982) Journal of Chronic Diseases 35:669-674. Zucker (1998) JASA 93:702-709, for the
    restricted mean. Chen and Tsiatis (2001) Biometrics 57:1030-1038.
    """

    def __init__(self, fit: CoxFit, population: FloatArray) -> None:
        """`population` (n,) is how much each row counts in the average, such as its weight, or that of the treated."""
        f = fit.fitted
        self.sample, self.point = f.sample, f.point
        self.population = population / population.sum()
        bread = np.linalg.inv(f.slope.penalised)
        self.dfbeta = (score_residuals(f.sample, f.point) @ bread) * f.sample.weight[:, None]

    def survival(self, group: int, at: FloatArray) -> Standardised:
        """Standardised survival of one stratum at times (k,)."""
        cells, hazard = self._hazard(group)
        reach = np.searchsorted(cells, snap(at, cells), side="right")
        value, own, slopes, bends = self._averages(np.append(0.0, hazard)[reach])
        influence = own
        for k, upto in enumerate(reach.tolist()):
            until = (np.arange(len(cells)) < upto).astype(float)
            influence[:, k] -= self._through_hazard(group, slopes[k] * until)
        influence -= self.dfbeta @ bends.T
        return Standardised(value, influence)

    def restricted_mean(self, group: int, tau: float) -> Standardised:
        """Standardised mean of one stratum to `tau`: value (1,), influence (n, 1)."""
        cells, hazard = self._hazard(group)
        inside = int(np.searchsorted(cells, tau, side="left"))
        width = np.diff(np.concatenate([[0.0], cells[:inside], [tau]]))
        value, own, slopes, bends = self._averages(np.append(0.0, hazard[:inside]), width)
        to_come = np.zeros(len(cells))
        to_come[:inside] = np.cumsum((slopes * width)[::-1])[::-1][1:]
        influence = own - self._through_hazard(group, to_come)[:, None] - self.dfbeta @ (width @ bends)[:, None]
        return Standardised(np.array([value @ width]), influence)

    def _hazard(self, group: int) -> tuple[FloatArray, FloatArray]:
        """Event times of a stratum and its cumulative hazard at the working origin after each: (m,) both."""
        risk = self.sample.risk
        part = slice(int(risk.first[group]), int(risk.first[group + 1]))
        return risk.time[part], np.cumsum(self.point.terms[part, 1])

    def _averages(
        self, hazard: FloatArray, width: FloatArray | None = None
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Of cumulative hazards (k,): the average survival (k,), each row's place in it (n, k), or (n, 1) summed by `width`;
        and the averages of survival times relative hazard, (k,), and of that times hazard times x, (k, p)."""
        x, relative, share = self.sample.x, self.point.relative, self.population
        value, slopes, bends = np.zeros(len(hazard)), np.zeros(len(hazard)), np.zeros((len(hazard), x.shape[1]))
        own = np.empty((len(x), len(hazard) if width is None else 1))
        for rows in blocks(len(x)):
            curve = np.exp(-relative[rows, None] * hazard)
            weighted = curve * share[rows, None]
            value += weighted.sum(axis=0)
            weighted *= relative[rows, None]
            slopes += weighted.sum(axis=0)
            bends += (weighted * hazard).T @ x[rows]
            own[rows] = curve if width is None else (curve @ width)[:, None]
        own -= value if width is None else value @ width
        own *= share[:, None]
        return value, own, slopes, bends

    def _through_hazard(self, group: int, effect: FloatArray) -> FloatArray:
        """Influence (n,) on the sum of hazard increments times `effect` (m,) of one stratum."""
        risk, terms = self.sample.risk, self.point.terms
        here = np.zeros(len(risk.time))
        here[risk.first[group] : risk.first[group + 1]] = effect
        jump = np.append(here * terms[:, 1] / self.sample.dying, 0.0)[risk.own]
        tied = np.append(here * terms[:, 4], 0.0)[risk.own]
        drift = running_sum(here * terms[:, 3])
        met = drift[risk.leave] - drift[risk.enter]
        drawn = here @ hazard_means(self.sample, self.point)[0]
        through = self.sample.weight * (jump + self.point.relative * (tied - met))
        return np.asarray(through - self.dfbeta @ drawn)
