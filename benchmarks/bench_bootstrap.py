"""CPU time of a bootstrap that repeats the whole design: score, match, estimate.

python benchmarks/bench_bootstrap.py [people [replicates]]     default: 10000 200
"""

from __future__ import annotations

import sys
import time

import numpy as np
from bench_matching import COVARIATES, world

from pdd_outcomes.design import match
from pdd_outcomes.effects import bootstrap, risk_contrast


def main(n: int, replicates: int) -> None:
    """Time of the replicates in this process, and what 1,000 would take on two cores."""
    frame = world(n)
    frame["y"] = (np.random.default_rng(1).random(n) < 0.3).astype(int)

    def estimate(part):
        matched = match(part, "t", covariates=COVARIATES, caliper=0.2)
        return {"risk_difference": float(np.diff(risk_contrast(matched, part, outcome="y").risks[::-1])[0])}

    estimate(frame.head(2_000))
    start = time.process_time()
    bootstrap(frame, estimate, rng=np.random.default_rng(2), replicates=replicates)
    spent = time.process_time() - start
    print(f"{n:,} people, 35 columns: {1000 * spent / replicates:.1f} ms of CPU a replicate")
    print(
        f"1,000 replicates: {spent / replicates * 1000:.0f} s of CPU, {spent / replicates * 500:.0f} s on two cores"
    )


if __name__ == "__main__":
    given = [int(a) for a in sys.argv[1:]]
    main(*given, *[10_000, 200][len(given) :])
