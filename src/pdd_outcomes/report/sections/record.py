"""Methods, the Data Lab's own table, provenance and disclosure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .. import formats, words
from ..markdown import bullets, heading, html, join, text
from ..reading import POOLED, Analysis, Outcome, Reading
from ..tables import Column, Group, fold, piece, table
from .first import comparator_words
from .sure import quality_table

CLOCKS = {
    "incident": "Follow-up starts for both groups on the day of the index incident.",
    "disposal": "Follow-up starts on each person's own disposal date. Prosecution is decided later than diversion, so this clock "
    "favours whichever group waits longer, and the result must be read with that in mind.",
}


def methods(reading: Reading) -> str:
    """How it was done, from the protocol."""
    parts = [heading(3, f"Design: {a.label}", f"sec-design-{a.id.replace('_', '-')}") for a in reading.analyses]
    designs = [
        join(
            h,
            text(formats.sentence(a.method_words), words.estimand_words(a, reading.estimand(a)), _exposure(a)),
        )
        for h, a in zip(parts, reading.analyses)
    ]
    return join(
        text(formats.sentence(str(reading.study["background"]))),
        html(piece("facts", facts=_plan(reading))),
        *designs,
        heading(3, "Estimates", "sec-estimates"),
        bullets(_estimates(reading)),
        *(
            [heading(3, "Sources", "sec-sources"), bullets(list(map(str, reading.study["sources"])))]
            if reading.study["sources"]
            else []
        ),
    )


def _exposure(analysis: Analysis) -> str:
    if analysis.exposure == "force":
        return "The exposure is the place: what was done with a person afterwards excludes nobody."
    return "The exposure is the person's own, and may have been decided by traits that no record shows."


def _plan(reading: Reading) -> list[dict[str, Any]]:
    study = reading.study
    window = study["window"]
    found = [
        ("Question", str(study["question"])),
        ("Comparator", formats.upper_first(comparator_words(reading))),
        ("Outcomes", "; ".join(f"{o.label}{' (main)' if o.main else ''}" for o in reading.outcomes)),
        ("Index incidents", _window(window) if window else ""),
        ("Clock", CLOCKS.get(str(study["clock"]), str(study["clock"] or ""))),
        ("Times reported", formats.series([reading.when(h) for h in reading.horizons])),
        ("Restricted mean up to", reading.when(float(study["tau"]))),
    ]
    return [{"label": label, "words": said, "code": False} for label, said in found if said]


def _window(window: object) -> str:
    if isinstance(window, Mapping):
        return f"{window.get('from', window.get('from_', ''))} to {window.get('to', '')}"
    return str(window)


def _estimates(reading: Reading) -> list[str]:
    found = [
        "Risks: one minus the Kaplan-Meier estimate of the matched people at each time; the difference and ratio of the two.",
        "Restricted mean: average time free of the outcome up to the stated limit, the area under the survival curve.",
        "Hazard ratios: Cox regression with Efron ties and a variance robust to clustering in matched sets, over the whole follow-up "
        "and by period, because hazards are rarely proportional.",
        "Intervals of curves: on the log-log scale; of risks and differences: from their standard errors, on their own scale; of ratios: on the log scale.",
    ]
    if not reading["pooling"].empty:
        found.append(
            "Over forces: random effects by restricted maximum likelihood (REML), with the Wald interval and the Hartung-Knapp interval "
            "side by side, a prediction interval for a new force, and the Q-profile interval of the variance between forces."
        )
    if not reading["truth"].empty:
        found.append(
            "Truth: the expected effect in the synthetic world given everything that drives it, known because it was planted."
        )
    return found


LAB = (
    "outcome",
    "treat_number",
    "treat_mean",
    "comparison_number",
    "comparison_mean",
    "difference_means",
    "conf_low",
    "conf_high",
    "p_value",
    "number_needed",
)


def data_lab(reading: Reading) -> str:
    """The results in the Data Lab's own schema: yes or no, and time to the first."""
    if not reading.has_effects:
        return ""
    groups = []
    for analysis in reading.analyses:
        rows = [_binary(reading, analysis, outcome) for outcome in reading.outcomes]
        rows += [r for outcome in reading.outcomes if (r := _first_time(reading, analysis, outcome))]
        groups.append(Group(analysis.label, rows))
    kinds: dict[str, Any] = {
        "outcome": "text",
        "treat_number": "count",
        "comparison_number": "count",
        "p_value": "p",
    }
    shown = table(
        f"Results under the Justice Data Lab's column names; binary outcomes within {reading.when(reading.main_horizon)} as proportions",
        [Column(name, kinds.get(name, "est")) for name in LAB],
        groups,
        id="tbl-data-lab",
        notes=[
            "Number needed: how many would have to be treated for one fewer (or, with a minus sign, one more) to have the outcome; given only "
            "where the difference is significant.",
            "Frequency, severity and custody are not measured in this study.",
        ],
    )
    return html(fold("The results in the Justice Data Lab's schema", shown))


def _binary(reading: Reading, analysis: Analysis, outcome: Outcome) -> list[str | None]:
    c = reading.contrast(analysis, outcome)
    number = c.difference
    significant = words.judge(c, reading.rule).significant
    hidden = formats.HIDDEN if number is not None and number.status == "withheld" else None

    def show(value: float | None, places: int = 3) -> str | None:
        return hidden if value is None or math.isnan(value) else formats.fixed(value, places)

    only_gap = formats.NOT_APPLICABLE if number is not None and number.group == POOLED else hidden
    n = number
    needed = formats.fixed(-1 / n.estimate, 0) if n and significant else formats.NOT_APPLICABLE
    return [
        f"{formats.upper_first(outcome.label)} (binary)",
        show(n.n_treated if n else None, 0),
        show(c.treated.estimate) if c.treated else only_gap,
        show(n.n_control if n else None, 0),
        show(c.control.estimate) if c.control else only_gap,
        show(n.estimate if n else None),
        show(n.conf_low if n else None),
        show(n.conf_high if n else None),
        formats.p_cell(n.p_value) if n and math.isfinite(n.p_value) else hidden,
        needed,
    ]


def _first_time(reading: Reading, analysis: Analysis, outcome: Outcome) -> list[str | None] | None:
    number = reading.number(analysis, outcome, "rmst_difference")
    if number is None or not number.ok:
        return None
    arms = [reading.number(analysis, outcome, f"rmst_{arm}") for arm in ("treated", "control")]
    missing = formats.NOT_APPLICABLE if number.group == POOLED else None
    means = [formats.fixed(arm.estimate, 2) if arm and arm.ok else missing for arm in arms]
    sizes = [formats.count(n) if math.isfinite(n) else None for n in (number.n_treated, number.n_control)]
    limits = [formats.fixed(x, 2) if math.isfinite(x) else None for x in (number.conf_low, number.conf_high)]
    p = formats.p_cell(number.p_value) if math.isfinite(number.p_value) else None
    name = f"{formats.upper_first(outcome.label)} ({number.scale} free of it)"
    return [
        name,
        sizes[0],
        means[0],
        sizes[1],
        means[1],
        formats.fixed(number.estimate, 2),
        *limits,
        p,
        formats.NOT_APPLICABLE,
    ]


def provenance(reading: Reading) -> str:
    """Where the numbers came from: versions, hashes and the seed."""
    made = reading.study["provenance"]
    facts = [
        ("Study and protocol version", f"{reading.study['study']}, {reading.study['version']}", False),
        ("Protocol, SHA-256", str(made["protocol_sha"]), True),
        ("pdd-outcomes", str(made["code_version"]), False),
        ("Seed", str(made["seed"]), False),
        ("Packages", ", ".join(f"{name} {version}" for name, version in made["packages"].items()), False),
    ]
    return join(
        html(piece("facts", facts=[{"label": a, "words": b, "code": c} for a, b, c in facts if b])),
        html(_hashes("Inputs as they were sent", "tbl-inputs", made["inputs"])),
        html(_hashes("Stages of the run: hashes of their manifests", "tbl-stages", made["manifests"])),
        html(quality_table(reading)),
    )


def _hashes(caption: str, id: str, hashes: Mapping[str, Any]) -> str:
    if not hashes:
        return ""
    rows = [[str(name), str(sha)] for name, sha in hashes.items()]
    return table(caption, [Column("Name"), Column("SHA-256", "code")], rows, id=id)


def disclosure(reading: Reading) -> str:
    """What disclosure control did, and the register of decisions."""
    rules = reading.study["release"] or {}
    said = []
    if "threshold" in rules:
        said.append(
            f"Counts of people under {rules['threshold']} are withheld, with others from which they could be worked out."
        )
    if "rounding" in rules:
        said.append(
            f"Other counts are rounded to the nearest {rules['rounding']}, and risks and differences are recomputed from rounded counts, "
            "so figures may not add up exactly."
        )
    if "curve_min_n" in rules and "curve_min_at_risk" in rules:
        said.append(
            f"Curves are recomputed from rounded counts in monthly steps, are not drawn for fewer than {rules['curve_min_n']} people, and end "
            f"where fewer than {rules['curve_min_at_risk']} are still followed."
        )
    register = reading["register"]
    rows = [
        [
            str(r["output"]),
            str(r["rule"]),
            f"{r['rows']:g}",
            f"{r['cells_suppressed']:g}",
            str(r["decision"]),
            str(r["detail"]),
        ]
        for r in register.fillna(0).to_dict("records")
    ]
    columns = [
        Column("Output"),
        Column("Rule"),
        Column("Rows", "setting"),
        Column("Cells withheld", "setting"),
        Column("Decision"),
        Column("Detail"),
    ]
    shown = table("Register of outputs", columns, rows, id="tbl-register") if rows else ""
    return join(
        text(*said),
        html(fold("The register: every output, the rule applied and the decision", shown)) if shown else "",
    )
