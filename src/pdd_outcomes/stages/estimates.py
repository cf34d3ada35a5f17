"""Stage 7: what the locked designs say of the outcomes, one long table; curves, proportional hazards, pooling."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..core.errors import DataError
from ..core.results import NotEstimable
from ..core.times import DAYS_PER_MONTH
from ..design import AnalysisRows, Design, unadjusted
from ..effects import TimeToEvent, time_to_event
from ..protocol import Analysis, Outcome, Protocol
from ..release.findings import TABLES, Rule
from .curves import curve_counts
from .design import EVERYONE, persons
from .files import sha256_json
from .pooling import Influences, pool_forces
from .progress import track
from .runner import Workbench


@dataclass(frozen=True, slots=True, eq=False)
class Locked(Design):
    """A design read back from the stage that locked it: the rows of its outcome models are given, not worked out again."""

    rows: AnalysisRows

    def analysis_rows(self) -> AnalysisRows:
        """The rows as they were locked."""
        return self.rows


@dataclass(frozen=True, slots=True)
class Comparison:
    """A design on people (n rows), and which row of the findings its estimates belong to."""

    analysis: Analysis
    population: str
    group: str
    people: pd.DataFrame
    design: Design


def run(bench: Workbench) -> None:
    """Estimate every outcome for every comparison, or nothing at all where a gate failed."""
    held = bench.manifests["outcomes"]["notes"]["gates_failed"]
    raw: dict[str, list[pd.DataFrame]] = {"estimates": [], "curves": [], "ph_tests": []}
    shared = Influences()
    if not held:
        outcomes = bench.read("outcomes", "outcomes.parquet")
        jobs = [(c, o) for c in comparisons(bench) for o in bench.protocol.outcomes]
        for comparison, outcome in track(jobs, f"{bench.study.name}: estimating"):
            for name, frame in _estimate(bench, comparison, outcome, outcomes, shared).items():
                raw[name].append(frame)
    made = {
        name: pd.concat(frames, ignore_index=True) if frames else empty(name) for name, frames in raw.items()
    }
    pooled, pooling, together = pool_forces(bench.protocol, made["estimates"], shared)
    bench.write("covariances.csv", together)
    made["estimates"] = (
        pd.concat([made["estimates"], pooled], ignore_index=True) if len(pooled) else made["estimates"]
    )
    made["pooling"] = pooling
    for name, frame in made.items():
        bench.write(f"{name}.csv", frame)


def empty(table: str) -> pd.DataFrame:
    """No rows, the columns that the release stage expects of a table."""
    if table == "curves":
        counts = curve_counts(np.zeros(0), np.zeros(0, dtype=bool), np.zeros(0))
        return counts.assign(**{key: "" for key in ("analysis", "group", "outcome", "sample", "arm")})
    schema = TABLES[table]
    return pd.DataFrame(columns=[c.name for c in schema.columns if c.rule is not Rule.MARKS])


def comparisons(bench: Workbench) -> Iterator[Comparison]:
    """For each analysis: everyone as they came, the matched, and (where asked) the matched of each force."""
    design = bench.read("design", "design.parquet")
    rows = bench.read("design", "rows.parquet")
    for analysis in bench.protocol.analyses:
        people = bench.read("cohort", f"population_{analysis.id}.parquet")
        yield Comparison(analysis, "unmatched", EVERYONE, people, _naive(people))
        own = design.loc[design["analysis"] == analysis.id]
        for group, part in own.groupby("group", sort=True):
            part = part.reset_index(drop=True)
            its_rows = rows.loc[(rows["analysis"] == analysis.id) & (rows["group"] == group)]
            own_design = locked(part, its_rows, analysis.estimand)
            yield Comparison(analysis, "matched", str(group), part, own_design)
            if analysis.by_force and group == EVERYONE:
                yield from _by_force(analysis, part, own_design)


def _naive(people: pd.DataFrame) -> Design:
    """Everyone as they are, clustered on the person where some are subjects more than once."""
    design, who = unadjusted(people, "treated"), persons(people)
    if who is None:
        return design
    rows = design.analysis_rows()
    clustered = AnalysisRows(rows.row, rows.weight, (who[rows.row],))
    return Locked(design.treated, design.weights, None, design.requested, clustered)


def locked(part: pd.DataFrame, rows: pd.DataFrame, estimand: str) -> Locked:
    """The design of a part as it was locked, from its people and the rows of its outcome models."""
    clusters = [rows["cluster_1"].to_numpy(dtype=np.int64)]
    if (rows["cluster_2"] >= 0).all():
        clusters.append(rows["cluster_2"].to_numpy(dtype=np.int64))
    return Locked(
        part["treated"].to_numpy(dtype=bool),
        part["weight"].to_numpy(dtype=float),
        part["set_id"].to_numpy(dtype=np.int64),
        estimand,
        AnalysisRows(
            rows["place"].to_numpy(dtype=np.int64), rows["weight"].to_numpy(dtype=float), tuple(clusters)
        ),
    )


def _by_force(analysis: Analysis, part: pd.DataFrame, whole: Locked) -> Iterator[Comparison]:
    """The same matched sets, force by force: sets never cross a force that people were matched within."""
    if "force" not in analysis.design.exact:
        raise DataError(
            f"{analysis.id}: by_force needs 'force' among design.exact, so that no matched set crosses a force."
        )
    force = part["force"].to_numpy()
    for name in sorted(part.loc[part["treated"].astype(bool), "force"].unique()):
        here = force == name
        place = np.cumsum(here) - 1
        inside = here[whole.rows.row]
        rows = AnalysisRows(
            place[whole.rows.row[inside]],
            whole.rows.weight[inside],
            tuple(c[inside] for c in whole.rows.clusters),
        )
        assert whole.set_id is not None
        design = Locked(whole.treated[here], whole.weights[here], whole.set_id[here], whole.requested, rows)
        yield Comparison(analysis, "matched", str(name), part.loc[here].reset_index(drop=True), design)


def _estimate(
    bench: Workbench, comparison: Comparison, outcome: Outcome, outcomes: pd.DataFrame, shared: Influences
) -> dict[str, pd.DataFrame]:
    protocol = bench.protocol
    theirs = outcomes.loc[outcomes["outcome"] == outcome.id, ["subject", "time", "event"]]
    joined = comparison.people[["subject"]].merge(theirs, on="subject", how="left", validate="many_to_one")
    try:
        result = time_to_event(
            comparison.design,
            joined,
            time="time",
            event="event",
            at=protocol.horizons,
            tau=protocol.tau,
            intervals=protocol.intervals,
            level=protocol.reporting.level,
        )
    except DataError as error:
        where = f"{comparison.analysis.id}, {comparison.population}, {comparison.group}, {outcome.id}"
        raise DataError(f"{where}: {problem}" for problem in error.problems) from error
    if comparison.population == "matched" and comparison.analysis.exposure == "force":
        who = comparison.people["person"]
        shared.add(comparison.analysis.id, outcome.id, comparison.group, who, result)
    keys = {"analysis": comparison.analysis.id, "group": comparison.group, "outcome": outcome.id}
    made = {"estimates": _rows(bench, comparison, outcome, result)}
    sample = comparison.population
    for arm in (True, False):
        here = comparison.design.treated == arm
        counts = curve_counts(
            joined["time"].to_numpy()[here],
            joined["event"].to_numpy(dtype=bool)[here],
            comparison.design.weights[here],
        )
        frame = counts.assign(sample=sample, arm="treated" if arm else "control", **keys)
        made["curves"] = pd.concat([made["curves"], frame], ignore_index=True) if "curves" in made else frame
    test = result.ph_test()
    if sample == "matched" and not isinstance(test, NotEstimable):
        made["ph_tests"] = test.tidy()[["term", "statistic", "df", "p_value"]].assign(**keys)
    return made


def days(protocol: Protocol, time: Any) -> Any:
    """A time in the protocol's unit in days; a month is a twelfth of 365."""
    return np.asarray(time, dtype=float) * (DAYS_PER_MONTH if protocol.time_unit == "months" else 1.0)


def _rows(bench: Workbench, comparison: Comparison, outcome: Outcome, result: TimeToEvent) -> pd.DataFrame:
    """The result as rows of the study's one long table of estimates."""
    protocol, analysis = bench.protocol, comparison.analysis
    tidy = result.tidy().rename(columns={"term": "measure"})
    tidy = tidy.loc[tidy["measure"] != "rmst_ratio"].reset_index(drop=True)
    clusters = comparison.design.analysis_rows().clusters
    words = (
        "person"
        if comparison.population == "unmatched"
        else "matched set"
        if len(clusters) == 1
        else "matched set and person"
    )
    overall = tidy["measure"] == "hazard_ratio"
    return tidy.assign(
        study=bench.study.name,
        analysis=analysis.id,
        exposure=analysis.exposure,
        population=comparison.population,
        group=comparison.group,
        outcome=outcome.id,
        # The overall hazard ratio is over all of follow-up and belongs to no horizon.
        horizon_days=np.where(overall, np.nan, days(protocol, tidy["horizon"])),
        interval_start_days=np.where(overall, np.nan, days(protocol, tidy["interval_start"])),
        estimand=result.estimand,
        scale=tidy["scale"].replace("time", protocol.time_unit),
        level=result.level,
        se_method=f"robust, clustered on the {words}",
        ess_treated=result.ess[0],
        ess_control=result.ess[1],
        design_sha=sha256_json(bench.manifests["design"]),
        protocol_sha=protocol.sha256,
        seed=protocol.data.seed,
    )[list(empty("estimates").columns)]
