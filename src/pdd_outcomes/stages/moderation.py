"""For whom: the headline's effect in the groups that the protocol names, and whether it differs between them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ..core.errors import DataError
from ..synthesis import Moderators, explore_heterogeneity, moderators
from .evidence_rows import Row, Section, numbers_of, told
from .people import asked, banded, followed, matched_people, with_outcome
from .runner import Workbench

MEASURES = {"difference": "risk_difference", "ratio": "hazard_ratio"}
COUNTS = ("n_treated", "n_control", "events_treated", "events_control")


def moderation(bench: Workbench) -> Iterator[Row]:
    """Effects by group, tests with their adjustment, and (where asked) the exploratory learner."""
    protocol, plan = bench.protocol, bench.protocol.moderators
    assert plan is not None
    what = asked(protocol, plan.horizon)
    section = Section(
        "moderators", what.analysis.id, what.outcome.id, what.horizon_days, protocol.reporting.level
    )
    people, design = matched_people(bench, what.analysis)
    joined = banded(with_outcome(bench, people, what), plan.by, plan.bands)
    try:
        result = moderators(
            design,
            joined,
            time="time",
            event="event",
            at=what.horizon,
            moderators=plan.by,
            minimum=plan.minimum,
            alpha=protocol.reporting.alpha,
            level=protocol.reporting.level,
        )
    except DataError as error:
        yield section.nothing(
            "effect", told(bench.log, section, "effect", error), "risk_difference", "difference"
        )
        return
    yield from _effects(section, result)
    yield from _tests(section, result)
    if plan.exploratory:
        yield from _exploratory(bench, section, joined, tuple(what.analysis.design.covariates))


def _effects(section: Section, result: Moderators) -> Iterator[Row]:
    for part, frame in (("effect", result.tidy()), ("everyone", result.overall())):
        for row in frame.to_dict("records"):
            everyone = part == "everyone"
            yield section.row(
                part,
                MEASURES[row["scale"]],
                row["scale"],
                by="" if everyone else row["moderator"],
                group="all" if everyone else row["term"],
                estimand=result.estimand,
                **{c: row[c] for c in COUNTS},
                **numbers_of(row),
            ) | {"status": row["status"], "reason": row["reason"] or ""}


def _tests(section: Section, result: Moderators) -> Iterator[Row]:
    everyone = {row["scale"]: row for row in result.overall().to_dict("records")}
    for row in result.interactions().to_dict("records"):
        behind = {c: everyone[row["scale"]][c] for c in COUNTS}
        keys = {"by": row["moderator"], "units": row["levels"], "df": row["df"], **behind}
        measure = MEASURES[row["scale"]]
        if row["scale"] == "difference":
            yield section.row("spanning", "share of sets", "index", **keys, estimate=row["sets_spanning"])
        if row["status"] != "ok":
            yield section.nothing("interaction", row["reason"], measure, **keys)
            continue
        for part, p in (("interaction", "p_value"), ("interaction_holm", "p_holm"), ("interaction_bh", "p_bh")):
            yield section.row(
                part,
                measure,
                "statistic",
                **keys,
                estimate=row["statistic"],
                statistic=row["statistic"],
                p_value=row[p],
            )


def _exploratory(
    bench: Workbench, section: Section, people: pd.DataFrame, covariates: tuple[str, ...]
) -> Iterator[Row]:
    """Calibration, sorted groups and the best straight line of the learner, over everyone whose outcome is known."""
    known = followed(people)
    treated, happened = known["treated"] == 1, known["happened"] == 1
    counts = {
        "n_treated": int(treated.sum()),
        "n_control": int((~treated).sum()),
        "events_treated": int((treated & happened).sum()),
        "events_control": int((~treated & happened).sum()),
    }
    try:
        result = explore_heterogeneity(
            known,
            "treated",
            outcome="happened",
            covariates=covariates,
            rng=np.random.default_rng([bench.protocol.data.seed, 7]),
            model="regression",
            level=section.level,
        )
    except DataError:
        yield section.nothing("exploratory", "the learner's models could not be fitted to these people")
        return
    for place, row in enumerate(result.tidy().to_dict("records")):
        scale = "index" if row["part"] == "calibration" else "difference"
        yield section.row(
            f"exploratory_{row['part']}",
            "risk_difference",
            scale,
            group=row["term"],
            place=place,
            estimand="ATE",
            **counts,
            **numbers_of(row),
        ) | {"status": row["status"], "reason": row["reason"] or ""}
