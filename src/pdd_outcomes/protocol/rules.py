"""Rules between keys: what one part of the plan demands of another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .model import Protocol

Problem = tuple[tuple[Any, ...], str]


def cross_field_problems(protocol: Protocol) -> list[Problem]:
    """Every broken rule: the place in the file and a sentence with the remedy."""
    return [*_lists(protocol), *_times(protocol), *_shape(protocol), *_analyses(protocol)]


def _lists(p: Protocol) -> Iterator[Problem]:
    for key, parts in (("analyses", p.analyses), ("outcomes", p.outcomes)):
        ids = [part.id for part in parts]
        for i, name in enumerate(ids):
            if name in ids[:i]:
                yield (key, i, "id"), f"found {name!r} again; allowed: a name that is used once."
    for key, flags, word in (
        ("outcomes", [o.main for o in p.outcomes], "main"),
        ("analyses", [a.headline for a in p.analyses], "headline"),
    ):
        if sum(flags) != 1:
            yield (key,), f"found {sum(flags)} with {word}: true; allowed: exactly one, decided in advance."


def _times(p: Protocol) -> Iterator[Problem]:
    for key, values in (("horizons", p.horizons), ("intervals", p.intervals)):
        if list(values) != sorted(set(values)):
            yield (key,), "the times must increase, each named once."
    if p.horizons and p.tau < p.horizons[0]:
        yield ("tau",), f"found {p.tau:g}; allowed: at least the first horizon, {p.horizons[0]:g}."
    if p.intervals and p.intervals[-1] >= max(*p.horizons, p.tau):
        yield ("intervals",), f"the last cut, {p.intervals[-1]:g}, must lie inside the follow-up."
    if p.data.shape != "event_tables" or p.cohort is None or p.data.cut is None or p.data.starts is None:
        return
    window = p.cohort.window
    if window.to < window.from_:
        yield ("cohort", "window", "to"), f"found {window.to}; allowed: a day on or after {window.from_}."
        return
    longest = int(max(*p.horizons, p.tau))
    needed = longest + p.cohort.waiting_days
    followed = (p.data.cut - window.to).days
    if followed < needed:
        yield (
            ("cohort", "window", "to"),
            f"people who enter on {window.to} are followed for {followed} days by the data cut ({p.data.cut}); "
            f"the protocol needs {needed} ({longest} and a wait of {p.cohort.waiting_days}). "
            "End the window earlier or shorten the horizon.",
        )
    earliest = window.from_ - timedelta(days=p.cohort.lookback_days)
    if earliest < p.data.starts:
        yield (
            ("cohort", "lookback_days"),
            f"the look-back of those who enter on {window.from_} starts on {earliest}, before the extract does "
            f"({p.data.starts}). Shorten the look-back or start the window later.",
        )


def _shape(p: Protocol) -> Iterator[Problem]:
    needs = {"event_tables": "cohort", "person_table": "person_table"}[p.data.shape]
    other = {"event_tables": "person_table", "person_table": "cohort"}[p.data.shape]
    if getattr(p, needs) is None:
        yield (needs,), f"is missing; data.shape {p.data.shape} needs it."
    if getattr(p, other) is not None:
        yield (other,), f"does not belong to data.shape {p.data.shape}. Remove it."
    if p.data.shape == "event_tables":
        for key in ("starts", "cut"):
            if getattr(p.data, key) is None:
                yield ("data", key), "is missing; event tables need the first and last day that they cover."
        if p.time_unit != "days":
            yield ("time_unit",), "found months; allowed: days, for event tables."
    for i, outcome in enumerate(p.outcomes):
        if (outcome.kind == "column") != (p.data.shape == "person_table"):
            yield (
                ("outcomes", i, "kind"),
                f"found {outcome.kind}; it does not belong to data.shape {p.data.shape}.",
            )
    if p.person_table is not None:
        both = set(map(str, p.person_table.treatment.treated)) & set(
            map(str, p.person_table.treatment.comparator)
        )
        if both:
            yield ("person_table", "treatment", "comparator"), f"found {sorted(both)} among the treated too."
    if p.cohort is not None and len(set(p.cohort.comparator.outcome_codes)) != len(
        p.cohort.comparator.outcome_codes
    ):
        yield ("cohort", "comparator", "outcome_codes"), "a code is named twice."


def _analyses(p: Protocol) -> Iterator[Problem]:
    for i, analysis in enumerate(p.analyses):
        for key in ("covariates", "exact"):
            names = getattr(analysis.design, key)
            twice = sorted({n for n in names if names.count(n) > 1})
            if twice:
                yield ("analyses", i, "design", key), f"names {twice} twice."
        if not analysis.design.covariates:
            yield ("analyses", i, "design", "covariates"), "is empty; balance is judged on these columns."
        if p.data.shape == "person_table" and (analysis.exposure == "force" or analysis.by_force):
            yield (
                ("analyses", i, "exposure"),
                "a force-level comparison needs event tables, which name the force.",
            )
        if analysis.design.replace and analysis.design.order == "closest":
            yield (
                ("analyses", i, "design", "order"),
                "found closest; with replacement the order does not matter.",
            )
        if analysis.estimand == "ATC" and analysis.exposure == "force":
            yield (
                ("analyses", i, "estimand"),
                "found ATC; the force exposure is estimated for scheme forces (ATT).",
            )
