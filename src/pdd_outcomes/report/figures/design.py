"""Overlap and balance: who could be compared, and how alike they were made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...core.draw import draw_love, draw_overlap, love_alt, overlap_alt
from ...core.draw.love import love_height
from .. import formats, words_evidence
from ..reading import ALL, Analysis, Reading
from ..tables import Column, Group, cells, fold, table
from .picture import Picture, label
from .svg import picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

THRESHOLD = 0.1
SAMPLES = (("before", "Before matching"), ("after", "After matching"))
ARMS = ("treated", "control")
PHONE_ROW = 0.34  # inches


def balance_rows(reading: Reading, analysis: Analysis) -> pd.DataFrame:
    """A row for each covariate: of all people, or of the force where it is furthest out of balance after matching."""
    rows = reading.of("balance", analysis)
    everyone = rows[rows["group"] == ALL]
    if len(everyone):
        return everyone
    size = rows["smd"].abs().fillna(-1.0)
    order = rows.assign(size=size).sort_values("size", ascending=False, kind="stable")
    return order.drop_duplicates("covariate").sort_index().drop(columns="size")


def balance_counts(rows: pd.DataFrame) -> tuple[int, int, int]:
    """Covariates beyond the threshold before and after, and how many there are."""
    before, after = (int((rows[c].abs() > THRESHOLD).sum()) for c in ("smd_unadjusted", "smd"))
    return before, after, len(rows)


def love_picture(reading: Reading, analysis: Analysis) -> Picture | None:
    """The love plot of an analysis, or None where no balance was released."""
    rows = balance_rows(reading, analysis)
    if rows.empty:
        return None
    frame = rows[["covariate", "smd_unadjusted", "smd"]].copy()
    frame["covariate"] = [reading.trait(str(c)) for c in frame["covariate"]]

    def draw(figure: Figure) -> None:
        draw_love(frame, figure.subplots(), threshold=THRESHOLD)

    name = label("fig-balance", analysis.id)
    drawn = picture(
        draw,
        id=name,
        title="Balance before and after matching",
        alt=love_alt(frame, threshold=THRESHOLD),
        wide=(7.2, love_height(len(frame))),
        narrow=(3.4, 1.1 + PHONE_ROW * max(len(frame), 3)),
    )
    said = words_evidence.balance_words(*balance_counts(rows), THRESHOLD)
    whose = "" if (rows["group"] == ALL).all() else " Each row is the force where that trait is furthest out."
    caption = (
        f"{said} Standardised differences, {formats.lower_first(analysis.treated_label)} minus "
        f"{formats.lower_first(analysis.control_label)}; dashed lines at {THRESHOLD:g} either side of none.{whose}"
    )
    return Picture(name, drawn, caption, _balance_fold(reading, analysis))


def _balance_fold(reading: Reading, analysis: Analysis) -> str:
    rows = reading.of("balance", analysis)
    groups = [g for g in [ALL, *reading.forces(analysis, "balance")] if (rows["group"] == g).any()]
    shown = ["mean_treated", "mean_control", "mean_control_before", "mean_dropped"]
    shown += ["smd_unadjusted", "smd", "variance_ratio", "ecdf_max"]
    body = []
    for group in groups:
        part = rows[rows["group"] == group]
        columns = [cells(part, c, lambda x: formats.fixed(x, 2)) for c in shown]
        names = [reading.trait(str(c)) for c in part["covariate"]]
        body.append(
            Group("" if groups == [ALL] else _group_title(group), [list(r) for r in zip(names, *columns)])
        )
    heads = (
        f"{analysis.treated_label}, matched",
        f"{analysis.control_label}, matched",
        f"{analysis.control_label}, before",
        f"{analysis.treated_label}, not matched",
        "Difference before (SD)",
        "Difference after (SD)",
        "Ratio of variances",
        "Largest gap of distributions",
    )
    content = table(
        f"Balance of traits recorded before time zero: {analysis.label}. Means, or shares of people with the trait.",
        [Column("Trait"), *(Column(h, "est") for h in heads)],
        body,
        id=label("tbl-balance", analysis.id),
    )
    return fold("The numbers behind this figure, with those who were not matched", content)


def _group_title(group: str) -> str:
    return "All people" if group == ALL else group


def overlap_frame(reading: Reading, analysis: Analysis, sample: str) -> pd.DataFrame:
    """Shares of each arm in bins of the score: of all people, or of the forces taken together."""
    rows = reading.of("overlap", analysis)
    rows = rows[rows["sample"] == sample]
    if (rows["group"] == ALL).any():
        rows = rows[rows["group"] == ALL]
    counted = rows.assign(count=rows["count"].astype("float64"))
    keys = ["arm", "bin_low", "bin_high"]
    summed = counted.groupby(keys)["count"].sum(min_count=1).reset_index()
    total = summed.groupby("arm")["count"].transform("sum")
    summed["share"] = (summed["count"] / total.where(total > 0)).to_numpy(dtype=float)
    return pd.concat([summed[summed["arm"] == arm] for arm in ARMS], ignore_index=True)


def overlap_picture(reading: Reading, analysis: Analysis) -> Picture | None:
    """Scores of the two arms before and after matching, or None where nothing was released."""
    frames = {sample: overlap_frame(reading, analysis, sample) for sample, _ in SAMPLES}
    drawn_frames = {s: f for s, f in frames.items() if f["arm"].nunique() == 2 and f["share"].notna().any()}
    if not drawn_frames:
        return None
    names = {"treated": analysis.treated_label, "control": analysis.control_label}
    named = {s: f.assign(arm=[names[a] for a in f["arm"]]) for s, f in drawn_frames.items()}
    named = _trimmed(named)
    top = max(float(np.nanmax(f["share"])) for f in named.values())

    def draw(figure: Figure) -> None:
        narrow = figure.get_figwidth() < figure.get_figheight()
        shape = (len(named), 1) if narrow else (1, len(named))
        for ax, (sample, frame) in zip(figure.subplots(*shape, squeeze=False).ravel(), named.items()):
            draw_overlap(frame, ax, title=f"{dict(SAMPLES)[sample]}: share of the group", top=top)

    name = label("fig-overlap", analysis.id)
    alt = " ".join(f"{dict(SAMPLES)[s]}. {overlap_alt(f)}" for s, f in named.items())
    drawn = picture(draw, id=name, title="Overlap of scores", alt=alt, wide=(7.2, 3.2), narrow=(3.4, 5.4))
    once = _counted_once(reading, analysis)
    caption = (
        f"{_shared(named, once)} The score is the estimated probability of being in {analysis.treated}, from traits recorded before "
        f"time zero; the groups can only be compared where both have people.{once}"
    )
    return Picture(name, drawn, caption, _overlap_fold(reading, analysis, frames))


def _trimmed(named: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The frames without the bins at both ends in which no group of any sample is shown."""
    every = pd.concat(named.values())
    held = every[every["share"].fillna(0.0) > 0]
    low, high = float(held["bin_low"].min()), float(held["bin_high"].max())
    return {s: f[(f["bin_low"] >= low) & (f["bin_high"] <= high)] for s, f in named.items()}


def _counted_once(reading: Reading, analysis: Analysis) -> str:
    """What to add where a comparison person may stand for several of the treated."""
    rows = reading.of("matching", analysis)
    if (rows["matched_control"] < rows["matched_treated"]).fillna(False).any():
        return " After matching each comparison person is counted once, however many they stand for."
    return ""


def _shared(named: dict[str, pd.DataFrame], once: str) -> str:
    """How much the two groups' scores overlap; after matching only where a comparison person stands for one."""
    parts = []
    for sample, frame in named.items():
        if once and sample == "after":
            continue
        wide = frame.pivot_table(index="bin_low", columns="arm", values="share", dropna=False).fillna(0.0)
        parts.append((sample, 100 * float(wide.min(axis=1).sum())))
    said = [f"{formats.fixed(share, 0)}% {sample} matching" for sample, share in parts]
    return f"The two groups' scores overlap by {formats.series(said)}."


def _overlap_fold(reading: Reading, analysis: Analysis, frames: dict[str, pd.DataFrame]) -> str:
    everyone = (reading.of("overlap", analysis)["group"] == ALL).any()
    bins = sorted({(lo, hi) for f in frames.values() for lo, hi in zip(f["bin_low"], f["bin_high"])})
    rows: list[list[str | None]] = []
    for low, high in bins:
        row: list[str | None] = [f"{formats.fixed(low, 2)} to {formats.fixed(high, 2)}"]
        for frame in frames.values():
            for arm in ARMS:
                found = frame[(frame["bin_low"] == low) & (frame["arm"] == arm)]["count"]
                value = float(found.iloc[0]) if len(found) else np.nan
                row.append(formats.HIDDEN if np.isnan(value) else formats.count(value))
        rows.append(row)
    heads = [
        f"{words}: {name}"
        for _, words in SAMPLES
        for name in (
            formats.lower_first(analysis.treated_label),
            formats.lower_first(analysis.control_label),
        )
    ]
    content = table(
        f"People in bands of the score: {analysis.label}",
        [Column("Score"), *(Column(h, "count") for h in heads)],
        rows,
        id=label("tbl-overlap", analysis.id),
        notes=[] if everyone else ["Sums over forces; a cell that is withheld for a force is not in the sum."],
    )
    return fold("The numbers behind this figure", content)
