"""Differences in differences of two groups and two periods at a time, and what is left of them without a cluster."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..core.columns import BoolArray, FloatArray, IntArray
from ..core.errors import DataError
from .standardise import outcome_model

BASE = "the period compared with: 0 by definition"
NO_CONTROL = "no unit is left to compare with in this period: all are treated, or soon to be"
EXTREME = 0.999  # a propensity score from which on a unit would count a thousandfold, as in R's `did`


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """A balanced panel: n units in T periods.

    Attributes
    ----------
    y : (n, T); x : (n, T, p) covariates without an intercept, or None
    start : (n,) first treated period, inf for never
    weight : (n,) above 0; cluster : (n,) codes from 0
    periods : (T,) rising numbers
    """

    y: FloatArray
    x: FloatArray | None
    start: FloatArray
    weight: FloatArray
    cluster: IntArray
    periods: FloatArray

    def only(self, kept: BoolArray) -> Panel:
        """The panel of some of its units: kept is (n,)."""
        return replace(
            self,
            y=self.y[kept],
            x=None if self.x is None else self.x[kept],
            start=self.start[kept],
            weight=self.weight[kept],
            cluster=np.unique(self.cluster[kept], return_inverse=True)[1],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Which differences in differences are taken: k of them, of G groups and the never treated.

    Attributes
    ----------
    starts : (G,) first treated period of each group, rising
    group : (k,) places in `starts`; time, base : (k,) places in the panel's periods
    event : (k,) time less start
    controls : (k, G + 1) which groups each is compared with, the never treated last
    """

    starts: FloatArray
    group: IntArray
    time: IntArray
    base: IntArray
    event: FloatArray
    controls: BoolArray

    def codes(self, start: FloatArray) -> IntArray:
        """The group of each unit (n,), G for the never treated."""
        return np.asarray(np.searchsorted(self.starts, start), dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """Group-time effects att (k,) (NaN where there is a reason), their influence (n, k), and the reasons ("" where none).

    `scale` is the outcome's average size, beside which rounding is told from chance.
    """

    att: FloatArray
    influence: FloatArray
    reasons: tuple[str, ...]
    scale: float


def plan(panel: Panel, *, control: str, base: str, anticipation: float) -> Cells:
    """Every group in every period, with its base period and whom it is compared with (Callaway and Sant'Anna 2021, section 2).

    Before treatment a "varying" base is the period before, so that each effect is of one step; a "universal" base is the last
    period before treatment (and its anticipation) throughout. From treatment on both are the latter.
    """
    periods = panel.periods
    starts = np.unique(panel.start[np.isfinite(panel.start)])
    rows: list[tuple[int, int, int]] = []
    controls: list[BoolArray] = []
    for g, start in enumerate(starts):
        if start > periods[-1]:  # treated after the panel's end: a control while it waits
            continue
        last = int(np.searchsorted(periods, start - anticipation)) - 1
        for t in range(0 if base == "universal" else 1, len(periods)):
            b = t - 1 if base == "varying" and t <= last else last
            able = np.zeros(len(starts) + 1, dtype=bool)
            able[-1] = True
            if control == "not_yet":
                able[:-1] = starts > max(periods[t], periods[b]) + anticipation
                able[g] = False
            rows.append((g, t, b))
            controls.append(able)
    group, time, before = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    event = periods[time] - starts[group]
    return Cells(starts, group, time, before, event, np.array(controls).reshape(-1, len(starts) + 1))


def fit(panel: Panel, cells: Cells, method: str) -> Fitted:
    """Each group-time effect with the influence of every unit, whose sum is about the estimate's error."""
    code = cells.codes(panel.start)
    att = np.full(len(cells.group), np.nan)
    influence = np.zeros((len(code), len(att)))
    reasons = [""] * len(att)
    for k in range(len(att)):
        treated = code == cells.group[k]
        if not treated.any():
            reasons[k] = "no unit of the group is left"
            continue
        if cells.time[k] == cells.base[k]:
            att[k], reasons[k] = 0.0, BASE
            continue
        inside = treated | cells.controls[k][code]
        if inside.sum() == treated.sum():
            reasons[k] = NO_CONTROL
            continue
        change = panel.y[inside, cells.time[k]] - panel.y[inside, cells.base[k]]
        x = None if panel.x is None else panel.x[inside, cells.base[k]]
        found = two_by_two(change, treated[inside], x, panel.weight[inside], method)
        if isinstance(found, str):
            reasons[k] = found
        else:
            att[k], influence[inside, k] = found
    return Fitted(att, influence, tuple(reasons), float(np.abs(panel.y).mean()))


def leave_out(panel: Panel, cells: Cells, method: str) -> tuple[FloatArray, FloatArray]:
    """Group-time effects (C, k) and weights of the groups (C, G) without each cluster in turn; NaN where nothing is left."""
    code = cells.codes(panel.start)
    groups = len(cells.starts) + 1
    size, total = _totals(panel, code, groups)
    count = int(panel.cluster.max()) + 1
    att, mass = np.empty((count, len(cells.group))), np.empty((count, groups - 1))
    order = np.argsort(panel.cluster, kind="stable")
    edges = np.searchsorted(panel.cluster[order], np.arange(count + 1))
    for c in range(count):
        gone = np.zeros(len(code), dtype=bool)
        gone[order[edges[c] : edges[c + 1]]] = True
        some = np.unique(code[gone])
        left, sums = size.copy(), total.copy()
        for g in some:  # added up again rather than subtracted, so that an emptied group is exactly 0
            stays = (code == g) & ~gone
            left[g] = panel.weight[stays].sum()
            sums[g] = panel.weight[stays] @ panel.y[stays]
        mass[c] = left[:-1]
        att[c] = _means(sums, left, cells) if panel.x is None else fit(panel.only(~gone), cells, method).att
    return att, mass


def _totals(panel: Panel, code: IntArray, groups: int) -> tuple[FloatArray, FloatArray]:
    """Weight (G + 1,) and weighted outcomes (G + 1, T) of the groups."""
    size, total = np.zeros(groups), np.zeros((groups, panel.y.shape[1]))
    np.add.at(size, code, panel.weight)
    np.add.at(total, code, panel.weight[:, None] * panel.y)
    return size, total


def _means(total: FloatArray, size: FloatArray, cells: Cells) -> FloatArray:
    """Differences of mean changes (k,) from the groups' weighted sums: what every method comes to without covariates."""
    g, t, b, at = cells.group, cells.time, cells.base, np.arange(len(cells.group))
    whom = cells.controls.astype(float)
    beside = whom @ total
    with np.errstate(invalid="ignore", divide="ignore"):
        own = (total[g, t] - total[g, b]) / size[g]
        other = (beside[at, t] - beside[at, b]) / (whom @ size)
    return np.where(t == b, np.where(size[g] > 0, 0.0, np.nan), own - other)


def two_by_two(
    change: FloatArray, treated: BoolArray, x: FloatArray | None, weight: FloatArray, method: str
) -> tuple[float, FloatArray] | str:
    r"""Average effect on the treated of two groups and two periods, and its influence; a reason where there is none.

    With :math:`\hat m` the least-squares mean of the change given x among controls and :math:`\hat p` the logistic
    propensity score, :math:`\tau = E_{w_1}[\Delta Y - \hat m] - E_{w_0}[\Delta Y - \hat m]`, where :math:`w_1` is the treated,
    :math:`w_0 = \hat p (1-D)/(1-\hat p)`, and both are scaled to add to 1. "regression" leaves out the second mean, "ipw" both
    :math:`\hat m`. The influence counts the chance in both models.

    Parameters
    ----------
    change : (m,) of the outcome; treated : (m,); x : (m, p) or None; weight : (m,)

    Returns
    -------
    att, influence (m,)
        The influence is scaled so that its sum is about the estimate's error.

    References
    ----------
    Sant'Anna and Zhao (2020) Journal of Econometrics 219:101-122, equations 2.2 to 2.4 and theorem A.1 (the traditional
    estimators: likelihood and least squares). Abadie (2005) Review of Economic Studies 72:1-19.
    """
    d = treated.astype(float)
    if x is None:
        w1, w0 = weight * d, weight * (1 - d)
        own, first = _mean(w1, change)
        other, second = _mean(w0, change)
        return own - other, first - second
    design = np.column_stack([np.ones(len(change)), x])
    try:
        fitted, of_mean = (
            (np.zeros(len(change)), None) if method == "ipw" else _regression(design, change, treated, weight)
        )
        share, of_score = (
            (np.zeros(len(change)), None) if method == "regression" else _score(design, treated, weight)
        )
    except DataError as problem:
        return str(problem)
    left = change - fitted
    own, first = _mean(weight * d, left)
    if of_mean is not None:
        first = first - of_mean @ _slope(weight * d, design)
    if of_score is None:
        return own, first
    w0 = weight * share * (1 - d) / (1 - share)
    other, second = _mean(w0, left)
    second = second + of_score @ _slope(w0 * (left - other), design, w0.sum())
    if of_mean is not None:
        second = second - of_mean @ _slope(w0, design)
    return own - other, first - second


def _mean(weight: FloatArray, values: FloatArray) -> tuple[float, FloatArray]:
    """Weighted mean and its influence (m,)."""
    total = weight.sum()
    mean = float(weight @ values / total)
    return mean, weight * (values - mean) / total


def _slope(weight: FloatArray, design: FloatArray, total: float | None = None) -> FloatArray:
    """How a weighted mean moves with the coefficients (p,)."""
    return np.asarray(weight @ design / (weight.sum() if total is None else total))


def _regression(
    design: FloatArray, change: FloatArray, treated: BoolArray, weight: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Mean change expected without treatment (m,) and the influence of its coefficients (m, p)."""
    rows = ~treated
    if rows.sum() < design.shape[1] + 1 or _thin(design[rows]):
        raise DataError(
            f"{int(rows.sum())} units to compare with are too few, or too alike, for a model of {design.shape[1] - 1} covariates. "
            "Use fewer."
        )
    beta, influence, _ = outcome_model(design[rows], change[rows], weight[rows], "gaussian")
    whole = np.zeros(design.shape)
    whole[rows] = influence
    return design @ beta, whole


def _score(design: FloatArray, treated: BoolArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Propensity score (m,) and the influence of its coefficients (m, p)."""
    if _thin(design):
        raise DataError(
            "a covariate is constant, or others add up to it, among the units compared. Leave it out."
        )
    apart = "the covariates tell the treated from their controls, so there is nobody like them to compare with. Use fewer."
    try:
        beta, influence, _ = outcome_model(design, treated.astype(float), weight, "binomial")
    except DataError as problem:
        raise DataError(apart) from problem
    share = 1 / (1 + np.exp(-design @ beta))
    if share.max() >= EXTREME:
        raise DataError(apart)
    return share, influence


def _thin(design: FloatArray) -> bool:
    """Whether columns add up to one another."""
    scale = np.abs(design).max(axis=0)
    return bool((scale == 0).any()) or int(np.linalg.matrix_rank(design / scale)) < design.shape[1]
