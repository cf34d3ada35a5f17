"""The sections of evidence on the page: what each sentence says by direction, certainty and what is missing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from pdd_outcomes.release.evidence import release_evidence
from pdd_outcomes.release.findings import TABLES, typed
from pdd_outcomes.report.items import Item, items, shown, why_not
from pdd_outcomes.report.reading import Reading
from pdd_outcomes.report.sections import (
    economics,
    few_forces,
    implementation,
    instrument,
    mechanisms,
    moderators,
    roll_out,
)
from pdd_outcomes.report.sections.evidence import glossary
from pdd_outcomes.stages.evidence_rows import Row, Section, evidence_frame
from tests.disclosure.test_release_evidence import Settings
from tests.report_fixture import forces_findings

RISK = ("risk_difference", "difference")
PEOPLE = {"n_treated": 2_000, "n_control": 2_000, "events_treated": 500, "events_control": 560}


def released(*rows: Row) -> pd.DataFrame:
    """Rows put through the gate, as a page gets them."""
    frame = release_evidence(evidence_frame(rows), Settings())
    return typed(frame.assign(suppressed=""), TABLES["evidence"])


def reading(*rows: Row) -> Reading:
    findings = forces_findings()
    return Reading(replace(findings, tables={**findings.tables, "evidence": released(*rows)}))


def of(section: str) -> Section:
    return Section(section, "diverted", "reoffending", 365.0)


def risk(section: str, part: str, low: float, high: float, **more: Any) -> Row:
    middle = {
        "estimate": (low + high) / 2,
        "conf_low": low,
        "conf_high": high,
        "p_value": 0.01 if low * high > 0 else 0.4,
    }
    return of(section).risk(part, **{**PEOPLE, **middle, **more})


def plain(markdown: str) -> str:
    """Text without markup: what a reader reads."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"\\(.)", r"\1", markdown)))


def one(*rows: Row) -> list[Item]:
    return items(released(*rows))


SECTIONS: list[Callable[[Reading], str]] = [
    roll_out.roll_out,
    instrument.instrument,
    mechanisms.mechanisms,
    moderators.moderators,
    implementation.implementation,
    economics.economics,
]


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_that_the_study_does_not_have_is_empty(section: Callable[[Reading], str]) -> None:
    assert section(reading()) == ""


# -- few forces


def method(place: int, low: float, high: float) -> Row:
    names = ("Counting people alone", "Force means, t test", "Wild cluster bootstrap")
    return risk("forces", "inference", low, high, group=names[place], place=place, units=13)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [(0, -0.04, -0.02), (1, -0.06, 0.01), (2, -0.07, 0.01)],
            "What looks settled by counting people is not settled",
        ),
        (
            [(0, -0.04, -0.02), (1, -0.06, -0.01), (2, -0.07, 0.01)],
            "By wild cluster bootstrap the direction is then not settled",
        ),
        ([(0, -0.04, -0.02), (1, -0.06, -0.01)], "The direction stays settled"),
        ([(0, -0.02, 0.02), (1, -0.06, 0.01)], "The direction is not settled either way"),
        ([(1, -0.06, 0.01)], "Chance between forces could not be counted"),
    ],
)
def test_whether_counting_forces_changes_the_verdict(rows: list[tuple[int, float, float]], said: str) -> None:
    assert said in few_forces.few_words(reading(), one(*(method(*row) for row in rows)))


@pytest.mark.parametrize(
    ("spans", "said"),
    [
        ([(-0.05, -0.01)] * 4, "every interval leaves out 0"),
        ([(-0.05, 0.01)] * 4, "no interval leaves out 0"),
        ([(-0.05, -0.01), (-0.05, 0.01), (-0.05, 0.01)], "without A the interval leaves out 0"),
        ([(-0.05, 0.01), (-0.05, -0.01), (-0.05, -0.01)], "without A the interval includes 0"),
    ],
)
def test_whether_a_single_force_decides(spans: list[tuple[float, float]], said: str) -> None:
    rows = [
        of("forces").risk(
            "left_out", group="ABCD"[k], units=8, estimate=sum(s) / 2, conf_low=s[0], conf_high=s[1]
        )
        for k, s in enumerate(spans)
    ]
    assert said in few_forces.left_out_words(one(*rows))


# -- roll-out


@pytest.mark.parametrize(
    ("span", "said"),
    [((-0.05, -0.01), "for every 100 people (−5.0 to −1.0)."), ((-0.05, 0.02), "the direction is not settled")],
)
def test_the_average_effect_of_a_roll_out(span: tuple[float, float], said: str) -> None:
    assert said in roll_out.headline_words(one(risk("roll_out", "overall", *span, place=0)))


def test_too_few_forces_for_an_interval_is_said() -> None:
    row = of("roll_out").risk("overall", place=0, estimate=-0.03, **PEOPLE)
    assert "too few forces for an interval" in roll_out.headline_words(one(row))
    assert roll_out.headline_words([]) == "No average effect is given."


def event(at: float, low: float, high: float) -> Row:
    return risk("roll_out", "event", low, high, place=at, band_low=low - 0.01, band_high=high + 0.01, units=9)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([event(-3, -0.02, 0.03), event(0, -0.05, -0.01)], "include 0. That is no proof of parallel trends"),
        ([event(-3, 0.03, 0.09), event(0, -0.05, -0.01)], "already moving apart (3 before)"),
        ([event(0, -0.05, -0.01)], "Too few forces are seen before their start"),
    ],
)
def test_what_came_before_the_start(rows: list[Row], said: str) -> None:
    assert said in roll_out.trend_words(one(*rows))


def test_two_way_fixed_effects_stand_beside_with_the_weight_that_makes_them_mislead() -> None:
    rows = [
        risk("roll_out", "overall", -0.06, -0.02, place=0, group="Group-time, averaged over forces"),
        risk("roll_out", "overall", -0.03, 0.01, place=2, group="Two-way fixed effects"),
        of("roll_out").row(
            "bacon", "estimate", "difference", group="treated vs never", place=0.6, estimate=-0.03, **PEOPLE
        ),
        of("roll_out").row(
            "bacon", "estimate", "difference", group="vs always treated", place=0.4, estimate=0.02, **PEOPLE
        ),
        event(-2, -0.02, 0.02),
        event(0, -0.05, -0.01),
    ]
    page = plain(roll_out.roll_out(reading(*rows)))
    assert "Two-way fixed effects give −1.0, and are not the headline: 40% of their weight" in page
    assert "Started, against always had one" in page


@pytest.mark.parametrize(
    ("span", "said"),
    [
        ((0.9, 1.1), "no sign that a scheme brings more people in"),
        ((1.1, 1.3), "more people"),
        ((0.7, 0.9), "fewer people"),
    ],
)
def test_total_disposals(span: tuple[float, float], said: str) -> None:
    row = of("roll_out").row(
        "disposals",
        "rate_ratio",
        "index",
        n_treated=900,
        n_control=800,
        estimate=sum(span) / 2,
        conf_low=span[0],
        conf_high=span[1],
    )
    assert said in roll_out.disposal_words(one(row))
    assert roll_out.disposal_words([]) == ""


# -- instrument


@pytest.mark.parametrize(
    ("plain_estimate", "said"),
    [(-0.06, "no sign that selection beyond the records misleads it"), (-0.20, "outside that interval")],
)
def test_an_instrument_beside_least_squares(plain_estimate: float, said: str) -> None:
    rows = [
        risk("instrument", "effect", -0.12, -0.02),
        risk("instrument", "least_squares", plain_estimate - 0.01, plain_estimate + 0.01),
    ]
    assert said in plain(instrument.effect_words(reading(*rows)))


def test_an_instrument_without_a_first_stage_gives_no_effect_and_says_so() -> None:
    nothing = of("instrument").nothing("effect", "the instrument does not move diversion", *RISK, **PEOPLE)
    page = plain(instrument.instrument(reading(nothing)))
    assert "No effect is given here" in page
    assert "The instrument does not move diversion." in page
    assert "First stage:" not in page


# -- mechanisms


def contrast(group: str, low: float, high: float) -> Row:
    return risk("engagement", "contrast", low, high, group=group, note="that who completes is chance")


@pytest.mark.parametrize(
    ("gap", "said"),
    [
        ((-0.02, 0.03), "differ by no more than chance"),
        ((0.03, 0.12), "it hides part of the effect"),
        ((-0.12, -0.03), "it makes completing look better than it is"),
    ],
)
def test_how_much_of_the_naive_contrast_is_who_completes(gap: tuple[float, float], said: str) -> None:
    rows = one(
        contrast("naive", -0.09, -0.05),
        contrast("complier", -0.12, -0.02),
        contrast(mechanisms.SELECTION, *gap),
    )
    assert said in mechanisms.bias_words(rows)


def test_a_naive_contrast_without_a_complier_effect_is_not_explained_away() -> None:
    assert "cannot be told" in mechanisms.bias_words(one(contrast("naive", -0.09, -0.05)))
    assert mechanisms.bias_words([]) == ""


# -- moderators


def interaction(by: str, p: float, measure: str = "risk_difference") -> Row:
    return of("moderators").row(
        "interaction_holm", measure, "statistic", by=by, estimate=4.0, statistic=4.0, df=1, p_value=p, **PEOPLE
    )


@pytest.mark.parametrize(
    ("rows", "said", "unsaid"),
    [
        ([interaction("sex", 0.4)], "none shows an effect that differs", "The effect differs by"),
        ([interaction("sex", 0.01)], "On one scale only", "none shows"),
        (
            [interaction("sex", 0.01), interaction("sex", 0.02, "hazard_ratio")],
            "The effect differs by sex",
            "On one scale only",
        ),
        ([], "No moderator could be tested", "differs"),
    ],
)
def test_what_the_tests_of_moderators_say(rows: list[Row], said: str, unsaid: str) -> None:
    words = moderators.verdict(reading(), one(*rows))
    assert said in words
    assert unsaid not in words


def test_groups_are_never_compared_by_their_verdicts() -> None:
    rows = [
        risk("moderators", "effect", -0.09, -0.03, by="sex", group="male"),
        risk("moderators", "effect", -0.06, 0.02, by="sex", group="female"),
        risk("moderators", "everyone", -0.08, -0.03, group="all"),
        interaction("sex", 0.4),
        of("moderators").row(
            "interaction",
            "risk_difference",
            "statistic",
            by="sex",
            estimate=1.0,
            statistic=1.0,
            df=1,
            p_value=0.4,
            **PEOPLE,
        ),
    ]
    page = plain(moderators.moderators(reading(*rows)))
    assert "do not differ for that: the test compares the groups themselves" in page
    for word in ("significant in", "works for", "no effect in", "only among"):
        assert word not in page


def test_a_group_that_is_withheld_shows_no_number_and_one_that_is_not_estimable_its_reason() -> None:
    rows = [
        risk("moderators", "effect", -0.09, -0.03, by="ethnicity", group="White"),
        risk("moderators", "effect", -0.09, -0.03, by="ethnicity", group="Black"),
        risk(
            "moderators", "effect", -0.312, -0.111, by="ethnicity", group="Mixed", n_treated=6, events_treated=2
        ),
        of("moderators").nothing("effect", "one arm is empty", *RISK, by="ethnicity", group="Other", **PEOPLE),
        interaction("ethnicity", 0.4),
    ]
    page = moderators.moderators(reading(*rows))
    assert "[c]" in page
    for number in ("31.2", "11.1", "21.1"):
        assert number not in plain(page)
    assert "one arm is empty" in plain(page)


# -- implementation


def stage(place: int, note: str, share: float) -> Row:
    return of("engagement").row(
        "cascade",
        "share",
        "probability",
        group="all",
        place=place,
        note=note,
        n_treated=1_000,
        events_treated=round(1_000 * share),
        estimate=share,
        conf_low=share - 0.03,
        conf_high=share + 0.03,
    )


def test_the_cascade_in_words_names_the_longest_step() -> None:
    rows = [stage(1, "diverted", 0.6), stage(2, "attended", 0.5), stage(3, "completed", 0.2)]
    page = plain(implementation.implementation(reading(*rows)))
    assert "Of 100 people eligible, 60 are diverted and 20 complete." in page
    assert "from those who attend to those who complete: 40 in 100" in page


def group(part: str, name: str, share: float, measure: str = "probability") -> Row:
    return of("equity").row(
        part,
        measure,
        "probability",
        by="sex",
        group=name,
        n_treated=1_000,
        events_treated=round(1_000 * share),
        estimate=share,
        conf_low=share - 0.03,
        conf_high=share + 0.03,
    )


@pytest.mark.parametrize(
    ("p", "said"),
    [
        (0.4, "whatever their sex: no difference is beyond chance"),
        (0.001, "differs by sex (from 40 in 100, male, to 60, female)"),
    ],
)
def test_who_is_diverted(p: float, said: str) -> None:
    test = of("equity").row(
        "diverted_test",
        "probability",
        "statistic",
        by="sex",
        estimate=9.0,
        statistic=9.0,
        p_value=p,
        n_treated=2_000,
        events_treated=1_000,
    )
    page = plain(
        implementation.implementation(
            reading(group("diverted", "male", 0.4), group("diverted", "female", 0.6), test)
        )
    )
    assert said in page


def test_net_widening_in_both_ways() -> None:
    rows = [
        of("equity").row(
            "net_widening",
            "share",
            "index",
            group=name,
            n_treated=800,
            n_control=900,
            estimate=v,
            conf_low=v - 0.02,
            conf_high=v + 0.02,
        )
        for name, v in (("observed", 0.12), ("between", 0.15))
    ]
    page = plain(implementation.implementation(reading(*rows)))
    assert "Of 100 people diverted, 12.0 (10.0 to 14.0) would have had no further action" in page
    assert "it is 15.0 (13.0 to 17.0)" in page


# -- economics


def cost(measure: str, value: float, low: float, high: float, group: str = "total") -> Row:
    return of("economics").row(
        "cost",
        measure,
        "money",
        group=group,
        n_treated=900,
        n_control=900,
        estimate=value,
        conf_low=low,
        conf_high=high,
    )


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            cost("difference", -5_000, -8_000, -2_000),
            "cost £5,000 less than 100 in the comparison group (difference −£8,000 to −£2,000).",
        ),
        (cost("difference", 5_000, 2_000, 8_000), "cost £5,000 more"),
        (cost("difference", -5_000, -12_000, 2_000), "so which costs less is not settled"),
    ],
)
def test_the_total_cost_in_words(row: Row, said: str) -> None:
    assert said in economics.total_words(reading(row))


def test_a_total_that_is_withheld_is_said_with_its_reason_and_placeholders_are_called_that() -> None:
    nothing = of("economics").nothing(
        "cost", "no unit cost of custody day", "difference", "money", group="total"
    )
    unit = of("economics").row(
        "unit_cost", "illustrative", "money", group="reoffence", estimate=2_500, place=2023, note="reoffence"
    )
    page = plain(economics.economics(reading(nothing, unit)))
    assert "No total is given: no unit cost of custody day." in page
    assert "All unit costs are placeholders without a source" in page
    assert "are not made into one ratio" in page


def test_terms_are_explained_where_their_section_is_and_nowhere_else() -> None:
    with_effect = glossary(reading(contrast("naive", -0.09, -0.05)))
    assert "Complier effect\n: " in with_effect
    assert "Instrument\n: " not in with_effect
    assert glossary(reading()) == ""


# -- everything


def test_numbers_on_their_scales() -> None:
    assert shown(-0.0612, "difference") == "−6.1"
    assert shown(0.884, "ratio") == "0.88"
    assert shown(-1234.6, "money") == "−£1,235"
    assert shown(41.6, "days") == "42"
    assert shown(23.25, "count") == "23.2"


def test_reasons_are_gathered_with_the_groups_that_they_hold_of() -> None:
    found = one(
        of("moderators").nothing("effect", "one arm is empty", *RISK, by="sex", group="male", **PEOPLE),
        of("moderators").nothing("effect", "one arm is empty", *RISK, by="sex", group="female", **PEOPLE),
    )
    assert why_not(found) == ["Sex: male and sex: female: one arm is empty."]


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "*bold* [link](x)", "\N{HEBREW LETTER ALEF}" * 40, "y" * 5_000]
)
def test_names_from_the_data_do_no_harm(name: str) -> None:
    rows = [
        risk("moderators", "effect", -0.09, -0.03, by="sex", group=name),
        risk("moderators", "effect", -0.06, 0.02, by="sex", group="other"),
        interaction("sex", 0.4),
        cost("difference", -5_000, -8_000, -2_000, group=name),
        cost("difference", -5_000, -8_000, -2_000),
        method(0, -0.04, -0.02) | {"group": name},
        method(1, -0.04, -0.02),
    ]
    made = reading(*rows)
    page = moderators.moderators(made) + economics.economics(made) + few_forces.few_forces(made, made.lead)
    assert "<script>alert" not in page
    outside = re.sub(r"```+\{=html\}.*?```+", "", page, flags=re.DOTALL)  # inside HTML, Markdown means nothing
    assert "](x)" not in re.sub(r"\\.", "", outside)


def test_every_table_has_a_caption_and_scoped_heads_and_every_figure_words_for_what_it_shows() -> None:
    rows = [
        risk("moderators", "effect", -0.09, -0.03, by="sex", group="male"),
        risk("moderators", "effect", -0.06, 0.02, by="sex", group="female"),
        interaction("sex", 0.4),
        stage(1, "diverted", 0.6),
        stage(2, "completed", 0.2),
        group("diverted", "male", 0.4),
        group("diverted", "female", 0.6),
        cost("difference", -5_000, -8_000, -2_000),
        of("economics").row(
            "one_way",
            "difference",
            "money",
            group="reoffence",
            estimate=-5_000,
            conf_low=-7_000,
            conf_high=-3_000,
            n_treated=900,
            n_control=900,
        ),
        contrast("naive", -0.09, -0.05),
        event(-2, -0.02, 0.02),
        event(0, -0.05, -0.01),
        risk("roll_out", "overall", -0.06, -0.02, place=0, group="Group-time, averaged over forces"),
    ]
    made = reading(*rows)
    page = "".join(section(made) for section in SECTIONS)
    tables = re.findall(r"<table.*?</table>", page, re.DOTALL)
    assert tables
    for table in tables:
        assert "<caption" in table
        assert re.search(r'<th[^>]*scope="col"', table)
    drawings = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(drawings) == 2 * 6  # a wide and a narrow one of each
    for drawing in drawings:
        assert re.search(r"<desc[^>]*>[^<]{20,}</desc>", drawing)
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
