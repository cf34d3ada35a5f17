"""Linkage of an invented referral list, where who is who is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.extract.link import Linked, link_referrals
from pdd_outcomes.worlds.identities import draw_identities, referral_list


@pytest.fixture(scope="module")
def drawn() -> tuple[pd.DataFrame, pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(12)
    people = draw_identities(rng, 12_000)
    chosen = rng.choice(len(people) - 500, 1_500, replace=False)
    referrals, truth = referral_list(rng, people, chosen)
    # A tenth are of people whom the police do not know.
    unknown, _ = referral_list(rng, draw_identities(np.random.default_rng(99), 5_000), np.arange(150))
    unknown["referral_id"] = "U" + unknown["referral_id"]
    listed = pd.concat([referrals, unknown], ignore_index=True)
    return listed, people, truth


@pytest.fixture(scope="module")
def linked(drawn: tuple[pd.DataFrame, pd.DataFrame, pd.Series]) -> Linked:
    return link_referrals(drawn[0], drawn[1], seed=1)


def quality(found: Linked, truth: pd.Series) -> tuple[float, float]:
    """Precision and recall of the links."""
    right = found.links["person_id"].to_numpy() == truth.reindex(found.links["referral_id"]).to_numpy()
    return float(right.mean()), float(right.sum() / len(truth))


def test_links_are_right_and_few_are_missed(linked: Linked, drawn: tuple[pd.DataFrame, ...]) -> None:
    """Measured: precision 1.000, recall 0.998."""
    precision, recall = quality(linked, drawn[2])
    assert precision >= 0.995
    assert recall >= 0.98


def test_people_whom_the_police_do_not_know_are_not_linked(linked: Linked) -> None:
    unknown = linked.links["referral_id"].str.startswith("U").sum()
    assert unknown <= 1
    assert linked.unlinked["referral_id"].str.startswith("U").sum() > 140


def test_expected_errors_are_of_the_size_of_the_true_ones(
    linked: Linked, drawn: tuple[pd.DataFrame, ...]
) -> None:
    table = linked.thresholds([0.5, 0.95])
    for row in table.itertuples():
        cut = linked.at(row.threshold)
        wrong = len(cut.links) * (1 - quality(cut, drawn[2])[0])
        assert row.expected_false < 5
        assert wrong <= row.expected_false + 5
    assert table["n_linked"].is_monotonic_decreasing
    assert table["expected_missed"].is_monotonic_increasing


def test_few_referrals_are_linked_by_the_priors_and_it_is_said(drawn: tuple[pd.DataFrame, ...]) -> None:
    found = link_referrals(drawn[0].head(60), drawn[1], seed=1)
    assert "priors" in found.notes[0]
    precision, recall = quality(found, drawn[2].head(60))
    assert precision >= 0.98
    assert recall >= 0.93


def test_names_and_dates_alone_link_too(drawn: tuple[pd.DataFrame, ...]) -> None:
    """Without any number of the police; measured: precision 1.000, recall 0.993."""
    bare = drawn[0].drop(columns=["pnc_id", "cro_number"])
    precision, recall = quality(link_referrals(bare, drawn[1], seed=1), drawn[2])
    assert precision >= 0.99
    assert recall >= 0.97


def test_the_order_of_the_rows_decides_nothing(linked: Linked, drawn: tuple[pd.DataFrame, ...]) -> None:
    mixed = [t.sample(frac=1, random_state=3).reset_index(drop=True) for t in drawn[:2]]
    again = link_referrals(*mixed, seed=1)
    for name in ("links", "review", "unlinked"):
        pd.testing.assert_frame_equal(getattr(linked, name), getattr(again, name), check_exact=False, rtol=1e-9)
