"""Pooling forces' two-by-two counts: Mantel-Haenszel ratios and differences, and Peto's odds ratio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import special

from ..core.columns import FloatArray
from ..core.errors import DataError, UsageError, choose, rows_phrase
from ..core.results import HypothesisTest, NotEstimable, Shown, check_level, chi_square_test, tidy_frame
from ..core.results import exponentiate as to_ratios

Counts = Sequence[float] | FloatArray
MEASURES = ("RR", "OR", "RD")


@dataclass(frozen=True, slots=True, eq=False)
class PooledCounts(Shown):
    """A common effect of forces' counts: log risk or odds ratio, or risk difference.

    Attributes
    ----------
    estimate, std_error : on the log scale but for "RD"
    estimates, std_errors : (k,) of each force, NaN where its counts have none
    q, q_df, q_p : test of whether one effect fits all forces; i2 : share of the variation that is between them, per cent
    association : Cochran-Mantel-Haenszel test without continuity correction ("OR" and Peto's; else NaN)
    """

    measure: str
    method: str
    estimate: float
    std_error: float
    q: float
    q_df: int
    association: HypothesisTest | None
    level: float
    labels: tuple[str, ...]
    estimates: FloatArray = field(repr=False)
    std_errors: FloatArray = field(repr=False)

    @property
    def q_p(self) -> float:
        """Upper tail of chi-square; NaN where no two forces have an estimate."""
        return float(special.chdtrc(self.q_df, self.q)) if self.q_df > 0 else np.nan

    @property
    def i2(self) -> float:
        """(Q - df)/Q in per cent, cut at 0."""
        return 100 * max(0.0, 1 - self.q_df / self.q) if self.q > 0 else 0.0

    def tidy(self, level: float | None = None, *, exponentiate: bool = False) -> pd.DataFrame:
        """A row a force (kind "study"), then the pooled one; ratios where `exponentiate`, std_error on the log scale."""
        if exponentiate and self.measure == "RD":
            raise UsageError("a risk difference is not a logarithm: leave out exponentiate.")
        wanted = self.level if level is None else check_level(level)
        frame = tidy_frame(
            (*self.labels, "common effect"),
            np.append(self.estimates, self.estimate),
            np.append(self.std_errors, self.std_error),
            level=wanted,
            leading={"kind": ["study"] * len(self.labels) + ["pooled"]},
        )
        return to_ratios(frame) if exponentiate else frame

    def glance(self) -> pd.DataFrame:
        """One row: the common effect, its interval, and how forces differ about it."""
        last = self.tidy().iloc[-1]
        names = ("measure", "method", "estimate", "std_error")
        row: dict[str, object] = {"k": len(self.labels), **{name: getattr(self, name) for name in names}}
        row |= {name: last[name] for name in ("conf_low", "conf_high", "p_value")}
        row |= {name: getattr(self, name) for name in ("q", "q_df", "q_p", "i2")}
        test = self.association
        row["association"] = np.nan if test is None else float(test.statistic[0])
        row["association_p"] = np.nan if test is None else float(test.p_value[0])
        return pd.DataFrame([row])


def mantel_haenszel(
    a: Counts,
    b: Counts,
    c: Counts,
    d: Counts,
    *,
    measure: Literal["RR", "OR", "RD"] = "RR",
    labels: Sequence[str] | None = None,
    level: float = 0.95,
) -> PooledCounts | NotEstimable:
    r"""The common effect of forces' counts by Mantel and Haenszel's weights, which stand few events in a force.

    With :math:`n_1 = a+b`, :math:`n_0 = c+d`, :math:`N = n_1 + n_0` of each force,

    .. math:: \mathrm{RR} = \frac{\sum a n_0/N}{\sum c n_1/N},\quad \mathrm{OR} = \frac{\sum ad/N}{\sum bc/N},\quad
        \mathrm{RD} = \frac{\sum (a n_0 - c n_1)/N}{\sum n_1 n_0/N}

    No count is added to the pooled effect. The forces' own estimates, and Q about the common one, have 1/2 added to every count
    of a force with a zero; a force with no event, or nothing but events, has no ratio and no part in Q.

    Parameters
    ----------
    a, b : (k,) treated people with and without the event; c, d : (k,) control people

    Returns
    -------
    PooledCounts
        NotEstimable where an arm has no event in any force, so that a ratio is 0 or infinite.

    Raises
    ------
    DataError
        Counts that are missing or below 0, or a force without people in an arm.

    References
    ----------
    Mantel and Haenszel (1959) JNCI 22:719-748. Variances: Greenland and Robins (1985) Biometrics 41:55-68 (RR), Robins,
    Breslow and Greenland (1986) Biometrics 42:311-323 (OR), Sato, Greenland and Robins (1989) Biometrics 45:1323-1324 (RD).
    """
    choose("measure", measure, MEASURES)
    table, names = _counts((a, b, c, d), labels)
    check_level(level)
    found = {"RR": _risk_ratio, "OR": _odds_ratio, "RD": _risk_difference}[measure](table)
    if found is None:
        return NotEstimable("common effect", _why(table, measure))
    y, s = _of_each(table, measure)
    estimate, error = found
    q, df = _spread(np.where(_silent(table), np.nan, y), s, estimate)
    test = _association(table) if measure == "OR" else None
    return PooledCounts(measure, "Mantel-Haenszel", estimate, error, q, df, test, float(level), names, y, s)


def peto(
    a: Counts, b: Counts, c: Counts, d: Counts, *, labels: Sequence[str] | None = None, level: float = 0.95
) -> PooledCounts | NotEstimable:
    r"""Peto's common odds ratio: :math:`\log\mathrm{OR} = \sum(a - E)/\sum V` with the hypergeometric mean and variance.

    For rare events, arms of like size and effects that are not large; otherwise it is biased (Greenland and Salvan 1990).

    Parameters
    ----------
    a, b, c, d : (k,) as in `mantel_haenszel`

    References
    ----------
    Yusuf, Peto, Lewis, Collins and Sleight (1985) Progress in Cardiovascular Diseases 27:335-371. Greenland and Salvan
    (1990) Statistics in Medicine 9:247-252.
    """
    table, names = _counts((a, b, c, d), labels)
    check_level(level)
    over, variance = _hypergeometric(table)
    if not variance.sum() > 0:
        return NotEstimable("common effect", _why(table, "OR"))
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.where(variance > 0, over / variance, np.nan)
        s = np.where(variance > 0, 1 / np.sqrt(variance), np.nan)
    estimate = float(over.sum() / variance.sum())
    q, df = _spread(y, s, estimate)
    error = float(1 / np.sqrt(variance.sum()))
    return PooledCounts("OR", "Peto", estimate, error, q, df, _association(table), float(level), names, y, s)


def _counts(given: Sequence[Counts], labels: Sequence[str] | None) -> tuple[FloatArray, tuple[str, ...]]:
    """Checked counts (4, k) and names."""
    try:
        table = np.array([np.asarray(row, dtype=float) for row in given])
    except (TypeError, ValueError) as error:
        raise UsageError("a, b, c and d must be numbers, and of one length.") from error
    if table.ndim != 2 or not table.shape[1]:
        raise UsageError("a, b, c and d must each be one row of counts, a number for every force.")
    k = table.shape[1]
    names = tuple(map(str, labels)) if labels is not None else tuple(str(i + 1) for i in range(k))
    if len(names) != k:
        raise UsageError(f"labels must be {k}, one for every force, not {len(names)}.")
    whole = np.isfinite(table) & (table >= 0)
    problems = []
    for role, good in zip("abcd", whole):
        problems += _said(f"{role} is missing, infinite or below 0", ~good, names)
    for arm, rows in (("treated", [0, 1]), ("control", [2, 3])):
        empty = whole.all(axis=0) & (table[rows].sum(axis=0) == 0)
        problems += _said(f"there are no {arm} people", empty, names)
    if problems:
        raise DataError(problems)
    return table, names


def _said(rule: str, bad: np.ndarray[Any, np.dtype[np.bool_]], names: tuple[str, ...]) -> list[str]:
    rows = np.flatnonzero(bad)
    if not len(rows):
        return []
    which = ", ".join(names[i] for i in rows[:5])
    return [
        f"{rule} for {rows_phrase(rows.tolist(), len(names))}: {which}. Correct the counts or leave the force out."
    ]


def _why(table: FloatArray, measure: str) -> str:
    events = [float(table[0].sum()), float(table[2].sum())]
    if max(events) == 0:
        return "no force has an event in either arm"
    if min(events) == 0:
        return f"no force has an event in the {'treated' if events[0] == 0 else 'control'} arm, so the ratio is 0 or infinite"
    if measure == "RR":
        return "no force with people in both arms has an event in one of them"
    return "everyone in one arm has the event, in every force that could tell"


def _risk_ratio(table: FloatArray) -> tuple[float, float] | None:
    a, b, c, d = table
    n1, n0 = a + b, c + d
    n = n1 + n0
    top, bottom = float((a * n0 / n).sum()), float((c * n1 / n).sum())
    if top == 0 or bottom == 0:
        return None
    variance = float((n1 * n0 * (a + c) / n**2 - a * c / n).sum()) / (top * bottom)
    return float(np.log(top / bottom)), float(np.sqrt(max(variance, 0.0)))


def _odds_ratio(table: FloatArray) -> tuple[float, float] | None:
    a, b, c, d = table
    n = table.sum(axis=0)
    r, s, p, q = a * d / n, b * c / n, (a + d) / n, (b + c) / n
    top, bottom = float(r.sum()), float(s.sum())
    if top == 0 or bottom == 0:
        return None
    parts = (p * r).sum() / top**2 + (p * s + q * r).sum() / (top * bottom) + (q * s).sum() / bottom**2
    return float(np.log(top / bottom)), float(np.sqrt(parts / 2))


def _risk_difference(table: FloatArray) -> tuple[float, float] | None:
    a, b, c, d = table
    n1, n0 = a + b, c + d
    n = n1 + n0
    total = float((n1 * n0 / n).sum())
    estimate = float(((a * n0 - c * n1) / n).sum()) / total
    first = c * (n1 / n) ** 2 - a * (n0 / n) ** 2 + (n1 / n) * (n0 / n) * (n0 - n1) / 2
    second = (a * d + c * b) / n / 2
    variance = (estimate * float(first.sum()) + float(second.sum())) / total**2
    return estimate, float(np.sqrt(max(variance, 0.0)))


def _of_each(table: FloatArray, measure: str) -> tuple[FloatArray, FloatArray]:
    """Each force's own estimate and standard error (k,), NaN where it has none."""
    a, b, c, d = table + 0.5 * (table == 0).any(axis=0)
    n1, n0 = a + b, c + d
    if measure == "RD":
        return a / n1 - c / n0, np.sqrt(a * b / n1**3 + c * d / n0**3)
    if measure == "RR":
        y, v = np.log(a / n1) - np.log(c / n0), 1 / a - 1 / n1 + 1 / c - 1 / n0
    else:
        y, v = np.log(a * d / (b * c)), 1 / a + 1 / b + 1 / c + 1 / d
    silent = _silent(table)
    return np.where(silent, np.nan, y), np.where(silent, np.nan, np.sqrt(v))


def _silent(table: FloatArray) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Forces with no event, or nothing but events (k,)."""
    return np.asarray((table[[0, 2]] == 0).all(axis=0) | (table[[1, 3]] == 0).all(axis=0))


def _spread(y: FloatArray, s: FloatArray, estimate: float) -> tuple[float, int]:
    """Q about the common effect, and its degrees of freedom."""
    kept = np.isfinite(y)
    return float((((y - estimate) / s)[kept] ** 2).sum()), int(kept.sum()) - 1


def _hypergeometric(table: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Treated events over what would be expected, and their variance given the margins (k,)."""
    a, b, c, d = table
    n1, n0, events = a + b, c + d, a + c
    n = n1 + n0
    variance = n1 * n0 * events * (n - events) / (n**2 * np.maximum(n - 1, 1))
    return a - n1 * events / n, variance


def _association(table: FloatArray) -> HypothesisTest:
    over, variance = _hypergeometric(table)
    statistic = float(over.sum()) ** 2 / float(variance.sum())
    return chi_square_test(["treated"], statistic, 1.0, "Cochran-Mantel-Haenszel test")
