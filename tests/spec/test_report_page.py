"""The page of a study: what it says, in which order, for every shape of study."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from pdd_outcomes.core.errors import UsageError
from pdd_outcomes.release.findings import Findings, write_findings
from pdd_outcomes.report import page_source
from pdd_outcomes.report.engine import render
from pdd_outcomes.report.page import Study, show
from tests.report_fixture import (
    analysis,
    assembled,
    forces_findings,
    gate_rows,
    person_findings,
    stopped_findings,
    study,
)

MAKERS: dict[str, Callable[[], Findings]] = {
    "forces": forces_findings,
    "person": person_findings,
    "stopped": stopped_findings,
}
MOST = 3_000_000  # bytes


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    room = tmp_path_factory.mktemp("findings")
    for name, make in MAKERS.items():
        write_findings(room / name, make())
    return {name: room / name for name in MAKERS}


@pytest.fixture(scope="module")
def pages(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    room = tmp_path_factory.mktemp("pages")
    made = {}
    for name, folder in folders.items():
        result = render(
            page_source("study.qmd"),
            room / f"{name}.html",
            parameters={"findings": str(folder)},
            metadata=Study(folder).metadata(),
            engine="embedded",
            on_message=lambda _: None,
        )
        assert result.messages == ()
        made[name] = result.path.read_text(encoding="utf-8")
    return made


def main_of(page: str) -> str:
    return page.partition("<main")[2].partition("</main>")[0]


@pytest.mark.parametrize("name", MAKERS)
def test_a_page_is_whole_small_and_works_without_scripts(pages: dict[str, str], name: str) -> None:
    page = pages[name]
    assert len(page.encode()) < MOST
    assert "<script" not in page
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
    assert len(re.findall(r"<h1", page)) == 1


@pytest.mark.parametrize("name", MAKERS)
def test_headings_never_skip_a_level(pages: dict[str, str], name: str) -> None:
    levels = [int(level) for level in re.findall(r"<h([1-6])", pages[name].partition("<main")[2])]
    assert levels[0] == 2
    assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("name", MAKERS)
def test_every_id_is_used_once(pages: dict[str, str], name: str) -> None:
    ids = re.findall(r'\bid="([^"]+)"', pages[name])
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", MAKERS)
def test_every_table_has_a_caption_of_its_own_and_scoped_heads(pages: dict[str, str], name: str) -> None:
    body = main_of(pages[name])
    tables = re.findall(r"<table.*?</table>", body, flags=re.DOTALL)
    captions = [re.findall(r"<caption[^>]*><span>(.*?)</span>", one, flags=re.DOTALL) for one in tables]
    assert all(len(found) == 1 for found in captions)
    assert len({found[0] for found in captions}) == len(captions)
    assert all("scope=" in head for one in tables for head in re.findall(r"<th\b[^>]*>", one))


@pytest.mark.parametrize("name", MAKERS)
def test_every_figure_has_a_caption_and_words_for_those_who_do_not_see_it(
    pages: dict[str, str], name: str
) -> None:
    body = main_of(pages[name])
    figures = re.findall(r"<figure.*?</figure>", body, flags=re.DOTALL)
    assert figures
    for one in figures:
        caption = re.search(r"<figcaption.*?</figcaption>", one, flags=re.DOTALL)
        assert caption is not None
        assert len(re.sub(r"<[^>]+>", "", caption[0])) > 40
        described = re.findall(r"<desc[^>]*>(.*?)</desc>", one, flags=re.DOTALL)
        assert len(described) == 2
        assert all(len(words) > 40 for words in described)


def test_the_first_screen_is_banner_answer_for_whom_and_how_sure(pages: dict[str, str]) -> None:
    top = main_of(pages["forces"]).partition("<h2")[0]
    order = [
        "Synthetic data.",
        "People in the diverted group had proven reoffending within 12 months less often",
        "2.8 fewer in every 100 (95% interval 1.6 to 4.0 fewer)",
        "In words",
        "For every 100 typical people",
        "For whom",
        "How sure",
        "The comparison",
    ]
    places = [top.index(words) for words in order]
    assert places == sorted(places)


def test_the_question_is_the_subtitle(pages: dict[str, str]) -> None:
    assert (
        "Do people diverted from prosecution for drug possession reoffend less"
        in pages["forces"].partition("<main")[0]
    )


SECTIONS = [
    "In short",
    "Effect",
    "How people were compared",
    "How sure",
    "Methods",
    "Provenance and disclosure",
    "Glossary",
]


def test_sections_stand_in_order_and_forces_only_where_there_are_any(pages: dict[str, str]) -> None:
    def heads(name: str) -> list[str]:
        found = re.findall(r"<h2[^>]*>(.*?)</h2>", main_of(pages[name]), flags=re.DOTALL)
        return [re.sub(r"<[^>]+>", "", one).strip() for one in found]

    assert heads("person") == SECTIONS
    assert heads("stopped") == SECTIONS
    assert heads("forces") == [*SECTIONS[:3], "Over forces", *SECTIONS[3:]]


def test_a_study_of_real_people_has_no_synthetic_banner_and_no_truth(pages: dict[str, str]) -> None:
    assert "Synthetic data." not in pages["person"]
    assert "Truth (synthetic)" not in pages["person"]
    assert "Truth (synthetic)" in pages["forces"]


def test_naive_matched_and_truth_stand_side_by_side(pages: dict[str, str]) -> None:
    rows = re.search(r'<table id="tbl-gap-diverted".*?</table>', pages["forces"], flags=re.DOTALL)
    assert rows is not None
    order = [rows[0].index(w) for w in ("Before matching (naive)", "After matching", "Truth (synthetic)")]
    assert order == sorted(order)
    assert "but the one before matching (8.7 to 11.1 fewer) does not" in pages["forces"]


def test_a_hazard_ratio_never_stands_without_a_risk_or_a_mean(pages: dict[str, str]) -> None:
    for name in ("forces", "person"):
        for one in re.findall(r'<table id="tbl-times.*?</table>', pages[name], flags=re.DOTALL):
            assert "Hazard ratio" in one
            identifier = re.search(r'id="tbl-times-([^"]+)"', one)
            assert identifier is not None
            assert f'id="tbl-risks-{identifier[1]}"' in pages[name]


def test_both_exposures_are_named_and_kept_apart(pages: dict[str, str]) -> None:
    assert "Exposure of a person (FSATT)" in pages["forces"]
    assert "Exposure of a place (FSATT)" in pages["forces"]
    assert "are never combined" in pages["forces"]
    assert "never combined" not in pages["person"]


def test_a_failed_gate_leaves_diagnostics_and_no_effect(pages: dict[str, str]) -> None:
    page = main_of(pages["stopped"])
    assert "No effects on this page." in page
    assert "it is 0.230: not passed" in page
    assert 'id="fig-balance-diverted"' in page
    assert 'id="fig-overlap-diverted"' in page
    for word in ("Risk ratio", "Hazard ratio (", "fewer in every 100", "tbl-risks", "fig-curves"):
        assert word not in page


def test_an_overridden_gate_prints_its_reason_above_the_answer() -> None:
    reason = "The largest difference is in a trait that does not bear on the outcome."
    tables = dict(forces_findings().tables)
    tables["gates"] = pd.DataFrame(gate_rows("diverted", smd=0.12, override=reason) + gate_rows("scheme"))
    folder_study = study()
    made = assembled(folder_study, tables)

    class Held(Study):
        def __init__(self) -> None:
            from pdd_outcomes.report.reading import Reading

            self.reading = Reading(made)

    page = Held()
    assert page.has_effects
    assert "A gate was overridden." in page.notices()
    assert reason in page.notices()


def test_the_index_entry_and_the_metadata_are_plain_text(folders: dict[str, Path]) -> None:
    made = Study(folders["forces"])
    assert made.metadata() == {
        "title": "Police drug diversion in thirteen forces (synthetic)",
        "subtitle": "Do people diverted from prosecution for drug possession reoffend less than comparable people who were not?",
    }
    entry = made.entry()
    assert entry.synthetic
    assert entry.sentence == made.answer()
    assert entry.sentence.startswith("People in the diverted group")
    assert Study(folders["stopped"]).answer().startswith("Stopped at a gate")


def test_rendering_twice_gives_the_same_bytes(
    folders: dict[str, Path], pages: dict[str, str], tmp_path: Path
) -> None:
    again = render(
        page_source("study.qmd"),
        tmp_path / "again.html",
        parameters={"findings": str(folders["person"])},
        metadata=Study(folders["person"]).metadata(),
        engine="embedded",
        on_message=lambda _: None,
    )
    assert again.path.read_text(encoding="utf-8") == pages["person"]


def test_under_an_engine_parts_are_printed_and_empty_ones_leave_no_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QUARTO_DOCUMENT_PATH", "x")
    show("## One", "", "Two.")
    show("", " ")
    assert capsys.readouterr().out == "\n## One\n\nTwo.\n\n"


def test_a_page_that_does_not_exist_lists_those_that_do() -> None:
    assert page_source("theme.css").is_file()
    with pytest.raises(UsageError, match=r"study\.qmd"):
        page_source("nothing.qmd")


def test_months_and_days_name_the_same_times() -> None:
    from pdd_outcomes.report.reading import Reading

    days = Reading(forces_findings())
    assert [days.when(h) for h in days.horizons] == ["3 months", "12 months", "24 months", "36 months"]
    assert days.main_horizon == 365
    months = Reading(person_findings())
    assert [months.when(h) for h in months.horizons] == ["12 months", "24 months", "48 months", "60 months"]
    assert months.main_horizon == 12


def test_estimates_in_days_are_read_as_the_protocols_months() -> None:
    from pdd_outcomes.report.reading import Reading

    frame = person_findings()["estimates"]
    moved = frame.assign(
        horizon_days=frame["horizon_days"] * 365 / 12,
        interval_start_days=frame["interval_start_days"] * 365 / 12,
    )
    tables = dict(person_findings().tables) | {"estimates": moved}
    reading = Reading(assembled(person_findings().study, tables))
    assert reading.contrast(reading.lead, reading.main, 24.0).shown is not None
    assert reading.number(reading.lead, reading.main, "rmst_difference").horizon == 70  # type: ignore[union-attr]


def test_the_headline_analysis_leads_wherever_it_stands_in_the_plan() -> None:
    from pdd_outcomes.report.reading import Reading

    plan = study(analyses=[analysis(id="second", headline=False), analysis(id="first")])
    assert Reading(assembled(plan, {})).lead.id == "first"
