"""Numbers and words as a reader sees them: true minus signs, fixed decimals, plain lists."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence

from ..core.times import DAYS_PER_MONTH

MINUS = "\N{MINUS SIGN}"
HIDDEN, MISSING, NOT_APPLICABLE = "[c]", "[x]", "[z]"  # as government statistics mark them
KEY = {
    HIDDEN: "withheld to protect people: too few behind the figure",
    MISSING: "not available: it could not be estimated, or follow-up ends first",
    NOT_APPLICABLE: "not applicable",
}
SMALLEST_P = 0.001
_PLACES = (
    "forces",
    "areas",
    "regions",
    "districts",
    "boroughs",
    "prisons",
    "courts",
    "sites",
    "group",
    "arm",
    "cohort",
)


def fixed(x: float, places: int) -> str:
    """A number with so many decimals, a true minus and thousands separated; never a negative zero."""
    words = f"{abs(x):,.{places}f}"
    zero = not words.strip("0.,")
    return words if zero or x >= 0 else MINUS + words


def per_100(x: float) -> str:
    """A probability or a difference of two, for every 100 people, with one decimal."""
    return fixed(100 * x, 1)


def percent(x: float, places: int = 1) -> str:
    """A share as a percentage."""
    return f"{fixed(100 * x, places)}%"


def count(x: float) -> str:
    """A number of people."""
    return fixed(x, 0)


def between(low: float, high: float, show: Callable[[float], str]) -> str:
    """An interval: 'low to high', because a dash would meet a minus sign."""
    return f"{show(low)} to {show(high)}"


def with_interval(value: float, low: float, high: float, show: Callable[[float], str]) -> str:
    """'value (low to high)'."""
    return f"{show(value)} ({between(low, high, show)})"


def ratio_places(values: Sequence[float]) -> int:
    """Decimals for a ratio and its limits: two, or three where one that is not 1 would print as 1.00."""
    return 3 if any(v != 1 and round(v, 2) == 1 for v in values if math.isfinite(v)) else 2


def ratios(value: float, low: float, high: float) -> str:
    """A ratio with its interval, all with the same decimals."""
    places = ratio_places((value, low, high))
    return with_interval(value, low, high, lambda x: fixed(x, places))


def p_cell(p: float) -> str:
    """A probability of a test for a table cell."""
    return "<0.001" if p < SMALLEST_P else fixed(p, 3)


def p_words(p: float) -> str:
    """A probability of a test in a sentence."""
    return "p below 0.001" if p < SMALLEST_P else f"p = {fixed(p, 3)}"


def duration(time: float, unit: str) -> str:
    """A time in words: days that make whole months are months."""
    if unit == "days":
        months = time / DAYS_PER_MONTH
        if round(months) < 1 or abs(months - round(months)) * DAYS_PER_MONTH > 2:
            return plural(time, "day")
        return plural(round(months), "month")
    return plural(time, "month")


def plural(n: float, noun: str) -> str:
    """'1 month', '12 months'."""
    return f"{n:g} {noun}{'' if n == 1 else 's'}"


def months(time: float, unit: str) -> float:
    """A time in months."""
    return time / DAYS_PER_MONTH if unit == "days" else time


def series(words: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    return ", ".join(words[:-1]) + " and " + words[-1] if len(words) > 1 else "".join(words)


def lower_first(words: str) -> str:
    """A label in the middle of a sentence; an abbreviation keeps its capitals."""
    return words[:1].lower() + words[1:] if words[1:2].islower() else words


def upper_first(words: str) -> str:
    """A label at the start of a sentence."""
    return words[:1].upper() + words[1:]


def sentence(words: str) -> str:
    """Words from a protocol as a sentence: a capital, and a full stop if it ends without one."""
    said = upper_first(words.strip())
    return said if not said or said[-1] in ".!?" else f"{said}."


def readable(name: str, labels: Mapping[str, str] | None = None) -> str:
    """A covariate's name as words: its label where it has one; a name that is already words is kept.

    Examples
    --------
    >>> readable("prior_offences"), readable("C(sex)[T.male]"), readable("Age at release")
    ('prior offences', 'sex: male', 'Age at release')
    >>> readable("sex[male]", {"sex": "Recorded sex"})
    'Recorded sex: male'
    """
    known = labels or {}
    if name in known:
        return known[name]
    level = re.fullmatch(r"(?:C\()?([A-Za-z]\w*)\)?\[(?:T\.)?(.+)\]", name)
    if level:
        return f"{readable(level[1], known)}: {readable(level[2])}"
    return name.replace("_", " ").strip() if re.fullmatch(r"[A-Za-z][\w:]*", name) else name


def exposed_group(label: str) -> str:
    """The treated in a sentence: 'the diverted group', 'scheme forces'."""
    words = lower_first(label)
    return words if words.split()[-1:] and words.split()[-1] in _PLACES else f"the {words} group"


def comparison_group(label: str) -> str:
    """The comparison in a sentence: 'the comparison group', 'comparison forces'."""
    words = lower_first(label)
    return words if words.split()[-1:] and words.split()[-1] in _PLACES else "the comparison group"


_DID = (
    (re.compile(r"^returns? to (.+)$"), r"returned to \1"),
    (re.compile(r"^entry (?:in)?to (.+)$"), r"entered \1"),
    (re.compile(r"^((?:a|an|the|any|some|new)\b.+)$"), r"had \1"),
    (re.compile(r"^((?:proven |recorded |violent )*re?-?offending\b.*)$"), r"had \1"),
    (re.compile(r"^death\b(.*)$"), r"died\1"),
)


def did(label: str) -> str:
    """What people did to have the outcome, from its noun phrase: 'return to prison' is 'returned to prison'."""
    words = lower_first(" ".join(label.split()))
    for pattern, verb in _DID:
        if pattern.match(words):
            return pattern.sub(verb, words)
    return f"had the outcome ({words})"
