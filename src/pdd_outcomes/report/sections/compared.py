"""How people were compared: the flow, who was matched and lost, overlap, balance."""

from __future__ import annotations

import math

import pandas as pd

from .. import formats, words, words_evidence
from ..figures.design import love_picture, overlap_picture
from ..figures.picture import label
from ..markdown import figure, heading, html, join, text
from ..reading import ALL, Analysis, Reading
from ..tables import Column, cells, piece, table

WHOLE = "cohort"  # the stream that the analyses branch from


def flow(reading: Reading) -> str:
    """Everyone who came in, left out by a named rule or remaining; then each analysis's own steps."""
    frame = reading["flow"]
    if frame.empty:
        return text("No flow of exclusions was released.")
    parts = []
    for stream in dict.fromkeys([WHOLE, *(a.id for a in reading.analyses)]):
        rows = frame[frame["stream"] == stream].sort_values("step")
        if rows.empty:
            continue
        title = (
            "From the extract to the study" if stream == WHOLE else f"Then: {reading.analysis(stream).label}"
        )
        parts.append(
            html(f'<p class="pdd-flow-title">{_escaped(title)}</p>\n{_diagram(rows, stream == WHOLE)}')
        )
    return join(*parts)


def _escaped(words_: str) -> str:
    from markupsafe import escape

    return str(escape(words_))


def _diagram(rows: pd.DataFrame, first: bool) -> str:
    came, out, left = (cells(rows, c, formats.count) for c in ("n_in", "n_excluded", "n_out"))
    steps = [
        {
            "out": o,
            "left": n,
            "label": formats.lower_first(str(label_)),
            "rule": str(rule).removeprefix("none: "),
        }
        for o, n, label_, rule in zip(out, left, rows["label"], rows["rule"])
    ]
    start = {"n": came[0], "words": "records came in" if first else "people in the study"}
    return piece("flow", start=start, steps=steps)


def matched(reading: Reading) -> str:
    """Who was matched and who was lost, for every analysis."""
    return join(*(_matched(reading, analysis) for analysis in reading.analyses))


def _matched(reading: Reading, analysis: Analysis) -> str:
    rows = reading.of("matching", analysis)
    if rows.empty:
        return ""
    said = words.Said(analysis, reading.main, "")
    everyone = rows[rows["group"] == ALL]
    sentence = words_evidence.matched_words(said, _matching(everyone.iloc[0])) if len(everyone) else ""
    single = rows["group"].tolist() == [ALL]
    names = ["All people" if group == ALL else str(group) for group in rows["group"]]
    shown = ("n_treated", "matched_treated", "dropped_treated", "n_control", "matched_control", "ess_control")
    columns = [
        Column("Force" if not single else "Group"),
        Column(analysis.treated_label, "count"),
        Column("of them matched", "count"),
        Column("not matched", "count"),
        Column(analysis.control_label, "count"),
        Column("of them matched", "count"),
        Column("effective", "count"),
    ]
    body = [list(row) for row in zip(names, *(cells(rows, c, formats.count) for c in shown))]
    return join(
        text(f"{analysis.label}.", sentence),
        html(
            table(
                f"People matched and not matched: {analysis.label}",
                columns,
                body,
                id=label("tbl-matched", analysis.id),
                notes=["Effective: how many equally weighted people would carry the same information."],
            )
        ),
    )


def _matching(row: pd.Series) -> words_evidence.Matching:
    names = ("n_treated", "matched_treated", "dropped_treated", "n_control", "matched_control")
    return words_evidence.Matching(*(math.nan if pd.isna(row[c]) else float(row[c]) for c in names))


def overlap(reading: Reading) -> str:
    """The scores of both groups, for every analysis."""
    return join(
        *(_titled(reading, a, figure(overlap_picture(reading, a)), "overlap") for a in reading.analyses)
    )


def balance(reading: Reading) -> str:
    """The love plot and the table behind it, for every analysis."""
    return join(*(_titled(reading, a, figure(love_picture(reading, a)), "balance") for a in reading.analyses))


def _titled(reading: Reading, analysis: Analysis, content: str, what: str) -> str:
    """The content under a heading of its own where there are several analyses."""
    if not content or len(reading.analyses) == 1:
        return content
    return join(heading(4, analysis.label, label("sec", what, analysis.id)), content)
