"""The last step: a page from the released findings, scanned before it is put where a reader finds it."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..core.errors import DisclosureError, GateError
from ..release.findings import read_findings
from ..release.scan import dates_in, scan_html, strings
from ..report.engine import Engine, render
from ..report.page import Study as Page
from ..report.site import IndexEntry, write_index
from ..report.source import page_source
from .design import gates_failed
from .files import canonical_json, check_unchanged, sole_use, write_text
from .runner import Log, read_manifest
from .study import Study, studies

PAGES = {"force_estimates": "published.qmd"}


def render_studies(opened: Sequence[Study], root: Path, *, engine: Engine, log: Log) -> list[Path]:
    """Render each study and then the index; a study that a gate stopped does not keep the others from their pages.

    Raises
    ------
    GateError
        One or more studies were stopped by a gate: their pages, the others' and the index are there.
    """
    pages: list[Path] = []
    failed: list[str] = []
    for study in opened:
        try:
            pages.append(render_study(study, engine=engine, log=log))
        except GateError as error:
            failed += error.problems
    pages.append(write_site_index(root))
    if failed:
        raise GateError(failed)
    return pages


def render_study(study: Study, *, engine: Engine, log: Log) -> Path:
    """Render the study's report from its released findings; the page is put in place only when whole and scanned.

    Raises
    ------
    GateError
        A gate failed: the page is there, with diagnostics and without effects.
    DisclosureError
        The rendered page holds what must not leave; no page is put in place.
    """
    manifest = read_manifest(study, "release")
    check_unchanged(study.folder("release"), manifest["outputs"])
    findings = study.folder("release") / "findings"
    page = Page(findings)
    log(f"{study.name}: report: render the page")
    with _room(study, log) as room:
        made = room / study.page.name
        result = render(
            page_source(PAGES.get(study.protocol.data.shape, "study.qmd")),
            made,
            parameters={"findings": str(findings)},
            metadata=page.metadata(),
            engine=engine,
            on_message=lambda line: log(f"{study.name}: report: {line}"),
        )
        _scan(made, findings, engine_scripts=result.engine == "quarto")
        os.replace(made, study.page)
    entry = page.entry()
    described = {
        "title": entry.title,
        "sentence": entry.sentence,
        "synthetic": entry.synthetic,
        "engine": f"{result.engine} {result.version}".strip(),
    }
    write_text(study.folder("report") / "entry.json", canonical_json(described))
    failed = gates_failed(read_findings(findings)["gates"])
    if failed:
        raise GateError(
            f"{reason}. The report shows diagnostics and no effects: {study.page.name}." for reason in failed
        )
    return study.page


@contextmanager
def _room(study: Study, log: Log) -> Iterator[Path]:
    """A folder beside the page to render in; what a killed rendering left is removed first."""
    site, prefix = study.page.parent, f".{study.name}."
    site.mkdir(parents=True, exist_ok=True)
    with sole_use(
        study.folder("report").parent,
        lambda: log(f"{study.name}: report: waiting for another run of this study"),
    ):
        for leftover in site.glob(f"{prefix}*"):
            shutil.rmtree(leftover)
        with tempfile.TemporaryDirectory(dir=site, prefix=prefix) as room:
            yield Path(room)


def _scan(page: Path, findings: Path, *, engine_scripts: bool) -> None:
    study = read_findings(findings).study
    dates = {day for text in strings(study) for day in dates_in(text)}
    found = scan_html(
        page.read_text(encoding="utf-8"),
        allowed=dates,
        threshold=int(study["release"]["threshold"]),
        engine_scripts=engine_scripts,
    )
    if found:
        raise DisclosureError(f"the rendered page: {problem}. Nothing was put in place." for problem in found)


def write_site_index(root: Path) -> Path:
    """The page that lists every study with a rendered report."""
    site = root / "reports" / "_site"
    entries = []
    for name in studies(root):
        described = root / "build" / name / "report" / "entry.json"
        if described.is_file() and (site / f"{name}.html").is_file():
            entry: dict[str, Any] = json.loads(described.read_text(encoding="utf-8"))
            entries.append(IndexEntry(href=f"{name}.html", **entry))
    return write_index(
        entries,
        site / "index.html",
        theme=page_source("theme.css"),
        title="Evaluations of police drug diversion",
        description="Each study on a page of its own, made from released findings alone.",
    )
