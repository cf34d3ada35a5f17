"""Equity: who is offered diversion, or completes it, among those who could be; adjusted, by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..core.columns import Columns, IntArray
from ..core.errors import DataError, UsageError
from ..core.formula import ModelMatrix, covariate_matrix, model_matrix
from ..core.results import HypothesisTest, Shown, check_level
from .group_model import (
    GroupProbabilities,
    Sample,
    cluster_columns,
    cluster_df,
    error_words,
    group_part,
    group_rows,
)
from .inequality import GroupIndices, Inequality, group_indices

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_GROUPS = 50


@dataclass(frozen=True, slots=True, eq=False)
class Equity(Shown):
    """Probabilities of an outcome by group, each column of groups in a part of its own.

    Attributes
    ----------
    columns : a part for every `by` column
    outcome : the column whose probability it is
    df : degrees of freedom of the intervals: clusters less one, infinite without clusters
    se_method : of the errors, in words
    level : of the intervals
    """

    columns: tuple[GroupProbabilities, ...]
    outcome: str
    df: float
    se_method: str
    level: float

    def tidy(self, level: float | None = None) -> pd.DataFrame:
        """A row for every group and measure: by, term (the group), measure, the standard columns, reference, n, cases, status, reason.

        Measures: "probability crude", "probability" (adjusted), "difference" and "ratio" (adjusted, against the
        reference). Limits of a probability are made on the logit scale; a ratio has its std_error on the log scale.
        """
        wanted = self.level if level is None else check_level(level)
        return pd.DataFrame([row for part in self.columns for row in group_rows(part, wanted, self.df)])

    def glance(self) -> pd.DataFrame:
        """A row for every column of groups: groups, those that can be estimated, people, the reference, errors."""
        return pd.DataFrame(
            {
                "by": [p.by for p in self.columns],
                "outcome": self.outcome,
                "groups": [len(p.groups) for p in self.columns],
                "estimable": [int(np.isfinite(p.adjusted).sum()) for p in self.columns],
                "n": [int(p.n.sum()) for p in self.columns],
                "reference": [p.groups[p.reference] for p in self.columns],
                "se_method": self.se_method,
            }
        )

    def tests(self) -> HypothesisTest:
        """Whether the adjusted groups of each column are alike: a robust Wald test of the model's terms, a row a column.

        With clusters the p-value is of Hotelling's F on (q, clusters - q); `detail` has `status` and `reason`.
        """
        walds = [part.wald for part in self.columns]
        detail = pd.DataFrame(
            {
                "by": [part.by for part in self.columns],
                "status": ["not estimable" if w[3] else "ok" for w in walds],
                "reason": [w[3] for w in walds],
            }
        )
        statistic, df, p = (np.array([w[k] for w in walds], dtype=float) for k in range(3))
        names = tuple(part.by for part in self.columns)
        return HypothesisTest(names, statistic, df, p, "robust Wald test of equal probabilities", detail)

    def inequality(self, level: float | None = None) -> Inequality:
        """Absolute and relative inequality over the adjusted groups of each column; see `Inequality`."""
        wanted = self.level if level is None else check_level(level)
        parts: list[GroupIndices] = []
        for part in self.columns:
            kept = np.isfinite(part.adjusted)
            left_out = tuple(g for g, here in zip(part.groups, kept) if not here)
            v = part.covariance[np.ix_(kept, kept)]
            parts.append(
                group_indices(part.by, part.adjusted[kept], v, part.share[kept], part.ordered, left_out)
            )
        return Inequality(tuple(parts), wanted, self.df)

    def dot_frame(self, level: float | None = None) -> pd.DataFrame:
        """What the dot plot draws: by, label, kind, estimate, conf_low, conf_high (adjusted), crude, reason."""
        tidy = self.tidy(level)
        crude = tidy.loc[tidy["measure"] == "probability crude", "estimate"].to_numpy()
        rows = tidy[tidy["measure"] == "probability"].rename(columns={"term": "label"}).assign(crude=crude)
        rows["kind"] = np.where(rows["estimate"].isna(), "not_estimable", "group")
        columns = ["by", "label", "kind", "estimate", "conf_low", "conf_high", "crude", "reason"]
        return rows[columns].reset_index(drop=True)

    def plot(self, ax: Axes | None = None, *, measure: str = "Adjusted probability") -> Axes:
        """Dot plot of the adjusted probabilities with their intervals; the crude ones are hollow."""
        from ..core.draw.dots import draw_dots

        return draw_dots(self.dot_frame(), ax, measure=measure)

    def alt_text(self, *, measure: str = "Adjusted probability") -> str:
        """The dot plot in words, from the same numbers."""
        from ..core.draw.dots import dots_alt

        return dots_alt(self.dot_frame(), measure=measure)


def equity(
    data: pd.DataFrame,
    offered: str,
    *,
    by: Sequence[str],
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    cluster: str | Sequence[str] | None = None,
    weights: str | None = None,
    reference: Mapping[str, Any] | None = None,
    minimum: int = 30,
    level: float = 0.95,
) -> Equity:
    r"""Probability of being offered diversion among those eligible, by group, crude and adjusted.

    For each `by` column a logistic model of the outcome on its groups g and the covariates x is averaged over everybody,
    as if everybody were of the group and kept their covariates,

    .. math:: \hat p_g = \frac{\sum_i w_i\, \mathrm{expit}(\hat\alpha_g + x_i^\top\hat\beta)}{\sum_i w_i},

    with the delta method's variance on the sandwich of the model; who is averaged over is taken as fixed. Give data of those
    offered and the column that says who completed, and it is the probability of completing among those offered.

    An adjusted difference is a difference between people who are alike in the covariates named. It is discrimination only
    if these are all that ought to matter, and it understates it where a covariate is itself a product of unequal treatment.

    Parameters
    ----------
    data : one row a person who could have been offered
    offered : 0/1 column
    by : columns of labels. An ordered category, or whole numbers of three values or more, is taken as ordered.
    covariates : columns of the model, for each `by` column without itself; formula : instead, the right-hand side of a
        formula, which holds no `by` column
    cluster : column of what belongs together, such as the force, or a list of two. The variance is then multiplied by
        G/(G-1), as R's sandwich::vcovCL(type="HC0") does, and intervals are Student's t on G-1 degrees of freedom;
        without it, HC0 and the normal.
    weights : column of weights, on any scale
    reference : of each `by` column the group that the others are compared with; by default the largest
    minimum : a group with fewer people is not estimated. It is left out of its column's model, as is a group in which
        nobody or everybody has the outcome.

    Returns
    -------
    Equity
        `.tidy()`, `.tests()`, `.inequality()`, `.plot()`.

    Raises
    ------
    UsageError, DataError
        Columns, a reference or a setting that cannot be used. A model without a finite answer is no error: its rows say
        which term stands in the way.

    References
    ----------
    Lane and Nelder (1982) Biometrics 38:613-621, for standardising over a model. Liang and Zeger (1986) Biometrika
    73:13-22. Cameron and Miller (2015) Journal of Human Resources 50:317-372, section VI, for few clusters.
    """
    names = _by_names(by, offered, minimum)
    check_level(level)
    if covariates is not None and formula is not None:
        raise UsageError("Give covariates=[...] or formula='...', and not both.")
    take = Columns(data)
    y = take.binary("offered", offered, both=False)
    weight = take.weights("weights", weights)
    clusters = cluster_columns(take, cluster)
    groups = [_groups(take, data, name) for name in names]
    matrices = _matrices(take, data, names, offered, covariates, formula)
    take.check()
    places = _references(reference, names, groups)
    rows = np.flatnonzero(weight > 0)
    if not len(rows):
        raise DataError(f"weights={weights!r} is 0 in every row, so nobody counts.")
    kept = tuple(c[rows] for c in clusters)
    parts = []
    for name, (codes, levels, ordered), place, matrix in zip(names, groups, places, matrices):
        sample = Sample(codes[rows], y[rows], weight[rows] / weight[rows].mean(), kept)
        x = (matrix.values[rows], matrix.terms)
        parts.append(group_part(name, tuple(map(str, levels)), ordered, place, sample, x, minimum))
    return Equity(tuple(parts), offered, cluster_df(kept), error_words(kept), float(level))


def _by_names(by: Sequence[str], offered: str, minimum: int) -> list[str]:
    if isinstance(by, str) or not len(by):
        raise UsageError(f"by must be a list of column names with at least one in it, not {by!r}.")
    names = list(by)
    problems = [f"by names {name!r} twice." for name in dict.fromkeys(names) if names.count(name) > 1]
    if offered in names:
        problems.append(f"offered={offered!r} is also among by. Take it out of them.")
    if isinstance(minimum, bool) or not isinstance(minimum, (int, np.integer)) or minimum < 1:
        problems.append(f"minimum={minimum!r} must be a whole number of at least 1.")
    if problems:
        raise UsageError(problems)
    return names


def _groups(take: Columns, data: pd.DataFrame, name: str) -> tuple[IntArray, list[Any], bool]:
    """Codes, levels in their order, and whether the order means something."""
    codes, levels = take.labels("by", name)
    if len(levels) > MOST_GROUPS:
        take.problem(
            f"by={name!r} has {len(levels)} values; at most {MOST_GROUPS} are groups. Make bands of it."
        )
    series = data[name] if name in data.columns else None
    if series is None or len(levels) < 3:
        return codes, levels, False
    if isinstance(series.dtype, pd.CategoricalDtype):
        if not series.cat.ordered:
            return codes, levels, False
        order = [c for c in dict.fromkeys(map(str, series.cat.categories)) if c in levels]
        place = np.array([order.index(level) for level in levels], dtype=np.int64)
        return place[codes], order, True
    return codes, levels, series.dtype.kind in "iuf"


def _matrices(
    take: Columns,
    data: pd.DataFrame,
    names: list[str],
    offered: str,
    covariates: Sequence[str] | None,
    formula: str | None,
) -> list[ModelMatrix]:
    """The covariates of each `by` column's model; what is wrong with them is told with the rest."""
    nothing = ModelMatrix(np.zeros((len(data), 0)), ())
    if covariates is not None and not isinstance(covariates, str) and offered in covariates:
        take.problem(f"offered={offered!r} is also among the covariates. Take it out of them.")
    try:
        if formula is not None:
            matrix = model_matrix(data, formula=formula)
            used = {str(v) for v in matrix.coding.spec.variables}
            for name in (n for n in (*names, offered) if n in used):
                take.problem(f"formula holds {name!r}, which enters by itself. Leave it out of the formula.")
            return [matrix] * len(names)
        if not covariates:
            return [nothing] * len(names)
        covariate_matrix(data, covariates)  # all of them, so that nothing wrong goes untold
        return [covariate_matrix(data, [c for c in covariates if c != name]) for name in names]
    except DataError as error:
        for problem in error.problems:
            take.problem(problem)
    return [nothing] * len(names)


def _references(
    given: Mapping[str, Any] | None, names: list[str], groups: Sequence[tuple[IntArray, list[Any], bool]]
) -> list[int | None]:
    problems, places = [], []
    for name in given or {}:
        if name not in names:
            problems.append(f"reference names {name!r}, which is not among by.")
    for name, (_, levels, _) in zip(names, groups):
        wanted = (given or {}).get(name)
        said = [str(level) for level in levels]
        if wanted is not None and str(wanted) not in said:
            problems.append(f"reference={wanted!r} is not one of the {len(levels)} groups of {name!r}.")
        places.append(said.index(str(wanted)) if wanted is not None and str(wanted) in said else None)
    if problems:
        raise UsageError(problems)
    return places
