"""CPU time of score, match and balance beside MatchIt (R), psmpy and causallib, on the same people in one run.

R is used where `Rscript` is on the PATH and has MatchIt; psmpy and causallib where PEERS_PYTHON names a Python that has
them (they hold pandas back, so they need an environment of their own). What is not there is said to be not there. Each
task is a process of its own and reports the CPU seconds of the task alone, without start, import, reading or compiling.

    PEERS_PYTHON=peers/bin/python python benchmarks/bench_peers.py [people ...]     default: 10000 100000
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
from bench_matching import COVARIATES, in_own_process, world

NUMBERS = [name for name in COVARIATES if name != "area"]

R = """
suppressMessages(library(MatchIt)); a <- commandArgs(TRUE)
d <- read.csv(a[1], stringsAsFactors = TRUE); s <- d$score; f <- reformulate(strsplit(a[3], ",")[[1]], "t")
if (a[2] == "balance") m <- matchit(f, d, distance = s, caliper = 0.2)
spent <- system.time(switch(a[2],
  score = glm(f, binomial, d),
  pairs = matchit(t ~ 1, d, distance = s, caliper = 0.2),
  two = matchit(t ~ 1, d, distance = s, caliper = 0.2, ratio = 2),
  again = matchit(t ~ 1, d, distance = s, caliper = 0.2, replace = TRUE),
  strata = matchit(t ~ area, d, distance = s, caliper = 0.2, exact = ~ area),
  balance = summary(m)))
cat(as.character(packageVersion("MatchIt")), sum(spent[1:2]), "\\n")
"""

PSMPY = """
import sys, time, warnings; import pandas as pd
warnings.simplefilter("ignore")
from psmpy import PsmPy
d = pd.read_csv(sys.argv[1])[sys.argv[3].split(",") + ["t"]].reset_index(names="id")
c = time.process_time()
p = PsmPy(d, treatment="t", indx="id", exclude=[]); p.logistic_ps(balance=False)
if sys.argv[2] == "pairs":
    c = time.process_time(); p.kdtree_matched(matcher="propensity_logit", replacement=False, caliper=None)
spent = time.process_time() - c
import importlib.metadata as m; print(m.version("psmpy"), spent)
"""

CAUSALLIB = """
import sys, time, warnings; import pandas as pd
warnings.simplefilter("ignore")
from causallib.estimation import Matching
d = pd.read_csv(sys.argv[1]); x = d[["score"]]
m = Matching(propensity_transform=None, caliper=0.2 * d["score"].std(), with_replacement=False, metric="euclidean")
c = time.process_time(); m.fit(x, d["t"], d["t"].astype(float)); m.match(x, d["t"])
spent = time.process_time() - c
import importlib.metadata as i; print(i.version("causallib"), spent)
"""

# Ours, the peer, its script, its task, and the most people that it is asked for.
PAIRS = [
    ("score, ours", "R glm", "R", "score", 1_000_000),
    ("match 1:1 caliper, ours", "MatchIt", "R", "pairs", 1_000_000),
    ("match 1:2 caliper", "MatchIt", "R", "two", 200_000),
    ("match with replacement", "MatchIt", "R", "again", 1_000_000),
    ("match within 25 exact strata", "MatchIt", "R", "strata", 1_000_000),
    ("balance table, 35 rows", "MatchIt summary", "R", "balance", 1_000_000),
    ("score, ours", "psmpy", "psmpy", "score", 200_000),
    ("match 1:1 caliper, ours", "psmpy", "psmpy", "pairs", 20_000),
    ("match 1:1 caliper, ours", "causallib", "causallib", "pairs", 10_000),
]


def peer(script: str, task: str, people: Path) -> tuple[str, float] | str:
    """Version and CPU seconds of a peer, or why it did not run."""
    covariates = ",".join(COVARIATES if script == "R" else NUMBERS)
    if script == "R":
        command = [shutil.which("Rscript") or "", "-e", R]
    else:
        command = [os.environ.get("PEERS_PYTHON", ""), "-c", PSMPY if script == "psmpy" else CAUSALLIB]
    if not command[0]:
        return "not here"
    ran = subprocess.run(
        [*command, str(people), task, covariates], capture_output=True, text=True, check=False, timeout=3600
    )
    said = ran.stdout.split()[-2:]
    if ran.returncode or len(said) < 2:
        return "failed: " + (ran.stderr.strip().splitlines() or ["no message"])[-1][:80]
    return said[0], float(said[1])


def main(sizes: list[int]) -> None:
    for n in sizes:
        rows = []
        with tempfile.TemporaryDirectory() as folder:
            people = Path(folder) / "people.csv"
            world(n).to_csv(people, index=False)
            for ours, name, script, task, most in PAIRS:
                if n > most:
                    continue
                spent, _, _ = in_own_process(ours, n)
                found = peer(script, task, people)
                if isinstance(found, str):
                    rows.append((ours, spent, name, found, float("nan"), float("nan")))
                else:
                    rows.append((ours, spent, name, found[0], found[1], found[1] / spent))
        table = pd.DataFrame(
            rows, columns=["task", "ours_cpu_s", "peer", "version", "peer_cpu_s", "times_ours"]
        )
        print(f"\n{n:,} people, a quarter treated, 12 covariates (psmpy: the 11 that are numbers)")
        print(
            table.round({"ours_cpu_s": 3, "peer_cpu_s": 2, "times_ours": 1}).to_string(index=False, na_rep="")
        )


if __name__ == "__main__":
    main([int(a) for a in sys.argv[1:]] or [10_000, 100_000])
