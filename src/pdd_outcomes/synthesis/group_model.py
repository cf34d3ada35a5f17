"""Groups' probabilities by a logistic model averaged over everybody, with its sandwich."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import special

from ..core.columns import BoolArray, Columns, FloatArray, IntArray
from ..core.errors import DataError, PddError, UsageError
from ..core.results import TIDY, critical, tidy_frame
from ..core.sandwich import clustered_covariance
from ..design.estimable import centre_and_scale, refuse_unidentified, separation_problem
from ..effects.certainty import ALIKE, NOUGHT

FAR_OUT = 20.0  # a linear predictor this large is what separation looks like
ONE_GROUP = "no other group can be estimated, so there is nothing to adjust to or compare with"
MEASURES = ("probability crude", "probability", "difference", "ratio")


@dataclass(frozen=True, slots=True, eq=False)
class GroupProbabilities:
    """Of one column, every group's probability, crude and adjusted; NaN where there is none, with the reason.

    Attributes
    ----------
    by : the column; groups : its k levels, in order; ordered : whether the order means something
    reference : place of the group the others are compared with
    n, cases : (k,) people, and those of them with the outcome
    share : (k,) share of each group in the weights
    crude, crude_error : (k,); adjusted : (k,); covariance : (k, k) of `adjusted`
    crude_reasons, reasons : k reasons why a crude probability has no interval or is not there; why there is no adjusted one
    wald : statistic, degrees of freedom and p-value of the test that the groups are alike, and why there is none
    """

    by: str
    groups: tuple[str, ...]
    ordered: bool
    reference: int
    n: IntArray
    cases: IntArray
    share: FloatArray
    crude: FloatArray
    crude_error: FloatArray
    adjusted: FloatArray
    covariance: FloatArray = field(repr=False)
    crude_reasons: tuple[str, ...]
    reasons: tuple[str, ...]
    wald: tuple[float, float, float, str]


def cluster_columns(take: Columns, cluster: str | Sequence[str] | None) -> tuple[IntArray, ...]:
    """Codes of none, one or two cluster columns."""
    names = [] if cluster is None else [cluster] if isinstance(cluster, str) else list(cluster)
    if len(names) > 2:
        raise UsageError(f"cluster names {len(names)} columns; at most two are supported.")
    found = tuple(take.codes("cluster", name) for name in names)
    for name, codes in zip(names, found):
        if len(codes) and (codes == codes[0]).all():
            take.problem(f"cluster={name!r} has one value only, so nothing can be known of how clusters vary.")
    return found


def cluster_df(clusters: Sequence[np.ndarray]) -> float:
    """Clusters less one, of the way that has fewest; infinite without clusters."""
    return min((len(np.unique(c)) - 1.0 for c in clusters), default=np.inf)


def error_words(clusters: Sequence[np.ndarray]) -> str:
    """How the errors were made, in words."""
    if not clusters:
        return "robust (HC0), normal"
    ways = " and ".join(str(len(np.unique(c))) for c in clusters)
    return f"robust, {ways} clusters, Student's t"


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows that count, (n,) each: group, outcome, weight (of mean 1), and clusters."""

    codes: IntArray
    y: BoolArray
    weight: FloatArray
    clusters: tuple[IntArray, ...]

    def where(self, kept: BoolArray) -> Sample:
        """The rows of `kept` (n,) alone."""
        return Sample(self.codes[kept], self.y[kept], self.weight[kept], tuple(c[kept] for c in self.clusters))

    def variance(self, influence: FloatArray) -> FloatArray:
        """Covariance (p, p) of estimates with influence (n, p)."""
        return clustered_covariance(influence, self.clusters, small_sample=bool(self.clusters))


def group_part(
    by: str,
    groups: tuple[str, ...],
    ordered: bool,
    reference: int | None,
    sample: Sample,
    x: tuple[FloatArray, tuple[str, ...]],
    minimum: int,
) -> GroupProbabilities:
    """Probabilities of every group of one column: see `GroupProbabilities`; `x` are the covariates (n, p) and their names."""
    k = len(groups)
    n = np.bincount(sample.codes, minlength=k)
    cases = np.bincount(sample.codes, weights=sample.y, minlength=k).astype(np.int64)
    crude, error, crude_reasons = _crude(sample, n, cases, minimum)
    reasons = [r if (m < minimum or c in (0, m)) else "" for r, m, c in zip(crude_reasons, n, cases)]
    good = np.array([not r for r in reasons])
    adjusted, covariance = np.full(k, np.nan), np.full((k, k), np.nan)
    wald = (np.nan, np.nan, np.nan, "fewer than two groups can be estimated")
    if good.sum() >= 2:
        kept = good[sample.codes]
        new = np.cumsum(good) - 1
        inside = sample.where(kept)
        inside = Sample(new[inside.codes], inside.y, inside.weight, inside.clusters)
        here = [g for g, is_good in zip(groups, good) if is_good]
        try:
            p, v, wald = standardised_groups(by, here, inside, x[0][kept], x[1])
            adjusted[good], covariance[np.ix_(good, good)] = p, v
        except PddError as problem:
            said = " ".join(problem.problems)
            reasons = [r or said for r in reasons]
            wald = (np.nan, np.nan, np.nan, said)
    else:
        reasons = [r or ONE_GROUP for r in reasons]
    share = np.bincount(sample.codes, weights=sample.weight, minlength=k) / sample.weight.sum()
    place = int(np.argmax(np.where(good, n, -1))) if reference is None else reference
    return GroupProbabilities(
        by, groups, ordered, place, n.astype(np.int64), cases, share, crude, error, adjusted, covariance,
        tuple(crude_reasons), tuple(reasons), wald,
    )  # fmt: skip


def _crude(
    sample: Sample, n: IntArray, cases: IntArray, minimum: int
) -> tuple[FloatArray, FloatArray, list[str]]:
    """Share with the outcome in each group (k,), its error, and why a group has none or no interval."""
    k = len(n)
    p, error, reasons = np.full(k, np.nan), np.full(k, np.nan), [""] * k
    for g in range(k):
        if n[g] < minimum:
            reasons[g] = f"fewer than {minimum} people"
            continue
        here = sample.codes == g
        w = np.where(here, sample.weight, 0.0) / sample.weight[here].sum()
        p[g] = w @ sample.y
        if cases[g] in (0, n[g]):
            who = "nobody" if cases[g] == 0 else "everybody"
            reasons[g] = f"{who} in the group has the outcome, which gives no interval and nothing to adjust"
            continue
        variance = float(sample.variance((w * (sample.y - p[g]))[:, None])[0, 0])
        if variance <= NOUGHT * p[g] * (1 - p[g]):
            reasons[g] = ALIKE
        else:
            error[g] = np.sqrt(variance)
    return p, error, reasons


def standardised_groups(
    by: str, groups: Sequence[str], sample: Sample, x: FloatArray, terms: tuple[str, ...]
) -> tuple[FloatArray, FloatArray, tuple[float, float, float, str]]:
    """Adjusted probabilities of k groups (k,), their covariance (k, k), and the Wald test that they are alike.

    Parameters
    ----------
    sample : rows (n,) of these groups, codes 0..k-1
    x : (n, p) covariates; terms : their names

    Raises
    ------
    DataError
        A term that is constant, that others add up to, or that separates those with the outcome from those without.
    """
    k = len(groups)
    dummies = (sample.codes[:, None] == np.arange(1, k)).astype(float)
    values = np.hstack([x, dummies])
    names = (*terms, *(f"{by}[{g}]" for g in groups[1:]))
    fit = logistic_model(values, names, sample.y, sample.weight, f"the outcome by {by!r}")
    share = sample.weight / sample.weight.sum()
    p, slopes = np.zeros(k), np.zeros((k, values.shape[1] + 1))
    for g in range(k):
        given = np.hstack([x, np.zeros((len(x), k - 1))])
        if g:
            given[:, x.shape[1] + g - 1] = 1.0
        p[g], slopes[g] = fit.average(given, share)
    covariance = sample.variance(fit.influence @ slopes.T)
    if (np.diag(covariance) <= NOUGHT * p * (1 - p)).any():
        raise DataError(ALIKE)
    gamma = 1 + x.shape[1] + np.arange(k - 1)
    return p, covariance, _wald(fit.beta[gamma], sample.variance(fit.influence[:, gamma]), sample.clusters)


def _wald(gamma: FloatArray, v: FloatArray, clusters: Sequence[np.ndarray]) -> tuple[float, float, float, str]:
    """Statistic, degrees of freedom, p-value, and the reason where there is none."""
    q = len(gamma)
    spread = np.sqrt(np.diag(v))
    if (spread <= 0).any() or np.linalg.eigvalsh(v / np.outer(spread, spread))[0] < 1e-10:
        return np.nan, float(q), np.nan, "the errors leave a comparison of groups without a variance"
    statistic = float(gamma @ np.linalg.solve(v, gamma))
    df = cluster_df(clusters)
    if np.isinf(df):
        return statistic, float(q), float(special.chdtrc(q, statistic)), ""
    if df < q:
        return np.nan, float(q), np.nan, f"{int(df) + 1} clusters are too few to compare {q + 1} groups at once"
    below = df - q + 1
    return statistic, float(q), float(special.fdtrc(q, below, statistic * below / (df * q))), ""


@dataclass(frozen=True, slots=True, eq=False)
class LogisticModel:
    """A fitted logistic model: centred and scaled coefficients (p + 1,) and their influence (n, p + 1), intercept first."""

    beta: FloatArray
    influence: FloatArray
    centre: FloatArray
    scale: FloatArray

    def average(self, values: FloatArray, share: FloatArray) -> tuple[float, FloatArray]:
        """Mean probability of rows (m, p) with shares (m,), and its slope (p + 1,) in the coefficients."""
        z = self.columns(values)
        mu = special.expit(z @ self.beta)
        return float(share @ mu), np.asarray((share * mu * (1 - mu)) @ z)

    def columns(self, values: FloatArray) -> FloatArray:
        """The columns (m, p + 1) that the coefficients are of."""
        return np.column_stack([np.ones(len(values)), (values - self.centre) / self.scale])


def logistic_model(
    values: FloatArray, terms: tuple[str, ...], y: BoolArray, weight: FloatArray, role: str
) -> LogisticModel:
    """Maximum likelihood of a 0/1 outcome (n,) on columns (n, p) and an intercept, with weights of mean 1.

    Raises
    ------
    DataError
        The outcome does not vary; a term is constant, collinear, or separates the outcomes, by name.
    """
    import statsmodels.api as sm
    from statsmodels.tools.sm_exceptions import ConvergenceWarning, DomainWarning, PerfectSeparationWarning

    if y.all() or not y.any():
        raise DataError(
            f"{role} does not vary among the {len(y)} people of the model, so no model can be fitted."
        )
    values = np.ascontiguousarray(values)
    if values.shape[1]:
        refuse_unidentified(values, terms)
    centre, scale = centre_and_scale(values) if values.shape[1] else (np.zeros(0), np.ones(0))
    z = np.column_stack([np.ones(len(values)), (values - centre) / scale])
    model = sm.GLM(y.astype(float), z, family=sm.families.Binomial(), var_weights=weight)
    problem = None
    try:
        with warnings.catch_warnings():
            for kind in (ConvergenceWarning, PerfectSeparationWarning, DomainWarning, RuntimeWarning):
                warnings.simplefilter("error", kind)
            beta = np.asarray(model.fit(maxiter=100, tol=1e-12).params, dtype=float)
        reach = float(np.abs(z @ beta).max())
    except (Warning, np.linalg.LinAlgError, ValueError) as caught:
        problem, reach = type(caught).__name__, np.inf
    if reach > FAR_OUT:
        said = separation_problem(values, terms, y, role)
        if said is not None:
            raise DataError(said)
    if problem is not None:
        raise DataError(
            f"{role}: the logistic model did not converge ({problem}). Check the covariates for extreme values."
        )
    mu = special.expit(z @ beta)
    bread = np.linalg.inv((z * (weight * mu * (1 - mu))[:, None]).T @ z)
    return LogisticModel(beta, (z * (weight * (y - mu))[:, None]) @ bread, centre, scale)


# rows


def standard_row(
    term: str, value: float, error: float, level: float, df: float, *, null: float = 0.0
) -> dict[str, Any]:
    """One row of `tidy_frame`."""
    made = tidy_frame([term], value, error, level=level, df=df, null=null).to_dict("records")[0]
    return {str(name): entry for name, entry in made.items()}


def to_ratio(row: dict[str, Any]) -> dict[str, Any]:
    """The row of a logarithm on the ratio scale; std_error stays that of the logarithm."""
    return row | {c: float(np.exp(row[c])) for c in ("estimate", "conf_low", "conf_high")}


def probability_row(term: str, p: float, error: float, level: float, df: float) -> dict[str, Any]:
    """The standard row of a probability; its limits are symmetric on the logit scale."""
    row = standard_row(term, p, error, level, df, null=np.nan)
    half = float(critical(level, df)) * error / (p * (1 - p)) if 0 < p < 1 else np.nan
    logit = float(special.logit(p))
    return row | {
        "conf_low": float(special.expit(logit - half)),
        "conf_high": float(special.expit(logit + half)),
    }


def group_rows(part: GroupProbabilities, level: float, df: float) -> list[dict[str, Any]]:
    """Rows of `Equity.tidy` for one column."""
    r, rows = part.reference, []
    for g, group in enumerate(part.groups):
        about = {"reference": part.groups[r], "n": int(part.n[g]), "cases": int(part.cases[g])}
        for measure in MEASURES:
            if measure in MEASURES[2:] and g == r:
                continue
            crude = measure == MEASURES[0]
            reason = part.crude_reasons[g] if crude else part.reasons[g]
            if measure in MEASURES[2:] and not reason and part.reasons[r]:
                reason = f"the reference cannot be estimated: {part.reasons[r]}"
            known = np.isfinite(part.crude[g]) if crude else not reason
            row: dict[str, Any] = {**dict.fromkeys(TIDY, np.nan), "term": group}
            if known:
                row = _measure_row(part, g, measure, level, df)
            status = "ok" if known else "not estimable"
            rows.append(
                {
                    "by": part.by,
                    "term": group,
                    "measure": measure,
                    **row,
                    **about,
                    "status": status,
                    "reason": reason,
                }
            )
    return rows


def _measure_row(part: GroupProbabilities, g: int, measure: str, level: float, df: float) -> dict[str, Any]:
    p, v, r, term = part.adjusted, part.covariance, part.reference, part.groups[g]
    if measure == "probability crude":
        return probability_row(term, float(part.crude[g]), float(part.crude_error[g]), level, df)
    if measure == "probability":
        return probability_row(term, float(p[g]), float(np.sqrt(v[g, g])), level, df)
    log = measure == "ratio"
    slope = np.array([1.0, -1.0]) / (p[[g, r]] if log else 1.0)
    error = float(np.sqrt(max(0.0, float(slope @ v[np.ix_([g, r], [g, r])] @ slope))))
    value = float(np.log(p[g] / p[r])) if log else float(p[g] - p[r])
    row = standard_row(term, value, error, level, df)
    return to_ratio(row) if log else row
