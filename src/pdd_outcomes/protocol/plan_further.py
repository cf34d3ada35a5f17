"""The optional parts of the plan in sentences; nothing is said of a part that is not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .model import Protocol

COUNTED = {
    "diverted": "people diverted",
    "not diverted": "people not diverted",
    "custody days": "days in custody",
}


def further_plan(p: Protocol) -> list[str]:
    """A heading and its sentences for each part that the plan has, in the order of EMMIE."""
    made = [*_forces(p), *_roll_out(p), *_instrument(p), *_engagement(p), *_moderators(p), *_equity(p)]
    return [*made, *_economics(p)]


def published_plan(p: Protocol) -> list[str]:
    """What is done with estimates that others have published."""
    a = next(a for a in p.analyses if a.headline)
    said = [
        f"## Analysis: {a.label}",
        f"Population: {a.population}. Each force's ratio is taken as published, its standard error from its limits (95%). They are "
        "pooled on the log scale by REML, with normal and Hartung-Knapp intervals side by side, by DerSimonian-Laird and "
        "Paule-Mandel, and as one common effect; with a prediction interval for a new force, tau squared by the Q profile, each "
        "force left out in turn, and as if the errors of forces were correlated, as they are where comparison people are shared. "
        "Whether the conclusion turns on the choice is said in words.",
    ]
    if p.forces is not None and p.forces.residual_sd is not None and p.forces.comparison_forces is not None:
        said.append(
            f"If forces differ anyway by a standard deviation of {p.forces.residual_sd:.12g} in the log hazard, and "
            f"{p.forces.comparison_forces} comparison forces stand against them, the interval that this alone gives stands beside."
        )
    return said


def _forces(p: Protocol) -> list[str]:
    if p.forces is None:
        return []
    said = (
        "Forces are few and are what a scheme is given to, so beside intervals that count people stand a t test of force means, a "
        f"wild cluster bootstrap ({p.forces.replicates} draws, the null imposed) and a randomisation test over which forces have a "
        "scheme. Pooled effects are shown with each force left out."
    )
    if p.forces.features:
        named = "; ".join(
            f"{name} ({', '.join(f'{force} {value:.12g}' for force, value in values.items())})"
            for name, values in p.forces.features.items()
        )
        said += (
            f" Features of schemes are looked at by meta-regression: {named}. One for every ten forces at most, and none where there "
            "are fewer."
        )
    if p.forces.residual_sd is not None:
        said += f" Forces are taken to differ anyway by a standard deviation of {p.forces.residual_sd:.12g} in the log hazard."
    if p.forces.comparison_forces is not None:
        said += f" There are {p.forces.comparison_forces} comparison forces."
    return ["## Few forces", said]


def _roll_out(p: Protocol) -> list[str]:
    if p.roll_out is None:
        return []
    r = p.roll_out
    control = {"never": "forces that never have one", "not_yet": "forces that do not have one yet, or never"}
    return [
        "## Roll-out",
        f"Schemes start at different times. Force-by-{r.period} means of the main outcome"
        f"{_at(p, r.horizon)} are compared by group-time effects (Callaway and Sant'Anna 2021) against {control[r.control]}, averaged by "
        f"time since the start, with bands from {r.replicates} draws that hold for all times at once. Two-way fixed effects and the Goodman-Bacon decomposition stand beside them, because where effects "
        "grow they mislead. Effects before the start should be none, and are tested.",
    ]


def _instrument(p: Protocol) -> list[str]:
    if p.instrument is None:
        return []
    return [
        "## Instrument",
        f"Who meets a lenient officer is taken to be chance within force and quarter. Leniency is the officer's share diverted among "
        f"others, leaving the person out (officers with {p.instrument.minimum} cases or more). Two-stage least squares for the main "
        f"outcome{_at(p, p.instrument.horizon)}, with the first stage, the Anderson-Rubin interval, balance, and the sign of the first "
        "stage in subgroups. Where there is no first stage no effect is given."
        + (f" Held fixed besides: {', '.join(p.instrument.adjust)}." if p.instrument.adjust else ""),
    ]


def _engagement(p: Protocol) -> list[str]:
    if p.engagement is None:
        return []
    stages = p.engagement.stages
    return [
        "## Engagement",
        f"The cascade is counted from eligible through {', '.join(stages)}. Side by side for the main outcome"
        f"{_at(p, p.engagement.horizon)}: by where people were arrested (intention to treat), by being diverted (matched), of completing "
        "(the complier effect, the scheme as instrument), as treated, and completers against those who did not complete, with how "
        "much of that is selection. Only the first two are read as effects without a further assumption.",
    ]


def _moderators(p: Protocol) -> list[str]:
    if p.moderators is None:
        return []
    m = p.moderators
    said = [
        "## Moderators",
        f"Named beforehand: {_groups(m.by, m.bands)}. Of each, whether the headline effect on the main outcome{_at(p, m.horizon)} differs "
        "between its groups, as a difference of risks and as a ratio of hazards: one test for each on each scale, adjusted for their "
        f"number by Holm, with Benjamini-Hochberg beside it. Groups with fewer than {m.minimum} people in an arm, or fewer than ten "
        "events or people without one, are not estimated.",
    ]
    if m.exploratory:
        said.append(
            "Exploratory, and read as such: a doubly robust learner of who gains more, cross-fitted, with its calibration and its best "
            "linear projection."
        )
    return said


def _equity(p: Protocol) -> list[str]:
    if p.equity is None:
        return []
    e = p.equity
    adjusted = f", adjusted for {', '.join(e.adjust)}" if e.adjust else ""
    said = (
        f"Among those arrested where a scheme ran, the probability of being diverted by {_groups(e.by, e.bands)}{adjusted}; among those "
        "diverted, that of completing. Differences and ratios against the largest group, and how unequal groups are in all. "
        f"Groups of fewer than {e.minimum} are not estimated."
    )
    if e.net_widening:
        said += (
            " Net-widening is the share of those diverted who would have had no further action, from people like them in forces "
            "without a scheme."
        )
    return ["## Equity", said]


def _economics(p: Protocol) -> list[str]:
    if p.economics is None:
        return []
    e = p.economics
    counted = ", ".join(f"{item} ({COUNTED.get(source, source)})" for item, source in e.counts.items())
    said = f"A cost-consequence table per 100 people{_at(p, e.horizon)}: {counted}. Unit costs are in `{e.costs}`, each dated and sourced"
    if e.uprating is not None:
        said += f", brought to {e.uprating.to} prices by {e.uprating.index} (`{e.uprating.file}`)"
    said += (
        f". Intervals are from {e.replicates} bootstrap draws of matched sets; each unit cost is moved between its low and high "
        "value by itself. Costs and consequences are not made into one ratio."
    )
    return ["## Economics", said]


def _at(p: Protocol, horizon: float | None) -> str:
    return "" if horizon is None else f" by {horizon:.12g} {p.time_unit}"


def _groups(by: Sequence[str], bands: Mapping[str, Sequence[float]]) -> str:
    cut = {name: f" (cut at {', '.join(f'{c:.12g}' for c in cuts)})" for name, cuts in bands.items()}
    return ", ".join(f"{name}{cut.get(name, '')}" for name in by)
