"""CPU and wall time and peak memory of building a cohort and its outcomes, beside a bare DuckDB query and pandas.

Each measurement is a process of its own and reads the same Parquet files: ten events a person. The bare query and pandas do
the core alone: the first eligible incident of each person, how many proven offences before it, and days to the first after.

    python benchmarks/bench_cohort.py [people ...]     default: 100000 1000000
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

FORCES = [f"F{k:02d}" for k in range(13)]
GROUPS = np.array(["possession_class_a", "possession_class_b", "theft", "violence", "drug", "breach"])
TYPES = np.array(["conviction", "caution", "pending", "no_further_action"])
START = np.datetime64("2013-01-01", "s")


def days(values: np.ndarray) -> pd.Series:
    return pd.Series(START + values.astype("timedelta64[D]").astype("timedelta64[s]"))


def write_tables(folder: Path, people: int) -> None:
    """One extract: a person has 1.5 incidents, 6 offences and 2.5 other events on average."""
    rng = np.random.default_rng(7)

    def who(share: float) -> np.ndarray:
        return rng.integers(0, people, int(share * people))

    def names(prefix: str, values: np.ndarray) -> pd.Series:
        return pd.Series(values).astype(str).radd(prefix)

    def ids(prefix: str, n: int) -> pd.Series:
        return names(prefix, np.arange(n))

    def put(name: str, frame: pd.DataFrame) -> None:
        import pyarrow.parquet as pq

        from pdd_outcomes.extract.arrow import to_arrow

        pq.write_table(to_arrow(frame), folder / f"{name}.parquet")

    put(
        "persons",
        pd.DataFrame(
            {
                "person_id": ids("P", people),
                "birth_date": days(rng.integers(-18000, -1000, people)),
                "sex": rng.choice(["male", "female"], people),
                "ethnicity": rng.choice(["White", "Black", "Asian", "not stated"], people),
                "imd_decile": rng.integers(1, 11, people),
            }
        ),
    )
    row = np.concatenate([np.arange(people), who(0.5)])
    on = rng.integers(1500, 2600, len(row))
    incidents = pd.DataFrame(
        {
            "incident_id": ids("I", len(row)),
            "person_id": names("P", row),
            "force": rng.choice(FORCES, len(row)),
            "incident_date": days(on),
            "offence_group": rng.choice(GROUPS[:3], len(row)),
            "outcome_code": rng.choice([0, 1, 1, 1, 3, 8, 22], len(row)),
            "outcome_date": days(on + rng.integers(5, 200, len(row))),
        }
    )
    put("disposals", incidents)
    row = who(6.0)
    on = rng.integers(0, 3900, len(row))
    put(
        "offences",
        pd.DataFrame(
            {
                "offence_id": ids("O", len(row)),
                "person_id": names("P", row),
                "incident_id": "",
                "offence_date": days(on),
                "report_date": days(on + 1),
                "offence_group": rng.choice(GROUPS, len(row)),
                "outcome_type": rng.choice(TYPES, len(row)),
                "outcome_date": days(on + rng.integers(5, 250, len(row))),
                "severity": rng.integers(1, 500, len(row)).astype(float),
            }
        ),
    )
    chosen = incidents.iloc[rng.choice(len(incidents), people, replace=False)]
    wait = pd.to_timedelta(rng.integers(1, 150, people), unit="D")
    put(
        "contacts",
        pd.DataFrame(
            {
                "contact_id": ids("C", people),
                "person_id": chosen["person_id"].to_numpy(),
                "incident_id": chosen["incident_id"].to_numpy(),
                "stage": rng.choice(["referred", "assessed", "attended"], people),
                "contact_date": (chosen["incident_date"].to_numpy() + wait).astype("datetime64[s]"),
            }
        ),
    )
    for name, key, share in (("treatments", "episode_id", 0.7), ("custody", "spell_id", 0.7)):
        row = who(share)
        on = rng.integers(0, 3900, len(row))
        frame = pd.DataFrame(
            {key: ids(key[0].upper(), len(row)), "person_id": names("P", row), "start_date": days(on)}
        )
        frame["end_date"] = days(on + rng.integers(3, 400, len(row)))
        put(name, frame.assign(kind="sentence") if name == "custody" else frame)
    row = who(0.1)
    put(
        "hospital",
        pd.DataFrame(
            {
                "episode_id": ids("H", len(row)),
                "person_id": names("P", row),
                "admission_date": days(rng.integers(0, 3900, len(row))),
                "reason": "drug_poisoning",
            }
        ),
    )
    row = rng.choice(people, people // 100, replace=False)
    put(
        "exits",
        pd.DataFrame(
            {
                "person_id": names("P", row),
                "exit_date": days(rng.integers(1500, 3900, len(row))),
                "kind": "death",
            }
        ),
    )
    put(
        "schemes",
        pd.DataFrame({"force": FORCES, "start_date": days(np.where(np.arange(13) < 9, 800, 3900))}),
    )


def plan() -> object:
    from pdd_outcomes.protocol import load_protocol

    return load_protocol(Path(__file__).parents[1] / "analyses" / "pdd_thirteen_forces" / "protocol.yaml")


def ours(folder: Path) -> None:
    from pdd_outcomes.cohort import build_cohort, build_outcomes

    tables = {p.stem: p for p in folder.glob("*.parquet")}
    protocol = plan()
    cohort = build_cohort(protocol, tables)
    print(
        f"{len(cohort.people):,} people;", f"{len(build_outcomes(protocol, tables, cohort.people)):,} outcomes"
    )


QUERY = """
with first as (
  select person_id, incident_date, row_number() over (partition by person_id order by incident_date, incident_id) k
  from '{folder}/disposals.parquet'
  where incident_date between date '2018-01-01' and date '2019-12-31' and offence_group like 'possession%'),
index as (select * from first where k = 1),
proven as (select * from '{folder}/offences.parquet' where outcome_type in ('conviction', 'caution'))
select i.person_id,
  count(*) filter (where o.outcome_date < i.incident_date and o.outcome_date >= i.incident_date - 1825) as prior,
  min(o.offence_date - i.incident_date) filter (where o.offence_date > i.incident_date) as first_event
from index i left join proven o using (person_id) group by 1 order by 1
"""


def bare(folder: Path) -> None:
    import duckdb

    with duckdb.connect(config={"threads": 2}) as base:
        print(f"{base.execute(QUERY.format(folder=folder)).to_arrow_table().num_rows:,} people")


def frames(folder: Path) -> None:
    incidents = pd.read_parquet(
        folder / "disposals.parquet", columns=["incident_id", "person_id", "incident_date", "offence_group"]
    )
    day = pd.to_datetime(incidents["incident_date"])
    fine = day.between("2018-01-01", "2019-12-31") & incidents["offence_group"].str.startswith("possession")
    first = incidents.assign(zero=day).loc[fine].sort_values(["zero", "incident_id"])
    first = first.drop_duplicates("person_id")[["person_id", "zero"]]
    offences = pd.read_parquet(
        folder / "offences.parquet", columns=["person_id", "offence_date", "outcome_date", "outcome_type"]
    )
    offences = offences.loc[offences["outcome_type"].isin(["conviction", "caution"])]
    joined = offences.merge(first, on="person_id")
    known, done = (pd.to_datetime(joined[c]) for c in ("outcome_date", "offence_date"))
    ago = (joined["zero"] - known).dt.days
    prior = joined.loc[(ago > 0) & (ago <= 1825)].groupby("person_id").size()
    after = (done - joined["zero"]).dt.days
    next_one = after[after > 0].groupby(joined["person_id"]).min()
    print(f"{len(first):,} people; {len(prior):,} with a past; {len(next_one):,} with an event")


TASKS: dict[str, Callable[[Path], None]] = {
    "cohort and outcomes, ours": ours,
    "bare DuckDB query": bare,
    "pandas": frames,
}


def measure(name: str, folder: Path, answer: multiprocessing.connection.Connection) -> None:
    import ibis  # noqa: F401  # imports are not what is measured

    began, cpu = time.perf_counter(), time.process_time()
    TASKS[name](folder)
    spent = time.perf_counter() - began, time.process_time() - cpu
    answer.send((*spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2))


def main(sizes: list[int]) -> None:
    context = multiprocessing.get_context("spawn")
    for n in sizes:
        rows = []
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            maker = context.Process(target=write_tables, args=(folder, n))
            maker.start()
            maker.join()
            for name in TASKS:
                here, there = context.Pipe(duplex=False)
                process = context.Process(target=measure, args=(name, folder, there))
                process.start()
                there.close()
                rows.append((name, *here.recv()))
                process.join()
        table = pd.DataFrame(rows, columns=["task", "wall_s", "cpu_s", "peak_gib"]).set_index("task")
        print(f"\n{n:,} people, {10 * n:,} events, two cores")
        print(table.assign(times_bare=table["wall_s"] / table.loc["bare DuckDB query", "wall_s"]).round(2))


if __name__ == "__main__":
    main([int(a) for a in sys.argv[1:]] or [100_000, 1_000_000])
