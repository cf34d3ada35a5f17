"""The protocol as a statistical analysis plan, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from .model import Analysis, History, Protocol
from .outcome_codes import in_words
from .plan_further import further_plan, published_plan

INDEX = {
    "first": "The index incident is a person's first eligible incident",
    "every": "Every eligible incident of a person is an index incident, and variances are clustered on the person,",
}
HISTORIES = {
    "offences": "proven offences",
    "treatments": "treatment episodes",
    "custody": "spells in custody",
    "hospital": "stays in hospital",
}
KINDS = {
    "proven": "",
    "recorded": ", an offence that the police recorded, however it ended",
    "custody": ", the first spell in custody that starts after time zero",
    "treatment_entry": ", the first treatment episode that starts after time zero",
    "hospital": ", the first stay in hospital after time zero",
    "column": ", as the table has it",
    "published": ", as its authors defined it",
}
CLOCKS = {
    "incident": "Time zero is the day of the index incident for everyone, whatever was decided and when.",
    "landmark": "Time zero is the end of the grace window after the index incident, when the exposure is known; those who died, "
    "left or reoffended before are left out of both arms.",
    "disposal": "Time zero is the day of the referral for the diverted and of the outcome for the others. The others must go on "
    "without an event for longer until then: immortal time.",
}
MEANING = {
    "ATT": "the average effect on those exposed: what difference it made to the people who had it",
    "ATC": "the average effect on those not exposed: what difference it would have made to the people who did not have it",
}


ORDERS = {
    "largest": "largest score first",
    "smallest": "smallest score first",
    "closest": "closest pair first",
    "data": "in the order of the data",
}
SCALES = {"sd": "standard deviations of the logit", "raw": "on the logit"}
DROPPED = {
    "ATT": "If exposed people go unmatched, the estimand is renamed (FSATT: those who could be matched) and they are described.",
    "ATC": "If people who were not exposed go unmatched, the estimand is renamed (FSATC: those who could be matched) and they are "
    "described.",
}


def plan_text(protocol: Protocol) -> str:
    """The plan as Markdown: what will be estimated, from whom, how, and what will be released."""
    parts = [
        f"# {_line(protocol.title)}",
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
    if protocol.data.shape == "force_estimates":
        parts += published_plan(protocol)
    else:
        for analysis in protocol.analyses:
            parts += _analysis(protocol, analysis)
        parts += ["## Estimation", *_estimation(protocol), *further_plan(protocol)]
        parts += ["## Reporting and disclosure", *_release(protocol)]
    if protocol.limits:
        parts += ["## What cannot be said", _bullets(protocol.limits)]
    if protocol.sources:
        parts += ["## Sources", _bullets(protocol.sources)]
    return "\n\n".join(parts) + "\n"


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {_line(line)}" for line in lines)


def _line(text: str) -> str:
    return " ".join(text.split())


def _sentence(text: str) -> str:
    return f"{_line(text).rstrip('.')}."


def _number(value: float) -> str:
    return f"{value:.12g}"


def _percent(share: float) -> str:
    return f"{100 * share:.12g}%"


def _times(p: Protocol, values: Sequence[float]) -> str:
    said = [_number(v) for v in values]
    joined = said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
    return f"{joined} {p.time_unit}"


def _column(p: Protocol, name: str) -> str:
    """The reader's label of a column, where the plan gives one, with its name in the data."""
    labels = p.person_table.labels if p.person_table is not None else {}
    return f"{labels[name]} (`{name}`)" if name in labels else f"`{name}`"


def _columns(p: Protocol, names: Sequence[str]) -> str:
    return ", ".join(_column(p, name) for name in names)


def _data(p: Protocol) -> list[str]:
    said = [f"Source: `{p.data.source}`, as {p.data.shape.replace('_', ' ')}. Random seed {p.data.seed}."]
    limit = p.data.quarantine_limit
    said.append(
        "Every row is checked against the data contract. A row that breaks it is quarantined with the rule that it broke, and "
        f"the run stops if {f'more than {_percent(limit)} of the rows of a table are' if limit else 'a single row is'}."
    )
    if p.person_table is not None:
        t = p.person_table
        who = (
            f"identified by {_column(p, t.id)}"
            if t.id is not None
            else "known by its place, for want of an identity"
        )
        said.append(
            f"One row a person, {who}. Treated: {_column(p, t.treatment.column)} is {_or(t.treatment.treated)}. Comparator: it is "
            f"{_or(t.treatment.comparator)}. People with another value, or without a covariate, are left out and counted. Follow-up is "
            f"{_column(p, t.time.column)}, in {p.time_unit}, and the event is seen where {_column(p, t.event.column)} is "
            f"{_or(t.event.values)}."
        )
    if p.data.linkage is not None:
        k = p.data.linkage
        band = f"from {k.review_from:g}" if k.review_from is not None else "from 0.5"
        also = ", ".join(f"{t:g}" for t in k.sensitivity)
        said.append(
            f"The scheme's referral list is linked to people by names, date of birth, postcode and numbers of the police at a "
            f"probability of {k.threshold:g} or more; pairs {band} to that are for a clerk, and do not count until they are settled. "
            + (
                f"How far the result turns on it: again at {also}."
                if also
                else "It is not tried at other thresholds."
            )
        )
    if p.cohort is None or p.data.cut is None:
        return said
    c = p.cohort
    said += [
        f"The records cover {p.data.starts} to {p.data.cut}. {INDEX[c.index]} from "
        f"{c.window.from_} to {c.window.to}: aged {c.min_age} or over, offence group {_or(c.offence_groups)}.",
        f"{CLOCKS[c.clock]} Covariates use only records dated before the incident, as far back as {c.lookback_days} days.",
        *(_bullets([_history(h) for h in c.histories]),) * bool(c.histories),
        f"**Diverted**: {c.diverted.contact} to a scheme for that incident within {c.grace_days} days of it.",
        f"**Comparator**: {c.comparator.label}, declared by Home Office outcome codes {in_words(c.comparator.outcome_codes)}. "
        "People with another outcome, or with none assigned yet (code 0), are left out and counted. "
        "'Not diverted' is not 'prosecuted'.",
    ]
    return said


def _history(h: History) -> str:
    what = {"count": "how many", "ever": "whether there are any"}[h.measure]
    of = f" of {_or(h.groups)}" if h.groups else ""
    return f"{h.label} (`{h.id}`): {what} {HISTORIES[h.records]}{of} in the {h.days} days before."


def _or(values: Sequence[object]) -> str:
    return " or ".join(str(v) for v in values)


def _outcomes(p: Protocol) -> list[str]:
    lines = []
    for o in p.outcomes:
        text = f"{'**Main.** ' if o.main else ''}{o.label[0].upper()}{o.label[1:].rstrip('.')} (`{o.id}`)"
        text += KINDS[o.kind]
        if o.groups:
            text += f", of {_or(o.groups)} only"
        if o.exclude_groups:
            text += f", leaving out offence groups {', '.join(o.exclude_groups)}"
        if o.follow_up_days is not None:
            text += f", looked for over {o.follow_up_days} days"
        lines.append(text + ".")
    said = [_bullets(lines)]
    if p.cohort is not None and any(o.kind == "proven" for o in p.outcomes):
        longest = max(*p.horizons, p.tau)
        said.append(
            "A proven reoffence is an offence committed after the day of time zero that leads to a conviction, caution, "
            f"reprimand or warning within {_number(longest)} days of time zero or the further waiting period of {p.cohort.waiting_days} "
            "days. Breaches, siblings of the index incident, and offences committed before it do not count. Follow-up ends "
            "after those days, at death, at emigration, or at the data cut less the waiting period. Death, and a spell in "
            f"custody of {p.cohort.long_custody_days} days or more, are noted as competing events."
        )
    return said


def _analysis(p: Protocol, a: Analysis) -> list[str]:
    d = a.design
    exposure = {
        "person": "Exposure: the person's own. Who is exposed was decided by people who may have seen what no record shows.",
        "force": "Exposure: the force's, whatever was done with the person. Each scheme force's people are matched to people of the "
        "comparison forces, and an effect is estimated for each force. Forces, not people, are the units.",
    }[a.exposure]
    if a.by_force and a.exposure == "person":
        exposure += " An effect is estimated for each force too, from the same matched sets."
    if a.by_force:
        exposure += " The forces' effects are pooled."
    score = f"`{_line(d.formula)}`" if d.formula else "main effects of the covariates"
    # With replacement nobody's choice takes a partner from anybody, and the order says nothing.
    order = (
        "with replacement (a control may serve more than once)"
        if d.replace
        else f"without replacement, {ORDERS[d.order]}"
    )
    matching = (
        f"Logistic propensity score: {score}. Nearest neighbour on the logit, {d.ratio} to each, {order}"
        + (
            f", caliper {_number(d.caliper)} {SCALES[d.caliper_scale]}"
            if d.caliper is not None
            else ", no caliper"
        )
        + (f", exact on {_columns(p, d.exact)}" if d.exact else "")
        + f". {DROPPED[a.estimand]}"
    )
    gates = (
        f"Before outcomes are joined, no standardised difference may exceed {_number(a.gates.max_smd)}, and no effective sample size may be "
        f"below {_number(a.gates.min_ess)}."
    )
    if a.gates.override:
        gates += f" **Overridden**: {_sentence(a.gates.override)}"
    return [
        f"## Analysis: {_line(a.label)}{' (headline)' if a.headline else ''}",
        f"Analysis `{a.id}`. Population: {_sentence(a.population)} Exposed: {_sentence(a.treated_label)} Compared with: "
        f"{_sentence(a.control_label)}",
        exposure,
        f"Estimand: {a.estimand}, {MEANING[a.estimand]}.",
        f"Covariates: {_columns(p, d.covariates)}.",
        matching,
        f"Balance is judged on the covariates. {gates}",
    ]


def _estimation(p: Protocol) -> list[str]:
    said = [
        f"Kaplan-Meier risks in each group at {_times(p, p.horizons)}, their difference and ratio; restricted mean time to "
        f"{_times(p, [p.tau])}; a Cox hazard ratio (Efron ties), never alone, with the Grambsch-Therneau test of proportional hazards"
        + (f" and hazard ratios for the intervals cut at {_times(p, p.intervals)}." if p.intervals else "."),
        "Variances are robust and clustered on the matched set, and on the person too where a control serves more than once. The "
        f"same contrast without matching stands beside every matched one. Intervals are at {_percent(p.reporting.level)}.",
    ]
    if any(a.by_force for a in p.analyses):
        said.append(
            "Force estimates are pooled with random effects (REML), with Wald and Hartung-Knapp intervals side by side, and a "
            "prediction interval for a new force. Where the conclusion turns on that choice, the report says so."
        )
    return said


def _release(p: Protocol) -> list[str]:
    r, q = p.release, p.reporting
    rest = f"the rest are rounded to {r.rounding}" if r.rounding > 1 else "the rest are given as they are"
    return [
        f"A finding is called significant only if p is at most {_number(q.alpha)}, at least {q.min_treated_events} in the exposed group had "
        f"the event, and the number expected is at least {q.min_np}. Otherwise it is inconclusive, and the smallest effect that could "
        "have been seen is given. One outcome and one analysis are the headline, chosen in advance; the others are not adjusted for "
        "multiplicity and are read as supporting.",
        f"Counts under {r.threshold} are suppressed, and others from which they could be worked out; {rest}. "
        f"No curve is drawn for fewer than {r.curve_min_n} people, nor beyond the time at which fewer than {r.curve_min_at_risk} are at risk.",
    ]
