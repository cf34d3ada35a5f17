"""Invented names, dates of birth, postcodes and numbers, and a scheme's referral list with the mistakes that such lists have."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..core.columns import IntArray

# Common given names and syllables for surnames: no person is meant.
FORENAMES = [
    "JAMES",
    "JOHN",
    "DAVID",
    "MICHAEL",
    "DANIEL",
    "THOMAS",
    "JACK",
    "RYAN",
    "ADAM",
    "LIAM",
    "MOHAMMED",
    "ALI",
    "SARAH",
    "EMMA",
    "LAURA",
    "HANNAH",
    "AMY",
    "CHLOE",
    "JADE",
    "LUCY",
    "AISHA",
    "FATIMA",
    "PAUL",
    "MARK",
    "LEE",
    "CRAIG",
    "DEAN",
    "JASON",
    "KYLE",
    "CONNOR",
    "JORDAN",
    "NATHAN",
    "AARON",
    "KIERAN",
    "SHANE",
    "CARL",
    "DARREN",
    "WAYNE",
    "GARY",
    "STEVEN",
]
STARTS = [
    "ASH",
    "BAR",
    "CAL",
    "DEN",
    "EL",
    "FAIR",
    "GRAN",
    "HAL",
    "IN",
    "JAR",
    "KEL",
    "LANG",
    "MAR",
    "NOR",
    "OAK",
    "PEN",
    "RAD",
    "SAN",
    "TAN",
    "UP",
    "VAL",
    "WES",
    "YAR",
]
ENDS = [
    "BY",
    "COMBE",
    "DALE",
    "FIELD",
    "FORD",
    "HAM",
    "HURST",
    "LEY",
    "MAN",
    "MORE",
    "RIDGE",
    "SON",
    "STON",
    "TON",
    "WELL",
    "WICK",
    "WOOD",
    "WORTH",
]
AREAS = ["AB", "BD", "CV", "DN", "EX", "FY", "GL", "HX", "IP", "LS"]
LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ"


def draw_identities(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """n people: person_id, forename, surname, birth_date, postcode, pnc_id, cro_number, all text."""
    surnames = np.array([a + b for a in STARTS for b in ENDS])
    common = 1 / np.arange(1, len(surnames) + 1) ** 0.7
    forename = rng.choice(FORENAMES, n, p=_skew(len(FORENAMES), 0.5))
    born = np.datetime64("1950-01-01") + rng.integers(0, 365 * 54, n).astype("timedelta64[D]")
    year, serial = rng.integers(1990, 2021, n), rng.integers(1, 500_000, n)
    area = rng.choice(AREAS, n)
    return pd.DataFrame(
        {
            "person_id": [f"SYN-{i:07d}" for i in range(1, n + 1)],
            "forename": forename,
            "surname": rng.choice(surnames, n, p=common / common.sum()),
            "birth_date": born.astype(str),
            "postcode": [
                f"{a}{d} {k}{_letter(k + d)}{_letter(k * 7)}"
                for a, d, k in zip(area, rng.integers(1, 30, n).tolist(), rng.integers(1, 10, n).tolist())
            ],
            "pnc_id": [f"{y}/{s:07d}{_letter(s)}" for y, s in zip(year.tolist(), serial.tolist())],
            "cro_number": [
                f"{s:06d}/{y % 100:02d}{_letter(s + y)}" for y, s in zip(year.tolist(), (serial + 7).tolist())
            ],
        },
        dtype=str,
    )


def referral_list(
    rng: np.random.Generator,
    people: pd.DataFrame,
    chosen: IntArray,
    *,
    typo: float = 0.05,
    swapped: float = 0.03,
    january: float = 0.05,
    blank_number: float = 0.4,
    moved: float = 0.1,
    twice: float = 0.02,
) -> tuple[pd.DataFrame, pd.Series[str]]:
    """A scheme's list of the people of `chosen` rows, with mistakes at these rates, and who each referral really is.

    Parameters
    ----------
    typo : a letter of a name changed, lost or doubled, for each of the two names
    swapped : forename and surname in each other's place
    january : a date of birth that says 1 January of the year for want of a better one
    blank_number : no number of the police; those there are written in one of several ways
    moved : another postcode
    twice : people who are on the list a second time

    Returns
    -------
    referrals (referral_id, and the identifiers), and person_id by referral_id
    """
    rows = np.concatenate([chosen, rng.choice(chosen, round(twice * len(chosen)))]).astype(np.int64)
    rows = rng.permutation(rows)
    listed = people.iloc[rows].reset_index(drop=True)
    truth = listed["person_id"]
    n = len(listed)
    names = {c: [_mistyped(rng, v, typo) for v in listed[c]] for c in ("forename", "surname")}
    turned = rng.random(n) < swapped
    fore = np.where(turned, names["surname"], names["forename"])
    sur = np.where(turned, names["forename"], names["surname"])
    born = listed["birth_date"].where(rng.random(n) >= january, listed["birth_date"].str.slice(0, 4) + "-01-01")
    other = people["postcode"].to_numpy()[rng.integers(0, len(people), n)]
    blank = rng.random(n) < blank_number
    pnc = [_rewritten(v, int(k)) for v, k in zip(listed["pnc_id"], rng.integers(0, 3, n))]
    referrals = pd.DataFrame(
        {
            "referral_id": [f"R{i:06d}" for i in range(1, n + 1)],
            "forename": fore,
            "surname": sur,
            "birth_date": born,
            "postcode": np.where(rng.random(n) < moved, other, listed["postcode"]),
            "pnc_id": np.where(blank, "", pnc),
            "cro_number": np.where(blank | (rng.random(n) < 0.5), "", listed["cro_number"]),
        },
        dtype=str,
    )
    return referrals, pd.Series(truth.to_numpy(), index=referrals["referral_id"], name="person_id")


def _skew(k: int, power: float) -> np.ndarray:
    weight = 1 / np.arange(1, k + 1) ** power
    return np.asarray(weight / weight.sum())


def _letter(k: int) -> str:
    return LETTERS[k % len(LETTERS)]


def _mistyped(rng: np.random.Generator, name: str, rate: float) -> str:
    if rng.random() >= rate:
        return name
    at, kind = int(rng.integers(1, len(name))), int(rng.integers(3))
    return name[:at] + (LETTERS[int(rng.integers(len(LETTERS)))], "", name[at] * 2)[kind] + name[at + 1 :]


def _rewritten(pnc: str, way: int) -> str:
    """2015/0012345X, 15/12345X or 20150012345X."""
    year, _, rest = pnc.partition("/")
    return (pnc, f"{year[2:]}/{rest[:-1].lstrip('0')}{rest[-1]}", year + rest)[way]
