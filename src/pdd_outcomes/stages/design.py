"""Stage 5: score, match, balance, overlap, gates. It reads no outcome; once it has run, the design is locked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..core.columns import IntArray
from ..core.errors import DataError, PddError
from ..design import Matched, PropensityScore, match, propensity_score
from ..protocol import Analysis, check_gates
from .files import text_column
from .progress import track
from .runner import Workbench

EVERYONE = "all"
COHORT_KEYS = {"subject", "person", "index_incident"}  # of people built from event tables


@dataclass(frozen=True, slots=True)
class Part:
    """One matched comparison: a whole analysis, or one scheme force against the comparison forces."""

    analysis: Analysis
    group: str
    people: pd.DataFrame
    score: PropensityScore
    matched: Matched


def parts(bench: Workbench, analysis: Analysis) -> Iterator[tuple[str, pd.DataFrame]]:
    """The groups that are matched on their own: everyone, or each scheme force with all the comparison people."""
    people = bench.read("cohort", f"population_{analysis.id}.parquet")
    if analysis.exposure == "person":
        yield EVERYONE, people
        return
    treated = people["treated"] == 1
    for force in sorted(people.loc[treated, "force"].unique()):
        yield str(force), people.loc[~treated | (people["force"] == force)].reset_index(drop=True)


def persons(people: pd.DataFrame) -> IntArray | None:
    """Codes (n,) of the persons where some are subjects more than once; None where everyone is one subject.

    A person table may have a column of that name that means something else; it has no index incidents.
    """
    if not set(people.columns) >= COHORT_KEYS or not people["person"].duplicated().any():
        return None
    return np.asarray(pd.factorize(people["person"])[0], dtype=np.int64)


def design_part(analysis: Analysis, group: str, people: pd.DataFrame) -> Part:
    """Score and match one group as the protocol says; an error names the analysis and group."""
    plan = analysis.design
    try:
        score = (
            propensity_score(people, "treated", formula=plan.formula)
            if plan.formula
            else propensity_score(people, "treated", covariates=plan.covariates)
        )
        matched = match(
            people,
            "treated",
            covariates=plan.covariates,
            distance=score.logit,
            method=plan.method,
            ratio=plan.ratio,
            replace=plan.replace,
            caliper=plan.caliper,
            caliper_scale=plan.caliper_scale,
            exact=plan.exact,
            # Nobody is compared with themselves on another day.
            anti_exact=() if persons(people) is None else ("person",),
            order=plan.order,
            estimand=analysis.estimand,
        )
    except PddError as error:
        raise DataError(f"{analysis.id}, {group}: {problem}" for problem in error.problems) from error
    return Part(analysis, group, people, score, matched)


def run(bench: Workbench) -> None:
    """Design every analysis; write who counts, balance, overlap, matching and gates."""
    plans = [(a, g, p) for a in bench.protocol.analyses for g, p in parts(bench, a)]
    tables: dict[str, list[pd.DataFrame]] = {
        n: [] for n in ("design", "rows", "balance", "overlap", "matching")
    }
    for analysis, group, people in track(plans, f"{bench.study.name}: matching"):
        part = design_part(analysis, group, people)
        tables["design"].append(_people(part))
        tables["rows"].append(_rows(part))
        tables["balance"].append(_balance(part))
        tables["overlap"].append(_keyed(part, part.matched.overlap(part.score.score)))
        tables["matching"].append(_matching(part))
    made = {name: pd.concat(frames, ignore_index=True) for name, frames in tables.items()}
    for name in ("design", "rows"):
        bench.write(f"{name}.parquet", made[name])
    for name in ("balance", "overlap", "matching"):
        bench.write(f"{name}.csv", made[name])
    gates = _gates(bench, made["balance"], made["matching"])
    bench.write("gates.csv", gates)
    for reason in gates_failed(gates):
        bench.log(f"{bench.study.name}: design: gate failed: {reason}")


def gates_failed(gates: pd.DataFrame) -> list[str]:
    """The gates that were not passed and not overridden, in words."""
    failed = gates.loc[~gates["passed"].astype(bool) & text_column(gates["override"]).eq("")]
    return [
        f"{r.analysis}: {r.gate} is {r.value:.3g}, and the limit is {r.limit:g}" for r in failed.itertuples()
    ]


def _keyed(part: Part, frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.copy()
    frame.insert(0, "group", part.group)
    frame.insert(0, "analysis", part.analysis.id)
    return frame


def _people(part: Part) -> pd.DataFrame:
    """Everyone of the part in order: the dropped have weight 0 and set -1."""
    m = part.matched
    columns = {"subject": part.people["subject"], "treated": m.treated, "weight": m.weights, "set_id": m.set_id}
    if set(part.people.columns) >= COHORT_KEYS:
        columns["person"] = part.people["person"]
    if "force" in part.people:
        columns["force"] = part.people["force"]
    return _keyed(part, pd.DataFrame(columns))


def _rows(part: Part) -> pd.DataFrame:
    """The rows of an outcome model: place among the part's people, weight, one or two clusters (-1: no second).

    The second is the person, where one serves in two sets or is a subject more than once.
    """
    rows = part.matched.analysis_rows()
    who = persons(part.people)
    second = rows.clusters[1] if len(rows.clusters) > 1 else np.full(len(rows.row), -1)
    if who is not None:
        second = who[rows.row]
    return _keyed(
        part,
        pd.DataFrame(
            {"place": rows.row, "weight": rows.weight, "cluster_1": rows.clusters[0], "cluster_2": second}
        ),
    )


def _balance(part: Part) -> pd.DataFrame:
    table = part.matched.balance().table
    lost = part.matched.dropped().set_index("covariate")["mean_dropped"]
    frame = pd.DataFrame(
        {
            "covariate": table["covariate"],
            "mean_treated": table["mean_treated"],
            "mean_control": table["mean_control"],
            "smd_unadjusted": table["smd_unadjusted"],
            "smd": table["smd"],
            "variance_ratio": table["variance_ratio"],
            "ecdf_max": table["ecdf_max"],
            "mean_control_before": table["mean_control_unadjusted"],
            "mean_dropped": table["covariate"].map(lost),
        }
    )
    return _keyed(part, frame)


def _matching(part: Part) -> pd.DataFrame:
    m = part.matched
    kept = m.weights > 0
    plan = part.analysis.design
    row = {
        "n_treated": int(m.treated.sum()),
        "n_control": int((~m.treated).sum()),
        "matched_treated": int((m.treated & kept).sum()),
        "matched_control": int((~m.treated & kept).sum()),
        "dropped_treated": int((m.treated & ~kept).sum()),
        "ess_control": m.ess.control,
        "caliper": np.nan if m.caliper is None else m.caliper,
        "estimand": m.estimand,
        "method": plan.method,
    }
    return _keyed(part, pd.DataFrame([row]))


def _gates(bench: Workbench, balance: pd.DataFrame, matching: pd.DataFrame) -> pd.DataFrame:
    """Each analysis is judged on its worst group: the largest difference and the smallest effective size."""
    found = []
    for analysis in bench.protocol.analyses:
        own = balance.loc[balance["analysis"] == analysis.id]
        # What does not vary where the SD is from has no standardised difference: none if the means agree, else no limit.
        apart = (own["mean_treated"] - own["mean_control"]).abs() > 1e-9
        differences = own["smd"].abs().where(own["smd"].notna(), np.where(apart, np.inf, 0.0))
        sizes = matching.loc[matching["analysis"] == analysis.id, ["matched_treated", "ess_control"]]
        worst = float(differences.max()) if len(differences) else np.inf
        for gate in check_gates(analysis, worst_smd=worst, least_ess=float(sizes.to_numpy().min())):
            found.append(
                {n: getattr(gate, n) for n in ("analysis", "gate", "limit", "value", "passed", "override")}
            )
    return pd.DataFrame(found)
