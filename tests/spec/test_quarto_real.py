"""Real Quarto, wherever one is found: the same document gives the same words, numbers and references."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pdd_outcomes.report.engine import Engine, RenderError, render
from pdd_outcomes.report.quarto import find_quarto

FOUND = find_quarto()
pytestmark = pytest.mark.skipif(isinstance(FOUND, str), reason=f"real Quarto is not here: {FOUND}")

QMD = r"""---
title: From the front matter
format:
  html:
    toc: true
    number-sections: true
---

```{python}
#| tags: [parameters]
label = "none"
count = 1
```

## First {#sec-first}

Of `{python} count` people in `{python} label`. See @fig-line, @tbl-cell, @tbl-own, [-@fig-line] and @sec-last. $a^2$

```{python}
#| label: fig-line
#| fig-cap: "A *rising* line"
#| fig-alt: "A line that rises"
import matplotlib.pyplot as plt

plt.plot([1, 2, 3]);
```

```{python}
#| label: tbl-cell
#| tbl-cap: "From a cell"
from IPython.display import Markdown

Markdown("\n```{=html}\n<table data-quarto-disable-processing=\"true\"><tr><th scope=\"row\">r</th><td>7</td></tr></table>\n```\n")
```

```{python}
#| output: asis
print("::: {#tbl-own}\n\n```{=html}\n<table data-quarto-disable-processing=\"true\"><tr><td>8</td></tr></table>\n```\n\nCounted: " + str(count) + "\n\n:::")
```

::: {.callout-note title="A note"}
Body of the note.
:::

## Last {#sec-last}

The end.
"""

GIVEN = {"label": "<b>A & B</b> *x* @me $y$ {{< meta title >}}", "count": 3}


def words(piece: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", piece).replace("\u00a0", " ").split())


def gist(page: str) -> dict[str, list[str]]:
    """Headings, references, captions, cells and the paragraph with the parameters, whoever made the page."""
    body = re.sub(r"<(script|style)\b.*?</\1>", "", page[page.index("<body") :], flags=re.DOTALL)
    content = body[body.index('id="sec-first"') :]
    return {
        "title": [words(one) for one in re.findall(r"<h1.*?</h1>", body, re.DOTALL)],
        "headings": [words(one) for one in re.findall(r"<h2.*?</h2>", content, re.DOTALL)],
        "references": [words(one) for one in re.findall(r'<a [^>]*class="quarto-xref".*?</a>', content)],
        "captions": [words(one) for one in re.findall(r"<figcaption.*?</figcaption>", content, re.DOTALL)],
        "cells": [words(one) for one in re.findall(r"<t[dh]\b.*?</t[dh]>", content, re.DOTALL)],
        "paragraph": [words(one).split(" See ")[0] for one in re.findall(r"<p>Of .*?</p>", content, re.DOTALL)],
        "pictures": re.findall(r'<img [^>]*alt="([^"]*)"', content),
    }


@pytest.mark.slow
def test_both_engines_give_the_same_headings_references_captions_and_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.qmd").write_text(QMD)
    pages = {}
    engines: tuple[Engine, ...] = ("quarto", "embedded")
    for engine in engines:
        result = render(
            tmp_path / "a.qmd",
            tmp_path / f"{engine}.html",
            parameters=GIVEN,
            metadata={"title": "Force <A> & *B*"},
            engine=engine,
            on_message=lambda _: None,
        )
        pages[engine] = result.path.read_text()
    assert gist(pages["quarto"]) == gist(pages["embedded"])
    assert gist(pages["quarto"])["title"] == ["Force &lt;A&gt; &amp; *B*"]
    assert '<meta name="generator" content="quarto' in pages["quarto"]
    assert '<th scope="row">' in pages["quarto"]


@pytest.mark.slow
def test_quarto_gives_the_same_bytes_twice(tmp_path: Path) -> None:
    (tmp_path / "a.qmd").write_text("---\ntitle: A\n---\n\n## B\n\n```{python}\nprint(1)\n```\n")
    pages = [
        render(
            tmp_path / "a.qmd", tmp_path / "a.html", engine="quarto", on_message=lambda _: None
        ).path.read_bytes()
        for _ in range(2)
    ]
    assert pages[0] == pages[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("## B\n\nSee @fig-none.\n", "does not resolve"),
        ("```{python}\n#| label: broken\n1 / 0\n```\n", "ZeroDivisionError"),
        ("```{python}\nimport pandas\npandas.DataFrame({'a': [1]})\n```\n", "from outside"),
    ],
)
def test_what_goes_wrong_under_quarto_is_an_error_and_leaves_nothing(
    tmp_path: Path, body: str, said: str
) -> None:
    (tmp_path / "a.qmd").write_text("---\ntitle: A\n---\n\n" + body)
    with pytest.raises(RenderError, match=said):
        render(tmp_path / "a.qmd", tmp_path / "a.html", engine="quarto", on_message=lambda _: None)
    assert [p.name for p in tmp_path.iterdir()] == ["a.qmd"]
