"""Effects inside the levels of a moderator, their joint covariance, and the test that they are equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from ..core.columns import BoolArray, Columns, FloatArray, IntArray
from ..core.errors import DataError, UsageError
from ..core.results import tidy_frame
from ..design import Design
from ..effects.certainty import ALIKE, NOUGHT, why_no_error, without_error
from ..effects.contrasts import hazard_row
from ..effects.sample import Sample, outcome_sample
from ..survival import cox, km_influence

MEASURES = {"difference": "risk_difference", "ratio": "hazard_ratio"}
COLUMNS = (
    "moderator",
    "term",
    "measure",
    "scale",
    "horizon",
    "estimate",
    "std_error",
    "statistic",
    "p_value",
    "conf_low",
    "conf_high",
    "n_treated",
    "n_control",
    "events_treated",
    "events_control",
    "status",
    "reason",
)
ADJUSTMENTS = ("holm", "bh")
FEW_VALUES = 12  # a number with more values than this is a number, not a set of labels
MANY_LEVELS = 100  # more than this is an identifier


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """A moderator: its column, the code of each row of the sample (m,), and what the codes stand for."""

    name: str
    codes: IntArray
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Minimum:
    """What a level needs in each arm before an effect in it is reported."""

    people: int
    events: int

    def why_not(self, counts: dict[str, int]) -> str:
        """Why a level is too small, without saying how small; the empty string where it is large enough."""
        for arm in ("treated", "control"):
            if counts[f"n_{arm}"] == 0:
                return f"no {arm} person in this level"
        small = [arm for arm in ("treated", "control") if counts[f"n_{arm}"] < self.people]
        if small:
            return f"fewer than {self.people} people among the {' and the '.join(small)} in this level"
        bare = [arm for arm in ("treated", "control") if counts[f"events_{arm}"] < self.events]
        return (
            f"fewer than {self.events} events among the {' and the '.join(bare)} in this level" if bare else ""
        )


@dataclass(frozen=True, slots=True, eq=False)
class LevelEffect:
    """One effect in one level: a risk difference, or the log of a hazard ratio.

    Attributes
    ----------
    estimate, std_error : NaN where there is none
    influence : (m,) of each row of the sample on the estimate; None where it has no standard error
    estimable : whether there is an estimate; `reason` says why not, or why it has no standard error
    """

    moderator: str
    term: str
    scale: str
    horizon: float
    estimate: float
    std_error: float
    counts: dict[str, int]
    estimable: bool
    reason: str
    influence: FloatArray | None = field(default=None, repr=False)

    def row(self, level: float) -> dict[str, Any]:
        """The standard row, of a ratio on the ratio scale; a level is given an interval and no p-value."""
        tidy = tidy_frame([self.term], self.estimate, self.std_error, level=level, null=np.nan)
        numbers = {str(k): v for k, v in tidy.to_dict("records")[0].items()}
        if self.scale == "ratio":
            numbers |= {c: float(np.exp(numbers[c])) for c in ("estimate", "conf_low", "conf_high")}
        keys = {"moderator": self.moderator, "measure": MEASURES[self.scale], "scale": self.scale}
        status = "ok" if self.estimable else "not_estimable"
        whole = {**keys, **numbers, "horizon": self.horizon, **self.counts, "status": status}
        return without_error(whole, self.reason)


def read_people(
    design: Design,
    people: pd.DataFrame,
    time: str,
    event: str,
    at: float,
    roles: Columns,
    *,
    estimated_weights: bool,
) -> Sample:
    """The design's rows with their outcomes; what is wrong with them is reported with what `roles` already met."""
    if isinstance(at, bool) or not isinstance(at, (int, float, np.integer, np.floating)) or not 0 < at < np.inf:
        raise UsageError(f"at={at!r} must be one finite time above 0, such as 365.")
    problems: list[str] = []
    try:
        sample = outcome_sample(design, people, time, event, estimated_weights)
    except DataError as error:
        problems.extend(error.problems)
    try:
        roles.check()
    except DataError as error:
        problems.extend(p for p in error.problems if p not in problems)
    if problems:
        raise DataError(problems)
    return sample


def read_levels(take: Columns, people: pd.DataFrame, name: str) -> tuple[IntArray, tuple[str, ...]]:
    """Codes (n,) of a moderator's levels and their labels, in the order of ordered categories, else sorted."""
    codes, found = take.labels("moderators", name)
    kind = people[name].dtype if isinstance(name, str) and name in people.columns else None
    if kind is None:
        return codes, ("?",)
    if kind.kind in "mM":
        take.problem(
            f"moderators={name!r} holds dates. Give bands of it as labels, such as the year, decided on before the outcomes."
        )
    elif kind.kind in "iuf" and len(found) > FEW_VALUES:
        take.problem(
            f"moderators={name!r} is a number of {len(found)} values, more than {FEW_VALUES}. Give bands of it as labels "
            "(pandas.cut with bands decided on before the outcomes), or use trend_interaction for a straight line."
        )
    elif len(found) > MANY_LEVELS:
        take.problem(
            f"moderators={name!r} has {len(found)} levels, more than {MANY_LEVELS}. Give groups of them, decided on before the outcomes."
        )
    if isinstance(kind, pd.CategoricalDtype) and kind.ordered:
        place = {str(category): k for k, category in enumerate(kind.categories)}
        order = sorted(range(len(found)), key=lambda k: place[str(found[k])])
        codes = np.argsort(order)[codes].astype(np.int64)
        found = [found[k] for k in order]
    return codes, tuple(_said(label) for label in found)


def _said(label: Any) -> str:
    return f"{label:.12g}" if isinstance(label, float) else str(label)


def effects_inside(
    sample: Sample, here: BoolArray, at: float, minimum: Minimum, names: tuple[str, str]
) -> list[LevelEffect]:
    """The risk difference at `at` and the hazard ratio among the rows of `here` (m,); `names` are moderator and level."""
    part = sample.where(here)
    found = []
    for scale, end in (("difference", at), ("ratio", np.inf)):
        counts = {
            "n_treated": part.people(True),
            "n_control": part.people(False),
            "events_treated": part.events(True, end),
            "events_control": part.events(False, end),
        }
        reason = minimum.why_not(counts)
        estimate, influence, error = np.nan, None, np.nan
        if not reason:
            make = _risk_difference(sample, here, at) if scale == "difference" else _hazard_ratio(sample, here)
            estimate, influence, reason = make
        if influence is not None:
            error = float(np.sqrt(max(0.0, float(sample.variance(influence[:, None])[0, 0]))))
        last = at if scale == "difference" else float(part.time.max()) if len(part.time) else np.nan
        known = not np.isnan(estimate)
        found.append(LevelEffect(*names, scale, last, float(estimate), error, counts, known, reason, influence))
    return found


def _risk_difference(sample: Sample, here: BoolArray, at: float) -> tuple[float, FloatArray | None, str]:
    risks, psi = arm_risks(sample, here, at)
    late = [arm for arm, risk in zip(("treated", "control"), risks) if np.isnan(risk)]
    if late:
        return (
            np.nan,
            None,
            f"nobody among the {' or the '.join(late)} people of this level is followed to this time",
        )
    sign = np.array([1.0, -1.0])
    reason = why_no_error(sample.variance(psi), (psi**2).sum(axis=0), sign)
    return float(risks @ sign), None if reason else psi @ sign, reason


def arm_risks(sample: Sample, here: BoolArray, at: float) -> tuple[FloatArray, FloatArray]:
    """Kaplan-Meier risks (2,), treated first, among the rows of `here`, and every row's influence (m, 2) on them."""
    risks, psi = np.zeros(2), np.zeros((len(here), 2))
    for k, arm in enumerate((True, False)):
        rows = here & (sample.treated == arm)
        survival, own = km_influence(sample.time[rows], sample.event[rows], sample.weight[rows], np.array([at]))
        risks[k], psi[rows, k] = 1 - survival[0], -own[:, 0]
    return risks, psi


def _hazard_ratio(sample: Sample, here: BoolArray) -> tuple[float, FloatArray | None, str]:
    part = sample.where(here)
    row, fit = hazard_row(part, 0.0, float(part.time.max()), 0.95, "hazard_ratio")
    if fit is None:
        return np.nan, None, str(row["reason"])
    if row["reason"]:
        return float(fit.coefficients[0]), None, str(row["reason"])
    beta, own = fit.residuals("dfbeta"), np.zeros(len(here))
    own[np.flatnonzero(here)[beta.index.to_numpy()]] = beta.to_numpy(dtype=float)[:, 0]
    return float(fit.coefficients[0]), own, ""


def equality(effects: Sequence[LevelEffect], sample: Sample) -> tuple[float, int, str]:
    r"""Wald test that effects (k,) in k levels are one: chi-square, its degrees of freedom k-1, and why there is none.

    .. math:: \chi^2 = (C\hat\theta)^\top (C \hat V C^\top)^{-1} C\hat\theta

    with C the differences from the first level and :math:`\hat V` the covariance over the levels together, in which a matched
    set with people of two levels counts for both.
    """
    known = [e for e in effects if e.influence is not None]
    if len(known) < 2:
        return np.nan, 0, "fewer than two levels have an effect with a standard error"
    theta = np.array([e.estimate for e in known])
    influence = np.column_stack([e.influence for e in known if e.influence is not None])
    return wald_equality(theta, sample.variance(influence))


def wald_equality(theta: FloatArray, covariance: FloatArray) -> tuple[float, int, str]:
    """Chi-square of one value behind estimates (k,) with covariance (k, k), its degrees of freedom, and why there is none."""
    contrast = np.column_stack([-np.ones(len(theta) - 1), np.eye(len(theta) - 1)])
    gap, spread = contrast @ theta, contrast @ covariance @ contrast.T
    size = np.sqrt(np.diag(spread))
    alike = spread / np.outer(size, size) if (size > 0).all() else np.zeros_like(spread)
    if np.linalg.matrix_rank(alike, tol=1e-9, hermitian=True) < len(gap):
        return np.nan, len(gap), "too few clusters to compare so many levels"
    standard = gap / size
    return float(standard @ np.linalg.solve(alike, standard)), len(gap), ""


def upper_tail(statistic: float, df: int) -> float:
    """p-value of a chi-square; NaN of NaN."""
    return float(special.chdtrc(df, statistic)) if df else np.nan


def holm(p: FloatArray) -> FloatArray:
    """Holm's adjusted p-values (k,): those of statsmodels, whose own stops to collect garbage each time it is called."""
    order = np.argsort(p, kind="stable")
    told = np.empty(len(p))
    told[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return told


def adjusted(tests: pd.DataFrame, adjust: str, alpha: float) -> pd.DataFrame:
    """The tests with p-values adjusted over the moderators of each scale."""
    from statsmodels.stats.multitest import multipletests

    for scale in MEASURES:
        made = (tests["scale"] == scale) & tests["p_value"].notna()
        p = tests.loc[made, "p_value"].to_numpy(dtype=float)
        tests.loc[tests["scale"] == scale, ["p_holm", "p_bh"]] = np.nan
        if len(p):
            tests.loc[made, "p_holm"] = holm(p)
            tests.loc[made, "p_bh"] = multipletests(p, method="fdr_bh")[1]
    chosen = tests[f"p_{adjust}"]
    tests["differs"] = (chosen <= alpha).astype("boolean").mask(chosen.isna())
    order = ["moderator", "scale", "statistic", "df", "p_value", "p_holm", "p_bh", "differs", "levels"]
    return tests[[*order, "sets_spanning", "status", "reason"]]


def spanning_sets(design: Design, sample: Sample, codes: IntArray) -> float:
    """Share of matched sets with people of more than one level (codes (m,)); NaN where the design has no sets."""
    if design.set_id is None:
        return np.nan
    # With replacement `set_id` joins sets that share people; the first way of clustering has each set by itself.
    sets = sample.clusters[0] if len(sample.clusters) == 2 else design.set_id[sample.row]
    pairs = pd.DataFrame({"set": sets, "level": codes})
    return float((pairs.groupby("set")["level"].nunique() > 1).mean())


def check_numbers(minimum: int, events: int, alpha: float) -> Minimum:
    """What a level needs, or one error with everything wrong with the numbers given."""
    problems = []
    for role, value in (("minimum", minimum), ("minimum_events", events)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            problems.append(f"{role}={value!r} must be a whole number of at least 1.")
    if isinstance(alpha, bool) or not isinstance(alpha, (int, float)) or not 0 < alpha < 1:
        problems.append(f"alpha={alpha!r} must lie between 0 and 1, such as 0.05.")
    if problems:
        raise UsageError(problems)
    return Minimum(int(minimum), int(events))


def check_names(names: Sequence[str], roles: dict[str, str]) -> list[str]:
    """The moderators' names, or one error with everything wrong with them."""
    if isinstance(names, str):
        raise UsageError(f"moderators must be a list of column names, not the one string {names!r}.")
    given = list(names)
    problems = [] if given else ["moderators is empty: name at least one column."]
    twice = sorted({str(name) for name in given if given.count(name) > 1})
    if twice:
        problems.append(f"moderators names a column twice: {twice}.")
    for role, column in roles.items():
        if column in given:
            problems.append(f"moderators={column!r} is also the {role}: an outcome cannot moderate itself.")
    if problems:
        raise UsageError(problems)
    return given


Trend = tuple[FloatArray, FloatArray, str]
NOTHING = np.full(2, np.nan)


def risk_trend(sample: Sample, z: FloatArray, at: float) -> Trend:
    """Risk difference at z = 0 and its change, (2,), with their errors (2,), by least squares of pseudo-values."""
    everybody = np.ones(len(z), dtype=bool)
    risks, psi = arm_risks(sample, everybody, at)
    if np.isnan(risks).any():
        return NOTHING, NOTHING, "nobody in an arm is followed to this time"
    total = np.array([sample.weight[sample.treated].sum(), sample.weight[~sample.treated].sum()])
    own = np.where(sample.treated, 0, 1)
    pseudo = risks[own] + total[own] * psi.sum(axis=1) / sample.weight
    t = sample.treated.astype(float)
    x = np.column_stack([np.ones_like(t), t, z, t * z])
    gram = (x * sample.weight[:, None]).T @ x
    beta = np.linalg.solve(gram, x.T @ (sample.weight * pseudo))
    influence = np.linalg.solve(gram, (x * (sample.weight * (pseudo - x @ beta))[:, None]).T).T
    own_influence = influence[:, [1, 3]]
    return _with_errors(beta[[1, 3]], sample.variance(own_influence), (own_influence**2).sum(axis=0))


def hazard_trend(sample: Sample, z: FloatArray, at: float) -> Trend:
    """Log hazard ratio at z = 0 and its change, (2,), with their errors (2,)."""
    t = sample.treated.astype(float)
    names = [f"cluster_{i}" for i in range(len(sample.clusters))]
    frame = pd.DataFrame(
        {
            "time": sample.time,
            "event": sample.event.astype(int),
            "treated": t,
            "moderator": z,
            "product": t * z,
            "weight": sample.weight / sample.weight.mean(),
            **dict(zip(names, sample.clusters)),
        }
    )
    terms = ["treated", "moderator", "product"]
    try:
        fit = cox(frame, "time", "event", covariates=terms, weights="weight", cluster=names)
    except DataError as problem:
        return NOTHING, NOTHING, str(problem.problems[0])
    covariance = fit.covariance
    if sample.score is not None:
        covariance = sample.variance(fit.residuals("dfbeta").to_numpy(dtype=float))
    kept = [0, 2]
    naive = np.diag(fit.naive_covariance)[kept]
    return _with_errors(fit.coefficients[kept], covariance[np.ix_(kept, kept)], naive)


def _with_errors(values: FloatArray, covariance: FloatArray, usual: FloatArray) -> Trend:
    """Estimates with their errors; nothing where a variance is 0 beside what it would usually be."""
    variance = np.diag(covariance)
    if (variance <= NOUGHT * usual).any():
        return NOTHING, NOTHING, ALIKE
    return values, np.sqrt(variance), ""
