"""Where effects might differ, looked for and not asked: a doubly robust learner, its calibration and its groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy import special, stats

from ..core.columns import BoolArray, Columns, FloatArray, IntArray, dense_codes
from ..core.errors import DataError, PddError, UsageError, choose
from ..core.formula import covariate_matrix
from ..core.results import Shown, check_level, tidy_frame
from ..core.sandwich import clustered_covariance
from ..design.boosting import boosted_predictor
from ..design.estimable import refuse_unidentified
from ..effects.doubly_robust import MODELS, _check_folds, _folds, _outcome_mean, _refuse_extremes, _score
from .subgroups import upper_tail, wald_equality

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NOTE = (
    "Exploratory, not confirmatory: differences were looked for, not named beforehand, and covariates that go with a larger "
    "effect need not cause it. Use it to propose moderators for a plan, and test those in other data."
)
TIED = "too many people share a predicted effect for this group"
NO_SPREAD = "the learner predicts one effect for everybody, so there is nothing to calibrate or to sort by"


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """Linear estimates with their covariance.

    Attributes
    ----------
    terms : k names; values : (k,); covariance : (k, k); reasons : k, empty where there is an estimate
    """

    terms: tuple[str, ...]
    values: FloatArray
    covariance: FloatArray
    reasons: tuple[str, ...]

    def rows(self, part: str, level: float, null: FloatArray | float = 0.0) -> pd.DataFrame:
        """Standard rows with the part, status and reason."""
        errors = np.sqrt(np.diag(self.covariance))
        frame = tidy_frame(self.terms, self.values, errors, level=level, null=null, leading={"part": part})
        status = ["not_estimable" if reason else "ok" for reason in self.reasons]
        return frame.assign(status=status, reason=list(self.reasons))


@dataclass(frozen=True, slots=True, eq=False)
class Exploratory(Shown):
    """What a learner found of how an effect differs between people; `note` goes with every use of it.

    Attributes
    ----------
    average : the effect over everybody
    projection : the effect's best straight line in the covariates, centred
    calibration : "mean" (the average effect) and "heterogeneity", 1 where predictions are right and 0 where they say nothing
    groups : effects of people sorted by their predicted effect, lowest first, then highest less lowest
    equal_groups : chi-square, df and p-value of one effect in all groups
    predicted : (n,) each person's predicted effect, from people of earlier folds; NaN in the first fold, which only teaches.
        Calibration and groups are of the others
    """

    average: Linear = field(repr=False)
    projection: Linear = field(repr=False)
    calibration: Linear = field(repr=False)
    groups: Linear = field(repr=False)
    equal_groups: tuple[float, int, float]
    predicted: FloatArray = field(repr=False)
    n_treated: int
    n_control: int
    folds: int
    model: str
    level: float
    note: str = NOTE

    def tidy(self, level: float | None = None) -> pd.DataFrame:
        """Rows by `part`: "average", "projection", "calibration" and "group"; then the standard columns, status, reason.

        The p-value of calibration's "heterogeneity" is one-sided (above 0), since predictions that run the wrong way are no
        sign of effects that differ. Groups have no p-value of their own, as they are the learner's own finding; their
        difference has.
        """
        wanted = self.level if level is None else check_level(level)
        calibration = self.calibration.rows("calibration", wanted)
        above = float(special.ndtr(-calibration["statistic"].iloc[1]))
        calibration["p_value"] = [float(calibration["p_value"].iloc[0]), above]
        null = np.append(np.full(len(self.groups.terms) - 1, np.nan), 0.0)
        parts = [
            self.average.rows("average", wanted),
            self.projection.rows("projection", wanted),
            calibration,
            self.groups.rows("group", wanted, null),
        ]
        return pd.concat(parts, ignore_index=True)

    def glance(self) -> pd.DataFrame:
        """One row: people, model, folds, the test that the groups' effects are one, and the note."""
        names = ("groups_statistic", "groups_df", "groups_p_value")
        sizes = {
            "n_treated": self.n_treated,
            "n_control": self.n_control,
            "model": self.model,
            "folds": self.folds,
        }
        row = {"estimand": "ATE", **sizes, **dict(zip(names, self.equal_groups)), "note": self.note}
        return pd.DataFrame([row])

    def forest_frame(self, level: float | None = None) -> pd.DataFrame:
        """What the forest plot draws: the groups, and everybody as the pooled row."""
        rows = self.tidy(level)
        rows = rows[rows["part"].isin(["group", "average"]) & ~rows["term"].str.contains(" less ")]
        rows = rows.sort_values("part", ascending=False, kind="stable").rename(columns={"term": "label"})
        rows["kind"] = np.where(rows["part"] == "average", "pooled", "study")
        rows.loc[rows["conf_low"].isna(), "kind"] = "not_estimable"
        return rows[["label", "kind", "estimate", "conf_low", "conf_high", "reason"]].reset_index(drop=True)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Forest plot of the groups' effects; takes and returns an Axes."""
        from ..core.draw.forest import draw_forest

        frame = self.forest_frame()
        return draw_forest(frame, ax, null=0.0, log=False, digits=3, measure="Difference (exploratory)")

    def alt_text(self) -> str:
        """The forest plot in words, and the note."""
        from ..core.draw.forest import forest_alt

        return f"{forest_alt(self.forest_frame(), null=0.0, log=False, digits=3)} {self.note}"


def explore_heterogeneity(
    data: pd.DataFrame,
    treatment: str,
    *,
    outcome: str,
    covariates: Sequence[str],
    rng: np.random.Generator,
    folds: int = 5,
    model: Literal["boosting", "regression"] = "boosting",
    family: Literal["binomial", "gaussian"] | None = None,
    cluster: str | None = None,
    groups: int = 5,
    level: float = 0.95,
) -> Exploratory:
    r"""Where an effect might differ: a cross-fitted DR-learner. Exploratory, and it says so.

    Of each person the pseudo-outcome

    .. math:: \hat\varphi = \hat m_1 - \hat m_0 + \frac{t(y - \hat m_1)}{\hat e} - \frac{(1-t)(y - \hat m_0)}{1 - \hat e}

    has the person's effect as its expectation if the score or the outcome model is right. Its mean is the average effect; its
    least squares on the covariates the best linear projection of the effect. A learner of it, trained on the folds before,
    predicts the effects :math:`\hat\tau(x)` of the next. Of the people so held out,

    .. math:: \hat\varphi = \beta_1 + \beta_2\{\hat\tau(x) - \bar\tau\} + \epsilon

    is 1 in :math:`\beta_2` where predictions are right on average and 0 where they say nothing, and means of
    :math:`\hat\varphi` in groups of :math:`\hat\tau` (ranked within each fold) show how far effects are spread. Learning from earlier
    folds alone keeps the tests to their size: folds that learn from one another make the groups differ by chance alone.
    Effects are over everybody (ATE), on the scale of the outcome: differences of probability for a 0/1 one.

    Parameters
    ----------
    data : one row a person; treatment : 0/1 column
    outcome : 0/1 column, or a number
    covariates : of all models, and of the projection
    rng : for the folds and the trees
    model : "boosting" (gradient-boosted trees for scores, outcomes and effects) or "regression" (logistic scores, logistic or
        linear outcomes, effects in a straight line)
    family : of the outcome; by default "binomial" where it holds 0 and 1 only
    cluster : column of what rows belong together by; a cluster is in one fold, and errors allow for it
    groups : number of groups of predicted effect

    Returns
    -------
    Exploratory
        `.tidy()`, `.glance()`, `.plot()`, `.note`. Variances are HC1, clustered ones CR1.

    Raises
    ------
    DataError
        Models that a fold cannot give; scores so near 0 or 1 that a person would count a thousandfold, with how many.

    References
    ----------
    Kennedy (2023) Electronic Journal of Statistics 17:3008-3049. Semenova and Chernozhukov (2021) Econometrics Journal
    24:264-289. Chernozhukov, Demirer, Duflo and Fernandez-Val (2018) NBER 24678, sections 3.1 and 3.2. Wager (2024)
    arXiv:2405.05534, for validation in sequence.
    """
    choose("model", model, MODELS)
    check_level(level)
    if not isinstance(rng, np.random.Generator):
        raise UsageError("rng must be numpy.random.default_rng(seed), so that the folds can be repeated.")
    if isinstance(groups, bool) or not isinstance(groups, (int, np.integer)) or not 2 <= groups <= 20:
        raise UsageError(f"groups={groups!r} must be a whole number from 2 to 20.")
    people = _read(data, treatment, outcome, covariates, cluster, family)
    treated, clusters = people.treated, people.clusters
    _check_folds(folds, treated)
    if folds < 3:
        raise UsageError("folds must be at least 3: to learn from, to hold out, and for the models of both.")
    split = _folds(treated, folds, rng) if clusters is None else _cluster_folds(clusters, folds, rng)
    phi, nested = _pseudo_outcomes(people, split, model, rng)
    predicted = _predictions(people, nested, split, model, rng)
    line = np.column_stack([np.ones(len(data)), people.values - people.values.mean(axis=0)])
    group, equal = _sorted_groups(phi, predicted, split[1:], int(groups), clusters)
    return Exploratory(
        average=_least_squares(line[:, :1], phi, ("everybody",), clusters),
        projection=_least_squares(line, phi, ("(at the means)", *people.terms), clusters),
        calibration=_calibration(phi, predicted, split[1:], clusters),
        groups=group,
        equal_groups=equal,
        predicted=predicted,
        n_treated=int(treated.sum()),
        n_control=int((~treated).sum()),
        folds=int(folds),
        model=model,
        level=float(level),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _People:
    """What the models are fitted to: covariates (n, p) with p names, and (n,) arrays."""

    values: FloatArray
    terms: tuple[str, ...]
    treated: BoolArray
    y: FloatArray
    clusters: IntArray | None
    family: str


def _read(
    data: pd.DataFrame,
    treatment: str,
    outcome: str,
    covariates: Sequence[str],
    cluster: str | None,
    family: str | None,
) -> _People:
    choose("family", family or "gaussian", ("binomial", "gaussian"))
    if not isinstance(covariates, str) and {treatment, outcome} & set(covariates):
        raise UsageError("covariates holds the treatment or the outcome. Take it out of them.")
    take = Columns(data)
    treated = take.binary("treatment", treatment)
    y = take.number("outcome", outcome).astype(float)
    yes_no = bool(np.isin(y, (0.0, 1.0)).all())
    if family == "binomial" and not yes_no:
        take.binary("outcome", outcome, both=False)
    clusters = None if cluster is None else take.codes("cluster", cluster)
    take.check()
    alike = [word for word, arm in (("treated", treated), ("control", ~treated)) if np.ptp(y[arm]) == 0]
    if alike:
        words = " and the ".join(alike)
        raise DataError(
            f"outcome={outcome!r} has one value only among the {words} people. Use one that varies."
        )
    matrix = covariate_matrix(data, covariates)
    if not matrix.terms:
        raise UsageError("covariates gives no term: an effect cannot differ along nothing.")
    values = np.ascontiguousarray(matrix.values)
    refuse_unidentified(values, matrix.terms)
    return _People(values, matrix.terms, treated, y, clusters, family or ("binomial" if yes_no else "gaussian"))


def _cluster_folds(clusters: IntArray, folds: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Rows of each fold, whole clusters in one."""
    _, clusters = dense_codes(clusters)
    n = int(clusters.max()) + 1
    if n < 2 * folds:
        raise DataError(f"folds={folds}: there are {n} clusters, fewer than two a fold. Use fewer folds.")
    place = rng.permutation(n) % folds
    return [np.flatnonzero(place[clusters] == k) for k in range(folds)]


def _pseudo_outcomes(
    people: _People, split: list[np.ndarray], model: str, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Pseudo-outcomes (n,), models from the other folds; and (n, folds), column k of earlier rows by models that have not seen fold k."""
    treated, y, values, family = people.treated, people.y, people.values, people.family
    n, folds = len(y), len(split)
    score, means = np.full((n, folds + 1), np.nan), np.full((n, folds + 1, 2), np.nan)
    # Folds left out, the one of them that is predicted, and the column it is for.
    fits: list[tuple[tuple[int, ...], int, int]] = [((k,), k, folds) for k in range(folds)]
    fits += [((j, k), j, k) for j, k in combinations(range(folds), 2)]
    for out, fold, column in fits:
        held = split[fold]
        inside = np.setdiff1d(np.arange(n), np.concatenate([split[k] for k in out]))
        try:
            score[held, column] = _score(values, people.terms, treated, inside, held, model, rng)
            for a, arm in enumerate((True, False)):
                rows = inside[treated[inside] == arm]
                _enough_for_trees(y[rows], family, model)
                means[held, column, a] = _outcome_mean(values, y, rows, held, family, model, rng)
        except PddError as error:
            said = " and ".join(str(k + 1) for k in out)
            raise DataError(f"without fold {said} of {folds}: {p}" for p in error.problems) from error
    seen = ~np.isnan(score)
    # A person's worst score in any of the models that left the person out.
    worst = np.where(treated, np.where(seen, score, 1.0).min(axis=1), np.where(seen, score, 0.0).max(axis=1))
    _refuse_extremes(worst, treated, "ATE")
    t = treated[:, None]
    own, chance = np.where(t, means[..., 0], means[..., 1]), np.where(t, score, score - 1)
    phi = means[..., 0] - means[..., 1] + (y[:, None] - own) / chance
    return phi[:, folds], phi[:, :folds]


def _enough_for_trees(y: FloatArray, family: str, model: str) -> None:
    """A DataError where an arm's outcomes (n,) cannot spare a tenth for trees to stop by."""
    fewest = np.unique(y, return_counts=True)[1].min() if family == "binomial" else len(y)
    if model == "boosting" and (len(y) < 20 or fewest < 2):
        raise DataError("an arm has fewer than 20 people, or 2 of each outcome: too few for model='boosting'.")


def _predictions(
    people: _People, nested: FloatArray, split: list[np.ndarray], model: str, rng: np.random.Generator
) -> FloatArray:
    """Predicted effects (n,) of each fold by a learner of the folds before it; NaN in the first."""
    predicted = np.full(len(people.y), np.nan)
    x = np.column_stack([np.ones(len(predicted)), people.values])
    for k, held in enumerate(split[1:], start=1):
        inside = np.concatenate(split[:k])
        phi = nested[inside, k]
        if model == "boosting":
            learner = boosted_predictor(people.values[inside], phi, rng, probability=False)
            predicted[held] = learner(people.values[held])
        else:
            predicted[held] = x[held] @ np.linalg.lstsq(x[inside], phi, rcond=None)[0]
    return predicted


def _least_squares(x: FloatArray, y: FloatArray, terms: tuple[str, ...], clusters: IntArray | None) -> Linear:
    """Coefficients with the HC1 covariance, or CR1 with clusters: G/(G-1) (n-1)/(n-k)."""
    n, k = x.shape
    gram = np.linalg.inv(x.T @ x)
    beta = gram @ (x.T @ y)
    influence = (x * (y - x @ beta)[:, None]) @ gram
    size = n if clusters is None else len(np.unique(clusters))
    factor = size / (size - 1) * (n - 1) / (n - k)
    covariance = factor * clustered_covariance(influence, () if clusters is None else (clusters,))
    return Linear(terms, beta, covariance, ("",) * k)


def _among(
    split: list[np.ndarray], phi: FloatArray, clusters: IntArray | None
) -> tuple[FloatArray, IntArray | None]:
    """Pseudo-outcomes and clusters of the people in some folds, fold by fold."""
    rows = np.concatenate(split)
    return phi[rows], None if clusters is None else clusters[rows]


def _calibration(
    phi: FloatArray, predicted: FloatArray, split: list[np.ndarray], clusters: IntArray | None
) -> Linear:
    """Mean and heterogeneity coefficients; predictions are centred in each fold, as each fold has a learner of its own."""
    gap = np.concatenate([predicted[held] - predicted[held].mean() for held in split])
    phi, clusters = _among(split, phi, clusters)
    terms, ones = ("mean", "heterogeneity"), np.ones((len(phi), 1))
    if gap.std() <= 1e-9 * phi.std():
        alone = _least_squares(ones, phi, ("mean",), clusters)
        covariance = np.diag([alone.covariance[0, 0], np.nan])
        return Linear(terms, np.append(alone.values, np.nan), covariance, ("", NO_SPREAD))
    return _least_squares(np.column_stack([ones[:, 0], gap]), phi, terms, clusters)


def _sorted_groups(
    phi: FloatArray, predicted: FloatArray, split: list[np.ndarray], groups: int, clusters: IntArray | None
) -> tuple[Linear, tuple[float, int, float]]:
    """Effects of the groups and highest less lowest, and the test that they are one; people of one prediction stay together."""
    shares = [(stats.rankdata(predicted[held]) - 0.5) / len(held) for held in split]
    place = np.minimum((np.concatenate(shares) * groups).astype(np.int64), groups - 1)
    phi, clusters = _among(split, phi, clusters)
    words = [f"group {g + 1} of {groups}" for g in range(groups)]
    words[0], words[-1] = f"{words[0]}, lowest", f"{words[-1]}, highest"
    terms = (*words, "highest less lowest")
    present = np.unique(place)
    if len(present) < 2:
        nothing = np.full((groups + 1, groups + 1), np.nan)
        return Linear(terms, nothing[0], nothing, (NO_SPREAD,) * len(terms)), (np.nan, 0, np.nan)
    member = (place[:, None] == present).astype(float)
    fit = _least_squares(member, phi, tuple(words[g] for g in present), clusters)
    take = np.zeros((groups + 1, len(present)))
    take[present, np.arange(len(present))] = 1.0
    take[-1, [0, -1]] = (-1.0, 1.0)
    values, covariance = take @ fit.values, take @ fit.covariance @ take.T
    lost = [g not in present for g in range(groups)]
    empty = np.array([*lost, lost[0] or lost[-1]])
    values[empty], covariance[empty, :], covariance[:, empty] = np.nan, np.nan, np.nan
    statistic, df, _ = wald_equality(fit.values, fit.covariance)
    reasons = tuple(TIED if e else "" for e in empty)
    return Linear(terms, values, covariance, reasons), (statistic, df, upper_tail(statistic, df))
