"""What a reader of the page is given is no finer than what was released."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pdd_outcomes.release.findings import write_findings
from pdd_outcomes.release.scan import dates_in, scan_html, strings
from pdd_outcomes.report.page import Study
from tests.report_fixture import forces_findings

PARTS = (
    "notices",
    "headline",
    "says",
    "glance",
    "effect",
    "flow",
    "matched",
    "overlap",
    "balance",
    "forces",
    "sure",
)
PARTS += ("methods", "data_lab", "provenance", "disclosure")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("findings") / "findings"
    write_findings(folder, forces_findings())
    made = Study(folder)
    return "\n".join(getattr(made, part)() for part in PARTS)


def test_no_count_under_the_threshold_and_no_identifier_is_on_the_page(page: str) -> None:
    dates = {day for text in strings(dict(forces_findings().study)) for day in dates_in(text)}
    assert scan_html(page, allowed=dates, threshold=10) == []


def test_a_suppressed_cell_is_marked_and_not_a_blank_or_a_zero(page: str) -> None:
    table = re.search(r'<table id="tbl-balance-diverted".*?</table>', page, flags=re.DOTALL)
    assert table is not None
    assert table[0].count("[c]") == 6


def test_coordinates_are_too_coarse_to_give_back_a_single_event(page: str) -> None:
    drawn = " ".join(re.findall(r' (?:d|x|y|points|transform)="([^"]*)"', page))
    assert not re.search(r"\d\.\d\d", drawn)


def test_a_curve_is_drawn_through_the_released_steps_only(page: str) -> None:
    """The number of steps on the path is the number of released rows, less one."""
    curves = forces_findings()["curves"]
    one = curves[
        (curves["analysis"] == "diverted") & (curves["outcome"] == "reoffending") & (curves["arm"] == "treated")
    ]
    figure = re.search(r"fig-curves-diverted-reoffending-wide.*?</svg>", page, flags=re.DOTALL)
    assert figure is not None
    line = next(d for d in re.findall(r'<path d="([^"]+)"[^>]*stroke: #12436d; stroke-width: 2', figure[0]))
    corners = np.array(re.findall(r"[ML] ([\d.]+) ([\d.]+)", line), dtype=float)
    assert len(np.unique(corners[:, 0])) == len(one)
