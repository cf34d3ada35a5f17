"""For whom: effects inside pre-specified groups, and tests of whether they differ between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ..core.columns import Columns, FloatArray
from ..core.errors import DataError, UsageError, choose
from ..core.results import NotEstimable, Shown, check_level, exponentiate, tidy_frame
from ..design import Design
from ..effects.sample import Sample
from .subgroups import (
    ADJUSTMENTS,
    COLUMNS,
    MEASURES,
    LevelEffect,
    Levels,
    Minimum,
    adjusted,
    check_names,
    check_numbers,
    effects_inside,
    equality,
    hazard_trend,
    read_levels,
    read_people,
    risk_trend,
    spanning_sets,
    upper_tail,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Scale = Literal["difference", "ratio"]
TITLES = {"difference": "Risk difference", "ratio": "Hazard ratio"}


@dataclass(frozen=True, slots=True, eq=False)
class Moderators(Shown):
    """Effects inside the levels of each moderator, and a test of each moderator on each scale.

    Attributes
    ----------
    estimand : of the whole design; inside a level, that of the level's people
    effects : an entry a moderator, level and scale; everyone : the two effects over everybody
    tests : a row a moderator and scale, as in `interactions`
    not_estimable : moderators whose levels cannot be compared, with the reason
    adjust, alpha : which adjusted p-value speaks, and at what it says that the effect differs
    """

    estimand: str
    effects: tuple[LevelEffect, ...] = field(repr=False)
    everyone: tuple[LevelEffect, ...] = field(repr=False)
    tests: pd.DataFrame = field(repr=False)
    not_estimable: tuple[NotEstimable, ...]
    adjust: str
    alpha: float
    level: float

    def tidy(self, level: float | None = None) -> pd.DataFrame:
        """A row a moderator, level (`term`) and scale: the effect inside the level, with its interval and counts.

        `scale` is "difference" (risk difference at the horizon) or "ratio" (hazard ratio; std_error on the log scale).
        statistic and p_value are empty on purpose: that an effect is clear in one level and not in another does not say
        that it differs between them, which `interactions` tests. n and events count people. `status` is "ok" or
        "not_estimable"; `reason` says why, or why an estimate stands without an error.
        """
        return self._rows(self.effects, level)

    def overall(self, level: float | None = None) -> pd.DataFrame:
        """The same two effects over everybody, in the columns of `tidy`."""
        return self._rows(self.everyone, level)

    def _rows(self, effects: Sequence[LevelEffect], level: float | None) -> pd.DataFrame:
        wanted = self.level if level is None else check_level(level)
        return pd.DataFrame([e.row(wanted) for e in effects]).reindex(columns=list(COLUMNS))

    def interactions(self) -> pd.DataFrame:
        """A row a moderator and scale: the test that its effects are one in all levels.

        Columns: moderator, scale, statistic (chi-square), df, p_value, p_holm and p_bh (over the moderators tested on that
        scale), differs (the adjusted p-value asked for is at most alpha), levels (how many were compared), sets_spanning
        (share of matched sets with people of several levels), status, reason.
        """
        return self.tests.copy()

    def glance(self) -> pd.DataFrame:
        """One row: moderators, how many were tested and found to differ on each scale, and by what rule."""
        row: dict[str, Any] = {
            "estimand": self.estimand,
            "moderators": self.tests["moderator"].nunique(),
            "adjust": self.adjust,
            "alpha": self.alpha,
        }
        for scale in MEASURES:
            part = self.tests[self.tests["scale"] == scale]
            row[f"tested_{scale}"] = int((part["status"] == "ok").sum())
            row[f"differ_{scale}"] = int(part["differs"].fillna(False).sum())
        return pd.DataFrame([row])

    def forest_frame(self, scale: Scale = "difference", *, level: float | None = None) -> pd.DataFrame:
        """What the forest plot draws: label ("moderator: level"), kind, estimate, conf_low, conf_high, reason; everyone last."""
        choose("scale", scale, list(MEASURES))
        inside, whole = self.tidy(level), self.overall(level)
        inside, whole = inside[inside["scale"] == scale], whole[whole["scale"] == scale]
        frame = pd.concat([inside, whole], ignore_index=True)
        kind = np.where(np.arange(len(frame)) < len(inside), "study", "pooled")
        label = frame["moderator"] + ": " + frame["term"]
        frame["label"] = np.where(kind == "pooled", "everyone", label)
        frame["kind"] = np.where(frame["conf_low"].isna(), "not_estimable", kind)
        return frame[["label", "kind", "estimate", "conf_low", "conf_high", "reason"]]

    def plot(self, scale: Scale = "difference", ax: Axes | None = None) -> Axes:
        """Forest plot of the levels, everyone as the diamond; takes and returns an Axes."""
        from ..core.draw.forest import draw_forest

        frame, ratio = self.forest_frame(scale), scale == "ratio"
        null, digits = (1.0, 2) if ratio else (0.0, 3)
        return draw_forest(frame, ax, null=null, log=ratio, digits=digits, measure=TITLES[scale])

    def alt_text(self, scale: Scale = "difference") -> str:
        """The forest plot and the tests in words, from the same numbers."""
        from ..core.draw.forest import forest_alt

        frame, ratio = self.forest_frame(scale), scale == "ratio"
        null, digits = (1.0, 2) if ratio else (0.0, 3)
        said = [forest_alt(frame, null=null, log=ratio, digits=digits)]
        name = {"holm": "Holm", "bh": "Benjamini-Hochberg"}[self.adjust]
        for row in self.tests[self.tests["scale"] == scale].to_dict("records"):
            if row["status"] != "ok":
                said.append(f"{row['moderator']}: not tested, {row['reason']}.")
                continue
            p = f"p {row['p_value']:.3f}, {row[f'p_{self.adjust}']:.3f} by {name}"
            said.append(f"{row['moderator']}: test that the effect is the same in all levels, {p}.")
        return " ".join(said)


def moderators(
    design: Design,
    people: pd.DataFrame,
    *,
    time: str,
    event: str,
    at: float,
    moderators: Sequence[str],
    minimum: int = 30,
    minimum_events: int = 10,
    adjust: Literal["holm", "bh"] = "holm",
    alpha: float = 0.05,
    level: float = 0.95,
    estimated_weights: bool = False,
) -> Moderators:
    r"""Effects inside pre-specified groups, and of each moderator a test that they are equal.

    Inside a level the effect is the difference of weighted Kaplan-Meier risks at `at`, and the hazard ratio of a weighted Cox
    model with a baseline hazard of its own: a model stratified by level with a term for the treatment in each. Of k levels

    .. math:: \chi^2_{k-1} = (C\hat\theta)^\top (C \hat V C^\top)^{-1} C\hat\theta

    tests :math:`\theta_1=\dots=\theta_k` with :math:`\hat V` from influence functions added up in the design's clusters over
    all levels together, since a matched set may have people of several. P-values are adjusted over the moderators tested, by
    Holm (chance of any false claim) and Benjamini-Hochberg (share of claims that are false), on each scale by itself.

    A match made over everybody balances the arms over everybody; inside a level it need not, unless people were
    matched exactly on the moderator. `sets_spanning` of `interactions` says how many sets cross levels.

    Parameters
    ----------
    design : from `match`, `weight` or `unadjusted`
    people : one row for each person the design was made on, in the same order
    time, event : columns as in `time_to_event`; at : horizon of the risk difference, in the unit of `time`
    moderators : columns decided on before the outcomes were seen: labels, or numbers of few values
    minimum, minimum_events : people and events that each arm of a level needs; else the level's row says so and it is left
        out of the test. Events are those by `at` for the difference, all for the ratio
    adjust, alpha : which adjusted p-value says that an effect `differs`
    level : of the intervals
    estimated_weights : as in `time_to_event`

    Returns
    -------
    Moderators
        `.tidy()`, `.interactions()`, `.forest_frame(scale)`, `.plot(scale)`, `.alt_text(scale)`.

    Raises
    ------
    UsageError, DataError
        Rows that do not fit the design; a moderator that is missing for some rows, that is a number of many values, or
        of which nothing is left to compare.

    References
    ----------
    Gail and Simon (1985) Biometrics 41:361-372 and Cox (1972) for levels; Lin and Wei (1989) JASA 84:1074-1078 for the
    variance. Holm (1979) Scandinavian Journal of Statistics 6:65-70. Benjamini and Hochberg (1995) JRSS B 57:289-300. On
    reading subgroups: Assmann and others (2000) Lancet 355:1064-1069.
    """
    choose("adjust", adjust, ADJUSTMENTS)
    check_level(level)
    need = check_numbers(minimum, minimum_events, alpha)
    names = check_names(moderators, {"time": time, "event": event})
    take = Columns(people)
    columns = [read_levels(take, people, name) for name in names]
    sample = read_people(design, people, time, event, at, take, estimated_weights=estimated_weights)
    effects: list[LevelEffect] = []
    tests: list[dict[str, Any]] = []
    for name, (codes, labels) in zip(names, columns):
        one = Levels(name, codes[sample.row], labels)
        found, tested = _one_moderator(sample, one, float(at), need)
        effects += found
        spanning = spanning_sets(design, sample, one.codes)
        tests += [row | {"sets_spanning": spanning} for row in tested]
    everybody = np.ones(len(sample.row), dtype=bool)
    whole = effects_inside(sample, everybody, float(at), Minimum(1, 1), ("all", "everyone"))
    table = adjusted(pd.DataFrame(tests), adjust, alpha)
    missing = table[table["status"] != "ok"]
    return Moderators(
        estimand=design.estimand,
        effects=tuple(effects),
        everyone=tuple(whole),
        tests=table,
        not_estimable=tuple(
            NotEstimable(f"{name}, {MEASURES[scale]}", reason)
            for name, scale, reason in zip(missing["moderator"], missing["scale"], missing["reason"])
        ),
        adjust=adjust,
        alpha=float(alpha),
        level=float(level),
    )


def _one_moderator(
    sample: Sample, levels: Levels, at: float, need: Minimum
) -> tuple[list[LevelEffect], list[dict[str, Any]]]:
    """Effects by scale and level, and a row of the test for each scale."""
    found = [
        effects_inside(sample, levels.codes == k, at, need, (levels.name, label))
        for k, label in enumerate(levels.labels)
    ]
    effects, tests = [], []
    for k, scale in enumerate(MEASURES):
        own = [pair[k] for pair in found]
        statistic, df, reason = equality(own, sample)
        effects += own
        tests.append(
            {
                "moderator": levels.name,
                "scale": scale,
                "statistic": statistic,
                "df": df,
                "p_value": np.nan if reason else upper_tail(statistic, df),
                "levels": sum(e.influence is not None for e in own),
                "status": "not_estimable" if reason else "ok",
                "reason": reason,
            }
        )
    return effects, tests


@dataclass(frozen=True, slots=True, eq=False)
class TrendInteraction(Shown):
    """How an effect changes along a number, in a straight line, on two scales.

    Attributes
    ----------
    moderator : the column; mean : its weighted mean, where `effect at the mean` stands; per : the unit of the change
    values, errors : (2, 2) by scale (difference, log ratio) and term (at the mean, per unit); NaN where not estimable
    reasons : (2,) by scale, empty where estimable
    """

    estimand: str
    moderator: str
    mean: float
    per: float
    horizon: float
    values: FloatArray
    errors: FloatArray
    reasons: tuple[str, str]
    counts: tuple[dict[str, int], dict[str, int]]
    level: float

    def tidy(self, level: float | None = None) -> pd.DataFrame:
        """Rows "effect at the mean" and "change per unit" on each scale, in the columns of `Moderators.tidy`.

        The change in a risk difference is added for each unit; of a hazard ratio it is a factor (std_error on the log scale).
        Its p-value is the test of the interaction.
        """
        wanted = self.level if level is None else check_level(level)
        parts = []
        for k, (scale, measure) in enumerate(MEASURES.items()):
            keys = {"moderator": self.moderator, "measure": measure, "scale": scale}
            terms = ["effect at the mean", "change per unit"]
            null = np.array([np.nan, 0.0])
            part = tidy_frame(terms, self.values[k], self.errors[k], level=wanted, null=null)
            part = exponentiate(part) if scale == "ratio" else part
            status = "not_estimable" if self.reasons[k] else "ok"
            horizon = self.horizon if scale == "difference" else np.nan
            more: dict[str, Any] = {
                **keys,
                **self.counts[k],
                "horizon": horizon,
                "status": status,
                "reason": self.reasons[k],
            }
            parts.append(part.assign(**more))
        return pd.concat(parts, ignore_index=True).reindex(columns=list(COLUMNS))

    def glance(self) -> pd.DataFrame:
        """One row: the moderator, its mean and unit, and the estimand."""
        return pd.DataFrame(
            {"estimand": [self.estimand], "moderator": [self.moderator], "mean": [self.mean], "per": [self.per]}
        )


def trend_interaction(
    design: Design,
    people: pd.DataFrame,
    *,
    time: str,
    event: str,
    at: float,
    moderator: str,
    per: float = 1.0,
    minimum: int = 30,
    minimum_events: int = 10,
    level: float = 0.95,
    estimated_weights: bool = False,
) -> TrendInteraction:
    r"""Change of an effect along a number: of the risk difference, and of the hazard ratio, for each unit of it.

    .. math:: \tilde y_i = \hat r_a + \frac{W_a}{w_i}\psi_i = \beta_0 + \beta_1 t_i + \beta_2 z_i + \beta_3 t_i z_i + \epsilon_i,
              \qquad h_i(t) = h_0(t)\exp(\gamma_1 t_i + \gamma_2 z_i + \gamma_3 t_i z_i)

    with :math:`z = (x - \bar x)/\text{per}` and :math:`\tilde y` the pseudo-value of having had the event by `at`: the
    Kaplan-Meier risk of the arm plus the person's influence on it times the arm's weight. :math:`\beta_3` and
    :math:`e^{\gamma_3}` are the changes. Variances are clustered as the design says. Pseudo-values suppose that
    censoring does not depend on the moderator within an arm.

    Parameters
    ----------
    design, people, time, event, at, minimum, minimum_events, level, estimated_weights : as in `moderators`
    moderator : column of numbers; per : size of one unit, such as 10 for ten years

    Raises
    ------
    UsageError, DataError
        As `moderators`; a moderator that is not a number, or does not vary in an arm.

    References
    ----------
    Andersen, Klein and Rosthoj (2003) Biometrika 90:15-27. Overgaard, Parner and Pedersen (2017) Annals of Statistics
    45:1988-2015, for the variance, which errs a little on the wide side.
    """
    check_level(level)
    need = check_numbers(minimum, minimum_events, 0.05)
    check_names([moderator], {"time": time, "event": event})
    if isinstance(per, bool) or not isinstance(per, (int, float)) or not 0 < per < np.inf:
        raise UsageError(f"per={per!r} must be a finite number above 0.")
    take = Columns(people)
    x = take.number("moderator", moderator)
    sample = read_people(design, people, time, event, at, take, estimated_weights=estimated_weights)
    x = x[sample.row]
    for arm, word in ((True, "treated"), (False, "control")):
        if np.ptp(x[sample.treated == arm]) == 0:
            raise DataError(
                f"moderator={moderator!r} has one value only among the {word} people of the design, so no trend can be estimated."
            )
    mean = float(np.average(x, weights=sample.weight))
    z = (x - mean) / per
    values, errors, reasons, counts = np.full((2, 2), np.nan), np.full((2, 2), np.nan), ["", ""], []
    for k, (fit, end) in enumerate(((risk_trend, float(at)), (hazard_trend, np.inf))):
        found = {f"n_{w}": sample.people(a) for a, w in ((True, "treated"), (False, "control"))}
        found |= {f"events_{w}": sample.events(a, end) for a, w in ((True, "treated"), (False, "control"))}
        counts.append(found)
        reasons[k] = need.why_not(found).replace(" in this level", "")
        if not reasons[k]:
            values[k], errors[k], reasons[k] = fit(sample, z, float(at))
    return TrendInteraction(
        design.estimand,
        moderator,
        mean,
        float(per),
        float(at),
        values,
        errors,
        (reasons[0], reasons[1]),
        (counts[0], counts[1]),
        float(level),
    )
