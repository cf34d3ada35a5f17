"""Who belongs to an analysis: its treated, its declared comparator, and those left out by name."""

from __future__ import annotations

import pandas as pd

from ..core.errors import DataError
from ..protocol import Analysis, Protocol
from .flow import Flow


def population(
    protocol: Protocol, analysis: Analysis, people: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The people of one analysis with a 0/1 column `treated`, and the flow from the cohort to them.

    Person exposure: the diverted, and those whose outcome is among the comparator's codes. Force exposure: everyone,
    treated where the force runs a scheme; what was done with them came after and excludes nobody. Those of a scheme force
    from before its scheme are left out.

    Raises
    ------
    DataError
        One arm is empty.
    """
    flow = Flow(analysis.id, len(people))
    if protocol.data.shape == "person_table":
        kept = people
    elif analysis.exposure == "force":
        # People of a force before its scheme began are neither treated nor of a force that has none: were they kept as
        # comparison people, a force would be compared with itself.
        early = people["force"].isin(people.loc[people["scheme"] == 1, "force"]) & (people["scheme"] == 0)
        flow.exclude(
            "Everyone else, whatever was done",
            "incident before their own force's scheme began",
            int(early.sum()),
        )
        kept = people.loc[~early]
        kept = kept.assign(treated=kept["scheme"])
    else:
        assert protocol.cohort is not None
        kept = people
        flow.exclude(
            "Outcome assigned",
            "outcome not yet assigned (code 0)",
            int((kept["disposal"] == "not assigned").sum()),
        )
        kept = kept.loc[kept["disposal"] != "not assigned"]
        other = kept["disposal"] == "other outcome"
        flow.exclude(
            f"Diverted, or {protocol.cohort.comparator.label}",
            "another outcome, not the declared comparator",
            int(other.sum()),
        )
        kept = kept.loc[~other]
        kept = kept.assign(treated=kept["diverted"].astype("int64"))
    for value, label in ((1, analysis.treated_label), (0, analysis.control_label)):
        if not (kept["treated"] == value).any():
            raise DataError(
                f"{analysis.id}: the arm '{label}' is empty ({len(kept)} people, all in the other arm). "
                "Check the exposure's codes, and the flow of exclusions."
            )
    return kept.reset_index(drop=True), flow.frame()
