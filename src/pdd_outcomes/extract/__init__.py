"""Tables as they are sent, checked against a data contract."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ..core.errors import DataError
from ..protocol import Protocol
from .contract import CONTRACT
from .person_table import validate_person_table
from .read import find_table, read_text
from .validate import Extract, validate

__all__ = ["CONTRACT", "Extract", "read_extract"]


def read_extract(protocol: Protocol, folder: Path) -> Extract:
    """The study's tables, read from `folder` and checked.

    Event tables are ``<table>.csv`` or ``<table>.parquet`` for each table of the contract; a person table is the one
    file ``person.csv`` or ``person.parquet``.

    Raises
    ------
    DataError
        A file, table or column is missing or unreadable, or more rows break the contract than the protocol tolerates.
    """
    if protocol.data.shape == "person_table":
        path = find_table(folder, "person")
        if path is None:
            raise DataError("person: the folder holds neither person.csv nor person.parquet.")
        return validate_person_table(read_text(path), protocol)
    found = {name: path for name in CONTRACT if (path := find_table(folder, name)) is not None}
    raw: dict[str, pd.DataFrame] = {}
    problems: list[str] = []
    for name, path in found.items():
        try:
            raw[name] = read_text(path)
        except DataError as error:
            problems += error.problems
    if problems:
        raise DataError(problems)
    assert protocol.data.cut is not None
    return validate(raw, cut=protocol.data.cut, quarantine_limit=protocol.data.quarantine_limit)
