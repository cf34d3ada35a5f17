"""Two arms' means or risks with their covariance, and every contrast of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ..core.columns import FloatArray
from ..core.results import TIDY, Shown, check_level, tidy_frame
from .certainty import why_no_error, without_error


def arm_rows(
    means: FloatArray, covariance: FloatArray, alone: FloatArray, kind: str, level: float
) -> pd.DataFrame:
    """Standard rows: each arm, the difference, and ratios on the ratio scale (std_error on the log scale).

    Parameters
    ----------
    means : (2,) treated first; covariance : (2, 2)
    alone : (2,) variances of the outcome in the arms
    kind : "risk" (limits between 0 and 1, an odds ratio too) or "mean"
    """
    check_level(level)

    def row(name: str, value: float, g: FloatArray, null: float) -> dict[str, Any]:
        error = np.sqrt(max(0.0, float(g @ covariance @ g)))
        tidy = tidy_frame([name], value, error, level=level, null=null).to_dict("records")[0]
        return without_error({str(k): v for k, v in tidy.items()}, why_no_error(covariance, alone, g))

    rows = []
    for name, gradient in (("treated", (1, 0)), ("control", (0, 1)), ("difference", (1, -1))):
        g = np.array(gradient, dtype=float)
        one = row(f"{kind}_{name}", float(g @ means), g, 0.0 if name == "difference" else np.nan)
        if kind == "risk" and name != "difference":
            one |= {c: float(np.clip(one[c], 0.0, 1.0)) for c in ("conf_low", "conf_high")}
        rows.append(one)
    ratios = [(f"{kind}_ratio", means > 0, f"the {kind} of an arm is not above 0")]
    if kind == "risk":
        ratios[0] = ("risk_ratio", means > 0, "the risk of an arm is 0")
        ratios.append(("odds_ratio", (means > 0) & (means < 1), "the risk of an arm is 0 or 1"))
    for name, reach, said in ratios:
        if not reach.all():
            rows.append({**dict.fromkeys(TIDY, np.nan), "term": name, "reason": said})
            continue
        odds = name == "odds_ratio"
        value, slope = (means / (1 - means), 1 / (means * (1 - means))) if odds else (means, 1 / means)
        one = row(name, float(np.log(value[0] / value[1])), slope * [1, -1], 0.0)
        rows.append(one | {c: float(np.exp(one[c])) for c in ("estimate", "conf_low", "conf_high")})
    return pd.DataFrame(rows)


@dataclass(frozen=True, slots=True, eq=False)
class ArmContrast(Shown):
    """Adjusted means or risks of the two arms, for the people the estimand is about.

    Attributes
    ----------
    means : (2,) treated first; covariance : (2, 2); alone : (2,) variances of the outcome in the arms
    kind : "risk" or "mean"
    estimand : whom the contrast is of
    method : how it was adjusted, in words
    n_treated, n_control : people
    """

    means: FloatArray
    covariance: FloatArray = field(repr=False)
    alone: FloatArray = field(repr=False)
    kind: str
    estimand: str
    method: str
    n_treated: int
    n_control: int

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """risk_treated, risk_control, risk_difference, risk_ratio, odds_ratio; or mean_ and no odds ratio.

        `reason` says why a ratio cannot be estimated, or why an estimate has no error.
        """
        return arm_rows(self.means, self.covariance, self.alone, self.kind, level)

    def glance(self) -> pd.DataFrame:
        """One row: people by arm, the estimand and the method."""
        return pd.DataFrame(
            {
                "estimand": [self.estimand],
                "method": [self.method],
                "n_treated": [self.n_treated],
                "n_control": [self.n_control],
            }
        )
