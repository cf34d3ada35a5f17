"""Published estimates that cannot be right: each row is kept, or is put aside with its rule."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pdd_outcomes.core.errors import DataError
from pdd_outcomes.extract.force_estimates import validate_force_estimates
from pdd_outcomes.protocol import Protocol, load_protocol

STUDY = Path(__file__).resolve().parents[2] / "analyses" / "pdd_published"


@pytest.fixture(scope="module")
def plan() -> Protocol:
    loose = load_protocol(STUDY / "protocol.yaml")
    return loose.model_copy(update={"data": loose.data.model_copy(update={"quarantine_limit": 1.0})})


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.read_csv(STUDY / "estimates" / "force_estimates.csv", dtype=str, keep_default_na=False)


def test_the_published_table_breaks_no_rule(plan: Protocol, table: pd.DataFrame) -> None:
    extract = validate_force_estimates(table, plan)
    assert extract.quarantine.empty
    assert len(extract.tables["force_estimates"]) == len(table) == 18


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("force", " ", "is blank"),
        ("force", "B", "has a second estimate of the outcome"),
        ("estimate", "0.88*", "is not a number"),
        ("estimate", "-0.12", "is not above 0, as a ratio is"),
        ("estimate", "0", "is not above 0, as a ratio is"),
        ("conf_low", "inf", "is not a number"),
        ("estimate", "1.3", "is not between its limits"),
        ("conf_high", "1.9915", "is not as far from the estimate, as a ratio, as conf_low is"),
    ],
)
def test_a_row_that_breaks_a_rule_is_put_aside_with_it(
    plan: Protocol, table: pd.DataFrame, column: str, value: str, rule: str
) -> None:
    table.loc[0, column] = value
    extract = validate_force_estimates(table, plan)
    assert rule in extract.quarantine["rule"].tolist()
    account = extract.quality.iloc[0]
    assert account["rows_in"] == 18 == account["rows_ok"] + account["rows_quarantined"]


def test_a_missing_column_is_named_with_the_one_that_was_meant(plan: Protocol, table: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="column 'conf_low' is missing"):
        validate_force_estimates(table.rename(columns={"conf_low": "conf_lo"}), plan)


def test_an_outcome_that_the_plan_does_not_have_and_one_without_rows_are_named(
    plan: Protocol, table: pd.DataFrame
) -> None:
    table["outcome"] = table["outcome"].replace("treatment_entry", "treatment_entries")
    with pytest.raises(DataError) as stopped:
        validate_force_estimates(table, plan)
    assert "'treatment_entries' is not one of the protocol's" in stopped.value.problems[0]
    assert "no usable row is of the outcome 'treatment_entry'" in stopped.value.problems[1]


def test_a_table_without_rows_is_refused(plan: Protocol, table: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="has no rows"):
        validate_force_estimates(table.head(0), plan)


def test_more_bad_rows_than_the_plan_tolerates_stop_the_run(table: pd.DataFrame) -> None:
    table.loc[:9, "estimate"] = "n/k"
    with pytest.raises(DataError, match="force_estimates"):
        validate_force_estimates(table, load_protocol(STUDY / "protocol.yaml"))
