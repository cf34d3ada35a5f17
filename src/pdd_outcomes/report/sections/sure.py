"""How sure: the rule for calling a finding significant, the gates, the tests, what could still be wrong."""

from __future__ import annotations

import pandas as pd

from .. import formats
from ..markdown import bullets, heading, html, join, text
from ..reading import ALL, Reading
from ..tables import Column, Group, cells, fold, table


def sure(reading: Reading) -> str:
    """Rule, gates, tests of proportional hazards, limits."""
    return join(
        heading(3, "When a difference is called significant", "sec-rule"),
        text(rule_words(reading)),
        heading(3, "Gates before outcomes were joined", "sec-gates"),
        text(
            "The groups had to pass these before anyone looked at an outcome, so that no one could choose the comparison by its result."
        ),
        html(gates_table(reading)),
        _tests(reading),
        heading(3, "What could still be wrong", "sec-limits"),
        "The study's own limits stand beside the result [at the top](#sec-summary). Besides:",
        bullets(_always(reading)),
    )


def rule_words(reading: Reading) -> str:
    """The Data Lab's rule with this protocol's settings."""
    rule = reading.rule
    return (
        f"By the Justice Data Lab's rule: p at most {rule.alpha:g}, at least {rule.min_treated_events:g} of the treated group with the "
        f"outcome, and at least {rule.min_np:g} people expected to have it in each group. Otherwise the finding is inconclusive, which "
        f"does not mean that there is no effect; the smallest effect that could have been detected is then given. Intervals are "
        f"{100 * rule.level:g}%."
    )


def gates_table(reading: Reading) -> str:
    """Every gate with its limit, its value and whether it was passed."""
    gates = reading["gates"]
    rows = []
    for gate in gates.to_dict("records"):
        people = "ess" in str(gate["gate"])
        places = 0 if people else 3
        value = float(gate["value"])
        verdict = (
            "Passed"
            if gate["passed"]
            else f"Overridden: {gate['override']}"
            if gate["override"]
            else "Not passed"
        )
        rows.append(
            [
                reading.analysis(str(gate["analysis"])).label,
                "Effective comparison people, at least"
                if people
                else "Largest standardised difference, at most",
                formats.fixed(gate["limit"], 0) if people else f"{gate['limit']:g}",
                formats.HIDDEN if value != value else formats.fixed(value, places),
                verdict,
            ]
        )
    columns = [
        Column("Analysis"),
        Column("Gate"),
        Column("Limit", "setting"),
        Column("Found", "est"),
        Column("Verdict"),
    ]
    return table("Gates on the comparison, set in the protocol", columns, rows, id="tbl-gates")


def _tests(reading: Reading) -> str:
    tests = reading["ph_tests"]
    shown = tests[tests["p_value"].notna()]
    if shown.empty or not reading.has_effects:
        return ""
    keys = ["analysis", "group", "outcome"]
    alone = shown.groupby(keys)["term"].transform("size") == 1
    shown = shown[alone | (shown["term"].str.upper() != "GLOBAL")]  # of one term, the global test is the same
    everyone = shown["group"] == ALL
    caption = "Grambsch-Therneau tests of proportional hazards"
    whole = _tests_table(reading, shown[everyone], caption, "tbl-proportional")
    single = _tests_table(reading, shown[~everyone], f"{caption}, force by force", "tbl-proportional-forces")
    return join(
        heading(3, "Are hazards proportional?", "sec-proportional"),
        text("Where p is small the hazard ratio changes over time, and one overall ratio misleads."),
        html(whole),
        html(fold("The same tests, force by force", single)) if single else "",
    )


def _tests_table(reading: Reading, tests: pd.DataFrame, caption: str, id: str) -> str:
    groups = []
    for analysis in reading.analyses:
        rows: list[list[str | None]] = [
            [
                formats.upper_first(reading.outcome(str(r["outcome"])).label)
                + ("" if r["group"] == ALL else f"; {r['group']}"),
                formats.fixed(float(r["statistic"]), 2),
                f"{float(r['df']):g}",
                formats.p_cell(float(r["p_value"])),
            ]
            for r in tests[tests["analysis"] == analysis.id].to_dict("records")
        ]
        groups += [Group(analysis.label, rows)] if rows else []
    columns = [
        Column("Of"),
        Column("Chi-square", "est"),
        Column("Degrees of freedom", "setting"),
        Column("p", "p"),
    ]
    return table(caption, columns, groups, id=id) if groups else ""


def _always(reading: Reading) -> list[str]:
    """Limits of every study of this design."""
    found = [
        "Matching makes groups alike on what was recorded before time zero. A difference that no record shows stays, and "
        "no figure on this page measures it.",
    ]
    if len(reading.analyses) * len(reading.outcomes) > 1:
        found.append(
            f"Several comparisons were made ({len(reading.analyses) * len(reading.outcomes)}). Only the headline was named beforehand as the "
            "main one; p-values of the others are not adjusted for their number."
        )
    if any(a.exposure == "force" for a in reading.analyses):
        found.append(
            "Forces are few. Whatever sets scheme forces apart from the others is counted as effect of the scheme."
        )
    return found


def quality_table(reading: Reading) -> str:
    """Rows of the extract that were accepted, superseded by a later version, and quarantined."""
    frame = reading["quality"]
    if frame.empty:
        return ""
    shown = [
        cells(frame, c, formats.count) for c in ("rows_in", "rows_ok", "rows_superseded", "rows_quarantined")
    ]
    rows = [list(row) for row in zip(map(str, frame["table"]), *shown)]
    columns = [
        Column("Table"),
        Column("Rows in", "count"),
        Column("Accepted", "count"),
        Column("Superseded", "count"),
        Column("Quarantined", "count"),
    ]
    return table("The extract as it came", columns, rows, id="tbl-quality")
