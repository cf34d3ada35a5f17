"""The data-quality page: what came, what broke the contract, where the gaps are, and how long outcomes take.

It is for those who hold the data and stays in the private build folder. It shows no value of any record, and counts below
the threshold as "under 10".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from . import formats
from .figures.quality import delays_picture, low_months, months_picture
from .plain_page import Section, write_plain_page
from .tables import Column, fold, table

PLACEHOLDER = 2.0  # times the share of days that would fall there by chance: a day that stands for "not known"
CHANCE = {"first_of_january": 1 / 365.25, "first_of_month": 12 / 365.25}


def write_quality_page(
    out: Path,
    *,
    title: str,
    frames: Mapping[str, pd.DataFrame],
    waiting_days: int,
    limit: float,
    threshold: int,
    theme: Path | None = None,
) -> Path:
    """Write the page at `out`, whole or not at all.

    Parameters
    ----------
    frames : quality, breaches (table, column, rule, kind, value, rows, first) and, where the data are event tables, accounts,
        columns, months, dates, delays
    waiting_days, limit : of the protocol: the waiting period, and the tolerated share of rows in quarantine
    threshold : counts below it are not shown
    """
    show = _Counts(threshold)
    sections = [
        _came(frames, show, limit),
        _broken(frames, show),
        _linked(frames, show),
        _went(frames, show),
        _contract(frames, show),
        _complete(frames, show),
        _dates(frames, show),
        _delays(frames, show, waiting_days),
    ]
    return write_plain_page(
        out,
        title=f"Data quality: {title}",
        summary="For those who hold the data: this page is not for release.",
        sections=[s for s in sections if s is not None],
        theme=theme,
    )


@dataclass(frozen=True, slots=True)
class _Counts:
    threshold: int

    def __call__(self, x: float) -> str:
        """A count, or that it is under the threshold; 0 is 0."""
        return f"under {self.threshold}" if 0 < x < self.threshold else formats.count(x)

    def share(self, part: float, whole: float) -> str:
        if not whole or 0 < part < self.threshold:
            return formats.MISSING if not whole else f"under {self.threshold} rows"
        return formats.percent(part / whole)


def _frame(frames: Mapping[str, pd.DataFrame], name: str) -> pd.DataFrame | None:
    found = frames.get(name)
    return None if found is None or found.empty else found


def _came(frames: Mapping[str, pd.DataFrame], show: _Counts, limit: float) -> Section:
    quality = frames["quality"]
    over = quality.loc[quality["rows_quarantined"] > limit * quality["rows_in"], "table"].tolist()
    worst = (quality["rows_quarantined"] / quality["rows_in"].clip(lower=1)).max()
    words = (
        f"More than the tolerated {formats.percent(limit)} of the rows of {formats.series(over)} broke the contract."
        if over
        else f"In no table did more than the tolerated {formats.percent(limit)} of the rows break the contract; the most was "
        f"{formats.percent(float(worst), 2)}."
    )
    names = ("rows_in", "rows_ok", "rows_superseded", "rows_quarantined")
    rows = [[str(r["table"]), *(show(r[n]) for n in names)] for r in quality.to_dict("records")]
    columns = [Column("Table"), *(Column(t, "count") for t in ("Rows in", "Kept", "Superseded", "Quarantined"))]
    return Section(
        "came", "What came", [words], [Markup(table("Rows of each table", columns, rows, id="tbl-came"))]
    )


def _broken(frames: Mapping[str, pd.DataFrame], show: _Counts) -> Section:
    breaches = _frame(frames, "breaches")
    if breaches is None:
        return Section("broken", "What broke the contract", ["No row broke a rule."])
    kinds = breaches.groupby("kind")["rows"].sum().sort_values(ascending=False)
    said = formats.series([f"{kind} ({show(rows)})" for kind, rows in kinds.items()])
    columns = [
        Column("Table"), Column("Column"), Column("Rule"), Column("Sort"), Column("Rows", "count"),
        Column("First rows"), Column("Form of the first", "code"),
    ]  # fmt: skip
    rows = [
        [str(r["table"]), str(r["column"]), str(r["rule"]), str(r["kind"]), show(r["rows"]), str(r["first"]), str(r["value"])]
        for r in breaches.to_dict("records")
    ]  # fmt: skip
    found = table("Rules that were broken; a row may break several", columns, rows, id="tbl-broken")
    words = [
        f"By sort of breach: {said}. In the form of a value 9 stands for a digit and a or A for a letter. The rows themselves, "
        "as they came, are in the files quarantined_*.csv beside this stage's tables."
    ]
    return Section("broken", "What broke the contract", words, [Markup(found)])


def _linked(frames: Mapping[str, pd.DataFrame], show: _Counts) -> Section | None:
    account, grid = _frame(frames, "linkage"), _frame(frames, "linkage_thresholds")
    if account is None or grid is None:
        return None
    rows = [[str(r["use"]), show(r["rows"])] for r in account.to_dict("records")]
    whole = table(
        "What became of each referral", [Column("Referral"), Column("Rows", "count")], rows, id="tbl-linked"
    )
    heads = [
        Column("Threshold", "setting"), Column("Linked", "count"), Column("For review", "count"),
        Column("Expected wrong", "est"), Column("Expected missed", "est"),
    ]  # fmt: skip
    cuts = [
        [
            f"{r['threshold']:g}", show(r["n_linked"]), show(r["n_review"]),
            formats.fixed(r["expected_false"], 1), formats.fixed(r["expected_missed"], 1),
        ]
        for r in grid.to_dict("records")
    ]  # fmt: skip
    chart = table(
        "What other thresholds would link, by the model's own probabilities", heads, cuts, id="tbl-thresholds"
    )
    words = [
        "A missed link makes somebody who was diverted look as if they had not been. Pairs for review are in the file "
        "links_for_review.csv; how far the result turns on the threshold is said by `pdd linkage`."
    ]
    return Section(
        "linked",
        "Linkage of the referral list",
        words,
        [Markup(whole), Markup(fold("Other thresholds", chart))],
    )


def _went(frames: Mapping[str, pd.DataFrame], show: _Counts) -> Section | None:
    accounts = _frame(frames, "accounts")
    if accounts is None:
        return None
    rows = [[str(r["table"]), str(r["use"]), show(r["rows"])] for r in accounts.to_dict("records")]
    columns = [Column("Table"), Column("What became of it"), Column("Rows", "count")]
    whole = table("Where every row went", columns, rows, id="tbl-went")
    words = [
        "Every row is used, left out by a rule that is named, superseded by a later version, or in quarantine."
    ]
    return Section("went", "Where every row went", words, [Markup(whole)])


def _contract(frames: Mapping[str, pd.DataFrame], show: _Counts) -> Section | None:
    columns = _frame(frames, "columns")
    if columns is None:
        return None
    extra = columns.loc[columns["status"] == "not in the contract"]
    absent = columns.loc[columns["status"] == "optional and absent"]
    words = [
        f"{len(columns) - len(extra) - len(absent)} columns are as agreed, {len(absent)} that are optional did not come, and "
        f"{len(extra)} came that nobody asked for and were left alone."
    ]
    rows = [
        [
            str(r["table"]),
            str(r["column"]),
            str(r["status"]),
            formats.NOT_APPLICABLE
            if r["status"] == "optional and absent"
            else show.share(r["blank"], r["rows"]),
        ]
        for r in columns.to_dict("records")
    ]
    heads = [Column("Table"), Column("Column", "code"), Column("Against the contract"), Column("Blank", "pct")]
    made = table(
        "Columns that came, and the share of their values that is blank", heads, rows, id="tbl-columns"
    )
    return Section("contract", "Against the contract", words, [Markup(fold("Every column", made))])


def _complete(frames: Mapping[str, pd.DataFrame], show: _Counts) -> Section | None:
    months = _frame(frames, "months")
    if months is None:
        return None
    low = low_months(months)
    words = [
        "Incidents of the study window. A month with fewer than half of its force's median is hatched in orange: a gap in an "
        "extract looks so, and so does a force that joined late. "
        + (
            f"{len(low)} of {len(months)} months are so low."
            if len(low)
            else f"None of the {len(months)} months of the forces is so low."
        ),
    ]
    months = months.assign(year=months["month"].str.slice(0, 4))
    sums = months.groupby(["force", "year"])[["incidents", "with_outcome", "dated"]].sum().reset_index()
    rows = [
        [
            str(r["force"]), str(r["year"]), show(r["incidents"]),
            show.share(r["with_outcome"], r["incidents"]), show.share(r["dated"], r["incidents"]),
        ]
        for r in sums.to_dict("records")
    ]  # fmt: skip
    heads = [
        Column("Force"), Column("Year"), Column("Incidents", "count"),
        Column("With an outcome", "pct"), Column("With its date", "pct"),
    ]  # fmt: skip
    made = table("Incidents and their outcomes by force and year", heads, rows, id="tbl-complete")
    parts = [Markup(months_picture(months)), Markup(fold("By force and year", made))]
    return Section("complete", "Complete by force and month?", words, parts)


def _dates(frames: Mapping[str, pd.DataFrame], show: _Counts) -> Section | None:
    dates = _frame(frames, "dates")
    if dates is None:
        return None
    suspect = []
    rows = []
    for r in dates.to_dict("records"):
        shares = {name: r[name] / r["rows"] for name in CHANCE}
        odd = [n for n, s in shares.items() if s > PLACEHOLDER * CHANCE[n] and r[n] >= show.threshold]
        if odd:
            suspect.append(f"{r['table']}.{r['column']}")
        rows.append(
            [str(r["table"]), str(r["column"]), show(r["rows"]), *(show.share(r[n], r["rows"]) for n in CHANCE)]
        )
    words = [
        "By chance 0.3% of days are a 1 January and 3.3% the first of a month; far more of them are days that stand for "
        "'not known'.",
        f"More than twice as many: {formats.series(suspect)}." if suspect else "No column has twice as many.",
    ]
    heads = [
        Column("Table"), Column("Column", "code"), Column("Dates", "count"),
        Column("1 January", "pct"), Column("First of a month", "pct"),
    ]  # fmt: skip
    made = table("Dates that may stand for 'not known'", heads, rows, id="tbl-dates")
    return Section("dates", "Dates that look invented", words, [Markup(fold("Every date column", made))])


def _delays(frames: Mapping[str, pd.DataFrame], show: _Counts, waiting: int) -> Section | None:
    delays = _frame(frames, "delays")
    if delays is None:
        return None
    days = [int(c.removeprefix("within_")) for c in delays.columns if c.startswith("within_")]
    n = float(delays["n"].sum())
    share = [float(delays[f"within_{d}"].sum()) / n for d in days]
    nearest = max((d for d in days if d <= waiting), default=days[0])
    words = [
        f"Of proven offences {formats.percent(share[days.index(nearest)])} were proven within {nearest} days; the protocol waits "
        f"{waiting} days after follow-up for a proof. Offences near the data cut that are still to be proven are not among "
        "them, so the true delays are longer; compare the years.",
    ]
    rows = [
        [str(int(r["year"])), show(r["n"]), *(show.share(r[f"within_{d}"], r["n"]) for d in days)]
        for r in delays.to_dict("records")
    ]
    heads = [Column("Year of offence"), Column("Proven", "count"), *(Column(f"{d} days", "pct") for d in days)]
    made = table("Share of proven offences proven within so many days", heads, rows, id="tbl-delays")
    return Section(
        "delays",
        "From offence to outcome",
        words,
        [Markup(delays_picture(days, share, waiting)), Markup(fold("By year of the offence", made))],
    )
