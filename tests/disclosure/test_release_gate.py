"""The one door: what no rule covers stays in, what a rule hides cannot be had, and the register says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.core.errors import DisclosureError
from pdd_outcomes.release.findings import TABLES, Findings, Rule, read_findings, suppressed, write_findings
from pdd_outcomes.release.gate import release
from pdd_outcomes.release.register import rule_words
from tests.disclosure.release_examples import SETTINGS, Settings, estimate_rows, study, tables

Raw = dict[str, pd.DataFrame]
CANARY = "SYN-0004217"


@pytest.fixture(scope="module")
def released() -> Findings:
    return release(tables(), study(), SETTINGS)[0]


def all_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_every_column_has_a_rule_and_every_rule_its_words() -> None:
    assert set(rule_words(SETTINGS)) == set(Rule)
    used = {column.rule for schema in TABLES.values() for column in schema.columns}
    assert used == set(Rule)


def test_a_rule_that_rests_on_a_count_names_one() -> None:
    for name, schema in TABLES.items():
        for column in schema.columns:
            if column.rule in (Rule.EVENT_COUNT, Rule.WEIGHTED_COUNT, Rule.MEAN):
                home = TABLES["matching"] if name == "balance" else schema
                assert home[column.of].rule is Rule.COUNT


def test_a_table_with_counts_has_a_place_to_mark_the_suppressed_ones() -> None:
    for schema in TABLES.values():
        if schema.under(Rule.COUNT, Rule.EVENT_COUNT, Rule.CURVE_COUNT, Rule.MEAN):
            assert schema.under(Rule.MARKS) == ("suppressed",)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda t: t.update(people=pd.DataFrame({"person": [CANARY]})),
            "table 'people' has no disclosure rule",
        ),
        (lambda t: t.update(register=pd.DataFrame()), "table 'register' has no disclosure rule"),
        (lambda t: t["flow"].insert(0, "person", CANARY), "flow: column 'person' has no disclosure rule"),
        (
            lambda t: t["overlap"].insert(0, "minimum", 0.0137),
            "overlap: column 'minimum' has no disclosure rule",
        ),
        (lambda t: t["flow"].insert(0, "suppressed", ""), "flow: column 'suppressed' has no disclosure rule"),
        (lambda t: t["balance"].pop("mean_dropped"), "balance: column 'mean_dropped' is missing"),
        (lambda t: t["curves"].pop("n_censor"), "curves: column 'n_censor' is missing"),
    ],
)
def test_an_output_without_a_rule_stops_the_release(spoil: Callable[[Raw], None], message: str) -> None:
    raw = tables()
    spoil(raw)
    with pytest.raises(DisclosureError) as caught:
        release(raw, study(), SETTINGS)
    assert caught.value.exit_code == 6
    assert message in str(caught.value)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "canary",
    [CANARY, "22/123456X", "ZE99 3UD", "born 1971-03-09", "9/3/1971", "see /home/zebedee/x", "943 476 5919"],
)
@pytest.mark.parametrize(
    ("table", "column"), [("flow", "label"), ("balance", "covariate"), ("estimates", "reason")]
)
def test_a_person_planted_in_a_text_column_stops_the_release_and_is_not_repeated(
    canary: str, table: str, column: str
) -> None:
    raw = tables()
    raw[table].loc[1, column] = f"left: {canary}"
    with pytest.raises(DisclosureError, match=f"{table}: column '{column}' holds a.* in 1 of ") as caught:
        release(raw, study(), SETTINGS)
    assert canary not in str(caught.value)


def test_a_person_planted_in_the_study_stops_the_release() -> None:
    with pytest.raises(DisclosureError, match=r"study\.limits holds a synthetic person's identifier") as caught:
        release(tables(), study(limits=[f"{CANARY} is not in it"]), SETTINGS)
    assert CANARY not in str(caught.value)


def test_dates_of_the_protocol_may_be_printed_in_the_flow() -> None:
    raw = tables()
    raw["flow"].loc[0, "rule"] = "index incident from 2022-01-01 to 2023-03-31"
    assert "2022-01-01" in release(raw, study(), SETTINGS)[0]["flow"].loc[0, "rule"]


def test_a_truth_is_refused_for_a_study_of_real_people() -> None:
    with pytest.raises(DisclosureError, match="not marked synthetic"):
        release(tables(), study(synthetic=False), SETTINGS)


@pytest.mark.parametrize("rounding", [5, 6, 7, 10])
def test_no_number_of_people_in_any_released_table_is_under_the_threshold(rounding: int) -> None:
    findings, _ = release(tables(), study(), Settings(rounding=rounding))
    counted = (Rule.COUNT, Rule.EVENT_COUNT, Rule.WEIGHTED_COUNT, Rule.TOTAL, Rule.CURVE_COUNT)
    least = 9 if rounding == 6 else 10  # 10, 11 and 12 are 9 in midpoint-6
    for name, schema in TABLES.items():
        for column in schema.under(*counted):
            values = findings[name][column].dropna()
            low = values[(values > 0) & (values < min(least, 10 - rounding // 2))]
            assert low.empty, (name, column)


def test_a_suppressed_cell_is_missing_and_marked_and_a_cell_that_does_not_apply_is_not(
    released: Findings,
) -> None:
    flow = released["flow"]
    assert suppressed(flow, "n_excluded").tolist() == [False, True, False, False]
    assert flow["n_excluded"].isna().tolist() == [False, True, False, False]
    estimates = released["estimates"]
    assert estimates["interval_start_days"].isna().all()
    assert not suppressed(estimates, "interval_start_days").any()


def test_an_estimate_of_few_events_is_withheld_with_another_so_that_the_total_does_not_give_it_back(
    released: Findings,
) -> None:
    status = released["estimates"].groupby("group")["status"].first()
    assert status.to_dict() == {"all": "ok", "A": "ok", "B": "withheld", "C": "withheld"}
    withheld = released["estimates"].query("status == 'withheld'")
    assert withheld[["estimate", "std_error", "conf_low", "conf_high", "p_value"]].isna().all(axis=None)
    assert not withheld["reason"].str.contains("4|6").any()


@pytest.mark.parametrize("events", [(0, 40), (100, 40), (4, 40), (95, 40), (40, 0)])
def test_none_all_few_and_nearly_all_are_told_apart_by_nobody(events: tuple[int, int]) -> None:
    raw = tables()
    status = "not_estimable" if 0 in events else "ok"
    rows = estimate_rows("all", (100, 100), events, status=status, reason="no events" if 0 in events else "")
    raw["estimates"] = rows
    findings, _ = release(raw, study(), SETTINGS)
    arm = "control" if events[1] == 0 else "treated"
    assert findings["estimates"][f"events_{arm}"].isna().all()
    assert set(findings["estimates"]["status"]) == {"withheld"}
    assert findings["estimates"]["reason"].nunique() == 1
    assert "no events" not in findings["estimates"]["reason"].iloc[0]


def test_an_estimate_that_comes_without_counts_is_not_released() -> None:
    raw = tables()
    raw["estimates"] = raw["estimates"].query("group == 'all'").assign(n_control=np.nan)
    findings, _ = release(raw, study(), SETTINGS)
    assert set(findings["estimates"]["status"]) == {"withheld"}


def test_a_reason_with_a_figure_in_it_is_replaced() -> None:
    raw = tables()
    rows = estimate_rows(
        "all", (400, 400), (90, 80), status="not_estimable", reason="only 3 sets are discordant"
    )
    raw["estimates"] = pd.concat(
        [rows, rows.assign(horizon_days=91.0, reason="the fit did not converge")], ignore_index=True
    )
    reasons = set(release(raw, study(), SETTINGS)[0]["estimates"]["reason"])
    assert reasons == {"not estimable; the particulars stay with the run", "the fit did not converge"}


def test_a_pooled_row_without_counts_is_given_the_released_sums_of_its_forces() -> None:
    raw = tables()
    forces = [estimate_rows(g, (402, 398), (83, 91), horizon=365.0) for g in "ABC"]
    blank = dict.fromkeys(
        ("n_treated", "n_control", "events_treated", "events_control", "ess_treated", "ess_control"), np.nan
    )
    pooled = (
        estimate_rows("pooled", (1, 1), (0, 0)).query("measure == 'hazard_ratio'").assign(**blank, estimate=0.9)
    )
    prediction = pooled.assign(measure="hazard_ratio prediction")
    raw["estimates"] = pd.concat([*forces, pooled, prediction], ignore_index=True)
    rows = release(raw, study(), SETTINGS)[0]["estimates"].query("group == 'pooled'")
    assert rows["n_treated"].tolist() == [1200, 1200]
    assert rows["events_control"].tolist() == [270, 270]
    assert rows["status"].tolist() == ["ok", "ok"]


def test_risks_cannot_be_solved_for_the_counts_they_came_from() -> None:
    """4 of 13 reads 30.8%: at any n that rounds alike, the released risk of the exact counts is the same."""
    exact = [(n, events) for n in range(398, 403) for events in range(88, 93)]
    rows = [estimate_rows(str(i), (n, n), (e, 150)).iloc[:1] for i, (n, e) in enumerate(exact)]
    released = release(tables() | {"estimates": pd.concat(rows, ignore_index=True)}, study(), SETTINGS)[0]
    assert len(released["estimates"]) == 25
    risks = set(released["estimates"]["estimate"])
    assert risks == {90 / 400}


def test_a_hidden_mean_takes_with_it_what_it_could_be_solved_from(released: Findings) -> None:
    rows = released["balance"].set_index("covariate")
    solved = [
        "mean_treated",
        "mean_control",
        "mean_control_before",
        "mean_dropped",
        "variance_ratio",
        "ecdf_max",
    ]
    assert rows.loc[["rare", "everyone"], solved].isna().all(axis=None)
    assert np.isnan(rows.loc["rare", "smd"])  # its denominator is seven people's
    assert rows.loc["everyone", "smd"] == 0.02
    assert rows.loc["previous", "mean_treated"] == pytest.approx(500 / 1235)
    assert rows["mean_dropped"].isna().all()  # of six people


def test_bins_that_were_fitted_to_the_data_stop_the_release() -> None:
    raw = tables()
    raw["overlap"]["bin_low"] = 0.0137 + raw["overlap"]["bin_low"] * 0.7
    raw["overlap"]["bin_high"] = raw["overlap"]["bin_low"] + 0.035
    with pytest.raises(DisclosureError, match="not multiples of one width"):
        release(raw, study(), SETTINGS)


def test_weighted_bins_are_checked_by_the_people_in_them() -> None:
    raw = tables()
    raw["overlap"] = raw["overlap"].assign(count=raw["overlap"]["count"] * 1.5 + 0.25)
    assert release(raw, study(), SETTINGS)[0]["overlap"]["count"].isna().all()
    raw["overlap"] = raw["overlap"].assign(people=(raw["overlap"]["count"] > 100) * 11.0 + 3)
    counts = release(raw, study(), SETTINGS)[0]["overlap"]["count"]
    assert counts.notna().sum() == (raw["overlap"]["count"] > 100).sum()


def test_no_persons_own_time_is_among_the_times_of_the_curves(released: Findings) -> None:
    raw = tables()["curves"]
    shown = set(released["curves"]["time"])
    assert shown <= {round(k * 365 / 12) for k in range(37)}
    assert len(set(raw["time"]) - shown) > 500
    assert set(released["curves"]["group"]) == {"all"}


def test_a_test_of_a_fit_that_is_withheld_is_withheld(released: Findings) -> None:
    assert released["ph_tests"]["p_value"].isna().tolist() == [False, True]


def test_the_register_lists_every_output_with_its_rule_and_what_was_suppressed(released: Findings) -> None:
    register = released["register"]
    assert set(register["table"]) == set(TABLES)
    for name, schema in TABLES.items():
        if name == "register":
            continue
        rules = register.loc[(register["table"] == name) & (register["decision"] != "withheld"), "rule"]
        assert [r.split(":")[0] for r in rules] == list(dict.fromkeys(c.rule.value for c in schema.columns))
    flow = register[(register["table"] == "flow") & register["rule"].str.startswith("count")].iloc[0]
    assert (flow["cells_suppressed"], flow["decision"]) == (1, "released in part")
    assert (register["decision"] == "withheld").sum() == 2  # the two curves of force C
    assert (
        register.loc[register["decision"] == "withheld", "detail"].str.contains("fewer than 200 people").all()
    )


def test_a_table_that_is_not_given_is_released_empty() -> None:
    findings, register = release({}, study(), SETTINGS)
    assert all(findings[name].empty for name in TABLES if name != "register")
    assert set(register["decision"]) == {"empty", "released"}


def test_the_same_run_gives_the_same_bytes_and_reading_them_back_changes_nothing(tmp_path: Path) -> None:
    written = []
    for name in ("once", "twice"):
        write_findings(tmp_path / name, release(tables(), study(), SETTINGS)[0])
        written.append(all_bytes(tmp_path / name))
    assert written[0] == written[1]
    again = read_findings(tmp_path / "once")
    write_findings(tmp_path / "once", again)
    assert all_bytes(tmp_path / "once") == written[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["once", "twice"]


@pytest.mark.parametrize("extra", ["people.csv", "notes.txt"])
def test_a_file_among_the_findings_without_a_schema_is_refused(
    tmp_path: Path, released: Findings, extra: str
) -> None:
    write_findings(tmp_path / "findings", released)
    (tmp_path / "findings" / extra).write_text("person\n1\n")
    with pytest.raises(DisclosureError, match=f"'{extra}' among the findings has no schema"):
        read_findings(tmp_path / "findings")


def test_a_column_without_a_rule_cannot_be_read_or_written(tmp_path: Path, released: Findings) -> None:
    with pytest.raises(DisclosureError, match="column 'person' has no disclosure rule"):
        Findings(released.study, {**released.tables, "flow": released["flow"].assign(person="x")})
    write_findings(tmp_path / "findings", released)
    path = tmp_path / "findings" / "gates.csv"
    path.write_text(path.read_text().replace("override", "person"))
    with pytest.raises(DisclosureError, match="column 'person' has no disclosure rule"):
        read_findings(tmp_path / "findings")
