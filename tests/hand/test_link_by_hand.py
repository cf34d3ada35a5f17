"""Linkage of a few people whose details are typed in: what agrees, what clashes, and that nothing of them is kept."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.errors import DataError, UsageError
from pdd_outcomes.extract.identity import IDENTIFIERS, prepared
from pdd_outcomes.extract.link import Linked, link_referrals
from pdd_outcomes.worlds.identities import draw_identities

CROWD = draw_identities(np.random.default_rng(3), 2_000)
KNOWN = {
    "person_id": "ME",
    "forename": "Zoë-Anne",
    "surname": "O'Quillam",
    "birth_date": "1988-03-09",
    "postcode": "GL16 3WY",
    "pnc_id": "2009/0398958A",
    "cro_number": "398965/09R",
}
PEOPLE = pd.concat([CROWD, pd.DataFrame([KNOWN])], ignore_index=True)
SOMEBODY = CROWD.iloc[17].to_dict()


def refer(*rows: dict[str, str]) -> pd.DataFrame:
    """Referrals R0, R1, ... of the person known, with some details otherwise."""
    made = [{**KNOWN, **row, "referral_id": f"R{i}"} for i, row in enumerate(rows)]
    return pd.DataFrame(made).drop(columns="person_id")


BLANK = {"pnc_id": "", "cro_number": ""}
LINKED = [
    {},
    {**BLANK},
    {"forename": "ZOE ANNE", "surname": "oquillam", **BLANK},
    {"forename": "O'Quillam", "surname": "Zoe-Anne", **BLANK},
    {"surname": "O'Quilam", **BLANK},
    {"birth_date": "1988-01-01", **BLANK},
    {"birth_date": "1988-03-08", **BLANK},
    {"postcode": "", **BLANK},
    {"postcode": "GL16", **BLANK},
    {"pnc_id": "09/398958A", "cro_number": "", "surname": "Smith"},
    {"pnc_id": "20090398958A", "cro_number": "", "birth_date": ""},
    {"pnc_id": "", "cro_number": "SF398965/09R", "postcode": "AB1 1AA"},
]


@pytest.fixture(scope="module")
def linked() -> Linked:
    return link_referrals(refer(*LINKED), PEOPLE, threshold=0.9)


@pytest.mark.parametrize("i", range(len(LINKED)))
def test_one_person_written_in_many_ways_is_one_person(linked: Linked, i: int) -> None:
    row = linked.links.set_index("referral_id").loc[f"R{i}"]
    assert row["person_id"] == "ME"
    assert row["how"] == (
        "names and dates" if LINKED[i].get("pnc_id", 1) == LINKED[i].get("cro_number", 2) == "" else "number"
    )


def test_a_number_with_another_name_and_date_of_birth_goes_to_a_clerk() -> None:
    other = {k: SOMEBODY[k] for k in ("forename", "surname", "birth_date", "postcode")}
    found = link_referrals(
        refer(
            {
                **other,
                "cro_number": "",
                "forename": "Xerxes",
                "surname": "Vanterpool",
                "birth_date": "1951-12-30",
            }
        ),
        PEOPLE,
    )
    assert found.links.empty
    row = found.review.iloc[0]
    assert (row["person_id"], row["why"]) == ("ME", "the number agrees, names and date of birth do not")
    assert row["pattern"].startswith("names not; date of birth not;")


def test_two_people_who_are_equally_likely_are_not_guessed_between() -> None:
    twin = pd.DataFrame([{**KNOWN, "person_id": "TWIN", **BLANK}, {**KNOWN, **BLANK}])
    found = link_referrals(refer({**BLANK}), pd.concat([CROWD, twin], ignore_index=True))
    assert found.links.empty
    assert sorted(found.review["person_id"]) == ["ME", "TWIN"]
    assert set(found.review["why"]) == {"people equally likely"}
    assert found.tidy().set_index("term")["estimate"].to_dict() == {"linked": 0, "review": 1, "unlinked": 0}


def test_every_referral_is_in_one_place_at_every_threshold(linked: Linked) -> None:
    for threshold in (0.5, 0.9, 0.99, 0.9999):
        cut = linked.at(threshold)
        parts = [
            set(cut.links["referral_id"]),
            set(cut.review["referral_id"]),
            set(cut.unlinked["referral_id"]),
        ]
        assert sum(map(len, parts)) == len(set.union(*parts)) == len(LINKED)
        assert not cut.links["referral_id"].duplicated().any()


def test_nothing_of_anybody_is_kept(linked: Linked) -> None:
    text = "".join(getattr(linked, name).to_csv() for name in ("links", "review", "unlinked", "candidates"))
    text += linked.thresholds().to_csv() + linked.tidy().to_csv() + repr(linked) + linked.alt_text()
    held = PEOPLE[list(IDENTIFIERS)].iloc[[-1, 0, 5, 17]].to_numpy().ravel()
    for value in [*held, "QUILLAM", "ZOEANNE", "GL163WY", "09/398958"]:
        assert str(value) not in text


def test_the_chart_shows_both_kinds_of_error(linked: Linked) -> None:
    from matplotlib import pyplot

    ax = linked.plot()
    assert [line.get_label() for line in ax.get_lines()] == ["linked and expected to be wrong", "missed"]
    pyplot.close("all")


def test_numbers_and_names_are_brought_into_one_form() -> None:
    table = pd.DataFrame(
        {
            "k": ["1", "2", "3", "4"],
            "forename": ["Łukasz", "-", "Anne Marie", "MARY"],
            "surname": ["d'Arcy", "", "Smith-Jones", "x"],
            "birth_date": ["1990-01-02", "02/01/1990", "", "1990-1-2"],
            "postcode": ["sw1a 1aa", "SW1A", "M1 1AE", "nowhere"],
            "pnc_id": ["1999/0000123K", "99/123K", "19990000123K", "99/123"],
        }
    )
    found = prepared(table, "k", "people")
    assert found["pnc"].tolist() == ["99/123"] * 4
    assert found["outcode"].tolist()[:3] == ["SW1A", "SW1A", "M1"]
    assert found["area"].isna().tolist() == [False, False, False, True]
    assert found["born"].isna().tolist() == [False, True, True, True]
    assert found["surname"].fillna("-").tolist() == ["DARCY", "-", "SMITHJONES", "X"]
    assert found["forename"].fillna("-").tolist() == ["UKASZ", "-", "ANNEMARIE", "MARY"]


@pytest.mark.parametrize(
    ("change", "options", "error", "said"),
    [
        (lambda r: r.drop(columns="surname"), {}, DataError, "referrals: column 'surname' is missing"),
        (lambda r: r.assign(referral_id="R0"), {}, DataError, "names more than one row"),
        (lambda r: r.assign(referral_id=["R0", " "]), {}, DataError, "is blank"),
        (lambda r: r.head(0), {}, DataError, "no rows"),
        (lambda r: r, {"threshold": 0.3}, UsageError, "at least 0.5"),
        (lambda r: r, {"threshold": 1.0}, UsageError, "below 1"),
        (lambda r: r, {"review": (0.9, 0.2)}, UsageError, "rise"),
    ],
)
def test_lists_and_settings_that_will_not_do_are_refused(change, options, error, said) -> None:
    with pytest.raises(error, match=said) as refused:
        link_referrals(change(refer({}, {})), PEOPLE, **options)
    assert "Quillam" not in str(refused.value)
