"""Strings from data that try to be mark-up, in every place a document may put them."""

from __future__ import annotations

import re
import string
from html.parser import HTMLParser

import pytest

from pdd_outcomes.report.engine import render
from pdd_outcomes.report.staging import Inline, check_page, escape_markdown

NASTY = [
    "<script>alert(1)</script>",
    "</code></pre><script>alert(1)</script>",
    "`code` ```{=html}\n<script>alert(1)</script>\n```",
    "::: {#fig-x}\n:::",
    "---\ntitle: taken over\n---",
    "[a](javascript:alert(1)) ![b](https://example.org/x.png)",
    "@fig-none [@smith] $\\frac{1}{2}$ {{< include /etc/passwd >}}",
    "*a* _b_ ~~c~~ ^d^ #e [^1] \\@ &lt; &amp; <b onclick='x'>",
    "\u202eright to left\u202c \u05e9\u05dc\u05d5\u05dd",
    "<!--pdd-outcomes part-->\n",
    "x" * 5000,
]


class Seen(HTMLParser):
    """The tags of a page, the attributes they carry and the words it shows."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.words: list[str] = []
        self._quiet = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        self._quiet = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._quiet = False

    def handle_data(self, data: str) -> None:
        if not self._quiet:
            self.words.append(data)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    room = tmp_path_factory.mktemp("hostile")
    cells = [
        "```{python}\n#| tags: [parameters]\nnasty = []\n```",
        *(f"Inline {i}: `{{python}} nasty[{i}]`." for i in range(len(NASTY))),
        "```{python}\nfor one in nasty:\n    print(one)\n```",
        "```{python}\nnasty[0] * 2\n```",
    ]
    (room / "a.qmd").write_text("---\ntitle: A\n---\n\n## B\n\n" + "\n\n".join(cells) + "\n")
    result = render(
        room / "a.qmd",
        room / "a.html",
        parameters={"nasty": NASTY},
        metadata={"title": NASTY[0] + NASTY[5], "subtitle": NASTY[2], "description": NASTY[9] + NASTY[7]},
        engine="embedded",
        on_message=lambda _: None,
    )
    return result.path.read_text()


def test_nothing_from_the_data_becomes_a_tag_a_handler_or_a_reference(page: str) -> None:
    seen = Seen(page)
    assert not {"script", "img", "b", "em", "del", "sup", "math", "strong"} & set(seen.tags)
    assert not [name for name in seen.attributes if name.startswith("on")]
    assert "javascript:" not in [one.strip() for one in seen.attributes]
    assert seen.tags.count("a") == 1  # the skip link
    assert seen.tags.count("h1") == 1


def test_everything_is_shown_as_it_was_typed(page: str) -> None:
    shown = " ".join(" ".join(Seen(page).words).split())
    for one in NASTY:
        assert shown.count(" ".join(one.split())) >= 2  # inline and printed


def test_the_title_is_the_one_given_and_nobody_elses(page: str) -> None:
    assert (
        "<title>&lt;script&gt;alert(1)&lt;/script&gt;[a](javascript:alert(1)) ![b](https://example.org/x.png)</title>"
        in page
    )
    assert "<title>taken over" not in page


@pytest.mark.parametrize("text", NASTY)
def test_escaped_markdown_has_no_bare_punctuation(text: str) -> None:
    bare = re.sub(r"\\.", "", escape_markdown(text))
    assert not set(bare) & set(string.punctuation)
    assert "\n" not in bare


def test_a_value_may_offer_markdown_and_says_the_same_each_time() -> None:
    class Own:
        def _repr_markdown_(self) -> str:
            return "**mine**"

    assert Inline(Own())._repr_markdown_() == "**mine**"
    assert repr(Inline("a*b")) == "a\\*b"
    assert Inline(None)._repr_markdown_() == "None"


def test_the_check_of_a_page_sees_loads_in_places_an_author_forgets() -> None:
    shell = "<html><body>{}</body></html>"
    loads = [
        "<video poster='//x.example/a.png'></video>",
        "<img srcset='https://x.example/a.png 2x' alt=''>",
        "<svg><use xlink:href='https://x.example/a.svg#b'/></svg>",
        "<style>a{background:url( 'https://x.example/a.png')}</style>",
        "<link rel='preload' href='https://x.example/a.woff2'>",
        "<base href='https://x.example/'>",
    ]
    for one in loads:
        assert len(check_page(shell.format(one), "p", own_ids=True)) == 1, one
    assert check_page(shell.format("<link rel='canonical' href='https://x.example/'>"), "p", own_ids=True) == ()
