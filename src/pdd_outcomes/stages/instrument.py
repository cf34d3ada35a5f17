"""The officer who decided as an instrument: first stage, effect in those whom leniency moves, balance and signs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ..core.errors import DataError
from ..core.results import NotEstimable
from ..effects import Instrumental, check_instrument, instrumental, leave_one_out_leniency
from .evidence_rows import Row, Section, numbers_of, told
from .people import asked, followed, with_disposal, with_outcome
from .runner import Workbench

NO_OFFICER = "the records do not say which officer decided"
SUBGROUPS = ("sex", "first_time")


def officers(bench: Workbench) -> Iterator[Row]:
    """Leniency within force and quarter among those arrested where a scheme ran, in two stages."""
    protocol, plan = bench.protocol, bench.protocol.instrument
    assert plan is not None
    what = asked(protocol, plan.horizon)
    section = Section(
        "instrument", what.analysis.id, what.outcome.id, what.horizon_days, protocol.reporting.level
    )
    people = bench.read("cohort", "cohort.parquet")
    there = people.loc[(people["scheme"] == 1) & people["disposal"].isin(["diverted", "comparator"])]
    there = with_disposal(
        bench, followed(with_outcome(bench, there.reset_index(drop=True), what)), ["officer_id"]
    )
    known = there["officer_id"].notna() & (there["officer_id"].astype(str) != "")
    if not known.any():
        yield section.nothing("effect", NO_OFFICER, "risk_difference", "difference")
        return
    there = there.loc[known].reset_index(drop=True)
    quarter = pd.to_datetime(there["index_date"]).dt.to_period("Q").astype(str)
    there = there.assign(
        diverted=(there["disposal"] == "diverted").astype("int64"),
        cell=there["force"].astype(str) + " " + quarter,
    )
    found = leave_one_out_leniency(there, "diverted", "officer_id", within="cell", minimum=plan.minimum)
    kept = there.assign(leniency=found["leniency"]).loc[found["leniency"].notna()].reset_index(drop=True)
    if kept.empty:
        yield section.nothing("effect", "no officer has cases enough", "risk_difference", "difference")
        return
    kept["leniency"] = kept["leniency"] - kept.groupby("cell")["leniency"].transform("mean")
    yield from _two_stages(bench, section, kept, list(plan.adjust))
    yield from _checks(bench, section, kept, list(plan.adjust) or ["age", "prior_offences", "imd_quintile"])


def _counts(people: pd.DataFrame) -> dict[str, int]:
    diverted, happened = people["diverted"] == 1, people["happened"] == 1
    return {
        "n_treated": int(diverted.sum()),
        "n_control": int((~diverted).sum()),
        "events_treated": int((diverted & happened).sum()),
        "events_control": int((~diverted & happened).sum()),
    }


def _two_stages(bench: Workbench, section: Section, people: pd.DataFrame, adjust: list[str]) -> Iterator[Row]:
    counts, units = _counts(people), people["officer_id"].nunique()
    try:
        result = instrumental(
            people,
            "happened",
            "diverted",
            "leniency",
            covariates=[*adjust, "cell"],
            cluster="officer_id",
            level=section.level,
        )
    except DataError as error:
        yield section.nothing(
            "effect", told(bench.log, section, "effect", error), "risk_difference", "difference"
        )
        return
    if isinstance(result, NotEstimable):
        yield section.nothing("effect", result, "risk_difference", "difference", **counts)
        return
    first = result.first_stage().set_index("term").loc["leniency"].to_dict()
    yield section.row(
        "first_stage", "difference", "index", group="leniency", units=units, **counts, **numbers_of(first)
    )
    yield section.row(
        "strength",
        "effective F",
        "statistic",
        units=units,
        **counts,
        estimate=result.strength.effective_f,
        statistic=result.strength.effective_f,
    )
    yield from _effect(section, result, counts, units)


def _effect(section: Section, result: Instrumental, counts: dict[str, int], units: int) -> Iterator[Row]:
    weak = " ".join(result.notes) if result.strength.weak else ""
    note = "" if any(letter.isdigit() for letter in weak) else weak
    keys = {"units": units, "estimand": "those whom leniency moves", **counts}
    row = result.tidy().set_index("term").loc[result.treatment].to_dict()
    if row["interval"] == "Anderson-Rubin" and not np.isfinite(row["conf_low"] + row["conf_high"]):
        yield section.nothing(
            "effect",
            "the instrument is too weak for an interval that ends",
            "risk_difference",
            "difference",
            **keys,
        )
    else:
        yield section.row(
            "effect",
            "risk_difference",
            "difference",
            group="two-stage least squares",
            se_method=row["interval"],
            note=note,
            **keys,
            **numbers_of(row),
        )
    found, _ = result.anderson_rubin()
    if len(found) == 1 and np.isfinite(found[0]).all():
        low, high = found[0]
        yield section.row(
            "anderson_rubin",
            "risk_difference",
            "difference",
            group="Anderson-Rubin",
            **keys,
            estimate=row["estimate"],
            conf_low=low,
            conf_high=high,
        )
    else:
        yield section.nothing(
            "anderson_rubin",
            "the set of effects that are not rejected has no ends",
            "risk_difference",
            "difference",
            **keys,
        )
    plain = result.least_squares().set_index("term").loc[result.treatment].to_dict()
    yield section.row(
        "least_squares", "risk_difference", "difference", group="least squares", **keys, **numbers_of(plain)
    )


def _checks(bench: Workbench, section: Section, people: pd.DataFrame, covariates: list[str]) -> Iterator[Row]:
    counts = _counts(people)
    try:
        checks = check_instrument(
            people,
            "diverted",
            "leniency",
            covariates=covariates,
            subgroups=[s for s in SUBGROUPS if s in people and people[s].nunique() > 1],
            within="cell",
            cluster="officer_id",
        )
    except DataError as error:
        yield section.nothing("balance", told(bench.log, section, "balance", error), "joint F")
        return
    joint = checks.joint.tidy().iloc[0].to_dict()
    balance = {**counts, **numbers_of(joint), "estimate": joint["statistic"]}
    yield section.row("balance", "joint F", "statistic", **balance)
    for row in checks.tidy(section.level).to_dict("records"):
        if row["check"] == "monotonicity" and row["term"] != "everyone":
            yield section.row(
                "monotonicity", "first stage", "index", group=row["term"], n_treated=row["n"], **numbers_of(row)
            ) | ({"status": "not_estimable", "reason": row["reason"]} if row["reason"] else {})
