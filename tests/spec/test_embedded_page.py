"""A whole page rendered without Quarto: cells run, references resolve, anyone can read it, nothing is fetched."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pdd_outcomes.report.engine import RenderResult, render

QMD = r"""---
title: "Does *it* help?"
subtitle: In two places
author: [A. Person, B. Person]
date: 2026-03-06
description: A page for tests
toc: true
number-sections: true
format: html
---

```{python}
#| tags: [parameters]
label = "none"
count = 1
```

## First {#sec-first}

Of `{python} count` people, `{python} f"{100 * count / 8:.1f}"` in the place called `{python} label`.
See @fig-line, @tbl-pipe, [@fig-raw; @tbl-cell], [-@tbl-div] and @Sec-last. Inline $a^2$. A note.[^1]

[^1]: The *note*.

### Deeper

$$x = \frac{1}{2}$$

::: {.callout-note title="Its own title"}
Body of the note.
:::

::: {.callout-warning}
## A heading as title
Body of the warning.
:::

::: {.callout-tip collapse="true"}
Hidden at first.
:::

::: {.panel-tabset}
## One
First tab.

## Two
Second tab.
:::

## Second

| a | b |
|---|---|
| 1 | 2 |

: A pipe table {#tbl-pipe}

::: {#tbl-div}

```{=html}
<table><thead><tr><th scope="col">A</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>
```

A raw table, see @fig-line
:::

```{python}
#| label: fig-line
#| fig-cap: "A *rising* line"
#| fig-alt: "A line that rises from 1 to 3"
import matplotlib.pyplot as plt

plt.plot([1, 2, 3]);
```

```{python}
#| label: tbl-cell
#| tbl-cap: "From a cell"
from IPython.display import Markdown

Markdown("\n```{=html}\n<table><tr><td>cell</td></tr></table>\n```\n")
```

```{python}
#| output: asis
print("::: {#fig-raw}\n\n```{=html}\n<svg role='img' aria-label='dot'></svg>\n```\n\nCounted: " + str(count) + "\n\n:::")
```

```{python}
#| echo: true
#| code-fold: true
#| code-summary: How
print("a < b & c")
import sys
print("for the log", file=sys.stderr)
len("four")
```

```{python}
#| include: false
print("never shown")
```

```{python}
#| eval: false
#| echo: true
raise SystemExit("never run")
```

```{python}
#| output: false
print("not shown either")
kept = "kept from cell to cell"
```

Still `{python} kept`, and `{python} Markdown("*as Markdown*")`.

![A dot](dot.png)

```python
not_a_cell = 1
```

## Last {#sec-last}

The end.
"""


class Outline(HTMLParser):
    """Tags in order, ids, and the text inside each kind of tag."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def named(self, *names: str) -> list[tuple[str, dict[str, str | None]]]:
        return [(tag, given) for tag, given in self.tags if tag in names]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> RenderResult:
    room = tmp_path_factory.mktemp("reports")
    (room / "study.qmd").write_text(QMD)
    (room / "theme.css").write_text(":root { --pdd-link: #0b5394 } /* </style> */")
    (room / "dot.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return render(
        room / "study.qmd",
        room / "site" / "study.html",
        parameters={"label": "<b>A & B</b> *x* @me $y$", "count": 3},
        engine="embedded",
        on_message=lambda _: None,
    )


@pytest.fixture(scope="module")
def page(rendered: RenderResult) -> str:
    return rendered.path.read_text()


def text(piece: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", "", piece).replace("\u00a0", " ").split())


def test_parameters_reach_the_cells_and_inline_values_are_shown_as_typed(page: str) -> None:
    (paragraph,) = re.findall(r"<p>Of .*?</p>", page, re.DOTALL)
    assert "Of 3 people, 37.5 in the place called &lt;b&gt;A &amp; B&lt;/b&gt; *x* @me $y$." in paragraph
    assert "Still kept from cell to cell, and <em>as Markdown</em>." in page


def test_figures_tables_and_sections_are_numbered_in_order_and_referred_to_by_links(page: str) -> None:
    links = re.findall(r'<a href="#((?:fig|tbl|sec)-[\w-]+)" class="quarto-xref">(.*?)</a>', page)
    assert [(label, text(words)) for label, words in links] == [
        ("fig-line", "Figure 1"),
        ("tbl-pipe", "Table 1"),
        ("fig-raw", "Figure 2"),
        ("tbl-cell", "Table 3"),
        ("tbl-div", "2"),
        ("sec-last", "Section 3"),
        ("fig-line", "Figure 1"),
    ]
    for label, _ in links:
        assert page.count(f'id="{label}"') == 1


def test_captions_say_their_number_tables_above_and_figures_below(page: str) -> None:
    captions = [text(one) for one in re.findall(r"<(?:fig)?caption.*?</(?:fig)?caption>", page, re.DOTALL)]
    assert captions == [
        *("Table 1: A pipe table", "Table 2: A raw table, see Figure 1", "Figure 1: A rising line"),
        *("Table 3: From a cell", "Figure 2: Counted: 3", "A dot"),
    ]
    figure = page[page.index('id="fig-line"') :]
    assert figure.index("<img") < figure.index("<figcaption")
    table = page[page.index('id="tbl-div"') :]
    assert table.index("<figcaption") < table.index("<table")


def test_headings_are_in_order_below_one_h1_and_the_contents_list_them(page: str) -> None:
    headings = re.findall(r"<(h[1-6])[^>]*>(.*?)</\1>", page, re.DOTALL)
    assert [(level, text(words)) for level, words in headings] == [
        ("h1", "Does it help?"),
        ("h2", "On this page"),
        ("h2", "1 First"),
        ("h3", "1.1 Deeper"),
        ("h2", "One"),
        ("h2", "Two"),
        ("h2", "2 Second"),
        ("h2", "3 Last"),
    ]
    contents = page[page.index("<nav") : page.index("</nav>")]
    assert [text(one) for one in re.findall(r"<a .*?</a>", contents)] == [
        *("1 First", "1.1 Deeper", "2 Second", "3 Last"),
    ]


def test_the_title_block_is_complete(page: str) -> None:
    head = text(page[page.index('<header id="title-block-header">') : page.index("</header>")])
    assert head == "Does it help? In two places A. Person, B. Person 2026-03-06 A page for tests"
    assert "<title>Does it help?</title>" in page
    assert '<meta name="description" content="A page for tests">' in page


def test_callouts_have_titles_and_collapse_without_scripts(page: str) -> None:
    note = page[page.index('<div class="callout callout-style-default callout-note') :]
    assert text(note[: note.index("Body of the note")]) == "Its own title"
    warning = page[page.index('<div class="callout callout-style-default callout-warning') :]
    assert text(warning[: warning.index("Body of the warning")]) == "A heading as title"
    collapsed = page[page.index('<details class="callout callout-style-default callout-tip') :]
    assert text(collapsed[: collapsed.index("</summary>")]) == "Tip"


def test_output_is_shown_or_kept_back_as_the_options_say(page: str, rendered: RenderResult) -> None:
    assert "never shown" not in page
    assert "not shown either" not in page
    assert "a &lt; b &amp; c" in page
    assert re.search(r"<pre[^>]*><code>4</code></pre>", page)
    assert '<details class="code-fold"><summary>How</summary>' in page
    assert "raise SystemExit" in page
    assert "for the log" not in re.sub(r"<details.*?</details>", "", page, flags=re.DOTALL)
    assert len(rendered.messages) == 1
    assert rendered.messages[0].endswith("wrote to stderr: for the log")
    assert "plt.plot" not in page


def test_the_page_says_which_engine_made_it(page: str) -> None:
    assert re.search(
        r'<meta name="generator" content="pdd-outcomes [\d.]+, embedded engine \(pandoc 3[\d.]*\)">', page
    )


def test_the_page_is_one_file_that_loads_nothing_and_runs_nothing(page: str) -> None:
    outline = Outline(page)
    assert not outline.named("script", "link", "iframe", "object", "embed")
    assert all(str(given["src"]).startswith("data:image/") for _, given in outline.named("img"))
    assert not re.search(r"url\((?!data:)", page)
    assert "default-src 'none'" in page
    assert not any(name.startswith("on") for _, given in outline.tags for name in given)


def test_the_themes_sheet_follows_ours_and_cannot_leave_its_element(page: str) -> None:
    assert page.index("--pdd-measure: 46rem") < page.index("--pdd-link: #0b5394")
    assert "/* <\\/style> */" in page


def test_landmarks_language_and_a_skip_link_are_there(page: str) -> None:
    outline = Outline(page)
    assert outline.named("html")[0][1] == {"lang": "en-GB"}
    assert [tag for tag, _ in outline.named("header", "nav", "main", "footer")] == [
        "header",
        "nav",
        "main",
        "footer",
    ]
    first_link = outline.named("a")[0][1]
    assert first_link == {"class": "skip-link", "href": "#content"}
    assert outline.named("main")[0][1]["id"] == "content"


def test_every_picture_has_a_text_alternative_and_every_column_head_a_scope(page: str) -> None:
    outline = Outline(page)
    assert [given["alt"] for _, given in outline.named("img")] == ["A line that rises from 1 to 3", "A dot"]
    assert all(given.get("scope") == "col" for _, given in outline.named("th"))


def test_whatever_may_scroll_can_be_reached_by_keyboard(page: str) -> None:
    outline = Outline(page)
    assert outline.named("pre")
    assert all(given.get("tabindex") == "0" for _, given in outline.named("pre"))
    boxes = [given for _, given in outline.tags if "-scroll" in (given.get("class") or "")]
    assert [box["aria-label"] for box in boxes] == ["Formula", "Table\u00a01: A pipe table"]
    assert all(box["tabindex"] == "0" and box["role"] == "group" for box in boxes)


def test_formulas_are_mathml(page: str) -> None:
    assert page.count("<math ") == 2
    assert "\\frac" not in re.sub(r"<annotation.*?</annotation>", "", page)


def test_ids_are_used_once(page: str) -> None:
    ids = [given["id"] for _, given in Outline(page).tags if "id" in given]
    assert len(ids) == len(set(ids))


def test_rendering_again_gives_the_same_bytes(rendered: RenderResult, tmp_path: Path, page: str) -> None:
    again = render(
        rendered.path.parent.parent / "study.qmd",
        tmp_path / "again.html",
        parameters={"label": "<b>A & B</b> *x* @me $y$", "count": 3},
        engine="embedded",
        on_message=lambda _: None,
    )
    assert again.path.read_text() == page


def test_nothing_is_left_beside_the_document_or_the_page(rendered: RenderResult) -> None:
    room = rendered.path.parent.parent
    assert sorted(p.name for p in room.iterdir()) == ["dot.png", "site", "study.qmd", "theme.css"]
    assert [p.name for p in rendered.path.parent.iterdir()] == ["study.html"]
