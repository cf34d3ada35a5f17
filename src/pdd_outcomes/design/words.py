"""What a match was asked for, and sentences that say what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.columns import BoolArray, FloatArray
from .distance import Distance
from .sets import Links

ORDERS = {
    "largest": "largest score first",
    "smallest": "smallest score first",
    "closest": "closest pair first",
    "random": "in random order",
    "data": "in the order of the rows",
}
MEANS = {
    "ATT": "the effect on the treated",
    "ATC": "the effect on the untreated",
    "ATE": "the average effect on everyone",
    "ATO": "the effect on the people in whom the arms overlap, most on those as likely treated as not",
    "ATM": "the effect on the people whom pair matching would keep",
    "FSATT": "the effect on the treated who could be matched",
    "FSATC": "the effect on the untreated who could be matched",
    "FSATE": "the average effect on the people who could be matched",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """The request behind a match, checked.

    `ratio`, `replace`, `caliper` and `order` are of the methods that choose partners; `caliper` is as asked, in units of `caliper_scale`; `columns` are those matched on and exact ones.
    """

    treatment: str
    columns: tuple[str, ...]
    method: str
    ratio: float
    replace: bool
    caliper: float | None
    caliper_scale: str
    exact: tuple[str, ...]
    order: str
    estimand: str
    bands: int = 0  # of method "subclass"
    within: tuple[tuple[str, float], ...] = ()
    anti_exact: tuple[str, ...] = ()
    ratio_limits: tuple[int, int] | None = None

    @property
    def focal_treated(self) -> bool:
        """Whether it is the treated who look for matches (ATT), and not the controls (ATC); of no matter for the ATE."""
        return self.estimand != "ATC"


def describe(
    asked: Asked,
    distance: Distance,
    caliper: float | None,
    treated: BoolArray,
    weights: FloatArray,
    links: Links,
    estimand: str,
) -> str:
    """The request, who was matched and who dropped, the estimand and the weights, in plain English."""
    focal, other = ("treated", "control") if asked.focal_treated else ("control", "treated")
    arm = treated if asked.focal_treated else ~treated
    kept = weights > 0
    n, matched = int(arm.sum()), int((arm & kept).sum())
    m, used = int((~arm).sum()), int((~arm & kept).sum())
    said = [
        f"{_chosen(asked, distance, other, focal)}{_limits(asked, caliper)}.",
        f"{matched:,} of {n:,} {focal} people were matched, with {used:,} of {m:,} {other} people.",
    ]
    short = matched * asked.ratio - len(links.partner)
    if asked.ratio_limits is not None:
        said.append(f"They have {len(links.partner) / matched:.2f} matches each on average.")
    elif asked.method != "full" and asked.ratio > 1 and short:
        said.append(f"Some have fewer than {asked.ratio} matches: {short:,} were not to be had.")
    whole = asked.estimand == "ATE"
    lost = int((~kept).sum()) if whole else n - matched
    if lost:
        said.append(
            f"{lost:,} {'' if whole else focal + ' '}people had no match and were dropped, so the estimand is the {estimand} ({MEANS[estimand]}), "
            f"not the {asked.estimand}."
        )
    else:
        said.append(
            f"Nobody{'' if whole else f' of the {focal} arm'} was dropped: the estimand is the {estimand} ({MEANS[estimand]})."
        )
    said.append(_weights(asked, focal, other))
    return " ".join(said)


def _chosen(asked: Asked, distance: Distance, other: str, focal: str) -> str:
    """How partners were found."""
    if asked.method == "full":
        return (
            f"Optimal full matching on {distance.words}: everyone in a set of one person with one or more of the other arm, at "
            "the least total distance"
        )
    if asked.ratio_limits is not None:
        least, most = asked.ratio_limits
        each = (
            f"{_number(least)} to {_number(most)} {other} people to each {focal} person ({asked.ratio:g} on average, most to "
            f"those with the most {other} people like them)"
        )
    else:
        each = f"{_number(int(asked.ratio))} {other} {_people(int(asked.ratio))} to each {focal} person"
    if asked.method == "optimal":
        return (
            f"Optimal matching on {distance.words}: {each}, without replacement, as many as can be and of those the least total "
            "distance"
        )
    how = "with replacement" if asked.replace else f"without replacement, {ORDERS[asked.order]}"
    return f"Nearest-neighbour matching on {distance.words}: {each}, {how}"


def describe_strata(
    asked: Asked,
    distance: Distance | None,
    treated: BoolArray,
    weights: FloatArray,
    n_sets: int,
    estimand: str,
) -> str:
    """The same for strata: how they were made, who is in one with both arms, and what the weights are."""
    kept = weights > 0
    if asked.method == "cardinality":
        return _describe_subset(asked, treated, kept, estimand)
    alike = ", ".join(asked.columns)
    how = {
        "exact": f"Exact strata: people alike on {alike}.",
        "cem": f"Coarsened exact strata: people alike on {alike}, numbers being cut into bins.",
        "subclass": f"{asked.bands} bands of {'the propensity score' if distance and distance.propensity else 'the scores given'}"
        + (
            f", within people alike on {', '.join(asked.exact)}."
            if asked.exact
            else ", one without an arm taking the nearest of the next."
        ),
    }[asked.method]
    said = [
        how,
        f"{n_sets:,} strata hold both arms: {int((treated & kept).sum()):,} of {int(treated.sum()):,} treated people and "
        f"{int((~treated & kept).sum()):,} of {int((~treated).sum()):,} controls are in one.",
    ]
    if estimand != asked.estimand:
        said.append(
            f"The others were dropped, so the estimand is the {estimand} ({MEANS[estimand]}), not the {asked.estimand}."
        )
    else:
        said.append(f"The estimand is the {estimand} ({MEANS[estimand]}).")
    said.append(
        f"{_shares(asked)} The cluster is the person: strata are few, fixed by the covariates, and not drawn."
    )
    return " ".join(said)


def _describe_subset(asked: Asked, treated: BoolArray, kept: BoolArray, estimand: str) -> str:
    whole = "" if estimand == asked.estimand else f", not the {asked.estimand}"
    return (
        f"Cardinality matching on the means of {', '.join(asked.columns)}: the most people who are balanced, {_number(int(asked.ratio))} "
        f"of the other arm to each. {int((treated & kept).sum()):,} of {int(treated.sum()):,} treated people and "
        f"{int((~treated & kept).sum()):,} of {int((~treated).sum()):,} controls are kept, so the estimand is the {estimand} "
        f"({MEANS[estimand]}){whole}. Weights: everyone kept counts 1, everyone else 0; the cluster is the person."
    )


def _shares(asked: Asked) -> str:
    whom = {"ATT": "treated people", "ATC": "controls", "ATE": "people"}[asked.estimand]
    set_ = "set" if asked.method == "full" else "stratum"
    return (
        f"Weights: each arm counts a {set_} by the share of the {whom} kept who are in it, and sums to its people; everyone else "
        "counts 0."
    )


def _limits(asked: Asked, caliper: float | None) -> str:
    words = ""
    if asked.caliper is not None and caliper is not None:
        width = f"{asked.caliper:g} SD of it, {caliper:.4g}" if asked.caliper_scale == "sd" else f"{caliper:g}"
        words += f", no further apart than {width}"
    if asked.exact:
        words += f", alike on {', '.join(asked.exact)}"
    if asked.within:
        words += ", within " + " and ".join(f"{width:g} of {name}" for name, width in asked.within)
    if asked.anti_exact:
        words += f", different on {', '.join(asked.anti_exact)}"
    return words


def _weights(asked: Asked, focal: str, other: str) -> str:
    if asked.method == "full":
        return f"{_shares(asked)} The set is the cluster."
    if asked.ratio == 1 and not asked.replace:
        return "Weights: everyone in a pair counts 1, everyone else 0; the pair is the cluster."
    return (
        f"Weights: a matched {focal} person counts 1; a {other} person counts the sum, over their sets, of 1 over the number of "
        f"{other} people in the set, rescaled so that these weights sum to how many {other} people were used; everyone else 0. "
        + ("The cluster is the set and the person." if asked.replace else "The set is the cluster.")
    )


def _number(k: int) -> str:
    return {1: "one", 2: "two", 3: "three", 4: "four", 5: "five"}.get(k, str(k))


def _people(k: int) -> str:
    return "person" if k == 1 else "people"
