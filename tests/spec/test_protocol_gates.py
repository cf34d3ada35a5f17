"""Gates: what must hold before outcomes are joined, and what a reason in the plan lets through."""

from __future__ import annotations

import math
from typing import Any

import pytest

from pdd_outcomes.protocol import Analysis, GateResult, check_gates


def analysis(max_smd: Any = 0.1, min_ess: Any = 200, override: Any = None) -> Analysis:
    return Analysis.model_validate(
        {
            "id": "main",
            "exposure": "person",
            "label": "Treated against control",
            "treated_label": "Treated",
            "control_label": "Control",
            "population": "Everyone",
            "design": {"covariates": ["age"]},
            "gates": {"max_smd": max_smd, "min_ess": min_ess, "override": override},
        }
    )


def judged(
    worst_smd: float = 0.05, least_ess: float = 500, **gates: float | str | None
) -> tuple[GateResult, ...]:
    return check_gates(analysis(**gates), worst_smd=worst_smd, least_ess=least_ess)


def test_both_gates_are_judged_always_balance_first() -> None:
    assert [g.gate for g in judged()] == [
        "largest standardised difference (smd)",
        "least effective sample size (ess)",
    ]


def test_a_design_within_its_limits_passes_and_stops_nothing() -> None:
    assert all(g.passed and not g.stops for g in judged())


def test_a_gate_reports_its_limit_and_what_was_found() -> None:
    smd, ess = judged(worst_smd=0.07, least_ess=321)
    assert (smd.analysis, smd.limit, smd.value) == ("main", 0.1, 0.07)
    assert (ess.analysis, ess.limit, ess.value) == ("main", 200, 321)


def test_a_value_exactly_at_the_limit_passes() -> None:
    assert all(g.passed for g in judged(worst_smd=0.1, least_ess=200))


def test_the_next_number_beyond_the_limit_fails() -> None:
    smd, ess = judged(worst_smd=math.nextafter(0.1, 1), least_ess=math.nextafter(200, 0))
    assert not smd.passed
    assert not ess.passed


def test_one_gate_failing_stops_though_the_other_passes() -> None:
    smd, ess = judged(worst_smd=0.3)
    assert smd.stops
    assert not ess.stops
    smd, ess = judged(least_ess=3)
    assert not smd.stops
    assert ess.stops


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_balance_that_cannot_be_worked_out_fails_its_gate(value: float) -> None:
    assert judged(worst_smd=value)[0].stops


def test_an_effective_size_that_cannot_be_worked_out_fails_its_gate() -> None:
    assert judged(least_ess=math.nan)[1].stops


def test_a_reason_lets_the_run_go_on_but_does_not_make_a_failure_a_pass() -> None:
    for gate in judged(worst_smd=0.3, least_ess=3, override="Agreed with the panel"):
        assert not gate.passed
        assert not gate.stops
        assert gate.override == "Agreed with the panel"


def test_without_a_reason_the_override_is_empty_text() -> None:
    assert [g.override for g in judged(worst_smd=0.3)] == ["", ""]


@pytest.mark.parametrize("reason", ["", "   ", True, 1])
def test_an_override_is_a_reason_in_words_and_nothing_else(reason: object) -> None:
    with pytest.raises(ValueError, match=r"gates\.override"):
        analysis(override=reason)


@pytest.mark.parametrize(("gate", "value"), [("max_smd", 0.0), ("max_smd", -0.1), ("min_ess", 0.0)])
def test_a_limit_is_above_zero(gate: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"gates\.{gate}"):
        analysis(**{gate: value})


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_limit_is_a_finite_number_for_no_run_could_fail_an_infinite_one(value: float) -> None:
    with pytest.raises(ValueError, match=r"gates\.max_smd"):
        analysis(max_smd=value)
