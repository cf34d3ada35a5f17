"""Names and labels from the data that would do harm on a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdd_outcomes.release.findings import Findings, write_findings
from pdd_outcomes.report import page_source
from pdd_outcomes.report.engine import render
from pdd_outcomes.report.page import Study
from tests.report_fixture import forces_findings

EVIL = "<script>alert(1)</script>"
MARKUP = "::: {.x} `code` @fig-x [link](http://example.org) $x$ ```{=html}"
LONG = "long " * 1000
RIGHT_TO_LEFT = "שלום עולם"


def spoiled(name: str) -> Findings:
    """The study of forces with a name in place of a force, labels, a covariate and every sentence of the protocol."""
    good = forces_findings()
    tables = {
        table: frame.replace({"Alder": name, "age": name}) if len(frame) else frame
        for table, frame in good.tables.items()
    }
    plan = dict(good.study)
    plan["analyses"] = [
        {**a, "label": f"{name} {i}", "treated_label": name} for i, a in enumerate(plan["analyses"])
    ]
    plan["outcomes"] = [{**o, "label": f"{name} {i}"} for i, o in enumerate(plan["outcomes"])]
    plan |= {"title": name, "question": name, "background": name, "limits": [name], "sources": [name]}
    return Findings(plan, tables)


@pytest.mark.parametrize(
    "name", [EVIL, MARKUP, LONG, RIGHT_TO_LEFT], ids=["script", "markup", "long", "right to left"]
)
def test_a_name_is_shown_as_typed_and_does_no_harm(name: str, tmp_path: Path) -> None:
    write_findings(tmp_path / "findings", spoiled(name))
    made = Study(tmp_path / "findings")
    result = render(
        page_source("study.qmd"),
        tmp_path / "page.html",
        parameters={"findings": str(tmp_path / "findings")},
        metadata=made.metadata(),
        engine="embedded",
        on_message=lambda _: None,
    )
    page = result.path.read_text(encoding="utf-8")
    assert "<script" not in page
    assert '<a href="http://example.org' not in page
    assert page.count("<h1") == 1
    assert len(page.encode()) < 3_000_000
    if name in (EVIL, MARKUP):
        assert "alert(1)" in page or "@fig-x" in page  # shown, as text
