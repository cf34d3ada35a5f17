"""Engagement: how far people went, and what being offered, diverted and completing each go with."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ..core.errors import DataError
from ..effects import Cascade, Engagement, cascade, engagement
from ..protocol import Analysis
from .estimates import Locked
from .evidence_rows import Row, Section, numbers_of, told
from .people import Asked, asked, design_on, followed, matched_people, with_outcome, with_stages
from .runner import Workbench

ELIGIBLE, DIVERTED = "eligible", "diverted"
SCALES = {"risk_difference": "difference", "risk_ratio": "ratio"}


def engaged(bench: Workbench) -> Iterator[Row]:
    """The cascade, overall and by force, and the five contrasts side by side."""
    protocol, plan = bench.protocol, bench.protocol.engagement
    assert plan is not None
    what = asked(protocol, plan.horizon)
    section = Section(
        "engagement", what.analysis.id, what.outcome.id, what.horizon_days, protocol.reporting.level
    )
    people = with_stages(bench, bench.read("cohort", "cohort.parquet"), plan.stages)
    # Whoever is counted as diverted was referred in the grace window, which is the first stage whatever its name.
    there = people.loc[people["scheme"] == 1].assign(eligible=1)
    there = there.assign(diverted=(there["disposal"] == "diverted").astype("int64")).reset_index(drop=True)
    later = [s for s in plan.stages if s != protocol_contact(bench)]
    days = {s: f"days_{s}" for s in later}
    if protocol_contact(bench) in plan.stages:
        days[DIVERTED] = f"days_{protocol_contact(bench)}"
    if there.empty:
        yield section.nothing("cascade", "nobody was arrested where a scheme ran", "share", "probability")
        return
    for by in (None, "force"):
        yield from _cascade(section, cascade(there, [ELIGIBLE, DIVERTED, *later], by=by, days=days, fill=True))
    yield from _contrasts(bench, section, what, people, plan.stages[-1])


def protocol_contact(bench: Workbench) -> str:
    """The contact that makes a person diverted."""
    assert bench.protocol.cohort is not None
    return bench.protocol.cohort.diverted.contact


def _cascade(section: Section, result: Cascade) -> Iterator[Row]:
    first: dict[str, int] = {}
    by = result.by or ""
    for row in result.frame(section.level).to_dict("records"):
        group = row.get("group", "all")
        first.setdefault(group, row["number"])
        place = result.stages.index(row["stage"])
        if not place:
            continue  # everyone is eligible: the number that the shares are of
        keys = {"group": group, "by": by, "place": place, "note": row["stage"]}
        share = {
            "estimate": row["share_of_first"],
            "conf_low": row["share_low"],
            "conf_high": row["share_high"],
        }
        yield section.row(
            "cascade",
            "share",
            "probability",
            **keys,
            n_treated=first[group],
            events_treated=row["number"],
            **share,
        )
        if not by and row["days_from"]:
            yield section.row(
                "cascade_days", "median", "days", **keys, n_treated=row["n_days"], estimate=row["days_median"]
            )


def _contrasts(
    bench: Workbench, section: Section, what: Asked, people: pd.DataFrame, last: str
) -> Iterator[Row]:
    """Everyone arrested where a scheme ran and, where forces are compared, those like them elsewhere."""
    by_force = next((a for a in bench.protocol.analyses if a.exposure == "force"), None)
    joined = followed(with_outcome(bench, people, what))
    weights = _weights(bench, by_force, joined)
    kept = joined.assign(weight=weights, diverted=(joined["disposal"] == "diverted").astype("int64"))
    if by_force is None:
        kept = kept.loc[kept["disposal"].isin(["diverted", "comparator"])]
    # Those without a match at force level keep no weight there, and count in the contrasts of people.
    kept = kept.rename(columns={last: "completed"}).reset_index(drop=True)
    theirs, whole = matched_people(bench, what.analysis)
    design = design_on(whole, theirs, kept)
    try:
        result = engagement(
            kept,
            "happened",
            offered="diverted",
            completed="completed",
            exposed="scheme" if by_force is not None else None,
            design=design,
            covariates=[c for c in what.analysis.design.covariates if c != "force"],
            weights="weight",
            cluster="force",
            level=section.level,
        )
    except DataError as error:
        yield section.nothing(
            "contrast", told(bench.log, section, "contrast", error), "risk_difference", "difference"
        )
        return
    yield from _contrast_rows(section, result, kept, design)


def _weights(bench: Workbench, analysis: Analysis | None, people: pd.DataFrame) -> np.ndarray:
    """How often each person serves in the force analysis's matched sets: what makes places alike."""
    if analysis is None:
        return np.ones(len(people))
    design = bench.read("design", "design.parquet")
    own = design.loc[design["analysis"] == analysis.id].groupby("subject")["weight"].sum()
    return own.reindex(people["subject"]).fillna(0.0).to_numpy(dtype=float)


def _contrast_rows(section: Section, result: Engagement, people: pd.DataFrame, design: Locked) -> Iterator[Row]:
    events = _events(people, design)
    for place, row in enumerate(result.tidy().to_dict("records")):
        if row["measure"] not in SCALES:
            continue
        matched = row["estimand"].startswith("matched")
        behind = events["matched" if matched else row["estimand"]]
        made = section.row(
            "contrast",
            row["measure"],
            SCALES[row["measure"]],
            group=row["estimand"],
            estimand=row["estimand"],
            place=place,
            note=row["assumes"],
            se_method="robust, clustered on matched sets" if matched else "robust, clustered on the force",
            n_treated=row["n_treated"],
            n_control=row["n_control"],
            events_treated=behind[0],
            events_control=behind[1],
            **numbers_of(row),
        )
        yield made | {"status": row["status"], "reason": row["reason"] if row["status"] != "ok" else ""}


def _events(people: pd.DataFrame, design: Locked) -> dict[str, tuple[int, int]]:
    """People with the outcome in the two groups that each contrast compares."""
    happened = (people["happened"] == 1).to_numpy()
    completed, diverted, exposed, counts = (
        (people[c] > 0).to_numpy() for c in ("completed", "diverted", "scheme", "weight")
    )
    arms = {
        "intention to treat": (exposed, counts),
        "matched": (design.treated, design.weights > 0),
        "complier": (exposed, counts),
        "as treated": (completed, counts & (completed | ~diverted)),
        "naive": (completed, counts & diverted),
        "naive minus complier": (completed, counts & diverted),
    }
    return {
        name: (int((happened & arm & of).sum()), int((happened & ~arm & of).sum()))
        for name, (arm, of) in arms.items()
    }
