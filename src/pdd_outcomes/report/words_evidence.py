"""What stands behind the main result, in plain language: bias removed, forces pooled, hazards over time, gates.

As in :mod:`~pdd_outcomes.report.words`, every function returns plain text made from numbers.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from . import formats
from .formats import fixed, per_100
from .reading import Number
from .words import SAME_GAP, Said, fewer_more, interval_ends

NEAR_ONE = 0.05  # on the log scale: a hazard ratio this near to 1 is on neither side of it


def naive_gap(said: Said, naive: Number, matched: Number) -> str:
    """What matching did to the gap between the groups."""
    if not (naive.ok and matched.ok):
        return ""
    before, after = naive.estimate, matched.estimate
    first = (
        f"Before matching, the gap was {fewer_more(before)} for every 100 people; between matched people it is "
        f"{fewer_more(after)}."
    )
    if abs(before - after) < SAME_GAP:
        return f"{first} Matching hardly moved it."
    if abs(after) < SAME_GAP:
        return f"{first} Once like is compared with like, hardly anything of the gap is left."
    if before * after < 0:
        return f"{first} Once like is compared with like, the sign turns: the raw gap was misleading."
    if abs(after) > abs(before):
        return (
            f"{first} The raw gap hid part of the difference: {said.treated} started out with the higher risk."
            if after < 0
            else f"{first} The raw gap hid part of the difference: {said.treated} started out with the lower risk."
        )
    share = (before - after) / before
    return f"{first} So {fixed(100 * share, 0)}% of the raw gap reflects who was in {said.treated}, and is no effect of it."


def truth_words(truth: float, matched: Number, naive: Number | None) -> str:
    """Whether the intervals hold the truth that was planted in a synthetic world."""
    if math.isnan(truth) or not matched.has_interval:
        return ""
    first = f"The true effect in this synthetic world is {fewer_more(truth)} for every 100 people."
    inside = _holds(matched, truth)
    after = f"The interval after matching ({interval_ends(matched)}) {'holds' if inside else 'misses'} it"
    if naive is None or not naive.has_interval:
        return f"{first} {after}."
    naive_inside = _holds(naive, truth)
    join = "and so does" if inside is naive_inside else "but" if inside else "although"
    before = f"the one before matching ({interval_ends(naive)})"
    if inside is naive_inside:
        return f"{first} {after}, {join} {before}."
    return f"{first} {after}, {join} {before} {'holds it' if naive_inside else 'does not'}."


def _holds(number: Number, value: float) -> bool:
    return number.conf_low <= value <= number.conf_high


def null_of(number: Number) -> float:
    """The value of no effect on the number's scale."""
    return 1.0 if number.scale == "ratio" else 0.0


def shown_interval(number: Number) -> str:
    """An interval in figures, on the number's own scale."""
    if number.scale == "difference":
        return formats.between(number.conf_low, number.conf_high, per_100)
    places = formats.ratio_places((number.conf_low, number.conf_high)) if number.scale == "ratio" else 2
    return formats.between(number.conf_low, number.conf_high, lambda x: fixed(x, places))


def interval_choice(wald: Number, cautious: Number, *, advise: bool = True) -> str:
    """Whether the conclusion depends on how the pooled interval is formed; with `advise`, which one to trust."""
    if not (wald.has_interval and cautious.has_interval):
        return ""
    null = null_of(wald)
    clear = [not _holds(n, null) for n in (wald, cautious)]
    both = f"Wald {shown_interval(wald)}; Hartung-Knapp {shown_interval(cautious)}"
    if clear == [True, True]:
        return f"Both intervals leave out {null:g}, no effect ({both})."
    if clear == [False, False]:
        return f"Both intervals include {null:g}, so the direction is not settled ({both})."
    other = "Hartung-Knapp" if clear[0] else "Wald"
    one = "Wald" if clear[0] else "Hartung-Knapp"
    first = (
        f"The conclusion turns on the choice of interval: by {one} the interval leaves out {null:g}, by {other} it does not "
        f"({both})."
    )
    trust = " With few forces, Hartung-Knapp allows for not knowing how much forces differ, and is the one to trust."
    return first + (trust if advise else "")


def prediction_words(prediction: Number) -> str:
    """Where the effect in a new force may lie."""
    if not (math.isfinite(prediction.conf_low) and math.isfinite(prediction.conf_high)):
        return ""
    span = f"In a new force of the same kind the effect may lie anywhere from {shown_interval(prediction)}"
    null = null_of(prediction)
    if _holds(prediction, null):
        return f"{span}: in some forces it may well be absent or the other way round."
    return f"{span}, on the same side of {null:g} as the average."


def spread_words(k: float, i2: float, q_p: float) -> str:
    """How much the forces differ."""
    if not (math.isfinite(i2) and math.isfinite(k)):
        return ""
    share = i2 if i2 <= 1 else i2 / 100
    much = "little" if share < 0.3 else "a moderate part" if share < 0.6 else "most"
    tested = f" ({formats.p_words(q_p)} for no difference between forces)" if math.isfinite(q_p) else ""
    return (
        f"Over {k:g} forces, {much} of the variation between estimates is more than chance would give: I² {fixed(100 * share, 0)}%"
        f"{tested}."
    )


def _apart(one: Number, other: Number) -> bool:
    """Whether two ratios of different periods differ by more than chance would give once in twenty."""
    if not (one.has_interval and other.has_interval):
        return False
    gap = abs(math.log(one.estimate / other.estimate))
    halves = [math.log(n.conf_high / n.conf_low) / 2 for n in (one, other)]
    return gap > math.hypot(*halves)


def waning_words(hazards: Sequence[tuple[str, Number]]) -> str:
    """How the hazard ratio moves over the follow-up: (period, ratio with its interval) in order of time.

    A course is only claimed where it is steady and the first and the last period differ by a test: their people's time is
    apart, so their logs' variances add.
    """
    known = [(period, n) for period, n in hazards if math.isfinite(n.estimate) and n.estimate > 0]
    if len(known) < 2:
        return ""
    said = formats.series([f"{fixed(n.estimate, 2)} ({period})" for period, n in known])
    sizes = [abs(math.log(n.estimate)) for _, n in known]
    sides = {n.estimate < 1 for _, n in known if abs(math.log(n.estimate)) >= NEAR_ONE}
    first = f"Period by period the hazard ratio is {said}"
    if all(_holds(n, 1.0) for _, n in known):
        return f"{first}: no period tells it from 1."
    steps = [later - earlier for earlier, later in itertools.pairwise(sizes)]
    if not _apart(known[0][1], known[-1][1]):
        return f"{first}: the periods are too alike, or too uncertain, to tell a course."
    if len(sides) <= 1 and all(step < 0 for step in steps):
        return f"{first}: the difference fades with time, and one overall ratio would mislead."
    if len(sides) <= 1 and all(step > 0 for step in steps):
        return f"{first}: the difference grows with time, and one overall ratio would mislead."
    return f"{first}: it follows no steady course."


def proportional_words(p_value: float, alpha: float) -> str:
    """What the test of proportional hazards says of an overall hazard ratio."""
    if math.isnan(p_value):
        return ""
    if p_value <= alpha:
        return (
            f"The ratio of hazards changes over time ({formats.p_words(p_value)}), so the overall hazard ratio is an average that "
            "depends on how long people were followed. Read the risks and the restricted mean instead."
        )
    return f"No sign that the ratio of hazards changes over time ({formats.p_words(p_value)}); the test may miss slow change."


@dataclass(frozen=True, slots=True)
class Matching:
    """How many were matched and lost; nan where a number is withheld."""

    n_treated: float
    matched_treated: float
    dropped_treated: float
    n_control: float
    matched_control: float


def matched_words(said: Said, matching: Matching) -> str:
    """Everyone submitted, matched and lost."""
    m = matching
    if not (math.isfinite(m.n_treated) and math.isfinite(m.matched_treated)):
        return f"How many of {said.treated} were matched is withheld, because too few are behind a number."
    whole = f"Of {formats.count(m.n_treated)} people in {said.treated}, "
    drawn = f", from {said.control}, whose size is withheld"
    if math.isfinite(m.n_control):
        drawn = f", from a pool of {formats.count(m.n_control)} people in {said.control}"
    if m.dropped_treated == 0:
        return f"{whole}all were matched{drawn}."
    if math.isnan(m.dropped_treated):
        return f"{whole}all but a few were matched{drawn}; how many were not is withheld, to protect them."
    kept = f"{formats.count(m.matched_treated)} ({formats.percent(m.matched_treated / m.n_treated, 0)}) were matched"
    lost = formats.count(m.dropped_treated)
    return (
        f"{whole}{kept}{drawn}; for {lost} nobody comparable was found, and the result does not speak for them."
    )


def gate_words(gate: str, limit: float, value: float, passed: bool) -> str:
    """One gate in a sentence."""
    people = "ess" in gate
    what = (
        "effective number of comparison people" if people else "largest standardised difference after matching"
    )
    bound = f"at least {fixed(limit, 0)}" if people else f"at most {limit:g}"
    said = "withheld" if math.isnan(value) else fixed(value, 0 if people else 3)
    return f"The {what} must be {bound}; it is {said}: {'passed' if passed else 'not passed'}."


SHARED_CONTROLS = "Forces are compared with some of the same people, so their estimates vary together; the pooled intervals allow for that."
STOPPED = (
    "The run stopped at a gate of the protocol: the groups could not be made alike enough to compare. Outcomes were not joined, "
    "so this page shows who was compared and how they differ, and no effect."
)


def balance_words(before: int, after: int, total: int, threshold: float) -> str:
    """How many covariates are out of balance before and after matching."""
    limit = f"more than {threshold:g} standard deviations"
    if total == 0:
        return ""
    start = f"Before matching the groups differed by {limit} on {before} of {formats.plural(total, 'trait')}"
    if after == 0 and before == 0:
        return f"The groups differed by {limit} on none of {formats.plural(total, 'trait')}, before matching or after."
    if after == 0:
        return f"{start}; after matching on none."
    return f"{start}; after matching still on {after}."
