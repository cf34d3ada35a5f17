"""Per-protocol risks: had everyone kept to the arm they were in, by inverse probability of censoring weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, Columns, FloatArray
from ..core.errors import DataError, PddError, UsageError, rows_phrase
from ..core.formula import model_matrix
from ..core.results import TIDY, Shown, check_level
from ..core.sandwich import clustered_covariance
from .arms import arm_rows
from .certainty import ERRORS
from .per_protocol_fit import Arm, Setting, arm_risks

MEASURES = ("risk_treated", "risk_control", "risk_difference", "risk_ratio")
ESTIMANDS = ("per protocol", "deviators censored, unweighted", "intention to treat")
ARMS = ("treated", "control")


@dataclass(frozen=True, slots=True, eq=False)
class PerProtocol(Shown):
    """Risks of the two arms under full adherence, with the two comparisons that they correct.

    Attributes
    ----------
    at : h horizons
    risks : (3, 2, h) per protocol, with deviators censored and unweighted, by intention to treat; treated first; NaN beyond
        the last person who is followed
    covariance : (3, 2, 2, h) of the two arms at each horizon
    arms : a row an arm: people, deviating, events while adherent, largest_weight before truncation, mean_weight, cap,
        n_truncated (people whose weight was cut)
    n_clusters : clusters of the variance; people where there was no `cluster`. With fewer than about twenty an interval is
        likely to be too short
    no_error : why there is no interval at all: an arm is a single cluster; else empty
    """

    at: tuple[float, ...]
    risks: FloatArray = field(repr=False)
    covariance: FloatArray = field(repr=False)
    arms: pd.DataFrame
    n_clusters: int
    no_error: str
    level: float

    def tidy(self, level: float | None = None) -> pd.DataFrame:
        """Standard rows led by time: risk_treated, risk_control, risk_difference, risk_ratio (std_error on the log scale).

        `reason` says why there is no estimate or no interval.
        """
        return self._rows(0, self.level if level is None else check_level(level))

    def beside(self, level: float | None = None) -> pd.DataFrame:
        """The same rows for three estimands, named in a leading column.

        "per protocol"; "deviators censored, unweighted", which is right only if who deviates is chance; "intention to
        treat", which takes no notice of deviating.
        """
        wanted = self.level if level is None else check_level(level)
        parts = []
        for k, name in enumerate(ESTIMANDS):
            part = self._rows(k, wanted)
            part.insert(0, "estimand", name)
            parts.append(part)
        return pd.concat(parts, ignore_index=True)

    def _rows(self, k: int, level: float) -> pd.DataFrame:
        rows: list[dict[Any, Any]] = []
        for h, time in enumerate(self.at):
            risks = self.risks[k, :, h]
            gone = [arm for arm, risk in zip(ARMS, risks) if np.isnan(risk)]
            if gone:
                kept = "" if k == 2 else " while adherent"
                reason = f"nobody of the {' and the '.join(gone)} arm is followed so long{kept}"
                rows += [
                    {"time": time, "term": m, **dict.fromkeys(TIDY[1:], np.nan), "reason": reason}
                    for m in MEASURES
                ]
                continue
            frame = arm_rows(risks, self.covariance[k, :, :, h], risks * (1 - risks), "risk", level)
            frame = frame.loc[frame["term"].isin(MEASURES)]
            if self.no_error:
                frame = frame.assign(**dict.fromkeys(ERRORS, np.nan), reason=self.no_error)
            rows += [{"time": time, **row} for row in frame.to_dict("records")]
        return pd.DataFrame(rows)

    def glance(self) -> pd.DataFrame:
        """One row: people, those who deviate, the largest weight and how many people's weights were cut."""
        by = self.arms.set_index("arm")
        row: dict[str, Any] = {}
        for name in ("people", "deviating", "events", "largest_weight", "cap", "n_truncated"):
            row |= {f"{name}_{arm}": by.loc[arm, name] for arm in ARMS}
        return pd.DataFrame([row | {"n_clusters": self.n_clusters}])


def per_protocol(
    data: pd.DataFrame,
    treatment: str,
    *,
    time: str,
    event: str,
    deviates: str,
    at: Sequence[float],
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    weights: str | None = None,
    cluster: str | Sequence[str] | None = None,
    step: float = 30.4,
    stabilised: bool = True,
    truncate: float = 0.99,
    level: float = 0.95,
) -> PerProtocol:
    r"""Risks of both arms had everyone adhered, by inverse probability of censoring weights.

    Who deviates is censored then, and who goes on is weighted for those like them who did not. In steps `k` of follow-up,
    in each arm alone,

    .. math:: \operatorname{logit} h_k(x) = \alpha_{s(k)} + x^\top\beta, \qquad
              w_i(t) = \prod_{j \le t} \frac{1 - \bar h_j}{1 - h_j(x_i)},

    with :math:`\alpha` level over stretches of follow-up, each with about a sixth of the deviations or a step with more, and
    :math:`\bar h` the same model without covariates (1 on top where not `stabilised`). Within the step of an event, the
    chance of having deviated counts by the share of the step's deviations that come before its events. The risk is one less
    the weighted product-limit estimate. Its variance is that of the influence functions, with the part of the
    estimated :math:`\alpha, \beta` in them; who is truncated is taken as given.

    It assumes that the covariates are all that deviating and the outcome share, also later (they are known at time zero only),
    that other losses to follow-up are chance, and that the arms are alike at time zero: by chance, or by `weights`.

    Parameters
    ----------
    data : one row a person, in days (or another unit) from time zero; treatment : 0/1 column
    time, event : end of follow-up, above 0, and whether it ended in the event (0/1)
    deviates : day on which the person stops adhering, blank if never. On the day follow-up ends, or after it, it does not
        count: the event comes first
    at : horizons
    covariates, formula : one of the two, known at time zero
    weights : column of baseline weights, such as those of a design, taken as given
    cluster : column, or two, of what varies together
    step : length of the steps in which deviating is modelled; take a shorter one where many deviate within one
    truncate : quantile of each arm's weights at which they are cut; 1 for none. `.arms` says how many people that touched

    Raises
    ------
    UsageError, DataError
        Settings and columns out of range; covariates that are constant or collinear in an arm, or that separate who
        deviates.

    References
    ----------
    Robins and Finkelstein (2000) Biometrics 56:779-788. Hernan and Robins (2020) Causal Inference: What If, chapters 12,
    17 and 21. Cole and Hernan (2008) American Journal of Epidemiology 168:656-664, for truncation.
    """
    check_level(level)
    horizons = _check(at, step, truncate)
    take = Columns(data)
    treated = take.binary("treatment", treatment)
    times = take.number("time", time, above=0)
    events = take.binary("event", event, both=False)
    leave = _leaving(take, deviates, len(data))
    base = take.weights("weights", weights)
    names = [cluster] if isinstance(cluster, str) else list(cluster or ())
    if len(names) > 2:
        raise UsageError(f"cluster names {len(names)} columns; at most two are supported.")
    clusters = [take.codes("cluster", name) for name in names]
    values, terms = _values(take, data, covariates, formula)
    for arm, word in ((True, "treated"), (False, "control")):
        if weights in data.columns and not (base[treated == arm] > 0).any():
            take.problem(
                f"weights={weights!r} leaves nobody in the {word} arm, so there is nothing to compare."
            )
    take.check()
    everyone = Arm(times, events, leave, values, terms, base)
    setting = Setting(np.array(horizons), float(step), stabilised, float(truncate))
    risks, influence, said = _by_arm(everyone, treated, setting, deviates)
    covariance = np.array(
        [[clustered_covariance(part[:, :, h].T, clusters) for h in range(len(horizons))] for part in influence]
    )
    inside = [len(np.unique(c[(treated == arm) & (base > 0)])) for c in clusters for arm in (True, False)]
    alone = "no interval: an arm is a single cluster, and so gives no standard error"
    return PerProtocol(
        horizons,
        risks,
        np.moveaxis(covariance, 1, -1),
        said,
        min((len(np.unique(c[base > 0])) for c in clusters), default=int((base > 0).sum())),
        alone if min(inside, default=2) < 2 else "",
        float(level),
    )


def _by_arm(
    everyone: Arm, treated: BoolArray, setting: Setting, deviates: str
) -> tuple[FloatArray, FloatArray, pd.DataFrame]:
    """Risks (3, 2, h) of each estimand and arm, their influence (3, 2, n, h), and a row on each arm."""
    n, h = len(treated), len(setting.at)
    risks, influence, said = np.full((3, 2, h), np.nan), np.zeros((3, 2, n, h)), []
    for a, arm in enumerate((True, False)):
        here = np.flatnonzero((treated == arm) & (everyone.weight > 0))
        try:
            found, summary = arm_risks(everyone.of(here), setting)
        except PddError as error:
            raise DataError(
                f"deviates={deviates!r} in the {ARMS[a]} arm: {p}" for p in error.problems
            ) from error
        for k, (risk, psi) in enumerate(found):
            risks[k, a], influence[k, a, here] = risk, psi
        said.append({"arm": ARMS[a], **summary})
    return risks, influence, pd.DataFrame(said)


def _check(at: Sequence[float], step: float, truncate: float) -> tuple[float, ...]:
    array, problems = np.asarray(at), []
    number = array.ndim == 1 and len(array) > 0 and array.dtype.kind in "iuf"
    if not number or not ((array > 0) & (array < np.inf)).all():
        problems.append("at= needs at least one horizon, each a finite number above 0, such as [182, 365].")
    if isinstance(step, bool) or not isinstance(step, (int, float, np.number)) or not 0 < step < np.inf:
        problems.append(f"step={step!r} must be a number above 0.")
    elif not problems and array.max() / step > 1_000:
        problems.append(f"step={step!r} cuts follow-up into more than 1,000 steps. Take a longer one.")
    if isinstance(truncate, bool) or not isinstance(truncate, (int, float)) or not 0.5 < truncate <= 1:
        problems.append(
            f"truncate={truncate!r} must be a quantile above 0.5, such as 0.99, or 1 for no truncation."
        )
    if problems:
        raise UsageError(problems)
    return tuple(float(t) for t in array)


def _leaving(take: Columns, deviates: str, n: int) -> FloatArray:
    """Day of deviating (n,), infinite where never."""
    series = take.series("deviates", deviates)
    never = np.full(n, np.inf)
    if series is None or series.isna().all():
        return never
    if series.dtype.kind not in "biuf":
        take.problem(
            f"deviates={deviates!r} must be days as a number, blank if never, and its type is {series.dtype}. "
            "Convert it before this call."
        )
        return never
    days = series.to_numpy(dtype=float, na_value=np.nan)
    below = np.flatnonzero(days < 0)
    if len(below):
        take.problem(
            f"deviates={deviates!r} is below 0 for {rows_phrase(below.tolist(), n)}. Nobody stops before time zero; "
            "correct the dates."
        )
    return np.where(np.isnan(days), np.inf, days)


def _values(
    take: Columns, data: pd.DataFrame, covariates: Sequence[str] | None, formula: str | None
) -> tuple[FloatArray, tuple[str, ...]]:
    """The covariates (n, p) and their terms; what is wrong with them is noted with the rest."""
    try:
        matrix = model_matrix(data, covariates=covariates, formula=formula)
        if not matrix.terms:
            raise UsageError(
                "The model of deviating has no terms: name at least one covariate that varies. With none, who deviates is "
                "taken to be chance."
            )
    except PddError as error:
        for problem in error.problems:
            take.problem(problem)
        return np.zeros((len(data), 0)), ()
    return np.ascontiguousarray(matrix.values), matrix.terms
