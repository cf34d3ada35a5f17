"""Pooling estimates over forces: between-force variance, Wald and Hartung-Knapp intervals, prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy import special

from ..core.columns import FloatArray
from ..core.errors import DataError, UsageError, choose, rows_phrase
from ..core.methods import POOLING
from ..core.results import Shown, check_level, critical, tidy_frame
from .heterogeneity import between_variance, q_profile, turned

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INTERVALS = ("wald", "hksj", "hksj-adhoc")
REFERENCES = ("t(k-2)", "t(k-1)", "normal")
Reference = Literal["t(k-2)", "t(k-1)", "normal"]
LEFT_OUT = ("estimate", "std_error", "conf_low", "conf_high", "p_value", "tau2", "i2")
# A Q this far below its degrees of freedom is rounding: the estimates are one number.
NO_SPREAD = 1e-20


@dataclass(frozen=True, slots=True, eq=False)
class Pooled(Shown):
    r"""A pooled estimate, on the scale of the estimates given.

    Attributes
    ----------
    estimate, std_error, conf_low, conf_high, p_value : the average effect. Where all estimates are equal the
        Hartung-Knapp variance is 0 and says nothing, so under it the last four are NaN.
    tau2 : between-force variance; i2 : share of the variation that is between forces, in per cent, tau2 against tau2
        and the typical within-force variance (Higgins and Thompson 2002, eq. 9; metafor's); q, q_df, q_p : Cochran's test
    scale : Q at tau2 over k-1, the factor on the Hartung-Knapp variance; below 1 its interval can be narrower than the
        normal one, and both should be shown
    prediction_interval : where the effect in a new force is expected, t on k-2 degrees of freedom (Higgins, Thompson
        and Spiegelhalter 2009, eq. 12); NaN for fewer than three estimates and for method "common". `predict` has
        other conventions.
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
    scale: float
    weights: FloatArray
    method: str
    ci: str
    level: float
    labels: tuple[str, ...]
    estimates: FloatArray = field(repr=False)
    covariance: FloatArray = field(repr=False)

    @property
    def i2_q(self) -> float:
        """I squared from Q alone, (Q - df)/Q in per cent (Higgins and Thompson 2002, eq. 10): `i2` under "DL" and "common"."""
        return 100 * max(0.0, 1 - self.q_df / self.q) if self.q > 0 else 0.0

    @property
    def prediction_interval(self) -> tuple[float, float]:
        """Where the effect in a new force is expected to lie."""
        return self.predict()

    def predict(self, reference: Reference = "t(k-2)", *, level: float | None = None) -> tuple[float, float]:
        r"""Interval for the effect in a new force, :math:`\hat\mu \pm c\sqrt{\hat\tau^2 + \widehat{se}^2}`.

        Parameters
        ----------
        reference : what c is a quantile of. "t(k-2)" is Higgins, Thompson and Spiegelhalter's (2009) and the package's;
            metafor up to 3.8 took "normal" beside a Wald and "t(k-1)" beside a Hartung-Knapp interval.
        """
        choose("reference", reference, REFERENCES)
        df = {"t(k-2)": self.q_df - 1, "t(k-1)": self.q_df, "normal": np.inf}[reference]
        if df < 1 or self.method == "common":
            return np.nan, np.nan
        wanted = self.level if level is None else check_level(level)
        half = float(critical(wanted, df)) * float(np.sqrt(self.tau2 + self.std_error**2))
        return self.estimate - half, self.estimate + half

    def tidy(self, level: float | None = None) -> pd.DataFrame:
        """A row for each estimate, one for the average and one for the prediction."""
        wanted = self.level if level is None else check_level(level)
        studies = tidy_frame(
            self.labels,
            self.estimates,
            np.sqrt(np.diag(self.covariance)),
            level=wanted,
            leading={"kind": "study"},
        )
        average = _average(self.estimate, self.std_error, self.ci, self.q_df, wanted)
        average.insert(0, "kind", "pooled")
        low, high = self.predict(level=wanted)
        prediction = average.assign(
            kind="prediction", term="a new force", std_error=np.nan, statistic=np.nan, p_value=np.nan
        ).assign(conf_low=low, conf_high=high)
        return pd.concat([studies, average, prediction], ignore_index=True)

    def glance(self) -> pd.DataFrame:
        """One row: the average, its interval, where a new force would lie, and the spread between forces."""
        low, high = self.prediction_interval
        return pd.DataFrame(
            {
                "k": [len(self.estimates)],
                "estimate": [self.estimate],
                "std_error": [self.std_error],
                "conf_low": [self.conf_low],
                "conf_high": [self.conf_high],
                "p_value": [self.p_value],
                "prediction_low": [low],
                "prediction_high": [high],
                "tau2": [self.tau2],
                "i2": [self.i2],
                "i2_q": [self.i2_q],
                "q": [self.q],
                "q_df": [self.q_df],
                "q_p": [self.q_p],
                "scale": [self.scale],
                "method": [self.method],
                "ci": [self.ci],
            }
        )

    def leave_one_out(self) -> pd.DataFrame:
        """The average without each estimate in turn: left_out, estimate, std_error, conf_low, conf_high, p_value, tau2, i2."""
        if len(self.labels) < 3:
            raise UsageError("leave_one_out needs at least three estimates: of two, one would be left to pool.")
        rows = []
        for i, label in enumerate(self.labels):
            kept = np.arange(len(self.labels)) != i
            labels = tuple(name for name, here in zip(self.labels, kept) if here)
            v = self.covariance[np.ix_(kept, kept)]
            one = _pool(self.estimates[kept], v, self.method, self.ci, self.level, labels)
            rows.append({"left_out": label, **{name: getattr(one, name) for name in LEFT_OUT}})
        return pd.DataFrame(rows)

    def tau2_interval(self, level: float | None = None) -> tuple[float, float]:
        """Q-profile interval of tau2 (Viechtbauer 2007 Statistics in Medicine 26:37-52)."""
        wanted = self.level if level is None else check_level(level)
        return q_profile(self.estimates, self.covariance, wanted)

    def forest_frame(self, *, exponentiate: bool = False) -> pd.DataFrame:
        """What the forest plot draws: label, kind, estimate, conf_low, conf_high; ratios where `exponentiate`."""
        columns = ["estimate", "conf_low", "conf_high"]
        frame = self.tidy().rename(columns={"term": "label"})[["label", "kind", *columns]]
        if np.isnan(self.prediction_interval).any():
            frame = frame[frame["kind"] != "prediction"]
        if exponentiate:
            frame[columns] = np.exp(frame[columns])
        return frame

    def forest_plot(self, ax: Axes | None = None, *, exponentiate: bool = False) -> Axes:
        """Forest plot on the scale given, or of ratios where the estimates are logs; takes and returns an Axes."""
        from ..core.draw.forest import draw_forest

        frame = self.forest_frame(exponentiate=exponentiate)
        return draw_forest(frame, ax, null=1.0 if exponentiate else 0.0, log=exponentiate)

    def alt_text(self, *, exponentiate: bool = False) -> str:
        """The forest plot in words, from the same numbers."""
        from ..core.draw.forest import forest_alt

        frame = self.forest_frame(exponentiate=exponentiate)
        return forest_alt(frame, null=1.0 if exponentiate else 0.0, log=exponentiate)


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
    method : "common" (tau2 = 0), "DL", "PM", "ML" or "REML"; also "EB", "HE", "HS", "SJ" (see `core.methods.POOLING`); tau2 is
        cut at 0
    ci : "wald" (normal), "hksj" (Hartung-Knapp-Sidik-Jonkman: t on k-1 with the variance scaled by Q/(k-1)) or
        "hksj-adhoc" (the same with a scale of at least 1, Knapp and Hartung 2003). Where few forces happen to agree,
        "hksj" can be narrower than "wald": `.scale` is then below 1.
    labels : (k,) names, for messages and plots
    covariance : (k, k) sampling covariance, where the estimates share people; its diagonal must be std_errors squared.
        None takes them as independent, which they are not where forces share comparison people.

    Raises
    ------
    DataError
        An estimate is missing, or a standard error is not above 0, naming which; a covariance that no
        estimates can have, or under which one of them is settled by the others.
    UsageError
        Fewer than two estimates, lengths that differ, or an unknown method.

    References
    ----------
    REML: Viechtbauer (2005) J Educ Behav Stat 30:261-293. Hartung and Knapp (2001) Statistics in Medicine
    20:3875-3889. Knapp and Hartung (2003) Statistics in Medicine 22:2693-2710. With a covariance: Gleser and Olkin
    (2009) The Handbook of Research Synthesis, 2nd ed., 357-376.

    Examples
    --------
    Three forces, of which one stands apart. The normal interval takes what they tell of their spread as certain.

    >>> for ci in ("wald", "hksj"):
    ...     average = pool([-0.1, -0.5, 0.0], [0.1, 0.1, 0.1], ci=ci)
    ...     print(ci, round(average.estimate, 2), round(average.conf_low, 2), round(average.conf_high, 2))
    wald -0.2 -0.5 0.1
    hksj -0.2 -0.86 0.46
    """
    choose("method", method, list(POOLING))
    choose("ci", ci, INTERVALS)
    check_level(level)
    y, s = _numbers("estimates", estimates), _numbers("std_errors", std_errors)
    names = tuple(map(str, labels)) if labels is not None else tuple(str(i + 1) for i in range(len(y)))
    _check(y, s, names)
    v = np.diag(s**2) if covariance is None else _covariance(covariance, s)
    return _pool(y, v, method, ci, float(level), names)


def _numbers(role: str, given: Sequence[float] | FloatArray) -> FloatArray:
    try:
        values = np.asarray(given, dtype=float)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{role} must be numbers.") from error
    if values.ndim != 1:
        raise UsageError(f"{role} must be one row of numbers, not an array of {values.ndim} dimensions.")
    return values


def _check(y: FloatArray, s: FloatArray, names: tuple[str, ...]) -> None:
    if len(y) != len(s) or len(names) != len(y):
        raise UsageError(
            f"estimates, std_errors and labels must be of one length, not {len(y)}, {len(s)} and {len(names)}."
        )
    if len(y) < 2:
        raise UsageError(
            f"pooling needs at least two estimates, not {len(y)}. Of one force, report that force's own estimate."
        )
    problems = []
    for bad, role, rule in (
        (~np.isfinite(y), "estimates", "is missing or infinite"),
        (~(s > 0) | ~np.isfinite(s), "std_errors", "is missing, infinite or not above 0"),
    ):
        rows = np.flatnonzero(bad)
        if len(rows):
            which = ", ".join(names[i] for i in rows[:5])
            problems.append(
                f"{role} {rule} for {rows_phrase(rows.tolist(), len(y))}: {which}. Leave what is not estimable out."
            )
    if problems:
        raise DataError(problems)


def _covariance(given: FloatArray, s: FloatArray) -> FloatArray:
    """A sampling covariance fit to be inverted (k, k), with exactly the standard errors' squares on its diagonal."""
    v = np.asarray(given, dtype=float)
    shape = (len(s), len(s))
    if v.shape != shape:
        raise UsageError(f"covariance must be a {shape} array, not {v.shape}.")
    scaled = v / np.outer(s, s)
    if not (np.allclose(scaled, scaled.T, rtol=0, atol=1e-8) and np.allclose(np.diag(scaled), 1.0, rtol=1e-6)):
        raise UsageError("covariance must be symmetric, with std_errors squared on its diagonal.")
    scaled = (scaled + scaled.T) / 2
    np.fill_diagonal(scaled, 1.0)
    if np.linalg.eigvalsh(scaled)[0] < 1e-10:
        raise DataError(
            "covariance is not positive definite: no estimates vary together like that, or one of them is settled by the "
            "others. Leave out estimates that are about the same people twice, and check how the covariance was made."
        )
    return np.asarray(scaled * np.outer(s, s))


def _average(estimate: float, error: float, ci: str, df: int, level: float) -> pd.DataFrame:
    return tidy_frame(["average"], estimate, error, level=level, df=np.inf if ci == "wald" else float(df))


def _pool(y: FloatArray, v: FloatArray, method: str, ci: str, level: float, labels: tuple[str, ...]) -> Pooled:
    """The average of checked estimates y (k,), k >= 2, with sampling covariance v (k, k), positive definite."""
    df = len(y) - 1
    tau2 = between_variance(y, v, method)
    spread = turned(y, v)
    weights = spread.weights(tau2)
    estimate = float(weights @ y)
    q, scale = spread.q(), spread.q(tau2) / df
    factor = {"wald": 1.0, "hksj": scale if scale > NO_SPREAD else np.nan, "hksj-adhoc": max(scale, 1.0)}[ci]
    error = float(np.sqrt(factor / spread.total(tau2)))
    row = _average(estimate, error, ci, df, level)
    # Of one common effect tau2 is 0 by fiat, so I squared is read from Q, as metafor does.
    between = max(0.0, (q - df) / spread.trace()) if method == "common" else tau2
    return Pooled(
        estimate=estimate,
        std_error=error,
        conf_low=float(row["conf_low"].iloc[0]),
        conf_high=float(row["conf_high"].iloc[0]),
        p_value=float(row["p_value"].iloc[0]),
        tau2=tau2,
        i2=100 * between / (between + df / spread.trace()),
        q=q,
        q_df=df,
        q_p=float(special.chdtrc(df, q)),
        scale=scale,
        weights=weights,
        method=method,
        ci=ci,
        level=level,
        labels=labels,
        estimates=y,
        covariance=v,
    )
