"""What the embedded engine refuses, by name and line and all at once, and how settings are settled."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdd_outcomes.core.errors import UsageError
from pdd_outcomes.report.embedded.parse import parse
from pdd_outcomes.report.embedded.settings import project_file, settle
from pdd_outcomes.report.embedded.support import check


def problems(source: str, **project: object) -> list[str]:
    with pytest.raises(UsageError) as caught:
        check(parse(source, "a.qmd"), project)
    assert caught.value.problems[-1].startswith("The embedded engine renders a subset")
    return list(caught.value.problems[:-1])


def cell(*lines: str) -> str:
    return "\n".join(["```{python}", *lines, "```", ""])


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("```{r}\n1\n```\n", "a.qmd:1: cells in 'r' are not supported"),
        ("\n```{julia}\n1\n```\n", "a.qmd:2: cells in 'julia' are not supported"),
        ("```{ojs}\n1\n```\n", "a.qmd:1: cells in 'ojs' are not supported"),
        ("```{python, echo=FALSE}\n1\n```\n", "a.qmd:1: options in the braces (, echo=FALSE) are not supported"),
        ("- a\n\n  ```{python}\n  1\n  ```\n", "a.qmd:3: an indented cell is not supported"),
        ("```{{python}}\n1\n```\n", "a.qmd:1: an unexecuted block"),
        ("a\n\n{{< include b.qmd >}}\n", "a.qmd:3: the shortcode {{< include >}} is not supported"),
        ("x `{r} 1`\n", "a.qmd:1: inline code in 'r' is not supported"),
        ("\nx `{python} 1 +`\n", "a.qmd:2: this inline code is not one Python expression"),
        ("$$x$$ {#eq-a}\n", "a.qmd:1: labels of the kind 'eq' are not supported"),
        ("::: {layout-ncol=2}\n:::\n", "a.qmd:1: the attribute 'layout-ncol' of a division is not supported"),
        (":::: {.column-margin}\n::::\n", "a.qmd:1: divisions of the class 'column-margin' are not supported"),
        ("::: {.callout-nte}\n:::\n", "a.qmd:1: callouts of the kind 'callout-nte' are not supported. Did you mean 'callout-note'?"),
        (cell("#| label: a", "#| fig-width: 3", "1"), "a.qmd:3: cell option 'fig-width' is not supported"),
        (cell("#| ech: true", "1"), "a.qmd:2: cell option 'ech' is not supported. Did you mean 'echo'?"),
        (cell("#| echo: fenced", "1"), "a.qmd:2: echo must be true or false"),
        (cell("#| output: yes please", "1"), "a.qmd:2: output must be true or false or 'asis'"),
        (cell("#| error: true", "1"), "a.qmd:2: error must be false"),
        (cell("#| label: 3 x", "1"), "a.qmd:1: a label is a letter"),
        (cell("#| label: plot", "#| fig-cap: x", "1"), "a.qmd:1: fig-cap needs a label that begins with 'fig-'"),
        (cell("#| label: a") + cell("#| label: a"), "a.qmd:4: label 'a' is taken by the cell at line 1"),
        ("---\nfilters: [x]\n---\n", "a.qmd:2: front matter key 'filters' is not supported"),
        ("---\ntitle: A\nbibliography: x.bib\n---\n", "a.qmd:3: front matter key 'bibliography' is not supported"),
        ("---\nformat: pdf\n---\n", "a.qmd:2: format 'pdf' is not supported; only html is"),
        ("---\nformat:\n  html:\n    fig-width: 3\n---\n", "a.qmd:2: front matter key 'fig-width' is not supported"),
        ("---\ndate: today\n---\n", "a.qmd:2: date: today changes from day to day"),
        ("---\njupyter: julia-1.9\n---\n", "a.qmd:2: jupyter must be 'python3'"),
        ("---\nembed-resources: false\n---\n", "a.qmd:2: embed-resources must be true"),
        ("---\nexecute:\n  cache: true\n---\n", "a.qmd:2: cache must be false"),
        ("---\nauthor: [{name: A}]\n---\n", "a.qmd:2: author must be text or a list of texts"),
    ],
)  # fmt: skip
def test_what_is_not_supported_is_refused_by_name_and_line(source: str, said: str) -> None:
    found = problems(source)
    assert len(found) == 1
    assert found[0].startswith(said)


def test_everything_refused_is_listed_at_once() -> None:
    source = "---\nfilters: [x]\n---\n\n{{< video a >}}\n\n```{r}\n1\n```\n\n" + cell(
        "#| fig-width: 3", "#| cache: true"
    )
    assert len(problems(source)) == 5


def test_a_projects_settings_are_held_to_the_same_rules() -> None:
    (one,) = problems("Hello\n", project={"type": "website"})
    assert one.startswith("_quarto.yml: project type 'website' is not supported")
    (two,) = problems("Hello\n", format={"html": {"include-in-header": "x"}})
    assert two.startswith("_quarto.yml: front matter key 'include-in-header' is not supported")
    check(parse("Hello\n", "a.qmd"), {"project": {"type": "default", "output-dir": "_site"}, "lang": "en-GB"})


def test_what_only_looks_like_something_unsupported_is_left_alone() -> None:
    shown = "Write `{{< include >}}`.\n\n```\n{{< video >}}\n::: {layout-ncol=2}\n```\n\n```python\nx = 1\n```\n\n```{=html}\n<b>b</b>\n```\n"
    check(parse(shown + '::: {.callout-note title="layout .aside"}\n:::\n', "a.qmd"), {})


def test_looks_of_quartos_own_page_are_allowed_and_do_nothing() -> None:
    source = "---\nformat:\n  html:\n    theme: cosmo\n    page-layout: full\n    highlight-style: github\n---\n\nHello\n"
    check(parse(source, "a.qmd"), {})


def test_the_document_overrules_the_project_and_the_caller_overrules_both(tmp_path: Path) -> None:
    (tmp_path / "_quarto.yml").write_text(
        "lang: en\ntitle: P\ntoc: true\nexecute: {echo: true, warning: true}\n"
    )
    document = parse(
        "---\nlang: cy\ntitle: D\nexecute: {echo: false}\nformat: {html: {toc-depth: 2}}\n---\n", "a.qmd"
    )
    settings = settle(document, project_file(tmp_path), {"title": "C"}, tmp_path)
    assert (settings.page["lang"], settings.page["title"], settings.page["toc"]) == ("cy", "C", True)
    assert settings.page["toc-depth"] == 2
    assert settings.of_cell({}, "echo") is False
    assert settings.of_cell({}, "warning") is True
    assert settings.of_cell({"echo": True}, "echo") is True


def test_style_sheets_add_up_project_first_and_theme_css_is_used_where_none_is_named(tmp_path: Path) -> None:
    for name in ("theme.css", "house.css", "page.css"):
        (tmp_path / name).write_text("")
    plain = parse("Hello\n", "a.qmd")
    assert settle(plain, {}, {}, tmp_path).css == ("theme.css",)
    named = parse("---\nformat: {html: {css: [page.css, house.css]}}\n---\n", "a.qmd")
    assert settle(named, {"format": {"html": {"css": "house.css"}}}, {}, tmp_path).css == (
        "house.css",
        "page.css",
    )
    with pytest.raises(UsageError, match=r"css: \['gone.css'\] not found"):
        settle(parse("---\ncss: gone.css\n---\n", "a.qmd"), {}, {}, tmp_path)


def test_a_date_is_shown_as_written_whatever_yaml_makes_of_it(tmp_path: Path) -> None:
    assert settle(parse("---\ndate: 2026-03-06\n---\n", "a.qmd"), {}, {}, tmp_path).page["date"] == "2026-03-06"
