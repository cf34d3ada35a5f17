"""What is asked of Quarto and what is done with its answer, with a stand-in that records how it was called."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pdd_outcomes.core.errors import UsageError
from pdd_outcomes.report.engine import RenderError, RenderResult, render

QMD = """---
title: A study
format: html
---

```{python}
#| tags: [parameters]
findings = ""
count = 0
```

## Result {#sec-result}

The answer is `{python} f"{count}"`.
"""

PAGE = "<!DOCTYPE html><html><head><title>t</title></head><body><h1>Rendered</h1></body></html>"

# Records what it was given, then does what BEHAVIOUR says.
STAND_IN = """#!{python}
import json, os, pathlib, subprocess, sys, time
if sys.argv[1:] == ["--version"]:
    print("1.6.43")
    sys.exit(0)
behaviour = json.loads(pathlib.Path({record!r}, "behaviour.json").read_text())
files = {{p.name: p.read_text() for p in pathlib.Path().iterdir() if p.is_file()}}
pathlib.Path({record!r}, "call.json").write_text(json.dumps(
    {{"arguments": sys.argv[1:], "folder": os.getcwd(), "files": files,
      "environment": {{k: os.environ.get(k) for k in ("QUARTO_PYTHON", "MPLBACKEND", "IPYTHONDIR")}}}}))
sys.stderr.write(behaviour.get("stderr", ""))
sys.stderr.flush()
if behaviour.get("hang"):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    pathlib.Path({record!r}, "child").write_text(str(child.pid))
    time.sleep(600)
name = sys.argv[sys.argv.index("--output") + 1]
if "page" in behaviour:
    folder = pathlib.Path(behaviour.get("folder", "."))
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(behaviour["page"])
if behaviour.get("exit"):
    pathlib.Path("study.quarto_ipynb").write_text("left behind")
sys.exit(behaviour.get("exit", 0))
"""


class Quarto:
    """The stand-in and the study it is to render."""

    def __init__(self, room: Path) -> None:
        self.room = room
        (room / "bin").mkdir()
        self.program = room / "bin" / "quarto"
        self.program.write_text(STAND_IN.format(python=sys.executable, record=str(room / "bin")))
        self.program.chmod(0o755)
        (room / "reports").mkdir()
        self.qmd = room / "reports" / "study.qmd"
        self.qmd.write_text(QMD)
        self.out = room / "site" / "study.html"
        self.behave(page=PAGE)

    def behave(self, **behaviour: Any) -> None:
        (self.room / "bin" / "behaviour.json").write_text(json.dumps(behaviour))

    def call(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads((self.room / "bin" / "call.json").read_text())
        return loaded

    def render(self, **options: Any) -> RenderResult:
        return render(self.qmd, self.out, engine="quarto", on_message=lambda _: None, **options)


@pytest.fixture
def quarto(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Quarto:
    made = Quarto(tmp_path)
    monkeypatch.setenv("QUARTO_PATH", str(made.program))
    return made


def test_quarto_is_asked_for_one_html_file_with_mathml_and_no_lingering_daemon(quarto: Quarto) -> None:
    result = quarto.render()
    assert quarto.call()["arguments"] == [
        *("render", "study.qmd", "--to", "html", "--output", "pdd-page.html"),
        *("--metadata-file", "pdd-defaults.json", "--embed-resources", "--mathml", "--no-execute-daemon"),
    ]
    assert (result.engine, result.version, result.path) == ("quarto", "1.6.43", quarto.out.resolve())
    assert "<h1>Rendered</h1>" in quarto.out.read_text()


def test_quarto_gets_this_python_and_its_own_matplotlib_backend(quarto: Quarto) -> None:
    quarto.render()
    environment = quarto.call()["environment"]
    assert environment["QUARTO_PYTHON"] == sys.executable
    assert environment["MPLBACKEND"] is None
    assert environment["IPYTHONDIR"].startswith(quarto.call()["folder"])


def test_quarto_works_on_a_private_copy_that_is_gone_afterwards(quarto: Quarto) -> None:
    (quarto.qmd.parent / "theme.css").write_text("h1 { color: blue }")
    (quarto.qmd.parent / "people.csv").write_text("name,born")
    (quarto.qmd.parent / "assets").mkdir()
    before = sorted(p.name for p in quarto.qmd.parent.iterdir())
    quarto.render()
    call = quarto.call()
    assert "theme.css" in call["files"]
    assert "people.csv" not in call["files"]
    assert Path(call["folder"]) != quarto.qmd.parent
    assert not Path(call["folder"]).exists()
    assert sorted(p.name for p in quarto.qmd.parent.iterdir()) == before
    assert quarto.qmd.read_text() == QMD


def test_house_defaults_stand_below_the_document_and_its_own_sheets_after_ours(quarto: Quarto) -> None:
    quarto.render()
    defaults = json.loads(quarto.call()["files"]["pdd-defaults.json"])
    assert defaults["execute"] == {"echo": False, "warning": False}
    assert defaults["lang"] == "en-GB"
    assert defaults["css"] == ["pdd-base.css"]
    (quarto.qmd.parent / "theme.css").write_text("")
    quarto.render()
    assert json.loads(quarto.call()["files"]["pdd-defaults.json"])["css"] == ["pdd-base.css", "theme.css"]
    (quarto.qmd.parent / "_quarto.yml").write_text("format:\n  html:\n    css: theme.css\n")
    quarto.render()
    assert json.loads(quarto.call()["files"]["pdd-defaults.json"])["css"] == ["pdd-base.css"]


def test_parameters_are_written_into_their_cell_without_papermill(quarto: Quarto) -> None:
    quarto.render(parameters={"findings": Path("/some/where"), "count": 4})
    source = quarto.call()["files"]["study.qmd"]
    cell = source[source.index("```{python}") : source.index("## Result")]
    assert cell.split("\n")[1:7] == [
        *("#| tags: [parameters]", "#| echo: false", 'findings = ""', "count = 0"),
        *("findings = '/some/where'", "count = 4"),
    ]


def test_a_title_from_outside_is_shown_as_typed(quarto: Quarto) -> None:
    quarto.render(metadata={"title": "Force <A> & *B*"})
    lines = quarto.call()["files"]["study.qmd"].split("\n")
    front = json.loads(lines[1])
    assert front["title"] == r"Force \<A\> \& \*B\*"
    assert front["format"] == "html"
    assert lines[: QMD.split("\n").index("```{python}")][-2:] == ["---", ""]


def test_inline_values_pass_through_the_same_escaping_as_in_the_embedded_engine(quarto: Quarto) -> None:
    quarto.render()
    source = quarto.call()["files"]["study.qmd"]
    assert '.Inline(f"{count}")`.' in source


def test_the_generator_is_named(quarto: Quarto) -> None:
    quarto.render()
    assert quarto.out.read_text().count('<meta name="generator" content="quarto-1.6.43">') == 1
    quarto.behave(page=PAGE.replace("<head>", '<head><meta name="generator" content="quarto-1.6.43">'))
    quarto.render()
    assert quarto.out.read_text().count("generator") == 1


def test_what_quarto_leaves_undone_is_mended(quarto: Quarto) -> None:
    body = (
        '<div id="0a1b2c3d" class="cell" data-execution_count="1"></div>'
        '<div class="callout-header d-flex" data-bs-toggle="collapse" aria-label="Toggle callout">T</div>'
        '<div aria-describedby="tbl-a-caption-1">\n<table></table></div>'
        '<p><math display="block"></math></p>'
    )
    quarto.behave(page=PAGE.replace("<h1>", body + "<h1>"))
    quarto.render()
    page = quarto.out.read_text()
    assert '<div class="cell" data-execution_count="1">' in page
    assert '<div class="callout-header d-flex" data-bs-toggle="collapse" role="button" tabindex="0">' in page
    assert '<div class="table-scroll" role="group" tabindex="0" aria-labelledby="tbl-a-caption-1">' in page
    assert '<p class="math-scroll" role="group" tabindex="0" aria-label="Formula"><math' in page


def test_a_page_in_the_projects_output_folder_is_found(quarto: Quarto) -> None:
    quarto.behave(page=PAGE, folder="_site")
    quarto.render()
    assert "Rendered" in quarto.out.read_text()


def test_a_failure_shows_the_end_of_what_quarto_said_and_leaves_the_old_page(quarto: Quarto) -> None:
    quarto.out.parent.mkdir()
    quarto.out.write_text("the old page")
    noise = "".join(f"line {i}\n" for i in range(100))
    quarto.behave(exit=1, stderr=noise + "\x1b[31mNameError: name 'x' is not defined\x1b[39m\n")
    with pytest.raises(RenderError, match=r"Quarto 1\.6\.43 failed on study\.qmd \(exit 1\)") as caught:
        quarto.render()
    assert "NameError: name 'x' is not defined" in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert "line 1\n" not in str(caught.value)
    assert caught.value.exit_code == 1
    assert quarto.out.read_text() == "the old page"
    assert [p.name for p in quarto.out.parent.iterdir()] == ["study.html"]
    assert not list(quarto.room.rglob("*.quarto_ipynb"))


def test_a_run_past_the_time_limit_is_ended_with_everything_it_started(quarto: Quarto) -> None:
    quarto.behave(hang=True)
    started = time.monotonic()
    with pytest.raises(RenderError, match=r"time limit of 1\.5 seconds"):
        quarto.render(timeout=1.5)
    assert time.monotonic() - started < 30
    child = int((quarto.room / "bin" / "child").read_text())
    for _ in range(100):
        if not _running(child):
            break
        time.sleep(0.05)
    assert not _running(child)
    assert not quarto.out.exists()
    assert not Path(quarto.call()["folder"]).exists()


def _running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    return not (status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] == "Z")


WARNINGS = [
    "\x1b[33mWARNING (refs.lua:127) Unable to resolve crossref @fig-none\n\x1b[39m",
    "[WARNING] Citeproc: citation fig-none not found\n",
    "WARN: unresolved cross-reference fig-none\n",
]


@pytest.mark.parametrize("warning", WARNINGS)
def test_an_unresolved_reference_is_an_error_under_strict_and_a_message_otherwise(
    quarto: Quarto, warning: str
) -> None:
    quarto.behave(page=PAGE, stderr=warning)
    with pytest.raises(RenderError, match=r"a cross-reference does not resolve: .*fig-none"):
        quarto.render()
    assert not quarto.out.exists()
    result = quarto.render(strict=False)
    assert len(result.messages) == 1
    assert "fig-none" in result.messages[0]


@pytest.mark.parametrize(
    "trace", ["<strong>?@fig-none</strong>", '<span class="citation" data-cites="me">@me</span>']
)
def test_an_unresolved_reference_is_seen_in_the_page_too(quarto: Quarto, trace: str) -> None:
    quarto.behave(page=PAGE.replace("<h1>", trace + "<h1>"))
    with pytest.raises(RenderError, match="does not resolve"):
        quarto.render()


@pytest.mark.parametrize(
    "load",
    [
        '<script src="https://cdn.example/require.js"></script>',
        '<link href="//cdn.example/x.css" rel="stylesheet">',
        '<img src="study_files/figure.png" alt="x">',
        '<style>@import "https://cdn.example/x.css";</style>',
        '<div style="background: url(https://cdn.example/x.png)"></div>',
    ],
)
def test_a_page_that_would_load_something_from_outside_is_refused_even_without_strict(
    quarto: Quarto, load: str
) -> None:
    quarto.behave(page=PAGE.replace("<h1>", load + "<h1>"))
    with pytest.raises(RenderError, match="from outside"):
        quarto.render(strict=False)
    assert not quarto.out.exists()


def test_ordinary_links_and_embedded_pieces_are_no_loads(quarto: Quarto) -> None:
    harmless = (
        '<a href="https://example.org/">out</a><img src="data:image/png;base64,AA" alt="x">'
        '<style>a { background: url(data:image/svg+xml;x) }</style><svg><use href="#mark"/></svg>'
    )
    quarto.behave(page=PAGE.replace("<h1>", harmless + "<h1>"))
    assert quarto.render().messages == ()


def test_a_page_cut_short_or_missing_is_refused(quarto: Quarto) -> None:
    quarto.behave(page=PAGE.removesuffix("</html>"))
    with pytest.raises(RenderError, match="cut short"):
        quarto.render()
    quarto.behave()
    with pytest.raises(RenderError, match="left no pages"):
        quarto.render()
    assert not quarto.out.exists()


def test_a_parameter_the_document_does_not_know_is_a_usage_error_before_quarto_starts(quarto: Quarto) -> None:
    with pytest.raises(UsageError, match=r"parameter 'finding' is not assigned.*Did you mean 'findings'\?"):
        quarto.render(parameters={"finding": "x"})
    assert not (quarto.room / "bin" / "call.json").exists()
