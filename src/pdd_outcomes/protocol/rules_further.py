"""Rules of the parts that a plan may leave out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..core.errors import did_you_mean
from .rules import CONTACT_STAGES, Problem, event_covariates, twice

if TYPE_CHECKING:
    from .model import Protocol

PARTS = ("forces", "roll_out", "instrument", "engagement", "moderators", "equity", "economics")
MANY_VALUED = ("age", "prior_offences", "prior_drug_offences", "days_since_last_offence")
COUNTS = ("diverted", "not diverted", "custody days")
EVENTS_OF = "events of "


def further_problems(p: Protocol) -> Iterator[Problem]:
    """Every broken rule of the optional parts."""
    if p.data.shape != "event_tables":
        fit = {"force_estimates": ("forces",), "person_table": ("moderators",)}[p.data.shape]
        for key in PARTS:
            if key not in fit and getattr(p, key) is not None:
                yield (
                    (key,),
                    f"does not belong to data.shape {p.data.shape}, which has no such records. Remove it.",
                )
    yield from _horizons(p)
    yield from _groups(p)
    yield from _engagement(p)
    yield from _economics(p)
    yield from _features(p)
    headline = next((a for a in p.analyses if a.headline), None)
    for key in ("moderators", "engagement", "economics"):
        if getattr(p, key) is not None and headline is not None and headline.exposure != "person":
            yield (
                (key,),
                "needs a headline whose exposure is the person's, which it is about. Change the headline, or remove it.",
            )
    if p.roll_out is not None and not any(a.exposure == "force" for a in p.analyses):
        yield (
            ("roll_out",),
            "needs an analysis whose exposure is the force: a roll-out is of forces. Add one, or remove it.",
        )


def _horizons(p: Protocol) -> Iterator[Problem]:
    for key in ("moderators", "engagement", "economics", "roll_out", "instrument"):
        horizon = getattr(getattr(p, key), "horizon", None)
        if horizon is not None and horizon not in p.horizons:
            yield (
                (key, "horizon"),
                f"found {horizon:.12g}; allowed: one of the horizons, {', '.join(f'{h:.12g}' for h in p.horizons)}.",
            )


def _groups(p: Protocol) -> Iterator[Problem]:
    known = (
        event_covariates(p)
        if p.data.shape == "event_tables"
        else tuple(dict.fromkeys(n for a in p.analyses for n in (*a.design.covariates, *a.design.exact)))
    )
    for key in ("moderators", "equity", "instrument"):
        part = getattr(p, key)
        if part is None:
            continue
        for role in ("by", "adjust"):
            names = getattr(part, role, ())
            yield from twice((key, role), names)
            for i, name in enumerate(names):
                if name not in known:
                    yield (
                        (key, role, i),
                        f"found {name!r}, which is not among what is known of people before time zero."
                        f"{did_you_mean(name, known)} Allowed: {', '.join(known)}.",
                    )
        if key != "instrument":
            yield from _bands(key, part)


def _bands(key: str, part: Any) -> Iterator[Problem]:
    for name, cuts in part.bands.items():
        if name not in part.by:
            yield (key, "bands", name), f"cuts a column that is not in {key}.by.{did_you_mean(name, part.by)}"
        if not cuts or list(cuts) != sorted(set(cuts)):
            yield (key, "bands", name), "the cuts must increase, each named once; a band ends below each."
    for i, name in enumerate(part.by):
        if name in MANY_VALUED and name not in part.bands:
            yield (
                (key, "by", i),
                f"found {name!r}, which has many values. Give its cuts: {key}.bands: {{{name}: [25, 35]}}.",
            )


def _engagement(p: Protocol) -> Iterator[Problem]:
    if p.engagement is None:
        return
    stages = p.engagement.stages
    yield from twice(("engagement", "stages"), stages)
    for i, stage in enumerate(stages):
        if stage not in CONTACT_STAGES:
            yield (
                ("engagement", "stages", i),
                f"found {stage!r}.{did_you_mean(stage, CONTACT_STAGES)} Allowed: {', '.join(CONTACT_STAGES)}.",
            )
    if len(stages) < 2:
        yield ("engagement", "stages"), "has fewer than two stages, of which the last is completion."


def _economics(p: Protocol) -> Iterator[Problem]:
    if p.economics is None:
        return
    outcomes = [o.id for o in p.outcomes]
    allowed = [*COUNTS, *(f"{EVENTS_OF}{o}" for o in outcomes)]
    for item, source in p.economics.counts.items():
        if source not in allowed:
            yield (
                ("economics", "counts", item),
                f"found {source!r}.{did_you_mean(source, allowed)} Allowed: {', '.join(allowed)}.",
            )
    for role, name in (("costs", p.economics.costs), ("uprating", getattr(p.economics.uprating, "file", None))):
        if name is not None and ("/" in name or "\\" in name or not name.endswith(".csv")):
            yield (
                ("economics", role),
                f"found {name!r}; allowed: the name of a .csv file in the study's own folder, beside the protocol.",
            )


def _features(p: Protocol) -> Iterator[Problem]:
    if p.forces is None:
        return
    if not any(a.by_force for a in p.analyses):
        yield (
            ("forces",),
            "needs an analysis with by_force: true, whose estimates it is about. Add one, or remove it.",
        )
