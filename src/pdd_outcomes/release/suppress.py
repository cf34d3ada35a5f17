"""Which cells may not be shown: the threshold, and what must go with them.

Everything here takes and gives arrays; `tables`, `estimates` and `balance` apply it to the findings.

This first pass is one-dimensional: it protects a line of cells against its total, one line at a time.
Totals over several dimensions, and over several tables at once, are noised by the rounding but not
solved for. Nor is the line audited against somebody who knows that the smallest shown cells are hidden
first: in rare lines (9 hidden with 12 where another 12 is shown, the total at the edge of its bin) that
knowledge settles the cell.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, FloatArray, IntArray
from ..core.errors import DisclosureError, rows_phrase
from .rounding import SLACK, round_count

TOTAL_GROUPS = ("all", "pooled")  # groups that are made of the other groups


def small(counts: FloatArray, threshold: int) -> BoolArray:
    """Counts of at least one and fewer than `threshold` people. A true zero is not among them."""
    return np.asarray((counts > SLACK) & (counts < threshold - SLACK))


def small_or_full(counts: FloatArray, of: FloatArray, threshold: int) -> BoolArray:
    """Counts of an attribute among `of` people that are disclosive: few or none have it, or nearly all or all do.

    None and all are disclosive because they say something of every member of the group.
    """
    return np.asarray((counts < threshold - SLACK) | (of - counts < threshold - SLACK))


def complete_line(counts: FloatArray, hidden: BoolArray, threshold: int) -> BoolArray:
    """The hidden cells of one line, with enough others that the line's total gives none of them away.

    Parameters
    ----------
    counts : (k,) cells of a line whose total is known (exactly, in the worst case)
    hidden : (k,) the cells hidden so far
    threshold : the least number of people that may be shown

    Returns
    -------
    (k,) bool
        Where any cell is hidden, at least two are, and together they hold at least `threshold` people: the
        smallest shown cells are added until that is so. Zeros that are shown stay shown, for a cell known to
        be empty hides nothing. A line that runs out of cells is hidden whole, and so is its total, which
        is then under the threshold too.
    """
    answer = hidden.copy()
    if not answer.any():
        return answer
    people = np.nan_to_num(counts)
    candidates = np.flatnonzero(~answer & (people > SLACK))
    for cell in candidates[np.argsort(people[candidates], kind="stable")]:
        if answer.sum() >= 2 and people[answer].sum() >= threshold - SLACK:
            break
        answer[cell] = True
    return answer


def complete_groups(
    frame: pd.DataFrame, column: str, hidden: BoolArray, keys: list[str], threshold: int
) -> BoolArray:
    """Hidden cells of a count column, completed over the groups wherever a row for all groups is there too.

    `keys` are the columns that, with `group`, name a row. Rows of :data:`TOTAL_GROUPS` are the totals.
    """
    answer = hidden.copy()
    total = frame["group"].isin(TOTAL_GROUPS).to_numpy()
    counts = frame[column].to_numpy(dtype=float)
    codes = row_codes(frame, keys)
    for code in np.unique(codes[total]):
        parts = np.flatnonzero((codes == code) & ~total)
        parts = parts[~frame["group"].iloc[parts].duplicated().to_numpy()]  # a group is one cell of the line
        answer[parts] = complete_line(counts[parts], answer[parts], threshold)
    return answer


def row_codes(frame: pd.DataFrame, keys: list[str]) -> IntArray:
    """(n,) codes 0.. of the combinations of the key columns; two missing values are the same value."""
    return np.asarray(frame.groupby(keys, sort=False, dropna=False).ngroup(), dtype=np.int64)


def shown(counts: FloatArray, hidden: BoolArray, base: int) -> FloatArray:
    """Rounded counts, missing where hidden."""
    return np.where(hidden, np.nan, round_count(counts, base))


def sum_of_shown(*parts: FloatArray) -> FloatArray:
    """Totals as sums of released cells: a hidden cell counts as nothing."""
    return np.asarray(np.sum([np.nan_to_num(p) for p in parts], axis=0))


def total_or_hidden(total: FloatArray, raw: FloatArray, threshold: int) -> FloatArray:
    """Totals of released cells, missing where nothing of a total that is not zero could be shown."""
    nothing_left = (total <= SLACK) & (raw > SLACK)
    return np.where(nothing_left | small(raw, threshold) | np.isnan(raw), np.nan, total)


def release_chain(
    n_in: FloatArray,
    excluded: FloatArray,
    n_out: FloatArray,
    *,
    threshold: int,
    base: int,
    start: float | None = None,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """A chain of exclusions at released precision, which still adds up.

    Exclusions and the last number left are the cells: the threshold is applied and they are rounded. Every
    other number is a sum of cells, with a suppressed cell as nothing, so subtracting along the chain gives
    back the cells and not one thing more. The numbers in differ from their own rounding by at most half a
    base a step and `threshold` - 1 for each suppressed step.

    Parameters
    ----------
    n_in, excluded, n_out : (k,) counts; n_in - excluded = n_out, and each n_out is the next n_in
    start : the released number that the chain continues from, where there is one. The last number
        left is then what remains of it, unless that would be under the threshold.

    Returns
    -------
    n_in, excluded, n_out : (k,) released, missing where suppressed
    """
    cells = shown(excluded, small(excluded, threshold), base)
    last = np.nan_to_num(shown(n_out[-1:], small(n_out[-1:], threshold), base))[0]
    if start is not None and last > 0 and start - np.nansum(cells) >= threshold:
        last = start - float(np.nansum(cells))
    left = last + np.cumsum(np.nan_to_num(cells[::-1]))[::-1]
    entering, leaving = left, np.append(left[1:], last)
    return total_or_hidden(entering, n_in, threshold), cells, total_or_hidden(leaving, n_out, threshold)


def refuse_where(wrong: BoolArray, table: str, rule: str) -> None:
    """A DisclosureError naming the rows of a table that break a rule which its disclosure control relies on."""
    rows = np.flatnonzero(wrong)
    if len(rows):
        raise DisclosureError(
            f"{table}: {rule} in {rows_phrase(rows.tolist(), len(wrong))}. Nothing was released."
        )
