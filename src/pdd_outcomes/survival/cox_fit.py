"""The result of a Cox regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import pandas as pd
from scipy import special

from ..core.columns import Columns, FloatArray
from ..core.errors import UsageError, choose
from ..core.formula import Coding
from ..core.results import HypothesisTest, Shown, check_level, chi_square_test, tidy_frame
from ..core.results import exponentiate as to_ratios
from ..core.sandwich import two_way
from ..core.times import asked_times
from .concordance import concordance_index
from .cox_likelihood import Point, Sample, Slope, likelihood, slope
from .cox_predict import HazardSteps, cumulative_hazard, hazard_steps
from .cox_residuals import deviance_residuals, martingale_residuals, schoenfeld_residuals, score_residuals
from .cox_sandwich import score_meat
from .cox_smooth import at_least_two, schoenfeld_smooth
from .curve_intervals import ConfType, check_conf_type, survival_interval
from .ph_test import TRANSFORMS, Transform, ph_statistics, time_scale
from .riskset import snap
from .roles import FollowUp
from .strata import Strata

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RowKind = Literal["martingale", "deviance", "cox-snell"]
TermKind = Literal["score", "schoenfeld", "scaled schoenfeld", "dfbeta", "dfbetas", "partial"]
_BY_ROW: tuple[str, ...] = ("martingale", "deviance", "cox-snell")
_BY_TERM: tuple[str, ...] = ("score", "schoenfeld", "scaled schoenfeld", "dfbeta", "dfbetas", "partial")
KINDS = _BY_ROW + _BY_TERM


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """The arrays a fit was made of, in working units; see `cox_likelihood`."""

    sample: Sample
    point: Point
    slope: Slope
    mean: FloatArray
    scale: FloatArray
    follow: FollowUp
    coding: Coding | None
    strata: Strata
    offset_column: str | None
    offset_centre: float


@dataclass(frozen=True, slots=True, eq=False)
class CoxFit(Shown):
    """Log hazard ratios, and what can be asked of the model that gave them.

    Attributes
    ----------
    terms : names of the p terms
    coefficients : (p,) log hazard ratios
    covariance : (p, p), robust where asked for; naive_covariance : (p, p), the inverse information
    loglik, loglik_null : partial log likelihood at the coefficients and at 0
    score_statistic : of the score test against 0
    se_method : which variance `covariance` is
    model : "Cox" or "Fine-Gray"; ridge : the penalty on each standardised coefficient
    """

    terms: tuple[str, ...]
    coefficients: FloatArray
    covariance: FloatArray = field(repr=False)
    naive_covariance: FloatArray = field(repr=False)
    loglik: float
    loglik_null: float
    score_statistic: float
    iterations: int
    ties: str
    se_method: str
    fitted: Fitted = field(repr=False)
    model: str = "Cox"
    ridge: float = 0.0

    def tidy(self, level: float = 0.95, *, exponentiate: bool = False) -> pd.DataFrame:
        """A row a term: log hazard ratios, or with `exponentiate` hazard ratios (std_error stays on the log scale)."""
        frame = tidy_frame(self.terms, self.coefficients, np.sqrt(np.diag(self.covariance)), level=level)
        return to_ratios(frame) if exponentiate else frame

    def glance(self) -> pd.DataFrame:
        """One row: size, likelihoods, the four tests against no effect, and concordance with its standard error.

        `score_robust` is the score test with a clustered variance; it is empty where the variance is the model's.
        With fewer clusters than terms a joint test has no meaning, and is empty.
        """
        follow, df = self.fitted.follow, self._degrees_of_freedom()
        tests = {
            "lr": 2 * (self.loglik - self.loglik_null),
            "wald": _joint(self.coefficients, self.covariance),
            "score": self.score_statistic,
            "score_robust": self._robust_score() if self.se_method.startswith("robust") else np.nan,
        }
        index, error = concordance_index(
            self.linear_predictor,
            follow.time,
            follow.event,
            entry=follow.entry,
            strata=self.fitted.sample.risk.row_stratum,
            weight=follow.weight,
            clusters=follow.clusters,
        )
        row: dict[str, Any] = {
            "model": self.model,
            "n": len(follow.row),
            "events": int(follow.event.sum()),
            "loglik": self.loglik,
            "loglik_null": self.loglik_null,
            "df": df,
        }
        for name, value in tests.items():
            row[f"{name}_statistic"], row[f"{name}_p_value"] = value, float(special.chdtrc(df, value))
        row |= {
            "concordance": index,
            "concordance_std_error": error,
            "ties": self.ties,
            "se_method": self.se_method,
            "iterations": self.iterations,
        }
        return pd.DataFrame([row])

    @property
    def linear_predictor(self) -> FloatArray:
        """Log hazard of each row that counts against one with mean covariates, offset included: (n,)."""
        sample = self.fitted.sample
        eta = sample.x @ self.fitted.point.beta
        return np.asarray(eta + sample.offset + self.fitted.offset_centre if len(sample.offset) else eta)

    def with_covariance(self, covariance: FloatArray, se_method: str = "given") -> CoxFit:
        """The same fit with another covariance (p, p) of its coefficients, such as a bootstrap's."""
        given = np.asarray(covariance, float)
        if given.shape != self.covariance.shape or not np.allclose(given, given.T):
            raise UsageError(f"covariance must be a symmetric {len(self.terms)} by {len(self.terms)} array.")
        return replace(self, covariance=given, se_method=se_method)

    def ph_test(self, transform: Transform = "km") -> HypothesisTest:
        """Test that each hazard ratio does not change over time: a row a term, then GLOBAL.

        `transform` is the scale of time along which a change is looked for: "km", "rank", "identity"
        or "log" (see `ph_test.time_scale`). The variance is the model's, as in R's cox.zph.
        """
        choose("transform", transform, TRANSFORMS)
        f = self.fitted
        g = time_scale(transform, f.follow.time, f.follow.event, f.follow.entry, f.sample.risk.time)
        single, together = ph_statistics(f.sample, f.point, f.slope, g)
        df = np.append(np.ones(len(single)), float(len(single)))
        name = f"Grambsch-Therneau test of proportional hazards ({transform})"
        return chi_square_test([*self.terms, "GLOBAL"], np.append(single, together), df, name)

    @overload
    def residuals(self, kind: RowKind) -> pd.Series[float]: ...
    @overload
    def residuals(self, kind: TermKind) -> pd.DataFrame: ...
    def residuals(self, kind: RowKind | TermKind = "martingale") -> pd.Series[float] | pd.DataFrame:
        """Residuals of the rows, in the order of the data; the index is the row's position in it.

        A row of weight 0 has none. Schoenfeld residuals are of the rows with an event only.

        Parameters
        ----------
        kind : "martingale", "deviance", "cox-snell" (a Series); "score", "schoenfeld", "scaled schoenfeld", "dfbeta",
            "dfbetas", "partial" (a DataFrame, a column a term). Only dfbeta and dfbetas carry the weights: dfbeta's rows
            are what each adds to the coefficients' error, and their sum of squares over clusters is the robust
            covariance; dfbetas are in model standard errors. "cox-snell" is the cumulative hazard each row met;
            "partial" the martingale residual plus the term's own part of the linear predictor, centred unless 0/1 (as in R).
        """
        choose("kind", kind, KINDS)
        f = self.fitted
        if kind in _BY_ROW:
            if kind == "deviance":
                found = deviance_residuals(f.sample, f.point)
            else:
                found = martingale_residuals(f.sample, f.point)
                found = f.follow.event - found if kind == "cox-snell" else found
            return pd.Series(found, index=f.follow.row, name=kind)
        rows = f.follow.row
        if kind in ("score", "dfbeta", "dfbetas"):
            values = score_residuals(f.sample, f.point)
            values = values * f.scale if kind == "score" else self._dfbeta(values)
            if kind == "dfbetas":
                values = values / np.sqrt(np.diag(self.naive_covariance))
        elif kind == "partial":
            raw = f.sample.x * f.scale + f.mean
            plain = np.isin(np.round(raw, 9), (-1.0, 0.0, 1.0)).all(axis=0)
            own = np.where(plain, raw, raw - f.mean) * self.coefficients
            values = own + martingale_residuals(f.sample, f.point)[:, None]
        else:
            rows = rows[f.follow.event]
            values = schoenfeld_residuals(f.sample, f.point) * f.scale
            if kind == "scaled schoenfeld":
                values = values @ self.naive_covariance * len(values) + self.coefficients
        return pd.DataFrame(values, index=rows, columns=list(self.terms))

    def baseline(
        self, *, centered: bool = False, level: float = 0.95, conf_type: ConfType = "log"
    ) -> pd.DataFrame:
        """Cumulative hazard and survival where every covariate is 0, or with `centered` at its mean; any offset is 0.

        A row for every time at which someone's follow-up ends, by stratum: stratum, time,
        cumulative_hazard, std_error (of the hazard), survival, conf_low, conf_high (of survival).
        """
        conf_type, level = check_conf_type(conf_type), check_level(level)
        f = self.fitted
        z = np.zeros(len(self.terms)) if centered else -f.mean / f.scale
        parts = []
        order = np.argsort(f.sample.risk.row_stratum, kind="stable")
        edges = np.searchsorted(f.sample.risk.row_stratum[order], np.arange(len(f.strata.keys) + 1))
        for k, label in enumerate(f.strata.labels):
            steps = self._steps(k)
            times = np.unique(snap(f.follow.time[order[edges[k] : edges[k + 1]]], steps.time))
            value, error = self._hazard(steps, z[None, :], np.zeros(1), times)
            survival = np.exp(-value[0])
            low, high = survival_interval(survival, survival * error[0], conf_type, level)
            parts.append(
                pd.DataFrame(
                    {
                        "stratum": label,
                        "time": times,
                        "cumulative_hazard": value[0],
                        "std_error": error[0],
                        "survival": survival,
                        "conf_low": low,
                        "conf_high": high,
                    }
                )
            )
        return pd.concat(parts, ignore_index=True)

    def predict_survival(
        self,
        data: pd.DataFrame,
        times: float | Sequence[float] | FloatArray,
        *,
        level: float = 0.95,
        conf_type: ConfType = "log",
    ) -> pd.DataFrame:
        """Probability that people with given covariates have not had the event by each time.

        Parameters
        ----------
        data : DataFrame with the model's covariates (and strata columns, and offset); its levels must be known ones
        times : (k,) array, none missing; after the last observed time of a stratum the estimate is NaN
        conf_type : "log" (R's default for a Cox curve), "log-log" or "plain"

        Returns
        -------
        DataFrame
            row (position in `data`), time, estimate, std_error, conf_low, conf_high.
        """
        f = self.fitted
        at = asked_times(times)
        scale, level = check_conf_type(conf_type), check_level(level)
        if f.coding is None:
            raise UsageError(
                "A model whose coefficients change over time has no one row of covariates to predict from. "
                "Fit it without time_interactions, or stratify."
            )
        z = (f.coding.apply(data) - f.mean) / f.scale
        strata, offset = f.strata.places(data), self._offset_of(data)
        value, error = np.empty((len(data), len(at))), np.empty((len(data), len(at)))
        for k in np.unique(strata).tolist():
            here = strata == k
            value[here], error[here] = self._hazard(self._steps(k), z[here], offset[here], at)
        survival = np.exp(-value).ravel()
        std_error = survival * error.ravel()
        low, high = survival_interval(survival, std_error, scale, level)
        return pd.DataFrame(
            {
                "row": np.repeat(np.arange(len(data)), len(at)),
                "time": np.tile(at, len(data)),
                "estimate": survival,
                "std_error": std_error,
                "conf_low": low,
                "conf_high": high,
            }
        )

    def hazard_ratio_over_time(
        self, term: str, *, transform: Transform = "km", df: int = 4, level: float = 0.95
    ) -> pd.DataFrame:
        """One term's hazard ratio at times across follow-up: its scaled Schoenfeld residuals, smoothed.

        A level line says that one hazard ratio does for all times; see `ph_test` for the test. Columns are time,
        estimate, conf_low, conf_high; `transform` is the time scale on which the spline of `df` degrees of freedom lies.
        """
        when, residual, scale = self._schoenfeld_of(term, transform)
        variance = self.naive_covariance[self.terms.index(term), self.terms.index(term)] * len(residual)
        smooth = schoenfeld_smooth(
            when, scale, residual, variance, df=at_least_two(df), level=check_level(level)
        )
        return smooth.assign(**{c: np.exp(smooth[c]) for c in ("estimate", "conf_low", "conf_high")})

    def plot_over_time(
        self,
        term: str,
        ax: Axes | None = None,
        *,
        transform: Transform = "km",
        df: int = 4,
        points: bool = False,
        time_label: str = "Time",
    ) -> Axes:
        """`hazard_ratio_over_time` as a line with its band; `points` adds each event's residual. Returns the Axes."""
        from ..core.draw.over_time import draw_over_time

        frame = self.hazard_ratio_over_time(term, transform=transform, df=df)
        when, residual, _ = self._schoenfeld_of(term, transform)
        with np.errstate(over="ignore"):
            dots = pd.DataFrame({"time": when, "value": np.exp(residual)}) if points else None
        title = f"Hazard ratio of {term}"
        return draw_over_time(frame, ax, title=title, time_label=time_label, null=1.0, log=True, points=dots)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Forest plot of the hazard ratios; takes and returns a matplotlib Axes."""
        from ..core.draw.forest import draw_forest

        return draw_forest(self._forest(), ax, measure="Hazard ratio")

    def alt_text(self, term: str | None = None) -> str:
        """The forest plot in words or, of one term, its hazard ratio over time."""
        from ..core.draw.forest import forest_alt
        from ..core.draw.over_time import over_time_alt

        if term is None:
            return forest_alt(self._forest())
        return over_time_alt(self.hazard_ratio_over_time(term), title=f"Hazard ratio of {term}", null=1.0)

    def _forest(self) -> pd.DataFrame:
        return self.tidy(exponentiate=True).rename(columns={"term": "label"}).assign(kind="study")

    def _schoenfeld_of(self, term: str, transform: Transform) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Time, scaled Schoenfeld residual and g(time) of each event, for one term: (events,) each."""
        choose("term", term, self.terms)
        choose("transform", transform, TRANSFORMS)
        follow = self.fitted.follow
        when = follow.time[follow.event]
        g = time_scale(transform, follow.time, follow.event, follow.entry, when)
        return when, self.residuals("scaled schoenfeld")[term].to_numpy(dtype=float), g

    def _offset_of(self, data: pd.DataFrame) -> FloatArray:
        """The known part of the log hazard of other rows (n,): nought where the model has none."""
        name = self.fitted.offset_column
        take = Columns(data)
        known = np.zeros(len(data)) if name is None else take.number("offset", name)
        take.check()
        return known

    def _steps(self, stratum: int) -> HazardSteps:
        return hazard_steps(self.fitted.sample, self.fitted.point, stratum)

    def _hazard(
        self, steps: HazardSteps, z: FloatArray, offset: FloatArray, at: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        f = self.fitted
        eta = z @ f.point.beta + offset - f.offset_centre
        return cumulative_hazard(steps, z, eta, self.covariance * np.outer(f.scale, f.scale), at)

    def _dfbeta(self, score: FloatArray) -> FloatArray:
        f = self.fitted
        working = self.naive_covariance * np.outer(f.scale, f.scale)
        return np.asarray(f.follow.weight[:, None] * (score @ working) / f.scale)

    def _degrees_of_freedom(self) -> float:
        """The number of terms; with a ridge, the trace of the information times the inverse of the penalised one."""
        here = self.fitted.slope
        if not self.ridge:
            return len(self.terms)
        return float(np.trace(np.linalg.solve(here.penalised, here.information)))

    def _robust_score(self) -> float:
        """Lin and Wei's score test at 0: the summed score against the sum of its clusters' squares."""
        f = self.fitted
        null = likelihood(f.sample, np.zeros(len(self.terms)))
        meats = score_meat(f.sample, null, f.follow.clusters)
        return _joint(slope(f.sample, null).score, meats[0] if len(meats) == 1 else two_way(*meats))


def _joint(values: FloatArray, covariance: FloatArray) -> float:
    """Chi-square of values (p,) together; NaN where the covariance is singular, as with fewer clusters than terms."""
    scale = np.sqrt(np.diag(covariance))
    if (scale == 0).any():
        return float("nan")
    alike, standard = covariance / np.outer(scale, scale), values / scale
    return float(standard @ np.linalg.solve(alike, standard)) if np.linalg.cond(alike) < 1e12 else float("nan")
