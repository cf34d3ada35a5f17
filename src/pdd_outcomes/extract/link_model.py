"""The comparison of two people's identifiers, and its fit with Splink on DuckDB."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from typing import Any

import pandas as pd

from ..core.errors import UsageError

# Levels of each comparison: name, SQL, and how often it is so for the same person (m) where too few pairs are at hand to learn
# it. The priors are round figures for lists typed by hand; with enough pairs they are learnt and the priors are not used.
ALIKE = 0.88  # Jaro-Winkler similarity of two spellings of a name
LEARN_FROM = 400  # referrals, below which the priors stand
_JW = "jaro_winkler_similarity({a}_l, {b}_r) >= " + str(ALIKE)
_SAME, _TURNED = ("forename", "surname"), ("surname", "forename")


def _both(pair: tuple[str, str], how: str) -> str:
    return " AND ".join(f"({how.format(a=a, b=b)})" for a, b in zip(("forename", "surname"), pair))


NAMES = (
    ("equal", _both(_SAME, "{a}_l = {b}_r"), 0.80),
    ("equal, swapped", _both(_TURNED, "{a}_l = {b}_r"), 0.04),
    ("alike", _both(_SAME, _JW), 0.10),
    ("alike, swapped", _both(_TURNED, _JW), 0.02),
    ("one equal", "forename_l = forename_r OR surname_l = surname_r OR forename_l = surname_r OR surname_l = forename_r", 0.03),
)  # fmt: skip
_FIRST = "substr({x}, 6) = '01-01'"
BORN = (
    (
        "year only",
        "substr(born_l, 1, 4) = substr(born_r, 1, 4) AND ("
        + " OR ".join(_FIRST.format(x=f"born_{side}") for side in "lr")
        + ")",
        0.06,
    ),
    ("equal", "born_l = born_r", 0.90),
    ("one mistake", "damerau_levenshtein(born_l, born_r) <= 1", 0.02),
)
PLACE = (
    ("postcode equal", "postcode_l = postcode_r", 0.75),
    ("district equal", "outcode_l = outcode_r", 0.05),
    ("area equal", "area_l = area_r", 0.05),
)
NUMBER = (("equal", "coalesce(pnc_l = pnc_r, false) OR coalesce(cro_l = cro_r, false)", 0.97),)
COMPARED = {
    "names": (NAMES, "forename_l IS NULL OR surname_l IS NULL OR forename_r IS NULL OR surname_r IS NULL"),
    "date of birth": (BORN, "born_l IS NULL OR born_r IS NULL"),
    "place": (PLACE, "area_l IS NULL OR area_r IS NULL"),
    "number": (NUMBER, "(pnc_l IS NULL OR pnc_r IS NULL) AND (cro_l IS NULL OR cro_r IS NULL)"),
}
BLOCKS = (
    "l.born = r.born",
    "l.pnc = r.pnc",
    "l.cro = r.cro",
    "l.surname = r.surname AND l.forename = r.forename",
    "l.surname = r.forename AND l.forename = r.surname",
    "l.surname = r.surname AND l.outcode = r.outcode",
    "l.forename = r.forename AND substr(l.born, 1, 4) = substr(r.born, 1, 4)",
    "l.surname = r.surname AND substr(l.born, 1, 4) = substr(r.born, 1, 4)",
    "substr(l.surname, 1, 3) = substr(r.surname, 1, 3) AND l.postcode = r.postcode",
)


def pairs(referrals: pd.DataFrame, people: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Pairs worth looking at, with the probability that they are one person, and what is to be known of the fit.

    Returns
    -------
    DataFrame
        referral_id, person_id, match_probability, and for each comparison the level that holds (-1: not comparable; 0: none
        of the levels; 1 is the last of them, as Splink numbers them)
    notes
        Sentences.
    """
    if find_spec("splink") is None:
        raise UsageError("linkage needs the package 'splink': pip install 'pdd-outcomes[link]'.")
    from splink import DuckDBAPI, Linker, SettingsCreator
    from splink.internals.exceptions import SplinkException

    base = DuckDBAPI(connection=":memory:")
    linker = Linker(
        [base.register(frame) for frame in (referrals, people)],
        SettingsCreator(
            link_type="link_only",
            comparisons=[_comparison(name) for name in COMPARED],
            blocking_rules_to_generate_predictions=[{"blocking_rule": rule} for rule in BLOCKS],
            # A referral is of somebody in the police records more often than not, and of one person only.
            probability_two_random_records_match=0.8 / max(len(people), 2),
            retain_matching_columns=True,
            retain_intermediate_calculation_columns=True,
        ),
        log_level=logging.CRITICAL,
    )
    linker.training.estimate_u_using_random_sampling(max_pairs=2e6, seed=seed)
    notes = []
    if len(referrals) < LEARN_FROM:
        notes.append(
            f"With {len(referrals)} referrals, how often the same person's details differ was not learnt from them: the model's "
            "priors for lists typed by hand stand."
        )
    else:
        for rule in ("l.born = r.born", "l.surname = r.surname AND l.forename = r.forename"):
            try:
                linker.training.estimate_parameters_using_expectation_maximisation(rule)
            except SplinkException as problem:
                notes.append(f"Nothing was learnt from pairs with {rule}: {type(problem).__name__}.")
    found: Any = linker.inference.predict(threshold_match_probability=1e-6)
    return _tidy(found.as_pandas_dataframe()), tuple(notes)


def _comparison(name: str) -> Any:
    from splink.comparison_level_library import CustomLevel, ElseLevel
    from splink.comparison_library import CustomComparison

    levels, incomparable = COMPARED[name]
    made: list[Any] = [CustomLevel(incomparable, "not comparable").configure(is_null_level=True)]
    for label, sql, m in levels:
        made.append(CustomLevel(sql, label).configure(m_probability=m))
    rest = 1 - sum(m for _, _, m in levels)
    made.append(ElseLevel().configure(m_probability=rest))
    return CustomComparison(made, output_column_name=name.replace(" ", "_"))


def _tidy(found: pd.DataFrame) -> pd.DataFrame:
    columns = {f"gamma_{name.replace(' ', '_')}": name for name in COMPARED}
    kept = ["unique_id_l", "unique_id_r", "match_probability", *columns]
    frame = found[kept].rename(columns={"unique_id_l": "referral_id", "unique_id_r": "person_id", **columns})
    return frame.sort_values(["referral_id", "person_id"], kind="stable", ignore_index=True)


def pattern(levels: pd.DataFrame) -> pd.Series[str]:
    """What agrees in each pair, in words, without a value: 'names alike; date of birth equal; place not; number not comparable'."""
    said = pd.Series("", index=levels.index, dtype=str)
    for name, (steps, _) in COMPARED.items():
        words = {-1: "not comparable", 0: "not"} | {
            len(steps) - i: label for i, (label, _, _) in enumerate(steps)
        }
        part = name + " " + levels[name].astype(int).map(words).astype(str)
        said = part if name == "names" else said + "; " + part
    return said
