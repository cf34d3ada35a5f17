"""The figures of a page: captions that state the finding, alt text from the numbers, the table behind each."""

from __future__ import annotations

import pytest

from pdd_outcomes.report.figures.curves import at_risk_table, curves_picture, panels_picture
from pdd_outcomes.report.figures.design import love_picture, overlap_picture
from pdd_outcomes.report.figures.forces import forest_picture, gap_picture, pooled_measures
from pdd_outcomes.report.reading import Reading
from tests.report_fixture import forces_findings, person_findings, stopped_findings


@pytest.fixture(scope="module")
def forces() -> Reading:
    return Reading(forces_findings())


@pytest.fixture(scope="module")
def person() -> Reading:
    return Reading(person_findings())


def test_curves_state_both_risks_and_hold_the_months_behind_a_fold(forces: Reading) -> None:
    made = curves_picture(forces, forces.lead, forces.main)
    assert made is not None
    assert made.id == "fig-curves-diverted-reoffending"
    assert made.caption.startswith(
        "Within 12 months, 19.7% of the diverted group and 22.4% of the comparison group had proven reoffending."
    )
    assert "19.7% at 12 months" in made.html
    assert made.data.startswith("<details")
    assert made.data.count("<tr>") == 38  # a head and months 0 to 36


def test_curves_that_were_not_released_are_no_figure() -> None:
    reading = Reading(stopped_findings())
    assert curves_picture(reading, reading.lead, reading.main) is None
    assert panels_picture(reading, reading.lead, reading.main) is None
    assert at_risk_table(reading, reading.lead, reading.main) == ""


def test_numbers_at_risk_stand_under_the_curves_at_the_protocols_times(person: Reading) -> None:
    html = at_risk_table(person, person.lead, person.main)
    for head in ("Start", "12 months", "24 months", "48 months", "60 months"):
        assert f">{head}<" in html
    assert html.count('data-kind="count"') == 2 * 2 * 5


def test_balance_counts_the_covariates_that_are_out(forces: Reading) -> None:
    made = love_picture(forces, forces.lead)
    assert made is not None
    assert made.caption.startswith(
        "Before matching the groups differed by more than 0.1 standard deviations on 8 of 10 traits"
    )
    assert "Diverted, not matched" in made.data
    assert "[c]" in made.data


def test_balance_over_forces_shows_each_covariate_where_it_is_furthest_out(forces: Reading) -> None:
    made = love_picture(forces, forces.analyses[1])
    assert made is not None
    assert made.caption.endswith("Each row is the force where that trait is furthest out.")
    assert made.data.count('scope="rowgroup"') == 9


def test_overlap_says_how_much_the_groups_have_in_common(forces: Reading) -> None:
    made = overlap_picture(forces, forces.lead)
    assert made is not None
    assert made.caption.startswith(
        "The two groups' scores overlap by 49% before matching and 100% after matching."
    )
    assert "[c]" in made.data


def test_a_forest_shows_every_force_both_intervals_and_the_prediction(forces: Reading) -> None:
    scheme = forces.analyses[1]
    assert [m for m, _ in pooled_measures(forces, scheme, forces.main)] == ["risk_difference", "hazard_ratio"]
    made = forest_picture(forces, scheme, forces.main, "hazard_ratio", 1095.0)
    assert made is not None
    assert made.caption.startswith("Pooled over 9 forces: 0.88 (95% interval 0.77 to 1.01, Hartung-Knapp).")
    for word in ("Alder", "Rowan", "Pooled, Wald", "Pooled, Hartung-Knapp", "New force, predicted"):
        assert word in made.html
        assert word in made.data


def test_a_force_that_cannot_be_shown_is_a_grey_row_with_its_reason(forces: Reading) -> None:
    made = forest_picture(forces, forces.analyses[1], forces.outcomes[1], "risk_difference", 365.0)
    assert made is not None
    assert "withheld: fewer than 10 people in an arm" in made.html
    assert "Not estimable: 1." in made.html


def test_an_analysis_without_forces_has_no_forest(person: Reading) -> None:
    assert pooled_measures(person, person.lead, person.main) == []
    assert forest_picture(person, person.lead, person.main, "hazard_ratio", 60.0) is None


def test_the_gap_shows_naive_matched_and_truth(forces: Reading) -> None:
    made = gap_picture(forces, forces.lead, forces.main)
    assert made is not None
    assert made.caption.startswith(
        "Before matching, the gap was 9.9 fewer for every 100 people; between matched people it is 2.8"
    )
    assert "Truth (synthetic)" in made.html


def test_the_gap_of_real_people_has_no_truth(person: Reading) -> None:
    made = gap_picture(person, person.lead, person.main)
    assert made is not None
    assert "Truth" not in made.html
