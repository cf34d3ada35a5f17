"""The data-quality page: what it says, what it keeps to itself, and that it is there when it is needed most."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from pdd_outcomes.cli import main
from pdd_outcomes.extract.contract import CONTRACT
from pdd_outcomes.extract.dictionary import dictionary_text
from pdd_outcomes.extract.profile import kind_of_breach, profile
from pdd_outcomes.extract.validate import validate
from pdd_outcomes.report.figures.quality import low_months
from pdd_outcomes.stages.quality import breaches_by_rule
from tests.extracts import event_study, small_extract

CUT = date(2023, 12, 31)


def run(root: Path, *words: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.argv", ["pdd", *words, "--root", str(root)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def page_of(root: Path) -> str:
    return (root / "build" / "pdd_small" / "data-quality.html").read_text(encoding="utf-8")


def test_the_page_shows_every_part_and_no_value_of_a_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = small_extract(400)
    tables["offences"].loc[0, "person_id"] = "Nobody0001Canary"
    event_study(tmp_path, tables)
    assert run(tmp_path, "data", "pdd_small", monkeypatch=monkeypatch) == 0
    assert "data-quality.html" in capsys.readouterr().out
    page = page_of(tmp_path)
    assert re.findall(r"<h2>(.*?)</h2>", page) == [
        "What came",
        "What broke the contract",
        "Where every row went",
        "Against the contract",
        "Complete by force and month?",
        "Dates that look invented",
        "From offence to outcome",
    ]
    assert "Canary" not in page
    assert not re.search(r"\b(19|20)\d\d-\d\d-\d\d\b", page)
    assert "AAAA" not in page
    assert "Aaaaaa9999Aaaaaa" in page  # the form of the orphan's identity
    assert "under 10" in page


def test_the_page_is_there_when_too_many_rows_are_bad_and_the_run_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = small_extract()
    tables["offences"].loc[:60, "outcome_date"] = "31/01/2019"
    event_study(tmp_path, tables)
    assert run(tmp_path, "data", "pdd_small", monkeypatch=monkeypatch) == 4
    said = capsys.readouterr()
    assert "more than the protocol's quarantine_limit" in said.err
    page = page_of(tmp_path)
    assert "More than the tolerated 2.0% of the rows of offences broke the contract." in page
    assert "99/99/9999" in page
    assert "31/01/2019" not in page


def test_what_cannot_be_read_leaves_no_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = event_study(tmp_path, small_extract())
    (folder / "data" / "persons.csv").write_bytes(b"\xff\xfe\x00")
    assert run(tmp_path, "data", "pdd_small", monkeypatch=monkeypatch) == 4
    assert not (tmp_path / "build" / "pdd_small" / "data-quality.html").exists()


def profiled(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    return profile(tables, validate(tables, cut=CUT, quarantine_limit=1.0).tables)


def test_months_without_an_incident_are_rows_and_low_ones_are_found() -> None:
    tables = small_extract(3_000)
    alder = tables["disposals"]["force"] == "Alder"
    gone = alder & tables["disposals"]["incident_date"].str.startswith("2018-07")
    tables["disposals"] = tables["disposals"].loc[~gone].reset_index(drop=True)
    months = profiled(tables)["months"].set_index(["force", "month"])
    assert months.loc[("Alder", "2018-07"), "incidents"] == 0
    assert months["incidents"].sum() == len(tables["disposals"])
    low = low_months(months.reset_index())
    assert ("Alder", "2018-07") in set(zip(low["force"], low["month"]))
    assert len(low) <= 3  # and the last, of which there are few days


def test_delays_and_invented_days_are_counted() -> None:
    tables = small_extract()
    tables["persons"].loc[:29, "birth_date"] = "1980-01-01"
    found = profiled(tables)
    offences = tables["offences"].loc[tables["offences"]["outcome_type"] != "no_further_action"]
    took = (pd.to_datetime(offences["outcome_date"]) - pd.to_datetime(offences["offence_date"])).dt.days
    assert found["delays"]["n"].sum() == len(offences)
    assert found["delays"]["within_91"].sum() == (took <= 91).sum()
    assert found["delays"]["within_183"].sum() == len(offences)
    births = found["dates"].set_index(["table", "column"]).loc[("persons", "birth_date")]
    assert births["first_of_january"] >= 30


def test_columns_are_compared_with_the_contract() -> None:
    tables = small_extract()
    tables["persons"]["shoe_size"] = "9"
    tables["persons"].loc[:9, "ethnicity"] = ""
    found = profiled(tables)["columns"].set_index(["table", "column"])
    assert found.loc[("persons", "shoe_size"), "status"] == "not in the contract"
    assert found.loc[("offences", "report_date"), "status"] == "optional and absent"
    assert found.loc[("persons", "ethnicity"), ["status", "blank"]].tolist() == ["as agreed", 10]
    assert "hospital" not in found.index.get_level_values("table")


def test_every_rule_has_a_sort_and_breaches_are_counted_by_rule() -> None:
    tables = small_extract()
    tables["persons"].loc[0, "birth_date"] = ""
    tables["persons"].loc[1:3, "sex"] = "unknown"
    found = breaches_by_rule(validate(tables, cut=CUT, quarantine_limit=1.0).quarantine)
    sexes = found.loc[found["column"] == "sex"].iloc[0]
    assert sexes[["rows", "first", "value", "kind"]].tolist() == [3, "2, 3, 4", "aaaaaaa", "out of range"]
    assert set(found["kind"]) == {"missing", "out of range", "orphan"}
    assert kind_of_breach("holds control characters or is over 1,000 long") == "form"
    assert kind_of_breach("is in disposals with another person_id") == "orphan"


def test_the_dictionary_in_the_docs_is_the_contract() -> None:
    path = Path(__file__).parents[2] / "docs" / "data-dictionary.md"
    assert path.read_text(encoding="utf-8") == dictionary_text(), (
        "run `pdd dictionary > docs/data-dictionary.md`"
    )
    for table in CONTRACT.values():
        assert f"\n## {table.name}\n" in dictionary_text()
        for column in table.columns:
            assert f"| `{column.name}` |" in dictionary_text()
            assert column.meaning in dictionary_text()
    assert "| 22 | diversionary" in dictionary_text()


def test_the_dictionary_is_a_page_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["pdd", "dictionary", "--page", str(tmp_path / "dictionary.html")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    page = (tmp_path / "dictionary.html").read_text(encoding="utf-8")
    assert re.findall(r"<h2>(.*?)</h2>", page) == ["How to send data", *CONTRACT, "Outcome codes"]
    assert page.count("<caption") == len(CONTRACT) + 1
