"""A world written part by part: typed files that obey the contract's keys, whatever the size of a part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pdd_outcomes.extract.contract import CONTRACT
from pdd_outcomes.worlds.dirt import slip
from pdd_outcomes.worlds.large import Files, draw_part, prepare, typed, write_world
from pdd_outcomes.worlds.parameters import Settings

PEOPLE, SEED = 1_000, 2
KINDS = {"date": pa.date32(), "whole": pa.int32(), "number": pa.float64(), "text": pa.string()}
CLEAN = Settings(dirt=0.0)


def written(folder: Path, chunk: int, settings: Settings = CLEAN) -> dict[str, pa.Table]:
    write_world(folder, people=PEOPLE, seed=SEED, settings=settings, chunk=chunk, sample=1_000)
    return {name: pq.read_table(folder / f"{name}.parquet") for name in (*CONTRACT, "truth_people")}


@pytest.fixture(scope="module", params=[1_000, 250, 333])
def tables(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    return written(tmp_path_factory.mktemp("world"), request.param)


def test_every_table_has_the_contracts_columns_and_types(tables: dict[str, pa.Table]) -> None:
    for name, table in CONTRACT.items():
        schema = tables[name].schema
        assert set(table.names) <= set(schema.names)
        for column in (c for c in table.columns if c.name in schema.names):
            assert schema.field(column.name).type == KINDS[column.kind], f"{name}.{column.name}"


def test_keys_are_of_one_row_and_references_of_another_table_are_found(tables: dict[str, pa.Table]) -> None:
    frames = {name: table.to_pandas() for name, table in tables.items()}
    assert len(frames["persons"]) == len(frames["truth_people"]) == PEOPLE
    assert set(frames["persons"]["person_id"]) == set(frames["truth_people"]["person_id"])
    for name, table in CONTRACT.items():
        assert not frames[name].duplicated(list(table.identity)).any(), name
        for column in (c for c in table.columns if c.name in frames[name]):
            values = frames[name][column.name]
            if column.required:
                assert values.notna().all()
                assert (values != "").all()
            if column.refers:
                other, key = column.refers.split(".")
                assert values.isin(frames[other][key]).all(), f"{name}.{column.name}"
            if column.not_before in frames[name]:
                early = values < frames[name][column.not_before]
                assert not early.loc[values.notna()].any()


def test_the_same_order_gives_the_same_rows_and_a_part_is_the_same_without_the_others(tmp_path: Path) -> None:
    one, two = (written(tmp_path / name, 400, Settings()) for name in ("one", "two"))
    assert all(one[name].equals(two[name]) for name in one)
    plan, _ = prepare(SEED, Settings(), 1_000)
    for name, frame in draw_part(plan, 2, 200):
        alone = typed(frame)
        assert alone.equals(one[name].slice(len(one[name]) - len(alone)).combine_chunks()), name


def test_rows_in_memory_are_those_of_one_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, int]] = []
    append = Files.append

    def noted(self: Files, name: str, frame: pd.DataFrame) -> None:
        seen.append((name, len(frame)))
        append(self, name, frame)

    monkeypatch.setattr(Files, "append", noted)
    written(tmp_path, 250)
    assert [n for name, n in seen if name == "persons"] == [250] * 4
    assert [n for name, n in seen if name == "schemes"] == [13]
    assert pq.ParquetFile(tmp_path / "offences.parquet").num_row_groups == 4


@pytest.mark.parametrize(
    "settings",
    [
        {"treatment_days": 60.0, "rollout": 12, "late_updates": 0.2, "reporting_delay_days": 100.0},
        {"dirt": 0.05, "typing_mistakes": dict.fromkeys(CONTRACT, 0.1), "duplicates": {"offences": 0.1}},
        {"death_rate": 0.0, "emigration_rate": 0.0, "custody_share": 0.0, "hospital_rate": 0.0},
    ],
)
def test_dirt_and_empty_tables_are_written_too(tmp_path: Path, settings: dict[str, Any]) -> None:
    tables = written(tmp_path, 250, Settings(**settings))
    for name, table in CONTRACT.items():
        for column in (c for c in table.columns if c.name in tables[name].schema.names):
            assert tables[name].schema.field(column.name).type == KINDS[column.kind]
    if "late_updates" in settings:
        assert tables["offences"].schema.field("recorded_on").type == pa.date32()
    if "typing_mistakes" in settings:
        assert tables["persons"]["birth_date"].null_count > 0, "what is no day is missing"


def test_text_that_is_no_day_or_no_number_is_missing_from_a_typed_column() -> None:
    text = pd.DataFrame(
        {
            "exit_date": ["2020-02-29", "2018-02-30", "", "20-01-2020", "20200-1-01"],
            "imd_decile": ["1", "", "x", "10", "2"],
            "severity": ["1.5", "", "1..5", "2", "0"],
            "kind": ["a", "", "b", "c", "d"],
        }
    )
    made = typed(text).to_pydict()
    assert [str(d) if d else d for d in made["exit_date"]] == ["2020-02-29", None, None, None, None]
    assert made["imd_decile"] == [1, None, None, 10, 2]
    assert made["severity"] == [1.5, None, None, 2.0, 0.0]
    assert made["kind"] == ["a", "", "b", "c", "d"]


@pytest.mark.parametrize("text", ["a", "1", "11", "aaaa", "2018-01-31", "SYN-I0000001", "White"])
def test_a_slip_of_the_keyboard_changes_the_text_by_one_stroke_and_never_to_nothing(text: str) -> None:
    rng = np.random.default_rng(1)
    slips = {slip(rng, text) for _ in range(200)}
    assert text not in slips
    assert "" not in slips
    for made in slips:
        assert abs(len(made) - len(text)) <= 1
        assert set(made) <= set(text)
