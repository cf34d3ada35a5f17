"""Balance: how alike the arms are on each covariate, before and after weights of any kind."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, Columns, FloatArray
from ..core.errors import DataError, UsageError, choose, rows_phrase
from ..core.formula import CovariateColumns, ModelMatrix, covariate_columns, covariate_matrix
from ..core.results import TIDY, Shown, frame_html
from .design import EffectiveSize, effective_sizes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EVERYONE = "all"
LIMIT = 0.1  # the usual limit for a standardised difference (Stuart, Lee & Leacy 2013)
DENOMINATORS = ("treated", "control", "pooled")


@dataclass(frozen=True, slots=True, eq=False)
class Balance(Shown):
    """Balance of each covariate before and after weighting.

    Attributes
    ----------
    table : a row for each covariate, or level ``name[level]``: covariate, mean_treated, mean_control,
        smd_unadjusted, smd, variance_ratio, ecdf_mean, ecdf_max (first `group`, where asked by groups); then the same before weighting:
        mean_treated_unadjusted, mean_control_unadjusted, variance_ratio_unadjusted,
        ecdf_mean_unadjusted, ecdf_max_unadjusted
    sd : whose SD standardised differences are in
    ess : effective sample sizes of the arms
    """

    table: pd.DataFrame
    sd: str
    ess: EffectiveSize

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """Standard rows: the standardised difference of each covariate. Balance is described, not tested."""
        rows = pd.DataFrame({"term": self.table["covariate"], "estimate": self.table["smd"]})
        if "group" in self.table:
            rows.insert(0, "group", self.table["group"])
        return rows.assign(**{name: np.nan for name in TIDY[2:]})

    def glance(self) -> pd.DataFrame:
        """One row: how many covariates, the worst, the largest difference before and after, effective sizes."""
        size, before = _size(self.table, "smd"), _size(self.table, "smd_unadjusted")
        return pd.DataFrame(
            {
                "n_covariates": [len(size)],
                "worst": [self.worst],
                "max_smd": [size.max()],
                "max_smd_unadjusted": [before.max()],
                "n_over_limit": [int((size > LIMIT).sum())],
                "ess_treated": [self.ess.treated],
                "ess_control": [self.ess.control],
            }
        )

    @property
    def worst(self) -> str:
        """The covariate with the largest standardised difference, whichever its sign."""
        row = self.table.iloc[int(_size(self.table, "smd").argmax())]
        inside = "" if row.get("group", EVERYONE) == EVERYONE else f" in {row['group']}"
        return f"{row['covariate']}{inside}"

    def passed(self, limit: float = LIMIT) -> bool:
        """Whether no standardised difference exceeds `limit`.

        A covariate that cannot be standardised passes only if its means are equal.
        """
        return bool((_size(self.table, "smd") <= limit).all())

    def verdict(self, limit: float = LIMIT) -> str:
        """One sentence: balanced or not, with the worst covariate named."""
        size = _size(self.table, "smd")
        row = self.table.iloc[int(size.argmax())]
        if not np.isfinite(size.max()):
            return (
                f"Not balanced: the means of {self.worst!r} differ though it does not vary in the group whose SD is used "
                f"(sd={self.sd!r})."
            )
        largest = f"{self.worst!r}, {row['smd']:+.3f} standard deviations ({row['smd_unadjusted']:+.3f} before)"
        if size.max() <= limit:
            return f"Balanced: no standardised difference exceeds {limit:g}; the largest is {largest}."
        over = int((size > limit).sum())
        return f"Not balanced: {over} of {len(size)} standardised differences exceed {limit:g}; the worst is {largest}."

    def love_plot(self, ax: Axes | None = None, *, threshold: float = LIMIT) -> Axes:
        """Standardised differences before and after, a row for each covariate."""
        from ..core.draw.love import draw_love

        return draw_love(self.love_frame(), ax, threshold=threshold)

    def love_frame(self) -> pd.DataFrame:
        """What the love plot draws: covariate, smd_unadjusted, smd; of everyone, where the balance is by groups."""
        table = self.table
        if "group" in table:
            table = table[table["group"] == EVERYONE].reset_index(drop=True)
        return table[["covariate", "smd_unadjusted", "smd"]].copy()

    def alt_text(self, *, threshold: float = LIMIT) -> str:
        """The love plot in words."""
        from ..core.draw.love import love_alt

        return str(love_alt(self.love_frame(), threshold=threshold))

    def _repr_html_(self) -> str:
        return frame_html(self.table, f"Balance. {self.verdict()}")


def balance(
    data: pd.DataFrame,
    treatment: str,
    *,
    covariates: Sequence[str],
    weights: str | FloatArray | None = None,
    sd: Literal["treated", "control", "pooled"] = "treated",
    squares: bool = False,
    interactions: bool = False,
    by: str | None = None,
) -> Balance:
    r"""Balance of covariates between the arms, as it came and with weights.

    .. math:: d = \frac{\bar x_1^{(w)} - \bar x_0^{(w)}}{s}

    The means are weighted; the spread `s` is that of the sample before weighting, so that `d` can fall
    only because the means come together. A 0/1 covariate has :math:`s = \sqrt{p(1-p)}` and no variance
    ratio. The variance ratio is :math:`s_1^2/s_0^2` with the weighted variance

    .. math:: s^2 = \frac{\sum w}{(\sum w)^2 - \sum w^2} \sum w (x - \bar x)^2 .

    eCDF figures are the mean and the largest gap between the arms' weighted distribution functions, over
    the values that occur in anyone, counted or not (the largest is the Kolmogorov-Smirnov statistic); for a 0/1 covariate both are
    the difference of proportions.

    Parameters
    ----------
    data : one row a person
    treatment : column of 0/1 or True/False
    covariates : columns; a label has a row for each level, one of two levels a row for the second
    weights : a column, or an (n,) array in row order, 0 for people left out, on any scale
    sd : whose SD: "treated" (for the ATT), "control" (ATC), "pooled" (ATE: root of the mean variance)
    squares : squares of numbers too, ``name^2``; interactions : products of every two covariates, ``one * other``
    by : column, such as the force: balance of everyone, then within each of its values; the table has a first column
        `group`, and effective sizes are of everyone. A group without people of both arms is left out, and named in a
        warning.

    Returns
    -------
    Balance
        A standardised difference is NaN if the covariate does not vary in the group whose SD is used.

    References
    ----------
    Austin (2009) Statistics in Medicine 28:3083-3107. Stuart (2010) Statistical Science 25:1-21, for the
    unadjusted denominator.
    """
    choose("sd", sd, DENOMINATORS)
    take = Columns(data)
    treated = take.binary("treatment", treatment)
    w = take.weights("weights", weights) if isinstance(weights, str) else _weights_given(weights, len(data))
    take.check()
    if not isinstance(covariates, str) and len(list(covariates)) == 0:
        raise UsageError("covariates is empty: name at least one column.")
    for arm, member in (("treated", treated), ("controls", ~treated)):
        if not w[member].sum() > 0:
            raise DataError(
                f"weights are 0 for all of the {arm}, so nobody is left to compare. Check the weights."
            )
    columns = covariate_columns(data, covariates, all_levels=True)
    if not columns.terms:
        raise DataError("covariates have one level only, so there is nothing to compare.")
    if by is None and not squares and not interactions:
        return balance_of(columns, treated, w, sd)
    matrix = covariate_matrix(data, covariates, all_levels=True)
    if squares or interactions:
        matrix = with_products(matrix, squares=squares, interactions=interactions)
    whole = balance_of(matrix, treated, w, sd)
    return whole if by is None else _within(whole, data, by, matrix, treated, w)


def with_products(matrix: ModelMatrix, *, squares: bool, interactions: bool) -> ModelMatrix:
    """The columns with squares of what is not 0/1, and products of columns of different covariates."""
    values, terms = [matrix.values], list(matrix.terms)
    columns = [matrix.values[:, j] for j in range(len(terms))]
    root = [term.partition("[")[0] for term in terms]
    for j, x in enumerate(columns):
        if squares and not ((x == 0) | (x == 1)).all():
            values.append((x**2)[:, None])
            terms.append(f"{matrix.terms[j]}^2")
    for j, k in itertools.combinations(range(len(columns)), 2):
        if interactions and root[j] != root[k]:
            values.append((columns[j] * columns[k])[:, None])
            terms.append(f"{matrix.terms[j]} * {matrix.terms[k]}")
    return ModelMatrix(np.hstack(values), tuple(terms))


def _within(
    whole: Balance, data: pd.DataFrame, by: str, matrix: ModelMatrix, treated: BoolArray, weights: FloatArray
) -> Balance:
    """Balance of everyone and of each group that has weight in both arms."""
    take = Columns(data)
    code, names = take.labels("by", by)
    take.check()
    tables, empty = [whole.table.assign(group=EVERYONE)], []
    for k, name in enumerate(names):
        inside = code == k
        if not all((weights[inside & arm] > 0).any() for arm in (treated, ~treated)):
            empty.append(str(name))
            continue
        part = ModelMatrix(matrix.values[inside], matrix.terms)
        tables.append(
            balance_of(part, treated[inside], weights[inside], whole.sd).table.assign(group=str(name))
        )
    if empty:
        warnings.warn(
            f"balance by {by!r} leaves out {', '.join(empty[:6])}{' and more' if len(empty) > 6 else ''}: one arm has nobody there.",
            stacklevel=3,
        )
    table = pd.concat(tables, ignore_index=True)
    table.insert(0, "group", table.pop("group"))
    return Balance(table, whole.sd, whole.ess)


def balance_of(
    matrix: ModelMatrix | CovariateColumns, treated: BoolArray, weights: FloatArray, sd: str
) -> Balance:
    """Balance of the columns of an (n, p) matrix, for weights (n,)."""
    before = _Sample(treated, np.ones(len(treated)))
    after = before if (weights == weights[0]).all() else _Sample(treated, weights)
    rows: list[dict[str, Any]] = []
    for j, name in enumerate(matrix.terms):
        x = matrix.column(j)
        binary = bool(((x == 0) | (x == 1)).all())
        first = before.describe(x, binary)
        last = first if after is before else after.describe(x, binary)
        gaps = [(abs(arms.difference),) * 2 for arms in (first, last)]
        if not binary:
            order = np.argsort(x)
            ends = np.append(np.diff(x[order]) != 0, True)
            gaps = [sample.ecdf_gaps(order, ends) for sample in (before, after)]
        spread = first.spread(sd)
        rows.append(
            {
                "covariate": name,
                "mean_treated": last.mean[1],
                "mean_control": last.mean[0],
                "smd_unadjusted": first.difference / spread,
                "smd": last.difference / spread,
                "variance_ratio": last.variance_ratio,
                "ecdf_mean": gaps[1][0],
                "ecdf_max": gaps[1][1],
                "mean_treated_unadjusted": first.mean[1],
                "mean_control_unadjusted": first.mean[0],
                "variance_ratio_unadjusted": first.variance_ratio,
                "ecdf_mean_unadjusted": gaps[0][0],
                "ecdf_max_unadjusted": gaps[0][1],
            }
        )
    return Balance(pd.DataFrame(rows), sd, effective_sizes(weights, treated))


@dataclass(frozen=True, slots=True)
class _Moments:
    """Mean and variance of one covariate in the two arms, control first."""

    mean: tuple[float, float]
    variance: tuple[float, float]
    binary: bool

    @property
    def difference(self) -> float:
        return self.mean[1] - self.mean[0]

    @property
    def variance_ratio(self) -> float:
        control, treated = self.variance
        return treated / control if not self.binary and control > 0 else np.nan

    def spread(self, sd: str) -> float:
        """The SD to standardise by; NaN where the covariate does not vary."""
        control, treated = self.variance
        square = {"treated": treated, "control": control, "pooled": (treated + control) / 2}[sd]
        return float(np.sqrt(square)) if square > 0 else np.nan


class _Sample:
    """The arms with their weights scaled to sum to 1, control first: (n,) each, 0 in the other arm."""

    def __init__(self, treated: BoolArray, weights: FloatArray) -> None:
        arms = (np.where(treated, 0.0, weights), np.where(treated, weights, 0.0))
        self.arms = tuple(w / w.sum() for w in arms)
        self.signed = self.arms[1] - self.arms[0]

    def describe(self, x: FloatArray, binary: bool) -> _Moments:
        control, treated = (_moments(x, w, binary) for w in self.arms)
        return _Moments((control[0], treated[0]), (control[1], treated[1]), binary)

    def ecdf_gaps(self, order: np.ndarray, ends: BoolArray) -> tuple[float, float]:
        """Mean and largest gap between the distribution functions; `order` sorts the covariate, `ends` its values."""
        gap = np.abs(np.cumsum(self.signed[order])[ends])
        return float(gap.mean()), float(gap.max())


def _moments(x: FloatArray, w: FloatArray, binary: bool) -> tuple[float, float]:
    """Mean and variance under weights (n,) that sum to 1."""
    # About a value near the mean, so that a column of one value has exactly that mean.
    origin = 0.0 if binary else float(x[int(w.argmax())])
    mean = origin + _dot(w, x - origin)
    if binary:
        return mean, mean * (1 - mean)
    rest = 1.0 - _dot(w, w)
    if rest < 1e-14:  # one person has all the weight
        return mean, np.nan
    variance = _dot(w, (x - mean) ** 2) / rest
    return mean, variance


def _dot(a: FloatArray, b: FloatArray) -> float:
    """Sum of products in one thread: a threaded one costs more than it saves where cores are shared."""
    return float(np.einsum("i,i->", a, b))


def _size(table: pd.DataFrame, column: str) -> FloatArray:
    """Absolute standardised differences; where there is none, 0 if the means agree and infinite if not."""
    suffix = "_unadjusted" if column == "smd_unadjusted" else ""
    size = table[column].abs().to_numpy(dtype=float)
    gap = (table[f"mean_treated{suffix}"] - table[f"mean_control{suffix}"]).abs().to_numpy(dtype=float)
    return np.where(np.isnan(size), np.where(gap > 0, np.inf, 0.0), size)


def _weights_given(weights: Any, n: int) -> FloatArray:
    if weights is None:
        return np.ones(n)
    w = np.asarray(weights, dtype=float)
    if w.shape != (n,):
        raise UsageError(f"weights has shape {w.shape}, and the data have {n} rows: give one weight a row.")
    bad = np.flatnonzero(~(np.isfinite(w) & (w >= 0)))
    if len(bad):
        raise DataError(f"weights is missing, infinite or below 0 for {rows_phrase(bad.tolist(), n)}.")
    return w
