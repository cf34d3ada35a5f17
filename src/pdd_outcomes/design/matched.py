"""A matched design: the sets, their weights, and everything a reader asks about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..core.columns import FloatArray
from ..core.errors import UsageError
from ..core.results import TIDY, Shown
from .design import AnalysisRows, Design
from .distance import Distance
from .sets import Links
from .views import Views
from .words import Asked, describe, describe_strata

if TYPE_CHECKING:
    from .propensity import PropensityScore


@dataclass(frozen=True, slots=True, eq=False)
class Matched(Design, Views, Shown):
    """Matched sets and their weights, with the frame they were made from.

    Attributes
    ----------
    treated, weights, set_id, requested, estimand : see `Design`. `weights` (n,) follow MatchIt: matched
        focal people count 1, a match counts the sum of 1/k over its sets, rescaled so that the weights of
        the other arm sum to the number of different people matched. With replacement `set_id` (n,) is the
        group of sets that share people.
        For strata (n,) weights give each stratum the share it has among those the estimand is about.
    asked : what was asked for
    distance : the distance between people; None where strata were made without one
    links : one row a link of a set; None where people have no partner of their own
    caliper : the largest distance allowed, in units of the distance; None where there was none
    """

    asked: Asked = field(repr=False)
    distance: Distance | None = field(repr=False)
    links: Links | None = field(repr=False)
    caliper: float | None
    source: pd.DataFrame = field(repr=False)

    @property
    def n_sets(self) -> int:
        """Matched sets, or strata with both arms."""
        if self.links is not None:
            return self.links.n_sets
        return 0 if self.set_id is None else int(self.set_id.max()) + 1

    @property
    def pairs(self) -> pd.DataFrame:
        """Who is matched with whom: treated, control (positional row numbers) and distance, sorted."""
        if self.links is None:
            raise UsageError(
                f"method={self.asked.method!r} makes no pairs; where it makes strata, `.set_id` says who is with whom."
            )
        focal, partner = ("treated", "control") if self.asked.focal_treated else ("control", "treated")
        pairs = pd.DataFrame(
            {focal: self.links.focal, partner: self.links.partner, "distance": self.links.distance}
        )
        return pairs[["treated", "control", "distance"]].sort_values(["treated", "control"], ignore_index=True)

    @property
    def propensity(self) -> PropensityScore | None:
        """The fitted propensity model, where the distance came from one."""
        return self.distance.propensity if self.distance else None

    @property
    def matching_score(self) -> FloatArray | None:
        """The score (n,) that was matched, or None where only pairs have a distance."""
        return self.distance.score if self.distance else None

    @property
    def roles(self) -> dict[str, Any]:
        """What to pass, with `.data()`, to a model that takes `weights` and, of sets, `cluster`."""
        if self.links is None:
            return {"weights": "weights"}
        return {"weights": "weights", "cluster": ["set_id", "row"] if self.asked.replace else "set_id"}

    def analysis_rows(self) -> AnalysisRows:
        """The rows an outcome model is fitted to.

        Without replacement, the matched people, clustered on their set. With replacement, a row for each
        membership of a set: the focal person counts 1 and each of k matches 1/k, clustered on the set and,
        because a person may be in several, on the person (Abadie & Spiess 2022, JASA 117:983-995, show
        that without replacement the set is enough). Of strata everyone in one, clustered on the person: a
        stratum is fixed by the covariates, and a variance from a handful of clusters would be too small.
        """
        links = self.links
        if links is None:
            row = np.flatnonzero(self.weights > 0).astype(np.int64)
            return AnalysisRows(row, self.weights[row], (row,))
        if not self.asked.replace:
            return Design.analysis_rows(self)
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
        added = ["weights"] if self.set_id is None else ["weights", "set_id"]
        added += ["row"] if self.asked.replace else []
        clash = [name for name in added if name in self.source.columns]
        if clash:
            raise UsageError(
                f"the data already have {'columns' if len(clash) > 1 else 'a column'} named {clash}, which .data() adds. "
                "Rename before matching."
            )
        rows = self.analysis_rows()
        if self.set_id is None:
            return self.source.iloc[rows.row].assign(weights=rows.weight)
        number = self.set_id[rows.row] if self.links is None else rows.clusters[0]
        frame = self.source.iloc[rows.row].assign(weights=rows.weight, set_id=number)
        return frame.assign(row=rows.row).reset_index(drop=True) if self.asked.replace else frame

    def describe(self) -> str:
        """What was asked, how many were matched and dropped, and what the weights are, in sentences."""
        if self.links is None:
            return describe_strata(
                self.asked, self.distance, self.treated, self.weights, self.n_sets, self.estimand
            )
        assert self.distance is not None
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
                "n_sets": [self.n_sets],
                "ess_treated": [self.ess.treated],
                "ess_control": [self.ess.control],
                "caliper": [np.nan if self.caliper is None else self.caliper],
                "total_distance": [np.nan if self.links is None else float(self.links.distance.sum())],
            }
        )
