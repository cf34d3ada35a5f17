"""Risks, restricted means and hazard ratios of two arms, with variances from influence functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..core.columns import FloatArray
from ..core.errors import DataError
from ..core.results import tidy_frame
from ..survival import CoxFit, cox, km_influence, rmst_influence
from .certainty import ALIKE, NOUGHT, why_no_error, without_error
from .sample import Sample

Row = dict[str, Any]


def risk_rows(sample: Sample, horizons: FloatArray, level: float) -> Iterator[Row]:
    """Risk in each arm, difference and ratio (treated against control) at each horizon.

    The variance of a contrast is that of the two influences laid on the same clusters, so that matched people's likeness
    counts. The ratio's interval is symmetric on the log scale.
    """
    survival, influence = _by_arm(sample, lambda t, e, w: km_influence(t, e, w, horizons))
    for k, horizon in enumerate(horizons):
        risk = 1 - survival[k]
        psi = -influence[:, k, :]
        counts = _counts(sample, float(horizon))
        if np.isnan(risk).any():
            late = " or the ".join(arm for arm, r in zip(("treated", "control"), risk) if np.isnan(r))
            reason = f"nobody among the {late} people is followed to this horizon"
            for measure, scale in _RISKS:
                yield _missing(measure, scale, reason, {"horizon": horizon, **counts})
            continue
        yield from _contrast_rows(risk, psi, sample, _RISKS, {"horizon": horizon, **counts}, level)


def rmst_rows(sample: Sample, tau: float, level: float) -> Iterator[Row]:
    """Restricted mean event-free time to tau in each arm, difference and ratio, in the unit of time."""

    def area(t: FloatArray, e: FloatArray, w: FloatArray) -> tuple[FloatArray, FloatArray]:
        value, psi = rmst_influence(t, e.astype(bool), w, tau)
        return np.array([value]), psi[:, None]

    value, influence = _by_arm(sample, area)
    counts = {"horizon": tau, **_counts(sample, tau)}
    if np.isnan(value).any():
        for measure, scale in _MEANS:
            yield _missing(measure, scale, "follow-up does not reach the restriction time", counts)
        return
    yield from _contrast_rows(value[0], influence[:, 0, :], sample, _MEANS, counts, level)


_RISKS = (
    ("risk_treated", "probability"),
    ("risk_control", "probability"),
    ("risk_difference", "difference"),
    ("risk_ratio", "ratio"),
)
_MEANS = (
    ("rmst_treated", "time"),
    ("rmst_control", "time"),
    ("rmst_difference", "time"),
    ("rmst_ratio", "ratio"),
)


def _by_arm(sample: Sample, estimate: Any) -> tuple[FloatArray, FloatArray]:
    """Values (k, 2) and influences (m, k, 2) of the arms, treated first; zero where the row is of the other arm."""
    values, influences = [], []
    for arm in (True, False):
        here = sample.treated == arm
        value, psi = estimate(sample.time[here], sample.event[here], sample.weight[here])
        wide = np.zeros((len(here), psi.shape[1]))
        wide[here] = psi
        values.append(value)
        influences.append(wide)
    return np.stack(values, axis=-1), np.stack(influences, axis=-1)


def _contrast_rows(
    value: FloatArray, psi: FloatArray, sample: Sample, measures: Any, keys: Mapping[str, Any], level: float
) -> Iterator[Row]:
    covariance = sample.variance(psi)
    # A restricted mean is put in units of its horizon, where its spread is of the order of a risk's.
    unit = float(keys["horizon"]) if measures is _MEANS else 1.0
    alone = (psi**2).sum(axis=0)

    def row(measure: str, scale: str, estimate: float, g: FloatArray, null: float) -> Row:
        reason = why_no_error(covariance / unit**2, alone / unit**2, g)
        error = float(
            np.sqrt(max(0.0, float(g @ covariance @ g)))
        )  # a variance of 0 may come out just below it
        return _row(measure, scale, estimate, error, keys, level, null, reason=reason)

    for (measure, scale), gradient in zip(measures, ([1, 0], [0, 1], [1, -1], None)):
        if gradient is not None:
            g = np.array(gradient, dtype=float)
            null = 0.0 if g.sum() == 0 else np.nan
            yield row(measure, scale, float(g @ value), g, null)
        elif (value > 0).all():
            g = np.array([1 / value[0], -1 / value[1]])
            yield row(measure, scale, float(np.log(value[0] / value[1])), g, 0.0)
        else:
            nil = "no time without the event" if measures is _MEANS else "no event by then"
            yield _missing(measure, scale, f"an arm has {nil}, so the ratio is 0 or undefined", keys)


def hazard_row(
    sample: Sample, start: float, end: float, level: float, measure: str
) -> tuple[Row, CoxFit | None]:
    """Hazard ratio over (start, end], Efron ties, robust variance clustered as the design says.

    Those still followed and free of the event at `start` enter there; at `end` everyone is censored.
    """
    # From time zero everyone counts, an event on the day itself included.
    within = sample.where(sample.time > start) if start > 0 else sample
    ends = np.minimum(within.time, end)
    happened = within.event & (within.time <= end)
    keys = {"horizon": end, "interval_start": start, **_counts(within, end)}
    for arm, word in ((True, "treated"), (False, "control")):
        if not (happened & (within.treated == arm)).any():
            return _missing(measure, "ratio", f"no event among the {word} people in this interval", keys), None
    names = [f"cluster_{i}" for i in range(len(within.clusters))]
    frame = pd.DataFrame(
        {
            "time": ends,
            "event": happened.astype(int),
            "treated": within.treated.astype(float),
            # On any other scale the test of proportional hazards, whose variance is the model's, would change.
            "weight": within.weight / within.weight.mean(),
            "entry": start,
            **dict(zip(names, within.clusters)),
        }
    )
    entry = "entry" if start > 0 else None
    try:
        fit = cox(frame, "time", "event", covariates=["treated"], entry=entry, weights="weight", cluster=names)
    except DataError as problem:
        return _missing(measure, "ratio", str(problem.problems[0]), keys), None
    variance = float(fit.covariance[0, 0])
    if sample.score is not None:
        variance = float(sample.variance(_own_influence(sample, fit, start)[:, None])[0, 0])
    unknown = within.one_cluster or variance <= NOUGHT * float(fit.naive_covariance[0, 0])
    row = _row(
        measure,
        "ratio",
        float(fit.coefficients[0]),
        float(np.sqrt(variance)),
        keys,
        level,
        0.0,
        reason=ALIKE if unknown else "",
    )
    return row, fit


Key = tuple[str, float, float]  # measure, horizon (or an interval's end), an interval's start (else 0)


def contrast_influences(
    sample: Sample, horizons: FloatArray, tau: float, intervals: list[tuple[float, float]]
) -> dict[Key, FloatArray]:
    """Influence (m,) of each row on the risk differences, the restricted mean difference and the log hazard ratios.

    Summed within clusters and squared they are the variances of `risk_rows`, `rmst_rows` and `hazard_row`; laid on people
    whom two estimates share, they are their covariance. What cannot be estimated has none. `horizons` is (h,).
    """
    found: dict[Key, FloatArray] = {}
    risk, psi = _by_arm(sample, lambda t, e, w: km_influence(t, e, w, horizons))
    for k, horizon in enumerate(horizons):
        if not np.isnan(risk[k]).any():
            found["risk_difference", float(horizon), 0.0] = psi[:, k, 1] - psi[:, k, 0]

    def area(t: FloatArray, e: FloatArray, w: FloatArray) -> tuple[FloatArray, FloatArray]:
        value, one = rmst_influence(t, e.astype(bool), w, tau)
        return np.array([value]), one[:, None]

    mean, psi = _by_arm(sample, area)
    if not np.isnan(mean).any():
        found["rmst_difference", float(tau), 0.0] = psi[:, 0, 0] - psi[:, 0, 1]
    whole = (0.0, float(sample.time.max()))
    for name, (start, end) in [("hazard_ratio", whole), *(("hazard_ratio_interval", i) for i in intervals)]:
        _, fit = hazard_row(sample, start, end, 0.95, name)
        if fit is not None:
            found[name, end, start] = _own_influence(sample, fit, start)
    return found


def _own_influence(sample: Sample, fit: CoxFit, start: float) -> FloatArray:
    """Influence (m,) of each row on the log hazard ratio after `start`; 0 for those who are not in it."""
    inside = np.flatnonzero(sample.time > start) if start > 0 else np.arange(len(sample.time))
    beta = fit.residuals("dfbeta")
    own = np.zeros(len(sample.time))
    own[inside[beta.index.to_numpy()]] = beta.to_numpy(dtype=float)[:, 0]
    return own


def _counts(sample: Sample, horizon: float) -> dict[str, int]:
    return {
        "n_treated": sample.people(True),
        "n_control": sample.people(False),
        "events_treated": sample.events(True, horizon),
        "events_control": sample.events(False, horizon),
    }


def _row(
    measure: str,
    scale: str,
    value: float,
    error: float,
    keys: Mapping[str, Any],
    level: float,
    null: float,
    *,
    reason: str,
) -> Row:
    """One standard row. Of a ratio the value comes as its log: estimate and limits go to the ratio scale.

    With a `reason` the estimate stands alone.
    """
    tidy: Row = tidy_frame([measure], value, error, level=level, null=null).to_dict("records")[0]  # type: ignore[assignment]
    if scale == "ratio":
        tidy |= {c: float(np.exp(tidy[c])) for c in ("estimate", "conf_low", "conf_high")}
    if scale == "probability":
        tidy |= {"conf_low": max(0.0, tidy["conf_low"]), "conf_high": min(1.0, tidy["conf_high"])}
    return without_error({**tidy, "scale": scale, **keys, "status": "ok"}, reason)


def _missing(measure: str, scale: str, reason: str, keys: Mapping[str, Any]) -> Row:
    empty = {c: np.nan for c in ("estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high")}
    return {"term": measure, **empty, "scale": scale, **keys, "status": "not_estimable", "reason": reason}
