"""The contrasts of an engagement analysis: risks of two groups with their joint clustered influence."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, FloatArray
from ..core.errors import PddError, UsageError
from ..core.results import TIDY, two_sided_p
from ..core.sandwich import clustered_covariance
from ..design import Design
from .arms import arm_rows
from .certainty import ERRORS
from .sample import check_people
from .standardise import glm_mean, outcome_model

MEASURES = ("risk_treated", "risk_control", "risk_difference", "risk_ratio")
WEAK = 10.0  # first-stage F below which the delta method's interval is too short (Staiger and Stock 1997)
FEW = 20  # clusters below which a clustered interval is too short


@dataclass(frozen=True, slots=True, eq=False)
class Contrast:
    """One comparison of two groups' risks.

    Attributes
    ----------
    estimand : what it is of; term : the column whose 1 is compared with its 0; assumes : what makes it an effect, in words
    risks : (2,) of the treated and the control; covariance : (2, 2); alone : (2,) variances of a single row
    influence : (n, 2) of each row of the data on the risks; of a design's contrast, of each of its rows
    reason : why there is no estimate; no_error : why there is no interval; note : what weakens it
    """

    estimand: str
    term: str
    assumes: str
    n_treated: int = 0
    n_control: int = 0
    reason: str = ""
    no_error: str = ""
    note: str = ""
    risks: FloatArray = field(default_factory=lambda: np.full(2, np.nan))
    covariance: FloatArray = field(default_factory=lambda: np.full((2, 2), np.nan), repr=False)
    alone: FloatArray = field(default_factory=lambda: np.ones(2), repr=False)
    influence: FloatArray = field(default_factory=lambda: np.zeros((0, 2)), repr=False)

    @property
    def difference(self) -> float:
        """Risk difference, treated less control."""
        return float(self.risks[0] - self.risks[1])

    def rows(self, level: float) -> pd.DataFrame:
        """risk_treated, risk_control, risk_difference, risk_ratio; one empty row where there is no estimate."""
        if self.reason:
            empty = dict.fromkeys(TIDY[1:], np.nan)
            frame = pd.DataFrame([{"measure": "risk_difference", **empty, "reason": self.reason}])
        else:
            frame = arm_rows(self.risks, self.covariance, self.alone, "risk", level)
            frame = frame.rename(columns={"term": "measure"})
            frame = frame.loc[frame["measure"].isin(MEASURES)].reset_index(drop=True)
            self._outside(frame)
            if self.no_error:
                frame[list(ERRORS)] = np.nan
                frame.loc[frame["reason"] == "", "reason"] = self.no_error
        frame.insert(0, "estimand", self.estimand)
        frame.insert(2, "term", self.term)
        return frame.assign(
            n_treated=self.n_treated, n_control=self.n_control, note=self.note, assumes=self.assumes
        )

    def _outside(self, frame: pd.DataFrame) -> None:
        """No risk and no ratio where a risk worked out by subtraction lies outside 0 and 1."""
        wrong = (self.risks < 0) | (self.risks > 1)
        if wrong.any():
            bad = [f"risk_{a}" for a, w in zip(("treated", "control"), wrong) if w] + ["risk_ratio"]
            here = frame["measure"].isin(bad)
            frame.loc[here, ["estimate", *ERRORS]] = np.nan
            frame.loc[here, "reason"] = "a risk among compliers is estimated outside 0 and 1"


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """The outcome (n,), weights (n,), and clusters, none to two of (n,)."""

    y: FloatArray
    weight: FloatArray
    clusters: tuple[Any, ...]

    def means(self, values: FloatArray, arm: BoolArray, of: BoolArray) -> tuple[FloatArray, FloatArray]:
        """Weighted means (2, k) of values (n, k) where `arm` and where not, among `of`; their influence (n, 2, k)."""
        mean = np.zeros((2, values.shape[1]))
        influence = np.zeros((len(values), 2, values.shape[1]))
        for a, here in enumerate((arm & of, ~arm & of)):
            share = np.where(here, self.weight, 0.0)
            share /= share.sum()
            mean[a] = share @ values
            influence[:, a] = share[:, None] * (values - mean[a])
        return mean, influence

    def covariance(self, influence: FloatArray) -> FloatArray:
        """Clustered covariance (p, p) of estimates with influence (n, p)."""
        return clustered_covariance(influence, self.clusters)

    def counts(self, arm: BoolArray, of: BoolArray) -> tuple[int, int]:
        """People with weight among `of`, where `arm` and where not."""
        used = of & (self.weight > 0)
        return int((used & arm).sum()), int((used & ~arm).sum())

    def clustering(self, arm: BoolArray, of: BoolArray) -> tuple[str, str]:
        """Why clusters give no error, and what weakens one from them; empty where nothing does."""
        used = of & (self.weight > 0)
        if not self.clusters:
            return "", ""
        if min(len(np.unique(c[used & side])) for c in self.clusters for side in (arm, ~arm)) < 2:
            return "no interval: one of the two groups is a single cluster, and so gives no standard error", ""
        groups = min(len(np.unique(c[used])) for c in self.clusters)
        few = f"from {groups} clusters, so few that the interval is likely to be too short"
        return "", few if groups < FEW else ""


def plain(people: People, arm: BoolArray, of: BoolArray, estimand: str, term: str, assumes: str) -> Contrast:
    """Risks where `arm` (n,) and where not, among `of` (n,)."""
    counts = people.counts(arm, of)
    blank = Contrast(estimand, term, assumes, *counts)
    if 0 in counts:
        return replace(blank, reason="one of the two groups has nobody with weight")
    mean, influence = people.means(people.y[:, None], arm, of)
    risks, psi = mean[:, 0], influence[:, :, 0]
    no_error, note = people.clustering(arm, of)
    return replace(
        blank,
        no_error=no_error,
        note=note,
        risks=risks,
        covariance=people.covariance(psi),
        alone=risks * (1 - risks),
        influence=psi,
    )


def of_design(people: People, design: Design, term: str) -> Contrast:
    """The design's contrast of being diverted: its rows, weights and clusters, and the people's cluster beside them."""
    rows = design.analysis_rows()
    clusters: tuple[Any, ...] = rows.clusters
    if len(clusters) + len(people.clusters) <= 2:
        clusters = (*clusters, *(c[rows.row] for c in people.clusters))
    treated = design.treated[rows.row]
    everyone = np.ones(len(treated), bool)
    part = People(people.y[rows.row], rows.weight, clusters)
    assumes = "that the design's covariates are all that being diverted and the outcome share"
    found = plain(part, treated, everyone, f"matched {design.estimand}", term, assumes)
    n = [len(np.unique(rows.row[treated == arm])) for arm in (True, False)]
    return replace(found, n_treated=n[0], n_control=n[1])


def check_design(design: Design, data: pd.DataFrame, steps: dict[str, BoolArray]) -> str:
    """The step, started or offered, that the design is of.

    Raises
    ------
    UsageError
        It is of other people or of another treatment, or adjusts for nothing.
    """
    check_people(design, data)
    about = [r for r in ("started", "offered") if r in steps and np.array_equal(design.treated, steps[r])]
    if not about or design.requested == "unadjusted":
        raise UsageError(
            "design must be matched or weighted on offered= or started= of the same people; this one is of another "
            "treatment, or adjusts for nothing."
        )
    return about[0]


def complier(
    people: People,
    z: BoolArray,
    d: BoolArray,
    *,
    term: str,
    said: str,
    level: float,
    estimand: str = "complier",
) -> tuple[Contrast, tuple[float, float]]:
    r"""The Wald ratio with the compliers' two risks; and the first stage with its standard error.

    Parameters
    ----------
    z : (n,) the instrument; d : (n,) what it moves
    said : "the offer", or what else the instrument is
    """
    done = d.astype(float)
    everyone = np.ones(len(d), bool)
    blank = Contrast(estimand, term, _complier_assumes(people, z, d, said), *people.counts(z, everyone))
    if 0 in (blank.n_treated, blank.n_control):
        return replace(blank, reason="one of the two groups has nobody with weight"), (np.nan, np.nan)
    mean, psi = people.means(np.column_stack([people.y, done, people.y * done]), z, everyone)
    gap, part = mean[0] - mean[1], psi[:, 0] - psi[:, 1]
    step, error = float(gap[1]), float(np.sqrt(max(0.0, people.covariance(part[:, 1:2])[0, 0])))
    no_error, note = people.clustering(z, everyone)
    if reason := _no_first_stage(step, error, said, level):
        return replace(blank, reason=reason), (step, error)
    risks = np.array([gap[2], gap[2] - gap[0]]) / step
    top = np.column_stack([part[:, 2], part[:, 2] - part[:, 0]])
    own = (top - risks * part[:, 1:2]) / step
    if strength(step, error) < WEAK:
        weak = f"a weak instrument (F {strength(step, error):.1f}): the interval is likely to be too short"
        note = f"{note}; {weak}" if note else weak
    found = replace(
        blank,
        no_error=no_error,
        note=note,
        risks=risks,
        covariance=people.covariance(own),
        alone=len(own) * (own**2).sum(axis=0),
        influence=own,
    )
    return found, (step, error)


def _complier_assumes(people: People, z: BoolArray, d: BoolArray, said: str) -> str:
    one_sided = not (d & ~z & (people.weight > 0)).any()
    whom = (
        "nobody does so without it, so the effect is on those who do"
        if one_sided
        else "nobody is put off by it"
    )
    return f"that {said} is as good as random, acts only through this step, and {whom}"


def _no_first_stage(step: float, error: float, said: str, level: float) -> str:
    """Why the instrument cannot be used; empty where it can."""
    if step == 0 or (error > 0 and two_sided_p(np.array([step / error]))[0] > 1 - level):
        return f"{said} does not move this step by more than chance, so there is no instrument"
    return f"{said} goes with fewer who take this step, so it moves no compliers" if step < 0 else ""


def strength(step: float, error: float) -> float:
    """First-stage F: the squared ratio of the difference to its standard error."""
    return float((step / error) ** 2) if error > 0 else np.inf


def as_treated(
    people: People, completed: BoolArray, diverted: BoolArray, term: str, values: FloatArray | None
) -> Contrast:
    r"""Completers against everybody not diverted, whose outcomes a logistic model carries over to the completers.

    .. math:: \hat\mu_0 = \sum_i \omega_i D_i\, m(x_i; \hat\beta) \Big/ \sum_i \omega_i D_i,

    the model being fitted to those not diverted.

    Parameters
    ----------
    values : (n, p) covariates, None to adjust for nothing
    """
    of = completed | ~diverted
    assumes = "that the covariates are all that completing and the outcome share"
    if values is None:
        assumes = "that completers and people not diverted are alike, for nothing was adjusted for"
    crude = plain(people, completed, of, "as treated", term, assumes)
    if values is None or crude.reason:
        return crude
    about = np.where(completed, people.weight, 0.0)
    about /= about.sum()
    rows = np.flatnonzero(~completed & ~diverted & (people.weight > 0))
    spread = values[rows].std(axis=0)
    x = (values - about @ values) / np.where(spread > 0, spread, 1.0)
    x = np.column_stack([np.ones(len(x)), x])
    try:
        beta, part, _ = outcome_model(x[rows], people.y[rows], people.weight[rows], "binomial")
    except PddError as error:
        return Contrast(
            "as treated", term, assumes, crude.n_treated, crude.n_control, error.problems[0].rstrip(".")
        )
    mean, slope = glm_mean(x @ beta, "binomial")
    risks = np.array([crude.risks[0], about @ mean])
    psi = np.column_stack([crude.influence[:, 0], about * (mean - risks[1])])
    psi[rows, 1] += part @ ((about * slope) @ x)
    return replace(
        crude, risks=risks, covariance=people.covariance(psi), alone=risks * (1 - risks), influence=psi
    )


def selection(people: People, naive: Contrast, effect: Contrast) -> tuple[float, float, str]:
    """Naive less complier risk difference, its standard error from their joint influence, and why there is none."""
    if naive.reason or effect.reason:
        return np.nan, np.nan, naive.reason or effect.reason
    value = naive.difference - effect.difference
    psi = (naive.influence - effect.influence) @ np.array([1.0, -1.0])
    error = float(np.sqrt(max(0.0, people.covariance(psi[:, None])[0, 0])))
    silent = naive.no_error or effect.no_error or ("" if error > 0 else "no interval: the outcomes do not vary")
    return value, np.nan if silent else error, silent
