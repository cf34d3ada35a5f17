"""How cells are run, what stops a page, and what only strictness stops."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from pdd_outcomes.core.errors import UsageError
from pdd_outcomes.report.engine import RenderError, RenderResult, render

HEAD = "---\ntitle: A\n---\n\n"


def rendered(folder: Path, body: str, **options: Any) -> RenderResult:
    (folder / "a.qmd").write_text(HEAD + body)
    return render(folder / "a.qmd", folder / "a.html", engine="embedded", on_message=lambda _: None, **options)


def refused(folder: Path, body: str, **options: Any) -> str:
    with pytest.raises(RenderError) as caught:
        rendered(folder, body, **options)
    assert not (folder / "a.html").exists()
    return str(caught.value)


def test_a_failing_cell_is_named_with_its_label_the_line_and_the_end_of_the_traceback(tmp_path: Path) -> None:
    body = "```{python}\n#| tags: [parameters]\nn = 0\n```\n\n```{python}\n#| label: tbl-a\n\ndef f():\n    return 1 / n\n\nf()\n```\n"
    said = refused(tmp_path, body, parameters={"n": 0})
    assert said.startswith("a.qmd:10: cell 'tbl-a' failed at line 14 with ZeroDivisionError: division by zero")
    assert "return 1 / n" in said
    assert "\x1b" not in said


def test_a_failing_inline_expression_is_named_by_its_line(tmp_path: Path) -> None:
    assert refused(tmp_path, "Text\n\nhere `{python} nothing` is.\n").startswith("a.qmd:7: inline code failed")


def test_a_syntax_error_in_a_cell_is_reported_like_any_failure(tmp_path: Path) -> None:
    assert "SyntaxError" in refused(tmp_path, "```{python}\nx = = 1\n```\n")


def test_a_cell_past_the_time_limit_is_named_and_its_kernel_ended(tmp_path: Path) -> None:
    body = f"```{{python}}\nimport os, pathlib, time\npathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))\ntime.sleep(600)\n```\n"
    started = time.monotonic()
    said = refused(tmp_path, body, timeout=6)
    assert "a.qmd:5: the cell at line 5 was not done within the time limit of 6 seconds" in said
    assert time.monotonic() - started < 60
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_kernel_that_dies_is_reported_with_the_cell(tmp_path: Path) -> None:
    said = refused(tmp_path, "```{python}\n#| label: gone\nimport os\nos._exit(1)\n```\n", timeout=60)
    assert "cell 'gone' ended the Python that ran it" in said


def test_the_old_page_stays_when_a_new_one_fails(tmp_path: Path) -> None:
    result = rendered(tmp_path, "Fine.\n")
    before = result.path.read_bytes()
    (tmp_path / "a.qmd").write_text(HEAD + "```{python}\n1 / 0\n```\n")
    with pytest.raises(RenderError):
        render(tmp_path / "a.qmd", tmp_path / "a.html", engine="embedded", on_message=lambda _: None)
    assert result.path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.html", "a.qmd"]


def test_no_home_and_no_installed_kernel_are_needed_and_none_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for name in ("HOME", "JUPYTER_PATH", "JUPYTER_DATA_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    startup = home / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("sneaked_in = True")
    body = "```{python}\nimport sys\nprint('sneaked_in' in globals(), sys.executable)\n```\n"
    page = rendered(tmp_path, body).path.read_text()
    assert "False " in page
    assert sorted(p.name for p in home.iterdir()) == ["profile_default"]


def test_cells_work_in_a_private_folder_and_know_that_they_are_being_reported(tmp_path: Path) -> None:
    body = "```{python}\nimport os\nprint('QUARTO_DOCUMENT_PATH' in os.environ, os.getcwd())\n```\n"
    page = rendered(tmp_path, body).path.read_text()
    assert "True " in page
    assert str(tmp_path) not in page


def test_a_page_without_code_needs_no_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("a kernel was started")

    monkeypatch.setattr("pdd_outcomes.report.embedded.render.session", never)
    assert "Only text" in rendered(tmp_path, "Only text.\n").path.read_text()


STRICT = [
    ("See @fig-none.\n", "a.qmd:5: the cross-reference @fig-none does not resolve. Labels there are: none."),
    ("See @smith2020.\n", "a.qmd:5: the citation @smith2020 is not supported"),
    ("See @eq-one.\n", "a.qmd:5: cross-references of the kind @eq- are not supported"),
    ("# Top\n", "a heading begins with one '#'"),
    ("```{python}\nobject()\n```\n", "a.qmd:5: the cell at line 5 shows an object's address in memory"),
    ("```{=html}\n<p id='x'></p><p id='x'></p>\n```\n", "the id 'x' is used 2 times"),
    ("::: {.callout-note}\nnever closed\n", "pandoc: Div at line"),
    ("$\\nonsense{$ and $$\\notacommand$$\n", "pandoc: Could not convert TeX math"),
]


@pytest.mark.parametrize(("body", "said"), STRICT)
def test_what_strictness_stops_is_otherwise_a_message(tmp_path: Path, body: str, said: str) -> None:
    assert said in refused(tmp_path, body)
    loose = rendered(tmp_path, body, strict=False)
    own_ids = "is used 2 times" in said
    assert own_ids or any(said in message for message in loose.messages)


def test_an_unresolved_reference_can_be_seen_in_a_page_that_is_not_strict(tmp_path: Path) -> None:
    page = rendered(tmp_path, "See @tbl-none.\n", strict=False).path.read_text()
    assert "<strong>?@tbl-none</strong>" in page


ALWAYS = [
    (
        "```{python}\nfrom IPython.display import HTML\nHTML('<b>x</b>')\n```\n",
        "shows a value as text/html only. Show Markdown holding a raw HTML block",
    ),
    ("```{python}\nimport pandas\npandas.DataFrame({'a': [1]})\n```\n", "shows a value as text/html only"),
    ("![x](https://example.org/a.png)\n", "lies outside the document's folder"),
    ("![x](../a.png)\n", "lies outside the document's folder"),
    ("![x](gone.png)\n", "is not found beside the .qmd"),
    ("```{=html}\n<img src='https://example.org/a.png' alt='x'>\n```\n", "from outside"),
    ("```{=html}\n<script src='https://example.org/a.js'></script>\n```\n", "from outside"),
    ("::: {#tbl-a}\nx\n\ny\n:::\n\n::: {#tbl-a}\nx\n\ny\n:::\n", "the label 'tbl-a' is used twice"),
]


@pytest.mark.parametrize(("body", "said"), ALWAYS)
def test_some_things_stop_the_page_whether_strict_or_not(tmp_path: Path, body: str, said: str) -> None:
    assert said in refused(tmp_path, body, strict=False)


FIGURE = "from IPython.display import SVG, display\nsvg = SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"><text>`a`</text></svg>')\n"


def test_pictures_need_an_alternative_and_one_caption_takes_one_picture(tmp_path: Path) -> None:
    said = refused(tmp_path, f"```{{python}}\n#| label: fig-a\n#| fig-cap: x\n{FIGURE}display(svg, svg)\n```\n")
    assert "without a text alternative. Give '#| fig-alt: ...'" in said
    assert "more than one picture under one caption" in said


def test_a_caption_without_a_label_makes_a_figure_without_a_number(tmp_path: Path) -> None:
    page = rendered(
        tmp_path, f"```{{python}}\n#| fig-cap: Words of the caption\n#| fig-alt: y\n{FIGURE}svg\n```\n"
    ).path.read_text()
    assert "Words of the caption" in page
    assert "Figure 1" not in page
    assert "data:image/svg+xml;base64," in page


def test_a_numbered_label_without_a_caption_is_numbered_alone(tmp_path: Path) -> None:
    body = "```{python}\n#| label: fig-a\nfrom IPython.display import Markdown\nMarkdown('A paragraph.')\n```\n\n@fig-a\n"
    page = rendered(tmp_path, body).path.read_text()
    assert "<p>A paragraph.</p>" in page
    assert "Figure\u00a01\n</figcaption>" in page


def test_warnings_are_shown_only_where_asked_for(tmp_path: Path) -> None:
    body = "```{python}\n#| warning: true\nimport sys\nprint('mind this', file=sys.stderr)\n```\n"
    assert "mind this" in rendered(tmp_path, body).path.read_text()


def test_parameters_that_do_not_fit_are_all_named(tmp_path: Path) -> None:
    cell = "```{python}\n#| tags: [parameters]\nfindings = ''\nlimit: float = 1\n```\n"
    with pytest.raises(UsageError) as caught:
        rendered(tmp_path, cell, parameters={"finding": "x", "limit": float("nan"), "findings": {1: object()}})
    assert len(caught.value.problems) == 3
    with pytest.raises(UsageError, match="takes no parameters"):
        rendered(tmp_path, "Text\n", parameters={"a": 1})
    with pytest.raises(UsageError, match=r"2 cells are tagged parameters \(lines 5, 10\)"):
        rendered(tmp_path, cell + cell, parameters={"limit": 1})
    with pytest.raises(UsageError, match=r"metadata=\['filters'\] cannot be set from outside"):
        rendered(tmp_path, "Text\n", metadata={"filters": "x"})


def test_parameters_of_every_plain_kind_arrive_as_they_were(tmp_path: Path) -> None:
    given = {"a": None, "b": True, "c": 1.5, "d": 'it\'s "so"\n', "e": [1, {"k": "v"}], "f": Path("/x/y")}
    kept = {**given, "f": "/x/y"}
    cell = f"```{{python}}\n#| tags: parameters\na = b = c = d = e = f = 0\n```\n\n`{{python}} [a, b, c, d, e, f] == {list(kept.values())!r}`\n"
    assert "<p>True</p>" in rendered(tmp_path, cell, parameters=given).path.read_text()


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.qmd").write_bytes(b"caf\xe9")
    with pytest.raises(UsageError, match=r"a\.qmd is not UTF-8 text \(byte 3\)"):
        render(tmp_path / "a.qmd", tmp_path / "a.html", engine="embedded", on_message=lambda _: None)
