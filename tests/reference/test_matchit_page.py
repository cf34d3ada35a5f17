"""The page for people who know MatchIt: every figure in it comes out of the call beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pdd_outcomes.design import match, propensity_score, weight
from tests.oracles import data, needs_oracles

PAGE = (Path(__file__).parents[2] / "docs" / "for-people-who-know-matchit.md").read_text(encoding="utf-8")
X = ["age", "educ", "race", "married", "nodegree", "re74", "re75"]
ROW = re.compile(r"^\| `.*?` \| `(.*)` \| (.*?) \|(?: (.*?) \|)?$", re.MULTILINE)


def called(words: str, verb: Any) -> Any:
    """The design that a cell of the page asks for."""
    lalonde = data("lalonde")
    names = {"ps": propensity_score(lalonde, "treat", covariates=X), "lalonde": lalonde, "match": match, "X": X}
    if words.startswith("match("):
        return eval(words, names)
    options = eval(f"dict({words})", names)
    return verb(lalonde, "treat", covariates=X, **options)


def rows(heading: str) -> list[tuple[str, str, str]]:
    part = PAGE.partition(heading)[2].partition("\n## ")[0]
    return [found for found in ROW.findall(part) if re.match(r"\d", found[1])]


def test_the_page_has_its_tables() -> None:
    assert len(rows("## Matching")) == 10
    assert len(rows("## Weights")) == 5


@needs_oracles
@pytest.mark.parametrize(("words", "kept", "worst"), rows("## Matching"), ids=lambda w: w[:30])
def test_the_figures_of_a_match_are_those_of_the_page(words: str, kept: str, worst: str) -> None:
    made = called(words, match)
    control = ~made.treated & (made.weights > 0)
    size = made.ess.control
    effective = f"{size:.0f}" if abs(size - control.sum()) < 1e-6 else f"{size:.1f}"
    assert kept == f"{control.sum()} ({effective})"
    found = made.balance()
    if worst == "none":
        assert found.table["smd"].abs().max() < 1e-12
        return
    name, _, figure = worst.rpartition(" ")
    assert found.worst.replace("[", " ").replace("]", "") == name
    largest = found.table.set_index("covariate").loc[found.worst, "smd"]
    assert f"{largest:.3f}".replace("-", "−") == figure


@needs_oracles
@pytest.mark.parametrize(("words", "sizes", "_"), rows("## Weights"), ids=lambda w: w[:30])
def test_the_figures_of_weights_are_those_of_the_page(words: str, sizes: str, _: str) -> None:
    ess = called(words, weight).ess
    shown = [f"{size:.0f}" if abs(size - round(size)) < 1e-6 else f"{size:.1f}" for size in ess]
    assert sizes == ", ".join(shown)


@needs_oracles
def test_what_the_page_says_of_ties_is_so() -> None:
    made = called("distance=ps.score, replace=True", match)
    assert f"keeps {(~made.treated & (made.weights > 0)).sum()} controls here" in PAGE.replace("\n  ", " ")
