"""The protocol as a statistical analysis plan, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from .model import Analysis, Protocol
from .outcome_codes import in_words

CLOCKS = {"incident": "Time zero is the day of the index incident for everyone, whatever was decided and when."}
MEANING = {
    "ATT": "the average effect on those exposed: what difference it made to the people who had it",
    "ATC": "the average effect on those not exposed: what difference it would have made to the people who did not have it",
}


def plan_text(protocol: Protocol) -> str:
    """The plan as Markdown: what will be estimated, from whom, how, and what will be released."""
    parts = [
        f"# {protocol.title}",
        f"Statistical analysis plan, version {protocol.version}. Study `{protocol.study}`, protocol hash `{protocol.sha256}`.",
    ]
    if protocol.synthetic:
        parts.append(
            "**The data are synthetic.** The results show what the software does, and say nothing about real people."
        )
    parts += ["## Question", protocol.question]
    if protocol.background:
        parts += ["## Background", protocol.background]
    parts += ["## Data", *_data(protocol), "## Outcomes", *_outcomes(protocol)]
    for analysis in protocol.analyses:
        parts += _analysis(protocol, analysis)
    parts += ["## Estimation", *_estimation(protocol), "## Reporting and disclosure", *_release(protocol)]
    if protocol.limits:
        parts += ["## What cannot be said", _bullets(protocol.limits)]
    if protocol.sources:
        parts += ["## Sources", _bullets(protocol.sources)]
    return "\n\n".join(parts) + "\n"


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _times(p: Protocol, values: Sequence[float]) -> str:
    said = [f"{v:g}" for v in values]
    joined = said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
    return f"{joined} {p.time_unit}"


def _data(p: Protocol) -> list[str]:
    said = [f"Source: `{p.data.source}`, as {p.data.shape.replace('_', ' ')}. Random seed {p.data.seed}."]
    said.append(
        "Every row is checked against the data contract. A row that breaks it is quarantined with the rule that it broke, and "
        f"the run stops where more than {p.data.quarantine_limit:.1%} of a table is."
    )
    if p.person_table is not None:
        t = p.person_table
        said.append(
            f"One row a person. Treated: `{t.treatment.column}` is {_or(t.treatment.treated)}. Comparator: it is "
            f"{_or(t.treatment.comparator)}. Follow-up is `{t.time.column}`, and the event is seen where `{t.event.column}` is "
            f"{_or(t.event.values)}."
        )
    if p.cohort is None or p.data.cut is None:
        return said
    c = p.cohort
    said += [
        f"The records cover {p.data.starts} to {p.data.cut}. The index incident is a person's first eligible incident from "
        f"{c.window.from_} to {c.window.to}: aged {c.min_age} or over, offence group {', '.join(c.offence_groups)}.",
        f"{CLOCKS[c.clock]} Covariates use only records dated before it, back to {c.lookback_days} days.",
        f"**Diverted**: {c.diverted.contact} to a scheme for that incident within {c.grace_days} days of time zero.",
        f"**Comparator**: {c.comparator.label}, declared by Home Office outcome codes {in_words(c.comparator.outcome_codes)}. "
        "People with another outcome, or with none assigned yet (code 0), are left out and counted. "
        "'Not diverted' is not 'prosecuted'.",
    ]
    return said


def _or(values: Sequence[object]) -> str:
    return " or ".join(str(v) for v in values)


def _outcomes(p: Protocol) -> list[str]:
    lines = []
    for o in p.outcomes:
        text = f"{'**Main.** ' if o.main else ''}{o.label[0].upper()}{o.label[1:]}"
        if o.exclude_groups:
            text += f" (leaving out {', '.join(o.exclude_groups)})"
        lines.append(text + ".")
    said = [_bullets(lines)]
    if p.cohort is not None and any(o.kind == "proven" for o in p.outcomes):
        longest = max(*p.horizons, p.tau)
        said.append(
            "A proven reoffence is an offence committed after the day of the index incident that leads to a conviction, caution, "
            f"reprimand or warning within {longest:g} days of time zero or the further waiting period of {p.cohort.waiting_days} "
            "days. Breaches, siblings of the index incident, and offences committed before it do not count. Follow-up ends at "
            "death, at emigration, or at the data cut less the waiting period."
        )
    return said


def _analysis(p: Protocol, a: Analysis) -> list[str]:
    d = a.design
    exposure = {
        "person": "Exposure: the person's own. Who is exposed was decided by people who may have seen what no record shows.",
        "force": "Exposure: the force's, whatever was done with the person. Each scheme force's people are matched to people of the "
        "comparison forces, an effect is estimated for each force, and the effects are pooled. Forces, not people, are the units.",
    }[a.exposure]
    score = f"`{d.formula}`" if d.formula else f"main effects of {', '.join(d.covariates)}"
    matching = (
        f"Logistic propensity score: {score}. Nearest neighbour on the logit, {d.ratio} to each, "
        f"{'with' if d.replace else 'without'} replacement, {d.order} score first"
        + (
            f", caliper {d.caliper:g} {'SD' if d.caliper_scale == 'sd' else 'logits'}"
            if d.caliper is not None
            else ", no caliper"
        )
        + (f", exact on {', '.join(d.exact)}" if d.exact else "")
        + ". If the caliper drops exposed people, the estimand is renamed (FSATT: those who could be matched) and they are described."
    )
    gates = (
        f"Before outcomes are joined, no standardised difference may exceed {a.gates.max_smd:g}, and no effective sample size may be "
        f"below {a.gates.min_ess:g}."
    )
    if a.gates.override:
        gates += f" **Overridden**: {a.gates.override}"
    return [
        f"## Analysis: {a.label}{' (headline)' if a.headline else ''}",
        f"{a.population}. {a.treated_label} against {a.control_label[0].lower()}{a.control_label[1:]}.",
        exposure,
        f"Estimand: {a.estimand}, {MEANING[a.estimand]}.",
        matching,
        f"Balance is judged on {', '.join(d.covariates)}. {gates}",
    ]


def _estimation(p: Protocol) -> list[str]:
    said = [
        f"Kaplan-Meier risks in each group at {_times(p, p.horizons)}, their difference and ratio; restricted mean time to "
        f"{_times(p, [p.tau])}; a Cox hazard ratio (Efron ties), never alone, with the Grambsch-Therneau test of proportional hazards"
        + (f" and hazard ratios for the intervals cut at {_times(p, p.intervals)}." if p.intervals else "."),
        "Variances are robust and clustered on the matched set, and on the person too where a control serves more than once. The "
        f"same contrast without matching stands beside every matched one. Intervals are at {p.reporting.level:.0%}.",
    ]
    if any(a.by_force for a in p.analyses):
        said.append(
            "Force estimates are pooled with random effects (REML), with Wald and Hartung-Knapp intervals side by side, and a "
            "prediction interval for a new force. Where the conclusion turns on that choice, the report says so."
        )
    return said


def _release(p: Protocol) -> list[str]:
    r, q = p.release, p.reporting
    return [
        f"A finding is called significant only if p is at most {q.alpha:g}, at least {q.min_treated_events} in the exposed group had "
        f"the event, and the number expected is at least {q.min_np}. Otherwise it is inconclusive, and the smallest effect that could "
        "have been seen is given. One outcome and one analysis are the headline, chosen in advance; the others are not adjusted for "
        "multiplicity and are read as supporting.",
        f"Counts under {r.threshold} are suppressed, and others from which they could be worked out; the rest are rounded to {r.rounding}. "
        f"No curve is drawn for fewer than {r.curve_min_n} people, nor beyond the time at which fewer than {r.curve_min_at_risk} are at risk.",
    ]
