"""A study of published estimates by force: no people, so no cohort, design or outcomes; pooled in every way that is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from ..core.results import critical
from ..protocol import Protocol
from ..synthesis import Pooled, pool
from .estimates import empty
from .evidence_rows import Row, Section
from .runner import Workbench

WAYS = (
    ("REML", "wald", "Random effects (REML), normal interval"),
    ("REML", "hksj", "Random effects (REML), Hartung-Knapp interval"),
    ("DL", "wald", "Random effects (DerSimonian-Laird), normal interval"),
    ("PM", "hksj", "Random effects (Paule-Mandel), Hartung-Knapp interval"),
    ("common", "wald", "One common effect"),
)
CORRELATIONS = (0.0, 0.1, 0.25, 0.5)  # of the estimates' errors, where forces share comparison people
LEVEL = 0.95  # of published limits
EMPTY = {
    "cohort": ("flow",),
    "design": ("balance", "overlap", "matching", "gates"),
    "outcomes": (),
    "estimates": ("estimates", "curves", "ph_tests", "pooling"),
}


def unless_published(stage: str, run: Callable[[Workbench], None]) -> Callable[[Workbench], None]:
    """What a stage does; for a study of published estimates it writes its tables empty."""

    def either(bench: Workbench) -> None:
        if bench.protocol.data.shape != "force_estimates":
            run(bench)
            return
        for name in EMPTY[stage]:
            bench.write(f"{name}.csv", empty(name).assign(**({"share": []} if name == "overlap" else {})))
        if stage == "outcomes":
            bench.notes["gates_failed"] = []

    return either


def published(bench: Workbench) -> Iterator[Row]:
    """Rows of the evidence table for every outcome: forces, the ways of pooling them, and what could undo the result."""
    table = bench.read("extract", "force_estimates.parquet")
    protocol = bench.protocol
    analysis = next(a for a in protocol.analyses if a.headline)
    for outcome in protocol.outcomes:
        part = table.loc[table["outcome"] == outcome.id]
        section = Section("published", analysis.id, outcome.id, level=protocol.reporting.level)
        yield from _outcome(section, part, protocol)


def _outcome(section: Section, part: pd.DataFrame, protocol: Protocol) -> Iterator[Row]:
    y = np.log(part["estimate"].to_numpy(dtype=float))
    width = np.log(part["conf_high"].to_numpy(dtype=float) / part["conf_low"].to_numpy(dtype=float))
    s = width / (2 * float(critical(LEVEL)))
    names, k = part["force"].tolist(), len(part)
    for name, value, error, low, high in zip(names, y, s, part["conf_low"], part["conf_high"]):
        numbers = {"estimate": np.exp(value), "std_error": error, "conf_low": low, "conf_high": high}
        yield section.row("force", "hazard_ratio", "ratio", group=name, units=1, **numbers)
    if k < 3:
        yield section.nothing(
            "pooled", "fewer than three forces, of which the spread cannot be told from their errors"
        )
        return
    for place, (method, ci, words) in enumerate(WAYS):
        result = pool(y, s, method=method, ci=ci, level=section.level, labels=names)
        yield _pooled(section, "pooled", words, result, place=place)
    cautious = pool(y, s, ci="hksj", level=section.level, labels=names)
    yield from _spread(section, cautious)
    for left in cautious.leave_one_out().to_dict("records"):
        numbers = {c: float(np.exp(left[c])) for c in ("estimate", "conf_low", "conf_high")}
        numbers |= {"std_error": left["std_error"], "p_value": left["p_value"]}
        yield section.row(
            "left_out", "hazard_ratio", "ratio", group=left["left_out"], units=k - 1, df=k - 2, **numbers
        )
    for share in CORRELATIONS:
        v = np.outer(s, s) * (share + (1 - share) * np.eye(k))
        result = pool(y, s, ci="hksj", level=section.level, labels=names, covariance=v)
        words = "errors not correlated" if not share else "errors correlated"
        yield _pooled(section, "shared", words, result, place=share)
    yield from _residual(section, cautious, protocol)


def _pooled(section: Section, part: str, words: str, result: Pooled, *, place: float) -> Row:
    return section.row(
        part,
        "hazard_ratio",
        "ratio",
        group=words,
        place=place,
        units=len(result.estimates),
        estimate=np.exp(result.estimate),
        std_error=result.std_error,
        conf_low=np.exp(result.conf_low),
        conf_high=np.exp(result.conf_high),
        p_value=result.p_value,
        df=np.nan if result.ci == "wald" else result.q_df,
        se_method=f"{result.method}, {result.ci}",
    )


def _spread(section: Section, result: Pooled) -> Iterator[Row]:
    k = len(result.estimates)
    low, high = result.prediction_interval
    yield section.row(
        "prediction",
        "hazard_ratio",
        "ratio",
        group="A new force",
        units=k,
        estimate=np.exp(result.estimate),
        conf_low=np.exp(low),
        conf_high=np.exp(high),
    )
    low, high = result.tau2_interval()
    yield section.row(
        "spread",
        "tau2",
        "index",
        units=k,
        estimate=result.tau2,
        conf_low=low,
        conf_high=high,
        se_method="Q-profile",
    )
    yield section.row("spread", "i2", "index", units=k, estimate=result.i2_q)
    yield section.row(
        "spread",
        "q",
        "index",
        units=k,
        estimate=result.q,
        statistic=result.q,
        df=result.q_df,
        p_value=result.q_p,
    )


def _residual(section: Section, result: Pooled, protocol: Protocol) -> Iterator[Row]:
    """What is left if forces differ anyway as much as an outside source says: an error of the scheme forces' mean and theirs.

    With SD s, k scheme and m comparison forces, s times the root of 1/k + 1/m: what two groups of forces differ by chance.
    """
    plan = protocol.forces
    main = next(o.id for o in protocol.outcomes if o.main)
    if plan is None or plan.residual_sd is None or plan.comparison_forces is None or section.outcome != main:
        return
    k = len(result.estimates)
    error = plan.residual_sd * float(np.sqrt(1 / k + 1 / plan.comparison_forces))
    half = float(critical(section.level)) * error
    yield section.row(
        "residual",
        "hazard_ratio",
        "ratio",
        group="Forces differ anyway",
        units=k + plan.comparison_forces,
        estimate=np.exp(result.estimate),
        std_error=error,
        conf_low=np.exp(result.estimate - half),
        conf_high=np.exp(result.estimate + half),
    )
