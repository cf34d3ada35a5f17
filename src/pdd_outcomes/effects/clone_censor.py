"""Clones, censoring and weights: an exposure that starts within a grace window, without immortal time.

Who is referred is known only some time after time zero. Counting people from time zero as diverted because they were referred
later gives them the time until then for nothing. Here everyone is in both arms until what they did leaves one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd

from ..core.columns import BoolArray, Columns, FloatArray, IntArray
from ..core.errors import DataError, UsageError
from ..core.results import Shown, tidy_frame
from ..design import propensity_score
from .bootstrap import Bootstrapped, bootstrap

STEPS = 30  # of the grace window, for the chance of a referral
MOST_WEIGHT = 0.01  # smallest probability that is divided by; who has a smaller one is counted in `n_cut`
ARMS = ("treated", "control")


@dataclass(frozen=True, slots=True, eq=False)
class CloneCensor(Shown):
    """Risks had everyone been treated by the end of the grace window, and had nobody been treated in it.

    Attributes
    ----------
    at : horizons; grace : length of the window
    replicates : the bootstrap over people, which repeats the models of the weights
    n, n_treated : people, and those treated within the window
    n_cut : people whose weight was cut because hardly anybody like them was treated, or not treated
    """

    at: tuple[float, ...]
    grace: float
    replicates: Bootstrapped = field(repr=False)
    n: int
    n_treated: int
    n_cut: int

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """time, then risk_treated, risk_control, risk_difference and risk_ratio (std_error on the log scale) at each horizon."""
        table = {str(row["term"]): row for row in self.replicates.tidy(level).to_dict("records")}
        rows = []
        for time in self.at:
            for name in ("risk_treated", "risk_control", "risk_difference", "log_risk_ratio"):
                one = table[f"{name}@{time:g}"]
                null = np.nan if name in ("risk_treated", "risk_control") else 0.0
                row = tidy_frame(
                    [name], float(one["estimate"]), float(one["std_error"]), level=level, null=null
                )
                if name == "log_risk_ratio":
                    row["term"] = "risk_ratio"
                    for column in ("estimate", "conf_low", "conf_high"):
                        row[column] = np.exp(row[column])
                row.insert(0, "time", time)
                rows.append(row)
        return pd.concat(rows, ignore_index=True)

    def glance(self) -> pd.DataFrame:
        """One row: people, those treated in the window, weights cut, resamples."""
        return pd.DataFrame(
            {
                "n": [self.n],
                "n_treated": [self.n_treated],
                "n_cut": [self.n_cut],
                "grace": [self.grace],
                "replicates": [len(self.replicates.replicates)],
                "n_failed": [self.replicates.n_failed],
            }
        )


def clone_censor(
    data: pd.DataFrame,
    *,
    time: str,
    event: str,
    treatment_time: str,
    grace: float,
    covariates: Sequence[str],
    at: Sequence[float],
    rng: np.random.Generator,
    replicates: int = 200,
    n_jobs: int = 1,
) -> CloneCensor:
    r"""Effect of being treated within a grace window of time zero, against not being treated in it.

    Everyone is cloned into both arms. A clone of the control arm is censored when the person is treated; a clone of the
    treated arm is censored at the end of the window if the person has not been. The censoring is by what people are like, so
    those who remain are weighted by the inverse of the probability of remaining,

    .. math:: w_0(t) = \prod_{s < \min(t, g)} \frac{1}{1 - h(s \mid x)}, \qquad
              w_1(t) = \frac{1}{P(T \le g \mid x,\ \text{there at } g)} \text{ for } t > g, \text{ else } 1,

    with `h` the chance of treatment in a step of the window (pooled logistic regression on the covariates, the step and its
    square) and `P` a logistic regression among those still followed at `g`. So the treated arm is people who are treated when
    they happen to be within the window, and those who have not been by its end then. Risks are weighted product-limit estimates; errors
    are a bootstrap over people of all of it. It assumes that the covariates are all that treatment and outcome share.

    Parameters
    ----------
    data : one row a person, times from time zero
    time, event : end of follow-up, above 0, and whether it ended in the event (0/1)
    treatment_time : time of treatment, blank where there was none; after the end of follow-up it does not count
    grace : length of the window, in the unit of `time`
    covariates : known at time zero
    at : horizons, above `grace`
    rng, replicates, n_jobs : of the bootstrap

    Raises
    ------
    UsageError, DataError
        Settings and columns out of range; nobody treated, or everybody, in the window.

    References
    ----------
    Hernan (2018) BMJ 360:k182. Maringe and others (2020) International Journal of Epidemiology 49:1719-1729. Cain and others
    (2010) International Journal of Biostatistics 6(2):18.
    """
    horizons = _check(grace, at)
    take = Columns(data)
    times = take.number("time", time, above=0)
    take.binary("event", event, both=False)
    given = take.series("treatment_time", treatment_time)
    for name in covariates:
        take.series("covariates", name)
    take.check()
    assert given is not None
    start = pd.to_numeric(given, errors="coerce").to_numpy(dtype=float)
    odd = np.flatnonzero((given.notna().to_numpy() & np.isnan(start)) | (start < 0))
    if len(odd):
        raise DataError(f"treatment_time={treatment_time!r} is below 0 or no number in {len(odd)} rows.")
    treated = (start <= grace) & (start <= times)
    if not treated.any() or treated.all():
        raise DataError(
            f"{'everybody' if treated.any() else 'nobody'} is treated within {grace:g} of time zero, so there is nothing to "
            "compare. Check treatment_time and grace."
        )
    frame = data[list(covariates)].assign(_time=times, _event=data[event].astype(int), _start=start)
    estimate = partial(_estimates, covariates=list(covariates), grace=float(grace), horizons=horizons)
    found = bootstrap(frame, estimate, rng=rng, replicates=replicates, n_jobs=n_jobs)
    _, cut = _weighted_rows(frame, list(covariates), float(grace))
    return CloneCensor(horizons, float(grace), found, len(frame), int(treated.sum()), cut)


def _check(grace: float, at: Sequence[float]) -> tuple[float, ...]:
    problems = []
    if isinstance(grace, bool) or not isinstance(grace, (int, float, np.number)) or not 0 < grace < np.inf:
        raise UsageError(f"grace={grace!r} must be a number above 0.")
    horizons = tuple(float(t) for t in at)
    if not horizons or any(not grace < t < np.inf for t in horizons):
        problems.append(f"at={list(at)} must be horizons after the grace window, which ends at {grace:g}.")
    if problems:
        raise UsageError(problems)
    return horizons


def _estimates(
    frame: pd.DataFrame, *, covariates: list[str], grace: float, horizons: tuple[float, ...]
) -> dict[str, float]:
    rows, _ = _weighted_rows(frame, covariates, grace)
    made: dict[str, float] = {}
    risks = {arm: _risk(rows.loc[rows["arm"] == arm], np.array(horizons)) for arm in ARMS}
    for k, time in enumerate(horizons):
        one, other = risks["treated"][k], risks["control"][k]
        made[f"risk_treated@{time:g}"], made[f"risk_control@{time:g}"] = one, other
        made[f"risk_difference@{time:g}"] = one - other
        made[f"log_risk_ratio@{time:g}"] = float(np.log(one / other)) if one > 0 and other > 0 else np.nan
    return made


def _weighted_rows(frame: pd.DataFrame, covariates: list[str], grace: float) -> tuple[pd.DataFrame, int]:
    """Rows (start, stop] of the clones with their weights, and how many people's weights were cut."""
    time, start = frame["_time"].to_numpy(), frame["_start"].to_numpy()
    event = frame["_event"].to_numpy() == 1
    inside = (start <= grace) & (start <= time)
    there = time > grace
    chance, rare = _chance_by_grace(frame, covariates, inside, there)
    stop = np.where(inside | ~there, time, grace)
    early = pd.DataFrame(
        {"start": 0.0, "stop": np.minimum(stop, grace), "event": event & (time <= grace), "weight": 1.0}
    )
    after = inside & there
    late = pd.DataFrame(
        {"start": grace, "stop": time[after], "event": event[after], "weight": 1 / chance[after]}
    )
    control, cut = _control_rows(frame, covariates, grace, inside)
    rows = [part.assign(arm="treated") for part in (early, late)] + [control.assign(arm="control")]
    return pd.concat(rows, ignore_index=True), int((rare & after).sum()) + cut


def _chance_by_grace(
    frame: pd.DataFrame, covariates: list[str], inside: BoolArray, there: BoolArray
) -> tuple[FloatArray, BoolArray]:
    """Probability (n,) of having been treated by the end of the window, of those there; and where it was cut."""
    among = frame.loc[there, covariates].assign(_treated=inside[there].astype(int))
    chance = np.ones(len(frame))
    chance[there] = propensity_score(among, "_treated", covariates=covariates).score
    return np.maximum(chance, MOST_WEIGHT), chance < MOST_WEIGHT


def _control_rows(
    frame: pd.DataFrame, covariates: list[str], grace: float, inside: BoolArray
) -> tuple[pd.DataFrame, int]:
    """The control arm's clones, a row for each step of the window they are there, and one after it."""
    time, start = frame["_time"].to_numpy(), frame["_start"].to_numpy()
    event = frame["_event"].to_numpy() == 1
    last = np.where(inside, start, time)  # treated: censored there
    edges = np.linspace(0.0, grace, STEPS + 1)
    # Somebody treated at once was never there to be a control.
    row, step = np.nonzero((last[:, None] > edges[:-1]) | (inside & (last == 0))[:, None] & (edges[:-1] == 0))
    ends = np.minimum(last[row], edges[step + 1])
    leaves = inside[row] & (start[row] <= edges[step + 1])
    periods = frame[covariates].iloc[row].reset_index(drop=True)
    periods = periods.assign(_k=step / STEPS, _k2=(step / STEPS) ** 2, _leaves=leaves.astype(int))
    hazard = propensity_score(periods, "_leaves", covariates=[*covariates, "_k", "_k2"]).score
    stays = np.log1p(-np.minimum(hazard, 1 - MOST_WEIGHT))
    so_far = _sum_before(stays, row)
    happened = event[row] & ~inside[row] & (ends == time[row])
    rows = pd.DataFrame({"start": edges[step], "stop": ends, "event": happened, "weight": np.exp(-so_far)})
    rows = rows.loc[rows["stop"] > rows["start"]]
    after = np.flatnonzero(~inside & (time > grace))
    whole = np.bincount(row, weights=stays, minlength=len(frame))
    floor = np.log(MOST_WEIGHT)
    late = pd.DataFrame(
        {
            "start": grace,
            "stop": time[after],
            "event": event[after],
            "weight": np.exp(-np.maximum(whole[after], floor)),
        }
    )
    return pd.concat([rows, late], ignore_index=True), int((whole[after] < floor).sum())


def _sum_before(values: FloatArray, group: IntArray) -> FloatArray:
    """For each row, the sum of the values of the rows of its group before it; groups are contiguous."""
    total = np.cumsum(values) - values
    first = np.flatnonzero(np.r_[True, np.diff(group) != 0])
    return np.asarray(total - np.repeat(total[first], np.diff(np.r_[first, len(group)])))


def _risk(rows: pd.DataFrame, at: FloatArray) -> FloatArray:
    """One less the weighted product-limit estimate of surviving to `at`, from rows (start, stop]."""
    start, stop, weight = (rows[c].to_numpy(dtype=float) for c in ("start", "stop", "weight"))
    happened = rows["event"].to_numpy(dtype=bool)
    times, place = np.unique(stop[happened], return_inverse=True)
    deaths = np.bincount(place, weights=weight[happened], minlength=len(times))
    begun = _below(start, weight, times)  # entered strictly before
    ended = _below(stop, weight, times)  # left strictly before
    survival = np.cumprod(1 - deaths / (begun - ended)) if len(times) else np.ones(0)
    known = np.concatenate([[1.0], survival])[np.searchsorted(times, at, side="right")]
    return np.asarray(1 - known)


def _below(values: FloatArray, weight: FloatArray, times: FloatArray) -> FloatArray:
    order = np.argsort(values)
    total = np.concatenate([[0.0], np.cumsum(weight[order])])
    return np.asarray(total[np.searchsorted(values[order], times, side="left")])
