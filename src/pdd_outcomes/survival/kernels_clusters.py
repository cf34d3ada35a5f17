"""Compiled sums over clusters of squared influence on a curve, at all its times in one pass."""

from __future__ import annotations

import numpy as np

from ..core.columns import FloatArray, IntArray
from ..core.compiled import compiled


@compiled
def clustered_squares(
    first: IntArray,
    entering: tuple[IntArray, IntArray],
    leaving: tuple[IntArray, IntArray],
    event: FloatArray,
    weight: FloatArray,
    cluster: IntArray,
    jump: FloatArray,
    drift: FloatArray,
    out: FloatArray,
) -> None:
    """Sum over clusters of the squared influence total, at every cell (m,), into `out`.

    Row i's influence at cell j is ``weight[i] * (jump[own] if it had its event by j, less the sum
    of drift over its cells up to j)``. A cluster's total is ``done - drift_so_far * live``, of
    which a row changes only its own cluster's two numbers, so that all the times together
    take one pass.
    """
    groups = 0
    for i in range(len(cluster)):
        groups = max(groups, cluster[i] + 1)
    done = np.zeros(groups)
    live = np.zeros(groups)
    for s in range(len(first) - 1):
        so_far = 0.0
        dd = dl = ll = 0.0
        for j in range(first[s], first[s + 1]):
            for place in range(entering[1][j], entering[1][j + 1]):
                i = entering[0][place]
                g = cluster[i]
                dd -= done[g] * done[g]
                dl -= done[g] * live[g]
                ll -= live[g] * live[g]
                live[g] += weight[i]
                done[g] += weight[i] * so_far
                dd += done[g] * done[g]
                dl += done[g] * live[g]
                ll += live[g] * live[g]
            so_far += drift[j]
            for place in range(leaving[1][j], leaving[1][j + 1]):
                i = leaving[0][place]
                g = cluster[i]
                dd -= done[g] * done[g]
                dl -= done[g] * live[g]
                ll -= live[g] * live[g]
                live[g] -= weight[i]
                done[g] += weight[i] * (event[i] * jump[j] - so_far)
                dd += done[g] * done[g]
                dl += done[g] * live[g]
                ll += live[g] * live[g]
            out[j] += max(dd - 2.0 * so_far * dl + so_far * so_far * ll, 0.0)
        for place in range(leaving[1][first[s]], leaving[1][first[s + 1]]):
            g = cluster[leaving[0][place]]
            done[g] = 0.0
            live[g] = 0.0


@compiled
def clustered_incidence_squares(
    first: IntArray,
    entering: tuple[IntArray, IntArray],
    leaving: tuple[IntArray, IntArray],
    of_cause: FloatArray,
    event: FloatArray,
    weight: FloatArray,
    cluster: IntArray,
    steps: tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray],
    incidence: FloatArray,
    out: FloatArray,
) -> None:
    """Sum over clusters of the squared influence total on a cumulative incidence, at every cell (m,), into `out`.

    Row i's influence at cell j is ``weight[i] * (a - incidence[j] * b)``: `a` and `b` are each a jump at its own event by
    then (of this cause, of any) less the sum of a drift over its cells. `steps` holds, (m,) each: the jump of `a` for the
    cause itself and for the others, the jump of `b`, and the drifts of both.
    """
    jump_cause, jump_other, jump_any, drift_a, drift_b = steps
    groups = 0
    for i in range(len(cluster)):
        groups = max(groups, cluster[i] + 1)
    done_a, done_b, live = np.zeros(groups), np.zeros(groups), np.zeros(groups)
    sums = np.zeros(6)  # over clusters: aa, ab, bb, a times live, b times live, live squared
    for s in range(len(first) - 1):
        so_far_a = so_far_b = 0.0
        sums[:] = 0.0
        for j in range(first[s], first[s + 1]):
            for place in range(entering[1][j], entering[1][j + 1]):
                i = entering[0][place]
                g = cluster[i]
                count_incidence(sums, done_a[g], done_b[g], live[g], -1.0)
                live[g] += weight[i]
                done_a[g] += weight[i] * so_far_a
                done_b[g] += weight[i] * so_far_b
                count_incidence(sums, done_a[g], done_b[g], live[g], 1.0)
            so_far_a += drift_a[j]
            so_far_b += drift_b[j]
            for place in range(leaving[1][j], leaving[1][j + 1]):
                i = leaving[0][place]
                g = cluster[i]
                count_incidence(sums, done_a[g], done_b[g], live[g], -1.0)
                live[g] -= weight[i]
                jump = of_cause[i] * jump_cause[j] + (event[i] - of_cause[i]) * jump_other[j]
                done_a[g] += weight[i] * (jump - so_far_a)
                done_b[g] += weight[i] * (event[i] * jump_any[j] - so_far_b)
                count_incidence(sums, done_a[g], done_b[g], live[g], 1.0)
            f = incidence[j]
            drift = so_far_a - f * so_far_b
            total = sums[0] - 2.0 * f * sums[1] + f * f * sums[2]
            total += drift * drift * sums[5] - 2.0 * drift * (sums[3] - f * sums[4])
            out[j] += max(total, 0.0)
        for place in range(leaving[1][first[s]], leaving[1][first[s + 1]]):
            g = cluster[leaving[0][place]]
            done_a[g] = done_b[g] = live[g] = 0.0


@compiled
def count_incidence(sums: FloatArray, a: float, b: float, live: float, sign: float) -> None:
    """Put one cluster's products into the six sums of `clustered_incidence_squares`, or take them out."""
    sums[0] += sign * a * a
    sums[1] += sign * a * b
    sums[2] += sign * b * b
    sums[3] += sign * a * live
    sums[4] += sign * b * live
    sums[5] += sign * live * live
