"""The page for people who know R's survival: every figure on it is what its call gives."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from pdd_outcomes import survival

PAGE = Path(__file__).parents[2] / "docs" / "for-people-who-know-survival.md"
ROWS = re.findall(r"^\| .*? \| `(.*?)` \| (-?[\d.]+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_page_has_its_rows() -> None:
    assert len(ROWS) == 20


@pytest.mark.parametrize(("call", "figure"), ROWS)
def test_a_figure_is_what_the_call_gives(recid: pd.DataFrame, call: str, figure: str) -> None:
    d = recid.assign(
        ended=recid["event"] * (1 + recid["drugs"]), set=recid.index // 3, w=1 + recid["educ"] / 10
    )
    found = eval(call, {name: getattr(survival, name) for name in survival.__all__}, {"d": d})
    assert f"{found:.4f}" == figure
