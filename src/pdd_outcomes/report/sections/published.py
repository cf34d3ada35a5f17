"""Published estimates by force, pooled again: whether the conclusion turns on how."""

from __future__ import annotations

from typing import Any

from .. import formats
from ..figures.items import Labelled, items_forest
from ..figures.picture import label
from ..items import Item, cell, items, p_of, places_of
from ..markdown import bullets, figure, heading, html, join, text
from ..reading import Outcome, Reading
from ..tables import Column, piece, table

NORMAL, CAUTIOUS = 0.0, 1.0  # places of the two ways that are set side by side
PUBLISHED = "published"


def is_published(reading: Reading) -> bool:
    """Whether the study is of estimates that others have published."""
    return bool((reading["evidence"]["section"] == PUBLISHED).any())


def of(reading: Reading, outcome: Outcome, part: str, **where: Any) -> list[Item]:
    """The rows of one part for an outcome."""
    return items(reading["evidence"], section=PUBLISHED, outcome=outcome.id, part=part, **where)


def answer(reading: Reading) -> str:
    """Whether the conclusion turns on the interval, in a sentence or two of plain text."""
    outcome = reading.main
    ways = {i.place: i for i in of(reading, outcome, "pooled")}
    wald, cautious = ways.get(NORMAL), ways.get(CAUTIOUS)
    if wald is None or cautious is None:
        return "Too few forces to pool: their spread cannot be told from their errors."
    k = formats.plural(wald.units, "force")
    gap = f"The hazard of {formats.lower_first(outcome.label)} in {k} with a scheme averages {_ratio(wald)} times that of the comparison."
    if wald.clear and not cautious.clear:
        return (
            f"{gap} Whether that is a finding turns on the interval: the normal one leaves out 1 (no effect), the Hartung-Knapp "
            "one, which allows for not knowing how much forces differ, does not."
        )
    if cautious.clear and not wald.clear:
        return f"{gap} Whether that is a finding turns on the interval: only the Hartung-Knapp one leaves out 1 (no effect)."
    if wald.clear:
        return f"{gap} Both the normal and the Hartung-Knapp interval leave out 1 (no effect)."
    return f"{gap} Neither the normal nor the Hartung-Knapp interval leaves out 1 (no effect): the direction is not settled."


def _ratio(item: Item) -> str:
    return formats.fixed(item.estimate, places_of([item]))


def headline(reading: Reading) -> str:
    """The answer, the two intervals, for whom, and what one force more would be like."""
    outcome, analysis = reading.main, reading.lead
    ways = {i.place: i for i in of(reading, outcome, "pooled")}
    facts = [
        {"label": "For whom", "words": formats.sentence(analysis.population)},
        {"label": "A new force", "words": prediction_words(reading, outcome)},
        {
            "label": "What was done",
            "words": "Published figures were pooled again in every way in use. Nothing was estimated anew from people.",
        },
    ]
    figures = [
        {
            "role": "gap",
            "label": name,
            "value": _ratio(item),
            "unit": "hazard ratio",
            "under": f"{100 * item.level:g}% interval {_span(item)}",
        }
        for place, name in ((NORMAL, "Normal interval"), (CAUTIOUS, "Hartung-Knapp interval"))
        if (item := ways.get(place)) is not None and item.has_interval
    ]
    return html(
        piece("answer", answer=answer(reading), figures=figures, facts=[f for f in facts if f["words"]])
    )


def _span(item: Item) -> str:
    places = places_of([item])
    return formats.between(item.conf_low, item.conf_high, lambda x: formats.fixed(x, places))


def prediction_words(reading: Reading, outcome: Outcome) -> str:
    """Where the next force would lie."""
    found = of(reading, outcome, "prediction")
    if not found or not found[0].has_interval:
        return ""
    side = "could go either way" if not found[0].clear else "would be on the same side"
    return f"In one more force of the same kind the ratio is expected between {_span(found[0])}: it {side}."


def says(reading: Reading) -> str:
    """What you can say and what you cannot."""
    outcome = reading.main
    ways = {i.place: i for i in of(reading, outcome, "pooled")}
    wald, cautious = ways.get(NORMAL), ways.get(CAUTIOUS)
    can, cannot = [], []
    if wald is not None and cautious is not None:
        can.append(
            f"The average ratio over forces is {_ratio(wald)}: {_span(wald)} by the normal interval, {_span(cautious)} by Hartung-Knapp."
        )
        if wald.clear != cautious.clear:
            cannot.append("That the average differs from no effect, without saying by which interval.")
        elif not wald.clear:
            cannot.append("That there is no effect: the intervals hold ratios on both sides of it.")
    spread = [i for i in of(reading, outcome, "spread") if i.measure == "q"]
    if spread and spread[0].p_value <= reading.rule.alpha:
        can.append(f"Forces differ by more than chance ({formats.p_words(spread[0].p_value)}).")
        cannot.append("That a scheme in another force would have the average effect.")
    cannot.append("Why forces differ: their estimates alone cannot say.")
    return html(piece("says", can=can, cannot=cannot, limits=list(map(str, reading.study["limits"]))))


def outcomes(reading: Reading) -> str:
    """A section for each outcome: forces, ways of pooling, and what else could undo the result."""
    return join(*(_outcome(reading, outcome) for outcome in reading.outcomes))


def _outcome(reading: Reading, outcome: Outcome) -> str:
    name = formats.upper_first(outcome.label)
    return join(
        heading(2, name, label("sec", outcome.id)),
        figure(_forest(reading, outcome)),
        heading(3, "Ways of pooling", label("sec-ways", outcome.id)),
        text(turns_words(reading, outcome)),
        html(_ways(reading, outcome)),
        text(_spread_words(reading, outcome)),
        heading(3, "Each force left out", label("sec-left-out", outcome.id)),
        figure(_left_out(reading, outcome)),
        heading(3, "Errors that forces share", label("sec-shared", outcome.id)),
        text(
            "Scheme forces were compared with people of the same comparison forces, so their estimates go up and down together. How "
            "much was not published. If the errors of any two forces had this correlation:"
        ),
        html(_shared(reading, outcome)),
        *_residual(reading, outcome),
    )


def _forest(reading: Reading, outcome: Outcome) -> Any:
    rows: list[tuple[str, str, Item]] = [
        (f"Force {i.group}", "study", i) for i in of(reading, outcome, "force")
    ]
    ways = {i.place: i for i in of(reading, outcome, "pooled")}
    rows += [
        (name, "pooled", ways[p])
        for p, name in ((CAUTIOUS, "Pooled, Hartung-Knapp"), (NORMAL, "Pooled, normal"))
        if p in ways
    ]
    rows += [("New force, predicted", "prediction", i) for i in of(reading, outcome, "prediction")]
    found = turns_words(reading, outcome) or "Too few forces to pool."
    return items_forest(
        rows,
        id=label("fig-published", outcome.id),
        title=f"Hazard ratio of {formats.lower_first(outcome.label)} by force",
        measure="Hazard ratio",
        caption=f"{found} Squares are forces as published, larger where the estimate is more precise; diamonds are pooled estimates.",
        names="Force",
        sides=("lower", "higher"),
        counts=False,
    )


def turns_words(reading: Reading, outcome: Outcome) -> str:
    """Which ways of pooling leave out 1, no effect, and which do not."""
    found = [i for i in of(reading, outcome, "pooled") if i.has_interval]
    clear = [i for i in found if i.clear]
    if not found:
        return ""
    if len(clear) == len(found):
        return f"All {len(found)} ways of pooling give an interval that leaves out 1 (no effect)."
    if not clear:
        return f"None of the {len(found)} ways of pooling gives an interval that leaves out 1 (no effect)."
    named = formats.series([formats.lower_first(i.group) for i in clear])
    return (
        f"Of {len(found)} ways of pooling, {len(clear)} give an interval that leaves out 1, no effect: {named}. The others do not, so the "
        "conclusion turns on the choice."
    )


def _ways(reading: Reading, outcome: Outcome) -> str:
    found = of(reading, outcome, "pooled")
    places = places_of(found)
    rows = [[i.group, cell(i, places), p_of(i), _verdict(i)] for i in found]
    columns = [
        Column("Way"),
        Column("Hazard ratio (interval)", "est"),
        Column("p", "p"),
        Column("Leaves out 1 (no effect)"),
    ]
    return table(
        f"Ways of pooling the forces: {formats.lower_first(outcome.label)}",
        columns,
        rows,
        id=label("tbl-ways", outcome.id),
    )


def _verdict(item: Item) -> str:
    return "Yes" if item.clear else "No"


def _spread_words(reading: Reading, outcome: Outcome) -> str:
    found = {i.measure: i for i in of(reading, outcome, "spread")}
    if "tau2" not in found or "q" not in found:
        return ""
    tau2, q = found["tau2"], found["q"]
    share = f" (I² {formats.fixed(found['i2'].estimate, 1)}%)" if "i2" in found else ""
    return (
        f"Forces differ{share}: the variance between them, τ², is {formats.fixed(tau2.estimate, 4)} "
        f"({formats.between(tau2.conf_low, tau2.conf_high, lambda x: formats.fixed(x, 4))} by the Q profile); Q is "
        f"{formats.fixed(q.statistic, 1)} on {q.df:g} degrees of freedom, {formats.p_words(q.p_value)}."
    )


def _left_out(reading: Reading, outcome: Outcome) -> Any:
    found = of(reading, outcome, "left_out")
    rows: Labelled = [(f"Without {i.group}", "study", i) for i in found]
    clear = [i.group for i in found if i.clear]
    said = (
        f"By Hartung-Knapp the interval leaves out 1 (no effect) when force {formats.series(clear)} is not counted, and otherwise not."
        if clear and len(clear) < len(found)
        else "By Hartung-Knapp the interval leaves out 1 (no effect) whichever force is not counted."
        if clear
        else "By Hartung-Knapp, no single force decides: without any one of them the interval still includes 1 (no effect)."
    )
    return items_forest(
        rows,
        id=label("fig-left-out", outcome.id),
        title=f"Pooled hazard ratio of {formats.lower_first(outcome.label)} with each force left out",
        measure="Pooled hazard ratio",
        caption=said,
        names="Left out",
        sides=("lower", "higher"),
        counts=False,
    )


def _shared(reading: Reading, outcome: Outcome) -> str:
    found = of(reading, outcome, "shared")
    places = places_of(found)
    rows = [[f"{i.place:g}", cell(i, places), p_of(i), _verdict(i)] for i in found]
    columns = [
        Column("Correlation", "setting"),
        Column("Hazard ratio (Hartung-Knapp interval)", "est"),
        Column("p", "p"),
        Column("Leaves out 1 (no effect)"),
    ]
    return table(
        f"If forces share errors: {formats.lower_first(outcome.label)}",
        columns,
        rows,
        id=label("tbl-shared", outcome.id),
    )


def _residual(reading: Reading, outcome: Outcome) -> list[str]:
    found = [i for i in of(reading, outcome, "residual") if i.has_interval]
    if not found:
        return []
    item = found[0]
    verdict = "leaves out" if item.clear else "does not leave out"
    return [
        heading(3, "How much forces differ anyway", label("sec-residual", outcome.id)),
        text(
            "Forces differ for reasons that have nothing to do with a scheme. If they differ by as much as an outside source says "
            f"(see the plan), the scheme forces' average against that of the comparison forces is {_ratio(item)} with an interval from "
            f"{_span(item)}, which {verdict} 1 (no effect)."
        ),
    ]


def methods(reading: Reading) -> str:
    """How it was done."""
    lines = [
        "Each force's ratio is taken as published, on the log scale; its standard error is the width of its 95% interval over twice 1.96.",
        "Random effects by restricted maximum likelihood (REML), DerSimonian-Laird and Paule-Mandel; one common effect by inverse variance.",
        "The normal interval takes the spread between forces as known. Hartung-Knapp estimates it with the spread that is seen, on one degree "
        "of freedom fewer than there are forces.",
        "The prediction interval is Student's t on two degrees of freedom fewer than there are forces; τ² has its interval by the Q profile.",
        "Shared errors: the same pooling with a covariance between forces' estimates, all pairs correlated alike.",
    ]
    sources = list(map(str, reading.study["sources"]))
    return join(
        text(formats.sentence(str(reading.study["background"]))),
        bullets(lines),
        *([heading(3, "Sources", "sec-sources"), bullets(sources)] if sources else []),
    )
