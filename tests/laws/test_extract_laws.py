"""Laws of the extract: no row is lost, none is changed, and neither the order of rows nor the file's format matters."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.errors import DataError
from pdd_outcomes.extract import CONTRACT, Extract, read_extract
from pdd_outcomes.extract.validate import validate
from pdd_outcomes.protocol import Protocol
from pdd_outcomes.worlds.parameters import Settings
from pdd_outcomes.worlds.synthetic import thirteen_forces

CUT = date(2023, 12, 31)
RUBBISH = ("", "quetzal", "2018-02-31", "1899-05-05", "2031-01-01", "-1", "99", "NA", "\x01")


@pytest.fixture(scope="module")
def world() -> dict[str, pd.DataFrame]:
    return thirteen_forces(5, people=2_000, settings=Settings(dirt=0.02)).tables


def spoilt(world: dict[str, pd.DataFrame], seed: int) -> dict[str, pd.DataFrame]:
    """The tables with rubbish in some cells of every column, and some rows twice."""
    rng = np.random.default_rng(seed)
    made = {}
    for name, table in world.items():
        frame = pd.concat([table, table.sample(3, random_state=seed)], ignore_index=True)
        for column in frame.columns:
            rows = rng.choice(len(frame), max(1, len(frame) // 200), replace=False)
            frame.loc[rows, column] = rng.choice(RUBBISH, len(rows))
        made[name] = frame
    return made


def checked(tables: dict[str, pd.DataFrame]) -> Extract:
    return validate(tables, cut=CUT, quarantine_limit=1.0)


def as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """A typed table written back as it was sent."""
    made = {}
    for name, column in frame.items():
        text = column.dt.strftime("%Y-%m-%d") if column.dtype.kind == "M" else column.astype(object)
        made[name] = text.astype(object).where(column.notna(), "").astype(str)
    return pd.DataFrame(made)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_row_is_kept_as_it_came_or_stands_in_the_quarantine(
    world: dict[str, pd.DataFrame], seed: int
) -> None:
    raw = spoilt(world, seed)
    extract = checked(raw)
    bad = extract.quarantine.groupby("table")["row"].agg(set)
    quality = extract.quality.set_index("table")
    for name in raw:
        table = CONTRACT[name]
        sent = raw[name][list(table.names)]
        held = np.array([i + 1 not in bad.get(name, set()) for i in range(len(sent))])
        assert list(quality.loc[name]) == [len(sent), held.sum(), 0, (~held).sum()]
        kept = sent.loc[held].reset_index(drop=True)
        pd.testing.assert_frame_equal(as_text(extract.tables[name])[list(kept)], kept, check_dtype=False)
        came = extract.rejected.get(name, raw[name].head(0))
        pd.testing.assert_frame_equal(
            came[list(raw[name])], raw[name].loc[~held].reset_index(drop=True), check_dtype=False
        )
    assert len(extract.quarantine) > 50


@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_kept_passes_again_without_a_breach(world: dict[str, pd.DataFrame], seed: int) -> None:
    once = checked(spoilt(world, seed))
    again = checked({name: as_text(frame) for name, frame in once.tables.items()})
    assert again.quarantine.empty


def test_the_order_of_rows_does_not_change_what_is_kept(world: dict[str, pd.DataFrame]) -> None:
    raw = spoilt(world, 4)
    mixed = {n: t.sample(frac=1, random_state=9).reset_index(drop=True) for n, t in raw.items()}
    one, two = checked(raw), checked(mixed)
    pd.testing.assert_frame_equal(one.quality, two.quality)
    for name in CONTRACT:
        a, b = (as_text(e.tables[name]) for e in (one, two))
        order = list(a.columns)
        pd.testing.assert_frame_equal(
            a.sort_values(order, ignore_index=True), b.sort_values(order, ignore_index=True)
        )


def test_columns_in_another_order_and_columns_nobody_asked_for_change_nothing(
    world: dict[str, pd.DataFrame],
) -> None:
    other = {n: t[list(t.columns)[::-1]].assign(remarks="quetzal") for n, t in world.items()}
    one, two = checked(world), checked(other)
    pd.testing.assert_frame_equal(one.quarantine, two.quarantine)
    for name in CONTRACT:
        pd.testing.assert_frame_equal(one.tables[name], two.tables[name])


def test_no_line_of_the_quarantine_repeats_a_cell(world: dict[str, pd.DataFrame]) -> None:
    raw = {n: t.astype(object).map(lambda v: f"canary {v}") for n, t in world.items()}
    said = checked(raw).quarantine.to_csv()
    assert "canary" not in said
    assert "SYN-" not in said


def protocol(**changes: Any) -> Protocol:
    plan = {
        "study": "a_study",
        "title": "A study",
        "question": "Does it help?",
        "version": "1",
        "data": {
            "shape": "event_tables",
            "source": "folder:data",
            "starts": date(2013, 1, 1),
            "cut": CUT,
            "quarantine_limit": 0.1,
        },
        "cohort": {
            "window": {"from": date(2018, 1, 1), "to": date(2019, 12, 31)},
            "offence_groups": ["possession_class_a", "possession_class_b"],
            "lookback_days": 1826,
            "comparator": {"label": "prosecuted", "outcome_codes": [1]},
        },
        "time_unit": "days",
        "horizons": [365],
        "tau": 365,
        "outcomes": [{"id": "again", "label": "reoffending", "kind": "proven", "main": True}],
        "analyses": [
            {
                "id": "main",
                "exposure": "person",
                "label": "Diverted against prosecuted",
                "treated_label": "Diverted",
                "control_label": "Prosecuted",
                "population": "Everyone",
                "headline": True,
                "design": {"covariates": ["age"]},
            }
        ],
    }
    return Protocol.model_validate(plan | changes)


def test_csv_and_parquet_of_one_world_make_one_extract(world: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    for name, table in world.items():
        (tmp_path / "csv").mkdir(exist_ok=True)
        (tmp_path / "mixed").mkdir(exist_ok=True)
        table.to_csv(tmp_path / "csv" / f"{name}.csv", index=False, encoding="utf-8-sig", lineterminator="\r\n")
        if name == "treatments":
            table.to_csv(tmp_path / "mixed" / f"{name}.csv", index=False)
        else:
            typed = table.assign(imd_decile=table["imd_decile"].astype("int8")) if name == "persons" else table
            typed.to_parquet(tmp_path / "mixed" / f"{name}.parquet")
    one, two = read_extract(protocol(), tmp_path / "csv"), read_extract(protocol(), tmp_path / "mixed")
    pd.testing.assert_frame_equal(one.quarantine, two.quarantine)
    for name in CONTRACT:
        pd.testing.assert_frame_equal(one.tables[name], two.tables[name])


def sent(world: dict[str, pd.DataFrame], folder: Path, *without: str) -> Path:
    for name, table in world.items():
        if name not in without:
            table.to_csv(folder / f"{name}.csv", index=False)
    return folder


def test_a_study_that_needs_treatments_is_not_run_as_if_nobody_had_any(
    world: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    folder = sent(world, tmp_path, "treatments", "exits")
    assert read_extract(protocol(), folder).tables["treatments"].empty
    entry = {"id": "again", "label": "entry into treatment", "kind": "treatment_entry", "main": True}
    with pytest.raises(DataError, match=r"treatments: the table is missing, and outcomes\.0\.kind cannot"):
        read_extract(protocol(outcomes=[entry]), folder)


def test_every_file_that_cannot_be_read_is_named_at_once(
    world: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    folder = sent(world, tmp_path)
    (folder / "persons.csv").write_bytes(b"")
    (folder / "exits.csv").write_bytes(b"person_id,exit_date,kind\nA\n")
    with pytest.raises(DataError) as stopped:
        read_extract(protocol(), folder)
    assert [p.split(":")[0] for p in stopped.value.problems] == ["persons.csv", "exits.csv"]


def test_an_offence_group_that_is_nowhere_in_the_data_is_warned_of_and_a_misspelt_one_refused(
    world: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    outcome = {"id": "again", "label": "reoffending", "kind": "proven", "main": True}
    absent = protocol(outcomes=[outcome | {"exclude_groups": ["arson"]}])
    with pytest.warns(UserWarning, match=r"outcomes\.0\.exclude_groups: \['arson'\] is the group of no"):
        read_extract(absent, sent(world, tmp_path))
    misspelt = protocol(outcomes=[outcome | {"exclude_groups": ["posession_class_a"]}])
    with pytest.raises(DataError, match=r"exclude_groups: .*Did you mean 'possession_class_a'"):
        read_extract(misspelt, tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"outcomes": {"groups": ["thefft"]}}, r"outcomes\.0\.groups: .* 'thefft'\. Did you mean 'theft'"),
        ({"histories": ["violense"]}, r"cohort\.histories\.0\.groups: .* 'violense'\. Did you mean 'violence'"),
    ],
)
def test_a_misspelt_group_of_an_outcome_or_a_history_is_refused(
    world: dict[str, pd.DataFrame], tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    plan = protocol().model_dump(by_alias=True)
    plan["outcomes"] = [{**plan["outcomes"][0], **changes.get("outcomes", {})}]
    for group in changes.get("histories", []):
        plan["cohort"]["histories"] = [{"id": "h", "label": "H", "groups": [group], "days": 365}]
    with pytest.raises(DataError, match=said):
        read_extract(Protocol.model_validate(plan), sent(world, tmp_path))
