"""What a two-way fixed effects estimate averaged: the comparisons of two groups at a time, and their weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, Columns, FloatArray, IntArray
from ..core.errors import DataError, rows_phrase
from ..core.results import Shown

KINDS = (
    "treated vs never",
    "earlier vs later",
    "later vs earlier (already treated)",
    "vs always treated",
)
FORBIDDEN = KINDS[2:]


@dataclass(frozen=True, slots=True, eq=False)
class Bacon(Shown):
    """A two-way fixed effects estimate taken apart.

    Attributes
    ----------
    frame : a row a comparison: treated, untreated (the first treated period of the group that starts, and of its control;
        missing for the never treated), kind, estimate, weight (adding to 1), n_treated, n_untreated (units)
    estimate : the two-way estimate, the weighted sum of the rows
    """

    frame: pd.DataFrame = field(repr=False)
    estimate: float
    n_units: int
    n_periods: int

    @property
    def forbidden(self) -> float:
        """Weight of the comparisons whose control was already treated: where effects grow, they subtract part of the growth."""
        return float(self.frame.loc[self.frame["kind"].isin(FORBIDDEN), "weight"].sum())

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """The comparisons, as `frame`; they are parts of one estimate, so they have no intervals of their own."""
        return self.frame.copy()

    def by_kind(self) -> pd.DataFrame:
        """Weight and weighted average estimate of each kind of comparison that occurs: kind, comparisons, weight, estimate."""
        rows = []
        for kind in KINDS:
            here = self.frame[self.frame["kind"] == kind]
            if len(here):
                weight = float(here["weight"].sum())
                average = float((here["weight"] * here["estimate"]).sum()) / weight
                rows.append({"kind": kind, "comparisons": len(here), "weight": weight, "estimate": average})
        return pd.DataFrame(rows)

    def glance(self) -> pd.DataFrame:
        """One row: the two-way estimate, how many comparisons it averages, and the weight of the forbidden ones."""
        return pd.DataFrame(
            {
                "estimate": [self.estimate],
                "comparisons": [len(self.frame)],
                "forbidden": [self.forbidden],
                "n_units": [self.n_units],
                "n_periods": [self.n_periods],
            }
        )


def bacon(data: pd.DataFrame, outcome: str, treatment: str, *, unit: str, time: str) -> Bacon:
    r"""The Goodman-Bacon decomposition of the two-way fixed effects estimate of a 0/1 treatment that stays once it is there.

    The estimate is a weighted average of differences in differences of two groups at a time. For a group k treated a share
    :math:`\bar D_k` of the time and a later (or never treated) l, with :math:`n_{kl}` the share of k among both,

    .. math:: s^k_{kl} \propto ((n_k+n_l)(1-\bar D_l))^2\, n_{kl}(1-n_{kl})
              \frac{\bar D_k-\bar D_l}{1-\bar D_l}\frac{1-\bar D_k}{1-\bar D_l}

    before l starts, and after k has started, l being the one that starts and k, already treated, its control,

    .. math:: s^l_{kl} \propto ((n_k+n_l)\bar D_k)^2\, n_{kl}(1-n_{kl})
              \frac{\bar D_l}{\bar D_k}\frac{\bar D_k-\bar D_l}{\bar D_k}.

    Those treated throughout are controls of the second sort.

    Parameters
    ----------
    data : DataFrame, one row a unit and period, balanced
    outcome : a number; treatment : 0/1 column, 1 from a unit's first treated period on

    Raises
    ------
    DataError
        A panel that is not balanced, a treatment that stops, or one whose start no unit shares time with: with how many units.

    References
    ----------
    Goodman-Bacon (2021) Journal of Econometrics 225:254-277, theorem 1 and equations 10a to 10g.
    """
    y, treated, periods = _square(data, outcome, treatment, unit, time)
    start = np.where(treated.any(axis=1), treated.argmax(axis=1), treated.shape[1])
    rows = list(_comparisons(y, start, periods))
    if not rows:
        raise DataError(
            f"treatment={treatment!r} starts nowhere while another group of units keeps still, so there is nothing to compare."
        )
    frame = pd.DataFrame(rows)
    frame["weight"] /= frame["weight"].sum()
    for name in ("treated", "untreated"):  # whole years stay whole, and the never treated have none
        frame[name] = pd.Series(frame[name].tolist(), dtype=object).convert_dtypes()
    estimate = float((frame["weight"] * frame["estimate"]).sum())
    return Bacon(frame, estimate, len(y), len(periods))


def _square(
    data: pd.DataFrame, outcome: str, treatment: str, unit: str, time: str
) -> tuple[FloatArray, BoolArray, list[Any]]:
    """Outcome and treatment (units, periods), and the periods in order."""
    take = Columns(data)
    values = take.number("outcome", outcome)
    treated = take.binary("treatment", treatment)
    i, units = take.labels("unit", unit)
    t, periods = take.labels("time", time)
    take.check()
    counts = np.zeros((len(units), len(periods)), dtype=np.int64)
    np.add.at(counts, (i, t), 1)
    short = np.flatnonzero((counts != 1).any(axis=1))
    if len(short):
        wrong = np.flatnonzero(np.isin(i, short))
        raise DataError(
            f"unit={unit!r}: {len(short)} of {len(units)} units do not have one row in each of the {len(periods)} periods, "
            f"{rows_phrase(wrong.tolist(), len(data))}. The decomposition is of a balanced panel: leave such units out, or "
            "take the periods that all have."
        )
    y, d = np.empty(counts.shape), np.zeros(counts.shape, dtype=bool)
    y[i, t], d[i, t] = values, treated
    stops = np.flatnonzero((d[:, :-1] & ~d[:, 1:]).any(axis=1))
    if len(stops):
        wrong = np.flatnonzero(np.isin(i, stops))
        raise DataError(
            f"treatment={treatment!r} stops after it has started in {len(stops)} of {len(units)} units, "
            f"{rows_phrase(wrong.tolist(), len(data))}. The decomposition is of a treatment that stays: leave such units out, "
            "or end the panel before it stops."
        )
    return y, d, periods


def _comparisons(y: FloatArray, start: IntArray, periods: list[Any]) -> Iterator[dict[str, Any]]:
    """Each pair of groups in the window in which one of them starts; weights up to a factor.

    Parameters
    ----------
    y : (units, periods); start : (units,) the place of the first treated period, 0 for always, the number of periods for never
    """
    total = len(periods)
    groups = np.unique(start)
    size = {g: int((start == g).sum()) for g in groups}
    mean = {g: y[start == g].mean(axis=0) for g in groups}
    label = [*periods, None]
    for k in groups[(groups > 0) & (groups < total)]:
        for control in groups[groups != k]:
            low, high = (0, int(control)) if control > k else (int(control), total)
            before, after = k - low, high - k  # periods of the window
            apart = mean[k] - mean[control]
            n = size[k] + size[control]
            share = size[k] / n
            width = (high - low) / total
            kind = KINDS[0 if control == total else 1 if control > k else 3 if control == 0 else 2]
            yield {
                "treated": label[k],
                "untreated": label[control],
                "kind": kind,
                "estimate": float(apart[k:high].mean() - apart[low:k].mean()),
                "weight": (n * width) ** 2 * share * (1 - share) * before * after / (before + after) ** 2,
                "n_treated": size[k],
                "n_untreated": size[control],
            }
