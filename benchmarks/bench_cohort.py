"""CPU and wall time and peak memory of building a cohort and its outcomes, beside a bare DuckDB query and pandas.

Each measurement is a process of its own and reads the same Parquet files: ten rows a person. The bare query and pandas do
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

import pandas as pd

MOST_IN_PANDAS = 2_000_000  # people; beyond it its frames do not fit beside the others
EVENTS = 0.35  # hospital stays a year: with them a person has about ten rows, their own included


def write_tables(folder: Path, people: int) -> None:
    """The known-truth world without dirt, a Parquet file a table."""
    from pdd_outcomes.worlds.large import write_world
    from pdd_outcomes.worlds.parameters import Settings

    write_world(folder, people=people, seed=7, settings=Settings(dirt=0.0, hospital_rate=EVENTS), sample=40_000)
    (folder / "truth_people.parquet").unlink()


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


def rows_of(folder: Path) -> int:
    import pyarrow.parquet as pq

    return sum(pq.ParquetFile(path).metadata.num_rows for path in folder.glob("*.parquet"))


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
                if name == "pandas" and n > MOST_IN_PANDAS:
                    continue
                here, there = context.Pipe(duplex=False)
                process = context.Process(target=measure, args=(name, folder, there))
                process.start()
                there.close()
                rows.append((name, *here.recv()))
                process.join()
            size = rows_of(folder)
        table = pd.DataFrame(rows, columns=["task", "wall_s", "cpu_s", "peak_gib"]).set_index("task")
        print(f"\n{n:,} people, {size:,} rows, two cores")
        print(table.assign(times_bare=table["wall_s"] / table.loc["bare DuckDB query", "wall_s"]).round(2))


if __name__ == "__main__":
    main([int(a) for a in sys.argv[1:]] or [100_000, 1_000_000])
