"""The last net: what a page may not hold, found; what it may, left alone."""

from __future__ import annotations

import pytest

from pdd_outcomes.release.scan import identifiers, scan_html

PLAIN = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Drug diversion: what it did</title>
<style>body{color:#1A2BC3;background:#e5e6a1} .E1 2AB{font:x}</style>
<link rel="icon" href="data:image/png;base64,AB12CDSE11AA//https://x">
<script>const colour = "#AB12CD"; document.title.length;</script></head>
<body><main><h1>Results 2022 to 2025</h1>
<p>For every 100 typical people, 18 diverted and 29 prosecuted reoffended (p = 0.036; 95% interval 0.79 to 0.99).
Numbers: 1,235 and 11,240; 40,000 or more; rounding base 5; codes 1, 1A, 5-6, 9-21; ratio 3/4; 365.25/12.</p>
<p>Source: Austin (2009) Statistics in Medicine 28:3083-3107, <a href="https://doi.org/10.1002/sim.3697">doi 10.1002/sim.3697</a>,
doi 10.1093/9780A. Version 2.4.6, SHA-256 <code>9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08</code>.</p>
<p>People whose incident fell between 2022-01-01 and 2023-03-31 in forces A, E1 and SE10.</p>
<table><caption>Flow</caption><tr><th scope="col">Step 1</th><td data-kind="count">1,235</td><td data-kind="count">[c]</td>
<td data-kind="count">0</td><td data-kind="estimate">3</td></tr></table>
<svg viewBox="0 0 10 10" role="img"><title>Curve</title><path d="M0 1L2 2AB12 3CD" style="fill:#12 3AB"/></svg>
<img src="figures/love.svg" alt="A love plot"></main></body></html>"""
ALLOWED = ("2022-01-01", "2023-03-31")


def test_a_plain_page_raises_nothing() -> None:
    assert scan_html(PLAIN, allowed=ALLOWED, threshold=10) == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("case SYN-0001234", "a synthetic person's identifier"),
        ("PNC 02/0123456X", "a Police National Computer identifier"),
        ("PNC 2002/0123456X", "a Police National Computer identifier"),
        ("lives at SW1A 1AA", "a postcode"),
        ("lives at m146pd".upper(), "a postcode"),
        ("943 476 5919", "an NHS number"),
        ("QQ 12 34 56 C".replace("QQ", "AB"), "a National Insurance number"),
        ("born 1971-03-09", "a full date"),
        ("at 1971-03-09T12:30:00", "a full date"),
        ("born 9/3/1971", "a full date"),
        ("in /home/zebedee/extract", "a path of somebody's folder"),
        ("in C:\\Users\\zebedee", "a path of somebody's folder"),
        ("in /Users/zebedee", "a path of somebody's folder"),
    ],
)
@pytest.mark.parametrize(
    "place",
    ["<p>{}</p>", '<img src="a.svg" alt="{}">', "<!-- {} -->", "<desc>{}</desc>", '<td title="{}">x</td>'],
)
def test_an_identifier_is_found_wherever_it_hides_and_never_repeated(text: str, kind: str, place: str) -> None:
    found = scan_html("<html>\n" + place.format(text) + "</html>", allowed=ALLOWED)
    assert any(kind in problem for problem in found)
    assert all(problem.startswith("line 2: ") for problem in found)
    assert not any(text in problem or "zebedee" in problem for problem in found)


def test_only_the_allowed_dates_are_passed_over() -> None:
    assert identifiers("2022-01-01 to 2022-01-02", allowed=ALLOWED) == ["a full date"]
    assert identifiers("2022-01-01 to 2023-03-31", allowed=ALLOWED) == []


@pytest.mark.parametrize(
    "markup",
    [
        '<script src="https://cdn.example.org/x.js"></script>',
        '<script src="//cdn.example.org/x.js"></script>',
        '<link rel="stylesheet" href="https://fonts.example.org/css">',
        '<img src="http://example.org/pixel.gif" alt="">',
        '<img srcset="a.png 1x, https://example.org/b.png 2x" alt="">',
        '<style>@import "https://example.org/x.css";</style>',
        "<style>@font-face{src:url(https://example.org/f.woff)}</style>",
        '<div style="background:url(//example.org/x.png)"></div>',
        '<iframe src="https://example.org"></iframe>',
        "<script>fetch('x')</script>",
    ],
)
def test_a_page_that_would_ask_another_machine_is_found(markup: str) -> None:
    assert any("a request" in problem for problem in scan_html(f"<html>{markup}</html>"))


@pytest.mark.parametrize(
    "script", ['{"datasets": {"a": [1]}}', "vegaEmbed('#a', s)", "Plotly.newPlot(d, [{x: [1]}])"]
)
def test_data_in_a_script_are_found(script: str) -> None:
    assert scan_html(f"<script>{script}</script>") == ["line 1: data in a script"]


def test_a_count_cell_under_the_threshold_is_found_and_other_small_numbers_are_not() -> None:
    page = (
        '<table><tr><td data-kind="count"><b>7</b></td><td data-kind="estimate">7</td><td>7</td></tr></table>'
    )
    assert scan_html(page, threshold=10) == ["line 1: a count under the threshold"]
    assert scan_html(page) == []


def test_an_engines_own_scripts_may_hold_requests_and_still_no_data() -> None:
    page = "<script>fetch('/x');</script>"
    assert scan_html(page)
    assert scan_html(page, engine_scripts=True) == []
    assert scan_html('<script>vegaEmbed("#v", {"datasets": {"d": [1, 2]}})</script>', engine_scripts=True)
