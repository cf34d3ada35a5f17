"""Stage 3: tables checked against the data contract; bad rows quarantined, none lost."""

from __future__ import annotations

from ..core.errors import DataError
from ..extract import read_extract
from ..extract.referrals import linkage_account
from .files import read_table, sha256_file
from .raw import source_folder
from .runner import Workbench
from .study import Study


def run(bench: Workbench) -> None:
    """Read the tables where they were found, keep what meets the contract, say what did not and why."""
    folder = source_folder(bench.study)
    inputs = _inputs(bench)
    changed = [n for n, sha in inputs.items() if not (folder / n).is_file() or sha256_file(folder / n) != sha]
    if changed:
        raise DataError(f"{name} changed since the stage 'raw' ran. Run it again." for name in changed)
    extract = read_extract(bench.protocol, folder)
    for name, table in extract.tables.items():
        bench.write(f"{name}.parquet", table)
    bench.write("quarantine.csv", extract.quarantine)
    bench.write("quality.csv", extract.quality)
    for name, rows in extract.rejected.items():
        bench.write(f"quarantined_{name}.csv", rows)
    if extract.linked is not None:
        bench.write("linkage.csv", linkage_account(extract.linked))
        bench.write("linkage_thresholds.csv", extract.linked.thresholds())
        bench.write("links.csv", extract.linked.links)
        bench.write("links_for_review.csv", extract.linked.review)
        bench.notes["linkage"] = list(extract.linked.notes)
    for name, frame in extract.profile.items():
        bench.write(f"{name}.csv", frame)


def _inputs(bench: Workbench) -> dict[str, str]:
    import json

    loaded: dict[str, str] = json.loads(bench.path("raw", "inputs.json").read_text(encoding="utf-8"))
    return loaded


def quality_text(study: Study) -> str:
    """Rows in, kept and quarantined by table, and the rules that were broken."""
    folder = study.folder("extract")
    quality = read_table(folder / "quality.csv")
    quarantine = read_table(folder / "quarantine.csv")
    lines = [quality.to_string(index=False)]
    if len(quarantine):
        rules = (
            quarantine.groupby(["table", "column", "rule"], dropna=False).size().rename("rows").reset_index()
        )
        lines += ["", "Quarantined, by rule (a row may break several):", rules.to_string(index=False)]
    return "\n".join(lines)
