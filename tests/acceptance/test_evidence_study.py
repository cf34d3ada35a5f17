"""A plan with every part goes from event tables to a page in the order of EMMIE; what cannot be estimated is said, not shown."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from pdd_outcomes.cli import _provider
from pdd_outcomes.report.page import Study as Page
from pdd_outcomes.stages.line import STAGES, run_stage
from pdd_outcomes.stages.study import open_study
from pdd_outcomes.worlds.parameters import Settings
from pdd_outcomes.worlds.synthetic import thirteen_forces
from tests.acceptance.projects import edit
from tests.extracts import event_study

PARTS = ("roll_out", "instrument", "mechanisms", "moderators", "implementation", "economics")
HEADINGS = (
    "## Over forces",
    "## Roll-out over time",
    "## Officers as an instrument",
    "## Mechanisms: what engagement adds",
    "## Moderators: for whom",
    "## Implementation: who is reached",
    "## Economics",
)


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    turned = Settings(rollout=12, officer_leniency=0.8, engagement_selection=0.4, officers=15)
    made = dict(thirteen_forces(11, 7_000, turned).tables)
    del made["hospital"]  # the plan has no use for it
    return made


def planned(root: Path, tables: dict[str, pd.DataFrame]) -> Path:
    folder = event_study(root, tables)
    plan = folder / "protocol.yaml"
    text = (
        plan.read_text(encoding="utf-8")
        .replace("max_smd: 0.1", "max_smd: 1")
        .replace("min_ess: 200", "min_ess: 5")
    )
    # fewer draws: what is tested is the line
    text = text.replace("control: not_yet}", "control: not_yet, replicates: 200}")
    text = text.replace("  costs: unit_costs.csv\n", "  costs: unit_costs.csv\n  replicates: 200\n")
    plan.write_text(text.replace("synthetic: true", "synthetic: false"), encoding="utf-8")
    edit(plan, "forces:\n", "forces:\n  replicates: 715\n")
    return folder


def released(root: Path, said: list[str] | None = None) -> tuple[Page, pd.DataFrame]:
    """Every stage up to release: the page's parts, and the evidence."""
    study = open_study(root, "pdd_small")
    log = (lambda _: None) if said is None else said.append
    for stage in STAGES:
        run_stage(study, stage, log=log, provider=_provider)
    findings = study.folder("release") / "findings"
    return Page(findings), pd.read_csv(findings / "evidence.csv", keep_default_na=False, na_values=[""])


@pytest.fixture(scope="module")
def complete(
    tmp_path_factory: pytest.TempPathFactory, tables: dict[str, pd.DataFrame]
) -> tuple[Page, pd.DataFrame]:
    root = tmp_path_factory.mktemp("complete")
    planned(root, tables)
    return released(root)


def words(page: Page) -> str:
    return "\n\n".join([page.forces(), *(getattr(page, part)() for part in PARTS)])


def test_every_part_has_its_heading_in_the_order_of_emmie(complete: tuple[Page, pd.DataFrame]) -> None:
    whole = "\n" + words(complete[0]).replace("\\", "")
    places = [whole.index(f"\n{heading} ") for heading in HEADINGS]
    assert places == sorted(places)


def test_every_section_has_estimates_and_every_row_its_status(complete: tuple[Page, pd.DataFrame]) -> None:
    evidence = complete[1]
    shown = evidence.loc[evidence["status"] == "ok", "section"]
    assert set(shown) == {"forces", "roll_out", "instrument", "engagement", "moderators", "equity", "economics"}
    untold = evidence.loc[evidence["status"] != "ok"]
    assert (untold["reason"] != "").all()
    numbers = ["estimate", "std_error", "conf_low", "conf_high", "p_value"]
    assert untold[numbers].isna().all(axis=None)


def test_the_cascade_falls_and_its_counts_are_those_of_the_records(
    complete: tuple[Page, pd.DataFrame], tables: dict[str, pd.DataFrame]
) -> None:
    rows = complete[1].query("section == 'engagement' and part == 'cascade' and by != by")  # a blank is missing
    assert rows["note"].tolist() == ["diverted", "assessed", "attended", "completed"]
    counts = rows["events_treated"].to_numpy()
    assert (counts[:-1] >= counts[1:]).all()
    assert rows["n_treated"].nunique() == 1


def test_days_between_stages_are_there_for_each_of_them(complete: tuple[Page, pd.DataFrame]) -> None:
    days = complete[1].query("section == 'engagement' and part == 'cascade_days' and status == 'ok'")
    assert days["note"].tolist() == ["diverted", "assessed", "attended", "completed"]
    assert days["estimate"].between(5, 60).all()


def test_a_number_counted_per_100_people_is_of_everyone_followed(complete: tuple[Page, pd.DataFrame]) -> None:
    rows = (
        complete[1]
        .query("section == 'economics' and part == 'count' and group == 'diversion'")
        .set_index("measure")
    )
    assert rows.loc["treated", "estimate"] == 100
    assert rows.loc["control", "estimate"] == 0


def test_a_plan_without_a_part_has_no_heading_for_it(
    tmp_path: Path, tables: dict[str, pd.DataFrame], complete: tuple[Page, pd.DataFrame]
) -> None:
    folder = planned(tmp_path, tables)
    plan = folder / "protocol.yaml"
    text = plan.read_text(encoding="utf-8")
    start, end = text.index("\nforces:\n"), text.index("\nrelease: ")
    plan.write_text(text[:start] + "\n" + text[end:], encoding="utf-8")
    page, evidence = released(tmp_path)
    assert evidence.empty
    assert all(getattr(page, part)() == "" for part in PARTS)
    assert "Chance between forces" not in page.forces()
    assert "Chance between forces" in complete[0].forces()


@pytest.fixture(scope="module")
def spoilt(
    tmp_path_factory: pytest.TempPathFactory, tables: dict[str, pd.DataFrame]
) -> tuple[Page, pd.DataFrame, list[str]]:
    """No officer, nobody who completes, a scheme force in which nobody reoffends, two comparison forces, a cost left out."""
    made = {name: table.copy() for name, table in tables.items()}
    made["disposals"] = made["disposals"].drop(columns="officer_id")
    made["contacts"] = made["contacts"].loc[made["contacts"]["stage"] != "completed"]
    gone = made["disposals"].loc[made["disposals"]["force"].isin(["Willow", "Yew"]), "person_id"]
    for name in ("persons", "disposals", "offences", "contacts", "treatments", "custody", "exits"):
        made[name] = made[name].loc[~made[name]["person_id"].isin(gone)]
    made["schemes"] = made["schemes"].loc[~made["schemes"]["force"].isin(["Willow", "Yew"])]
    quiet = made["disposals"].loc[made["disposals"]["force"] == "Elm", "person_id"]
    after = made["offences"]["offence_date"] >= "2018-01-01"
    made["offences"] = made["offences"].loc[~(made["offences"]["person_id"].isin(quiet) & after)]
    root = tmp_path_factory.mktemp("spoilt")
    folder = planned(root, made)
    costs = folder / "unit_costs.csv"
    costs.write_text(re.sub(r"custody_day.*\n", "", costs.read_text(encoding="utf-8")), encoding="utf-8")
    said: list[str] = []
    return *released(root, said), said


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ("instrument", "The records do not say which officer decided."),
        ("roll_out", "Fewer than three forces never have a scheme"),
        ("economics", "No total is given:"),
        ("mechanisms", "The people or outcomes that it needs are not there"),
        ("forces", "too few forces for a feature"),
    ],
)
def test_what_cannot_be_estimated_is_a_plain_statement(
    spoilt: tuple[Page, pd.DataFrame, list[str]], part: str, sentence: str
) -> None:
    page = spoilt[0]
    plain = re.sub(r"\\(.)", r"\1", getattr(page, part)())
    assert sentence in plain


def test_and_no_number_stands_where_there_is_none(spoilt: tuple[Page, pd.DataFrame, list[str]]) -> None:
    evidence = spoilt[1]
    ok = evidence.loc[evidence["status"] == "ok"]
    assert not (ok["section"] == "instrument").any()
    assert not ((ok["section"] == "roll_out") & (ok["part"] == "overall")).any()
    total = evidence.query("section == 'economics' and part == 'cost' and group == 'total'")
    assert total["estimate"].isna().all()
    assert total["status"].eq("not_estimable").all()
    # what has a unit cost keeps it
    assert (
        ok.query("section == 'economics' and part == 'cost' and group == 'reoffence'")["estimate"].notna().all()
    )
    assert not ok.query("section == 'forces' and part == 'left_out'")["group"].eq("Elm").any()


def test_the_log_of_the_run_says_what_a_page_does_not(spoilt: tuple[Page, pd.DataFrame, list[str]]) -> None:
    assert any(
        "engagement, contrast: completed='completed' has no row equal to 1" in line for line in spoilt[2]
    )


def test_a_file_of_unit_costs_that_is_not_there_stops_the_run(
    tmp_path: Path, tables: dict[str, pd.DataFrame]
) -> None:
    from pdd_outcomes.core.errors import DataError
    from pdd_outcomes.stages.economics import unit_costs

    folder = planned(tmp_path, tables)
    (folder / "unit_costs.csv").unlink()
    plan = open_study(tmp_path, "pdd_small").protocol.economics
    assert plan is not None
    with pytest.raises(
        DataError, match=re.escape("economics.costs: there is no file unit_costs.csv beside the protocol")
    ):
        unit_costs(folder, plan)
