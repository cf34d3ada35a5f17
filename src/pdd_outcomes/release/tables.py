"""The smaller tables of the findings at released precision: one function a table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..core.columns import FloatArray
from ..core.errors import DisclosureError
from .rounding import SLACK, Settings, round_p, round_step, significant
from .suppress import (
    complete_groups,
    complete_line,
    refuse_where,
    release_chain,
    row_codes,
    shown,
    small,
    sum_of_shown,
    total_or_hidden,
)

EDGE_STEP = 0.001
GATE_STEP = 0.001
TEST_FIGURES = 4
MAIN_STREAM = "cohort"


def release_flow(raw: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """The flow of exclusions, adding up after rounding; the analyses' streams continue the cohort's."""
    n_in, excluded, n_out = (raw[c].to_numpy(dtype=float) for c in ("n_in", "n_excluded", "n_out"))
    refuse_where(_apart(n_in - excluded, n_out), "flow", "n_in - n_excluded is not n_out")
    frame = raw.copy()
    released: dict[str, tuple[float, float]] = {}
    streams = raw["stream"].to_numpy()
    for stream in sorted(set(streams), key=lambda s: s != MAIN_STREAM):
        rows = np.flatnonzero(streams == stream)
        rows = rows[np.argsort(raw["step"].to_numpy(dtype=float)[rows], kind="stable")]
        broken = np.append(False, _apart(n_out[rows][:-1], n_in[rows][1:]))
        refuse_where(broken, "flow", "a step does not start with what the step before left")
        end = released.get(MAIN_STREAM)
        start = end[1] if end and not np.isnan(end[1]) and not _apart(n_in[rows][:1], end[0])[0] else None
        chain = release_chain(
            n_in[rows],
            excluded[rows],
            n_out[rows],
            threshold=settings.threshold,
            base=settings.rounding,
            start=start,
        )
        for column, values in zip(("n_in", "n_excluded", "n_out"), chain):
            frame.loc[frame.index[rows], column] = values
        released[stream] = (float(n_out[rows[-1]]), float(chain[2][-1]))
    return frame


def release_matching(raw: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """People matched and lost; the treated are the sum of the released matched and dropped."""
    n, matched, dropped = (
        raw[c].to_numpy(dtype=float) for c in ("n_treated", "matched_treated", "dropped_treated")
    )
    refuse_where(_apart(matched + dropped, n), "matching", "matched_treated + dropped_treated is not n_treated")
    frame = raw.copy()
    for column in ("n_control", "matched_treated", "matched_control", "dropped_treated", "ess_control"):
        counts = raw[column].to_numpy(dtype=float)
        hidden = complete_groups(
            raw, column, small(counts, settings.threshold), ["analysis"], settings.threshold
        )
        frame[column] = shown(counts, hidden, settings.rounding)
    total = sum_of_shown(*(frame[c].to_numpy(dtype=float) for c in ("matched_treated", "dropped_treated")))
    frame["n_treated"] = total_or_hidden(total, n, settings.threshold)
    frame["caliper"] = significant(raw["caliper"], TEST_FIGURES)
    return frame


def release_overlap(raw: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Histograms of the score, an arm's bins protected against its total.

    Edges must be multiples of one bin width: edges that were fitted to the data begin at the lowest score
    and end at the highest, and those are two people. Weighted counts need the column `people`, the
    number of people in the bin, for the threshold; without it an arm's bins are hidden.
    """
    width = (raw["bin_high"] - raw["bin_low"]).to_numpy(dtype=float)
    place = raw["bin_low"].to_numpy(dtype=float) / np.where(width > 0, width, np.nan)
    off_grid = ~(np.abs(place - np.round(place)) < 1e-6) | (np.abs(width - width[:1]) > 1e-9)
    refuse_where(off_grid, "overlap", "a bin's edges are not multiples of one width set beforehand")
    counts = raw["count"].to_numpy(dtype=float)
    people = raw["people"].to_numpy(dtype=float) if "people" in raw.columns else counts
    weighted = np.abs(people - np.round(people)) > 1e-6
    least = np.minimum(counts, people)
    hidden = small(least, settings.threshold) | ((people > SLACK) & (least <= SLACK))
    codes = row_codes(raw, ["analysis", "group", "sample", "arm"])
    for code in np.unique(codes):
        rows = codes == code
        hidden[rows] = (
            True if weighted[rows].any() else complete_line(counts[rows], hidden[rows], settings.threshold)
        )
    frame = raw.drop(columns="people", errors="ignore")
    frame["count"] = shown(counts, hidden, settings.rounding)
    for edge in ("bin_low", "bin_high"):
        frame[edge] = round_step(raw[edge], EDGE_STEP)
    return frame


def release_quality(raw: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Rows of the extract, accepted, superseded by a later version and quarantined; rows in are their released sum."""
    names = ("rows_ok", "rows_superseded", "rows_quarantined")
    given = raw["rows_in"].to_numpy(dtype=float)
    counts = [raw[name].to_numpy(dtype=float) for name in names]
    refuse_where(_apart(np.sum(counts, axis=0), given), "quality", f"{' + '.join(names)} is not rows_in")
    frame = raw.copy()
    parts = [shown(x, small(x, settings.threshold), settings.rounding) for x in counts]
    for name, part in zip(names, parts):
        frame[name] = part
    frame["rows_in"] = total_or_hidden(sum_of_shown(*parts), given, settings.threshold)
    return frame


def release_gates(raw: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """The design's gates: a standardised difference to three decimals, an effective number of people as a count."""
    value = raw["value"].to_numpy(dtype=float)
    people = raw["gate"].str.contains("ess").to_numpy()
    refuse_where(
        ~(people | raw["gate"].str.contains("smd").to_numpy()), "gates", "the gate is neither of smd nor of ess"
    )
    count = shown(value, small(value, settings.threshold), settings.rounding)
    return raw.assign(value=np.where(people, count, round_step(value, GATE_STEP)))


def release_ph_tests(raw: pd.DataFrame, hazard_ratios: pd.DataFrame) -> pd.DataFrame:
    """Tests of proportional hazards, only for fits whose hazard ratio is released (`hazard_ratios`: estimates)."""
    keys = ["analysis", "group", "outcome"]
    fits = hazard_ratios[(hazard_ratios["measure"] == "hazard_ratio") & (hazard_ratios["status"] == "ok")]
    allowed = set(fits[keys].itertuples(index=False, name=None))
    shown_rows = np.array([key in allowed for key in raw[keys].itertuples(index=False, name=None)], dtype=bool)
    frame = raw.assign(statistic=significant(raw["statistic"], TEST_FIGURES), p_value=round_p(raw["p_value"]))
    frame.loc[~shown_rows, ["statistic", "p_value"]] = np.nan
    return frame


def release_pooling(raw: pd.DataFrame) -> pd.DataFrame:
    """Heterogeneity over forces: statistics of estimates, none of which is a count of people."""
    statistics = ["tau2", "tau2_low", "tau2_high", "i2", "q"]
    frame = raw.copy()
    for column in statistics:
        frame[column] = significant(raw[column], TEST_FIGURES)
    frame["q_p"] = round_p(raw["q_p"])
    return frame


def release_truth(raw: pd.DataFrame, *, synthetic: bool) -> pd.DataFrame:
    """The known truth of a synthetic world; a study of real people has none, and a table of it is refused."""
    if len(raw) and not synthetic:
        raise DisclosureError(
            "truth: the study is not marked synthetic, and a real study has no known truth. Nothing was released."
        )
    return raw.copy()


def _apart(left: FloatArray, right: FloatArray | float) -> np.ndarray:
    """Where two counts that must agree do not, or are missing."""
    return ~(np.abs(np.asarray(left) - right) < 1e-6)
