"""CPU time and peak memory of survival estimates beside R's survival, lifelines, scikit-survival and statsmodels, in one run.

R is used where `Rscript` is on the PATH and has survival; lifelines and scikit-survival where PEERS_PYTHON names a Python
that has them (they hold pandas back, so they need an environment of their own). What is not there is said to be not there,
and what takes longer than the limit is stopped and said to. Every line is a process of its own: CPU seconds of the call
alone, after a warm-up on 2,000 people (compiling, imports), and how far memory rose above what was held before the call.

    PEERS_PYTHON=peers/bin/python python benchmarks/bench_survival.py [--limit 250] [--quick]

35 covariates, times in whole days (so tied) over three years, two causes, two groups, pairs. `--quick` leaves out the
lines that need a million people from the peers.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

COVARIATES = [f"x{i}" for i in range(35)]
COLUMNS = [*COVARIATES, "days", "event", "ended", "group", "pair", "weight", "exact"]


def people(n: int) -> np.ndarray:
    """The world as an array with `COLUMNS`; "exact" is the time before it was rounded up to a day."""
    rng = np.random.default_rng(20260306)
    x = rng.normal(size=(n, len(COVARIATES)))
    x[:, ::5] = x[:, ::5] > 0.3
    hazard = np.exp(x @ rng.normal(0, 0.15, len(COVARIATES))) / 900
    when, end = rng.exponential(1 / hazard), rng.uniform(365, 1096, n)
    exact, event = np.minimum(when, end), when <= end
    ended = np.where(event, 1 + (rng.random(n) < 0.3), 0)
    return np.column_stack(
        [x, np.ceil(exact), event, ended, rng.integers(0, 2, n), rng.integers(0, n // 2, n), rng.uniform(0.3, 3, n), exact]
    )  # fmt: skip


def ours_cox(data: pd.DataFrame, time_column: str = "days", **more: Any) -> Any:
    from pdd_outcomes.survival import cox

    return cox(data, time_column, "event", covariates=COVARIATES, **more)


def ours_curves(data: pd.DataFrame) -> Any:
    from pdd_outcomes.survival import kaplan_meier, logrank

    return kaplan_meier(data, "days", "event", group="group").table, logrank(data, "days", "event", "group")


def ours_incidence(data: pd.DataFrame, **more: Any) -> Any:
    from pdd_outcomes.survival import cumulative_incidence

    return cumulative_incidence(data, "days", "ended", group="group", **more).table


def ours_fine_gray(data: pd.DataFrame, **more: Any) -> Any:
    from pdd_outcomes.survival import fine_gray

    return fine_gray(data, "days", "ended", covariates=COVARIATES, **more)


def lifelines_cox(data: pd.DataFrame) -> Any:
    from lifelines import CoxPHFitter

    return CoxPHFitter().fit(data[[*COVARIATES, "days", "event"]], "days", "event")


def lifelines_curves(data: pd.DataFrame) -> Any:
    from lifelines import KaplanMeierFitter
    from lifelines.statistics import logrank_test

    parts = [part for _, part in data.groupby("group")]
    fits = [KaplanMeierFitter().fit(part["days"], part["event"]).confidence_interval_ for part in parts]
    return fits, logrank_test(parts[0]["days"], parts[1]["days"], parts[0]["event"], parts[1]["event"])


def sksurv_cox(data: pd.DataFrame) -> Any:
    from sksurv.linear_model import CoxPHSurvivalAnalysis
    from sksurv.util import Surv

    return CoxPHSurvivalAnalysis(ties="efron").fit(
        data[COVARIATES], Surv.from_arrays(data["event"] == 1, data["days"])
    )


def statsmodels_cox(data: pd.DataFrame, groups: str | None = None) -> Any:
    from statsmodels.duration.hazard_regression import PHReg

    model = PHReg(data["days"].to_numpy(), data[COVARIATES].to_numpy(), data["event"].to_numpy(), ties="efron")
    return model.fit(groups=None if groups is None else data[groups].to_numpy()).bse


def statsmodels_curves(data: pd.DataFrame) -> Any:
    from statsmodels.duration.survfunc import SurvfuncRight, survdiff

    tables = [
        SurvfuncRight(p["days"].to_numpy(), p["event"].to_numpy()).summary() for _, p in data.groupby("group")
    ]
    return tables, survdiff(data["days"].to_numpy(), data["event"].to_numpy(), data["group"].to_numpy())


TASKS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "cox": ours_cox,
    "cox clustered": lambda data: ours_cox(data, cluster="pair"),
    "cox weighted": lambda data: ours_cox(data, weights="weight"),
    "cox weighted, model": lambda data: ours_cox(data, weights="weight", robust=False),
    "cox exact times": lambda data: ours_cox(data, "exact"),
    "curves": ours_curves,
    "incidence": ours_incidence,
    "incidence weighted": lambda data: ours_incidence(data, weights="weight", cluster="pair"),
    "fine-gray": ours_fine_gray,
    "fine-gray clustered": lambda data: ours_fine_gray(data, weights="weight", cluster="pair"),
    "cox / lifelines": lifelines_cox,
    "cox / scikit-survival": sksurv_cox,
    "cox / statsmodels": statsmodels_cox,
    "cox clustered / statsmodels": lambda data: statsmodels_cox(data, "pair"),
    "curves / lifelines": lifelines_curves,
    "curves / statsmodels": statsmodels_curves,
}

R = """
suppressMessages(library(survival)); a <- commandArgs(TRUE); n <- as.numeric(a[3]); names <- strsplit(a[4], ",")[[1]]
d <- as.data.frame(matrix(readBin(a[2], "double", n * length(names)), n)); names(d) <- names
f <- reformulate(names[1:35], "Surv(days, event)")
invisible(gc(reset = TRUE)); held <- sum(gc()[, 2])
spent <- system.time(switch(a[1],
  "cox" = coxph(f, d), "cox clustered" = coxph(f, d, cluster = pair), "cox weighted, model" = coxph(f, d, weights = weight, robust = FALSE),
  "cox exact times" = coxph(update(f, Surv(exact, event) ~ .), d),
  "curves" = {survfit(Surv(days, event) ~ group, d); survdiff(Surv(days, event) ~ group, d)},
  "incidence" = survfit(Surv(days, factor(ended)) ~ group, d),
  "fine-gray" = {d$ended <- factor(d$ended)
    w <- finegray(update(f, Surv(days, ended) ~ .), d, etype = 1)
    coxph(update(f, Surv(fgstart, fgstop, fgstatus) ~ .), w, weights = fgwt)}))
cat(sum(spent[1:2]), sum(gc()[, 6]) - held)
"""


def held_and_peak() -> tuple[float, float]:
    """Megabytes of memory held now, and at the most since the peak was last forgotten."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return tuple(int(lines[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM"))  # type: ignore[return-value]


def child(task: str, path: str) -> None:
    data = pd.DataFrame(np.load(path), columns=COLUMNS)
    data = data.astype({"event": int, "ended": int, "group": int, "pair": int})
    TASKS[task](data.iloc[:2000].reset_index(drop=True))
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    held = held_and_peak()[0]
    start = time.process_time()
    TASKS[task](data)
    print(time.process_time() - start, held_and_peak()[1] - held)


def measured(task: str, n: int, folder: Path, limit: float) -> float | None:
    """CPU seconds of a task, printed with its memory; None where it is not there or does not end in time."""
    peer = task.partition(" / ")[2]
    if peer == "R":
        command = [
            "Rscript",
            "-e",
            R,
            task.partition(" / ")[0],
            str(folder / f"{n}.bin"),
            str(n),
            ",".join(COLUMNS),
        ]
        there = shutil.which("Rscript") is not None
    else:
        python = (
            os.environ.get("PEERS_PYTHON", "") if peer in ("lifelines", "scikit-survival") else sys.executable
        )
        command, there = [python, __file__, "--child", task, str(folder / f"{n}.npy")], bool(python)
    said = f"{task:32} {n:>9,} people "
    if not there:
        print(said + "not there")
        return None
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        print(f"{said} not finished in {limit:.0f} s", flush=True)
        return None
    if done.returncode:
        print(
            f"{said} failed: {(done.stderr.strip().splitlines() or ['no reason given'])[-1][:80]}", flush=True
        )
        return None
    seconds, memory = map(float, done.stdout.split()[-2:])
    print(f"{said}{seconds:9.3f} s CPU {memory:8.0f} MB", flush=True)
    return seconds


HUNDRED, MILLION = 100_000, 1_000_000
PLAN = [
    ("cox", HUNDRED, ["R", "lifelines", "scikit-survival", "statsmodels"]),
    ("cox", MILLION, ["R", "lifelines"]),
    ("cox clustered", HUNDRED, ["R", "statsmodels"]),
    ("cox clustered", MILLION, []),
    ("cox weighted", MILLION, []),
    ("cox weighted, model", MILLION, ["R"]),
    ("cox exact times", MILLION, ["R"]),
    ("curves", MILLION, ["R", "lifelines", "statsmodels"]),
    ("incidence", MILLION, ["R"]),
    ("incidence weighted", MILLION, []),
    ("fine-gray", HUNDRED, ["R"]),
    ("fine-gray clustered", HUNDRED, []),
    ("fine-gray", MILLION, []),
]


def main(limit: float, quick: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for n in (HUNDRED, MILLION):
            array = people(n)
            np.save(folder / f"{n}.npy", array)
            array.T.astype(float).tofile(folder / f"{n}.bin")
        design = MILLION * len(COVARIATES) * 8 / 2**20
        print(f"The matrix of a million people and {len(COVARIATES)} covariates takes {design:.0f} MB.")
        for task, n, peers in PLAN:
            ours = measured(task, n, folder, limit)
            for peer in [] if quick and n == MILLION else peers:
                theirs = measured(f"{task} / {peer}", n, folder, limit)
                if ours and theirs:
                    print(f"{'':32} {peer} takes {theirs / ours:.1f} times our CPU")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=float, default=250)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--child", nargs=2)
    asked = parser.parse_args()
    if asked.child:
        child(*asked.child)
    else:
        main(asked.limit, asked.quick)
