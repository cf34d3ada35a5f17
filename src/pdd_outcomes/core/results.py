"""What every result offers: tidy rows, one-row glance, HTML for notebooks, NotEstimable."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pandas as pd
from scipy import special

from .columns import FloatArray
from .errors import UsageError

TIDY = ("term", "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high")


def check_level(level: float) -> float:
    """A confidence level between 0 and 1, exclusive; 95 is refused, not read as 0.95."""
    if not (isinstance(level, (int, float)) and 0 < level < 1):
        raise UsageError(f"level={level!r} must lie between 0 and 1, such as 0.95.")
    return float(level)


def check_number(
    name: str, value: object, *, minimum: float = -np.inf, above: float = -np.inf, hint: str = ""
) -> float:
    """A finite number of at least `minimum` and more than `above`, or a UsageError that says so; text is none."""
    found = float(value) if isinstance(value, (int, float, np.integer, np.floating)) else np.nan
    if isinstance(value, bool) or not np.isfinite(found) or found < minimum or found <= above:
        wanted = (
            f"above {above:g}"
            if above > -np.inf
            else f"{minimum:g} or more"
            if minimum > -np.inf
            else "a number"
        )
        raise UsageError(f"{name}={value!r} must be {wanted}{hint}.")
    return found


def critical(level: float, df: float | FloatArray = np.inf) -> Any:
    """Two-sided critical value: normal, or Student's t where `df` is finite."""
    tail = 0.5 + check_level(level) / 2
    return np.where(np.isinf(df), special.ndtri(tail), special.stdtrit(np.where(np.isinf(df), 1.0, df), tail))


def two_sided_p(statistic: FloatArray, df: float | FloatArray = np.inf) -> FloatArray:
    """Two-sided p-value of a z (or t) statistic."""
    size = np.abs(statistic)
    t = 2 * special.stdtr(np.where(np.isinf(df), 1.0, df), -size)
    return np.asarray(np.where(np.isinf(df), 2 * special.ndtr(-size), t))


def tidy_frame(
    term: Sequence[Any],
    estimate: Any,
    std_error: Any,
    *,
    level: float = 0.95,
    df: float | FloatArray = np.inf,
    null: float | FloatArray = 0.0,
    leading: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """The standard rows: leading keys, then term, estimate, std_error, statistic, p_value, conf_low, conf_high.

    Intervals are symmetric on the scale given. A quantity without a null of interest takes ``null=nan``
    and has no statistic or p-value.
    """
    value, error = np.atleast_1d(np.asarray(estimate, float)), np.atleast_1d(np.asarray(std_error, float))
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = (value - null) / error
    half = critical(level, df) * error
    frame = pd.DataFrame(
        {
            "term": list(term),
            "estimate": value,
            "std_error": error,
            "statistic": statistic,
            "p_value": two_sided_p(statistic, df),
            "conf_low": value - half,
            "conf_high": value + half,
        }
    )
    for place, (name, column) in enumerate((leading or {}).items()):
        frame.insert(place, name, column)
    return frame


def exponentiate(tidy: pd.DataFrame) -> pd.DataFrame:
    """Estimate and limits moved to the ratio scale; std_error stays on the log scale, as is usual."""
    moved = tidy.copy()
    for column in ("estimate", "conf_low", "conf_high"):
        moved[column] = np.exp(moved[column])
    return moved


class Tidy(Protocol):
    """Anything with standard rows."""

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """Standard rows."""


class Shown:
    """Mixin: a result shows itself as its tidy table, in a notebook and under Quarto.

    Quarto loads scripts from the network for any text/html output, so under it only Markdown
    holding a raw HTML block is offered.
    """

    __slots__ = ()

    def _repr_html_(self) -> str:
        return frame_html(self.tidy(), type(self).__name__)  # type: ignore[attr-defined]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        table = self._repr_html_()
        if "QUARTO_DOCUMENT_PATH" in os.environ:
            return {"text/markdown": f"\n```{{=html}}\n{table}\n```\n"}
        return {"text/html": table, "text/plain": repr(self)}


def frame_html(frame: pd.DataFrame, caption: str) -> str:
    """A small accessible HTML table: caption, column scopes, numbers to four significant figures."""
    head = "".join(f'<th scope="col">{html.escape(str(c))}</th>' for c in frame.columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(_cell(v))}</td>" for v in row) + "</tr>"
        for row in frame.itertuples(index=False, name=None)
    )
    return (
        f'<table data-quarto-disable-processing="true"><caption>{html.escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _cell(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return "" if np.isnan(value) else f"{value:.4g}"
    return str(value)


@dataclass(frozen=True, slots=True)
class HypothesisTest(Shown):
    """A chi-square test, or several of one kind (a row each).

    Attributes
    ----------
    term : what each row tests
    statistic, df, p_value : (k,) arrays
    name : the test, in the field's words
    """

    term: tuple[str, ...]
    statistic: FloatArray
    df: FloatArray
    p_value: FloatArray
    name: str
    detail: pd.DataFrame | None = field(
        default=None, repr=False, compare=False
    )  # e.g. observed and expected by group

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """Standard rows; a test has no estimate or interval, so those columns are empty."""
        nothing = np.full(len(self.term), np.nan)
        return pd.DataFrame(
            {
                "term": list(self.term),
                "estimate": nothing,
                "std_error": nothing,
                "statistic": self.statistic,
                "p_value": self.p_value,
                "conf_low": nothing,
                "conf_high": nothing,
                "df": self.df,
            }
        )

    def glance(self) -> pd.DataFrame:
        """The last row (the global test where there are several), with the test's name."""
        return pd.DataFrame(
            {
                "test": [self.name],
                "statistic": [self.statistic[-1]],
                "df": [self.df[-1]],
                "p_value": [self.p_value[-1]],
            }
        )


def chi_square_test(
    term: Sequence[str], statistic: Any, df: Any, name: str, detail: pd.DataFrame | None = None
) -> HypothesisTest:
    """A HypothesisTest whose p-values are the upper tail of chi-square."""
    value, freedom = np.atleast_1d(np.asarray(statistic, float)), np.atleast_1d(np.asarray(df, float))
    return HypothesisTest(tuple(term), value, freedom, special.chdtrc(freedom, value), name, detail)


@dataclass(frozen=True, slots=True)
class NotEstimable(Shown):
    """What cannot be estimated, and why: a result like any other, a grey row and not a traceback."""

    term: str
    reason: str

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """One row with empty numbers and the reason."""
        row: dict[str, Any] = {"term": [self.term], **{c: [np.nan] for c in TIDY[1:]}, "reason": [self.reason]}
        return pd.DataFrame(row)

    def glance(self) -> pd.DataFrame:
        """One row: the term and the reason."""
        return pd.DataFrame({"term": [self.term], "status": ["not estimable"], "reason": [self.reason]})
