"""The page that lists the studies."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdd_outcomes.core.errors import UsageError
from pdd_outcomes.report.site import IndexEntry, write_index

REAL = IndexEntry("Work release", "Did it help?", False, "nc_work_release.html", "embedded pandoc 3.9")
MADE_UP = IndexEntry("Thirteen forces", "2.6 fewer per 100.", True, "pdd thirteen.html", "quarto 1.6.43")


def test_each_study_has_its_title_sentence_link_and_engine(tmp_path: Path) -> None:
    out = write_index([REAL, MADE_UP], tmp_path / "site" / "index.html", title="Evaluations")
    page = out.read_text()
    assert '<h1 class="title">Evaluations</h1>' in page
    assert '<a href="nc_work_release.html">Work release</a>' in page
    assert '<a href="pdd%20thirteen.html">Thirteen forces</a>' in page
    assert page.index("Work release") < page.index("Thirteen forces")
    assert "Engine: quarto 1.6.43" in page


def test_only_synthetic_studies_carry_the_flag(tmp_path: Path) -> None:
    assert write_index([REAL, MADE_UP], tmp_path / "a.html").read_text().count("Synthetic data") == 1
    assert "Synthetic data" not in write_index([REAL], tmp_path / "b.html").read_text()


def test_the_index_has_the_reports_look_and_the_themes(tmp_path: Path) -> None:
    (tmp_path / "theme.css").write_text(":root { --pdd-link: green }")
    page = write_index([REAL], tmp_path / "index.html", theme=tmp_path / "theme.css").read_text()
    assert page.index("--pdd-measure") < page.index("--pdd-link: green")
    assert 'class="skip-link"' in page
    assert "<script" not in page


def test_strings_from_a_study_are_escaped_and_links_stay_inside(tmp_path: Path) -> None:
    nasty = IndexEntry("<script>alert(1)</script>", "a & b", False, "a.html", "<i>")
    page = write_index([nasty], tmp_path / "index.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    for href in (
        "javascript:alert(1)",
        "//evil.example/",
        "../up.html",
        "/root.html",
        "https://x.example/",
        "",
    ):
        with pytest.raises(UsageError, match="must be paths below the index page"):
            write_index([IndexEntry("A", "b", False, href, "e")], tmp_path / "index.html")


def test_no_studies_is_a_page_that_says_so_and_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    first = write_index([], tmp_path / "index.html").read_bytes()
    assert b"No study has been rendered yet." in first
    assert write_index([], tmp_path / "index.html").read_bytes() == first
