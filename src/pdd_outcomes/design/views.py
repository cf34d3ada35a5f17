"""What a reader asks of any design that was made from a frame: balance, overlap, who was lost."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, Columns, FloatArray
from ..core.errors import UsageError, choose
from ..core.formula import covariate_matrix
from .balance import LIMIT, Balance, balance, balance_of
from .overlap import ARMS, before_and_after

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .propensity import PropensityScore
    from .weighted import Request
    from .words import Asked

Denominator = Literal["treated", "control", "pooled"]
# Whose SD a difference is in: that of the people the estimand is about (Stuart 2010).
OWN_SD: dict[str, Denominator] = {"ATT": "treated", "ATC": "control"}


class Views(ABC):
    """Views of a design with the frame it was made from; every one is drawn from a table that is also there."""

    __slots__ = ()

    # What a design says of itself; set by the classes that have these views.
    treated: BoolArray
    weights: FloatArray
    requested: str
    source: pd.DataFrame
    asked: Asked | Request

    @property
    def treatment(self) -> str:
        """The treatment's column."""
        return self.asked.treatment

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the design was made on, exact ones among them."""
        return self.asked.columns

    @property
    @abstractmethod
    def propensity(self) -> PropensityScore | None:
        """The fitted propensity model, where there is one."""

    @property
    @abstractmethod
    def matching_score(self) -> FloatArray | None:
        """The score (n,) that the design was made on, where there is one."""

    def _about(self) -> BoolArray:
        """The people (n,) the requested estimand is about."""
        return {"ATT": self.treated, "ATC": ~self.treated}.get(self.requested, np.ones(len(self.treated), bool))

    def balance(
        self,
        covariates: Sequence[str] | None = None,
        *,
        sd: Denominator | None = None,
        distance: bool = False,
        squares: bool = False,
        interactions: bool = False,
        by: str | None = None,
    ) -> Balance:
        """Balance before and after, by default of the columns that the design was made on.

        `sd` is by default the SD of the arm the estimand is about, and the pooled one where it is about
        both. With `distance`, the score has the first row. `squares`, `interactions` and `by` as in `balance`.
        """
        names = list(self.columns if covariates is None else covariates)
        if not names:
            raise UsageError("balance needs covariates=[...]: the design was given scores and no columns.")
        own = OWN_SD.get(self.requested, "pooled")
        found = balance(
            self.source,
            self.treatment,
            covariates=names,
            weights=self.weights,
            sd=sd or own,
            squares=squares,
            interactions=interactions,
            by=by,
        )
        if not distance:
            return found
        if by is not None:
            raise UsageError(
                "distance=True and by= cannot be asked together: balance the score by a call of its own."
            )
        if self.matching_score is None:
            raise UsageError("distance=True needs a score, and this design was made without one.")
        frame = pd.DataFrame({"distance": self.matching_score})
        score = balance_of(covariate_matrix(frame, ["distance"]), self.treated, self.weights, found.sd)
        return Balance(pd.concat([score.table, found.table], ignore_index=True), found.sd, found.ess)

    def love_plot(self, ax: Axes | None = None, *, threshold: float = LIMIT) -> Axes:
        """Standardised differences before and after, a row for each covariate."""
        return self.balance().love_plot(ax, threshold=threshold)

    def overlap(self, score: FloatArray | None = None, *, bins: int = 20) -> pd.DataFrame:
        """Counts by band of the propensity score: sample ("before", "after"), arm, bin_low, bin_high, count, share.

        `score` (n,) holds probabilities where the design did not estimate them itself.
        """
        if score is None and self.propensity is None:
            raise UsageError("overlap needs score=, an (n,) array of probabilities: the design estimated none.")
        p = self.propensity.score if score is None and self.propensity is not None else score
        return before_and_after(np.asarray(p, dtype=float), self.treated, self.weights, bins=bins)

    def overlap_plot(
        self,
        ax: Axes | None = None,
        *,
        sample: Literal["before", "after"] = "before",
        score: FloatArray | None = None,
    ) -> Axes:
        """Where on the propensity score (n,) the arms are, before or after."""
        from ..core.draw.overlap import draw_overlap

        frame = self.overlap(score)
        return draw_overlap(frame[frame["sample"] == sample].drop(columns="sample"), ax)

    def ecdf(self, covariate: str, *, sample: Literal["before", "after"] = "after") -> pd.DataFrame:
        """Distribution function of a number in each arm: arm, value, share (of the arm's weight at or below)."""
        choose("sample", sample, ("before", "after"))
        take = Columns(self.source)
        x = take.number("covariate", covariate)
        take.check()
        weights = self.weights if sample == "after" else np.ones(len(x))
        frames = []
        for arm, member in zip(ARMS, (self.treated, ~self.treated)):
            value, place = np.unique(x[member & (weights > 0)], return_inverse=True)
            mass = np.bincount(place, weights=weights[member & (weights > 0)])
            frames.append(pd.DataFrame({"arm": arm, "value": value, "share": np.cumsum(mass) / mass.sum()}))
        return pd.concat(frames, ignore_index=True)

    def ecdf_plot(
        self, covariate: str, ax: Axes | None = None, *, sample: Literal["before", "after"] = "after"
    ) -> Axes:
        """Distribution functions of a number in the two arms, before or after."""
        from ..core.draw.ecdf import draw_ecdf

        return draw_ecdf(self.ecdf(covariate, sample=sample), ax, label=covariate)

    def dropped(self, covariates: Sequence[str] | None = None) -> pd.DataFrame:
        """Who the estimand is no longer about: means of the people it was to be about, kept and dropped.

        Columns covariate, mean_kept, mean_dropped, smd (dropped minus kept, in SDs of all of them),
        n_kept, n_dropped. Where nobody was dropped, mean_dropped is NaN.
        """
        names = list(self.columns if covariates is None else covariates)
        if not names:
            raise UsageError("dropped needs covariates=[...]: the design was given scores and no columns.")
        matrix = covariate_matrix(self.source, names, all_levels=True)
        focal = self._about()
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
