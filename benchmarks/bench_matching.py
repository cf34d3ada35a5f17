"""CPU time and peak memory of propensity, matching and balance beside scikit-learn, measured in one run.

Each measurement runs in a process of its own, so that peak memory is its own; compiled loops are warmed
on a small sample first, so that compiling is not timed. The peer is a greedy matcher on scikit-learn's
NearestNeighbors (a k-d tree asked for the nearest 32 controls, doubled for those whose 32 are taken), as
Python packages for matching do it, and for optimal pairs scipy's sparse assignment. Times are CPU seconds of the process.

    python benchmarks/bench_matching.py [people ...]     default: 10000 100000 1000000
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import resource
import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

COVARIATES = [f"x{j}" for j in range(8)] + ["age", "prior", "sex", "area"]
# Not asked for more people than this: the peers take hours, and an optimal match without strata looks at all pairs near.
MOST = {
    "match 1:1 caliper, NearestNeighbors": 200_000,
    "optimal pairs, scipy's assignment": 10_000,
    "match optimally": 200_000,
}


def world(n: int) -> pd.DataFrame:
    """A quarter treated, twelve covariates, 35 columns when the area is coded."""
    rng = np.random.default_rng(2022)
    frame = pd.DataFrame(rng.normal(size=(n, 8)), columns=COVARIATES[:8])
    frame["age"] = rng.integers(18, 70, n)
    frame["prior"] = rng.poisson(2.0, n)
    frame["sex"] = rng.integers(0, 2, n)
    frame["area"] = pd.Categorical.from_codes(rng.integers(0, 25, n), [f"a{k:02d}" for k in range(25)])
    logit = (
        -1.3 + 0.4 * frame["x0"] - 0.3 * frame["x1"] + 0.02 * (frame["age"] - 40) - 0.15 * (frame["prior"] - 2)
    )
    frame["t"] = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(int)
    frame["score"] = logit + rng.normal(size=n) * 1e-3
    return frame


def peer(frame: pd.DataFrame) -> int:
    """Greedy 1:1 caliper matching without replacement on sklearn's NearestNeighbors; how many pairs."""
    from sklearn.neighbors import NearestNeighbors

    score, treated = frame["score"].to_numpy(), frame["t"].to_numpy() == 1
    rows, controls = np.flatnonzero(treated), np.flatnonzero(~treated)
    rows = rows[np.argsort(-score[rows], kind="stable")]
    caliper = 0.2 * score.std(ddof=1)
    tree = NearestNeighbors(algorithm="kd_tree").fit(score[controls][:, None])
    free = np.ones(len(controls), dtype=bool)
    near = tree.kneighbors(score[rows][:, None], n_neighbors=32, return_distance=False)
    pairs = 0
    for i, row in enumerate(rows):
        found, k = near[i], 32
        while not free[found].any() and k < len(controls):
            k = min(2 * k, len(controls))
            found = tree.kneighbors([[score[row]]], n_neighbors=k, return_distance=False)[0]
            if abs(score[controls[found[-1]]] - score[row]) > caliper:
                break
        for at in found:
            if free[at]:
                if abs(score[controls[at]] - score[row]) <= caliper:
                    free[at] = False
                    pairs += 1
                break
    return pairs


def assignment(frame: pd.DataFrame) -> float:
    """Total distance of an optimal match inside the caliper, by scipy's sparse assignment solver."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    score, treated = frame["score"].to_numpy(), frame["t"].to_numpy() == 1
    rows, controls = np.flatnonzero(treated), np.flatnonzero(~treated)
    caliper = 0.2 * score.std(ddof=1)
    rows, controls = rows[np.argsort(score[rows])], controls[np.argsort(score[controls])]
    low = np.searchsorted(score[controls], score[rows] - caliper)
    high = np.searchsorted(score[controls], score[rows] + caliper, side="right")
    i = np.repeat(np.arange(len(rows)), high - low)
    j = np.concatenate([np.arange(a, b) for a, b in zip(low, high)])
    away = np.abs(score[rows[i]] - score[controls[j]]) + 1
    alone = np.arange(len(rows))
    graph = coo_array(
        (
            np.concatenate([away, np.full(len(rows), (caliper + 1) * (len(rows) + 1))]),
            (np.concatenate([i, alone]), np.concatenate([j, len(controls) + alone])),
        ),
        shape=(len(rows), len(controls) + len(rows)),
    )
    one, other = min_weight_full_bipartite_matching(graph.tocsr())
    kept = other < len(controls)
    return float(np.abs(score[rows[one[kept]]] - score[controls[other[kept]]]).sum())


def tasks() -> dict[str, Callable[[pd.DataFrame], object]]:
    from pdd_outcomes.design import balance, match, propensity_score, weight

    def given(**options: object) -> Callable[[pd.DataFrame], object]:
        return lambda f: match(f, "t", distance=f["score"].to_numpy(), **{"caliper": 0.2, **options})

    def by_sklearn(frame: pd.DataFrame) -> object:
        from sklearn.linear_model import LogisticRegression

        x = pd.get_dummies(frame[COVARIATES], columns=["area"], drop_first=True).to_numpy(dtype=float)
        x = (x - x.mean(axis=0)) / x.std(axis=0)
        return LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8).fit(x, frame["t"])

    return {
        "score, ours": lambda f: propensity_score(f, "t", covariates=COVARIATES),
        "score, scikit-learn newton-cholesky": by_sklearn,
        "match 1:1 caliper, ours": given(),
        "match 1:1 caliper, NearestNeighbors": peer,
        "match 1:2 caliper": given(ratio=2),
        "match with replacement": given(replace=True),
        "match within 25 exact strata": given(exact=["area"]),
        "match closest first": given(order="closest"),
        "match optimally": given(method="optimal"),
        "optimal pairs, scipy's assignment": assignment,
        "match fully": given(method="full", caliper=None),
        "weights, entropy": lambda f: weight(f, "t", covariates=COVARIATES, method="entropy"),
        "balance table, 35 rows": lambda f: balance(f, "t", covariates=COVARIATES, weights=f["t"] * 0.5 + 0.25),
    }


def measure(name: str, n: int, answer: multiprocessing.connection.Connection) -> None:
    """CPU seconds and peak MiB above the data, sent through the pipe."""
    task = tasks()[name]
    task(world(2000))
    frame = world(n)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    task(frame)
    spent = time.process_time() - start
    answer.send((spent, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, before / 1024))


def in_own_process(name: str, n: int) -> tuple[float, float, float]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=measure, args=(name, n, there))
    process.start()
    there.close()
    try:
        return here.recv()
    finally:
        process.join()


def main(sizes: list[int]) -> None:
    for n in sizes:
        rows = []
        for name in tasks():
            if n > MOST.get(name, n):
                rows.append((name, np.nan, np.nan, np.nan))
                continue
            rows.append((name, *in_own_process(name, n)))
        table = pd.DataFrame(rows, columns=["task", "cpu_s", "extra_mib", "data_mib"]).set_index("task")
        print(f"\n{n:,} people, 12 covariates (35 columns coded), a quarter treated")
        print(table.round({"cpu_s": 3, "extra_mib": 0, "data_mib": 0}).to_string(na_rep="not run"))
        for ours, other in (
            ("score, ours", "score, scikit-learn newton-cholesky"),
            ("match 1:1 caliper, ours", "match 1:1 caliper, NearestNeighbors"),
            ("match optimally", "optimal pairs, scipy's assignment"),
        ):
            ratio = table.loc[other, "cpu_s"] / table.loc[ours, "cpu_s"]
            if np.isfinite(ratio):
                print(f"{other}: {ratio:.1f} times the CPU of ours")


if __name__ == "__main__":
    main([int(a) for a in sys.argv[1:]] or [10_000, 100_000, 1_000_000])
