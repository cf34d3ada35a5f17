"""The command line, `pdd`: a thin face over the stages. Heavy libraries are imported inside commands.

Exit codes: 0 done, 2 usage, 3 protocol, 4 data contract, 5 gate, 6 disclosure.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from . import __version__

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Evaluate police drug diversion, from a study's protocol to a report a reviewer can read.",
    epilog="Examples:  pdd new my_study  |  pdd check my_study  |  pdd plan my_study  |  pdd run my_study",
)

Name = Annotated[str, typer.Argument(metavar="STUDY", help="A folder under analyses/.")]
Root = Annotated[
    Path, typer.Option("--root", help="The project's folder, which holds analyses/.", show_default=False)
]
Engine = Annotated[
    Literal["auto", "quarto", "embedded"], typer.Option("--engine", help="What renders the page.")
]
HERE = Path()


def log(message: str) -> None:
    """A line for the person who waits: counts and names of stages, never values from the data."""
    print(message, file=sys.stderr, flush=True)


def _open(root: Path, name: str) -> Any:
    from .stages.study import open_study

    study = open_study(root.resolve(), name)
    for note in study.protocol.notes:
        log(f"note: {note}")
    return study


@app.command()
def new(
    study: Name,
    shape: Annotated[str, typer.Option(help="person_table or event_tables.")] = "person_table",
    root: Root = HERE,
) -> None:
    """Scaffold analyses/STUDY: a commented protocol, cases, a readme and an assumptions log.

    Example:  pdd new court_diversion --shape event_tables
    """
    from .protocol.template import write_scaffold

    for path in write_scaffold(root / "analyses", study, shape):
        print(path)
    log(f"Next: put the data in analyses/{study}/data, edit the protocol, then `pdd check {study}`.")


@app.command()
def check(study: Name, root: Root = HERE) -> None:
    """Check the protocol, then the expected answers for invented people in cases.yaml.

    Example:  pdd check nc_work_release
    """
    from .stages.check import check_study

    opened = _open(root, study)
    print(f"{study}: the protocol is valid (sha256 {opened.protocol.sha256[:12]}).")
    print(check_study(opened))


@app.command()
def plan(study: Name, root: Root = HERE) -> None:
    """Print the protocol as a statistical analysis plan, in Markdown.

    Example:  pdd plan pdd_thirteen_forces > plan.md
    """
    from .protocol.plan import plan_text

    print(plan_text(_open(root, study).protocol))


@app.command()
def run(
    study: Name,
    engine: Engine = "auto",
    again: Annotated[
        bool, typer.Option("--again", help="Run every stage, even where nothing changed.")
    ] = False,
    root: Root = HERE,
) -> None:
    """Run every stage that is out of date, and render the report.

    Example:  pdd run nc_work_release --engine embedded
    """
    from .stages.line import STAGES, run_stage
    from .stages.report import render_studies

    opened = _open(root, study)
    for stage in STAGES:
        if not run_stage(opened, stage, log=log, provider=_provider, only_if_stale=not again):
            log(f"{study}: {stage}: up to date")
    for page in render_studies([opened], root.resolve(), engine=engine, log=log):
        print(page)


@app.command()
def stage(name: Annotated[str, typer.Argument(metavar="STAGE")], study: Name, root: Root = HERE) -> None:
    """Run one stage: protocol, raw, extract, cohort, design, outcomes, estimates or release.

    Example:  pdd stage design pdd_thirteen_forces
    """
    from .stages.line import run_stage

    run_stage(_open(root, study), name, log=log, provider=_provider)


@app.command()
def data(study: Name, root: Root = HERE) -> None:
    """Check the data against the contract, and write the data-quality page.

    The page is written also where more rows are bad than the protocol tolerates and the run stops.
    Printed: rows in, kept and quarantined, by table and rule. On the page also: where every row went, completeness by force
    and month, dates that look invented, and delays from offence to outcome.

    Example:  pdd data pdd_thirteen_forces
    """
    from .core.errors import DataError
    from .stages.extract import quality_text
    from .stages.line import run_stage
    from .stages.quality import kept_frames, quality_page, refused_frames

    opened = _open(root, study)
    for name in ("protocol", "raw"):
        run_stage(opened, name, log=log, provider=_provider, only_if_stale=True)
    try:
        run_stage(opened, "extract", log=log, provider=_provider, only_if_stale=True)
    except DataError:
        with suppress(DataError):  # what cannot be read at all has no page; the error that is raised says why
            print(f"Page: {quality_page(opened, refused_frames(opened))}")
        raise
    print(quality_text(opened))
    try:
        run_stage(opened, "cohort", log=log, provider=_provider, only_if_stale=True)
    finally:
        print(f"Page: {quality_page(opened, kept_frames(opened))}")


@app.command()
def linkage(study: Name, root: Root = HERE) -> None:
    """Say how far the headline turns on the linkage of referrals: the line again at the plan's other thresholds.

    Example:  pdd linkage my_study
    """
    from .stages.linkage import linkage_sensitivity

    found = linkage_sensitivity(_open(root, study), log=log, provider=_provider)
    print(found.round(4).to_string(index=False))


@app.command()
def power(
    design: Annotated[str, typer.Argument(metavar="DESIGN", help="matched, forces, roll-out, or published.")],
    people: Annotated[int, typer.Option(help="Suspects in scheme forces.")] = 24_000,
    effect: Annotated[float, typer.Option(help="Difference in risk.")] = -0.026,
    baseline: Annotated[float, typer.Option(help="Risk by the horizon without it.")] = 0.276,
    forces: Annotated[int, typer.Option(help="Forces with a scheme.")] = 9,
    comparison: Annotated[int, typer.Option(help="Forces without one.")] = 4,
    between_sd: Annotated[float, typer.Option(help="SD of the log cumulative hazard between forces.")] = 0.0,
    ratio: Annotated[int, typer.Option(help="Comparison people to each, matched.")] = 1,
    growth: Annotated[float, typer.Option(help="Further effect each period, roll-out.")] = 0.0,
    draws: Annotated[int, typer.Option(help="Studies drawn.")] = 500,
    seed: Annotated[int, typer.Option(help="The same seed gives the same answer.")] = 1,
    jobs: Annotated[int, typer.Option(help="Processes.")] = 1,
) -> None:
    """Simulate a design: how often each analysis finds the effect, or claims one that is not there.

    Example:  pdd power forces --effect 0 --between-sd 0.162      pdd power published
    """
    from .robustness.power import power as simulate
    from .worlds.power import PUBLISHED, Plan, in_words
    from .worlds.power import design as designed

    plan = Plan(
        people=people,
        effect=effect,
        baseline=baseline,
        forces=forces,
        comparison=comparison,
        between_sd=between_sd,
        ratio=ratio,
        growth=growth,
    )
    runs = [(design, plan)]
    if design == "published":
        from dataclasses import replace

        runs = [("forces", replace(PUBLISHED, effect=0.0)), ("forces", PUBLISHED)]
    for kind, one in runs:
        draw, analyse, truth = designed(kind, one)
        table = simulate(draw, analyse, truth=truth, seed=seed, draws=draws, jobs=jobs).table()
        print(f"{kind}: effect {one.effect:g} on a risk of {one.baseline:g}, {draws} studies")
        print(table.round(3).to_string(index=False))
        print(in_words(kind, table, truth), end="\n\n")


@app.command()
def dictionary(
    page: Annotated[Path | None, typer.Option("--page", help="Write it as an HTML page here instead.")] = None,
) -> None:
    """Print the data contract as a data dictionary, in Markdown, or write it as a page.

    Example:  pdd dictionary --page data-dictionary.html
    """
    if page is not None:
        from .stages.quality import dictionary_page

        print(dictionary_page(page))
        return
    from .extract.dictionary import dictionary_text

    print(dictionary_text(), end="")


@app.command()
def report(
    studies: Annotated[list[str] | None, typer.Argument(metavar="[STUDY]...")] = None,
    engine: Engine = "auto",
    index_only: Annotated[
        bool, typer.Option("--index-only", help="Write only the index of rendered pages.")
    ] = False,
    root: Root = HERE,
) -> None:
    """Render the report of each study from its released findings, and the index page.

    Example:  pdd report nc_work_release --engine quarto
    """
    from .stages.report import render_studies
    from .stages.study import studies as all_studies

    names = [] if index_only else studies or all_studies(root)
    for page in render_studies([_open(root, n) for n in names], root.resolve(), engine=engine, log=log):
        print(page)


@app.command()
def diff(
    before: Annotated[Path, typer.Argument(help="Findings folder (or build folder) of the earlier run.")],
    after: Annotated[Path, typer.Argument(help="Findings folder (or build folder) of the later run.")],
) -> None:
    """Say which released numbers moved between two runs, and by how much.

    Example:  pdd diff saved/nc_work_release build/nc_work_release
    """
    from .stages.diff import diff_findings

    print(diff_findings(before, after))


@app.command()
def doctor() -> None:
    """Describe this environment: Python, libraries, methods, report engines.

    Example:  pdd doctor
    """
    from .stages.doctor import doctor_text

    print(doctor_text())


@app.command()
def schema() -> None:
    """Print the JSON Schema of protocol.yaml, for an editor that completes and checks it.

    Example:  pdd schema > protocol.schema.json
    """
    import json

    from .protocol.schema import protocol_schema

    print(json.dumps(protocol_schema(), indent=2, ensure_ascii=False))


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


def _provider(source: str, seed: int, folder: Path) -> None:
    """Demonstration data for a protocol whose source is public: or synthetic:."""
    from .worlds.demo import write_raw

    write_raw(source, seed, folder)


def main() -> None:
    """The entry point: problems one a line on stderr, and the exit code that belongs to them."""
    from .core.errors import PddError

    try:
        app()
    except PddError as error:
        for problem in error.problems:
            log(f"pdd: {problem}")
        sys.exit(error.exit_code)
