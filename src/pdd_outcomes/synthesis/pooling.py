"""Pooling estimates over forces: between-force variance, Wald and Hartung-Knapp intervals, prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from ..core.columns import FloatArray
from ..core.errors import DataError, UsageError, choose, rows_phrase
from ..core.methods import POOLING
from ..core.results import Shown, check_level, critical, tidy_frame
from .heterogeneity import between_variance, projection, q_profile

INTERVALS = ("wald", "hksj")


@dataclass(frozen=True, slots=True)
class Pooled(Shown):
    r"""A pooled estimate, on the scale of the estimates given.

    Attributes
    ----------
    estimate, std_error, conf_low, conf_high, p_value : the average effect
    tau2 : between-force variance; i2 : share of the variation that is between forces, in per cent
        (Higgins and Thompson 2002, with the typical within-force variance); q, q_df, q_p : Cochran's test
    prediction_interval : where the effect in a new force is expected, t on k-2 degrees of freedom (Higgins, Thompson
        and Spiegelhalter 2009, eq. 12); NaN for fewer than three estimates and for method "common"
    weights : (k,) shares of each estimate in the average, adding to 1 (some may be negative under a covariance)
    """

    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    p_value: float
    tau2: float
    i2: float
    q: float
    q_df: int
    q_p: float
    prediction_interval: tuple[float, float]
    weights: FloatArray
    method: str
    ci: str
    level: float
    labels: tuple[str, ...]
    estimates: FloatArray = field(repr=False)
    covariance: FloatArray = field(repr=False)

    def tidy(self, level: float | None = None) -> pd.DataFrame:
        """A row for each estimate, one for the average and one for the prediction."""
        wanted = self.level if level is None else check_level(level)
        again = _pool(self.estimates, self.covariance, self.method, self.ci, wanted, self.labels)
        studies = tidy_frame(
            self.labels,
            self.estimates,
            np.sqrt(np.diag(self.covariance)),
            level=wanted,
            leading={"kind": "study"},
        )
        average = tidy_frame(
            ["average"],
            again.estimate,
            again.std_error,
            level=wanted,
            df=_freedom(self.ci, self.q_df),
            leading={"kind": "pooled"},
        )
        low, high = again.prediction_interval
        prediction = average.assign(
            kind="prediction",
            term="a new force",
            std_error=np.nan,
            statistic=np.nan,
            p_value=np.nan,
            conf_low=low,
            conf_high=high,
        )
        return pd.concat([studies, average, prediction], ignore_index=True)

    def glance(self) -> pd.DataFrame:
        """One row: the average, its interval, and the spread between forces."""
        names = (
            "estimate",
            "std_error",
            "conf_low",
            "conf_high",
            "p_value",
            "tau2",
            "i2",
            "q",
            "q_df",
            "q_p",
            "method",
            "ci",
        )
        row: dict[str, Any] = {"k": [len(self.estimates)], **{n: [getattr(self, n)] for n in names}}
        return pd.DataFrame(row)

    def leave_one_out(self) -> pd.DataFrame:
        """The average without each estimate in turn: left_out, estimate, std_error, conf_low, conf_high, p_value, tau2, i2."""
        rows = []
        for i, label in enumerate(self.labels):
            kept = np.arange(len(self.labels)) != i
            labels = tuple(np.array(self.labels)[kept])
            one = _pool(
                self.estimates[kept],
                self.covariance[np.ix_(kept, kept)],
                self.method,
                self.ci,
                self.level,
                labels,
            )
            rows.append(
                {
                    "left_out": label,
                    **{
                        n: getattr(one, n)
                        for n in ("estimate", "std_error", "conf_low", "conf_high", "p_value", "tau2", "i2")
                    },
                }
            )
        return pd.DataFrame(rows)

    def tau2_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Q-profile interval of tau2 (Viechtbauer 2007 Statistics in Medicine 26:37-52)."""
        return q_profile(self.estimates, self.covariance, check_level(level))

    def forest_frame(self) -> pd.DataFrame:
        """What the forest plot draws: label, kind, estimate, conf_low, conf_high, on the scale given."""
        return self.tidy().rename(columns={"term": "label"})[
            ["label", "kind", "estimate", "conf_low", "conf_high"]
        ]

    def forest_plot(self, ax: Any = None, *, exponentiate: bool = False) -> Any:
        """Forest plot on the scale given, or of ratios where the estimates are logs; takes and returns an Axes."""
        from ..core.draw.forest import draw_forest

        frame = self.forest_frame()
        if exponentiate:
            columns = ["estimate", "conf_low", "conf_high"]
            frame[columns] = np.exp(frame[columns])
        return draw_forest(frame, ax, null=1.0 if exponentiate else 0.0, log=exponentiate)


def pool(
    estimates: Sequence[float] | FloatArray,
    std_errors: Sequence[float] | FloatArray,
    *,
    method: str = "REML",
    ci: str = "hksj",
    level: float = 0.95,
    labels: Sequence[str] | None = None,
    covariance: FloatArray | None = None,
) -> Pooled:
    r"""Average effect over forces, :math:`\hat\mu = (1^\top W 1)^{-1} 1^\top W y` with :math:`W = (V + \tau^2 I)^{-1}`.

    Parameters
    ----------
    estimates : (k,) array, k >= 2, on a scale on which averaging makes sense (log hazard ratios, risk differences)
    std_errors : (k,) array, above 0
    method : "common" (tau2 = 0), "DL", "PM", "ML" or "REML"
    ci : "wald" (normal) or "hksj" (Hartung-Knapp-Sidik-Jonkman: t on k-1 with the variance scaled by Q/(k-1), without
        the ad hoc floor of 1)
    labels : (k,) names, for messages and plots
    covariance : (k, k) sampling covariance, where the estimates share people; its diagonal must be std_errors squared.
        None takes them as independent, which they are not where forces share comparison people.

    Raises
    ------
    DataError
        An estimate is missing, or a standard error is not above 0, naming which.
    UsageError
        Fewer than two estimates, or an unknown method.

    References
    ----------
    REML: Viechtbauer (2005) J Educ Behav Stat 30:261-293. Hartung and Knapp (2001) Statistics in Medicine 20:3875-3889.

    Examples
    --------
    >>> round(pool([-0.1, -0.3, 0.0], [0.1, 0.1, 0.1], ci="wald").estimate, 4)
    -0.1333
    """
    choose("method", method, list(POOLING))
    choose("ci", ci, INTERVALS)
    check_level(level)
    y, s = np.asarray(estimates, dtype=float).ravel(), np.asarray(std_errors, dtype=float).ravel()
    names = tuple(map(str, labels)) if labels is not None else tuple(str(i + 1) for i in range(len(y)))
    _check(y, s, names)
    v = np.diag(s**2)
    if covariance is not None:
        v = np.asarray(covariance, dtype=float)
        if (
            v.shape != (len(y), len(y))
            or not np.allclose(v, v.T)
            or not np.allclose(np.diag(v), s**2, rtol=1e-6)
        ):
            raise UsageError(
                "covariance must be a symmetric (k, k) array whose diagonal is std_errors squared."
            )
    return _pool(y, v, method, ci, level, names)


def _check(y: FloatArray, s: FloatArray, names: tuple[str, ...]) -> None:
    if len(y) != len(s) or len(names) != len(y):
        raise UsageError(
            f"estimates, std_errors and labels must be of one length, not {len(y)}, {len(s)} and {len(names)}."
        )
    if len(y) < 2:
        raise UsageError(f"pooling needs at least two estimates, not {len(y)}.")
    problems = []
    for bad, role, rule in (
        (~np.isfinite(y), "estimates", "is missing or infinite"),
        (~(s > 0) | ~np.isfinite(s), "std_errors", "is not above 0"),
    ):
        rows = np.flatnonzero(bad)
        if len(rows):
            which = ", ".join(names[i] for i in rows[:5])
            problems.append(
                f"{role} {rule} for {rows_phrase(rows.tolist(), len(y))}: {which}. Leave what is not estimable out."
            )
    if problems:
        raise DataError(problems)


def _freedom(ci: str, df: int) -> float:
    return float(df) if ci == "hksj" else np.inf


def _pool(y: FloatArray, v: FloatArray, method: str, ci: str, level: float, labels: tuple[str, ...]) -> Pooled:
    k = len(y)
    tau2 = between_variance(y, v, method)
    w = np.linalg.inv(v + tau2 * np.eye(k))
    total = float(w.sum())
    weights = w.sum(axis=0) / total
    estimate = float(weights @ y)
    variance = 1 / total
    if ci == "hksj":
        variance *= float(y @ projection(v, tau2) @ y) / (k - 1)
    error = float(np.sqrt(variance))
    row = tidy_frame(["average"], estimate, error, level=level, df=_freedom(ci, k - 1)).iloc[0]
    p0 = projection(v, 0.0)
    q = float(y @ p0 @ y)
    typical = (k - 1) / float(np.trace(p0))
    i2 = (
        100 * tau2 / (tau2 + typical) if method != "common" else 100 * max(0.0, (q - (k - 1)) / q) if q else 0.0
    )
    interval = (np.nan, np.nan)
    if k > 2 and method != "common":
        half = float(critical(level, k - 2)) * float(np.sqrt(tau2 + variance))
        interval = (estimate - half, estimate + half)
    return Pooled(
        estimate=estimate,
        std_error=error,
        conf_low=float(row["conf_low"]),
        conf_high=float(row["conf_high"]),
        p_value=float(row["p_value"]),
        tau2=tau2,
        i2=i2,
        q=q,
        q_df=k - 1,
        q_p=float(special.chdtrc(k - 1, q)),
        prediction_interval=interval,
        weights=weights,
        method=method,
        ci=ci,
        level=level,
        labels=labels,
        estimates=y,
        covariance=v,
    )
