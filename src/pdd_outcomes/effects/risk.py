"""Risks of a yes/no outcome after design: differences, ratios, and the test of matched pairs."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ..core.columns import Columns, FloatArray
from ..core.errors import DataError, UsageError
from ..core.results import HypothesisTest, Shown, chi_square_test
from ..core.sandwich import clustered_covariance
from ..design import Design
from .arms import arm_rows
from .sample import check_people, score_model


@dataclass(frozen=True, slots=True, eq=False)
class RiskContrast(Shown):
    """Risks of the two arms with their covariance (2, 2), treated first, and the estimand they are of."""

    risks: FloatArray
    covariance: FloatArray = field(repr=False)
    estimand: str
    n_treated: int
    n_control: int

    def tidy(self, level: float = 0.95) -> pd.DataFrame:
        """risk_treated, risk_control, risk_difference; risk_ratio and odds_ratio as ratios (std_error on the log scale).

        `reason` says why a ratio cannot be estimated, or why an estimate has no error and interval: the arm's
        outcomes, or the clusters, do not vary.
        """
        return arm_rows(self.risks, self.covariance, self.risks * (1 - self.risks), "risk", level)

    def glance(self) -> pd.DataFrame:
        """One row: people by arm and the estimand."""
        return pd.DataFrame(
            {"estimand": [self.estimand], "n_treated": [self.n_treated], "n_control": [self.n_control]}
        )


def risk_contrast(
    design: Design, outcomes: pd.DataFrame, *, outcome: str, estimated_weights: bool = False
) -> RiskContrast:
    r"""Risks of a yes/no outcome in the two arms of a design, and what differs between them.

    The weighted mean of each arm; its robust variance is that of the saturated modified Poisson model (Zou 2004, American
    Journal of Epidemiology 159:702-706), clustered as the design says: the influence of row i is
    :math:`w_i (y_i - \hat p) / \sum w` in its arm. Everyone must be followed to the end; else use `time_to_event`.

    Parameters
    ----------
    outcomes : rows as the design's data
    outcome : 0/1 column
    estimated_weights : count the chance in the propensity score behind a design from `weight`, too (`ScoreModel`);
        otherwise the weights are taken as given

    Raises
    ------
    UsageError, DataError
        Rows that do not fit the design; an outcome that is not 0/1; weights whose chance cannot be counted.
    """
    y = _outcome(design, outcomes, outcome)
    score = score_model(design, estimated_weights)
    rows = design.analysis_rows()
    treated, values, weight = design.treated[rows.row], y[rows.row], rows.weight
    risks, influence = np.zeros(2), np.zeros((len(values), 2))
    for k, arm in enumerate((True, False)):
        here = treated == arm
        if not here.any():
            raise DataError(
                f"the design keeps no {'treated' if arm else 'control'} person, so there is nothing to compare."
            )
        total = weight[here].sum()
        risks[k] = (weight[here] * values[here]).sum() / total
        influence[here, k] = weight[here] * (values[here] - risks[k]) / total
    if score is not None:
        influence = score.corrected(influence)
    covariance = clustered_covariance(influence, rows.clusters)
    n = [len(np.unique(rows.row[treated == arm])) for arm in (True, False)]
    return RiskContrast(risks, covariance, design.estimand, n[0], n[1])


def mcnemar(design: Design, outcomes: pd.DataFrame, *, outcome: str) -> HypothesisTest:
    """McNemar's test of a yes/no outcome in 1:1 matched pairs, without continuity correction.

    `detail` is the paired table: rows the treated person without and with the event, columns the control's.

    Raises
    ------
    UsageError
        The design is not of pairs without replacement.
    """
    from statsmodels.stats.contingency_tables import mcnemar as test

    y = _outcome(design, outcomes, outcome)
    rows = design.analysis_rows()
    sets, treated = rows.clusters[0], design.treated[rows.row]
    first_of, second_of = np.sort(sets[treated]), np.sort(sets[~treated])
    once = len(np.unique(first_of)) == len(first_of) and np.array_equal(first_of, second_of)
    if design.set_id is None or len(rows.clusters) != 1 or not once:
        raise UsageError("McNemar's test is for pairs: match with ratio=1 and replace=False.")
    first = pd.Series(y[rows.row[treated]], index=sets[treated]).sort_index()
    second = pd.Series(y[rows.row[~treated]], index=sets[~treated]).sort_index()
    table = pd.crosstab(first, second).reindex(index=[0.0, 1.0], columns=[0.0, 1.0], fill_value=0)
    if np.fliplr(table.to_numpy()).diagonal().sum() == 0:
        raise DataError("no pair is discordant, so McNemar's test has nothing to go by.")
    result = test(table.to_numpy(), exact=False, correction=False)
    detail = table.set_axis(["treated 0", "treated 1"]).set_axis(["control 0", "control 1"], axis=1)
    return chi_square_test(["treated"], result.statistic, 1.0, "McNemar's test of matched pairs", detail)


def _outcome(design: Design, outcomes: pd.DataFrame, outcome: str) -> FloatArray:
    check_people(design, outcomes)
    take = Columns(outcomes)
    y = take.binary("outcome", outcome, both=False)
    take.check()
    return y.astype(float)
