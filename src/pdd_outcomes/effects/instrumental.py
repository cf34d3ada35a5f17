"""The effect of a treatment through instruments: two-stage least squares, LIML, and what the instruments can bear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

from ..core.columns import Columns, FloatArray, dense_codes
from ..core.errors import DataError, UsageError, choose
from ..core.formula import covariate_matrix, model_matrix
from ..core.results import HypothesisTest, NotEstimable, Shown, check_level
from . import weak_instruments as weak
from .certainty import ALIKE, NOUGHT

FEW_CLUSTERS = 40
STRENGTH = ("partial_f", "robust_f", "effective_f", "critical", "partial_r2", "weak")  # of a glance
TESTS = ("term", "statistic", "df1", "df2", "p_value", "critical")
_Test = tuple[str, float, float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Instrumental(Shown):
    """An instrumental-variable estimate with what it stands on.

    Attributes
    ----------
    terms : k names: "(Intercept)", the treatment, the covariates; coefficients : (k,); covariance : (k, k); df : of t
    treatment, outcome : columns; instruments : terms of the instruments
    method : "2sls" or "liml"; kappa : 1 for two-stage least squares, LIML's smallest root else
    errors : how the standard errors were reckoned, in words; sigma : residual standard deviation on n - k
    strength : the first stage's F statistics and partial R squared
    """

    terms: tuple[str, ...]
    coefficients: FloatArray
    covariance: FloatArray = field(repr=False)
    df: int
    outcome: str
    treatment: str
    instruments: tuple[str, ...]
    method: str
    kappa: float
    errors: str
    sigma: float
    n: int
    n_clusters: int | None
    strength: weak.Strength
    level: float
    stages: weak.Regression = field(repr=False)  # on instruments and covariates: outcome, then treatment
    naive: weak.Regression = field(repr=False)  # least squares of the outcome on treatment and covariates
    weak_robust: weak.AndersonRubin = field(repr=False)
    tests: pd.DataFrame = field(repr=False)

    @property
    def headline(self) -> str:
        """The interval to report: "Wald", or "Anderson-Rubin" where the instruments are weak."""
        return "Anderson-Rubin" if self.strength.weak else "Wald"

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader must be told, in sentences."""
        s, said = self.strength, []
        if s.weak:
            said.append(
                f"Weak instruments: F is {s.partial_f:.1f} and the effective F {s.effective_f:.1f}, where {s.critical:.1f} is "
                "wanted. The estimate leans towards that of least squares and its Wald interval is misplaced or too narrow; "
                f"report the Anderson-Rubin set. {self.anderson_rubin()[1]}"
            )
        if self.n_clusters is not None and self.n_clusters < FEW_CLUSTERS:
            said.append(f"Only {self.n_clusters} clusters: intervals may be too narrow.")
        p = float(self.tests["p_value"].to_numpy()[-2])
        if p < 0.05:
            why = "one of them is not valid, or they move people whose effects differ"
            said.append(f"The instruments disagree (overidentification test, p = {p:.2g}): {why}.")
        return tuple(said)

    def tidy(self, level: float | None = None) -> pd.DataFrame:
        """Standard rows and `interval`, which names the kind of interval.

        Where the instruments are weak the treatment's p-value and limits are Anderson-Rubin's, and `reason` says why no
        Wald interval is given; a set that is not one interval has no limits here and stands in `reason`.
        """
        wanted = self._level(level)
        fit = weak.Regression(self.terms, self.coefficients[:, None], self.covariance, self.df)
        frame = fit.tidy(0, wanted).assign(interval="Wald", reason="")
        if not self.strength.weak:
            return frame
        found, words = self.anderson_rubin(wanted)
        low, high = found[0] if len(found) == 1 else (np.nan, np.nan)
        row: dict[str, Any] = {"statistic": np.nan, "p_value": self.weak_robust.p_value()}
        row |= {
            "conf_low": low,
            "conf_high": high,
            "interval": "Anderson-Rubin",
            "reason": f"weak instruments: {words}",
        }
        for column, value in row.items():
            frame.loc[1, column] = value  # the intercept is first, the treatment second
        return frame

    def glance(self) -> pd.DataFrame:
        """One row: the effect with the interval to report, the first stage, and the Anderson-Rubin set in words."""
        row: dict[str, Any] = {str(k): v for k, v in self.tidy().iloc[1].drop(["statistic", "reason"]).items()}
        row |= {name: getattr(self, name) for name in ("method", "errors", "n", "n_clusters")}
        row |= {name: getattr(self.strength, name) for name in STRENGTH}
        return pd.DataFrame([{**row, "anderson_rubin": self.anderson_rubin()[1]}])

    def first_stage(self, level: float | None = None) -> pd.DataFrame:
        """Standard rows of least squares of the treatment on the instruments and covariates."""
        return self.stages.tidy(1, self._level(level))

    def reduced_form(self, level: float | None = None) -> pd.DataFrame:
        """Standard rows of least squares of the outcome on the instruments and covariates."""
        return self.stages.tidy(0, self._level(level))

    def least_squares(self, level: float | None = None) -> pd.DataFrame:
        """Standard rows of least squares of the outcome on the treatment and covariates, as if there were no selection."""
        return self.naive.tidy(0, self._level(level))

    def anderson_rubin(self, level: float | None = None) -> tuple[list[tuple[float, float]], str]:
        """The effects that the Anderson-Rubin test does not reject, as closed intervals, and the set in words.

        The set holds its level however weak the instruments are. It may be empty, one interval, two rays or everything.
        """
        wanted = self._level(level)
        found = self.weak_robust.intervals(wanted)
        return found, weak.set_in_words(found, wanted)

    def diagnostics(self) -> HypothesisTest:
        """Tests of the instruments, a row each.

        Weak instruments (F), Wu-Hausman (F), Sargan (chi-square), as R's `ivreg` has them; under a sandwich the robust
        form of each beside it (of Sargan's, Wooldridge's score test); the Anderson-Rubin test of no effect. `detail` has
        both degrees of freedom, and the effective F with its critical value. A test that cannot be had is NaN.
        """
        table = self.tests
        statistic, df, p = (table[c].to_numpy(float) for c in ("statistic", "df1", "p_value"))
        return HypothesisTest(tuple(table["term"]), statistic, df, p, "tests of the instruments", table)

    def _level(self, level: float | None) -> float:
        return self.level if level is None else check_level(level)


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """What is fitted: y, d (n,), z (n, q), w (n, p) with the intercept first, all times the root of the weights."""

    y: FloatArray
    d: FloatArray
    z: FloatArray
    w: FloatArray
    z_terms: tuple[str, ...]
    w_terms: tuple[str, ...]
    outcome: str
    treatment: str
    errors: weak.Errors

    @property
    def spare(self) -> int:
        """Rows less instruments, covariates and intercept."""
        return int(len(self.y) - self.z.shape[1] - self.w.shape[1])


def instrumental(
    data: pd.DataFrame,
    outcome: str,
    treatment: str,
    instruments: str | Sequence[str],
    *,
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    method: Literal["2sls", "liml"] = "2sls",
    covariance: Literal["robust", "classical"] = "robust",
    small_sample: Literal["none", "HC0", "HC1", "HC2"] = "HC1",
    weights: str | None = None,
    cluster: str | Sequence[str] | None = None,
    level: float = 0.95,
) -> Instrumental | NotEstimable:
    r"""Effect of a treatment on an outcome through instruments that move only the treatment.

    .. math:: \hat\beta = \{X^\top (I - \kappa M_Z) X\}^{-1} X^\top (I - \kappa M_Z) y, \qquad
              V = A^{-1} \Big(\sum_g s_g s_g^\top\Big) A^{-1}, \quad s_i = \hat x_i (y_i - x_i^\top\hat\beta)

    with :math:`\kappa = 1` for two-stage least squares and the smallest root for LIML, :math:`A = X^\top(I-\kappa M_Z)X`
    and :math:`\hat X` the projection of X on instruments and covariates. linearmodels' `IV2SLS` and `IVLIML` solve it after
    the covariates are partialled out. Where the effect differs between people, one 0/1 instrument gives the mean effect in
    those whom it moves (Imbens and Angrist 1994), and several a weighted mean of such effects.

    Parameters
    ----------
    outcome, treatment : columns of numbers (0/1 among them)
    instruments : one column or several, such as `leave_one_out_leniency`; labels have a 0/1 column for each level but one
    covariates, formula : what is held fixed in both stages; what the instrument was drawn within belongs here
    covariance : "robust" (sandwich) or "classical" (one variance for all rows; not with `cluster`)
    small_sample : of the sandwich: "HC1" n/(n-k), with clusters G/(G-1) (n-1)/(n-k); "HC0" none, with clusters G/(G-1);
        "HC2" leverage, without clusters; "none"
    weights : column of case weights, any scale; 0 drops a row
    cluster : one or two columns

    Returns
    -------
    Instrumental, or NotEstimable where there is no first stage (an effective F below 1; instruments or treatment that do
    not vary beyond the covariates), too few rows or clusters, or an outcome without variation. Weak instruments (F below
    10, or an effective F below Montiel Olea and Pflueger's critical value) are reported with the Anderson-Rubin set in
    place of the Wald interval, and a note. t and F have n - k degrees of freedom, or clusters less one.

    Raises
    ------
    UsageError, DataError
        A bad option or column; a column in two roles; covariates, or instruments beyond the first, that are collinear.

    References
    ----------
    Anderson and Rubin (1949) Annals of Mathematical Statistics 20:46-63, also for LIML. Montiel Olea and Pflueger (2013)
    Journal of Business and Economic Statistics 31:358-369. Imbens and Angrist (1994) Econometrica 62:467-475.

    Examples
    --------
    Those offered (z) take part more often; who would take part anyway also reoffends less. A third more take part when
    offered, and 2/9 fewer reoffend: two in three fewer among those whom the offer moves.

    >>> frame = pd.DataFrame({"z": [0] * 9 + [1] * 9, "d": [0] * 7 + [1] * 2 + [0] * 4 + [1] * 5,
    ...                       "y": [1, 1, 1, 1, 0, 0, 0, 0, 0] + [1, 1, 0, 0, 0, 0, 0, 0, 0]})
    >>> round(float(instrumental(frame, "y", "d", "z").coefficients[1]), 3)
    -0.667
    """
    check_level(level)
    choose("method", method, ("2sls", "liml"))
    errors = _errors(covariance, small_sample, cluster)
    rows = _read(data, outcome, treatment, instruments, covariates, formula, weights, cluster, errors)
    why, left = _partialled(rows)
    return NotEstimable(treatment, why) if why else _fit(rows, left, method, level)


def _errors(covariance: str, small_sample: str, cluster: object) -> weak.Errors:
    choose("covariance", covariance, ("robust", "classical"))
    choose("small_sample", small_sample, ("none", "HC0", "HC1", "HC2"))
    if cluster and covariance == "classical":
        raise UsageError("covariance='classical' takes rows to be independent. With cluster take 'robust'.")
    if cluster and small_sample == "HC2":
        raise UsageError("small_sample='HC2' corrects single rows. With cluster take 'HC1' or 'HC0'.")
    return weak.Errors(covariance == "robust", small_sample)


def _read(
    data: pd.DataFrame,
    outcome: str,
    treatment: str,
    instruments: str | Sequence[str],
    covariates: Sequence[str] | None,
    formula: str | None,
    weights: str | None,
    cluster: str | Sequence[str] | None,
    errors: weak.Errors,
) -> _Rows:
    take = Columns(data)
    names = [instruments] if isinstance(instruments, str) else list(instruments)
    if not names:
        take.problem("instruments is empty. Name a column that moves the treatment and nothing else.")
    others = [covariates] if isinstance(covariates, str) else list(covariates or ())
    roles = {"outcome": [outcome], "treatment": [treatment], "instruments": names, "covariates": others}
    for name in dict.fromkeys(map(str, (n for columns in roles.values() for n in columns))):
        if len(where := [role for role, columns in roles.items() if name in columns]) > 1:
            take.problem(f"{name!r} is named in {' and '.join(where)}. A column has one role.")
    y, d = take.number("outcome", outcome), take.number("treatment", treatment)
    for name in dict.fromkeys(names):
        take.labels("instruments", name)
    weight = take.weights("weights", weights)
    ways = [cluster] if isinstance(cluster, str) else list(cluster or ())
    clusters = [take.labels("cluster", name)[0] for name in ways]
    take.check()
    used = np.flatnonzero(weight > 0)
    if not len(used):
        raise DataError(f"weights={weights!r} is 0 in every row, so there is nobody to learn from.")
    z = covariate_matrix(data, names, role="instruments")
    nothing = covariates is None and formula is None
    w = model_matrix(data, covariates=[] if nothing else covariates, formula=formula)
    root = np.sqrt(weight[used] / weight[used].mean())
    wide = [m[used] * root[:, None] for m in (z.values, np.column_stack([np.ones(len(data)), w.values]))]
    reckoned = replace(errors, clusters=tuple(dense_codes(c[used])[1] for c in clusters))
    named = (z.terms, ("(Intercept)", *w.terms), outcome, treatment)
    return _Rows(y[used] * root, d[used] * root, wide[0], wide[1], *named, reckoned)


def _partialled(rows: _Rows) -> tuple[str, FloatArray]:
    """Why nothing can be estimated ("" where it can), and what the covariates leave of y, d and z: (n, 2 + q)."""
    everything = np.column_stack([rows.y, rows.d, rows.z])
    q, groups, said = rows.z.shape[1], rows.errors.groups, "does not vary, or is determined by the covariates"
    if rows.spare < 2:
        return f"{len(rows.y)} rows are too few for {len(rows.y) - rows.spare} coefficients", everything
    if twice := weak.dependent(rows.w, rows.w, rows.w_terms):
        raise DataError(f"covariates {twice} are constant or collinear with those before. Leave them out.")
    left = weak.residualised(everything, rows.w)
    gone = np.linalg.norm(left, axis=0) <= weak.COLLINEAR * np.linalg.norm(everything, axis=0)
    for name, nothing in ((rows.outcome, gone[0]), (rows.treatment, gone[1])):
        if nothing:
            return f"{name!r} {said}", left
    if gone[2:].all():
        return f"no first stage: {', '.join(map(repr, rows.z_terms))} {said}", left
    if twice := weak.dependent(left[:, 2:], rows.z, rows.z_terms):
        said = "are constant, or collinear with the covariates or the instruments before. Leave them out."
        raise DataError(f"instruments {twice} {said}")
    if groups is not None and groups < q + 2:
        return f"{groups} clusters are too few to judge {q} instrument{'s' * (q > 1)} by", left
    return "", left


def _fit(rows: _Rows, left: FloatArray, method: str, level: float) -> Instrumental | NotEstimable:
    (n, q), errors = rows.z.shape, rows.errors
    first = np.column_stack([rows.w[:, :1], rows.z, rows.w[:, 1:]])
    names = (rows.w_terms[0], *rows.z_terms, *rows.w_terms[1:])
    stages, off = weak.least_squares(first, names, np.column_stack([rows.y, rows.d]), errors)
    pi, variance = stages.block(range(1, q + 1))
    exact = off[:, 1] @ off[:, 1] < weak.EXACT * (left[:, 1] @ left[:, 1])
    moved = weak.strength(left[:, 2:], left[:, 1], pi[:, 1], variance[q:, q:], (rows.spare, stages.df))
    weak_robust = weak.AndersonRubin(pi, variance, stages.df)
    if not moved.effective_f >= weak.NO_FIRST_STAGE:
        words = weak.set_in_words(weak_robust.intervals(level), level)
        return NotEstimable(rows.treatment, f"{moved.nothing} by {', '.join(rows.z_terms)}. {words}")
    effect, kappa = _solve(left, "2sls" if exact else method)
    others = np.linalg.lstsq(rows.w, rows.y - effect * rows.d)[0]
    x = np.column_stack([rows.w[:, :1], rows.d, rows.w[:, 1:]])
    projected = x.copy()
    projected[:, 1] -= off[:, 1]
    coefficients = np.array([others[0], effect, *others[1:]])
    residual = rows.y - x @ coefficients
    bread = _bread(projected, (kappa - 1) * float(off[:, 1] @ off[:, 1]))
    covariance = errors.covariance(projected, residual[:, None], bread)
    s2 = float(residual @ residual) / (n - x.shape[1])
    if s2 * n < weak.EXACT * (left[:, 0] @ left[:, 0]) or not covariance[1, 1] > NOUGHT * bread[1, 1] * s2:
        return NotEstimable(rows.treatment, f"the outcome is fitted exactly, or {ALIKE}")
    terms = (rows.w_terms[0], rows.treatment, *rows.w_terms[1:])
    tests = _tests(rows, left, (x, projected, off[:, 1], residual), moved)
    own = ("Anderson-Rubin, no effect", weak_robust.statistic(), q, stages.df, weak_robust.p_value(), np.nan)
    return Instrumental(
        terms=terms,
        coefficients=coefficients,
        covariance=covariance,
        df=errors.df(n, x.shape[1]),
        outcome=rows.outcome,
        treatment=rows.treatment,
        instruments=rows.z_terms,
        method=method,
        kappa=kappa,
        errors=errors.words,
        sigma=float(np.sqrt(s2)),
        n=n,
        n_clusters=errors.groups,
        strength=moved,
        level=level,
        stages=stages,
        naive=weak.least_squares(x, terms, rows.y[:, None], errors)[0],
        weak_robust=weak_robust,
        tests=pd.DataFrame([*tests, own], columns=list(TESTS)),
    )


def _solve(left: FloatArray, method: str) -> tuple[float, float]:
    """The effect and kappa, from what the covariates leave of y, d and z."""
    from linearmodels.iv import IV2SLS, IVLIML

    size = np.linalg.norm(left, axis=0)  # each in units of its length, so that none is lost to rounding
    y, d, z = np.split(left / size, [1, 2], axis=1)
    found = (IV2SLS if method == "2sls" else IVLIML)(y, None, d, z).fit(cov_type="unadjusted")
    kappa = 1.0 if method == "2sls" or z.shape[1] == 1 else float(found.kappa or 1.0)
    return float(found.params.iloc[0] * size[0] / size[1]), kappa


def _bread(projected: FloatArray, taken: float) -> FloatArray:
    """Inverse (k, k) of the projected cross product with `taken` off the treatment's own entry."""
    inverse = np.linalg.inv(np.linalg.qr(projected, mode="r"))
    bread = inverse @ inverse.T
    return np.asarray(bread + taken / (1 - taken * bread[1, 1]) * np.outer(bread[1], bread[1]))


def _tests(rows: _Rows, left: FloatArray, fitted: tuple[FloatArray, ...], moved: weak.Strength) -> list[_Test]:
    x, projected, off, residual = fitted
    q, nan = moved.df1, float("nan")
    found: list[_Test] = []
    forms = [("", weak.Errors(robust=False)), *([(", robust", rows.errors)] if rows.errors.robust else [])]
    for form, _ in forms:
        size, df2 = (moved.robust_f, moved.df_robust) if form else (moved.partial_f, moved.df2)
        found.append((f"weak instruments{form}", size, q, df2, float(stats.f.sf(size, q, df2)), nan))
    effective = (moved.effective_f, moved.effective_df, float("inf"), moved.effective_p, moved.critical)
    found.append(("effective F", *effective))
    for form, errors in forms:
        size, df2 = weak.endogeneity_f(x, off, rows.y, errors)
        found.append((f"Wu-Hausman{form}", size, 1, df2, float(stats.f.sf(size, 1, df2)), nan))
    for form, errors in forms:
        score = weak.overidentification(residual, projected, left[:, 2:], errors)
        p = float(stats.chi2.sf(score, q - 1)) if q > 1 else nan
        found.append((f"Sargan{form}", score, q - 1, nan, p, nan))
    return found
