"""A bootstrap that repeats the whole design: score, match and estimate anew in every resample."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ..core.columns import Columns, FloatArray, IntArray
from ..core.errors import DataError, PddError, UsageError, choose
from ..core.results import Shown, check_level, tidy_frame

Estimate = Callable[[pd.DataFrame], "Mapping[str, float] | pd.DataFrame"]
INTERVALS = ("percentile", "normal")
CHUNKS = 8  # of replicates for each worker, so that a progress bar moves and the last worker is not waited for
Drawn = tuple[dict[str, float], str]


@dataclass(frozen=True, slots=True, eq=False)
class Bootstrapped(Shown):
    """Estimates with the spread that they have over resamples.

    Attributes
    ----------
    estimates : (k,) of the data as they are; terms : their k names
    replicates : (r, k) of the resamples, NaN where a resample could not be estimated
    resampled : what was drawn, in words
    reasons : why resamples failed, and how many
    """

    terms: tuple[str, ...]
    estimates: FloatArray
    replicates: FloatArray = field(repr=False)
    resampled: str
    reasons: Mapping[str, int]

    @property
    def n_failed(self) -> int:
        """Resamples that could not be estimated."""
        return int(sum(self.reasons.values()))

    @property
    def covariance(self) -> FloatArray:
        """Covariance (k, k) of the estimates over the resamples that could be estimated."""
        known = self.replicates[np.isfinite(self.replicates).all(axis=1)]
        return np.atleast_2d(np.cov(known, rowvar=False))

    def tidy(self, level: float = 0.95, *, interval: str = "percentile") -> pd.DataFrame:
        """Standard rows: std_error is the SD over resamples; limits are their quantiles, or normal ones."""
        choose("interval", interval, INTERVALS)
        check_level(level)
        error = np.nanstd(self.replicates, axis=0, ddof=1)
        frame = tidy_frame(self.terms, self.estimates, error, level=level)
        if interval == "percentile":
            tail = (1 - level) / 2
            low, high = np.nanquantile(self.replicates, [tail, 1 - tail], axis=0)
            frame = frame.assign(conf_low=low, conf_high=high)
        return frame

    def glance(self) -> pd.DataFrame:
        """One row: resamples drawn and failed, and what was drawn."""
        return pd.DataFrame(
            {
                "replicates": [len(self.replicates)],
                "n_failed": [self.n_failed],
                "resampled": [self.resampled],
            }
        )


def bootstrap(
    data: pd.DataFrame,
    estimate: Estimate,
    *,
    rng: np.random.Generator,
    replicates: int = 1000,
    cluster: str | None = None,
    strata: str | Sequence[str] | None = None,
    n_jobs: int = 1,
    progress: bool = False,
) -> Bootstrapped:
    """Resample people, or clusters of them, and repeat everything that was done with the data.

    `estimate` takes a frame and returns its estimates: a mapping of names to numbers, or a tidy frame of which `term` and
    `estimate` are read. It should hold the whole design, from the score on: a bootstrap of matched sets alone takes the
    match as given. For matching with replacement no bootstrap is valid (Abadie and Imbens 2008, Econometrica
    76:1537-1557); use the two-way clustered variance of `time_to_event` or `risk_contrast` there.

    Parameters
    ----------
    rng : the same generator gives the same resamples, however many workers there are
    cluster : column of labels that are drawn whole, such as the force or the household; None draws people
    strata : columns inside which is drawn, so that every resample has as many from each
    n_jobs : workers; -1 is one a core
    progress : a bar on stderr, where that is a terminal

    Raises
    ------
    DataError
        The data themselves, or more than half of the resamples, cannot be estimated.

    References
    ----------
    Davison and Hinkley (1997) Bootstrap Methods and their Application, sections 2.4, 3.8. Austin and Small (2014)
    Statistics in Medicine 33:4306-4319, for matching without replacement.
    """
    if not isinstance(rng, np.random.Generator):
        raise UsageError("rng must be numpy.random.default_rng(seed), so that the resamples can be repeated.")
    if isinstance(replicates, bool) or not isinstance(replicates, (int, np.integer)) or replicates < 2:
        raise UsageError(f"replicates={replicates!r} must be a whole number of at least 2.")
    units, blocks = _units(data, cluster, strata)
    whole = _numbers(estimate(data))
    streams = rng.spawn(int(replicates))
    drawn = _run(data, estimate, units, blocks, streams, n_jobs, progress)
    terms = tuple(whole)
    table = np.array([[one.get(term, np.nan) for term in terms] for one, _ in drawn])
    reasons: dict[str, int] = {}
    for _, reason in drawn:
        if reason:
            reasons[reason] = reasons.get(reason, 0) + 1
    if sum(reasons.values()) > replicates / 2:
        most = max(reasons, key=lambda reason: reasons[reason])
        raise DataError(
            f"{sum(reasons.values())} of {replicates} resamples could not be estimated, most often because: {most}"
        )
    what = "people" if cluster is None else f"whole clusters of {cluster}"
    within = f" within {strata if isinstance(strata, str) else ', '.join(strata)}" if strata else ""
    return Bootstrapped(terms, np.array(list(whole.values())), table, what + within, reasons)


def _units(
    data: pd.DataFrame, cluster: str | None, strata: str | Sequence[str] | None
) -> tuple[list[IntArray] | None, list[IntArray]]:
    """Rows of each cluster (None where a row is its own), and the numbers of the clusters in each stratum."""
    take = Columns(data)
    code = None if cluster is None else take.labels("cluster", cluster)[0]
    stratum = take.crossed("strata", strata if strata is not None else [])[0]
    take.check()
    if code is None:
        order = np.argsort(stratum, kind="stable")
        return None, np.split(order, np.flatnonzero(np.diff(stratum[order])) + 1)
    order = np.argsort(code, kind="stable")
    rows = np.split(order, np.flatnonzero(np.diff(code[order])) + 1)
    if len(rows) < 2:
        raise DataError(f"cluster={cluster!r} has one value only, so there is nothing to draw from.")
    of_cluster = np.array([stratum[r[0]] for r in rows])
    if any((stratum[r] != stratum[r[0]]).any() for r in rows):
        raise DataError(f"strata={strata!r} splits a cluster of {cluster!r}: a cluster is drawn whole.")
    order = np.argsort(of_cluster, kind="stable")
    return rows, np.split(order, np.flatnonzero(np.diff(of_cluster[order])) + 1)


def _resample(units: list[IntArray] | None, blocks: list[IntArray], rng: np.random.Generator) -> IntArray:
    """Rows of a resample, sorted so that data order means as much as it did."""
    drawn = np.concatenate([block[rng.integers(len(block), size=len(block))] for block in blocks])
    rows = drawn if units is None else np.concatenate([units[i] for i in drawn])
    return np.sort(rows)


def _numbers(found: Mapping[str, float] | pd.DataFrame) -> dict[str, float]:
    if isinstance(found, pd.DataFrame):
        keys = [c for c in found.columns[: list(found.columns).index("term") + 1]]
        if "horizon" in found.columns and "horizon" not in keys:
            keys.append("horizon")
        names = found[keys].astype(str).agg(" ".join, axis=1) if len(keys) > 1 else found["term"]
        return dict(zip(names, found["estimate"].astype(float)))
    return {str(name): float(value) for name, value in found.items()}


def _work(
    data: pd.DataFrame,
    estimate: Estimate,
    units: list[IntArray] | None,
    blocks: list[IntArray],
    streams: Sequence[np.random.Generator],
) -> list[Drawn]:
    """The estimates of some resamples, each with why there are none."""
    found: list[Drawn] = []
    for stream in streams:
        part = data.iloc[_resample(units, blocks, stream)].reset_index(drop=True)
        try:
            found.append((_numbers(estimate(part)), ""))
        except PddError as error:
            found.append(({}, error.problems[0]))
    return found


def _run(
    data: pd.DataFrame,
    estimate: Estimate,
    units: list[IntArray] | None,
    blocks: list[IntArray],
    streams: Sequence[np.random.Generator],
    n_jobs: int,
    progress: bool,
) -> list[Drawn]:
    from joblib import Parallel, delayed, effective_n_jobs

    chunks = np.array_split(np.arange(len(streams)), min(len(streams), CHUNKS * effective_n_jobs(n_jobs)))
    tasks = (delayed(_work)(data, estimate, units, blocks, [streams[i] for i in chunk]) for chunk in chunks)
    made = Parallel(n_jobs=n_jobs, return_as="generator")(tasks)
    return [one for part in _bar(made, len(chunks), progress) for one in part]


def _bar(parts: Iterable[list[Drawn]], total: int, progress: bool) -> Iterable[list[Drawn]]:
    if not (progress and sys.stderr.isatty()):
        return parts
    from rich.console import Console
    from rich.progress import track

    return track(parts, "bootstrap", total=total, console=Console(stderr=True))
