"""Pictures as inline SVG: accessible, small, and the same bytes every time."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from matplotlib.figure import Figure

from pdd_outcomes.report.figures.svg import drawing, inline, picture


def draw(figure: Figure) -> None:
    ax = figure.subplots()
    ax.plot([0, 1.23456], [0, 9.87654], marker="o", color="#12436D")
    ax.bar([0.5], [3], hatch="///")
    ax.set_title("A $1 title <b>")


@pytest.fixture(scope="module")
def svg() -> str:
    return inline(
        drawing(draw, (4, 3)), prefix="fig-x-wide", title="Risk <over> time", alt="It rises.\nThen it stops."
    )


def test_it_is_an_image_with_a_name_and_a_description(svg: str) -> None:
    root = ET.fromstring(svg)
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-labelledby"] == "fig-x-wide-title fig-x-wide-desc"
    assert [(child.tag, child.text) for child in root[:2]] == [
        ("title", "Risk <over> time"),
        ("desc", "It rises. Then it stops."),
    ]


def test_its_width_is_left_to_the_page(svg: str) -> None:
    root = ET.fromstring(svg)
    assert root.attrib["viewBox"] == "0 0 288 216"
    assert "width" not in root.attrib
    assert "height" not in root.attrib


def test_it_brings_no_metadata_no_style_sheet_and_no_font(svg: str) -> None:
    for word in ("metadata", "<style", "rdf", "dc:", "DejaVu", "font-family", "matplotlib", "http"):
        assert word not in svg


def test_every_id_begins_with_the_figures_own_and_is_used(svg: str) -> None:
    ids = re.findall(r'id="([^"]+)"', svg)
    assert len(ids) == len(set(ids))
    assert all(one.startswith("fig-x-wide-") for one in ids)
    used = set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', svg))
    pointed = {a or b for a, b in used}
    assert pointed == {one for one in ids if not one.endswith(("-title", "-desc"))}


def test_coordinates_have_one_decimal_at_most(svg: str) -> None:
    drawn = re.findall(r' (?:d|x|y|points|transform)="([^"]*)"', svg)
    assert drawn
    assert not re.search(r"\d\.\d\d", " ".join(drawn))


def test_text_stays_text_and_is_escaped(svg: str) -> None:
    assert "A $1 title &lt;b&gt;" in svg


def test_the_same_picture_is_the_same_bytes() -> None:
    again = [picture(draw, id="fig-x", title="T", alt="A", wide=(4, 3), narrow=(3, 3)) for _ in range(2)]
    assert again[0] == again[1]


def test_both_drawings_are_there_with_ids_of_their_own() -> None:
    html = picture(draw, id="fig-x", title="T", alt="A", wide=(7.2, 3), narrow=(3.4, 3))
    ids = re.findall(r'id="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert html.count('role="img"') == 2
    assert 'class="pdd-wide"' in html
    assert 'class="pdd-narrow"' in html


def test_no_figure_is_left_behind_with_pyplot() -> None:
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    drawing(draw, (4, 3))
    assert pyplot.get_fignums() == before
