"""Balance of the prognostic score: of all covariates at once, each by how much it says of the outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from ..core.errors import DataError
from ..core.formula import model_matrix
from ..design import Balance, Design, balance
from ..design.views import OWN_SD
from .sample import check_people
from .standardise import glm_mean, outcome_column, outcome_model


def prognostic_balance(
    design: Design,
    outcomes: pd.DataFrame,
    *,
    outcome: str,
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    family: Literal["binomial", "gaussian", "poisson"] = "binomial",
) -> Balance:
    r"""Balance of the outcome expected without treatment, :math:`E[Y \mid x, t=0]`, before and after.

    A model of the outcome is fitted to all controls, and what it predicts is compared between the arms. It foretells the bias
    of an effect better than the largest standardised difference of single covariates does (Stuart, Lee and Leacy 2013). It
    looks at the outcomes of controls, so it comes after the design is settled, not in choosing it.

    Parameters
    ----------
    outcomes : rows as the design's data
    outcome : 0/1 column, or a number for the other families
    covariates, formula : columns of `outcomes`

    Returns
    -------
    Balance
        One row, ``prognostic score``, on the scale of the outcome.

    References
    ----------
    Hansen (2008) Biometrika 95:481-488. Stuart, Lee and Leacy (2013) Journal of Clinical Epidemiology 66:S84-S90.
    """
    check_people(design, outcomes)
    y = outcome_column(outcomes, outcome, family)
    values = model_matrix(outcomes, covariates=covariates, formula=formula).values
    x = np.column_stack([np.ones(len(y)), values])
    control = ~design.treated
    if len(np.unique(y[control])) == 1:
        raise DataError(
            f"outcome={outcome!r} is the same for every control, so nothing can be foretold from it."
        )
    beta, _, _ = outcome_model(x[control], y[control], np.ones(int(control.sum())), family)
    score = glm_mean(x @ beta, family)[0]
    frame = pd.DataFrame({"prognostic score": score, "treated": design.treated.astype(int)})
    return balance(
        frame,
        "treated",
        covariates=["prognostic score"],
        weights=design.weights,
        sd=OWN_SD.get(design.requested, "pooled"),
    )
