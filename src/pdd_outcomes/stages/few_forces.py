"""Few forces: what can be said when chance between forces is counted, and what the pooled effect owes to each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..core.errors import DataError, UsageError
from ..core.results import tidy_frame
from ..survival import cox
from ..synthesis import (
    Pooled,
    cluster_level,
    influence,
    meta_regression,
    pool,
    randomisation_inference,
    wild_cluster_bootstrap,
)
from .evidence_rows import Row, Section, numbers_of, told
from .people import Asked, asked, followed, with_outcome
from .runner import Workbench

RISK = ("risk_difference", "difference")


def forces(bench: Workbench) -> Iterator[Row]:
    """For each analysis by force: inference over forces, each force left out, and features of schemes."""
    protocol = bench.protocol
    for analysis in protocol.analyses:
        if not analysis.by_force:
            continue
        about = asked(protocol)
        what = Asked(analysis, about.outcome, about.horizon, about.horizon_days)
        section = Section("forces", analysis.id, what.outcome.id, what.horizon_days, protocol.reporting.level)
        pooled = _pooled(bench, what)
        if analysis.exposure == "force":
            try:
                yield from _over_forces(bench, section, what)
            except DataError as error:
                yield section.nothing("inference", told(bench.log, section, "inference", error), *RISK)
        if pooled is not None:
            yield from _left_out(section, pooled)
            yield from _features(bench, section, pooled)


def _over_forces(bench: Workbench, section: Section, what: Asked) -> Iterator[Row]:
    """One contrast of scheme with comparison forces, by methods that count chance among people and among forces."""
    people, stacked = _people(bench, what)
    plan = bench.protocol.forces
    assert plan is not None
    arms = people.loc[people["weight"] > 0]
    keys = {
        "units": arms["force"].nunique(),
        **{
            f"{name}_{arm}": int(((arms["treated"] == value) & extra).sum())
            for arm, value in (("treated", 1), ("control", 0))
            for name, extra in (("n", True), ("events", arms["happened"] == 1))
        },
    }
    rng = np.random.default_rng([bench.protocol.data.seed, 13])
    yield _alone(section, people) | keys
    means = cluster_level(people, "happened", "treated", cluster="force", weights="weight")
    row = means.tidy(section.level).iloc[-1].to_dict() | {"df": len(means.means) - 2}
    yield _row(section, 1, "Force means, t test", row, means.reason) | keys
    wild = wild_cluster_bootstrap(
        people,
        "happened",
        "treated",
        cluster="force",
        weights="weight",
        replicates=plan.replicates,
        rng=rng,
        level=section.level,
    )
    yield _row(section, 2, "Wild cluster bootstrap", wild.tidy().iloc[0].to_dict(), wild.reason) | keys
    drawn = randomisation_inference(
        people,
        "happened",
        "treated",
        cluster="force",
        weights="weight",
        replicates=plan.replicates,
        rng=rng,
        level=section.level,
    )
    yield _row(section, 3, "Randomisation over forces", drawn.tidy().iloc[0].to_dict(), drawn.reason) | keys
    yield from _one_stage(section, stacked, keys)


def _people(bench: Workbench, what: Asked) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Everyone with the weights of all forces' matched sets added up; and the sets one under another."""
    design = bench.read("design", "design.parquet")
    own = design.loc[(design["analysis"] == what.analysis.id) & (design["weight"] > 0)]
    known = with_outcome(bench, bench.read("cohort", f"population_{what.analysis.id}.parquet"), what)
    total = own.groupby("subject")["weight"].sum()
    people = followed(known.assign(weight=total.reindex(known["subject"]).fillna(0.0).to_numpy(dtype=float)))
    columns = ["subject", "force", "treated", "time", "event"]
    stacked = own[["subject", "group", "weight"]].merge(known[columns], on="subject", how="left")
    return people.loc[people["weight"] > 0].reset_index(drop=True), stacked


def _alone(section: Section, people: pd.DataFrame) -> Row:
    """The contrast with an error that counts chance among people only."""
    y, w, d = (people[c].to_numpy(dtype=float) for c in ("happened", "weight", "treated"))
    mean, variance = np.zeros(2), 0.0
    for k, here in enumerate((d == 1, d == 0)):
        share = w[here] / w[here].sum()
        mean[k] = share @ y[here]
        variance += float((share**2 * (y[here] - mean[k]) ** 2).sum())
    row = tidy_frame(["treated"], mean[0] - mean[1], np.sqrt(variance), level=section.level).iloc[0].to_dict()
    return _row(section, 0, "Counting people alone", row, "")


def _row(section: Section, place: int, words: str, row: Mapping[Any, Any], reason: str) -> Row:
    made = section.row("inference", *RISK, group=words, place=place, **numbers_of(row))
    return made | ({"note": reason} if reason and not any(c.isdigit() for c in reason) else {})


def _one_stage(section: Section, stacked: pd.DataFrame, keys: Row) -> Iterator[Row]:
    """All forces' matched sets at once: a Cox model with a baseline for each scheme force's own comparison."""
    try:
        fit = cox(
            stacked,
            "time",
            "event",
            covariates=["treated"],
            strata=["group"],
            weights="weight",
            cluster=["force"],
        )
    except DataError as error:
        yield section.nothing("one_stage", " ".join(error.problems), "hazard_ratio", "ratio", **keys)
        return
    row = fit.tidy(exponentiate=True).iloc[0].to_dict()
    yield section.row(
        "one_stage",
        "hazard_ratio",
        "ratio",
        group="One stage, stratified by comparison",
        **keys,
        **numbers_of(row),
    )


def _pooled(bench: Workbench, what: Asked) -> Pooled | None:
    """The pooled risk difference of the analysis's forces; None where fewer than three can be estimated."""
    pairs = bench.read("estimates", "covariances.csv")
    own = pairs.loc[
        (pairs["analysis"] == what.analysis.id)
        & (pairs["outcome"] == what.outcome.id)
        & (pairs["measure"] == RISK[0])
        & np.isclose(pairs["horizon_days"].astype(float), what.horizon_days, rtol=0.002)
    ]
    if own.empty:
        return None
    labels = own["force"].drop_duplicates().tolist()
    value = own.drop_duplicates("force")["estimate"].to_numpy(dtype=float)
    v = own["covariance"].to_numpy(dtype=float).reshape(len(labels), len(labels))
    shared = v if (v - np.diag(np.diag(v))).any() else None
    return pool(
        value, np.sqrt(np.diag(v)), labels=labels, covariance=shared, level=bench.protocol.reporting.level
    )


def _left_out(section: Section, pooled: Pooled) -> Iterator[Row]:
    k = len(pooled.labels)
    for row in pooled.leave_one_out().to_dict("records"):
        yield section.row(
            "left_out",
            *RISK,
            group=row["left_out"],
            units=k - 1,
            df=k - 2,
            se_method="REML, Hartung-Knapp",
            **numbers_of(row),
        )
    for row in influence(pooled).to_dict("records"):
        yield section.row(
            "influence",
            "Cook's distance",
            "statistic",
            group=row["left_out"],
            units=k,
            estimate=row["cook_distance"],
            statistic=row["rstudent"],
            note="stands apart" if row["influential"] else "",
        )


def _features(bench: Workbench, section: Section, pooled: Pooled) -> Iterator[Row]:
    """Meta-regression on each feature of the schemes, as many as the rule allows."""
    plan = bench.protocol.forces
    assert plan is not None
    for name, values in plan.features.items():
        missing = [force for force in pooled.labels if force not in values]
        if missing:
            yield section.nothing("feature", "the plan does not give it for every force", *RISK, by=name)
            continue
        table = pd.DataFrame({name: [values[force] for force in pooled.labels]})
        try:
            fit = meta_regression(
                pooled.estimates,
                np.sqrt(np.diag(pooled.covariance)),
                table,
                labels=pooled.labels,
                level=section.level,
                permutations=plan.replicates,
                rng=np.random.default_rng([bench.protocol.data.seed, 17]),
            )
        except (UsageError, DataError) as error:
            reason = "too few forces for a feature: one for every ten at most"
            reason = reason if isinstance(error, UsageError) else "the feature does not vary between the forces"
            yield section.nothing("feature", reason, *RISK, by=name)
            continue
        row = fit.tidy().iloc[-1].to_dict()
        yield section.row(
            "feature",
            *RISK,
            by=name,
            units=len(pooled.labels),
            se_method="REML, Hartung-Knapp",
            **numbers_of(row),
        )
