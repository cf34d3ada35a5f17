"""Three hundred spoilt extracts: each ends in a message, or every row of it is accounted for; none is taken as it was not sent.

A mutation is of one file. It either makes the file unreadable as a table, or takes a column or the table away (the extract
must then be refused by name), or spoils some cells (their rows must be in quarantine), or changes nothing that matters.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.errors import DataError
from pdd_outcomes.extract import read_extract
from pdd_outcomes.extract.contract import CONTRACT
from pdd_outcomes.protocol import load_protocol
from tests.extracts import small_extract, write_extract

ROOT = Path(__file__).parents[2]
PLAN = load_protocol(ROOT / "analyses" / "pdd_thirteen_forces" / "protocol.yaml")
LENIENT = PLAN.model_copy(update={"data": PLAN.data.model_copy(update={"quarantine_limit": 1.0})})
TABLES = small_extract()
NAMES = list(TABLES)
NEEDED = [n for n in NAMES if not CONTRACT[n].optional]
CELLS = {
    "1900-01-01": "date", "1900-01-00": "date", "9999-12-31": "date", "43264": "date", "31/12/2019": "date",
    "2019-13-01": "date", "2019-02-30": "date", "2019-1-1": "date", "20190101": "date", "2019-01-01T00:00": "date",
    "": "key", "=HYPERLINK(1)": "key", "\x00": "any", "a\x07b": "any", "\x1b[31m": "any",
    "-1": "whole", "1.5": "whole", "1e3": "whole", "٣": "whole", "999999999999999999": "whole", "NaN": "whole",
    "x" * 100_000: "any", "+1+1": "key", "@sum(a)": "key", "-cmd|x": "key",
}  # fmt: skip
Mutation = tuple[str, Callable[[Path, np.random.Generator], set[tuple[str, int]] | None]]


def _column(table: str, kind: str) -> str | None:
    """A column of that kind that must be filled, the key where the kind is the key."""
    if kind in ("key", "any"):
        return CONTRACT[table].key
    fits = [c.name for c in CONTRACT[table].columns if c.kind == kind and c.required and not c.optional]
    return fits[0] if fits else None


def _put(folder: Path, name: str, table: pd.DataFrame) -> None:
    table.to_csv(folder / f"{name}.csv", index=False)


def cell(name: str, value: str, kind: str) -> Mutation:
    def spoil(folder: Path, rng: np.random.Generator) -> set[tuple[str, int]]:
        column = _column(name, kind)
        assert column is not None
        table = TABLES[name].copy()
        row = int(rng.integers(len(table)))
        table.loc[row, column] = value
        _put(folder, name, table)
        return {(name, row + 1)}

    return f"{name}: {kind} {value[:12]!r}", spoil


def refused(what: str, change: Callable[[Path], None]) -> Mutation:
    def spoil(folder: Path, rng: np.random.Generator) -> None:
        change(folder)

    return what, spoil


def rewrite(folder: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    path = folder / f"{name}.csv"
    path.write_bytes(change(path.read_bytes()))


def unreadable() -> list[Mutation]:
    made = []
    for name in NAMES:
        made += [
            refused(f"{name}: UTF-16", lambda f, n=name: rewrite(f, n, lambda b: b.decode().encode("utf-16"))),
            refused(
                f"{name}: Latin-1",
                lambda f, n=name: rewrite(f, n, lambda b: b.replace(b"Canary", b"C\xe9nary", 1)),
            ),
            refused(f"{name}: semicolons", lambda f, n=name: rewrite(f, n, lambda b: b.replace(b",", b";"))),
            refused(f"{name}: tabs", lambda f, n=name: rewrite(f, n, lambda b: b.replace(b",", b"\t"))),
            refused(f"{name}: nothing", lambda f, n=name: rewrite(f, n, lambda b: b"")),
            refused(f"{name}: a short row", lambda f, n=name: rewrite(f, n, lambda b: b + b"x\n")),
            refused(f"{name}: a long row", lambda f, n=name: rewrite(f, n, lambda b: b + b"x," * 30 + b"\n")),
            refused(f"{name}: a quote left open", lambda f, n=name: rewrite(f, n, lambda b: b + b'"x,')),
            refused(f"{name}: no header", lambda f, n=name: rewrite(f, n, lambda b: b.partition(b"\n")[2])),
            refused(f"{name}: a column twice", lambda f, n=name: _twice(f, n)),
            refused(f"{name}: cut-short Parquet", lambda f, n=name: _cut(f, n)),
            refused(f"{name}: capital names", lambda f, n=name: rewrite(f, n, _capitals)),
            refused(
                f"{name}: a cell of 10 MB", lambda f, n=name: rewrite(f, n, lambda b: b + b"x" * 10_000_000)
            ),
            refused(f"{name}: a column gone", lambda f, n=name: _put(f, n, TABLES[n].iloc[:, 1:])),
            refused(f"{name}: in two files", lambda f, n=name: TABLES[n].to_parquet(f / f"{n}.parquet")),
        ]
        if name in NEEDED:
            made += [
                refused(f"{name}: gone", lambda f, n=name: (f / f"{n}.csv").unlink()),
                refused(f"{name}: no rows", lambda f, n=name: _put(f, n, TABLES[n].head(0))),
            ]
    return [m for m in made if m[0] != "schemes: Latin-1"]  # it holds no such letter to spoil


def _capitals(content: bytes) -> bytes:
    header, _, rest = content.partition(b"\n")
    return header.upper() + b"\n" + rest


def _twice(folder: Path, name: str) -> None:
    rewrite(folder, name, lambda b: b.replace(b",", b",person_id,person_id,", 1))


def _cut(folder: Path, name: str) -> None:
    (folder / f"{name}.csv").unlink()
    path = folder / f"{name}.parquet"
    TABLES[name].to_parquet(path)
    path.write_bytes(path.read_bytes()[:-40])


def cells() -> list[Mutation]:
    made = []
    for name in NAMES:
        for value, kind in CELLS.items():
            if _column(name, kind) is not None:
                made.append(cell(name, value, kind))
    # A blank force, or a made-up one, would be a force of its own: the rows that name the old one are orphans then.
    return [m for m in made if not m[0].startswith("schemes")]


def rows() -> list[Mutation]:
    made: list[Mutation] = []
    for name in NAMES:
        if name == "schemes":
            continue
        key = CONTRACT[name].key

        def twice(folder: Path, rng: np.random.Generator, name: str = name) -> set[tuple[str, int]]:
            table = pd.concat([TABLES[name], TABLES[name].iloc[[2]]], ignore_index=True)
            _put(folder, name, table)
            return {(name, len(table))}

        def clash(
            folder: Path, rng: np.random.Generator, name: str = name, key: str = key
        ) -> set[tuple[str, int]]:
            table = TABLES[name].copy()
            identity = list(CONTRACT[name].identity)
            table.loc[1, identity] = table.loc[0, identity]
            _put(folder, name, table)
            return {(name, 1), (name, 2)}

        made += [(f"{name}: a row twice", twice), (f"{name}: two rows of one key", clash)]
        if "person_id" in TABLES[name] and name != "persons":

            def orphan(folder: Path, rng: np.random.Generator, name: str = name) -> set[tuple[str, int]]:
                table = TABLES[name].copy()
                table.loc[0, "person_id"] = "Nobody"
                _put(folder, name, table)
                return {(name, 1)}

            made.append((f"{name}: an orphan", orphan))
        dates = [c.name for c in CONTRACT[name].columns if c.kind == "date" and not c.optional]
        texts = [c.name for c in CONTRACT[name].columns if c.kind == "text" and c.allowed]
        if dates and texts:

            def swapped(
                folder: Path, rng: np.random.Generator, name: str = name, a: str = dates[0], b: str = texts[0]
            ) -> set[tuple[str, int]]:
                table = TABLES[name].rename(columns={a: b, b: a})
                _put(folder, name, table)
                return {(name, row + 1) for row in range(len(table))}

            made.append((f"{name}: two columns swapped", swapped))
    return made


def harmless() -> list[Mutation]:
    made: list[Mutation] = []
    for name in NAMES:
        for what, change in (
            ("a byte order mark", lambda b: b"\xef\xbb\xbf" + b),
            ("Windows line ends", lambda b: b.replace(b"\n", b"\r\n")),
            ("blank lines at the end", lambda b: b + b"\n\n"),
            ("spaces around values", lambda b: b.replace(b",", b" , ")),
        ):

            def spoil(
                folder: Path,
                rng: np.random.Generator,
                name: str = name,
                change: Callable[[bytes], bytes] = change,
            ) -> set[tuple[str, int]]:
                rewrite(folder, name, change)
                return set()

            made.append((f"{name}: {what}", spoil))
    return made


MUTATIONS = [*unreadable(), *cells(), *rows(), *harmless()]


def test_there_are_three_hundred_of_them() -> None:
    assert len(MUTATIONS) >= 300
    assert len({name for name, _ in MUTATIONS}) == len(MUTATIONS)


def test_the_extract_itself_is_without_fault(tmp_path: Path) -> None:
    assert read_extract(PLAN, write_extract(tmp_path, TABLES)).quarantine.empty


@pytest.mark.parametrize(("what", "spoil"), MUTATIONS, ids=[name for name, _ in MUTATIONS])
def test_a_spoilt_extract_is_refused_in_words_or_accounted_for_row_by_row(
    what: str, spoil: Callable[[Path, np.random.Generator], set[tuple[str, int]] | None], tmp_path: Path
) -> None:
    folder = write_extract(tmp_path, TABLES)
    bad = spoil(folder, np.random.default_rng(len(what)))
    name = what.partition(":")[0]
    if bad is None:
        with pytest.raises(DataError) as refusal:
            read_extract(LENIENT, folder)
        assert any(name in problem for problem in refusal.value.problems)
        assert not any("Canary" in problem for problem in refusal.value.problems)
        return
    extract = read_extract(LENIENT, folder)
    quality = extract.quality.set_index("table")
    sums = quality["rows_ok"] + quality["rows_superseded"] + quality["rows_quarantined"]
    assert (quality["rows_in"] == sums).all()
    assert "Canary" not in extract.quarantine.to_csv()
    found = set(zip(extract.quarantine["table"], extract.quarantine["row"]))
    assert bad <= found
    others = {table for table, _ in found - bad}
    assert name not in others or what.endswith("two rows of one key")
    assert bad or not found
    for table in set(quality.index) - {name} - others:
        assert quality.loc[table, "rows_in"] == quality.loc[table, "rows_ok"] == len(TABLES[table])
