"""Panel regressions: unit and time effects, with errors that hold for few clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, Columns, FloatArray, IntArray
from ..core.errors import DataError, UsageError, choose, rows_phrase
from ..core.formula import model_matrix
from ..core.results import HypothesisTest, NotEstimable, Shown, chi_square_test, tidy_frame
from . import panel_fit as fits
from .panel_errors import error_of

Effects = Literal["unit", "time", "two-way", "none"]
Method = Literal["within", "random", "between", "first-difference"]
Covariance = Literal["classical", "robust", "clustered", "driscoll-kraay"]
SmallSample = Literal["none", "CR0", "sss", "stata", "CR2"]
FEW = 4.0  # degrees of freedom under which Satterthwaite's t is not to be trusted (Tipton 2015)


@dataclass(frozen=True, slots=True, eq=False)
class PanelFit(Shown):
    """Coefficients of a panel regression.

    Attributes
    ----------
    terms : p names, "(Intercept)" first where the method has one
    coefficients : (p,); NaN where the effects leave nothing of a predictor
    covariance : (p, p) of the error asked for; classical : (p, p) under independent errors of one variance
    df : (p,) degrees of freedom of each coefficient's t
    reasons : of each term, why it has no estimate or no error; else ""
    n, n_units, n_periods, n_clusters : rows and groups that the regression is of (`n` differences or means, for those methods)
    sigma2 : variance of the errors, `scale` that of the rows regressed (the same but for random effects); sigma2_unit, theta : of random effects, theta the share of the mean taken out (its median, where
        units are of unequal length)
    f_effects : of a within fit, the F test that all effects are equal: statistic, its two degrees of freedom, p
    """

    terms: tuple[str, ...]
    coefficients: FloatArray
    covariance: FloatArray = field(repr=False)
    classical: FloatArray = field(repr=False)
    df: FloatArray = field(repr=False)
    reasons: tuple[str, ...] = field(repr=False)
    method: str
    effects: str
    se_method: str
    n: int
    n_units: int
    n_periods: int
    n_clusters: int
    df_resid: int
    sigma2: float
    scale: float = field(repr=False)
    r_squared: float
    f_effects: tuple[float, float, float, float] = field(repr=False)
    sigma2_unit: float = np.nan
    theta: float = np.nan

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """A row a term, with `df` and, where there is no estimate, no error or few degrees of freedom, the `reason`."""
        error = np.sqrt(np.diag(self.covariance))
        known = np.isfinite(self.df)
        frame = tidy_frame(
            self.terms, self.coefficients, error, level=level, df=np.where(known, self.df, np.inf)
        )
        return frame.assign(df=np.where(np.isfinite(error), self.df, np.nan), reason=list(self.reasons))

    def glance(self) -> pd.DataFrame:
        """One row: method, size, residual variance, fit, the test of the effects."""
        f, df1, df2, p = self.f_effects
        return pd.DataFrame(
            {
                "method": [self.method],
                "effects": [self.effects],
                "n": [self.n],
                "n_units": [self.n_units],
                "n_periods": [self.n_periods],
                "n_clusters": [self.n_clusters],
                "df_resid": [self.df_resid],
                "sigma2": [self.sigma2],
                "sigma2_unit": [self.sigma2_unit],
                "theta": [self.theta],
                "r_squared": [self.r_squared],
                "f_effects": [f],
                "f_effects_df1": [df1],
                "f_effects_df2": [df2],
                "f_effects_p": [p],
                "se_method": [self.se_method],
            }
        )


def panel_model(
    data: pd.DataFrame,
    outcome: str,
    *,
    unit: str,
    time: str,
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    effects: Effects = "unit",
    method: Method = "within",
    weights: str | None = None,
    cluster: str | Sequence[str] | None = None,
    covariance: Covariance | None = None,
    small_sample: SmallSample | None = None,
    lags: int | None = None,
) -> PanelFit:
    r"""Coefficients of :math:`y_{it} = x_{it}^\top\beta + \alpha_i + \lambda_t + \varepsilon_{it}`.

    Parameters
    ----------
    data : DataFrame, one row a unit and period, in any order; it need not be balanced
    outcome : a number
    unit, time : columns; the pair names a row. Times have an order, and those that occur are the periods.
    covariates, formula : one of the two, without an intercept
    effects : taken out by "within"; "none" pools the rows. For "random" and "between", "unit" or "time" says whose. A first
        difference has none to name: leave it at "unit".
    method : "within" (fixed effects), "random" (Swamy and Arora 1972), "between" (the units' means, each counting once) or
        "first-difference" (of consecutive periods, with an intercept: the common trend)
    weights : column, above 0; for "within" only
    cluster : "unit", "time", another column, or a list of two
    covariance : "classical", "robust" (unequal variances), "clustered" or "driscoll-kraay" (dependence between units and over
        `lags` periods); by default "clustered" where there is a cluster, else "classical"
    small_sample : of "robust" and "clustered". "CR2" (default with one cluster): bias-reduced, each coefficient with
        Satterthwaite's degrees of freedom, for few clusters; of "robust" it is HC2. "none" or "CR0": no correction.
        "sss": G/(G-1) (n-1)/(n-p), plm's. "stata" (default otherwise): the same, the effects counted in p; of "robust", HC1.
    lags : of Driscoll and Kraay; by default the fourth root of the number of periods, rounded down

    Returns
    -------
    PanelFit
        t on the residual degrees of freedom, on the clusters (periods) less one, or on Satterthwaite's. A predictor of which the
        effects leave nothing has a row with its reason and no number.

    Raises
    ------
    UsageError, DataError
        Options that do not go together; two rows of one unit and time; collinear terms, named; more terms than rows.

    References
    ----------
    Baltagi (2021) Econometric Analysis of Panel Data, chapters 2 and 3. Fitted by linearmodels; errors by our own sandwich, since
    its finite-sample factors are not those of plm, estimatr or clubSandwich.
    """
    fits.check_options(effects, method, weights, cluster, covariance, small_sample, lags)
    take = Columns(data)
    y = take.number("outcome", outcome)
    groups, clusters = _groups(take, data, unit, time, cluster)
    weight = take.weights("weights", weights)
    if weights is not None and (weight <= 0).any():
        take.problem(
            f"weights={weights!r} is not above 0 for {rows_phrase(np.flatnonzero(weight <= 0).tolist(), len(weight))}. "
            "Leave such rows out."
        )
    take.check()
    matrix = model_matrix(data, covariates=covariates, formula=formula)
    if not matrix.terms:
        raise UsageError("covariates names no column, so there is nothing to estimate.")
    panel = fits.Panel(y, np.asarray(matrix.values, float), matrix.terms, groups[0], groups[1], weight)
    kind = covariance or ("clustered" if cluster is not None else "classical")
    correction = small_sample or ("CR2" if len(clusters) == 1 else "stata")
    return fit_panel(panel, clusters, effects, method, kind, correction, lags)


def two_way_effects(
    data: pd.DataFrame,
    outcome: str,
    treatment: str,
    *,
    unit: str,
    time: str,
    covariates: Sequence[str] | None = None,
    weights: str | None = None,
    cluster: str | Sequence[str] | None = None,
) -> PanelFit:
    """The coefficient of a 0/1 treatment beside unit and time effects: the static two-way estimate.

    Never to be shown alone. Where units start at different times it averages, with weights nobody chose, comparisons of which some
    take units already treated as controls; if effects grow or differ, it can lie outside all of them, even have the wrong sign. Show
    it beside :func:`difference_in_differences`, whose estimate is the headline, with :func:`bacon`, which says what it averaged.

    Parameters
    ----------
    treatment : 0/1 column, 1 in the rows of a unit under treatment
    cluster : by default the unit; the error is the bias-reduced one (CR2), t with Satterthwaite's degrees of freedom, and of two
        clusters the two-way sandwich

    Returns
    -------
    PanelFit
        The first row is the treatment. It has no error, and says why, where it changes in fewer than two clusters: one cluster's
        own chance cannot be told from the effect.

    References
    ----------
    Goodman-Bacon (2021) Journal of Econometrics 225:254-277. de Chaisemartin and D'Haultfoeuille (2020) American Economic Review
    110:2964-2996.
    """
    take = Columns(data)
    treated = take.binary("treatment", treatment)
    others = list(covariates or ())
    if treatment in others:
        take.problem(f"covariates names the treatment {treatment!r}, too. Leave it out.")
    _, clusters = _groups(take, data, unit, time, "unit" if cluster is None else cluster)
    take.check()
    numeric = data.assign(**{treatment: treated.astype(float)})
    fit = panel_model(
        numeric,
        outcome,
        unit=unit,
        time=time,
        covariates=[treatment, *others],
        effects="two-way",
        weights=weights,
        cluster="unit" if cluster is None else cluster,
    )
    starting = min(_changed(treated, codes) for codes in clusters)
    if np.isnan(fit.coefficients[0]) or starting > 1:
        return fit
    return _without_error(
        fit,
        f"the treatment changes in {starting} cluster{'s' * (starting != 1)}: with fewer than two, that cluster's own "
        "chance cannot be told from the effect",
    )


def hausman(
    fixed: PanelFit, random: PanelFit, *, variance: Literal["own", "common"] = "own"
) -> HypothesisTest | NotEstimable:
    r"""Hausman's test that the effects are unrelated to the predictors, so that random effects are consistent, too.

    .. math:: H = (b_F - b_R)^\top (V_F - V_R)^{-1} (b_F - b_R) \sim \chi^2_p

    over the coefficients both have, with classical covariances (Hausman 1978 Econometrica 46:1251-1271, eq. 3.1).

    Parameters
    ----------
    variance : "own", each covariance as it is (plm::phtest); V_F - V_R need then not be positive definite, which the test's name
        says, and H is a rough guide. "common" scales both by the residual variance of the random-effects fit, and is then the
        one to go by (Wooldridge 2010 Econometric Analysis of Cross Section and Panel Data, section 10.7.3).

    Returns
    -------
    HypothesisTest, or NotEstimable where H is not above 0
    """
    choose("variance", variance, ("own", "common"))
    problems = []
    if fixed.method != "within" or random.method != "random":
        problems.append("hausman takes a fit of method='within' and then one of method='random'.")
    if fixed.effects != random.effects:
        problems.append(f"the fits are of different effects: {fixed.effects!r} and {random.effects!r}.")
    if fixed.n != random.n:
        problems.append(f"the fits are of different rows: {fixed.n} and {random.n}.")
    if problems:
        raise UsageError(problems)
    here = [t for t, b in zip(fixed.terms, fixed.coefficients) if t in random.terms and np.isfinite(b)]
    if not here:
        raise UsageError("the two fits have no coefficient in common.")
    f, r = (np.array([fit.terms.index(t) for t in here]) for fit in (fixed, random))
    gap = fixed.coefficients[f] - random.coefficients[r]
    factor = random.scale / fixed.scale if variance == "common" else 1.0
    spread = factor * fixed.classical[np.ix_(f, f)] - random.classical[np.ix_(r, r)]
    size = np.sqrt(np.diag(fixed.classical)[f])
    roots = np.linalg.eigvalsh(spread / np.outer(size, size))
    statistic = float(gap @ np.linalg.solve(spread, gap)) if np.abs(roots).min() > 1e-12 else np.nan
    if not statistic > 0:
        return NotEstimable(
            "Hausman",
            f"the difference of the two covariances is not positive definite and the statistic is {statistic:.6g}, which no "
            "chi-square can be (plm::phtest prints its size). Take variance='common'.",
        )
    doubt = " (the difference of the covariances is not positive definite: go by variance='common')"
    name = f"Hausman's test of fixed against random effects{doubt if roots[0] < 0 else ''}"
    return chi_square_test(["Hausman"], statistic, float(len(f)), name)


def fit_panel(
    panel: fits.Panel,
    clusters: Sequence[IntArray],
    effects: str,
    method: str,
    kind: str,
    correction: str,
    lags: int | None,
) -> PanelFit:
    """The fit of checked arrays; clusters are (n,) codes. The options are those of `panel_model`."""
    kept = np.ones(panel.x.shape[1], bool)
    if method in ("within", "first-difference"):
        kept = ~fits.nothing_left(fits.regression(panel, method, effects), panel)
        if not kept.any():
            raise DataError(
                f"method={method!r}, effects={effects!r} leave nothing of {list(panel.terms)}: none of them varies "
                "beside the effects. Take fewer effects or other covariates."
            )
    used = panel.only(kept)
    library = None
    if method == "random":
        fits.refuse_collinear(fits.pooled(used))
        library = fits.library_fit(used, method, effects)
        regression = fits.quasi_demeaned(used, effects, library.theta.to_numpy(float).ravel())
    else:
        regression = fits.regression(used, method, effects)
    fits.refuse_collinear(regression)
    library = library or fits.library_fit(used, method, effects)
    beta = np.asarray(library.params, float)
    residual = regression.y - regression.x @ beta
    rss = float(residual @ residual)
    classical = np.asarray(rss / regression.df_resid * np.linalg.inv(regression.x.T @ regression.x))
    error = error_of(used, regression, residual, clusters, effects, kind, correction, lags)
    covariance = classical if error.covariance is None else error.covariance
    place = np.append(np.ones(int(regression.intercept), bool), kept)
    names = ("(Intercept)", *panel.terms) if regression.intercept else panel.terms
    f = library.f_pooled if regression.absorbed else None
    random = method == "random"
    return PanelFit(
        terms=names,
        coefficients=fits.widened(beta, place),
        covariance=fits.widened(covariance, place),
        classical=fits.widened(classical, place),
        df=fits.widened(error.df, place),
        reasons=_reasons(place, error.df, method, effects, satterthwaite="CR2" in error.words),
        method="pooled" if (method, effects) == ("within", "none") else method,
        effects=effects,
        se_method=error.words,
        n=len(regression.y),
        n_units=len(np.unique(panel.unit[regression.rows])),
        n_periods=len(np.unique(panel.time[regression.rows])),
        n_clusters=error.groups,
        df_resid=regression.df_resid,
        sigma2=float(library.variance_decomposition["Residual"]) if random else rss / regression.df_resid,
        scale=rss / regression.df_resid,
        r_squared=1 - rss / regression.total(),
        f_effects=(f.stat, f.df, f.df_denom, f.pval) if f is not None else (np.nan,) * 4,
        sigma2_unit=float(library.variance_decomposition["Effects"]) if random else np.nan,
        theta=float(library.theta.to_numpy(float).mean()) if random else np.nan,
    )


def _reasons(
    place: BoolArray, df: FloatArray, method: str, effects: str, *, satterthwaite: bool
) -> tuple[str, ...]:
    """Why a term has no number, or one to be doubted; place (p,) is whether it has one."""
    gone = f"method={method!r} with effects={effects!r} leaves nothing of it"
    weak = [
        f"only {d:.1f} degrees of freedom bear on it: under {FEW:g} its interval is not to be trusted"
        if satterthwaite and not d >= FEW
        else ""
        for d in df
    ]
    said = iter(weak)
    return tuple(next(said) if here else gone for here in place)


def _groups(
    take: Columns, data: pd.DataFrame, unit: str, time: str, cluster: str | Sequence[str] | None
) -> tuple[tuple[IntArray, IntArray], list[IntArray]]:
    """Codes (n,) of unit and time, and of each cluster, with what is wrong noted in `take`."""
    i, t = take.labels("unit", unit)[0], take.labels("time", time)[0]
    twice = np.flatnonzero(pd.DataFrame({"i": i, "t": t}).duplicated(keep=False).to_numpy())
    if len(twice) and {unit, time} <= set(data.columns):
        take.problem(
            f"unit={unit!r} and time={time!r} are the same for {rows_phrase(twice.tolist(), len(data))}. "
            "Add such rows up, or correct the extract."
        )
    names = [cluster] if isinstance(cluster, str) else list(cluster or ())
    if len(names) > 2:
        raise UsageError(f"cluster names {len(names)} columns; at most two are supported.")
    clusters = []
    for name in names:
        role = {"unit": unit, "time": time}.get(name, name)
        if role != name and name in data.columns:
            take.problem(
                f"cluster={name!r} could be the column of that name or {role!r}. Name {role!r}, or rename the column."
            )
        codes = take.labels("cluster", role)[0]
        if len(data) and codes.max() == 0 and role in data.columns:
            take.problem(f"cluster={role!r} is the same in every row: an error needs two clusters at least.")
        clusters.append(codes)
    return (i, t), clusters


def _changed(treated: BoolArray, codes: IntArray) -> int:
    """In how many groups the treatment changes."""
    share = np.bincount(codes, treated) / np.bincount(codes)
    return int(((share > 0) & (share < 1)).sum())


def _without_error(fit: PanelFit, reason: str) -> PanelFit:
    """The fit whose first coefficient has no error, and why."""
    covariance = fit.covariance.copy()
    covariance[0, :] = covariance[:, 0] = np.nan
    return replace(fit, covariance=covariance, reasons=(reason, *fit.reasons[1:]))
