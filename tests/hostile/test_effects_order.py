"""Outcomes of the right people in the wrong order are refused, as far as an index tells."""

from __future__ import annotations

import pytest

from pdd_outcomes.core.errors import UsageError
from pdd_outcomes.design import match, weight
from pdd_outcomes.effects import prognostic_balance, risk_contrast, standardise, time_to_event
from tests.laws.test_weight_laws import COVARIATES
from tests.spec.test_effects_standardise import study


@pytest.mark.parametrize("make", [match, weight])
def test_shuffled_outcomes_are_refused_by_every_function(make) -> None:  # type: ignore[no-untyped-def]
    data = study(1).assign(time=5.0)
    design = make(data, "t", covariates=COVARIATES)
    shuffled = data.sample(frac=1, random_state=1)
    calls = (
        lambda d: risk_contrast(design, d, outcome="y"),
        lambda d: standardise(design, d, outcome="y"),
        lambda d: prognostic_balance(design, d, outcome="y", covariates=["age"]),
        lambda d: time_to_event(design, d, time="time", event="y", at=[4], tau=4),
    )
    for call in calls:
        with pytest.raises(UsageError, match="another index"):
            call(shuffled)
        call(shuffled.loc[data.index])
