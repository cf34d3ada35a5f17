"""Equity: who is diverted of those who could be, who completes of those diverted, and who would have had no further action."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from ..core.errors import DataError
from ..protocol.further import Equity as Plan
from ..synthesis import Equity, equity, net_widening
from .evidence_rows import Row, Section, numbers_of, told
from .people import asked, banded, with_disposal, with_stages
from .runner import Log, Workbench

NO_FURTHER_ACTION = (
    14,
    15,
    16,
    17,
    18,
    20,
    21,
)  # Home Office outcome codes: no formal outcome and no diversion
MEASURES = {
    "probability crude": ("probability_crude", "probability"),
    "probability": ("probability", "probability"),
    "difference": ("difference", "difference"),
    "ratio": ("ratio", "ratio"),
}


def fairness(bench: Workbench) -> Iterator[Row]:
    """Probabilities by group of being diverted and of completing, their differences, and how unequal they are."""
    protocol, plan = bench.protocol, bench.protocol.equity
    assert plan is not None
    section = Section("equity", asked(protocol).analysis.id, level=protocol.reporting.level)
    people = bench.read("cohort", "cohort.parquet")
    there = people.loc[(people["scheme"] == 1) & (people["disposal"] != "not assigned")].reset_index(drop=True)
    there = banded(
        there.assign(diverted=(there["disposal"] == "diverted").astype("int64")), plan.by, plan.bands
    )
    yield from _asked(bench.log, section, "diverted", there, "diverted", plan)
    stage = protocol.engagement.stages[-1] if protocol.engagement is not None else "completed"
    diverted = with_stages(bench, there.loc[there["diverted"] == 1].reset_index(drop=True), [stage])
    yield from _asked(bench.log, section, "completed", diverted, stage, plan)
    if plan.net_widening:
        yield from _widening(bench, section, people, plan)


def _widening(bench: Workbench, section: Section, people: pd.DataFrame, plan: Plan) -> Iterator[Row]:
    """Who would have had no further action, from people of forces without a scheme."""
    known = with_disposal(bench, people.loc[people["disposal"] != "not assigned"], ["outcome_code"])
    diverted = (known["disposal"] == "diverted").astype("int64")
    nothing = known["outcome_code"].isin(NO_FURTHER_ACTION).astype("int64").where(diverted == 0, 0)
    starts = bench.read("extract", "schemes.parquet").set_index("force")["start_date"]
    never = known["force"].map(starts.isna()).astype("int64")
    kept = known.assign(diverted=diverted, nothing=nothing, never=never)
    kept = kept.loc[(kept["scheme"] == 1) | (kept["never"] == 1)].reset_index(drop=True)
    if kept["never"].nunique() < 2:
        yield section.nothing("net_widening", "there is no force without a scheme", "share", "probability")
        return
    try:
        result = net_widening(
            kept,
            "diverted",
            no_further_action="nothing",
            covariates=[c for c in plan.adjust if c not in plan.bands] or ["age", "prior_offences"],
            comparison="never",
            cluster="force",
            level=section.level,
        )
    except DataError as error:
        yield section.nothing("net_widening", told(bench.log, section, "net_widening", error), "share", "index")
        return
    n = {
        "n_treated": int(((kept["diverted"] == 1) & (kept["never"] == 0)).sum()),
        "n_control": int((kept["never"] == 1).sum()),
    }
    for place, row in enumerate(result.tidy().to_dict("records")):
        made = section.row(
            "net_widening",
            "share",
            "index",
            group=row["term"],
            place=place,
            se_method=result.se_method,
            **n,
            **numbers_of(row),
        )
        yield made | ({"status": "not_estimable", "reason": row["reason"]} if pd.isna(row["estimate"]) else {})


def _asked(
    log: Log, section: Section, part: str, people: pd.DataFrame, outcome: str, plan: Plan
) -> Iterator[Row]:
    try:
        result = equity(
            people,
            outcome,
            by=plan.by,
            covariates=[c for c in plan.adjust if c not in plan.bands],
            cluster="force",
            minimum=plan.minimum,
            level=section.level,
        )
    except DataError as error:
        yield section.nothing(part, told(log, section, part, error), "probability", "probability")
        return
    yield from _groups(section, part, result)
    yield from _tests(section, part, result, people, outcome)
    yield from _inequality(section, part, result, people, outcome)


def _groups(section: Section, part: str, result: Equity) -> Iterator[Row]:
    frame = result.tidy()
    sizes = frame.drop_duplicates(["by", "term"]).set_index(["by", "term"])[["n", "cases"]]
    for row in frame.to_dict("records"):
        measure, scale = MEASURES[row["measure"]]
        against = {}
        if measure in ("difference", "ratio"):
            n, cases = sizes.loc[(row["by"], row["reference"])]
            against = {"n_control": n, "events_control": cases, "note": f"against {row['reference']}"}
            if any(letter.isdigit() for letter in str(row["reference"])):
                against["note"] = "against the largest group"
        made = section.row(
            part,
            measure,
            scale,
            by=row["by"],
            group=row["term"],
            n_treated=row["n"],
            events_treated=row["cases"],
            se_method=result.se_method,
            **against,
            **numbers_of(row),
        )
        yield made | {"status": row["status"].replace(" ", "_"), "reason": row["reason"] or ""}


def _tests(section: Section, part: str, result: Equity, people: pd.DataFrame, outcome: str) -> Iterator[Row]:
    behind = {"n_treated": len(people), "events_treated": int((people[outcome] == 1).sum())}
    for row in result.tests().tidy().to_dict("records"):
        told = {k: row[k] for k in ("statistic", "p_value", "df")}
        yield section.row(
            f"{part}_test",
            "probability",
            "statistic",
            by=row["term"],
            estimate=row["statistic"],
            **behind,
            **told,
        )


def _inequality(
    section: Section, part: str, result: Equity, people: pd.DataFrame, outcome: str
) -> Iterator[Row]:
    had = int((people[outcome] == 1).sum())
    for row in result.inequality().tidy().to_dict("records"):
        yield section.row(
            f"{part}_inequality",
            row["term"],
            "index",
            by=row["by"],
            estimand=row["kind"],
            n_treated=len(people),
            events_treated=had,
            **numbers_of(row),
        ) | (
            {"status": "not_estimable", "reason": row["reason"]}
            if row["reason"] and pd.isna(row["estimate"])
            else {}
        )
