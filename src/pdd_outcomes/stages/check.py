"""`pdd check`: the invented people of cases.yaml, run through the study's own code."""

from __future__ import annotations

from ..cohort.cases import check_cases
from ..core.errors import ProtocolError
from ..protocol import load_cases
from .study import Study


def check_study(study: Study) -> str:
    """How many cases came out as expected.

    Raises
    ------
    ProtocolError
        A case did not, with what was expected and what came out, for every one.
    """
    path = study.home / "cases.yaml"
    if not path.is_file():
        return "cases.yaml: none written. Invented people with expected answers catch a wrong rule before real data do."
    results = check_cases(study.protocol, load_cases(path))
    wrong = [r for r in results if r.problems]
    if wrong:
        raise ProtocolError(f"cases.yaml: {r.name}: {problem}" for r in wrong for problem in r.problems)
    return f"cases.yaml: {len(results)} of {len(results)} invented people come out as expected."
