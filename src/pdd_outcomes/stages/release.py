"""Stage 8: disclosure control. What comes out is all that a report may read."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ..cohort.labels import LABELS
from ..core.errors import DataError
from ..protocol import Analysis, Protocol
from ..release.findings import TABLES, Rule, write_findings
from ..release.gate import release
from ..release.provenance import provenance
from .files import text_column
from .runner import Workbench

SOURCES = {
    "flow": ("cohort", "flow.csv"),
    "balance": ("design", "balance.csv"),
    "matching": ("design", "matching.csv"),
    "gates": ("design", "gates.csv"),
    "quality": ("extract", "quality.csv"),
    "estimates": ("estimates", "estimates.csv"),
    "pooling": ("estimates", "pooling.csv"),
    "evidence": ("evidence", "evidence.csv"),
    "curves": ("estimates", "curves.csv"),
    "ph_tests": ("estimates", "ph_tests.csv"),
}


def run(bench: Workbench) -> None:
    """Release every table through the gate into ``findings/``."""
    raw = {name: bench.read(stage, file) for name, (stage, file) in SOURCES.items()}
    raw["overlap"] = bench.read("design", "overlap.csv").drop(columns="share")
    if bench.protocol.synthetic:
        raw["truth"] = _truth(bench)
    raw["gates"] = raw["gates"].assign(override=text_column(raw["gates"]["override"]))
    words = TABLES["evidence"].under(Rule.KEY, Rule.TEXT, Rule.REASON)
    raw["evidence"] = raw["evidence"].assign(**{c: text_column(raw["evidence"][c]) for c in words})
    raw["pooling"] = raw["pooling"].assign(note=text_column(raw["pooling"]["note"]))
    findings, register = release(raw, _study(bench, raw["matching"]), bench.protocol.release)
    write_findings(bench.folder / "findings", findings)
    for decision, count in register["decision"].value_counts().sort_index().items():
        bench.notes[str(decision)] = int(count)


def _truth(bench: Workbench) -> pd.DataFrame:
    if "truth.csv" not in bench.manifests["raw"]["outputs"]:
        raise DataError("the protocol says synthetic: true, and the data came without truth.csv.")
    return bench.read("raw", "truth.csv")


def _study(bench: Workbench, matching: pd.DataFrame) -> dict[str, Any]:
    """study.json: the study in words, from the plan; nothing in it comes from people."""
    p = bench.protocol
    plan = p.cohort
    return {
        "study": p.study,
        "title": p.title,
        "question": p.question,
        "background": p.background,
        "version": p.version,
        "synthetic": p.synthetic,
        "analyses": [_analysis(a, matching) for a in p.analyses],
        "outcomes": [{"id": o.id, "label": o.label, "main": o.main} for o in p.outcomes],
        "time_unit": p.time_unit,
        "horizons": list(p.horizons),
        "tau": p.tau,
        "comparator": _comparator(p),
        "clock": plan.clock if plan else None,
        "window": {"from": plan.window.from_.isoformat(), "to": plan.window.to.isoformat()} if plan else None,
        "labels": trait_labels(p),
        "limits": [*p.limits, *definitions(p), *(f"{note[0].upper()}{note[1:]}" for note in p.notes)],
        "sources": list(p.sources),
        "reporting": p.reporting.model_dump(mode="json"),
        "release": p.release.model_dump(mode="json"),
        "provenance": provenance(p, bench.manifests),
    }


def definitions(p: Protocol) -> list[str]:
    """What the plan's windows mean for the result, in words; they stand among the limits."""
    c = p.cohort
    if c is None:
        return []
    said = [
        f"Diverted means referred within {c.grace_days} days of the incident; a later referral counts as not diverted. "
        + {
            "incident": "Follow-up starts on the day of the incident: people who reoffend, die or leave before a referral that "
            "they would have had count as not diverted, which favours diversion.",
            "landmark": "Follow-up starts when those days are over. What happened in them is not part of the effect, and those "
            "who reoffended, died or left in them are in neither group.",
            "disposal": "Follow-up starts with the referral, or with the outcome.",
        }[c.clock]
    ]
    if c.index == "every":
        said.append(
            "A person counts once for each eligible incident; intervals allow for what a person's incidents share."
        )
    return [
        *said,
        f"A reoffence counts from its own day if it is proven within {c.waiting_days} days after the longest follow-up; what "
        "is proven later is not seen.",
    ]


def trait_labels(p: Protocol) -> dict[str, str]:
    """What a reader calls each covariate: the plan's labels, or the cohort builder's for those it makes."""
    if p.person_table:
        return dict(p.person_table.labels)
    return {**LABELS, **{h.id: h.label for h in (p.cohort.histories if p.cohort else ())}}


def _comparator(p: Protocol) -> dict[str, Any] | None:
    return (
        {"label": p.cohort.comparator.label, "outcome_codes": list(p.cohort.comparator.outcome_codes)}
        if p.cohort
        else None
    )


def _analysis(a: Analysis, matching: pd.DataFrame) -> dict[str, Any]:
    targeted = sorted(set(matching.loc[matching["analysis"] == a.id, "estimand"]))
    return {
        "id": a.id,
        "exposure": a.exposure,
        "label": a.label,
        "treated_label": a.treated_label,
        "control_label": a.control_label,
        "population": a.population,
        "estimand": targeted[-1] if targeted else a.estimand,
        "method_words": method_words(a),
        "headline": a.headline,
    }


def method_words(a: Analysis) -> str:
    """The design in a sentence, from the plan."""
    d = a.design
    said = [
        f"nearest-neighbour matching on the logit of a logistic propensity score, {d.ratio} to each treated person"
    ]
    said.append("with replacement" if d.replace else "without replacement")
    if d.caliper is not None:
        said.append(
            f"within a caliper of {d.caliper:g} {'standard deviations' if d.caliper_scale == 'sd' else 'on the logit'}"
        )
    if d.exact:
        said.append(f"exactly on {', '.join(d.exact)}")
    if not d.replace:
        said.append(
            f"in the order {d.order} score first"
            if d.order in ("largest", "smallest")
            else f"in the order {d.order}"
        )
    return ", ".join(said)
