"""An interrupted time series: one series, before and after, and what it would have gone on to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, Columns, FloatArray
from ..core.errors import UsageError, choose
from ..core.results import NotEstimable, Shown, check_level, critical, tidy_frame
from ..core.results import exponentiate as to_ratios
from .interrupted_fit import (
    SeriesFit,
    first_autocorrelation,
    fit_series,
    ljung_box,
    read_times,
    segments,
    too_short,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Family = Literal["gaussian", "poisson", "negative binomial"]
Errors = Literal["calibrated", "newey-west"]
FAMILIES = ("gaussian", "poisson", "negative binomial")
ERRORS = ("calibrated", "newey-west")
SHORT = 8  # periods on a side under which trends are easily mistaken (Penfold and Zhang 2013)
STRONG = 0.6  # working autocorrelation beyond which intervals were measured to cover less than 93%
NO_SPREAD = 1e-20  # residual sum of squares, against the outcome's, that is rounding


@dataclass(frozen=True, slots=True, eq=False)
class Interrupted(Shown):
    """A segmented regression of one series.

    Attributes
    ----------
    terms : "(Intercept)", "trend before", "level change", "slope change" where asked for, then season
    fit : coefficients (p,) (on the log scale for counts) and what their errors are worked out from
    design : (T, p) predictors of each period; counterfactual : (T, p) the same without the interruption's terms
    observed, exposure : (T,) outcome, and ones where there is no exposure; after : (T,) whether the interruption has come
    times : T labels
    autocorrelation : of the residuals, at one period; ljung_box_p : of a test that there is none in the first few
    notes : what should be said beside the numbers
    """

    terms: tuple[str, ...]
    fit: SeriesFit = field(repr=False)
    design: FloatArray = field(repr=False)
    counterfactual: FloatArray = field(repr=False)
    observed: FloatArray = field(repr=False)
    exposure: FloatArray = field(repr=False)
    after: BoolArray = field(repr=False)
    times: tuple[Any, ...] = field(repr=False)
    family: str
    autocorrelation: float
    ljung_box_p: float
    notes: tuple[str, ...]

    @property
    def counts(self) -> bool:
        """Whether the outcome is a count, and the coefficients logs of ratios."""
        return self.family != "gaussian"

    def tidy(self, level: float = 0.95, *, exponentiate: bool = False) -> pd.DataFrame:
        """A row a term: in units of the outcome, or logs of ratios for counts (`exponentiate` for ratios)."""
        if exponentiate and not self.counts:
            raise UsageError(
                "exponentiate is for counts: the coefficients of family='gaussian' are no logarithms."
            )
        error, df = self.fit.errors(np.eye(len(self.terms)))
        frame = tidy_frame(self.terms, self.fit.beta, error, level=level, df=df).assign(df=df)
        return to_ratios(frame) if exponentiate else frame

    def path(self, level: float = 0.95) -> pd.DataFrame:
        """A row a period: time, observed, fitted, counterfactual, conf_low, conf_high (of the counterfactual's mean), after.

        Before the interruption the counterfactual is the fit. The interval is the chance in the line, not in single periods.
        """
        linear = self.counterfactual @ self.fit.beta
        error, df = self.fit.errors(self.counterfactual)
        half = critical(check_level(level), df) * error
        return pd.DataFrame(
            {
                "time": list(self.times),
                "observed": self.observed,
                "fitted": self._mean(self.design @ self.fit.beta),
                "counterfactual": self._mean(linear),
                "conf_low": self._mean(linear - half),
                "conf_high": self._mean(linear + half),
                "after": self.after,
            }
        )

    def effects(self, level: float = 0.95) -> pd.DataFrame:
        """What the interruption came to, in units of the outcome: `measure` "effect".

        Rows "in the last period" and "accumulated" (over all periods since the interruption), and with `measure` "share" the
        accumulated effect against the counterfactual's sum, where that is above 0. Fitted less counterfactual, with errors by the
        delta method; they are of the two lines, not of single periods.
        """
        beta, x, z = self.fit.beta, self.design[self.after], self.counterfactual[self.after]
        with_it, without = self._means(x @ beta), self._means(z @ beta)
        slope, flat = self._slopes(x, with_it), self._slopes(z, without)
        total, expected = float((with_it - without).sum()), float(without.sum())
        estimate = [float(with_it[-1] - without[-1]), total]
        gradient = [slope[-1] - flat[-1], (slope - flat).sum(axis=0)]
        names, measure = ["in the last period", "accumulated"], ["effect", "effect"]
        if expected > 0:
            estimate.append(total / expected)
            gradient.append((gradient[1] - total / expected * flat.sum(axis=0)) / expected)
            names, measure = [*names, "accumulated"], [*measure, "share"]
        error, df = self.fit.errors(np.array(gradient))
        frame = tidy_frame(names, estimate, error, level=level, df=df, leading={"measure": measure})
        return frame.assign(df=df)

    def glance(self) -> pd.DataFrame:
        """One row: size, the accumulated effect, and whether the residuals still depend on each other."""
        last = self.effects().iloc[1]
        return pd.DataFrame(
            {
                "family": [self.family],
                "n": [len(self.observed)],
                "n_before": [int((~self.after).sum())],
                "n_after": [int(self.after.sum())],
                "accumulated": [last["estimate"]],
                "conf_low": [last["conf_low"]],
                "conf_high": [last["conf_high"]],
                "se_method": ["Newey-West, calibrated" if self.fit.calibrated else "Newey-West"],
                "lags": [self.fit.lags],
                "theta": [self.fit.theta],
                "rho": [self.fit.rho],
                "autocorrelation": [self.autocorrelation],
                "ljung_box_p": [self.ljung_box_p],
                "notes": [" ".join(self.notes)],
            }
        )

    def plot(self, ax: Axes | None = None, *, title: str = "Observed", time_label: str = "Time") -> Axes:
        """The series, its fit, and what it would have gone on to be; takes and returns an Axes."""
        from ..core.draw.series import draw_series

        return draw_series(self.path(), ax, title=title, time_label=time_label)

    def alt_text(self, *, title: str = "Observed") -> str:
        """The picture in words, from the same numbers."""
        from ..core.draw.series import series_alt

        return series_alt(self.path(), title=title)

    def _mean(self, linear: FloatArray) -> FloatArray:
        return self.exposure * np.exp(linear) if self.counts else linear

    def _means(self, linear: FloatArray) -> FloatArray:
        return self.exposure[self.after] * np.exp(linear) if self.counts else linear

    def _slopes(self, x: FloatArray, mean: FloatArray) -> FloatArray:
        return x * mean[:, None] if self.counts else x


def interrupted_series(
    data: pd.DataFrame,
    outcome: str,
    *,
    time: str,
    interruption: Any,
    season: int | None = None,
    exposure: str | None = None,
    family: Family = "gaussian",
    lags: int | Literal["auto"] = "auto",
    slope: bool = True,
    errors: Errors = "calibrated",
) -> Interrupted | NotEstimable:
    r"""Change of level and of slope of one series at a known time.

    .. math:: g(E\,y_t) = \beta_0 + \beta_1 t + \beta_2 D_t + \beta_3 D_t (t - t_0) + \text{season}_t

    with :math:`D_t` 1 from the first period :math:`t_0` at or after the interruption, so that the level change is that of this
    period; g is the identity, or the logarithm for counts. One series has no control: whatever else happened at the time is in
    the estimate.

    Errors are Newey and West's (1987), which in short series are much too small: of 36 to 60 periods, 95% intervals of the
    textbook kind covered 67 to 90%. "calibrated" scales them to be right under an autoregression as strong as the residuals
    show, with matching degrees of freedom (:meth:`SeriesFit.errors`): 93 to 97%, and no less than 83% where dependence dies
    away more slowly than that.

    Parameters
    ----------
    data : DataFrame, one row a period, evenly spaced (days, weeks, months, quarters, years), in any order
    outcome : a number; whole and 0 or more for counts
    time : number or date; interruption : of the same kind, the first moment under the new regime
    season : periods in a year (12 for months): up to two pairs of sine and cosine (Bernal, Cummins and Gasparrini 2017)
    exposure : of counts, what they are out of (people, offences), above 0
    lags : of Newey and West; "auto" is the whole part of 4 (T/100)^(2/9) (Newey and West 1994)
    slope : whether the slope may change, too
    errors : "calibrated", or "newey-west" with the factor T/(T-p) and t on T-p degrees of freedom (normal for counts), for
        comparison with other software; longer than 600 periods the series has the latter

    Returns
    -------
    Interrupted
        `.tidy()`, `.effects()`, `.path()`, `.plot()`. Or NotEstimable, with its reason, where a side has too few periods.

    Raises
    ------
    UsageError, DataError
        An interruption of another kind than the times, periods missing or twice, counts that are none.

    References
    ----------
    Wagner and others (2002) Journal of Clinical Pharmacy and Therapeutics 27:299-309. Bernal, Cummins and Gasparrini (2017)
    International Journal of Epidemiology 46:348-355.
    """
    _check_options(family, season, exposure, lags)
    choose("errors", errors, ERRORS)
    take = Columns(data)
    counted = family != "gaussian"
    y = take.counts("outcome", outcome).astype(float) if counted else take.number("outcome", outcome)
    base = np.ones(len(data)) if exposure is None else take.number("exposure", exposure, above=0)
    place, labels, after = read_times(take, data, time, interruption)
    take.check()
    order = np.argsort(place, kind="stable")
    y, base, place, after = y[order], base[order], place[order], after[order]
    short = too_short(after, season, slope)
    if short:
        return NotEstimable("level change", short)
    x, terms = segments(place, after, season, slope)
    reach = None if lags == "auto" else int(lags)
    fit = fit_series(x, y, base, terms, family=family, lags=reach, calibrated=errors == "calibrated")
    if fit.residual @ fit.residual <= NO_SPREAD * (y @ y):
        return NotEstimable(
            "level change",
            "every period lies on the fitted lines, so there is no chance to estimate an error from.",
        )
    without = x.copy()
    without[:, [j for j, name in enumerate(terms) if name.endswith("change")]] = 0.0
    return Interrupted(
        terms=terms,
        fit=fit,
        design=x,
        counterfactual=without,
        observed=y,
        exposure=base,
        after=after,
        times=tuple(labels[k] for k in order),
        family=family,
        autocorrelation=first_autocorrelation(fit.residual),
        ljung_box_p=ljung_box(fit.residual),
        notes=_notes(after, fit.rho),
    )


def _check_options(family: str, season: object, exposure: object, lags: object) -> None:
    choose("family", family, FAMILIES)
    if season is not None and (isinstance(season, bool) or not isinstance(season, int) or season < 2):
        raise UsageError(
            f"season={season!r} must be the whole number of periods in a year, 2 or more, or None."
        )
    if lags != "auto" and (isinstance(lags, bool) or not isinstance(lags, int) or lags < 0):
        raise UsageError(f"lags={lags!r} must be 'auto' or a whole number from 0.")
    if exposure is not None and family == "gaussian":
        raise UsageError("exposure is for counts. With family='gaussian', divide the outcome by it first.")


def _notes(after: BoolArray, rho: float) -> tuple[str, ...]:
    before, since = int((~after).sum()), int(after.sum())
    said = []
    if min(before, since) < SHORT:
        said.append(
            f"{before} periods before and {since} after: with fewer than {SHORT} on a side a trend is easily mistaken."
        )
    if rho > STRONG:
        said.append(
            f"The series depends strongly on its own past (autocorrelation about {rho:.2f}), so a drift can look like an "
            "effect, and the intervals may be too narrow."
        )
    return tuple(said)
