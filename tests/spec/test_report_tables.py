"""Tables that a screen reader, a keyboard and a search of the page can use."""

from __future__ import annotations

from html.parser import HTMLParser

import pandas as pd
import pytest

from pdd_outcomes.core.errors import UsageError
from pdd_outcomes.report.tables import Column, Group, cells, fold, piece, table

COLUMNS = [Column("Within"), Column("Diverted", "count"), Column("Difference (interval)", "est")]
ROWS = [["3 months", "1,235", "−1.1 (−1.8 to −0.3)"], ["12 months", "[c]", None]]


class Parsed(HTMLParser):
    """Tags with their attributes, in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def test_a_table_has_a_caption_scopes_and_is_left_alone_by_quarto() -> None:
    page = Parsed(table("Risks", COLUMNS, ROWS, id="tbl-x"))
    assert page.all("table") == [{"id": "tbl-x", "data-quarto-disable-processing": "true"}]
    assert page.all("caption") == [{"id": "tbl-x-caption"}]
    assert [th.get("scope") for th in page.all("th")] == ["col", "col", "col", "row", "row"]


def test_a_table_scrolls_in_a_box_that_the_keyboard_reaches_and_its_caption_names() -> None:
    box = Parsed(table("Risks", COLUMNS, ROWS, id="tbl-x")).all("div")[0]
    assert box["tabindex"] == "0"
    assert box["role"] == "group"
    assert box["aria-labelledby"] == "tbl-x-caption"


def test_every_cell_says_what_kind_of_number_it_holds() -> None:
    kinds = [td["data-kind"] for td in Parsed(table("Risks", COLUMNS, ROWS, id="t")).all("td")]
    assert kinds == ["count", "est", "count", "est"]


def test_shorthand_is_explained_where_it_occurs_and_nowhere_else() -> None:
    html = table("Risks", COLUMNS, ROWS, id="t", notes=["Intervals are 95%."])
    assert (
        "Intervals are 95%. [c] withheld to protect people: too few behind the figure. [x] not available"
        in html
    )
    assert "[z]" not in html
    assert "[c]" not in table("Risks", COLUMNS, ROWS[:1], id="t")


def test_rows_can_stand_under_headings_of_their_own() -> None:
    page = Parsed(table("Risks", COLUMNS, [Group("Force A", ROWS), Group("Force B", ROWS[:1])], id="t"))
    groups = [th for th in page.all("th") if th.get("scope") == "rowgroup"]
    assert [th["colspan"] for th in groups] == ["3", "3"]
    assert len(page.all("tbody")) == 2


def test_a_row_of_the_wrong_length_is_an_error() -> None:
    with pytest.raises(UsageError, match="needs 3 cells"):
        table("Risks", COLUMNS, [["3 months", "1"]], id="t")


def test_everything_from_the_data_is_escaped() -> None:
    evil = "<script>alert(1)</script>\" onload='x"
    html = table(
        evil, [Column(evil), Column(evil, "code")], [Group(evil, [[evil, evil]])], id="t", notes=[evil]
    )
    assert "<script" not in html
    assert "' onload" not in html
    assert html.count("&lt;script&gt;") == 7
    assert "<script" not in fold(evil, "<p>ours</p>")
    assert "<p>ours</p>" in fold(evil, "<p>ours</p>")
    assert "<script" not in piece("says", can=[evil], cannot=[evil], limits=[evil])


def test_numbers_become_words_with_suppressed_cells_told_from_missing_ones() -> None:
    frame = pd.DataFrame({"n": pd.array([1235, None, None], dtype="Int64"), "suppressed": ["", "n", "other"]})
    assert cells(frame, "n", lambda x: f"{x:,.0f}") == ["1,235", "[c]", "[x]"]
    assert cells(frame.drop(columns="suppressed"), "n", str) == ["1235.0", "[x]", "[x]"]
