"""Rules between keys: what one part of the plan demands of another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..core.errors import did_you_mean

if TYPE_CHECKING:
    from .model import Analysis, PersonTable, Protocol

Problem = tuple[tuple[Any, ...], str]

# What the cohort builder makes from records of before time zero, and so what a design may use.
EVENT_COVARIATES = (
    "force",
    "age",
    "sex",
    "ethnicity",
    "imd_quintile",
    "offence_group",
    "prior_offences",
    "prior_drug_offences",
    "first_time",
    "last_offence",
    "days_since_last_offence",
    "prior_treatment",
    "prior_custody",
)
# What it makes beside them: the exposure, and what comes after time zero.
NO_COVARIATES = (
    "subject",
    "person",
    "scheme",
    "diverted",
    "disposal",
    "treated",
    "follow_up_days",
    "time",
    "event",
)
KINDS_OF = {"column": "person_table", "published": "force_estimates"}
CONTACT_STAGES = ("referred", "assessed", "attended", "completed")


def event_covariates(protocol: Protocol) -> tuple[str, ...]:
    """What a design on event tables may use: what the cohort builder always makes, and the plan's own histories."""
    plan = protocol.cohort
    return (*EVENT_COVARIATES, *(h.id for h in plan.histories)) if plan else EVENT_COVARIATES


def cross_field_problems(protocol: Protocol) -> list[Problem]:
    """Every broken rule: the place in the file and a sentence with the remedy."""
    parts = (_lists, _times, _follow_up, _shape, _person_table, _linkage, _cohort, _outcomes, _analyses)
    return [problem for part in parts for problem in part(protocol)]


def _lists(p: Protocol) -> Iterator[Problem]:
    for key, parts in (("analyses", p.analyses), ("outcomes", p.outcomes)):
        ids = [part.id for part in parts]
        for i, name in enumerate(ids):
            if name in ids[:i]:
                yield (key, i, "id"), f"found {name!r} again; allowed: a name that is used once."
    for i, analysis in enumerate(p.analyses):
        if analysis.id == "cohort":
            yield (
                ("analyses", i, "id"),
                "found 'cohort', which names the flow into the cohort. Choose another name.",
            )
    for key, flags, word in (
        ("outcomes", [o.main for o in p.outcomes], "main"),
        ("analyses", [a.headline for a in p.analyses], "headline"),
    ):
        if sum(flags) != 1:
            yield (key,), f"found {sum(flags)} with {word}: true; allowed: exactly one, decided in advance."


def twice(place: tuple[Any, ...], names: tuple[Any, ...]) -> Iterator[Problem]:
    """The problem of a list that names a thing twice."""
    said = [str(name) for name in names]
    twice = sorted({name for name in said if said.count(name) > 1})
    if twice:
        yield place, f"names {twice} twice. Keep one."


def _times(p: Protocol) -> Iterator[Problem]:
    for key, values in (("horizons", p.horizons), ("intervals", p.intervals)):
        if list(values) != sorted(set(values)):
            yield (key,), "the times must increase, each named once."
    if p.tau < min(p.horizons):
        yield ("tau",), f"found {p.tau:.12g}; allowed: at least the first horizon, {min(p.horizons):.12g}."
    if p.intervals and max(p.intervals) >= max(*p.horizons, p.tau):
        yield ("intervals",), f"the last cut, {max(p.intervals):.12g}, must lie inside the follow-up."
    if p.data.shape != "event_tables":
        return
    if p.time_unit != "days":
        yield ("time_unit",), "found months; allowed: days, for event tables."
    for key, values in (("horizons", p.horizons), ("tau", (p.tau,)), ("intervals", p.intervals)):
        broken = [f"{v:.12g}" for v in values if v != int(v)]
        if broken:
            yield (key,), f"found {', '.join(broken)}; allowed: whole days, which is how event tables count."


def _follow_up(p: Protocol) -> Iterator[Problem]:
    """Window, wait and horizons inside the data cut; look-back inside the extract."""
    if p.data.shape != "event_tables" or p.cohort is None or p.data.cut is None or p.data.starts is None:
        return
    window = p.cohort.window
    if p.data.cut < p.data.starts:
        yield ("data", "cut"), f"found {p.data.cut}; allowed: a day after data.starts, {p.data.starts}."
        return
    if window.to < window.from_:
        yield ("cohort", "window", "to"), f"found {window.to}; allowed: a day on or after {window.from_}."
        return
    longest = max(*p.horizons, p.tau)
    needed = longest + p.cohort.waiting_days
    followed = (p.data.cut - window.to).days
    if followed < needed:
        yield (
            ("cohort", "window", "to"),
            f"people who enter on {window.to} are followed for {followed} days by the data cut ({p.data.cut}); "
            f"the protocol needs {needed:.12g} ({longest:.12g} and a wait of {p.cohort.waiting_days}). "
            "End the window earlier or shorten the horizon.",
        )
    reach = (window.from_ - p.data.starts).days
    if reach < p.cohort.lookback_days:
        yield (
            ("cohort", "lookback_days"),
            f"found {p.cohort.lookback_days}; allowed: at most {max(reach, 0)}, or the look-back of those who enter on "
            f"{window.from_} starts before the extract does ({p.data.starts}). Shorten the look-back or start the window later.",
        )


def _shape(p: Protocol) -> Iterator[Problem]:
    needs = {"event_tables": "cohort", "person_table": "person_table"}.get(p.data.shape, "")
    for part in ("cohort", "person_table"):
        if part == needs and getattr(p, part) is None:
            yield (part,), f"is missing; data.shape {p.data.shape} needs it."
        if part != needs and getattr(p, part) is not None:
            yield (part,), f"does not belong to data.shape {p.data.shape}. Remove it."
    for key in ("starts", "cut"):
        given = getattr(p.data, key) is not None
        if p.data.shape == "event_tables" and not given:
            yield ("data", key), "is missing; event tables need the first and last day that they cover."
        if p.data.shape != "event_tables" and given:
            yield (
                ("data", key),
                f"does not belong to data.shape {p.data.shape}, which holds its own times. Remove it.",
            )
    if p.data.source.startswith("synthetic:") and not p.synthetic:
        yield (
            ("synthetic",),
            "found false; allowed: true where data.source is synthetic:, so that every page says so.",
        )


def _person_table(p: Protocol) -> Iterator[Problem]:
    table = p.person_table
    if table is None:
        return
    both = set(map(str, table.treatment.treated)) & set(map(str, table.treatment.comparator))
    if both:
        yield ("person_table", "treatment", "comparator"), f"found {sorted(both)} among the treated too."
    for key in ("treated", "comparator"):
        yield from twice(("person_table", "treatment", key), getattr(table.treatment, key))
    yield from twice(("person_table", "event", "values"), table.event.values)
    for column, keys in _roles(table).items():
        for key in keys[1:]:
            yield (("person_table", *key.split(".")), f"found {column!r}, which is {keys[0]} already.")
    known = [*_roles(table), *(n for a in p.analyses for n in (*a.design.covariates, *a.design.exact))]
    for column in table.labels:
        if column not in known:
            yield (
                ("person_table", "labels", column),
                f"labels a column that the plan does not use.{did_you_mean(column, known)}",
            )


def _roles(table: PersonTable) -> dict[str, list[str]]:
    """Columns of a person table that have a role, each with the keys that give it."""
    roles: dict[str, list[str]] = {}
    for key, column in (
        ("id", table.id),
        ("treatment.column", table.treatment.column),
        ("time.column", table.time.column),
        ("event.column", table.event.column),
    ):
        if column is not None:
            roles.setdefault(column, []).append(key)
    return roles


def _linkage(p: Protocol) -> Iterator[Problem]:
    plan = p.data.linkage
    if plan is None:
        return
    if p.data.shape == "person_table":
        yield (
            ("data", "linkage"),
            "does not belong to data.shape person_table, whose rows are people. Remove it.",
        )
    if plan.review_from is not None and plan.review_from > plan.threshold:
        yield (
            ("data", "linkage", "review_from"),
            f"found {plan.review_from:g}; allowed: at most the threshold, {plan.threshold:g}.",
        )


def _cohort(p: Protocol) -> Iterator[Problem]:
    if p.cohort is None:
        return
    codes = p.cohort.comparator.outcome_codes
    yield from twice(("cohort", "comparator", "outcome_codes"), codes)
    yield from twice(("cohort", "offence_groups"), p.cohort.offence_groups)
    yield from _histories(p)
    stage = p.cohort.diverted.contact
    if stage not in CONTACT_STAGES:
        yield (
            ("cohort", "diverted", "contact"),
            f"found {stage!r}.{did_you_mean(stage, CONTACT_STAGES)} Allowed: {', '.join(CONTACT_STAGES)}.",
        )


def _histories(p: Protocol) -> Iterator[Problem]:
    """Covariates that the plan makes itself: names of their own, inside the extract."""
    assert p.cohort is not None
    taken = [*EVENT_COVARIATES, *NO_COVARIATES]
    for i, history in enumerate(p.cohort.histories):
        place = ("cohort", "histories", i)
        if history.id in taken:
            yield (*place, "id"), f"found {history.id!r}, which is taken. Choose another name."
        taken.append(history.id)
        if history.groups and history.records not in ("offences", "hospital"):
            yield (
                (*place, "groups"),
                f"selects nothing among {history.records}, which have no groups. Remove it.",
            )
        if p.data.starts is not None:
            reach = (p.cohort.window.from_ - p.data.starts).days
            if history.days > reach:
                yield (
                    (*place, "days"),
                    f"found {history.days}; allowed: at most {max(reach, 0)}, or it looks back past the extract's first day "
                    f"({p.data.starts}).",
                )


def _outcomes(p: Protocol) -> Iterator[Problem]:
    for i, outcome in enumerate(p.outcomes):
        if KINDS_OF.get(outcome.kind, "event_tables") != p.data.shape:
            yield (
                ("outcomes", i, "kind"),
                f"found {outcome.kind}; it does not belong to data.shape {p.data.shape}.",
            )
        if outcome.exclude_groups and outcome.kind not in ("proven", "recorded"):
            yield (
                ("outcomes", i, "exclude_groups"),
                f"leaves out nothing of an outcome of kind {outcome.kind}; it belongs to kind proven or recorded. Remove it.",
            )
        if outcome.groups and outcome.kind not in ("proven", "recorded", "hospital"):
            yield (
                ("outcomes", i, "groups"),
                f"selects nothing of an outcome of kind {outcome.kind}; it belongs to kinds proven, recorded and hospital. "
                "Remove it.",
            )
        if outcome.follow_up_days is not None and outcome.follow_up_days > max(*p.horizons, p.tau):
            yield (
                ("outcomes", i, "follow_up_days"),
                f"found {outcome.follow_up_days}; allowed: at most the longest horizon, {max(*p.horizons, p.tau):.12g}.",
            )
        yield from twice(("outcomes", i, "groups"), outcome.groups)
        yield from twice(("outcomes", i, "exclude_groups"), outcome.exclude_groups)
        if i and outcome.kind == "column":
            yield (
                ("outcomes", i),
                "a person table has one time and one event, and so one outcome. Remove this one.",
            )


def _analyses(p: Protocol) -> Iterator[Problem]:
    for i, analysis in enumerate(p.analyses):
        place = ("analyses", i)
        if p.data.shape == "force_estimates":
            yield from _published(analysis, place)
            continue
        for key in ("covariates", "exact"):
            yield from twice((*place, "design", key), getattr(analysis.design, key))
        if not analysis.design.covariates:
            yield (*place, "design", "covariates"), "is empty; balance is judged on these columns."
        if analysis.design.replace and analysis.design.order == "closest":
            yield (*place, "design", "order"), "found closest; with replacement the order does not matter."
        yield from _columns(p, analysis, place)
        if p.data.shape == "person_table":
            if analysis.exposure == "force":
                yield (
                    (*place, "exposure"),
                    "found force; a comparison of forces needs event tables, which name the force.",
                )
            if analysis.by_force:
                yield (
                    (*place, "by_force"),
                    "found true; an effect for each force needs event tables, which name the force.",
                )
        else:
            yield from _forces(analysis, place)


def _published(analysis: Analysis, place: tuple[Any, ...]) -> Iterator[Problem]:
    """An analysis of estimates that others made: of forces, and with no design of its own."""
    for key in ("design", "gates"):
        if key in analysis.model_fields_set:
            yield (
                (*place, key),
                "does not belong to data.shape force_estimates, whose people are not here. Remove it.",
            )
    if analysis.exposure != "force" or not analysis.by_force:
        yield (*place, "exposure"), "estimates by force need exposure: force and by_force: true."


def _columns(p: Protocol, analysis: Analysis, place: tuple[Any, ...]) -> Iterator[Problem]:
    """Columns that a design may not use: they are the exposure, or come after time zero, or do not exist."""
    design, table = analysis.design, p.person_table
    if p.data.shape == "person_table":
        barred = {} if table is None else {c: f"person_table.{keys[0]}" for c, keys in _roles(table).items()}
    else:
        barred = {name: "made with or after time zero" for name in NO_COVARIATES}
    for key in ("covariates", "exact"):
        for j, name in enumerate(getattr(design, key)):
            at = (*place, "design", key, j)
            if name in barred:
                yield at, f"found {name!r}, which is {barred[name]}; people cannot be made alike on it."
            elif p.data.shape == "event_tables" and name not in event_covariates(p):
                yield (
                    at,
                    f"found {name!r}, which the cohort does not hold.{did_you_mean(name, event_covariates(p))} "
                    f"Allowed: {', '.join(event_covariates(p))}.",
                )
    for name in sorted(_names(design.formula or "", set(barred))):
        yield (
            (*place, "design", "formula"),
            f"uses {name!r}, which is {barred[name]}; people cannot be made alike on it.",
        )


def _names(formula: str, wanted: set[str]) -> set[str]:
    """Which of `wanted` a formula names, plainly or in backticks; the name of a function is not one."""
    quoted = set(re.findall(r"`([^`]+)`", formula))
    plain = set(re.findall(r"(?<![\w.])([^\W\d]\w*)(?!\w|\s*[(=])", re.sub(r"`[^`]+`", " ", formula)))
    return (quoted | plain) & wanted


def _forces(analysis: Analysis, place: tuple[Any, ...]) -> Iterator[Problem]:
    """What the force may do in a design, by the exposure."""
    design = analysis.design
    if analysis.exposure == "person":
        if analysis.by_force and "force" not in design.exact:
            yield (
                (*place, "by_force"),
                "found true, and 'force' is not in design.exact, so that matched sets would cross the forces that they are "
                "to be split by. Add it to design.exact, or say by_force: false.",
            )
        return
    if analysis.estimand == "ATC":
        yield (*place, "estimand"), "found ATC; the force exposure is estimated for scheme forces (ATT)."
    for key in ("covariates", "exact"):
        if "force" in getattr(design, key):
            yield (
                (*place, "design", key),
                "names 'force', and the exposure is the force's: nobody of a scheme force shares it with a comparison force.",
            )
    if _names(design.formula or "", {"force"}):
        yield (
            (*place, "design", "formula"),
            "uses 'force', and the exposure is the force's, so that the score would know the exposure.",
        )
