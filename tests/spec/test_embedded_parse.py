"""A .qmd read into its parts, every part with the line its author knows it by."""

from __future__ import annotations

import pytest

from pdd_outcomes.core.errors import UsageError
from pdd_outcomes.report.embedded.parse import Cell, Text, inline_expressions, parse, prose

SOURCE = """---
title: "A: b"
execute:
  echo: false
---

Text with `{python} 1 + 1` in it.

```{python}
#| label: fig-a
#| fig-cap: "Caption: with a colon"
#| tags:
#|   - parameters
x = 1

y = "```"
```

````markdown
```{python}
not a cell
```
````

Last `code` and ``two `ticks` ``.
"""


def test_the_parts_come_in_order_with_their_lines() -> None:
    document = parse(SOURCE, "a.qmd")
    assert document.front == {"title": "A: b", "execute": {"echo": False}}
    assert document.front_lines == {"title": 2, "execute": 3}
    assert [type(part) for part in document.parts] == [Text, Cell, Text]
    assert [part.line for part in document.parts] == [6, 9, 18]


def test_a_cell_has_its_options_its_code_and_the_lines_of_both() -> None:
    (cell,) = parse(SOURCE, "a.qmd").cells
    assert cell.options == {"label": "fig-a", "fig-cap": "Caption: with a colon", "tags": ["parameters"]}
    assert cell.option_lines == {"label": 10, "fig-cap": 11, "tags": 12}
    assert (cell.code_line, cell.code) == (14, 'x = 1\n\ny = "```"')
    assert cell.is_parameters
    assert cell.name == "cell 'fig-a'"


def test_a_cell_inside_a_longer_fence_is_text() -> None:
    document = parse(SOURCE, "a.qmd")
    assert "not a cell" in document.parts[-1].text


def test_inline_code_is_found_outside_fences_and_other_code_spans() -> None:
    text = Text(
        10,
        "a `{python} x` b\n``shown `{python} no` ``\n\n```\n`{python} no`\n```\n\nc `{python}\nf(\n1)` `{r} z`",
    )
    found = inline_expressions(text)
    assert [(one.language, one.code, one.line) for one in found] == [
        ("python", "x", 10),
        ("python", "f( 1)", 17),
        ("r", "z", 19),
    ]
    assert text.text[found[0].start : found[0].end] == "`{python} x`"


def test_a_stray_backtick_spoils_only_its_own_paragraph() -> None:
    found = inline_expressions(Text(1, "a stray ` here\n\nand `{python} x` there"))
    assert [one.code for one in found] == ["x"]


def test_prose_leaves_out_fences_and_blanks_code_spans() -> None:
    lines = dict(prose(Text(3, "one `{{< a >}}` two\n\n```\n{{< b >}}\n```\n{{< c >}}")))
    assert lines[3] == "one             two"
    assert lines[8] == "{{< c >}}"
    assert not any("b" in line for line in lines.values())


def test_windows_line_ends_are_read_like_others() -> None:
    assert parse(SOURCE.replace("\n", "\r\n"), "a.qmd") == parse(SOURCE, "a.qmd")


def test_a_document_without_front_matter_is_all_text() -> None:
    document = parse("Hello\n", "a.qmd")
    assert (document.front, document.front_end, len(document.parts)) == ({}, 0, 1)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("---\ntitle: A\n", r"a\.qmd:1: the front matter is never closed"),
        ("---\ntitle: A\ntitle: B\n---\n", r"a\.qmd:3: not valid YAML: found duplicate key"),
        ("---\na: [\n---\n", r"a\.qmd:\d: not valid YAML"),
        ("---\n- a\n---\n", r"a\.qmd:2: this YAML must be keys and values"),
        ("text\n\n```{python}\n1\n", r"a\.qmd:3: this code fence is never closed"),
        ("```{python}\n#| label: a\n#| label: b\n```\n", r"a\.qmd:3: not valid YAML: found duplicate key"),
    ],
)
def test_a_malformed_part_is_named_by_its_line(source: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse(source, "a.qmd")


def test_every_malformed_part_is_reported_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        parse("---\na: [\n---\n\n```{python}\n#| label: [\n1\n```\n\n~~~\nopen\n", "a.qmd")
    assert len(caught.value.problems) == 3
