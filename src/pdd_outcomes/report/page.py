"""The object that study.qmd asks for its parts: `Study(findings)`, each part Markdown made from released findings.

    from pdd_outcomes.report.page import Study, show
    study = Study(findings)
    show(study.headline())

in a cell with `#| output: asis`. Nothing here is estimated: a number that was not released cannot be on the page.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ..release.findings import read_findings
from . import words
from .reading import Reading
from .sections import (
    compared,
    economics,
    effect,
    evidence,
    first,
    forces,
    implementation,
    instrument,
    mechanisms,
    moderators,
    published,
    record,
    roll_out,
    sure,
)


class Study:
    """A study's released findings, and the parts of its page."""

    def __init__(self, findings: str | Path) -> None:
        self.reading = Reading(read_findings(Path(findings)))

    @property
    def has_effects(self) -> bool:
        """Whether outcomes were joined: not where a gate failed."""
        return self.reading.has_effects

    @property
    def title(self) -> str:
        """The study's title."""
        return str(self.reading.study["title"])

    @property
    def question(self) -> str:
        """What the study asks."""
        return str(self.reading.study["question"])

    def answer(self) -> str:
        """The answer in one sentence of plain text."""
        reading = self.reading
        if published.is_published(reading):
            return published.answer(reading)
        if not reading.has_effects:
            return "Stopped at a gate of the protocol: the groups could not be made alike enough, and no effect was estimated."
        contrast = reading.contrast(reading.lead, reading.main)
        said = words.Said(reading.lead, reading.main, reading.when(contrast.horizon))
        return words.answer(said, contrast, words.judge(contrast, reading.rule))

    def notices(self) -> str:
        """Banners: synthetic people, a gate that failed or was overridden."""
        return first.notices(self.reading)

    def headline(self) -> str:
        """The answer with its figures, for whom it holds and how sure it is."""
        if published.is_published(self.reading):
            return published.headline(self.reading)
        return first.headline(self.reading)

    def says(self) -> str:
        """What you can say and what you cannot."""
        if published.is_published(self.reading):
            return published.says(self.reading)
        return first.says(self.reading)

    def published(self) -> str:
        """Published estimates pooled again, an outcome a section."""
        return published.outcomes(self.reading)

    def glance(self) -> str:
        """Every comparison and outcome side by side."""
        return first.glance(self.reading)

    def effect(self) -> str:
        """Curves, risks, restricted means, hazard ratios; before and after matching; the truth where it is known."""
        return effect.effect(self.reading)

    def flow(self) -> str:
        """Who came in, who was left out and why."""
        return compared.flow(self.reading)

    def matched(self) -> str:
        """Who was matched and who was lost."""
        return compared.matched(self.reading)

    def overlap(self) -> str:
        """Scores of the two groups."""
        return compared.overlap(self.reading)

    def balance(self) -> str:
        """Differences between the groups before and after matching."""
        return compared.balance(self.reading)

    def forces(self) -> str:
        """The section on forces with its heading; empty for a study without any."""
        return forces.forces(self.reading)

    def roll_out(self) -> str:
        """Schemes over time, with its heading; empty for a study without it, as are those that follow."""
        return roll_out.roll_out(self.reading)

    def instrument(self) -> str:
        """Officers as an instrument."""
        return instrument.instrument(self.reading)

    def mechanisms(self) -> str:
        """What engagement adds."""
        return mechanisms.mechanisms(self.reading)

    def moderators(self) -> str:
        """For whom."""
        return moderators.moderators(self.reading)

    def implementation(self) -> str:
        """Who is reached: the cascade, equity, net-widening."""
        return implementation.implementation(self.reading)

    def economics(self) -> str:
        """Costs and consequences."""
        return economics.economics(self.reading)

    def sure(self) -> str:
        """Rule, gates, tests, limits."""
        return sure.sure(self.reading)

    def methods(self) -> str:
        """How it was done."""
        if published.is_published(self.reading):
            return published.methods(self.reading)
        return record.methods(self.reading)

    def data_lab(self) -> str:
        """The results in the Justice Data Lab's schema."""
        return record.data_lab(self.reading)

    def provenance(self) -> str:
        """Versions, hashes, seed, quality of the extract."""
        return record.provenance(self.reading)

    def disclosure(self) -> str:
        """What disclosure control did."""
        return record.disclosure(self.reading)

    def glossary(self) -> str:
        """Terms of the sections of evidence that this study has."""
        return evidence.glossary(self.reading)

    def metadata(self) -> dict[str, str]:
        """Title and subtitle for the engine, as plain text."""
        return {"title": self.title, "subtitle": self.question}

    def entry(self) -> Entry:
        """What the index page says of the study."""
        return Entry(self.title, self.answer(), self.reading.synthetic)


@dataclass(frozen=True, slots=True)
class Entry:
    """A study on the index page: plain text."""

    title: str
    sentence: str
    synthetic: bool


def show(*parts: str) -> None:
    """Parts of a page given to the engine as Markdown, and as nothing else: any HTML object would load scripts.

    In a cell with `#| output: asis` what is printed becomes part of the document, headings included. In a
    notebook the Markdown is displayed.
    """
    whole = "\n\n".join(part for part in parts if part.strip())
    if not whole:
        return
    if "QUARTO_DOCUMENT_PATH" in os.environ:
        print(f"\n{whole}\n")
        return
    from IPython.display import Markdown, display

    display(Markdown(whole))  # type: ignore[no-untyped-call]
