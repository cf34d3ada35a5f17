"""A matched design: the sets, their weights, and everything a reader asks about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ..core.columns import FloatArray
from ..core.errors import UsageError
from ..core.formula import covariate_matrix
from ..core.results import TIDY, Shown
from .balance import LIMIT, Balance, balance, balance_of
from .design import AnalysisRows, Design
from .distance import Distance
from .overlap import before_and_after
from .sets import Links
from .words import Asked, describe

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .propensity import PropensityScore


@dataclass(frozen=True, slots=True, eq=False)
class Matched(Design, Shown):
    """Matched sets and their weights, with the frame they were made from.

    Attributes
    ----------
    treated, weights, set_id, requested, estimand : see `Design`. `weights` (n,) follow MatchIt: matched
        focal people count 1, a match counts the sum of 1/k over its sets, rescaled so that the weights of
        the other arm sum to the number of different people matched. With replacement `set_id` (n,) is the
        group of sets that share people.
    asked : what was asked for
    distance : the distance between people
    links : one row a link of a set
    caliper : the largest distance allowed, in units of the distance; None where there was none
    """

    asked: Asked = field(repr=False)
    distance: Distance = field(repr=False)
    links: Links = field(repr=False)
    caliper: float | None
    source: pd.DataFrame = field(repr=False)

    @property
    def pairs(self) -> pd.DataFrame:
        """Who is matched with whom: treated, control (positional row numbers) and distance, sorted."""
        focal, partner = ("treated", "control") if self.asked.focal_treated else ("control", "treated")
        pairs = pd.DataFrame(
            {focal: self.links.focal, partner: self.links.partner, "distance": self.links.distance}
        )
        return pairs[["treated", "control", "distance"]].sort_values(["treated", "control"], ignore_index=True)

    @property
    def propensity(self) -> PropensityScore | None:
        """The fitted propensity model, where the distance came from one."""
        return self.distance.propensity

    @property
    def roles(self) -> dict[str, Any]:
        """What to pass, with `.data()`, to a model that takes `weights` and `cluster`."""
        return {"weights": "weights", "cluster": ["set_id", "row"] if self.asked.replace else "set_id"}

    def analysis_rows(self) -> AnalysisRows:
        """The rows an outcome model is fitted to.

        Without replacement, the matched people, clustered on their set. With replacement, a row for each
        membership of a set: the focal person counts 1 and each of k matches 1/k, clustered on the set and,
        because a person may be in several, on the person (Abadie & Spiess 2022, JASA 117:983-995, show
        that without replacement the set is enough).
        """
        if not self.asked.replace:
            return Design.analysis_rows(self)
        links = self.links
        focal, first = np.unique(links.set_number, return_index=True)
        row = np.concatenate([links.focal[first], links.partner])
        weight = np.concatenate([np.ones(len(focal)), links.share])
        number = np.concatenate([focal, links.set_number])
        order = np.lexsort((row, number))
        return AnalysisRows(row[order], weight[order], (number[order], row[order]))

    def data(self) -> pd.DataFrame:
        """The matched people: their columns, `weights` and `set_id`.

        Without replacement a row a person, under the index they had. With replacement a row for each
        membership of a set, with `row`, the person's position in the data, and a fresh index. Pass
        `.roles` on with it.
        """
        added = ["weights", "set_id", "row"] if self.asked.replace else ["weights", "set_id"]
        clash = [name for name in added if name in self.source.columns]
        if clash:
            raise UsageError(
                f"the data already have {'columns' if len(clash) > 1 else 'a column'} named {clash}, which .data() adds. "
                "Rename before matching."
            )
        rows = self.analysis_rows()
        frame = self.source.iloc[rows.row].assign(weights=rows.weight, set_id=rows.clusters[0])
        return frame.assign(row=rows.row).reset_index(drop=True) if self.asked.replace else frame

    def balance(
        self,
        covariates: Sequence[str] | None = None,
        *,
        sd: Literal["treated", "control", "pooled"] | None = None,
        distance: bool = False,
    ) -> Balance:
        """Balance before and after matching, by default of the columns matched on and exact columns.

        `sd` is by default the SD of the arm the estimand is about. With `distance`, the matching score
        has the first row.
        """
        names = list(self.asked.columns if covariates is None else covariates)
        if not names:
            raise UsageError("balance needs covariates=[...]: the match was given scores and no columns.")
        own: Literal["treated", "control"] = "treated" if self.asked.focal_treated else "control"
        found = balance(self.source, self.asked.treatment, covariates=names, weights=self.weights, sd=sd or own)
        if not distance:
            return found
        if self.distance.score is None:
            raise UsageError("a Mahalanobis distance is between two people, so nobody has a score to balance.")
        frame = pd.DataFrame({"distance": self.distance.score})
        score = balance_of(covariate_matrix(frame, ["distance"]), self.treated, self.weights, found.sd)
        return Balance(pd.concat([score.table, found.table], ignore_index=True), found.sd, found.ess)

    def love_plot(self, ax: Axes | None = None, *, threshold: float = LIMIT) -> Axes:
        """Standardised differences before and after matching, a row for each covariate."""
        return self.balance().love_plot(ax, threshold=threshold)

    def overlap(self, score: FloatArray | None = None, *, bins: int = 20) -> pd.DataFrame:
        """Counts by band of the propensity score: sample ("before", "after"), arm, bin_low, bin_high, count, share.

        `score` (n,) holds probabilities where the match did not estimate them itself.
        """
        if score is None and self.propensity is None:
            raise UsageError("overlap needs score=, an (n,) array of probabilities: the match estimated none.")
        p = self.propensity.score if score is None and self.propensity is not None else score
        return before_and_after(np.asarray(p, dtype=float), self.treated, self.weights, bins=bins)

    def overlap_plot(
        self,
        ax: Axes | None = None,
        *,
        sample: Literal["before", "after"] = "before",
        score: FloatArray | None = None,
    ) -> Axes:
        """Where on the propensity score (n,) the arms are, before or after matching."""
        from ..core.draw.overlap import draw_overlap

        frame = self.overlap(score)
        return draw_overlap(frame[frame["sample"] == sample].drop(columns="sample"), ax)

    def dropped(self, covariates: Sequence[str] | None = None) -> pd.DataFrame:
        """Who the estimand is no longer about: the focal arm's means, kept and dropped.

        Columns covariate, mean_kept, mean_dropped, smd (dropped minus kept, in SDs of the whole focal arm),
        n_kept, n_dropped. Where nobody was dropped, mean_dropped is NaN.
        """
        names = list(self.asked.columns if covariates is None else covariates)
        if not names:
            raise UsageError("dropped needs covariates=[...]: the match was given scores and no columns.")
        matrix = covariate_matrix(self.source, names, all_levels=True)
        focal = self.treated if self.asked.focal_treated else ~self.treated
        kept = focal & (self.weights > 0)
        lost = focal & (self.weights == 0)
        values = matrix.values
        binary = ((values == 0) | (values == 1)).all(axis=0)
        spread = values[focal].std(axis=0, ddof=1) if focal.sum() > 1 else np.full(values.shape[1], np.nan)
        share = values[focal].mean(axis=0)
        spread = np.where(binary, np.sqrt(np.clip(share * (1 - share), 0, None)), spread)
        stays = values[kept].mean(axis=0)
        goes = values[lost].mean(axis=0) if lost.any() else np.full(values.shape[1], np.nan)
        return pd.DataFrame(
            {
                "covariate": list(matrix.terms),
                "mean_kept": stays,
                "mean_dropped": goes,
                "smd": (goes - stays) / np.where(spread > 0, spread, np.nan),
                "n_kept": int(kept.sum()),
                "n_dropped": int(lost.sum()),
            }
        )

    def describe(self) -> str:
        """What was asked, how many were matched and dropped, and what the weights are, in sentences."""
        return describe(
            self.asked, self.distance, self.caliper, self.treated, self.weights, self.links, self.estimand
        )

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """Standard rows: how many people there were, were matched, and are effectively left, by arm."""
        rows: dict[str, float] = {}
        for arm, member, size in (
            ("treated", self.treated, self.ess.treated),
            ("control", ~self.treated, self.ess.control),
        ):
            rows[f"{arm}, all"] = int(member.sum())
            rows[f"{arm}, matched"] = int((member & (self.weights > 0)).sum())
            rows[f"{arm}, effective"] = size
        frame = pd.DataFrame({"term": list(rows), "estimate": [float(v) for v in rows.values()]})
        return frame.assign(**{name: np.nan for name in TIDY[2:]})

    def glance(self) -> pd.DataFrame:
        """One row: method, estimand, numbers matched and dropped, effective sizes, the caliper as used."""
        t, kept = self.treated, self.weights > 0
        return pd.DataFrame(
            {
                "method": [self.asked.method],
                "requested": [self.requested],
                "estimand": [self.estimand],
                "n_treated": [int(t.sum())],
                "n_control": [int((~t).sum())],
                "matched_treated": [int((t & kept).sum())],
                "matched_control": [int((~t & kept).sum())],
                "dropped_treated": [int((t & ~kept).sum())],
                "dropped_control": [int((~t & ~kept).sum())],
                "n_sets": [self.links.n_sets],
                "ess_treated": [self.ess.treated],
                "ess_control": [self.ess.control],
                "caliper": [np.nan if self.caliper is None else self.caliper],
                "total_distance": [float(self.links.distance.sum())],
            }
        )
