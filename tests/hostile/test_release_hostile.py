"""Bad input to the release: one clear error that names the table, column and rows, and no value."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.errors import DisclosureError
from pdd_outcomes.release.findings import Findings, read_findings, write_findings
from pdd_outcomes.release.gate import release
from pdd_outcomes.release.provenance import provenance
from tests.disclosure.release_examples import SETTINGS, SHA, study, tables

Raw = dict[str, pd.DataFrame]


def set_cell(table: str, row: int, column: str, value: object) -> Callable[[Raw], None]:
    def change(raw: Raw) -> None:
        raw[table][column] = raw[table][column].astype(object)
        raw[table].loc[row, column] = value

    return change


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (set_cell("flow", 1, "n_out", 17), "flow: n_in - n_excluded is not n_out in 1 of 4 rows (row 1)"),
        (set_cell("flow", 1, "n_out", "Zebedee"), "flow: column 'n_out' does not hold values of kind 'number'"),
        (
            set_cell("matching", 2, "n_treated", 3),
            "matched_treated + dropped_treated is not n_treated in 1 of 4 rows (row 2)",
        ),
        (
            set_cell("quality", 0, "rows_in", 5999),
            "quality: rows_ok + rows_superseded + rows_quarantined is not rows_in in 1 of 2 rows",
        ),
        (
            set_cell("estimates", 3, "status", "fine"),
            "estimates: status is none of ['ok', 'not_estimable', 'withheld']",
        ),
        (set_cell("estimates", 3, "scale", "odds"), "estimates: scale is none of"),
        (
            set_cell("estimates", 0, "events_treated", 5000),
            "events_treated is more than n_treated in 1 of 24 rows (row 0)",
        ),
        (
            set_cell("estimates", 2, "design_sha", "Zebedee"),
            "column 'design_sha' holds something else than a hash in 1 of",
        ),
        (set_cell("balance", 1, "group", "Z"), "balance: the matching table does not say how many people"),
        (
            set_cell("gates", 0, "gate", "zebra"),
            "gates: the gate is neither of smd nor of ess in 1 of 2 rows (row 0)",
        ),
        (set_cell("gates", 0, "passed", None), "gates: column 'passed' does not hold values of kind 'bool'"),
        (set_cell("curves", 5, "n_risk", 3.0), "the numbers at risk, with an event and censored do not add up"),
        (set_cell("curves", 5, "time", 0.5), "times do not increase"),
    ],
)
def test_what_disclosure_control_relies_on_is_checked(spoil: Callable[[Raw], None], message: str) -> None:
    raw = tables()
    spoil(raw)
    with pytest.raises(DisclosureError) as caught:
        release(raw, study(), SETTINGS)
    assert message in str(caught.value)
    assert "Zebedee" not in str(caught.value)


def test_every_unknown_table_column_and_key_is_named_at_once() -> None:
    raw = tables()
    raw["estimate"] = raw["estimates"]
    raw["flow"] = raw["flow"].rename(columns={"n_excluded": "excluded"})
    raw["balance"]["person"] = 1
    with pytest.raises(DisclosureError) as caught:
        release(raw, study(), SETTINGS)
    text = str(caught.value)
    assert "table 'estimate' has no disclosure rule. Did you mean 'estimates'?" in text
    assert "flow: column 'excluded' has no disclosure rule. Did you mean 'n_excluded'?" in text
    assert "flow: column 'n_excluded' is missing." in text
    assert "balance: column 'person' has no disclosure rule." in text
    assert len(caught.value.problems) == 4


def test_an_unknown_or_missing_key_of_the_study_is_named() -> None:
    plan = study(author="Zebedee")
    del plan["limits"]
    plan["analyses"][0]["sponsor"] = "Zebedee"
    with pytest.raises(DisclosureError) as caught:
        release(tables(), plan, SETTINGS)
    assert set(caught.value.problems) == {
        "study: key 'author' has no schema.",
        "study: key 'limits' is missing.",
        "study.analyses.0: key 'sponsor' has no schema.",
    }


def test_infinite_limits_are_released_as_missing() -> None:
    raw = tables()
    raw["estimates"].loc[4, "conf_high"] = np.inf
    assert release(raw, study(), SETTINGS)[0]["estimates"]["conf_high"].isna()[4]


def test_a_folder_without_the_findings_says_which_files_are_missing(tmp_path: Path) -> None:
    with pytest.raises(
        DisclosureError, match=r"'study\.json' of the findings is missing\. Run the release stage"
    ) as caught:
        read_findings(tmp_path / "nowhere")
    assert len(caught.value.problems) > 10


def test_a_write_that_fails_leaves_the_old_findings_and_no_rubbish(tmp_path: Path) -> None:
    findings, _ = release(tables(), study(), SETTINGS)
    write_findings(tmp_path / "findings", findings)
    before = (tmp_path / "findings" / "flow.csv").read_bytes()
    broken = Findings({**findings.study, "tau": float("nan")}, findings.tables)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_findings(tmp_path / "findings", broken)
    assert (tmp_path / "findings" / "flow.csv").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["findings"]


def test_text_with_commas_quotes_and_lines_comes_back_as_it_was(tmp_path: Path) -> None:
    raw = tables()
    label = 'a, "b"\n<script>alert(1)</script> NA שלום'
    raw["flow"].loc[0, "label"] = label
    raw["flow"].loc[1, "label"] = "NA"
    write_findings(tmp_path / "findings", release(raw, study(), SETTINGS)[0])
    assert read_findings(tmp_path / "findings")["flow"]["label"].tolist()[:2] == [label, "NA"]


def test_provenance_holds_versions_and_hashes_and_no_path_or_clock() -> None:
    class Data:
        seed = 7

    class Plan:
        sha256 = SHA
        data = Data()

    packages = {"numpy": "2.4.6", "python": "3.11.2"}
    raw = {"outputs": {"folder/person.csv": SHA, "truth.csv": SHA}, "packages": packages, "rows": {}}
    first = provenance(Plan(), {"raw": raw, "extract": {"packages": packages}})
    again = provenance(Plan(), {"extract": {"packages": packages}, "raw": dict(reversed(raw.items()))})
    assert first == again
    assert first["inputs"] == {"person.csv": SHA, "truth.csv": SHA}
    assert first["packages"] == packages
    assert (first["seed"], first["protocol_sha"]) == (7, SHA)
    assert set(first["manifests"]) == {"raw", "extract"}
    assert "/" not in str(first)
