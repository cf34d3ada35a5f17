"""Few forces: the wild cluster bootstrap, randomisation inference over forces, and the plain t-test of their means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, Columns, FloatArray, IntArray, dense_codes
from ..core.errors import DataError, UsageError, choose
from ..core.formula import model_matrix
from ..core.results import Shown, check_level, tidy_frame
from ..core.sandwich import cluster_sums
from .influence import Inverted, Quotients, arrangements, n_arrangements

FEWEST = 3  # clusters an arm must have for the wild bootstrap
ALLOCATIONS = 20
WEBB_BELOW = 12  # clusters under which two-point signs are too few
WEBB = np.sqrt([0.5, 1.0, 1.5])
SETTLED = (
    "treatment={!r} is settled by the covariates, so it has no effect of its own. Leave out what names the arm."
)
ALONE = "one cluster says nothing of how clusters differ"
SAME = "clusters do not differ at all but by arm, so there is no error to judge by"


@dataclass(frozen=True, slots=True, eq=False)
class _People:
    """Rows with a weight above 0: outcome and treatment (n,), weight (n,), covariates with an intercept (n, q), cluster codes (n,)."""

    y: FloatArray
    d: FloatArray
    w: FloatArray
    z: FloatArray
    g: IntArray
    strata: IntArray  # of each cluster (G,)

    def swept(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """An orthonormal basis (n, q') of the weighted covariates, and the weighted y and d less their part in it."""
        root = np.sqrt(self.w)
        z = self.z * root[:, None]
        z = z / np.sqrt((z**2).sum(axis=0)).clip(1e-300)
        values, vectors = np.linalg.eigh(z.T @ z)
        kept = values > 1e-10 * values[-1]
        basis = np.asarray(z @ (vectors[:, kept] / np.sqrt(values[kept])))
        y, d = self.y * root, self.d * root
        return basis, y - basis @ (basis.T @ y), d - basis @ (basis.T @ d)


def _people(
    data: pd.DataFrame,
    outcome: str,
    treatment: str,
    cluster: str,
    weights: str | None,
    covariates: Sequence[str] | None,
    formula: str | None = None,
    strata: str | None = None,
    *,
    constant: bool = False,
) -> _People:
    take = Columns(data)
    y, d = take.number("outcome", outcome), take.binary("treatment", treatment)
    g, w = take.codes("cluster", cluster), take.weights("weights", weights)
    s = np.zeros(len(data), dtype=np.int64) if strata is None else take.codes("strata", strata)
    take.check()
    fixed = (("treatment", treatment, d.astype(float)), ("strata", strata, s)) if constant else ()
    for role, name, values in fixed:
        if mixed := int((pd.Series(values[w > 0]).groupby(g[w > 0]).nunique() > 1).sum()):
            take.problem(
                f"{role}={name!r} is not the same for everyone in {mixed} of the clusters of {cluster!r}. What is drawn by "
                "lot is a whole cluster's: name the cluster that was treated as one, or use wild_cluster_bootstrap."
            )
    take.check()
    rows = np.flatnonzero(w > 0)
    if not len(rows) or len(np.unique(d[rows])) < 2:
        raise DataError("one arm has no row with a weight above 0, so there is nothing to compare.")
    z = np.ones((len(rows), 1))
    if formula is not None or (covariates is not None and len(covariates)):
        found = model_matrix(data, covariates=covariates, formula=formula).values[rows]
        z = np.column_stack([z, found - np.average(found, axis=0, weights=w[rows])])
    codes = dense_codes(g[rows])[1]
    of_cluster = s[rows][np.unique(codes, return_index=True)[1]]
    return _People(y[rows], d[rows].astype(float), w[rows], z, codes, of_cluster)


class WildBootstrap(Inverted):
    """A regression coefficient of treatment, tested by the wild cluster bootstrap; std_error is CR1, statistic its t."""

    __slots__ = ()


class RandomisationTest(Inverted):
    """A difference between treated and control clusters, tested by who else could have been treated; it has no std_error."""

    __slots__ = ()


def wild_cluster_bootstrap(
    data: pd.DataFrame,
    outcome: str,
    treatment: str,
    *,
    cluster: str,
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    weights: str | None = None,
    null: float = 0.0,
    weights_kind: Literal["auto", "rademacher", "webb"] = "auto",
    replicates: int = 9999,
    rng: np.random.Generator | None = None,
    level: float = 0.95,
    imposed: bool = True,
) -> WildBootstrap:
    r"""The coefficient of treatment in a (weighted) linear regression, tested by flipping whole clusters' residuals.

    With :math:`\tilde d` the treatment less its part in the covariates, :math:`\tilde u` the residuals under the null and a sign
    :math:`v_g` for every cluster, a draw's numerator is :math:`\sum_g v_g \tilde d_g^\top \tilde u_g` and its denominator the
    cluster-robust (CR1) one of the same draw, so that no regression is fitted twice (Roodman et al. 2019, section 5).

    Parameters
    ----------
    outcome : number (0/1 for a risk); treatment : 0/1; cluster : what is exposed as one, such as a force
    covariates, formula : one of the two, or neither
    null : effect that `p_value` tests
    weights_kind : "rademacher" (1 or -1), "webb" (six points, Webb 2023), or "auto": Webb's under 12 clusters
    replicates : draws, with `rng`; where 1 and -1 make no more patterns than that, all of these are taken and none is drawn
    imposed : residuals under the null (recommended); False takes those of the fit itself

    Returns
    -------
    WildBootstrap
        The interval is of the effects whose p-value is above 1 - level. With fewer than three treated or three control
        clusters the method is known to fail (MacKinnon and Webb 2017): there is the estimate and a reason.

    Raises
    ------
    DataError, UsageError
        Columns that do not fit their roles; a treatment that the covariates settle; draws without `rng`.

    References
    ----------
    Cameron, Gelbach and Miller (2008) Review of Economics and Statistics 90:414-427. Roodman, Nielsen, MacKinnon and Webb
    (2019) Stata Journal 19:4-60. Webb (2023) Canadian Journal of Economics 56:839-858. MacKinnon and Webb (2017) Journal
    of Applied Econometrics 32:233-254.
    """
    choose("weights_kind", weights_kind, ["auto", "rademacher", "webb"])
    _asked(replicates, level)
    people = _people(data, outcome, treatment, cluster, weights, covariates, formula)
    basis, y, d = people.swept()
    total = float(d @ d)
    if total <= 1e-10 * float(people.w @ people.d):
        raise DataError(SETTLED.format(treatment))
    estimate, groups = float(d @ y) / total, len(people.strata)
    residual = y - estimate * d
    n, used = len(y), basis.shape[1] + 1
    factor = groups / max(groups - 1, 1) * (n - 1) / max(n - used, 1)
    error = float(np.sqrt(factor * (cluster_sums(d * residual, people.g) ** 2).sum())) / total
    arms = [len(np.unique(people.g[people.d == arm])) for arm in (1, 0)]
    kind = ("webb" if groups < WEBB_BELOW else "rademacher") if weights_kind == "auto" else weights_kind
    every = kind == "rademacher" and groups < 40 and 2**groups <= replicates
    reason = _few(arms, FEWEST, "flipping residuals is known to fail with fewer than three in an arm")
    if not reason and error <= 1e-10 * np.sqrt(float(y @ y) / total):
        reason = SAME
    quotients = None
    if not reason:
        signs = _signs(kind, groups, every, replicates, rng)
        quotients = _flipped(people.g, basis, d, residual, signs, imposed, estimate, int(not every))
    return WildBootstrap(
        term=treatment,
        estimate=estimate,
        std_error=error,
        statistic=(estimate - null) / error if error > 0 else np.nan,
        null=float(null),
        level=level,
        least_p=2.0 ** (1 - groups) if every else 1 / (replicates + 1),
        draws=2**groups if every else replicates,
        exhaustive=every,
        n=n,
        n_treated_clusters=arms[0],
        n_control_clusters=arms[1],
        how=f"wild cluster bootstrap, {kind}, null {'' if imposed else 'not '}imposed",
        reason=reason,
        quotients=quotients,
    )


def _asked(replicates: int, level: float) -> None:
    check_level(level)
    if isinstance(replicates, bool) or not isinstance(replicates, (int, np.integer)) or replicates < 99:
        raise UsageError(f"replicates={replicates!r} must be a whole number of at least 99.")


def _few(arms: Sequence[int], fewest: int, why: str) -> str:
    """Why too few clusters of an arm, treated first, leave nothing to go by; empty where there are enough."""
    short = [f"{n} {arm} cluster{'s' * (n != 1)}" for n, arm in zip(arms, ("treated", "control")) if n < fewest]
    return f"the estimate rests on {' and '.join(short)}: {why}" if short else ""


def _signs(kind: str, groups: int, every: bool, replicates: int, rng: np.random.Generator | None) -> FloatArray:
    """A multiplier for every cluster in every draw (G, B)."""
    if every:
        bits = np.arange(2**groups)[None, :] >> np.arange(groups)[:, None]
        return np.asarray(1.0 - 2.0 * (bits & 1))
    if not isinstance(rng, np.random.Generator):
        raise UsageError(f"signs of {groups} clusters are drawn: give rng=numpy.random.default_rng(seed).")
    signs = rng.choice([-1.0, 1.0], size=(groups, replicates))
    return np.asarray(signs * rng.choice(WEBB, size=signs.shape) if kind == "webb" else signs)


def _flipped(
    g: IntArray,
    basis: FloatArray,
    d: FloatArray,
    residual: FloatArray,
    signs: FloatArray,
    imposed: bool,
    estimate: float,
    more: int,
) -> Quotients:
    """Numerators and squared denominators of the bootstrap t, in the distance of the null from the estimate."""
    s, e = cluster_sums(d * residual, g), cluster_sums(d * d, g)
    h, r = cluster_sums(basis * d[:, None], g), cluster_sums(basis * residual[:, None], g)
    total = float(e.sum())
    a, b = s @ signs, e @ signs
    first = signs * s[:, None] - h @ (r.T @ signs) - np.outer(e, a / total)
    second = signs * e[:, None] - h @ (h.T @ signs) - np.outer(e, b / total)
    if not imposed:
        b, second = np.zeros_like(b), np.zeros_like(second)
    q = np.array([(first**2).sum(axis=0), (first * second).sum(axis=0), (second**2).sum(axis=0)])
    seen = np.array([float((s**2).sum()), 0.0, 0.0])
    return Quotients(estimate, a, b, q, (0.0, total), seen, more)


def randomisation_inference(
    data: pd.DataFrame,
    outcome: str,
    treatment: str,
    *,
    cluster: str,
    weights: str | None = None,
    covariates: Sequence[str] | None = None,
    replicates: int = 9999,
    rng: np.random.Generator | None = None,
    statistic: Literal["difference", "t"] = "difference",
    strata: str | None = None,
    level: float = 0.95,
) -> RandomisationTest:
    r"""The difference between treated and control clusters, against every other choice of as many clusters to treat.

    Were the effect :math:`\delta` for everyone, :math:`y - \delta d` would be what people do untreated, whichever clusters were
    chosen; the p-value is the share of choices whose statistic is at least as far from 0 as the one made, that one counted.

    Parameters
    ----------
    treatment : 0/1, the same for everyone in a cluster
    covariates : what is taken out of the outcome first, by weighted least squares under each null (Rosenbaum 2002)
    replicates : all choices are taken where there are no more than that (715 for 9 of 13); else that many are drawn with `rng`
    statistic : "difference" in (weighted) means of people, or "t", that over its cluster-robust standard error, which keeps
        its size where the clusters of the two arms differ in spread (Wu and Ding 2021)
    strata : column within whose levels clusters were chosen

    Returns
    -------
    RandomisationTest
        The estimate is the effect at which the statistic is 0 (the difference, where there are no covariates). With fewer than
        20 choices there is the estimate and a reason.

    Raises
    ------
    DataError, UsageError
        Columns that do not fit their roles; a treatment that differs within a cluster; draws without `rng`.

    References
    ----------
    Rosenbaum (2002) Statistical Science 17:286-327. Gail, Mark, Carroll, Green and Pee (1996) Statistics in Medicine
    15:1069-1092. Wu and Ding (2021) Journal of the American Statistical Association 116:1898-1913.
    """
    choose("statistic", statistic, ["difference", "t"])
    _asked(replicates, level)
    people = _people(data, outcome, treatment, cluster, weights, covariates, None, strata, constant=True)
    root, (_, y, d) = np.sqrt(people.w), people.swept()
    size = np.bincount(people.g, weights=people.w).astype(float)
    sums = np.column_stack([cluster_sums(root * y, people.g), cluster_sums(root * d, people.g)])
    chosen = np.bincount(people.g, weights=people.d) > 0
    kinds, arms = chosen.astype(np.int64), (int(chosen.sum()), int((~chosen).sum()))
    every = (total := n_arrangements(kinds, people.strata)) <= replicates
    top = _compared(chosen[None], size, sums, "difference")[0]
    slope = float(top[0, 1])
    if abs(slope) < 1e-10:
        raise DataError(SETTLED.format(treatment))
    estimate = float(top[0, 0]) / slope
    sums[:, 0] -= estimate * sums[:, 1]
    spread = _compared(chosen[None], size, sums, statistic)[1][:, 0]
    under = float(np.sqrt(np.array([1.0, 2 * estimate, estimate**2]) @ spread))
    reason = _few(arms, 2, ALONE) if statistic == "t" else ""
    if total < ALLOCATIONS:
        reason = f"as many clusters could have been chosen in only {total} ways, and a test needs {ALLOCATIONS}"
    elif not reason and np.ptp(sums[:, 0] / size) <= 1e-12 * np.abs(people.y).max():
        reason = SAME
    quotients = None
    if not reason:
        lots = arrangements(kinds, replicates, rng, people.strata)[0] == 1
        tops, squares = _compared(lots, size, sums, statistic)
        quotients = Quotients(estimate, tops[:, 0], tops[:, 1], squares, (0.0, slope), spread, int(not every))
    # Where every stratum is split in half, the choice of the others instead is as far from 0.
    even = np.array_equal(2 * np.bincount(people.strata, chosen), np.bincount(people.strata))
    return RandomisationTest(
        term=treatment,
        estimate=estimate,
        std_error=np.nan,
        statistic=estimate * slope / under if under > 0 else np.nan,
        null=0.0,
        level=level,
        least_p=(1 + even) / total if every else 1 / (replicates + 1),
        draws=total if every else replicates,
        exhaustive=every,
        n=len(y),
        n_treated_clusters=arms[0],
        n_control_clusters=arms[1],
        how=f"randomisation of clusters, {statistic}",
        reason=reason,
        quotients=quotients,
    )


def _compared(
    lots: BoolArray, size: FloatArray, sums: FloatArray, statistic: str
) -> tuple[FloatArray, FloatArray]:
    """Differences in means (B, 2) of the two sums a cluster has, and squared denominators (3, B), of choices (B, G)."""
    arms, square = [], np.zeros((3, len(lots)))
    for arm in (lots, ~lots):
        share = arm.astype(float)
        weight, many = share @ size, share.sum(axis=1)
        mean = share @ sums / weight[:, None]
        arms.append(mean)
        if statistic == "t":
            first, second = (share * (sums[:, j] - mean[:, j, None] * size) for j in (0, 1))
            with np.errstate(divide="ignore", invalid="ignore"):
                scale = many / (many - 1) / weight**2
                parts = [(first**2).sum(axis=1), (first * second).sum(axis=1), (second**2).sum(axis=1)]
                square += np.array(parts) * scale
    if statistic == "difference":
        square[0] = 1.0
    return arms[0] - arms[1], square


@dataclass(frozen=True, slots=True, eq=False)
class ClusterMeans(Shown):
    """The t-test of cluster means: `means` (G,) by cluster, whether `treated` (G,), and why there is no error, if so."""

    means: FloatArray = field(repr=False)
    treated: BoolArray = field(repr=False)
    reason: str

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """mean_treated, mean_control and their difference, each cluster counted alike; t on clusters - 2."""
        arms, free = [self.means[self.treated], self.means[~self.treated]], len(self.means) - 2
        mean, many = np.array([a.mean() for a in arms]), np.array([len(a) for a in arms])
        error = np.full(3, np.nan)
        if not self.reason:
            pooled = sum(float(((a - a.mean()) ** 2).sum()) for a in arms) / free
            error = np.sqrt(pooled * np.append(1 / many, (1 / many).sum()))
        terms, null = ["mean_treated", "mean_control", "difference"], np.array([np.nan, np.nan, 0.0])
        values, df = np.append(mean, mean[0] - mean[1]), float(max(free, 1))
        frame = tidy_frame(terms, values, error, level=level, df=df, null=null)
        return frame.assign(reason=self.reason)

    def glance(self) -> pd.DataFrame:
        """One row: clusters by arm and degrees of freedom."""
        arms = {"n_treated_clusters": int(self.treated.sum()), "n_control_clusters": int((~self.treated).sum())}
        return pd.DataFrame([arms | {"df": len(self.means) - 2, "reason": self.reason}])


def cluster_level(
    data: pd.DataFrame, outcome: str, treatment: str, *, cluster: str, weights: str | None = None
) -> ClusterMeans:
    """The difference between the plain averages of treated and of control clusters' means.

    Each cluster counts alike, whatever its size; `weights` are people's within their cluster. The two-sample t-test, on clusters
    less two degrees of freedom (Donner and Klar 2000, Design and Analysis of Cluster Randomization Trials, section 6.2.1).

    Raises
    ------
    DataError
        Columns that do not fit their roles; a treatment that differs within a cluster.
    """
    people = _people(data, outcome, treatment, cluster, weights, None, constant=True)
    means = np.bincount(people.g, people.w * people.y) / np.bincount(people.g, people.w)
    treated = np.bincount(people.g, people.d) > 0
    reason = _few(
        [int(treated.sum()), int((~treated).sum())], 2, "one cluster says nothing of how clusters differ"
    )
    if not reason and max(np.ptp(means[treated]), np.ptp(means[~treated])) <= 1e-12 * np.abs(means).max():
        reason = SAME
    return ClusterMeans(means, treated, reason)
