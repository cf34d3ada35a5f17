"""A study whose scheme sends a referral list with names on it: linked, accounted for, tried at other thresholds, and forgotten."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pdd_outcomes.cli import _provider
from pdd_outcomes.core.errors import DataError
from pdd_outcomes.extract.link import link_referrals
from pdd_outcomes.extract.referrals import contacts_of
from pdd_outcomes.stages.line import STAGES, run_stage
from pdd_outcomes.stages.linkage import linkage_sensitivity
from pdd_outcomes.stages.quality import kept_frames, quality_page
from pdd_outcomes.stages.study import open_study
from pdd_outcomes.worlds.identities import draw_identities, referral_list
from tests.acceptance.projects import edit
from tests.extracts import event_study, small_extract

PEOPLE = 700


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("linked")
    tables = small_extract(PEOPLE)
    rng = np.random.default_rng(6)
    identities = draw_identities(rng, PEOPLE)
    contacts = tables.pop("contacts")
    place = contacts["person_id"].map({p: i for i, p in enumerate(tables["persons"]["person_id"])}).to_numpy()
    referrals, truth = referral_list(rng, identities, place, twice=0)
    # The list is in an order of its own; each referral has the day of its person's contact.
    day = dict(zip(place, contacts["contact_date"]))
    rows = truth.map({p: i for i, p in enumerate(identities["person_id"])})
    referrals["contact_date"] = rows.map(day).to_numpy()
    identities["person_id"] = tables["persons"]["person_id"]
    folder = event_study(root, tables)
    referrals.to_csv(folder / "data" / "referrals.csv", index=False)
    identities.to_csv(folder / "data" / "identities.csv", index=False)
    plan = folder / "protocol.yaml"
    edit(
        plan,
        "quarantine_limit: 0.02",
        "quarantine_limit: 0.02\n  linkage: {threshold: 0.95, sensitivity: [0.6, 0.999]}",
    )
    text = "\n".join(line for line in plan.read_text(encoding="utf-8").split("\n") if "formula:" not in line)
    text = text.replace("max_smd: 0.1", "max_smd: 2").replace("min_ess: 200", "min_ess: 5")
    plan.write_text(text.replace("synthetic: true", "synthetic: false"), encoding="utf-8")
    return root


def test_referrals_become_contacts_and_every_one_is_accounted_for(project: Path) -> None:
    study = open_study(project, "pdd_small")
    for stage in STAGES[: STAGES.index("release") + 1]:
        run_stage(study, stage, log=lambda _: None, provider=_provider)
    referrals = pd.read_csv(study.home / "data" / "referrals.csv")
    account = pd.read_csv(study.folder("extract") / "linkage.csv").set_index("use")["rows"]
    assert account.sum() == len(referrals)
    linked = account[account.index.str.startswith("linked")].sum()
    assert linked > 0.95 * len(referrals)
    quality = pd.read_csv(study.folder("extract") / "quality.csv").set_index("table")
    assert quality.loc["contacts", "rows_in"] == linked
    diverted = pd.read_parquet(study.folder("cohort") / "cohort.parquet")["disposal"].eq("diverted").sum()
    assert diverted > 0.85 * linked
    page = quality_page(study, kept_frames(study)).read_text(encoding="utf-8")
    assert "Linkage of the referral list" in page
    assert "linked by names and dates" in page


def test_names_and_dates_of_birth_are_in_no_file_of_the_run(project: Path) -> None:
    study = open_study(project, "pdd_small")
    held = pd.read_csv(study.home / "data" / "identities.csv", dtype=str)
    values = {*held["surname"], *held["postcode"], *held["pnc_id"], *held["cro_number"]}
    for path in study.build.rglob("*"):
        if path.is_file() and path.name != ".lock":
            text = (
                pd.read_parquet(path).to_csv()
                if path.suffix == ".parquet"
                else path.read_text(encoding="utf-8")
            )
            assert not [v for v in values if v in text], path


def test_the_headline_is_tried_at_other_thresholds(project: Path) -> None:
    study = open_study(project, "pdd_small")
    found = linkage_sensitivity(study, log=lambda _: None, provider=_provider)
    assert found["threshold"].unique().tolist() == [0.6, 0.95, 0.999]
    by = found.groupby("threshold")[["n_linked", "n_review"]].first()
    assert by["n_linked"].is_monotonic_decreasing
    assert found[["estimate", "conf_low", "conf_high"]].notna().all().all()
    whole = (
        pd.read_csv(study.folder("estimates") / "estimates.csv") if study.folder("estimates").is_dir() else None
    )
    assert whole is None or len(whole)


def test_a_list_that_is_missing_is_named(project: Path) -> None:
    study = open_study(project, "pdd_small")
    held = study.home / "data" / "identities.csv"
    content = held.read_bytes()
    held.unlink()
    try:
        for stage in ("protocol", "raw"):
            run_stage(study, stage, log=lambda _: None, provider=_provider)
        with pytest.raises(DataError, match=r"identities: data\.linkage needs this list"):
            run_stage(study, "extract", log=lambda _: None, provider=_provider)
    finally:
        held.write_bytes(content)


def test_a_referral_belongs_to_the_latest_incident_before_it() -> None:
    people = draw_identities(np.random.default_rng(1), 300)
    referrals = people.head(3).rename(columns={"person_id": "referral_id"})
    referrals = referrals.assign(
        contact_date=["2019-03-01", "2018-01-01", "1 March"], stage=["", "attended", ""]
    )
    who = people["person_id"]
    disposals = pd.DataFrame(
        {
            "incident_id": ["a", "b", "c", "d", "e"],
            "person_id": [who[0], who[0], who[0], who[1], who[2]],
            "incident_date": ["2018-01-01", "2019-03-01", "2019-03-02", "2018-02-01", "2018-01-01"],
        }
    )
    made = contacts_of(link_referrals(referrals, people, threshold=0.5), referrals, disposals)
    found = made.set_index("person_id")
    assert found["incident_id"].to_dict() == {who[0]: "b", who[1]: "", who[2]: ""}
    assert found["stage"].to_dict() == {who[0]: "referred", who[1]: "attended", who[2]: "referred"}
