"""Linkage of a scheme's referral list to the people of the police records, by a Fellegi-Sunter model (Splink, on DuckDB).

Identifiers come in here and go no further: the result holds the keys of the two lists, probabilities, and words that say what
agrees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..core.errors import DataError, UsageError
from ..core.results import TIDY, Shown
from .identity import prepared
from .link_model import pairs, pattern

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ALIKE = 1e-6  # probabilities closer than this are one: which of two people it is would have to be guessed
GRID = (*tuple(round(0.05 * k, 2) for k in range(10, 20)), 0.99, 0.999)
LINKS = ("referral_id", "person_id", "match_probability", "how")
REVIEW = ("referral_id", "person_id", "match_probability", "why", "pattern")


@dataclass(frozen=True, slots=True, eq=False)
class Linked(Shown):
    """Links at a threshold, pairs for a clerk to look at, and referrals without either.

    Every referral is in exactly one of the three.

    Attributes
    ----------
    links : referral_id, person_id, match_probability, how ("number", or "names and dates")
    review : referral_id, person_id, match_probability, why, pattern; one row for each person that it may be
    unlinked : referral_id, reason
    threshold, band : least probability of a link; the probabilities between which a clerk looks
    notes : what is to be known of the model's fit
    n_referrals, n_people : rows of the lists
    """

    links: pd.DataFrame = field(repr=False)
    review: pd.DataFrame = field(repr=False)
    unlinked: pd.DataFrame = field(repr=False)
    threshold: float
    band: tuple[float, float]
    notes: tuple[str, ...]
    n_referrals: int
    n_people: int
    candidates: pd.DataFrame = field(repr=False)
    referrals: tuple[str, ...] = field(repr=False)

    def at(self, threshold: float, review: tuple[float, float] | None = None) -> Linked:
        """The same model cut at another threshold."""
        low, high = _checked(threshold, review)
        return _cut(self.candidates, self.referrals, threshold, (low, high), self.notes, self.n_people)

    def thresholds(self, grid: Sequence[float] = GRID) -> pd.DataFrame:
        """What each threshold would link: threshold, n_linked, n_review, expected_false, expected_missed.

        expected_false is the sum over links of the probability that they are wrong; expected_missed the sum over referrals
        that are not linked of the probability of their best pair. They are the model's own, and as good as it is.
        """
        rows = []
        for threshold in grid:
            cut = self.at(float(threshold))
            best = self.candidates.groupby("referral_id")["match_probability"].max()
            missed = best.drop(cut.links["referral_id"], errors="ignore")
            rows.append(
                {
                    "threshold": float(threshold),
                    "n_linked": len(cut.links),
                    "n_review": int(cut.review["referral_id"].nunique()),
                    "expected_false": float((1 - cut.links["match_probability"]).sum()),
                    "expected_missed": float(missed.sum()),
                }
            )
        return pd.DataFrame(rows)

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """Standard rows: how many referrals are linked, for review and not linked."""
        counts = {
            "linked": len(self.links),
            "review": int(self.review["referral_id"].nunique()),
            "unlinked": len(self.unlinked),
        }
        frame = pd.DataFrame({"term": list(counts), "estimate": [float(v) for v in counts.values()]})
        return frame.assign(**{name: np.nan for name in TIDY[2:]})

    def glance(self) -> pd.DataFrame:
        """One row: sizes of the lists and the threshold."""
        return pd.DataFrame(
            {
                "n_referrals": [self.n_referrals],
                "n_people": [self.n_people],
                "threshold": [self.threshold],
                "linked": [len(self.links)],
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Threshold chart: links expected to be wrong, and links expected to be missed, at each threshold."""
        from ..core.draw import style

        frame = self.thresholds()
        with style.house_style():
            ax = style.new_axes(height=3.6) if ax is None else ax
            style.dress(ax)
            for i, (column, words) in enumerate(_LINES):
                look = style.arm_style(i)
                ax.plot(
                    frame["threshold"], frame[column], color=look.colour, linestyle=look.dash, marker=look.marker, label=words
                )  # fmt: skip
            ax.set_ylim(bottom=0)
            ax.legend(frameon=False)
            style.title_above(ax, "Referrals")
            style.title_below(ax, "Least probability of a link")
        return ax

    def alt_text(self) -> str:
        """The chart in words, from the same figures."""
        first, last = (self.thresholds().iloc[k] for k in (0, -1))
        return (
            f"At a threshold of {first['threshold']:g} {first['n_linked']:.0f} referrals are linked, {first['expected_false']:.1f} of "
            f"them expected to be wrong and {first['expected_missed']:.1f} to be missed; at {last['threshold']:g} "
            f"{last['n_linked']:.0f}, {last['expected_false']:.1f} and {last['expected_missed']:.1f}."
        )


_LINES = (("expected_false", "linked and expected to be wrong"), ("expected_missed", "missed"))


def link_referrals(
    referrals: pd.DataFrame,
    people: pd.DataFrame,
    *,
    threshold: float = 0.95,
    review: tuple[float, float] | None = None,
    seed: int = 0,
) -> Linked:
    r"""Referrals linked to people by names (swapped, misspelt), date of birth, postcode and numbers of the police.

    The weight of a pair is the sum over comparisons of :math:`\log_2(m/u)`, with `m` how often the level holds for one person
    and `u` for two, and the probability follows from it and the prior. `u` is learnt from random pairs, `m` by EM where there
    are referrals enough.

    Parameters
    ----------
    referrals : referral_id, forename, surname, birth_date (2020-01-31), and where known postcode, pnc_id, cro_number
    people : person_id and the same
    threshold : least probability of a link
    review : probabilities between which a clerk should look; None is from 0.5 to the threshold
    seed : of the random pairs

    Returns
    -------
    Linked
        A referral is linked to one person at most; a person may have been referred more than once. For review too: two people
        equally likely, and a number that agrees while names and date of birth do not.

    Raises
    ------
    UsageError, DataError
        Settings out of range, columns missing, keys blank or repeated.

    References
    ----------
    Fellegi & Sunter (1969) JASA 64:1183-1210. Linacre and others (2022) International Journal of Population Data Science 7(3).
    """
    band = _checked(threshold, review)
    ours, theirs = prepared(referrals, "referral_id", "referrals"), prepared(people, "person_id", "people")
    if ours.empty or theirs.empty:
        raise DataError(f"{'referrals' if ours.empty else 'people'}: the list has no rows.")
    candidates, notes = pairs(ours, theirs, seed)
    return _cut(candidates, tuple(ours["unique_id"]), threshold, band, notes, len(theirs))


def _checked(threshold: Any, review: Any) -> tuple[float, float]:
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float)) or not 0.5 <= threshold < 1:
        raise UsageError(f"threshold={threshold!r} must be a probability of at least 0.5 and below 1.")
    low, high = (0.5, threshold) if review is None else review
    if not 0 < low <= high <= threshold:
        raise UsageError(
            f"review=({low!r}, {high!r}) must be two probabilities that rise, up to the threshold, {threshold:g}."
        )
    return float(low), float(high)


def _cut(
    candidates: pd.DataFrame,
    referrals: tuple[str, ...],
    threshold: float,
    band: tuple[float, float],
    notes: tuple[str, ...],
    n_people: int,
) -> Linked:
    """Each referral to its one place: linked, for review, or neither."""
    best = candidates.groupby("referral_id")["match_probability"].transform("max")
    top = candidates.loc[candidates["match_probability"] >= best - ALIKE].copy()
    several = top.groupby("referral_id")["person_id"].transform("size") > 1
    clash = (top["number"] > 0) & (top["names"] == 0) & (top["date of birth"] == 0)
    sure = top["match_probability"] >= threshold
    between = (top["match_probability"] >= band[0]) & (top["match_probability"] < band[1])
    linked = top.loc[sure & ~several & ~clash]
    why = np.select(
        [sure & several, clash, between],
        [
            "people equally likely",
            "the number agrees, names and date of birth do not",
            "in the band for review",
        ],
        "",
    )
    looked = top.assign(why=why, pattern=pattern(top)).loc[why != ""]
    how = np.where(linked["number"] > 0, "number", "names and dates")
    links = linked.assign(how=how)[list(LINKS)].reset_index(drop=True)
    placed = {*links["referral_id"], *looked["referral_id"]}
    there = set(candidates["referral_id"])
    rest = [r for r in referrals if r not in placed]
    reason = ["no pair is likely enough" if r in there else "nobody is at all like it" for r in rest]
    return Linked(
        links,
        looked[list(REVIEW)].reset_index(drop=True),
        pd.DataFrame({"referral_id": pd.Series(rest, dtype=str), "reason": pd.Series(reason, dtype=str)}),
        float(threshold),
        band,
        notes,
        len(referrals),
        n_people,
        candidates,
        referrals,
    )
