"""What the synthetic world is calibrated to, each figure with its source."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.errors import UsageError

# Force-level and person-level Kaplan-Meier risks at 91, 365 and 1095 days, cohort 1 (possession-type suspects), of the
# police drug diversion impact evaluation: github.com/danlewer/pdd, km_risks.csv, 2026-03-06.
KNOTS = (91.0, 365.0, 1095.0)
COMPARISON_FORCES = (0.133, 0.276, 0.399)
DIVERTED = (0.075, 0.183, 0.299)
SCHEME_FORCES = (0.117, 0.250, 0.377)
TREATMENT_AT_365 = {"diverted": 0.040, "not diverted": 0.057}  # same source, entry into drug treatment

SCHEME = ("Alder", "Birch", "Cedar", "Elm", "Hawthorn", "Hazel", "Juniper", "Larch", "Rowan")
COMPARISON = ("Holly", "Maple", "Willow", "Yew")

NFA_CODES = (14, 15, 16, 18)
FORMAL_CODES = (1, 3, 6, 7)


@dataclass(frozen=True, slots=True)
class Settings:
    """What may be turned. The defaults are the published picture.

    Attributes
    ----------
    uptake : share diverted within scheme forces (47%: same source, about 28% of all suspects)
    scheme_share : share of suspects who live in scheme forces (28/47)
    tau2 : between-force variance of the force-level log hazard ratio (0.0253 by REML on the nine published estimates)
    force_sd : the part of its root that is residual difference between forces and no effect of the scheme
    hidden_selection : log odds of diversion for one SD of a trait that officers see and no record holds; it also raises
        the log hazard by 0.5. 0 makes the comparison of people unconfounded given the records.
    not_stated : share of people whose ethnicity is not stated
    dirt : share of extra bad rows (exact duplicates, orphans, impossible dates) added to each table

    Raises
    ------
    UsageError
        A share or a variance is out of its range. All of them at once.
    """

    uptake: float = 0.47
    scheme_share: float = 0.60
    tau2: float = 0.025
    force_sd: float = 0.08
    hidden_selection: float = 0.0
    not_stated: float = 0.06
    dirt: float = 0.002
    starts: str = "2013-01-01"
    cut: str = "2023-12-31"
    first_index: str = "2018-01-01"
    index_days: int = 730

    def __post_init__(self) -> None:
        problems = [
            f"{name}={value:g} is not between {low:g} and {high:g}."
            for name, value, low, high in (
                ("uptake", self.uptake, 0.1, 0.9),  # a force's own is up to 9 points from it
                ("scheme_share", self.scheme_share, 0.1, 0.95),
                ("not_stated", self.not_stated, 0, 1),
                ("dirt", self.dirt, 0, 0.5),
            )
            if not low <= value <= high
        ]
        if not 0 <= self.force_sd**2 <= self.tau2:
            problems.append(
                f"force_sd={self.force_sd:g} is a part of the root of tau2={self.tau2:g} and cannot be above it."
            )
        if problems:
            raise UsageError(problems)
