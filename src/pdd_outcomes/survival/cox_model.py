"""A Cox model read and ready to be fitted: in the user's units on either side, in working units between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..core.columns import FloatArray, IntArray
from ..core.compiled import one_thread
from ..core.formula import Coding
from .cox_fit import CoxFit, Fitted
from .cox_likelihood import Tail, make_sample
from .cox_newton import maximise
from .cox_sandwich import sandwich
from .riskset import RiskSet
from .roles import FollowUp
from .strata import Strata
from .working_units import PredictorRows, working_matrix


@dataclass(frozen=True, slots=True, eq=False)
class CoxModel:
    """What to fit.

    Attributes
    ----------
    predictors : of the rows that count
    follow : those rows
    risk : their risk sets, a stratum for each of `strata`
    coding : how other data would be coded for a prediction; None where there can be none
    offset : (n,) known part of the linear predictor
    ridge : penalty on each standardised coefficient
    tails : see `cox_likelihood.Tail`
    """

    predictors: PredictorRows
    follow: FollowUp
    risk: RiskSet
    coding: Coding | None
    strata: Strata = field(default_factory=Strata)
    efron: bool = True
    offset: FloatArray | None = None
    offset_column: str | None = None
    ridge: float = 0.0
    tails: tuple[Tail, ...] = ()
    name: str = "Cox"

    def fit(self, *, robust: bool) -> CoxFit:
        """The coefficients where the likelihood is largest; their covariance is the model's, or the sandwich."""
        follow = self.follow
        # About its mean, so that hundreds do not overflow: a constant in every hazard changes no ratio.
        centre = 0.0 if self.offset is None else float(np.average(self.offset, weights=follow.weight))
        with one_thread():
            x, mean, scale = working_matrix(self.predictors)
            sample = make_sample(
                x,
                follow.weight,
                self.risk,
                efron=self.efron,
                offset=None if self.offset is None else self.offset - centre,
                penalty=np.full(x.shape[1], self.ridge * len(x) / max(len(x) - 1, 1)),
                tails=self.tails,
            )
            top = maximise(sample, self.predictors.terms)
            naive = np.asarray(np.linalg.inv(top.slope.penalised), dtype=np.float64)
            working = sandwich(sample, top.point, naive, follow.clusters) if robust else naive
        return CoxFit(
            terms=self.predictors.terms,
            coefficients=top.point.beta / scale,
            covariance=working / np.outer(scale, scale),
            naive_covariance=naive / np.outer(scale, scale),
            loglik=top.point.loglik,
            loglik_null=top.loglik_null,
            score_statistic=top.score_statistic,
            iterations=top.iterations,
            ties="efron" if self.efron else "breslow",
            se_method=se_words(robust, follow.clusters),
            fitted=Fitted(
                sample=sample,
                point=top.point,
                slope=top.slope,
                mean=mean,
                scale=scale,
                follow=follow,
                coding=self.coding,
                strata=self.strata,
                offset_column=self.offset_column,
                offset_centre=centre,
            ),
            model=self.name,
            ridge=self.ridge,
        )


def se_words(robust: bool, clusters: Sequence[IntArray]) -> str:
    """Which variance it is, in words."""
    return ("robust", "robust, clustered", "robust, clustered two ways")[len(clusters)] if robust else "model"
