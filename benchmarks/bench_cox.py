"""CPU time and peak memory of Cox regression and survival curves, beside statsmodels on the same data.

    python benchmarks/bench_cox.py            100,000 people against statsmodels, then 1,000,000 ours alone
    python benchmarks/bench_cox.py 50000      another size for the comparison

Every line is a process of its own, so that peaks do not mix. CPU time is the process's, over the call
alone, after a warm-up on 2,000 people (compiling, imports); memory is the rise of the peak over what
the process held before the call. Times are in days, so tied.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

COVARIATES = ["diverted", "age", "priors"]


def people(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(20260306)
    data = pd.DataFrame(
        {
            "diverted": rng.integers(0, 2, n).astype(float),
            "age": rng.normal(30, 9, n),
            "priors": rng.poisson(1.5, n).astype(float),
        }
    )
    log_hazard = -0.12 * data["diverted"] - 0.03 * (data["age"] - 30) + 0.1 * data["priors"]
    days = np.ceil(rng.exponential(900, n) * np.exp(-log_hazard))
    end = rng.integers(365, 1096, n)
    data["days"], data["event"] = np.minimum(days, end), (days <= end).astype(int)
    data["pair"] = rng.integers(0, n // 2, n)
    data["weight"] = rng.uniform(0.3, 3, n)
    return data


def ours_cox(data: pd.DataFrame, **more: Any) -> list[float]:
    from pdd_outcomes.survival import cox

    fit = cox(data, "days", "event", covariates=COVARIATES, **more)
    return [float(b) for b in fit.coefficients]


def ours_curves(data: pd.DataFrame, **more: Any) -> list[float]:
    from pdd_outcomes.survival import kaplan_meier

    table = kaplan_meier(data, "days", "event", group="diverted", **more).table
    return [float(s) for s in table.groupby("group")["estimate"].last()]


def statsmodels_cox(data: pd.DataFrame) -> list[float]:
    from statsmodels.duration.hazard_regression import PHReg

    model = PHReg(data["days"].to_numpy(), data[COVARIATES].to_numpy(), data["event"].to_numpy(), ties="efron")
    fit = model.fit()
    return [float(b) for b in fit.params]


def statsmodels_curves(data: pd.DataFrame) -> list[float]:
    from statsmodels.duration.survfunc import SurvfuncRight

    ends = []
    for _, part in data.groupby("diverted"):
        curve = SurvfuncRight(part["days"].to_numpy(), part["event"].to_numpy())
        curve.summary()
        ends.append(float(curve.surv_prob[-1]))
    return ends


TASKS: dict[str, Callable[[pd.DataFrame], list[float]]] = {
    "cox": ours_cox,
    "cox, statsmodels": statsmodels_cox,
    "cox, clustered": lambda data: ours_cox(data, cluster="pair"),
    "cox, weighted": lambda data: ours_cox(data, weights="weight"),
    "curves": ours_curves,
    "curves, statsmodels": statsmodels_curves,
    "curves, weighted": lambda data: ours_curves(data, weights="weight"),
}


def child(task: str, n: int) -> None:
    data = people(n)
    TASKS[task](data.iloc[:2000])
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    answer = TASKS[task](data)
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "megabytes": (peak - held) / 1024, "answer": answer}))


def measured(task: str, n: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, __file__, "--child", task, str(n)], capture_output=True, text=True, check=True
    )
    result: dict[str, Any] = json.loads(done.stdout)
    print(f"{task:22} {n:>9,} {result['seconds']:9.3f} s CPU {result['megabytes']:9.1f} MB")
    return result


def main(n: int) -> None:
    for task in ("cox", "curves"):
        ours, theirs = measured(task, n), measured(f"{task}, statsmodels", n)
        np.testing.assert_allclose(ours["answer"], theirs["answer"], rtol=1e-6)
        time_ratio = theirs["seconds"] / max(ours["seconds"], 1e-9)
        memory = theirs["megabytes"] / max(ours["megabytes"], 0.1)
        print(
            f"{task}: statsmodels takes {time_ratio:.1f} times the CPU and {memory:.1f} times the memory; same answer"
        )
    for task in ("cox", "cox, clustered", "cox, weighted", "curves", "curves, weighted"):
        measured(task, 1_000_000)


if __name__ == "__main__":
    if "--child" in sys.argv:
        child(sys.argv[2], int(sys.argv[3]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
