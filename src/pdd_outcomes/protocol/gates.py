"""Gates: what balance and effective sample size must be before outcomes are joined."""

from __future__ import annotations

from dataclasses import dataclass

from .model import Analysis


@dataclass(frozen=True, slots=True)
class GateResult:
    """One gate of one analysis: its limit, what was found, and whether it was passed or overridden."""

    analysis: str
    gate: str
    limit: float
    value: float
    passed: bool
    override: str

    @property
    def stops(self) -> bool:
        """Failed, and no reason given in the protocol for going on."""
        return not self.passed and not self.override


def check_gates(analysis: Analysis, *, worst_smd: float, least_ess: float) -> tuple[GateResult, ...]:
    """The analysis's gates, judged.

    Parameters
    ----------
    worst_smd : largest absolute standardised difference over covariates (and forces)
    least_ess : smallest effective sample size over arms (and forces)
    """
    gates, reason = analysis.gates, analysis.gates.override or ""
    return (
        GateResult(
            analysis.id,
            "largest standardised difference (smd)",
            gates.max_smd,
            worst_smd,
            worst_smd <= gates.max_smd,
            reason,
        ),
        GateResult(
            analysis.id,
            "least effective sample size (ess)",
            gates.min_ess,
            least_ess,
            least_ess >= gates.min_ess,
            reason,
        ),
    )
