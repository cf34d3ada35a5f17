"""Net-widening: the share of those diverted who would have had no further action."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, Columns, FloatArray, IntArray
from ..core.errors import DataError, PddError, UsageError
from ..core.formula import ModelMatrix, covariate_matrix, model_matrix
from ..core.results import TIDY, Shown, check_level, critical
from ..core.sandwich import clustered_covariance
from ..effects.certainty import ALIKE, NOUGHT
from .group_model import cluster_columns, cluster_df, error_words, logistic_model, probability_row, standard_row

LEAST_CLUSTERS = (
    4  # forces, two of a kind at the least, under which a difference between forces has no believable error
)

OBSERVED = (
    "of those diverted, the share that people alike in the covariates, not diverted and {where}, had no further action. "
    "It assumes that the covariates hold everything by which officers chose whom to divert and that bears on no further "
    "action{more}."
)
HERE = "in the same places and at the same time"
ELSEWHERE = "in the comparison forces or period"
MORE = ", and that officers in the comparison forces or period decide as those with the scheme would without it"
ARMS = (
    "of those diverted because there is a scheme, the share taken from no further action: how much lower no further action is "
    "where there is a scheme than among people alike in the covariates elsewhere, over how much more diversion there is. It "
    "assumes that forces or periods differ only by the scheme once the covariates are held, and that the scheme changes no "
    "further action by nothing but diversion."
)
LABELS = {
    "observed": "no further action expected among those diverted",
    "with": "no further action where there is a scheme",
    "without": "no further action there, expected without",
    "difference": "fall in no further action with the scheme",
    "diverted": "rise in diversion with the scheme",
    "ratio": "fall in no further action over rise in diversion",
}


@dataclass(frozen=True, slots=True, eq=False)
class NetWidening(Shown):
    """How many of those diverted would have had no further action, in two ways, with what each assumes.

    Attributes
    ----------
    terms : six quantities; estimates, std_errors : (6,), NaN where there is none; reasons : 6
    n_diverted, n_model : people the share is of, and people the model was fitted to
    df : (6,) degrees of freedom of the intervals; se_method : of the errors, in words
    elsewhere : whether there are comparison forces or a comparison period
    """

    terms: tuple[str, ...]
    estimates: FloatArray
    std_errors: FloatArray
    reasons: tuple[str, ...]
    n_diverted: int
    n_model: int
    df: FloatArray
    se_method: str
    elsewhere: bool
    level: float

    def tidy(self, level: float | None = None) -> pd.DataFrame:
        """Rows by way: method ("standardised", "between forces"), term, the standard columns, status, reason, assumption.

        Limits of a probability are made on the logit scale. The share between forces is not cut at 0 and 1: beyond them its
        assumptions do not hold, or chance is large.
        """
        wanted = self.level if level is None else check_level(level)
        rows = []
        for key, term, value, error, df, reason in zip(
            LABELS, self.terms, self.estimates, self.std_errors, self.df, self.reasons
        ):
            row: dict[str, Any] = {**dict.fromkeys(TIDY, np.nan), "term": term}
            if not reason:
                probability = key in ("observed", "with", "without")
                row = (
                    probability_row(term, float(value), float(error), wanted, float(df))
                    if probability
                    else standard_row(term, float(value), float(error), wanted, float(df))
                )
            method = "standardised" if key == "observed" else "between forces"
            said = self._assumption() if key == "observed" else ARMS
            status = "not estimable" if reason else "ok"
            rows.append({"method": method, **row, "status": status, "reason": reason, "assumption": said})
        return pd.DataFrame(rows)

    def glance(self) -> pd.DataFrame:
        """One row: the standardised share, people, and how the errors were made."""
        return pd.DataFrame(
            {
                "share": [self.estimates[0]],
                "n_diverted": [self.n_diverted],
                "n_model": [self.n_model],
                "se_method": [self.se_method],
                "reason": [self.reasons[0]],
            }
        )

    def words(self, level: float | None = None) -> str:
        """Both shares in sentences, with what they assume."""
        tidy = self.tidy(level).iloc[[0, -1]]
        said = []
        for row in tidy.to_dict("records"):
            name = str(row["assumption"])
            if row["reason"]:
                said.append(f"Not estimable ({row['method']}): {row['reason']}. It would be {name}")
                continue
            per = [f"{100 * float(row[c]):.0f}" for c in ("estimate", "conf_low", "conf_high")]
            said.append(
                f"Of every 100 people diverted, {per[0]} ({per[1]} to {per[2]}) would have had no further action "
                f"({row['method']}): {name}"
            )
        return " ".join(said)

    def _assumption(self) -> str:
        return OBSERVED.format(where=ELSEWHERE if self.elsewhere else HERE, more=MORE if self.elsewhere else "")


def net_widening(
    data: pd.DataFrame,
    diverted: str,
    *,
    no_further_action: str,
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    comparison: str | None = None,
    cluster: str | Sequence[str] | None = None,
    weights: str | None = None,
    level: float = 0.95,
) -> NetWidening:
    r"""Share of those diverted who would have had no further action, had there been no diversion.

    Standardised: with :math:`\hat m(x)` a logistic model of no further action among those not diverted (of the comparison
    forces or period, where `comparison` is given),

    .. math:: \hat s = \frac{\sum_{i: D_i=1} w_i\,\hat m(x_i)}{\sum_{i: D_i=1} w_i}.

    Between forces, where `comparison` is given: people of the scheme forces are compared with what models of no further
    action and of diversion among everybody in the comparison forces expect of them, and the fall in the one is divided by
    the rise in the other (Wald's ratio). The error counts the chance in the models, in who was diverted, and in both parts
    of the ratio, by joint influence functions, clustered.

    Parameters
    ----------
    data : one row an eligible person
    diverted : 0/1 column
    no_further_action : 0/1 column; of those diverted it is 0 or missing
    covariates, formula : of the models, one of the two
    comparison : 0/1 column, 1 in forces (or the period) without a scheme. With it, those diverted are the ones of the scheme
        forces, and those diverted in comparison forces are left out of the standardised model.
    cluster : column of what belongs together, or a list of two: the variance is multiplied by G/(G-1), and intervals are
        Student's t on G-1 degrees of freedom. Between forces give the force. Where each force is of one side, this is done
        in each side, and the degrees of freedom are Satterthwaite's: four comparison forces are four, however many have schemes.
    weights : column of weights, on any scale

    Raises
    ------
    UsageError, DataError
        Columns that cannot be used; a person diverted and with no further action at once. A model without a finite answer is
        no error: the row says why.

    References
    ----------
    Cohen (1985) Visions of Social Control, for net-widening. Snowden, Rose and Mortimer (2011) American Journal of
    Epidemiology 173:731-738, for the standardisation. Wald (1940) Annals of Mathematical Statistics 11:284-300, for the ratio.
    """
    check_level(level)
    if (covariates is None) == (formula is None):
        raise UsageError("Give either covariates=[...] or formula='...', and not both.")
    take = Columns(data)
    d = take.binary("diverted", diverted, both=False)
    outcome = _outcome(take, data, no_further_action, d)
    without = None if comparison is None else take.binary("comparison", comparison)
    weight = take.weights("weights", weights)
    clusters = cluster_columns(take, cluster)
    matrix = _matrix(take, data, covariates, formula)
    take.check()
    rows = np.flatnonzero(weight > 0)
    if not len(rows):
        raise DataError(f"weights={weights!r} is 0 in every row, so nobody counts.")
    people = _People(
        d[rows],
        outcome[rows],
        None if without is None else without[rows],
        weight[rows] / weight[rows].mean(),
        tuple(c[rows] for c in clusters),
        matrix.values[rows],
        matrix.terms,
    )
    share = _standardised(people)
    between = _between(people)
    found = [share, *between]
    of, by = people.parts()
    return NetWidening(
        terms=tuple(LABELS.values()),
        estimates=np.array([f[0] for f in found]),
        std_errors=np.array([f[1] for f in found]),
        reasons=tuple(f[3] for f in found),
        n_diverted=int(of.sum()),
        n_model=int(by.sum()),
        df=np.array([f[2] for f in found]),
        se_method=error_words(people.clusters),
        elsewhere=comparison is not None,
        level=float(level),
    )


Found = tuple[float, float, float, str]


@dataclass(frozen=True, slots=True)
class _People:
    """Rows that count (n,): diverted, no further action, comparison, weight, clusters; covariates (n, p) and their names."""

    diverted: BoolArray
    outcome: BoolArray
    without: BoolArray | None
    weight: FloatArray
    clusters: tuple[IntArray, ...]
    x: FloatArray = field(repr=False)
    terms: tuple[str, ...]

    def parts(self) -> tuple[BoolArray, BoolArray]:
        """Those diverted whose share it is, and those not diverted whom the model is fitted to: (n,) each."""
        if self.without is None:
            return self.diverted, ~self.diverted
        return self.diverted & ~self.without, ~self.diverted & self.without

    def expected(
        self, y: BoolArray, fitted: BoolArray, about: BoolArray, role: str
    ) -> tuple[float, FloatArray]:
        """Mean over the rows `about` of a model of y among the rows `fitted`, and its influence (n,)."""
        w = self.weight[fitted] / self.weight[fitted].mean()
        model = logistic_model(self.x[fitted], self.terms, y[fitted], w, role)
        share = self.weight[about] / self.weight[about].sum()
        value, slope = model.average(self.x[about], share)
        influence = np.zeros(len(y))
        influence[fitted] = model.influence @ slope
        each = 1 / (1 + np.exp(-model.columns(self.x[about]) @ model.beta))
        influence[about] += share * (each - value)
        return value, influence

    def errors(self, influence: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Standard errors (m,) of estimates with influence (n, m), and degrees of freedom (m,)."""
        if len(self.clusters) == 1 and self.without is not None and _nested(self.clusters[0], self.without):
            sides = [self.without, ~self.without]
            v = np.array([_variances(influence[side], (self.clusters[0][side],)) for side in sides])
            free = np.array([[len(np.unique(self.clusters[0][side])) - 1.0] for side in sides])
            total = v.sum(axis=0)
            with np.errstate(invalid="ignore", divide="ignore"):
                return np.sqrt(total), total**2 / (v**2 / free).sum(axis=0)
        df = np.full(influence.shape[1], cluster_df(self.clusters))
        return np.sqrt(_variances(influence, self.clusters)), df


def _nested(codes: IntArray, side: BoolArray) -> bool:
    """Whether every cluster is of one side, and each side has two at the least."""
    first, second = np.unique(codes[side]), np.unique(codes[~side])
    return min(len(first), len(second)) >= 2 and not np.intersect1d(first, second).size


def _variances(influence: FloatArray, clusters: tuple[IntArray, ...]) -> FloatArray:
    """Clustered variances (m,) with G/(G-1), or HC0."""
    covariance = clustered_covariance(influence, clusters, small_sample=bool(clusters))
    return np.clip(np.diag(covariance), 0, None)


def _standardised(people: _People) -> Found:
    about, fitted = people.parts()
    for here, said in ((about, "nobody was diverted"), (fitted, "there is nobody to fit the model to")):
        if not here.any():
            return _nothing(said)
    try:
        value, influence = people.expected(
            people.outcome, fitted, about, "no further action among those not diverted"
        )
    except PddError as problem:
        return _nothing(" ".join(problem.problems))
    reason = _no_comparison(people) if people.clusters and people.without is not None else ""
    error, df = people.errors(influence[:, None])
    if reason or error[0] ** 2 <= NOUGHT * value * (1 - value):
        return _nothing(reason or ALIKE)
    return value, float(error[0]), float(df[0]), ""


def _nothing(reason: str) -> Found:
    return np.nan, np.nan, np.nan, reason


def _between(people: _People) -> list[Found]:
    """The five quantities between forces, each with an error and, where there is none, the reason."""
    reason = _no_comparison(people)
    if reason or people.without is None:
        return [_nothing(reason)] * 5
    without, scheme = people.without, ~people.without
    share = np.where(scheme, people.weight, 0.0)
    share = share / share.sum()
    nfa, diverted = float(share @ people.outcome), float(share @ people.diverted)
    try:
        expected, psi = people.expected(people.outcome, without, scheme, "no further action in the comparison")
        others, phi = (
            people.expected(people.diverted, without, scheme, "diversion in the comparison")
            if people.diverted[without].any()
            else (0.0, np.zeros(len(without)))
        )
    except PddError as problem:
        return [_nothing(" ".join(problem.problems))] * 5
    fall, rise = expected - nfa, diverted - others
    own = share * (people.outcome - nfa)
    falls, rises = psi - own, share * (people.diverted - diverted) - phi
    ratio = fall / rise if rise else np.nan
    columns = np.column_stack([own, psi, falls, rises, (falls - ratio * rises) / rise if rise else falls])
    errors, df = people.errors(columns)
    values = [nfa, expected, fall, rise, ratio]
    reasons = ["" if e > 0 else ALIKE for e in errors]
    if not rise > float(critical(0.95, df[3])) * errors[3]:
        reasons[4] = (
            "diversion is not clearly more frequent where there is a scheme, so there is nothing to divide by"
        )
    return [
        _nothing(why) if why else (float(value), float(error), float(free), "")
        for value, error, free, why in zip(values, errors, df, reasons)
    ]


def _no_comparison(people: _People) -> str:
    if people.without is None:
        return "no comparison forces or period were given"
    if not people.diverted[~people.without].any():
        return "nobody was diverted where there is a scheme"
    for codes in people.clusters:
        several = [len(np.unique(codes[people.without == side])) for side in (True, False)]
        if min(several) < 2 or len(np.unique(codes)) < LEAST_CLUSTERS:
            return f"{several[0]} comparison and {several[1]} scheme clusters are too few: at least two of each are needed"
    return ""


def _outcome(take: Columns, data: pd.DataFrame, column: str, diverted: BoolArray) -> BoolArray:
    """No further action (n,), 0 for those diverted, of whom it may be missing."""
    series = take.series("no_further_action", column)
    if series is None:
        return np.zeros(len(data), dtype=bool)
    filled = Columns(
        data.assign(**{column: series.mask(pd.Series(diverted, index=series.index) & series.isna(), 0)})
    )
    y = filled.binary("no_further_action", column, both=False)
    try:
        filled.check()
    except DataError as error:
        for problem in error.problems:
            take.problem(problem)
        return np.zeros(len(data), dtype=bool)
    both = int((y & diverted).sum())
    if both:
        take.problem(
            f"no_further_action={column!r} is 1 for {both} rows that are also diverted. A person has one outcome: "
            "recode them in the cohort."
        )
    return y


def _matrix(
    take: Columns, data: pd.DataFrame, covariates: Sequence[str] | None, formula: str | None
) -> ModelMatrix:
    try:
        if covariates is not None and len(covariates) == 0:
            return ModelMatrix(np.zeros((len(data), 0)), ())
        if covariates is not None:
            return covariate_matrix(data, covariates)
        return model_matrix(data, formula=formula)
    except DataError as error:
        for problem in error.problems:
            take.problem(problem)
        return ModelMatrix(np.zeros((len(data), 0)), ())
