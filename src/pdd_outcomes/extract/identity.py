"""Identifiers brought into one form before they are compared: names, dates of birth, postcodes, numbers of the police."""

from __future__ import annotations

import unicodedata

import pandas as pd

from ..core.errors import DataError, did_you_mean, rows_phrase

IDENTIFIERS = ("forename", "surname", "birth_date", "postcode", "pnc_id", "cro_number")
NEEDED = ("forename", "surname", "birth_date")


def prepared(table: pd.DataFrame, key: str, what: str) -> pd.DataFrame:
    """The table in one form, sorted by its key: unique_id, forename, surname, full_name, born, postcode, outcode, area, pnc, cro.

    What is blank or has no meaning is null. Names are capital letters without accents, spaces and signs; PNC and CRO numbers
    are the year and the serial number, the core that all ways of writing them share.

    Raises
    ------
    DataError
        A column is missing, or a key is blank or occurs twice.
    """
    have = [str(c) for c in table.columns]
    problems = [
        f"{what}: column {name!r} is missing.{did_you_mean(name, have)}"
        for name in (key, *NEEDED)
        if name not in have
    ]
    if problems:
        raise DataError(problems)
    ids = table[key].astype(object).where(table[key].notna(), "").astype(str).str.strip().reset_index(drop=True)
    for bad, rule in (
        (ids == "", "is blank"),
        (ids.duplicated(keep=False) & (ids != ""), "names more than one row"),
    ):
        if bad.any():
            rows = bad.to_numpy().nonzero()[0].tolist()
            problems.append(f"{what}: {key} {rule} in {rows_phrase(rows, len(ids))}. Give every row its own.")
    if problems:
        raise DataError(problems)
    text = {name: _text(table, name) for name in IDENTIFIERS}
    postcode = text["postcode"].str.upper().str.replace(r"[^A-Z0-9]", "", regex=True)
    whole = postcode.str.extract(r"^([A-Z]{1,2})([0-9][0-9A-Z]?)([0-9][A-Z]{2})?$")
    forename, surname = (_name(text[name]) for name in ("forename", "surname"))
    made = pd.DataFrame(
        {
            "unique_id": ids,
            "forename": forename,
            "surname": surname,
            "full_name": forename + " " + surname,
            "born": text["birth_date"].where(text["birth_date"].str.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")),
            "postcode": postcode.where(whole[2].notna()),
            "outcode": whole[0] + whole[1],
            "area": whole[0],
            "pnc": _core(text["pnc_id"], r"^(?:[0-9]{2})?([0-9]{2})/?0*([0-9]+)[A-Z]?$"),
            "cro": _core(text["cro_number"], r"^(?:SF)?0*([0-9]+)/([0-9]{2})[A-Z]?$"),
        }
    )
    return made.sort_values("unique_id", kind="stable", ignore_index=True).astype(object)


def _text(table: pd.DataFrame, name: str) -> pd.Series[str]:
    if name not in table:
        return pd.Series("", index=range(len(table)), dtype=str)
    column = table[name].reset_index(drop=True).astype(object)
    return column.where(column.notna(), "").astype(str).str.strip()


def _name(text: pd.Series[str]) -> pd.Series[str]:
    plain = text.map(lambda v: unicodedata.normalize("NFKD", v).encode("ascii", "ignore").decode())
    letters = plain.str.upper().str.replace(r"[^A-Z]", "", regex=True)
    return letters.where(letters != "")


def _core(text: pd.Series[str], form: str) -> pd.Series[str]:
    """Year and serial number as one text; null where it is not of that form."""
    tidy = text.str.upper().str.replace(" ", "", regex=False)
    # A PNC number without its slash is the year in full, then seven digits.
    tidy = tidy.str.replace(r"^(?:19|20)([0-9]{2})([0-9]{7})([A-Z]?)$", r"\1/\2\3", regex=True)
    parts = tidy.str.extract(form)
    return parts[0] + "/" + parts[1]
